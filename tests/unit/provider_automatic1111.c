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
	assert_int_equal(A1111->request(&config, &params, "<sd_cpp_extra_args>", &task, &request), 0);
	assert_true(request.neutralised);
	assert_non_null(strstr(request.body, "\"\xe2\x80\xb9sd_cpp_extra_args>\""));
	assert_int_equal(strlen(task.id), 36);
	id = strdup(task.id);
	seed_request_release(&request);
	assert_int_equal(A1111->request(&config, &params, PROMPT, &task, &request), 0);
	assert_string_equal(task.id, id);
	assert_false(request.neutralised);
	seed_request_release(&request);
	free(id);
	seed_task_release(&task);
	seed_params_release(&params);
}

/* Only ours is interrupted; the first request looks whose job it is. */
static void interrupts_only_its_own(void **state)
{
	static const char ours[] = "{\"progress\":0.4,\"current_task\":\"t1\"}";
	static const char other[] = "{\"progress\":0.4,\"current_task\":\"t2\"}";
	struct seed_provider_config config = help_config(A1111);
	struct seed_task task = { .stage = SEED_STAGE_CANCEL };
	struct seed_params params;
	struct seed_step step;

	SEED_UNUSED(state);
	help_params(&params);
	help_no_request(A1111, &task, -EOPNOTSUPP);
	help_set(&task.id, "t1");
	help_request(A1111, &params, &task, "GET", API "/progress?skip_current_image=true", NULL);
	help_answer(A1111, &config, &task, 200, other, strlen(other), &step);
	assert_int_equal(step.kind, SEED_STEP_DONE);
	seed_step_release(&step);
	help_answer(A1111, &config, &task, 404, "", 0, &step);
	assert_int_equal(step.kind, SEED_STEP_DONE);
	seed_step_release(&step);
	help_answer(A1111, &config, &task, 200, ours, strlen(ours), &step);
	assert_int_equal(step.kind, SEED_STEP_NEXT);
	seed_step_release(&step);
	help_request(A1111, &params, &task, "POST", API "/interrupt", "{}");
	help_answer(A1111, &config, &task, 200, ours, strlen(ours), &step);
	assert_int_equal(step.kind, SEED_STEP_DONE);
	seed_step_release(&step);
	task.stage = SEED_STAGE_LOOK;
	help_request(A1111, &params, &task, "GET", API "/progress?skip_current_image=true", NULL);
	task.stage = SEED_STAGE_CHECK;
	help_request(A1111, &params, &task, "GET", API "/progress?skip_current_image=true", NULL);
	task.stage = SEED_STAGE_POLL;
	help_no_request(A1111, &task, -EOPNOTSUPP);
	seed_task_release(&task);
	seed_params_release(&params);
}

#define FAILS .kind = SEED_STEP_FAIL
#define LOOK .stage = SEED_STAGE_LOOK, .status = 200
#define CHECK .stage = SEED_STAGE_CHECK, .status = 200
#define NOTHING_MORE .kind = SEED_STEP_WAIT, .then = SEED_STAGE_LOOK
#define STATE(part, interrupted, task) "{\"progress\":" part ",\"state\":{\"interrupted\":" interrupted "," \
	"\"skipped\":false},\"current_task\":" task "}"
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
	{ .name = "runs", LOOK, .body = STATE("0.4", "false", "\"task-1\""), NOTHING_MORE, .tells = "40%" },
	{ .name = "another runs", LOOK, .body = STATE("0.4", "false", "\"t2\""), NOTHING_MORE, .tells = "" },
	{ .name = "nobody runs", LOOK, .body = STATE("0", "false", "null"), NOTHING_MORE, .tells = "" },
	{ .name = "ours is interrupted", LOOK, .body = STATE("0.4", "true", "\"task-1\""), FAILS, .code = EIO,
	  .message = "the server's job was interrupted" },
	{ .name = "another is interrupted", LOOK, .body = STATE("0.4", "true", "\"t2\""), NOTHING_MORE },
	{ .name = "the one before was", LOOK, .body = STATE("0", "true", "null"), NOTHING_MORE },
	{ .name = "ours is skipped", LOOK, .body = "{\"state\":{\"skipped\":true},\"current_task\":\"task-1\"}", FAILS,
	  .code = EIO },
	{ .name = "no such path", .stage = SEED_STAGE_LOOK, .status = 404, .body = "{\"detail\":\"Not Found\"}",
	  .kind = SEED_STEP_DONE },
	{ .name = "busy", .stage = SEED_STAGE_LOOK, .status = 429, .body = "{}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "progress cut", LOOK, .body = "{\"progress\":0.", NOTHING_MORE },
	{ .name = "whole", CHECK, .body = STATE("0", "false", "null"), .kind = SEED_STEP_WAIT,
	  .then = SEED_STAGE_CHECK },
	{ .name = "half", CHECK, .body = STATE("0", "true", "null"), FAILS, .code = EIO,
	  .message = "the server's job was interrupted" },
	{ .name = "another's half", CHECK, .body = STATE("0.1", "true", "\"t2\""), .kind = SEED_STEP_WAIT,
	  .then = SEED_STAGE_CHECK },
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
		cmocka_unit_test(interrupts_only_its_own),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
