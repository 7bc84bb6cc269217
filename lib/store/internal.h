/* What the files of lib/store/ share. */
#ifndef SEED_STORE_INTERNAL_H
#define SEED_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/store/store.h"

struct seed_store {
	int root, pending, tmp, log, lock, reuse; /* descriptors */
	int areas[SEED_AREA_COUNT];
	_Atomic uint64_t last_id;
	pthread_mutex_t spent_mutex; /* held over a small write without fsync */
	struct seed_spent spent;     /* as written last */
	int64_t keep; /* versions in history/NAME/; -1: all */
};

/* ID and a suffix of at most 8 bytes. */
#define SEED_PENDING_NAME_BYTES (SEED_STORE_ID_BYTES + 8)
void seed_store_pending_name(char out[SEED_PENDING_NAME_BYTES], const char *id,
			     const char *suffix);

/* "NAME/0001.json" for "NAME/0001.png": the row of that version stands beside it. */
bool seed_store_version_row(const char *version, char path[SEED_STORE_PATH_BYTES]);

/* The journal's rows of generations in flight under the new name. */
errint_t seed_store_rename_pending(struct seed_store *store, const char *from, const char *to,
				   bool folder) SEED_MUST_CHECK;

/* Moves images/NAME.png to the next number of history/NAME/ where it exists;
 * `version` (may be NULL) gets that path, unchanged where there is no image. */
errint_t seed_store_retire(struct seed_store *store, const char *name,
			   char version[SEED_STORE_PATH_BYTES]) SEED_MUST_CHECK;

/* The next free path "NAME/0001.png" of the history. */
errint_t seed_store_history_next(struct seed_store *store, const char *name,
				 char path[SEED_STORE_PATH_BYTES]) SEED_MUST_CHECK;

/* The versions of NAME, oldest first. Best effort: without memory, fewer. */
struct seed_versions {
	char **names; /* "0001.png"; owned */
	size_t count;
};
void seed_versions_read(struct seed_store *store, const char *name, struct seed_versions *list);
void seed_versions_release(struct seed_versions *list);

/* Removes the oldest beyond what is to be kept. */
void seed_store_history_prune(struct seed_store *store, const char *name);

/* Moves what of history/FROM/ there is behind what history/TO/ has. */
errint_t seed_store_history_append(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;

/* Puts what was being done at the last stop in order (move.c). */
errint_t seed_store_recover_moves(struct seed_store *store) SEED_MUST_CHECK;

#endif
