/*
 * Undoes eight rows' filters side by side. Paeth's predictor needs the pixel to
 * the left, so a single row is one long chain of a dozen operations a pixel. With
 * each row one pixel behind the row above it, eight chains run in vectors: word k
 * holds a pixel of row k, and what row k made in the last step is now above
 * row k + 1. Every word has masks for its own row's filter, so any
 * mixture runs at the same speed. Pure.
 */
#ifndef SEED_WAVE_H
#define SEED_WAVE_H

#include "lib/base/base.h"

enum { SEED_WAVE_ROWS = 8, SEED_WAVE_BYTES = SEED_WAVE_ROWS * 4 };

struct seed_wave {
	const uint8_t *in;    /* of the first row, behind the filter's number */
	const uint8_t *above; /* the row above it */
	uint8_t *out;
	ptrdiff_t row_bytes; /* without that number */
	/* All bits of a row's four bytes, or none. */
	uint8_t is_sub[SEED_WAVE_BYTES], is_up[SEED_WAVE_BYTES];
	uint8_t is_average[SEED_WAVE_BYTES], is_paeth[SEED_WAVE_BYTES];
};

/* Step t of `first` (at least 8) to `end` is pixel t - k of row k. It writes
 * four bytes: the pixel and the first byte of the next one, which the next step
 * corrects. So no row's last pixel may be among these steps, and the steps before the
 * first must be done. */
typedef void seed_wave_steps_fn(const struct seed_wave *wave, ptrdiff_t first, ptrdiff_t end);

/* For every processor, and for those with seed_wide_usable(); the results are the
 * same. */
seed_wave_steps_fn seed_wave_steps, seed_wave_steps_wide;

#endif
