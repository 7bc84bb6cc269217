/*
 * AUTOMATIC1111's API, as Forge, SD.Next and stable-diffusion.cpp speak it
 * too: one synchronous request. The id that we give the task does not resume
 * it; it only tells ours from other people's when it is to be interrupted.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Requests --- */

static bool add_model(cJSON *body, const char *model)
{
	cJSON *settings;

	/* Without a name the checkpoint that is loaded stays. */
	if (!model)
		return true;
	settings = cJSON_AddObjectToObject(body, "override_settings");
	return settings && cJSON_AddStringToObject(settings, "sd_model_checkpoint", model);
}

static bool add_size(cJSON *body, const struct seed_params *params)
{
	struct seed_size size;

	seed_size_choose("automatic1111", NULL, params->width, params->height, &size);
	return cJSON_AddNumberToObject(body, "width", size.width) &&
	       cJSON_AddNumberToObject(body, "height", size.height);
}

static cJSON *submit_body(const struct seed_params *params, const char *prompt,
			  const char *negative, const char *id)
{
	cJSON *body = cJSON_CreateObject();

	if (body && prompt && negative && cJSON_AddStringToObject(body, "prompt", prompt) &&
	    seed_ask_add_text(body, "negative_prompt", negative) && add_size(body, params) &&
	    cJSON_AddNumberToObject(body, "steps", params->steps) &&
	    cJSON_AddNumberToObject(body, "cfg_scale", params->cfg_scale) &&
	    seed_ask_add_int(body, "seed", params->has_seed ? params->seed : -1) &&
	    cJSON_AddNumberToObject(body, "batch_size", 1) &&
	    cJSON_AddNumberToObject(body, "n_iter", 1) &&
	    cJSON_AddTrueToObject(body, "send_images") &&
	    cJSON_AddFalseToObject(body, "save_images") &&
	    cJSON_AddStringToObject(body, "force_task_id", id) &&
	    add_model(body, seed_ask_model(params, NULL)))
		return body;
	cJSON_Delete(body);
	return NULL;
}

static errint_t submit_request(const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_task *task, struct seed_request *request)
{
	char *words, *negative;
	errint_t result;

	if (!task->id)
		task->id = seed_ask_uuid();
	if (!task->id)
		return -ENOMEM;
	/* "a|b" is prompt syntax here, a choice of words: it stays. */
	words = seed_ask_neutralise(prompt, false, &request->neutralised);
	negative = seed_ask_neutralise(params->negative_prompt, false, &request->neutralised);
	result = seed_ask_request_json(request, "POST",
				       seed_ask_url(config->api_base, "/sdapi/v1/txt2img", NULL, ""),
				       submit_body(params, words, negative, task->id));
	free(words);
	free(negative);
	return result;
}

static errint_t progress_request(const struct seed_provider_config *config,
				 const struct seed_task *task, struct seed_request *request)
{
	if (!task->id)
		return -EOPNOTSUPP;
	return seed_ask_request(request, "GET",
				seed_ask_url(config->api_base,
					     "/sdapi/v1/progress?skip_current_image=true", NULL, ""));
}

/* An interrupt hits whatever runs, somebody else's picture, too: so ask first
 * whose it is. cancel_url is the second request, once the first said so. */
static errint_t cancel_request(const struct seed_provider_config *config,
			       const struct seed_task *task, struct seed_request *request)
{
	if (task->cancel_url)
		return seed_ask_request_json(request, "POST", strdup(task->cancel_url),
					     cJSON_CreateObject());
	return progress_request(config, task, request);
}

static errint_t automatic1111_request(const struct seed_provider_config *config,
				      const struct seed_params *params, const char *prompt,
				      struct seed_task *task, struct seed_request *request)
{
	switch (task->stage) {
	case SEED_STAGE_SUBMIT:
		return submit_request(config, params, prompt, task, request);
	case SEED_STAGE_LOOK:
	case SEED_STAGE_CHECK:
		return progress_request(config, task, request);
	case SEED_STAGE_CANCEL:
		return cancel_request(config, task, request);
	case SEED_STAGE_POLL: /* what is not answered is lost */
	case SEED_STAGE_RESULT:
	case SEED_STAGE_REMINT:
	default:
		return -EOPNOTSUPP;
	}
}

/* --- Answers --- */

/* An interrupted job answers 200 with a half-finished picture of the right
 * size. Some forks say so in `info`, which is JSON in a string, or beside it;
 * for the others see progress_answer(). */
static bool was_interrupted(const cJSON *json)
{
	const char *text = seed_json_text(json, "info");
	cJSON *info = text ? seed_json_parse(text, strlen(text)) : NULL;
	bool interrupted = cJSON_IsTrue(seed_json_at(info, "interrupted")) ||
			   cJSON_IsTrue(seed_json_at(json, "info.interrupted")) ||
			   cJSON_IsTrue(seed_json_at(json, "state.interrupted")) ||
			   cJSON_IsTrue(seed_json_at(json, "interrupted"));

	cJSON_Delete(info);
	return interrupted;
}

static void submit_answer(struct seed_task *task, const struct seed_response *response,
			  const cJSON *json, struct seed_step *step)
{
	/* Grids and control maps may follow: the picture is the first. */
	const char *image = seed_json_text(json, "images[0]");

	if (seed_reply_submit_trouble(step, response, json))
		return;
	if (was_interrupted(json))
		seed_reply_fail(step, EIO, response->status, "the server's job was interrupted");
	else if (!image)
		seed_reply_fail(step, EIO, response->status, "no image in the answer");
	else if (strncasecmp(image, "data:", 5) == 0)
		seed_reply_image(step, task, image);
	else
		seed_reply_base64(step, image);
}

static bool is_ours(const struct seed_task *task, const cJSON *json)
{
	const char *current = seed_json_text(json, "current_task");

	return current && task->id && strcmp(current, task->id) == 0;
}

static bool was_stopped(const cJSON *json)
{
	return cJSON_IsTrue(seed_json_at(json, "state.interrupted")) ||
	       cJSON_IsTrue(seed_json_at(json, "state.skipped"));
}

/*
 * The state is the server's, not a task's. `interrupted` stands until the next
 * job begins, and a job clears it before it takes the name of current_task: so
 * it is our task's if that is the current one, and, once ours has been
 * answered, if there is none. (webui: modules/shared_state.py, modules/api/api.py)
 */
static void progress_answer(const struct seed_task *task, const struct seed_response *response,
			    const cJSON *json, struct seed_step *step)
{
	bool nobody = !seed_json_text(json, "current_task");
	double part;

	seed_reply_wait(step);
	if (response->status >= 400 && response->status < 500 && response->status != 429)
		seed_reply_done(step); /* stable-diffusion.cpp's server has no such path */
	else if (response->status != 200 || !json)
		return;
	else if (was_stopped(json) &&
		 (is_ours(task, json) || (nobody && task->stage == SEED_STAGE_CHECK)))
		seed_reply_fail(step, EIO, response->status, "the server's job was interrupted");
	else if (is_ours(task, json) && seed_json_ranged(json, "progress", 0, 1, &part))
		step->progress = part;
}

static void cancel_answer(const struct seed_provider_config *config, struct seed_task *task,
			  const cJSON *json, struct seed_step *step)
{
	seed_reply_done(step);
	if (task->cancel_url || !is_ours(task, json))
		return;
	task->cancel_url = seed_ask_url(config->api_base, "/sdapi/v1/interrupt", NULL, "");
	if (task->cancel_url)
		seed_reply_next(step);
}

static void automatic1111_answer(const struct seed_provider_config *config,
				 const struct seed_params *params, struct seed_task *task,
				 const struct seed_response *response, const cJSON *json,
				 struct seed_step *step)
{
	SEED_UNUSED(params);
	if (task->stage == SEED_STAGE_CANCEL)
		cancel_answer(config, task, json, step);
	else if (task->stage == SEED_STAGE_LOOK || task->stage == SEED_STAGE_CHECK)
		progress_answer(task, response, json, step);
	else
		submit_answer(task, response, json, step);
}

const struct seed_provider seed_provider_automatic1111 = {
	.name = "automatic1111",
	.default_base = "http://127.0.0.1:7860",
	.auth = SEED_AUTH_NONE,
	.request = automatic1111_request,
	.answer = automatic1111_answer,
};
