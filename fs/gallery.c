/*
 * index.html: the images of the mount on one page (lib/page/page.h).
 *
 * stat(1) must tell the size of what an open then reads; so stat renders as well,
 * and what was rendered stays until an entry changes. In a large catalogue that
 * changes all the time, it is also kept for ten times as long as it took to make.
 */
#include <unistd.h>

#include "fs/fs.h"
#include "lib/base/clock.h"
#include "lib/page/page.h"

#define KEPT_TIMES 10
/* Whoever stats and then reads is done by then. */
#define KEPT_MS 50

/* The last part of the mount point: what people call the mount. */
static const char *title_of(const struct fs *fs)
{
	const char *slash = strrchr(fs->options.mountpoint, '/');

	return slash && slash[1] ? slash + 1 : fs->options.mountpoint;
}

/* The new rendering takes the old one's place; its time only if it differs. */
static errint_t take(struct gallery *gallery, const struct seed_buf *buf)
{
	char *text;

	if (gallery->text && gallery->len == buf->len_bytes &&
	    memcmp(gallery->text, buf->data, gallery->len) == 0)
		return 0;
	text = malloc(buf->len_bytes);
	if (!text)
		return -ENOMEM;
	memcpy(text, buf->data, buf->len_bytes);
	free(gallery->text);
	gallery->text = text;
	gallery->len = buf->len_bytes;
	clock_gettime(CLOCK_REALTIME, &gallery->time);
	return 0;
}

/* What index.html is now, in fs->gallery, whose mutex the caller holds: who
 * comes meanwhile waits for this one walk instead of making another. */
static errint_t refresh(struct fs *fs)
{
	const struct seed_page_config config = {
		.title = title_of(fs),
		.width = (uint32_t)fs->options.size.width,
		.height = (uint32_t)fs->options.size.height,
		.thumbs = fs->engine != NULL,
	};
	struct gallery *gallery = &fs->gallery;
	uint64_t changes = seed_store_changes(fs->store);
	int64_t begun_ms = seed_clock_now_ms();
	struct seed_buf buf;
	errint_t err;

	if (gallery->text && (gallery->changes == changes || begun_ms < gallery->kept_until_ms))
		return 0;
	seed_buf_init(&buf, SEED_PAGE_MAX_BYTES);
	err = seed_page_render(fs->store, &config, &buf);
	if (!err)
		err = take(gallery, &buf);
	seed_buf_release(&buf);
	gallery->changes = changes;
	gallery->kept_until_ms = seed_clock_now_ms();
	gallery->kept_until_ms += KEPT_MS + KEPT_TIMES * (gallery->kept_until_ms - begun_ms);
	return err;
}

static errint_t index_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			      double *timeout_s)
{
	errint_t err;

	*st = (struct stat){ 0 };
	*timeout_s = 0;
	pthread_mutex_lock(&fs->gallery.mutex);
	err = refresh(fs);
	if (!err) {
		st->st_size = (off_t)fs->gallery.len;
		st->st_mtim = st->st_ctim = st->st_atim = fs->gallery.time;
	}
	pthread_mutex_unlock(&fs->gallery.mutex);
	if (!err)
		attributes_file(fs, inode, 0444, st);
	return err;
}

/* What is open stays what it was when it was opened. */
static errint_t snapshot(struct fs *fs, struct handle *handle)
{
	errint_t err;

	pthread_mutex_lock(&fs->gallery.mutex);
	err = refresh(fs);
	if (!err && !(handle->text = malloc(fs->gallery.len)))
		err = -ENOMEM;
	if (!err) {
		memcpy(handle->text, fs->gallery.text, fs->gallery.len);
		handle->text_len = fs->gallery.len;
	}
	pthread_mutex_unlock(&fs->gallery.mutex);
	return err;
}

static void index_open(struct fs *fs, fuse_req_t req, struct inode *inode,
		       struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(req, inode, fi);
	errint_t err = handle ? snapshot(fs, handle) : -ENOMEM;

	if (err) {
		handle_free(handle);
		fuse_reply_err(req, -err);
		return;
	}
	/* Read to the snapshot's end, whatever the size has become since. */
	fi->direct_io = 1;
	reply_open(req, handle, fi);
}

void gallery_release(struct fs *fs)
{
	free(fs->gallery.text);
	fs->gallery.text = NULL;
	pthread_mutex_destroy(&fs->gallery.mutex);
}

const struct node_type index_file = {
	.getattr = index_getattr,
	.open = index_open,
	.read = text_read,
};
