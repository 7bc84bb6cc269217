#include "lib/base/buf.h"

#include <stdarg.h>

/* What `data` of an empty buffer points to; never written. */
static char empty[1];

/* Small enough for a line of the log, large enough not to start with a copy. */
#define FIRST_ALLOC_BYTES 256

void seed_buf_init(struct seed_buf *buf, size_t limit_bytes)
{
	/* The NUL beyond the limit must be countable. */
	assert(limit_bytes < SIZE_MAX);
	buf->data = empty;
	buf->len_bytes = 0;
	buf->alloc_bytes = 0;
	buf->limit_bytes = limit_bytes;
}

void seed_buf_release(struct seed_buf *buf)
{
	if (buf->alloc_bytes)
		free(buf->data);
	seed_buf_init(buf, buf->limit_bytes);
}

/* Room for `len` bytes more and the NUL. */
static errint_t buf_reserve(struct seed_buf *buf, size_t len)
{
	size_t need, alloc;
	char *data;

	if (len > buf->limit_bytes - buf->len_bytes)
		return -EFBIG;
	need = buf->len_bytes + len + 1;
	if (need <= buf->alloc_bytes)
		return 0;
	/* No allocation is so large that its double overflows. */
	alloc = buf->alloc_bytes ? buf->alloc_bytes * 2 : FIRST_ALLOC_BYTES;
	if (alloc < need)
		alloc = need;
	if (alloc > buf->limit_bytes + 1)
		alloc = buf->limit_bytes + 1;
	data = realloc(buf->alloc_bytes ? buf->data : NULL, alloc);
	if (!data)
		return -ENOMEM;
	data[buf->len_bytes] = '\0';
	buf->data = data;
	buf->alloc_bytes = alloc;
	return 0;
}

errint_t seed_buf_add(struct seed_buf *buf, const void *data, size_t len)
{
	errint_t result;

	if (!len)
		return 0;
	result = buf_reserve(buf, len);
	if (result)
		return result;
	memcpy(buf->data + buf->len_bytes, data, len);
	buf->len_bytes += len;
	buf->data[buf->len_bytes] = '\0';
	return 0;
}

errint_t seed_buf_addf(struct seed_buf *buf, const char *format, ...)
{
	va_list arguments, again;
	errint_t result;
	size_t len;
	int wanted;

	va_start(arguments, format);
	va_copy(again, arguments);
	wanted = vsnprintf(NULL, 0, format, arguments);
	if (wanted < 0) {
		result = -errno;
		goto out;
	}
	len = (size_t)wanted;
	result = len ? buf_reserve(buf, len) : 0;
	if (result || !len)
		goto out;
	(void)vsnprintf(buf->data + buf->len_bytes, len + 1, format, again);
	buf->len_bytes += len;
out:
	va_end(again);
	va_end(arguments);
	return result;
}

/* The six bits of a base64 digit, or -1. */
static int base64_value(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+' || digit == '-') /* url-safe, RFC 4648 section 5 */
		return 62;
	return digit == '/' || digit == '_' ? 63 : -1;
}

/* Accepts digits, line breaks, and the right padding or none. The bits that no byte takes
 * must be zero, as every encoder leaves them: otherwise the text was cut. Writes at most
 * `room` bytes; *added is how many. */
static errint_t decode_base64(const char *text, size_t len, char *to, size_t room, size_t *added)
{
	size_t digits = 0, padding = 0;
	unsigned int bits = 0;
	int held = 0;

	for (size_t i = 0; i < len; i++) {
		int value = base64_value(text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=') {
			padding++;
			continue;
		}
		if (value < 0 || padding)
			return -EBADMSG;
		digits++;
		bits = (bits << 6 | (unsigned int)value) & 0xfff;
		held += 6;
		if (held < 8)
			continue;
		if (*added == room)
			return -EFBIG;
		held -= 8;
		to[(*added)++] = (char)(bits >> held & 0xff);
	}
	if (digits % 4 == 1 || (padding && padding != (4 - digits % 4) % 4))
		return -EBADMSG;
	return bits & ((1U << held) - 1) ? -EBADMSG : 0;
}

errint_t seed_buf_add_base64(struct seed_buf *buf, const char *text, size_t len)
{
	size_t room = len - len / 4, left = buf->limit_bytes - buf->len_bytes, added = 0;
	errint_t result;

	/* More than enough, since line breaks become no bytes. decode_base64() finds out
	 * whether the bytes fit. */
	if (room > left)
		room = left;
	result = room ? buf_reserve(buf, room) : 0;
	if (!result)
		result = decode_base64(text, len, buf->data + buf->len_bytes, room, &added);
	if (!result)
		buf->len_bytes += added;
	if (buf->alloc_bytes)
		buf->data[buf->len_bytes] = '\0';
	return result;
}
