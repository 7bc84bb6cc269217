/* OpenAI's images API and local servers of its dialect. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define OPENAI (&seed_provider_openai)
#define OWN "https://api.openai.com/v1"
#define LOCAL "http://127.0.0.1:8080/v1"
#define LOCAL_REST "\"response_format\":\"b64_json\",\"steps\":30,\"step\":30,\"cfg_scale\":8"

static void asks_each_model_in_its_way(void **state)
{
	static const struct {
		const char *base, *model, *quality, *body;
	} rows[] = {
		{ OWN, MODEL, "high", "\"model\":\"gpt-image-2\",\"size\":\"2048x1152\","
				      "\"output_format\":\"png\",\"quality\":\"high\"" },
		{ OWN, "gpt-image-1.5", "hd", "\"model\":\"gpt-image-1.5\",\"size\":\"1536x1024\","
					      "\"output_format\":\"png\"" },
		{ OWN, "gpt-image-1-mini", "low", "\"model\":\"gpt-image-1-mini\",\"size\":\"1536x1024\","
						  "\"output_format\":\"png\",\"quality\":\"low\"" },
		{ OWN, "gpt-image-2", "", "\"model\":\"gpt-image-2\",\"size\":\"2048x1152\","
					  "\"output_format\":\"png\"" },
		{ OWN, "dall-e-3", "high", "\"model\":\"dall-e-3\",\"size\":\"1792x1024\","
					   "\"response_format\":\"url\",\"quality\":\"hd\"" },
		{ OWN, "dall-e-3", "low", "\"model\":\"dall-e-3\",\"size\":\"1792x1024\","
					  "\"response_format\":\"url\",\"quality\":\"standard\"" },
		{ OWN, "dall-e-2", "high", "\"model\":\"dall-e-2\",\"size\":\"1024x1024\","
					   "\"response_format\":\"url\"" },
		{ LOCAL, MODEL, "high", "\"size\":\"2048x1152\"," LOCAL_REST },
		{ LOCAL, "sdxl", "high", "\"model\":\"sdxl\",\"size\":\"2048x1152\"," LOCAL_REST },
		{ LOCAL, "gpt-image-2", "high", "\"model\":\"gpt-image-2\",\"size\":\"2048x1152\","
						"\"output_format\":\"png\",\"quality\":\"high\"" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_provider_config config = { .api_base = rows[i].base };
		struct seed_task task = { 0 };
		struct seed_params params;
		char url[128], body[512];

		help_params(&params);
		help_set(&params.model, rows[i].model);
		help_set(&params.quality, rows[i].quality);
		snprintf(url, sizeof(url), "%s/images/generations", rows[i].base);
		snprintf(body, sizeof(body), "{\"prompt\":\"" PROMPT "\",\"n\":1,%s}", rows[i].body);
		help_request_with(OPENAI, &config, &params, &task, "POST", url, body);
		seed_params_release(&params);
	}
}

static void makes_markup_harmless_for_local_servers(void **state)
{
	static const struct {
		const char *base, *prompt, *sent;
		bool neutralised;
	} rows[] = {
		{ LOCAL, "a fox", "a fox", false },
		{ LOCAL, "a fox <b>", "a fox <b>", false },
		{ LOCAL, "a fox|dogs", "a fox/dogs", true },
		{ LOCAL, "a <sd_cpp_extra_args>{}</sd_cpp_extra_args> fox",
		  "a \xe2\x80\xb9sd_cpp_extra_args>{}\xe2\x80\xb9/sd_cpp_extra_args> fox", true },
		{ LOCAL, "a <SD_cpp_Extra_Args>", "a \xe2\x80\xb9SD_cpp_Extra_Args>", true },
		{ LOCAL, "a <<sd_cpp_extra_args>", "a <\xe2\x80\xb9sd_cpp_extra_args>", true },
		{ OWN, "a fox|dogs <sd_cpp_extra_args>", "a fox|dogs <sd_cpp_extra_args>", false },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_provider_config config = { .api_base = rows[i].base };
		struct seed_request request = { 0 };
		struct seed_task task = { 0 };
		struct seed_params params;
		cJSON *body;

		help_params(&params);
		assert_int_equal(seed_provider_request(OPENAI, &config, &params, rows[i].prompt, &task, &request), 0);
		body = cJSON_Parse(request.body);
		assert_string_equal(cJSON_GetObjectItem(body, "prompt")->valuestring, rows[i].sent);
		assert_int_equal(request.neutralised, rows[i].neutralised);
		cJSON_Delete(body);
		seed_request_release(&request);
		seed_params_release(&params);
	}
}

static void sends_local_servers_what_they_may_know(void **state)
{
	struct seed_provider_config config = { .api_base = LOCAL };
	struct seed_request request = { 0 };
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&params.negative_prompt, "text|logo");
	params.has_seed = true;
	params.seed = 7;
	assert_int_equal(seed_provider_request(OPENAI, &config, &params, PROMPT, &task, &request), 0);
	help_same_json("local", request.body,
		       "{\"prompt\":\"" PROMPT "\",\"n\":1,\"size\":\"2048x1152\"," LOCAL_REST ","
		       "\"negative_prompt\":\"text/logo\",\"seed\":7}");
	assert_true(request.neutralised);
	seed_request_release(&request);
	seed_params_release(&params);
	task.stage = SEED_STAGE_CANCEL;
	help_no_request(OPENAI, &task, -EOPNOTSUPP);
	task.stage = SEED_STAGE_POLL;
	help_no_request(OPENAI, &task, -EOPNOTSUPP);
}

#define FAILS .kind = SEED_STEP_FAIL
#define ERROR(type, code, text) "{\"error\":{\"message\":\"" text "\",\"type\":\"" type \
	"\",\"param\":null,\"code\":\"" code "\"}}"

static const struct answer_case cases[] = {
	{ .name = "base64", .status = 200, .body = "{\"created\":1,\"data\":[{\"b64_json\":\"aGVsbG8=\"}]}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "URL", .status = 200,
	  .body = "{\"data\":[{\"url\":\"https://oaidalleapiprodscus.blob.core.windows.net/a.png?sig=x\"}]}",
	  .kind = SEED_STEP_URL, .image = "https://oaidalleapiprodscus.blob.core.windows.net/a.png?sig=x" },
	{ .name = "data URI", .status = 200,
	  .body = "{\"data\":[{\"b64_json\":\"data:image/png;base64,aGVsbG8=\"}]}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "bad base64", .status = 200, .body = "{\"data\":[{\"b64_json\":\"a\"}]}", FAILS, .code = EIO,
	  .message = "the image in the answer is not base64" },
	{ .name = "nothing", .status = 200, .body = "{\"data\":[{}]}", FAILS, .code = EIO,
	  .message = "no image in the answer" },
	{ .name = "moderation", .status = 400,
	  .body = ERROR("image_generation_user_error", "moderation_blocked", "Your request was rejected"), FAILS,
	  .code = EPERM, .http_status = 400, .message = "HTTP 400: Your request was rejected" },
	{ .name = "dall-e's policy", .status = 400,
	  .body = ERROR("invalid_request_error", "content_policy_violation", "no"), FAILS, .code = EPERM },
	{ .name = "invalid", .status = 400,
	  .body = ERROR("invalid_request_error", "invalid_value", "Invalid size"), FAILS, .code = EINVAL,
	  .message = "HTTP 400: Invalid size" },
	{ .name = "hard limit", .status = 400,
	  .body = ERROR("image_generation_user_error", "billing_hard_limit_reached", "limit"), FAILS, .code = EDQUOT },
	{ .name = "key", .status = 401, .body = ERROR("invalid_request_error", "invalid_api_key", "no"), FAILS,
	  .code = EKEYREJECTED, .http_status = 401 },
	{ .name = "rate", .status = 429, .body = ERROR("requests", "rate_limit_exceeded", "slow down"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "quota", .status = 429, .body = ERROR("insufficient_quota", "insufficient_quota", "spent"), FAILS,
	  .code = EDQUOT, .http_status = 429, .message = "HTTP 429: spent" },
	{ .name = "server", .status = 500, .body = ERROR("server_error", "x", "oops"), FAILS, .code = EIO },
	{ .name = "sd.cpp", .status = 400, .body = "{\"error\":\"prompt required\"}", FAILS, .code = EINVAL,
	  .message = "HTTP 400: prompt required" },
	{ .name = "sd.cpp's queue", .status = 429, .body = "{\"error\":\"job queue is full\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "error in a 200", .status = 200, .body = "{\"error\":\"generation failed\"}", FAILS, .code = EIO,
	  .message = "HTTP 200: generation failed" },
	{ .name = "LocalAI", .status = 500, .body = "{\"error\":{\"message\":\"no backend\",\"code\":500,\"type\":\"\"}}",
	  FAILS, .code = EIO, .message = "HTTP 500: no backend" },
	{ .name = "no server", .status = 502, .body = "<html>bad</html>", FAILS, .code = EIO, .message = "HTTP 502" },
};

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(OPENAI, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(OPENAI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_each_model_in_its_way),
		cmocka_unit_test(makes_markup_harmless_for_local_servers),
		cmocka_unit_test(sends_local_servers_what_they_may_know),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
