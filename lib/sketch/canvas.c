#include "lib/sketch/parts.h"

static uint16_t *at(const struct seed_canvas *canvas, int64_t x, int64_t y)
{
	return canvas->data + ((size_t)y * canvas->width + (size_t)x) * 3;
}

struct seed_rgb seed_canvas_get(const struct seed_canvas *canvas, int64_t x, int64_t y)
{
	const uint16_t *p = at(canvas, seed_clamp(x, 0, (int)canvas->width - 1),
			       seed_clamp(y, 0, (int)canvas->height - 1));

	return (struct seed_rgb){p[0], p[1], p[2]};
}

void seed_canvas_set(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb colour)
{
	uint16_t *p = at(canvas, x, y);

	p[0] = (uint16_t)seed_clamp(colour.r, 0, LIGHT);
	p[1] = (uint16_t)seed_clamp(colour.g, 0, LIGHT);
	p[2] = (uint16_t)seed_clamp(colour.b, 0, LIGHT);
}

void seed_canvas_blend(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb colour,
		       int cover)
{
	if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height || cover <= 0)
		return;
	if (cover < ONE)
		colour = seed_rgb_mix(seed_canvas_get(canvas, x, y), colour, cover);
	seed_canvas_set(canvas, x, y, colour);
}

void seed_canvas_shine(struct seed_canvas *canvas, int64_t x, int64_t y, struct seed_rgb light,
		       int part)
{
	seed_canvas_set(canvas, x, y, seed_rgb_screen(seed_canvas_get(canvas, x, y),
						      seed_rgb_scale(light, part)));
}

void seed_canvas_span(struct seed_canvas *canvas, int64_t y, int64_t left, int64_t right,
		      struct seed_rgb colour, int cover)
{
	int64_t first = left >> 16, last = right >> 16;

	if (right <= left)
		return;
	if (first == last) {
		seed_canvas_blend(canvas, first, y, colour,
				  seed_mul(cover, (int)((right - left) >> 2)));
		return;
	}
	seed_canvas_blend(canvas, first, y, colour,
			  seed_mul(cover, (int)((0x10000 - (left & 0xffff)) >> 2)));
	for (int64_t x = first < -1 ? 0 : first + 1; x < last && x < canvas->width; x++)
		seed_canvas_blend(canvas, x, y, colour, cover);
	seed_canvas_blend(canvas, last, y, colour, seed_mul(cover, (int)((right & 0xffff) >> 2)));
}

/* Squares of distances must fit 63 bits; within a picture they do. */
void seed_canvas_disc(struct seed_canvas *canvas, int64_t x, int64_t y, int64_t radius,
		      struct seed_rgb colour, int cover)
{
	/* The soft edge is one pixel wide. Distances are compared by their squares. */
	int64_t outer = radius + 0x8000, inner = radius > 0x8000 ? radius - 0x8000 : 0;
	int64_t outer2 = (outer * outer) >> 16, inner2 = (inner * inner) >> 16;

	for (int64_t py = (y - outer) >> 16; py <= (y + outer) >> 16; py++) {
		for (int64_t px = (x - outer) >> 16; px <= (x + outer) >> 16; px++) {
			int64_t dx = px * 0x10000 + 0x8000 - x, dy = py * 0x10000 + 0x8000 - y;
			int64_t d2 = (dx * dx + dy * dy) >> 16;

			if (d2 < outer2)
				seed_canvas_blend(canvas, px, py, colour,
						  seed_mul(cover, ONE - seed_ramp(d2, inner2, outer2)));
		}
	}
}

/* How much light is kept: the corners darken a little, as in a lens. */
static int vignette(const struct seed_canvas *canvas, int64_t x, int64_t y)
{
	int64_t dx = (2 * x - canvas->width) * ONE / canvas->width;
	int64_t dy = (2 * y - canvas->height) * ONE / canvas->height;
	int64_t d2 = (dx * dx + dy * dy) / ONE;

	return ONE - (int)(d2 * d2 / ONE * 18 / 400);
}

/* A little contrast around the middle: dark darker, light lighter. */
static int graded(int value)
{
	int t = (int)((int64_t)value * ONE / LIGHT);
	int curve = seed_mul(seed_mul(t, t), 3 * ONE - 2 * t);

	return (int)((int64_t)seed_mix(t, curve, ONE * 22 / 100) * LIGHT / ONE);
}

void seed_canvas_finish(const struct seed_canvas *canvas, uint32_t seed, struct seed_pixels *pixels)
{
	for (uint32_t y = 0; y < canvas->height; y++) {
		uint8_t *row = seed_pixels_row(pixels, y);

		for (uint32_t x = 0; x < canvas->width; x++) {
			const uint16_t *from = at(canvas, x, y);
			int keep = vignette(canvas, x, y);
			/* The same grain in all channels, so that it has no colour. Without
			 * it, the sky's gradients would show bands. */
			int grain = (int)(seed_hash(seed, x, y) & 511);

			for (int i = 0; i < 3; i++) {
				int value = graded(seed_mul(from[i], keep)) + grain;

				row[x * 3 + (uint32_t)i] = (uint8_t)seed_clamp((value - 128) >> 8, 0, 255);
			}
		}
	}
}
