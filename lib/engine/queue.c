/*
 * Who may submit when: slots, the rate, and a service that accepts nothing now.
 *
 * While submissions do not get through (connection refused, no memory here) the queue is
 * blocked. One generation tries for all, after a back-off. The others wait without a slot, each
 * for at most its own timeout, counted from when it could have been sent. A service that answers
 * 429 may limit one model only (OpenAI, ModelArk): that blocks the prompts with this model in the
 * same way, until when the service said, and others find out for themselves.
 *
 * A refusal comes at once. A service that answers with the picture takes as long as that takes, and a request may
 * hang: neither says that nothing is accepted. So once a request that left was not refused for some seconds, it holds
 * nobody: the blockage is open, until an answer ends it or shuts it again.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* Models that are limited at once. */
#define LIMITS_MAX 64
/* A limit that is over is tried within this, if there is a slot. */
#define SLOT_SOON_MS 1000
/* A request that was not refused for so long is not refused; how often one that has not left yet is looked at. */
#define REFUSED_WITHIN_MS 3000
#define LEFT_EVERY_MS 500
/* No longer back-off than this many lead to, while others are accepted: four seconds. */
#define BACKOFFS_BESIDE_OTHERS 2

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

/* Until when it may wait. */
static int64_t queued_deadline_ms(const struct generation *generation)
{
	const struct blockage *block = queue_blockage(generation);
	int64_t since;

	/* An attempt that has been asked for has its own. */
	if (!attempt_begins(generation) && generation->ask_until_ms != INT64_MAX)
		return generation->ask_until_ms;
	/* Behind a limit that is over it waits for a slot. */
	if (!block || (block->model && !block->probe && block->hold_until_ms <= seed_clock_now_ms()))
		return INT64_MAX;
	since = generation->queued_ms > block->blocked_ms ? generation->queued_ms : block->blocked_ms;
	return since + generation->engine->config.timeout_ms;
}

/* What stands there once its reason has gone costs a look at the queue. */
static void expire_by(struct seed_engine *engine, int64_t at_ms)
{
	if (at_ms < engine->expire_ms)
		engine->expire_ms = at_ms;
}

/* Before all that have not been asked for yet, and in the order in which they were written. */
static struct generation **place_of(const struct generation *generation)
{
	struct generation **at = &generation->engine->queue_first;

	while (*at && (*at)->record.attempt_count > 0 && (*at)->order < generation->order)
		at = &(*at)->next_queued;
	return at;
}

void queue_add(struct generation *generation, bool first)
{
	struct seed_engine *engine = generation->engine;

	generation->queued_ms = seed_clock_now_ms();
	engine->pump_ms = 0;
	link_at(generation, first ? place_of(generation) : engine->queue_last);
	expire_by(engine, queued_deadline_ms(generation));
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

static const char *model_of(const struct generation *generation)
{
	const char *model = generation->record.params->model;

	return model ? model : "";
}

static struct blockage **find_limit(struct seed_engine *engine, const struct generation *generation)
{
	struct blockage **at = &engine->limits;

	while (*at && strcmp((*at)->model, model_of(generation)) != 0)
		at = &(*at)->next;
	return at;
}

static void drop_limit(struct blockage **at)
{
	struct blockage *block = *at;

	*at = block->next;
	free(block->model);
	free(block);
}

/* Nobody has tried since, whose request would have ended it. */
static int drop_stale(struct seed_engine *engine, int64_t now)
{
	int count = 0;

	for (struct blockage **at = &engine->limits; *at;) {
		if (!(*at)->probe && now - (*at)->hold_until_ms > engine->config.timeout_ms) {
			drop_limit(at);
			continue;
		}
		at = &(*at)->next;
		count++;
	}
	return count;
}

/* Without memory, or if there are very many, that of all. */
static struct blockage *make_limit(struct seed_engine *engine, const struct generation *generation)
{
	struct blockage *block = *find_limit(engine, generation);

	if (block)
		return block;
	block = drop_stale(engine, seed_clock_now_ms()) < LIMITS_MAX ? calloc(1, sizeof(*block)) : NULL;
	if (block)
		block->model = strdup(model_of(generation));
	if (!block || !block->model) {
		free(block);
		return &engine->outage;
	}
	block->next = engine->limits;
	engine->limits = block;
	return block;
}

static void unblock(struct blockage *block)
{
	block->open = false;
	block->blocked_ms = block->hold_until_ms = 0;
	block->outages = 0;
}

void queue_free(struct seed_engine *engine)
{
	while (engine->limits)
		drop_limit(&engine->limits);
}

static bool is_blocked(const struct seed_engine *engine)
{
	return engine->outage.blocked_ms && !engine->outage.open;
}

/* Likewise of its model; NULL: it is not. */
static struct blockage *limit_of(struct seed_engine *engine, const struct generation *generation)
{
	struct blockage *limit = *find_limit(engine, generation);

	return limit && !limit->open ? limit : NULL;
}

const struct blockage *queue_blockage(const struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	return is_blocked(engine) ? &engine->outage : limit_of(engine, generation);
}

void queue_block(struct generation *generation, enum seed_failure failure,
		 const struct seed_error *error, int64_t delay_ms)
{
	struct seed_engine *engine = generation->engine;
	bool is_limit = failure == SEED_FAILURE_BUSY;
	struct blockage *block = is_limit ? make_limit(engine, generation) : &engine->outage;
	int64_t now = seed_clock_now_ms();
	bool service_said;

	if (is_limit && block != &engine->outage) /* it has answered */
		unblock(&engine->outage);
	block->error = *error;
	block->open = false;
	if (!block->blocked_ms)
		block->blocked_ms = now;
	expire_by(engine, now);
	/* Several requests that were under way at once count as one outage. */
	if (delay_ms <= 0 && now < block->hold_until_ms)
		return;
	service_said = delay_ms > 0 && is_limit;
	if (delay_ms <= 0)
		delay_ms = seed_backoff_ms(block->outages++);
	block->hold_until_ms = now + delay_ms;
	/* Whoever asks has no more time than this; those behind it find out
	 * for themselves. */
	if (block->hold_until_ms > generation->ask_until_ms)
		block->hold_until_ms = generation->ask_until_ms;
	if (service_said && engine->shared)
		seed_farmer_hold(engine->shared->farmer, block->hold_until_ms - now, error);
	generation_log(generation, SEED_LOG_REQUEST "%s: next try in %.1f s",
		       is_limit ? "Rate limited by the service" : error->message,
		       (double)(block->hold_until_ms - now) / 1000);
}

static void probe_ended(struct seed_engine *engine, struct blockage *block, const struct generation *generation)
{
	if (block->probe != generation)
		return;
	block->probe = NULL;
	engine->pump_ms = 0;
}

void queue_answered(struct generation *generation, bool got_through)
{
	struct seed_engine *engine = generation->engine;
	struct blockage **limit = find_limit(engine, generation);

	probe_ended(engine, &engine->outage, generation);
	for (struct blockage *block = engine->limits; block; block = block->next)
		probe_ended(engine, block, generation);
	if (!got_through || (!engine->outage.blocked_ms && !engine->limits))
		return;
	unblock(&engine->outage);
	if (*limit)
		drop_limit(limit);
	/* If it limits all models together, none falls behind the others. */
	for (struct blockage *other = engine->limits; other; other = other->next)
		if (other->outages > BACKOFFS_BESIDE_OTHERS)
			other->outages = BACKOFFS_BESIDE_OTHERS;
	engine->pump_ms = 0;
}

/* When it holds others no more, although it was not answered; `now`: it does not. INT64_MAX: it was not sent. */
static int64_t lets_go_ms(const struct generation *probe, int64_t now)
{
	int64_t at;

	if (!probe || probe->phase != PHASE_SUBMIT || !probe->transfer)
		return INT64_MAX;
	at = probe->submitted_ms + REFUSED_WITHIN_MS;
	return at > now || seed_net_has_left(probe->transfer) ? at : now + LEFT_EVERY_MS;
}

/* A refusal that comes later all the same finds the time since which others wait. */
static int64_t open_if_due(struct seed_engine *engine, struct blockage *block, int64_t now)
{
	int64_t at = lets_go_ms(block->probe, now);

	if (at > now)
		return at;
	block->open = true;
	probe_ended(engine, block, block->probe);
	return INT64_MAX;
}

static int64_t probes_turn(struct seed_engine *engine, int64_t now)
{
	int64_t first = open_if_due(engine, &engine->outage, now);

	for (struct blockage *block = engine->limits; block; block = block->next) {
		int64_t at = open_if_due(engine, block, now);

		first = at < first ? at : first;
	}
	return first;
}

static void tell(struct generation *generation, enum event_kind kind)
{
	const struct event event = { .kind = kind };

	generation->engine->deliver(generation, &event);
}

static int64_t expire_due(struct seed_engine *engine, int64_t now)
{
	int64_t first = INT64_MAX;
	struct generation *next;

	for (struct generation *g = engine->queue_first; g; g = next) {
		int64_t at = queued_deadline_ms(g);

		next = g->next_queued;
		if (at <= now) {
			queue_remove(g);
			tell(g, EVENT_EXPIRED);
		} else if (at < first) {
			first = at;
		}
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
	if (engine->active >= (engine->key_refused ? 1 : shared_jobs(engine)))
		return INT64_MAX;
	return held > at ? held : at;
}

/* NULL: none before *at. */
static struct generation *next_to_ask(struct seed_engine *engine, int64_t now, int64_t *at)
{
	const struct blockage *outage = is_blocked(engine) ? &engine->outage : NULL;

	*at = INT64_MAX;
	for (struct generation *g = engine->queue_first; g; g = g->next_queued) {
		const struct blockage *block = limit_of(engine, g);

		if (!block || (!block->probe && block->hold_until_ms <= now))
			block = outage;
		if (!block || (!block->probe && block->hold_until_ms <= now))
			return g;
		if (!block->probe && block->hold_until_ms < *at)
			*at = block->hold_until_ms;
		if (block == outage)
			break;
	}
	return NULL;
}

/* If it waited for a slot, and not for the service, those behind it have their time from now on. */
static void probe(struct generation *generation, struct blockage *limit, int64_t now)
{
	if (now - limit->hold_until_ms > SLOT_SOON_MS)
		limit->blocked_ms = now;
	limit->probe = generation;
	expire_by(generation->engine, now);
}

static int64_t pump(struct seed_engine *engine, int64_t now)
{
	while (engine->queue_first && !engine->stopping) {
		int64_t at = may_start_ms(engine, now);
		struct generation *generation = at > now ? NULL : next_to_ask(engine, now, &at);
		struct blockage *limit;

		if (!generation)
			return at;
		queue_remove(generation);
		limit = limit_of(engine, generation);
		if (is_blocked(engine))
			engine->outage.probe = generation;
		if (limit)
			probe(generation, limit, now);
		engine->active++;
		generation->has_slot = true;
		tell(generation, EVENT_SLOT);
	}
	return INT64_MAX;
}

int64_t queue_turn(struct seed_engine *engine, int64_t now)
{
	int64_t probes_at = probes_turn(engine, now), at;

	if (engine->key_due) {
		engine->key_due = false;
		refuse_all(engine);
	}
	if (now >= engine->expire_ms) {
		engine->expire_ms = INT64_MAX; /* whoever expires may queue something */
		expire_by(engine, expire_due(engine, now));
	}
	if (now >= engine->pump_ms)
		engine->pump_ms = pump(engine, now);
	at = engine->expire_ms < engine->pump_ms ? engine->expire_ms : engine->pump_ms;
	return probes_at < at ? probes_at : at;
}
