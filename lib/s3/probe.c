#include "lib/s3/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

/* AGAIN_MS: before a store that is busy is asked again. */
enum { KEY_BYTES = 128, TEXT_BYTES = 160, AGAIN_MS = 1000 };

struct seed_s3_probe {
	struct seed_s3 *s3;
	struct seed_s3_op *op;
	seed_s3_probe_fn *done;
	void *context;
	struct seed_s3_facts facts;
	struct seed_error error; /* code 0: none */
	int64_t deadline_ms;
	int64_t again_ms;      /* when the step is sent again; 0: it is under way */
	size_t step;
	bool was_busy;         /* the store, for this step: it may have been done */
	bool anew;             /* the scratch key is removed, and then all begins anew */
	char key[KEY_BYTES];
	char text[TEXT_BYTES]; /* what is written; stays while it is */
	char was[TEXT_BYTES];  /* what should stand there */
	char first[SEED_S3_ETAG_BYTES], now[SEED_S3_ETAG_BYTES];
};

/* A step sends one request. Its answer leads to the next, to another step, or to the
 * end. */
struct step {
	errint_t (*send)(struct seed_s3_probe *probe);
	void (*answer)(struct seed_s3_probe *probe, struct seed_s3_answer *answer);
};

static void go(struct seed_s3_probe *probe, size_t step);

/* The scratch key is removed first, whatever the answers were. */
static void end(struct seed_s3_probe *probe);

static void unfit(struct seed_s3_probe *probe, const char *what)
{
	(void)seed_error_set(&probe->error, ENOTSUP, "the store cannot be shared: %s. Hosts would pay for one "
			     "image several times; use a store with conditional writes", what);
	end(probe);
}

/* It did not answer the question. */
static void failed(struct seed_s3_probe *probe, const struct seed_error *error)
{
	probe->error = *error;
	end(probe);
}

static void on_answer(void *context, struct seed_s3_answer *answer);

static errint_t write_if(struct seed_s3_probe *probe, enum seed_s3_condition condition, const char *etag)
{
	struct seed_s3_put put = { .key = probe->key, .condition = condition, .etag = etag };

	snprintf(probe->text, sizeof(probe->text), "seedfs asks whether conditions hold: %zu\n", probe->step);
	put.data = probe->text;
	put.bytes = strlen(probe->text);
	return seed_s3_put(probe->s3, &put, probe->deadline_ms, on_answer, probe, &probe->op);
}

static void wrote(struct seed_s3_probe *probe, const struct seed_s3_answer *answer)
{
	memcpy(probe->was, probe->text, sizeof(probe->was));
	memcpy(probe->now, answer->etag, sizeof(probe->now));
	if (answer->date_s)
		probe->facts.ahead_s = answer->date_s - seed_clock_wall_ms() / 1000;
}

/* A condition that does not hold: 412. A store may say 409 or a 5xx for it, too, but not
 * where nobody else writes. */
static bool was_refused(const struct seed_s3_answer *answer)
{
	return answer->status == 412;
}

/* ---- the steps ---- */

static void begin_anew(struct seed_s3_probe *probe)
{
	probe->anew = true;
	probe->facts.quotes = true;
	seed_s3_set_quotes(probe->s3, true);
	end(probe);
}

static errint_t create(struct seed_s3_probe *probe)
{
	return write_if(probe, SEED_S3_IF_NONE, NULL);
}

static void created(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	wrote(probe, answer);
	memcpy(probe->first, answer->etag, sizeof(probe->first));
	if (was_refused(answer) && probe->was_busy)
		begin_anew(probe);
	else if (answer->outcome != SEED_S3_DONE)
		failed(probe, &answer->error);
	else if (!answer->etag[0])
		unfit(probe, "it answers without an ETag");
	else
		go(probe, probe->step + 1);
}

static void created_again(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome == SEED_S3_DONE)
		unfit(probe, "it ignores If-None-Match: *");
	else if (was_refused(answer))
		go(probe, probe->step + 1);
	else
		failed(probe, &answer->error);
}

static errint_t replace(struct seed_s3_probe *probe)
{
	return write_if(probe, SEED_S3_IF_MATCH, probe->now);
}

static void replaced(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome == SEED_S3_DONE) {
		wrote(probe, answer);
		go(probe, probe->step + 1);
	} else if (was_refused(answer) && probe->was_busy) {
		begin_anew(probe);
	} else if (was_refused(answer) && probe->facts.quotes) {
		probe->facts.quotes = false;
		seed_s3_set_quotes(probe->s3, false);
		go(probe, probe->step);
	} else if (was_refused(answer)) {
		unfit(probe, "it refuses If-Match with the ETag that it gave");
	} else {
		failed(probe, &answer->error);
	}
}

static errint_t replace_old(struct seed_s3_probe *probe)
{
	return write_if(probe, SEED_S3_IF_MATCH, probe->first);
}

static void replaced_old(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome == SEED_S3_DONE)
		unfit(probe, "it ignores If-Match");
	else if (was_refused(answer))
		go(probe, probe->step + 1);
	else
		failed(probe, &answer->error);
}

static errint_t read_it(struct seed_s3_probe *probe)
{
	const struct seed_s3_get get = { .key = probe->key, .limit_bytes = TEXT_BYTES };

	return seed_s3_get(probe->s3, &get, probe->deadline_ms, on_answer, probe, &probe->op);
}

static void was_read(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome != SEED_S3_DONE && answer->outcome != SEED_S3_NONE)
		failed(probe, &answer->error);
	else if (answer->outcome == SEED_S3_NONE || strcmp(answer->body, probe->was) != 0)
		unfit(probe, "what it answers is not what was written last");
	else
		go(probe, probe->step + 1);
}

static errint_t list_it(struct seed_s3_probe *probe)
{
	const struct seed_s3_list list = { .prefix = probe->key, .after = "" };

	return seed_s3_list(probe->s3, &list, probe->deadline_ms, on_answer, probe, &probe->op);
}

static void was_listed(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome != SEED_S3_DONE)
		failed(probe, &answer->error);
	else if (answer->listing->key_count != 1 || strcmp(answer->listing->keys[0], probe->key) != 0)
		unfit(probe, "it does not list what was written");
	else
		go(probe, probe->step + 1);
}

static errint_t remove_it(struct seed_s3_probe *probe)
{
	return seed_s3_delete(probe->s3, probe->key, probe->deadline_ms, on_answer, probe, &probe->op);
}

/* An error that came before is the one that matters. */
static void was_removed(struct seed_s3_probe *probe, struct seed_s3_answer *answer)
{
	if (answer->outcome != SEED_S3_DONE && !probe->error.code)
		probe->error = answer->error;
	if (probe->anew && !probe->error.code) {
		probe->anew = false;
		go(probe, 0);
		return;
	}
	probe->done(probe->context, &probe->facts, probe->error.code ? &probe->error : NULL);
}

static const struct step steps[] = {
	{ create, created },
	{ create, created_again },
	{ replace, replaced },
	{ replace_old, replaced_old },
	{ read_it, was_read },
	{ list_it, was_listed },
	{ remove_it, was_removed },
};

static void on_answer(void *context, struct seed_s3_answer *answer)
{
	struct seed_s3_probe *probe = context;
	int64_t again_ms = seed_clock_now_ms() + AGAIN_MS;

	probe->op = NULL;
	if (seed_s3_is_busy(answer->status) && again_ms < probe->deadline_ms) {
		probe->again_ms = again_ms;
		probe->was_busy = true;
	} else {
		steps[probe->step].answer(probe, answer);
	}
}

static void send(struct seed_s3_probe *probe)
{
	struct seed_s3_answer none = { .outcome = SEED_S3_AWAY };
	errint_t err = steps[probe->step].send(probe);

	if (!err)
		return;
	(void)seed_error_set(&none.error, -err, "%s", strerrordesc_np(-err));
	steps[probe->step].answer(probe, &none);
}

static void go(struct seed_s3_probe *probe, size_t step)
{
	probe->step = step;
	probe->was_busy = false;
	send(probe);
}

int64_t seed_s3_probe_turn(struct seed_s3_probe *probe, int64_t now_ms)
{
	if (!probe->again_ms)
		return INT64_MAX;
	if (now_ms < probe->again_ms)
		return probe->again_ms;
	probe->again_ms = 0;
	send(probe); /* it may be over, and freed by its owner soon */
	return now_ms;
}

static void end(struct seed_s3_probe *probe)
{
	go(probe, SEED_ARRAY_LEN(steps) - 1);
}

errint_t seed_s3_probe_new(struct seed_s3 *s3, const char *id, int64_t deadline_ms,
			   seed_s3_probe_fn *done, void *context, struct seed_s3_probe **out)
{
	struct seed_s3_probe *probe = calloc(1, sizeof(*probe));
	errint_t err;

	if (!probe)
		return -ENOMEM;
	probe->s3 = s3;
	probe->deadline_ms = deadline_ms;
	probe->done = done;
	probe->context = context;
	probe->facts.quotes = true;
	seed_s3_set_quotes(s3, true);
	snprintf(probe->key, sizeof(probe->key), "probe/%s", id);
	err = steps[0].send(probe);
	if (err)
		seed_s3_probe_free(probe);
	else
		*out = probe;
	return err;
}

void seed_s3_probe_free(struct seed_s3_probe *probe)
{
	if (!probe)
		return;
	if (probe->op)
		seed_s3_cancel(probe->op);
	free(probe);
}
