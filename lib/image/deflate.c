#include "lib/image/deflate.h"

#include <endian.h>

#include "lib/image/huffman.h"
#include "lib/image/vector.h"

enum {
	END_OF_BLOCK = 256,
	FIRST_LENGTH = 257,
	SYMBOLS = 286,
	LENGTH_SYMBOLS = 19, /* of the code that the codes' lengths are sent in */
	MATCH_MAX = 258,
	/* Two of them and their length fit the 32 bits of a pair, and four the 56 of
	 * put_bits(). */
	CODE_MAX_BITS = 13,
	/* Together with up to 7 bits that are still held, they fit 64 bits. */
	PUT_MAX_BITS = 56,
	LENGTH_CODE_MAX_BITS = 7,
	/* Runs are looked for in steps of this many bytes, so only a run of twice that is
	 * certain to be found. Shorter ones are not worth it: where runs are frequent, each
	 * of their bytes takes little more than a bit, while a match takes ten or so, and a
	 * mispredicted branch. */
	STEP = 32,
	/* The first SAMPLE of every SAMPLE_STEP literals are counted. */
	SAMPLE = 16,
	SAMPLE_STEP = 64,
	/* Roughly how many bits the header of a block takes; and a new code must save 1 /
	 * WORTH of a block's bits. */
	HEADER_BITS = 1000,
	WORTH = 128,
};

/* Block types (3.2.3), after the bit that marks the last block. */
enum { TYPE_FIXED = 1, TYPE_DYNAMIC = 2 };

static void put_bits(struct seed_deflate_bits *out, uint64_t bits, unsigned count)
{
	uint64_t word;

	out->bits |= bits << out->held;
	out->held += count;
	word = htole64(out->bits);
	memcpy(out->at, &word, sizeof(word));
	out->at += out->held / 8;
	out->bits >>= out->held & ~7U;
	out->held &= 7;
}

static void put_code(struct seed_deflate_bits *out, struct seed_huffman_code code)
{
	put_bits(out, code.bits, code.len);
}

/* 3.2.5: the symbol for a match's length, and what follows it. */
static unsigned length_symbol(size_t length, unsigned *extra, unsigned *extra_bits)
{
	unsigned value = (unsigned)length - 3, bits;

	*extra = 0;
	*extra_bits = 0;
	if (length == MATCH_MAX)
		return SYMBOLS - 1;
	if (value < 8)
		return FIRST_LENGTH + value;
	/* Four symbols for each number of extra bits. */
	bits = 29 - (unsigned)__builtin_clz(value);
	*extra_bits = bits;
	*extra = value & ((1U << bits) - 1);
	return FIRST_LENGTH + 4 * bits + (value >> bits);
}

/* Eight bytes, the first lowest, each compared with the one before it: 0 where they are
 * equal. */
static uint64_t changes(const uint8_t *at)
{
	uint64_t bytes, before;

	memcpy(&bytes, at, sizeof(bytes));
	memcpy(&before, at - 1, sizeof(before));
	return le64toh(bytes ^ before);
}

/* Where the run that was found at `at` begins. There is a change in the step before, so the
 * search ends there. */
static size_t run_start(const uint8_t *data, size_t at, size_t first)
{
	uint64_t changed;

	if (at == first)
		return at;
	changed = changes(data + at - 8);
	while (!changed) {
		at -= 8;
		changed = changes(data + at - 8);
	}
	return at - (size_t)__builtin_clzll(changed) / 8;
}

static size_t run_end(const uint8_t *data, size_t at, size_t len)
{
	for (; at + 8 <= len; at += 8) {
		uint64_t changed = changes(data + at);

		if (changed)
			return at + (size_t)__builtin_ctzll(changed) / 8;
	}
	while (at < len && data[at] == data[at - 1])
		at++;
	return at;
}

/* The next run at or after `from`: its first byte stays a literal; the rest, from *start to
 * *end, becomes matches of distance 1. False: no more. */
static bool next_run(const uint8_t *data, size_t from, size_t len, size_t *start, size_t *end)
{
	for (size_t at = from + 1; at + STEP <= len; at += STEP) {
		if (changes(data + at) | changes(data + at + 8) |
		    changes(data + at + 16) | changes(data + at + 24))
			continue;
		*start = run_start(data, at, from + 1);
		*end = run_end(data, at + STEP, len);
		return true;
	}
	return false;
}

/* A run is split into matches of at least 3: the length of the next one. */
static size_t match_of(size_t left)
{
	if (left <= MATCH_MAX)
		return left;
	return left - MATCH_MAX < 3 ? left - 3 : MATCH_MAX;
}

struct block {
	uint32_t counts[SYMBOLS];
	size_t runs; /* how many of deflate->runs */
};

/* Counts the literals from `from` to `to` that are in the sample. There are four tables, so
 * that equal bytes do not wait for each other. */
static void count_literals(const uint8_t *data, size_t from, size_t to, uint32_t counts[4][256])
{
	size_t i = from;

	while (i < to) {
		size_t end = i / SAMPLE_STEP * SAMPLE_STEP + SAMPLE;

		end = end < to ? end : to;
		for (; i + 4 <= end; i += 4)
			for (size_t k = 0; k < 4; k++)
				counts[k][data[i + k]]++;
		for (; i < end; i++)
			counts[0][data[i]]++;
		i = (i / SAMPLE_STEP + 1) * SAMPLE_STEP;
	}
}

static void count_run(struct block *block, size_t left)
{
	while (left) {
		size_t length = match_of(left);
		unsigned extra, extra_bits;

		block->counts[length_symbol(length, &extra, &extra_bits)]++;
		left -= length;
	}
}

/* Counts all symbols, and notes where the runs are. */
static void count_symbols(const struct seed_deflate *deflate, struct block *block,
			  const uint8_t *data, size_t len)
{
	uint32_t counts[4][256] = {{0}};
	size_t from = 0, start, end;

	while (next_run(data, from, len, &start, &end)) {
		count_literals(data, from, start, counts);
		count_run(block, end - start);
		deflate->scratch->runs[block->runs++] = (struct seed_deflate_run){(uint32_t)start,
									 (uint32_t)end};
		from = end;
	}
	count_literals(data, from, len, counts);
	for (size_t i = 0; i < 256; i++)
		block->counts[i] = (counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i]) *
				   (SAMPLE_STEP / SAMPLE);
	/* Bytes outside the sample, and in later data, need a code, too. */
	for (size_t i = 0; i < SYMBOLS; i++)
		block->counts[i]++;
}

/* Every pair of literals, the first one in the index's lower byte: how many bits
 * both take (6), and from bit 6 the bits themselves. */
SEED_VECTOR static void fill_pairs(const struct seed_huffman_code *codes, uint32_t *restrict pairs)
{
	uint32_t bits[256], lens[256];

	for (size_t i = 0; i < 256; i++) {
		bits[i] = codes[i].bits;
		lens[i] = codes[i].len;
	}
	for (size_t second = 0; second < 256; second++, pairs += 256)
		for (size_t first = 0; first < 256; first++)
			pairs[first] = (bits[first] | bits[second] << lens[first]) << 6 |
				       (lens[first] + lens[second]);
}

/* A pair's bits; the processor takes a shift's lowest six bits, so its length
 * needs no mask. */
#define PAIR_BITS(pair) ((uint64_t)(pair) >> 6)
#define SHIFT(bits, count) ((bits) << ((count) & 63))

SEED_BITS static void put_literals(struct seed_deflate *deflate, const uint8_t *data, size_t len)
{
	const uint32_t *pairs = deflate->scratch->pairs;
	struct seed_deflate_bits out = deflate->out;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t bytes, ab, ce;
		uint32_t a, b, c, e;
		unsigned ab_len, ce_len;

		memcpy(&bytes, data + i, sizeof(bytes));
		bytes = le64toh(bytes);
		a = pairs[bytes & 0xffff];
		b = pairs[bytes >> 16 & 0xffff];
		c = pairs[bytes >> 32 & 0xffff];
		e = pairs[bytes >> 48];
		ab = PAIR_BITS(a) | SHIFT(PAIR_BITS(b), a);
		ce = PAIR_BITS(c) | SHIFT(PAIR_BITS(e), c);
		ab_len = (a + b) & 63;
		ce_len = (c + e) & 63;
		if (ab_len + ce_len <= PUT_MAX_BITS) {
			put_bits(&out, ab | ce << ab_len, ab_len + ce_len);
		} else {
			put_bits(&out, ab, ab_len);
			put_bits(&out, ce, ce_len);
		}
	}
	for (; i < len; i++)
		put_bits(&out, deflate->codes[data[i]].bits, deflate->codes[data[i]].len);
	deflate->out = out;
}

static void put_run(struct seed_deflate *deflate, size_t left)
{
	while (left) {
		size_t length = match_of(left);
		unsigned extra, extra_bits;

		put_code(&deflate->out, deflate->codes[length_symbol(length, &extra, &extra_bits)]);
		/* Then the only distance, 1, whose code is one 0 bit. */
		put_bits(&deflate->out, extra, extra_bits + 1);
		left -= length;
	}
}

static void put_symbols(struct seed_deflate *deflate, const struct block *block,
			const uint8_t *data, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < block->runs; i++) {
		const struct seed_deflate_run *run = &deflate->scratch->runs[i];

		put_literals(deflate, data + from, run->start - from);
		put_run(deflate, run->end - run->start);
		from = run->end;
	}
	put_literals(deflate, data + from, len - from);
}

/* A step of the codes' lengths as 3.2.7 packs them. */
struct packed {
	uint8_t symbol, extra, extra_bits;
};

/* How many of `count` lengths of `len` the next step takes, and that step. */
static size_t pack_step(unsigned len, size_t count, bool repeated, struct packed *step)
{
	if (!len && count >= 11) {
		count = count < 138 ? count : 138;
		*step = (struct packed){18, (uint8_t)(count - 11), 7};
	} else if (!len && count >= 3) {
		*step = (struct packed){17, (uint8_t)(count - 3), 3};
	} else if (repeated && count >= 3) {
		count = count < 6 ? count : 6;
		*step = (struct packed){16, (uint8_t)(count - 3), 2};
	} else {
		count = 1;
		*step = (struct packed){(uint8_t)len, 0, 0};
	}
	return count;
}

static size_t pack_lengths(const uint8_t *lens, size_t n, struct packed *steps)
{
	size_t count = 0;

	for (size_t i = 0; i < n;) {
		size_t same = 1;

		while (i + same < n && lens[i + same] == lens[i])
			same++;
		i += pack_step(lens[i], same, i && lens[i - 1] == lens[i], &steps[count++]);
	}
	return count;
}

/* 3.2.7: how many codes of each kind, their lengths, and before them the code
 * in which those are sent. */
static void put_codes(struct seed_deflate_bits *out, const struct seed_huffman_code codes[SYMBOLS])
{
	static const uint8_t order[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5,
						      11, 4, 12, 3, 13, 2, 14, 1, 15};
	struct seed_huffman_code packing[LENGTH_SYMBOLS];
	uint32_t counts[LENGTH_SYMBOLS] = {0};
	struct packed steps[SYMBOLS + 1];
	uint8_t lens[SYMBOLS + 1];
	unsigned sent = LENGTH_SYMBOLS;
	size_t n;

	for (size_t i = 0; i < SYMBOLS; i++)
		lens[i] = (uint8_t)codes[i].len;
	lens[SYMBOLS] = 1; /* of the only distance */
	n = pack_lengths(lens, SYMBOLS + 1, steps);
	for (size_t i = 0; i < n; i++)
		counts[steps[i].symbol]++;
	seed_huffman_build(counts, LENGTH_SYMBOLS, LENGTH_CODE_MAX_BITS, packing);
	while (sent > 4 && !packing[order[sent - 1]].len)
		sent--;
	put_bits(out, SYMBOLS - FIRST_LENGTH, 5);
	put_bits(out, 0, 5);
	put_bits(out, sent - 4, 4);
	for (size_t i = 0; i < sent; i++)
		put_bits(out, packing[order[i]].len, 3);
	for (size_t i = 0; i < n; i++) {
		put_code(out, packing[steps[i].symbol]);
		put_bits(out, steps[i].extra, steps[i].extra_bits);
	}
}

/* How many bits these symbols take. */
static uint64_t cost_of(const struct block *block, const struct seed_huffman_code codes[SYMBOLS])
{
	uint64_t bits = 0;

	for (size_t i = 0; i < SYMBOLS; i++)
		bits += (uint64_t)block->counts[i] * codes[i].len;
	return bits;
}

static void begin_block(struct seed_deflate *deflate, const struct seed_huffman_code codes[SYMBOLS])
{
	if (deflate->open)
		put_code(&deflate->out, deflate->codes[END_OF_BLOCK]);
	memcpy(deflate->codes, codes, sizeof(deflate->codes));
	fill_pairs(codes, deflate->scratch->pairs);
	/* Never the last: that is not known yet. */
	put_bits(&deflate->out, 0, 1);
	put_bits(&deflate->out, TYPE_DYNAMIC, 2);
	put_codes(&deflate->out, codes);
	deflate->open = true;
}

void seed_deflate_init(struct seed_deflate *deflate, uint8_t *out,
		       struct seed_deflate_scratch *scratch)
{
	deflate->out = (struct seed_deflate_bits){.at = out};
	deflate->scratch = scratch;
	deflate->open = false;
}

void seed_deflate_add(struct seed_deflate *deflate, const uint8_t *data, size_t len)
{
	struct seed_huffman_code codes[SYMBOLS];
	struct block block = {.runs = 0};
	uint64_t cost;

	assert(len <= SEED_DEFLATE_ADD_MAX_BYTES);
	count_symbols(deflate, &block, data, len);
	seed_huffman_build(block.counts, SYMBOLS, CODE_MAX_BITS, codes);
	cost = cost_of(&block, codes);
	if (!deflate->open || cost_of(&block, deflate->codes) > cost + cost / WORTH + HEADER_BITS)
		begin_block(deflate, codes);
	put_symbols(deflate, &block, data, len);
}

void seed_deflate_end(struct seed_deflate *deflate)
{
	struct seed_deflate_bits *out = &deflate->out;

	if (deflate->open)
		put_code(out, deflate->codes[END_OF_BLOCK]);
	/* The last block is empty, of fixed codes: 7 bits of 0 (3.2.6). */
	put_bits(out, 1, 1);
	put_bits(out, TYPE_FIXED, 2);
	put_bits(out, 0, 7);
	if (out->held)
		put_bits(out, 0, 8 - out->held);
}
