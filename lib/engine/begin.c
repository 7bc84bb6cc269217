/* The beginning: text, journal and name. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* A refused JSON request is the outcome of this prompt (`man seed`), also after a
 * restart. So it is judged here, where every text passes. */
static errint_t judge_request(const struct generation *generation, struct seed_error *refusal)
{
	const char *text = generation->record.request;
	struct seed_params params;
	char *prompt = NULL;
	errint_t err = 0;

	seed_params_init(&params);
	if (*text) /* an adopted image may have no prompt at all */
		err = seed_params_parse(text, strlen(text), &params, &prompt, refusal);
	free(prompt);
	seed_params_release(&params);
	return err;
}

enum phase begin_enter(struct generation *generation)
{
	generation_set_step(generation, generation->adopting ? "adopt" : "queued");
	generation->record.state = SEED_STATE_QUEUED;
	disk_step(generation, STEP_BEGIN);
	return PHASE_STAY;
}

/* A callback's image takes the place of an attempt's: it is fetched and
 * verified, but must not be enlarged. */
static enum phase adopt(struct generation *generation)
{
	struct seed_error error;

	attempt_new_deadline(generation);
	generation->record.state = SEED_STATE_GENERATING;
	if (seed_record_set(&generation->task.image_url, generation->record.image_url) == 0)
		return PHASE_FETCH;
	seed_error_set(&error, ENOMEM, "out of memory");
	return generation_fail(generation, &error);
}

static enum phase not_begun(struct generation *generation, errint_t err)
{
	/* Its row was in the journal at the start: the text was committed. */
	if (generation->resumed)
		return generation_hold(generation, -err, "The prompt cannot be stored");
	generation_log(generation, SEED_LOG_ERROR "The prompt cannot be stored: %s (%s)",
		       strerror(-err), seed_error_name(-err));
	return generation_give_up(generation, -err);
}

/* It is on disk: only from now on does the name belong to it. */
static void supersede_older(struct generation *generation)
{
	const struct event event = { .kind = EVENT_SUPERSEDED, .by = "a newer prompt" };
	struct generation *older;

	while ((older = generation_next_same(generation)) != NULL)
		generation->engine->deliver(older, &event);
}

enum phase begin_event(struct generation *generation, const struct event *event)
{
	struct seed_error refusal;

	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err)
		return not_begun(generation, event->err);
	supersede_older(generation);
	waits_begun(generation);
	if (generation->adopting)
		return adopt(generation);
	if (judge_request(generation, &refusal))
		return generation_fail(generation, &refusal);
	return generation->may_copy ? PHASE_REUSE : PHASE_QUEUED;
}

/* The image that was there is copied; without it the text is generated. */
enum phase reuse_event(struct generation *generation, const struct event *event)
{
	struct seed_record *record = &generation->record;

	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err)
		return PHASE_QUEUED;
	record->state = SEED_STATE_VERIFIED;
	progress_reset(generation, 1);
	record->verified_ms = seed_clock_wall_ms();
	generation->engine->metrics.reused++;
	generation_set_step(generation, "commit");
	return PHASE_FINISH;
}
