/*
 * The arithmetic of the sketch: integers only. Floating point may be
 * contracted or rounded differently elsewhere, and the same prompt must give the
 * same bytes on every machine.
 *
 *   fraction    int, Q14: ONE is 1
 *   coordinate  int64_t, Q16: UNIT is the picture's height, for both axes
 *   colour      three values of 0 to LIGHT, 8 bits and 8 bits of fraction
 */
#ifndef SEED_SKETCH_MATH_H
#define SEED_SKETCH_MATH_H

#include "lib/base/base.h"

/* Short names, for formulas: nothing outside of this folder includes them. */
enum {
	ONE = 1 << 14,
	UNIT = 1 << 16,
	LIGHT = 255 << 8,
};

#define PERCENT(n) (ONE * (n) / 100)

struct seed_rgb {
	int r, g, b;
};

/* 0xrrggbb */
static inline struct seed_rgb seed_rgb_hex(uint32_t hex)
{
	return (struct seed_rgb){(int)(hex >> 16 & 255) << 8, (int)(hex >> 8 & 255) << 8,
				 (int)(hex & 255) << 8};
}

static inline int seed_mul(int a, int b)
{
	return (int)((int64_t)a * b >> 14);
}

static inline int seed_clamp(int64_t value, int low, int high)
{
	return value < low ? low : value > high ? high : (int)value;
}

/* 0 below `from`, ONE above `to`, a straight line between. */
static inline int seed_ramp(int64_t value, int64_t from, int64_t to)
{
	return seed_clamp((value - from) * ONE / (to - from), 0, ONE);
}

/* The same with soft ends (3t² - 2t³). */
static inline int seed_smooth(int64_t value, int64_t from, int64_t to)
{
	int t = seed_ramp(value, from, to);

	return seed_mul(seed_mul(t, t), 3 * ONE - 2 * t);
}

static inline int seed_mix(int a, int b, int t)
{
	return a + seed_mul(b - a, t);
}

static inline struct seed_rgb seed_rgb_mix(struct seed_rgb a, struct seed_rgb b, int t)
{
	return (struct seed_rgb){seed_mix(a.r, b.r, t), seed_mix(a.g, b.g, t),
				 seed_mix(a.b, b.b, t)};
}

static inline struct seed_rgb seed_rgb_scale(struct seed_rgb a, int t)
{
	return (struct seed_rgb){seed_mul(a.r, t), seed_mul(a.g, t), seed_mul(a.b, t)};
}

/* Light on light: never over LIGHT, and softly towards it ("screen"). */
static inline int seed_screen(int a, int b)
{
	return a + (int)((int64_t)b * (LIGHT - a) / LIGHT);
}

static inline struct seed_rgb seed_rgb_screen(struct seed_rgb a, struct seed_rgb b)
{
	return (struct seed_rgb){seed_screen(a.r, b.r), seed_screen(a.g, b.g),
				 seed_screen(a.b, b.b)};
}

/* A well mixed number from three. */
uint32_t seed_hash(uint32_t seed, int64_t x, int64_t y);

/* 0 to ONE - 1 from a hash; `which` selects one of several independent numbers. */
static inline int seed_chance(uint32_t hash, int which)
{
	return (int)(seed_hash(hash, which, 77) >> 18);
}

/* Gradient noise, about -ONE to ONE, one hill a UNIT. */
int seed_noise(uint32_t seed, int64_t x, int64_t y);

/* Octaves of it, each twice as fine and half as strong; about -ONE to ONE. */
int seed_fractal(uint32_t seed, int64_t x, int64_t y, int octaves);

/* Octaves folded at zero: sharp crests, 0 (valley) to about ONE (crest). */
int seed_ridged(uint32_t seed, int64_t x, int64_t y, int octaves);

#endif
