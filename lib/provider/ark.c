/*
 * BytePlus ModelArk and Volcengine Ark: one synchronous request, and no task
 * that could be polled, resumed or cancelled.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Request --- */

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* The service refuses a field that it does not know (InvalidParameter). */
static bool add_generation(cJSON *body, const char *model, const struct seed_size *size,
			   const struct seed_params *params)
{
	if (strstr(model, "seedream-3"))
		return cJSON_AddNumberToObject(body, "guidance_scale",
					       clamp(params->cfg_scale, 1, 10));
	return !(size->has & SEED_HAS_SEQUENTIAL) ||
	       cJSON_AddStringToObject(body, "sequential_image_generation", "disabled");
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	cJSON *body = ask->body;
	struct seed_size size;

	seed_size_choose("ark", ask->model, ask->params->width, ask->params->height, &size);
	return seed_ask_post(ask, "/images/generations",
			     cJSON_AddStringToObject(body, "model", ask->model) &&
			     cJSON_AddStringToObject(body, "prompt", ask->prompt) &&
			     seed_size_add(body, &size) &&
			     cJSON_AddStringToObject(body, "response_format", "url") &&
			     cJSON_AddFalseToObject(body, "watermark") &&
			     add_generation(body, ask->model, &size, ask->params) &&
			     seed_size_add_options(body, &size, ask, INT64_C(1) << 31));
}

/* --- Answer --- */

/* The HTTP status that belongs to an error code inside a 200. */
static long status_of(const char *code)
{
	static const struct {
		const char *word;
		long status;
	} table[] = {
		{ "InvalidParameter", 400 }, { "MissingParameter", 400 },
		{ "Authentication", 401 },   { "AccessDenied", 403 },
		{ "RateLimit", 429 },        { "ServerOverloaded", 429 },
		{ "BurstTooFast", 429 },
	};

	for (size_t i = 0; code && i < SEED_ARRAY_LEN(table); i++)
		if (strstr(code, table[i].word))
			return table[i].status;
	return 500;
}

/* `item`, the whole body or one picture's element, has an `error`. */
static void refused_inside(const struct seed_response *response, const cJSON *item,
			   struct seed_step *step)
{
	const char *code = seed_json_text(item, "error.code");
	char words[2 * SEED_MESSAGE_MAX_BYTES], message[SEED_MESSAGE_MAX_BYTES], name[64];
	long status = status_of(code);
	int judged;

	seed_json_error_words(item, words, sizeof(words));
	judged = seed_reply_judge_words(words, 0);
	if (status == 429 && judged != EDQUOT) {
		seed_reply_backoff(step, response);
		return;
	}
	seed_json_message(item, message, sizeof(message));
	seed_json_copy_text(name, sizeof(name), code ? code : "error");
	seed_reply_fail(step, judged ? judged : seed_error_from_status(status), response->status,
			"%s: %s", name, *message ? message : "no message");
}

static const cJSON *refused_item(const cJSON *json)
{
	const cJSON *data = seed_json_at(json, "data");
	const cJSON *item;

	for (item = cJSON_IsArray(data) ? data->child : NULL; item; item = item->next)
		if (cJSON_IsObject(seed_json_at(item, "error")))
			return item;
	return NULL;
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	const cJSON *item;

	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (cJSON_IsObject(seed_json_at(json, "error"))) {
		refused_inside(response, json, step);
		return;
	}
	if (seed_reply_data_image(step, task, json))
		return;
	item = refused_item(json);
	if (item)
		refused_inside(response, item, step);
	else
		seed_reply_fail(step, EIO, response->status, "no image URL in the answer");
}

const struct seed_provider seed_provider_ark = {
	.name = "ark",
	.default_base = "https://ark.ap-southeast.bytepluses.com/api/v3",
	.key_variables = { "ARK_API_KEY" },
	.auth = SEED_AUTH_BEARER,
	/* The two sites sell the same model under two names. */
	.default_model = "seedream-4-0-250828",
	.site = "*.volces.com*",
	.site_model = "doubao-seedream-4-0-250828",
	/* The limit of 4.0; those of other models depend on the account. */
	.rate_count = 500,
	.rate_seconds = 60,
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
};
