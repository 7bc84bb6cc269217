/* An image file: whether the picture's bytes are in it, or a placeholder keeps their place. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

#define MODE_OF_IMAGES 0600 /* as seed_store_result_open() makes them */

/* A file by its descriptor, whatever stands at its name meanwhile. */
#define FD_PATH_BYTES (sizeof("/proc/self/fd/") + 3 * sizeof(int))

bool seed_store_is_placeholder(const struct stat *st)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & (S_IRUSR | S_IRGRP | S_IROTH));
}

errint_t seed_store_stamp(int dirfd, const char *path, int64_t wall_ms)
{
	struct timespec times[2];

	times[0] = seed_clock_file_time(wall_ms);
	times[1] = times[0];
	return utimensat(dirfd, path, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Its mode is that of a placeholder from the first moment: no stop leaves zeros that
 * somebody takes for a picture. */
static errint_t make_sparse(int dirfd, const char *file, uint64_t bytes,
			    const struct timespec times[2])
{
	int fd = openat(dirfd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0);
	errint_t err = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 || futimens(fd, times) < 0)
		err = -errno;
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

errint_t seed_store_placeholder_make(struct seed_store *store, uint64_t bytes,
				     const struct timespec times[2],
				     char file[SEED_STORE_ID_BYTES])
{
	errint_t err;

	seed_store_new_id(store, file);
	err = make_sparse(store->tmp, file, bytes, times);
	if (err)
		SEED_UNUSED(seed_files_unlink(store->tmp, file));
	return err;
}

int seed_store_picture_open(const struct seed_store *store, enum seed_area area, const char *path)
{
	int fd = seed_store_open_file(store, area, path);
	struct stat st;

	if (fd == -EACCES)
		return fstatat(store->areas[area], path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		       seed_store_is_placeholder(&st) ? -EAGAIN : -EACCES;
	if (fd < 0)
		return fd;
	/* Who may read everything opens that, too. */
	if (fstat(fd, &st) == 0 && !seed_store_is_placeholder(&st))
		return fd;
	close(fd);
	return -EAGAIN;
}

errint_t seed_store_hash(int fd, char hex[SEED_SHA256_HEX_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE], buffer[65536];
	EVP_MD_CTX *hash;
	unsigned len = 0;
	ssize_t n = 0;
	struct stat st;
	bool ok;

	if (fstat(fd, &st) < 0)
		return -EIO;
	if (st.st_size > SEED_STORED_MAX_BYTES)
		return -EFBIG;
	hash = EVP_MD_CTX_new();
	ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	while (ok && (n = read(fd, buffer, sizeof(buffer))) > 0)
		ok = EVP_DigestUpdate(hash, buffer, (size_t)n);
	ok = ok && n == 0 && EVP_DigestFinal_ex(hash, sum, &len);
	for (unsigned i = 0; ok && i < len; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free(hash);
	return ok ? 0 : n < 0 ? -EIO : -ENOMEM;
}

/* ---- the bytes come ---- */

static void fd_path(int fd, char path[FD_PATH_BYTES])
{
	(void)snprintf(path, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
}

/* Whoever may not write to any file first lets himself: a file that may be written to and
 * not read is a placeholder still. */
static int open_to_write(int found)
{
	char path[FD_PATH_BYTES];
	int fd;

	fd_path(found, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && chmod(path, S_IWUSR) == 0)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static errint_t copy_into(int fd, int from, uint64_t bytes)
{
	unsigned char buffer[65536];
	uint64_t at = 0;

	while (at < bytes) {
		ssize_t n = pread(from, buffer, sizeof(buffer), (off_t)at);
		errint_t err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		err = seed_io_write(fd, buffer, (size_t)n);
		if (err)
			return err;
		at += (uint64_t)n;
	}
	return at == bytes ? 0 : -EIO;
}

/* Readable last, so that a picture is whole wherever one is. */
static errint_t fill(int found, const struct stat *st, int from, uint64_t bytes)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, st->st_mtim };
	int fd = open_to_write(found);
	errint_t err;

	if (fd < 0)
		return fd;
	err = copy_into(fd, from, bytes);
	if (!err && futimens(fd, times) < 0)
		err = -errno;
	if (!err)
		err = seed_files_sync(fd);
	if (!err && fchmod(fd, MODE_OF_IMAGES) < 0)
		err = -errno;
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

errint_t seed_store_fill(struct seed_store *store, enum seed_area area, const char *path, int fd,
			 uint64_t bytes)
{
	int found = openat(store->areas[area], path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	errint_t err;

	if (found < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	if (fstat(found, &st) < 0)
		err = -errno;
	else if (!seed_store_is_placeholder(&st) || (uint64_t)st.st_size != bytes)
		err = -ESTALE;
	else
		err = fill(found, &st, fd, bytes);
	close(found);
	return err;
}

void seed_store_used(struct seed_store *store, int fd)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

	SEED_UNUSED(store);
	SEED_UNUSED(futimens(fd, times));
}
