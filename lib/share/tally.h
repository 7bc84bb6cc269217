/*
 * What a host has to add to the day's counts of the farm (lib/share/farm.h) with its next
 * write: submissions that were counted without asking, those that did not count after all, and
 * what images cost. Of one day only: when another begins, the old one's counts are of no
 * use to anybody. Plain data, and no allocation, so that nothing of it can fail.
 */
#ifndef SEED_TALLY_H
#define SEED_TALLY_H

#include "lib/share/farm.h"

/* Zeroed: empty. */
struct seed_tally {
	int64_t day;
	double cost;
	/* `by` may be negative; 0: a free place. The last is for those who find no other. */
	struct { int64_t uid, by; } users[SEED_SPENT_USERS];
};

bool seed_tally_is_empty(const struct seed_tally *tally);
void seed_tally_count(struct seed_tally *tally, int64_t day, int64_t uid, int64_t by);
void seed_tally_cost(struct seed_tally *tally, int64_t day, double cost);
void seed_tally_apply(const struct seed_tally *tally, struct seed_farm *farm);

/* `from` was not written: it is to be, with `tally`. `unsure`: perhaps it was. Then only what
 * makes the count larger is written once more. */
void seed_tally_restore(struct seed_tally *tally, const struct seed_tally *from, bool unsure);

#endif
