#include "lib/image/filter.h"

#include "lib/image/predict.h"
#include "lib/image/vector.h"

/* Bytes in a vector, and how many vectors' absolute values (of at most 128, two
 * to a lane) a lane of 16 bits can sum up. */
enum { LANES = 32, SUMS = 255 };

/* Of so many bytes the first LANES are looked at to choose a row's filter. */
enum { SAMPLE = 128 };

/* Paeth, the best for most rows, is taken unless another is better by more than
 * this part: rows of one filter share their codes well. */
enum { PREFERENCE = 16 };

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint16_t wide __attribute__((vector_size(LANES)));

/* What one step needs: the bytes, and those left, above, and left above. */
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

static uint8_t filter_byte(int filter, const uint8_t *row, const uint8_t *above, size_t i)
{
	int left = i < 3 ? 0 : row[i - 3], corner = i < 3 ? 0 : above[i - 3], up = above[i];
	int prediction = 0;

	if (filter == SEED_FILTER_SUB)
		prediction = left;
	else if (filter == SEED_FILTER_UP)
		prediction = up;
	else if (filter == SEED_FILTER_AVERAGE)
		prediction = (left + up) / 2;
	else if (filter == SEED_FILTER_PAETH)
		prediction = seed_paeth(left, up, corner);
	return (uint8_t)(row[i] - prediction);
}

/* Each filter's cost of bytes `from` to `to`, by the definition. */
static void add_costs(const uint8_t *row, const uint8_t *above, size_t from, size_t to,
		      uint32_t costs[SEED_FILTERS])
{
	for (size_t i = from; i < to; i++)
		for (int filter = 0; filter < SEED_FILTERS; filter++)
			costs[filter] += (uint32_t)abs((int8_t)filter_byte(filter, row, above, i));
}

/* The same for `steps` vectors. */
SEED_VECTOR static void add_vector_costs(const uint8_t *row, const uint8_t *above, size_t from,
					 size_t steps, uint32_t costs[SEED_FILTERS])
{
	wide sums[SEED_FILTERS] = {{0}};

	for (size_t i = from; i < from + steps * SAMPLE; i += SAMPLE) {
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

/* By the least sum of absolute differences (PNG specification, 12.8), in a
 * sample of the row where that is long. */
static int cheapest(const uint8_t *row, const uint8_t *above, size_t len)
{
	uint32_t costs[SEED_FILTERS] = {0};
	int best = SEED_FILTER_NONE;

	if (len < 3 + SAMPLE)
		add_costs(row, above, 0, len, costs);
	for (size_t at = 3; len >= at + SAMPLE;) {
		size_t steps = (len - at) / SAMPLE < SUMS ? (len - at) / SAMPLE : SUMS;

		add_vector_costs(row, above, at, steps, costs);
		at += steps * SAMPLE;
	}
	costs[SEED_FILTER_PAETH] -= costs[SEED_FILTER_PAETH] / PREFERENCE;
	for (int filter = 0; filter < SEED_FILTERS; filter++)
		if (costs[filter] < costs[best])
			best = filter;
	return best;
}

SEED_VECTOR static void filter_vectors(int filter, const uint8_t *row, const uint8_t *above,
				       size_t from, size_t steps, uint8_t *out)
{
	for (size_t i = from; i < from + steps * LANES; i += LANES) {
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

static void filter_row(int filter, const uint8_t *row, const uint8_t *above, size_t len, uint8_t *out)
{
	size_t steps = (len - 3) / LANES;

	for (size_t i = 0; i < 3; i++)
		out[i] = filter_byte(filter, row, above, i);
	filter_vectors(filter, row, above, 3, steps, out);
	/* What is left over at the end, in a vector that begins earlier. */
	if (steps)
		filter_vectors(filter, row, above, len - LANES, 1, out);
	else
		for (size_t i = 3; i < len; i++)
			out[i] = filter_byte(filter, row, above, i);
}

void seed_filter_rows(const struct seed_pixels *pixels, uint32_t y, uint32_t count, uint8_t *out)
{
	/* Above the first row all is 0 (9.2). Never written. */
	static uint8_t nothing[SEED_IMAGE_MAX_SIDE * 3];
	size_t len = seed_pixels_stride_bytes(pixels);

	for (uint32_t end = y + count; y < end; y++, out += len + 1) {
		const uint8_t *row = seed_pixels_row(pixels, y);
		const uint8_t *above = y ? row - len : nothing;
		int filter = cheapest(row, above, len);

		out[0] = (uint8_t)filter;
		filter_row(filter, row, above, len, out + 1);
	}
}
