/* How a model is asked for a size. Sources: docs/providers.md. */
#include "lib/provider/size.h"

#include <fnmatch.h>
#include <math.h>

#include "lib/provider/ask.h"

/* A tier, and the long side that it gives at least. */
struct tier {
	const char *name;
	int long_side;
};

/* How pixels are asked for. */
enum words {
	WORDS_NONE,   /* not at all: by tier and ratio */
	WORDS_TEXT,   /* FIELD: "2048x1152" */
	WORDS_OBJECT, /* FIELD: {"width": 2048, "height": 1152} */
	WORDS_SIDES,  /* "width": 2048, "height": 1152, and FIELD: "custom" where there is one */
};

/* A number that is 0 is no limit. */
struct seed_size_rule {
	const char *family;
	const char *model;         /* fnmatch(3)'s pattern, @(this|or that) included */
	enum words words;
	const char *field;         /* of `words` */
	const char *tier_field, *ratio_field; /* NULL: none */
	bool shaped;               /* ratio_field takes kie's word, not "16:9" */
	int step;                  /* each side is a multiple of it */
	int side_min, side_max;
	int64_t area_min, area_max; /* pixels */
	int ratio_max;             /* long side to short side */
	const char *ratios;        /* if there are no others: each with a space after it */
	struct tier tiers[3];      /* ascending; a family without tiers has one, without a name */
	const char *presets[4];    /* if there are no other sizes */
	unsigned int has;
	const char *qualities, *note;
};

#define RATIOS "1:1 4:3 3:4 16:9 9:16 2:3 3:2 21:9 "
#define RATIOS_5 "1:1 4:3 3:4 16:9 9:16 "
#define K124 { { "1K", 1024 }, { "2K", 2048 }, { "4K", 4096 } }
#define TIERED(tier, ratio) .tier_field = (tier), .ratio_field = (ratio), .ratios = RATIOS
#define IN_PIXELS(how, name) .words = (how), .field = (name)
#define IMAGE_SIZE IN_PIXELS(WORDS_OBJECT, "image_size")
#define BOTH (SEED_HAS_NEGATIVE | SEED_HAS_SEED)
#define FAL(what) (SEED_HAS_COUNT | (what))
#define GPT_3 .presets = { "1024x1024", "1536x1024", "1024x1536" }
#define GPT_PIXELS .step = 16, .side_min = 16, .side_max = 3840, .area_min = 655360, .area_max = 8294400, \
	.ratio_max = 3
#define QUALITY_3 "low medium high "

/* The first row that matches counts. */
static const struct seed_size_rule rules[] = {
	{ "kie", "bytedance/seedream-v4*", .tier_field = "image_resolution", .ratio_field = "image_size",
	  .shaped = true, .tiers = K124, .has = SEED_HAS_ALL },
	{ "kie", "bytedance/seedream", .ratio_field = "image_size", .shaped = true, .ratios = RATIOS_5,
	  .tiers = { { "", 1024 } }, .has = SEED_HAS_SEED },
	{ "kie", "seedream/4.5*", TIERED("quality", "aspect_ratio"),
	  .tiers = { { "basic", 2048 }, { "high", 4096 } } },
	{ "kie", "seedream/5-lite*", TIERED("quality", "aspect_ratio"),
	  .tiers = { { "basic", 2048 }, { "high", 3072 } } },
	{ "kie", "seedream/5-pro*", TIERED("quality", "aspect_ratio"),
	  .tiers = { { "basic", 1024 }, { "high", 2048 } }, .has = SEED_HAS_FORMAT },
	{ "kie", "@(nano-banana-2|nano-banana-pro|gpt-image-2|flux-2/pro|wan/2-7-image-pro)*",
	  TIERED("resolution", "aspect_ratio"), .tiers = K124 },
	{ "kie", "google/nano-banana*", .ratio_field = "image_size", .ratios = RATIOS,
	  .tiers = { { "", 1344 } } },
	{ "kie", "qwen2*", .ratio_field = "image_size", .ratios = RATIOS_5, .tiers = { { "", 1664 } } },
	{ "kie", "gpt-image/1.5*", .ratio_field = "aspect_ratio", .ratios = "1:1 2:3 3:2 ",
	  .tiers = { { "", 1536 } } },
	{ "kie", "*", .tier_field = "image_resolution", .ratio_field = "image_size", .shaped = true,
	  .tiers = K124, .has = SEED_HAS_ALL | BOTH | SEED_IS_UNKNOWN },
	{ "kie-image", "*", .has = SEED_HAS_ALL | BOTH },

	{ "ark", "*seedream-3*", IN_PIXELS(WORDS_TEXT, "size"), .side_min = 512, .side_max = 2048,
	  .has = SEED_HAS_SEED },
	{ "ark", "*seedream-4-5*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 3686400,
	  .area_max = 16777216, .has = SEED_HAS_SEQUENTIAL },
	{ "ark", "*seedream-4*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 921600,
	  .area_max = 16777216, .has = SEED_HAS_SEQUENTIAL },
	{ "ark", "*seedream-5-0-pro*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 921600,
	  .area_max = 4624220, .has = SEED_HAS_FORMAT },
	{ "ark", "*seedream-@(5-0-flash|5-5)*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 921600,
	  .area_max = 4624220 },
	{ "ark", "*seedream-5-0*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 3686400,
	  .area_max = 16777216, .has = SEED_HAS_SEQUENTIAL | SEED_HAS_FORMAT },
	{ "ark", "*", IN_PIXELS(WORDS_TEXT, "size"), .area_min = 921600, .area_max = 16777216,
	  .has = SEED_IS_UNKNOWN },

	{ "fal", "*seedream/v3/*", IMAGE_SIZE, .side_min = 512, .side_max = 2048,
	  .has = FAL(SEED_HAS_SEED) },
	{ "fal", "*seedream/v4/*", IMAGE_SIZE, .area_min = 921600, .area_max = 16777216,
	  .has = FAL(SEED_HAS_SEED) },
	{ "fal", "*seedream/v4.5/*", IMAGE_SIZE, .area_min = 3686400, .area_max = 16777216,
	  .has = FAL(SEED_HAS_SEED) },
	{ "fal", "*seedream/v5/lite/*", IMAGE_SIZE, .area_min = 3686400, .area_max = 9437184,
	  .has = FAL(0) },
	{ "fal", "*seedream/v5/pro/*", IMAGE_SIZE, .area_min = 1048576, .area_max = 4194304,
	  .has = FAL(SEED_HAS_FORMAT) },
	{ "fal", "*seedream/v5.5/*", IMAGE_SIZE, .area_min = 1048576, .area_max = 4194304,
	  .has = FAL(0) },
	{ "fal", "fal-ai/nano-banana-@(pro|2)", TIERED("resolution", "aspect_ratio"), .tiers = K124,
	  .has = FAL(SEED_HAS_SEED | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/nano-banana", .ratio_field = "aspect_ratio", .ratios = RATIOS,
	  .tiers = { { "", 1344 } }, .has = FAL(SEED_HAS_SEED | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/kling-image/v3/*", TIERED("resolution", "aspect_ratio"),
	  .tiers = { { "1K", 1024 }, { "2K", 2048 } },
	  .has = FAL(SEED_HAS_NEGATIVE | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/imagen4/*", .tier_field = "resolution", .ratio_field = "aspect_ratio",
	  .ratios = RATIOS_5, .tiers = { { "1K", 1024 }, { "2K", 2048 } },
	  .has = FAL(SEED_HAS_SEED | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/gpt-image-1*", IN_PIXELS(WORDS_TEXT, "image_size"), GPT_3,
	  .has = FAL(SEED_HAS_FORMAT), .qualities = QUALITY_3 },
	{ "fal", "*gpt-image-2*", IMAGE_SIZE, GPT_PIXELS, .has = FAL(0) },
	{ "fal", "fal-ai/flux-2-*", IMAGE_SIZE, .step = 16, .side_max = 2048,
	  .has = SEED_HAS_SEED | SEED_HAS_FORMAT },
	{ "fal", "fal-ai/flux-2*", IMAGE_SIZE, .step = 16, .side_max = 2048,
	  .has = FAL(SEED_HAS_SEED | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/qwen-image-2/*", IMAGE_SIZE, .side_max = 2048,
	  .has = FAL(BOTH | SEED_HAS_FORMAT) },
	{ "fal", "fal-ai/wan/v2.7/*", IMAGE_SIZE, .side_max = 2048, .has = BOTH },
	{ "fal", "fal-ai/z-image/*", IMAGE_SIZE, .side_max = 2048,
	  .has = FAL(SEED_HAS_SEED | SEED_HAS_FORMAT) },
	{ "fal", "*", IMAGE_SIZE, .has = FAL(BOTH | SEED_IS_UNKNOWN) },

	{ "replicate", "bytedance/seedream-4.5*", IN_PIXELS(WORDS_SIDES, "size"), .side_min = 1024,
	  .side_max = 4096, .area_min = 3686400, .area_max = 16777216, .ratio_max = 4,
	  .has = SEED_HAS_SEQUENTIAL },
	{ "replicate", "bytedance/seedream-4*", IN_PIXELS(WORDS_SIDES, "size"), .side_min = 1024,
	  .side_max = 4096, .ratio_max = 4, .has = SEED_HAS_SEQUENTIAL },
	{ "replicate", "bytedance/seedream-5-lite*", TIERED("size", "aspect_ratio"),
	  .tiers = { { "2K", 2048 }, { "3K", 3072 } }, .has = SEED_HAS_FORMAT },
	{ "replicate", "bytedance/seedream-5-pro*", TIERED("size", "aspect_ratio"),
	  .tiers = { { "1K", 1024 }, { "2K", 2048 } }, .has = SEED_HAS_FORMAT },
	{ "replicate", "black-forest-labs/flux-2-dev*", IN_PIXELS(WORDS_SIDES, "aspect_ratio"),
	  .step = 32, .side_min = 256, .side_max = 1440, .has = SEED_HAS_SEED | SEED_HAS_FORMAT },
	{ "replicate", "black-forest-labs/flux-2-*", IN_PIXELS(WORDS_SIDES, "aspect_ratio"),
	  .step = 32, .side_min = 256, .side_max = 2048, .has = SEED_HAS_SEED | SEED_HAS_FORMAT },
	{ "replicate", "google/nano-banana-@(pro|2)*", TIERED("resolution", "aspect_ratio"),
	  .tiers = K124, .has = SEED_HAS_FORMAT },
	{ "replicate", "google/nano-banana*", .ratio_field = "aspect_ratio", .ratios = RATIOS,
	  .tiers = { { "", 1344 } }, .has = SEED_HAS_FORMAT },
	{ "replicate", "*", IN_PIXELS(WORDS_SIDES, NULL), .ratio_field = "aspect_ratio",
	  .has = BOTH | SEED_IS_UNKNOWN },

	{ "openai", "@(gpt-image-1.5|gpt-image-1-mini|chatgpt-image-)*", IN_PIXELS(WORDS_TEXT, "size"),
	  GPT_3, .has = SEED_HAS_FORMAT, .qualities = QUALITY_3 "auto ",
	  .note = "OpenAI ends it on 2026-12-01" },
	{ "openai", "gpt-image-1*", IN_PIXELS(WORDS_TEXT, "size"), GPT_3, .has = SEED_HAS_FORMAT,
	  .qualities = QUALITY_3 "auto " },
	{ "openai", "gpt-image-2.[56]*", IN_PIXELS(WORDS_TEXT, "size"), GPT_PIXELS,
	  .has = SEED_HAS_FORMAT, .qualities = QUALITY_3 "xhigh max auto " },
	{ "openai", "gpt-image-2*", IN_PIXELS(WORDS_TEXT, "size"), GPT_PIXELS, .has = SEED_HAS_FORMAT,
	  .qualities = QUALITY_3 "auto " },
	{ "openai", "gpt-image-*", IN_PIXELS(WORDS_TEXT, "size"), GPT_PIXELS,
	  .has = SEED_HAS_FORMAT | SEED_IS_UNKNOWN, .qualities = QUALITY_3 "auto " },
	{ "openai", "dall-e-3", IN_PIXELS(WORDS_TEXT, "size"),
	  .presets = { "1024x1024", "1792x1024", "1024x1792" },
	  .note = "OpenAI removed it on 2026-05-12" },
	{ "openai", "dall-e-2", IN_PIXELS(WORDS_TEXT, "size"),
	  .presets = { "256x256", "512x512", "1024x1024" }, .note = "OpenAI removed it on 2026-05-12" },
	{ "openai", "*", IN_PIXELS(WORDS_TEXT, "size"), .has = BOTH },

	{ "automatic1111", "*", IN_PIXELS(WORDS_SIDES, NULL), .step = 8, .side_min = 64,
	  .side_max = 4096, .has = BOTH },
	{ "comfyui", "*", IN_PIXELS(WORDS_SIDES, NULL), .step = 8, .side_min = 16, .side_max = 16384,
	  .has = BOTH },

	{ "*", "*", IN_PIXELS(WORDS_SIDES, NULL), .ratio_max = SEED_IMAGE_MAX_SIDE, .has = BOTH },
};

enum { RATIO_MAX = 16 };

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

/* Whether `word` stands in a list of words with a space after each. */
static bool is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	/* strstr() would find the empty word beyond the end of the list. */
	for (const char *at = list; len && (at = strstr(at, word)) != NULL; at++)
		if ((at == list || at[-1] == ' ') && at[len] == ' ')
			return true;
	return false;
}

/* The first rule that matches, with defaults for the limits that it does not set. */
static struct seed_size_rule find_rule(const char *family, const char *model,
				       const struct seed_size_rule **in_table)
{
	struct seed_size_rule rule;
	size_t i = 0;

	while (fnmatch(rules[i].family, family, 0) != 0 ||
	       fnmatch(rules[i].model, model ? model : "", FNM_EXTMATCH) != 0)
		i++;
	*in_table = &rules[i];
	rule = rules[i];
	rule.step = rule.step ? rule.step : 1;
	rule.side_min = rule.side_min ? rule.side_min : 1;
	rule.side_max = rule.side_max ? rule.side_max : SEED_IMAGE_MAX_SIDE;
	rule.area_min = rule.area_min ? rule.area_min : 1;
	rule.area_max = rule.area_max ? rule.area_max : SEED_IMAGE_MAX_PIXELS;
	rule.ratio_max = rule.ratio_max ? rule.ratio_max : RATIO_MAX;
	return rule;
}

static const struct shape *nearest_shape(const struct seed_size_rule *rule, double width,
					 double height)
{
	const struct shape *best = &shapes[0];
	double distance = INFINITY;

	for (size_t i = 0; i < SEED_ARRAY_LEN(shapes); i++) {
		double d = fabs(log(width / height * shapes[i].height / shapes[i].width));

		if (d < distance && (!rule->ratios || is_listed(rule->ratios, shapes[i].ratio))) {
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

/* 1366x768 reduces to 683:384, which no service has. Beyond this, the nearest named ratio
 * is used. */
enum { RATIO_MAX_TERM = 32 };

static void set_ratio(const struct seed_size_rule *rule, int width, int height, struct seed_size *size)
{
	const struct shape *shape = nearest_shape(rule, width, height);
	int common = divisor(width, height);

	size->shape = shape->name;
	width /= common;
	height /= common;
	if (rule->ratios || width > RATIO_MAX_TERM || height > RATIO_MAX_TERM)
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

static void choose_tier(const struct seed_size_rule *rule, int width, int height, struct seed_size *size)
{
	const struct shape *shape = nearest_shape(rule, width, height);
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
	size->tier = *tier->name ? tier->name : NULL;
}

/* --- Presets --- */

/* The part of the wanted width that is left after a central crop to the wanted shape, 1 at
 * most: the rest must be scaled up. */
static double preset_worth(int width, int height, int have_width, int have_height)
{
	double by_width = (double)have_width / width;
	double by_height = (double)have_height / height;

	return fmin(1, fmin(by_width, by_height));
}

static void choose_preset(const struct seed_size_rule *rule, int width, int height, struct seed_size *size)
{
	double best = -1;

	for (size_t i = 0; i < SEED_ARRAY_LEN(rule->presets) && rule->presets[i]; i++) {
		int w, h;
		double worth;

		if (sscanf(rule->presets[i], "%dx%d", &w, &h) != 2)
			continue;
		worth = preset_worth(width, height, w, h);
		/* Of two that are equally good, the smaller one costs less. */
		if (worth < best || (worth <= best && w * h >= size->width * size->height))
			continue;
		best = worth;
		set_pixels(w, h, size);
	}
}

/* --- Pixels --- */

static int round_side(double side, int step, bool up)
{
	/* A rounding error must not cost a whole step. */
	double steps = up ? ceil(side / step - 1e-6) : floor(side / step + 1e-6);

	return (int)fmax(1, steps) * step;
}

/* The factor, near 1, that brings a picture into the rule's limits. */
static double fit_factor(const struct seed_size_rule *rule, double width, double height)
{
	double area = width * height, factor = 1;

	factor = fmax(factor, sqrt((double)rule->area_min / area));
	factor = fmax(factor, rule->side_min / fmin(width, height));
	factor = fmin(factor, sqrt((double)rule->area_max / area));
	return fmin(factor, rule->side_max / fmax(width, height));
}

static int clamp_side(const struct seed_size_rule *rule, int side)
{
	if (side > rule->side_max)
		return rule->side_max - rule->side_max % rule->step;
	return side < rule->side_min ? rule->side_min : side;
}

static void choose_pixels(const struct seed_size_rule *rule, int width, int height, struct seed_size *size)
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
	const struct seed_size_rule *in_table;
	struct seed_size_rule found = find_rule(family, model, &in_table), *rule = &found;

	memset(size, 0, sizeof(*size));
	size->rule = in_table;
	size->has = rule->has;
	size->qualities = rule->qualities;
	size->note = rule->note;
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

/* --- Words --- */

static bool add_sides(cJSON *object, const struct seed_size *size)
{
	return object && cJSON_AddNumberToObject(object, "width", size->width) &&
	       cJSON_AddNumberToObject(object, "height", size->height);
}

static bool add_pixels(cJSON *object, const struct seed_size *size)
{
	const char *field = size->rule->field;

	switch (size->rule->words) {
	case WORDS_TEXT:
		return cJSON_AddStringToObject(object, field, size->text);
	case WORDS_OBJECT:
		return add_sides(cJSON_AddObjectToObject(object, field), size);
	case WORDS_SIDES:
		return seed_ask_add_text(object, field, field ? "custom" : NULL) &&
		       add_sides(object, size);
	case WORDS_NONE:
	default:
		return true;
	}
}

bool seed_size_add(cJSON *object, const struct seed_size *size)
{
	const struct seed_size_rule *rule = size->rule;

	return add_pixels(object, size) &&
	       seed_ask_add_text(object, rule->tier_field, rule->tier_field ? size->tier : NULL) &&
	       seed_ask_add_text(object, rule->ratio_field, !rule->ratio_field ? NULL :
				 rule->shaped ? size->shape : size->ratio);
}

bool seed_size_add_options(cJSON *object, const struct seed_size *size,
			   const struct seed_ask *ask, int64_t modulus)
{
	bool negative = size->has & SEED_HAS_NEGATIVE, seed = size->has & SEED_HAS_SEED;
	const struct seed_params *params = ask->params;
	struct seed_request *request = ask->request;

	request->unknown_model = size->has & SEED_IS_UNKNOWN;
	request->no_negative = !negative && *params->negative_prompt;
	request->no_seed = !seed && params->has_seed;
	return (!negative ||
		seed_ask_add_text(object, "negative_prompt", params->negative_prompt)) &&
	       (!seed || seed_ask_add_seed(object, params, modulus)) &&
	       (!(size->has & SEED_HAS_COUNT) || cJSON_AddNumberToObject(object, "num_images", 1)) &&
	       (!(size->has & SEED_HAS_FORMAT) ||
		cJSON_AddStringToObject(object, "output_format", "png"));
}

bool seed_size_has_quality(const struct seed_size *size, const char *quality)
{
	return size->qualities && is_listed(size->qualities, quality);
}
