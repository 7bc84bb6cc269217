/*
 * Lanczos3's weights for one direction, in fixed point: how much of which
 * samples of the source goes into each sample of the result.
 *
 * Taps go in pairs that begin at even samples. That costs a tap or two of weight
 * 0, but a pair of samples, wherever it is used, is laid out once (see sums.h).
 * Samples beyond the edge are mirrored.
 */
#ifndef SEED_TAPS_H
#define SEED_TAPS_H

#include "lib/base/base.h"

/* Bits behind the point. A weight is at most about 1, which fits. */
enum { SEED_WEIGHT_BITS = 14 };

/* Sample i of the result is the sum of `pairs` pairs of samples of the source
 * from pair starts[i], times the weights from i * pairs * 2, which add up to
 * one. With an odd number of samples, what is behind the last has weight 0. */
struct seed_taps {
	uint32_t pairs;
	uint32_t *starts; /* owned; never before the one before */
	int16_t *weights; /* owned */
};

/* From `from` samples to `to`. ENOMEM. Released in either case. */
errint_t seed_taps_init(struct seed_taps *taps, uint32_t from, uint32_t to) SEED_MUST_CHECK;
void seed_taps_release(struct seed_taps *taps);

static inline const int16_t *seed_taps_weights(const struct seed_taps *taps, uint32_t i)
{
	return taps->weights + (size_t)i * taps->pairs * 2;
}

#endif
