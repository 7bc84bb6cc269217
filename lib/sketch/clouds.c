#include "lib/sketch/field.h"

/* How dense the noise must be to be seen as a cloud, by the words. */
static int threshold(const struct seed_view *view)
{
	if (seed_view_has(view, SEED_SKETCH_STORM))
		return -PERCENT(52);
	if (seed_view_has(view, SEED_SKETCH_CLOUDS | SEED_SKETCH_RAIN))
		return -PERCENT(22);
	if (seed_view_has(view, SEED_SKETCH_CLEAR))
		return PERCENT(34);
	if (view->palette.darkness > PERCENT(60))
		return PERCENT(22);
	return PERCENT(4) + seed_chance(view->scene.seed, 31) / 8;
}

/* The ceiling of clouds seen from below: what is near the horizon is far away,
 * so smaller and flatter. */
static void project(const struct seed_view *view, int64_t x, int64_t y, int64_t *cx, int64_t *cy)
{
	int64_t height = view->horizon - y + UNIT * 16 / 100;

	*cx = (x - view->width / 2) * (UNIT * 95 / 100) / height;
	*cy = (int64_t)UNIT * (UNIT * 75 / 100) / height;
}

static int density(uint32_t seed, int64_t cx, int64_t cy, int octaves)
{
	int64_t wx = cx + seed_noise(seed + 50, cx * 3 / 2, cy * 3 / 2) * 4 / 5;
	int64_t wy = cy + seed_noise(seed + 60, cx * 3 / 2, cy * 3 / 2) * 3 / 5;

	return seed_fractal(seed, wx, wy, octaves);
}

/* How much cloud there is, and how much of the light it has: less where there
 * is more cloud towards the light. */
static void cloud(const struct seed_view *view, int64_t x, int64_t y, uint32_t seed, int values[2])
{
	int least = threshold(view), n, toward;
	int64_t cx, cy, lx;

	values[0] = values[1] = 0;
	if (y >= view->horizon + UNIT / 20)
		return;
	project(view, x, y, &cx, &cy);
	n = density(seed, cx, cy, 6);
	values[0] = seed_smooth(n, least, least + PERCENT(40));
	if (n < least - PERCENT(10))
		return;
	lx = seed_clamp((view->light_x - x) / 8, -UNIT * 7 / 100, UNIT * 7 / 100);
	toward = density(seed, cx + lx, cy + UNIT * 5 / 100, 4);
	values[1] = seed_clamp((int64_t)(n - toward) * 9 / 4 + PERCENT(60) - values[0] * 2 / 5, 0, ONE);
}

static struct seed_rgb cloud_colour(const struct seed_view *view, int64_t x, int64_t y, int lit)
{
	const struct seed_palette *palette = &view->palette;
	int64_t dx = view->light_x - x, dy = view->light_y - y;
	int near = seed_ramp((dx * dx + dy * dy) / UNIT, UNIT * 30 / 100, 0);
	struct seed_rgb colour = seed_rgb_mix(palette->cloud_shade, palette->cloud_lit, lit);

	colour = seed_rgb_mix(colour, palette->light, seed_mul(seed_mul(near, near), lit / 2 + ONE / 5));
	return seed_rgb_mix(palette->sky[3], colour,
			    seed_smooth(view->horizon - y, -UNIT / 20, UNIT / 5));
}

errint_t seed_paint_clouds(struct seed_view *view)
{
	int64_t end = seed_to_pixel(view, view->horizon);
	struct seed_field field;
	errint_t err;

	err = seed_field_init(&field, view, end, cloud, view->scene.seed + 300);
	if (err)
		return err;
	for (int64_t y = 0; y < end; y++) {
		int64_t uy = seed_to_unit(view, y);
		int low = seed_mul(PERCENT(92), seed_smooth(view->horizon - uy, -UNIT / 20, UNIT / 8));

		for (int64_t x = 0; x < view->canvas.width; x++) {
			int values[2];

			seed_field_get(&field, x, y, values);
			if (values[0])
				seed_canvas_blend(&view->canvas, x, y,
						  cloud_colour(view, seed_to_unit(view, x), uy, values[1]),
						  seed_mul(values[0], low));
		}
	}
	seed_field_release(&field);
	return 0;
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

static void aurora(const struct seed_view *view, int64_t x, int64_t y, uint32_t seed, int values[2])
{
	int first = curtain(seed, x, y, view->horizon * 62 / 100);
	int second = curtain(seed + 20, x, y, view->horizon * 42 / 100);

	values[0] = seed_clamp(first + second * 3 / 4, 0, ONE);
	values[1] = seed_ramp(y, 0, view->horizon * 48 / 100);
}

errint_t seed_paint_aurora(struct seed_view *view)
{
	struct seed_rgb green = seed_rgb_hex(0x3fe08a), violet = seed_rgb_hex(0x8a4fe0);
	int64_t end = seed_to_pixel(view, view->horizon);
	struct seed_field field;
	errint_t err;

	err = seed_field_init(&field, view, end, aurora, view->scene.seed + 800);
	if (err)
		return err;
	for (int64_t y = 0; y < end; y++) {
		for (int64_t x = 0; x < view->canvas.width; x++) {
			int values[2];

			seed_field_get(&field, x, y, values);
			if (values[0])
				seed_canvas_shine(&view->canvas, x, y,
						  seed_rgb_mix(violet, green, values[1]),
						  seed_mul(values[0], PERCENT(85)));
		}
	}
	seed_field_release(&field);
	return 0;
}
