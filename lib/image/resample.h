/*
 * Lanczos resampling with three lobes, in both directions, of a part of a
 * picture, by zimg. Samples beyond the edge are mirrored. zimg computes in
 * single precision: compared with the exact filter this gives more than 90 dB, and no
 * sample is off by more than 1. The last bit may differ between processors.
 */
#ifndef SEED_RESAMPLE_H
#define SEED_RESAMPLE_H

#include "lib/base/base.h"
#include "lib/image/pixels.h"

/* Row y of a picture, for a moment; NULL: it cannot be had. */
typedef const uint8_t *seed_row_fn(void *context, uint32_t y);

/* Fills `to` from that part of a picture whose rows come as they are asked for: from
 * the first to the last, or, where zimg takes a wide picture in stripes, from the first
 * again for each. ENOMEM; the same where a row cannot be had. */
errint_t seed_resample_rows(seed_row_fn *row, void *context, const struct seed_area *area,
			    const struct seed_pixels *to) SEED_MUST_CHECK;

/* The same from pixels. */
errint_t seed_resample(const struct seed_pixels *from, const struct seed_area *area,
		       const struct seed_pixels *to) SEED_MUST_CHECK;

#endif
