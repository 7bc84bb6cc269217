/*
 * What was received and what became of it, in order. Each entry has a kind:
 *
 *     create generate poll image mint other   a request, when it was read
 *     result cancel queue progress            … at services that have these
 *     accepted   a submission became a task: this is what costs money
 *     held       a request began to wait for /_release
 *     finished   a client was told for the first time that its task is over
 *     answered   how a submission was answered: status (0: not at all), the
 *                envelope's code, Retry-After; not whether it arrived
 *
 * Entries of one request have its number.
 *
 * "submit" stands for create and generate together.
 */
#ifndef UPSTREAM_JOURNAL_H
#define UPSTREAM_JOURNAL_H

#include "tests/upstream/server.h"

void journal_open(const char *path); /* also keep it in a file; NULL: not */
void journal_add(const char *on, struct request *request); /* takes the lock */
void journal_answer(struct request *request, const struct reply *reply); /* the same */

/* Entries whose kind is `on` (NULL: all) and whose prompt contains `prompt`
 * (NULL: any). The caller holds the lock. */
size_t journal_count(const char *on, const char *prompt);

/* The same entries as JSON lines; malloc'd. The caller holds the lock. */
char *journal_lines(const char *on, const char *prompt);

void journal_clear(void); /* the caller holds the lock */

#endif
