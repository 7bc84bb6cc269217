/* Fuzz target: any bytes as the body of a webhook. */
#include "tests/fuzz/fuzz.h"

#include "lib/provider/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *body = text_of(data, len), *image_url = NULL, *prompt = NULL;
	struct seed_error error = {0};
	errint_t err = seed_provider_callback(body, len, &image_url, &prompt, &error);

	CHECK(err == 0 || err == -EINVAL);
	CHECK(!err || (error.code == EINVAL && error.message[0]));
	free(image_url);
	free(prompt);
	free(body);
	return 0;
}
