/*
 * What the tests of the providers share: requests compared as JSON, answers
 * judged by a table. A row says what is expected; what it leaves out is not
 * looked at, except for `kind`.
 */
#ifndef TESTS_PROVIDER_HELP_H
#define TESTS_PROVIDER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "lib/provider/provider.h"

#define PROMPT "a red fox in deep snow"
#define MODEL "bytedance/seedream-v4-text-to-image"

struct answer_case {
	const char *name;
	enum seed_stage stage;
	long status;
	const char *body;
	enum seed_step_kind kind;
	int code;             /* FAIL: the errno */
	int http_status;      /* FAIL: 0: not looked at */
	const char *message;  /* FAIL: all of it */
	const char *image;    /* URL: the URL; BYTES: the bytes, as text */
	enum seed_stage then; /* WAIT, NEXT: the stage after it */
	const char *id;       /* the task's id after it */
	const char *tells;    /* "40%", "position 3", "" for nothing */
	bool misdirected;     /* it is about another task */
};

static inline void help_set(char **field, const char *text)
{
	free(*field);
	*field = text ? strdup(text) : NULL;
}

/* The mount's defaults. */
static inline void help_params(struct seed_params *params)
{
	seed_params_init(params);
	help_set(&params->model, MODEL);
	help_set(&params->quality, "high");
	help_set(&params->guidance, "detailed, cinematic lighting");
	params->width = 2048;
	params->height = 1152;
	params->steps = 30;
	params->cfg_scale = 8;
}

static inline struct seed_provider_config help_config(const struct seed_provider *provider)
{
	return (struct seed_provider_config){ .api_base = provider->default_base };
}

static inline void help_same_json(const char *name, const char *is, const char *should)
{
	cJSON *a = cJSON_Parse(is), *b = cJSON_Parse(should);

	if (!b)
		fail_msg("%s: the expected JSON is wrong", name);
	if (!cJSON_Compare(a, b, true))
		fail_msg("%s: the body is\n%s\nnot\n%s", name, is ? is : "(none)", should);
	cJSON_Delete(a);
	cJSON_Delete(b);
}

/* `body` NULL: there must be none. */
static inline void help_request_with(const struct seed_provider *provider,
				     const struct seed_provider_config *config,
				     const struct seed_params *params, struct seed_task *task,
				     const char *method, const char *url, const char *body)
{
	struct seed_request request = { 0 };

	assert_int_equal(seed_provider_request(provider, config, params, PROMPT, task, &request), 0);
	assert_string_equal(request.method, method);
	assert_string_equal(request.url, url);
	if (body)
		help_same_json(url, request.body, body);
	else
		assert_null(request.body);
	seed_request_release(&request);
}

static inline void help_request(const struct seed_provider *provider,
				const struct seed_params *params, struct seed_task *task,
				const char *method, const char *url, const char *body)
{
	struct seed_provider_config config = help_config(provider);

	help_request_with(provider, &config, params, task, method, url, body);
}

/* The provider has no such request. */
static inline void help_no_request(const struct seed_provider *provider, struct seed_task *task,
				   errint_t error)
{
	struct seed_provider_config config = help_config(provider);
	struct seed_request request = { 0 };
	struct seed_params params;

	help_params(&params);
	assert_int_equal(seed_provider_request(provider, &config, &params, PROMPT, task, &request),
			 error);
	seed_request_release(&request);
	seed_params_release(&params);
}

static inline void help_answer(const struct seed_provider *provider,
			       const struct seed_provider_config *config,
			       struct seed_task *task, long status, const char *body, size_t len,
			       struct seed_step *step)
{
	struct seed_response response = { .status = status, .body = body, .len = len,
					  .retry_after_ms = 7000 };
	struct seed_params params;

	help_params(&params);
	seed_provider_answer(provider, config, &params, task, &response, step);
	seed_params_release(&params);
}

static inline void help_judge_progress(const struct answer_case *c, const struct seed_step *step)
{
	char told[64] = "";

	if (step->progress >= 0)
		(void)snprintf(told, sizeof(told), "%.0f%%", step->progress * 100);
	if (step->queue_position >= 0)
		(void)snprintf(told + strlen(told), sizeof(told) - strlen(told), "position %d",
			       step->queue_position);
	if (strcmp(told, c->tells) != 0)
		fail_msg("%s: tells \"%s\", not \"%s\"", c->name, told, c->tells);
}

static inline void help_judge(const struct answer_case *c, const struct seed_task *task,
			      const struct seed_step *step)
{
	if (step->kind != c->kind)
		fail_msg("%s: step %d, not %d (%s)", c->name, step->kind, c->kind,
			 step->error.message);
	if (c->kind == SEED_STEP_FAIL) {
		if (step->error.code != c->code)
			fail_msg("%s: errno %s (%s)", c->name, seed_error_name(step->error.code),
				 step->error.message);
		if (c->message && strcmp(step->error.message, c->message) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", c->name, step->error.message,
				 c->message);
		if (c->http_status && step->error.http_status != c->http_status)
			fail_msg("%s: status %d", c->name, step->error.http_status);
	}
	if (step->misdirected != c->misdirected)
		fail_msg("%s: another's: %d", c->name, step->misdirected);
	if (c->kind == SEED_STEP_BACKOFF)
		assert_int_equal(step->retry_after_ms, 7000);
	if (c->kind == SEED_STEP_URL && c->image)
		assert_string_equal(task->image_url, c->image);
	if (c->kind == SEED_STEP_BYTES && c->image) {
		assert_int_equal(step->bytes.len_bytes, strlen(c->image));
		assert_memory_equal(step->bytes.data, c->image, strlen(c->image));
	}
	if ((c->kind == SEED_STEP_WAIT || c->kind == SEED_STEP_NEXT) && task->stage != c->then)
		fail_msg("%s: stage %d, not %d", c->name, task->stage, c->then);
	if (c->id) {
		assert_non_null(task->id);
		assert_string_equal(task->id, c->id);
	}
	if (c->tells)
		help_judge_progress(c, step);
}

static inline void help_run(const struct seed_provider *provider,
			    const struct seed_provider_config *config,
			    const struct answer_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct answer_case *c = &cases[i];
		struct seed_task task = { .stage = c->stage };
		struct seed_step step;

		if (c->stage != SEED_STAGE_SUBMIT)
			help_set(&task.id, "task-1");
		help_answer(provider, config, &task, c->status, c->body, strlen(c->body), &step);
		help_judge(c, &task, &step);
		seed_step_release(&step);
		seed_task_release(&task);
	}
}

static inline void help_run_cases(const struct seed_provider *provider,
				  const struct answer_case *cases, size_t count)
{
	struct seed_provider_config config = help_config(provider);

	help_run(provider, &config, cases, count);
}

/* Every stage survives what no service would send. */
static inline void help_hostile(const struct seed_provider *provider)
{
	static const char *const bodies[] = {
		"", "null", "true", "42", "\"data\"", "[]", "{}", "[[[[[", "{\"data\":",
		"{\"code\":200,\"data\":[]}", "{\"code\":{},\"data\":{\"state\":7}}",
		"{\"code\":1e999,\"data\":{\"taskId\":42,\"state\":{},\"failMsg\":[]}}",
		"{\"code\":-1}", "{\"data\":{\"taskId\":\"a b\"}}",
		"{\"data\":{\"taskId\":\"\\u0000\",\"resultJson\":\"{{{{\"}}",
		"{\"data\":[{\"url\":{},\"b64_json\":[],\"error\":3}]}",
		"{\"data\":[{\"url\":\"file:///etc/passwd\"}]}",
		"{\"data\":[{\"b64_json\":\"!!!!\"}],\"images\":[\"!!!!\"]}",
		"{\"images\":[7],\"info\":{},\"parameters\":\"x\"}",
		"{\"images\":[{\"url\":\"javascript:alert(1)\"}]}",
		"{\"id\":\"x\",\"status\":[],\"output\":{},\"urls\":7,\"error\":{}}",
		"{\"id\":\"x\",\"status\":\"succeeded\",\"output\":[[]]}",
		"{\"request_id\":[],\"status_url\":1,\"response_url\":\"ftp://x/\"}",
		"{\"status\":\"COMPLETED\",\"error\":[],\"error_type\":{}}",
		"{\"detail\":[[[]]],\"error\":{\"message\":[],\"code\":{}}}",
		"{\"detail\":[{\"msg\":\"m\",\"loc\":[1,[],{}]}]}",
		"{\"task-1\":{\"status\":[],\"outputs\":[]}}",
		"{\"task-1\":{\"status\":{\"status_str\":\"error\",\"messages\":[[],7,[1,2]]}}}",
		"{\"task-1\":{\"outputs\":{\"9\":{\"images\":[7,{\"filename\":[]}]}}}}",
		"{\"queue_running\":[7,[1],[1,[]]],\"current_task\":[]}",
		"{\"prompt_id\":7,\"node_errors\":[1,{\"errors\":7}]}",
		"\xff\xfe{\"message\":\"\xc3\x28\"}", "{\"message\":\"\xc3\x28\xff\"}",
	};
	enum { STAGES = SEED_ARRAY_LEN(provider->on) };
	static const long statuses[] = { 0, 100, 200, 202, 301, 400, 403, 404, 422, 429, 500 };
	struct seed_provider_config config = help_config(provider);

	for (size_t i = 0; i < SEED_ARRAY_LEN(bodies) * SEED_ARRAY_LEN(statuses) * STAGES; i++) {
		const char *body = bodies[i % SEED_ARRAY_LEN(bodies)];
		long status = statuses[i / SEED_ARRAY_LEN(bodies) % SEED_ARRAY_LEN(statuses)];
		struct seed_task task = { .stage = (enum seed_stage)(i % STAGES) };
		struct seed_step step;

		help_set(&task.id, "task-1");
		help_answer(provider, &config, &task, status, body, strlen(body), &step);
		assert_true(step.kind != SEED_STEP_URL && step.kind != SEED_STEP_BYTES);
		if (step.kind == SEED_STEP_FAIL)
			assert_true(step.error.code > 0 && step.error.message[0]);
		seed_step_release(&step);
		seed_task_release(&task);
	}
}

/* A body that is `open` repeated `count` times; the step must be no image. */
static inline void help_flood(const struct seed_provider *provider, const char *open, size_t count)
{
	struct seed_provider_config config = help_config(provider);
	size_t unit = strlen(open);
	char *body = malloc(unit * count + 1);
	struct seed_task task = { .stage = SEED_STAGE_SUBMIT };
	struct seed_step step;

	assert_non_null(body);
	for (size_t i = 0; i < count; i++)
		memcpy(body + i * unit, open, unit);
	body[unit * count] = 0;
	help_answer(provider, &config, &task, 200, body, unit * count, &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_int_equal(step.error.code, EIO);
	seed_step_release(&step);
	seed_task_release(&task);
	free(body);
}

#endif
