/* What a PNG of ours contains besides its pixels. */
#ifndef SEED_TEXTS_H
#define SEED_TEXTS_H

#include "lib/base/base.h"

/* PNG specification 11.3.3.2. */
enum { SEED_IMAGE_KEYWORD_MAX_BYTES = 79 };

/* One text chunk: keyword of 1 to 79 Latin-1 bytes, UTF-8 text. tEXt where the
 * text is ASCII and under 1 KiB, else iTXt (PNG specification 11.3.4). */
struct seed_image_text {
	const char *keyword;
	const char *text;
};

struct seed_image_texts {
	const struct seed_image_text *ours;
	size_t count;
	/* A verified PNG whose own texts are kept; NULL: none. If both have a keyword, ours
	 * becomes seedfs:KEYWORD, except `prompt`: there the source's becomes source:prompt. */
	const uint8_t *source;
	size_t source_len;
};

#endif
