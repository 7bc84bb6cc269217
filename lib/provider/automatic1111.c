/*
 * AUTOMATIC1111's API, which Forge, SD.Next and stable-diffusion.cpp speak,
 * too: one synchronous request. The id that we give the task cannot resume
 * it; it only tells our task from other people's before an interrupt.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- Requests --- */

static bool add_model(cJSON *body, const char *model)
{
	cJSON *settings;

	/* Without a name, the loaded checkpoint stays. */
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

static bool fill_body(const struct seed_ask *ask, const char *prompt, const char *negative)
{
	const struct seed_params *params = ask->params;
	cJSON *body = ask->body;

	return prompt && negative && cJSON_AddStringToObject(body, "prompt", prompt) &&
	       seed_ask_add_text(body, "negative_prompt", negative) && add_size(body, params) &&
	       cJSON_AddNumberToObject(body, "steps", params->steps) &&
	       cJSON_AddNumberToObject(body, "cfg_scale", params->cfg_scale) &&
	       seed_ask_add_int(body, "seed", params->has_seed ? params->seed : -1) &&
	       cJSON_AddNumberToObject(body, "batch_size", 1) &&
	       cJSON_AddNumberToObject(body, "n_iter", 1) &&
	       cJSON_AddTrueToObject(body, "send_images") &&
	       cJSON_AddFalseToObject(body, "save_images") &&
	       cJSON_AddStringToObject(body, "force_task_id", ask->task->id) &&
	       add_model(body, ask->model);
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	bool *changed = &ask->request->neutralised;
	char *prompt, *negative;
	errint_t result;

	if (!ask->task->id)
		ask->task->id = seed_ask_uuid();
	if (!ask->task->id)
		return -ENOMEM;
	/* "a|b" is prompt syntax here (a choice of words), so it stays. */
	prompt = seed_ask_neutralise(ask->prompt, false, changed);
	negative = seed_ask_neutralise(ask->params->negative_prompt, false, changed);
	result = seed_ask_post(ask, "/sdapi/v1/txt2img", fill_body(ask, prompt, negative));
	free(prompt);
	free(negative);
	return result;
}

/* The path behind the server's own page: it knows jobs by their ids. */
static errint_t ask_about_ours(const struct seed_ask *ask)
{
	return seed_ask_post(ask, "/internal/progress",
			     cJSON_AddStringToObject(ask->body, "id_task", ask->task->id) &&
			     cJSON_AddFalseToObject(ask->body, "live_preview"));
}

/* The state of the server, whoever's job it is about. */
static errint_t ask_state(const struct seed_ask *ask)
{
	return ask->task->id ? seed_ask_get(ask, "/sdapi/v1/progress?skip_current_image=true") :
	       -EOPNOTSUPP;
}

/*
 * task->turn of LOOK and CANCEL. `interrupted` is in the server's state; only
 * the other path tells whose job that is. A job is active once, without a
 * pause. So if ours is active in the answer before a state and in the answer
 * after it, that state is about our job. SD.Next does not have that path, but
 * its state has the job's id.
 */
enum {
	TURN_OURS,       /* is our job active? */
	TURN_STATE,      /* … was it interrupted? */
	TURN_STILL_OURS, /* … and is it still active? */
	TURN_STATE_ID,   /* SD.Next: both in one */
	TURN_INTERRUPT,  /* CANCEL: ours is active */
};

static errint_t ask_turn(const struct seed_ask *ask)
{
	if (!ask->task->id)
		return -EOPNOTSUPP;
	switch (ask->task->turn) {
	case TURN_STATE:
	case TURN_STATE_ID:
		return ask_state(ask);
	case TURN_INTERRUPT:
		return seed_ask_post(ask, "/sdapi/v1/interrupt", true);
	default:
		return ask_about_ours(ask);
	}
}

/* --- Answers --- */

/* `info` is JSON in a string. */
static cJSON *parse_info(const cJSON *json)
{
	const char *text = seed_json_text(json, "info");

	return text ? seed_json_parse(text, strlen(text)) : NULL;
}

/* An interrupted job answers 200 with a half-finished picture of the right size. Some forks
 * say so, most do not; so there are LOOK and CHECK. */
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

static void take_image(const struct seed_response *response, const cJSON *json,
		       struct seed_step *step)
{
	/* The picture comes first; grids and control maps may follow it. */
	const char *image = seed_json_text(json, "images[0]");

	if (!image)
		seed_reply_fail(step, EIO, response->status, "no image in the answer");
	else
		seed_reply_base64(step, image);
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			  const cJSON *json, struct seed_step *step)
{
	struct seed_json_id made;
	bool says_when;
	cJSON *info;

	if (seed_reply_submit_trouble(step, response, json))
		return;
	info = parse_info(json);
	says_when = seed_json_id(info, "job_timestamp", &made);
	if (says_interrupted(json, info))
		interrupted(response, step);
	else if (seed_reply_keep(step, &task->note, says_when ? made.text : NULL))
		take_image(response, json, step);
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

/* The server of stable-diffusion.cpp does not have these paths. */
static void cannot_look(struct seed_step *step)
{
	step->kind = SEED_STEP_DONE;
	(void)seed_error_set(&step->error, EOPNOTSUPP, "The server reports neither a job's progress nor "
			     "whether it was interrupted");
}

static void next_turn(struct seed_task *task, int turn, struct seed_step *step)
{
	task->turn = turn;
	step->kind = SEED_STEP_NEXT;
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

/* SD.Next: the state has the job's id. */
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

static void read_look(struct seed_task *task, const struct seed_response *response,
		      const cJSON *json, struct seed_step *step)
{
	step->kind = SEED_STEP_WAIT;
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

/* After the answer to our job, the state is about it until the next job begins. The answer
 * and the state then have the same job_timestamp. */
static void read_check(struct seed_task *task, const struct seed_response *response,
		       const cJSON *json, struct seed_step *step)
{
	step->kind = SEED_STEP_WAIT;
	if (was_stopped(json) && (is_of_ours(json, "state.job_timestamp", task->note) ||
				  is_of_ours(json, "id", task->id)))
		interrupted(response, step);
}

/* An interrupt stops whatever runs, even somebody else's picture. So it is sent only while
 * our job is active. */
static void read_cancel(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	step->kind = SEED_STEP_DONE;
	if (task->turn == TURN_OURS && has_no_path(response))
		next_turn(task, TURN_STATE_ID, step);
	else if ((task->turn == TURN_OURS && is_active(json)) ||
		 (task->turn == TURN_STATE_ID && is_of_ours(json, "id", task->id)))
		next_turn(task, TURN_INTERRUPT, step);
}

const struct seed_provider seed_provider_automatic1111 = {
	.name = "automatic1111",
	.default_base = "http://127.0.0.1:7860",
	.auth = SEED_AUTH_LOCAL,
	/* Shorter than the decoding of a picture: an interrupted job stays active that
	 * long. */
	.look_ms = 250,
	.proof_path = "/sdapi/v1/samplers",
	/* No POLL: a submission without an answer is lost. */
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
	.on[SEED_STAGE_LOOK] = { ask_turn, read_look },
	.on[SEED_STAGE_CHECK] = { ask_state, read_check },
	.on[SEED_STAGE_CANCEL] = { ask_turn, read_cancel },
};
