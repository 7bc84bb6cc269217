/*
 * The options of a catalogue that hosts share in a bucket, as the parts that read them want
 * them: store= taken apart, and the one way in which the bucket is written down.
 */
#ifndef SEED_FS_STORE_OPTIONS_H
#define SEED_FS_STORE_OPTIONS_H

#include "lib/base/base.h"
#include "lib/base/error.h"

struct options;

/* Texts are valid until options_release(). */
struct store_options {
	const char *bucket;   /* NULL: no shared store, and nothing below counts */
	const char *prefix;   /* "": none; without a '/' at its end */
	const char *endpoint; /* without a '/' at its end; NULL: Amazon's of the region */
	const char *region;   /* NULL: as lib/s3/credentials.h finds it */
	const char *ca_file;  /* NULL: the system's */
	const char *profile;  /* NULL: as lib/s3/credentials.h finds it */
	/* "s3://BUCKET[/PREFIX] at ENDPOINT", alike for all ways to write the same: what a
	 * state directory is bound to. */
	const char *url;
	bool wait_offline;
	int64_t cache_bytes;
	char *owned_bucket, *owned_endpoint, *owned_url;
};

/* s3://BUCKET[/PREFIX] */
bool store_options_is_store(const char *text);
/* http or https, a host, maybe a port, and nothing behind it. */
bool store_options_is_endpoint(const char *text);

/* Fills `options->shared` from the options as they were given. -EINVAL: these do not go
 * together; -ENOMEM. */
errint_t store_options_settle(struct options *options, struct seed_error *error) SEED_MUST_CHECK;
void store_options_release(struct store_options *store);

#endif
