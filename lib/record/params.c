#include "lib/record/params.h"

#include <cjson/cJSON.h>
#include <stdatomic.h>

#include "lib/base/text.h"

static const size_t texts[] = {
	offsetof(struct seed_params, model), offsetof(struct seed_params, quality),
	offsetof(struct seed_params, guidance), offsetof(struct seed_params, style),
	offsetof(struct seed_params, negative_prompt),
};

static char **text_at(struct seed_params *params, size_t offset)
{
	return (char **)(void *)((char *)params + offset);
}

void seed_params_init(struct seed_params *params)
{
	*params = (struct seed_params){0};
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++)
		*text_at(params, texts[i]) = strdup("");
}

void seed_params_release(struct seed_params *params)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++)
		free(*text_at(params, texts[i]));
	*params = (struct seed_params){0};
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool seed_params_same(const struct seed_params *a, const struct seed_params *b)
{
	return a->width == b->width && a->height == b->height && a->steps == b->steps &&
	       !(a->cfg_scale < b->cfg_scale) && !(a->cfg_scale > b->cfg_scale) &&
	       a->has_seed == b->has_seed && a->seed == b->seed && same_text(a->model, b->model) &&
	       same_text(a->quality, b->quality) && same_text(a->guidance, b->guidance) &&
	       same_text(a->style, b->style) && same_text(a->negative_prompt, b->negative_prompt);
}

errint_t seed_params_copy(struct seed_params *to, const struct seed_params *from)
{
	struct seed_params source = *from, copy = *from; /* borrow the texts */
	bool failed = false;

	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		const char *text = *text_at(&source, texts[i]);

		*text_at(&copy, texts[i]) = strdup(text ? text : "");
		failed = failed || !*text_at(&copy, texts[i]);
	}
	if (failed) {
		seed_params_release(&copy);
		return -ENOMEM;
	}
	seed_params_release(to);
	*to = copy;
	return 0;
}

struct shared {
	atomic_int refs;
	struct seed_params params;
};

static struct shared *shared_of(const struct seed_params *params)
{
	return (struct shared *)((uintptr_t)params - offsetof(struct shared, params));
}

const struct seed_params *seed_params_share(struct seed_params *params)
{
	struct shared *shared = malloc(sizeof(*shared));

	if (!shared) {
		seed_params_release(params);
		return NULL;
	}
	atomic_init(&shared->refs, 1);
	shared->params = *params;
	*params = (struct seed_params){0};
	return &shared->params;
}

const struct seed_params *seed_params_ref(const struct seed_params *shared)
{
	if (shared)
		atomic_fetch_add(&shared_of(shared)->refs, 1);
	return shared;
}

void seed_params_unref(const struct seed_params *shared)
{
	if (!shared || atomic_fetch_sub(&shared_of(shared)->refs, 1) != 1)
		return;
	seed_params_release(&shared_of(shared)->params);
	free(shared_of(shared));
}

/* The kinds of keys in a JSON request. */
enum key_kind {
	KEY_PROMPT, /* a string that is not white */
	KEY_NAME,   /* a string that is not empty */
	KEY_TEXT,   /* any string */
	KEY_STEPS,
	KEY_CFG_SCALE,
	KEY_SEED,
};

static const struct request_key {
	const char *name;
	enum key_kind kind;
	size_t offset; /* of a string in struct seed_params */
} request_keys[] = {
	{"prompt", KEY_PROMPT, 0},
	{"model", KEY_NAME, offsetof(struct seed_params, model)},
	{"quality", KEY_NAME, offsetof(struct seed_params, quality)},
	{"guidance", KEY_TEXT, offsetof(struct seed_params, guidance)},
	{"style", KEY_TEXT, offsetof(struct seed_params, style)},
	{"negative_prompt", KEY_TEXT, offsetof(struct seed_params, negative_prompt)},
	{"steps", KEY_STEPS, 0},
	{"cfg_scale", KEY_CFG_SCALE, 0},
	{"seed", KEY_SEED, 0},
};

#define STEPS_MAX 150
#define CFG_SCALE_MAX 30
/* 2^53: what JSON's numbers, doubles to most, hold without loss. */
#define SEED_MAX 9007199254740992.0

/* Replaces *field by a copy of the first `len` bytes. */
static errint_t put_text(char **field, const char *text, size_t len, struct seed_error *error)
{
	char *copy = strndup(text, len);

	if (!copy)
		return seed_error_set(error, ENOMEM, "no memory");
	free(*field);
	*field = copy;
	return 0;
}

static errint_t read_string(const cJSON *item, enum key_kind kind, char **field,
			    struct seed_error *error)
{
	const char *text = cJSON_GetStringValue(item);
	size_t len;

	if (!text)
		return seed_error_set(error, EINVAL, "JSON request: \"%s\" must be a string",
				      item->string);
	len = kind == KEY_PROMPT ? seed_text_trimmed(text, strlen(text)) : strlen(text);
	if (!len && kind != KEY_TEXT)
		return seed_error_set(error, EINVAL, "JSON request: \"%s\" must not be empty",
				      item->string);
	return put_text(field, text, len, error);
}

static bool is_integer(const cJSON *item, double min, double max)
{
	double value = cJSON_GetNumberValue(item); /* NaN if it is no number */

	return value >= min && value <= max && value == (double)(int64_t)value;
}

static errint_t read_number(const cJSON *item, enum key_kind kind, struct seed_params *params,
			    struct seed_error *error)
{
	double value = cJSON_GetNumberValue(item);

	if (kind == KEY_STEPS) {
		if (!is_integer(item, 1, STEPS_MAX))
			return seed_error_set(error, EINVAL, "JSON request: \"steps\" must be an "
					      "integer from 1 to %d", STEPS_MAX);
		params->steps = (int)value;
	} else if (kind == KEY_CFG_SCALE) {
		if (!(value >= 0 && value <= CFG_SCALE_MAX))
			return seed_error_set(error, EINVAL, "JSON request: \"cfg_scale\" must be "
					      "a number from 0 to %d", CFG_SCALE_MAX);
		params->cfg_scale = value;
	} else {
		/* Many clients write -1 or null for "none": the service chooses. */
		params->has_seed = !cJSON_IsNull(item) && !is_integer(item, -1, -1);
		if (params->has_seed && !is_integer(item, 0, SEED_MAX))
			return seed_error_set(error, EINVAL, "JSON request: \"seed\" must be an "
					      "integer from 0 to %.0f, or -1 or null for none",
					      SEED_MAX);
		params->seed = params->has_seed ? (int64_t)value : 0;
	}
	return 0;
}

static errint_t read_key(const cJSON *item, const struct request_key *key,
			 struct seed_params *params, char **prompt, struct seed_error *error)
{
	switch (key->kind) {
	case KEY_PROMPT:
		return read_string(item, key->kind, prompt, error);
	case KEY_NAME:
	case KEY_TEXT:
		return read_string(item, key->kind, text_at(params, key->offset),
				   error);
	case KEY_STEPS:
	case KEY_CFG_SCALE:
	case KEY_SEED:
		break;
	}
	return read_number(item, key->kind, params, error);
}

static errint_t read_object(const cJSON *object, struct seed_params *params, char **prompt,
			    struct seed_error *error)
{
	bool seen[SEED_ARRAY_LEN(request_keys)] = {false};
	const cJSON *item;

	cJSON_ArrayForEach(item, object) {
		errint_t result;
		size_t i = 0;

		while (i < SEED_ARRAY_LEN(request_keys) &&
		       strcmp(item->string, request_keys[i].name) != 0)
			i++;
		if (i == SEED_ARRAY_LEN(request_keys))
			return seed_error_set(error, EINVAL, "JSON request: unknown key \"%.80s\"",
					      item->string);
		/* Parsers of JSON do not agree which of the two counts. */
		if (seen[i])
			return seed_error_set(error, EINVAL, "JSON request: \"%s\" is given twice",
					      item->string);
		seen[i] = true;
		result = read_key(item, &request_keys[i], params, prompt, error);
		if (result)
			return result;
	}
	if (!seen[0])
		return seed_error_set(error, EINVAL, "JSON request: \"prompt\" is missing");
	return 0;
}

/* The escape \u0000, which would end a C string early; NULL if there is none. In JSON, a
 * backslash stands only in strings, and always before what it escapes. */
static const char *find_escaped_nul(const char *text)
{
	while ((text = strchr(text, '\\')) && text[1]) {
		if (strncmp(text + 1, "u0000", 5) == 0)
			return text;
		text += 2;
	}
	return NULL;
}

/* The object begins at `start`. `text` is NUL-terminated: in a text that is cut off after a
 * comma, this version of cJSON reads one byte beyond the length (CVE-2023-53154). */
static errint_t parse_request(const char *text, size_t start, struct seed_params *params,
			      char **prompt, struct seed_error *error)
{
	const char *end = text;
	const char *nul = find_escaped_nul(text);
	/* The length counts the NUL: otherwise cJSON reports the end of a cut text one byte
	 * too early. */
	cJSON *root = cJSON_ParseWithLengthOpts(text + start, strlen(text + start) + 1, &end, false);
	errint_t result;

	if (root)
		end += strspn(end, " \t\r\n");
	if (!root || *end)
		result = seed_error_set(error, EINVAL, "JSON request: not valid JSON at byte %zu",
					(size_t)(end - text));
	else if (nul)
		result = seed_error_set(error, EINVAL, "JSON request: NUL at byte %zu",
					(size_t)(nul - text));
	else
		result = read_object(root, params, prompt, error);
	cJSON_Delete(root);
	return result;
}

/* '{', white space, and then what can follow in JSON, or the single quote that other
 * languages write. "{masterpiece}, a fox" is a prompt. */
static bool is_request(const char *text, size_t len)
{
	size_t at;

	if (!len || text[0] != '{')
		return false;
	at = 1 + seed_text_white(text + 1, len - 1);
	return at < len && (text[at] == '"' || text[at] == '\'' || text[at] == '}');
}

/* Where the words begin, after a byte order mark and white space. */
static size_t start_of(const char *text, size_t len)
{
	size_t mark = seed_text_mark(text, len);

	return mark + seed_text_white(text + mark, len - mark);
}

bool seed_params_are_in(const char *text)
{
	size_t len = seed_text_trimmed(text, strlen(text)), start = start_of(text, len);

	return is_request(text + start, len - start);
}

errint_t seed_params_parse(const char *text, size_t len, struct seed_params *params,
			   char **prompt, struct seed_error *error)
{
	char *found = NULL, *copy = NULL;
	size_t mark, start;
	errint_t result;

	len = seed_text_trimmed(text, len);
	mark = seed_text_mark(text, len);
	start = start_of(text, len);
	if (!is_request(text + start, len - start)) {
		result = put_text(&found, text + mark, len - mark, error);
		goto out;
	}
	result = put_text(&copy, text, len, error);
	if (!result)
		result = parse_request(copy, start, params, &found, error);
out:
	free(copy);
	if (result)
		free(found);
	else
		*prompt = found;
	return result;
}

char *seed_params_full_prompt(const struct seed_params *params, const char *prompt)
{
	bool has_style = params->style && params->style[0];
	char *full;

	if (asprintf(&full, "%s%s%s", prompt, has_style ? ", " : "",
		     has_style ? params->style : "") < 0)
		return NULL;
	return full;
}
