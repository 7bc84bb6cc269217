/*
 * The daemon's side of the workers.
 *
 * A slot is one worker process: none yet, idle, busy, or dying (its socket is
 * closed, it was killed if it lived, and it only has to be reaped). The job of
 * a worker that dies stays with its slot until then, since the signal that
 * ended it belongs into the message. Reaping is by pid and never blocks; there
 * is no descriptor to poll for it, so turn() asks again every few milliseconds
 * (the kernel needs that long to tear a large process down).
 */
#include "lib/image/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/image/wire.h"

/* How soon a process that was killed is asked for again. */
#define REAP_MS 2
#define KEPT_VARIABLES_MAX 8

struct pool_job {
	struct pool_job *next;
	uint64_t id;
	int job_fd, source_fd, dest_fd; /* owned; -1 */
	int64_t limit_ms;
	seed_worker_done_fn *done;
	void *context;
};

struct slot {
	pid_t pid;            /* 0: no process */
	int socket_fd;        /* -1 while none or dying */
	struct pool_job *job; /* owned; NULL: idle */
	int64_t deadline_ms;
	bool late;            /* was killed at its deadline */
};

struct seed_worker_pool {
	char *program;
	struct slot *slots;
	size_t count;
	struct pool_job *first, **last; /* waiting */
	uint64_t next_id;
};

errint_t seed_worker_pool_new(const char *program, int count, struct seed_worker_pool **pool)
{
	struct seed_worker_pool *new;

	assert(count > 0);
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->count = (size_t)count;
	new->last = &new->first;
	new->program = strdup(program);
	new->slots = calloc(new->count, sizeof(*new->slots));
	if (!new->program || !new->slots) {
		free(new->program);
		free(new->slots);
		free(new);
		return -ENOMEM;
	}
	for (size_t i = 0; i < new->count; i++)
		new->slots[i].socket_fd = -1;
	*pool = new;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Tells the outcome and ends the job. */
static void job_finish(struct pool_job *job, const struct seed_image_result *result)
{
	close_fd(&job->job_fd);
	close_fd(&job->source_fd);
	close_fd(&job->dest_fd);
	job->done(job->context, result);
	free(job);
}

static void job_fail(struct pool_job *job, const struct seed_error *error)
{
	struct seed_image_result result = {.error = *error};

	job_finish(job, &result);
}

errint_t seed_worker_pool_submit(struct seed_worker_pool *pool, const struct seed_image_job *job,
				 int source_fd, int dest_fd, int64_t limit_ms,
				 seed_worker_done_fn *done, void *context)
{
	struct pool_job *new = calloc(1, sizeof(*new));

	if (new) {
		new->job_fd = seed_wire_pack_job(job);
		/* Too many descriptors, or too long: memory of a kind. */
		if (new->job_fd < 0) {
			free(new);
			new = NULL;
		}
	}
	if (!new) {
		close_fd(&source_fd);
		close_fd(&dest_fd);
		return -ENOMEM;
	}
	new->id = ++pool->next_id;
	new->source_fd = source_fd;
	new->dest_fd = dest_fd;
	new->limit_ms = limit_ms;
	new->done = done;
	new->context = context;
	*pool->last = new;
	pool->last = &new->next;
	return 0;
}

static struct pool_job *take_first(struct seed_worker_pool *pool)
{
	struct pool_job *job = pool->first;

	pool->first = job->next;
	if (!pool->first)
		pool->last = &pool->first;
	job->next = NULL;
	return job;
}

/* The worker starts with the group's signals blocked, so that none ends it
 * before it ignores them, and with all others at their default. */
static errint_t set_signals(posix_spawnattr_t *attr)
{
	sigset_t blocked, all;
	int code;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGQUIT);
	sigfillset(&all);
	code = posix_spawnattr_setsigmask(attr, &blocked);
	if (!code)
		code = posix_spawnattr_setsigdefault(attr, &all);
	if (!code)
		code = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	return -code;
}

/* A worker reads hostile bytes: it gets nothing of the environment, where the
 * keys are, but what loading and sanitizers need. */
static void pick_environment(char *picked[KEPT_VARIABLES_MAX + 1])
{
	static const char *const kept[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
					   "LSAN_OPTIONS=", "TSAN_OPTIONS="};
	size_t n = 0;

	static_assert(SEED_ARRAY_LEN(kept) <= KEPT_VARIABLES_MAX, "each may be there once");
	for (char **at = environ; *at; at++)
		for (size_t i = 0; i < SEED_ARRAY_LEN(kept) && n < KEPT_VARIABLES_MAX; i++)
			if (!strncmp(*at, kept[i], strlen(kept[i])))
				picked[n++] = *at;
	picked[n] = NULL;
}

static errint_t spawn(const char *program, int socket_fd, pid_t *pid)
{
	char name[] = "seedfs", mode[] = "--worker";
	char *const argv[] = {name, mode, NULL};
	char *environment[KEPT_VARIABLES_MAX + 1];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	errint_t err;

	err = -posix_spawn_file_actions_init(&actions);
	if (err)
		return err;
	err = -posix_spawnattr_init(&attr);
	if (err)
		goto out;
	pick_environment(environment);
	err = set_signals(&attr);
	if (!err)
		err = -posix_spawn_file_actions_adddup2(&actions, socket_fd, SEED_WIRE_SOCKET_FD);
	if (!err)
		err = -posix_spawn(pid, program, &actions, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

static errint_t slot_start(struct seed_worker_pool *pool, struct slot *slot)
{
	int ends[2];
	errint_t err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	err = spawn(pool->program, ends[1], &slot->pid);
	close(ends[1]);
	if (err) {
		slot->pid = 0;
		close(ends[0]);
		return err;
	}
	slot->socket_fd = ends[0];
	slot->late = false;
	return 0;
}

/* From now on the process only has to be reaped. */
static void slot_kill(struct slot *slot)
{
	kill(slot->pid, SIGKILL);
	close_fd(&slot->socket_fd);
}

static void describe_end(const struct slot *slot, int status, struct seed_error *error)
{
	if (slot->late)
		seed_error_set(error, EBADMSG, "image not valid: the decoder took longer than %lld ms",
			       (long long)slot->job->limit_ms);
	else if (WIFSIGNALED(status))
		seed_error_set(error, EBADMSG, "image not valid: the decoder crashed (signal %d)",
			       WTERMSIG(status));
	else
		seed_error_set(error, EBADMSG, "image not valid: the decoder crashed (exit status %d)",
			       WEXITSTATUS(status));
}

static void slot_reap(struct slot *slot)
{
	struct pool_job *job = slot->job;
	struct seed_error error;
	int status = 0;

	if (!waitpid(slot->pid, &status, WNOHANG))
		return;
	if (job)
		describe_end(slot, status, &error);
	*slot = (struct slot){.socket_fd = -1};
	if (job)
		job_fail(job, &error);
}

static void slot_answered(struct slot *slot, struct seed_wire_answer *answer)
{
	struct pool_job *job = slot->job;

	slot->job = NULL;
	seed_wire_check_result(&answer->result);
	job_finish(job, &answer->result);
}

static void slot_receive(struct slot *slot)
{
	struct seed_wire_answer answer;
	ssize_t n;

	n = recv(slot->socket_fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Its end, or not an answer to what was asked: not to be trusted. */
	if (n != sizeof(answer) || !slot->job || answer.id != slot->job->id)
		slot_kill(slot);
	else
		slot_answered(slot, &answer);
}

/* Whether the worker has taken the job. One that died idle has not, and the
 * job is not to blame. */
static bool slot_give(struct slot *slot, struct pool_job *job)
{
	if (seed_wire_send_job(slot->socket_fd, job->id, job->job_fd, job->dest_fd,
			       job->source_fd)) {
		slot_kill(slot);
		return false;
	}
	close_fd(&job->job_fd);
	close_fd(&job->source_fd);
	close_fd(&job->dest_fd);
	slot->job = job;
	slot->deadline_ms = seed_clock_now_ms() + job->limit_ms;
	return true;
}

static bool slot_is_free(const struct slot *slot)
{
	return !slot->job && (!slot->pid || slot->socket_fd >= 0);
}

/* A slot with a worker that waits rather than one that needs a new process. */
static struct slot *find_free(struct seed_worker_pool *pool)
{
	struct slot *empty = NULL;

	for (size_t i = 0; i < pool->count; i++) {
		struct slot *slot = &pool->slots[i];

		if (slot_is_free(slot) && slot->pid)
			return slot;
		if (slot_is_free(slot) && !empty)
			empty = slot;
	}
	return empty;
}

static void start_waiting(struct seed_worker_pool *pool)
{
	struct slot *slot;

	while (pool->first && (slot = find_free(pool))) {
		errint_t err = slot->pid ? 0 : slot_start(pool, slot);
		struct seed_error error;

		if (err) {
			seed_error_set(&error, EIO, "cannot start a worker process: %s",
				       strerror(-err));
			job_fail(take_first(pool), &error);
		} else if (slot_give(slot, pool->first)) {
			take_first(pool);
		}
	}
}

void seed_worker_pool_turn(struct seed_worker_pool *pool)
{
	int64_t now_ms = seed_clock_now_ms();

	for (size_t i = 0; i < pool->count; i++) {
		struct slot *slot = &pool->slots[i];

		if (slot->socket_fd >= 0)
			slot_receive(slot);
		if (slot->socket_fd >= 0 && slot->job && now_ms >= slot->deadline_ms) {
			slot->late = true;
			slot_kill(slot);
		}
		if (slot->pid && slot->socket_fd < 0)
			slot_reap(slot);
	}
	start_waiting(pool);
}

size_t seed_worker_pool_fds(struct seed_worker_pool *pool, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->count && n < max; i++)
		if (pool->slots[i].socket_fd >= 0)
			fds[n++] = (struct pollfd){.fd = pool->slots[i].socket_fd, .events = POLLIN};
	return n;
}

int64_t seed_worker_pool_next_ms(const struct seed_worker_pool *pool)
{
	int64_t next_ms = INT64_MAX, now_ms = seed_clock_now_ms();

	for (size_t i = 0; i < pool->count; i++) {
		const struct slot *slot = &pool->slots[i];
		int64_t at_ms = INT64_MAX;

		if (slot->pid && slot->socket_fd < 0)
			at_ms = now_ms + REAP_MS;
		else if (slot->job)
			at_ms = slot->deadline_ms;
		else if (pool->first)
			at_ms = now_ms;
		if (at_ms < next_ms)
			next_ms = at_ms;
	}
	return next_ms;
}

static void slot_end(struct slot *slot)
{
	struct pool_job *job = slot->job;
	struct seed_error error;

	if (slot->pid) {
		slot_kill(slot);
		while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	*slot = (struct slot){.socket_fd = -1};
	if (!job)
		return;
	seed_error_set(&error, ESHUTDOWN, "the image work was given up: shutting down");
	job_fail(job, &error);
}

void seed_worker_pool_free(struct seed_worker_pool *pool)
{
	struct seed_error error;

	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++)
		slot_end(&pool->slots[i]);
	seed_error_set(&error, ESHUTDOWN, "the image work was given up: shutting down");
	while (pool->first)
		job_fail(take_first(pool), &error);
	free(pool->slots);
	free(pool->program);
	free(pool);
}
