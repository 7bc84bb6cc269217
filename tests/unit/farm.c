/*
 * What hosts of a farm agree on: the rules of lib/share/farm.h by themselves, and then
 * lib/share/farmer.c in worlds that a seed makes up, over a store with S3's promise: a write on
 * a condition happens if the condition holds; its answer may be lost, or the write itself may
 * come late. Hosts are killed and paused at any step. Never are there more submissions in a
 * day than the budget, nor more jobs than slots while all leases last; and where no host is
 * killed, the count is exact in the end. WORLDS=N SEED=N make more.
 */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/share/farmer.h"
#include "lib/share/tally.h"

enum { HOSTS_MAX = 5, OPS_MAX = 12, REQUESTS_MAX = 64, STEPS = 1500, DAYS = 3 };

static const char *const ids[HOSTS_MAX] = {
	"00000000000000a0", "00000000000000b1", "00000000000000c2", "00000000000000d3", "00000000000000e4",
};

/* ---- dice and time ---- */

static uint64_t dice_state, world;
static int64_t now; /* milliseconds, of everybody's monotonic clock */
static bool kind;   /* the adversary has stopped */

static unsigned roll(unsigned n)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (unsigned)(dice_state >> 33) % n;
}

static bool chance(unsigned percent)
{
	return !kind && roll(100) < percent;
}

int64_t __wrap_seed_clock_now_ms(void);
int64_t __wrap_seed_clock_now_ms(void)
{
	return now;
}

uint16_t __wrap_seed_clock_chance(void);
uint16_t __wrap_seed_clock_chance(void)
{
	return (uint16_t)roll(65536);
}

/* Worlds begin half a minute before midnight. */
#define BEGIN_MS (20000 * SEED_SPENT_DAY_MS - 30000)

static int64_t true_ms(void)
{
	return BEGIN_MS + now;
}

/* ---- the store: one object ---- */

static char *object; /* NULL: none */
static uint64_t version;
static bool away;

struct seed_s3_op {
	bool used, swap;
	int host;
	char *data, *etag;     /* of a swap */
	seed_s3_done_fn *done; /* NULL: nobody waits any more */
	void *context;
	int64_t write_ms, answer_ms; /* INT64_MAX: never, or it has been */
	bool written, lost;    /* lost: nothing is answered but that nobody knows */
};
static struct seed_s3_op requests[REQUESTS_MAX];
static int sender; /* the host whose turn it is */
static int swaps, late_writes;

static void request_end(struct seed_s3_op *op)
{
	free(op->data);
	free(op->etag);
	*op = (struct seed_s3_op){ .used = false };
}

static struct seed_s3_op *request_new(seed_s3_done_fn *done, void *context)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		if (requests[i].used)
			continue;
		requests[i] = (struct seed_s3_op){ .used = true, .host = sender, .done = done, .context = context,
						   .write_ms = INT64_MAX };
		requests[i].answer_ms = now + 2 + (int64_t)roll(30);
		if (chance(5))
			requests[i].answer_ms += roll(20000);
		requests[i].lost = away || chance(6);
		return &requests[i];
	}
	return NULL;
}

errint_t __wrap_seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **op);
errint_t __wrap_seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	(void)s3;
	(void)deadline_ms;
	assert_string_equal(get->key, "farm");
	*op = request_new(done, context);
	return *op ? 0 : -ENOMEM;
}

errint_t __wrap_seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t limit, int64_t deadline_ms,
		      seed_s3_done_fn *done, void *context, struct seed_s3_op **op);
errint_t __wrap_seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t limit, int64_t deadline_ms,
		      seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	(void)s3;
	(void)deadline_ms;
	assert_true(put->bytes <= limit);
	*op = request_new(done, context);
	if (!*op)
		return -ENOMEM;
	swaps++;
	(*op)->swap = true;
	(*op)->data = strndup(put->data, put->bytes);
	(*op)->etag = strdup(put->condition == SEED_S3_IF_MATCH ? put->etag : "");
	/* It happens before the answer, long after it, or never. */
	(*op)->write_ms = now + (int64_t)roll((unsigned)((*op)->answer_ms - now));
	if (chance(8))
		(*op)->write_ms = now + roll(60000);
	if ((away && roll(4)) || chance(5))
		(*op)->write_ms = INT64_MAX;
	return 0;
}

/* What is on its way may yet happen. */
void __wrap_seed_s3_cancel(struct seed_s3_op *op);
void __wrap_seed_s3_cancel(struct seed_s3_op *op)
{
	op->done = NULL;
	if (op->write_ms == INT64_MAX)
		request_end(op);
}

static void store_etag(char etag[SEED_S3_ETAG_BYTES])
{
	etag[0] = '\0';
	if (object)
		snprintf(etag, SEED_S3_ETAG_BYTES, "v%llu", (unsigned long long)version);
}

static void store_write(struct seed_s3_op *op)
{
	char etag[SEED_S3_ETAG_BYTES];

	store_etag(etag);
	op->write_ms = INT64_MAX;
	late_writes += !op->done;
	if (strcmp(etag, op->etag) == 0) {
		free(object);
		object = strdup(op->data);
		version++;
		op->written = true;
	}
	if (!op->done)
		request_end(op);
}

/* As lib/s3/s3.c judges what it finds. */
static void store_answer(struct seed_s3_op *op)
{
	struct seed_s3_answer answer = { .outcome = SEED_S3_DONE, .date_s = true_ms() / 1000,
					 .retry_after_ms = -1, .body = object };
	seed_s3_done_fn *done = op->done;
	void *context = op->context;
	char *kept = NULL;

	store_etag(answer.etag);
	if (op->lost) {
		answer = (struct seed_s3_answer){ .outcome = op->swap ? SEED_S3_UNSURE : SEED_S3_AWAY };
		seed_error_set(&answer.error, EHOSTUNREACH, "away");
	} else if (op->swap) {
		answer.outcome = object && strcmp(object, op->data) == 0 ? SEED_S3_DONE : SEED_S3_CHANGED;
	} else if (!object) {
		answer.outcome = SEED_S3_NONE;
	}
	if (answer.body) {
		answer.body = kept = strdup(answer.body);
		answer.len = strlen(answer.body);
	}
	sender = op->host;
	op->done = NULL;
	if (op->write_ms == INT64_MAX)
		request_end(op);
	done(context, &answer);
	free(kept);
}

/* ---- hosts ---- */

enum { JOBS_MAX = 16 };

struct host {
	struct seed_farmer *farmer;
	int64_t paused_ms, turn_ms;
	int queue, running;
	int64_t end_ms[JOBS_MAX];
	int64_t busy_ms; /* of its jobs, in kind times */
};
struct charge {
	struct seed_farmer_op *op; /* NULL: free */
	int host;
	int64_t uid;
};
static struct host hosts[HOSTS_MAX];
static int host_count, jobs;
static int64_t budget;
static struct charge charges[HOSTS_MAX][OPS_MAX];
static int64_t sent[DAYS]; /* submissions that count, by the day they were charged on */
static bool kills;         /* in this world */
static int granted, used_up, unknown, held_up, given_back, taken_over;

static int64_t *sent_on(int64_t day)
{
	int64_t index = day - BEGIN_MS / SEED_SPENT_DAY_MS;

	assert_true(index >= 0 && index < DAYS);
	return &sent[index];
}

static void on_charged(void *context, errint_t err, int64_t day, const struct seed_error *error)
{
	struct charge *charge = context;
	struct seed_farmer *farmer = hosts[charge->host].farmer;

	assert_int_equal(error->code, -err);
	charge->op = NULL;
	if (err) {
		used_up += err == -EDQUOT;
		held_up += err == -EAGAIN;
		unknown += err == -ETIMEDOUT;
		return;
	}
	granted++;
	/* Not one of yesterday's; the store's clock is known to a second. */
	assert_true(day >= (true_ms() - 1500) / SEED_SPENT_DAY_MS);
	if (chance(20)) { /* it is refused, and does not count */
		given_back++;
		seed_farmer_refund(farmer, day, charge->uid);
		return;
	}
	++*sent_on(day);
	if (budget && *sent_on(day) > budget)
		fail_msg("seed %llu: %lld submissions of %lld", (unsigned long long)world,
			 (long long)*sent_on(day), (long long)budget);
}

static void charge_one(int at)
{
	for (int i = 0; i < OPS_MAX; i++) {
		struct charge *charge = &charges[at][i];

		if (charge->op)
			continue;
		*charge = (struct charge){ .host = at, .uid = (int64_t)roll(40) };
		assert_int_equal(seed_farmer_charge(hosts[at].farmer, charge->uid, now + 500 + (int64_t)roll(30000),
						    on_charged, charge, &charge->op), 0);
		return;
	}
}

static void host_start(int at)
{
	const struct seed_farmer_config config = { .budget = budget, .jobs = jobs, .rate_count = 7, .rate_seconds = 60 };

	assert_int_equal(seed_farmer_new(NULL, ids[at], &config, &hosts[at].farmer), 0);
}

static void host_kill(int at)
{
	struct host *host = &hosts[at];

	seed_farmer_free(host->farmer);
	*host = (struct host){ .queue = host->queue, .paused_ms = now + (int64_t)roll(60000) };
	memset(charges[at], 0, sizeof(charges[at]));
	host_start(at);
}

/* Jobs end and begin; what it wants is told. */
static void host_work(int at)
{
	struct host *host = &hosts[at];
	int before = host->running;

	for (int i = 0; i < host->running; i++)
		if (host->end_ms[i] <= now)
			host->end_ms[i--] = host->end_ms[--host->running];
	seed_farmer_want(host->farmer, host->running + host->queue, host->running);
	while (host->queue && host->running < JOBS_MAX && host->running < seed_farmer_jobs(host->farmer, now)) {
		host->queue--;
		host->end_ms[host->running++] = now + 2000 + (int64_t)roll(20000);
		seed_farmer_want(host->farmer, host->running + host->queue, host->running);
		taken_over++;
	}
	if (host->running != before)
		host->turn_ms = now;
}

static void host_turn(int at)
{
	struct host *host = &hosts[at];
	struct charge *charge = &charges[at][roll(OPS_MAX)];

	if (host->paused_ms > now)
		return;
	sender = at;
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].used && requests[i].done && requests[i].host == at && requests[i].answer_ms <= now)
			store_answer(&requests[i]);
	if (!kind && roll(40) == 0)
		charge_one(at);
	if (chance(1) && charge->op) {
		seed_farmer_cancel(charge->op);
		charge->op = NULL;
	}
	if (!kind && roll(100) == 0)
		host->queue = (int)roll(20);
	if (roll(2000) == 0 && !kind) {
		struct seed_error error;

		seed_error_set(&error, EBUSY, "busy");
		seed_farmer_hold(host->farmer, (int64_t)roll(5000), &error);
	}
	host_work(at);
	host->turn_ms = seed_farmer_turn(host->farmer, now);
	if (chance(1) && roll(4) == 0)
		host->paused_ms = now + (int64_t)roll(60000);
	if (kills && chance(1) && roll(4) == 0)
		host_kill(at);
}

/* ---- what must hold at any time ---- */

static bool excused;

static void check_jobs(void)
{
	struct seed_farm farm;
	int running = 0, slots = 0, may;
	bool lapsed = false;

	seed_farm_init(&farm);
	if (object && strcmp(object, "{}") != 0)
		assert_int_equal(seed_farm_parse(object, strlen(object), &farm), 0);
	for (int i = 0; i < host_count; i++) {
		const struct seed_farm_host *row = seed_farm_find(&farm, ids[i]);

		/* No host thinks that it has more than the store says, nor for longer. */
		may = seed_farmer_jobs(hosts[i].farmer, now);
		if (may && (!row || row->slots < may || row->until_s * 1000 < true_ms()))
			fail_msg("seed %llu: host %d may run %d: %s", (unsigned long long)world, i, may, object);
		running += hosts[i].running;
		slots += row && row->until_s >= true_ms() / 1000 ? row->slots : 0;
		lapsed = lapsed || (hosts[i].running && (!row || row->until_s < true_ms() / 1000));
	}
	if (lapsed)
		excused = true;
	else if (running <= jobs && slots <= jobs)
		excused = false;
	if (running > jobs && !excused && !kills)
		fail_msg("seed %llu: %d jobs run, of %d", (unsigned long long)world, running, jobs);
}

static void step(void)
{
	now += 1 + (int64_t)roll(roll(4) ? 40 : 400);
	if (!kind && roll(300) == 0)
		away = !away;
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].used && requests[i].write_ms <= now)
			store_write(&requests[i]);
	for (int i = 0; i < host_count; i++)
		host_turn(i);
	check_jobs();
}

static bool is_at_rest(void)
{
	for (int i = 0; i < host_count; i++)
		if (hosts[i].queue || hosts[i].running || !seed_farmer_rests(hosts[i].farmer))
			return false;
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].used)
			return false;
	return true;
}

/* No host is forgotten while there is work for all. */
static void check_fair(void)
{
	const int64_t from_ms = now;
	int64_t most = 0, least = INT64_MAX;

	while (now < from_ms + 1200000) {
		int64_t before = now;

		for (int i = 0; i < host_count; i++)
			hosts[i].queue = 20;
		step();
		/* At first all of them have to be heard of, and longer jobs to end. */
		for (int i = 0; i < host_count && now > from_ms + 120000; i++)
			hosts[i].busy_ms += hosts[i].running * (now - before);
	}
	for (int i = 0; i < host_count; i++) {
		most = hosts[i].busy_ms > most ? hosts[i].busy_ms : most;
		least = hosts[i].busy_ms < least ? hosts[i].busy_ms : least;
		hosts[i].queue = 0;
	}
	if (least * 3 < most * 2)
		fail_msg("seed %llu: %d hosts, %d jobs: one had %lld ms, one %lld", (unsigned long long)world,
			 host_count, jobs, (long long)least, (long long)most);
}

static void check_count(void)
{
	struct seed_farm farm;
	int64_t counted;

	seed_farm_init(&farm);
	if (object)
		assert_int_equal(seed_farm_parse(object, strlen(object), &farm), 0);
	if (!farm.serial)
		return;
	counted = *sent_on(farm.spent.day);
	/* Without a budget a host that is killed may not have written yet what it sent. */
	if ((budget && farm.spent.count < counted) || (!kills && farm.spent.count != counted))
		fail_msg("seed %llu: %lld submissions, %lld counted, budget %lld", (unsigned long long)world,
			 (long long)counted, (long long)farm.spent.count, (long long)budget);
}

static void begin_world(uint64_t seed)
{
	world = seed;
	dice_state = seed * 0x9e3779b97f4a7c15u + 1;
	memset(charges, 0, sizeof(charges));
	memset(hosts, 0, sizeof(hosts));
	memset(sent, 0, sizeof(sent));
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		request_end(&requests[i]);
	free(object);
	object = NULL;
	version = 0;
	now = 1000;
	away = kind = excused = false;
	kills = seed % 2;
	host_count = 3 + (int)roll(3);
	jobs = 1 + (int)roll(8);
	budget = roll(5) ? 1 + (int64_t)roll(60) : 0;
	for (int i = 0; i < host_count; i++)
		host_start(i);
}

static void run(uint64_t seed, bool fair)
{
	int steps = 0;

	begin_world(seed);
	while (steps++ < STEPS)
		step();
	kind = true;
	away = false;
	for (int i = 0; i < host_count; i++)
		hosts[i].paused_ms = 0;
	if (fair)
		check_fair();
	for (int i = 0; i < host_count; i++)
		hosts[i].queue = 0;
	for (steps = 0; !is_at_rest(); steps++) {
		if (steps > 40000)
			fail_msg("seed %llu does not come to rest: %s", (unsigned long long)seed, object);
		step();
	}
	check_count();
	for (int i = 0; i < host_count; i++)
		seed_farmer_free(hosts[i].farmer);
}

enum { WORLDS = 200 };

static void test_worlds(void **state)
{
	const char *given = getenv("SEED"), *many = getenv("WORLDS");
	uint64_t from = given ? strtoull(given, NULL, 10) : 1, count = many ? strtoull(many, NULL, 10) : WORLDS;
	bool some = given || count < WORLDS;

	(void)state;
	for (uint64_t seed = from; seed < from + count; seed++)
		run(seed, seed % 20 == 0);
	print_message("# %d granted, %d given back, %d over budget, %d held, %d not known in time; %d jobs; "
		      "%d swaps, %d late\n", granted, given_back, used_up, held_up, unknown, taken_over, swaps,
		      late_writes);
	/* The adversary is mean enough. */
	assert_true(some || (granted > 1000 && used_up > 1000 && unknown > 30 && held_up > 30 && late_writes > 30));
	free(object);
	object = NULL;
}

/* ---- the rules by themselves ---- */

#define DAY_MS (20000 * SEED_SPENT_DAY_MS)

static char mark[SEED_FARM_ID_BYTES];

/* As each host that writes does it. */
static void beat(struct seed_farm *farm, const char *host, int64_t now_ms, int wants, int running, int most)
{
	static uint64_t last;
	const struct seed_farm_change change = { .host = host, .mark = mark, .now_ms = now_ms };

	snprintf(mark, sizeof(mark), "%016llx", (unsigned long long)++last);
	assert_int_equal(seed_farm_beat(farm, &change, wants, running, most), 0);
}

/* Through JSON and back, as every other host sees it. */
static void pass(struct seed_farm *farm)
{
	char *text = seed_farm_format(farm), *again;

	assert_non_null(text);
	assert_int_equal(seed_farm_parse(text, strlen(text), farm), 0);
	again = seed_farm_format(farm);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

static void test_budget(void **state)
{
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	assert_int_equal(farm.spent.day, 20000);
	assert_int_equal(seed_farm_charge(&farm, 2, 1000), 0);
	assert_int_equal(seed_farm_charge(&farm, 2, 1001), 0);
	assert_int_equal(seed_farm_charge(&farm, 2, 1000), -EDQUOT);
	pass(&farm);
	assert_int_equal(farm.spent.count, 2);
	/* Another host has another budget. */
	assert_int_equal(seed_farm_charge(&farm, 3, 1000), 0);
	assert_int_equal(seed_farm_charge(&farm, 2, 1000), -EDQUOT);
	assert_int_equal(seed_farm_charge(&farm, 0, -1), 0);
	pass(&farm);
	assert_int_equal(farm.spent.count, 4);
	assert_int_equal(farm.spent.users[0].uid, 1000);
	assert_int_equal(farm.spent.users[0].count, 2);
	assert_int_equal(farm.spent.users[SEED_SPENT_USERS - 1].uid, -1);
	assert_int_equal(farm.spent.users[SEED_SPENT_USERS - 1].count, 1);
	seed_farm_count(&farm, 20000, 1000, -1);
	seed_farm_count(&farm, 19999, 1000, -1); /* that day is over */
	assert_int_equal(farm.spent.count, 3);
	assert_int_equal(farm.spent.users[0].count, 1);
	seed_farm_count(&farm, 20000, 1001, -100);
	assert_int_equal(farm.spent.count, 0);
}

static void test_days(void **state)
{
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	assert_int_equal(seed_farm_charge(&farm, 1, 1000), 0);
	seed_farm_cost(&farm, 20000, 0.25);
	seed_farm_cost(&farm, 20001, 7);
	assert_true(fabs(farm.spent.cost - 0.25) < 1e-9);
	/* A clock that is behind does not bring a day back, nor its budget. */
	beat(&farm, ids[1], DAY_MS - 1, 1, 0, 4);
	assert_int_equal(farm.spent.day, 20000);
	assert_int_equal(seed_farm_charge(&farm, 1, 1000), -EDQUOT);
	beat(&farm, ids[1], DAY_MS + SEED_SPENT_DAY_MS, 1, 0, 4);
	assert_int_equal(farm.spent.day, 20001);
	assert_int_equal(farm.spent.count, 0);
	assert_true(farm.spent.cost <= 0);
	assert_int_equal(seed_farm_charge(&farm, 1, 1000), 0);
	/* One that was far ahead does not keep the farm there, and gives nothing back. */
	beat(&farm, ids[1], DAY_MS + 90 * SEED_SPENT_DAY_MS, 1, 0, 4);
	assert_int_equal(seed_farm_charge(&farm, 1, 1000), 0);
	beat(&farm, ids[1], DAY_MS + 2 * SEED_SPENT_DAY_MS, 1, 0, 4);
	assert_int_equal(farm.spent.day, 20002);
	assert_int_equal(seed_farm_charge(&farm, 1, 1000), -EDQUOT);
}

static void test_users(void **state)
{
	struct seed_farm farm;
	int64_t sum = 0;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	for (int uid = 0; uid < 2 * SEED_SPENT_USERS; uid++) {
		assert_int_equal(seed_farm_charge(&farm, 0, uid), 0);
		pass(&farm);
	}
	for (size_t i = 0; i < SEED_SPENT_USERS; i++)
		sum += farm.spent.users[i].count;
	assert_int_equal(sum, 2 * SEED_SPENT_USERS);
	assert_int_equal(farm.spent.users[SEED_SPENT_USERS - 1].uid, -1);
	assert_int_equal(farm.spent.users[SEED_SPENT_USERS - 1].count, SEED_SPENT_USERS + 1);
	/* A place that becomes free is no second place for a user behind it. */
	seed_farm_count(&farm, 20000, 0, -1);
	assert_int_equal(seed_farm_charge(&farm, 0, 5), 0);
	assert_int_equal(farm.spent.users[0].count, 0);
	assert_int_equal(farm.spent.users[5].count, 2);
	pass(&farm);
}

static void test_hold(void **state)
{
	struct seed_error busy, down;
	struct seed_farm farm;

	(void)state;
	seed_error_set(&busy, EBUSY, "busy \"now\"");
	seed_error_set(&down, EHOSTDOWN, "down");
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	seed_farm_hold(&farm, DAY_MS, DAY_MS + 5000, &busy);
	seed_farm_hold(&farm, DAY_MS, DAY_MS + 4000, &down);
	pass(&farm);
	assert_int_equal(farm.hold_until_ms, DAY_MS + 5000);
	assert_int_equal(farm.hold_code, EBUSY);
	assert_string_equal(farm.hold_message, "busy \"now\"");
	seed_farm_hold(&farm, DAY_MS, DAY_MS + 400 * SEED_SPENT_DAY_MS, &down);
	assert_int_equal(farm.hold_until_ms, DAY_MS + SEED_FARM_HOLD_MAX_S * 1000);
	assert_int_equal(farm.hold_code, EHOSTDOWN);
}

static void test_wrote(void **state)
{
	const int64_t begin_s = DAY_MS / 1000, until_s = begin_s + SEED_FARM_LEASE_S;
	char first[SEED_FARM_ID_BYTES];
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	memcpy(first, mark, sizeof(first));
	for (int i = 0; i < 100; i++)
		beat(&farm, ids[1], DAY_MS, 1, 0, 4);
	assert_int_equal(farm.serial, 101);
	assert_int_equal(seed_farm_wrote(&farm, ids[0], first, until_s, begin_s), SEED_FARM_WROTE);
	assert_int_equal(seed_farm_wrote(&farm, ids[0], mark, until_s, begin_s), SEED_FARM_NEVER);
	assert_int_equal(seed_farm_wrote(&farm, ids[2], mark, until_s, begin_s), SEED_FARM_NEVER);
	/* It is remembered for some time, and then nobody knows. */
	beat(&farm, ids[1], (until_s + SEED_FARM_REMEMBER_S) * 1000, 1, 0, 4);
	assert_int_equal(seed_farm_wrote(&farm, ids[0], first, until_s, until_s + SEED_FARM_REMEMBER_S),
			 SEED_FARM_WROTE);
	beat(&farm, ids[1], (until_s + SEED_FARM_REMEMBER_S + 1) * 1000, 1, 0, 4);
	assert_int_equal(farm.host_count, 1);
	assert_int_equal(seed_farm_wrote(&farm, ids[0], first, until_s, until_s + SEED_FARM_REMEMBER_S + 1),
			 SEED_FARM_UNKNOWN);
}

static void test_shares(void **state)
{
	static const struct { int jobs, wants[4], shares[4], num[4], den; } rows[] = {
		{ 4, { 9, 0, 0, 0 }, { 4, 0, 0, 0 }, { 4, 0, 0, 0 }, 4 },
		{ 4, { 1, 1, 1, 0 }, { 1, 1, 1, 0 }, { 1, 1, 1, 0 }, 3 },
		{ 8, { 1, 9, 9, 2 }, { 1, 3, 2, 2 }, { 1, 3, 2, 2 }, 8 },
		{ 9, { 9, 9, 9, 0 }, { 3, 3, 3, 0 }, { 3, 3, 3, 0 }, 9 },
		{ 2, { 9, 9, 9, 9 }, { 1, 1, 0, 0 }, { 1, 1, 0, 0 }, 2 },
		{ 1, { 0, 0, 5, 5 }, { 0, 0, 1, 0 }, { 0, 0, 1, 0 }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_farm farm;

		seed_farm_init(&farm);
		for (int k = 0; k < 4; k++)
			beat(&farm, ids[k], DAY_MS, rows[i].wants[k], 0, rows[i].jobs);
		for (int k = 0; k < 4; k++) {
			int num, den;

			if (seed_farm_share(&farm, ids[k], rows[i].jobs, DAY_MS / 1000) != rows[i].shares[k])
				fail_msg("row %zu, host %d: %d", i, k,
					 seed_farm_share(&farm, ids[k], rows[i].jobs, DAY_MS / 1000));
			seed_farm_rate_share(&farm, ids[k], rows[i].jobs, DAY_MS / 1000, &num, &den);
			assert_int_equal(num, rows[i].num[k]);
			assert_int_equal(den, num ? rows[i].den : 1);
		}
		/* Nobody is there any more. */
		assert_int_equal(seed_farm_share(&farm, ids[0], rows[i].jobs, DAY_MS / 1000 + SEED_FARM_LEASE_S + 1), 0);
	}
}

/* Any wants: all jobs are given away if they are wanted, and nobody has two more than one
 * who wants more. */
static void test_max_min(void **state)
{
	(void)state;
	dice_state = 7;
	for (int i = 0; i < 3000; i++) {
		int wanted = 0, given = 0, most = 1 + (int)roll(40), shares[HOSTS_MAX];
		struct seed_farm farm;

		seed_farm_init(&farm);
		for (int k = 0; k < HOSTS_MAX; k++)
			beat(&farm, ids[k], DAY_MS + roll(40000), (int)roll(roll(2) ? 4 : 40), 0, most);
		for (int k = 0; k < HOSTS_MAX; k++) {
			shares[k] = seed_farm_share(&farm, ids[k], most, DAY_MS / 1000 + 20);
			wanted += farm.hosts[k].wants;
			given += shares[k];
		}
		assert_int_equal(given, wanted < most ? wanted : most);
		for (int a = 0; a < HOSTS_MAX; a++)
			for (int b = 0; b < HOSTS_MAX; b++)
				assert_true(shares[b] == farm.hosts[b].wants || shares[a] <= shares[b] + 1);
	}
}

/* Two slots change hands between three hosts, each time to the one that waits longest. */
static void test_turns(void **state)
{
	const int64_t slice_ms = SEED_FARM_SLICE_S * 1000;
	int64_t now_ms = DAY_MS, had[3] = { 0 };
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	for (int i = 0; i < 90; i++, now_ms += slice_ms / 5)
		for (int k = 0; k < 3; k++) {
			int sum = 0;

			beat(&farm, ids[k], now_ms, 5, 0, 2);
			for (size_t n = 0; n < farm.host_count; n++)
				sum += farm.hosts[n].slots;
			assert_true(sum <= 2);
			had[k] += farm.hosts[k].slots;
		}
	/* Of 180; those who ask in one order have not quite the same. */
	for (int k = 0; k < 3; k++)
		assert_in_range(had[k], 40, 80);
	/* A job that runs is not ended: its slot is free when it has ended. */
	seed_farm_init(&farm);
	beat(&farm, ids[0], now_ms, 5, 0, 1);
	beat(&farm, ids[1], now_ms, 5, 0, 1);
	now_ms += 2 * slice_ms;
	beat(&farm, ids[0], now_ms, 5, 1, 1);
	assert_int_equal(farm.hosts[0].slots, 1);
	assert_int_equal(seed_farm_jobs(&farm, ids[0], 1, now_ms / 1000), 0);
	beat(&farm, ids[1], now_ms, 5, 0, 1);
	assert_int_equal(farm.hosts[1].slots, 0);
	beat(&farm, ids[0], now_ms, 4, 0, 1);
	beat(&farm, ids[1], now_ms, 5, 0, 1);
	assert_int_equal(farm.hosts[1].slots, 1);
	assert_int_equal(seed_farm_jobs(&farm, ids[1], 1, now_ms / 1000), 1);
}

/* Two have held what is left for long, and a third waits: the first of them gives it back. */
static void test_longest_first(void **state)
{
	const int64_t slice_ms = SEED_FARM_SLICE_S * 1000, now_ms = DAY_MS + 3 * slice_ms;
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[1], DAY_MS, 5, 0, 2);
	beat(&farm, ids[0], DAY_MS, 5, 0, 2);
	beat(&farm, ids[1], DAY_MS + slice_ms, 5, 1, 2);
	assert_int_equal(farm.hosts[0].slots, 1);
	beat(&farm, ids[0], DAY_MS + slice_ms + 1000, 5, 0, 2);
	assert_int_equal(farm.hosts[1].slots, 1);
	beat(&farm, ids[2], DAY_MS + slice_ms, 5, 0, 2);
	assert_int_equal(seed_farm_share(&farm, ids[1], 2, now_ms / 1000), 0);
	assert_int_equal(seed_farm_share(&farm, ids[0], 2, now_ms / 1000), 1);
	assert_int_equal(seed_farm_share(&farm, ids[2], 2, now_ms / 1000), 1);
}

/* What was perhaps written is written once more only if it makes the count larger. */
static void test_tally(void **state)
{
	struct seed_tally tally = { .day = 0 }, next = { .day = 0 };
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 1, 0, 4);
	seed_tally_count(&tally, 20000, 1, 3);
	seed_tally_count(&tally, 20000, 2, -2);
	seed_tally_count(&tally, 19999, 1, 9); /* too late */
	seed_tally_cost(&tally, 20000, 0.5);
	seed_tally_restore(&next, &tally, true);
	seed_tally_apply(&next, &farm);
	assert_int_equal(farm.spent.count, 3);
	assert_true(farm.spent.cost <= 0);
	next = (struct seed_tally){ .day = 0 };
	seed_tally_restore(&next, &tally, false);
	seed_tally_apply(&next, &farm);
	assert_int_equal(farm.spent.count, 4);
	assert_true(farm.spent.cost > 0.4);
	assert_false(seed_tally_is_empty(&next));
	seed_tally_count(&next, 20001, 7, 0);
	assert_true(seed_tally_is_empty(&next));
}

/* A host that slept has jobs whose slots others have by now: it begins none more. */
static void test_lapsed(void **state)
{
	const int64_t late_ms = DAY_MS + (SEED_FARM_LEASE_S + 1) * 1000;
	struct seed_farm farm;

	(void)state;
	seed_farm_init(&farm);
	beat(&farm, ids[0], DAY_MS, 4, 0, 4);
	beat(&farm, ids[1], DAY_MS, 4, 0, 4);
	beat(&farm, ids[1], late_ms, 4, 0, 4);
	assert_int_equal(farm.hosts[1].slots, 4);
	beat(&farm, ids[0], late_ms, 4, 3, 4);
	assert_int_equal(farm.hosts[0].slots, 3);
	assert_int_equal(seed_farm_jobs(&farm, ids[0], 4, late_ms / 1000), 0);
	beat(&farm, ids[1], late_ms, 4, 1, 4);
	assert_int_equal(farm.hosts[1].slots, 1);
	beat(&farm, ids[0], late_ms, 4, 1, 4);
	beat(&farm, ids[1], late_ms, 4, 1, 4);
	assert_int_equal(farm.hosts[0].slots, 2);
	assert_int_equal(farm.hosts[1].slots, 2);
}

static void test_many(void **state)
{
	struct seed_farm_change change = { .host = "ffffffffffffffff", .mark = "ffffffffffffffff", .now_ms = DAY_MS };
	struct seed_farm farm, before;
	struct seed_error error;
	char *text;

	(void)state;
	seed_farm_init(&farm);
	for (int i = 0; i < SEED_FARM_HOSTS_MAX; i++) {
		char id[SEED_FARM_ID_BYTES];

		snprintf(id, sizeof(id), "%016x", i);
		beat(&farm, id, DAY_MS, SEED_FARM_JOBS_MAX, SEED_FARM_JOBS_MAX, SEED_FARM_JOBS_MAX);
	}
	before = farm;
	assert_int_equal(seed_farm_beat(&farm, &change, 1, 0, 1), -EUSERS);
	assert_memory_equal(&before, &farm, sizeof(farm));
	/* The largest that there can be. */
	for (int uid = 0; uid < SEED_SPENT_USERS; uid++)
		seed_farm_count(&farm, 20000, INT64_C(4294967295) - uid, 1000000000000);
	memset(&error, 0, sizeof(error));
	error.code = EBUSY;
	memset(error.message, '"', sizeof(error.message) - 1);
	seed_farm_hold(&farm, DAY_MS, DAY_MS + 1, &error);
	pass(&farm);
	text = seed_farm_format(&farm);
	assert_true(strlen(text) < SEED_FARM_MAX_BYTES);
	free(text);
	change.now_ms += (SEED_FARM_LEASE_S + SEED_FARM_REMEMBER_S + 1) * 1000;
	assert_int_equal(seed_farm_beat(&farm, &change, 1, 0, 1), 0);
	assert_int_equal(farm.host_count, 1);
}

#define HEAD "{\"serial\":1,\"day\":1,\"count\":0,\"cost\":0,"
#define ROW "{\"id\":\"00000000000000a0\",\"mark\":\"0000000000000001\",\"until\":1,\"wants\":1,\"slots\":1,\"served\":1}"

static void test_odd(void **state)
{
	static const char *const texts[] = {
		"", "{}", "[]", "1", HEAD "\"users\":[]}", HEAD "\"hosts\":[]}", HEAD "\"users\":{},\"hosts\":[]}",
		HEAD "\"users\":[],\"hosts\":[" ROW "," ROW "]}", HEAD "\"users\":[],\"hosts\":[1]}",
		HEAD "\"users\":[{\"uid\":1,\"count\":0}],\"hosts\":[]}",
		HEAD "\"users\":[{\"uid\":1,\"count\":1},{\"uid\":1,\"count\":1}],\"hosts\":[]}",
		HEAD "\"users\":[{\"uid\":-1,\"count\":1},{\"uid\":-1,\"count\":1}],\"hosts\":[]}",
		HEAD "\"users\":[],\"hosts\":[],\"hold\":{\"until\":1,\"code\":\"ENOSUCH\",\"message\":\"\"}}",
		HEAD "\"users\":[],\"hosts\":[],\"hold\":{\"until\":1e300,\"code\":\"EBUSY\",\"message\":\"\"}}",
		HEAD "\"users\":[],\"hosts\":[],\"hold\":1}",
		"{\"serial\":1.5,\"day\":1,\"count\":0,\"cost\":0,\"users\":[],\"hosts\":[]}",
		"{\"serial\":0,\"day\":1,\"count\":0,\"cost\":0,\"users\":[],\"hosts\":[]}",
		"{\"serial\":1,\"day\":1,\"count\":-1,\"cost\":0,\"users\":[],\"hosts\":[]}",
		"{\"serial\":1,\"day\":1,\"count\":0,\"cost\":-1,\"users\":[],\"hosts\":[]}",
		"{\"serial\":1,\"day\":1,\"count\":0,\"cost\":\"0\",\"users\":[],\"hosts\":[]}",
		HEAD "\"users\":[],\"hosts\":[" ROW "]} x",
	};
	const char *last = texts[SEED_ARRAY_LEN(texts) - 1];
	struct seed_farm farm, empty;

	(void)state;
	seed_farm_init(&empty);
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		if (seed_farm_parse(texts[i], strlen(texts[i]), &farm) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		assert_memory_equal(&farm, &empty, sizeof(farm));
	}
	for (size_t len = 0; len < strlen(last) - 2; len++)
		assert_int_equal(seed_farm_parse(last, len, &farm), -EBADMSG);
	assert_int_equal(seed_farm_parse(last, strlen(last) - 2, &farm), 0);
	assert_string_equal(farm.hosts[0].id, ids[0]);
}

/* ---- one farmer, step by step ---- */

static void turn_until(int64_t end_ms)
{
	while (now < end_ms)
		step();
}

static void test_idle(void **state)
{
	int before;

	(void)state;
	begin_world(2);
	kind = true;
	host_count = 1;
	before = swaps;
	turn_until(60000);
	assert_int_equal(swaps, before);
	assert_null(object);
	/* It has had a job, and is idle again. */
	hosts[0].queue = 1;
	turn_until(180000);
	assert_int_equal(hosts[0].running + hosts[0].queue, 0);
	assert_true(seed_farmer_rests(hosts[0].farmer));
	assert_int_equal(seed_farmer_jobs(hosts[0].farmer, now), 0);
	before = swaps;
	turn_until(240000);
	assert_int_equal(swaps, before);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

static void on_told(void *context, errint_t err, int64_t day, const struct seed_error *error)
{
	(void)day;
	assert_true(!err || error->message[0]);
	*(errint_t *)context = err;
}

/* A host that is alone and wants more has it at once, not with its next beat. */
static void test_more(void **state)
{
	(void)state;
	begin_world(2);
	kind = true;
	jobs = 8;
	seed_farmer_free(hosts[0].farmer);
	host_start(0);
	hosts[0].queue = 1;
	turn_until(now + 1000);
	assert_int_equal(hosts[0].running, 1);
	hosts[0].queue = 20;
	turn_until(now + 900);
	assert_int_equal(hosts[0].running, 8);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* What comes while a write is under way is one write. */
static void test_group(void **state)
{
	int before;

	(void)state;
	begin_world(2);
	kind = true;
	host_count = 2;
	budget = 0;
	for (int i = 0; i < 2; i++) {
		seed_farmer_free(hosts[i].farmer);
		budget = 100;
		host_start(i);
	}
	before = swaps;
	for (int i = 0; i < OPS_MAX; i++)
		charge_one(0);
	turn_until(5000);
	assert_int_equal(sent[0], OPS_MAX);
	assert_int_equal(swaps, before + 1);
	assert_int_equal(seed_farmer_spent(hosts[0].farmer)->count, OPS_MAX);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* One host is told to wait; the other hears of it by its next look or charge. */
static void test_hold_is_heard(void **state)
{
	struct seed_error error;
	int count, before = held_up;
	int64_t ms;

	(void)state;
	begin_world(2);
	kind = true;
	budget = 100;
	seed_farmer_free(hosts[1].farmer);
	host_start(1);
	seed_error_set(&error, EBUSY, "too many requests");
	seed_farmer_hold(hosts[0].farmer, 60000, &error);
	assert_int_equal(seed_farmer_held_ms(hosts[0].farmer, now, NULL), 60000);
	turn_until(now + 2000);
	assert_int_equal(seed_farmer_held_ms(hosts[1].farmer, now, NULL), 0);
	charge_one(1);
	turn_until(now + 2000);
	assert_int_equal(held_up, before + 1);
	memset(&error, 0, sizeof(error));
	/* The store's clock is known to a second. */
	assert_in_range(seed_farmer_held_ms(hosts[1].farmer, now, &error), 54000, 57000);
	assert_string_equal(error.message, "too many requests");
	assert_int_equal(error.code, EBUSY);
	turn_until(now + 60000);
	assert_int_equal(seed_farmer_held_ms(hosts[1].farmer, now, &error), 0);
	seed_farmer_rate(hosts[1].farmer, &count, &ms);
	assert_int_equal(count, 0); /* it wants nothing */
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* A later time that comes while the first is being written is written, too. */
static void test_two_holds(void **state)
{
	struct seed_error error;
	int before;

	(void)state;
	begin_world(2);
	kind = true;
	seed_error_set(&error, EBUSY, "too many requests");
	seed_farmer_hold(hosts[0].farmer, 5000, &error);
	for (before = swaps; swaps == before;)
		step();
	seed_farmer_hold(hosts[0].farmer, 60000, &error);
	turn_until(now + 5000);
	hosts[1].queue = 1;
	turn_until(now + 1000);
	assert_in_range(seed_farmer_held_ms(hosts[1].farmer, now, NULL), 50000, 55000);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* What is no farm is left as it is, and whoever asks is told. */
static void test_no_farm(void **state)
{
	struct seed_farmer_op *op;
	errint_t err = 0;

	(void)state;
	begin_world(2);
	kind = true;
	object = strdup("{}");
	version = 7;
	assert_int_equal(seed_farmer_charge(hosts[0].farmer, 1, now + 60000, on_told, &err, &op), 0);
	turn_until(now + 2000);
	assert_int_equal(err, -EBADMSG);
	hosts[0].queue = 1;
	turn_until(now + 60000);
	assert_string_equal(object, "{}");
	assert_int_equal(seed_farmer_jobs(hosts[0].farmer, now), 0);
	free(object);
	object = NULL;
	turn_until(now + 60000);
	assert_int_equal(hosts[0].queue, 0);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* Nobody answers: the charge ends with its deadline, and is given back if it happened. */
static void test_away(void **state)
{
	struct seed_farmer_op *op;
	errint_t err = 0;

	(void)state;
	begin_world(2);
	kind = true;
	away = true;
	assert_int_equal(seed_farmer_charge(hosts[0].farmer, 1, now + 3000, on_told, &err, &op), 0);
	turn_until(now + 4000);
	assert_int_equal(err, -EHOSTUNREACH);
	away = false;
	turn_until(now + 4000);
	assert_true(seed_farmer_rests(hosts[0].farmer));
	assert_null(object);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

/* Seven in a minute for three hosts: less than that together, and none is without. */
static void test_rate(void **state)
{
	int count, sum = 0;
	int64_t ms;

	(void)state;
	begin_world(2);
	kind = true;
	jobs = 30;
	for (int i = 0; i < host_count; i++) {
		seed_farmer_free(hosts[i].farmer);
		host_start(i);
		hosts[i].queue = 1000;
	}
	turn_until(now + 90000);
	for (int i = 0; i < host_count; i++) {
		seed_farmer_rate(hosts[i].farmer, &count, &ms);
		assert_int_equal(ms, 60000);
		assert_true(count >= 1);
		sum += count;
	}
	assert_in_range(sum, host_count, 7);
	for (int i = 0; i < HOSTS_MAX; i++)
		seed_farmer_free(hosts[i].farmer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_wrote),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_max_min),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_longest_first),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_lapsed),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_hold_is_heard),
		cmocka_unit_test(test_two_holds),
		cmocka_unit_test(test_no_farm),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
