/*
 * The inner loops of resampling: sums of 16-bit samples times 16-bit weights, in
 * 32 bits. x86 multiplies and adds pairs with one instruction (pmaddwd), so the
 * two taps of a pair lie side by side everywhere. C has no word for that, and
 * compilers do not find it in loops: resampling with plain C takes three times as
 * long as with SSE2, and that 1.5 times as long as with AVX2. Hence the
 * intrinsics, and plain C for other processors. Integers: all ways give the same
 * bytes.
 *
 * Everything is done for SEED_LANES sums at a time. Pairs are of bytes in the
 * first direction, in the second of what the first one made, which goes from
 * -0.3 to 1.3 times 255.
 */
#ifndef SEED_SUMS_H
#define SEED_SUMS_H

#include "lib/base/base.h"
#include "lib/image/taps.h"

enum {
	/* Rows of the result that are made at once, a band, and what a pixel
	 * has of each: three samples, and one for alignment. */
	SEED_BAND_ROWS = 8,
	SEED_PIXEL_LANES = 4,
	SEED_LANES = SEED_BAND_ROWS * SEED_PIXEL_LANES,
	/* Rows are summed in pieces of this many samples: whole pairs of
	 * pixels, and whole SEED_LANES. */
	SEED_PIECE = 192,
	/* What the first direction makes has so many bits behind the point. */
	SEED_SAMPLE_BITS = 6,
};

struct seed_sums {
	const char *name;
	/* First direction: a piece of a row of the result. `rows` are `pairs`
	 * pairs of rows, SEED_PIECE pairs of samples each. */
	void (*down)(const int16_t *rows, const int16_t *weights, uint32_t pairs, int16_t *to);
	/* Second direction: SEED_LANES bytes of each of `count` pixels from
	 * pixel x. `columns` are pairs of pixels, from pair `first` on: in each,
	 * SEED_LANES pairs of samples. */
	void (*along)(const int16_t *columns, uint32_t first, const struct seed_taps *taps,
		      uint32_t x, uint32_t count, uint8_t *to);
};

/* The i-th fastest way on this processor; NULL if there are not so many. There
 * always is one, and the last is plain C. */
const struct seed_sums *seed_sums(uint32_t i);

#endif
