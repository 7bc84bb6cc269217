/* What a webhook's body says. */
#include "tests/unit/provider_help.h"

#define URL "https://x.test/a.png"
/* An image service's task, done. */
#define KIE "{\"code\":200,\"msg\":\"Playground task completed successfully.\",\"data\":{\"taskId\":\"t\"," \
	"\"state\":\"success\",\"param\":\"{\\\"input\\\":{\\\"prompt\\\":\\\"inner\\\"}}\"," \
	"\"resultJson\":\"{\\\"resultUrls\\\":[\\\"" URL "\\\"]}\",\"failCode\":null}}"
/* A music service's, with its small cover. */
#define SUNO "{\"code\":200,\"msg\":\"All generated successfully.\",\"data\":{\"callbackType\":\"complete\"," \
	"\"task_id\":\"t\",\"data\":[{\"id\":\"1\",\"audio_url\":\"https://x.test/a.mp3\"," \
	"\"image_url\":\"" URL "\",\"prompt\":\"[Verse] words\"}]}}"

static const struct {
	const char *name, *body, *image_url, *prompt;
} rows[] = {
	{ "top", "{\"image_url\":\"" URL "\",\"prompt\":\"a fox\"}", URL, "a fox" },
	{ "white space around", " \n{\"image_url\":\"" URL "\"}\r\n ", URL, NULL },
	{ "data", "{\"data\":{\"image_url\":\"" URL "\"}}", URL, NULL },
	{ "data.data", SUNO, URL, NULL },
	{ "data.info", "{\"data\":{\"info\":{\"resultUrls\":[\"" URL "\"]}}}", URL, NULL },
	{ "data.resultJson", KIE, URL, NULL },
	{ "the top goes first", "{\"image_url\":\"" URL "\",\"data\":{\"image_url\":\"https://x.test/b\"}}", URL, NULL },
	{ "a broken top does not", "{\"image_url\":\"x\",\"data\":{\"image_url\":\"" URL "\"}}", URL, NULL },
	{ "failed", "{\"code\":501,\"msg\":\"x\",\"data\":{\"callbackType\":\"error\",\"data\":null}}", NULL, NULL },
	{ "failed, null", "{\"code\":400,\"data\":{\"state\":\"fail\",\"resultJson\":null}}", NULL, NULL },
	{ "empty", "{}", NULL, NULL },
	{ "empty texts", "{\"image_url\":\"\",\"prompt\":\"\"}", NULL, NULL },
	{ "white prompt", "{\"prompt\":\" \\n\"}", NULL, NULL },
	{ "wrong types", "{\"image_url\":7,\"prompt\":[\"a\"],\"data\":[7]}", NULL, NULL },
	{ "a file", "{\"image_url\":\"file:///etc/passwd\",\"prompt\":\"a\"}", NULL, "a" },
	{ "a data URI", "{\"image_url\":\"data:image/png;base64,aGVsbG8=\"}", NULL, NULL },
	{ "credentials", "{\"image_url\":\"https://a:b@x.test/\"}", NULL, NULL },
};

static void finds_image_and_prompt(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		struct seed_error error = { 0 };
		char *url, *prompt;

		assert_int_equal(seed_provider_callback(rows[i].body, strlen(rows[i].body), &url,
							&prompt, &error), 0);
		if (!url != !rows[i].image_url || (url && strcmp(url, rows[i].image_url) != 0))
			fail_msg("%s: image %s", rows[i].name, url ? url : "(none)");
		if (!prompt != !rows[i].prompt || (prompt && strcmp(prompt, rows[i].prompt) != 0))
			fail_msg("%s: prompt %s", rows[i].name, prompt ? prompt : "(none)");
		free(url);
		free(prompt);
	}
}

static void refuses_what_is_no_object(void **state)
{
	static const struct {
		const char *body;
		size_t len;
		const char *message;
	} bad[] = {
		{ "", 0, "the callback is not JSON (byte 0)" },
		{ "hello", 5, "the callback is not JSON (byte 0)" },
		{ "{\"a\":1,}", 8, "the callback is not JSON (byte 7)" },
		{ "{\"a\":1} x", 9, "the callback is not JSON (byte 8)" },
		{ "{\"a\":\"\0\"}", 9, "the callback is not JSON (byte 6)" },
		{ "[]", 2, "the callback is not a JSON object (byte 0)" },
		{ "\"https://x.test/\"", 17, "the callback is not a JSON object (byte 0)" },
		{ "null", 4, "the callback is not a JSON object (byte 0)" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(bad); i++) {
		struct seed_error error = { 0 };
		char *url, *prompt;

		assert_int_equal(seed_provider_callback(bad[i].body, bad[i].len, &url, &prompt, &error),
				 -EINVAL);
		assert_null(url);
		assert_null(prompt);
		assert_int_equal(error.code, EINVAL);
		assert_string_equal(error.message, bad[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_image_and_prompt),
		cmocka_unit_test(refuses_what_is_no_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
