/*
 * What a generation asks for. It is filled from the mount's options and, for a
 * JSON request (`man seed`), from its keys.
 *
 * Thousands may ask for the same: rows hold shared parameters, and what is shared is
 * not changed any more.
 */
#ifndef SEED_PARAMS_H
#define SEED_PARAMS_H

#include "lib/base/base.h"
#include "lib/base/error.h"

struct seed_params {
	char *model;           /* owned, like every string here */
	char *quality;
	char *guidance;        /* "" where none */
	char *style;           /* "" where none: appended to the prompt after ", " */
	char *negative_prompt; /* "" where none */
	int width, height;     /* pixels: 2048, 1152 */
	int steps;
	double cfg_scale;
	bool has_seed;
	int64_t seed;
};

/* Zeroes and empty strings. The strings are malloc'd, or NULL without memory; every
 * function here takes NULL for empty. */
void seed_params_init(struct seed_params *params);
void seed_params_release(struct seed_params *params);

/* `to` is initialised, and unchanged if there is no memory. */
errint_t seed_params_copy(struct seed_params *to, const struct seed_params *from) SEED_MUST_CHECK;

/* Whether both ask for the same: NULL texts are empty. */
bool seed_params_same(const struct seed_params *a, const struct seed_params *b);

/* A shared one with `params`' contents, which it takes in any case, and one reference.
 * NULL without memory. Any thread, like the next two. */
const struct seed_params *seed_params_share(struct seed_params *params);
const struct seed_params *seed_params_ref(const struct seed_params *shared); /* NULL is allowed */
void seed_params_unref(const struct seed_params *shared);                    /* here, too */

/* Whether seed_params_parse() would look for parameters in `text` (NUL-terminated),
 * which is JSON then. */
bool seed_params_are_in(const char *text);

/*
 * Turns a committed text into what is sent. `text` has passed
 * seed_text_check() and is not only white space; a byte order mark at its beginning
 * is ignored. *prompt is malloc'd, the caller's.
 *
 * Plain text: *prompt is the trimmed text. A JSON request begins, after white space,
 * with '{', and the next character that is not white space is '"', "'" or '}'. It is an
 * object with the string `prompt` (required, not white) and any of model, steps
 * (1..150), cfg_scale (0..30), guidance, quality, seed (integer, 0..2^53; -1 and null:
 * none), negative_prompt, style. These are put into `params`, which the caller filled
 * with the mount's values. Anything else, such as a duplicate or unknown key, or a wrong
 * type or range, is -EINVAL with a message that names the key or the byte offset. Then
 * `params` is unspecified but can be released.
 */
errint_t seed_params_parse(const char *text, size_t len, struct seed_params *params,
			   char **prompt, struct seed_error *error) SEED_MUST_CHECK;

/* The text that is sent as the prompt: `prompt`, then ", " and the style if there is
 * one. malloc'd; NULL without memory. */
char *seed_params_full_prompt(const struct seed_params *params, const char *prompt);

#endif
