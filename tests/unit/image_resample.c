#include "tests/unit/image_exact.h"
#include "tests/unit/image_make.h"

#include "lib/image/resample.h"

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
		if (error > 1)
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
 * down, odd and prime; no sample is off by
 * more than 1, and over all sizes each kind has 75 dB. */
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
		if (psnr_db < 75)
			fail_msg("%s: %.1f dB", kind_names[kind], psnr_db);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_exact_as_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
