#include "tests/unit/image_make.h"

#include "lib/image/decode.h"
#include "lib/image/thumb.h"

/* A picture of that size as a PNG, and back from its thumbnail. */
static void thumb_of(uint32_t width, uint32_t height, struct seed_decoded *thumb, size_t *bytes)
{
	struct seed_pixels pixels;
	struct seed_error error;
	struct seed_buf png;
	uint8_t *jpeg;

	make_pixels(&pixels, width, height);
	assert_int_equal(encode_png(&pixels, NULL, 0, &png), 0);
	assert_int_equal(seed_thumb(bytes_of(&png), png.len_bytes, &jpeg, bytes, &error), 0);
	assert_int_equal(seed_decode(jpeg, *bytes, thumb, &error), 0);
	assert_string_equal(thumb->format, "jpeg");
	free(jpeg);
	seed_buf_release(&png);
	seed_pixels_release(&pixels);
}

static void test_sizes(void **state)
{
	static const struct { uint32_t width, height, to_width, to_height; } sizes[] = {
		{2048, 1152, 480, 270}, {480, 270, 480, 270}, {64, 36, 480, 270},
		{1024, 1024, 270, 270}, {1000, 4000, 68, 270}, {4000, 1000, 480, 120},
		{3000, 2, 480, 1}, {2, 3000, 1, 270},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(sizes); i++) {
		struct seed_decoded thumb;
		size_t bytes;

		thumb_of(sizes[i].width, sizes[i].height, &thumb, &bytes);
		assert_int_equal(thumb.pixels.width, sizes[i].to_width);
		assert_int_equal(thumb.pixels.height, sizes[i].to_height);
		seed_decoded_release(&thumb);
	}
}

/* The picture as it is: the same gradients, from edge to edge. */
static void test_content(void **state)
{
	struct seed_decoded thumb;
	struct seed_pixels wanted;
	size_t bytes, count;

	SEED_UNUSED(state);
	thumb_of(2048, 1152, &thumb, &bytes);
	assert_true(bytes < 30000);
	make_pixels(&wanted, 480, 270);
	count = seed_pixels_stride_bytes(&wanted) * wanted.height;
	for (size_t i = 0; i < count; i++)
		assert_in_range(thumb.pixels.data[i] + 12 - wanted.data[i], 0, 24);
	seed_pixels_release(&wanted);
	seed_decoded_release(&thumb);
}

static void test_no_picture(void **state)
{
	struct seed_error error = {0};
	uint8_t *jpeg;
	size_t len;

	SEED_UNUSED(state);
	assert_int_equal(seed_thumb((const uint8_t *)"no picture", 10, &jpeg, &len, &error), -EBADMSG);
	assert_null(jpeg);
	assert_int_equal(error.code, EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_no_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
