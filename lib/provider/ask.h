/*
 * What the providers share to build a request. Internal to lib/provider/.
 * Pure functions, except for random numbers.
 */
#ifndef SEED_PROVIDER_ASK_H
#define SEED_PROVIDER_ASK_H

#include <cjson/cJSON.h>

#include "lib/provider/provider.h"

/* A request without a body, to where the service said; `url` is copied. NULL:
 * -EOPNOTSUPP. */
errint_t seed_ask_at(const struct seed_ask *ask, const char *method, const char *url) SEED_MUST_CHECK;

/* A GET of `before`, the task's id and `after` below api_base. -EOPNOTSUPP without an id. */
errint_t seed_ask_task(const struct seed_ask *ask, const char *method, const char *before,
		       const char *after) SEED_MUST_CHECK;

/* GET of a path below api_base. */
errint_t seed_ask_get(const struct seed_ask *ask, const char *path) SEED_MUST_CHECK;

/* POST of ask->body to a path below api_base. `filled`: what it is to hold was added;
 * else there was no memory for it: -ENOMEM. */
errint_t seed_ask_post(const struct seed_ask *ask, const char *path, bool filled) SEED_MUST_CHECK;

/* The body of a request that has its URL. */
errint_t seed_ask_body(const struct seed_ask *ask) SEED_MUST_CHECK;

/* base, before, `part` percent-encoded (NULL: nothing), after; malloc'd, NULL
 * without memory. */
char *seed_ask_url(const char *base, const char *before, const char *part, const char *after);

/* before, a slash, a model's name as part of a path ("owner/name"), after: each part
 * percent-encoded.
 * A part that is empty, "." or ".." would lead elsewhere in the API, with the
 * mount's key: -EINVAL. */
errint_t seed_ask_model_path(const char *before, const char *model, const char *after,
			     char **path) SEED_MUST_CHECK;

/* Members of a JSON object; false without memory. Empty or NULL text is left
 * out, which is no error. Integers are written as digits, whatever their size. */
bool seed_ask_add_text(cJSON *object, const char *name, const char *text);
bool seed_ask_add_int(cJSON *object, const char *name, int64_t value);

/* The seed, where the parameters have one, below `modulus` (0: as it is). */
bool seed_ask_add_seed(cJSON *object, const struct seed_params *params, int64_t modulus);

/* A random number below 2^bits (bits 1..62). */
int64_t seed_ask_random(unsigned int bits);

/* A fresh UUID (version 4), malloc'd; NULL without memory. */
char *seed_ask_uuid(void);

/*
 * Makes a text harmless: it removes sd.cpp's "<sd_cpp_extra_args>" and, if `bars` is
 * set, LocalAI's "|". These servers would read them in a prompt as parameters. '<'
 * becomes U+2039 and '|' becomes '/', so that a person still reads the same text.
 * malloc'd, NULL without memory; *changed is set (never cleared) if something was
 * replaced.
 */
char *seed_ask_neutralise(const char *text, bool bars, bool *changed);

#endif
