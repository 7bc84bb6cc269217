/*
 * PNG's row filters (PNG specification 9 and 12.7), for 8-bit RGB: each row
 * gets the one whose bytes, taken as signed, have the smallest sum of absolute
 * values. Pure.
 */
#ifndef SEED_FILTER_H
#define SEED_FILTER_H

#include "lib/base/base.h"
#include "lib/image/pixels.h"

/* Rows `y` to `y + count` of `pixels`, filtered: a byte for the filter and
 * width * 3 bytes each, to `out`. */
void seed_filter_rows(const struct seed_pixels *pixels, uint32_t y, uint32_t count, uint8_t *out);

/* The same with one of the ways to do it; `wide` only where seed_wide_usable(). */
void seed_filter_rows_with(const struct seed_pixels *pixels, uint32_t y, uint32_t count, uint8_t *out,
			   bool wide);

#endif
