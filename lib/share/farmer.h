/*
 * A host's part in the farm (lib/share/farm.h): it charges submissions, says how many jobs it
 * wants, and hears how many it may run. One object in the store, one operation at a time: what
 * comes meanwhile is in the next write, so fifty charges that wait are one.
 *
 * One thread (the engine's) owns it; nothing blocks. A host that wants nothing, has nothing to
 * charge and nothing to give back asks the store for nothing. While it wants jobs it looks
 * every few seconds, and writes when it has something to say or its lease is half over.
 *
 * A charge whose answer is lost is read back, with the mark of the write: it counts once. Only
 * where the store was away for more than SEED_FARM_REMEMBER_S and the host has been forgotten
 * meanwhile, nobody knows, and it is charged again.
 */
#ifndef SEED_FARMER_H
#define SEED_FARMER_H

#include "lib/s3/s3.h"
#include "lib/share/farm.h"

struct seed_farmer;
struct seed_farmer_op;

struct seed_farmer_config {
	int64_t budget;               /* submissions in a UTC day; 0: no limit, counted all the same */
	int jobs;                     /* of the whole farm, 1 or more */
	int rate_count, rate_seconds; /* of the whole farm; rate_count 0: no limit */
};

/* `host`: 16 hexadecimal digits that no other program which runs has; they stay the same over
 * restarts, so that a host that starts again has the slots that it had. `s3` is the caller's
 * and outlives it. -ENOMEM. */
errint_t seed_farmer_new(struct seed_s3 *s3, const char *host, const struct seed_farmer_config *config,
			 struct seed_farmer **farmer) SEED_MUST_CHECK;
/* What is not written is lost: refunds do not happen, and submissions without a budget are not
 * counted. NULL is allowed. */
void seed_farmer_free(struct seed_farmer *farmer);

/* Does what is due; returns when to be called again (INT64_MAX: not before something else is
 * called). To be called after seed_net_turn() and after any call below, too. */
int64_t seed_farmer_turn(struct seed_farmer *farmer, int64_t now_ms);

/* Nothing is under way or waits to be written: it may be freed without a loss. */
bool seed_farmer_rests(const struct seed_farmer *farmer);

/* ---- the budget ---- */

/* 0: charged on `day` (days since 1970, UTC, by the store's clock): it may be sent now.
 * -EDQUOT: the farm's budget of the day is used up. -EAGAIN: the service is held, see
 * seed_farmer_held_ms(). These three are sure; after others, a charge that happens all the same
 * is given back by the farmer. -EHOSTUNREACH: the store was away until the deadline.
 * -ETIMEDOUT: it did not say what became of it. -EBADMSG: what stands there is no farm. Or what
 * the store refused. `error` has a line for all but 0.
 *
 * Called once, by seed_net_turn() or seed_farmer_turn(), never by seed_farmer_charge(), unless
 * cancelled. It may call everything here but seed_farmer_free(). */
typedef void seed_farmer_done_fn(void *context, errint_t err, int64_t day,
				 const struct seed_error *error);

/* Asks for one submission; `deadline_ms` on seed_clock_now_ms()'s scale. Before the request
 * leaves the host, for each time that it does. -ENOMEM. */
errint_t seed_farmer_charge(struct seed_farmer *farmer, int64_t uid, int64_t deadline_ms,
			    seed_farmer_done_fn *done, void *context,
			    struct seed_farmer_op **op) SEED_MUST_CHECK;
void seed_farmer_cancel(struct seed_farmer_op *op); /* without `done`; given back if it happens */

/* The submission that was charged on `day` did not count. Kept until it is written; dropped
 * when that day is over. */
void seed_farmer_refund(struct seed_farmer *farmer, int64_t day, int64_t uid);

/* An image cost that much, today. Kept like a refund. */
void seed_farmer_cost(struct seed_farmer *farmer, double cost);

/* The farm's day, as it was read last; its day may be over by now. */
const struct seed_spent *seed_farmer_spent(const struct seed_farmer *farmer);

/* ---- jobs and the rate ---- */

/* It runs `running` jobs (slots in use), and could run `wants` (those included; 0: nothing to
 * do). To be called whenever one of them changes; that costs nothing by itself. */
void seed_farmer_want(struct seed_farmer *farmer, int wants, int running);

/* Another job may begin while fewer than this run. 0 before the store has answered, and when
 * the lease has run out because it does not: the others may have the slots by then. A
 * host of a farm that cannot reach the store cannot begin a name either. */
int seed_farmer_jobs(const struct seed_farmer *farmer, int64_t now_ms);

/* Why this host has no jobs, and will have none before somebody does something: a positive
 * errno, with a line that says what. 0: it has, or may have some soon. */
int seed_farmer_trouble(const struct seed_farmer *farmer, struct seed_error *error);

/* This host's part of the rate: at most *count in any *ms. *ms 0: no limit. *count 0: nothing
 * now, and not before seed_farmer_jobs() is more than 0. */
void seed_farmer_rate(const struct seed_farmer *farmer, int *count, int64_t *ms);

/* ---- a service that accepts nothing now ---- */

/* It said so, and that nothing is to be sent for `ms`. */
void seed_farmer_hold(struct seed_farmer *farmer, int64_t ms, const struct seed_error *error);

/* How long nothing is to be sent, whichever host was told; 0: not held. `error` (may be NULL)
 * is what was said. */
int64_t seed_farmer_held_ms(const struct seed_farmer *farmer, int64_t now_ms, struct seed_error *error);

#endif
