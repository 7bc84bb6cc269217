/* kie.ai's jobs API. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define KIE (&seed_provider_kie)
#define CREATE "https://api.kie.ai/api/v1/jobs/createTask"
#define INPUT_REST "\"aspect_ratio\":\"16:9\",\"steps\":30,\"cfg_scale\":8," \
	"\"guidance\":\"detailed, cinematic lighting\""

/* --- Requests --- */

static void submits_everything_inside_input(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_request(KIE, &params, &task, "POST", CREATE,
		     "{\"model\":\"" MODEL "\",\"input\":{\"prompt\":\"" PROMPT "\","
		     "\"image_size\":\"landscape_16_9\",\"image_resolution\":\"2K\","
		     "\"max_images\":1,\"resolution\":\"2048x1152\",\"quality\":\"high\","
		     INPUT_REST "}}");
	assert_null(task.id);
	seed_params_release(&params);
}

static void submits_what_a_json_request_adds(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&params.negative_prompt, "text \"and\" logos");
	help_set(&params.guidance, "");
	params.has_seed = true;
	params.seed = INT64_C(9007199254740991);
	params.steps = 25;
	params.cfg_scale = 7.5;
	help_request(KIE, &params, &task, "POST", CREATE,
		     "{\"model\":\"" MODEL "\",\"input\":{\"prompt\":\"" PROMPT "\","
		     "\"image_size\":\"landscape_16_9\",\"image_resolution\":\"2K\","
		     "\"max_images\":1,\"resolution\":\"2048x1152\",\"quality\":\"high\","
		     "\"aspect_ratio\":\"16:9\",\"steps\":25,\"cfg_scale\":7.5}}");
	seed_params_release(&params);
}

/* There `quality` is the size: "high" would be 4K of the 4.5. */
static void later_models_have_their_size_in_quality(void **state)
{
	static const struct {
		const char *model, *quality, *rest;
	} rows[] = {
		{ "seedream/4.5-text-to-image", "basic", "" },
		{ "seedream/5-lite-text-to-image", "basic", "" },
		{ "seedream/5-pro-text-to-image", "high", ",\"output_format\":\"png\"" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_params params;
		char body[512];

		help_params(&params);
		help_set(&params.model, rows[i].model);
		snprintf(body, sizeof(body),
			 "{\"model\":\"%s\",\"input\":{\"prompt\":\"" PROMPT "\","
			 "\"quality\":\"%s\",\"aspect_ratio\":\"16:9\"%s}}", rows[i].model,
			 rows[i].quality, rows[i].rest);
		help_request(KIE, &params, &task, "POST", CREATE, body);
		seed_params_release(&params);
	}
}

static void polls_with_an_encoded_id(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_POLL };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&task.id, "task/1?a=b&c");
	help_request(KIE, &params, &task, "GET",
		     "https://api.kie.ai/api/v1/jobs/recordInfo?taskId=task%2F1%3Fa%3Db%26c", NULL);
	seed_task_release(&task);
	seed_params_release(&params);
}

static void reissues_but_cannot_cancel(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_REISSUE };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_no_request(KIE, &task, -EOPNOTSUPP);
	help_set(&task.image_url, "https://tempfile.aiquickdraw.com/a.png?x=\"1\"");
	help_request(KIE, &params, &task, "POST",
		     "https://api.kie.ai/api/v1/common/download-url",
		     "{\"url\":\"https://tempfile.aiquickdraw.com/a.png?x=\\\"1\\\"\"}");
	task.stage = SEED_STAGE_CANCEL;
	help_no_request(KIE, &task, -EOPNOTSUPP);
	seed_task_release(&task);
	seed_params_release(&params);
}

/* --- Answers --- */

static const struct answer_case submissions[] = {
	{ .name = "created", .status = 200,
	  .body = "{\"code\":200,\"msg\":\"success\",\"data\":{\"taskId\":\"task_bytedance_17\"}}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "task_bytedance_17" },
	{ .name = "recordId", .status = 200,
	  .body = "{\"code\":200,\"data\":{\"recordId\":\"r1\"}}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "r1" },
	{ .name = "code as a string", .status = 200,
	  .body = "{\"code\":\"200\",\"data\":{\"task_id\":\"r1\"}}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "r1" },
	{ .name = "a number", .status = 200,
	  .body = "{\"code\":200,\"data\":{\"taskId\":1765176547151}}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL, .id = "1765176547151" },
	{ .name = "no id", .status = 200, .body = "{\"code\":200,\"msg\":\"success\",\"data\":{}}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 200,
	  .message = "neither an image nor a task in the answer" },
	{ .name = "no credits", .status = 200,
	  .body = "{\"code\":402,\"msg\":\"Credits insufficient\",\"data\":null}",
	  .kind = SEED_STEP_FAIL, .code = EDQUOT, .http_status = 402,
	  .message = "code 402: Credits insufficient" },
	{ .name = "no credits by HTTP", .status = 402, .body = "{\"message\":\"Insufficient credits\"}",
	  .kind = SEED_STEP_FAIL, .code = EDQUOT, .http_status = 402,
	  .message = "HTTP 402: Insufficient credits" },
	{ .name = "sub-key limit", .status = 200, .body = "{\"code\":433,\"msg\":\"limit\"}",
	  .kind = SEED_STEP_FAIL, .code = EDQUOT, .http_status = 433 },
	{ .name = "no key", .status = 200,
	  .body = "{\"code\":401,\"msg\":\"You do not have access permissions\"}",
	  .kind = SEED_STEP_FAIL, .code = EKEYREJECTED, .http_status = 401,
	  .message = "code 401: You do not have access permissions" },
	{ .name = "Cloudflare", .status = 403, .body = "error code: 1010",
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 403,
	  .message = "HTTP 403 (not in the service's words: a firewall's page?): error code: 1010" },
	{ .name = "no code", .status = 200, .body = "{\"code\":-5,\"msg\":\"neg\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "code -5: neg" },
	{ .name = "a code that is no number of ours", .status = 200,
	  .body = "{\"code\":1e300,\"data\":{\"taskId\":\"t\"}}",
	  .kind = SEED_STEP_FAIL, .code = EIO },
	{ .name = "validation", .status = 200, .body = "{\"code\":422,\"message\":\"bad model\"}",
	  .kind = SEED_STEP_FAIL, .code = EINVAL, .http_status = 422,
	  .message = "code 422: bad model" },
	{ .name = "bad request", .status = 200, .body = "{\"code\":400,\"msg\":\"bad\"}",
	  .kind = SEED_STEP_FAIL, .code = EINVAL },
	{ .name = "policy", .status = 200,
	  .body = "{\"code\":400,\"msg\":\"Your prompt may violate our content policies\"}",
	  .kind = SEED_STEP_FAIL, .code = EPERM },
	{ .name = "upstream is slow", .status = 200, .body = "{\"code\":408,\"msg\":\"slow\"}",
	  .kind = SEED_STEP_FAIL, .code = ETIMEDOUT },
	{ .name = "rate limit in the envelope", .status = 200, .body = "{\"code\":429,\"msg\":\"x\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "rate limit by HTTP", .status = 429, .body = "", .kind = SEED_STEP_BACKOFF },
	{ .name = "maintenance", .status = 200, .body = "{\"code\":455,\"msg\":\"down\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO },
	{ .name = "failed", .status = 200, .body = "{\"code\":501,\"msg\":\"generation failed\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 501,
	  .message = "code 501: generation failed" },
	{ .name = "disabled", .status = 200, .body = "{\"code\":505,\"msg\":\"off\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO },
	{ .name = "HTTP 500", .status = 500, .body = "<html>oh</html>",
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 500, .message = "HTTP 500" },
	{ .name = "gateway timeout", .status = 504, .body = "{}",
	  .kind = SEED_STEP_FAIL, .code = ETIMEDOUT },
	{ .name = "not JSON", .status = 200, .body = "<html></html>",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "the answer is not JSON" },
	{ .name = "JSON and more", .status = 200, .body = "{\"code\":200} {}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "the answer is not JSON" },
};

#define RECORD(rest) "{\"code\":200,\"msg\":\"success\",\"data\":{\"taskId\":\"task-1\"," \
	"\"model\":\"m\",\"param\":\"{\\\"input\\\":{\\\"image_url\\\":\\\"https://x.test/in\\\"}}\"," rest "}}"
#define POLL .stage = SEED_STAGE_POLL, .status = 200
#define STILL .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL
#define NOT_KNOWN .kind = SEED_STEP_UNKNOWN, .then = SEED_STAGE_POLL
#define NOT_TOLD .kind = SEED_STEP_BACKOFF, .then = SEED_STAGE_POLL

static const struct answer_case polls[] = {
	{ .name = "waiting", POLL, .body = RECORD("\"state\":\"waiting\""), STILL },
	{ .name = "queuing", POLL, .body = RECORD("\"state\":\"queuing\",\"resultJson\":\"\""), STILL },
	{ .name = "generating", POLL, .body = RECORD("\"state\":\"generating\""), STILL },
	{ .name = "unknown state", POLL, .body = RECORD("\"state\":\"pondering\""), STILL },
	{ .name = "no state", POLL, .body = RECORD("\"x\":1"), NOT_TOLD },
	{ .name = "success", POLL, .body = RECORD("\"state\":\"success\",\"resultJson\":"
		"\"{\\\"resultUrls\\\":[\\\"https://tempfile.aiquickdraw.com/a.jpg\\\"]}\""),
	  .kind = SEED_STEP_URL, .image = "https://tempfile.aiquickdraw.com/a.jpg", .id = "task-1" },
	{ .name = "another's", POLL, .body = "{\"code\":200,\"data\":{\"taskId\":\"task-2\",\"state\":\"success\","
		"\"resultJson\":{\"resultUrls\":[\"https://x.test/a.png\"]}}}", NOT_TOLD, .misdirected = true },
	{ .name = "another's that failed", POLL, .body = "{\"code\":501,\"data\":{\"taskId\":\"task-2\",\"state\":\"fail\"}}",
	  NOT_TOLD, .misdirected = true },
	{ .name = "success, an object", POLL, .body = RECORD("\"state\":\"success\",\"resultJson\":"
		"{\"resultUrls\":[\"https://x.test/a.png\"]}"),
	  .kind = SEED_STEP_URL, .image = "https://x.test/a.png" },
	{ .name = "success in response", POLL, .body = RECORD("\"successFlag\":1,\"response\":"
		"{\"resultImageUrl\":\"https://x.test/b.png\"}"),
	  .kind = SEED_STEP_URL, .image = "https://x.test/b.png" },
	{ .name = "successFlag 2", POLL,
	  .body = RECORD("\"successFlag\":2,\"errorCode\":500,\"errorMessage\":\"oops\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "task failed (failCode 500): oops" },
	{ .name = "success without a picture", POLL,
	  .body = RECORD("\"state\":\"success\",\"resultJson\":\"{}\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "no image URL in the answer" },
	{ .name = "success with a broken picture", POLL,
	  .body = RECORD("\"state\":\"success\",\"resultJson\":\"{\\\"resultUrls\\\":[\\\"ftp://x\\\"]}\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "the image URL in the answer is not valid" },
	{ .name = "fail", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"500\",\"failMsg\":\"Internal Error\""),
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 500,
	  .message = "task failed (failCode 500): Internal Error" },
	{ .name = "fail, a number", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":422,\"failMsg\":\"image_size is wrong\""),
	  .kind = SEED_STEP_FAIL, .code = EINVAL, .message = "task failed (failCode 422): image_size is wrong" },
	{ .name = "fail without a reason", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":null,\"failMsg\":null"),
	  .kind = SEED_STEP_FAIL, .code = EIO, .http_status = 200, .message = "task failed" },
	{ .name = "fail under its own code", POLL,
	  .body = "{\"code\":501,\"msg\":\"Playground task failed.\",\"data\":{\"state\":\"fail\","
		  "\"failCode\":\"400\",\"failMsg\":\"steps is wrong\"}}",
	  .kind = SEED_STEP_FAIL, .code = EINVAL },
	{ .name = "policy 400", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"400\",\"failMsg\":"
			 "\"current content could not be processed\""),
	  .kind = SEED_STEP_FAIL, .code = EPERM, .http_status = 400 },
	{ .name = "policy 400, other words", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"400\",\"failMsg\":"
			 "\"It may violate our content policies\""),
	  .kind = SEED_STEP_FAIL, .code = EPERM },
	{ .name = "policy 422", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"422\",\"failMsg\":"
			 "\"CONTENT_POLICY_BLOCKED: flagged as sensitive\""),
	  .kind = SEED_STEP_FAIL, .code = EPERM },
	{ .name = "policy by text", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failMsg\":\"The input or output was flagged as "
			 "sensitive. Please try again with different inputs.\""),
	  .kind = SEED_STEP_FAIL, .code = EPERM },
	{ .name = "policy as the code", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"CONTENT_POLICY_BLOCKED\",\"failMsg\":\"no\""),
	  .kind = SEED_STEP_FAIL, .code = EPERM,
	  .message = "task failed (failCode CONTENT_POLICY_BLOCKED): no" },
	{ .name = "credits ran out", POLL,
	  .body = RECORD("\"state\":\"fail\",\"failCode\":\"402\",\"failMsg\":\"credits\""),
	  .kind = SEED_STEP_FAIL, .code = EDQUOT },
	{ .name = "recordInfo is null", POLL,
	  .body = "{\"code\":422,\"msg\":\"recordInfo is null\",\"data\":null}", NOT_KNOWN },
	{ .name = "not found yet", POLL, .body = "{\"code\":404,\"msg\":\"task not found\"}", NOT_KNOWN },
	{ .name = "server error", POLL, .body = "{\"code\":500,\"msg\":\"x\"}", NOT_TOLD },
	{ .name = "failed", POLL, .body = "{\"code\":501,\"msg\":\"generation failed\",\"data\":null}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "code 501: generation failed" },
	{ .name = "key refused", POLL, .body = "{\"code\":401,\"msg\":\"no\"}",
	  .kind = SEED_STEP_FAIL, .code = EKEYREJECTED, .http_status = 401, .message = "code 401: no" },
	{ .name = "rate limit", POLL, .body = "{\"code\":429,\"msg\":\"no\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "HTTP 404", .stage = SEED_STAGE_POLL, .status = 404, .body = "", NOT_KNOWN },
	{ .name = "HTTP 422", .stage = SEED_STAGE_POLL, .status = 422,
	  .body = "{\"code\":422,\"msg\":\"recordInfo is null\",\"data\":null}", NOT_TOLD },
	{ .name = "HTTP 500", .stage = SEED_STAGE_POLL, .status = 500, .body = "{}", NOT_TOLD },
	{ .name = "HTTP 502", .stage = SEED_STAGE_POLL, .status = 502, .body = "<html>", NOT_TOLD },
	{ .name = "HTTP 429", .stage = SEED_STAGE_POLL, .status = 429, .body = "",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "HTTP 401", .stage = SEED_STAGE_POLL, .status = 401, .body = "{\"msg\":\"no\"}",
	  .kind = SEED_STEP_FAIL, .code = EKEYREJECTED, .http_status = 401, .message = "HTTP 401: no" },
	{ .name = "HTTP 403", .stage = SEED_STAGE_POLL, .status = 403,
	  .body = "{\"code\":403,\"msg\":\"no access\"}",
	  .kind = SEED_STEP_FAIL, .code = EKEYREJECTED },
	{ .name = "a firewall", .stage = SEED_STAGE_POLL, .status = 403, .body = "<html>", NOT_TOLD },
	{ .name = "no credits", POLL, .body = "{\"code\":402,\"msg\":\"no\"}",
	  .kind = SEED_STEP_FAIL, .code = EDQUOT },
	{ .name = "cut", POLL, .body = "{\"code\":200,\"data\":{\"state\":\"succ", NOT_TOLD },
	{ .name = "HTML", POLL, .body = "<html>", NOT_TOLD },
};

#define REISSUE .stage = SEED_STAGE_REISSUE, .status = 200
static const struct answer_case reissues[] = {
	{ .name = "new URL", REISSUE, .body = "{\"code\":200,\"data\":\"https://x.test/new?s=1\"}",
	  .kind = SEED_STEP_URL, .image = "https://x.test/new?s=1" },
	{ .name = "in an object", REISSUE, .body = "{\"code\":200,\"data\":{\"url\":\"https://x.test/n\"}}",
	  .kind = SEED_STEP_URL, .image = "https://x.test/n" },
	{ .name = "refused", REISSUE, .body = "{\"code\":422,\"msg\":\"no such file\"}",
	  .kind = SEED_STEP_FAIL, .code = EINVAL, .message = "code 422: no such file" },
	{ .name = "no URL", REISSUE, .body = "{\"code\":200,\"data\":\"\"}",
	  .kind = SEED_STEP_FAIL, .code = EIO, .message = "no image URL in the answer" },
	{ .name = "busy", REISSUE, .body = "{\"code\":429}", .kind = SEED_STEP_BACKOFF },
	{ .name = "an error of its own", REISSUE, .body = "{\"code\":500,\"msg\":\"oops\"}", .kind = SEED_STEP_BACKOFF },
	{ .name = "cut", REISSUE, .body = "{\"code\":200,\"da", .kind = SEED_STEP_BACKOFF },
	{ .name = "a gateway's", .stage = SEED_STAGE_REISSUE, .status = 502, .body = "<html>bad gateway</html>",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "a firewall's", .stage = SEED_STAGE_REISSUE, .status = 403, .body = "<html>no</html>",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "an outage", .stage = SEED_STAGE_REISSUE, .status = 503, .body = "{\"code\":503}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "too slow", .stage = SEED_STAGE_REISSUE, .status = 408, .body = "{\"msg\":\"timeout\"}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "refused by its status", .stage = SEED_STAGE_REISSUE, .status = 422,
	  .body = "{\"code\":422,\"msg\":\"no such file\"}", .kind = SEED_STEP_FAIL, .code = EINVAL,
	  .message = "HTTP 422: no such file" },
	{ .name = "cancel", .stage = SEED_STAGE_CANCEL, .status = 200, .body = "",
	  .kind = SEED_STEP_DONE },
};

static void reads_submissions(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(KIE, submissions, SEED_ARRAY_LEN(submissions));
}

static void reads_polls(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(KIE, polls, SEED_ARRAY_LEN(polls));
}

static void reads_the_rest(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(KIE, reissues, SEED_ARRAY_LEN(reissues));
}

static void tells_progress_and_cost(void **state)
{
	static const char body[] = RECORD("\"state\":\"generating\",\"progress\":42,"
					  "\"creditsConsumed\":5.5");
	struct seed_provider_config config = help_config(KIE);
	struct seed_task task = { .stage = SEED_STAGE_POLL };
	struct seed_step step;

	SEED_UNUSED(state);
	help_answer(KIE, &config, &task, 200, body, strlen(body), &step);
	assert_true(step.progress > 0.419 && step.progress < 0.421);
	assert_true(step.cost > 5.49 && step.cost < 5.51);
	seed_step_release(&step);
	seed_task_release(&task);
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(KIE);
	help_flood(KIE, "[", 1000000);
	help_flood(KIE, "{\"a\":", 1000000);
	help_flood(KIE, "[],", 32 * 1024 * 1024);
	help_flood(KIE, "\\\"", 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submits_everything_inside_input),
		cmocka_unit_test(submits_what_a_json_request_adds),
		cmocka_unit_test(later_models_have_their_size_in_quality),
		cmocka_unit_test(polls_with_an_encoded_id),
		cmocka_unit_test(reissues_but_cannot_cancel),
		cmocka_unit_test(reads_submissions),
		cmocka_unit_test(reads_polls),
		cmocka_unit_test(reads_the_rest),
		cmocka_unit_test(tells_progress_and_cost),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
