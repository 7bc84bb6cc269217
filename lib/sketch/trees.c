#include "lib/sketch/parts.h"

/* Balls of leaves in a crown. */
#define CROWN_BALLS 70

struct tree {
	int64_t x, foot, height; /* coordinates */
	uint32_t hash;
	struct seed_rgb dark, lit;
	int side;                /* -1 or 1: where the light comes from */
};

static int64_t tree_height(const struct seed_wood *wood, uint32_t hash)
{
	int64_t tall = UNIT * 14 / 1000 +
		       seed_mul(wood->near, seed_mul(wood->near, wood->near)) * (UNIT * 19 / 100) / ONE +
		       wood->near * (UNIT * 4 / 100) / ONE;
	int spread = seed_chance(hash, 1);

	return tall * (PERCENT(50) + seed_mul(spread, PERCENT(65))) / ONE;
}

/* Half the width of a fir at a part of its height. Its branches are in tiers, each wider
 * than the one above, with frayed ends. */
static int64_t fir_half(const struct tree *tree, int down, int64_t row)
{
	int tiers = 6 + (int)(tree->hash >> 4 & 3);
	int within = down * tiers & (ONE - 1);
	int wide = seed_mul(down, PERCENT(62) + seed_mul(within, PERCENT(45)));
	int frayed = seed_mul(wide, PERCENT(80) + seed_chance(tree->hash, (int)row) * 2 / 5);

	return tree->height * frayed * 19 / 100 / ONE + tree->height / 120;
}

static void paint_fir(struct seed_view *view, const struct tree *tree)
{
	int64_t top = seed_to_pixel(view, tree->foot - tree->height);
	int64_t end = seed_to_pixel(view, tree->foot);
	int64_t middle = seed_to_fine(view, tree->x);

	for (int64_t y = top < 0 ? 0 : top; y <= end && y < view->canvas.height; y++) {
		int down = (int)((y - top) * ONE / (end - top + 1));
		int64_t left = seed_to_fine(view, fir_half(tree, down, y * 2));
		int64_t right = seed_to_fine(view, fir_half(tree, down, y * 2 + 1));
		int grain = seed_chance(tree->hash, (int)(y / 2) + 4000);

		seed_canvas_span(&view->canvas, y, middle - left, middle + right, tree->dark, ONE);
		/* The branches' ends on the side of the light. */
		if (tree->side > 0)
			seed_canvas_span(&view->canvas, y, middle + right * grain / ONE, middle + right,
					 tree->lit, PERCENT(45));
		else
			seed_canvas_span(&view->canvas, y, middle - left, middle - left * grain / ONE,
					 tree->lit, PERCENT(45));
	}
}

static struct seed_rgb leaf_colour(const struct tree *tree, uint32_t hash)
{
	static const uint32_t leaves[] = {0xc8501c, 0xd98a1e, 0x9c2c18, 0xe0b030, 0xb8431a, 0x7a5a1c};

	return seed_rgb_mix(tree->lit, seed_rgb_hex(leaves[hash % SEED_ARRAY_LEN(leaves)]), PERCENT(50));
}

static void paint_ball(struct seed_view *view, const struct tree *tree, int i)
{
	uint32_t hash = seed_hash(tree->hash, i, 5);
	/* Dark balls below and behind, lit ones above and towards the light. */
	int level = ONE * i / CROWN_BALLS;
	int64_t radius = tree->height * (4 + (int64_t)(hash >> 8 & 3)) / 100 +
			 tree->height * (ONE - level) / ONE * 5 / 100;
	int across = seed_chance(hash, 1) - ONE / 2, up = seed_chance(hash, 2) - ONE / 2;
	/* The crown is round: the higher or lower a ball, the nearer to the middle. */
	int room = ONE - seed_mul(up * 2, up * 2) * 7 / 10;
	int64_t x = tree->x + tree->height * seed_mul(across, room) * 62 / 100 / ONE +
		    tree->side * tree->height * level / ONE * 5 / 100;
	int64_t y = tree->foot - tree->height * 62 / 100 + tree->height * up * 60 / 100 / ONE -
		    tree->height * level / ONE * 7 / 100;
	struct seed_rgb leaf = leaf_colour(tree, (tree->hash >> 3) + ((hash >> 20 & 3) == 0));
	struct seed_rgb colour = seed_rgb_mix(tree->dark, leaf, PERCENT(15) + seed_mul(level, PERCENT(80)));

	seed_canvas_disc(&view->canvas, seed_to_fine(view, x), seed_to_fine(view, y),
			 seed_to_fine(view, radius), colour, PERCENT(88));
}

static void paint_leafy(struct seed_view *view, const struct tree *tree)
{
	int64_t middle = seed_to_fine(view, tree->x);
	int64_t half = seed_to_fine(view, tree->height / 60 + 1);

	for (int64_t y = seed_to_pixel(view, tree->foot - tree->height * 60 / 100);
	     y <= seed_to_pixel(view, tree->foot); y++)
		if (y >= 0 && y < view->canvas.height)
			seed_canvas_span(&view->canvas, y, middle - half, middle + half, tree->dark, ONE);
	for (int i = 0; i < CROWN_BALLS; i++)
		paint_ball(view, tree, i);
}

static void paint_tree(struct seed_view *view, const struct seed_wood *wood, int64_t x, uint32_t hash)
{
	int64_t column = seed_clamp(seed_to_pixel(view, x), 0, (int)view->canvas.width - 1);
	struct tree tree = {.x = x, .hash = hash, .height = tree_height(wood, hash)};
	int shade = PERCENT(75) + seed_chance(hash, 3) / 2;

	tree.foot = wood->line[column] + tree.height / 12;
	tree.side = view->light_x > x ? 1 : -1;
	tree.dark = seed_hazed(view, seed_rgb_scale(wood->dark, shade), wood->near);
	tree.lit = seed_hazed(view, seed_rgb_scale(wood->lit, shade), wood->near);
	if (wood->leafy && seed_chance(hash, 4) < PERCENT(80))
		paint_leafy(view, &tree);
	else
		paint_fir(view, &tree);
}

void seed_paint_wood(struct seed_view *view, const struct seed_wood *wood)
{
	int64_t spacing = tree_height(wood, 0) * (wood->leafy ? 30 : 17) / 100 + UNIT / 400;

	for (int64_t i = -2; i * spacing < view->width + 2 * spacing; i++) {
		uint32_t hash = seed_hash(wood->seed, i, 1);
		int64_t x = i * spacing + spacing * seed_chance(hash, 2) / ONE;
		/* Groves and clearings. */
		int grove = seed_noise(wood->seed + 1, x * 3, UNIT / 2) + seed_chance(hash, 5) / 3;

		if (grove < ONE - 2 * wood->thick + PERCENT(16))
			continue;
		paint_tree(view, wood, x, hash);
	}
}
