/*
 * automatic1111: one synchronous request, and what the server tells meanwhile.
 *
 *     POST /a1111/sdapi/v1/txt2img
 *     POST /a1111/internal/progress    {"id_task": ID}: of that job
 *     GET  /a1111/sdapi/v1/progress    of whatever runs, or ran last
 *     POST /a1111/sdapi/v1/interrupt   what runs
 *     …    /a1111auth/…                --api-auth user:password (HTTP Basic)
 *     …    /sdnext/…                   SD.Next: no internal/progress, and the
 *                                      job's id in sdapi/v1/progress
 *
 * As at the real servers (Forge: modules/api/models.py, modules/progress.py):
 * the state has no task's name; `interrupted` stands until the next job begins;
 * an interrupted job finishes its step, decodes what it has, and answers 200
 * with it, and the job after it begins before that answer has been sent. The
 * answer's `info` has the time of the job's beginning, as the state has.
 *
 * fail {"interrupted": true}: somebody interrupts it; with {"told": true} its
 * `info` says so as well, as some forks do. fail {code, msg}: HTTP 500.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"

#define WEBUI "/a1111/"
#define NEXT "/sdnext/"
#define CLOSED "/a1111auth/"

/* What decoding a picture of 2048x1152 takes on a good GPU. */
#define DECODE_MS 1000

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
static const struct task *state_of(const struct task *runs)
{
	const struct task *task = NULL;

	while (!runs && (task = task_next(task)))
		if (!strncmp(task->model, "a1111", 5))
			runs = task;
	return runs;
}

static bool is_interrupted(const struct task *task)
{
	return task && (task->ends_ms ||
			dialect_member(dialect_member(task->fault, "fail"), "interrupted"));
}

/* To the second at the real server, whose jobs take longer than one. */
static char *begun_at(const struct task *task)
{
	const struct task *other = NULL;
	long number = 0;

	while ((other = task_next(other)))
		number += other == task || number;
	return xprintf("2026112600%04ld", number % 10000);
}

static char *info(const struct task *task)
{
	cJSON *json = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(json, "prompt", task->prompt);
	cJSON_AddNumberToObject(json, "seed", 4711);
	text = begun_at(task);
	cJSON_AddStringToObject(json, "job_timestamp", text);
	free(text);
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

/* As FastAPI's HTTPBasic has it; "user:password" in base64. */
static bool may_enter(const struct request *request, struct reply *reply)
{
	if (strncmp(request->path, CLOSED, strlen(CLOSED)) != 0 ||
	    (request->key && !strcmp(request->key, "dXNlcjpwYXNzd29yZA==")))
		return true;
	refuse(reply, 401, NULL, request->key && *request->key ? "Incorrect username or password" :
						"Not authenticated");
	return false;
}

static void answer_txt2img(struct request *request, struct reply *reply)
{
	const cJSON *json = request->json;
	struct task *task;
	cJSON *out;
	char *text;

	if (!may_enter(request, reply))
		return;
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

static double part_of(const struct task *task)
{
	return (double)fault_number(task->fault, "progress", 50) / 100;
}

static void add_state(cJSON *json, const struct task *task, bool runs)
{
	cJSON *state = cJSON_AddObjectToObject(json, "state");
	char *text = task ? begun_at(task) : xstrdup("0");

	cJSON_AddFalseToObject(state, "skipped");
	cJSON_AddBoolToObject(state, "interrupted", is_interrupted(task));
	cJSON_AddFalseToObject(state, "stopping_generation");
	cJSON_AddStringToObject(state, "job", runs ? "scripts_txt2img" : "");
	cJSON_AddNumberToObject(state, "job_count", runs ? 1 : 0);
	cJSON_AddStringToObject(state, "job_timestamp", text);
	cJSON_AddNumberToObject(state, "job_no", 0);
	cJSON_AddNumberToObject(state, "sampling_step", runs ? 15 : 0);
	cJSON_AddNumberToObject(state, "sampling_steps", runs ? 30 : 0);
	free(text);
}

static void answer_progress(struct request *request, struct reply *reply)
{
	const struct task *task = running(), *told = state_of(task);
	cJSON *json = cJSON_CreateObject();

	if (!strncmp(request->path, NEXT, strlen(NEXT)))
		cJSON_AddStringToObject(json, "id", task ? task->id : "");
	cJSON_AddNumberToObject(json, "progress", task ? part_of(task) : 0);
	cJSON_AddNumberToObject(json, "eta_relative", task ? 10 : 0);
	add_state(json, told, task != NULL);
	cJSON_AddNullToObject(json, "current_image");
	cJSON_AddNullToObject(json, "textinfo");
	reply_json(reply, 200, json);
}

static void identify_own(struct request *request)
{
	dialect_task(request, dialect_text(request->json, "id_task"));
}

static void answer_own(struct request *request, struct reply *reply)
{
	const struct task *task = task_find(dialect_text(request->json, "id_task"));
	const char *state = task ? task_state(task) : "";
	bool over = !strcmp(state, "success") || !strcmp(state, "fail");
	bool active = task && task == running();
	cJSON *json = cJSON_CreateObject();

	cJSON_AddBoolToObject(json, "active", active);
	cJSON_AddBoolToObject(json, "queued", task && !active && !over);
	cJSON_AddBoolToObject(json, "completed", over);
	cJSON_AddItemToObject(json, "progress", active ? cJSON_CreateNumber(part_of(task)) :
							 cJSON_CreateNull());
	cJSON_AddItemToObject(json, "eta", active ? cJSON_CreateNumber(10) : cJSON_CreateNull());
	cJSON_AddNullToObject(json, "live_preview");
	cJSON_AddNumberToObject(json, "id_live_preview", -1);
	cJSON_AddStringToObject(json, "textinfo", active ? "" : "Waiting...");
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
		task_interrupt(task, DECODE_MS);
	reply_json(reply, 200, cJSON_CreateObject());
}

/* Free, and refused like everything else: what proves a password. */
static void answer_samplers(struct request *request, struct reply *reply)
{
	cJSON *list, *one;

	if (!may_enter(request, reply))
		return;
	list = cJSON_CreateArray();
	one = cJSON_CreateObject();
	cJSON_AddItemToArray(list, one);
	cJSON_AddStringToObject(one, "name", "Euler a");
	cJSON_AddItemToObject(one, "aliases", cJSON_CreateArray());
	cJSON_AddItemToObject(one, "options", cJSON_CreateObject());
	reply_json(reply, 200, list);
}

const struct route automatic1111_routes[] = {
	{ "POST", WEBUI "sdapi/v1/txt2img", false, false, "create", identify, answer_txt2img, NULL,
	  &automatic1111 },
	{ "POST", WEBUI "internal/progress", false, false, "progress", identify_own, answer_own, NULL,
	  &automatic1111 },
	{ "GET", WEBUI "sdapi/v1/progress", false, false, "progress", NULL, answer_progress, NULL,
	  &automatic1111 },
	{ "POST", WEBUI "sdapi/v1/interrupt", false, false, "cancel", identify_running,
	  answer_interrupt, NULL, &automatic1111 },
	{ "POST", CLOSED "sdapi/v1/txt2img", false, false, "create", identify, answer_txt2img, NULL,
	  &automatic1111 },
	{ "GET", CLOSED "sdapi/v1/samplers", false, false, "proof", NULL, answer_samplers, NULL,
	  &automatic1111 },
	{ "POST", NEXT "sdapi/v1/txt2img", false, false, "create", identify, answer_txt2img, NULL,
	  &automatic1111 },
	{ "GET", NEXT "sdapi/v1/progress", false, false, "progress", NULL, answer_progress, NULL,
	  &automatic1111 },
	{ "POST", NEXT "sdapi/v1/interrupt", false, false, "cancel", identify_running,
	  answer_interrupt, NULL, &automatic1111 },
	{ 0 },
};
