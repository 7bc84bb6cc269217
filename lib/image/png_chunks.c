#include "lib/image/png_chunks.h"

#include <ctype.h>
#include <libdeflate.h>

#include "lib/image/pixels.h"

bool seed_png_next(const uint8_t *data, size_t end, size_t *offset, struct seed_png_chunk *chunk)
{
	if (*offset >= end)
		return false;
	chunk->frame = data + *offset;
	chunk->len = seed_load_be32(chunk->frame);
	memcpy(chunk->name, chunk->frame + 4, 4);
	chunk->name[4] = '\0';
	chunk->data = chunk->frame + 8;
	*offset += (size_t)chunk->len + SEED_PNG_CHUNK_EXTRA_BYTES;
	return true;
}

static bool name_valid(const uint8_t *name)
{
	for (int i = 0; i < 4; i++)
		if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z')))
			return false;
	/* The third letter's case is reserved: it is upper in every defined chunk. */
	return name[2] <= 'Z';
}

/* Reads a chunk that has not been checked yet. */
static errint_t checked_next(const uint8_t *data, size_t len, size_t *offset,
			     struct seed_png_chunk *chunk, struct seed_error *error)
{
	size_t left = len - *offset;
	const uint8_t *frame = data + *offset;

	if (left < SEED_PNG_CHUNK_EXTRA_BYTES)
		return seed_image_invalid(error, "PNG is cut off after %zu bytes", len);
	if (!name_valid(frame + 4))
		return seed_image_invalid(error, "PNG has no chunk at offset %zu", *offset);
	if (seed_load_be32(frame) > SEED_PNG_CHUNK_MAX_BYTES)
		return seed_image_invalid(error, "PNG chunk %.4s at offset %zu has no valid length",
					  (const char *)frame + 4, *offset);
	if (seed_load_be32(frame) > left - SEED_PNG_CHUNK_EXTRA_BYTES)
		return seed_image_invalid(error, "PNG is cut off after %zu bytes (in its chunk %.4s)",
					  len, (const char *)frame + 4);
	if (libdeflate_crc32(0, frame + 4, (size_t)seed_load_be32(frame) + 4) !=
	    seed_load_be32(frame + 8 + seed_load_be32(frame)))
		return seed_image_invalid(error, "PNG chunk %.4s at offset %zu is damaged (CRC)",
					  (const char *)frame + 4, *offset);
	seed_png_next(data, len, offset, chunk);
	return 0;
}

/* PNG specification, table 11.1. */
static bool depth_allowed(int colour, int depth)
{
	switch (colour) {
	case 0:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
	case 3:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8;
	case 2:
	case 4:
	case 6:
		return depth == 8 || depth == 16;
	default:
		return false;
	}
}

static errint_t read_header(const struct seed_png_chunk *chunk, struct seed_png_layout *layout,
			    struct seed_error *error)
{
	const uint8_t *p = chunk->data;

	if (strcmp(chunk->name, "IHDR") || chunk->len != 13)
		return seed_image_invalid(error, "PNG does not begin with IHDR");
	layout->width = seed_load_be32(p);
	layout->height = seed_load_be32(p + 4);
	layout->depth = p[8];
	layout->colour = p[9];
	layout->interlace = p[12];
	if (!depth_allowed(layout->colour, layout->depth) || p[10] || p[11] || p[12] > 1)
		return seed_image_invalid(error, "PNG header is wrong (depth %d, colour type %d, "
					  "compression %d, filter %d, interlace %d)",
					  p[8], p[9], p[10], p[11], p[12]);
	return seed_pixels_check_size(layout->width, layout->height, error);
}

static errint_t refuse_place(const struct seed_png_chunk *chunk, struct seed_error *error)
{
	return seed_image_invalid(error, "PNG chunk %s is in the wrong place", chunk->name);
}

static errint_t read_palette(const struct seed_png_chunk *chunk, struct seed_png_layout *layout,
			     struct seed_error *error)
{
	/* Grey pictures have none (11.2.3). It comes once, before tRNS and IDAT. */
	if (layout->idat_end || layout->has_palette || layout->has_transparency ||
	    !(layout->colour & 2))
		return refuse_place(chunk, error);
	if (!chunk->len || chunk->len % 3 || chunk->len > 256 * 3)
		return seed_image_invalid(error, "PNG palette has %u bytes", chunk->len);
	layout->has_palette = true;
	return 0;
}

/* A single frame that is the picture itself (no fdAT) is a still picture in the
 * container of an animation. */
static bool is_animation(const struct seed_png_chunk *chunk)
{
	if (!strcmp(chunk->name, "acTL"))
		return chunk->len != 8 || seed_load_be32(chunk->data) != 1;
	return !strcmp(chunk->name, "fdAT");
}

static errint_t read_other(const struct seed_png_chunk *chunk, struct seed_png_layout *layout,
			   struct seed_error *error)
{
	if (!strcmp(chunk->name, "PLTE"))
		return read_palette(chunk, layout, error);
	if (is_animation(chunk))
		return seed_image_invalid(error, "PNG is animated");
	if (!strcmp(chunk->name, "tRNS")) {
		if (layout->idat_end || layout->has_transparency || layout->colour & 4)
			return refuse_place(chunk, error);
		layout->has_transparency = true;
		return 0;
	}
	if (isupper((unsigned char)chunk->name[0]))
		return seed_image_invalid(error, "PNG chunk %s is not known", chunk->name);
	return 0;
}

static errint_t read_idat(const struct seed_png_chunk *chunk, size_t start, size_t end,
			  struct seed_png_layout *layout, struct seed_error *error)
{
	if (layout->idat_end && layout->idat_end != start)
		return refuse_place(chunk, error);
	if (layout->colour == 3 && !layout->has_palette)
		return seed_image_invalid(error, "PNG has no palette");
	layout->idat_end = end;
	if (chunk->len)
		layout->data_end = end;
	return 0;
}

static errint_t read_end(const struct seed_png_chunk *chunk, size_t end,
			 struct seed_png_layout *layout, struct seed_error *error)
{
	if (chunk->len)
		return seed_image_invalid(error, "PNG chunk IEND has %u bytes", chunk->len);
	if (!layout->idat_end)
		return seed_image_invalid(error, "PNG has no pixels (IDAT)");
	layout->end = end;
	return 0;
}

errint_t seed_png_walk(const uint8_t *data, size_t len, struct seed_png_layout *layout,
		       struct seed_error *error)
{
	size_t offset = SEED_PNG_SIGNATURE_BYTES;
	struct seed_png_chunk chunk;
	errint_t err;

	*layout = (struct seed_png_layout){0};
	err = checked_next(data, len, &offset, &chunk, error);
	if (!err)
		err = read_header(&chunk, layout, error);
	while (!err && !layout->end) {
		size_t start = offset;

		err = checked_next(data, len, &offset, &chunk, error);
		if (err)
			break;
		if (!strcmp(chunk.name, "IHDR"))
			err = refuse_place(&chunk, error);
		else if (!strcmp(chunk.name, "IDAT"))
			err = read_idat(&chunk, start, offset, layout, error);
		else if (!strcmp(chunk.name, "IEND"))
			err = read_end(&chunk, offset, layout, error);
		else
			err = read_other(&chunk, layout, error);
	}
	return err;
}
