#include "tests/unit/unit.h"

#include "lib/base/clock.h"

/* Both ways. */
static const struct {
	int64_t ms;
	const char *text;
} times[] = {
	{0, "1970-01-01T00:00:00.000Z"},
	{1, "1970-01-01T00:00:00.001Z"},
	{-1, "1969-12-31T23:59:59.999Z"},
	{-1000, "1969-12-31T23:59:59.000Z"},
	{INT64_C(1795376582123), "2026-11-22T19:43:02.123Z"},
	{INT64_C(1709164800000), "2024-02-29T00:00:00.000Z"},
	{INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
	{INT64_C(4102444800000), "2100-01-01T00:00:00.000Z"},
	{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
	{INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
};

static void test_format(void **state)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(times); i++) {
		seed_clock_format(times[i].ms, text);
		assert_string_equal(text, times[i].text);
	}
}

static void test_format_beyond_four_digits(void **state)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	SEED_UNUSED(state);
	seed_clock_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	seed_clock_format(INT64_C(253402300800000), text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	seed_clock_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void test_parse(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(times); i++) {
		int64_t ms = 77;

		assert_int_equal(seed_clock_parse(times[i].text, &ms), 0);
		assert_int_equal(ms, times[i].ms);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-11-22",
		"2026-11-22T19:43:02Z",
		"2026-11-22T19:43:02.12Z",
		"2026-11-22T19:43:02.1234Z",
		"2026-11-22T19:43:02.123z",
		"2026-11-22t19:43:02.123Z",
		"2026-11-22 19:43:02.123Z",
		"2026-11-22T19:43:02,123Z",
		"2026-11-22T19:43:02.123+",
		"2026-11-22T19:43:02.123Z ",
		" 026-11-22T19:43:02.123Z",
		"-026-11-22T19:43:02.123Z",
		"2026/11/22T19:43:02.123Z",
		"2026-00-22T19:43:02.123Z",
		"2026-13-22T19:43:02.123Z",
		"2026-11-00T19:43:02.123Z",
		"2026-11-31T19:43:02.123Z",
		"2025-02-29T19:43:02.123Z",
		"2100-02-29T19:43:02.123Z",
		"2026-11-22T24:00:00.000Z",
		"2026-11-22T19:60:02.123Z",
		"2026-11-22T19:43:60.123Z",
		"2026-11-22T19:43:02.1a3Z",
		"2026-11-22T19:43:02.:23Z",
		"2o26-11-22T19:43:02.123Z",
		"\xff\xff\xff\xff-11-22T19:43:02.123Z",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(bad); i++) {
		int64_t ms = 77;

		assert_int_equal(seed_clock_parse(bad[i], &ms), -EINVAL);
		assert_int_equal(ms, 77);
	}
}

/* Anybody may give a file any time. */
static void test_times_of_files(void **state)
{
	static const struct {
		struct timespec time;
		int64_t ms, ns;
	} files[] = {
		{{0, 0}, 0, 0},
		{{1795376582, 123456789}, INT64_C(1795376582123), INT64_C(1795376582123456789)},
		{{-1, 999000000}, -1, -1000000},
		{{INT64_C(9223372035), 999999999}, INT64_C(9223372035999), INT64_C(9223372035999999999)},
		{{INT64_C(13569465600), 1}, INT64_C(13569465600000), INT64_C(9223372035000000001)}, /* 2400 */
		{{INT64_MAX, 999999999}, INT64_C(253402300799999), INT64_C(9223372035999999999)},
		{{INT64_MIN, 0}, INT64_C(-62167219200000), INT64_C(-9223372036000000000)},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(files); i++) {
		assert_int_equal(seed_clock_file_ms(&files[i].time), files[i].ms);
		assert_int_equal(seed_clock_file_ns(&files[i].time), files[i].ns);
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(times); i++) {
		struct timespec time = seed_clock_file_time(times[i].ms);

		assert_in_range(time.tv_nsec, 0, 999999999);
		assert_int_equal(seed_clock_file_ms(&time), times[i].ms);
	}
}

/* Every day of a leap cycle, both ways, is a day after the last. */
static void test_every_day(void **state)
{
	char text[SEED_CLOCK_TEXT_BYTES], last[SEED_CLOCK_TEXT_BYTES] = "";
	const int64_t day_ms = 86400000;

	SEED_UNUSED(state);
	for (int64_t day = -1500; day < 40000; day++) {
		int64_t ms;

		seed_clock_format(day * day_ms + 1, text);
		assert_true(strcmp(last, text) < 0);
		assert_int_equal(seed_clock_parse(text, &ms), 0);
		assert_int_equal(ms, day * day_ms + 1);
		memcpy(last, text, sizeof(last));
	}
}

static void test_clocks(void **state)
{
	int64_t before = seed_clock_now_ms(), wall = seed_clock_wall_ms(), after;
	struct timespec pause = {.tv_nsec = 20 * 1000000};

	SEED_UNUSED(state);
	assert_int_equal(nanosleep(&pause, NULL), 0);
	after = seed_clock_now_ms();
	assert_true(after - before >= 19);
	assert_true(after - before < 60000);
	/* After 2024, before 2100, and near what time() says. */
	assert_true(wall > INT64_C(1704067200000) && wall < INT64_C(4102444800000));
	assert_true(llabs(wall / 1000 - (int64_t)time(NULL)) < 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_beyond_four_digits),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_times_of_files),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
