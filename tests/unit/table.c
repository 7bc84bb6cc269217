#include "tests/unit/unit.h"

#include "lib/base/table.h"

#define THINGS 10000

struct thing {
	struct seed_table_link link;
	size_t number;
};

static uint64_t hash_of(size_t number)
{
	return (uint64_t)number * 0x9e3779b97f4a7c15u >> 20;
}

static size_t found(const struct seed_table *table, size_t number)
{
	size_t count = 0;

	for (struct seed_table_link *link = seed_table_find(table, hash_of(number)); link;
	     link = link->next)
		count += link->hash == hash_of(number) && ((struct thing *)link)->number == number;
	return count;
}

static void test_grows_and_shrinks(void **state)
{
	struct thing *things = calloc(THINGS, sizeof(things[0]));
	struct seed_table table;
	bool shrank = false;
	size_t empty;

	SEED_UNUSED(state);
	assert_non_null(things);
	assert_int_equal(seed_table_init(&table), 0);
	empty = table.size;
	for (size_t i = 0; i < THINGS; i++) {
		things[i].number = i;
		seed_table_add(&table, &things[i].link, hash_of(i));
	}
	assert_int_equal(table.count, THINGS);
	assert_true(table.size >= THINGS);
	for (size_t i = 0; i < THINGS; i++)
		assert_int_equal(found(&table, i), 1);
	for (size_t i = 0; i < THINGS; i += 2)
		assert_false(seed_table_remove(&table, &things[i].link));
	for (size_t i = 0; i < THINGS; i++)
		assert_int_equal(found(&table, i), i % 2);
	for (size_t i = 1; i < THINGS; i += 2)
		shrank |= seed_table_remove(&table, &things[i].link);
	assert_true(shrank);
	assert_int_equal(table.count, 0);
	assert_int_equal(table.size, empty);
	seed_table_release(&table);
	seed_table_release(&table);
	free(things);
}

static void test_newest_first(void **state)
{
	struct thing old = { .number = 1 }, fresh = { .number = 2 };
	struct seed_table table;

	SEED_UNUSED(state);
	assert_int_equal(seed_table_init(&table), 0);
	seed_table_add(&table, &old.link, 7);
	seed_table_add(&table, &fresh.link, 7);
	assert_ptr_equal(seed_table_find(&table, 7), &fresh.link);
	assert_ptr_equal(fresh.link.next, &old.link);
	seed_table_remove(&table, &fresh.link);
	assert_ptr_equal(seed_table_find(&table, 7), &old.link);
	seed_table_remove(&table, &old.link);
	assert_null(seed_table_find(&table, 7));
	seed_table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_and_shrinks),
		cmocka_unit_test(test_newest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
