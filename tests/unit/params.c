#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "lib/record/params.h"

static char *copy(const char *text)
{
	char *made = strdup(text);

	assert_non_null(made);
	return made;
}

static void put(char **field, const char *text)
{
	free(*field);
	*field = copy(text);
}

/* As a mount's options fill them. */
static void fill(struct seed_params *params)
{
	seed_params_init(params);
	put(&params->model, "m");
	put(&params->quality, "high");
	put(&params->guidance, "cinematic");
	params->width = 2048;
	params->height = 1152;
	params->steps = 30;
	params->cfg_scale = 8;
}

static void test_init(void **state)
{
	struct seed_params params;

	SEED_UNUSED(state);
	seed_params_init(&params);
	assert_string_equal(params.model, "");
	assert_string_equal(params.quality, "");
	assert_string_equal(params.guidance, "");
	assert_string_equal(params.style, "");
	assert_string_equal(params.negative_prompt, "");
	assert_int_equal(params.width, 0);
	assert_int_equal(params.steps, 0);
	assert_false(params.has_seed);
	seed_params_release(&params);
	assert_null(params.model);
	seed_params_release(&params);
}

static void test_copy(void **state)
{
	struct seed_params from, to;

	SEED_UNUSED(state);
	fill(&from);
	put(&from.style, "ink");
	put(&from.negative_prompt, "text");
	from.has_seed = true;
	from.seed = 7;
	seed_params_init(&to);
	put(&to.model, "replaced");
	assert_int_equal(seed_params_copy(&to, &from), 0);
	assert_ptr_not_equal(to.model, from.model);
	seed_params_release(&from);
	assert_string_equal(to.model, "m");
	assert_string_equal(to.quality, "high");
	assert_string_equal(to.guidance, "cinematic");
	assert_string_equal(to.style, "ink");
	assert_string_equal(to.negative_prompt, "text");
	assert_int_equal(to.width, 2048);
	assert_int_equal(to.height, 1152);
	assert_int_equal(to.steps, 30);
	assert_true(to.cfg_scale == 8);
	assert_true(to.has_seed);
	assert_int_equal(to.seed, 7);
	seed_params_release(&to);
}

static void test_copy_of_what_has_no_strings(void **state)
{
	struct seed_params from = {0}, to;

	SEED_UNUSED(state);
	seed_params_init(&to);
	assert_int_equal(seed_params_copy(&to, &from), 0);
	assert_string_equal(to.style, "");
	seed_params_release(&to);
}

static void test_shared(void **state)
{
	const struct seed_params *one, *other;
	struct seed_params params;

	SEED_UNUSED(state);
	fill(&params);
	one = seed_params_share(&params);
	assert_null(params.model);
	other = seed_params_ref(one);
	assert_ptr_equal(one, other);
	seed_params_unref(one);
	assert_string_equal(other->model, "m");
	assert_int_equal(other->steps, 30);
	seed_params_unref(other);
	assert_null(seed_params_ref(NULL));
	seed_params_unref(NULL);
}

static void test_are_in(void **state)
{
	static const struct { const char *text; bool are; } cases[] = {
		{"a fox", false}, {"", false}, {" \n", false}, {"{masterpiece}, a fox", false},
		{"{", false}, {"{\"prompt\":\"p\"}", true}, {" \n{ \"a", true}, {"{}", true},
		{"{'prompt'", true}, {"\xef\xbb\xbf{\"", true}, {"a {\"prompt\":\"p\"}", false},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		if (seed_params_are_in(cases[i].text) != cases[i].are)
			fail_msg("%s", cases[i].text);
}

static void test_plain_text(void **state)
{
	static const struct {
		const char *text, *prompt;
	} cases[] = {
		{"a red fox\n", "a red fox"},
		{"a\nb \t\n\n", "a\nb"},
		{"  indented", "  indented"},
		{"\xef\xbb\xbf" "a fox\r\n", "a fox"},
		{"\xef\xbb\xbf  a fox", "  a fox"},
		{"{masterpiece}, a fox", "{masterpiece}, a fox"},
		{"{ red | blue } fox", "{ red | blue } fox"},
		{" {{x}}", " {{x}}"},
		{"{", "{"},
		{"{prompt:\"p\"}", "{prompt:\"p\"}"},
		{"[\"an array\"]", "[\"an array\"]"},
		{"x{", "x{"},
	};
	struct seed_params params;

	SEED_UNUSED(state);
	fill(&params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_error error = {0};
		char *prompt = NULL;

		assert_int_equal(seed_params_parse(cases[i].text, strlen(cases[i].text), &params,
						   &prompt, &error), 0);
		assert_string_equal(prompt, cases[i].prompt);
		assert_int_equal(error.code, 0);
		free(prompt);
	}
	assert_int_equal(params.steps, 30);
	seed_params_release(&params);
}

/* Nothing beyond `len` is read: what follows would change the outcome. */
static void test_length_counts(void **state)
{
	struct seed_params params;
	char *prompt = NULL;

	SEED_UNUSED(state);
	fill(&params);
	assert_int_equal(seed_params_parse("a foxtrot", 5, &params, &prompt, NULL), 0);
	assert_string_equal(prompt, "a fox");
	free(prompt);
	assert_int_equal(seed_params_parse("{\"prompt\":\"p\"}{", 14, &params, &prompt, NULL), 0);
	assert_string_equal(prompt, "p");
	free(prompt);
	seed_params_release(&params);
}

static void test_request_of_every_key(void **state)
{
	static const char text[] =
		"{ \"prompt\": \"ein Fuchs \\u2744\\ud83e\\udd8a é\\n\", \"model\": \"other/model\",\n"
		"  \"steps\": 50, \"cfg_scale\": 3.5, \"guidance\": \"\", \"quality\": \"draft\",\n"
		"  \"seed\": 9007199254740992, \"negative_prompt\": \"text\", \"style\": \"ink\" }\n";
	struct seed_params params;
	struct seed_error error;
	char *prompt = NULL;

	SEED_UNUSED(state);
	fill(&params);
	assert_int_equal(seed_params_parse(text, sizeof(text) - 1, &params, &prompt, &error), 0);
	assert_string_equal(prompt, "ein Fuchs ❄🦊 é");
	assert_string_equal(params.model, "other/model");
	assert_int_equal(params.steps, 50);
	assert_true(params.cfg_scale == 3.5);
	assert_string_equal(params.guidance, "");
	assert_string_equal(params.quality, "draft");
	assert_true(params.has_seed);
	assert_int_equal(params.seed, INT64_C(9007199254740992));
	assert_string_equal(params.negative_prompt, "text");
	assert_string_equal(params.style, "ink");
	assert_int_equal(params.width, 2048);
	free(prompt);
	seed_params_release(&params);
}

static void test_request_keeps_what_it_does_not_say(void **state)
{
	static const char text[] = "{\"prompt\":\"p\"}";
	struct seed_params params;
	char *prompt = NULL;

	SEED_UNUSED(state);
	fill(&params);
	assert_int_equal(seed_params_parse(text, sizeof(text) - 1, &params, &prompt, NULL), 0);
	assert_string_equal(prompt, "p");
	assert_string_equal(params.model, "m");
	assert_string_equal(params.quality, "high");
	assert_string_equal(params.guidance, "cinematic");
	assert_int_equal(params.steps, 30);
	assert_true(params.cfg_scale == 8);
	assert_false(params.has_seed);
	free(prompt);
	seed_params_release(&params);
}

static void test_bounds(void **state)
{
	static const char *const good[] = {
		"{\"prompt\":\"p\",\"steps\":1}",
		"{\"prompt\":\"p\",\"steps\":150}",
		"{\"prompt\":\"p\",\"steps\":1.5e1}",
		"{\"prompt\":\"p\",\"cfg_scale\":0}",
		"{\"prompt\":\"p\",\"cfg_scale\":30}",
		"{\"prompt\":\"p\",\"cfg_scale\":0.001}",
		"{\"prompt\":\"p\",\"seed\":0}",
		"{\"prompt\":\"p\",\"style\":\"\"}",
		"{\"prompt\":\"p\",\"negative_prompt\":\"\"}",
		"{\"prompt\":\"\\\\u0000 is not a NUL\"}",
		"{\"prompt\":\"p\"} \r\n\t",
		"\n{\"prompt\":\"p\"}",
		" \t\r\n{ \n\"prompt\":\"p\"}",
		"\xef\xbb\xbf{\"prompt\":\"p\"}\r\n",
		"\xef\xbb\xbf\n{\"prompt\":\"p\"}",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(good); i++) {
		struct seed_params params;
		struct seed_error error = {0};
		char *prompt = NULL;

		fill(&params);
		if (seed_params_parse(good[i], strlen(good[i]), &params, &prompt, &error))
			fail_msg("%s: %s", good[i], error.message);
		free(prompt);
		seed_params_release(&params);
	}
}

#define STEPS "JSON request: \"steps\" must be an integer from 1 to 150"
#define CFG "JSON request: \"cfg_scale\" must be a number from 0 to 30"
#define SEED "JSON request: \"seed\" must be an integer from 0 to 9007199254740992, or -1 or null for none"

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{}", "JSON request: \"prompt\" is missing"},
		{"{\"steps\":20}", "JSON request: \"prompt\" is missing"},
		{"{\"prompt\":\"\"}", "JSON request: \"prompt\" must not be empty"},
		{"{\"prompt\":\" \\n\\t\"}", "JSON request: \"prompt\" must not be empty"},
		{"{\"prompt\":5}", "JSON request: \"prompt\" must be a string"},
		{"{\"prompt\":null}", "JSON request: \"prompt\" must be a string"},
		{"{\"prompt\":[\"p\"]}", "JSON request: \"prompt\" must be a string"},
		{"{\"prompt\":\"p\",\"prompt\":\"q\"}", "JSON request: \"prompt\" is given twice"},
		{"{\"prompt\":\"p\",\"seed\":1,\"seed\":1}", "JSON request: \"seed\" is given twice"},
		{"{\"prompt\":\"p\",\"step\":20}", "JSON request: unknown key \"step\""},
		{"{\"prompt\":\"p\",\"Steps\":20}", "JSON request: unknown key \"Steps\""},
		{"{\"prompt\":\"p\",\"\":20}", "JSON request: unknown key \"\""},
		{"{\"a\\nb\":1}", "JSON request: unknown key \"a b\""},
		{"{\"prompt\":\"p\",\"resolution\":\"1x1\"}", "JSON request: unknown key \"resolution\""},
		{"{\"prompt\":\"p\",\"callBackUrl\":\"u\"}", "JSON request: unknown key \"callBackUrl\""},
		{"{\"prompt\":\"p\",\"model\":\"\"}", "JSON request: \"model\" must not be empty"},
		{"{\"prompt\":\"p\",\"quality\":\"\"}", "JSON request: \"quality\" must not be empty"},
		{"{\"prompt\":\"p\",\"model\":1}", "JSON request: \"model\" must be a string"},
		{"{\"prompt\":\"p\",\"style\":true}", "JSON request: \"style\" must be a string"},
		{"{\"prompt\":\"p\",\"guidance\":{}}", "JSON request: \"guidance\" must be a string"},
		{"{\"prompt\":\"p\",\"negative_prompt\":0}",
		 "JSON request: \"negative_prompt\" must be a string"},
		{"{\"prompt\":\"p\",\"steps\":0}", STEPS},
		{"{\"prompt\":\"p\",\"steps\":151}", STEPS},
		{"{\"prompt\":\"p\",\"steps\":-1}", STEPS},
		{"{\"prompt\":\"p\",\"steps\":20.5}", STEPS},
		{"{\"prompt\":\"p\",\"steps\":\"20\"}", STEPS},
		{"{\"prompt\":\"p\",\"steps\":1e999}", STEPS},
		{"{\"prompt\":\"p\",\"cfg_scale\":-0.1}", CFG},
		{"{\"prompt\":\"p\",\"cfg_scale\":30.1}", CFG},
		{"{\"prompt\":\"p\",\"cfg_scale\":\"8\"}", CFG},
		{"{\"prompt\":\"p\",\"cfg_scale\":null}", CFG},
		{"{\"prompt\":\"p\",\"seed\":-2}", SEED},
		{"{\"prompt\":\"p\",\"seed\":\"-1\"}", SEED},
		{"{\"prompt\":\"p\",\"seed\":0.5}", SEED},
		{"{\"prompt\":\"p\",\"seed\":9007199254740994}", SEED},
		{"{\"prompt\":\"p\",\"seed\":false}", SEED},
		{"{\"prompt\":\"a\\u0000b\"}", "JSON request: NUL at byte 12"},
		{"{\"prompt\":\"a\\\\\\u0000b\"}", "JSON request: NUL at byte 14"},
		{"{'prompt': 'p'}", "JSON request: not valid JSON at byte 2"},
		{" {\"prompt\":\"p\"", "JSON request: not valid JSON at byte 14"},
		{"\xef\xbb\xbf{\"prompt\":\"a\\u0000b\"}", "JSON request: NUL at byte 15"},
		{"{\"prompt\":\"p\"", "JSON request: not valid JSON at byte 13"},
		{"{\"prompt\":\"p\",", "JSON request: not valid JSON at byte 14"},
		{"{\"prompt\":\"p\",}", "JSON request: not valid JSON at byte 15"},
		{"{\"prompt\" \"p\"}", "JSON request: not valid JSON at byte 10"},
		{"{\"prompt\":p}", "JSON request: not valid JSON at byte 10"},
		{"{\"prompt\":\"p\"} x", "JSON request: not valid JSON at byte 15"},
		{"{\"prompt\":\"p\"}{}", "JSON request: not valid JSON at byte 14"},
		{"{\"prompt\":\"\\ud83e\"}", "JSON request: not valid JSON at byte 11"},
		{"{\"prompt\":\"\\", "JSON request: not valid JSON at byte 11"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_error error = {0};
		struct seed_params params;
		char *prompt = NULL;
		errint_t result;

		fill(&params);
		result = seed_params_parse(cases[i].text, strlen(cases[i].text), &params, &prompt,
					   &error);
		if (result != -EINVAL || strcmp(error.message, cases[i].message) != 0)
			fail_msg("%s: %d, %s", cases[i].text, result, error.message);
		assert_int_equal(error.code, EINVAL);
		assert_null(prompt);
		seed_params_release(&params);
	}
}

static void test_no_seed(void **state)
{
	static const char *const texts[] = {
		"{\"prompt\":\"p\",\"seed\":-1}",
		"{\"prompt\":\"p\",\"seed\":null}",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		struct seed_params params;
		char *prompt = NULL;

		fill(&params);
		params.has_seed = true;
		assert_int_equal(seed_params_parse(texts[i], strlen(texts[i]), &params, &prompt, NULL), 0);
		assert_false(params.has_seed);
		free(prompt);
		seed_params_release(&params);
	}
}

/* Key of 200 bytes: the message quotes its beginning. */
static void test_long_unknown_key(void **state)
{
	struct seed_error error = {0};
	struct seed_params params;
	char text[256] = "{\"";
	char wanted[256] = "JSON request: unknown key \"";
	char *prompt = NULL;
	size_t len = strlen(wanted);

	SEED_UNUSED(state);
	memset(text + 2, 'k', 200);
	memcpy(text + 202, "\":1}", 5);
	memset(wanted + len, 'k', 80);
	wanted[len + 80] = '"';
	fill(&params);
	assert_int_equal(seed_params_parse(text, strlen(text), &params, &prompt, &error), -EINVAL);
	assert_string_equal(error.message, wanted);
	seed_params_release(&params);
}

/* Text with a NUL breaks the caller's promise; nothing is overrun all the same. */
static void test_nul_in_the_text(void **state)
{
	struct seed_params params;
	char *prompt = NULL;

	SEED_UNUSED(state);
	fill(&params);
	assert_int_equal(seed_params_parse("{\"pro\0mpt\":\"p\"}", 15, &params, &prompt, NULL),
			 -EINVAL);
	assert_null(prompt);
	seed_params_release(&params);
}

/* Deeper than cJSON's limit, within a prompt's bytes. */
static void test_deep_nesting(void **state)
{
	static char text[SEED_PROMPT_MAX_BYTES];
	struct seed_error error = {0};
	struct seed_params params;
	char *prompt = NULL;

	SEED_UNUSED(state);
	memset(text, '[', sizeof(text));
	memcpy(text, "{\"prompt\":", 10);
	fill(&params);
	assert_int_equal(seed_params_parse(text, sizeof(text), &params, &prompt, &error), -EINVAL);
	assert_string_equal(error.message, "JSON request: not valid JSON at byte 1009");
	seed_params_release(&params);
}

static void test_full_prompt(void **state)
{
	static const struct {
		const char *style, *prompt, *full;
	} cases[] = {
		{"", "a fox", "a fox"},
		{NULL, "a fox", "a fox"},
		{"ink, loose", "a fox", "a fox, ink, loose"},
		{"100%s", "50%d", "50%d, 100%s"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_params params = {.style = cases[i].style ? copy(cases[i].style) : NULL};
		char *full = seed_params_full_prompt(&params, cases[i].prompt);

		assert_string_equal(full, cases[i].full);
		free(full);
		seed_params_release(&params);
	}
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whichever of cJSON's allocations fails: refused, nothing lost, nothing half. */
static void test_no_memory_for_json(void **state)
{
	static const char text[] = "{\"prompt\":\"p\",\"steps\":20,\"style\":\"ink\"}";
	cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
	errint_t result = -1;
	int count;

	SEED_UNUSED(state);
	cJSON_InitHooks(&hooks);
	for (count = 0; result && count < 100; count++) {
		struct seed_params params;
		char *prompt = NULL;

		fill(&params);
		allocations_left = count;
		result = seed_params_parse(text, sizeof(text) - 1, &params, &prompt, NULL);
		assert_true(result == 0 || result == -EINVAL);
		assert_int_equal(prompt != NULL, result == 0);
		free(prompt);
		seed_params_release(&params);
	}
	cJSON_InitHooks(NULL);
	assert_int_equal(result, 0);
	assert_in_range(count, 5, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_of_what_has_no_strings),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_are_in),
		cmocka_unit_test(test_plain_text),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_request_of_every_key),
		cmocka_unit_test(test_request_keeps_what_it_does_not_say),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_seed),
		cmocka_unit_test(test_long_unknown_key),
		cmocka_unit_test(test_nul_in_the_text),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_full_prompt),
		cmocka_unit_test(test_no_memory_for_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
