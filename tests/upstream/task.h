/* Generations. Made by a submission, they live as long as the server. */
#ifndef UPSTREAM_TASK_H
#define UPSTREAM_TASK_H

#include "tests/upstream/server.h"

struct task {
	char *id;
	char *prompt;
	char *model;
	char *param;     /* the request's body */
	char *base;      /* of the client that made it */
	char *kind;      /* of picture, unless a rule says otherwise; or NULL */
	char *key;
	uint64_t seed;   /* of its picture: the prompt's hash and its ordinal */
	int64_t made_ms; /* CLOCK_MONOTONIC */
	int64_t made_wall_ms;
	long duration_ms;
	int64_t asked_ms; /* when its picture was first asked for; 0: not yet */
	bool told;       /* a client has seen its end */
	bool cancelled;  /* ended because a client asked for it */
	int64_t ends_ms; /* … or ends then, whatever it was told to wait for; 0: not */
	bool forgotten;  /* is not found any more */
	cJSON *fault;    /* the rule that it was made under, or NULL */
	struct task *next;
};

/* Makes a task of a submission and notes it as accepted; its id is the
 * request's, where the client chose one. `kind` (malloc'd or NULL) is taken:
 * the picture that this service makes of this request. Takes the lock. */
struct task *task_new(struct request *request, const char *model, char *kind);

/* NULL if there is none. The task stays valid. Takes the lock. */
struct task *task_find(const char *id);

/* The task whose picture has this seed, or NULL. Takes the lock. */
struct task *task_of_seed(uint64_t seed);

/* The status that its picture is answered with now; 200: it is there. Takes the
 * lock; `task` may be NULL. */
unsigned int task_picture_status(struct task *task);

/* The one before, NULL: the first; for those who look for something else. */
const struct task *task_next(const struct task *task);

/* None that there is will be found again. Takes the lock. */
void task_forget(void);

/* Ends it. Takes the lock. */
void task_cancel(struct task *task);
/* Ends it in `ms`: it is interrupted, and has still to finish what it is at.
 * Takes the lock. */
void task_interrupt(struct task *task, int ms);

/* "waiting", "queuing", "generating", "success" or "fail". Takes the lock. */
const char *task_state(const struct task *task);

/* Blocks until the task is over; false if client or server went away. */
bool task_wait(const struct task *task, const struct request *request);

/* Its picture's kind; borrowed. */
const char *task_kind(const struct task *task);

/* Its picture's URL, or NULL where a rule says that it has none; malloc'd. */
char *task_url(const struct task *task);

void task_clear(void); /* the caller holds the lock; no task is in use */

/* FNV-1a, the hash of all seeds. */
uint64_t task_hash(const char *text);

#endif
