/*
 * Pixels to PNG: 8-bit RGB, an sRGB chunk, text chunks (ours, then the source's),
 * then the pixels. The order of chunks is fixed, and nothing else (no time, no library's
 * name) is written: the same picture and texts give the same bytes.
 *
 * Texts: tEXt where the text is ASCII without control characters but line feed
 * and under 1 KiB, else iTXt, uncompressed. Invalid keywords are an error of
 * the caller (EINVAL).
 */
#ifndef SEED_ENCODE_H
#define SEED_ENCODE_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/pixels.h"
#include "lib/image/sink.h"
#include "lib/image/texts.h"

/* Appends the PNG of `pixels` to `sink`. ENOMEM, and the sink's errors. */
errint_t seed_encode(const struct seed_pixels *pixels, const struct seed_image_texts *texts,
		     struct seed_sink *sink, struct seed_error *error) SEED_MUST_CHECK;

/* The same around the critical chunks, kept byte for byte, of a PNG that
 * seed_decode() has verified and found keepable. */
errint_t seed_encode_keep(const uint8_t *data, size_t len, const struct seed_image_texts *texts,
			  struct seed_sink *sink, struct seed_error *error) SEED_MUST_CHECK;

#endif
