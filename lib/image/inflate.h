/*
 * A zlib stream (RFC 1950, 1951) of known size, in one step. Pure; any thread.
 */
#ifndef SEED_INFLATE_H
#define SEED_INFLATE_H

#include "lib/base.h"

/* How far behind `out` the caller's memory must reach, for wide stores. */
enum { SEED_INFLATE_SLACK_BYTES = 8 };

/* Whether `in` is a zlib stream without preset dictionary and with the full
 * window of 32 KiB, ends with `in`, has the right Adler sum and gives exactly
 * `out_len` bytes. They are in `out` then; anything may be there if not. No
 * stream that zlib refuses passes. */
bool seed_inflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);

#endif
