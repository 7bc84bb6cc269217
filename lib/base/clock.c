#include "lib/base/clock.h"

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: the range of a year of four
 * digits. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS INT64_C(253402300799999)
#define NS_PER_S INT64_C(1000000000)

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	/* Cannot fail: both clocks exist on every Linux. */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t seed_clock_now_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

uint16_t seed_clock_chance(void)
{
	return (uint16_t)arc4random();
}

int64_t seed_clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

static int64_t within(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

int64_t seed_clock_file_ms(const struct timespec *time)
{
	int64_t seconds = within(time->tv_sec, FIRST_MS / 1000, LAST_MS / 1000);

	return seconds * 1000 + time->tv_nsec / 1000000;
}

int64_t seed_clock_file_ns(const struct timespec *time)
{
	int64_t seconds = within(time->tv_sec, INT64_MIN / NS_PER_S, INT64_MAX / NS_PER_S - 1);

	return seconds * NS_PER_S + time->tv_nsec;
}

struct timespec seed_clock_file_time(int64_t wall_ms)
{
	int64_t ms = wall_ms % 1000, seconds = wall_ms / 1000;

	if (ms < 0) { /* nanoseconds count forwards, also before 1970 */
		ms += 1000;
		seconds--;
	}
	return (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = (long)ms * 1000000 };
}

void seed_clock_format(int64_t wall_ms, char text[SEED_CLOCK_TEXT_BYTES])
{
	char room[96]; /* for any seven ints: the compiler warns of less */
	struct timespec time;
	struct tm tm;

	wall_ms = within(wall_ms, FIRST_MS, LAST_MS);
	time = seed_clock_file_time(wall_ms);
	(void)gmtime_r(&time.tv_sec, &tm);
	(void)snprintf(room, sizeof(room), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		       (int)(time.tv_nsec / 1000000));
	memcpy(text, room, SEED_CLOCK_TEXT_BYTES);
}

errint_t seed_clock_parse(const char *text, int64_t *wall_ms)
{
	char again[SEED_CLOCK_TEXT_BYTES];
	struct tm tm = {0};
	int64_t wanted_ms;
	int ms;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	wanted_ms = (int64_t)timegm(&tm) * 1000 + ms;

	/* One check for all fields: a valid time is formatted to the same text. */
	seed_clock_format(wanted_ms, again);
	if (strcmp(text, again) != 0)
		return -EINVAL;
	*wall_ms = wanted_ms;
	return 0;
}
