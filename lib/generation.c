/* A generation's way from the committed prompt to the verified image. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/engine_internal.h"
#include "lib/store/files.h"
#include "lib/url.h"

/* A picture takes a worker well under a second; one that takes this long hangs. */
#define WORKER_LIMIT_MS 60000
/* How often a step that found the disk full is tried again. */
#define HOLD_MS 2000

void generation_log(struct generation *generation, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	seed_log_line(generation->engine->log, generation->record.name, "%s", text);
}

/* ---- life ---- */

static void link_name(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	struct generation **bucket =
		&engine->names[seed_disk_lane(generation->record.name) % NAME_BUCKETS];

	generation->next_same = *bucket;
	generation->link_same = bucket;
	if (*bucket)
		(*bucket)->link_same = &generation->next_same;
	*bucket = generation;
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

struct generation *generation_new(struct seed_engine *engine, struct seed_record *record,
				  bool newest)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return NULL;
	generation->engine = engine;
	generation->source_fd = -1;
	generation->uid = -1;
	seed_buf_init(&generation->bytes, SEED_ANSWER_MAX_BYTES);
	generation->full_prompt = seed_params_full_prompt(&record->params, record->prompt);
	if (!generation->full_prompt) {
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
	if (newest)
		link_name(generation);
	return generation;
}

void generation_rename(struct generation *generation, const char *name)
{
	struct generation *other = engine_find(generation->engine, name);
	bool named = generation->link_same != NULL;

	if (seed_record_set(&generation->record.name, name)) {
		generation_log(generation, SEED_LOG_ERROR "out of memory: goes on under its old name");
		return;
	}
	if (!named)
		return;
	unlink_name(generation);
	/* Written to the target while the rename ran: newer than this. */
	if (other && other != generation)
		generation_supersede(generation);
	else
		link_name(generation);
}

static void settle_ticket(struct generation *generation, int code)
{
	struct seed_ticket *ticket = generation->ticket;

	if (!ticket)
		return;
	generation->ticket = NULL;
	ticket->generation = NULL;
	atomic_store(&ticket->outcome, code);
	seed_ticket_unref(ticket);
}

static void release_slot(struct generation *generation)
{
	if (generation->has_slot)
		generation->engine->active--;
	generation->has_slot = false;
}

static void rerun_callbacks(struct generation *generation)
{
	struct command *first = generation->after;

	generation->after = NULL;
	callbacks_rerun(generation->engine, first);
}

static void generation_free(struct generation *generation)
{
	struct generation *next = generation->next;

	progress_stop(generation);
	*generation->link = next;
	if (next)
		next->link = generation->link;
	unlink_name(generation);
	release_slot(generation);
	settle_ticket(generation, ESHUTDOWN);
	rerun_callbacks(generation); /* at the stop: they are answered ESHUTDOWN */
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
	    generation->step_running == STEP_NONE && generation->step_next == STEP_NONE)
		generation_free(generation);
}

static void set_step(struct generation *generation, const char *step)
{
	/* Without memory the row keeps its earlier step: recovery then does
	 * more than it would have had to, never less. */
	if (seed_record_set(&generation->record.step, step))
		generation_log(generation, SEED_LOG_ERROR "out of memory");
}

/* ---- the queue ---- */

static void enqueue(struct generation *generation, bool first)
{
	struct seed_engine *engine = generation->engine;

	generation->phase = PHASE_QUEUED;
	generation->queued = true;
	engine->pump_ms = 0;
	if (first) {
		generation->next_queued = engine->queue_first;
		if (!engine->queue_first)
			engine->queue_last = &generation->next_queued;
		engine->queue_first = generation;
	} else {
		generation->next_queued = NULL;
		*engine->queue_last = generation;
		engine->queue_last = &generation->next_queued;
	}
}

static void dequeue(struct generation *generation)
{
	struct generation **at = &generation->engine->queue_first;

	if (!generation->queued)
		return;
	generation->queued = false;
	while (*at != generation)
		at = &(*at)->next_queued;
	*at = generation->next_queued;
	if (!*at)
		generation->engine->queue_last = at;
}

void generation_requeue(struct generation *generation)
{
	generation->submitted_ms = 0;
	progress_reset(generation, 0);
	set_step(generation, "queued");
	disk_step(generation, STEP_REQUEUE);
	enqueue(generation, true);
}

/* ---- beginnings and ends ---- */

/* A refused JSON request is this prompt's outcome (CONTRACT section 2 rule 8),
 * also after a restart: so it is judged here, where every text passes. */
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
	set_step(generation, generation->adopting ? "adopt" : "queued");
	generation->record.state = SEED_STATE_QUEUED;
	generation->phase = PHASE_BEGIN;
	disk_step(generation, STEP_BEGIN);
}

static void stop_work(struct generation *generation)
{
	dequeue(generation);
	exchange_stop(generation);
}

void generation_abandon(struct generation *generation, int code)
{
	stop_work(generation);
	unlink_name(generation);
	settle_ticket(generation, code);
	waits_finish(generation, code);
	generation->dead = true;
	generation->phase = PHASE_DROP;
	release_slot(generation);
	generation->engine->pump_ms = 0;
	disk_step(generation, STEP_DROP);
	rerun_callbacks(generation);
}

void generation_supersede(struct generation *generation)
{
	enum phase phase = generation->phase;

	/* Its image is on the way into place: it ends as it would have, and
	 * the newer prompt's beginning, next on the lane, retires it. */
	if (phase == PHASE_FINISH) {
		unlink_name(generation);
		return;
	}
	generation_log(generation, SEED_LOG_IMAGE "Superseded by a newer prompt%s",
		       phase == PHASE_BEGIN || phase == PHASE_QUEUED || phase == PHASE_ANNOUNCE ?
		       "" : ": its image will go to history");
	generation->engine->metrics.superseded++;
	unlink_name(generation);
	generation->superseded = true;
	settle_ticket(generation, ECANCELED);
	waits_finish(generation, ECANCELED);
	/* In the journal before the newer prompt is: both are on the name's
	 * lane, and the newer one has steps to go before it could end. */
	generation->record.superseded = true;
	if (phase == PHASE_BEGIN || phase == PHASE_QUEUED || phase == PHASE_ANNOUNCE)
		generation_abandon(generation, ECANCELED);
	else
		disk_step(generation, STEP_SUPERSEDE);
}

static void finish(struct generation *generation)
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
	if (error->code == EKEYREJECTED && generation->has_slot) {
		generation->engine->key_refused = true;
		generation->engine->key_due = true;
	}
	record->state = SEED_STATE_FAILED;
	record->error = *error;
	progress_reset(generation, 0);
	if (generation->superseded)
		generation_abandon(generation, ECANCELED);
	else
		finish(generation);
}

/* ---- attempts ---- */

static struct seed_attempt *attempt_of(struct generation *generation)
{
	return &generation->record.attempts[generation->record.attempt_count - 1];
}

static bool begins_attempt(struct generation *generation)
{
	return generation->record.attempt_count == 0 || attempt_of(generation)->ended_ms != 0;
}

static void new_attempt(struct generation *generation)
{
	const struct seed_engine_config *config = &generation->engine->config;
	struct seed_record *record = &generation->record;
	struct seed_attempt *attempt = &record->attempts[record->attempt_count++];
	int64_t now = seed_clock_wall_ms();

	if (record->attempt_count > 1) {
		record->params.steps = config->retry_steps;
		record->params.cfg_scale = config->retry_cfg_scale;
	} else {
		generation_log(generation, SEED_LOG_IMAGE "Model: %s | Resolution: %dx%d",
			       record->params.model, record->params.width, record->params.height);
		record->started_ms = now;
	}
	attempt->steps = record->params.steps;
	attempt->cfg_scale = record->params.cfg_scale;
	attempt->started_ms = now;
	attempt->ended_ms = 0;
	record->state = SEED_STATE_GENERATING;
	generation->deadline_ms = seed_clock_now_ms() + config->timeout_ms;
	generation->backoffs = generation->fetches = generation->redirects = 0;
	generation->reminted = generation->no_looks = false;
	free(generation->fetch_url);
	generation->fetch_url = NULL;
}

static void announce(struct generation *generation)
{
	struct seed_error error;
	errint_t err;

	seed_task_release(&generation->task);
	err = exchange_prepare(generation);
	if (err) {
		seed_error_set(&error, -err, "cannot build the request: %s", strerror(-err));
		generation_attempt_failed(generation, &error);
		return;
	}
	free(generation->record.task);
	generation->record.task = seed_task_format(&generation->task);
	set_step(generation, "submitting");
	generation->phase = PHASE_ANNOUNCE;
	disk_step(generation, STEP_ANNOUNCE);
}

static void fail_over_budget(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, EDQUOT, "the budget of %lld submissions a day is spent; it begins anew "
		       "at 00:00 UTC", (long long)generation->engine->config.budget);
	generation_fail(generation, &error);
}

/* The service refused the key for one: the others of the queue would only be
 * refused one by one. */
static void refuse_queue(struct seed_engine *engine)
{
	struct generation *next;
	struct seed_error error;

	seed_error_set(&error, EKEYREJECTED, "not submitted: the service refused the key; put a valid "
		       "one in place and send SIGHUP, or mount again");
	for (struct generation *generation = engine->queue_first; generation; generation = next) {
		next = generation->next_queued;
		if (generation->has_slot)
			continue; /* its own second attempt is due */
		dequeue(generation);
		generation_fail(generation, &error);
	}
}

static void start(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	if (!generation->has_slot)
		engine->active++;
	generation->has_slot = true;
	if (begins_attempt(generation)) {
		/* Before the attempt exists: it was never made. */
		if (!budget_take(engine)) {
			fail_over_budget(generation);
			return;
		}
		engine->metrics.retries += generation->record.attempt_count > 0;
		engine->metrics.submissions++;
		seed_metrics_spent(&engine->metrics, generation->uid);
		new_attempt(generation);
	}
	seed_rate_take(&engine->rate, seed_clock_now_ms());
	if (engine->config.provider->draws) {
		disk_step(generation, STEP_PROGRESS);
		generation_verify(generation, -1);
	} else {
		announce(generation);
	}
}

static void submit(struct generation *generation)
{
	generation_log(generation, SEED_LOG_REQUEST "Sending request … to %s (attempt %d of %d)",
		       generation->engine->config.provider->name,
		       generation->record.attempt_count, SEED_ATTEMPTS_MAX);
	generation->phase = PHASE_SUBMIT;
	generation->submitted_ms = seed_clock_now_ms();
	generation->look_ms = generation->submitted_ms;
	exchange_send(generation);
}

void generation_attempt_failed(struct generation *generation, const struct seed_error *error)
{
	struct seed_record *record = &generation->record;
	const struct seed_engine_config *config = &generation->engine->config;
	struct seed_attempt *attempt;

	if (generation->adopting) {
		callback_not_adopted(generation, error);
		return;
	}
	progress_stop(generation);
	attempt = attempt_of(generation);
	attempt->ended_ms = seed_clock_wall_ms();
	attempt->error = *error;
	if (generation->source_fd >= 0)
		close(generation->source_fd);
	generation->source_fd = -1;
	if (record->attempt_count >= SEED_ATTEMPTS_MAX || generation->superseded) {
		generation_fail(generation, error);
		return;
	}
	generation_log(generation, SEED_LOG_ERROR "Attempt %d of %d failed: %s (%s)",
		       record->attempt_count, SEED_ATTEMPTS_MAX, error->message,
		       seed_error_name(error->code));
	generation_log(generation, SEED_LOG_RETRY
		       "Retrying once with adjusted parameters (steps: %d, cfg_scale: %g)",
		       config->retry_steps, config->retry_cfg_scale);
	free(record->image_url);
	free(record->task_id);
	record->image_url = record->task_id = NULL;
	/* A 429 that holds everybody back counts against the second attempt, too. */
	generation->deadline_ms = seed_clock_now_ms() + config->timeout_ms;
	/* The journal's row says at once that this attempt is over, so that a
	 * restart does not take up its task again. */
	generation_requeue(generation);
}

/* ---- the image ---- */

struct image_texts {
	char parameters[1024];
	struct seed_image_text texts[5];
	size_t count;
};

static void fill_texts(struct generation *generation, struct image_texts *texts)
{
	const struct seed_record *record = &generation->record;
	const struct seed_params *params = &record->params;
	int len;

	len = snprintf(texts->parameters, sizeof(texts->parameters),
		       "steps: %d, cfg_scale: %g, quality: %.100s, guidance: %.400s, size: %dx%d",
		       params->steps, params->cfg_scale, params->quality, params->guidance,
		       params->width, params->height);
	if (params->has_seed && len > 0 && (size_t)len < sizeof(texts->parameters))
		snprintf(texts->parameters + len, sizeof(texts->parameters) - (size_t)len,
			 ", seed: %lld", (long long)params->seed);
	texts->texts[0] = (struct seed_image_text){ "Software", "seedfs " SEEDFS_VERSION };
	texts->texts[1] = (struct seed_image_text){ "prompt", generation->full_prompt };
	texts->texts[2] = (struct seed_image_text){ "model", params->model };
	texts->texts[3] = (struct seed_image_text){ "parameters", texts->parameters };
	texts->count = 4;
	if (record->task_id)
		texts->texts[texts->count++] = (struct seed_image_text){ "task_id", record->task_id };
}

/* A step that needs space found none: those who wait are told, the work is kept. */
static void hold(struct generation *generation, int code, const char *what)
{
	generation_log(generation, SEED_LOG_ERROR "%s: %s (%s); kept, tried again every %d s", what,
		       strerror(code), seed_error_name(code), HOLD_MS / 1000);
	generation->engine->metrics.disk_held++;
	waits_finish(generation, code);
	generation->held = generation->phase;
	generation->phase = PHASE_HOLD;
	generation->wake_ms = seed_clock_now_ms() + HOLD_MS;
}

static void note_duration(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	int64_t ms = seed_clock_now_ms() - generation->submitted_ms;

	seed_durations_add(&engine->durations, ms);
	seed_histogram_add(&engine->metrics.service, (double)ms / 1000);
}

static void count_verified(struct generation *generation)
{
	struct seed_metrics *metrics = &generation->engine->metrics;
	const struct seed_record *record = &generation->record;

	metrics->verified++;
	generation->engine->key_refused = false;
	metrics->image_bytes += record->image.bytes;
	metrics->callbacks_adopted += generation->adopting;
	seed_histogram_add(&metrics->generation,
			   (double)(record->verified_ms - record->created_ms) / 1000);
}

static void verified(struct generation *generation, const struct seed_image_result *result)
{
	struct seed_record *record = &generation->record;

	record->source = result->source;
	record->image = result->image;
	record->state = SEED_STATE_VERIFIED;
	progress_reset(generation, 1);
	record->verified_ms = seed_clock_wall_ms();
	if (record->attempt_count > 0)
		attempt_of(generation)->ended_ms = record->verified_ms;
	if (generation->submitted_ms && !generation->resumed)
		note_duration(generation);
	count_verified(generation);
	generation_log(generation, SEED_LOG_IMAGE "Image verified at %ux%u", record->image.width,
		       record->image.height);
	set_step(generation, "commit");
	finish(generation);
}

static void on_worker(void *context, const struct seed_image_result *result)
{
	struct generation *generation = context;
	struct seed_engine *engine = generation->engine;

	generation->at_worker = false;
	if (generation->dead) {
		generation_reap(generation);
		return;
	}
	/* Given up by the pool's end: the journal's row takes it up again. */
	if (engine->stopping && result->error.code == ESHUTDOWN)
		return;
	if (result->error.code == 0)
		verified(generation, result);
	else if (result->error.code == EBADMSG || generation->source_fd < 0)
		generation_attempt_failed(generation, &result->error);
	else
		hold(generation, result->error.code, "The image cannot be stored");
}

static errint_t start_worker(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	struct image_texts texts = { .count = 0 };
	struct seed_image_job job = {
		.draw = engine->config.provider->draws && !generation->adopting,
		.no_upscale = generation->adopting,
		.width = (uint32_t)generation->record.params.width,
		.height = (uint32_t)generation->record.params.height,
		.max_upscale = engine->config.max_upscale,
		.prompt = generation->full_prompt,
		.texts = texts.texts,
	};
	int source = -1, result;

	if (engine->config.metadata)
		fill_texts(generation, &texts);
	job.text_count = texts.count;
	result = seed_store_result_open(engine->store, generation->record.id);
	if (result < 0)
		return result;
	/* A duplicate: the bytes are kept until the image is stored. */
	if (generation->source_fd >= 0) {
		source = fcntl(generation->source_fd, F_DUPFD_CLOEXEC, 0);
		if (source < 0) {
			close(result);
			return -errno;
		}
	}
	generation->at_worker = true;
	return seed_worker_pool_submit(engine->workers, &job, source, result, WORKER_LIMIT_MS,
				       on_worker, generation);
}

void generation_verify(struct generation *generation, int fd)
{
	errint_t err;

	if (fd >= 0 && fd != generation->source_fd) {
		if (generation->source_fd >= 0)
			close(generation->source_fd);
		generation->source_fd = fd;
	}
	generation->phase = PHASE_VERIFY;
	err = start_worker(generation);
	if (err) {
		generation->at_worker = false;
		hold(generation, -err, "The image cannot be stored");
	}
}

/* ---- after a step on disk ---- */

/* A callback's image takes the place of an attempt's: it is fetched and
 * verified, but must not be enlarged. */
static void adopt(struct generation *generation)
{
	generation->deadline_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
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
		enqueue(generation, false);
		return;
	}
	record->state = SEED_STATE_VERIFIED;
	progress_reset(generation, 1);
	record->verified_ms = seed_clock_wall_ms();
	generation->engine->metrics.reused++;
	set_step(generation, "commit");
	finish(generation);
}

static void begun(struct generation *generation, errint_t err)
{
	if (err) {
		generation_log(generation, SEED_LOG_ERROR "The prompt cannot be stored: %s (%s)",
			       strerror(-err), seed_error_name(-err));
		generation_abandon(generation, -err);
		return;
	}
	waits_begun(generation);
	if (generation->reuse_name)
		disk_step(generation, STEP_REUSE);
	else if (generation->adopting)
		adopt(generation);
	else if (generation->refusal.code)
		generation_fail(generation, &generation->refusal);
	else
		enqueue(generation, false);
}

static void announced(struct generation *generation, errint_t err)
{
	struct seed_error error;

	/* Announced but not sent: the row must not say that it may have been. */
	if (generation->engine->stopping) {
		generation_requeue(generation);
		return;
	}
	if (!err) {
		submit(generation);
		return;
	}
	/* Nothing is sent that could be lost: without a journal, no submission. */
	seed_error_set(&error, -err, "the journal cannot be written: %s", strerror(-err));
	generation_fail(generation, &error);
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
	int code = generation->record.error.code;

	if (err) {
		hold(generation, code ? code : -err, "The outcome cannot be stored");
		return;
	}
	if (!code)
		log_success(generation);
	settle_ticket(generation, code);
	waits_finish(generation, code);
	generation->engine->pump_ms = 0;
	generation->dead = true;
	unlink_name(generation);
	rerun_callbacks(generation);
	generation_reap(generation);
}

/* The bytes could not be kept on disk: they stay in memory. */
static errint_t keep_in_memory(struct generation *generation)
{
	int fd = memfd_create("seedfs-answer", MFD_CLOEXEC);
	errint_t err;

	if (fd < 0)
		return -errno;
	err = seed_files_write_all(fd, generation->bytes.data, generation->bytes.len_bytes);
	if (err) {
		close(fd);
		return err;
	}
	if (generation->source_fd >= 0)
		close(generation->source_fd);
	generation->source_fd = fd;
	return 0;
}

static void kept(struct generation *generation, errint_t err)
{
	struct seed_error error;

	if (err) {
		generation_log(generation, SEED_LOG_ERROR "The answer cannot be stored: %s (%s); kept "
			       "in memory", strerror(-err), seed_error_name(-err));
		err = keep_in_memory(generation);
	}
	seed_buf_release(&generation->bytes);
	if (!err) {
		generation_verify(generation, generation->source_fd);
		return;
	}
	seed_error_set(&error, -err, "the answer cannot be kept: %s", strerror(-err));
	generation_attempt_failed(generation, &error);
}

void generation_step_done(struct generation *generation, enum disk_step step, errint_t err)
{
	if (generation->dead) {
		/* Given up while a step was under way, or its row just went. */
		if (step == STEP_DROP || generation->step_running == STEP_NONE)
			generation_reap(generation);
		return;
	}
	if (step == STEP_BEGIN)
		begun(generation, err);
	else if (step == STEP_REUSE)
		reused(generation, err);
	else if (step == STEP_ANNOUNCE)
		announced(generation, err);
	else if (step == STEP_ACCEPT)
		after_accept(generation, err);
	else if (step == STEP_KEEP)
		kept(generation, err);
	else if (step == STEP_FINISH)
		finished(generation, err);
}

/* ---- after a restart ---- */

static void resume_task(struct generation *generation)
{
	int64_t now = seed_clock_now_ms();

	generation->has_slot = true;
	generation->engine->active++;
	generation->deadline_ms = now + generation->engine->config.timeout_ms;
	generation->submitted_ms = now;
	generation->resumed = true;
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

static void resume_submission(struct generation *generation)
{
	struct seed_error error;

	if (can_be_asked(generation)) {
		resume_task(generation);
		generation->phase = PHASE_POLL_WAIT;
		generation->wake_ms = 0;
		return;
	}
	seed_error_set(&error, EIO, "seedfs was stopped while the request was being sent: it may have "
		       "been accepted (and paid) and is not repeated; write the prompt again to "
		       "generate it");
	if (generation->record.attempt_count > 0) {
		attempt_of(generation)->ended_ms = seed_clock_wall_ms();
		attempt_of(generation)->error = error;
	}
	generation_fail(generation, &error);
}

static void resume_source(struct generation *generation)
{
	int fd = seed_store_source_open(generation->engine->store, generation->record.id);
	struct seed_error error;

	resume_task(generation);
	if (fd >= 0) {
		generation_verify(generation, fd);
		return;
	}
	seed_error_set(&error, EIO, "the kept answer is gone: %s", strerror(-fd));
	generation_attempt_failed(generation, &error);
}

/* The prompt went and the stop came before the journal's row did. At the first
 * step the prompt may not have been written yet. */
static bool was_removed(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;

	if (generation->superseded || record->request[0] == '\0' || record->attempt_count == 0)
		return false;
	return faccessat(seed_store_area(generation->engine->store, SEED_AREA_PROMPTS),
			 record->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

void generation_resume(struct generation *generation)
{
	const char *step = generation->record.step;

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
	} else if (strcmp(step, "accepted") == 0 && generation->record.attempt_count > 0) {
		resume_task(generation);
		generation->wake_ms = 0;
		generation->phase = generation->task.image_url ? PHASE_FETCH_WAIT : PHASE_POLL_WAIT;
	} else if (strcmp(step, "received") == 0 && generation->record.attempt_count > 0) {
		resume_source(generation);
	} else if (strcmp(step, "commit") == 0) {
		finish(generation);
	} else if (strcmp(step, "adopt") == 0 && generation->record.image_url) {
		generation->adopting = true;
		generation_begin(generation);
	} else if (generation->superseded) {
		generation_abandon(generation, ECANCELED);
	} else {
		generation_begin(generation);
	}
}

/* ---- time ---- */

static void pump(struct seed_engine *engine, int64_t now)
{
	engine->pump_ms = INT64_MAX;
	while (engine->queue_first && !engine->stopping) {
		struct generation *generation = engine->queue_first;
		int64_t at = seed_rate_next_ms(&engine->rate, now);

		/* The end of another gives the slot and looks here again. A key
		 * that was refused is tried with one prompt at a time. */
		if (!generation->has_slot &&
		    engine->active >= (engine->key_refused ? 1 : engine->config.jobs))
			return;
		if (engine->hold_until_ms > at)
			at = engine->hold_until_ms;
		if (at > now) {
			engine->pump_ms = at;
			return;
		}
		dequeue(generation);
		start(generation);
	}
}

static bool over_deadline(struct generation *generation, int64_t now)
{
	struct seed_error error;

	if ((!generation->has_slot && !generation->adopting) || now < generation->deadline_ms)
		return false;
	if (generation->phase != PHASE_POLL_WAIT && generation->phase != PHASE_FETCH_WAIT &&
	    generation->phase != PHASE_QUEUED)
		return false;
	if (generation->phase == PHASE_QUEUED && begins_attempt(generation)) {
		/* The second attempt is due. For the rate it waits as long as it
		 * must; a service that only says 429 has had its time. */
		if (generation->engine->hold_until_ms <= now)
			return false;
		dequeue(generation);
		error = attempt_of(generation)->error;
		generation_fail(generation, &error);
		return true;
	}
	dequeue(generation);
	seed_error_set(&error, ETIMEDOUT, "no image within %lld s",
		       (long long)(generation->engine->config.timeout_ms / 1000));
	generation_attempt_failed(generation, &error);
	return true;
}

static void poll_now(struct generation *generation, int64_t now)
{
	struct seed_rate *queries = &generation->engine->queries;
	int64_t at = seed_rate_next_ms(queries, now);

	if (at > now) {
		generation->wake_ms = at;
		return;
	}
	seed_rate_take(queries, now);
	exchange_send(generation);
}

static void wake(struct generation *generation, int64_t now)
{
	if (generation->phase == PHASE_POLL_WAIT) {
		poll_now(generation, now);
	} else if (generation->phase == PHASE_FETCH_WAIT) {
		exchange_fetch(generation);
	} else if (generation->phase == PHASE_HOLD) {
		generation->phase = generation->held;
		if (generation->phase == PHASE_VERIFY)
			generation_verify(generation, generation->source_fd);
		else
			disk_step(generation, STEP_FINISH);
	}
}

static bool has_timer(const struct generation *generation)
{
	return generation->phase == PHASE_POLL_WAIT || generation->phase == PHASE_FETCH_WAIT ||
	       generation->phase == PHASE_HOLD;
}

int64_t generations_turn(struct seed_engine *engine, int64_t now)
{
	struct generation *next;
	int64_t at = INT64_MAX, look_ms;

	if (engine->stopping)
		return INT64_MAX;
	if (engine->key_due) {
		engine->key_due = false;
		refuse_queue(engine);
	}
	if (now >= engine->pump_ms)
		pump(engine, now);
	for (struct generation *g = engine->generations; g; g = next) {
		next = g->next;
		if (g->dead || over_deadline(g, now))
			continue;
		if (has_timer(g) && now >= g->wake_ms)
			wake(g, now);
		if (has_timer(g) && g->wake_ms < at)
			at = g->wake_ms;
		if ((g->has_slot || g->adopting) && g->deadline_ms > now && g->deadline_ms < at)
			at = g->deadline_ms;
		look_ms = progress_turn(g, now);
		if (look_ms < at)
			at = look_ms;
	}
	/* What happened above may have freed a slot or joined the queue. */
	if (now >= engine->pump_ms)
		pump(engine, now);
	return engine->pump_ms < at ? engine->pump_ms : at;
}
