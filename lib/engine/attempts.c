/* What a failure leads to: another try, the retry, the end, or a shelved task. */

#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* A poll is reserved for just before the deadline, whatever pauses were asked for. */
#define LAST_QUESTION_MS 2000
/* From then on each poll comes after half of the time left, but not sooner than this. */
#define LAST_QUESTIONS_APART_MS 200
/* At the deadline, a "running" older than this says nothing about now. */
#define LATELY_MS 3000
/* The longest pause between two polls of a shelved task. */
#define SHELVED_BACKOFF_MAX_MS 60000
/* A task that is still running or unknown after this time will never end. The clock may have been set, or the
 * machine have slept: so it is asked about for a while yet. */
#define TASK_MAX_MS (24 * INT64_C(3600) * 1000)
#define LAST_ASKED_MS (INT64_C(3600) * 1000)
/* If the host of a callback's image does not deliver it, it is asked for this long,
 * because a generation would cost money; a dead URL is asked this often. After that the
 * callback has no image. */
#define ADOPT_MS 30000
#define ADOPT_TRIES 3

void attempt_new_deadline(struct generation *generation)
{
	const int64_t timeout_ms = generation->engine->config.timeout_ms;
	struct seed_error error;

	generation->deadline_ms = seed_clock_now_ms() + timeout_ms;
	seed_error_set(&error, ETIMEDOUT, "no image within %lld s", (long long)(timeout_ms / 1000));
	attempt_trouble(generation, SEED_FAILURE_UNSURE, &error);
	timers_touch(generation);
}

enum phase attempt_requeue(struct generation *generation)
{
	budget_settle(generation, false);
	/* A newer text took the name while this one was being sent: nobody wants
	 * it, and it was not accepted. */
	if (generation->record.superseded)
		return generation_give_up(generation, ECANCELED);
	generation->submitted_ms = 0;
	generation->deadline_ms = INT64_MAX;
	generation_release_slot(generation);
	progress_reset(generation, 0);
	generation_set_step(generation, "queued");
	disk_step(generation, STEP_REQUEUE);
	return PHASE_QUEUED;
}

/* ---- verdicts ---- */

/* Whether another attempt may be made at all. */
static bool may_retry(const struct generation *generation)
{
	/* Another may have been sent, where it was before. */
	if (generation->resumed && generation->record.unsure)
		return false;
	return generation->record.attempt_count < SEED_ATTEMPTS_MAX && !generation->record.superseded &&
	       !generation->no_retry;
}

static void end_attempt(struct generation *generation, const struct seed_error *error)
{
	struct seed_attempt *attempt = attempt_last(generation);

	progress_stop(generation);
	attempt->ended_ms = seed_clock_wall_ms();
	seed_error_keep(&attempt->error, error);
}

static enum phase retry(struct generation *generation, const struct seed_error *error)
{
	struct seed_record *record = &generation->record;
	const struct seed_engine_config *config = &generation->engine->config;

	end_attempt(generation, error);
	if (!may_retry(generation))
		return generation_fail(generation, error);
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
	return attempt_requeue(generation);
}

enum phase attempt_over(struct generation *generation)
{
	struct seed_error error;

	seed_error_recall(&generation->trouble_error, &error);
	return attempt_failed(generation, generation->trouble, &error, -1);
}

enum phase attempt_end(struct generation *generation, const struct seed_error *error)
{
	if (generation->record.attempt_count > 0 && !attempt_begins(generation))
		end_attempt(generation, error);
	return generation_fail(generation, error);
}

static bool asks_for_new_url(const struct generation *generation)
{
	return generation->phase == PHASE_POLL && generation->task.stage == SEED_STAGE_REISSUE;
}

/* The old URL stays, which is another host's: it may work again, whatever the service said, or if
 * it cannot be asked. If it was not answered, it is asked once more; when it said so. */
static int64_t not_reissued(struct generation *generation, enum seed_failure failure, int64_t delay_ms)
{
	if (failure == SEED_FAILURE_GONE)
		return -1;
	/* For a shelved task no pause that was asked for counts (ask_again): it may be a year. */
	if (delay_ms < 0 || generation->shelved)
		delay_ms = 0;
	generation->reissue_ms = attempt_ask_at_ms(generation, seed_clock_now_ms() + delay_ms);
	return -1;
}

/* The phase in which it waits until it asks again. */
static enum phase wait_until(struct generation *generation, int64_t wake_ms)
{
	bool fetches = generation->phase == PHASE_FETCH || generation->phase == PHASE_FETCH_WAIT ||
		       generation->phase == PHASE_VERIFY || asks_for_new_url(generation);

	generation->wake_ms = wake_ms;
	return fetches ? PHASE_FETCH_WAIT : PHASE_POLL_WAIT;
}

static int64_t backoff_ms(struct generation *generation)
{
	int64_t ms;

	if (!generation->shelved)
		return seed_backoff_ms(generation->backoffs++) / 2;
	if (generation->main) /* somebody waits for whichever comes first */
		return seed_backoff_ms(0);
	ms = seed_backoff_ms(generation->backoffs) << (generation->backoffs > 5);
	generation->backoffs++;
	return ms < SHELVED_BACKOFF_MAX_MS ? ms : SHELVED_BACKOFF_MAX_MS;
}

static int64_t before_deadline_ms(const struct generation *generation, int64_t margin_ms)
{
	int64_t most_ms = generation->engine->config.timeout_ms / 4;

	return generation->deadline_ms - (margin_ms < most_ms ? margin_ms : most_ms);
}

static int64_t last_question_ms(const struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;
	int64_t margin_ms = LAST_QUESTION_MS;

	/* All running tasks may have the same deadline, and take turns. */
	if (engine->queries.count)
		margin_ms += engine->active * engine->queries.window_ms / engine->queries.count;
	return before_deadline_ms(generation, margin_ms);
}

bool attempt_was_asked_lately(const struct generation *generation)
{
	return generation->told_ms >= before_deadline_ms(generation, LATELY_MS);
}

int64_t attempt_ask_at_ms(const struct generation *generation, int64_t wanted_ms)
{
	int64_t last = last_question_ms(generation), now = seed_clock_now_ms(), half;

	if (generation->deadline_ms == INT64_MAX)
		return wanted_ms;
	if (wanted_ms <= last)
		return wanted_ms;
	if (now < last)
		return last;
	/* A task that ends in the last moment is not paid for again, if a poll is
	 * nobody else's turn. */
	half = now + (generation->deadline_ms - now) / 2;
	if (half - now < LAST_QUESTIONS_APART_MS ||
	    seed_rate_next_ms(&generation->engine->queries, 0, now) > now)
		return generation->deadline_ms;
	return half;
}

/* Nobody but an administrator can mend it, and who waits is told at the deadline only. */
static void say_what_lacks(struct generation *generation)
{
	const struct seed_kept_error *error = &generation->trouble_error;

	if (generation->shelved || generation->held_code == error->code)
		return;
	generation_log(generation, SEED_LOG_ERROR "%s (%s); kept, tried again until the attempt's "
		       "time is over", seed_error_words(error), seed_error_name(error->code));
	generation->held_code = error->code;
}

static enum phase ask_again(struct generation *generation, enum seed_failure failure,
			    int64_t delay_ms)
{
	if (failure == SEED_FAILURE_LOCAL)
		say_what_lacks(generation);
	if (delay_ms <= 0 || generation->shelved)
		delay_ms = backoff_ms(generation);
	generation->learned = true;
	return wait_until(generation, attempt_ask_at_ms(generation, seed_clock_now_ms() + delay_ms));
}

static enum phase again(struct generation *generation, enum seed_failure failure,
			const struct seed_error *error, int64_t delay_ms)
{
	if (!generation_is_paid(generation)) {
		queue_block(generation, failure, error, delay_ms);
		return attempt_requeue(generation);
	}
	return ask_again(generation, failure, delay_ms);
}

/* Tells the waiters; the task, which is paid for, stays and is asked for again. */
static enum phase shelve(struct generation *generation, enum seed_failure failure,
		   const struct seed_error *error)
{
	const bool submits = generation->phase == PHASE_SUBMIT;

	generation_log(generation, SEED_LOG_ERROR "%s (%s); %s, without another submission", error->message,
		       seed_error_name(error->code), submits ? "the rest is waited for" :
		       "the task is kept and asked for again");
	seed_metrics_failed(&generation->engine->metrics, error->code);
	generation->shelved = generation->no_retry = true;
	generation->deadline_ms = INT64_MAX;
	generation->record.state = SEED_STATE_FAILED;
	seed_error_keep(&generation->record.error, error);
	generation->backoffs = 0;
	generation_release_slot(generation);
	disk_step(generation, STEP_MARK); /* then they are answered: by then the record has the error */
	generation_let_others_on(generation);
	if (submits || (generation->phase == PHASE_FETCH && generation->transfer))
		return PHASE_STAY; /* its picture is coming */
	return wait_until(generation, failure == SEED_FAILURE_REFUSED ? INT64_MAX :
			  seed_clock_now_ms() + backoff_ms(generation));
}

enum phase attempt_comes_late(struct generation *generation)
{
	struct seed_error error;

	seed_error_set(&error, ETIMEDOUT, "no whole answer within %lld s; it has begun to come",
		       (long long)(generation->engine->config.timeout_ms / 1000));
	return shelve(generation, SEED_FAILURE_UNSURE, &error);
}

void attempt_rearm(struct generation *generation)
{
	generation->shelved = false;
	generation->reissue_ms = 0; /* the URL that it had then may have expired */
	generation->record.state = SEED_STATE_GENERATING;
	seed_error_drop(&generation->record.error);
	attempt_new_deadline(generation);
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
	late->asked = generation->asked;
	late->shelved = late->no_retry = true;
	late->record.state = SEED_STATE_FAILED;
	seed_error_keep(&late->record.error, error);
	late->phase = PHASE_POLL_WAIT;
	late->wake_ms = INT64_MAX; /* until its row is durable */
	late->main = generation;
	generation->late = late;
	return late;
}

static enum phase be_late(struct generation *generation, const struct seed_error *error)
{
	struct generation *late = may_retry(generation) ? split(generation, error) : NULL;

	if (!late) {
		cancel_at_service(generation);
		return shelve(generation, SEED_FAILURE_RUNNING, error);
	}
	/* Until the late task's row is durable, this row stays as it is: otherwise a
	 * crash would forget a task that is paid for. */
	generation->deadline_ms = INT64_MAX;
	disk_step(late, STEP_MARK);
	return PHASE_SPLIT;
}

enum phase attempt_split(struct generation *generation, errint_t err)
{
	const struct event give_up = { .kind = EVENT_GIVEN_UP, .code = ECANCELED };
	struct generation *late = generation->late;
	struct seed_error error;

	seed_error_recall(&generation->trouble_error, &error);
	cancel_at_service(generation);
	if (!err) {
		late->wake_ms = seed_clock_now_ms() + backoff_ms(late);
		timers_touch(late);
		return retry(generation, &error);
	}
	generation_part_from_late(late);
	generation->engine->deliver(late, &give_up);
	return shelve(generation, SEED_FAILURE_RUNNING, &error);
}

/* ---- a callback's image: nothing was submitted for it ---- */

static enum phase not_adopted(struct generation *generation, const struct seed_error *error)
{
	struct seed_error none;

	generation->adopting = false;
	generation_log(generation, SEED_LOG_ERROR "The callback's image is not used: %s (%s)",
		       error->message, seed_error_name(error->code));
	/* A private address does not count as a failed image: nothing is spent on it. */
	if (error->code == EPERM)
		return generation_fail(generation, error);
	if (!generation->record.superseded)
		generation_log(generation, SEED_LOG_CALLBACK
			       "No valid image provided, generating new 2K image");
	free(generation->record.image_url);
	generation->record.image_url = NULL;
	seed_task_release(&generation->task);
	generation->deadline_ms = INT64_MAX;
	if (*generation->record.prompt) {
		enum phase next = attempt_requeue(generation);

		/* It is asked for from now on, as if the callback had named no image. */
		generation->asked = ++generation->engine->last_order;
		return next == PHASE_QUEUED ? PHASE_REUSE : next;
	}
	seed_error_set(&none, ENODATA, "the callback has no valid image and no prompt, and this "
		       "name has no prompt");
	return generation_fail(generation, &none);
}

/* How long its host may still be asked. A download under way has until the deadline. */
static int64_t adopt_left_ms(const struct generation *generation)
{
	int64_t timeout_ms = generation->engine->config.timeout_ms;
	int64_t most_ms = timeout_ms < ADOPT_MS ? timeout_ms : ADOPT_MS;

	return generation->deadline_ms - timeout_ms + most_ms - seed_clock_now_ms();
}

static enum phase adoption_failed(struct generation *generation, enum seed_failure failure,
				  const struct seed_error *error, int64_t delay_ms)
{
	bool passing = failure == SEED_FAILURE_NOT_SENT || failure == SEED_FAILURE_BUSY ||
		       failure == SEED_FAILURE_LOCAL || failure == SEED_FAILURE_UNSURE;
	bool dead = failure == SEED_FAILURE_GONE && generation->backoffs + 1 < ADOPT_TRIES;
	int64_t left_ms = adopt_left_ms(generation);

	attempt_trouble(generation, failure, error);
	if ((passing || dead) && left_ms > 0)
		return ask_again(generation, failure, delay_ms < left_ms ? delay_ms : left_ms);
	if (failure == SEED_FAILURE_LOCAL) /* a lack of something here must cost nothing */
		return generation_fail(generation, error);
	return not_adopted(generation, error);
}

/* ---- verdicts ---- */

/* The service was asked to generate, and this is what came of it. */
static void submission_ended(struct generation *generation, enum seed_failure failure,
			     enum seed_verdict verdict)
{
	bool got_through = verdict != SEED_VERDICT_AGAIN &&
			   failure != SEED_FAILURE_NOT_SENT && failure != SEED_FAILURE_BUSY &&
			   failure != SEED_FAILURE_LOCAL;
	bool counts;

	got_through = got_through && generation->phase == PHASE_SUBMIT;
	counts = got_through && failure != SEED_FAILURE_REFUSED;
	generation->was_taken |= counts;
	budget_settle(generation, counts);
	queue_answered(generation, got_through);
}

/* The service still says "running", or the URL is still dead, after a day. */
static bool is_hopeless(struct generation *generation, enum seed_failure failure)
{
	const int64_t now = seed_clock_now_ms();

	if (!generation->shelved || (failure != SEED_FAILURE_RUNNING && failure != SEED_FAILURE_GONE) ||
	    seed_clock_wall_ms() - generation->record.started_ms <= TASK_MAX_MS)
		return false;
	if (!generation->give_up_ms)
		generation->give_up_ms = now + LAST_ASKED_MS;
	return now >= generation->give_up_ms;
}

enum phase attempt_failed(struct generation *generation, enum seed_failure failure,
			  const struct seed_error *cause, int64_t delay_ms)
{
	bool paid = generation_is_paid(generation);
	/* Whoever waited for an answer that came late has been told. */
	bool due = (!paid && generation->shelved) ||
		   seed_clock_now_ms() >= (paid ? generation->deadline_ms : generation->ask_until_ms);
	struct seed_error error = *cause; /* which may be the generation's own */
	enum seed_verdict verdict;

	if (generation->adopting)
		return adoption_failed(generation, failure, &error, delay_ms);
	if (asks_for_new_url(generation))
		delay_ms = not_reissued(generation, failure, delay_ms);
	verdict = seed_failure_verdict(failure, paid, due);
	attempt_trouble(generation, failure, &error);
	if (is_hopeless(generation, failure))
		return generation_fail(generation, &error);
	if (!paid)
		submission_ended(generation, failure, verdict);
	if (!paid && failure == SEED_FAILURE_UNSURE)
		generation->record.unsure = true;
	/* 403 may be about its model, and what a poll is told about its task: others find out for themselves. */
	if (!paid && failure == SEED_FAILURE_REFUSED && error.code == EKEYREJECTED && error.http_status != 403)
		generation->engine->key_refused = generation->engine->key_due = true;
	switch (verdict) {
	case SEED_VERDICT_AGAIN:
		return again(generation, failure, &error, delay_ms);
	case SEED_VERDICT_RETRY:
		return retry(generation, &error);
	case SEED_VERDICT_KEEP:
		return shelve(generation, failure, &error);
	case SEED_VERDICT_LATE:
		return be_late(generation, &error);
	case SEED_VERDICT_END:
		break;
	}
	return attempt_end(generation, &error);
}

/* Like a refused key: it waits for another mount. */
static enum phase is_elsewhere(struct generation *generation)
{
	const char *provider = generation->record.provider;
	struct seed_error error;

	seed_error_set(&error, EIO, "its task is at %.32s: mount with provider=%.32s to get the image",
		       provider, provider);
	return attempt_failed(generation, SEED_FAILURE_REFUSED, &error, -1);
}

enum phase attempt_not_sent(struct generation *generation, errint_t err)
{
	bool lacking = seed_error_is_lack(err);
	struct seed_error error;

	if (err == -EXDEV)
		return is_elsewhere(generation);
	seed_error_set(&error, lacking ? -err : EIO, "cannot send the request: %s", strerror(-err));
	return attempt_failed(generation, lacking ? SEED_FAILURE_LOCAL : SEED_FAILURE_FAILED, &error,
			      -1);
}
