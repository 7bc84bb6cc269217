/*
 * Colours of other spaces, against the formulas of their standards in double
 * precision: ITU-T H.273 and the recommendations that it names, the PNG
 * specification, IEC 61966-2-1. Profiles are written by lcms2 out of the same
 * numbers.
 */
#include "tests/unit/image_make.h"

#include <math.h>
#include <stdio.h>

#include <jpeglib.h>
#include <lcms2.h>
#include <webp/encode.h>

#include "lib/image/colour.h"
#include "lib/image/decode.h"

/* In levels: rounding, and one. */
#define SLACK 1.5

/* ---- the formulas ---- */

typedef double curve(double);

static double srgb(double x)
{
	return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

static double to_srgb(double x)
{
	return x <= 0.0031308 ? x * 12.92 : 1.055 * pow(x, 1 / 2.4) - 0.055;
}

static double bt709(double x)
{
	return x < 0.081 ? x / 4.5 : pow((x + 0.099) / 1.099, 1 / 0.45);
}

static double smpte240(double x)
{
	return x < 0.0913 ? x / 4 : pow((x + 0.1115) / 1.1115, 1 / 0.45);
}

static double linear(double x)
{
	return x;
}

static double gamma18(double x)
{
	return pow(x, 1.8);
}

static double gamma22(double x)
{
	return pow(x, 2.2);
}

static double gamma28(double x)
{
	return pow(x, 2.8);
}

static double cinema(double x)
{
	return pow(x, 2.6) * 52.37 / 48;
}

/* White paper is 203 cd/m2. */
static double pq(double x)
{
	double p = pow(x, 1 / 78.84375);

	return 10000.0 / 203 * pow(fmax(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p), 1 / 0.1593017578125);
}

static double hlg(double x)
{
	double scene = x <= 0.5 ? x * x / 3 : (exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12;

	return 1000.0 / 203 * pow(scene, 1.2);
}

/* x and y of white, red, green and blue. */
typedef const double primaries[8];

static primaries of_srgb = {0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06};
static primaries of_p3 = {0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06};
static primaries of_bt2020 = {0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046};
static primaries of_bt601 = {0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07};
static primaries of_pal = {0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06};
static primaries of_ntsc = {0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08};
static primaries of_cinema = {0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06};

static void invert(double m[9])
{
	double a[9], det;

	for (int i = 0; i < 9; i++) {
		const int r = i % 3, c = i / 3;

		a[i] = m[(r + 1) % 3 * 3 + (c + 1) % 3] * m[(r + 2) % 3 * 3 + (c + 2) % 3] -
		       m[(r + 1) % 3 * 3 + (c + 2) % 3] * m[(r + 2) % 3 * 3 + (c + 1) % 3];
	}
	det = m[0] * a[0] + m[1] * a[3] + m[2] * a[6];
	for (int i = 0; i < 9; i++)
		m[i] = a[i] / det;
}

static void apply(const double m[9], const double v[3], double to[3])
{
	for (int i = 0; i < 3; i++)
		to[i] = m[i * 3] * v[0] + m[i * 3 + 1] * v[1] + m[i * 3 + 2] * v[2];
}

static void xyz_of(double x, double y, double to[3])
{
	to[0] = x / y;
	to[1] = 1;
	to[2] = (1 - x - y) / y;
}

static void matrix_of(primaries p, double m[9])
{
	double inverse[9], white[3], weights[3];

	for (int i = 0; i < 3; i++) {
		double colour[3];

		xyz_of(p[2 + i * 2], p[3 + i * 2], colour);
		for (int k = 0; k < 3; k++)
			m[k * 3 + i] = colour[k];
	}
	memcpy(inverse, m, sizeof(inverse));
	invert(inverse);
	xyz_of(p[0], p[1], white);
	apply(inverse, white, weights);
	for (int i = 0; i < 9; i++)
		m[i] *= weights[i % 3];
}

/* Bradford's. */
static void adapt(primaries from, primaries to, double xyz[3])
{
	static const double cones[9] = {0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367,
					0.0389, -0.0685, 1.0296};
	double back[9], white[3], a[3], b[3], lms[3];

	memcpy(back, cones, sizeof(back));
	invert(back);
	xyz_of(from[0], from[1], white);
	apply(cones, white, a);
	xyz_of(to[0], to[1], white);
	apply(cones, white, b);
	apply(cones, xyz, lms);
	for (int i = 0; i < 3; i++)
		lms[i] *= b[i] / a[i];
	apply(back, lms, xyz);
}

struct space {
	primaries *primaries;
	curve *curve;
	bool studio; /* 16 to 235 */
};

/* Codes of 0 to 1, to 0 to 255. */
static void exact(const struct space *space, const double codes[3], double to[3])
{
	double m[9], inverse[9], light[3], xyz[3];

	for (int i = 0; i < 3; i++) {
		double code = codes[i];

		if (space->studio)
			code = fmin(fmax((code * 255 - 16) / 219, 0), 1);
		light[i] = fmin(space->curve(code), 1);
	}
	matrix_of(*space->primaries, m);
	matrix_of(of_srgb, inverse);
	invert(inverse);
	apply(m, light, xyz);
	adapt(*space->primaries, of_srgb, xyz);
	apply(inverse, xyz, to);
	for (int i = 0; i < 3; i++)
		to[i] = 255 * to_srgb(fmin(fmax(to[i], 0), 1));
}

/* ---- pictures ---- */

static void decoded_to(const struct seed_buf *file, struct seed_decoded *decoded)
{
	struct seed_error error;

	if (seed_decode(bytes_of(file), file->len_bytes, decoded, &error))
		fail_msg("%s", error.message);
}

/* The code of a channel of the test's picture, and alpha. */
static double code_of(const struct png_kind *kind, uint32_t x, uint32_t y, int channel)
{
	int channels = channels_of(kind->colour);
	bool grey = channels < 3;
	int at = channel == 3 ? channels - 1 : grey ? 0 : channel;

	if (channel == 3 && !(kind->colour & 4))
		return 1;
	return sample(kind, x, y, at) / (double)((1U << kind->depth) - 1);
}

static void compare(const char *name, const struct seed_decoded *decoded, const struct png_kind *kind,
		    const struct space *space)
{
	assert_false(decoded->keepable);
	for (uint32_t y = 0; y < kind->height; y++)
		for (uint32_t x = 0; x < kind->width; x++) {
			const uint8_t *got = seed_pixels_row(&decoded->pixels, y) + x * 3;
			const double codes[3] = {code_of(kind, x, y, 0), code_of(kind, x, y, 1),
						 code_of(kind, x, y, 2)};
			double alpha = code_of(kind, x, y, 3), want[3];

			exact(space, codes, want);
			for (int c = 0; c < 3; c++)
				if (fabs(got[c] - want[c] * alpha) > SLACK)
					fail_msg("%s, type %d depth %d, %u,%u: %.1f %.1f %.1f is %d %d %d, "
						 "not %.2f %.2f %.2f", name, kind->colour, kind->depth, x, y,
						 codes[0] * 255, codes[1] * 255, codes[2] * 255, got[0],
						 got[1], got[2], want[0] * alpha, want[1] * alpha,
						 want[2] * alpha);
		}
}

struct tag {
	const char *name, *data;
	size_t len;
};

static void make_png(struct seed_buf *png, const struct png_kind *kind, const struct tag *tags, size_t count)
{
	seed_buf_init(png, MADE_MAX_BYTES);
	add_head(png, kind);
	for (size_t i = 0; i < count && tags[i].name; i++)
		add_chunk(png, tags[i].name, tags[i].data, tags[i].len);
	add_pixels(png, kind);
}

static const struct png_kind plain = {.width = 40, .height = 30, .depth = 8, .colour = 2};
static const struct png_kind kinds[] = {
	{.width = 40, .height = 30, .depth = 8, .colour = 2},
	{.width = 40, .height = 30, .depth = 8, .colour = 2, .interlaced = true},
	{.width = 40, .height = 30, .depth = 8, .colour = 6},
	{.width = 40, .height = 30, .depth = 16, .colour = 2},
	{.width = 40, .height = 30, .depth = 16, .colour = 6, .interlaced = true},
	{.width = 40, .height = 30, .depth = 8, .colour = 0},
	{.width = 40, .height = 30, .depth = 16, .colour = 4},
	{.width = 40, .height = 30, .depth = 4, .colour = 0},
};

#define CHRM_P3 "\0\0\x7a\x26\0\0\x80\x84\0\1\x09\xa0\0\0\x7d\0\0\0\x67\x84\0\1\x0d\x88\0\0\x3a\x98\0\0\x17\x70"
#define CHRM_SRGB "\0\0\x7a\x26\0\0\x80\x84\0\0\xfa\0\0\0\x80\xe8\0\0\x75\x30\0\0\xea\x60\0\0\x3a\x98\0\0\x17\x70"

static void png_chunks(void **state)
{
	static const struct {
		struct tag tags[3];
		struct space space;
	} cases[] = {
		{{{"cICP", "\x0c\x0d\0\1", 4}}, {&of_p3, srgb, false}},
		{{{"cICP", "\1\1\0\1", 4}}, {&of_srgb, bt709, false}},
		{{{"cICP", "\1\x0d\0\0", 4}}, {&of_srgb, srgb, true}},
		{{{"cICP", "\4\4\0\1", 4}}, {&of_ntsc, gamma22, false}},
		{{{"cICP", "\5\5\0\1", 4}}, {&of_pal, gamma28, false}},
		{{{"cICP", "\6\6\0\1", 4}}, {&of_bt601, bt709, false}},
		{{{"cICP", "\7\7\0\1", 4}}, {&of_bt601, smpte240, false}},
		{{{"cICP", "\1\x08\0\1", 4}}, {&of_srgb, linear, false}},
		{{{"cICP", "\x09\x0e\0\1", 4}}, {&of_bt2020, bt709, false}},
		{{{"cICP", "\x09\x10\0\1", 4}}, {&of_bt2020, pq, false}},
		{{{"cICP", "\x09\x12\0\1", 4}}, {&of_bt2020, hlg, false}},
		{{{"cICP", "\x0b\x11\0\1", 4}}, {&of_cinema, cinema, false}},
		{{{"gAMA", "\0\1\x86\xa0", 4}}, {&of_srgb, linear, false}},
		{{{"gAMA", "\0\0\xd9\x04", 4}}, {&of_srgb, gamma18, false}},
		{{{"gAMA", "\0\0\xb1\x8f", 4}, {"cHRM", CHRM_P3, 32}}, {&of_p3, gamma22, false}},
		{{{"cHRM", CHRM_P3, 32}}, {&of_p3, srgb, false}},
		{{{"cHRM", CHRM_SRGB, 32}, {"gAMA", "\0\1\x86\xa0", 4}}, {&of_srgb, linear, false}},
		/* Who is heard: cICP before the others; gAMA where cICP cannot be meant. */
		{{{"gAMA", "\0\1\x86\xa0", 4}, {"cICP", "\x0c\x0d\0\1", 4}, {"sRGB", "\0", 1}},
		 {&of_p3, srgb, false}},
		{{{"gAMA", "\0\1\x86\xa0", 4}, {"cICP", "\x0c\x0d\1\1", 4}}, {&of_srgb, linear, false}},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
			struct seed_decoded decoded;
			struct seed_buf png;

			make_png(&png, &kinds[k], cases[i].tags, 3);
			decoded_to(&png, &decoded);
			compare(cases[i].tags[0].name, &decoded, &kinds[k], &cases[i].space);
			seed_decoded_release(&decoded);
			seed_buf_release(&png);
		}
}

/* What is sRGB, or says nothing that can be meant: not a byte changes. */
static void png_as_it_is(void **state)
{
	static const struct tag cases[][3] = {
		{{"sRGB", "\0", 1}, {"gAMA", "\0\1\x86\xa0", 4}, {"cHRM", CHRM_P3, 32}},
		{{"gAMA", "\0\0\xb1\x8f", 4}}, {{"gAMA", "\0\0\xb1\x8e", 4}, {"cHRM", CHRM_SRGB, 32}},
		{{"cHRM", CHRM_SRGB, 32}}, {{"cICP", "\1\x0d\0\1", 4}, {"cHRM", CHRM_P3, 32}},
		{{"gAMA", "\0\0\0\0", 4}}, {{"gAMA", "\0\0\0\1", 4}}, {{"gAMA", "\xff\xff\xff\xff", 4}},
		{{"gAMA", "\0\0\0\1", 4}, {"cHRM", CHRM_SRGB, 32}}, {{"gAMA", "\x7f\xff\xff\xff", 4}, {"cHRM", CHRM_SRGB, 32}},
		{{"gAMA", "\x80\0\0\0", 4}, {"cHRM", CHRM_SRGB, 32}},
		{{"gAMA", "\1\x86\xa0", 3}}, {{"cICP", "\x0c\x0d\0", 3}}, {{"cICP", "\x0c\x0d\0\2", 4}},
		{{"cICP", "\2\2\0\1", 4}}, {{"cICP", "\xff\x0d\0\1", 4}}, {{"cICP", "\x0c\xff\0\1", 4}},
		{{"cICP", "\0\0\0\0", 4}}, {{"cICP", "\x0c\x0d\1\1", 4}},
		{{"cHRM", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32}},
		{{"cHRM", CHRM_P3, 31}},
		{{"iCCP", "", 0}}, {{"iCCP", "name", 4}}, {{"iCCP", "name\0\0", 6}}, {{"iCCP", "name\0\1x", 7}},
	};
	struct seed_decoded want;
	struct seed_buf png;

	SEED_UNUSED(state);
	make_png(&png, &plain, NULL, 0);
	decoded_to(&png, &want);
	seed_buf_release(&png);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_decoded decoded;

		make_png(&png, &plain, cases[i], 3);
		decoded_to(&png, &decoded);
		if (!decoded.keepable)
			fail_msg("case %zu (%s) is converted", i, cases[i][0].name);
		assert_memory_equal(decoded.pixels.data, want.pixels.data, 40 * 30 * 3);
		seed_decoded_release(&decoded);
		seed_buf_release(&png);
	}
	seed_decoded_release(&want);
}

/* ---- profiles ---- */

static cmsUInt32Number profile_bytes(cmsHPROFILE profile, uint8_t **data)
{
	cmsUInt32Number len = 0;

	assert_non_null(profile);
	assert_true(cmsSaveProfileToMem(profile, NULL, &len));
	*data = malloc(len);
	assert_true(cmsSaveProfileToMem(profile, *data, &len));
	cmsCloseProfile(profile);
	return len;
}

/* `extra`: so many bytes that say nothing. */
static cmsHPROFILE rgb_profile(primaries p, double gamma, size_t extra)
{
	const cmsCIExyY white = {p[0], p[1], 1};
	const cmsCIExyYTRIPLE colours = {{p[2], p[3], 1}, {p[4], p[5], 1}, {p[6], p[7], 1}};
	const double parameters[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
	cmsToneCurve *one = gamma > 0 ? cmsBuildGamma(NULL, gamma)
				      : cmsBuildParametricToneCurve(NULL, 4, parameters);
	cmsToneCurve *const curves[] = {one, one, one};
	cmsHPROFILE profile = cmsCreateRGBProfile(&white, &colours, curves);
	uint8_t *bytes = calloc(1, extra + 1);

	if (extra)
		assert_true(cmsWriteRawTag(profile, (cmsTagSignature)0x74657374, bytes,
					   (cmsUInt32Number)extra));
	free(bytes);
	cmsFreeToneCurve(one);
	return profile;
}

static cmsHPROFILE grey_profile(double gamma)
{
	cmsToneCurve *one = cmsBuildGamma(NULL, gamma);
	cmsHPROFILE profile = cmsCreateGrayProfile(cmsD50_xyY(), one);

	cmsFreeToneCurve(one);
	return profile;
}

/* An iCCP chunk; takes the profile. `cut`: so many bytes of it are missing. */
static void add_iccp(struct seed_buf *chunk, cmsHPROFILE profile, size_t cut)
{
	uint8_t *icc;
	cmsUInt32Number len = profile_bytes(profile, &icc);

	seed_buf_init(chunk, MADE_MAX_BYTES);
	add(chunk, "a name\0", 8);
	add_zlib(chunk, icc, len - cut);
	free(icc);
}

static void png_with_profile(cmsHPROFILE profile, size_t cut, const struct png_kind *kind,
			     struct seed_decoded *decoded)
{
	struct seed_buf chunk, png;
	struct tag tags[2];

	add_iccp(&chunk, profile, cut);
	tags[0] = (struct tag){"sRGB", "\0", 1};
	tags[1] = (struct tag){"iCCP", chunk.data, chunk.len_bytes};
	make_png(&png, kind, tags, 2);
	decoded_to(&png, decoded);
	seed_buf_release(&chunk);
	seed_buf_release(&png);
}

static void png_profiles(void **state)
{
	static const struct space p3 = {&of_p3, gamma22, false}, grey18 = {&of_srgb, gamma18, false};
	struct seed_decoded decoded;

	SEED_UNUSED(state);
	for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
		png_with_profile(rgb_profile(of_p3, 2.2, 0), 0, &kinds[k], &decoded);
		compare("iCCP", &decoded, &kinds[k], &p3);
		seed_decoded_release(&decoded);
		if (channels_of(kinds[k].colour) > 2)
			continue;
		png_with_profile(grey_profile(1.8), 0, &kinds[k], &decoded);
		compare("grey iCCP", &decoded, &kinds[k], &grey18);
		seed_decoded_release(&decoded);
	}
	/* Larger than a first try of inflating it. */
	png_with_profile(rgb_profile(of_p3, 2.2, 60000), 0, &plain, &decoded);
	compare("large iCCP", &decoded, &plain, &p3);
	seed_decoded_release(&decoded);
}

/* What a chain of elements says, here that all is black, is not heard; nor does a profile of nothing else count. */
static cmsHPROFILE with_elements(cmsHPROFILE profile)
{
	static const double nothing[9] = {0};
	cmsPipeline *chain = cmsPipelineAlloc(NULL, 3, 3);

	cmsSetProfileVersion(profile, 4.3);
	assert_true(cmsPipelineInsertStage(chain, cmsAT_END, cmsStageAllocMatrix(NULL, 3, 3, nothing, NULL)));
	assert_true(cmsWriteTag(profile, cmsSigDToB0Tag, chain));
	assert_true(cmsWriteTag(profile, cmsSigDToB1Tag, chain));
	cmsPipelineFree(chain);
	return profile;
}

static void png_profile_elements(void **state)
{
	static const struct space p3 = {&of_p3, gamma22, false};
	cmsHPROFILE only = with_elements(cmsCreateProfilePlaceholder(NULL));
	struct seed_decoded decoded;

	SEED_UNUSED(state);
	png_with_profile(with_elements(rgb_profile(of_p3, 2.2, 0)), 0, &plain, &decoded);
	compare("iCCP with elements", &decoded, &plain, &p3);
	seed_decoded_release(&decoded);
	cmsSetColorSpace(only, cmsSigRgbData);
	cmsSetPCS(only, cmsSigXYZData);
	cmsSetDeviceClass(only, cmsSigDisplayClass);
	png_with_profile(only, 0, &plain, &decoded);
	assert_true(decoded.keepable);
	seed_decoded_release(&decoded);
}

/* sRGB in an ICC profile, one that is cut, and one for other pictures. */
static void png_profiles_as_they_are(void **state)
{
	cmsHPROFILE profiles[] = {
		rgb_profile(of_srgb, 0, 0), cmsCreate_sRGBProfile(), rgb_profile(of_p3, 2.2, 0),
		grey_profile(1.8), cmsCreateXYZProfile(), cmsCreateLab4Profile(NULL),
	};
	struct seed_decoded decoded;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(profiles); i++) {
		png_with_profile(profiles[i], i == 2 ? 400 : 0, &plain, &decoded);
		if (!decoded.keepable)
			fail_msg("profile %zu is converted", i);
		seed_decoded_release(&decoded);
	}
}

/* A palette's colours are converted, not its indices. */
static void png_palette(void **state)
{
	static const struct png_kind kind = {.width = 8, .height = 2, .depth = 1, .colour = 3};
	static const uint8_t colours[6] = {200, 100, 50, 10, 220, 90}, alphas[2] = {128, 255};
	static const struct space p3 = {&of_p3, srgb, false};
	struct seed_decoded decoded;
	struct seed_buf png;

	SEED_UNUSED(state);
	seed_buf_init(&png, MADE_MAX_BYTES);
	add_head(&png, &kind);
	add_chunk(&png, "cICP", "\x0c\x0d\0\1", 4);
	add_chunk(&png, "PLTE", colours, 6);
	add_chunk(&png, "tRNS", alphas, 2);
	add_pixels(&png, &kind);
	decoded_to(&png, &decoded);
	for (uint32_t x = 0; x < 8; x++) {
		uint32_t index = sample(&kind, x, 0, 0);
		const uint8_t *c = colours + index * 3;
		const double codes[3] = {c[0] / 255.0, c[1] / 255.0, c[2] / 255.0};
		double want[3];

		exact(&p3, codes, want);
		for (int i = 0; i < 3; i++)
			assert_true(fabs(decoded.pixels.data[x * 3 + (uint32_t)i] -
					 want[i] * alphas[index] / 255) <= SLACK);
	}
	seed_decoded_release(&decoded);
	seed_buf_release(&png);
}

/* ---- JPEG and WebP ---- */

enum { SIDE = 16 };

/* One colour, so that quality 100 keeps it; takes the profile. `pieces` of it are
 * announced, one less is written where `lost`. */
static void make_jpeg(struct seed_buf *file, const uint8_t *colour, int components, bool adobe,
		      cmsHPROFILE profile, bool lost)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long len = 0;
	uint8_t row[SIDE * 4], *icc;
	cmsUInt32Number icc_len = profile_bytes(profile, &icc);
	JSAMPROW rows = row;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &data, &len);
	jpeg.image_width = jpeg.image_height = SIDE;
	jpeg.input_components = components;
	jpeg.in_color_space = components == 4 ? JCS_CMYK : components == 1 ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(&jpeg);
	/* RGB as it is: YCbCr rounds. */
	jpeg_set_colorspace(&jpeg, jpeg.in_color_space);
	jpeg_set_quality(&jpeg, 100, TRUE);
	if (components == 4)
		jpeg.write_Adobe_marker = adobe;
	jpeg_start_compress(&jpeg, TRUE);
	if (lost) {
		memmove(icc + 14, icc, 60000);
		memcpy(icc, "ICC_PROFILE\0\1\2", 14);
		jpeg_write_marker(&jpeg, JPEG_APP0 + 2, icc, 60000);
	} else {
		jpeg_write_icc_profile(&jpeg, icc, icc_len);
	}
	for (int x = 0; x < SIDE; x++)
		memcpy(row + x * components, colour, (size_t)components);
	while (jpeg.next_scanline < SIDE)
		jpeg_write_scanlines(&jpeg, &rows, 1);
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	seed_buf_init(file, MADE_MAX_BYTES);
	add(file, data, len);
	free(data);
	free(icc);
}

static void assert_colour(const struct seed_buf *file, const double want[3], double slack)
{
	struct seed_decoded decoded;

	decoded_to(file, &decoded);
	for (size_t i = 0; i < (size_t)decoded.pixels.width * decoded.pixels.height * 3; i++)
		if (fabs(decoded.pixels.data[i] - want[i % 3]) > slack)
			fail_msg("%d %d %d, not %.2f %.2f %.2f", decoded.pixels.data[0],
				 decoded.pixels.data[1], decoded.pixels.data[2], want[0], want[1], want[2]);
	seed_decoded_release(&decoded);
}

static void jpeg_profiles(void **state)
{
	static const uint8_t colour[3] = {180, 90, 40}, grey[3] = {60, 60, 60};
	static const struct space p3 = {&of_p3, gamma22, false}, g18 = {&of_srgb, gamma18, false};
	const double codes[3] = {180 / 255.0, 90 / 255.0, 40 / 255.0};
	const double grey_codes[3] = {60 / 255.0, 60 / 255.0, 60 / 255.0}, as_it_is[3] = {180, 90, 40};
	struct seed_buf file;
	double want[3];

	SEED_UNUSED(state);
	exact(&p3, codes, want);
	/* In one piece, and in three. */
	for (size_t extra = 0; extra < 300000; extra += 150000) {
		make_jpeg(&file, colour, 3, false, rgb_profile(of_p3, 2.2, extra), false);
		assert_colour(&file, want, SLACK);
		seed_buf_release(&file);
	}
	make_jpeg(&file, colour, 3, false, rgb_profile(of_p3, 2.2, 100000), true);
	assert_colour(&file, as_it_is, 0);
	seed_buf_release(&file);
	make_jpeg(&file, colour, 3, false, cmsCreate_sRGBProfile(), false);
	assert_colour(&file, as_it_is, 0);
	seed_buf_release(&file);
	make_jpeg(&file, grey, 1, false, grey_profile(1.8), false);
	exact(&g18, grey_codes, want);
	assert_colour(&file, want, SLACK);
	seed_buf_release(&file);
}

/* Inks that are none: cyan is red, magenta green, yellow blue, and each adds light. */
static cmsInt32Number odd_inks(const cmsUInt16Number in[], cmsUInt16Number out[], void *xyz)
{
	const double colours[3] = {in[0] / 65535.0, in[1] / 65535.0, in[2] / 65535.0};
	static const struct space linear_srgb = {&of_srgb, linear, false};
	static primaries d50 = {0.3457, 0.3585, 0, 0, 0, 0, 0, 0};
	double m[9], v[3];
	cmsCIELab lab;

	SEED_UNUSED(xyz);
	matrix_of(*linear_srgb.primaries, m);
	apply(m, colours, v);
	adapt(of_srgb, d50, v);
	cmsXYZ2Lab(NULL, &lab, &(cmsCIEXYZ){v[0], v[1], v[2]});
	cmsFloat2LabEncoded(out, &lab);
	return TRUE;
}

static cmsHPROFILE ink_profile(void)
{
	cmsHPROFILE profile = cmsCreateProfilePlaceholder(NULL);
	cmsPipeline *pipeline = cmsPipelineAlloc(NULL, 4, 3);
	cmsStage *table = cmsStageAllocCLut16bit(NULL, 2, 4, 3, NULL);

	assert_true(cmsStageSampleCLut16bit(table, odd_inks, NULL, 0));
	/* The form of tag that is written has curves on both sides. */
	assert_true(cmsPipelineInsertStage(pipeline, cmsAT_END, cmsStageAllocToneCurves(NULL, 4, NULL)));
	assert_true(cmsPipelineInsertStage(pipeline, cmsAT_END, table));
	assert_true(cmsPipelineInsertStage(pipeline, cmsAT_END, cmsStageAllocToneCurves(NULL, 3, NULL)));
	cmsSetProfileVersion(profile, 4.3);
	cmsSetDeviceClass(profile, cmsSigOutputClass);
	cmsSetColorSpace(profile, cmsSigCmykData);
	cmsSetPCS(profile, cmsSigLabData);
	assert_true(cmsWriteTag(profile, cmsSigAToB0Tag, pipeline));
	assert_true(cmsWriteTag(profile, cmsSigMediaWhitePointTag, cmsD50_XYZ()));
	cmsPipelineFree(pipeline);
	return profile;
}

/* The profile says what inks look like, and Adobe's marker which way round they are. */
static void jpeg_inks(void **state)
{
	SEED_UNUSED(state);
	for (int i = 0; i < 8; i++) {
		const double want[3] = {i & 1 ? 255 : 0, i & 2 ? 255 : 0, i & 4 ? 255 : 0};
		uint8_t inks[4] = {(uint8_t)want[0], (uint8_t)want[1], (uint8_t)want[2], 0};
		struct seed_buf file;

		make_jpeg(&file, inks, 4, false, ink_profile(), false);
		assert_colour(&file, want, 2);
		seed_buf_release(&file);
		for (int c = 0; c < 4; c++)
			inks[c] = (uint8_t)~inks[c];
		make_jpeg(&file, inks, 4, true, ink_profile(), false);
		assert_colour(&file, want, 2);
		seed_buf_release(&file);
	}
}

/* One colour; takes the profile. */
static void make_webp(struct seed_buf *file, const uint8_t rgba[4], cmsHPROFILE profile)
{
	uint8_t pixels[SIDE * SIDE * 4], *icc, *webp;
	cmsUInt32Number icc_len = profile_bytes(profile, &icc);
	const uint8_t head[10] = {rgba[3] < 255 ? 0x30 : 0x20, 0, 0, 0, SIDE - 1, 0, 0, SIDE - 1, 0, 0};
	struct seed_buf body;
	size_t len;

	for (int i = 0; i < SIDE * SIDE; i++)
		memcpy(pixels + i * 4, rgba, 4);
	len = WebPEncodeLosslessRGBA(pixels, SIDE, SIDE, SIDE * 4, &webp);
	seed_buf_init(&body, MADE_MAX_BYTES);
	add(&body, "WEBP", 4);
	add_riff(&body, "VP8X", head, sizeof(head));
	add_riff(&body, "ICCP", icc, icc_len);
	add(&body, webp + 12, len - 12);
	seed_buf_init(file, MADE_MAX_BYTES);
	add_riff(file, "RIFF", body.data, body.len_bytes);
	seed_buf_release(&body);
	WebPFree(webp);
	free(icc);
}

static void webp_profiles(void **state)
{
	static const struct space p3 = {&of_p3, gamma22, false};
	const double codes[3] = {180 / 255.0, 90 / 255.0, 40 / 255.0}, as_it_is[3] = {180, 90, 40};
	double opaque[3], half[3];
	struct seed_buf file;

	SEED_UNUSED(state);
	exact(&p3, codes, opaque);
	for (int i = 0; i < 3; i++)
		half[i] = opaque[i] * 100 / 255;
	make_webp(&file, (const uint8_t[]){180, 90, 40, 255}, rgb_profile(of_p3, 2.2, 0));
	assert_colour(&file, opaque, SLACK);
	seed_buf_release(&file);
	make_webp(&file, (const uint8_t[]){180, 90, 40, 100}, rgb_profile(of_p3, 2.2, 0));
	assert_colour(&file, half, SLACK);
	seed_buf_release(&file);
	make_webp(&file, (const uint8_t[]){180, 90, 40, 255}, cmsCreate_sRGBProfile());
	assert_colour(&file, as_it_is, 0);
	seed_buf_release(&file);
}

/* ---- what no profile is ---- */

/* Whatever stands in a profile, a picture is converted or left, and nothing else
 * happens (under a sanitizer, this says). */
static void survives_damaged_profiles(void **state)
{
	static const enum seed_samples samples[] = {SEED_SAMPLES_RGB, SEED_SAMPLES_CMYK_INVERTED,
						    SEED_SAMPLES_RGBA16, SEED_SAMPLES_RGBA};
	cmsHPROFILE profiles[] = {rgb_profile(of_p3, 2.2, 0), ink_profile(), rgb_profile(of_p3, 0, 0),
				  grey_profile(1.8)};
	uint32_t random = 1;
	int converted = 0;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(profiles); i++) {
		uint8_t *icc, from[64 * 8], rgb[64 * 3];
		cmsUInt32Number len = profile_bytes(profiles[i], &icc), head = len < 400 ? len : 400;

		memset(from, 99, sizeof(from));
		/* A table for inks takes 0.1 s. */
		for (int round = 0; round < (i == 1 ? 20 : 200); round++) {
			struct seed_colour_tags tags = {.icc = malloc(len), .icc_len = len, .grey = i == 3};
			struct seed_colour *colour;
			struct seed_error error;

			memcpy((uint8_t *)(uintptr_t)tags.icc, icc, len);
			for (int flips = round % 5; flips; flips--) {
				random = random * 1664525 + 1013904223;
				/* Most of what decides stands at the beginning. */
				((uint8_t *)(uintptr_t)tags.icc)[(random >> 8) % (flips & 1 ? head : len)] ^=
					(uint8_t)(1 << (random >> 5 & 7));
			}
			tags.icc_len -= round % 7 ? 0 : (random >> 8) % len;
			if (seed_colour_new(&tags, samples[i], &colour, &error))
				fail_msg("%s", error.message);
			if (colour)
				seed_colour_convert(colour, from, rgb, 64);
			converted += colour != NULL;
			seed_colour_free(colour);
			free((void *)(uintptr_t)tags.icc);
		}
		free(icc);
	}
	assert_in_range(converted, 200, 619);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(png_chunks),
		cmocka_unit_test(png_as_it_is),
		cmocka_unit_test(png_profiles),
		cmocka_unit_test(png_profile_elements),
		cmocka_unit_test(png_profiles_as_they_are),
		cmocka_unit_test(png_palette),
		cmocka_unit_test(jpeg_profiles),
		cmocka_unit_test(jpeg_inks),
		cmocka_unit_test(webp_profiles),
		cmocka_unit_test(survives_damaged_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
