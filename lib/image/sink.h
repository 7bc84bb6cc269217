/*
 * The result's file: written from its beginning to its end, and summed up with
 * SHA-256 on the way, while the bytes are in the cache.
 *
 *   seed_sink_init(&sink, fd, &error);
 *   seed_sink_write(&sink, pieces, count, &error);   any number of times
 *   seed_sink_finish(&sink, sha256, &error);         it is on the disk
 *   seed_sink_release(&sink);                        in any case
 *
 * Blocks as long as the disk does. Errors: ENOSPC, also over a quota; ENOMEM;
 * EIO for anything else. After an error the file's contents are worthless.
 */
#ifndef SEED_SINK_H
#define SEED_SINK_H

#include <sys/uio.h>

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/record/record.h"

/* Of one call. */
enum { SEED_SINK_PIECES_MAX = 4 };

struct seed_sink {
	int fd; /* the caller's; only offsets from 0 on are written */
	uint64_t bytes;
	struct evp_md_ctx_st *hash; /* owned */
};

errint_t seed_sink_init(struct seed_sink *sink, int fd, struct seed_error *error) SEED_MUST_CHECK;
/* Appends the pieces, which may be empty, one behind the other. */
errint_t seed_sink_write(struct seed_sink *sink, const struct iovec *pieces, int count,
			 struct seed_error *error) SEED_MUST_CHECK;
/* Truncates the file there, and fsyncs it. `sha256` gets the sum of all that was written. */
errint_t seed_sink_finish(struct seed_sink *sink, char sha256[SEED_SHA256_HEX_BYTES],
			  struct seed_error *error) SEED_MUST_CHECK;
void seed_sink_release(struct seed_sink *sink);

/* The sum of bytes that are not written. */
errint_t seed_sha256(const void *data, size_t len, char hex[SEED_SHA256_HEX_BYTES],
		     struct seed_error *error) SEED_MUST_CHECK;

#endif
