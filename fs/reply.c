/* Answers that several operations give. */
#include "fs/fs.h"

/* For a handle that the kernel does not get, and so never releases: its open failed, or
 * the caller was killed meanwhile (-ENOENT). */
static void release(struct handle *handle)
{
	if (handle->inode->type->release)
		handle->inode->type->release(handle->fs, handle);
	else
		handle_free(handle);
}

void reply_open(fuse_req_t req, struct handle *handle, errint_t err)
{
	if (err) {
		release(handle);
		fuse_reply_err(req, -err);
	} else if (fuse_reply_open(req, &handle->fi) == -ENOENT) {
		release(handle);
	}
}

void reply_created(fuse_req_t req, struct handle *handle, errint_t err)
{
	struct inode *inode = handle->inode;
	struct fs *fs = handle->fs;
	struct fuse_entry_param entry = { .generation = 1, .ino = inode_id(fs, inode) };

	if (!err)
		err = inode->type->getattr(fs, inode, &entry.attr, &entry.attr_timeout);
	if (err)
		fuse_reply_err(req, -err);
	else if (fuse_reply_create(req, &entry, &handle->fi) != -ENOENT)
		return;
	release(handle);
	inode_forget(fs, inode, 1);
}

void reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode, errint_t err)
{
	struct stat st = { 0 };
	struct timespec now;
	double timeout_s = 0;
	off_t size;

	if (!err)
		err = inode->type->getattr(fs, inode, &st, &timeout_s);
	/* Its name is gone, and whoever has it open reads it all the same. */
	if (err == -ENOENT && handle_size(fs, inode, &size)) {
		clock_gettime(CLOCK_REALTIME, &now);
		attributes_made(fs, inode, size, now, &st);
		timeout_s = 0;
		err = 0;
	}
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, timeout_s);
}

errint_t entry_fill(struct fs *fs, const struct found *found, struct inode *inode,
		    struct fuse_entry_param *entry)
{
	errint_t err;

	*entry = (struct fuse_entry_param){ .generation = 1, .ino = inode_id(fs, inode) };
	/* The top's own names never change. A pending image is asked for each time. */
	if (found->path[0] == '\0')
		entry->entry_timeout = 3600;
	else if (found->type->is_kept && (found->type->is_folder || found->version.file))
		entry->entry_timeout = NAMES_S;
	err = inode->type->getattr(fs, inode, &entry->attr, &entry->attr_timeout);
	/* Before the kernel has the inode, nothing can be taken back of it. */
	if (inode->type->is_kept && !atomic_load(&inode->asked))
		entry->attr_timeout = 0;
	return err;
}

void reply_found(struct fs *fs, fuse_req_t req, struct found *found)
{
	struct fuse_entry_param entry;
	struct inode *inode = inode_get(fs, found);
	errint_t err;

	if (!inode) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	err = entry_fill(fs, found, inode, &entry);
	if (err) {
		inode_forget(fs, inode, 1);
		fuse_reply_err(req, -err);
		return;
	}
	if (found->version.file && stale_was_told(fs, req))
		entry.attr_timeout = 0;
	if (fuse_reply_entry(req, &entry) == -ENOENT)
		inode_forget(fs, inode, 1);
}

size_t part_of(size_t len, off_t offset, size_t *size)
{
	size_t at = offset < 0 || (uint64_t)offset > len ? len : (size_t)offset;

	if (*size > len - at)
		*size = len - at;
	return at;
}

void reply_part(fuse_req_t req, const char *text, size_t len, size_t size, off_t offset)
{
	size_t at = part_of(len, offset, &size);
	char *copy = malloc(size + 1);

	/* The reader may have closed before this call returns, and the text be gone. */
	if (copy) {
		memcpy(copy, text + at, size);
		fuse_reply_buf(req, copy, size);
	} else {
		fuse_reply_err(req, ENOMEM);
	}
	free(copy);
}

void text_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	SEED_UNUSED(fs);
	reply_part(req, held_text_of(handle->text), held_text_len(handle->text), size, offset);
}

void file_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	SEED_UNUSED(fs);
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = handle->fd;
	data.buf[0].pos = offset;
	fuse_reply_data(req, &data, 0);
}
