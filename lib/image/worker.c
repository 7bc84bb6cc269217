/*
 * The worker's side: one job after another from the socket, until it is closed.
 */
#include "lib/image/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/image/heap.h"
#include "lib/image/wire.h"

/* The signals that a terminal or a service manager sends to the whole group:
 * the daemon decides when its workers end. */
static void ignore_group_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

	for (size_t i = 0; i < SEED_ARRAY_LEN(signals); i++)
		signal(signals[i], SIG_IGN);
}

/* Whatever the daemon, or the program that started it, forgot to mark close on
 * exec: a worker holding such a descriptor would keep it open for ever. */
static void close_inherited(int socket_fd)
{
	syscall(SYS_close_range, (unsigned)socket_fd + 1, ~0U, 0);
}

/* SIGXCPU ends a decoder that computes without end: what tells it from a
 * machine that stands still. The limit counts from the process's beginning. */
static void limit_time(void)
{
	struct rusage used;
	struct rlimit limit;

	if (getrusage(RUSAGE_SELF, &used) || getrlimit(RLIMIT_CPU, &limit))
		return;
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			 SEED_WORKER_CPU_SECONDS + 1;
	setrlimit(RLIMIT_CPU, &limit);
}

static void run_job(int job_fd, int dest_fd, int source_fd, struct seed_image_result *result)
{
	struct seed_image_job job;
	void *memory;
	errint_t err;

	err = seed_wire_unpack_job(job_fd, &job, &memory);
	if (!err) {
		seed_image_make(&job, source_fd, dest_fd, result);
	} else {
		*result = (struct seed_image_result){0};
		seed_error_set(&result->error, err == -ENOMEM ? ENOMEM : EIO,
			       "the worker cannot read its job: %s", strerror(-err));
	}
	free(memory);
}

static errint_t answer(int socket_fd, const struct seed_wire_answer *message)
{
	ssize_t n;

	do {
		n = send(socket_fd, message, sizeof(*message), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int seed_worker_main(int socket_fd)
{
	struct seed_wire_answer message;
	errint_t err;

	seed_heap_keep();
	/* A daemon that is killed takes its workers along. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "seedfs-worker");
	ignore_group_signals();
	close_inherited(socket_fd);
	for (;;) {
		int job_fd, dest_fd, source_fd;

		memset(&message, 0, sizeof(message));
		err = seed_wire_receive_job(socket_fd, &message.id, &job_fd, &dest_fd, &source_fd);
		if (err)
			break;
		limit_time();
		run_job(job_fd, dest_fd, source_fd, &message.result);
		close(job_fd);
		close(dest_fd);
		if (source_fd >= 0)
			close(source_fd);
		err = answer(socket_fd, &message);
		seed_heap_trim();
		if (err)
			break;
	}
	/* The other end is gone: the usual end of a worker. */
	return err == -EPIPE || err == -ECONNRESET ? 0 : SEED_WIRE_EXIT_NO_JOB;
}
