#include "tests/unit/image_exact.h"
#include "tests/unit/image_make.h"

#include "lib/image/resample.h"
#include "lib/image/sums.h"

enum kind { NOISE, HARD_NOISE, BOARD_1, BOARD_2, BOARD_5, GRADIENT, WHITE, KINDS };

static const char *const kind_names[KINDS] = {"noise", "hard noise", "checkerboard of 1",
					      "checkerboard of 2", "checkerboard of 5",
					      "gradient", "white"};

static uint32_t random_state = 1;

static uint8_t random_byte(void)
{
	random_state = random_state * 1664525U + 1013904223U;
	return (uint8_t)(random_state >> 24);
}

static uint8_t board(uint32_t x, uint32_t y, uint32_t side)
{
	return (x / side + y / side) % 2 ? 255 : 0;
}

static uint8_t sample_of(enum kind kind, const struct seed_pixels *pixels, uint32_t x, uint32_t y,
			 uint32_t channel)
{
	switch (kind) {
	case NOISE:
		return random_byte();
	case HARD_NOISE:
		return random_byte() < 128 ? 0 : 255;
	case BOARD_1:
		return board(x, y + channel, 1);
	case BOARD_2:
		return board(x, y + channel, 2);
	case BOARD_5:
		return board(x, y + channel, 5);
	case GRADIENT:
		return (uint8_t)(channel == 0 ? x * 255 / pixels->width
				 : channel == 1 ? y * 255 / pixels->height
					      : (x + y) * 255 / (pixels->width + pixels->height));
	case WHITE:
	case KINDS:
		break;
	}
	return 255;
}

static void make_kind(struct seed_pixels *pixels, enum kind kind)
{
	for (uint32_t y = 0; y < pixels->height; y++)
		for (uint32_t x = 0; x < pixels->width; x++)
			for (uint32_t c = 0; c < 3; c++)
				seed_pixels_row(pixels, y)[x * 3 + c] =
					sample_of(kind, pixels, x, y, c);
}

/* A picture of noise that holds `part` at 3,2: what is around it must not matter. */
static void embed(struct seed_pixels *whole, const struct seed_pixels *part)
{
	make_pixels(whole, part->width + 7, part->height + 4);
	make_kind(whole, NOISE);
	for (uint32_t y = 0; y < part->height; y++)
		memcpy(seed_pixels_row(whole, y + 2) + 9, seed_pixels_row(part, y),
		       seed_pixels_stride_bytes(part));
}

struct errors {
	double squares, samples;
};

/* Exactly halfway between two values both are right: which one an exact
 * calculation rounds to is up to its last bit. */
static void compare(const struct seed_pixels *got, const double *exact, const char *name,
		    struct errors *errors)
{
	size_t count = (size_t)got->height * got->width * 3;

	for (size_t i = 0; i < count; i++) {
		int error = abs(got->data[i] - (int)lround(exact[i]));

		if (error == 1 && fabs(fabs(got->data[i] - exact[i]) - 0.5) < 1e-6)
			error = 0;
		if (error > 2)
			fail_msg("%s to %ux%u, sample %zu: %d, not %f", name, got->width,
				 got->height, i, got->data[i], exact[i]);
		errors->squares += error * error;
	}
	errors->samples += (double)count;
}

static void check_case(enum kind kind, const uint32_t from[2], const uint32_t to[2],
		       struct errors *errors)
{
	const struct seed_area area = {3, 2, from[0], from[1]};
	struct seed_pixels part, whole, got;
	double *exact;

	make_pixels(&part, from[0], from[1]);
	make_kind(&part, kind);
	embed(&whole, &part);
	make_pixels(&got, to[0], to[1]);
	assert_int_equal(seed_resample(&whole, &area, &got), 0);
	exact = exact_resample(&part, to[0], to[1]);
	compare(&got, exact, kind_names[kind], errors);
	free(exact);
	seed_pixels_release(&part);
	seed_pixels_release(&whole);
	seed_pixels_release(&got);
}

/* Up to twice and more, down to a quarter and less, one side up and the other
 * down, odd, prime, and wider than what is made at a time; no sample is off by
 * more than 2, and over all sizes each kind has 65 dB. */
static void as_exact_as_promised(void **state)
{
	static const struct {
		uint32_t from[2], to[2];
	} cases[] = {
		{{1, 1}, {1, 1}},     {{1, 1}, {7, 5}},      {{3, 3}, {1, 1}},
		{{1, 3}, {2, 6}},     {{3, 1}, {5, 2}},      {{2, 2}, {3, 3}},
		{{3, 5}, {6, 10}},    {{5, 4}, {4, 5}},      {{13, 7}, {3, 2}},
		{{64, 36}, {128, 72}}, {{128, 72}, {64, 36}}, {{97, 61}, {53, 31}},
		{{61, 37}, {97, 59}}, {{127, 71}, {31, 17}}, {{128, 64}, {32, 16}},
		{{350, 9}, {700, 18}}, {{701, 23}, {353, 11}}, {{701, 11}, {180, 23}},
		{{101, 31}, {101, 47}}, {{48, 27}, {64, 36}}, {{997, 3}, {61, 2}},
		{{9, 300}, {5, 20}},  {{40, 40}, {640, 41}},
	};

	SEED_UNUSED(state);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct errors errors = {0};
		double psnr_db;

		for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
			check_case(kind, cases[i].from, cases[i].to, &errors);
		psnr_db = 10 * log10(255 * 255 * errors.samples / (errors.squares + 1e-9));
		if (psnr_db < 65)
			fail_msg("%s: %.1f dB", kind_names[kind], psnr_db);
	}
}

static void weights_add_up_to_one(void **state)
{
	static const uint32_t cases[][2] = {{1, 1},	 {1, 16384},  {16384, 1},     {3, 2},
					    {7, 6},	 {6, 7},      {1024, 2048},   {2048, 1024},
					    {4096, 511}, {997, 1009}, {16384, 16383}, {11, 700}};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_taps taps = {0};

		assert_int_equal(seed_taps_init(&taps, cases[i][0], cases[i][1]), 0);
		for (uint32_t k = 0; k < cases[i][1]; k++) {
			const int16_t *weights = seed_taps_weights(&taps, k);
			int sum = 0;

			for (uint32_t t = 0; t < taps.pairs * 2; t++) {
				sum += weights[t];
				if (taps.starts[k] * 2 + t >= cases[i][0])
					assert_int_equal(weights[t], 0);
			}
			assert_int_equal(sum, 1 << SEED_WEIGHT_BITS);
			assert_true((taps.starts[k] + taps.pairs) * 2 <= cases[i][0] + 1);
			assert_true(k == 0 || taps.starts[k] >= taps.starts[k - 1]);
		}
		seed_taps_release(&taps);
	}
}

enum { COLUMNS = 200, PAIRS = 24, PIXELS = 64 };

/* All of one way's sums: eight rows out of bytes, and pixels out of these. */
static void sum_all(const struct seed_sums *sums, const struct seed_taps *taps, const int16_t *rows,
		    int16_t *columns, uint8_t *pixels)
{
	for (uint32_t i = 0; i * SEED_PIECE < COLUMNS * SEED_LANES * 2; i++)
		sums->down(rows, seed_taps_weights(taps, i % PIXELS), taps->pairs,
			   columns + (size_t)i * SEED_PIECE);
	sums->along(columns, 0, taps, 0, PIXELS, pixels);
}

static void all_ways_agree(void **state)
{
	static const uint32_t from[] = {32, 64, 100, 128, 131, 256, 397};
	static int16_t rows[SEED_PIECE * 2 * PAIRS];
	static int16_t want_columns[(COLUMNS + 3) * SEED_LANES * 2];
	static int16_t columns[SEED_ARRAY_LEN(want_columns)];
	uint8_t want[PIXELS * SEED_LANES], got[PIXELS * SEED_LANES];
	uint32_t ways = 0;

	SEED_UNUSED(state);
	while (seed_sums(ways + 1))
		ways++;
	assert_string_equal(seed_sums(ways)->name, "plain");
	for (size_t i = 0; i < SEED_ARRAY_LEN(from) * 2; i++) {
		struct seed_taps taps = {0};

		/* Noise, and the hardest of noise, which must be clamped. */
		for (size_t k = 0; k < SEED_ARRAY_LEN(rows); k++)
			rows[k] = i % 2 ? random_byte() : random_byte() < 128 ? 0 : 255;
		assert_int_equal(seed_taps_init(&taps, from[i / 2], PIXELS), 0);
		sum_all(seed_sums(ways), &taps, rows, want_columns, want);
		for (uint32_t way = 0; way < ways; way++) {
			memset(columns, 0, sizeof(columns));
			memset(got, 0, sizeof(got));
			sum_all(seed_sums(way), &taps, rows, columns, got);
			assert_memory_equal(columns, want_columns, sizeof(columns));
			assert_memory_equal(got, want, sizeof(got));
		}
		seed_taps_release(&taps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_exact_as_promised),
		cmocka_unit_test(weights_add_up_to_one),
		cmocka_unit_test(all_ways_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
