/*
 * What a worker can do to the program when its decoder goes wrong. Started with
 * "--worker", this program is one, with a decoder of its own: the prompt says
 * what it does. A job's first byte in the result counts how often it was begun.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/worker/cage.h"
#include "lib/worker/wire.h"
#include "lib/worker/worker.h"

#define PATIENT_MS 120000
/* A worker that waits until somebody reads what it writes is ended by nothing else. */
#define SOON_MS 10000
#define MEMORY_MIB "1536"
#define WORKERS 2147507949U

/* What is added to the processor time of a process that was reaped: a test has no twenty
 * seconds. */
static time_t added_seconds;

pid_t __real_wait4(pid_t pid, int *status, int options, struct rusage *used);
pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *used);

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *used)
{
	pid_t reaped = __real_wait4(pid, status, options, used);

	if (reaped > 0)
		used->ru_utime.tv_sec += added_seconds;
	return reaped;
}

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
	for (volatile unsigned i = 0;;)
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
	for (volatile int i = 0;;)
		i = 1 - i;
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

/* What a deed came to, for the test to read: "image not valid" by its code. */
static struct seed_error *report;

static void say_who(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	seed_error_set(report, EBADMSG, "%d", (int)getpid());
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
	if (send(SEED_WIRE_SOCKET_FD, "what?", 5, 0) != 5)
		abort();
}

/* What is said of the result, where that is not so. */
static void (*lie)(struct seed_image_info *);

static void tell_truth(int dest_fd, struct seed_image_info *image)
{
	off_t size = lseek(dest_fd, 0, SEEK_END);

	if (size < 0)
		abort();
	image->bytes = (uint64_t)size;
	memset(image->sha256, 'a', SEED_SHA256_HEX_BYTES - 1);
}

#define LIE(name, what) \
	static void say_##name(struct seed_image_info *image) \
	{ \
		what; \
	} \
	static void lie_##name(int times, int dest_fd) \
	{ \
		SEED_UNUSED(times); \
		SEED_UNUSED(dest_fd); \
		lie = say_##name; \
	}
LIE(width, image->width = 4294967295U)
LIE(height, image->height = 1)
LIE(bytes, image->bytes = UINT64_MAX)
LIE(sum, memcpy(image->sha256, "../", 3))
LIE(half_a_sum, image->sha256[63] = '\0')

static void tell_nothing(int times, int dest_fd)
{
	SEED_UNUSED(times);
	if (ftruncate(dest_fd, 0) < 0)
		abort();
}

/* Answers in the program's place, to the first job of a pool, and writes on. */
static void write_on(int times, int dest_fd)
{
	struct seed_wire_answer answer = {.id = 1};

	SEED_UNUSED(times);
	tell_truth(dest_fd, &answer.result.image);
	if (send(SEED_WIRE_SOCKET_FD, &answer, sizeof(answer), 0) != sizeof(answer))
		abort();
	for (uint32_t i = 0;; i++)
		if (pwrite(dest_fd, &i, sizeof(i), 1) != sizeof(i))
			abort();
}

static void out_of_memory(void)
{
	seed_error_set(report, ENOMEM, "no memory");
}

/* All that it gets, touched; without a limit the machine would have to give it. */
static void allocate(int times, int dest_fd)
{
	const size_t step = 16 * 1024 * 1024;
	size_t got = 0;
	char *block;

	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	while (got <= SEED_WORKER_MEMORY_MAX_BYTES && (block = malloc(step))) {
		memset(block, 1, 4096);
		got += step;
	}
	if (got <= SEED_WORKER_MEMORY_MAX_BYTES)
		out_of_memory();
}

/* A file larger than any result. */
static void fill(int times, int dest_fd)
{
	SEED_UNUSED(times);
	if (pwrite(dest_fd, "x", 1, SEED_WORKER_FILE_MAX_BYTES) == 1 || errno != EFBIG)
		seed_error_set(report, EBADMSG, "written");
}

/* Each way to a file: all are refused, and the worker lives. */
static void open_files(int times, int dest_fd)
{
	struct stat st;
	char target[16];

	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		seed_error_set(report, EBADMSG, "opened a file");
	else if (open("/proc/self/exe", O_RDONLY | O_CLOEXEC) >= 0)
		seed_error_set(report, EBADMSG, "opened itself");
	else if (open("/tmp/seedfs-cage", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
		seed_error_set(report, EBADMSG, "made a file");
	else if (!stat("/etc/passwd", &st) || !access("/etc/passwd", R_OK) ||
		 readlink("/proc/self/exe", target, sizeof(target)) >= 0)
		seed_error_set(report, EBADMSG, "looked at a file");
	else if (!unlink("/tmp/seedfs-cage") || errno != ENOSYS)
		seed_error_set(report, EBADMSG, "removed a file");
	else if (memfd_create("more", 0) >= 0 || dup(0) >= 0)
		seed_error_set(report, EBADMSG, "has a descriptor more");
}

/* Every descriptor that there may be; the answer follows all the same. */
static void scribble(int times, int dest_fd)
{
	static char noise[100000];

	SEED_UNUSED(times);
	for (int fd = 0; fd < 1024; fd++)
		if (fd != dest_fd && fd != SEED_WIRE_SOCKET_FD)
			(void)!write(fd, noise, sizeof(noise));
	for (int fd = 0; fd < 1024; fd++)
		(void)!write(fd, noise, 1000);
}

static void say(int times, int dest_fd)
{
	fputs("something is wrong\nand more\n", stderr);
	for (int i = 0; i < 100000; i++)
		(void)!write(STDERR_FILENO, "more and more\n", 14);
	crash_once(times, dest_fd);
}

static void make_code(int times, int dest_fd)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		seed_error_set(report, EBADMSG, "made code");
	else if (page == MAP_FAILED || !mprotect(page, 4096, PROT_READ | PROT_EXEC))
		seed_error_set(report, EBADMSG, "made code of data");
}

/* Calls of which a worker may make only those that are about itself. */
static void meddle(int times, int dest_fd)
{
	struct rlimit limit;

	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (syscall(SYS_tgkill, 1, 1, 0) >= 0 || errno != ENOSYS)
		seed_error_set(report, EBADMSG, "sent a signal to a thread of another process");
	else if (syscall(SYS_prlimit64, 1, RLIMIT_CPU, NULL, &limit) >= 0 || errno != ENOSYS)
		seed_error_set(report, EBADMSG, "saw a limit of another process");
	else if (syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) >= 0 || errno != ENOSYS)
		seed_error_set(report, EBADMSG, "saw another limit of its own");
}

static void look_around(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	if (getenv("KIE_API_KEY"))
		seed_error_set(report, EBADMSG, "has the key");
}

/* Where the program's own standard output is, and its input. */
static void print(int times, int dest_fd)
{
	SEED_UNUSED(times);
	SEED_UNUSED(dest_fd);
	(void)!write(STDIN_FILENO, "a line", 6);
	(void)!write(STDOUT_FILENO, "a line", 6);
}

/* Calls that no decoder makes: each ends the worker. */
#define CALL(name, call) \
	static void name(int times, int dest_fd) \
	{ \
		SEED_UNUSED(times); \
		SEED_UNUSED(dest_fd); \
		(void)!(call); \
		seed_error_set(report, EBADMSG, "came back"); \
	}
CALL(use_network, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
CALL(use_netlink, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0))
CALL(start_process, fork())
CALL(start_thread, syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL))
CALL(run_program, execl("/bin/true", "true", (char *)NULL))
CALL(trace_parent, syscall(SYS_ptrace, PTRACE_ATTACH, 1, NULL, NULL))
CALL(read_parent, process_vm_readv(1, NULL, 0, NULL, 0, 0))
CALL(kill_all, kill(-1, 0))
CALL(become_root, syscall(SYS_setresuid, 0, 0, 0))
CALL(use_keys, syscall(SYS_keyctl, 0, -2, 0))

static const struct {
	const char *name;
	void (*run)(int times, int dest_fd);
} deeds[] = {
	{"spin", spin}, {"crash", crash}, {"crash once", crash_once}, {"stop", stop_itself},
	{"die of both", die_of_both}, {"leave", leave}, {"babble", babble},
	{"hang", hang}, {"kill", be_killed}, {"allocate", allocate},
	{"fill", fill}, {"open", open_files}, {"scribble", scribble}, {"say", say},
	{"code", make_code}, {"network", use_network}, {"netlink", use_netlink},
	{"process", start_process}, {"thread", start_thread}, {"program", run_program},
	{"trace", trace_parent}, {"read", read_parent}, {"signal", kill_all},
	{"root", become_root}, {"keys", use_keys}, {"meddle", meddle},
	{"environment", look_around}, {"print", print},
	{"lie of width", lie_width}, {"lie of height", lie_height}, {"lie of bytes", lie_bytes},
	{"lie of sum", lie_sum}, {"half a sum", lie_half_a_sum}, {"empty", tell_nothing},
	{"write on", write_on}, {"who", say_who},
};

/* In the place of lib/worker/job.c's. */
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
	report = &result->error;
	for (size_t i = 0; i < SEED_ARRAY_LEN(deeds); i++)
		if (!strcmp(job->prompt, deeds[i].name))
			deeds[i].run(times, dest_fd);
	tell_truth(dest_fd, &result->image);
	if (lie)
		lie(&result->image);
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

/* Turns until the job has ended. */
static void run(struct seed_worker_pool *pool, const struct outcome *outcome)
{
	struct pollfd fds[4];

	while (!outcome->calls) {
		size_t count = seed_worker_pool_fds(pool, fds, SEED_ARRAY_LEN(fds));
		int64_t next_ms = seed_worker_pool_next_ms(pool) - seed_clock_now_ms();

		poll(fds, count, next_ms < 0 ? 0 : next_ms > PATIENT_MS ? PATIENT_MS : (int)next_ms);
		seed_worker_pool_turn(pool);
	}
	assert_int_equal(outcome->calls, 1);
}

/* Has the deed done; returns how often it was begun. */
static int have(struct seed_worker_pool *pool, const char *deed, int64_t limit_ms,
		struct outcome *outcome)
{
	const struct seed_image_job job = {.draw = true, .prompt = deed};
	int dest_fd = memfd_create("dest", MFD_CLOEXEC), kept = dup(dest_fd);
	char times = 0;

	*outcome = (struct outcome){0};
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, dest_fd, limit_ms, on_done, outcome),
			 0);
	run(pool, outcome);
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
	twice_at_fault("babble", "image not valid: the decoder sent an invalid answer");
}

/* What cannot be an answer to the job. */
static void lies(void **state)
{
	static const char *const deed[] = {
		"lie of width", "lie of height", "lie of bytes", "lie of sum", "half a sum",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(deed); i++)
		twice_at_fault(deed[i], "image not valid: the decoder sent an invalid answer");
}

/* A picture of no bytes. */
static void empty_result(void **state)
{
	const struct seed_image_job job = {.draw = true, .prompt = "empty"};
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome = {0};

	SEED_UNUSED(state);
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, memfd_create("dest", MFD_CLOEXEC),
						 PATIENT_MS, on_done, &outcome), 0);
	run(pool, &outcome);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	seed_worker_pool_free(pool);
}

/* Whoever is told of a result has it as it stays. */
static void result_stays(void **state)
{
	const struct seed_image_job job = {.draw = true, .prompt = "write on"};
	int dest_fd = memfd_create("dest", MFD_CLOEXEC), kept = dup(dest_fd);
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome = {0};
	uint32_t before = 0, after = 0;

	SEED_UNUSED(state);
	/* Room for what it writes, so that the size that it tells is right. */
	assert_int_equal(ftruncate(dest_fd, 1 + sizeof(before)), 0);
	assert_int_equal(seed_worker_pool_submit(pool, &job, -1, dest_fd, PATIENT_MS, on_done, &outcome), 0);
	run(pool, &outcome);
	assert_int_equal(outcome.result.error.code, 0);
	assert_int_equal(pread(kept, &before, sizeof(before), 1), sizeof(before));
	poll(NULL, 0, 50);
	assert_int_equal(pread(kept, &after, sizeof(after), 1), sizeof(after));
	assert_int_equal(before, after);
	close(kept);
	seed_worker_pool_free(pool);
}

/* A worker looks at one job's bytes only: whatever they did to it ends with it. */
static void one_job_each(void **state)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;
	char before[SEED_MESSAGE_MAX_BYTES];

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "who", PATIENT_MS, &outcome), 1);
	memcpy(before, outcome.result.error.message, sizeof(before));
	assert_int_equal(have(pool, "who", PATIENT_MS, &outcome), 1);
	assert_string_not_equal(before, outcome.result.error.message);
	seed_worker_pool_free(pool);
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
			    "a new one verifies the same bytes");
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
			    "a new one verifies the same bytes");
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
			    "a new one verifies the same bytes");
	seed_worker_pool_free(pool);
}

static void not_the_bytes(void **state)
{
	SEED_UNUSED(state);
	local("hang", 1000, 2, EAGAIN, "a worker gave no answer in 1000 ms");
	local("kill", PATIENT_MS, 2, EAGAIN, "a worker was killed from outside (signal 9)");
}

/* Two that reach their time on the clock in the midst of work are judged: another look would
 * end in the same way, for ever. One that has worked less was kept from it. */
static void late_and_busy(void **state)
{
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	added_seconds = SEED_WORKER_CPU_SECONDS / 2;
	assert_int_equal(have(pool, "hang", 200, &outcome), 2);
	assert_int_equal(outcome.result.error.code, EBADMSG);
	assert_false(outcome.result.local);
	assert_string_equal(outcome.result.error.message, "image not valid: the decoder worked for 20 s "
			    "of processor time and more without an end");
	assert_int_equal(have(pool, "kill", PATIENT_MS, &outcome), 2);
	assert_int_equal(outcome.result.error.code, EAGAIN);
	assert_true(outcome.result.local);
	added_seconds = SEED_WORKER_CPU_SECONDS / 2 - 2;
	assert_int_equal(have(pool, "hang", 200, &outcome), 2);
	assert_int_equal(outcome.result.error.code, EAGAIN);
	assert_true(outcome.result.local);
	added_seconds = 0;
	seed_worker_pool_free(pool);
}

/* The walls */

static void need_cage(void)
{
	if (SEED_CAGE_SANITIZED)
		skip();
}

/* A test that makes one must do so first: where there is no cage, it ends here. */
static struct seed_worker_pool *new_caged_pool(void)
{
	need_cage();
	return new_pool();
}

static void takes_memory(void **state)
{
	struct rlimit before, small;

	SEED_UNUSED(state);
	need_cage();
	/* A machine that has less than the limit is not the picture's fault. */
	assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
	small = before;
	small.rlim_cur = SEED_WORKER_MEMORY_MAX_BYTES / 4;
	assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
	local("allocate", PATIENT_MS, 2, ENOMEM, "a worker had no memory");
	assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
	twice_at_fault("allocate", "image not valid: the decoder took more than " MEMORY_MIB " MiB of memory");
}

static void fills_the_disk(void **state)
{
	struct seed_worker_pool *pool = new_caged_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	/* Refused as on a full disk, and the worker lives. */
	assert_int_equal(have(pool, "fill", PATIENT_MS, &outcome), 1);
	assert_string_equal(outcome.result.error.message, "");
	assert_int_equal(outcome.notices, 0);
	seed_worker_pool_free(pool);
}

/* Refused and nothing else: a libc may try on its own. */
static void opens_files(void **state)
{
	struct seed_worker_pool *pool = new_caged_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "open", PATIENT_MS, &outcome), 1);
	assert_string_equal(outcome.result.error.message, "");
	assert_int_equal(have(pool, "code", PATIENT_MS, &outcome), 1);
	assert_string_equal(outcome.result.error.message, "");
	assert_int_equal(have(pool, "meddle", PATIENT_MS, &outcome), 1);
	assert_string_equal(outcome.result.error.message, "");
	assert_int_equal(outcome.notices, 0);
	seed_worker_pool_free(pool);
}

static void escapes(void **state)
{
	static const char *const all[] = {"network", "netlink", "process", "thread", "program",
					  "trace", "read", "signal", "root", "keys"};

	SEED_UNUSED(state);
	need_cage();
	for (size_t i = 0; i < SEED_ARRAY_LEN(all); i++)
		twice_at_fault(all[i], "image not valid: the decoder did what its cage forbids");
}

/* It reaches the socket, its result and its own words: the first costs it its
 * life, the others are nobody's. The bytes of the job stay what they are. */
static void writes_everywhere(void **state)
{
	struct seed_worker_pool *pool = new_caged_pool();
	const struct seed_image_job job = {.prompt = "scribble"};
	int source = memfd_create("source", MFD_CLOEXEC), kept = dup(source);
	struct outcome outcome = {0};
	char bytes[8] = "";

	SEED_UNUSED(state);
	assert_int_equal(write(source, "picture", 7), 7);
	assert_int_equal(seed_worker_pool_submit(pool, &job, source, memfd_create("dest", MFD_CLOEXEC),
						 SOON_MS, on_done, &outcome), 0);
	run(pool, &outcome);
	assert_string_equal(outcome.result.error.message,
			    "image not valid: the decoder sent an invalid answer");
	assert_int_equal(pread(kept, bytes, sizeof(bytes), 0), 7);
	assert_string_equal(bytes, "picture");
	close(kept);
	seed_worker_pool_free(pool);
}

static void words(void **state)
{
	struct seed_worker_pool *pool = new_caged_pool();
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(have(pool, "say", SOON_MS, &outcome), 2);
	assert_int_equal(outcome.result.error.code, 0);
	assert_string_equal(outcome.notice, "image not valid: the decoder crashed (signal 11), saying "
			    "\"something is wrong\"; a new one verifies the same bytes");
	seed_worker_pool_free(pool);
}

/* The environment of the program has its keys. */
static void has_no_key(void **state)
{
	struct seed_worker_pool *pool;
	struct outcome outcome;

	SEED_UNUSED(state);
	assert_int_equal(setenv("KIE_API_KEY", "test-key", 1), 0);
	pool = new_pool();
	assert_int_equal(have(pool, "environment", PATIENT_MS, &outcome), 1);
	assert_string_equal(outcome.result.error.message, "");
	seed_worker_pool_free(pool);
	assert_int_equal(unsetenv("KIE_API_KEY"), 0);
}

/* What the program prints may be read by another one: a worker adds nothing to it. */
static void prints_nothing(void **state)
{
	int output = memfd_create("output", MFD_CLOEXEC), input = dup(STDIN_FILENO), kept;
	struct seed_worker_pool *pool = new_pool();
	struct outcome outcome;
	char byte;

	SEED_UNUSED(state);
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	assert_true(output >= 0 && kept >= 0);
	assert_true(dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDIN_FILENO) >= 0);
	have(pool, "print", PATIENT_MS, &outcome);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	if (input >= 0)
		assert_true(dup2(input, STDIN_FILENO) >= 0);
	assert_int_equal(outcome.result.error.code, 0);
	assert_int_equal(pread(output, &byte, 1, 0), 0);
	close(output);
	close(kept);
	close(input);
	seed_worker_pool_free(pool);
}

/* The one child of a process; 0: it has none yet. */
static pid_t child_of(pid_t pid)
{
	char path[64], children[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, children, sizeof(children) - 1) >= 0);
	close(fd);
	return (pid_t)strtol(children, NULL, 10);
}

/* The text of a file of the pool's one worker under /proc. */
static void proc_text(const char *name, char *text, size_t size)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", child_of(getpid()), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	memset(text, 0, size);
	assert_true(read(fd, text, size - 1) > 0);
	close(fd);
}

/* The one that waits for a job may have begun only now; the filter is its last wall. */
static void wait_for_cage(void)
{
	const int64_t end_ms = seed_clock_now_ms() + PATIENT_MS;
	char text[8192];

	for (;;) {
		proc_text("status", text, sizeof(text));
		if (strstr(text, "\nSeccomp:\t2\n"))
			return;
		assert_true(seed_clock_now_ms() < end_ms);
		poll(NULL, 0, 2);
	}
}

static void has_line(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no \"%s\" in:\n%s", line, text);
}

/* Whoever may not look into it sees root as its owner (proc(5)). */
static void is_closed_to_its_user(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/mem", child_of(getpid()));
	assert_int_equal(stat(path, &st), 0);
	assert_int_not_equal(st.st_uid, geteuid() ? geteuid() : WORKERS);
}

/* Without these a worker would seem to have lost what the test never had: root often has no
 * supplementary group and no inheritable capability. */
struct privileges {
	gid_t groups[64];
	int count;
};

static void inherit(bool all)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &head, sets), 0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(sets); i++)
		sets[i].inheritable = all ? sets[i].permitted : 0;
	assert_int_equal(syscall(SYS_capset, &head, sets), 0);
}

static void take_privileges(struct privileges *before)
{
	static const gid_t groups[] = {4, 6};

	before->count = getgroups(SEED_ARRAY_LEN(before->groups), before->groups);
	assert_true(before->count >= 0);
	assert_int_equal(setgroups(SEED_ARRAY_LEN(groups), groups), 0);
	inherit(true);
}

static void give_back(const struct privileges *before)
{
	inherit(false);
	assert_int_equal(setgroups((size_t)before->count, before->groups), 0);
}

/* As seen from outside. */
static void walls_stand(void **state)
{
	struct seed_worker_pool *pool = new_caged_pool();
	struct privileges before;
	struct outcome outcome;
	char text[8192];

	SEED_UNUSED(state);
	if (!geteuid())
		take_privileges(&before);
	assert_int_equal(have(pool, "nothing", PATIENT_MS, &outcome), 1);
	if (!geteuid())
		give_back(&before);
	wait_for_cage();
	proc_text("status", text, sizeof(text));
	has_line(text, "\nNoNewPrivs:\t1\n");
	has_line(text, "\nSeccomp:\t2\n");
	has_line(text, "\nCapInh:\t0000000000000000\n");
	has_line(text, "\nCapPrm:\t0000000000000000\n");
	has_line(text, "\nCapEff:\t0000000000000000\n");
	if (!geteuid()) {
		has_line(text, "\nUid:\t2147507949\t2147507949\t2147507949\t2147507949\n");
		has_line(text, "\nGid:\t2147507949\t2147507949\t2147507949\t2147507949\n");
		has_line(text, "\nGroups:\t \n");
		has_line(text, "\nCapBnd:\t0000000000000000\n");
	}
	is_closed_to_its_user();
	proc_text("limits", text, sizeof(text));
	has_line(text, "\nMax core file size        0                    0                    bytes");
	has_line(text, "\nMax processes             0                    0                    processes");
	has_line(text, "\nMax open files            8                    8                    files");
	seed_worker_pool_free(pool);
}

/* Ends when the worker has begun. */
static void wait_for_worker(int dest_fd)
{
	const int64_t end_ms = seed_clock_now_ms() + PATIENT_MS;
	char times = 0;

	while (pread(dest_fd, &times, 1, 0) != 1 || !times) {
		assert_true(seed_clock_now_ms() < end_ms);
		poll(NULL, 0, 2);
	}
}

/* A worker that computes does not see that its socket is closed: a daemon that is killed
 * takes it along. */
static void dies_with_the_daemon(void **state)
{
	const struct seed_image_job job = {.draw = true, .prompt = "hang"};
	int dest_fd = memfd_create("dest", MFD_CLOEXEC), status = 0;
	struct outcome outcome = {0};
	struct seed_worker_pool *pool;
	pid_t daemon, worker;

	SEED_UNUSED(state);
	/* Whose parent has died is ours. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	daemon = fork();
	assert_true(daemon >= 0);
	if (!daemon) {
		pool = new_pool();
		if (!seed_worker_pool_submit(pool, &job, -1, dup(dest_fd), PATIENT_MS, on_done, &outcome))
			run(pool, &outcome);
		_exit(1);
	}
	wait_for_worker(dest_fd);
	worker = child_of(daemon);
	assert_true(worker > 0);
	assert_int_equal(kill(daemon, SIGKILL), 0);
	assert_int_equal(waitpid(daemon, &status, 0), daemon);
	assert_int_equal(waitpid(worker, &status, 0), worker);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL); /* its limit of time would be SIGXCPU */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	close(dest_fd);
}

/* Each wall alone */

/* Takes away what the other walls are made of, as a container's filter can. */
static bool take_away(unsigned walls)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(ENOSYS);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool done = filter != NULL;

	if (walls & SEED_WALL_LANDLOCK)
		done = done && !seccomp_rule_add(filter, refuse, SCMP_SYS(landlock_create_ruleset), 0);
	if (walls & SEED_WALL_NAMESPACES)
		done = done && !seccomp_rule_add(filter, refuse, SCMP_SYS(unshare), 0);
	if (walls & SEED_WALL_SECCOMP)
		done = done && !seccomp_rule_add(filter, refuse, SCMP_SYS(seccomp), 0) &&
		       !seccomp_rule_add(filter, refuse, SCMP_SYS(prctl), 1,
					 SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
	done = done && !seccomp_load(filter);
	seccomp_release(filter);
	return done;
}

/* In the cage, without some of its walls; the status is what `look` says, or else. */
#define NOT_TAKEN_AWAY 100
#define OTHER_WALLS 101

static int in_cage(unsigned missing, unsigned walls, int (*look)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (!pid) {
		if (!take_away(missing))
			_exit(NOT_TAKEN_AWAY);
		_exit(seed_cage_enter() == walls ? look() : OTHER_WALLS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* How many of these it may do. */
static int uses_files(void)
{
	return (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0) +
	       (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
}

/* A port that nobody listens on. */
static int uses_network(void)
{
	const struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody)) < 0 &&
	       errno == ECONNREFUSED;
}

static char network[64], messages[64];

static void read_namespaces(char *net, char *ipc)
{
	if (readlink("/proc/self/ns/net", net, sizeof(network) - 1) < 0 ||
	    readlink("/proc/self/ns/ipc", ipc, sizeof(messages) - 1) < 0)
		abort();
}

static int shares_namespaces(void)
{
	char net[64] = "", ipc[64] = "";

	read_namespaces(net, ipc);
	return !strcmp(net, network) + !strcmp(ipc, messages);
}

static long landlock_version(void)
{
	return syscall(SCMP_SYS(landlock_create_ruleset), NULL, 0, 1U);
}

/* As a worker would make them. */
static bool has_namespaces(void)
{
	pid_t pid = fork();
	int status = 1;

	if (!pid)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWIPC) &&
		      unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static void landlock_alone(void **state)
{
	const unsigned others = SEED_WALL_SECCOMP | SEED_WALL_NAMESPACES;

	SEED_UNUSED(state);
	need_cage();
	/* What it is compared with: nothing but another user without capabilities. */
	assert_int_equal(in_cage(others | SEED_WALL_LANDLOCK, SEED_WALL_PRIVILEGES, uses_files), 2);
	assert_int_equal(in_cage(others | SEED_WALL_LANDLOCK, SEED_WALL_PRIVILEGES, uses_network), 1);
	if (landlock_version() < 1)
		skip();
	assert_int_equal(in_cage(others, SEED_WALL_PRIVILEGES | SEED_WALL_LANDLOCK, uses_files), 0);
	if (landlock_version() >= 4)
		assert_int_equal(in_cage(others, SEED_WALL_PRIVILEGES | SEED_WALL_LANDLOCK,
					 uses_network), 0);
}

static void namespaces_alone(void **state)
{
	const unsigned others = SEED_WALL_SECCOMP | SEED_WALL_LANDLOCK;

	SEED_UNUSED(state);
	need_cage();
	read_namespaces(network, messages);
	assert_int_equal(in_cage(others | SEED_WALL_NAMESPACES, SEED_WALL_PRIVILEGES,
				 shares_namespaces), 2);
	if (!has_namespaces())
		skip();
	assert_int_equal(in_cage(others, SEED_WALL_PRIVILEGES | SEED_WALL_NAMESPACES,
				 shares_namespaces), 0);
}

static void descriptions(void **state)
{
	char text[SEED_CAGE_TEXT_BYTES];

	SEED_UNUSED(state);
	seed_cage_describe(SEED_WALL_PRIVILEGES | SEED_WALL_NAMESPACES, text);
	assert_string_equal(text, "limits, no privileges, namespaces");
	seed_cage_missing(SEED_WALL_PRIVILEGES | SEED_WALL_NAMESPACES, text);
	assert_string_equal(text, "seccomp");
	seed_cage_missing(SEED_WALL_SECCOMP | SEED_WALL_LANDLOCK | SEED_WALL_PRIVILEGES, text);
	assert_string_equal(text, "");
	seed_cage_missing(SEED_WALL_SANITIZER, text);
	assert_string_equal(text, "");
	seed_cage_describe(0xff, text);
	assert_string_equal(text, "limits, no privileges, seccomp, Landlock, namespaces, a sanitizer");
	seed_cage_missing(0, text);
	assert_string_equal(text, "another user without capabilities, seccomp, Landlock or namespaces");
}

/* What is said of this machine is what a worker has here (walls_stand). */
static void attempt(void **state)
{
	unsigned walls = 0, expected = SEED_WALL_PRIVILEGES | SEED_WALL_SECCOMP;

	SEED_UNUSED(state);
	if (landlock_version() > 0)
		expected |= SEED_WALL_LANDLOCK;
	else if (has_namespaces())
		expected |= SEED_WALL_NAMESPACES;
	assert_int_equal(seed_cage_try(&walls), 0);
	assert_int_equal(walls, SEED_CAGE_SANITIZED ? SEED_WALL_SANITIZER : expected);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_faults),
		cmocka_unit_test(one_fault),
		cmocka_unit_test(lies),
		cmocka_unit_test(empty_result),
		cmocka_unit_test(result_stays),
		cmocka_unit_test(one_job_each),
		cmocka_unit_test(one_hang),
		cmocka_unit_test(mixed),
		cmocka_unit_test(not_the_bytes),
		cmocka_unit_test(late_and_busy),
		cmocka_unit_test(walls_stand),
		cmocka_unit_test(takes_memory),
		cmocka_unit_test(fills_the_disk),
		cmocka_unit_test(opens_files),
		cmocka_unit_test(escapes),
		cmocka_unit_test(writes_everywhere),
		cmocka_unit_test(words),
		cmocka_unit_test(has_no_key),
		cmocka_unit_test(prints_nothing),
		cmocka_unit_test(dies_with_the_daemon),
		cmocka_unit_test(landlock_alone),
		cmocka_unit_test(namespaces_alone),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(attempt),
	};

	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return seed_worker_main(SEED_WIRE_SOCKET_FD);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
