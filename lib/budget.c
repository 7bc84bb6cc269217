/* What forbids submissions: budget=N/day, counted by UTC day, also over restarts;
 * a key that the service refused. */
#include "lib/clock.h"
#include "lib/engine_internal.h"

static int64_t today(void)
{
	return seed_clock_wall_ms() / 86400000;
}

static void roll(struct seed_engine *engine)
{
	int64_t day = today();

	if (engine->spent.day == day)
		return;
	engine->spent.day = day;
	engine->spent.count = 0;
}

static void publish(struct seed_engine *engine)
{
	bool empty = engine->config.budget > 0 && engine->spent.count >= engine->config.budget;

	atomic_store(&engine->exhausted_day, empty ? engine->spent.day : -1);
}

void budget_load(struct seed_engine *engine)
{
	seed_store_spent_read(engine->store, &engine->spent);
	roll(engine);
	publish(engine);
}

bool budget_take(struct seed_engine *engine, int64_t *day)
{
	roll(engine);
	if (engine->config.budget > 0 && engine->spent.count >= engine->config.budget) {
		publish(engine);
		return false;
	}
	engine->spent.count++;
	engine->spent.serial++;
	*day = engine->spent.day;
	publish(engine);
	return true;
}

void budget_return(struct seed_engine *engine, int64_t day)
{
	roll(engine);
	if (engine->spent.day != day || engine->spent.count == 0)
		return;
	engine->spent.count--;
	engine->spent.serial++;
	publish(engine);
}

int64_t budget_left(struct seed_engine *engine)
{
	int64_t left;

	if (engine->config.budget <= 0)
		return -1;
	roll(engine);
	left = engine->config.budget - engine->spent.count;
	return left > 0 ? left : 0;
}

int seed_engine_admission(struct seed_engine *engine)
{
	return atomic_load(&engine->exhausted_day) == today() ? EDQUOT : 0;
}
