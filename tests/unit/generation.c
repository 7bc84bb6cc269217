/* lib/engine/generation.c: whose a name is. */
#include "tests/unit/unit.h"

#include "lib/base/clock.h"
#include "lib/engine/internal.h"

static struct seed_engine *engine;

static struct generation *make(const char *name)
{
	struct seed_record record;
	struct generation *made;

	seed_record_init(&record);
	assert_int_equal(seed_record_set(&record.name, name), 0);
	made = generation_new(engine, &record, true);
	assert_non_null(made);
	return made;
}

static int set_up(void **state)
{
	(void)state;
	engine = calloc(1, sizeof(*engine));
	return engine ? 0 : -1;
}

static int tear_down(void **state)
{
	struct generation *next;

	(void)state;
	for (struct generation *g = engine->generations; g; g = next) {
		next = g->next;
		timers_forget(g);
		seed_record_release(&g->record);
		free(g);
	}
	free(engine->due);
	free(engine);
	return 0;
}

static void order(const char *name, struct generation *const *wanted)
{
	struct generation *g = engine_find(engine, name);

	for (; *wanted; wanted++, g = generation_next_same(g))
		assert_ptr_equal(g, *wanted);
	assert_null(g);
}

/* Written to the name while its rename waited, and to the target: each keeps its place. */
static void test_rename_keeps_the_order(void **state)
{
	struct generation *old, *middle, *new, *target;

	(void)state;
	old = make("ant");
	middle = make("ant");
	target = make("cat");
	new = make("ant");
	generation_rename(new, "cat");
	order("cat", (struct generation *[]){ target, new, middle, old, NULL });
	order("ant", (struct generation *[]){ NULL });
	generation_rename(old, "owl");
	order("owl", (struct generation *[]){ target, new, middle, old, NULL });
}

/* What is at its end keeps the name under which its last step runs. */
static void test_what_is_over_stays(void **state)
{
	struct generation *over, *new;

	(void)state;
	over = make("ant");
	over->phase = PHASE_DROP;
	new = make("ant");
	generation_rename(new, "cat");
	order("cat", (struct generation *[]){ new, NULL });
	order("ant", (struct generation *[]){ over, NULL });
}

/* One that has the name no more: its image goes to the history of the new one. */
static void test_superseded_goes_along(void **state)
{
	struct generation *old, *new;

	(void)state;
	old = make("ant");
	new = make("ant");
	generation_unlink_name(old);
	generation_rename(old, "cat");
	assert_string_equal(old->record.name, "cat");
	order("cat", (struct generation *[]){ NULL });
	order("ant", (struct generation *[]){ new, NULL });
}

/* Of a late task and its retry one knows already that another host has renamed the entry. */
static void test_pair_has_the_later_name(void **state)
{
	struct generation *late, *main;

	(void)state;
	late = make("cat");
	generation_unlink_name(late);
	main = make("cat");
	generation_follow_name(late, "bee");
	assert_true(generation_share_name(late, main));
	assert_string_equal(main->record.name, "bee");
	order("cat", (struct generation *[]){ NULL });
	order("bee", (struct generation *[]){ main, NULL });
	generation_follow_name(main, "ant");
	assert_true(generation_share_name(late, main));
	assert_string_equal(late->record.name, "ant");
	generation_link_behind(late, main);
	order("ant", (struct generation *[]){ main, late, NULL });
}

/* The clock was set between a prompt's row and this mount. */
static void test_age(void **state)
{
	static const int hours[] = { -2, 0, 2 };
	struct seed_record record;
	struct generation *made;

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(hours); i++) {
		int64_t old_ms = (int64_t)hours[i] * 3600 * 1000;

		seed_record_init(&record);
		record.created_ms = seed_clock_wall_ms() - old_ms;
		assert_int_equal(seed_record_set(&record.name, "ant"), 0);
		made = generation_new(engine, &record, true);
		assert_non_null(made);
		old_ms = old_ms > 0 ? old_ms : 0;
		assert_in_range(generation_age_ms(made), old_ms, old_ms + 60000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rename_keeps_the_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_over_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_superseded_goes_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pair_has_the_later_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
