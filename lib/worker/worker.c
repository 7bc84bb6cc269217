/*
 * The worker's side: one job from the socket, and its answer.
 */
#include "lib/worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/worker/cage.h"
#include "lib/image/sink.h"
#include "lib/worker/wire.h"

/* The signals that a terminal or a service manager sends to the whole group:
 * the daemon decides when its workers end. */
static void ignore_signals(void)
{
	/* XFSZ: a file that is too large is an error of the write, not the picture's fault. */
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ};

	for (size_t i = 0; i < SEED_ARRAY_LEN(signals); i++)
		signal(signals[i], SIG_IGN);
}

/* Closes whatever the daemon, or the program that started it, forgot to mark close on
 * exec: a worker that holds such a descriptor would keep it open for ever. Input and
 * output lead nowhere, so that no job's descriptors land there. */
static void close_inherited(int socket_fd)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Without that file, standard error, which is bounded and read. */
	dup2(nowhere >= 0 ? nowhere : STDERR_FILENO, STDIN_FILENO);
	dup2(nowhere >= 0 ? nowhere : STDERR_FILENO, STDOUT_FILENO);
	syscall(SYS_close_range, (unsigned)socket_fd + 1, ~0U, 0);
}

/* Makes libraries do what they do once, at their first use: OpenSSL reads its
 * configuration. Whether it worked shows at the first picture. */
static bool warm_up(void)
{
	char sum[SEED_SHA256_HEX_BYTES];
	struct seed_error error;

	return seed_sha256("", 0, sum, &error) == 0;
}

static void run_job(int job_fd, int dest_fd, int source_fd, struct seed_wire_answer *message)
{
	struct seed_image_result *result = &message->result;
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
	message->over_limit = result->error.code == ENOMEM && seed_cage_is_limit();
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
	struct seed_wire_answer message = {0};
	int job_fd, dest_fd, source_fd;
	errint_t err;

	prctl(PR_SET_NAME, "seedfs-worker");
	ignore_signals();
	close_inherited(socket_fd);
	SEED_UNUSED(warm_up());
	/* Whichever walls are missing: the daemon has tried, and said so. */
	SEED_UNUSED(seed_cage_enter());
	err = seed_wire_receive_job(socket_fd, &message.id, &job_fd, &dest_fd, &source_fd);
	if (!err) {
		seed_cage_limit_time();
		run_job(job_fd, dest_fd, source_fd, &message);
		err = answer(socket_fd, &message);
	}
	/* The other end is gone: the usual end of one that was given nothing. */
	return !err || err == -EPIPE || err == -ECONNRESET ? 0 : SEED_WIRE_EXIT_NO_JOB;
}
