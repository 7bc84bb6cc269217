/* How a generation ends, and to whom the name belongs then. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* The pause between two tries of a generation that holds. */
#define HOLD_MS 2000
/* While the program ends, which waits some seconds for it. */
#define LAST_HOLD_MS 250

/* What stands in a file's place, or what nobody may write to, by whoever changed the
 * state directory. */
static bool is_in_way(int code)
{
	return code == EISDIR || code == ENOTDIR || code == ELOOP || code == EACCES || code == EPERM;
}

/* Errors that only an administrator can mend: those who wait should know at once. */
static bool is_disk(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EIO || code == EROFS || code == EFBIG ||
	       is_in_way(code);
}

void generation_tell_held(struct generation *generation, int code)
{
	waits_finish(generation, code);
	for (struct generation *g = generation->engine->generations; g; g = g->next)
		if (reuse_waits_for(g, generation))
			waits_finish(g, code);
}

enum phase generation_hold(struct generation *generation, int code, const char *what)
{
	if (generation->held_code != code)
		generation_log(generation, SEED_LOG_ERROR "%s: %s (%s); kept, tried again every %d s",
			       what, strerror(code), seed_error_name(code), HOLD_MS / 1000);
	generation->held_code = code;
	generation->engine->metrics.disk_held++;
	/* Of a picture that cannot be stored the slot is kept: else more and more were paid for. */
	if (generation->record.state == SEED_STATE_FAILED)
		generation_release_slot(generation);
	if (is_disk(code) || generation->deadline_ms == INT64_MAX)
		generation_tell_held(generation, is_in_way(code) ? EIO : code);
	generation->holding = true;
	generation->wake_ms = seed_clock_now_ms() + (generation->engine->stopping ? LAST_HOLD_MS : HOLD_MS);
	timers_touch(generation);
	return PHASE_STAY;
}

static void stop_work(struct generation *generation)
{
	queue_remove(generation);
	exchange_stop(generation);
	budget_settle(generation, generation->phase == PHASE_SUBMIT);
	queue_answered(generation, false);
}

void callback_preserved(struct seed_engine *engine, const char *name)
{
	engine->metrics.callbacks_preserved++;
	seed_log_line(engine->log, name, "ℹ️ [CALLBACK] Preserving existing verified image");
}

enum phase generation_give_up(struct generation *generation, int code)
{
	bool was_beginning = generation->link_same && !generation_has_begun(generation);

	stop_work(generation);
	generation_part_from_late(generation);
	generation_unlink_name(generation);
	generation_answer(generation, code);
	generation_release_slot(generation);
	/* Steps of the older ones waited for what became of this one's beginning. */
	if (was_beginning)
		disk_steps_resume_older(generation->engine, generation->record.name);
	generation_let_others_on(generation);
	return PHASE_DROP;
}

enum phase generation_superseded(struct generation *generation, const char *by)
{
	bool at_service = generation_is_at_service(generation);
	/* Nobody has looked yet at what its row says. */
	bool is_known = generation->phase != PHASE_CLAIM;

	generation_log(generation, SEED_LOG_IMAGE "Superseded by %s%s", by,
		       at_service ? ": its image will go to history" : "");
	generation->engine->metrics.superseded++;
	generation_unlink_name(generation);
	generation->record.superseded = true;
	generation_answer(generation, ECANCELED);
	generation_wake_same(generation);
	/* Its lease may be taken by now, and what its host has paid for with it. */
	if (generation->phase == PHASE_TAKE)
		return PHASE_STAY;
	if (!at_service && is_known)
		return generation_give_up(generation, ECANCELED);
	disk_step(generation, STEP_MARK);
	return PHASE_STAY;
}

/* Only from now on does the name belong to it. */
void generation_supersede_older(struct generation *generation)
{
	const struct event event = { .kind = EVENT_SUPERSEDED, .by = "a newer prompt" };
	struct generation *older;

	while ((older = generation_next_same(generation)) != NULL)
		generation->engine->deliver(older, &event);
}

enum phase generation_fail(struct generation *generation, const struct seed_error *error)
{
	struct seed_record *record = &generation->record;

	generation_log(generation, SEED_LOG_ERROR "%s (%s)", error->message,
		       seed_error_name(error->code));
	seed_metrics_failed(&generation->engine->metrics, error->code);
	record->state = SEED_STATE_FAILED;
	seed_error_keep(&record->error, error);
	progress_reset(generation, 0);
	return record->superseded ? generation_give_up(generation, ECANCELED) : PHASE_FINISH;
}

/* ---- a late task beside the retry ---- */

/* The row then shows both attempts; one that goes on, for the history, has ended for it. */
static void take_attempts(struct seed_record *to, const struct seed_record *from)
{
	seed_record_take_attempt(to, from, seed_clock_wall_ms());
}

void generation_inherit(struct generation *late, struct generation *failed)
{
	struct seed_error error;

	if (!generation_share_name(late, failed))
		return;
	take_attempts(&late->record, &failed->record);
	late->record.superseded = false;
	late->record.state = SEED_STATE_FAILED;
	seed_error_recall(&failed->record.error, &error);
	seed_error_keep(&late->record.error, &error);
	/* Behind a newer text's generation that is not on disk yet, if there is one. */
	generation_link_behind(late, failed);
	disk_step(late, STEP_MARK);
}

static void take_waiters(struct generation *to, struct generation *from)
{
	to->tickets = from->tickets;
	from->tickets = NULL;
	for (struct seed_ticket *ticket = to->tickets; ticket; ticket = ticket->next)
		ticket->generation = to;
	to->waits = from->waits;
	from->waits = NULL;
	if (to->waits)
		to->waits->link = &to->waits;
	to->after = from->after;
	from->after = NULL;
	to->uid = from->uid;
}

struct generation *generation_take_over(struct generation *late)
{
	struct generation *main = late->main;

	if (!main || generation_is_ending(main) || !main->link_same || !generation_share_name(late, main))
		return NULL;
	take_attempts(&late->record, &main->record);
	take_waiters(late, main);
	generation_part_from_late(late);
	late->record.superseded = false;
	generation_link_behind(late, main);
	return main;
}
