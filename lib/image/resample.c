/*
 * First columns, then rows: for two rows of the result at a time, the rows of
 * the source that they need become two rows of floats. These are laid out side
 * by side, four lanes a pixel (one unused), so that one vector holds the same
 * pixel of both, and the second direction needs no shuffling.
 */
#include "lib/image/resample.h"

#include <math.h>
#include <string.h>

#include "lib/image/vector.h"

#define LOBES 3.0

/* Two rows of four lanes. */
enum { ROWS = 2, PIXEL = 4, LANES = ROWS * PIXEL };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* What one direction does: sample i of the result is the sum of `taps` samples
 * of the source from starts[i], times weights[i * taps]. */
struct direction {
	uint32_t taps;
	uint32_t *starts; /* owned */
	float *weights;   /* owned */
};

static double lanczos(double x)
{
	double angle = M_PI * x;

	if (fabs(x) < 1e-9)
		return 1;
	return fabs(x) < LOBES ? LOBES * sin(angle) * sin(angle / LOBES) / (angle * angle) : 0;
}

/* Beyond the edges the source is mirrored, and behind the mirror it ends. */
static int64_t mirror(int64_t at, int64_t size)
{
	if (at < 0)
		at = -at - 1;
	if (at >= size)
		at = 2 * size - 1 - at;
	return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* Weights for one sample, added up where mirrored ones fall on others. */
static void set_weights(struct direction *direction, uint32_t i, uint32_t from, double scale,
			double *sums)
{
	double widen = scale > 1 ? scale : 1, centre = (i + 0.5) * scale - 0.5, total = 0;
	int64_t first = (int64_t)ceil(centre - LOBES * widen);
	int64_t last = (int64_t)floor(centre + LOBES * widen), start = first;

	if (start > (int64_t)from - direction->taps)
		start = (int64_t)from - direction->taps;
	if (start < 0)
		start = 0;
	memset(sums, 0, direction->taps * sizeof(*sums));
	for (int64_t at = first; at <= last; at++) {
		double weight = lanczos(((double)at - centre) / widen);

		sums[mirror(at, from) - start] += weight;
		total += weight;
	}
	direction->starts[i] = (uint32_t)start;
	for (uint32_t k = 0; k < direction->taps; k++)
		direction->weights[(size_t)i * direction->taps + k] = (float)(sums[k] / total);
}

static void direction_release(struct direction *direction)
{
	free(direction->starts);
	free(direction->weights);
}

static errint_t direction_init(struct direction *direction, uint32_t from, uint32_t to)
{
	double scale = (double)from / to, widen = scale > 1 ? scale : 1;
	uint32_t taps = (uint32_t)floor(2 * LOBES * widen) + 1;
	double *sums;

	direction->taps = taps < from ? taps : from;
	direction->starts = malloc(to * sizeof(*direction->starts));
	direction->weights = malloc((size_t)to * direction->taps * sizeof(*direction->weights));
	sums = malloc(direction->taps * sizeof(*sums));
	if (direction->starts && direction->weights && sums)
		for (uint32_t i = 0; i < to; i++)
			set_weights(direction, i, from, scale, sums);
	free(sums);
	return direction->starts && direction->weights && sums ? 0 : -ENOMEM;
}

/* One row of floats out of `taps` rows of bytes. In pieces that stay in
 * registers and the nearest cache while all taps are added. */
SEED_VECTOR static void sum_rows(const uint8_t *from, size_t stride, const float *weights,
				 uint32_t taps, size_t count, float *to)
{
	enum { PIECE = 64 };
	size_t done = 0;

	for (; done + PIECE <= count; done += PIECE) {
		float sums[PIECE] = {0};

		for (uint32_t k = 0; k < taps; k++) {
			const uint8_t *row = from + k * stride + done;
			float weight = weights[k];

			for (size_t i = 0; i < PIECE; i++)
				sums[i] += weight * row[i];
		}
		memcpy(to + done, sums, sizeof(sums));
	}
	for (; done < count; done++) {
		float sum = 0;

		for (uint32_t k = 0; k < taps; k++)
			sum += weights[k] * from[k * stride + done];
		to[done] = sum;
	}
}

/* Rows of three lanes a pixel to pairs of four; the fourth is whatever follows,
 * so a row has one float more than it needs. */
static void pair_rows(const float *const rows[ROWS], uint32_t width, float *pairs)
{
	for (size_t x = 0; x < width; x++)
		for (size_t r = 0; r < ROWS; r++)
			memcpy(pairs + x * LANES + r * PIXEL, rows[r] + x * 3,
			       PIXEL * sizeof(float));
}

/* And along the rows. Each store's fourth lane is overwritten by the next. */
SEED_VECTOR static void sum_pixels(const float *pairs, const struct direction *across,
				   uint32_t count, float *const rows[ROWS])
{
	const uint32_t taps = across->taps;
	const float *weights = across->weights;

	for (size_t x = 0; x < count; x++, weights += taps) {
		const float *at = pairs + (size_t)across->starts[x] * LANES;
		lanes sum = {0};

		for (uint32_t k = 0; k < taps; k++) {
			lanes pair;

			memcpy(&pair, at + (size_t)k * LANES, sizeof(pair));
			sum += pair * weights[k];
		}
		memcpy(rows[0] + x * 3, &sum, PIXEL * sizeof(float));
		memcpy(rows[1] + x * 3, (const char *)&sum + PIXEL * sizeof(float),
		       PIXEL * sizeof(float));
	}
}

SEED_VECTOR static void round_row(const float *row, size_t count, uint8_t *to)
{
	for (size_t i = 0; i < count; i++) {
		int value = (int)(row[i] + 0.5F);

		value = value < 0 ? 0 : value;
		to[i] = (uint8_t)(value > 255 ? 255 : value);
	}
}

struct scratch {
	float *memory; /* owned */
	float *down[ROWS], *across[ROWS], *pairs;
};

static errint_t scratch_init(struct scratch *scratch, uint32_t from_width, uint32_t to_width)
{
	size_t down = (size_t)from_width * 3 + 1, across = (size_t)to_width * 3 + 1;
	float *at;

	scratch->memory = calloc((down + across) * ROWS + (size_t)from_width * LANES,
				 sizeof(float));
	if (!scratch->memory)
		return -ENOMEM;
	at = scratch->memory;
	scratch->pairs = at;
	at += (size_t)from_width * LANES;
	for (int r = 0; r < ROWS; r++, at += down)
		scratch->down[r] = at;
	for (int r = 0; r < ROWS; r++, at += across)
		scratch->across[r] = at;
	return 0;
}

static void make_rows(const struct seed_pixels *from, const struct seed_area *area,
		      const struct seed_pixels *to, const struct direction *down,
		      const struct direction *across, const struct scratch *scratch, uint32_t y)
{
	const float *const rows[ROWS] = {scratch->down[0], scratch->down[1]};
	uint32_t count = to->height - y < ROWS ? to->height - y : ROWS;

	for (uint32_t r = 0; r < count; r++)
		sum_rows(seed_pixels_row(from, area->y + down->starts[y + r]) + (size_t)area->x * 3,
			 seed_pixels_stride_bytes(from),
			 down->weights + (size_t)(y + r) * down->taps, down->taps,
			 (size_t)area->width * 3, scratch->down[r]);
	pair_rows(rows, area->width, scratch->pairs);
	sum_pixels(scratch->pairs, across, to->width, scratch->across);
	for (uint32_t r = 0; r < count; r++)
		round_row(scratch->across[r], (size_t)to->width * 3, seed_pixels_row(to, y + r));
}

errint_t seed_resample(const struct seed_pixels *from, const struct seed_area *area,
		       const struct seed_pixels *to)
{
	struct direction down = {0}, across = {0};
	struct scratch scratch = {0};
	errint_t err;

	err = direction_init(&down, area->height, to->height);
	if (!err)
		err = direction_init(&across, area->width, to->width);
	if (!err)
		err = scratch_init(&scratch, area->width, to->width);
	for (uint32_t y = 0; !err && y < to->height; y += ROWS)
		make_rows(from, area, to, &down, &across, &scratch, y);
	direction_release(&down);
	direction_release(&across);
	free(scratch.memory);
	return err;
}
