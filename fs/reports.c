/* queue and metrics: made by the engine when they are opened; an open one stays
 * what it was. Their size is not known before, as in /proc. */
#include "fs/fs.h"

static errint_t report_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	*st = (struct stat){ 0 };
	clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_ctim = st->st_atim = st->st_mtim;
	attributes_file(fs, inode, 0444, st);
	*timeout_s = 0;
	return 0;
}

struct opening {
	struct handle *handle;
	struct fuse_file_info fi;
};

static void reported(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct opening *opening = context;

	SEED_UNUSED(fs);
	if (code) {
		handle_free(opening->handle);
		fuse_reply_err(req, code);
	} else {
		opening->handle->text_len = strlen(opening->handle->text);
		reply_open(req, opening->handle, &opening->fi);
	}
	free(opening);
}

static void report_open(struct fs *fs, fuse_req_t req, struct inode *inode,
			struct fuse_file_info *fi, enum seed_report kind)
{
	struct opening *opening = calloc(1, sizeof(*opening));
	struct handle *handle = opening ? handle_new(req, inode, fi) : NULL;
	struct seed_wait *wait;

	fi->direct_io = 1;
	if (!handle) {
		free(opening);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (!fs->engine) { /* read-only: nothing runs */
		free(opening);
		reply_open(req, handle, fi);
		return;
	}
	opening->handle = handle;
	opening->fi = *fi;
	wait = waiting_new(fs, req, reported, opening);
	if (!wait) {
		free(opening);
		handle_free(handle);
		fuse_reply_err(req, ENOMEM);
	} else if (seed_engine_report(fs->engine, kind, &handle->text, wait)) {
		waiting_fail(wait, ENOMEM);
	}
}

static void queue_open(struct fs *fs, fuse_req_t req, struct inode *inode,
		       struct fuse_file_info *fi)
{
	report_open(fs, req, inode, fi, SEED_REPORT_QUEUE);
}

static void metrics_open(struct fs *fs, fuse_req_t req, struct inode *inode,
			 struct fuse_file_info *fi)
{
	report_open(fs, req, inode, fi, SEED_REPORT_METRICS);
}

void text_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	size_t len = handle->text_len;
	size_t at = offset < 0 || (uint64_t)offset > len ? len : (size_t)offset;
	char *part;

	SEED_UNUSED(fs);
	len = size < len - at ? size : len - at;
	/* A copy: the file may be closed, and the text go, before the reply returns. */
	part = malloc(len + 1);
	if (!part) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (len)
		memcpy(part, handle->text + at, len);
	fuse_reply_buf(req, part, len);
	free(part);
}

const struct node_type queue_file = {
	.getattr = report_getattr,
	.open = queue_open,
	.read = text_read,
};

const struct node_type metrics_file = {
	.getattr = report_getattr,
	.open = metrics_open,
	.read = text_read,
};
