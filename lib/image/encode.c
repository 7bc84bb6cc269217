#include "lib/image/encode.h"

#include <png.h>
#include <zlib.h>

#include "lib/image/crc.h"
#include "lib/image/png_chunks.h"

/* PNG specification 11.3.4.2: 1 to 79 bytes; longer texts than this go to
 * iTXt, so that a viewer that limits tEXt still shows the short ones. */
#define KEYWORD_MAX_BYTES 79
#define PLAIN_TEXT_MAX_BYTES 1024
/* Perceptual: what pictures are for (11.3.3.5). */
#define SRGB_INTENT 0
/* One IDAT chunk; also what libpng holds back. */
#define IDAT_BYTES (256 * 1024)

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

struct png_writer {
	const struct seed_pixels *pixels;
	const struct seed_image_text *texts;
	size_t text_count;
	struct seed_buf *out;
	errint_t err;
	png_structp png;
	png_infop info;
};

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
	struct png_writer *writer = png_get_error_ptr(png);

	SEED_UNUSED(text);
	if (!writer->err)
		writer->err = -ENOMEM;
	png_longjmp(png, 1);
}

static void on_write(png_structp png, png_bytep data, size_t len)
{
	struct png_writer *writer = png_get_io_ptr(png);

	writer->err = seed_buf_add(writer->out, data, len);
	if (writer->err)
		png_error(png, "write");
}

static void on_flush(png_structp png)
{
	SEED_UNUSED(png);
}

/* Alone in its function, so that setjmp meets no local variable that changes. */
static void write_picture(struct png_writer *writer)
{
	png_structp png = writer->png;

	if (setjmp(png_jmpbuf(png)))
		return;
	png_set_write_fn(png, writer, on_write, on_flush);
	png_set_IHDR(png, writer->info, writer->pixels->width, writer->pixels->height, 8,
		     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
		     PNG_FILTER_TYPE_BASE);
	png_set_compression_buffer_size(png, IDAT_BYTES);
	/* Photographs hold no repeats that a search for them would pay for: runs
	 * and Huffman codes are as small as level 1 and faster; without runs,
	 * drawings would be far too large. */
	png_set_compression_level(png, 1);
	png_set_compression_strategy(png, Z_RLE);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
	png_write_info(png, writer->info);
	writer->err = put_ancillary(writer->out, writer->texts, writer->text_count);
	if (writer->err)
		png_error(png, "write");
	for (uint32_t y = 0; y < writer->pixels->height; y++)
		png_write_row(png, seed_pixels_row(writer->pixels, y));
	png_write_end(png, NULL);
}

errint_t seed_encode(const struct seed_pixels *pixels, const struct seed_image_text *texts,
		     size_t text_count, struct seed_buf *png, struct seed_error *error)
{
	struct png_writer writer = {
		.pixels = pixels, .texts = texts, .text_count = text_count, .out = png,
	};

	error->code = 0;
	writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, on_error, NULL);
	if (writer.png)
		writer.info = png_create_info_struct(writer.png);
	if (writer.info)
		write_picture(&writer);
	else
		writer.err = -ENOMEM;
	png_destroy_write_struct(&writer.png, &writer.info);
	return report(writer.err, error);
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
