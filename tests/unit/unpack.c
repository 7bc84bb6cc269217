/* lib/net/unpack.c against zlib's own compression, taken and refused piece by piece. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "lib/net/unpack.h"

enum { BYTES = 300000, ZLIB = MAX_WBITS, GZIP = MAX_WBITS + 16, BARE = -MAX_WBITS };

static unsigned char plain[BYTES], packed[2 * BYTES];

struct taken {
	unsigned char data[BYTES];
	size_t len;
	int refusals; /* one of how many is refused; 0: none */
};

static errint_t take(void *context, const void *data, size_t len)
{
	struct taken *taken = context;

	assert_true(len > 0 && len <= 16384);
	if (taken->refusals && rand() % taken->refusals == 0)
		return -EAGAIN;
	assert_true(len <= sizeof(taken->data) - taken->len);
	memcpy(taken->data + taken->len, data, len);
	taken->len += len;
	return 0;
}

/* Some of it is noise, and some the same byte. */
static void fill_plain(void)
{
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = i / 50000 % 2 ? (unsigned char)rand() : 'x';
}

static size_t pack_first(size_t len, int bits)
{
	z_stream stream = { .next_in = plain, .avail_in = (uInt)len, .next_out = packed,
			    .avail_out = sizeof(packed) };

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return stream.total_out;
}

static size_t pack(int bits)
{
	return pack_first(sizeof(plain), bits);
}

/* In parts of up to `most` bytes; after a refusal the same comes again, at times with more behind it. */
static errint_t unpack_all(struct seed_unpack *unpack, size_t len, size_t most, struct taken *taken)
{
	size_t at = 0, part = 0;

	while (at < len) {
		errint_t err;

		if (part < most && at + part < len)
			part += (size_t)rand() % (most - part) + 1;
		if (part > len - at)
			part = len - at;
		err = seed_unpack_more(unpack, packed + at, part, take, taken);
		if (err == -EAGAIN)
			continue;
		if (err)
			return err;
		at += part;
		part = 0;
	}
	return 0;
}

static void gives_back_what_was_packed(void **state)
{
	static const size_t parts[] = { 1, 7, 1000, 16384, sizeof(packed) };
	static const int formats[] = { GZIP, ZLIB, BARE };
	static struct taken taken;

	SEED_UNUSED(state);
	for (size_t format = 0; format < SEED_ARRAY_LEN(formats); format++) {
		size_t len = pack(formats[format]);

		for (size_t i = 0; i < 2 * SEED_ARRAY_LEN(parts); i++) {
			struct seed_unpack *unpack;

			taken = (struct taken){ .refusals = i % 2 ? 3 : 0 };
			assert_int_equal(seed_unpack_new(&unpack, formats[format] == BARE), 0);
			assert_int_equal(unpack_all(unpack, len - 1, parts[i / 2], &taken), 0);
			assert_false(seed_unpack_is_whole(unpack));
			while (seed_unpack_more(unpack, packed + len - 1, 1, take, &taken) == -EAGAIN)
				continue;
			assert_true(seed_unpack_is_whole(unpack));
			assert_int_equal(taken.len, sizeof(plain));
			assert_memory_equal(taken.data, plain, sizeof(plain));
			/* What follows is nobody's. */
			assert_int_equal(seed_unpack_more(unpack, "rest", 4, take, &taken), 0);
			assert_int_equal(taken.len, sizeof(plain));
			seed_unpack_free(unpack);
		}
	}
}

/* RFC 1952, 2.2: a file may have several members, one behind the other. */
static void unpacks_all_members(void **state)
{
	static unsigned char twice[2 * sizeof(packed)];
	static struct taken taken;
	const size_t whole = sizeof(plain) / 2, len = (pack_first(whole, GZIP));
	struct seed_unpack *unpack;

	SEED_UNUSED(state);
	memcpy(twice, packed, len);
	memcpy(twice + len, packed, len);
	for (size_t part = 1; part < 2 * len; part = part * 3 + 1) {
		taken = (struct taken){ .len = 0 };
		assert_int_equal(seed_unpack_new(&unpack, false), 0);
		for (size_t at = 0; at < 2 * len; at += part)
			assert_int_equal(seed_unpack_more(unpack, twice + at, part < 2 * len - at ? part : 2 * len - at,
							  take, &taken), 0);
		assert_true(seed_unpack_is_whole(unpack));
		assert_int_equal(taken.len, 2 * whole);
		assert_memory_equal(taken.data, plain, whole);
		assert_memory_equal(taken.data + whole, plain, whole);
		seed_unpack_free(unpack);
	}
}

static void refuses_what_is_damaged(void **state)
{
	static struct taken taken;
	size_t len = pack(GZIP);

	SEED_UNUSED(state);
	for (int i = 0; i < 300; i++) {
		size_t at = (size_t)rand() % len;
		struct seed_unpack *unpack;
		errint_t err;

		packed[at] ^= (unsigned char)(1 << rand() % 8);
		taken = (struct taken){ .len = 0 };
		assert_int_equal(seed_unpack_new(&unpack, false), 0);
		err = unpack_all(unpack, len, 16384, &taken);
		/* The header's time, its name for the system and some flags say nothing. */
		assert_true(err == -EBADMSG || !seed_unpack_is_whole(unpack) ||
			    (at < 10 && memcmp(taken.data, plain, sizeof(plain)) == 0));
		seed_unpack_free(unpack);
		pack(GZIP);
	}
}

/* The sender's blocks without anything in them: as fast as they come, and nothing is kept. */
static void takes_empty_blocks(void **state)
{
	static const unsigned char begin[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 }, empty[] = { 0, 0, 0, 0xff, 0xff };
	static struct taken taken;
	struct seed_unpack *unpack;

	SEED_UNUSED(state);
	taken = (struct taken){ .len = 0 };
	assert_int_equal(seed_unpack_new(&unpack, false), 0);
	assert_int_equal(seed_unpack_more(unpack, begin, sizeof(begin), take, &taken), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(seed_unpack_more(unpack, empty, sizeof(empty), take, &taken), 0);
	assert_int_equal(taken.len, 0);
	assert_false(seed_unpack_is_whole(unpack));
	seed_unpack_free(unpack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_packed),
		cmocka_unit_test(unpacks_all_members),
		cmocka_unit_test(refuses_what_is_damaged),
		cmocka_unit_test(takes_empty_blocks),
	};

	srand(1);
	fill_plain();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
