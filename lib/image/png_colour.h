/* What a PNG's chunks say of its colours. Pure functions. */
#ifndef SEED_PNG_COLOUR_H
#define SEED_PNG_COLOUR_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/colour.h"
#include "lib/image/png_chunks.h"

/* For a PNG that seed_png_walk() has found whole. A chunk that is not as the
 * specification says (11.3.2) counts as missing. ENOMEM. */
errint_t seed_png_colour(const uint8_t *data, const struct seed_png_layout *layout,
			 enum seed_samples samples, struct seed_colour **colour,
			 struct seed_error *error) SEED_MUST_CHECK;

#endif
