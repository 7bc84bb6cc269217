/*
 * OpenAI's images API and the local servers that speak its dialect
 * (stable-diffusion.cpp, LocalAI and others): one synchronous request.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"
#include "lib/base/url.h"

#define OPENAI_BASE "https://api.openai.com/v1"

/* --- Request --- */

/* A local server has its own model: without a name it takes that. */
static const char *default_model(const struct seed_provider_config *config)
{
	bool own_host;

	return !seed_url_same_host(config->api_base, OPENAI_BASE, &own_host) && own_host ?
	       "gpt-image-2" : NULL;
}

enum dialect {
	DIALECT_GPT,   /* rejects response_format, always base64 */
	DIALECT_DALLE,
	DIALECT_LOCAL, /* ignores what it does not know */
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* By the model, since a gateway elsewhere may lead to OpenAI's models, whose
 * API refuses every field that it does not know. */
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

/* `step` is LocalAI's spelling. Base64, since a URL of a local server is often
 * one that only the server itself can reach. */
static bool add_local(cJSON *body, const struct seed_params *params)
{
	return cJSON_AddStringToObject(body, "response_format", "b64_json") &&
	       cJSON_AddNumberToObject(body, "steps", params->steps) &&
	       cJSON_AddNumberToObject(body, "step", params->steps) &&
	       cJSON_AddNumberToObject(body, "cfg_scale", params->cfg_scale);
}

struct texts {
	char *prompt, *negative; /* owned */
};

/* OpenAI itself gets the words as they are. */
static bool make_texts(struct texts *texts, const struct seed_params *params,
		       const char *prompt, bool own_host, bool *changed)
{
	if (own_host) {
		texts->prompt = strdup(prompt);
		texts->negative = strdup(params->negative_prompt);
	} else {
		texts->prompt = seed_ask_neutralise(prompt, true, changed);
		texts->negative = seed_ask_neutralise(params->negative_prompt, true, changed);
	}
	return texts->prompt && texts->negative;
}

static bool add_dialect(cJSON *body, enum dialect dialect, const char *model,
			const struct seed_params *params, struct seed_size *size)
{
	switch (dialect) {
	case DIALECT_GPT:
		if (!size->qualities) /* no image model that we know */
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

static cJSON *submit_body(const struct seed_provider_config *config,
			  const struct seed_params *params, const struct texts *texts,
			  bool own_host, struct seed_request *request)
{
	const char *model = seed_ask_model(params, default_model(config));
	enum dialect dialect = dialect_of(model, own_host);
	struct seed_params sent = *params; /* lent */
	cJSON *body = cJSON_CreateObject();
	struct seed_size size;

	sent.negative_prompt = texts->negative;
	seed_size_choose("openai", model, params->width, params->height, &size);
	if (body && seed_ask_add_text(body, "model", model) &&
	    cJSON_AddStringToObject(body, "prompt", texts->prompt) &&
	    cJSON_AddNumberToObject(body, "n", 1) && seed_size_add(body, &size) &&
	    add_dialect(body, dialect, model, params, &size) &&
	    seed_size_add_options(body, &size, &sent, 0, request))
		return body;
	cJSON_Delete(body);
	return NULL;
}

static errint_t openai_request(const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_task *task, struct seed_request *request)
{
	struct texts texts = { NULL, NULL };
	cJSON *body = NULL;
	bool own_host;

	if (task->stage != SEED_STAGE_SUBMIT)
		return -EOPNOTSUPP;
	if (seed_url_same_host(config->api_base, OPENAI_BASE, &own_host))
		return -ENOMEM;
	if (make_texts(&texts, params, prompt, own_host, &request->neutralised))
		body = submit_body(config, params, &texts, own_host, request);
	free(texts.prompt);
	free(texts.negative);
	return seed_ask_request_json(request, "POST",
				     seed_ask_url(config->api_base, "/images/generations", NULL, ""),
				     body);
}

/* --- Answer --- */

/* An `error` in a 200 is one, whether object or text (sd.cpp). */
static bool has_error(const cJSON *json)
{
	return cJSON_IsObject(seed_json_at(json, "error")) || seed_json_text(json, "error");
}

static void read_answer(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (has_error(json))
		seed_reply_refuse(step, response, json, "HTTP", response->status);
	else if (!seed_reply_data_image(step, task, json))
		seed_reply_fail(step, EIO, response->status, "no image in the answer");
}

static void openai_answer(const struct seed_provider_config *config,
			  const struct seed_params *params, struct seed_task *task,
			  const struct seed_response *response, const cJSON *json,
			  struct seed_step *step)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	read_answer(task, response, json, step);
}

static const char *const key_variables[] = { "OPENAI_API_KEY", NULL };

const struct seed_provider seed_provider_openai = {
	.name = "openai",
	.default_base = OPENAI_BASE,
	.key_variables = key_variables,
	.auth = SEED_AUTH_BEARER,
	.default_model = default_model,
	.request = openai_request,
	.answer = openai_answer,
};
