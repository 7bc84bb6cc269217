/*
 * The container of a PNG, without its pixels: every chunk's length, name,
 * order and CRC (PNG specification 5 and 11.2). What libpng leaves to a
 * warning, or skips without a word, is refused here. Pure functions.
 */
#ifndef SEED_PNG_CHUNKS_H
#define SEED_PNG_CHUNKS_H

#include "lib/base/base.h"
#include "lib/base/error.h"

#define SEED_PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

enum {
	SEED_PNG_SIGNATURE_BYTES = 8,
	/* Length, name and CRC around a chunk's data. */
	SEED_PNG_CHUNK_EXTRA_BYTES = 12,
	/* A chunk's length is a signed 32-bit number (PNG specification 7.1). */
	SEED_PNG_CHUNK_MAX_BYTES = 0x7fffffff,
};

struct seed_png_chunk {
	const uint8_t *frame; /* its length field: where the whole chunk begins */
	const uint8_t *data;
	uint32_t len;
	char name[5];
};

struct seed_png_layout {
	uint32_t width, height;
	int depth, colour, interlace; /* as in IHDR */
	bool has_palette, has_transparency;
	size_t idat_end; /* offset behind the last IDAT chunk */
	size_t data_end; /* the same for the last that is not empty */
	size_t end;      /* offset behind IEND */
};

static inline uint32_t seed_load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The chunk at *offset of a PNG whose chunks were checked; moves *offset on.
 * false behind IEND. */
bool seed_png_next(const uint8_t *data, size_t end, size_t *offset, struct seed_png_chunk *chunk);

/* Checks the whole container. EBADMSG. Width and height are set as soon as
 * IHDR has been read. */
errint_t seed_png_walk(const uint8_t *data, size_t len, struct seed_png_layout *layout,
		       struct seed_error *error) SEED_MUST_CHECK;

#endif
