/*
 * URLs: what may be shown of them, and where they may lead.
 * Parsing is curl's URL API (urlapi(3)). Pure functions, any thread.
 */
#ifndef SEED_URL_H
#define SEED_URL_H

#include "lib/base/base.h"

struct sockaddr;

/* http or https with a host, valid UTF-8 without spaces, control characters and what
 * turns the direction of a text, at most SEED_URL_MAX_BYTES: 0, else -EINVAL. A
 * user:password@ is refused, too. -ENOMEM: unknown. */
errint_t seed_url_check(const char *url) SEED_MUST_CHECK;

/* The URL that a service meant: without white space around it, spaces and control
 * characters percent-encoded, "/path" and "//host/path" completed by `base` (may be
 * NULL). malloc'd; NULL for what does not pass seed_url_check() even so, and
 * without memory. */
char *seed_url_tidy(const char *base, const char *text);

/* The URL as the log may show it: without user info, query and fragment
 * ("?…" stands where a query was). Returns a malloc'd string (caller frees),
 * NULL only without memory; "(invalid URL)" for what does not parse. */
char *seed_url_redacted(const char *url);

/* Replaces secrets in a service's message by '*' characters, in place: every
 * occurrence of `key` (may be NULL or empty), also where characters of it are escaped as
 * in JSON or a URL; the beginning of the key at the end of the text (a message that was
 * cut); and the user:password@ and the query of each URL of any scheme or none
 * ("//host/p?sig=x"). */
void seed_url_scrub(char *text, const char *key);

/* The same for every occurrence of `key` in bytes that are not text yet: what a parser
 * makes of them holds no key. */
void seed_url_scrub_bytes(char *data, size_t len, const char *key);

/* Same scheme, host (case-insensitively) and port (defaults filled in). -ENOMEM:
 * unknown, and *same is false. */
errint_t seed_url_same_host(const char *a, const char *b, bool *same) SEED_MUST_CHECK;

/* Loopback, private, link-local, shared (100.64/10), unspecified, multicast
 * or reserved, IPv4 and IPv6 including v4-mapped, NAT64 and 6to4 forms of them. */
bool seed_url_address_is_private(const struct sockaddr *address);

/* The same for an address as text (127.0.0.1, fe80::1%eth0); true for anything else. */
bool seed_url_text_is_private(const char *address);

/* Whether the URL's host is written as such an address, or is "localhost" or ends in
 * ".localhost". Names are not resolved. */
bool seed_url_host_is_private(const char *url);

/* Percent-encodes one component (RFC 3986 unreserved kept); malloc'd. */
char *seed_url_encode(const char *text);

#endif
