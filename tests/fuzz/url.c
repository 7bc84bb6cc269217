/* Fuzz target: any bytes as a URL of a service, and as a message with URLs in it. */
#include "tests/fuzz/fuzz.h"

#include "lib/base/url.h"

static const char key[] = "sk-0123456789abcdef";

static void tidy(const char *text)
{
	char *url = seed_url_tidy("https://api.example.com/v1", text), *shown;
	bool same;

	if (url) {
		CHECK(!seed_url_check(url));
		CHECK(!seed_url_same_host(url, url, &same) && same);
		(void)seed_url_host_is_private(url);
	}
	free(url);
	shown = seed_url_redacted(text);
	CHECK(shown);
	free(shown);
	shown = seed_url_encode(text);
	CHECK(shown && strlen(shown) <= 3 * strlen(text));
	free(shown);
}

/* The key between two halves of the text is found, whatever they are. */
static void scrub(const char *text, size_t cut)
{
	size_t len = strlen(text);
	char *message = malloc(len + sizeof(key));

	CHECK(message);
	memcpy(message, text, cut);
	memcpy(message + cut, key, sizeof(key) - 1);
	memcpy(message + cut + sizeof(key) - 1, text + cut, len - cut + 1);
	seed_url_scrub(message, key);
	CHECK(strlen(message) == len + sizeof(key) - 1);
	CHECK(!strstr(message, key));
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = text_of(data, len);

	tidy(text);
	scrub(text, len ? data[0] % (strlen(text) + 1) : 0);
	(void)seed_url_text_is_private(text);
	free(text);
	return 0;
}
