/*
 * kie: the jobs API and the one-call API.
 *
 *     POST /api/v1/jobs/createTask          {model, input: {prompt, …}}
 *     GET  /api/v1/jobs/recordInfo?taskId=
 *     POST /api/v1/generate/image           {model, prompt, …}
 *     POST /api/v1/common/download-url      {url}
 *
 * As at the real service, the code stands in the envelope and the HTTP status
 * is 200 whatever went wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/schema.h"
#include "tests/upstream/server.h"
#include "tests/upstream/task.h"

/* What the service takes for one picture, as recordInfo tells it. */
#define CREDITS 5

/* Takes `data`; NULL becomes null. */
static void envelope(struct reply *reply, int code, const char *msg, cJSON *data)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "code", code);
	cJSON_AddStringToObject(json, "msg", msg);
	cJSON_AddItemToObject(json, "data", data ? data : cJSON_CreateNull());
	reply_json(reply, 200, json);
}

static void identify_create(struct request *request)
{
	dialect_prompt(request, dialect_member(dialect_member(request->json, "input"), "prompt"));
}

static void identify_generate(struct request *request)
{
	dialect_prompt(request, dialect_member(request->json, "prompt"));
}

static void identify_poll(struct request *request)
{
	dialect_task(request, request_query(request, "taskId"));
}

/* The model's name, or NULL and a refusal: the checks that the service makes
 * before it takes a submission. */
static const char *check_submission(struct request *request, struct reply *reply)
{
	const char *model = cJSON_GetStringValue(dialect_member(request->json, "model"));

	if (!request->json)
		envelope(reply, 400, "the body is not JSON", NULL);
	else if (!model || !*model)
		envelope(reply, 500, "model is required", NULL);
	else if (!*request->prompt)
		envelope(reply, 422, "prompt is required", NULL);
	else
		return model;
	return NULL;
}

static cJSON *task_data(const struct task *task)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "taskId", task->id);
	cJSON_AddStringToObject(data, "recordId", task->id);
	return data;
}

/* Of Seedream the tests choose the picture; others give what is asked for. */
static char *kind_of(const char *model, const cJSON *input)
{
	return strstr(model, "seedream") ? NULL : schema_kind(input);
}

static void answer_create(struct request *request, struct reply *reply)
{
	const char *model = check_submission(request, reply);
	const cJSON *input = dialect_member(request->json, "input");
	char *wrong = model ? schema_wrong("kie", model, input) : NULL;

	if (wrong)
		envelope(reply, 422, wrong, NULL);
	else if (model)
		envelope(reply, 200, "success",
			 task_data(task_new(request, model, kind_of(model, input))));
	free(wrong);
}

/* The JSON text that resultJson holds; malloc'd, NULL where it is left out. */
static char *result_json(const struct task *task)
{
	const char *none = fault_text(task->fault, "no_url");
	char *url = task_url(task), *text;
	cJSON *json = cJSON_CreateObject(), *urls = cJSON_AddArrayToObject(json, "resultUrls");

	if (url)
		cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	free(url);
	if (none && !strcmp(none, "absent")) {
		free(text);
		return NULL;
	}
	if (none && !strcmp(none, "null")) {
		free(text);
		return xstrdup("null");
	}
	return text;
}

static void add_success(cJSON *data, const struct task *task)
{
	const cJSON *cost = dialect_member(task->fault, "cost");
	char *result = result_json(task);

	if (result)
		cJSON_AddStringToObject(data, "resultJson", result);
	free(result);
	cJSON_AddNumberToObject(data, "costTime", (double)(now_ms() - task->made_ms));
	cJSON_AddNumberToObject(data, "completeTime", (double)wall_ms());
	cJSON_AddItemToObject(data, "creditsConsumed",
			      cost ? cJSON_Duplicate(cost, true) : cJSON_CreateNumber(CREDITS));
}

static void add_failure(cJSON *data, const struct task *task)
{
	char *msg = fault_expand(dialect_fail(task, "msg", "the task failed"), task->key, task->base);

	cJSON_AddStringToObject(data, "failCode", dialect_fail(task, "code", "500"));
	cJSON_AddStringToObject(data, "failMsg", msg);
	cJSON_AddNullToObject(data, "resultJson");
	free(msg);
}

static void answer_poll(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);
	const char *state = fault_text(request->fault, "state");
	cJSON *data;

	if (!task || fault_is(request->fault, "null")) {
		envelope(reply, 422, "recordInfo is null", NULL);
		return;
	}
	if (!state)
		state = task_state(task);
	data = task_data(task);
	cJSON_AddStringToObject(data, "model", task->model);
	cJSON_AddStringToObject(data, "state", state);
	cJSON_AddStringToObject(data, "param", task->param);
	cJSON_AddNumberToObject(data, "createTime", (double)task->made_wall_ms);
	cJSON_AddNumberToObject(data, "updateTime", (double)wall_ms());
	if (fault_is(task->fault, "progress"))
		cJSON_AddNumberToObject(data, "progress",
					(double)fault_number(task->fault, "progress", 0));
	if (!strcmp(state, "success"))
		add_success(data, task);
	else if (!strcmp(state, "fail"))
		add_failure(data, task);
	if (!strcmp(state, "success") || !strcmp(state, "fail"))
		dialect_finished(request, task);
	envelope(reply, 200, "success", data);
}

static void answer_generate(struct request *request, struct reply *reply)
{
	const char *model = check_submission(request, reply);
	struct task *task;
	cJSON *data;
	char *url;

	if (!model)
		return;
	task = task_new(request, model, NULL);
	if (fault_is(task->fault, "task")) {
		envelope(reply, 200, "success", task_data(task));
		return;
	}
	if (!task_wait(task, request)) {
		reply->close = true;
		return;
	}
	dialect_finished(request, task);
	if (fault_is(task->fault, "fail")) {
		envelope(reply, 501, dialect_fail(task, "msg", "generation failed"), NULL);
		return;
	}
	data = cJSON_CreateObject();
	url = task_url(task);
	if (url)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(data, "response"), "imageUrl", url);
	else
		cJSON_AddObjectToObject(data, "response");
	free(url);
	envelope(reply, 200, "success", data);
}

/* A fresh URL for an old one. The service makes one of anything. */
static void answer_mint(struct request *request, struct reply *reply)
{
	const char *url = cJSON_GetStringValue(dialect_member(request->json, "url"));
	char *fresh;

	if (!url) {
		envelope(reply, 422, "url is required", NULL);
		return;
	}
	fresh = xprintf("%s%cminted=1", url, strchr(url, '?') ? '&' : '?');
	envelope(reply, 200, "success", cJSON_CreateString(fresh));
	free(fresh);
}

/* The account's credits: docs.kie.ai/common-api/get-account-credits. */
static void answer_credit(struct request *request, struct reply *reply)
{
	(void)request;
	envelope(reply, 200, "success", cJSON_CreateNumber(100));
}

const struct route kie_routes[] = {
	{ "GET", "/api/v1/chat/credit", false, true, "credit", NULL, answer_credit, NULL, NULL },
	{ "POST", "/api/v1/jobs/createTask", false, true, "create", identify_create, answer_create,
	  NULL, NULL },
	{ "GET", "/api/v1/jobs/recordInfo", false, true, "poll", identify_poll, answer_poll,
	  NULL, NULL },
	{ "POST", "/api/v1/generate/image", false, true, "generate", identify_generate,
	  answer_generate, NULL, NULL },
	{ "POST", "/api/v1/common/download-url", false, true, "mint", NULL, answer_mint,
	  NULL, NULL },
	{ 0 },
};
