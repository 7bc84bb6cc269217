/*
 * Durable steps on files, the only place where the store calls fsync and
 * rename: each returns 0 or -errno, may block, and may be repeated.
 */
#ifndef SEED_STORE_FILES_H
#define SEED_STORE_FILES_H

#include "lib/base.h"

/* Makes the folders above `path` below dirfd (0755). */
errint_t seed_files_make_parents(int dirfd, const char *path) SEED_MUST_CHECK;

/* fsync of the folder that holds `path`. */
errint_t seed_files_sync_parent(int dirfd, const char *path) SEED_MUST_CHECK;

/* Puts a whole file in place: written to tmpfd/tmpname, fsynced if `durable`,
 * renamed to dirfd/path (its folders are made), the folder fsynced if
 * `durable`. Readers see the old file or the new one. */
errint_t seed_files_replace(int tmpfd, const char *tmpname, int dirfd, const char *path,
			    const void *data, size_t len, bool durable) SEED_MUST_CHECK;

/* Renames with the target's folders made and both folders fsynced. A source
 * that is gone while the target exists is a repetition: 0. */
errint_t seed_files_move(int from_dirfd, const char *from, int to_dirfd, const char *to)
	SEED_MUST_CHECK;

/* Reads a whole file of at most `limit` bytes; *data is malloc'd and
 * NUL-terminated. -EFBIG over the limit. */
errint_t seed_files_read(int dirfd, const char *path, size_t limit, char **data,
			 size_t *len) SEED_MUST_CHECK;

/* Writes all; -errno. */
errint_t seed_files_write_all(int fd, const void *data, size_t len) SEED_MUST_CHECK;

#endif
