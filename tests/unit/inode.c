#include "tests/unit/unit.h"

#include "fs/fs.h"

static struct fs *new_fs(void)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	assert_non_null(fs);
	assert_int_equal(inodes_init(fs, &root_folder), 0);
	return fs;
}

static void free_fs(struct fs *fs)
{
	inodes_release(fs);
	free(fs);
}

static struct inode *look_up(struct fs *fs, const struct node_type *type, const char *path)
{
	struct found found = { .type = type };
	struct inode *inode;

	snprintf(found.path, sizeof(found.path), "%s", path);
	inode = inode_get(fs, &found);
	assert_non_null(inode);
	return inode;
}

static uint64_t number_of(struct fs *fs, const struct node_type *type, const char *path)
{
	struct found found = { .type = type };

	snprintf(found.path, sizeof(found.path), "%s", path);
	return inode_number(fs, &found);
}

/* The kernel keeps the first one, since a process stands in it. */
static void test_a_folder_that_is_made_again_is_another(void **state)
{
	struct fs *fs = new_fs();
	struct inode *first = look_up(fs, &images_folder, "a"), *next;
	uint64_t number;

	SEED_UNUSED(state);
	assert_ptr_equal(look_up(fs, &images_folder, "a"), first);
	inode_leave(fs, &images_folder, "a");
	assert_true(inode_is_gone(fs, first));
	number = number_of(fs, &images_folder, "a");
	assert_int_not_equal(number, first->number);
	next = look_up(fs, &images_folder, "a");
	assert_ptr_not_equal(next, first);
	assert_int_equal(next->number, number);
	assert_int_equal(first->lookups, 2);
	assert_int_equal(next->lookups, 1);
	inode_forget(fs, first, 2);
	assert_ptr_equal(look_up(fs, &images_folder, "a"), next);
	assert_false(inode_is_gone(fs, next));
	assert_int_equal(number_of(fs, &images_folder, "a"), number);
	inode_forget(fs, next, 2);
	free_fs(fs);
}

static void test_the_folders_of_other_areas_stay(void **state)
{
	struct fs *fs = new_fs();
	struct inode *image = look_up(fs, &images_folder, "a");
	struct inode *callback = look_up(fs, &callbacks_folder, "a");

	SEED_UNUSED(state);
	look_up(fs, &prompts_folder, "a");
	inode_leave(fs, &prompts_folder, "a");
	assert_ptr_equal(look_up(fs, &images_folder, "a"), image);
	assert_ptr_equal(look_up(fs, &callbacks_folder, "a"), callback);
	free_fs(fs);
}

static void test_no_folder_that_is_gone_is_renamed(void **state)
{
	struct fs *fs = new_fs();
	struct inode *first = look_up(fs, &prompts_folder, "a"), *next;

	SEED_UNUSED(state);
	inodes_renamed(fs, "a", "b", true);
	assert_ptr_equal(look_up(fs, &prompts_folder, "b"), first);
	inode_leave(fs, &prompts_folder, "b");
	next = look_up(fs, &prompts_folder, "b");
	inodes_renamed(fs, "b", "a", true);
	assert_ptr_equal(look_up(fs, &prompts_folder, "a"), next);
	assert_string_equal(first->path, "b");
	assert_ptr_not_equal(look_up(fs, &prompts_folder, "b"), first);
	free_fs(fs);
}

static void test_what_nobody_looked_up_can_be_left(void **state)
{
	struct fs *fs = new_fs();

	SEED_UNUSED(state);
	inode_leave(fs, &prompts_folder, "a");
	assert_false(inode_is_gone(fs, look_up(fs, &prompts_folder, "a")));
	free_fs(fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_folder_that_is_made_again_is_another),
		cmocka_unit_test(test_the_folders_of_other_areas_stay),
		cmocka_unit_test(test_no_folder_that_is_gone_is_renamed),
		cmocka_unit_test(test_what_nobody_looked_up_can_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
