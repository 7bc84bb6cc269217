/*
 * The ground: ridges one behind the other. Their distance shows in the haze
 * (colours turn into the horizon's) and in the mist of the valleys (a ridge
 * is clearest at its crest).
 */
#include "lib/sketch/parts.h"

enum shape { SHAPE_PEAKS, SHAPE_HILLS, SHAPE_DUNES };

struct layer {
	enum shape shape;
	int64_t base, height; /* of the crest line, y and amplitude */
	int64_t frequency;    /* UNIT: one hill in a picture's height */
	int near;
	int thick;            /* of its trees; 0: none */
	uint32_t seed;
	int64_t *line;        /* crest for each column; in the view */
};

struct land {
	struct layer layers[SEED_LAYERS_MAX];
	size_t count;
	int64_t bottom;       /* nothing of it below */
};

/* How far the crest of a layer is above its base: 0 to about ONE. */
static int crest(const struct layer *layer, int64_t x)
{
	int64_t fx = x * layer->frequency / UNIT;
	int swell = seed_noise(layer->seed + 3, fx / 2, UNIT / 5);

	switch (layer->shape) {
	case SHAPE_PEAKS:
		return seed_mul(seed_ridged(layer->seed, fx, UNIT / 3, 7), PERCENT(80) + swell / 2) +
		       swell / 6;
	case SHAPE_DUNES:
		return seed_mul(ONE - abs(seed_noise(layer->seed, fx, UNIT / 3)), PERCENT(80)) +
		       swell / 5;
	case SHAPE_HILLS:
	default:
		return ONE / 2 + seed_fractal(layer->seed, fx, UNIT / 3, 5) / 2 + swell / 4;
	}
}

static void find_line(const struct seed_view *view, struct layer *layer)
{
	for (uint32_t x = 0; x < view->canvas.width; x++)
		layer->line[x] = layer->base -
				 layer->height * crest(layer, seed_to_unit(view, x)) / ONE;
}

/* 1 or -1: the side of the picture from which the light comes. It is the same for the whole
 * picture; otherwise there would be a seam below the light. */
static int light_side(const struct seed_view *view)
{
	return view->light_x > view->width / 2 ? 1 : -1;
}

/* How much a mountain's face is turned to the light, by the slope of the crest and by ribs
 * that run down the face; ONE / 2 is neutral. */
static int face_light(const struct seed_view *view, const struct layer *layer, int64_t x, int64_t depth)
{
	int side = light_side(view);
	int64_t column = seed_to_pixel(view, x), other = column + side * (int64_t)view->canvas.width / 150;
	int64_t lean = seed_noise(layer->seed + 11, x * 3, depth * 3) * 2;
	int64_t fx = x * 5 + lean * depth * 6 / UNIT, fy = depth * 3;
	int here = seed_fractal(layer->seed + 12, fx, fy, 4);
	int there = seed_fractal(layer->seed + 12, fx + side * UNIT / 9, fy - UNIT / 20, 3);
	int fade = ONE - seed_ramp(depth, 0, layer->height * 3 / 4);
	int64_t fall;

	column = seed_clamp(column, 0, (int)view->canvas.width - 1);
	other = seed_clamp(other, 0, (int)view->canvas.width - 1);
	fall = (layer->line[other] - layer->line[column]) * 9 / 2;
	return seed_clamp(ONE * 45 / 100 + (int64_t)(here - there) * 3 + fall * fade / ONE, 0, ONE);
}

/* Dunes: one side of each crest is lit, with a sharp edge that wanders down from the crest,
 * and with ripples of the wind. */
static int dune_light(const struct seed_view *view, const struct layer *layer, int64_t x, int64_t depth)
{
	int loose = seed_ramp(depth, 0, UNIT / 7);
	int64_t wander = seed_mul(loose, seed_noise(layer->seed + 21, x, depth * 5)) +
			 depth * (seed_chance(layer->seed, 23) - ONE / 2) / ONE * 5 / 2;
	int64_t at = x + wander, step = UNIT / 60;
	int rise = crest(layer, at + step) - crest(layer, at - step);
	int ripple = seed_noise(layer->seed + 22, x * 9 + wander * 6, depth * 70) / 10;
	int lit = seed_smooth(-light_side(view) * rise, -PERCENT(2), PERCENT(3));

	return seed_clamp(lit * 9 / 10 + ripple, 0, ONE);
}

static int soft_light(const struct layer *layer, int64_t x, int64_t depth)
{
	int swell = seed_fractal(layer->seed + 30, x * 2 + depth * 2, depth * 7, 4);

	return seed_clamp(PERCENT(42) + (int64_t)swell * 2 / 3 - depth * PERCENT(70) / UNIT, 0, ONE);
}

static int snow_cover(const struct seed_view *view, const struct layer *layer, int64_t x, int64_t y,
		      int lit)
{
	int64_t line = layer->base - layer->height * 48 / 100;
	int rough;

	if (seed_view_has(view, SEED_SKETCH_SNOW)) {
		if (layer->shape != SHAPE_PEAKS)
			return ONE;
		line = layer->base + layer->height / 5;
	} else if (layer->shape != SHAPE_PEAKS || layer->near > PERCENT(50) ||
		   seed_view_has(view, SEED_SKETCH_AUTUMN)) {
		return 0;
	}
	rough = seed_fractal(layer->seed + 40, x * 9, y * 5, 3);
	/* Less snow stays on steep slopes in the shade. */
	y += rough / 3 + (ONE / 2 - lit) / 2;
	return ONE - seed_smooth(y, line - UNIT * 2 / 100, line + UNIT * 2 / 100);
}

static struct seed_rgb ground(const struct seed_view *view, const struct layer *layer, int64_t x,
			      int64_t y, int64_t depth)
{
	const struct seed_palette *palette = &view->palette;
	int lit, snow;
	struct seed_rgb colour;

	switch (layer->shape) {
	case SHAPE_PEAKS:
		lit = face_light(view, layer, x, depth);
		break;
	case SHAPE_DUNES:
		lit = dune_light(view, layer, x, depth);
		break;
	case SHAPE_HILLS:
	default:
		lit = soft_light(layer, x, depth);
		break;
	}
	colour = seed_rgb_mix(palette->land, palette->land_lit, lit);
	snow = snow_cover(view, layer, x, y, lit);
	if (snow)
		colour = seed_rgb_mix(colour, seed_rgb_mix(palette->snow_shade, palette->snow_lit, lit),
				      snow);
	/* The nearest ground is seen against the light. */
	return seed_rgb_scale(colour, ONE - seed_mul(layer->near, snow ? PERCENT(25) : PERCENT(45)));
}

/* Mist grows from the crest downwards, more in the distance. */
static int mist_part(const struct seed_view *view, const struct layer *layer, int64_t depth)
{
	int most = seed_view_has(view, SEED_SKETCH_FOG) ? PERCENT(85) : PERCENT(55);

	if (layer->shape == SHAPE_DUNES)
		most = PERCENT(22);
	most = seed_mul(most, ONE - seed_mul(layer->near, layer->near));
	return seed_mul(most, seed_smooth(depth, 0, layer->height + UNIT * 6 / 100));
}

static void paint_column(struct seed_view *view, const struct layer *layer, uint32_t x, int64_t end)
{
	int64_t top = seed_to_fine(view, layer->line[x]), ux = seed_to_unit(view, x);
	int64_t first = top >> 16;

	for (int64_t y = first < 0 ? 0 : first; y <= end && y < view->canvas.height; y++) {
		int64_t uy = seed_to_unit(view, y), depth = uy - layer->line[x];
		int cover = y == first ? (int)((0x10000 - (top & 0xffff)) >> 2) : ONE;
		struct seed_rgb colour;

		if (depth < 0)
			depth = 0;
		colour = seed_hazed(view, ground(view, layer, ux, uy, depth), layer->near);
		colour = seed_rgb_mix(colour, view->palette.haze, mist_part(view, layer, depth));
		seed_canvas_blend(&view->canvas, x, y, colour, cover);
	}
}

/* Nearer layers hide most of the ground; that is not painted. */
static int64_t visible_end(const struct seed_view *view, const struct land *land, size_t i, uint32_t x)
{
	int64_t end = land->bottom;

	for (size_t j = i + 1; j < land->count; j++)
		if (land->layers[j].line[x] < end)
			end = land->layers[j].line[x];
	return seed_to_pixel(view, end) + 1;
}

static void paint_trees(struct seed_view *view, const struct layer *layer)
{
	const struct seed_palette *palette = &view->palette;
	struct seed_wood wood = {
		.line = layer->line, .near = layer->near, .thick = layer->thick,
		.seed = layer->seed + 70, .dark = seed_rgb_scale(palette->land, PERCENT(80)),
		.lit = seed_rgb_mix(palette->land, palette->land_lit, PERCENT(60)),
		.leafy = seed_view_has(view, SEED_SKETCH_AUTUMN),
	};

	if (!layer->thick)
		return;
	if (seed_view_has(view, SEED_SKETCH_SNOW))
		wood.lit = seed_rgb_mix(wood.lit, palette->snow_lit, PERCENT(60));
	seed_paint_wood(view, &wood);
}

static void paint(struct seed_view *view, struct land *land)
{
	for (size_t i = 0; i < land->count; i++) {
		land->layers[i].line = view->lines[i];
		find_line(view, &land->layers[i]);
	}
	for (size_t i = 0; i < land->count; i++) {
		for (uint32_t x = 0; x < view->canvas.width; x++)
			paint_column(view, &land->layers[i], x, visible_end(view, land, i, x));
		paint_trees(view, &land->layers[i]);
	}
}

static struct layer *add(struct land *land, const struct seed_view *view, enum shape shape, int near)
{
	struct layer *layer = &land->layers[land->count++];

	*layer = (struct layer){.shape = shape, .near = near, .frequency = UNIT,
				.seed = view->scene.seed + 1000 + (uint32_t)land->count * 97};
	return layer;
}

/* Crest lines from behind the horizon to the lower edge. */
static void add_row(struct land *land, const struct seed_view *view, enum shape shape, int i, int count)
{
	int near = ONE * i / (count - 1), near2 = seed_mul(near, near);
	int64_t reach = UNIT * 102 / 100 - view->horizon;
	struct layer *layer = add(land, view, shape, near);

	layer->base = view->horizon + reach * (near2 * 3 / 4 + near / 4) / ONE + UNIT * 4 / 100;
	switch (shape) {
	case SHAPE_PEAKS:
		layer->height = UNIT * 46 / 100 - near * (UNIT * 20 / 100) / ONE;
		layer->frequency = UNIT * 11 / 10 + near * (UNIT / 2) / ONE;
		break;
	case SHAPE_DUNES:
		layer->height = UNIT * 10 / 100 + near * (UNIT * 12 / 100) / ONE;
		layer->frequency = UNIT * 13 / 10 - near * (UNIT * 7 / 10) / ONE;
		break;
	case SHAPE_HILLS:
		layer->height = UNIT * 13 / 100;
		layer->frequency = UNIT * 15 / 10 - near * (UNIT * 6 / 10) / ONE;
		break;
	}
}

static void plan_open_country(const struct seed_view *view, struct land *land)
{
	bool trees = seed_view_has(view, SEED_SKETCH_TREES);
	enum shape far = SHAPE_HILLS;
	int count = 6, peaks = 0;

	if (view->scene.place == SEED_PLACE_MOUNTAIN)
		peaks = 3;
	else if (view->scene.place == SEED_PLACE_FOREST)
		peaks = 1;
	else if (view->scene.place == SEED_PLACE_DESERT)
		far = SHAPE_DUNES;
	for (int i = 0; i < count; i++) {
		add_row(land, view, i < peaks ? SHAPE_PEAKS : far, i, count);
		if (far == SHAPE_DUNES || i < peaks || i < 2)
			continue;
		if (view->scene.place == SEED_PLACE_FOREST || trees)
			land->layers[land->count - 1].thick = PERCENT(92);
		else if (view->scene.place == SEED_PLACE_MOUNTAIN)
			land->layers[land->count - 1].thick = i == count - 1 ? PERCENT(70) : PERCENT(55);
		else if (i == count - 1 || i == count - 3)
			land->layers[land->count - 1].thick = PERCENT(30);
	}
}

/* Ranges that end at the far shore. */
static void plan_shore(const struct seed_view *view, struct land *land)
{
	bool sea = view->scene.place == SEED_PLACE_SEA;
	bool peaks = view->scene.place == SEED_PLACE_MOUNTAIN;

	for (int i = 0; i < (sea ? 2 : 4); i++) {
		int near = sea ? PERCENT(18) + i * PERCENT(16) : i * PERCENT(19);
		struct layer *layer = add(land, view, peaks && i < 3 ? SHAPE_PEAKS : SHAPE_HILLS, near);

		layer->base = view->horizon + (sea ? UNIT * 4 / 100 : UNIT / 100);
		layer->height = sea ? UNIT * 10 / 100
				    : (peaks ? UNIT * 44 / 100 : UNIT * 24 / 100) * (5 - i) / 5;
		if (layer->shape == SHAPE_HILLS && peaks)
			layer->height = UNIT * 9 / 100;
		layer->frequency = UNIT * (sea ? 9 : 12) / 10 + (int64_t)i * UNIT / 5;
		if (!sea && i == 3)
			layer->thick = PERCENT(88);
	}
	land->bottom = view->horizon;
}

void seed_paint_far_land(struct seed_view *view)
{
	struct land land = {.bottom = UNIT + UNIT / 10};

	if (view->scene.place == SEED_PLACE_CITY) {
		add(&land, view, SHAPE_HILLS, PERCENT(5))->base = view->horizon;
		land.layers[0].height = UNIT * 10 / 100;
	} else if (seed_view_has(view, SEED_SKETCH_WATER)) {
		plan_shore(view, &land);
	} else {
		plan_open_country(view, &land);
	}
	if (seed_view_has(view, SEED_SKETCH_WATER))
		land.bottom = view->horizon;
	paint(view, &land);
}

/* A bank on one side of the picture, so that the water has a near shore. */
void seed_paint_near_land(struct seed_view *view)
{
	struct land land = {.bottom = UNIT + UNIT / 10};
	struct layer *bank;

	if (!seed_view_has(view, SEED_SKETCH_WATER) || view->scene.place == SEED_PLACE_CITY)
		return;
	bank = add(&land, view, SHAPE_HILLS, ONE);
	bank->base = UNIT * 106 / 100;
	bank->height = UNIT * 14 / 100;
	bank->frequency = UNIT * 8 / 10;
	bank->thick = view->scene.place == SEED_PLACE_SEA ? 0 : PERCENT(34);
	paint(view, &land);
}
