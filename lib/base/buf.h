/*
 * A growing buffer with a required limit. The data is always
 * NUL-terminated beyond its length, so that text can be handed to C functions.
 * After a failed add (-EFBIG over the cap, -ENOMEM) the buffer is unchanged.
 * Not shared between threads.
 */
#ifndef SEED_BUF_H
#define SEED_BUF_H

#include "lib/base/base.h"

struct seed_buf {
	char *data;         /* owned; never NULL after init ("" while empty) */
	size_t len_bytes;
	size_t alloc_bytes; /* 0: `data` is the shared empty string */
	size_t limit_bytes;
};

void seed_buf_init(struct seed_buf *buf, size_t limit_bytes);
void seed_buf_release(struct seed_buf *buf); /* leaves it empty and usable */
errint_t seed_buf_add(struct seed_buf *buf, const void *data, size_t len) SEED_MUST_CHECK;
errint_t seed_buf_addf(struct seed_buf *buf, const char *format, ...) SEED_PRINTF(2, 3) SEED_MUST_CHECK;

/* Base64 (RFC 4648, with or without line breaks and padding) of `text`,
 * appended to `buf`. -EBADMSG for anything else. */
errint_t seed_buf_add_base64(struct seed_buf *buf, const char *text, size_t len) SEED_MUST_CHECK;

#endif
