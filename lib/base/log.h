/*
 * The log behind `status` (`man seed`): one event a line,
 * `TIME NAME TEXT`, kept on disk, bounded.
 *
 * A line is one O_APPEND write of less than 4 KiB to the page cache (never an
 * fsync), under the log's own mutex, which is a leaf of the lock order. When
 * the file passes its limit, the older half is dropped: the newer half, from a
 * line's beginning, goes to a new file that replaces the old one by rename.
 * Readers therefore never keep a descriptor: they call seed_log_read().
 * A line that cannot be written (disk full) is counted and, in the
 * foreground, still printed; logging never fails its caller.
 */
#ifndef SEED_LOG_H
#define SEED_LOG_H

#include "lib/base/base.h"
#include "lib/base/error.h"

struct seed_log;

#define SEED_LOG_IMAGE "🖼️ [SYNC IMAGE] "
#define SEED_LOG_REQUEST "🧠 [SYNC IMAGE] "
#define SEED_LOG_RETRY "🔄 [SYNC IMAGE] "
#define SEED_LOG_SUCCESS "✅ [SYNC IMAGE] "
#define SEED_LOG_ERROR "❌ [SYNC IMAGE] "
#define SEED_LOG_CALLBACK "🎨 [CALLBACK] "

/* Opens (or creates) `status` in the directory `dirfd` (borrowed; must outlive
 * the log). `limit_bytes` bounds the file. `echo_stderr`: lines go to standard
 * error, too. On success *log is the caller's. */
errint_t seed_log_open(int dirfd, int64_t limit_bytes, bool echo_stderr, struct seed_log **log,
		       struct seed_error *error) SEED_MUST_CHECK;
void seed_log_close(struct seed_log *log); /* NULL is allowed */

/* Appends one line. `name` is a NAME or NULL for "-". Line breaks and control
 * characters in the text become spaces. Any thread. */
void seed_log_line(struct seed_log *log, const char *name, const char *format, ...)
	SEED_PRINTF(3, 4);

/* The same into `refused-urls` beside the log (0600), which no mount shows: what must
 * not be in a log and a person may still need, as a signed URL; what is longer than a
 * URL is cut. A full file (1 MiB) becomes `refused-urls.old`. Engine's thread. */
void seed_log_secret(struct seed_log *log, const char *name, const char *text);

/* pread(2) of the log as it is now; bytes read or -errno. Any thread. */
ssize_t seed_log_read(struct seed_log *log, void *data, size_t size, off_t offset) SEED_MUST_CHECK;

/* Size and time of the last line. Any thread. */
void seed_log_stat(struct seed_log *log, int64_t *size_bytes, struct timespec *mtime);

/* Lines that could not be written since the log was opened. */
uint64_t seed_log_lost(struct seed_log *log);

#endif
