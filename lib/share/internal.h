/* What the files of an entry's rules share (lib/share/entry.h). */
#ifndef SEED_SHARE_INTERNAL_H
#define SEED_SHARE_INTERNAL_H

#include "lib/share/entry.h"

/* Room for one more, empty; a version has the next number. NULL without memory, or without a
 * number; then what was there stays. */
struct seed_share_row *share_add_row(struct seed_share_entry *entry);
struct seed_share_version *share_add_version(struct seed_share_entry *entry);
/* No version more has a number. */
bool share_is_last(const struct seed_share_entry *entry);
void share_remove_row(struct seed_share_entry *entry, struct seed_share_row *row);
void share_remove_version(struct seed_share_entry *entry, struct seed_share_version *version);
struct seed_share_row *share_find_row(const struct seed_share_entry *entry, const char *id);

bool share_is_of(const struct seed_record *record, const char *id);

/* That generation's image is the current one, or in the history. */
bool share_is_placed(const struct seed_share_entry *entry, const char *id);

/* The one that has the name; NULL: nothing is generated for it. */
struct seed_share_row *share_newest(const struct seed_share_entry *entry);

/* A verified image that nobody has removed. */
bool share_has_image(const struct seed_share_entry *entry);

/* What has left an image, or may yet leave one, is kept, and what `kept` (NULL: nothing) has in
 * flight, too; the rest goes. */
void share_supersede_rows(struct seed_share_entry *entry, const struct seed_share_entry *kept);

/* Under a new lease of this change. */
void share_take(struct seed_share_entry *entry, struct seed_share_row *row,
		const struct seed_share_change *change);

/* Its image, if there is one, is in the history, too. Without pruning. */
errint_t share_retire_current(struct seed_share_entry *entry) SEED_MUST_CHECK;

/* The oldest is forgotten for it. */
errint_t share_add_move(struct seed_share_entry *entry, const char *to, uint64_t serial,
			uint64_t there) SEED_MUST_CHECK;

errint_t share_replace(struct seed_record *to, const struct seed_record *from) SEED_MUST_CHECK;

/* One change more, by change->writer. */
void share_changed(struct seed_share_entry *entry, const struct seed_share_change *change);

#endif
