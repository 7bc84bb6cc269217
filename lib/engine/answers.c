/* What an answer to the submission, to a poll or to a look means. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* A task is lost if looks, with polls in between, do not find it for this long. */
#define UNKNOWN_MS 10000

static bool is_submit(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT;
}

/* ---- failures ---- */

/* 429 and the like; for a poll, any answer that says nothing about the task. */
static enum phase backed_off(struct generation *generation, const struct seed_net_answer *answer,
		       const struct seed_step *step)
{
	struct seed_error error;

	seed_error_set(&error, ETIMEDOUT, "no image within %lld s: the service answers HTTP %ld%s",
		       (long long)(generation->engine->config.timeout_ms / 1000), answer->status,
		       step->misdirected ? ", for another task" : "");
	error.http_status = (int)answer->status;
	if (is_submit(generation))
		generation->engine->metrics.rate_limited++;
	return attempt_failed(generation, SEED_FAILURE_BUSY, &error, step->retry_after_ms);
}

static enum seed_failure failure_of(const struct generation *generation,
				    const struct seed_step *step)
{
	if (step->refused)
		return SEED_FAILURE_REFUSED;
	if (step->error.final)
		return SEED_FAILURE_FINAL;
	if (step->error.code == ENOMEM) /* it left, and its answer could not be read */
		return is_submit(generation) ? SEED_FAILURE_FINAL : SEED_FAILURE_LOCAL;
	return SEED_FAILURE_FAILED;
}

/* The URL was refused, and the service has no other: it may work again later. */
static bool is_reissue(const struct generation *generation)
{
	return generation->task.stage == SEED_STAGE_REISSUE;
}

static enum phase step_failed(struct generation *generation, struct seed_step *step)
{
	exchange_scrub(generation, &step->error);
	if (step->refused_url)
		generation_keep_url(generation, step->refused_url);
	if (step->withdraw)
		cancel_at_service(generation);
	/* A key that is refused, or credits, say nothing about the URL: another key may get one. */
	if (is_reissue(generation))
		return attempt_failed(generation, step->refused ? SEED_FAILURE_BUSY : SEED_FAILURE_GONE,
				      &step->error, -1);
	return attempt_failed(generation, failure_of(generation, step), &step->error, -1);
}

/* Some services know a task a moment after they have accepted it; and one that has said that it is running does not
 * forget it at once: what stands before a service may say so for a moment. */
static enum phase not_known(struct generation *generation, const struct seed_net_answer *answer)
{
	const int64_t now = seed_clock_now_ms();
	bool was_running;
	struct seed_error error;

	if (!generation->lost_ms)
		generation->lost_ms = now;
	was_running = generation->told_ms >= generation->submitted_ms && now - generation->lost_ms < UNKNOWN_MS && !is_reissue(generation);
	seed_error_set(&error, EIO, "the service does not know the task (HTTP %ld)", answer->status);
	error.http_status = (int)answer->status;
	return attempt_failed(generation, !was_running ? SEED_FAILURE_GONE : attempt_was_asked_lately(generation) ?
			      SEED_FAILURE_RUNNING : SEED_FAILURE_UNSURE, &error, -1);
}

/* Its answer is lost, and we chose its id: it is asked for, as after a restart (rows.c). What the server never had
 * fails when the looks have not found it; what ends at the deadline is not looked for any more. */
static bool may_be_there(struct generation *generation, const struct seed_net_answer *answer)
{
	return is_submit(generation) && answer->sent && generation->task.id &&
	       seed_clock_now_ms() + UNKNOWN_MS < generation->deadline_ms && exchange_can(generation, SEED_STAGE_POLL);
}

static enum phase look_for_it(struct generation *generation, const struct seed_error *why)
{
	generation_log(generation, SEED_LOG_REQUEST "The answer is lost (%s): the task is asked for by its id",
		       why->message);
	generation->was_taken = true;
	budget_settle(generation, true);
	queue_answered(generation, false);
	generation->backoffs = 0;
	generation_set_step(generation, "accepted");
	return PHASE_ACCEPT;
}

static enum phase transport_failed(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_error *error = &answer->error;
	char cause[SEED_MESSAGE_MAX_BYTES / 2];

	exchange_scrub(generation, error);
	snprintf(cause, sizeof(cause), "%.239s", error->message);
	/* The service's, not the prompt's, which is what EFBIG says at a close. */
	if (error->code == EFBIG && !answer->local)
		error->code = EIO;
	if (error->code == ETIMEDOUT && answer->sent && seed_clock_now_ms() >= generation->deadline_ms)
		seed_error_set(error, ETIMEDOUT, "no answer within %lld s",
			       (long long)(generation->engine->config.timeout_ms / 1000));
	if (may_be_there(generation, answer))
		return look_for_it(generation, error);
	/* A lack of something here must not make us pay twice, even if nobody
	 * can know any more what was accepted; nor what came late, as whoever waited was told. */
	if (is_submit(generation) && answer->sent && (answer->local || generation->no_retry)) {
		seed_error_set(error, error->code, "the answer %s (%s): the request may have "
			       "been accepted (and paid) and is not repeated; write the prompt again to "
			       "generate it", answer->local ? "was lost here" : "came late and broke off",
			       error->code == EIO || !answer->local ? cause : strerror(error->code));
		return attempt_failed(generation, SEED_FAILURE_FINAL, error, -1);
	}
	/* The service named a URL that leads to a forbidden address. */
	return attempt_failed(generation, error->code == EPERM ? SEED_FAILURE_FAILED :
			      exchange_failure(answer), error, -1);
}

/* ---- what is no failure ---- */

static enum phase accepted(struct generation *generation, const struct seed_step *step)
{
	generation->record.queue_position = step->queue_position;
	generation->backoffs = 0;
	generation_set_step(generation, "accepted");
	return PHASE_ACCEPT;
}

enum phase answer_poll_later(struct generation *generation)
{
	int64_t age = seed_clock_now_ms() - generation->submitted_ms;

	/* Even if everything that was learned took longer than this attempt may. */
	generation->wake_ms = attempt_ask_at_ms(generation, generation->submitted_ms +
			      seed_schedule_next_ms(&generation->engine->durations, age));
	return PHASE_POLL_WAIT;
}

static enum phase still_running(struct generation *generation, const struct seed_step *step)
{
	struct seed_error error;

	generation->told_ms = seed_clock_now_ms();
	seed_error_set(&error, ETIMEDOUT, "no image within %lld s",
		       (long long)(generation->engine->config.timeout_ms / 1000));
	attempt_trouble(generation, SEED_FAILURE_RUNNING, &error);
	if (generation->shelved)
		return attempt_failed(generation, SEED_FAILURE_RUNNING, &error, -1);
	generation->backoffs = 0;
	if (generation->no_looks) /* else those tell it */
		progress_note(generation, step);
	return answer_poll_later(generation);
}

/* The duration of a task is known as precisely as it was polled: it ended between two
 * answers. If a refused poll delayed the answer, nothing is learned, nor from the
 * task's next picture or URL. */
static void learn_duration(struct generation *generation)
{
	int64_t now = seed_clock_now_ms(), before = generation->submitted_ms;

	if (!before || generation->learned || generation->resumed || generation->shelved)
		return;
	generation->learned = true;
	if (is_submit(generation))
		before = now;
	else if (generation->told_ms > before)
		before = generation->told_ms;
	seed_durations_add(&generation->engine->durations,
			   before + (now - before) / 2 - generation->submitted_ms);
}

static enum phase fetch_first(struct generation *generation)
{
	free(generation->fetch_url);
	generation->fetch_url = NULL;
	generation->redirects = 0;
	return PHASE_FETCH;
}

static void take_bytes(struct generation *generation, struct seed_net_answer *answer, struct seed_step *step)
{
	generation->room = seed_net_keep_room(answer);
	generation->bytes = step->bytes;
	seed_buf_init(&step->bytes, SEED_ANSWER_MAX_BYTES);
}

/* An answer to the submission that is no failure: it is paid for from here on. */
static void got_through(struct generation *generation)
{
	generation->was_taken = true;
	budget_settle(generation, true);
	queue_answered(generation, true);
}

/* ---- the answer ---- */

static enum phase follow_submission(struct generation *generation,
				    struct seed_net_answer *answer, struct seed_step *step)
{
	if (step->kind == SEED_STEP_FAIL)
		return step_failed(generation, step);
	if (step->kind == SEED_STEP_BACKOFF)
		return backed_off(generation, answer, step);
	got_through(generation);
	if (step->kind == SEED_STEP_BYTES || step->kind == SEED_STEP_URL)
		learn_duration(generation);
	if (step->kind == SEED_STEP_UNKNOWN)
		return not_known(generation, answer);
	if (step->kind != SEED_STEP_BYTES)
		return accepted(generation, step);
	take_bytes(generation, answer, step);
	return PHASE_CHECK;
}

static enum phase follow_poll(struct generation *generation, struct seed_net_answer *answer,
			      struct seed_step *step)
{
	if (step->kind == SEED_STEP_BYTES || step->kind == SEED_STEP_URL)
		learn_duration(generation);
	if (step->kind != SEED_STEP_UNKNOWN)
		generation->lost_ms = 0;
	switch (step->kind) {
	case SEED_STEP_FAIL:
		return step_failed(generation, step);
	case SEED_STEP_WAIT:
		return still_running(generation, step);
	case SEED_STEP_NEXT:
		return PHASE_POLL;
	case SEED_STEP_BACKOFF:
		return backed_off(generation, answer, step);
	case SEED_STEP_URL:
		return fetch_first(generation);
	case SEED_STEP_BYTES:
		take_bytes(generation, answer, step);
		return PHASE_KEEP;
	case SEED_STEP_UNKNOWN:
		return not_known(generation, answer);
	case SEED_STEP_DONE: /* of looks and cancels */
		break;
	}
	return PHASE_STAY;
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

/* It is paid for, or refused for good. Whatever else seems to be said may be for what is missing. */
static bool is_clear(const struct seed_step *step)
{
	return step->kind == SEED_STEP_FAIL ? step->refused : step->kind != SEED_STEP_BACKOFF;
}

/* False: memory was lacking, and it is read again, with the task as it was before. */
static bool read_submission(struct generation *generation, struct seed_net_answer *answer, struct seed_step *step)
{
	struct seed_task task;

	if (seed_task_copy(&task, &generation->task)) {
		seed_step_init(step);
		step->kind = SEED_STEP_FAIL;
		seed_error_set(&step->error, ENOMEM, "no memory for the answer");
		return !exchange_read_later(generation, answer);
	}
	exchange_read(generation->engine, generation->record.params, &task, answer, step);
	if (exchange_lacked_memory(generation, step) && exchange_read_later(generation, answer)) {
		seed_task_release(&task);
		seed_step_release(step);
		return false;
	}
	seed_task_release(&generation->task);
	generation->task = task;
	return true;
}

/* What came is read, unless that was done; false: it is done later. */
static bool read_answer(struct generation *generation, const struct event *event, struct seed_step *step)
{
	if (event->read) {
		*step = *event->read;
		seed_step_init(event->read);
		return true;
	}
	if (is_submit(generation))
		return read_submission(generation, event->answer, step);
	exchange_read(generation->engine, generation->record.params, &generation->task, event->answer, step);
	return true;
}

enum phase answer_follow(struct generation *generation, const struct event *event)
{
	struct seed_net_answer *answer = event->answer;
	struct seed_step step;
	enum phase next;

	if (answer->error.code && !(is_submit(generation) && answer->len))
		return transport_failed(generation, answer);
	if (!read_answer(generation, event, &step))
		return PHASE_STAY;
	/* An answer to a submission may have broken off behind all that it had to say. */
	if (answer->error.code && !is_clear(&step)) {
		answer->local |= exchange_lacked_memory(generation, &step);
		seed_step_release(&step);
		return transport_failed(generation, answer);
	}
	answer->shut = step.misdirected || step.unnamed;
	if (step.misdirected)
		generation_log(generation, SEED_LOG_ERROR "The service answered for another task: its "
			       "connection is not used any more, and this one's is asked for again");
	if (step.cost >= 0)
		generation->record.cost = step.cost;
	if (is_submit(generation)) {
		log_status(generation, answer, &step);
		next = follow_submission(generation, answer, &step);
	} else {
		next = follow_poll(generation, answer, &step);
	}
	seed_step_release(&step);
	return next;
}

/* ---- looks ---- */

static enum phase look_failed(struct generation *generation, struct seed_error *error)
{
	exchange_scrub(generation, error);
	exchange_stop(generation);
	return attempt_failed(generation, SEED_FAILURE_FAILED, error, -1);
}

/* Each poll after such a look has its chance to find the task ended. */
static enum phase look_not_known(struct generation *generation)
{
	int64_t now = seed_clock_now_ms();
	struct seed_error error;

	if (generation->phase != PHASE_POLL_WAIT)
		return PHASE_STAY;
	if (!generation->unknown_ms)
		generation->unknown_ms = now;
	if (now - generation->unknown_ms < UNKNOWN_MS) {
		attempt_wake(generation);
		return PHASE_STAY;
	}
	seed_error_set(&error, EIO, "the service does not know the task any more; it may have been "
		       "restarted");
	return look_failed(generation, &error);
}

enum phase answer_follow_look(struct generation *generation, struct seed_step *step)
{
	/* A look that takes another request. */
	if (step->kind == SEED_STEP_NEXT) {
		if (step->progress >= 0)
			progress_note(generation, step);
		if (progress_look(generation, generation->look_stage))
			return PHASE_STAY;
	}
	if (step->kind != SEED_STEP_UNKNOWN)
		generation->unknown_ms = 0;
	if (step->kind == SEED_STEP_FAIL)
		return look_failed(generation, &step->error);
	if (step->kind == SEED_STEP_DONE)
		progress_cannot_look(generation, &step->error);
	if (generation->phase == PHASE_CHECK)
		return PHASE_KEEP;
	if (step->kind == SEED_STEP_UNKNOWN)
		return look_not_known(generation);
	progress_note(generation, step);
	return PHASE_STAY;
}
