#include <stdlib.h>
#include <string.h>

#include "tests/upstream/fault.h"

struct rule {
	char *on;
	char *prompt; /* "" : any */
	long from;    /* the first request that it applies to, counted from 1 */
	long times;   /* how often; 0: always */
	long seen;
	cJSON *action;
	struct rule *next;
};

static struct rule *rules;

struct release {
	char *prompt;
	struct release *next;
};

static struct release *releases;

static const char *const actions[] = {
	"delay_ms", "hold", "hang", "reset", "close", "lost", "status", "code", "msg", "body",
	"type", "retry_after", "redirect", "cut", "drip", "length", "null", "state",
	"duration_ms", "hold_task", "fail", "no_url", "image", "url", "query", "task", "id",
	"progress", "position", "late_ms", "late_status", "cost", NULL,
};
static const char *const keys[] = { "on", "nth", "times", "prompt", "do", NULL };
static const char *const kinds[] = {
	"create", "generate", "poll", "result", "image", "mint", "cancel", "queue", "progress",
	"credit", NULL,
};

static bool listed(const char *const *list, const char *word)
{
	for (; word && *list; list++)
		if (!strcmp(*list, word))
			return true;
	return false;
}

bool fault_is(const cJSON *fault, const char *key)
{
	const cJSON *item = fault ? cJSON_GetObjectItemCaseSensitive(fault, key) : NULL;

	return item && !cJSON_IsFalse(item);
}

long fault_number(const cJSON *fault, const char *key, long otherwise)
{
	const cJSON *item = fault ? cJSON_GetObjectItemCaseSensitive(fault, key) : NULL;

	return cJSON_IsNumber(item) ? (long)item->valuedouble : otherwise;
}

const char *fault_text(const cJSON *fault, const char *key)
{
	return fault ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fault, key)) : NULL;
}

static char *check_words(const cJSON *object, const char *const *list)
{
	const cJSON *item;

	if (!cJSON_IsObject(object))
		return xstrdup("not an object");
	cJSON_ArrayForEach(item, object)
		if (!listed(list, item->string))
			return xprintf("unknown word: %s", item->string);
	return NULL;
}

static char *check_rule(const cJSON *rule)
{
	char *wrong = check_words(rule, keys);

	if (wrong)
		return wrong;
	if (!listed(kinds, fault_text(rule, "on")))
		return xstrdup("unknown kind of request");
	return check_words(cJSON_GetObjectItemCaseSensitive(rule, "do"), actions);
}

static void free_rules(void)
{
	while (rules) {
		struct rule *rule = rules;

		rules = rule->next;
		free(rule->on);
		free(rule->prompt);
		cJSON_Delete(rule->action);
		free(rule);
	}
}

void fault_clear(void)
{
	free_rules();
	while (releases) {
		struct release *release = releases;

		releases = release->next;
		free(release->prompt);
		free(release);
	}
}

static struct rule *make_rule(const cJSON *json)
{
	struct rule *rule = xalloc(sizeof(*rule));
	long nth = fault_number(json, "nth", 0);

	rule->on = xstrdup(fault_text(json, "on"));
	rule->prompt = xstrdup(fault_text(json, "prompt"));
	rule->from = nth ? nth : 1;
	rule->times = fault_number(json, "times", nth ? 1 : 0);
	rule->action = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(json, "do"), true);
	return rule;
}

char *fault_set(const cJSON *json, bool append)
{
	const cJSON *item;
	struct rule **end = &rules;
	char *wrong;

	if (!cJSON_IsArray(json))
		return xstrdup("not an array");
	cJSON_ArrayForEach(item, json) {
		wrong = check_rule(item);
		if (wrong)
			return wrong;
	}
	server_lock();
	if (!append)
		fault_clear();
	while (*end)
		end = &(*end)->next;
	cJSON_ArrayForEach(item, json) {
		*end = make_rule(item);
		end = &(*end)->next;
	}
	server_changed();
	server_unlock();
	return NULL;
}

cJSON *fault_find(const char *on, const char *prompt)
{
	cJSON *found = NULL;

	server_lock();
	for (struct rule *rule = rules; rule; rule = rule->next) {
		if (strcmp(rule->on, on) || !strstr(prompt, rule->prompt))
			continue;
		rule->seen++;
		if (!found && rule->seen >= rule->from &&
		    (!rule->times || rule->seen < rule->from + rule->times))
			found = cJSON_Duplicate(rule->action, true);
	}
	server_unlock();
	return found;
}

void fault_release(const char *prompt)
{
	struct release *release = xalloc(sizeof(*release));

	release->prompt = xstrdup(prompt);
	release->next = releases;
	releases = release;
	server_changed();
}

bool fault_released(const char *prompt)
{
	for (const struct release *release = releases; release; release = release->next)
		if (strstr(prompt, release->prompt))
			return true;
	return false;
}

/* Every `word` in `text` replaced; takes `text`. */
static char *replace(char *text, const char *word, const char *by)
{
	char *at;

	while ((at = strstr(text, word))) {
		char *longer = xprintf("%.*s%s%s", (int)(at - text), text, by, at + strlen(word));

		free(text);
		text = longer;
	}
	return text;
}

char *fault_expand(const char *text, const char *key, const char *base)
{
	return replace(replace(xstrdup(text), "%KEY%", key ? key : ""), "%BASE%", base);
}
