/* What a webhook's body says (`man seed`). */
#include "lib/provider/json.h"
#include "lib/provider/provider.h"
#include "lib/base/text.h"
#include "lib/base/url.h"

/* Takes the image if it is a URL to download; anything else counts as none. A URL at the
 * top is the sender's own, so it goes before what a service nested. */
static errint_t take_image(const cJSON *json, char **image_url)
{
	const char *top = seed_json_url(json, "image_url");
	bool is_base64, invalid;
	errint_t result;

	if (top) {
		*image_url = strdup(top);
		return *image_url ? 0 : -ENOMEM;
	}
	result = seed_json_find_image(json, image_url, &is_base64, &invalid);
	if (result)
		return result;
	if (*image_url && (is_base64 || seed_url_check(*image_url) != 0)) {
		free(*image_url);
		*image_url = NULL;
	}
	return 0;
}

/* White space alone is no prompt. Only the top is searched: a music service's
 * `data.data[0].prompt` is the words of a song. */
static errint_t take_prompt(const cJSON *json, char **prompt)
{
	const char *text = seed_json_text(json, "prompt");

	if (!text || !seed_text_trimmed(text, strlen(text)))
		return 0;
	*prompt = strdup(text);
	return *prompt ? 0 : -ENOMEM;
}

errint_t seed_provider_callback(const char *body, size_t len, char **image_url,
				char **prompt, struct seed_error *error)
{
	size_t at = seed_text_utf8_prefix(body, len, NULL);
	cJSON *json;
	errint_t result;

	*image_url = NULL;
	*prompt = NULL;
	/* Then it is no JSON either (RFC 8259 section 8.1), but cJSON takes it. */
	if (at < len)
		return seed_error_set(error, EINVAL, "the callback is not valid UTF-8 (byte %zu)", at);
	json = seed_json_parse_at(body, len, &at);
	if (!json)
		return seed_error_set(error, EINVAL, "the callback is not JSON (byte %zu)", at);
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return seed_error_set(error, EINVAL, "the callback is not a JSON object (byte 0)");
	}
	result = take_image(json, image_url);
	if (!result)
		result = take_prompt(json, prompt);
	cJSON_Delete(json);
	if (result) {
		free(*image_url);
		*image_url = NULL;
		return seed_error_set(error, ENOMEM, "no memory for the callback");
	}
	return 0;
}
