#include "lib/s3/key.h"

#include <ctype.h>

static bool is_literal(unsigned char c)
{
	return isascii(c) && (isalnum(c) || c == '-');
}

/* How a byte of a name stands in a key. */
static bool stands_for_itself(const char *name, size_t at)
{
	unsigned char c = (unsigned char)name[at];
	bool begins = at == 0 || name[at - 1] == '/';

	return is_literal(c) || c == '/' || (c == '.' && !begins);
}

errint_t seed_s3_key_add_name(struct seed_buf *out, const char *name)
{
	struct seed_buf key;
	errint_t err = 0;

	seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
	for (size_t i = 0; name[i] && !err; i++) {
		if (stands_for_itself(name, i))
			err = seed_buf_add(&key, name + i, 1);
		else
			err = seed_buf_addf(&key, "_%02x", (unsigned char)name[i]);
	}
	if (!err)
		err = seed_buf_add(out, key.data, key.len_bytes);
	seed_buf_release(&key);
	return err;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that `key` begins with, and how many bytes of the key it takes; -1: none. */
static int decode(const char *key, size_t left, size_t *took)
{
	int high, low;

	*took = 1;
	if (key[0] != '_')
		return is_literal((unsigned char)key[0]) || key[0] == '/' || key[0] == '.' ?
			(unsigned char)key[0] : -1;
	*took = 3;
	if (left < 3)
		return -1;
	high = digit(key[1]);
	low = digit(key[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

errint_t seed_s3_key_name(const char *key, size_t len, char *out, size_t size)
{
	size_t written = 0, took;

	for (size_t i = 0; i < len; i += took) {
		int byte = decode(key + i, len - i, &took);

		if (byte <= 0)
			return -EBADMSG;
		if (written + 1 >= size)
			return -ENAMETOOLONG;
		out[written] = (char)byte;
		/* Only the one way in which it is written. */
		if (stands_for_itself(out, written) != (took == 1))
			return -EBADMSG;
		written++;
	}
	out[written] = '\0';
	return 0;
}

bool seed_s3_key_is_plain(const char *key)
{
	const char *part = key, *end;

	for (; part; part = end ? end + 1 : NULL) {
		size_t len = strcspn(part, "/");

		end = part[len] ? part + len : NULL;
		if (len == 0 || strspn(part, ".") == len)
			return false;
		for (size_t i = 0; i < len; i++)
			if (!is_literal((unsigned char)part[i]) && !strchr("._", part[i]))
				return false;
	}
	return true;
}

bool seed_s3_is_bucket(const char *name)
{
	size_t len = strlen(name);

	return len >= 3 && len <= SEED_S3_BUCKET_MAX_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len && !strstr(name, "..") &&
	       name[0] != '-' && name[0] != '.' && name[len - 1] != '-' && name[len - 1] != '.';
}

bool seed_s3_is_region(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= SEED_S3_REGION_MAX_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}
