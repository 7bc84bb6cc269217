#include "lib/store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/store/crash.h"

errint_t seed_files_sync(int fd)
{
	seed_crash_point("fsync");
	/* Some filesystems cannot fsync a folder and need not (EINVAL). */
	if (fsync(fd) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

errint_t seed_files_sync_file(int dirfd, const char *path)
{
	int fd = seed_files_open(dirfd, path);
	errint_t err;

	if (fd < 0)
		return fd;
	err = seed_files_sync(fd);
	close(fd);
	return err;
}

errint_t seed_files_sync_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[4096] = ".";
	errint_t err;
	int fd;

	if (slash) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		if (len >= sizeof(parent))
			return -ENAMETOOLONG;
		memcpy(parent, path, len);
		parent[len] = '\0';
	}
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = seed_files_sync(fd);
	close(fd);
	return err;
}

static errint_t write_new(int dirfd, const char *name, const void *data, size_t len, bool durable,
			  struct timespec mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };
	errint_t err;
	int fd;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = seed_io_write(fd, data, len);
	if (!err && futimens(fd, times) < 0)
		err = -errno;
	if (!err && durable)
		err = seed_files_sync(fd);
	/* The only other report of a failed delayed write (NFS, quotas). */
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

errint_t seed_files_write_timed(int dirfd, const char *name, const void *data, size_t len,
				struct timespec mtime, bool durable)
{
	errint_t err = write_new(dirfd, name, data, len, durable, mtime);

	/* A file that an earlier try left is not written to again. */
	if (err == -EEXIST) {
		err = seed_files_unlink(dirfd, name);
		if (!err)
			err = write_new(dirfd, name, data, len, durable, mtime);
	}
	if (err)
		SEED_UNUSED(seed_files_unlink(dirfd, name));
	return err;
}

errint_t seed_files_write(int dirfd, const char *name, const void *data, size_t len, bool durable)
{
	const struct timespec now = { .tv_nsec = UTIME_OMIT };

	return seed_files_write_timed(dirfd, name, data, len, now, durable);
}

/* Its length, or -errno. */
static off_t lines_length(int fd, char first, size_t more, size_t limit)
{
	char begins, ends;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 || st.st_size <= 0 ||
	    (uint64_t)st.st_size + more > limit)
		return -EBADMSG;
	if (pread(fd, &begins, 1, 0) != 1 || pread(fd, &ends, 1, st.st_size - 1) != 1)
		return -EIO;
	return begins == first && ends == '\n' ? st.st_size : -EBADMSG;
}

static errint_t append_line(int fd, const void *line, size_t len)
{
	errint_t err = seed_io_write(fd, line, len);

	if (err)
		return err;
	seed_crash_point("fsync");
	return fdatasync(fd) < 0 ? -errno : 0;
}

errint_t seed_files_append(int dirfd, const char *name, const void *line, size_t len, size_t limit)
{
	int fd = openat(dirfd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	off_t before;
	errint_t err = 0;

	if (fd < 0)
		return -errno;
	before = lines_length(fd, *(const char *)line, len, limit);
	if (before < 0)
		err = (errint_t)before;
	else
		err = append_line(fd, line, len);
	/* What could not be written is dropped, and the next fsync succeeds. */
	if (err && before > 0 && ftruncate(fd, before - 1) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* -EBADMSG: it is no file. */
static errint_t look_at_file(int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? 0 : -EBADMSG;
}

errint_t seed_files_reserve(int dirfd, const char *name, size_t room)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	errint_t err;

	if (fd < 0)
		return -errno;
	err = look_at_file(fd, &st);
	if (!err && fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, (off_t)room) < 0)
		/* Where that cannot be done there is as much room as there is. */
		err = errno == ENOSPC || errno == EDQUOT ? -errno : 0;
	close(fd);
	return err;
}

/* A program from elsewhere does not get it to write into another file. */
static errint_t look_at_own(int fd, struct stat *st)
{
	errint_t err = look_at_file(fd, st);

	return !err && (st->st_uid != geteuid() || st->st_nlink != 1) ? -EBADMSG : err;
}

errint_t seed_files_sync_all(int fd)
{
	seed_crash_point("fsync");
	return syncfs(fd) < 0 ? -errno : 0;
}

errint_t seed_files_add_line(int dirfd, const char *name, const char *line, bool durable)
{
	char *bytes = NULL;
	struct stat st;
	errint_t err;
	int fd, len;

	seed_crash_point("append");
	fd = openat(dirfd, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	len = asprintf(&bytes, "\n%s", line);
	err = len < 0 ? -ENOMEM : look_at_own(fd, &st);
	if (!err)
		err = seed_io_write(fd, bytes, (size_t)len);
	if (len >= 0)
		free(bytes);
	if (!err && durable)
		err = seed_files_sync(fd);
	close(fd);
	return err || !durable ? err : seed_files_sync_parent(dirfd, name);
}

errint_t seed_files_overwrite(int dirfd, const char *name, const void *data, size_t len)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	errint_t err;

	if (fd < 0)
		return -errno;
	err = look_at_own(fd, &st);
	if (!err)
		err = seed_io_write(fd, data, len);
	if (!err && ftruncate(fd, (off_t)len) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool is_plain_part(const char *part, size_t len)
{
	return len > 0 && !(len == 1 && part[0] == '.') &&
	       !(len == 2 && part[0] == '.' && part[1] == '.');
}

bool seed_files_is_below(int dirfd, const char *path)
{
	char above[4096];
	struct stat st;

	if (strlen(path) >= sizeof(above))
		return false;
	for (const char *part = path, *end;; part = end + 1) {
		end = part + strcspn(part, "/");
		if (!is_plain_part(part, (size_t)(end - part)))
			return false;
		if (!*end)
			return true;
		memcpy(above, path, (size_t)(end - path));
		above[end - path] = '\0';
		if (fstatat(dirfd, above, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return false;
	}
}

/* Through a link in the place of a folder, from before the mount, nothing goes: to where
 * it leads is not ours. (Where the state directory itself is, links are.) */
static bool leads_out(int dirfd, const char *path)
{
	return dirfd != AT_FDCWD && strchr(path, '/') && !seed_files_is_below(dirfd, path);
}

errint_t seed_files_touch(int dirfd, const char *path, bool exclusive)
{
	int fd;

	if (leads_out(dirfd, path))
		return -ENOTDIR;
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | (exclusive ? O_EXCL : 0) | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

errint_t seed_files_mkdir(int dirfd, const char *path, mode_t mode)
{
	errint_t err;

	if (leads_out(dirfd, path))
		return -ENOTDIR;
	if (mkdirat(dirfd, path, mode) < 0)
		return -errno;
	err = seed_files_sync_parent(dirfd, path);
	/* A folder that we may write in, but not read. */
	return err == -EACCES ? 0 : err;
}

errint_t seed_files_make_parents(int dirfd, const char *path)
{
	char part[4096];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		errint_t err;

		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		err = *part ? seed_files_mkdir(dirfd, part, 0755) : 0;
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

errint_t seed_files_rename(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	errint_t err;

	if (leads_out(from_dirfd, from) || leads_out(to_dirfd, to))
		return -ENOTDIR;
	seed_crash_point("rename");
	if (renameat(from_dirfd, from, to_dirfd, to) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	/* Most often the folder is there; make it only when it is not. */
	err = seed_files_make_parents(to_dirfd, to);
	if (err)
		return err;
	seed_crash_point("rename");
	return renameat(from_dirfd, from, to_dirfd, to) < 0 ? -errno : 0;
}

errint_t seed_files_exchange(int a_dirfd, const char *a, int b_dirfd, const char *b)
{
	if (leads_out(a_dirfd, a) || leads_out(b_dirfd, b))
		return -ENOTDIR;
	seed_crash_point("rename");
	if (renameat2(a_dirfd, a, b_dirfd, b, RENAME_EXCHANGE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

errint_t seed_files_link(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	int code;

	if (leads_out(from_dirfd, from) || leads_out(to_dirfd, to))
		return -ENOTDIR;
	seed_crash_point("link");
	if (linkat(from_dirfd, from, to_dirfd, to, 0) == 0)
		return 0;
	code = errno;
	if (code == ENOENT) {
		errint_t err = seed_files_make_parents(to_dirfd, to);

		if (err)
			return err;
		seed_crash_point("link");
		code = linkat(from_dirfd, from, to_dirfd, to, 0) < 0 ? errno : 0;
	}
	if (code == EEXIST && seed_files_are_same(from_dirfd, from, to_dirfd, to))
		return 0;
	return code == EPERM || code == ENOSYS || code == EMLINK ? -EOPNOTSUPP : -code;
}

errint_t seed_files_place(int tmpfd, const char *tmpname, int dirfd, const char *path, bool durable)
{
	errint_t err = seed_files_rename(tmpfd, tmpname, dirfd, path);

	if (err)
		SEED_UNUSED(seed_files_unlink(tmpfd, tmpname));
	return err || !durable ? err : seed_files_sync_parent(dirfd, path);
}

errint_t seed_files_replace(int tmpfd, const char *tmpname, int dirfd, const char *path,
			    const void *data, size_t len, bool durable)
{
	errint_t err = seed_files_write(tmpfd, tmpname, data, len, durable);

	return err ? err : seed_files_place(tmpfd, tmpname, dirfd, path, durable);
}

errint_t seed_files_remove(int dirfd, const char *path)
{
	if (leads_out(dirfd, path))
		return -ENOTDIR;
	seed_crash_point("unlink");
	return unlinkat(dirfd, path, 0) < 0 ? -errno : 0;
}

errint_t seed_files_unlink(int dirfd, const char *path)
{
	errint_t err = seed_files_remove(dirfd, path);

	return err == -ENOENT || err == -ENOTDIR ? 0 : err;
}

errint_t seed_files_rmdir(int dirfd, const char *path)
{
	if (leads_out(dirfd, path))
		return -ENOTDIR;
	return unlinkat(dirfd, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}

bool seed_files_is_folder(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static errint_t names_add(struct seed_names *list, const char *name)
{
	char **names = list->names;

	/* Doubles the room whenever it is full: at each power of two. */
	if ((list->count & (list->count - 1)) == 0)
		names = realloc(names, (list->count ? 2 * list->count : 1) * sizeof(names[0]));
	if (!names)
		return -ENOMEM;
	list->names = names;
	names[list->count] = strdup(name);
	return names[list->count] ? (list->count++, 0) : -ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static errint_t read_names(DIR *dir, struct seed_names *list)
{
	struct dirent *entry;
	errint_t err = 0;

	while (!err && (errno = 0, entry = readdir(dir)) != NULL)
		if (!is_dot(entry->d_name))
			err = names_add(list, entry->d_name);
	return err ? err : -errno;
}

errint_t seed_files_list(int dirfd, const char *path, struct seed_names *list)
{
	int fd;
	DIR *dir;
	errint_t err;

	*list = (struct seed_names){ 0 };
	if (leads_out(dirfd, path))
		return -ENOTDIR;
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = read_names(dir, list);
	closedir(dir);
	if (err)
		seed_names_release(list);
	else if (list->count)
		qsort(list->names, list->count, sizeof(list->names[0]), compare_names);
	return err;
}

void seed_names_release(struct seed_names *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct seed_names){ 0 };
}

int seed_files_exists(int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

int seed_files_has_bytes(int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return st.st_size > 0;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

bool seed_files_is_of(int dirfd, const char *path, uint64_t bytes)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
	return errno != ENOENT && errno != ENOTDIR;
}

int seed_files_has_file(int dirfd, const char *path)
{
	return seed_files_is_folder(dirfd, path) ? -EISDIR : seed_files_exists(dirfd, path);
}

bool seed_files_are_same(int a_dirfd, const char *a, int b_dirfd, const char *b)
{
	struct stat x, y;

	return fstatat(a_dirfd, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_dirfd, b, &y, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(x.st_mode) &&
	       x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

int seed_files_open(int dirfd, const char *path)
{
	struct stat st;
	errint_t err;
	int fd;

	if (leads_out(dirfd, path))
		return -ENOENT;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP ? -ENOENT : -errno;
	err = look_at_file(fd, &st);
	if (!err)
		return fd;
	close(fd);
	return err == -EBADMSG ? -ENOENT : err;
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
	if (leads_out(dirfd, path))
		return -ENOTDIR;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
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
