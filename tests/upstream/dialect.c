#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"
#include "tests/upstream/picture.h"

const cJSON *dialect_member(const cJSON *object, const char *key)
{
	return object ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *dialect_text(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(dialect_member(object, key));
}

double dialect_number(const cJSON *object, const char *key, double otherwise)
{
	const cJSON *item = dialect_member(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

bool dialect_is_integer(const cJSON *item, double low, double high)
{
	return cJSON_IsNumber(item) && floor(item->valuedouble) >= item->valuedouble &&
	       item->valuedouble >= low && item->valuedouble <= high;
}

void dialect_prompt(struct request *request, const cJSON *prompt)
{
	if (!cJSON_IsString(prompt))
		return;
	free(request->prompt);
	request->prompt = xstrdup(prompt->valuestring);
}

void dialect_task(struct request *request, const char *id)
{
	const struct task *task = task_find(id);

	free(request->task);
	request->task = xstrdup(id);
	if (!task)
		return;
	free(request->prompt);
	request->prompt = xstrdup(task->prompt);
}

char *dialect_path_part(const char *path, const char *mark)
{
	const char *at = strstr(path, mark);

	at = at ? at + strlen(mark) : "";
	return xprintf("%.*s", (int)strcspn(at, "/"), at);
}

void dialect_finished(struct request *request, struct task *task)
{
	bool first;

	server_lock();
	first = !task->told;
	task->told = true;
	server_unlock();
	if (first)
		journal_add("finished", request);
}

const char *dialect_fail(const struct task *task, const char *key, const char *otherwise)
{
	const cJSON *fail = dialect_member(task->fault, "fail");
	const char *text = cJSON_IsObject(fail) ? fault_text(fail, key) : NULL;

	return text ? text : otherwise;
}

char *dialect_kind(const char *format, double width, double height)
{
	return xprintf("%s-%dx%d", format, (int)width, (int)height);
}

char *dialect_base64(const struct task *task)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const struct picture *picture = picture_get(task_kind(task), task->seed);
	size_t len = picture ? picture->len : 0;
	char *text = xalloc(len / 3 * 4 + 5), *to = text;

	for (size_t i = 0; i < len; i += 3) {
		const uint8_t *from = picture->data + i;
		size_t left = len - i;
		unsigned int bits = (unsigned int)from[0] << 16;

		if (left > 1)
			bits |= (unsigned int)from[1] << 8;
		if (left > 2)
			bits |= from[2];
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[bits & 63] : '=';
	}
	return text;
}
