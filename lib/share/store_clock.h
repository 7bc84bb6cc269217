/*
 * The store's clock, which hosts that share a store go by: each answer says it (`Date`), and
 * between answers the monotonic clock goes on. It is known to a second. And how long to
 * wait before a store is asked again.
 *
 * Plain data of one thread.
 */
#ifndef SEED_STORE_CLOCK_H
#define SEED_STORE_CLOCK_H

#include "lib/base/base.h"

struct seed_store_clock {
	int64_t ahead_ms; /* of the monotonic clock */
	bool known;
};

/* `date_s` of an answer that has just come; 0: it did not say. */
void seed_store_clock_learn(struct seed_store_clock *clock, int64_t date_s);

/* Milliseconds since 1970; meaningless while it is not known. */
int64_t seed_store_clock_ms(const struct seed_store_clock *clock);

/* When to ask again after a try that failed or lost a race, by seed_clock_now_ms(). *pause_ms
 * is how long the last pause was (0: none), and becomes the new one. `wait_ms`: the store
 * wants at least that much, of which half a minute is believed; -1: it did not say. */
int64_t seed_store_clock_again_ms(int64_t *pause_ms, int64_t wait_ms);

#endif
