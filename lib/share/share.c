#include "lib/share/share.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/clock.h"
#include "lib/base/table.h"
#include "lib/s3/key.h"
#include "lib/share/store_clock.h"

/* Of one request. A store that does not answer within it is asked again. */
enum { ASK_MS = 20000 };

/* Operations, oldest first. */
struct queue {
	struct seed_share_op *first, **last;
};

/*
 * The oldest operation of a name is in one of the queues, and in the table of names; the others
 * of that name are behind it. So neither a name with many operations nor many names cost more
 * than a step for each.
 */
struct seed_share {
	struct seed_s3 *s3;
	size_t key_room;
	char host[SEED_SHARE_HOST_BYTES];
	int lease_s;
	int64_t keep;
	struct seed_store_clock clock;
	uint64_t last_writer; /* begins anywhere, so that no other process has the same */
	struct queue waiting; /* for wake_ms */
	struct queue due;
	struct queue asked;
	struct seed_table names;
};

struct seed_share_op {
	struct seed_share_op *next, **link; /* in `queue` */
	struct queue *queue;
	struct seed_share_op *older; /* of this name; NULL: it is the oldest */
	struct seed_share_op *newer;
	struct seed_table_link by_name; /* of the oldest */
	struct seed_share_op *newest;   /* the oldest says which one is the last of its name */
	struct seed_share *share;
	struct seed_s3_op *asked;  /* NULL: it waits for wake_ms, or for older ones */
	seed_share_done_fn *done;
	void *context;
	enum seed_share_verb verb;
	char writer[SEED_SHARE_HOST_BYTES];
	char *name, *key, *id, *other;
	struct seed_record row;
	struct seed_share_entry from;
	uint64_t there;
	struct timespec time;
	int number;
	bool unless_there;
	int64_t lease, deadline_ms, wake_ms, pause_ms;
	int64_t expected;          /* of a reclaim */
	uint64_t tried;            /* the serial of the swap whose answer is not known; 0: none */
	struct seed_share_entry entry; /* as read, or as it is to be */
	char *text;                /* that, as JSON, while it is written */
	char etag[SEED_S3_ETAG_BYTES]; /* of what was read; "": there was none */
	struct seed_error error;   /* the last that was met */
};

/* ---- queues ---- */

static void put(struct queue *queue, struct seed_share_op *op)
{
	op->queue = queue;
	op->next = NULL;
	op->link = queue->last;
	*queue->last = op;
	queue->last = &op->next;
}

static void unput(struct seed_share_op *op)
{
	*op->link = op->next;
	if (op->next)
		op->next->link = op->link;
	else
		op->queue->last = op->link;
	op->queue = NULL;
}

static void move_to(struct queue *queue, struct seed_share_op *op)
{
	unput(op);
	put(queue, op);
}

/* FNV-1a */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static struct seed_share_op *oldest_of(const struct seed_share *share, const char *name, uint64_t hash)
{
	struct seed_table_link *link = seed_table_find(&share->names, hash);

	for (; link; link = link->next) {
		struct seed_share_op *op =
			(struct seed_share_op *)((char *)link - offsetof(struct seed_share_op, by_name));

		if (link->hash == hash && strcmp(op->name, name) == 0)
			return op;
	}
	return NULL;
}

static void be_oldest(struct seed_share_op *op, struct seed_share_op *last, uint64_t hash)
{
	op->newest = last;
	seed_table_add(&op->share->names, &op->by_name, hash);
	put(&op->share->waiting, op);
}

static void line_up(struct seed_share_op *op)
{
	uint64_t hash = hash_of(op->name);
	struct seed_share_op *oldest = oldest_of(op->share, op->name, hash);

	if (!oldest) {
		be_oldest(op, op, hash);
		return;
	}
	op->older = oldest->newest;
	op->older->newer = op;
	oldest->newest = op;
}

/* The next one of its name may start. */
static void leave_line(struct seed_share_op *op)
{
	struct seed_share *share = op->share;

	if (op->newer)
		op->newer->older = op->older;
	if (op->older) {
		op->older->newer = op->newer;
		if (!op->newer)
			oldest_of(share, op->name, hash_of(op->name))->newest = op->older;
	} else {
		unput(op);
		(void)seed_table_remove(&share->names, &op->by_name);
		if (op->newer)
			be_oldest(op->newer, op->newest, op->by_name.hash);
	}
}

errint_t seed_share_new(struct seed_s3 *s3, const char *host, int lease_s, int64_t keep,
			struct seed_share **out)
{
	struct seed_share *share = calloc(1, sizeof(*share));

	if (!share || seed_table_init(&share->names)) {
		free(share);
		return -ENOMEM;
	}
	assert(strlen(host) == SEED_SHARE_HOST_BYTES - 1);
	memcpy(share->host, host, sizeof(share->host));
	share->s3 = s3;
	share->key_room = seed_s3_key_room(s3);
	share->lease_s = lease_s;
	share->keep = keep;
	if (getrandom(&share->last_writer, sizeof(share->last_writer), GRND_NONBLOCK) < 0)
		share->last_writer = (uint64_t)seed_clock_wall_ms() << 20 ^ strtoull(host, NULL, 16);
	share->waiting.last = &share->waiting.first;
	share->due.last = &share->due.first;
	share->asked.last = &share->asked.first;
	*out = share;
	return 0;
}

static void op_release(struct seed_share_op *op)
{
	seed_record_release(&op->row);
	seed_share_release(&op->from);
	seed_share_release(&op->entry);
	free(op->name);
	free(op->key);
	free(op->id);
	free(op->other);
	free(op->text);
	free(op);
}

static void op_free(struct seed_share_op *op)
{
	leave_line(op);
	op_release(op);
}

void seed_share_cancel(struct seed_share_op *op)
{
	if (op->asked)
		seed_s3_cancel(op->asked);
	op_free(op);
}

static void cancel_all(struct queue *queue)
{
	while (queue->first)
		seed_share_cancel(queue->first);
}

void seed_share_free(struct seed_share *share)
{
	if (!share)
		return;
	cancel_all(&share->asked);
	cancel_all(&share->due);
	cancel_all(&share->waiting); /* and all that are behind these */
	seed_table_release(&share->names);
	free(share);
}

int64_t seed_share_now_s(const struct seed_share *share)
{
	return seed_store_clock_ms(&share->clock) / 1000;
}

/* ---- ends ---- */

static void end(struct seed_share_op *op, errint_t err, const struct seed_share_row *row)
{
	struct seed_share_result result = { .err = err, .error = op->error, .entry = &op->entry, .etag = op->etag,
					    .row = row };

	result.tried.serial = op->tried;
	memcpy(result.tried.writer, op->writer, sizeof(op->writer));
	op->done(op->context, &result);
	op_free(op);
}

static void end_with(struct seed_share_op *op, int code, const char *what)
{
	seed_share_release(&op->entry);
	if (!op->error.code)
		(void)seed_error_set(&op->error, code, "%s", what);
	end(op, -code, NULL);
}

/* This operation's row, under the lease that it has. */
static const struct seed_share_row *row_of(const struct seed_share_op *op, int64_t lease)
{
	const char *id = op->id ? op->id : op->row.id;

	for (size_t i = 0; i < op->entry.row_count; i++) {
		const struct seed_share_row *row = &op->entry.rows[i];

		if (row->lease == lease && strcmp(row->host, op->share->host) == 0 &&
		    (!id || strcmp(row->record.id, id) == 0))
			return row;
	}
	return NULL;
}

/* What was to be written stands there. */
static void happened(struct seed_share_op *op)
{
	op->error.code = 0;
	end(op, 0, row_of(op, op->lease));
}

/* ---- one round: read, change, swap ---- */

#define UNKNOWN_WORDS "it is not known whether the store took a change"

static void again(struct seed_share_op *op, int64_t wait_ms)
{
	op->wake_ms = seed_store_clock_again_ms(&op->pause_ms, wait_ms);
	if (op->wake_ms < op->deadline_ms) {
		move_to(&op->share->waiting, op);
		return;
	}
	if (op->tried)
		end_with(op, ETIMEDOUT, UNKNOWN_WORDS);
	else
		end_with(op, EHOSTUNREACH, "the store did not answer in time");
}

/* What this host lacks for a request it may have the next time; a key that no store takes stays one. */
static void cannot_ask(struct seed_share_op *op, errint_t err)
{
	(void)seed_error_set(&op->error, -err, "%s", strerrordesc_np(-err));
	if (err == -EINVAL)
		end(op, err, NULL);
	else
		again(op, 0);
}

static int64_t ask_until(const struct seed_share_op *op)
{
	int64_t until_ms = seed_clock_now_ms() + ASK_MS;

	return until_ms < op->deadline_ms ? until_ms : op->deadline_ms;
}

static void on_swapped(void *context, struct seed_s3_answer *answer)
{
	struct seed_share_op *op = context;

	op->asked = NULL;
	seed_store_clock_learn(&op->share->clock, answer->date_s);
	op->error = answer->error;
	switch (answer->outcome) {
	case SEED_S3_DONE:
		happened(op);
		return;
	case SEED_S3_REFUSED:
		end(op, -answer->error.code, NULL);
		return;
	case SEED_S3_NONE:
	case SEED_S3_CHANGED: /* the next round looks at it */
	case SEED_S3_UNSURE:
	case SEED_S3_AWAY:
		again(op, answer->retry_after_ms);
		return;
	}
}

static bool begins(const struct seed_share_op *op)
{
	return op->verb == SEED_SHARE_BEGIN || op->verb == SEED_SHARE_CREATE || op->verb == SEED_SHARE_JOIN;
}

static void swap(struct seed_share_op *op)
{
	struct seed_s3_put put = {
		.key = op->key,
		.condition = op->etag[0] ? SEED_S3_IF_MATCH : SEED_S3_IF_NONE,
		.etag = op->etag,
	};
	errint_t err;

	free(op->text);
	op->text = seed_share_format(&op->entry);
	if (!op->text) {
		end_with(op, ENOMEM, "out of memory");
		return;
	}
	put.data = op->text;
	put.bytes = strlen(op->text);
	/* It would be written, and nobody could read it again. */
	if (!seed_share_fits(&op->entry, put.bytes, begins(op))) {
		end_with(op, EFBIG, "the name's history is too long for the store: set history=, or remove versions");
		return;
	}
	op->tried = op->entry.serial;
	err = seed_s3_swap(op->share->s3, &put, SEED_SHARE_ENTRY_MAX_BYTES, ask_until(op), on_swapped, op,
			   &op->asked);
	if (err)
		cannot_ask(op, err);
}

/* ---- verbs ---- */

/* Whether a change that may have happened is simply made again. */
enum repeat {
	REPEAT_ALWAYS,  /* it names what is to be, and finds out whose that is by now */
	REPEAT_UNKNOWN, /* where nobody knows: it finds what it has made */
	REPEAT_NEVER,   /* it would do it to something else */
};

enum { NEEDS_ROW = 1 << 0, NEEDS_ID = 1 << 1, NEEDS_OTHER = 1 << 2, NEEDS_FROM = 1 << 3 };

/* `apply` is the verb on the entry as it was read: like the function that it calls. *row: what it
 * made, took or joined. */
struct verb {
	errint_t (*apply)(struct seed_share_op *op, const struct seed_share_change *change,
			  const struct seed_share_row **row);
	enum repeat repeat;
	unsigned needs;
};

#define VERB(name) \
	static errint_t name(struct seed_share_op *op, const struct seed_share_change *change, \
			     const struct seed_share_row **row)

VERB(do_read)
{
	(void)op;
	(void)change;
	(void)row;
	return 0;
}

VERB(do_begin)
{
	errint_t err = seed_share_begin(&op->entry, change, &op->row, row);

	op->lease = (int64_t)op->entry.serial;
	return err;
}

VERB(do_update)
{
	(void)row;
	return seed_share_update(&op->entry, change, &op->row);
}

VERB(do_renew)
{
	(void)row;
	return seed_share_renew(&op->entry, change, op->id);
}

VERB(do_take)
{
	*row = seed_share_take(&op->entry, change);
	if (*row)
		op->lease = (*row)->lease;
	return *row ? 0 : -ENOENT;
}

static bool is_as_expected(const struct seed_share_op *op)
{
	for (size_t i = 0; i < op->entry.row_count; i++) {
		const struct seed_share_row *row = &op->entry.rows[i];

		if (strcmp(row->record.id, op->id) == 0)
			return !op->expected || row->lease == op->expected ||
			       (!row->token[0] && strcmp(row->host, op->share->host) == 0);
	}
	return true;
}

VERB(do_reclaim)
{
	errint_t err = is_as_expected(op) ? seed_share_reclaim(&op->entry, change, op->id, row) : -ESTALE;

	if (!err)
		op->lease = (*row)->lease;
	return err;
}

VERB(do_arrive)
{
	errint_t err = seed_share_arrive(&op->entry, change, op->id, op->other, row);

	if (!err)
		op->lease = (*row)->lease;
	return err;
}

VERB(do_add)
{
	errint_t err = seed_share_add(&op->entry, change, &op->row, op->other);

	(void)row;
	for (size_t i = 0; i < op->entry.row_count && !err; i++)
		if (strcmp(op->entry.rows[i].record.id, op->row.id) == 0)
			op->lease = op->entry.rows[i].lease;
	return err;
}

VERB(do_finish)
{
	(void)row;
	return seed_share_finish(&op->entry, change, &op->row);
}

VERB(do_drop)
{
	(void)row;
	return seed_share_drop(&op->entry, change, op->id);
}

VERB(do_remove_prompt)
{
	(void)row;
	return seed_share_remove_prompt(&op->entry, change);
}

VERB(do_remove_image)
{
	(void)row;
	return seed_share_remove_image(&op->entry, change);
}

VERB(do_remove_record)
{
	(void)row;
	return seed_share_remove_record(&op->entry, change);
}

VERB(do_remove_version)
{
	(void)row;
	return seed_share_remove_version(&op->entry, change, op->number);
}

VERB(do_restore)
{
	(void)row;
	return seed_share_restore(&op->entry, change, op->number);
}

VERB(do_set_time)
{
	(void)row;
	return seed_share_set_time(&op->entry, change, op->time);
}

VERB(do_set_prompt)
{
	(void)row;
	return seed_share_set_prompt(&op->entry, change, op->other, op->id, op->time);
}

VERB(do_make_folder)
{
	(void)row;
	return seed_share_make_folder(&op->entry, change);
}

VERB(do_remove_folder)
{
	(void)row;
	return seed_share_remove_folder(&op->entry, change);
}

VERB(do_create)
{
	const struct seed_share_entry *from = &op->from;

	(void)row;
	return seed_share_create(&op->entry, change, from->current.name ? &from->current : NULL,
				 from->versions, from->version_count, from->without);
}

VERB(do_join)
{
	(void)row;
	return seed_share_join(&op->entry, change, &op->from, op->name);
}

VERB(do_leave)
{
	(void)row;
	/* What has come to it since was not joined, and would be lost. */
	if (op->entry.serial != op->from.serial && !op->entry.gone)
		return -EAGAIN;
	return seed_share_leave(&op->entry, change, op->other, op->there);
}

static const struct verb verbs[] = {
	[SEED_SHARE_READ] = { do_read, REPEAT_ALWAYS, 0 },
	[SEED_SHARE_BEGIN] = { do_begin, REPEAT_NEVER, NEEDS_ROW },
	[SEED_SHARE_UPDATE] = { do_update, REPEAT_ALWAYS, NEEDS_ROW },
	[SEED_SHARE_RENEW] = { do_renew, REPEAT_ALWAYS, NEEDS_ID },
	[SEED_SHARE_TAKE] = { do_take, REPEAT_UNKNOWN, 0 },
	[SEED_SHARE_RECLAIM] = { do_reclaim, REPEAT_UNKNOWN, NEEDS_ID },
	[SEED_SHARE_ARRIVE] = { do_arrive, REPEAT_UNKNOWN, NEEDS_ID | NEEDS_OTHER },
	[SEED_SHARE_ADD] = { do_add, REPEAT_NEVER, NEEDS_ROW | NEEDS_OTHER },
	[SEED_SHARE_FINISH] = { do_finish, REPEAT_UNKNOWN, NEEDS_ROW },
	[SEED_SHARE_DROP] = { do_drop, REPEAT_UNKNOWN, NEEDS_ID },
	[SEED_SHARE_REMOVE_PROMPT] = { do_remove_prompt, REPEAT_NEVER, 0 },
	[SEED_SHARE_REMOVE_IMAGE] = { do_remove_image, REPEAT_NEVER, 0 },
	[SEED_SHARE_REMOVE_RECORD] = { do_remove_record, REPEAT_NEVER, 0 },
	[SEED_SHARE_REMOVE_VERSION] = { do_remove_version, REPEAT_NEVER, 0 },
	[SEED_SHARE_RESTORE] = { do_restore, REPEAT_NEVER, 0 },
	[SEED_SHARE_SET_TIME] = { do_set_time, REPEAT_NEVER, 0 },
	[SEED_SHARE_SET_PROMPT] = { do_set_prompt, REPEAT_NEVER, NEEDS_ID | NEEDS_OTHER },
	[SEED_SHARE_MAKE_FOLDER] = { do_make_folder, REPEAT_NEVER, 0 },
	[SEED_SHARE_REMOVE_FOLDER] = { do_remove_folder, REPEAT_NEVER, 0 },
	[SEED_SHARE_CREATE] = { do_create, REPEAT_NEVER, NEEDS_FROM },
	[SEED_SHARE_JOIN] = { do_join, REPEAT_NEVER, NEEDS_FROM },
	[SEED_SHARE_LEAVE] = { do_leave, REPEAT_UNKNOWN, NEEDS_FROM | NEEDS_OTHER },
};

/* Of the row that gets a lease. */
static bool is_kept(const struct seed_share_op *op)
{
	if (op->verb == SEED_SHARE_UPDATE || op->verb == SEED_SHARE_ADD)
		return op->row.state == SEED_STATE_FAILED;
	for (size_t i = 0; i < op->entry.row_count && op->id; i++)
		if (strcmp(op->entry.rows[i].record.id, op->id) == 0)
			return op->entry.rows[i].record.state == SEED_STATE_FAILED;
	return false;
}

static int lease_s(const struct seed_share_op *op)
{
	return op->share->lease_s * (is_kept(op) ? SEED_SHARE_KEPT_TIMES : 1);
}

static errint_t apply(struct seed_share_op *op, const struct seed_share_row **row)
{
	const struct seed_share_change change = {
		.host = op->share->host,
		.writer = op->writer,
		.lease = op->lease,
		.now_s = seed_store_clock_ms(&op->share->clock) / 1000,
		.lease_s = lease_s(op),
		.keep = op->share->keep,
		.unless_there = op->unless_there,
	};

	return verbs[op->verb].apply(op, &change, row);
}

/* ---- what was read ---- */

/* It happened, as the entry says by now, or nobody knows it any more. */
static bool end_decided(struct seed_share_op *op, bool is_known)
{
	const struct seed_share_row *row = row_of(op, op->lease);

	if ((op->verb == SEED_SHARE_TAKE || op->verb == SEED_SHARE_RECLAIM ||
	     op->verb == SEED_SHARE_ARRIVE) && !row)
		return false; /* it was taken, and lost */
	op->error.code = 0;
	if (op->verb == SEED_SHARE_BEGIN || op->verb == SEED_SHARE_ADD)
		end(op, row ? 0 : -ECANCELED, row);
	else if (is_known)
		end(op, 0, row);
	else
		end_with(op, ETIMEDOUT, UNKNOWN_WORDS);
	return true;
}

/* What became of a change whose answer is not known. True: the operation is over. */
static bool was_decided(struct seed_share_op *op)
{
	enum repeat repeat = verbs[op->verb].repeat;
	enum seed_share_wrote wrote;

	if (!op->tried || repeat == REPEAT_ALWAYS)
		return false;
	wrote = seed_share_wrote(&op->entry, op->tried, op->writer);
	if (wrote == SEED_SHARE_NOT_YET)
		return false;
	op->tried = 0;
	if (wrote == SEED_SHARE_NEVER || (wrote == SEED_SHARE_UNKNOWN && repeat == REPEAT_UNKNOWN))
		return false;
	return end_decided(op, wrote == SEED_SHARE_WROTE);
}

static void was_read(struct seed_share_op *op)
{
	const struct seed_share_row *row = NULL;
	uint64_t before = op->entry.serial;
	errint_t err;

	if (was_decided(op))
		return;
	err = apply(op, &row);
	op->error.code = 0;
	if (!err && op->entry.serial != before)
		swap(op);
	else if (!err)
		happened(op);
	else
		end(op, err, err == -EEXIST ? row : NULL);
}

static errint_t take_entry(struct seed_share_op *op, const struct seed_s3_answer *answer)
{
	seed_share_release(&op->entry);
	op->etag[0] = '\0';
	if (answer->outcome == SEED_S3_NONE)
		return 0;
	memcpy(op->etag, answer->etag, sizeof(op->etag));
	return seed_share_parse(answer->body, answer->len, op->name, &op->entry);
}

static void on_read(void *context, struct seed_s3_answer *answer)
{
	struct seed_share_op *op = context;
	errint_t err;

	op->asked = NULL;
	seed_store_clock_learn(&op->share->clock, answer->date_s);
	op->error = answer->error;
	if (answer->outcome == SEED_S3_REFUSED && answer->error.code == EFBIG) {
		memcpy(op->etag, answer->etag, sizeof(op->etag));
		end_with(op, EBADMSG, "what the store has for this name is longer than any entry of seedfs");
		return;
	}
	if (answer->outcome == SEED_S3_REFUSED) {
		end(op, -answer->error.code, NULL);
		return;
	}
	if (answer->outcome != SEED_S3_DONE && answer->outcome != SEED_S3_NONE) {
		again(op, answer->retry_after_ms);
		return;
	}
	err = take_entry(op, answer);
	if (err == -ENOMEM)
		end_with(op, ENOMEM, "out of memory");
	else if (err)
		end_with(op, EBADMSG, "what the store has for this name is no entry of seedfs");
	else if (!op->share->clock.known)
		end_with(op, EBADMSG, "the store does not say what time it is");
	else if (answer->outcome == SEED_S3_DONE && !op->etag[0])
		/* It could be written as if nothing stood there, which never succeeds. */
		end_with(op, EBADMSG, SEED_S3_NO_ETAG);
	else
		was_read(op);
}

static void read_entry(struct seed_share_op *op)
{
	const struct seed_s3_get get = { .key = op->key, .limit_bytes = SEED_SHARE_ENTRY_MAX_BYTES };
	errint_t err;

	move_to(&op->share->asked, op);
	err = seed_s3_get(op->share->s3, &get, ask_until(op), on_read, op, &op->asked);
	if (err)
		cannot_ask(op, err);
}

/* ---- operations ---- */

/* "name/" and the name; with room for "flight/ID/", where others look for it. */
static errint_t key_of(const struct seed_share *share, const char *name, char **out)
{
	struct seed_buf key;
	errint_t err;

	seed_buf_init(&key, share->key_room - (strlen("flight/") + SEED_SHARE_ID_BYTES - strlen("name/")));
	err = seed_buf_add(&key, "name/", strlen("name/"));
	if (!err)
		err = seed_s3_key_add_name(&key, name);
	if (!err) {
		*out = strdup(key.data);
		err = *out ? 0 : -ENOMEM;
	}
	seed_buf_release(&key);
	return err == -EFBIG ? -EINVAL : err;
}

static bool is_whole(const struct seed_share_request *request)
{
	unsigned needs = verbs[request->verb].needs;

	return (!(needs & NEEDS_ROW) || (request->row && request->row->id)) &&
	       (!(needs & NEEDS_ID) || request->id) && (!(needs & NEEDS_OTHER) || request->other) &&
	       (!(needs & NEEDS_FROM) || request->from);
}

static errint_t op_fill(struct seed_share_op *op, const struct seed_share_request *request)
{
	errint_t err = is_whole(request) ? key_of(op->share, request->name, &op->key) : -EINVAL;

	if (!err)
		err = seed_record_set(&op->name, request->name);
	if (!err)
		err = seed_record_set(&op->id, request->id);
	if (!err)
		err = seed_record_set(&op->other, request->other);
	if (!err && request->from && request->verb != SEED_SHARE_LEAVE)
		err = seed_share_copy(&op->from, request->from,
				      request->verb == SEED_SHARE_JOIN ? NULL : request->name);
	else if (!err && request->from)
		op->from.serial = request->from->serial;
	op->there = request->there;
	return !err && request->row ? seed_record_copy(&op->row, request->row) : err;
}

errint_t seed_share_start(struct seed_share *share, const struct seed_share_request *request,
			  seed_share_done_fn *done, void *context, struct seed_share_op **out)
{
	struct seed_share_op *op = calloc(1, sizeof(*op));
	errint_t err;

	if (!op)
		return -ENOMEM;
	op->share = share;
	(void)snprintf(op->writer, sizeof(op->writer), "%016llx", (unsigned long long)++share->last_writer);
	op->done = done;
	op->context = context;
	op->verb = request->verb;
	op->lease = op->expected = request->lease;
	op->number = request->number;
	op->unless_there = request->unless_there;
	op->time = request->time;
	op->deadline_ms = request->deadline_ms;
	if (request->tried.serial) {
		op->tried = request->tried.serial;
		op->lease = (int64_t)op->tried;
		memcpy(op->writer, request->tried.writer, sizeof(op->writer));
	}
	seed_record_init(&op->row);
	seed_share_init(&op->from);
	seed_share_init(&op->entry);
	err = op_fill(op, request);
	if (err) {
		op_release(op);
		return err;
	}
	line_up(op);
	*out = op;
	return 0;
}

/* Moves what has waited long enough to `due`; when the next has. */
static int64_t collect_due(struct seed_share *share, int64_t now_ms)
{
	struct seed_share_op *op, *next;
	int64_t at_ms = INT64_MAX;

	for (op = share->waiting.first; op; op = next) {
		next = op->next;
		if (op->wake_ms <= now_ms)
			move_to(&share->due, op);
		else if (op->wake_ms < at_ms)
			at_ms = op->wake_ms;
	}
	return at_ms;
}

int64_t seed_share_turn(struct seed_share *share, int64_t now_ms)
{
	int64_t at_ms = collect_due(share, now_ms);

	/* What starts here may end at once, and its end may start or cancel others. */
	while (share->due.first) {
		while (share->due.first)
			read_entry(share->due.first);
		at_ms = collect_due(share, now_ms);
	}
	return at_ms;
}
