#include "lib/image/thumb.h"

#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

#include "lib/image/decode.h"
#include "lib/image/resample.h"

/* Below this quality skies show steps; above it files grow without a visible gain. */
#define QUALITY 82
/* More than a picture of noise takes at that quality. A buffer that libjpeg has to grow
 * would be lost if an allocation failed. */
#define JPEG_MAX_BYTES (SEED_THUMB_WIDTH * SEED_THUMB_HEIGHT * 3 + 65536)

struct writer {
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	jmp_buf failed;
	unsigned char *data; /* owned */
	unsigned long len;
};

/* The only possible error is lack of memory. */
static _Noreturn void on_error(j_common_ptr jpeg)
{
	struct writer *writer = jpeg->client_data;

	longjmp(writer->failed, 1);
}

static void compress(struct writer *writer, const struct seed_pixels *pixels)
{
	struct jpeg_compress_struct *jpeg = &writer->jpeg;

	jpeg_create_compress(jpeg);
	jpeg_mem_dest(jpeg, &writer->data, &writer->len);
	jpeg->image_width = pixels->width;
	jpeg->image_height = pixels->height;
	jpeg->input_components = 3;
	jpeg->in_color_space = JCS_RGB;
	jpeg_set_defaults(jpeg);
	jpeg_set_quality(jpeg, QUALITY, TRUE);
	jpeg->optimize_coding = TRUE;
	jpeg_start_compress(jpeg, TRUE);
	while (jpeg->next_scanline < jpeg->image_height) {
		JSAMPROW row = seed_pixels_row(pixels, jpeg->next_scanline);

		jpeg_write_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_compress(jpeg);
}

/* A function of its own: longjmp() may spoil the local variables of the function that calls
 * setjmp(). */
static bool write_rows(struct writer *writer, const struct seed_pixels *pixels)
{
	if (setjmp(writer->failed))
		return false;
	compress(writer, pixels);
	return true;
}

static errint_t write_jpeg(const struct seed_pixels *pixels, uint8_t **out, size_t *len)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	errint_t err = 0;

	if (!writer)
		return -ENOMEM;
	writer->len = JPEG_MAX_BYTES;
	writer->data = malloc(writer->len);
	if (!writer->data) {
		free(writer);
		return -ENOMEM;
	}
	writer->jpeg.err = jpeg_std_error(&writer->errors);
	writer->errors.error_exit = on_error;
	writer->jpeg.client_data = writer;
	if (!write_rows(writer, pixels))
		err = -ENOMEM;
	jpeg_destroy_compress(&writer->jpeg);
	if (err)
		free(writer->data);
	*out = err ? NULL : writer->data;
	*len = err ? 0 : writer->len;
	free(writer);
	return err;
}

/* The picture's shape within the bounds; at least a pixel. */
static void choose_size(const struct seed_pixels *from, uint32_t *width, uint32_t *height)
{
	const uint64_t w = from->width, h = from->height;
	bool wide = w * SEED_THUMB_HEIGHT >= h * SEED_THUMB_WIDTH;

	*width = wide ? SEED_THUMB_WIDTH : (uint32_t)((w * SEED_THUMB_HEIGHT + h / 2) / h);
	*height = wide ? (uint32_t)((h * SEED_THUMB_WIDTH + w / 2) / w) : SEED_THUMB_HEIGHT;
	if (*width < 1)
		*width = 1;
	if (*height < 1)
		*height = 1;
}

errint_t seed_thumb(const uint8_t *data, size_t len, uint8_t **jpeg, size_t *jpeg_len,
		    struct seed_error *error)
{
	struct seed_pixels small = {0};
	struct seed_decoded decoded;
	struct seed_area area = {0};
	uint32_t width, height;
	errint_t err;

	*jpeg = NULL;
	*jpeg_len = 0;
	err = seed_decode(data, len, &decoded, error);
	if (err)
		goto out;
	area.width = decoded.pixels.width;
	area.height = decoded.pixels.height;
	choose_size(&decoded.pixels, &width, &height);
	err = seed_pixels_alloc(&small, width, height, error);
	if (err)
		goto out;
	err = seed_resample(&decoded.pixels, &area, &small);
	if (!err)
		err = write_jpeg(&small, jpeg, jpeg_len);
	if (err)
		seed_error_set(error, -err, "no memory to make a thumbnail");
out:
	seed_pixels_release(&small);
	seed_decoded_release(&decoded);
	return err;
}
