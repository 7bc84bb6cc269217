/* records/NAME.json and history/NAME/0001.png. A version is the file in the state
 * directory. A record is made from its row when it is opened, with the versions
 * that the history has then; an open record does not change. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/fs.h"

static errint_t plain_getattr(struct fs *fs, enum seed_area area, struct inode *inode,
			      struct stat *st)
{
	char path[FS_PATH_BYTES];
	errint_t err;

	inode_path(fs, inode, path);
	err = folder_stat(fs, area, path, st);
	if (!err)
		attributes_file(fs, inode, 0444, st);
	return err;
}

/* ---- records ---- */

static char *record_text(struct fs *fs, const char *path, char name[FS_PATH_BYTES], struct stat *st,
			 errint_t *err)
{
	*err = -ENOENT;
	return path_stem(path, ".json", name) ? seed_store_record_text(fs->store, name, st, err) : NULL;
}

/* The size that an open would read, and the time of the last change: a version that
 * comes or goes changes it, too. */
static errint_t record_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	char path[FS_PATH_BYTES], name[FS_PATH_BYTES];
	struct stat history;
	char *text;
	errint_t err;

	*timeout_s = 0;
	inode_path(fs, inode, path);
	text = record_text(fs, path, name, st, &err);
	if (err == -EIO) /* what cannot be read is there all the same */
		err = plain_getattr(fs, SEED_AREA_RECORDS, inode, st);
	if (err)
		return err;
	if (text)
		st->st_size = (off_t)strlen(text);
	attributes_file(fs, inode, 0444, st);
	free(text);
	if (folder_stat(fs, SEED_AREA_HISTORY, name, &history) == 0 &&
	    (history.st_mtim.tv_sec > st->st_mtim.tv_sec ||
	     (history.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	      history.st_mtim.tv_nsec > st->st_mtim.tv_nsec)))
		st->st_mtim = st->st_ctim = history.st_mtim;
	return 0;
}

static void record_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES], name[FS_PATH_BYTES];
	struct stat st;
	errint_t err;
	char *text;

	/* Not through the page cache: the row under this name changes. */
	handle->fi.direct_io = 1;
	inode_path(fs, handle->inode, path);
	text = record_text(fs, path, name, &st, &err);
	if (text)
		err = held_show(handle, held_text_new(text, strlen(text)));
	reply_open(req, handle, err);
}

/* While a row changes hands there is no file, and the record is what it was. */
static errint_t records_lookup(struct fs *fs, const struct node_type *folder, const char *path,
			       const char *name, struct found *found)
{
	errint_t err = folder_lookup(fs, folder, path, name, found);
	char entry[FS_PATH_BYTES];

	if (err != -ENOENT)
		return err;
	found->type = &record_file;
	free(record_text(fs, found->path, entry, &found->st, &err));
	return err && err != -ENOMEM ? -ENOENT : err;
}

const struct node_type records_folder = {
	.is_folder = true,
	.area = SEED_AREA_RECORDS,
	.file = &record_file,
	.getattr = folder_getattr,
	.lookup = records_lookup,
	.list = folder_list,
	.unlink = folder_unlink,
	.rmdir = folder_rmdir,
};

const struct node_type record_file = {
	.suffix = ".json",
	.getattr = record_getattr,
	.open = record_open,
	.read = text_read,
};

/* ---- history ---- */

static errint_t old_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s)
{
	*timeout_s = 0;
	/* Also for who has it open when it is renamed, restored or removed. */
	attributes_made(fs, inode, inode->version.size, inode->version.time, st);
	return 0;
}

static void old_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES];
	struct stat st;
	bool same;
	int fd;

	handle->fi.keep_cache = 1;
	inode_path(fs, handle->inode, path);
	fd = seed_store_picture_open(fs->store, SEED_AREA_HISTORY, path);
	if (fd == -EAGAIN) {
		fetch_open(fs, req, handle, SEED_AREA_HISTORY, path, old_open);
		return;
	}
	if (fd >= 0) {
		seed_store_used(fs->store, fd);
		same = fstat(fd, &st) == 0 && version_equal(handle->inode->version, version_of(&st));
		fd = opened_keep(handle, fd, same);
	}
	reply_open(req, handle, fd);
}

const struct node_type history_folder = {
	.is_folder = true,
	.area = SEED_AREA_HISTORY,
	.file = &history_file,
	.getattr = folder_getattr,
	.lookup = folder_lookup,
	.list = folder_list,
	.unlink = folder_unlink,
	.rmdir = folder_rmdir,
	.rename = history_rename,
};

const struct node_type history_file = {
	.suffix = ".png",
	.is_version = true,
	.getattr = old_getattr,
	.open = old_open,
	.read = file_read,
};
