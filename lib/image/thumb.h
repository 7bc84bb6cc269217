/*
 * A thumbnail: a verified picture's bytes to a JPEG within SEED_THUMB_WIDTH x
 * SEED_THUMB_HEIGHT, of its shape, sRGB, some 30 KB. Pure.
 */
#ifndef SEED_THUMB_H
#define SEED_THUMB_H

#include "lib/base/base.h"
#include "lib/base/error.h"

enum { SEED_THUMB_WIDTH = 480, SEED_THUMB_HEIGHT = 270 };

/* *jpeg is malloc'd and the caller's. EBADMSG if the bytes are not a picture, ENOMEM. */
errint_t seed_thumb(const uint8_t *data, size_t len, uint8_t **jpeg, size_t *jpeg_len,
		    struct seed_error *error) SEED_MUST_CHECK;

#endif
