#include "lib/sketch/parts.h"

#define ROWS 4

struct building {
	int64_t left, right, top; /* coordinates */
	int64_t base, bottom;     /* of the mist's fading, and of the walls */
	int64_t cell_w, cell_h;         /* of a window */
	uint32_t hash;
	int near;
	struct seed_rgb wall, foot;
};

static struct seed_rgb window_colour(const struct seed_view *view, uint32_t hash)
{
	static const uint32_t lamps[] = {0xffd890, 0xffc46a, 0xffe8bc, 0xf8f0dc, 0x9fd8ff};

	if (view->scene.tinted && hash % 7 == 0)
		return seed_rgb_hex(view->scene.tint);
	return seed_rgb_hex(lamps[hash % SEED_ARRAY_LEN(lamps)]);
}

static bool in_window(const struct building *b, int64_t x, int64_t y, uint32_t *hash)
{
	int64_t cx = (x - b->left) / b->cell_w, cy = (y - b->top) / b->cell_h;
	int64_t fx = (x - b->left) % b->cell_w, fy = (y - b->top) % b->cell_h;

	*hash = seed_hash(b->hash, cx, cy);
	return fx > b->cell_w * 45 / 100 && fy > b->cell_h * 55 / 100 &&
	       x < b->right - b->cell_w / 3 && y > b->top + b->cell_h;
}

static struct seed_rgb facade(const struct seed_view *view, const struct building *b, int64_t x,
			      int64_t y)
{
	int down = seed_ramp(y, b->top, b->base);
	struct seed_rgb colour = seed_rgb_mix(b->wall, b->foot, seed_mul(down, down));
	bool toward = (view->light_x > x) == (x > (b->left + b->right) / 2);
	uint32_t hash;

	if (toward)
		colour = seed_rgb_mix(colour, view->palette.land_lit, PERCENT(10));
	if (!in_window(b, x, y, &hash))
		return colour;
	/* By day glass shows the sky, by night some rooms are lit. */
	if (view->palette.darkness < PERCENT(20))
		return seed_rgb_mix(colour, view->palette.sky[2],
				    PERCENT(12) + seed_chance(hash, 1) / 6);
	if (seed_chance(hash, 1) > PERCENT(5) + (int)(b->hash & 7) * PERCENT(5))
		return seed_rgb_scale(colour, PERCENT(90));
	return seed_rgb_mix(colour, window_colour(view, hash >> 4),
			    seed_mul(PERCENT(35) + seed_chance(hash, 2) / 2,
				     PERCENT(30) + seed_mul(b->near, PERCENT(70))));
}

static void paint_mast(struct seed_view *view, const struct building *b)
{
	int64_t middle = seed_to_fine(view, (b->left + b->right) / 2);
	int64_t half = seed_to_fine(view, UNIT * 6 / 10000);
	int64_t top = seed_to_pixel(view, b->top - (b->base - b->top) / 5);

	for (int64_t y = top < 0 ? 0 : top; y <= seed_to_pixel(view, b->top); y++)
		seed_canvas_span(&view->canvas, y, middle - half, middle + half, b->wall, ONE);
	if (view->palette.darkness)
		seed_canvas_disc(&view->canvas, middle, top * 0x10000, seed_to_fine(view, UNIT * 18 / 10000),
				 seed_rgb_hex(0xff4030), ONE);
}

/* The two upper storeys step back, on one side or on both. */
static void setback(const struct building *b, int64_t y, int64_t *left, int64_t *right)
{
	int64_t step = (b->right - b->left) / 7, part = (b->base - b->top) / 11;
	int steps = y < b->top + part ? 2 : y < b->top + 3 * part ? 1 : 0;

	if (b->hash & 64)
		steps = 0;
	*left = b->left + (b->hash & 16 ? steps * step : 0);
	*right = b->right - (b->hash & 32 ? steps * step : 0);
}

static void paint_building(struct seed_view *view, const struct building *b)
{
	for (int64_t y = seed_to_pixel(view, b->top); y < view->canvas.height; y++) {
		int64_t uy = seed_to_unit(view, y), left, right;

		if (y < 0 || uy > b->bottom)
			continue;
		setback(b, uy, &left, &right);
		for (int64_t x = seed_to_pixel(view, left); x < seed_to_pixel(view, right); x++)
			seed_canvas_blend(&view->canvas, x, y,
					  facade(view, b, seed_to_unit(view, x), uy), ONE);
	}
	if ((b->hash >> 8 & 3) == 0 && b->base - b->top > UNIT / 5)
		paint_mast(view, b);
}

/* Tall around the centre, low towards the sides. */
static int64_t storeys(const struct seed_view *view, int64_t x, int64_t centre, uint32_t hash)
{
	int64_t off = x > centre ? x - centre : centre - x;
	int tall = ONE - seed_smooth(off, 0, view->width * 55 / 100);
	int height = PERCENT(7) + seed_mul(seed_chance(hash, 1), PERCENT(13)) +
		     seed_mul(seed_mul(tall, tall), seed_mul(seed_chance(hash, 2), PERCENT(36)));

	return UNIT * (int64_t)height / ONE;
}

static void paint_row(struct seed_view *view, int64_t base, int64_t bottom, int near, uint32_t seed)
{
	int64_t scale = UNIT * 70 / 100 + near * (UNIT * 130 / 100) / ONE, x = -UNIT / 10;
	int64_t centre = view->width * (35 + (int64_t)(seed >> 5 & 31)) / 100;
	struct seed_rgb dark = seed_rgb_mix(view->palette.land, view->palette.sky[1], PERCENT(14));

	for (int i = 0; x < view->width; i++) {
		uint32_t hash = seed_hash(seed, i, 3);
		int64_t wide = scale * (34 + (int64_t)(hash >> 3 & 31)) / 1000;
		struct building b = {
			.left = x, .right = x + wide, .base = base, .bottom = bottom, .hash = hash,
			.near = near, .cell_w = scale * 45 / 10000, .cell_h = scale * 65 / 10000,
		};

		b.top = base - storeys(view, x, centre, hash) * (135 - near * 45 / ONE) / 100;
		/* None leaves the picture, and those that would are not equally high. */
		if (b.top < UNIT * 8 / 100)
			b.top = UNIT * 8 / 100 + seed_chance(hash, 4) / 4;
		b.wall = seed_hazed(view, seed_rgb_scale(dark, PERCENT(80) + seed_chance(hash, 3) / 3),
				    near);
		b.foot = seed_rgb_mix(b.wall, view->palette.haze, seed_mul(PERCENT(60), ONE - near / 2));
		paint_building(view, &b);
		x += wide + scale * (int64_t)(hash >> 12 & 3) / 1000;
	}
}

void seed_paint_city(struct seed_view *view)
{
	bool water = seed_view_has(view, SEED_SKETCH_WATER);
	int64_t bottom = water ? view->horizon : UNIT * 2;
	uint32_t seed = view->scene.seed + 2000;

	if (view->scene.place != SEED_PLACE_CITY)
		return;
	for (int i = 0; i < ROWS; i++) {
		int near = PERCENT(14) + i * PERCENT(28);
		int64_t base = view->horizon + (water ? 0 : UNIT * 11 / 100 * (int64_t)i);

		paint_row(view, base, bottom, near, seed + (uint32_t)i * 13);
		if (i < ROWS - 1)
			seed_paint_fog(view, base, UNIT * 14 / 100, PERCENT(34) - i * PERCENT(8),
				       seed + 50 + (uint32_t)i);
	}
}
