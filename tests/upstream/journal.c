#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"

struct entry {
	char *on;
	char *prompt;
	char *line; /* as JSON, without a line break */
	struct entry *next;
};

static struct entry *first, **end = &first;
static FILE *file;

void journal_open(const char *path)
{
	file = path ? fopen(path, "we") : NULL;
	if (path && !file)
		perror(path);
}

static const char *auth_name(enum auth auth)
{
	return auth == AUTH_NONE ? "none" : auth == AUTH_OK ? "ok" : "bad";
}

static int add_query(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	cJSON_AddStringToObject(context, key, value ? value : "");
	return MHD_YES;
}

/* What asks for something; not what every request has. */
static int add_header(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	static const char *const usual[] = {
		"Host", "User-Agent", "Accept", "Accept-Encoding", "Authorization",
		"Content-Type", "Content-Length", "Connection", NULL,
	};

	(void)kind;
	for (const char *const *name = usual; *name; name++)
		if (!strcasecmp(*name, key))
			return MHD_YES;
	cJSON_AddStringToObject(context, key, value ? value : "");
	return MHD_YES;
}

static void add_answer(cJSON *json, const struct request *request, const struct reply *reply)
{
	const char *after = fault_text(request->fault, "retry_after");
	cJSON *body = reply->close || !reply->data ? NULL :
		      cJSON_ParseWithLength(reply->data, reply->len);
	const cJSON *code = body ? cJSON_GetObjectItemCaseSensitive(body, "code") : NULL;

	cJSON_AddNumberToObject(json, "status", reply->close ? 0 : reply->status);
	if (cJSON_IsNumber(code))
		cJSON_AddNumberToObject(json, "code", code->valuedouble);
	if (after)
		cJSON_AddStringToObject(json, "retry_after", after);
	cJSON_Delete(body);
}

/* With what it was answered, unless `reply` is NULL. */
static char *format(const char *on, const struct request *request, const struct reply *reply)
{
	const char *agent = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_USER_AGENT);
	cJSON *json = cJSON_CreateObject();
	char *line;

	cJSON_AddNumberToObject(json, "time", (double)wall_ms());
	cJSON_AddStringToObject(json, "on", on);
	cJSON_AddNumberToObject(json, "number", (double)request->number);
	cJSON_AddStringToObject(json, "method", request->method);
	cJSON_AddStringToObject(json, "path", request->path);
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND,
				  (MHD_KeyValueIterator)add_query,
				  cJSON_AddObjectToObject(json, "query"));
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND,
				  (MHD_KeyValueIterator)add_header,
				  cJSON_AddObjectToObject(json, "headers"));
	cJSON_AddStringToObject(json, "auth", auth_name(request->auth));
	cJSON_AddStringToObject(json, "agent", agent ? agent : "");
	cJSON_AddStringToObject(json, "prompt", request->prompt);
	if (request->task)
		cJSON_AddStringToObject(json, "task", request->task);
	if (reply)
		add_answer(json, request, reply);
	else if (request->json)
		cJSON_AddItemToObject(json, "body", cJSON_Duplicate(request->json, true));
	line = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return line;
}

static void add(const char *on, struct request *request, const struct reply *reply)
{
	static unsigned long requests;
	struct entry *entry = xalloc(sizeof(*entry));

	entry->on = xstrdup(on);
	entry->prompt = xstrdup(request->prompt);
	server_lock();
	if (!request->number)
		request->number = ++requests;
	entry->line = format(on, request, reply);
	*end = entry;
	end = &entry->next;
	if (file) {
		fprintf(file, "%s\n", entry->line);
		fflush(file);
	}
	server_changed();
	server_unlock();
}

void journal_add(const char *on, struct request *request)
{
	add(on, request, NULL);
}

void journal_answer(struct request *request, const struct reply *reply)
{
	if (!strcmp(request->route->on, "create") || !strcmp(request->route->on, "generate"))
		add("answered", request, reply);
}

static bool matches(const struct entry *entry, const char *on, const char *prompt)
{
	bool submit = on && !strcmp(on, "submit") &&
		      (!strcmp(entry->on, "create") || !strcmp(entry->on, "generate"));

	return (!on || submit || !strcmp(entry->on, on)) &&
	       (!prompt || strstr(entry->prompt, prompt));
}

size_t journal_count(const char *on, const char *prompt)
{
	size_t count = 0;

	for (const struct entry *entry = first; entry; entry = entry->next)
		count += matches(entry, on, prompt);
	return count;
}

char *journal_lines(const char *on, const char *prompt)
{
	size_t size = 1, at = 0;
	char *text;

	for (const struct entry *entry = first; entry; entry = entry->next)
		size += matches(entry, on, prompt) ? strlen(entry->line) + 1 : 0;
	text = xalloc(size);
	for (const struct entry *entry = first; entry; entry = entry->next) {
		size_t len = strlen(entry->line);

		if (!matches(entry, on, prompt))
			continue;
		memcpy(text + at, entry->line, len);
		at += len;
		text[at++] = '\n';
	}
	return text;
}

void journal_clear(void)
{
	while (first) {
		struct entry *entry = first;

		first = entry->next;
		free(entry->on);
		free(entry->prompt);
		free(entry->line);
		free(entry);
	}
	end = &first;
}
