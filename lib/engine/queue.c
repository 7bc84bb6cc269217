/*
 * Who may submit when: slots, the rate, and a service that accepts nothing now.
 *
 * While submissions do not get through (429, connection refused, no memory
 * here) the queue is blocked. One generation tries for all, after a back-off or
 * when the service said. The others wait without a slot, each for at most its own
 * timeout, counted from when it could have been sent.
 *
 * A 429 may be about one model only. So the next to try is one that has not been answered yet; and
 * who is answered 429 again although others were accepted meanwhile waits alone.
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
	generation->engine->queued++;
}

void queue_add(struct generation *generation, bool first)
{
	struct seed_engine *engine = generation->engine;

	generation->queued_ms = seed_clock_now_ms();
	engine->pump_ms = 0;
	link_at(generation, first ? &engine->queue_first : engine->queue_last);
}

void queue_remove(struct generation *generation)
{
	if (!generation->link_queued)
		return;
	*generation->link_queued = generation->next_queued;
	if (generation->next_queued)
		generation->next_queued->link_queued = generation->link_queued;
	else
		generation->engine->queue_last = generation->link_queued;
	generation->link_queued = NULL;
	generation->engine->queued--;
}

/* ---- a service that accepts nothing ---- */

/* Others were accepted since it was last answered so: it waits by itself. */
static bool is_refused_alone(struct generation *generation, enum seed_failure failure, int64_t delay_ms)
{
	const uint64_t before = generation->refused_at, at = generation->engine->accepted + 1;
	const bool alone = failure == SEED_FAILURE_BUSY && before && before != at;

	if (alone && delay_ms <= 0)
		delay_ms = seed_backoff_ms(generation->backoffs++);
	generation->refused_at = failure == SEED_FAILURE_BUSY ? at : 0;
	generation->not_before_ms = delay_ms > 0 ? seed_clock_now_ms() + delay_ms : 0;
	if (alone)
		generation_log(generation, SEED_LOG_REQUEST "Rate limited by the service, which accepts others: "
			       "next try in %.1f s", (double)delay_ms / 1000);
	return alone;
}

/* Whoever asks has no more time than its own. And what one was told holds the others for three quarters of
 * their time; in the last they find out for themselves. */
static int64_t hold_until_ms(struct seed_engine *engine, const struct generation *generation, int64_t delay_ms)
{
	int64_t now = seed_clock_now_ms(), until = now + delay_ms;
	int64_t most = engine->blocked_ms + engine->config.timeout_ms / 4 * 3;

	if (engine->blocked_by_rate && until > most) {
		until = now + seed_backoff_ms(engine->outages++);
		until = until > most ? until : most;
	}
	return until < generation->ask_until_ms ? until : generation->ask_until_ms;
}

void queue_block(struct generation *generation, enum seed_failure failure,
		 const struct seed_error *error, int64_t delay_ms)
{
	struct seed_engine *engine = generation->engine;
	int64_t now = seed_clock_now_ms();
	bool service_said;

	if (is_refused_alone(generation, failure, delay_ms))
		return;
	engine->blocked_error = *error;
	engine->blocked_by_rate = failure == SEED_FAILURE_BUSY;
	if (!engine->blocked_ms)
		engine->blocked_ms = now;
	/* Several requests that were under way at once count as one outage. */
	if (delay_ms <= 0 && now < engine->hold_until_ms)
		return;
	service_said = delay_ms > 0 && failure == SEED_FAILURE_BUSY;
	if (delay_ms <= 0)
		delay_ms = seed_backoff_ms(engine->outages++);
	engine->hold_until_ms = hold_until_ms(engine, generation, delay_ms);
	if (service_said && engine->shared)
		seed_farmer_hold(engine->shared->farmer, engine->hold_until_ms - now, error);
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
	engine->accepted += got_through;
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

static void tell(struct generation *generation, enum event_kind kind)
{
	const struct event event = { .kind = kind };

	generation->engine->deliver(generation, &event);
}

/* The deadlines grow in the queue's order, except for attempts that came back. */
static int64_t expire_due(struct seed_engine *engine, int64_t now)
{
	int64_t first = INT64_MAX;
	struct generation *next;

	for (struct generation *g = engine->queue_first; g; g = next) {
		int64_t at = queued_deadline_ms(g);
		bool first_try = g->record.attempt_count == 0;

		next = g->next_queued;
		if (at <= now) {
			queue_remove(g);
			tell(g, EVENT_EXPIRED);
		} else if (at < first) {
			first = at;
		}
		if (at > now && first_try)
			break;
	}
	return first;
}

/* The service refused the key for one: the others of the queue would only be
 * refused one by one. */
static void refuse_all(struct seed_engine *engine)
{
	struct generation *next;

	for (struct generation *generation = engine->queue_first; generation; generation = next) {
		next = generation->next_queued;
		queue_remove(generation);
		tell(generation, EVENT_KEY_REFUSED);
	}
}

/* ---- */

static int64_t may_start_ms(const struct seed_engine *engine, int64_t now)
{
	int64_t at = seed_rate_next_ms(&engine->rate, engine->announced, now);
	int64_t held = shared_hold_until_ms(engine, now);

	/* The end of another gives the slot and looks here again. A key that
	 * was refused is tried with one prompt at a time. */
	if (engine->active >= (engine->key_refused ? 1 : shared_jobs(engine)) ||
	    (engine->blocked_ms && engine->probe))
		return INT64_MAX;
	at = held > at ? held : at;
	return engine->hold_until_ms > at ? engine->hold_until_ms : at;
}

/* NULL: none before *at. */
static struct generation *next_to_ask(const struct seed_engine *engine, int64_t now, int64_t *at)
{
	struct generation *first = NULL;

	*at = INT64_MAX;
	for (struct generation *g = engine->queue_first; g; g = g->next_queued) {
		if (g->not_before_ms > now) {
			*at = g->not_before_ms < *at ? g->not_before_ms : *at;
			continue;
		}
		if (!engine->blocked_ms || !engine->blocked_by_rate || attempt_begins(g))
			return g;
		if (!first)
			first = g;
	}
	return first;
}

static int64_t pump(struct seed_engine *engine, int64_t now)
{
	while (engine->queue_first && !engine->stopping) {
		int64_t at = may_start_ms(engine, now), next;
		struct generation *generation = at > now ? NULL : next_to_ask(engine, now, &next);

		if (at > now)
			return at;
		if (!generation)
			return next;
		queue_remove(generation);
		if (engine->blocked_ms)
			engine->probe = generation;
		engine->active++;
		generation->has_slot = true;
		tell(generation, EVENT_SLOT);
	}
	return INT64_MAX;
}

int64_t queue_turn(struct seed_engine *engine, int64_t now)
{
	int64_t expires;

	if (engine->key_due) {
		engine->key_due = false;
		refuse_all(engine);
	}
	expires = expire_due(engine, now);
	if (now >= engine->pump_ms)
		engine->pump_ms = pump(engine, now);
	return expires < engine->pump_ms ? expires : engine->pump_ms;
}
