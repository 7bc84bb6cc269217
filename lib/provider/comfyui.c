/*
 * ComfyUI: a workflow is queued under an id that we choose, and its history
 * is asked for until it has an entry. So a submission that was cut short can
 * be looked up by its id.
 */
#include "lib/provider/ask.h"
#include "lib/provider/list.h"
#include "lib/provider/reply.h"
#include "lib/provider/workflow.h"

/* --- Requests --- */

/* Takes ownership of `item`. */
static bool add_item(const struct seed_ask *ask, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObject(ask->body, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static errint_t ask_submit(const struct seed_ask *ask)
{
	cJSON *workflow;
	errint_t result;

	/* The server would queue a second workflow of the same id, so a task has only
	 * one. */
	if (!ask->task->id)
		ask->task->id = seed_ask_uuid();
	if (!ask->task->id)
		return -ENOMEM;
	result = seed_workflow_fill(ask, &workflow);
	if (result)
		return result;
	/* Without a client_id, some versions return no outputs for a workflow that has not
	 * changed. */
	return seed_ask_post(ask, "/prompt",
			     add_item(ask, "prompt", workflow) &&
			     cJSON_AddStringToObject(ask->body, "prompt_id", ask->task->id) &&
			     cJSON_AddStringToObject(ask->body, "client_id", ask->task->id));
}

static errint_t ask_history(const struct seed_ask *ask)
{
	return seed_ask_task(ask, "GET", "/history/", "");
}

static errint_t ask_queue(const struct seed_ask *ask)
{
	return ask->task->id ? seed_ask_get(ask, "/queue") : -EOPNOTSUPP;
}

/* task->turn of CANCEL. Newer servers need one request, others three. Servers from before
 * 2025 ignore prompt_id at /interrupt and stop whatever runs; hence TURN_LOOK. */
enum {
	TURN_CANCEL,    /* wherever the task is */
	TURN_DELETE,    /* from the queue */
	TURN_LOOK,      /* whether it runs */
	TURN_INTERRUPT,
};

static errint_t post_cancel(const struct seed_ask *ask)
{
	errint_t result = seed_ask_task(ask, "POST", "/api/jobs/", "/cancel");

	return result ? result : seed_ask_body(ask);
}

static errint_t ask_cancel(const struct seed_ask *ask)
{
	const char *id = ask->task->id;

	if (!id)
		return -EOPNOTSUPP;
	switch (ask->task->turn) {
	case TURN_CANCEL:
		return post_cancel(ask);
	case TURN_DELETE:
		return seed_ask_post(ask, "/queue",
				     add_item(ask, "delete", cJSON_CreateStringArray(&id, 1)));
	case TURN_LOOK:
		return ask_queue(ask);
	default:
		return seed_ask_post(ask, "/interrupt",
				     cJSON_AddStringToObject(ask->body, "prompt_id", id));
	}
}

/* --- Answers: the submission --- */

/* The first error of the first node that has one. */
static const cJSON *node_error(const cJSON *json)
{
	const cJSON *nodes = seed_json_at(json, "node_errors");

	for (const cJSON *node = cJSON_IsObject(nodes) ? nodes->child : NULL; node; node = node->next)
		if (seed_json_text(node, "errors[0].message"))
			return seed_json_at(node, "errors[0]");
	return NULL;
}

static void refused(const struct seed_response *response, const cJSON *json,
		    struct seed_step *step)
{
	const cJSON *error = node_error(json);
	char message[SEED_MESSAGE_MAX_BYTES], details[SEED_MESSAGE_MAX_BYTES];

	if (!error)
		error = seed_json_at(json, "error");
	if (!seed_json_text(error, "message")) {
		seed_reply_refuse(step, response, json, "HTTP", response->status);
		return;
	}
	seed_json_copy_text(message, sizeof(message), seed_json_text(error, "message"));
	seed_json_copy_text(details, sizeof(details), seed_json_text(error, "details"));
	seed_reply_fail(step, response->status < 500 ? EINVAL : EIO, response->status,
			"HTTP %ld: %s%s%s", response->status, message, *details ? ": " : "", details);
	/* The next attempt would send the same workflow. */
	step->error.final = response->status < 500;
}

static void read_submit(struct seed_task *task, const struct seed_response *response,
			  const cJSON *json, struct seed_step *step)
{
	struct seed_json_id id;
	bool has_task = seed_json_id(json, "prompt_id", &id);

	if (response->status == 400) {
		refused(response, json, step);
		return;
	}
	if (seed_reply_submit_trouble(step, response, json))
		return;
	/* An older server ignores our id and chooses its own. */
	if (has_task && !seed_reply_keep(step, &task->id, id.text))
		return;
	/* If one output is invalid, the server still runs the others, which is not what was
	 * asked for. */
	if (node_error(json)) {
		refused(response, json, step);
		step->withdraw = has_task;
		return;
	}
	if (!has_task) {
		seed_reply_fail(step, EIO, response->status, "no prompt_id in the answer");
		return;
	}
	task->stage = SEED_STAGE_POLL;
	step->kind = SEED_STEP_WAIT;
}

/* --- Answers: the history --- */

/* SaveVideo, too, puts its file into `images`. */
static bool is_picture(const cJSON *image)
{
	static const char *const suffixes[] = { ".png", ".jpg", ".jpeg", ".webp" };
	const char *name = seed_json_text(image, "filename");
	const char *dot = name ? strrchr(name, '.') : NULL;

	for (size_t i = 0; dot && i < SEED_ARRAY_LEN(suffixes); i++)
		if (strcasecmp(dot, suffixes[i]) == 0)
			return true;
	return false;
}

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

/* Whether the node, in the workflow that ran, has our id in its prefix or title. */
static bool is_marked(const cJSON *entry, const char *node, const char *id)
{
	const cJSON *ran = member(seed_json_at(entry, "prompt[2]"), node);
	const char *prefix = seed_json_text(ran, "inputs.filename_prefix");
	const char *title = seed_json_text(ran, "_meta.title");

	return (prefix && strstr(prefix, id)) || (title && strstr(title, id));
}

/* "output" is a saved picture, "temp" a preview. Best is what the workflow marks as the
 * result, then other saved pictures, then previews. */
static int rank_of(const cJSON *entry, const cJSON *node, const cJSON *image, const char *id)
{
	const char *type = seed_json_text(image, "type");

	if (!is_picture(image) || cJSON_IsTrue(seed_json_at(node, "animated[0]")))
		return 0;
	if (type && strcmp(type, "temp") == 0)
		return 1;
	if (!type || strcmp(type, "output") != 0)
		return 0;
	return is_marked(entry, node->string, id) ? 3 : 2;
}

struct search {
	const cJSON *entry;
	const char *id;
	int64_t below;      /* exclusive upper bound of `worth` */
	int64_t worth;      /* of what was found; 0: nothing */
	const cJSON *found;
};

/* Of two pictures of the same rank, the later node's is better, since nodes stand in the
 * order in which they ended; within a node, the first is better. */
static void search_node(struct search *search, const cJSON *node, int64_t index)
{
	const cJSON *images = seed_json_at(node, "images");
	int64_t place = SEED_JSON_MAX_VALUES;

	for (const cJSON *image = cJSON_IsArray(images) ? images->child : NULL; image;
	     image = image->next) {
		int64_t rank = rank_of(search->entry, node, image, search->id);
		int64_t worth = ((rank * SEED_JSON_MAX_VALUES) + index) * SEED_JSON_MAX_VALUES + place--;

		if (!rank || worth >= search->below || worth <= search->worth)
			continue;
		search->worth = worth;
		search->found = image;
	}
}

/* The best picture after the `skip` best ones; NULL: there are no more. */
static const cJSON *find_image(const cJSON *entry, const char *id, long skip)
{
	const cJSON *outputs = seed_json_at(entry, "outputs");
	struct search search = { .entry = entry, .id = id, .below = INT64_MAX };

	do {
		int64_t index = 0;

		search.worth = 0;
		search.found = NULL;
		for (const cJSON *node = cJSON_IsObject(outputs) ? outputs->child : NULL; node;
		     node = node->next)
			search_node(&search, node, index++);
		search.below = search.worth;
	} while (search.found && skip-- > 0);
	return search.found;
}

static char *view_url(const char *base, const cJSON *image)
{
	const char *subfolder = seed_json_text(image, "subfolder");
	char *a = seed_ask_url(base, "/view?filename=", seed_json_text(image, "filename"),
			       "&subfolder=");
	char *b = a ? seed_ask_url(a, "", subfolder, "&type=") : NULL;
	char *url = b ? seed_ask_url(b, "", seed_json_text(image, "type"), "") : NULL;

	free(a);
	free(b);
	return url;
}

static void take_image(struct seed_task *task, const cJSON *image, struct seed_step *step)
{
	char *url = view_url(step->api_base, image);

	if (url)
		seed_reply_image(step, task, url);
	else
		seed_reply_fail(step, ENOMEM, 0, "no memory for the answer");
	free(url);
}

/* The message of this name in status.messages, a list of [name, {…}]; or NULL. */
static const cJSON *find_message(const cJSON *entry, const char *name)
{
	const cJSON *messages = seed_json_at(entry, "status.messages");
	const cJSON *one = cJSON_IsArray(messages) ? messages->child : NULL;

	for (; one; one = one->next) {
		const char *is = seed_json_text(one, "[0]");

		if (is && strcmp(is, name) == 0)
			return one;
	}
	return NULL;
}

static void ended_badly(const cJSON *entry, struct seed_step *step)
{
	const cJSON *error = find_message(entry, "execution_error");
	char message[SEED_MESSAGE_MAX_BYTES], node[64];

	if (find_message(entry, "execution_interrupted")) {
		seed_reply_fail(step, EIO, 200, "the workflow was interrupted at the server");
		return;
	}
	seed_json_copy_text(message, sizeof(message), seed_json_text(error, "[1].exception_message"));
	seed_json_copy_text(node, sizeof(node), seed_json_text(error, "[1].node_type"));
	seed_reply_fail(step, EIO, 200, "the workflow failed%s%s%s%s", *node ? " at " : "", node,
			*message ? ": " : "", message);
}

/* How many pictures of this task were not valid. */
static long tried(const struct seed_task *task)
{
	return task->note ? strtol(task->note, NULL, 10) : 0;
}

/* The entry appears when the run has ended, whether it failed or not. */
static void read_entry(struct seed_task *task, const cJSON *entry, struct seed_step *step)
{
	const char *status = seed_json_text(entry, "status.status_str");
	const cJSON *image = find_image(entry, task->id, tried(task));

	if (status && strcmp(status, "error") == 0)
		ended_badly(entry, step);
	else if (image)
		take_image(task, image, step);
	else if (tried(task))
		seed_reply_fail(step, EBADMSG, 200, "no image from the workflow is valid");
	else if (cJSON_IsTrue(seed_json_at(entry, "status.completed")))
		seed_reply_fail(step, EIO, 200, "no image in the workflow's outputs");
	else
		step->kind = SEED_STEP_WAIT;
}

/* The last image is not valid: takes the next one of the same run. */
static void read_next(struct seed_task *task, const cJSON *entry, struct seed_step *step)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%ld", tried(task) + 1);
	if (seed_reply_keep(step, &task->note, number))
		read_entry(task, entry, step);
}

/* "{}" is the answer for a pending task, and for an unknown one. */
static void read_history(struct seed_task *task, const struct seed_response *response,
			 const cJSON *json, struct seed_step *step)
{
	const cJSON *entry;

	if (seed_reply_poll_trouble(step, response, json))
		return;
	entry = task->id ? member(json, task->id) : NULL;
	if (!cJSON_IsObject(entry))
		step->kind = SEED_STEP_WAIT;
	else if (task->stage == SEED_STAGE_OTHER)
		read_next(task, entry, step);
	else
		read_entry(task, entry, step);
}

/* --- Answers: the queue --- */

/* queue_running and queue_pending are lists of [number, id, …]; the smallest number is
 * next. */
static const cJSON *find_queued(const cJSON *list, const char *id)
{
	const cJSON *one = cJSON_IsArray(list) ? list->child : NULL;

	for (; one; one = one->next) {
		const char *is = seed_json_text(one, "[1]");

		if (is && strcmp(is, id) == 0)
			break;
	}
	return one;
}

static int count_before(const cJSON *list, const cJSON *ours)
{
	double number = 0, other;
	int count = 0;

	(void)seed_json_number(ours, "[0]", &number);
	for (const cJSON *one = list->child; one; one = one->next)
		count += seed_json_number(one, "[0]", &other) && other < number;
	return count;
}

/* A task moves from the queue to the history in one step. So one that is in neither is
 * lost, as all tasks are when the server restarts. */
static void read_queue(struct seed_task *task, const struct seed_response *response,
		       const cJSON *json, struct seed_step *step)
{
	const cJSON *running = seed_json_at(json, "queue_running");
	const cJSON *pending = seed_json_at(json, "queue_pending");
	const cJSON *ours;

	step->kind = SEED_STEP_WAIT;
	if (response->status >= 400 && response->status < 500 && response->status != 429) {
		step->kind = SEED_STEP_DONE;
		return;
	}
	if (response->status != 200 || !cJSON_IsArray(running) || !cJSON_IsArray(pending))
		return;
	ours = find_queued(pending, task->id);
	if (ours)
		step->queue_position = cJSON_GetArraySize(running) + count_before(pending, ours);
	else if (!find_queued(running, task->id))
		step->kind = SEED_STEP_UNKNOWN;
}

/* --- Answers: cancelling --- */

static void read_cancel(struct seed_task *task, const struct seed_response *response,
			const cJSON *json, struct seed_step *step)
{
	static const int after[] = { TURN_DELETE, TURN_LOOK, TURN_INTERRUPT, TURN_CANCEL };
	bool done = task->turn == TURN_INTERRUPT ||
		    (task->turn == TURN_CANCEL && response->status >= 200 && response->status < 300) ||
		    (task->turn == TURN_LOOK &&
		     !(task->id && find_queued(seed_json_at(json, "queue_running"), task->id)));

	if (done) {
		step->kind = SEED_STEP_DONE;
		return;
	}
	task->turn = after[task->turn];
	step->kind = SEED_STEP_NEXT;
}

const struct seed_provider seed_provider_comfyui = {
	.name = "comfyui",
	.default_base = "http://127.0.0.1:8188",
	.auth = SEED_AUTH_LOCAL,
	.default_model = "sd_xl_base_1.0.safetensors",
	.proof_path = "/system_stats",
	/* No REISSUE: the URLs at /view do not expire. */
	.on[SEED_STAGE_SUBMIT] = { ask_submit, read_submit },
	.on[SEED_STAGE_POLL] = { ask_history, read_history },
	.on[SEED_STAGE_OTHER] = { ask_history, read_history },
	.on[SEED_STAGE_LOOK] = { ask_queue, read_queue },
	.on[SEED_STAGE_CANCEL] = { ask_cancel, read_cancel },
};
