/*
 * The bucket that hosts share, before it is mounted: who we are there, whether it is there,
 * and whether it keeps its word. What is wrong with it is found while somebody looks at the
 * terminal, not by the first prompt.
 *
 * Calling sequence: bucket_new() reads the key, before privileges are dropped; bucket_probe()
 * asks the network, once nothing forks any more; then `shared` is ready for the engine.
 * One thread. Nobody prints the key, and bucket_free() clears it.
 */
#ifndef SEED_FS_BUCKET_H
#define SEED_FS_BUCKET_H

#include "fs/store_options.h"
#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/engine/shared.h"
#include "lib/store/store.h"

struct bucket {
	const struct store_options *options;
	struct seed_engine_store shared;         /* `keep` is the caller's to fill */
	char host[SEED_STORE_HOST_BYTES];        /* which it names; "": not bound yet */
	char place[SEED_STORE_PLACE_BYTES], where[65]; /* so, too */
	struct seed_s3_credentials *credentials; /* as in `shared`; NULL once they are another's */
	bool has_key; /* else the container or the instance is asked for one */
	bool away;    /* bucket_probe() failed because nobody answers, or is too busy to */
	int64_t ahead_s; /* the store's clock before this host's */
};

/* Reads variables and files; blocks on these only. `options` are borrowed. Errors as
 * seed_s3_credentials_load(). */
errint_t bucket_new(const struct store_options *options, struct bucket **bucket,
		    struct seed_error *error) SEED_MUST_CHECK;
void bucket_free(struct bucket *bucket); /* NULL is allowed */

/* Asks for a key where there is none, then the store (lib/s3/probe.h): writes, reads, lists
 * and removes one small object. Blocks for 20 s at most, on a net of its own. `error` has one
 * line that says what to do. */
errint_t bucket_probe(struct bucket *bucket, struct seed_error *error) SEED_MUST_CHECK;

/* Makes the host's id this mount's own (lib/share/presence.h), once it is bound and probed. Blocks for
 * a minute where the directory comes from elsewhere, which `log` says then. -EBUSY: another mount
 * lives under it. A store that goes away meanwhile is no error: the engine asks again. */
errint_t bucket_claim(struct bucket *bucket, const struct seed_store *store, struct seed_log *log,
		      struct seed_error *error) SEED_MUST_CHECK;

/* Whether `store` may be mounted with these options: one that belongs to a bucket only with
 * that one, because its images are not all here. `bucket` NULL: without any. A line says
 * what to do. */
errint_t bucket_check_binding(struct bucket *bucket, struct seed_store *store,
			      struct seed_error *error) SEED_MUST_CHECK;

/* What --check says of a bucket that is fit; malloc'd, NULL without memory. */
char *bucket_describe(const struct bucket *bucket);

#endif
