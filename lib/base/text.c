#include "lib/base/text.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>

/* The longest character, and the longest beginning of one that a cut leaves. */
#define CHAR_MAX_BYTES 4
#define CHAR_CUT_BYTES (CHAR_MAX_BYTES - 1)

static unsigned char byte_at(const char *text, size_t at)
{
	return (unsigned char)text[at];
}

/* The length of the character that `lead` begins, and the bounds of its second byte. They
 * exclude overlong forms, surrogates and everything above U+10FFFF (RFC 3629 section 4). 0:
 * no character begins so. */
static size_t char_bytes(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead == 0xe0)
		*low = 0xa0;
	if (lead == 0xed)
		*high = 0x9f;
	if (lead == 0xf0)
		*low = 0x90;
	if (lead == 0xf4)
		*high = 0x8f;
	return lead < 0xf0 ? 3 : 4;
}

size_t seed_text_utf8_prefix(const char *text, size_t len, bool *cut)
{
	size_t at = 0;

	if (cut)
		*cut = false;
	while (at < len) {
		unsigned char low, high;
		size_t bytes = char_bytes(byte_at(text, at), &low, &high);

		if (!bytes)
			return at;
		for (size_t i = 1; i < bytes; i++) {
			if (at + i == len) {
				if (cut)
					*cut = true;
				return at;
			}
			if (byte_at(text, at + i) < low || byte_at(text, at + i) > high)
				return at;
			low = 0x80;
			high = 0xbf;
		}
		at += bytes;
	}
	return len;
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t seed_text_whole(const char *text, size_t len)
{
	for (size_t back = 1; back <= CHAR_CUT_BYTES && back <= len; back++) {
		bool cut;

		if (is_continuation(byte_at(text, len - back)))
			continue;
		(void)seed_text_utf8_prefix(text + len - back, back, &cut);
		return cut ? len - back : len;
	}
	return len;
}

static bool is_c0_or_del(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f;
}

/* C1 controls are U+0080 to U+009F: C2 80 to C2 9F. `text` is valid UTF-8. */
static bool is_c1(const char *text, size_t at)
{
	return byte_at(text, at) == 0xc2 && byte_at(text, at + 1) < 0xa0;
}

/* Characters that act on the text after them: the line separators, and those with
 * Unicode's property Bidi_Control (PropList.txt). UTF-8 keeps the characters' order. */
static const struct {
	const char *first, *last;
} turns[] = {
	{"\u061c", "\u061c"}, {"\u200e", "\u200f"}, {"\u2028", "\u202e"}, {"\u2066", "\u2069"},
};

/* The bytes of such a character, if one begins here; 0: another does. */
static size_t turn_bytes(const char *text, size_t left)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(turns); i++) {
		size_t bytes = strlen(turns[i].first);

		if (bytes <= left && memcmp(text, turns[i].first, bytes) >= 0 &&
		    memcmp(text, turns[i].last, bytes) <= 0)
			return bytes;
	}
	return 0;
}

size_t seed_text_odd_bytes(const char *text, size_t left)
{
	if (is_c0_or_del(byte_at(text, 0)))
		return 1;
	if (left > 1 && is_c1(text, 0))
		return 2;
	return turn_bytes(text, left);
}

void seed_text_one_line(char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t valid = at + seed_text_utf8_prefix(text + at, len - at, NULL);

		while (at < valid) {
			size_t odd = seed_text_odd_bytes(text + at, valid - at);

			memset(text + at, ' ', odd);
			at += odd ? odd : 1;
		}
		if (at < len)
			text[at++] = ' ';
	}
}

/* How many bytes at the end of `text` are the beginning of a character, which the next
 * write may complete. 0: it ends with a whole one. Other invalid bytes in `text` were
 * refused when they were written, or a later write will complete them. */
static size_t cut_tail(const char *text, size_t text_len)
{
	return text_len - seed_text_whole(text, text_len);
}

/* Whether `data` goes on with the cut character `tail`: together they must be one
 * character, or still the beginning of one. *skip: how many bytes of `data` belong to
 * it. */
static bool join_valid(const char *tail, size_t tail_len, const char *data, size_t len,
		       size_t *skip)
{
	char joined[CHAR_CUT_BYTES + CHAR_MAX_BYTES];
	unsigned char low, high;
	size_t bytes = char_bytes(byte_at(tail, 0), &low, &high);
	size_t more = bytes - tail_len;
	bool cut;

	if (more > len)
		more = len;
	memcpy(joined, tail, tail_len);
	memcpy(joined + tail_len, data, more);
	*skip = more;
	return seed_text_utf8_prefix(joined, tail_len + more, &cut) == tail_len + more || cut;
}

errint_t seed_text_check_write(const char *text, size_t text_len, const char *data, size_t len,
			       size_t *at)
{
	const char *nul;
	size_t skip = 0, tail, bad, ignored;
	bool cut;

	if (!at)
		at = &ignored;
	*at = text_len;
	if (!len)
		return 0;
	if (text_len > SEED_PROMPT_MAX_BYTES || len > SEED_PROMPT_MAX_BYTES - text_len) {
		*at = text_len > SEED_PROMPT_MAX_BYTES ? text_len : SEED_PROMPT_MAX_BYTES;
		return -EFBIG;
	}
	tail = cut_tail(text, text_len);
	if (tail && !join_valid(text + text_len - tail, tail, data, len, &skip)) {
		*at = text_len - tail;
		return -EILSEQ;
	}
	bad = skip + seed_text_utf8_prefix(data + skip, len - skip, &cut);
	nul = memchr(data, '\0', bad);
	if (nul) {
		*at = text_len + (size_t)(nul - data);
		return -EINVAL;
	}
	if (bad == len || cut)
		return 0;
	*at = text_len + bad;
	return -EILSEQ;
}

errint_t seed_text_check(const char *text, size_t len, size_t *at)
{
	size_t bad, whole = seed_text_whole(text, len);
	errint_t result = seed_text_check_write("", 0, text, len, &bad);

	/* No later write completes a character that the end cuts off. */
	if (!result && whole < len) {
		bad = whole;
		result = -EILSEQ;
	}
	if (result && at)
		*at = bad;
	return result;
}

/* Unicode's property White_Space (PropList.txt). */
static const char *const white[] = {
	" ", "\t", "\n", "\v", "\f", "\r", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
	"\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
	"\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
	"\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
	"\xe3\x80\x80",
};

/* How many bytes the white space at the beginning, or at the end, has; 0: there is none. */
static size_t white_bytes(const char *text, size_t len, bool at_end)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(white); i++) {
		size_t bytes = strlen(white[i]);

		if (bytes <= len && memcmp(at_end ? text + len - bytes : text, white[i], bytes) == 0)
			return bytes;
	}
	return 0;
}

size_t seed_text_trimmed(const char *text, size_t len)
{
	size_t bytes;

	while ((bytes = white_bytes(text, len, true)) != 0)
		len -= bytes;
	return len == seed_text_mark(text, len) ? 0 : len;
}

size_t seed_text_white(const char *text, size_t len)
{
	size_t at = 0, bytes;

	while ((bytes = white_bytes(text + at, len - at, false)) != 0)
		at += bytes;
	return at;
}

size_t seed_text_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* `part` need not end with a NUL. */
static errint_t check_part(const char *part, size_t len)
{
	if (!len || (len <= 2 && memcmp(part, "..", len) == 0))
		return -EINVAL;
	if (len > SEED_NAME_PART_MAX_BYTES)
		return -ENAMETOOLONG;
	if (seed_text_utf8_prefix(part, len, NULL) != len)
		return -EILSEQ;
	for (size_t at = 0; at < len; at++)
		if (part[at] == '/' || is_c0_or_del(byte_at(part, at)) || is_c1(part, at))
			return -EINVAL;
	return 0;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

static bool is_scratch(const char *part, size_t len)
{
	static const char *const ends[] = {
		"~", ".swp", ".swx", ".tmp", ".part", ".partial", ".crdownload", ".bak",
		".orig", ".rej", "___jb_tmp___", "___jb_old___",
	};

	if (len && part[0] == '.')
		return true;
	if (len > 2 && part[0] == '#' && part[len - 1] == '#')
		return true;
	for (size_t i = 0; i < SEED_ARRAY_LEN(ends); i++)
		if (ends_with(part, len, ends[i]))
			return true;
	return false;
}

static bool has_turn(const char *part, size_t len)
{
	for (size_t at = 0; at < len; at++)
		if (turn_bytes(part + at, len - at))
			return true;
	return false;
}

/* A part of a name that is to be made. */
static errint_t check_new_part(const char *part, size_t len)
{
	errint_t result = check_part(part, len);

	return result ? result : has_turn(part, len) ? -EINVAL : 0;
}

errint_t seed_text_check_name_part(const char *part)
{
	return check_new_part(part, strnlen(part, SEED_NAME_PART_MAX_BYTES + 1));
}

/* Whether it ends like the file of an entry: a folder of that name could take the place of
 * one. */
static bool is_entry_file(const char *part, size_t len)
{
	return ends_with(part, len, ".png") || ends_with(part, len, ".json") ||
	       ends_with(part, len, ".jpg");
}

enum parts { PARTS_STORED, PARTS_ENTRY, PARTS_FOLDER };

static errint_t check_parts(const char *name, enum parts kind)
{
	int parts = 0;

	if (strnlen(name, SEED_NAME_MAX_BYTES + 1) > SEED_NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	for (;;) {
		size_t len = strcspn(name, "/");
		bool folder = kind == PARTS_FOLDER || name[len];
		errint_t result = kind == PARTS_STORED ? check_part(name, len) :
							 check_new_part(name, len);

		if (result)
			return result;
		if (kind != PARTS_STORED && (is_scratch(name, len) || (folder && is_entry_file(name, len))))
			return -EINVAL;
		if (++parts > SEED_NAME_MAX_PARTS)
			return -ENAMETOOLONG;
		if (!name[len])
			return 0;
		name += len + 1;
	}
}

errint_t seed_text_check_name(const char *name)
{
	return check_parts(name, PARTS_ENTRY);
}

errint_t seed_text_check_folder(const char *path)
{
	return check_parts(path, PARTS_FOLDER);
}

errint_t seed_text_check_stored_name(const char *name)
{
	return check_parts(name, PARTS_STORED);
}

bool seed_text_is_scratch(const char *part)
{
	return is_scratch(part, strlen(part));
}

size_t seed_text_escape_name(const char *name, char *out, size_t size)
{
	size_t at = 0, turn = 0; /* bytes left of a character that acts on the text after it */

	for (; *name; name++) {
		unsigned char byte = (unsigned char)*name;
		char text[4] = {*name};
		size_t len = 1;

		if (!turn)
			turn = turn_bytes(name, strnlen(name, CHAR_MAX_BYTES));
		if (turn > 0 || byte < 0x21 || byte == 0x7f || byte == '\\' || byte == '#') {
			text[0] = '\\';
			text[1] = (char)('0' + (byte >> 6));
			text[2] = (char)('0' + (byte >> 3 & 7));
			text[3] = (char)('0' + (byte & 7));
			len = 4;
			turn -= turn > 0;
		}
		for (size_t i = 0; i < len; i++, at++)
			if (at + 1 < size)
				out[at] = text[i];
	}
	if (size)
		out[at < size ? at : size - 1] = '\0';
	return at;
}

/* libc knows the width of a character only in a locale that has the character. So the
 * locale in which the program was started does not decide. */
static locale_t utf8_locale;

static void make_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

int seed_text_columns(const char *text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const char *end = text + strlen(text);
	mbstate_t state = { 0 };
	int columns = 0;
	locale_t before;

	pthread_once(&once, make_locale);
	before = uselocale(utf8_locale); /* without that locale, the current one stays */
	while (text < end) {
		wchar_t wide;
		size_t len = mbrtowc(&wide, text, (size_t)(end - text), &state);
		int width = len <= (size_t)(end - text) && len ? wcwidth(wide) : -1;

		/* Without that locale each byte counts as a column. */
		if (!len || len > (size_t)(end - text)) {
			len = 1;
			state = (mbstate_t){ 0 };
		}
		columns += width < 0 ? 1 : width;
		text += len;
	}
	uselocale(before);
	return columns;
}
