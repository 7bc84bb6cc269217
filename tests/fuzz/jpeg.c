/* Fuzz target: bytes that begin as a JPEG does (picture.h). */
#include "tests/fuzz/picture.h"

/* The largest that any marker says: large ones only cost time. */
static bool is_small(const uint8_t *data, size_t len)
{
	for (size_t at = 2; at + 9 < len; at++) {
		uint64_t area = (uint64_t)(data[at + 5] << 8 | data[at + 6]) *
				(uint64_t)(data[at + 7] << 8 | data[at + 8]);

		if (data[at] == 0xff && (data[at + 1] & 0xf0) == 0xc0 && data[at + 1] != 0xc4 &&
		    area > FUZZ_AREA_MAX)
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 10 || data[0] != 0xff || data[1] != 0xd8 || !is_small(data, len))
		return 0;
	judge(data, len, len % 2);
	return 0;
}
