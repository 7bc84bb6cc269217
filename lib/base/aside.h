/*
 * Work that another user's process may hold up for as long as it likes, such as a look
 * at it in /proc. It runs on a thread of its own, and is waited for only so long: who
 * holds it up has that thread, and not one of those that answer requests. Some of what
 * holds it up ends only when such a request is answered (lib/base/process.h).
 *
 * Who waits does answer requests, and who holds one up can hold up many. So each that ran out within a
 * minute, and each older one that seems to hang, halves how long the next is waited for: however many
 * there are, all together cost about twice `wait_ms`. Work that nobody holds up takes microseconds, and
 * where it takes more it uses the processor, which does not count. On a machine that is slow the waiting
 * thread may get its turns late, too, and only what passes in its turns counts.
 *
 * The threads are started when they are needed, and stay. Any thread may call this; it
 * takes no lock while it waits.
 */
#ifndef SEED_ASIDE_H
#define SEED_ASIDE_H

#include <sys/types.h>

#include "lib/base/base.h"

/* Whose look hangs may be another's victim: any user can hold up looks at a process that is not
 * his own. So no more is begun for a process of which one hangs, but for others of its user;
 * and for those only where fewer hang than would take the threads of all. */
#define SEED_ASIDE_HELD_MAX 32

/* Runs `work`, which looks at `process` of `user`, on a copy of the `size` bytes at `data`, and copies
 * them back. Waits for `wait_ms` at most, and less while others hang. False, and `data` is as it was:
 * the work did not end in time (it goes on, and its copy is freed at its end), or was not begun: see
 * above, or for want of memory or threads. */
bool seed_aside(pid_t process, uid_t user, void (*work)(void *data), void *data, size_t size, int wait_ms);

#endif
