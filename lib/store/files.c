#include "lib/store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/crash.h"

errint_t seed_files_make_parents(int dirfd, const char *path)
{
	char part[4096];
	const char *slash = path;

	while ((slash = strchr(slash, '/')) != NULL) {
		size_t len = (size_t)(slash - path);

		if (len >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(dirfd, part, 0755) == 0) {
			errint_t err = seed_files_sync_parent(dirfd, part);

			if (err)
				return err;
		} else if (errno != EEXIST) {
			return -errno;
		}
		slash++;
	}
	return 0;
}

static errint_t sync_fd(int fd)
{
	seed_crash_point("fsync");
	/* Some filesystems cannot fsync a folder and need not (EINVAL). */
	if (fsync(fd) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

errint_t seed_files_sync_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[4096] = ".";
	errint_t err;
	int fd;

	if (slash) {
		size_t len = (size_t)(slash - path);

		if (len >= sizeof(parent))
			return -ENAMETOOLONG;
		memcpy(parent, path, len);
		parent[len] = '\0';
	}
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = sync_fd(fd);
	close(fd);
	return err;
}

errint_t seed_files_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static errint_t write_temporary(int tmpfd, const char *tmpname, const void *data, size_t len,
				bool durable)
{
	errint_t err;
	int fd;

	fd = openat(tmpfd, tmpname, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = seed_files_write_all(fd, data, len);
	if (!err && durable)
		err = sync_fd(fd);
	/* The only other report of a failed delayed write (NFS, quotas). */
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

static errint_t rename_into(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	errint_t err;

	seed_crash_point("rename");
	if (renameat(from_dirfd, from, to_dirfd, to) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	/* Most often the folder is there; make it only when it is not. */
	err = seed_files_make_parents(to_dirfd, to);
	if (err)
		return err;
	return renameat(from_dirfd, from, to_dirfd, to) < 0 ? -errno : 0;
}

errint_t seed_files_replace(int tmpfd, const char *tmpname, int dirfd, const char *path,
			    const void *data, size_t len, bool durable)
{
	errint_t err;

	err = write_temporary(tmpfd, tmpname, data, len, durable);
	if (!err)
		err = rename_into(tmpfd, tmpname, dirfd, path);
	if (err) {
		unlinkat(tmpfd, tmpname, 0);
		return err;
	}
	return durable ? seed_files_sync_parent(dirfd, path) : 0;
}

errint_t seed_files_move(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	errint_t err;

	err = rename_into(from_dirfd, from, to_dirfd, to);
	if (err == -ENOENT && faccessat(to_dirfd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		err = 0;
	if (!err)
		err = seed_files_sync_parent(to_dirfd, to);
	if (!err)
		err = seed_files_sync_parent(from_dirfd, from);
	return err;
}

static errint_t read_all(int fd, char *data, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, data + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

errint_t seed_files_read(int dirfd, const char *path, size_t limit, char **data, size_t *len)
{
	struct stat st;
	errint_t err;
	int fd;

	*data = NULL;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if ((uint64_t)st.st_size > limit)
		err = -EFBIG;
	else if (!(*data = malloc((size_t)st.st_size + 1)))
		err = -ENOMEM;
	else
		err = read_all(fd, *data, (size_t)st.st_size, len);
	close(fd);
	if (err) {
		free(*data);
		*data = NULL;
		return err;
	}
	(*data)[*len] = '\0';
	return 0;
}
