/* Who waits for a generation, and which signals end a wait. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/process.h"

/* The kernel interrupts a request once. A later fatal signal only appears in the
 * process's pending set, so that is looked at again this often. */
#define WATCH_INTERVAL_MS 100
/* A look asks another thread, and takes some 50 us. Whoever interrupts thousands of waiters (a runtime that signals
 * its threads does) shall not have the engine do nothing else: in one turn it looks for so long, and then it works
 * for at least so long. */
#define LOOK_MS 4
#define PAUSE_MS 20

static void leave_holder(struct seed_wait *wait)
{
	if (!wait->link)
		return;
	*wait->link = wait->next;
	if (wait->next)
		wait->next->link = wait->link;
	wait->link = NULL;
}

static void leave_engine(struct seed_engine *engine, struct seed_wait *wait)
{
	if (!wait->link_all)
		return;
	if (engine->look_next == wait)
		engine->look_next = wait->next_all;
	*wait->link_all = wait->next_all;
	if (wait->next_all)
		wait->next_all->link_all = wait->link_all;
	wait->link_all = NULL;
}

void wait_hold(struct seed_engine *engine, struct seed_wait **holder, struct seed_wait *wait)
{
	leave_holder(wait);
	wait->next = *holder == wait ? NULL : *holder;
	wait->link = holder;
	if (wait->next)
		wait->next->link = &wait->next;
	*holder = wait;
	if (!wait->link_all) {
		wait->next_all = engine->waits;
		wait->link_all = &engine->waits;
		if (wait->next_all)
			wait->next_all->link_all = &wait->next_all;
		engine->waits = wait;
	}
	/* The signal may have come before the command did. */
	if (atomic_load(&wait->interrupted))
		atomic_store(&engine->interrupts, true);
}

void wait_finish(struct seed_engine *engine, struct seed_wait *wait, int code)
{
	leave_holder(wait);
	leave_engine(engine, wait);
	if (wait->watched) {
		wait->watched = false;
		engine->watching--;
	}
	wait->done(wait, code);
}

void wait_add(struct generation *generation, struct seed_wait *wait)
{
	struct seed_engine *engine = generation->engine;

	if (engine->stopping)
		wait_finish(engine, wait, ESHUTDOWN);
	else if (wait->until_begun && generation_has_begun(generation))
		wait_finish(engine, wait, 0);
	else
		wait_hold(engine, &generation->waits, wait);
}

void waits_finish(struct generation *generation, int code)
{
	while (generation->waits)
		wait_finish(generation->engine, generation->waits, code);
}

void waits_begun(struct generation *generation)
{
	struct seed_wait *next;

	for (struct seed_wait *wait = generation->waits; wait; wait = next) {
		next = wait->next;
		if (wait->until_begun)
			wait_finish(generation->engine, wait, 0);
	}
}

static void look_at(struct seed_engine *engine, struct seed_wait *wait)
{
	if (seed_process_is_ending(wait->process)) {
		engine->metrics.interrupted++;
		wait_finish(engine, wait, EINTR);
	} else if (!wait->watched) {
		wait->watched = true;
		if (engine->watching++ == 0)
			engine->watch_ms = seed_clock_now_ms() + WATCH_INTERVAL_MS;
	}
}

/* Those whose first signal came now. False: the time is over, and some are left. */
static bool look_at_fresh(struct seed_engine *engine)
{
	const int64_t end_ms = seed_clock_now_ms() + LOOK_MS;
	struct seed_wait *next;

	for (struct seed_wait *wait = engine->waits; wait; wait = next) {
		next = wait->next_all;
		if (wait->watched || !atomic_load(&wait->interrupted))
			continue;
		if (seed_clock_now_ms() >= end_ms)
			return false;
		look_at(engine, wait);
	}
	return true;
}

/* The others, from where the last turn came to. */
static bool look_at_watched(struct seed_engine *engine)
{
	const int64_t end_ms = seed_clock_now_ms() + LOOK_MS;
	struct seed_wait *wait;

	if (!engine->look_next)
		engine->look_next = engine->waits;
	while ((wait = engine->look_next) != NULL) {
		if (seed_clock_now_ms() >= end_ms)
			return false;
		engine->look_next = wait->next_all;
		if (wait->watched)
			look_at(engine, wait);
	}
	return true;
}

void waits_look(struct seed_engine *engine, int64_t now_ms)
{
	if (atomic_exchange(&engine->interrupts, false))
		engine->fresh = true;
	if (engine->fresh && now_ms >= engine->fresh_ms) {
		engine->fresh = !look_at_fresh(engine);
		engine->fresh_ms = engine->fresh ? seed_clock_now_ms() + PAUSE_MS : 0;
	}
	if (engine->watching > 0 && now_ms >= engine->watch_ms) {
		bool all = look_at_watched(engine);

		engine->watch_ms = seed_clock_now_ms() + (all ? WATCH_INTERVAL_MS : PAUSE_MS);
	}
}

int64_t waits_next_ms(const struct seed_engine *engine)
{
	int64_t at = engine->fresh ? engine->fresh_ms : INT64_MAX;

	return engine->watching > 0 && engine->watch_ms < at ? engine->watch_ms : at;
}

void waits_stop(struct seed_engine *engine)
{
	while (engine->waits)
		wait_finish(engine, engine->waits, ESHUTDOWN);
}

void seed_engine_interrupt(struct seed_wait *wait)
{
	/* No lock and no reply here: libfuse holds a lock of the request. */
	atomic_store(&wait->interrupted, true);
	atomic_store(&wait->engine->interrupts, true);
	seed_net_wake(wait->engine->net);
}
