/* Commands that change names in the catalogue, in order with the generations. */
#include "lib/engine_internal.h"
#include "lib/store/store.h"

struct change {
	struct seed_disk_job disk;
	struct command command; /* first the order, then the report */
	struct seed_engine *engine;
	struct seed_wait *wait;
	char *name;
	struct seed_record cancelled; /* the row of what was running; id NULL: nothing was */
	errint_t err;
};

static struct change *change_of(struct command *command)
{
	return (struct change *)((char *)command - offsetof(struct change, command));
}

static void change_ended(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);

	engine->steps_running--;
	wait_finish(engine, change->wait, -change->err);
	seed_record_release(&change->cancelled);
	free(change->name);
	free(change);
}

static void remove_on_disk(struct seed_disk_job *disk)
{
	struct change *change = (struct change *)disk;
	struct seed_engine *engine = change->engine;

	change->err = seed_store_remove_prompt(engine->store, change->name,
					       change->cancelled.id ? &change->cancelled : NULL);
	engine_post(engine, &change->command);
}

static void run_remove(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);
	struct generation *generation = engine_find(engine, change->name);

	change->command.run = change_ended;
	if (generation) {
		generation_log(generation, SEED_LOG_IMAGE "Cancelled: the prompt was removed");
		generation->record.state = SEED_STATE_CANCELLED;
		seed_error_set(&generation->record.error, ECANCELED, "the prompt was removed");
		/* Without memory the row says less; the prompt goes all the same. */
		if (seed_record_copy(&change->cancelled, &generation->record))
			seed_record_release(&change->cancelled);
		exchange_cancel(generation);
		generation_abandon(generation, ECANCELED);
	}
	change->disk.run = remove_on_disk;
	engine->steps_running++;
	seed_disk_submit(engine->disk, seed_disk_lane(change->name), &change->disk);
}

errint_t seed_engine_remove(struct seed_engine *engine, const char *name, struct seed_wait *wait)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change || !(change->name = strdup(name))) {
		free(change);
		return -ENOMEM;
	}
	seed_record_init(&change->cancelled);
	change->engine = engine;
	change->wait = wait;
	wait->engine = engine;
	change->command.run = run_remove;
	engine_post(engine, &change->command);
	return 0;
}
