/*
 * replicate: predictions.
 *
 *     POST /replicate/models/OWNER/NAME/predictions   201 and a prediction
 *     POST /replicate/predictions                     … of a `version`
 *     GET  /replicate/predictions/ID
 *     POST /replicate/predictions/ID/cancel
 *
 * fail {code, msg}: it ends with the status `code` (failed, canceled, aborted).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/schema.h"

#define BASE "/replicate/"

static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json = cJSON_CreateObject();

	/* A throttled request is told in one sentence and nothing else. */
	cJSON_AddStringToObject(json, "detail", msg);
	if (status != 429) {
		cJSON_AddStringToObject(json, "title", code ? code : "No");
		cJSON_AddNumberToObject(json, "status", status);
	}
	reply_json(reply, status, json);
}

static const struct dialect replicate = { "Bearer", refuse };

/* --- Submission --- */

static void identify_create(struct request *request)
{
	dialect_prompt(request, dialect_member(dialect_member(request->json, "input"), "prompt"));
}

static const char *wrong_in(const struct request *request)
{
	const cJSON *input = dialect_member(request->json, "input");
	const char *size = dialect_text(input, "size");
	const cJSON *seed = dialect_member(input, "seed");

	if (!*request->prompt)
		return "- input: prompt is required\n";
	if (size && !strcmp(size, "custom") &&
	    (!dialect_is_integer(dialect_member(input, "width"), 1024, 4096) ||
	     !dialect_is_integer(dialect_member(input, "height"), 1024, 4096)))
		return "- input.width: Must be 1024 to 4096\n";
	if (size && !strcmp(size, "custom") && dialect_member(input, "aspect_ratio"))
		return "- input.aspect_ratio: Not together with size custom\n";
	if (seed && !dialect_is_integer(seed, 0, 2147483647))
		return "- input.seed: Invalid type. Expected: integer\n";
	return NULL;
}

static void refuse_input(struct reply *reply, const char *detail)
{
	cJSON *json = cJSON_CreateObject(), *field = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "detail", detail);
	cJSON_AddNumberToObject(json, "status", 422);
	cJSON_AddStringToObject(json, "title", "Input validation failed");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "invalid_fields"), field);
	cJSON_AddStringToObject(field, "type", "invalid");
	cJSON_AddStringToObject(field, "field", "input");
	cJSON_AddStringToObject(field, "description", detail);
	reply_json(reply, 422, json);
}

static const char *status_of(const struct task *task)
{
	const char *state = task_state(task);

	if (task->cancelled)
		return "canceled";
	if (!strcmp(state, "success"))
		return "succeeded";
	if (!strcmp(state, "fail"))
		return dialect_fail(task, "code", "failed");
	return !strcmp(state, "generating") ? "processing" : "starting";
}

static void add_url(cJSON *urls, const char *name, const struct task *task, const char *end)
{
	char *url = xprintf("%s" BASE "predictions/%s%s", task->base, task->id, end);

	cJSON_AddStringToObject(urls, name, url);
	free(url);
}

static void add_output(cJSON *json, const struct task *task, bool succeeded)
{
	char *url = succeeded ? task_url(task) : NULL;

	if (url)
		cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "output"), cJSON_CreateString(url));
	else
		cJSON_AddNullToObject(json, "output");
	cJSON_AddBoolToObject(json, "data_removed", succeeded && !url);
	free(url);
}

static cJSON *prediction(const struct task *task, const char *status)
{
	cJSON *json = cJSON_CreateObject(), *urls, *request = cJSON_Parse(task->param);
	bool failed = !strcmp(status, "failed") || !strcmp(status, "aborted");

	cJSON_AddStringToObject(json, "id", task->id);
	cJSON_AddStringToObject(json, "model", task->model);
	cJSON_AddStringToObject(json, "version", "hidden");
	cJSON_AddItemToObject(json, "input", cJSON_DetachItemFromObject(request, "input"));
	cJSON_Delete(request);
	cJSON_AddStringToObject(json, "logs", "");
	add_output(json, task, !strcmp(status, "succeeded"));
	if (failed)
		cJSON_AddStringToObject(json, "error", dialect_fail(task, "msg", "it failed"));
	else
		cJSON_AddNullToObject(json, "error");
	cJSON_AddStringToObject(json, "status", status);
	cJSON_AddStringToObject(json, "created_at", "2026-11-22T19:43:02.123Z");
	urls = cJSON_AddObjectToObject(json, "urls");
	add_url(urls, "get", task, "");
	add_url(urls, "cancel", task, "/cancel");
	return json;
}

/* "OWNER/NAME" of a path, or the version of the body; malloc'd. */
static char *model_of(const struct request *request)
{
	const char *at = strstr(request->path, "/models/");
	const char *end = at ? strstr(at, "/predictions") : NULL;
	const char *version = dialect_text(request->json, "version");

	if (!at || !end)
		return xstrdup(version);
	at += strlen("/models/");
	return xprintf("%.*s", (int)(end - at), at);
}

static void answer_create(struct request *request, struct reply *reply)
{
	const cJSON *input = dialect_member(request->json, "input");
	char *model = model_of(request), *kind = schema_kind(input);
	char *field = schema_wrong("replicate", model, input);
	const char *wrong = field ? field : wrong_in(request);

	if (!wrong && !*model)
		wrong = "- version is required\n";
	/* Seedream gives JPEG where nothing else can be asked for. */
	if (!kind || (!dialect_member(input, "output_format") && !strncmp(kind, "png-", 4))) {
		char *jpeg = kind ? xprintf("jpeg-%s", kind + 4) : xstrdup("jpeg");

		free(kind);
		kind = jpeg;
	}
	if (wrong) {
		refuse_input(reply, wrong);
		free(kind);
	} else {
		const struct task *task = task_new(request, model, kind);

		reply_json(reply, 201, prediction(task, "starting"));
	}
	free(field);
	free(model);
}

/* --- The prediction --- */

static void identify_task(struct request *request)
{
	char *id = dialect_path_part(request->path, "/predictions/");

	dialect_task(request, id);
	free(id);
}

static void answer_poll(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);
	const char *status, *other = fault_text(request->fault, "state");

	if (!task) {
		refuse(reply, 404, "Not found", "The requested resource could not be found.");
		return;
	}
	status = other ? other : status_of(task);
	if (strcmp(status, "starting") != 0 && strcmp(status, "processing") != 0 && !other)
		dialect_finished(request, task);
	reply_json(reply, 200, prediction(task, status));
}

static void answer_cancel(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);

	if (!task) {
		refuse(reply, 404, "Not found", "The requested resource could not be found.");
		return;
	}
	task_cancel(task);
	reply_json(reply, 200, prediction(task, status_of(task)));
}

const struct route replicate_routes[] = {
	{ "POST", BASE "models/", true, true, "create", identify_create, answer_create,
	  "/predictions", &replicate },
	{ "POST", BASE "predictions", false, true, "create", identify_create, answer_create, NULL,
	  &replicate },
	{ "POST", BASE "predictions/", true, true, "cancel", identify_task, answer_cancel,
	  "/cancel", &replicate },
	{ "GET", BASE "predictions/", true, true, "poll", identify_task, answer_poll, NULL,
	  &replicate },
	{ 0 },
};
