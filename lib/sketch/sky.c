#include "lib/sketch/wash.h"

/* Stars in a picture of 16:9. */
#define STARS 1500

static struct seed_rgb gradient(const struct seed_view *view, int64_t y)
{
	static const int stops[] = {0, PERCENT(42), PERCENT(78), ONE};
	int t = seed_ramp(y, 0, view->horizon);
	int i = t < stops[1] ? 0 : t < stops[2] ? 1 : 2;

	return seed_rgb_mix(view->palette.sky[i], view->palette.sky[i + 1],
			    seed_ramp(t, stops[i], stops[i + 1]));
}

/* How strong the glow of the light is at a point: 1 / (1 + (d / size)²). */
static int glow(const struct seed_view *view, int64_t x, int64_t y, int64_t size)
{
	int64_t dx = x - view->light_x, dy = y - view->light_y;
	int64_t d2 = (dx * dx + dy * dy) / UNIT, s2 = size * size / UNIT;

	return (int)(ONE * s2 / (s2 + d2));
}

/* A wide glow that warms the sky and a narrow one around the disc. */
static struct seed_rgb lit_sky(const struct seed_view *view, struct seed_rgb sky, int64_t x, int64_t y)
{
	int64_t wide = view->light_is_moon ? UNIT * 16 / 100 : UNIT * 30 / 100;
	int wide_part = view->light_is_moon ? PERCENT(26) : PERCENT(55);
	struct seed_rgb warm = seed_rgb_mix(view->palette.light, view->palette.sky[3], PERCENT(45));
	int far = glow(view, x, y, wide), near = glow(view, x, y, UNIT * 7 / 100);

	sky = seed_rgb_screen(sky, seed_rgb_scale(warm, seed_mul(seed_mul(far, far), wide_part)));
	/* A hidden moon has no halo. */
	if (view->light_hidden && view->light_is_moon)
		return sky;
	return seed_rgb_screen(sky, seed_rgb_scale(view->palette.light,
						   seed_mul(seed_mul(near, near), PERCENT(60))));
}

static void paint_gradient(struct seed_view *view)
{
	struct seed_canvas *canvas = &view->canvas;

	for (int64_t y = 0; y < canvas->height; y++) {
		int64_t uy = seed_to_unit(view, y);
		struct seed_rgb sky = gradient(view, uy);

		for (int64_t x = 0; x < canvas->width; x++)
			seed_canvas_set(canvas, x, y, lit_sky(view, sky, seed_to_unit(view, x), uy));
	}
}

/* A band of faint light across the sky, with dust in it. */
static void milky_way(const struct seed_view *view, const struct seed_wash *wash, int64_t x,
		      int64_t y, int values[2])
{
	uint32_t seed = wash->seed;
	int64_t lean = UNIT / 4 + seed_chance(seed, 1) * 2;
	int64_t off = y - view->horizon / 3 + (x - view->width / 2) * lean / UNIT +
		      seed_noise(seed, x * 2, y * 2);
	int band = ONE - seed_ramp(off < 0 ? -off : off, 0, UNIT * 24 / 100), dust;

	values[0] = values[1] = 0;
	if (!band)
		return;
	dust = seed_fractal(seed + 5, x * 4, y * 4, 5) + PERCENT(45);
	values[0] = seed_mul(seed_mul(seed_mul(band, band), seed_clamp(dust, 0, ONE)),
			     wash->strength);
}

static void paint_milky_way(struct seed_view *view)
{
	const struct seed_wash wash = {
		.find = milky_way, .from = seed_rgb_hex(0x8fa0d8), .shines = true,
		.seed = view->scene.seed + 900,
		.strength = seed_mul(view->palette.darkness, PERCENT(40)),
	};

	seed_paint_wash(view, &wash, seed_to_pixel(view, view->horizon));
}

static void paint_star(struct seed_view *view, uint32_t hash)
{
	static const uint32_t colours[] = {0xffffff, 0xdfe8ff, 0xfff0dc, 0xc8d8ff};
	int64_t x = seed_chance(hash, 1) * view->width / ONE;
	int64_t y = seed_chance(hash, 2) * view->horizon / ONE;
	int rare = seed_mul(seed_chance(hash, 3), seed_chance(hash, 3));
	int bright = seed_mul(rare, rare), low = ONE - seed_ramp(y, view->horizon / 2, view->horizon);
	int64_t radius = UNIT * 5 / 10000 + bright * (UNIT * 12 / 10000) / ONE;
	int cover = seed_mul(seed_mul(PERCENT(25) + bright * 3 / 4, low), view->palette.darkness);
	struct seed_rgb colour = seed_rgb_hex(colours[hash & 3]);

	seed_canvas_disc(&view->canvas, seed_to_fine(view, x), seed_to_fine(view, y),
			 seed_to_fine(view, radius), colour, cover);
	if (bright > PERCENT(60))
		seed_canvas_disc(&view->canvas, seed_to_fine(view, x), seed_to_fine(view, y),
				 seed_to_fine(view, radius * 4), colour, cover / 9);
}

static void paint_stars(struct seed_view *view)
{
	for (int i = 0; i < STARS; i++)
		paint_star(view, seed_hash(view->scene.seed + 40, i, 0));
}

/* Seas of the moon: a darker noise on its disc. */
static void paint_moon_face(struct seed_view *view)
{
	int64_t r = view->light_radius;
	struct seed_rgb sea = seed_rgb_hex(0x9fa8b8);

	for (int64_t y = seed_to_pixel(view, view->light_y - r);
	     y <= seed_to_pixel(view, view->light_y + r); y++) {
		for (int64_t x = seed_to_pixel(view, view->light_x - r);
		     x <= seed_to_pixel(view, view->light_x + r); x++) {
			int64_t dx = seed_to_unit(view, x) - view->light_x;
			int64_t dy = seed_to_unit(view, y) - view->light_y;
			int64_t d2 = (dx * dx + dy * dy) / UNIT, r2 = r * r / UNIT;
			int n = seed_fractal(view->scene.seed + 7, dx * UNIT / r, dy * UNIT / r, 4);

			if (d2 < r2)
				seed_canvas_blend(&view->canvas, x, y, sea,
						  seed_mul(seed_smooth(n, -PERCENT(5), PERCENT(45)),
							   PERCENT(70)));
		}
	}
}

static void paint_light(struct seed_view *view)
{
	int64_t x = seed_to_fine(view, view->light_x), y = seed_to_fine(view, view->light_y);
	struct seed_rgb disc = seed_rgb_mix(view->palette.light, seed_rgb_hex(0xffffff), PERCENT(45));

	if (view->light_hidden)
		return;
	seed_canvas_disc(&view->canvas, x, y, seed_to_fine(view, view->light_radius), disc, ONE);
	if (view->light_is_moon)
		paint_moon_face(view);
}

static void paint_night(struct seed_view *view)
{
	if (!view->palette.darkness ||
	    seed_view_has(view, SEED_SKETCH_STORM | SEED_SKETCH_RAIN | SEED_SKETCH_FOG))
		return;
	if (view->scene.time == SEED_TIME_NIGHT)
		paint_milky_way(view);
	paint_stars(view);
}

void seed_paint_sky(struct seed_view *view)
{
	paint_gradient(view);
	paint_night(view);
	if (seed_view_has(view, SEED_SKETCH_AURORA))
		seed_paint_aurora(view);
	paint_light(view);
	seed_paint_clouds(view);
}
