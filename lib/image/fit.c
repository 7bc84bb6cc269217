#include "lib/image/fit.h"

#include "lib/image/resample.h"

/* a * b / c to the nearest; the product of two picture sides fits 64 bits. */
static uint32_t scaled(uint32_t a, uint32_t b, uint32_t c)
{
	return (uint32_t)(((uint64_t)a * b + c / 2) / c);
}

static void crop_to_shape(struct seed_fit_plan *plan, uint32_t to_width, uint32_t to_height)
{
	uint32_t width = plan->width, height = plan->height;

	if ((uint64_t)width * to_height > (uint64_t)height * to_width)
		plan->width = scaled(height, to_width, to_height);
	else
		plan->height = scaled(width, to_height, to_width);
	/* A sliver's other side may round to nothing. */
	plan->width += !plan->width;
	plan->height += !plan->height;
	plan->x = (width - plan->width) / 2;
	plan->y = (height - plan->height) / 2;
	plan->crop = plan->width != width || plan->height != height;
}

static void name_plan(struct seed_fit_plan *plan, bool up)
{
	const char *scale = !plan->resample ? "" : up ? "up" : "down";
	const char *crop = plan->crop ? "crop" : "";

	if (!plan->crop && !plan->resample)
		crop = "none";
	snprintf(plan->name, sizeof(plan->name), "%s%s%s", crop,
		 plan->crop && plan->resample ? "+" : "", scale);
}

static bool is_thumbnail(uint32_t width, uint32_t height)
{
	return width <= SEED_THUMBNAIL_SIDE && height <= SEED_THUMBNAIL_SIDE;
}

errint_t seed_fit_plan(uint32_t width, uint32_t height, uint32_t to_width, uint32_t to_height,
		       double max_upscale, bool no_upscale, struct seed_fit_plan *plan,
		       struct seed_error *error)
{
	bool up, small;

	*plan = (struct seed_fit_plan){.width = width, .height = height};
	crop_to_shape(plan, to_width, to_height);
	up = plan->width < to_width || plan->height < to_height;
	if (up && no_upscale)
		return seed_image_invalid(error, "%ux%u is smaller than %ux%u", width, height,
					  to_width, to_height);
	/* By the side that is used whole: the other was rounded. */
	small = plan->width == width ? width * max_upscale < to_width
				     : height * max_upscale < to_height;
	if (up && small)
		return seed_image_invalid(error, "%ux%u is too small for %ux%u "
					  "(largest enlargement %g)",
					  width, height, to_width, to_height, max_upscale);
	if (is_thumbnail(width, height) && !is_thumbnail(to_width, to_height))
		return seed_image_invalid(error, "%ux%u is a thumbnail (no side is longer than %d)",
					  width, height, SEED_THUMBNAIL_SIDE);
	plan->resample = plan->width != to_width || plan->height != to_height;
	name_plan(plan, up);
	return 0;
}

static errint_t resample(const struct seed_pixels *from, const struct seed_fit_plan *plan,
			 const struct seed_pixels *to)
{
	const struct seed_area area = {plan->x, plan->y, plan->width, plan->height};

	return seed_resample(from, &area, to);
}

static void copy_part(const struct seed_pixels *from, const struct seed_fit_plan *plan,
		      const struct seed_pixels *to)
{
	for (uint32_t y = 0; y < to->height; y++)
		memcpy(seed_pixels_row(to, y),
		       seed_pixels_row(from, plan->y + y) + (size_t)plan->x * 3,
		       seed_pixels_stride_bytes(to));
}

errint_t seed_fit(struct seed_pixels *pixels, const struct seed_fit_plan *plan, uint32_t to_width,
		  uint32_t to_height, struct seed_error *error)
{
	struct seed_pixels fitted = {0};
	errint_t err;

	if (!plan->crop && !plan->resample)
		return 0;
	err = seed_pixels_alloc(&fitted, to_width, to_height, error);
	if (err)
		return err;
	if (plan->resample)
		err = resample(pixels, plan, &fitted);
	else
		copy_part(pixels, plan, &fitted);
	seed_pixels_release(err ? &fitted : pixels);
	if (err)
		return seed_error_set(error, -err, "cannot resample %ux%u to %ux%u", plan->width,
				      plan->height, to_width, to_height);
	*pixels = fitted;
	return 0;
}
