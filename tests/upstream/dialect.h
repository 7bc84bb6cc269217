/* What the dialects share. */
#ifndef UPSTREAM_DIALECT_H
#define UPSTREAM_DIALECT_H

#include "tests/upstream/task.h"

/* A member, or NULL; `object` may be NULL or anything else. */
const cJSON *dialect_member(const cJSON *object, const char *key);
const char *dialect_text(const cJSON *object, const char *key);
double dialect_number(const cJSON *object, const char *key, double otherwise);

/* Whether a member is a whole number from `low` to `high`. */
bool dialect_is_integer(const cJSON *item, double low, double high);

/* Makes the request one of this prompt, if that is a string. */
void dialect_prompt(struct request *request, const cJSON *prompt);

/* Makes the request one of this task, and of its prompt if there is one. */
void dialect_task(struct request *request, const char *id);

/* The path's part that follows `mark`, up to the next slash; malloc'd. */
char *dialect_path_part(const char *path, const char *mark);

/* A client is told that the task is over: noted the first time. */
void dialect_finished(struct request *request, struct task *task);

/* A word of the rule that makes the task fail. */
const char *dialect_fail(const struct task *task, const char *key, const char *otherwise);

/* "FORMAT-WIDTHxHEIGHT", the picture that was asked for; malloc'd. */
char *dialect_kind(const char *format, double width, double height);

/* The task's picture as base64; malloc'd. */
char *dialect_base64(const struct task *task);

#endif
