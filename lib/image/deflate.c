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
	/* 4 codes and 7 bits still held fit 64 bits. */
	CODE_MAX_BITS = 14,
	LENGTH_CODE_MAX_BITS = 7,
	/* Runs are looked for in steps of as many bytes as one comparison takes,
	 * so shorter ones are not always seen. They would gain next to nothing. */
	STEP = 16,
};

/* Block types (3.2.3), behind the bit of the last block. */
enum { TYPE_DYNAMIC = 2 };

static void put_bits(struct seed_deflate *deflate, uint64_t bits, unsigned count)
{
	uint64_t word;

	deflate->bits |= bits << deflate->held;
	deflate->held += count;
	word = htole64(deflate->bits);
	memcpy(deflate->at, &word, sizeof(word));
	deflate->at += deflate->held / 8;
	deflate->bits >>= deflate->held & ~7U;
	deflate->held &= 7;
}

static void put_code(struct seed_deflate *deflate, struct seed_huffman_code code)
{
	put_bits(deflate, code.bits, code.len);
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

/* Eight bytes, each against the one before it, the first lowest: 0 where they
 * are the same. */
static uint64_t changes(const uint8_t *at)
{
	uint64_t bytes, before;

	memcpy(&bytes, at, sizeof(bytes));
	memcpy(&before, at - 1, sizeof(before));
	return le64toh(bytes ^ before);
}

/* Where the run begins that was found at `at`. The step before was none. */
static size_t run_start(const uint8_t *data, size_t at, size_t first)
{
	uint64_t changed;

	if (at == first)
		return at;
	changed = changes(data + at - 8);
	if (!changed) {
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

/* The next run at or behind `from`: its first byte stays a literal, the rest,
 * from *start to *end, are matches of distance 1. false: no more. */
static bool next_run(const uint8_t *data, size_t from, size_t len, size_t *start, size_t *end)
{
	for (size_t at = from + 1; at + STEP <= len; at += STEP) {
		if (changes(data + at) | changes(data + at + 8))
			continue;
		*start = run_start(data, at, from + 1);
		*end = run_end(data, at + STEP, len);
		return true;
	}
	return false;
}

/* A run in matches of at least 3: how long the next one is. */
static size_t match_of(size_t left)
{
	if (left <= MATCH_MAX)
		return left;
	return left - MATCH_MAX < 3 ? left - 3 : MATCH_MAX;
}

struct block {
	uint32_t counts[SYMBOLS];
	size_t runs; /* how many of deflate->runs */
	struct seed_huffman_code codes[SYMBOLS];
};

/* In four tables, so that equal bytes do not wait for each other. */
static void count_literals(const uint8_t *data, size_t len, uint32_t counts[4][256])
{
	size_t i = 0;

	for (; i + 4 <= len; i += 4)
		for (size_t k = 0; k < 4; k++)
			counts[k][data[i + k]]++;
	for (; i < len; i++)
		counts[0][data[i]]++;
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

/* And notes where the runs are. */
static void count_symbols(const struct seed_deflate *deflate, struct block *block,
			  const uint8_t *data, size_t len)
{
	uint32_t counts[4][256] = {{0}};
	size_t from = 0, start, end;

	while (next_run(data, from, len, &start, &end)) {
		count_literals(data + from, start - from, counts);
		count_run(block, end - start);
		deflate->runs[block->runs++] = (struct seed_deflate_run){(uint32_t)start,
									 (uint32_t)end};
		from = end;
	}
	count_literals(data + from, len - from, counts);
	for (size_t i = 0; i < 256; i++)
		block->counts[i] = counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];
	block->counts[END_OF_BLOCK] = 1;
}

/* A literal's code in one word: bits, and their number from bit 16. */
static void pack_literals(const struct seed_huffman_code *codes, uint32_t words[256])
{
	for (size_t i = 0; i < 256; i++)
		words[i] = codes[i].bits | (uint32_t)codes[i].len << 16;
}

SEED_BITS static void put_literals(struct seed_deflate *deflate, const uint32_t words[256],
			 const uint8_t *data, size_t len)
{
	struct seed_deflate d = *deflate;
	size_t i = 0;

	/* By twos and fours, so that not every code waits for the last. */
	for (; i + 4 <= len; i += 4) {
		uint32_t a = words[data[i]], b = words[data[i + 1]];
		uint32_t c = words[data[i + 2]], e = words[data[i + 3]];
		unsigned a_len = a >> 16, ab_len = a_len + (b >> 16), c_len = c >> 16;
		uint64_t ab = (a & 0xffff) | (uint64_t)(b & 0xffff) << a_len;
		uint64_t ce = (c & 0xffff) | (uint64_t)(e & 0xffff) << c_len;

		put_bits(&d, ab | ce << ab_len, ab_len + c_len + (e >> 16));
	}
	for (; i < len; i++)
		put_bits(&d, words[data[i]] & 0xffff, words[data[i]] >> 16);
	*deflate = d;
}

static void put_run(struct seed_deflate *deflate, const struct seed_huffman_code *codes, size_t left)
{
	while (left) {
		size_t length = match_of(left);
		unsigned extra, extra_bits;

		put_code(deflate, codes[length_symbol(length, &extra, &extra_bits)]);
		/* And the only distance, 1, whose code is one bit of 0. */
		put_bits(deflate, extra, extra_bits + 1);
		left -= length;
	}
}

static void put_symbols(struct seed_deflate *deflate, const struct block *block,
			const uint8_t *data, size_t len)
{
	uint32_t words[256];
	size_t from = 0;

	pack_literals(block->codes, words);
	for (size_t i = 0; i < block->runs; i++) {
		const struct seed_deflate_run *run = &deflate->runs[i];

		put_literals(deflate, words, data + from, run->start - from);
		put_run(deflate, block->codes, run->end - run->start);
		from = run->end;
	}
	put_literals(deflate, words, data + from, len - from);
	put_code(deflate, block->codes[END_OF_BLOCK]);
}

/* A step of the codes' lengths as 3.2.7 packs them. */
struct packed {
	uint8_t symbol, extra, extra_bits;
};

/* Of `count` times `len`: how many the next step takes, and that step. */
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
static void put_codes(struct seed_deflate *deflate, const struct block *block)
{
	static const uint8_t order[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5,
						      11, 4, 12, 3, 13, 2, 14, 1, 15};
	struct seed_huffman_code codes[LENGTH_SYMBOLS];
	uint32_t counts[LENGTH_SYMBOLS] = {0};
	struct packed steps[SYMBOLS + 1];
	uint8_t lens[SYMBOLS + 1];
	unsigned kinds = SYMBOLS, sent = LENGTH_SYMBOLS;
	size_t n;

	while (kinds > FIRST_LENGTH && !block->codes[kinds - 1].len)
		kinds--;
	for (size_t i = 0; i < kinds; i++)
		lens[i] = (uint8_t)block->codes[i].len;
	lens[kinds] = block->runs > 0;
	n = pack_lengths(lens, kinds + 1U, steps);
	for (size_t i = 0; i < n; i++)
		counts[steps[i].symbol]++;
	seed_huffman_build(counts, LENGTH_SYMBOLS, LENGTH_CODE_MAX_BITS, codes);
	while (sent > 4 && !codes[order[sent - 1]].len)
		sent--;
	put_bits(deflate, kinds - FIRST_LENGTH, 5);
	put_bits(deflate, 0, 5);
	put_bits(deflate, sent - 4, 4);
	for (size_t i = 0; i < sent; i++)
		put_bits(deflate, codes[order[i]].len, 3);
	for (size_t i = 0; i < n; i++) {
		put_code(deflate, codes[steps[i].symbol]);
		put_bits(deflate, steps[i].extra, steps[i].extra_bits);
	}
}

void seed_deflate_init(struct seed_deflate *deflate, uint8_t *out, struct seed_deflate_run *runs)
{
	*deflate = (struct seed_deflate){.at = out, .runs = runs};
}

void seed_deflate_block(struct seed_deflate *deflate, const uint8_t *data, size_t len, bool last)
{
	struct block block = {.runs = 0};

	assert(len <= SEED_DEFLATE_BLOCK_MAX_BYTES);
	count_symbols(deflate, &block, data, len);
	seed_huffman_build(block.counts, SYMBOLS, CODE_MAX_BITS, block.codes);
	put_bits(deflate, last, 1);
	put_bits(deflate, TYPE_DYNAMIC, 2);
	put_codes(deflate, &block);
	put_symbols(deflate, &block, data, len);
	if (last && deflate->held)
		put_bits(deflate, 0, 8 - deflate->held);
}
