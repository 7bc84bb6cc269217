/*
 * A band of eight rows of the result at a time, from left to right: a piece of
 * all rows of the source that the band needs becomes eight rows, these are laid
 * out side by side, so that the second direction needs no shuffling, and pixels
 * are made as soon as there are enough columns. What is between the source and
 * the result never leaves the nearest cache.
 */
#include "lib/image/resample.h"

#include <string.h>

#include "lib/image/sums.h"
#include "lib/image/vector.h"

enum {
	/* A column is a pair of pixels of all rows of the band. */
	COLUMN = SEED_LANES * 2,
	PIECE_COLUMNS = SEED_PIECE / 6,
	/* Pixels that are made at a time. */
	BATCH = 64,
	CACHE_LINE_BYTES = 64,
};

typedef int16_t lanes __attribute__((vector_size(8 * sizeof(int16_t))));

struct resampler {
	const struct seed_pixels *from, *to;
	const struct seed_area *area;
	const struct seed_sums *sums;
	struct seed_taps down, across;

	void *memory;     /* owned: what follows */
	int16_t *rows;    /* a piece of the source, in pairs of rows */
	int16_t *row;     /* and of a row of the band */
	int16_t *columns; /* as many as `columns_most` */
	uint8_t *pixels;  /* a batch */
	uint32_t columns_most;

	/* The band; the first column that is kept, the end of those that are
	 * made, and the pixel that is next. */
	uint32_t y, first, end, x;
};

/* Bytes of two rows to pairs. */
SEED_VECTOR static void pair_rows(const uint8_t *restrict first, const uint8_t *restrict second,
				  size_t count, int16_t *restrict pairs)
{
	for (size_t i = 0; i < count; i++) {
		pairs[i * 2] = first[i];
		pairs[i * 2 + 1] = second[i];
	}
}

/* Pairs of pixels of one row to columns. The fourth lane is whatever follows, so
 * a row has some samples more than it needs. */
static void pair_pixels(const int16_t *row, int16_t *columns)
{
	for (size_t i = 0; i < PIECE_COLUMNS; i++, row += 6, columns += COLUMN) {
		lanes first, second, pairs;

		memcpy(&first, row, sizeof(first));
		memcpy(&second, row + 3, sizeof(second));
		pairs = __builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11);
		memcpy(columns, &pairs, sizeof(pairs));
	}
}

/* Each pixel's fourth byte is overwritten by the next; the last has none. */
static void put_row(const uint8_t *pixels, size_t count, uint8_t *to)
{
	for (size_t x = 0; x + 1 < count; x++)
		memcpy(to + x * 3, pixels + x * SEED_LANES, SEED_PIXEL_LANES);
	memcpy(to + (count - 1) * 3, pixels + (count - 1) * SEED_LANES, 3);
}

static uint32_t band_rows(const struct resampler *work, uint32_t y)
{
	uint32_t left = work->to->height - y;

	return left < SEED_BAND_ROWS ? left : SEED_BAND_ROWS;
}

/* How many pairs of rows of the source go into the band at y. */
static uint32_t band_pairs(const struct resampler *work, uint32_t y)
{
	const uint32_t *starts = work->down.starts + y;

	return starts[band_rows(work, y) - 1] + work->down.pairs - starts[0];
}

/* A row behind the last has weight 0, whatever it holds. */
static void fetch_rows(const struct resampler *work)
{
	const struct seed_area *area = work->area;
	size_t left = ((size_t)area->width - work->end * 2) * 3;
	size_t count = left < SEED_PIECE ? left : SEED_PIECE;
	uint32_t pairs = band_pairs(work, work->y);

	for (uint32_t k = 0; k < pairs; k++) {
		uint32_t y = (work->down.starts[work->y] + k) * 2;
		const uint8_t *row = seed_pixels_row(work->from, area->y + y) +
				     ((size_t)area->x + work->end * 2) * 3;
		size_t next = y + 1 < area->height ? seed_pixels_stride_bytes(work->from) : 0;

		pair_rows(row, row + next, count, work->rows + (size_t)k * SEED_PIECE * 2);
	}
}

/* Room for another piece: keeps the columns that pixels still need. */
static void keep_columns(struct resampler *work)
{
	uint32_t first = work->across.starts[work->x];

	memmove(work->columns, work->columns + (size_t)(first - work->first) * COLUMN,
		(size_t)(work->end - first) * COLUMN * sizeof(*work->columns));
	work->first = first;
}

static void make_columns(struct resampler *work)
{
	const struct seed_taps *down = &work->down;
	const uint32_t *starts = down->starts + work->y;

	if (work->end - work->first + PIECE_COLUMNS > work->columns_most)
		keep_columns(work);
	for (uint32_t r = 0; r < band_rows(work, work->y); r++) {
		work->sums->down(work->rows + (size_t)(starts[r] - starts[0]) * SEED_PIECE * 2,
				 seed_taps_weights(down, work->y + r), down->pairs, work->row);
		pair_pixels(work->row, work->columns +
					       (size_t)(work->end - work->first) * COLUMN +
					       (size_t)r * SEED_PIXEL_LANES * 2);
	}
	work->end += PIECE_COLUMNS;
}

/* How many pixels, up to a batch, need no more columns than there are. */
static uint32_t ready_pixels(const struct resampler *work)
{
	const uint32_t *starts = work->across.starts + work->x;
	uint32_t left = work->to->width - work->x, count = 0;

	while (count < left && count < BATCH && starts[count] + work->across.pairs <= work->end)
		count++;
	return count;
}

static void make_pixels(struct resampler *work)
{
	uint32_t count;

	while ((count = ready_pixels(work)) > 0) {
		work->sums->along(work->columns, work->first, &work->across, work->x, count,
				  work->pixels);
		for (uint32_t r = 0; r < band_rows(work, work->y); r++)
			put_row(work->pixels + (size_t)r * SEED_PIXEL_LANES, count,
				seed_pixels_row(work->to, work->y + r) + (size_t)work->x * 3);
		work->x += count;
	}
}

static void make_band(struct resampler *work)
{
	work->x = work->first = work->end = 0;
	while (work->x < work->to->width) {
		fetch_rows(work);
		make_columns(work);
		make_pixels(work);
	}
}

/* All of it is set once, as something is multiplied by 0 before it is made. */
static errint_t allocate(struct resampler *work)
{
	size_t pairs = 0, rows, columns, row = SEED_PIECE + CACHE_LINE_BYTES / sizeof(int16_t), bytes;

	for (uint32_t y = 0; y < work->to->height; y += SEED_BAND_ROWS)
		pairs = band_pairs(work, y) > pairs ? band_pairs(work, y) : pairs;
	work->columns_most = work->across.pairs + PIECE_COLUMNS * 4;
	rows = pairs * SEED_PIECE * 2;
	columns = (size_t)work->columns_most * COLUMN;
	bytes = (rows + row + columns) * sizeof(int16_t) + (size_t)BATCH * SEED_LANES;
	work->memory = aligned_alloc(CACHE_LINE_BYTES, bytes);
	if (!work->memory)
		return -ENOMEM;
	memset(work->memory, 0, bytes);
	work->rows = work->memory;
	work->row = work->rows + rows;
	work->columns = work->row + row;
	work->pixels = (uint8_t *)(work->columns + columns);
	return 0;
}

errint_t seed_resample(const struct seed_pixels *from, const struct seed_area *area,
		       const struct seed_pixels *to)
{
	struct resampler work = {.from = from, .to = to, .area = area, .sums = seed_sums(0)};
	errint_t err;

	err = seed_taps_init(&work.down, area->height, to->height);
	if (!err)
		err = seed_taps_init(&work.across, area->width, to->width);
	if (!err)
		err = allocate(&work);
	for (; !err && work.y < to->height; work.y += SEED_BAND_ROWS)
		make_band(&work);
	seed_taps_release(&work.down);
	seed_taps_release(&work.across);
	free(work.memory);
	return err;
}
