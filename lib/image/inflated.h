/* A whole zlib stream of a PNG chunk (iCCP, zTXt, iTXt): small, and of a size that
 * nothing tells. Pure. */
#ifndef SEED_INFLATED_H
#define SEED_INFLATED_H

#include "lib/base/base.h"

/* *to is what comes out, to be freed, or NULL where the stream is damaged or more
 * than `max` comes out of it. -ENOMEM. */
errint_t seed_inflated(const uint8_t *data, size_t len, size_t max, uint8_t **to,
		       size_t *to_len) SEED_MUST_CHECK;

#endif
