#include "tests/unit/unit.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/net/key.h"
#include "lib/net/net.h"

static char directory[64];
static char path[128];

static const char *const variables[] = {"SEED_TEST_KEY", "SEED_TEST_KEY_2", NULL};

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	SEED_UNUSED(state);
	(void)snprintf(directory, sizeof(directory), "%.32s/seed-key-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/seedfs.key", directory);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv(variables[0]);
	unsetenv(variables[1]);
	return 0;
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	(void)unlink(path);
	(void)rmdir(path);
	return rmdir(directory);
}

static void write_file(const void *data, size_t len, mode_t mode)
{
	int fd;

	(void)unlink(path); /* may be read-only */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* The key's own text is in no message. */
static void expect_error(const char *file, errint_t wanted, const char *format)
{
	struct seed_key *key = NULL;
	struct seed_error error = {0};
	char message[SEED_MESSAGE_MAX_BYTES];

	(void)snprintf(message, sizeof(message), "key file %s: %s", path, format);
	assert_int_equal(seed_key_load(file, variables, &key, &error), wanted);
	assert_int_equal(error.code, -wanted);
	assert_string_equal(error.message, message);
	assert_null(key);
	assert_int_equal(seed_key_load(file, variables, &key, NULL), wanted);
}

static void expect_key(const char *file, const char *wanted)
{
	struct seed_error error = {.message = "untouched"};
	struct seed_key *key = NULL;

	if (seed_key_load(file, variables, &key, &error))
		fail_msg("%s", error.message);
	assert_string_equal(seed_key_text(key), wanted);
	assert_string_equal(error.message, "untouched");
	seed_key_free(key);
}

static void test_file(void **state)
{
	static const struct {
		const char *content, *key;
	} cases[] = {
		{"sk-123", "sk-123"},
		{"sk-123\n", "sk-123"},
		{"\r\n\t \v\f sk-123 \t\r\n\n", "sk-123"},
		{"!~", "!~"},
		{"x", "x"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		write_file(cases[i].content, strlen(cases[i].content), 0600);
		expect_key(path, cases[i].key);
	}
	write_file("read-only", 9, 0400);
	expect_key(path, "read-only");
}

#define FOREIGN(byte) \
	"byte " byte " is white space, a control character or not ASCII; put only the key there"

static void test_file_that_is_no_key(void **state)
{
	static const struct {
		const char *content;
		size_t len;
		const char *message;
	} cases[] = {
		{"", 0, "empty; put the key there"},
		{" \n\t\n", 4, "empty; put the key there"},
		{"sk 123", 6, FOREIGN("2")},
		{"sk-1\nsk-2\n", 10, FOREIGN("4")},
		{" sk\t1", 5, FOREIGN("2")},
		{"sk\0" "123", 6, FOREIGN("2")},
		{"sk\x7f", 3, FOREIGN("2")},
		{"\x01sk", 3, FOREIGN("0")},
		{"\xef\xbb\xbfsk", 5, FOREIGN("0")},
		{"sk\xc2\xa0", 4, FOREIGN("2")},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		write_file(cases[i].content, cases[i].len, 0600);
		expect_error(path, -EINVAL, cases[i].message);
	}
}

static void test_file_size(void **state)
{
	static char big[SEED_KEY_MAX_BYTES * 3 + 1];

	SEED_UNUSED(state);
	memset(big, 'k', sizeof(big) - 1);
	write_file(big, sizeof(big) - 1, 0600);
	expect_error(path, -EINVAL, "more than 4096 bytes, which is no key");
	write_file(big, SEED_KEY_MAX_BYTES + 1, 0600);
	expect_error(path, -EINVAL, "more than 4096 bytes, which is no key");
	write_file(big, SEED_KEY_MAX_BYTES, 0600);
	big[SEED_KEY_MAX_BYTES] = '\0';
	expect_key(path, big);
}

static void test_file_modes(void **state)
{
	static const struct {
		mode_t mode;
		const char *message;
	} cases[] = {
		{0644, "mode 0644 lets others read it; chmod 600 it"},
		{0640, "mode 0640 lets others read it; chmod 600 it"},
		{0604, "mode 0604 lets others read it; chmod 600 it"},
		{0620, "mode 0620 lets others use it; chmod 600 it"},
		{0602, "mode 0602 lets others use it; chmod 600 it"},
		{0610, "mode 0610 lets others use it; chmod 600 it"},
		{0601, "mode 0601 lets others use it; chmod 600 it"},
		{04644, "mode 4644 lets others read it; chmod 600 it"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		write_file("secret", 6, cases[i].mode);
		expect_error(path, -EACCES, cases[i].message);
	}
}

static void test_what_is_no_file(void **state)
{
	SEED_UNUSED(state);
	expect_error(path, -ENOENT, "No such file or directory");
	assert_int_equal(mkdir(path, 0700), 0);
	expect_error(path, -EINVAL, "not a regular file");
	assert_int_equal(rmdir(path), 0);
	/* A FIFO without a writer must not block the mount. */
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_error(path, -EINVAL, "not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("seedfs.key", path), 0);
	expect_error(path, -EACCES, "Too many levels of symbolic links");
}

static void test_unreadable_file(void **state)
{
	SEED_UNUSED(state);
	if (geteuid() == 0)
		skip(); /* root reads all */
	write_file("secret", 6, 0200);
	expect_error(path, -EACCES, "Permission denied");
}

/* A file that opens but does not read: this process's memory at 0. */
static void test_file_that_fails_to_read(void **state)
{
	struct seed_error error = {0};
	struct seed_key *key = NULL;

	SEED_UNUSED(state);
	assert_int_equal(seed_key_load("/proc/self/mem", NULL, &key, &error), -EACCES);
	assert_string_equal(error.message,
			    "key file /proc/self/mem: cannot be read: Input/output error");
	assert_null(key);
}

/* A file that was named is the only place. */
static void test_named_file_comes_first(void **state)
{
	SEED_UNUSED(state);
	setenv("SEED_TEST_KEY", "from-variable", 1);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	expect_error(path, -ENOENT, "No such file or directory");
	write_file("from-file", 9, 0600);
	expect_key(path, "from-file");
}

static void test_credential(void **state)
{
	SEED_UNUSED(state);
	setenv("SEED_TEST_KEY", "from-variable", 1);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	/* systemd chooses the mode */
	write_file("from-systemd\n", 13, 0444);
	expect_key(NULL, "from-systemd");
	write_file("two words", 9, 0440);
	expect_error(NULL, -EINVAL, FOREIGN("3"));
	assert_int_equal(unlink(path), 0);
	expect_key(NULL, "from-variable");
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	expect_key(NULL, "from-variable");
}

static void test_variables(void **state)
{
	SEED_UNUSED(state);
	setenv("SEED_TEST_KEY_2", "second", 1);
	expect_key(NULL, "second");
	setenv("SEED_TEST_KEY", "", 1);
	expect_key(NULL, "second");
	setenv("SEED_TEST_KEY", " first\n", 1);
	expect_key(NULL, "first");
}

static void test_variables_that_are_no_key(void **state)
{
	static char big[SEED_KEY_MAX_BYTES * 2];
	static const struct {
		const char *value, *message;
	} cases[] = {
		{" ", "variable SEED_TEST_KEY: empty; put the key there"},
		{"a b", "variable SEED_TEST_KEY: " FOREIGN("1")},
		{big, "variable SEED_TEST_KEY: more than 4096 bytes, which is no key"},
	};

	SEED_UNUSED(state);
	memset(big, 'k', sizeof(big) - 1);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_error error = {0};
		struct seed_key *key = NULL;

		setenv("SEED_TEST_KEY", cases[i].value, 1);
		assert_int_equal(seed_key_load(NULL, variables, &key, &error), -EINVAL);
		assert_string_equal(error.message, cases[i].message);
		assert_null(key);
	}
}

static void test_no_key(void **state)
{
	struct seed_error error = {0};
	struct seed_key *key = NULL;

	SEED_UNUSED(state);
	assert_int_equal(seed_key_load(NULL, variables, &key, &error), -ENOKEY);
	assert_string_equal(error.message, "set SEED_TEST_KEY, or name a file with -o key_file=PATH; "
			    "-o provider=sketch needs none");
	assert_int_equal(error.code, ENOKEY);
	assert_null(key);
}

/* Kilobytes locked, as the kernel counts them for the mapping at `address`. */
static long locked_kb(const void *address)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool here = false;
	long locked = -1;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)address >= from && (uintptr_t)address < to;
		else if (here && sscanf(line, "Locked: %ld kB", &locked) == 1)
			break;
	}
	(void)fclose(maps);
	return locked;
}

/* False where RLIMIT_MEMLOCK or a sanitizer leaves mlock() without effect. */
static bool can_lock(void)
{
	void *page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool locked = page != MAP_FAILED && mlock(page, 16384) == 0 && locked_kb(page) > 0;

	if (page != MAP_FAILED)
		(void)munmap(page, 16384);
	return locked;
}

static void test_locked(void **state)
{
	struct seed_key *key = NULL;

	SEED_UNUSED(state);
	if (!can_lock())
		skip();
	setenv("SEED_TEST_KEY", "secret", 1);
	assert_int_equal(seed_key_load(NULL, variables, &key, NULL), 0);
	assert_true(locked_kb(seed_key_text(key)) > 0);
	seed_key_free(key);
	seed_key_free(NULL);
}

/* Memory that is given back still has what was in it, for whoever gets it next, or for a core
 * file: so it is looked at there. */
#define SECRET "sk-to-be-cleared"

static int looked_at, found;

static void look(const char *text, size_t len)
{
	looked_at++;
	found += memmem(text, len, SECRET, strlen(SECRET)) != NULL;
}

int __real_munmap(void *address, size_t len);
int __wrap_munmap(void *address, size_t len);
int __wrap_munmap(void *address, size_t len)
{
	look(address, len);
	return __real_munmap(address, len);
}

void __real_curl_slist_free_all(struct curl_slist *list);
void __wrap_curl_slist_free_all(struct curl_slist *list);
void __wrap_curl_slist_free_all(struct curl_slist *list)
{
	for (const struct curl_slist *line = list; line; line = line->next)
		look(line->data, strlen(line->data));
	__real_curl_slist_free_all(list);
}

static void test_cleared(void **state)
{
	struct seed_key *key = NULL;

	SEED_UNUSED(state);
	setenv("SEED_TEST_KEY", SECRET, 1);
	assert_int_equal(seed_key_load(NULL, variables, &key, NULL), 0);
	looked_at = found = 0;
	seed_key_free(key);
	assert_int_equal(looked_at, 1);
	assert_int_equal(found, 0);
}

static void no_answer(void *context, struct seed_net_answer *answer)
{
	SEED_UNUSED(context);
	SEED_UNUSED(answer);
}

/* The line with which it was to be sent, too. */
static void test_line_cleared(void **state)
{
	const struct seed_net_request request = {
		.method = "GET", .url = "http://127.0.0.1:1/", .authorization = "Bearer " SECRET,
		.deadline_ms = seed_clock_now_ms() + 10000, .limit_bytes = 1024,
	};
	struct seed_transfer *transfer;
	struct seed_net *net;

	SEED_UNUSED(state);
	assert_int_equal(seed_net_new(1024 * 1024, &net), 0);
	assert_int_equal(seed_net_send(net, &request, no_answer, NULL, &transfer), 0);
	looked_at = found = 0;
	seed_net_free(net);
	assert_true(looked_at > 0);
	assert_int_equal(found, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_file_that_is_no_key),
		TEST(test_file_size),
		TEST(test_file_modes),
		TEST(test_what_is_no_file),
		TEST(test_unreadable_file),
		TEST(test_file_that_fails_to_read),
		TEST(test_named_file_comes_first),
		TEST(test_credential),
		TEST(test_variables),
		TEST(test_variables_that_are_no_key),
		TEST(test_no_key),
		TEST(test_locked),
		TEST(test_cleared),
		TEST(test_line_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
