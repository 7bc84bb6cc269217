#include "lib/image/inflate.h"

#include <libdeflate.h>

/* RFC 1950, 2.2: deflate with a window of 32 KiB, no dictionary. A smaller
 * window would have to be enforced, which is zlib's business. */
static bool header_is_common(const uint8_t *in, size_t len)
{
	return len > 2 && in[0] == 0x78 && !(in[1] & 0x20) && ((unsigned)in[0] << 8 | in[1]) % 31 == 0;
}

bool seed_inflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct libdeflate_decompressor *inflater;
	size_t used = 0, made = 0;
	bool right;

	if (!header_is_common(in, in_len))
		return false;
	inflater = libdeflate_alloc_decompressor();
	if (!inflater)
		return false;
	right = libdeflate_zlib_decompress_ex(inflater, in, in_len, out, out_len, &used, &made) ==
			LIBDEFLATE_SUCCESS &&
		used == in_len && made == out_len;
	libdeflate_free_decompressor(inflater);
	return right;
}
