#include "lib/image/huffman.h"

enum { LENGTHS = 16 };

struct leaf {
	uint32_t count;
	uint16_t symbol;
};

static int by_count(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return x->symbol < y->symbol ? -1 : 1;
}

static size_t find_leaves(const uint32_t *counts, size_t symbols, struct leaf *leaves)
{
	size_t n = 0;

	for (size_t i = 0; i < symbols; i++)
		if (counts[i])
			leaves[n++] = (struct leaf){counts[i], (uint16_t)i};
	qsort(leaves, n, sizeof(*leaves), by_count);
	return n;
}

/* Joins the two rarest trees until one is left. Leaves are sorted and joins only grow, so
 * the rarest tree is always at the head of one of two queues. parents[i] becomes the join
 * of which the i-th join is a part. */
static void join_trees(const struct leaf *leaves, size_t n, uint16_t *parents)
{
	uint64_t weights[SEED_HUFFMAN_MAX_SYMBOLS];
	size_t leaf = 0, join = 0;

	for (size_t next = 0; next + 1 < n; next++) {
		weights[next] = 0;
		for (int two = 0; two < 2; two++) {
			if (leaf < n && (join == next || leaves[leaf].count <= weights[join])) {
				weights[next] += leaves[leaf++].count;
			} else {
				parents[join] = (uint16_t)next;
				weights[next] += weights[join++];
			}
		}
	}
}

/* The number of codes of each length. Seen from the root, every join
 * turns one code into two that are a bit longer. Where that would be too long, the
 * longest code that may still grow takes its place, so the code stays complete. */
static void count_lengths(const uint16_t *parents, size_t n, unsigned max_len,
			  unsigned totals[LENGTHS])
{
	uint16_t depths[SEED_HUFFMAN_MAX_SYMBOLS];

	memset(totals, 0, LENGTHS * sizeof(*totals));
	totals[1] = 2;
	depths[n - 2] = 0;
	for (size_t join = n - 2; join-- > 0;) {
		unsigned depth = depths[parents[join]] + 1U;

		depths[join] = (uint16_t)depth;
		if (depth >= max_len) {
			depth = max_len - 1;
			while (!totals[depth])
				depth--;
		}
		totals[depth]--;
		totals[depth + 1] += 2;
	}
}

static uint16_t reverse(unsigned bits, unsigned len)
{
	unsigned reversed = 0;

	for (; len; len--, bits >>= 1)
		reversed = reversed << 1 | (bits & 1);
	return (uint16_t)reversed;
}

/* RFC 1951, 3.2.2: codes of a length are consecutive, in the symbols' order. */
static void number_codes(const unsigned totals[LENGTHS], size_t symbols,
			 struct seed_huffman_code *codes)
{
	unsigned next[LENGTHS], code = 0;

	for (unsigned len = 1; len < LENGTHS; len++) {
		next[len] = code;
		code = (code + totals[len]) << 1;
	}
	for (size_t i = 0; i < symbols; i++)
		if (codes[i].len)
			codes[i].bits = reverse(next[codes[i].len]++, codes[i].len);
}

void seed_huffman_build(const uint32_t *counts, size_t symbols, unsigned max_len,
			struct seed_huffman_code *codes)
{
	struct leaf leaves[SEED_HUFFMAN_MAX_SYMBOLS];
	uint16_t parents[SEED_HUFFMAN_MAX_SYMBOLS];
	unsigned totals[LENGTHS] = {0};
	size_t n = find_leaves(counts, symbols, leaves), at = 0;

	memset(codes, 0, symbols * sizeof(*codes));
	if (!n)
		return;
	totals[1] = 1;
	if (n > 1) {
		join_trees(leaves, n, parents);
		count_lengths(parents, n, max_len, totals);
	}
	/* The rarest symbols get the longest codes. */
	for (unsigned len = max_len; len; len--)
		for (unsigned i = 0; i < totals[len]; i++)
			codes[leaves[at++].symbol].len = (uint16_t)len;
	number_codes(totals, symbols, codes);
}
