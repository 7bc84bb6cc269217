#include "lib/sketch/wash.h"

/* The grid has at least this many rows of points, as far as there are pixels, and less than
 * twice as many. So pictures of all sizes look alike. */
#define STEP_HEIGHT 500

/* The points of the grid's row at the row of pixels `y`. */
static void find_points(const struct seed_view *view, const struct seed_wash *wash, int64_t y,
			int step, int *to)
{
	for (int64_t x = 0; x < (int64_t)view->canvas.width + step; x += step, to += 2)
		wash->find(view, wash, seed_to_unit(view, x), seed_to_unit(view, y), to);
}

static void paint_pixel(struct seed_view *view, const struct seed_wash *wash, int64_t x, int64_t y,
			const int values[2])
{
	struct seed_rgb colour;

	if (values[0] <= 0)
		return;
	colour = seed_rgb_mix(wash->from, wash->to, values[1]);
	if (wash->light)
		colour = wash->light(view, colour, seed_to_unit(view, x), seed_to_unit(view, y),
				     values[1]);
	if (wash->shines)
		seed_canvas_shine(&view->canvas, x, y, colour, values[0]);
	else
		seed_canvas_blend(&view->canvas, x, y, colour, values[0]);
}

static void paint_row(struct seed_view *view, const struct seed_wash *wash, int64_t y, int step,
		      const int *above, const int *below)
{
	int v = (int)(y % step) * ONE / step;

	for (int64_t x = 0; x < view->canvas.width; x++) {
		int64_t at = x / step * 2;
		int u = (int)(x % step) * ONE / step, values[2];

		for (int64_t i = 0; i < 2; i++)
			values[i] = seed_mix(seed_mix(above[at + i], above[at + i + 2], u),
					     seed_mix(below[at + i], below[at + i + 2], u), v);
		paint_pixel(view, wash, x, y, values);
	}
}

void seed_paint_wash(struct seed_view *view, const struct seed_wash *wash, int64_t end)
{
	int step = view->canvas.height < STEP_HEIGHT ? 1 : (int)view->canvas.height / STEP_HEIGHT;

	find_points(view, wash, 0, step, view->points[0]);
	for (int64_t y = 0; y < end; y++) {
		int *above = view->points[y / step % 2], *below = view->points[1 - y / step % 2];

		if (y % step == 0)
			find_points(view, wash, y + step, step, below);
		paint_row(view, wash, y, step, above, below);
	}
}
