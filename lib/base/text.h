/*
 * The rules for bytes that users write: UTF-8, names, prompts.
 * Pure functions over buffers; no allocation, no I/O, any thread.
 */
#ifndef SEED_TEXT_H
#define SEED_TEXT_H

#include "lib/base/base.h"

/* Returns the offset of the first byte that is not part of a whole, valid UTF-8
 * character (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), or
 * `len`. *cut (may be NULL) is true if the bytes there are the beginning of a valid
 * character that the end of the buffer cuts off. */
size_t seed_text_utf8_prefix(const char *text, size_t len, bool *cut);

/* `len`, or less if the end cuts a character: then without its first bytes. */
size_t seed_text_whole(const char *text, size_t len);

/* Makes the text one printable line, in place. These become spaces: control
 * characters (C0, DEL, C1), line separators (U+2028, U+2029), characters that change
 * the direction of the text about them (Unicode's property Bidi_Control), and bytes
 * that are not UTF-8. The length does not change.
 * Other invisible characters stay. They change nothing but the word that they stand in,
 * and names need them: the joiners U+200C and U+200D Persian and emoji, the space
 * U+200B Khmer and Thai, the tags from U+E0020 on the flag of Scotland, and U+FEFF
 * comes with names from Windows. A name that looks like another can be made
 * of visible letters, too. */
void seed_text_one_line(char *text, size_t len);

/* The bytes of such a character, if one begins here; 0: another does. */
size_t seed_text_odd_bytes(const char *text, size_t left);

/* The rules of `man seed` that a single write can be checked against. `data` is to
 * be put behind `text`. Both may end in the middle of a character.
 * 0, -EILSEQ, -EINVAL (NUL), -EFBIG. *at (may be NULL) gets the offset of the
 * offending byte in the text. */
errint_t seed_text_check_write(const char *text, size_t text_len, const char *data, size_t len,
			       size_t *at) SEED_MUST_CHECK;

/* The same rule for a whole text: 0, -EILSEQ, -EINVAL (NUL), -EFBIG. */
errint_t seed_text_check(const char *text, size_t len, size_t *at) SEED_MUST_CHECK;

/* Length without white space at the end; 0 for text that is only white space, with or
 * without a byte order mark. White space as Unicode defines it. Valid UTF-8 only. */
size_t seed_text_trimmed(const char *text, size_t len);

/* Length of the white space, or of the byte order mark (UTF-8's), at the
 * beginning; 0: there is none. */
size_t seed_text_white(const char *text, size_t len);
size_t seed_text_mark(const char *text, size_t len);

/* One part of a NAME (`man seed`): 1 to 250 bytes of valid UTF-8
 * without '/' or control characters (C0, DEL, C1, and as above, so that what stands
 * beside a name is read as it is written), not "." or "..".
 * 0, -ENAMETOOLONG, -EILSEQ (not UTF-8), -EINVAL. */
errint_t seed_text_check_name_part(const char *part) SEED_MUST_CHECK;

/* A whole NAME, a relative path. Every part is as above, and none is a scratch name.
 * No folder in it has an ending of an entry's files (.png, .json, .jpg), so
 * images/NAME.png and the like are never a folder. At most 16 parts and 1,024 bytes.
 * Errors as above. */
errint_t seed_text_check_name(const char *name) SEED_MUST_CHECK;
/* The same for a folder's path. */
errint_t seed_text_check_folder(const char *path) SEED_MUST_CHECK;

/* The same for a NAME that is already in the catalogue: what is forbidden now may
 * have been allowed when it was stored. Only its form is checked. */
errint_t seed_text_check_stored_name(const char *name) SEED_MUST_CHECK;

/* Whether a part is a scratch name, as editors, rsync, patch and browsers use
 * (`man seed`): it starts with '.', stands between two '#', or has one of their
 * endings. */
bool seed_text_is_scratch(const char *part);

/* The width of a text in terminal columns: two for a CJK character or an emoji,
 * none for a combining character. Every character is valid and printable. */
int seed_text_columns(const char *text);

/* NAME for the log, as /proc/mounts writes it. Space, tab, newline, backslash, '#',
 * every other byte below 0x21, and 0x7f become \ooo; so do the bytes of the
 * characters that seed_text_one_line() removes. Writes at most
 * `size` bytes with the NUL; returns the full length, like snprintf. */
size_t seed_text_escape_name(const char *name, char *out, size_t size);

#endif
