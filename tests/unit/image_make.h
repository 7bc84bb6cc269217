/*
 * Pictures to test with, made byte by byte, so that each can be wrong in one
 * place: PNG with stored deflate blocks (every byte of the stream is where the
 * test puts it), JPEG and WebP through their libraries.
 */
#ifndef TEST_IMAGE_MAKE_H
#define TEST_IMAGE_MAKE_H

#include "tests/unit/unit.h"

#include <libdeflate.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/image/decode.h"
#include "lib/image/encode.h"
#include "lib/image/fit.h"
#include "lib/image/pixels.h"

#define MADE_MAX_BYTES (64U << 20)

static inline void add(struct seed_buf *buf, const void *data, size_t len)
{
	assert_int_equal(seed_buf_add(buf, data, len), 0);
}

static inline void add_be32(struct seed_buf *buf, uint32_t value)
{
	const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				 (uint8_t)(value >> 8), (uint8_t)value};

	add(buf, bytes, 4);
}

static inline const uint8_t *bytes_of(const struct seed_buf *buf)
{
	return (const uint8_t *)buf->data;
}

static inline void add_chunk(struct seed_buf *buf, const char *name, const void *data, size_t len)
{
	uint32_t crc = libdeflate_crc32(0, name, 4);

	add_be32(buf, (uint32_t)len);
	add(buf, name, 4);
	add(buf, data, len);
	add_be32(buf, len ? libdeflate_crc32(crc, data, len) : crc);
}

/* A zlib stream of one stored block. */
static inline void add_zlib(struct seed_buf *buf, const uint8_t *raw, size_t len)
{
	const uint8_t head[] = {0x78, 0x01, 0x01, (uint8_t)len, (uint8_t)(len >> 8),
				(uint8_t)~len, (uint8_t)(~len >> 8)};
	uint32_t a = 1, b = 0;

	assert_true(len < 65536);
	for (size_t i = 0; i < len; i++) {
		a = (a + raw[i]) % 65521;
		b = (b + a) % 65521;
	}
	add(buf, head, sizeof(head));
	add(buf, raw, len);
	add_be32(buf, b << 16 | a);
}

struct png_kind {
	uint32_t width, height;
	int depth, colour;
	bool interlaced;
};

static inline int channels_of(int colour)
{
	return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1;
}

/* What the test pictures hold: never one colour, all values of small depths. */
static inline uint32_t sample(const struct png_kind *kind, uint32_t x, uint32_t y, int channel)
{
	uint32_t value = x * 2654435761U + y * 40503U * 977U + (uint32_t)channel * 7919U * 65537U;

	return (value ^ value >> 13) % (1U << kind->depth);
}

static inline void put_bits(uint8_t *row, size_t bit, int depth, uint32_t value)
{
	if (depth & (depth - 1))
		return; /* no such depth: the header is what is wrong */
	if (depth == 16) {
		row[bit / 8] = (uint8_t)(value >> 8);
		row[bit / 8 + 1] = (uint8_t)value;
	} else {
		row[bit / 8] = (uint8_t)(row[bit / 8] |
					 value << (8 - depth - (int)(bit % 8)));
	}
}

/* One pass (or the whole) as filtered rows, all with filter 0. */
static inline void add_rows(struct seed_buf *raw, const struct png_kind *kind, uint32_t x0, uint32_t y0,
			    uint32_t dx, uint32_t dy)
{
	uint32_t width = (kind->width - x0 + dx - 1) / dx;
	size_t bits = (size_t)channels_of(kind->colour) * (size_t)kind->depth;
	uint8_t row[4096];

	if (x0 >= kind->width)
		return;
	for (uint32_t y = y0; y < kind->height; y += dy) {
		memset(row, 0, sizeof(row));
		for (uint32_t i = 0; i < width; i++)
			for (int c = 0; c < channels_of(kind->colour); c++)
				put_bits(row + 1, i * bits + (size_t)c * (size_t)kind->depth, kind->depth,
					 sample(kind, x0 + i * dx, y, c));
		add(raw, row, 1 + (width * bits + 7) / 8);
	}
}

static inline void add_raw(struct seed_buf *raw, const struct png_kind *kind)
{
	static const uint32_t passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
					      {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

	if (!kind->interlaced) {
		add_rows(raw, kind, 0, 0, 1, 1);
		return;
	}
	for (int i = 0; i < 7; i++)
		add_rows(raw, kind, passes[i][0], passes[i][1], passes[i][2], passes[i][3]);
}

/* Signature and IHDR. */
static inline void add_head(struct seed_buf *png, const struct png_kind *kind)
{
	const uint8_t ihdr[13] = {
		(uint8_t)(kind->width >> 24), (uint8_t)(kind->width >> 16), (uint8_t)(kind->width >> 8),
		(uint8_t)kind->width, (uint8_t)(kind->height >> 24), (uint8_t)(kind->height >> 16),
		(uint8_t)(kind->height >> 8), (uint8_t)kind->height, (uint8_t)kind->depth,
		(uint8_t)kind->colour, 0, 0, kind->interlaced,
	};

	add(png, "\x89PNG\r\n\x1a\n", 8);
	add_chunk(png, "IHDR", ihdr, sizeof(ihdr));
}

/* IDAT and IEND of the test picture. */
static inline void add_pixels(struct seed_buf *png, const struct png_kind *kind)
{
	struct seed_buf raw, stream;

	seed_buf_init(&raw, MADE_MAX_BYTES);
	seed_buf_init(&stream, MADE_MAX_BYTES);
	add_raw(&raw, kind);
	add_zlib(&stream, bytes_of(&raw), raw.len_bytes);
	add_chunk(png, "IDAT", stream.data, stream.len_bytes);
	add_chunk(png, "IEND", NULL, 0);
	seed_buf_release(&raw);
	seed_buf_release(&stream);
}

/* A picture of a few colours in smooth areas; JPEG keeps it nearly. */
static inline void make_pixels(struct seed_pixels *pixels, uint32_t width, uint32_t height)
{
	struct seed_error error;

	assert_int_equal(seed_pixels_alloc(pixels, width, height, &error), 0);
	for (uint32_t y = 0; y < height; y++) {
		uint8_t *row = seed_pixels_row(pixels, y);

		for (uint32_t x = 0; x < width; x++) {
			row[x * 3] = (uint8_t)(x * 255 / width);
			row[x * 3 + 1] = (uint8_t)(y * 255 / height);
			row[x * 3 + 2] = (uint8_t)((x + y) * 127 / (width + height));
		}
	}
}

/* A chunk of WebP's container, or all of it. */
static inline void add_riff(struct seed_buf *file, const char *name, const void *data, size_t len)
{
	const uint8_t size[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), 0};

	add(file, name, 4);
	add(file, size, 4);
	add(file, data, len);
	if (len & 1)
		add(file, "", 1);
}

static inline void read_back(int fd, struct seed_buf *buf)
{
	struct stat st;
	char *data;

	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	seed_buf_init(buf, MADE_MAX_BYTES);
	add(buf, data, (size_t)st.st_size);
	free(data);
}

/* What seed_decode_for() gives for a smaller result, fitted on the way or not, is what
 * seed_fit() makes of what seed_decode() gave, with the same verdict. Returns whether it was
 * fitted on the way. */
static inline bool check_decode_for(const void *data, size_t len, uint32_t width, uint32_t height,
				    const struct seed_decoded *whole, const struct seed_error *refused)
{
	const uint32_t from_width = whole->pixels.width, from_height = seed_decoded_height(whole);
	struct seed_error error = {0};
	struct seed_pixels want = {0};
	struct seed_fit_plan plan;
	struct seed_decoded got;
	bool on_the_way;

	assert_int_equal(seed_decode_for(data, len, width, height, &got, &error), -refused->code);
	assert_string_equal(error.message, refused->message);
	assert_int_equal(seed_decoded_width(&got), from_width);
	assert_int_equal(seed_decoded_height(&got), from_height);
	on_the_way = got.fitted_width != 0;
	if (!error.code && got.pixels.data && from_width > width && from_height > height) {
		assert_int_equal(seed_fit_plan(from_width, from_height, width, height, 16, false, &plan,
					       &error), 0);
		assert_int_equal(seed_pixels_alloc(&want, from_width, from_height, &error), 0);
		memcpy(want.data, whole->pixels.data, (size_t)from_width * from_height * 3);
		assert_int_equal(seed_fit(&want, &plan, width, height, &error), 0);
		plan.area.y -= got.rows_above;
		assert_int_equal(seed_fit(&got.pixels, &plan, width, height, &error), 0);
		assert_memory_equal(got.pixels.data, want.data, (size_t)width * height * 3);
	}
	seed_pixels_release(&want);
	seed_decoded_release(&got);
	return on_the_way;
}

/* seed_encode() into `png`, which is set up here. */
static inline errint_t encode_png(const struct seed_pixels *pixels, const struct seed_image_text *texts,
				  size_t count, struct seed_buf *png)
{
	const struct seed_image_texts all = {.ours = texts, .count = count};
	int fd = memfd_create("png", MFD_CLOEXEC);
	char sha256[SEED_SHA256_HEX_BYTES];
	struct seed_error error;
	struct seed_sink sink;
	errint_t err;

	assert_true(fd >= 0);
	assert_int_equal(seed_sink_init(&sink, fd, &error), 0);
	err = seed_encode(pixels, &all, &sink, &error);
	if (!err)
		assert_int_equal(seed_sink_finish(&sink, sha256, &error), 0);
	seed_sink_release(&sink);
	read_back(fd, png);
	close(fd);
	return err;
}

#endif
