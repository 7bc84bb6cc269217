/*
 * A draft: the text of a prompt or callback while it is open for writing, shared by all who
 * have it open, until one of them commits it. Plain data with its own mutex,
 * which callers hold; no I/O here.
 */
#ifndef SEED_FS_DRAFT_H
#define SEED_FS_DRAFT_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/engine/engine.h"

/* What all drafts of a kind hold: whoever may write can have as many open as he likes. */
struct draft_sum {
	atomic_size_t bytes;
	size_t most;
};
void draft_sum_init(struct draft_sum *sum, size_t most);

struct draft {
	pthread_mutex_t mutex;
	unsigned users;       /* open handles; the inode table's mutex */
	char *data;           /* owned, never NULL; `room` bytes, as many as were needed yet */
	size_t len, room, limit;
	struct draft_sum *sum; /* has `room` */
	struct timespec mtime; /* of what is not committed yet */
	bool made;            /* the file is there only because it was opened */
	bool is_prompt;       /* the rules for prompts hold: UTF-8, no NUL */
	unsigned writers;     /* of `users`, those that can write to it; so, too */
	/* A process that closed what it had written while it held another
	 * descriptor of the file: its last close commits. 0: none; < 0: it is out of
	 * sight, and the release of the last descriptor commits. */
	pid_t owed_by;
	bool changed;         /* written to since it was last committed */
	uint64_t text_number; /* of the text in it: a new one begins when it is emptied */
	pid_t begun_by;       /* the thread that emptied it; 0: none, or out of sight */
	int64_t uid;          /* whose descriptor changed it last */
	int refused;          /* errno of refused text: nothing is committed */
	struct seed_ticket *ticket; /* of the newest commit; NULL: none yet */
};

/* A draft with that text, malloc'd, which it takes in any case. -ENOMEM, or -ENOSPC: all of
 * `sum` hold too much. */
errint_t draft_new(char *text, size_t len, size_t limit, bool is_prompt, struct draft_sum *sum,
		   struct draft **out) SEED_MUST_CHECK;
void draft_free(struct draft *draft);

/* All with draft->mutex held. Errors are those of man seed, Errors,
 * kept in `refused` until the text is emptied; *at is the byte. */
errint_t draft_write(struct draft *draft, const char *data, size_t size, size_t offset,
		     size_t *at) SEED_MUST_CHECK;
errint_t draft_truncate(struct draft *draft, size_t size) SEED_MUST_CHECK;

/* The text to commit: *text is malloc'd and checked, as it was written; NULL if there
 * is nothing to commit (unchanged, empty, only white space). */
errint_t draft_take(struct draft *draft, char **text, size_t *at) SEED_MUST_CHECK;

#endif
