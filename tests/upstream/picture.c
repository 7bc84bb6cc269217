#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "tests/upstream/picture.h"
#include "tests/upstream/server.h"

struct kind {
	char format[16];
	uint32_t width, height;
	char variant[16];
};

struct made {
	char *kind;
	uint64_t seed;
	struct picture picture;
	struct made *next;
};

static struct made *all;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static bool parse_kind(const char *text, struct kind *kind)
{
	const char *variant = strchr(text, '_'), *size = strchr(text, '-');
	int end = 0;

	memset(kind, 0, sizeof(*kind));
	kind->width = 2048;
	kind->height = 1152;
	if (variant)
		snprintf(kind->variant, sizeof(kind->variant), "%s", variant + 1);
	if (size && (!variant || size < variant)) {
		if (sscanf(size, "-%ux%u%n", &kind->width, &kind->height, &end) != 2 ||
		    !(size[end] == '\0' || size[end] == '_'))
			return false;
	} else {
		size = NULL;
	}
	snprintf(kind->format, sizeof(kind->format), "%.*s", (int)strcspn(text, "-_"), text);
	return kind->width && kind->height && kind->width <= 8192 && kind->height <= 8192;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return *state >> 33;
}

/* A wave along one axis, `count` samples, 0 to 127, that does not depend on
 * the number of samples. */
static uint8_t *wave(uint32_t count, uint64_t *state)
{
	double turns = 1 + (double)(next_random(state) % 300) / 100;
	double phase = (double)(next_random(state) % 628) / 100;
	uint8_t *samples = xalloc(count);

	for (uint32_t i = 0; i < count; i++)
		samples[i] = (uint8_t)(63.5 + 63.4 * sin(phase + turns * 6.2832 * (i + 0.5) / count));
	return samples;
}

static void draw_disc(uint8_t *rgb, uint32_t width, uint32_t height, uint64_t *state)
{
	double cx = (double)(next_random(state) % 1000) / 1000 * width;
	double cy = (double)(next_random(state) % 1000) / 1000 * height;
	double r = (0.05 + (double)(next_random(state) % 100) / 1000) * width;
	uint8_t colour[3];

	for (int i = 0; i < 3; i++)
		colour[i] = (uint8_t)next_random(state);
	for (uint32_t y = 0; y < height; y++) {
		double dy = y + 0.5 - cy, half = r * r - dy * dy;
		double from, to;

		if (half <= 0)
			continue;
		half = sqrt(half);
		from = fmax(0, cx - half);
		to = fmin(width, cx + half);
		for (uint32_t x = (uint32_t)from; x < (uint32_t)fmax(from, to); x++)
			memcpy(rgb + ((size_t)y * width + x) * 3, colour, 3);
	}
}

static uint8_t *draw(const struct kind *kind, uint64_t seed)
{
	size_t pixels = (size_t)kind->width * kind->height;
	uint8_t *rgb = xalloc(pixels * 3), *across[3], *down[3], *to = rgb;
	uint64_t state = seed ^ 0x9e3779b97f4a7c15U;

	if (!strcmp(kind->variant, "flat")) {
		memset(rgb, 7, pixels * 3);
		return rgb;
	}
	for (int i = 0; i < 3; i++) {
		across[i] = wave(kind->width, &state);
		down[i] = wave(kind->height, &state);
	}
	for (uint32_t y = 0; y < kind->height; y++)
		for (uint32_t x = 0; x < kind->width; x++)
			for (int i = 0; i < 3; i++)
				*to++ = (uint8_t)(across[i][x] + down[i][y]);
	for (int i = 0; i < 3; i++) {
		free(across[i]);
		free(down[i]);
	}
	for (int i = 0; i < 5; i++)
		draw_disc(rgb, kind->width, kind->height, &state);
	return rgb;
}

static uint8_t *jpeg_encode(uint8_t *rgb, const struct kind *kind, size_t *len)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long size = 0;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &data, &size);
	jpeg.image_width = kind->width;
	jpeg.image_height = kind->height;
	jpeg.input_components = 3;
	jpeg.in_color_space = JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, 90, TRUE);
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < jpeg.image_height) {
		JSAMPROW row = rgb + (size_t)jpeg.next_scanline * kind->width * 3;

		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	*len = size;
	return data;
}

static void webp_fill(WebPPicture *picture, const uint8_t *rgb, const struct kind *kind)
{
	if (!WebPPictureInit(picture))
		exit(1);
	picture->width = (int)kind->width;
	picture->height = (int)kind->height;
	if (!WebPPictureImportRGB(picture, rgb, (int)kind->width * 3))
		exit(1);
}

static uint8_t *webp_encode(const uint8_t *rgb, const struct kind *kind, size_t *len)
{
	WebPMemoryWriter writer;
	WebPPicture picture;
	WebPConfig options;

	WebPMemoryWriterInit(&writer);
	webp_fill(&picture, rgb, kind);
	if (!WebPConfigInit(&options))
		exit(1);
	options.method = 0;
	options.quality = 80;
	picture.writer = WebPMemoryWrite;
	picture.custom_ptr = &writer;
	if (!WebPEncode(&options, &picture))
		exit(1);
	WebPPictureFree(&picture);
	*len = writer.size;
	return writer.mem;
}

/* Two frames: the picture, and the picture of the next seed. */
static uint8_t *webp_animate(const uint8_t *rgb, const struct kind *kind, uint64_t seed, size_t *len)
{
	WebPAnimEncoder *encoder = WebPAnimEncoderNew((int)kind->width, (int)kind->height, NULL);
	uint8_t *other = draw(kind, seed + 1), *data;
	WebPPicture frame;
	WebPConfig options;
	WebPData whole;

	if (!encoder || !WebPConfigInit(&options))
		exit(1);
	options.method = 0;
	webp_fill(&frame, rgb, kind);
	WebPAnimEncoderAdd(encoder, &frame, 0, &options);
	WebPPictureFree(&frame);
	webp_fill(&frame, other, kind);
	WebPAnimEncoderAdd(encoder, &frame, 100, &options);
	WebPPictureFree(&frame);
	free(other);
	WebPAnimEncoderAdd(encoder, NULL, 200, NULL);
	if (!WebPAnimEncoderAssemble(encoder, &whole))
		exit(1);
	WebPAnimEncoderDelete(encoder);
	data = xalloc(whole.size);
	memcpy(data, whole.bytes, whole.size);
	*len = whole.size;
	WebPDataClear(&whole);
	return data;
}

static bool is_page(const char *format, struct picture *picture)
{
	static const char page[] = "<!doctype html><title>410</title><p>This link has expired.</p>\n";

	if (!strcmp(format, "html")) {
		picture->data = (uint8_t *)xstrdup(page);
		picture->len = strlen(page);
		picture->type = "text/html";
	} else if (!strcmp(format, "empty")) {
		picture->data = xalloc(1);
		picture->type = "image/png";
	} else if (!strcmp(format, "bomb") || !strcmp(format, "endless")) {
		picture->data = png_bomb(&picture->len);
		picture->type = "image/png";
		picture->endless = *format == 'e';
		picture->len -= picture->endless ? 16 : 0; /* IEND and the last CRC */
	} else {
		return false;
	}
	return true;
}

static bool encode(const struct kind *kind, uint64_t seed, struct picture *picture)
{
	uint8_t *rgb = draw(kind, seed);

	if (!strcmp(kind->format, "png")) {
		picture->type = "image/png";
		picture->data = png_encode(rgb, kind->width, kind->height, kind->variant,
					   &picture->len);
	} else if (!strcmp(kind->format, "jpeg")) {
		picture->type = "image/jpeg";
		picture->data = jpeg_encode(rgb, kind, &picture->len);
	} else if (!strcmp(kind->format, "webp")) {
		picture->type = "image/webp";
		picture->data = strcmp(kind->variant, "animated")
				? webp_encode(rgb, kind, &picture->len)
				: webp_animate(rgb, kind, seed, &picture->len);
	}
	free(rgb);
	return picture->data;
}

static const char *const variants[] = {
	"", "flat", "cut", "as-png", "trailing", "crc", "adler", "noend", "short", "apng", "rgba",
	"grey", "16", "animated", NULL,
};

static void spoil(const struct kind *kind, struct picture *picture)
{
	if (!strcmp(kind->variant, "cut"))
		picture->len /= 2;
	if (!strcmp(kind->variant, "as-png"))
		picture->type = "image/png";
	if (!strcmp(kind->variant, "trailing")) {
		uint8_t *longer = xalloc(picture->len + 1000);

		memcpy(longer, picture->data, picture->len);
		memset(longer + picture->len, 'x', 1000);
		free(picture->data);
		picture->data = longer;
		picture->len += 1000;
	}
}

static bool make(const char *text, uint64_t seed, struct picture *picture)
{
	struct kind kind;
	bool known = false;

	if (is_page(text, picture))
		return true;
	if (!parse_kind(text, &kind))
		return false;
	for (const char *const *variant = variants; *variant; variant++)
		known = known || !strcmp(*variant, kind.variant);
	if (!known || !encode(&kind, seed, picture))
		return false;
	spoil(&kind, picture);
	return true;
}

const struct picture *picture_get(const char *kind, uint64_t seed)
{
	struct picture picture = { 0 };
	struct made *made;

	pthread_mutex_lock(&making);
	for (made = all; made; made = made->next)
		if (made->seed == seed && !strcmp(made->kind, kind))
			break;
	if (!made && make(kind, seed, &picture)) {
		made = xalloc(sizeof(*made));
		made->kind = xstrdup(kind);
		made->seed = seed;
		made->picture = picture;
		made->next = all;
		all = made;
	}
	pthread_mutex_unlock(&making);
	return made ? &made->picture : NULL;
}

const char *picture_suffix(const char *kind)
{
	if (strstr(kind, "_as-png"))
		return "png";
	if (!strncmp(kind, "jpeg", 4))
		return "jpg";
	return !strncmp(kind, "webp", 4) ? "webp" : "png";
}

void picture_clear(void)
{
	while (all) {
		struct made *made = all;

		all = made->next;
		free(made->kind);
		free(made->picture.data);
		free(made);
	}
}
