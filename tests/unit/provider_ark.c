/* BytePlus ModelArk and Volcengine Ark. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define ARK (&seed_provider_ark)
#define GENERATE "https://ark.ap-southeast.bytepluses.com/api/v3/images/generations"

static void asks_each_model_in_its_way(void **state)
{
	static const struct {
		const char *model, *sent, *size, *rest;
	} rows[] = {
		{ MODEL, "seedream-4-0-250828", "2048x1152",
		  "\"sequential_image_generation\":\"disabled\"" },
		{ "ep-20260101-abc", "ep-20260101-abc", "2048x1152", "" },
		{ "seedream-5-0-flash-260915", "seedream-5-0-flash-260915", "2048x1152", "" },
		{ "seedream-5-5-261015", "seedream-5-5-261015", "2048x1152", "" },
		{ "seedream-4-5-251128", "seedream-4-5-251128", "2560x1440",
		  "\"sequential_image_generation\":\"disabled\"" },
		{ "seedream-5-0-260128", "seedream-5-0-260128", "2560x1440",
		  "\"sequential_image_generation\":\"disabled\",\"output_format\":\"png\"" },
		{ "dola-seedream-5-0-pro-260628", "dola-seedream-5-0-pro-260628", "2048x1152",
		  "\"output_format\":\"png\"" },
		{ "seedream-3-0-t2i-250415", "seedream-3-0-t2i-250415", "2048x1152",
		  "\"guidance_scale\":8,\"seed\":5" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_task task = { 0 };
		struct seed_params params;
		char body[512];

		help_params(&params);
		help_set(&params.model, rows[i].model);
		params.has_seed = true;
		params.seed = (INT64_C(1) << 31) + 5;
		snprintf(body, sizeof(body),
			 "{\"model\":\"%s\",\"prompt\":\"" PROMPT "\",\"size\":\"%s\","
			 "\"response_format\":\"url\",\"watermark\":false%s%s}",
			 rows[i].sent, rows[i].size, *rows[i].rest ? "," : "", rows[i].rest);
		help_request(ARK, &params, &task, "POST", GENERATE, body);
		seed_params_release(&params);
	}
}

static void knows_the_other_site(void **state)
{
	struct seed_provider_config config = {
		.api_base = "https://ark.cn-beijing.volces.com/api/v3",
	};
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_request_with(ARK, &config, &params, &task, "POST",
			  "https://ark.cn-beijing.volces.com/api/v3/images/generations",
			  "{\"model\":\"doubao-seedream-4-0-250828\",\"prompt\":\"" PROMPT "\","
			  "\"size\":\"2048x1152\",\"response_format\":\"url\",\"watermark\":false,"
			  "\"sequential_image_generation\":\"disabled\"}");
	seed_params_release(&params);
}

static void has_one_request_only(void **state)
{
	static const enum seed_stage stages[] = { SEED_STAGE_POLL, SEED_STAGE_RESULT,
						  SEED_STAGE_REISSUE, SEED_STAGE_CANCEL };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(stages); i++) {
		struct seed_task task = { .stage = stages[i] };

		help_no_request(ARK, &task, -EOPNOTSUPP);
	}
}

#define URL "https://ark-content.tos.volces.com/a.jpeg?X-Tos-Expires=86400"
#define ERROR(code, text) "{\"error\":{\"code\":\"" code "\",\"message\":\"" text "\",\"param\":\"\",\"type\":\"\"}}"
#define FAILS .kind = SEED_STEP_FAIL
/* "0123456789…" 48 bytes. */
#define BYTES "012345678901234567890123456789012345678901234567"
#define BASE64 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"

static const struct answer_case cases[] = {
	{ .name = "URL", .status = 200,
	  .body = "{\"model\":\"m\",\"created\":1,\"data\":[{\"url\":\"" URL "\",\"size\":\"2048x1152\"}],"
		  "\"usage\":{\"generated_images\":1}}",
	  .kind = SEED_STEP_URL, .image = URL },
	{ .name = "base64", .status = 200, .body = "{\"data\":[{\"b64_json\":\"" BASE64 "\"}]}",
	  .kind = SEED_STEP_BYTES, .image = BYTES },
	{ .name = "second element", .status = 200,
	  .body = "{\"data\":[{\"error\":{\"code\":\"x\"}},{\"url\":\"" URL "\"}]}",
	  .kind = SEED_STEP_URL, .image = URL },
	{ .name = "element's error", .status = 200,
	  .body = "{\"data\":[" ERROR("OutputImageSensitiveContentDetected", "may be sensitive") "]}",
	  FAILS, .code = EPERM, .http_status = 200,
	  .message = "OutputImageSensitiveContentDetected: may be sensitive" },
	{ .name = "element's own failure", .status = 200,
	  .body = "{\"data\":[" ERROR("InternalServiceError", "oops") "]}", FAILS, .code = EIO },
	{ .name = "whole error in a 200", .status = 200, .body = ERROR("InvalidParameter", "size"),
	  FAILS, .code = EINVAL, .message = "InvalidParameter: size" },
	{ .name = "overload in a 200", .status = 200, .body = ERROR("ServerOverloaded", "later"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "quota in a 200", .status = 200, .body = ERROR("QuotaExceeded", "spent"),
	  FAILS, .code = EDQUOT },
	{ .name = "key in a 200", .status = 200, .body = ERROR("AuthenticationError", "no"),
	  FAILS, .code = EKEYREJECTED },
	{ .name = "no image", .status = 200, .body = "{\"data\":[]}", FAILS, .code = EIO,
	  .message = "no image URL in the answer" },
	{ .name = "size", .status = 400,
	  .body = ERROR("InvalidParameter", "size must be at least 3686400 pixels"), FAILS,
	  .code = EINVAL, .http_status = 400,
	  .message = "HTTP 400: size must be at least 3686400 pixels" },
	{ .name = "missing", .status = 400, .body = ERROR("MissingParameter", "x"), FAILS, .code = EINVAL },
	{ .name = "prompt refused", .status = 400, .body = ERROR("InputTextSensitiveContentDetected", "x"),
	  FAILS, .code = EPERM, .http_status = 400 },
	{ .name = "picture refused", .status = 400,
	  .body = ERROR("OutputImageSensitiveContentDetected", "x"), FAILS, .code = EPERM },
	{ .name = "refused by a kind", .status = 400, .body = ERROR("SensitiveContentDetected.Severe", "x"),
	  FAILS, .code = EPERM },
	{ .name = "key", .status = 401, .body = ERROR("AuthenticationError", "x"), FAILS,
	  .code = EKEYREJECTED, .http_status = 401 },
	{ .name = "overdue", .status = 403, .body = ERROR("AccountOverdueError", "x"), FAILS,
	  .code = EDQUOT, .http_status = 403 },
	{ .name = "access", .status = 403, .body = ERROR("AccessDenied", "x"), FAILS,
	  .code = EKEYREJECTED },
	{ .name = "model", .status = 404, .body = ERROR("ModelNotOpen", "x"), FAILS, .code = EINVAL },
	{ .name = "images a minute", .status = 429, .body = ERROR("ModelAccountIpmRateLimitExceeded", "x"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "endpoint's rate", .status = 429, .body = ERROR("RateLimitExceeded.EndpointRPMExceeded", "x"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "overload", .status = 429, .body = ERROR("ServerOverloaded", "x"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "burst", .status = 429, .body = ERROR("RequestBurstTooFast", "x"),
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "quota", .status = 429, .body = ERROR("QuotaExceeded", "x"), FAILS, .code = EDQUOT,
	  .http_status = 429 },
	{ .name = "own limit", .status = 429, .body = ERROR("SetLimitExceeded", "x"), FAILS,
	  .code = EDQUOT },
	{ .name = "server", .status = 500, .body = ERROR("InternalServiceError", "x"), FAILS,
	  .code = EIO, .message = "HTTP 500: x" },
	{ .name = "not JSON", .status = 200, .body = "ok", FAILS, .code = EIO },
};

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(ARK, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(ARK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_each_model_in_its_way),
		cmocka_unit_test(knows_the_other_site),
		cmocka_unit_test(has_one_request_only),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
