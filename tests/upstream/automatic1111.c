/*
 * automatic1111: one synchronous request, and two about whatever runs.
 *
 *     POST /a1111/sdapi/v1/txt2img
 *     GET  /a1111/sdapi/v1/progress
 *     POST /a1111/sdapi/v1/interrupt
 *
 * As at the real server, an interrupted job answers 200 with a picture, and only
 * the progress tells that it was: fail {"interrupted": true}; with {"told": true}
 * its `info` says so as well. fail {code, msg}: HTTP 500.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"

#define BASE "/a1111/sdapi/v1/"

static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json = cJSON_CreateObject();

	if (code) {
		cJSON_AddStringToObject(json, "error", code);
		cJSON_AddStringToObject(json, "detail", "");
		cJSON_AddStringToObject(json, "body", "");
		cJSON_AddStringToObject(json, "errors", msg);
	} else {
		cJSON_AddStringToObject(json, "detail", msg);
	}
	reply_json(reply, status, json);
}

static const struct dialect automatic1111 = { NULL, refuse };

/* The server's own list of errors, FastAPI's. */
static void refuse_field(struct reply *reply, const char *field, const char *msg)
{
	const char *place[] = { "body", field };
	cJSON *json = cJSON_CreateObject(), *one = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "detail"), one);
	cJSON_AddItemToObject(one, "loc", cJSON_CreateStringArray(place, 2));
	cJSON_AddStringToObject(one, "msg", msg);
	cJSON_AddStringToObject(one, "type", "type_error.integer");
	reply_json(reply, 422, json);
}

static void identify(struct request *request)
{
	const char *id = dialect_text(request->json, "force_task_id");

	dialect_prompt(request, dialect_member(request->json, "prompt"));
	if (id)
		request->task = xstrdup(id);
}

/* What runs: the oldest task of ours that is not over; the others wait. */
static struct task *running(void)
{
	const struct task *task = NULL, *found = NULL;

	while ((task = task_next(task))) {
		const char *state = task_state(task);

		if (!strncmp(task->model, "a1111", 5) && strcmp(state, "success") != 0 &&
		    strcmp(state, "fail") != 0)
			found = task;
	}
	return found ? task_find(found->id) : NULL;
}

/* The state is the server's: of the job that runs, else of the one that began
 * last, which is the newest. */
static bool is_interrupted(const struct task *now)
{
	const struct task *task = NULL;

	while (!now && (task = task_next(task)))
		if (!strncmp(task->model, "a1111", 5))
			now = task;
	return now && (now->cancelled ||
		       dialect_member(dialect_member(now->fault, "fail"), "interrupted"));
}

static char *info(const struct task *task)
{
	cJSON *json = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(json, "prompt", task->prompt);
	cJSON_AddNumberToObject(json, "seed", 4711);
	if (dialect_member(dialect_member(task->fault, "fail"), "told"))
		cJSON_AddTrueToObject(json, "interrupted");
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

static void add_images(cJSON *json, const struct task *task)
{
	cJSON *images = cJSON_AddArrayToObject(json, "images");
	char *text;

	if (fault_is(task->fault, "no_url"))
		return;
	text = dialect_base64(task);
	cJSON_AddItemToArray(images, cJSON_CreateString(text));
	free(text);
}

static void answer_txt2img(struct request *request, struct reply *reply)
{
	const cJSON *json = request->json;
	struct task *task;
	cJSON *out;
	char *text;

	if (!dialect_is_integer(dialect_member(json, "steps"), 1, 150)) {
		refuse_field(reply, "steps", "value is not a valid integer");
		return;
	}
	task = task_new(request, "a1111", dialect_kind("png", dialect_number(json, "width", 512),
						       dialect_number(json, "height", 512)));
	if (!task_wait(task, request)) {
		reply->close = true;
		return;
	}
	dialect_finished(request, task);
	if (dialect_fail(task, "msg", NULL)) {
		refuse(reply, 500, dialect_fail(task, "code", "RuntimeError"),
		       dialect_fail(task, "msg", ""));
		return;
	}
	out = cJSON_CreateObject();
	add_images(out, task);
	cJSON_AddItemToObject(out, "parameters", cJSON_Duplicate(json, true));
	text = info(task);
	cJSON_AddStringToObject(out, "info", text);
	free(text);
	reply_json(reply, 200, out);
}

static void answer_progress(struct request *request, struct reply *reply)
{
	const struct task *task = running();
	cJSON *json = cJSON_CreateObject(), *state;

	(void)request;
	cJSON_AddNumberToObject(json, "progress",
				task ? (double)fault_number(task->fault, "progress", 50) / 100 : 0);
	cJSON_AddNumberToObject(json, "eta_relative", task ? 10 : 0);
	state = cJSON_AddObjectToObject(json, "state");
	cJSON_AddBoolToObject(state, "interrupted", is_interrupted(task));
	cJSON_AddFalseToObject(state, "skipped");
	cJSON_AddNumberToObject(state, "sampling_step", task ? 15 : 0);
	cJSON_AddNumberToObject(state, "sampling_steps", task ? 30 : 0);
	cJSON_AddNullToObject(json, "current_image");
	cJSON_AddNullToObject(json, "textinfo");
	if (task)
		cJSON_AddStringToObject(json, "current_task", task->id);
	else
		cJSON_AddNullToObject(json, "current_task");
	reply_json(reply, 200, json);
}

/* Whoever's it is. */
static void identify_running(struct request *request)
{
	const struct task *task = running();

	if (task)
		dialect_task(request, task->id);
}

static void answer_interrupt(struct request *request, struct reply *reply)
{
	struct task *task = running();

	(void)request;
	if (task)
		task_cancel(task);
	reply_json(reply, 200, cJSON_CreateObject());
}

const struct route automatic1111_routes[] = {
	{ "POST", BASE "txt2img", false, false, "create", identify, answer_txt2img, NULL,
	  &automatic1111 },
	{ "GET", BASE "progress", false, false, "progress", NULL, answer_progress, NULL,
	  &automatic1111 },
	{ "POST", BASE "interrupt", false, false, "cancel", identify_running, answer_interrupt, NULL,
	  &automatic1111 },
	{ 0 },
};
