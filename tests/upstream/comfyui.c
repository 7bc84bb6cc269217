/*
 * comfyui: a queue of workflows, one at a time.
 *
 *     POST /comfyui/prompt         {prompt: WORKFLOW, prompt_id}
 *     GET  /comfyui/history/ID     {} until it has ended, and for strangers
 *     GET  /comfyui/queue          what runs and what waits
 *     POST /comfyui/queue          {"delete": [ID]}: what waits
 *     POST /comfyui/interrupt      {"prompt_id": ID}: what runs
 *     GET  /comfyui/view?filename=&subfolder=&type=
 *
 * fail {code, msg}: the run ends with an execution_error at node type `code`.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/picture.h"

#define BASE "/comfyui/"
#define MODEL "comfyui"

static cJSON *refusal(const char *type, const char *msg, const char *details)
{
	cJSON *json = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(json, "error");

	cJSON_AddStringToObject(error, "type", type);
	cJSON_AddStringToObject(error, "message", msg);
	cJSON_AddStringToObject(error, "details", details);
	cJSON_AddObjectToObject(error, "extra_info");
	return json;
}

static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json = refusal(code ? code : "invalid_prompt", msg, "");

	cJSON_AddObjectToObject(json, "node_errors");
	reply_json(reply, status, json);
}

static const struct dialect comfyui = { NULL, refuse };

/* --- Submission --- */

/* The first node of that type, or NULL. */
static const cJSON *find_node(const cJSON *workflow, const char *type)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, workflow) {
		const char *is = dialect_text(node, "class_type");

		if (is && !strcmp(is, type))
			return node;
	}
	return NULL;
}

static const cJSON *input_of(const cJSON *workflow, const char *type, const char *name)
{
	return dialect_member(dialect_member(find_node(workflow, type), "inputs"), name);
}

/* The text that leads to the sampler's `positive`. */
static void identify_create(struct request *request)
{
	const cJSON *workflow = dialect_member(request->json, "prompt");
	const cJSON *link = input_of(workflow, "KSampler", "positive");
	const char *node = cJSON_GetStringValue(cJSON_GetArrayItem(link, 0));
	const char *id = dialect_text(request->json, "prompt_id");

	if (node)
		dialect_prompt(request, dialect_member(dialect_member(dialect_member(workflow, node),
								      "inputs"), "text"));
	if (id)
		request->task = xstrdup(id);
}

struct complaint {
	const char *node, *type, *msg;
	char *details;
};

static bool is_checkpoint(const char *name)
{
	return name && (!strcmp(name, "sd_xl_base_1.0.safetensors") ||
			!strcmp(name, "v1-5-pruned.safetensors"));
}

/* The checks that the nodes make of what they are given. */
static bool complain(const cJSON *workflow, struct complaint *complaint)
{
	static const struct {
		const char *type, *name;
		double low, high;
	} numbers[] = {
		{ "KSampler", "steps", 1, 10000 },
		{ "KSampler", "seed", 0, 1.8e19 },
		{ "EmptyLatentImage", "width", 16, 16384 },
		{ "EmptyLatentImage", "height", 16, 16384 },
	};
	const char *checkpoint = cJSON_GetStringValue(
		input_of(workflow, "CheckpointLoaderSimple", "ckpt_name"));

	complaint->type = "invalid_input_type";
	complaint->msg = "Failed to convert an input value to a INT value";
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		complaint->node = numbers[i].type;
		complaint->details = xstrdup(numbers[i].name);
		if (!dialect_is_integer(input_of(workflow, numbers[i].type, numbers[i].name),
					numbers[i].low, numbers[i].high))
			return true;
		free(complaint->details);
	}
	complaint->node = "CheckpointLoaderSimple";
	complaint->type = "value_not_in_list";
	complaint->msg = "Value not in list";
	complaint->details = xprintf("ckpt_name: '%s' not in ['sd_xl_base_1.0.safetensors', "
				     "'v1-5-pruned.safetensors']", checkpoint ? checkpoint : "");
	if (!is_checkpoint(checkpoint))
		return true;
	free(complaint->details);
	return false;
}

static void refuse_node(struct reply *reply, const struct complaint *complaint)
{
	cJSON *json = refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation",
			      "");
	cJSON *node = cJSON_AddObjectToObject(cJSON_AddObjectToObject(json, "node_errors"), "4");
	cJSON *error = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(node, "errors"), error);
	cJSON_AddStringToObject(error, "type", complaint->type);
	cJSON_AddStringToObject(error, "message", complaint->msg);
	cJSON_AddStringToObject(error, "details", complaint->details);
	cJSON_AddStringToObject(node, "class_type", complaint->node);
	reply_json(reply, 400, json);
}

static char *latent_kind(const cJSON *workflow)
{
	const cJSON *width = input_of(workflow, "EmptyLatentImage", "width");
	const cJSON *height = input_of(workflow, "EmptyLatentImage", "height");

	return dialect_kind("png", width->valuedouble, height->valuedouble);
}

/* A repeated id is no reason to refuse: it is queued a second time. */
static void answer_create(struct request *request, struct reply *reply)
{
	const cJSON *workflow = dialect_member(request->json, "prompt");
	struct complaint complaint;
	const struct task *task;
	cJSON *json;

	if (!cJSON_IsObject(workflow)) {
		refuse(reply, 400, "no_prompt", "No prompt provided");
		return;
	}
	if (!find_node(workflow, "SaveImage")) {
		refuse(reply, 400, "prompt_no_outputs", "Prompt has no outputs");
		return;
	}
	if (complain(workflow, &complaint)) {
		refuse_node(reply, &complaint);
		free(complaint.details);
		return;
	}
	task = task_new(request, MODEL, latent_kind(workflow));
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "prompt_id", task->id);
	cJSON_AddNumberToObject(json, "number", 1);
	cJSON_AddObjectToObject(json, "node_errors");
	reply_json(reply, 200, json);
}

/* --- The queue --- */

static bool is_over(const struct task *task)
{
	const char *state = task_state(task);

	return !strcmp(state, "success") || !strcmp(state, "fail");
}

/* The oldest that is not over runs. */
static const struct task *running(void)
{
	const struct task *task = NULL, *found = NULL;

	while ((task = task_next(task)))
		if (!strcmp(task->model, MODEL) && !is_over(task))
			found = task;
	return found;
}

static void add_entry(cJSON *list, const struct task *task, int number)
{
	cJSON *entry = cJSON_CreateArray(), *body = cJSON_Parse(task->param);

	cJSON_AddItemToArray(entry, cJSON_CreateNumber((double)number));
	cJSON_AddItemToArray(entry, cJSON_CreateString(task->id));
	cJSON_AddItemToArray(entry, cJSON_DetachItemFromObject(body, "prompt"));
	cJSON_AddItemToArray(list, entry);
	cJSON_Delete(body);
}

static void answer_queue(struct request *request, struct reply *reply)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *now = cJSON_AddArrayToObject(json, "queue_running");
	cJSON *later = cJSON_AddArrayToObject(json, "queue_pending");
	const struct task *task = NULL, *first = running();
	int number = 1000; /* the newest's; the list has no order of its own */

	(void)request;
	for (; (task = task_next(task)); number--)
		if (!strcmp(task->model, MODEL) && !is_over(task))
			add_entry(task == first ? now : later, task, number);
	reply_json(reply, 200, json);
}

static void identify_delete(struct request *request)
{
	dialect_task(request, cJSON_GetStringValue(
		cJSON_GetArrayItem(dialect_member(request->json, "delete"), 0)));
}

static void identify_interrupt(struct request *request)
{
	dialect_task(request, dialect_text(request->json, "prompt_id"));
}

static void stop(const struct request *request, bool runs)
{
	struct task *task = task_find(request->task);

	if (task && !is_over(task) && (task == running()) == runs)
		task_cancel(task);
}

static void answer_delete(struct request *request, struct reply *reply)
{
	stop(request, false);
	reply_text(reply, 200, "text/plain", xstrdup(""));
}

static void answer_interrupt(struct request *request, struct reply *reply)
{
	stop(request, true);
	reply_text(reply, 200, "text/plain", xstrdup(""));
}

/* --- The history --- */

/* As SaveImage names it: "DIRECTORY/NAME" becomes NAME_00001_.png in DIRECTORY. */
static cJSON *saved_as(const struct task *task)
{
	cJSON *body = cJSON_Parse(task->param), *json = cJSON_CreateObject();
	const char *prefix = cJSON_GetStringValue(
		input_of(dialect_member(body, "prompt"), "SaveImage", "filename_prefix"));
	const char *slash = strrchr(prefix ? prefix : "", '/');
	char *directory, *name;

	prefix = prefix ? prefix : "ComfyUI";
	directory = xprintf("%.*s", slash ? (int)(slash - prefix) : 0, prefix);
	name = xprintf("%s_00001_.%s", slash ? slash + 1 : prefix, picture_suffix(task_kind(task)));
	cJSON_AddStringToObject(json, "filename", name);
	cJSON_AddStringToObject(json, "subfolder", directory);
	cJSON_AddStringToObject(json, "type", "output");
	free(name);
	free(directory);
	cJSON_Delete(body);
	return json;
}

static void add_message(cJSON *messages, const char *name, const struct task *task)
{
	cJSON *one = cJSON_CreateArray(), *what = cJSON_CreateObject();

	cJSON_AddItemToArray(one, cJSON_CreateString(name));
	cJSON_AddItemToArray(one, what);
	cJSON_AddStringToObject(what, "prompt_id", task->id);
	if (!strcmp(name, "execution_error")) {
		cJSON_AddStringToObject(what, "node_type", dialect_fail(task, "code", "KSampler"));
		cJSON_AddStringToObject(what, "exception_message",
					dialect_fail(task, "msg", "it failed"));
		cJSON_AddStringToObject(what, "exception_type", "RuntimeError");
	}
	cJSON_AddItemToArray(messages, one);
}

static void add_status(cJSON *entry, const struct task *task, bool good)
{
	cJSON *status = cJSON_AddObjectToObject(entry, "status"), *messages;

	cJSON_AddStringToObject(status, "status_str", good ? "success" : "error");
	cJSON_AddBoolToObject(status, "completed", good);
	messages = cJSON_AddArrayToObject(status, "messages");
	add_message(messages, "execution_start", task);
	add_message(messages, good ? "execution_success" : task->cancelled ?
		    "execution_interrupted" : "execution_error", task);
}

static void identify_history(struct request *request)
{
	dialect_task(request, request->path + strlen(BASE "history/"));
}

static void answer_history(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);
	bool good = task && !fault_is(task->fault, "fail") && !task->cancelled;
	cJSON *json = cJSON_CreateObject(), *entry, *outputs, *images;

	if (task && is_over(task)) {
		dialect_finished(request, task);
		entry = cJSON_AddObjectToObject(json, task->id);
		outputs = cJSON_AddObjectToObject(entry, "outputs");
		if (good && !fault_is(task->fault, "no_url")) {
			images = cJSON_AddArrayToObject(cJSON_AddObjectToObject(outputs, "9"),
							"images");
			cJSON_AddItemToArray(images, saved_as(task));
		}
		add_status(entry, task, good);
	}
	reply_json(reply, 200, json);
}

/* --- The picture --- */

static bool is_saved_as(const struct task *task, const struct request *request)
{
	static const char *const parts[] = { "filename", "subfolder", "type" };
	cJSON *json = saved_as(task);
	bool same = true;

	for (size_t i = 0; i < 3; i++) {
		const char *asked = request_query(request, parts[i]);

		same = same && asked && !strcmp(asked, dialect_text(json, parts[i]));
	}
	cJSON_Delete(json);
	return same;
}

static void identify_view(struct request *request)
{
	const struct task *task = NULL;

	while ((task = task_next(task)))
		if (!strcmp(task->model, MODEL) && is_saved_as(task, request))
			break;
	if (task)
		dialect_task(request, task->id);
}

static void answer_view(struct request *request, struct reply *reply)
{
	const struct task *task = task_find(request->task);
	const char *kind = fault_text(request->fault, "image");
	const struct picture *picture = NULL;

	if (task)
		picture = picture_get(kind ? kind : task_kind(task), task->seed);
	if (!picture) {
		reply_text(reply, 404, "text/plain", xstrdup("404: Not Found"));
		return;
	}
	reply_text(reply, 200, picture->type, xalloc(picture->len));
	memcpy(reply->data, picture->data, picture->len);
	reply->len = picture->len;
}

const struct route comfyui_routes[] = {
	{ "POST", BASE "prompt", false, false, "create", identify_create, answer_create, NULL,
	  &comfyui },
	{ "GET", BASE "history/", true, false, "poll", identify_history, answer_history, NULL,
	  &comfyui },
	{ "GET", BASE "queue", false, false, "queue", NULL, answer_queue, NULL, &comfyui },
	{ "POST", BASE "queue", false, false, "cancel", identify_delete, answer_delete, NULL,
	  &comfyui },
	{ "POST", BASE "interrupt", false, false, "cancel", identify_interrupt, answer_interrupt,
	  NULL, &comfyui },
	{ "GET", BASE "view", false, false, "image", identify_view, answer_view, NULL, &comfyui },
	{ 0 },
};
