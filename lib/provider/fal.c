/*
 * fal.ai's queue: submit, ask status_url until COMPLETED, then ask
 * response_url, which answers with the model's own HTTP status. The service's
 * own URLs are used: they hold only a part of the model's path, so they
 * cannot be built here.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Requests --- */

static bool fill_body(const struct seed_ask *ask)
{
	const char *quality = ask->params->quality;
	struct seed_size size;

	seed_size_choose("fal", ask->model, ask->params->width, ask->params->height, &size);
	return cJSON_AddStringToObject(ask->body, "prompt", ask->prompt) &&
	       seed_size_add(ask->body, &size) &&
	       seed_size_add_options(ask->body, &size, ask, INT64_C(1) << 31) &&
	       (!seed_size_has_quality(&size, quality) ||
		cJSON_AddStringToObject(ask->body, "quality", quality));
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	char *path;
	errint_t result = seed_ask_model_path("", ask->model, "", &path);

	if (!result)
		result = seed_ask_post(ask, path, fill_body(ask));
	free(path);
	return result;
}

static errint_t ask_poll(const struct seed_ask *ask)
{
	return seed_ask_at(ask, "GET", ask->task->poll_url);
}

static errint_t ask_result(const struct seed_ask *ask)
{
	ask->request->alone = true;
	return seed_ask_at(ask, "GET", ask->task->result_url);
}

static errint_t ask_cancel(const struct seed_ask *ask)
{
	return seed_ask_at(ask, "PUT", ask->task->cancel_url);
}

/* --- Answers --- */

/* Takes the picture of a model's answer. A true in has_nsfw_concepts means that the picture
 * was blackened. */
static bool take_image(struct seed_task *task, const cJSON *json, struct seed_step *step)
{
	const char *text = seed_reply_first_image(json);

	if (cJSON_IsTrue(seed_json_at(json, "has_nsfw_concepts[0]")))
		seed_reply_fail(step, EPERM, 200, "refused by the service's safety checker");
	else if (text)
		seed_reply_image(step, task, text);
	else
		return false;
	return true;
}

static void read_position(const cJSON *json, struct seed_step *step)
{
	int position = seed_json_int(json, "queue_position", -1);

	step->queue_position = position < 0 ? -1 : position;
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	struct seed_json_id id;
	bool has_task = seed_json_id(json, "request_id", &id);
	const char *status_url = seed_json_url(json, "status_url");
	const char *response_url = seed_json_url(json, "response_url");

	if (seed_reply_submit_trouble(step, response, json))
		return;
	/* With the synchronous https://fal.run as api_base, the answer to the submission is
	 * the result. */
	if (take_image(task, json, step))
		return;
	if (!has_task || !status_url || !response_url) {
		seed_reply_fail(step, EIO, 200, "no request_id or URLs in the answer");
		return;
	}
	if (!seed_reply_keep(step, &task->id, id.text) ||
	    !seed_reply_keep(step, &task->poll_url, status_url) ||
	    !seed_reply_keep(step, &task->result_url, response_url) ||
	    !seed_reply_keep(step, &task->cancel_url, seed_json_url(json, "cancel_url")))
		return;
	task->stage = SEED_STAGE_POLL;
	read_position(json, step);
	step->kind = SEED_STEP_WAIT;
}

static void completed_badly(const cJSON *json, struct seed_step *step)
{
	char words[2 * SEED_MESSAGE_MAX_BYTES], message[SEED_MESSAGE_MAX_BYTES], type[64];
	int code;

	seed_json_copy_text(type, sizeof(type), seed_json_text(json, "error_type"));
	seed_json_message(json, message, sizeof(message));
	seed_json_error_words(json, words, sizeof(words));
	code = seed_reply_judge_words(words, strstr(type, "timeout") ? ETIMEDOUT : EIO);
	seed_reply_fail(step, code, 200, "task failed%s%s%s%s%s", *type ? " (" : "", type,
			*type ? ")" : "", *message ? ": " : "", message);
}

static bool has_error(const cJSON *json)
{
	const cJSON *error = seed_json_at(json, "error");

	return (error && !cJSON_IsNull(error)) || seed_json_text(json, "error_type");
}

static void read_poll(struct seed_task *task, const struct seed_response *response,
		      const cJSON *json, struct seed_step *step)
{
	const char *status = seed_json_text(json, "status");

	if (seed_reply_poll_trouble(step, response, json) ||
	    seed_reply_is_of_other(step, response, json, "request_id", task))
		return;
	if (!status) {
		seed_reply_backoff(step, response); /* it says nothing about the task */
	} else if (strcmp(status, "COMPLETED") != 0) {
		read_position(json, step);
		step->kind = SEED_STEP_WAIT;
	} else if (has_error(json)) {
		completed_badly(json, step);
	} else {
		task->stage = SEED_STAGE_RESULT;
		step->kind = SEED_STEP_NEXT;
	}
}

/* "Request is still in progress" comes as HTTP 400, as does a model's refusal, so the text
 * decides. Gateways answer with the status instead. */
static bool is_unfinished(const struct seed_response *response, const cJSON *json)
{
	const char *detail = seed_json_text(json, "detail");
	const char *status = seed_json_text(json, "status");

	if (status && (strcmp(status, "IN_QUEUE") == 0 || strcmp(status, "IN_PROGRESS") == 0))
		return true;
	return response->status == 400 && detail &&
	       (strcasestr(detail, "in progress") || strcasestr(detail, "in queue") ||
		strcasestr(detail, "not finished") || strcasestr(detail, "not completed"));
}

/* Whether this is the outcome of the task: a model's own errors are a list, the
 * infrastructure's have an error_type. Any other answer with such a status is a failure on
 * the way, and the paid result is worth asking for again. */
static bool is_outcome(const struct seed_response *response, const cJSON *json)
{
	static const long passing[] = { 404, 408, 409, 410, 421, 423, 425, 429 };
	bool passes = response->status >= 500 || (response->status >= 300 && response->status < 400);

	for (size_t i = 0; i < SEED_ARRAY_LEN(passing); i++)
		passes |= response->status == passing[i];
	return !passes || cJSON_IsArray(seed_json_at(json, "detail")) ||
	       seed_json_text(json, "error_type");
}

static void read_result(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	if (!json || !is_outcome(response, json)) {
		seed_reply_poll_trouble(step, response, json);
	} else if (is_unfinished(response, json)) {
		task->stage = SEED_STAGE_POLL;
		step->kind = SEED_STEP_WAIT;
	} else if (response->status < 200 || response->status > 299) {
		seed_reply_refuse(step, response, json, "HTTP", response->status);
	} else if (take_image(task, json, step)) {
		return;
	} else if (response->status != 200) { /* a gateway's: it is on its way */
		seed_reply_backoff(step, response);
	} else {
		seed_reply_fail(step, EIO, response->status, "no image URL in the answer");
	}
}

const struct seed_provider seed_provider_fal = {
	.name = "fal",
	.default_base = "https://queue.fal.run",
	.key_variables = { "FAL_KEY" },
	.auth = SEED_AUTH_KEY,
	.default_model = "fal-ai/bytedance/seedream/v4/text-to-image",
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
	.on[SEED_STAGE_POLL] = { ask_poll, read_poll },
	.on[SEED_STAGE_RESULT] = { ask_result, read_result },
	.on[SEED_STAGE_REISSUE] = { ask_result, read_result },
	.on[SEED_STAGE_CANCEL] = { ask_cancel, NULL },
};
