/*
 * -o reuse among hosts: a text is generated once, whatever names it is written to.
 *
 *     reuse/KEY    "ID NAME": that generation makes the image of what has that key (reuse.c),
 *                  or has made it
 *
 * Whoever is to generate a text takes its key first, on the condition that nobody else has taken it
 * since it was read. Who finds it taken looks at NAME: an image of the text is copied; while it is
 * being generated there, it is looked for again later; and what has come to nothing gives the key
 * away. Where that generation has failed, those who waited for it do not wait for another's:
 * else one after the other would fail.
 *
 * A store that does not answer is asked again, and nothing is sent meanwhile. Only where the object is
 * lost is a text generated for more than one name.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/engine/internal.h"

#define ASK_MS 10000
/* Hosts that take a key from one another, and renames of a name. */
#define TRIES_MAX 16

struct claim {
	char id[SEED_STORE_ID_BYTES]; /* the generation that has the key */
	char etag[SEED_S3_ETAG_BYTES];
	char body[HINT_REUSE_BYTES]; /* what is written */
	char key[HINT_KEY_BYTES];
	int tries;
};

static void look_at(struct step_job *job);

/* 0: `maker` and `entry` say whose image is to be copied; without them, none. -EAGAIN: it is being made.
 * -EHOSTUNREACH: nobody knows. */
static void end(struct step_job *job, errint_t err)
{
	free(job->claim);
	job->claim = NULL;
	if (err || !job->entry) {
		free(job->maker);
		job->maker = NULL;
	}
	job->err = err;
	job->then(job);
}

static void on_claimed(void *context, struct seed_s3_answer *answer);

/* A store that will not have such an object has no keys: the text is generated. */
static errint_t failed(const struct seed_s3_answer *answer)
{
	return answer->outcome == SEED_S3_REFUSED ? 0 : -EHOSTUNREACH;
}

static void take(struct step_job *job)
{
	struct claim *claim = job->claim;
	const struct seed_s3_put put = {
		.key = claim->key,
		.data = claim->body,
		.bytes = strlen(claim->body),
		.condition = claim->etag[0] ? SEED_S3_IF_MATCH : SEED_S3_IF_NONE,
		.etag = claim->etag,
	};

	free(job->maker);
	job->maker = NULL;
	if (seed_s3_swap(job->generation->engine->shared->s3, &put, sizeof(claim->body),
			 seed_clock_now_ms() + ASK_MS, on_claimed, job, &job->sent))
		end(job, -EHOSTUNREACH);
}

/* Whose the key is, by what stands there. */
static void read_claim(struct step_job *job, const struct seed_s3_answer *answer)
{
	struct claim *claim = job->claim;
	const char *name = strchr(answer->body, ' ');
	const size_t len = name ? (size_t)(name - answer->body) : 0;
	const bool is_right = len && len < sizeof(claim->id) && seed_text_check_name(name + 1) == 0;

	memcpy(claim->etag, answer->etag, sizeof(claim->etag));
	free(job->maker);
	job->maker = NULL;
	if (!is_right) {
		take(job);
		return;
	}
	snprintf(claim->id, sizeof(claim->id), "%.*s", (int)len, answer->body);
	if (strcmp(claim->id, job->record.id) == 0) {
		end(job, 0); /* nobody makes it: this one does */
	} else {
		job->maker = strdup(name + 1);
		look_at(job);
	}
}

static void on_claimed(void *context, struct seed_s3_answer *answer)
{
	struct step_job *job = context;

	job->sent = NULL;
	if (answer->outcome == SEED_S3_CHANGED && answer->body && ++job->claim->tries < TRIES_MAX)
		read_claim(job, answer);
	else
		end(job, answer->outcome == SEED_S3_DONE ? 0 : failed(answer));
}

static void on_claim(void *context, struct seed_s3_answer *answer)
{
	struct step_job *job = context;

	job->sent = NULL;
	if (answer->outcome == SEED_S3_DONE)
		read_claim(job, answer);
	else if (answer->outcome == SEED_S3_NONE)
		take(job);
	else
		end(job, failed(answer));
}

/* By the generation that has the key, and by no other of the same text: such a one may wait for this. */
static bool is_being_made(const struct step_job *job, const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++) {
		const struct seed_record *record = &entry->rows[i].record;

		/* One that is kept may be so for a day. */
		if (strcmp(record->id, job->claim->id) == 0)
			return !record->superseded && record->state != SEED_STATE_FAILED;
	}
	return false;
}

static bool has_failed(const struct step_job *job, const struct seed_record *current)
{
	return current->id && strcmp(current->id, job->claim->id) == 0 && current->state == SEED_STATE_FAILED;
}

/* The generation that has the key is not in flight here, nor has it ended here. */
static bool has_left(const struct step_job *job, const struct seed_share_entry *entry)
{
	return entry->move_count && seed_share_end_of(entry, job->claim->id) != SEED_SHARE_IN_FLIGHT &&
	       (entry->gone || !entry->current.id || strcmp(entry->current.id, job->claim->id) != 0);
}

static void follow_maker(struct step_job *job, const struct seed_share_entry *entry)
{
	if (seed_record_set(&job->maker, entry->moves[entry->move_count - 1].to))
		end(job, -EHOSTUNREACH);
	else
		look_at(job);
}

static void on_maker(void *context, const struct seed_share_result *result)
{
	struct step_job *job = context;
	const struct seed_share_entry *entry = result->entry;
	const struct seed_record *current = &entry->current;

	job->asked = NULL;
	if (result->err && result->err != -EBADMSG) {
		end(job, -EHOSTUNREACH);
	} else if (is_being_made(job, entry)) {
		end(job, -EAGAIN);
	} else if (current->name && current->state == SEED_STATE_VERIFIED && !(entry->without & SEED_SHARE_NO_IMAGE) &&
		   reuse_is_made_of(current, &job->record)) {
		job->entry = seed_share_format(entry);
		end(job, job->entry ? 0 : -EHOSTUNREACH);
	} else if (has_left(job, entry) && ++job->claim->tries < TRIES_MAX) {
		follow_maker(job, entry);
	} else if (has_failed(job, current) && job->generation->waits_for_same) {
		end(job, 0);
	} else {
		take(job);
	}
}

static void look_at(struct step_job *job)
{
	const struct seed_share_request request = {
		.verb = SEED_SHARE_READ,
		.name = job->maker,
		.deadline_ms = seed_clock_now_ms() + ASK_MS,
	};

	if (!job->maker || seed_share_start(job->generation->engine->shared->share, &request, on_maker, job,
					    &job->asked))
		end(job, -EHOSTUNREACH);
}

void shared_reuse(struct step_job *job)
{
	struct shared *shared = job->generation->engine->shared;
	struct seed_s3_get get = { .limit_bytes = sizeof(job->claim->body) };

	job->claim = shared->fit ? calloc(1, sizeof(*job->claim)) : NULL;
	if (!job->claim) {
		end(job, -EHOSTUNREACH);
		return;
	}
	hint_reuse_key(job->reuse_key, job->claim->key);
	hint_reuse_body(job->record.id, job->record.name, job->claim->body);
	get.key = job->claim->key;
	if (seed_s3_get(shared->s3, &get, seed_clock_now_ms() + ASK_MS, on_claim, job, &job->sent))
		end(job, -EHOSTUNREACH);
}
