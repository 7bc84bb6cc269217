/* Who waits for a generation, and which signals end a wait. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/process.h"

/* The kernel interrupts a request once. A later fatal signal only appears in the
 * process's pending set, so that is looked at again this often. */
#define WATCH_INTERVAL_MS 100

static void leave_holder(struct seed_wait *wait)
{
	if (!wait->link)
		return;
	*wait->link = wait->next;
	if (wait->next)
		wait->next->link = wait->link;
	wait->link = NULL;
}

static void leave_engine(struct seed_wait *wait)
{
	if (!wait->link_all)
		return;
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
	leave_engine(wait);
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
	if (!atomic_load(&wait->interrupted))
		return;
	if (seed_process_is_ending(wait->process)) {
		engine->metrics.interrupted++;
		wait_finish(engine, wait, EINTR);
	} else if (!wait->watched) {
		wait->watched = true;
		engine->watching++;
	}
}

void waits_look(struct seed_engine *engine, int64_t now_ms)
{
	bool fresh = atomic_exchange(&engine->interrupts, false);
	struct seed_wait *next;

	if (!fresh && (engine->watching == 0 || now_ms < engine->watch_ms))
		return;
	for (struct seed_wait *wait = engine->waits; wait; wait = next) {
		next = wait->next_all;
		look_at(engine, wait);
	}
	engine->watch_ms = now_ms + WATCH_INTERVAL_MS;
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
