/*
 * What the fuzz targets share. Each is a file of its own with the function that
 * libFuzzer calls; `make fuzz` builds and runs them (tests/fuzz/run.sh). A target
 * checks what it knows about any input: CHECK() ends it like a crash.
 */
#ifndef SEED_FUZZ_H
#define SEED_FUZZ_H

#include <stdlib.h>

#include "lib/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* A copy with a NUL behind it, which is where it ends for who reads beyond. */
static inline char *text_of(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	CHECK(text);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

#endif
