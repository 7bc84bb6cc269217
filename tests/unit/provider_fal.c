/* fal.ai's queue. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define FAL (&seed_provider_fal)
#define REQUESTS "https://queue.fal.run/fal-ai/bytedance/requests/r1"

static void asks_each_model_in_its_way(void **state)
{
	static const struct {
		const char *model, *path;
		int width, height;
		const char *rest;
	} rows[] = {
		{ MODEL, "fal-ai/bytedance/seedream/v4/text-to-image", 2048, 1152, "" },
		{ "fal-ai/bytedance/seedream/v4.5/text-to-image",
		  "fal-ai/bytedance/seedream/v4.5/text-to-image", 2560, 1440, "" },
		{ "bytedance/seedream/v5/lite/text-to-image",
		  "bytedance/seedream/v5/lite/text-to-image", 2560, 1440, "" },
		{ "bytedance/seedream/v5/pro/text-to-image",
		  "bytedance/seedream/v5/pro/text-to-image", 2048, 1152, ",\"output_format\":\"png\"" },
		{ "fal-ai/flux/dev", "fal-ai/flux/dev", 2048, 1152, "" },
		{ "fal-ai/a b?c", "fal-ai/a%20b%3Fc", 2048, 1152, "" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_params params;
		char url[256], body[256];

		help_params(&params);
		help_set(&params.model, rows[i].model);
		snprintf(url, sizeof(url), "https://queue.fal.run/%s", rows[i].path);
		snprintf(body, sizeof(body),
			 "{\"prompt\":\"" PROMPT "\",\"image_size\":{\"width\":%d,\"height\":%d},"
			 "\"num_images\":1%s}", rows[i].width, rows[i].height,
			 rows[i].rest);
		help_request(FAL, &params, &task, "POST", url, body);
		seed_params_release(&params);
	}
}

static void sends_seed_and_negative_prompt(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&params.negative_prompt, "text");
	params.has_seed = true;
	params.seed = 42;
	help_request(FAL, &params, &task, "POST",
		     "https://queue.fal.run/fal-ai/bytedance/seedream/v4/text-to-image",
		     "{\"prompt\":\"" PROMPT "\",\"image_size\":{\"width\":2048,\"height\":1152},"
		     "\"num_images\":1,\"seed\":42}");
	seed_params_release(&params);
}

/* A model's name comes from who writes a prompt; the key is the mount's. */
static void a_model_leads_nowhere_else(void **state)
{
	static const char *const models[] = { "..", "fal-ai/../../admin", "/x", "a//b", "a/", "./a" };
	struct seed_provider_config config = help_config(FAL);

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(models); i++) {
		struct seed_request request = { 0 };
		struct seed_task task = { 0 };
		struct seed_params params;

		help_params(&params);
		help_set(&params.model, models[i]);
		assert_int_equal(seed_provider_request(FAL, &config, &params, PROMPT, &task, &request), -EINVAL);
		seed_request_release(&request);
		seed_params_release(&params);
	}
}

static void follows_the_urls_it_was_given(void **state)
{
	static const char body[] = "{\"status\":\"IN_QUEUE\",\"request_id\":\"r1\",\"response_url\":\"" REQUESTS
		"\",\"status_url\":\"" REQUESTS "/status\",\"cancel_url\":\"" REQUESTS "/cancel\","
		"\"queue_position\":0}";
	struct seed_provider_config config = help_config(FAL);
	struct seed_task task = { 0 };
	struct seed_params params;
	struct seed_step step;

	SEED_UNUSED(state);
	help_params(&params);
	help_answer(FAL, &config, &task, 200, body, strlen(body), &step);
	assert_int_equal(step.kind, SEED_STEP_WAIT);
	assert_int_equal(task.stage, SEED_STAGE_POLL);
	assert_string_equal(task.id, "r1");
	help_request(FAL, &params, &task, "GET", REQUESTS "/status", NULL);
	task.stage = SEED_STAGE_RESULT;
	help_request(FAL, &params, &task, "GET", REQUESTS, NULL);
	task.stage = SEED_STAGE_REISSUE;
	help_request(FAL, &params, &task, "GET", REQUESTS, NULL);
	task.stage = SEED_STAGE_CANCEL;
	help_request(FAL, &params, &task, "PUT", REQUESTS "/cancel", NULL);
	seed_step_release(&step);
	seed_task_release(&task);
	task.stage = SEED_STAGE_CANCEL;
	help_no_request(FAL, &task, -EOPNOTSUPP);
	seed_params_release(&params);
}

#define FAILS .kind = SEED_STEP_FAIL
#define DETAIL(type, msg) "{\"detail\":[{\"loc\":[\"body\",\"image_size\"],\"msg\":\"" msg \
	"\",\"type\":\"" type "\",\"url\":\"https://docs.fal.ai\",\"input\":\"the prompt\"}]}"
#define SUBMIT .stage = SEED_STAGE_SUBMIT
#define POLL .stage = SEED_STAGE_POLL
#define RESULT .stage = SEED_STAGE_RESULT
#define STILL .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL
#define NOT_KNOWN .kind = SEED_STEP_UNKNOWN, .then = SEED_STAGE_POLL
#define NOT_TOLD .kind = SEED_STEP_BACKOFF, .then = SEED_STAGE_POLL
#define NOT_TOLD_RESULT .kind = SEED_STEP_BACKOFF, .then = SEED_STAGE_RESULT
#define AGAIN .kind = SEED_STEP_WAIT, .then = SEED_STAGE_RESULT

static const struct answer_case cases[] = {
	{ .name = "no URLs", SUBMIT, .status = 200, .body = "{\"request_id\":\"r1\"}", FAILS, .code = EIO,
	  .message = "no request_id or URLs in the answer" },
	{ .name = "other scheme", SUBMIT, .status = 200,
	  .body = "{\"request_id\":\"r1\",\"status_url\":\"file:///a\",\"response_url\":\"https://x.test/\"}",
	  FAILS, .code = EIO },
	{ .name = "at once", SUBMIT, .status = 200, .body = "{\"images\":[{\"url\":\"https://v3.fal.media/a.png\"}]}",
	  .kind = SEED_STEP_URL, .image = "https://v3.fal.media/a.png" },
	{ .name = "key", SUBMIT, .status = 401, .body = "{\"detail\":\"Authentication is required\"}", FAILS,
	  .code = EKEYREJECTED, .http_status = 401, .message = "HTTP 401: Authentication is required" },
	{ .name = "balance", SUBMIT, .status = 403,
	  .body = "{\"detail\":\"User is locked. Reason: Exhausted balance.\"}", FAILS, .code = EDQUOT,
	  .message = "HTTP 403: User is locked. Reason: Exhausted balance." },
	{ .name = "rate", SUBMIT, .status = 429, .body = "{}", .kind = SEED_STEP_BACKOFF },
	{ .name = "invalid", SUBMIT, .status = 422, .body = DETAIL("value_error", "too small"), FAILS,
	  .code = EINVAL, .message = "HTTP 422: image_size: too small" },

	{ .name = "in queue", POLL, .status = 202, .body = "{\"status\":\"IN_QUEUE\",\"queue_position\":3}", STILL,
	  .tells = "position 3" },
	{ .name = "at the head", POLL, .status = 202, .body = "{\"status\":\"IN_QUEUE\",\"queue_position\":0}", STILL,
	  .tells = "position 0" },
	{ .name = "no place", POLL, .status = 202, .body = "{\"status\":\"IN_QUEUE\",\"queue_position\":-2}", STILL,
	  .tells = "" },
	{ .name = "in progress", POLL, .status = 202, .body = "{\"status\":\"IN_PROGRESS\",\"logs\":[]}", STILL,
	  .tells = "" },
	{ .name = "unknown", POLL, .status = 200, .body = "{\"status\":\"PAUSED\"}", STILL },
	{ .name = "completed", POLL, .status = 200,
	  .body = "{\"status\":\"COMPLETED\",\"metrics\":{\"inference_time\":3}}",
	  .kind = SEED_STEP_NEXT, .then = SEED_STAGE_RESULT },
	{ .name = "completed, error null", POLL, .status = 200, .body = "{\"status\":\"COMPLETED\",\"error\":null}",
	  .kind = SEED_STEP_NEXT, .then = SEED_STAGE_RESULT },
	{ .name = "completed badly", POLL, .status = 200,
	  .body = "{\"status\":\"COMPLETED\",\"error\":\"runner gone\",\"error_type\":\"runner_disconnected\"}",
	  FAILS, .code = EIO, .message = "task failed (runner_disconnected): runner gone" },
	{ .name = "completed too late", POLL, .status = 200,
	  .body = "{\"status\":\"COMPLETED\",\"error\":\"slow\",\"error_type\":\"startup_timeout\"}",
	  FAILS, .code = ETIMEDOUT },
	{ .name = "completed by policy", POLL, .status = 200,
	  .body = "{\"status\":\"COMPLETED\",\"error\":\"no\",\"error_type\":\"content_policy_violation\"}",
	  FAILS, .code = EPERM },
	{ .name = "poll 404", POLL, .status = 404, .body = "{\"detail\":\"no\"}", NOT_KNOWN },
	{ .name = "poll 502", POLL, .status = 502, .body = "<html>", NOT_TOLD },
	{ .name = "poll 403", POLL, .status = 403, .body = "{\"detail\":\"no\"}", FAILS, .code = EKEYREJECTED },
	{ .name = "poll 429", POLL, .status = 429, .body = "", .kind = SEED_STEP_BACKOFF },
	{ .name = "poll cut", POLL, .status = 200, .body = "{\"status\":\"COMP", NOT_TOLD },

	{ .name = "result", RESULT, .status = 200,
	  .body = "{\"images\":[{\"url\":\"https://v3.fal.media/a.png\",\"width\":null}],\"seed\":1}",
	  .kind = SEED_STEP_URL, .image = "https://v3.fal.media/a.png" },
	{ .name = "one image", RESULT, .status = 200, .body = "{\"image\":{\"url\":\"https://x.test/a\"}}",
	  .kind = SEED_STEP_URL, .image = "https://x.test/a" },
	{ .name = "data URI", RESULT, .status = 200,
	  .body = "{\"images\":[{\"url\":\"data:image/png;base64,aGVsbG8=\"}]}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "blackened", RESULT, .status = 200,
	  .body = "{\"images\":[{\"url\":\"https://x.test/a\"}],\"has_nsfw_concepts\":[true]}", FAILS,
	  .code = EPERM },
	{ .name = "nothing", RESULT, .status = 200, .body = "{\"images\":[]}", FAILS, .code = EIO,
	  .message = "no image URL in the answer" },
	{ .name = "not yet", RESULT, .status = 400, .body = "{\"detail\":\"Request is still in progress\"}", STILL },
	{ .name = "not yet, with its status", RESULT, .status = 202, .body = "{\"status\":\"IN_PROGRESS\",\"logs\":[]}", STILL },
	{ .name = "downstream", RESULT, .status = 400, .body = DETAIL("downstream_service_error", "no"), FAILS,
	  .code = EINVAL },
	{ .name = "policy", RESULT, .status = 422, .body = DETAIL("content_policy_violation", "flagged"), FAILS,
	  .code = EPERM, .http_status = 422, .message = "HTTP 422: image_size: flagged" },
	{ .name = "validation", RESULT, .status = 422, .body = DETAIL("value_error", "bad"), FAILS, .code = EINVAL },
	{ .name = "model's own 500", RESULT, .status = 500, .body = DETAIL("internal_server_error", "x"), FAILS,
	  .code = EIO },
	{ .name = "timeout", RESULT, .status = 504,
	  .body = "{\"detail\":\"Request timed out\",\"error_type\":\"request_timeout\"}", FAILS,
	  .code = ETIMEDOUT, .message = "HTTP 504: Request timed out" },
	{ .name = "proxy", RESULT, .status = 502, .body = "<html>bad gateway</html>", NOT_TOLD_RESULT },
	{ .name = "cut", RESULT, .status = 200, .body = "{\"images\":[{\"ur", NOT_TOLD_RESULT },
	{ .name = "result 503 of a gateway", RESULT, .status = 503,
	  .body = "{\"detail\":\"Service Unavailable\"}", .kind = SEED_STEP_BACKOFF },
	{ .name = "result 500 of a gateway", RESULT, .status = 500, .body = "{\"message\":\"oops\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "result 408", RESULT, .status = 408, .body = "{\"detail\":\"timeout\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "result 202 without an image", RESULT, .status = 202, .body = "{\"detail\":\"soon\"}", NOT_TOLD_RESULT },
	{ .name = "result 201 with it", RESULT, .status = 201,
	  .body = "{\"images\":[{\"url\":\"https://v3.fal.media/b.png\"}]}",
	  .kind = SEED_STEP_URL, .image = "https://v3.fal.media/b.png" },
	{ .name = "result 409", RESULT, .status = 409, .body = "{\"detail\":\"try again\"}", NOT_TOLD_RESULT },
	{ .name = "result 421", RESULT, .status = 421, .body = "{\"detail\":\"try again\"}", NOT_TOLD_RESULT },
	{ .name = "result 425", RESULT, .status = 425, .body = "{\"detail\":\"too early\"}", NOT_TOLD_RESULT },
	{ .name = "result 302", RESULT, .status = 302, .body = "{}", NOT_TOLD_RESULT },
	{ .name = "result 410", RESULT, .status = 410, .body = "{\"detail\":\"gone\"}",
	  .kind = SEED_STEP_UNKNOWN, .then = SEED_STAGE_RESULT },
	{ .name = "result 404", RESULT, .status = 404, .body = "{\"detail\":\"Not Found\"}",
	  .kind = SEED_STEP_UNKNOWN },
	{ .name = "result 500 of the model", RESULT, .status = 500,
	  .body = "{\"detail\":[{\"msg\":\"no\",\"type\":\"internal_server_error\"}]}", FAILS,
	  .code = EIO },
	{ .name = "result 504 of the runner", RESULT, .status = 504,
	  .body = "{\"detail\":\"gone\",\"error_type\":\"runner_disconnected\"}", FAILS,
	  .code = ETIMEDOUT },
	{ .name = "result 429", RESULT, .status = 429, .body = "{}", .kind = SEED_STEP_BACKOFF },
	{ .name = "result 401", RESULT, .status = 401, .body = "{}", FAILS, .code = EKEYREJECTED },
	{ .name = "reissue", .stage = SEED_STAGE_REISSUE, .status = 200,
	  .body = "{\"images\":[{\"url\":\"https://v3.fal.media/b.png\"}]}",
	  .kind = SEED_STEP_URL, .image = "https://v3.fal.media/b.png" },
	{ .name = "cancelled", .stage = SEED_STAGE_CANCEL, .status = 202,
	  .body = "{\"status\":\"CANCELLATION_REQUESTED\"}", .kind = SEED_STEP_DONE },
	{ .name = "too late", .stage = SEED_STAGE_CANCEL, .status = 400,
	  .body = "{\"status\":\"ALREADY_COMPLETED\"}", .kind = SEED_STEP_DONE },
};

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(FAL, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(FAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_each_model_in_its_way),
		cmocka_unit_test(sends_seed_and_negative_prompt),
		cmocka_unit_test(a_model_leads_nowhere_else),
		cmocka_unit_test(follows_the_urls_it_was_given),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
