/*
 * Reading JSON that a stranger wrote: for a look-up a wrong type counts as absent,
 * and nothing here recurses or allocates without a limit.
 *
 * Pure functions, any thread. The tree is cJSON's; who parses it deletes it.
 */
#ifndef SEED_PROVIDER_JSON_H
#define SEED_PROVIDER_JSON_H

#include <cjson/cJSON.h>

#include "lib/base/base.h"

enum {
	/* Deepest answer documented: 7 (ComfyUI's history). */
	SEED_JSON_MAX_DEPTH = 64,
	/* cJSON takes 64 bytes a value: 8 MiB for what 100 KB of commas could
	 * be; ComfyUI's node errors list a few thousand file names. */
	SEED_JSON_MAX_VALUES = 128 * 1024,
	/* A task id; UUIDs and "task_bytedance_…" are under 64. */
	SEED_JSON_ID_MAX_BYTES = 256,
};

/* The tree of `text`. NULL: not JSON, a NUL in it, too deep, too many values, or no
 * memory (only then errno is ENOMEM). Only white space may follow the value. */
cJSON *seed_json_parse(const char *text, size_t len);

/* The same; *at gets the offset of the byte where a text stops being JSON. */
cJSON *seed_json_parse_at(const char *text, size_t len, size_t *at);

/* The value at a path such as "data.response.resultUrls[0]" (no part longer
 * than 63 bytes), or NULL. "" is the root; a NULL root has nothing. */
const cJSON *seed_json_at(const cJSON *root, const char *path);

/* The string there if it is one and not empty, else NULL. */
const char *seed_json_text(const cJSON *root, const char *path);

/* A task's id. */
struct seed_json_id {
	char text[SEED_JSON_ID_MAX_BYTES + 1];
};

/* The task's id there: a string of printable ASCII without spaces, at most
 * SEED_JSON_ID_MAX_BYTES, or a whole number of 0 to 2^53 - 1 (RFC 8259, section 6: beyond it
 * the parsers, cJSON among them, no longer agree on the value). false: none; *id is "". */
bool seed_json_id(const cJSON *root, const char *path, struct seed_json_id *id);

/* A string there that is a URL as seed_url_check() wants it, else NULL. */
const char *seed_json_url(const cJSON *root, const char *path);

/* The number there, or the number that a string there spells; false if neither. */
bool seed_json_number(const cJSON *root, const char *path, double *out);

/* The same, within low..high: the check for every figure that is kept. */
bool seed_json_ranged(const cJSON *root, const char *path, double low, double high,
		      double *out);

/* As an integer; `fallback` if there is no whole number that fits an int. */
int seed_json_int(const cJSON *root, const char *path, int fallback);

/* What the service says about an error: the first of the places where services put
 * it, or "". One line, at most `size` with the NUL, valid UTF-8. */
void seed_json_message(const cJSON *root, char *out, size_t size);

/* Every code, type and message of an error in one line, for matching words. */
void seed_json_error_words(const cJSON *root, char *out, size_t size);

/* Copies at most size - 1 bytes of text (may be NULL), whole characters only, as one
 * line (seed_text_one_line()). */
void seed_json_copy_text(char *out, size_t size, const char *text);

/*
 * The picture in an answer or a webhook of kie's families. They nest it in
 * many ways and spell it in several (imageUrl, image_url, resultUrls[0], …;
 * data, data.response, data.info, data.data[0], and data.resultJson, which is
 * JSON in a string). *text is malloc'd: an http(s) URL, a "data:" URI, or bare
 * base64, for which *is_base64 is set. NULL if there is none. *invalid is set if
 * a place held something that is none of these; *text is that if there is nothing
 * better. -ENOMEM without memory.
 */
errint_t seed_json_find_image(const cJSON *root, char **text, bool *is_base64,
			      bool *invalid) SEED_MUST_CHECK;

#endif
