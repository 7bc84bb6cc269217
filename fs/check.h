/* seedfs --check: what would be in the way of a mount, one line each. */
#ifndef SEED_FS_CHECK_H
#define SEED_FS_CHECK_H

#include "fs/options.h"

/* Mounts nothing, spends nothing and makes nothing. Prints a line for each thing
 * looked at, "ok" or what to do, on standard output. Returns the exit status: 1 if
 * anything is wrong. Blocks for at most some seconds; before any thread. */
int check_run(const struct options *options);

#endif
