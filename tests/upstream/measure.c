/*
 * Looks at a picture for tests, with decoders called here and not in libseed:
 *
 *     pixels FILE [X Y WIDTH HEIGHT]   "WIDTH HEIGHT HASH" of its RGB pixels,
 *                                      or of a part of it
 *     compare FILE OTHER               PSNR in dB of the first against the
 *                                      second, brought to its size by averaging
 */
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/decode.h>

#include "tests/upstream/server.h"

struct pixels {
	uint8_t *rgb;
	uint32_t width, height;
};

static uint8_t *read_file(const char *path, size_t *len)
{
	size_t size = (size_t)128 * 1024 * 1024;
	uint8_t *data = malloc(size);
	FILE *file = fopen(path, "re");

	if (!file || !data) {
		perror(path);
		exit(1);
	}
	*len = fread(data, 1, size, file);
	fclose(file);
	return data;
}

static bool decode_png(const uint8_t *data, size_t len, struct pixels *out)
{
	png_image image = { .version = PNG_IMAGE_VERSION };

	if (!png_image_begin_read_from_memory(&image, data, len))
		return false;
	image.format = PNG_FORMAT_RGB;
	out->width = image.width;
	out->height = image.height;
	out->rgb = xalloc(PNG_IMAGE_SIZE(image));
	return png_image_finish_read(&image, NULL, out->rgb, 0, NULL) &&
	       !PNG_IMAGE_FAILED(image);
}

static bool decode_jpeg(const uint8_t *data, size_t len, struct pixels *out)
{
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_decompress(&jpeg);
	jpeg_mem_src(&jpeg, data, len);
	jpeg_read_header(&jpeg, TRUE);
	jpeg.out_color_space = JCS_RGB;
	jpeg_start_decompress(&jpeg);
	out->width = jpeg.output_width;
	out->height = jpeg.output_height;
	out->rgb = xalloc((size_t)out->width * out->height * 3);
	while (jpeg.output_scanline < jpeg.output_height) {
		JSAMPROW row = out->rgb + (size_t)jpeg.output_scanline * out->width * 3;

		jpeg_read_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_decompress(&jpeg);
	jpeg_destroy_decompress(&jpeg);
	return !errors.num_warnings;
}

static bool decode_webp(const uint8_t *data, size_t len, struct pixels *out)
{
	int width, height;

	out->rgb = WebPDecodeRGB(data, len, &width, &height);
	out->width = (uint32_t)width;
	out->height = (uint32_t)height;
	return out->rgb;
}

static struct pixels load(const char *path)
{
	struct pixels pixels = { 0 };
	size_t len;
	uint8_t *data = read_file(path, &len);
	bool ok = len > 12 && (data[0] == 0x89 ? decode_png(data, len, &pixels) :
			       data[0] == 0xff ? decode_jpeg(data, len, &pixels) :
						 decode_webp(data, len, &pixels));

	free(data);
	if (!ok) {
		fprintf(stderr, "%s: not a whole picture\n", path);
		exit(1);
	}
	return pixels;
}

static uint64_t hash_part(const struct pixels *pixels, const uint32_t part[4])
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (uint32_t y = part[1]; y < part[1] + part[3]; y++) {
		const uint8_t *row = pixels->rgb + ((size_t)y * pixels->width + part[0]) * 3;

		for (size_t i = 0; i < (size_t)part[2] * 3; i++)
			hash = (hash ^ row[i]) * 0x100000001b3U;
	}
	return hash;
}

static int pixels_main(int argc, char **argv)
{
	struct pixels pixels = load(argv[1]);
	uint32_t part[4] = { 0, 0, pixels.width, pixels.height };

	for (int i = 2; i < argc && i < 6; i++)
		part[i - 2] = (uint32_t)strtoul(argv[i], NULL, 10);
	if (part[0] + part[2] > pixels.width || part[1] + part[3] > pixels.height) {
		fputs("the part is not in the picture\n", stderr);
		return 1;
	}
	printf("%u %u %016llx\n", part[2], part[3], (unsigned long long)hash_part(&pixels, part));
	free(pixels.rgb);
	return 0;
}

/* The mean of what falls on pixel x, y of a `to`-sized picture. */
static double sample(const struct pixels *from, const struct pixels *to, uint32_t x, uint32_t y,
		     int channel)
{
	uint32_t x0 = (uint32_t)((uint64_t)x * from->width / to->width);
	uint32_t y0 = (uint32_t)((uint64_t)y * from->height / to->height);
	uint32_t x1 = (uint32_t)((uint64_t)(x + 1) * from->width / to->width);
	uint32_t y1 = (uint32_t)((uint64_t)(y + 1) * from->height / to->height);
	double sum = 0;
	unsigned int count = 0;

	for (uint32_t j = y0; j < y1 || j == y0; j++)
		for (uint32_t i = x0; i < x1 || i == x0; i++, count++)
			sum += from->rgb[((size_t)j * from->width + i) * 3 + (size_t)channel];
	return sum / count;
}

static int compare_main(char **argv)
{
	struct pixels a = load(argv[1]), b = load(argv[2]);
	double error = 0;

	for (uint32_t y = 0; y < a.height; y++) {
		for (uint32_t x = 0; x < a.width; x++) {
			for (int i = 0; i < 3; i++) {
				double d = a.rgb[((size_t)y * a.width + x) * 3 + (size_t)i] -
					   sample(&b, &a, x, y, i);

				error += d * d;
			}
		}
	}
	error /= (double)a.width * a.height * 3;
	printf("%d\n", error > 0 ? (int)(10 * log10(255.0 * 255.0 / error)) : 99);
	free(a.rgb);
	free(b.rgb);
	return 0;
}

int measure_main(int argc, char **argv)
{
	if (!strcmp(argv[0], "pixels") && argc >= 2)
		return pixels_main(argc, argv);
	if (!strcmp(argv[0], "compare") && argc == 3)
		return compare_main(argv);
	fputs("usage: upstream pixels FILE [X Y WIDTH HEIGHT] | compare FILE FILE\n", stderr);
	return 2;
}
