#include "lib/image/source_texts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/image/inflated.h"
#include "lib/image/png_chunks.h"

/* The rest of a chunk, and of the limit on all decoded texts. */
struct reader {
	const uint8_t *at, *end;
	size_t *budget;
};

static bool keyword_is(const struct seed_source_text *text, const char *keyword)
{
	return text->keyword_len == strlen(keyword) && !memcmp(text->keyword, keyword, text->keyword_len);
}

static bool keyword_begins(const struct seed_source_text *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text->keyword_len >= len && !memcmp(text->keyword, prefix, len);
}

/* PNG specification 11.3.3.2: printable Latin-1, with only single spaces, and only
 * inside. */
static bool keyword_valid(const uint8_t *keyword, size_t len)
{
	bool space = true;

	for (size_t i = 0; i < len; i++) {
		bool seen = (keyword[i] > ' ' && keyword[i] < 0x7f) || keyword[i] > 0xa0;

		if (!seen && (keyword[i] != ' ' || space))
			return false;
		space = !seen;
	}
	return !space;
}

/* Skips the bytes up to a NUL, and the NUL. */
static bool skip_string(struct reader *reader)
{
	const uint8_t *end = memchr(reader->at, 0, (size_t)(reader->end - reader->at));

	reader->at = end ? end + 1 : reader->end;
	return end != NULL;
}

static bool text_valid(const uint8_t *text, size_t len, bool utf8, size_t *budget)
{
	if (len > *budget || memchr(text, 0, len) ||
	    (utf8 && seed_text_utf8_prefix((const char *)text, len, NULL) != len))
		return false;
	*budget -= len;
	return true;
}

static errint_t stream_valid(const struct reader *reader, bool utf8, bool *valid)
{
	uint8_t *text = NULL;
	size_t len = 0;
	errint_t err;

	err = seed_inflated(reader->at, (size_t)(reader->end - reader->at), *reader->budget, &text, &len);
	*valid = text && text_valid(text, len, utf8, reader->budget);
	free(text);
	return err;
}

/* After the keyword and its NUL (11.3.3.3 and 11.3.3.4): method 0; or, in iTXt, a flag,
 * method 0, a language, and the keyword in it. */
static errint_t value_valid(struct reader *reader, const char *name, bool *valid)
{
	bool utf8 = name[0] == 'i', packed = name[0] == 'z';
	size_t head = name[0] == 't' ? 0 : utf8 ? 2 : 1;

	*valid = false;
	if ((size_t)(reader->end - reader->at) < head || (head && reader->at[head - 1]))
		return 0;
	if (utf8) {
		packed = reader->at[0];
		if (reader->at[0] > 1)
			return 0;
	}
	reader->at += head;
	if (utf8 && (!skip_string(reader) || !skip_string(reader)))
		return 0;
	if (packed)
		return stream_valid(reader, utf8, valid);
	*valid = text_valid(reader->at, (size_t)(reader->end - reader->at), utf8, reader->budget);
	return 0;
}

/* `prompt` is always ours, and so is a keyword that we have renamed before. */
static void name_it(struct seed_source_text *text)
{
	text->prefix = keyword_is(text, "prompt") || keyword_begins(text, "seedfs:") ? "source:" : "";
}

static errint_t read_text(const struct seed_png_chunk *chunk, struct seed_source_text *text,
			  size_t *budget, bool *valid)
{
	struct reader reader = {chunk->data, chunk->data + chunk->len, budget};
	size_t len;

	*valid = false;
	if (!skip_string(&reader))
		return 0;
	len = (size_t)(reader.at - chunk->data) - 1;
	*text = (struct seed_source_text){
		.keyword = chunk->data, .keyword_len = len,
		.rest = chunk->data + len, .rest_len = chunk->len - len,
	};
	memcpy(text->name, chunk->name, sizeof(text->name));
	name_it(text);
	if (!keyword_valid(text->keyword, len) ||
	    len + strlen(text->prefix) > SEED_IMAGE_KEYWORD_MAX_BYTES ||
	    keyword_begins(text, "Raw profile type ic"))
		return 0;
	return value_valid(&reader, text->name, valid);
}

static bool is_text(const struct seed_png_chunk *chunk)
{
	return !strcmp(chunk->name, "tEXt") || !strcmp(chunk->name, "zTXt") || !strcmp(chunk->name, "iTXt");
}

errint_t seed_source_texts(const uint8_t *png, size_t len, struct seed_source_texts *found,
			   struct seed_error *error)
{
	size_t offset = SEED_PNG_SIGNATURE_BYTES, budget = SEED_SOURCE_TEXTS_MAX_BYTES, seen = 0;
	struct seed_png_chunk chunk;
	errint_t err = 0;

	found->count = 0;
	while (!err && png && seen < SEED_SOURCE_TEXTS_MAX && seed_png_next(png, len, &offset, &chunk) &&
	       strcmp(chunk.name, "IEND")) {
		bool valid = false;

		if (!is_text(&chunk))
			continue;
		seen++;
		err = read_text(&chunk, &found->texts[found->count], &budget, &valid);
		found->count += valid;
	}
	return err ? seed_error_set(error, ENOMEM, "no memory to read a picture's texts") : 0;
}

bool seed_source_texts_have(const struct seed_source_texts *found, const char *keyword)
{
	for (size_t i = 0; i < found->count; i++)
		if (!*found->texts[i].prefix && keyword_is(&found->texts[i], keyword))
			return true;
	return false;
}
