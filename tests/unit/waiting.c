/* lib/engine/waiting.c: however many waiters have had a signal, a turn of the engine looks at few of them, all are
 * looked at in turn, and the one whose signal ends it is found. */
#include "tests/unit/unit.h"

#include "lib/engine/internal.h"

enum { MANY = 3000, MORE = 20000, TURN_LOOKS_MAX = 10, TURNS_MAX = 20000, START_MS = 1000 };

static struct seed_wait *waits; /* the tid of each is its number, from 1 */
static bool ending[MANY + MORE];
static int looks_at[MANY + MORE], looks, total, ended;
static int64_t now_ms;

int64_t __wrap_seed_clock_now_ms(void);
bool __wrap_seed_process_is_ending(struct seed_process process);

int64_t __wrap_seed_clock_now_ms(void)
{
	return now_ms;
}

/* Each takes a millisecond. */
bool __wrap_seed_process_is_ending(struct seed_process process)
{
	now_ms++;
	looks++;
	looks_at[process.tid - 1]++;
	return ending[process.tid - 1];
}

static void done(struct seed_wait *wait, int code)
{
	assert_int_equal(code, EINTR);
	assert_true(ending[wait->process.tid - 1]);
	ended = wait->process.tid;
}

static void hold(struct seed_engine *engine, struct seed_wait **holder, int n)
{
	waits[n] = (struct seed_wait){ .done = done, .engine = engine, .process = { .tid = n + 1 } };
	wait_hold(engine, holder, &waits[n]);
}

/* What seed_engine_interrupt() does, but for the wake. */
static void interrupt(struct seed_engine *engine, int n)
{
	atomic_store(&waits[n].interrupted, true);
	atomic_store(&engine->interrupts, true);
}

/* The next one that does something. */
static void turn(struct seed_engine *engine)
{
	const int64_t next_ms = waits_next_ms(engine);

	if (next_ms != INT64_MAX && next_ms > now_ms)
		now_ms = next_ms;
	total += looks;
	looks = 0;
	waits_look(engine, now_ms);
	assert_true(looks <= TURN_LOOKS_MAX);
}

static struct seed_engine *with_many(struct seed_wait **holder)
{
	struct seed_engine *engine = calloc(1, sizeof(*engine));

	assert_non_null(engine);
	waits = calloc(MANY + MORE, sizeof(waits[0]));
	assert_non_null(waits);
	memset(ending, 0, sizeof(ending));
	memset(looks_at, 0, sizeof(looks_at));
	now_ms = START_MS;
	looks = total = ended = 0;
	*holder = NULL;
	for (int i = 0; i < MANY; i++)
		hold(engine, holder, i);
	for (int i = 0; i < MANY; i++)
		interrupt(engine, i);
	return engine;
}

static void release(struct seed_engine *engine)
{
	free(waits);
	free(engine);
}

static void test_all_are_looked_at_again_and_again(void **state)
{
	struct seed_wait *holder;
	struct seed_engine *engine = with_many(&holder);
	int least = 0;

	SEED_UNUSED(state);
	for (int turns = 0; least < 3; turns++) {
		assert_true(turns < TURNS_MAX);
		turn(engine);
		least = looks_at[0];
		for (int i = 1; i < MANY; i++)
			least = looks_at[i] < least ? looks_at[i] : least;
	}
	assert_int_equal(engine->watching, MANY);
	/* The rest of the engine has the greater part of the time. */
	assert_true(total < (now_ms - START_MS) / 2);
	/* One that hears no more of a first signal: a later one is only found so. */
	ending[MANY / 2] = true;
	for (int turns = 0; !ended; turns++) {
		assert_true(turns < TURNS_MAX);
		turn(engine);
	}
	assert_int_equal(ended, MANY / 2 + 1);
	release(engine);
}

static void test_a_first_signal_is_looked_at_before_others(void **state)
{
	struct seed_wait *holder;
	struct seed_engine *engine = with_many(&holder);

	SEED_UNUSED(state);
	for (int turns = 0; engine->watching < MANY; turns++) {
		assert_true(turns < TURNS_MAX);
		turn(engine);
	}
	hold(engine, &holder, MANY);
	ending[MANY] = true;
	interrupt(engine, MANY);
	now_ms += 20;
	turn(engine);
	assert_int_equal(ended, MANY + 1);
	release(engine);
}

static void test_first_signals_without_end_hide_nobody(void **state)
{
	struct seed_wait *holder;
	struct seed_engine *engine = with_many(&holder);
	int next = MANY;

	SEED_UNUSED(state);
	for (int turns = 0; engine->watching < MANY; turns++)
		turn(engine);
	ending[7] = true;
	while (!ended) {
		for (int i = 0; i < 5; i++, next++) {
			assert_true(next < MANY + MORE);
			hold(engine, &holder, next);
			interrupt(engine, next);
		}
		turn(engine);
	}
	assert_int_equal(ended, 8);
	release(engine);
}

static void test_whoever_goes_is_not_looked_at(void **state)
{
	struct seed_wait *holder;
	struct seed_engine *engine = with_many(&holder);

	SEED_UNUSED(state);
	for (int i = 0; i < 50; i++) {
		struct seed_wait *wait;

		for (int turns = 0; !engine->look_next; turns++) {
			assert_true(turns < TURNS_MAX);
			turn(engine);
		}
		wait = engine->look_next;
		ending[wait->process.tid - 1] = true; /* only for done() */
		wait_finish(engine, wait, EINTR);
		memset(wait, 0xff, sizeof(*wait));
		turn(engine);
	}
	release(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_looked_at_again_and_again),
		cmocka_unit_test(test_a_first_signal_is_looked_at_before_others),
		cmocka_unit_test(test_first_signals_without_end_hide_nobody),
		cmocka_unit_test(test_whoever_goes_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
