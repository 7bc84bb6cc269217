/*
 * Threads for work that waits on a disk: fsync, rename, directory walks. The
 * engine hands jobs over and learns of their end by a callback that the
 * thread calls when the job is done; neither ever waits for the other.
 *
 * Jobs with the same lane run one after the other in the order in which they
 * were submitted; the engine uses a NAME's hash as its lane, so that what
 * concerns one entry of the catalogue is in order without a lock.
 */
#ifndef SEED_DISK_H
#define SEED_DISK_H

#include "lib/base/base.h"

struct seed_disk;

/* `run` is called on a disk thread; it may block. It owns the job. */
struct seed_disk_job {
	struct seed_disk_job *next;
	void (*run)(struct seed_disk_job *job);
};

errint_t seed_disk_new(int threads, struct seed_disk **disk) SEED_MUST_CHECK;

/* Waits for every job submitted so far to end, then frees. */
void seed_disk_free(struct seed_disk *disk);

/* Any thread; never blocks, cannot fail. */
void seed_disk_submit(struct seed_disk *disk, uint64_t lane, struct seed_disk_job *job);

/* A lane for a name (FNV-1a). */
uint64_t seed_disk_lane(const char *name);

#endif
