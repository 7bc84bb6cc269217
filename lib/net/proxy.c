#include "lib/net/proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX_BYTES 256

/* The first that is set and not empty. */
static const char *variable(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value && *value)
			return value;
	}
	return NULL;
}

/* An address as bytes; returns their number, or 0 if it is no address. */
static size_t parse_address(const char *text, unsigned char bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return !memcmp(a, b, bytes) && (!rest || !((a[bytes] ^ b[bytes]) >> (8 - rest)));
}

/* "10.0.0.0/8", or an address without a length. */
static bool covers_address(char *entry, const unsigned char *address, size_t len)
{
	char *slash = strchr(entry, '/');
	unsigned char network[16];
	long bits = (long)len * 8;

	if (slash) {
		char *end;

		*slash = '\0';
		bits = strtol(slash + 1, &end, 10);
		if (end == slash + 1 || *end || bits < 0 || bits > (long)len * 8)
			return false;
	}
	return parse_address(entry, network) == len && same_prefix(network, address, (unsigned)bits);
}

static size_t without_dot(const char *name)
{
	size_t len = strlen(name);

	return len && name[len - 1] == '.' ? len - 1 : len;
}

/* The name itself, or the end of one from a dot on. */
static bool covers_name(const char *entry, const char *host)
{
	size_t entry_len, host_len = without_dot(host);

	if (*entry == '.')
		entry++;
	entry_len = without_dot(entry);
	if (!entry_len || entry_len > host_len ||
	    strncasecmp(host + host_len - entry_len, entry, entry_len) != 0)
		return false;
	return entry_len == host_len || host[host_len - entry_len - 1] == '.';
}

static bool is_exempt(const char *host)
{
	static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
	const char *at = variable(names);
	unsigned char address[16];
	size_t address_len = parse_address(host, address);

	if (at && !strcmp(at, "*"))
		return true;
	while (at && *at) {
		char entry[HOST_MAX_BYTES];
		size_t len = strcspn(at, ", ");

		/* An entry that is longer than a name can be covers none. */
		if (len && len < sizeof(entry)) {
			memcpy(entry, at, len);
			entry[len] = '\0';
			if (address_len ? covers_address(entry, address, address_len)
					: covers_name(entry, host))
				return true;
		}
		at += len + (at[len] != '\0');
	}
	return false;
}

/* Scheme and host without an IPv6 address's brackets. */
static bool split(const char *url, bool *is_https, char host[HOST_MAX_BYTES])
{
	char *scheme = NULL, *name = NULL;
	CURLU *parsed = curl_url();
	bool done = false;

	if (parsed && !curl_url_set(parsed, CURLUPART_URL, url, 0) &&
	    !curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(parsed, CURLUPART_HOST, &name, 0)) {
		size_t skipped = *name == '[', len = strlen(name) - 2 * skipped;

		*is_https = !strcasecmp(scheme, "https");
		done = len < HOST_MAX_BYTES;
		if (done)
			snprintf(host, HOST_MAX_BYTES, "%.*s", (int)len, name + skipped);
	}
	curl_free(scheme);
	curl_free(name);
	curl_url_cleanup(parsed);
	return done;
}

const char *seed_proxy_for(const char *url)
{
	static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
					    NULL};
	char host[HOST_MAX_BYTES];
	bool is_https;

	if (!split(url, &is_https, host) || is_exempt(host))
		return NULL;
	return variable(is_https ? https : http);
}
