/*
 * The state directory as somebody else may have left it: what is not ours is
 * refused or set aside with a line in the log, never followed or waited for.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/store/store.h"

#define PATH_BYTES 256
#define ID "0123456789abcdef"
#define LOG_BYTES 65536

static char work[PATH_BYTES], state_dir[PATH_BYTES];
static char log_text[LOG_BYTES];

static const char *at(const char *path)
{
	static char full[4][2 * PATH_BYTES];
	static size_t next;
	char *out = full[next++ % SEED_ARRAY_LEN(full)];

	(void)snprintf(out, sizeof(full[0]), "%s/%s", state_dir, path);
	return out;
}

static void put(const char *path, const char *text)
{
	int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(at(path), &st) == 0;
}

static errint_t refuse(void *context, struct seed_record *record, bool newest)
{
	int *count = context;

	SEED_UNUSED(newest);
	(*count)++;
	seed_record_release(record);
	return 0;
}

/* Opens, reads the journal, closes: rows that were taken up; the log in log_text. */
static int start(void)
{
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	struct seed_log *log = NULL;
	int count = 0;
	ssize_t len;

	if (seed_store_open(state_dir, &store, &error))
		fail_msg("open: %s", error.message);
	if (seed_log_open(seed_store_log_dir(store), LOG_BYTES, false, &log, &error))
		fail_msg("log: %s", error.message);
	seed_store_report_to(store, log);
	if (seed_store_recover(store, refuse, &count, &error))
		fail_msg("recover: %s", error.message);
	len = seed_log_read(log, log_text, sizeof(log_text) - 1, 0);
	log_text[len > 0 ? len : 0] = '\0';
	seed_log_close(log);
	seed_store_close(store);
	return count;
}

static void says(const char *text)
{
	if (!strstr(log_text, text))
		fail_msg("no \"%s\" in: %s", text, log_text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(type);
	SEED_UNUSED(ftw);
	return remove(path);
}

static int set_up(void **state)
{
	const char *above = getenv("TMPDIR");

	SEED_UNUSED(state);
	(void)snprintf(work, sizeof(work), "%s/seed-store.XXXXXX", above ? above : "/tmp");
	if (!mkdtemp(work))
		return -1;
	(void)snprintf(state_dir, sizeof(state_dir), "%.200s/state", work);
	start();
	return 0;
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* ---- the directory ---- */

static void refused(const char *command)
{
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;

	assert_int_equal(seed_store_open(state_dir, &store, &error), -EPERM);
	assert_non_null(strstr(error.message, state_dir));
	if (!strstr(error.message, command))
		fail_msg("no \"%s\" in: %s", command, error.message);
}

static void test_writable_by_others(void **state)
{
	static const mode_t modes[] = { 0770, 0720, 0702, 01777 };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(modes); i++) {
		assert_int_equal(chmod(state_dir, modes[i]), 0);
		refused("chmod go-w '");
	}
	assert_int_equal(chmod(state_dir, 0755), 0);
	assert_int_equal(start(), 0);
}

static void test_somebody_elses(void **state)
{
	SEED_UNUSED(state);
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(state_dir, 12345, 12345), 0);
	refused("chown -R 0 '");
}

/* ---- its files and folders ---- */

struct planted {
	const char *path, *kind;
};

static void plant(const char *path, const char *kind)
{
	nftw(at(path), remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (strcmp(kind, "fifo") == 0)
		assert_int_equal(mkfifo(at(path), 0600), 0);
	else if (strcmp(kind, "link") == 0)
		assert_int_equal(symlink(work, at(path)), 0);
	else if (strcmp(kind, "folder") == 0)
		assert_int_equal(mkdir(at(path), 0700), 0);
	else
		put(path, "garbage");
}

static void test_what_is_no_folder(void **state)
{
	static const char *const kinds[] = { "fifo", "link", "file" };
	static const char *const paths[] = {
		"prompts", "images", "records", "history", "pending", "tmp", "log", "reuse",
	};
	char aside[64];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(paths); i++)
		for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
			plant(paths[i], kinds[k]);
			assert_int_equal(start(), 0);
			(void)snprintf(aside, sizeof(aside), "%s.bad", paths[i]);
			assert_true(is_there(aside));
			assert_true(is_there(paths[i]));
			says(aside);
			assert_int_equal(unlink(at(aside)), 0);
		}
}

static void test_what_is_no_file(void **state)
{
	static const char *const kinds[] = { "fifo", "link", "folder" };
	static const char *const paths[] = { "lock", "log/status" };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(paths); i++)
		for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
			char aside[64];

			plant(paths[i], kinds[k]);
			assert_int_equal(start(), 0);
			(void)snprintf(aside, sizeof(aside), "%s.bad", paths[i]);
			assert_true(is_there(aside));
			says(strrchr(aside, '/') ? "status.bad" : aside);
			assert_int_equal(remove(at(aside)), 0);
		}
}

static void test_files_that_are_none(void **state)
{
	static const char *const kinds[] = { "fifo", "link", "folder" };
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	struct seed_record record;

	SEED_UNUSED(state);
	for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
		plant("images/x.png", kinds[k]);
		plant("records/x.json", kinds[k]);
		plant("pending/" ID ".source", kinds[k]);
		assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
		assert_int_equal(seed_store_open_file(store, SEED_AREA_IMAGES, "x.png"), -ENOENT);
		assert_true(seed_store_source_open(store, ID) < 0);
		assert_true(seed_store_record_read(store, "x", &record) < 0);
		seed_record_release(&record);
		seed_store_close(store);
	}
}

/* ---- the journal ---- */

#define ROW(id, name) \
	"{\"name\":\"" name "\",\"state\":\"queued\",\"prompt\":\"p\",\"request\":\"p\"," \
	"\"superseded\":false,\"id\":\"" id "\",\"step\":\"accepted\"}"

static void test_rows_that_are_none(void **state)
{
	static const char *const rows[] = {
		"", "garbage", "[]", "{}", "{\"name\":\"x\"}", ROW("0000000000000000", "x"),
		ROW(ID, "../x"), ROW(ID, "/etc/x"), ROW(ID, "a/../../x"), ROW(ID, ""),
		ROW(ID, "inside/x"),
	};
	static const char *const kinds[] = { "fifo", "link", "folder" };

	SEED_UNUSED(state);
	assert_int_equal(symlink(work, at("images/inside")), 0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows) + SEED_ARRAY_LEN(kinds); i++) {
		if (i < SEED_ARRAY_LEN(rows))
			put("pending/" ID ".json", rows[i]);
		else
			plant("pending/" ID ".json", kinds[i - SEED_ARRAY_LEN(rows)]);
		put("pending/" ID ".png", "a picture that may be paid");
		put("pending/" ID ".source", "bytes that may be paid");
		/* Now, and at every later start. */
		for (int n = 0; n < 3; n++) {
			assert_int_equal(start(), 0);
			says("set aside as " ID ".bad");
			assert_true(is_there("pending/" ID ".bad"));
			assert_false(is_there("pending/" ID ".json"));
			assert_true(is_there("pending/" ID ".png"));
			assert_true(is_there("pending/" ID ".source"));
		}
		assert_int_equal(remove(at("pending/" ID ".bad")), 0);
		assert_int_equal(remove(at("log/status")), 0);
	}
	put("pending/" ID ".json", ROW(ID, "x"));
	assert_int_equal(start(), 1);
	/* The pictures of a row that was given up belong to nobody. */
	assert_int_equal(remove(at("pending/" ID ".json")), 0);
	assert_int_equal(start(), 0);
	assert_false(is_there("pending/" ID ".png"));
}

static errint_t take(void *context, struct seed_record *record, bool newest)
{
	SEED_UNUSED(newest);
	*(struct seed_record *)context = *record;
	return 0;
}

/* The one row that is in the journal; release it. */
static struct seed_store *start_with(struct seed_record *record, struct seed_spent *spent)
{
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;

	*record = (struct seed_record){ 0 };
	assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
	assert_int_equal(seed_store_spent_read(store, spent), 0);
	assert_int_equal(seed_store_recover(store, take, record, &error), 0);
	return store;
}

static size_t load(const char *path, char *text, size_t size)
{
	int fd = open(at(path), O_RDONLY);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, text, size - 1);
	close(fd);
	assert_true(len >= 0);
	text[len] = '\0';
	return (size_t)len;
}

static void has_prompt(const char *text)
{
	char got[64];

	load("prompts/x", got, sizeof(got));
	assert_string_equal(got, text);
}

/* One that an earlier version wrote is taken up, and goes on as lines. */
static void test_row_of_one_text(void **state)
{
	struct seed_spent spent;
	struct seed_record record;
	struct seed_store *store;
	char text[8192];

	SEED_UNUSED(state);
	put("pending/" ID ".json", ROW(ID, "x"));
	store = start_with(&record, &spent);
	assert_string_equal(record.step, "accepted");
	has_prompt("p"); /* which it wrote before its first step */
	record.step = seed_record_step("commit");
	assert_int_equal(seed_store_journal(store, &record), 0);
	assert_int_equal(seed_store_journal(store, &record), 0);
	seed_store_close(store);
	seed_record_release(&record);
	load("pending/" ID ".json", text, sizeof(text));
	assert_int_equal(text[0], '#');
	assert_non_null(strstr(text, "\n#"));
	store = start_with(&record, &spent);
	assert_string_equal(record.step, "commit");
	seed_store_close(store);
	seed_record_release(&record);
}

/* Its prompt was durable before its first attempt: one that is missing was removed. */
static void test_row_of_one_text_that_was_removed(void **state)
{
	struct seed_spent spent;
	struct seed_record record;

	SEED_UNUSED(state);
	put("pending/" ID ".json",
	    "{\"name\":\"x\",\"state\":\"generating\",\"prompt\":\"p\",\"request\":\"p\","
	    "\"attempts\":[{\"steps\":30,\"cfg_scale\":8}],\"id\":\"" ID "\",\"step\":\"accepted\"}");
	seed_store_close(start_with(&record, &spent));
	assert_int_equal(record.state, SEED_STATE_CANCELLED);
	assert_false(is_there("prompts/x"));
	seed_record_release(&record);
}

/* Whatever a power cut leaves of the last line, the one before it counts, and nothing
 * is added behind what is left. */
/* A row that was another host's came without its picture, and what its beginning made here is empty. */
static void test_picture_of_superseded(void **state)
{
	struct seed_spent spent;
	struct seed_record record;
	struct seed_store *store;
	int fd;

	SEED_UNUSED(state);
	put("pending/" ID ".json", ROW(ID, "x"));
	store = start_with(&record, &spent);
	record.step = seed_record_step("commit");
	record.state = SEED_STATE_VERIFIED;
	record.superseded = true;
	record.image.bytes = 7;
	assert_true(seed_store_has_picture(store, &record)); /* it is in the history */
	fd = seed_store_result_open(store, ID);
	assert_true(fd >= 0);
	assert_false(seed_store_has_picture(store, &record));
	assert_int_equal(write(fd, "picture", 7), 7);
	assert_true(seed_store_has_picture(store, &record));
	close(fd);
	seed_store_close(store);
	seed_record_release(&record);
}

static void test_line_that_is_cut_off(void **state)
{
	struct seed_spent spent;
	struct seed_record record;
	struct seed_store *store;
	char text[16384];
	size_t len, first;

	SEED_UNUSED(state);
	put("pending/" ID ".json", ROW(ID, "x"));
	store = start_with(&record, &spent);
	seed_store_spent_note(store, &(struct seed_spent){ .day = 20000, .count = 3, .serial = 5 });
	record.step = seed_record_step("submitting");
	assert_int_equal(seed_store_journal(store, &record), 0);
	seed_store_spent_note(store, &(struct seed_spent){ .day = 20000, .count = 2, .serial = 6 });
	record.step = seed_record_step("accepted");
	assert_int_equal(seed_store_journal(store, &record), 0);
	seed_store_close(store);
	seed_record_release(&record);
	len = load("pending/" ID ".json", text, sizeof(text));
	first = (size_t)(strchr(text, '\n') - text) + 1;
	for (size_t cut = first; cut <= len; cut++)
		for (int zeroes = 0; zeroes < 2; zeroes++) {
			bool whole = cut >= len - 1; /* but for the line break */
			char left[sizeof(text)];
			int fd;

			memset(left, 0, sizeof(left));
			memcpy(left, text, cut);
			fd = open(at("pending/" ID ".json"), O_WRONLY | O_TRUNC);
			assert_int_equal(write(fd, left, zeroes ? len : cut), zeroes ? len : cut);
			close(fd);
			whole = whole && !(zeroes && cut < len);
			store = start_with(&record, &spent);
			assert_string_equal(record.step, whole ? "accepted" : "submitting");
			/* The budget is what the last line that counts tells. */
			assert_int_equal(spent.serial, whole ? 6 : 5);
			assert_int_equal(spent.count, whole ? 2 : 3);
			record.step = seed_record_step("commit");
			if (cut % 16 == 0) {
				assert_int_equal(seed_store_journal(store, &record), 0);
				seed_record_release(&record);
				seed_store_close(store);
				store = start_with(&record, &spent);
				assert_string_equal(record.step, "commit");
			}
			seed_store_close(store);
			seed_record_release(&record);
		}
}

/* What the rows count is in the file before they go. */
static void test_spent_of_rows_that_go(void **state)
{
	struct seed_spent spent;
	struct seed_record record;
	struct seed_store *store;

	SEED_UNUSED(state);
	put("pending/" ID ".json", ROW(ID, "x"));
	store = start_with(&record, &spent);
	seed_store_spent_note(store, &(struct seed_spent){ .day = 20000, .count = 3, .serial = 5,
							   .users = { { 1000, 3 } } });
	assert_int_equal(seed_store_journal(store, &record), 0);
	assert_false(is_there("spent"));
	assert_int_equal(seed_store_forget(store, ID), 0);
	seed_store_close(store);
	seed_record_release(&record);
	store = start_with(&record, &spent);
	assert_null(record.id);
	assert_int_equal(spent.count, 3);
	assert_int_equal(spent.serial, 5);
	assert_int_equal(spent.users[0].uid, 1000);
	seed_store_close(store);
}

/* Ids only grow: one at the end of all would be followed by the first. */
static void test_the_last_id(void **state)
{
	static const char path[] = "pending/ffffffffffffffff.json";
	char before[SEED_STORE_ID_BYTES], after[SEED_STORE_ID_BYTES];
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	int count = 0;

	SEED_UNUSED(state);
	put(path, ROW("ffffffffffffffff", "x"));
	assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
	seed_store_new_id(store, before);
	assert_int_equal(seed_store_recover(store, refuse, &count, &error), 0);
	seed_store_new_id(store, after);
	seed_store_close(store);
	assert_int_equal(count, 0);
	assert_true(strcmp(before, after) < 0);
	assert_false(is_there(path));
}

/* Nor would those that follow one that is nearly there be ids, at the next start. */
static void test_rows_that_no_clock_has_dated(void **state)
{
	static const char *const ids[] = { "7fffffffffffffff", "7ffffffffffffffe", "4000000000000001" };
	struct seed_record record;
	char id[SEED_STORE_ID_BYTES], path[64], row[512];
	struct seed_spent spent;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(ids); i++) {
		struct seed_store *store;

		(void)snprintf(path, sizeof(path), "pending/%s.json", ids[i]);
		(void)snprintf(row, sizeof(row), "{\"name\":\"x\",\"state\":\"queued\",\"prompt\":\"p\","
			       "\"request\":\"p\",\"superseded\":false,\"id\":\"%s\",\"step\":\"accepted\"}", ids[i]);
		put(path, row);
		store = start_with(&record, &spent);
		seed_store_new_id(store, id);
		assert_true(strcmp(id, "4000000000000000") < 0);
		assert_string_equal(record.id, ids[i]);
		seed_record_release(&record);
		seed_store_close(store);
		assert_int_equal(remove(at(path)), 0);
	}
}

/* The record of one that runs may have lost its name; what a removal took does not come back. */
static void test_record_that_is_missing(void **state)
{
	static const char *const states[] = { "generating", "cancelled" };
	struct seed_record record;
	struct seed_spent spent;
	char row[512];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(states); i++) {
		(void)snprintf(row, sizeof(row), "{\"name\":\"x\",\"state\":\"%s\",\"prompt\":\"p\",\"request\":\"p\","
			       "\"superseded\":false,\"attempts\":[{\"steps\":30,\"cfg_scale\":8}],\"id\":\"" ID "\","
			       "\"step\":\"accepted\"}", states[i]);
		put("prompts/x", "p");
		put("pending/" ID ".json", row);
		seed_store_close(start_with(&record, &spent));
		assert_int_equal(record.attempt_count, 1);
		assert_int_equal(is_there("records/x.json"), i == 0);
		seed_record_release(&record);
		(void)remove(at("records/x.json"));
		(void)remove(at("pending/" ID ".json"));
	}
}

/* One that was set aside under the same id is somebody's, too. */
static void test_what_was_set_aside_stays(void **state)
{
	char text[16];

	SEED_UNUSED(state);
	put("pending/" ID ".bad", "first");
	put("pending/" ID ".bad2", "second");
	put("pending/" ID ".json", "third");
	assert_int_equal(start(), 0);
	says(ID ".bad3");
	assert_int_equal(load("pending/" ID ".bad", text, sizeof(text)), 5);
	assert_int_equal(load("pending/" ID ".bad2", text, sizeof(text)), 6);
	assert_int_equal(load("pending/" ID ".bad3", text, sizeof(text)), 5);
}

static void test_row_of_somebody_else(void **state)
{
	SEED_UNUSED(state);
	if (geteuid() != 0)
		skip();
	put("pending/" ID ".json", ROW(ID, "x"));
	assert_int_equal(chown(at("pending/" ID ".json"), 12345, 12345), 0);
	assert_int_equal(start(), 0);
	says("set aside as " ID ".bad");
}

static void test_moves_that_are_none(void **state)
{
	static const char *const rows[] = {
		"", "garbage", "{}", "[]", "[[]]", "[1]",
		"{\"from\":\"../../victim\",\"to\":\"x\",\"folder\":false,\"retired\":true}",
		"[[\"prompts\",\"../../victim\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"x\",\"prompts\",\"../../victim\",3]]",
		"[[\"prompts\",\"/tmp/victim\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"a/../../../victim\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\".\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"inside/victim\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"x\",\"images\",\"inside/victim\",3]]",
		"[[\"pending\",\"../prompts/y\",\"prompts\",\"x\",3]]",
		"[[\"pending\",\"y\",\"prompts\",\"x\",3]]",
		"[[\"tmp\",\"y\",\"prompts\",\"x\",3]]",
		"[[\"log\",\"status\",\"prompts\",\"x\",3]]",
		"[[\"prompts\",\"y\",\"prompts\",\"x\",2]]",
		"[[\"prompts\",\"y\",\"prompts\",\"x\",1e300]]",
		"[[\"prompts\",\"y\",\"prompts\",\"x\"]]",
	};
	char victim[2 * PATH_BYTES];
	struct stat st;

	SEED_UNUSED(state);
	(void)snprintf(victim, sizeof(victim), "%s/victim", work);
	close(open(victim, O_CREAT | O_WRONLY, 0600));
	put("prompts/y", "a prompt");
	assert_int_equal(symlink(work, at("prompts/inside")), 0);
	assert_int_equal(symlink(work, at("images/inside")), 0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		put("pending/" ID ".move", rows[i]);
		assert_int_equal(start(), 0);
		says("set aside as " ID ".bad");
		assert_true(is_there("pending/" ID ".bad"));
		assert_true(is_there("prompts/y"));
		assert_false(is_there("prompts/x"));
		assert_int_equal(stat(victim, &st), 0);
		assert_int_equal(remove(at("pending/" ID ".bad")), 0);
		assert_int_equal(remove(at("log/status")), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const kinds[] = { "fifo", "link", "folder" };

		plant("pending/" ID ".move", kinds[i]);
		assert_int_equal(start(), 0);
		says("set aside as " ID ".bad");
		assert_int_equal(remove(at("pending/" ID ".bad")), 0);
	}
}

/* ---- what was spent ---- */

static errint_t spent(struct seed_spent *out)
{
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	errint_t err;

	assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
	err = seed_store_spent_read(store, out);
	seed_store_close(store);
	return err;
}

static void test_spent(void **state)
{
	static const char *const garbage[] = {
		"", "garbage", "20000", "20000 ", "20000 -1\n", "20000 3", "20000 3 4\n", "-1 3\n",
		"20000 1000000000000001\n", "20000 9223372036854775807\n",
	};
	static const char *const kinds[] = { "fifo", "link", "folder" };
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	struct seed_spent got;

	SEED_UNUSED(state);
	assert_int_equal(spent(&got), 0);
	assert_int_equal(got.count, 0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(garbage); i++) {
		put("spent", garbage[i]);
		if (!spent(&got))
			fail_msg("taken: \"%s\"", garbage[i]);
	}
	/* Set aside: nothing could be written in its place. */
	for (size_t i = 0; i < SEED_ARRAY_LEN(kinds); i++) {
		plant("spent", kinds[i]);
		assert_true(spent(&got) < 0);
		assert_false(is_there("spent"));
		assert_int_equal(remove(at("spent.bad")), 0);
	}

	assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
	seed_store_spent_note(store, &(struct seed_spent){ .day = 20000, .count = 7, .serial = 2,
							   .is_lost = true });
	assert_int_equal(seed_store_spent_sync(store), 0);
	/* An older one comes late. */
	seed_store_spent_note(store, &(struct seed_spent){ .day = 20000, .count = 6, .serial = 1 });
	assert_int_equal(seed_store_spent_sync(store), 0);
	seed_store_close(store);
	assert_int_equal(spent(&got), 0);
	assert_int_equal(got.day, 20000);
	assert_int_equal(got.count, 7);
	assert_true(got.is_lost);
}

static int64_t count_on(struct seed_spent *spent, int64_t day)
{
	seed_spent_turn(spent, day);
	return spent->count;
}

/* A clock that jumps, and is put right; also over mounts. The first of eight days is forgotten. */
static void test_spent_on_other_days(void **state)
{
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	struct seed_spent got = { .day = 20000, .count = 7, .is_lost = true };

	SEED_UNUSED(state);
	assert_int_equal(count_on(&got, 0), 0);
	assert_false(got.is_lost);
	got.count = 2;
	assert_int_equal(count_on(&got, 20000), 7);
	assert_true(got.is_lost);
	assert_int_equal(count_on(&got, 0), 2);
	assert_int_equal(count_on(&got, 40000), 0);
	got.serial = 1;
	assert_int_equal(seed_store_open(state_dir, &store, &error), 0);
	seed_store_spent_note(store, &got);
	assert_int_equal(seed_store_spent_sync(store), 0);
	seed_store_close(store);
	assert_int_equal(spent(&got), 0);
	assert_int_equal(count_on(&got, 0), 2);
	assert_int_equal(count_on(&got, 20000), 7);
	assert_true(got.is_lost);

	got = (struct seed_spent){ .day = 1, .count = 1 };
	for (int64_t day = 2; day <= 2 + SEED_SPENT_EARLIER; day++) {
		assert_int_equal(count_on(&got, day), 0);
		got.count = day;
	}
	for (int64_t day = 2 + SEED_SPENT_EARLIER; day > 1; day--)
		assert_int_equal(count_on(&got, day), day);
	assert_int_equal(count_on(&got, 1), 0);
}

/* Who is not known, after a crash, or found no place has the last one, also once the file was
 * read; files of earlier versions have several lines of them. */
static void test_spent_of_users(void **state)
{
	struct seed_spent got;
	char text[2048] = "20000 40\n";
	size_t len = strlen(text);

	SEED_UNUSED(state);
	put("spent", "20000 12\nuid -1 5\nuid 1000 1\nuid -1 4\nuid 1000 2\nuid 0 9223372036854775807\n");
	assert_int_equal(spent(&got), 0);
	seed_spent_count_user(&got, -1, 1);
	seed_spent_count_user(&got, 1000, 1);
	assert_int_equal(got.users[0].uid, 1000);
	assert_int_equal(got.users[0].count, 4);
	for (size_t i = 1; i < SEED_SPENT_USERS - 1; i++)
		assert_int_equal(got.users[i].count, 0);
	assert_int_equal(got.users[SEED_SPENT_USERS - 1].uid, -1);
	assert_int_equal(got.users[SEED_SPENT_USERS - 1].count, 10);

	for (int uid = 0; uid < 40; uid++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "uid %d 1\n", uid);
	put("spent", text);
	assert_int_equal(spent(&got), 0);
	assert_int_equal(got.users[SEED_SPENT_USERS - 1].uid, -1);
	assert_int_equal(got.users[SEED_SPENT_USERS - 1].count, 40 - (SEED_SPENT_USERS - 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_writable_by_others),
		TEST(test_somebody_elses),
		TEST(test_what_is_no_folder),
		TEST(test_what_is_no_file),
		TEST(test_files_that_are_none),
		TEST(test_rows_that_are_none),
		TEST(test_row_of_one_text),
		TEST(test_row_of_one_text_that_was_removed),
		TEST(test_picture_of_superseded),
		TEST(test_line_that_is_cut_off),
		TEST(test_spent_of_rows_that_go),
		TEST(test_the_last_id),
		TEST(test_rows_that_no_clock_has_dated),
		TEST(test_what_was_set_aside_stays),
		TEST(test_record_that_is_missing),
		TEST(test_row_of_somebody_else),
		TEST(test_moves_that_are_none),
		TEST(test_spent),
		TEST(test_spent_on_other_days),
		TEST(test_spent_of_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
