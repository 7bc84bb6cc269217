#include "lib/image/fit.h"

#include "lib/image/resample.h"

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
	const struct seed_area area = seed_area_of_shape(width, height, to_width, to_height);
	bool up = area.width < to_width || area.height < to_height, small;

	*plan = (struct seed_fit_plan){
		.area = area,
		.crop = area.width != width || area.height != height,
		.resample = area.width != to_width || area.height != to_height,
	};
	if (up && no_upscale)
		return seed_image_invalid(error, "%ux%u is smaller than %ux%u", width, height,
					  to_width, to_height);
	/* Judged by the side that is used whole, since the other one was rounded. */
	small = area.width == width ? width * max_upscale < to_width
				     : height * max_upscale < to_height;
	if (up && small)
		return seed_image_invalid(error, "%ux%u is too small for %ux%u "
					  "(largest enlargement %g)",
					  width, height, to_width, to_height, max_upscale);
	if (is_thumbnail(width, height) && !is_thumbnail(to_width, to_height))
		return seed_image_invalid(error, "%ux%u is a thumbnail (no side is longer than %d)",
					  width, height, SEED_THUMBNAIL_SIDE);
	name_plan(plan, up);
	return 0;
}

static void copy_part(const struct seed_pixels *from, const struct seed_area *area,
		      const struct seed_pixels *to)
{
	for (uint32_t y = 0; y < to->height; y++)
		memcpy(seed_pixels_row(to, y),
		       seed_pixels_row(from, area->y + y) + (size_t)area->x * 3,
		       seed_pixels_stride_bytes(to));
}

errint_t seed_fit(struct seed_pixels *pixels, const struct seed_fit_plan *plan, uint32_t to_width,
		  uint32_t to_height, struct seed_error *error)
{
	const struct seed_area *area = &plan->area;
	struct seed_pixels fitted = {0};
	errint_t err;

	/* Also the case if the decoder has not kept the rows that would be cut off. */
	if (pixels->width == to_width && pixels->height == to_height)
		return 0;
	err = seed_pixels_alloc(&fitted, to_width, to_height, error);
	if (err)
		return err;
	if (plan->resample)
		err = seed_resample(pixels, area, &fitted);
	else
		copy_part(pixels, area, &fitted);
	seed_pixels_release(err ? &fitted : pixels);
	if (err)
		return seed_error_set(error, -err, "cannot resample %ux%u to %ux%u", area->width,
				      area->height, to_width, to_height);
	*pixels = fitted;
	return 0;
}
