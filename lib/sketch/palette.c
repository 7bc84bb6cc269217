#include "lib/sketch/parts.h"

static const struct {
	uint32_t sky[4], light, land, land_lit, cloud_lit, cloud_shade, haze;
	int darkness;
} palettes[SEED_TIME_COUNT] = {
	[SEED_TIME_DAWN] = {{0x33467c, 0x7f84b8, 0xe9aeae, 0xffdcb4}, 0xfff0d0, 0x1b2238, 0x51506a,
			    0xffd0be, 0x8681aa, 0xe9c3bb, 0},
	[SEED_TIME_NOON] = {{0x1d5fae, 0x4a92d6, 0x94c6ea, 0xdaeef6}, 0xfffdf2, 0x16301f, 0x6d9048,
			    0xffffff, 0xa4b8cc, 0xb4d2e6, 0},
	[SEED_TIME_GOLDEN] = {{0x4a7aa8, 0x97b4bf, 0xf3d29a, 0xffe9b4}, 0xfff4d2, 0x241f14, 0x9a7434,
			      0xfff0cf, 0xa79683, 0xf0d3a0, 0},
	[SEED_TIME_SUNSET] = {{0x212654, 0x6f3f7d, 0xe2604c, 0xffb660}, 0xffe6ae, 0x160f1e, 0x6a3440,
			      0xff9f6c, 0x5c3864, 0xe58a62, 0},
	[SEED_TIME_DUSK] = {{0x111a40, 0x2e3f7a, 0x8470a6, 0xf2aa92}, 0xffdcc0, 0x0b0f1f, 0x2d3558,
			    0xc98fa8, 0x39406e, 0x8d7ca6, PERCENT(45)},
	[SEED_TIME_NIGHT] = {{0x04071a, 0x0a1536, 0x182c56, 0x2c4672}, 0xe6ecff, 0x03050c, 0x14203a,
			     0x33456c, 0x0a1230, 0x23395f, ONE},
	[SEED_TIME_MOON] = {{0x061024, 0x0f284c, 0x25527c, 0x5283a4}, 0xf6f8ff, 0x040a14, 0x1d3850,
			    0x7d9cb8, 0x17304f, 0x3f6a8a, PERCENT(85)},
};

static void pull(struct seed_rgb *colour, uint32_t towards, int t)
{
	*colour = seed_rgb_mix(*colour, seed_rgb_hex(towards), t);
}

static int brightness(struct seed_rgb colour)
{
	return (colour.r * 3 + colour.g * 6 + colour.b) / 10;
}

/* The hue of `towards` with the brightness of what is there. */
static void tint(struct seed_rgb *colour, struct seed_rgb towards, int t)
{
	int now = brightness(*colour), then = brightness(towards);
	int factor = (int)((int64_t)now * ONE / (then > 2048 ? then : 2048));
	struct seed_rgb hue = seed_rgb_scale(towards, seed_clamp(factor, 0, 3 * ONE));

	hue.r = seed_clamp(hue.r, 0, LIGHT);
	hue.g = seed_clamp(hue.g, 0, LIGHT);
	hue.b = seed_clamp(hue.b, 0, LIGHT);
	*colour = seed_rgb_mix(*colour, hue, t);
}

static void load(enum seed_sketch_time time, struct seed_palette *palette)
{
	for (int i = 0; i < 4; i++)
		palette->sky[i] = seed_rgb_hex(palettes[time].sky[i]);
	palette->light = seed_rgb_hex(palettes[time].light);
	palette->land = seed_rgb_hex(palettes[time].land);
	palette->land_lit = seed_rgb_hex(palettes[time].land_lit);
	palette->cloud_lit = seed_rgb_hex(palettes[time].cloud_lit);
	palette->cloud_shade = seed_rgb_hex(palettes[time].cloud_shade);
	palette->haze = seed_rgb_hex(palettes[time].haze);
	palette->darkness = palettes[time].darkness;
}

/* The ground's own colour under this light. */
static void colour_ground(const struct seed_sketch_scene *scene, struct seed_palette *palette)
{
	int day = ONE - palette->darkness;

	if (scene->place == SEED_PLACE_DESERT) {
		pull(&palette->land, 0x7a3d1e, seed_mul(PERCENT(55), day));
		pull(&palette->land_lit, 0xe9a85c, seed_mul(PERCENT(75), day));
	} else if (scene->features & SEED_SKETCH_AUTUMN) {
		pull(&palette->land, 0x3a1a10, seed_mul(PERCENT(50), day));
		pull(&palette->land_lit, 0xc8601f, seed_mul(PERCENT(65), day));
	} else if (scene->place == SEED_PLACE_HILLS) {
		pull(&palette->land, 0x1c3218, seed_mul(PERCENT(40), day));
		pull(&palette->land_lit, 0x8f9a3c, seed_mul(PERCENT(40), day));
	}
}

static void colour_snow(struct seed_palette *palette)
{
	struct seed_rgb white = seed_rgb_hex(0xf4f7fc), blue = seed_rgb_hex(0x56709e);

	palette->snow_lit = seed_rgb_mix(white, palette->light, PERCENT(45));
	palette->snow_lit = seed_rgb_mix(palette->snow_lit, palette->sky[2],
					 PERCENT(20) + seed_mul(PERCENT(45), palette->darkness));
	palette->snow_shade = seed_rgb_mix(blue, palette->sky[1],
					   PERCENT(50) + seed_mul(PERCENT(30), palette->darkness));
}

static void veil(struct seed_palette *palette, uint32_t grey, int t)
{
	struct seed_rgb veil_colour = seed_rgb_mix(seed_rgb_hex(grey), palette->sky[1],
						   seed_mul(PERCENT(70), palette->darkness));

	for (int i = 0; i < 4; i++)
		palette->sky[i] = seed_rgb_mix(palette->sky[i], veil_colour, t);
	palette->haze = seed_rgb_mix(palette->haze, veil_colour, t);
	palette->cloud_lit = seed_rgb_mix(palette->cloud_lit, veil_colour, t * 3 / 4);
	palette->cloud_shade = seed_rgb_mix(palette->cloud_shade, seed_rgb_scale(veil_colour, ONE / 2), t);
	palette->light = seed_rgb_mix(palette->light, veil_colour, t / 2);
	palette->land_lit = seed_rgb_mix(palette->land_lit, palette->land, t / 2);
}

static void colour_words(const struct seed_sketch_scene *scene, struct seed_palette *palette)
{
	struct seed_rgb towards = seed_rgb_hex(scene->tint);

	tint(&palette->sky[0], towards, PERCENT(35));
	tint(&palette->sky[1], towards, PERCENT(55));
	tint(&palette->sky[2], towards, PERCENT(40));
	tint(&palette->sky[3], towards, PERCENT(18));
	tint(&palette->haze, towards, PERCENT(45));
	tint(&palette->cloud_lit, towards, PERCENT(25));
	tint(&palette->cloud_shade, towards, PERCENT(45));
	tint(&palette->land_lit, towards, PERCENT(45));
	tint(&palette->land, towards, PERCENT(25));
	tint(&palette->light, towards, PERCENT(10));
}

void seed_palette_choose(const struct seed_sketch_scene *scene, struct seed_palette *palette)
{
	load(scene->time, palette);
	colour_ground(scene, palette);
	if (scene->features & SEED_SKETCH_STORM)
		veil(palette, 0x464e5a, PERCENT(62));
	else if (scene->features & SEED_SKETCH_RAIN)
		veil(palette, 0x76828e, PERCENT(50));
	if (scene->features & SEED_SKETCH_FOG)
		veil(palette, 0xb4bcc2, PERCENT(30));
	if (scene->features & SEED_SKETCH_SNOW)
		veil(palette, 0xc4d0de, PERCENT(22));
	if (scene->tinted)
		colour_words(scene, palette);
	colour_snow(palette);
}

struct seed_rgb seed_hazed(const struct seed_view *view, struct seed_rgb colour, int near)
{
	int far = ONE - near;
	int part = seed_mul(PERCENT(78), seed_mul(far, PERCENT(60) + seed_mul(far, PERCENT(40))));

	if (seed_view_has(view, SEED_SKETCH_FOG))
		part = part + seed_mul(ONE - part, seed_mul(far, PERCENT(55)));
	else if (seed_view_has(view, SEED_SKETCH_RAIN | SEED_SKETCH_STORM))
		part = part + seed_mul(ONE - part, seed_mul(far, PERCENT(25)));
	return seed_rgb_mix(colour, view->palette.haze, part);
}
