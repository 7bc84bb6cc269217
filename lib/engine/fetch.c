/* The picture's bytes: kept from an answer, or downloaded. */
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/url.h"
#include "lib/engine/internal.h"

enum phase keep_event(struct generation *generation, const struct event *event)
{
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err)
		return generation_hold(generation, -event->err, "The answer cannot be stored");
	return PHASE_VERIFY;
}

/* Its time is counted from when it is its turn. */
static enum phase adopt_or_wait(struct generation *generation)
{
	if (!adoption_begin(generation)) {
		generation->wake_ms = INT64_MAX;
		return PHASE_STAY;
	}
	if (generation->deadline_ms == INT64_MAX) {
		attempt_new_deadline(generation);
		generation->record.state = SEED_STATE_GENERATING;
	}
	return PHASE_FETCH;
}

enum phase fetch_wait_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_DEADLINE)
		return attempt_over(generation);
	if (event->kind != EVENT_WAKE)
		return PHASE_STAY;
	if (generation->adopting)
		return adopt_or_wait(generation);
	return PHASE_FETCH;
}

enum phase fetch_enter(struct generation *generation)
{
	const char *url = generation->fetch_url ? generation->fetch_url : generation->task.image_url;
	struct seed_error error;
	errint_t err;

	err = seed_url_check(url);
	if (err == -ENOMEM)
		return attempt_not_sent(generation, err);
	if (err) {
		seed_error_set(&error, EIO, "the image's URL is not an http or https URL");
		return attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
	}
	if (exchange_is_guarded(generation) && seed_url_host_is_private(url)) {
		seed_error_set(&error, EPERM, "image download refused: the URL leads to a loopback, "
			       "private or link-local address");
		generation_keep_url(generation, url);
		return attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
	}
	generation->engine->metrics.downloads++;
	err = exchange_download(generation, url);
	return err ? attempt_not_sent(generation, err) : PHASE_STAY;
}

/* A URL that was reissued lives for 20 minutes (kie.ai). One of a task that is kept may have expired again. */
#define REISSUE_AGAIN_MS 60000

static bool is_due_again(const struct generation *generation, int64_t now)
{
	const int64_t again_ms = seed_clock_limit(REISSUE_AGAIN_MS, "SEED_REISSUE_AGAIN_MS");

	return generation->shelved && generation->reissued_ms && now - generation->reissued_ms >= again_ms;
}

/* The URL is refused: it may have expired, which stores say by 403, or by 400 (a signature of Google's,
 * "ExpiredToken" of S3). If the service can reissue it, that is tried before the attempt counts as failed. */
static bool ask_for_new_url(struct generation *generation)
{
	const int64_t now = seed_clock_now_ms();

	if (generation->adopting || (now < generation->reissue_ms && !is_due_again(generation, now)))
		return false;
	generation->reissue_ms = INT64_MAX;
	if (!exchange_can(generation, SEED_STAGE_REISSUE))
		return false;
	generation->reissued_ms = now;
	generation_log(generation, SEED_LOG_IMAGE "Image URL refused: asking for a new one");
	return true;
}

/* What says nothing about the picture: it is not ready, or not all of it came (any success but 200;
 * 409, 423, 425), the request was not served (408, 421, 429), or the host fails. */
static bool is_passing(long status)
{
	static const long passing[] = { 408, 409, 421, 423, 425, 429 };

	for (size_t i = 0; i < SEED_ARRAY_LEN(passing); i++)
		if (status == passing[i])
			return true;
	return status >= 500 || (status > 200 && status < 300);
}

/* Whether there is a new URL has been asked, and not been answered yet. */
static bool may_be_reissued(const struct generation *generation)
{
	return generation->reissue_ms && generation->reissue_ms != INT64_MAX;
}

/* Redirects are followed anew each time: where they lead may change. */
static void forget_redirects(struct generation *generation)
{
	free(generation->fetch_url);
	generation->fetch_url = NULL;
	generation->redirects = 0;
}

static enum phase not_ok(struct generation *generation, const struct seed_net_answer *answer)
{
	/* What is kept is asked for again, however it is refused: its URL will be reissued. */
	bool gone = answer->status == 403 || answer->status == 404 || answer->status == 410 ||
		    (generation->shelved && generation->reissued_ms);
	struct seed_error error;

	forget_redirects(generation);
	seed_error_set(&error, EIO, "the image's URL answers HTTP %ld", answer->status);
	error.http_status = (int)answer->status;
	if (is_passing(answer->status))
		return attempt_failed(generation, SEED_FAILURE_BUSY, &error, answer->retry_after_ms);
	if (ask_for_new_url(generation))
		return PHASE_POLL;
	return attempt_failed(generation, may_be_reissued(generation) ? SEED_FAILURE_BUSY :
			      gone ? SEED_FAILURE_GONE : SEED_FAILURE_FAILED, &error, -1);
}

static enum phase follow_redirect(struct generation *generation, const char *target)
{
	struct seed_error error;

	free(generation->fetch_url);
	generation->fetch_url = strdup(target);
	if (!generation->fetch_url)
		return attempt_not_sent(generation, -ENOMEM);
	if (++generation->redirects <= SEED_REDIRECTS_MAX)
		return PHASE_FETCH;
	seed_error_set(&error, EIO, "the image's URL is redirected more than %d times",
		       SEED_REDIRECTS_MAX);
	return attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
}

static enum phase broken(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_error *error = &answer->error;
	char cause[SEED_MESSAGE_MAX_BYTES];

	exchange_scrub(generation, error);
	snprintf(cause, sizeof(cause), "%s", error->message);
	forget_redirects(generation);
	if (error->code == EFBIG && !answer->local) {
		seed_error_set(error, EBADMSG, "image not valid: %.400s", cause);
		return attempt_failed(generation, SEED_FAILURE_FAILED, error, -1);
	}
	seed_error_set(error, error->code, "image download: %.400s", cause);
	return attempt_failed(generation, error->code == EPERM ? SEED_FAILURE_FAILED :
			      answer->local ? SEED_FAILURE_LOCAL : exchange_failure(answer), error, -1);
}

static enum phase take_picture(struct generation *generation, struct seed_net_answer *answer)
{
	off_t size = lseek(answer->memfd, 0, SEEK_END); /* the worker reads by offset */

	if (size > 0)
		generation->engine->metrics.download_bytes += (uint64_t)size;
	generation->source_fd = answer->memfd;
	answer->memfd = -1;
	generation->room = seed_net_keep_room(answer);
	return PHASE_VERIFY;
}

/* What has begun to come goes on coming, for a task that is kept (attempts.c). */
static enum phase is_late(struct generation *generation)
{
	struct seed_error error;

	if (!generation->transfer || !seed_net_is_coming(generation->transfer)) {
		exchange_stop(generation);
		forget_redirects(generation);
	}
	seed_error_set(&error, ETIMEDOUT, "image download: not whole within %lld s",
		       (long long)(generation->engine->config.timeout_ms / 1000));
	return attempt_failed(generation, SEED_FAILURE_UNSURE, &error, -1);
}

enum phase fetch_event(struct generation *generation, const struct event *event)
{
	struct seed_net_answer *answer = event->answer;

	if (event->kind == EVENT_DEADLINE)
		return is_late(generation);
	if (event->kind != EVENT_ANSWER)
		return PHASE_STAY;
	if (answer->error.code)
		return broken(generation, answer);
	if (answer->redirect)
		return follow_redirect(generation, answer->redirect);
	return answer->status == 200 ? take_picture(generation, answer) :
				       not_ok(generation, answer);
}
