#include "lib/image/sketch.h"

errint_t seed_sketch(const char *prompt, uint32_t width, uint32_t height,
		     struct seed_pixels *pixels, struct seed_error *error)
{
	uint32_t hash = 2166136261U;
	errint_t err;

	for (const char *p = prompt ? prompt : ""; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619U;
	err = seed_pixels_alloc(pixels, width, height, error);
	if (err)
		return err;
	for (uint32_t y = 0; y < height; y++) {
		uint8_t *row = seed_pixels_row(pixels, y);

		for (uint32_t x = 0; x < width; x++) {
			row[x * 3] = (uint8_t)((hash & 127) + y * 128 / height);
			row[x * 3 + 1] = (uint8_t)((hash >> 8 & 127) + y * 64 / height);
			row[x * 3 + 2] = (uint8_t)((hash >> 16 & 127) + x * 64 / width);
		}
	}
	return 0;
}
