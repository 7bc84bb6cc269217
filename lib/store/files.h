/*
 * Durable steps on files: each returns 0 or -errno, may block, and may be
 * repeated. Nothing else in lib/store/ syncs, renames, unlinks or makes folders.
 * (The worker syncs the picture that it writes; the log renames its own file.)
 *
 * A file whose fsync failed is never synced again: the kernel has dropped what
 * it could not write, and the next fsync succeeds. The file is removed, and whoever
 * tries again writes a new one from memory.
 */
#ifndef SEED_STORE_FILES_H
#define SEED_STORE_FILES_H

#include <sys/types.h>
#include <time.h>

#include "lib/base/base.h"

/* fsync of an open file. */
errint_t seed_files_sync(int fd) SEED_MUST_CHECK;
/* fsync of the file that stands there. -ENOENT …. */
errint_t seed_files_sync_file(int dirfd, const char *path) SEED_MUST_CHECK;

/* fsync of the folder that holds `path`. */
errint_t seed_files_sync_parent(int dirfd, const char *path) SEED_MUST_CHECK;

/* Puts a whole file in place: writes it to tmpfd/tmpname, fsyncs it if `durable`,
 * renames it to dirfd/path (whose folders are made), and fsyncs the folder if
 * `durable`. Readers see the old file or the new one. */
errint_t seed_files_replace(int tmpfd, const char *tmpname, int dirfd, const char *path,
			    const void *data, size_t len, bool durable) SEED_MUST_CHECK;

/* The second half of that: afterwards tmpfd/tmpname is in its place, or removed. */
errint_t seed_files_place(int tmpfd, const char *tmpname, int dirfd, const char *path,
			  bool durable) SEED_MUST_CHECK;

/* The first half: afterwards the file is complete at dirfd/name, or not there. */
errint_t seed_files_write(int dirfd, const char *name, const void *data, size_t len,
			  bool durable) SEED_MUST_CHECK;

/* So, with this time of change where it has one (its tv_nsec is not UTIME_OMIT). */
errint_t seed_files_write_timed(int dirfd, const char *name, const void *data, size_t len,
				struct timespec mtime, bool durable) SEED_MUST_CHECK;

/* One more line of a file of lines that begin as it does, durable. -ENOENT;
 * -EBADMSG: it is no such file, has another name, its last line is cut off, or it would
 * grow beyond `limit`. A line of which an error does not tell whether it is on disk is cut off,
 * so that nothing is added behind it: write the file anew. */
errint_t seed_files_append(int dirfd, const char *name, const void *line, size_t len,
			   size_t limit) SEED_MUST_CHECK;

/* All that was written to the file system of `fd`; may take long. */
errint_t seed_files_sync_all(int fd) SEED_MUST_CHECK;

/* One more line of a hint's file, which is made where it is missing. The line break
 * stands before it, so that one that was cut off spoils no other. Several threads may do so
 * at once. -EBADMSG: it is no file of ours. */
errint_t seed_files_add_line(int dirfd, const char *name, const char *line, bool durable) SEED_MUST_CHECK;

/* Keeps so much room behind what the file has, where the file system can: what is added to
 * it then finds that also on a full disk. -ENOSPC: there is none. */
errint_t seed_files_reserve(int dirfd, const char *name, size_t room) SEED_MUST_CHECK;

/* A file of ours is written over where it is, in the space that it has, and not synced:
 * for a disk that is full. A stop in between may leave some of both. */
errint_t seed_files_overwrite(int dirfd, const char *name, const void *data, size_t len)
	SEED_MUST_CHECK;

/* Renames; the target's folders are made where they are missing. */
errint_t seed_files_rename(int from_dirfd, const char *from, int to_dirfd, const char *to)
	SEED_MUST_CHECK;

/* Each gets the other's name, in one step. -ENOENT; -EOPNOTSUPP: not on this file system. */
errint_t seed_files_exchange(int a_dirfd, const char *a, int b_dirfd, const char *b)
	SEED_MUST_CHECK;

/* A second name; 0 where it is one already. -EOPNOTSUPP: there are none here. */
errint_t seed_files_link(int from_dirfd, const char *from, int to_dirfd, const char *to)
	SEED_MUST_CHECK;

errint_t seed_files_remove(int dirfd, const char *path) SEED_MUST_CHECK; /* -ENOENT … */
/* The same, but 0 for what is not there. */
errint_t seed_files_unlink(int dirfd, const char *path);
errint_t seed_files_rmdir(int dirfd, const char *path); /* -ENOTEMPTY … */

/* Durable; -EEXIST …. */
errint_t seed_files_mkdir(int dirfd, const char *path, mode_t mode) SEED_MUST_CHECK;
/* The folders above `path` that are missing (0755), each of them durable. */
errint_t seed_files_make_parents(int dirfd, const char *path) SEED_MUST_CHECK;
bool seed_files_is_folder(int dirfd, const char *path);

/* What is in a folder, "." and ".." apart, sorted. */
struct seed_names {
	char **names; /* owned, each */
	size_t count;
};
/* An error leaves an empty list. -ENOENT, -ENOTDIR …: no folder stands there. */
errint_t seed_files_list(int dirfd, const char *path, struct seed_names *list) SEED_MUST_CHECK;
void seed_names_release(struct seed_names *list);

/* 1, 0 or -errno; a symbolic link is not followed. */
int seed_files_exists(int dirfd, const char *path);

/* The same for a file that is not empty. */
int seed_files_has_bytes(int dirfd, const char *path);

/* Whether it is a file of so many bytes. An error that does not answer this counts as yes. */
bool seed_files_is_of(int dirfd, const char *path, uint64_t bytes);

/* Whether a file stands there: 1, 0 or -errno; -EISDIR: a folder does. */
int seed_files_has_file(int dirfd, const char *path);

/* Makes an empty file; one that is there stays as it is (exclusive: -EEXIST). Waits for nobody where a FIFO
 * stands (-ENXIO); -ENOTDIR through a link. */
errint_t seed_files_touch(int dirfd, const char *path, bool exclusive) SEED_MUST_CHECK;

/* Whether both names are there and are one file: after a rename that was cut off, a file
 * system without a journal may show both. */
bool seed_files_are_same(int a_dirfd, const char *a, int b_dirfd, const char *b);

/* Whether `path` is relative, without "." and "..", and leads through no symbolic link.
 * A file in the place of a folder above it is no reason to refuse it. */
bool seed_files_is_below(int dirfd, const char *path);

/* Opens for reading; the descriptor is the caller's, or -errno. -ENOENT for anything but
 * a plain file: no link is followed, and nothing is waited for. */
int seed_files_open(int dirfd, const char *path);

/* Reads a whole file of at most `limit` bytes; *data is malloc'd and
 * NUL-terminated. -EFBIG over the limit; -EISDIR, -ELOOP or -EINVAL for anything but a
 * plain file. Never waits for the other end of a FIFO. */
errint_t seed_files_read(int dirfd, const char *path, size_t limit, char **data,
			 size_t *len) SEED_MUST_CHECK;

#endif
