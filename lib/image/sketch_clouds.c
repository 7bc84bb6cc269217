#include "lib/image/sketch_parts.h"

#define ONE SEED_SKETCH_ONE
#define UNIT SEED_SKETCH_UNIT
#define PERCENT(n) (SEED_SKETCH_ONE * (n) / 100)

/* How much sky they cover, by the words. */
static int threshold(const struct seed_view *view)
{
	if (seed_view_has(view, SEED_SKETCH_STORM))
		return -PERCENT(45);
	if (seed_view_has(view, SEED_SKETCH_CLOUDS | SEED_SKETCH_RAIN))
		return -PERCENT(18);
	if (seed_view_has(view, SEED_SKETCH_CLEAR))
		return PERCENT(34);
	if (view->palette.darkness > PERCENT(60))
		return PERCENT(22);
	return PERCENT(6) + seed_chance(view->scene.seed, 31) / 8;
}

/* The ceiling of clouds seen from below: what is near the horizon is far away,
 * so smaller and flatter. */
static void project(const struct seed_view *view, int64_t x, int64_t y, int64_t *cx, int64_t *cy)
{
	int64_t height = view->horizon - y + UNIT * 14 / 100;

	*cx = (x - view->width / 2) * (UNIT * 7 / 10) / height;
	*cy = (int64_t)UNIT * (UNIT * 10 / 10) / height;
}

static int density(uint32_t seed, int64_t cx, int64_t cy, int octaves)
{
	int64_t wx = cx + seed_fractal(seed + 50, cx, cy, 2) * 2;
	int64_t wy = cy + seed_fractal(seed + 60, cx, cy, 2) * 2;

	return seed_fractal(seed, wx, wy * 3 / 2, octaves);
}

static void paint_cloud_pixel(struct seed_view *view, int64_t x, int64_t y, int least)
{
	const struct seed_palette *palette = &view->palette;
	uint32_t seed = view->scene.seed + 300;
	int64_t ux = seed_to_unit(view, x), uy = seed_to_unit(view, y), cx, cy;
	int64_t lx = view->light_x > ux ? UNIT * 5 / 100 : -UNIT * 5 / 100;
	int n, toward, cover, lit, near;
	struct seed_rgb colour;

	project(view, ux, uy, &cx, &cy);
	n = density(seed, cx, cy, 6);
	cover = seed_smooth(n, least, least + PERCENT(42));
	if (!cover)
		return;
	toward = density(seed, cx + lx, cy + UNIT * 4 / 100, 4);
	lit = seed_clamp((int64_t)(n - toward) * 2 + PERCENT(58) - cover / 3, 0, ONE);
	near = seed_ramp((view->light_x - ux) * (view->light_x - ux) / UNIT +
			 (view->light_y - uy) * (view->light_y - uy) / UNIT, UNIT * 30 / 100, 0);
	colour = seed_rgb_mix(palette->cloud_shade, palette->cloud_lit, lit);
	colour = seed_rgb_mix(colour, palette->light, seed_mul(seed_mul(near, near), lit / 2 + ONE / 5));
	colour = seed_rgb_mix(palette->sky[3], colour, seed_smooth(view->horizon - uy, -UNIT / 20, UNIT / 5));
	seed_canvas_blend(&view->canvas, x, y, colour,
			  seed_mul(seed_mul(cover, PERCENT(92)),
				   seed_smooth(view->horizon - uy, -UNIT / 20, UNIT / 8)));
}

void seed_paint_clouds(struct seed_view *view)
{
	int least = threshold(view);

	for (int64_t y = 0; y < seed_to_pixel(view, view->horizon) && y < view->canvas.height; y++)
		for (int64_t x = 0; x < view->canvas.width; x++)
			paint_cloud_pixel(view, x, y, least);
}

/* A curtain hangs from a wavering line; its folds are stripes of noise. */
static int curtain(uint32_t seed, int64_t x, int64_t y, int64_t base)
{
	int64_t wave = seed_fractal(seed, x, 0, 3) * 3 / 4;
	int64_t above = base + wave - y;
	int folds = seed_fractal(seed + 9, x * 9 + wave * 6, y / 3, 3) + PERCENT(60);
	int rise = seed_smooth(above, -UNIT * 2 / 100, UNIT * 3 / 100);
	int fall = ONE - seed_ramp(above, 0, UNIT * 38 / 100);

	return seed_mul(seed_mul(rise, seed_mul(fall, fall)), seed_clamp(folds, 0, ONE));
}

void seed_paint_aurora(struct seed_view *view)
{
	struct seed_rgb green = seed_rgb_hex(0x3fe08a), violet = seed_rgb_hex(0x8a4fe0);
	uint32_t seed = view->scene.seed + 800;

	for (int64_t y = 0; y < seed_to_pixel(view, view->horizon); y++) {
		for (int64_t x = 0; x < view->canvas.width; x++) {
			int64_t ux = seed_to_unit(view, x), uy = seed_to_unit(view, y);
			int first = curtain(seed, ux, uy, view->horizon * 62 / 100);
			int second = curtain(seed + 20, ux, uy, view->horizon * 42 / 100);
			int sum = seed_clamp(first + second * 3 / 4, 0, ONE);
			struct seed_rgb colour;

			if (!sum)
				continue;
			colour = seed_rgb_mix(violet, green, seed_ramp(uy, 0, view->horizon * 48 / 100));
			seed_canvas_set(&view->canvas, x, y,
					seed_rgb_screen(seed_canvas_get(&view->canvas, x, y),
							seed_rgb_scale(colour, seed_mul(sum, PERCENT(85)))));
		}
	}
}
