/*
 * index.html: a gallery of the catalogue on one page, newest first, to open in a
 * browser straight from the mount (file://) or through any web server.
 *
 * The page holds the entries as data (JSON), and a script shows them, a few rows at a
 * time: so ten thousand open in a second. Without scripts, the newest
 * SEED_PAGE_PLAIN_MAX are shown as a plain page. Served over HTTP, the page follows
 * gallery.json, which says what is running and which names have changed
 * since (lib/engine/report.c), and reads records/NAME.json of those names.
 *
 * Nothing comes from elsewhere: links are relative, style and script are in the
 * page, and a Content-Security-Policy allows these two by their hashes and nothing
 * else. Every text of a user is escaped (lib/page/put.h).
 *
 * Reads the state directory; waits for nothing.
 */
#ifndef SEED_PAGE_H
#define SEED_PAGE_H

#include "lib/base/base.h"
#include "lib/base/buf.h"
#include "lib/store/store.h"

enum {
	SEED_PAGE_PLAIN_MAX = 500,
	/* Of each prompt in the data; the record has all of it. */
	SEED_PAGE_PROMPT_MAX_BYTES = 1000,
	/* 10,000 entries with names and prompts of usual lengths are 6 MB. */
	SEED_PAGE_MAX_BYTES = 256 * 1024 * 1024,
};

struct seed_page_config {
	const char *title;       /* the mount's name */
	uint32_t width, height;  /* of an image whose row does not tell */
	bool thumbs;             /* a missing thumbnail is made when it is opened */
};

/* Appends the page to `out`. -EFBIG over SEED_PAGE_MAX_BYTES. */
errint_t seed_page_render(struct seed_store *store, const struct seed_page_config *config,
			  struct seed_buf *out) SEED_MUST_CHECK;

#endif
