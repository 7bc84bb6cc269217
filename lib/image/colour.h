/*
 * Colours to sRGB, through lcms2: from an ICC profile, or from a PNG's chunks
 * cICP, gAMA and cHRM. If a picture has several, PNG's third edition decides (4.3): cICP,
 * then the profile, then sRGB, then gAMA and cHRM.
 *
 * A picture that is already sRGB, to less than a level, needs no conversion; finding
 * that out costs some 50 microseconds. Whatever cannot be read, or is no profile for
 * such a picture, counts as missing, as in viewers: a picture is not refused for it. A
 * conversion takes some 30 ms for 2048x1152, and twenty times that for 16 bits or with a
 * grey profile, for which lcms2 has no exact table.
 *
 * Perceptual intent with black point compensation. Everything that an 8-bit screen
 * cannot show is clipped: colours beyond sRGB, and in PQ and HLG whatever is brighter than
 * paper (203 cd/m2, ITU-R BT.2408).
 */
#ifndef SEED_COLOUR_H
#define SEED_COLOUR_H

#include "lib/base/base.h"
#include "lib/base/error.h"

/* What a picture says about its colours; all may be missing. */
struct seed_colour_tags {
	const uint8_t *cicp; /* the chunk's 4 bytes */
	const uint8_t *icc;
	size_t icc_len;
	bool srgb;
	uint32_t gamma;      /* gAMA: 100,000 / the exponent */
	const uint8_t *chrm; /* the chunk's 32 bytes */
	bool grey;           /* the picture has one channel, three times */
};

/* How a decoder hands its samples over. */
enum seed_samples {
	SEED_SAMPLES_RGB,
	SEED_SAMPLES_RGBA,
	SEED_SAMPLES_RGBA16, /* in the machine's byte order */
	SEED_SAMPLES_CMYK,
	SEED_SAMPLES_CMYK_INVERTED,
};

struct seed_colour;

/* *colour is NULL if there is nothing to convert. ENOMEM. */
errint_t seed_colour_new(const struct seed_colour_tags *tags, enum seed_samples samples,
			 struct seed_colour **colour, struct seed_error *error) SEED_MUST_CHECK;
void seed_colour_free(struct seed_colour *colour);

/* `count` pixels; RGB may be converted in place. Alpha is laid over black after the
 * conversion. Cannot fail. */
void seed_colour_convert(const struct seed_colour *colour, const void *from, uint8_t *rgb,
			 size_t count);

#endif
