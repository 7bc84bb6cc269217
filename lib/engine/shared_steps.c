/*
 * A step of a generation at the store that hosts share. The row that a step writes to the
 * journal here is in the entry of its name, too, before anything is sent that the row
 * announces: so the others know what this host may have paid for.
 *
 *     begin, finish   the store first: it decides whose the name is, and the files here
 *                     follow it
 *     drop            the store first: no other host takes it up
 *     others          the disk first: this host is the first that goes on with them
 *
 * A lease that was lost ends only what has not been sent. What is at the service goes on
 * here and at the host that has it: both ask for one task, and its image is taken once.
 */
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/engine/internal.h"

/* A step that waits for a store that is away is tried again by its phase. */
#define ASK_MS 10000
#define RENEW_AGAIN_MS 2000
/* Renames of one name that a step follows: more than anybody makes while its host sleeps. */
#define MOVES_MAX 64

/* When the store is asked for a step, and for what. */
enum order { NEVER, FIRST, LAST };
static const struct rule {
	enum order order;
	enum seed_share_verb verb;
	void (*answered)(struct step_job *job, const struct seed_share_result *result);
} rules[STEP_COUNT];

static enum order order_of(const struct step_job *job)
{
	const struct generation *generation = job->generation;

	if (!generation->engine->shared)
		return NEVER;
	/* It has begun already: it goes on here after a restart, or from another host. */
	if (job->step == STEP_BEGIN && generation->lease)
		return NEVER;
	if (job->step == STEP_DROP && !generation_has_lease(generation))
		return NEVER;
	/* The store has it, and the files here have not followed yet. */
	if (job->step == STEP_FINISH && generation->stored)
		return NEVER;
	if (job->step == STEP_TAKE)
		return job->is_here ? LAST : FIRST;
	return rules[job->step].order;
}

bool shared_comes_first(const struct step_job *job)
{
	return order_of(job) == FIRST;
}

bool shared_comes_last(const struct step_job *job)
{
	return order_of(job) == LAST;
}

/* ---- what the answer says of the row ---- */

static void keep_entry(struct step_job *job, const struct seed_share_result *result)
{
	free(job->entry);
	job->entry = seed_share_format(result->entry);
	if (!job->entry && !job->err)
		job->err = -ENOMEM;
}

static const struct seed_share_row *find_row(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (strcmp(entry->rows[i].record.id, id) == 0)
			return &entry->rows[i];
	return NULL;
}

/* What another provider has, or may have, is its hosts' to ask for: it cannot be asked here. */
static bool is_for_others(const struct seed_engine *engine, const struct seed_record *record)
{
	return record->provider && strcmp(record->provider, engine->config.provider->name) != 0 &&
	       strcmp(record->step, "queued") != 0;
}

/* Its image may be at a private address, as its service is; which this host finds out by its own
 * first request (net.h, private_peer), and not by what the bucket says. Until then it would refuse
 * the image, and what was paid for would be lost. */
static bool has_unknown_url(const struct seed_engine *engine, const struct seed_record *record)
{
	return record->private_service && !engine->private_service && record->image_url;
}

/* And there is no task to ask for first. */
static bool is_guarded_here(const struct seed_engine *engine, const struct seed_record *record)
{
	return has_unknown_url(engine, record) && !record->task_id;
}

/* Whoever may write to the bucket may have written that the key goes to any path of the service. */
static bool has_strange_urls(const struct seed_engine *engine, const struct seed_record *record)
{
	struct seed_task task = { 0 };
	bool strange;

	if (!record->task)
		return false;
	strange = seed_task_parse(record->task, &task) == 0 &&
		  !seed_task_names_itself(&task, engine->config.service.api_base);
	seed_task_release(&task);
	return strange;
}

static enum row_state in_flight(const struct seed_engine *engine, const struct seed_share_row *row)
{
	if (is_for_others(engine, &row->record))
		return ROW_ANOTHERS;
	if (has_strange_urls(engine, &row->record) && !engine->config.provider->builds_urls)
		return ROW_ANOTHERS;
	if (!row->token[0] && strcmp(row->host, engine->config.shared->host) == 0)
		return ROW_OURS;
	if (is_guarded_here(engine, &row->record))
		return ROW_ANOTHERS;
	if (row->until_s < seed_share_now_s(engine->shared->share))
		return ROW_FREE;
	/* An answer that still comes comes to that host only. */
	if (row->record.step && strcmp(row->record.step, "submitting") == 0)
		return ROW_ANOTHERS;
	return row->record.state == SEED_STATE_FAILED ? ROW_KEPT : ROW_ANOTHERS;
}

static bool has_name(const struct seed_share_entry *entry, const char *id)
{
	return entry->current.id && strcmp(entry->current.id, id) == 0;
}

static void look(struct step_job *job, const struct seed_share_entry *entry)
{
	const char *id = job->record.id;
	const struct seed_share_row *row = find_row(entry, id);

	job->code = 0;
	switch (seed_share_end_of(entry, id)) {
	case SEED_SHARE_IN_FLIGHT:
		job->row = in_flight(job->generation->engine, row);
		if (row->record.state == SEED_STATE_FAILED) /* its host asks for it in its own time */
			job->code = row->record.error.code;
		break;
	case SEED_SHARE_MADE:
		job->row = ROW_MADE;
		break;
	case SEED_SHARE_FAILED:
		job->row = ROW_FAILED;
		job->code = entry->current.error.code ? entry->current.error.code : EIO;
		break;
	case SEED_SHARE_MOVED: /* and nobody has it there: has_moved() */
	case SEED_SHARE_SUPERSEDED:
		job->row = entry->current.state == SEED_STATE_CANCELLED && has_name(entry, id) ?
			ROW_REMOVED : ROW_SUPERSEDED;
		break;
	}
}

static bool is_untold(const struct generation *generation, const char *name)
{
	return !generation->told && !hint_is_under_way(generation->engine->shared, generation->record.id, name);
}

static void tell(struct generation *generation, const char *name)
{
	generation->told = false;
	hint_flight(generation->engine->shared, generation->record.id, name);
}

static void take_lease(struct step_job *job, const struct seed_share_row *row)
{
	struct generation *generation = job->generation;

	/* A new one: whoever was to look there may have been told that nothing is in flight. */
	if (row && (row->lease != generation->lease || is_untold(generation, job->record.name)))
		tell(generation, job->record.name);
	generation->lease = row ? row->lease : LEASE_LOST;
	generation->token[0] = '\0';
	generation->renew_ms = row ? shared_renew_ms(generation->engine, row) : 0;
	if (row && row->record.superseded)
		job->superseded = true;
}

/* Another host has the row by now, or it is gone. */
static void lose_lease(struct step_job *job, const struct seed_share_entry *entry)
{
	take_lease(job, NULL);
	look(job, entry);
	if (!find_row(entry, job->record.id))
		hint_landed(job->generation->engine->shared, job->record.id, job->record.name);
	job->superseded = job->row == ROW_SUPERSEDED;
	job->removed = job->row == ROW_REMOVED;
}

static void failed(struct step_job *job, const struct seed_share_result *result)
{
	struct generation *generation = job->generation;

	job->err = result->err;
	if (result->err == -EHOSTUNREACH || result->err == -ETIMEDOUT || result->err == generation->store_err)
		return;
	generation->store_err = result->err;
	generation_log(generation, SEED_LOG_ERROR "The store: %s (%s)", result->error.message,
		       seed_error_name(-result->err));
}

/* ---- answers ---- */

/* Another host had the same thought in the same moment. */
static void take_new_id(struct step_job *job)
{
	char id[SEED_STORE_ID_BYTES];

	seed_store_new_id(job->generation->engine->store, id);
	job->err = seed_record_set(&job->record.id, id);
	if (!job->err)
		job->err = seed_record_set(&job->generation->record.id, id);
	job->again = !job->err;
}

/* No two generations here have one id: what has it here is about to end, and this one's turn comes
 * then. */
static errint_t join(struct generation *generation, const char *id)
{
	errint_t err;

	if (strcmp(generation->record.id, id) != 0 && engine_has_id(generation->engine, id))
		return -EBUSY;
	err = seed_record_set(&generation->record.id, id);
	return err ? err : -EEXIST;
}

static void begun(struct step_job *job, const struct seed_share_result *result)
{
	struct generation *generation = job->generation;

	if (result->err != -EHOSTUNREACH) /* then nothing more was tried */
		generation->tried = result->tried;
	switch (-result->err) {
	case EALREADY:
		take_new_id(job);
		break;
	case 0:
		take_lease(job, result->row);
		keep_entry(job, result);
		parent_keep(generation->engine->shared, job->record.name);
		break;
	case EEXIST: /* that one's row is ours from here on */
		job->row = in_flight(generation->engine, result->row);
		job->err = join(generation, result->row->record.id);
		break;
	case ENOTUNIQ: /* its image is there: begin_event() */
		job->err = result->err;
		break;
	case ECANCELED: /* another host has had it since */
		take_lease(job, NULL);
		job->row = ROW_ANOTHERS;
		job->err = -EEXIST;
		break;
	default:
		failed(job, result);
	}
}

/* What the store did not take is in the journal here, and in the next renewal. Only an
 * announcement has to be there before anything else happens. */
static void updated(struct step_job *job, const struct seed_share_result *result)
{
	if (!result->err) {
		take_lease(job, result->row);
	} else if (result->err == -ESTALE) {
		lose_lease(job, result->entry);
		job->err = job->step == STEP_ANNOUNCE || job->step == STEP_RENEW ? -ESTALE : 0;
	} else if (job->step == STEP_ANNOUNCE) {
		failed(job, result);
	} else {
		job->generation->renew_ms = seed_clock_now_ms() + RENEW_AGAIN_MS;
	}
}

/* What others are told of an end; and the cache, of an image. */
static void landed(const struct step_job *job, const struct seed_share_entry *entry)
{
	struct seed_engine *engine = job->generation->engine;

	hint_landed(engine->shared, job->record.id, job->record.name);
	if (job->record.state != SEED_STATE_VERIFIED)
		return;
	cache_added(engine, job->record.image.bytes);
	if (engine->config.reuse && has_name(entry, job->record.id) &&
	    entry->current.state == SEED_STATE_VERIFIED) /* not removed meanwhile */
		hint_reuse(engine->shared, job->reuse_key, job->record.id, job->record.name);
}

static void finished(struct step_job *job, const struct seed_share_result *result)
{
	struct generation *generation = job->generation;

	if (result->err == -ESTALE) {
		lose_lease(job, result->entry);
		job->superseded = false; /* what has become of it is looked for */
		job->err = -ESTALE;
	} else if (result->err) {
		failed(job, result);
	} else {
		generation->stored = true;
		generation->lease = LEASE_LOST;
		generation->renew_ms = 0;
		job->record.superseded = generation->record.superseded =
			!has_name(result->entry, job->record.id);
		keep_entry(job, result);
		landed(job, result->entry);
	}
}

static void dropped(struct step_job *job, const struct seed_share_result *result)
{
	if (result->err && result->err != -ESTALE) {
		failed(job, result);
		return;
	}
	job->generation->lease = LEASE_LOST;
	job->generation->renew_ms = 0;
	if (!find_row(result->entry, job->record.id))
		hint_landed(job->generation->engine->shared, job->record.id, job->record.name);
}

static void looked(struct step_job *job, const struct seed_share_result *result)
{
	const struct seed_share_row *row;

	if (result->err) {
		failed(job, result);
		return;
	}
	look(job, result->entry);
	row = find_row(result->entry, job->record.id);
	job->superseded = row && row->record.superseded;
	if (job->row <= ROW_KEPT && job->generation->shown)
		return;
	job->generation->shown = true;
	keep_entry(job, result);
}

static int rank_of(const char *step)
{
	static const char *const steps[] = { "submitting", "accepted", "received", "commit" };

	for (size_t i = 0; i < SEED_ARRAY_LEN(steps); i++)
		if (strcmp(step, steps[i]) == 0)
			return (int)i + 1;
	return 0;
}

/* A host's own journal is never behind the store. An old copy of its directory is: there a text may
 * be queued that was sent since. */
static bool is_further(const struct seed_record *row, const struct seed_record *own)
{
	if (row->attempt_count != own->attempt_count)
		return row->attempt_count > own->attempt_count;
	return rank_of(row->step) > rank_of(own->step);
}

/* A row of the journal here stays as it is; -ESTALE: another host has it meanwhile. */
static void reclaimed(struct step_job *job, const struct seed_share_result *result)
{
	const struct seed_share_row *row = find_row(result->entry, job->record.id);

	if (!result->err && is_further(&result->row->record, &job->record))
		job->row = ROW_ANOTHERS; /* it is looked at, and taken as it is there */
	else if (!result->err)
		take_lease(job, result->row);
	else if (result->err == -ESTALE || result->err == -ENOENT)
		look(job, result->entry);
	else
		failed(job, result);
	job->superseded = row && row->record.superseded;
}

/* Whoever takes it under the target of a rename finds it so: lib/share/entry.h. The same row may
 * stand under the source, too, and its task's retry is that one's. */
static void be_as_taken(struct seed_record *record, const struct seed_share_row *row)
{
	if (!row->copy)
		return;
	record->unsure = true;
	if (strcmp(record->step, "queued") == 0)
		record->step = seed_record_step("submitting");
}

static void forget(char **text)
{
	free(*text);
	*text = NULL;
}

static errint_t forget_urls(struct seed_record *record)
{
	struct seed_task task = { 0 };
	char *text = NULL;

	if (seed_task_parse(record->task, &task) == 0) {
		forget(&task.poll_url);
		forget(&task.result_url);
		forget(&task.cancel_url);
		text = seed_task_format(&task);
	}
	seed_task_release(&task);
	if (!text)
		return -ENOMEM;
	free(record->task);
	record->task = text;
	return 0;
}

/* The service is asked for the task before its image is. */
static errint_t ask_for_url(struct seed_record *record)
{
	struct seed_task task = { 0 };
	char *text = NULL;

	if (record->task && seed_task_parse(record->task, &task) == 0) {
		forget(&task.image_url);
		task.stage = SEED_STAGE_POLL;
		text = seed_task_format(&task);
	}
	seed_task_release(&task);
	if (record->task && !text)
		return -ENOMEM;
	free(record->task);
	record->task = text;
	free(record->image_url);
	record->image_url = NULL;
	return 0;
}

static errint_t read_row(struct step_job *job, const struct seed_share_row *row)
{
	struct seed_record record;

	if (seed_record_copy(&record, &row->record)) {
		seed_record_release(&record);
		return -ENOMEM;
	}
	if (in_flight(job->generation->engine, row) != ROW_OURS)
		be_as_taken(&record, row);
	if ((has_strange_urls(job->generation->engine, &record) && forget_urls(&record)) ||
	    (has_unknown_url(job->generation->engine, &record) && ask_for_url(&record))) {
		seed_record_release(&record);
		return -ENOMEM;
	}
	/* That its URLs may lead to private addresses is for this host to know, not for the bucket. */
	record.private_service &= job->generation->engine->private_service;
	seed_record_release(&job->record);
	job->record = record;
	job->seen_lease = row->lease;
	return 0;
}

/* First what others have made of the row goes into the journal here, then its lease is taken, if it
 * is still that row. So a row under this host's lease is never older in its journal than in the
 * store, wherever a stop comes. */
static void taken(struct step_job *job, const struct seed_share_result *result)
{
	const struct seed_share_row *row = find_row(result->entry, job->record.id);

	if (result->err) {
		job->err = result->err;
	} else if (job->is_here) {
		take_lease(job, result->row);
		job->superseded = false; /* its own row says so */
	} else if (!row || in_flight(job->generation->engine, row) == ROW_ANOTHERS) {
		job->err = -ESTALE;
	} else {
		job->err = read_row(job, row);
		keep_entry(job, result);
	}
}

/* ---- questions ---- */

static const struct rule rules[STEP_COUNT] = {
	[STEP_BEGIN] = { FIRST, SEED_SHARE_BEGIN, begun },
	[STEP_REUSE] = { FIRST, SEED_SHARE_READ, NULL },
	[STEP_MARK] = { LAST, SEED_SHARE_UPDATE, updated },
	[STEP_REQUEUE] = { LAST, SEED_SHARE_UPDATE, updated },
	[STEP_ANNOUNCE] = { LAST, SEED_SHARE_UPDATE, updated },
	[STEP_ACCEPT] = { LAST, SEED_SHARE_UPDATE, updated },
	[STEP_KEEP] = { LAST, SEED_SHARE_UPDATE, updated },
	[STEP_RENEW] = { FIRST, SEED_SHARE_UPDATE, updated },
	[STEP_FINISH] = { FIRST, SEED_SHARE_FINISH, finished },
	[STEP_DROP] = { FIRST, SEED_SHARE_DROP, dropped },
	[STEP_CLAIM] = { FIRST, SEED_SHARE_RECLAIM, reclaimed },
	[STEP_LOOK] = { FIRST, SEED_SHARE_READ, looked },
	[STEP_TAKE] = { FIRST, SEED_SHARE_RECLAIM, taken },
};

/* The first row of a late task is added. */
static enum seed_share_verb verb_of(const struct step_job *job)
{
	enum seed_share_verb verb = rules[job->step].verb;

	if (job->step == STEP_TAKE && !job->is_here)
		return SEED_SHARE_READ;
	if (job->generation->token[0] && job->step != STEP_LOOK && job->step != STEP_TAKE)
		return SEED_SHARE_ARRIVE;
	/* A row in the store is never further than that in the journal of its host. */
	if (job->lease_alone && verb == SEED_SHARE_UPDATE)
		return SEED_SHARE_RENEW;
	return verb == SEED_SHARE_UPDATE && !job->generation->lease ? SEED_SHARE_ADD : verb;
}

/* Whoever may write to the bucket may have written a circle. The row is nowhere then. */
static bool has_moved_for_ever(struct step_job *job)
{
	if (job->moves < MOVES_MAX)
		return false;
	if (job->moves++ == MOVES_MAX) {
		generation_log(job->generation, SEED_LOG_ERROR "The store says that this name was renamed, and "
			       "so on, more than %d times: given up; look at name/… in the bucket (ELOOP)", MOVES_MAX);
		generation_answer(job->generation, ELOOP);
	}
	return true;
}

const struct seed_share_move *shared_went_to(const struct generation *generation,
					     const struct seed_share_entry *entry)
{
	/* With a token, its lease is one of another name. */
	return seed_share_went_to(entry, generation->record.id,
				  generation->token[0] ? generation->token_since : generation->lease);
}

/* The name has another name since, given on another host: a copy of the row is there. */
static const struct seed_share_move *went_to(const struct step_job *job, const struct seed_share_entry *entry)
{
	return shared_went_to(job->generation, entry);
}

static bool has_moved(struct step_job *job, const struct seed_share_entry *entry)
{
	return went_to(job, entry) && !has_moved_for_ever(job);
}

/* A renewal goes on beside a rename: whose generations go along at its end, all at once. */
static bool is_renamed_here(const struct step_job *job)
{
	return job->step == STEP_RENEW && (job->generation->engine->gate_closed ||
	       strcmp(job->record.name, job->generation->record.name) != 0);
}

void shared_follow(struct generation *generation, const char *name, const struct seed_share_move *move)
{
	if (generation->lease == LEASE_LOST)
		return;
	seed_share_follow(name, move->serial, generation->token);
	generation->token_since = (int64_t)move->there;
}

void shared_follow_moves(struct seed_engine *engine, const char *name, const struct seed_share_entry *entry)
{
	struct generation *next;

	for (struct generation *g = engine->generations; g; g = next) {
		const struct seed_share_move *move;

		next = g->next;
		if (generation_is_over(g) || g->lease <= 0 || strcmp(g->record.name, name) != 0)
			continue;
		move = shared_went_to(g, entry);
		if (!move)
			continue;
		shared_follow(g, name, move);
		generation_follow_name(g, move->to);
	}
}

static void go_along(struct step_job *job, const struct seed_share_entry *entry)
{
	struct generation *generation = job->generation;
	const struct seed_share_move *move = went_to(job, entry);

	shared_follow(generation, job->record.name, move);
	job->moves++;
	generation->tried.serial = 0; /* of the old name's entry */
	job->err = seed_record_set(&job->record.name, move->to);
	if (!job->err)
		generation_follow_name(generation, move->to);
}

/* It has its row again, or has lost it to another: the step is asked accordingly. False: the
 * store did not say. */
static bool arrived(struct step_job *job, const struct seed_share_result *result)
{
	struct generation *generation = job->generation;

	if (!result->err) {
		take_lease(job, result->row);
		return true;
	}
	if (result->err != -ESTALE && result->err != -ENOENT)
		return false;
	generation->token[0] = '\0';
	if (generation->lease) /* 0: of a late task, which is added yet, or after a restart */
		generation->lease = LEASE_LOST;
	return true;
}

static void ask(struct step_job *job);

static void on_answer(void *context, const struct seed_share_result *result)
{
	struct step_job *job = context;
	bool again = false;

	job->asked = NULL;
	shared_answered(job->generation->engine->shared, result->err, &result->error);
	job->again = false;
	if (!result->err)
		job->generation->store_err = 0;
	if (has_moved(job, result->entry) && is_renamed_here(job)) {
		job->generation->renew_ms = seed_clock_now_ms() + RENEW_AGAIN_MS;
	} else if (has_moved(job, result->entry)) {
		go_along(job, result->entry);
		again = !job->err;
	} else if (verb_of(job) == SEED_SHARE_ARRIVE && arrived(job, result)) {
		again = true;
	} else {
		rules[job->step].answered(job, result);
		if (!result->err)
			job->generation->engine->shared->take_up(job->generation->engine, result->entry);
	}
	if (again || job->again)
		ask(job);
	else
		job->then(job);
}

/* After a restart only what was not another's meanwhile is as the journal here has it. */
static int64_t lease_of(const struct step_job *job)
{
	return job->step == STEP_CLAIM ? LEASE_LOST :
	       job->step == STEP_TAKE ? job->seen_lease : job->generation->lease;
}

/* Nothing is asked of a store that has not proved yet that it keeps its word. */
static void answer_away(struct step_job *job)
{
	struct seed_share_entry none;
	struct seed_share_result result = { .err = -EHOSTUNREACH, .entry = &none, .etag = "" };

	seed_share_init(&none);
	SEED_UNUSED(seed_error_set(&result.error, EHOSTUNREACH, "the store is away"));
	rules[job->step].answered(job, &result);
	job->then(job);
}

static void ask(struct step_job *job)
{
	const struct generation *generation = job->generation;
	const struct seed_engine *engine = generation->engine;
	const char *late_of = generation->main ? generation->main->record.id : "";
	const enum seed_share_verb verb = verb_of(job);
	const struct seed_share_request request = {
		.verb = verb,
		.name = job->record.name,
		.row = &job->record,
		.id = job->record.id,
		.lease = verb == SEED_SHARE_ARRIVE ? generation->lease : lease_of(job),
		.other = verb == SEED_SHARE_ARRIVE ? generation->token : late_of,
		.unless_there = generation->unless_there,
		.deadline_ms = seed_clock_now_ms() + ASK_MS,
		.tried = verb == SEED_SHARE_BEGIN ? generation->tried : (struct seed_share_try){ .serial = 0 },
	};

	if (!engine->shared->fit) {
		answer_away(job);
		return;
	}
	if (job->step == STEP_ANNOUNCE && verb == SEED_SHARE_UPDATE && !generation->told) {
		job->is_telling = true;
		if (is_untold(generation, job->record.name))
			tell(job->generation, job->record.name);
		return;
	}
	job->err = seed_share_start(engine->shared->share, &request, on_answer, job, &job->asked);
	if (job->err == -EINVAL) /* its key: a name that is not too long may have one that is */
		job->err = -ENAMETOOLONG;
	if (job->err)
		job->then(job);
}

/* A host that dies while it sends something must be missed. */
void shared_told(struct generation *generation, const char *name, errint_t err)
{
	struct step_job *job = generation->job;

	const bool is_awaited = job && job->is_telling;

	generation->told = !err && strcmp(is_awaited ? job->record.name : generation->record.name, name) == 0;
	if (!is_awaited)
		return;
	job->is_telling = false;
	job->err = err;
	if (err)
		job->then(job);
	else /* and of its new name first, if it has one by now */
		ask(job);
}

/* ---- the budget of all hosts ---- */

static void on_charged(void *context, errint_t err, int64_t day, const struct seed_error *error)
{
	struct step_job *job = context;
	struct generation *generation = job->generation;

	job->charge = NULL;
	job->err = err;
	shared_answered(generation->engine->shared, err, error);
	/* It was given up meanwhile, and is not sent. */
	if (!err && generation->phase != PHASE_ANNOUNCE) {
		seed_farmer_refund(generation->engine->shared->farmer, day, generation->uid);
		job->err = -ESTALE;
	}
	if (job->err) {
		job->then(job);
		return;
	}
	generation->farm_day = day;
	ask(job);
}

/* Before the row says that it is being sent: a charge without a submission is given back. */
static void charge(struct step_job *job)
{
	struct generation *generation = job->generation;

	job->err = !generation->engine->shared->fit ? -EHOSTUNREACH :
		   seed_farmer_charge(generation->engine->shared->farmer, generation->uid,
				      seed_clock_now_ms() + ASK_MS, on_charged, job, &job->charge);
	if (job->err)
		job->then(job);
}

/* ---- the picture ---- */

static void on_sent(void *context, struct seed_s3_answer *answer)
{
	struct step_job *job = context;

	job->sent = NULL;
	free(job->picture);
	job->picture = NULL;
	if (answer->outcome == SEED_S3_DONE) {
		ask(job);
		return;
	}
	job->err = seed_s3_error(answer);
	shared_answered(job->generation->engine->shared, job->err, &answer->error);
	if (answer->outcome == SEED_S3_REFUSED)
		generation_log(job->generation, SEED_LOG_ERROR "The store does not take the image: %s (%s)",
			       answer->error.message, seed_error_name(-job->err));
	job->then(job);
}

static void send_picture(struct step_job *job)
{
	struct seed_engine *engine = job->generation->engine;
	char key[sizeof("image/") + SEED_SHA256_HEX_BYTES];
	const struct seed_s3_put put = {
		.key = key,
		.data = job->picture,
		.bytes = job->picture_bytes,
		.sha256 = job->record.image.sha256,
	};

	snprintf(key, sizeof(key), "image/%s", job->record.image.sha256);
	job->err = !engine->shared->fit ? -EHOSTUNREACH :
		   seed_s3_put(engine->shared->s3, &put,
			       seed_clock_now_ms() + seed_s3_image_ms(job->picture_bytes), on_sent, job, &job->sent);
	if (job->err)
		job->then(job);
}

static bool is_verified(const struct step_job *job)
{
	return job->record.state == SEED_STATE_VERIFIED;
}

/* The files here follow the store: what has its place in them was taken there, before a stop. It
 * may have been removed since. */
static void read_picture(struct step_job *job)
{
	job->err = seed_store_picture_read(job->generation->engine->store, &job->record, &job->picture,
					   &job->picture_bytes);
	job->is_placed = job->err == -ENOENT && job->record.superseded;
	if (job->is_placed)
		job->err = 0;
}

/* The store may be away for longer than the picture's URL is good, and this host start again
 * meanwhile. Once is enough: it is tried every two seconds. */
static void commit_picture(struct step_job *job)
{
	read_picture(job);
	if (!job->err && !job->is_placed)
		job->err = seed_store_journal(job->generation->engine->store, &job->record);
}

static void finish_here(struct step_job *job)
{
	job->generation->stored = true;
	job->generation->lease = LEASE_LOST;
	job->generation->renew_ms = 0;
	job->then(job);
}

void shared_ask(struct step_job *job)
{
	const struct generation *generation = job->generation;
	bool updates = verb_of(job) == SEED_SHARE_UPDATE;

	if (job->step == STEP_REUSE) {
		shared_reuse(job);
		return;
	}
	/* What was copied from another name is there already. */
	if (job->step == STEP_FINISH && is_verified(job) && !generation->reuse_name) {
		if (job->picture) {
			job->generation->committed = true;
			send_picture(job);
		} else if (job->is_placed) {
			finish_here(job);
		} else {
			/* On a disk thread, and then again. */
			job->read = generation->committed ? read_picture : commit_picture;
			job->then(job);
		}
		return;
	}
	if (generation->lease != LEASE_LOST || !(updates || job->step == STEP_FINISH)) {
		if (job->step == STEP_ANNOUNCE)
			charge(job);
		else
			ask(job);
		return;
	}
	/* Nobody asked for it to be sent; or another host has the outcome. */
	if (job->step == STEP_ANNOUNCE || job->step == STEP_FINISH)
		job->err = -ESTALE;
	job->then(job);
}

void shared_stop(struct seed_engine *engine)
{
	struct generation *next;

	for (struct generation *g = engine->generations; g; g = next) {
		struct step_job *job = g->job;

		next = g->next;
		if (!job || (!job->asked && !job->sent && !job->charge && !job->is_telling))
			continue;
		if (job->charge)
			seed_farmer_cancel(job->charge);
		job->charge = NULL;
		if (job->asked)
			seed_share_cancel(job->asked);
		if (job->sent)
			seed_s3_cancel(job->sent);
		job->asked = NULL;
		job->sent = NULL;
		job->is_telling = false;
		job->err = -ESHUTDOWN;
		job->then(job);
	}
}
