/* What forbids submissions: budget=N/day, counted by UTC day, also across restarts;
 * and a key that the service refused. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* From this part of the budget on, the log says how much is used. */
#define WARN_PERCENT 80

static int64_t today(void)
{
	int64_t day = seed_clock_wall_ms() / SEED_SPENT_DAY_MS;

	return day > 0 ? day : 0; /* a clock may show less */
}

static void roll(struct seed_engine *engine)
{
	seed_spent_turn(&engine->spent, today());
}

static bool is_used_up(const struct seed_engine *engine)
{
	return engine->config.budget > 0 &&
	       (engine->spent.is_lost || engine->spent.count >= engine->config.budget);
}

static void publish(struct seed_engine *engine)
{
	/* Where hosts share one, the farm says so (shared.c). */
	if (engine->shared)
		return;
	atomic_store(&engine->exhausted_day, is_used_up(engine) ? engine->spent.day : -1);
}

void budget_load(struct seed_engine *engine)
{
	errint_t err = seed_store_spent_read(engine->store, &engine->spent);

	roll(engine);
	/* Nobody knows what was spent today, so a budget counts as used up: this mount's, and any
	 * that another mount has on this day. That is written down, so that it ends with the day.
	 * A farm has its count in the bucket. */
	if (err && !engine->config.shared) {
		engine->spent.is_lost = true;
		if (engine->spent.count < engine->config.budget)
			engine->spent.count = engine->config.budget;
		engine->spent.serial++;
		seed_log_line(engine->log, NULL, SEED_LOG_ERROR "The count of today's submissions (the "
			      "file spent in the state directory) cannot be read: %s; a budget= counts "
			      "as used up until tomorrow (UTC)", strerror(-err));
		seed_store_spent_note(engine->store, &engine->spent);
		SEED_UNUSED(seed_store_spent_sync(engine->store) == 0);
	}
	publish(engine);
	/* On a full disk it can be written over, but not made. */
	if (!engine->spent.serial) {
		engine->spent.serial = 1;
		seed_store_spent_note(engine->store, &engine->spent);
		SEED_UNUSED(seed_store_spent_sync(engine->store) == 0);
	}
}

/* Once a day. */
static void warn(struct seed_engine *engine)
{
	const int64_t budget = engine->config.budget, count = engine->spent.count;

	if (budget <= 0 || engine->warned_day == engine->spent.day ||
	    count < (budget * WARN_PERCENT + 99) / 100)
		return;
	engine->warned_day = engine->spent.day;
	seed_log_line(engine->log, NULL, SEED_LOG_REQUEST "Budget: %lld of %lld submissions of this day "
		      "(UTC) are used", (long long)count, (long long)budget);
}

void budget_cost(struct seed_engine *engine, double cost)
{
	roll(engine);
	engine->spent.cost += cost;
	engine->spent.serial++;
}

const struct seed_spent *budget_today(struct seed_engine *engine)
{
	const struct seed_spent *farm = engine->shared ? seed_farmer_spent(engine->shared->farmer) : NULL;

	roll(engine);
	return farm && farm->day == engine->spent.day && farm->count > engine->spent.count ?
		farm : &engine->spent;
}

bool budget_take(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	roll(engine);
	if (!engine->shared && is_used_up(engine)) {
		publish(engine);
		return false;
	}
	engine->spent.count++;
	engine->spent.serial++;
	seed_spent_count_user(&engine->spent, generation->uid, 1);
	warn(engine);
	generation->charged_day = engine->spent.day;
	publish(engine);
	return true;
}

static void give_back(struct seed_engine *engine, int64_t day, int64_t uid)
{
	roll(engine);
	if (engine->spent.day != day || engine->spent.count == 0)
		return;
	engine->spent.count--;
	engine->spent.serial++;
	seed_spent_count_user(&engine->spent, uid, -1);
	publish(engine);
}

void budget_settle(struct generation *generation, bool counts)
{
	struct seed_engine *engine = generation->engine;
	int64_t day = generation->charged_day;

	if (generation->farm_day && !counts)
		seed_farmer_refund(engine->shared->farmer, generation->farm_day, generation->uid);
	generation->farm_day = 0;
	if (day < 0)
		return;
	generation->charged_day = -1;
	if (!counts) {
		give_back(engine, day, generation->uid);
		return;
	}
	engine->metrics.submissions++;
	seed_metrics_spent(&engine->metrics, generation->uid);
}

int64_t budget_left(struct seed_engine *engine)
{
	if (engine->config.budget <= 0)
		return -1;
	roll(engine);
	return is_used_up(engine) ? 0 : engine->config.budget - engine->spent.count;
}

bool budget_is_exhausted(const struct seed_engine *engine)
{
	return atomic_load(&engine->exhausted_day) == today();
}

int seed_engine_admission(struct seed_engine *engine)
{
	/* A text that was generated before costs nothing: commit.c. */
	return !engine->config.reuse && budget_is_exhausted(engine) ? EDQUOT : 0;
}
