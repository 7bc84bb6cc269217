#include "tests/unit/unit.h"

#include "lib/base/error.h"

static void test_set_fills_and_returns(void **state)
{
	struct seed_error error = {.code = 7, .http_status = 500, .message = "old"};

	SEED_UNUSED(state);
	assert_int_equal(seed_error_set(&error, EPERM, "task %d: %s", 12, "refused"), -EPERM);
	assert_int_equal(error.code, EPERM);
	assert_int_equal(error.http_status, 0);
	assert_string_equal(error.message, "task 12: refused");
}

static void test_set_without_structure(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_error_set(NULL, EIO, "no one %s", "reads"), -EIO);
}

static void test_set_quotes_itself(void **state)
{
	struct seed_error error;

	SEED_UNUSED(state);
	(void)seed_error_set(&error, EIO, "cut off");
	(void)seed_error_set(&error, EBADMSG, "again: %s", error.message);
	assert_string_equal(error.message, "again: cut off");
}

static void test_message_is_one_line(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", ""},
		{"a\nb\r\tc", "a b  c"},
		{"\x01\x1f\x7f|", "   |"},
		{"C1 \xc2\x85 here", "C1    here"},
		{"no-break\xc2\xa0space", "no-break\xc2\xa0space"},
		{"bad \xff byte", "bad   byte"},
		{"cut \xe2\x80", "cut   "},
		{"Schnee ❄️", "Schnee ❄️"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_error error;

		(void)seed_error_set(&error, EIO, "%s", cases[i].text);
		assert_string_equal(error.message, cases[i].message);
	}
}

/* `lead` ASCII bytes, then three-byte characters, beyond the limit. */
static void test_message_is_cut_at_a_character(void **state)
{
	static const struct {
		size_t lead, len;
	} cases[] = {
		{0, 477}, {1, 478}, {2, 479}, {3, 477}, {479, 479}, {480, 479}, {478, 478}, {477, 477},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char text[2000];
		struct seed_error error;
		size_t at = cases[i].lead;

		memset(text, 'a', at);
		for (; at + 3 < sizeof(text); at += 3)
			memcpy(text + at, "€", 3);
		text[at] = '\0';
		(void)seed_error_set(&error, EIO, "%s", text);
		/* Lead 3 ends as lead 0 does: 3 + 158 * 3 = 477. */
		assert_int_equal(strlen(error.message), cases[i].len);
		assert_memory_equal(error.message, text, cases[i].len);
	}
}

static void test_message_of_the_very_size_is_whole(void **state)
{
	char text[SEED_MESSAGE_MAX_BYTES];
	struct seed_error error;

	SEED_UNUSED(state);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)seed_error_set(&error, EIO, "%s", text);
	assert_string_equal(error.message, text);

	/* One byte more, and that byte is the end of a character. */
	text[sizeof(text) - 2] = '\0';
	(void)seed_error_set(&error, EIO, "%s%s", text, "é");
	assert_string_equal(error.message, text);
}

/* What printf cannot format leaves an empty message, not rubbish. */
static void test_unprintable_format(void **state)
{
	struct seed_error error = {.message = "old"};
	static const wchar_t wide[] = {0x110000, 0};

	SEED_UNUSED(state);
	assert_int_equal(seed_error_set(&error, EIO, "%ls", wide), -EIO);
	assert_string_equal(error.message, "");
	assert_int_equal(error.code, EIO);
}

static void test_names(void **state)
{
	static const struct {
		int code;
		const char *name;
	} cases[] = {
		{EPERM, "EPERM"},	      {ENOKEY, "ENOKEY"},
		{EKEYREJECTED, "EKEYREJECTED"}, {EDQUOT, "EDQUOT"},
		{EINVAL, "EINVAL"},	      {EBADMSG, "EBADMSG"},
		{ETIMEDOUT, "ETIMEDOUT"},     {ECONNREFUSED, "ECONNREFUSED"},
		{EHOSTUNREACH, "EHOSTUNREACH"}, {ENOSPC, "ENOSPC"},
		{EIO, "EIO"},		      {ENOENT, "ENOENT"},
		{ECANCELED, "ECANCELED"},     {ESHUTDOWN, "ESHUTDOWN"},
		{EAGAIN, "EAGAIN"},	      {EHWPOISON, "EHWPOISON"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		assert_string_equal(seed_error_name(cases[i].code), cases[i].name);
		assert_int_equal(seed_error_code(cases[i].name), cases[i].code);
	}
}

static void test_unknown_names(void **state)
{
	static const int codes[] = {-1, 134, 4095, INT32_MAX, INT32_MIN};
	static const char *const names[] = {"", "E?", "EPERMX", "eperm", "0"};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(codes); i++)
		assert_string_equal(seed_error_name(codes[i]), "E?");
	for (size_t i = 0; i < SEED_ARRAY_LEN(names); i++)
		assert_int_equal(seed_error_code(names[i]), 0);
}

static void test_statuses(void **state)
{
	static const struct {
		long status;
		int code;
	} cases[] = {
		{400, EINVAL}, {401, EKEYREJECTED}, {402, EDQUOT}, {403, EKEYREJECTED},
		{404, EIO}, {408, ETIMEDOUT}, {422, EINVAL}, {429, EIO}, {500, EIO},
		{502, EIO}, {503, EIO}, {504, ETIMEDOUT}, {0, EIO}, {200, EIO}, {-1, EIO},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_error_from_status(cases[i].status), cases[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_fills_and_returns),
		cmocka_unit_test(test_set_without_structure),
		cmocka_unit_test(test_set_quotes_itself),
		cmocka_unit_test(test_message_is_one_line),
		cmocka_unit_test(test_message_is_cut_at_a_character),
		cmocka_unit_test(test_message_of_the_very_size_is_whole),
		cmocka_unit_test(test_unprintable_format),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
