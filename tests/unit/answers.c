/* What an answer means whoever gives it: busy, refused, or a failed attempt;
 * and that no figure in it spoils the catalogue's row. */
#include "tests/unit/provider_help.h"

#include "lib/record/record.h"

static const char *const services[] = {
	"kie", "kie-image", "ark", "fal", "replicate", "openai", "automatic1111", "comfyui",
};

static const enum seed_stage stages[] = {
	SEED_STAGE_SUBMIT, SEED_STAGE_POLL, SEED_STAGE_RESULT, SEED_STAGE_REISSUE,
	SEED_STAGE_CANCEL, SEED_STAGE_LOOK, SEED_STAGE_CHECK,
};

static void ask(const char *service, enum seed_stage stage, long status, int64_t retry_after_ms,
		const char *body, struct seed_step *step)
{
	const struct seed_provider *provider = seed_provider_find(service);
	struct seed_provider_config config = help_config(provider);
	struct seed_response response = { .status = status, .body = body, .len = strlen(body),
					  .retry_after_ms = retry_after_ms };
	struct seed_task task = { .stage = stage };
	struct seed_params params;

	help_params(&params);
	help_set(&task.id, "task-1");
	seed_provider_answer(provider, &config, &params, &task, &response, step);
	seed_task_release(&task);
	seed_params_release(&params);
}

static const struct busy_case {
	long status;
	int64_t retry_after_ms;
	const char *body;
	bool busy;
} busy_cases[] = {
	{ 429, -1, "", true },
	{ 429, 0, "<html>slow down</html>", true },
	{ 429, 86400000, "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}", true },
	{ 503, 2000, "<html>", true },
	{ 503, 0, "", true },
	{ 503, -1, "<html>", false },
	{ 200, -1, "{\"code\":429,\"msg\":\"too many\"}", true },
	{ 200, 3000, "{\"code\":\"429\",\"msg\":\"too many\"}", true },
	{ 200, -1, "{\"error\":{\"code\":429,\"message\":\"too many\"}}", true },
	{ 200, -1, "{\"code\":428}", false },
	{ 500, 2000, "{}", false },
	{ 429, 2000, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"pay\"}}", false },
	{ 200, -1, "{\"code\":429,\"msg\":\"insufficient credit\"}", false },
};

static void busy_is_busy_at_every_stage(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(busy_cases); i++)
		for (size_t s = 0; s < SEED_ARRAY_LEN(services); s++)
			for (size_t t = 0; t < SEED_ARRAY_LEN(stages); t++) {
				const struct busy_case *c = &busy_cases[i];
				struct seed_step step;

				ask(services[s], stages[t], c->status, c->retry_after_ms, c->body, &step);
				/* A poll's answer that tells nothing is the same again, too. */
				if ((step.kind == SEED_STEP_BACKOFF) != c->busy &&
				    (c->busy || stages[t] == SEED_STAGE_SUBMIT))
					fail_msg("%s, stage %d, HTTP %ld %s: step %d", services[s],
						 stages[t], c->status, c->body, step.kind);
				if (c->busy)
					assert_int_equal(step.retry_after_ms, c->retry_after_ms);
				seed_step_release(&step);
			}
}

static const struct class_case {
	const char *service;
	long status;
	const char *body;
	int code;
	bool final;
} classes[] = {
	{ "kie", 401, "", EKEYREJECTED, true },
	{ "openai", 401, "<html>", EKEYREJECTED, true },
	{ "kie", 403, "{\"code\":403,\"msg\":\"no access\"}", EKEYREJECTED, true },
	{ "kie", 403, "<html><h1>Attention required</h1></html>", EIO, false },
	{ "kie", 403, "error code: 1010", EIO, false },
	{ "kie", 403, "", EIO, false },
	{ "ark", 403, "{\"error\":{\"code\":\"AccessDenied\",\"message\":\"no\"}}", EKEYREJECTED, true },
	{ "ark", 403, "{\"error\":{\"code\":\"AccountOverdueError\",\"message\":\"pay\"}}", EDQUOT, true },
	{ "ark", 429, "{\"error\":{\"code\":\"SetLimitExceeded\",\"message\":\"m\"}}", EDQUOT, true },
	{ "ark", 403, "{}", EIO, false },
	{ "fal", 403, "{\"detail\":\"Invalid key\"}", EKEYREJECTED, true },
	{ "fal", 403, "{\"detail\":\"User is locked. Reason: Exhausted balance. Top up.\"}", EDQUOT, true },
	{ "replicate", 402, "{\"title\":\"Insufficient credit\",\"detail\":\"x\",\"status\":402}", EDQUOT, true },
	{ "replicate", 403, "{\"type\":\"https://developers.cloudflare.com/support/\",\"title\":"
	  "\"Error 1020: Access denied\",\"status\":403,\"detail\":\"blocked\",\"error_code\":1020,"
	  "\"cloudflare_error\":true}", EIO, false },
	{ "openai", 402, "<html>", EDQUOT, true },
	{ "openai", 429, "{\"error\":{\"code\":\"billing_not_active\",\"message\":\"m\"}}", EDQUOT, true },
	{ "openai", 400, "{\"error\":{\"code\":\"invalid_value\",\"message\":\"size\"}}", EINVAL, false },
	{ "openai", 400, "{\"error\":{\"code\":\"moderation_blocked\",\"message\":\"no\"}}", EPERM, false },
	{ "automatic1111", 403, "<html>nginx</html>", EIO, false },
	{ "comfyui", 403, "", EIO, false },
	{ "comfyui", 500, "", EIO, false },
};

static void submissions_fail_by_class(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(classes); i++) {
		const struct class_case *c = &classes[i];
		struct seed_step step;

		ask(c->service, SEED_STAGE_SUBMIT, c->status, -1, c->body, &step);
		if (step.kind != SEED_STEP_FAIL || step.error.code != c->code ||
		    step.error.final != c->final)
			fail_msg("%s %ld %s: step %d, %s%s", c->service, c->status, c->body, step.kind,
				 seed_error_name(step.error.code), step.error.final ? ", final" : "");
		seed_step_release(&step);
	}
}

/* A task that is paid for is asked for again, but where key or credits are the
 * matter: that is worth saying. */
static void polls_fail_by_class(void **state)
{
	static const char *const polled[] = { "kie", "kie-image", "fal", "replicate", "comfyui" };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(classes); i++)
		for (size_t s = 0; s < SEED_ARRAY_LEN(polled); s++) {
			const struct class_case *c = &classes[i];
			struct seed_step step;

			ask(polled[s], SEED_STAGE_POLL, c->status, -1, c->body, &step);
			if (c->final ? step.kind != SEED_STEP_FAIL || !step.refused ||
					       step.error.code != c->code || !step.error.final :
				       step.kind != SEED_STEP_BACKOFF && step.kind != SEED_STEP_UNKNOWN)
				fail_msg("%s %ld %s: step %d, %s", polled[s], c->status, c->body,
					 step.kind, seed_error_name(step.error.code));
			seed_step_release(&step);
		}
}

/* What the program has written down it must be able to read again. */
static void assert_fits_a_record(const char *what, const struct seed_step *step)
{
	struct seed_record record, back;
	char *text;

	seed_record_init(&record);
	assert_int_equal(seed_record_set(&record.name, "fox"), 0);
	record.attempt_count = 1;
	assert_int_equal(seed_record_reserve_attempts(&record), 0);
	seed_error_keep(&record.attempts[0].error, &step->error);
	seed_error_keep(&record.error, &step->error);
	record.cost = step->cost;
	record.queue_position = step->queue_position;
	record.progress = step->progress;
	text = seed_record_format(&record, NULL, 0);
	assert_non_null(text);
	if (seed_record_parse(text, strlen(text), &back) != 0)
		fail_msg("after %s no row that can be read:\n%s", what, text);
	seed_record_release(&back);
	seed_record_release(&record);
	free(text);
}

static void no_figure_spoils_a_record(void **state)
{
	static const char *const figures[] = {
		"-5", "0", "1e300", "-1e300", "1e999", "4294967296", "2147483648", "-2147483649",
		"99999999999999999999", "0.5", "200.5", "\"1e300\"", "\"-7\"", "\"nan\"", "\"inf\"",
		"null", "[]", "{}", "true", "9007199254740993",
	};
	static const char *const shapes[] = {
		"{\"code\":%1$s,\"msg\":\"m\"}",
		"{\"code\":200,\"data\":{\"state\":\"generating\",\"creditsConsumed\":%1$s,"
		"\"progress\":%1$s}}",
		"{\"code\":200,\"data\":{\"state\":\"fail\",\"failCode\":%1$s,\"failMsg\":\"m\"}}",
		"{\"code\":%1$s,\"data\":{\"state\":\"fail\",\"errorCode\":%1$s}}",
		"{\"status\":\"IN_QUEUE\",\"queue_position\":%1$s,\"request_id\":\"r\","
		"\"status_url\":\"https://x.test/s\",\"response_url\":\"https://x.test/r\"}",
		"{\"status\":%1$s,\"title\":\"t\",\"detail\":\"d\"}",
		"{\"error\":{\"code\":%1$s,\"message\":\"m\"}}",
		"{\"progress\":%1$s,\"active\":true,\"queued\":false,\"id\":\"task-1\"}",
		"{\"queue_running\":[],\"queue_pending\":[[%1$s,\"task-1\"]]}",
	};
	static const long statuses[] = { 200, 400, 500, 999, 70000, -3 };
	char body[512];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(figures) * SEED_ARRAY_LEN(shapes) *
			       SEED_ARRAY_LEN(statuses); i++) {
		size_t shape = i / SEED_ARRAY_LEN(figures) % SEED_ARRAY_LEN(shapes);
		long status = statuses[i / SEED_ARRAY_LEN(figures) / SEED_ARRAY_LEN(shapes)];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(body, sizeof(body), shapes[shape], figures[i % SEED_ARRAY_LEN(figures)]);
#pragma GCC diagnostic pop
		for (size_t s = 0; s < SEED_ARRAY_LEN(services); s++)
			for (size_t t = 0; t < SEED_ARRAY_LEN(stages); t++) {
				struct seed_step step;

				ask(services[s], stages[t], status, -1, body, &step);
				assert_fits_a_record(body, &step);
				seed_step_release(&step);
			}
	}
}

static void a_moved_api_is_named(void **state)
{
	const struct seed_provider *provider = seed_provider_find("openai");
	struct seed_provider_config config = help_config(provider);
	struct seed_response response = { .status = 308, .body = "", .retry_after_ms = -1,
					  .redirect = "https://new.test/v1/images/generations" };
	struct seed_task task = { 0 };
	struct seed_params params;
	struct seed_step step;

	SEED_UNUSED(state);
	help_params(&params);
	seed_provider_answer(provider, &config, &params, &task, &response, &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_string_equal(step.error.message, "HTTP 308: moved to https://new.test/v1/images/generations "
			    "(put the new address into api_base)");
	seed_step_release(&step);
	seed_params_release(&params);
}

/* The policy of Azure, and of gateways to it, in each place where they say so. */
static void policy_of_azure_and_gateways(void **state)
{
	static const char *const bodies[] = {
		"{\"error\":{\"code\":\"content_filter\",\"message\":\"no\"}}",
		"{\"error\":{\"code\":\"contentFilter\",\"message\":\"no\"}}",
		"{\"error\":{\"code\":\"BadRequest\",\"message\":\"The response was filtered due to the prompt "
		"triggering Azure OpenAI's content management policy.\"}}",
		"{\"error\":{\"code\":\"BadRequest\",\"message\":\"no\","
		"\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
		"{\"error\":{\"code\":\"BadRequest\",\"message\":\"no\","
		"\"inner_error\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
		"{\"error\":{\"code\":\"400\",\"type\":null,\"message\":\"litellm.BadRequestError: "
		"litellm.ContentPolicyViolationError: no\"}}",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(bodies); i++) {
		struct seed_step step;

		ask("openai", SEED_STAGE_SUBMIT, 400, -1, bodies[i], &step);
		if (step.kind != SEED_STEP_FAIL || step.error.code != EPERM)
			fail_msg("%s: %d", bodies[i], step.error.code);
		seed_step_release(&step);
	}
}

/* A model that there is not is the request's fault, and named; any other 404 is
 * perhaps that of a wrong api_base. */
static void an_unknown_model_is_named(void **state)
{
	static const struct {
		const char *service;
		long status;
		const char *body;
		int code;
	} rows[] = {
		{ "openai", 404, "{\"error\":{\"code\":\"model_not_found\",\"message\":\"x\"}}", EINVAL },
		{ "openai", 404, "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"x\"}}", EINVAL },
		{ "ark", 404, "{\"error\":{\"code\":\"InvalidEndpointOrModel.NotFound\"}}", EINVAL },
		{ "fal", 404, "{\"detail\":\"Application 'x' not found\"}", EINVAL },
		{ "replicate", 404, "{\"detail\":\"The requested resource could not be found.\"}", EINVAL },
		{ "kie", 200, "{\"code\":404,\"msg\":\"The model is not found\"}", EINVAL },
		{ "kie", 200, "{\"code\":404,\"msg\":\"no such path\"}", EIO },
		{ "openai", 404, "<html>Not Found</html>", EIO },
		{ "openai", 404, "{\"detail\":\"Not Found\"}", EIO },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_step step;

		ask(rows[i].service, SEED_STAGE_SUBMIT, rows[i].status, -1, rows[i].body, &step);
		if (step.kind != SEED_STEP_FAIL || step.error.code != rows[i].code ||
		    !strncmp(step.error.message, "model ", 6) != (rows[i].code == EINVAL))
			fail_msg("%s: %d, %s", rows[i].body, step.error.code, step.error.message);
		seed_step_release(&step);
	}
}

/* As objects, in lists of lists, without a host, with white space. */
static void pictures_come_in_many_wraps(void **state)
{
	static const struct {
		const char *service;
		enum seed_stage stage;
		const char *body, *url;
	} rows[] = {
		{ "replicate", SEED_STAGE_POLL, "{\"status\":\"succeeded\",\"output\":[{\"url\":\"https://x.test/a\"}]}",
		  "https://x.test/a" },
		{ "replicate", SEED_STAGE_POLL, "{\"status\":\"succeeded\",\"output\":[[\"\",\"https://x.test/a b \"]]}",
		  "https://x.test/a%20b" },
		{ "replicate", SEED_STAGE_POLL, "{\"status\":\"succeeded\",\"output\":{\"images\":[\"/f/a.png\"]}}",
		  "https://api.replicate.com/f/a.png" },
		{ "fal", SEED_STAGE_RESULT, "{\"images\":[\"//cdn.test/a.png\\n\"]}", "https://cdn.test/a.png" },
		{ "fal", SEED_STAGE_RESULT, "{\"image\":{\"url\":\"https://x.test/a\"}}", "https://x.test/a" },
		{ "openai", SEED_STAGE_SUBMIT, "{\"data\":[{\"url\":\"/v1/files/a.png\",\"b64_json\":\"\"}]}",
		  "https://api.openai.com/v1/files/a.png" },
		{ "openai", SEED_STAGE_SUBMIT, "{\"data\":[{\"url\":\"\",\"b64_json\":\"aGVsbG8\"}]}", NULL },
		{ "kie", SEED_STAGE_POLL, "{\"code\":200,\"data\":{\"state\":\"success\",\"resultJson\":"
		  "\"{\\\"resultUrls\\\":[\\\"/f/a b.png\\\"]}\"}}", "https://api.kie.ai/f/a%20b.png" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		const struct seed_provider *provider = seed_provider_find(rows[i].service);
		struct seed_provider_config config = help_config(provider);
		struct seed_response response = { .status = 200, .body = rows[i].body,
						  .len = strlen(rows[i].body), .retry_after_ms = -1 };
		struct seed_task task = { .stage = rows[i].stage };
		struct seed_params params;
		struct seed_step step;

		help_params(&params);
		seed_provider_answer(provider, &config, &params, &task, &response, &step);
		if (step.kind != (rows[i].url ? SEED_STEP_URL : SEED_STEP_BYTES))
			fail_msg("%s: step %d, %s", rows[i].body, step.kind, step.error.message);
		if (rows[i].url)
			assert_string_equal(task.image_url, rows[i].url);
		seed_step_release(&step);
		seed_task_release(&task);
		seed_params_release(&params);
	}
}

static void a_refused_url_is_kept_whole(void **state)
{
	struct seed_step step;

	SEED_UNUSED(state);
	ask("openai", SEED_STAGE_SUBMIT, 200, -1, "{\"data\":[{\"url\":\"ftp://x.test/a?sig=1\"}]}", &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_string_equal(step.refused_url, "ftp://x.test/a?sig=1");
	seed_step_release(&step);
	ask("kie", SEED_STAGE_POLL, 200, -1, "{\"code\":200,\"data\":{\"state\":\"success\",\"resultJson\":"
	    "\"{\\\"resultUrls\\\":[\\\"s3://b/a?sig=1\\\"]}\"}}", &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_string_equal(step.refused_url, "s3://b/a?sig=1");
	seed_step_release(&step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_is_busy_at_every_stage),
		cmocka_unit_test(submissions_fail_by_class),
		cmocka_unit_test(polls_fail_by_class),
		cmocka_unit_test(no_figure_spoils_a_record),
		cmocka_unit_test(a_moved_api_is_named),
		cmocka_unit_test(policy_of_azure_and_gateways),
		cmocka_unit_test(an_unknown_model_is_named),
		cmocka_unit_test(pictures_come_in_many_wraps),
		cmocka_unit_test(a_refused_url_is_kept_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
