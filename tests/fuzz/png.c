/* Fuzz target: bytes that begin as a PNG does (picture.h). */
#include "tests/fuzz/picture.h"

#include <libdeflate.h>


size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t most, unsigned seed);


static uint64_t be32(const uint8_t *at)
{
	return (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
}

/* With right sums, or nothing behind the first damage would be seen. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t most, unsigned seed)
{
	len = LLVMFuzzerMutate(data, len, most);
	for (size_t at = 8, size; seed % 8 && at + 12 <= len; at += size + 12) {
		uint32_t crc;

		size = be32(data + at);
		if (size > len - at - 12)
			break;
		crc = libdeflate_crc32(0, data + at + 4, size + 4);
		for (size_t i = 0; i < 4; i++)
			data[at + 8 + size + i] = (uint8_t)(crc >> (24 - 8 * i));
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* A large one only costs time. */
	if (len < 24 || memcmp(data, "\x89PNG", 4) != 0 || be32(data + 16) * be32(data + 20) > FUZZ_AREA_MAX)
		return 0;
	judge(data, len, len % 2);
	return 0;
}
