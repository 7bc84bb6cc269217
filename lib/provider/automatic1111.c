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

/* The server's own path for what its page shows: it knows jobs by their ids. */
static errint_t own_request(const struct seed_provider_config *config,
			    const struct seed_task *task, struct seed_request *request)
{
	cJSON *body = cJSON_CreateObject();

	if (body && (!cJSON_AddStringToObject(body, "id_task", task->id) ||
		     !cJSON_AddFalseToObject(body, "live_preview"))) {
		cJSON_Delete(body);
		body = NULL;
	}
	return seed_ask_request_json(request, "POST",
				     seed_ask_url(config->api_base, "/internal/progress", NULL, ""),
				     body);
}

/* The server's state, whosever job it is of. */
static errint_t state_request(const struct seed_provider_config *config,
			      struct seed_request *request)
{
	return seed_ask_request(request, "GET",
				seed_ask_url(config->api_base,
					     "/sdapi/v1/progress?skip_current_image=true", NULL, ""));
}

/*
 * task->turn of LOOK and CANCEL. `interrupted` is in the server's state, and
 * whose job that is stands only at the other path. A job is active once and
 * without a pause, so what the state says between two answers that ours is
 * active is said of ours. SD.Next has no such path and the job's id in the state.
 */
enum {
	TURN_OURS,       /* is our job active? */
	TURN_STATE,      /* … was it interrupted? */
	TURN_STILL_OURS, /* … and is it still active? */
	TURN_STATE_ID,   /* SD.Next: both in one */
	TURN_INTERRUPT,  /* CANCEL: ours is active */
};

static errint_t turn_request(const struct seed_provider_config *config,
			     const struct seed_task *task, struct seed_request *request)
{
	if (!task->id)
		return -EOPNOTSUPP;
	if (task->stage == SEED_STAGE_CHECK || task->turn == TURN_STATE ||
	    task->turn == TURN_STATE_ID)
		return state_request(config, request);
	if (task->turn == TURN_INTERRUPT)
		return seed_ask_request_json(request, "POST",
					     seed_ask_url(config->api_base, "/sdapi/v1/interrupt",
							  NULL, ""), cJSON_CreateObject());
	return own_request(config, task, request);
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
	case SEED_STAGE_CANCEL:
		return turn_request(config, task, request);
	case SEED_STAGE_POLL: /* what is not answered is lost */
	case SEED_STAGE_RESULT:
	case SEED_STAGE_REMINT:
	case SEED_STAGE_OTHER:
	default:
		return -EOPNOTSUPP;
	}
}

/* --- Answers --- */

/* `info` is JSON in a string. */
static cJSON *parse_info(const cJSON *json)
{
	const char *text = seed_json_text(json, "info");

	return text ? seed_json_parse(text, strlen(text)) : NULL;
}

/* An interrupted job answers 200 with a half-finished picture of the right
 * size. Some forks say so, most do not: hence LOOK and CHECK. */
static bool says_interrupted(const cJSON *json, const cJSON *info)
{
	return cJSON_IsTrue(seed_json_at(info, "interrupted")) ||
	       cJSON_IsTrue(seed_json_at(json, "info.interrupted")) ||
	       cJSON_IsTrue(seed_json_at(json, "state.interrupted")) ||
	       cJSON_IsTrue(seed_json_at(json, "interrupted"));
}

static void interrupted(const struct seed_response *response, struct seed_step *step)
{
	seed_reply_fail(step, EIO, response->status, "the server's job was interrupted");
}

static void take_image(struct seed_task *task, const struct seed_response *response,
		       const cJSON *json, struct seed_step *step)
{
	/* Grids and control maps may follow: the picture is the first. */
	const char *image = seed_json_text(json, "images[0]");

	if (!image)
		seed_reply_fail(step, EIO, response->status, "no image in the answer");
	else if (strncasecmp(image, "data:", 5) == 0)
		seed_reply_image(step, task, image);
	else
		seed_reply_base64(step, image);
}

static void submit_answer(struct seed_task *task, const struct seed_response *response,
			  const cJSON *json, struct seed_step *step)
{
	cJSON *info;

	if (seed_reply_submit_trouble(step, response, json))
		return;
	info = parse_info(json);
	if (says_interrupted(json, info))
		interrupted(response, step);
	else if (seed_reply_keep(step, &task->note, seed_json_id(info, "job_timestamp")))
		take_image(task, response, json, step);
	cJSON_Delete(info);
}

static bool was_stopped(const cJSON *state)
{
	return cJSON_IsTrue(seed_json_at(state, "state.interrupted")) ||
	       cJSON_IsTrue(seed_json_at(state, "state.skipped")) ||
	       cJSON_IsTrue(seed_json_at(state, "state.stopping_generation"));
}

static void read_progress(const cJSON *json, struct seed_step *step)
{
	(void)seed_json_ranged(json, "progress", 0, 1, &step->progress);
}

static bool has_no_path(const struct seed_response *response)
{
	return response->status >= 400 && response->status < 500;
}

/* stable-diffusion.cpp's server has no such path. */
static void cannot_look(struct seed_step *step)
{
	seed_reply_done(step);
	(void)seed_error_set(&step->error, EOPNOTSUPP, "The server does not tell how far a job is, nor "
			     "whether one was interrupted");
}

static void next_turn(struct seed_task *task, int turn, struct seed_step *step)
{
	task->turn = turn;
	seed_reply_next(step);
}

static bool is_active(const cJSON *json)
{
	return cJSON_IsTrue(seed_json_at(json, "active"));
}

static bool is_of_ours(const cJSON *state, const char *place, const char *ours)
{
	const char *is = seed_json_text(state, place);

	return is && ours && strcmp(is, ours) == 0;
}

/* A job of SD.Next's. */
static void look_by_id(const struct seed_task *task, const struct seed_response *response,
		       const cJSON *json, struct seed_step *step)
{
	if (has_no_path(response) || (json && !seed_json_at(json, "id")))
		cannot_look(step);
	else if (!is_of_ours(json, "id", task->id))
		return;
	else if (was_stopped(json))
		interrupted(response, step);
	else
		read_progress(json, step);
}

static void look_answer(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	seed_reply_wait(step);
	switch (task->turn) {
	case TURN_OURS:
		if (has_no_path(response)) {
			next_turn(task, TURN_STATE_ID, step);
		} else if (is_active(json)) {
			read_progress(json, step);
			next_turn(task, TURN_STATE, step);
		}
		break;
	case TURN_STATE:
		if (was_stopped(json))
			next_turn(task, TURN_STILL_OURS, step);
		break;
	case TURN_STILL_OURS:
		if (is_active(json))
			interrupted(response, step);
		break;
	default:
		look_by_id(task, response, json, step);
		break;
	}
}

/* Once ours has been answered, the state is of ours until the next job begins:
 * the answer and the state have the same time of the job's beginning. */
static void check_answer(const struct seed_task *task, const struct seed_response *response,
			 const cJSON *json, struct seed_step *step)
{
	seed_reply_wait(step);
	if (was_stopped(json) && (is_of_ours(json, "state.job_timestamp", task->note) ||
				  is_of_ours(json, "id", task->id)))
		interrupted(response, step);
}

/* An interrupt hits whatever runs, somebody else's picture, too: only while
 * ours is active. */
static void cancel_answer(struct seed_task *task, const struct seed_response *response,
			  const cJSON *json, struct seed_step *step)
{
	seed_reply_done(step);
	if (task->turn == TURN_OURS && has_no_path(response))
		next_turn(task, TURN_STATE_ID, step);
	else if ((task->turn == TURN_OURS && is_active(json)) ||
		 (task->turn == TURN_STATE_ID && is_of_ours(json, "id", task->id)))
		next_turn(task, TURN_INTERRUPT, step);
}

static void automatic1111_answer(const struct seed_provider_config *config,
				 const struct seed_params *params, struct seed_task *task,
				 const struct seed_response *response, const cJSON *json,
				 struct seed_step *step)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	if (task->stage == SEED_STAGE_CANCEL)
		cancel_answer(task, response, json, step);
	else if (task->stage == SEED_STAGE_LOOK)
		look_answer(task, response, json, step);
	else if (task->stage == SEED_STAGE_CHECK)
		check_answer(task, response, json, step);
	else
		submit_answer(task, response, json, step);
}

const struct seed_provider seed_provider_automatic1111 = {
	.name = "automatic1111",
	.default_base = "http://127.0.0.1:7860",
	.auth = SEED_AUTH_LOCAL,
	/* Shorter than decoding a picture takes: that long a job that was
	 * interrupted stays active. */
	.look_ms = 250,
	.request = automatic1111_request,
	.answer = automatic1111_answer,
};
