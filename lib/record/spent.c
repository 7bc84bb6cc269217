#include "lib/record/spent.h"

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
