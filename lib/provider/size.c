/* Which size to ask a model for. The sources of the rules: docs/providers.md. */
#include "lib/provider/size.h"

#include <fnmatch.h>
#include <math.h>

#define ANY_SIDE 1, SEED_IMAGE_MAX_SIDE
#define ANY_AREA 1, SEED_IMAGE_MAX_PIXELS

/* The long side that a tier stands for, at least. */
struct tier {
	const char *name;
	int long_side;
};

struct rule {
	const char *family;
	const char *model;         /* fnmatch(3)'s pattern */
	int step;                  /* each side is a multiple of it */
	int side_min, side_max;
	int64_t area_min, area_max; /* pixels */
	int ratio_max;             /* long side to short side */
	bool listed_ratio;         /* only the ratios of `shapes` are legal */
	struct tier tiers[3];      /* ascending: the model takes no pixels */
	const char *presets[4];    /* the only sizes there are */
};

/* The first that matches counts. */
static const struct rule rules[] = {
	{ "kie", "bytedance/seedream-v4*", 1, ANY_SIDE, ANY_AREA, 16, false,
	  { { "1K", 1024 }, { "2K", 2048 }, { "4K", 4096 } }, { 0 } },
	{ "kie", "seedream/4.5*", 1, ANY_SIDE, ANY_AREA, 16, true,
	  { { "basic", 2048 }, { "high", 4096 } }, { 0 } },
	{ "kie", "seedream/5-lite*", 1, ANY_SIDE, ANY_AREA, 16, true,
	  { { "basic", 2048 }, { "high", 3072 } }, { 0 } },
	{ "kie", "seedream/5-pro*", 1, ANY_SIDE, ANY_AREA, 16, true,
	  { { "basic", 1024 }, { "high", 2048 } }, { 0 } },
	{ "kie", "*", 1, ANY_SIDE, ANY_AREA, 16, false,
	  { { "1K", 1024 }, { "2K", 2048 }, { "4K", 4096 } }, { 0 } },

	{ "ark", "*seedream-3*", 1, 512, 2048, ANY_AREA, 16, false, { { 0 } }, { 0 } },
	{ "ark", "*seedream-4-5*", 1, ANY_SIDE, 3686400, 16777216, 16, false, { { 0 } }, { 0 } },
	{ "ark", "*seedream-5-0-pro*", 1, ANY_SIDE, 921600, 4624220, 16, false, { { 0 } }, { 0 } },
	{ "ark", "*seedream-5-0*", 1, ANY_SIDE, 3686400, 16777216, 16, false, { { 0 } }, { 0 } },
	{ "ark", "*", 1, ANY_SIDE, 921600, 16777216, 16, false, { { 0 } }, { 0 } },

	{ "fal", "*seedream/v4/*", 1, 1024, 4096, ANY_AREA, 4, false, { { 0 } }, { 0 } },
	{ "fal", "*seedream/v4.5/*", 1, ANY_SIDE, 3686400, 16777216, 16, false, { { 0 } }, { 0 } },
	{ "fal", "*seedream/v5/lite/*", 1, ANY_SIDE, 3686400, 16777216, 16, false, { { 0 } }, { 0 } },
	{ "fal", "*seedream/v5/pro/*", 1, ANY_SIDE, 1048576, 4194304, 16, false, { { 0 } }, { 0 } },

	{ "replicate", "bytedance/seedream-4.5*", 1, 1024, 4096, 3686400, 16777216, 4, false,
	  { { 0 } }, { 0 } },
	{ "replicate", "bytedance/seedream-4*", 1, 1024, 4096, ANY_AREA, 4, false,
	  { { 0 } }, { 0 } },
	{ "replicate", "bytedance/seedream-5-lite*", 1, ANY_SIDE, ANY_AREA, 16, true,
	  { { "2K", 2048 }, { "3K", 3072 } }, { 0 } },
	{ "replicate", "bytedance/seedream-5-pro*", 1, ANY_SIDE, ANY_AREA, 16, true,
	  { { "1K", 1024 }, { "2K", 2048 } }, { 0 } },

	{ "openai", "gpt-image-1*", 1, ANY_SIDE, ANY_AREA, 16, false, { { 0 } },
	  { "1024x1024", "1536x1024", "1024x1536" } },
	{ "openai", "dall-e-3", 1, ANY_SIDE, ANY_AREA, 16, false, { { 0 } },
	  { "1024x1024", "1792x1024", "1024x1792" } },
	{ "openai", "dall-e-2", 1, ANY_SIDE, ANY_AREA, 16, false, { { 0 } },
	  { "256x256", "512x512", "1024x1024" } },
	{ "openai", "gpt-image-*", 16, 16, 3840, 655360, 8294400, 3, false, { { 0 } }, { 0 } },

	{ "automatic1111", "*", 8, 64, 4096, ANY_AREA, 16, false, { { 0 } }, { 0 } },
	{ "comfyui", "*", 8, 16, 16384, ANY_AREA, 16, false, { { 0 } }, { 0 } },

	{ "*", "*", 1, ANY_SIDE, ANY_AREA, SEED_IMAGE_MAX_SIDE, false, { { 0 } }, { 0 } },
};

/* The ratios that services list, and kie's words for them. */
static const struct shape {
	const char *ratio;
	int width, height;
	const char *name;
} shapes[] = {
	{ "1:1", 1, 1, "square_hd" },
	{ "4:3", 4, 3, "landscape_4_3" },
	{ "3:2", 3, 2, "landscape_3_2" },
	{ "16:9", 16, 9, "landscape_16_9" },
	{ "21:9", 21, 9, "landscape_21_9" },
	{ "3:4", 3, 4, "portrait_4_3" },
	{ "2:3", 2, 3, "portrait_3_2" },
	{ "9:16", 9, 16, "portrait_16_9" },
};

static const struct rule *find_rule(const char *family, const char *model)
{
	size_t i = 0;

	while (fnmatch(rules[i].family, family, 0) != 0 ||
	       fnmatch(rules[i].model, model ? model : "", 0) != 0)
		i++;
	return &rules[i];
}

static const struct shape *nearest_shape(double width, double height)
{
	const struct shape *best = &shapes[0];
	double distance = INFINITY;

	for (size_t i = 0; i < SEED_ARRAY_LEN(shapes); i++) {
		double d = fabs(log(width / height * shapes[i].height / shapes[i].width));

		if (d < distance) {
			distance = d;
			best = &shapes[i];
		}
	}
	return best;
}

static int divisor(int a, int b)
{
	while (b) {
		int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* "683:384" is what 1366x768 reduces to and no service has it: beyond this the
 * nearest that has a name is meant. */
enum { RATIO_MAX_TERM = 32 };

static void set_ratio(const struct rule *rule, int width, int height, struct seed_size *size)
{
	const struct shape *shape = nearest_shape(width, height);
	int common = divisor(width, height);

	size->shape = shape->name;
	width /= common;
	height /= common;
	if (rule->listed_ratio || width > RATIO_MAX_TERM || height > RATIO_MAX_TERM)
		snprintf(size->ratio, sizeof(size->ratio), "%s", shape->ratio);
	else
		snprintf(size->ratio, sizeof(size->ratio), "%d:%d", width, height);
}

static void set_pixels(int width, int height, struct seed_size *size)
{
	size->width = width;
	size->height = height;
	snprintf(size->text, sizeof(size->text), "%dx%d", width, height);
}

/* --- Tiers --- */

static void choose_tier(const struct rule *rule, int width, int height, struct seed_size *size)
{
	const struct shape *shape = nearest_shape(width, height);
	bool wide = shape->width >= shape->height;
	const struct tier *tier = rule->tiers;
	int long_side, short_side;

	while (tier + 1 < rule->tiers + SEED_ARRAY_LEN(rule->tiers) && tier[1].name &&
	       tier->long_side < (width > height ? width : height))
		tier++;
	long_side = tier->long_side;
	short_side = wide ? long_side * shape->height / shape->width :
			    long_side * shape->width / shape->height;
	set_pixels(wide ? long_side : short_side, wide ? short_side : long_side, size);
	size->tier = tier->name;
}

/* --- Presets --- */

/* How much of the wanted width is left after a central crop to the wanted
 * shape, 1 at most: the rest must be scaled up. */
static double preset_worth(int width, int height, int have_width, int have_height)
{
	double by_width = (double)have_width / width;
	double by_height = (double)have_height / height;

	return fmin(1, fmin(by_width, by_height));
}

static void choose_preset(const struct rule *rule, int width, int height, struct seed_size *size)
{
	double best = -1;

	for (size_t i = 0; i < SEED_ARRAY_LEN(rule->presets) && rule->presets[i]; i++) {
		int w, h;
		double worth;

		if (sscanf(rule->presets[i], "%dx%d", &w, &h) != 2)
			continue;
		worth = preset_worth(width, height, w, h);
		/* Of two that serve alike the smaller one costs less. */
		if (worth < best || (worth <= best && w * h >= size->width * size->height))
			continue;
		best = worth;
		set_pixels(w, h, size);
	}
}

/* --- Pixels --- */

static int round_side(double side, int step, bool up)
{
	/* A hair's breadth of rounding must not cost a whole step. */
	double steps = up ? ceil(side / step - 1e-6) : floor(side / step + 1e-6);

	return (int)fmax(1, steps) * step;
}

/* The factor that brings a picture into the rule's limits, near 1. */
static double fit_factor(const struct rule *rule, double width, double height)
{
	double area = width * height, factor = 1;

	factor = fmax(factor, sqrt((double)rule->area_min / area));
	factor = fmax(factor, rule->side_min / fmin(width, height));
	factor = fmin(factor, sqrt((double)rule->area_max / area));
	return fmin(factor, rule->side_max / fmax(width, height));
}

static int clamp_side(const struct rule *rule, int side)
{
	if (side > rule->side_max)
		return rule->side_max - rule->side_max % rule->step;
	return side < rule->side_min ? rule->side_min : side;
}

static void choose_pixels(const struct rule *rule, int width, int height, struct seed_size *size)
{
	double w = fmin(width, (double)height * rule->ratio_max);
	double h = fmin(height, (double)width * rule->ratio_max);
	double factor;
	int out_w, out_h;
	bool up;

	factor = fit_factor(rule, w, h);
	out_w = round_side(w * factor, rule->step, true);
	out_h = round_side(h * factor, rule->step, true);
	up = (int64_t)out_w * out_h <= rule->area_max;
	if (!up) {
		out_w = round_side(w * factor, rule->step, false);
		out_h = round_side(h * factor, rule->step, false);
	}
	set_pixels(clamp_side(rule, out_w), clamp_side(rule, out_h), size);
}

void seed_size_choose(const char *family, const char *model, int width, int height,
		      struct seed_size *size)
{
	const struct rule *rule = find_rule(family, model);

	memset(size, 0, sizeof(*size));
	width = width > 0 ? width : 1;
	height = height > 0 ? height : 1;
	set_ratio(rule, width, height, size);
	if (rule->tiers[0].name)
		choose_tier(rule, width, height, size);
	else if (rule->presets[0])
		choose_preset(rule, width, height, size);
	else
		choose_pixels(rule, width, height, size);
}
