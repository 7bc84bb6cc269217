/* kie.ai's one-call API. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define KIE_IMAGE (&seed_provider_kie_image)
#define GENERATE "https://api.kie.ai/api/v1/generate/image"

static void submits_everything_flat(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_request(KIE_IMAGE, &params, &task, "POST", GENERATE,
		     "{\"model\":\"" MODEL "\",\"prompt\":\"" PROMPT "\","
		     "\"resolution\":\"2048x1152\",\"aspect_ratio\":\"16:9\",\"quality\":\"high\","
		     "\"steps\":30,\"cfg_scale\":8,\"guidance\":\"detailed, cinematic lighting\"}");
	help_set(&params.negative_prompt, "text");
	params.has_seed = true;
	params.seed = 7;
	params.steps = 25;
	params.cfg_scale = 7;
	help_request(KIE_IMAGE, &params, &task, "POST", GENERATE,
		     "{\"model\":\"" MODEL "\",\"prompt\":\"" PROMPT "\","
		     "\"resolution\":\"2048x1152\",\"aspect_ratio\":\"16:9\",\"quality\":\"high\","
		     "\"steps\":25,\"cfg_scale\":7,\"guidance\":\"detailed, cinematic lighting\","
		     "\"negative_prompt\":\"text\",\"seed\":7}");
	seed_params_release(&params);
}

static void asks_for_other_sizes(void **state)
{
	static const struct {
		int width, height;
		const char *resolution, *ratio;
	} rows[] = {
		{ 1024, 1024, "1024x1024", "1:1" },
		{ 1366, 768, "1366x768", "16:9" },
		{ 1152, 2048, "1152x2048", "9:16" },
		{ 1000, 700, "1000x700", "10:7" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_params params;
		char body[512];

		help_params(&params);
		params.width = rows[i].width;
		params.height = rows[i].height;
		snprintf(body, sizeof(body),
			 "{\"model\":\"" MODEL "\",\"prompt\":\"" PROMPT "\","
			 "\"resolution\":\"%s\",\"aspect_ratio\":\"%s\",\"quality\":\"high\","
			 "\"steps\":30,\"cfg_scale\":8,\"guidance\":\"detailed, cinematic lighting\"}",
			 rows[i].resolution, rows[i].ratio);
		help_request(KIE_IMAGE, &params, &task, "POST", GENERATE, body);
		seed_params_release(&params);
	}
}

static void goes_on_as_the_jobs_api(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_POLL };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&task.id, "t1");
	help_request(KIE_IMAGE, &params, &task, "GET",
		     "https://api.kie.ai/api/v1/jobs/recordInfo?taskId=t1", NULL);
	task.stage = SEED_STAGE_REISSUE;
	help_set(&task.image_url, "https://x.test/a.png");
	help_request(KIE_IMAGE, &params, &task, "POST",
		     "https://api.kie.ai/api/v1/common/download-url",
		     "{\"url\":\"https://x.test/a.png\"}");
	seed_task_release(&task);
	seed_params_release(&params);
}

#define URL "https://x.test/a.png"
#define OK .status = 200, .kind = SEED_STEP_URL, .image = URL
#define DATA(rest) "{\"code\":200,\"msg\":\"success\",\"data\":{" rest "}}"
/* "0123456789…" 48 bytes, 64 digits of base64. */
#define BYTES "012345678901234567890123456789012345678901234567"
#define BASE64 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"

static const struct answer_case submissions[] = {
	{ .name = "response.imageUrl", .body = DATA("\"response\":{\"imageUrl\":\"" URL "\"}"), OK },
	{ .name = "imageUrl", .body = DATA("\"imageUrl\":\"" URL "\""), OK },
	{ .name = "image_url", .body = DATA("\"image_url\":\"" URL "\""), OK },
	{ .name = "response.resultUrls", .body = DATA("\"response\":{\"resultUrls\":[\"" URL "\"]}"), OK },
	{ .name = "resultUrls", .body = DATA("\"resultUrls\":[\"" URL "\"]"), OK },
	{ .name = "resultJson", .body = DATA("\"resultJson\":\"{\\\"resultUrls\\\":[\\\"" URL "\\\"]}\""), OK },
	{ .name = "response as a string",
	  .body = DATA("\"response\":\"{\\\"imageUrl\\\":\\\"" URL "\\\"}\""), OK },
	{ .name = "response at the top", .body = "{\"code\":200,\"response\":{\"imageUrl\":\"" URL "\"}}", OK },
	{ .name = "no code", .body = "{\"data\":{\"response\":{\"imageUrl\":\"" URL "\"}}}", OK },
	{ .name = "both", .body = DATA("\"taskId\":\"t9\",\"response\":{\"imageUrl\":\"" URL "\"}"), OK,
	  .id = "t9" },
	{ .name = "created", .status = 200, .body = DATA("\"taskId\":\"t9\",\"response\":{\"imageUrl\":\"\"}"),
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "t9" },
	{ .name = "task_id", .status = 200, .body = DATA("\"task_id\":\"t9\""),
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "t9" },
	{ .name = "recordId", .status = 200, .body = DATA("\"recordId\":\"t9\",\"state\":\"queuing\""),
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "t9" },
	{ .name = "created successfully", .status = 200, .body = DATA("\"taskId\":\"t9\",\"status\":\"success\""),
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "t9" },
	{ .name = "failed at once", .status = 200,
	  .body = DATA("\"taskId\":\"t9\",\"state\":\"fail\",\"failCode\":\"500\",\"failMsg\":\"no\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "task failed (failCode 500): no" },
	{ .name = "base64", .status = 200, .body = DATA("\"response\":{\"imageBase64\":\"" BASE64 "\"}"),
	  .kind = SEED_STEP_BYTES, .image = BYTES },
	{ .name = "data URI", .status = 200,
	  .body = DATA("\"response\":{\"imageUrl\":\"data:image/png;base64," BASE64 "\"}"),
	  .kind = SEED_STEP_BYTES, .image = BYTES },
	{ .name = "base64 for a URL", .status = 200, .body = DATA("\"imageUrl\":\"" BASE64 "\""),
	  .kind = SEED_STEP_BYTES, .image = BYTES },
	{ .name = "data URI, not base64", .status = 200, .body = DATA("\"imageUrl\":\"data:text/plain,hello\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "the data URI in the answer is not base64" },
	{ .name = "no URL", .status = 200, .body = DATA("\"response\":{}"),
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 200, .message = "neither an image nor a task in the answer" },
	{ .name = "null", .status = 200, .body = "{\"code\":200,\"data\":null}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "neither an image nor a task in the answer" },
	{ .name = "not a web URL", .status = 200, .body = DATA("\"imageUrl\":\"file:///etc/passwd\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "the image URL in the answer is not valid" },
	{ .name = "failed", .status = 200, .body = "{\"code\":501,\"message\":\"generation failed\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 501, .message = "code 501: generation failed" },
	{ .name = "HTTP 402", .status = 402, .body = "{\"code\":402,\"msg\":\"Insufficient credits\"}",
	  .kind = SEED_STEP_FAIL, .code = EDQUOT, .http_status = 402, .message = "HTTP 402: Insufficient credits" },
	{ .name = "code 429", .status = 200, .body = "{\"code\":429}", .kind = SEED_STEP_BACKOFF },
	{ .name = "poll", .stage = SEED_STAGE_POLL,
	  .body = DATA("\"state\":\"success\",\"resultJson\":\"{\\\"resultUrls\\\":[\\\"" URL "\\\"]}\""), OK },
};

static void reads_submissions(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(KIE_IMAGE, submissions, SEED_ARRAY_LEN(submissions));
}

/* A URL longer than a signed one can be is not kept, whatever it leads to. */
static void refuses_an_endless_url(void **state)
{
	struct seed_provider_config config = help_config(KIE_IMAGE);
	struct seed_task task = { 0 };
	char body[SEED_URL_MAX_BYTES + 200];
	struct seed_step step;
	int head = snprintf(body, sizeof(body), "{\"data\":{\"imageUrl\":\"https://x.test/");

	SEED_UNUSED(state);
	memset(body + head, 'a', SEED_URL_MAX_BYTES);
	snprintf(body + head + SEED_URL_MAX_BYTES, 8, "\"}}");
	help_answer(KIE_IMAGE, &config, &task, 200, body, strlen(body), &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_string_equal(step.error.message, "the image URL in the answer is not valid");
	seed_step_release(&step);
	seed_task_release(&task);
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(KIE_IMAGE);
	help_flood(KIE_IMAGE, "[", 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submits_everything_flat),
		cmocka_unit_test(asks_for_other_sizes),
		cmocka_unit_test(goes_on_as_the_jobs_api),
		cmocka_unit_test(reads_submissions),
		cmocka_unit_test(refuses_an_endless_url),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
