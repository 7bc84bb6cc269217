#include "lib/share/share.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/s3/key.h"
#include "lib/share/store_clock.h"

enum {
	/* Of one request. A store that does not answer within it is asked again. */
	ASK_MS = 20000,
};

struct seed_share {
	struct seed_s3 *s3;
	char host[SEED_SHARE_HOST_BYTES];
	int lease_s;
	struct seed_store_clock clock;
	struct seed_share_op *ops;
};

struct seed_share_op {
	struct seed_share_op *next, **link;
	struct seed_share *share;
	struct seed_s3_op *asked;  /* NULL: it waits for wake_ms */
	seed_share_done_fn *done;
	void *context;
	enum seed_share_verb verb;
	char *name, *key;
	struct seed_record row;
	int64_t lease, deadline_ms, wake_ms, pause_ms;
	uint64_t tried;            /* the serial of the swap whose answer is not known; 0: none */
	struct seed_share_entry entry; /* as read, or as it is to be */
	char *text;                /* that, as JSON, while it is written */
	char etag[SEED_S3_ETAG_BYTES]; /* of what was read; "": there was none */
	struct seed_error error;   /* the last that was met */
};

errint_t seed_share_new(struct seed_s3 *s3, const char *host, int lease_s, struct seed_share **out)
{
	struct seed_share *share = calloc(1, sizeof(*share));

	if (!share)
		return -ENOMEM;
	assert(strlen(host) == SEED_SHARE_HOST_BYTES - 1);
	memcpy(share->host, host, sizeof(share->host));
	share->s3 = s3;
	share->lease_s = lease_s;
	*out = share;
	return 0;
}

static void op_free(struct seed_share_op *op)
{
	if (op->link) {
		*op->link = op->next;
		if (op->next)
			op->next->link = op->link;
	}
	seed_record_release(&op->row);
	seed_share_release(&op->entry);
	free(op->name);
	free(op->key);
	free(op->text);
	free(op);
}

void seed_share_cancel(struct seed_share_op *op)
{
	if (op->asked)
		seed_s3_cancel(op->asked);
	op_free(op);
}

void seed_share_free(struct seed_share *share)
{
	if (!share)
		return;
	while (share->ops)
		seed_share_cancel(share->ops);
	free(share);
}

/* ---- ends ---- */

static void end(struct seed_share_op *op, errint_t err, const struct seed_share_row *row)
{
	struct seed_share_result result = { .err = err, .error = op->error, .entry = &op->entry, .row = row };

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

static const struct seed_share_row *row_of(const struct seed_share_op *op, int64_t lease)
{
	for (size_t i = 0; i < op->entry.row_count; i++)
		if (op->entry.rows[i].lease == lease)
			return &op->entry.rows[i];
	return NULL;
}

/* What was to be written stands there. */
static void happened(struct seed_share_op *op)
{
	op->error.code = 0;
	end(op, 0, row_of(op, op->lease));
}

/* ---- one round: read, change, swap ---- */

static void again(struct seed_share_op *op, int64_t wait_ms)
{
	op->wake_ms = seed_store_clock_again_ms(&op->pause_ms, wait_ms);
	if (op->wake_ms < op->deadline_ms)
		return;
	if (op->tried)
		end_with(op, ETIMEDOUT, "it is not known whether the store took a change");
	else
		end_with(op, EHOSTUNREACH, "the store did not answer in time");
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
	op->tried = op->entry.serial;
	err = seed_s3_swap(op->share->s3, &put, SEED_SHARE_ENTRY_MAX_BYTES, ask_until(op), on_swapped, op,
			   &op->asked);
	if (err)
		again(op, 0);
}

/* The verb, on the entry as it was read. Like the functions that it calls; -ENOENT: nothing to
 * take. */
static errint_t apply(struct seed_share_op *op, const struct seed_share_row **row)
{
	struct seed_share_change change = {
		.host = op->share->host,
		.lease = op->lease,
		.now_s = seed_store_clock_ms(&op->share->clock) / 1000,
		.lease_s = op->share->lease_s,
	};
	uint64_t before = op->entry.serial;
	errint_t err = 0;

	switch (op->verb) {
	case SEED_SHARE_READ:
		return -EALREADY;
	case SEED_SHARE_BEGIN:
		err = seed_share_begin(&op->entry, &change, &op->row, row);
		op->lease = (int64_t)op->entry.serial;
		return err;
	case SEED_SHARE_UPDATE:
		return seed_share_update(&op->entry, &change, &op->row);
	case SEED_SHARE_TAKE:
		*row = seed_share_take(&op->entry, &change);
		if (*row)
			op->lease = (*row)->lease;
		return *row ? 0 : -ENOENT;
	case SEED_SHARE_FINISH:
		err = seed_share_finish(&op->entry, &change, &op->row);
		return !err && op->entry.serial == before ? -EALREADY : err;
	}
	return err;
}

/* What became of a begin or a take whose answer is not known. True: the operation is over. */
static bool was_decided(struct seed_share_op *op)
{
	const struct seed_share_row *row = row_of(op, (int64_t)op->tried);
	enum seed_share_wrote wrote;

	if (!op->tried || (op->verb != SEED_SHARE_BEGIN && op->verb != SEED_SHARE_TAKE))
		return false;
	wrote = seed_share_wrote(&op->entry, op->tried, op->share->host);
	if (wrote == SEED_SHARE_NOT_YET)
		return false;
	op->tried = 0;
	if (wrote == SEED_SHARE_NEVER || (op->verb == SEED_SHARE_TAKE && !row))
		return false;
	op->error.code = 0;
	end(op, row ? 0 : -ECANCELED, row);
	return true;
}

static void was_read(struct seed_share_op *op)
{
	const struct seed_share_row *row = NULL;
	errint_t err;

	if (was_decided(op))
		return;
	err = apply(op, &row);
	op->error.code = 0;
	if (!err)
		swap(op);
	else if (err == -EALREADY)
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
	else
		was_read(op);
}

static void read_entry(struct seed_share_op *op)
{
	const struct seed_s3_get get = { .key = op->key, .limit_bytes = SEED_SHARE_ENTRY_MAX_BYTES };
	errint_t err = seed_s3_get(op->share->s3, &get, ask_until(op), on_read, op, &op->asked);

	if (!err)
		return;
	(void)seed_error_set(&op->error, -err, "%s", strerrordesc_np(-err));
	again(op, 0);
}

/* ---- operations ---- */

/* "name/" and the name. */
static errint_t key_of(const char *name, char **out)
{
	struct seed_buf key;
	errint_t err;

	seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
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

static errint_t op_fill(struct seed_share_op *op, const struct seed_share_request *request)
{
	errint_t err = key_of(request->name, &op->key);

	if (err)
		return err;
	op->name = strdup(request->name);
	if (!op->name)
		return -ENOMEM;
	return request->row ? seed_record_copy(&op->row, request->row) : 0;
}

errint_t seed_share_start(struct seed_share *share, const struct seed_share_request *request,
			  seed_share_done_fn *done, void *context, struct seed_share_op **out)
{
	struct seed_share_op *op = calloc(1, sizeof(*op));
	errint_t err;

	if (!op)
		return -ENOMEM;
	op->share = share;
	op->done = done;
	op->context = context;
	op->verb = request->verb;
	op->lease = request->lease;
	op->deadline_ms = request->deadline_ms;
	seed_record_init(&op->row);
	seed_share_init(&op->entry);
	err = op_fill(op, request);
	if (err) {
		op_free(op);
		return err;
	}
	op->next = share->ops;
	op->link = &share->ops;
	if (op->next)
		op->next->link = &op->next;
	share->ops = op;
	*out = op;
	return 0;
}

int64_t seed_share_turn(struct seed_share *share, int64_t now_ms)
{
	struct seed_share_op *op;
	int64_t at_ms;

	/* What starts here may end at once, and its end may start or cancel others. */
	do {
		at_ms = INT64_MAX;
		for (op = share->ops; op; op = op->next) {
			if (!op->asked && op->wake_ms <= now_ms)
				break;
			if (!op->asked && op->wake_ms < at_ms)
				at_ms = op->wake_ms;
		}
		if (op)
			read_entry(op);
	} while (op);
	return at_ms;
}
