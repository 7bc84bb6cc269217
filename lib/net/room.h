/*
 * How much memory answers hold, each and together. It counts, and knows nothing of transfers; whoever
 * finds no room waits (net.c).
 *
 * The first SEED_ANSWER_SMALL_BYTES of an answer are always taken. The first SEED_ANSWER_ORDINARY_BYTES
 * of one for which a prompt waits have a pool of their own. What is beyond that has the room of its
 * kind; when that is full, one answer of the kind may go beyond it, so that there is always one that
 * comes to its end.
 */
#ifndef SEED_ROOM_H
#define SEED_ROOM_H

#include "lib/net/net.h"

struct seed_rooms {
	size_t ordinary_bytes, most_ordinary_bytes;
	struct seed_room {
		size_t held_bytes, most_bytes;
		const struct seed_holding *beyond; /* the one that goes on although `most_bytes` is reached */
	} of[SEED_NET_KINDS];
};

/* What one answer holds; its address stays the same while it holds something. */
struct seed_holding {
	enum seed_net_kind kind;
	size_t bytes;
	size_t ordinary_bytes; /* of them: in the pool, or small */
};

void seed_rooms_init(struct seed_rooms *rooms, size_t most_bytes);

/* `len` bytes more; false: there is no room, and nothing is taken. */
bool seed_rooms_take(struct seed_rooms *rooms, struct seed_holding *holding, size_t len) SEED_MUST_CHECK;

/* All that it holds. */
void seed_rooms_give_back(struct seed_rooms *rooms, struct seed_holding *holding);

/* Whether it would take `len` bytes. */
bool seed_rooms_has(const struct seed_rooms *rooms, const struct seed_holding *holding, size_t len);

/* From now on there is room for everything. */
void seed_rooms_lift(struct seed_rooms *rooms);

#endif
