/* lib/net/room.c: what answers may hold, in any order in which they come and go. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "lib/base/limits.h"
#include "lib/net/room.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static void shares_the_memory(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_net_share_bytes(64 * GIB), 16 * GIB);
	assert_int_equal(seed_net_share_bytes(2 * GIB), SEED_ANSWERS_ALL_BYTES);
	assert_int_equal(seed_net_share_bytes(GIB), GIB / 2);
	assert_int_equal(seed_net_share_bytes(0), 0);
}

/* All parts together are no more than the sum. */
static void divides_the_sum(void **state)
{
	struct seed_rooms rooms;
	size_t all;

	SEED_UNUSED(state);
	seed_rooms_init(&rooms, 960 * MIB);
	all = rooms.most_ordinary_bytes;
	for (int i = 0; i < SEED_NET_KINDS; i++) {
		assert_true(rooms.of[i].most_bytes > 0);
		all += rooms.of[i].most_bytes;
	}
	assert_int_equal(all, 960 * MIB);
}

static void take(struct seed_rooms *rooms, struct seed_holding *holding, size_t len)
{
	assert_true(seed_rooms_take(rooms, holding, len));
}

/* 32 ordinary answers of 2048x1152 in base64, beside pictures that fill their room. */
static void has_room_for_ordinary_ones(void **state)
{
	struct seed_holding answers[32] = { 0 }, pictures[5] = { 0 };
	struct seed_rooms rooms;

	SEED_UNUSED(state);
	seed_rooms_init(&rooms, SEED_ANSWERS_ALL_BYTES);
	for (size_t i = 0; i < SEED_ARRAY_LEN(pictures); i++) {
		pictures[i].kind = SEED_NET_IMAGE;
		assert_int_equal(seed_rooms_take(&rooms, &pictures[i], 64 * MIB), i < 4);
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(answers); i++)
		for (int part = 0; part < 94; part++)
			take(&rooms, &answers[i], 100 * 1000);
}

enum { COUNT = 40, STEPS = 200000, MOST = 14 << 20 };

/* Each kind by itself: its room, and one answer beyond it. */
static void check(const struct seed_rooms *rooms, const struct seed_holding *all)
{
	size_t ordinary = 0;

	for (int i = 0; i < SEED_NET_KINDS; i++) {
		const struct seed_room *room = &rooms->of[i];
		size_t held = 0;

		for (int j = 0; j < COUNT; j++)
			held += all[j].kind == (enum seed_net_kind)i ? all[j].bytes - all[j].ordinary_bytes : 0;
		assert_int_equal(room->held_bytes, held);
		if (room->beyond)
			held -= room->beyond->bytes - room->beyond->ordinary_bytes;
		assert_true(held <= room->most_bytes);
	}
	for (int j = 0; j < COUNT; j++)
		ordinary += all[j].ordinary_bytes;
	assert_int_equal(rooms->ordinary_bytes, ordinary);
	assert_true(ordinary <= rooms->most_ordinary_bytes + (size_t)COUNT * SEED_ANSWER_SMALL_BYTES);
}

static void counts_what_comes_and_goes(void **state)
{
	struct seed_holding all[COUNT] = { 0 };
	struct seed_rooms rooms;
	int refused = 0;

	SEED_UNUSED(state);
	srand(1);
	seed_rooms_init(&rooms, MOST);
	for (int i = 0; i < COUNT; i++)
		all[i].kind = (enum seed_net_kind)(i % SEED_NET_KINDS);
	for (int i = 0; i < STEPS; i++) {
		struct seed_holding *one = &all[rand() % COUNT];
		size_t len = (size_t)(rand() % 16384) + 1;
		bool had = seed_rooms_has(&rooms, one, len);

		if (rand() % 300 == 0) {
			seed_rooms_give_back(&rooms, one);
			assert_int_equal(one->bytes, 0);
		} else if (seed_rooms_take(&rooms, one, len)) {
			assert_true(had);
		} else {
			assert_false(had);
			assert_true(one->bytes + len > SEED_ANSWER_SMALL_BYTES);
			refused++;
		}
		if (i % 100 == 0)
			check(&rooms, all);
	}
	assert_true(refused > 100);
	for (int i = 0; i < COUNT; i++)
		seed_rooms_give_back(&rooms, &all[i]);
	check(&rooms, all);
	assert_int_equal(rooms.ordinary_bytes, 0);
}

static void lifts_all_bounds(void **state)
{
	struct seed_holding all[COUNT] = { 0 };
	struct seed_rooms rooms;

	SEED_UNUSED(state);
	seed_rooms_init(&rooms, MOST);
	for (int i = 0; i < COUNT; i++)
		(void)!seed_rooms_take(&rooms, &all[i], MOST);
	assert_false(seed_rooms_has(&rooms, &all[COUNT - 1], MOST));
	seed_rooms_lift(&rooms);
	for (int i = 0; i < COUNT; i++)
		take(&rooms, &all[i], MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_the_memory),
		cmocka_unit_test(divides_the_sum),
		cmocka_unit_test(has_room_for_ordinary_ones),
		cmocka_unit_test(counts_what_comes_and_goes),
		cmocka_unit_test(lifts_all_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
