#include "tests/unit/unit.h"

#include <libdeflate.h>
#include <locale.h>

#include "lib/sketch/sketch.h"
#include "lib/sketch/math.h"
#include "lib/sketch/words.h"

static uint32_t drawn(const char *prompt, uint32_t width, uint32_t height)
{
	struct seed_pixels pixels;
	struct seed_error error;
	uint32_t crc;

	assert_int_equal(seed_sketch(prompt, width, height, &pixels, &error), 0);
	assert_int_equal(pixels.width, width);
	assert_int_equal(pixels.height, height);
	assert_true((uint64_t)width * height < 4 || !seed_pixels_uniform(&pixels));
	crc = libdeflate_crc32(0, pixels.data, (size_t)width * height * 3);
	seed_pixels_release(&pixels);
	return crc;
}

/* The pixels of these prompts, on every machine and for ever: who changes a
 * painter changes these numbers, and says so. */
static void pinned(void **state)
{
	static const struct {
		const char *prompt;
		uint32_t crc;
	} cases[] = {
		{"a red fox in deep snow, low winter sun", 0xb30066ee},
		{"mountain lake at dawn, mist", 0x24906806},
		{"sunset over the ocean", 0x7a014ec3},
		{"city at night in the rain, teal neon", 0xa04ba57a},
		{"desert dunes, golden hour", 0xa152d549},
		{"autumn forest", 0x7fe3520e},
		{"aurora over a frozen fjord", 0x1364f7a2},
		{"moonlit mountains", 0x6d0b758a},
		{"green hills at noon", 0xdf97fef5},
		{"storm over the sea", 0x504d5f80},
		{"purple dusk, milky way", 0x1c89f2fc},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		uint32_t crc = drawn(cases[i].prompt, 256, 144);

		if (crc != cases[i].crc)
			fail_msg("\"%s\" is 0x%08x, not 0x%08x", cases[i].prompt, crc, cases[i].crc);
	}
}

static void same_words_same_picture(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(drawn("A red fox", 160, 90), drawn("a  RED, fox!\n", 160, 90));
	assert_int_equal(drawn(NULL, 160, 90), drawn("", 160, 90));
	assert_int_not_equal(drawn("a red fox", 160, 90), drawn("a red fix", 160, 90));
	assert_int_not_equal(drawn("fox red a", 160, 90), drawn("a red fox", 160, 90));
	setlocale(LC_ALL, "tr_TR.UTF-8");
	assert_int_equal(drawn("NIGHT IN A CITY", 160, 90), drawn("night in a city", 160, 90));
	setlocale(LC_ALL, "C");
}

static void any_size(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1}, {1, 50}, {50, 1}, {3, 2}, {64, 300}, {301, 63}};
	static const char *const prompts[] = {"city at night, rain", "frozen lake, aurora", "autumn fog",
					      "desert", "stormy sea", "mountains, snow, stars"};
	struct seed_pixels pixels;
	struct seed_error error;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(sizes); i++)
		for (size_t p = 0; p < SEED_ARRAY_LEN(prompts); p++)
			drawn(prompts[p], sizes[i][0], sizes[i][1]);
	assert_int_equal(seed_sketch("x", 20000, 1, &pixels, &error), -EBADMSG);
}

static void long_prompts(void **state)
{
	char *prompt = malloc(SEED_PROMPT_MAX_BYTES + 1);

	SEED_UNUSED(state);
	assert_non_null(prompt);
	memset(prompt, 'x', SEED_PROMPT_MAX_BYTES);
	prompt[SEED_PROMPT_MAX_BYTES] = '\0';
	drawn(prompt, 32, 18);
	memset(prompt, 0xff, SEED_PROMPT_MAX_BYTES);
	drawn(prompt, 32, 18);
	free(prompt);
}

static void words(void **state)
{
	static const struct {
		const char *prompt;
		int time, place; /* -1: by the seed */
		unsigned features;
		uint32_t tint;
	} cases[] = {
		{"a red fox in deep snow, low winter sun", SEED_TIME_GOLDEN, -1,
		 SEED_SKETCH_SNOW | SEED_SKETCH_TREES, 0xd63a2f},
		{"SUNSET over the Ocean", SEED_TIME_SUNSET, SEED_PLACE_SEA, SEED_SKETCH_WATER, 0},
		{"the sea at night", SEED_TIME_NIGHT, SEED_PLACE_SEA, SEED_SKETCH_WATER, 0},
		{"moonlit mountains", SEED_TIME_MOON, SEED_PLACE_MOUNTAIN, 0, 0},
		{"city, rain", -1, SEED_PLACE_CITY, SEED_SKETCH_RAIN | SEED_SKETCH_CLOUDS, 0},
		{"misty forest at dawn", SEED_TIME_DAWN, SEED_PLACE_FOREST,
		 SEED_SKETCH_FOG | SEED_SKETCH_TREES, 0},
		{"autumn", -1, -1, SEED_SKETCH_AUTUMN | SEED_SKETCH_TREES, 0},
		{"a storm in the desert at noon", SEED_TIME_NOON, SEED_PLACE_DESERT,
		 SEED_SKETCH_STORM | SEED_SKETCH_CLOUDS, 0},
		{"mountain lake", -1, SEED_PLACE_MOUNTAIN, SEED_SKETCH_WATER, 0},
		{"northern lights", SEED_TIME_NIGHT, -1, SEED_SKETCH_AURORA | SEED_SKETCH_STARS, 0},
		/* The first time and the first place count. */
		{"dawn, night, forest, city", SEED_TIME_DAWN, SEED_PLACE_FOREST, SEED_SKETCH_TREES, 0},
		/* Two colours are mixed. */
		{"red and teal", -1, -1, 0, 0x7a625c},
		/* Words that only begin like others. */
		{"the season to start a search for treason", -1, -1, 0, 0},
		{"", -1, -1, 0, 0},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_sketch_scene scene;
		unsigned by_place;

		seed_sketch_read(cases[i].prompt, &scene);
		by_place = scene.place == SEED_PLACE_FOREST ? SEED_SKETCH_TREES : 0;
		if (cases[i].time >= 0)
			assert_int_equal(scene.time, cases[i].time);
		if (cases[i].place >= 0)
			assert_int_equal(scene.place, cases[i].place);
		assert_int_equal(scene.features, cases[i].features | by_place);
		assert_int_equal(scene.tint, cases[i].tint);
		assert_int_equal(scene.tinted, cases[i].tint != 0);
	}
}

static void arithmetic(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_ramp(5, 0, 10), ONE / 2);
	assert_int_equal(seed_ramp(-5, 0, 10), 0);
	assert_int_equal(seed_ramp(50, 0, 10), ONE);
	assert_int_equal(seed_ramp(2, 10, 0), ONE * 8 / 10);
	assert_int_equal(seed_smooth(5, 0, 10), ONE / 2);
	assert_int_equal(seed_mix(100, 200, ONE / 4), 125);
	assert_int_equal(seed_screen(LIGHT, LIGHT), LIGHT);
	assert_int_equal(seed_screen(0, 77), 77);
	for (int64_t x = -3 * UNIT; x < 3 * UNIT; x += 997) {
		int here = seed_noise(1, x, x * 3 / 2), there = seed_noise(1, x + 60, x * 3 / 2);

		/* Bounded, and without a step, across the lattice, too. */
		assert_true(abs(here) <= ONE * 5 / 4);
		assert_true(abs(here - there) < ONE / 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(words),
		cmocka_unit_test(pinned),
		cmocka_unit_test(same_words_same_picture),
		cmocka_unit_test(any_size),
		cmocka_unit_test(long_prompts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
