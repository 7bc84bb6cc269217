#include "lib/image/filter.h"

#include "lib/image/filter_steps.h"
#include "lib/image/predict.h"
#include "lib/image/vector.h"

/* Paeth is the best filter for most rows. It is taken unless another is better by more than
 * this fraction, because rows of the same filter share their codes well. */
enum { PREFERENCE = 16 };

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

/* The filter with the least sum of absolute differences (PNG specification, 12.8); in a
 * long row, those of a sample. */
static int cheapest(const struct seed_filter_steps *steps, const uint8_t *row,
		    const uint8_t *above, size_t len)
{
	uint32_t costs[SEED_FILTERS] = {0};
	int best = SEED_FILTER_NONE;

	if (len < 3 + SEED_FILTER_SAMPLE)
		add_costs(row, above, 0, len, costs);
	for (size_t at = 3; len >= at + SEED_FILTER_SAMPLE;) {
		size_t samples = (len - at) / SEED_FILTER_SAMPLE;

		samples = samples < SEED_FILTER_SUMS ? samples : SEED_FILTER_SUMS;
		steps->add_costs(row, above, at, samples, costs);
		at += samples * SEED_FILTER_SAMPLE;
	}
	costs[SEED_FILTER_PAETH] -= costs[SEED_FILTER_PAETH] / PREFERENCE;
	for (int filter = 0; filter < SEED_FILTERS; filter++)
		if (costs[filter] < costs[best])
			best = filter;
	return best;
}

static void filter_row(const struct seed_filter_steps *steps, int filter, const uint8_t *row,
		       const uint8_t *above, size_t len, uint8_t *out)
{
	size_t count = (len - 3) / SEED_FILTER_STEP;

	for (size_t i = 0; i < 3; i++)
		out[i] = filter_byte(filter, row, above, i);
	steps->apply(filter, row, above, 3, count, out);
	/* The rest at the end, by a step that begins earlier and overlaps. */
	if (count)
		steps->apply(filter, row, above, len - SEED_FILTER_STEP, 1, out);
	else
		for (size_t i = 3; i < len; i++)
			out[i] = filter_byte(filter, row, above, i);
}

void seed_filter_rows_with(const struct seed_pixels *pixels, uint32_t y, uint32_t count, uint8_t *out,
			   bool wide)
{
	/* The row above the first one is all 0 (9.2). */
	static uint8_t nothing[SEED_IMAGE_MAX_SIDE * 3];
	const struct seed_filter_steps *steps = wide ? &seed_filter_steps_wide : &seed_filter_steps;
	size_t len = seed_pixels_stride_bytes(pixels);

	for (uint32_t end = y + count; y < end; y++, out += len + 1) {
		const uint8_t *row = seed_pixels_row(pixels, y);
		const uint8_t *above = y ? row - len : nothing;
		int filter = cheapest(steps, row, above, len);

		out[0] = (uint8_t)filter;
		filter_row(steps, filter, row, above, len, out + 1);
	}
}

void seed_filter_rows(const struct seed_pixels *pixels, uint32_t y, uint32_t count, uint8_t *out)
{
	seed_filter_rows_with(pixels, y, count, out, seed_wide_usable());
}
