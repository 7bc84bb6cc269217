/*
 * The places of one name's images, and what stands in them beside what the shared store
 * says: images/NAME.png with its row is one slot, each version another. For mirror.c alone;
 * plain data of one disk thread. All but seed_slots_survey() are for slots that it has found.
 */
#ifndef SEED_STORE_SLOTS_H
#define SEED_STORE_SLOTS_H

#include <sys/stat.h>

#include "lib/store/store.h"

/* Some file systems keep times in seconds, or in two. */
#define SEED_SLOT_COARSE_MS 2000

struct seed_slot {
	int number;                     /* of the version; 0: the current image */
	const struct seed_record *want; /* NULL: no row, no image */
	bool want_image, want_row;
	bool has_image; /* something that is no folder */
	bool right, row_right, time_right;
	bool done;
	struct stat st;                  /* of the image */
	char sha256[SEED_SHA256_HEX_BYTES]; /* of a picture that is here and may be of use, or "" */
};

/* Its slots: the current one, the wanted versions, others. */
struct seed_slots {
	struct seed_store *store;
	const char *name;
	const struct seed_mirror *mirror;
	struct seed_slot *slots; /* owned; room for as many again */
	size_t count;
	bool prompt_right, prompt_time_right;
	bool changed;
};

enum seed_area seed_slot_image_area(const struct seed_slot *slot);
enum seed_area seed_slot_row_area(const struct seed_slot *slot);
/* Of the image, or of its row. -ENAMETOOLONG. */
errint_t seed_slot_path(const struct seed_slots *m, const struct seed_slot *slot, bool row,
			char path[SEED_STORE_PATH_BYTES]) SEED_MUST_CHECK;

/* How far the image's time is from that. */
int64_t seed_slot_off_ms(const struct seed_slot *slot, int64_t wall_ms);
/* The bytes are here. */
bool seed_slot_is_picture(const struct seed_slot *slot);

/* slot->sha256, by the row beside the image, else by its bytes. That of a placeholder is what the
 * row says, or unknown. */
errint_t seed_slot_identify(struct seed_slots *m, struct seed_slot *slot) SEED_MUST_CHECK;

/* The row as it is stored. malloc'd; NULL without memory. */
char *seed_slot_row_text(const struct seed_slots *m, const struct seed_record *record);

/* Looks at everything. *same: nothing is to be done. -EISDIR, -ENOTDIR: somebody's folder or
 * file is in the way. Free m->slots in any case. */
errint_t seed_slots_survey(struct seed_slots *m, bool *same) SEED_MUST_CHECK;

#endif
