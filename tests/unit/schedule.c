/* lib/engine/schedule.c: rates, durations, when a task is asked next. */
#include "tests/unit/unit.h"

#include "lib/engine/schedule.h"

static void test_rate_lets_so_many_go_in_any_window(void **state)
{
	struct seed_rate rate;

	SEED_UNUSED(state);
	assert_int_equal(seed_rate_init(&rate, 3, 1000), 0);
	for (int64_t at = 100; at <= 300; at += 100) {
		assert_int_equal(seed_rate_next_ms(&rate, 0, at), at);
		seed_rate_take(&rate, at);
	}
	/* The fourth goes a window after the first, the fifth after the second. */
	assert_int_equal(seed_rate_next_ms(&rate, 0, 400), 1100);
	seed_rate_take(&rate, 1100);
	assert_int_equal(seed_rate_next_ms(&rate, 0, 1100), 1200);
	assert_int_equal(seed_rate_next_ms(&rate, 0, 5000), 5000);
	seed_rate_release(&rate);
}

static void test_rate_counts_those_that_go_at_an_unknown_time(void **state)
{
	struct seed_rate rate;

	SEED_UNUSED(state);
	assert_int_equal(seed_rate_init(&rate, 2, 1000), 0);
	assert_int_equal(seed_rate_next_ms(&rate, 1, 100), 100);
	assert_int_equal(seed_rate_next_ms(&rate, 2, 100), INT64_MAX);
	seed_rate_take(&rate, 900);
	/* The window begins when it went, not when it was announced. */
	assert_int_equal(seed_rate_next_ms(&rate, 1, 1100), 1900);
	seed_rate_take(&rate, 950);
	assert_int_equal(seed_rate_next_ms(&rate, 0, 1100), 1900);
	assert_int_equal(seed_rate_next_ms(&rate, 1, 1100), 1950);
	seed_rate_release(&rate);
}

static void test_rate_of_nothing_lets_all_go(void **state)
{
	struct seed_rate rate;

	SEED_UNUSED(state);
	assert_int_equal(seed_rate_init(&rate, 0, 1000), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(seed_rate_next_ms(&rate, 0, 7), 7);
		seed_rate_take(&rate, 7);
	}
	seed_rate_release(&rate);
}

static void test_quantiles_are_of_the_last(void **state)
{
	struct seed_durations durations = { .count = 0 };

	SEED_UNUSED(state);
	assert_int_equal(seed_durations_quantile(&durations, 0.5), 0);
	for (int64_t ms = 1000; ms <= 5000; ms += 1000)
		seed_durations_add(&durations, ms);
	assert_int_equal(seed_durations_quantile(&durations, 0), 1000);
	assert_int_equal(seed_durations_quantile(&durations, 0.5), 3000);
	assert_int_equal(seed_durations_quantile(&durations, 1), 5000);
	for (int i = 0; i < SEED_DURATIONS; i++)
		seed_durations_add(&durations, 700);
	assert_int_equal(seed_durations_quantile(&durations, 1), 700);
}

/* The ages at which a task of that duration is asked, until it is seen to end. */
static int64_t seen_at(const struct seed_durations *durations, int64_t duration_ms, int *asked)
{
	int64_t age = 0;

	for (*asked = 0; age < duration_ms; (*asked)++) {
		int64_t next = seed_schedule_next_ms(durations, age);

		assert_true(next >= age + 250);
		age = next;
	}
	return age;
}

static void test_end_is_seen_soon_and_with_few_questions(void **state)
{
	static const int64_t usual[] = { 18000, 20000, 22000, 24000, 26000, 28000, 30000, 32000 };
	struct seed_durations durations = { .count = 0 };
	int asked, sum = 0;

	SEED_UNUSED(state);
	/* Nothing is known: a seventh of the age late at most. */
	for (int64_t ms = 2000; ms <= 60000; ms += 500) {
		int64_t at = seen_at(&durations, ms, &asked);

		assert_true(at - ms <= ms / 7 + 250);
		assert_true(asked <= 40);
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(usual); i++)
		seed_durations_add(&durations, usual[i]);
	/* Soon from where tasks begin to end until nearly all have. */
	for (size_t i = 0; i < SEED_ARRAY_LEN(usual); i++) {
		int64_t at = seen_at(&durations, usual[i], &asked);

		assert_true(at - usual[i] <= (i > 0 && i < 7 ? 500 : 2000));
		sum += asked;
	}
	assert_true(sum <= 15 * (int)SEED_ARRAY_LEN(usual));
}

/* One slow task does not hide that the next ones are fast. */
static void test_fast_ones_after_slow_ones_are_seen(void **state)
{
	struct seed_durations durations = { .count = 0 };
	int asked;

	SEED_UNUSED(state);
	seed_durations_add(&durations, 90000);
	assert_int_equal(seen_at(&durations, 100, &asked), 30000);
	assert_int_equal(asked, 1);
	/* Nobody is left alone for more than 40 s. */
	durations.count = 0;
	seed_durations_add(&durations, 600000);
	assert_int_equal(seed_schedule_next_ms(&durations, 0), 40000);
}

static void test_backoff_doubles_up_to_a_bound(void **state)
{
	SEED_UNUSED(state);
	for (unsigned n = 0; n < 64; n++) {
		int64_t full = n < 5 ? (int64_t)1000 << n : 30000;

		for (int i = 0; i < 50; i++) {
			int64_t ms = seed_backoff_ms(n);

			assert_true(ms >= full / 2 && ms <= full);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_lets_so_many_go_in_any_window),
		cmocka_unit_test(test_rate_counts_those_that_go_at_an_unknown_time),
		cmocka_unit_test(test_rate_of_nothing_lets_all_go),
		cmocka_unit_test(test_quantiles_are_of_the_last),
		cmocka_unit_test(test_end_is_seen_soon_and_with_few_questions),
		cmocka_unit_test(test_fast_ones_after_slow_ones_are_seen),
		cmocka_unit_test(test_backoff_doubles_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
