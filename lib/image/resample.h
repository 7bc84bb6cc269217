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

/* Fills `to` from that part of `from`. ENOMEM. */
errint_t seed_resample(const struct seed_pixels *from, const struct seed_area *area,
		       const struct seed_pixels *to) SEED_MUST_CHECK;

#endif
