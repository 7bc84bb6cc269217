#include "lib/share/tally.h"

bool seed_tally_is_empty(const struct seed_tally *tally)
{
	for (size_t i = 0; i < SEED_SPENT_USERS; i++)
		if (tally->users[i].by)
			return false;
	return tally->cost == 0;
}

/* False: that day is over. */
static bool turn_to(struct seed_tally *tally, int64_t day)
{
	if (day > tally->day)
		*tally = (struct seed_tally){ .day = day };
	return day == tally->day;
}

static size_t place_of(const struct seed_tally *tally, int64_t uid)
{
	size_t at = SEED_SPENT_USERS - 1;

	for (size_t i = at; uid >= 0 && i-- > 0;) {
		if (!tally->users[i].by)
			at = i;
		else if (tally->users[i].uid == uid)
			return i;
	}
	return at;
}

void seed_tally_count(struct seed_tally *tally, int64_t day, int64_t uid, int64_t by)
{
	size_t at;

	if (!turn_to(tally, day))
		return;
	at = place_of(tally, uid);
	tally->users[at].uid = at == SEED_SPENT_USERS - 1 ? -1 : uid;
	tally->users[at].by += by;
}

void seed_tally_cost(struct seed_tally *tally, int64_t day, double cost)
{
	if (turn_to(tally, day))
		tally->cost += cost;
}

void seed_tally_apply(const struct seed_tally *tally, struct seed_farm *farm)
{
	for (size_t i = 0; i < SEED_SPENT_USERS; i++)
		if (tally->users[i].by)
			seed_farm_count(farm, tally->day, tally->users[i].uid, tally->users[i].by);
	seed_farm_cost(farm, tally->day, tally->cost);
}

void seed_tally_restore(struct seed_tally *tally, const struct seed_tally *from, bool unsure)
{
	for (size_t i = 0; i < SEED_SPENT_USERS; i++)
		if (from->users[i].by > 0 || (from->users[i].by < 0 && !unsure))
			seed_tally_count(tally, from->day, from->users[i].uid, from->users[i].by);
	if (!unsure && from->cost > 0)
		seed_tally_cost(tally, from->day, from->cost);
}
