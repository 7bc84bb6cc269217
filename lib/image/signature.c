#include "lib/image/signature.h"

static bool has(const uint8_t *data, size_t len, size_t from, const char *magic, size_t magic_len)
{
	return len >= from + magic_len && memcmp(data + from, magic, magic_len) == 0;
}

enum seed_signature seed_signature(const uint8_t *data, size_t len)
{
	if (has(data, len, 0, "\x89PNG\r\n\x1a\n", 8))
		return SEED_SIGNATURE_PNG;
	if (has(data, len, 0, "\xff\xd8\xff", 3))
		return SEED_SIGNATURE_JPEG;
	if (has(data, len, 0, "RIFF", 4) && has(data, len, 8, "WEBP", 4))
		return SEED_SIGNATURE_WEBP;
	return SEED_SIGNATURE_NONE;
}
