/*
 * What a gallery shows: the images of the catalogue, and the prompts that are
 * being generated or have failed, newest first. A walk looks at no more than
 * SEED_PAGE_LOOKED_MAX files and folders of each area.
 */
#ifndef SEED_PAGE_ENTRIES_H
#define SEED_PAGE_ENTRIES_H

#include <time.h>

#include "lib/base/base.h"
#include "lib/store/store.h"

enum { SEED_PAGE_LOOKED_MAX = 20000, SEED_PAGE_ENTRIES_MAX = 10000 };

struct seed_page_entry {
	char *name; /* owned */
	struct timespec time; /* an image's: when it was verified; else the row's */
	bool has_image;
};

struct seed_page_entries {
	struct seed_page_entry *list; /* owned */
	size_t count, alloc;
	size_t images; /* also of those beyond the maximum */
	bool cut;      /* there are more files than were looked at */
};

/* Release it in any case. */
errint_t seed_page_entries_read(struct seed_store *store, struct seed_page_entries *entries)
	SEED_MUST_CHECK;
void seed_page_entries_release(struct seed_page_entries *entries);

#endif
