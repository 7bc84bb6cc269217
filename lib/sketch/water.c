#include "lib/sketch/parts.h"

/* The height of the water's surface at a place. The water is a plane seen from above, so
 * waves are larger and farther apart near the viewer. */
static int waves(const struct seed_view *view, int64_t x, int64_t below)
{
	int64_t far = below + UNIT * 12 / 1000;
	int64_t px = (x - view->width / 2) * (UNIT * 45 / 100) / far;
	int64_t py = (int64_t)UNIT * (UNIT * 110 / 100) / far;

	return seed_fractal(view->scene.seed + 600, px, py * 2, 5);
}

/* The path of light on the waves, under the sun or moon. */
static int glitter(const struct seed_view *view, int64_t x, int64_t below, int wave)
{
	int64_t half = UNIT * 3 / 100 + below * 38 / 100;
	int64_t off = x > view->light_x ? x - view->light_x : view->light_x - x;
	int path = ONE - seed_smooth(off, 0, half * 2);
	int crest = seed_smooth(wave, PERCENT(4) - seed_mul(path, PERCENT(22)), PERCENT(42));

	return seed_mul(seed_mul(path, path), crest);
}

static void paint_water_pixel(struct seed_view *view, int64_t x, int64_t y, int rough)
{
	const struct seed_palette *palette = &view->palette;
	int64_t ux = seed_to_unit(view, x), uy = seed_to_unit(view, y), below = uy - view->horizon;
	int wave = waves(view, ux, below);
	int64_t swing = below * rough / ONE + UNIT * 2 / 1000;
	int64_t from_y = view->horizon - below + wave * swing / ONE * 2;
	int64_t from_x = ux + wave * swing / ONE / 5;
	int near = seed_smooth(below, 0, UNIT - view->horizon);
	struct seed_rgb deep = seed_rgb_mix(palette->land, palette->sky[1], PERCENT(42));
	struct seed_rgb colour;

	if (from_y >= view->horizon)
		from_y = view->horizon - 1;
	colour = seed_canvas_get(&view->canvas, seed_to_pixel(view, from_x), seed_to_pixel(view, from_y));
	/* Looking down, one sees more of the water and less of the sky. */
	colour = seed_rgb_mix(colour, deep, PERCENT(12) + seed_mul(near, PERCENT(48)));
	colour = seed_rgb_scale(colour, PERCENT(96) + wave / 7);
	if (!view->light_hidden)
		colour = seed_rgb_screen(colour, seed_rgb_scale(palette->light,
				seed_mul(glitter(view, ux, below, wave), PERCENT(70))));
	colour = seed_rgb_mix(palette->haze, colour, PERCENT(45) + seed_ramp(below, 0, UNIT / 30) * 55 / 100);
	seed_canvas_set(&view->canvas, x, y, colour);
}

void seed_paint_water(struct seed_view *view)
{
	int rough = view->scene.place == SEED_PLACE_SEA ? PERCENT(55) : PERCENT(16);

	if (seed_view_has(view, SEED_SKETCH_STORM))
		rough += PERCENT(35);
	if (!seed_view_has(view, SEED_SKETCH_WATER))
		return;
	for (int64_t y = seed_to_pixel(view, view->horizon) + 1; y < view->canvas.height; y++)
		for (int64_t x = 0; x < view->canvas.width; x++)
			paint_water_pixel(view, x, y, rough);
}
