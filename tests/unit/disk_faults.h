/*
 * System calls of the store that fail, or are the last before the program is killed or the
 * power is cut: interposed by the linker (--wrap, see the Makefile).
 *
 * A power cut is the strictest that POSIX allows: what a folder holds is what it held at its
 * last fsync, and a file that was not synced is empty.
 *
 * A test sets `work`, `state_dir` and `shadow`, then `mode` and `fail_at`.
 */
#ifndef TEST_DISK_FAULTS_H
#define TEST_DISK_FAULTS_H

#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512
#define STATE_CRASHED 77

/* ---- what goes wrong ---- */

enum mode {
	MODE_NONE,
	MODE_ENOSPC,  /* one call that needs space */
	MODE_EIO,     /* one call of any kind */
	MODE_LASTING, /* that and all that change something, until the operation ends */
	MODE_KILL,
	MODE_POWER,
	MODE_COUNT
};

static const char *const mode_names[] = { "none", "ENOSPC", "EIO", "lasting EIO", "kill", "power" };

static enum mode mode;
static long calls, fail_at;
static char now[128]; /* what is tried */
static char work[PATH_BYTES], state_dir[PATH_BYTES], shadow[PATH_BYTES];

/* ---- a disk that forgets ---- */

int __real_openat64(int dirfd, const char *path, int flags, mode_t file_mode);
int __real_mkdirat(int dirfd, const char *path, mode_t file_mode);
int __real_renameat(int a_dirfd, const char *a, int b_dirfd, const char *b);
int __real_linkat(int a_dirfd, const char *a, int b_dirfd, const char *b, int flags);
int __real_unlinkat(int dirfd, const char *path, int flags);
int __real_ftruncate64(int fd, off_t len);
int __real_fallocate64(int fd, int how, off_t from, off_t len);
int __real_fsync(int fd);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __real_read(int fd, void *data, size_t len);

static struct {
	ino_t inode;
	off_t len; /* as far as it is on it */
} unsynced[256]; /* files whose end is not on it */
static size_t unsynced_count;

static size_t unsynced_find(ino_t inode)
{
	size_t i = 0;

	while (i < unsynced_count && unsynced[i].inode != inode)
		i++;
	return i;
}

/* Before it is written to, and once that is durable. */
static void set_unsynced(const struct stat *st, bool is)
{
	size_t i = unsynced_find(st->st_ino);

	if (is && i == unsynced_count) {
		assert_true(unsynced_count < SEED_ARRAY_LEN(unsynced));
		unsynced[unsynced_count].inode = st->st_ino;
		unsynced[unsynced_count++].len = st->st_size;
	} else if (!is && i < unsynced_count) {
		unsynced[i] = unsynced[--unsynced_count];
	}
}

/* Files that a folder held at its last fsync, whatever became of their names: open,
 * for a link more would be seen by the store. */
static struct {
	ino_t inode;
	int fd;
	char path[PATH_BYTES]; /* where it was made again */
} kept[256];
static size_t kept_count;

/* Also what nobody may read. */
static int open_any(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd >= 0 || errno != EACCES || lstat(path, &st) < 0 || chmod(path, S_IRUSR) < 0)
		return fd;
	fd = open(path, O_RDONLY);
	assert_int_equal(chmod(path, st.st_mode), 0);
	return fd;
}

static size_t keep(const char *path, ino_t inode)
{
	size_t i = 0;

	while (i < kept_count && kept[i].inode != inode)
		i++;
	if (i == kept_count) {
		assert_true(kept_count < SEED_ARRAY_LEN(kept));
		kept[kept_count].inode = inode;
		kept[kept_count].fd = open_any(path);
		assert_true(kept[kept_count++].fd >= 0);
	}
	return i;
}

/* Of `path` as much as is on the disk. */
static void copy_start(const char *path, const char *to, size_t len)
{
	char *data = malloc(len + 1);
	int from_fd = open(path, O_RDONLY), to_fd = open(to, O_CREAT | O_WRONLY | O_EXCL, 0600);

	assert_non_null(data);
	assert_true(from_fd >= 0 && to_fd >= 0);
	assert_int_equal(__real_read(from_fd, data, len), len);
	assert_int_equal(__real_write(to_fd, data, len), len);
	close(from_fd);
	close(to_fd);
	free(data);
}

static void join(char out[PATH_BYTES], const char *a, const char *b)
{
	assert_true(snprintf(out, PATH_BYTES, "%s/%s", a, b) < PATH_BYTES);
}

static void shadow_name(char out[PATH_BYTES], ino_t inode)
{
	assert_true(snprintf(out, PATH_BYTES, "%s/%llu", shadow, (unsigned long long)inode) <
		    PATH_BYTES);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(type);
	SEED_UNUSED(ftw);
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A folder stands in one other: where it has arrived it has left. */
static void leave_others(ino_t inode)
{
	char number[32], text[32], path[2 * PATH_BYTES];
	DIR *all = opendir(shadow), *dir;
	struct dirent *outer, *entry;

	assert_non_null(all);
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)inode);
	while ((outer = readdir(all)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", shadow, outer->d_name);
		dir = outer->d_name[0] == '.' ? NULL : opendir(path);
		while (dir && (entry = readdir(dir)) != NULL) {
			ssize_t len = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);

			text[len > 0 ? len : 0] = '\0';
			if (strcmp(text, number) == 0)
				__real_unlinkat(dirfd(dir), entry->d_name, 0);
		}
		if (dir)
			closedir(dir);
	}
	closedir(all);
}

/* The folder's entries as they are now, by number: files as they are kept. */
static void shadow_folder(const char *path, ino_t inode)
{
	char to[PATH_BYTES], from[PATH_BYTES], entry_to[PATH_BYTES], number[32];
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir(path);

	assert_non_null(dir);
	shadow_name(to, inode);
	remove_tree(to);
	assert_int_equal(mkdir(to, 0700), 0);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(from, path, entry->d_name);
		join(entry_to, to, entry->d_name);
		assert_int_equal(lstat(from, &st), 0);
		if (S_ISDIR(st.st_mode))
			leave_others(st.st_ino);
		if (S_ISDIR(st.st_mode))
			(void)snprintf(number, sizeof(number), "%llu",
				       (unsigned long long)st.st_ino);
		else
			(void)snprintf(number, sizeof(number), "f%zu", keep(from, st.st_ino));
		assert_int_equal(symlink(number, entry_to), 0);
	}
	closedir(dir);
}

static int shadow_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(ftw);
	if (type == FTW_D)
		shadow_folder(path, st->st_ino);
	return 0;
}

/* Of two names that it has the second is a link. */
static void make_again(size_t file, const char *to)
{
	char path[PATH_BYTES];
	size_t lost = unsynced_find(kept[file].inode);
	struct stat st;
	off_t len;

	if (kept[file].path[0]) {
		assert_int_equal(link(kept[file].path, to), 0);
		return;
	}
	assert_int_equal(fstat(kept[file].fd, &st), 0);
	len = lost < unsynced_count && unsynced[lost].len < st.st_size ? unsynced[lost].len : st.st_size;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", kept[file].fd);
	copy_start(path, to, (size_t)len);
	assert_int_equal(chmod(to, st.st_mode), 0);
	assert_int_equal(utimensat(AT_FDCWD, to, (struct timespec[]){ st.st_atim, st.st_mtim }, 0), 0);
	(void)snprintf(kept[file].path, PATH_BYTES, "%s", to);
}

/* What the power cut leaves of the folder, made at `to`. */
static void materialize(ino_t inode, const char *to)
{
	char from[PATH_BYTES], path[PATH_BYTES], entry_to[PATH_BYTES], number[32] = "";
	struct dirent *entry;
	ssize_t len;
	DIR *dir;

	assert_int_equal(mkdir(to, 0700), 0);
	shadow_name(from, inode);
	dir = opendir(from);
	if (!dir)
		return; /* never synced: empty */
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(path, from, entry->d_name);
		join(entry_to, to, entry->d_name);
		len = readlink(path, number, sizeof(number) - 1);
		number[len > 0 ? len : 0] = '\0';
		if (number[0] == 'f')
			make_again(strtoul(number + 1, NULL, 10), entry_to);
		else
			materialize((ino_t)strtoull(number, NULL, 10), entry_to);
	}
	closedir(dir);
}

static void crash(int status)
{
	char after[PATH_BYTES];
	struct stat st;

	if (mode == MODE_POWER) {
		mode = MODE_NONE;
		assert_int_equal(stat(state_dir, &st), 0);
		join(after, work, "after");
		materialize(st.st_ino, after);
		remove_tree(state_dir);
		assert_int_equal(rename(after, state_dir), 0);
	}
	_exit(status);
}

/* Before each call: true if it is to fail, with errno. */
static bool point(bool changes, bool needs_space)
{
	if (mode == MODE_NONE || (mode == MODE_ENOSPC && !needs_space) ||
	    ((mode == MODE_KILL || mode == MODE_POWER) && !changes))
		return false;
	calls++;
	if (calls < fail_at || (calls > fail_at && (mode != MODE_LASTING || !changes)))
		return false;
	if (mode == MODE_KILL || mode == MODE_POWER)
		crash(STATE_CRASHED);
	errno = mode == MODE_ENOSPC ? ENOSPC : EIO;
	return true;
}

/* Its number may have been that of a file that is gone, of which nothing is on the disk. */
static int is_new(int fd)
{
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		set_unsynced(&st, false);
	return fd;
}

int __wrap_openat64(int dirfd, const char *path, int flags, mode_t file_mode);
int __wrap_openat64(int dirfd, const char *path, int flags, mode_t file_mode)
{
	bool creates = flags & O_CREAT;

	if (point(creates, creates))
		return -1;
	if (creates && mode == MODE_POWER && faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return is_new(__real_openat64(dirfd, path, flags, file_mode));
	return __real_openat64(dirfd, path, flags, creates ? file_mode : 0);
}

int __wrap_mkdirat(int dirfd, const char *path, mode_t file_mode);
int __wrap_mkdirat(int dirfd, const char *path, mode_t file_mode)
{
	char name[PATH_BYTES];
	struct stat st;

	if (point(true, true) || __real_mkdirat(dirfd, path, file_mode) < 0)
		return -1;
	/* So may a folder's. */
	if (mode == MODE_POWER && fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		shadow_name(name, st.st_ino);
		remove_tree(name);
	}
	return 0;
}

int __wrap_renameat(int a_dirfd, const char *a, int b_dirfd, const char *b);
int __wrap_renameat(int a_dirfd, const char *a, int b_dirfd, const char *b)
{
	return point(true, true) ? -1 : __real_renameat(a_dirfd, a, b_dirfd, b);
}

int __wrap_linkat(int a_dirfd, const char *a, int b_dirfd, const char *b, int flags);
int __wrap_linkat(int a_dirfd, const char *a, int b_dirfd, const char *b, int flags)
{
	return point(true, true) ? -1 : __real_linkat(a_dirfd, a, b_dirfd, b, flags);
}

int __wrap_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	return point(true, false) ? -1 : __real_unlinkat(dirfd, path, flags);
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	char name[64], path[PATH_BYTES] = "";
	struct stat st;

	if (point(true, true))
		return -1;
	if (mode == MODE_POWER && fstat(fd, &st) == 0) {
		(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		if (!S_ISDIR(st.st_mode))
			set_unsynced(&st, false);
		else if (readlink(name, path, sizeof(path) - 1) > 0)
			shadow_folder(path, st.st_ino);
	}
	return 0;
}

ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	struct stat st;

	/* The tests' own output is not the store's. */
	if (fd <= STDERR_FILENO || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return __real_write(fd, data, len);
	if (point(true, true))
		return -1;
	if (mode == MODE_POWER)
		set_unsynced(&st, true);
	return __real_write(fd, data, len);
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

int __wrap_ftruncate64(int fd, off_t len);
int __wrap_ftruncate64(int fd, off_t len)
{
	return point(true, false) ? -1 : __real_ftruncate64(fd, len);
}

int __wrap_fallocate64(int fd, int how, off_t from, off_t len);
int __wrap_fallocate64(int fd, int how, off_t from, off_t len)
{
	return point(false, true) ? -1 : __real_fallocate64(fd, how, from, len);
}

ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return point(false, false) ? -1 : __real_read(fd, data, len);
}

#endif
