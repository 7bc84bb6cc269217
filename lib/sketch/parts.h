/*
 * The painters of the sketch, from back to front. Each paints on the same
 * canvas; what one needs of another (light, haze, the horizon) is in the view.
 */
#ifndef SEED_SKETCH_PARTS_H
#define SEED_SKETCH_PARTS_H

#include "lib/base/base.h"
#include "lib/image/pixels.h"
#include "lib/sketch/math.h"
#include "lib/sketch/words.h"

struct seed_palette {
	struct seed_rgb sky[4];       /* zenith, middle, low, horizon */
	struct seed_rgb light;        /* sun or moon, and what they hit */
	struct seed_rgb land;         /* the nearest ground, in its shadow */
	struct seed_rgb land_lit;     /* the same in the light */
	struct seed_rgb cloud_lit, cloud_shade;
	struct seed_rgb haze;         /* what distance turns into */
	struct seed_rgb snow_lit, snow_shade;
	int darkness;                 /* of the night: stars, windows; fraction */
};

struct seed_canvas {
	uint32_t width, height;
	uint16_t *data; /* three values a pixel, 0 to LIGHT */
};

enum { SEED_LAYERS_MAX = 8 };

struct seed_view {
	struct seed_canvas canvas;
	struct seed_sketch_scene scene;
	struct seed_palette palette;
	int64_t width;            /* of the picture, in coordinates; its height is UNIT */
	int64_t horizon;          /* y where the sky ends */
	int64_t light_x, light_y; /* of the sun or moon */
	int64_t light_radius;
	bool light_is_moon, light_hidden;
	/* Room for the painters, one at a time: crest lines of the ground, and two
	 * rows of a wash's grid. */
	int64_t lines[SEED_LAYERS_MAX][SEED_IMAGE_MAX_SIDE];
	int points[2][2 * (SEED_IMAGE_MAX_SIDE + 2)];
	uint16_t memory[];        /* the canvas's */
};

static inline bool seed_view_has(const struct seed_view *view, unsigned features)
{
	return view->scene.features & features;
}

/* canvas.c */
struct seed_rgb seed_canvas_get(const struct seed_canvas *canvas, int64_t x, int64_t y);
void seed_canvas_set(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb colour);
/* Outside of the canvas: nothing. */
void seed_canvas_blend(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb colour,
		       int cover);
/* Adds light instead ("screen"). */
void seed_canvas_shine(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb light,
		       int part);
/* A row's pixels from `left` to `right` (Q16 pixels, not coordinates), their
 * ends by the part that is covered. */
void seed_canvas_span(struct seed_canvas *canvas, int64_t y, int64_t left, int64_t right,
		      struct seed_rgb colour, int cover);
/* A disc with a soft edge; centre and radius in Q16 pixels. */
void seed_canvas_disc(struct seed_canvas *canvas, int64_t x, int64_t y, int64_t radius,
		      struct seed_rgb colour, int cover);
void seed_canvas_finish(const struct seed_canvas *canvas, uint32_t seed, struct seed_pixels *pixels);

/* Between pixels and coordinates. */
static inline int64_t seed_to_unit(const struct seed_view *view, int64_t pixel)
{
	return pixel * UNIT / view->canvas.height;
}
static inline int64_t seed_to_pixel(const struct seed_view *view, int64_t unit)
{
	return unit * view->canvas.height / UNIT;
}
/* Coordinate to Q16 pixel. */
static inline int64_t seed_to_fine(const struct seed_view *view, int64_t unit)
{
	return unit * view->canvas.height;
}

/* palette.c */
void seed_palette_choose(const struct seed_sketch_scene *scene, struct seed_palette *palette);

/* A colour of the ground at a distance (`near` 0 to ONE), in the haze. */
struct seed_rgb seed_hazed(const struct seed_view *view, struct seed_rgb colour, int near);

/* sky.c: gradient, stars, sun or moon, clouds. */
void seed_paint_sky(struct seed_view *view);
/* clouds.c */
void seed_paint_clouds(struct seed_view *view);
void seed_paint_aurora(struct seed_view *view);
/* land.c: the ridges behind the water (all of them where there is none),
 * and the ones before it. */
void seed_paint_far_land(struct seed_view *view);
void seed_paint_near_land(struct seed_view *view);
/* trees.c: a wood that stands on `line` (y in coordinates, one for each
 * column). `near`: 0 (far) to ONE; `thick`: how much of the line they take. */
struct seed_wood {
	const int64_t *line;
	int near, thick;
	uint32_t seed;
	struct seed_rgb dark, lit;
	bool leafy;
};
void seed_paint_wood(struct seed_view *view, const struct seed_wood *wood);
/* city.c: the rows of a city; nothing if the place is not a city. */
void seed_paint_city(struct seed_view *view);
/* water.c: from the horizon down, a mirror of what is above it. */
void seed_paint_water(struct seed_view *view);
/* weather.c: fog, rain, snow in the air. */
void seed_paint_fog(struct seed_view *view, int64_t level, int64_t depth, int strength, uint32_t seed);
void seed_paint_weather(struct seed_view *view);

#endif
