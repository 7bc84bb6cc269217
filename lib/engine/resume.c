/* After a restart: takes up the generations in the journal. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* A prompt that no service knows yet may be sent to any service. But one that was to be
 * drawn (sketch, or a dry run, which is in no list of providers) is not paid for, nor the
 * other way round: nobody asked for that. */
static bool may_be_asked_here(const struct seed_engine *engine, const struct seed_record *record)
{
	const struct seed_provider *provider =
		record->provider ? seed_provider_find(record->provider) : engine->config.provider;
	bool drawn = !provider || provider->draws;

	return drawn == engine->config.provider->draws && record->step &&
	       (strcmp(record->step, "queued") == 0 || strcmp(record->step, "adopt") == 0);
}

/* ---- a late task and its retry (attempts.c), each with a row of its own ---- */

/* A server that counts its tasks anew has had the same id for another's: so it is when it was sent, too. */
static const struct seed_attempt *attempt_of(const struct seed_record *record, const struct seed_attempt *wanted)
{
	for (int i = 0; i < record->attempt_count; i++)
		if (record->attempts[i].task_id && strcmp(record->attempts[i].task_id, wanted->task_id) == 0 &&
		    record->attempts[i].started_ms == wanted->started_ms)
			return &record->attempts[i];
	return NULL;
}

/* NULL: it is none, or its service gave it no id. */
static const struct seed_attempt *late_attempt(const struct seed_record *row)
{
	return row->superseded && row->attempt_count == 1 && row->attempts[0].task_id ? row->attempts : NULL;
}

/* Whose first attempt it was. It is older, so it has been taken up. A store that hosts share knows that itself. */
static struct generation *retry_of(const struct seed_engine *engine, const struct seed_record *row)
{
	const struct seed_attempt *attempt = late_attempt(row);

	for (struct generation *g = engine->generations; g && attempt && !engine->shared; g = g->next)
		if (g->link_same && !g->late && attempt_of(&g->record, attempt))
			return g;
	return NULL;
}

/* Its retry has failed, and the stop came before the row said that the name is this one's. */
static bool inherits(struct seed_engine *engine, struct seed_record *row)
{
	const struct seed_attempt *attempt = late_attempt(row);
	struct seed_record failed = { 0 };
	struct seed_error error;
	bool is = false;

	if (attempt && !engine->shared && !engine_find(engine, row->name) &&
	    seed_store_record_read(engine->store, row->name, &failed) == 0)
		is = failed.state == SEED_STATE_FAILED && attempt_of(&failed, attempt);
	if (is) {
		seed_record_take_attempt(row, &failed, seed_clock_wall_ms());
		seed_error_recall(&failed.error, &error);
		seed_error_keep(&row->error, &error);
		row->superseded = false;
	}
	seed_record_release(&failed);
	return is;
}

static enum phase beside(struct generation *late, struct generation *retry)
{
	const struct seed_attempt *attempt = attempt_of(&retry->record, late->record.attempts);

	/* The stop came between their two rows: that one goes on with the task itself. */
	if (!attempt->ended_ms)
		return generation_give_up(late, ECANCELED);
	late->main = retry;
	retry->late = late;
	late->asked = retry->asked;
	if (!generation_share_name(late, retry))
		generation_part_from_late(late);
	return resume_phase(late);
}

errint_t resume_row(struct seed_engine *engine, struct seed_record *record, bool newest)
{
	bool marked = record->superseded;
	bool refit = may_be_asked_here(engine, record) &&
		     (!record->provider || strcmp(record->provider, engine->config.provider->name) != 0);
	struct generation *generation = NULL, *retry = newest ? NULL : retry_of(engine, record);
	struct seed_task task = { 0 };
	errint_t err = record->task ? seed_task_parse(record->task, &task) : 0;
	bool inherited = !newest && !retry && inherits(engine, record);

	newest = newest || inherited;
	/* What cannot be read for want of memory may be paid for. */
	if (err != -ENOMEM && (!refit || generation_ask_here(engine, record) == 0))
		generation = generation_new(engine, record, newest);
	if (!generation) {
		seed_task_release(&task);
		seed_record_release(record);
		return -ENOMEM;
	}
	generation->resumed = true;
	generation->was_taken = generation->record.attempt_count > 0;
	generation->task = task;
	machine_start(generation, engine->shared ? PHASE_CLAIM :
				  retry ? beside(generation, retry) : resume_phase(generation));
	/* Only the newer one's row says so, and that one may end before this. */
	if ((inherited || (!newest && !marked)) && !generation_is_over(generation))
		disk_step(generation, STEP_MARK);
	return 0;
}
