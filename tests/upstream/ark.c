/*
 * ark: one synchronous request.
 *
 *     POST /ark/images/generations
 *
 * fail {code, msg}: HTTP 200 whose one picture is an error; with `whole`, the
 * body itself is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/schema.h"

static cJSON *error_of(const char *code, const char *msg)
{
	cJSON *json = cJSON_CreateObject();
	char *message = xprintf("%s Request id: 021764", msg);

	cJSON_AddStringToObject(json, "code", code);
	cJSON_AddStringToObject(json, "message", message);
	cJSON_AddStringToObject(json, "param", "");
	cJSON_AddStringToObject(json, "type", "");
	free(message);
	return json;
}

static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json = cJSON_CreateObject();

	if (!code)
		code = status == 401 ? "AuthenticationError" : "InternalServiceError";
	cJSON_AddItemToObject(json, "error", error_of(code, msg));
	reply_json(reply, status, json);
}

static const struct dialect ark = { "Bearer", refuse };

static void identify(struct request *request)
{
	dialect_prompt(request, dialect_member(request->json, "prompt"));
}

/* Why the size is none for the model, or NULL. */
static const char *wrong_size(const char *model, int width, int height)
{
	long pixels = (long)width * height;

	if (strstr(model, "seedream-3"))
		return NULL;
	if (pixels < 921600)
		return "image size must be at least 921600 pixels";
	if ((strstr(model, "seedream-4-5") || strstr(model, "seedream-5-0-lite") ||
	     strstr(model, "seedream-5-0-26")) && pixels < 3686400)
		return "image size must be at least 3686400 pixels";
	if ((strstr(model, "seedream-5-0-pro") || strstr(model, "flash")) && pixels > 4624220)
		return "image area must be at most 4624220";
	return NULL;
}

static const char *wrong_in(const struct request *request, const char *model, int width,
			    int height)
{
	const cJSON *json = request->json;
	bool old = strstr(model, "seedream-3") != NULL;

	if (!*request->prompt)
		return "prompt is required";
	if (!width)
		return "size is neither a tier nor WxH";
	if (!old && (dialect_member(json, "seed") || dialect_member(json, "guidance_scale")))
		return "seed and guidance_scale are not supported by the model";
	if (!strstr(model, "seedream-5") && dialect_member(json, "output_format"))
		return "output_format is not supported by the model";
	if (dialect_member(json, "steps") || dialect_member(json, "negative_prompt"))
		return "unknown field";
	return wrong_size(model, width, height);
}

static void add_picture(cJSON *data, const struct task *task, const char *size)
{
	cJSON *one = cJSON_CreateObject();
	char *url = task_url(task);

	cJSON_AddItemToArray(data, one);
	if (url)
		cJSON_AddStringToObject(one, "url", url);
	cJSON_AddStringToObject(one, "size", size);
	free(url);
}

static void add_failure(cJSON *json, cJSON *data, const struct task *task)
{
	cJSON *error = error_of(dialect_fail(task, "code", "InternalServiceError"),
				dialect_fail(task, "msg", "it failed"));
	cJSON *one;

	if (dialect_member(dialect_member(task->fault, "fail"), "whole")) {
		cJSON_AddItemToObject(json, "error", error);
		return;
	}
	one = cJSON_CreateObject();
	cJSON_AddItemToObject(one, "error", error);
	cJSON_AddItemToArray(data, one);
}

static void answer(struct request *request, struct reply *reply)
{
	const char *model = dialect_text(request->json, "model");
	const char *size = dialect_text(request->json, "size"), *wrong;
	cJSON *json, *data;
	struct task *task;
	char *field;
	int width = 0, height = 0;

	if (!size || sscanf(size, "%dx%d", &width, &height) != 2)
		width = height = 0;
	if (!model || (!strstr(model, "seedream") && strncmp(model, "ep-", 3) != 0)) {
		refuse(reply, 404, "InvalidEndpointOrModel.NotFound", "The model does not exist");
		return;
	}
	field = schema_wrong("ark", model, request->json);
	wrong = field ? field : wrong_in(request, model, width, height);
	if (wrong) {
		refuse(reply, 400, "InvalidParameter", wrong);
		free(field);
		return;
	}
	/* 4.0 has JPEG and nothing else. */
	task = task_new(request, model,
			dialect_kind(strstr(model, "seedream-5") ? "png" : "jpeg", width, height));
	if (!task_wait(task, request)) {
		reply->close = true;
		return;
	}
	dialect_finished(request, task);
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "model", model);
	cJSON_AddNumberToObject(json, "created", (double)(wall_ms() / 1000));
	data = cJSON_AddArrayToObject(json, "data");
	if (fault_is(task->fault, "fail"))
		add_failure(json, data, task);
	else
		add_picture(data, task, size);
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "usage"), "generated_images", 1);
	reply_json(reply, 200, json);
}

const struct route ark_routes[] = {
	{ "POST", "/ark/images/generations", false, true, "create", identify, answer, NULL, &ark },
	{ 0 },
};
