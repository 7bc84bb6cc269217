/*
 * Work that another user's process may hold up for as long as it likes, such as a look
 * at it in /proc. It runs on a thread of its own, and is waited for only so long: who
 * holds it up has that thread, and not one of those that answer requests. Some of what
 * holds it up ends only when such a request is answered (lib/base/process.h).
 *
 * The threads are started when they are needed, and stay. Any thread may call this; it
 * may wait for `wait_ms`, and takes no lock meanwhile.
 */
#ifndef SEED_ASIDE_H
#define SEED_ASIDE_H

#include <sys/types.h>

#include "lib/base/base.h"

/* What a user's work has held up and not given back, before no more of that user's is
 * begun. Other users' is. */
#define SEED_ASIDE_HELD_MAX 2

/* Runs `work` on a copy of the `size` bytes at `data`, and copies them back. False, and
 * `data` is as it was: the work did not end in time (it goes on, and its copy is freed at
 * its end), or was not begun, as too much of this user's hangs already, or for want of
 * memory or threads. */
bool seed_aside(uid_t user, void (*work)(void *data), void *data, size_t size, int wait_ms);

#endif
