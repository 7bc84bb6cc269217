/*
 * The picture of `provider=sketch`: a landscape from the prompt's words. No
 * AI, no network, no floating point: the same prompt and size give the same
 * pixels on every machine. Pure; takes some hundred milliseconds.
 */
#ifndef SEED_SKETCH_H
#define SEED_SKETCH_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/pixels.h"

/* Allocates and paints `pixels`. `prompt` may be NULL. ENOMEM, EBADMSG for a
 * size that no picture may have. */
errint_t seed_sketch(const char *prompt, uint32_t width, uint32_t height,
		     struct seed_pixels *pixels, struct seed_error *error) SEED_MUST_CHECK;

#endif
