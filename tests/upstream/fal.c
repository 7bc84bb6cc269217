/*
 * fal: the queue.
 *
 *     POST /fal/MODEL                        → request_id and three URLs
 *     GET  /fal/OWNER/APP/requests/ID/status 202 until it is COMPLETED
 *     GET  /fal/OWNER/APP/requests/ID        the model's answer, with its status
 *     PUT  /fal/OWNER/APP/requests/ID/cancel
 *
 * As at the real service, the returned URLs name only the first two parts of
 * the model's path. fail {status, code, msg}: the result has this status and a
 * list of errors; without a status, COMPLETED itself says that it failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/schema.h"
#include "tests/upstream/picture.h"

#define BASE "/fal/"

static void add_header(struct reply *reply, const char *name, const char *value)
{
	free(reply->header_value);
	reply->header = name;
	reply->header_value = xstrdup(value);
}

/* What a model says: `detail` is a list. */
static void refuse_by_model(struct reply *reply, unsigned int status, const char *type,
			    const char *msg)
{
	const char *place[] = { "body", "prompt" };
	cJSON *json = cJSON_CreateObject(), *one = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "detail"), one);
	cJSON_AddItemToObject(one, "loc", cJSON_CreateStringArray(place, 2));
	cJSON_AddStringToObject(one, "msg", msg);
	cJSON_AddStringToObject(one, "type", type);
	cJSON_AddItemToObject(one, "url", cJSON_CreateString("https://docs.fal.ai/errors"));
	reply_json(reply, status, json);
	add_header(reply, "X-Fal-Retryable", status >= 500 ? "true" : "false");
}

/* What the machinery around it says: `detail` is a text. */
static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json;

	if (code && status < 503) {
		refuse_by_model(reply, status, code, msg);
		return;
	}
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "detail", msg);
	if (code)
		cJSON_AddStringToObject(json, "error_type", code);
	reply_json(reply, status, json);
	if (code)
		add_header(reply, "X-Fal-Error-Type", code);
}

static const struct dialect fal = { "Key", refuse };

/* --- Submission --- */

static void identify_create(struct request *request)
{
	dialect_prompt(request, dialect_member(request->json, "prompt"));
}

/* In total, v4: 960x960 to 4096x4096 pixels; v4.5 and v5 lite: from 2560x1440. */
static bool is_size(const char *path, const cJSON *size)
{
	double pixels = dialect_number(size, "width", 0) * dialect_number(size, "height", 0);

	if (!cJSON_IsObject(size))
		return !strstr(path, "seedream");
	if (strstr(path, "/v4.5/") || strstr(path, "/v5/lite/"))
		return pixels >= 2560 * 1440 && pixels <= 4096 * 4096;
	return pixels >= 960 * 960 && pixels <= 4096 * 4096;
}

static const char *wrong_in(const struct request *request)
{
	const cJSON *json = request->json;
	const cJSON *seed = dialect_member(json, "seed");

	if (!*request->prompt)
		return "Field required";
	if (!is_size(request->path, dialect_member(json, "image_size")))
		return "Input should be a valid image_size";
	if (seed && !dialect_is_integer(seed, 0, 2147483647))
		return "seed should be a valid integer";
	return NULL;
}

/* "OWNER/APP" of the model's path; malloc'd. */
static char *app_of(const char *model)
{
	size_t owner = strcspn(model, "/");
	size_t app = model[owner] ? strcspn(model + owner + 1, "/") + 1 : 0;

	return xprintf("%.*s", (int)(owner + app), model);
}

static void add_url(cJSON *json, const char *name, const struct task *task, const char *end)
{
	char *app = app_of(task->model);
	char *url = xprintf("%s" BASE "%s/requests/%s%s", task->base, app, task->id, end);

	cJSON_AddStringToObject(json, name, url);
	free(url);
	free(app);
}

static void answer_create(struct request *request, struct reply *reply)
{
	char *field = schema_wrong("fal", request->path + strlen(BASE), request->json);
	const char *wrong = field ? field : wrong_in(request);
	cJSON *json;
	struct task *task;

	if (wrong) {
		refuse_by_model(reply, 422, "value_error", wrong);
		free(field);
		return;
	}
	task = task_new(request, request->path + strlen(BASE),
			schema_kind(request->json));
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "status", "IN_QUEUE");
	cJSON_AddStringToObject(json, "request_id", task->id);
	add_url(json, "response_url", task, "");
	add_url(json, "status_url", task, "/status");
	add_url(json, "cancel_url", task, "/cancel");
	cJSON_AddNumberToObject(json, "queue_position", 0);
	reply_json(reply, 200, json);
}

/* --- The task --- */

static void identify_task(struct request *request)
{
	char *id = dialect_path_part(request->path, "/requests/");

	dialect_task(request, id);
	free(id);
}

/* A client that builds these URLs itself out of the model's path is told so. */
static struct task *find_task(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);
	char *app = task ? app_of(task->model) : NULL;
	char *start = app ? xprintf(BASE "%s/requests/", app) : NULL;

	if (!start || strncmp(request->path, start, strlen(start)) != 0) {
		refuse(reply, 404, NULL, "Request not found");
		task = NULL;
	}
	free(start);
	free(app);
	return task;
}

static bool fails_at_once(const struct task *task)
{
	return fault_is(task->fault, "fail") &&
	       !dialect_member(dialect_member(task->fault, "fail"), "status");
}

static void answer_status(struct request *request, struct reply *reply)
{
	struct task *task = find_task(request, reply);
	const char *state, *other = fault_text(request->fault, "state");
	cJSON *json;

	if (!task)
		return;
	state = task_state(task);
	json = cJSON_CreateObject();
	if (other) {
		cJSON_AddStringToObject(json, "status", other);
		if (fault_is(request->fault, "position"))
			cJSON_AddNumberToObject(json, "queue_position",
						(double)fault_number(request->fault, "position", 0));
	} else if (!strcmp(state, "generating")) {
		cJSON_AddStringToObject(json, "status", "IN_PROGRESS");
		cJSON_AddNullToObject(json, "logs");
	} else if (!strcmp(state, "success") || !strcmp(state, "fail")) {
		cJSON_AddStringToObject(json, "status", "COMPLETED");
		cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "metrics"), "inference_time", 1);
		if (fails_at_once(task)) {
			cJSON_AddStringToObject(json, "error", dialect_fail(task, "msg", "it failed"));
			cJSON_AddStringToObject(json, "error_type",
						dialect_fail(task, "code", "internal_error"));
			dialect_finished(request, task);
		}
	} else {
		cJSON_AddStringToObject(json, "status", "IN_QUEUE");
		cJSON_AddNumberToObject(json, "queue_position", 0);
	}
	cJSON_AddStringToObject(json, "request_id", task->id);
	reply_json(reply, !strcmp(state, "success") || !strcmp(state, "fail") ? 200 : 202, json);
}

static void answer_result(struct request *request, struct reply *reply)
{
	struct task *task = find_task(request, reply);
	const char *state;
	cJSON *json, *image;
	char *url;

	if (!task)
		return;
	state = task_state(task);
	if (strcmp(state, "success") != 0 && strcmp(state, "fail") != 0) {
		refuse(reply, 400, NULL, "Request is still in progress");
		return;
	}
	dialect_finished(request, task);
	if (fault_is(task->fault, "fail")) {
		refuse_by_model(reply,
				(unsigned int)dialect_number(dialect_member(task->fault, "fail"),
							     "status", 500),
				dialect_fail(task, "code", "internal_server_error"),
				dialect_fail(task, "msg", "it failed"));
		return;
	}
	json = cJSON_CreateObject();
	image = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "images"), image);
	url = task_url(task);
	if (url)
		cJSON_AddStringToObject(image, "url", url);
	free(url);
	cJSON_AddStringToObject(image, "content_type", "image/png");
	cJSON_AddNullToObject(image, "width");
	cJSON_AddNullToObject(image, "height");
	cJSON_AddNumberToObject(json, "seed", 4711);
	reply_json(reply, 200, json);
}

static void answer_cancel(struct request *request, struct reply *reply)
{
	struct task *task = find_task(request, reply);
	const char *state;
	cJSON *json;
	bool over;

	if (!task)
		return;
	state = task_state(task);
	over = !strcmp(state, "success") || !strcmp(state, "fail");
	if (!over)
		task_cancel(task);
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "status", over ? "ALREADY_COMPLETED" : "CANCELLATION_REQUESTED");
	reply_json(reply, over ? 400 : 202, json);
}

const struct route fal_routes[] = {
	{ "GET", BASE, true, true, "poll", identify_task, answer_status, "/status", &fal },
	{ "GET", BASE, true, true, "result", identify_task, answer_result, NULL, &fal },
	{ "PUT", BASE, true, true, "cancel", identify_task, answer_cancel, "/cancel", &fal },
	{ "POST", BASE, true, true, "create", identify_create, answer_create, NULL, &fal },
	{ 0 },
};
