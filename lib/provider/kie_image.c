/*
 * kie.ai's one-call API: the parameters flat at the top level, and an answer
 * that holds the image, or a task id that is then polled as the jobs API's.
 */
#include "lib/provider/kie.h"
#include "lib/provider/list.h"

static cJSON *submit_body(const struct seed_params *params, const char *prompt,
			  struct seed_request *request)
{
	const char *model = seed_ask_model(params, SEED_DEFAULT_MODEL);
	cJSON *body = cJSON_CreateObject();
	struct seed_size size;

	seed_size_choose("kie-image", model, params->width, params->height, &size);
	if (body && cJSON_AddStringToObject(body, "model", model) &&
	    cJSON_AddStringToObject(body, "prompt", prompt) &&
	    seed_kie_add_params(body, params, &size) &&
	    seed_size_add_options(body, &size, params, 0, request))
		return body;
	cJSON_Delete(body);
	return NULL;
}

static errint_t kie_image_request(const struct seed_provider_config *config,
				  const struct seed_params *params, const char *prompt,
				  struct seed_task *task, struct seed_request *request)
{
	if (task->stage != SEED_STAGE_SUBMIT)
		return seed_kie_request(config, task, request);
	return seed_ask_request_json(request, "POST",
				      seed_ask_url(config->api_base,
						    "/api/v1/generate/image", NULL, ""),
				      submit_body(params, prompt, request));
}

static void kie_image_answer(const struct seed_provider_config *config,
			     const struct seed_params *params, struct seed_task *task,
			     const struct seed_response *response, const cJSON *json,
			     struct seed_step *step)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	seed_kie_answer(task, response, json, step, "no image URL in the answer");
}

static const char *const key_variables[] = { "KIE_IMAGE_API_KEY", "KIE_API_KEY", NULL };

static const char *default_model(const struct seed_provider_config *config)
{
	SEED_UNUSED(config);
	return SEED_DEFAULT_MODEL;
}

const struct seed_provider seed_provider_kie_image = {
	.name = "kie-image",
	.default_base = SEED_KIE_BASE,
	.key_variables = key_variables,
	.auth = SEED_AUTH_BEARER,
	.default_model = default_model,
	.rate_count = 20,
	.rate_seconds = 10,
	.queries_per_second = 10,
	.request = kie_image_request,
	.answer = kie_image_answer,
};
