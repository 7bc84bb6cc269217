/* lib/adopt/entry.h: what of a directory an entry is made of, and when the bucket has it. */
#include "tests/unit/unit.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/adopt/entry.h"
#include "lib/adopt/survey.h"
#include "lib/image/sink.h"

#define PNG_HEAD "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x90"

static char work[] = "/tmp/seedfs-adopt-XXXXXX";
static struct seed_store *store;
static char said[4096];

static void on_say(void *context, const char *line)
{
	SEED_UNUSED(context);
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
}

static const struct seed_adopt_report report = { .say = on_say };

/* Makes its folders, too. */
static void put_bytes(const char *path, const void *data, size_t len)
{
	char full[512];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", work, path);
	for (char *slash = full + strlen(work) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		if (mkdir(full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
	}
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void put_row(const char *path, const char *state, const char *bytes)
{
	char row[512], sum[SEED_SHA256_HEX_BYTES];
	struct seed_error error;

	assert_int_equal(seed_sha256(bytes, strlen(bytes), sum, &error), 0);
	(void)snprintf(row, sizeof(row), "{\"name\":\"old\",\"state\":\"%s\",\"prompt\":\"of the row\",\"image\":"
		       "{\"sha256\":\"%s\",\"bytes\":%zu,\"width\":2,\"height\":1},"
		       "\"created_at\":\"2026-01-02T03:04:05.678Z\"}", state, sum, strlen(bytes));
	put(path, row);
}

static int start(void **state)
{
	struct seed_error error;

	SEED_UNUSED(state);
	memcpy(work + strlen(work) - 6, "XXXXXX", 6);
	said[0] = '\0';
	assert_non_null(mkdtemp(work));
	return seed_store_open(work, &store, &error);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(flag);
	SEED_UNUSED(ftw);
	return remove(path);
}

static int stop(void **state)
{
	SEED_UNUSED(state);
	seed_store_close(store);
	return nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The items, with a space behind each. */
static const char *joined(const struct seed_adopt_list *list)
{
	static char text[512];

	text[0] = '\0';
	for (size_t i = 0; i < list->count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", list->items[i]);
	return text;
}

static void test_survey(void **state)
{
	struct seed_adopt_survey survey;
	struct seed_error error;

	SEED_UNUSED(state);
	put("prompts/d/e/a", "a");
	put("prompts/b", "b");
	put("images/b.png", "b");
	put("images/c.png", "c");
	put("images/c.txt", "not ours");
	put("records/b.json", "b");
	put("records/d/r.json", "b");
	put("history/d/h/0001.png", "h");
	put("history/d/h/0001.json", "h");
	put("history/0001.png/0002.png", "a name like a version's");
	put("history/none/0002.json", "without its image");
	assert_int_equal(seed_adopt_survey(store, &survey, &error), 0);
	assert_string_equal(joined(&survey.folders), "d d/e ");
	assert_string_equal(joined(&survey.names), "0001.png b c d/e/a d/h d/r ");
	seed_adopt_survey_release(&survey);
}

static void read_entry(const char *name, struct seed_adopt_entry *entry)
{
	struct seed_error error = { 0 };

	if (seed_adopt_entry_read(store, name, &report, entry, &error))
		fail_msg("%s", error.message);
}

static errint_t load(const struct seed_adopt_entry *entry, size_t i)
{
	struct seed_error error;
	char *data;
	size_t bytes;
	errint_t err = seed_adopt_picture_load(store, entry, &entry->pictures[i], &data, &bytes, &error);

	free(data);
	return err;
}

static void test_entry(void **state)
{
	const struct seed_share_version *version;
	struct seed_adopt_entry entry;

	SEED_UNUSED(state);
	put("prompts/fox", "{\"prompt\": \"a fox\"}\n");
	put("images/fox.png", "picture");
	put_row("records/fox.json", "verified", "picture");
	put("history/fox/0002.png", "before");
	put_row("history/fox/0002.json", "verified", "before");
	put("history/fox/0010.png", "befalls");
	put_row("history/fox/0010.json", "verified", "before!");
	read_entry("fox", &entry);
	assert_string_equal(entry.entry.current.name, "fox");
	assert_string_equal(entry.entry.current.request, "{\"prompt\": \"a fox\"}\n");
	assert_int_equal(strlen(entry.entry.current.id), 16);
	assert_int_equal(entry.entry.without, 0);
	assert_int_equal(entry.entry.version_count, 2);
	version = &entry.entry.versions[0];
	assert_int_equal(version->number, 2);
	assert_string_equal(version->record.request, "of the row");
	assert_int_equal(version->record.prompt_time.tv_sec, 1767323045);
	assert_int_equal(version->record.prompt_time.tv_nsec, 678000000);
	assert_string_not_equal(version->record.id, entry.entry.current.id);
	assert_int_equal(entry.count, 3);
	assert_int_equal(load(&entry, 0), 0);
	assert_int_equal(load(&entry, 1), 0);
	assert_int_equal(load(&entry, 2), -EBADMSG);
	entry.pictures[0].is_bad = entry.pictures[1].is_bad = true;
	seed_adopt_entry_drop_bad(&entry);
	assert_int_equal(entry.left_out, 2);
	assert_int_equal(entry.entry.without, SEED_SHARE_NO_IMAGE);
	assert_int_equal(entry.entry.version_count, 1);
	assert_int_equal(seed_adopt_row_of(&entry, &entry.pictures[0])->image.bytes, strlen("before!"));
	seed_adopt_entry_release(&entry);
}

static void test_parts(void **state)
{
	struct seed_adopt_entry entry;
	struct seed_error error = { 0 };

	SEED_UNUSED(state);
	/* Only a text. */
	put("prompts/text", "a text");
	read_entry("text", &entry);
	assert_int_equal(entry.entry.without, SEED_SHARE_NO_RECORD);
	assert_int_equal(entry.entry.current.state, SEED_STATE_CANCELLED);
	seed_adopt_entry_release(&entry);
	/* Only a record: the image and the text were removed. */
	put_row("records/row.json", "verified", "gone");
	read_entry("row", &entry);
	assert_int_equal(entry.entry.without, SEED_SHARE_NO_IMAGE | SEED_SHARE_NO_PROMPT);
	seed_adopt_entry_release(&entry);
	/* Only an image: its record is what the file tells. */
	put_bytes("images/image.png", PNG_HEAD, sizeof(PNG_HEAD));
	read_entry("image", &entry);
	assert_int_equal(entry.entry.without, SEED_SHARE_NO_PROMPT);
	assert_int_equal(entry.made_rows, 1);
	assert_int_equal(entry.entry.current.image.width, 256);
	assert_int_equal(entry.entry.current.image.height, 144);
	assert_int_equal(load(&entry, 0), 0);
	seed_adopt_entry_release(&entry);
	/* What is no image, and one beside the row of a failure. */
	put("images/text.png", "text");
	put_row("records/failed.json", "failed", "");
	put_bytes("images/failed.png", PNG_HEAD, sizeof(PNG_HEAD));
	read_entry("text", &entry);
	assert_int_equal(entry.left_out, 1);
	seed_adopt_entry_release(&entry);
	read_entry("failed", &entry);
	assert_int_equal(entry.left_out, 1);
	assert_int_equal(entry.entry.current.state, SEED_STATE_FAILED);
	seed_adopt_entry_release(&entry);
	assert_string_equal(said, "images/text.png has no record, and is no image of seedfs\n"
			    "images/failed.png is not of its record, which has no image\n");
	/* Nothing at all. */
	read_entry("nothing", &entry);
	assert_true(seed_adopt_entry_is_empty(&entry));
	seed_adopt_entry_release(&entry);
	put("records/odd.json", "{");
	assert_int_equal(seed_adopt_entry_read(store, "odd", &report, &entry, &error), -EBADMSG);
	assert_string_equal(error.message, "records/odd.json cannot be read: remove it, and its image gets a record "
			    "of its own");
	seed_adopt_entry_release(&entry);
	put_bytes("prompts/zero", "a\0b", 3);
	assert_int_equal(seed_adopt_entry_read(store, "zero", &report, &entry, &error), -EBADMSG);
	seed_adopt_entry_release(&entry);
}

/* `there` is a copy with one difference. */
static void test_is_in(void **state)
{
	struct seed_adopt_entry entry;
	struct seed_share_entry there;

	SEED_UNUSED(state);
	put("prompts/fox", "a fox");
	put("images/fox.png", "picture");
	put_row("records/fox.json", "verified", "picture");
	put("history/fox/0002.png", "before");
	put_row("history/fox/0002.json", "verified", "before");
	read_entry("fox", &entry);
#define IS_IN(expected, change) do { \
		assert_int_equal(seed_share_copy(&there, &entry.entry, NULL), 0); \
		change; \
		assert_int_equal(seed_adopt_entry_is_in(&entry, &there), expected); \
		seed_share_release(&there); \
	} while (0)
	IS_IN(true, (void)0);
	IS_IN(true, assert_int_equal(seed_record_set(&there.current.id, "0000000000000001"), 0));
	IS_IN(true, there.versions[0].number = 1);
	IS_IN(false, there.folder = true);
	IS_IN(false, there.without = SEED_SHARE_NO_IMAGE);
	IS_IN(false, there.without = SEED_SHARE_NO_PROMPT);
	IS_IN(false, there.current.image.sha256[0] = 'x');
	IS_IN(false, there.current.state = SEED_STATE_FAILED);
	IS_IN(false, assert_int_equal(seed_record_set(&there.current.request, "an owl"), 0));
	IS_IN(false, there.versions[0].record.image.sha256[0] = 'x');
	IS_IN(false, (seed_record_release(&there.current), seed_record_init(&there.current)));
	entry.entry.without = SEED_SHARE_NO_PROMPT;
	IS_IN(true, there.without = 0);
#undef IS_IN
	seed_adopt_entry_release(&entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survey, start, stop),
		cmocka_unit_test_setup_teardown(test_entry, start, stop),
		cmocka_unit_test_setup_teardown(test_parts, start, stop),
		cmocka_unit_test_setup_teardown(test_is_in, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
