/* The submissions of a day: for the budget, and to report them. Plain data. */
#ifndef SEED_SPENT_H
#define SEED_SPENT_H

#include "lib/base/base.h"

#define SEED_SPENT_USERS 32
#define SEED_SPENT_EARLIER 7

/* Milliseconds of a day: `day` times it is when the day began. */
#define SEED_SPENT_DAY_MS INT64_C(86400000)

struct seed_spent {
	int64_t day; /* days since 1970, UTC */
	int64_t count;
	bool is_lost;    /* nobody knows what was counted earlier on this day */
	/* Days that the clock showed before, the last one first: one goes on if it is shown again.
	 * `count` 0 and not lost: nothing was counted. */
	struct { int64_t day, count; bool is_lost; } earlier[SEED_SPENT_EARLIER];
	uint64_t serial; /* grows with each change, also over mounts: the later one counts */
	double cost;     /* of its images, as the service told it */
	/* By who wrote the prompts; uid -1: not known, or no place left. */
	struct { int64_t uid, count; } users[SEED_SPENT_USERS];
};

/* Adds to a user's count; it does not fall below 0. The last place is for all users who
 * find no other. */
void seed_spent_count_user(struct seed_spent *spent, int64_t uid, int64_t by);

/* The clock shows this day. One that was wrong for a while and is put right gives no new count. */
void seed_spent_turn(struct seed_spent *spent, int64_t day);

#endif
