/*
 * kie.ai: the jobs API, whose parameters are in `input`, and the one-call API
 * (kie-image), whose parameters are at the top level. The answer of the
 * latter holds the image, or the id of a task that is polled like a job.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Requests --- */

/* The parameters of a generation (man seed), in the words of both APIs. */
static bool add_params(cJSON *object, const struct seed_params *params,
		       const struct seed_size *size)
{
	char resolution[24];

	snprintf(resolution, sizeof(resolution), "%dx%d", params->width, params->height);
	return cJSON_AddStringToObject(object, "resolution", resolution) &&
	       cJSON_AddStringToObject(object, "aspect_ratio", size->ratio) &&
	       seed_ask_add_text(object, "quality", params->quality) &&
	       cJSON_AddNumberToObject(object, "steps", params->steps) &&
	       cJSON_AddNumberToObject(object, "cfg_scale", params->cfg_scale) &&
	       seed_ask_add_text(object, "guidance", params->guidance);
}

static bool add_all(cJSON *input, const struct seed_params *params, const struct seed_size *size)
{
	return !(size->has & SEED_HAS_ALL) ||
	       (cJSON_AddNumberToObject(input, "max_images", 1) &&
		add_params(input, params, size));
}

static bool add_input(const struct seed_ask *ask)
{
	cJSON *input = cJSON_AddObjectToObject(ask->body, "input");
	struct seed_size size;

	seed_size_choose("kie", ask->model, ask->params->width, ask->params->height, &size);
	return input && cJSON_AddStringToObject(input, "prompt", ask->prompt) &&
	       seed_size_add(input, &size) && add_all(input, ask->params, &size) &&
	       seed_size_add_options(input, &size, ask, 0);
}

static bool add_flat(const struct seed_ask *ask)
{
	cJSON *body = ask->body;
	struct seed_size size;

	seed_size_choose("kie-image", ask->model, ask->params->width, ask->params->height, &size);
	return cJSON_AddStringToObject(body, "prompt", ask->prompt) &&
	       add_params(body, ask->params, &size) && seed_size_add_options(body, &size, ask, 0);
}

/* Never a callBackUrl: we poll, and nothing listens for a callback. */
static errint_t ask_job(const struct seed_ask *ask)
{
	return seed_ask_post(ask, "/api/v1/jobs/createTask",
			     cJSON_AddStringToObject(ask->body, "model", ask->model) &&
			     add_input(ask));
}

static errint_t ask_image(const struct seed_ask *ask)
{
	return seed_ask_post(ask, "/api/v1/generate/image",
			     cJSON_AddStringToObject(ask->body, "model", ask->model) &&
			     add_flat(ask));
}

static errint_t ask_poll(const struct seed_ask *ask)
{
	return seed_ask_task(ask, "GET", "/api/v1/jobs/recordInfo?taskId=", "");
}

static errint_t ask_reissue(const struct seed_ask *ask)
{
	const char *url = ask->task->image_url;

	return url ? seed_ask_post(ask, "/api/v1/common/download-url",
				   cJSON_AddStringToObject(ask->body, "url", url)) :
	       -EOPNOTSUPP;
}

/* --- Answers --- */

/* The envelope's code decides; HTTP's status is nearly always 200. A number that does not
 * fit an int is still a code, and not success. */
static int envelope_code(const cJSON *json)
{
	return seed_json_int(json, "code", cJSON_IsNumber(seed_json_at(json, "code")) ? 0 : 200);
}

/* True if the answer had an image, or something in the place of one. */
static bool take_image(struct seed_task *task, const cJSON *json, struct seed_step *step)
{
	bool is_base64, invalid;
	char *text;

	if (seed_json_find_image(json, &text, &is_base64, &invalid) != 0)
		seed_reply_fail(step, ENOMEM, 0, "no memory for the answer");
	else if (text && is_base64)
		seed_reply_base64(step, text);
	else if (text)
		seed_reply_image(step, task, text);
	else
		return false;
	free(text);
	return true;
}

static bool find_task(const cJSON *json, struct seed_json_id *id)
{
	static const char *const places[] = {
		"data.taskId", "data.task_id", "data.recordId", "data.record_id",
		"data.response.taskId", "data.response.task_id", "taskId", "task_id",
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(places); i++)
		if (seed_json_id(json, places[i], id))
			return true;
	return false;
}

static bool has_failed(const cJSON *json);
static void task_failed(const cJSON *json, struct seed_step *step);

static void read_submit(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	struct seed_json_id id;
	bool has_task = find_task(json, &id);

	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (envelope_code(json) != 200) {
		seed_reply_refuse(step, response, json, "code", envelope_code(json));
		return;
	}
	/* Even beside an image the id is worth keeping, for the record. */
	if (has_task && !seed_reply_keep(step, &task->id, id.text))
		return;
	if (take_image(task, json, step))
		return;
	if (!has_task) {
		seed_reply_fail(step, EIO, 200, "neither an image nor a task in the answer");
		return;
	}
	task->stage = SEED_STAGE_POLL;
	/* "success" here means no more than that of the submission. */
	if (has_failed(json))
		task_failed(json, step);
	else
		step->kind = SEED_STEP_WAIT;
}

/* 400 and 422 are refusals: by the content policy if the text says so, else because of the
 * request. */
static int failure_errno(int code, const char *words)
{
	if (code == 402 || code == 433)
		return EDQUOT;
	return seed_reply_judge_words(words, code == 400 || code == 422 ? EINVAL : EIO);
}

/* "failCode" is a string in one version of the documentation; "errorCode" is a number, in
 * the older APIs. */
static int fail_code(const cJSON *json)
{
	return seed_json_int(json, "data.failCode", seed_json_int(json, "data.errorCode", 0));
}

static void task_failed(const cJSON *json, struct seed_step *step)
{
	char word[64], text[SEED_MESSAGE_MAX_BYTES], words[sizeof(word) + sizeof(text) + 2];
	const char *message = seed_json_text(json, "data.failMsg");
	int code = fail_code(json);

	seed_json_copy_text(word, sizeof(word), seed_json_text(json, "data.failCode"));
	seed_json_copy_text(text, sizeof(text), message ? message :
			    seed_json_text(json, "data.errorMessage"));
	snprintf(words, sizeof(words), "%s %s", word, text);
	if (code && !*word)
		snprintf(word, sizeof(word), "%d", code);
	seed_reply_fail(step, failure_errno(code, words), code > 99 && code < 600 ? code : 200,
		       "task failed%s%s%s%s%s", *word ? " (failCode " : "", word,
		       *word ? ")" : "", *text ? ": " : "", text);
}

static void read_figures(const cJSON *json, struct seed_step *step)
{
	double percent;

	if (seed_json_ranged(json, "data.progress", 0, 100, &percent))
		step->progress = percent / 100;
	(void)seed_json_ranged(json, "data.creditsConsumed", 0, SEED_COST_MAX, &step->cost);
}

static const char *state_of(const cJSON *json)
{
	static const char *const flags[] = { "", "success", "fail", "fail" };
	const char *state = seed_json_text(json, "data.state");
	int flag = seed_json_int(json, "data.successFlag", 0);

	/* The service's one-call APIs use numbers: 0 running, 1 done. */
	if (!state)
		state = seed_json_text(json, "data.status");
	if (!state && flag > 0 && flag < (int)SEED_ARRAY_LEN(flags))
		state = flags[flag];
	return state ? state : "";
}

static bool has_failed(const cJSON *json)
{
	const char *state = state_of(json);

	return strcasecmp(state, "fail") == 0 || strcasecmp(state, "failed") == 0;
}

/* A state that is unknown here is newer than this program: it is taken for "not done". An answer without
 * one says nothing about the task. */
static void read_state(struct seed_task *task, const struct seed_response *response, const cJSON *json,
		       struct seed_step *step)
{
	const char *state = state_of(json);

	read_figures(json, step);
	if (has_failed(json))
		task_failed(json, step);
	else if (*state && strcasecmp(state, "success") != 0)
		step->kind = SEED_STEP_WAIT;
	else if (take_image(task, json, step))
		return;
	else if (*state)
		seed_reply_fail(step, EIO, 200, "no image URL in the answer");
	else if (seed_json_at(json, "data.successFlag"))
		step->kind = SEED_STEP_WAIT;
	else
		seed_reply_backoff(step, response);
}

/*
 * A code other than 200 says nothing about the task (a new one gets
 * "recordInfo is null", 422, for a moment). The exceptions are key and
 * credits, a failed generation, and a refusal by policy.
 */
static void poll_code(const struct seed_response *response, const cJSON *json,
		      struct seed_step *step, int code)
{
	char words[2 * SEED_MESSAGE_MAX_BYTES];

	seed_json_error_words(json, words, sizeof(words));
	if (code == 401 || code == 402 || code == 403 || code == 433 || code == 501 ||
	    seed_reply_judge_words(words, 0))
		seed_reply_refuse(step, response, json, "code", code);
	else if (code == 404 || code == 422)
		step->kind = SEED_STEP_UNKNOWN;
	else
		seed_reply_backoff(step, response);
}

static void read_poll(struct seed_task *task, const struct seed_response *response,
		      const cJSON *json, struct seed_step *step)
{
	int code = envelope_code(json);

	if (seed_reply_poll_trouble(step, response, json) ||
	    seed_reply_is_of_other(step, response, json, "data.taskId", task))
		return;
	/* A failed task may have another code than 200, so `data` is read first. */
	if (code == 200 || has_failed(json))
		read_state(task, response, json, step);
	else
		poll_code(response, json, step, code);
}

/* Neither that there is another URL nor that there is none. */
static bool says_nothing(const struct seed_response *response, const cJSON *json)
{
	const long status = response->status;

	return !json || (!seed_json_at(json, "code") && !seed_json_at(json, "data")) || status >= 500 ||
	       status == 408 || status == 421 || status == 425 || envelope_code(json) >= 500;
}

static void read_reissue(struct seed_task *task, const struct seed_response *response,
			 const cJSON *json, struct seed_step *step)
{
	const char *url = seed_json_text(json, "data");

	if (says_nothing(response, json)) {
		if (!seed_reply_poll_trouble(step, response, json))
			seed_reply_backoff(step, response);
		return;
	}
	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (envelope_code(json) != 200)
		seed_reply_refuse(step, response, json, "code", envelope_code(json));
	else if (url)
		seed_reply_image(step, task, url);
	else if (!take_image(task, json, step))
		seed_reply_fail(step, EIO, 200, "no image URL in the answer");
}

/* What the two APIs share. No request for cancelling is documented. */
#define KIE \
	.default_base = "https://api.kie.ai", \
	.auth = SEED_AUTH_BEARER, \
	.default_model = SEED_DEFAULT_MODEL, \
	.rate_count = 20, \
	.rate_seconds = 10, \
	.queries_per_second = 10, \
	.proof_path = "/api/v1/chat/credit", \
	.proof_credits = "data", \
	.on[SEED_STAGE_POLL] = { ask_poll, read_poll }, \
	.on[SEED_STAGE_REISSUE] = { ask_reissue, read_reissue }

const struct seed_provider seed_provider_kie = {
	.name = "kie",
	.key_variables = { "KIE_API_KEY", "KIE_IMAGE_API_KEY" },
	KIE,
	.on[SEED_STAGE_SUBMIT] = { ask_job, read_submit },
};

const struct seed_provider seed_provider_kie_image = {
	.name = "kie-image",
	.key_variables = { "KIE_IMAGE_API_KEY", "KIE_API_KEY" },
	KIE,
	.on[SEED_STAGE_SUBMIT] = { ask_image, read_submit },
};
