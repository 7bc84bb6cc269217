/*
 * The catalogue's row for one NAME (`man seed`), in memory and as JSON. The
 * journal's rows (lib/store/) have a few more keys, so both use one
 * codec. Plain data owned by one thread at a time; no I/O.
 */
#ifndef SEED_RECORD_H
#define SEED_RECORD_H

#include <time.h>

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/record/params.h"

enum seed_state {
	SEED_STATE_QUEUED,
	SEED_STATE_GENERATING,
	SEED_STATE_VERIFIED,
	SEED_STATE_FAILED,
	SEED_STATE_CANCELLED,
};

const char *seed_state_name(enum seed_state state);

#define SEED_SHA256_HEX_BYTES 65

/* What the worker measured of the service's picture. format "" : unknown. */
struct seed_source_info {
	char format[8];  /* "png", "jpeg", "webp", "sketch" */
	char fit[16];    /* "none", "crop", "down", "up", "crop+down", "crop+up" */
	uint32_t width, height;
	uint64_t bytes;
	char sha256[SEED_SHA256_HEX_BYTES];
};

/* The picture in images/. bytes 0: none yet. */
struct seed_image_info {
	uint32_t width, height;
	uint64_t bytes;
	char sha256[SEED_SHA256_HEX_BYTES];
};

struct seed_attempt {
	int steps;
	double cfg_scale;
	int64_t started_ms, ended_ms; /* wall; 0: null */
	char *task_id;                /* NULL: null */
	struct seed_kept_error error; /* code 0: null */
};

#define SEED_ATTEMPTS_MAX 2

struct seed_record {
	char *name;
	enum seed_state state;
	char *prompt;    /* as committed: trimmed text, or the JSON request's "prompt" */
	char *image_url; /* NULL: null */
	struct seed_image_info image;
	struct seed_source_info source;
	char *provider;
	const struct seed_params *params; /* a reference; NULL: not filled */
	char *task_id;   /* NULL: null */
	struct seed_attempt *attempts; /* owned; room for SEED_ATTEMPTS_MAX, or NULL: none */
	int attempt_count;
	struct seed_kept_error error; /* code 0: null */
	double progress;         /* 0 to 1 */
	bool progress_estimated; /* from how long others took; the service tells nothing */
	int queue_position;      /* at the service, as it counts; < 0: not told */
	int64_t created_ms, started_ms, verified_ms; /* wall; 0: null */
	double cost;             /* < 0: not told */
	char *dry_run;           /* the request that was not sent; NULL: it was, or none */

	/* Journal only; written when `id` is not NULL. */
	bool superseded; /* a newer prompt has taken NAME */
	bool unsure;     /* an attempt may have been accepted, and nobody can ask */
	bool private_service; /* accepted by a service at a private address (lib/net/net.h) */
	char *id;      /* the generation's own id, unique for ever */
	const char *step; /* one of seed_record_step()'s words: static, never freed */
	char *request; /* the text as committed, JSON request or not */
	struct timespec prompt_time; /* that prompts/NAME gets; tv_nsec UTIME_OMIT: not told */
	char *task;    /* lib/provider/provider.h, seed_task as JSON */
};

void seed_record_init(struct seed_record *record);
void seed_record_release(struct seed_record *record);

/* JSON text, indented, with a line break at its end: malloc'd, NULL without
 * memory. "resolution" is "WxH" of `image` where the state is verified, else
 * null. `versions` (borrowed) are file names. NULL gives the stored form, which has no
 * versions, since the history's folder has them. */
char *seed_record_format(const struct seed_record *record, const char *const *versions,
			 size_t version_count);

/* The same as it is stored, in one line. */
char *seed_record_format_line(const struct seed_record *record);

/* -EBADMSG for what is not such a row; unknown keys are ignored. `record` is
 * initialised here; release it in any case. */
errint_t seed_record_parse(const char *json, size_t len, struct seed_record *record) SEED_MUST_CHECK;

/* A copy that shares nothing, or -ENOMEM. `to` is initialised here; release it
 * in any case. */
errint_t seed_record_copy(struct seed_record *to, const struct seed_record *from) SEED_MUST_CHECK;

/* The journal's own copy of the word for a step, or NULL for an unknown one. The words
 * are queued, adopt, submitting, accepted, received and commit. */
const char *seed_record_step(const char *word);

/* Room for attempts, if there is none yet. A text that only waits has no attempts. */
errint_t seed_record_reserve_attempts(struct seed_record *record) SEED_MUST_CHECK;

/* Another row's second attempt becomes this row's, if it has only one; where it goes on, it ended
 * at `now_ms`. Best effort: without memory it does not. */
void seed_record_take_attempt(struct seed_record *to, const struct seed_record *from, int64_t now_ms);

/* A text field: replaces *field by a copy of text (NULL: NULL). */
errint_t seed_record_set(char **field, const char *text) SEED_MUST_CHECK;

#endif
