/*
 * openai: one synchronous request, at three kinds of servers.
 *
 *     POST /openai/v1/images/generations   OpenAI: refuses what it does not know
 *     POST /sdcpp/v1/images/generations    stable-diffusion.cpp: errors are texts;
 *                                          obeys <sd_cpp_extra_args> in the prompt
 *     POST /localai/v1/images/generations  LocalAI: cuts the prompt at "|"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/dialect.h"
#include "tests/upstream/fault.h"

static void refuse(struct reply *reply, unsigned int status, const char *code, const char *msg)
{
	cJSON *json = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(json, "error");

	if (!code && status == 401)
		code = "invalid_api_key";
	cJSON_AddStringToObject(error, "message", msg);
	cJSON_AddStringToObject(error, "type", status == 429 ? "requests" : "invalid_request_error");
	cJSON_AddNullToObject(error, "param");
	if (code)
		cJSON_AddStringToObject(error, "code", code);
	else
		cJSON_AddNullToObject(error, "code");
	reply_json(reply, status, json);
}

static void refuse_in_text(struct reply *reply, unsigned int status, const char *code,
			   const char *msg)
{
	cJSON *json = cJSON_CreateObject();

	(void)code;
	cJSON_AddStringToObject(json, "error", msg);
	reply_json(reply, status, json);
}

static const struct dialect openai = { "Bearer", refuse };
static const struct dialect sdcpp = { "Bearer", refuse_in_text };

static void identify(struct request *request)
{
	dialect_prompt(request, dialect_member(request->json, "prompt"));
}

/* What stands behind the bar is a negative prompt there. */
static void identify_localai(struct request *request)
{
	identify(request);
	request->prompt[strcspn(request->prompt, "|")] = '\0';
}

/* --- OpenAI's own checks --- */

static bool is_gpt_size(int width, int height)
{
	long pixels = (long)width * height;

	return width % 16 == 0 && height % 16 == 0 && pixels >= 655360 && pixels <= 8294400 &&
	       width <= 3 * height && height <= 3 * width;
}

/* The name of a field that the model does not have, or NULL. */
static const char *unknown_field(const cJSON *json)
{
	static const char *const all[] = { "model", "prompt", "n", "size", "quality", "user", NULL };
	const cJSON *item;

	cJSON_ArrayForEach(item, json) {
		bool known = !strcmp(item->string, "output_format");

		for (size_t i = 0; all[i] && !known; i++)
			known = !strcmp(item->string, all[i]);
		if (!known)
			return item->string;
	}
	return NULL;
}

/* What there is in November 2026, and its qualities. The dall-e models were
 * removed in May. */
static const char *qualities_of(const char *name)
{
	static const struct {
		const char *name, *qualities;
	} models[] = {
		{ "gpt-image-2.6-sunburst", "low medium high xhigh max auto" },
		{ "gpt-image-2.5-flare", "low medium high xhigh max auto" },
		{ "gpt-image-2", "low medium high auto" },
		{ "gpt-image-1.5", "low medium high auto" },
		{ "gpt-image-1", "low medium high auto" },
		{ "gpt-image-1-mini", "low medium high auto" },
	};

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (name && !strcmp(name, models[i].name))
			return models[i].qualities;
	return NULL;
}

static bool is_quality(const char *list, const char *quality)
{
	size_t len = strlen(quality);
	const char *at = strstr(list, quality);

	return at && (at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]);
}

/* 1 and before have three sizes. */
static bool is_size(const char *model, int width, int height)
{
	if (!strncmp(model, "gpt-image-2", 11))
		return is_gpt_size(width, height);
	return (width == 1024 && (height == 1024 || height == 1536)) ||
	       (width == 1536 && height == 1024);
}

static bool check(const struct request *request, struct reply *reply, int width, int height)
{
	const char *model = dialect_text(request->json, "model");
	const char *quality = dialect_text(request->json, "quality");
	const char *qualities = qualities_of(model), *field = unknown_field(request->json);
	char *message = NULL;

	if (!qualities) {
		message = xprintf("The model '%s' does not exist.", model ? model : "");
		refuse(reply, 404, "model_not_found", message);
		free(message);
		return false;
	}
	if (field)
		message = xprintf("Unknown parameter: '%s'.", field);
	else if (!*request->prompt)
		message = xstrdup("Missing required parameter: 'prompt'.");
	else if (quality && !is_quality(qualities, quality))
		message = xprintf("Invalid value: '%s'. Supported values are: %s.", quality, qualities);
	else if (!is_size(model, width, height))
		message = xstrdup("Invalid value: 'size'.");
	if (message)
		refuse(reply, 400, "invalid_value", message);
	free(message);
	return !message;
}

/* --- Answers --- */

static void generate(struct request *request, struct reply *reply, bool as_url, double width,
		     double height)
{
	const char *model = dialect_text(request->json, "model");
	struct task *task = task_new(request, model ? model : "its own",
				     dialect_kind("png", width, height));
	cJSON *json, *one;
	char *text;

	if (!task_wait(task, request)) {
		reply->close = true;
		return;
	}
	dialect_finished(request, task);
	json = cJSON_CreateObject();
	one = cJSON_CreateObject();
	cJSON_AddNumberToObject(json, "created", (double)(wall_ms() / 1000));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "data"), one);
	text = as_url ? task_url(task) : dialect_base64(task);
	if (text && !fault_is(task->fault, "no_url"))
		cJSON_AddStringToObject(one, as_url ? "url" : "b64_json", text);
	free(text);
	reply_json(reply, 200, json);
}

static void read_size(const struct request *request, int *width, int *height)
{
	const char *size = dialect_text(request->json, "size");

	if (!size || sscanf(size, "%dx%d", width, height) != 2)
		*width = *height = 512;
}

static void answer_openai(struct request *request, struct reply *reply)
{
	const char *format = dialect_text(request->json, "response_format");
	int width, height;

	read_size(request, &width, &height);
	if (check(request, reply, width, height))
		generate(request, reply, format && !strcmp(format, "url"), width, height);
}

/* It does what the words in the prompt say: here, the picture's size. */
static void answer_sdcpp(struct request *request, struct reply *reply)
{
	static const char tag[] = "<sd_cpp_extra_args>";
	const char *at = strstr(request->prompt, tag);
	cJSON *args = at ? cJSON_ParseWithOpts(at + strlen(tag), NULL, false) : NULL;
	int width, height;

	read_size(request, &width, &height);
	if (!*request->prompt)
		refuse_in_text(reply, 400, NULL, "prompt required");
	else
		generate(request, reply, false, dialect_number(args, "width", width),
			 dialect_number(args, "height", height));
	cJSON_Delete(args);
}

static void answer_localai(struct request *request, struct reply *reply)
{
	const char *format = dialect_text(request->json, "response_format");
	int width, height;

	read_size(request, &width, &height);
	generate(request, reply, !format || strcmp(format, "b64_json") != 0, width, height);
}

#define GENERATIONS "/v1/images/generations"

const struct route openai_routes[] = {
	{ "POST", "/openai" GENERATIONS, false, true, "create", identify, answer_openai, NULL,
	  &openai },
	{ "POST", "/sdcpp" GENERATIONS, false, false, "create", identify, answer_sdcpp, NULL,
	  &sdcpp },
	{ "POST", "/localai" GENERATIONS, false, false, "create", identify_localai, answer_localai,
	  NULL, &openai },
	{ 0 },
};
