#include "lib/base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

/* A line, with its line break, is less than 4 KiB: one write, one page. */
#define LINE_MAX_BYTES 4095
#define TEXT_MAX_BYTES 3584
/* An escaped byte takes four. Only a very long NAME that is mostly spaces needs more than
 * this, and is cut. A name of more than 484 bytes leaves less room to the text. */
#define NAME_SHOWN_MAX_BYTES 2048
#define ELLIPSIS "…"
#define ELLIPSIS_BYTES (sizeof(ELLIPSIS) - 1)
#define TIME_BYTES (SEED_CLOCK_TEXT_BYTES - 1)
#define NAME "status"
#define NEW_NAME NAME ".new"
#define SECRETS "refused-urls"
#define SECRETS_MAX_BYTES (1024 * 1024)

struct seed_log {
	pthread_mutex_t lock; /* a leaf; guards what follows it */
	int fd;
	int64_t size_bytes;
	uint64_t lost;

	int dirfd;            /* borrowed */
	int64_t limit_bytes;
	bool echo_stderr;
};

static int open_file(const struct seed_log *log, const char *name, int flags)
{
	return openat(log->dirfd, name,
		      O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
}

/* Copies [from, from + len) to the end of another file. */
static bool copy_range(int in, int64_t from, int64_t len, int out)
{
	char chunk[16 * 1024];

	while (len > 0) {
		size_t want = len < (int64_t)sizeof(chunk) ? (size_t)len : sizeof(chunk);
		ssize_t got = pread(in, chunk, want, from);

		if (got <= 0 || write(out, chunk, (size_t)got) != got)
			return false;
		from += got;
		len -= got;
	}
	return true;
}

/* Where the first line at or after `from` (at least 1) begins; the end of the file if none
 * does. */
static int64_t line_start(const struct seed_log *log, int64_t from)
{
	char chunk[LINE_MAX_BYTES];
	ssize_t got;

	/* From one byte before: a line may begin at `from` itself. */
	for (from--; (got = pread(log->fd, chunk, sizeof(chunk), from)) > 0; from += got) {
		const char *end = memchr(chunk, '\n', (size_t)got);

		if (end)
			return from + (end - chunk) + 1;
	}
	return log->size_bytes;
}

/* Keeps the newest lines, at most `keep` bytes, which is less than there are. False:
 * nothing has changed. */
static bool drop_older(struct seed_log *log, int64_t keep)
{
	int64_t start = line_start(log, log->size_bytes - keep);
	int fd;

	/* Removed, not written over: it may be a hard link to another file. */
	(void)unlinkat(log->dirfd, NEW_NAME, 0);
	fd = open_file(log, NEW_NAME, O_EXCL);
	if (fd < 0)
		return false;
	if (!copy_range(log->fd, start, log->size_bytes - start, fd) ||
	    renameat(log->dirfd, NEW_NAME, log->dirfd, NAME) < 0) {
		close(fd);
		(void)unlinkat(log->dirfd, NEW_NAME, 0);
		return false;
	}
	close(log->fd);
	log->fd = fd;
	log->size_bytes -= start;
	return true;
}

/* Whether `len` more bytes fit, if need be after dropping the older half. */
static bool make_room(struct seed_log *log, int64_t len)
{
	int64_t keep = log->limit_bytes / 2;

	if (len <= log->limit_bytes - log->size_bytes)
		return true;
	if (len > log->limit_bytes)
		return false;
	if (keep > log->limit_bytes - len)
		keep = log->limit_bytes - len;
	return drop_older(log, keep);
}

static bool append(struct seed_log *log, const char *line, size_t len)
{
	ssize_t written;

	if (!make_room(log, (int64_t)len))
		return false;
	written = write(log->fd, line, len);
	if (written == (ssize_t)len) {
		log->size_bytes += written;
		return true;
	}
	/* On a full disk: a part of a line would run into the next one. */
	if (written > 0 && ftruncate(log->fd, log->size_bytes) < 0)
		log->size_bytes += written;
	return false;
}

/* Takes over the file as an earlier mount, or its crash, left it. */
static errint_t adopt(struct seed_log *log)
{
	struct stat st;
	char last;

	if (fstat(log->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	log->size_bytes = st.st_size;
	if (st.st_size && pread(log->fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
	    write(log->fd, "\n", 1) == 1)
		log->size_bytes++;
	/* log_size may be less than last time. A full disk must not prevent the mount: the
	 * next line tries again. */
	(void)make_room(log, 0);
	return 0;
}

errint_t seed_log_open(int dirfd, int64_t limit_bytes, bool echo_stderr, struct seed_log **log,
		       struct seed_error *error)
{
	struct seed_log *made = calloc(1, sizeof(*made));
	errint_t result;

	if (!made)
		return seed_error_set(error, ENOMEM, "no memory");
	made->dirfd = dirfd;
	made->limit_bytes = limit_bytes;
	made->echo_stderr = echo_stderr;
	(void)pthread_mutex_init(&made->lock, NULL); /* cannot fail without attributes */
	made->fd = open_file(made, NAME, 0);
	result = made->fd < 0 ? -errno : adopt(made);
	if (!result) {
		*log = made;
		return 0;
	}
	seed_log_close(made);
	return seed_error_set(error, -result, "cannot open the log \"" NAME "\": %s",
			      strerrordesc_np(-result));
}

void seed_log_close(struct seed_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	(void)pthread_mutex_destroy(&log->lock);
	free(log);
}

/* Cuts `text`, of which `room` bytes were filled, so that an ellipsis fits. */
static size_t cut(char *text, size_t room)
{
	size_t len = seed_text_whole(text, room - ELLIPSIS_BYTES);

	memcpy(text + len, ELLIPSIS, ELLIPSIS_BYTES);
	return len + ELLIPSIS_BYTES;
}

/* Writes NAME as the line shows it, without a NUL; returns its length. */
static size_t put_name(char *to, const char *name)
{
	char escaped[NAME_SHOWN_MAX_BYTES + 1];
	const size_t room = NAME_SHOWN_MAX_BYTES - ELLIPSIS_BYTES;
	size_t len;

	if (!name)
		name = "-";
	len = seed_text_escape_name(name, escaped, sizeof(escaped));
	if (len <= NAME_SHOWN_MAX_BYTES) {
		memcpy(to, escaped, len);
	} else {
		/* Each backslash begins an escape of four bytes: cut before it, not within
		 * it. */
		const char *escape = memrchr(escaped + room - 3, '\\', 3);

		len = escape ? (size_t)(escape - escaped) : room;
		memcpy(to, escaped, len);
		len = cut(to, len + ELLIPSIS_BYTES);
	}
	seed_text_one_line(to, len);
	return len;
}

void seed_log_line(struct seed_log *log, const char *name, const char *format, ...)
{
	char line[LINE_MAX_BYTES + 1];
	char *text = line + TIME_BYTES;
	char time[SEED_CLOCK_TEXT_BYTES];
	va_list arguments;
	size_t len, room;
	int wanted;

	*text++ = ' ';
	text += put_name(text, name);
	*text++ = ' ';
	room = (size_t)(line + LINE_MAX_BYTES - 1 - text);
	if (room > TEXT_MAX_BYTES)
		room = TEXT_MAX_BYTES;
	va_start(arguments, format);
	wanted = vsnprintf(text, room + 1, format, arguments);
	va_end(arguments);
	len = wanted < 0 ? 0 : (size_t)wanted;
	if (len > room)
		len = cut(text, room);
	seed_text_one_line(text, len);
	text[len++] = '\n';
	len += (size_t)(text - line);

	pthread_mutex_lock(&log->lock);
	/* Under the lock, so that the times of the lines are in order. */
	seed_clock_format(seed_clock_wall_ms(), time);
	memcpy(line, time, TIME_BYTES);
	if (!append(log, line, len))
		log->lost++;
	pthread_mutex_unlock(&log->lock);

	/* Not under the lock: a terminal that is stopped blocks its writers. */
	if (log->echo_stderr && write(STDERR_FILENO, line, len) < 0)
		return;
}

/* The file to append to. If it is full, or has a second name (a hard link), it first
 * becomes the older file and replaces the earlier one. */
static int open_secrets(struct seed_log *log)
{
	int fd = open_file(log, SECRETS, 0);
	struct stat st = {0};

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_size < SECRETS_MAX_BYTES)
		return fd;
	close(fd);
	if (!S_ISREG(st.st_mode) || renameat(log->dirfd, SECRETS, log->dirfd, SECRETS ".old") < 0)
		return -1;
	return open_file(log, SECRETS, 0);
}

void seed_log_secret(struct seed_log *log, const char *name, const char *text)
{
	char time[SEED_CLOCK_TEXT_BYTES], shown[4 * SEED_NAME_MAX_BYTES + 1];
	char line[SEED_URL_MAX_BYTES + 1];
	int fd = open_secrets(log);

	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "%s", text);
	seed_text_one_line(line, strlen(line));
	seed_clock_format(seed_clock_wall_ms(), time);
	seed_text_escape_name(name, shown, sizeof(shown));
	(void)dprintf(fd, "%s %s %s\n", time, shown, line);
	close(fd);
}

ssize_t seed_log_read(struct seed_log *log, void *data, size_t size, off_t offset)
{
	ssize_t got;

	pthread_mutex_lock(&log->lock);
	got = pread(log->fd, data, size, offset);
	if (got < 0)
		got = -errno;
	pthread_mutex_unlock(&log->lock);
	return got;
}

void seed_log_stat(struct seed_log *log, int64_t *size_bytes, struct timespec *mtime)
{
	struct stat st = {0};

	pthread_mutex_lock(&log->lock);
	(void)fstat(log->fd, &st);
	pthread_mutex_unlock(&log->lock);
	*size_bytes = st.st_size;
	*mtime = st.st_mtim;
}

uint64_t seed_log_lost(struct seed_log *log)
{
	uint64_t lost;

	pthread_mutex_lock(&log->lock);
	lost = log->lost;
	pthread_mutex_unlock(&log->lock);
	return lost;
}
