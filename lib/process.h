/*
 * What the kernel tells about the process behind a request: read from /proc,
 * a few microseconds, any thread. Ids are those of FUSE requests: a thread's
 * id, 0 for a process of a pid namespace that we cannot see.
 */
#ifndef SEED_PROCESS_H
#define SEED_PROCESS_H

#include "lib/base.h"

/* The process (thread group) of a thread; `tid` itself where it is gone. */
pid_t seed_process_of(pid_t tid);

/* Whether a pending signal ends the program or asks it to end: KILL; INT, TERM,
 * HUP and QUIT unless ignored; any other whose default action is fatal and that
 * has no handler. True for a process that is gone or out of sight (0). */
bool seed_process_is_ending(pid_t tid);

/* Whether the process is in exit() because a signal killed it: it closes its
 * descriptors then, and can look at no result. */
bool seed_process_was_killed(pid_t tid);

/* Whether the thread is in a rename(2) or one of its kind. False where that
 * cannot be seen (another user's process, a restricted ptrace). */
bool seed_process_is_renaming(pid_t tid);

#endif
