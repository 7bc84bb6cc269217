/* records/NAME.json and history/NAME/0001.png: files of the state directory as
 * they stand there. A record is replaced as a whole at every change, so an open
 * one stays what it was. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/fs.h"

static errint_t plain_lookup(struct fs *fs, enum seed_area area, const char *path,
			     const char *name, struct found *found)
{
	errint_t err;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	err = folder_stat(fs, area, found->path, &found->st);
	if (err)
		return err;
	if (!S_ISDIR(found->st.st_mode) && !S_ISREG(found->st.st_mode))
		return -ENOENT;
	return 0;
}

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

static void plain_open(struct fs *fs, fuse_req_t req, struct inode *inode,
		       struct fuse_file_info *fi, enum seed_area area)
{
	struct handle *handle = handle_new(req, inode, fi);
	char path[FS_PATH_BYTES];

	if (!handle) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	inode_path(fs, inode, path);
	handle->fd = seed_store_open_file(fs->store, area, path);
	if (handle->fd < 0) {
		int code = -handle->fd;

		handle_free(handle);
		fuse_reply_err(req, code);
		return;
	}
	reply_open(req, handle, fi);
}

static void plain_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
		       off_t offset)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	SEED_UNUSED(fs);
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = handle->fd;
	data.buf[0].pos = offset;
	fuse_reply_data(req, &data, 0);
}

static void plain_unlink(struct fs *fs, fuse_req_t req, enum seed_area area, const char *path,
			 const char *name)
{
	char file[FS_PATH_BYTES];
	int code = 0;

	if (!path_join(path, name, file))
		code = ENAMETOOLONG;
	else if (unlinkat(seed_store_area(fs->store, area), file, 0) < 0)
		code = errno;
	fuse_reply_err(req, code);
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

/* ---- records ---- */

static errint_t records_lookup(struct fs *fs, const char *path, const char *name,
			       struct found *found)
{
	errint_t err = plain_lookup(fs, SEED_AREA_RECORDS, path, name, found);

	if (!err)
		found->type = S_ISDIR(found->st.st_mode) ? &records_folder : &record_file;
	return err;
}

static errint_t records_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	*timeout_s = 0;
	return folder_getattr(fs, SEED_AREA_RECORDS, inode, st);
}

static errint_t record_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	*timeout_s = 0;
	return plain_getattr(fs, SEED_AREA_RECORDS, inode, st);
}

static int records_open_folder(struct fs *fs, const char *path)
{
	return folder_open(fs, SEED_AREA_RECORDS, path);
}

static bool records_lists(const char *name, bool is_folder)
{
	return is_folder || ends_in(name, ".json");
}

static void records_unlink(struct fs *fs, fuse_req_t req, const char *path, const char *name)
{
	plain_unlink(fs, req, SEED_AREA_RECORDS, path, name);
}

static errint_t records_rmdir(struct fs *fs, const char *path, const char *name)
{
	return folder_remove(fs, SEED_AREA_RECORDS, path, name);
}

static void record_open(struct fs *fs, fuse_req_t req, struct inode *inode,
			struct fuse_file_info *fi)
{
	/* Not through the page cache: the row under this name changes. */
	fi->direct_io = 1;
	plain_open(fs, req, inode, fi, SEED_AREA_RECORDS);
}

const struct node_type records_folder = {
	.is_folder = true,
	.getattr = records_getattr,
	.lookup = records_lookup,
	.open_folder = records_open_folder,
	.lists = records_lists,
	.unlink = records_unlink,
	.rmdir = records_rmdir,
};

const struct node_type record_file = {
	.getattr = record_getattr,
	.open = record_open,
	.read = plain_read,
};

/* ---- history ---- */

static errint_t history_lookup(struct fs *fs, const char *path, const char *name,
			       struct found *found)
{
	errint_t err = plain_lookup(fs, SEED_AREA_HISTORY, path, name, found);

	if (err)
		return err;
	found->type = S_ISDIR(found->st.st_mode) ? &history_folder : &history_file;
	if (found->type == &history_file)
		found->version = version_of(&found->st);
	return 0;
}

static errint_t history_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	*timeout_s = 0;
	return folder_getattr(fs, SEED_AREA_HISTORY, inode, st);
}

static errint_t old_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s)
{
	*timeout_s = 0;
	return plain_getattr(fs, SEED_AREA_HISTORY, inode, st);
}

static int history_open_folder(struct fs *fs, const char *path)
{
	return folder_open(fs, SEED_AREA_HISTORY, path);
}

static bool history_lists(const char *name, bool is_folder)
{
	return is_folder || ends_in(name, ".png");
}

static void history_unlink(struct fs *fs, fuse_req_t req, const char *path, const char *name)
{
	char file[FS_PATH_BYTES];
	struct seed_wait *wait;

	if (!path_join(path, name, file)) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	/* In order with what is under way for the name: its row lists it. */
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_drop_version(fs->engine, file, path, wait))
		waiting_fail(wait, ENOMEM);
}

static errint_t history_rmdir(struct fs *fs, const char *path, const char *name)
{
	return folder_remove(fs, SEED_AREA_HISTORY, path, name);
}

static void old_open(struct fs *fs, fuse_req_t req, struct inode *inode, struct fuse_file_info *fi)
{
	fi->keep_cache = 1;
	plain_open(fs, req, inode, fi, SEED_AREA_HISTORY);
}

const struct node_type history_folder = {
	.is_folder = true,
	.getattr = history_getattr,
	.lookup = history_lookup,
	.open_folder = history_open_folder,
	.lists = history_lists,
	.unlink = history_unlink,
	.rmdir = history_rmdir,
	.rename = history_rename,
};

const struct node_type history_file = {
	.getattr = old_getattr,
	.open = old_open,
	.read = plain_read,
};
