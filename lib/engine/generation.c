/* A generation's life, from the committed prompt to its end, and its name. */
#include <stdarg.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/url.h"

/* How often a mark in the journal that found no disk is tried again. */
#define MARK_AGAIN_MS 2000

void generation_log(struct generation *generation, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	seed_log_line(generation->engine->log, generation->record.name, "%s", text);
}

/* ---- names ---- */

static struct generation **bucket_of(struct seed_engine *engine, const char *name)
{
	return &engine->names[seed_disk_lane(name) % NAME_BUCKETS];
}

static void link_at(struct generation *generation, struct generation **at)
{
	generation->next_same = *at;
	generation->link_same = at;
	if (*at)
		(*at)->link_same = &generation->next_same;
	*at = generation;
}

static void unlink_name(struct generation *generation)
{
	if (!generation->link_same)
		return;
	*generation->link_same = generation->next_same;
	if (generation->next_same)
		generation->next_same->link_same = generation->link_same;
	generation->link_same = NULL;
}

/* The newest comes first: engine_find() meets it before the others. */
static void link_name(struct generation *generation)
{
	link_at(generation, bucket_of(generation->engine, generation->record.name));
}

struct generation *generation_next_same(struct generation *generation)
{
	struct generation *other = generation->next_same;

	while (other && strcmp(other->record.name, generation->record.name) != 0)
		other = other->next_same;
	return other;
}

void generation_rename(struct generation *generation, const char *name)
{
	struct generation *newer = engine_find(generation->engine, name);
	bool named = generation->link_same != NULL;

	if (seed_record_set(&generation->record.name, name)) {
		generation_log(generation, SEED_LOG_ERROR "out of memory: goes on under its old name");
		return;
	}
	if (!named)
		return;
	unlink_name(generation);
	/* Written to the target while the rename ran: newer than this, which
	 * it supersedes once it is on disk. */
	if (newer && newer != generation)
		link_at(generation, &newer->next_same);
	else
		link_name(generation);
}

/* ---- life ---- */

struct generation *generation_new(struct seed_engine *engine, struct seed_record *record,
				  bool newest)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return NULL;
	if (timers_reserve(engine)) {
		free(generation);
		return NULL;
	}
	generation->engine = engine;
	generation->source_fd = generation->job.source_fd = -1;
	generation->uid = generation->charged_day = -1;
	generation->deadline_ms = generation->ask_until_ms = INT64_MAX;
	seed_buf_init(&generation->bytes, SEED_ANSWER_MAX_BYTES);
	generation->full_prompt = seed_params_full_prompt(&record->params, record->prompt);
	if (!generation->full_prompt) {
		timers_forget(generation);
		free(generation);
		return NULL;
	}
	generation->record = *record;
	*record = (struct seed_record){ 0 }; /* moved: nothing is left to release */
	generation->superseded = generation->record.superseded = !newest;
	generation->next = engine->generations;
	generation->link = &engine->generations;
	if (generation->next)
		generation->next->link = &generation->next;
	engine->generations = generation;
	attempt_nothing_known(generation);
	timers_touch(generation);
	if (newest)
		link_name(generation);
	return generation;
}

static void settle_tickets(struct generation *generation, int code)
{
	while (generation->tickets) {
		struct seed_ticket *ticket = generation->tickets;

		generation->tickets = ticket->next;
		ticket->next = NULL;
		ticket->generation = NULL;
		atomic_store(&ticket->outcome, code);
		seed_ticket_unref(ticket);
	}
}

void generation_answer(struct generation *generation, int code)
{
	settle_tickets(generation, code);
	waits_finish(generation, code);
}

void generation_release_slot(struct generation *generation)
{
	if (generation->has_slot)
		generation->engine->active--;
	generation->has_slot = false;
	generation->engine->pump_ms = 0;
}

void generation_rerun_callbacks(struct generation *generation)
{
	struct command *first = generation->after;

	generation->after = NULL;
	callbacks_rerun(generation->engine, first);
}

static void part_from_late(struct generation *generation)
{
	if (generation->late)
		generation->late->main = NULL;
	if (generation->main)
		generation->main->late = NULL;
	generation->late = generation->main = NULL;
}

static void generation_free(struct generation *generation)
{
	struct generation *next = generation->next;

	progress_stop(generation);
	timers_forget(generation);
	queue_answered(generation, false);
	part_from_late(generation);
	*generation->link = next;
	if (next)
		next->link = generation->link;
	unlink_name(generation);
	generation_release_slot(generation);
	settle_tickets(generation, ESHUTDOWN);
	generation_rerun_callbacks(generation); /* at the stop: they are answered ESHUTDOWN */
	if (generation->source_fd >= 0)
		close(generation->source_fd);
	seed_buf_release(&generation->bytes);
	seed_record_release(&generation->record);
	seed_task_release(&generation->task);
	seed_request_release(&generation->request);
	free(generation->full_prompt);
	free(generation->fetch_url);
	free(generation->reuse_name);
	free(generation);
}

void generation_reap(struct generation *generation)
{
	if (generation->dead && !generation->transfer && !generation->at_worker &&
	    !generation->mark_ms && generation->step_running == STEP_NONE &&
	    generation->step_next == STEP_NONE)
		generation_free(generation);
}

void generation_set_step(struct generation *generation, const char *step)
{
	generation->record.step = seed_record_step(step);
	assert(generation->record.step);
}

/* ---- beginnings ---- */

/* A refused JSON request is this prompt's outcome (`man seed`), also after a
 * restart: so it is judged here, where every text passes. */
static void judge_request(struct generation *generation)
{
	const char *text = generation->record.request;
	struct seed_params params;
	char *prompt = NULL;

	seed_params_init(&params);
	/* An adopted image may have no prompt at all. */
	if (!*text ||
	    seed_params_parse(text, strlen(text), &params, &prompt, &generation->refusal) == 0)
		generation->refusal.code = 0;
	free(prompt);
	seed_params_release(&params);
}

void generation_begin(struct generation *generation)
{
	judge_request(generation);
	generation_set_step(generation, generation->adopting ? "adopt" : "queued");
	generation->record.state = SEED_STATE_QUEUED;
	generation->phase = PHASE_BEGIN;
	disk_step(generation, STEP_BEGIN);
}

/* ---- ends ---- */

static void stop_work(struct generation *generation)
{
	queue_remove(generation);
	exchange_stop(generation);
	attempt_settle_charge(generation, generation->phase == PHASE_SUBMIT);
	queue_answered(generation, false);
}

/* Steps of the older ones waited for what became of this one's beginning. */
static void resume_older(struct generation *generation, const char *name)
{
	struct generation *older = engine_find(generation->engine, name), *next;

	for (; older; older = next) {
		next = generation_next_same(older);
		disk_step_resume(older);
	}
}

void generation_abandon(struct generation *generation, int code)
{
	bool was_beginning = generation->phase == PHASE_BEGIN && generation->link_same;

	stop_work(generation);
	part_from_late(generation);
	unlink_name(generation);
	generation_answer(generation, code);
	generation->dead = true;
	generation->phase = PHASE_DROP;
	generation_release_slot(generation);
	disk_step(generation, STEP_DROP);
	if (was_beginning)
		resume_older(generation, generation->record.name);
	generation_rerun_callbacks(generation);
}

static bool is_at_service(const struct generation *generation)
{
	enum phase phase = generation->phase == PHASE_HOLD ? generation->held : generation->phase;

	return phase != PHASE_BEGIN && phase != PHASE_QUEUED && phase != PHASE_ANNOUNCE;
}

void generation_supersede(struct generation *generation, const char *by)
{
	generation_log(generation, SEED_LOG_IMAGE "Superseded by %s%s", by,
		       is_at_service(generation) ? ": its image will go to history" : "");
	generation->engine->metrics.superseded++;
	unlink_name(generation);
	generation->superseded = generation->record.superseded = true;
	generation->leaving = false; /* a removal is of what has the name */
	generation_answer(generation, ECANCELED);
	if (is_at_service(generation))
		disk_step(generation, STEP_MARK);
	else
		generation_abandon(generation, ECANCELED);
}

bool generation_is_ending(const struct generation *generation)
{
	return generation->phase == PHASE_FINISH ||
	       (generation->phase == PHASE_HOLD && generation->held == PHASE_FINISH);
}

void generation_finish(struct generation *generation)
{
	generation->phase = PHASE_FINISH;
	disk_step(generation, STEP_FINISH);
}

void generation_fail(struct generation *generation, const struct seed_error *error)
{
	struct seed_record *record = &generation->record;

	generation_log(generation, SEED_LOG_ERROR "%s (%s)", error->message,
		       seed_error_name(error->code));
	seed_metrics_failed(&generation->engine->metrics, error->code);
	record->state = SEED_STATE_FAILED;
	record->error = *error;
	progress_reset(generation, 0);
	if (generation->superseded)
		generation_abandon(generation, ECANCELED);
	else
		generation_finish(generation);
}

/* ---- a late task beside the retry ---- */

/* Best effort: the row then tells of both attempts. */
static void take_attempts(struct seed_record *to, const struct seed_record *from)
{
	struct seed_attempt *attempt = &to->attempts[SEED_ATTEMPTS_MAX - 1];

	if (to->attempt_count != SEED_ATTEMPTS_MAX - 1 || from->attempt_count != SEED_ATTEMPTS_MAX)
		return;
	*attempt = from->attempts[SEED_ATTEMPTS_MAX - 1];
	attempt->task_id = NULL;
	if (seed_record_set(&attempt->task_id, from->attempts[SEED_ATTEMPTS_MAX - 1].task_id) == 0)
		to->attempt_count = SEED_ATTEMPTS_MAX;
}

void generation_inherit(struct generation *late, const struct generation *failed)
{
	take_attempts(&late->record, &failed->record);
	late->superseded = late->record.superseded = false;
	late->record.state = SEED_STATE_FAILED;
	late->record.error = failed->record.error;
	link_name(late);
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

	if (!main || main->dead || main->superseded || main->phase == PHASE_FINISH ||
	    !main->link_same)
		return NULL;
	take_attempts(&late->record, &main->record);
	take_waiters(late, main);
	part_from_late(late);
	late->superseded = late->record.superseded = false;
	/* Behind a newer text's generation that is not on disk yet, if there is one. */
	link_at(late, &main->next_same);
	return main;
}

/* ---- after a step on disk ---- */

/* A callback's image takes the place of an attempt's: it is fetched and
 * verified, but must not be enlarged. */
static void adopt(struct generation *generation)
{
	generation->deadline_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
	timers_touch(generation);
	generation->record.state = SEED_STATE_GENERATING;
	if (seed_record_set(&generation->task.image_url, generation->record.image_url)) {
		struct seed_error error;

		seed_error_set(&error, ENOMEM, "out of memory");
		generation_fail(generation, &error);
		return;
	}
	exchange_fetch(generation);
}

/* The image that was there is copied; without it the text is generated. */
static void reused(struct generation *generation, errint_t err)
{
	struct seed_record *record = &generation->record;

	if (err) {
		queue_add(generation, false);
		return;
	}
	record->state = SEED_STATE_VERIFIED;
	progress_reset(generation, 1);
	record->verified_ms = seed_clock_wall_ms();
	generation->engine->metrics.reused++;
	generation_set_step(generation, "commit");
	generation_finish(generation);
}

/* On disk: from now on the name is this one's, and not before. */
static void supersede_older(struct generation *generation)
{
	struct generation *older;

	while ((older = generation_next_same(generation)) != NULL)
		generation_supersede(older, "a newer prompt");
}

static void begun(struct generation *generation, errint_t err)
{
	/* Its row was in the journal at the start: the text was committed. */
	if (err && generation->resumed) {
		generation_hold(generation, -err, "The prompt cannot be stored");
		return;
	}
	if (err) {
		generation_log(generation, SEED_LOG_ERROR "The prompt cannot be stored: %s (%s)",
			       strerror(-err), seed_error_name(-err));
		generation_abandon(generation, -err);
		return;
	}
	supersede_older(generation);
	waits_begun(generation);
	if (generation->reuse_name)
		disk_step(generation, STEP_REUSE);
	else if (generation->adopting)
		adopt(generation);
	else if (generation->refusal.code)
		generation_fail(generation, &generation->refusal);
	else
		queue_add(generation, false);
}

static void after_accept(struct generation *generation, errint_t err)
{
	/* It is paid for: it goes on in memory, and the next step journals again. */
	if (err)
		generation_log(generation, SEED_LOG_ERROR "The task id cannot be stored: %s (%s); the "
			       "task goes on", strerror(-err), seed_error_name(-err));
	if (generation->engine->stopping)
		return;
	if (generation->task.image_url) {
		exchange_fetch(generation);
	} else if (generation->task.stage == SEED_STAGE_POLL) {
		exchange_poll_later(generation);
	} else {
		exchange_send(generation);
	}
}

static void log_success(struct generation *generation)
{
	const struct seed_record *record = &generation->record;
	char *url = record->image_url ? seed_url_redacted(record->image_url) : NULL;
	double seconds = (double)(record->verified_ms - record->created_ms) / 1000;

	if (generation->reuse_name) {
		generation_log(generation, SEED_LOG_SUCCESS "Reused: this text's image is verified "
			       "already, as %s", generation->reuse_name);
		free(url);
		return;
	}
	if (generation->adopting)
		generation_log(generation, "🖼️ [CALLBACK] Final image resolution: %ux%u",
			       record->image.width, record->image.height);
	else if (generation->engine->config.provider->draws)
		generation_log(generation, SEED_LOG_IMAGE "Image drawn here (no service)");
	else
		generation_log(generation, SEED_LOG_IMAGE "Image generated at: %s",
			       url ? url : "(in the answer itself)");
	generation_log(generation, SEED_LOG_SUCCESS "Ready after %.1f s: %llu bytes, source %s %ux%u, "
		       "fit %s%s", seconds, (unsigned long long)record->image.bytes,
		       record->source.format, record->source.width, record->source.height,
		       record->source.fit, generation->superseded ? ", kept in history" : "");
	free(url);
}

static void finished(struct generation *generation, errint_t err)
{
	struct generation *late = generation->late;
	int code = generation->record.error.code;

	if (err) {
		/* Who waits is told what is known: a failure does not become better. */
		if (code)
			generation_answer(generation, code);
		generation_hold(generation, -err, "The outcome cannot be stored");
		return;
	}
	if (!code)
		log_success(generation);
	generation_answer(generation, code);
	if (!code && !generation->superseded)
		thumbs_make(generation->engine, generation->record.name);
	generation->engine->pump_ms = 0;
	generation->dead = true;
	part_from_late(generation);
	if (code && late && generation->link_same)
		generation_inherit(late, generation);
	unlink_name(generation);
	generation_rerun_callbacks(generation);
	generation_reap(generation);
}

static void kept(struct generation *generation, errint_t err)
{
	if (err) {
		generation_hold(generation, -err, "The answer cannot be stored");
		return;
	}
	generation_set_step(generation, "received");
	seed_buf_release(&generation->bytes);
	generation_verify(generation, generation->source_fd);
}

static void mark_again(struct generation *generation)
{
	generation->mark_ms = seed_clock_now_ms() + MARK_AGAIN_MS;
	timers_touch(generation);
}

void generation_step_done(struct generation *generation, enum disk_step step, errint_t err)
{
	if (generation->dead) {
		/* Given up while a step was under way, or its row just went. One
		 * that stays would be taken up at the next mount. */
		if (step == STEP_DROP && err)
			mark_again(generation);
		else if (step == STEP_DROP || generation->step_running == STEP_NONE)
			generation_reap(generation);
		return;
	}
	if (step == STEP_MARK && generation->main && generation->main->splitting)
		attempt_split_done(generation, err);
	else if (step == STEP_MARK && err)
		mark_again(generation);
	else if (step == STEP_BEGIN)
		begun(generation, err);
	else if (step == STEP_REUSE)
		reused(generation, err);
	else if (step == STEP_ANNOUNCE)
		attempt_announced(generation, err);
	else if (step == STEP_ACCEPT)
		after_accept(generation, err);
	else if (step == STEP_KEEP)
		kept(generation, err);
	else if (step == STEP_FINISH)
		finished(generation, err);
}
