/* seedfs --check: what would prevent a mount, and what protects it, one line each. */
#ifndef SEED_FS_CHECK_H
#define SEED_FS_CHECK_H

#include <pthread.h>
#include <stdatomic.h>

#include "fs/fs.h"

/* Mounts nothing, spends nothing and makes nothing (but, with a shared store, an object in
 * it, for a moment). Prints a line for each thing
 * looked at, "ok" or what to do, on standard output. Returns the exit status: 1 if
 * anything is wrong. Blocks for at most some seconds; before any thread. */
int check_run(const struct options *options);

/* The same look at the service and the key while it is mounted: a line in the log.
 * Zeroed by the caller. A thread of its own, for some seconds; stop joins it. */
struct check_background {
	struct fs *fs;
	pthread_t thread;
	bool running;
	atomic_bool ending;
};
void check_background_start(struct check_background *background, struct fs *fs);
void check_background_stop(struct check_background *background);

#endif
