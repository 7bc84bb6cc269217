/* A generation that another host has, or may have: its row is in the store that they
 * share. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* Between two looks at the row of another host: what takes longer is looked at more rarely. */
#define LOOK_MIN_MS 500
#define LOOK_MAX_MS 5000

/* ---- another host generates it ---- */

static enum phase look_later(struct generation *generation)
{
	int64_t now = seed_clock_now_ms(), pause_ms = (now - generation->followed_ms) / 8;

	if (pause_ms < LOOK_MIN_MS)
		pause_ms = LOOK_MIN_MS;
	generation->wake_ms = now + (pause_ms < LOOK_MAX_MS ? pause_ms : LOOK_MAX_MS);
	timers_touch(generation);
	return PHASE_STAY;
}

/* What another host does with the row is not asked for here, and nothing is paid for. */
enum phase follow_enter(struct generation *generation)
{
	struct seed_record *record = &generation->record;

	queue_remove(generation);
	exchange_stop(generation);
	progress_stop(generation);
	generation_release_slot(generation);
	generation->renew_ms = 0;
	generation->deadline_ms = INT64_MAX;
	generation->shelved = false;
	record->state = SEED_STATE_GENERATING;
	seed_error_drop(&record->error);
	if (generation->link_same)
		generation_supersede_older(generation);
	waits_begun(generation);
	if (generation->followed_ms) /* it could not be taken */
		return look_later(generation);
	generation->followed_ms = seed_clock_now_ms();
	generation->ask_until_ms = INT64_MAX;
	generation->shown = false;
	if (generation->kept_there) /* whoever wrote it here wants it now */
		return PHASE_TAKE;
	attempt_wake(generation); /* its text is shown here at once */
	return PHASE_STAY;
}

static enum phase ended(struct generation *generation, int code)
{
	if (code)
		generation_log(generation, SEED_LOG_ERROR "It has failed on another host (%s)",
			       seed_error_name(code));
	else
		generation_log(generation, SEED_LOG_SUCCESS "Ready: another host has generated it");
	return generation_give_up(generation, code);
}

/* As its host has told those who wait there. */
static void is_kept_there(struct generation *generation, int code)
{
	generation->kept_there = true;
	generation_answer(generation, code);
	generation_let_others_on(generation);
}

static enum phase go_on(struct generation *generation, const struct event *event)
{
	generation->kept_there = false;
	generation->ask_until_ms = INT64_MAX;
	switch (event->row) {
	case ROW_OURS: /* it could not be written here, the last time */
	case ROW_FREE:
		return PHASE_TAKE;
	case ROW_ANOTHERS:
	case ROW_KEPT:
		if (event->code)
			is_kept_there(generation, event->code);
		return look_later(generation);
	case ROW_MADE:
		return ended(generation, 0);
	case ROW_FAILED:
		return ended(generation, event->code);
	case ROW_SUPERSEDED:
	case ROW_REMOVED:
		break;
	}
	generation_log(generation, SEED_LOG_IMAGE "Superseded on another host");
	return generation_give_up(generation, ECANCELED);
}

/* Who waits here is told so where the store is away for longer than a service may take; the generation
 * is looked at again. */
static enum phase cannot_look(struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;

	if (seed_clock_now_ms() >= generation->ask_until_ms && !engine->config.shared->wait_offline)
		generation_answer(generation, EHOSTUNREACH);
	return look_later(generation);
}

enum phase follow_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_WAKE) {
		generation->wake_ms = INT64_MAX; /* until the answer */
		if (generation->ask_until_ms == INT64_MAX)
			generation->ask_until_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
		disk_step(generation, STEP_LOOK);
		return PHASE_STAY;
	}
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	return event->err ? cannot_look(generation) : go_on(generation, event);
}

/* ---- its host is gone ---- */

static bool store_is_away(errint_t err)
{
	return err == -EHOSTUNREACH || err == -ETIMEDOUT;
}

/* What had failed for others is wanted again, by those who wait here; and not paid for again. */
static enum phase go_on_here(struct generation *generation)
{
	bool is_wanted = generation->record.state == SEED_STATE_FAILED &&
			 (generation->tickets || generation->waits);
	enum phase phase;

	generation->kept_there = false;
	if (is_wanted) {
		generation->record.state = SEED_STATE_GENERATING;
		seed_error_drop(&generation->record.error);
	}
	phase = resume_phase(generation);
	if (is_wanted && generation->has_slot) {
		generation->no_retry = true;
		disk_step(generation, STEP_MARK);
	}
	return phase;
}

enum phase take_event(struct generation *generation, const struct event *event)
{
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err == -ESTALE || store_is_away(event->err))
		return PHASE_FOLLOW;
	if (event->err)
		return generation_hold(generation, -event->err, "What another host has left cannot be taken "
				       "up here");
	generation->followed_ms = 0;
	generation_log(generation, SEED_LOG_IMAGE "%s: goes on here", generation->kept_there ?
		       "Another host keeps it for later" : "The host that had it is gone");
	if (generation->record.superseded)
		generation_unlink_name(generation);
	generation->resumed = true;
	generation->wake_ms = 0; /* what it waits for is due: nobody has asked for long */
	return go_on_here(generation);
}

/* ---- after a restart ---- */

/* Its picture is here, and paid for: it ends here, whoever has the row. */
static bool has_picture(const struct generation *generation)
{
	const char *step = generation->record.step;

	return strcmp(step, "commit") == 0 || strcmp(step, "received") == 0;
}

static bool may_be_paid(const struct generation *generation)
{
	const char *step = generation->record.step;

	return has_picture(generation) || strcmp(step, "submitting") == 0 || strcmp(step, "accepted") == 0;
}

static enum phase go_on_without_lease(struct generation *generation)
{
	generation->lease = LEASE_LOST;
	generation->record.superseded = true;
	generation_unlink_name(generation);
	return resume_phase(generation);
}

enum phase claim_enter(struct generation *generation)
{
	disk_step(generation, STEP_CLAIM);
	return PHASE_STAY;
}

/* The service has taken it, and only the journal here may know the task: a host that has the
 * row without it can but fail. Whoever has it, its image is taken. */
static bool has_task(const struct generation *generation)
{
	return has_picture(generation) || strcmp(generation->record.step, "accepted") == 0;
}

static enum phase go_on_beside(struct generation *generation)
{
	generation->lease = LEASE_LOST;
	return resume_phase(generation);
}

static enum phase claim_row(struct generation *generation, const struct event *event)
{
	switch (event->row) {
	case ROW_OURS:
		return resume_phase(generation);
	case ROW_ANOTHERS:
	case ROW_FREE:
	case ROW_KEPT:
		return has_task(generation) ? go_on_beside(generation) : PHASE_FOLLOW;
	case ROW_MADE:
		return generation_give_up(generation, 0);
	case ROW_FAILED:
		if (has_task(generation))
			return go_on_without_lease(generation);
		return generation_give_up(generation, event->code);
	case ROW_SUPERSEDED:
		if (may_be_paid(generation))
			return go_on_without_lease(generation);
		break;
	case ROW_REMOVED:
		if (has_picture(generation))
			return go_on_without_lease(generation);
		break;
	}
	generation_log(generation, SEED_LOG_IMAGE "Dropped: the store does not have it any more");
	return generation_give_up(generation, ECANCELED);
}

enum phase claim_event(struct generation *generation, const struct event *event)
{
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err)
		return generation_hold(generation, -event->err, "The store cannot be asked whose it is");
	return claim_row(generation, event);
}
