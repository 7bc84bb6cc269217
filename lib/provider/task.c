/* The data that providers work on: tasks, requests and steps. */
#include "lib/provider/json.h"
#include "lib/provider/provider.h"
#include "lib/record/record.h"

/* Journals on disk have these names, so none may change ("remint" is a reissue). */
static const char *const stage_names[] = {
	[SEED_STAGE_SUBMIT] = "submit", [SEED_STAGE_POLL] = "poll",
	[SEED_STAGE_RESULT] = "result", [SEED_STAGE_REISSUE] = "remint",
	[SEED_STAGE_CANCEL] = "cancel", [SEED_STAGE_LOOK] = "look",
	[SEED_STAGE_CHECK] = "check", [SEED_STAGE_OTHER] = "other",
};

static const struct field {
	const char *name;
	size_t offset;
} fields[] = {
	{ "id", offsetof(struct seed_task, id) },
	{ "poll_url", offsetof(struct seed_task, poll_url) },
	{ "result_url", offsetof(struct seed_task, result_url) },
	{ "cancel_url", offsetof(struct seed_task, cancel_url) },
	{ "image_url", offsetof(struct seed_task, image_url) },
	{ "note", offsetof(struct seed_task, note) },
};

static char **field_of(struct seed_task *task, const struct field *field)
{
	return (char **)(void *)((char *)task + field->offset);
}

void seed_task_release(struct seed_task *task)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(fields); i++)
		free(*field_of(task, &fields[i]));
	memset(task, 0, sizeof(*task));
}

errint_t seed_task_copy(struct seed_task *to, const struct seed_task *from)
{
	struct seed_task source = *from; /* borrowed */

	*to = (struct seed_task){ .stage = from->stage };
	for (size_t i = 0; i < SEED_ARRAY_LEN(fields); i++) {
		if (seed_record_set(field_of(to, &fields[i]), *field_of(&source, &fields[i]))) {
			seed_task_release(to);
			return -ENOMEM;
		}
	}
	return 0;
}

char *seed_task_format(const struct seed_task *task)
{
	struct seed_task copy = *task;
	cJSON *json = cJSON_CreateObject();
	char *text = NULL;
	bool ok = json && cJSON_AddStringToObject(json, "stage", stage_names[task->stage]);

	for (size_t i = 0; ok && i < SEED_ARRAY_LEN(fields); i++) {
		const char *value = *field_of(&copy, &fields[i]);

		ok = !value || cJSON_AddStringToObject(json, fields[i].name, value);
	}
	if (ok)
		text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

static errint_t parse_stage(const cJSON *json, enum seed_stage *stage)
{
	const char *name = seed_json_text(json, "stage");

	for (size_t i = 0; name && i < SEED_ARRAY_LEN(stage_names); i++) {
		if (strcmp(stage_names[i], name) == 0) {
			*stage = (enum seed_stage)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static errint_t parse_field(const cJSON *json, const char *name, char **value)
{
	const cJSON *item = seed_json_at(json, name);

	if (!item || cJSON_IsNull(item))
		return 0;
	if (!cJSON_IsString(item) || strlen(item->valuestring) > SEED_URL_MAX_BYTES)
		return -EBADMSG;
	return seed_record_set(value, item->valuestring);
}

errint_t seed_task_parse(const char *text, struct seed_task *task)
{
	cJSON *json = seed_json_parse(text, text ? strlen(text) : 0);
	errint_t result;

	memset(task, 0, sizeof(*task));
	result = !json && errno == ENOMEM ? -ENOMEM : parse_stage(json, &task->stage);
	for (size_t i = 0; !result && i < SEED_ARRAY_LEN(fields); i++)
		result = parse_field(json, fields[i].name, field_of(task, &fields[i]));
	cJSON_Delete(json);
	if (result)
		seed_task_release(task);
	return result;
}

static bool is_plain_id(const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	return len && !id[len];
}

/* The last parts of the path, from the slash before `name` on; NULL: it is not of that form. */
static const char *id_behind(const char *path, const char *name, size_t parts_before)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < parts_before; i++) {
		if (*path != '/' || path[1] == '/')
			return NULL;
		path += 1 + strcspn(path + 1, "/");
	}
	return strncmp(path, name, len) == 0 ? path + len : NULL;
}

/* NULL is none. */
static bool is_of(const char *url, const char *id, const char *api_base)
{
	static const char *const behind[] = { "", "/status", "/response", "/cancel" };
	size_t base_len = strlen(api_base), id_len = strlen(id);
	const char *at;

	if (!url)
		return true;
	while (base_len && api_base[base_len - 1] == '/')
		base_len--;
	if (strncmp(url, api_base, base_len) != 0)
		return false;
	url += base_len;
	if (url[strcspn(url, "?#%\\")] || strstr(url, "/.")) /* which is read differently here and there */
		return false;
	at = id_behind(url, "/predictions/", 0);
	if (!at)
		at = id_behind(url, "/requests/", 2);
	for (size_t i = 0; at && strncmp(at, id, id_len) == 0 && i < SEED_ARRAY_LEN(behind); i++)
		if (strcmp(at + id_len, behind[i]) == 0)
			return true;
	return false;
}

bool seed_task_names_itself(const struct seed_task *task, const char *api_base)
{
	if (!task->poll_url && !task->result_url && !task->cancel_url)
		return true;
	return task->id && is_plain_id(task->id) && is_of(task->poll_url, task->id, api_base) &&
	       is_of(task->result_url, task->id, api_base) && is_of(task->cancel_url, task->id, api_base);
}

/* --- Requests and steps --- */

void seed_request_release(struct seed_request *request)
{
	free(request->url);
	free(request->body);
	free(request->header);
	memset(request, 0, sizeof(*request));
}

void seed_step_init(struct seed_step *step)
{
	memset(step, 0, sizeof(*step));
	step->kind = SEED_STEP_FAIL;
	seed_buf_init(&step->bytes, SEED_DOWNLOAD_MAX_BYTES);
	step->retry_after_ms = -1;
	step->progress = -1;
	step->queue_position = -1;
	step->cost = -1;
}

void seed_step_release(struct seed_step *step)
{
	seed_buf_release(&step->bytes);
	free(step->refused_url);
	step->refused_url = NULL;
}
