#include "lib/image/inflated.h"

#include <libdeflate.h>
#include <stdlib.h>

/* Room for the first try: enough for a screen's profile. */
#define FIRST_BYTES ((size_t)16 * 1024)

errint_t seed_inflated(const uint8_t *data, size_t len, size_t max, uint8_t **to, size_t *to_len)
{
	struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
	enum libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
	size_t room = FIRST_BYTES < max ? FIRST_BYTES : max;
	uint8_t *bytes = NULL;

	*to = NULL;
	while (z && result == LIBDEFLATE_INSUFFICIENT_SPACE) {
		free(bytes);
		bytes = malloc(room + 1);
		if (!bytes)
			break;
		result = libdeflate_zlib_decompress(z, data, len, bytes, room, to_len);
		if (room == max)
			break;
		room = room * 4 < max ? room * 4 : max;
	}
	libdeflate_free_decompressor(z);
	if (!z || !bytes)
		return -ENOMEM;
	if (result == LIBDEFLATE_SUCCESS)
		*to = bytes;
	else
		free(bytes);
	return 0;
}
