/* The fuzz target of tests/fuzz/image.c for a bounded number of inputs, the
 * same in every run: valid pictures and streams, and what damage makes of them. */
#include "tests/unit/image_make.h"

#include <libdeflate.h>
#include <stdio.h>

#include <jpeglib.h>
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
		crc = libdeflate_crc32(0, data + at + 4, size + 4);
		for (size_t i = 0; i < 4; i++)
			data[at + 8 + size + i] = (uint8_t)(crc >> (24 - 8 * i));
		at += size + 12;
	}
}

static void damage(const struct seed_buf *whole, int rounds, bool png)
{
	LLVMFuzzerTestOneInput(bytes_of(whole), whole->len_bytes);
	for (int round = 0; round < rounds; round += (int)unit_stride()) {
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

struct jpeg_kind {
	J_COLOR_SPACE stored;
	int across, down; /* luma samples for one of chroma */
	bool progressive, restarts;
};

static void make_jpeg(struct seed_buf *out, const struct jpeg_kind *kind, uint32_t width,
		      uint32_t height)
{
	bool cmyk = kind->stored == JCS_YCCK, grey = kind->stored == JCS_GRAYSCALE;
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long len = 0;
	uint8_t row[4 * 256];
	JSAMPROW rows = row;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &data, &len);
	jpeg.image_width = width;
	jpeg.image_height = height;
	jpeg.input_components = cmyk ? 4 : grey ? 1 : 3;
	jpeg.in_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg_set_colorspace(&jpeg, kind->stored);
	jpeg_set_quality(&jpeg, 30 + (int)any(70), TRUE);
	jpeg.comp_info[0].h_samp_factor = kind->across;
	jpeg.comp_info[0].v_samp_factor = kind->down;
	if (cmyk) {
		jpeg.comp_info[3].h_samp_factor = kind->across;
		jpeg.comp_info[3].v_samp_factor = kind->down;
	}
	if (kind->progressive)
		jpeg_simple_progression(&jpeg);
	if (kind->restarts)
		jpeg.restart_interval = 1 + any(9);
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < height) {
		for (uint32_t i = 0; i < sizeof(row); i++)
			row[i] = (uint8_t)(i * 3 + jpeg.next_scanline * 5 + any(60));
		jpeg_write_scanlines(&jpeg, &rows, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	seed_buf_init(out, MADE_MAX_BYTES);
	add(out, data, len);
	free(data);
}

/* Where the frame's header says how large the picture is (B.2.2). */
static size_t size_offset(const struct seed_buf *jpeg)
{
	for (size_t at = 0; at + 9 < jpeg->len_bytes; at++)
		if (bytes_of(jpeg)[at] == 0xff && bytes_of(jpeg)[at + 1] >= 0xc0 &&
		    bytes_of(jpeg)[at + 1] <= 0xc2)
			return at + 5;
	fail_msg("no frame");
	return 0;
}

/* Everywhere but in its size: that costs only memory and time. */
static void damage_jpeg(const struct seed_buf *whole)
{
	size_t size_at = size_offset(whole);

	for (int round = 0; round < 60; round += (int)unit_stride()) {
		size_t len = any(8) ? whole->len_bytes : any((uint32_t)whole->len_bytes + 1);
		uint8_t *data = malloc(len ? len : 1);

		assert_non_null(data);
		memcpy(data, whole->data, len);
		for (uint32_t flips = 1 + any(3); flips && len; flips--)
			data[any((uint32_t)len)] ^= (uint8_t)(1 << any(8));
		if (len >= size_at + 4)
			memcpy(data + size_at, whole->data + size_at, 4);
		LLVMFuzzerTestOneInput(data, len);
		free(data);
	}
}

/* Every sampling, in heights that cut a block anywhere, whole and damaged. */
static void jpegs(void **state)
{
	static const struct jpeg_kind kinds[] = {
		{JCS_YCbCr, 1, 1, false, false}, {JCS_YCbCr, 2, 1, false, false},
		{JCS_YCbCr, 2, 2, false, false}, {JCS_YCbCr, 1, 2, false, false},
		{JCS_YCbCr, 4, 1, false, false}, {JCS_YCbCr, 2, 2, true, false},
		{JCS_YCbCr, 1, 1, true, false}, {JCS_YCbCr, 2, 2, false, true},
		{JCS_YCbCr, 1, 1, false, true}, {JCS_YCbCr, 2, 2, true, true},
		{JCS_RGB, 1, 1, false, false}, {JCS_YCCK, 2, 2, false, false},
		{JCS_GRAYSCALE, 1, 1, false, false}, {JCS_GRAYSCALE, 1, 1, true, false},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(kinds); i++) {
		for (int round = 0; round < 12; round++) {
			struct seed_buf jpeg;

			make_jpeg(&jpeg, &kinds[i], 1 + any(100), 1 + any(140));
			LLVMFuzzerTestOneInput(bytes_of(&jpeg), jpeg.len_bytes);
			damage_jpeg(&jpeg);
			seed_buf_release(&jpeg);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pngs),
		cmocka_unit_test(encoded),
		cmocka_unit_test(streams),
		cmocka_unit_test(webps),
		cmocka_unit_test(jpegs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
