/*
 * Whose turn it is: so many of the images that callbacks name are looked at at once. The others
 * wait in order, each in the journal and without a descriptor. A turn lasts until the image
 * is about to be stored, or is not used.
 */
#include "lib/engine/internal.h"

static void join_line(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	generation->link_adopting = engine->adopting_last;
	generation->next_adopting = NULL;
	*engine->adopting_last = generation;
	engine->adopting_last = &generation->next_adopting;
}

static void leave_line(struct generation *generation)
{
	struct generation *next = generation->next_adopting;

	*generation->link_adopting = next;
	if (next)
		next->link_adopting = generation->link_adopting;
	else
		generation->engine->adopting_last = generation->link_adopting;
	generation->link_adopting = NULL;
}

bool adoption_begin(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	if (generation->has_turn)
		return true;
	if (generation->link_adopting)
		return false;
	if (engine->adopting < engine->config.adoptions) {
		engine->adopting++;
		generation->has_turn = true;
		return true;
	}
	join_line(generation);
	return false;
}

void adoption_end(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	struct generation *next = engine->adopting_first;

	if (generation->link_adopting)
		leave_line(generation);
	if (!generation->has_turn)
		return;
	generation->has_turn = false;
	if (!next) {
		engine->adopting--;
		return;
	}
	/* It gets this turn itself, so that nobody who comes now is before it. */
	leave_line(next);
	next->has_turn = true;
	attempt_wake(next);
}
