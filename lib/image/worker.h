/*
 * Worker processes: the same binary, started by exec, one a core. They get a
 * job and two descriptors over a SOCK_SEQPACKET socket (SCM_RIGHTS), run
 * seed_image_make() and answer with its result. A worker that dies or passes
 * its deadline costs its one job (EBADMSG, "the decoder crashed …") and is
 * replaced.
 *
 * The pool belongs to one thread (the engine's); no call blocks. Jobs beyond
 * the number of workers wait in the pool in order. The workers are killed when
 * the thread that started them ends (PR_SET_PDEATHSIG), so that thread must
 * outlive the pool. They get none of the environment but what loading and
 * sanitizers need.
 */
#ifndef SEED_WORKER_H
#define SEED_WORKER_H

#include "lib/base.h"
#include "lib/image/image.h"

struct seed_worker_pool;
struct pollfd;

/* Runs on the pool's thread, once for each job, from seed_worker_pool_turn()
 * or _free(). `result` is borrowed for the call. */
typedef void seed_worker_done_fn(void *context, const struct seed_image_result *result);

/* `program`: the binary that runs seed_worker_main() when started as
 * `PROGRAM --worker`, with the socket as descriptor 3; "/proc/self/exe" for
 * seedfs itself. Processes are started when first needed. */
errint_t seed_worker_pool_new(const char *program, int count,
			      struct seed_worker_pool **pool) SEED_MUST_CHECK;

/* Ends the workers; jobs still there are given up: done(ESHUTDOWN). */
void seed_worker_pool_free(struct seed_worker_pool *pool);

/* Queues a job. The job and its strings are copied. Takes ownership of both
 * descriptors (source_fd may be -1), also on failure. `limit_ms`: time from
 * start to answer. Returns 0 or -ENOMEM; then `done` is not called. */
errint_t seed_worker_pool_submit(struct seed_worker_pool *pool, const struct seed_image_job *job,
				 int source_fd, int dest_fd, int64_t limit_ms,
				 seed_worker_done_fn *done, void *context) SEED_MUST_CHECK;

/* Fills up to `max` entries to poll (fd, events POLLIN); returns how many. */
size_t seed_worker_pool_fds(struct seed_worker_pool *pool, struct pollfd *fds, size_t max);

/* When turn() must be called at the latest (seed_clock_now_ms() scale), or
 * INT64_MAX. */
int64_t seed_worker_pool_next_ms(const struct seed_worker_pool *pool);

/* Takes answers, buries the dead, starts what can start. Call whenever a
 * descriptor is ready or the time above has come; calling it more often is
 * harmless. */
void seed_worker_pool_turn(struct seed_worker_pool *pool);

/* The worker's own main loop on `socket_fd`; returns its exit status when the
 * socket is closed. */
int seed_worker_main(int socket_fd);

#endif
