/* The fuzz target of tests/fuzz/image.c for a bounded number of inputs, the
 * same in every run: valid pictures and streams, and what damage makes of them. */
#include "tests/unit/image_make.h"

#include <webp/encode.h>
#include <zlib.h>

#include "tests/fuzz/image.c" /* the target, to be called here */

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* A PNG chunk's CRC is made right again, or nothing behind it would be seen. */
static void mend_crcs(uint8_t *data, size_t len)
{
	size_t at = 8;

	while (at + 12 <= len) {
		size_t size = (size_t)data[at + 2] << 8 | data[at + 3];
		uint32_t crc;

		if (data[at] || data[at + 1] || size > len - at - 12)
			return;
		crc = seed_crc32(0, data + at + 4, size + 4);
		for (size_t i = 0; i < 4; i++)
			data[at + 8 + size + i] = (uint8_t)(crc >> (24 - 8 * i));
		at += size + 12;
	}
}

static void damage(const struct seed_buf *whole, int rounds, bool png)
{
	LLVMFuzzerTestOneInput(bytes_of(whole), whole->len_bytes);
	for (int round = 0; round < rounds; round++) {
		size_t len = any(8) ? whole->len_bytes : any((uint32_t)whole->len_bytes + 1);
		uint8_t *data = malloc(len ? len : 1);

		assert_non_null(data);
		memcpy(data, whole->data, len);
		for (uint32_t flips = any(4); flips && len; flips--)
			data[any((uint32_t)len)] ^= (uint8_t)(1 << any(8));
		if (png && any(8))
			mend_crcs(data, len);
		LLVMFuzzerTestOneInput(data, len);
		free(data);
	}
}

static void pngs(void **state)
{
	SEED_UNUSED(state);
	for (int depth = 1; depth <= 16; depth *= 2) {
		for (int colour = 0; colour < 7; colour += 2) {
			const struct png_kind kind = {.width = 9, .height = 7, .depth = depth,
						      .colour = colour, .interlaced = any(2)};
			struct seed_buf png;

			if (colour && depth < 8)
				continue;
			seed_buf_init(&png, MADE_MAX_BYTES);
			add_head(&png, &kind);
			add_pixels(&png, &kind);
			damage(&png, 300, true);
			seed_buf_release(&png);
		}
	}
}

/* Compressed ones, of our own encoder. */
static void encoded(void **state)
{
	SEED_UNUSED(state);
	for (int i = 0; i < 20; i++) {
		struct seed_pixels pixels;
		struct seed_buf png;

		make_pixels(&pixels, 1 + any(80), 1 + any(60));
		for (uint32_t at = 0; i % 2 && at < pixels.width * pixels.height * 3; at++)
			pixels.data[at] = (uint8_t)(pixels.data[at] + any(5));
		assert_int_equal(encode_png(&pixels, NULL, 0, &png), 0);
		damage(&png, 150, true);
		seed_buf_release(&png);
		seed_pixels_release(&pixels);
	}
}

static void streams(void **state)
{
	uint8_t raw[2000], stream[4000];

	SEED_UNUSED(state);
	for (int i = 0; i < 100; i++) {
		uint32_t len = 1 + any(sizeof(raw)), values = 1 + any(255);
		const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
		uLongf made = sizeof(stream);
		struct seed_buf buf;

		for (uint32_t at = 0; at < len; at++)
			raw[at] = (uint8_t)(any(3) || !at ? any(values) : raw[at - 1]);
		assert_int_equal(compress2(stream, &made, raw, len, (int)any(10)), Z_OK);
		seed_buf_init(&buf, MADE_MAX_BYTES);
		add(&buf, head, 2);
		add(&buf, stream, made);
		damage(&buf, 100, false);
		seed_buf_release(&buf);
	}
}

static void webps(void **state)
{
	SEED_UNUSED(state);
	for (int lossless = 0; lossless < 2; lossless++) {
		struct seed_pixels pixels;
		struct seed_buf webp;
		uint8_t *data;
		size_t len;

		make_pixels(&pixels, 40, 24);
		len = lossless ? WebPEncodeLosslessRGB(pixels.data, 40, 24, 120, &data)
			       : WebPEncodeRGB(pixels.data, 40, 24, 120, 80, &data);
		assert_true(len > 0);
		seed_buf_init(&webp, MADE_MAX_BYTES);
		add(&webp, data, len);
		WebPFree(data);
		/* Not its size: what is damaged there costs only memory. */
		damage(&webp, 300, false);
		seed_buf_release(&webp);
		seed_pixels_release(&pixels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pngs),
		cmocka_unit_test(encoded),
		cmocka_unit_test(streams),
		cmocka_unit_test(webps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
