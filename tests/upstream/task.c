#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"
#include "tests/upstream/picture.h"
#include "tests/upstream/task.h"

static struct task *tasks;
static unsigned long made;

uint64_t task_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
	return hash;
}

/* The picture of a prompt's first task depends on the prompt alone; asked
 * again, a service draws another one. */
static uint64_t make_seed(const char *prompt)
{
	unsigned int ordinal = 1;
	uint64_t seed;
	char *text;

	for (const struct task *task = tasks; task; task = task->next)
		ordinal += !strcmp(task->prompt, prompt);
	if (ordinal == 1)
		return task_hash(prompt);
	text = xprintf("%s#%u", prompt, ordinal);
	seed = task_hash(text);
	free(text);
	return seed;
}

struct task *task_new(struct request *request, const char *model, char *kind)
{
	struct task *task = xalloc(sizeof(*task));

	task->prompt = xstrdup(request->prompt);
	task->model = xstrdup(model);
	task->param = xstrdup(request->body);
	task->base = xstrdup(request->base);
	task->kind = kind;
	task->key = xstrdup(request->key);
	task->fault = cJSON_Duplicate(request->fault, true);
	task->made_ms = now_ms();
	task->made_wall_ms = wall_ms();
	server_lock();
	task->duration_ms = fault_number(task->fault, "duration_ms", config.duration_ms);
	task->seed = make_seed(task->prompt);
	task->id = request->task ? xstrdup(request->task) :
		   fault_text(task->fault, "id") ? xstrdup(fault_text(task->fault, "id")) :
		   xprintf("task_test_%lld%03lu", (long long)task->made_wall_ms, ++made);
	task->next = tasks;
	tasks = task;
	server_unlock();
	free(request->task);
	request->task = xstrdup(task->id);
	journal_add("accepted", request);
	return task;
}

struct task *task_find(const char *id)
{
	struct task *task;

	server_lock();
	for (task = tasks; task && (task->forgotten || strcmp(task->id, id ? id : ""));
	     task = task->next)
		;
	server_unlock();
	return task;
}

struct task *task_of_seed(uint64_t seed)
{
	struct task *task;

	server_lock();
	for (task = tasks; task && task->seed != seed; task = task->next)
		;
	server_unlock();
	return task;
}

const struct task *task_next(const struct task *task)
{
	const struct task *next;

	server_lock();
	next = task ? task->next : tasks;
	while (next && next->forgotten)
		next = next->next;
	server_unlock();
	return next;
}

void task_forget(void)
{
	server_lock();
	for (struct task *task = tasks; task; task = task->next)
		task->forgotten = true;
	server_unlock();
}

void task_cancel(struct task *task)
{
	server_lock();
	task->cancelled = true;
	server_changed();
	server_unlock();
}

void task_interrupt(struct task *task, int ms)
{
	server_lock();
	if (!task->ends_ms)
		task->ends_ms = now_ms() + ms;
	server_unlock();
}

static bool over(const struct task *task)
{
	if (task->cancelled)
		return true;
	if (task->ends_ms)
		return now_ms() >= task->ends_ms;
	if (fault_is(task->fault, "hold_task") && !fault_released(task->prompt))
		return false;
	return now_ms() >= task->made_ms + task->duration_ms;
}

unsigned int task_picture_status(struct task *task)
{
	int64_t there_ms;

	if (!task || !fault_is(task->fault, "late_ms"))
		return 200;
	server_lock();
	if (!task->asked_ms)
		task->asked_ms = now_ms();
	there_ms = task->asked_ms + fault_number(task->fault, "late_ms", 0);
	server_unlock();
	return now_ms() >= there_ms ? 200 :
	       (unsigned int)fault_number(task->fault, "late_status", 404);
}

const char *task_state(const struct task *task)
{
	int64_t age = now_ms() - task->made_ms;
	bool ended;

	server_lock();
	ended = over(task);
	server_unlock();
	if (ended)
		return fault_is(task->fault, "fail") ? "fail" : "success";
	if (age * 10 < task->duration_ms)
		return "waiting";
	return age * 5 < task->duration_ms ? "queuing" : "generating";
}

bool task_wait(const struct task *task, const struct request *request)
{
	bool ended = false, here = true;

	while (!ended && here) {
		server_lock();
		ended = over(task);
		server_unlock();
		here = ended || request_pause(request, 5);
	}
	return ended;
}

const char *task_kind(const struct task *task)
{
	const char *kind = fault_text(task->fault, "image");

	if (kind)
		return kind;
	return task->kind ? task->kind : config.image;
}

/* Where pictures are: this server as the client called it, or its other port. */
static char *picture_host(const struct task *task)
{
	const char *colon = strrchr(task->base, ':');

	if (!config.apart)
		return xstrdup(task->base);
	return xprintf("%.*s:%u", (int)(colon - task->base), task->base,
		       listen_port(DOOR_IMAGES));
}

char *task_url(const struct task *task)
{
	const char *url = fault_text(task->fault, "url"), *query = fault_text(task->fault, "query");
	const char *kind = task_kind(task);
	char *made_url, *with_query, *host;

	if (fault_is(task->fault, "no_url"))
		return NULL;
	host = picture_host(task);
	if (!url)
		made_url = xprintf("%s/files/%s/%016llx.%s", host, kind,
				   (unsigned long long)task->seed, picture_suffix(kind));
	else if (url[0] == '/')
		made_url = xprintf("%s%s", host, url);
	else
		made_url = fault_expand(url, task->key, task->base);
	free(host);
	if (!query)
		return made_url;
	with_query = xprintf("%s?%s", made_url, query);
	free(made_url);
	return with_query;
}

void task_clear(void)
{
	while (tasks) {
		struct task *task = tasks;

		tasks = task->next;
		free(task->id);
		free(task->prompt);
		free(task->model);
		free(task->param);
		free(task->base);
		free(task->kind);
		free(task->key);
		cJSON_Delete(task->fault);
		free(task);
	}
}
