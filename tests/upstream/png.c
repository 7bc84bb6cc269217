/* PNG written by hand, so that it can be written wrong. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/upstream/picture.h"
#include "tests/upstream/server.h"

struct out {
	uint8_t *data;
	size_t len;
};

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void add(struct out *out, const void *data, size_t len)
{
	memcpy(out->data + out->len, data, len);
	out->len += len;
}

static void chunk(struct out *out, const char *type, const uint8_t *data, size_t len)
{
	uint8_t word[4];
	uint32_t crc = (uint32_t)crc32(0, (const uint8_t *)type, 4);

	put32(word, (uint32_t)len);
	add(out, word, 4);
	add(out, type, 4);
	if (len) {
		add(out, data, len);
		crc = (uint32_t)crc32(crc, data, (uInt)len);
	}
	put32(word, crc);
	add(out, word, 4);
}

static void header(struct out *out, uint32_t width, uint32_t height, uint8_t depth, uint8_t colour)
{
	uint8_t ihdr[13] = { 0 };

	add(out, "\x89PNG\r\n\x1a\n", 8);
	put32(ihdr, width);
	put32(ihdr + 4, height);
	ihdr[8] = depth;
	ihdr[9] = colour;
	chunk(out, "IHDR", ihdr, sizeof(ihdr));
}

/* How a variant's pixels are stored. */
struct layout {
	const char *variant;
	uint8_t depth, colour;
	size_t bytes; /* a pixel */
};

static const struct layout layouts[] = {
	{ "grey", 8, 0, 1 }, { "rgba", 8, 6, 4 }, { "16", 16, 2, 6 }, { "", 8, 2, 3 },
};

static const struct layout *find_layout(const char *variant)
{
	const struct layout *layout = layouts;

	while (*layout->variant && strcmp(layout->variant, variant))
		layout++;
	return layout;
}

static void convert(const struct layout *layout, const uint8_t *rgb, uint32_t width, uint8_t *row)
{
	for (uint32_t x = 0; x < width; x++, rgb += 3, row += layout->bytes) {
		if (layout->bytes == 1) {
			row[0] = (uint8_t)((rgb[0] + 2 * rgb[1] + rgb[2]) / 4);
		} else if (layout->bytes == 6) {
			for (int i = 0; i < 6; i++)
				row[i] = rgb[i / 2];
		} else {
			memcpy(row, rgb, 3);
			if (layout->bytes == 4)
				row[3] = 255;
		}
	}
}

/* Every row with its filter byte: Sub, which suits smooth pictures. */
static uint8_t *filter(const struct layout *layout, const uint8_t *rgb, uint32_t width,
		       uint32_t height, size_t *len)
{
	size_t bytes = layout->bytes * width;
	uint8_t *all = xalloc((bytes + 1) * height), *row = xalloc(bytes), *to = all;

	for (uint32_t y = 0; y < height; y++) {
		convert(layout, rgb + (size_t)y * width * 3, width, row);
		*to++ = 1;
		for (size_t i = 0; i < bytes; i++)
			*to++ = (uint8_t)(row[i] - (i < layout->bytes ? 0 : row[i - layout->bytes]));
	}
	free(row);
	*len = (bytes + 1) * height;
	return all;
}

static uint8_t *deflate_rows(uint8_t *rows, size_t len, size_t *packed_len)
{
	uLongf size = compressBound((uLong)len);
	uint8_t *packed = xalloc(size);

	if (compress2(packed, &size, rows, (uLong)len, 1) != Z_OK)
		exit(1);
	free(rows);
	*packed_len = size;
	return packed;
}

uint8_t *png_encode(const uint8_t *rgb, uint32_t width, uint32_t height, const char *variant,
		    size_t *len)
{
	static const uint8_t two_frames[8] = { 0, 0, 0, 2, 0, 0, 0, 0 };
	const struct layout *layout = find_layout(variant);
	size_t rows_len, packed_len, crc_at;
	uint8_t *rows = filter(layout, rgb, width, height, &rows_len), *packed;
	struct out out;

	if (!strcmp(variant, "short"))
		rows_len = rows_len / 2;
	packed = deflate_rows(rows, rows_len, &packed_len);
	if (!strcmp(variant, "adler"))
		packed[packed_len - 1] ^= 1;
	out.data = xalloc(packed_len + 256);
	out.len = 0;
	header(&out, width, height, layout->depth, layout->colour);
	if (!strcmp(variant, "apng"))
		chunk(&out, "acTL", two_frames, sizeof(two_frames));
	chunk(&out, "IDAT", packed, packed_len);
	crc_at = out.len - 4;
	if (!strcmp(variant, "crc"))
		out.data[crc_at] ^= 1;
	if (strcmp(variant, "noend"))
		chunk(&out, "IEND", NULL, 0);
	free(packed);
	*len = out.len;
	return out.data;
}

uint8_t *png_bomb(size_t *len)
{
	struct out out = { xalloc(256), 0 };
	uint8_t rows[64] = { 0 }, packed[128];
	uLongf size = sizeof(packed);

	header(&out, 30000, 30000, 8, 2);
	if (compress2(packed, &size, rows, sizeof(rows), 1) != Z_OK)
		exit(1);
	chunk(&out, "IDAT", packed, size);
	chunk(&out, "IEND", NULL, 0);
	*len = out.len;
	return out.data;
}
