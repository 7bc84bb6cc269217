#include "lib/image/crc.h"

#include <libdeflate.h>

uint32_t seed_crc32(uint32_t crc, const void *data, size_t len)
{
	/* Without data (NULL), libdeflate returns the initial value, whatever `crc` is. */
	return len ? libdeflate_crc32(crc, data, len) : crc;
}
