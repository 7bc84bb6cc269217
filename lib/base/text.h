/*
 * The rules for bytes that users write: UTF-8, names, prompts.
 * Pure functions over buffers; no allocation, no I/O, any thread.
 */
#ifndef SEED_TEXT_H
#define SEED_TEXT_H

#include "lib/base/base.h"

/* Where valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
 * U+10FFFF) ends: returns the offset of the first byte of the first character
 * that is not whole and valid, or `len`. *cut (may be NULL) is true if what
 * stands there is only the beginning of a valid character that the end of the
 * buffer cuts off. */
size_t seed_text_utf8_prefix(const char *text, size_t len, bool *cut);

/* `len`, or less if the end cuts a character: without its beginning, then. */
size_t seed_text_whole(const char *text, size_t len);

/* Makes one printable line of it, in place: control characters (C0, DEL, C1),
 * separators of lines, characters that turn the direction of what follows them
 * (U+2028 to U+202E, U+2066 to U+2069) and bytes that are not UTF-8 become spaces.
 * The length stays. */
void seed_text_one_line(char *text, size_t len);

/* `man seed`, as far as a write can be judged alone: `data` is to
 * be put behind `text`, which may end in the middle of a character, as `data` may.
 * 0, -EILSEQ, -EINVAL (NUL), -EFBIG. *at (may be NULL) gets the offset of the
 * offending byte in the text. */
errint_t seed_text_check_write(const char *text, size_t text_len, const char *data, size_t len,
			       size_t *at) SEED_MUST_CHECK;

/* The same rule for a whole text: 0, -EILSEQ, -EINVAL (NUL), -EFBIG. */
errint_t seed_text_check(const char *text, size_t len, size_t *at) SEED_MUST_CHECK;

/* Length without white space at the end; 0 for white text, also where a byte
 * order mark begins it. White space is what Unicode calls so. Valid UTF-8 only. */
size_t seed_text_trimmed(const char *text, size_t len);

/* Length of the white space, or of the byte order mark (UTF-8's), at the
 * beginning; 0: there is none. */
size_t seed_text_white(const char *text, size_t len);
size_t seed_text_mark(const char *text, size_t len);

/* One part of a NAME (`man seed`): 1 to 250 bytes of valid UTF-8
 * without '/' or control characters (C0, DEL, C1, and as above, so that no name
 * looks like another), not "." or "..".
 * 0, -ENAMETOOLONG, -EILSEQ (not UTF-8), -EINVAL. */
errint_t seed_text_check_name_part(const char *part) SEED_MUST_CHECK;

/* A whole NAME, a relative path: every part as above, none a scratch name, and no
 * folder of it called as an entry's files are (.png, .json, .jpg), so that
 * images/NAME.png and the like are never a folder; at most 16 parts and 1,024
 * bytes. Errors as above. */
errint_t seed_text_check_name(const char *name) SEED_MUST_CHECK;
/* The same for a folder's path. */
errint_t seed_text_check_folder(const char *path) SEED_MUST_CHECK;

/* The same for a NAME that is in the catalogue already: what is not allowed now
 * may have been when it was stored. Only its form is checked. */
errint_t seed_text_check_stored_name(const char *name) SEED_MUST_CHECK;

/* Whether a part names a scratch file, as editors, rsync, patch and browsers call
 * theirs (`man seed`): it starts with '.', stands between two '#', or has
 * one of their endings. */
bool seed_text_is_scratch(const char *part);

/* How many columns of a terminal a text takes: two for a CJK character or an emoji,
 * none for what combines. Every character is valid and printable. */
int seed_text_columns(const char *text);

/* NAME for the log, as /proc/mounts writes it: space, tab, newline, backslash
 * and '#' and every other byte below 0x21 or 0x7f as \ooo, and so the bytes of the
 * characters that seed_text_one_line() takes out. Writes at most
 * `size` bytes with the NUL; returns the full length (snprintf's way). */
size_t seed_text_escape_name(const char *name, char *out, size_t size);

#endif
