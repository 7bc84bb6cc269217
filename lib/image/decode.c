#include "lib/image/decode.h"

#include "lib/image/signature.h"

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
	switch (seed_signature(data, len)) {
	case SEED_SIGNATURE_PNG:
		return seed_decode_png(data, len, width, height, decoded, error);
	case SEED_SIGNATURE_JPEG:
		return seed_decode_jpeg(data, len, width, height, decoded, error);
	case SEED_SIGNATURE_WEBP:
		return seed_decode_webp(data, len, decoded, error);
	case SEED_SIGNATURE_NONE:
		break;
	}
	return seed_image_invalid(error, "%s", len ? "neither PNG, JPEG nor WebP" : "it is empty");
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
