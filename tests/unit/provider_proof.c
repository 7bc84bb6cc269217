#include "tests/unit/unit.h"

#include "lib/provider/proof.h"

static void test_judge(void **state)
{
	static const struct {
		const char *provider;
		long status;
		const char *body;
		bool is_ok;
		const char *text;
	} cases[] = {
		{ "kie", 200, "{\"code\":200,\"msg\":\"success\",\"data\":81.5}", true,
		  "answers and accepts the key; 82 credits are left" },
		{ "kie", 200, "{\"code\":200,\"msg\":\"success\",\"data\":0}", false,
		  "accepts the key, but has no credits left; buy some at the service" },
		{ "kie-image", 200, "{\"code\":401,\"msg\":\"no\"}", false,
		  "refuses the key (401); put a valid one into the key file" },
		{ "kie", 200, "{\"code\":402,\"msg\":\"no\"}", false,
		  "has no credits left; buy some at the service" },
		{ "kie", 503, "", false, "answers with an error (503); try again later" },
		{ "kie", 404, "<html>", false,
		  "answers, but has no /api/v1/chat/credit; is api_base right?" },
		{ "replicate", 200, "{\"type\":\"user\"}", true, "answers and accepts the key" },
		{ "openai", 401, "{\"error\":{}}", false,
		  "refuses the key (401); put a valid one into the key file" },
		{ "comfyui", 200, "{\"system\":{}}", true, "answers" },
		{ "fal", 404, "", true,
		  "answers; the key cannot be checked without paying" },
		{ "ark", 200, "", true,
		  "answers; the key cannot be checked without paying" },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		const struct seed_provider *provider = seed_provider_find(cases[i].provider);
		struct seed_response response = { .status = cases[i].status, .body = cases[i].body,
						  .len = strlen(cases[i].body) };
		char text[128];

		assert_int_equal(seed_proof_judge(provider, &response, text, sizeof(text)),
				 cases[i].is_ok);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_judge) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
