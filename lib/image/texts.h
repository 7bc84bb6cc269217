/* What the program writes into a PNG beside its pixels. */
#ifndef SEED_TEXTS_H
#define SEED_TEXTS_H

/* One text chunk: keyword of 1 to 79 Latin-1 bytes, UTF-8 text. tEXt where the
 * text is ASCII and under 1 KiB, else iTXt (PNG specification 11.3.4). */
struct seed_image_text {
	const char *keyword;
	const char *text;
};

#endif
