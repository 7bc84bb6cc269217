/* Submissions, and what a failure leads to. */
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* A question is kept for just before the deadline, whatever waits were asked for. */
#define LAST_QUESTION_MS 2000
/* The longest pause between two questions about a task that is shelved. */
#define SHELVED_BACKOFF_MAX_MS 60000
/* A task of which a service says nothing better for so long will never end. */
#define TASK_MAX_MS (24 * INT64_C(3600) * 1000)
/* A callback's image is not paid for: so many tries, and it is none. */
#define ADOPT_TRIES 3

struct seed_attempt *attempt_last(struct generation *generation)
{
	assert(generation->record.attempt_count > 0);
	return &generation->record.attempts[generation->record.attempt_count - 1];
}

bool attempt_begins(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;

	return record->attempt_count == 0 ||
	       record->attempts[record->attempt_count - 1].ended_ms != 0;
}

void attempt_nothing_known(struct generation *generation)
{
	generation->trouble = SEED_FAILURE_UNSURE;
	seed_error_set(&generation->trouble_error, ETIMEDOUT, "no image within %lld s",
		       (long long)(generation->engine->config.timeout_ms / 1000));
}

/* ---- submissions ---- */

static void new_deadline(struct generation *generation)
{
	generation->deadline_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
	timers_touch(generation);
}

/* For so long it may wait for a service that takes nothing. What the attempt
 * itself may take is counted from when its request is sent: else one that waited
 * long for an outage's end would be late, and paid for again, in a moment. */
static void may_ask(struct generation *generation)
{
	generation->ask_until_ms = seed_clock_now_ms() + generation->engine->config.timeout_ms;
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
		generation->engine->metrics.retries++;
	} else {
		generation_log(generation, SEED_LOG_IMAGE "Model: %s | Resolution: %dx%d",
			       record->params.model && record->params.model[0] ? record->params.model :
			       "the server's own", record->params.width, record->params.height);
		record->started_ms = now;
	}
	attempt->steps = record->params.steps;
	attempt->cfg_scale = record->params.cfg_scale;
	attempt->started_ms = now;
	attempt->ended_ms = 0;
	record->state = SEED_STATE_GENERATING;
	may_ask(generation);
	generation->backoffs = generation->redirects = 0;
	generation->reminted = generation->no_looks = false;
	free(generation->fetch_url);
	generation->fetch_url = NULL;
	attempt_nothing_known(generation);
}

static void announce(struct generation *generation)
{
	struct seed_error error;
	errint_t err;

	generation->phase = PHASE_ANNOUNCE;
	seed_task_release(&generation->task);
	err = exchange_prepare(generation);
	if (err) {
		seed_error_set(&error, -err, "cannot build the request: %s", strerror(-err));
		attempt_failed(generation, err == -ENOMEM ? SEED_FAILURE_LOCAL : SEED_FAILURE_FINAL,
			       &error, -1);
		return;
	}
	free(generation->record.task);
	generation->record.task = seed_task_format(&generation->task);
	generation_set_step(generation, "submitting");
	disk_step(generation, STEP_ANNOUNCE);
}

static void fail_over_budget(struct generation *generation)
{
	struct seed_error error;

	queue_answered(generation, false); /* another may ask for all */
	seed_error_set(&error, EDQUOT, "the budget of %lld submissions a day is spent; it begins anew "
		       "at 00:00 UTC", (long long)generation->engine->config.budget);
	attempt_end(generation, &error);
}

void attempt_start(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;

	engine->active++;
	generation->has_slot = true;
	/* Before an attempt exists: it was never made. */
	if (!budget_take(engine, &generation->charged_day)) {
		fail_over_budget(generation);
		return;
	}
	if (attempt_begins(generation))
		new_attempt(generation);
	else if (generation->ask_until_ms == INT64_MAX) /* it was open at the last stop */
		may_ask(generation);
	seed_rate_take(&engine->rate, seed_clock_now_ms());
	if (engine->config.provider->draws) {
		attempt_settle_charge(generation, true);
		new_deadline(generation);
		disk_step(generation, STEP_PROGRESS);
		generation_verify(generation, -1);
	} else {
		announce(generation);
	}
}

void attempt_settle_charge(struct generation *generation, bool counts)
{
	struct seed_engine *engine = generation->engine;
	int64_t day = generation->charged_day;

	if (day < 0)
		return;
	generation->charged_day = -1;
	if (!counts) {
		budget_return(engine, day);
		return;
	}
	engine->metrics.submissions++;
	seed_metrics_spent(&engine->metrics, generation->uid);
}

void attempt_submit(struct generation *generation)
{
	generation_log(generation, SEED_LOG_REQUEST "Sending request … to %s (attempt %d of %d)",
		       generation->engine->config.provider->name,
		       generation->record.attempt_count, SEED_ATTEMPTS_MAX);
	generation->phase = PHASE_SUBMIT;
	new_deadline(generation);
	generation->submitted_ms = seed_clock_now_ms();
	generation->resumed = false;
	generation->look_ms = generation->submitted_ms;
	exchange_send(generation);
}

void attempt_announced(struct generation *generation, errint_t err)
{
	struct seed_error error;

	/* Announced but not sent: the row must not say that it may have been. */
	if (generation->engine->stopping) {
		attempt_requeue(generation);
		return;
	}
	if (!err) {
		attempt_submit(generation);
		return;
	}
	/* Nothing is sent that could be lost: without a journal, no submission. */
	seed_error_set(&error, -err, "the journal cannot be written: %s", strerror(-err));
	attempt_failed(generation, err == -ENOMEM ? SEED_FAILURE_LOCAL : SEED_FAILURE_FINAL, &error,
		       -1);
}

void attempt_requeue(struct generation *generation)
{
	attempt_settle_charge(generation, false);
	/* A newer text took the name while it was being asked for: nobody wants
	 * what was not accepted. */
	if (generation->superseded) {
		generation_abandon(generation, ECANCELED);
		return;
	}
	generation->submitted_ms = 0;
	generation->deadline_ms = INT64_MAX;
	generation_release_slot(generation);
	progress_reset(generation, 0);
	generation_set_step(generation, "queued");
	disk_step(generation, STEP_REQUEUE);
	queue_add(generation, true);
}

/* ---- verdicts ---- */

static bool is_paid(const struct generation *generation)
{
	return generation->phase >= PHASE_CHECK;
}

/* Whether another attempt may be made at all. */
static bool may_retry(const struct generation *generation)
{
	return generation->record.attempt_count < SEED_ATTEMPTS_MAX && !generation->superseded &&
	       !generation->no_retry;
}

static void end_attempt(struct generation *generation, const struct seed_error *error)
{
	struct seed_attempt *attempt = attempt_last(generation);

	progress_stop(generation);
	attempt->ended_ms = seed_clock_wall_ms();
	attempt->error = *error;
	if (generation->source_fd >= 0)
		close(generation->source_fd);
	generation->source_fd = -1;
	seed_buf_release(&generation->bytes);
}

static void retry(struct generation *generation, const struct seed_error *error)
{
	struct seed_record *record = &generation->record;
	const struct seed_engine_config *config = &generation->engine->config;

	end_attempt(generation, error);
	if (!may_retry(generation)) {
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
	/* The journal's row says at once that this attempt is over, so that a
	 * restart does not take up its task again. */
	attempt_requeue(generation);
}

void attempt_end(struct generation *generation, const struct seed_error *error)
{
	if (generation->record.attempt_count > 0 && !attempt_begins(generation))
		end_attempt(generation, error);
	generation_fail(generation, error);
}

static void wait_until(struct generation *generation, int64_t wake_ms)
{
	if (generation->phase == PHASE_FETCH || generation->phase == PHASE_FETCH_WAIT)
		generation->phase = PHASE_FETCH_WAIT;
	else
		generation->phase = PHASE_POLL_WAIT;
	generation->wake_ms = wake_ms;
	timers_touch(generation);
}

static int64_t backoff_ms(struct generation *generation)
{
	int64_t ms;

	if (!generation->shelved)
		return seed_backoff_ms(generation->backoffs++) / 2;
	ms = seed_backoff_ms(generation->backoffs) << (generation->backoffs > 5);
	generation->backoffs++;
	return ms < SHELVED_BACKOFF_MAX_MS ? ms : SHELVED_BACKOFF_MAX_MS;
}

int64_t attempt_ask_at_ms(const struct generation *generation, int64_t wanted_ms)
{
	int64_t margin = generation->engine->config.timeout_ms / 4, last;

	if (generation->deadline_ms == INT64_MAX)
		return wanted_ms;
	last = generation->deadline_ms - (LAST_QUESTION_MS < margin ? LAST_QUESTION_MS : margin);
	if (wanted_ms <= last)
		return wanted_ms;
	return seed_clock_now_ms() < last ? last : generation->deadline_ms;
}

static void ask_again(struct generation *generation, int64_t delay_ms)
{
	if (delay_ms <= 0 || generation->shelved)
		delay_ms = backoff_ms(generation);
	wait_until(generation, attempt_ask_at_ms(generation, seed_clock_now_ms() + delay_ms));
}

static void again(struct generation *generation, enum seed_failure failure,
		  const struct seed_error *error, int64_t delay_ms)
{
	if (!is_paid(generation)) {
		queue_block(generation, failure, error, delay_ms);
		attempt_requeue(generation);
	} else if (generation->phase == PHASE_VERIFY) {
		generation_hold(generation, error->code, error->message);
	} else {
		ask_again(generation, delay_ms);
	}
}

/* The waiters are told; what is paid for stays, and is asked for again. */
static void shelve(struct generation *generation, enum seed_failure failure,
		   const struct seed_error *error)
{
	generation_log(generation, SEED_LOG_ERROR "%s (%s); the task is kept and asked for again, "
		       "without another submission", error->message, seed_error_name(error->code));
	seed_metrics_failed(&generation->engine->metrics, error->code);
	generation->shelved = generation->no_retry = true;
	generation->deadline_ms = INT64_MAX;
	generation->record.state = SEED_STATE_FAILED;
	generation->record.error = *error;
	generation->backoffs = 0;
	generation_release_slot(generation);
	generation_answer(generation, error->code);
	wait_until(generation, failure == SEED_FAILURE_REFUSED ? INT64_MAX :
		   seed_clock_now_ms() + backoff_ms(generation));
	disk_step(generation, STEP_MARK);
	generation_rerun_callbacks(generation);
}

void attempt_wake(struct generation *generation)
{
	generation->wake_ms = 0;
	timers_touch(generation);
}

void attempt_rearm(struct generation *generation)
{
	generation->shelved = false;
	generation->record.state = SEED_STATE_GENERATING;
	generation->record.error = (struct seed_error){ 0 };
	new_deadline(generation);
	attempt_nothing_known(generation);
	generation->backoffs = 0;
	if (generation->phase == PHASE_POLL_WAIT || generation->phase == PHASE_FETCH_WAIT)
		attempt_wake(generation);
	disk_step(generation, STEP_MARK);
}

/* The late task goes on as a generation of its own. */
static struct generation *split(struct generation *generation, const struct seed_error *error)
{
	struct seed_engine *engine = generation->engine;
	char id[SEED_STORE_ID_BYTES];
	struct seed_record record;
	struct seed_task task = { 0 };
	struct generation *late = NULL;

	seed_store_new_id(engine->store, id);
	if (seed_record_copy(&record, &generation->record) == 0 &&
	    seed_record_set(&record.id, id) == 0 && seed_task_copy(&task, &generation->task) == 0)
		late = generation_new(engine, &record, false);
	seed_record_release(&record);
	if (!late) {
		seed_task_release(&task);
		return NULL;
	}
	late->task = task;
	late->submitted_ms = generation->submitted_ms;
	late->uid = generation->uid;
	late->shelved = late->no_retry = true;
	late->record.state = SEED_STATE_FAILED;
	late->record.error = *error;
	late->phase = PHASE_POLL_WAIT;
	late->wake_ms = INT64_MAX; /* until its row is durable */
	late->main = generation;
	generation->late = late;
	return late;
}

static void be_late(struct generation *generation, const struct seed_error *error)
{
	struct generation *late = may_retry(generation) ? split(generation, error) : NULL;

	if (!late) {
		cancel_at_service(generation);
		shelve(generation, SEED_FAILURE_RUNNING, error);
		return;
	}
	/* Until the late one's row is durable this one's stays as it is: else a
	 * crash would forget a task that is paid for. */
	generation->splitting = true;
	generation->deadline_ms = INT64_MAX;
	wait_until(generation, INT64_MAX);
	disk_step(late, STEP_MARK);
}

void attempt_split_done(struct generation *late, errint_t err)
{
	struct generation *generation = late->main;
	struct seed_error error = generation->trouble_error;

	generation->splitting = false;
	cancel_at_service(generation);
	if (!err) {
		wait_until(late, seed_clock_now_ms() + backoff_ms(late));
		retry(generation, &error);
		return;
	}
	generation->late = late->main = NULL;
	generation_abandon(late, ECANCELED);
	shelve(generation, SEED_FAILURE_RUNNING, &error);
}

/* A callback's image: nothing was submitted for it. */
static void adoption_failed(struct generation *generation, enum seed_failure failure,
			    const struct seed_error *error)
{
	bool may_come = failure == SEED_FAILURE_NOT_SENT || failure == SEED_FAILURE_BUSY ||
			failure == SEED_FAILURE_LOCAL || failure == SEED_FAILURE_UNSURE;

	if (may_come && generation->phase == PHASE_VERIFY)
		generation_hold(generation, error->code, error->message);
	else if (may_come && generation->backoffs + 1 < ADOPT_TRIES &&
		 seed_clock_now_ms() < generation->deadline_ms)
		ask_again(generation, -1);
	else
		callback_not_adopted(generation, error);
}

/* The service was asked to generate, and this is what came of it. */
static void submission_ended(struct generation *generation, enum seed_failure failure,
			     enum seed_verdict verdict)
{
	bool got_through = verdict != SEED_VERDICT_AGAIN &&
			   failure != SEED_FAILURE_NOT_SENT && failure != SEED_FAILURE_BUSY &&
			   failure != SEED_FAILURE_LOCAL;

	attempt_settle_charge(generation, got_through && generation->phase == PHASE_SUBMIT &&
					  failure != SEED_FAILURE_REFUSED);
	queue_answered(generation, got_through && generation->phase == PHASE_SUBMIT);
}

void attempt_failed(struct generation *generation, enum seed_failure failure,
		    const struct seed_error *cause, int64_t delay_ms)
{
	bool paid = is_paid(generation);
	bool due = seed_clock_now_ms() >= (paid ? generation->deadline_ms : generation->ask_until_ms);
	struct seed_error error = *cause; /* which may be the generation's own */
	enum seed_verdict verdict;

	if (generation->adopting) {
		adoption_failed(generation, failure, &error);
		return;
	}
	verdict = seed_failure_verdict(failure, paid, due);
	generation->trouble = failure;
	generation->trouble_error = error;
	if (!paid)
		submission_ended(generation, failure, verdict);
	if (!paid && failure == SEED_FAILURE_UNSURE)
		generation->record.unsure = true;
	if (failure == SEED_FAILURE_REFUSED && error.code == EKEYREJECTED)
		generation->engine->key_refused = generation->engine->key_due = true;
	switch (verdict) {
	case SEED_VERDICT_AGAIN:
		again(generation, failure, &error, delay_ms);
		break;
	case SEED_VERDICT_RETRY:
		retry(generation, &error);
		break;
	case SEED_VERDICT_END:
		attempt_end(generation, &error);
		break;
	case SEED_VERDICT_KEEP:
		shelve(generation, failure, &error);
		break;
	case SEED_VERDICT_LATE:
		be_late(generation, &error);
		break;
	}
}

/* ---- time ---- */

/* A step that lacked something has its waiters told; it goes on being tried. */
static void hold_is_due(struct generation *generation)
{
	generation->deadline_ms = INT64_MAX;
	generation_release_slot(generation);
	generation_answer(generation, generation->held_code);
}

static bool over_deadline(struct generation *generation, int64_t now)
{
	if (now < generation->deadline_ms)
		return false;
	if (generation->phase == PHASE_HOLD)
		hold_is_due(generation);
	else if (generation->phase == PHASE_POLL_WAIT || generation->phase == PHASE_FETCH_WAIT)
		attempt_failed(generation, generation->trouble, &generation->trouble_error, -1);
	else
		return false; /* a transfer ends by itself then; queue.c looks after its own */
	return true;
}

/* Still running, or its URL still dead, after a day, as the service says. */
static bool is_hopeless(const struct generation *generation)
{
	return generation->shelved &&
	       (generation->trouble == SEED_FAILURE_RUNNING ||
		generation->trouble == SEED_FAILURE_GONE) &&
	       seed_clock_wall_ms() - generation->record.started_ms > TASK_MAX_MS;
}

static void poll_now(struct generation *generation, int64_t now)
{
	struct seed_rate *queries = &generation->engine->queries;
	int64_t at = seed_rate_next_ms(queries, now);

	if (at > now) {
		generation->wake_ms = at;
	} else {
		seed_rate_take(queries, now);
		exchange_send(generation);
	}
}

static void wake(struct generation *generation, int64_t now)
{
	if (generation->phase != PHASE_HOLD && is_hopeless(generation)) {
		generation_fail(generation, &generation->trouble_error);
	} else if (generation->phase == PHASE_POLL_WAIT) {
		poll_now(generation, now);
	} else if (generation->phase == PHASE_FETCH_WAIT) {
		exchange_fetch(generation);
	} else if (generation->phase == PHASE_HOLD) {
		generation->phase = generation->held;
		if (generation->phase == PHASE_VERIFY)
			generation_verify(generation, generation->source_fd);
		else
			disk_step(generation, generation->phase == PHASE_BEGIN ? STEP_BEGIN :
					      generation->phase == PHASE_KEEP ? STEP_KEEP : STEP_FINISH);
	}
}

static bool has_timer(const struct generation *generation)
{
	return generation->phase == PHASE_POLL_WAIT || generation->phase == PHASE_FETCH_WAIT ||
	       generation->phase == PHASE_HOLD;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t generation_turn(struct generation *generation, int64_t now)
{
	int64_t at = INT64_MAX;

	if (generation->mark_ms && now >= generation->mark_ms) {
		generation->mark_ms = 0;
		disk_step(generation, generation->dead ? STEP_DROP : STEP_MARK);
	}
	if (generation->mark_ms)
		at = generation->mark_ms;
	if (generation->dead)
		return at;
	if (over_deadline(generation, now))
		return now;
	if (has_timer(generation) && now >= generation->wake_ms)
		wake(generation, now);
	if (has_timer(generation))
		at = earlier(at, generation->wake_ms);
	if (generation->deadline_ms > now)
		at = earlier(at, generation->deadline_ms);
	return earlier(at, progress_turn(generation, now));
}

int64_t generations_turn(struct seed_engine *engine, int64_t now)
{
	struct generation *generation;
	int64_t at;

	if (engine->stopping)
		return INT64_MAX;
	(void)queue_turn(engine, now);
	while ((generation = timers_due(engine, now)) != NULL)
		timers_set(generation, generation_turn(generation, now));
	/* What happened above may have freed a slot or joined the queue, and
	 * what starts there has timers of its own. */
	at = queue_turn(engine, now);
	return earlier(at, timers_next_ms(engine));
}
