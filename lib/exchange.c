/* A generation's talk with its service, and the download of its image. */
#include <unistd.h>

#include "lib/clock.h"
#include "lib/engine_internal.h"
#include "lib/url.h"

/* A download that broke is begun again this often before the attempt counts
 * as failed: the image is paid for and still there. */
#define FETCH_TRIES 3

static void send_failed(struct generation *generation, errint_t err)
{
	struct seed_error error;

	seed_error_set(&error, -err, "cannot send the request: %s", strerror(-err));
	generation_attempt_failed(generation, &error);
}

void exchange_scrub(const struct generation *generation, struct seed_error *error)
{
	const struct seed_key *key = generation->engine->key;

	seed_url_scrub(error->message, key ? seed_key_text(key) : NULL);
}

static bool is_submit(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT;
}

/* ---- what the provider made of an answer ---- */

static void note_task(struct generation *generation)
{
	struct seed_record *record = &generation->record;
	errint_t err;

	err = seed_record_set(&record->task_id, generation->task.id);
	/* An image that is adopted has no attempt. */
	if (!err && record->attempt_count > 0)
		err = seed_record_set(&record->attempts[record->attempt_count - 1].task_id,
				      generation->task.id);
	if (!err)
		err = seed_record_set(&record->image_url, generation->task.image_url);
	free(record->task);
	record->task = seed_task_format(&generation->task);
	if (err || !record->task)
		generation_log(generation, SEED_LOG_ERROR "out of memory: the journal's row is "
			       "incomplete");
}

static void accepted(struct generation *generation, const struct seed_step *step)
{
	note_task(generation);
	generation->record.queue_position = step->queue_position;
	generation->backoffs = 0;
	if (seed_record_set(&generation->record.step, "accepted")) {
		send_failed(generation, -ENOMEM);
		return;
	}
	generation->phase = PHASE_ACCEPT;
	disk_step(generation, STEP_ACCEPT);
}

static void poll_after(struct generation *generation, int64_t delay_ms)
{
	generation->phase = PHASE_POLL_WAIT;
	generation->wake_ms = seed_clock_now_ms() + delay_ms;
}

void exchange_poll_later(struct generation *generation)
{
	int64_t age = seed_clock_now_ms() - generation->submitted_ms;

	generation->phase = PHASE_POLL_WAIT;
	generation->wake_ms = generation->submitted_ms +
			      seed_schedule_next_ms(&generation->engine->durations, age);
}

static void backed_off(struct generation *generation, const struct seed_step *step)
{
	struct seed_engine *engine = generation->engine;
	int64_t delay = step->retry_after_ms;

	if (delay < 0)
		delay = seed_backoff_ms(generation->backoffs);
	generation->backoffs++;
	if (!is_submit(generation)) {
		poll_after(generation, delay);
		return;
	}
	generation_log(generation, SEED_LOG_REQUEST "Rate limited by the service: next try in %.1f s",
		       (double)delay / 1000);
	engine->metrics.rate_limited++;
	/* The limit is the account's: it holds for everyone in the queue. */
	engine->hold_until_ms = seed_clock_now_ms() + delay;
	generation_requeue(generation);
}

static void take_bytes(struct generation *generation, struct seed_step *step)
{
	seed_buf_release(&generation->bytes);
	generation->bytes = step->bytes;
	seed_buf_init(&step->bytes, SEED_ANSWER_MAX_BYTES);
}

void exchange_keep(struct generation *generation)
{
	note_task(generation);
	if (seed_record_set(&generation->record.step, "received")) {
		send_failed(generation, -ENOMEM);
		return;
	}
	generation->phase = PHASE_KEEP;
	disk_step(generation, STEP_KEEP);
}

static void follow_step(struct generation *generation, struct seed_step *step)
{
	if (step->cost >= 0)
		generation->record.cost = step->cost;
	switch (step->kind) {
	case SEED_STEP_FAIL:
		exchange_scrub(generation, &step->error);
		generation_attempt_failed(generation, &step->error);
		break;
	case SEED_STEP_WAIT:
		if (is_submit(generation)) {
			accepted(generation, step);
			break;
		}
		generation->backoffs = 0;
		if (generation->no_looks) /* else those tell it */
			progress_note(generation, step);
		exchange_poll_later(generation);
		break;
	case SEED_STEP_NEXT:
		if (is_submit(generation))
			accepted(generation, step);
		else
			exchange_send(generation);
		break;
	case SEED_STEP_BACKOFF:
		backed_off(generation, step);
		break;
	case SEED_STEP_URL:
		if (is_submit(generation)) {
			accepted(generation, step);
			break;
		}
		note_task(generation);
		free(generation->fetch_url);
		generation->fetch_url = NULL;
		generation->redirects = 0;
		exchange_fetch(generation);
		break;
	case SEED_STEP_BYTES:
		take_bytes(generation, step);
		if (!is_submit(generation) || !progress_check(generation))
			exchange_keep(generation);
		break;
	case SEED_STEP_UNKNOWN: /* is for looks only */
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

static void transport_failed(struct generation *generation, struct seed_error *error)
{
	exchange_scrub(generation, error);
	/* A broken connection while asking how a task is says nothing about
	 * the task; only the attempt's time ends that. */
	if (!is_submit(generation) && seed_clock_now_ms() < generation->deadline_ms) {
		poll_after(generation, seed_backoff_ms(generation->backoffs++));
		return;
	}
	if (error->code == ETIMEDOUT)
		seed_error_set(error, ETIMEDOUT, "no answer within %lld s",
			       (long long)(generation->engine->config.timeout_ms / 1000));
	generation_attempt_failed(generation, error);
}

void exchange_read(const struct seed_engine *engine, const struct seed_params *params,
		   struct seed_task *task, const struct seed_net_answer *answer,
		   struct seed_step *step)
{
	const struct seed_response response = {
		.status = answer->status,
		.body = answer->body,
		.len = answer->len,
		.retry_after_ms = answer->retry_after_ms,
	};

	seed_step_init(step);
	engine->config.provider->answer(&engine->config.service, params, task, &response, step);
}

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct generation *generation = context;
	struct seed_step step;

	generation->transfer = NULL;
	/* A generation that is given up takes its transfer along: it is alive. */
	if (answer->error.code) {
		transport_failed(generation, &answer->error);
		return;
	}
	exchange_read(generation->engine, &generation->record.params, &generation->task, answer,
		      &step);
	if (is_submit(generation))
		log_status(generation, answer, &step);
	follow_step(generation, &step);
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

static void log_neutralised(struct generation *generation)
{
	if (is_submit(generation) && generation->request.neutralised)
		generation_log(generation, SEED_LOG_REQUEST "Markup in the prompt that this server would "
			       "execute was made harmless");
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
	log_neutralised(generation);
	if (!err)
		err = exchange_transfer(generation->engine, &generation->request,
					generation->deadline_ms, on_answer, generation,
					&generation->transfer);
	seed_request_release(&generation->request);
	if (err)
		send_failed(generation, err);
}

/* ---- the image ---- */

static void fetch_again(struct generation *generation, const struct seed_error *error)
{
	if (++generation->fetches >= FETCH_TRIES ||
	    seed_clock_now_ms() >= generation->deadline_ms) {
		generation_attempt_failed(generation, error);
		return;
	}
	generation_log(generation, SEED_LOG_IMAGE "Download broke off (%s): trying again",
		       error->message);
	generation->phase = PHASE_FETCH_WAIT;
	generation->wake_ms = seed_clock_now_ms() + seed_backoff_ms(generation->fetches - 1) / 2;
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

static void fetched_status(struct generation *generation, const struct seed_net_answer *answer)
{
	struct seed_error error;

	seed_error_set(&error, EIO, "the image's URL answers HTTP %ld", answer->status);
	error.http_status = (int)answer->status;
	if (answer->status >= 500 || answer->status == 429 || answer->status == 408)
		fetch_again(generation, &error);
	else if ((answer->status != 403 && answer->status != 404 && answer->status != 410) ||
		 !remint(generation))
		generation_attempt_failed(generation, &error);
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
	seed_error_set(&error, EIO, "the image's URL is redirected more than %d times",
		       SEED_REDIRECTS_MAX);
	generation_attempt_failed(generation, &error);
}

static void fetch_failed(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_error *error = &answer->error;
	char cause[SEED_MESSAGE_MAX_BYTES];

	exchange_scrub(generation, error);
	snprintf(cause, sizeof(cause), "%s", error->message);
	if (error->code == EPERM || error->code == ETIMEDOUT) {
		seed_error_set(error, error->code, "image download: %.400s", cause);
		generation_attempt_failed(generation, error);
	} else if (error->code == EFBIG) {
		seed_error_set(error, EBADMSG, "image not valid: %.400s", cause);
		generation_attempt_failed(generation, error);
	} else {
		/* What arrived of a body that was cut is not an image. */
		seed_error_set(error, answer->cut ? EBADMSG : error->code,
			       "image download: %.400s", cause);
		fetch_again(generation, error);
	}
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
		.deadline_ms = generation->deadline_ms,
		.limit_bytes = SEED_DOWNLOAD_MAX_BYTES,
		.to_memfd = true,
	};
	struct seed_error error;
	errint_t err;

	generation->phase = PHASE_FETCH;
	if (seed_url_check(url)) {
		seed_error_set(&error, EIO, "the image's URL is not an http or https URL");
		generation_attempt_failed(generation, &error);
		return;
	}
	if (request.guarded && seed_url_host_is_private(url)) {
		seed_error_set(&error, EPERM, "image download refused: the URL leads to a loopback, "
			       "private or link-local address");
		generation_attempt_failed(generation, &error);
		return;
	}
	engine->metrics.downloads++;
	err = seed_net_send(engine->net, &request, on_image, generation, &generation->transfer);
	if (err)
		send_failed(generation, err);
}
