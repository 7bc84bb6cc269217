#include "fs/fs.h"

static void common(const struct fs *fs, const struct inode *inode, struct stat *st)
{
	st->st_dev = 0;
	st->st_ino = inode ? inode->number : 0;
	st->st_uid = (uid_t)fs->options.uid;
	st->st_gid = (gid_t)fs->options.gid;
	st->st_mode &= ~(mode_t)fs->options.umask;
	st->st_blksize = 4096;
	st->st_rdev = 0;
}

void attributes_file(const struct fs *fs, const struct inode *inode, mode_t mode, struct stat *st)
{
	st->st_mode = S_IFREG | mode;
	st->st_nlink = 1;
	/* Zero blocks make du and file managers think a file is empty. */
	st->st_blocks = (st->st_size + 511) / 512;
	common(fs, inode, st);
}

void attributes_made(const struct fs *fs, const struct inode *inode, off_t size,
		     struct timespec time, struct stat *st)
{
	*st = (struct stat){ .st_size = size, .st_mtim = time, .st_ctim = time, .st_atim = time };
	attributes_file(fs, inode, 0444, st);
}

void attributes_folder(const struct fs *fs, const struct inode *inode, struct stat *st)
{
	st->st_mode = S_IFDIR | 0777;
	if (st->st_nlink == 0)
		st->st_nlink = 2;
	common(fs, inode, st);
}
