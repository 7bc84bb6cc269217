#include "lib/sketch/field.h"

/* Pixels between two points of the grid, at the usual height of 1152; larger
 * pictures have larger steps, so that they look the same. */
#define STEP_HEIGHT 500

errint_t seed_field_init(struct seed_field *field, const struct seed_view *view, int64_t end,
			 seed_field_fn *fn, uint32_t seed)
{
	int *to;

	field->step = (int)(view->canvas.height / STEP_HEIGHT);
	field->step += !field->step;
	field->columns = (int64_t)view->canvas.width / field->step + 2;
	field->rows = end / field->step + 2;
	field->data = malloc((size_t)(field->columns * field->rows) * 2 * sizeof(*field->data));
	if (!field->data)
		return -ENOMEM;
	to = field->data;
	for (int64_t row = 0; row < field->rows; row++)
		for (int64_t column = 0; column < field->columns; column++, to += 2)
			fn(view, seed_to_unit(view, column * field->step),
			   seed_to_unit(view, row * field->step), seed, to);
	return 0;
}

void seed_field_release(struct seed_field *field)
{
	free(field->data);
	field->data = NULL;
}

void seed_field_get(const struct seed_field *field, int64_t x, int64_t y, int values[2])
{
	const int *above = field->data + (y / field->step * field->columns + x / field->step) * 2;
	const int *below = above + field->columns * 2;
	int u = (int)(x % field->step) * ONE / field->step;
	int v = (int)(y % field->step) * ONE / field->step;

	for (int i = 0; i < 2; i++)
		values[i] = seed_mix(seed_mix(above[i], above[i + 2], u),
				     seed_mix(below[i], below[i + 2], u), v);
}
