/*
 * Hosts that share names: the rules of lib/share/entry.h by themselves, and then in
 * worlds that a seed makes up. There, three hosts write texts, generate them and take over
 * each other's rows, and their users remove, restore and rename, over three objects with S3's
 * promise: a write on a condition happens if the condition holds, and its answer may be lost, or
 * the write itself may come late. Hosts are killed and paused at any step. At the end the
 * adversary stops, and what was promised must hold: each commit was sent once, but for what the
 * service said it had not taken, and for the retry of what is late; what a host was told is
 * accepted has its image, unless a user removed it; each who waits was answered; nothing says that
 * it is being generated. WORLDS=N SEED=N make more.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/share/entry.h"

enum { HOSTS = 3, NAMES = 3, GENERATIONS = 6, COMMITS_MAX = 12, LATE_COMMITS_MAX = 12 };
enum { TURNS = 400, KIND_TURNS = 4000, LEASE_S = 30, LATE_MAX = 4 };

static const char *const host_ids[HOSTS] = { "00000000000000a0", "00000000000000b1", "00000000000000c2" };
static const char *const names[NAMES] = { "fox", "owl", "elk" };

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

/* ---- the store: an object for each name ---- */

struct late { char *body; uint64_t condition; int name; };
static struct { char *body; uint64_t version; } objects[NAMES]; /* body NULL: none */
static struct late late[LATE_MAX];
static int64_t now_s;

static void store_write(int name, const char *body)
{
	free(objects[name].body);
	objects[name].body = strdup(body);
	objects[name].version++;
}

static void store_empty(void)
{
	for (int i = 0; i < NAMES; i++) {
		free(objects[i].body);
		objects[i].body = NULL;
		objects[i].version = 0;
	}
	for (size_t i = 0; i < LATE_MAX; i++) {
		free(late[i].body);
		late[i].body = NULL;
	}
}

/* Writes that were on their way arrive, if their condition still holds. */
static void store_turn(void)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		if (!late[i].body || (!kind && roll(10)))
			continue;
		if (late[i].condition == objects[late[i].name].version)
			store_write(late[i].name, late[i].body);
		free(late[i].body);
		late[i].body = NULL;
	}
}

static bool store_delay(int name, const char *body, uint64_t condition)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		if (late[i].body)
			continue;
		late[i] = (struct late){ strdup(body), condition, name };
		return true;
	}
	return false;
}

/* True: it stands there. False: whoever wants to know reads. */
static bool store_swap(int name, const struct seed_share_entry *entry, uint64_t condition)
{
	char *body = seed_share_format(entry);
	bool told = false;

	assert_non_null(body);
	if (!(chance(8) || (chance(8) && store_delay(name, body, condition))) &&
	    condition == objects[name].version) {
		store_write(name, body);
		told = !chance(10);
	}
	free(body);
	return told;
}

static uint64_t store_read(int name, struct seed_share_entry *entry)
{
	const char *body = objects[name].body;

	seed_share_init(entry);
	if (body && seed_share_parse(body, strlen(body), names[name], entry))
		fail_msg("seed %llu: unreadable: %s", (unsigned long long)world, body);
	return objects[name].version;
}

/* ---- commits, and the service ---- */

struct commit {
	char id[17];
	int text;
	int sent;     /* times */
	int free;     /* times that it was told not to be accepted */
	bool known;   /* a host was told that it was accepted */
	bool removed; /* a user does not want its image any more */
};
static struct commit commits[COMMITS_MAX + LATE_COMMITS_MAX];
static int commit_count, text_count;

static struct commit *commit_new(int text)
{
	struct commit *commit = &commits[commit_count++];

	*commit = (struct commit){ .text = text };
	snprintf(commit->id, sizeof(commit->id), "%016x", commit_count);
	return commit;
}

static struct commit *commit_of(const char *id)
{
	for (int i = 0; i < commit_count; i++)
		if (strcmp(commits[i].id, id) == 0)
			return &commits[i];
	fail_msg("no commit %s", id);
	return NULL;
}

/* ---- hosts ---- */

enum step {
	FREE, BEGIN, RECLAIM, QUEUED, DROP, ANNOUNCE, SEND, REQUEUE, ACCEPT, RUN, SPLIT, MADE, FAILED, FOLLOW,
};

static const char *const step_names[] = {
	"free", "begin", "reclaim", "queued", "drop", "announce", "send", "requeue", "accept", "run", "split",
	"made", "failed", "follow",
};

/* A generation as its host has it; what a kill leaves is `journal`, as the row's step. */
struct work {
	enum step step;
	const char *journal; /* NULL: nothing on disk */
	char id[17];
	bool waits;          /* somebody waits for its outcome */
	int64_t lease;       /* of the row; of one that begins, what it tried last */
	bool begun;          /* the store has said that it has the row */
	int name, home;      /* home: as the journal has it */
	char token[SEED_SHARE_TOKEN_BYTES]; /* of its row, where that has moved; "": it has the lease */
	int64_t since; /* it is there under its name: a serial */
	char late[17];       /* the late task that it leaves; "": none */
	bool retries;        /* it has one retry */
};

/* A rename by a user of this host. */
struct rename {
	enum { IDLE, JOIN, LEAVE } step;
	int from, to;
	char *read;      /* the source, as it was when this try began */
	uint64_t serial; /* of that */
	uint64_t there;  /* of the target, joined */
	uint64_t tried;
	char nonce[17];
};
struct host {
	struct work works[GENERATIONS];
	struct rename rename;
	unsigned paused; /* turns */
};
static struct host hosts[HOSTS];
static int waiting, answered, takeovers, fenced, lost_unsure;
static int renamed, removed, restored, split, followed_moves, arrived, renamed_again;

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
	assert_int_equal(seed_record_set(&record->name, names[work->name]), 0);
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

static void note(struct work *work, const char *step)
{
	work->journal = step;
	work->home = work->name;
}

/* What is not this host's any more: whoever has it ends it, and those who wait follow. */
static void lose(struct work *work)
{
	fenced++;
	work->step = FOLLOW;
	work->journal = NULL;
	work->token[0] = '\0';
}

/* Whether its name has moved, and it goes on there. */
static bool follow_move(struct work *work, const struct seed_share_entry *entry)
{
	const int64_t since = work->step == FOLLOW ? 0 : work->token[0] ? work->since : work->lease;
	const struct seed_share_move *move = seed_share_went_to(entry, work->id, since);

	if (!move)
		return false;
	if (work->step != FOLLOW)
		seed_share_follow(names[work->name], move->serial, work->token);
	work->since = (int64_t)move->there;
	for (work->name = 0; strcmp(move->to, names[work->name]) != 0;)
		assert_int_not_equal(++work->name, NAMES);
	followed_moves++;
	return true;
}

static bool is_paid(const struct work *work)
{
	return work->step == ACCEPT || work->step == RUN || work->step == SPLIT || work->step == MADE;
}

static enum step step_of(const char *step)
{
	return strcmp(step, "queued") == 0 ? QUEUED : strcmp(step, "accepted") == 0 ? RUN : FAILED;
}

/* Its row has moved: there it has another lease, before its step goes on. */
static void arrive(int host, struct work *work)
{
	struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *row;
	struct seed_share_entry entry;
	uint64_t condition = store_read(work->name, &entry);
	errint_t err;

	if (work->step == RECLAIM)
		change.lease = 0; /* started again */
	err = seed_share_arrive(&entry, &change, work->id, work->token, &row);
	trace("%lld host %d arrives with %s at %s: %d\n", (long long)now_s, host, work->id, names[work->name], err);
	if (err == -ENOENT && follow_move(work, &entry)) {
		/* there, then */
	} else if (err && is_paid(work)) {
		work->token[0] = '\0';
		work->lease = -1;
	} else if (err) {
		lose(work);
	} else if (store_swap(work->name, &entry, condition)) {
		arrived++;
		work->lease = row->lease;
		work->token[0] = '\0';
		if (work->step == RECLAIM) {
			note(work, row->record.step);
			work->step = step_of(row->record.step);
		}
	}
	seed_share_release(&entry);
}

/* The row as it is to be from now on; true: it stands so in the store. */
static bool update(int host, struct work *work, const char *step)
{
	const struct seed_share_change change = change_of(host, work);
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(work->name, &entry);
	errint_t err;
	bool done = false;

	fill(&record, work, step);
	err = seed_share_update(&entry, &change, &record);
	if (!err)
		done = store_swap(work->name, &entry, condition);
	else if (err == -ESTALE && follow_move(work, &entry))
		done = false;
	else if (err == -ESTALE && work->step != ACCEPT && work->step != RUN)
		lose(work);
	else if (err == -ESTALE)
		done = true; /* it is paid for: its host goes on, and brings the image */
	seed_record_release(&record);
	seed_share_release(&entry);
	return done;
}

/* The answer to the last try was lost: whether that begins again. */
static bool was_not_begun(struct work *work, const struct seed_share_entry *entry)
{
	enum seed_share_wrote wrote = seed_share_wrote(entry, (uint64_t)work->lease, work->id);

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
	struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(work->name, &entry);

	change.writer = work->id; /* nobody else begins it */
	fill(&record, work, "queued");
	if (!was_not_begun(work, &entry)) {
		/* It goes on by what it was told. */
	} else if (seed_share_begin(&entry, &change, &record, &joined) == -EEXIST) {
		memcpy(work->id, joined->record.id, sizeof(work->id));
		lose(work);
	} else {
		work->lease = (int64_t)entry.serial; /* its journal has it first */
		work->begun = store_swap(work->name, &entry, condition);
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
	uint64_t condition = store_read(work->name, &entry), serial = entry.serial;
	bool done;
	errint_t err;

	fill(&record, work, made ? "commit" : "submitting");
	if (made)
		fill_image(&record);
	else
		record.state = SEED_STATE_FAILED;
	err = seed_share_finish(&entry, &change, &record);
	done = (err == -ESTALE && !follow_move(work, &entry)) || (!err && entry.serial == serial) || (!err && store_swap(work->name, &entry, condition));
	if (err && err != -ESTALE)
		fail_msg("finish: %d", err);
	seed_record_release(&record);
	seed_share_release(&entry);
	return done;
}

/* After a restart. Another may have had the row meanwhile, and have sent it. */
static void reclaim(int host, struct work *work)
{
	const struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *row;
	struct seed_share_entry entry;
	uint64_t condition = store_read(work->name, &entry);
	errint_t err = seed_share_reclaim(&entry, &change, work->id, &row);

	if (err == -ENOENT && follow_move(work, &entry)) {
		/* there, then */
	} else if (err) {
		lose(work);
	} else if (store_swap(work->name, &entry, condition)) {
		work->lease = row->lease;
		note(work, row->record.step);
		work->step = step_of(row->record.step);
	}
	seed_share_release(&entry);
}

/* It was given up before it was sent. */
static void drop(int host, struct work *work)
{
	const struct seed_share_change change = change_of(host, work);
	struct seed_share_entry entry;
	uint64_t condition = store_read(work->name, &entry), serial = entry.serial;
	errint_t err = seed_share_drop(&entry, &change, work->id);

	if (err == -ESTALE && !follow_move(work, &entry))
		lose(work);
	else if (!err && (entry.serial == serial || store_swap(work->name, &entry, condition)))
		end(work);
	seed_share_release(&entry);
}

static struct work *free_work(int host)
{
	for (size_t i = 0; i < GENERATIONS; i++)
		if (hosts[host].works[i].step == FREE)
			return &hosts[host].works[i];
	return NULL;
}

/* The late task has a row of its own before its generation is sent once more. */
static void split_late(int host, struct work *work)
{
	struct work side = { .step = RUN, .journal = "accepted", .begun = true, .name = work->name,
			     .home = work->name };
	struct work *place;
	const struct seed_share_change change = change_of(host, work);
	struct commit *commit = commit_of(work->id);
	struct seed_share_entry entry;
	struct seed_record record;
	uint64_t condition = store_read(work->name, &entry);
	errint_t err;

	memcpy(side.id, work->late, sizeof(side.id));
	fill(&record, &side, "accepted");
	record.state = SEED_STATE_FAILED; /* shelved */
	err = seed_share_add(&entry, &change, &record, work->id);
	side.lease = (int64_t)entry.serial;
	if (err == -ESTALE && entry.gone) {
		if (!follow_move(work, &entry))
			work->step = RUN; /* its own row is gone; so it goes on without */
	} else if (err == -ESTALE || store_swap(work->name, &entry, condition)) {
		commit_of(side.id)->known = true;
		commit->known = false;
		commit->free++;
		place = free_work(host);
		if (place && !err)
			*place = side;
		work->late[0] = '\0';
		work->step = REQUEUE;
		split++;
	}
	seed_record_release(&record);
	seed_share_release(&entry);
}

static void be_late(struct work *work)
{
	if (commit_count >= COMMITS_MAX + LATE_COMMITS_MAX)
		return;
	memcpy(work->late, commit_new(commit_of(work->id)->text)->id, sizeof(work->late));
	work->retries = false;
	work->step = SPLIT;
}

/* Takes a row whose lease has run out, and goes on with it by its step. */
static void take(int host, struct work *work)
{
	const struct seed_share_change change = change_of(host, work);
	const struct seed_share_row *row;
	struct seed_share_entry entry;
	uint64_t condition = store_read(work->name, &entry);

	row = seed_share_take(&entry, &change);
	if (row && store_swap(work->name, &entry, condition)) {
		const char *step = row->record.step;

		*work = (struct work){ .waits = work->waits, .lease = row->lease, .begun = true,
				       .journal = step, .name = work->name, .home = work->name };
		memcpy(work->id, row->record.id, sizeof(work->id));
		work->step = step_of(step);
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

	store_read(work->name, &entry);
	if (follow_move(work, &entry)) {
		/* there, then */
	} else if (seed_share_end_of(&entry, work->id) != SEED_SHARE_IN_FLIGHT) {
		end(work);
	} else if (!has_work(host, work->id)) {
		take(host, work); /* perhaps another's: then its waiters are of that one */
	}
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
		note(work, "accepted");
	}
}

static void turn_work(int host, struct work *work)
{
	if (work->step != FREE)
		trace("%lld host %d %s: %s, lease %lld, serial %llu\n", (long long)now_s, host, work->id,
		      step_names[work->step], (long long)work->lease,
		      (unsigned long long)objects[work->name].version);
	if (work->token[0]) {
		arrive(host, work);
		return;
	}
	switch (work->step) {
	case FREE:
		break;
	case BEGIN:
		begin(host, work);
		break;
	case RECLAIM:
		reclaim(host, work);
		break;
	case QUEUED:
		if (chance(4)) {
			work->step = DROP;
		} else if (kind || roll(3) == 0) {
			note(work, "submitting");
			work->step = ANNOUNCE;
		} else {
			(void)update(host, work, "queued"); /* renews the lease */
		}
		break;
	case DROP:
		drop(host, work);
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
			note(work, "queued");
			work->step = QUEUED;
		}
		break;
	case ACCEPT:
		if (update(host, work, "accepted"))
			work->step = RUN;
		break;
	case RUN:
		if (work->retries && chance(25))
			be_late(work);
		else if (kind || roll(4) == 0)
			work->step = MADE;
		else
			(void)update(host, work, "accepted");
		break;
	case SPLIT:
		split_late(host, work);
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
		work->late[0] = '\0';
		work->token[0] = '\0';
		work->name = work->home;
		if (!work->journal)
			*work = (struct work){ .step = FREE };
		else if (strcmp(work->journal, "queued") == 0)
			work->step = !work->begun ? BEGIN : roll(2) ? RECLAIM : QUEUED;
		else
			work->step = strcmp(work->journal, "accepted") == 0 ? RUN : FAILED;
	}
}

static void commit_text(int host)
{
	struct work *work = free_work(host);

	if (!work || text_count == COMMITS_MAX)
		return;
	text_count++;
	*work = (struct work){ .step = BEGIN, .journal = "queued", .waits = true, .name = (int)roll(NAMES),
			       .retries = true };
	work->home = work->name;
	memcpy(work->id, commit_new((int)roll(3))->id, sizeof(work->id));
	waiting++;
}

/* ---- users ---- */

static void renounce(const struct seed_record *record)
{
	if (record->id)
		commit_of(record->id)->removed = true;
}

/* A number of one of the versions; 1: there is none. */
static int some_version(const struct seed_share_entry *entry, size_t *index)
{
	*index = entry->version_count ? roll((unsigned)entry->version_count) : 0;
	return entry->version_count ? entry->versions[*index].number : 1;
}

/* What the user does not want any more is marked, also if the store does not take it. */
static void remove_something(int host)
{
	struct work nobody = { .name = (int)roll(NAMES) };
	struct seed_share_change change = change_of(host, &nobody);
	struct seed_share_entry entry;
	uint64_t condition = store_read(nobody.name, &entry);
	errint_t err = 0;
	size_t index;
	int number;

	switch (roll(4)) {
	case 0:
		if (entry.row_count)
			renounce(&entry.rows[entry.row_count - 1].record);
		err = seed_share_remove_prompt(&entry, &change);
		break;
	case 1:
		renounce(&entry.current);
		err = seed_share_remove_image(&entry, &change);
		break;
	case 2:
		err = seed_share_remove_record(&entry, &change);
		break;
	default:
		number = some_version(&entry, &index);
		if (entry.version_count)
			renounce(&entry.versions[index].record);
		err = seed_share_remove_version(&entry, &change, number);
	}
	if (err && err != -ENOENT)
		fail_msg("remove: %d", err);
	if (!err && store_swap(nobody.name, &entry, condition))
		removed++;
	seed_share_release(&entry);
}

static void restore_something(int host)
{
	struct work nobody = { .name = (int)roll(NAMES) };
	struct seed_share_change change = change_of(host, &nobody);
	struct seed_share_entry entry;
	uint64_t condition = store_read(nobody.name, &entry);
	size_t index;
	errint_t err = seed_share_restore(&entry, &change, some_version(&entry, &index));

	if (err && err != -ENOENT && err != -EBUSY)
		fail_msg("restore: %d", err);
	if (!err && store_swap(nobody.name, &entry, condition))
		restored++;
	seed_share_release(&entry);
}

static void rename_end(struct rename *rename)
{
	free(rename->read);
	*rename = (struct rename){ .step = IDLE };
}

/* The source as it is now; a join of it has a writer of its own. */
static void rename_begin(struct rename *rename, int from, int to)
{
	static unsigned nonces;
	struct seed_share_entry entry;

	rename_end(rename);
	store_read(from, &entry);
	*rename = (struct rename){ .step = JOIN, .from = from, .to = to, .serial = entry.serial,
				   .read = seed_share_format(&entry) };
	snprintf(rename->nonce, sizeof(rename->nonce), "ff%014x", ++nonces);
	seed_share_release(&entry);
}

/* True: its last write is known to have happened, or that nobody knows. */
static bool rename_decided(struct rename *rename, const struct seed_share_entry *entry)
{
	enum seed_share_wrote wrote = seed_share_wrote(entry, rename->tried, rename->nonce);

	if (!rename->tried || wrote == SEED_SHARE_NOT_YET || wrote == SEED_SHARE_NEVER)
		return false;
	rename->there = rename->tried;
	rename->tried = 0;
	if (wrote == SEED_SHARE_UNKNOWN || rename->step == LEAVE)
		rename_end(rename);
	else
		rename->step = LEAVE;
	return true;
}

static void rename_join(struct rename *rename, const struct seed_share_change *change)
{
	struct seed_share_entry entry, from;
	uint64_t condition = store_read(rename->to, &entry);
	errint_t err;

	if (!rename_decided(rename, &entry)) {
		if (seed_share_parse(rename->read, strlen(rename->read), names[rename->from], &from)) {
			rename_end(rename); /* nobody has written to it */
		} else {
			err = seed_share_join(&entry, change, &from, names[rename->to]);
			rename->tried = entry.serial;
			if (err == -ENOENT)
				rename_end(rename);
			else if (err)
				fail_msg("join: %d", err);
			else if (store_swap(rename->to, &entry, condition)) {
				rename->step = LEAVE;
				rename->there = entry.serial;
				rename->tried = 0;
			}
		}
		seed_share_release(&from);
	}
	seed_share_release(&entry);
}

static void rename_leave(struct rename *rename, const struct seed_share_change *change)
{
	struct seed_share_entry entry;
	uint64_t condition = store_read(rename->from, &entry);
	errint_t err;

	if (rename_decided(rename, &entry)) {
		/* It goes on by what it was told. */
	} else if (entry.serial != rename->serial) {
		renamed_again++;
		rename_begin(rename, rename->from, rename->to);
	} else {
		err = seed_share_leave(&entry, change, names[rename->to], rename->there);
		if (err)
			fail_msg("leave: %d", err);
		rename->tried = entry.serial;
		if (store_swap(rename->from, &entry, condition)) {
			renamed++;
			rename_end(rename);
		}
	}
	seed_share_release(&entry);
}

static void turn_rename(int host)
{
	struct rename *rename = &hosts[host].rename;
	struct work nobody = { .step = FREE };
	struct seed_share_change change = change_of(host, &nobody);
	int from = (int)roll(NAMES);

	change.writer = rename->nonce;
	if (rename->step == JOIN)
		rename_join(rename, &change);
	else if (rename->step == LEAVE)
		rename_leave(rename, &change);
	else if (!kind && roll(4) == 0)
		rename_begin(rename, from, (from + 1 + (int)roll(NAMES - 1)) % NAMES);
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
	if (chance(2)) {
		restart(host);
		rename_end(&host->rename);
	}
	if (!kind && roll(12) == 0)
		commit_text(at);
	work = free_work(at);
	if (work && roll(8) == 0) {
		work->name = (int)roll(NAMES);
		take(at, work);
	}
	if (roll(8) == 0)
		turn_rename(at);
	if (chance(2))
		remove_something(at);
	if (chance(5))
		restore_something(at);
	turn_work(at, &host->works[roll(GENERATIONS)]);
}

static bool is_at_rest(void)
{
	struct seed_share_entry entry;
	bool rests = true;

	for (int i = 0; i < NAMES; i++) {
		store_read(i, &entry);
		rests = rests && entry.row_count == 0;
		seed_share_release(&entry);
	}
	for (int i = 0; i < HOSTS; i++) {
		rests = rests && hosts[i].rename.step == IDLE;
		for (size_t k = 0; k < GENERATIONS; k++)
			rests = rests && hosts[i].works[k].step == FREE;
	}
	return rests;
}

static bool is_made(const char *id)
{
	bool made = false;

	for (int i = 0; i < NAMES; i++) {
		struct seed_share_entry entry;

		store_read(i, &entry);
		made = made || seed_share_end_of(&entry, id) == SEED_SHARE_MADE;
		seed_share_release(&entry);
	}
	return made;
}

static void fail_world(const char *what, const char *id)
{
	fail_msg("seed %llu: %s %s: %s | %s | %s", (unsigned long long)world, id, what,
		 objects[0].body ? objects[0].body : "-", objects[1].body ? objects[1].body : "-",
		 objects[2].body ? objects[2].body : "-");
}

static void judge(void)
{
	assert_int_equal(waiting, 0);
	for (int i = 0; i < commit_count; i++)
		if (commits[i].known && !commits[i].removed && !is_made(commits[i].id))
			fail_world("is paid for and lost", commits[i].id);
	for (int i = 0; i < NAMES; i++) {
		struct seed_share_entry entry;

		store_read(i, &entry);
		if (entry.current.name && (entry.current.state == SEED_STATE_QUEUED ||
					   entry.current.state == SEED_STATE_GENERATING))
			fail_world("is generated for ever", entry.current.id);
		seed_share_release(&entry);
	}
}

static void run(uint64_t seed)
{
	int turns = 0;

	world = seed;
	dice_state = seed * 0x9e3779b97f4a7c15u + 1;
	memset(hosts, 0, sizeof(hosts));
	store_empty();
	now_s = 1000;
	commit_count = text_count = waiting = 0;
	for (kind = false; turns < TURNS; turns++)
		turn();
	for (kind = true; !is_at_rest(); turns++) {
		if (turns > TURNS + KIND_TURNS)
			fail_world("does not come to rest", "it");
		turn();
	}
	judge();
}

enum { WORLDS = 400 };

static void test_worlds(void **state)
{
	const char *given = getenv("SEED"), *many = getenv("WORLDS");
	uint64_t from = given ? strtoull(given, NULL, 10) : 1, count = many ? strtoull(many, NULL, 10) : WORLDS;
	bool some = given || count < WORLDS;

	(void)state;
	tracing = getenv("TRACE") != NULL;
	for (uint64_t seed = from; seed < from + count; seed++)
		run(seed);
	print_message("# %d answered, %d rows taken over, %d hosts fenced, %d answers lost\n", answered, takeovers,
		      fenced, lost_unsure);
	print_message("# %d removed, %d restored, %d renamed, %d joined again, %d moves followed, %d arrived, %d late\n",
		      removed, restored, renamed, renamed_again, followed_moves, arrived, split);
	/* The adversary is mean enough, and the users are busy. */
	assert_true(some || (takeovers > 1000 && fenced > 1000 && lost_unsure > 30));
	assert_true(some || (removed > 100 && restored > 100 && renamed > 100 && renamed_again > 10 &&
			      followed_moves > 100 && arrived > 10 && split > 50));
	store_empty();
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
	/* A callback's image, which is looked at, may be of anything: it is not joined. */
	entry.rows[0].record.step = seed_record_step("adopt");
	second.unless_there = false;
	{
		struct seed_share_entry copy;

		assert_int_equal(seed_share_copy(&copy, &entry, NULL), 0);
		assert_int_equal(seed_share_begin(&copy, &second, &b, &joined), 0);
		seed_share_release(&copy);
	}
	entry.rows[0].record.step = seed_record_step("queued");
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
	/* A lease alone is renewed, and the row stays. */
	a.step = seed_record_step("accepted");
	assert_int_equal(seed_share_renew(&entry, &first, a.id), -ESTALE);
	late_one.now_s += LEASE_S;
	assert_int_equal(seed_share_renew(&entry, &late_one, a.id), 0);
	pass(&entry);
	assert_int_equal(entry.rows[0].until_s, late_one.now_s + LEASE_S);
	assert_string_equal(entry.rows[0].record.step, "queued");
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

/* Some changes compare each part with each; so their number has a limit, whatever their size. */
static void test_many(void **state)
{
	struct seed_share_entry entry;
	char *text = NULL;
	size_t bytes;

	(void)state;
	for (int count = SEED_SHARE_PARTS_MAX; count <= SEED_SHARE_PARTS_MAX + 1; count++) {
		FILE *out = open_memstream(&text, &bytes);

		fputs("{\"serial\":1,\"writers\":[\"00000000000000a0\"],\"history\":[", out);
		for (int i = 1; i <= count; i++)
			fprintf(out, "%s{\"number\":%d,\"row\":{\"name\":\"fox\",\"state\":\"verified\","
				"\"image\":{\"width\":1,\"height\":1,\"bytes\":1}}}", i > 1 ? "," : "", i);
		fputs("]}", out);
		assert_int_equal(fclose(out), 0);
		assert_true(bytes < SEED_SHARE_ENTRY_MAX_BYTES);
		assert_int_equal(seed_share_parse(text, bytes, "fox", &entry),
				 count > SEED_SHARE_PARTS_MAX ? -EBADMSG : 0);
		free(text);
		if (count == SEED_SHARE_PARTS_MAX) {
			assert_true(seed_share_fits(&entry, bytes, false));
			assert_false(seed_share_fits(&entry, bytes, true));
		}
		seed_share_release(&entry);
	}
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
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
