/* Who waits for a generation, and which signals end a wait. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/process.h"

/* The kernel interrupts a request once; a later fatal signal shows only in the
 * process's pending set, so that is looked at again this often. */
#define WATCH_INTERVAL_MS 100

void wait_finish(struct seed_engine *engine, struct seed_wait *wait, int code)
{
	if (wait->link) {
		*wait->link = wait->next;
		if (wait->next)
			wait->next->link = wait->link;
		wait->link = NULL;
	}
	if (wait->watched) {
		wait->watched = false;
		engine->watching--;
	}
	wait->done(wait, code);
}

void wait_add(struct generation *generation, struct seed_wait *wait)
{
	struct seed_engine *engine = generation->engine;

	wait->link = NULL;
	wait->watched = false;
	if (engine->stopping) {
		wait_finish(engine, wait, ESHUTDOWN);
		return;
	}
	if (wait->until_begun && generation_has_begun(generation)) {
		wait_finish(engine, wait, 0);
		return;
	}
	wait->next = generation->waits;
	wait->link = &generation->waits;
	if (wait->next)
		wait->next->link = &wait->next;
	generation->waits = wait;
	/* The signal may have come before the command did. */
	if (atomic_load(&wait->interrupted))
		atomic_store(&engine->interrupts, true);
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

static void look_at(struct generation *generation)
{
	struct seed_wait *next;

	for (struct seed_wait *wait = generation->waits; wait; wait = next) {
		next = wait->next;
		if (!atomic_load(&wait->interrupted))
			continue;
		if (seed_process_is_ending(wait->tid)) {
			generation->engine->metrics.interrupted++;
			wait_finish(generation->engine, wait, EINTR);
		} else if (!wait->watched) {
			wait->watched = true;
			generation->engine->watching++;
		}
	}
}

void waits_look(struct seed_engine *engine, int64_t now_ms)
{
	bool fresh = atomic_exchange(&engine->interrupts, false);

	if (!fresh && (engine->watching == 0 || now_ms < engine->watch_ms))
		return;
	for (struct generation *g = engine->generations; g; g = g->next)
		look_at(g);
	engine->watch_ms = now_ms + WATCH_INTERVAL_MS;
}

void seed_engine_interrupt(struct seed_wait *wait)
{
	/* No lock and no reply here: libfuse holds a lock of the request. */
	atomic_store(&wait->interrupted, true);
	atomic_store(&wait->engine->interrupts, true);
	seed_net_wake(wait->engine->net);
}
