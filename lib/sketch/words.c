#include "lib/sketch/words.h"

/* Longer words are cut to this; none of them is listed. */
#define WORD_MAX_BYTES 15

enum kind { KIND_TIME, KIND_PLACE, KIND_FEATURE, KIND_COLOUR };

/* A word that ends with '*' may have one of the endings below. */
static const struct entry {
	const char *words;
	enum kind kind;
	uint32_t value;
} entries[] = {
	{"dawn sunrise morning", KIND_TIME, SEED_TIME_DAWN},
	{"noon midday day* sunny summer*", KIND_TIME, SEED_TIME_NOON},
	{"golden afternoon low", KIND_TIME, SEED_TIME_GOLDEN},
	{"sunset* evening", KIND_TIME, SEED_TIME_SUNSET},
	{"dusk twilight", KIND_TIME, SEED_TIME_DUSK},
	{"night* midnight", KIND_TIME, SEED_TIME_NIGHT},
	{"moon*", KIND_TIME, SEED_TIME_MOON},
	{"mountain* peak* alp* summit* valley*", KIND_PLACE, SEED_PLACE_MOUNTAIN},
	{"hill* meadow* field*", KIND_PLACE, SEED_PLACE_HILLS},
	{"forest* wood* jungle*", KIND_PLACE, SEED_PLACE_FOREST},
	{"desert* dune* sand*", KIND_PLACE, SEED_PLACE_DESERT},
	{"city cities town* street* skyline* skyscraper* neon cyberpunk", KIND_PLACE, SEED_PLACE_CITY},
	{"sea* ocean* beach* coast* wave* island*", KIND_PLACE, SEED_PLACE_SEA},
	{"lake* river* fjord* harbour* harbor* reflection* reflect* water* bay",
	 KIND_FEATURE, SEED_SKETCH_WATER},
	{"tree* pine* fir* fox* deer", KIND_FEATURE, SEED_SKETCH_TREES},
	{"snow* winter* ice icy frozen", KIND_FEATURE, SEED_SKETCH_SNOW},
	{"blizzard", KIND_FEATURE, SEED_SKETCH_SNOW | SEED_SKETCH_STORM},
	{"rain*", KIND_FEATURE, SEED_SKETCH_RAIN | SEED_SKETCH_CLOUDS},
	{"fog* mist* haze", KIND_FEATURE, SEED_SKETCH_FOG},
	{"storm* thunder*", KIND_FEATURE, SEED_SKETCH_STORM | SEED_SKETCH_CLOUDS},
	{"autumn*", KIND_FEATURE, SEED_SKETCH_AUTUMN | SEED_SKETCH_TREES},
	{"cloud*", KIND_FEATURE, SEED_SKETCH_CLOUDS},
	{"overcast", KIND_FEATURE, SEED_SKETCH_CLOUDS | SEED_SKETCH_STORM},
	{"clear", KIND_FEATURE, SEED_SKETCH_CLEAR},
	{"star* galaxy milky", KIND_FEATURE, SEED_SKETCH_STARS},
	{"aurora* northern", KIND_FEATURE, SEED_SKETCH_AURORA | SEED_SKETCH_STARS},
	{"red", KIND_COLOUR, 0xd63a2f},
	{"crimson", KIND_COLOUR, 0xb4122e},
	{"scarlet", KIND_COLOUR, 0xe0341f},
	{"orange", KIND_COLOUR, 0xf08a2c},
	{"amber", KIND_COLOUR, 0xf0a63a},
	{"yellow", KIND_COLOUR, 0xf2d04a},
	{"green", KIND_COLOUR, 0x4f9a5a},
	{"emerald", KIND_COLOUR, 0x1f9d6b},
	{"teal", KIND_COLOUR, 0x1f8a8a},
	{"turquoise", KIND_COLOUR, 0x35b8b0},
	{"cyan", KIND_COLOUR, 0x3cc4d8},
	{"blue", KIND_COLOUR, 0x2f6fd0},
	{"azure", KIND_COLOUR, 0x3f8fe8},
	{"indigo", KIND_COLOUR, 0x3c3a9c},
	{"violet", KIND_COLOUR, 0x7d4fc0},
	{"purple", KIND_COLOUR, 0x8a3fa8},
	{"lavender", KIND_COLOUR, 0xa892d8},
	{"magenta", KIND_COLOUR, 0xc43a9a},
	{"pink", KIND_COLOUR, 0xee8fb0},
	{"rose", KIND_COLOUR, 0xe0809a},
	{"white", KIND_COLOUR, 0xe8ecf0},
	{"grey gray", KIND_COLOUR, 0x8a9098},
	{"black", KIND_COLOUR, 0x20242c},
	{"brown", KIND_COLOUR, 0x8a5f3c},
	{"silver", KIND_COLOUR, 0xb4c0cc},
};

struct reader {
	bool seen[4];
	unsigned colours, sum[3];
	struct seed_sketch_scene *scene;
};

/* With any ending allowed, "season" would be a sea and "start" a star. */
static bool is_ending(const char *text)
{
	static const char *const endings[] = {
		"", "s", "y", "es", "ing", "ed", "en", "al", "ous", "ic", "ine", "time", "light",
		"lit", "side", "shore", "line", "land", "scape", "scapes", "fall", "flakes", "storm",
		"ry",
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(endings); i++)
		if (!strcmp(text, endings[i]))
			return true;
	return false;
}

/* `listed` has `len` bytes. */
static bool matches(const char *word, const char *listed, size_t len)
{
	if (listed[len - 1] == '*')
		return !strncmp(word, listed, len - 1) && is_ending(word + len - 1);
	return strlen(word) == len && !strncmp(word, listed, len);
}

static const struct entry *find(const char *word)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(entries); i++) {
		for (const char *at = entries[i].words; *at; at += strspn(at, " ")) {
			size_t len = strcspn(at, " ");

			if (matches(word, at, len))
				return &entries[i];
			at += len;
		}
	}
	return NULL;
}

/* The first time and the first place count; features and colours add up. */
static void apply(struct reader *reader, const struct entry *entry)
{
	switch (entry->kind) {
	case KIND_TIME:
		if (!reader->seen[KIND_TIME])
			reader->scene->time = (enum seed_sketch_time)entry->value;
		break;
	case KIND_PLACE:
		if (!reader->seen[KIND_PLACE])
			reader->scene->place = (enum seed_sketch_place)entry->value;
		break;
	case KIND_FEATURE:
		reader->scene->features |= entry->value;
		break;
	case KIND_COLOUR:
		for (int i = 0; i < 3; i++)
			reader->sum[i] += entry->value >> (16 - 8 * i) & 255;
		reader->colours++;
		break;
	}
	reader->seen[entry->kind] = true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Reads the next word and mixes it into the seed; false at the end. */
static bool next_word(const char **at, char word[WORD_MAX_BYTES + 1], uint32_t *seed)
{
	size_t len = 0;

	while (**at && !is_letter(folded(**at)))
		++*at;
	if (!**at)
		return false;
	for (; is_letter(folded(**at)); ++*at) {
		char c = folded(**at);

		if (len < WORD_MAX_BYTES)
			word[len++] = c;
		*seed = (*seed ^ (unsigned char)c) * 16777619U;
	}
	word[len] = '\0';
	*seed = (*seed ^ ' ') * 16777619U;
	return true;
}

/* What no word decides follows from the seed, and so from all words. */
static void fill_in(struct reader *reader)
{
	static const enum seed_sketch_time times[] = {SEED_TIME_DAWN, SEED_TIME_GOLDEN,
						      SEED_TIME_SUNSET, SEED_TIME_DUSK,
						      SEED_TIME_GOLDEN, SEED_TIME_NOON};
	static const enum seed_sketch_place places[] = {SEED_PLACE_MOUNTAIN, SEED_PLACE_HILLS,
							SEED_PLACE_MOUNTAIN, SEED_PLACE_FOREST};
	struct seed_sketch_scene *scene = reader->scene;
	bool dark = scene->features & (SEED_SKETCH_AURORA | SEED_SKETCH_STARS);

	if (!reader->seen[KIND_TIME])
		scene->time = dark ? SEED_TIME_NIGHT
				   : times[(scene->seed >> 8) % SEED_ARRAY_LEN(times)];
	if (!reader->seen[KIND_PLACE])
		scene->place = places[(scene->seed >> 16) % SEED_ARRAY_LEN(places)];
	if (scene->place == SEED_PLACE_SEA)
		scene->features |= SEED_SKETCH_WATER;
	if (scene->place == SEED_PLACE_FOREST)
		scene->features |= SEED_SKETCH_TREES;
	scene->tinted = reader->colours > 0;
	for (int i = 0; scene->tinted && i < 3; i++)
		scene->tint = scene->tint << 8 | reader->sum[i] / reader->colours;
}

void seed_sketch_read(const char *prompt, struct seed_sketch_scene *scene)
{
	struct reader reader = {.scene = scene};
	char word[WORD_MAX_BYTES + 1];

	*scene = (struct seed_sketch_scene){.seed = 2166136261U};
	for (const char *at = prompt ? prompt : ""; next_word(&at, word, &scene->seed);) {
		const struct entry *entry = find(word);

		if (entry)
			apply(&reader, entry);
	}
	fill_in(&reader);
}
