/*
 * RFC 1950 and 1951. Written for filtered rows of photographs, which are mostly
 * literals: one look into a table gives up to three of them. Codes too long
 * for the table, and everything near the end of the input or the output, go the
 * slow way, a symbol at a time and with every bound checked.
 */
#include "lib/image/inflate.h"

#include <endian.h>
#include <libdeflate.h>

enum {
	CODE_MAX_BITS = 15,
	SYMBOLS_MAX = 288,
	LITERAL_SYMBOLS_MAX = 286, /* that a dynamic block may describe */
	DISTANCE_SYMBOLS_MAX = 30,
	LENGTH_CODES = 19,
	END_OF_BLOCK = 256,
	TABLE_BITS = 11,
	DISTANCE_TABLE_BITS = 9,
	MATCH_MAX = 258,
	/* What the fast way may write in one turn: literals of one refill and a
	 * match, and as much as a wide store goes too far. */
	TURN_MAX_BYTES = 5 * 3 + MATCH_MAX + 8,
};

/* An entry of a table: up to three literals from the lowest byte, the bits they
 * take, and how many they are. Count 0: another symbol, or if all is 0, a code
 * that is too long for the table, or none. */
#define ENTRY(literals, bits, count) \
	((uint32_t)(literals) | (uint32_t)(bits) << 24 | (uint32_t)(count) << 28)
#define ENTRY_BITS(entry) ((entry) >> 24 & 15)
#define ENTRY_COUNT(entry) ((entry) >> 28)

/* A canonical code (3.2.2): its symbols in order, and how many of each length. */
struct code {
	uint16_t counts[CODE_MAX_BITS + 1];
	uint16_t symbols[SYMBOLS_MAX];
};

struct inflater {
	const uint8_t *in, *in_end;
	uint8_t *out, *out_begin, *out_end;
	uint64_t bits; /* the next, the first lowest; 0 behind `held` */
	unsigned held;
	struct code literals, distances;
	uint32_t table[1 << TABLE_BITS];
	uint32_t distance_table[1 << DISTANCE_TABLE_BITS];
};

/* 3.2.5. */
static const uint16_t length_bases[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35,
				   43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint16_t distance_bases[] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
				     257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
				     8193, 12289, 16385, 24577};

/* Extra bits of the length symbol 257 + at, and of a distance symbol. */
static unsigned length_bits(unsigned at)
{
	return at >= 8 && at < 28 ? at / 4 - 1 : 0;
}

static unsigned distance_bits(unsigned symbol)
{
	return symbol >= 4 ? symbol / 2 - 1 : 0;
}

/* At least 56 bits, or all there are. */
static void refill(struct inflater *z)
{
	while (z->held < 56 && z->in < z->in_end) {
		z->bits |= (uint64_t)*z->in++ << z->held;
		z->held += 8;
	}
}

/* false: the input ends. At most 16 bits. */
static bool take(struct inflater *z, unsigned count, unsigned *value)
{
	refill(z);
	if (z->held < count)
		return false;
	*value = (unsigned)(z->bits & ((1U << count) - 1));
	z->bits >>= count;
	z->held -= count;
	return true;
}

/* One symbol, a bit at a time; -1: the input ends, or there is no such code. */
static int take_symbol(struct inflater *z, const struct code *code)
{
	unsigned value = 0, first = 0, index = 0;

	refill(z);
	for (unsigned len = 1; len <= CODE_MAX_BITS && len <= z->held; len++) {
		value |= (unsigned)(z->bits >> (len - 1)) & 1;
		if (value - first < code->counts[len]) {
			z->bits >>= len;
			z->held -= len;
			return code->symbols[index + value - first];
		}
		index += code->counts[len];
		first = (first + code->counts[len]) << 1;
		value <<= 1;
	}
	return -1;
}

/* 3.2.2. false: more codes than there are, or fewer, which zlib only allows
 * where it is one code of one bit (or, if `may_be_empty`, none). */
static bool build_code(struct code *code, const uint8_t *lens, size_t symbols, bool may_be_empty)
{
	uint16_t offsets[CODE_MAX_BITS + 2] = {0};
	int left = 1, longest = 0;

	memset(code->counts, 0, sizeof(code->counts));
	for (size_t i = 0; i < symbols; i++)
		code->counts[lens[i]]++;
	code->counts[0] = 0;
	for (int len = 1; len <= CODE_MAX_BITS; len++) {
		left = left * 2 - code->counts[len];
		if (left < 0)
			return false;
		if (code->counts[len])
			longest = len;
		offsets[len + 1] = (uint16_t)(offsets[len] + code->counts[len]);
	}
	for (size_t i = 0; i < symbols; i++)
		if (lens[i])
			code->symbols[offsets[lens[i]]++] = (uint16_t)i;
	return !left || longest == 1 || (!longest && may_be_empty);
}

static unsigned reverse(unsigned bits, unsigned len)
{
	unsigned reversed = 0;

	for (; len; len--, bits >>= 1)
		reversed = reversed << 1 | (bits & 1);
	return reversed;
}

/* Each symbol at every index that begins with its code. */
static void fill_table(uint32_t *table, unsigned table_bits, const struct code *code)
{
	unsigned value = 0, index = 0;

	memset(table, 0, sizeof(*table) << table_bits);
	for (unsigned len = 1; len <= table_bits; len++, value <<= 1) {
		for (unsigned n = code->counts[len]; n; n--, value++, index++) {
			unsigned symbol = code->symbols[index];

			for (unsigned at = reverse(value, len); at < 1U << table_bits;
			     at += 1U << len)
				table[at] = ENTRY(symbol, len, 0);
		}
	}
}

/* Literals get those that follow in the same bits, from the last index to the
 * first: what follows has a smaller one (or is 0 itself), so it still is a
 * single symbol. */
static void join_literals(uint32_t *table)
{
	for (unsigned at = 1U << TABLE_BITS; at-- > 0;) {
		uint32_t entry = table[at];
		unsigned bits = ENTRY_BITS(entry), count = 1;
		uint32_t literals = entry & 0xffff;

		if (!entry || literals >= END_OF_BLOCK)
			continue;
		for (; count < 3; count++) {
			uint32_t next = table[at >> bits];

			if (!next || (next & 0xffff) >= END_OF_BLOCK ||
			    bits + ENTRY_BITS(next) > TABLE_BITS)
				break;
			literals |= (next & 0xff) << (8 * count);
			bits += ENTRY_BITS(next);
		}
		table[at] = ENTRY(literals, bits, count);
	}
}

static bool fixed_codes(struct inflater *z)
{
	uint8_t lens[SYMBOLS_MAX];

	for (int i = 0; i < SYMBOLS_MAX; i++)
		lens[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	if (!build_code(&z->literals, lens, SYMBOLS_MAX, false))
		return false;
	memset(lens, 5, 32);
	return build_code(&z->distances, lens, 32, false);
}

/* 3.2.7: `count` lengths, packed. */
static bool take_lengths(struct inflater *z, const struct code *code, uint8_t *lens, size_t count)
{
	size_t i = 0;

	while (i < count) {
		int symbol = take_symbol(z, code);
		unsigned repeat, bits = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
		uint8_t len = 0;

		if (symbol < 0)
			return false;
		if (symbol < 16) {
			lens[i++] = (uint8_t)symbol;
			continue;
		}
		if (!take(z, bits, &repeat) || (symbol == 16 && !i))
			return false;
		repeat += symbol == 18 ? 11 : 3;
		if (repeat > count - i)
			return false;
		if (symbol == 16)
			len = lens[i - 1];
		memset(lens + i, len, repeat);
		i += repeat;
	}
	return true;
}

static bool dynamic_codes(struct inflater *z)
{
	static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5,
						    11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t lens[LITERAL_SYMBOLS_MAX + DISTANCE_SYMBOLS_MAX] = {0};
	uint8_t packing[LENGTH_CODES] = {0};
	unsigned literals, distances, packed, len;
	struct code code;

	if (!take(z, 5, &literals) || !take(z, 5, &distances) || !take(z, 4, &packed))
		return false;
	literals += 257;
	distances += 1;
	packed += 4;
	if (literals > LITERAL_SYMBOLS_MAX || distances > DISTANCE_SYMBOLS_MAX)
		return false;
	for (unsigned i = 0; i < packed; i++) {
		if (!take(z, 3, &len))
			return false;
		packing[order[i]] = (uint8_t)len;
	}
	/* zlib wants this code complete, even if it is of one symbol. */
	if (!build_code(&code, packing, LENGTH_CODES, false) ||
	    (code.counts[1] == 1 && !packing[code.symbols[0]]) ||
	    !take_lengths(z, &code, lens, literals + distances))
		return false;
	return lens[END_OF_BLOCK] && build_code(&z->literals, lens, literals, false) &&
	       build_code(&z->distances, lens + literals, distances, true);
}

/* A match whose length's symbol has been read. */
static bool copy_match(struct inflater *z, int symbol)
{
	unsigned at = (unsigned)symbol - 257, extra, length, distance;

	if (symbol >= LITERAL_SYMBOLS_MAX)
		return false;
	if (!take(z, length_bits(at), &extra))
		return false;
	length = length_bases[at] + extra;
	symbol = take_symbol(z, &z->distances);
	if (symbol < 0 || symbol >= DISTANCE_SYMBOLS_MAX)
		return false;
	if (!take(z, distance_bits((unsigned)symbol), &extra))
		return false;
	distance = distance_bases[symbol] + extra;
	if (distance > (size_t)(z->out - z->out_begin) || length > (size_t)(z->out_end - z->out))
		return false;
	if (distance >= length)
		memcpy(z->out, z->out - distance, length);
	else if (distance == 1)
		memset(z->out, z->out[-1], length);
	else
		for (unsigned i = 0; i < length; i++)
			z->out[i] = z->out[(ptrdiff_t)i - (ptrdiff_t)distance];
	z->out += length;
	return true;
}

/* What the fast way keeps in registers. */
struct fast {
	const uint8_t *in;
	uint8_t *out;
	uint64_t bits;
	unsigned held;
};

/* At least 56 bits; eight bytes must be there. Above what is held, bits may
 * already be set, as they will be. */
static inline void refill_fast(struct fast *f)
{
	uint64_t word;

	memcpy(&word, f->in, sizeof(word));
	f->bits |= le64toh(word) << f->held;
	f->in += (63 - f->held) / 8;
	f->held |= 56;
}

static inline unsigned drop_bits(struct fast *f, unsigned count)
{
	unsigned value = (unsigned)(f->bits & ((UINT64_C(1) << count) - 1));

	f->bits >>= count;
	f->held -= count;
	return value;
}

/* In steps of eight bytes where they do not overlap; up to seven too many. */
static inline void copy_fast(uint8_t *out, unsigned distance, unsigned length)
{
	const uint8_t *from = out - distance;
	uint8_t *end = out + length;

	if (distance >= 8) {
		for (; out < end; out += 8, from += 8)
			memcpy(out, from, 8);
	} else if (distance == 1) {
		memset(out, *from, length);
	} else {
		while (out < end)
			*out++ = *from++;
	}
}

/* The match that `entry` begins, after a refill: at most 11 + 5 + 9 + 13 bits.
 * false: nothing was taken, the slow way must see to it. */
static inline bool match_fast(const struct inflater *z, struct fast *f, uint32_t entry)
{
	struct fast next = *f;
	unsigned at = (entry & 0xffff) - 257, length, distance, symbol;

	if ((entry & 0xffff) <= END_OF_BLOCK || at >= SEED_ARRAY_LEN(length_bases))
		return false;
	drop_bits(&next, ENTRY_BITS(entry));
	length = length_bases[at] + drop_bits(&next, length_bits(at));
	entry = z->distance_table[next.bits & ((1U << DISTANCE_TABLE_BITS) - 1)];
	symbol = entry & 0xffff;
	if (!entry || symbol >= SEED_ARRAY_LEN(distance_bases))
		return false;
	drop_bits(&next, ENTRY_BITS(entry));
	distance = distance_bases[symbol] + drop_bits(&next, distance_bits(symbol));
	if (distance > (size_t)(next.out - z->out_begin))
		return false;
	copy_fast(next.out, distance, length);
	next.out += length;
	*f = next;
	return true;
}

/* As long as the tables know the codes and there is room on both sides. */
static void take_fast(struct inflater *z)
{
	struct fast f = {z->in, z->out, z->bits, z->held};

	while (z->in_end - f.in >= 16 && z->out_end - f.out >= TURN_MAX_BYTES) {
		uint32_t entry = 0;

		refill_fast(&f);
		/* Five times eleven bits. */
		for (int i = 0; i < 5; i++) {
			uint32_t literals;

			entry = z->table[f.bits & ((1U << TABLE_BITS) - 1)];
			if (!ENTRY_COUNT(entry))
				break;
			literals = htole32(entry);
			memcpy(f.out, &literals, sizeof(literals));
			f.out += ENTRY_COUNT(entry);
			drop_bits(&f, ENTRY_BITS(entry));
		}
		if (ENTRY_COUNT(entry))
			continue;
		refill_fast(&f);
		if (!match_fast(z, &f, entry))
			break;
	}
	z->in = f.in;
	z->out = f.out;
	/* The slow way wants 0 above what is held. */
	z->bits = f.bits & ((UINT64_C(1) << f.held) - 1);
	z->held = f.held;
}

static bool take_block(struct inflater *z)
{
	fill_table(z->table, TABLE_BITS, &z->literals);
	join_literals(z->table);
	fill_table(z->distance_table, DISTANCE_TABLE_BITS, &z->distances);
	for (;;) {
		int symbol;

		take_fast(z);
		symbol = take_symbol(z, &z->literals);
		if (symbol < 0)
			return false;
		if (symbol == END_OF_BLOCK)
			return true;
		if (symbol > END_OF_BLOCK) {
			if (!copy_match(z, symbol))
				return false;
		} else {
			if (z->out == z->out_end)
				return false;
			*z->out++ = (uint8_t)symbol;
		}
	}
}

/* Whole bytes that were taken too early go back. */
static void align(struct inflater *z)
{
	z->in -= z->held / 8;
	z->bits = 0;
	z->held = 0;
}

/* 3.2.4. */
static bool take_stored(struct inflater *z)
{
	size_t len;

	align(z);
	if (z->in_end - z->in < 4)
		return false;
	len = z->in[0] | (size_t)z->in[1] << 8;
	if ((len ^ (z->in[2] | (size_t)z->in[3] << 8)) != 0xffff)
		return false;
	z->in += 4;
	if (len > (size_t)(z->in_end - z->in) || len > (size_t)(z->out_end - z->out))
		return false;
	memcpy(z->out, z->in, len);
	z->in += len;
	z->out += len;
	return true;
}

static bool take_blocks(struct inflater *z)
{
	unsigned last = 0, type;

	while (!last) {
		bool right;

		if (!take(z, 1, &last) || !take(z, 2, &type))
			return false;
		if (type == 0)
			right = take_stored(z);
		else if (type == 1)
			right = fixed_codes(z) && take_block(z);
		else
			right = type == 2 && dynamic_codes(z) && take_block(z);
		if (!right)
			return false;
	}
	align(z);
	return true;
}

/* RFC 1950, 2.2: deflate with a window of 32 KiB, no dictionary. A smaller
 * window would have to be enforced, which is zlib's business. */
static bool header_is_common(const uint8_t *in, size_t len)
{
	return len > 2 && in[0] == 0x78 && !(in[1] & 0x20) && ((unsigned)in[0] << 8 | in[1]) % 31 == 0;
}

bool seed_inflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct inflater z;
	uint32_t sum;

	if (!header_is_common(in, in_len))
		return false;
	z.in = in + 2;
	z.in_end = in + in_len;
	z.out = out;
	z.out_begin = out;
	z.out_end = out + out_len;
	z.bits = 0;
	z.held = 0;
	if (!take_blocks(&z) || z.out != z.out_end || z.in_end - z.in != 4)
		return false;
	sum = (uint32_t)z.in[0] << 24 | (uint32_t)z.in[1] << 16 | (uint32_t)z.in[2] << 8 | z.in[3];
	return libdeflate_adler32(1, out, out_len) == sum;
}
