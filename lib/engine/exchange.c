/* A generation's talk with its service, and the download of its image. */
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/url.h"

static void send_failed(struct generation *generation, errint_t err)
{
	struct seed_error error;

	bool lacking = err == -ENOMEM || err == -EMFILE || err == -ENFILE;

	seed_error_set(&error, lacking ? -err : EIO, "cannot send the request: %s", strerror(-err));
	attempt_failed(generation, lacking ? SEED_FAILURE_LOCAL : SEED_FAILURE_FAILED, &error, -1);
}

void exchange_scrub(const struct generation *generation, struct seed_error *error)
{
	const struct seed_key *key = generation->engine->key;

	const char *sent = generation->engine->authorization;

	seed_url_scrub(error->message, key ? seed_key_text(key) : NULL);
	/* Basic's is another text than the key's. */
	if (sent && strchr(sent, ' '))
		seed_url_scrub(error->message, strchr(sent, ' ') + 1);
}

static bool is_submit(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT;
}

/* ---- what the provider made of an answer ---- */

errint_t exchange_note_task(struct generation *generation)
{
	struct seed_record *record = &generation->record;
	char *task = seed_task_format(&generation->task);
	errint_t err = task ? 0 : -ENOMEM;

	if (!err)
		err = seed_record_set(&record->task_id, generation->task.id);
	/* An image that is adopted has no attempt. */
	if (!err && record->attempt_count > 0)
		err = seed_record_set(&record->attempts[record->attempt_count - 1].task_id,
				      generation->task.id);
	if (!err)
		err = seed_record_set(&record->image_url, generation->task.image_url);
	if (err) {
		free(task);
		return err;
	}
	free(record->task);
	record->task = task;
	return 0;
}

static void accepted(struct generation *generation, const struct seed_step *step)
{
	generation->record.queue_position = step->queue_position;
	generation->backoffs = 0;
	generation_set_step(generation, "accepted");
	generation->phase = PHASE_ACCEPT;
	disk_step(generation, STEP_ACCEPT);
}

void exchange_poll_later(struct generation *generation)
{
	int64_t age = seed_clock_now_ms() - generation->submitted_ms;

	generation->phase = PHASE_POLL_WAIT;
	/* Also where all that was learned took longer than this may. */
	generation->wake_ms = attempt_ask_at_ms(generation, generation->submitted_ms +
			      seed_schedule_next_ms(&generation->engine->durations, age));
	timers_touch(generation);
}

/* 429 and the like; to a poll, any answer that tells nothing of the task. */
static void backed_off(struct generation *generation, const struct seed_net_answer *answer,
		       const struct seed_step *step)
{
	struct seed_error error;

	seed_error_set(&error, ETIMEDOUT, "no image within %lld s: the service answers HTTP %ld",
		       (long long)(generation->engine->config.timeout_ms / 1000), answer->status);
	error.http_status = (int)answer->status;
	if (is_submit(generation))
		generation->engine->metrics.rate_limited++;
	attempt_failed(generation, SEED_FAILURE_BUSY, &error, step->retry_after_ms);
}

static void take_bytes(struct generation *generation, struct seed_step *step)
{
	seed_buf_release(&generation->bytes);
	generation->bytes = step->bytes;
	seed_buf_init(&step->bytes, SEED_ANSWER_MAX_BYTES);
}

void exchange_keep(struct generation *generation)
{
	generation->phase = PHASE_KEEP;
	disk_step(generation, STEP_KEEP);
}

static enum seed_failure failure_of(const struct generation *generation,
				    const struct seed_step *step)
{
	if (step->refused)
		return SEED_FAILURE_REFUSED;
	if (step->error.final)
		return SEED_FAILURE_FINAL;
	if (step->error.code == ENOMEM) /* it left, and its answer could not be read */
		return is_submit(generation) ? SEED_FAILURE_UNSURE : SEED_FAILURE_LOCAL;
	return SEED_FAILURE_FAILED;
}

/* The URL is refused, and the service has no other: it may still come to life. */
static bool is_remint(const struct generation *generation)
{
	return generation->task.stage == SEED_STAGE_REMINT;
}

/* The picture is paid for: a person may still fetch it. */
static void keep_refused(struct generation *generation, const char *url)
{
	seed_log_secret(generation->engine->log, generation->record.name, url);
	generation_log(generation, SEED_LOG_IMAGE "The image's URL as the service gave it is in "
		       "log/refused-urls of the state directory");
}

static void step_failed(struct generation *generation, struct seed_step *step)
{
	exchange_scrub(generation, &step->error);
	if (step->refused_url)
		keep_refused(generation, step->refused_url);
	if (step->withdraw)
		cancel_at_service(generation);
	if (is_remint(generation)) {
		generation->phase = PHASE_FETCH;
		attempt_failed(generation, SEED_FAILURE_GONE, &step->error, -1);
	} else {
		attempt_failed(generation, failure_of(generation, step), &step->error, -1);
	}
}

static void still_running(struct generation *generation, const struct seed_step *step)
{
	generation->trouble = SEED_FAILURE_RUNNING;
	seed_error_set(&generation->trouble_error, ETIMEDOUT, "no image within %lld s",
		       (long long)(generation->engine->config.timeout_ms / 1000));
	if (generation->shelved) {
		attempt_failed(generation, SEED_FAILURE_RUNNING, &generation->trouble_error, -1);
		return;
	}
	generation->backoffs = 0;
	if (generation->no_looks) /* else those tell it */
		progress_note(generation, step);
	exchange_poll_later(generation);
}

/* Some services know a task a moment after they have accepted it. */
static void not_known(struct generation *generation, const struct seed_net_answer *answer)
{
	struct seed_error error;

	seed_error_set(&error, EIO, "the service does not know the task (HTTP %ld)", answer->status);
	error.http_status = (int)answer->status;
	attempt_failed(generation, SEED_FAILURE_GONE, &error, -1);
}

static void fetch_first(struct generation *generation)
{
	free(generation->fetch_url);
	generation->fetch_url = NULL;
	generation->redirects = 0;
	exchange_fetch(generation);
}

/* An answer to the submission that is no failure: it is paid for from here on. */
static void got_through(struct generation *generation)
{
	attempt_settle_charge(generation, true);
	queue_answered(generation, true);
}

static void follow_step(struct generation *generation, const struct seed_net_answer *answer,
			struct seed_step *step)
{
	if (step->cost >= 0)
		generation->record.cost = step->cost;
	if (is_submit(generation) && step->kind != SEED_STEP_FAIL && step->kind != SEED_STEP_BACKOFF)
		got_through(generation);
	switch (step->kind) {
	case SEED_STEP_FAIL:
		step_failed(generation, step);
		break;
	case SEED_STEP_WAIT:
		if (is_submit(generation))
			accepted(generation, step);
		else
			still_running(generation, step);
		break;
	case SEED_STEP_NEXT:
		if (is_submit(generation))
			accepted(generation, step);
		else
			exchange_send(generation);
		break;
	case SEED_STEP_BACKOFF:
		backed_off(generation, answer, step);
		break;
	case SEED_STEP_URL:
		if (is_submit(generation))
			accepted(generation, step);
		else
			fetch_first(generation);
		break;
	case SEED_STEP_BYTES:
		take_bytes(generation, step);
		if (!is_submit(generation) || !progress_check(generation))
			exchange_keep(generation);
		break;
	case SEED_STEP_UNKNOWN:
		not_known(generation, answer);
		break;
	case SEED_STEP_DONE:
		generation_reap(generation);
		break;
	}
}

static void log_status(struct generation *generation, const struct seed_net_answer *answer,
		       const struct seed_step *step)
{
	if (step->kind == SEED_STEP_FAIL && step->error.http_status &&
	    step->error.http_status != answer->status)
		generation_log(generation, SEED_LOG_REQUEST "Response status: %ld (code %d)",
			       answer->status, step->error.http_status);
	else
		generation_log(generation, SEED_LOG_REQUEST "Response status: %ld", answer->status);
}

/* A request that has left may have been accepted, whatever broke then. */
static enum seed_failure transport_failure(const struct seed_net_answer *answer)
{
	if (answer->sent)
		return SEED_FAILURE_UNSURE;
	return answer->local ? SEED_FAILURE_LOCAL : SEED_FAILURE_NOT_SENT;
}

static void transport_failed(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_error *error = &answer->error;

	exchange_scrub(generation, error);
	if (error->code == ETIMEDOUT && answer->sent)
		seed_error_set(error, ETIMEDOUT, "no answer within %lld s",
			       (long long)(generation->engine->config.timeout_ms / 1000));
	if (is_remint(generation))
		generation->phase = PHASE_FETCH;
	/* A URL that the service named, to where nothing may go. */
	if (error->code == EPERM)
		attempt_failed(generation, SEED_FAILURE_FAILED, error, -1);
	else
		attempt_failed(generation, transport_failure(answer), error, -1);
}

void exchange_read(const struct seed_engine *engine, const struct seed_params *params,
		   struct seed_task *task, const struct seed_net_answer *answer,
		   struct seed_step *step)
{
	const struct seed_response response = {
		.status = answer->status,
		.body = answer->body,
		.len = answer->len,
		.redirect = answer->redirect,
		.retry_after_ms = answer->retry_after_ms,
	};

	seed_provider_answer(engine->config.provider, &engine->config.service, params, task,
			     &response, step);
}

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct generation *generation = context;
	struct seed_step step;

	generation->transfer = NULL;
	/* A generation that is given up takes its transfer along: it is alive. */
	if (answer->error.code) {
		transport_failed(generation, answer);
		return;
	}
	exchange_read(generation->engine, &generation->record.params, &generation->task, answer,
		      &step);
	if (is_submit(generation))
		log_status(generation, answer, &step);
	follow_step(generation, answer, &step);
	seed_step_release(&step);
}

/* ---- sending ---- */

static bool key_may_go(const struct seed_engine *engine, const char *url)
{
	return engine->authorization && seed_url_same_host(url, engine->config.service.api_base);
}

errint_t exchange_transfer(struct seed_engine *engine, const struct seed_request *request,
			   int64_t deadline_ms, seed_net_done_fn *done, void *context,
			   struct seed_transfer **transfer)
{
	const char *headers[SEED_ARRAY_LEN(request->headers) + 1] = { NULL };
	struct seed_net_request out = {
		.method = request->method,
		.url = request->url,
		.body = request->body,
		.headers = headers,
		.deadline_ms = deadline_ms,
		.limit_bytes = SEED_ANSWER_MAX_BYTES,
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(request->headers); i++)
		headers[i] = request->headers[i];
	if (seed_url_check(request->url))
		return -EPROTO;
	if (key_may_go(engine, request->url))
		out.authorization = engine->authorization;
	/* URLs that a service names for polling are judged like images. */
	if (seed_url_same_host(request->url, engine->config.service.api_base))
		out.private_peer = &engine->private_service;
	else
		out.guarded = !engine->private_service;
	return seed_net_send(engine->net, &out, done, context, transfer);
}

errint_t exchange_prepare(struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;

	seed_request_release(&generation->request);
	return engine->config.provider->request(&engine->config.service,
						&generation->record.params,
						generation->full_prompt, &generation->task,
						&generation->request);
}

/* What is worth knowing of a request that is about to be sent. */
static void log_request(struct generation *generation)
{
	const struct seed_request *request = &generation->request;

	if (!is_submit(generation))
		return;
	if (request->neutralised)
		generation_log(generation, SEED_LOG_REQUEST "Markup in the prompt that this server would "
			       "execute was made harmless");
	if (request->unknown_model)
		generation_log(generation, SEED_LOG_REQUEST "The sizes of this model are not known: the "
			       "image may come smaller than asked for");
	if (request->no_negative || request->no_seed)
		generation_log(generation, SEED_LOG_REQUEST "This model has no %s: not sent",
			       !request->no_seed ? "negative_prompt" :
			       request->no_negative ? "negative_prompt and no seed" : "seed");
}

/* When an answer must be there. A shelved task has no deadline, its requests do. */
static int64_t answer_by_ms(const struct generation *generation)
{
	if (generation->deadline_ms != INT64_MAX)
		return generation->deadline_ms;
	return seed_clock_now_ms() + generation->engine->config.timeout_ms;
}

void exchange_stop(struct generation *generation)
{
	if (generation->transfer)
		seed_net_cancel(generation->engine->net, generation->transfer);
	generation->transfer = NULL;
}

void exchange_send(struct generation *generation)
{
	errint_t err = 0;

	if (generation->task.stage != SEED_STAGE_SUBMIT) {
		generation->phase = PHASE_POLL;
		generation->engine->metrics.polls++;
		err = exchange_prepare(generation);
	}
	log_request(generation);
	if (!err)
		err = exchange_transfer(generation->engine, &generation->request,
					answer_by_ms(generation), on_answer, generation,
					&generation->transfer);
	seed_request_release(&generation->request);
	if (err)
		send_failed(generation, err);
}

/* ---- the image ---- */

/* The picture is not valid: another one of the same task, where the service has
 * several, before the attempt counts as failed. */
bool exchange_other(struct generation *generation, const struct seed_error *error)
{
	enum seed_stage stage = generation->task.stage;

	if (generation->adopting || !generation->task.id)
		return false;
	generation->task.stage = SEED_STAGE_OTHER;
	if (exchange_prepare(generation) != 0) {
		seed_request_release(&generation->request);
		generation->task.stage = stage;
		return false;
	}
	generation_log(generation, SEED_LOG_IMAGE "%s: asking for another image of the same task",
		       error->message);
	exchange_send(generation);
	return true;
}

/* The URL is refused: it may have expired. A new one, where the service can
 * make one, before the attempt counts as failed. */
static bool remint(struct generation *generation)
{
	if (generation->reminted)
		return false;
	generation->reminted = true;
	generation->task.stage = SEED_STAGE_REMINT;
	if (exchange_prepare(generation) != 0) {
		seed_request_release(&generation->request);
		return false;
	}
	generation_log(generation, SEED_LOG_IMAGE "Image URL refused: asking for a new one");
	exchange_send(generation);
	return true;
}

/* 429, 408 and 5xx say nothing about the picture. */
static bool is_passing(long status)
{
	return status >= 500 || status == 429 || status == 408;
}

static void fetched_status(struct generation *generation, const struct seed_net_answer *answer)
{
	bool gone = answer->status == 403 || answer->status == 404 || answer->status == 410;
	struct seed_error error;

	seed_error_set(&error, EIO, "the image's URL answers HTTP %ld", answer->status);
	error.http_status = (int)answer->status;
	if (is_passing(answer->status))
		attempt_failed(generation, SEED_FAILURE_BUSY, &error, answer->retry_after_ms);
	else if (!gone)
		attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
	else if (generation->adopting || !remint(generation))
		attempt_failed(generation, SEED_FAILURE_GONE, &error, -1);
}

static void follow_redirect(struct generation *generation, const char *target)
{
	struct seed_error error;

	free(generation->fetch_url);
	generation->fetch_url = strdup(target);
	if (generation->fetch_url && ++generation->redirects <= SEED_REDIRECTS_MAX) {
		exchange_fetch(generation);
		return;
	}
	if (!generation->fetch_url) {
		send_failed(generation, -ENOMEM);
		return;
	}
	seed_error_set(&error, EIO, "the image's URL is redirected more than %d times",
		       SEED_REDIRECTS_MAX);
	attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
}

static void fetch_failed(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_error *error = &answer->error;
	char cause[SEED_MESSAGE_MAX_BYTES];

	exchange_scrub(generation, error);
	snprintf(cause, sizeof(cause), "%s", error->message);
	/* Redirects are followed anew each time: where they lead may change. */
	free(generation->fetch_url);
	generation->fetch_url = NULL;
	generation->redirects = 0;
	if (error->code == EFBIG) {
		seed_error_set(error, EBADMSG, "image not valid: %.400s", cause);
		attempt_failed(generation, SEED_FAILURE_FAILED, error, -1);
		return;
	}
	seed_error_set(error, error->code, "image download: %.400s", cause);
	attempt_failed(generation, error->code == EPERM ? SEED_FAILURE_FAILED :
		       answer->local ? SEED_FAILURE_LOCAL : transport_failure(answer), error, -1);
}

static void on_image(void *context, struct seed_net_answer *answer)
{
	struct generation *generation = context;

	generation->transfer = NULL;
	if (answer->error.code) {
		fetch_failed(generation, answer);
	} else if (answer->redirect) {
		follow_redirect(generation, answer->redirect);
	} else if (answer->status != 200) {
		fetched_status(generation, answer);
	} else {
		int fd = answer->memfd;
		off_t size = lseek(fd, 0, SEEK_END); /* the worker reads by offset */

		answer->memfd = -1;
		if (size > 0)
			generation->engine->metrics.download_bytes += (uint64_t)size;
		generation_verify(generation, fd);
	}
}

void exchange_fetch(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	const char *url = generation->fetch_url ? generation->fetch_url : generation->task.image_url;
	struct seed_net_request request = {
		.method = "GET",
		.url = url,
		.guarded = !engine->private_service,
		.deadline_ms = answer_by_ms(generation),
		.limit_bytes = SEED_DOWNLOAD_MAX_BYTES,
		.to_memfd = true,
	};
	struct seed_error error;
	errint_t err;

	generation->phase = PHASE_FETCH;
	if (seed_url_check(url)) {
		seed_error_set(&error, EIO, "the image's URL is not an http or https URL");
		attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
		return;
	}
	if (request.guarded && seed_url_host_is_private(url)) {
		seed_error_set(&error, EPERM, "image download refused: the URL leads to a loopback, "
			       "private or link-local address");
		keep_refused(generation, url);
		attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
		return;
	}
	engine->metrics.downloads++;
	err = seed_net_send(engine->net, &request, on_image, generation, &generation->transfer);
	if (err)
		send_failed(generation, err);
}
