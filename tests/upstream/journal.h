/*
 * What was received and what became of it, in order. Each entry has a kind:
 *
 *     create generate poll image mint other   a request, when it was read
 *     result cancel queue progress            … at services that have these
 *     accepted   a submission became a task: this is what costs money
 *     held       a request began to wait for /_release
 *     finished   a client was told for the first time that its task is over
 *
 * "submit" stands for create and generate together.
 */
#ifndef UPSTREAM_JOURNAL_H
#define UPSTREAM_JOURNAL_H

#include "tests/upstream/server.h"

void journal_open(const char *path); /* also keep it in a file; NULL: not */
void journal_add(const char *on, const struct request *request); /* takes the lock */

/* Entries whose kind is `on` (NULL: all) and whose prompt contains `prompt`
 * (NULL: any). The caller holds the lock. */
size_t journal_count(const char *on, const char *prompt);

/* The same entries as JSON lines; malloc'd. The caller holds the lock. */
char *journal_lines(const char *on, const char *prompt);

void journal_clear(void); /* the caller holds the lock */

#endif
