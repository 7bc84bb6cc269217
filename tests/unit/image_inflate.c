/* seed_inflate() against zlib: the same verdict, the same bytes, on streams of
 * every kind and on streams made wrong. */
#include "tests/unit/image_make.h"

#include <libdeflate.h>
#include <zlib.h>

#include "lib/image/inflate.h"

enum { RAW_MAX = 70000, STREAM_MAX = 2 * RAW_MAX };

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

/* In blocks of their own, so that a sanitizer sees a byte too far. */
static bool accepts(const uint8_t *stream, size_t len, uint8_t *out, size_t out_len)
{
	uint8_t *in = malloc(len ? len : 1), *to = malloc(out_len + SEED_INFLATE_SLACK_BYTES);
	bool right;

	assert_non_null(in);
	assert_non_null(to);
	memcpy(in, stream, len);
	right = seed_inflate(in, len, to, out_len);
	memcpy(out, to, out_len);
	free(in);
	free(to);
	return right;
}

static uint8_t raw[RAW_MAX + 1], stream[STREAM_MAX], want[STREAM_MAX], got[STREAM_MAX];

static void every_kind(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 600; round++) {
		size_t len = fill(raw, round % 2 ? RAW_MAX : 300);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(headers),
		cmocka_unit_test(damaged_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
