/* From a row that was written before, here or on another host, to the phase in which it
 * goes on. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

static void resume_task(struct generation *generation)
{
	generation->submitted_ms = seed_clock_now_ms();
	/* The last mount told its waiters: there are none, and nothing
	 * is submitted for it any more. */
	generation->shelved = generation->no_retry = generation->record.state == SEED_STATE_FAILED;
	if (!generation->shelved) {
		generation->has_slot = true;
		generation->engine->active++;
		attempt_new_deadline(generation);
	}
	generation_log(generation, SEED_LOG_IMAGE "Resuming task %s after a restart",
		       generation->task.id ? generation->task.id : "(answered)");
}

/* We chose the id, and the row has it: the service may know it. A service that knows no
 * tasks (automatic1111's id is for cancelling only) cannot be asked. */
static bool can_be_asked(struct generation *generation)
{
	return generation->task.id && (generation_is_foreign(generation) ||
				       exchange_can(generation, SEED_STAGE_POLL));
}

/* A request left, and nobody knows whether it was accepted. The retry
 * is for those who still wait; after a restart nobody does. */
static enum phase fail_unsure(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, EIO, "seedfs was stopped while the request was being sent: it may have "
		       "been accepted (and paid) and is not repeated; write the prompt again to "
		       "generate it");
	generation->was_taken = false; /* or nobody knows: of those that wait with reuse, one is sent */
	if (generation->record.attempt_count > 0) {
		attempt_last(generation)->ended_ms = seed_clock_wall_ms();
		seed_error_keep(&attempt_last(generation)->error, &error);
	}
	return generation_fail(generation, &error);
}

/* Which task has been accepted? A row that does not say is not one that may be submitted. */
static enum phase fail_unnamed(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, EIO, "it was accepted (and paid), and its row in the journal does not say as which task: "
		       "it is not repeated; write the prompt again to generate it");
	return attempt_end(generation, &error);
}

/* Its image's URL, or a question about it. */
static bool names_a_task(struct generation *generation)
{
	const enum seed_stage stage = generation->task.stage;

	if (generation->task.image_url || generation_is_foreign(generation))
		return true;
	if ((stage == SEED_STAGE_RESULT || stage == SEED_STAGE_REISSUE || stage == SEED_STAGE_OTHER) &&
	    exchange_can(generation, stage))
		return true;
	return exchange_can(generation, SEED_STAGE_POLL);
}

static enum phase fail_elsewhere(struct generation *generation)
{
	const char *provider = generation->record.provider;
	struct seed_error error;

	seed_error_set(&error, EIO, "not submitted: it was written while provider %.40s was mounted; "
		       "write the prompt again to generate it", provider);
	return generation_fail(generation, &error);
}

static enum phase resume_submission(struct generation *generation)
{
	if (!can_be_asked(generation))
		return fail_unsure(generation);
	resume_task(generation);
	return PHASE_POLL_WAIT;
}

/* What the row says is beside it is there, or has its place already. */
static bool has_bytes(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;
	const struct seed_store *store = generation->engine->store;

	if (strcmp(record->step, "commit") == 0)
		return record->state != SEED_STATE_VERIFIED || seed_store_has_picture(store, record);
	return strcmp(record->step, "received") != 0 || seed_store_has_source(store, record->id);
}

/* In a copy that was made while the program ran, the row may have come without them. They
 * are paid for: the service is asked for them again, and nothing is submitted. */
static enum phase resume_without_bytes(struct generation *generation)
{
	struct seed_record *record = &generation->record;
	struct seed_error error;
	bool has_source;

	record->state = SEED_STATE_GENERATING;
	record->image = (struct seed_image_info){ 0 };
	record->source = (struct seed_source_info){ 0 };
	record->verified_ms = 0;
	has_source = seed_store_has_source(generation->engine->store, record->id);
	if (record->attempt_count > 0 &&
	    (has_source || generation->task.image_url || can_be_asked(generation))) {
		generation_set_step(generation, has_source ? "received" : "accepted");
		resume_task(generation);
		generation->no_retry = true;
		return has_source ? PHASE_VERIFY :
		       generation->task.image_url ? PHASE_FETCH_WAIT : PHASE_POLL_WAIT;
	}
	seed_error_set(&error, EIO, "its picture is not in the state directory any more, and the "
		       "service cannot be asked for it; write the prompt again to generate it");
	return generation_fail(generation, &error);
}

static errint_t read_task(struct generation *generation)
{
	seed_task_release(&generation->task);
	return generation->record.task ? seed_task_parse(generation->record.task, &generation->task) : 0;
}

enum phase resume_phase(struct generation *generation)
{
	const char *step = generation->record.step;
	bool tried = generation->record.attempt_count > 0;

	generation->adopting = false; /* a callback may have joined what another host had */
	/* The prompt went and the stop came before the journal's row did. */
	if (generation->record.state == SEED_STATE_CANCELLED) {
		generation_log(generation, SEED_LOG_IMAGE "Cancelled: the prompt was removed");
		return generation_give_up(generation, ECANCELED);
	}
	/* resume_row() has read what the journal says. */
	if (generation->engine->shared && read_task(generation))
		seed_task_release(&generation->task);
	if (!has_bytes(generation))
		return resume_without_bytes(generation);
	if (strcmp(step, "submitting") == 0)
		return resume_submission(generation);
	if (strcmp(step, "accepted") == 0) {
		if (!tried || !names_a_task(generation))
			return fail_unnamed(generation);
		resume_task(generation);
		return generation->task.image_url ? PHASE_FETCH_WAIT : PHASE_POLL_WAIT;
	}
	if (strcmp(step, "received") == 0) {
		if (!tried)
			return fail_unnamed(generation);
		resume_task(generation);
		return PHASE_VERIFY;
	}
	if (strcmp(step, "commit") == 0)
		return PHASE_FINISH;
	if (generation->record.superseded) /* a beginning would take the name back */
		return generation_give_up(generation, ECANCELED);
	generation->adopting = strcmp(step, "adopt") == 0 && generation->record.image_url;
	if (generation->record.unsure)
		return fail_unsure(generation);
	return generation_is_foreign(generation) ? fail_elsewhere(generation) : PHASE_BEGIN;
}
