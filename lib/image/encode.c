#include "lib/image/encode.h"

#include <libdeflate.h>

#include "lib/image/crc.h"
#include "lib/image/deflate.h"
#include "lib/image/filter.h"
#include "lib/image/png_chunks.h"
#include "lib/image/unfilter.h"

/* PNG specification 11.3.4.2: 1 to 79 bytes; longer texts than this go to
 * iTXt, so that a viewer that limits tEXt still shows the short ones. */
#define KEYWORD_MAX_BYTES 79
#define PLAIN_TEXT_MAX_BYTES 1024
/* Perceptual: what pictures are for (11.3.3.5). */
#define SRGB_INTENT 0
/* One IDAT chunk where bands do not give its size. */
#define IDAT_BYTES ((size_t)256 * 1024)
/* Rows that are filtered and compressed while they are in the cache. */
#define BAND_ROWS 32
/* RFC 1950: deflate, a window of 32 KiB, fastest level; a multiple of 31. */
#define ZLIB_HEADER "\x78\x01"
#define ZLIB_HEADER_BYTES 2

/* What tells drawings from photographs: see matches_pay(). */
#define SAMPLE_PIECES 8
#define SAMPLE_ROWS 2 /* of each */
#define PHOTO_HALF_BITS 7 /* a byte */
/* libdeflate's level, of the sample and of drawings. The next ones are a tenth
 * smaller, for half as much time again and more. */
#define MATCH_LEVEL 1

static errint_t put_be32(struct seed_buf *png, uint32_t value)
{
	const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value};

	return seed_buf_add(png, bytes, sizeof(bytes));
}

/* A chunk out of up to two pieces. */
static errint_t put_chunk(struct seed_buf *png, const char *name, const void *head, size_t head_len,
			  const void *body, size_t body_len)
{
	uint32_t crc = seed_crc32(0, name, 4);
	errint_t err;

	crc = seed_crc32(crc, head, head_len);
	crc = seed_crc32(crc, body, body_len);
	err = put_be32(png, (uint32_t)(head_len + body_len));
	if (!err)
		err = seed_buf_add(png, name, 4);
	if (!err)
		err = seed_buf_add(png, head, head_len);
	if (!err)
		err = seed_buf_add(png, body, body_len);
	if (!err)
		err = put_be32(png, crc);
	return err;
}

static bool text_is_plain(const char *text, size_t len)
{
	if (len >= PLAIN_TEXT_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\n' && (c < 0x20 || c >= 0x7f))
			return false;
	}
	return true;
}

static errint_t put_text(struct seed_buf *png, const struct seed_image_text *text)
{
	/* Behind the keyword and its NUL: not compressed, method 0, no
	 * language, no translated keyword. */
	static const char international[4] = {0, 0, 0, 0};
	char head[KEYWORD_MAX_BYTES + 1 + sizeof(international)] = {0};
	size_t keyword_len = strlen(text->keyword);
	size_t len = strlen(text->text);

	if (!keyword_len || keyword_len > KEYWORD_MAX_BYTES)
		return -EINVAL;
	memcpy(head, text->keyword, keyword_len);
	if (text_is_plain(text->text, len))
		return put_chunk(png, "tEXt", head, keyword_len + 1, text->text, len);
	return put_chunk(png, "iTXt", head, keyword_len + 1 + sizeof(international), text->text, len);
}

/* Everything between IHDR and the pixels. */
static errint_t put_ancillary(struct seed_buf *png, const struct seed_image_text *texts,
			      size_t text_count)
{
	static const uint8_t intent = SRGB_INTENT;
	errint_t err;

	err = put_chunk(png, "sRGB", &intent, 1, NULL, 0);
	for (size_t i = 0; !err && i < text_count; i++)
		err = put_text(png, &texts[i]);
	return err;
}

static errint_t report(errint_t err, struct seed_error *error)
{
	if (err && !error->code)
		return seed_error_set(error, -err, "cannot write the PNG: %s", strerror(-err));
	return err;
}

/* How much larger than that of libdeflate a sample may be before matches are
 * worth five times the time: for less than an eighth they are not. */
#define WORTH_NUMERATOR 9
#define WORTH_DENOMINATOR 8

struct writer {
	const struct seed_pixels *pixels;
	struct seed_buf *png;
	uint8_t *filtered;   /* owned: rows of a band, or all */
	uint8_t *compressed; /* owned */
	struct seed_deflate_scratch *scratch; /* owned */
	uint32_t adler;
};

static errint_t put_idat(struct seed_buf *png, const uint8_t *data, size_t len)
{
	return put_chunk(png, "IDAT", NULL, 0, data, len);
}

static void add_be32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t band_rows(const struct writer *writer, uint32_t y)
{
	uint32_t left = writer->pixels->height - y;

	return left < BAND_ROWS ? left : BAND_ROWS;
}

/* Photographs: an IDAT chunk a band. */
static errint_t write_bands(struct writer *writer)
{
	size_t stride = seed_filtered_stride_bytes(writer->pixels->width);
	struct seed_deflate deflate;
	errint_t err = 0;

	seed_deflate_init(&deflate, writer->compressed, writer->scratch);
	memcpy(deflate.out.at, ZLIB_HEADER, ZLIB_HEADER_BYTES);
	deflate.out.at += ZLIB_HEADER_BYTES;
	for (uint32_t y = 0; !err && y < writer->pixels->height; y += BAND_ROWS) {
		uint32_t rows = band_rows(writer, y);
		bool last = y + rows == writer->pixels->height;

		seed_filter_rows(writer->pixels, y, rows, writer->filtered);
		writer->adler = libdeflate_adler32(writer->adler, writer->filtered, rows * stride);
		seed_deflate_add(&deflate, writer->filtered, rows * stride);
		if (last) {
			seed_deflate_end(&deflate);
			add_be32(deflate.out.at, writer->adler);
			deflate.out.at += 4;
		}
		err = put_idat(writer->png, writer->compressed,
			       (size_t)(deflate.out.at - writer->compressed));
		deflate.out.at = writer->compressed;
	}
	return err;
}

/* Drawings: all rows at once, with matches. */
static errint_t write_matched(const struct seed_pixels *pixels, struct seed_buf *png)
{
	size_t bytes = seed_filtered_stride_bytes(pixels->width) * pixels->height, len;
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(MATCH_LEVEL);
	size_t bound = libdeflate_zlib_compress_bound(compressor, bytes);
	uint8_t *filtered = malloc(bytes), *compressed = malloc(bound);
	errint_t err = -ENOMEM;

	if (!compressor || !filtered || !compressed)
		goto out;
	seed_filter_rows(pixels, 0, pixels->height, filtered);
	len = libdeflate_zlib_compress(compressor, filtered, bytes, compressed, bound);
	err = 0;
	for (size_t done = 0; !err && done < len; done += IDAT_BYTES)
		err = put_idat(png, compressed + done,
			       len - done < IDAT_BYTES ? len - done : IDAT_BYTES);
out:
	free(filtered);
	free(compressed);
	libdeflate_free_compressor(compressor);
	return err;
}

/* Filters and compresses a sample of the rows both ways: whether matches pay.
 * The sample is a few pieces of rows from top to bottom, because pictures are
 * often flat at one end. Where codes alone take three and a half bits a byte,
 * matches are not tried at all: such noise does not repeat. */
static bool matches_pay(const struct writer *writer)
{
	const struct seed_pixels *pixels = writer->pixels;
	size_t stride = seed_filtered_stride_bytes(pixels->width), len = 0, coded, matched;
	uint32_t pieces = pixels->height < BAND_ROWS ? 1 : SAMPLE_PIECES;
	uint32_t rows = pixels->height < BAND_ROWS ? pixels->height : SAMPLE_ROWS;
	struct libdeflate_compressor *compressor;
	struct seed_deflate deflate;

	for (uint32_t i = 0; i < pieces; i++) {
		uint32_t y = (uint32_t)((uint64_t)(pixels->height - rows) * (2 * i + 1) / (2 * pieces));

		seed_filter_rows(pixels, y, rows, writer->filtered + len);
		len += rows * stride;
	}
	seed_deflate_init(&deflate, writer->compressed, writer->scratch);
	seed_deflate_add(&deflate, writer->filtered, len);
	seed_deflate_end(&deflate);
	coded = (size_t)(deflate.out.at - writer->compressed);
	if (coded * 16 >= len * PHOTO_HALF_BITS)
		return false;
	compressor = libdeflate_alloc_compressor(MATCH_LEVEL);
	if (!compressor)
		return false;
	/* 0: does not fit, so larger. */
	matched = libdeflate_deflate_compress(compressor, writer->filtered, len, writer->compressed,
					      coded);
	libdeflate_free_compressor(compressor);
	return matched && coded * WORTH_DENOMINATOR > matched * WORTH_NUMERATOR;
}

static errint_t write_pixels(const struct seed_pixels *pixels, struct seed_buf *png)
{
	struct writer writer = {.pixels = pixels, .png = png, .adler = 1};
	size_t bytes = seed_filtered_stride_bytes(pixels->width) * band_rows(&writer, 0);
	errint_t err = -ENOMEM;

	writer.filtered = malloc(bytes);
	writer.compressed = malloc(ZLIB_HEADER_BYTES + SEED_DEFLATE_BOUND_BYTES(bytes));
	writer.scratch = malloc(SEED_DEFLATE_SCRATCH_BYTES(bytes));
	if (!writer.filtered || !writer.compressed || !writer.scratch)
		goto out;
	err = matches_pay(&writer) ? write_matched(pixels, png) : write_bands(&writer);
out:
	free(writer.filtered);
	free(writer.compressed);
	free(writer.scratch);
	return err;
}

static errint_t put_header(struct seed_buf *png, const struct seed_pixels *pixels)
{
	/* 8 bits, RGB, and the only methods there are. */
	uint8_t header[13] = {[8] = 8, [9] = 2};

	add_be32(header, pixels->width);
	add_be32(header + 4, pixels->height);
	return put_chunk(png, "IHDR", header, sizeof(header), NULL, 0);
}

errint_t seed_encode(const struct seed_pixels *pixels, const struct seed_image_text *texts,
		     size_t text_count, struct seed_buf *png, struct seed_error *error)
{
	errint_t err;

	error->code = 0;
	err = seed_buf_add(png, SEED_PNG_SIGNATURE, SEED_PNG_SIGNATURE_BYTES);
	if (!err)
		err = put_header(png, pixels);
	if (!err)
		err = put_ancillary(png, texts, text_count);
	if (!err)
		err = write_pixels(pixels, png);
	if (!err)
		err = put_chunk(png, "IEND", NULL, 0, NULL, 0);
	return report(err, error);
}

errint_t seed_encode_keep(const uint8_t *data, size_t len, const struct seed_image_text *texts,
			  size_t text_count, struct seed_buf *png, struct seed_error *error)
{
	size_t offset = SEED_PNG_SIGNATURE_BYTES;
	struct seed_png_layout layout;
	struct seed_png_chunk chunk;
	errint_t err;

	error->code = 0;
	err = seed_png_walk(data, len, &layout, error);
	if (!err)
		err = seed_buf_add(png, data, SEED_PNG_SIGNATURE_BYTES);
	while (!err && seed_png_next(data, layout.end, &offset, &chunk)) {
		/* Ancillary names begin with a small letter. */
		if (chunk.name[0] >= 'a')
			continue;
		err = seed_buf_add(png, chunk.frame,
				   (size_t)chunk.len + SEED_PNG_CHUNK_EXTRA_BYTES);
		if (!err && !strcmp(chunk.name, "IHDR"))
			err = put_ancillary(png, texts, text_count);
	}
	return report(err, error);
}
