/*
 * A NAME of a state directory as the entry that hosts share (lib/share/entry.h): made of its
 * files, with the generations' ids that a catalogue does not keep.
 *
 * A picture is believed only if its bytes have the sum that its row says. One without a row
 * (a user may remove records) gets one: what can be told from the file.
 *
 * Blocks on the disk; one thread, while nothing changes the directory.
 */
#ifndef SEED_ADOPT_ENTRY_H
#define SEED_ADOPT_ENTRY_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/share/entry.h"
#include "lib/store/store.h"

struct seed_adopt_picture {
	enum seed_area area;
	char *path;  /* owned; below the area */
	int number;  /* of the version; 0: the current image */
	bool is_bad; /* its bytes are not the row's */
};

/* Is told of each picture that is left out, in one line. */
struct seed_adopt_report {
	void (*say)(void *context, const char *line);
	void *context;
};

struct seed_adopt_entry {
	struct seed_share_entry entry; /* never written: serial 0 */
	struct seed_adopt_picture *pictures; /* owned, each */
	size_t count;
	int made_rows; /* pictures that had none */
	int left_out;  /* pictures that are no image of seedfs, or another row's */
	const struct seed_adopt_report *report; /* borrowed */
};

/* Release `entry` in any case. -EBADMSG with a line: NAME cannot be copied as it is, others
 * can; other errors (-EIO, -ENOMEM …) have a line, too. */
errint_t seed_adopt_entry_read(struct seed_store *store, const char *name,
			       const struct seed_adopt_report *report, struct seed_adopt_entry *entry,
			       struct seed_error *error) SEED_MUST_CHECK;
void seed_adopt_entry_release(struct seed_adopt_entry *entry);

/* The picture's row, in `entry`. */
const struct seed_record *seed_adopt_row_of(const struct seed_adopt_entry *entry,
					    const struct seed_adopt_picture *picture);

/* Reads it and compares the sum: *data is malloc'd and the caller's. -EBADMSG with a line: it is
 * damaged; and as above. */
errint_t seed_adopt_picture_load(const struct seed_store *store, const struct seed_adopt_entry *entry,
				 const struct seed_adopt_picture *picture, char **data,
				 size_t *bytes, struct seed_error *error) SEED_MUST_CHECK;

/* What is bad is no part of the entry any more, and was left out. */
void seed_adopt_entry_drop_bad(struct seed_adopt_entry *entry);

/* Whether nothing is there: all of it was bad. */
bool seed_adopt_entry_is_empty(const struct seed_adopt_entry *entry);

/* Whether `there` has all that `entry` has: the same text and the same images. Ids do not
 * count, for each run makes new ones. Pure. */
bool seed_adopt_entry_is_in(const struct seed_adopt_entry *entry, const struct seed_share_entry *there);

#endif
