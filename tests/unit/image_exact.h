/*
 * Lanczos3 by the definition, in double precision, sample by sample: rows, then
 * columns. Slow, and shares nothing with what it tests.
 */
#ifndef TEST_IMAGE_EXACT_H
#define TEST_IMAGE_EXACT_H

#include "tests/unit/unit.h"

#include <math.h>

#include "lib/image/pixels.h"

static inline double lanczos3(double x)
{
	x = fabs(x);
	if (x < 1e-9)
		return 1;
	return x < 3 ? 3 * sin(M_PI * x) * sin(M_PI * x / 3) / (M_PI * M_PI * x * x) : 0;
}

/* One value of a line of `from` values, resampled to `to`, at `i`; outside, the
 * line is mirrored (which is zimg's way). */
static inline double exact_value(const double *line, int from, int to, int i)
{
	double scale = (double)from / to, widen = scale > 1 ? scale : 1;
	double centre = (i + 0.5) * scale - 0.5, sum = 0, weights = 0;

	for (int k = (int)floor(centre - 3 * widen); k <= (int)ceil(centre + 3 * widen); k++) {
		int at = k < 0 ? -k - 1 : k >= from ? 2 * from - 1 - k : k;
		double weight = lanczos3((k - centre) / widen);

		at = at < 0 ? 0 : at >= from ? from - 1 : at;
		sum += line[at] * weight;
		weights += weight;
	}
	return sum / weights;
}

/* The whole picture, width * height * 3 values from 0 to 255, not rounded. For
 * the caller to free. */
static inline double *exact_resample(const struct seed_pixels *from, uint32_t width, uint32_t height)
{
	const size_t longest = from->width > from->height ? from->width : from->height;
	double *rows = calloc((size_t)width * from->height * 3, sizeof(*rows));
	double *result = calloc((size_t)width * height * 3, sizeof(*result));
	double *line = calloc(longest, sizeof(*line));

	assert_true(rows && result && line);
	for (size_t i = 0; i < (size_t)from->height * 3; i++) {
		for (size_t x = 0; x < from->width; x++)
			line[x] = seed_pixels_row(from, (uint32_t)(i / 3))[x * 3 + i % 3];
		for (size_t x = 0; x < width; x++)
			rows[(i / 3 * width + x) * 3 + i % 3] =
				exact_value(line, (int)from->width, (int)width, (int)x);
	}
	for (size_t i = 0; i < (size_t)width * 3; i++) {
		for (size_t y = 0; y < from->height; y++)
			line[y] = rows[y * width * 3 + i];
		for (size_t y = 0; y < height; y++) {
			double value = exact_value(line, (int)from->height, (int)height, (int)y);

			result[y * width * 3 + i] = value < 0 ? 0 : value > 255 ? 255 : value;
		}
	}
	free(rows);
	free(line);
	return result;
}

#endif
