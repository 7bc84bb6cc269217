/*
 * The cage of a worker: what a decoder can still do that a picture has taken
 * over. It can compute for a while, use some memory, read the bytes of its
 * job, write the result and answer. It cannot open a file, make a socket or
 * a process, see another process, or gain privileges.
 *
 *   no_new_privs     always
 *   privileges       another user where the daemon is root's: 2147507949, which nobody
 *                    else is, or 65534 where that one does not exist; no capability,
 *                    no supplementary group
 *   limits           memory, processor time, size of a file, number
 *                    of descriptors; no process more, no core file; not dumpable
 *   seccomp          an allow-list. Every other call fails (EACCES if it
 *                    takes a path, else ENOSYS), which libraries can live with:
 *                    a call that a newer libc makes must not spoil every picture.
 *                    A call that no library has a reason for (a socket, a process,
 *                    a signal to another process, tracing) ends the worker.
 *   Landlock         no file and no network, again, in another part of the
 *                    kernel; without Landlock, empty namespaces of network and
 *                    IPC instead
 *
 * If a wall is missing, the others remain. A build with a sanitizer has only
 * the limits that leave the sanitizer alone: it opens, maps and traces as it
 * pleases, and guards the decoder better than any of these.
 *
 * What remains possible: a worker that was taken over can spoil the picture that it
 * makes. It gets no other, and ends before that is shown (lib/worker/pool.c).
 */
#ifndef SEED_CAGE_H
#define SEED_CAGE_H

#include "lib/base/base.h"

/* Walls that a kernel, or a container around us, may not provide. The limits always
 * apply. */
enum seed_wall {
	SEED_WALL_PRIVILEGES = 1,
	SEED_WALL_SECCOMP = 2,
	SEED_WALL_LANDLOCK = 4,
	SEED_WALL_NAMESPACES = 8, /* only tried without Landlock */
	SEED_WALL_SANITIZER = 16, /* in the place of all these */
};

/* Whether this build has a sanitizer in the cage's place. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEED_CAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SEED_CAGE_SANITIZED 1
#endif
#endif
#ifndef SEED_CAGE_SANITIZED
#define SEED_CAGE_SANITIZED 0
#endif

/* Locks this process in, for good. The process must have one thread only, which has
 * already done what a library does once (open its configuration, …). Returns the walls
 * in place, a set of enum seed_wall. */
unsigned seed_cage_enter(void);

/* Only reports what seed_cage_enter() would return: a child process tries it. Fails if
 * there can be no child. Before any thread is started; blocks for some milliseconds. */
errint_t seed_cage_try(unsigned *walls) SEED_MUST_CHECK;

/* The walls in place, as "limits, no privileges, seccomp, Landlock"; and the missing
 * ones, "" for none. `text` holds SEED_CAGE_TEXT_BYTES. */
#define SEED_CAGE_TEXT_BYTES 160
void seed_cage_describe(unsigned walls, char *text);
void seed_cage_missing(unsigned walls, char *text);

/* After an allocation failed: whether the kernel gives everything up to the limit. If
 * so, the limit refused it, not the machine. */
bool seed_cage_is_limit(void);

/* Before the job: ends the process (SIGXCPU) after SEED_WORKER_CPU_SECONDS
 * more of processor time. */
void seed_cage_limit_time(void);

#endif
