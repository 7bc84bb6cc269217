#include "lib/base/clock.h"

#include <sys/random.h>

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what four digits of
 * a year can say. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS INT64_C(253402300799999)

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
	uint16_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = 0;
	return chance;
}

int64_t seed_clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

/* `value` in `digits` digits and the character after them. */
static char *put_number(char *to, int value, int digits, char after)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	to[digits] = after;
	return to + digits + 1;
}

void seed_clock_format(int64_t wall_ms, char text[SEED_CLOCK_TEXT_BYTES])
{
	int64_t seconds;
	struct tm tm;
	time_t time;
	int ms;

	if (wall_ms < FIRST_MS)
		wall_ms = FIRST_MS;
	if (wall_ms > LAST_MS)
		wall_ms = LAST_MS;
	seconds = wall_ms / 1000;
	ms = (int)(wall_ms % 1000);
	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	time = (time_t)seconds;
	(void)gmtime_r(&time, &tm);
	text = put_number(text, tm.tm_year + 1900, 4, '-');
	text = put_number(text, tm.tm_mon + 1, 2, '-');
	text = put_number(text, tm.tm_mday, 2, 'T');
	text = put_number(text, tm.tm_hour, 2, ':');
	text = put_number(text, tm.tm_min, 2, ':');
	text = put_number(text, tm.tm_sec, 2, '.');
	text = put_number(text, ms, 3, 'Z');
	*text = '\0';
}

/* The number written at `from`; what is no digit gives a number that the
 * comparison in seed_clock_parse() finds out. */
static int get_number(const char *from, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++)
		value = value * 10 + (from[i] - '0');
	return value;
}

errint_t seed_clock_parse(const char *text, int64_t *wall_ms)
{
	char again[SEED_CLOCK_TEXT_BYTES];
	struct tm tm = {0};
	int64_t ms;

	if (strnlen(text, SEED_CLOCK_TEXT_BYTES) != SEED_CLOCK_TEXT_BYTES - 1)
		return -EINVAL;
	tm.tm_year = get_number(text, 4) - 1900;
	tm.tm_mon = get_number(text + 5, 2) - 1;
	tm.tm_mday = get_number(text + 8, 2);
	tm.tm_hour = get_number(text + 11, 2);
	tm.tm_min = get_number(text + 14, 2);
	tm.tm_sec = get_number(text + 17, 2);
	ms = (int64_t)timegm(&tm) * 1000 + get_number(text + 20, 3);

	/* One rule instead of twenty: a time is right if it is written so. */
	seed_clock_format(ms, again);
	if (memcmp(text, again, SEED_CLOCK_TEXT_BYTES) != 0)
		return -EINVAL;
	*wall_ms = ms;
	return 0;
}
