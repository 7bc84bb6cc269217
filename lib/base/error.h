/*
 * What went wrong: an errno of `man seed`, and one line for the person who
 * reads the log or the record.
 *
 * The structure is plain data: copy it by assignment. Nothing here blocks or
 * allocates; any thread.
 */
#ifndef SEED_ERROR_H
#define SEED_ERROR_H

#include "lib/base/base.h"

struct seed_error {
	int code;       /* a positive errno; 0: no error */
	int http_status; /* of the answer that failed, 0 where none applies */
	bool final;      /* another attempt cannot change it; not stored */
	char message[SEED_MESSAGE_MAX_BYTES];
};

/* Fills `error` (may be NULL) and returns -code, for `return seed_error_set(…)`.
 * The message is cut at a character boundary and control characters become
 * spaces: it is one line. */
errint_t seed_error_set(struct seed_error *error, int code, const char *format, ...)
	SEED_PRINTF(3, 4);

/* A stored error, with only as much memory as its message needs. Zeroed: none. */
struct seed_kept_error {
	int code, http_status; /* as above */
	char *message;         /* owned; NULL: none, or there was no memory for it */
};

/* Stores `error` in place of the stored one. Cannot fail: without memory only the code
 * is stored. */
void seed_error_keep(struct seed_kept_error *kept, const struct seed_error *error);
/* Clears what is stored. */
void seed_error_drop(struct seed_kept_error *kept);
/* Its message, or the code's own description without memory for it. Never NULL. */
const char *seed_error_words(const struct seed_kept_error *kept);
/* The stored error, without `final`. */
void seed_error_recall(const struct seed_kept_error *kept, struct seed_error *error);

/* "EPERM" for EPERM. Never NULL; "E?" for what libc does not know. */
const char *seed_error_name(int code);

/* The other way; 0 for a name that is not known. */
int seed_error_code(const char *name);

/* Whether -errno is a lack that this machine has just now (memory, descriptors): it says nothing about what
 * was looked at. */
bool seed_error_is_lack(errint_t err);

/* The errno of `man seed` for an HTTP (or envelope) status:
 * 401/403 EKEYREJECTED, 402 EDQUOT, 400/422 EINVAL, 408/504 ETIMEDOUT, else EIO. */
int seed_error_from_status(long status);

#endif
