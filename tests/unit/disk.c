/* lib/engine/disk.c: lanes keep their order, and the end waits for all. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/engine/disk.h"

enum { LANES = 4, JOBS = 2000 };

struct job {
	struct seed_disk_job disk;
	int lane, number;
};

static int next_of[LANES];
static atomic_int done, disorder;

static void run(struct seed_disk_job *disk)
{
	struct job *job = (struct job *)disk;

	if (next_of[job->lane] != job->number)
		disorder++;
	next_of[job->lane] = job->number + 1;
	done++;
}

static void test_order_within_a_lane(void **state)
{
	static struct job jobs[JOBS];
	struct seed_disk *disk;
	int numbers[LANES] = { 0 };

	SEED_UNUSED(state);
	assert_int_equal(seed_disk_new(LANES, &disk), 0);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){ .disk.run = run, .lane = i * 7 % LANES };
		jobs[i].number = numbers[jobs[i].lane]++;
		seed_disk_submit(disk, (uint64_t)jobs[i].lane, &jobs[i].disk);
	}
	seed_disk_free(disk); /* waits for all */
	assert_int_equal(done, JOBS);
	assert_int_equal(disorder, 0);
}

/* Two jobs that wait for each other end only if they run at once. */
static pthread_barrier_t both;

static void meet(struct seed_disk_job *disk)
{
	SEED_UNUSED(disk);
	pthread_barrier_wait(&both);
}

static void test_lanes_run_beside_each_other(void **state)
{
	struct seed_disk_job a = { .run = meet }, b = { .run = meet };
	struct seed_disk *disk;

	SEED_UNUSED(state);
	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	assert_int_equal(seed_disk_new(2, &disk), 0);
	seed_disk_submit(disk, 0, &a);
	seed_disk_submit(disk, 1, &b);
	seed_disk_free(disk);
	pthread_barrier_destroy(&both);
}

static void test_lane_of_a_name(void **state)
{
	SEED_UNUSED(state);
	assert_true(seed_disk_lane("fox") == seed_disk_lane("fox"));
	assert_true(seed_disk_lane("fox") != seed_disk_lane("fox/"));
	assert_true(seed_disk_lane("") != seed_disk_lane("a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_within_a_lane),
		cmocka_unit_test(test_lanes_run_beside_each_other),
		cmocka_unit_test(test_lane_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
