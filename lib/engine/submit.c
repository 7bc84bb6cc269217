/* Submissions: from the queue to the journal's row that says what was accepted. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* ---- the queue ---- */

enum phase queued_enter(struct generation *generation)
{
	queue_add(generation, generation->record.attempt_count > 0);
	return PHASE_STAY;
}

/* How long it may wait for a service that accepts nothing. The time of the attempt
 * itself is counted from when its request is sent. Otherwise one that waited long for
 * the end of an outage would soon be late, and be paid for again. */
static void may_ask(struct generation *generation)
{
	generation->ask_until_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
}

/* Room for an attempt; the retry's own settings. */
static errint_t prepare_attempt(struct generation *generation)
{
	const struct seed_engine_config *config = &generation->engine->config;
	struct seed_record *record = &generation->record;
	struct seed_params params = { 0 };

	if (seed_record_reserve_attempts(record))
		return -ENOMEM;
	if (record->attempt_count == 0 || !attempt_begins(generation))
		return 0;
	if (seed_params_copy(&params, record->params))
		return -ENOMEM;
	params.steps = config->retry_steps;
	params.cfg_scale = config->retry_cfg_scale;
	return generation_take_params(record, &params);
}

static void new_attempt(struct generation *generation)
{
	struct seed_record *record = &generation->record;
	struct seed_attempt *attempt = &record->attempts[record->attempt_count++];
	int64_t now = seed_clock_wall_ms();

	if (record->attempt_count > 1) {
		generation->engine->metrics.retries++;
	} else {
		generation_log(generation, SEED_LOG_IMAGE "Model: %s | Resolution: %dx%d",
			       record->params->model && record->params->model[0] ? record->params->model :
			       "the server's own", record->params->width, record->params->height);
		record->started_ms = now;
	}
	attempt->steps = record->params->steps;
	attempt->cfg_scale = record->params->cfg_scale;
	attempt->started_ms = now;
	attempt->ended_ms = 0;
	record->state = SEED_STATE_GENERATING;
	may_ask(generation);
	generation->backoffs = generation->redirects = 0;
	generation->learned = false;
	generation->turn_ms = generation->lost_ms = 0;
	generation->reissue_ms = generation->reissued_ms = 0;
	generation->no_looks = false;
	free(generation->fetch_url);
	generation->fetch_url = NULL;
}

static enum phase fail_over_budget(struct generation *generation)
{
	struct seed_error error;

	queue_answered(generation, false); /* another may ask for all */
	seed_error_set(&error, EDQUOT, "the budget of %lld submissions a day is used up; it begins anew "
		       "at 00:00 UTC", (long long)generation->engine->config.budget);
	return attempt_end(generation, &error);
}

/* What would be sent, without the key, which is added only when sending. The record has
 * all of it. */
static void tell_request(struct generation *generation)
{
	const struct seed_request *request = &generation->request;
	char *text = NULL;

	seed_task_release(&generation->task);
	if (exchange_prepare(generation) ||
	    asprintf(&text, "%s %s%s%s", request->method, request->url, request->body ? " " : "",
		     request->body ? request->body : "") < 0)
		text = NULL;
	generation_log(generation, SEED_LOG_REQUEST "Dry run, not sent: %s",
		       text ? text : "this request cannot be built");
	free(generation->record.dry_run);
	generation->record.dry_run = text;
	seed_task_release(&generation->task);
}

static enum phase start(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	struct seed_error error;

	/* Before an attempt exists: it was never made. */
	if (!budget_take(generation))
		return fail_over_budget(generation);
	if (prepare_attempt(generation)) {
		seed_error_set(&error, ENOMEM, "out of memory");
		return attempt_failed(generation, SEED_FAILURE_LOCAL, &error, -1);
	}
	if (attempt_begins(generation))
		new_attempt(generation);
	else if (generation->ask_until_ms == INT64_MAX) /* it was open at the last stop */
		may_ask(generation);
	if (!engine->config.provider->draws)
		return PHASE_ANNOUNCE;
	seed_rate_take(&engine->rate, seed_clock_now_ms());
	if (engine->config.provider->dry_run)
		tell_request(generation);
	budget_settle(generation, !engine->config.provider->dry_run);
	attempt_new_deadline(generation);
	disk_step(generation, STEP_PROGRESS);
	return PHASE_VERIFY;
}

static enum phase expired(struct generation *generation)
{
	const struct blockage *block = queue_blockage(generation);
	struct seed_error error = block ? block->error : generation->engine->outage.error;

	if (!attempt_begins(generation)) {
		if (generation->ask_until_ms == INT64_MAX) { /* open since the last stop */
			generation->ask_until_ms = 0;
			attempt_trouble(generation, SEED_FAILURE_NOT_SENT, &error);
		}
		return attempt_over(generation);
	}
	if (generation->record.attempt_count > 0) /* the retry was due */
		seed_error_recall(&attempt_last(generation)->error, &error);
	return attempt_end(generation, &error);
}

/* With reuse: one of the same text, beside which it was queued (generation_wake_same), was sent before. */
static bool comes_after_all(const struct generation *generation)
{
	return generation->may_copy && !generation->waits_no_more && attempt_is_unsent(generation) &&
	       reuse_is_sent(generation);
}

static enum phase wait_after_all(struct generation *generation)
{
	queue_answered(generation, false); /* another may ask for all */
	generation_release_slot(generation);
	return PHASE_REUSE;
}

static enum phase key_refused(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, EKEYREJECTED, "not submitted: the service refused the key; put a valid "
		       "one in place and send SIGHUP, or mount again");
	return attempt_end(generation, &error);
}

enum phase queued_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_STEP) /* the lease, renewed or lost */
		return event->err == -ESTALE ? PHASE_FOLLOW : PHASE_STAY;
	if (event->kind == EVENT_SLOT)
		return comes_after_all(generation) ? wait_after_all(generation) : start(generation);
	if (event->kind == EVENT_EXPIRED)
		return expired(generation);
	if (event->kind == EVENT_WAKE) { /* its text has an image now (generation_wake_same) */
		queue_remove(generation);
		return PHASE_REUSE;
	}
	return event->kind == EVENT_KEY_REFUSED ? key_refused(generation) : PHASE_STAY;
}

/* ---- the announcement ---- */

enum phase announce_enter(struct generation *generation)
{
	struct seed_error error;
	errint_t err;

	seed_task_release(&generation->task);
	err = exchange_prepare(generation);
	if (err) {
		seed_error_set(&error, -err, "cannot build the request: %s", strerror(-err));
		return attempt_failed(generation, err == -ENOMEM ? SEED_FAILURE_LOCAL :
				      SEED_FAILURE_FINAL, &error, -1);
	}
	free(generation->record.task);
	generation->record.task = seed_task_format(&generation->task);
	generation_set_step(generation, "submitting");
	disk_step(generation, STEP_ANNOUNCE);
	return PHASE_STAY;
}

static enum phase not_ours(struct generation *generation)
{
	budget_settle(generation, false);
	queue_answered(generation, false);
	return PHASE_FOLLOW;
}

/* No memory; or the store, where hosts share one, was away. */
static bool passes(errint_t err)
{
	return err == -ENOMEM || err == -EHOSTUNREACH || err == -ETIMEDOUT || err == -EAGAIN;
}

enum phase announce_event(struct generation *generation, const struct event *event)
{
	struct seed_error error;

	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	/* Announced but not sent: the row must not say that it may have been. */
	if (generation->engine->stopping)
		return attempt_requeue(generation);
	if (!event->err)
		return PHASE_SUBMIT;
	if (event->err == -ESTALE) /* another host has it */
		return not_ours(generation);
	if (event->err == -EDQUOT && generation->engine->shared) {
		budget_settle(generation, false);
		return fail_over_budget(generation);
	}
	/* Nothing is sent that could be lost: without a journal, no submission. */
	seed_error_set(&error, -event->err, "%s: %s", generation->engine->shared ?
		       "it cannot be announced, in the journal here or in the store" :
		       "the journal cannot be written", strerror(-event->err));
	return attempt_failed(generation, passes(event->err) ? SEED_FAILURE_LOCAL :
			      SEED_FAILURE_FINAL, &error, -1);
}

/* ---- the request that costs money ---- */

/* Logs what is worth knowing about a request that is about to be sent. */
static void log_request(struct generation *generation)
{
	const struct seed_request *request = &generation->request;

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

enum phase submit_enter(struct generation *generation)
{
	errint_t err;

	generation_log(generation, SEED_LOG_REQUEST "Sending request … to %s (attempt %d of %d)",
		       generation->engine->config.provider->name,
		       generation->record.attempt_count, SEED_ATTEMPTS_MAX);
	attempt_new_deadline(generation);
	generation->submitted_ms = seed_clock_now_ms();
	seed_rate_take(&generation->engine->rate, generation->submitted_ms);
	generation->resumed = false;
	generation->look_ms = generation->submitted_ms;
	log_request(generation);
	err = exchange_send(generation);
	return err ? attempt_not_sent(generation, err) : PHASE_STAY;
}

/* Nothing else has a deadline here: a transfer ends by itself. */
static enum phase is_late(struct generation *generation)
{
	exchange_await(generation);
	return attempt_comes_late(generation);
}

enum phase submit_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_DEADLINE)
		return is_late(generation);
	if (event->kind == EVENT_WAKE)
		exchange_read_again(generation);
	if (event->kind == EVENT_LOOK)
		return answer_follow_look(generation, event->look);
	return event->kind == EVENT_ANSWER ? answer_follow(generation, event) : PHASE_STAY;
}

/* ---- a picture that came with the answer ---- */

enum phase check_enter(struct generation *generation)
{
	progress_stop(generation);
	if (generation->engine->stopping || generation->no_looks || !progress_look(generation, SEED_STAGE_CHECK))
		return PHASE_KEEP;
	return PHASE_STAY;
}

enum phase check_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_WAKE) { /* the stop: the next mount's worker looks at what is kept */
		progress_stop(generation);
		return PHASE_KEEP;
	}
	return event->kind == EVENT_LOOK ? answer_follow_look(generation, event->look) : PHASE_STAY;
}

/* ---- accepted ---- */

enum phase accept_event(struct generation *generation, const struct event *event)
{
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	/* It is paid for, so it goes on in memory, and into the journal as soon as
	 * that can be written. */
	if (event->err) {
		generation_log(generation, SEED_LOG_ERROR "The task id cannot be stored: %s (%s); the "
			       "task goes on", strerror(-event->err), seed_error_name(-event->err));
		generation->mark_code = -event->err; /* said */
		generation_mark_again(generation, event->err);
	}
	if (generation->engine->stopping)
		return PHASE_STAY;
	if (generation->task.image_url)
		return PHASE_FETCH;
	return generation->task.stage == SEED_STAGE_POLL ? answer_poll_later(generation) : PHASE_POLL;
}
