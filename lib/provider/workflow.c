#include "lib/provider/workflow.h"

#include "lib/provider/ask.h"
#include "lib/provider/json.h"
#include "lib/provider/size.h"

/* Each picture has a prefix of its own: for the same seed and words, the server would name
 * the earlier file, which may be gone. */
static const char built_in[] =
"{\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":\"{{seed}}\",\"steps\":\"{{steps}}\","
	"\"cfg\":\"{{cfg}}\",\"sampler_name\":\"euler\",\"scheduler\":\"normal\",\"denoise\":1,"
	"\"model\":[\"4\",0],\"positive\":[\"6\",0],\"negative\":[\"7\",0],"
	"\"latent_image\":[\"5\",0]}},"
"\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"{{model}}\"}},"
"\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":\"{{width}}\","
	"\"height\":\"{{height}}\",\"batch_size\":1}},"
"\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"{{prompt}}\",\"clip\":[\"4\",1]}},"
"\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"{{negative_prompt}}\","
	"\"clip\":[\"4\",1]}},"
"\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"
"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"seedfs/{{id}}\","
	"\"images\":[\"8\",0]}}}";

struct placeholder {
	const char *name; /* "{{seed}}" */
	char *text;       /* owned */
	bool is_number;
	bool used;
};

enum { PLACEHOLDERS_MAX = 9, PLACEHOLDER_PROMPT = 0 };

struct filler {
	struct placeholder list[PLACEHOLDERS_MAX];
	size_t count;
	bool failed; /* no memory */
};

/* Takes ownership of `text`; NULL means no memory. */
static void add(struct filler *filler, const char *name, char *text, bool is_number)
{
	filler->list[filler->count++] = (struct placeholder){
		.name = name, .text = text, .is_number = is_number,
	};
	filler->failed |= !text;
}

static void add_integer(struct filler *filler, const char *name, int64_t value)
{
	char *text;

	if (asprintf(&text, "%lld", (long long)value) < 0)
		text = NULL;
	add(filler, name, text, true);
}

/* cJSON writes a decimal point in every locale. */
static void add_real(struct filler *filler, const char *name, double value)
{
	cJSON *number = cJSON_CreateNumber(value);

	add(filler, name, number ? cJSON_PrintUnformatted(number) : NULL, true);
	cJSON_Delete(number);
}

static void filler_init(struct filler *filler, const struct seed_ask *ask)
{
	const struct seed_params *params = ask->params;
	struct seed_size size;

	memset(filler, 0, sizeof(*filler));
	seed_size_choose("comfyui", NULL, params->width, params->height, &size);
	add(filler, "{{prompt}}", strdup(ask->prompt), false); /* PLACEHOLDER_PROMPT */
	add(filler, "{{negative_prompt}}", strdup(params->negative_prompt), false);
	add(filler, "{{model}}", strdup(ask->model ? ask->model : ""), false);
	add(filler, "{{id}}", strdup(ask->task->id), false);
	/* With the same seed, the server would answer from its cache. */
	add_integer(filler, "{{seed}}", params->has_seed ? params->seed : seed_ask_random(48));
	add_integer(filler, "{{steps}}", params->steps);
	add_real(filler, "{{cfg}}", params->cfg_scale);
	add_integer(filler, "{{width}}", size.width);
	add_integer(filler, "{{height}}", size.height);
	assert(filler->count == PLACEHOLDERS_MAX);
}

static void filler_release(struct filler *filler)
{
	for (size_t i = 0; i < filler->count; i++)
		free(filler->list[i].text);
}

/* --- Filling --- */

/* The placeholder that stands at `at`, or NULL. */
static struct placeholder *placeholder_at(struct filler *filler, const char *at)
{
	for (size_t i = 0; i < filler->count; i++)
		if (strncmp(at, filler->list[i].name, strlen(filler->list[i].name)) == 0)
			return &filler->list[i];
	return NULL;
}

/* Replaces the placeholders in one pass from left to right, so that a prompt that holds
 * "{{seed}}" keeps it. */
static errint_t expand(struct filler *filler, const char *text, struct seed_buf *out)
{
	errint_t result = 0;

	while (*text && !result) {
		struct placeholder *one = placeholder_at(filler, text);
		size_t plain = 1 + strcspn(text + 1, "{");

		if (one) {
			result = seed_buf_add(out, one->text, strlen(one->text));
			text += strlen(one->name);
			one->used = true;
		} else {
			result = seed_buf_add(out, text, plain);
			text += plain;
		}
	}
	return result;
}

static errint_t fill_string(struct filler *filler, cJSON *item)
{
	struct placeholder *whole = placeholder_at(filler, item->valuestring);
	bool number = whole && whole->is_number && !item->valuestring[strlen(whole->name)];
	struct seed_buf out;
	errint_t result;

	if (!strstr(item->valuestring, "{{"))
		return 0;
	seed_buf_init(&out, SEED_RECORD_MAX_BYTES);
	result = expand(filler, item->valuestring, &out);
	if (!result && !cJSON_SetValuestring(item, out.data))
		result = -ENOMEM;
	/* Raw items are written without quotes: as the number that the string now
	 * spells. */
	if (!result && number)
		item->type = (item->type & ~0xff) | cJSON_Raw;
	seed_buf_release(&out);
	return result == -EFBIG ? -EINVAL : result;
}

/* Recursion is bounded: the parser allows SEED_JSON_MAX_DEPTH levels. */
static errint_t fill(struct filler *filler, cJSON *item)
{
	errint_t result = 0;

	if (cJSON_IsString(item))
		return fill_string(filler, item);
	for (cJSON *child = item->child; child && !result; child = child->next)
		result = fill(filler, child);
	return result;
}

/* The format that the editor saves has "nodes" and "links" instead. */
static bool is_workflow(const cJSON *json)
{
	if (!cJSON_IsObject(json) || !json->child)
		return false;
	for (const cJSON *node = json->child; node; node = node->next)
		if (!seed_json_text(node, "class_type"))
			return false;
	return true;
}

errint_t seed_workflow_fill(const struct seed_ask *ask, cJSON **workflow)
{
	const char *text = ask->config->workflow ? ask->config->workflow : built_in;
	struct filler filler;
	cJSON *json;
	errint_t result = -EINVAL;

	*workflow = NULL;
	json = seed_json_parse(text, strlen(text));
	filler_init(&filler, ask);
	if (filler.failed)
		result = -ENOMEM;
	else if (is_workflow(json))
		result = fill(&filler, json);
	if (!result && !filler.list[PLACEHOLDER_PROMPT].used)
		result = -EINVAL;
	filler_release(&filler);
	if (result)
		cJSON_Delete(json);
	else
		*workflow = json;
	return result;
}
