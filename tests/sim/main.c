/*
 * simulate [--hosts N [--lies 1]] [--runs N] [--seconds N] [--from SEED] [--seed SEED]
 *
 * Runs the simulation (sim.h) and writes TAP: what it reached, and the seed of
 * the first run that is wrong. --seed runs one and shows each step.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <time.h>

#define REST_MS (INT64_C(3) * 24 * 3600 * 1000)
/* The wall clock is set, or the machine has slept. */
#define JUMP_MS (INT64_C(26) * 3600 * 1000)
/* In as many runs as `make check` makes, each cell at least so often. */
#define CELL_MIN 1000
#define RUNS 100000

static long cells[PHASE_COUNT][CELL_CLASSES];
static long deaths, stops, generations_made, submissions_made;

/* A program that is killed frees nothing: no leak is one here. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

void reached(enum phase phase, enum cell_class class)
{
	cells[phase][class]++;
}

static bool reuse;
static int adoptions; /* images of callbacks that are looked at at once */

static struct seed_engine *start(int jobs)
{
	struct seed_engine_config config = {
		.provider = &sim_provider,
		.service.api_base = "http://sim.test",
		.retry_steps = 25,
		.retry_cfg_scale = 7,
		.max_upscale = 2,
		.timeout_ms = TIMEOUT_MS,
		.jobs = jobs,
		.adoptions = adoptions,
		.budget = 100000,
		.metadata = true,
		.reuse = reuse,
		.workers = 1,
	};
	struct seed_engine *engine = NULL;
	struct seed_params params;
	struct seed_error error;
	static char world;

	seed_params_init(&params);
	config.params = seed_params_share(&params);
	if (seed_engine_new(&config, (struct seed_store *)(void *)&world,
			    (struct seed_log *)(void *)&world, NULL, &engine, &error))
		broken("does not start: %s", error.message);
	users_begin(engine);
	return engine;
}

static void end(struct seed_engine *engine)
{
	const struct seed_params *params = engine->config.params;

	seed_engine_free(engine);
	seed_params_unref(params);
}

static struct seed_engine *start_again(struct seed_engine *engine)
{
	int jobs = engine->config.jobs;

	users_died();
	end(engine);
	world_killed();
	if (chance(50))
		disk_power_cut();
	check_disk();
	life++;
	deaths++;
	return start(jobs);
}

static struct seed_engine *live(struct seed_engine *engine, int64_t until_ms)
{
	while (!world_run(engine, until_ms))
		engine = start_again(engine);
	return engine;
}

/* SIGTERM: everybody is answered, and the next mount goes on. */
static struct seed_engine *stop(struct seed_engine *engine)
{
	int jobs = engine->config.jobs;

	trace("SIGTERM");
	engine_order_stop(engine);
	if (!world_run(engine, now_ms() + 60000))
		return start_again(engine);
	stops++;
	end(engine);
	users_stopped();
	life++;
	return start(jobs);
}

static void run(uint64_t seed)
{
	struct seed_engine *engine;
	int actions, jobs;

	world_begin(seed);
	service_begin();
	disk_begin();
	life = 0;
	jobs = chance(20) ? 1 : 32;
	adoptions = chance(25) ? 1 : 32;
	reuse = chance(30);
	engine = start(jobs);
	actions = 1 + (int)roll(8);
	for (int i = 0; i < actions; i++) {
		users_act(engine);
		engine = live(engine, now_ms() + (chance(70) ? roll(3000) : roll(60000)));
		if (chance(4))
			engine = stop(engine);
		if (chance(1))
			world_set_skew_ms(JUMP_MS);
	}
	world_be_kind();
	/* Answers that are under way may still refuse the key. */
	engine = live(engine, now_ms() + 2 * TIMEOUT_MS);
	users_sighup(engine);
	engine = live(engine, now_ms() + 3 * TIMEOUT_MS);
	users_commit(engine);
	engine = live(engine, now_ms() + REST_MS);
	check_rest(engine);
	generations_made += text_count;
	submissions_made += submission_count;
	end(engine);
}

static const char *const class_names[CELL_CLASSES] = {
	"not sent", "busy", "local", "unsure", "refused", "failed", "gone", "running", "disk",
	"kill", "good",
};

/* A host that is alone is never there. */
static bool is_of_farm(int phase)
{
	return phase == PHASE_CLAIM || phase == PHASE_FOLLOW || phase == PHASE_TAKE;
}

/* Which cells there are: the adversary must reach each. */
static bool is_cell(int phase, int class)
{
	if (is_of_farm(phase))
		return false;
	switch (class) {
	case CELL_KILL:
		return phase != PHASE_REUSE && phase != PHASE_CHECK && phase != PHASE_SPLIT && phase < PHASE_DROP;
	case CELL_NOT_SENT:
	case CELL_BUSY:
	case CELL_UNSURE:
		return phase == PHASE_SUBMIT || phase == PHASE_POLL || phase == PHASE_FETCH;
	case CELL_LOCAL:
	case CELL_GOOD:
		return phase == PHASE_SUBMIT || phase == PHASE_POLL || phase == PHASE_FETCH ||
		       phase == PHASE_VERIFY;
	case CELL_REFUSED:
		return phase == PHASE_SUBMIT || phase == PHASE_POLL;
	case CELL_FAILED:
		return phase == PHASE_SUBMIT || phase == PHASE_POLL || phase == PHASE_VERIFY;
	case CELL_GONE:
		return phase == PHASE_POLL || phase == PHASE_FETCH;
	case CELL_RUNNING: /* of a submission: its answer was coming */
		return phase == PHASE_POLL || phase == PHASE_SUBMIT;
	default:
		return false;
	}
}

static bool show_cells(long runs)
{
	bool enough = true;

	for (int p = 0; p < PHASE_COUNT; p++)
		for (int c = 0; c < CELL_CLASSES; c++) {
			if (!is_cell(p, c))
				continue;
			printf("# %-10s %-8s %9ld\n", machine_phases[p].name, class_names[c], cells[p][c]);
			if (runs >= RUNS && cells[p][c] < CELL_MIN) {
				printf("# the adversary is too kind: fewer than %d\n", CELL_MIN);
				enough = false;
			}
		}
	return enough;
}

static int end_farm(long runs, uint64_t from)
{
	farm_show(runs);
	if (store_lies)
		printf("not ok 1 - nobody has noticed that the store lies (from seed %llu)\n",
		       (unsigned long long)from);
	else
		printf("ok 1 - the simulation of a farm (from seed %llu)\n", (unsigned long long)from);
	return store_lies;
}

int main(int argc, char **argv)
{
	long runs = RUNS, seconds = 0, done = 0;
	uint64_t from = 1, only = 0;
	time_t end_at;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--runs") == 0)
			runs = (long)value;
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = (long)value;
		else if (strcmp(argv[i], "--from") == 0)
			from = value;
		else if (strcmp(argv[i], "--seed") == 0)
			only = value;
		else if (strcmp(argv[i], "--hosts") == 0)
			farm_hosts = value < HOSTS_MAX ? (int)value : HOSTS_MAX;
		else if (strcmp(argv[i], "--lies") == 0)
			store_lies = value != 0;
	}
	printf("1..1\n");
	fflush(stdout);
	if (only) {
		verbose = true;
		setvbuf(stdout, NULL, _IOLBF, 0); /* all of it, if an assertion fails */
		(farm_hosts ? farm_run : run)(only);
		printf("ok 1 - seed %llu\n", (unsigned long long)only);
		return 0;
	}
	end_at = time(NULL) + seconds;
	while (seconds ? time(NULL) < end_at : done < runs)
		(farm_hosts ? farm_run : run)(from + (uint64_t)done++);
	if (farm_hosts)
		return end_farm(done, from);
	printf("# %ld runs from seed %llu: %ld texts, %ld submissions, %ld kills, %ld stops\n", done,
	       (unsigned long long)from, generations_made, submissions_made, deaths, stops);
	if (!show_cells(done)) {
		printf("not ok 1 - each cell is reached\n");
		return 1;
	}
	printf("ok 1 - the simulation\n");
	return 0;
}
