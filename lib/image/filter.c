#include "lib/image/filter.h"

#include "lib/image/vector.h"

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };

/* Bytes in a vector, and how many vectors' absolute values (of at most 128, two
 * to a lane) a lane of 16 bits can sum up. */
enum { LANES = 32, SUMS = 255 };

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

/* Half of a sum that may take nine bits: what both have, and half of what one
 * has. */
#define AVERAGE_OF(left, up) (((left) & (up)) + (((left) ^ (up)) >> 1))

/*
 * Paeth's choice without leaving eight bits. The distances of the estimate
 * left + up - corner are |up - corner| to left, |left - corner| to up, and to
 * corner their sum, if both have one sign, or their difference. In the first
 * case corner is never nearest.
 */
#define PAETH_OF(best, left, up, corner)                                          \
	do {                                                                      \
		lanes below_ = (lanes)((up) < (corner)), lower_ = (lanes)((left) < (corner)); \
		lanes to_left_ = (((up) - (corner)) ^ below_) - below_;           \
		lanes to_up_ = (((left) - (corner)) ^ lower_) - lower_;           \
		lanes nearer_ = (lanes)(to_left_ <= to_up_);                      \
		lanes difference_ = to_left_ - to_up_;                            \
		lanes to_corner_ = ((difference_ ^ nearer_) - nearer_) | ~(below_ ^ lower_); \
		lanes smaller_ = to_up_ ^ ((to_left_ ^ to_up_) & nearer_);        \
		lanes choice_ = (up) ^ (((left) ^ (up)) & nearer_);               \
		(best) = (corner) ^ (((corner) ^ choice_) & (lanes)(smaller_ <= to_corner_)); \
	} while (0)

/* The absolute values of signed bytes, added in pairs. */
#define ADD_COST(sum, value)                                                      \
	do {                                                                      \
		lanes sign_ = (lanes)((value) > 127);                             \
		lanes size_ = ((value) ^ sign_) - sign_;                          \
		(sum) += ((wide)size_ & 255) + ((wide)size_ >> 8);                \
	} while (0)

static uint8_t paeth(int left, int up, int corner)
{
	int to_left = abs(up - corner), to_up = abs(left - corner);
	int to_corner = abs(left + up - 2 * corner);

	if (to_left <= to_up && to_left <= to_corner)
		return (uint8_t)left;
	return (uint8_t)(to_up <= to_corner ? up : corner);
}

static uint8_t filter_byte(int filter, const uint8_t *row, const uint8_t *above, size_t i)
{
	int left = i < 3 ? 0 : row[i - 3], corner = i < 3 ? 0 : above[i - 3], up = above[i];
	int prediction = 0;

	if (filter == SUB)
		prediction = left;
	else if (filter == UP)
		prediction = up;
	else if (filter == AVERAGE)
		prediction = (left + up) / 2;
	else if (filter == PAETH)
		prediction = paeth(left, up, corner);
	return (uint8_t)(row[i] - prediction);
}

/* Each filter's cost of bytes `from` to `to`, by the definition. */
static void add_costs(const uint8_t *row, const uint8_t *above, size_t from, size_t to,
		      uint32_t costs[FILTERS])
{
	for (size_t i = from; i < to; i++)
		for (int filter = 0; filter < FILTERS; filter++)
			costs[filter] += (uint32_t)abs((int8_t)filter_byte(filter, row, above, i));
}

/* The same for `steps` vectors. */
SEED_VECTOR static void add_vector_costs(const uint8_t *row, const uint8_t *above, size_t from,
					 size_t steps, uint32_t costs[FILTERS])
{
	wide sums[FILTERS] = {{0}};

	for (size_t i = from; i < from + steps * LANES; i += LANES) {
		lanes x, left, up, corner, best, value;

		LOAD(x, left, up, corner, row, above, i);
		ADD_COST(sums[NONE], x);
		value = x - left;
		ADD_COST(sums[SUB], value);
		value = x - up;
		ADD_COST(sums[UP], value);
		value = x - AVERAGE_OF(left, up);
		ADD_COST(sums[AVERAGE], value);
		PAETH_OF(best, left, up, corner);
		value = x - best;
		ADD_COST(sums[PAETH], value);
	}
	for (int filter = 0; filter < FILTERS; filter++)
		for (int lane = 0; lane < LANES / 2; lane++)
			costs[filter] += sums[filter][lane];
}

static int cheapest(const uint8_t *row, const uint8_t *above, size_t len)
{
	uint32_t costs[FILTERS] = {0};
	size_t at = 3;
	int best = NONE;

	add_costs(row, above, 0, 3, costs);
	while (len - at >= LANES) {
		size_t steps = (len - at) / LANES < SUMS ? (len - at) / LANES : SUMS;

		add_vector_costs(row, above, at, steps, costs);
		at += steps * LANES;
	}
	add_costs(row, above, at, len, costs);
	for (int filter = 0; filter < FILTERS; filter++)
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
		if (filter == SUB)
			best = left;
		else if (filter == UP)
			best = up;
		else if (filter == AVERAGE)
			best = AVERAGE_OF(left, up);
		else if (filter == PAETH)
			PAETH_OF(best, left, up, corner);
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
	for (size_t i = 3 + steps * LANES; i < len; i++)
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
