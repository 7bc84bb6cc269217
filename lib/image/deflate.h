/*
 * Deflate (RFC 1951) for photographs: Huffman codes for each block, and runs of
 * one byte as the only matches. A search for other matches takes five times as
 * long and finds nearly none in filtered rows of a photograph.
 *
 *   seed_deflate_init(&deflate, out, runs);
 *   seed_deflate_block(&deflate, data, len, false);   any number of times
 *   seed_deflate_block(&deflate, data, len, true);    the last
 *
 * Between blocks the caller may take what is in `out` and set `at` back to its
 * beginning; bits that fill no byte yet are held. Pure.
 */
#ifndef SEED_DEFLATE_H
#define SEED_DEFLATE_H

#include "lib/base.h"

/* A stretch of a block that repeats the byte before it. */
struct seed_deflate_run {
	uint32_t start, end;
};

struct seed_deflate {
	uint8_t *at;   /* where the next byte goes */
	uint64_t bits; /* held back, the first lowest */
	unsigned held;
	struct seed_deflate_run *runs; /* the caller's scratch */
};

/* A block is at most this long. */
enum { SEED_DEFLATE_BLOCK_MAX_BYTES = 4 * 1024 * 1024 };

/* Room that a block of `len` bytes may need: 9 bits a byte (that is what a code
 * for all 286 symbols needs at worst, and the best is no worse), the codes
 * themselves, and wide stores. */
#define SEED_DEFLATE_BOUND_BYTES(len) ((len) + (len) / 8 + 512)

/* How many runs a block of `len` bytes can have. */
#define SEED_DEFLATE_RUNS(len) ((len) / 8 + 1)

/* `runs` has room for the largest block's. */
void seed_deflate_init(struct seed_deflate *deflate, uint8_t *out, struct seed_deflate_run *runs);

/* Appends one block; `last` also ends the stream, at a byte's end. */
void seed_deflate_block(struct seed_deflate *deflate, const uint8_t *data, size_t len, bool last);

#endif
