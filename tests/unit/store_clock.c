#include "tests/unit/unit.h"

#include "lib/base/clock.h"
#include "lib/share/store_clock.h"

/* How long the pause is that a store asks for. */
static int64_t pause_of(int64_t wait_ms)
{
	int64_t pause_ms = 0;

	return seed_store_clock_again_ms(&pause_ms, wait_ms) - seed_clock_now_ms();
}

static void test_what_a_store_wants(void **state)
{
	const int64_t year_ms = INT64_C(366) * 24 * 3600 * 1000;

	SEED_UNUSED(state);
	assert_in_range(pause_of(-1), 0, 1000);
	assert_in_range(pause_of(0), 0, 1000);
	assert_in_range(pause_of(7000), 6000, 7000);
	assert_in_range(pause_of(year_ms), 29000, 30000);
	assert_in_range(pause_of(INT64_MAX), 29000, 30000);
}

static void test_pauses_grow(void **state)
{
	int64_t pause_ms = 0;

	SEED_UNUSED(state);
	for (int i = 0; i < 100; i++)
		(void)seed_store_clock_again_ms(&pause_ms, -1);
	assert_int_equal(pause_ms, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_store_wants),
		cmocka_unit_test(test_pauses_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
