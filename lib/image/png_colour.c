#include "lib/image/png_colour.h"

#include <stdlib.h>
#include <string.h>

#include "lib/image/inflated.h"

/* A name and its NUL, method 0, a zlib stream. */
static errint_t read_profile(const struct seed_png_chunk *chunk, struct seed_colour_tags *tags,
			     uint8_t **owned)
{
	const uint8_t *end = chunk->data + chunk->len, *name_end = memchr(chunk->data, 0, chunk->len);

	if (!name_end || end - name_end < 2 || name_end[1] || *owned)
		return 0;
	return seed_inflated(name_end + 2, (size_t)(end - name_end - 2), SEED_PROFILE_MAX_BYTES, owned,
			     &tags->icc_len);
}

static errint_t read_chunk(const struct seed_png_chunk *chunk, struct seed_colour_tags *tags,
			   uint8_t **owned)
{
	if (!strcmp(chunk->name, "cICP") && chunk->len == 4)
		tags->cicp = chunk->data;
	else if (!strcmp(chunk->name, "sRGB") && chunk->len == 1)
		tags->srgb = true;
	else if (!strcmp(chunk->name, "gAMA") && chunk->len == 4)
		tags->gamma = seed_load_be32(chunk->data);
	else if (!strcmp(chunk->name, "cHRM") && chunk->len == 32)
		tags->chrm = chunk->data;
	else if (!strcmp(chunk->name, "iCCP"))
		return read_profile(chunk, tags, owned);
	return 0;
}

errint_t seed_png_colour(const uint8_t *data, const struct seed_png_layout *layout,
			 enum seed_samples samples, struct seed_colour **colour, struct seed_error *error)
{
	/* Bit 1 of the type: colours (11.2.1). */
	struct seed_colour_tags tags = {.grey = !(layout->colour & 2)};
	size_t offset = SEED_PNG_SIGNATURE_BYTES;
	struct seed_png_chunk chunk;
	uint8_t *owned = NULL;
	errint_t err = 0;

	*colour = NULL;
	/* All of them stand before the pixels. */
	while (!err && seed_png_next(data, layout->idat_end, &offset, &chunk) && strcmp(chunk.name, "IDAT"))
		err = read_chunk(&chunk, &tags, &owned);
	tags.icc = owned;
	if (err)
		err = seed_error_set(error, ENOMEM, "no memory to read a picture's profile");
	else
		err = seed_colour_new(&tags, samples, colour, error);
	free(owned);
	return err;
}
