/* The list of providers, tasks, and what the providers share. */
#include "tests/unit/provider_help.h"

#include "lib/provider/ask.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

/* --- The list --- */

/* What each is, the manual says: tests/unit/options.c compares. Here is what must fit
 * together in every row. */
static void lists_every_provider(void **state)
{
	const struct seed_provider *p;
	size_t count = 0;

	SEED_UNUSED(state);
	for (; (p = seed_provider_at(count)) != NULL; count++) {
		bool needs_key = p->auth == SEED_AUTH_BEARER || p->auth == SEED_AUTH_KEY;

		assert_ptr_equal(p, seed_provider_find(p->name));
		assert_int_equal(p->key_variables[0] != NULL, needs_key);
		assert_int_equal(p->default_base == NULL, p->draws);
		assert_int_equal(p->on[SEED_STAGE_SUBMIT].ask == NULL, p->draws);
		assert_int_equal(p->site == NULL, p->site_model == NULL);
		/* An answer is read only where something is asked. */
		for (size_t s = 0; s < SEED_ARRAY_LEN(p->on); s++)
			assert_true(p->on[s].ask || !p->on[s].read);
	}
	assert_true(count > 0);
	assert_null(seed_provider_at(SIZE_MAX));
	assert_null(seed_provider_find("dall-e"));
	assert_null(seed_provider_find(""));
	assert_null(seed_provider_find("KIE"));
}

static void sends_keys_in_their_way(void **state)
{
	static const struct {
		const char *provider, *key, *value;
	} rows[] = {
		{ "kie", "k1", "Bearer k1" }, { "kie-image", "k1", "Bearer k1" }, { "ark", "k1", "Bearer k1" },
		{ "replicate", "k1", "Bearer k1" }, { "fal", "a:b", "Key a:b" }, { "openai", "a:b", "Bearer a:b" },
		{ "automatic1111", "user:password", "Basic dXNlcjpwYXNzd29yZA==" },
		{ "automatic1111", "u:p", "Basic dTpw" }, { "comfyui", "u:pw", "Basic dTpwdw==" },
		{ "comfyui", "token", "Bearer token" }, { "comfyui", "Bearer a:b", "Bearer a:b" },
		{ "comfyui", "basic u:p", "Basic dTpw" }, { "comfyui", "Basic dTpw", "Basic dTpw" },
		{ "sketch", "x", NULL },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		char *value = seed_provider_authorization(seed_provider_find(rows[i].provider),
							  rows[i].key);

		if (rows[i].value)
			assert_string_equal(value, rows[i].value);
		else
			assert_null(value);
		free(value);
	}
}

static void keeps_kie_to_its_limits(void **state)
{
	const struct seed_provider *p = seed_provider_find("kie");

	SEED_UNUSED(state);
	assert_int_equal(p->rate_count, 20);
	assert_int_equal(p->rate_seconds, 10);
	assert_int_equal(p->queries_per_second, 10);
}

static void names_the_model_that_is_asked(void **state)
{
	static const struct {
		const char *provider, *base, *workflow, *asked, *model;
	} rows[] = {
		{ "kie", "https://api.kie.ai", NULL, MODEL, MODEL },
		{ "kie", "https://api.kie.ai", NULL, NULL, MODEL },
		{ "kie", "https://api.kie.ai", NULL, "qwen2", "qwen2" },
		{ "ark", "https://ark.ap-southeast.bytepluses.com/api/v3", NULL, MODEL, "seedream-4-0-250828" },
		{ "ark", "https://ark.cn-beijing.volces.com/api/v3", NULL, "", "doubao-seedream-4-0-250828" },
		{ "openai", "https://api.openai.com/v1", NULL, MODEL, "gpt-image-2" },
		{ "openai", "https://API.openai.com:443/v1", NULL, MODEL, "gpt-image-2" },
		{ "openai", "http://127.0.0.1:1234/v1", NULL, MODEL, NULL },
		{ "openai", "http://127.0.0.1:1234/v1", NULL, "flux", "flux" },
		{ "automatic1111", "http://127.0.0.1:7860", NULL, MODEL, NULL },
		{ "comfyui", "http://127.0.0.1:8188", NULL, MODEL, "sd_xl_base_1.0.safetensors" },
		{ "comfyui", "http://127.0.0.1:8188", "{{prompt}}", MODEL, NULL },
		{ "comfyui", "http://127.0.0.1:8188", "{{prompt}}", "a", "a" },
		{ "comfyui", "http://127.0.0.1:8188", "{{prompt}} {{model}}", MODEL, "sd_xl_base_1.0.safetensors" },
		{ "sketch", NULL, NULL, MODEL, "sketch" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		const struct seed_provider_config config = { .api_base = rows[i].base,
							     .workflow = rows[i].workflow };
		const char *model = seed_provider_model(seed_provider_find(rows[i].provider), &config,
							rows[i].asked);

		if (!rows[i].model != !model || (model && strcmp(model, rows[i].model) != 0))
			fail_msg("%s at %s: model %s, not %s", rows[i].provider, rows[i].base,
				 model ? model : "(none)", rows[i].model ? rows[i].model : "(none)");
	}
}

static void sketch_asks_nobody(void **state)
{
	const struct seed_provider *p = seed_provider_find("sketch");
	struct seed_task task = { 0 };

	SEED_UNUSED(state);
	help_no_request(p, &task, -EOPNOTSUPP);
	help_hostile(p);
}

/* --- Tasks --- */

static void tasks_survive_the_journal(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_RESULT }, back;
	char *text;

	SEED_UNUSED(state);
	help_set(&task.id, "task \"1\"\n");
	help_set(&task.poll_url, "https://x.test/p?a=1&b=2");
	help_set(&task.result_url, "https://x.test/r");
	help_set(&task.image_url, "https://x.test/\xc3\xa9");
	text = seed_task_format(&task);
	help_same_json("task", text, "{\"stage\":\"result\",\"id\":\"task \\\"1\\\"\\n\","
		       "\"poll_url\":\"https://x.test/p?a=1&b=2\",\"result_url\":\"https://x.test/r\","
		       "\"image_url\":\"https://x.test/\xc3\xa9\"}");
	assert_int_equal(seed_task_parse(text, &back), 0);
	assert_int_equal(back.stage, SEED_STAGE_RESULT);
	assert_string_equal(back.id, task.id);
	assert_string_equal(back.poll_url, task.poll_url);
	assert_string_equal(back.result_url, task.result_url);
	assert_null(back.cancel_url);
	assert_string_equal(back.image_url, task.image_url);
	free(text);
	seed_task_release(&task);
	assert_null(task.id);
	seed_task_release(&back);
}

static void every_stage_has_its_name(void **state)
{
	static const char *const names[] = { "submit", "poll", "result", "remint", "cancel" };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(names); i++) {
		struct seed_task task = { .stage = (enum seed_stage)i };
		char *text = seed_task_format(&task), should[32];

		snprintf(should, sizeof(should), "{\"stage\":\"%s\"}", names[i]);
		assert_string_equal(text, should);
		assert_int_equal(seed_task_parse(text, &task), 0);
		assert_int_equal(task.stage, i);
		free(text);
	}
}

static void refuses_what_is_no_task(void **state)
{
	static const char *const texts[] = {
		"", "null", "[]", "{}", "{\"stage\":7}", "{\"stage\":\"\"}", "{\"stage\":\"Poll\"}",
		"{\"stage\":\"poll\",\"id\":7}", "{\"stage\":\"poll\",\"image_url\":[\"x\"]}",
		"{\"stage\":\"poll\"", "{\"stage\":\"poll\"}x",
	};
	struct seed_task task;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		assert_int_equal(seed_task_parse(texts[i], &task), -EBADMSG);
		assert_null(task.id);
	}
	assert_int_equal(seed_task_parse(NULL, &task), -EBADMSG);
	assert_int_equal(seed_task_parse("{\"stage\":\"poll\",\"id\":null,\"later\":[1]}", &task), 0);
	assert_null(task.id);
	seed_task_release(&task);
}

static void refuses_an_endless_task(void **state)
{
	char *text = malloc(SEED_URL_MAX_BYTES + 64);
	struct seed_task task;
	int head = snprintf(text, 64, "{\"stage\":\"poll\",\"poll_url\":\"");

	SEED_UNUSED(state);
	memset(text + head, 'a', SEED_URL_MAX_BYTES + 1);
	snprintf(text + head + SEED_URL_MAX_BYTES + 1, 8, "\"}");
	assert_int_equal(seed_task_parse(text, &task), -EBADMSG);
	free(text);
}

/* --- JSON --- */

static void walks_paths(void **state)
{
	static const char text[] =
		"{\"a\":{\"b\":[{\"c\":\"x\"},7]},\"n\":\"42\",\"e\":\"\",\"i\":\"a\\u00e9\",\"z\":1e300,"
		"\"u\":\"https://x.test/\"}";
	cJSON *json = seed_json_parse(text, strlen(text));
	double number;

	SEED_UNUSED(state);
	assert_non_null(json);
	assert_string_equal(seed_json_text(json, "a.b[0].c"), "x");
	assert_null(seed_json_text(json, "a.b[1].c"));
	assert_null(seed_json_text(json, "a.b[2]"));
	assert_null(seed_json_text(json, "a.b[-1]"));
	assert_null(seed_json_text(json, "a.b.c"));
	assert_null(seed_json_text(json, "A"));
	assert_null(seed_json_text(json, "e"));
	assert_ptr_equal(seed_json_at(json, ""), json);
	assert_null(seed_json_at(NULL, "a"));
	assert_true(seed_json_number(json, "a.b[1]", &number));
	assert_int_equal((int)number, 7);
	assert_int_equal(seed_json_int(json, "n", 1), 42);
	assert_int_equal(seed_json_int(json, "z", 1), 1);
	assert_int_equal(seed_json_int(json, "i", 1), 1);
	assert_int_equal(seed_json_int(json, "none", 1), 1);
	assert_string_equal(seed_json_url(json, "u"), "https://x.test/");
	assert_null(seed_json_url(json, "n"));
	cJSON_Delete(json);
}

static void reads_ids(void **state)
{
	static const struct {
		const char *text, *id;
	} cases[] = {
		{ "\"task_17\"", "task_17" }, { "\"42\"", "42" }, { "42", "42" }, { "0", "0" },
		{ "1765176547151", "1765176547151" }, { "1.765176547151e12", "1765176547151" },
		{ "9007199254740991", "9007199254740991" }, { "9007199254740992", "" },
		{ "1792301239012345678", "" }, { "1e300", "" }, { "1e999", "" }, { "-1", "" },
		{ "1.5", "" }, { "\"\"", "" }, { "\"a b\"", "" }, { "\"a\\u00e9\"", "" },
		{ "true", "" }, { "null", "" }, { "[1]", "" }, { "{\"id\":1}", "" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		cJSON *json = seed_json_parse(cases[i].text, strlen(cases[i].text));
		struct seed_json_id id;

		assert_non_null(json);
		assert_int_equal(seed_json_id(json, "", &id), *cases[i].id != '\0');
		assert_string_equal(id.text, cases[i].id);
		cJSON_Delete(json);
	}
}

static void bounds_what_it_parses(void **state)
{
	char *deep = malloc(300), *wide = malloc(400000);
	cJSON *json;

	SEED_UNUSED(state);
	assert_true(deep && wide);
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	json = seed_json_parse(deep, 128);
	assert_non_null(json);
	cJSON_Delete(json);
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	assert_null(seed_json_parse(deep, 130));
	wide[0] = '[';
	for (size_t i = 0; i < 150000; i++)
		memcpy(wide + 1 + 2 * i, "0,", 2);
	memcpy(wide + 300001, "0]", 2);
	assert_null(seed_json_parse(wide, 300003));
	/* Inside of a string nothing counts. */
	memset(wide, ',', 300000);
	memcpy(wide, "\"\\\"", 3);
	wide[299999] = '"';
	json = seed_json_parse(wide, 300000);
	assert_non_null(json);
	cJSON_Delete(json);
	assert_null(seed_json_parse("\"\\", 2));
	assert_null(seed_json_parse("{\"a\":1}\0", 8));
	free(deep);
	free(wide);
}

static void copies_text_as_one_line_of_utf8(void **state)
{
	static const struct {
		const char *text, *copy;
	} texts[] = {
		{ NULL, "" },	       { "", "" },		      { "abc", "abc" },
		{ "a\tb\nc", "a b c" }, { "abcdefghijkl", "abcdefg" }, { "abcdef\xc3\xa9", "abcdef" },
		{ "abcde\xc3\xa9", "abcde\xc3\xa9" }, { "a\xff" "b", "a b" }, { "\xc3", " " }, { "\xc3(", " (" },
	};
	char out[8];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		seed_json_copy_text(out, sizeof(out), texts[i].text);
		assert_string_equal(out, texts[i].copy);
	}
}

static void finds_the_message(void **state)
{
	static const struct {
		const char *json, *message;
	} rows[] = {
		{ "{\"msg\":\"a\"}", "a" }, { "{\"message\":\"a\"}", "a" }, { "{\"error\":\"a\"}", "a" },
		{ "{\"error\":{\"message\":\"a\"}}", "a" }, { "{\"detail\":\"a\",\"title\":\"b\"}", "a" },
		{ "{\"detail\":[{\"msg\":\"a\"}]}", "a" },
		{ "{\"detail\":[{\"msg\":\"a\",\"loc\":[\"body\",\"f\",0],\"input\":\"prompt\"}]}", "f: a" },
		{ "{\"error\":\"E\",\"detail\":\"\",\"errors\":\"a\"}", "a" }, { "{\"title\":\"a\"}", "a" },
		{ "{}", "" }, { "[]", "" }, { "{\"msg\":7,\"message\":\"a\"}", "a" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		cJSON *json = seed_json_parse(rows[i].json, strlen(rows[i].json));
		char message[SEED_MESSAGE_MAX_BYTES];

		seed_json_message(json, message, sizeof(message));
		assert_string_equal(message, rows[i].message);
		cJSON_Delete(json);
	}
}

/* --- Requests --- */

static void encodes_a_model_as_a_path(void **state)
{
	static const struct {
		const char *model, *path;
	} rows[] = {
		{ "a", "/a" }, { "a/b", "/a/b" }, { "a b/c?d", "/a%20b/c%3Fd" }, { "a..b/...", "/a..b/..." },
		{ "", NULL }, { ".", NULL }, { "..", NULL }, { "a/..", NULL }, { "/a", NULL }, { "a/", NULL },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		char *path;

		assert_int_equal(seed_ask_model_path("", rows[i].model, "", &path), rows[i].path ? 0 : -EINVAL);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
		else
			assert_null(path);
		free(path);
	}
}

static void makes_uuids(void **state)
{
	char *a = seed_ask_uuid(), *b = seed_ask_uuid();

	SEED_UNUSED(state);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_string_not_equal(a, b);
	assert_true(seed_ask_random(8) < 256);
	free(a);
	free(b);
}

/* --- Answers --- */

static void judges_words(void **state)
{
	static const struct {
		const char *words;
		int code;
	} rows[] = {
		{ "", EIO }, { "internal error", EIO }, { "the request could not be processed", EIO },
		{ "The input or output was flagged as sensitive.", EPERM }, { "x (E005)", EPERM },
		{ "CONTENT_POLICY_BLOCKED", EPERM }, { "content_policy_violation", EPERM },
		{ "may violate our Content Policies", EPERM }, { "moderation_blocked", EPERM },
		{ "InputTextSensitiveContentDetected", EPERM },
		{ "current content could not be processed", EPERM },
		{ "insufficient_quota", EDQUOT }, { "QuotaExceeded", EDQUOT }, { "SetLimitExceeded", EDQUOT },
		{ "AccountOverdueError", EDQUOT }, { "Reason: Exhausted balance", EDQUOT },
		{ "ModelAccountIpmRateLimitExceeded", EIO }, { "rate_limit_exceeded", EIO },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++)
		if (seed_reply_judge_words(rows[i].words, EIO) != rows[i].code)
			fail_msg("\"%s\"", rows[i].words);
}

static void takes_pictures_of_every_kind(void **state)
{
	static const struct {
		const char *text;
		enum seed_step_kind kind;
		const char *bytes;
	} rows[] = {
		{ "https://x.test/a.png?s=1", SEED_STEP_URL, NULL }, { "HTTP://x.test/", SEED_STEP_URL, NULL },
		{ "data:image/png;base64,aGVsbG8=", SEED_STEP_BYTES, "hello" },
		{ "DATA:;BASE64,aGVsbG8", SEED_STEP_BYTES, "hello" },
		{ "data:image/png;charset=x;base64,aGVsbG8=", SEED_STEP_BYTES, "hello" },
		{ "data:image/png,hello", SEED_STEP_FAIL, NULL }, { "data:base64,aGVs", SEED_STEP_FAIL, NULL },
		{ "data:", SEED_STEP_FAIL, NULL }, { "data:;base64,", SEED_STEP_FAIL, NULL },
		{ "data:;base64,\xff", SEED_STEP_FAIL, NULL }, { "ftp://x.test/", SEED_STEP_FAIL, NULL },
		{ "https://u:p@x.test/", SEED_STEP_FAIL, NULL }, { "//x.test/a", SEED_STEP_FAIL, NULL },
		{ "data:image/png;base64;name=a,aGVsbG8=", SEED_STEP_BYTES, "hello" },
		{ "data:image/png;base64,-_-_", SEED_STEP_BYTES, "\xfb\xff\xbf" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_step step;

		seed_step_init(&step);
		seed_reply_image(&step, &task, rows[i].text);
		if (step.kind != rows[i].kind)
			fail_msg("%s: %d", rows[i].text, step.kind);
		if (rows[i].bytes)
			assert_memory_equal(step.bytes.data, rows[i].bytes, strlen(rows[i].bytes));
		if (step.kind == SEED_STEP_URL)
			assert_string_equal(task.image_url, rows[i].text);
		seed_step_release(&step);
		seed_task_release(&task);
	}
}

/* --- Sizes --- */

static const struct {
	const char *family, *model;
	int width, height;
	const char *text, *ratio, *shape, *tier;
} sizes[] = {
	{ "kie", MODEL, 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "kie", MODEL, 1024, 576, "1024x576", "16:9", "landscape_16_9", "1K" },
	{ "kie", MODEL, 1280, 720, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "kie", MODEL, 3840, 2160, "4096x2304", "16:9", "landscape_16_9", "4K" },
	{ "kie", MODEL, 9000, 9000, "4096x4096", "1:1", "square_hd", "4K" },
	{ "kie", MODEL, 1152, 2048, "1152x2048", "9:16", "portrait_16_9", "2K" },
	{ "kie", MODEL, 2048, 1536, "2048x1536", "4:3", "landscape_4_3", "2K" },
	{ "kie", MODEL, 1536, 2048, "1536x2048", "3:4", "portrait_4_3", "2K" },
	{ "kie", MODEL, 1024, 1536, "1365x2048", "2:3", "portrait_3_2", "2K" },
	{ "kie", MODEL, 2100, 900, "4096x1755", "7:3", "landscape_21_9", "4K" },
	{ "kie", MODEL, 1366, 768, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "kie", "unknown/model", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "kie", "seedream/4.5-text-to-image", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "basic" },
	{ "kie", "seedream/4.5-text-to-image", 3840, 2160, "4096x2304", "16:9", "landscape_16_9", "high" },
	{ "kie", "seedream/4.5-text-to-image", 2100, 900, "4096x1755", "21:9", "landscape_21_9", "high" },
	{ "kie", "seedream/5-lite-text-to-image", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "basic" },
	{ "kie", "seedream/5-pro-text-to-image", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "high" },
	{ "kie", "seedream/5-pro-text-to-image", 1024, 576, "1024x576", "16:9", "landscape_16_9", "basic" },
	{ "kie-image", MODEL, 1000, 700, "1000x700", "10:7", "landscape_3_2", NULL },
	{ "ark", "seedream-4-0-250828", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "ark", "seedream-4-0-250828", 640, 360, "1280x720", "16:9", "landscape_16_9", NULL },
	{ "ark", "doubao-seedream-4-5-251128", 2048, 1152, "2560x1440", "16:9", "landscape_16_9", NULL },
	{ "ark", "seedream-5-0-260128", 2048, 1152, "2560x1440", "16:9", "landscape_16_9", NULL },
	{ "ark", "dola-seedream-5-0-pro-260628", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "ark", "dola-seedream-5-0-pro-260628", 3840, 2160, "2867x1612", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/bytedance/seedream/v4/text-to-image", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/bytedance/seedream/v4/text-to-image", 1280, 720, "1280x720", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/bytedance/seedream/v4/text-to-image", 8192, 4608, "5461x3072", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/nano-banana-pro", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "fal", "fal-ai/nano-banana", 2048, 1152, "1344x756", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/gpt-image-1.5", 2048, 1152, "1536x1024", "16:9", "landscape_16_9", NULL },
	{ "kie", "nano-banana-2", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "kie", "gpt-image/1.5-text-to-image", 2048, 1152, "1536x1024", "3:2", "landscape_3_2", NULL },
	{ "ark", "seedream-5-0-flash-260915", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "ark", "seedream-5-5-261015", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "replicate", "black-forest-labs/flux-2-pro", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "replicate", "black-forest-labs/flux-2-dev", 2048, 1152, "1440x832", "16:9", "landscape_16_9", NULL },
	{ "openai", "gpt-image-2.6-sunburst", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "fal", "fal-ai/bytedance/seedream/v4.5/text-to-image", 2048, 1152, "2560x1440", "16:9", "landscape_16_9", NULL },
	{ "fal", "bytedance/seedream/v5/lite/text-to-image", 2048, 1152, "2560x1440", "16:9", "landscape_16_9", NULL },
	{ "fal", "bytedance/seedream/v5/pro/text-to-image", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "replicate", "bytedance/seedream-4", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "replicate", "bytedance/seedream-4.5", 2048, 1152, "2560x1440", "16:9", "landscape_16_9", NULL },
	{ "replicate", "bytedance/seedream-5-lite", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", "2K" },
	{ "replicate", "bytedance/seedream-5-pro", 1024, 1024, "1024x1024", "1:1", "square_hd", "1K" },
	{ "openai", "gpt-image-2", 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "openai", "gpt-image-2-2026-04-21", 1000, 700, "1008x704", "10:7", "landscape_3_2", NULL },
	{ "openai", "gpt-image-2", 4096, 1024, "3072x1024", "4:1", "landscape_21_9", NULL },
	{ "openai", "gpt-image-1", 2048, 1152, "1536x1024", "16:9", "landscape_16_9", NULL },
	{ "openai", "gpt-image-1.5", 1152, 2048, "1024x1536", "9:16", "portrait_16_9", NULL },
	{ "openai", "dall-e-3", 2048, 1152, "1792x1024", "16:9", "landscape_16_9", NULL },
	{ "openai", "dall-e-3", 1024, 1024, "1024x1024", "1:1", "square_hd", NULL },
	{ "openai", "dall-e-2", 2048, 1152, "1024x1024", "16:9", "landscape_16_9", NULL },
	{ "openai", "dall-e-2", 256, 144, "256x256", "16:9", "landscape_16_9", NULL },
	{ "openai", NULL, 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "automatic1111", NULL, 2048, 1152, "2048x1152", "16:9", "landscape_16_9", NULL },
	{ "automatic1111", NULL, 1366, 768, "1368x768", "16:9", "landscape_16_9", NULL },
	{ "comfyui", NULL, 1, 1, "16x16", "1:1", "square_hd", NULL },
	{ "comfyui", NULL, 0, -5, "16x16", "1:1", "square_hd", NULL },
};

static void chooses_legal_sizes(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(sizes); i++) {
		char text[24];
		struct seed_size size;

		seed_size_choose(sizes[i].family, sizes[i].model, sizes[i].width, sizes[i].height, &size);
		snprintf(text, sizeof(text), "%dx%d", size.width, size.height);
		if (strcmp(size.text, sizes[i].text) != 0 || strcmp(size.ratio, sizes[i].ratio) != 0 ||
		    strcmp(size.shape, sizes[i].shape) != 0)
			fail_msg("%s %s %dx%d: %s %s %s", sizes[i].family, sizes[i].model, sizes[i].width,
				 sizes[i].height, size.text, size.ratio, size.shape);
		assert_string_equal(text, size.text);
		if (sizes[i].tier)
			assert_string_equal(size.tier, sizes[i].tier);
		else
			assert_null(size.tier);
	}
}

/* Whatever is wanted, the request is within int and positive. */
static void survives_any_size(void **state)
{
	static const int sides[] = { -1, 0, 1, 7, 1000, 1 << 20, INT32_MAX };
	static const char *const families[] = { "kie", "ark", "fal", "replicate", "openai",
						"automatic1111", "comfyui", "x" };

	SEED_UNUSED(state);
	for (size_t f = 0; f < SEED_ARRAY_LEN(families); f++)
		for (size_t i = 0; i < SEED_ARRAY_LEN(sides) * SEED_ARRAY_LEN(sides); i++) {
			struct seed_size size;

			seed_size_choose(families[f], "gpt-image-2", sides[i % 7], sides[i / 7], &size);
			assert_in_range(size.width, 1, SEED_IMAGE_MAX_SIDE);
			assert_in_range(size.height, 1, SEED_IMAGE_MAX_SIDE);
		}
}

static void test_urls_of_a_task(void **state)
{
	static const struct {
		const char *id, *url;
		bool own;
		const char *base;
	} cases[] = {
		{ "t1", NULL, true, NULL },
		{ NULL, NULL, true, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t1", true, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t1/cancel", true, NULL },
		{ "a-B_9", "https://queue.fal.run/fal-ai/bytedance/requests/a-B_9/status", true, "https://queue.fal.run" },
		{ "a-B_9", "https://queue.fal.run/fal-ai/bytedance/requests/a-B_9", true, "https://queue.fal.run" },
		{ "t1", "https://api.replicate.com/v1/predictions/t2", false, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t12", false, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t1/cancel/x", false, NULL },
		{ "t1", "https://api.replicate.com/v1/models/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t1?path=1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/x?/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/x#/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/x%3f/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/x\\/predictions/t1", false, NULL },
		{ "..", "https://api.replicate.com/v1/predictions/..", false, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/../predictions/t1", false, NULL },
		{ "x/cancel", "https://api.replicate.com/v1/predictions/x/cancel", false, NULL },
		{ "t1", "https://api.replicate.com/admin/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/admin/keys/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v10/predictions/t1", false, NULL },
		{ "t1", "https://api.replicate.com/v1/predictions/t1", true, "https://api.replicate.com/v1/" },
		{ "t1", "https://queue.fal.run/a/b/c/requests/t1", false, "https://queue.fal.run" },
		{ "t1", "https://queue.fal.run/requests/t1", false, "https://queue.fal.run" },
		{ "t1", "https://queue.fal.run//b/requests/t1", false, "https://queue.fal.run" },
		{ "", "https://api.replicate.com/v1/predictions/", false, NULL },
		{ NULL, "https://api.replicate.com/v1/predictions/t1", false, NULL },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		for (int at = 0; at < 3; at++) {
			struct seed_task task = { 0 };
			char **urls[] = { &task.poll_url, &task.result_url, &task.cancel_url };

			if (cases[i].id)
				help_set(&task.id, cases[i].id);
			if (cases[i].url)
				help_set(urls[at], cases[i].url);
			if (seed_task_names_itself(&task, cases[i].base ? cases[i].base : "https://api.replicate.com/v1") != cases[i].own)
				fail_msg("%s of %s", cases[i].url, cases[i].id);
			seed_task_release(&task);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_of_a_task),
		cmocka_unit_test(lists_every_provider),
		cmocka_unit_test(sends_keys_in_their_way),
		cmocka_unit_test(keeps_kie_to_its_limits),
		cmocka_unit_test(names_the_model_that_is_asked),
		cmocka_unit_test(sketch_asks_nobody),
		cmocka_unit_test(tasks_survive_the_journal),
		cmocka_unit_test(every_stage_has_its_name),
		cmocka_unit_test(refuses_what_is_no_task),
		cmocka_unit_test(refuses_an_endless_task),
		cmocka_unit_test(walks_paths),
		cmocka_unit_test(reads_ids),
		cmocka_unit_test(bounds_what_it_parses),
		cmocka_unit_test(copies_text_as_one_line_of_utf8),
		cmocka_unit_test(finds_the_message),
		cmocka_unit_test(encodes_a_model_as_a_path),
		cmocka_unit_test(makes_uuids),
		cmocka_unit_test(judges_words),
		cmocka_unit_test(takes_pictures_of_every_kind),
		cmocka_unit_test(chooses_legal_sizes),
		cmocka_unit_test(survives_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
