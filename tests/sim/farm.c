/*
 * Several hosts that share one bucket (bucket.c), each with a state directory and an
 * engine of its own, in one program and one time. Each may be killed at any step, and starts again
 * later or never; it may sleep for minutes, with its clock or without, and wakes up with
 * leases that it believes to have; it may be cut off from the store or from the service.
 *
 * What is written to the bucket is read here, too: an entry's order of changes is the truth
 * about who has which name and which row.
 */
#include "tests/sim/farm.h"

#include <stdio.h>

#define REST_MS (26 * HOUR_MS)
#define PATIENT_PERCENT 15
/* Among it the leases of those who are gone. */
#define ROUND_MS 30000
#define ROUNDS 12

int farm_hosts;
bool store_lies;
struct member members[HOSTS_MAX];
struct farm farm;
long deaths, stops;
static int lives;
static long sleeps, cuts, submissions_made, texts_made, runs_made;

void be(int host)
{
	world_switch(host);
	life = members[host].life;
}

/* ---- lives ---- */

static void start(int host)
{
	struct member *member = &members[host];
	struct seed_engine_config config = {
		.provider = &sim_provider,
		.service.api_base = "http://sim.test",
		.retry_steps = 25,
		.retry_cfg_scale = 7,
		.max_upscale = 2,
		.timeout_ms = TIMEOUT_MS,
		.jobs = farm.jobs,
		.adoptions = 1 + host % 2,
		.budget = farm.budget,
		.reuse = farm.reuse,
		.metadata = true,
		.workers = 1,
		.shared = &member->store,
	};
	struct seed_params params;
	struct seed_error error;
	static char world;

	member->life = lives++;
	be(host);
	trace("starts");
	member->store = (struct seed_engine_store){
		.probed = true, .host = member->id, .place = member->id, .where = "sim", .keep = -1, .cache_bytes = 1 << 30,
		.wait_offline = farm.waits,
	};
	seed_params_init(&params);
	config.params = seed_params_share(&params);
	if (seed_engine_new(&config, (struct seed_store *)(void *)&world,
			    (struct seed_log *)(void *)&world, NULL, &member->engine, &error))
		broken("host %d does not start: %s", host, error.message);
	member->starts_ms = member->sleeps_until_ms = INT64_MAX;
	member->turn_ms = now_ms();
	member->stops = false;
}

static void end(struct member *member)
{
	const struct seed_params *params = member->engine->config.params;

	farm_waits_end(member);
	seed_engine_free(member->engine);
	seed_params_unref(params);
	member->engine = NULL;
}

static int alive(void)
{
	int count = 0;

	for (int i = 0; i < farm_hosts; i++)
		count += !members[i].for_good;
	return count;
}

static void died(struct member *member)
{
	end(member);
	bucket_host_died();
	world_killed();
	if (chance(50))
		disk_power_cut();
	deaths++;
	member->starts_ms = now_ms() + (chance(60) ? roll(5000) : roll(300000));
	if (alive() > 1 && chance(15)) {
		trace("is dead for good");
		member->for_good = true;
		member->starts_ms = INT64_MAX;
	}
}

static bool sleeps_now(const struct member *member)
{
	return member->sleeps_until_ms != INT64_MAX && now_ms() < member->sleeps_until_ms;
}

static int64_t next_of(int host)
{
	struct member *member = &members[host];
	int64_t at, ends;

	if (!member->engine)
		return member->starts_ms;
	if (sleeps_now(member))
		return member->sleeps_until_ms;
	be(host);
	at = member->turn_ms;
	ends = world_next_ms();
	if (member->engine->first)
		at = now_ms();
	return ends < at ? ends : at;
}

static void wake_up(struct member *member)
{
	if (member->sleeps_until_ms == INT64_MAX || sleeps_now(member))
		return;
	world_lose_ms(member->dozes_ms);
	member->sleeps_until_ms = INT64_MAX;
	trace("wakes up");
}

/* A host has a row once: two generations of it would end, and be written down, twice. */
static void check_ids(const struct seed_engine *engine)
{
	for (const struct generation *a = engine->generations; a; a = a->next)
		for (const struct generation *b = a->next; b; b = b->next)
			if (a->phase != PHASE_GONE && b->phase != PHASE_GONE &&
			    strcmp(a->record.id, b->record.id) == 0)
				broken("%s: two generations have the id %s", a->record.name, a->record.id);
}

static void live(int host)
{
	struct member *member = &members[host];
	bool stopped = false;

	be(host);
	if (!member->engine) {
		start(host);
		return;
	}
	wake_up(member);
	member->turn_ms = world_turn(member->engine, &stopped);
	if (is_dead()) {
		died(member);
	} else if (stopped) {
		end(member);
		stops++;
		member->starts_ms = now_ms() + roll(20000);
	} else {
		check_ids(member->engine);
	}
}

static void run_until(int64_t until_ms)
{
	int idle = 0;

	for (;;) {
		int64_t next = bucket_next_ms();
		int first = (int)roll((unsigned)farm_hosts);

		for (int i = 0; i < farm_hosts; i++) {
			int64_t at = next_of(i);

			next = at < next ? at : next;
		}
		if (next > until_ms)
			break;
		idle = next > now_ms() ? 0 : idle + 1;
		if (idle > 20000)
			broken("the hosts turn and turn, and nothing happens");
		world_pass(next);
		bucket_run();
		for (int i = 0; i < farm_hosts; i++) {
			int host = (first + i) % farm_hosts;

			if (next_of(host) <= now_ms())
				live(host);
		}
	}
	world_pass(until_ms);
}

/* ---- the adversary ---- */

static void adversary_acts(void)
{
	int host = some_host();
	struct member *member = &members[host < 0 ? 0 : host];
	unsigned what = roll(100);

	if (host < 0 || what >= (unsigned)world_faults() + 10)
		return;
	be(host);
	switch (roll(7)) {
	case 0:
	case 1:
		member->sleeps_until_ms = now_ms() + (chance(50) ? roll(20000) : roll(600000));
		member->dozes_ms = chance(50) ? member->sleeps_until_ms - now_ms() : 0;
		trace("sleeps%s", member->dozes_ms ? ", with its clock" : "");
		sleeps++;
		break;
	case 2:
		bucket_cut_off(now_ms() + (chance(70) ? roll(30000) : roll(300000)));
		trace("is cut off from the store");
		cuts++;
		break;
	case 3:
		service_cut_off(now_ms() + roll(60000));
		trace("is cut off from the service");
		break;
	case 4:
		bucket_go_away(now_ms() + (chance(80) ? roll(20000) : roll(200000)));
		trace("the store is away");
		break;
	case 5:
		bucket_refuse(now_ms() + (chance(70) ? roll(20000) : roll(200000)));
		trace("is refused by the store");
		break;
	default:
		trace("SIGTERM");
		member->stops = true;
		engine_order_stop(member->engine);
		break;
	}
}

/* ---- a run ---- */

static void begin(uint64_t seed)
{
	world_begin_farm(seed);
	service_begin();
	bucket_begin();
	lives = 0;
	farm_users_begin();
	farm_check_begin();
	farm.jobs = chance(20) ? 1 : chance(50) ? 3 : 32;
	farm.waits = chance(30);
	farm.reuse = seed % 3 == 0; /* each text is of one name: what is tried is how its key is taken */
	farm.budget = chance(10) ? 4 + (int)roll(8) : 100000;
	for (int i = 0; i < farm_hosts; i++) {
		members[i] = (struct member){ .engine = NULL };
		snprintf(members[i].id, sizeof(members[i].id), "%016x", i + 1);
		be(i);
		disk_begin();
		world_set_skew_ms(chance(50) ? 0 : (int64_t)roll(120000) - 60000);
		start(i);
	}
}

static void wake_all(void)
{
	for (int i = 0; i < farm_hosts; i++) {
		struct member *member = &members[i];

		be(i);
		service_cut_off(0);
		if (member->sleeps_until_ms != INT64_MAX && sleeps_now(member)) {
			member->dozes_ms = 0;
			member->sleeps_until_ms = now_ms();
		}
		if (!member->engine && !member->for_good)
			member->starts_ms = now_ms();
	}
	bucket_be_kind();
}

static void come_to_rest(void)
{
	bool asked;

	wake_all();
	run_until(now_ms() + 2 * TIMEOUT_MS);
	for (int i = 0; i < farm_hosts; i++)
		if (members[i].engine)
			farm_sighup(i);
	run_until(now_ms() + 3 * TIMEOUT_MS);
	farm_waits_sweep();
	if (farm.budget > 1000)
		for (int i = 0; i < farm_hosts && i < NAMES; i++)
			if (members[i].engine && !members[i].stops)
				farm_commit(i, i, false);
	/* Nobody asks for any name: what is in flight ends all the same. */
	asked = chance(50);
	for (int i = 0; i < ROUNDS; i++) {
		run_until(now_ms() + ROUND_MS);
		farm_waits_sweep();
		if (asked)
			farm_look_everywhere();
	}
	run_until(now_ms() + HOUR_MS);
	farm_check_unasked();
}

static bool is_at_rest(void)
{
	for (int i = 0; i < farm_hosts; i++)
		if (members[i].engine && members[i].engine->generations)
			return false;
	return true;
}

static void check_farm_at_rest(void)
{
	farm_waits_sweep();
	/* The first one may take up what nobody has heard of: its host died before it could tell. */
	for (int i = 0; i < 2; i++) {
		farm_look_everywhere();
		run_until(now_ms() + ROUND_MS);
		farm_waits_sweep();
	}
	farm_waits_check();
	farm_check_rest();
}

void farm_run(uint64_t seed)
{
	long deaths_before = deaths, stops_before = stops;
	bool patient;
	int actions;

	begin(seed);
	actions = 3 + (int)roll(18);
	for (int i = 0; i < actions; i++) {
		adversary_acts();
		farm_users_act();
		run_until(now_ms() + (chance(40) ? roll(300) : chance(70) ? roll(5000) : roll(90000)));
	}
	world_be_kind();
	come_to_rest();
	farm_check_budget(deaths_before, stops_before);
	farm_waits_check();
	/* What nobody knows the end of is asked for for a day. That takes long here, too. */
	patient = chance(PATIENT_PERCENT);
	if (patient || is_at_rest())
		run_until(now_ms() + REST_MS);
	if (patient || is_at_rest())
		check_farm_at_rest();
	submissions_made += submission_count;
	texts_made += text_count;
	runs_made++;
	for (int i = 0; i < farm_hosts; i++) {
		be(i);
		if (members[i].engine)
			end(&members[i]);
	}
}

void farm_show(long runs)
{
	printf("# %ld runs of %d hosts: %ld texts, %ld submissions, %ld kills, %ld stops, %ld sleeps, %ld cuts, "
	       "%ld rows taken from others\n", runs, farm_hosts, texts_made, submissions_made, deaths, stops,
	       sleeps, cuts, farm_rows_taken());
}
