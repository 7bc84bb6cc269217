/*
 * The steps of a wave, written once for vectors of any size and compiled for two.
 * The including file says which, and for what processors. Wherever GCC compares vectors
 * that are larger than the processor's, it splits them into single bytes. So the
 * larger size does not serve everywhere: it would take eight times as long.
 */
#ifndef SEED_WAVE_STEPS_H
#define SEED_WAVE_STEPS_H

#include "lib/image/predict.h"
#include "lib/image/wave.h"

#ifndef SEED_WAVE_LANES
#define SEED_WAVE_LANES 16
#endif
#ifndef SEED_WAVE_TARGET
#define SEED_WAVE_TARGET
#endif

enum {
	LANES = SEED_WAVE_LANES,
	GROUP_ROWS = LANES / 4, /* whose words are in one vector */
	GROUPS = SEED_WAVE_ROWS / GROUP_ROWS,
};

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint32_t words __attribute__((vector_size(LANES)));

static inline uint32_t load_word(const uint8_t *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

/* A word of each of a group's rows, which are `step` bytes apart. By fours:
 * addresses can be a register and twice another one, so that a step and three of
 * them are all that has to be kept. */
#define FOUR_WORDS(low, step)                                                     \
	load_word(low), load_word((low) + (step)), load_word((low) + 2 * (step)), \
		load_word((low) + 3 * (step))

/* BELOW: what is above each row is what the one before it has, and for the first
 * of them a word from elsewhere. */
#if SEED_WAVE_LANES == 32
#define GROUP_WORDS(low, step) {FOUR_WORDS(low, step), FOUR_WORDS((low) + 4 * (step), step)}
#define BELOW(group, word) \
	__builtin_shufflevector(group, (words){word}, 8, 0, 1, 2, 3, 4, 5, 6)
#else
#define GROUP_WORDS(low, step) {FOUR_WORDS(low, step)}
#define BELOW(group, word) __builtin_shufflevector(group, (words){word}, 4, 0, 1, 2)
#endif

static inline void store_group(uint8_t *low, ptrdiff_t step, const words *group)
{
	for (int half = 0; half < GROUP_ROWS; half += 4, low += 4 * step) {
		for (int k = 0; k < 4; k++) {
			uint32_t word = (*group)[half + k];

			memcpy(low + k * step, &word, sizeof(word));
		}
	}
}

struct masks {
	lanes is_sub[GROUPS], is_up[GROUPS], is_average[GROUPS], is_paeth[GROUPS];
};

static inline void load_masks(struct masks *masks, const struct seed_wave *wave)
{
	memcpy(masks->is_sub, wave->is_sub, SEED_WAVE_BYTES);
	memcpy(masks->is_up, wave->is_up, SEED_WAVE_BYTES);
	memcpy(masks->is_average, wave->is_average, SEED_WAVE_BYTES);
	memcpy(masks->is_paeth, wave->is_paeth, SEED_WAVE_BYTES);
}

/* What all rows have above them, given what they have themselves. */
static inline void look_up(words up[GROUPS], const words last[GROUPS], const uint8_t *above)
{
	up[0] = BELOW(last[0], load_word(above));
	for (int g = 1; g < GROUPS; g++)
		up[g] = BELOW(last[g], last[g - 1][GROUP_ROWS - 1]);
}

SEED_WAVE_TARGET static void undo_steps(const struct seed_wave *wave, ptrdiff_t first, ptrdiff_t end)
{
	const ptrdiff_t in_step = wave->row_bytes + 1 - 3, out_step = wave->row_bytes - 3;
	const uint8_t *in = wave->in, *above = wave->above;
	uint8_t *out = wave->out;
	words last[GROUPS], corner[GROUPS], up[GROUPS];
	struct masks masks;

	load_masks(&masks, wave);
	for (ptrdiff_t g = 0; g < GROUPS; g++) {
		const uint8_t *from = out + g * GROUP_ROWS * out_step + (first - 1) * 3;

		corner[g] = (words)GROUP_WORDS(from - 3, out_step);
		last[g] = (words)GROUP_WORDS(from, out_step);
	}
	look_up(up, corner, above + (first - 1) * 3);
	memcpy(corner, up, sizeof(corner));
	for (ptrdiff_t at = first * 3; at < end * 3; at += 3) {
		look_up(up, last, above + at);
		for (ptrdiff_t g = 0; g < GROUPS; g++) {
			const words x = GROUP_WORDS(in + g * GROUP_ROWS * in_step + at, in_step);
			const lanes a = (lanes)last[g], b = (lanes)up[g], c = (lanes)corner[g];
			lanes best;

			SEED_PAETH(best, a, b, c);
			best = (best & masks.is_paeth[g]) | (a & masks.is_sub[g]) |
			       (b & masks.is_up[g]) | (SEED_AVERAGE(a, b) & masks.is_average[g]);
			last[g] = (words)((lanes)x + best);
			corner[g] = up[g];
			store_group(out + g * GROUP_ROWS * out_step + at, out_step, &last[g]);
		}
	}
}

#endif
