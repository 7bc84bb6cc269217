/*
 * The table of phases, and the only code that moves a generation from one to the
 * next. A handler says which is next; the machine enters it, which starts what
 * that phase waits for. What happens to a generation in any phase alike (it is
 * superseded, given up; a mark in the journal has ended) is decided here.
 */

#include "lib/base/clock.h"
#include "lib/engine/internal.h"

#define TO(phase) (1u << PHASE_##phase)
/* Where a row that was written before goes on (rows.c). */
#define RESUMED \
	(TO(BEGIN) | TO(POLL_WAIT) | TO(FETCH_WAIT) | TO(VERIFY) | TO(FINISH))

const struct phase_row machine_phases[PHASE_COUNT] = {
	[PHASE_CLAIM] = {
		.name = "claim", .enter = claim_enter, .event = claim_event, .step = STEP_CLAIM,
		.next = TO(FOLLOW) | RESUMED,
		.waits_for = "the shared store: whose the row is by now",
		.after_restart = "claim" },
	[PHASE_BEGIN] = {
		.name = "begin", .enter = begin_enter, .event = begin_event, .step = STEP_BEGIN,
		.next = TO(REUSE) | TO(QUEUED) | TO(FETCH_WAIT) | TO(FINISH) | TO(FOLLOW),
		.waits_for = "disk: journal, the earlier image to history, record, prompt",
		.after_restart = "begin, if its row is in the journal; else nothing was changed" },
	[PHASE_FOLLOW] = {
		.name = "follow", .enter = follow_enter, .event = follow_event, .step = STEP_LOOK,
		.next = TO(TAKE) | TO(FOLLOW),
		.waits_for = "another host, which generates it",
		.after_restart = "claim, if it was this host's before; else nothing was here" },
	[PHASE_TAKE] = {
		.name = "take", .event = take_event, .step = STEP_TAKE,
		.next = TO(FOLLOW) | RESUMED,
		.waits_for = "the row of a host that is gone, from the store into the journal",
		.after_restart = "claim" },
	[PHASE_REUSE] = {
		.name = "reuse", .enter = reuse_enter, .event = reuse_event, .step = STEP_REUSE,
		.next = TO(REUSE) | TO(QUEUED) | TO(FINISH),
		.waits_for = "another generation of the same text; disk: a copy of its image",
		.after_restart = "begin" },
	[PHASE_QUEUED] = {
		.name = "queued", .enter = queued_enter, .event = queued_event, .step = STEP_RENEW,
		.next = TO(ANNOUNCE) | TO(QUEUED) | TO(VERIFY) | TO(FINISH) | TO(FOLLOW) | TO(REUSE),
		.waits_for = "a slot and the rate",
		.after_restart = "begin" },
	[PHASE_ANNOUNCE] = {
		.name = "announce", .enter = announce_enter, .event = announce_event,
		.step = STEP_ANNOUNCE,
		.next = TO(SUBMIT) | TO(QUEUED) | TO(FINISH) | TO(FOLLOW),
		.waits_for = "disk: journal, that it is about to be sent",
		.after_restart = "begin, or as submit" },
	[PHASE_SUBMIT] = {
		.name = "submit", .enter = submit_enter, .event = submit_event, .looks = true,
		.next = TO(ACCEPT) | TO(CHECK) | TO(QUEUED) | TO(FINISH),
		.waits_for = "the answer to the request that costs money",
		.after_restart = "poll wait, if its id was ours to choose; else failed (EIO): never sent again" },
	[PHASE_CHECK] = {
		.name = "check", .enter = check_enter, .event = check_event, .looks = true, .picture = true,
		.next = TO(KEEP) | TO(QUEUED) | TO(FINISH),
		.waits_for = "a look whether the picture in the answer is whole",
		.after_restart = "as submit" },
	[PHASE_ACCEPT] = {
		.name = "accept", .event = accept_event, .step = STEP_ACCEPT,
		.next = TO(POLL_WAIT) | TO(POLL) | TO(FETCH),
		.waits_for = "disk: journal, the task id or image URL",
		.after_restart = "poll wait or fetch wait, or as submit" },
	[PHASE_POLL_WAIT] = {
		.name = "poll wait", .event = poll_wait_event, .looks = true,
		.next = TO(POLL) | TO(POLL_WAIT) | TO(SPLIT) | TO(QUEUED) | TO(FINISH),
		.waits_for = "a time",
		.after_restart = "poll wait" },
	[PHASE_POLL] = {
		.name = "poll", .enter = poll_enter, .event = poll_event, .looks = true,
		.next = TO(POLL_WAIT) | TO(POLL) | TO(FETCH) | TO(FETCH_WAIT) |
			TO(KEEP) | TO(SPLIT) | TO(QUEUED) | TO(FINISH),
		.waits_for = "the answer to a question about the task",
		.after_restart = "poll wait" },
	[PHASE_SPLIT] = {
		.name = "split", .event = split_event,
		.next = TO(QUEUED) | TO(POLL_WAIT) | TO(FINISH),
		.waits_for = "disk: journal, a row of its own for the late task",
		.after_restart = "poll wait" },
	[PHASE_KEEP] = {
		.name = "keep", .event = keep_event, .step = STEP_KEEP, .picture = true,
		.next = TO(VERIFY),
		.waits_for = "disk: the picture that the answer holds",
		.after_restart = "verify, or as submit" },
	[PHASE_FETCH_WAIT] = {
		.name = "fetch wait", .event = fetch_wait_event, .adopts = true,
		.next = TO(REUSE) | TO(FETCH) | TO(FETCH_WAIT) | TO(QUEUED) | TO(FINISH),
		.waits_for = "a time; a callback's image: its turn",
		.after_restart = "fetch wait" },
	[PHASE_FETCH] = {
		.name = "fetch", .enter = fetch_enter, .event = fetch_event, .adopts = true,
		.next = TO(REUSE) | TO(VERIFY) | TO(FETCH) | TO(FETCH_WAIT) | TO(POLL) | TO(QUEUED) | TO(FINISH),
		.waits_for = "the image",
		.after_restart = "fetch wait" },
	[PHASE_VERIFY] = {
		.name = "verify", .enter = verify_enter, .event = verify_event, .picture = true, .adopts = true,
		.next = TO(REUSE) | TO(FINISH) | TO(POLL) | TO(FETCH_WAIT) | TO(QUEUED),
		.waits_for = "a worker",
		.after_restart = "fetch wait or verify; a drawing: begin" },
	[PHASE_FINISH] = {
		.name = "finish", .enter = finish_enter, .event = finish_event, .step = STEP_FINISH,
		.next = TO(GONE) | TO(FOLLOW),
		.waits_for = "disk: journal, image, record; a checkpoint removes the journal's row",
		.after_restart = "finish, if the row says `commit`; else as the phase before it" },
	[PHASE_DROP] = {
		.name = "drop", .event = drop_event, .step = STEP_DROP,
		.next = TO(GONE),
		.waits_for = "disk: the journal's row is removed",
		.after_restart = "drop: its prompt is gone, or a newer row has the name" },
	[PHASE_GONE] = {
		.name = "gone",
		.waits_for = "the end of what is under way; then it is freed",
		.after_restart = "nothing" },
};

/* ---- life ---- */

static void generation_free(struct generation *generation)
{
	struct generation *next = generation->next;

	progress_stop(generation);
	timers_forget(generation);
	queue_answered(generation, false);
	generation_part_from_late(generation);
	*generation->link = next;
	if (next)
		next->link = generation->link;
	generation_unlink_name(generation);
	generation_release_slot(generation);
	generation_answer(generation, ESHUTDOWN);
	generation_let_others_on(generation);
	generation_drop_picture(generation);
	seed_record_release(&generation->record);
	seed_task_release(&generation->task);
	seed_request_release(&generation->request);
	seed_error_drop(&generation->trouble_error);
	free(generation->fetch_url);
	free(generation->reuse_name);
	free(generation);
}

static void reap(struct generation *generation)
{
	if (generation->phase == PHASE_GONE && !generation->transfer && !generation->at_worker &&
	    generation->step_running == STEP_NONE)
		generation_free(generation);
}

/* ---- moves ---- */

static enum phase enter(struct generation *generation)
{
	const struct phase_row *row = &machine_phases[generation->phase];

	generation->holding = false;
	/* Its row goes, or is gone: what was to be said in it again would bring it back. */
	if (generation_is_over(generation))
		generation->mark_ms = 0;
	timers_touch(generation);
	if (row->enter)
		return row->enter(generation);
	if (row->step != STEP_NONE)
		disk_step(generation, row->step);
	return PHASE_STAY;
}

/* What is announced will be sent: the rate counts it, though nobody knows when. */
static void set_phase(struct generation *generation, enum phase phase)
{
	struct seed_engine *engine = generation->engine;

	if (generation->phase == PHASE_ANNOUNCE) {
		engine->announced--;
		engine->pump_ms = 0;
	}
	if (phase == PHASE_ANNOUNCE)
		engine->announced++;
	generation->phase = phase;
	if (!machine_phases[phase].adopts)
		adoption_end(generation);
	/* One that waits for another picture must not wait for the room that this one takes. */
	if (!machine_phases[phase].picture)
		generation_drop_picture(generation);
}

static void move(struct generation *generation, enum phase next)
{
	bool was_claimed;

	while (next != PHASE_STAY) {
		assert(next == PHASE_DROP || machine_phases[generation->phase].next & 1u << next);
		was_claimed = generation->phase == PHASE_CLAIM;
		set_phase(generation, next);
		/* Others of its name waited to know whose it is: one may have come by a rename. */
		if (was_claimed)
			disk_steps_resume_older(generation->engine, generation->record.name);
		next = enter(generation);
	}
	reap(generation);
}

void machine_start(struct generation *generation, enum phase phase)
{
	set_phase(generation, phase);
	move(generation, enter(generation));
}

/* ---- events ---- */

static void marked(struct generation *generation, errint_t err)
{
	const struct event split = { .kind = EVENT_SPLIT, .err = err };
	struct generation *main = generation->main;

	if (main && main->phase == PHASE_SPLIT)
		machine_deliver(main, &split);
	else if (err && !generation_is_over(generation))
		generation_mark_again(generation, err);
	else
		generation->mark_code = 0;
	/* The one that says it may be behind this one. An image that came meanwhile is told once it
	 * is in its place. */
	if (generation->shelved && generation->record.error.code && generation->step_running != STEP_MARK &&
	    generation->step_next != STEP_MARK && !generation_is_over(generation))
		generation_answer(generation, generation->record.error.code);
}

/* A phase hears of the step that it waits for. Marks, and what only shows how far
 * it is, are written beside. */
static enum phase step_ended(struct generation *generation, const struct event *event)
{
	const struct phase_row *row = &machine_phases[generation->phase];

	if (event->step == STEP_MARK)
		marked(generation, event->err);
	else if (event->step == row->step)
		return row->event(generation, event);
	return PHASE_STAY;
}

static bool may_be_looked_at(const struct generation *generation)
{
	/* A picture that came late in its answer has no slot any more. */
	return machine_phases[generation->phase].looks && !generation->adopting &&
	       (generation->has_slot || generation->phase == PHASE_CHECK);
}

static enum phase next_phase(struct generation *generation, const struct event *event)
{
	const struct phase_row *row = &machine_phases[generation->phase];

	switch (event->kind) {
	case EVENT_STEP:
		return step_ended(generation, event);
	case EVENT_SUPERSEDED:
		return generation_superseded(generation, event->by);
	case EVENT_GIVEN_UP:
		return generation_give_up(generation, event->code);
	case EVENT_REMOVED: /* here, or on another host */
		if (generation->late)
			machine_deliver(generation->late, event);
		cancel_at_service(generation);
		return generation_give_up(generation, ECANCELED);
	case EVENT_WANTED:
		if (generation->kept_there)
			return generation->phase == PHASE_FOLLOW ? PHASE_TAKE : PHASE_STAY;
		attempt_rearm(generation);
		return PHASE_STAY;
	case EVENT_LOOK:
		if (!may_be_looked_at(generation))
			return PHASE_STAY;
		break;
	case EVENT_ANSWER:
	case EVENT_PICTURE:
	case EVENT_WAKE:
	case EVENT_DEADLINE:
	case EVENT_SLOT:
	case EVENT_EXPIRED:
	case EVENT_KEY_REFUSED:
	case EVENT_SPLIT:
		break;
	}
	return row->event ? row->event(generation, event) : PHASE_STAY;
}

void machine_deliver(struct generation *generation, const struct event *event)
{
	move(generation, next_phase(generation, event));
}

/* ---- time ---- */

static bool waits_for_time(const struct generation *generation)
{
	return generation->holding || generation->phase == PHASE_POLL_WAIT ||
	       generation->phase == PHASE_FETCH_WAIT || generation->phase == PHASE_FOLLOW;
}

static bool wakes(const struct generation *generation)
{
	return waits_for_time(generation) || exchange_waits_to_read(generation);
}

/* A transfer ends by itself at the deadline, but for a picture's, which may come late, also in the answer to its
 * submission; queue.c looks after its own. */
static bool has_deadline(const struct generation *generation)
{
	return waits_for_time(generation) || (generation->phase == PHASE_FETCH && !generation->adopting) ||
	       exchange_is_late(generation);
}

/* What a transfer waits for here is not its host's. */
static int64_t deadline_of(const struct generation *generation)
{
	const bool comes = generation->phase == PHASE_FETCH || generation->phase == PHASE_SUBMIT;

	if (generation->deadline_ms == INT64_MAX || !comes || !generation->transfer)
		return generation->deadline_ms;
	return generation->deadline_ms + seed_net_added_ms(generation->transfer);
}

/* What lacked something has its waiters told; it goes on being tried. */
static void hold_is_due(struct generation *generation)
{
	generation->deadline_ms = INT64_MAX;
	generation_release_slot(generation);
	generation_answer(generation, generation->held_code);
	generation_tell_held(generation, generation->held_code);
}

static void over_deadline(struct generation *generation)
{
	const struct event deadline = { .kind = EVENT_DEADLINE };

	if (generation->holding)
		hold_is_due(generation);
	else
		machine_deliver(generation, &deadline);
}

static void wake(struct generation *generation)
{
	const struct event event = { .kind = EVENT_WAKE };

	if (generation->holding)
		machine_start(generation, generation->phase);
	else
		machine_deliver(generation, &event);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A lease that could not be renewed, or while something else was under way. */
#define RENEW_AGAIN_MS 2000

static void mark_if_due(struct generation *generation, int64_t now)
{
	if (!generation->mark_ms || now < generation->mark_ms)
		return;
	generation->mark_ms = 0;
	disk_step(generation, generation->phase == PHASE_DROP ? STEP_DROP : STEP_MARK);
}

static void renew_if_due(struct generation *generation, int64_t now)
{
	if (!generation->renew_ms || now < generation->renew_ms)
		return;
	generation->renew_ms = now + RENEW_AGAIN_MS;
	disk_step(generation, STEP_RENEW);
}

/* Frees nothing: what ends here ends with a step on disk. */
static int64_t turn(struct generation *generation, int64_t now)
{
	int64_t at, deadline_ms;

	mark_if_due(generation, now);
	at = generation->mark_ms ? generation->mark_ms : INT64_MAX;
	if (generation_is_over(generation))
		return at;
	renew_if_due(generation, now);
	if (generation->renew_ms)
		at = earlier(at, generation->renew_ms);
	deadline_ms = deadline_of(generation);
	if (has_deadline(generation) && now >= deadline_ms) {
		over_deadline(generation);
		return now;
	}
	if (wakes(generation) && now >= generation->wake_ms)
		wake(generation);
	if (wakes(generation))
		at = earlier(at, generation->wake_ms);
	if (deadline_ms > now)
		at = earlier(at, deadline_ms);
	return may_be_looked_at(generation) ? earlier(at, progress_turn(generation, now)) : at;
}

/* ---- the stop ---- */

/* What is being submitted at the stop may still be answered. */
#define ANSWER_GRACE_MS 500
/* And what has begun to come is paid for: a large answer takes its time, also to be unpacked. */
#define COMING_GRACE_MS 5000
/* A disk that was full for a moment may take what is paid for. */
#define DISK_GRACE_MS 5000

/* It is paid for, and only memory knows: the next mount would ask for nothing. */
static bool is_unsaved(const struct generation *generation)
{
	return generation->mark_ms || generation->reading ||
	       (generation->holding && generation->phase == PHASE_KEEP);
}

static bool is_submitting(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT || generation->phase == PHASE_CHECK;
}

static bool is_coming(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT && generation->transfer &&
	       seed_net_is_coming(generation->transfer);
}

void machine_hurry(struct seed_engine *engine)
{
	int64_t now = seed_clock_now_ms();

	for (struct generation *g = engine->generations; g; g = g->next) {
		if (g->mark_ms)
			g->mark_ms = now;
		if (g->holding)
			g->wake_ms = now;
		if (g->phase == PHASE_CHECK)
			wake(g); /* which frees nothing */
	}
}

int64_t machine_stops_at(const struct seed_engine *engine)
{
	int64_t grace_ms = 0;

	for (const struct generation *g = engine->generations; g; g = g->next) {
		if (is_unsaved(g))
			return engine->stop_ms + DISK_GRACE_MS;
		if (is_coming(g))
			grace_ms = COMING_GRACE_MS;
		else if (is_submitting(g) && grace_ms < ANSWER_GRACE_MS)
			grace_ms = ANSWER_GRACE_MS;
	}
	return engine->stop_ms + grace_ms;
}

/* Nothing moves any more but what is not on disk yet. */
static int64_t save(struct seed_engine *engine, int64_t now)
{
	int64_t at = machine_stops_at(engine);

	if (at <= now) /* only steps on disk are waited for now, which report */
		at = INT64_MAX;
	for (struct generation *g = engine->generations; g; g = g->next) {
		mark_if_due(g, now);
		if (g->mark_ms)
			at = earlier(at, g->mark_ms);
		if (!exchange_waits_to_read(g) && (!g->holding || g->phase != PHASE_KEEP))
			continue;
		if (now >= g->wake_ms)
			wake(g); /* which frees nothing */
		else
			at = earlier(at, g->wake_ms);
	}
	return at;
}

static void tell_unsaved(struct generation *generation)
{
	if (is_unsaved(generation) && !generation_is_over(generation))
		generation_log(generation, SEED_LOG_ERROR "Stopped before the disk took what the "
			       "service had accepted (task %s): ask the service for the image",
			       generation->task.id ? generation->task.id : "without an id");
}

void machine_free(struct seed_engine *engine)
{
	/* Nothing of them is under way any more: the journal has them. */
	while (engine->generations) {
		tell_unsaved(engine->generations);
		generation_free(engine->generations);
	}
}

/* ---- a turn ---- */

int64_t machine_turn(struct seed_engine *engine, int64_t now)
{
	struct generation *generation;
	int64_t at;

	if (engine->stopping)
		return save(engine, now);
	(void)queue_turn(engine, now);
	while ((generation = timers_due(engine, now)) != NULL)
		timers_set(generation, turn(generation, now));
	/* What happened above may have freed a slot or joined the queue, and
	 * what starts there has timers of its own. */
	at = queue_turn(engine, now);
	return earlier(at, timers_next_ms(engine));
}
