/*
 * The vectors of filter.c, written once for vectors of any size and compiled for two,
 * like those of wave_steps.h and for the same reason: the including file says
 * which, and for what processors. The results are the same. Pure.
 */
#ifndef SEED_FILTER_STEPS_H
#define SEED_FILTER_STEPS_H

#include "lib/base/base.h"

enum {
	/* Bytes of a step, however many vectors they fill. */
	SEED_FILTER_STEP = 32,
	/* Of so many bytes the first step is looked at to choose a row's filter. */
	SEED_FILTER_SAMPLE = 128,
	/* How many vectors' absolute values (of at most 128, two to a lane) a lane of 16
	 * bits can sum up, two vectors to a step. */
	SEED_FILTER_SUMS = 127,
};

struct seed_filter_steps {
	/* Adds each filter's cost of the first step of each of `samples` samples
	 * (SEED_FILTER_SUMS at most) from byte `from` (at least 3) on. */
	void (*add_costs)(const uint8_t *row, const uint8_t *above, size_t from, size_t samples,
			  uint32_t *costs);
	/* Filters `steps` steps from byte `from` (at least 3) on. */
	void (*apply)(int filter, const uint8_t *row, const uint8_t *above, size_t from,
		      size_t steps, uint8_t *out);
};

/* For every processor, and for those with seed_wide_usable(). */
extern const struct seed_filter_steps seed_filter_steps, seed_filter_steps_wide;

#ifdef SEED_FILTER_LANES

#include "lib/image/predict.h"

enum { LANES = SEED_FILTER_LANES };

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint16_t wide __attribute__((vector_size(LANES)));

/* What one vector needs: the bytes, and those left, above, and left above. */
#define LOAD(x, left, up, corner, row, above, at)            \
	do {                                                 \
		memcpy(&(x), (row) + (at), LANES);           \
		memcpy(&(left), (row) + (at) - 3, LANES);    \
		memcpy(&(up), (above) + (at), LANES);        \
		memcpy(&(corner), (above) + (at) - 3, LANES);\
	} while (0)

/* The absolute values of signed bytes, added in pairs. */
#define ADD_COST(sum, value)                                                      \
	do {                                                                      \
		lanes sign_ = (lanes)((value) > 127);                             \
		lanes size_ = ((value) ^ sign_) - sign_;                          \
		(sum) += ((wide)size_ & 255) + ((wide)size_ >> 8);                \
	} while (0)

SEED_FILTER_TARGET static void add_costs(const uint8_t *row, const uint8_t *above, size_t from,
					 size_t samples, uint32_t *costs)
{
	wide sums[SEED_FILTERS] = {{0}};

	for (size_t k = 0; k < samples * (SEED_FILTER_STEP / LANES); k++) {
		size_t i = from + k / (SEED_FILTER_STEP / LANES) * SEED_FILTER_SAMPLE +
			   k % (SEED_FILTER_STEP / LANES) * LANES;
		lanes x, left, up, corner, best, value;

		LOAD(x, left, up, corner, row, above, i);
		ADD_COST(sums[SEED_FILTER_NONE], x);
		value = x - left;
		ADD_COST(sums[SEED_FILTER_SUB], value);
		value = x - up;
		ADD_COST(sums[SEED_FILTER_UP], value);
		value = x - SEED_AVERAGE(left, up);
		ADD_COST(sums[SEED_FILTER_AVERAGE], value);
		SEED_PAETH(best, left, up, corner);
		value = x - best;
		ADD_COST(sums[SEED_FILTER_PAETH], value);
	}
	for (int filter = 0; filter < SEED_FILTERS; filter++)
		for (int lane = 0; lane < LANES / 2; lane++)
			costs[filter] += sums[filter][lane];
}

SEED_FILTER_TARGET static void apply(int filter, const uint8_t *row, const uint8_t *above,
				     size_t from, size_t steps, uint8_t *out)
{
	for (size_t i = from; i < from + steps * SEED_FILTER_STEP; i += LANES) {
		lanes x, left, up, corner, best = {0};

		LOAD(x, left, up, corner, row, above, i);
		if (filter == SEED_FILTER_SUB)
			best = left;
		else if (filter == SEED_FILTER_UP)
			best = up;
		else if (filter == SEED_FILTER_AVERAGE)
			best = SEED_AVERAGE(left, up);
		else if (filter == SEED_FILTER_PAETH)
			SEED_PAETH(best, left, up, corner);
		x -= best;
		memcpy(out + i, &x, LANES);
	}
}

#endif

#endif
