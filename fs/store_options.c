#include "fs/store_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/options.h"
#include "lib/base/url.h"
#include "lib/s3/key.h"

#define SCHEME "s3://"
#define SCHEME_BYTES (sizeof(SCHEME) - 1)
/* A key has 1,024 bytes. The rest is for a name, whose odd bytes take three. */
#define PREFIX_MAX_BYTES 128

/* Of "BUCKET/PREFIX/": cuts it in two; no '/' is left at the end. */
static const char *cut(char *text)
{
	size_t len = strlen(text);
	char *slash;

	if (len && text[len - 1] == '/')
		text[len - 1] = '\0';
	slash = strchr(text, '/');
	if (!slash)
		return "";
	*slash = '\0';
	return slash + 1;
}

bool store_options_is_store(const char *text)
{
	char copy[SEED_S3_BUCKET_MAX_BYTES + PREFIX_MAX_BYTES + 3];
	const char *prefix;

	if (strncmp(text, SCHEME, SCHEME_BYTES) != 0 || strlen(text + SCHEME_BYTES) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%s", text + SCHEME_BYTES);
	prefix = cut(copy);
	return seed_s3_is_bucket(copy) && strlen(prefix) <= PREFIX_MAX_BYTES &&
	       (!prefix[0] || seed_s3_key_is_plain(prefix));
}

bool store_options_is_endpoint(const char *text)
{
	const char *host = strstr(text, "://");
	size_t len;

	if (!host || seed_url_check(text))
		return false;
	len = strcspn(host + 3, "/?#");
	return strcmp(host + 3 + len, "/") == 0 || !host[3 + len];
}

/* As one writes it: small letters, no '/' at its end, no port that goes without saying. */
static char *plain_endpoint(const char *text)
{
	static const char *const ports[] = { "https://", ":443", "http://", ":80" };
	char *plain = strdup(text);
	size_t len = plain ? strlen(plain) : 0;

	if (len && plain[len - 1] == '/')
		plain[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		plain[i] = (char)tolower((unsigned char)plain[i]);
	for (size_t i = 0; i < SEED_ARRAY_LEN(ports); i += 2) {
		size_t port = strlen(ports[i + 1]);

		if (len > port && strncmp(plain, ports[i], strlen(ports[i])) == 0 &&
		    strcmp(plain + len - port, ports[i + 1]) == 0)
			plain[len - port] = '\0';
	}
	return plain;
}

static errint_t fill(struct store_options *store, const struct options *options)
{
	store->owned_bucket = strdup(options->store + SCHEME_BYTES);
	if (!store->owned_bucket)
		return -ENOMEM;
	store->prefix = cut(store->owned_bucket);
	if (options->s3_endpoint && !(store->owned_endpoint = plain_endpoint(options->s3_endpoint)))
		return -ENOMEM;
	store->endpoint = store->owned_endpoint;
	/* Amazon's buckets have names of their own in all of its regions. */
	if (asprintf(&store->owned_url, SCHEME "%s%s%s%s%s", store->owned_bucket,
		     store->prefix[0] ? "/" : "", store->prefix, store->endpoint ? " at " : "",
		     store->endpoint ? store->endpoint : "") < 0) {
		store->owned_url = NULL;
		return -ENOMEM;
	}
	store->bucket = store->owned_bucket;
	store->url = store->owned_url;
	store->region = options->s3_region;
	store->ca_file = options->s3_ca_file;
	store->profile = options->s3_profile;
	return 0;
}

errint_t store_options_settle(struct options *options, struct seed_error *error)
{
	struct store_options *store = &options->shared;

	store->wait_offline = strcmp(options->offline, "wait") == 0;
	store->cache_bytes = options->cache_size;
	if (!options->store)
		return 0;
	/* Without the engine nobody asks the bucket: one would see what this host happens
	 * to have, and take it for all. A dry run or `sketch` may share: a farm may draw. */
	if (options->ro)
		return seed_error_set(error, EINVAL, "options store and ro: a read-only mount shows its "
				      "state directory, and asks no bucket; leave one of them out");
	if (fill(store, options))
		return seed_error_set(error, ENOMEM, "out of memory");
	return 0;
}

void store_options_release(struct store_options *store)
{
	free(store->owned_bucket);
	free(store->owned_endpoint);
	free(store->owned_url);
	*store = (struct store_options){ 0 };
}
