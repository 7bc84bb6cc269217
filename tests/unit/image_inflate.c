/* seed_inflate() against zlib: the same verdict, the same bytes, on streams of
 * every kind and on streams made wrong. */
#include "tests/unit/image_make.h"

#include <libdeflate.h>
#include <zlib.h>

#include "lib/image/inflate.h"

/* Longer than what is kept of a stream, several times. */
enum { RAW_MAX = 500000, STREAM_MAX = 2 * RAW_MAX };

static uint32_t seed = 1;

/* xorshift32: the same in every run. */
static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Contents from flat to noise, with repeats near and far. */
static size_t fill(uint8_t *raw, size_t max)
{
	size_t len = 1 + any((uint32_t)max);
	uint32_t values = 1U << any(9), kind = any(4), period = 1 + any(kind == 2 ? 300 : 40000);

	for (size_t i = 0; i < len; i++) {
		raw[i] = (uint8_t)any(values);
		if (kind == 1 && any(50))
			raw[i] = raw[i ? i - 1 : 0];
		if (kind >= 2 && i >= period && any(30))
			raw[i] = raw[i - period];
	}
	return len;
}

static size_t deflate_any(const uint8_t *raw, size_t len, uint8_t *stream, int window)
{
	z_stream z = {0};
	size_t made;

	assert_int_equal(deflateInit2(&z, (int)any(10), Z_DEFLATED, window, 1 + (int)any(9),
				      (int)any(5)), Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)raw;
	z.next_out = stream;
	z.avail_out = STREAM_MAX;
	/* Also with blocks cut short, and empty ones. */
	for (uint32_t pieces = any(4); pieces; pieces--) {
		uint32_t part = any((uint32_t)len + 1);

		z.avail_in = part;
		assert_int_not_equal(deflate(&z, any(2) ? Z_FULL_FLUSH : Z_BLOCK), Z_STREAM_ERROR);
		assert_int_equal(z.avail_in, 0);
		len -= part;
	}
	z.avail_in = (uInt)len;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	made = z.total_out;
	deflateEnd(&z);
	return made;
}

/* zlib's verdict; `out` gets the bytes. */
static bool zlib_accepts(const uint8_t *stream, size_t len, uint8_t *out, size_t out_len)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)stream, .avail_in = (uInt)len,
		      .next_out = out, .avail_out = (uInt)out_len + 1};
	bool right;

	assert_int_equal(inflateInit(&z), Z_OK);
	right = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == out_len && !z.avail_in;
	inflateEnd(&z);
	return right;
}

struct source {
	const uint8_t *at, *end;
	bool in_pieces;
};

static size_t read_source(void *context, uint8_t *to, size_t size)
{
	struct source *source = context;
	size_t len = (size_t)(source->end - source->at);

	assert_true(size > 0);
	if (source->in_pieces && len)
		len = 1 + any((uint32_t)(any(2) ? len : len < 9 ? len : 9));
	len = len < size ? len : size;
	memcpy(to, source->at, len);
	source->at += len;
	return len;
}

/* Read at once or in pieces, given at once or in pieces. */
static bool accepts(const uint8_t *stream, size_t len, uint8_t *out, size_t out_len)
{
	struct source source = {stream, stream + len, any(2)};
	size_t piece = any(2) && out_len ? 1 + any((uint32_t)out_len) : out_len, done = 0;
	struct seed_inflate *z = seed_inflate_new(read_source, &source, piece);
	bool right = true;

	assert_non_null(z);
	while (right && done < out_len) {
		size_t part = out_len - done < piece ? out_len - done : piece;
		const uint8_t *next;

		part = any(2) ? part : 1 + any((uint32_t)part);
		next = seed_inflate_next(z, part);
		right = next != NULL;
		if (right)
			memcpy(out + done, next, part);
		done += part;
	}
	right = right && seed_inflate_end(z);
	seed_inflate_free(z);
	return right;
}

static uint8_t raw[RAW_MAX + 1], stream[STREAM_MAX], want[STREAM_MAX], got[STREAM_MAX];

static void every_kind(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 600; round++) {
		size_t len = fill(raw, round % 20 == 1 ? RAW_MAX : round % 2 ? 70000 : 300);
		size_t made = deflate_any(raw, len, stream, 15);

		assert_true(accepts(stream, made, got, len));
		assert_memory_equal(got, raw, len);
		assert_false(accepts(stream, made, got, len + 1));
		assert_false(accepts(stream, made, got, len - 1));
		assert_false(accepts(stream, made - 1, got, len));
		stream[made] = 0;
		assert_false(accepts(stream, made + 1, got, len));
		stream[made - 1 - any(4)] ^= (uint8_t)(1 << any(8));
		assert_false(accepts(stream, made, got, len));
	}
}

/* Left to zlib: small windows, dictionaries, other methods. */
static void headers(void **state)
{
	size_t len = fill(raw, 3000), made = deflate_any(raw, len, stream, 15);
	uint8_t first = stream[0], second = stream[1];

	SEED_UNUSED(state);
	for (unsigned head = 0; head < 65536; head++) {
		bool common;

		stream[0] = (uint8_t)(head >> 8);
		stream[1] = (uint8_t)head;
		common = stream[0] == 0x78 && head % 31 == 0 && !(stream[1] & 0x20);
		assert_int_equal(accepts(stream, made, got, len), common);
		if (common)
			assert_true(zlib_accepts(stream, made, want, len));
	}
	stream[0] = first;
	stream[1] = second;
	assert_true(accepts(stream, made, got, len));
}

/* The bytes that a damaged stream still gives to libdeflate, which is more
 * tolerant than zlib, with the Adler sum made right: only its form can refuse
 * it. Returns how many, or 0. */
static size_t mend(struct libdeflate_decompressor *tolerant, uint8_t *damaged, size_t *made)
{
	size_t used, len;

	if (libdeflate_deflate_decompress_ex(tolerant, damaged + 2, *made - 2, want, STREAM_MAX, &used,
					     &len) != LIBDEFLATE_SUCCESS)
		return 0;
	*made = used + 2;
	for (int i = 0; i < 4; i++)
		damaged[(*made)++] = (uint8_t)(adler32(1, want, (uInt)len) >> (24 - 8 * i));
	return len;
}

static void damaged_form(void **state)
{
	struct libdeflate_decompressor *tolerant = libdeflate_alloc_decompressor();
	int mended = 0, refused = 0;

	SEED_UNUSED(state);
	assert_non_null(tolerant);
	for (int round = 0; round < 20000; round++) {
		size_t len = fill(raw, 200), made = deflate_any(raw, len, stream, 15), again;
		uint32_t flips = 1 + any(3);
		bool right;

		for (uint32_t i = 0; i < flips; i++) {
			/* Mostly where the codes are. */
			uint32_t span = any(4) && made > 40 ? 32 : (uint32_t)made - 6;

			stream[2 + any(span)] ^= (uint8_t)(1 << any(8));
		}
		again = mend(tolerant, stream, &made);
		len = again ? again : len;
		right = accepts(stream, made, got, len);
		if (right != zlib_accepts(stream, made, want, len))
			fail_msg("round %d: only %s accepts it", round, right ? "seedfs" : "zlib");
		if (right)
			assert_memory_equal(got, want, len);
		mended += again > 0;
		refused += again && !right;
	}
	libdeflate_free_decompressor(tolerant);
	assert_true(mended > 1000);
	/* Or the test shows nothing. */
	assert_true(refused > 10);
}

/* A stream written bit by bit, the first lowest. */
struct bits {
	uint8_t *to;
	size_t count;
};

static void write_bits(struct bits *bits, unsigned value, unsigned count)
{
	for (; count; count--, value >>= 1, bits->count++) {
		if (bits->count % 8 == 0)
			bits->to[bits->count / 8] = 0;
		bits->to[bits->count / 8] |= (uint8_t)((value & 1) << bits->count % 8);
	}
}

/* A code begins with its highest bit. */
static void write_code(struct bits *bits, unsigned code, unsigned len)
{
	while (len-- > 0)
		write_bits(bits, code >> len & 1, 1);
}

/* Lengths of a complete code of `used` among `symbols`, long ones too; now and
 * then one of them is wrong. */
static void make_code(uint8_t *lens, uint32_t symbols, uint32_t used)
{
	uint8_t leaves[288] = {0};

	for (uint32_t n = 1; n < used; n++) {
		uint32_t leaf;

		do {
			leaf = any(3) ? n - 1 : any(n);
		} while (leaves[leaf] == 15);
		leaves[n] = ++leaves[leaf];
	}
	if (used == 1)
		leaves[0] = 1;
	if (!any(12))
		leaves[any(used)] = (uint8_t)any(16);
	memset(lens, 0, symbols);
	for (uint32_t n = 0; n < used; n++) {
		uint32_t at = any(symbols);

		while (lens[at])
			at = (at + 1) % symbols;
		lens[at] = leaves[n];
	}
}

/* The head of a dynamic block (3.2.7), every length unpacked: 0 to 15 have four
 * bits each. */
static void write_codes(struct bits *bits, uint32_t literals, uint32_t distances)
{
	static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5,
					11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t lens[286 + 30];

	make_code(lens, literals, 2 + any(literals - 1));
	/* The end must come. */
	if (any(20) && lens[256] == 0) {
		uint32_t at = any(literals);

		while (!lens[at])
			at = (at + 1) % literals;
		lens[256] = lens[at];
		lens[at] = 0;
	}
	make_code(lens + literals, distances, 1 + any(distances));
	write_bits(bits, literals - 257, 5);
	write_bits(bits, distances - 1, 5);
	write_bits(bits, 15, 4);
	for (size_t i = 0; i < sizeof(order); i++)
		write_bits(bits, order[i] < 16 ? 4 : 0, 3);
	for (size_t i = 0; i < literals + distances; i++)
		write_code(bits, lens[i], 4);
}

/* Stored bytes for distances to reach, then a block of any codes and of any
 * bits. Returns its length; the block may end before. */
static size_t make_any(uint8_t *to)
{
	struct bits bits = {.to = to};
	uint32_t stored = any(3) ? any(3000) : 32768, body = 1 + any(4000);

	write_bits(&bits, 0x78, 8);
	write_bits(&bits, 0x01, 8);
	write_bits(&bits, 0, 8);
	write_bits(&bits, stored, 16);
	write_bits(&bits, ~stored, 16);
	memcpy(to + bits.count / 8, raw, stored);
	bits.count += (size_t)stored * 8;
	write_bits(&bits, 1, 1);
	if (any(8)) {
		write_bits(&bits, 2, 2);
		write_codes(&bits, 257 + any(30), 1 + any(30));
	} else {
		write_bits(&bits, 1, 2);
	}
	for (uint32_t i = 0; i < body; i++)
		write_bits(&bits, any(256), 8);
	return (bits.count + 7) / 8;
}

static void add_sum(size_t *made, const uint8_t *bytes, size_t len)
{
	uint32_t sum = (uint32_t)adler32(1, bytes, (uInt)len);

	for (int i = 0; i < 4; i++)
		stream[(*made)++] = (uint8_t)(sum >> (24 - 8 * i));
}

/* zlib's verdict on the blocks of `stream`, where they end, and how many bytes
 * they give. */
static bool zlib_takes_blocks(size_t *len, size_t *out_len)
{
	z_stream z = {.next_in = stream + 2, .avail_in = (uInt)*len - 2,
		      .next_out = want, .avail_out = STREAM_MAX};
	bool right;

	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	right = inflate(&z, Z_FINISH) == Z_STREAM_END;
	*len = 2 + z.total_in;
	*out_len = z.total_out;
	inflateEnd(&z);
	return right;
}

/* Codes of every length, distances before the beginning, streams that end
 * anywhere: the same verdict wherever the fast way leaves off. */
static void any_codes(void **state)
{
	int taken = 0, refused = 0;

	SEED_UNUSED(state);
	for (size_t i = 0; i < 32768; i++)
		raw[i] = (uint8_t)any(256);
	for (int round = 0; round < 10000; round++) {
		size_t made = make_any(stream), len;
		bool right = zlib_takes_blocks(&made, &len);

		add_sum(&made, want, len);
		if (accepts(stream, made, got, len) != right)
			fail_msg("round %d: only %s accepts it", round, right ? "zlib" : "seedfs");
		taken += right;
		refused += !right;
		if (!right)
			continue;
		assert_memory_equal(got, want, len);
		assert_false(accepts(stream, made, got, len + 1));
		assert_false(accepts(stream, made, got, len - 1));
	}
	/* Or the test shows nothing. */
	assert_true(taken > 3000);
	assert_true(refused > 3000);
}

/* Every place to cut the input, and the output, of a stream that both ways
 * read. */
static void cut_anywhere(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 8; round++) {
		size_t len = fill(raw, 1500), made = deflate_any(raw, len, stream, 15);

		for (size_t cut = 0; cut < made; cut++)
			assert_false(accepts(stream, cut, got, len));
		for (size_t cut = 0; cut < len; cut++)
			assert_false(accepts(stream, made, got, cut));
		assert_true(accepts(stream, made, got, len));
	}
}

static void write_literals(struct bits *bits, uint32_t count)
{
	while (count-- > 0)
		write_code(bits, 0x30 + any(144), 8);
}

/* All of this with the fixed codes, which also have distances that are none (no
 * distance is 0). Returns the length. */
static uint32_t write_match(struct bits *bits, uint32_t distance)
{
	unsigned length = 1 + any(8), symbol = 0, base = 1, extra = 0;

	write_code(bits, length, 7);
	if (!distance) {
		write_code(bits, 30 + any(2), 5);
		return length + 2;
	}
	while (base + (1U << extra) <= distance) {
		base += 1U << extra;
		symbol++;
		extra = symbol < 4 ? 0 : symbol / 2 - 1;
	}
	write_code(bits, symbol, 5);
	write_bits(bits, distance - base, extra);
	return length + 2;
}

/* A match at the beginning, in the middle and at the end, from near, from as far
 * as there is and from further. */
static void every_match(void **state)
{
	int refused = 0;

	SEED_UNUSED(state);
	for (int round = 0; round < 20000; round++) {
		uint32_t before = 1 + any(700), after = any(2) ? 0 : any(700);
		struct bits bits = {.to = stream};
		size_t made, len, total = before + after;
		bool right;

		write_bits(&bits, 0x0178, 16);
		write_bits(&bits, 3, 3);
		write_literals(&bits, before);
		total += write_match(&bits, any(3) ? any(40) : before + any(2));
		write_literals(&bits, after);
		write_code(&bits, 0, 7);
		made = len = (bits.count + 7) / 8;
		right = zlib_takes_blocks(&len, &(size_t){0});
		add_sum(&made, want, right ? total : 0);
		assert_int_equal(accepts(stream, made, got, total), right);
		if (right)
			assert_memory_equal(got, want, total);
		/* Not even with the sum of what it did give. */
		made -= 4;
		add_sum(&made, got, total);
		assert_int_equal(accepts(stream, made, got, total), right);
		refused += !right;
	}
	assert_true(refused > 1000);
}

/* Bits that repeat, a block's, between the header and a last empty block. */
struct repeated {
	const uint8_t *block;
	size_t block_len, blocks, at;
};

static size_t read_repeated(void *context, uint8_t *to, size_t size)
{
	static const uint8_t header[] = {0x78, 0x01}, end[] = {0x03, 0, 0, 0, 0, 1};
	struct repeated *r = context;
	size_t middle = r->block_len * r->blocks, n = 0;

	for (; n < size && r->at < sizeof(header) + middle + sizeof(end); n++, r->at++) {
		if (r->at < sizeof(header))
			to[n] = header[r->at];
		else if (r->at < sizeof(header) + middle)
			to[n] = r->block[(r->at - sizeof(header)) % r->block_len];
		else
			to[n] = end[r->at - sizeof(header) - middle];
	}
	return n;
}

/* Blocks that hold nothing cost no tables, however many there are: four fixed ones
 * in five bytes, a stored one, a dynamic one of a code of two symbols. */
static void empty_blocks(void **state)
{
	static const uint8_t fixed[] = {0x02, 0x08, 0x20, 0x80, 0x00}, stored[] = {0, 0, 0, 0xff, 0xff};
	static const struct {
		const uint8_t *block;
		size_t len;
	} cases[] = {{fixed, sizeof(fixed)}, {stored, sizeof(stored)}};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct repeated r = {cases[i].block, cases[i].len, 1000 * 1000, 0};
		struct seed_inflate *z = seed_inflate_new(read_repeated, &r, 100);
		uint64_t fills, joins;

		assert_non_null(z);
		assert_null(seed_inflate_next(z, 1));
		seed_inflate_work(z, &fills, &joins);
		assert_true(fills <= 1);
		assert_true(joins <= 1);
		seed_inflate_free(z);
	}
}

/* However a stream is cut into blocks: tables are filled at most once in 64 symbols,
 * and joined once in 2 KiB of it. */
static void work_is_bounded(void **state)
{
	enum { BYTES = 400 * 1000 };

	SEED_UNUSED(state);
	for (size_t i = 0; i < BYTES; i++)
		raw[i] = (uint8_t)((i * i >> 7) % 23 + i % 5);
	for (size_t block = 10; block <= 100 * 1000; block *= 10) {
		z_stream deflated = {.next_out = stream, .avail_out = STREAM_MAX};
		struct source source = {.at = stream};
		struct seed_inflate *z;
		uint64_t fills, joins;

		assert_int_equal(deflateInit2(&deflated, 1, Z_DEFLATED, 15, 9, Z_HUFFMAN_ONLY), Z_OK);
		for (size_t at = 0; at < BYTES; at += block) {
			deflated.next_in = raw + at;
			deflated.avail_in = (uInt)block;
			assert_int_equal(deflate(&deflated, Z_PARTIAL_FLUSH), Z_OK);
		}
		assert_int_equal(deflate(&deflated, Z_FINISH), Z_STREAM_END);
		source.end = stream + deflated.total_out;
		z = seed_inflate_new(read_source, &source, 1000);
		assert_non_null(z);
		for (size_t at = 0; at < BYTES; at += 1000)
			assert_non_null(seed_inflate_next(z, 1000));
		assert_true(seed_inflate_end(z));
		seed_inflate_work(z, &fills, &joins);
		assert_true(fills <= BYTES / 64 + 1);
		assert_true(joins <= deflated.total_out / 2000 + 1);
		/* The fast way is there for what is long. */
		if (block == 100 * 1000)
			assert_true(fills && joins);
		seed_inflate_free(z);
		deflateEnd(&deflated);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(headers),
		cmocka_unit_test(damaged_form),
		cmocka_unit_test(any_codes),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(every_match),
		cmocka_unit_test(empty_blocks),
		cmocka_unit_test(work_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
