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
 * Nothing that was paid for depends on it. Where the store is away, or the object is lost, the
 * text is generated for more than one name.
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
	char etag[SEED_S3_ETAG_BYTES];
	char body[HINT_REUSE_BYTES]; /* what is written */
	char key[HINT_KEY_BYTES];
	int tries;
};

static void look_at(struct step_job *job);

/* The step goes on, with what it has learned or without. */
static void end(struct step_job *job, errint_t err)
{
	free(job->claim);
	job->claim = NULL;
	job->err = err;
	job->then(job);
}

static void on_claimed(void *context, struct seed_s3_answer *answer);

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
		end(job, 0);
}

/* Whose the key is, by what stands there. */
static void read_claim(struct step_job *job, const struct seed_s3_answer *answer)
{
	struct claim *claim = job->claim;
	const char *id = job->record.id, *name = strchr(answer->body, ' ');
	const bool is_ours = name && (size_t)(name - answer->body) == strlen(id) &&
			     strncmp(answer->body, id, strlen(id)) == 0;

	memcpy(claim->etag, answer->etag, sizeof(claim->etag));
	free(job->maker);
	job->maker = NULL;
	if (is_ours || ++claim->tries == TRIES_MAX) {
		end(job, 0);
	} else if (!name || seed_text_check_name(name + 1) || strcmp(name + 1, job->record.name) == 0) {
		take(job);
	} else {
		job->maker = strdup(name + 1);
		look_at(job);
	}
}

static void on_claimed(void *context, struct seed_s3_answer *answer)
{
	struct step_job *job = context;

	job->sent = NULL;
	if (answer->outcome == SEED_S3_CHANGED && answer->body)
		read_claim(job, answer);
	else
		end(job, 0);
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
		end(job, 0);
}

static bool is_same(const struct step_job *job, const struct seed_record *record)
{
	return record->params && reuse_key(record) == job->reuse_key && reuse_same_provider(record, &job->record);
}

static bool is_being_made(const struct step_job *job, const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++) {
		const struct seed_record *record = &entry->rows[i].record;

		/* One that is kept may be so for a day. */
		if (!record->superseded && record->state != SEED_STATE_FAILED && is_same(job, record))
			return true;
	}
	return false;
}

static void on_maker(void *context, const struct seed_share_result *result)
{
	struct step_job *job = context;
	const struct seed_share_entry *entry = result->entry;
	const struct seed_record *current = &entry->current;

	job->asked = NULL;
	if (result->err) {
		end(job, 0);
	} else if (entry->gone && ++job->claim->tries < TRIES_MAX) {
		SEED_UNUSED(seed_record_set(&job->maker, entry->moves[entry->move_count - 1].to) == 0);
		look_at(job);
	} else if (is_being_made(job, entry)) {
		end(job, -EAGAIN);
	} else if (current->name && is_same(job, current) && current->state == SEED_STATE_VERIFIED &&
		   !(entry->without & SEED_SHARE_NO_IMAGE)) {
		job->entry = seed_share_format(entry);
		end(job, 0);
	} else if (current->name && is_same(job, current) && current->state == SEED_STATE_FAILED &&
		   job->generation->waits_for_same) {
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
		end(job, 0);
}

void shared_reuse(struct step_job *job)
{
	struct shared *shared = job->generation->engine->shared;
	struct seed_s3_get get = { .limit_bytes = sizeof(job->claim->body) };

	job->claim = shared->fit ? calloc(1, sizeof(*job->claim)) : NULL;
	if (!job->claim) {
		end(job, 0);
		return;
	}
	hint_reuse_key(job->reuse_key, job->claim->key);
	hint_reuse_body(job->record.id, job->record.name, job->claim->body);
	get.key = job->claim->key;
	if (seed_s3_get(shared->s3, &get, seed_clock_now_ms() + ASK_MS, on_claim, job, &job->sent))
		end(job, 0);
}
