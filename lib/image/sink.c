#include "lib/image/sink.h"

#include <openssl/evp.h>
#include <unistd.h>

static errint_t hash_failed(struct seed_error *error)
{
	return seed_error_set(error, EIO, "cannot compute SHA-256");
}

static errint_t write_failed(int code, struct seed_error *error)
{
	return seed_error_set(error, code == ENOSPC || code == EDQUOT ? ENOSPC : EIO,
			      "cannot write the image: %s", strerror(code));
}

errint_t seed_sink_init(struct seed_sink *sink, int fd, struct seed_error *error)
{
	*sink = (struct seed_sink){.fd = fd, .hash = EVP_MD_CTX_new()};
	if (!sink->hash)
		return seed_error_set(error, ENOMEM, "no memory to compute SHA-256");
	if (!EVP_DigestInit_ex(sink->hash, EVP_sha256(), NULL))
		return hash_failed(error);
	return 0;
}

/* What is left of the pieces after `done` bytes. */
static int skip_pieces(struct iovec *pieces, int count, size_t done)
{
	int left = 0;

	for (int i = 0; i < count; i++) {
		size_t skipped = done < pieces[i].iov_len ? done : pieces[i].iov_len;

		done -= skipped;
		if (skipped < pieces[i].iov_len)
			pieces[left++] = (struct iovec){(char *)pieces[i].iov_base + skipped,
							pieces[i].iov_len - skipped};
	}
	return left;
}

errint_t seed_sink_write(struct seed_sink *sink, const struct iovec *pieces, int count,
			 struct seed_error *error)
{
	struct iovec left[SEED_SINK_PIECES_MAX];

	assert(count <= SEED_SINK_PIECES_MAX);
	for (int i = 0; i < count; i++) {
		left[i] = pieces[i];
		if (!EVP_DigestUpdate(sink->hash, pieces[i].iov_base, pieces[i].iov_len))
			return hash_failed(error);
	}
	count = skip_pieces(left, count, 0);
	while (count) {
		ssize_t n = pwritev(sink->fd, left, count, (off_t)sink->bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return write_failed(n ? errno : ENOSPC, error);
		sink->bytes += (uint64_t)n;
		count = skip_pieces(left, count, (size_t)n);
	}
	return 0;
}

static void put_hex(const unsigned char *digest, char hex[SEED_SHA256_HEX_BYTES])
{
	for (size_t i = 0; i < (SEED_SHA256_HEX_BYTES - 1) / 2; i++)
		snprintf(hex + i * 2, 3, "%02x", digest[i]);
}

errint_t seed_sink_finish(struct seed_sink *sink, char sha256[SEED_SHA256_HEX_BYTES],
			  struct seed_error *error)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!EVP_DigestFinal_ex(sink->hash, digest, NULL))
		return hash_failed(error);
	put_hex(digest, sha256);
	/* A worker that died on the same job may have written more. */
	if (ftruncate(sink->fd, (off_t)sink->bytes) || fsync(sink->fd))
		return write_failed(errno, error);
	return 0;
}

void seed_sink_release(struct seed_sink *sink)
{
	EVP_MD_CTX_free(sink->hash);
	sink->hash = NULL;
}

errint_t seed_sha256(const void *data, size_t len, char hex[SEED_SHA256_HEX_BYTES],
		     struct seed_error *error)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL))
		return hash_failed(error);
	put_hex(digest, hex);
	return 0;
}
