/*
 * When each generation is to be looked at: a heap, the earliest first. A turn of
 * the engine costs what is due, not what exists: ten thousand that wait cost
 * nothing while nothing happens.
 *
 * Whoever changes what a generation waits for calls timers_touch(): the next
 * turn looks at it and finds out until when it may sleep. There is room for every
 * generation from the moment in which it is made, so nothing here can fail.
 */
#include "lib/engine/internal.h"

errint_t timers_reserve(struct seed_engine *engine)
{
	size_t alloc = engine->due_alloc ? 2 * engine->due_alloc : 64;
	struct generation **due;

	engine->generation_count++;
	if (engine->generation_count <= engine->due_alloc)
		return 0;
	due = realloc(engine->due, alloc * sizeof(due[0]));
	if (!due) {
		engine->generation_count--;
		return -ENOMEM;
	}
	engine->due = due;
	engine->due_alloc = alloc;
	return 0;
}

static void put(struct seed_engine *engine, size_t at, struct generation *generation)
{
	engine->due[at] = generation;
	generation->due_at = at + 1;
}

static void sift_up(struct seed_engine *engine, size_t at, struct generation *generation)
{
	while (at > 0 && engine->due[(at - 1) / 2]->due_ms > generation->due_ms) {
		put(engine, at, engine->due[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(engine, at, generation);
}

static void sift_down(struct seed_engine *engine, size_t at, struct generation *generation)
{
	size_t child;

	while ((child = 2 * at + 1) < engine->due_count) {
		if (child + 1 < engine->due_count &&
		    engine->due[child + 1]->due_ms < engine->due[child]->due_ms)
			child++;
		if (engine->due[child]->due_ms >= generation->due_ms)
			break;
		put(engine, at, engine->due[child]);
		at = child;
	}
	put(engine, at, generation);
}

static void take_out(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	size_t at = generation->due_at - 1;
	struct generation *last;

	if (generation->due_at == 0)
		return;
	generation->due_at = 0;
	last = engine->due[--engine->due_count];
	if (last == generation)
		return;
	if (at > 0 && engine->due[(at - 1) / 2]->due_ms > last->due_ms)
		sift_up(engine, at, last);
	else
		sift_down(engine, at, last);
}

void timers_set(struct generation *generation, int64_t due_ms)
{
	take_out(generation);
	if (due_ms == INT64_MAX)
		return;
	generation->due_ms = due_ms;
	sift_up(generation->engine, generation->engine->due_count++, generation);
}

void timers_touch(struct generation *generation)
{
	timers_set(generation, 0);
}

struct generation *timers_due(struct seed_engine *engine, int64_t now_ms)
{
	struct generation *first = engine->due_count ? engine->due[0] : NULL;

	if (!first || first->due_ms > now_ms)
		return NULL;
	take_out(first);
	return first;
}

int64_t timers_next_ms(const struct seed_engine *engine)
{
	return engine->due_count ? engine->due[0]->due_ms : INT64_MAX;
}

void timers_forget(struct generation *generation)
{
	take_out(generation);
	generation->engine->generation_count--;
}
