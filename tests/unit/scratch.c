#include "tests/unit/unit.h"

#include "fs/scratch.h"
#include "lib/base/clock.h"

#define HOURS_MS 3600000LL

static struct fs *new_fs(void)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	assert_non_null(fs);
	pthread_mutex_init(&fs->scratch_mutex, NULL);
	return fs;
}

static void free_fs(struct fs *fs)
{
	scratch_release_all(fs);
	assert_int_equal(fs->scratch_bytes, 0);
	pthread_mutex_destroy(&fs->scratch_mutex);
	free(fs);
}

static void make(struct fs *fs, const char *path, const char *text, const char *hides)
{
	struct scratch_start start = { .text = text, .len = strlen(text), .hides = hides };

	assert_int_equal(scratch_make(fs, path, &start), 0);
}

static bool is_there(struct fs *fs, const char *path)
{
	struct scratch *scratch = scratch_find(fs, path);

	scratch_unref(fs, scratch);
	return scratch != NULL;
}

static void test_expires_after_a_day(void **state)
{
	struct fs *fs = new_fs();
	int64_t now_ms = seed_clock_now_ms();
	struct scratch *open;

	SEED_UNUSED(state);
	make(fs, "x.tmp", "a fox", NULL);
	make(fs, "y.tmp", "a wolf", NULL);
	open = scratch_find(fs, "y.tmp");
	scratch_opened(fs, open);
	scratch_expire(fs, now_ms + 24 * HOURS_MS - 1);
	assert_true(is_there(fs, "x.tmp"));
	scratch_expire(fs, seed_clock_now_ms() + 24 * HOURS_MS);
	assert_false(is_there(fs, "x.tmp"));
	assert_true(is_there(fs, "y.tmp"));
	scratch_unref(fs, open);
	free_fs(fs);
}

/* A backup that expires is a prompt that is shown again, not one that is lost. */
static void test_expiry_shows_the_prompt(void **state)
{
	struct fs *fs = new_fs();

	SEED_UNUSED(state);
	make(fs, "x~", "a fox", "x");
	assert_true(scratch_hides(fs, "x"));
	scratch_expire(fs, seed_clock_now_ms() + 24 * HOURS_MS);
	assert_false(scratch_hides(fs, "x"));
	free_fs(fs);
}

static void test_bound_counts_empty_files(void **state)
{
	struct fs *fs = new_fs();
	struct scratch_start start = { .text = "" };
	const size_t most = SEED_SCRATCH_ALL_BYTES / SEED_SCRATCH_BLOCK_BYTES;
	char path[32];

	SEED_UNUSED(state);
	for (size_t i = 0; i < most; i++) {
		snprintf(path, sizeof(path), ".%zu", i);
		assert_int_equal(scratch_make(fs, path, &start), 0);
	}
	assert_int_equal(scratch_make(fs, ".x", &start), -ENOSPC);
	assert_int_equal(scratch_unlink(fs, ".7"), 0);
	assert_int_equal(scratch_make(fs, ".x", &start), 0);
	free_fs(fs);
}

static void test_folder_is_renamed(void **state)
{
	struct fs *fs = new_fs();

	SEED_UNUSED(state);
	make(fs, "d/x~", "a fox", "d/x");
	make(fs, "dd/x~", "a fox", "dd/x");
	scratch_folder_renamed(fs, "d", "e/f");
	assert_true(is_there(fs, "e/f/x~"));
	assert_true(scratch_hides(fs, "e/f/x"));
	assert_false(scratch_hides(fs, "d/x"));
	assert_true(is_there(fs, "dd/x~"));
	free_fs(fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expires_after_a_day),
		cmocka_unit_test(test_expiry_shows_the_prompt),
		cmocka_unit_test(test_bound_counts_empty_files),
		cmocka_unit_test(test_folder_is_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
