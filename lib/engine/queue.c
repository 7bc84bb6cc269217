/*
 * Who may submit when: slots, the rate, and a service that takes nothing now.
 *
 * While submissions do not get through (429, connection refused, no memory
 * here) the queue is blocked: one generation tries for all, after a back-off or
 * when the service said; the others wait without a slot, each at most its own
 * timeout, counted from when it could have been sent.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

static void link_at(struct generation *generation, struct generation **at)
{
	generation->link_queued = at;
	generation->next_queued = *at;
	if (*at)
		(*at)->link_queued = &generation->next_queued;
	else
		generation->engine->queue_last = &generation->next_queued;
	*at = generation;
}

void queue_add(struct generation *generation, bool first)
{
	struct seed_engine *engine = generation->engine;

	generation->phase = PHASE_QUEUED;
	generation->queued = true;
	generation->queued_ms = seed_clock_now_ms();
	engine->pump_ms = 0;
	link_at(generation, first ? &engine->queue_first : engine->queue_last);
}

void queue_remove(struct generation *generation)
{
	if (!generation->queued)
		return;
	generation->queued = false;
	*generation->link_queued = generation->next_queued;
	if (generation->next_queued)
		generation->next_queued->link_queued = generation->link_queued;
	else
		generation->engine->queue_last = generation->link_queued;
}

/* ---- a service that takes nothing ---- */

void queue_block(struct generation *generation, enum seed_failure failure,
		 const struct seed_error *error, int64_t delay_ms)
{
	struct seed_engine *engine = generation->engine;
	int64_t now = seed_clock_now_ms();

	engine->blocked_error = *error;
	if (!engine->blocked_ms)
		engine->blocked_ms = now;
	/* Several that were under way at once are one outage. */
	if (delay_ms <= 0 && now < engine->hold_until_ms)
		return;
	if (delay_ms <= 0)
		delay_ms = seed_backoff_ms(engine->outages++);
	engine->hold_until_ms = now + delay_ms;
	/* Whoever asks has no more time than this; those behind it find out
	 * for themselves. */
	if (engine->hold_until_ms > generation->ask_until_ms)
		engine->hold_until_ms = generation->ask_until_ms;
	generation_log(generation, SEED_LOG_REQUEST "%s: next try in %.1f s",
		       failure == SEED_FAILURE_BUSY ? "Rate limited by the service" : error->message,
		       (double)(engine->hold_until_ms - now) / 1000);
}

void queue_answered(struct generation *generation, bool got_through)
{
	struct seed_engine *engine = generation->engine;

	if (engine->probe == generation) {
		engine->probe = NULL;
		engine->pump_ms = 0;
	}
	if (!got_through || !engine->blocked_ms)
		return;
	engine->blocked_ms = engine->hold_until_ms = 0;
	engine->outages = 0;
	engine->pump_ms = 0;
}

/* Until when it may wait. */
static int64_t queued_deadline_ms(const struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;
	int64_t since;

	/* An attempt that has been asked for has its own. */
	if (!attempt_begins(generation) && generation->ask_until_ms != INT64_MAX)
		return generation->ask_until_ms;
	if (!engine->blocked_ms)
		return INT64_MAX;
	since = generation->queued_ms > engine->blocked_ms ? generation->queued_ms :
							     engine->blocked_ms;
	return since + engine->config.timeout_ms;
}

static void expire(struct generation *generation)
{
	struct seed_error error = generation->engine->blocked_error;

	queue_remove(generation);
	if (!attempt_begins(generation)) {
		if (generation->ask_until_ms == INT64_MAX) { /* open since the last stop */
			generation->ask_until_ms = 0;
			generation->trouble = SEED_FAILURE_NOT_SENT;
			generation->trouble_error = error;
		}
		attempt_failed(generation, generation->trouble, &generation->trouble_error, -1);
		return;
	}
	if (generation->record.attempt_count > 0) /* the retry was due */
		error = attempt_last(generation)->error;
	attempt_end(generation, &error);
}

/* In the queue's order the deadlines grow, but for attempts that came back. */
static int64_t expire_due(struct seed_engine *engine, int64_t now)
{
	int64_t first = INT64_MAX;
	struct generation *next;

	for (struct generation *g = engine->queue_first; g; g = next) {
		int64_t at = queued_deadline_ms(g);

		next = g->next_queued;
		if (at <= now)
			expire(g);
		else if (at < first)
			first = at;
		if (at > now && g->record.attempt_count == 0)
			break;
	}
	return first;
}

void queue_refuse(struct seed_engine *engine)
{
	struct generation *next;
	struct seed_error error;

	seed_error_set(&error, EKEYREJECTED, "not submitted: the service refused the key; put a valid "
		       "one in place and send SIGHUP, or mount again");
	for (struct generation *generation = engine->queue_first; generation; generation = next) {
		next = generation->next_queued;
		queue_remove(generation);
		attempt_end(generation, &error);
	}
}

/* ---- */

static int64_t may_start_ms(const struct seed_engine *engine, int64_t now)
{
	int64_t at = seed_rate_next_ms(&engine->rate, now);

	/* The end of another gives the slot and looks here again. A key that
	 * was refused is tried with one prompt at a time. */
	if (engine->active >= (engine->key_refused ? 1 : engine->config.jobs) ||
	    (engine->blocked_ms && engine->probe))
		return INT64_MAX;
	return engine->hold_until_ms > at ? engine->hold_until_ms : at;
}

static int64_t pump(struct seed_engine *engine, int64_t now)
{
	while (engine->queue_first && !engine->stopping) {
		struct generation *generation = engine->queue_first;
		int64_t at = may_start_ms(engine, now);

		if (at > now)
			return at;
		queue_remove(generation);
		if (engine->blocked_ms)
			engine->probe = generation;
		attempt_start(generation);
	}
	return INT64_MAX;
}

int64_t queue_turn(struct seed_engine *engine, int64_t now)
{
	int64_t expires;

	if (engine->key_due) {
		engine->key_due = false;
		queue_refuse(engine);
	}
	expires = expire_due(engine, now);
	if (now >= engine->pump_ms)
		engine->pump_ms = pump(engine, now);
	return expires < engine->pump_ms ? expires : engine->pump_ms;
}
