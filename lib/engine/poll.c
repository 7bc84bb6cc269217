/* A task that the service is working on. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* If the service limits polls, each task takes its place behind the others, so that
 * with many tasks each has its turn. */
static enum phase poll_in_turn(struct generation *generation)
{
	struct seed_rate *queries = &generation->engine->queries;
	int64_t now = seed_clock_now_ms();

	if (!generation->turn_ms) {
		generation->turn_ms = seed_rate_next_ms(queries, 0, now);
		seed_rate_take(queries, generation->turn_ms);
	}
	if (generation->turn_ms > now) {
		generation->wake_ms = generation->turn_ms;
		timers_touch(generation);
		return PHASE_STAY;
	}
	generation->turn_ms = 0;
	return PHASE_POLL;
}

/* The service's last answer counts if it came near the deadline. If there was none,
 * for lack of turns, nobody knows the state, so nothing is paid for again. */
static enum phase at_deadline(struct generation *generation)
{
	struct seed_error error;

	if (generation->trouble == SEED_FAILURE_RUNNING &&
	    !attempt_was_asked_lately(generation)) {
		seed_error_set(&error, ETIMEDOUT,
			       "no image within %lld s, and no turn left to ask for it",
			       (long long)(generation->engine->config.timeout_ms / 1000));
		attempt_trouble(generation, SEED_FAILURE_UNSURE, &error);
	}
	return attempt_over(generation);
}

enum phase poll_wait_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_LOOK)
		return answer_follow_look(generation, event->look);
	if (event->kind == EVENT_DEADLINE)
		return at_deadline(generation);
	if (event->kind != EVENT_WAKE)
		return PHASE_STAY;
	return poll_in_turn(generation);
}

enum phase poll_enter(struct generation *generation)
{
	errint_t err;

	generation->engine->metrics.polls++;
	err = generation->task.stage == SEED_STAGE_SUBMIT ? -EBADMSG : exchange_prepare(generation);
	if (!err)
		err = exchange_send(generation);
	return err ? attempt_not_sent(generation, err) : PHASE_STAY;
}

enum phase poll_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_LOOK)
		return answer_follow_look(generation, event->look);
	return event->kind == EVENT_ANSWER ? answer_follow(generation, event) : PHASE_STAY;
}

enum phase split_event(struct generation *generation, const struct event *event)
{
	return event->kind == EVENT_SPLIT ? attempt_split(generation, event->err) : PHASE_STAY;
}
