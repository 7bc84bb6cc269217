#include "lib/image/colour.h"

#include <lcms2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nodes of the curves made here: so many that interpolation between them does not show in
 * 8-bit samples, and hardly in 16-bit ones. */
#define CURVE_NODES 4096
/* The colorants of sRGB profiles differ by rounding. This is less than two levels where it
 * shows most: in the dark channels of saturated colours. */
#define COLORANT_SLACK 0.0003
/* How far off a curve may be, in levels. */
#define CURVE_SLACK 0.75
/* gAMA and cHRM are in hundred-thousandths, and have been rounded twice. */
#define CHRM_UNIT 100000.0
#define CHRM_SLACK 100
#define GAMMA_SRGB 45455
#define GAMMA_SLACK 100
/* An exponent below a hundredth or above a hundred is a mistake of the writer. */
#define GAMMA_MIN 1000
#define GAMMA_MAX 10000000
/* White, for curves that give the light in cd/m2. */
#define PAPER_WHITE 203.0

struct seed_colour {
	cmsHTRANSFORM transform; /* owned */
	enum seed_samples samples;
};

/* ---- curves ---- */

/* The light, 1 for white, that a code of 0 to 1 stands for; NULL: not known. */
typedef double curve_fn(double code);

static double of_srgb(double x)
{
	return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* ITU-R BT.709, 601 and 2020: the inverse of the camera's curve. */
static double of_bt709(double x)
{
	return x < 4.5 * 0.018053968510807 ? x / 4.5
					   : pow((x + 0.09929682680944) / 1.09929682680944, 1 / 0.45);
}

static double of_gamma22(double x)
{
	return pow(x, 2.2);
}

static double of_gamma28(double x)
{
	return pow(x, 2.8);
}

static double of_smpte240(double x)
{
	return x < 4 * 0.0228 ? x / 4 : pow((x + 0.1115) / 1.1115, 1 / 0.45);
}

static double of_linear(double x)
{
	return x;
}

/* Digital cinema: white is 48 of 52.37 cd/m2. */
static double of_smpte428(double x)
{
	return 52.37 / 48 * pow(x, 2.6);
}

/* SMPTE ST 2084. */
static double of_pq(double x)
{
	const double m1 = 2610.0 / 16384, m2 = 2523.0 / 32, c1 = 3424.0 / 4096, c2 = 2413.0 / 128,
		     c3 = 2392.0 / 128;
	double e = pow(x, 1 / m2);

	return pow(fmax(e - c1, 0) / (c2 - c3 * e), 1 / m1) * 10000 / PAPER_WHITE;
}

/* ITU-R BT.2100 on a screen of 1,000 cd/m2, whose exponent of 1.2 is applied to each
 * channel instead of to their luminance. */
static double of_hlg(double x)
{
	const double a = 0.17883277, b = 1 - 4 * a, c = 0.5 - a * log(4 * a);
	double scene = x <= 0.5 ? x * x / 3 : (exp((x - c) / a) + b) / 12;

	return pow(scene, 1.2) * 1000 / PAPER_WHITE;
}

/* ITU-T H.273, table 3. */
static curve_fn *const transfers[] = {
	[1] = of_bt709, [4] = of_gamma22, [5] = of_gamma28, [6] = of_bt709, [7] = of_smpte240,
	[8] = of_linear, [11] = of_bt709, [13] = of_srgb, [14] = of_bt709, [15] = of_bt709,
	[16] = of_pq, [17] = of_smpte428, [18] = of_hlg,
};

/* In the studio range, 16 is black and 235 is white. */
static cmsToneCurve *make_curve(curve_fn *curve, bool full_range)
{
	uint16_t nodes[CURVE_NODES];

	for (int i = 0; i < CURVE_NODES; i++) {
		double code = (double)i / (CURVE_NODES - 1);

		if (!full_range)
			code = fmin(fmax((code * 255 - 16) / 219, 0), 1);
		nodes[i] = (uint16_t)lrint(fmin(curve(code), 1) * 65535);
	}
	return cmsBuildTabulatedToneCurve16(NULL, CURVE_NODES, nodes);
}

/* ---- profiles ---- */

/* White, red, green and blue: x and y each. */
struct primaries {
	double xy[4][2];
};

#define D65 {0.3127, 0.3290}

/* ITU-T H.273, table 2. */
static const struct {
	int code;
	struct primaries primaries;
} known_primaries[] = {
	{1, {{D65, {0.640, 0.330}, {0.300, 0.600}, {0.150, 0.060}}}},
	{4, {{{0.310, 0.316}, {0.67, 0.33}, {0.21, 0.71}, {0.14, 0.08}}}},
	{5, {{D65, {0.64, 0.33}, {0.29, 0.60}, {0.15, 0.06}}}},
	{6, {{D65, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}}}},
	{7, {{D65, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}}}},
	{8, {{{0.310, 0.316}, {0.681, 0.319}, {0.243, 0.692}, {0.145, 0.049}}}},
	{9, {{D65, {0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}}}},
	{11, {{{0.314, 0.351}, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}}}},
	{12, {{D65, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}}}},
	{22, {{D65, {0.630, 0.340}, {0.295, 0.605}, {0.155, 0.077}}}},
};

/* Frees the curve. NULL where the primaries span nothing, or for lack of memory. */
static cmsHPROFILE make_profile(const struct primaries *p, cmsToneCurve *curve)
{
	const cmsCIExyY white = {p->xy[0][0], p->xy[0][1], 1};
	const cmsCIExyYTRIPLE colours = {
		{p->xy[1][0], p->xy[1][1], 1}, {p->xy[2][0], p->xy[2][1], 1}, {p->xy[3][0], p->xy[3][1], 1},
	};
	cmsToneCurve *const curves[] = {curve, curve, curve};
	cmsHPROFILE profile = curve ? cmsCreateRGBProfile(&white, &colours, curves) : NULL;

	cmsFreeToneCurve(curve);
	return profile;
}

static bool cicp_known(const uint8_t *cicp, struct primaries *primaries)
{
	/* A PNG holds RGB: matrix 0 (11.3.2.6). */
	if (cicp[2] || cicp[3] > 1 || cicp[1] >= SEED_ARRAY_LEN(transfers) || !transfers[cicp[1]])
		return false;
	for (size_t i = 0; i < SEED_ARRAY_LEN(known_primaries); i++)
		if (known_primaries[i].code == cicp[0]) {
			*primaries = known_primaries[i].primaries;
			return true;
		}
	return false;
}

static double load_chrm(const uint8_t *p)
{
	uint32_t value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	return value / CHRM_UNIT;
}

/* The picture's primaries, or sRGB's if it has none. Returns whether they are sRGB's. */
static bool load_primaries(const uint8_t *chrm, struct primaries *primaries)
{
	const struct primaries *srgb = &known_primaries[0].primaries;
	bool same = true;

	*primaries = *srgb;
	for (int i = 0; chrm && i < 8; i++) {
		double value = load_chrm(chrm + 4 * i), usual = srgb->xy[i / 2][i % 2];

		primaries->xy[i / 2][i % 2] = value;
		same = same && fabs(value - usual) * CHRM_UNIT <= CHRM_SLACK;
	}
	return same;
}

/* A gAMA of 1/2.2, with sRGB's primaries or none, means sRGB: it is written so for programs
 * that do not know the chunk sRGB. */
static cmsHPROFILE profile_of_gamma(const struct seed_colour_tags *tags, uint32_t gamma)
{
	bool usual = !gamma || abs((int)gamma - GAMMA_SRGB) <= GAMMA_SLACK;
	struct primaries primaries;

	if (load_primaries(tags->chrm, &primaries) && usual)
		return NULL;
	return make_profile(&primaries, gamma ? cmsBuildGamma(NULL, CHRM_UNIT / gamma) : make_curve(of_srgb, true));
}

/* Whether the profile can be meant for samples of this kind. */
static bool profile_fits(cmsHPROFILE profile, const struct seed_colour_tags *tags,
			 enum seed_samples samples)
{
	cmsColorSpaceSignature space = cmsGetColorSpace(profile);

	if (samples == SEED_SAMPLES_CMYK || samples == SEED_SAMPLES_CMYK_INVERTED)
		return space == cmsSigCmykData;
	return space == cmsSigRgbData || (space == cmsSigGrayData && tags->grey);
}

/* A profile may also describe its colours by a chain of elements, as long as it likes: 2.5 KB of one, unpacked, had a
 * worker compute for minutes. Such a tag only refines what the others say (ICC.1:2010, 9.2.17 to 9.2.24), few
 * programs read it, and no camera or painter writes it. So those are left out, before anything is read. */
static void drop_elements(cmsHPROFILE profile)
{
	static const cmsTagSignature tags[] = {
		cmsSigDToB0Tag, cmsSigDToB1Tag, cmsSigDToB2Tag, cmsSigDToB3Tag,
		cmsSigBToD0Tag, cmsSigBToD1Tag, cmsSigBToD2Tag, cmsSigBToD3Tag,
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(tags); i++)
		SEED_UNUSED(cmsWriteTag(profile, tags[i], NULL));
}

static cmsHPROFILE open_icc(const struct seed_colour_tags *tags, enum seed_samples samples)
{
	cmsHPROFILE profile = cmsOpenProfileFromMem(tags->icc, (cmsUInt32Number)tags->icc_len);

	if (profile)
		drop_elements(profile);
	if (profile && profile_fits(profile, tags, samples))
		return profile;
	if (profile)
		cmsCloseProfile(profile);
	return NULL;
}

static cmsHPROFILE open_profile(const struct seed_colour_tags *tags, enum seed_samples samples)
{
	const uint32_t gamma = tags->gamma >= GAMMA_MIN && tags->gamma <= GAMMA_MAX ? tags->gamma : 0;
	struct primaries primaries;
	cmsHPROFILE profile;

	if (tags->cicp && cicp_known(tags->cicp, &primaries))
		return make_profile(&primaries, make_curve(transfers[tags->cicp[1]], tags->cicp[3]));
	profile = tags->icc ? open_icc(tags, samples) : NULL;
	if (profile)
		return profile;
	if (tags->srgb)
		return NULL;
	if (tags->chrm || gamma)
		return profile_of_gamma(tags, gamma);
	return NULL;
}

/* ---- what needs no conversion ---- */

static bool curve_is_srgb(cmsHPROFILE profile, cmsTagSignature tag)
{
	const cmsToneCurve *curve = cmsReadTag(profile, tag);

	for (int i = 0; curve && i < 256; i++) {
		double light = (double)cmsEvalToneCurveFloat(curve, (float)i / 255);

		if (light < of_srgb(fmax(i - CURVE_SLACK, 0) / 255) - 1e-6 ||
		    light > of_srgb(fmin(i + CURVE_SLACK, 255) / 255) + 1e-6)
			return false;
	}
	return curve != NULL;
}

static bool colorant_is(cmsHPROFILE profile, cmsTagSignature tag, double x, double y, double z)
{
	const cmsCIEXYZ *found = cmsReadTag(profile, tag);

	return found && fabs(found->X - x) <= COLORANT_SLACK && fabs(found->Y - y) <= COLORANT_SLACK &&
	       fabs(found->Z - z) <= COLORANT_SLACK;
}

/* IEC 61966-2-1, with its white adapted to D50, as profiles have it. */
static bool is_srgb(cmsHPROFILE profile)
{
	if (cmsIsCLUT(profile, INTENT_PERCEPTUAL, LCMS_USED_AS_INPUT))
		return false;
	if (cmsGetColorSpace(profile) == cmsSigGrayData)
		return curve_is_srgb(profile, cmsSigGrayTRCTag);
	return cmsGetColorSpace(profile) == cmsSigRgbData &&
	       colorant_is(profile, cmsSigRedColorantTag, 0.43607, 0.22249, 0.01392) &&
	       colorant_is(profile, cmsSigGreenColorantTag, 0.38515, 0.71687, 0.09708) &&
	       colorant_is(profile, cmsSigBlueColorantTag, 0.14307, 0.06061, 0.71410) &&
	       curve_is_srgb(profile, cmsSigRedTRCTag) && curve_is_srgb(profile, cmsSigGreenTRCTag) &&
	       curve_is_srgb(profile, cmsSigBlueTRCTag);
}

/* ---- conversions ---- */

/* A grey profile gets the first of three equal channels. */
static cmsUInt32Number input_format(enum seed_samples samples, bool grey)
{
	static const cmsUInt32Number formats[] = {
		[SEED_SAMPLES_RGB] = TYPE_RGB_8, [SEED_SAMPLES_RGBA] = TYPE_RGBA_8,
		[SEED_SAMPLES_RGBA16] = TYPE_RGBA_16, [SEED_SAMPLES_CMYK] = TYPE_CMYK_8,
		[SEED_SAMPLES_CMYK_INVERTED] = TYPE_CMYK_8_REV,
	};
	bool alpha = samples != SEED_SAMPLES_RGB, wide = samples == SEED_SAMPLES_RGBA16;

	if (!grey)
		return formats[samples];
	/* Unsigned throughout: the macros shift in the type of their argument. */
	return COLORSPACE_SH((cmsUInt32Number)PT_GRAY) | CHANNELS_SH(1U) | EXTRA_SH(alpha ? 3U : 2U) |
	       BYTES_SH(wide ? 2U : 1U);
}

static cmsHTRANSFORM make_transform(cmsHPROFILE profile, enum seed_samples samples)
{
	bool grey = cmsGetColorSpace(profile) == cmsSigGrayData;
	cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE |
				cmsFLAGS_HIGHRESPRECALC;
	cmsHPROFILE srgb = cmsCreate_sRGBProfile();
	cmsHTRANSFORM transform = NULL;

	/* With optimised tables, lcms2 is up to 15 levels off in the dark for 16 bits and
	 * for grey. */
	if (grey || samples == SEED_SAMPLES_RGBA16)
		flags |= cmsFLAGS_NOOPTIMIZE;
	if (srgb)
		transform = cmsCreateTransform(profile, input_format(samples, grey), srgb, TYPE_RGB_8,
					       INTENT_PERCEPTUAL, flags);
	if (srgb)
		cmsCloseProfile(srgb);
	return transform;
}

static errint_t no_memory(struct seed_error *error)
{
	return seed_error_set(error, ENOMEM, "no memory to convert a picture's colours");
}

errint_t seed_colour_new(const struct seed_colour_tags *tags, enum seed_samples samples,
			 struct seed_colour **colour, struct seed_error *error)
{
	cmsHPROFILE profile;
	struct seed_colour *made;

	*colour = NULL;
	/* lcms2 does not say why it failed; errno tells whether memory was lacking. */
	errno = 0;
	profile = open_profile(tags, samples);
	if (!profile)
		return errno == ENOMEM ? no_memory(error) : 0;
	made = calloc(1, sizeof(*made));
	if (made && !is_srgb(profile)) {
		made->samples = samples;
		made->transform = make_transform(profile, samples);
	}
	cmsCloseProfile(profile);
	if (made && made->transform) {
		*colour = made;
		return 0;
	}
	free(made);
	return errno == ENOMEM ? no_memory(error) : 0;
}

void seed_colour_free(struct seed_colour *colour)
{
	if (!colour)
		return;
	cmsDeleteTransform(colour->transform);
	free(colour);
}

static void lay_over_black(const struct seed_colour *colour, const void *from, uint8_t *rgb, size_t count)
{
	bool wide = colour->samples == SEED_SAMPLES_RGBA16;
	const uint16_t *words = from;
	const uint8_t *bytes = from;
	uint32_t most = wide ? 65535 : 255;

	for (size_t i = 0; i < count; i++, rgb += 3) {
		uint32_t alpha = wide ? words[i * 4 + 3] : bytes[i * 4 + 3];

		for (int c = 0; alpha < most && c < 3; c++)
			rgb[c] = (uint8_t)((rgb[c] * alpha + most / 2) / most);
	}
}

void seed_colour_convert(const struct seed_colour *colour, const void *from, uint8_t *rgb, size_t count)
{
	cmsDoTransform(colour->transform, from, rgb, (cmsUInt32Number)count);
	if (colour->samples == SEED_SAMPLES_RGBA || colour->samples == SEED_SAMPLES_RGBA16)
		lay_over_black(colour, from, rgb, count);
}
