/*
 * What PNG's filters predict a byte from (PNG specification 9.2): the bytes to
 * the left, above, and above the left one. For single bytes, and for vectors of
 * unsigned bytes, without ever leaving eight bits.
 */
#ifndef SEED_PREDICT_H
#define SEED_PREDICT_H

#include "lib/base/base.h"

enum {
	SEED_FILTER_NONE,
	SEED_FILTER_SUB,
	SEED_FILTER_UP,
	SEED_FILTER_AVERAGE,
	SEED_FILTER_PAETH,
	SEED_FILTERS,
};

static inline uint8_t seed_paeth(int left, int up, int corner)
{
	int to_left = up - corner, to_up = left - corner, to_corner = to_left + to_up;

	to_left = to_left < 0 ? -to_left : to_left;
	to_up = to_up < 0 ? -to_up : to_up;
	to_corner = to_corner < 0 ? -to_corner : to_corner;
	if (to_left <= to_up && to_left <= to_corner)
		return (uint8_t)left;
	return (uint8_t)(to_up <= to_corner ? up : corner);
}

/* Half of a sum that may take nine bits: what both have, and half of what one
 * has. */
#define SEED_AVERAGE(left, up) (((left) & (up)) + (((left) ^ (up)) >> 1))

/*
 * Paeth's choice. The distances of the estimate left + up - corner are
 * |up - corner| to left, |left - corner| to up, and to corner their sum, if both
 * have one sign, or their difference. In the first case corner is never
 * nearest, which 255 stands for. A difference d whose sign is known as m, all
 * ones where it is not negative, is made positive by m - (d ^ m): older
 * processors compare unsigned bytes for "not less" in one step fewer than for
 * "less".
 */
#define SEED_PAETH(best, left, up, corner)                                                   \
	do {                                                                                 \
		__typeof__(best) above_ = (__typeof__(best))((up) >= (corner));              \
		__typeof__(best) beyond_ = (__typeof__(best))((left) >= (corner));           \
		__typeof__(best) to_left_ = above_ - (((up) - (corner)) ^ above_);           \
		__typeof__(best) to_up_ = beyond_ - (((left) - (corner)) ^ beyond_);         \
		__typeof__(best) nearer_ = (__typeof__(best))(to_left_ <= to_up_);           \
		__typeof__(best) apart_ = ((to_left_ - to_up_) ^ nearer_) - nearer_;         \
		__typeof__(best) to_corner_ = apart_ | ~(above_ ^ beyond_);                  \
		__typeof__(best) smaller_ = to_up_ ^ ((to_left_ ^ to_up_) & nearer_);        \
		__typeof__(best) choice_ = (up) ^ (((left) ^ (up)) & nearer_);               \
		(best) = (corner) ^                                                          \
			 (((corner) ^ choice_) & (__typeof__(best))(smaller_ <= to_corner_)); \
	} while (0)

#endif
