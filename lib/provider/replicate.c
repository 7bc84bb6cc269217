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
#include "lib/record/record.h"

/* --- Requests --- */

/* Unless enhance_prompt is false, Seedream 4 rewrites the prompt first. */
static bool add_sequential(cJSON *input)
{
	return cJSON_AddStringToObject(input, "sequential_image_generation", "disabled") &&
	       cJSON_AddNumberToObject(input, "max_images", 1) &&
	       cJSON_AddFalseToObject(input, "enhance_prompt");
}

static bool add_input(const struct seed_ask *ask)
{
	cJSON *input = cJSON_AddObjectToObject(ask->body, "input");
	struct seed_size size;

	seed_size_choose("replicate", ask->model, ask->params->width, ask->params->height, &size);
	return input && cJSON_AddStringToObject(input, "prompt", ask->prompt) &&
	       seed_size_add(input, &size) &&
	       (!(size.has & SEED_HAS_SEQUENTIAL) || add_sequential(input)) &&
	       seed_size_add_options(input, &size, ask, INT64_C(1) << 31);
}

/* "owner/name" is asked for by name, "owner/name:version" by version. */
static errint_t post(const struct seed_ask *ask)
{
	const char *version = strchr(ask->model, ':');
	char *path;
	errint_t result;

	if (version)
		return seed_ask_post(ask, "/predictions",
				     seed_ask_add_text(ask->body, "version", version + 1) &&
				     add_input(ask));
	result = seed_ask_model_path("/models", ask->model, "/predictions", &path);
	if (!result)
		result = seed_ask_post(ask, path, add_input(ask));
	free(path);
	return result;
}

/* Makes the service end a prediction that nobody waits for any more, for example after a
 * crash, so that it does not cost more. */
static errint_t add_deadline(const struct seed_ask *ask)
{
	int seconds = ask->config->timeout_seconds > 0 ? ask->config->timeout_seconds : 300;
	char line[48];

	/* The service refuses less than 5 s. */
	snprintf(line, sizeof(line), "Cancel-After: %ds", seconds < 5 ? 5 : seconds);
	return seed_record_set(&ask->request->header, line);
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	errint_t result = post(ask);

	return result ? result : add_deadline(ask);
}

/* The service's own URL, or the documented one. */
static errint_t ask_poll(const struct seed_ask *ask)
{
	return ask->task->poll_url ? seed_ask_at(ask, "GET", ask->task->poll_url) :
	       seed_ask_task(ask, "GET", "/predictions/", "");
}

static errint_t ask_cancel(const struct seed_ask *ask)
{
	return ask->task->cancel_url ? seed_ask_at(ask, "POST", ask->task->cancel_url) :
	       seed_ask_task(ask, "POST", "/predictions/", "/cancel");
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
		step->kind = SEED_STEP_WAIT;
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	struct seed_json_id id;
	bool has_task = seed_json_id(json, "id", &id);

	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (!has_task) {
		seed_reply_fail(step, EIO, 200, "no prediction id in the answer");
		return;
	}
	if (!seed_reply_keep(step, &task->id, id.text) ||
	    !seed_reply_keep(step, &task->poll_url, seed_json_url(json, "urls.get")) ||
	    !seed_reply_keep(step, &task->cancel_url, seed_json_url(json, "urls.cancel")))
		return;
	task->stage = SEED_STAGE_POLL;
	read_prediction(task, json, step);
}

static void read_poll(struct seed_task *task, const struct seed_response *response,
		      const cJSON *json, struct seed_step *step)
{
	if (seed_reply_poll_trouble(step, response, json) ||
	    seed_reply_is_of_other(step, response, json, "id", task))
		return;
	if (seed_json_text(json, "status"))
		read_prediction(task, json, step);
	else
		seed_reply_backoff(step, response); /* it says nothing about the task */
}

const struct seed_provider seed_provider_replicate = {
	.name = "replicate",
	.default_base = "https://api.replicate.com/v1",
	.key_variables = { "REPLICATE_API_TOKEN" },
	.auth = SEED_AUTH_BEARER,
	.default_model = "bytedance/seedream-4",
	.rate_count = 600,
	.rate_seconds = 60,
	.queries_per_second = 50,
	.proof_path = "/account",
	.builds_urls = true,
	/* No LOOK: only the text of `logs` tells the progress. */
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
	.on[SEED_STAGE_POLL] = { ask_poll, read_poll },
	.on[SEED_STAGE_REISSUE] = { ask_poll, read_poll },
	.on[SEED_STAGE_CANCEL] = { ask_cancel, NULL },
};
