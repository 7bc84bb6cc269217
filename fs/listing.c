/* What a folder shows. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/fs.h"

bool listing_add(struct seed_buf *listing, const char *name, bool is_folder)
{
	return seed_buf_add(listing, is_folder ? "d" : "f", 1) == 0 &&
	       seed_buf_add(listing, name, strlen(name) + 1) == 0;
}

DIR *listing_open(struct fs *fs, enum seed_area area, const char *path)
{
	int fd = openat(seed_store_area(fs->store, area), *path ? path : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder && fd >= 0)
		close(fd); /* without memory; leaves errno */
	return folder;
}

static bool entry_is_folder(DIR *folder, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static bool is_shown(struct fs *fs, const struct node_type *type, listing_shows_fn *shows,
		     const char *path, const struct dirent *entry, bool is_folder)
{
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return true;
	if (!is_folder && entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
		return false;
	return shows(fs, type, path, entry->d_name, is_folder);
}

errint_t listing_add_area(struct fs *fs, const struct node_type *type, const char *path,
			  listing_shows_fn *shows, struct seed_buf *listing)
{
	DIR *folder = listing_open(fs, type->area, path);
	const struct dirent *entry;
	bool ok = true;

	if (!folder)
		return -errno;
	while (ok && (entry = readdir(folder)) != NULL) {
		bool is_folder = entry_is_folder(folder, entry);

		if (is_shown(fs, type, shows, path, entry, is_folder))
			ok = listing_add(listing, entry->d_name, is_folder);
	}
	closedir(folder);
	return ok ? 0 : -ENOMEM;
}
