/*
 * When to ask how a task is, and how often anything may be sent.
 * Plain state of one thread; milliseconds of seed_clock_now_ms().
 */
#ifndef SEED_SCHEDULE_H
#define SEED_SCHEDULE_H

#include "lib/base/base.h"

/* How long tasks took lately: the last SEED_DURATIONS of them. */
#define SEED_DURATIONS 32
struct seed_durations {
	int64_t ms[SEED_DURATIONS];
	unsigned count; /* ever added */
};

void seed_durations_add(struct seed_durations *durations, int64_t ms);

/* The q-quantile (0 to 1) of what is known; 0 while nothing is. */
int64_t seed_durations_quantile(const struct seed_durations *durations, double q);

/* How long after its submission a task of age `age_ms` is to be asked next:
 * early and then ever more rarely while nothing is known; else from the time on at
 * which tasks begin to end, in even steps, and more rarely once nearly all have ended. */
int64_t seed_schedule_next_ms(const struct seed_durations *durations, int64_t age_ms);

/* At most `count` in any `window_ms`: the times of the last `count`. */
struct seed_rate {
	int64_t *times; /* owned; ring of `count` */
	int count, at;
	int64_t window_ms;
};

errint_t seed_rate_init(struct seed_rate *rate, int count, int64_t window_ms) SEED_MUST_CHECK;
/* Another count and window; what went within it counts on. */
errint_t seed_rate_change(struct seed_rate *rate, int count, int64_t window_ms) SEED_MUST_CHECK;
void seed_rate_release(struct seed_rate *rate);

/* The earliest time at or after `now_ms` at which one more may go. `before` others will go
 * first, at a time that is not known yet; INT64_MAX: not before one of them has gone. */
int64_t seed_rate_next_ms(const struct seed_rate *rate, int before, int64_t now_ms);
void seed_rate_take(struct seed_rate *rate, int64_t now_ms);

/* Back-off for the n-th time in a row (from 0): 1 s doubled up to 30 s, and
 * between half of it and all of it by chance, so that hosts do not march in step. */
int64_t seed_backoff_ms(unsigned n);

#endif
