#include "lib/image/unfilter.h"

#include "lib/image/predict.h"

/* Rows that are undone side by side, each a pixel behind the one above it. */
enum { ROWS = 4, LANES = ROWS * 4 };

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint32_t words __attribute__((vector_size(LANES)));

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

/* Bytes `from` to `to` of a row by the definition; `above` is NULL for the
 * first row. */
static void undo_part(const uint8_t *filtered, const uint8_t *above, uint8_t *row, size_t from,
		      size_t to)
{
	int filter = filtered[0];

	for (size_t i = from; i < to; i++) {
		int left = i < 3 ? 0 : row[i - 3];
		int up = above ? above[i] : 0;
		int corner = above && i >= 3 ? above[i - 3] : 0;

		row[i] = (uint8_t)(filtered[i + 1] + predict(filter, left, up, corner));
	}
}

/*
 * Paeth's predictor needs the pixel to the left, so a row alone is one long
 * chain of a dozen operations a pixel. Four rows, each a pixel behind the one
 * above, are four chains in one vector: lane group k holds a pixel of row k,
 * and what row k made in the last step is what row k + 1 now has above it.
 * Every group has masks for its own row's filter, so that any mixture runs at
 * the same speed.
 */
struct wave {
	const uint8_t *in[ROWS]; /* behind the filter's number */
	const uint8_t *above;    /* of the first row */
	uint8_t *out[ROWS];
	lanes is_sub, is_up, is_average, is_paeth;
};

static void wave_init(struct wave *wave, const uint8_t *filtered, size_t stride,
		      const uint8_t *above, uint8_t *out)
{
	wave->above = above;
	for (int k = 0; k < ROWS; k++, filtered += stride) {
		wave->in[k] = filtered + 1;
		wave->out[k] = out + (size_t)k * (stride - 1);
		for (int lane = k * 4; lane < k * 4 + 4; lane++) {
			wave->is_sub[lane] = (uint8_t)-(filtered[0] == SEED_FILTER_SUB);
			wave->is_up[lane] = (uint8_t)-(filtered[0] == SEED_FILTER_UP);
			wave->is_average[lane] = (uint8_t)-(filtered[0] == SEED_FILTER_AVERAGE);
			wave->is_paeth[lane] = (uint8_t)-(filtered[0] == SEED_FILTER_PAETH);
		}
	}
}

static inline uint32_t load_word(const uint8_t *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

static inline void store_word(uint8_t *to, uint32_t word)
{
	memcpy(to, &word, sizeof(word));
}

/* Row k is at pixel t - k in step t. Its four bytes are a pixel and the next
 * one's first, which the next step makes right; so a row's last pixel must not
 * be among these steps, and its first must be done. */
static void wave_steps(const struct wave *wave, ptrdiff_t first, ptrdiff_t end)
{
	const lanes is_sub = wave->is_sub, is_up = wave->is_up;
	const lanes is_average = wave->is_average, is_paeth = wave->is_paeth;
	lanes left = {0}, corner = {0};

	for (int lane = 0; lane < LANES; lane++) {
		ptrdiff_t row = lane / 4, at = (first - 1 - row) * 3 + lane % 4;

		if (lane % 4 == 3)
			continue;
		left[lane] = wave->out[row][at];
		corner[lane] = row ? wave->out[row - 1][at] : wave->above[at];
	}
	for (ptrdiff_t t = first; t < end; t++) {
		const words last = (words)left;
		const words above = {load_word(wave->above + t * 3), last[0], last[1], last[2]};
		const words x = {load_word(wave->in[0] + t * 3),
				 load_word(wave->in[1] + (t - 1) * 3),
				 load_word(wave->in[2] + (t - 2) * 3),
				 load_word(wave->in[3] + (t - 3) * 3)};
		const lanes up = (lanes)above;
		lanes best;

		SEED_PAETH(best, left, up, corner);
		best = (best & is_paeth) | (left & is_sub) | (up & is_up) |
		       (SEED_AVERAGE(left, up) & is_average);
		left = (lanes)x + best;
		corner = up;
		for (int k = 0; k < ROWS; k++)
			store_word(wave->out[k] + (t - k) * 3, ((words)left)[k]);
	}
}

/* Four rows below `above`: the wave's slopes at both ends by the definition. */
static void undo_four(const uint8_t *filtered, const uint8_t *above, uint8_t *out, size_t width)
{
	size_t stride = width * 3 + 1;
	struct wave wave;

	wave_init(&wave, filtered, stride, above, out);
	for (size_t k = 0; k < ROWS; k++)
		undo_part(wave.in[k] - 1, k ? wave.out[k - 1] : above, wave.out[k], 0,
			  (ROWS - k) * 3);
	wave_steps(&wave, ROWS, (ptrdiff_t)width - 1);
	for (size_t k = 0; k < ROWS; k++)
		undo_part(wave.in[k] - 1, k ? wave.out[k - 1] : above, wave.out[k],
			  (width - 1 - k) * 3, width * 3);
}

void seed_unfilter(const uint8_t *filtered, const struct seed_pixels *pixels)
{
	size_t stride = seed_filtered_stride_bytes(pixels->width);
	const uint8_t *above = NULL;
	uint32_t y = 0;

	while (y < pixels->height) {
		const uint8_t *in = filtered + y * stride;
		uint8_t *row = seed_pixels_row(pixels, y);

		if (above && pixels->width >= 2 * ROWS && pixels->height - y >= ROWS) {
			undo_four(in, above, row, pixels->width);
			y += ROWS;
		} else {
			undo_part(in, above, row, 0, stride - 1);
			y++;
		}
		above = seed_pixels_row(pixels, y - 1);
	}
}

bool seed_filtered_uniform(const uint8_t *filtered, uint32_t width, uint32_t height, uint8_t *rows)
{
	size_t bytes = (size_t)width * 3;
	uint8_t *row = rows, *above = NULL;
	uint8_t first[3];

	for (uint32_t y = 0; y < height; y++, filtered += bytes + 1) {
		undo_part(filtered, above, row, 0, bytes);
		if (!y)
			memcpy(first, row, 3);
		if (memcmp(row, first, 3) || memcmp(row, row + 3, bytes - 3))
			return false;
		above = row;
		row = row == rows ? rows + bytes : rows;
	}
	return true;
}
