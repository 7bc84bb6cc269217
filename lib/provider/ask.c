#include "lib/provider/ask.h"

#include "lib/base/url.h"

static errint_t set_url(const struct seed_ask *ask, const char *method, char *url)
{
	ask->request->method = method;
	ask->request->url = url;
	return url ? 0 : -ENOMEM;
}

errint_t seed_ask_at(const struct seed_ask *ask, const char *method, const char *url)
{
	return url ? set_url(ask, method, strdup(url)) : -EOPNOTSUPP;
}

static bool is_safe_part(const char *part)
{
	return *part && strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

errint_t seed_ask_task(const struct seed_ask *ask, const char *method, const char *before,
		       const char *after)
{
	/* Dots are no part of a path: curl takes them, and what stands before them, away. */
	if (!ask->task->id || !is_safe_part(ask->task->id))
		return -EOPNOTSUPP;
	return set_url(ask, method,
		       seed_ask_url(ask->config->api_base, before, ask->task->id, after));
}

errint_t seed_ask_get(const struct seed_ask *ask, const char *path)
{
	return set_url(ask, "GET", seed_ask_url(ask->config->api_base, path, NULL, ""));
}

errint_t seed_ask_body(const struct seed_ask *ask)
{
	ask->request->body = cJSON_PrintUnformatted(ask->body);
	return ask->request->body ? 0 : -ENOMEM;
}

errint_t seed_ask_post(const struct seed_ask *ask, const char *path, bool filled)
{
	errint_t result = set_url(ask, "POST", seed_ask_url(ask->config->api_base, path, NULL, ""));

	if (!filled)
		return -ENOMEM;
	return result ? result : seed_ask_body(ask);
}

/* malloc'd "abcd"; NULL if one of them is NULL, or without memory. */
static char *join(const char *a, const char *b, const char *c, const char *d)
{
	char *text = NULL;

	if (!a || !b || !c || !d || asprintf(&text, "%s%s%s%s", a, b, c, d) < 0)
		return NULL;
	return text;
}

char *seed_ask_url(const char *base, const char *before, const char *part, const char *after)
{
	char *encoded = part ? seed_url_encode(part) : strdup("");
	char *url = join(base, before, encoded, after);

	free(encoded);
	return url;
}

errint_t seed_ask_model_path(const char *before, const char *model, const char *after, char **path)
{
	const char *part = model;
	char *url = strdup(before);

	*path = NULL;
	while (url) {
		char *one = strndup(part, strcspn(part, "/"));
		bool safe = one && is_safe_part(one);
		bool last = !part[strcspn(part, "/")];
		char *longer = safe ? seed_ask_url(url, "/", one, last ? after : "") : NULL;

		free(url);
		url = longer;
		free(one);
		if (one && !safe)
			return -EINVAL;
		if (last)
			break;
		part += strcspn(part, "/") + 1;
	}
	*path = url;
	return url ? 0 : -ENOMEM;
}

bool seed_ask_add_text(cJSON *object, const char *name, const char *text)
{
	return !text || !*text || cJSON_AddStringToObject(object, name, text);
}

/* As digits: most readers do not take "1e+15" for an integer. */
bool seed_ask_add_int(cJSON *object, const char *name, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	return cJSON_AddRawToObject(object, name, digits);
}

bool seed_ask_add_seed(cJSON *object, const struct seed_params *params, int64_t modulus)
{
	if (!params->has_seed)
		return true;
	return seed_ask_add_int(object, "seed", modulus ? params->seed % modulus : params->seed);
}

int64_t seed_ask_random(unsigned int bits)
{
	uint64_t value;

	arc4random_buf(&value, sizeof(value));
	return (int64_t)(value & ((UINT64_C(1) << bits) - 1));
}

char *seed_ask_uuid(void)
{
	unsigned char r[16];
	char *text = NULL;

	arc4random_buf(r, sizeof(r));
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	if (asprintf(&text,
		     "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		     r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
		     r[11], r[12], r[13], r[14], r[15]) < 0)
		return NULL;
	return text;
}

/* Whether one of sd.cpp's tags, opening or closing, begins at `at`. */
static bool is_args_tag(const char *at)
{
	static const char name[] = "sd_cpp_extra_args";

	if (*at++ != '<')
		return false;
	while (*at == '/' || *at == ' ')
		at++;
	return strncasecmp(at, name, sizeof(name) - 1) == 0;
}

char *seed_ask_neutralise(const char *text, bool bars, bool *changed)
{
	static const char angle[] = "\xe2\x80\xb9"; /* U+2039 */
	size_t len = strlen(text);
	/* Only '<' grows, by two bytes. */
	char *out = malloc(3 * len + 1), *end = out;

	if (!out)
		return NULL;
	for (const char *c = text; *c; c++) {
		if (is_args_tag(c)) {
			memcpy(end, angle, sizeof(angle) - 1);
			end += sizeof(angle) - 1;
			*changed = true;
		} else if (bars && *c == '|') {
			*end++ = '/';
			*changed = true;
		} else {
			*end++ = *c;
		}
	}
	*end = 0;
	return out;
}
