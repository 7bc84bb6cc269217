/*
 * When the schedule sees that a task has ended, in virtual time: the schedule itself
 * (lib/engine/schedule.c) over made-up tasks, beside fixed intervals.
 *
 * Durations are log-normal; 95 of 100 lie between 8 and 40 s. So many tasks are in
 * flight all the time: whenever one is seen to have ended, the next begins. Questions
 * take no time. The schedule's keep to the account's rate, as poll.c does, the fixed ones
 * do not: the last column tells what they would need.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/engine/schedule.h"

#define TASKS 20000
#define IN_FLIGHT_MAX 100
/* Of kie, which documents the lowest rate. */
#define QUERIES_PER_SECOND 10

struct task {
	int64_t begun_ms, ends_ms, told_ms, next_ms;
	bool in_turn; /* `next_ms` is its place among all questions */
	int asked;
};

struct world {
	int64_t fixed_ms; /* 0: the schedule */
	struct seed_durations durations;
	struct seed_rate rate;
	struct task tasks[IN_FLIGHT_MAX];
	int64_t delays[TASKS];
	int asked[TASKS];
	int seen, queries;
};

/* xorshift64*: the same tasks in each run, for each policy. */
static uint64_t random_state;

static double chance(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (double)((random_state * 0x2545f4914f6cdd1dU) >> 11) / 9007199254740992.0 + 1e-18;
}

static int64_t duration_ms(void)
{
	double normal = sqrt(-2 * log(chance())) * cos(2 * M_PI * chance());

	return (int64_t)(1000 * sqrt(8.0 * 40) * exp(normal * log(40.0 / 8) / (2 * 1.96)));
}

static void plan(struct world *world, struct task *task, int64_t now_ms)
{
	int64_t age = now_ms - task->begun_ms;

	task->in_turn = false;
	task->next_ms = task->begun_ms + (world->fixed_ms ? age + world->fixed_ms :
					  seed_schedule_next_ms(&world->durations, age));
}

static void begin(struct world *world, struct task *task, int64_t now_ms)
{
	*task = (struct task){ .begun_ms = now_ms, .ends_ms = now_ms + duration_ms() };
	plan(world, task, now_ms);
}

static bool is_put_off(struct world *world, struct task *task)
{
	int64_t turn;

	if (world->fixed_ms || task->in_turn)
		return false;
	turn = seed_rate_next_ms(&world->rate, 0, task->next_ms);
	seed_rate_take(&world->rate, turn);
	task->in_turn = turn > task->next_ms;
	task->next_ms = turn;
	return task->in_turn;
}

static void ask(struct world *world, struct task *task)
{
	int64_t now = task->next_ms;

	world->queries++;
	task->asked++;
	if (now < task->ends_ms) {
		task->told_ms = now - task->begun_ms;
		plan(world, task, now);
		return;
	}
	world->delays[world->seen] = now - task->ends_ms;
	world->asked[world->seen++] = task->asked;
	seed_durations_add(&world->durations, (task->told_ms + now - task->begun_ms) / 2);
	begin(world, task, now);
}

static int64_t run(struct world *world, int in_flight, int64_t fixed_ms)
{
	int64_t now = 0;

	*world = (struct world){ .fixed_ms = fixed_ms };
	random_state = 17;
	if (seed_rate_init(&world->rate, QUERIES_PER_SECOND, 1000))
		abort();
	for (int i = 0; i < in_flight; i++)
		begin(world, &world->tasks[i], (int64_t)(20000 * chance()));
	while (world->seen < TASKS) {
		struct task *first = &world->tasks[0];

		for (int i = 1; i < in_flight; i++)
			if (world->tasks[i].next_ms < first->next_ms)
				first = &world->tasks[i];
		now = first->next_ms;
		if (!is_put_off(world, first))
			ask(world, first);
	}
	seed_rate_release(&world->rate);
	return now;
}

static int by_delay(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int by_count(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(void)
{
	static const int in_flight[] = { 1, 100 };
	static const int64_t fixed_ms[] = { 0, 500, 2000, 10000 };
	static struct world world;

	puts("| in flight | asked | delay, median, s | p90, s | questions a task, mean | p90 | "
	     "questions a second | of the account's rate |\n"
	     "| --- | --- | --- | --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < SEED_ARRAY_LEN(in_flight); i++) {
		for (size_t j = 0; j < SEED_ARRAY_LEN(fixed_ms); j++) {
			int64_t took_ms = run(&world, in_flight[i], fixed_ms[j]);
			double rate = 1000.0 * world.queries / (double)took_ms;
			char policy[32] = "by the schedule";

			qsort(world.delays, TASKS, sizeof(world.delays[0]), by_delay);
			qsort(world.asked, TASKS, sizeof(world.asked[0]), by_count);
			if (fixed_ms[j])
				snprintf(policy, sizeof(policy), "every %.1f s",
					 (double)fixed_ms[j] / 1000);
			printf("| %d | %s | %.2f | %.2f | %.1f | %d | %.1f | %.2f |\n", in_flight[i],
			       policy, (double)world.delays[TASKS / 2] / 1000,
			       (double)world.delays[TASKS * 9 / 10] / 1000,
			       (double)world.queries / TASKS, world.asked[TASKS * 9 / 10], rate,
			       rate / QUERIES_PER_SECOND);
		}
	}
	return 0;
}
