/* The fixed parts of the page: its style and its script, from page.css and page.js, and
 * the policy that allows exactly these. */
#ifndef SEED_PAGE_ASSETS_H
#define SEED_PAGE_ASSETS_H

#include "lib/base/base.h"

extern const char seed_page_css[], seed_page_js[]; /* NUL-terminated */

/* "sha256-…" of a text in base64, as Content-Security-Policy wants it. */
#define SEED_PAGE_HASH_BYTES 64
errint_t seed_page_hash(const char *text, char hash[SEED_PAGE_HASH_BYTES]) SEED_MUST_CHECK;

#endif
