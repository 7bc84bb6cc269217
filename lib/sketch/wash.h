/*
 * A brush for what changes slowly: clouds, mist and lights in the sky. It is
 * computed on a coarser grid than the pixels, and interpolated: that costs a quarter
 * and looks the same.
 */
#ifndef SEED_SKETCH_WASH_H
#define SEED_SKETCH_WASH_H

#include "lib/sketch/parts.h"

struct seed_wash {
	/* At a point (coordinates), as fractions: how much there is of it, and its
	 * place between the two colours. */
	void (*find)(const struct seed_view *view, const struct seed_wash *wash, int64_t x,
		     int64_t y, int values[2]);
	struct seed_rgb from, to;
	/* The colour there under the light of the view; NULL: as it is. */
	struct seed_rgb (*light)(const struct seed_view *view, struct seed_rgb colour, int64_t x,
				 int64_t y, int value);
	bool shines;          /* it is light itself, and adds to what is there */
	uint32_t seed;
	int64_t level, depth; /* of a bank of fog: its middle, and to where it reaches */
	int strength;
};

/* Down to the row of pixels before `end`. */
void seed_paint_wash(struct seed_view *view, const struct seed_wash *wash, int64_t end);

#endif
