/* The list of providers, and what is the same for all of them: model, request and key. */
#include "lib/provider/provider.h"

#include <cjson/cJSON.h>
#include <fnmatch.h>
#include <openssl/evp.h>

#include "lib/provider/list.h"

#define ADDRESS(name) &seed_provider_##name,
static const struct seed_provider *const providers[] = { SEED_PROVIDERS(ADDRESS) };

const struct seed_provider *seed_provider_find(const char *name)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(providers); i++)
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	return NULL;
}

const struct seed_provider *seed_provider_at(size_t index)
{
	return index < SEED_ARRAY_LEN(providers) ? providers[index] : NULL;
}

/* --- Requests --- */

/* The user's workflow may itself name its models. */
static bool has_own_model(const struct seed_provider_config *config)
{
	return config->workflow && !strstr(config->workflow, "{{model}}");
}

const char *seed_provider_model(const struct seed_provider *provider,
				const struct seed_provider_config *config, const char *asked)
{
	if (asked && *asked && strcmp(asked, SEED_DEFAULT_MODEL) != 0)
		return asked;
	if (has_own_model(config))
		return NULL;
	if (provider->site && fnmatch(provider->site, config->api_base, FNM_CASEFOLD) == 0)
		return provider->site_model;
	return provider->default_model;
}

errint_t seed_provider_request(const struct seed_provider *provider,
			       const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_task *task, struct seed_request *request)
{
	const struct seed_exchange *exchange = &provider->on[task->stage];
	const struct seed_ask ask = {
		.config = config,
		.params = params,
		.model = seed_provider_model(provider, config, params->model),
		.prompt = prompt,
		.task = task,
		.request = request,
		.body = cJSON_CreateObject(),
	};
	errint_t result = -ENOMEM;

	if (ask.body)
		result = exchange->ask ? exchange->ask(&ask) : -EOPNOTSUPP;
	cJSON_Delete(ask.body);
	return result;
}

/* --- Keys --- */

static char *join_scheme(const char *scheme, const char *key)
{
	char *value;

	if (asprintf(&value, "%s %s", scheme, key) < 0)
		return NULL;
	return value;
}

/* `user:password` in the form that --api-auth and nginx expect. */
static char *basic(const char *user)
{
	size_t len = strlen(user), room = (len + 2) / 3 * 4 + 1;
	unsigned char *encoded = malloc(room);
	char *value = NULL;

	if (encoded) {
		EVP_EncodeBlock(encoded, (const unsigned char *)user, (int)len);
		value = join_scheme("Basic", (const char *)encoded);
		explicit_bzero(encoded, room);
	}
	free(encoded);
	return value;
}

static char *local_authorization(const char *key)
{
	if (strncasecmp(key, "Bearer ", 7) == 0)
		return join_scheme("Bearer", key + 7);
	if (strncasecmp(key, "Basic ", 6) == 0)
		return strchr(key, ':') ? basic(key + 6) : join_scheme("Basic", key + 6);
	return strchr(key, ':') ? basic(key) : join_scheme("Bearer", key);
}

char *seed_provider_authorization(const struct seed_provider *provider, const char *key)
{
	switch (provider->auth) {
	case SEED_AUTH_BEARER:
		return join_scheme("Bearer", key);
	case SEED_AUTH_KEY:
		return join_scheme("Key", key);
	case SEED_AUTH_LOCAL:
		return local_authorization(key);
	case SEED_AUTH_NONE:
	default:
		return NULL;
	}
}
