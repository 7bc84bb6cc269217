#include "lib/engine/schedule.h"

#include "lib/base/clock.h"

/* No service asks for less; a poll costs a query of the whole account. */
#define INTERVAL_MIN_MS 250
#define INTERVAL_MAX_MS 10000

void seed_durations_add(struct seed_durations *durations, int64_t ms)
{
	durations->ms[durations->count++ % SEED_DURATIONS] = ms;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int64_t seed_durations_quantile(const struct seed_durations *durations, double q)
{
	unsigned count = durations->count < SEED_DURATIONS ? durations->count : SEED_DURATIONS;
	int64_t sorted[SEED_DURATIONS];

	if (count == 0)
		return 0;
	memcpy(sorted, durations->ms, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare);
	return sorted[(unsigned)(q * (count - 1) + 0.5)];
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* How much longer than `early_ms` a task takes, on the average. */
static int64_t mean_after(const struct seed_durations *durations, int64_t early_ms)
{
	unsigned count = durations->count < SEED_DURATIONS ? durations->count : SEED_DURATIONS;
	int64_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += durations->ms[i] > early_ms ? durations->ms[i] - early_ms : 0;
	return sum / count;
}

int64_t seed_schedule_next_ms(const struct seed_durations *durations, int64_t age_ms)
{
	int64_t early = seed_durations_quantile(durations, 0.15);
	int64_t late = seed_durations_quantile(durations, 0.9);
	int64_t step, first;

	/* Nothing learned: a seventh of the age, so that the end is seen at most
	 * 15 % late with few queries. */
	if (durations->count == 0)
		return age_ms + clamp(age_ms / 7, INTERVAL_MIN_MS, INTERVAL_MAX_MS);
	/* The mean delay for a number of queries is least where they are as dense as the
	 * root of the chance that a task which still runs ends now (Keller 1974, "Optimum
	 * checking schedules"). That chance rises at first and then changes little, so:
	 * no look before, and even steps after, a dozen of them on the average. */
	step = clamp(mean_after(durations, early) / 12, INTERVAL_MIN_MS, INTERVAL_MAX_MS);
	if (age_ms > late)
		step = clamp((age_ms - late) / 7, step, INTERVAL_MAX_MS);
	first = early - step;
	if (age_ms >= first)
		return age_ms + step;
	/* What was learned may be of other tasks: one in four is asked early. */
	if (durations->count % 4 == 1 && age_ms < early / 3)
		first = early / 3;
	return clamp(first, age_ms + INTERVAL_MIN_MS, age_ms + 4 * INTERVAL_MAX_MS);
}

errint_t seed_rate_init(struct seed_rate *rate, int count, int64_t window_ms)
{
	*rate = (struct seed_rate){ .count = count, .window_ms = window_ms };
	if (count == 0)
		return 0;
	rate->times = calloc((size_t)count, sizeof(rate->times[0]));
	if (!rate->times)
		return -ENOMEM;
	for (int i = 0; i < count; i++)
		rate->times[i] = INT64_MIN / 2;
	return 0;
}

errint_t seed_rate_change(struct seed_rate *rate, int count, int64_t window_ms)
{
	struct seed_rate changed;
	errint_t err;

	if (rate->count == count && rate->window_ms == window_ms)
		return 0;
	err = seed_rate_init(&changed, count, window_ms);
	if (err)
		return err;
	/* Oldest first; so those that are kept are the latest. */
	for (int i = 0; i < rate->count && count > 0; i++)
		seed_rate_take(&changed, rate->times[(rate->at + i) % rate->count]);
	seed_rate_release(rate);
	*rate = changed;
	return 0;
}

void seed_rate_release(struct seed_rate *rate)
{
	free(rate->times);
	*rate = (struct seed_rate){ 0 };
}

int64_t seed_rate_next_ms(const struct seed_rate *rate, int before, int64_t now_ms)
{
	int64_t next;

	if (rate->count == 0)
		return now_ms;
	if (before >= rate->count)
		return INT64_MAX;
	next = rate->times[(rate->at + before) % rate->count] + rate->window_ms;
	return next > now_ms ? next : now_ms;
}

void seed_rate_take(struct seed_rate *rate, int64_t now_ms)
{
	if (rate->count == 0)
		return;
	rate->times[rate->at] = now_ms;
	rate->at = (rate->at + 1) % rate->count;
}

int64_t seed_backoff_ms(unsigned n)
{
	int64_t full = n < 5 ? (int64_t)1000 << n : 30000;

	return full / 2 + full / 2 * seed_clock_chance() / UINT16_MAX;
}
