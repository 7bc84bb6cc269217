#include "lib/sketch/wash.h"

/* The noise above which there is a cloud, by the words of the prompt. */
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

/* The clouds are a ceiling seen from below: near the horizon it is far away, so they are
 * smaller and flatter there. */
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

/* values[0]: how much cloud there is, less towards the horizon. values[1]: how much light
 * it gets, less if there is more cloud in the direction of the light. */
static void cloud(const struct seed_view *view, const struct seed_wash *wash, int64_t x, int64_t y,
		  int values[2])
{
	int least = threshold(view), whole, n, toward;
	int64_t cx, cy, lx;

	values[0] = values[1] = 0;
	if (y >= view->horizon + UNIT / 20)
		return;
	project(view, x, y, &cx, &cy);
	n = density(wash->seed, cx, cy, 6);
	whole = seed_smooth(n, least, least + PERCENT(40));
	values[0] = seed_mul(whole, seed_mul(PERCENT(92),
			     seed_smooth(view->horizon - y, -UNIT / 20, UNIT / 8)));
	if (n < least - PERCENT(10))
		return;
	lx = seed_clamp((view->light_x - x) / 8, -UNIT * 7 / 100, UNIT * 7 / 100);
	toward = density(wash->seed, cx + lx, cy + UNIT * 5 / 100, 4);
	values[1] = seed_clamp((int64_t)(n - toward) * 9 / 4 + PERCENT(60) - whole * 2 / 5, 0, ONE);
}

static struct seed_rgb light_cloud(const struct seed_view *view, struct seed_rgb colour, int64_t x,
				   int64_t y, int lit)
{
	const struct seed_palette *palette = &view->palette;
	int64_t dx = view->light_x - x, dy = view->light_y - y;
	int near = seed_ramp((dx * dx + dy * dy) / UNIT, UNIT * 30 / 100, 0);

	colour = seed_rgb_mix(colour, palette->light, seed_mul(seed_mul(near, near), lit / 2 + ONE / 5));
	return seed_rgb_mix(palette->sky[3], colour,
			    seed_smooth(view->horizon - y, -UNIT / 20, UNIT / 5));
}

void seed_paint_clouds(struct seed_view *view)
{
	const struct seed_wash wash = {
		.find = cloud, .from = view->palette.cloud_shade, .to = view->palette.cloud_lit,
		.light = light_cloud, .seed = view->scene.seed + 300,
	};

	seed_paint_wash(view, &wash, seed_to_pixel(view, view->horizon));
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

static void aurora(const struct seed_view *view, const struct seed_wash *wash, int64_t x, int64_t y,
		   int values[2])
{
	int first = curtain(wash->seed, x, y, view->horizon * 62 / 100);
	int second = curtain(wash->seed + 20, x, y, view->horizon * 42 / 100);

	values[0] = seed_mul(seed_clamp(first + second * 3 / 4, 0, ONE), PERCENT(85));
	values[1] = seed_ramp(y, 0, view->horizon * 48 / 100);
}

void seed_paint_aurora(struct seed_view *view)
{
	const struct seed_wash wash = {
		.find = aurora, .from = seed_rgb_hex(0x8a4fe0), .to = seed_rgb_hex(0x3fe08a),
		.shines = true, .seed = view->scene.seed + 800,
	};

	seed_paint_wash(view, &wash, seed_to_pixel(view, view->horizon));
}
