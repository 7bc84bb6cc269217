#include "lib/sketch/math.h"

/* Gradient noise in two dimensions reaches ±0.7; this stretches it to ±1. */
#define STRETCH (ONE * 14 / 10)

uint32_t seed_hash(uint32_t seed, int64_t x, int64_t y)
{
	uint32_t h = seed ^ (uint32_t)x * 0x9e3779b1U ^ (uint32_t)y * 0x85ebca77U;

	h = (h ^ h >> 16) * 0x7feb352dU;
	h = (h ^ h >> 15) * 0x846ca68bU;
	return h ^ h >> 16;
}

/* The slope (one of sixteen directions, Q8) at the corner that `mixed` stands for, taken at
 * a distance from it (Q14). A sketch spends most of its time in noise, and noise most of
 * its time here: one multiplication mixes enough for four bits. */
static inline int corner(uint32_t mixed, int dx, int dy)
{
	static const int16_t slopes[16][2] = {
		{256, 0}, {237, 98}, {181, 181}, {98, 237}, {0, 256}, {-98, 237}, {-181, 181},
		{-237, 98}, {-256, 0}, {-237, -98}, {-181, -181}, {-98, -237}, {0, -256},
		{98, -237}, {181, -181}, {237, -98},
	};
	const int16_t *slope = slopes[((mixed ^ mixed >> 15) * 0x2c1b3c6dU) >> 28];

	return (slope[0] * dx + slope[1] * dy) >> 8;
}

/* 6t^5 - 15t^4 + 10t^3: no visible lattice. */
static int fade(int t)
{
	return seed_mul(seed_mul(seed_mul(t, t), t),
			seed_mul(t, 6 * t - 15 * ONE) + 10 * ONE);
}

int seed_noise(uint32_t seed, int64_t x, int64_t y)
{
	uint32_t left = (uint32_t)(x >> 16) * 0x9e3779b1U, right = left + 0x9e3779b1U;
	uint32_t above = seed ^ (uint32_t)(y >> 16) * 0x85ebca77U;
	uint32_t below = seed ^ ((uint32_t)(y >> 16) + 1) * 0x85ebca77U;
	int dx = (int)(x & 0xffff) >> 2, dy = (int)(y & 0xffff) >> 2;
	int u = fade(dx), v = fade(dy);
	int top = seed_mix(corner(left ^ above, dx, dy), corner(right ^ above, dx - ONE, dy), u);
	int bottom = seed_mix(corner(left ^ below, dx, dy - ONE),
			      corner(right ^ below, dx - ONE, dy - ONE), u);

	return seed_mul(seed_mix(top, bottom, v), STRETCH);
}

int seed_fractal(uint32_t seed, int64_t x, int64_t y, int octaves)
{
	int sum = 0, strength = ONE / 2;

	for (int i = 0; i < octaves; i++, strength /= 2) {
		/* Each octave is turned a little (by the triangle of 3, 4 and 5), so that
		 * the lattices do not coincide. */
		int64_t turned = (4 * x - 3 * y) / 5 * 2;

		sum += seed_mul(seed_noise(seed + (uint32_t)i * 0x632be5abU, x, y), strength);
		y = (3 * x + 4 * y) / 5 * 2;
		x = turned;
	}
	return sum * 5 / 4;
}

int seed_ridged(uint32_t seed, int64_t x, int64_t y, int octaves)
{
	int sum = 0, strength = ONE / 2, weight = ONE;

	for (int i = 0; i < octaves; i++, strength /= 2) {
		int fold = ONE - abs(seed_noise(seed + (uint32_t)i * 0x632be5abU, x, y));

		fold = seed_mul(fold, fold);
		sum += seed_mul(seed_mul(fold, weight), strength);
		/* Valleys stay smooth; crests get more crests. */
		weight = seed_clamp(fold * 2, 0, ONE);
		x *= 2;
		y *= 2;
	}
	return sum;
}
