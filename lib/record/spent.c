#include "lib/record/spent.h"

#include <string.h>

/* Where that user is counted, or would be. */
static size_t place_of(const struct seed_spent *spent, int64_t uid)
{
	size_t free_at = SEED_SPENT_USERS - 1;

	if (uid < 0)
		return free_at;
	for (size_t i = SEED_SPENT_USERS - 1; i-- > 0;) {
		if (!spent->users[i].count)
			free_at = i;
		else if (spent->users[i].uid == uid)
			return i;
	}
	return free_at;
}

void seed_spent_count_user(struct seed_spent *spent, int64_t uid, int64_t by)
{
	size_t i = place_of(spent, uid);

	if (!spent->users[i].count && by > 0)
		spent->users[i].uid = i + 1 < SEED_SPENT_USERS ? uid : -1;
	if (spent->users[i].count + by >= 0)
		spent->users[i].count += by;
}

/* Becomes the first of the earlier ones; `gap` is the place that gets free for it. */
static void keep(struct seed_spent *spent, const struct seed_spent *left, size_t gap)
{
	memmove(&spent->earlier[1], &spent->earlier[0], gap * sizeof(spent->earlier[0]));
	spent->earlier[0].day = left->day;
	spent->earlier[0].count = left->count;
	spent->earlier[0].is_lost = left->is_lost;
}

void seed_spent_turn(struct seed_spent *spent, int64_t day)
{
	const struct seed_spent left = *spent;
	size_t gap = SEED_SPENT_EARLIER - 1;

	if (day == left.day)
		return;
	*spent = (struct seed_spent){ .day = day, .serial = left.serial };
	memcpy(spent->earlier, left.earlier, sizeof(spent->earlier));
	for (size_t i = 0; i < SEED_SPENT_EARLIER; i++) {
		if (spent->earlier[i].day != day)
			continue;
		spent->count = spent->earlier[i].count;
		spent->is_lost = spent->earlier[i].is_lost;
		spent->earlier[i].count = 0;
		spent->earlier[i].is_lost = false;
		gap = i;
		break;
	}
	if (left.count > 0 || left.is_lost)
		keep(spent, &left, gap);
}
