#include "lib/image/pixels.h"

errint_t seed_pixels_check_size(uint64_t width, uint64_t height, struct seed_error *error)
{
	if (!width || !height)
		return seed_image_invalid(error, "its size is %llux%llu", (unsigned long long)width,
					  (unsigned long long)height);
	if (width > SEED_IMAGE_MAX_SIDE || height > SEED_IMAGE_MAX_SIDE)
		return seed_image_invalid(error, "%llux%llu is too large (longest side %d)",
					  (unsigned long long)width, (unsigned long long)height,
					  SEED_IMAGE_MAX_SIDE);
	if (width * height > SEED_IMAGE_MAX_PIXELS)
		return seed_image_invalid(error, "%llux%llu is too large (at most %d pixels)",
					  (unsigned long long)width, (unsigned long long)height,
					  SEED_IMAGE_MAX_PIXELS);
	return 0;
}

errint_t seed_pixels_alloc(struct seed_pixels *pixels, uint32_t width, uint32_t height,
			   struct seed_error *error)
{
	errint_t err;

	err = seed_pixels_check_size(width, height, error);
	if (err)
		return err;
	pixels->data = malloc((size_t)width * height * 3);
	if (!pixels->data)
		return seed_error_set(error, ENOMEM, "no memory for a picture of %ux%u", width,
				      height);
	pixels->width = width;
	pixels->height = height;
	return 0;
}

void seed_pixels_release(struct seed_pixels *pixels)
{
	free(pixels->data);
	*pixels = (struct seed_pixels){0};
}

/* a * b / c to the nearest; the product of two picture sides fits 64 bits. */
static uint32_t scaled(uint32_t a, uint32_t b, uint32_t c)
{
	return (uint32_t)(((uint64_t)a * b + c / 2) / c);
}

struct seed_area seed_area_of_shape(uint32_t width, uint32_t height, uint32_t to_width,
				    uint32_t to_height)
{
	struct seed_area area = {.width = width, .height = height};

	if ((uint64_t)width * to_height > (uint64_t)height * to_width)
		area.width = scaled(height, to_width, to_height);
	else
		area.height = scaled(width, to_height, to_width);
	/* The other side of a very thin picture may be rounded to 0. */
	area.width += !area.width;
	area.height += !area.height;
	area.x = (width - area.width) / 2;
	area.y = (height - area.height) / 2;
	return area;
}

bool seed_pixels_uniform(const struct seed_pixels *pixels)
{
	size_t bytes = seed_pixels_stride_bytes(pixels) * pixels->height;

	/* If it equals itself one pixel further on, every pixel equals the first. */
	return !memcmp(pixels->data, pixels->data + 3, bytes - 3);
}

static void swap_pixels(uint8_t *a, uint8_t *b)
{
	for (int i = 0; i < 3; i++) {
		uint8_t kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

static void mirror_rows(struct seed_pixels *pixels)
{
	for (uint32_t y = 0; y < pixels->height; y++) {
		uint8_t *row = seed_pixels_row(pixels, y);

		for (uint32_t l = 0, r = pixels->width - 1; l < r; l++, r--)
			swap_pixels(row + l * 3, row + r * 3);
	}
}

static void flip_rows(struct seed_pixels *pixels)
{
	for (uint32_t t = 0, b = pixels->height - 1; t < b; t++, b--) {
		uint8_t *top = seed_pixels_row(pixels, t);
		uint8_t *bottom = seed_pixels_row(pixels, b);

		for (uint32_t x = 0; x < pixels->width; x++)
			swap_pixels(top + x * 3, bottom + x * 3);
	}
}

/* Rows become columns. */
static errint_t transpose(struct seed_pixels *pixels, struct seed_error *error)
{
	struct seed_pixels turned = {0};
	errint_t err;

	err = seed_pixels_alloc(&turned, pixels->height, pixels->width, error);
	if (err)
		return err;
	for (uint32_t y = 0; y < turned.height; y++) {
		uint8_t *row = seed_pixels_row(&turned, y);

		for (uint32_t x = 0; x < turned.width; x++)
			memcpy(row + x * 3, seed_pixels_row(pixels, x) + y * 3, 3);
	}
	seed_pixels_release(pixels);
	*pixels = turned;
	return 0;
}

errint_t seed_pixels_orient(struct seed_pixels *pixels, int orientation, struct seed_error *error)
{
	/* EXIF 2.3, tag 0x0112: 5 to 8 have rows and columns exchanged. */
	static const struct {
		bool transpose, mirror, flip;
	} steps[] = {
		[2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
		[5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
		[8] = {true, false, true},
	};
	errint_t err;

	if (orientation < 2 || orientation > 8)
		return 0;
	if (steps[orientation].transpose) {
		err = transpose(pixels, error);
		if (err)
			return err;
	}
	if (steps[orientation].mirror)
		mirror_rows(pixels);
	if (steps[orientation].flip)
		flip_rows(pixels);
	return 0;
}
