/* Replicate's predictions. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define REPLICATE (&seed_provider_replicate)
#define API "https://api.replicate.com/v1"
#define SIZE "\"width\":2048,\"height\":1152"
#define PLAIN "\"sequential_image_generation\":\"disabled\",\"max_images\":1,\"enhance_prompt\":false"

static void asks_each_model_in_its_way(void **state)
{
	static const struct {
		const char *model, *path, *version, *input;
	} rows[] = {
		{ MODEL, "/models/bytedance/seedream-4/predictions", "",
		  "\"size\":\"custom\"," SIZE "," PLAIN },
		{ "bytedance/seedream-4.5", "/models/bytedance/seedream-4.5/predictions", "",
		  "\"size\":\"custom\",\"width\":2560,\"height\":1440," PLAIN },
		{ "bytedance/seedream-5-lite", "/models/bytedance/seedream-5-lite/predictions", "",
		  "\"size\":\"2K\",\"aspect_ratio\":\"16:9\",\"output_format\":\"png\"" },
		{ "bytedance/seedream-5-pro", "/models/bytedance/seedream-5-pro/predictions", "",
		  "\"size\":\"2K\",\"aspect_ratio\":\"16:9\",\"output_format\":\"png\"" },
		{ "black-forest-labs/flux-dev", "/models/black-forest-labs/flux-dev/predictions", "",
		  SIZE ",\"aspect_ratio\":\"16:9\"" },
		{ "owner/name:0123abc", "/predictions", "\"version\":\"0123abc\",",
		  SIZE ",\"aspect_ratio\":\"16:9\"" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_params params;
		char url[256], body[512];

		help_params(&params);
		help_set(&params.model, rows[i].model);
		snprintf(url, sizeof(url), API "%s", rows[i].path);
		snprintf(body, sizeof(body), "{%s\"input\":{\"prompt\":\"" PROMPT "\",%s}}",
			 rows[i].version, rows[i].input);
		help_request(REPLICATE, &params, &task, "POST", url, body);
		seed_params_release(&params);
	}
}

static void refuses_a_model_that_leads_elsewhere(void **state)
{
	struct seed_provider_config config = help_config(REPLICATE);
	struct seed_request request = { 0 };
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&params.model, "../account");
	assert_int_equal(seed_provider_request(REPLICATE, &config, &params, PROMPT, &task, &request), -EINVAL);
	seed_request_release(&request);
	seed_params_release(&params);
}

static void is_ended_by_the_service_at_the_deadline(void **state)
{
	static const struct {
		int timeout_seconds;
		const char *line;
	} rows[] = {
		{ 0, "Cancel-After: 300s" }, { 900, "Cancel-After: 900s" }, { 1, "Cancel-After: 5s" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_provider_config config = help_config(REPLICATE);
		struct seed_request request = { 0 };
		struct seed_task task = { 0 };
		struct seed_params params;

		help_params(&params);
		config.timeout_seconds = rows[i].timeout_seconds;
		assert_int_equal(seed_provider_request(REPLICATE, &config, &params, PROMPT, &task, &request), 0);
		assert_string_equal(request.header, rows[i].line);
		seed_request_release(&request);
		seed_params_release(&params);
	}
}

static void follows_the_task(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_POLL };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_no_request(REPLICATE, &task, -EOPNOTSUPP);
	help_set(&task.id, "p1");
	help_request(REPLICATE, &params, &task, "GET", API "/predictions/p1", NULL);
	task.stage = SEED_STAGE_CANCEL;
	help_request(REPLICATE, &params, &task, "POST", API "/predictions/p1/cancel", NULL);
	help_set(&task.cancel_url, API "/predictions/p2/cancel");
	help_request(REPLICATE, &params, &task, "POST", API "/predictions/p2/cancel", NULL);
	task.stage = SEED_STAGE_REISSUE;
	help_set(&task.poll_url, API "/predictions/p3");
	help_request(REPLICATE, &params, &task, "GET", API "/predictions/p3", NULL);
	seed_task_release(&task);
	seed_params_release(&params);
}

#define FAILS .kind = SEED_STEP_FAIL
#define POLL .stage = SEED_STAGE_POLL
#define STILL .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL
#define NOT_KNOWN .kind = SEED_STEP_UNKNOWN, .then = SEED_STAGE_POLL
#define NOT_TOLD .kind = SEED_STEP_BACKOFF, .then = SEED_STAGE_POLL
#define URLS "\"urls\":{\"get\":\"" API "/predictions/p1\",\"cancel\":\"" API "/predictions/p1/cancel\"}"

static const struct answer_case cases[] = {
	{ .name = "created", .status = 201, .body = "{\"id\":\"p1\",\"status\":\"starting\"," URLS "}", STILL,
	  .id = "p1" },
	{ .name = "done at once", .status = 201,
	  .body = "{\"id\":\"p1\",\"status\":\"succeeded\",\"output\":[\"https://replicate.delivery/a.jpg\"]}",
	  .kind = SEED_STEP_URL, .image = "https://replicate.delivery/a.jpg", .id = "p1" },
	{ .name = "no id", .status = 201, .body = "{\"status\":\"starting\"}", FAILS, .code = EIO,
	  .message = "no prediction id in the answer" },
	{ .name = "input", .status = 422,
	  .body = "{\"detail\":\"- input: prompt is required\\n\",\"status\":422,\"title\":\"Input validation failed\"}",
	  FAILS, .code = EINVAL, .http_status = 422 },
	{ .name = "credit", .status = 402,
	  .body = "{\"title\":\"Insufficient credit\",\"detail\":\"You have insufficient credit to run this model.\","
		  "\"status\":402}", FAILS, .code = EDQUOT, .http_status = 402,
	  .message = "HTTP 402: You have insufficient credit to run this model." },
	{ .name = "title only", .status = 401, .body = "{\"title\":\"Unauthenticated\",\"status\":401}", FAILS,
	  .code = EKEYREJECTED, .message = "HTTP 401: Unauthenticated" },
	{ .name = "throttled", .status = 429,
	  .body = "{\"detail\":\"Request was throttled. Your rate limit resets in ~30s.\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "server", .status = 500, .body = "", FAILS, .code = EIO, .message = "HTTP 500" },

	{ .name = "starting", POLL, .status = 200, .body = "{\"id\":\"task-1\",\"status\":\"starting\"}", STILL },
	{ .name = "another's", POLL, .status = 200,
	  .body = "{\"id\":\"task-2\",\"status\":\"succeeded\",\"output\":[\"https://replicate.delivery/a.jpg\"]}",
	  NOT_TOLD, .misdirected = true },
	{ .name = "processing", POLL, .status = 200,
	  .body = "{\"id\":\"task-1\",\"status\":\"processing\",\"output\":null}", STILL },
	{ .name = "unknown", POLL, .status = 200, .body = "{\"status\":\"queued\"}", STILL },
	{ .name = "no status", POLL, .status = 200, .body = "{}", NOT_TOLD },
	{ .name = "succeeded", POLL, .status = 200,
	  .body = "{\"status\":\"succeeded\",\"output\":\"https://replicate.delivery/a.png\"}",
	  .kind = SEED_STEP_URL, .image = "https://replicate.delivery/a.png" },
	{ .name = "data URI", POLL, .status = 200,
	  .body = "{\"status\":\"succeeded\",\"output\":[\"data:image/png;base64,aGVsbG8=\"]}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "empty", POLL, .status = 200, .body = "{\"status\":\"succeeded\",\"output\":[]}", FAILS,
	  .code = EIO, .message = "no image URL in the answer" },
	{ .name = "removed", POLL, .status = 200,
	  .body = "{\"status\":\"succeeded\",\"output\":null,\"data_removed\":true}", FAILS, .code = EIO,
	  .message = "the service has removed the image (after 1 hour)" },
	{ .name = "failed", POLL, .status = 200, .body = "{\"status\":\"failed\",\"error\":\"CUDA\"}", FAILS,
	  .code = EIO, .message = "prediction failed: CUDA" },
	{ .name = "failed, no words", POLL, .status = 200, .body = "{\"status\":\"failed\",\"error\":null}", FAILS,
	  .code = EIO, .message = "prediction failed" },
	{ .name = "canceled", POLL, .status = 200, .body = "{\"status\":\"canceled\"}", FAILS, .code = EIO,
	  .message = "prediction canceled" },
	{ .name = "aborted", POLL, .status = 200, .body = "{\"status\":\"aborted\"}", FAILS, .code = EIO,
	  .message = "prediction aborted" },
	{ .name = "policy", POLL, .status = 200,
	  .body = "{\"status\":\"failed\",\"error\":\"The input or output was flagged as sensitive. Please try "
		  "again with different inputs. (E005)\"}", FAILS, .code = EPERM },
	{ .name = "E005", POLL, .status = 200, .body = "{\"status\":\"failed\",\"error\":\"No. (E005)\"}", FAILS,
	  .code = EPERM },
	{ .name = "poll 404", POLL, .status = 404, .body = "{\"detail\":\"no\"}", NOT_KNOWN },
	{ .name = "poll 502", POLL, .status = 502, .body = "<html>", NOT_TOLD },
	{ .name = "poll 429", POLL, .status = 429, .body = "{}", .kind = SEED_STEP_BACKOFF },
	{ .name = "poll 401", POLL, .status = 401, .body = "{}", FAILS, .code = EKEYREJECTED },
	{ .name = "reissue", .stage = SEED_STAGE_REISSUE, .status = 200,
	  .body = "{\"status\":\"succeeded\",\"output\":[\"https://replicate.delivery/b.jpg\"]}",
	  .kind = SEED_STEP_URL, .image = "https://replicate.delivery/b.jpg" },
	{ .name = "cancel", .stage = SEED_STAGE_CANCEL, .status = 200, .body = "{}", .kind = SEED_STEP_DONE },
};

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(REPLICATE, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(REPLICATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_each_model_in_its_way),
		cmocka_unit_test(refuses_a_model_that_leads_elsewhere),
		cmocka_unit_test(is_ended_by_the_service_at_the_deadline),
		cmocka_unit_test(follows_the_task),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
