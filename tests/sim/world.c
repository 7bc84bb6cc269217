/* Clock, dice and events; disk threads; workers. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/worker/worker.h"
#include "lib/base/process.h"

PORT(clock_now_ms);
PORT(clock_wall_ms);
PORT(clock_chance);
PORT(disk_new);
PORT(disk_free);
PORT(disk_submit);
PORT(worker_pool_new);
PORT(worker_pool_free);
PORT(worker_pool_submit);
PORT(worker_pool_fds);
PORT(worker_pool_next_ms);
PORT(worker_pool_turn);
PORT(log_line);
PORT(log_lost);
PORT(process_is_ending);

/* Of the disk's threads; then what reads large answers, and what walks through all images. */
enum { LANES = 4, READER = LANES, WALKER, ALL_LANES };

struct lane {
	struct seed_disk_job *first, **last;
	int64_t at_ms; /* when the first is run */
};

enum { JOBS_MAX = 32 };

struct work {
	bool busy, draws;
	int task, dest_fd;
	enum { WORK_GOOD, WORK_INVALID, WORK_LOCAL } outcome;
	int64_t at_ms;
	seed_worker_done_fn *done;
	void *context;
};

/* One of each host; world_switch() says whose is meant. */
static struct host {
	bool dead;
	struct lane lanes[ALL_LANES];
	struct work works[JOBS_MAX];
	int work_count;  /* none is busy behind these */
	int64_t lost_ms; /* its clock stood still so long: the host was paused */
	int64_t skew_ms; /* of its wall clock */
} hosts[HOSTS_MAX], *host = hosts;
static struct lane *lanes = hosts[0].lanes;
static struct work *works = hosts[0].works;

static uint64_t state, seed_now;
static int64_t clock_ms;
static bool kind, turning;
static int faults, deaths_left;
static unsigned death_odds; /* one in so many points at which it may be killed */
bool verbose;

/* ---- dice ---- */

uint64_t dice(void)
{
	/* xorshift64*: https://en.wikipedia.org/wiki/Xorshift */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

unsigned roll(unsigned n)
{
	return (unsigned)((dice() >> 33) % n);
}

bool chance(unsigned percent)
{
	return roll(100) < percent;
}

int64_t now_ms(void)
{
	return clock_ms;
}

int64_t from_host_ms(int64_t ms)
{
	return ms == INT64_MAX ? ms : ms + host->lost_ms;
}

void world_switch(int number)
{
	host = &hosts[number];
	lanes = host->lanes;
	works = host->works;
	service_switch(number);
	disk_switch(number);
}

int this_host(void)
{
	return (int)(host - hosts);
}

void world_lose_ms(int64_t ms)
{
	host->lost_ms += ms;
}

void world_set_skew_ms(int64_t ms)
{
	host->skew_ms = ms;
}

int64_t world_skew_ms(void)
{
	return host->skew_ms;
}

bool is_dead(void)
{
	return host->dead;
}

void may_block(const char *what)
{
	if (turning)
		broken("the engine's thread waits for a disk: %s", what);
}

void may_die(void)
{
	if (!host->dead && !kind && deaths_left > 0 && roll(death_odds) == 0) {
		deaths_left--;
		host->dead = true;
		trace("killed");
	}
}

int world_faults(void)
{
	return kind ? 0 : faults;
}

void world_be_kind(void)
{
	kind = true;
	trace("the adversary turns kind");
}

bool world_is_kind(void)
{
	return kind;
}

void trace(const char *format, ...)
{
	va_list arguments;

	if (!verbose)
		return;
	printf("%10.3f  ", (double)clock_ms / 1000);
	if (farm_hosts)
		printf("[%d] ", this_host());
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void broken(const char *format, ...)
{
	va_list arguments;

	printf("%s - seed %llu: ", store_lies ? "ok 1 - a store that lies is noticed" : "not ok",
	       (unsigned long long)seed_now);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n# run it again with: simulate");
	if (farm_hosts)
		printf(" --hosts %d%s", farm_hosts, store_lies ? " --lies 1" : "");
	printf(" --seed %llu\n", (unsigned long long)seed_now);
	fflush(stdout);
	_exit(store_lies ? 0 : 1);
}

int64_t __wrap_seed_clock_now_ms(void)
{
	return clock_ms - host->lost_ms;
}

int64_t __wrap_seed_clock_wall_ms(void)
{
	return EPOCH_MS + clock_ms + host->skew_ms;
}

uint16_t __wrap_seed_clock_chance(void)
{
	return (uint16_t)dice();
}

bool __wrap_seed_process_is_ending(struct seed_process process)
{
	return process.tid == 1;
}

void __wrap_seed_log_line(struct seed_log *log, const char *name, const char *format, ...)
{
	va_list arguments;

	SEED_UNUSED(log);
	if (!verbose || host->dead)
		return;
	printf("%10.3f  ", (double)clock_ms / 1000);
	if (farm_hosts)
		printf("[%d] ", this_host());
	printf("    log %s ", name ? name : "-");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

uint64_t __wrap_seed_log_lost(struct seed_log *log)
{
	SEED_UNUSED(log);
	return 0;
}

/* ---- disk threads: jobs of a lane one after the other ---- */


static void lanes_clear(void)
{
	for (int i = 0; i < ALL_LANES; i++)
		lanes[i] = (struct lane){ .last = &lanes[i].first, .at_ms = INT64_MAX };
}

static int64_t delay_ms(const struct lane *lane)
{
	if (lane == &lanes[WALKER])
		return roll(20000);
	return lane != &lanes[READER] && chance(5) ? roll(3000) : roll(20);
}

errint_t __wrap_seed_disk_new(int threads, struct seed_disk **disk)
{
	lanes_clear();
	*disk = (struct seed_disk *)(void *)&lanes[threads == LANES ? 0 : READER];
	return 0;
}

void __wrap_seed_disk_submit(struct seed_disk *disk, uint64_t key, struct seed_disk_job *job)
{
	struct lane *lane = (struct lane *)(void *)disk;

	lane += key % (lane == &lanes[READER] ? ALL_LANES - READER : LANES);
	if (!lane->first)
		lane->at_ms = clock_ms + delay_ms(lane);
	job->next = NULL;
	*lane->last = job;
	lane->last = &job->next;
}

static const struct lane *running;

bool world_is_reader(void)
{
	return running == &lanes[READER];
}

static bool lane_run(struct lane *lane)
{
	struct seed_disk_job *job = lane->first;

	if (!job || lane->at_ms > clock_ms)
		return false;
	lane->first = job->next;
	if (!lane->first)
		lane->last = &lane->first;
	lane->at_ms = lane->first ? clock_ms + delay_ms(lane) : INT64_MAX;
	running = lane;
	job->run(job);
	running = NULL;
	return true;
}

void __wrap_seed_disk_free(struct seed_disk *disk)
{
	if (!disk)
		return;
	/* A stop waits for what was ordered; a death does not. */
	for (int i = 0; i < ALL_LANES && !host->dead; i++)
		while (lanes[i].first) {
			lanes[i].at_ms = clock_ms;
			lane_run(&lanes[i]);
		}
	lanes_clear();
}

/* ---- workers ---- */

errint_t __wrap_seed_worker_pool_new(const struct seed_worker_config *config,
				     struct seed_worker_pool **pool)
{
	SEED_UNUSED(config);
	memset(works, 0, sizeof(host->works));
	host->work_count = 0;
	*pool = (struct seed_worker_pool *)(void *)works;
	return 0;
}

static int read_task(int fd)
{
	int task = -1;

	return fd >= 0 && pread(fd, &task, sizeof(task), 0) == sizeof(task) ? task : -1;
}

/* What was kept on disk has another name. */
static bool is_downloaded(int fd)
{
	char link[32], name[32] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, name, sizeof(name) - 1) > 0 &&
	       strncmp(name, "/memfd:" SIM_PICTURE, strlen("/memfd:" SIM_PICTURE)) == 0;
}

errint_t __wrap_seed_worker_pool_submit(struct seed_worker_pool *pool,
					const struct seed_image_job *job, int source_fd,
					int dest_fd, int64_t limit_ms, seed_worker_done_fn *done,
					void *context)
{
	struct work *work = works;
	int task = read_task(source_fd);

	SEED_UNUSED(pool);
	SEED_UNUSED(limit_ms);
	if (is_downloaded(source_fd) && !service_rooms(task))
		broken("the picture of task %d is held, and not counted", task);
	if (source_fd >= 0)
		close(source_fd);
	while (work < works + JOBS_MAX && work->busy)
		work++;
	if (work == works + JOBS_MAX || (!kind && chance((unsigned)faults / 8))) {
		close(dest_fd);
		reached(PHASE_VERIFY, CELL_LOCAL);
		return -ENOMEM;
	}
	if (work - works >= host->work_count)
		host->work_count = (int)(work - works) + 1;
	assert(job->draw || (task >= 0 && task < task_count));
	*work = (struct work){
		.busy = true,
		.task = task,
		.dest_fd = dest_fd,
		.at_ms = clock_ms + 50 + roll(kind ? 100 : 2000),
		.done = done,
		.context = context,
	};
	if (!tasks[task].valid)
		work->outcome = WORK_INVALID;
	if (!kind && chance((unsigned)faults / 4))
		work->outcome = WORK_LOCAL;
	reached(PHASE_VERIFY, work->outcome == WORK_GOOD ? CELL_GOOD :
		work->outcome == WORK_LOCAL ? CELL_LOCAL : CELL_FAILED);
	return 0;
}

static void work_end(struct work *work, bool given_up)
{
	struct seed_image_result result = { .local = false };

	work->busy = false;
	if (given_up) {
		seed_error_set(&result.error, ESHUTDOWN, "given up");
	} else if (work->outcome == WORK_LOCAL) {
		result.local = true;
		seed_error_set(&result.error, ENOMEM, "the worker was killed");
	} else if (work->outcome == WORK_INVALID) {
		tasks[work->task].told_invalid = true;
		seed_error_set(&result.error, EBADMSG, "image not valid");
	} else {
		result.source = (struct seed_source_info){ .format = "png", .width = 2048,
							   .height = 1152, .bytes = 7 };
		result.image = (struct seed_image_info){ .width = 2048, .height = 1152,
							 .bytes = 7 };
		snprintf(result.image.sha256, sizeof(result.image.sha256), "%064d", work->task);
		if (pwrite(work->dest_fd, &work->task, sizeof(work->task), 0) < 0)
			broken("a descriptor of the result is gone");
	}
	close(work->dest_fd);
	work->done(work->context, &result);
}

void __wrap_seed_worker_pool_free(struct seed_worker_pool *pool)
{
	if (!pool)
		return;
	for (int i = 0; i < JOBS_MAX; i++)
		if (works[i].busy)
			work_end(&works[i], true);
}

size_t __wrap_seed_worker_pool_fds(struct seed_worker_pool *pool, struct pollfd *fds, size_t max)
{
	SEED_UNUSED(pool);
	SEED_UNUSED(fds);
	SEED_UNUSED(max);
	return 0;
}

int64_t __wrap_seed_worker_pool_next_ms(const struct seed_worker_pool *pool)
{
	int64_t at = INT64_MAX;

	SEED_UNUSED(pool);
	while (host->work_count && !works[host->work_count - 1].busy)
		host->work_count--;
	for (int i = 0; i < host->work_count; i++)
		if (works[i].busy && works[i].at_ms < at)
			at = works[i].at_ms;
	return at;
}

void __wrap_seed_worker_pool_turn(struct seed_worker_pool *pool)
{
	SEED_UNUSED(pool);
	for (int i = 0; i < host->work_count && !host->dead; i++)
		if (works[i].busy && works[i].at_ms <= clock_ms)
			work_end(&works[i], false);
}

/* ---- running ---- */

void world_begin(uint64_t seed)
{
	static const int meanness[] = { 0, 5, 15, 30, 50 };

	seed_now = seed;
	state = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
	for (int i = 0; i < 4; i++)
		(void)dice();
	clock_ms = 1000000;
	host->lost_ms = host->skew_ms = 0;
	host->dead = kind = false;
	faults = meanness[roll(SEED_ARRAY_LEN(meanness))];
	deaths_left = chance(75) ? 1 + (int)roll(4) : 0;
	death_odds = 25;
	lanes_clear();
	memset(works, 0, sizeof(host->works));
	host->work_count = 0;
}

void world_begin_farm(uint64_t seed)
{
	static const unsigned odds[] = { 25, 100, 400 };

	for (int i = HOSTS_MAX; i-- > 0;) {
		world_switch(i);
		*host = (struct host){ .dead = false };
		lanes_clear();
	}
	world_begin(seed);
	deaths_left *= 2;
	death_odds = odds[roll(SEED_ARRAY_LEN(odds))];
}

static int64_t next_event_ms(void)
{
	int64_t at = service_next_ms(), workers = __wrap_seed_worker_pool_next_ms(NULL);
	int64_t store = bucket_answers_ms();

	if (workers < at)
		at = workers;
	if (store < at)
		at = store;
	for (int i = 0; i < ALL_LANES; i++)
		if (lanes[i].first && lanes[i].at_ms < at)
			at = lanes[i].at_ms;
	return at;
}

static void run_lanes(void)
{
	int first = (int)roll(ALL_LANES);

	for (int i = 0; i < ALL_LANES && !host->dead; i++)
		lane_run(&lanes[(first + i) % ALL_LANES]);
}

static void note_death(const struct seed_engine *engine)
{
	for (const struct generation *g = engine->generations; g; g = g->next)
		if (!generation_is_over(g))
			reached(g->phase, CELL_KILL);
}

/* No more images of callbacks than may be, and none waits while there may be one. */
static void check_adoptions(const struct seed_engine *engine)
{
	int turns = 0, looked_at = 0;

	for (const struct generation *g = engine->generations; g; g = g->next) {
		turns += g->has_turn;
		looked_at += g->adopting && (g->phase == PHASE_FETCH || g->phase == PHASE_VERIFY);
		if (g->has_turn && (!g->adopting || g->link_adopting))
			broken("%s keeps its turn", g->record.name);
	}
	if (turns != engine->adopting || turns > engine->config.adoptions || looked_at > turns)
		broken("%d images of callbacks are looked at, %d have a turn", looked_at, turns);
	if (engine->adopting_first && turns < engine->config.adoptions)
		broken("%s waits for a turn that is free", engine->adopting_first->record.name);
}

static int64_t turn(struct seed_engine *engine, bool *stopped)
{
	int64_t at;

	turning = true;
	at = engine_turn(engine, stopped);
	check_adoptions(engine);
	turning = false;
	return engine->first && !host->dead ? clock_ms /* what was posted meanwhile */ : from_host_ms(at);
}

int64_t world_next_ms(void)
{
	return next_event_ms();
}

int64_t world_turn(struct seed_engine *engine, bool *stopped)
{
	int64_t at = turn(engine, stopped);

	if (!host->dead)
		run_lanes();
	may_die();
	if (host->dead)
		note_death(engine);
	return engine->first ? clock_ms : at;
}

void world_pass(int64_t until_ms)
{
	if (until_ms > clock_ms)
		clock_ms = until_ms;
}

bool world_run(struct seed_engine *engine, int64_t until_ms)
{
	bool stopped = false;
	int idle = 0;

	while (!host->dead) {
		int64_t at = turn(engine, &stopped), next = next_event_ms();

		if (next < at)
			at = next;
		if (stopped || host->dead || at > until_ms || at == INT64_MAX)
			break;
		idle = at > clock_ms ? 0 : idle + 1;
		if (idle > 10000)
			broken("the engine turns and turns, and nothing happens");
		if (at > clock_ms)
			clock_ms = at;
		run_lanes();
		may_die();
	}
	if (host->dead)
		note_death(engine);
	else if (clock_ms < until_ms && !stopped)
		clock_ms = until_ms;
	return !host->dead;
}

void world_killed(void)
{
	host->dead = false;
	lanes_clear();
	memset(works, 0, sizeof(host->works));
	host->work_count = 0;
}
