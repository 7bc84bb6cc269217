#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

#define TIME_BYTES (SEED_CLOCK_TEXT_BYTES - 1)
#define LIMIT (1024 * 1024)

static char directory[64];
static int dirfd = -1;
static char content[LIMIT + 1];

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	SEED_UNUSED(state);
	(void)snprintf(directory, sizeof(directory), "%.32s/seed-log-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(directory))
		return -1;
	dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	(void)unlinkat(dirfd, "status", 0);
	(void)unlinkat(dirfd, "status", AT_REMOVEDIR);
	(void)unlinkat(dirfd, "status.new", AT_REMOVEDIR);
	(void)unlinkat(dirfd, "refused-urls", 0);
	(void)unlinkat(dirfd, "refused-urls.old", 0);
	close(dirfd);
	return rmdir(directory); /* fails if anything was left */
}

static struct seed_log *open_log(int64_t limit)
{
	struct seed_error error = {0};
	struct seed_log *log = NULL;

	if (seed_log_open(dirfd, limit, false, &log, &error))
		fail_msg("%s", error.message);
	return log;
}

static void write_file(const char *text)
{
	int fd = openat(dirfd, "status", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* The file's text in `content`, which is what readers see, too. */
static size_t read_log(struct seed_log *log)
{
	int fd = openat(dirfd, "status", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, content, LIMIT);
	static char seen[LIMIT];
	struct timespec mtime;
	int64_t size;

	close(fd);
	assert_true(len >= 0);
	content[len] = '\0';
	if (log) {
		assert_int_equal(seed_log_read(log, seen, sizeof(seen), 0), len);
		assert_memory_equal(seen, content, (size_t)len);
		seed_log_stat(log, &size, &mtime);
		assert_int_equal(size, len);
	}
	return (size_t)len;
}

/* The line at `line` has a time now, and then `wanted`: what follows it. */
static const char *expect_line(const char *line, const char *wanted)
{
	char time[SEED_CLOCK_TEXT_BYTES];
	int64_t ms;

	memcpy(time, line, TIME_BYTES);
	time[TIME_BYTES] = '\0';
	assert_int_equal(seed_clock_parse(time, &ms), 0);
	assert_true(llabs(seed_clock_wall_ms() - ms) < 60000);
	line += TIME_BYTES;
	if (strncmp(line, wanted, strlen(wanted)) != 0)
		fail_msg("%s", line);
	return line + strlen(wanted);
}

static void test_lines(void **state)
{
	struct seed_log *log = open_log(LIMIT);
	const char *line = content;
	struct timespec mtime;
	int64_t size;

	SEED_UNUSED(state);
	assert_int_equal(read_log(log), 0);
	seed_log_line(log, "fox", SEED_LOG_IMAGE "Model: %s | Resolution: %dx%d", "m", 2048, 1152);
	seed_log_line(log, NULL, "mounted");
	seed_log_line(log, "a red fox\\", SEED_LOG_ERROR "%s", "a\r\nb\x1b[31m \xff \xc2\x85 é");
	seed_log_line(log, "shot/\xff\x01", "%s", "");
	read_log(log);
	line = expect_line(line, " fox 🖼️ [SYNC IMAGE] Model: m | Resolution: 2048x1152\n");
	line = expect_line(line, " - mounted\n");
	line = expect_line(line, " a\\040red\\040fox\\134 ❌ [SYNC IMAGE] a  b [31m      é\n");
	line = expect_line(line, " shot/ \\001 \n");
	assert_string_equal(line, "");
	assert_int_equal(seed_log_lost(log), 0);
	seed_log_stat(log, &size, &mtime);
	assert_int_equal(size, line - content);
	assert_true(llabs((int64_t)mtime.tv_sec - seed_clock_wall_ms() / 1000) < 60);
	seed_log_close(log);
	seed_log_close(NULL);
}

/* `man seed`, to the byte. */
static void test_texts(void **state)
{
	SEED_UNUSED(state);
	assert_string_equal(SEED_LOG_IMAGE,
			    "\xf0\x9f\x96\xbc\xef\xb8\x8f [SYNC IMAGE] ");
	assert_string_equal(SEED_LOG_REQUEST, "\xf0\x9f\xa7\xa0 [SYNC IMAGE] ");
	assert_string_equal(SEED_LOG_RETRY, "\xf0\x9f\x94\x84 [SYNC IMAGE] ");
	assert_string_equal(SEED_LOG_SUCCESS, "\xe2\x9c\x85 [SYNC IMAGE] ");
	assert_string_equal(SEED_LOG_ERROR, "\xe2\x9d\x8c [SYNC IMAGE] ");
}

static void test_unprintable_format(void **state)
{
	static const wchar_t wide[] = {0x110000, 0};
	struct seed_log *log = open_log(LIMIT);

	SEED_UNUSED(state);
	seed_log_line(log, "fox", "%ls", wide);
	read_log(log);
	assert_string_equal(expect_line(content, " fox \n"), "");
	seed_log_close(log);
}

/* `ascii` bytes and then euro signs, `len` bytes or a few less. */
static char *long_text(size_t ascii, size_t len)
{
	char *text = malloc(len + 1);

	memset(text, 'a', ascii);
	for (; ascii + 3 <= len; ascii += 3)
		memcpy(text + ascii, "€", 3);
	text[ascii] = '\0';
	return text;
}

static void test_long_text(void **state)
{
	static const struct {
		size_t ascii, len, shown; /* bytes of the text before the ellipsis */
	} cases[] = {
		{3584, 3584, 3584}, {3585, 3585, 3581}, {0, 9000, 3579}, {1, 9000, 3580},
		{2, 9000, 3581}, {0, 3582, 3582}, {3, 3585, 3579},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char *text = long_text(cases[i].ascii, cases[i].len);
		bool cut = cases[i].shown < strlen(text);
		struct seed_log *log = open_log(LIMIT);
		const char *rest;

		seed_log_line(log, "n", "%s", text);
		assert_true(read_log(log) < 4096);
		rest = expect_line(content, " n ");
		assert_memory_equal(rest, text, cases[i].shown);
		assert_string_equal(rest + cases[i].shown, cut ? "…\n" : "\n");
		seed_log_close(log);
		write_file("");
		free(text);
	}
}

/* The longest NAMEs there are: whole, and the text has what they leave; those
 * that double in octal are cut, not within an escape or a character. */
static void test_long_names(void **state)
{
	static const struct {
		const char *unit;
		size_t count, shown;
		const char *escaped, *cut;
	} cases[] = {
		{"n", 1024, 1024, "n", ""},
		{" ", 512, 512, "\\040", ""},
		{" ", 513, 511, "\\040", "…"},
		{" ", 1024, 511, "\\040", "…"},
		{"€ ", 256, 256, "€\\040", ""},
		{"a ", 512, 409, "a\\040", "…"},
		{"aa ", 341, 341, "aa\\040", ""},
		{"aa ", 342, 340, "aa\\040", "aa…"},
		{"€€ ", 146, 146, "€€\\040", ""},
	};
	char *text = long_text(5000, 5000);

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_log *log = open_log(LIMIT);
		char name[1100] = "", wanted[4096] = " ";
		size_t unit = strlen(cases[i].unit), escaped = strlen(cases[i].escaped);

		for (size_t k = 0; k < cases[i].count; k++)
			memcpy(name + k * unit, cases[i].unit, unit + 1);
		for (size_t k = 0; k < cases[i].shown; k++)
			memcpy(wanted + 1 + k * escaped, cases[i].escaped, escaped + 1);
		(void)snprintf(wanted + strlen(wanted), 16, "%s aaaa", cases[i].cut);
		seed_log_line(log, name, "%s", text);
		assert_true(read_log(log) < 4096);
		expect_line(content, wanted);
		assert_string_equal(content + strlen(content) - 4, "…\n");
		seed_log_close(log);
		write_file("");
	}
	free(text);
}

static void test_continues_the_old_file(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"one\ntwo\n", "one\ntwo\n"},
		{"one\nhalf a li", "one\nhalf a li\n"},
		{"\n", "\n"},
		{"x", "x\n"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_log *log;

		write_file(cases[i].before);
		log = open_log(LIMIT);
		read_log(log);
		assert_string_equal(content, cases[i].after);
		seed_log_line(log, "n", "new");
		read_log(log);
		assert_memory_equal(content, cases[i].after, strlen(cases[i].after));
		expect_line(content + strlen(cases[i].after), " n new\n");
		seed_log_close(log);
	}
}

static bool exists(const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Never over the limit, never half a line, always the newest; and at least
 * about half of what the limit holds. */
static void test_bounded(void **state)
{
	const int64_t limit = 1000;
	struct seed_log *log = open_log(limit);
	int drops = 0;
	size_t last = 0;

	SEED_UNUSED(state);
	for (int i = 0; i < 300; i++) {
		const char *line = content;
		int number = -1, lines = 0;
		size_t len;

		seed_log_line(log, "n", "line %d %*s", i, i % 37, "x");
		len = read_log(log);
		assert_true(len <= (size_t)limit);
		drops += len < last;
		if (len < last)
			assert_true(len >= 400);
		last = len;
		for (; *line; line = strchr(line, '\n') + 1, lines++) {
			char wanted[32];

			if (number < 0)
				number = (int)strtol(line + TIME_BYTES + strlen(" n line "), NULL, 10);
			(void)snprintf(wanted, sizeof(wanted), " n line %d ", number++);
			expect_line(line, wanted);
		}
		assert_int_equal(number, i + 1);
		assert_false(exists("status.new"));
	}
	assert_in_range(drops, 10, 60);
	assert_int_equal(seed_log_lost(log), 0);
	seed_log_close(log);
}

/* A new line ends exactly at the limit, then one byte beyond it. */
static void test_limit_is_exact(void **state)
{
	struct seed_log *log;
	char text[100];

	SEED_UNUSED(state);
	/* A hundred bytes with the line break that opening adds. */
	memset(text, 'x', 99);
	text[99] = '\0';
	write_file(text);
	log = open_log(300);
	/* "TIME n x…x\n" of 100 bytes */
	text[72] = '\0';
	for (int i = 0; i < 2; i++)
		seed_log_line(log, "n", "%s", text);
	assert_int_equal(read_log(log), 300);
	seed_log_line(log, "n", "%s", text);
	assert_int_equal(read_log(log), 200);
	seed_log_close(log);
}

/* Opened with less room than the file takes, the newer half stays: 20 bytes of
 * 40, from the first line that begins there. */
static void test_half_begins_at_a_line(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"111111111\n2222222222\n333333333\n444444444\n", "333333333\n444444444\n"},
		{"1111111111\n2222222222\n33333333\n444444444\n", "33333333\n444444444\n"},
		{"111111111\n222222222\n3333333333\n444444444\n", "444444444\n"},
		{"111111111\n222222222\n333333333\n444444444\n5\n", "444444444\n5\n"},
		{"1111111111111111111111111111111111111111\n", ""},
		{"1111111111111111111111111111111111111111\n\n", "\n"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_log *log;

		write_file(cases[i].before);
		log = open_log(40);
		read_log(log);
		assert_string_equal(content, cases[i].after);
		seed_log_close(log);
	}
}

/* A limit that became smaller applies at once; no limit is too small. */
static void test_smaller_limit(void **state)
{
	struct seed_log *log = open_log(LIMIT);

	SEED_UNUSED(state);
	for (int i = 0; i < 2000; i++)
		seed_log_line(log, "n", "line %d of many", i);
	assert_true(read_log(log) > 80000);
	seed_log_close(log);

	log = open_log(50000);
	assert_in_range(read_log(log), 24900, 25000);
	assert_non_null(strstr(content, "line 1999 of many\n"));
	expect_line(content, " n line ");
	seed_log_close(log);

	log = open_log(40);
	assert_int_equal(read_log(log), 0);
	seed_log_line(log, "n", "short");
	read_log(log);
	expect_line(content, " n short\n");
	seed_log_line(log, "n", "a line of more than forty bytes");
	read_log(log);
	expect_line(content, " n short\n");
	assert_int_equal(seed_log_lost(log), 1);
	seed_log_close(log);
}

/* Lines without an end, as no log has them: nothing of them can stay. */
static void test_one_endless_line(void **state)
{
	static char text[20001];
	struct seed_log *log;

	SEED_UNUSED(state);
	memset(text, 'x', 20000);
	write_file(text);
	log = open_log(15000);
	assert_int_equal(read_log(log), 0);
	seed_log_close(log);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* As on a full disk: half a line is taken back, a whole one is counted. */
static void test_full_disk(void **state)
{
	struct seed_log *log = open_log(LIMIT);
	size_t len;

	SEED_UNUSED(state);
	signal(SIGXFSZ, SIG_IGN);
	seed_log_line(log, "n", "first");
	len = read_log(log);
	limit_file_size(len + 10);
	seed_log_line(log, "n", "second");
	limit_file_size(len);
	seed_log_line(log, "n", "third");
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(read_log(log), len);
	assert_int_equal(seed_log_lost(log), 2);
	seed_log_line(log, "n", "fourth");
	read_log(log);
	assert_string_equal(expect_line(content + len, " n fourth\n"), "");
	seed_log_close(log);
}

/* Where the newer half cannot be written, the old file stays whole. */
static void test_full_disk_when_dropping(void **state)
{
	static char half[501];
	struct seed_log *log;

	SEED_UNUSED(state);
	signal(SIGXFSZ, SIG_IGN);
	memset(half, 'x', 500);
	for (size_t i = 49; i < 500; i += 50)
		half[i] = '\n';
	write_file(half);
	log = open_log(510);
	limit_file_size(100);
	seed_log_line(log, "n", "lost");
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(seed_log_lost(log), 1);
	assert_false(exists("status.new"));
	read_log(log);
	assert_string_equal(content, half);
	seed_log_line(log, "n", "kept");
	assert_int_equal(read_log(log), 250 + TIME_BYTES + 8);
	assert_int_equal(seed_log_lost(log), 1);
	seed_log_close(log);
}

static void test_new_file_cannot_be_made(void **state)
{
	struct seed_log *log;

	SEED_UNUSED(state);
	assert_int_equal(mkdirat(dirfd, "status.new", 0700), 0);
	write_file("111111111\n222222222\n333333333\n444444444\n");
	log = open_log(50);
	seed_log_line(log, "n", "lost");
	read_log(log);
	assert_string_equal(content, "111111111\n222222222\n333333333\n444444444\n");
	assert_int_equal(seed_log_lost(log), 1);
	seed_log_close(log);
}

static void test_new_file_cannot_be_renamed(void **state)
{
	char text[64];
	struct seed_log *log;

	SEED_UNUSED(state);
	write_file("111111111\n222222222\n333333333\n444444444\n");
	log = open_log(50);
	assert_int_equal(unlinkat(dirfd, "status", 0), 0);
	assert_int_equal(mkdirat(dirfd, "status", 0700), 0);
	seed_log_line(log, "n", "lost");
	assert_int_equal(seed_log_lost(log), 1);
	assert_false(exists("status.new"));
	assert_int_equal(seed_log_read(log, text, sizeof(text), 0), 40);
	seed_log_close(log);
}

static void test_read(void **state)
{
	struct seed_log *log;
	char text[16];

	SEED_UNUSED(state);
	write_file("0123456789\n");
	log = open_log(LIMIT);
	assert_int_equal(seed_log_read(log, text, 4, 3), 4);
	assert_memory_equal(text, "3456", 4);
	assert_int_equal(seed_log_read(log, text, sizeof(text), 8), 3);
	assert_int_equal(seed_log_read(log, text, sizeof(text), 11), 0);
	assert_int_equal(seed_log_read(log, text, sizeof(text), 9999), 0);
	assert_int_equal(seed_log_read(log, text, sizeof(text), -1), -EINVAL);
	seed_log_close(log);
}

static void expect_refused(int at, errint_t wanted, const char *message)
{
	struct seed_error error = {0};
	struct seed_log *log = NULL;

	assert_int_equal(seed_log_open(at, LIMIT, false, &log, &error), wanted);
	assert_int_equal(error.code, -wanted);
	assert_string_equal(error.message, message);
	assert_null(log);
	assert_int_equal(seed_log_open(at, LIMIT, false, &log, NULL), wanted);
}

static void test_open_refuses(void **state)
{
	SEED_UNUSED(state);
	expect_refused(-1, -EBADF, "cannot open the log \"status\": Bad file descriptor");
	assert_int_equal(mkdirat(dirfd, "status", 0700), 0);
	expect_refused(dirfd, -EISDIR, "cannot open the log \"status\": Is a directory");
	assert_int_equal(unlinkat(dirfd, "status", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(dirfd, "status", 0600), 0);
	expect_refused(dirfd, -EINVAL, "cannot open the log \"status\": Invalid argument");
	assert_int_equal(unlinkat(dirfd, "status", 0), 0);
	assert_int_equal(symlinkat("/dev/null", dirfd, "status"), 0);
	expect_refused(dirfd, -ELOOP,
		       "cannot open the log \"status\": Too many levels of symbolic links");
}

static void test_mode(void **state)
{
	struct seed_log *log = open_log(300);
	struct stat st;

	SEED_UNUSED(state);
	for (int i = 0; i < 20; i++)
		seed_log_line(log, "n", "line %d", i);
	assert_int_equal(fstatat(dirfd, "status", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	seed_log_close(log);
}

/* To standard error go also lines that the file cannot take. */
static void test_echo(void **state)
{
	struct seed_error error;
	struct seed_log *log;
	int saved = dup(STDERR_FILENO), ends[2];
	char text[256];
	const char *rest;
	ssize_t got;

	SEED_UNUSED(state);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	assert_int_equal(seed_log_open(dirfd, 40, true, &log, &error), 0);
	seed_log_line(log, "n", "short");
	seed_log_line(log, "n", "a line of more than forty bytes");
	/* A reader that has gone must not end the daemon. */
	signal(SIGPIPE, SIG_IGN);
	got = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	seed_log_line(log, "n", "unread");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(ends[1]);
	assert_true(got > 0);
	text[got] = '\0';
	rest = expect_line(text, " n short\n");
	rest = expect_line(rest, " n a line of more than forty bytes\n");
	assert_string_equal(rest, "");
	assert_int_equal(seed_log_lost(log), 1);
	seed_log_close(log);
}

#define THREADS 4
#define LINES 400

static void *write_lines(void *log)
{
	char text[64];
	int64_t size;
	struct timespec mtime;

	for (int i = 0; i < LINES; i++) {
		seed_log_line(log, "n", "%s", "thread's line");
		if (seed_log_read(log, text, sizeof(text), 0) < 0)
			return NULL;
		seed_log_stat(log, &size, &mtime);
	}
	return log;
}

static void test_threads(void **state)
{
	struct seed_log *log = open_log(20000);
	pthread_t threads[THREADS];
	const char *line = content;
	char last[TIME_BYTES] = {0};

	SEED_UNUSED(state);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, log);
	}
	assert_int_equal(seed_log_lost(log), 0);
	assert_in_range(read_log(log), 9000, 20000);
	while (*line) {
		assert_true(memcmp(last, line, TIME_BYTES) <= 0);
		memcpy(last, line, TIME_BYTES);
		line = expect_line(line, " n thread's line\n");
	}
	seed_log_close(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A service can name what it likes as an image's URL, as long as an answer, each time. */
static void test_secrets_are_bounded(void **state)
{
	static char text[256 * 1024];
	struct seed_log *log = open_log(LIMIT);
	struct stat now, old;

	SEED_UNUSED(state);
	memset(text, 'u', sizeof(text) - 1);
	for (int i = 0; i < 400; i++)
		seed_log_secret(log, "n", text);
	assert_int_equal(fstatat(dirfd, "refused-urls", &now, 0), 0);
	assert_int_equal(fstatat(dirfd, "refused-urls.old", &old, 0), 0);
	assert_true(now.st_size + old.st_size > LIMIT);
	assert_true(now.st_size + old.st_size < 2 * LIMIT + 2 * SEED_URL_MAX_BYTES);
	assert_int_equal(now.st_mode & 07777, 0600);
	seed_log_close(log);
}

static void test_a_secret_is_one_line(void **state)
{
	static const char url[] = "ftp://h/?sig=1\n2026 n forged\033[2J", shown[] = "ftp://h/?sig=1 2026 n forged [2J\n";
	struct seed_log *log = open_log(LIMIT);
	char text[256] = "";
	size_t len;
	int fd;

	SEED_UNUSED(state);
	seed_log_secret(log, "n", url);
	fd = openat(dirfd, "refused-urls", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	len = strlen(text);
	assert_true(len > sizeof(shown));
	assert_string_equal(text + len - strlen(shown), shown);
	seed_log_close(log);
}

static void test_a_secret_follows_nothing(void **state)
{
	struct seed_log *log = open_log(LIMIT);
	struct stat st;

	SEED_UNUSED(state);
	assert_int_equal(mkfifoat(dirfd, "refused-urls", 0600), 0);
	seed_log_secret(log, "n", "ftp://h/");
	assert_int_equal(fstatat(dirfd, "refused-urls", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
	seed_log_close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),
		TEST(test_texts),
		TEST(test_unprintable_format),
		TEST(test_long_text),
		TEST(test_long_names),
		TEST(test_continues_the_old_file),
		TEST(test_bounded),
		TEST(test_limit_is_exact),
		TEST(test_half_begins_at_a_line),
		TEST(test_smaller_limit),
		TEST(test_one_endless_line),
		TEST(test_full_disk),
		TEST(test_full_disk_when_dropping),
		TEST(test_new_file_cannot_be_made),
		TEST(test_new_file_cannot_be_renamed),
		TEST(test_read),
		TEST(test_open_refuses),
		TEST(test_mode),
		TEST(test_echo),
		TEST(test_threads),
		TEST(test_secrets_are_bounded),
		TEST(test_a_secret_is_one_line),
		TEST(test_a_secret_follows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
