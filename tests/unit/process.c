/* lib/base/process.c against processes that are what it asks about. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/process.h"

static struct seed_process of(pid_t tid)
{
	return (struct seed_process){ .tid = tid, .uid = getuid() };
}

/* A child that has set itself up and sleeps. */
static pid_t child(void (*set_up)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		set_up();
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void nothing(void)
{
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void on_signal(int number)
{
	SEED_UNUSED(number);
}

static void handle(void)
{
	signal(SIGTERM, on_signal);
	signal(SIGALRM, on_signal);
	signal(SIGHUP, SIG_IGN);
}

/* Stopped, a process keeps what comes pending, as one does that waits for us. */
static bool ends_by(void (*set_up)(void), int number)
{
	pid_t pid = child(set_up);
	bool before, after;

	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	before = seed_process_is_ending(of(pid));
	kill(pid, number);
	after = seed_process_is_ending(of(pid));
	end(pid);
	assert_false(before);
	return after;
}

static void test_signals(void **state)
{
	SEED_UNUSED(state);
	assert_true(ends_by(nothing, SIGTERM));
	assert_true(ends_by(nothing, SIGINT));
	assert_true(ends_by(nothing, SIGUSR1));
	assert_true(ends_by(nothing, SIGALRM));
	assert_true(ends_by(handle, SIGTERM)); /* it asks to end, even if caught */
	assert_false(ends_by(handle, SIGALRM));
	assert_false(ends_by(handle, SIGHUP));
	assert_false(ends_by(nothing, SIGCHLD));
	assert_false(ends_by(nothing, SIGWINCH));
	assert_false(ends_by(nothing, SIGURG));
	assert_false(ends_by(block_all, SIGTERM)); /* it has not come yet */
}

static void test_gone(void **state)
{
	pid_t pid = child(nothing);

	SEED_UNUSED(state);
	assert_false(seed_process_was_killed(of(pid)));
	assert_false(seed_process_is_in_exec(of(pid)));
	end(pid);
	assert_true(seed_process_is_ending(of(pid)));
	assert_true(seed_process_is_ending(of(0)));
	assert_int_equal(seed_process_of(of(pid)), pid);
	assert_false(seed_process_holds(of(pid), 1));
	assert_false(seed_process_is_renaming(of(pid)));
	assert_int_equal(seed_process_has_open(of(pid), 1), -1);
	assert_false(seed_process_asks_by_name(of(pid)));
}

static void test_has_open(void **state)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	pid_t pid = getpid();
	struct stat st;

	SEED_UNUSED(state);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(seed_process_has_open(of(pid), st.st_ino), 1);
	close(fd);
	assert_int_equal(seed_process_has_open(of(pid), st.st_ino), 0);
	/* It is in a read(2). */
	assert_false(seed_process_asks_by_name(of(pid)));
}

/* Their line is longer than any buffer: what follows it is found all the same. */
static void many_groups(void)
{
	static gid_t groups[20000];

	for (size_t i = 0; i < SEED_ARRAY_LEN(groups); i++)
		groups[i] = (gid_t)(2000000000 + i);
	if (setgroups(SEED_ARRAY_LEN(groups), groups))
		_exit(1);
}

static void test_many_groups(void **state)
{
	pid_t pid;

	SEED_UNUSED(state);
	if (geteuid() != 0)
		skip();
	assert_true(ends_by(many_groups, SIGTERM));
	assert_false(ends_by(many_groups, SIGCHLD));
	pid = child(many_groups);
	assert_int_equal(seed_process_of(of(pid)), pid);
	assert_false(seed_process_was_killed(of(pid)));
	assert_false(seed_process_is_in_exec(of(pid)));
	end(pid);
}

/* What fdinfo says of each of these takes milliseconds: it is not read of all. */
static void test_large_epolls(void **state)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), event = eventfd(0, EFD_CLOEXEC), fds[200];
	struct epoll_event in = { .events = EPOLLIN };
	struct rlimit files;

	SEED_UNUSED(state);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < SEED_ARRAY_LEN(fds); i++)
		fds[i] = dup(epoll);
	/* An item stays, as long as its file is open at another number. */
	for (int number = 300; number < 20300; number++) {
		int item = fcntl(event, F_DUPFD_CLOEXEC, number);

		if (item < 0)
			break;
		assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, item, &in), 0);
		close(item);
	}
	assert_int_equal(seed_process_has_open(of(getpid()), 1), -1);
	for (size_t i = 0; i < SEED_ARRAY_LEN(fds); i++)
		close(fds[i]);
	close(event);
	close(epoll);
}

static void *waiting_thread(void *pipes)
{
	int *fds = pipes;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char byte;

	if (write(fds[0], &tid, sizeof(tid)) != sizeof(tid) || read(fds[1], &byte, 1) != 1)
		return NULL;
	return pipes;
}

static void test_thread(void **state)
{
	int out[2], in[2], fds[2];
	struct rlimit limit, none;
	pthread_t thread;
	pid_t tid = 0;

	SEED_UNUSED(state);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(in), 0);
	fds[0] = out[1];
	fds[1] = in[0];
	assert_int_equal(pthread_create(&thread, NULL, waiting_thread, fds), 0);
	assert_int_equal(read(out[0], &tid, sizeof(tid)), sizeof(tid));
	assert_true(tid != getpid());
	assert_int_equal(seed_process_of(of(tid)), getpid());
	/* Without a descriptor for the look nobody knows whose it is. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(seed_process_of(of(tid)), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(seed_process_of(of(tid)), getpid());
	assert_int_equal(write(in[1], "", 1), 1);
	pthread_join(thread, NULL);
	close(out[0]);
	close(out[1]);
	close(in[0]);
	close(in[1]);
}

static void test_holds(void **state)
{
	char path[] = "/tmp/seedfs-process.XXXXXX";
	int fd = mkstemp(path), reading = open(path, O_RDONLY), again;
	struct stat st;

	SEED_UNUSED(state);
	assert_true(fd >= 0 && reading >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(seed_process_holds(of(getpid()), st.st_ino));
	close(fd);
	assert_false(seed_process_holds(of(getpid()), st.st_ino)); /* only read from */
	again = open(path, O_WRONLY | O_APPEND);
	assert_true(seed_process_holds(of(getpid()), st.st_ino));
	close(again);
	close(reading);
	unlink(path);
	assert_false(seed_process_holds(of(getpid()), st.st_ino));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_has_open),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_large_epolls),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
