/*
 * A slowly changing quantity, worked out on a coarser grid than the pixels and
 * read between its points: clouds and mist cost a quarter that way and look
 * the same.
 */
#ifndef SEED_SKETCH_FIELD_H
#define SEED_SKETCH_FIELD_H

#include "lib/sketch/parts.h"

/* Two fractions at a point (coordinates). */
typedef void seed_field_fn(const struct seed_view *view, int64_t x, int64_t y, uint32_t seed,
			   int values[2]);

struct seed_field {
	int *data; /* owned */
	int step;  /* pixels */
	int64_t columns, rows;
};

/* For the rows of pixels from 0 to `end`. ENOMEM. */
errint_t seed_field_init(struct seed_field *field, const struct seed_view *view, int64_t end,
			 seed_field_fn *fn, uint32_t seed) SEED_MUST_CHECK;
void seed_field_release(struct seed_field *field);
void seed_field_get(const struct seed_field *field, int64_t x, int64_t y, int values[2]);

#endif
