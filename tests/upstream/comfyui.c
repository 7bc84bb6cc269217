/*
 * comfyui: a queue of workflows, one at a time.
 *
 *     POST /comfyui/prompt         {prompt: WORKFLOW, prompt_id}
 *     GET  /comfyui/history/ID     {} until it has ended, and for strangers
 *     GET  /comfyui/queue          what runs and what waits
 *     POST /comfyui/queue          {"delete": [ID]}: what waits
 *     POST /comfyui/interrupt      {"prompt_id": ID}: what runs
 *     POST /comfynew/api/jobs/ID/cancel   … either, at newer servers: all of the
 *                                  above, too, under /comfynew
 *     GET  /comfyui/view?filename=&subfolder=&type=
 *
 * Each node that saves or shows is an output of its own, judged with what it
 * hangs on. Where some are valid, these run, and the answer is 200 with the
 * node_errors of the others (execution.py, validate_prompt). Each that ran has an
 * entry in the history's `outputs`, and an animation stands there among `images`,
 * too.
 *
 * fail {code, msg}: the run ends with an execution_error at node type `code`.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/picture.h"

#define BASE "/comfyui/"
#define NEWER "/comfynew/"
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

static const char *type_of(const cJSON *node)
{
	const char *type = dialect_text(node, "class_type");

	return type ? type : "";
}

static bool is_output(const cJSON *node)
{
	const char *type = type_of(node);

	return !strcmp(type, "SaveImage") || !strcmp(type, "PreviewImage") ||
	       !strcmp(type, "SaveVideo");
}

struct complaint {
	const char *node, *type, *msg; /* borrowed */
	char *details;
};

static void complain(struct complaint *complaint, const cJSON *node, const char *type,
		     const char *msg, char *details)
{
	free(complaint->details);
	complaint->node = node->string;
	complaint->type = type;
	complaint->msg = msg;
	complaint->details = details;
}

static bool is_checkpoint(const char *name)
{
	return name && (!strcmp(name, "sd_xl_base_1.0.safetensors") ||
			!strcmp(name, "v1-5-pruned.safetensors"));
}

/* The checks that a node makes of its own values. */
static bool judge_node(const cJSON *node, struct complaint *complaint)
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
	const cJSON *inputs = dialect_member(node, "inputs");
	const char *checkpoint = dialect_text(inputs, "ckpt_name");

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(type_of(node), numbers[i].type) != 0 ||
		    dialect_is_integer(dialect_member(inputs, numbers[i].name), numbers[i].low,
				       numbers[i].high))
			continue;
		complain(complaint, node, "invalid_input_type",
			 "Failed to convert an input value to a INT value", xstrdup(numbers[i].name));
		return false;
	}
	if (strcmp(type_of(node), "CheckpointLoaderSimple") != 0 || is_checkpoint(checkpoint))
		return true;
	complain(complaint, node, "value_not_in_list", "Value not in list",
		 xprintf("ckpt_name: '%s' not in ['sd_xl_base_1.0.safetensors', "
			 "'v1-5-pruned.safetensors']", checkpoint ? checkpoint : ""));
	return false;
}

/* A node, and all that its inputs lead to; `depth` ends a circle. */
static bool judge(const cJSON *workflow, const cJSON *node, int depth, struct complaint *complaint)
{
	const cJSON *input;
	bool good = judge_node(node, complaint);

	cJSON_ArrayForEach(input, dialect_member(node, "inputs")) {
		const char *to = cJSON_GetStringValue(cJSON_GetArrayItem(input, 0));
		const cJSON *next = to ? dialect_member(workflow, to) : NULL;

		if (!cJSON_IsArray(input) || !good || !depth)
			continue;
		if (next) {
			good = judge(workflow, next, depth - 1, complaint);
			continue;
		}
		complain(complaint, node, "required_input_missing", "Required input is missing",
			 xstrdup(input->string));
		good = false;
	}
	return good;
}

static bool is_good(const cJSON *workflow, const cJSON *node)
{
	struct complaint complaint = { 0 };
	bool good = judge(workflow, node, 16, &complaint);

	free(complaint.details);
	return good;
}

static void add_node_error(cJSON *errors, const cJSON *workflow, const cJSON *output)
{
	struct complaint complaint = { 0 };
	const char *outputs = output->string;
	cJSON *node, *error;

	if (judge(workflow, output, 16, &complaint))
		return;
	node = cJSON_AddObjectToObject(errors, complaint.node);
	error = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(node, "errors"), error);
	cJSON_AddStringToObject(error, "type", complaint.type);
	cJSON_AddStringToObject(error, "message", complaint.msg);
	cJSON_AddStringToObject(error, "details", complaint.details);
	cJSON_AddItemToObject(node, "dependent_outputs",
			      cJSON_CreateStringArray(&outputs, 1));
	cJSON_AddStringToObject(node, "class_type", type_of(dialect_member(workflow, complaint.node)));
	free(complaint.details);
}

static char *latent_kind(const cJSON *workflow)
{
	const cJSON *width = input_of(workflow, "EmptyLatentImage", "width");
	const cJSON *height = input_of(workflow, "EmptyLatentImage", "height");

	return dialect_kind("png", width ? width->valuedouble : 512,
			    height ? height->valuedouble : 512);
}

/* A repeated id is no reason to refuse: it is queued a second time. */
static void answer_create(struct request *request, struct reply *reply)
{
	const cJSON *workflow = dialect_member(request->json, "prompt"), *node;
	cJSON *json, *errors;
	const struct task *task;
	int outputs = 0, good = 0;

	if (!cJSON_IsObject(workflow)) {
		refuse(reply, 400, "no_prompt", "No prompt provided");
		return;
	}
	errors = cJSON_CreateObject();
	cJSON_ArrayForEach(node, workflow) {
		if (!is_output(node))
			continue;
		outputs++;
		good += is_good(workflow, node);
		add_node_error(errors, workflow, node);
	}
	if (!good) {
		json = outputs ? refusal("prompt_outputs_failed_validation",
					 "Prompt outputs failed validation", "") :
				 refusal("prompt_no_outputs", "Prompt has no outputs", "");
		cJSON_AddItemToObject(json, "node_errors", errors);
		reply_json(reply, 400, json);
		return;
	}
	task = task_new(request, MODEL, latent_kind(workflow));
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "prompt_id", task->id);
	cJSON_AddNumberToObject(json, "number", 1);
	cJSON_AddItemToObject(json, "node_errors", errors);
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

static void identify_job(struct request *request)
{
	char *id = dialect_path_part(request->path, "/jobs/");

	dialect_task(request, id);
	free(id);
}

static void answer_cancel(struct request *request, struct reply *reply)
{
	stop(request, false);
	stop(request, true);
	reply_json(reply, 200, cJSON_CreateObject());
}

/* --- The history --- */

static const char *prefix_of(const cJSON *node)
{
	const char *prefix = dialect_text(dialect_member(node, "inputs"), "filename_prefix");

	return prefix ? prefix : "ComfyUI";
}

/* A prefix that begins with "small" is of a thumbnail, here. */
static char *kind_of(const struct task *task, const cJSON *node)
{
	const char *type = type_of(node);

	if (!strcmp(type, "PreviewImage") || !strncmp(prefix_of(node), "small", 5))
		return xstrdup("png-96x54");
	return xstrdup(task_kind(task));
}

/* As SaveImage names it: "DIRECTORY/NAME" becomes NAME_00001_.png in DIRECTORY. */
static cJSON *saved_as(const struct task *task, const cJSON *node)
{
	bool shown = !strcmp(type_of(node), "PreviewImage");
	const char *prefix = shown ? "ComfyUI_temp_abcde" : prefix_of(node);
	const char *slash = strrchr(prefix, '/');
	char *directory = xprintf("%.*s", slash ? (int)(slash - prefix) : 0, prefix);
	char *kind = kind_of(task, node), *name;
	cJSON *json = cJSON_CreateObject();

	name = xprintf("%s_00001_.%s", slash ? slash + 1 : prefix,
		       !strcmp(type_of(node), "SaveVideo") ? "mp4" : picture_suffix(kind));
	cJSON_AddStringToObject(json, "filename", name);
	cJSON_AddStringToObject(json, "subfolder", directory);
	cJSON_AddStringToObject(json, "type", shown ? "temp" : "output");
	free(kind);
	free(name);
	free(directory);
	return json;
}

static cJSON *workflow_of(const struct task *task)
{
	cJSON *body = cJSON_Parse(task->param);
	cJSON *workflow = cJSON_DetachItemFromObject(body, "prompt");

	cJSON_Delete(body);
	return workflow;
}

static void add_outputs(cJSON *outputs, const struct task *task, const cJSON *workflow)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, workflow) {
		cJSON *out, *images;

		if (!is_output(node) || !is_good(workflow, node))
			continue;
		out = cJSON_AddObjectToObject(outputs, node->string);
		images = cJSON_AddArrayToObject(out, "images");
		cJSON_AddItemToArray(images, saved_as(task, node));
		if (!strcmp(type_of(node), "SaveVideo"))
			cJSON_AddItemToArray(cJSON_AddArrayToObject(out, "animated"),
					     cJSON_CreateTrue());
	}
}

/* [number, id, workflow, extra_data, outputs] */
static void add_prompt(cJSON *entry, const struct task *task, cJSON *workflow)
{
	cJSON *list = cJSON_AddArrayToObject(entry, "prompt");

	cJSON_AddItemToArray(list, cJSON_CreateNumber(1));
	cJSON_AddItemToArray(list, cJSON_CreateString(task->id));
	cJSON_AddItemToArray(list, workflow);
	cJSON_AddItemToArray(list, cJSON_CreateObject());
	cJSON_AddItemToArray(list, cJSON_CreateArray());
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
	char *id = dialect_path_part(request->path, "/history/");

	dialect_task(request, id);
	free(id);
}

static void answer_history(struct request *request, struct reply *reply)
{
	struct task *task = task_find(request->task);
	bool good = task && !fault_is(task->fault, "fail") && !task->cancelled;
	cJSON *json = cJSON_CreateObject(), *entry, *outputs, *workflow;

	if (task && is_over(task)) {
		dialect_finished(request, task);
		entry = cJSON_AddObjectToObject(json, task->id);
		workflow = workflow_of(task);
		outputs = cJSON_AddObjectToObject(entry, "outputs");
		if (good && !fault_is(task->fault, "no_url"))
			add_outputs(outputs, task, workflow);
		add_prompt(entry, task, workflow);
		add_status(entry, task, good);
	}
	reply_json(reply, 200, json);
}

/* --- The picture --- */

static bool is_asked_for(const struct request *request, const cJSON *file)
{
	static const char *const parts[] = { "filename", "subfolder", "type" };
	bool same = true;

	for (size_t i = 0; i < 3; i++) {
		const char *asked = request_query(request, parts[i]);

		same = same && asked && !strcmp(asked, dialect_text(file, parts[i]));
	}
	return same;
}

/* The kind of the picture that the task saved under that name; malloc'd or NULL. */
static char *find_file(const struct request *request, const struct task *task)
{
	cJSON *workflow = workflow_of(task);
	const cJSON *node;
	char *kind = NULL;

	cJSON_ArrayForEach(node, workflow) {
		cJSON *file = is_output(node) ? saved_as(task, node) : NULL;

		if (file && !kind && is_asked_for(request, file))
			kind = kind_of(task, node);
		cJSON_Delete(file);
	}
	cJSON_Delete(workflow);
	return kind;
}

static void identify_view(struct request *request)
{
	const struct task *task = NULL;
	char *kind = NULL;

	while (!kind && (task = task_next(task)))
		if (!strcmp(task->model, MODEL))
			kind = find_file(request, task);
	if (kind)
		dialect_task(request, task->id);
	free(kind);
}

static void answer_view(struct request *request, struct reply *reply)
{
	const struct task *task = task_find(request->task);
	const char *ruled = fault_text(request->fault, "image");
	char *kind = task ? find_file(request, task) : NULL;
	const struct picture *picture = NULL;

	if (kind)
		picture = picture_get(ruled ? ruled : kind, task->seed);
	free(kind);
	if (!picture) {
		reply_text(reply, 404, "text/plain", xstrdup("404: Not Found"));
		return;
	}
	reply_text(reply, 200, picture->type, xalloc(picture->len));
	memcpy(reply->data, picture->data, picture->len);
	reply->len = picture->len;
}

#define ROUTES(base)                                                                               \
	{ "POST", base "prompt", false, false, "create", identify_create, answer_create, NULL,     \
	  &comfyui },                                                                              \
	{ "GET", base "history/", true, false, "poll", identify_history, answer_history, NULL,     \
	  &comfyui },                                                                              \
	{ "GET", base "queue", false, false, "queue", NULL, answer_queue, NULL, &comfyui },        \
	{ "POST", base "queue", false, false, "cancel", identify_delete, answer_delete, NULL,      \
	  &comfyui },                                                                              \
	{ "POST", base "interrupt", false, false, "cancel", identify_interrupt, answer_interrupt,  \
	  NULL, &comfyui },                                                                        \
	{ "GET", base "view", false, false, "image", identify_view, answer_view, NULL, &comfyui }

const struct route comfyui_routes[] = {
	ROUTES(BASE),
	ROUTES(NEWER),
	{ "POST", NEWER "api/jobs/", true, false, "cancel", identify_job, answer_cancel, "/cancel",
	  &comfyui },
	{ 0 },
};
