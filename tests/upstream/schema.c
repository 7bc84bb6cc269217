#include "tests/upstream/schema.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"

/*
 * A field is NAME, "!" if it is required, ":", and a type:
 *     s               a string
 *     b               true or false
 *     n               a number
 *     i               an integer from 0
 *     o               {"width": integer, "height": integer}
 *     A|B|C           one of these strings
 * With "o|A|B" it is either.
 */
#define RATIOS "1:1|4:3|3:4|16:9|9:16|2:3|3:2|21:9"
#define BANANA_RATIOS RATIOS "|5:4|4:5"
#define FORMATS " output_format:jpeg|png|webp"
#define FAL " prompt!:s num_images:i sync_mode:b"
#define FAL_SAFE FAL " enable_safety_checker:b seed:i"
#define FAL_SIZES " image_size:o|square_hd|square|portrait_4_3|portrait_16_9|landscape_4_3|landscape_16_9"
#define SHAPES "square|square_hd|portrait_4_3|portrait_3_2|portrait_16_9|landscape_4_3|landscape_3_2|" \
	"landscape_16_9|landscape_21_9"

static const struct {
	const char *service, *model, *fields;
} families[] = {
	{ "kie", "bytedance/seedream-v4-text-to-image", "prompt!:s image_size:" SHAPES
	  " image_resolution:1K|2K|4K max_images:i nsfw_checker:b"
	  /* read by nobody, and sent since the first version */
	  " resolution:s aspect_ratio:s quality:s steps:i cfg_scale:n guidance:s" },
	{ "kie", "bytedance/seedream", "prompt!:s image_size:square|square_hd|portrait_4_3|portrait_16_9|"
	  "landscape_4_3|landscape_16_9 guidance_scale:n seed:i" },
	{ "kie", "seedream/4.5-text-to-image", "prompt!:s aspect_ratio!:" RATIOS
	  " quality!:basic|high nsfw_checker:b" },
	{ "kie", "seedream/5-lite-text-to-image", "prompt!:s aspect_ratio!:" RATIOS
	  " quality!:basic|high nsfw_checker:b" },
	{ "kie", "seedream/5-pro-text-to-image", "prompt!:s aspect_ratio!:" RATIOS
	  " quality!:basic|high output_format:png|jpeg nsfw_checker:b" },
	{ "kie", "nano-banana-[2p]*", "prompt!:s aspect_ratio:" BANANA_RATIOS " resolution:1K|2K|4K" },
	{ "kie", "gpt-image-2-text-to-image", "prompt!:s aspect_ratio:" RATIOS " resolution:1K|2K|4K" },
	{ "kie", "flux-2/pro-text-to-image", "prompt!:s aspect_ratio!:" RATIOS " resolution!:1K|2K|4K" },
	{ "kie", "wan/2-7-image-pro", "prompt!:s aspect_ratio:" RATIOS " resolution:1K|2K|4K" },
	{ "kie", "google/nano-banana", "prompt!:s image_size:" BANANA_RATIOS },
	{ "kie", "qwen2/text-to-image", "prompt!:s image_size:1:1|4:3|3:4|16:9|9:16" },
	{ "kie", "gpt-image/1.5-text-to-image", "prompt!:s aspect_ratio!:1:1|2:3|3:2" },

	{ "fal", "*seedream/v4/*", FAL_SAFE FAL_SIZES "|auto|auto_2K|auto_4K max_images:i"
	  " enhance_prompt_mode:standard|fast" },
	{ "fal", "*seedream/v4.5/*", FAL_SAFE FAL_SIZES "|auto_2K|auto_4K max_images:i" },
	{ "fal", "*seedream/v5/lite/*", FAL FAL_SIZES "|auto_2K|auto_3K max_images:i"
	  " enable_safety_checker:b" },
	/* Not in the client yet: what all of the family have, and what fal's pages name. */
	{ "fal", "*seedream/v5/pro/*", FAL FAL_SIZES " output_format:jpeg|png enable_safety_checker:b" },
	{ "fal", "*seedream/v5.5/*", FAL FAL_SIZES " enable_safety_checker:b" },
	{ "fal", "*seedream/v3/*", FAL_SAFE FAL_SIZES " guidance_scale:n" },
	{ "fal", "*gpt-image-2", FAL FAL_SIZES },
	{ "fal", "fal-ai/nano-banana-pro", FAL FORMATS " aspect_ratio:auto|" BANANA_RATIOS
	  " resolution:1K|2K|4K seed:i safety_tolerance:s limit_generations:b enable_web_search:b" },
	{ "fal", "fal-ai/nano-banana-2", FAL FORMATS " aspect_ratio:auto|" BANANA_RATIOS
	  " resolution:0.5K|1K|2K|4K seed:i safety_tolerance:s limit_generations:b enable_web_search:b" },
	{ "fal", "fal-ai/nano-banana", FAL FORMATS " aspect_ratio:" BANANA_RATIOS
	  " seed:i safety_tolerance:s limit_generations:b" },
	{ "fal", "fal-ai/kling-image/v3/text-to-image", FAL FORMATS " aspect_ratio:" RATIOS
	  " resolution:1K|2K negative_prompt:s" },
	{ "fal", "fal-ai/imagen4/preview*", FAL FORMATS " aspect_ratio:1:1|16:9|9:16|4:3|3:4"
	  " resolution:1K|2K seed:i safety_tolerance:s" },
	{ "fal", "fal-ai/gpt-image-1*", FAL FORMATS " image_size:1024x1024|1536x1024|1024x1536"
	  " quality:low|medium|high background:auto|transparent|opaque" },
	{ "fal", "fal-ai/flux-2-*", "prompt!:s sync_mode:b enable_safety_checker:b seed:i" FAL_SIZES
	  " output_format:jpeg|png safety_tolerance:s" },
	{ "fal", "fal-ai/flux-2", FAL_SAFE FAL_SIZES FORMATS " guidance_scale:n num_inference_steps:i" },
	{ "fal", "fal-ai/qwen-image-2/text-to-image", FAL_SAFE FAL_SIZES FORMATS " negative_prompt:s"
	  " enable_prompt_expansion:b" },
	{ "fal", "fal-ai/wan/v2.7/text-to-image", "prompt!:s enable_safety_checker:b seed:i max_images:i"
	  " negative_prompt:s" FAL_SIZES },
	{ "fal", "fal-ai/z-image/turbo", FAL_SAFE FAL_SIZES FORMATS " num_inference_steps:i" },

	{ "replicate", "bytedance/seedream-4.5", "prompt!:s size:2K|4K|custom aspect_ratio:" RATIOS
	  " width:i height:i sequential_image_generation:disabled|auto max_images:i enhance_prompt:b" },
	{ "replicate", "bytedance/seedream-4", "prompt!:s size:1K|2K|4K|custom aspect_ratio:" RATIOS
	  " width:i height:i sequential_image_generation:disabled|auto max_images:i enhance_prompt:b" },
	{ "replicate", "bytedance/seedream-5-lite", "prompt!:s size:2K|3K aspect_ratio:" RATIOS
	  " output_format:png|jpeg" },
	{ "replicate", "bytedance/seedream-5-pro", "prompt!:s size:1K|2K aspect_ratio:" RATIOS
	  " output_format:png|jpeg" },
	{ "replicate", "black-forest-labs/flux-2-*", "prompt!:s aspect_ratio:" RATIOS "|custom width:i"
	  " height:i resolution:s seed:i output_format:webp|jpg|png output_quality:i" },
	{ "replicate", "google/nano-banana", "prompt!:s aspect_ratio:" BANANA_RATIOS " output_format:jpg|png" },
	{ "replicate", "google/nano-banana-[2p]*", "prompt!:s aspect_ratio:" BANANA_RATIOS
	  " resolution:1K|2K|4K output_format:jpg|png" },

	{ "ark", "*seedream-4-[05]*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b"
	  " sequential_image_generation:disabled|auto" },
	{ "ark", "*seedream-5-0-pro*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b"
	  " output_format:jpeg|png" },
	{ "ark", "*seedream-5-0-flash*", "model!:s prompt!:s size:s response_format:url|b64_json"
	  " watermark:b" },
	{ "ark", "*seedream-5-0*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b"
	  " sequential_image_generation:disabled|auto output_format:jpeg|png" },
	{ "ark", "*seedream-5-5*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b" },
	{ "ark", "*seedream-3-0*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b seed:i"
	  " guidance_scale:n" },
	{ "ark", "ep-*", "model!:s prompt!:s size:s response_format:url|b64_json watermark:b" },
};

/* The fields of the model's family, or NULL. */
static const char *fields_of(const char *service, const char *model)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strcmp(families[i].service, service) && !fnmatch(families[i].model, model, 0))
			return families[i].fields;
	return NULL;
}

/* Where `name` stands in a list of fields, behind it ("!:s …"); NULL: nowhere. */
static const char *find_field(const char *fields, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = fields; *at; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		if (!strncmp(at, name, len) && (at[len] == ':' || at[len] == '!'))
			return at + len;
	}
	return NULL;
}

/* Whether `word` stands between bars in the type that begins at `type`. */
static bool is_one_of(const char *type, const char *word)
{
	size_t len = strlen(word);

	for (;;) {
		size_t one = strcspn(type, "| ");

		if (one == len && !strncmp(type, word, len))
			return true;
		if (type[one] != '|')
			return false;
		type += one + 1;
	}
}

static bool is_of_type(const cJSON *item, const char *type)
{
	size_t len = strcspn(type, " ");
	bool simple = len == 1;

	if (cJSON_IsObject(item))
		return *type == 'o' && cJSON_GetArraySize(item) == 2 &&
		       dialect_is_integer(dialect_member(item, "width"), 1, 16384) &&
		       dialect_is_integer(dialect_member(item, "height"), 1, 16384);
	if (simple && *type == 's')
		return cJSON_IsString(item);
	if (simple && *type == 'b')
		return cJSON_IsBool(item);
	if (simple && *type == 'n')
		return cJSON_IsNumber(item);
	if (simple && *type == 'i')
		return dialect_is_integer(item, 0, 9007199254740992.0);
	return cJSON_IsString(item) && is_one_of(type, item->valuestring);
}

/* The first required field that is missing; malloc'd or NULL. */
static char *missing(const char *fields, const cJSON *input)
{
	for (const char *at = fields; *at; at += strcspn(at, " ")) {
		char *name;

		at += strspn(at, " ");
		name = xprintf("%.*s", (int)strcspn(at, ":! "), at);
		if (at[strlen(name)] == '!' && !dialect_member(input, name))
			return name;
		free(name);
	}
	return NULL;
}

char *schema_wrong(const char *service, const char *model, const cJSON *input)
{
	const char *fields = fields_of(service, model), *field;
	const cJSON *item;
	char *name, *wrong;

	if (!fields)
		return NULL;
	cJSON_ArrayForEach(item, input) {
		field = find_field(fields, item->string);
		if (!field)
			return xprintf("%s: extra fields not permitted", item->string);
		field += strcspn(field, ":") + 1;
		if (!is_of_type(item, field))
			return xprintf("%s: not of %.*s", item->string, (int)strcspn(field, " "), field);
	}
	name = missing(fields, input);
	wrong = name ? xprintf("%s is required", name) : NULL;
	free(name);
	return wrong;
}

/* --- What it makes --- */

static bool sides_of(const cJSON *object, int *width, int *height)
{
	*width = (int)dialect_number(object, "width", 0);
	*height = (int)dialect_number(object, "height", 0);
	return *width && *height;
}

/* 1K by default, which is what makes a request without a resolution so small. */
static int long_side(const cJSON *input)
{
	static const char *const names[] = { "resolution", "image_resolution", "size" };
	int k = 0;

	for (size_t i = 0; i < 3 && !k; i++) {
		const char *text = dialect_text(input, names[i]);

		if (!text || strcspn(text, "K") != 1 || sscanf(text, "%d", &k) != 1)
			k = 0;
	}
	return 1024 * (k ? k : 1);
}

char *schema_kind(const cJSON *input)
{
	const cJSON *size = dialect_member(input, "image_size");
	const char *ratio = dialect_text(input, "aspect_ratio"), *text = cJSON_GetStringValue(size);
	int width, height, a, b;

	if (sides_of(size, &width, &height) || sides_of(input, &width, &height) ||
	    (text && sscanf(text, "%dx%d", &width, &height) == 2))
		return dialect_kind("png", width, height);
	if (!ratio)
		ratio = text;
	if (!ratio || sscanf(ratio, "%d:%d", &a, &b) != 2)
		return NULL;
	width = a >= b ? long_side(input) : long_side(input) * a / b;
	height = a >= b ? long_side(input) * b / a : long_side(input);
	return dialect_kind("png", width, height);
}
