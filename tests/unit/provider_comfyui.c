/* ComfyUI. */
#include "tests/unit/provider_help.h"

#include "lib/provider/list.h"

#define COMFYUI (&seed_provider_comfyui)
#define API "http://127.0.0.1:8188"

static void submits_its_own_workflow(void **state)
{
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_set(&params.model, "sdxl.safetensors");
	help_set(&params.negative_prompt, "text");
	params.has_seed = true;
	params.seed = INT64_C(1000000000000000);
	help_set(&task.id, "t1");
	help_request(COMFYUI, &params, &task, "POST", API "/prompt",
		     "{\"prompt_id\":\"t1\",\"client_id\":\"t1\",\"prompt\":{"
		     "\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1000000000000000,\"steps\":30,"
		     "\"cfg\":8,\"sampler_name\":\"euler\",\"scheduler\":\"normal\",\"denoise\":1,"
		     "\"model\":[\"4\",0],\"positive\":[\"6\",0],\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}},"
		     "\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"sdxl.safetensors\"}},"
		     "\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":2048,\"height\":1152,"
		     "\"batch_size\":1}},"
		     "\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"" PROMPT "\",\"clip\":[\"4\",1]}},"
		     "\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"text\",\"clip\":[\"4\",1]}},"
		     "\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"
		     "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"seedfs/t1\","
		     "\"images\":[\"8\",0]}}}}");
	seed_task_release(&task);
	seed_params_release(&params);
}

/* The id is chosen before anything is sent, and stays. */
static void chooses_the_id_and_the_seed(void **state)
{
	struct seed_provider_config config = help_config(COMFYUI);
	struct seed_request a = { 0 }, b = { 0 };
	struct seed_task task = { 0 };
	struct seed_params params;
	char *id;

	SEED_UNUSED(state);
	help_params(&params);
	assert_int_equal(seed_provider_request(COMFYUI, &config, &params, PROMPT, &task, &a), 0);
	assert_int_equal(strlen(task.id), 36);
	assert_int_equal(task.id[14], '4');
	id = strdup(task.id);
	assert_int_equal(seed_provider_request(COMFYUI, &config, &params, PROMPT, &task, &b), 0);
	assert_string_equal(task.id, id);
	/* No seed given: another one each time, past the server's cache. */
	assert_string_not_equal(a.body, b.body);
	seed_request_release(&a);
	seed_request_release(&b);
	free(id);
	seed_task_release(&task);
	seed_params_release(&params);
}

static void fills_a_workflow(void **state)
{
	static const char workflow[] =
		"{\"1\":{\"class_type\":\"T\",\"inputs\":{\"a\":\"{{prompt}}\",\"b\":\"x {{prompt}}, {{seed}}!\","
		"\"c\":\"{{seed}}\",\"d\":\"{{steps}}\",\"e\":\"{{cfg}}\",\"f\":\"{{width}}\","
		"\"g\":\"{{height}}\",\"h\":\"{{negative_prompt}}\",\"i\":[\"{{width}}x{{height}}\",\"2\",0],"
		"\"j\":\"{{unknown}} {{\",\"k\":{\"l\":\" {{seed}}\"},\"m\":true}}}";
	struct seed_provider_config config = { .api_base = API, .workflow = workflow };
	static const char prompt[] = "say \"{{seed}}\"\n\\ {{prompt}}";
	struct seed_request request = { 0 };
	struct seed_task task = { 0 };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	params.has_seed = true;
	params.seed = 7;
	params.cfg_scale = 7.5;
	help_set(&task.id, "t1");
	assert_int_equal(seed_provider_request(COMFYUI, &config, &params, prompt, &task, &request), 0);
	help_same_json("filled", request.body,
		       "{\"prompt_id\":\"t1\",\"client_id\":\"t1\",\"prompt\":{\"1\":{\"class_type\":\"T\",\"inputs\":{"
		       "\"a\":\"say \\\"{{seed}}\\\"\\n\\\\ {{prompt}}\","
		       "\"b\":\"x say \\\"{{seed}}\\\"\\n\\\\ {{prompt}}, 7!\",\"c\":7,\"d\":30,\"e\":7.5,"
		       "\"f\":2048,\"g\":1152,\"h\":\"\",\"i\":[\"2048x1152\",\"2\",0],"
		       "\"j\":\"{{unknown}} {{\",\"k\":{\"l\":\" 7\"},\"m\":true}}}}");
	seed_request_release(&request);
	seed_task_release(&task);
	seed_params_release(&params);
}

static void refuses_what_is_no_workflow(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{}", "7", "{\"nodes\":[],\"links\":[]}",
		"{\"1\":{\"class_type\":\"T\",\"inputs\":{\"a\":\"no words\"}}}",
		"{\"1\":{\"inputs\":{\"a\":\"{{prompt}}\"}}}",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		struct seed_provider_config config = { .api_base = API, .workflow = texts[i] };
		struct seed_request request = { 0 };
		struct seed_task task = { 0 };
		struct seed_params params;

		help_params(&params);
		assert_int_equal(seed_provider_request(COMFYUI, &config, &params, PROMPT, &task, &request), -EINVAL);
		seed_request_release(&request);
		seed_task_release(&task);
		seed_params_release(&params);
	}
}

static void polls_the_history(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_POLL };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_no_request(COMFYUI, &task, -EOPNOTSUPP);
	help_set(&task.id, "a/b");
	help_request(COMFYUI, &params, &task, "GET", API "/history/a%2Fb", NULL);
	task.stage = SEED_STAGE_REISSUE;
	help_no_request(COMFYUI, &task, -EOPNOTSUPP);
	seed_task_release(&task);
	seed_params_release(&params);
}

static void answer_cancel(struct seed_task *task, long status, const char *body, enum seed_step_kind kind)
{
	struct seed_provider_config config = help_config(COMFYUI);
	struct seed_step step;

	help_answer(COMFYUI, &config, task, status, body, strlen(body), &step);
	assert_int_equal(step.kind, kind);
	seed_step_release(&step);
}

static void cancels_only_its_own(void **state)
{
	struct seed_task task = { .stage = SEED_STAGE_CANCEL };
	struct seed_params params;

	SEED_UNUSED(state);
	help_params(&params);
	help_no_request(COMFYUI, &task, -EOPNOTSUPP);
	help_set(&task.id, "t1");
	help_request(COMFYUI, &params, &task, "POST", API "/api/jobs/t1/cancel", "{}");
	answer_cancel(&task, 404, "", SEED_STEP_NEXT);
	help_request(COMFYUI, &params, &task, "POST", API "/queue", "{\"delete\":[\"t1\"]}");
	answer_cancel(&task, 200, "", SEED_STEP_NEXT);
	help_request(COMFYUI, &params, &task, "GET", API "/queue", NULL);
	answer_cancel(&task, 200, "{\"queue_running\":[[0,\"t2\",{}]],\"queue_pending\":[]}", SEED_STEP_DONE);
	answer_cancel(&task, 200, "{\"queue_running\":[[0,\"t1\",{}]],\"queue_pending\":[]}", SEED_STEP_NEXT);
	help_request(COMFYUI, &params, &task, "POST", API "/interrupt", "{\"prompt_id\":\"t1\"}");
	answer_cancel(&task, 200, "", SEED_STEP_DONE);
	task.turn = 0;
	answer_cancel(&task, 200, "{}", SEED_STEP_DONE);
	seed_task_release(&task);
	seed_params_release(&params);
}

#define FAILS .kind = SEED_STEP_FAIL
#define POLL .stage = SEED_STAGE_POLL, .status = 200
#define LOOK .stage = SEED_STAGE_LOOK, .status = 200
#define NOTHING_NEW .kind = SEED_STEP_WAIT, .then = SEED_STAGE_LOOK, .tells = ""
#define STILL .kind = SEED_STEP_WAIT, .then = SEED_STAGE_POLL
#define NOT_KNOWN .kind = SEED_STEP_UNKNOWN, .then = SEED_STAGE_POLL
#define NOT_TOLD .kind = SEED_STEP_BACKOFF, .then = SEED_STAGE_POLL
#define ENTRY(status, outputs) "{\"task-1\":{\"prompt\":[],\"outputs\":{" outputs "},\"status\":{" status "}}}"
#define DONE "\"status_str\":\"success\",\"completed\":true,\"messages\":[]"
#define NODE(type, rest) "{\"images\":[{\"filename\":\"a b&c.png\",\"subfolder\":\"seedfs/x\",\"type\":\"" type "\"}]" rest "}"

static const struct answer_case cases[] = {
	{ .name = "queued", .status = 200, .body = "{\"prompt_id\":\"t1\",\"number\":3,\"node_errors\":{}}", STILL,
	  .id = "t1" },
	{ .name = "no id", .status = 200, .body = "{\"number\":3}", FAILS, .code = EIO,
	  .message = "no prompt_id in the answer" },
	{ .name = "node error", .status = 400,
	  .body = "{\"error\":{\"type\":\"prompt_outputs_failed_validation\",\"message\":\"Prompt outputs failed validation\","
		  "\"details\":\"\"},\"node_errors\":{\"4\":{\"errors\":[{\"type\":\"value_not_in_list\","
		  "\"message\":\"Value not in list\",\"details\":\"ckpt_name: 'x' not in ['a', 'b']\"}]}}}",
	  FAILS, .code = EINVAL, .http_status = 400,
	  .message = "HTTP 400: Value not in list: ckpt_name: 'x' not in ['a', 'b']" },
	{ .name = "unknown node", .status = 400,
	  .body = "{\"error\":{\"type\":\"invalid_prompt\",\"message\":\"Cannot execute\",\"details\":\"Node ID '#3'\"},"
		  "\"node_errors\":[]}", FAILS, .code = EINVAL, .message = "HTTP 400: Cannot execute: Node ID '#3'" },
	{ .name = "plain 400", .status = 400, .body = "no", FAILS, .code = EINVAL, .message = "HTTP 400: no" },
	{ .name = "server", .status = 500, .body = "500 Internal Server Error", FAILS, .code = EIO },

	{ .name = "pending or unknown", POLL, .body = "{}", STILL },
	{ .name = "somebody else's", POLL, .body = "{\"task-2\":{\"status\":{\"status_str\":\"error\"}}}", STILL },
	{ .name = "saved", POLL, .body = ENTRY(DONE, "\"9\":" NODE("output", "")),
	  .kind = SEED_STEP_URL,
	  .image = API "/view?filename=a%20b%26c.png&subfolder=seedfs%2Fx&type=output" },
	{ .name = "saved goes before previewed", POLL,
	  .body = ENTRY(DONE, "\"8\":" NODE("temp", "") ",\"9\":" NODE("output", "")),
	  .kind = SEED_STEP_URL,
	  .image = API "/view?filename=a%20b%26c.png&subfolder=seedfs%2Fx&type=output" },
	{ .name = "previewed", POLL, .body = ENTRY(DONE, "\"9\":" NODE("temp", "")),
	  .kind = SEED_STEP_URL,
	  .image = API "/view?filename=a%20b%26c.png&subfolder=seedfs%2Fx&type=temp" },
	{ .name = "no subfolder", POLL,
	  .body = "{\"task-1\":{\"outputs\":{\"9\":{\"images\":[{\"filename\":\"a.png\",\"subfolder\":\"\","
		  "\"type\":\"output\"}]}}}}",
	  .kind = SEED_STEP_URL, .image = API "/view?filename=a.png&subfolder=&type=output" },
	{ .name = "no image", POLL, .body = ENTRY(DONE, "\"9\":{\"text\":[\"x\"]}"), FAILS, .code = EIO,
	  .message = "no image in the workflow's outputs" },
	{ .name = "not completed", POLL, .body = ENTRY("\"completed\":false", ""), STILL },
	{ .name = "error", POLL,
	  .body = ENTRY("\"status_str\":\"error\",\"completed\":false,\"messages\":[[\"execution_start\",{}],"
			"[\"execution_error\",{\"node_type\":\"KSampler\",\"exception_message\":\"out of memory\\n\","
			"\"current_inputs\":{\"text\":[\"the prompt\"]}}]]", ""),
	  FAILS, .code = EIO, .message = "the workflow failed at KSampler: out of memory " },
	{ .name = "error without a word", POLL, .body = ENTRY("\"status_str\":\"error\"", ""), FAILS, .code = EIO,
	  .message = "the workflow failed" },
	{ .name = "interrupted", POLL,
	  .body = ENTRY("\"status_str\":\"error\",\"messages\":[[\"execution_interrupted\",{}]]", ""), FAILS,
	  .code = EIO, .message = "the workflow was interrupted at the server" },
	{ .name = "waits", LOOK,
	  .body = "{\"queue_running\":[[3,\"a\",{}]],\"queue_pending\":[[9,\"b\",{}],[7,\"task-1\",{}],[4,\"c\",{}]]}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_LOOK, .tells = "position 2" },
	{ .name = "next", LOOK, .body = "{\"queue_running\":[],\"queue_pending\":[[7,\"task-1\"],[8,\"b\"]]}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_LOOK, .tells = "position 0" },
	{ .name = "runs", LOOK, .body = "{\"queue_running\":[[3,\"task-1\",{}]],\"queue_pending\":[[9,\"b\",{}]]}",
	  NOTHING_NEW },
	{ .name = "neither", LOOK, .body = "{\"queue_running\":[[3,\"a\"]],\"queue_pending\":[]}",
	  .kind = SEED_STEP_UNKNOWN },
	{ .name = "odd entries", LOOK, .body = "{\"queue_running\":[7,[]],\"queue_pending\":[{},[1,\"task-1\"]]}",
	  .kind = SEED_STEP_WAIT, .then = SEED_STAGE_LOOK, .tells = "position 2" },
	{ .name = "half a queue", LOOK, .body = "{\"queue_running\":[]}", NOTHING_NEW },
	{ .name = "look cut", LOOK, .body = "{\"queue_run", NOTHING_NEW },
	{ .name = "look 500", .stage = SEED_STAGE_LOOK, .status = 500, .body = "{}", NOTHING_NEW },
	{ .name = "look 429", .stage = SEED_STAGE_LOOK, .status = 429, .body = "{}",
	  .kind = SEED_STEP_BACKOFF },
	{ .name = "no queue", .stage = SEED_STAGE_LOOK, .status = 404, .body = "{}", .kind = SEED_STEP_DONE },
	{ .name = "poll 500", .stage = SEED_STAGE_POLL, .status = 500, .body = "x", NOT_TOLD },
	{ .name = "poll cut", POLL, .body = "{\"task-1\":{\"outp", NOT_TOLD },
};

/* Which of several pictures; the one after it, if it is not valid. */
static void chooses_among_outputs(void **state)
{
#define SAVED(id, files) "\"" id "\":{\"images\":[" files "]}"
#define FILE_OF(name, type) "{\"filename\":\"" name "\",\"subfolder\":\"\",\"type\":\"" type "\"}"
#define RAN(nodes, outputs) "{\"task-1\":{\"prompt\":[1,\"task-1\",{" nodes "},{},[]],\"outputs\":{" outputs \
	"},\"status\":{\"status_str\":\"success\",\"completed\":true,\"messages\":[]}}}"
#define MARKED(id) "\"" id "\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x/task-1\"}}"
	static const struct {
		const char *body, *names; /* in order, " " between */
	} runs[] = {
		{ RAN("", SAVED("9", FILE_OF("a.png", "output"))), "a.png" },
		{ RAN("", SAVED("9", FILE_OF("a.png", "output")) "," SAVED("8", FILE_OF("b.JPG", "output"))),
		  "b.JPG a.png" },
		{ RAN(MARKED("9"), SAVED("9", FILE_OF("a.png", "output")) ","
		      SAVED("8", FILE_OF("b.png", "output"))), "a.png b.png" },
		{ RAN("\"9\":{\"class_type\":\"SaveImage\",\"_meta\":{\"title\":\"task-1\"}}",
		      SAVED("9", FILE_OF("a.webp", "output") "," FILE_OF("c.png", "output")) ","
		      SAVED("8", FILE_OF("b.png", "output"))), "a.webp c.png b.png" },
		{ RAN("", SAVED("7", FILE_OF("p.png", "temp")) "," SAVED("9", FILE_OF("a.png", "output")) ","
		      SAVED("10", FILE_OF("film.mp4", "output")) ",\"11\":{\"images\":["
		      FILE_OF("anim.webp", "output") "],\"animated\":[true]}"), "a.png p.png" },
		{ RAN("", "\"9\":{\"gifs\":[" FILE_OF("a.png", "output") "]}"), "" },
		{ RAN("", SAVED("9", FILE_OF("in.png", "input"))), "" },
	};
	struct seed_provider_config config = { .api_base = API };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(runs); i++) {
		struct seed_task task = { .stage = SEED_STAGE_POLL };
		char names[256] = "";
		bool more = true;

		help_set(&task.id, "task-1");
		while (more) {
			struct seed_step step;

			help_answer(COMFYUI, &config, &task, 200, runs[i].body,
				    strlen(runs[i].body), &step);
			more = step.kind == SEED_STEP_URL;
			if (more) {
				const char *name = strstr(task.image_url, "filename=") + 9;
				size_t len = strlen(names);

				snprintf(names + len, sizeof(names) - len, "%s%.*s", len ? " " : "",
					 (int)strcspn(name, "&"), name);
			} else {
				assert_int_equal(step.kind, SEED_STEP_FAIL);
				assert_int_equal(step.error.code, *names ? EBADMSG : EIO);
			}
			task.stage = SEED_STAGE_OTHER;
			seed_step_release(&step);
		}
		assert_string_equal(names, runs[i].names);
		seed_task_release(&task);
	}
}

static void takes_an_invalid_rest_back(void **state)
{
	static const char body[] = "{\"prompt_id\":\"t1\",\"number\":3,\"node_errors\":{\"9\":{\"errors\":[{\"type\":"
		"\"required_input_missing\",\"message\":\"Required input is missing\",\"details\":\"images\"}],"
		"\"dependent_outputs\":[\"9\"],\"class_type\":\"SaveImage\"}}}";
	struct seed_provider_config config = { .api_base = API };
	struct seed_task task = { .stage = SEED_STAGE_SUBMIT };
	struct seed_step step;

	SEED_UNUSED(state);
	help_answer(COMFYUI, &config, &task, 200, body, strlen(body), &step);
	assert_int_equal(step.kind, SEED_STEP_FAIL);
	assert_int_equal(step.error.code, EINVAL);
	assert_string_equal(step.error.message, "HTTP 200: Required input is missing: images");
	assert_true(step.error.final && step.withdraw);
	assert_string_equal(task.id, "t1");
	seed_step_release(&step);
	seed_task_release(&task);
}

static void reads_answers(void **state)
{
	SEED_UNUSED(state);
	help_run_cases(COMFYUI, cases, SEED_ARRAY_LEN(cases));
}

static void survives_the_hostile(void **state)
{
	SEED_UNUSED(state);
	help_hostile(COMFYUI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submits_its_own_workflow),
		cmocka_unit_test(chooses_the_id_and_the_seed),
		cmocka_unit_test(fills_a_workflow),
		cmocka_unit_test(refuses_what_is_no_workflow),
		cmocka_unit_test(polls_the_history),
		cmocka_unit_test(cancels_only_its_own),
		cmocka_unit_test(chooses_among_outputs),
		cmocka_unit_test(takes_an_invalid_rest_back),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_the_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
