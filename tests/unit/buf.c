#include "tests/unit/unit.h"

#include <wchar.h>

#include "lib/base/buf.h"

UNIT_LET_ALLOCATIONS_FAIL

static void test_empty(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 10);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf.len_bytes, 0);
	assert_int_equal(seed_buf_add(&buf, NULL, 0), 0);
	assert_int_equal(seed_buf_addf(&buf, "%s", ""), 0);
	assert_int_equal(buf.alloc_bytes, 0);
	seed_buf_release(&buf);
}

static void test_add(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 100);
	assert_int_equal(seed_buf_add(&buf, "ab\0c", 4), 0);
	assert_int_equal(seed_buf_addf(&buf, "-%d-%s", 42, "z"), 0);
	assert_int_equal(buf.len_bytes, 9);
	assert_memory_equal(buf.data, "ab\0c-42-z", 10);
	seed_buf_release(&buf);
	assert_int_equal(buf.len_bytes, 0);
	assert_int_equal(buf.limit_bytes, 100);
	assert_int_equal(seed_buf_add(&buf, "again", 5), 0);
	assert_string_equal(buf.data, "again");
	seed_buf_release(&buf);
}

static void test_limit(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 5);
	assert_int_equal(seed_buf_add(&buf, "123456", 6), -EFBIG);
	assert_int_equal(seed_buf_add(&buf, "1234", 4), 0);
	assert_int_equal(seed_buf_addf(&buf, "%d", 56), -EFBIG);
	assert_string_equal(buf.data, "1234");
	assert_int_equal(buf.len_bytes, 4);
	assert_int_equal(seed_buf_addf(&buf, "%d", 5), 0);
	assert_int_equal(seed_buf_add(&buf, "6", 1), -EFBIG);
	assert_string_equal(buf.data, "12345");
	assert_int_equal(buf.alloc_bytes, 6);
	seed_buf_release(&buf);

	seed_buf_init(&buf, 0);
	assert_int_equal(seed_buf_add(&buf, "1", 1), -EFBIG);
	assert_int_equal(seed_buf_add(&buf, "", 0), 0);
	seed_buf_release(&buf);
}

/* Across many growths nothing is lost, and the room grows in few steps. */
static void test_growth(void **state)
{
	struct seed_buf buf;
	size_t growths = 0, alloc = 0;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 1000000);
	for (int i = 0; i < 200000; i++) {
		assert_int_equal(seed_buf_addf(&buf, "%05d", i % 100000), 0);
		growths += buf.alloc_bytes != alloc;
		alloc = buf.alloc_bytes;
	}
	assert_int_equal(buf.len_bytes, 1000000);
	assert_int_equal(buf.alloc_bytes, 1000001);
	assert_in_range(growths, 1, 16);
	assert_memory_equal(buf.data + 5 * 123456, "23456", 5);
	assert_int_equal(seed_buf_add(&buf, "x", 1), -EFBIG);
	seed_buf_release(&buf);
}

static void test_no_memory(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, SIZE_MAX - 1);
	assert_int_equal(seed_buf_add(&buf, "kept", 4), 0);
	/* Fails before a byte of it is read. */
	assert_int_equal(seed_buf_add(&buf, "", SIZE_MAX / 2), -ENOMEM);
	assert_string_equal(buf.data, "kept");
	assert_int_equal(buf.len_bytes, 4);
	assert_int_equal(seed_buf_add(&buf, "", SIZE_MAX - 5), -ENOMEM);
	assert_int_equal(seed_buf_add(&buf, "", SIZE_MAX - 4), -EFBIG);
	assert_string_equal(buf.data, "kept");
	seed_buf_release(&buf);
}

static void test_unprintable_format(void **state)
{
	static const wchar_t wide[] = {0x110000, 0};
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 10);
	assert_int_equal(seed_buf_add(&buf, "a", 1), 0);
	assert_int_equal(seed_buf_addf(&buf, "%ls", wide), -EILSEQ);
	assert_string_equal(buf.data, "a");
	seed_buf_release(&buf);
}

static void test_base64(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t len;
	} good[] = {
		/* RFC 4648 section 10 */
		{"", "", 0},
		{"Zg==", "f", 1},
		{"Zm8=", "fo", 2},
		{"Zm9v", "foo", 3},
		{"Zm9vYg==", "foob", 4},
		{"Zm9vYmE=", "fooba", 5},
		{"Zm9vYmFy", "foobar", 6},
		{"Zg", "f", 1},
		{"Zm8", "fo", 2},
		{"Zm9vYmE", "fooba", 5},
		{"Zm9v\nYmFy", "foobar", 6},
		{"Zm9v\r\nYmFy\r\n", "foobar", 6},
		{"Zm9vYg\n=\n=\n", "foob", 4},
		{"\n", "", 0},
		{"+/+/AA==", "\xfb\xff\xbf\x00", 4},
		{"/////w==", "\xff\xff\xff\xff", 4},
		{"AZaz09+/", "\x01\x96\xb3\xd3\xdf\xbf", 6},
	};
	struct seed_buf buf;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(good); i++) {
		seed_buf_init(&buf, good[i].len); /* the cap counts bytes */
		assert_int_equal(seed_buf_add_base64(&buf, good[i].text, strlen(good[i].text)), 0);
		assert_int_equal(buf.len_bytes, good[i].len);
		assert_memory_equal(buf.data, good[i].bytes, good[i].len);
		assert_int_equal(buf.data[buf.len_bytes], '\0');
		seed_buf_release(&buf);
	}
}

/* RFC 4648 section 5, with and without padding. */
static void test_base64_url_safe(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 100);
	assert_int_equal(seed_buf_add_base64(&buf, "-_-_", 4), 0);
	assert_memory_equal(buf.data, "\xfb\xff\xbf", 4);
	assert_int_equal(seed_buf_add_base64(&buf, "_w==", 4), 0);
	assert_int_equal(seed_buf_add_base64(&buf, "_w", 2), 0);
	assert_int_equal(buf.len_bytes, 5);
	seed_buf_release(&buf);
}

static void test_base64_refused(void **state)
{
	static const char *const bad[] = {
		"Z", "Zm9vY", "Z===", "Zg=", "Zg===", "Zm8==", "Zm9v=", "Zm9v====", "=", "====",
		"Zg==Zg==", "Zm9 v", "Zm9v!", "Zm9v\t", "Zm9\xc3\xb6",
		"Zh==", "Zm9=", "Zh", "Zm9", "Zm9vYm@=", "Zm9[", "Zm9{", "Zm9:", "Zm9`",
	};
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 100);
	assert_int_equal(seed_buf_add(&buf, "kept", 4), 0);
	for (size_t i = 0; i < SEED_ARRAY_LEN(bad); i++) {
		assert_int_equal(seed_buf_add_base64(&buf, bad[i], strlen(bad[i])), -EBADMSG);
		assert_string_equal(buf.data, "kept");
	}
	assert_int_equal(seed_buf_add_base64(&buf, "Zm9v\0", 5), -EBADMSG);
	assert_string_equal(buf.data, "kept");
	seed_buf_release(&buf);
}

static void test_base64_limit(void **state)
{
	struct seed_buf buf;

	SEED_UNUSED(state);
	seed_buf_init(&buf, 7);
	assert_int_equal(seed_buf_add_base64(&buf, "Zm9vYg==", 8), 0);
	assert_int_equal(seed_buf_add_base64(&buf, "Zm9vYg==", 8), -EFBIG);
	assert_int_equal(seed_buf_add_base64(&buf, "Zm9v", 4), 0);
	assert_string_equal(buf.data, "foobfoo");
	seed_buf_release(&buf);
}

/* Every byte value, encoded here the slow way, comes back. */
static void test_base64_every_byte(void **state)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char bytes[258];
	char text[344];
	struct seed_buf buf;

	SEED_UNUSED(state);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 151);
	for (size_t i = 0; i < sizeof(text); i++) {
		size_t bit = i * 6;
		unsigned int pair = (unsigned int)bytes[bit / 8] << 8;

		if (bit / 8 + 1 < sizeof(bytes))
			pair |= bytes[bit / 8 + 1];
		text[i] = digits[pair >> (10 - bit % 8) & 63];
	}
	seed_buf_init(&buf, sizeof(bytes));
	assert_int_equal(seed_buf_add_base64(&buf, text, sizeof(text)), 0);
	assert_int_equal(buf.len_bytes, sizeof(bytes));
	assert_memory_equal(buf.data, bytes, sizeof(bytes));
	seed_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_unprintable_format),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_url_safe),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_base64_limit),
		cmocka_unit_test(test_base64_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
