#include <fcntl.h>
#include <unistd.h>

#include "fs/fs.h"

errint_t folder_stat(struct fs *fs, enum seed_area area, const char *path, struct stat *st)
{
	int dirfd = seed_store_area(fs->store, area);

	if (fstatat(dirfd, *path ? path : ".", st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == ENOTDIR ? -ENOENT : -errno;
}

errint_t folder_getattr(struct fs *fs, enum seed_area area, struct inode *inode, struct stat *st)
{
	char path[FS_PATH_BYTES];
	errint_t err;

	inode_path(fs, inode, path);
	err = folder_stat(fs, area, path, st);
	if (!err)
		attributes_folder(fs, inode, st);
	return err;
}

int folder_open(struct fs *fs, enum seed_area area, const char *path)
{
	int fd = openat(seed_store_area(fs->store, area), *path ? path : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

errint_t folder_remove(struct fs *fs, enum seed_area area, const char *path, const char *name)
{
	char folder[FS_PATH_BYTES];

	if (!path_join(path, name, folder))
		return -ENAMETOOLONG;
	return unlinkat(seed_store_area(fs->store, area), folder, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void folder_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
		    int to_set, struct handle *handle)
{
	struct stat now = { 0 };
	double timeout_s = 0;
	errint_t err;

	SEED_UNUSED(st);
	SEED_UNUSED(to_set);
	SEED_UNUSED(handle);
	err = inode->type->getattr(fs, inode, &now, &timeout_s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &now, timeout_s);
}
