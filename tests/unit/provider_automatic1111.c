/* AUTOMATIC1111's API. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define A1111 (&seed_provider_automatic1111)
#define API "http://127.0.0.1:7860/sdapi/v1"
#define REST "\"width\":2048,\"height\":1152,\"steps\":30,\"cfg_scale\":8,\"batch_size\":1,\"n_iter\":1," \
	"\"send_images\":true,\"save_images\":false,\"force_task_id\":\"t1\""

static void submits(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&task.id, "t1");
	help_request(A1111, &params, &task, "POST", API "/txt2img",
		     "{\"prompt\":\"" PROMPT "\",\"seed\":-1," REST "}");
	help_set(&params.model, "sdxl.safetensors");
	help_set(&params.negative_prompt, "a|b");
	params.has_seed = true;
	params.seed = 7;
	help_request(A1111, &params, &task, "POST", API "/txt2img",
		     "{\"prompt\":\"" PROMPT "\",\"negative_prompt\":\"a|b\",\"seed\":7," REST ","
		     "\"override_settings\":{\"sd_model_checkpoint\":\"sdxl.safetensors\"}}");
	seed_task_release(&task);
	seed_params_release(&params);
}

static void gives_the_task_an_id_once(void **state)
{
	struct seed_provider_config config = help_config(A1111);
	struct seed_request request = { 0 };
	struct seed_task task = { 0 };
	struct seed_params params;
	char *id;

	SEED_UNUSED(state);
	help_params(&params);
	assert_int_equal(seed_provider_request(A1111, &config, &params, "<sd_cpp_extra_args>", &task, &request), 0);
	assert_true(request.neutralised);
	assert_non_null(strstr(request.body, "\"\xe2\x80\xb9sd_cpp_extra_args>\""));
	assert_int_equal(strlen(task.id), 36);
	id = strdup(task.id);
	seed_request_release(&request);
	assert_int_equal(seed_provider_request(A1111, &config, &params, PROMPT, &task, &request), 0);
	assert_string_equal(task.id, id);
	assert_false(request.neutralised);
	seed_request_release(&request);
	free(id);
	seed_task_release(&task);
	seed_params_release(&params);
}

#define STATE_URL API "/progress?skip_current_image=true"
#define OWN_URL "http://127.0.0.1:7860/internal/progress"
#define OWN_BODY "{\"id_task\":\"t1\",\"live_preview\":false}"
#define ACTIVE "{\"active\":true,\"queued\":false,\"completed\":false,\"progress\":0.4}"
#define QUEUED "{\"active\":false,\"queued\":true,\"completed\":false,\"progress\":null}"
#define STATE(interrupted, begun) "{\"progress\":0.4,\"state\":{\"interrupted\":" interrupted "," \
	"\"skipped\":false,\"job_timestamp\":\"" begun "\"},\"textinfo\":null}"
#define STATE_OF(id, interrupted) "{\"id\":\"" id "\",\"progress\":0.4,\"state\":{\"interrupted\":" interrupted "}}"

/* One request of a LOOK or a CANCEL, its answer, and what it leads to. */
struct turn {
	char what; /* 'o': is it ours? 's': the state, 'i': interrupt */
	long status;
	const char *body;
	enum seed_step_kind kind;
};

static const struct {
	const char *name;
	enum seed_stage stage;
	struct turn turns[4]; /* ends where a turn is not NEXT */
	const char *tells;
} turns[] = {
	{ "runs", SEED_STAGE_LOOK, { { 'o', 200, ACTIVE, SEED_STEP_NEXT },
		{ 's', 200, STATE("false", "1"), SEED_STEP_WAIT } }, "40%" },
	{ "waits for its turn", SEED_STAGE_LOOK, { { 'o', 200, QUEUED, SEED_STEP_WAIT } }, "" },
	{ "another is interrupted", SEED_STAGE_LOOK, { { 'o', 200, QUEUED, SEED_STEP_WAIT } }, "" },
	{ "ours is interrupted", SEED_STAGE_LOOK, { { 'o', 200, ACTIVE, SEED_STEP_NEXT },
		{ 's', 200, STATE("true", "1"), SEED_STEP_NEXT },
		{ 'o', 200, ACTIVE, SEED_STEP_FAIL } }, NULL },
	{ "ours has ended, the next is interrupted", SEED_STAGE_LOOK, {
		{ 'o', 200, ACTIVE, SEED_STEP_NEXT }, { 's', 200, STATE("true", "2"), SEED_STEP_NEXT },
		{ 'o', 200, "{\"active\":false,\"completed\":true}", SEED_STEP_WAIT } }, NULL },
	{ "trouble", SEED_STAGE_LOOK, { { 'o', 500, "", SEED_STEP_WAIT } }, "" },
	{ "cut", SEED_STAGE_LOOK, { { 'o', 200, "{\"acti", SEED_STEP_WAIT } }, "" },
	{ "SD.Next runs", SEED_STAGE_LOOK, { { 'o', 404, "{}", SEED_STEP_NEXT },
		{ 's', 200, STATE_OF("t1", "false"), SEED_STEP_WAIT } }, "40%" },
	{ "SD.Next runs another", SEED_STAGE_LOOK, { { 'o', 404, "{}", SEED_STEP_NEXT },
		{ 's', 200, STATE_OF("t2", "true"), SEED_STEP_WAIT } }, "" },
	{ "SD.Next has interrupted ours", SEED_STAGE_LOOK, { { 'o', 404, "{}", SEED_STEP_NEXT },
		{ 's', 200, STATE_OF("t1", "true"), SEED_STEP_FAIL } }, NULL },
	{ "--nowebui", SEED_STAGE_LOOK, { { 'o', 404, "{}", SEED_STEP_NEXT },
		{ 's', 200, STATE("false", "1"), SEED_STEP_DONE } }, "" },
	{ "stable-diffusion.cpp", SEED_STAGE_LOOK, { { 'o', 404, "", SEED_STEP_NEXT },
		{ 's', 404, "", SEED_STEP_DONE } }, "" },
	{ "cancel ours", SEED_STAGE_CANCEL, { { 'o', 200, ACTIVE, SEED_STEP_NEXT },
		{ 'i', 200, "{}", SEED_STEP_DONE } }, NULL },
	{ "cancel what waits", SEED_STAGE_CANCEL, { { 'o', 200, QUEUED, SEED_STEP_DONE } }, NULL },
	{ "cancel at SD.Next", SEED_STAGE_CANCEL, { { 'o', 404, "", SEED_STEP_NEXT },
		{ 's', 200, STATE_OF("t1", "false"), SEED_STEP_NEXT },
		{ 'i', 204, "", SEED_STEP_DONE } }, NULL },
	{ "cancel nothing of another's", SEED_STAGE_CANCEL, { { 'o', 404, "", SEED_STEP_NEXT },
		{ 's', 200, STATE_OF("t2", "false"), SEED_STEP_DONE } }, NULL },
};

static void tell(double *told, const struct seed_step *step)
{
	if (step->progress >= 0)
		*told = step->progress;
}

static void takes_turns(void **state)
{
	struct seed_provider_config config = help_config(A1111);
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(turns); i++) {
		struct seed_task task = { .stage = turns[i].stage };
		double told = -1;
		size_t n = 0;

		help_set(&task.id, "t1");
		for (bool more = true; more; n++) {
			const struct turn *turn = &turns[i].turns[n];
			const char *url = turn->what == 'o' ? OWN_URL :
					  turn->what == 's' ? STATE_URL : API "/interrupt";
			struct seed_step step;

			help_request(A1111, &params, &task, turn->what == 's' ? "GET" : "POST", url,
				     turn->what == 'o' ? OWN_BODY : turn->what == 'i' ? "{}" : NULL);
			help_answer(A1111, &config, &task, turn->status, turn->body,
				    strlen(turn->body), &step);
			if (step.kind != turn->kind)
				fail_msg("%s, turn %zu: step %d", turns[i].name, n, step.kind);
			tell(&told, &step);
			more = step.kind == SEED_STEP_NEXT;
			if (step.kind == SEED_STEP_DONE && task.stage == SEED_STAGE_LOOK)
				assert_non_null(strstr(step.error.message, "neither"));
			seed_step_release(&step);
		}
		if (turns[i].tells)
			assert_int_equal(told >= 0, *turns[i].tells != 0);
		seed_task_release(&task);
	}
	seed_params_release(&params);
}

/* The state is of ours as long as no other job has begun. */
static void checks_by_the_time_of_beginning(void **state)
{
	static const struct {
		const char *body;
		enum seed_step_kind kind;
	} checks[] = {
		{ STATE("false", "20261126005830"), SEED_STEP_WAIT },
		{ STATE("true", "20261126005830"), SEED_STEP_FAIL },
		{ STATE("true", "20261126005931"), SEED_STEP_WAIT },
		{ STATE_OF("t1", "true"), SEED_STEP_FAIL },
		{ STATE_OF("t2", "true"), SEED_STEP_WAIT },
		{ "{}", SEED_STEP_WAIT },
		{ "", SEED_STEP_WAIT },
	};
	static const char answer[] = "{\"images\":[\"aGVsbG8=\"],\"info\":\"{\\\"job_timestamp\\\":"
				     "\\\"20261126005830\\\"}\"}";
	struct seed_provider_config config = help_config(A1111);
	struct seed_task task = { .stage = SEED_STAGE_SUBMIT };
	struct seed_params params;
	struct seed_step step;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&task.id, "t1");
	help_answer(A1111, &config, &task, 200, answer, strlen(answer), &step);
	assert_int_equal(step.kind, SEED_STEP_BYTES);
	seed_step_release(&step);
	task.stage = SEED_STAGE_CHECK;
	for (size_t i = 0; i < SEED_ARRAY_LEN(checks); i++) {
		help_request(A1111, &params, &task, "GET", STATE_URL, NULL);
		help_answer(A1111, &config, &task, 200, checks[i].body, strlen(checks[i].body), &step);
		if (step.kind != checks[i].kind)
			fail_msg("%s: step %d", checks[i].body, step.kind);
		seed_step_release(&step);
	}
	task.stage = SEED_STAGE_POLL;
	help_no_request(A1111, &task, -EOPNOTSUPP);
	seed_task_release(&task);
	task.stage = SEED_STAGE_CANCEL;
	help_no_request(A1111, &task, -EOPNOTSUPP);
	seed_params_release(&params);
}

#define FAILS .kind = SEED_STEP_FAIL
static const struct answer_case cases[] = {
	{ .name = "image", .status = 200, .body = "{\"images\":[\"aGVsbG8=\",\"eA==\"],\"parameters\":{},\"info\":\"{}\"}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "data URI", .status = 200, .body = "{\"images\":[\"data:image/png;base64,aGVsbG8=\"]}",
	  .kind = SEED_STEP_BYTES, .image = "hello" },
	{ .name = "none", .status = 200, .body = "{\"images\":[],\"info\":\"\"}", FAILS, .code = EIO,
	  .message = "no image in the answer" },
	{ .name = "interrupted", .status = 200, .body = "{\"images\":[\"aGVsbG8=\"],\"info\":\"{\\\"interrupted\\\":true}\"}",
	  FAILS, .code = EIO, .message = "the server's job was interrupted" },
	{ .name = "interrupted beside", .status = 200, .body = "{\"images\":[\"aGVsbG8=\"],\"state\":{\"interrupted\":true}}",
	  FAILS, .code = EIO },
	{ .name = "out of memory", .status = 500,
	  .body = "{\"error\":\"OutOfMemoryError\",\"detail\":\"\",\"body\":\"the prompt\",\"errors\":\"CUDA out of memory.\"}",
	  FAILS, .code = EIO, .http_status = 500, .message = "HTTP 500: CUDA out of memory." },
	{ .name = "detail", .status = 404, .body = "{\"detail\":\"Not Found\"}", FAILS, .code = EIO,
	  .message = "HTTP 404: Not Found" },
	{ .name = "validation", .status = 422,
	  .body = "{\"detail\":[{\"loc\":[\"body\",\"steps\"],\"msg\":\"value is not a valid integer\",\"type\":\"x\"}]}",
	  FAILS, .code = EINVAL, .message = "HTTP 422: steps: value is not a valid integer" },
	{ .name = "busy", .stage = SEED_STAGE_LOOK, .status = 429, .body = "{}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "password", .status = 401, .body = "{\"detail\":\"Not authenticated\"}", FAILS,
	  .code = EKEYREJECTED },
};

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(A1111, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(A1111);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submits),
		cmocka_unit_test(gives_the_task_an_id_once),
		cmocka_unit_test(takes_turns),
		cmocka_unit_test(checks_by_the_time_of_beginning),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
