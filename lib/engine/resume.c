/* After a restart: the journal's rows go on. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

static void resume_task(struct generation *generation)
{
	int64_t now = seed_clock_now_ms();

	generation->submitted_ms = now;
	/* Its waiters were told by the last mount: none is there, and nothing
	 * is submitted for it any more. */
	generation->shelved = generation->no_retry = generation->record.state == SEED_STATE_FAILED;
	if (!generation->shelved) {
		generation->has_slot = true;
		generation->engine->active++;
		generation->deadline_ms = now + generation->engine->config.timeout_ms;
	}
	generation_log(generation, SEED_LOG_IMAGE "Resuming task %s after a restart",
		       generation->task.id ? generation->task.id : "(answered)");
}

/* The id was ours and is in the row: the service may know it. One that knows no
 * tasks (automatic1111's id is for cancelling only) cannot be asked. */
static bool can_be_asked(struct generation *generation)
{
	bool can;

	if (!generation->task.id)
		return false;
	generation->task.stage = SEED_STAGE_POLL;
	can = exchange_prepare(generation) == 0;
	seed_request_release(&generation->request);
	return can;
}

/* A request left, and whether it was accepted is not known any more. The retry
 * is for whoever still waits; after a restart nobody does. */
static void fail_unsure(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, EIO, "seedfs was stopped while the request was being sent: it may have "
		       "been accepted (and paid) and is not repeated; write the prompt again to "
		       "generate it");
	if (generation->record.attempt_count > 0) {
		attempt_last(generation)->ended_ms = seed_clock_wall_ms();
		attempt_last(generation)->error = error;
	}
	generation_fail(generation, &error);
}

static void resume_submission(struct generation *generation)
{
	if (can_be_asked(generation)) {
		resume_task(generation);
		generation->phase = PHASE_POLL_WAIT;
		generation->wake_ms = 0;
		return;
	}
	fail_unsure(generation);
}

/* The prompt went and the stop came before the journal's row did. At the first
 * step the prompt may not have been written yet. */
static bool was_removed(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;

	if (generation->superseded || record->request[0] == '\0' || record->attempt_count == 0 ||
	    record->state == SEED_STATE_VERIFIED)
		return false;
	return !seed_store_has_prompt(generation->engine->store, record->name);
}

void generation_resume(struct generation *generation)
{
	const char *step = generation->record.step;
	bool tried = generation->record.attempt_count > 0;

	generation->resumed = true;
	if (was_removed(generation)) {
		generation_log(generation, SEED_LOG_IMAGE "Cancelled: the prompt was removed");
		generation_abandon(generation, ECANCELED);
		return;
	}
	if (generation->record.task &&
	    seed_task_parse(generation->record.task, &generation->task) != 0)
		seed_task_release(&generation->task);
	if (strcmp(step, "submitting") == 0) {
		resume_submission(generation);
	} else if (strcmp(step, "accepted") == 0 && tried) {
		resume_task(generation);
		generation->wake_ms = 0;
		generation->phase = generation->task.image_url ? PHASE_FETCH_WAIT : PHASE_POLL_WAIT;
	} else if (strcmp(step, "received") == 0 && tried) {
		resume_task(generation);
		generation_verify(generation, -1);
	} else if (strcmp(step, "commit") == 0) {
		generation_finish(generation);
	} else if (generation->superseded) { /* a beginning would take the name back */
		generation_abandon(generation, ECANCELED);
	} else if (strcmp(step, "adopt") == 0 && generation->record.image_url) {
		generation->adopting = true;
		generation_begin(generation);
	} else if (generation->record.unsure) {
		fail_unsure(generation);
	} else {
		generation_begin(generation);
	}
}
