/* images/NAME.png: the verified image of NAME's newest prompt, or why not. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/fs.h"
#include "lib/base/process.h"

/* An image's inode never changes: the kernel may keep its attributes. */
#define IMMUTABLE_S 3600.0

static errint_t outcome_in_record(struct fs *fs, const char *name)
{
	struct seed_record record;
	errint_t err = seed_store_record_read(fs->store, name, &record);

	if (!err) {
		if (record.state == SEED_STATE_FAILED)
			err = record.error.code ? -record.error.code : -EIO;
		else if (record.state != SEED_STATE_QUEUED && record.state != SEED_STATE_GENERATING)
			err = -ENOENT;
	}
	seed_record_release(&record);
	return err;
}

/* The state of an image where no file stands at its path: 0 it is being generated, else
 * -errno (-ENOENT: never prompted). */
static errint_t outcome_of(struct fs *fs, const char *path)
{
	char name[FS_PATH_BYTES];
	struct stat st;
	errint_t err;

	/* The error stays until the prompt is removed. */
	if (!path_stem(path, ".png", name) ||
	    folder_stat(fs, SEED_AREA_PROMPTS, name, &st) != 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	err = outcome_in_record(fs, name);
	if (err != -ENOENT)
		return err;
	/* While it changes hands there may be neither image nor row; and it may have come meanwhile. Who
	 * opens it then waits, in order with what is done to the name. */
	if (seed_store_is_changing(fs->store, name) ||
	    (folder_stat(fs, SEED_AREA_IMAGES, path, &st) == 0 && S_ISREG(st.st_mode)))
		return 0;
	return folder_is_blocked(fs, SEED_AREA_IMAGES, path) ? -EIO : outcome_in_record(fs, name);
}

/* The attributes of a pending image: it exists, with size 0. */
static void pending(struct fs *fs, const struct inode *inode, const char *path, struct stat *st)
{
	char name[FS_PATH_BYTES];
	struct stat prompt = { 0 };

	/* Its time does not change while it is looked at. */
	if (path_stem(path, ".png", name))
		SEED_UNUSED(folder_stat(fs, SEED_AREA_PROMPTS, name, &prompt) == 0);
	attributes_made(fs, inode, 0, prompt.st_ctim, st);
}

static errint_t image_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			      double *timeout_s)
{
	char path[FS_PATH_BYTES];
	errint_t err;

	if (inode->version.file) {
		*timeout_s = IMMUTABLE_S;
		attributes_made(fs, inode, inode->version.size, inode->version.time, st);
		return 0;
	}
	/* A pending inode shows the state of its image now. */
	*timeout_s = 0;
	inode_path(fs, inode, path);
	err = folder_stat(fs, SEED_AREA_IMAGES, path, st);
	if (!err && !S_ISREG(st->st_mode))
		err = -ENOENT;
	if (!err) {
		attributes_file(fs, inode, 0444, st);
	} else if (err == -ENOENT) {
		err = outcome_of(fs, path);
		if (!err)
			pending(fs, inode, path, st);
	}
	return err;
}

/* A version that is not at its name any more has its attributes for who asks by a
 * descriptor. Who came by the name is to look it up again; if he has done so in this
 * call, the version was there when the call was made. */
static void image_getattr_later(struct fs *fs, fuse_req_t req, struct inode *inode,
				struct handle *handle)
{
	bool old = inode->version.file && !folder_has_version(fs, inode);
	double timeout_s = 0;
	struct stat st;
	errint_t err;

	err = stale_tell(fs, req, inode, handle, old) ? -ESTALE :
		image_getattr(fs, inode, &st, &timeout_s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, old ? 0 : timeout_s);
}

static errint_t images_lookup(struct fs *fs, const struct node_type *folder, const char *path,
			      const char *name, struct found *found)
{
	errint_t err = folder_lookup(fs, folder, path, name, found);

	if (err != -ENOENT)
		return err;
	found->type = &image_file;
	err = outcome_of(fs, found->path);
	/* The error of a failed prompt is what stat and open get; for
	 * `mv history/NAME/0001.png images/NAME.png` the name is free. */
	return err && err != -ENOENT && seed_process_is_renaming(found->caller) ? -ENOENT : err;
}

/* Opens what stands at images/NAME.png now. Where the inode is not that version's (it was
 * pending, or the name was kept) the kernel is to ask for the name; if it has done so in
 * this call, no pages are kept or shared. */
static errint_t open_image(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES];
	struct stat st = { 0 };
	errint_t err;
	int fd;

	inode_path(fs, handle->inode, path);
	fd = seed_store_picture_open(fs->store, SEED_AREA_IMAGES, path);
	if (fd < 0)
		return fd;
	seed_store_used(fs->store, fd);
	handle->fi.keep_cache = fstat(fd, &st) == 0 &&
				version_equal(handle->inode->version, version_of(&st));
	err = opened_keep(handle, fd, handle->fi.keep_cache);
	if (err)
		return err;
	handle->fi.direct_io = !handle->fi.keep_cache;
	handle->fi.noflush = 1;
	return stale_tell_open(fs, req, handle->fi.direct_io) ? -ESTALE : 0;
}

static void open_or_wait(struct fs *fs, fuse_req_t req, struct handle *handle);

static void waited(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct handle *handle = context;

	if (code) {
		stale_end(fs, req);
		reply_open(req, handle, -code);
	} else {
		/* It may already be gone again, for a newer prompt or for good. */
		open_or_wait(fs, req, handle);
	}
}

static void wait_for(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES], name[FS_PATH_BYTES];
	struct seed_wait *wait;

	inode_path(fs, handle->inode, path);
	if (!path_stem(path, ".png", name) || !(wait = waiting_new(fs, req, waited, handle)))
		reply_open(req, handle, -ENOMEM);
	else if (seed_engine_wait_name(fs->engine, name, wait))
		waiting_fail(wait, ENOMEM);
}

static void open_or_wait(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES];
	errint_t err = open_image(fs, req, handle);

	if (err == -EAGAIN) { /* its bytes are not here */
		inode_path(fs, handle->inode, path);
		fetch_open(fs, req, handle, SEED_AREA_IMAGES, path, open_or_wait);
		return;
	}
	if (err == -ENOENT) {
		inode_path(fs, handle->inode, path);
		err = outcome_of(fs, path);
		/* Without an engine (ro) nothing will come. */
		if (!err && ((handle->fi.flags & O_NONBLOCK) || !fs->engine))
			err = -EAGAIN;
		if (!err) {
			wait_for(fs, req, handle);
			return;
		}
	}
	if (err && err != -ESTALE)
		stale_end(fs, req);
	reply_open(req, handle, err);
}

/* The name of an image that was to be removed; freed with the reply. */
static void unlinked(struct fs *fs, fuse_req_t req, int code, void *context)
{
	char *file = context;

	if (code == ENOENT) {
		code = -outcome_of(fs, file);
		if (!code) /* it is being generated: rm of the prompt cancels that */
			code = EBUSY;
	}
	fuse_reply_err(req, code);
	free(file);
}

static void images_unlink(struct fs *fs, fuse_req_t req, const struct node_type *folder,
			  const char *path, const char *name)
{
	folder_unlink_then(fs, req, folder, path, name, unlinked);
}

const struct node_type images_folder = {
	.is_folder = true,
	.is_kept = true,
	.area = SEED_AREA_IMAGES,
	.file = &image_file,
	.getattr = folder_getattr,
	.lookup = images_lookup,
	.list = folder_list,
	.unlink = images_unlink,
	.rmdir = folder_rmdir,
};

const struct node_type image_file = {
	.suffix = ".png",
	.is_version = true,
	.is_kept = true,
	.area = SEED_AREA_IMAGES,
	.getattr = image_getattr,
	.getattr_later = image_getattr_later,
	.open = open_or_wait,
	.read = file_read,
	.getxattr = image_getxattr,
};
