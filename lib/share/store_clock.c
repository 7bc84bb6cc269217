#include "lib/share/store_clock.h"

#include "lib/base/clock.h"

enum {
	/* The first pause is about as long as a swap takes, so that of those who lost a race
	 * some are through before the others are back. */
	PAUSE_FIRST_MS = 20,
	PAUSE_MOST_MS = 2000,
	/* What a store may want: at longer ones hosts would lose their leases, or, where a proxy
	 * before it says a year, be silent for that long after it is well again. */
	WAIT_MOST_MS = 30000,
};

void seed_store_clock_learn(struct seed_store_clock *clock, int64_t date_s)
{
	if (!date_s)
		return;
	clock->ahead_ms = date_s * 1000 - seed_clock_now_ms();
	clock->known = true;
}

int64_t seed_store_clock_ms(const struct seed_store_clock *clock)
{
	return seed_clock_now_ms() + clock->ahead_ms;
}

int64_t seed_store_clock_again_ms(int64_t *pause_ms, int64_t wait_ms)
{
	int64_t now_ms = seed_clock_now_ms(), at_ms;

	*pause_ms = *pause_ms ? *pause_ms * 2 : PAUSE_FIRST_MS;
	if (*pause_ms > PAUSE_MOST_MS)
		*pause_ms = PAUSE_MOST_MS;
	/* Half of it by chance, so that those who met do not meet again. */
	at_ms = now_ms + *pause_ms / 2 + *pause_ms * seed_clock_chance() / 131072;
	if (wait_ms > WAIT_MOST_MS)
		wait_ms = WAIT_MOST_MS;
	return wait_ms > 0 && at_ms < now_ms + wait_ms ? now_ms + wait_ms : at_ms;
}
