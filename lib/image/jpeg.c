/*
 * JPEG to pixels through libjpeg-turbo: baseline and progressive, grey,
 * YCbCr, RGB, CMYK and YCCK. A warning is a failure: libjpeg fills the rest
 * of a cut picture with grey and only warns.
 *
 * Only the entropy-coded data can be wrong: the transform and the colour
 * conversion have a result for any coefficients. So of rows that nobody
 * needs, only the entropy-coded data is decoded.
 */
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>

#include "lib/image/colour.h"
#include "lib/image/decode.h"
#include "lib/image/exif.h"

/* Encoders write 10 to 30; a file with thousands is made to waste time. */
#define SCANS_MAX 200

enum { MARKER_EXIF = JPEG_APP0 + 1, MARKER_PROFILE = JPEG_APP0 + 2 };

struct jpeg_reader {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	struct seed_decoded *decoded;
	struct seed_error *error;
	size_t len;
	uint32_t width, height; /* of the result; 0: all is wanted */
	uint8_t *row; /* owned: one that does not become pixels as it is */
	struct seed_colour *colour; /* owned; NULL: sRGB */
	int orientation;
	unsigned components_seen; /* a bit each */
};

static _Noreturn void fail(struct jpeg_reader *reader)
{
	longjmp(reader->failed, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg)
{
	struct jpeg_reader *reader = jpeg->client_data;
	char text[JMSG_LENGTH_MAX];

	jpeg->err->format_message(jpeg, text);
	seed_image_invalid(reader->error, "JPEG: %s", text);
	fail(reader);
}

static void on_message(j_common_ptr jpeg, int level)
{
	if (level < 0)
		on_error(jpeg);
}

/* The whole source is in memory: if libjpeg asks for more, the source is truncated. */
static boolean on_fill(j_decompress_ptr jpeg)
{
	struct jpeg_reader *reader = jpeg->client_data;

	seed_image_invalid(reader->error, "JPEG is cut off after %zu bytes", reader->len);
	fail(reader);
}

static void note_components(struct jpeg_reader *reader)
{
	struct jpeg_decompress_struct *jpeg = &reader->jpeg;

	for (int i = 0; i < jpeg->comps_in_scan; i++)
		reader->components_seen |= 1U << jpeg->cur_comp_info[i]->component_index;
}

static void on_progress(j_common_ptr jpeg)
{
	struct jpeg_reader *reader = jpeg->client_data;

	note_components(reader);
	if (reader->jpeg.input_scan_number > SCANS_MAX) {
		seed_image_invalid(reader->error, "JPEG has more than %d scans", SCANS_MAX);
		fail(reader);
	}
}

static void find_orientation(struct jpeg_reader *reader)
{
	reader->orientation = 1;
	for (jpeg_saved_marker_ptr m = reader->jpeg.marker_list; m; m = m->next) {
		int found = m->marker == MARKER_EXIF ? seed_exif_orientation(m->data, m->data_length) : 1;

		if (found != 1)
			reader->orientation = found;
	}
}

/* A picture that is rotated afterwards is kept whole. It is not known whether
 * libjpeg's arithmetic decoder can skip. */
static void choose_rows(struct jpeg_reader *reader)
{
	const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
	struct seed_decoded *decoded = reader->decoded;
	struct seed_area area;

	if (!reader->width || reader->orientation != 1 || jpeg->arith_code)
		return;
	area = seed_area_of_shape(jpeg->image_width, jpeg->image_height, reader->width,
				  reader->height);
	decoded->rows_above = area.y;
	decoded->rows_below = jpeg->image_height - area.y - area.height;
}

/* The sizes are checked before anything is allocated. */
static void allocate(struct jpeg_reader *reader)
{
	const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
	struct seed_decoded *decoded = reader->decoded;
	bool cmyk = jpeg->out_color_space == JCS_CMYK;
	errint_t err;

	decoded->pixels.width = jpeg->image_width;
	decoded->pixels.height = jpeg->image_height;
	err = seed_pixels_check_size(jpeg->image_width, jpeg->image_height, reader->error);
	if (err)
		fail(reader);
	choose_rows(reader);
	err = seed_pixels_alloc(&decoded->pixels, jpeg->image_width,
				jpeg->image_height - decoded->rows_above - decoded->rows_below,
				reader->error);
	if (!err && (cmyk || decoded->rows_below)) {
		reader->row = malloc((size_t)jpeg->image_width * (cmyk ? 4 : 3));
		if (!reader->row)
			err = seed_error_set(reader->error, ENOMEM, "no memory to decode a JPEG");
	}
	if (err)
		fail(reader);
}

static enum seed_samples samples_of(const struct jpeg_decompress_struct *jpeg)
{
	if (jpeg->out_color_space != JCS_CMYK)
		return SEED_SAMPLES_RGB;
	/* Adobe's files, which is nearly all of them, hold the inks inverted. */
	return jpeg->saw_Adobe_marker ? SEED_SAMPLES_CMYK_INVERTED : SEED_SAMPLES_CMYK;
}

static void ignore_message(j_common_ptr jpeg, int level)
{
	SEED_UNUSED(jpeg);
	SEED_UNUSED(level);
}

/* A profile that lacks a piece is ignored: the picture is not worse for it. */
static void find_colour(struct jpeg_reader *reader)
{
	struct jpeg_decompress_struct *jpeg = &reader->jpeg;
	struct seed_colour_tags tags = {.grey = jpeg->num_components == 1};
	unsigned int len = 0;
	JOCTET *icc = NULL;
	errint_t err = 0;

	reader->errors.emit_message = ignore_message;
	if (jpeg_read_icc_profile(jpeg, &icc, &len)) {
		tags.icc = icc;
		tags.icc_len = len;
		err = seed_colour_new(&tags, samples_of(jpeg), &reader->colour, reader->error);
	}
	reader->errors.emit_message = on_message;
	free(icc);
	if (err)
		fail(reader);
}

static void open_picture(struct jpeg_reader *reader, const uint8_t *data)
{
	struct jpeg_decompress_struct *jpeg = &reader->jpeg;

	jpeg_create_decompress(jpeg);
	jpeg->progress = &reader->progress;
	jpeg_mem_src(jpeg, data, (unsigned long)reader->len);
	jpeg->src->fill_input_buffer = on_fill;
	jpeg_save_markers(jpeg, MARKER_EXIF, 0xffff);
	jpeg_save_markers(jpeg, MARKER_PROFILE, 0xffff);
	jpeg_read_header(jpeg, TRUE);
	find_orientation(reader);
	jpeg->out_color_space = JCS_RGB;
	if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
		jpeg->out_color_space = JCS_CMYK;
	allocate(reader);
	find_colour(reader);
}

/* Without a profile: as other decoders do it. */
static void cmyk_to_rgb(const struct jpeg_reader *reader, uint8_t *rgb)
{
	const uint8_t *cmyk = reader->row;
	unsigned flip = samples_of(&reader->jpeg) == SEED_SAMPLES_CMYK_INVERTED ? 0 : 255;

	for (uint32_t x = 0; x < reader->decoded->pixels.width; x++, cmyk += 4, rgb += 3)
		for (int i = 0; i < 3; i++)
			rgb[i] = (uint8_t)(((cmyk[i] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

static void read_row(struct jpeg_reader *reader, uint8_t *row)
{
	jpeg_read_scanlines(&reader->jpeg, &row, 1);
}

static void read_pixel_row(struct jpeg_reader *reader, uint8_t *rgb)
{
	bool cmyk = reader->jpeg.out_color_space == JCS_CMYK;
	uint8_t *row = cmyk ? reader->row : rgb;

	read_row(reader, row);
	if (reader->colour)
		seed_colour_convert(reader->colour, row, rgb, reader->decoded->pixels.width);
	else if (cmyk)
		cmyk_to_rgb(reader, rgb);
}

static void read_rows(struct jpeg_reader *reader)
{
	struct jpeg_decompress_struct *jpeg = &reader->jpeg;
	const struct seed_decoded *decoded = reader->decoded;

	jpeg_start_decompress(jpeg);
	note_components(reader);
	jpeg_skip_scanlines(jpeg, decoded->rows_above);
	for (uint32_t y = 0; y < decoded->pixels.height; y++)
		read_pixel_row(reader, seed_pixels_row(&decoded->pixels, y));
	if (!decoded->rows_below)
		return;
	/* Not the last row: skipping that would end the picture without reading it. */
	jpeg_skip_scanlines(jpeg, decoded->rows_below - 1);
	read_row(reader, reader->row);
}

/* libjpeg takes a file for complete even if its EOI comes too early: if components have no
 * scan, or coefficients lack their last bit. */
static void check_complete(struct jpeg_reader *reader)
{
	struct jpeg_decompress_struct *jpeg = &reader->jpeg;
	bool whole = reader->components_seen == (1U << jpeg->num_components) - 1;

	for (int c = 0; whole && jpeg->progressive_mode && c < jpeg->num_components; c++)
		for (int k = 0; k < DCTSIZE2; k++)
			whole = whole && !jpeg->coef_bits[c][k];
	if (whole)
		return;
	seed_image_invalid(reader->error, "JPEG ends before all of its scans");
	fail(reader);
}

/* A function of its own: no local variable may change after setjmp(). */
static errint_t read_picture(struct jpeg_reader *reader, const uint8_t *data)
{
	if (setjmp(reader->failed))
		return -reader->error->code;
	open_picture(reader, data);
	read_rows(reader);
	check_complete(reader);
	jpeg_finish_decompress(&reader->jpeg);
	return 0;
}

errint_t seed_decode_jpeg(const uint8_t *data, size_t len, uint32_t width, uint32_t height,
			  struct seed_decoded *decoded, struct seed_error *error)
{
	struct jpeg_reader reader = {
		.len = len, .width = width, .height = height, .decoded = decoded, .error = error,
	};
	errint_t err;

	decoded->format = "jpeg";
	reader.jpeg.err = jpeg_std_error(&reader.errors);
	reader.jpeg.client_data = &reader;
	reader.errors.error_exit = on_error;
	reader.errors.emit_message = on_message;
	reader.progress.progress_monitor = on_progress;
	err = read_picture(&reader, data);
	jpeg_destroy_decompress(&reader.jpeg);
	free(reader.row);
	seed_colour_free(reader.colour);
	if (err)
		return err;
	return seed_pixels_orient(&decoded->pixels, reader.orientation, error);
}
