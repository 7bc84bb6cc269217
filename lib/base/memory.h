/*
 * How much memory there is for this process.
 */
#ifndef SEED_MEMORY_H
#define SEED_MEMORY_H

#include "lib/base/base.h"

/* The machine's, or what the process's control group or one above it may have, where that is less.
 * `root`: "/", where proc and sys are. Reads some small files of the kernel: at a start.
 *
 * Both versions of control groups, where they are mounted in the usual place: memory.max and
 * memory.limit_in_bytes (the kernel's Documentation/admin-guide/cgroup-v2.rst and
 * cgroup-v1/memory.rst). What cannot be read sets no limit. */
uint64_t seed_memory_bytes(const char *root);

#endif
