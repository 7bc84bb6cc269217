#include "lib/image/fit.h"

#include <zimg.h>

/* zimg wants rows aligned to its widest vectors. */
#define ALIGN_BYTES 64
#define LANCZOS_LOBES 3

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

/*
 * zimg works on planes; the pictures here are interleaved. A band of a few
 * rows is taken apart before, and put together after, each step of its graph,
 * so that no whole plane is ever held. The planes are floats: between its two
 * directions zimg would cut integers to their range, and with them what the
 * filter overshoots at an edge before the other direction takes it back.
 */
struct band {
	void *memory; /* owned */
	size_t stride_bytes, plane_bytes;
	unsigned mask;
	const struct seed_pixels *pixels;
	uint32_t x, y;
};

static errint_t band_init(struct band *band, const struct seed_pixels *pixels, uint32_t x,
			  uint32_t y, uint32_t width, unsigned lines)
{
	size_t rows;

	band->mask = zimg_select_buffer_mask(lines);
	rows = band->mask == ZIMG_BUFFER_MAX ? pixels->height : (size_t)band->mask + 1;
	band->pixels = pixels;
	band->x = x;
	band->y = y;
	band->stride_bytes = (width * sizeof(float) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	band->plane_bytes = band->stride_bytes * rows;
	band->memory = aligned_alloc(ALIGN_BYTES, band->plane_bytes * 3);
	return band->memory ? 0 : -ENOMEM;
}

static float *band_row(const struct band *band, unsigned plane, unsigned i)
{
	size_t offset = plane * band->plane_bytes + (i & band->mask) * band->stride_bytes;

	return (float *)band->memory + offset / sizeof(float);
}

static int take_apart(void *user, unsigned i, unsigned left, unsigned right)
{
	const struct band *band = user;
	const uint8_t *rgb = seed_pixels_row(band->pixels, band->y + i) + (size_t)band->x * 3;
	float *r = band_row(band, 0, i), *g = band_row(band, 1, i), *b = band_row(band, 2, i);

	for (size_t x = left; x < right; x++) {
		r[x] = rgb[x * 3];
		g[x] = rgb[x * 3 + 1];
		b[x] = rgb[x * 3 + 2];
	}
	return 0;
}

static uint8_t to_byte(float value)
{
	int rounded = (int)(value + 0.5F);

	return (uint8_t)(value < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

static int put_together(void *user, unsigned i, unsigned left, unsigned right)
{
	const struct band *band = user;
	uint8_t *rgb = seed_pixels_row(band->pixels, i);
	const float *r = band_row(band, 0, i), *g = band_row(band, 1, i), *b = band_row(band, 2, i);

	for (size_t x = left; x < right; x++) {
		rgb[x * 3] = to_byte(r[x]);
		rgb[x * 3 + 1] = to_byte(g[x]);
		rgb[x * 3 + 2] = to_byte(b[x]);
	}
	return 0;
}

static zimg_filter_graph *build_graph(const struct seed_fit_plan *plan, uint32_t to_width,
				      uint32_t to_height)
{
	zimg_image_format from, to;
	zimg_graph_builder_params params;

	zimg_image_format_default(&from, ZIMG_API_VERSION);
	from.width = plan->width;
	from.height = plan->height;
	from.pixel_type = ZIMG_PIXEL_FLOAT;
	from.color_family = ZIMG_COLOR_RGB;
	from.matrix_coefficients = ZIMG_MATRIX_RGB;
	to = from;
	to.width = to_width;
	to.height = to_height;
	zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
	params.resample_filter = ZIMG_RESIZE_LANCZOS;
	params.filter_param_a = LANCZOS_LOBES;
	return zimg_filter_graph_build(&from, &to, &params);
}

static errint_t run_graph(const zimg_filter_graph *graph, struct band *in, struct band *out)
{
	zimg_image_buffer_const from = {.version = ZIMG_API_VERSION};
	zimg_image_buffer to = {.version = ZIMG_API_VERSION};
	size_t temporary_bytes;
	void *temporary;
	errint_t err = 0;

	for (unsigned i = 0; i < 3; i++) {
		from.plane[i].data = band_row(in, i, 0);
		from.plane[i].stride = (ptrdiff_t)in->stride_bytes;
		from.plane[i].mask = in->mask;
		to.plane[i].data = band_row(out, i, 0);
		to.plane[i].stride = (ptrdiff_t)out->stride_bytes;
		to.plane[i].mask = out->mask;
	}
	if (zimg_filter_graph_get_tmp_size(graph, &temporary_bytes))
		return -EIO;
	temporary = aligned_alloc(ALIGN_BYTES,
				  (temporary_bytes / ALIGN_BYTES + 1) * ALIGN_BYTES);
	if (!temporary)
		return -ENOMEM;
	if (zimg_filter_graph_process(graph, &from, &to, temporary, take_apart, in, put_together,
				      out))
		err = -EIO;
	free(temporary);
	return err;
}

static errint_t resample(const struct seed_pixels *from, const struct seed_fit_plan *plan,
			 const struct seed_pixels *to)
{
	struct band in = {0}, out = {0};
	zimg_filter_graph *graph;
	unsigned in_lines, out_lines;
	errint_t err = -EIO;

	graph = build_graph(plan, to->width, to->height);
	if (!graph)
		return -ENOMEM;
	if (zimg_filter_graph_get_input_buffering(graph, &in_lines) ||
	    zimg_filter_graph_get_output_buffering(graph, &out_lines))
		goto out;
	err = band_init(&in, from, plan->x, plan->y, plan->width, in_lines);
	if (!err)
		err = band_init(&out, to, 0, 0, to->width, out_lines);
	if (!err)
		err = run_graph(graph, &in, &out);
out:
	free(in.memory);
	free(out.memory);
	zimg_filter_graph_free(graph);
	return err;
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
