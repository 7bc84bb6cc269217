/*
 * Text for browsers, from names and prompts that anybody wrote: HTML, JSON
 * inside of HTML, addresses. A page remembers that it could not grow, so
 * callers need to check only at its end. Pure.
 */
#ifndef SEED_PAGE_PUT_H
#define SEED_PAGE_PUT_H

#include "lib/base/base.h"
#include "lib/base/buf.h"

struct seed_page {
	struct seed_buf buf;
	errint_t err;
};

void seed_page_put(struct seed_page *page, const char *html);
void seed_page_put_bytes(struct seed_page *page, const char *data, size_t len);
/* Numbers, and texts that are not a user's. */
void seed_page_putf(struct seed_page *page, const char *format, ...) SEED_PRINTF(2, 3);

/* One line of at most `max` bytes, as it may stand between tags and in a quoted
 * attribute: files that somebody else put into the
 * state directory make a sound page, too. */
void seed_page_put_line(struct seed_page *page, const char *text, size_t max);

/* A relative address: each part percent-encoded, the slashes between them not. */
void seed_page_put_url(struct seed_page *page, const char *area, const char *name,
		       const char *suffix);

/* A JSON string of at most `max` bytes, in quotes. It holds no '<': nothing in it
 * ends a script element. */
void seed_page_put_json(struct seed_page *page, const char *text, size_t max);

#endif
