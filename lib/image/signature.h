/*
 * Which of the formats bytes are, by the signature that they begin with. Pure.
 */
#ifndef SEED_SIGNATURE_H
#define SEED_SIGNATURE_H

#include "lib/base/base.h"

enum seed_signature {
	SEED_SIGNATURE_NONE,
	SEED_SIGNATURE_PNG,
	SEED_SIGNATURE_JPEG,
	SEED_SIGNATURE_WEBP,
};

/* Twelve bytes are enough. */
enum seed_signature seed_signature(const uint8_t *data, size_t len);

#endif
