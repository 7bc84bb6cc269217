#include "lib/sketch/wash.h"

#define DROPS 1500
#define FLAKES 1300

static void drift(const struct seed_view *view, const struct seed_wash *wash, int64_t x, int64_t y,
		  int values[2])
{
	int band = ONE - seed_smooth(llabs(y - wash->level), 0, wash->depth);
	int mist;

	SEED_UNUSED(view);
	values[0] = values[1] = 0;
	if (!band)
		return;
	mist = PERCENT(55) + seed_fractal(wash->seed, x * 3 / 2, y * 6, 4);
	values[0] = seed_mul(seed_clamp(mist, 0, ONE), seed_mul(wash->strength, band));
}

void seed_paint_fog(struct seed_view *view, int64_t level, int64_t depth, int strength, uint32_t seed)
{
	const struct seed_wash wash = {
		.find = drift, .from = view->palette.haze, .seed = seed,
		.level = level, .depth = depth, .strength = strength,
	};

	seed_paint_wash(view, &wash, view->canvas.height);
}

static void paint_drop(struct seed_view *view, uint32_t hash)
{
	int near = seed_chance(hash, 1);
	int64_t x = seed_chance(hash, 2) * (view->width + UNIT / 5) / ONE;
	int64_t y = seed_chance(hash, 3) * (UNIT + UNIT / 5) / ONE - UNIT / 10;
	int64_t length = UNIT * 2 / 100 + near * (UNIT * 5 / 100) / ONE;
	int64_t half = seed_to_fine(view, UNIT * 3 / 10000 + near * (UNIT * 4 / 10000) / ONE);
	struct seed_rgb colour = seed_rgb_mix(view->palette.haze, seed_rgb_hex(0xffffff), PERCENT(35));

	for (int64_t row = seed_to_pixel(view, y); row < seed_to_pixel(view, y + length); row++) {
		/* Wind: the drop moves to the side by a fifth of its fall. */
		int64_t middle = seed_to_fine(view, x - (seed_to_unit(view, row) - y) / 5);

		if (row >= 0 && row < view->canvas.height)
			seed_canvas_span(&view->canvas, row, middle - half, middle + half, colour,
					 PERCENT(10) + near / 6);
	}
}

static void paint_flake(struct seed_view *view, uint32_t hash)
{
	int near = seed_mul(seed_chance(hash, 1), seed_chance(hash, 1));
	int64_t x = seed_chance(hash, 2) * view->width / ONE;
	int64_t y = (int64_t)seed_chance(hash, 3) * UNIT / ONE;
	int64_t radius = UNIT * 8 / 10000 + seed_mul(near, near) * (UNIT * 38 / 10000) / ONE;
	struct seed_rgb colour = seed_rgb_mix(view->palette.snow_lit, seed_rgb_hex(0xffffff), PERCENT(40));

	seed_canvas_disc(&view->canvas, seed_to_fine(view, x), seed_to_fine(view, y),
			 seed_to_fine(view, radius), colour, PERCENT(80) - near / 2);
}

static void paint_fog_banks(struct seed_view *view)
{
	uint32_t seed = view->scene.seed + 5000;

	seed_paint_fog(view, view->horizon + UNIT * 6 / 100, UNIT * 26 / 100, PERCENT(60), seed);
	seed_paint_fog(view, UNIT * 88 / 100, UNIT * 20 / 100, PERCENT(35), seed + 1);
}

void seed_paint_weather(struct seed_view *view)
{
	uint32_t seed = view->scene.seed + 5100;

	for (int i = 0; seed_view_has(view, SEED_SKETCH_RAIN) && i < DROPS; i++)
		paint_drop(view, seed_hash(seed + 2, i, 0));
	for (int i = 0; seed_view_has(view, SEED_SKETCH_SNOW) && i < FLAKES; i++)
		paint_flake(view, seed_hash(seed + 3, i, 0));
	if (seed_view_has(view, SEED_SKETCH_FOG))
		paint_fog_banks(view);
}
