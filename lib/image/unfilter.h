/*
 * PNG's five row filters undone (PNG specification 9.2), for pictures of 8-bit
 * RGB. Pure.
 */
#ifndef SEED_UNFILTER_H
#define SEED_UNFILTER_H

#include "lib/base.h"
#include "lib/image/pixels.h"

/* A filtered row is its filter's number and its bytes. */
static inline size_t seed_filtered_stride_bytes(uint32_t width)
{
	return (size_t)width * 3 + 1;
}

/* Whether every row's filter is one that there is. */
bool seed_filters_valid(const uint8_t *filtered, uint32_t width, uint32_t height);

/* Fills `pixels` from filtered rows with valid filters. */
void seed_unfilter(const uint8_t *filtered, const struct seed_pixels *pixels);

/* The same with one of the ways to do it; `wide` only where
 * seed_wave_wide_usable(). */
void seed_unfilter_with(const uint8_t *filtered, const struct seed_pixels *pixels, bool wide);

/* Whether all of the pixels have one colour, found without more rows than it
 * takes to see a second. `rows`: scratch of two rows of pixels. */
bool seed_filtered_uniform(const uint8_t *filtered, uint32_t width, uint32_t height, uint8_t *rows);

#endif
