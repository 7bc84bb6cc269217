/* A task that the service is working on. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

static enum phase poll_now(struct generation *generation)
{
	struct seed_rate *queries = &generation->engine->queries;
	int64_t now = seed_clock_now_ms(), at = seed_rate_next_ms(queries, now);

	if (at > now) {
		generation->wake_ms = at;
		timers_touch(generation);
		return PHASE_STAY;
	}
	seed_rate_take(queries, now);
	return PHASE_POLL;
}

enum phase poll_wait_event(struct generation *generation, const struct event *event)
{
	if (event->kind == EVENT_LOOK)
		return answer_follow_look(generation, event->look);
	if (event->kind == EVENT_DEADLINE)
		return attempt_failed(generation, generation->trouble, &generation->trouble_error,
				      -1);
	if (event->kind != EVENT_WAKE)
		return PHASE_STAY;
	if (attempt_is_hopeless(generation))
		return generation_fail(generation, &generation->trouble_error);
	return poll_now(generation);
}

enum phase poll_enter(struct generation *generation)
{
	errint_t err;

	generation->engine->metrics.polls++;
	err = exchange_prepare(generation);
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
