/*
 * Points at which a test can stop the program as a power cut would: right
 * before each fsync, rename and unlink of the store. Built with -DSEED_CRASH_POINTS
 * the process kills itself at the N-th point, N from $SEED_CRASH_AT; a
 * normal build has nothing here.
 */
#ifndef SEED_STORE_CRASH_H
#define SEED_STORE_CRASH_H

#ifdef SEED_CRASH_POINTS
void seed_crash_point(const char *what);
#else
static inline void seed_crash_point(const char *what)
{
	(void)what;
}
#endif

#endif
