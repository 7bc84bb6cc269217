/* Fuzz target: bytes that begin as a WebP does (picture.h). */
#include "tests/fuzz/picture.h"

#include <webp/decode.h>

/* A large one only costs time. */
static bool is_small(const uint8_t *data, size_t len)
{
	int width = 0, height = 0;

	return !WebPGetInfo(data, len, &width, &height) ||
	       (int64_t)width * height <= FUZZ_AREA_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WEBP", 4) != 0 ||
	    !is_small(data, len))
		return 0;
	judge(data, len, len % 2);
	return 0;
}
