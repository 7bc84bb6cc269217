/* A whole zlib stream of a PNG chunk (iCCP, zTXt, iTXt): small, and of unknown
 * size. Pure. */
#ifndef SEED_INFLATED_H
#define SEED_INFLATED_H

#include "lib/base/base.h"

/* *to is the result, to be freed, or NULL if the stream is damaged or gives more than
 * `max` bytes. -ENOMEM. */
errint_t seed_inflated(const uint8_t *data, size_t len, size_t max, uint8_t **to,
		       size_t *to_len) SEED_MUST_CHECK;

#endif
