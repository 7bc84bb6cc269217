/*
 * The cage of a worker: what is left to a decoder that a picture has taken
 * over. It can compute for a while, use some memory, read the bytes of its
 * jobs, write their results and answer. It cannot open a file, make a socket or
 * a process, see another process, or raise itself.
 *
 *   no_new_privs     always
 *   privileges       another user (65534) where the daemon is root's; no
 *                    capability, no supplementary group
 *   limits           memory, processor time (of each job), size of a file, number
 *                    of descriptors; no process more, no core file; not dumpable
 *   seccomp          an allow-list. Every other call fails (EACCES for what
 *                    takes a path, else ENOSYS), which libraries can live with:
 *                    one that a newer libc makes must not spoil every picture.
 *                    What no library has a reason for (a socket, a process, a
 *                    signal to another, tracing) ends the worker.
 *   Landlock         no file and no network, again, in another part of the
 *                    kernel; where it has none, empty namespaces of network and
 *                    IPC instead
 *
 * Where a wall is missing the others stand. A build with a sanitizer has only
 * the limits that leave the sanitizer alone: it opens, maps and traces as it
 * pleases, and guards the decoder better than any of these.
 *
 * What remains: a worker that was taken over can spoil the pictures that it
 * makes until it is replaced.
 */
#ifndef SEED_CAGE_H
#define SEED_CAGE_H

#include "lib/base/base.h"

/* Walls that a kernel, or a container around us, may not give. The limits stand
 * everywhere. */
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

/* Locks this process in, for good. One thread only, which has done what a
 * library does once (open its configuration, …). Returns the walls that stand, a
 * set of enum seed_wall. */
unsigned seed_cage_enter(void);

/* The same as an answer only: a child process tries. Fails where there can be
 * none. Before any thread is started; blocks for some milliseconds. */
errint_t seed_cage_try(unsigned *walls) SEED_MUST_CHECK;

/* "limits, no privileges, seccomp, Landlock": what stands; and what should and does
 * not, "" for nothing. `text` holds SEED_CAGE_TEXT_BYTES. */
#define SEED_CAGE_TEXT_BYTES 160
void seed_cage_describe(unsigned walls, char *text);
void seed_cage_missing(unsigned walls, char *text);

/* After an allocation failed: whether the kernel gives everything up to the limit,
 * so that it was the limit that refused, not the machine. */
bool seed_cage_is_limit(void);

/* Before each job: ends the process (SIGXCPU) after SEED_WORKER_CPU_SECONDS
 * more of processor time. */
void seed_cage_limit_time(void);

#endif
