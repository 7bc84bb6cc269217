/*
 * Whether a store keeps its word: hosts agree by conditional writes, and a store that
 * ignores a condition would have each of them believe that it is the one. Asked of a
 * scratch key, by requests whose outcome is known:
 *
 *   1. create it, if there is none          must succeed
 *   2. create it again                      must not
 *   3. replace it, if it is what was made   must succeed, with quotes or without
 *   4. replace it, if it is what was before must not
 *   5. read it                              must be what 3 wrote
 *   6. list it                              must be there
 *   7. remove it
 *
 * A step that the store is too busy for is sent again, until the deadline. If it was done all
 * the same, 1 and 3 cannot be told from a refusal then: all begins anew.
 *
 * The form that 3 found is set in `s3`. One thread; nothing blocks.
 */
#ifndef SEED_S3_PROBE_H
#define SEED_S3_PROBE_H

#include "lib/s3/s3.h"

struct seed_s3_probe;

struct seed_s3_facts {
	bool quotes;        /* how If-Match is written */
	int64_t ahead_s;    /* the store's clock before this host's; 0: it did not say */
};

/* Called once, by seed_net_turn() or seed_s3_probe_turn(), unless the probe is freed. `error` NULL: fit. */
typedef void seed_s3_probe_fn(void *context, const struct seed_s3_facts *facts,
			      const struct seed_error *error);

/* `id`: a plain part of a key that no other host uses now. */
errint_t seed_s3_probe_new(struct seed_s3 *s3, const char *id, int64_t deadline_ms,
			   seed_s3_probe_fn *done, void *context,
			   struct seed_s3_probe **probe) SEED_MUST_CHECK;
/* Sends what has waited; returns when to be called again (INT64_MAX: not). */
int64_t seed_s3_probe_turn(struct seed_s3_probe *probe, int64_t now_ms);
void seed_s3_probe_free(struct seed_s3_probe *probe); /* also after `done`; NULL is allowed */

#endif
