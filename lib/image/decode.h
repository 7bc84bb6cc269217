/*
 * Bytes to pixels, by content: PNG, JPEG and WebP. Strict: whatever a decoder
 * would only warn about is a refusal here, because a picture whose decoder
 * guessed is not verified. Pure functions over memory.
 *
 * Decisions for all formats:
 * - Colours of another space than sRGB are converted (lib/image/colour.h): by
 *   PNG's cICP, iCCP, gAMA and cHRM, and JPEG's and WebP's ICC profile. A picture
 *   without any, or with a profile that cannot be read, counts as sRGB. EXIF's hints
 *   are ignored.
 * - Alpha (and tRNS) is composed on black, on the encoded values of the result.
 * - 16-bit samples are converted as they are, then scaled to 8 with rounding.
 * - EXIF's orientation is applied (browsers do, and no format is excepted).
 * - Bytes after PNG's IEND or JPEG's EOI are ignored. Both formats mark their
 *   end, so the picture before it is complete; cameras and gain-map JPEGs put
 *   more data there, and none of it reaches the result. WebP has no such
 *   mark: its RIFF size must be the file's.
 * - A damaged chunk of any kind refuses a PNG, even a chunk that only held text:
 *   it shows that the transfer was not clean.
 */
#ifndef SEED_DECODE_H
#define SEED_DECODE_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/pixels.h"

struct seed_decoded {
	struct seed_pixels pixels;
	/* The picture's rows above and below the pixels: decoded, and not kept. */
	uint32_t rows_above, rows_below;
	/* The picture's size, if it was fitted while it was decoded; else 0. */
	uint32_t fitted_width, fitted_height;
	const char *format; /* "png", "jpeg" or "webp"; static */
	bool keepable;      /* PNG, 8-bit RGB, not interlaced, no tRNS, sRGB: its IDAT can stay */
	bool uniform;       /* of one single colour; set where only verified */
};

/* Errors: EBADMSG with the cause, ENOMEM; `error` is never NULL. `decoded` is initialised
 * here; release it in any case. After a failure the format and, if they were read, the
 * sizes (those of `pixels`, without data, and the rows beside them) are still set. */
errint_t seed_decode(const uint8_t *data, size_t len, struct seed_decoded *decoded,
		     struct seed_error *error) SEED_MUST_CHECK;
/* The same for a result of that size, without what it has no use for.
 * A keepable PNG of exactly that size is verified as strictly but not turned into
 * pixels: pixels.data stays NULL, and `uniform` answers the only other question
 * about them. A larger keepable PNG is cropped and resampled while it is decoded,
 * to the pixels that seed_fit() would make of it. A JPEG's rows that will be cropped away are decoded as far as they
 * can be wrong, to the last coefficient, and not turned into pixels. */
errint_t seed_decode_for(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			       struct seed_decoded *decoded,
			       struct seed_error *error) SEED_MUST_CHECK;
/* The picture's size, whatever was kept of it. */
uint32_t seed_decoded_width(const struct seed_decoded *decoded);
uint32_t seed_decoded_height(const struct seed_decoded *decoded);
void seed_decoded_release(struct seed_decoded *decoded);

/* The decoders behind it, for bytes that begin with the format's signature. */
errint_t seed_decode_png(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			 struct seed_decoded *decoded, struct seed_error *error) SEED_MUST_CHECK;
errint_t seed_decode_jpeg(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			  struct seed_decoded *decoded, struct seed_error *error) SEED_MUST_CHECK;
errint_t seed_decode_webp(const uint8_t *data, size_t len, struct seed_decoded *decoded,
			  struct seed_error *error) SEED_MUST_CHECK;

#endif
