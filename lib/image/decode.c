#include "lib/image/decode.h"

/* How many bytes of something else are shown in the message. */
#define SHOWN_BYTES 16

static bool begins_with(const uint8_t *data, size_t len, const char *magic, size_t magic_len)
{
	return len >= magic_len && !memcmp(data, magic, magic_len);
}

static bool looks_like_webp(const uint8_t *data, size_t len)
{
	return begins_with(data, len, "RIFF", 4) && len >= 12 && !memcmp(data + 8, "WEBP", 4);
}

static errint_t refuse_unknown(const uint8_t *data, size_t len, struct seed_error *error)
{
	char shown[SHOWN_BYTES + 1] = "";
	size_t n = len < SHOWN_BYTES ? len : SHOWN_BYTES;

	if (!len)
		return seed_image_invalid(error, "it is empty");
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n' || data[i] == '\r') {
			n = i;
			break;
		}
		shown[i] = data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : '.';
	}
	shown[n] = '\0';
	return seed_image_invalid(error, "neither PNG, JPEG nor WebP (starts with \"%s\")", shown);
}

errint_t seed_decode(const uint8_t *data, size_t len, struct seed_decoded *decoded,
		     struct seed_error *error)
{
	/* No result has size 0, so all pixels are decoded. */
	return seed_decode_for(data, len, 0, 0, decoded, error);
}

errint_t seed_decode_for(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			 struct seed_decoded *decoded, struct seed_error *error)
{
	*decoded = (struct seed_decoded){.format = ""};
	if (begins_with(data, len, "\x89PNG\r\n\x1a\n", 8))
		return seed_decode_png(data, len, width, height, decoded, error);
	if (begins_with(data, len, "\xff\xd8\xff", 3))
		return seed_decode_jpeg(data, len, width, height, decoded, error);
	if (looks_like_webp(data, len))
		return seed_decode_webp(data, len, decoded, error);
	return refuse_unknown(data, len, error);
}

uint32_t seed_decoded_width(const struct seed_decoded *decoded)
{
	return decoded->fitted_width ? decoded->fitted_width : decoded->pixels.width;
}

uint32_t seed_decoded_height(const struct seed_decoded *decoded)
{
	if (decoded->fitted_height)
		return decoded->fitted_height;
	return decoded->rows_above + decoded->pixels.height + decoded->rows_below;
}

void seed_decoded_release(struct seed_decoded *decoded)
{
	seed_pixels_release(&decoded->pixels);
	*decoded = (struct seed_decoded){.format = ""};
}
