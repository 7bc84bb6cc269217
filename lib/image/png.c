/*
 * PNG to pixels. seed_png_walk() checks the container. A plain picture, 8-bit
 * RGB, is inflated here, eight rows at a time, and unfiltered if its pixels
 * are needed. All other pictures, and plain ones with anything unusual, go to
 * libpng. libpng decides what is refused and why: nothing passes here that it
 * would refuse, and all messages are its own.
 *
 * libpng treats every warning as an error. It sees neither colour management
 * (lib/image/png_colour.h) nor text, because what is odd about these is not
 * odd about the picture. Where it stopped reading tells whether there is more
 * data than the picture has. It would inflate all of that to say what is wrong with it,
 * a thousand bytes for each that came; so behind the rows it gets only a little.
 */
#include <png.h>

#include "lib/image/decode.h"
#include "lib/image/exif.h"
#include "lib/image/inflate.h"
#include "lib/image/png_chunks.h"
#include "lib/image/png_colour.h"
#include "lib/image/resample.h"
#include "lib/image/unfilter.h"
#include "lib/image/wave.h"

/* Of the compressed data, how much more is read for the last row than the row needs: empty
 * blocks and headers, or a surplus. Deflate makes at most 1032 bytes of one. */
#define BEHIND_ROWS_BYTES ((size_t)64 * 1024)

struct png_reader {
	const uint8_t *data;
	size_t len, offset;
	png_structp png;
	png_infop info;
	struct seed_pixels *pixels;
	uint8_t **rows;
	enum seed_samples samples;
	struct seed_colour *colour; /* owned; NULL: sRGB */
	uint8_t *unconverted;       /* owned: rows of RGBA, which become pixels */
	struct seed_error *error;
	size_t last_bytes; /* of IDAT, that may still be read for the last row, */
	bool at_last;      /* which is being read */
	bool failed; /* `error` is set */
};

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
	struct png_reader *reader = png_get_error_ptr(png);

	if (!reader->failed)
		seed_image_invalid(reader->error, "PNG: %s", text);
	reader->failed = true;
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	on_error(png, text);
}

/* libpng's own words for a surplus: how large it is makes no difference. */
static void take_of_last(struct png_reader *reader, size_t len)
{
	if (len > reader->last_bytes)
		png_chunk_error(reader->png, "Too much image data");
	reader->last_bytes -= len;
}

static void on_read(png_structp png, png_bytep to, size_t len)
{
	struct png_reader *reader = png_get_io_ptr(png);

	if (reader->at_last && png_get_io_state(png) & PNG_IO_CHUNK_DATA)
		take_of_last(reader, len);
	if (len > reader->len - reader->offset)
		png_error(png, "it ends early");
	memcpy(to, reader->data + reader->offset, len);
	reader->offset += len;
}

static bool setup(struct png_reader *reader)
{
	reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, on_error, on_warning);
	if (reader->png)
		reader->info = png_create_info_struct(reader->png);
	return reader->info != NULL;
}

/* Each of these may fail, which libpng reports by a jump. */
static void set_options(struct png_reader *reader)
{
	png_structp png = reader->png;

	png_set_read_fn(png, reader, on_read);
	png_set_benign_errors(png, 0);
	png_set_user_limits(png, SEED_IMAGE_MAX_SIDE, SEED_IMAGE_MAX_SIDE);
	/* The walk has compared every CRC. */
	png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
	/* Ignores all ancillary chunks but tRNS. */
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Of a palette, libpng delivers the indices, one byte each: it would itself turn an index
 * beyond the end of the palette into black. */
static void ask_for_rgb(const struct png_reader *reader, int colour)
{
	static const png_color_16 black = {0};
	png_structp png = reader->png;

	if (colour == PNG_COLOR_TYPE_PALETTE) {
		png_set_packing(png);
		return;
	}
	png_set_expand(png);
	png_set_gray_to_rgb(png);
	if (reader->unconverted) {
		/* All bits, and alpha not yet applied. */
		png_set_add_alpha(png, 0xffff, PNG_FILLER_AFTER);
		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			png_set_swap(png);
		return;
	}
	png_set_scale_16(png);
	png_set_background(png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
}

static size_t pixel_bytes(const struct png_reader *reader, int colour)
{
	if (colour == PNG_COLOR_TYPE_PALETTE)
		return 1;
	if (!reader->unconverted)
		return 3;
	return reader->samples == SEED_SAMPLES_RGBA16 ? 8 : 4;
}

/* The palette's colours on black; returns how many there are. */
static int read_palette(struct png_reader *reader, uint8_t colours[256][3])
{
	png_colorp palette = NULL;
	png_bytep alphas = NULL;
	int count = 0, alpha_count = 0;

	png_get_PLTE(reader->png, reader->info, &palette, &count);
	png_get_tRNS(reader->png, reader->info, &alphas, &alpha_count, NULL);
	if (reader->colour)
		seed_colour_convert(reader->colour, palette, &palette->red, (size_t)count);
	for (int i = 0; i < count; i++) {
		unsigned alpha = i < alpha_count ? alphas[i] : 255;

		colours[i][0] = (uint8_t)((palette[i].red * alpha + 127) / 255);
		colours[i][1] = (uint8_t)((palette[i].green * alpha + 127) / 255);
		colours[i][2] = (uint8_t)((palette[i].blue * alpha + 127) / 255);
	}
	return count;
}

/* The indices are at the beginning of each row. They are replaced from the end backwards,
 * so that no colour overwrites an index that is still needed. */
static void apply_palette(struct png_reader *reader)
{
	uint8_t colours[256][3];
	int count = read_palette(reader, colours);

	for (uint32_t y = 0; y < reader->pixels->height; y++) {
		uint8_t *row = reader->rows[y];

		for (uint32_t x = reader->pixels->width; x-- > 0;) {
			int index = row[x];

			if (index >= count)
				png_error(reader->png, "a pixel is outside the palette");
			memcpy(row + (size_t)x * 3, colours[index], 3);
		}
	}
}

static void convert_rows(struct png_reader *reader)
{
	for (uint32_t y = 0; y < reader->pixels->height; y++)
		seed_colour_convert(reader->colour, reader->rows[y], seed_pixels_row(reader->pixels, y),
				    reader->pixels->width);
}

/* A literal takes at most 15 bits. */
static void limit_last(struct png_reader *reader)
{
	reader->last_bytes = png_get_rowbytes(reader->png, reader->info) * 2 + BEHIND_ROWS_BYTES;
}

/* As png_read_image(), which does not say when the last row begins. With that row libpng
 * reads on to the end of the stream. */
static void read_rows(struct png_reader *reader, int passes)
{
	uint32_t height = reader->pixels->height;

	for (int pass = 0; pass < passes; pass++) {
		for (uint32_t y = 0; y < height; y++) {
			reader->at_last = pass == passes - 1 && y == height - 1;
			png_read_row(reader->png, reader->rows[y], NULL);
		}
	}
}

/* A function of its own: no local variable may change after setjmp(). */
static bool read_pixels(struct png_reader *reader, const struct seed_png_layout *layout)
{
	if (setjmp(png_jmpbuf(reader->png)))
		return false;
	set_options(reader);
	png_read_info(reader->png, reader->info);
	limit_last(reader);
	ask_for_rgb(reader, layout->colour);
	png_set_interlace_handling(reader->png);
	png_read_update_info(reader->png, reader->info);
	if (png_get_rowbytes(reader->png, reader->info) != reader->pixels->width * pixel_bytes(reader, layout->colour))
		png_error(reader->png, "its rows are not what the header says");
	read_rows(reader, png_set_interlace_handling(reader->png));
	if (reader->offset != layout->data_end)
		png_error(reader->png, "there is more data than the picture has");
	if (layout->colour == PNG_COLOR_TYPE_PALETTE)
		apply_palette(reader);
	else if (reader->colour)
		convert_rows(reader);
	return true;
}

/* Where libpng puts the rows: directly in their place, or, if larger samples are
 * converted, in a buffer of their own. */
static bool place_rows(struct png_reader *reader)
{
	uint32_t width = reader->pixels->width, height = reader->pixels->height;
	size_t bytes = reader->samples == SEED_SAMPLES_RGBA16 ? 8 : 4;

	reader->rows = malloc(height * sizeof(*reader->rows));
	if (reader->colour && reader->samples != SEED_SAMPLES_RGB)
		reader->unconverted = malloc((size_t)width * height * bytes);
	if (!reader->rows || (reader->colour && reader->samples != SEED_SAMPLES_RGB && !reader->unconverted))
		return false;
	for (uint32_t y = 0; y < height; y++)
		reader->rows[y] = reader->unconverted ? reader->unconverted + (size_t)y * width * bytes
						      : seed_pixels_row(reader->pixels, y);
	return true;
}

static errint_t read_with_libpng(struct png_reader *reader, const struct seed_png_layout *layout)
{
	errint_t err = 0;

	if (!place_rows(reader) || !setup(reader)) {
		err = seed_error_set(reader->error, ENOMEM, "no memory to decode a PNG");
		goto out;
	}
	if (!read_pixels(reader, layout))
		err = -EBADMSG;
out:
	png_destroy_read_struct(&reader->png, &reader->info, NULL);
	free(reader->rows);
	free(reader->unconverted);
	return err;
}

/* The zlib stream, which all IDAT chunks together hold. */
struct stream {
	const uint8_t *data; /* the PNG */
	size_t offset, end;  /* of the chunk that is next; of the last IDAT */
	struct seed_png_chunk chunk; /* of which `at` bytes have been read */
	size_t at;
};

static size_t read_stream(void *context, uint8_t *to, size_t size)
{
	struct stream *stream = context;
	struct seed_png_chunk *chunk = &stream->chunk;
	size_t len;

	while (stream->at == chunk->len || strcmp(chunk->name, "IDAT")) {
		if (!seed_png_next(stream->data, stream->end, &stream->offset, chunk))
			return 0;
		stream->at = 0;
	}
	len = chunk->len - stream->at < size ? chunk->len - stream->at : size;
	memcpy(to, chunk->data + stream->at, len);
	stream->at += len;
	return len;
}

/* Rows that are unfiltered side by side, while they are in the cache. */
enum { PIECE_ROWS = SEED_WAVE_ROWS };

/* Takes some filtered rows, whose filter types are valid. */
typedef void take_rows_fn(const uint8_t *filtered, uint32_t y, uint32_t count,
			  struct seed_decoded *decoded, void *scratch);

/* Inflates all rows, piece by piece; false: something is wrong, or unusual. */
static bool inflate_rows(const uint8_t *data, const struct seed_png_layout *layout,
			 take_rows_fn *take, struct seed_decoded *decoded, void *scratch)
{
	struct stream stream = {.data = data, .offset = SEED_PNG_SIGNATURE_BYTES,
				.end = layout->idat_end};
	size_t stride = seed_filtered_stride_bytes(layout->width);
	struct seed_inflate *z = seed_inflate_new(read_stream, &stream, stride * PIECE_ROWS);
	uint32_t y = 0;
	bool right = z != NULL;

	while (right && y < layout->height) {
		uint32_t left = layout->height - y, count = left < PIECE_ROWS ? left : PIECE_ROWS;
		const uint8_t *filtered = seed_inflate_next(z, stride * count);

		right = filtered && seed_filters_valid(filtered, layout->width, count);
		if (right)
			take(filtered, y, count, decoded, scratch);
		y += count;
	}
	right = right && seed_inflate_end(z);
	seed_inflate_free(z);
	return right;
}

static void look_for_colours(const uint8_t *filtered, uint32_t y, uint32_t count,
			     struct seed_decoded *decoded, void *scratch)
{
	if (decoded->uniform)
		decoded->uniform = seed_filtered_uniform(filtered, decoded->pixels.width, count,
							 scratch, !y);
}

/* Verifies a plain picture without its pixels. False: that is for libpng. */
static bool verify_plain(const uint8_t *data, const struct seed_png_layout *layout,
			 struct seed_decoded *decoded)
{
	uint8_t *scratch = malloc((size_t)layout->width * 3 * 2);
	bool done;

	decoded->uniform = true;
	done = scratch && inflate_rows(data, layout, look_for_colours, decoded, scratch);
	free(scratch);
	return done;
}

static void unfilter(const uint8_t *filtered, uint32_t y, uint32_t count,
		     struct seed_decoded *decoded, void *scratch)
{
	SEED_UNUSED(scratch);
	seed_unfilter_rows(filtered, &decoded->pixels, y, count);
}

static bool decode_plain(const uint8_t *data, const struct seed_png_layout *layout,
			 struct seed_decoded *decoded)
{
	return inflate_rows(data, layout, unfilter, decoded, NULL);
}

/* A plain picture, decoded piece by piece as its rows are asked for. */
struct pieces {
	struct stream stream;
	struct seed_inflate *z;
	struct seed_pixels window; /* the row above the piece, and the piece */
	uint32_t first, next, height; /* rows: of the piece; after it; of the picture */
};

static bool next_piece(struct pieces *pieces)
{
	struct seed_pixels *window = &pieces->window;
	uint32_t left = pieces->height - pieces->next;
	uint32_t count = left < PIECE_ROWS ? left : PIECE_ROWS;
	const uint8_t *filtered;

	filtered = seed_inflate_next(pieces->z, seed_filtered_stride_bytes(window->width) * count);
	if (!filtered || !seed_filters_valid(filtered, window->width, count))
		return false;
	memcpy(window->data, seed_pixels_row(window, PIECE_ROWS), seed_pixels_stride_bytes(window));
	seed_unfilter_rows(filtered, window, 1, count);
	pieces->first = pieces->next;
	pieces->next += count;
	return true;
}

/* NULL for a row of an earlier piece: a picture that is resampled in stripes needs all of
 * its pixels. */
static const uint8_t *piece_row(void *context, uint32_t y)
{
	struct pieces *pieces = context;

	while (y >= pieces->next)
		if (!next_piece(pieces))
			return NULL;
	return y < pieces->first ? NULL : seed_pixels_row(&pieces->window, y - pieces->first + 1);
}

static bool fit_pieces(const uint8_t *data, const struct seed_png_layout *layout,
		       const struct seed_area *area, const struct seed_pixels *fitted)
{
	struct pieces pieces = {
		.stream = {.data = data, .offset = SEED_PNG_SIGNATURE_BYTES, .end = layout->idat_end},
		.height = layout->height,
	};
	struct seed_error ignored;
	bool right;

	pieces.z = seed_inflate_new(read_stream, &pieces.stream,
				    seed_filtered_stride_bytes(layout->width) * PIECE_ROWS);
	right = pieces.z &&
		!seed_pixels_alloc(&pieces.window, layout->width, PIECE_ROWS + 1, &ignored);
	if (right) {
		/* Above the first row all is 0. */
		memset(seed_pixels_row(&pieces.window, PIECE_ROWS), 0,
		       seed_pixels_stride_bytes(&pieces.window));
		right = !seed_resample_rows(piece_row, &pieces, area, fitted) &&
			piece_row(&pieces, layout->height - 1) && seed_inflate_end(pieces.z);
	}
	seed_pixels_release(&pieces.window);
	seed_inflate_free(pieces.z);
	return right;
}

/* Fits a larger picture without all of it in memory. False: it was not done. */
static bool fit_plain(const uint8_t *data, const struct seed_png_layout *layout, uint32_t width,
		      uint32_t height, struct seed_decoded *decoded)
{
	struct seed_pixels fitted = {0};
	struct seed_error ignored;
	struct seed_area area;

	if (!width || !height)
		return false;
	area = seed_area_of_shape(layout->width, layout->height, width, height);
	if (area.width <= width || area.height <= height ||
	    seed_pixels_alloc(&fitted, width, height, &ignored))
		return false;
	if (!fit_pieces(data, layout, &area, &fitted)) {
		seed_pixels_release(&fitted);
		return false;
	}
	decoded->pixels = fitted;
	decoded->fitted_width = layout->width;
	decoded->fitted_height = layout->height;
	return true;
}

/* Decodes for a result of this size without all pixels. False: it was not done. */
static bool decode_in_pieces(const uint8_t *data, const struct seed_png_layout *layout,
			     uint32_t width, uint32_t height, struct seed_decoded *decoded)
{
	if (layout->width == width && layout->height == height)
		return verify_plain(data, layout, decoded);
	return fit_plain(data, layout, width, height, decoded);
}

static bool is_plain(const struct seed_png_layout *layout)
{
	return layout->depth == 8 && layout->colour == PNG_COLOR_TYPE_RGB && !layout->interlace &&
	       !layout->has_transparency;
}

static enum seed_samples samples_of(const struct seed_png_layout *layout)
{
	if (is_plain(layout) || layout->colour == PNG_COLOR_TYPE_PALETTE)
		return SEED_SAMPLES_RGB;
	return layout->depth == 16 ? SEED_SAMPLES_RGBA16 : SEED_SAMPLES_RGBA;
}

/* The chunk may stand anywhere (PNG specification 11.3.4.5). */
static int find_orientation(const uint8_t *data, const struct seed_png_layout *layout)
{
	size_t offset = SEED_PNG_SIGNATURE_BYTES;
	struct seed_png_chunk chunk;

	while (seed_png_next(data, layout->end, &offset, &chunk))
		if (!strcmp(chunk.name, "eXIf"))
			return seed_exif_orientation(chunk.data, chunk.len);
	return 1;
}

static errint_t decode_pixels(struct png_reader *reader, const struct seed_png_layout *layout,
			      struct seed_decoded *decoded)
{
	size_t count = (size_t)layout->width * layout->height;
	uint8_t *rgb;
	errint_t err;

	err = seed_pixels_alloc(&decoded->pixels, layout->width, layout->height, reader->error);
	if (err)
		return err;
	if (!is_plain(layout) || !decode_plain(reader->data, layout, decoded))
		return read_with_libpng(reader, layout);
	rgb = decoded->pixels.data;
	if (reader->colour)
		seed_colour_convert(reader->colour, rgb, rgb, count);
	return 0;
}

errint_t seed_decode_png(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			 struct seed_decoded *decoded, struct seed_error *error)
{
	struct png_reader reader = {.data = data, .pixels = &decoded->pixels, .error = error};
	struct seed_png_layout layout;
	int orientation;
	errint_t err;

	decoded->format = "png";
	err = seed_png_walk(data, len, &layout, error);
	decoded->pixels.width = layout.width;
	decoded->pixels.height = layout.height;
	if (err)
		return err;
	reader.len = layout.end;
	reader.samples = samples_of(&layout);
	err = seed_png_colour(data, &layout, reader.samples, &reader.colour, error);
	if (err)
		return err;
	orientation = find_orientation(data, &layout);
	decoded->keepable = is_plain(&layout) && !reader.colour && orientation == 1;
	if (!decoded->keepable || !decode_in_pieces(data, &layout, width, height, decoded))
		err = decode_pixels(&reader, &layout, decoded);
	seed_colour_free(reader.colour);
	return err ? err : seed_pixels_orient(&decoded->pixels, orientation, error);
}
