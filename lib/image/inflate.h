/*
 * A zlib stream (RFC 1950, 1951) that is read in pieces and delivered in pieces, so
 * that both fit in the cache and a picture is never in memory as a whole.
 *
 *   z = seed_inflate_new(read, context, row_bytes * 8);
 *   while (rows are left && (row = seed_inflate_next(z, row_bytes)))
 *           ...
 *   right = !rows_left && seed_inflate_end(z);
 *   seed_inflate_free(z);
 *
 * No stream that zlib refuses passes. Those with a preset dictionary or a window of
 * less than 32 KiB do not pass either. Pure but for what `read` does; one thread.
 *
 * Why it is here: zlib is slower, and libdeflate accepts streams that zlib
 * refuses. A differential test keeps it right: it judges each of thousands of mutated
 * streams as zlib does, and gives the same bytes
 * (tests/unit/image_inflate.c).
 */
#ifndef SEED_INFLATE_H
#define SEED_INFLATE_H

#include "lib/base/base.h"

/* Writes up to `size` bytes (at least 1) of the stream to `to` and returns how many;
 * 0: it ends. */
typedef size_t seed_inflate_read_fn(void *context, uint8_t *to, size_t size);

struct seed_inflate;

/* At most `piece_bytes` will be asked for at once. NULL: no memory. */
struct seed_inflate *seed_inflate_new(seed_inflate_read_fn *read, void *context,
				      size_t piece_bytes) SEED_MUST_CHECK;
void seed_inflate_free(struct seed_inflate *z);

/* The next `len` bytes, valid until the next call; NULL: the stream is wrong, or
 * ends before. An error may be found later, at the latest by
 * seed_inflate_end(). */
const uint8_t *seed_inflate_next(struct seed_inflate *z, size_t len) SEED_MUST_CHECK;

/* How often tables were filled (at most once in 64 symbols) and how often their
 * literals were joined (once in 2 KiB): the most expensive work. For tests. */
void seed_inflate_work(const struct seed_inflate *z, uint64_t *fills, uint64_t *joins);

/* Whether the stream ends here, with the right Adler sum and nothing behind it. */
bool seed_inflate_end(struct seed_inflate *z) SEED_MUST_CHECK;

#endif
