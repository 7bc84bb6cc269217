#include "lib/base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/text.h"

/* NULL if it does not parse; *no_memory tells why. Free with curl_url_cleanup. */
static CURLU *parse(const char *url, bool *no_memory)
{
	CURLU *parsed = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;

	if (parsed)
		code = curl_url_set(parsed, CURLUPART_URL, url, 0);
	if (no_memory)
		*no_memory = code == CURLUE_OUT_OF_MEMORY;
	if (code == CURLUE_OK)
		return parsed;
	curl_url_cleanup(parsed);
	return NULL;
}

/* A part of the URL, NULL where it has none. Free with curl_free. */
static char *get(CURLU *parsed, CURLUPart part)
{
	char *text = NULL;

	/* The flag adds the scheme's port where the URL has none. */
	if (curl_url_get(parsed, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return NULL;
	return text;
}

static bool has(CURLU *parsed, CURLUPart part)
{
	char *text = get(parsed, part);
	bool found = text != NULL;

	curl_free(text);
	return found;
}

static bool is_web(CURLU *parsed)
{
	char *scheme = get(parsed, CURLUPART_SCHEME);
	bool web = scheme && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);

	curl_free(scheme);
	return web;
}

/* curl checks for control characters, too, but newer versions accept some in parts of a
 * URL; and what a record shows must be UTF-8. */
static bool is_clean(const char *url, size_t len)
{
	if (seed_text_utf8_prefix(url, len, NULL) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] == ' ' || seed_text_odd_bytes(url + i, len - i))
			return false;
	return true;
}

errint_t seed_url_check(const char *url)
{
	size_t len = strnlen(url, SEED_URL_MAX_BYTES + 1);
	CURLU *parsed;
	bool good;

	if (len > SEED_URL_MAX_BYTES || !is_clean(url, len))
		return -EINVAL;
	errno = 0;
	parsed = parse(url, NULL);
	good = parsed && is_web(parsed) && has(parsed, CURLUPART_HOST) &&
	       !has(parsed, CURLUPART_USER) && !has(parsed, CURLUPART_PASSWORD);
	curl_url_cleanup(parsed);
	/* Without memory for a part, the URL does not lack that part. */
	if (errno == ENOMEM)
		return -ENOMEM;
	return good ? 0 : -EINVAL;
}

/* A copy without white space around it, and with spaces and control characters as %XX. */
static char *encode_white(const char *text)
{
	size_t len;
	char *out, *to;

	while (isspace((unsigned char)*text))
		text++;
	len = strnlen(text, SEED_URL_MAX_BYTES + 1);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	out = to = malloc(3 * len + 1);
	for (size_t i = 0, odd = 0; out && i < len; i++) {
		if (!odd)
			odd = text[i] == ' ' ? 1 : seed_text_odd_bytes(text + i, len - i);
		if (odd)
			to += snprintf(to, 4, "%%%02X", (unsigned char)text[i]);
		else
			*to++ = text[i];
		odd -= odd > 0;
	}
	if (out)
		*to = '\0';
	return out;
}

/* Resolves `relative` as a browser does on the page `base`; malloc'd or NULL. */
static char *resolve(const char *base, const char *relative)
{
	CURLU *parsed = base ? parse(base, NULL) : NULL;
	char *url = NULL, *copy = NULL;

	if (parsed && curl_url_set(parsed, CURLUPART_URL, relative, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_URL, &url, 0) == CURLUE_OK)
		copy = strdup(url);
	curl_free(url);
	curl_url_cleanup(parsed);
	return copy;
}

char *seed_url_tidy(const char *base, const char *text)
{
	char *url = encode_white(text);

	if (url && *url == '/') {
		char *whole = resolve(base, url);

		free(url);
		url = whole;
	}
	if (url && seed_url_check(url) == 0)
		return url;
	free(url);
	return NULL;
}

/* The URL without some of its parts; NULL if it does not parse, or without memory. Free
 * with curl_free. */
static char *without(const char *url, const CURLUPart *parts, size_t count, unsigned flags,
		     bool *no_memory)
{
	CURLU *parsed = parse(url, no_memory);
	char *text = NULL;

	for (size_t i = 0; parsed && i < count; i++)
		curl_url_set(parsed, parts[i], NULL, 0);
	if (parsed)
		*no_memory = curl_url_get(parsed, CURLUPART_URL, &text, flags) ==
			     CURLUE_OUT_OF_MEMORY;
	curl_url_cleanup(parsed);
	return text;
}

char *seed_url_redacted(const char *url)
{
	static const CURLUPart secret[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					   CURLUPART_QUERY, CURLUPART_FRAGMENT};
	bool no_memory, had_query = url[strcspn(url, "?#")] == '?';
	char *shown = without(url, secret, SEED_ARRAY_LEN(secret), 0, &no_memory), *result;

	if (!shown)
		return no_memory ? NULL : strdup("(invalid URL)");
	if (asprintf(&result, "%s%s", shown, had_query ? "?…" : "") < 0)
		result = NULL;
	curl_free(shown);
	return result;
}

/* Anything shorter is no key, and would hide half of every message. */
#define SCRUBBED_KEY_MIN_BYTES 4

/* The most backslashes that one escape begins with: JSON in JSON in JSON. */
#define BACKSLASHES_MAX 4
#define JSON_MAX_BYTES (BACKSLASHES_MAX + 5)
#define SPELLING_MAX_BYTES (3 * JSON_MAX_BYTES)

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits; -1: they are none. */
static int code_unit(const char *text)
{
	int value = 0, digit;

	for (int i = 0; i < 4; i++) {
		digit = hex_value(text[i]);
		if (digit < 0)
			return -1;
		value = 16 * value + digit;
	}
	return value;
}

/* How many bytes are one character as JSON writes it, and which it is; 0: the text ends in it. */
static size_t json_bytes(const char *text, size_t len, int *c)
{
	size_t at = 0;

	while (at < len && at < BACKSLASHES_MAX && text[at] == '\\')
		at++;
	if (at == len)
		return 0;
	*c = at && text[at] == 'u' && len - at >= 5 ? code_unit(text + at + 1) : -1;
	if (*c >= 0)
		return at + 5;
	*c = (unsigned char)text[at];
	return at + 1;
}

/* The same of %XX, each of whose characters JSON may have written; 0: it is no such. */
static size_t percent_bytes(const char *text, size_t len, int *c)
{
	int unit[3];
	size_t at = 0, bytes;

	for (int i = 0; i < 3; i++) {
		bytes = json_bytes(text + at, len - at, &unit[i]);
		if (!bytes || (i == 0 ? unit[i] != '%' : hex_value(unit[i]) < 0))
			return 0;
		at += bytes;
	}
	*c = 16 * hex_value(unit[1]) + hex_value(unit[2]);
	return at;
}

/* How many bytes spell the character `c` here: `c` itself, %XX, the backslashes of JSON and
 * then `c` or uXXXX, or %XX in these. 0: this is another character. */
static size_t spelling_bytes(const char *text, size_t len, char c)
{
	size_t bytes;
	int got;

	bytes = percent_bytes(text, len, &got);
	if (bytes && got == (unsigned char)c)
		return bytes;
	if (text[0] == c)
		return 1;
	bytes = json_bytes(text, len, &got);
	return bytes && got == (unsigned char)c ? bytes : 0;
}

/* How many bytes spell the key, or its beginning, here; *chars: how many of its characters.
 * A spelling that the end of the text cuts off counts. */
static size_t spelled_bytes(const char *text, size_t len, const char *key, size_t *chars)
{
	size_t at = 0, bytes;

	for (*chars = 0; key[*chars] && at < len; (*chars)++) {
		bytes = spelling_bytes(text + at, len - at, key[*chars]);
		if (!bytes)
			return len - at < SPELLING_MAX_BYTES && strchr("%\\", text[at]) ? len : at;
		at += bytes;
	}
	return at;
}

/* Hides the key in any spelling. `cut`: also its beginning at the end of the text. */
static void scrub_key(char *text, size_t len, const char *key, bool cut)
{
	static const char run[BACKSLASHES_MAX + 1] = { '\\', '\\', '\\', '\\', '\\' };
	size_t key_len = key ? strlen(key) : 0, chars, bytes;
	char *at = text, *end = text + len;

	if (key_len < SCRUBBED_KEY_MIN_BYTES)
		return;
	while (at < end) {
		/* In a long run of backslashes, only the last ones can begin an escape. */
		if ((*at != *key && *at != '\\' && *at != '%') ||
		    (end - at > BACKSLASHES_MAX && memcmp(at, run, sizeof(run)) == 0)) {
			at++;
			continue;
		}
		bytes = spelled_bytes(at, (size_t)(end - at), key, &chars);
		if (chars == key_len ||
		    (cut && at + bytes == end && chars >= SCRUBBED_KEY_MIN_BYTES))
			memset(at, '*', bytes);
		else
			bytes = 1;
		at += bytes;
	}
	/* A key that itself looks like an escape ("%25"), taken literally. */
	while ((text = memmem(text, (size_t)(end - text), key, key_len)) != NULL) {
		memset(text, '*', key_len);
		text += key_len;
	}
}

/* The length of the "//" in front of a host, also as JSON may escape it; 0: none. */
static size_t slashes(const char *text)
{
	if (text[0] == '/' && text[1] == '/')
		return 2;
	return strncmp(text, "\\/\\/", 4) == 0 ? 4 : 0;
}

#define URL_ENDS " \t\n\v\f\r\"'`)>"

/* user:password in front of the host. */
static void scrub_user(char *host)
{
	size_t len = strcspn(host, URL_ENDS "/\\?#");

	while (len && host[len - 1] != '@')
		len--;
	if (len)
		memset(host, '*', len - 1);
}

/* URLs of any scheme, or of none. A fragment is hidden if it holds values. */
void seed_url_scrub(char *text, const char *key)
{
	scrub_key(text, strlen(text), key, true);
	while (*text) {
		size_t len = slashes(text);
		char *secret;

		if (!len) {
			text++;
			continue;
		}
		scrub_user(text + len);
		secret = text + len + strcspn(text + len, URL_ENDS "?#");
		len = strcspn(secret, URL_ENDS);
		if (*secret == '?' || memchr(secret, '=', len))
			memset(secret, '*', len);
		text = secret + len;
	}
}

void seed_url_scrub_bytes(char *data, size_t len, const char *key)
{
	scrub_key(data, len, key, false);
}

/* "scheme://host:port", with the scheme's port if the URL has none. */
static char *origin(const char *url, bool *no_memory)
{
	static const CURLUPart others[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					   CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT};

	return without(url, others, SEED_ARRAY_LEN(others), CURLU_DEFAULT_PORT, no_memory);
}

errint_t seed_url_same_host(const char *a, const char *b, bool *same)
{
	bool no_memory_a, no_memory_b;
	char *of_a = origin(a, &no_memory_a), *of_b = origin(b, &no_memory_b);

	*same = of_a && of_b && strcasecmp(of_a, of_b) == 0;
	curl_free(of_a);
	curl_free(of_b);
	return no_memory_a || no_memory_b ? -ENOMEM : 0;
}

/* The IPv4 networks that are nobody's public addresses (IANA's special-purpose
 * registry). */
static const struct network {
	unsigned char prefix[4];
	int bits;
} private_networks[] = {
	{{0, 0, 0, 0}, 8},      /* this host */
	{{10, 0, 0, 0}, 8},
	{{100, 64, 0, 0}, 10},  /* shared, RFC 6598 */
	{{127, 0, 0, 0}, 8},
	{{169, 254, 0, 0}, 16}, /* link-local: clouds' metadata services */
	{{172, 16, 0, 0}, 12},
	{{192, 0, 0, 0}, 24},   /* protocol assignments */
	{{192, 0, 2, 0}, 24},   /* documentation, as are the other two */
	{{192, 88, 99, 0}, 24}, /* 6to4 relays, withdrawn */
	{{192, 168, 0, 0}, 16},
	{{198, 18, 0, 0}, 15},  /* benchmarks */
	{{198, 51, 100, 0}, 24},
	{{203, 0, 113, 0}, 24},
	{{224, 0, 0, 0}, 3},    /* multicast, reserved, broadcast */
};

static uint32_t ipv4_number(const unsigned char bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool ipv4_is_private(const unsigned char bytes[4])
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(private_networks); i++) {
		const struct network *network = &private_networks[i];
		uint32_t differs = ipv4_number(bytes) ^ ipv4_number(network->prefix);

		if (differs >> (32 - network->bits) == 0)
			return true;
	}
	return false;
}

static bool ipv6_is_private(const unsigned char bytes[16])
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const unsigned char documentation[4] = {0x20, 0x01, 0x0d, 0xb8};

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0 || memcmp(bytes, nat64, sizeof(nat64)) == 0)
		return ipv4_is_private(bytes + 12);
	/* Global addresses are 2000::/3. The rest has ::1, fc00::/7, fe80::/10, ff00::/8,
	 * local NAT64 prefixes, and what is not assigned. */
	if ((bytes[0] & 0xe0) != 0x20)
		return true;
	if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
		return ipv4_is_private(bytes + 2);
	/* 2001::/23, protocols' own (Teredo hides an IPv4 address). */
	if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 2)
		return true;
	if (bytes[0] == 0x3f && bytes[1] == 0xff && bytes[2] < 0x10) /* documentation */
		return true;
	return memcmp(bytes, documentation, sizeof(documentation)) == 0;
}

bool seed_url_address_is_private(const struct sockaddr *address)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&ipv4, address, sizeof(ipv4));
		return ipv4_is_private((const unsigned char *)&ipv4.sin_addr);
	case AF_INET6:
		memcpy(&ipv6, address, sizeof(ipv6));
		return ipv6_is_private(ipv6.sin6_addr.s6_addr);
	default:
		return true; /* not of the Internet */
	}
}

bool seed_url_text_is_private(const char *address)
{
	unsigned char ipv4[4], ipv6[16];
	char text[INET6_ADDRSTRLEN];

	/* A link-local address may end with its link: fe80::1%eth0. */
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(address, "%"), address);
	if (inet_pton(AF_INET, text, ipv4) == 1)
		return ipv4_is_private(ipv4);
	return inet_pton(AF_INET6, text, ipv6) != 1 || ipv6_is_private(ipv6);
}

static bool host_is_private(char *host)
{
	static const char local[] = "localhost";
	const size_t local_len = sizeof(local) - 1;
	size_t len = strlen(host);
	unsigned char ipv6[16];
	struct in_addr ipv4;

	if (len && host[len - 1] == '.')
		host[--len] = '\0';
	if (len > 2 && host[0] == '[') {
		host[len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, ipv6) == 1 && ipv6_is_private(ipv6);
	}
	/* The resolver also reads numbers like 127.1 and 0x7f000001. */
	if (inet_aton(host, &ipv4))
		return ipv4_is_private((const unsigned char *)&ipv4);
	return len >= local_len && strcasecmp(host + len - local_len, local) == 0 &&
	       (len == local_len || host[len - local_len - 1] == '.');
}

bool seed_url_host_is_private(const char *url)
{
	CURLU *parsed = parse(url, NULL);
	char *host = parsed ? get(parsed, CURLUPART_HOST) : NULL;
	bool private = host && host_is_private(host);

	curl_free(host);
	curl_url_cleanup(parsed);
	return private;
}

char *seed_url_encode(const char *text)
{
	char *encoded = curl_easy_escape(NULL, text, 0);
	char *copy = encoded ? strdup(encoded) : NULL;

	curl_free(encoded);
	return copy;
}
