/*
 * Any picture to the exact size: cropped centrally to the shape, then resampled
 * with Lanczos3 in both directions. The encoded values are resampled, not linear
 * light, as every common tool does by default: results can be compared, and fine
 * bright detail keeps the weight that its painter gave it.
 */
#ifndef SEED_FIT_H
#define SEED_FIT_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/pixels.h"

/* `man seed`: "a 360x360 thumbnail is never valid". A source that is at most this large
 * both ways is refused, whatever enlargement is allowed, unless the target is as small
 * itself. */
enum { SEED_THUMBNAIL_SIDE = 360 };

struct seed_fit_plan {
	struct seed_area area; /* the part of the source that is used */
	bool crop, resample;
	char name[16]; /* struct seed_source_info, `fit` */
};

/* Plans from sizes alone, so that a picture can be refused before it is
 * decoded. EBADMSG: too small, or a thumbnail. */
errint_t seed_fit_plan(uint32_t width, uint32_t height, uint32_t to_width, uint32_t to_height,
		       double max_upscale, bool no_upscale, struct seed_fit_plan *plan,
		       struct seed_error *error) SEED_MUST_CHECK;

/* Carries the plan out: replaces `pixels` by a picture of the target's size,
 * or leaves them alone if they have that size. ENOMEM. */
errint_t seed_fit(struct seed_pixels *pixels, const struct seed_fit_plan *plan, uint32_t to_width,
		  uint32_t to_height, struct seed_error *error) SEED_MUST_CHECK;

#endif
