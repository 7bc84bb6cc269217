/* The filter is zimg's. It works on planes of floating-point samples, so each row is split
 * into planes for it, and joined again. */
#include "lib/image/resample.h"

#include <zimg.h>

#include "lib/image/vector.h"

enum {
	CHANNELS = 3,
	/* zimg's vectors need rows aligned to this many bytes. */
	ALIGNMENT_BYTES = 64,
	LOBES = 3,
};

/* The rows that are in use on one side of the filter, as planes. Row y is at y & mask. */
struct rows {
	unsigned count, mask;
	size_t stride_bytes;
	char *memory; /* borrowed; the planes one after the other */
};

struct resampler {
	seed_row_fn *row;
	void *context;
	const struct seed_pixels *to;
	const struct seed_area *area;
	zimg_filter_graph *graph; /* owned */
	size_t room_bytes;        /* that the filter itself needs */
	struct rows in, out;
};

SEED_VECTOR static void split(const uint8_t *restrict pixels, size_t count, float *restrict red,
			      float *restrict green, float *restrict blue)
{
	const float unit = 1.0F / 255;

	for (size_t i = 0; i < count; i++) {
		red[i] = pixels[i * CHANNELS] * unit;
		green[i] = pixels[i * CHANNELS + 1] * unit;
		blue[i] = pixels[i * CHANNELS + 2] * unit;
	}
}

SEED_VECTOR static void join(const uint8_t *restrict red, const uint8_t *restrict green,
			     const uint8_t *restrict blue, size_t count, uint8_t *restrict pixels)
{
	for (size_t i = 0; i < count; i++) {
		pixels[i * CHANNELS] = red[i];
		pixels[i * CHANNELS + 1] = green[i];
		pixels[i * CHANNELS + 2] = blue[i];
	}
}

static void *plane_row(const struct rows *rows, unsigned plane, unsigned y)
{
	return rows->memory + ((size_t)rows->count * plane + (y & rows->mask)) * rows->stride_bytes;
}

static int fetch(void *context, unsigned y, unsigned left, unsigned right)
{
	const struct resampler *work = context;
	const uint8_t *row = work->row(work->context, work->area->y + y);

	if (!row)
		return 1;
	split(row + ((size_t)work->area->x + left) * CHANNELS, right - left,
	      (float *)plane_row(&work->in, 0, y) + left, (float *)plane_row(&work->in, 1, y) + left,
	      (float *)plane_row(&work->in, 2, y) + left);
	return 0;
}

static int put(void *context, unsigned y, unsigned left, unsigned right)
{
	const struct resampler *work = context;

	join((uint8_t *)plane_row(&work->out, 0, y) + left, (uint8_t *)plane_row(&work->out, 1, y) + left,
	     (uint8_t *)plane_row(&work->out, 2, y) + left, right - left,
	     seed_pixels_row(work->to, y) + (size_t)left * CHANNELS);
	return 0;
}

static void describe(zimg_image_format *format, uint32_t width, uint32_t height,
		     zimg_pixel_type_e type)
{
	zimg_image_format_default(format, ZIMG_API_VERSION);
	format->width = width;
	format->height = height;
	format->pixel_type = type;
	format->color_family = ZIMG_COLOR_RGB;
	format->matrix_coefficients = ZIMG_MATRIX_RGB;
	format->pixel_range = ZIMG_RANGE_FULL;
}

static bool build(struct resampler *work)
{
	zimg_graph_builder_params params;
	zimg_image_format from, to;

	describe(&from, work->area->width, work->area->height, ZIMG_PIXEL_FLOAT);
	describe(&to, work->to->width, work->to->height, ZIMG_PIXEL_BYTE);
	zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
	params.resample_filter = ZIMG_RESIZE_LANCZOS;
	params.filter_param_a = LOBES;
	work->graph = zimg_filter_graph_build(&from, &to, &params);
	return work->graph &&
	       !zimg_filter_graph_get_tmp_size(work->graph, &work->room_bytes) &&
	       !zimg_filter_graph_get_input_buffering(work->graph, &work->in.count) &&
	       !zimg_filter_graph_get_output_buffering(work->graph, &work->out.count);
}

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

/* Returns the bytes of all planes. */
static size_t measure(struct rows *rows, size_t row_bytes, uint32_t height)
{
	rows->mask = zimg_select_buffer_mask(rows->count);
	rows->count = rows->mask == ZIMG_BUFFER_MAX ? height : rows->mask + 1;
	rows->stride_bytes = aligned(row_bytes);
	return rows->count * rows->stride_bytes * CHANNELS;
}

static bool process(struct resampler *work, void *room)
{
	zimg_image_buffer_const from = {.version = ZIMG_API_VERSION};
	zimg_image_buffer to = {.version = ZIMG_API_VERSION};

	for (unsigned i = 0; i < CHANNELS; i++) {
		from.plane[i].data = plane_row(&work->in, i, 0);
		from.plane[i].stride = (ptrdiff_t)work->in.stride_bytes;
		from.plane[i].mask = work->in.mask;
		to.plane[i].data = plane_row(&work->out, i, 0);
		to.plane[i].stride = (ptrdiff_t)work->out.stride_bytes;
		to.plane[i].mask = work->out.mask;
	}
	return !zimg_filter_graph_process(work->graph, &from, &to, room, fetch, work, put,
					  work);
}

/* The only reason for which zimg can refuse these formats is lack of memory. */
errint_t seed_resample_rows(seed_row_fn *row, void *context, const struct seed_area *area,
			    const struct seed_pixels *to)
{
	struct resampler work = {.row = row, .context = context, .to = to, .area = area};
	size_t in_bytes, out_bytes;
	char *memory = NULL;
	bool ok = build(&work);

	if (ok) {
		in_bytes = measure(&work.in, area->width * sizeof(float), area->height);
		out_bytes = measure(&work.out, to->width, to->height);
		memory = aligned_alloc(ALIGNMENT_BYTES,
				       in_bytes + out_bytes + aligned(work.room_bytes));
		work.in.memory = memory;
		work.out.memory = memory + in_bytes;
		ok = memory && process(&work, memory + in_bytes + out_bytes);
	}
	free(memory);
	zimg_filter_graph_free(work.graph);
	return ok ? 0 : -ENOMEM;
}

/* A context that is not const. */
struct lent {
	const struct seed_pixels *pixels;
};

static const uint8_t *pixel_row(void *context, uint32_t y)
{
	const struct lent *lent = context;

	return seed_pixels_row(lent->pixels, y);
}

errint_t seed_resample(const struct seed_pixels *from, const struct seed_area *area,
		       const struct seed_pixels *to)
{
	struct lent lent = {.pixels = from};

	return seed_resample_rows(pixel_row, &lent, area, to);
}
