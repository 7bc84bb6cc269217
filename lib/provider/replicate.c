/*
 * Replicate's predictions.
 *
 * No "Prefer: wait": it would hold the answer, and with it the prediction's
 * id, for seconds in which a crash loses a task that is paid for, to save one
 * poll of a model that takes longer anyway.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Requests --- */

static const char *default_model(const struct seed_provider_config *config)
{
	SEED_UNUSED(config);
	return "bytedance/seedream-4";
}

/* Without enhance_prompt false Seedream 4 rewrites the words first. */
static bool add_sequential(cJSON *input)
{
	return cJSON_AddStringToObject(input, "sequential_image_generation", "disabled") &&
	       cJSON_AddNumberToObject(input, "max_images", 1) &&
	       cJSON_AddFalseToObject(input, "enhance_prompt");
}

static bool add_input(cJSON *body, const char *model, const struct seed_params *params,
		      const char *prompt, struct seed_request *request)
{
	cJSON *input = cJSON_AddObjectToObject(body, "input");
	struct seed_size size;

	seed_size_choose("replicate", model, params->width, params->height, &size);
	return input && cJSON_AddStringToObject(input, "prompt", prompt) &&
	       seed_size_add(input, &size) &&
	       (!(size.has & SEED_HAS_SEQUENTIAL) || add_sequential(input)) &&
	       seed_size_add_options(input, &size, params, INT64_C(1) << 31, request);
}

static cJSON *submit_body(const char *model, const char *version,
			  const struct seed_params *params, const char *prompt,
			  struct seed_request *request)
{
	cJSON *body = cJSON_CreateObject();

	if (body && seed_ask_add_text(body, "version", version) &&
	    add_input(body, model, params, prompt, request))
		return body;
	cJSON_Delete(body);
	return NULL;
}

/* "owner/name" is asked by its name, "owner/name:version" by the version. */
static errint_t submit_url(const struct seed_provider_config *config, const char *model,
			   bool has_version, char **url)
{
	char *path;
	errint_t result;

	if (has_version) {
		*url = seed_ask_url(config->api_base, "/predictions", NULL, "");
		return *url ? 0 : -ENOMEM;
	}
	result = seed_ask_model_path(model, &path);
	if (!result) {
		char *base = seed_ask_url(config->api_base, "/models", NULL, path);

		*url = base ? seed_ask_url(base, "/predictions", NULL, "") : NULL;
		result = *url ? 0 : -ENOMEM;
		free(base);
	}
	free(path);
	return result;
}

/* Ends at the service what nobody waits for any more: a guard against paying
 * for a prediction that was abandoned by a crash. */
static errint_t add_deadline(const struct seed_provider_config *config,
			     struct seed_request *request)
{
	int seconds = config->timeout_seconds > 0 ? config->timeout_seconds : 300;
	char line[48];

	/* Less than 5 s is refused. */
	snprintf(line, sizeof(line), "Cancel-After: %ds", seconds < 5 ? 5 : seconds);
	return seed_ask_header(request, line);
}

static errint_t submit_request(const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_request *request)
{
	const char *model = seed_ask_model(params, default_model(config));
	const char *version = strchr(model, ':');
	char *url = NULL;
	errint_t result = submit_url(config, model, version, &url);

	if (!result)
		result = seed_ask_request_json(request, "POST", url,
					       submit_body(model, version ? version + 1 : NULL,
							   params, prompt, request));
	return result ? result : add_deadline(config, request);
}

/* The service's own URL, or the documented one. */
static errint_t task_request(const struct seed_provider_config *config, const char *method,
			     const char *given, const struct seed_task *task, const char *after,
			     struct seed_request *request)
{
	if (given)
		return seed_ask_request(request, method, strdup(given));
	if (!task->id)
		return -EOPNOTSUPP;
	return seed_ask_request(request, method,
				seed_ask_url(config->api_base, "/predictions/", task->id, after));
}

static errint_t replicate_request(const struct seed_provider_config *config,
				  const struct seed_params *params, const char *prompt,
				  struct seed_task *task, struct seed_request *request)
{
	switch (task->stage) {
	case SEED_STAGE_SUBMIT:
		return submit_request(config, params, prompt, request);
	case SEED_STAGE_POLL:
	case SEED_STAGE_RESULT:
	case SEED_STAGE_REMINT:
		return task_request(config, "GET", task->poll_url, task, "", request);
	case SEED_STAGE_CANCEL:
		return task_request(config, "POST", task->cancel_url, task, "/cancel", request);
	case SEED_STAGE_LOOK: /* there is only the text of `logs` */
	case SEED_STAGE_CHECK:
	case SEED_STAGE_OTHER:
	default:
		return -EOPNOTSUPP;
	}
}

/* --- Answers --- */

static void succeeded(struct seed_task *task, const cJSON *json, struct seed_step *step)
{
	const char *text = seed_reply_first_image(seed_json_at(json, "output"));

	if (text)
		seed_reply_image(step, task, text);
	else if (cJSON_IsTrue(seed_json_at(json, "data_removed")))
		seed_reply_fail(step, EIO, 200, "the service has removed the image (after 1 hour)");
	else
		seed_reply_fail(step, EIO, 200, "no image URL in the answer");
}

static void ended(const cJSON *json, const char *status, struct seed_step *step)
{
	char message[SEED_MESSAGE_MAX_BYTES];

	seed_json_copy_text(message, sizeof(message), seed_json_text(json, "error"));
	seed_reply_fail(step, seed_reply_judge_words(message, EIO), 200, "prediction %s%s%s",
			status, *message ? ": " : "", message);
}

static void read_prediction(struct seed_task *task, const cJSON *json, struct seed_step *step)
{
	static const char *const ends[] = { "failed", "canceled", "aborted" };
	const char *status = seed_json_text(json, "status");

	for (size_t i = 0; status && i < SEED_ARRAY_LEN(ends); i++) {
		if (strcmp(status, ends[i]) == 0) {
			ended(json, ends[i], step);
			return;
		}
	}
	if (status && strcmp(status, "succeeded") == 0)
		succeeded(task, json, step);
	else
		seed_reply_wait(step);
}

static void submit_answer(struct seed_task *task, const cJSON *json, struct seed_step *step)
{
	const char *id = seed_json_id(json, "id");

	if (!id) {
		seed_reply_fail(step, EIO, 200, "no prediction id in the answer");
		return;
	}
	if (!seed_reply_keep(step, &task->id, id) ||
	    !seed_reply_keep(step, &task->poll_url, seed_json_url(json, "urls.get")) ||
	    !seed_reply_keep(step, &task->cancel_url, seed_json_url(json, "urls.cancel")))
		return;
	task->stage = SEED_STAGE_POLL;
	read_prediction(task, json, step);
}

static void replicate_answer(const struct seed_provider_config *config,
			     const struct seed_params *params, struct seed_task *task,
			     const struct seed_response *response, const cJSON *json,
			     struct seed_step *step)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	if (task->stage == SEED_STAGE_CANCEL) {
		seed_reply_done(step);
	} else if (task->stage == SEED_STAGE_SUBMIT) {
		if (!seed_reply_submit_trouble(step, response, json))
			submit_answer(task, json, step);
	} else if (!seed_reply_poll_trouble(step, response, json)) {
		read_prediction(task, json, step);
	}
}

static const char *const key_variables[] = { "REPLICATE_API_TOKEN", NULL };

const struct seed_provider seed_provider_replicate = {
	.name = "replicate",
	.default_base = "https://api.replicate.com/v1",
	.key_variables = key_variables,
	.auth = SEED_AUTH_BEARER,
	.default_model = default_model,
	.rate_count = 600,
	.rate_seconds = 60,
	.queries_per_second = 50,
	.request = replicate_request,
	.answer = replicate_answer,
};
