#include "lib/provider/json.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>

#include "lib/base/text.h"
#include "lib/base/url.h"

/* --- Parsing --- */

/* The offset after the string whose opening quote is at `at`, or `len`. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	size_t i = at + 1;

	while (i < len && text[i] != '"')
		i += text[i] == '\\' ? 2 : 1;
	return i < len ? i + 1 : len;
}

/* cJSON limits the depth (to 1000), but not the number of values: 96 MB of "[],[],…" would
 * become gigabytes. So the values are counted before anything is built. */
static bool is_bounded(const char *text, size_t len, size_t *at)
{
	size_t i = 0, depth = 0, values = 0;

	while (i < len) {
		*at = i;
		switch (text[i]) {
		case '"':
			i = skip_string(text, len, i);
			continue;
		case '[':
		case '{':
			values++;
			if (++depth > SEED_JSON_MAX_DEPTH)
				return false;
			break;
		case ']':
		case '}':
			if (!depth--)
				return false;
			break;
		case ',':
			values++;
			break;
		default:
			break;
		}
		if (values > SEED_JSON_MAX_VALUES)
			return false;
		i++;
	}
	return true;
}

/* The first byte that is not white space. */
static const char *skip_white(const char *text, const char *end)
{
	while (text < end && strchr(" \t\r\n", *text))
		text++;
	return text;
}

cJSON *seed_json_parse_at(const char *text, size_t len, size_t *at)
{
	const char *end = NULL, *zero;
	cJSON *root;

	*at = 0;
	errno = 0;
	if (!text || !len || len > SEED_ANSWER_MAX_BYTES)
		return NULL;
	/* A NUL would end cJSON's strings early. JSON has none, except escaped. */
	zero = memchr(text, 0, len);
	if (zero) {
		*at = (size_t)(zero - text);
		return NULL;
	}
	if (!is_bounded(text, len, at))
		return NULL;
	root = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (root)
		end = skip_white(end, text + len);
	*at = end ? (size_t)(end - text) : 0;
	if (root && end != text + len) {
		cJSON_Delete(root);
		return NULL;
	}
	return root;
}

cJSON *seed_json_parse(const char *text, size_t len)
{
	size_t at;

	return seed_json_parse_at(text, len, &at);
}

/* --- Looking up --- */

/* The largest number that no other whole number shares its double with. */
#define MAX_EXACT 9007199254740991.0

/* Takes "[12]" from *path. */
static const cJSON *step_index(const cJSON *at, const char **path)
{
	char *end;
	long index = strtol(*path + 1, &end, 10);

	*path = *end == ']' ? end + 1 : end;
	if (!cJSON_IsArray(at) || index < 0 || index > INT_MAX)
		return NULL;
	return cJSON_GetArrayItem(at, (int)index);
}

/* Takes "name" from *path. */
static const cJSON *step_name(const cJSON *at, const char **path)
{
	char name[64];
	size_t len = strcspn(*path, ".[");

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, *path, len);
	name[len] = 0;
	*path += len;
	return cJSON_IsObject(at) ? cJSON_GetObjectItemCaseSensitive(at, name) : NULL;
}

const cJSON *seed_json_at(const cJSON *root, const char *path)
{
	const cJSON *at = root;

	while (at && *path) {
		if (*path == '[')
			at = step_index(at, &path);
		else
			at = step_name(at, &path);
		if (*path == '.')
			path++;
	}
	return at;
}

const char *seed_json_text(const cJSON *root, const char *path)
{
	const cJSON *item = seed_json_at(root, path);

	if (!cJSON_IsString(item) || !item->valuestring || !*item->valuestring)
		return NULL;
	return item->valuestring;
}

static bool is_id_text(const char *text)
{
	if (strlen(text) > SEED_JSON_ID_MAX_BYTES)
		return false;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return true;
}

bool seed_json_id(const cJSON *root, const char *path, struct seed_json_id *id)
{
	const cJSON *item = seed_json_at(root, path);
	const char *text = seed_json_text(root, path);

	id->text[0] = '\0';
	if (text && is_id_text(text))
		snprintf(id->text, sizeof(id->text), "%s", text);
	else if (cJSON_IsNumber(item) && item->valuedouble >= 0 &&
		 item->valuedouble <= MAX_EXACT && fmod(item->valuedouble, 1) == 0)
		snprintf(id->text, sizeof(id->text), "%.0f", item->valuedouble);
	return id->text[0] != '\0';
}

const char *seed_json_url(const cJSON *root, const char *path)
{
	const char *text = seed_json_text(root, path);

	return text && seed_url_check(text) == 0 ? text : NULL;
}

bool seed_json_number(const cJSON *root, const char *path, double *out)
{
	const cJSON *item = seed_json_at(root, path);
	const char *text = seed_json_text(root, path);
	char *end;

	if (cJSON_IsNumber(item)) {
		*out = item->valuedouble;
		return isfinite(*out);
	}
	if (!text)
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

bool seed_json_ranged(const cJSON *root, const char *path, double low, double high,
		      double *out)
{
	double number;

	if (!seed_json_number(root, path, &number) || number < low || number > high)
		return false;
	*out = number;
	return true;
}

int seed_json_int(const cJSON *root, const char *path, int fallback)
{
	double number;

	if (!seed_json_ranged(root, path, INT_MIN, INT_MAX, &number) || fmod(number, 1) != 0)
		return fallback;
	return (int)number;
}

/* --- Messages --- */

void seed_json_copy_text(char *out, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size) : 0;

	if (len == size)
		len = seed_text_whole(text, size - 1);
	memcpy(out, text ? text : "", len);
	out[len] = '\0';
	seed_text_one_line(out, len);
}

/* FastAPI's form (fal, automatic1111, Replicate's older models): a list that says what is
 * wrong with which field. Its `input` is not read, since it may be the prompt. */
static bool detail_message(const cJSON *root, char *out, size_t size)
{
	const char *text = seed_json_text(root, "detail[0].msg");
	const cJSON *where = seed_json_at(root, "detail[0].loc");
	const char *field = NULL;
	char message[SEED_MESSAGE_MAX_BYTES], name[64];

	if (!text)
		return false;
	for (const cJSON *part = where && cJSON_IsArray(where) ? where->child : NULL; part;
	     part = part->next)
		field = cJSON_IsString(part) ? part->valuestring : field;
	seed_json_copy_text(message, sizeof(message), text);
	seed_json_copy_text(name, sizeof(name), field);
	if (*name)
		snprintf(out, size, "%s: %s", name, message);
	else
		snprintf(out, size, "%s", message);
	return true;
}

void seed_json_message(const cJSON *root, char *out, size_t size)
{
	/* automatic1111 has a class name in `error` and the text in `errors`. */
	static const char *const places[] = {
		"error.message", "detail", "errors", "msg", "message",
		"error", "data.error.message", "data.errorMessage", "title", "detail.message",
	};

	*out = 0;
	if (detail_message(root, out, size))
		return;
	for (size_t i = 0; i < SEED_ARRAY_LEN(places); i++) {
		const char *text = seed_json_text(root, places[i]);

		if (text) {
			seed_json_copy_text(out, size, text);
			return;
		}
	}
}

void seed_json_error_words(const cJSON *root, char *out, size_t size)
{
	static const char *const places[] = {
		"error.code", "error.type", "error.innererror.code", "error.inner_error.code",
		"code", "error_type", "detail[0].type", "type",
	};
	size_t len;

	*out = 0;
	for (size_t i = 0; i < SEED_ARRAY_LEN(places); i++) {
		char word[64];

		seed_json_copy_text(word, sizeof(word), seed_json_text(root, places[i]));
		len = strlen(out);
		if (*word)
			snprintf(out + len, size - len, "%s ", word);
	}
	len = strlen(out);
	if (len + 1 < size)
		seed_json_message(root, out + len, size - len);
}

/* --- The picture in an answer --- */

/* The smallest possible PNG has 67 bytes; a path or a word is shorter than this. */
enum { BASE64_MIN_BYTES = 64 };

enum found { FOUND_NOTHING, FOUND_INVALID, FOUND_URL, FOUND_BASE64 };

static bool is_base64_text(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789+/-_=\r\n");

	return len >= BASE64_MIN_BYTES && !text[len];
}

/* White space around it and a missing host are allowed: seed_url_tidy() mends both. */
static bool is_web_url(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '/' || strncasecmp(text, "http://", 7) == 0 ||
	       strncasecmp(text, "https://", 8) == 0;
}

static enum found judge_url(const char *text)
{
	if (strncasecmp(text, "data:", 5) == 0)
		return FOUND_URL;
	/* Some gateways put the bytes where the URL belongs. */
	if (is_base64_text(text))
		return FOUND_BASE64;
	return is_web_url(text) ? FOUND_URL : FOUND_INVALID;
}

/* Looks in one object; *found is borrowed from the tree. */
static enum found find_below(const cJSON *at, const char **found)
{
	static const char *const urls[] = {
		"imageUrl", "image_url", "resultUrls[0]", "result_urls[0]", "resultUrl",
		"resultImageUrl", "imageUrls[0]", "image_urls[0]", "images[0].url",
		"images[0]", "url",
	};
	static const char *const bytes[] = {
		"imageBase64", "image_base64", "b64_json", "base64", "images[0].b64_json",
	};
	const char *invalid = NULL;

	for (size_t i = 0; i < SEED_ARRAY_LEN(urls); i++) {
		enum found kind;

		*found = seed_json_text(at, urls[i]);
		kind = *found ? judge_url(*found) : FOUND_NOTHING;
		if (kind >= FOUND_URL)
			return kind;
		if (kind == FOUND_INVALID)
			invalid = *found;
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(bytes); i++) {
		*found = seed_json_text(at, bytes[i]);
		if (*found)
			return strncasecmp(*found, "data:", 5) == 0 ? FOUND_URL : FOUND_BASE64;
	}
	*found = invalid;
	return invalid ? FOUND_INVALID : FOUND_NOTHING;
}

/* Looks in the object at `place`, or in the JSON that a string there holds. *copy is
 * malloc'd; a valid image replaces an invalid one. */
static enum found find_at(const cJSON *root, const char *place, char **copy)
{
	const cJSON *at = seed_json_at(root, place);
	enum found kind = FOUND_NOTHING;
	const char *found = NULL;
	cJSON *inner = NULL;

	if (cJSON_IsString(at)) {
		inner = seed_json_parse(at->valuestring, strlen(at->valuestring));
		at = inner;
		if (!inner && errno == ENOMEM) /* it may be an image: -ENOMEM, for want of a copy */
			kind = FOUND_URL;
	}
	if (kind == FOUND_NOTHING)
		kind = find_below(at, &found);
	if (kind >= FOUND_INVALID) {
		free(*copy);
		*copy = found ? strdup(found) : NULL;
	}
	cJSON_Delete(inner);
	return kind;
}

errint_t seed_json_find_image(const cJSON *root, char **text, bool *is_base64, bool *invalid)
{
	static const char *const places[] = {
		"data.response", "data.resultJson", "data.result", "data.info", "data",
		"data.data[0]", "data[0]", "response", "resultJson", "result", "",
	};
	enum found kind = FOUND_NOTHING;

	*text = NULL;
	*invalid = false;
	for (size_t i = 0; i < SEED_ARRAY_LEN(places) && kind < FOUND_URL; i++) {
		kind = find_at(root, places[i], text);
		*invalid |= kind == FOUND_INVALID;
	}
	*is_base64 = kind == FOUND_BASE64;
	return (kind >= FOUND_URL || *invalid) && !*text ? -ENOMEM : 0;
}
