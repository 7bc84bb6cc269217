/*
 * Decoded pixels: the one form that the stages of lib/image/ exchange, 8-bit
 * RGB, three bytes a pixel, rows without padding, sRGB-encoded values.
 *
 *   bytes -> seed_decode() -> pixels -> seed_fit() -> pixels -> seed_encode()
 *
 * Plain memory owned by one thread; no I/O.
 */
#ifndef SEED_PIXELS_H
#define SEED_PIXELS_H

#include "lib/base/base.h"
#include "lib/base/error.h"

struct seed_pixels {
	uint32_t width, height;
	uint8_t *data; /* owned; NULL: none */
};

/* A part of a picture. */
struct seed_area {
	uint32_t x, y, width, height;
};

/* Sets EBADMSG with the words that every refusal of a picture begins with. */
#define seed_image_invalid(error, ...) \
	seed_error_set((error), EBADMSG, "image not valid: " __VA_ARGS__)

/* Refuses (EBADMSG) sizes for which no decoder should even allocate memory: a side of
 * 0 or above SEED_IMAGE_MAX_SIDE, or an area above SEED_IMAGE_MAX_PIXELS. */
errint_t seed_pixels_check_size(uint64_t width, uint64_t height,
				struct seed_error *error) SEED_MUST_CHECK;

/* Checks the size as above and allocates; the contents are not set. ENOMEM. */
errint_t seed_pixels_alloc(struct seed_pixels *pixels, uint32_t width, uint32_t height,
			   struct seed_error *error) SEED_MUST_CHECK;
void seed_pixels_release(struct seed_pixels *pixels);

static inline size_t seed_pixels_stride_bytes(const struct seed_pixels *pixels)
{
	return (size_t)pixels->width * 3;
}

static inline uint8_t *seed_pixels_row(const struct seed_pixels *pixels, uint32_t y)
{
	return pixels->data + y * seed_pixels_stride_bytes(pixels);
}

/* The central part of a picture of `width` x `height` that has the shape of
 * `to_width` x `to_height`, rounded to whole pixels; at least one. */
struct seed_area seed_area_of_shape(uint32_t width, uint32_t height, uint32_t to_width,
				    uint32_t to_height);

/* Whether every pixel has the same colour. */
bool seed_pixels_uniform(const struct seed_pixels *pixels);

/* Turns the picture upright: `orientation` is EXIF's, 1 to 8 (1: as it is). */
errint_t seed_pixels_orient(struct seed_pixels *pixels, int orientation,
			    struct seed_error *error) SEED_MUST_CHECK;

#endif
