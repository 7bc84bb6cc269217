#include "tests/unit/image_exact.h"
#include "tests/unit/image_make.h"

#include "lib/image/fit.h"

static void plans(void **state)
{
	static const struct {
		uint32_t width, height;
		const char *name;
		uint32_t x, y, used_width, used_height;
	} cases[] = {
		{2048, 1152, "none", 0, 0, 2048, 1152},
		{4096, 2304, "down", 0, 0, 4096, 2304},
		{1024, 576, "up", 0, 0, 1024, 576},
		{1920, 1080, "up", 0, 0, 1920, 1080},
		{1280, 720, "up", 0, 0, 1280, 720},
		/* 16:9 rounded to whole pixels is no other shape. */
		{1365, 768, "up", 0, 0, 1365, 768},
		{2049, 1153, "down", 0, 0, 2049, 1153},
		{2048, 2048, "crop", 0, 448, 2048, 1152},
		{2048, 1153, "crop", 0, 0, 2048, 1152},
		{2049, 1152, "crop", 0, 0, 2048, 1152},
		{3000, 1152, "crop", 476, 0, 2048, 1152},
		{4096, 4096, "crop+down", 0, 896, 4096, 2304},
		{1024, 1024, "crop+up", 0, 224, 1024, 576},
		{16384, 1152, "crop", 7168, 0, 2048, 1152},
		{1366, 768, "crop+up", 0, 0, 1365, 768},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_fit_plan plan;
		struct seed_error error;

		assert_int_equal(seed_fit_plan(cases[i].width, cases[i].height, 2048, 1152, 2, false,
					       &plan, &error), 0);
		assert_string_equal(plan.name, cases[i].name);
		assert_int_equal(plan.area.x, cases[i].x);
		assert_int_equal(plan.area.y, cases[i].y);
		assert_int_equal(plan.area.width, cases[i].used_width);
		assert_int_equal(plan.area.height, cases[i].used_height);
	}
}

static void refused_plans(void **state)
{
	static const struct {
		uint32_t width, height;
		double max_upscale;
		bool no_upscale;
		const char *message; /* NULL: accepted */
	} cases[] = {
		{360, 360, 2, false,
		 "image not valid: 360x360 is too small for 2048x1152 (largest enlargement 2)"},
		/* Whatever may be enlarged: a thumbnail is none. */
		{360, 360, 6, false,
		 "image not valid: 360x360 is a thumbnail (no side is longer than 360)"},
		{360, 203, 1000, false,
		 "image not valid: 360x203 is a thumbnail (no side is longer than 360)"},
		{1, 360, 1e9, false,
		 "image not valid: 1x360 is a thumbnail (no side is longer than 360)"},
		{361, 361, 6, false, NULL},
		{361, 204, 6, false, NULL},
		{1024, 576, 2, false, NULL},
		{1023, 576, 2, false,
		 "image not valid: 1023x576 is too small for 2048x1152 (largest enlargement 2)"},
		{1023, 575, 2, false,
		 "image not valid: 1023x575 is too small for 2048x1152 (largest enlargement 2)"},
		{1024, 575, 2, false,
		 "image not valid: 1024x575 is too small for 2048x1152 (largest enlargement 2)"},
		{16384, 575, 2, false,
		 "image not valid: 16384x575 is too small for 2048x1152 (largest enlargement 2)"},
		{1, 16384, 2, false,
		 "image not valid: 1x16384 is too small for 2048x1152 (largest enlargement 2)"},
		{1, 1, 2, false,
		 "image not valid: 1x1 is too small for 2048x1152 (largest enlargement 2)"},
		{1366, 768, 1.5, false, NULL},
		{1280, 720, 1.5, false,
		 "image not valid: 1280x720 is too small for 2048x1152 (largest enlargement 1.5)"},
		{2047, 1152, 1, false,
		 "image not valid: 2047x1152 is too small for 2048x1152 (largest enlargement 1)"},
		{2048, 1152, 1, false, NULL},
		{2048, 1152, 2, true, NULL},
		{2048, 1151, 2, true, "image not valid: 2048x1151 is smaller than 2048x1152"},
		{1920, 1080, 2, true, "image not valid: 1920x1080 is smaller than 2048x1152"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_fit_plan plan;
		struct seed_error error;
		errint_t err = seed_fit_plan(cases[i].width, cases[i].height, 2048, 1152,
					     cases[i].max_upscale, cases[i].no_upscale, &plan, &error);

		assert_int_equal(err, cases[i].message ? -EBADMSG : 0);
		if (cases[i].message)
			assert_string_equal(error.message, cases[i].message);
	}
}

/* Who asks for pictures of a thumbnail's size gets them. */
static void small_targets(void **state)
{
	struct seed_fit_plan plan;
	struct seed_error error;

	SEED_UNUSED(state);
	assert_int_equal(seed_fit_plan(360, 360, 360, 202, 2, false, &plan, &error), 0);
	assert_int_equal(seed_fit_plan(180, 101, 360, 202, 2, false, &plan, &error), 0);
	assert_int_equal(seed_fit_plan(360, 202, 361, 203, 2, false, &plan, &error), -EBADMSG);
}

static void fit(struct seed_pixels *pixels, uint32_t width, uint32_t height, const char *name)
{
	struct seed_fit_plan plan;
	struct seed_error error;

	assert_int_equal(seed_fit_plan(pixels->width, pixels->height, width, height, 16, false, &plan,
				       &error), 0);
	assert_string_equal(plan.name, name);
	assert_int_equal(seed_fit(pixels, &plan, width, height, &error), 0);
	assert_int_equal(pixels->width, width);
	assert_int_equal(pixels->height, height);
}

static void exact_size_is_untouched(void **state)
{
	struct seed_pixels pixels;
	const uint8_t *before;

	SEED_UNUSED(state);
	make_pixels(&pixels, 64, 36);
	before = pixels.data;
	fit(&pixels, 64, 36, "none");
	assert_ptr_equal(pixels.data, before);
	seed_pixels_release(&pixels);
}

static void crop_keeps_pixels(void **state)
{
	struct seed_pixels pixels, source;

	SEED_UNUSED(state);
	make_pixels(&source, 64, 50);
	make_pixels(&pixels, 64, 50);
	fit(&pixels, 64, 36, "crop");
	for (uint32_t y = 0; y < 36; y++)
		assert_memory_equal(seed_pixels_row(&pixels, y), seed_pixels_row(&source, y + 7), 64 * 3);
	seed_pixels_release(&pixels);
	make_pixels(&pixels, 64, 50);
	fit(&pixels, 20, 50, "crop");
	for (uint32_t y = 0; y < 50; y++)
		assert_memory_equal(seed_pixels_row(&pixels, y), seed_pixels_row(&source, y) + 22 * 3,
				    20 * 3);
	seed_pixels_release(&pixels);
	seed_pixels_release(&source);
}

/* Noise with hard edges: the worst that a filter can get. */
static void make_hard_pixels(struct seed_pixels *pixels, uint32_t width, uint32_t height)
{
	make_pixels(pixels, width, height);
	for (uint32_t i = 0; i < width * height * 3; i++)
		if (i % 7 < 3)
			pixels->data[i] = (uint8_t)((i * 2654435761U) >> 24);
}

static void resampling_is_lanczos3(void **state)
{
	static const struct {
		uint32_t from[2], to[2];
		const char *name;
	} cases[] = {
		{{32, 18}, {64, 36}, "up"},      {{64, 36}, {32, 18}, "down"},
		{{48, 27}, {64, 36}, "up"},      {{128, 72}, {48, 27}, "down"},
		{{16, 9}, {112, 63}, "up"},      {{100, 100}, {33, 33}, "down"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_pixels source, pixels;
		uint32_t w = cases[i].to[0], h = cases[i].to[1];
		int different = 0;
		double *exact;

		make_hard_pixels(&source, cases[i].from[0], cases[i].from[1]);
		make_hard_pixels(&pixels, cases[i].from[0], cases[i].from[1]);
		fit(&pixels, w, h, cases[i].name);
		exact = exact_resample(&source, w, h);
		for (uint32_t p = 0; p < w * h * 3; p++) {
			int got = pixels.data[p], want = (int)lround(exact[p]);

			different += got != want;
			if (abs(got - want) > 1)
				fail_msg("case %zu at %u,%u: %d, not %d", i, p / 3 % w, p / 3 / w, got,
					 want);
		}
		/* 65 dB, where each difference is of 1. */
		if (20 * log10(255) - 10 * log10((different + 1e-9) / (w * h * 3)) < 65)
			fail_msg("case %zu: %d samples are off by one", i, different);
		free(exact);
		seed_pixels_release(&source);
		seed_pixels_release(&pixels);
	}
}

/* What is cropped away has no influence on what is left. */
static void crop_then_resample(void **state)
{
	struct seed_pixels cropped, whole;

	SEED_UNUSED(state);
	make_hard_pixels(&whole, 80, 60);
	make_hard_pixels(&cropped, 80, 60);
	fit(&cropped, 80, 45, "crop");
	fit(&cropped, 48, 27, "down");
	fit(&whole, 48, 27, "crop+down");
	assert_memory_equal(whole.data, cropped.data, 48 * 27 * 3);
	seed_pixels_release(&cropped);
	seed_pixels_release(&whole);
}

static void one_colour_stays(void **state)
{
	struct seed_pixels pixels;

	SEED_UNUSED(state);
	make_pixels(&pixels, 50, 30);
	memset(pixels.data, 201, 50 * 30 * 3);
	fit(&pixels, 96, 54, "crop+up");
	assert_true(seed_pixels_uniform(&pixels));
	assert_int_equal(pixels.data[0], 201);
	pixels.data[96 * 54 * 3 - 1] ^= 1;
	assert_false(seed_pixels_uniform(&pixels));
	seed_pixels_release(&pixels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(refused_plans),
		cmocka_unit_test(small_targets),
		cmocka_unit_test(exact_size_is_untouched),
		cmocka_unit_test(crop_keeps_pixels),
		cmocka_unit_test(resampling_is_lanczos3),
		cmocka_unit_test(crop_then_resample),
		cmocka_unit_test(one_colour_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
