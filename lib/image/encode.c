#include "lib/image/encode.h"

#include <libdeflate.h>

#include "lib/image/deflate.h"
#include "lib/image/filter.h"
#include "lib/image/png_chunks.h"
#include "lib/image/source_texts.h"
#include "lib/image/unfilter.h"

/* Longer texts than this go to iTXt, so that a viewer that limits tEXt still shows
 * the short ones. */
#define PLAIN_TEXT_MAX_BYTES 1024
/* Perceptual, the intent for pictures (11.3.3.5). */
#define SRGB_INTENT 0
/* The size of an IDAT chunk that does not hold a band. */
#define IDAT_BYTES ((size_t)256 * 1024)
/* Rows that are filtered and compressed while they are in the cache. */
#define BAND_ROWS 32
/* RFC 1950: deflate, a window of 32 KiB, fastest level; a multiple of 31. */
#define ZLIB_HEADER "\x78\x01"
#define ZLIB_HEADER_BYTES 2

/* How drawings are told from photographs: see matches_pay(). */
#define SAMPLE_PIECES 8
#define SAMPLE_ROWS 2 /* of each */
#define PHOTO_HALF_BITS 7 /* a byte */
/* libdeflate's level, for the sample and for drawings. The results of the next levels are a
 * tenth smaller, and take at least half as much time again. */
#define MATCH_LEVEL 1

/* What an encoder writes to, and tells its failures with. */
struct output {
	struct seed_sink *sink;
	struct seed_error *error;
};

static void store_be32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static errint_t put_bytes(const struct output *output, const void *data, size_t len)
{
	const struct iovec piece = {(void *)(uintptr_t)data, len};

	return seed_sink_write(output->sink, &piece, 1, output->error);
}

/* A chunk out of two pieces, which may be empty, but not NULL: with NULL, libdeflate
 * returns the initial CRC. */
static errint_t put_chunk(const struct output *output, const char *name, const void *head,
			  size_t head_len, const void *body, size_t body_len)
{
	uint8_t frame[8], sum[4];
	const struct iovec pieces[] = {
		{frame, sizeof(frame)}, {(void *)(uintptr_t)head, head_len},
		{(void *)(uintptr_t)body, body_len}, {sum, sizeof(sum)},
	};
	uint32_t crc;

	store_be32(frame, (uint32_t)(head_len + body_len));
	memcpy(frame + 4, name, 4);
	crc = libdeflate_crc32(0, name, 4);
	crc = libdeflate_crc32(crc, head, head_len);
	crc = libdeflate_crc32(crc, body, body_len);
	store_be32(sum, crc);
	return seed_sink_write(output->sink, pieces, SEED_ARRAY_LEN(pieces), output->error);
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

static errint_t put_text(const struct output *output, const struct seed_image_text *text,
			 bool beside_source)
{
	/* After the keyword and its NUL: not compressed, method 0, no language, no
	 * translated keyword. */
	static const char international[4] = {0, 0, 0, 0};
	char head[SEED_IMAGE_KEYWORD_MAX_BYTES + 1 + sizeof(international)] = {0};
	size_t len = strlen(text->text), keyword_len;

	keyword_len = (size_t)snprintf(head, SEED_IMAGE_KEYWORD_MAX_BYTES + 1, "%s%s",
				       beside_source ? "seedfs:" : "", text->keyword);
	if (!*text->keyword || keyword_len > SEED_IMAGE_KEYWORD_MAX_BYTES)
		return seed_error_set(output->error, EINVAL, "cannot write a text chunk: its keyword "
				      "has %zu bytes", keyword_len);
	if (text_is_plain(text->text, len))
		return put_chunk(output, "tEXt", head, keyword_len + 1, text->text, len);
	return put_chunk(output, "iTXt", head, keyword_len + 1 + sizeof(international), text->text, len);
}

static errint_t put_source_text(const struct output *output, const struct seed_source_text *text)
{
	uint8_t head[SEED_IMAGE_KEYWORD_MAX_BYTES];
	size_t prefix_len = strlen(text->prefix);

	memcpy(head, text->prefix, prefix_len);
	memcpy(head + prefix_len, text->keyword, text->keyword_len);
	return put_chunk(output, text->name, head, prefix_len + text->keyword_len, text->rest,
			 text->rest_len);
}

/* Everything between IHDR and the pixels. */
static errint_t put_ancillary(const struct output *output, const struct seed_image_texts *texts)
{
	static const uint8_t intent = SRGB_INTENT;
	struct seed_source_texts kept;
	errint_t err;

	err = seed_source_texts(texts->source, texts->source_len, &kept, output->error);
	if (!err)
		err = put_chunk(output, "sRGB", &intent, 1, "", 0);
	for (size_t i = 0; !err && i < texts->count; i++)
		err = put_text(output, &texts->ours[i],
			       seed_source_texts_have(&kept, texts->ours[i].keyword));
	for (size_t i = 0; !err && i < kept.count; i++)
		err = put_source_text(output, &kept.texts[i]);
	return err;
}

static errint_t no_memory(const struct output *output)
{
	return seed_error_set(output->error, ENOMEM, "no memory to write a PNG");
}

/* Matches take five times the time. That pays if a sample without them is more than an
 * eighth larger than libdeflate's. */
#define WORTH_NUMERATOR 9
#define WORTH_DENOMINATOR 8

struct writer {
	const struct seed_pixels *pixels;
	const struct output *output;
	uint8_t *filtered;   /* owned: rows of a band, or all */
	uint8_t *compressed; /* owned */
	struct seed_deflate_scratch *scratch; /* owned */
	uint32_t adler;
};

static errint_t put_idat(const struct output *output, const uint8_t *data, size_t len)
{
	return put_chunk(output, "IDAT", "", 0, data, len);
}

static uint32_t band_rows(const struct writer *writer, uint32_t y)
{
	uint32_t left = writer->pixels->height - y;

	return left < BAND_ROWS ? left : BAND_ROWS;
}

/* Photographs: an IDAT chunk for each band. */
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
			store_be32(deflate.out.at, writer->adler);
			deflate.out.at += 4;
		}
		err = put_idat(writer->output, writer->compressed,
			       (size_t)(deflate.out.at - writer->compressed));
		deflate.out.at = writer->compressed;
	}
	return err;
}

/* Drawings: all rows at once, with matches. */
static errint_t write_matched(const struct seed_pixels *pixels, const struct output *output)
{
	size_t bytes = seed_filtered_stride_bytes(pixels->width) * pixels->height, len;
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(MATCH_LEVEL);
	size_t bound = libdeflate_zlib_compress_bound(compressor, bytes);
	uint8_t *filtered = malloc(bytes), *compressed = malloc(bound);
	errint_t err = 0;

	if (!compressor || !filtered || !compressed) {
		err = no_memory(output);
		goto out;
	}
	seed_filter_rows(pixels, 0, pixels->height, filtered);
	len = libdeflate_zlib_compress(compressor, filtered, bytes, compressed, bound);
	for (size_t done = 0; !err && done < len; done += IDAT_BYTES)
		err = put_idat(output, compressed + done,
			       len - done < IDAT_BYTES ? len - done : IDAT_BYTES);
out:
	free(filtered);
	free(compressed);
	libdeflate_free_compressor(compressor);
	return err;
}

/* Whether matches pay: filters a sample of the rows and compresses it both ways. The sample
 * is a few pieces of rows from top to bottom, because pictures are often flat at one end.
 * If codes alone take three and a half bits a byte or more, matches are not tried at all:
 * such noise does not repeat. */
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
	/* 0: it does not fit, so it is larger. */
	matched = libdeflate_deflate_compress(compressor, writer->filtered, len, writer->compressed,
					      coded);
	libdeflate_free_compressor(compressor);
	return matched && coded * WORTH_DENOMINATOR > matched * WORTH_NUMERATOR;
}

static errint_t write_pixels(const struct seed_pixels *pixels, const struct output *output)
{
	struct writer writer = {.pixels = pixels, .output = output, .adler = 1};
	size_t bytes = seed_filtered_stride_bytes(pixels->width) * band_rows(&writer, 0);
	errint_t err;

	writer.filtered = malloc(bytes);
	writer.compressed = malloc(ZLIB_HEADER_BYTES + SEED_DEFLATE_BOUND_BYTES(bytes));
	writer.scratch = malloc(SEED_DEFLATE_SCRATCH_BYTES(bytes));
	if (!writer.filtered || !writer.compressed || !writer.scratch)
		err = no_memory(output);
	else if (matches_pay(&writer))
		err = write_matched(pixels, output);
	else
		err = write_bands(&writer);
	free(writer.filtered);
	free(writer.compressed);
	free(writer.scratch);
	return err;
}

static errint_t put_header(const struct output *output, const struct seed_pixels *pixels)
{
	/* 8 bits, RGB, and the only methods that are defined. */
	uint8_t header[13] = {[8] = 8, [9] = 2};

	store_be32(header, pixels->width);
	store_be32(header + 4, pixels->height);
	return put_chunk(output, "IHDR", header, sizeof(header), "", 0);
}

errint_t seed_encode(const struct seed_pixels *pixels, const struct seed_image_texts *texts,
		     struct seed_sink *sink, struct seed_error *error)
{
	const struct output output = {sink, error};
	errint_t err;

	err = put_bytes(&output, SEED_PNG_SIGNATURE, SEED_PNG_SIGNATURE_BYTES);
	if (!err)
		err = put_header(&output, pixels);
	if (!err)
		err = put_ancillary(&output, texts);
	if (!err)
		err = write_pixels(pixels, &output);
	if (!err)
		err = put_chunk(&output, "IEND", "", 0, "", 0);
	return err;
}

errint_t seed_encode_keep(const uint8_t *data, size_t len, const struct seed_image_texts *texts,
			  struct seed_sink *sink, struct seed_error *error)
{
	const struct output output = {sink, error};
	/* `kept`: where the bytes that are kept but not yet written begin; first of all,
	 * the signature. */
	size_t kept = 0, offset = SEED_PNG_SIGNATURE_BYTES, start = offset;
	struct seed_png_layout layout;
	struct seed_png_chunk chunk;
	errint_t err;

	err = seed_png_walk(data, len, &layout, error);
	for (; !err && seed_png_next(data, layout.end, &offset, &chunk); start = offset) {
		bool is_header = !strcmp(chunk.name, "IHDR");
		/* The names of ancillary chunks begin with a lower-case letter. */
		bool keep = chunk.name[0] < 'a';
		size_t end = keep ? offset : start;

		if (keep && !is_header)
			continue;
		err = put_bytes(&output, data + kept, end - kept);
		kept = offset;
		if (!err && is_header)
			err = put_ancillary(&output, texts);
	}
	return err ? err : put_bytes(&output, data + kept, layout.end - kept);
}
