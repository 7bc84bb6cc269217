/*
 * The protocol between the pool and its workers: a packet of fixed size each
 * way. A job's numbers and strings (a prompt of 32 KiB and texts around it are
 * more than a packet holds) travel in a memfd beside it.
 *
 * Both ends are the same binary, so plain structures are the format; yet what
 * a worker sends back is only believed after seed_wire_check_result().
 */
#ifndef SEED_WIRE_H
#define SEED_WIRE_H

#include "lib/base/base.h"
#include "lib/worker/job.h"

enum {
	/* The descriptor on which a worker finds its socket. */
	SEED_WIRE_SOCKET_FD = 3,
	/* Its exit status if a job did not reach it completely: EX_TEMPFAIL. */
	SEED_WIRE_EXIT_NO_JOB = 75,
	/* Prompt and texts together; the texts hold the prompt again, in the
	 * parameters' JSON perhaps escaped. */
	SEED_WIRE_JOB_MAX_BYTES = 4 * 1024 * 1024,
	SEED_WIRE_TEXTS_MAX = 64,
};

struct seed_wire_answer {
	uint64_t id; /* of the job's packet */
	struct seed_image_result result;
	bool over_limit; /* ENOMEM, by the worker's limit of memory */
};

/* A memfd (close on exec) with the job, for reading only, or -errno: ENOMEM,
 * EFBIG, … */
int seed_wire_pack_job(const struct seed_image_job *job);

/* Replaces the descriptor by one of the same file, for reading only and close on
 * exec. Needs /proc, as the start of a worker does. -errno: it is closed, and -1. */
errint_t seed_wire_read_only(int *fd) SEED_MUST_CHECK;

/* A job from such a memfd. job->texts and every string are in *memory, which
 * the caller frees; set in any case. -EBADMSG, -ENOMEM, -EIO. */
errint_t seed_wire_unpack_job(int fd, struct seed_image_job *job, void **memory) SEED_MUST_CHECK;

/* Sends a job: its memfd, its destination, and its source where there is one
 * (-1: none). Never blocks. -errno. */
errint_t seed_wire_send_job(int socket_fd, uint64_t id, int job_fd, int dest_fd,
			    int source_fd) SEED_MUST_CHECK;

/* Waits for a job. The descriptors are the caller's; *source_fd may be -1.
 * -EPIPE: the socket is closed. */
errint_t seed_wire_receive_job(int socket_fd, uint64_t *id, int *job_fd, int *dest_fd,
			       int *source_fd) SEED_MUST_CHECK;

/* Terminates every string of a worker's result inside its field, and clears `local` and
 * what is not text: the picture may have taken over the worker. */
void seed_wire_check_result(struct seed_image_result *result);

#endif
