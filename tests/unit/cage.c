/*
 * What a worker can do to the program when its decoder goes wrong. Started with
 * "--worker", this program is one, with a decoder of its own: the prompt says
 * what it does. A job's first byte in the result counts how often it was begun.
 */
#include "tests/unit/unit.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/image/wire.h"
#include "lib/image/worker.h"

#define PATIENT_MS 120000

/* ---- the worker's side ---- */

/* Computes without end, in a second of its limit. */
static void spin(int times, int dest_fd)
{
	struct rlimit limit;

	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (getrlimit(RLIMIT_CPU, &limit) || limit.rlim_cur > SEED_WORKER_CPU_SECONDS + 1)
		return;
	limit.rlim_cur = 1;
	if (setrlimit(RLIMIT_CPU, &limit))
		return;
	for (volatile int i = 0;;)
		i = i + 1;
}

static void crash(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler exits */
	raise(SIGSEGV);
}

static void crash_once(int times, int dest_fd)
{
	if (times == 1)
		crash(times, dest_fd);
}

static void stop_itself(int times, int dest_fd)
{
	SEED_UNUSED(dest_fd);
	if (times == 1)
		raise(SIGSTOP);
}

static void hang(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	pause();
}

static void be_killed(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	raise(SIGKILL);
}

static void die_of_both(int times, int dest_fd)
{
	if (times == 2)
		raise(SIGKILL);
	crash(times, dest_fd);
}

static void leave(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	_exit(1);
}

static void babble(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (send(SEED_WIRE_SOCKET_FD, "what?", 5, 0) == 5)
		pause();
}

static const struct {
	const char *name;
	void (*run)(int times, int dest_fd);
} deeds[] = {
	{"spin", spin}, {"crash", crash}, {"crash once", crash_once}, {"stop", stop_itself},
	{"die of both", die_of_both}, {"leave", leave}, {"babble", babble},
	{"hang", hang}, {"kill", be_killed},
};

/* In the place of lib/image/image.c's. */
void seed_image_make(const struct seed_image_job *job, int source_fd, int dest_fd,
		     struct seed_image_result *result)
{
	char times = 0;

	SEED_UNUSED(source_fd);
	*result = (struct seed_image_result){0};
	if (pread(dest_fd, &times, 1, 0) < 0)
		abort();
	times++;
	if (pwrite(dest_fd, &times, 1, 0) != 1)
		abort();
	if (!strcmp(job->prompt, "starve")) {
		seed_error_set(&result->error, ENOMEM, "no memory");
		return;
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(deeds); i++)
		if (!strcmp(job->prompt, deeds[i].name))
			deeds[i].run(times, dest_fd);
}

/* ---- the pool's side ---- */

struct outcome {
	int calls, notices;
	struct seed_image_result result;
	char notice[1024];
};

static void on_done(void *context, const struct seed_image_result *result)
{
	struct outcome *outcome = context;

	outcome->calls++;
	outcome->result = *result;
}

static void on_notice(void *context, void *job, const char *line)
{
	struct outcome *outcome = job;

	SEED_UNUSED(context);
	outcome->notices++;
	snprintf(outcome->notice, sizeof(outcome->notice), "%s", line);
}

static struct seed_worker_pool *new_pool(void)
{
	const struct seed_worker_config config = {
		.program = "/proc/self/exe", .count = 1, .notice = on_notice,
	};
	struct seed_worker_pool *pool;

	assert_int_equal(seed_worker_pool_new(&config, &pool), 0);
	return pool;
}

/* Has the deed done; returns how often it was begun. */
static int have(struct seed_worker_pool *pool, const char *deed, int64_t limit_ms,
		struct outcome *outcome)
{
	const struct seed_image_job job = {.draw = true, .prompt = deed};
	int dest_fd = memfd_create("dest", MFD_CLOEXEC), kept = dup(dest_fd);
	struct pollfd fds[4];
	char times = 0;

	*outcome = (struct outcome){0};
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, dest_fd, limit_ms, on_done, outcome),
			 0);
	do {
		size_t count = seed_worker_pool_fds(pool, fds, SEED_ARRAY_LEN(fds));
		int64_t next_ms = seed_worker_pool_next_ms(pool) - seed_clock_now_ms();

		poll(fds, count, next_ms < 0 ? 0 : next_ms > PATIENT_MS ? PATIENT_MS : (int)next_ms);
		seed_worker_pool_turn(pool);
	} while (!outcome->calls);
	assert_int_equal(outcome->calls, 1);
	assert_int_equal(pread(kept, &times, 1, 0), 1);
	close(kept);
	return times;
}

/* Begun twice, and no picture; the next job finds a worker. */
static void twice_at_fault(const char *deed, const char *message)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	assert_int_equal(have(pool, deed, PATIENT_MS, &outcome), 2);
	assert_string_equal(outcome.result.error.message, message);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	assert_false(outcome.result.local);
	assert_int_equal(outcome.notices, 1);
	assert_int_equal(have(pool, "nothing", PATIENT_MS, &outcome), 1);
	assert_int_equal(outcome.result.error.code, 0);
	seed_worker_pool_free(pool);
}

/* Begun as often as said, in vain, and nothing is known about the bytes. */
static void local(const char *deed, int64_t limit_ms, int times, int code, const char *message)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	assert_int_equal(have(pool, deed, limit_ms, &outcome), times);
	assert_string_equal(outcome.result.error.message, message);
	assert_int_equal(outcome.result.error.code, code);
	assert_true(outcome.result.local);
	seed_worker_pool_free(pool);
}

static void own_faults(void **state)
{
	SEED_UNUSED(state);
	twice_at_fault("crash", "image not valid: the decoder crashed (signal 11)");
	twice_at_fault("leave", "image not valid: the decoder crashed (exit status 1)");
	twice_at_fault("spin", "image not valid: the decoder took more than 40 s of processor time");
	twice_at_fault("babble", "image not valid: the decoder sent what is no answer");
}

static void one_fault(void **state)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "crash once", PATIENT_MS, &outcome), 2);
	assert_int_equal(outcome.result.error.code, 0);
	assert_int_equal(outcome.notices, 1);
	assert_string_equal(outcome.notice, "image not valid: the decoder crashed (signal 11); "
			    "a new one looks at the same bytes");
	seed_worker_pool_free(pool);
}

static void one_hang(void **state)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "stop", 500, &outcome), 2);
	assert_int_equal(outcome.result.error.code, 0);
	assert_string_equal(outcome.notice, "a worker gave no answer in 500 ms; "
			    "a new one looks at the same bytes");
	seed_worker_pool_free(pool);
}

/* One fault and one death from outside do not add up to a judgement: a third look does. */
static void mixed(void **state)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "die of both", PATIENT_MS, &outcome), 3);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	assert_int_equal(outcome.notices, 2);
	assert_string_equal(outcome.notice, "a worker was killed from outside (signal 9); "
			    "a new one looks at the same bytes");
	seed_worker_pool_free(pool);
}

static void not_the_bytes(void **state)
{
	SEED_UNUSED(state);
	local("starve", PATIENT_MS, 2, ENOMEM, "a worker had no memory");
	local("hang", 100, 2, EAGAIN, "a worker gave no answer in 100 ms");
	local("kill", PATIENT_MS, 2, EAGAIN, "a worker was killed from outside (signal 9)");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_faults),
		cmocka_unit_test(one_fault),
		cmocka_unit_test(one_hang),
		cmocka_unit_test(mixed),
		cmocka_unit_test(not_the_bytes),
	};

	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return seed_worker_main(SEED_WIRE_SOCKET_FD);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
