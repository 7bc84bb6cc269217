/*
 * OpenAI's images API and the local servers that speak its dialect
 * (stable-diffusion.cpp, LocalAI and others): one synchronous request.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"
#include "lib/base/url.h"

#define OPENAI_HOST "https://api.openai.com"
#define OPENAI_BASE OPENAI_HOST "/v1"

/* --- Request --- */

enum dialect {
	DIALECT_GPT,   /* refuses response_format; always base64 */
	DIALECT_DALLE,
	DIALECT_LOCAL, /* ignores unknown fields */
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The model decides, because a gateway may lead to OpenAI's models, whose API refuses
 * unknown fields. */
static enum dialect dialect_of(const char *model, bool own_host)
{
	if (model && begins(model, "dall-e-"))
		return DIALECT_DALLE;
	if (own_host || (model && (begins(model, "gpt-image") || begins(model, "chatgpt-image"))))
		return DIALECT_GPT;
	return DIALECT_LOCAL;
}

static bool add_dalle(cJSON *body, const char *model, const struct seed_params *params)
{
	bool fine = strcmp(params->quality, "high") == 0 || strcmp(params->quality, "hd") == 0;

	if (!cJSON_AddStringToObject(body, "response_format", "url"))
		return false;
	return strcmp(model, "dall-e-3") != 0 ||
	       cJSON_AddStringToObject(body, "quality", fine ? "hd" : "standard");
}

/* `step` is LocalAI's spelling. Base64, because often only a local server itself can reach
 * its URLs. */
static bool add_local(cJSON *body, const struct seed_params *params)
{
	return cJSON_AddStringToObject(body, "response_format", "b64_json") &&
	       cJSON_AddNumberToObject(body, "steps", params->steps) &&
	       cJSON_AddNumberToObject(body, "step", params->steps) &&
	       cJSON_AddNumberToObject(body, "cfg_scale", params->cfg_scale);
}

static bool add_dialect(cJSON *body, enum dialect dialect, const char *model,
			const struct seed_params *params, struct seed_size *size)
{
	switch (dialect) {
	case DIALECT_GPT:
		if (!size->qualities) /* not an image model that we know */
			size->has = SEED_HAS_FORMAT | SEED_IS_UNKNOWN;
		return !seed_size_has_quality(size, params->quality) ||
		       cJSON_AddStringToObject(body, "quality", params->quality);
	case DIALECT_DALLE:
		return add_dalle(body, model, params);
	case DIALECT_LOCAL:
	default:
		return add_local(body, params);
	}
}

static bool fill_body(const struct seed_ask *ask, bool own_host)
{
	enum dialect dialect = dialect_of(ask->model, own_host);
	cJSON *body = ask->body;
	struct seed_size size;

	seed_size_choose("openai", ask->model, ask->params->width, ask->params->height, &size);
	return seed_ask_add_text(body, "model", ask->model) &&
	       cJSON_AddStringToObject(body, "prompt", ask->prompt) &&
	       cJSON_AddNumberToObject(body, "n", 1) && seed_size_add(body, &size) &&
	       add_dialect(body, dialect, ask->model, ask->params, &size) &&
	       seed_size_add_options(body, &size, ask, 0);
}

/* For servers other than OpenAI's own, which gets the words unchanged. */
static bool fill_harmless(const struct seed_ask *ask)
{
	bool *changed = &ask->request->neutralised;
	char *prompt = seed_ask_neutralise(ask->prompt, true, changed);
	char *negative = seed_ask_neutralise(ask->params->negative_prompt, true, changed);
	struct seed_params params = *ask->params; /* borrowed */
	struct seed_ask sent = *ask;
	bool filled;

	params.negative_prompt = negative;
	sent.params = &params;
	sent.prompt = prompt;
	filled = prompt && negative && fill_body(&sent, false);
	free(prompt);
	free(negative);
	return filled;
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	bool own_host;
	errint_t result = seed_url_same_host(ask->config->api_base, OPENAI_BASE, &own_host);

	return result ? result :
	       seed_ask_post(ask, "/images/generations",
			     own_host ? fill_body(ask, true) : fill_harmless(ask));
}

/* --- Answer --- */

/* A 200 with an `error`, an object or (sd.cpp) a text, is a failure. */
static bool has_error(const cJSON *json)
{
	return cJSON_IsObject(seed_json_at(json, "error")) || seed_json_text(json, "error");
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (has_error(json))
		seed_reply_refuse(step, response, json, "HTTP", response->status);
	else if (!seed_reply_data_image(step, task, json))
		seed_reply_fail(step, EIO, response->status, "no image in the answer");
}

const struct seed_provider seed_provider_openai = {
	.name = "openai",
	.default_base = OPENAI_BASE,
	.key_variables = { "OPENAI_API_KEY" },
	.auth = SEED_AUTH_BEARER,
	/* A local server has a model of its own, and uses it if the request names none. */
	.site = OPENAI_HOST "*",
	.site_model = "gpt-image-2",
	.proof_path = "/models",
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
};
