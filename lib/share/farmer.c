#include "lib/share/farmer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/share/store_clock.h"
#include "lib/share/tally.h"

#define KEY "farm"

enum {
	/* Of one request. */
	ASK_MS = 20000,
	/* What was read or written so lately is changed without reading it again: whoever was
	 * faster is noticed by the swap. */
	FRESH_MS = 200,
	/* Refunds and costs wait for a write that happens anyway, but not for longer. */
	TALLY_MS = 1000,
	/* How often a host looks that has what it wants: three times in a lease. */
	LOOK_MS = SEED_FARM_LEASE_S * 1000 / 3,
	/* And one that waits for jobs: a slot that another gave back is idle until then.
	 * Longer with many hosts, because all of them ask for one object. */
	HUNGRY_MS = 2000,
	HUNGRY_HOST_MS = 50,
	/* Between two writes that only want more. */
	WANT_MS = 300,
	/* The store refuses, or has what is no farm: a person has to do something. */
	REFUSED_MS = 5000,
	/* The store's clock is known to a second; before its lease ends by more than that, a
	 * host begins nothing more. */
	MARGIN_S = 2,
};

/* What is to stand there: the same bytes again and again until it is known whether they did,
 * so that there is one answer for all that is in them. */
struct attempt {
	char *text;                    /* NULL: there is none */
	char etag[SEED_S3_ETAG_BYTES]; /* of what it was made from; "": there was none */
	char mark[SEED_FARM_ID_BYTES];
	struct seed_farm farm;
	int64_t until_s;               /* of the lease */
	struct seed_tally tally;
	int64_t hold_ms;               /* `hold_until_ms` that is in it */
};

struct seed_farmer {
	struct seed_s3 *s3;
	char host[SEED_FARM_ID_BYTES];
	struct seed_farmer_config config;
	struct seed_store_clock clock;
	struct seed_s3_op *asked;      /* NULL: nothing is under way */
	struct seed_farm farm;         /* as it was read or written last */
	char etag[SEED_S3_ETAG_BYTES]; /* its; "": there is none */
	bool has_read;
	int64_t read_ms, wake_ms, pause_ms, look_ms, tally_ms;
	struct attempt attempt;
	struct seed_tally tally;       /* for the next */
	int wants, running;
	int64_t hold_until_ms;         /* as this host was told, by the monotonic clock */
	bool hold_unwritten;
	struct seed_error hold_error;
	struct seed_error error;       /* the last that was met */
	struct seed_error trouble;     /* why it has no jobs, until that is over; code 0: nothing */
	struct seed_farmer_op *ops, **last;
};

enum op_state {
	OP_WAITS,
	OP_TRIED,   /* in the attempt */
	OP_CHARGED,
	OP_FAILED,
};

struct seed_farmer_op {
	struct seed_farmer_op *next, **link;
	struct seed_farmer *farmer;
	enum op_state state;
	bool ends;                     /* its `done` is to be called */
	seed_farmer_done_fn *done;     /* NULL: nobody waits; given back if it happens */
	void *context;
	int64_t uid, deadline_ms, day;
	struct seed_error error;
};

errint_t seed_farmer_new(struct seed_s3 *s3, const char *host, const struct seed_farmer_config *config,
			 struct seed_farmer **out)
{
	struct seed_farmer *farmer = calloc(1, sizeof(*farmer));

	if (!farmer)
		return -ENOMEM;
	assert(strlen(host) == SEED_FARM_ID_BYTES - 1 && config->jobs > 0);
	memcpy(farmer->host, host, sizeof(farmer->host));
	farmer->s3 = s3;
	farmer->config = *config;
	if (farmer->config.jobs > SEED_FARM_JOBS_MAX)
		farmer->config.jobs = SEED_FARM_JOBS_MAX;
	farmer->last = &farmer->ops;
	*out = farmer;
	return 0;
}

static void op_free(struct seed_farmer_op *op)
{
	*op->link = op->next;
	if (op->next)
		op->next->link = op->link;
	else
		op->farmer->last = op->link;
	free(op);
}

void seed_farmer_free(struct seed_farmer *farmer)
{
	if (!farmer)
		return;
	if (farmer->asked)
		seed_s3_cancel(farmer->asked);
	while (farmer->ops)
		op_free(farmer->ops);
	free(farmer->attempt.text);
	free(farmer);
}

/* ---- what it knows ---- */

static int64_t store_ms(const struct seed_farmer *farmer)
{
	return seed_store_clock_ms(&farmer->clock);
}

static int64_t today(const struct seed_farmer *farmer)
{
	return store_ms(farmer) / SEED_SPENT_DAY_MS;
}

static int slots_of(const struct seed_farm *farm, const char *host)
{
	const struct seed_farm_host *row = seed_farm_find(farm, host);

	return row ? row->slots : 0;
}

static int wants_of(const struct seed_farmer *farmer)
{
	return farmer->wants < farmer->config.jobs ? farmer->wants : farmer->config.jobs;
}

const struct seed_spent *seed_farmer_spent(const struct seed_farmer *farmer)
{
	return &farmer->farm.spent;
}

int seed_farmer_jobs(const struct seed_farmer *farmer, int64_t now_ms)
{
	const struct seed_farm_host *row = seed_farm_find(&farmer->farm, farmer->host);
	int64_t now_s = (now_ms + farmer->clock.ahead_ms) / 1000;
	int jobs, next;

	if (!row || !farmer->clock.known || row->until_s < now_s + MARGIN_S)
		return 0;
	jobs = seed_farm_jobs(&farmer->farm, farmer->host, farmer->config.jobs, now_s);
	if (!farmer->attempt.text)
		return jobs;
	/* What is being given back is not used any more. */
	next = slots_of(&farmer->attempt.farm, farmer->host);
	return next < jobs ? next : jobs;
}

void seed_farmer_rate(const struct seed_farmer *farmer, int *count, int64_t *ms)
{
	const struct seed_farmer_config *config = &farmer->config;
	int64_t window_ms = config->rate_seconds * INT64_C(1000), part;
	int num, den;

	*count = 0;
	*ms = window_ms;
	if (config->rate_count <= 0) {
		*ms = 0;
		return;
	}
	seed_farm_rate_share(&farmer->farm, farmer->host, config->jobs, store_ms(farmer) / 1000, &num, &den);
	if (!num)
		return;
	part = (int64_t)config->rate_count * num;
	*count = part > den ? (int)(part / den) : 1;
	/* Less than one in the window is one in a longer one. */
	if (part < den)
		*ms = window_ms * den / part;
}

int64_t seed_farmer_held_ms(const struct seed_farmer *farmer, int64_t now_ms, struct seed_error *error)
{
	int64_t own_ms = farmer->hold_until_ms - now_ms, ms = 0;

	if (farmer->clock.known && farmer->farm.hold_until_ms)
		ms = farmer->farm.hold_until_ms - now_ms - farmer->clock.ahead_ms;
	if (ms > SEED_FARM_HOLD_MAX_S * INT64_C(1000))
		ms = SEED_FARM_HOLD_MAX_S * INT64_C(1000);
	if (ms <= 0 && own_ms <= 0)
		return 0;
	if (error && own_ms >= ms)
		*error = farmer->hold_error;
	else if (error)
		(void)seed_error_set(error, farmer->farm.hold_code, "%s", farmer->farm.hold_message);
	return own_ms > ms ? own_ms : ms;
}

/* ---- when something is to be done ---- */

/* Whether the others are to hear of what this host wants and runs by now: it wants more than
 * it has said, or has slots that others want or nobody. */
static bool has_news(const struct seed_farmer *farmer)
{
	const struct seed_farm_host *row = seed_farm_find(&farmer->farm, farmer->host);
	int wants = wants_of(farmer), slots = row ? row->slots : 0, told = row ? row->wants : 0;

	if (!wants)
		return slots || told;
	if (wants > slots && wants > told)
		return true;
	return farmer->running < slots &&
	       slots > seed_farm_share(&farmer->farm, farmer->host, farmer->config.jobs, store_ms(farmer) / 1000);
}

static void look_soon(struct seed_farmer *farmer)
{
	int64_t at_ms = farmer->read_ms + WANT_MS;

	if (has_news(farmer) && farmer->look_ms > at_ms)
		farmer->look_ms = at_ms;
}

/* The next look, if nothing happens before. */
static void plan_look(struct seed_farmer *farmer)
{
	int64_t ms = LOOK_MS;

	if (wants_of(farmer) > slots_of(&farmer->farm, farmer->host))
		ms = HUNGRY_MS + HUNGRY_HOST_MS * (int64_t)farmer->farm.host_count;
	if (ms > LOOK_MS)
		ms = LOOK_MS;
	/* Up to a tenth less, so that hosts do not march in step. */
	farmer->look_ms = seed_clock_now_ms() + ms - ms * seed_clock_chance() / 655360;
	look_soon(farmer);
}

static bool has_waiting(const struct seed_farmer *farmer)
{
	for (const struct seed_farmer_op *op = farmer->ops; op; op = op->next)
		if (op->state == OP_WAITS)
			return true;
	return false;
}

/* When the store is to be asked; INT64_MAX: there is nothing to ask for. */
static int64_t due_ms(const struct seed_farmer *farmer)
{
	int64_t at_ms = INT64_MAX;

	if (farmer->attempt.text || farmer->hold_unwritten || has_waiting(farmer))
		at_ms = 0;
	if (!seed_tally_is_empty(&farmer->tally) && farmer->tally_ms < at_ms)
		at_ms = farmer->tally_ms;
	if ((farmer->wants || has_news(farmer)) && farmer->look_ms < at_ms)
		at_ms = farmer->look_ms;
	return at_ms < farmer->wake_ms ? farmer->wake_ms : at_ms;
}

bool seed_farmer_rests(const struct seed_farmer *farmer)
{
	return !farmer->asked && !farmer->ops && due_ms(farmer) == INT64_MAX;
}

/* ---- ends of charges ---- */

static void fail(struct seed_farmer_op *op, int code, const char *what)
{
	(void)seed_error_set(&op->error, code, "%s", what);
	op->ends = true;
	if (op->state == OP_WAITS)
		op->state = OP_FAILED;
}

/* Nobody can do anything about it for now. */
static void fail_all(struct seed_farmer *farmer, int code, const char *what)
{
	for (struct seed_farmer_op *op = farmer->ops; op; op = op->next)
		if (op->done && !op->ends)
			fail(op, code, what);
	(void)seed_error_set(&farmer->trouble, code, "%s", what);
	farmer->wake_ms = seed_clock_now_ms() + REFUSED_MS;
	plan_look(farmer);
}

static void charge_op(struct seed_farmer_op *op, int64_t day)
{
	op->state = OP_CHARGED;
	op->day = day;
	op->ends = true;
}

static struct seed_farmer_op *next_end(const struct seed_farmer *farmer)
{
	for (struct seed_farmer_op *op = farmer->ops; op; op = op->next)
		if (op->ends)
			return op;
	return NULL;
}

/* Those who wait are told. They may begin and cancel others meanwhile. */
static void tell(struct seed_farmer *farmer)
{
	struct seed_farmer_op *op;

	while ((op = next_end(farmer)) != NULL) {
		struct seed_farmer_op copy = *op;

		/* One that may yet happen stays, for nobody. */
		op->ends = false;
		op->done = NULL;
		if (op->state != OP_TRIED)
			op_free(op);
		copy.done(copy.context, -copy.error.code, copy.day, &copy.error);
	}
}

static void write_tally_soon(struct seed_farmer *farmer)
{
	if (seed_tally_is_empty(&farmer->tally))
		farmer->tally_ms = seed_clock_now_ms() + TALLY_MS;
}

static void count_by(struct seed_farmer *farmer, int64_t day, int64_t uid, int64_t by)
{
	write_tally_soon(farmer);
	seed_tally_count(&farmer->tally, day, uid, by);
}

void seed_farmer_cancel(struct seed_farmer_op *op)
{
	if (op->state == OP_CHARGED)
		count_by(op->farmer, op->day, op->uid, -1);
	op->ends = false;
	op->done = NULL;
	if (op->state != OP_TRIED)
		op_free(op);
}

static int64_t expire(struct seed_farmer *farmer, int64_t now_ms)
{
	int64_t first_ms = INT64_MAX;

	for (struct seed_farmer_op *op = farmer->ops; op; op = op->next) {
		if (!op->done || op->ends)
			continue;
		if (op->deadline_ms > now_ms)
			first_ms = op->deadline_ms < first_ms ? op->deadline_ms : first_ms;
		else if (op->state == OP_TRIED)
			fail(op, ETIMEDOUT, "it is not known whether the store has counted this submission");
		else
			fail(op, EHOSTUNREACH, farmer->error.code ? farmer->error.message :
			     "the store did not answer in time");
	}
	return first_ms;
}

/* ---- what became of an attempt ---- */

static void happened(struct seed_farmer *farmer)
{
	struct seed_farmer_op *next;

	for (struct seed_farmer_op *op = farmer->ops; op; op = next) {
		next = op->next;
		if (op->state != OP_TRIED)
			continue;
		if (!op->done) {
			count_by(farmer, op->day, op->uid, -1);
			op_free(op);
		} else if (op->day < today(farmer)) {
			/* It would be sent on a day on which it was not charged. */
			op->state = OP_WAITS;
		} else {
			charge_op(op, op->day);
		}
	}
	if (farmer->attempt.hold_ms == farmer->hold_until_ms)
		farmer->hold_unwritten = false;
	free(farmer->attempt.text);
	farmer->attempt.text = NULL;
}

static void did_not_happen(struct seed_farmer *farmer, bool unsure)
{
	struct seed_farmer_op *next;

	for (struct seed_farmer_op *op = farmer->ops; op; op = next) {
		next = op->next;
		if (op->state != OP_TRIED)
			continue;
		if (op->done)
			op->state = OP_WAITS;
		else
			op_free(op);
	}
	if (!seed_tally_is_empty(&farmer->attempt.tally))
		farmer->tally_ms = seed_clock_now_ms();
	seed_tally_restore(&farmer->tally, &farmer->attempt.tally, unsure);
	free(farmer->attempt.text);
	farmer->attempt.text = NULL;
}

/* The farm has just been read. False: the attempt may still happen. */
static bool decide(struct seed_farmer *farmer)
{
	const struct attempt *attempt = &farmer->attempt;
	enum seed_farm_wrote wrote;

	if (!attempt->text)
		return true;
	if (strcmp(farmer->etag, attempt->etag) == 0)
		return false;
	wrote = seed_farm_wrote(&farmer->farm, farmer->host, attempt->mark, attempt->until_s,
				store_ms(farmer) / 1000);
	if (wrote == SEED_FARM_WROTE)
		happened(farmer);
	else
		did_not_happen(farmer, wrote == SEED_FARM_UNKNOWN);
	return true;
}

/* ---- one round: read, change, swap ---- */

static void again(struct seed_farmer *farmer, int64_t wait_ms)
{
	farmer->wake_ms = seed_store_clock_again_ms(&farmer->pause_ms, wait_ms);
}

/* What stands there: of a read, or of a swap that found another. False: nobody knows. */
static bool take(struct seed_farmer *farmer, const struct seed_s3_answer *answer)
{
	bool none = answer->outcome == SEED_S3_NONE || !answer->body;
	errint_t err = 0;

	if (none)
		seed_farm_init(&farmer->farm);
	else
		err = seed_farm_parse(answer->body, answer->len, &farmer->farm);
	memcpy(farmer->etag, answer->etag, sizeof(farmer->etag));
	if (none)
		farmer->etag[0] = '\0';
	farmer->has_read = !err;
	farmer->read_ms = seed_clock_now_ms();
	if (err == -ENOMEM)
		again(farmer, 0);
	else if (err)
		fail_all(farmer, EBADMSG, "what the store has as the farm is none of seedfs: remove that object; the "
			 "day's count begins anew then");
	else if (!farmer->clock.known)
		fail_all(farmer, EBADMSG, "the store does not say what time it is");
	else if (!none && !farmer->etag[0])
		fail_all(farmer, EBADMSG, SEED_S3_NO_ETAG);
	return !err && farmer->clock.known && (none || farmer->etag[0]);
}

static void on_swapped(void *context, struct seed_s3_answer *answer)
{
	struct seed_farmer *farmer = context;

	farmer->asked = NULL;
	seed_store_clock_learn(&farmer->clock, answer->date_s);
	farmer->error = answer->error;
	switch (answer->outcome) {
	case SEED_S3_DONE:
		farmer->farm = farmer->attempt.farm;
		memcpy(farmer->etag, answer->etag, sizeof(farmer->etag));
		farmer->has_read = farmer->etag[0] != '\0';
		farmer->read_ms = seed_clock_now_ms();
		farmer->pause_ms = 0;
		farmer->trouble.code = 0;
		happened(farmer);
		plan_look(farmer);
		break;
	case SEED_S3_CHANGED:
		if (take(farmer, answer)) {
			(void)decide(farmer);
			again(farmer, 0);
		}
		break;
	case SEED_S3_REFUSED:
		fail_all(farmer, answer->error.code, answer->error.message);
		break;
	case SEED_S3_NONE:
	case SEED_S3_UNSURE: /* the next round looks at it */
	case SEED_S3_AWAY:
		again(farmer, answer->retry_after_ms);
		break;
	}
	tell(farmer);
}

static void swap(struct seed_farmer *farmer)
{
	const struct attempt *attempt = &farmer->attempt;
	const struct seed_s3_put put = {
		.key = KEY,
		.data = attempt->text,
		.bytes = strlen(attempt->text),
		.condition = attempt->etag[0] ? SEED_S3_IF_MATCH : SEED_S3_IF_NONE,
		.etag = attempt->etag,
	};

	if (seed_s3_swap(farmer->s3, &put, SEED_FARM_MAX_BYTES, seed_clock_now_ms() + ASK_MS, on_swapped, farmer,
			 &farmer->asked))
		again(farmer, 0);
}

/* Charges that wait, in their order. How many are in the attempt. */
static size_t add_charges(struct seed_farmer *farmer, struct seed_farm *farm)
{
	struct seed_error held;
	bool is_held = seed_farmer_held_ms(farmer, seed_clock_now_ms(), &held) > 0;
	size_t count = 0;

	for (struct seed_farmer_op *op = farmer->ops; op; op = op->next) {
		if (op->state != OP_WAITS)
			continue;
		if (is_held) {
			fail(op, EAGAIN, held.message);
		} else if (seed_farm_charge(farm, farmer->config.budget, op->uid)) {
			fail(op, EDQUOT, "the farm's budget of this day (UTC) is used up");
		} else {
			op->state = OP_TRIED;
			op->day = farm->spent.day;
			count++;
		}
	}
	return count;
}

/* Whether the others would see a difference, or soon miss this host. */
static bool is_news(const struct seed_farmer *farmer, const struct seed_farm *farm)
{
	const struct seed_farm_host *old = seed_farm_find(&farmer->farm, farmer->host);
	const struct seed_farm_host *new = seed_farm_find(farm, farmer->host);

	if (!old)
		return new->wants > 0;
	return old->wants != new->wants || old->slots != new->slots ||
	       (new->wants && new->until_s - old->until_s > SEED_FARM_LEASE_S / 2);
}

/* True: it is to be written. */
static bool fill_attempt(struct seed_farmer *farmer)
{
	struct attempt *attempt = &farmer->attempt;
	const struct seed_farm_change change = { .host = farmer->host, .mark = attempt->mark,
						 .now_ms = store_ms(farmer) };
	bool full, more = farmer->hold_unwritten || !seed_tally_is_empty(&farmer->tally);

	attempt->farm = farmer->farm;
	snprintf(attempt->mark, sizeof(attempt->mark), "%04x%04x%04x%04x", seed_clock_chance(),
		 seed_clock_chance(), seed_clock_chance(), seed_clock_chance());
	full = seed_farm_beat(&attempt->farm, &change, wants_of(farmer), farmer->running, farmer->config.jobs) != 0;
	if (full) {
		fail_all(farmer, EUSERS, "as many hosts generate as a farm can have: give some of them a PREFIX of their own");
		return false;
	}
	seed_tally_apply(&farmer->tally, &attempt->farm);
	if (farmer->hold_unwritten)
		seed_farm_hold(&attempt->farm, change.now_ms, farmer->hold_until_ms + farmer->clock.ahead_ms,
			       &farmer->hold_error);
	attempt->hold_ms = farmer->hold_until_ms;
	if (add_charges(farmer, &attempt->farm) || more || is_news(farmer, &attempt->farm))
		return true;
	farmer->trouble.code = 0; /* what is to be written may be refused yet */
	return false;
}

/* The farm as it was read, with all that has come meanwhile. */
static void change(struct seed_farmer *farmer)
{
	struct attempt *attempt = &farmer->attempt;

	if (!fill_attempt(farmer)) {
		farmer->pause_ms = 0;
		plan_look(farmer);
		return;
	}
	memcpy(attempt->etag, farmer->etag, sizeof(attempt->etag));
	attempt->until_s = seed_farm_find(&attempt->farm, farmer->host)->until_s;
	attempt->tally = farmer->tally;
	farmer->tally = (struct seed_tally){ .day = 0 };
	attempt->text = seed_farm_format(&attempt->farm);
	if (attempt->text) {
		swap(farmer);
	} else {
		did_not_happen(farmer, false);
		again(farmer, 0);
	}
}

static void on_read(void *context, struct seed_s3_answer *answer)
{
	struct seed_farmer *farmer = context;

	farmer->asked = NULL;
	seed_store_clock_learn(&farmer->clock, answer->date_s);
	farmer->error = answer->error;
	if (answer->outcome == SEED_S3_REFUSED)
		fail_all(farmer, answer->error.code, answer->error.message);
	else if (answer->outcome != SEED_S3_DONE && answer->outcome != SEED_S3_NONE)
		again(farmer, answer->retry_after_ms);
	else if (!take(farmer, answer))
		; /* It is asked again. */
	else if (decide(farmer))
		change(farmer);
	else
		swap(farmer);
	tell(farmer);
}

static void read_farm(struct seed_farmer *farmer)
{
	const struct seed_s3_get get = { .key = KEY, .limit_bytes = SEED_FARM_MAX_BYTES };

	if (seed_s3_get(farmer->s3, &get, seed_clock_now_ms() + ASK_MS, on_read, farmer, &farmer->asked))
		again(farmer, 0);
}

int seed_farmer_trouble(const struct seed_farmer *farmer, struct seed_error *error)
{
	if (farmer->trouble.code)
		*error = farmer->trouble;
	return farmer->trouble.code;
}

int64_t seed_farmer_turn(struct seed_farmer *farmer, int64_t now_ms)
{
	int64_t expires_ms, at_ms;

	(void)expire(farmer, now_ms);
	if (!farmer->asked && due_ms(farmer) <= now_ms) {
		if (farmer->has_read && !farmer->attempt.text && now_ms - farmer->read_ms <= FRESH_MS)
			change(farmer);
		else
			read_farm(farmer);
	}
	tell(farmer);
	/* Those who were told may have asked for more. */
	expires_ms = expire(farmer, now_ms);
	at_ms = farmer->asked ? INT64_MAX : due_ms(farmer);
	if (next_end(farmer))
		return now_ms;
	return expires_ms < at_ms ? expires_ms : at_ms;
}

/* ---- what is asked of it ---- */

errint_t seed_farmer_charge(struct seed_farmer *farmer, int64_t uid, int64_t deadline_ms,
			    seed_farmer_done_fn *done, void *context, struct seed_farmer_op **out)
{
	struct seed_farmer_op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	op->farmer = farmer;
	op->uid = uid;
	op->deadline_ms = deadline_ms;
	op->done = done;
	op->context = context;
	op->link = farmer->last;
	*farmer->last = op;
	farmer->last = &op->next;
	*out = op;
	/* Without a budget there is nothing to wait for. */
	if (farmer->config.budget <= 0 && farmer->has_read && farmer->clock.known &&
	    !seed_farmer_held_ms(farmer, seed_clock_now_ms(), NULL)) {
		charge_op(op, today(farmer));
		count_by(farmer, op->day, uid, 1);
	}
	return 0;
}

void seed_farmer_refund(struct seed_farmer *farmer, int64_t day, int64_t uid)
{
	count_by(farmer, day, uid, -1);
}

void seed_farmer_cost(struct seed_farmer *farmer, double cost)
{
	if (!(cost > 0) || !farmer->clock.known)
		return;
	write_tally_soon(farmer);
	seed_tally_cost(&farmer->tally, today(farmer), cost);
}

void seed_farmer_want(struct seed_farmer *farmer, int wants, int running)
{
	farmer->wants = wants > running ? wants : running;
	farmer->running = running;
	look_soon(farmer);
}

void seed_farmer_hold(struct seed_farmer *farmer, int64_t ms, const struct seed_error *error)
{
	int64_t until_ms;

	if (ms > SEED_FARM_HOLD_MAX_S * INT64_C(1000))
		ms = SEED_FARM_HOLD_MAX_S * INT64_C(1000);
	until_ms = seed_clock_now_ms() + ms;
	if (ms <= 0 || until_ms <= farmer->hold_until_ms)
		return;
	farmer->hold_until_ms = until_ms;
	farmer->hold_error = *error;
	farmer->hold_unwritten = true;
}
