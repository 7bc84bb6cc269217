/* The pool and its workers. Started with "--worker", this program is one. */
#include "tests/unit/image_make.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/worker/wire.h"
#include "lib/worker/worker.h"

#define PATIENT_MS 60000

struct outcome {
	int calls;
	struct seed_image_result result;
};

static void done(void *context, const struct seed_image_result *result)
{
	struct outcome *outcome = context;

	outcome->calls++;
	outcome->result = *result;
}

/* The lines that a pool gave for the log, the last of them, and about which job. */
static int notices;
static char last_notice[1024];
static void *last_job;

static void note(void *context, void *job, const char *line)
{
	SEED_UNUSED(context);
	notices++;
	last_job = job;
	snprintf(last_notice, sizeof(last_notice), "%s", line);
}

static struct seed_worker_pool *new_pool(const char *program, int count)
{
	const struct seed_worker_config config = {.program = program, .count = count, .notice = note};
	struct seed_worker_pool *pool;

	notices = 0;
	assert_int_equal(seed_worker_pool_new(&config, &pool), 0);
	return pool;
}

/* What the engine's loop does, once. */
static void turn(struct seed_worker_pool *pool)
{
	int64_t next_ms = seed_worker_pool_next_ms(pool), now_ms = seed_clock_now_ms();
	struct pollfd fds[16];
	size_t n = seed_worker_pool_fds(pool, fds, SEED_ARRAY_LEN(fds));

	assert_true(n || next_ms != INT64_MAX);
	if (next_ms > now_ms)
		assert_true(poll(fds, n, next_ms - now_ms > PATIENT_MS ? PATIENT_MS
								       : (int)(next_ms - now_ms)) >= 0);
	seed_worker_pool_turn(pool);
}

static void run(struct seed_worker_pool *pool, const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		while (!outcomes[i].calls)
			turn(pool);
}

/* A small sketch; its destination stays open here as *kept. */
static void submit_as(struct seed_worker_pool *pool, bool aside, const char *prompt, uint32_t width,
		      int64_t limit_ms, struct outcome *outcome, int *kept)
{
	const struct seed_image_job job = {
		.draw = true, .prompt = prompt, .width = width, .height = width * 9 / 16,
		.max_upscale = 2, .aside = aside,
	};
	int fd = memfd_create("dest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	if (kept) {
		*kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		assert_true(*kept >= 0);
	}
	*outcome = (struct outcome){0};
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, fd, limit_ms, done, outcome), 0);
}

static void submit(struct seed_worker_pool *pool, const char *prompt, uint32_t width, int64_t limit_ms,
		   struct outcome *outcome, int *kept)
{
	submit_as(pool, false, prompt, width, limit_ms, outcome, kept);
}

/* The pids of the children that run, in no order. */
static size_t children(pid_t *pids, size_t max)
{
	char path[64], text[1024] = "";
	size_t n = 0;
	char *at = text;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	while (n < max && *at) {
		char *end;
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		pids[n++] = (pid_t)pid;
		at = end;
	}
	return n;
}

/* Gives a new pool's worker a job (a wide one takes long), and returns its pid; 0 where
 * the system does not tell children. The oldest has it; the other waits for the next. */
static pid_t start_job(struct seed_worker_pool *pool, uint32_t width, struct outcome *outcome)
{
	pid_t pids[2];

	submit(pool, "mountains", width, PATIENT_MS, outcome, NULL);
	seed_worker_pool_turn(pool);
	return children(pids, 2) == 2 ? pids[0] : 0;
}

static void jobs_in_order(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 2);
	struct outcome outcomes[8];
	pid_t pids[8];
	int fds[8];

	SEED_UNUSED(state);
	assert_true(seed_worker_pool_next_ms(pool) == INT64_MAX);
	for (int i = 0; i < 8; i++)
		submit(pool, "hills", 64, PATIENT_MS, &outcomes[i], &fds[i]);
	assert_int_equal(outcomes[0].calls, 0);
	assert_int_equal(children(pids, 8), 0);
	run(pool, outcomes, 8);
	/* None is left but the one that waits. */
	assert_in_range(children(pids, 8), 0, 1);
	for (int i = 0; i < 8; i++) {
		struct stat st;

		assert_int_equal(outcomes[i].calls, 1);
		assert_int_equal(outcomes[i].result.error.code, 0);
		assert_string_equal(outcomes[i].result.source.format, "sketch");
		assert_string_equal(outcomes[i].result.image.sha256, outcomes[0].result.image.sha256);
		assert_int_equal(fstat(fds[i], &st), 0);
		assert_int_equal(st.st_size, outcomes[i].result.image.bytes);
		close(fds[i]);
	}
	seed_worker_pool_free(pool);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* It is no worker's fault. */
static void a_size_of_nothing(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct outcome outcome;

	SEED_UNUSED(state);
	submit(pool, "hills", 0, PATIENT_MS, &outcome, NULL);
	run(pool, &outcome, 1);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	assert_string_equal(outcome.result.error.message, "a picture of 0x0 was asked for");
	assert_int_equal(notices, 0);
	seed_worker_pool_free(pool);
}

/* Starts a new pool's job number `at`, which stands still in a process of its own; its pid, or 0
 * where the system does not tell children. */
static pid_t start_stopped(struct seed_worker_pool *pool, bool aside, size_t at, struct outcome *outcome)
{
	pid_t pids[4];

	submit_as(pool, aside, "mountains", 1024, PATIENT_MS, outcome, NULL);
	seed_worker_pool_turn(pool);
	if (children(pids, 4) <= at)
		return 0;
	assert_int_equal(kill(pids[at], SIGSTOP), 0);
	return pids[at];
}

/* Whichever kind holds its workers for as long as it likes, the other has one. */
static void neither_kind_takes_all(void **state)
{
	SEED_UNUSED(state);
	for (int aside = 0; aside < 2; aside++) {
		struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
		struct outcome outcomes[3];
		pid_t pid, pids[3];

		pid = start_stopped(pool, aside, 0, &outcomes[0]);
		if (!pid) {
			seed_worker_pool_free(pool);
			skip();
		}
		submit_as(pool, aside, "hills", 64, PATIENT_MS, &outcomes[1], NULL);
		submit_as(pool, !aside, "hills", 64, PATIENT_MS, &outcomes[2], NULL);
		run(pool, &outcomes[2], 1);
		assert_int_equal(outcomes[2].result.error.code, 0);
		assert_int_equal(outcomes[0].calls + outcomes[1].calls, 0);
		/* A worker is free, and yet there is nothing to do at once. */
		assert_in_range(children(pids, 3), 1, 2);
		assert_true(seed_worker_pool_next_ms(pool) > seed_clock_now_ms());
		assert_int_equal(kill(pid, SIGCONT), 0);
		run(pool, outcomes, 2);
		assert_int_equal(outcomes[0].result.error.code, 0);
		assert_int_equal(outcomes[1].result.error.code, 0);
		seed_worker_pool_free(pool);
	}
}

/* A worker that either kind could use is the paid job's, though it came last. */
static void paid_goes_first(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 2);
	struct outcome stopped[3], aside, paid;
	pid_t pids[3];

	SEED_UNUSED(state);
	for (size_t i = 0; i < 3; i++)
		pids[i] = start_stopped(pool, i < 2, i, &stopped[i]);
	if (!pids[0]) {
		seed_worker_pool_free(pool);
		skip();
	}
	submit_as(pool, true, "hills", 64, PATIENT_MS, &aside, NULL);
	submit_as(pool, false, "hills", 64, PATIENT_MS, &paid, NULL);
	assert_int_equal(kill(pids[0], SIGCONT), 0);
	run(pool, &paid, 1);
	assert_int_equal(stopped[0].calls, 1);
	assert_int_equal(aside.calls, 0);
	run(pool, &aside, 1);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(kill(pids[i], SIGCONT), 0);
	run(pool, stopped, 3);
	seed_worker_pool_free(pool);
}

/* A prompt of 32 KiB and texts of 200 KB pass unchanged. */
static void large_job(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	size_t prompt_len = SEED_PROMPT_MAX_BYTES, text_len = 200 * 1000;
	char *prompt = malloc(prompt_len + 1), *text = malloc(text_len + 1);
	const struct seed_image_text texts[] = {{"Title", "small"}, {"Parameters", text}, {"Empty", ""}};
	struct seed_image_job job = {.draw = true, .prompt = prompt, .width = 32, .height = 18,
				     .max_upscale = 2, .texts = texts, .text_count = 3};
	struct outcome outcome = {0};
	int fd = memfd_create("dest", MFD_CLOEXEC), kept = dup(fd);
	char *made = malloc(text_len + 4096), *found;

	SEED_UNUSED(state);
	assert_true(prompt && text && made && kept >= 0);
	memset(prompt, 'p', prompt_len);
	memset(text, 't', text_len);
	prompt[prompt_len] = text[text_len] = '\0';
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, fd, PATIENT_MS, done, &outcome), 0);
	/* Copied: the caller's may go. */
	memset(prompt, 'x', prompt_len);
	run(pool, &outcome, 1);
	assert_string_equal(outcome.result.error.message, "");
	assert_true(pread(kept, made, text_len + 4096, 0) > (ssize_t)text_len);
	found = memmem(made, text_len + 4096, "iTXtParameters\0\0\0\0\0", 19);
	assert_non_null(found);
	assert_memory_equal(found + 19, text, text_len);
	close(kept);
	free(prompt);
	free(text);
	free(made);
	seed_worker_pool_free(pool);
}

static void invalid_source(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct seed_image_job job = {.width = 64, .height = 36, .max_upscale = 2};
	struct outcome outcome = {0};
	int source = memfd_create("source", MFD_CLOEXEC), dest = memfd_create("dest", MFD_CLOEXEC);

	SEED_UNUSED(state);
	assert_int_equal(write(source, "<html>", 6), 6);
	assert_int_equal(seed_worker_pool_submit(pool, &job, source, dest, PATIENT_MS, done, &outcome), 0);
	run(pool, &outcome, 1);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	assert_string_equal(outcome.result.error.message,
			    "image not valid: neither PNG, JPEG nor WebP");
	assert_int_equal(outcome.result.source.bytes, 6);
	seed_worker_pool_free(pool);
	/* Both were the pool's to close. */
	assert_int_equal(fcntl(source, F_GETFD), -1);
	assert_int_equal(fcntl(dest, F_GETFD), -1);
}

/* What ends a worker from outside costs a new one, which looks at the same bytes. */
static void killed_once(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct outcome outcomes[2];
	pid_t pid = start_job(pool, 4096, &outcomes[0]);

	SEED_UNUSED(state);
	if (!pid) {
		seed_worker_pool_free(pool);
		skip();
	}
	submit(pool, "hills", 64, PATIENT_MS, &outcomes[1], NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	run(pool, outcomes, 2);
	assert_int_equal(outcomes[0].calls, 1);
	assert_string_equal(outcomes[0].result.error.message, "");
	assert_int_equal(outcomes[0].result.image.width, 4096);
	assert_int_equal(outcomes[1].result.error.code, 0);
	assert_int_equal(notices, 1);
	assert_ptr_equal(last_job, &outcomes[0]);
	assert_string_equal(last_notice, "a worker was killed from outside (signal 9); "
			    "a new one verifies the same bytes");
	seed_worker_pool_free(pool);
}

/* Turns until another process than `pid` has its job, the youngest. */
static pid_t wait_for_another(struct seed_worker_pool *pool, pid_t pid)
{
	pid_t now[3];

	while (children(now, 3) != 2 || now[0] == pid || now[1] == pid)
		turn(pool);
	return now[1];
}

/* Ends two workers over one job; what is told. */
static struct seed_image_result kill_twice(struct seed_worker_pool *pool, int signal)
{
	struct outcome outcome = {0};
	pid_t pid = start_job(pool, 8192, &outcome);

	for (int i = 0; pid && i < 2; i++) {
		assert_int_equal(kill(pid, signal), 0);
		if (!i)
			pid = wait_for_another(pool, pid);
	}
	if (pid)
		run(pool, &outcome, 1);
	seed_worker_pool_free(pool);
	if (!pid)
		skip();
	assert_int_equal(notices, 1);
	return outcome.result;
}

/* … twice: nothing is known about the bytes, and nothing is said about them. */
static void killed_twice(void **state)
{
	struct seed_image_result result = kill_twice(new_pool("/proc/self/exe", 1), SIGKILL);

	SEED_UNUSED(state);
	assert_int_equal(result.error.code, EAGAIN);
	assert_true(result.local);
	assert_string_equal(result.error.message, "a worker was killed from outside (signal 9)");
}

/* A decoder's own fault, twice on the same bytes: they are no picture. */
static void crash(void **state)
{
	struct seed_image_result result = kill_twice(new_pool("/proc/self/exe", 1), SIGSEGV);

	SEED_UNUSED(state);
	assert_int_equal(result.error.code, EBADMSG);
	assert_false(result.local);
	assert_non_null(strstr(result.error.message, "image not valid: the decoder crashed ("));
}

/* A hang says nothing about the bytes, however often; other jobs go on. */
static void deadline(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	int64_t start_ms = seed_clock_now_ms();
	struct outcome outcomes[2];

	SEED_UNUSED(state);
	submit(pool, "mountains", 8192, 50, &outcomes[0], NULL);
	submit(pool, "hills", 64, PATIENT_MS, &outcomes[1], NULL);
	run(pool, outcomes, 1);
	assert_true(seed_clock_now_ms() - start_ms >= 100);
	assert_int_equal(notices, 1);
	assert_string_equal(last_notice, "a worker gave no answer in 50 ms; "
			    "a new one verifies the same bytes");
	assert_int_equal(outcomes[0].result.error.code, EAGAIN);
	assert_true(outcomes[0].result.local);
	assert_string_equal(outcomes[0].result.error.message, "a worker gave no answer in 50 ms");
	run(pool, outcomes, 2);
	assert_int_equal(outcomes[1].result.error.code, 0);
	assert_false(outcomes[1].result.local);
	seed_worker_pool_free(pool);
}

/* One that dies while it waits is replaced without a word. */
static void idle_death(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct outcome outcome;
	pid_t pid, other;

	SEED_UNUSED(state);
	submit(pool, "hills", 64, PATIENT_MS, &outcome, NULL);
	run(pool, &outcome, 1);
	if (children(&pid, 1) != 1) {
		seed_worker_pool_free(pool);
		skip();
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (seed_worker_pool_next_ms(pool) != INT64_MAX || children(&other, 1))
		turn(pool);
	submit(pool, "hills", 64, PATIENT_MS, &outcome, NULL);
	run(pool, &outcome, 1);
	assert_int_equal(outcome.result.error.code, 0);
	assert_int_equal(children(&other, 1), 1);
	assert_int_not_equal(pid, other);
	seed_worker_pool_free(pool);
}

/* Ctrl-C and a service manager's stop reach the whole group. */
static void group_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct outcome outcome;
	pid_t pid = start_job(pool, 1024, &outcome);

	SEED_UNUSED(state);
	if (!pid) {
		seed_worker_pool_free(pool);
		skip();
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(signals); i++)
		assert_int_equal(kill(pid, signals[i]), 0);
	run(pool, &outcome, 1);
	assert_string_equal(outcome.result.error.message, "");
	seed_worker_pool_free(pool);
}

static void no_program(void **state)
{
	struct seed_worker_pool *pool = new_pool("/nowhere/seedfs", 1);
	struct outcome outcome;

	SEED_UNUSED(state);
	submit(pool, "hills", 64, PATIENT_MS, &outcome, NULL);
	run(pool, &outcome, 1);
	assert_int_equal(outcome.result.error.code, ENOENT);
	assert_true(outcome.result.local);
	assert_string_equal(outcome.result.error.message, "cannot start a worker process");
	seed_worker_pool_free(pool);
}

/* No descriptor is left for a worker's socket: the job waits elsewhere, unjudged. */
static void no_descriptors(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct rlimit before, none;
	struct outcome outcome;
	int source, dest;

	SEED_UNUSED(state);
	submit(pool, "hills", 64, PATIENT_MS, &outcome, NULL);
	source = memfd_create("source", MFD_CLOEXEC);
	dest = memfd_create("dest", MFD_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	seed_worker_pool_turn(pool);
	assert_int_equal(seed_worker_pool_submit(pool, &(struct seed_image_job){.draw = true}, source,
						 dest, PATIENT_MS, done, &outcome), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.result.error.code, EMFILE);
	assert_true(outcome.result.local);
	assert_int_equal(fcntl(source, F_GETFD), -1);
	assert_int_equal(fcntl(dest, F_GETFD), -1);
	seed_worker_pool_free(pool);
}

/* A program that is no worker: it ends at once, or says nothing. */
static void wrong_program(void **state)
{
	struct seed_worker_pool *pool = new_pool("/bin/true", 1);
	struct outcome outcome;

	SEED_UNUSED(state);
	submit(pool, "hills", 64, PATIENT_MS, &outcome, NULL);
	run(pool, &outcome, 1);
	assert_int_equal(outcome.result.error.code, EAGAIN);
	assert_true(outcome.result.local);
	assert_string_equal(outcome.result.error.message,
			    "a worker could not run (exit status 0)");
	seed_worker_pool_free(pool);
}

static void shutdown_with_jobs(void **state)
{
	struct seed_worker_pool *pool = new_pool("/proc/self/exe", 1);
	struct outcome outcomes[3];

	SEED_UNUSED(state);
	for (int i = 0; i < 3; i++)
		submit(pool, "hills", 8192, PATIENT_MS, &outcomes[i], NULL);
	seed_worker_pool_turn(pool);
	seed_worker_pool_free(pool);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(outcomes[i].calls, 1);
		assert_int_equal(outcomes[i].result.error.code, ESHUTDOWN);
		assert_false(outcomes[i].result.local);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	seed_worker_pool_free(NULL);
}

struct chain {
	struct seed_worker_pool *pool;
	int left;
};

static void submit_next(struct chain *chain);

static void next_done(void *context, const struct seed_image_result *result)
{
	struct chain *chain = context;

	assert_int_equal(result->error.code, 0);
	if (--chain->left)
		submit_next(chain);
}

static void submit_next(struct chain *chain)
{
	struct seed_image_job job = {.draw = true, .prompt = "x", .width = 32, .height = 18};

	assert_int_equal(seed_worker_pool_submit(chain->pool, &job, -1,
						 memfd_create("dest", MFD_CLOEXEC), PATIENT_MS,
						 next_done, chain), 0);
}

/* A job may be submitted from where another's end is told. */
static void submit_from_done(void **state)
{
	struct chain chain = {.pool = new_pool("/proc/self/exe", 2), .left = 5};

	SEED_UNUSED(state);
	submit_next(&chain);
	while (chain.left)
		turn(chain.pool);
	seed_worker_pool_free(chain.pool);
}

/* No descriptor is left open by any of it. */
static void descriptors(void **state)
{
	int before = dup(0), after;

	close(before);
	crash(state);
	deadline(state);
	shutdown_with_jobs(state);
	no_program(state);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

/* The wire */

static void wire_round_trip(void **state)
{
	static const struct seed_image_text texts[] = {{"A", "one"}, {"B", ""}};
	static const struct seed_image_job jobs[] = {
		{.draw = true, .prompt = "p\xc3\xa4", .width = 1, .height = 2, .max_upscale = 1.5,
		 .texts = texts, .text_count = 2},
		{.no_upscale = true, .width = 2048, .height = 1152, .max_upscale = 2},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(jobs); i++) {
		int fd = seed_wire_pack_job(&jobs[i]);
		struct seed_image_job job;
		void *memory;

		assert_true(fd >= 0);
		assert_int_equal(seed_wire_unpack_job(fd, &job, &memory), 0);
		assert_int_equal(job.draw, jobs[i].draw);
		assert_int_equal(job.no_upscale, jobs[i].no_upscale);
		assert_int_equal(job.width, jobs[i].width);
		assert_int_equal(job.height, jobs[i].height);
		assert_true(job.max_upscale >= jobs[i].max_upscale &&
			    job.max_upscale <= jobs[i].max_upscale);
		assert_int_equal(!job.prompt, !jobs[i].prompt);
		if (job.prompt)
			assert_string_equal(job.prompt, jobs[i].prompt);
		assert_int_equal(job.text_count, jobs[i].text_count);
		for (size_t t = 0; t < job.text_count; t++) {
			assert_string_equal(job.texts[t].keyword, texts[t].keyword);
			assert_string_equal(job.texts[t].text, texts[t].text);
		}
		free(memory);
		close(fd);
	}
}

/* A job cut anywhere, or changed in length, is refused and not read too far. */
static void wire_cut(void **state)
{
	static const struct seed_image_text text = {"Key", "text"};
	static const struct seed_image_job job = {.draw = true, .prompt = "prompt", .texts = &text,
						  .text_count = 1};
	int packed = seed_wire_pack_job(&job), fd;
	struct seed_image_job got;
	struct stat st;
	void *memory;
	char path[32];

	SEED_UNUSED(state);
	/* It is for reading only. */
	assert_int_equal(write(packed, "x", 1), -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", packed);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	close(packed);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "x", 1, st.st_size), 1);
	assert_int_equal(seed_wire_unpack_job(fd, &got, &memory), -EBADMSG);
	free(memory);
	for (off_t len = st.st_size - 1; len >= 0; len--) {
		uint32_t claimed = (uint32_t)len;

		assert_int_equal(ftruncate(fd, len), 0);
		assert_int_equal(seed_wire_unpack_job(fd, &got, &memory), -EBADMSG);
		free(memory);
		/* Also where its own length agrees. */
		if (len < 4)
			continue;
		assert_int_equal(pwrite(fd, &claimed, 4, 0), 4);
		assert_int_equal(seed_wire_unpack_job(fd, &got, &memory), -EBADMSG);
		free(memory);
	}
	close(fd);
}

static void wire_result_is_checked(void **state)
{
	struct seed_image_result result;

	SEED_UNUSED(state);
	memset(&result, 'x', sizeof(result));
	result.error.code = EPERM;
	result.local = true;
	result.error.message[3] = '\n';
	seed_wire_check_result(&result);
	assert_int_equal(result.error.code, EIO);
	assert_false(result.local);
	assert_int_equal(strlen(result.error.message), sizeof(result.error.message) - 1);
	assert_int_equal(result.error.message[3], ' ');
	assert_int_equal(strlen(result.source.format), sizeof(result.source.format) - 1);
	assert_int_equal(strlen(result.source.fit), sizeof(result.source.fit) - 1);
	assert_int_equal(strlen(result.source.sha256), 64);
	assert_int_equal(strlen(result.image.sha256), 64);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_round_trip),
		cmocka_unit_test(wire_cut),
		cmocka_unit_test(wire_result_is_checked),
		cmocka_unit_test(jobs_in_order),
		cmocka_unit_test(a_size_of_nothing),
		cmocka_unit_test(neither_kind_takes_all),
		cmocka_unit_test(paid_goes_first),
		cmocka_unit_test(large_job),
		cmocka_unit_test(invalid_source),
		cmocka_unit_test(crash),
		cmocka_unit_test(killed_once),
		cmocka_unit_test(killed_twice),
		cmocka_unit_test(deadline),
		cmocka_unit_test(idle_death),
		cmocka_unit_test(group_signals),
		cmocka_unit_test(no_program),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(wrong_program),
		cmocka_unit_test(shutdown_with_jobs),
		cmocka_unit_test(submit_from_done),
		cmocka_unit_test(descriptors),
	};

	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return seed_worker_main(SEED_WIRE_SOCKET_FD);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
