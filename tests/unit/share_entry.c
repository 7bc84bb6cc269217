/*
 * Hosts that share one name: the rules of lib/share/entry.h by themselves, and then in
 * worlds that a seed makes up. There, three hosts write texts, generate them and take over
 * each other's rows, over one object with S3's promise: a write on a condition happens if the
 * condition holds, and its answer may be lost, or the write itself may come late. Hosts are
 * killed and paused at any step. At the end the adversary stops, and what was promised must
 * hold: each commit was sent once, but for what the service said it had not taken; what a host
 * was told is accepted has its image; each who waits was answered. WORLDS=N SEED=N make more.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/share/entry.h"

enum { HOSTS = 3, GENERATIONS = 6, COMMITS_MAX = 12, TURNS = 400, KIND_TURNS = 4000, LEASE_S = 30, LATE_MAX = 4 };

static const char *const host_ids[HOSTS] = { "00000000000000a0", "00000000000000b1", "00000000000000c2" };

/* ---- dice ---- */

static uint64_t dice_state, world;

static unsigned roll(unsigned n)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (unsigned)(dice_state >> 33) % n;
}

static bool kind;

static bool chance(unsigned percent)
{
	return !kind && roll(100) < percent;
}

/* TRACE=1 SEED=N WORLDS=1 shows each step of a world. */
#define trace(...) do { if (tracing) print_message(__VA_ARGS__); } while (0)
static bool tracing;

/* ---- the store: one object ---- */

struct late { char *body; uint64_t condition; };
static char *object;      /* NULL: none */
static uint64_t version;  /* of it: what an ETag is */
static struct late late[LATE_MAX];
static int64_t now_s;

static void store_write(const char *body)
{
	free(object);
	object = strdup(body);
	version++;
}

/* Writes that were on their way arrive, if their condition still holds. */
static void store_turn(void)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		if (!late[i].body || (!kind && roll(10)))
			continue;
		if (late[i].condition == version)
			store_write(late[i].body);
		free(late[i].body);
		late[i].body = NULL;
	}
}

static bool store_delay(const char *body, uint64_t condition)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		if (late[i].body)
			continue;
		late[i] = (struct late){ strdup(body), condition };
		return true;
	}
	return false;
}

/* True: it stands there. False: whoever wants to know reads. */
static bool store_swap(const struct seed_share_entry *entry, uint64_t condition)
{
	char *body = seed_share_format(entry);
	bool told = false;

	assert_non_null(body);
	if (!(chance(8) || (chance(8) && store_delay(body, condition))) && condition == version) {
		store_write(body);
		told = !chance(10);
	}
	free(body);
	return told;
}

static uint64_t store_read(struct seed_share_entry *entry)
{
	if (object) {
		if (seed_share_parse(object, strlen(object), "fox", entry))
			fail_msg("unreadable: %s", object);
	} else {
		seed_share_init(entry);
	}
	return version;
}

/* ---- commits, and the service ---- */

struct commit {
	char id[17];
	int text;
	int sent;     /* times */
	int free;     /* times that it was told not to be accepted */
	bool known;   /* a host was told that it was accepted */
};
static struct commit commits[COMMITS_MAX];
static int commit_count;

static struct commit *commit_of(const char *id)
{
	for (int i = 0; i < commit_count; i++)
		if (strcmp(commits[i].id, id) == 0)
			return &commits[i];
	fail_msg("no commit %s", id);
	return NULL;
}

/* ---- hosts ---- */

enum step { FREE, BEGIN, QUEUED, ANNOUNCE, SEND, REQUEUE, ACCEPT, RUN, MADE, FAILED, FOLLOW };

static const char *const step_names[] = {
	"free", "begin", "queued", "announce", "send", "requeue", "accept", "run", "made", "failed", "follow",
};

/* A generation as its host has it; what a kill leaves is `journal`, as the row's step. */
struct work {
	enum step step;
	const char *journal; /* NULL: nothing on disk */
	char id[17];
	bool waits;          /* somebody waits for its outcome */
	int64_t lease;       /* of the row; of one that begins, what it tried last */
	bool begun;          /* the store has said that it has the row */
};
struct host {
	struct work works[GENERATIONS];
	unsigned paused; /* turns */
};
static struct host hosts[HOSTS];
static int waiting, answered, takeovers, fenced, lost_unsure;

static void answer(struct work *work)
{
	if (work->waits) {
		waiting--;
		answered++;
	}
	work->waits = false;
}

static void end(struct work *work)
{
	answer(work);
	*work = (struct work){ .step = FREE };
}

static void fill(struct seed_record *record, const struct work *work, const char *step)
{
	const struct commit *commit = commit_of(work->id);
	struct seed_params params;
	char text[32];

	seed_record_init(record);
	seed_params_init(&params);
	record->params = seed_params_share(&params);
	snprintf(text, sizeof(text), "text %d", commit->text);
	assert_non_null(record->params);
	assert_int_equal(seed_record_set(&record->name, "fox"), 0);
	assert_int_equal(seed_record_set(&record->prompt, text), 0);
	assert_int_equal(seed_record_set(&record->request, text), 0);
	assert_int_equal(seed_record_set(&record->id, work->id), 0);
	record->step = seed_record_step(step);
	assert_non_null(record->step);
	record->state = SEED_STATE_GENERATING;
	if (strcmp(step, "accepted") == 0)
		assert_int_equal(seed_record_set(&record->task_id, work->id), 0);
}

static void fill_image(struct seed_record *record)
{
	record->state = SEED_STATE_VERIFIED;
	record->image = (struct seed_image_info){ .width = 2048, .height = 1152, .bytes = 1 };
}

static struct seed_share_change change_of(int host, const struct work *work)
{
	return (struct seed_share_change){ .host = host_ids[host], .lease = work->lease, .now_s = now_s,
					   .lease_s = LEASE_S, .keep = -1 };
}

/* What is not this host's any more: whoever has it ends it, and those who wait follow. */
static void lose(struct work *work)
{
	fenced++;
	work->step = FOLLOW;
	work->journal = NULL;
}

/* The row as it is to be from now on; true: it stands so in the store. */
static bool update(int host, struct work *work, const char *step)
{
	const struct seed_share_change change = change_of(host, work);
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(&entry);
	errint_t err;
	bool done = false;

	fill(&record, work, step);
	err = seed_share_update(&entry, &change, &record);
	if (!err)
		done = store_swap(&entry, condition);
	else if (err == -ESTALE && work->step != ACCEPT && work->step != RUN)
		lose(work);
	else if (err == -ESTALE)
		done = true; /* it is paid for: its host goes on, and brings the image */
	seed_record_release(&record);
	seed_share_release(&entry);
	return done;
}

/* The answer to the last try was lost: whether that begins again. */
static bool was_not_begun(int host, struct work *work, const struct seed_share_entry *entry)
{
	enum seed_share_wrote wrote = seed_share_wrote(entry, (uint64_t)work->lease, host_ids[host]);

	if (!work->lease || wrote == SEED_SHARE_NOT_YET || wrote == SEED_SHARE_NEVER)
		return true;
	if (wrote == SEED_SHARE_WROTE) {
		work->step = QUEUED; /* the next look at the row says whose it is by now */
		work->begun = true;
	} else {
		lose(work);
	}
	return false;
}

static void begin(int host, struct work *work)
{
	const struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(&entry);

	fill(&record, work, "queued");
	if (!was_not_begun(host, work, &entry)) {
		/* It goes on by what it was told. */
	} else if (seed_share_begin(&entry, &change, &record, &joined) == -EEXIST) {
		memcpy(work->id, joined->record.id, sizeof(work->id));
		lose(work);
	} else {
		work->lease = (int64_t)entry.serial; /* its journal has it first */
		work->begun = store_swap(&entry, condition);
		work->step = work->begun ? QUEUED : BEGIN;
	}
	seed_record_release(&record);
	seed_share_release(&entry);
}

/* Made or failed: true if the store has it, or does not want it. */
static bool finish(int host, struct work *work, bool made)
{
	const struct seed_share_change change = change_of(host, work);
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(&entry), serial = entry.serial;
	bool done;
	errint_t err;

	fill(&record, work, made ? "commit" : "submitting");
	if (made)
		fill_image(&record);
	else
		record.state = SEED_STATE_FAILED;
	err = seed_share_finish(&entry, &change, &record);
	done = err == -ESTALE || (!err && entry.serial == serial) || (!err && store_swap(&entry, condition));
	if (err && err != -ESTALE)
		fail_msg("finish: %d", err);
	seed_record_release(&record);
	seed_share_release(&entry);
	return done;
}

/* Takes a row whose lease has run out, and goes on with it by its step. */
static void take(int host, struct work *work)
{
	const struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *row;
	struct seed_share_entry entry;
	uint64_t condition = store_read(&entry);

	row = seed_share_take(&entry, &change);
	if (row && store_swap(&entry, condition)) {
		const char *step = row->record.step;

		*work = (struct work){ .waits = work->waits, .lease = row->lease, .begun = true,
				       .journal = step };
		memcpy(work->id, row->record.id, sizeof(work->id));
		work->step = strcmp(step, "queued") == 0 ? QUEUED : strcmp(step, "accepted") == 0 ? RUN : FAILED;
		takeovers++;
		trace("%lld host %d takes %s: %s, lease %lld\n", (long long)now_s, host, work->id, step,
		      (long long)work->lease);
	}
	seed_share_release(&entry);
}

static bool has_work(int host, const char *id)
{
	for (size_t i = 0; i < GENERATIONS; i++) {
		const struct work *work = &hosts[host].works[i];

		if (work->step != FREE && work->step != FOLLOW && strcmp(work->id, id) == 0)
			return true;
	}
	return false;
}

static void follow(int host, struct work *work)
{
	struct seed_share_entry entry;

	store_read(&entry);
	if (seed_share_end_of(&entry, work->id) != SEED_SHARE_IN_FLIGHT)
		end(work);
	else if (!has_work(host, work->id))
		take(host, work); /* perhaps another's: then its waiters are of that one */
	seed_share_release(&entry);
}

static void send(struct work *work)
{
	struct commit *commit = commit_of(work->id);

	commit->sent++;
	if (commit->sent > 1 + commit->free)
		fail_msg("seed %llu: %s was sent %d times, %d of them refused", (unsigned long long)world, work->id,
			 commit->sent, commit->free);
	if (chance(15)) { /* busy: it says that it was not accepted */
		commit->free++;
		work->step = REQUEUE;
	} else if (chance(15)) { /* accepted or not: the answer is lost */
		lost_unsure++;
		work->step = FAILED;
	} else {
		commit->known = true;
		work->step = ACCEPT;
		work->journal = "accepted";
	}
}

static void turn_work(int host, struct work *work)
{
	if (work->step != FREE)
		trace("%lld host %d %s: %s, lease %lld, serial %llu\n", (long long)now_s, host, work->id,
		      step_names[work->step], (long long)work->lease, (unsigned long long)version);
	switch (work->step) {
	case FREE:
		break;
	case BEGIN:
		begin(host, work);
		break;
	case QUEUED:
		if (kind || roll(3) == 0) {
			work->journal = "submitting";
			work->step = ANNOUNCE;
		} else {
			(void)update(host, work, "queued"); /* renews the lease */
		}
		break;
	case ANNOUNCE:
		if (update(host, work, "submitting"))
			work->step = SEND;
		break;
	case SEND:
		send(work);
		break;
	case REQUEUE:
		if (update(host, work, "queued")) {
			work->journal = "queued";
			work->step = QUEUED;
		}
		break;
	case ACCEPT:
		if (update(host, work, "accepted"))
			work->step = RUN;
		break;
	case RUN:
		if (kind || roll(4) == 0)
			work->step = MADE;
		else
			(void)update(host, work, "accepted");
		break;
	case MADE:
		if (finish(host, work, true))
			end(work);
		break;
	case FAILED:
		if (finish(host, work, false))
			end(work);
		break;
	case FOLLOW:
		follow(host, work);
		break;
	}
}

/* From its own journal: a row that the store never had begins again. */
static void restart(struct host *host)
{
	for (size_t i = 0; i < GENERATIONS; i++) {
		struct work *work = &host->works[i];

		answer(work); /* with the end of its process */
		if (!work->journal)
			*work = (struct work){ .step = FREE };
		else if (strcmp(work->journal, "queued") == 0)
			work->step = work->begun ? QUEUED : BEGIN;
		else
			work->step = strcmp(work->journal, "accepted") == 0 ? RUN : FAILED;
	}
}

static struct work *free_work(int host)
{
	for (size_t i = 0; i < GENERATIONS; i++)
		if (hosts[host].works[i].step == FREE)
			return &hosts[host].works[i];
	return NULL;
}

static void commit_text(int host)
{
	struct work *work = free_work(host);
	struct commit *commit = &commits[commit_count];

	if (!work || commit_count == COMMITS_MAX)
		return;
	*commit = (struct commit){ .text = (int)roll(3) };
	snprintf(commit->id, sizeof(commit->id), "%016x", ++commit_count);
	*work = (struct work){ .step = BEGIN, .journal = "queued", .waits = true };
	memcpy(work->id, commit->id, sizeof(work->id));
	waiting++;
}

static void turn(void)
{
	int at = (int)roll(HOSTS);
	struct host *host = &hosts[at];
	struct work *work;

	now_s += (int64_t)roll(4);
	store_turn();
	if (host->paused && !kind) {
		host->paused--;
		return;
	}
	if (chance(2))
		host->paused = roll(60);
	if (chance(2))
		restart(host);
	if (!kind && roll(12) == 0)
		commit_text(at);
	work = free_work(at);
	if (work && roll(8) == 0)
		take(at, work);
	turn_work(at, &host->works[roll(GENERATIONS)]);
}

static bool is_at_rest(void)
{
	struct seed_share_entry entry;
	bool rests;

	store_read(&entry);
	rests = entry.row_count == 0;
	seed_share_release(&entry);
	for (int i = 0; i < HOSTS; i++)
		for (size_t k = 0; k < GENERATIONS; k++)
			rests = rests && hosts[i].works[k].step == FREE;
	return rests;
}

static void run(uint64_t seed)
{
	struct seed_share_entry entry;
	int turns = 0;

	world = seed;
	dice_state = seed * 0x9e3779b97f4a7c15u + 1;
	memset(hosts, 0, sizeof(hosts));
	free(object);
	object = NULL;
	version = 0;
	now_s = 1000;
	commit_count = waiting = 0;
	for (kind = false; turns < TURNS; turns++)
		turn();
	for (kind = true; !is_at_rest(); turns++) {
		if (turns > TURNS + KIND_TURNS)
			fail_msg("seed %llu does not come to rest: %s", (unsigned long long)seed, object);
		turn();
	}
	assert_int_equal(waiting, 0);
	store_read(&entry);
	for (int i = 0; i < commit_count; i++)
		if (commits[i].known && seed_share_end_of(&entry, commits[i].id) != SEED_SHARE_MADE)
			fail_msg("seed %llu: %s is paid for and lost: %s", (unsigned long long)seed, commits[i].id,
				 object);
	seed_share_release(&entry);
}

static void test_worlds(void **state)
{
	const char *given = getenv("SEED"), *many = getenv("WORLDS");
	uint64_t from = given ? strtoull(given, NULL, 10) : 1, count = many ? strtoull(many, NULL, 10) : 400;

	(void)state;
	tracing = getenv("TRACE") != NULL;
	for (uint64_t seed = from; seed < from + count; seed++)
		run(seed);
	print_message("# %d answered, %d rows taken over, %d hosts fenced, %d answers lost\n", answered, takeovers,
		      fenced, lost_unsure);
	/* The adversary is mean enough. */
	assert_true(given || (takeovers > 1000 && fenced > 1000 && lost_unsure > 30));
	free(object);
	object = NULL;
}

/* ---- the rules by themselves ---- */

static struct seed_share_change at(int host, int64_t when_s)
{
	return (struct seed_share_change){ .host = host_ids[host], .lease = 1, .now_s = when_s, .lease_s = LEASE_S, .keep = -1 };
}

static void make(struct seed_record *record, const char *id, int text, const char *step)
{
	struct work work = { .step = FREE };

	snprintf(work.id, sizeof(work.id), "%s", id);
	commits[0] = (struct commit){ .text = text };
	snprintf(commits[0].id, sizeof(commits[0].id), "%s", id);
	commit_count = 1;
	fill(record, &work, step);
}

/* Through JSON and back, as every other host sees it. */
static void pass(struct seed_share_entry *entry)
{
	char *text = seed_share_format(entry), *again;

	assert_non_null(text);
	seed_share_release(entry);
	assert_int_equal(seed_share_parse(text, strlen(text), "fox", entry), 0);
	again = seed_share_format(entry);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

static void test_one_after_the_other(void **state)
{
	struct seed_share_change first = at(0, 100), second = at(1, 110);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record a, b;

	(void)state;
	seed_share_init(&entry);
	make(&a, "000000000000000a", 1, "queued");
	assert_int_equal(seed_share_begin(&entry, &first, &a, &joined), 0);
	pass(&entry);
	make(&b, "000000000000000b", 1, "queued");
	assert_int_equal(seed_share_begin(&entry, &second, &b, &joined), -EEXIST);
	assert_string_equal(joined->record.id, "000000000000000a");
	assert_string_equal(joined->host, host_ids[0]);
	a.step = seed_record_step("accepted");
	assert_int_equal(seed_share_update(&entry, &second, &a), -ESTALE);
	assert_int_equal(seed_share_update(&entry, &first, &a), 0);
	/* Another text takes the name; what is paid for stays. */
	seed_record_release(&b);
	make(&b, "000000000000000b", 2, "queued");
	assert_int_equal(seed_share_begin(&entry, &second, &b, &joined), 0);
	pass(&entry);
	assert_int_equal(entry.row_count, 2);
	assert_int_equal(seed_share_update(&entry, &first, &a), 0);
	assert_true(a.superseded);
	fill_image(&b);
	assert_int_equal(seed_share_finish(&entry, &second, &b), 0);
	fill_image(&a);
	assert_int_equal(seed_share_finish(&entry, &first, &a), 0);
	assert_int_equal(seed_share_finish(&entry, &first, &a), 0); /* twice is once */
	pass(&entry);
	assert_int_equal(entry.row_count, 0);
	assert_string_equal(entry.current.id, "000000000000000b");
	assert_int_equal(entry.version_count, 1);
	assert_int_equal(entry.versions[0].number, 1);
	assert_string_equal(entry.versions[0].record.id, "000000000000000a");
	seed_record_release(&a);
	seed_record_release(&b);
	seed_share_release(&entry);
}

static void test_leases(void **state)
{
	struct seed_share_change first = at(0, 100), early = at(1, 100 + LEASE_S), late_one = at(1, 101 + LEASE_S);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record a;

	(void)state;
	seed_share_init(&entry);
	make(&a, "000000000000000a", 1, "queued");
	assert_int_equal(seed_share_begin(&entry, &first, &a, &joined), 0);
	assert_null(seed_share_take(&entry, &early));
	assert_int_equal(seed_share_take(&entry, &late_one)->lease, 2); /* the second change */
	late_one.lease = 2;
	pass(&entry);
	assert_int_equal(seed_share_update(&entry, &first, &a), -ESTALE);
	assert_int_equal(seed_share_update(&entry, &late_one, &a), 0);
	/* The host that was thought dead brings the image: it is paid for. */
	a.state = SEED_STATE_FAILED;
	assert_int_equal(seed_share_finish(&entry, &first, &a), -ESTALE);
	assert_int_equal(seed_share_finish(&entry, &late_one, &a), 0);
	assert_int_equal(seed_share_end_of(&entry, a.id), SEED_SHARE_FAILED);
	fill_image(&a);
	assert_int_equal(seed_share_finish(&entry, &first, &a), 0);
	assert_int_equal(seed_share_end_of(&entry, a.id), SEED_SHARE_MADE);
	assert_int_equal(entry.current.state, SEED_STATE_VERIFIED);
	seed_record_release(&a);
	seed_share_release(&entry);
}

static void test_wrote(void **state)
{
	const struct seed_share_row *joined;
	struct seed_share_entry entry;
	struct seed_record a;

	(void)state;
	seed_share_init(&entry);
	make(&a, "000000000000000a", 1, "queued");
	for (int i = 0; i < SEED_SHARE_WRITERS + 1; i++) {
		struct seed_share_change change = at(i % 2, 100 + i * 2 * LEASE_S);

		if (i == 0)
			assert_int_equal(seed_share_begin(&entry, &change, &a, &joined), 0);
		else
			assert_non_null(seed_share_take(&entry, &change));
		pass(&entry);
	}
	assert_int_equal(entry.serial, SEED_SHARE_WRITERS + 1);
	assert_int_equal(seed_share_wrote(&entry, 1, host_ids[0]), SEED_SHARE_UNKNOWN);
	assert_int_equal(seed_share_wrote(&entry, 2, host_ids[1]), SEED_SHARE_WROTE);
	assert_int_equal(seed_share_wrote(&entry, 2, host_ids[0]), SEED_SHARE_NEVER);
	assert_int_equal(seed_share_wrote(&entry, entry.serial, host_ids[0]), SEED_SHARE_WROTE);
	assert_int_equal(seed_share_wrote(&entry, entry.serial + 1, host_ids[0]), SEED_SHARE_NOT_YET);
	seed_record_release(&a);
	seed_share_release(&entry);
}

static void test_damaged(void **state)
{
	const struct seed_share_row *joined = NULL;
	struct seed_share_change first = at(0, 100);
	struct seed_share_entry entry, read;
	struct seed_record a;
	char *text;

	(void)state;
	seed_share_init(&entry);
	make(&a, "000000000000000a", 1, "queued");
	assert_int_equal(seed_share_begin(&entry, &first, &a, &joined), 0);
	text = seed_share_format(&entry);
	for (size_t len = 0; len < strlen(text); len++) {
		assert_int_equal(seed_share_parse(text, len, "fox", &read), -EBADMSG);
		seed_share_release(&read);
	}
	assert_int_equal(seed_share_parse(text, strlen(text), "owl", &read), -EBADMSG);
	seed_share_release(&read);
	free(text);
	seed_record_release(&a);
	seed_share_release(&entry);
}

static void test_odd(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "{\"serial\":1}", "{\"serial\":-1,\"writers\":[\"00000000000000a0\"]}",
		"{\"serial\":1e300,\"writers\":[\"00000000000000a0\"]}", "{\"serial\":1,\"writers\":[\"../../etc\"]}",
		"{\"serial\":1,\"writers\":[\"00000000000000a0\"],\"current\":{}}",
		"{\"serial\":1,\"writers\":[\"00000000000000a0\"],\"flight\":[1]}",
		"{\"serial\":1,\"writers\":[\"00000000000000a0\"],\"history\":[{\"number\":0,\"row\":{\"name\":\"fox\"}}]}",
		"{\"serial\":1,\"writers\":[\"00000000000000a0\"]} x",
	};
	struct seed_share_entry entry;

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		if (seed_share_parse(texts[i], strlen(texts[i]), "fox", &entry) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		seed_share_release(&entry);
	}
	assert_int_equal(seed_share_parse(texts[9], strlen(texts[9]) - 2, "fox", &entry), 0);
	seed_share_release(&entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_leases),
		cmocka_unit_test(test_wrote),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
