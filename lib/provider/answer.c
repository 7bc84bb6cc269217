/* What an answer means at any service: the checks before and after its provider reads
 * it. */
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

static bool is_busy_status(const struct seed_response *response, const cJSON *json)
{
	if (response->status == 503)
		return response->retry_after_ms >= 0;
	return response->status == 429 ||
	       (response->status == 200 && (seed_json_int(json, "code", 0) == 429 ||
					    seed_json_int(json, "error.code", 0) == 429));
}

static bool is_busy(const struct seed_response *response, const cJSON *json)
{
	char words[2 * SEED_MESSAGE_MAX_BYTES];

	if (!is_busy_status(response, json))
		return false;
	seed_json_error_words(json, words, sizeof(words));
	return seed_reply_judge_words(words, 0) != EDQUOT;
}

/* A 404 (HTTP's, or that of kie's envelope) whose words are about the model. The page of a
 * wrong api_base has none of these words. */
static bool is_unknown_model(const struct seed_task *task, const struct seed_response *response,
			     const cJSON *json, const struct seed_step *step)
{
	static const char *const names[] = {
		"model", "endpoint", "deployment", /* OpenAI, ark, Azure */
		"application",                     /* fal: Application 'x' not found */
		"requested resource",              /* Replicate */
	};
	char words[2 * SEED_MESSAGE_MAX_BYTES];
	long status = response->status == 200 ? seed_json_int(json, "code", 0) : response->status;

	if (task->stage != SEED_STAGE_SUBMIT || status != 404 || step->kind != SEED_STEP_FAIL)
		return false;
	seed_json_error_words(json, words, sizeof(words));
	return seed_reply_holds(words, names, SEED_ARRAY_LEN(names));
}

static void name_model(const struct seed_provider *provider,
		       const struct seed_provider_config *config, const struct seed_params *params,
		       struct seed_step *step)
{
	const char *model = seed_provider_model(provider, config, params->model);
	char message[SEED_MESSAGE_MAX_BYTES];
	struct seed_size size;

	seed_size_choose(provider->name, model, params->width, params->height, &size);
	(void)snprintf(message, sizeof(message), "%s", step->error.message);
	seed_reply_fail(step, EINVAL, 404, "model %s: %s%s%s", model ? model : "of this mount",
			message, size.note ? "; " : "", size.note ? size.note : "");
}

void seed_provider_answer(const struct seed_provider *provider,
			  const struct seed_provider_config *config,
			  const struct seed_params *params, struct seed_task *task,
			  const struct seed_response *response, struct seed_step *step)
{
	const struct seed_exchange *exchange = &provider->on[task->stage];
	cJSON *json = seed_json_parse(response->body, response->len);
	bool no_memory = !json && errno == ENOMEM;

	seed_step_init(step);
	step->api_base = config->api_base;
	if (no_memory) /* not a failure of the service: that would be tried, and paid for, again */
		seed_reply_fail(step, ENOMEM, 0, "no memory for the answer");
	else if (is_busy(response, json))
		seed_reply_backoff(step, response);
	else if (exchange->read)
		exchange->read(task, response, json, step);
	else
		step->kind = SEED_STEP_DONE;
	if (!no_memory && is_unknown_model(task, response, json, step))
		name_model(provider, config, params, step);
	cJSON_Delete(json);
}
