/* Clocks: monotonic milliseconds for deadlines, wall time for people, and random
 * numbers for back-offs. Everything that differs from run to run comes from here. */
#ifndef SEED_CLOCK_H
#define SEED_CLOCK_H

#include <stdlib.h>
#include <time.h>

#include "lib/base/base.h"

/* Milliseconds of CLOCK_MONOTONIC; never goes back. */
int64_t seed_clock_now_ms(void);

/* Milliseconds since 1970 UTC. */
int64_t seed_clock_wall_ms(void);

/* For jitter: 0 to 65535. Does not block. */
uint16_t seed_clock_chance(void);

/* `time`, in whatever unit; a build with crash points (lib/store/crash.h) takes another from the environment, for tests
 * that cannot wait so long. Inline: no other build knows the variable's name. Does not block. */
static inline int64_t seed_clock_limit(int64_t time, const char *variable)
{
#ifdef SEED_CRASH_POINTS
	const char *given = getenv(variable);

	if (given)
		return strtoll(given, NULL, 10);
#endif
	SEED_UNUSED(variable);
	return time;
}

/* A file's time, which anybody may set: in milliseconds, within the years 0 to 9999; in
 * nanoseconds, within 1677 to 2262, which are those that 64 bits hold. */
int64_t seed_clock_file_ms(const struct timespec *time);
int64_t seed_clock_file_ns(const struct timespec *time);
struct timespec seed_clock_file_time(int64_t wall_ms);

/* "2026-11-22T19:43:02.123Z" (RFC 3339, UTC) and its NUL. */
#define SEED_CLOCK_TEXT_BYTES 25
void seed_clock_format(int64_t wall_ms, char text[SEED_CLOCK_TEXT_BYTES]);

/* The other way; -EINVAL for anything but that exact form. */
errint_t seed_clock_parse(const char *text, int64_t *wall_ms) SEED_MUST_CHECK;

#endif
