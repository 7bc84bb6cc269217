/*
 * The daemon's side of the workers.
 *
 * A slot is one worker process: none, idle, busy, or dying (its socket is
 * closed, it was killed if it lived, and only needs to be reaped). There is one
 * more than either kind of job may use, so each kind always has one. A worker is
 * killed when it has answered, and its answer is believed when it is reaped: nobody
 * can write the result any more. The job of a worker that dies without one stays with
 * its slot: how the process ended decides what happens to the job, and a new process
 * in the same slot verifies it again. Whenever a job is given away, the next process
 * is started, if there is room: so a job seldom waits for one to start.
 * Reaping is by pid and never blocks. There is no descriptor to poll for it, so
 * turn() asks again every few milliseconds (the kernel needs that long to end
 * a large process).
 */
#include "lib/worker/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/worker/cage.h"
#include "lib/worker/wire.h"

/* How many bytes of a worker's standard error are looked at; the pipe holds 64 KiB. */
#define WORDS_BYTES 256
/* The pause before a killed process is asked for again. */
#define REAP_MS 2
#define KEPT_VARIABLES_MAX 8
/* How many tries on the same bytes may end without an answer, of either kind. */
#define FAULTS_MAX 2
#define MISSES_MAX 2
/* A worker that has used so much processor time was not kept from working: the bytes were too
 * much for it. Where others use the processors, too, the clock is at its limit first. */
#define BUSY_SECONDS (SEED_WORKER_CPU_SECONDS / 2)
/* The loader's exit status if it cannot load the program. */
#define EXIT_NOT_LOADED 127

/* Kinds of jobs, each with its own queue and its own limit. */
enum kind {
	KIND_PAID,
	KIND_ASIDE,
	KIND_COUNT
};

struct pool_job {
	struct pool_job *next;
	uint64_t id;
	enum kind kind;
	bool thumbnail;
	uint32_t width, height; /* of the result */
	int job_fd, source_fd, dest_fd; /* owned; -1 */
	int faults; /* tries that ended by the worker's own fault */
	int misses; /* tries that ended for a reason outside the bytes */
	int64_t limit_ms;
	seed_worker_done_fn *done;
	void *context;
};

/* Why a process was ended. */
enum end {
	END_NONE,    /* it ended by itself */
	END_LATE,    /* at its deadline */
	END_BUSY,    /* the same, in the midst of work (set when it is reaped) */
	END_STARVED, /* there was no memory */
	END_GREEDY,  /* it asked for more than its limit */
	END_STRAY,   /* it sent an invalid answer */
	END_DONE,    /* its answer is in `result` */
};

struct slot {
	pid_t pid;            /* 0: no process */
	int socket_fd;        /* -1 while none or dying */
	int error_fd;         /* the end of its standard error; -1: none */
	struct pool_job *job; /* owned; NULL: idle */
	int64_t deadline_ms;
	enum end end;
	struct seed_image_result result;
};

struct seed_worker_pool {
	char *program;
	struct slot *slots;
	size_t count;                   /* of slots */
	struct queue {
		struct pool_job *first, **last;
	} queues[KIND_COUNT];           /* waiting */
	uint64_t next_id;
	seed_worker_notice_fn *notice;
	void *context;
};

errint_t seed_worker_pool_new(const struct seed_worker_config *config,
			      struct seed_worker_pool **pool)
{
	struct seed_worker_pool *new;

	assert(config->count > 0);
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->count = (size_t)config->count + 1;
	new->notice = config->notice;
	new->context = config->context;
	for (size_t i = 0; i < KIND_COUNT; i++)
		new->queues[i].last = &new->queues[i].first;
	new->program = strdup(config->program);
	new->slots = calloc(new->count, sizeof(*new->slots));
	if (!new->program || !new->slots) {
		free(new->program);
		free(new->slots);
		free(new);
		return -ENOMEM;
	}
	for (size_t i = 0; i < new->count; i++)
		new->slots[i].socket_fd = new->slots[i].error_fd = -1;
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

	result.local = error->code != EBADMSG && error->code != ESHUTDOWN;
	job_finish(job, &result);
}

/* The worker may only read this: one that was taken over must not
 * change what the next one reads. */
static errint_t open_job(const struct seed_image_job *job, int *job_fd, int *source_fd)
{
	errint_t err = 0;

	*job_fd = seed_wire_pack_job(job);
	if (*job_fd < 0)
		return *job_fd;
	if (*source_fd >= 0)
		err = seed_wire_read_only(source_fd);
	return err;
}

errint_t seed_worker_pool_submit(struct seed_worker_pool *pool, const struct seed_image_job *job,
				 int source_fd, int dest_fd, int64_t limit_ms,
				 seed_worker_done_fn *done, void *context)
{
	struct pool_job *new = calloc(1, sizeof(*new));
	errint_t err = new ? 0 : -ENOMEM;
	struct queue *queue;
	int job_fd = -1;

	if (!err)
		err = open_job(job, &job_fd, &source_fd);
	if (err) {
		close_fd(&job_fd);
		close_fd(&source_fd);
		close_fd(&dest_fd);
		free(new);
		return err;
	}
	new->job_fd = job_fd;
	new->id = ++pool->next_id;
	new->source_fd = source_fd;
	new->dest_fd = dest_fd;
	new->limit_ms = limit_ms;
	new->done = done;
	new->context = context;
	new->kind = job->aside ? KIND_ASIDE : KIND_PAID;
	new->thumbnail = job->thumbnail;
	new->width = job->width;
	new->height = job->height;
	queue = &pool->queues[new->kind];
	*queue->last = new;
	queue->last = &new->next;
	return 0;
}

static struct pool_job *take_first(struct queue *queue)
{
	struct pool_job *job = queue->first;

	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
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

/* A worker reads hostile bytes. Of the environment, which has the keys, it gets only
 * what loading and sanitizers need. */
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

static errint_t spawn(const char *program, int socket_fd, int error_fd, pid_t *pid)
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
	if (!err && error_fd >= 0)
		err = -posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
	if (!err)
		err = -posix_spawn(pid, program, &actions, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* A worker's standard error: a pipe that neither end waits for, so that its
 * size is limited. A sanitizer's report is long, and goes where ours goes. */
static errint_t make_error_pipe(int ends[2])
{
	ends[0] = ends[1] = -1;
	if (SEED_CAGE_SANITIZED)
		return 0;
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
}

static errint_t slot_start(struct seed_worker_pool *pool, struct slot *slot)
{
	int ends[2] = {-1, -1}, errors[2];
	errint_t err;

	err = make_error_pipe(errors);
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		err = -errno;
	if (!err)
		err = spawn(pool->program, ends[1], errors[1], &slot->pid);
	close_fd(&ends[1]);
	close_fd(&errors[1]);
	if (err) {
		slot->pid = 0;
		close_fd(&ends[0]);
		close_fd(&errors[0]);
		return err;
	}
	slot->socket_fd = ends[0];
	slot->error_fd = errors[0];
	return 0;
}

/* There is no process any more. */
static void slot_clear(struct slot *slot)
{
	close_fd(&slot->error_fd);
	*slot = (struct slot){.socket_fd = -1, .error_fd = -1};
}

/* From now on the process only has to be reaped. */
static void slot_kill(struct slot *slot, enum end end)
{
	slot->end = end;
	kill(slot->pid, SIGKILL);
	close_fd(&slot->socket_fd);
}

/* Signals that nobody but the worker's own code, its cage or a limit sends. */
static bool is_own_fault(int signal)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP,
				      SIGABRT, SIGSYS, SIGXCPU};

	for (size_t i = 0; i < SEED_ARRAY_LEN(signals); i++)
		if (signals[i] == signal)
			return true;
	return false;
}

/* A worker whose socket is closed ends with status 0; so does a program that is no worker. */
static bool is_fault(const struct slot *slot, int status)
{
	if (slot->end != END_NONE)
		return slot->end == END_STRAY || slot->end == END_GREEDY || slot->end == END_BUSY;
	if (WIFSIGNALED(status))
		return is_own_fault(WTERMSIG(status));
	return WEXITSTATUS(status) && WEXITSTATUS(status) != EXIT_NOT_LOADED &&
	       WEXITSTATUS(status) != SEED_WIRE_EXIT_NO_JOB;
}

static void describe_miss(const struct slot *slot, int status, struct seed_error *error)
{
	if (slot->end == END_STARVED)
		seed_error_set(error, ENOMEM, "a worker had no memory");
	else if (slot->end == END_LATE)
		seed_error_set(error, EAGAIN, "a worker gave no answer in %lld ms",
			       (long long)slot->job->limit_ms);
	else if (WIFSIGNALED(status))
		seed_error_set(error, EAGAIN, "a worker was killed from outside (signal %d)",
			       WTERMSIG(status));
	else
		seed_error_set(error, EAGAIN, "a worker could not run (exit status %d)",
			       WEXITSTATUS(status));
}

static void describe_fault(const struct slot *slot, int status, struct seed_error *error)
{
	static const char prefix[] = "image not valid: the decoder";

	if (slot->end == END_STRAY)
		seed_error_set(error, EBADMSG, "%s sent an invalid answer", prefix);
	else if (slot->end == END_GREEDY)
		seed_error_set(error, EBADMSG, "%s took more than %d MiB of memory", prefix,
			       SEED_WORKER_MEMORY_MAX_BYTES / 1024 / 1024);
	else if (slot->end == END_BUSY)
		seed_error_set(error, EBADMSG, "%s worked for %d s of processor time and more without an end",
			       prefix, BUSY_SECONDS);
	else if (!WIFSIGNALED(status))
		seed_error_set(error, EBADMSG, "%s crashed (exit status %d)", prefix,
			       WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGXCPU)
		seed_error_set(error, EBADMSG, "%s took more than %d s of processor time", prefix,
			       SEED_WORKER_CPU_SECONDS);
	else if (WTERMSIG(status) == SIGSYS)
		seed_error_set(error, EBADMSG, "%s did what its cage forbids", prefix);
	else
		seed_error_set(error, EBADMSG, "%s crashed (signal %d)", prefix, WTERMSIG(status));
}

/* The first line of what a worker wrote to its standard error, if any. */
static void take_words(const struct slot *slot, char *words, size_t size)
{
	ssize_t len = slot->error_fd < 0 ? -1 : read(slot->error_fd, words, size - 1);

	words[len < 0 ? 0 : len] = '\0';
	words[strcspn(words, "\n")] = '\0';
}

static void give_notice(const struct seed_worker_pool *pool, const struct pool_job *job,
			const struct seed_error *error, const char *words, const char *then)
{
	char line[SEED_MESSAGE_MAX_BYTES + WORDS_BYTES + 64];

	if (!pool->notice)
		return;
	snprintf(line, sizeof(line), "%s%s%s%s; %s", error->message, words[0] ? ", saying \"" : "",
		 words, words[0] ? "\"" : "", then);
	pool->notice(pool->context, job->context, line);
}

/* Whether the worker was sent the job. */
static errint_t slot_give(struct slot *slot, struct pool_job *job)
{
	errint_t err = seed_wire_send_job(slot->socket_fd, job->id, job->job_fd, job->dest_fd,
					  job->source_fd);

	if (err) {
		slot_kill(slot, END_NONE);
		return err;
	}
	slot->job = job;
	slot->deadline_ms = seed_clock_now_ms() + job->limit_ms;
	return 0;
}

/* The process has ended before it could be given a job. */
static bool is_gone(errint_t err)
{
	return err == -EPIPE || err == -ECONNRESET;
}

/* Another try, by a process that has seen no other bytes. */
static void look_again(struct seed_worker_pool *pool, struct slot *slot, struct pool_job *job)
{
	errint_t err = slot_start(pool, slot);
	struct seed_error error;

	if (!err)
		err = slot_give(slot, job);
	if (is_gone(err)) { /* it counts as one that ended over the job: there may be no end of them */
		slot->job = job;
		return;
	}
	if (!err)
		return;
	seed_error_set(&error, -err, "cannot start a worker process");
	job_fail(job, &error);
}

/* A worker has ended over a job. */
static void job_unanswered(struct seed_worker_pool *pool, struct slot *slot, int status)
{
	struct pool_job *job = slot->job;
	char words[WORDS_BYTES];
	struct seed_error error;
	bool last;

	take_words(slot, words, sizeof(words));
	if (is_fault(slot, status)) {
		describe_fault(slot, status, &error);
		last = ++job->faults == FAULTS_MAX;
	} else {
		describe_miss(slot, status, &error);
		last = ++job->misses == MISSES_MAX;
	}
	slot_clear(slot);
	if (last) {
		job_fail(job, &error);
		return;
	}
	give_notice(pool, job, &error, words, "a new one verifies the same bytes");
	look_again(pool, slot, job);
}

/* Whether the answer can be one to the job. That the picture is what it says is the worker's to
 * verify; a worker that was taken over can lie about its own. */
static bool is_plausible(const struct pool_job *job, const struct seed_image_result *result)
{
	const struct seed_image_info *image = &result->image;
	struct stat st;

	if (result->error.code || job->thumbnail)
		return true;
	return image->width == job->width && image->height == job->height &&
	       fstat(job->dest_fd, &st) == 0 && st.st_size > 0 && image->bytes == (uint64_t)st.st_size &&
	       strspn(image->sha256, "0123456789abcdef") == SEED_SHA256_HEX_BYTES - 1;
}

/* The process is gone, and with it whoever could change its result. */
static void job_answered(struct slot *slot)
{
	struct seed_image_result result = slot->result;
	struct pool_job *job = slot->job;

	slot_clear(slot);
	result.local = result.error.code && result.error.code != EBADMSG;
	job_finish(job, &result);
}

static void slot_reap(struct seed_worker_pool *pool, struct slot *slot)
{
	struct rusage used = {0};
	int status = 0;

	if (!wait4(slot->pid, &status, WNOHANG, &used))
		return;
	if (slot->end == END_LATE && used.ru_utime.tv_sec + used.ru_stime.tv_sec >= BUSY_SECONDS)
		slot->end = END_BUSY;
	if (slot->end == END_DONE && !is_plausible(slot->job, &slot->result))
		slot->end = END_STRAY;
	if (slot->end == END_DONE)
		job_answered(slot);
	else if (slot->job)
		job_unanswered(pool, slot, status);
	else
		slot_clear(slot);
}

static void slot_answered(struct slot *slot, struct seed_wire_answer *answer)
{
	seed_wire_check_result(&answer->result);
	slot->result = answer->result;
	/* A new one is tried: by then the machine may have more. */
	if (slot->result.error.code == ENOMEM)
		slot_kill(slot, answer->over_limit ? END_GREEDY : END_STARVED);
	else
		slot_kill(slot, END_DONE);
}

static void slot_receive(struct slot *slot)
{
	struct seed_wire_answer answer;
	ssize_t n;

	n = recv(slot->socket_fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		slot_kill(slot, END_NONE); /* its end has closed the socket */
	else if (n != sizeof(answer) || !slot->job || answer.id != slot->job->id)
		slot_kill(slot, END_STRAY);
	else
		slot_answered(slot, &answer);
}

static bool slot_is_free(const struct slot *slot)
{
	return !slot->job && (!slot->pid || slot->socket_fd >= 0);
}

static bool may_start(const struct seed_worker_pool *pool, enum kind kind)
{
	size_t running = 0;

	for (size_t i = 0; i < pool->count; i++)
		running += pool->slots[i].job && pool->slots[i].job->kind == kind;
	return pool->queues[kind].first && running < pool->count - 1;
}

/* The queue whose turn it is, of those that may use another worker; or NULL. */
static struct queue *find_next(struct seed_worker_pool *pool)
{
	for (enum kind kind = 0; kind < KIND_COUNT; kind++)
		if (may_start(pool, kind))
			return &pool->queues[kind];
	return NULL;
}

/* A worker for the next job, before there is one. If it cannot be started now, that job tries again. */
static void start_spare(struct seed_worker_pool *pool)
{
	struct slot *empty = NULL;

	for (size_t i = 0; i < pool->count; i++) {
		struct slot *slot = &pool->slots[i];

		if (slot_is_free(slot) && slot->pid)
			return;
		if (slot_is_free(slot))
			empty = slot;
	}
	if (empty)
		SEED_UNUSED(slot_start(pool, empty) == 0);
}

/* Prefers a slot with a worker that waits to one that needs a new process. */
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
	struct queue *queue;
	struct slot *slot;

	while ((queue = find_next(pool)) && (slot = find_free(pool))) {
		errint_t err = slot->pid ? 0 : slot_start(pool, slot);
		struct seed_error error;

		if (!err)
			err = slot_give(slot, queue->first);
		if (!err) {
			take_first(queue);
			start_spare(pool);
		} else if (!is_gone(err)) { /* one that died idle is no job's fault */
			seed_error_set(&error, -err, "cannot start a worker process");
			job_fail(take_first(queue), &error);
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
			slot_kill(slot, END_LATE);
		}
		if (slot->pid && slot->socket_fd < 0)
			slot_reap(pool, slot);
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
	bool waiting = may_start(pool, KIND_PAID) || may_start(pool, KIND_ASIDE);
	int64_t next_ms = INT64_MAX, now_ms = seed_clock_now_ms();

	for (size_t i = 0; i < pool->count; i++) {
		const struct slot *slot = &pool->slots[i];
		int64_t at_ms = INT64_MAX;

		if (slot->pid && slot->socket_fd < 0)
			at_ms = now_ms + REAP_MS;
		else if (slot->job)
			at_ms = slot->deadline_ms;
		else if (waiting)
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

	if (slot->socket_fd >= 0)
		slot_kill(slot, END_NONE);
	if (slot->pid) {
		while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (slot->end == END_DONE && is_plausible(job, &slot->result)) {
		job_answered(slot);
		return;
	}
	slot_clear(slot);
	if (!job)
		return;
	seed_error_set(&error, ESHUTDOWN, "the picture was not verified: shutting down");
	job_fail(job, &error);
}

void seed_worker_pool_free(struct seed_worker_pool *pool)
{
	struct seed_error error;

	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++)
		slot_end(&pool->slots[i]);
	seed_error_set(&error, ESHUTDOWN, "the picture was not verified: shutting down");
	for (size_t i = 0; i < KIND_COUNT; i++)
		while (pool->queues[i].first)
			job_fail(take_first(&pool->queues[i]), &error);
	free(pool->slots);
	free(pool->program);
	free(pool);
}
