/*
 * Worker processes: the same binary, started by exec, at most one for each core and one more. Each
 * gets one job and two descriptors over a SOCK_SEQPACKET socket (SCM_RIGHTS), runs
 * seed_image_make(), answers with its result, and ends. The next one is started before there
 * is a job for it. So bytes that take a decoder over get nothing but their own
 * picture: not the next one's, and not this one's once it is shown. An answer that cannot be one to its
 * job (its size, its length) counts as the worker's fault. The pool keeps its own copies of the
 * descriptors until then. So a worker that ends without an answer costs only a
 * new one: a process that has seen no other bytes verifies the same bytes again.
 * The final outcome is one of these:
 *
 *   code 0                the picture is stored
 *   EBADMSG               the picture is not valid: a worker said so, or two of
 *                         them ended by their own fault over it (SEGV, BUS, ILL,
 *                         FPE, TRAP, ABRT, SYS, XCPU, an exit status), or
 *                         were still at work when their time on the clock was over
 *   ESHUTDOWN             the pool was freed meanwhile
 *   anything else, with   nothing is known about the bytes, and they must be
 *   `local` set           kept: two workers were killed from outside or hung
 *                         (EAGAIN), there was no memory (ENOMEM), no process or
 *                         descriptor (the call's error), no room for the
 *                         result (ENOSPC), or it cannot be read or written (EIO)
 *
 * A hang is local, too: a decoder that computes without end reaches its limit of
 * processor time long before, which is its own fault. On a machine with more work than
 * processors the clock may be faster; there, half of that limit is enough. What is left is a
 * machine or a disk that stands still.
 *
 * Jobs are of two kinds. Those that nobody paid for (`aside`: a callback's picture, a
 * thumbnail) may come from a stranger, in any number, and each may take as long as the
 * limits of a worker allow. So a prompt's picture goes before all of them, and each kind
 * may use all workers but one: there is always one left for the other kind. Within a kind
 * they are begun in order.
 *
 * The pool belongs to one thread (the engine's); no call blocks. The workers are killed when
 * the thread that started them ends (PR_SET_PDEATHSIG), so that thread must
 * outlive the pool. Of the environment they get only what loading and
 * sanitizers need. They live in a cage (lib/worker/cage.h), and get the source and the
 * job for reading only. The notice of a worker's end has the first line that it wrote
 * to its standard error.
 */
#ifndef SEED_WORKER_H
#define SEED_WORKER_H

#include "lib/base/base.h"
#include "lib/worker/job.h"

struct seed_worker_pool;
struct pollfd;

/* Runs on the pool's thread, once for each job, from seed_worker_pool_turn()
 * or _free(). `result` is borrowed for the call. */
typedef void seed_worker_done_fn(void *context, const struct seed_image_result *result);

/* A line for the log, from the same calls: a worker ended without an answer,
 * and what is done about it. `job` is the context that its job was submitted
 * with. */
typedef void seed_worker_notice_fn(void *context, void *job, const char *line);

struct seed_worker_config {
	/* Runs seed_worker_main() when started as `PROGRAM --worker`, with the
	 * socket as descriptor 3; "/proc/self/exe" for seedfs itself. Copied. */
	const char *program;
	int count; /* jobs of a kind at once. There is room for one process more; none before the first job */
	seed_worker_notice_fn *notice; /* or NULL */
	void *context;
};

errint_t seed_worker_pool_new(const struct seed_worker_config *config,
			      struct seed_worker_pool **pool) SEED_MUST_CHECK;

/* Ends the workers. Jobs still there are given up: done(ESHUTDOWN). */
void seed_worker_pool_free(struct seed_worker_pool *pool);

/* Queues a job. The job and its strings are copied. Takes ownership of both
 * descriptors (source_fd may be -1), also on failure. `limit_ms`: how long one
 * look may take on the clock until its worker counts as hung. Returns 0, or
 * -ENOMEM, -EMFILE, -ENFILE (trouble of this machine) or -EFBIG (texts beyond
 * SEED_WIRE_JOB_MAX_BYTES); then `done` is not called. */
errint_t seed_worker_pool_submit(struct seed_worker_pool *pool, const struct seed_image_job *job,
				 int source_fd, int dest_fd, int64_t limit_ms,
				 seed_worker_done_fn *done, void *context) SEED_MUST_CHECK;

/* Fills up to `max` entries to poll (fd, events POLLIN); returns how many. */
size_t seed_worker_pool_fds(struct seed_worker_pool *pool, struct pollfd *fds, size_t max);

/* When turn() must be called at the latest (seed_clock_now_ms() scale), or
 * INT64_MAX. */
int64_t seed_worker_pool_next_ms(const struct seed_worker_pool *pool);

/* Takes answers, reaps dead workers, starts what can start. Call it whenever a
 * descriptor is ready or the time above has come; calling it more often is
 * harmless. */
void seed_worker_pool_turn(struct seed_worker_pool *pool);

/* The worker's own main function: one job from `socket_fd`, or none if that is
 * closed. Returns its exit status. */
int seed_worker_main(int socket_fd);

#endif
