/* lib/base/aside.c: what hangs is left, and who made it hang. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/aside.h"

struct task {
	int fd; /* the work reads a byte from it */
	char answer;
};

static void read_byte(void *data)
{
	struct task *task = data;

	if (read(task->fd, &task->answer, 1) != 1)
		task->answer = '!';
}

static void add(void *data)
{
	++*(int *)data;
}

static bool adds_for(pid_t process, uid_t user)
{
	int number = 41;
	bool done = seed_aside(process, user, add, &number, sizeof(number), 10000);

	assert_int_equal(number, done ? 42 : 41);
	return done;
}

static bool adds(uid_t user)
{
	return adds_for(1, user);
}

static bool reads_for(pid_t process, uid_t user, struct task *task, int wait_ms)
{
	return seed_aside(process, user, read_byte, task, sizeof(*task), wait_ms);
}

static void test_done(void **state)
{
	SEED_UNUSED(state);
	for (int i = 0; i < 1000; i++)
		assert_true(adds(1));
}

/* One process is held up: only that one is not looked at. More of a user's hang than may; then they end. */
static void test_held(void **state)
{
	struct task task = { 0 };
	int fds[2], others[2];

	SEED_UNUSED(state);
	assert_int_equal(pipe(fds), 0);
	task.fd = fds[0];
	for (int i = 0; i < SEED_ASIDE_HELD_MAX; i++) {
		while (!adds_for(1000, 1)) /* it may take more than it is waited for now */
			usleep(1000);
		assert_false(reads_for(100 + i, 1, &task, 10));
		assert_int_equal(task.answer, 0);
		assert_false(adds_for(100 + i, 1));
	}
	assert_false(adds_for(1000, 1));
	assert_true(adds_for(1000, 2));
	for (int i = 0; i < SEED_ASIDE_HELD_MAX; i++)
		assert_int_equal(write(fds[1], "a", 1), 1);
	for (int i = 0; i < SEED_ASIDE_HELD_MAX; i++)
		while (!adds_for(100 + i, 1))
			usleep(1000);
	/* Who has not read yet reads from the first pipe. */
	assert_int_equal(pipe(others), 0);
	task.fd = others[0];
	assert_int_equal(write(others[1], "c", 1), 1);
	while (!reads_for(1, 1, &task, 10000))
		usleep(1000);
	assert_int_equal(task.answer, 'c');
	close(others[0]);
	close(others[1]);
}

static void *read_long(void *context)
{
	struct task task = *(struct task *)context;

	assert_false(reads_for(task.answer, (uid_t)task.answer, &task, 60000));
	return NULL;
}

/* Many hang at once, of many users: all together they are waited for about as long as one. */
static void test_many(void **state)
{
	struct task tasks[24];
	pthread_t threads[SEED_ARRAY_LEN(tasks)];
	int fds[2];

	SEED_UNUSED(state);
	assert_int_equal(pipe(fds), 0);
	alarm(60);
	for (size_t i = 0; i < SEED_ARRAY_LEN(tasks); i++) {
		tasks[i] = (struct task){ fds[0], (char)(10 + i) };
		assert_int_equal(pthread_create(&threads[i], NULL, read_long, &tasks[i]), 0);
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(tasks); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	alarm(0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(tasks); i++)
		assert_int_equal(write(fds[1], "a", 1), 1);
	for (size_t i = 0; i < SEED_ARRAY_LEN(tasks); i++)
		while (!adds_for(tasks[i].answer, (uid_t)tasks[i].answer))
			usleep(1000);
	close(fds[0]);
	close(fds[1]);
}

struct work {
	int64_t use_ns;
	bool done;
};

static int64_t used_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

static void use_processor(void *data)
{
	struct work *work = data;
	const int64_t end_ns = used_ns() + work->use_ns;

	while (used_ns() < end_ns)
		;
	work->done = true;
}

/* While nobody has patience for what hangs, what uses the processor is waited for. */
static void test_work(void **state)
{
	struct task task = { 0 };
	int fds[2];

	SEED_UNUSED(state);
	assert_int_equal(pipe(fds), 0);
	task.fd = fds[0];
	for (int i = 0; i < 16; i++) {
		while (!adds_for(1000, 5))
			usleep(1000);
		assert_false(reads_for(300 + i, 5, &task, 10));
	}
	alarm(60);
	for (int i = 0; i < 10; i++) {
		struct work work = { .use_ns = 40000000 };

		/* Again where the machine gave it no turn for long. */
		while (!seed_aside(2000 + i, 6, use_processor, &work, sizeof(work), 10000))
			usleep(1000);
		assert_true(work.done);
	}
	alarm(0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(fds[1], "a", 1), 1);
	for (int i = 0; i < 16; i++)
		while (!adds_for(300 + i, 5))
			usleep(1000);
	close(fds[0]);
	close(fds[1]);
}

/* Many users hold it up: at last nothing is begun, and nothing waits. */
static void test_no_threads(void **state)
{
	struct task task = { 0 };
	int fds[2], users = 100;

	SEED_UNUSED(state);
	assert_int_equal(pipe(fds), 0);
	task.fd = fds[0];
	while (adds_for(users, (uid_t)users)) {
		assert_false(reads_for(users, (uid_t)users, &task, 10));
		assert_in_range(users++, 100, 300);
	}
	for (int i = 100; i < users; i++)
		assert_int_equal(write(fds[1], "x", 1), 1);
	while (!adds(1))
		usleep(1000);
	/* All end before their pipe does. */
	for (int i = 100; i < users; i++)
		while (!adds_for(i, (uid_t)i))
			usleep(1000);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_no_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
