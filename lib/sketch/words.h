/*
 * What the words of a prompt say about a landscape. Pure; ASCII case folding
 * only, whatever the locale is.
 */
#ifndef SEED_SKETCH_WORDS_H
#define SEED_SKETCH_WORDS_H

#include "lib/base/base.h"

enum seed_sketch_time {
	SEED_TIME_DAWN, SEED_TIME_NOON, SEED_TIME_GOLDEN, SEED_TIME_SUNSET, SEED_TIME_DUSK,
	SEED_TIME_NIGHT, SEED_TIME_MOON, SEED_TIME_COUNT,
};

enum seed_sketch_place {
	SEED_PLACE_MOUNTAIN, SEED_PLACE_HILLS, SEED_PLACE_FOREST, SEED_PLACE_DESERT,
	SEED_PLACE_CITY, SEED_PLACE_SEA, SEED_PLACE_COUNT,
};

/* Any of these, together. */
enum {
	SEED_SKETCH_SNOW = 1 << 0,
	SEED_SKETCH_RAIN = 1 << 1,
	SEED_SKETCH_FOG = 1 << 2,
	SEED_SKETCH_STORM = 1 << 3,
	SEED_SKETCH_AUTUMN = 1 << 4,
	SEED_SKETCH_CLOUDS = 1 << 5,
	SEED_SKETCH_CLEAR = 1 << 6,
	SEED_SKETCH_WATER = 1 << 7,
	SEED_SKETCH_TREES = 1 << 8,
	SEED_SKETCH_AURORA = 1 << 9,
	SEED_SKETCH_STARS = 1 << 10,
};

struct seed_sketch_scene {
	enum seed_sketch_time time;
	enum seed_sketch_place place;
	unsigned features;
	bool tinted;
	uint32_t tint; /* 0xrrggbb: the colours named, mixed */
	uint32_t seed; /* of everything that no word decides */
};

void seed_sketch_read(const char *prompt, struct seed_sketch_scene *scene);

#endif
