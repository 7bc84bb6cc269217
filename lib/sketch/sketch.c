#include "lib/sketch/sketch.h"

#include "lib/sketch/parts.h"

/* Where the sun or moon is at each time of day: its way from the top to the horizon in
 * percent, and its radius in thousandths of the picture's height. */
static const struct {
	int up_percent, radius;
	bool moon, hidden;
} lights[SEED_TIME_COUNT] = {
	[SEED_TIME_DAWN] = {88, 34, false, false},
	[SEED_TIME_NOON] = {4, 30, false, true},
	[SEED_TIME_GOLDEN] = {62, 32, false, false},
	[SEED_TIME_SUNSET] = {84, 44, false, false},
	[SEED_TIME_DUSK] = {112, 30, false, true},
	[SEED_TIME_NIGHT] = {26, 26, true, true},
	[SEED_TIME_MOON] = {34, 56, true, false},
};

static void place_light(struct seed_view *view)
{
	enum seed_sketch_time time = view->scene.time;
	int across = seed_chance(view->scene.seed, 11);

	/* In the left or right third: the middle is dull. */
	view->light_x = view->width * (across < ONE / 2 ? 18 : 62) / 100 +
			view->width * (across % (ONE / 2)) / ONE * 40 / 100;
	view->light_y = view->horizon * lights[time].up_percent / 100;
	view->light_radius = (int64_t)UNIT * lights[time].radius / 1000;
	view->light_is_moon = lights[time].moon;
	view->light_hidden = lights[time].hidden ||
			     seed_view_has(view, SEED_SKETCH_STORM | SEED_SKETCH_RAIN);
}

static int64_t place_horizon(const struct seed_sketch_scene *scene)
{
	int64_t vary = seed_chance(scene->seed, 12) * (UNIT * 6 / 100) / ONE;

	if (scene->place == SEED_PLACE_CITY)
		return UNIT * 70 / 100 + vary;
	if (scene->features & SEED_SKETCH_WATER)
		return UNIT * 56 / 100 + vary;
	return UNIT * 52 / 100 + vary;
}

static void paint(struct seed_view *view)
{
	seed_paint_sky(view);
	seed_paint_far_land(view);
	seed_paint_city(view);
	seed_paint_water(view);
	seed_paint_near_land(view);
	seed_paint_weather(view);
}

errint_t seed_sketch(const char *prompt, uint32_t width, uint32_t height,
		     struct seed_pixels *pixels, struct seed_error *error)
{
	struct seed_view *view;
	errint_t err;

	err = seed_pixels_alloc(pixels, width, height, error);
	if (err)
		return err;
	view = calloc(1, sizeof(*view) + (size_t)width * height * 3 * sizeof(view->canvas.data[0]));
	if (!view)
		return seed_error_set(error, ENOMEM, "no memory for a sketch");
	view->canvas = (struct seed_canvas){ width, height, view->memory };
	seed_sketch_read(prompt, &view->scene);
	seed_palette_choose(&view->scene, &view->palette);
	view->width = (int64_t)width * UNIT / height;
	view->horizon = place_horizon(&view->scene);
	place_light(view);
	paint(view);
	seed_canvas_finish(&view->canvas, view->scene.seed, pixels);
	free(view);
	return 0;
}
