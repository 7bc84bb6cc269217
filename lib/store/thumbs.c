/* thumbs/KEY.jpg: files that can be made again at any time. Nothing here is synced. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

#define NAME_BYTES (16 + 1 + 16 + sizeof(".jpg"))

static void name_of(uint64_t file, int64_t time_ns, char name[NAME_BYTES])
{
	(void)snprintf(name, NAME_BYTES, "%016llx-%016llx.jpg", (unsigned long long)file,
		       (unsigned long long)time_ns);
}

int seed_store_thumb_open(const struct seed_store *store, uint64_t file, int64_t time_ns)
{
	char name[NAME_BYTES];

	name_of(file, time_ns, name);
	return seed_files_open(store->thumbs, name);
}

off_t seed_store_thumb_size(const struct seed_store *store, uint64_t file, int64_t time_ns)
{
	char name[NAME_BYTES];
	struct stat st;

	name_of(file, time_ns, name);
	return fstatat(store->thumbs, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ?
		st.st_size : 0;
}

static errint_t open_both(struct seed_store *store, enum seed_area area, const char *path,
			  struct seed_thumb_files *files)
{
	struct stat st;

	files->source_fd = seed_store_picture_open(store, area, path);
	if (files->source_fd < 0)
		return files->source_fd;
	if (fstat(files->source_fd, &st) < 0)
		return -errno;
	files->file = st.st_ino;
	files->time_ns = seed_clock_file_ns(&st.st_mtim);
	if (seed_store_thumb_size(store, files->file, files->time_ns) > 0)
		return -EEXIST;
	seed_store_new_id(store, files->id);
	files->dest_fd = openat(store->tmp, files->id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return files->dest_fd < 0 ? -errno : 0;
}

errint_t seed_store_thumb_begin(struct seed_store *store, enum seed_area area, const char *path,
				struct seed_thumb_files *files)
{
	errint_t err;

	*files = (struct seed_thumb_files){ .source_fd = -1, .dest_fd = -1 };
	err = open_both(store, area, path, files);
	if (err && files->source_fd >= 0)
		close(files->source_fd);
	return err;
}

void seed_store_thumb_end(struct seed_store *store, const struct seed_thumb_files *files, bool made)
{
	char name[NAME_BYTES];

	name_of(files->file, files->time_ns, name);
	if (!made || seed_files_rename(store->tmp, files->id, store->thumbs, name))
		SEED_UNUSED(seed_files_unlink(store->tmp, files->id));
}

errint_t seed_store_thumb_get(const struct seed_store *store, uint64_t file, int64_t time_ns,
			      char **data, size_t *len)
{
	char name[NAME_BYTES];

	name_of(file, time_ns, name);
	return seed_files_read(store->thumbs, name, SEED_THUMB_MAX_BYTES, data, len);
}

errint_t seed_store_thumb_put(struct seed_store *store, uint64_t file, int64_t time_ns,
			      const void *data, size_t len)
{
	char temporary[SEED_STORE_ID_BYTES], name[NAME_BYTES];
	errint_t err;

	name_of(file, time_ns, name);
	seed_store_new_id(store, temporary);
	err = seed_files_write(store->tmp, temporary, data, len, false);
	return err ? err : seed_files_place(store->tmp, temporary, store->thumbs, name, false);
}

errint_t seed_store_image_unlink(struct seed_store *store, int dirfd, const char *path)
{
	char name[NAME_BYTES];
	struct stat st;
	bool is_image = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
	errint_t err = seed_files_remove(dirfd, path);

	if (err || !is_image)
		return err;
	name_of(st.st_ino, seed_clock_file_ns(&st.st_mtim), name);
	SEED_UNUSED(seed_files_unlink(store->thumbs, name));
	return 0;
}

void seed_store_thumb_follow(struct seed_store *store, const struct stat *from,
			     const struct stat *to)
{
	char old[NAME_BYTES], name[NAME_BYTES];

	name_of(from->st_ino, seed_clock_file_ns(&from->st_mtim), old);
	name_of(to->st_ino, seed_clock_file_ns(&to->st_mtim), name);
	SEED_UNUSED(seed_files_rename(store->thumbs, old, store->thumbs, name) == 0);
}
