/*
 * Deflate (RFC 1951) for photographs: Huffman codes, and runs of one byte as the
 * only matches. A search for other matches takes five times as long and finds
 * almost none in filtered rows of a photograph.
 *
 *   seed_deflate_init(&deflate, out, scratch);
 *   seed_deflate_add(&deflate, data, len);   any number of times
 *   seed_deflate_end(&deflate);
 *
 * Codes are made from a sample of what is added, and a new block begins only
 * where new codes save more than they cost. Between two calls the caller may take
 * what is in `out` and set `out.at` back to its beginning; bits that do not fill a byte
 * yet are kept. Pure.
 *
 * Why it is here: zlib and libdeflate always search for matches. A differential test
 * keeps it right: zlib reads back what it wrote (tests/unit/image_deflate.c).
 */
#ifndef SEED_DEFLATE_H
#define SEED_DEFLATE_H

#include "lib/base/base.h"
#include "lib/image/huffman.h"

/* Literals, the end of a block, and lengths. */
enum { SEED_DEFLATE_SYMBOLS = 286 };

/* At most this much is added at once. */
enum { SEED_DEFLATE_ADD_MAX_BYTES = 4 * 1024 * 1024 };

/* A stretch that repeats the byte before it. */
struct seed_deflate_run {
	uint32_t start, end;
};

/* The caller's memory: the codes of each pair of literals, and the runs of what
 * is added. */
struct seed_deflate_scratch {
	uint32_t pairs[65536];
	struct seed_deflate_run runs[];
};

/* How large it is if `len` bytes are added at once at most. */
#define SEED_DEFLATE_SCRATCH_BYTES(len) \
	(sizeof(struct seed_deflate_scratch) + ((len) / 8 + 1) * sizeof(struct seed_deflate_run))

struct seed_deflate_bits {
	uint8_t *at;   /* where the next byte goes */
	uint64_t bits; /* held back, the first lowest */
	unsigned held;
};

struct seed_deflate {
	struct seed_deflate_bits out;
	struct seed_deflate_scratch *scratch;
	bool open; /* a block, with these codes */
	struct seed_huffman_code codes[SEED_DEFLATE_SYMBOLS];
};

/* Room that adding `len` bytes and the end may need: 13 bits a byte, two blocks'
 * beginnings, and wide stores. */
#define SEED_DEFLATE_BOUND_BYTES(len) ((len) + (len) / 8 * 5 + 1024)

void seed_deflate_init(struct seed_deflate *deflate, uint8_t *out,
		       struct seed_deflate_scratch *scratch);
void seed_deflate_add(struct seed_deflate *deflate, const uint8_t *data, size_t len);
/* Ends the stream, at a byte's end. */
void seed_deflate_end(struct seed_deflate *deflate);

#endif
