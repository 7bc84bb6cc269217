/* status: the log. tail -f works because size and time are always asked. */
#include "fs/fs.h"

static errint_t status_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	struct timespec time;
	int64_t size;

	seed_log_stat(fs->log, &size, &time);
	attributes_made(fs, inode, size, time, st);
	*timeout_s = 0;
	return 0;
}

static void status_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	SEED_UNUSED(fs);
	handle->fi.direct_io = 1;
	reply_open(req, handle, 0);
}

static void status_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
			off_t offset)
{
	char *data = malloc(size ? size : 1);
	ssize_t n;

	SEED_UNUSED(handle);
	if (!data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	n = seed_log_read(fs->log, data, size, offset);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, data, (size_t)n);
	free(data);
}

const struct node_type status_file = {
	.getattr = status_getattr,
	.open = status_open,
	.read = status_read,
};
