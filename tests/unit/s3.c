#include "tests/unit/unit.h"

#include "lib/base/limits.h"
#include "lib/s3/s3.h"

/* A line of 32 KiB in a second is enough for each. */
static void test_time_of_an_image(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_s3_image_ms(0), 60000);
	assert_int_equal(seed_s3_image_ms(8 * 1024 * 1024), 60000 + 256 * 1000);
	assert_int_equal(seed_s3_image_ms(SEED_WORKER_FILE_MAX_BYTES), 60000 + 8192 * 1000);
}

static void test_busy(void **state)
{
	static const struct { long status; bool is_busy; } rows[] = {
		{ 200, false }, { 400, false }, { 404, false }, { 408, true }, { 412, false }, { 429, true },
		{ 500, true }, { 501, false }, { 503, true }, { 504, true },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++)
		assert_int_equal(seed_s3_is_busy(rows[i].status), rows[i].is_busy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_of_an_image),
		cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
