/*
 * The text chunks of a source that go into the result beside ours: A1111's
 * `parameters`, ComfyUI's `workflow`. They are copied unchanged, compressed or not,
 * once they are known to be whole. These are left out: chunks that a viewer would fail
 * on, more than 256 KiB of decoded text, and profiles disguised as text, which
 * would be applied to colours that are already converted. Pure.
 */
#ifndef SEED_SOURCE_TEXTS_H
#define SEED_SOURCE_TEXTS_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/texts.h"

/* Lies in the source's bytes. */
struct seed_source_text {
	char name[5]; /* tEXt, zTXt or iTXt */
	const char *prefix; /* of the keyword: "source:" where it would be taken for ours, else "" */
	const uint8_t *keyword;
	size_t keyword_len;
	const uint8_t *rest; /* of the chunk, from the NUL behind the keyword on */
	size_t rest_len;
};

struct seed_source_texts {
	size_t count;
	struct seed_source_text texts[SEED_SOURCE_TEXTS_MAX];
};

/* `png` has been verified; NULL: nothing is kept. ENOMEM. */
errint_t seed_source_texts(const uint8_t *png, size_t len, struct seed_source_texts *found,
			   struct seed_error *error) SEED_MUST_CHECK;

/* Whether one of them keeps that keyword. */
bool seed_source_texts_have(const struct seed_source_texts *found, const char *keyword);

#endif
