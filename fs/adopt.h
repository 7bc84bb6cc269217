/* seedfs --adopt: a state directory that was this host's own, into a bucket that hosts share. */
#ifndef SEED_FS_ADOPT_H
#define SEED_FS_ADOPT_H

#include "fs/options.h"

/* Mounts nothing and spends nothing. Copies the state directory of `options` into the bucket
 * (lib/adopt/adopt.h), and then the directory belongs to it. Says how far it is on standard
 * output, and what is wrong on standard error. Returns the exit status: 1 unless all is there. Blocks
 * until then, or until SIGINT or SIGTERM; before any thread. */
int adopt_run(const struct options *options);

#endif
