#include "lib/image/unfilter.h"

#include "lib/image/predict.h"
#include "lib/image/vector.h"
#include "lib/image/wave.h"

/* The row above the first one is all 0 (9.2). */
static const uint8_t nothing[SEED_IMAGE_MAX_SIDE * 3];

bool seed_filters_valid(const uint8_t *filtered, uint32_t width, uint32_t height)
{
	size_t stride = seed_filtered_stride_bytes(width);

	for (uint32_t y = 0; y < height; y++)
		if (filtered[y * stride] >= SEED_FILTERS)
			return false;
	return true;
}

static uint8_t predict(int filter, int left, int up, int corner)
{
	switch (filter) {
	case SEED_FILTER_SUB:
		return (uint8_t)left;
	case SEED_FILTER_UP:
		return (uint8_t)up;
	case SEED_FILTER_AVERAGE:
		return (uint8_t)((left + up) / 2);
	case SEED_FILTER_PAETH:
		return seed_paeth(left, up, corner);
	default:
		return 0;
	}
}

/* Unfilters bytes `from` to `to` of a row, by the definition. */
static void undo_part(const uint8_t *filtered, const uint8_t *above, uint8_t *row, size_t from,
		      size_t to)
{
	int filter = filtered[0];

	for (size_t i = from; i < to; i++) {
		int left = i < 3 ? 0 : row[i - 3];
		int corner = i < 3 ? 0 : above[i - 3];

		row[i] = (uint8_t)(filtered[i + 1] + predict(filter, left, above[i], corner));
	}
}

static void wave_init(struct seed_wave *wave, const uint8_t *filtered, size_t row_bytes,
		      const uint8_t *above, uint8_t *out)
{
	wave->in = filtered + 1;
	wave->above = above;
	wave->out = out;
	wave->row_bytes = (ptrdiff_t)row_bytes;
	for (size_t i = 0; i < SEED_WAVE_BYTES; i++) {
		uint8_t filter = filtered[i / 4 * (row_bytes + 1)];

		wave->is_sub[i] = (uint8_t)-(filter == SEED_FILTER_SUB);
		wave->is_up[i] = (uint8_t)-(filter == SEED_FILTER_UP);
		wave->is_average[i] = (uint8_t)-(filter == SEED_FILTER_AVERAGE);
		wave->is_paeth[i] = (uint8_t)-(filter == SEED_FILTER_PAETH);
	}
}

/* Unfilters the rows of a wave, which is below `above`; its slopes at both ends by the
 * definition. */
static void undo_wave(const uint8_t *filtered, const uint8_t *above, uint8_t *out, size_t width,
		      seed_wave_steps_fn *steps)
{
	size_t bytes = width * 3;
	struct seed_wave wave;

	wave_init(&wave, filtered, bytes, above, out);
	for (size_t k = 0; k < SEED_WAVE_ROWS; k++)
		undo_part(filtered + k * (bytes + 1), k ? out + (k - 1) * bytes : above,
			  out + k * bytes, 0, (SEED_WAVE_ROWS - k) * 3);
	steps(&wave, SEED_WAVE_ROWS, (ptrdiff_t)width - 1);
	for (size_t k = 0; k < SEED_WAVE_ROWS; k++)
		undo_part(filtered + k * (bytes + 1), k ? out + (k - 1) * bytes : above,
			  out + k * bytes, (width - 1 - k) * 3, bytes);
}

void seed_unfilter_rows_with(const uint8_t *filtered, const struct seed_pixels *pixels, uint32_t y,
			     uint32_t count, bool wide)
{
	size_t stride = seed_filtered_stride_bytes(pixels->width);
	seed_wave_steps_fn *steps = wide ? seed_wave_steps_wide : seed_wave_steps;
	const uint8_t *above = y ? seed_pixels_row(pixels, y - 1) : nothing;

	while (count) {
		uint8_t *row = seed_pixels_row(pixels, y);
		uint32_t done = 1;

		if (pixels->width >= 2 * SEED_WAVE_ROWS && count >= SEED_WAVE_ROWS) {
			undo_wave(filtered, above, row, pixels->width, steps);
			done = SEED_WAVE_ROWS;
		} else {
			undo_part(filtered, above, row, 0, stride - 1);
		}
		y += done;
		count -= done;
		filtered += done * stride;
		above = seed_pixels_row(pixels, y - 1);
	}
}

void seed_unfilter_rows(const uint8_t *filtered, const struct seed_pixels *pixels, uint32_t y,
			uint32_t count)
{
	seed_unfilter_rows_with(filtered, pixels, y, count, seed_wide_usable());
}

bool seed_filtered_uniform(const uint8_t *filtered, uint32_t width, uint32_t height, uint8_t *rows,
			   bool first)
{
	size_t bytes = (size_t)width * 3;
	uint8_t *above = rows, *row = rows + bytes;

	if (first)
		memset(above, 0, bytes);
	for (uint32_t y = 0; y < height; y++, filtered += bytes + 1) {
		undo_part(filtered, above, row, 0, bytes);
		if (memcmp(row, row + 3, bytes - 3) || (memcmp(row, above, 3) && !(first && !y)))
			return false;
		memcpy(above, row, bytes);
	}
	return true;
}
