#include "tests/unit/unit.h"

#include "lib/base/text.h"

/* Bytes of a literal, NULs included. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static void test_utf8_prefix(void **state)
{
	static const struct {
		const char *text;
		size_t len, prefix;
		bool cut;
	} cases[] = {
		{BYTES(""), 0, false},
		{BYTES("plain"), 5, false},
		{BYTES("a\0b"), 3, false},
		{BYTES("\x7f"), 1, false},
		/* the first and last of each length */
		{BYTES("\xc2\x80\xdf\xbf"), 4, false},
		{BYTES("\xe0\xa0\x80\xef\xbf\xbf"), 6, false},
		{BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8, false},
		/* around the surrogates */
		{BYTES("\xed\x9f\xbf\xee\x80\x80"), 6, false},
		{BYTES("ab\xed\xa0\x80"), 2, false},
		{BYTES("ab\xed\xbf\xbf"), 2, false},
		/* overlong */
		{BYTES("a\xc0\x80"), 1, false},
		{BYTES("a\xc1\xbf"), 1, false},
		{BYTES("a\xe0\x9f\xbf"), 1, false},
		{BYTES("a\xf0\x8f\xbf\xbf"), 1, false},
		/* beyond U+10FFFF */
		{BYTES("a\xf4\x90\x80\x80"), 1, false},
		{BYTES("a\xf5\x80\x80\x80"), 1, false},
		{BYTES("a\xff"), 1, false},
		{BYTES("a\xfe"), 1, false},
		/* lone continuations */
		{BYTES("a\x80"), 1, false},
		{BYTES("a\xbf"), 1, false},
		{BYTES("\xc3\xa9\xa9"), 2, false},
		/* cut off */
		{BYTES("a\xc3"), 1, true},
		{BYTES("a\xe2"), 1, true},
		{BYTES("a\xe2\x82"), 1, true},
		{BYTES("a\xf0"), 1, true},
		{BYTES("a\xf0\x9f"), 1, true},
		{BYTES("a\xf0\x9f\xa6"), 1, true},
		/* cut off, but never valid */
		{BYTES("a\xe0\x9f"), 1, false},
		{BYTES("a\xed\xa0"), 1, false},
		{BYTES("a\xf0\x8f"), 1, false},
		{BYTES("a\xf4\x90"), 1, false},
		/* broken in the middle */
		{BYTES("a\xe2\x82z"), 1, false},
		{BYTES("a\xf0\x9f\xa6z"), 1, false},
		{BYTES("a\xe2z\x82"), 1, false},
		{BYTES("a\xc3\xc3\xa9"), 1, false},
		{BYTES("a\xf0\x9f\xc0\x80"), 1, false},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		bool cut = !cases[i].cut;

		assert_int_equal(seed_text_utf8_prefix(cases[i].text, cases[i].len, &cut),
				 cases[i].prefix);
		assert_int_equal(cut, cases[i].cut);
		assert_int_equal(seed_text_utf8_prefix(cases[i].text, cases[i].len, NULL),
				 cases[i].prefix);
	}
}

static void test_whole(void **state)
{
	static const struct {
		const char *text;
		size_t len, whole;
	} cases[] = {
		{BYTES(""), 0},
		{BYTES("a"), 1},
		{BYTES("\xc3\xa9"), 2},
		{BYTES("a\xc3"), 1},
		{BYTES("\xc3"), 0},
		{BYTES("a\xe2\x82"), 1},
		{BYTES("\xe2\x82\xac"), 3},
		{BYTES("a\xf0\x9f\xa6"), 1},
		{BYTES("\xf0\x9f\xa6\x8a"), 4},
		/* invalid is not cut */
		{BYTES("a\xff"), 2},
		{BYTES("\x80\x80\x80\x80"), 4},
		{BYTES("\x80"), 1},
		{BYTES("a\xed\xa0"), 3},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_whole(cases[i].text, cases[i].len), cases[i].whole);
}

static void test_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *line;
	} cases[] = {
		{BYTES(""), ""},
		{BYTES("a b"), "a b"},
		{BYTES("a\nb\0c\x1b[m\x7f"), "a b c [m "},
		{BYTES("\xc2\x80|\xc2\x9f|\xc2\xa0|"), "  |  |\xc2\xa0|"},
		{BYTES("\xff\xfe|"), "  |"},
		{BYTES("x\xe2\x82"), "x  "},
		{BYTES("\xe2\x82\n"), "   "},
		{BYTES("❌ [SYNC IMAGE] 🖼️"), "❌ [SYNC IMAGE] 🖼️"},
		{BYTES("a\u202egpj.exe\u2028b\u2066c\u2069"), "a   gpj.exe   b   c   "},
		{BYTES("\u2027\u202f\u2065\u206a\u2014"), "\u2027\u202f\u2065\u206a\u2014"},
		{BYTES("\u061c|\u200e|\u200f|"), "  |   |   |"},
		{BYTES("\u061b\u061d\u200d\u2010"), "\u061b\u061d\u200d\u2010"},
		/* 9f and 80 that are not C1 */
		{BYTES("\xf0\x9f\x80\x80"), "\xf0\x9f\x80\x80"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char text[64] = "";

		memcpy(text, cases[i].text, cases[i].len);
		seed_text_one_line(text, cases[i].len);
		assert_memory_equal(text, cases[i].line, cases[i].len + 1);
	}
}

#define NONE SIZE_MAX

static void test_check_write(void **state)
{
	static char long_text[SEED_PROMPT_MAX_BYTES];
	static const struct {
		const char *text;
		size_t text_len;
		const char *data;
		size_t len;
		errint_t result;
		size_t at;
	} cases[] = {
		{BYTES(""), BYTES("a fox"), 0, NONE},
		{BYTES(""), BYTES(""), 0, NONE},
		{BYTES("a "), BYTES("fox"), 0, NONE},
		/* a character cut between two writes */
		{BYTES(""), BYTES("a\xc3"), 0, NONE},
		{BYTES("a\xc3"), BYTES("\xa9!"), 0, NONE},
		{BYTES("a\xc3"), BYTES("x"), -EILSEQ, 1},
		{BYTES("a\xc3"), BYTES("\0"), -EILSEQ, 1},
		{BYTES("\xe2"), BYTES("\x82"), 0, NONE},
		{BYTES("\xe2\x82"), BYTES("\xac"), 0, NONE},
		{BYTES("\xe2\x82"), BYTES("\xac\xac"), -EILSEQ, 3},
		{BYTES("\xf0"), BYTES("\x9f\xa6\x8a"), 0, NONE},
		{BYTES("\xf0"), BYTES("\x9f\xa6"), 0, NONE},
		{BYTES("\xf0"), BYTES("\x8f"), -EILSEQ, 0},
		{BYTES("xy\xf0\x9f"), BYTES("\xa6z"), -EILSEQ, 2},
		{BYTES("\xed"), BYTES("\xa0\x80"), -EILSEQ, 0},
		/* what ends in no character's beginning; a later write may mend it */
		{BYTES("\x9f\xa6\x8a"), BYTES("z"), 0, NONE},
		{BYTES("\xf0\x9f\xa6"), BYTES("\x8a"), 0, NONE},
		/* a character that begins with none */
		{BYTES(""), BYTES("\xa9"), -EILSEQ, 0},
		{BYTES("a"), BYTES("\xa9"), -EILSEQ, 1},
		/* invalid for good */
		{BYTES("ab"), BYTES("cd\xff" "ef"), -EILSEQ, 4},
		{BYTES("ab"), BYTES("\xc0\x80"), -EILSEQ, 2},
		/* NUL, and which of two comes first */
		{BYTES(""), BYTES("\0"), -EINVAL, 0},
		{BYTES("ab"), BYTES("cd\0ef"), -EINVAL, 4},
		{BYTES("ab"), BYTES("c\0d\xff"), -EINVAL, 3},
		{BYTES("ab"), BYTES("c\xff" "d\0"), -EILSEQ, 3},
		{BYTES("\xc3"), BYTES("\xa9\0"), -EINVAL, 2},
		{BYTES(""), BYTES("\0\xe2\x82"), -EINVAL, 0},
		{BYTES(""), BYTES("\xe2\x82\0"), -EILSEQ, 0},
		/* size */
		{long_text, SEED_PROMPT_MAX_BYTES - 1, BYTES("x"), 0, NONE},
		{long_text, SEED_PROMPT_MAX_BYTES, BYTES("x"), -EFBIG, SEED_PROMPT_MAX_BYTES},
		{long_text, SEED_PROMPT_MAX_BYTES - 1, BYTES("xy"), -EFBIG, SEED_PROMPT_MAX_BYTES},
	};

	SEED_UNUSED(state);
	memset(long_text, 'x', sizeof(long_text));
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		size_t at = NONE - 1;

		assert_int_equal(seed_text_check_write(cases[i].text, cases[i].text_len,
						       cases[i].data, cases[i].len, &at),
				 cases[i].result);
		if (cases[i].result)
			assert_int_equal(at, cases[i].at);
		assert_int_equal(seed_text_check_write(cases[i].text, cases[i].text_len,
						       cases[i].data, cases[i].len, NULL),
				 cases[i].result);
	}
}

/* However a valid text is cut into two or three writes, each is good. */
static void test_check_write_anywhere(void **state)
{
	static const char text[] = "a é € 🦊 ❄️ z";
	const size_t len = sizeof(text) - 1;

	SEED_UNUSED(state);
	for (size_t i = 0; i <= len; i++)
		for (size_t k = i; k <= len; k++) {
			assert_int_equal(seed_text_check_write(text, i, text + i, k - i, NULL), 0);
			assert_int_equal(seed_text_check_write(text, k, text + k, len - k, NULL), 0);
		}
}

static void test_check(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		errint_t result;
		size_t at;
	} cases[] = {
		{BYTES(""), 0, NONE},
		{BYTES("a red fox\n"), 0, NONE},
		{BYTES("\x01\x7f\xc2\x80"), 0, NONE}, /* odd, but text */
		{BYTES("ab\0c"), -EINVAL, 2},
		{BYTES("ab\xff"), -EILSEQ, 2},
		{BYTES("ab\xe2\x82"), -EILSEQ, 2},
		{BYTES("a\0b\xff"), -EINVAL, 1},
		{BYTES("a\xff" "b\0"), -EILSEQ, 1},
	};
	static char big[SEED_PROMPT_MAX_BYTES + 1];
	size_t at = NONE;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		at = NONE;
		assert_int_equal(seed_text_check(cases[i].text, cases[i].len, &at), cases[i].result);
		assert_int_equal(at, cases[i].at);
		assert_int_equal(seed_text_check(cases[i].text, cases[i].len, NULL), cases[i].result);
	}
	memset(big, 'x', sizeof(big));
	assert_int_equal(seed_text_check(big, SEED_PROMPT_MAX_BYTES, &at), 0);
	assert_int_equal(seed_text_check(big, sizeof(big), &at), -EFBIG);
	assert_int_equal(at, SEED_PROMPT_MAX_BYTES);
}

static void test_trimmed(void **state)
{
	static const struct {
		const char *text;
		size_t len, trimmed;
	} cases[] = {
		{BYTES(""), 0},
		{BYTES(" \t\n\v\f\r"), 0},
		{BYTES("fox"), 3},
		{BYTES("  a fox \n\n"), 7},
		{BYTES("fox\xc2\xa0"), 3},
		{BYTES("\xe3\x80\x80"), 0},
		{BYTES("\xef\xbb\xbf\xe3\x80\x80 \xc2\x85"), 0},
		{BYTES("\xe3\x80\x80 fox\xe2\x80\x8a\n\xe2\x80\xa8"), 7},
		{BYTES("fox\xe2\x80\x8b"), 6},
		{BYTES("fox\x08"), 4},
		{BYTES("fox\x0e"), 4},
		{BYTES("fox\x1f"), 4},
		{BYTES("fox\0 "), 4},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_trimmed(cases[i].text, cases[i].len), cases[i].trimmed);
}

/* `count` times `unit`, then `tail`. */
static const char *repeated(const char *unit, size_t count, const char *tail)
{
	static char text[4096];
	size_t len = strlen(unit);

	assert_true(count * len + strlen(tail) < sizeof(text));
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, unit, len);
	memcpy(text + count * len, tail, strlen(tail) + 1);
	return text;
}

static void test_name_part(void **state)
{
	static const struct {
		const char *part;
		errint_t result;
	} cases[] = {
		{"fox", 0},
		{"f", 0},
		{"a red fox", 0},
		{"…", 0},
		{".hidden", 0},
		{"...", 0},
		{"a~", 0},
		{"\xc2\xa0", 0},
		{"", -EINVAL},
		{".", -EINVAL},
		{"..", -EINVAL},
		{"a/b", -EINVAL},
		{"/", -EINVAL},
		{"a\nb", -EINVAL},
		{"a\x1f", -EINVAL},
		{"\x7f", -EINVAL},
		{"a\xc2\x80", -EINVAL},
		{"a\xc2\x9f", -EINVAL},
		{"a\u202egpj", -EINVAL},
		{"\u2028", -EINVAL},
		{"a\u2069", -EINVAL},
		{"a\u200e", -EINVAL},
		{"\u200f", -EINVAL},
		{"a\u061cb", -EINVAL},
		{"\u2014\u202f", 0},
		/* Persian, Hebrew, Khmer; a family, the flag of Scotland; a mark from Windows */
		{"می\u200cخواهم", 0},
		{"שועל", 0},
		{"ភាសា\u200bខ្មែរ", 0},
		{"👩\u200d👧", 0},
		{"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", 0},
		{"\ufefffox", 0},
		{"a\xff", -EILSEQ},
		{"a\xe2\x82", -EILSEQ},
		{"\n\xff", -EILSEQ},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_check_name_part(cases[i].part), cases[i].result);
	assert_int_equal(seed_text_check_stored_name("a\u202egpj\u200f\u061c"), 0);
	assert_int_equal(seed_text_check_name_part(repeated("x", 250, "")), 0);
	assert_int_equal(seed_text_check_name_part(repeated("x", 251, "")), -ENAMETOOLONG);
	assert_int_equal(seed_text_check_name_part(repeated("€", 83, "x")), 0);
	assert_int_equal(seed_text_check_name_part(repeated("€", 83, "xy")), -ENAMETOOLONG);
	assert_int_equal(seed_text_check_name_part(repeated("x", 4000, "")), -ENAMETOOLONG);
}

static void test_name(void **state)
{
	static const struct {
		const char *name;
		errint_t result;
	} cases[] = {
		{"fox", 0},
		{"shot010/sky", 0},
		{"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", 0},
		{"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", -ENAMETOOLONG},
		{"", -EINVAL},
		{"/fox", -EINVAL},
		{"fox/", -EINVAL},
		{"a//b", -EINVAL},
		{"a/../b", -EINVAL},
		{"./a", -EINVAL},
		{".fox", -EINVAL},
		{"a/.git/b", -EINVAL},
		{"a/fox~", -EINVAL},
		{"dir.tmp/fox", -EINVAL},
		{"a/\xff", -EILSEQ},
		{"a\n/b", -EINVAL},
		{"fox.png", 0},
		{"a/0001.png", 0},
		{"a.png/fox", -EINVAL},
		{"a.json/fox", -EINVAL},
		{"a/b.jpg/fox", -EINVAL},
		{"a.pngs/fox", 0},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_check_name(cases[i].name), cases[i].result);
	/* 5 * 200 + 24 and + 25 bytes */
	assert_int_equal(seed_text_check_name(
		repeated("123456789012345678901234567890123456789012345678901234567890123456789012"
			 "345678901234567890123456789012345678901234567890123456789012345678901234"
			 "5678901234567890123456789012345678901234567890123456789/", 5,
			 "123456789012345678901234")), 0);
	assert_int_equal(seed_text_check_name(
		repeated("123456789012345678901234567890123456789012345678901234567890123456789012"
			 "345678901234567890123456789012345678901234567890123456789012345678901234"
			 "5678901234567890123456789012345678901234567890123456789/", 5,
			 "1234567890123456789012345")), -ENAMETOOLONG);
	assert_int_equal(seed_text_check_folder("a/b"), 0);
	assert_int_equal(seed_text_check_folder("a/b.png"), -EINVAL);
	assert_int_equal(seed_text_check_folder("a/b.jpg"), -EINVAL);
	assert_int_equal(seed_text_check_stored_name("a.png/fox.tmp"), 0);
	assert_int_equal(seed_text_check_name(repeated("x", 250, "/y")), 0);
	assert_int_equal(seed_text_check_name(repeated("x", 251, "/y")), -ENAMETOOLONG);
}

static void test_is_scratch(void **state)
{
	static const struct {
		const char *part;
		bool scratch;
	} cases[] = {
		{"fox", false}, {"fox.png", false}, {"swp", false}, {"tmp", false}, {"part", false},
		{"fox.tmpx", false}, {"fox~1", false}, {"foxswp", false}, {"fox.SWP", false},
		{"", false},
		{"#fox", false}, {"fox#", false}, {"#", false}, {"##", false}, {"fox.bak1", false},
		{"fox.origin", false}, {"jb_tmp", false}, {"fox.or", false},
		{"#fox#", true}, {"fox.swx", true}, {"fox.partial", true}, {"fox.crdownload", true},
		{"fox.bak", true}, {"fox.orig", true}, {"fox.rej", true}, {"fox___jb_tmp___", true},
		{"fox___jb_old___", true},
		{".fox", true}, {".", true}, {"fox~", true}, {"~", true}, {"fox.swp", true},
		{"fox.tmp", true}, {"fox.part", true}, {".fox.swp", true},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_is_scratch(cases[i].part), cases[i].scratch);
}

static void test_escape_name(void **state)
{
	static const struct {
		const char *name, *escaped;
	} cases[] = {
		{"", ""},
		{"fox", "fox"},
		{"a red fox", "a\\040red\\040fox"},
		{"a\tb\nc\\d#e", "a\\011b\\012c\\134d\\043e"},
		{"\x01\x20\x21\x7e\x7f", "\\001\\040!~\\177"},
		{"shot010/é", "shot010/é"},
		{"a\u202eb\u2066", "a\\342\\200\\256b\\342\\201\\246"},
		{"\u200fa\u061c", "\\342\\200\\217a\\330\\234"},
		{"\u200d\xe2\x80", "\u200d\xe2\x80"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char out[64];

		memset(out, 'Z', sizeof(out));
		assert_int_equal(seed_text_escape_name(cases[i].name, out, sizeof(out)),
				 strlen(cases[i].escaped));
		assert_string_equal(out, cases[i].escaped);
	}
}

static void test_escape_name_bounded(void **state)
{
	SEED_UNUSED(state);
	for (size_t size = 0; size < 8; size++) {
		char out[9] = "ZZZZZZZZ";
		char wanted[9] = "ZZZZZZZZ";

		if (size)
			memcpy(wanted, "a\\040b", size - 1 < 6 ? size - 1 : 6);
		if (size)
			wanted[size - 1 < 6 ? size - 1 : 6] = '\0';
		assert_int_equal(seed_text_escape_name("a b", out, size), 6);
		assert_memory_equal(out, wanted, sizeof(out));
	}
}

static void test_columns(void **state)
{
	static const struct { const char *text; int columns; } cases[] = {
		{"", 0}, {"fox", 3}, {"a\\040b", 6}, {"F\u00fcchse", 6}, {"\u5bcc\u58eb\u5c71", 6},
		{"\uc5ec\uc6b0", 4}, {"\U0001f98a", 2}, {"e\u0301", 1}, {"a\u3000b", 4}, {"\xff", 1},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		assert_int_equal(seed_text_columns(cases[i].text), cases[i].columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_prefix),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_check_write),
		cmocka_unit_test(test_check_write_anywhere),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_trimmed),
		cmocka_unit_test(test_name_part),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_is_scratch),
		cmocka_unit_test(test_escape_name),
		cmocka_unit_test(test_escape_name_bounded),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
