#include "lib/net/room.h"

/* Of the sum: the pool, and the room of each kind. */
#define PARTS 15
#define ORDINARY_PARTS 5
static const size_t parts[SEED_NET_KINDS] = {
	[SEED_NET_ANSWER] = 3, /* which is paid for, and cannot be asked for again */
	[SEED_NET_LOOK] = 1,
	[SEED_NET_IMAGE] = 3,
	[SEED_NET_CALLED] = 1,
	[SEED_NET_STORE] = 1,
	[SEED_NET_STORED] = 1,
};

size_t seed_net_share_bytes(uint64_t memory_bytes)
{
	uint64_t least = memory_bytes / 2;

	if (least > SEED_ANSWERS_ALL_BYTES)
		least = SEED_ANSWERS_ALL_BYTES;
	return memory_bytes / 4 > least ? memory_bytes / 4 : least;
}

void seed_rooms_init(struct seed_rooms *rooms, size_t most_bytes)
{
	*rooms = (struct seed_rooms){ .most_ordinary_bytes = most_bytes / PARTS * ORDINARY_PARTS };
	for (int i = 0; i < SEED_NET_KINDS; i++)
		rooms->of[i].most_bytes = most_bytes / PARTS * parts[i];
}

static bool is_ordinary(const struct seed_rooms *rooms, const struct seed_holding *holding, size_t len)
{
	bool has_prompt = holding->kind == SEED_NET_ANSWER || holding->kind == SEED_NET_IMAGE;

	return holding->bytes + len <= SEED_ANSWER_SMALL_BYTES ||
	       (has_prompt && holding->bytes + len <= SEED_ANSWER_ORDINARY_BYTES &&
		rooms->ordinary_bytes + len <= rooms->most_ordinary_bytes);
}

static bool has_room(struct seed_room *room, const struct seed_holding *holding, size_t len)
{
	if (room->held_bytes + len <= room->most_bytes || room->beyond == holding)
		return true;
	if (room->beyond)
		return false;
	room->beyond = holding;
	return true;
}

bool seed_rooms_take(struct seed_rooms *rooms, struct seed_holding *holding, size_t len)
{
	struct seed_room *room = &rooms->of[holding->kind];

	if (is_ordinary(rooms, holding, len)) {
		holding->ordinary_bytes += len;
		rooms->ordinary_bytes += len;
	} else if (has_room(room, holding, len)) {
		room->held_bytes += len;
	} else {
		return false;
	}
	holding->bytes += len;
	return true;
}

void seed_rooms_give_back(struct seed_rooms *rooms, struct seed_holding *holding)
{
	struct seed_room *room = &rooms->of[holding->kind];

	rooms->ordinary_bytes -= holding->ordinary_bytes;
	room->held_bytes -= holding->bytes - holding->ordinary_bytes;
	if (room->beyond == holding)
		room->beyond = NULL;
	holding->bytes = holding->ordinary_bytes = 0;
}

bool seed_rooms_has(const struct seed_rooms *rooms, const struct seed_holding *holding, size_t len)
{
	const struct seed_room *room = &rooms->of[holding->kind];

	return is_ordinary(rooms, holding, len) || !room->beyond || room->beyond == holding ||
	       room->held_bytes + len <= room->most_bytes;
}

void seed_rooms_lift(struct seed_rooms *rooms)
{
	for (int i = 0; i < SEED_NET_KINDS; i++)
		rooms->of[i].most_bytes = SIZE_MAX / 2;
}
