/*
 * RFC 1950 and 1951. Mispredicted branches decide the speed. So one table look-up gives up
 * to three literals and the match after them, and everything that depends on lengths is
 * done with shifts. The end of a block, errors, and everything near the end of the input go
 * the slow way, a symbol at a time.
 *
 * Before anything is written there is room for the most that one turn can write, so no
 * other code checks for room. When room runs out, inflating pauses between two symbols. The
 * caller then takes what has been inflated, and what is still needed, at least a window,
 * moves to the beginning of the buffer.
 */
#include "lib/image/inflate.h"

#include <endian.h>
#include <libdeflate.h>

#include "lib/image/vector.h"

enum {
	CODE_MAX_BITS = 15,
	SYMBOLS_MAX = 288,
	LITERAL_SYMBOLS_MAX = 286, /* that a dynamic block may describe */
	DISTANCE_SYMBOLS_MAX = 30,
	LENGTH_CODES = 19,
	END_OF_BLOCK = 256,
	TABLE_BITS = 11,
	DISTANCE_TABLE_BITS = 9,
	PACKING_TABLE_BITS = 7, /* the longest such code */
	/* Expensive work must pay: tables are filled only after SLOW_SYMBOLS symbols, and
	 * their literals joined, which takes ten times as long, only after JOIN_BYTES
	 * bytes. */
	SLOW_SYMBOLS = 64,
	JOIN_BYTES = 2048,
	LITERALS_MAX = 3,	/* in an entry */
	TURN_LOOKS = 4,		/* of TABLE_BITS each: they and one more fit a refill's 56 */
	TURN_IN_BYTES = 24,	/* three refills */
	MATCH_MAX = 258,
	COPY_BYTES = 16,
	WINDOW_BYTES = 32768, /* as far back as distances reach */
	IN_BYTES = 32768,     /* that are read at once */
	/* Input that was read too early is given back, up to eight whole bytes. */
	IN_KEPT_BYTES = 8,
	AHEAD_BYTES = 65536, /* that are inflated at once, or more */
	/* The most that the fast way writes in one turn: the literals of one refill, those
	 * before a match, the match, and what wide stores write beyond it. */
	TURN_MAX_BYTES = (TURN_LOOKS + 1) * LITERALS_MAX + MATCH_MAX + 2 * COPY_BYTES,
};

/*
 * An entry of a table, from its lowest bit: the number of bits that it takes in all (6);
 * at 8, how many of them come before the extra bits; at 16, the least length or
 * distance, or the symbol of a packed length; at 32, literals; at 56, the number of
 * literals; at 63, whether there are only literals. 0: the code is too long for
 * the table, or does not exist.
 */
#define ENTRY_BITS(bits) ((uint64_t)(bits) * 0x101)
#define ENTRY_EXTRA(bits) ((uint64_t)(bits))
#define ENTRY_VALUE(value) ((uint64_t)(value) << 16)
#define ENTRY_LITERAL(literal) ((uint64_t)(literal) << 32)
#define ENTRY_COUNT(count) ((uint64_t)(count) << 56)
#define ENTRY_ONLY_LITERALS (UINT64_C(1) << 63)

static inline unsigned entry_bits(uint64_t entry)
{
	return entry & 63;
}

static inline unsigned entry_code_bits(uint64_t entry)
{
	return entry >> 8 & 63;
}

static inline unsigned entry_value(uint64_t entry)
{
	return entry >> 16 & 0xffff;
}

static inline unsigned entry_count(uint64_t entry)
{
	return entry >> 56 & 3;
}

/* A canonical code (3.2.2): its symbols in order, how many of each length there
 * are, and of these the first one's code and place. */
struct code {
	uint16_t counts[CODE_MAX_BITS + 1];
	uint16_t firsts[CODE_MAX_BITS + 1];
	uint16_t places[CODE_MAX_BITS + 1];
	uint16_t symbols[SYMBOLS_MAX];
};

/* A block's two codes, and tables for the fast way, once they are worth it. */
struct codes {
	struct code literals, distances;
	uint64_t table[1 << TABLE_BITS];
	uint64_t distance_table[1 << DISTANCE_TABLE_BITS];
	unsigned slow;  /* symbols that were taken the slow way */
	size_t fast;    /* bytes of input that were taken the fast way */
	bool ready;     /* the tables are filled, */
	bool joined;    /* and their literals joined */
};

enum state {
	STATE_HEADER,
	STATE_BLOCK,  /* the next one begins, or the last has ended */
	STATE_CODES,  /* within one, */
	STATE_STORED, /* or within bytes that were stored */
	STATE_END,
	STATE_WRONG,
};

struct seed_inflate {
	enum state state;
	seed_inflate_read_fn *read;
	void *context;
	bool all_read; /* nothing comes after in_end */
	const uint8_t *in, *in_end;
	/* From out_begin to `out` everything is kept, and at least a window. The caller has
	 * not had what comes after `taken`; `sum` lacks what comes after `unsummed`. */
	uint8_t *out, *out_begin, *out_end;
	const uint8_t *taken, *unsummed;
	uint64_t bits; /* the next ones, the first lowest; 0 above `held` */
	unsigned held;
	unsigned last; /* whether this block is */
	size_t stored; /* that are left */
	uint32_t sum;
	struct codes *codes; /* this block's: one of these two */
	struct codes fixed, dynamic;
	bool fixed_known;    /* the fixed codes are built, as they are only once */
	uint64_t fills, joins;
	/* Each symbol's entry, without the bits of its code. */
	uint64_t literal_entries[SYMBOLS_MAX], distance_entries[SYMBOLS_MAX];
	uint8_t in_buffer[IN_KEPT_BYTES + IN_BYTES];
	uint8_t out_buffer[]; /* up to out_end */
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

/* Reads more, after what is left and what may be given back. */
static void read_more(struct seed_inflate *z)
{
	size_t before = (size_t)(z->in - z->in_buffer), left = (size_t)(z->in_end - z->in), len;

	before = before < IN_KEPT_BYTES ? before : IN_KEPT_BYTES;
	memmove(z->in_buffer, z->in - before, before + left);
	z->in = z->in_buffer + before;
	len = z->read(z->context, z->in_buffer + before + left, IN_BYTES - left);
	z->in_end = z->in + left + len;
	z->all_read = !len;
}

/* Makes sure of at least 56 bits, or all that are left. */
static void refill(struct seed_inflate *z)
{
	while (z->in_end - z->in < TURN_IN_BYTES && !z->all_read)
		read_more(z);
	if (z->in_end - z->in >= 8) {
		uint64_t word;

		memcpy(&word, z->in, sizeof(word));
		z->bits |= le64toh(word) << z->held;
		z->in += (63 - z->held) / 8;
		z->held |= 56;
		z->bits &= (UINT64_C(1) << z->held) - 1;
		return;
	}
	while (z->held < 56 && z->in < z->in_end) {
		z->bits |= (uint64_t)*z->in++ << z->held;
		z->held += 8;
	}
}

/* false: the input ends. At most 16 bits. */
static bool take(struct seed_inflate *z, unsigned count, unsigned *value)
{
	refill(z);
	if (z->held < count)
		return false;
	*value = (unsigned)(z->bits & ((1U << count) - 1));
	z->bits >>= count;
	z->held -= count;
	return true;
}

static inline unsigned reverse16(unsigned bits)
{
	bits = (bits & 0x5555) << 1 | (bits >> 1 & 0x5555);
	bits = (bits & 0x3333) << 2 | (bits >> 2 & 0x3333);
	bits = (bits & 0x0f0f) << 4 | (bits >> 4 & 0x0f0f);
	return (bits & 0x00ff) << 8 | (bits >> 8 & 0x00ff);
}

/* The symbol whose code of *len bits or more comes next in `bits`; *len
 * gets the number of bits. -1: none. */
static int find_symbol(const struct code *code, uint64_t bits, unsigned *len)
{
	unsigned value = reverse16((unsigned)bits & 0xffff);

	for (; *len <= CODE_MAX_BITS; ++*len) {
		unsigned at = (value >> (16 - *len)) - code->firsts[*len];

		if (at < code->counts[*len])
			return code->symbols[code->places[*len] + at];
	}
	return -1;
}

/* One symbol; -1: the input ends, or there is no such code. */
static int take_symbol(struct seed_inflate *z, const struct code *code)
{
	unsigned len = 1;
	int symbol;

	refill(z);
	symbol = find_symbol(code, z->bits, &len);
	if (symbol < 0 || len > z->held)
		return -1;
	z->bits >>= len;
	z->held -= len;
	return symbol;
}

/* 3.2.2. False: the code is over-subscribed, or incomplete, which zlib allows only for one
 * code of one bit (or, if `may_be_empty`, for none). */
static bool build_code(struct code *code, const uint8_t *lens, size_t symbols, bool may_be_empty)
{
	uint16_t places[CODE_MAX_BITS + 1];
	unsigned place = 0, first = 0;
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
		code->firsts[len] = (uint16_t)first;
		code->places[len] = places[len] = (uint16_t)place;
		place += code->counts[len];
		first = (first + code->counts[len]) << 1;
	}
	for (size_t i = 0; i < symbols; i++)
		if (lens[i])
			code->symbols[places[lens[i]]++] = (uint16_t)i;
	return !left || longest == 1 || (!longest && may_be_empty);
}

static void init_entries(struct seed_inflate *z)
{
	memset(z->literal_entries, 0, sizeof(z->literal_entries));
	memset(z->distance_entries, 0, sizeof(z->distance_entries));
	for (unsigned i = 0; i < END_OF_BLOCK; i++)
		z->literal_entries[i] = ENTRY_LITERAL(i) | ENTRY_COUNT(1) | ENTRY_ONLY_LITERALS;
	for (unsigned i = 0; i < SEED_ARRAY_LEN(length_bases); i++)
		z->literal_entries[END_OF_BLOCK + 1 + i] =
			ENTRY_VALUE(length_bases[i]) | ENTRY_EXTRA(length_bits(i));
	for (unsigned i = 0; i < SEED_ARRAY_LEN(distance_bases); i++)
		z->distance_entries[i] =
			ENTRY_VALUE(distance_bases[i]) | ENTRY_EXTRA(distance_bits(i));
}

static inline uint64_t entry_of(const uint64_t *entries, unsigned symbol, unsigned len)
{
	return entries[symbol] ? entries[symbol] + ENTRY_BITS(len) : 0;
}

/* Puts each symbol at every index whose lowest bits are its code: the entries of codes
 * shorter than `len` are repeated with the next bit set. */
static void fill_table(uint64_t *table, unsigned table_bits, const struct code *code,
		       const uint64_t *entries)
{
	table[0] = 0;
	for (unsigned len = 1; len <= table_bits; len++) {
		const uint16_t *symbols = code->symbols + code->places[len];

		memcpy(table + (1U << (len - 1)), table, sizeof(*table) << (len - 1));
		for (unsigned i = 0; i < code->counts[len]; i++)
			table[reverse16((code->firsts[len] + i) << (16 - len))] =
				entry_of(entries, symbols[i], len);
	}
}

/* Joins literals with what follows in the same bits: more literals, or a match. It goes
 * from the last index to the first: what follows has a smaller index (or both are 0), so it
 * is still a single symbol. */
static void join_literals(uint64_t *table)
{
	for (unsigned at = 1U << TABLE_BITS; at-- > 0;) {
		uint64_t entry = table[at];

		while (entry & ENTRY_ONLY_LITERALS) {
			unsigned bits = entry_bits(entry), count = entry_count(entry);
			uint64_t next = table[at >> bits];

			if (!next || bits + entry_code_bits(next) > TABLE_BITS)
				break;
			if (!(next & ENTRY_ONLY_LITERALS))
				entry = (entry & ~ENTRY_ONLY_LITERALS) + next;
			else if (count < LITERALS_MAX)
				entry += (next & ENTRY_LITERAL(0xff)) << 8 * count | ENTRY_COUNT(1) |
					 ENTRY_BITS(entry_bits(next));
			else
				break;
		}
		table[at] = entry;
	}
}

static void forget_tables(struct codes *codes)
{
	codes->slow = 0;
	codes->fast = 0;
	codes->ready = codes->joined = false;
}

static bool fixed_codes(struct seed_inflate *z)
{
	struct codes *fixed = &z->fixed;
	uint8_t lens[SYMBOLS_MAX];

	z->codes = fixed;
	if (z->fixed_known)
		return true;
	z->fixed_known = true;

	for (int i = 0; i < SYMBOLS_MAX; i++)
		lens[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	if (!build_code(&fixed->literals, lens, SYMBOLS_MAX, false))
		return false;
	memset(lens, 5, 32);
	return build_code(&fixed->distances, lens, 32, false);
}

/* 3.2.7: `count` lengths, packed with the code that is in the distances' table. */
static bool take_lengths(struct seed_inflate *z, uint8_t *lens, size_t count)
{
	size_t i = 0;

	while (i < count) {
		unsigned repeat, symbol, bits;
		uint64_t entry;
		uint8_t len = 0;

		refill(z);
		entry = z->dynamic.distance_table[z->bits & ((1U << PACKING_TABLE_BITS) - 1)];
		if (!take(z, entry_bits(entry), &repeat))
			return false;
		symbol = entry_value(entry);
		if (symbol < 16) {
			lens[i++] = (uint8_t)symbol;
			continue;
		}
		bits = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
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

/* The table of the code that packs the lengths. That code is complete, so every index has a
 * symbol. */
static void fill_packing_table(struct seed_inflate *z, const struct code *code)
{
	uint64_t entries[LENGTH_CODES];

	for (unsigned i = 0; i < LENGTH_CODES; i++)
		entries[i] = ENTRY_VALUE(i) | ENTRY_ONLY_LITERALS;
	fill_table(z->dynamic.distance_table, PACKING_TABLE_BITS, code, entries);
}

static bool dynamic_codes(struct seed_inflate *z)
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
	/* zlib requires this code to be complete, even if it has only one symbol. */
	if (!build_code(&code, packing, LENGTH_CODES, false) ||
	    (code.counts[1] == 1 && !packing[code.symbols[0]]))
		return false;
	z->codes = &z->dynamic;
	forget_tables(&z->dynamic);
	fill_packing_table(z, &code);
	if (!take_lengths(z, lens, literals + distances))
		return false;
	return lens[END_OF_BLOCK] && build_code(&z->dynamic.literals, lens, literals, false) &&
	       build_code(&z->dynamic.distances, lens + literals, distances, true);
}

/* A match whose length's symbol has been read. */
static bool copy_match(struct seed_inflate *z, int symbol)
{
	unsigned at = (unsigned)symbol - 257, extra, length, distance;

	if (symbol >= LITERAL_SYMBOLS_MAX)
		return false;
	if (!take(z, length_bits(at), &extra))
		return false;
	length = length_bases[at] + extra;
	symbol = take_symbol(z, &z->codes->distances);
	if (symbol < 0 || symbol >= DISTANCE_SYMBOLS_MAX)
		return false;
	if (!take(z, distance_bits((unsigned)symbol), &extra))
		return false;
	distance = distance_bases[symbol] + extra;
	if (distance > (size_t)(z->out - z->out_begin))
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

/* The state that the fast way keeps in registers. */
struct fast {
	const uint8_t *in;
	uint8_t *out;
	uint64_t bits;
	unsigned held;
};

/* Makes sure of at least 56 bits; eight bytes of input must be left. Bits above `held` may
 * already have the values that they will have. */
static inline void refill_fast(struct fast *f)
{
	uint64_t word;

	memcpy(&word, f->in, sizeof(word));
	f->bits |= le64toh(word) << f->held;
	f->in += (63 - f->held) / 8;
	f->held |= 56;
}

static inline void drop_bits(struct fast *f, unsigned count)
{
	f->bits >>= count;
	f->held -= count;
}

/* The value that an entry stands for: its least value and the extra bits. */
static inline unsigned take_value(struct fast *f, uint64_t entry)
{
	uint64_t bits = f->bits & ((UINT64_C(1) << entry_bits(entry)) - 1);

	drop_bits(f, entry_bits(entry));
	return entry_value(entry) + (unsigned)(bits >> entry_code_bits(entry));
}

static inline void put_literals(struct fast *f, uint64_t entry)
{
	uint32_t literals = htole32((uint32_t)(entry >> 32));

	memcpy(f->out, &literals, sizeof(literals));
	f->out += entry_count(entry);
}

static inline void copy_16(uint8_t *out, const uint8_t *from)
{
	memcpy(out, from, COPY_BYTES);
}

static inline void copy_8(uint8_t *out, const uint8_t *from)
{
	memcpy(out, from, 8);
}

/* A match nearer than a wide store: its period is repeated until it is eight bytes long.
 * Writes up to seven bytes too many. */
static inline void copy_near(uint8_t *out, unsigned distance, unsigned length)
{
	static const uint8_t periods[] = {0, 8, 8, 9, 8, 10, 12, 14};
	uint8_t *end = out + length;

	for (int i = 0; i < 8; i++)
		out[i] = out[i - (ptrdiff_t)distance];
	distance = periods[distance];
	for (out += 8; out < end; out += 8)
		copy_8(out, out - distance);
}

/* Most matches are short, so sixteen bytes are always copied, in two stores, which is right
 * for any distance from eight on. Copying more would save a branch, but cost streams that
 * are nearly all matches more than that. Writes up to sixteen bytes too many. */
static inline void copy_match_fast(uint8_t *out, unsigned distance, unsigned length)
{
	const uint8_t *from = out - distance, *end = out + length;

	if (distance < 8) {
		copy_near(out, distance, length);
		return;
	}
	copy_8(out, from);
	copy_8(out + 8, from + 8);
	if (length <= COPY_BYTES)
		return;
	out += COPY_BYTES;
	from += COPY_BYTES;
	if (distance >= COPY_BYTES)
		for (; out < end; out += COPY_BYTES, from += COPY_BYTES)
			copy_16(out, from);
	else
		for (; out < end; out += 8, from += 8)
			copy_8(out, from);
}

/* The entry of a code that is too long for a table of `table_bits`; 0: none. */
static uint64_t find_long(const struct code *code, const uint64_t *entries, uint64_t bits,
			  unsigned table_bits)
{
	unsigned len = table_bits + 1;
	int symbol = find_symbol(code, bits, &len);

	return symbol < 0 ? 0 : entry_of(entries, (unsigned)symbol, len);
}

/* Decodes what `entry` begins, after a refill: at most 15 + 5 + 15 + 13 bits. false:
 * nothing was taken; it is a case for the slow way. */
static inline bool match_fast(const struct seed_inflate *z, const struct codes *codes,
			      struct fast *f, uint64_t entry)
{
	struct fast next = *f;
	unsigned length, distance;

	put_literals(&next, entry);
	length = take_value(&next, entry);
	entry = codes->distance_table[next.bits & ((1U << DISTANCE_TABLE_BITS) - 1)];
	if (!entry)
		entry = find_long(&codes->distances, z->distance_entries, next.bits,
				  DISTANCE_TABLE_BITS);
	distance = take_value(&next, entry);
	if (!entry || distance > (size_t)(next.out - z->out_begin))
		return false;
	copy_match_fast(next.out, distance, length);
	next.out += length;
	*f = next;
	return true;
}

static inline uint64_t look(const struct codes *codes, const struct fast *f)
{
	return codes->table[f->bits & ((1U << TABLE_BITS) - 1)];
}

/*
 * Decodes until there is a case for the slow way, such as the end of the block, or until
 * input or room runs out.
 *
 * Each look-up waits for the one before it, and would wait for a refill, too. So each turn
 * begins with an entry that was looked up before the refill: after TURN_LOOKS entries of
 * literals, or after a match's length and distance (11 + 5 and 15 + 13 bits), enough of the
 * 56 bits are left for that.
 */
SEED_BITS static void take_fast(struct seed_inflate *z, const uint8_t *in_end)
{
	const uint8_t *out_end = z->out_end;
	const struct codes *codes = z->codes;
	struct fast f = {z->in, z->out, z->bits, z->held};
	uint64_t entry;

	if (in_end - f.in < TURN_IN_BYTES)
		return;
	refill_fast(&f);
	entry = look(codes, &f);
	while (in_end - f.in >= TURN_IN_BYTES && out_end - f.out >= TURN_MAX_BYTES) {
		refill_fast(&f);
		if (entry & ENTRY_ONLY_LITERALS) {
			for (int i = 0; i < TURN_LOOKS && entry & ENTRY_ONLY_LITERALS; i++) {
				put_literals(&f, entry);
				drop_bits(&f, entry_bits(entry));
				entry = look(codes, &f);
			}
			if (entry & ENTRY_ONLY_LITERALS)
				continue;
			refill_fast(&f);
		}
		if (!entry) {
			entry = find_long(&codes->literals, z->literal_entries, f.bits, TABLE_BITS);
			if (entry & ENTRY_ONLY_LITERALS) {
				put_literals(&f, entry);
				drop_bits(&f, entry_bits(entry));
				entry = look(codes, &f);
				continue;
			}
		}
		if (!entry || !match_fast(z, codes, &f, entry))
			break;
		entry = look(codes, &f);
	}
	z->in = f.in;
	z->out = f.out;
	/* The slow way wants 0 above what is held. */
	z->bits = f.bits & ((UINT64_C(1) << f.held) - 1);
	z->held = f.held;
}

static void fill_tables(struct seed_inflate *z)
{
	struct codes *codes = z->codes;

	fill_table(codes->table, TABLE_BITS, &codes->literals, z->literal_entries);
	fill_table(codes->distance_table, DISTANCE_TABLE_BITS, &codes->distances,
		   z->distance_entries);
	codes->ready = true;
	z->fills++;
}

/* The fast way, with tables that suit the length of the block. So the work for a
 * code is in proportion to the input that used it; the fixed code's is done once. */
static void take_some_fast(struct seed_inflate *z)
{
	struct codes *codes = z->codes;
	const uint8_t *start = z->in, *in_end = z->in_end;

	if (!codes->ready && codes->slow++ < SLOW_SYMBOLS)
		return;
	if (!codes->ready)
		fill_tables(z);
	if (!codes->joined && in_end - start > JOIN_BYTES)
		in_end = start + JOIN_BYTES;
	take_fast(z, in_end);
	codes->fast += (size_t)(z->in - start);
	if (codes->joined || codes->fast < JOIN_BYTES - TURN_IN_BYTES)
		return;
	join_literals(codes->table);
	codes->joined = true;
	z->joins++;
}

static bool is_full(const struct seed_inflate *z)
{
	return z->out_end - z->out < TURN_MAX_BYTES;
}

/* Decodes until the block's end, or until there is no more room. */
static bool take_codes(struct seed_inflate *z)
{
	while (!is_full(z)) {
		int symbol;

		take_some_fast(z);
		if (is_full(z))
			break;
		symbol = take_symbol(z, &z->codes->literals);
		if (symbol < 0)
			return false;
		if (symbol == END_OF_BLOCK) {
			z->state = STATE_BLOCK;
			break;
		}
		if (symbol > END_OF_BLOCK) {
			if (!copy_match(z, symbol))
				return false;
		} else {
			*z->out++ = (uint8_t)symbol;
		}
	}
	return true;
}

/* Gives back whole bytes that were taken too early. */
static void align(struct seed_inflate *z)
{
	z->in -= z->held / 8;
	z->bits = 0;
	z->held = 0;
}

/* Makes sure of `count` bytes, after align(); false: the input ends. */
static bool need_bytes(struct seed_inflate *z, ptrdiff_t count)
{
	while (z->in_end - z->in < count && !z->all_read)
		read_more(z);
	return z->in_end - z->in >= count;
}

/* 3.2.4. */
static bool begin_stored(struct seed_inflate *z)
{
	align(z);
	if (!need_bytes(z, 4))
		return false;
	z->stored = z->in[0] | (size_t)z->in[1] << 8;
	if ((z->stored ^ (z->in[2] | (size_t)z->in[3] << 8)) != 0xffff)
		return false;
	z->in += 4;
	return true;
}

static bool take_stored(struct seed_inflate *z)
{
	while (z->stored && !is_full(z)) {
		size_t len = (size_t)(z->out_end - z->out);

		if (!need_bytes(z, 1))
			return false;
		len = len < z->stored ? len : z->stored;
		if (len > (size_t)(z->in_end - z->in))
			len = (size_t)(z->in_end - z->in);
		memcpy(z->out, z->in, len);
		z->in += len;
		z->out += len;
		z->stored -= len;
	}
	if (!z->stored)
		z->state = STATE_BLOCK;
	return true;
}

static bool begin_block(struct seed_inflate *z)
{
	unsigned type;

	if (z->last) {
		align(z);
		z->state = STATE_END;
		return true;
	}
	if (!take(z, 1, &z->last) || !take(z, 2, &type))
		return false;
	z->state = type ? STATE_CODES : STATE_STORED;
	if (!type)
		return begin_stored(z);
	return type == 1 ? fixed_codes(z) : type == 2 && dynamic_codes(z);
}

/* RFC 1950, 2.2: deflate with a window of 32 KiB, no dictionary. A smaller window would
 * have to be enforced, which is left to zlib. */
static bool take_header(struct seed_inflate *z)
{
	const uint8_t *in;

	if (!need_bytes(z, 2))
		return false;
	in = z->in;
	z->in += 2;
	z->state = STATE_BLOCK;
	return in[0] == 0x78 && !(in[1] & 0x20) && ((unsigned)in[0] << 8 | in[1]) % 31 == 0;
}

static bool step(struct seed_inflate *z)
{
	switch (z->state) {
	case STATE_HEADER:
		return take_header(z);
	case STATE_BLOCK:
		return begin_block(z);
	case STATE_CODES:
		return take_codes(z);
	case STATE_STORED:
		return take_stored(z);
	case STATE_END:
	case STATE_WRONG:
		break;
	}
	return false;
}

/* Decodes until the end, or until there is no more room. */
static void inflate_some(struct seed_inflate *z)
{
	while (z->state != STATE_END && z->state != STATE_WRONG && !is_full(z))
		if (!step(z))
			z->state = STATE_WRONG;
	/* Summed while it is in the cache. */
	z->sum = libdeflate_adler32(z->sum, z->unsummed, (size_t)(z->out - z->unsummed));
	z->unsummed = z->out;
}

/* Drops what neither the caller nor a later match needs. */
static void make_room(struct seed_inflate *z)
{
	const uint8_t *kept = z->taken;
	size_t by;

	if (z->out - kept < WINDOW_BYTES)
		kept = z->out - z->out_begin < WINDOW_BYTES ? z->out_begin : z->out - WINDOW_BYTES;
	by = (size_t)(kept - z->out_begin);
	memmove(z->out_begin, kept, (size_t)(z->out - kept));
	z->out -= by;
	z->taken -= by;
	z->unsummed -= by;
}

struct seed_inflate *seed_inflate_new(seed_inflate_read_fn *read, void *context, size_t piece_bytes)
{
	size_t room = WINDOW_BYTES + piece_bytes + AHEAD_BYTES + TURN_MAX_BYTES;
	struct seed_inflate *z = malloc(sizeof(*z) + room);

	if (!z)
		return NULL;
	z->state = STATE_HEADER;
	z->read = read;
	z->context = context;
	z->all_read = false;
	z->in = z->in_end = z->in_buffer;
	z->out = z->out_begin = z->out_buffer;
	z->out_end = z->out + room;
	z->taken = z->unsummed = z->out;
	z->bits = 0;
	z->held = 0;
	z->last = 0;
	z->stored = 0;
	z->sum = 1;
	z->fixed_known = false;
	forget_tables(&z->fixed);
	z->fills = z->joins = 0;
	init_entries(z);
	return z;
}

void seed_inflate_free(struct seed_inflate *z)
{
	free(z);
}

const uint8_t *seed_inflate_next(struct seed_inflate *z, size_t len)
{
	const uint8_t *next;

	while ((size_t)(z->out - z->taken) < len) {
		if (z->state == STATE_END || z->state == STATE_WRONG)
			return NULL;
		if (is_full(z))
			make_room(z);
		inflate_some(z);
	}
	next = z->taken;
	z->taken += len;
	return next;
}

void seed_inflate_work(const struct seed_inflate *z, uint64_t *fills, uint64_t *joins)
{
	*fills = z->fills;
	*joins = z->joins;
}

bool seed_inflate_end(struct seed_inflate *z)
{
	uint32_t sum;

	/* Empty blocks may follow. */
	while (z->state != STATE_END && z->state != STATE_WRONG && z->out == z->taken) {
		make_room(z);
		inflate_some(z);
	}
	if (z->state != STATE_END || z->out != z->taken || !need_bytes(z, 4) || need_bytes(z, 5))
		return false;
	sum = (uint32_t)z->in[0] << 24 | (uint32_t)z->in[1] << 16 | (uint32_t)z->in[2] << 8 | z->in[3];
	return z->sum == sum;
}
