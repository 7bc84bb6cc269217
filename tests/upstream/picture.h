/*
 * Pictures by kind: FORMAT[-WIDTHxHEIGHT][_VARIANT], and some that are none.
 *
 *     png jpeg webp        2048x1152 unless said otherwise
 *     …_flat               of one single colour
 *     …_cut                the first half of the file
 *     …_as-png             named .png and called image/png, whatever it is
 *     …_trailing           bytes after its end
 *     png_crc              one wrong byte in a picture's row: CRC fails
 *     png_adler            CRCs right, the zlib stream's checksum wrong
 *     png_noend            without IEND
 *     png_short            right checksums, but rows are missing
 *     png_apng             animated
 *     png_rgba png_grey png_16   other pixel formats
 *     webp_animated        two frames
 *     bomb                 a PNG whose header says 30000x30000
 *     endless              begins as a PNG and never ends
 *     html empty           what expired links give
 *
 * What is drawn depends on the seed and on nothing else: the same seed is the
 * same scene in every size and format.
 */
#ifndef UPSTREAM_PICTURE_H
#define UPSTREAM_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture {
	uint8_t *data;
	size_t len;
	const char *type; /* media type */
	bool endless;
};

/* Made once, kept until picture_clear(). NULL: no such kind. Any thread. */
const struct picture *picture_get(const char *kind, uint64_t seed);
const char *picture_suffix(const char *kind); /* "png", "jpg", "webp", "html" */
void picture_clear(void);

/* png.c: `rgb` as a PNG with a variant ("" for none); malloc'd. */
uint8_t *png_encode(const uint8_t *rgb, uint32_t width, uint32_t height, const char *variant,
		    size_t *len);
uint8_t *png_bomb(size_t *len);

#endif
