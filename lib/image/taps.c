#include "lib/image/taps.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LOBES 3.0

/* The filter at evenly spaced places. sin(3 a) is 3 sin(a) - 4 sin(a)^3, and the
 * next sine is this one turned: sines took a tenth of the time of resampling. */
struct lanczos {
	double angle, sine, cosine;
	double step, step_sine, step_cosine;
};

static void lanczos_init(struct lanczos *lanczos, double x, double step)
{
	lanczos->angle = M_PI / LOBES * x;
	lanczos->sine = sin(lanczos->angle);
	lanczos->cosine = cos(lanczos->angle);
	lanczos->step = M_PI / LOBES * step;
	lanczos->step_sine = sin(lanczos->step);
	lanczos->step_cosine = cos(lanczos->step);
}

static double lanczos_next(struct lanczos *lanczos)
{
	double angle = lanczos->angle, sine = lanczos->sine, cosine = lanczos->cosine;

	lanczos->angle += lanczos->step;
	lanczos->sine = sine * lanczos->step_cosine + cosine * lanczos->step_sine;
	lanczos->cosine = cosine * lanczos->step_cosine - sine * lanczos->step_sine;
	if (fabs(angle) < 1e-6)
		return 1;
	return sine * sine * (3 - 4 * sine * sine) / (LOBES * angle * angle);
}

/* Beyond the edges the source is mirrored, and behind the mirror it ends. */
static int64_t mirror(int64_t at, int64_t size)
{
	if (at < 0)
		at = -at - 1;
	else if (at >= size)
		at = 2 * size - 1 - at;
	return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* What rounding takes from one weight the next ones get: they add up to one
 * exactly, and what is flat or smooth stays so. */
static void round_weights(const double *weights, double total, uint32_t count, int16_t *rounded)
{
	/* The sums so far are above -1: converted are positive numbers. */
	const double unit = 1 << SEED_WEIGHT_BITS, offset = unit + 0.5;
	int32_t before = (int32_t)offset;
	double sum = 0;

	for (uint32_t k = 0; k < count; k++) {
		int32_t now;

		sum += weights[k];
		now = (int32_t)(sum / total * unit + offset);
		rounded[k] = (int16_t)(now - before);
		before = now;
	}
}

/* Weights for one sample, added up where mirrored ones fall on others. */
static void set_weights(struct seed_taps *taps, uint32_t i, uint32_t from, double scale,
			double *weights)
{
	const int64_t count = (int64_t)taps->pairs * 2, last_start = from + (from & 1) - count;
	double widen = scale > 1 ? scale : 1, centre = (i + 0.5) * scale - 0.5, total = 0;
	/* The filter is 0 at both ends. */
	int64_t first = (int64_t)floor(centre - LOBES * widen) + 1;
	int64_t end = (int64_t)ceil(centre + LOBES * widen), start = first & ~1;
	struct lanczos lanczos;

	start = start > last_start ? last_start : start;
	start = start < 0 ? 0 : start;
	memset(weights, 0, (size_t)count * sizeof(*weights));
	lanczos_init(&lanczos, ((double)first - centre) / widen, 1 / widen);
	for (int64_t at = first; at < end; at++) {
		double weight = lanczos_next(&lanczos);
		int64_t k = mirror(at, from) - start;

		assert(k >= 0 && k < count);
		weights[k] += weight;
		total += weight;
	}
	taps->starts[i] = (uint32_t)(start / 2);
	round_weights(weights, total, (uint32_t)count, taps->weights + (size_t)(i * count));
}

errint_t seed_taps_init(struct seed_taps *taps, uint32_t from, uint32_t to)
{
	double scale = (double)from / to, widen = scale > 1 ? scale : 1;
	/* One tap more for those that begin at an odd sample. */
	uint32_t pairs = ((uint32_t)ceil(2 * LOBES * widen) + 2) / 2, pairs_most = (from + 1) / 2;
	double *weights;
	bool ok;

	taps->pairs = pairs < pairs_most ? pairs : pairs_most;
	taps->starts = malloc(to * sizeof(*taps->starts));
	taps->weights = malloc((size_t)to * taps->pairs * 2 * sizeof(*taps->weights));
	weights = malloc((size_t)taps->pairs * 2 * sizeof(*weights));
	ok = taps->starts && taps->weights && weights;
	for (uint32_t i = 0; ok && i < to; i++)
		set_weights(taps, i, from, scale, weights);
	free(weights);
	return ok ? 0 : -ENOMEM;
}

void seed_taps_release(struct seed_taps *taps)
{
	free(taps->starts);
	free(taps->weights);
	*taps = (struct seed_taps){0};
}
