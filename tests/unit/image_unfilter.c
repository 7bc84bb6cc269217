/* Filters undone, against the definition and against libpng. */
#include "tests/unit/image_make.h"

#include <png.h>
#include <zlib.h>

#include "lib/image/decode.h"
#include "lib/image/unfilter.h"
#include "lib/image/vector.h"

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Rows of noise, or of few values (ties between Paeth's neighbours), under any
 * mixture of filters, or one. */
static uint8_t *make_filtered(uint32_t width, uint32_t height)
{
	size_t stride = seed_filtered_stride_bytes(width), len = stride * height;
	uint32_t one = any(10), values = any(2) ? 256 : 1 + any(5);
	/* Exactly as large, so that a sanitizer sees a byte too far. */
	uint8_t *filtered = malloc(len);

	assert_non_null(filtered);
	for (size_t i = 0; i < len; i++)
		filtered[i] = (uint8_t)any(values);
	for (uint32_t y = 0; y < height; y++)
		filtered[y * stride] = (uint8_t)(one < 5 ? one : any(5));
	return filtered;
}

static int predict(int filter, int a, int b, int c)
{
	int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

	switch (filter) {
	case 1:
		return a;
	case 2:
		return b;
	case 3:
		return (a + b) / 2;
	case 4:
		return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
	default:
		return 0;
	}
}

/* PNG specification 9.2 to the letter. */
static void undo_all(const uint8_t *filtered, uint32_t width, uint32_t height, uint8_t *out)
{
	size_t bytes = (size_t)width * 3;

	for (size_t y = 0; y < height; y++) {
		for (size_t i = 0; i < bytes; i++) {
			uint8_t *at = out + y * bytes + i;
			int a = i < 3 ? 0 : at[-3], b = y ? *(at - bytes) : 0;
			int c = i < 3 || !y ? 0 : *(at - bytes - 3);

			*at = (uint8_t)(filtered[y * (bytes + 1) + 1 + i] +
					predict(filtered[y * (bytes + 1)], a, b, c));
		}
	}
}

static void by_definition(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 3000; round++) {
		uint32_t width = 1 + any(round % 50 ? 40 : 700), height = 1 + any(20);
		uint8_t *filtered = make_filtered(width, height);
		uint8_t *want = malloc((size_t)width * height * 3);
		struct seed_pixels pixels;
		struct seed_error error;

		assert_non_null(want);
		assert_int_equal(seed_pixels_alloc(&pixels, width, height, &error), 0);
		assert_true(seed_filters_valid(filtered, width, height));
		undo_all(filtered, width, height, want);
		for (int wide = 0; wide <= seed_wide_usable(); wide++) {
			memset(pixels.data, 0, (size_t)width * height * 3);
			for (uint32_t y = 0, count; y < height; y += count) {
				count = any(3) ? height - y : 1 + any(height - y);
				seed_unfilter_rows_with(filtered + y * seed_filtered_stride_bytes(width),
							&pixels, y, count, wide);
			}
			assert_memory_equal(pixels.data, want, (size_t)width * height * 3);
		}
		filtered[any(height) * seed_filtered_stride_bytes(width)] = (uint8_t)(5 + any(251));
		assert_false(seed_filters_valid(filtered, width, height));
		seed_pixels_release(&pixels);
		free(filtered);
		free(want);
	}
}

/* A PNG of these rows in any number of IDAT chunks. */
static void make_png(struct seed_buf *png, const uint8_t *filtered, uint32_t width, uint32_t height)
{
	const struct png_kind kind = {.width = width, .height = height, .depth = 8, .colour = 2};
	size_t len = seed_filtered_stride_bytes(width) * height;
	uLongf made = compressBound(len), done = 0;
	uint8_t *stream = malloc(made);

	assert_non_null(stream);
	assert_int_equal(compress2(stream, &made, filtered, len, (int)any(10)), Z_OK);
	seed_buf_init(png, MADE_MAX_BYTES);
	add_head(png, &kind);
	while (done < made) {
		size_t part = 1 + any((uint32_t)(made - done));

		add_chunk(png, "IDAT", stream + done, part);
		done += part;
	}
	add_chunk(png, "IEND", NULL, 0);
	free(stream);
}

static void read_with_libpng(const struct seed_buf *png, uint8_t *out)
{
	png_image image = {.version = PNG_IMAGE_VERSION};

	assert_true(png_image_begin_read_from_memory(&image, png->data, png->len_bytes));
	image.format = PNG_FORMAT_RGB;
	assert_true(png_image_finish_read(&image, NULL, out, 0, NULL));
}

static void as_libpng(void **state)
{
	int on_the_way = 0;

	SEED_UNUSED(state);
	for (int round = 0; round < 300; round++) {
		/* Small ones have small windows, and go to libpng anyway. */
		uint32_t width = 1 + any(400), height = 1 + any(100);
		uint8_t *filtered = make_filtered(width, height);
		uint8_t *want = malloc((size_t)width * height * 3);
		struct seed_decoded decoded;
		struct seed_error error;
		struct seed_buf png;

		assert_non_null(want);
		make_png(&png, filtered, width, height);
		read_with_libpng(&png, want);
		assert_int_equal(seed_decode(bytes_of(&png), png.len_bytes, &decoded, &error), 0);
		assert_memory_equal(decoded.pixels.data, want, (size_t)width * height * 3);
		seed_decoded_release(&decoded);
		assert_int_equal(seed_decode_for(bytes_of(&png), png.len_bytes, width, height,
						 &decoded, &error), 0);
		assert_null(decoded.pixels.data);
		seed_decoded_release(&decoded);
		assert_int_equal(seed_decode(bytes_of(&png), png.len_bytes, &decoded, &error), 0);
		error = (struct seed_error){0};
		on_the_way += check_decode_for(bytes_of(&png), png.len_bytes, 1 + width / 3,
					       1 + height / 2, &decoded, &error);
		seed_decoded_release(&decoded);
		seed_buf_release(&png);
		free(filtered);
		free(want);
	}
	assert_true(on_the_way > 100);
}

/* So wide that zimg may ask for the rows again for each of its stripes. */
static void wide(void **state)
{
	struct seed_error error = {0};
	struct seed_decoded decoded;
	struct seed_pixels pixels;
	struct seed_buf png;

	SEED_UNUSED(state);
	make_pixels(&pixels, SEED_IMAGE_MAX_SIDE, 40);
	assert_int_equal(encode_png(&pixels, NULL, 0, &png), 0);
	assert_int_equal(seed_decode(bytes_of(&png), png.len_bytes, &decoded, &error), 0);
	check_decode_for(bytes_of(&png), png.len_bytes, SEED_IMAGE_MAX_SIDE / 2, 20, &decoded, &error);
	seed_decoded_release(&decoded);
	seed_pixels_release(&pixels);
	seed_buf_release(&png);
}

/* The filtered rows of given pixels. */
static void filter(const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t *filtered)
{
	size_t bytes = (size_t)width * 3;

	for (size_t y = 0; y < height; y++) {
		int kind = (int)any(5);

		*filtered++ = (uint8_t)kind;
		for (size_t i = 0; i < bytes; i++) {
			const uint8_t *at = pixels + y * bytes + i;
			int a = i < 3 ? 0 : at[-3], b = y ? *(at - bytes) : 0;
			int c = i < 3 || !y ? 0 : *(at - bytes - 3);

			*filtered++ = (uint8_t)(*at - predict(kind, a, b, c));
		}
	}
}

/* In pieces. */
static bool all_uniform(const uint8_t *filtered, uint32_t width, uint32_t height)
{
	uint8_t *rows = malloc((size_t)width * 3 * 2);
	bool uniform = true;

	assert_non_null(rows);
	for (uint32_t y = 0, count; uniform && y < height; y += count) {
		count = 1 + any(height - y);
		uniform = seed_filtered_uniform(filtered + y * seed_filtered_stride_bytes(width),
						width, count, rows, !y);
	}
	free(rows);
	return uniform;
}

/* One colour, and one with a single sample changed anywhere. */
static void uniform(void **state)
{
	enum { MAX = 40 * 20 * 3 };
	static uint8_t pixels[MAX], filtered[MAX + 20];

	SEED_UNUSED(state);
	for (int round = 0; round < 3000; round++) {
		uint32_t width = 1 + any(40), height = 1 + any(20), bytes = width * height * 3;
		uint32_t r = any(256), g = any(256), b = any(256);

		for (size_t i = 0; i < bytes; i++)
			pixels[i] = (uint8_t)(i % 3 == 0 ? r : i % 3 == 1 ? g : b);
		filter(pixels, width, height, filtered);
		assert_true(all_uniform(filtered, width, height));
		if (bytes == 3)
			continue;
		pixels[any(bytes)] ^= (uint8_t)(1 << any(8));
		filter(pixels, width, height, filtered);
		assert_false(all_uniform(filtered, width, height));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_definition),
		cmocka_unit_test(as_libpng),
		cmocka_unit_test(wide),
		cmocka_unit_test(uniform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
