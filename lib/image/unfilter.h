/*
 * PNG's five row filters undone (PNG specification 9.2), for pictures of 8-bit
 * RGB. Pure.
 */
#ifndef SEED_UNFILTER_H
#define SEED_UNFILTER_H

#include "lib/base/base.h"
#include "lib/image/pixels.h"

/* A filtered row is its filter's number and its bytes. */
static inline size_t seed_filtered_stride_bytes(uint32_t width)
{
	return (size_t)width * 3 + 1;
}

/* Whether every row's filter exists. */
bool seed_filters_valid(const uint8_t *filtered, uint32_t width, uint32_t height);

/* Fills `count` rows of `pixels` from y on, those above being filled, from
 * filtered rows with valid filters. By eights is fastest. */
void seed_unfilter_rows(const uint8_t *filtered, const struct seed_pixels *pixels, uint32_t y,
			uint32_t count);

/* The same with one of the ways to do it; `wide` only where
 * seed_wide_usable(). */
void seed_unfilter_rows_with(const uint8_t *filtered, const struct seed_pixels *pixels, uint32_t y,
			     uint32_t count, bool wide);

/* Whether all pixels of these rows have one colour, the same as the rows before. The same
 * call said that of the rows before; the first rows have none. Looks at no more rows than
 * it takes to see a second colour. `rows`: two rows of pixels, kept from call to call. */
bool seed_filtered_uniform(const uint8_t *filtered, uint32_t width, uint32_t height, uint8_t *rows,
			   bool first);

#endif
