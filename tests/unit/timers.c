/* lib/engine/timers.c: whatever is set, touched and forgotten, the earliest is first. */
#include "tests/unit/unit.h"

#include "lib/engine/internal.h"

enum { COUNT = 300 };

static void test_due_in_order(void **state)
{
	static struct generation all[COUNT];
	struct seed_engine *engine = calloc(1, sizeof(*engine));
	struct generation *due;
	uint32_t chance = 1;
	int64_t last = 0;
	int left = 0;

	SEED_UNUSED(state);
	assert_non_null(engine);
	assert_true(timers_next_ms(engine) == INT64_MAX);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(timers_reserve(engine), 0);
		all[i].engine = engine;
	}
	/* Set often, also to never, and touched. */
	for (int turn = 0; turn < 20000; turn++) {
		struct generation *g;

		chance = chance * 1664525 + 1013904223;
		g = &all[(chance >> 8) % COUNT];
		if (chance >> 29 == 0)
			timers_set(g, INT64_MAX);
		else if (chance >> 29 == 1)
			timers_touch(g);
		else
			timers_set(g, (int64_t)(chance >> 4) % 1000);
		if (engine->due_count)
			for (size_t i = 0; i < engine->due_count; i++)
				assert_true(engine->due[i]->due_ms >= timers_next_ms(engine));
	}
	for (int i = 0; i < COUNT; i++)
		left += all[i].due_at != 0;
	assert_int_equal(engine->due_count, left);
	assert_null(timers_due(engine, -1));
	while ((due = timers_due(engine, 1000)) != NULL) {
		assert_true(due->due_ms >= last);
		assert_int_equal(due->due_at, 0);
		last = due->due_ms;
		left--;
	}
	assert_int_equal(left, 0);
	for (int i = 0; i < COUNT; i++)
		timers_forget(&all[i]);
	assert_int_equal(engine->generation_count, 0);
	free(engine->due);
	free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_due_in_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
