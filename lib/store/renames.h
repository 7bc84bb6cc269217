/*
 * A change of the catalogue as a list of renames.
 *
 * Whatever needs space is written beside the catalogue first. The change itself
 * is only renames, so a change that fails can be taken back without space. The
 * list is complete before the first rename, because it depends on which names exist;
 * lanes and the gate keep others from changing them meanwhile.
 *
 * Renames of a stage are durable before the next stage begins. The last rename
 * decides: until it has happened, the change has not, and an error renames everything
 * back. Only the last one may replace an existing file.
 */
#ifndef SEED_STORE_RENAMES_H
#define SEED_STORE_RENAMES_H

#include "lib/store/store.h"


/* The folders of the state directory: enum seed_area, and these. A rename leads
 * from and to those before SEED_PLACE_LOG. */
enum seed_place {
	SEED_PLACE_PENDING = SEED_AREA_COUNT,
	SEED_PLACE_TMP,
	SEED_PLACE_LOG,
	SEED_PLACE_REUSE,
	SEED_PLACE_THUMBS,
	SEED_PLACE_COUNT
};

enum seed_rename_stage {
	SEED_RENAME_ROW,   /* a row out of the way … */
	SEED_RENAME_IMAGE, /* … before its image, so that no version is without its row */
	SEED_RENAME_INTO,
	SEED_RENAME_LAST,
};

struct seed_rename {
	char *from, *to; /* owned */
	int from_place, to_place;
	int stage;
	bool lazy; /* need not be durable */
	bool link; /* the first name stays until the journal's row goes */
};

struct seed_renames {
	struct seed_rename *items;
	size_t count, alloc;
	bool happened; /* the last rename was done */
	bool open;     /* the list could neither be finished nor taken back */
};

errint_t seed_renames_add(struct seed_renames *list, enum seed_rename_stage stage, int from_place,
			  const char *from, int to_place, const char *to) SEED_MUST_CHECK;
void seed_renames_release(struct seed_renames *list);

/* Carries out the list, or takes it back and returns why. Blocks. An error with
 * `happened`: only the last fsync failed. With `open`: a part of it remains done. */
errint_t seed_renames_run(struct seed_store *store, struct seed_renames *list) SEED_MUST_CHECK;

/* Takes back what was done before the last rename. May be repeated, also from the
 * middle and by another process. */
errint_t seed_renames_undo(struct seed_store *store, const struct seed_renames *list)
	SEED_MUST_CHECK;

/* Finishes a list that was cut off if its last rename had happened, else takes it back. */
errint_t seed_renames_settle(struct seed_store *store, const struct seed_renames *list)
	SEED_MUST_CHECK;

/* As JSON; malloc'd, NULL without memory. */
char *seed_renames_format(const struct seed_renames *list);
/* -EBADMSG for anything but such a list, and for one that leads out of the state
 * directory, also through a symbolic link. Release `list` in any case. */
errint_t seed_renames_parse(struct seed_store *store, const char *json, size_t len,
			    struct seed_renames *list) SEED_MUST_CHECK;

#endif
