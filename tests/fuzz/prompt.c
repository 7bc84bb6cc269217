/*
 * Fuzz target: any bytes as a committed text, plain or a JSON request. The first
 * byte is where it is cut into two writes, which must be judged as one is.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/base/text.h"
#include "lib/record/params.h"

static void parse(const char *text, size_t len)
{
	struct seed_error error = {0};
	struct seed_params params, again;
	char *prompt = NULL, *full;
	errint_t err;

	seed_params_init(&params);
	err = seed_params_parse(text, len, &params, &prompt, &error);
	CHECK(err == 0 || err == -EINVAL);
	CHECK(!err || error.message[0]);
	if (!err) {
		CHECK(prompt && *prompt && strlen(prompt) <= SEED_PROMPT_MAX_BYTES);
		full = seed_params_full_prompt(&params, prompt);
		CHECK(full);
		free(full);
		seed_params_init(&again);
		CHECK(!seed_params_copy(&again, &params));
		seed_params_release(&again);
	}
	free(prompt);
	seed_params_release(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	errint_t whole, first, second = 0;
	size_t cut;
	char *text;

	if (!len)
		return 0;
	cut = data[0] < len - 1 ? data[0] : len - 1;
	text = text_of(data + 1, --len);
	whole = seed_text_check(text, len, NULL);
	first = seed_text_check_write("", 0, text, cut, NULL);
	if (!first)
		second = seed_text_check_write(text, cut, text + cut, len - cut, NULL);
	/* The end of the text may still cut a character. */
	CHECK(whole || (!first && !second));
	CHECK(whole != -EINVAL || first || second);
	if (!whole && seed_text_trimmed(text, len))
		parse(text, len);
	free(text);
	return 0;
}
