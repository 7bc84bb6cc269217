#include "tests/unit/unit.h"

#include <string.h>

#include "lib/s3/key.h"

static void key_of(const char *name, char out[4096])
{
	struct seed_buf key;

	seed_buf_init(&key, 4095);
	assert_int_equal(seed_s3_key_add_name(&key, name), 0);
	memcpy(out, key.data, key.len_bytes + 1);
	seed_buf_release(&key);
}

static void test_names(void **state)
{
	static const struct { const char *name, *key; } rows[] = {
		{ "fox", "fox" },
		{ "A-Z/09", "A-Z/09" },
		{ "a red fox", "a_20red_20fox" },
		{ "snake_case", "snake_5fcase" },
		{ "v1.2", "v1.2" },
		{ ".hidden/..x/a.b", "_2ehidden/_2e.x/a.b" },
		{ "\xc3\xa9t\xc3\xa9", "_c3_a9t_c3_a9" },
		{ "a+b=c~d%e&f", "a_2bb_3dc_7ed_25e_26f" },
	};

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		char key[4096], name[1025];

		key_of(rows[i].name, key);
		assert_string_equal(key, rows[i].key);
		assert_true(seed_s3_key_is_plain(key));
		assert_int_equal(seed_s3_key_name(key, strlen(key), name, sizeof(name)), 0);
		assert_string_equal(name, rows[i].name);
	}
}

/* Every byte that a name may have, at the beginning and inside. */
static void test_each_byte(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		const char name[] = { 'x', (char)c, 'y', 0 };
		char key[4096], back[8];

		key_of(name + (c % 2 && c != '/'), key);
		assert_int_equal(seed_s3_key_name(key, strlen(key), back, sizeof(back)), 0);
		assert_string_equal(back, name + (c % 2 && c != '/'));
		if (c != '/')
			assert_true(seed_s3_key_is_plain(key));
	}
}

static void test_no_name(void **state)
{
	static const char *const keys[] = {
		"a_", "a_2", "a_2g", "a_2E", "a_61", "a_2d", "_2f", "a_00", "a b", "a%20b", ".a", "a/.b", "a_2eb",
		"a+b", "\xc3",
	};
	char name[64], small[4];

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(keys); i++)
		if (seed_s3_key_name(keys[i], strlen(keys[i]), name, sizeof(name)) != -EBADMSG)
			fail_msg("%s is taken for %s", keys[i], name);
	assert_int_equal(seed_s3_key_name("abcd", 4, small, sizeof(small)), -ENAMETOOLONG);
	assert_int_equal(seed_s3_key_name("abcd", 3, small, sizeof(small)), 0);
	assert_string_equal(small, "abc");
}

/* What does not fit leaves the key as it was. */
static void test_too_long(void **state)
{
	struct seed_buf key;
	char name[1025];

	(void)state;
	memset(name, ' ', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
	assert_int_equal(seed_buf_add(&key, "name/", 5), 0);
	assert_int_equal(seed_s3_key_add_name(&key, name), -EFBIG);
	assert_string_equal(key.data, "name/");
	seed_buf_release(&key);
}

static void test_plain(void **state)
{
	static const char *const odd[] = { "", "/", "a/", "/a", "a//b", ".", "a/..", "a b", "a+b", "\xc3\xa9", "a~" };

	(void)state;
	assert_true(seed_s3_key_is_plain("farm-1/a_b.c/x..y"));
	for (size_t i = 0; i < SEED_ARRAY_LEN(odd); i++)
		if (seed_s3_key_is_plain(odd[i]))
			fail_msg("\"%s\" is taken", odd[i]);
}

static void test_buckets(void **state)
{
	static const char *const odd[] = {
		"", "ab", "Farm", "a_b", "a..b", "-farm", "farm-", ".farm", "farm.", "a/b", "f\xc3\xa9",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	};

	(void)state;
	assert_true(seed_s3_is_bucket("abc"));
	assert_true(seed_s3_is_bucket("9.render-farm.x"));
	assert_true(seed_s3_is_bucket("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"));
	for (size_t i = 0; i < SEED_ARRAY_LEN(odd); i++)
		if (seed_s3_is_bucket(odd[i]))
			fail_msg("\"%s\" is taken", odd[i]);
	assert_true(seed_s3_is_region("us-east-1"));
	assert_false(seed_s3_is_region(""));
	assert_false(seed_s3_is_region("us.east"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
