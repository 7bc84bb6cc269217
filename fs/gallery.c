/*
 * index.html: the images of the mount on one page (lib/page/page.h).
 *
 * stat(1) must report the size that an open then reads. So stat renders the page as
 * well, and a rendering stays until an entry changes. In a large catalogue that
 * changes all the time, it is also kept for ten times as long as it took to make.
 * Rendering a large one takes a second, so a thread of its own does it, to which the
 * requests are handed.
 */
#include "fs/fs.h"
#include "lib/base/clock.h"
#include "lib/engine/disk.h"
#include "lib/page/page.h"

#define KEPT_TIMES 10
/* By then whoever calls stat and then reads has finished. */
#define KEPT_MS 50

/* The last part of the mount point: people call the mount by it. */
static const char *title_of(const struct fs *fs)
{
	const char *slash = strrchr(fs->options.mountpoint, '/');

	return slash && slash[1] ? slash + 1 : fs->options.mountpoint;
}

/* Replaces the old rendering by the new one; its time changes only if it differs. With
 * the mutex held. */
static errint_t take(struct gallery *gallery, const struct seed_buf *buf)
{
	struct held_text *held;
	char *text;

	if (held_text_is(gallery->text, buf->data, buf->len_bytes))
		return 0;
	text = malloc(buf->len_bytes);
	if (text)
		memcpy(text, buf->data, buf->len_bytes);
	held = held_text_new(text, buf->len_bytes);
	if (!held)
		return -ENOMEM;
	held_text_unref(gallery->text);
	gallery->text = held;
	clock_gettime(CLOCK_REALTIME, &gallery->time);
	return 0;
}

/* Whether the last rendering can be used. */
static bool is_fresh(struct fs *fs)
{
	struct gallery *gallery = &fs->gallery;
	uint64_t changes = seed_store_changes(fs->store);
	bool fresh;

	pthread_mutex_lock(&gallery->mutex);
	fresh = gallery->text && (gallery->changes == changes ||
				  seed_clock_now_ms() < gallery->kept_until_ms);
	pthread_mutex_unlock(&gallery->mutex);
	return fresh;
}

/* A walk over the catalogue: on the gallery's own thread only. */
static errint_t render(struct fs *fs)
{
	const struct seed_page_config config = {
		.title = title_of(fs),
		.width = (uint32_t)fs->options.size.width,
		.height = (uint32_t)fs->options.size.height,
		.thumbs = fs->engine != NULL,
	};
	struct gallery *gallery = &fs->gallery;
	uint64_t changes = seed_store_changes(fs->store);
	int64_t begun_ms = seed_clock_now_ms(), ended_ms;
	struct seed_buf buf;
	errint_t err;

	seed_buf_init(&buf, SEED_PAGE_MAX_BYTES);
	err = seed_page_render(fs->store, &config, &buf);
	ended_ms = seed_clock_now_ms();
	pthread_mutex_lock(&gallery->mutex);
	if (!err)
		err = take(gallery, &buf);
	gallery->changes = changes;
	gallery->kept_until_ms = ended_ms + KEPT_MS + KEPT_TIMES * (ended_ms - begun_ms);
	pthread_mutex_unlock(&gallery->mutex);
	seed_buf_release(&buf);
	return err;
}

/* The last rendering: for a look-up, whose attributes nobody keeps. */
static errint_t index_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			      double *timeout_s)
{
	const struct gallery *gallery = &fs->gallery;

	*timeout_s = 0;
	pthread_mutex_lock(&fs->gallery.mutex);
	attributes_made(fs, inode, (off_t)held_text_len(gallery->text),
			gallery->text ? gallery->time : fs->started, st);
	pthread_mutex_unlock(&fs->gallery.mutex);
	return 0;
}

/* An open file stays as it was when it was opened. */
static errint_t snapshot(struct fs *fs, struct handle *handle)
{
	struct held_text *held;

	pthread_mutex_lock(&fs->gallery.mutex);
	held = held_text_ref(fs->gallery.text);
	pthread_mutex_unlock(&fs->gallery.mutex);
	return held_show(handle, held);
}

/* A stat(2) or, with `handle`, an open. */
struct asking {
	struct seed_disk_job job;
	struct fs *fs;
	fuse_req_t req;
	struct inode *inode;
	struct handle *handle;
	bool looked; /* what other hosts have made is here */
};

static void reply(struct asking *asking, errint_t err)
{
	struct handle *handle = asking->handle;

	if (!err && handle)
		err = snapshot(asking->fs, handle);
	if (handle)
		reply_open(asking->req, handle, err);
	else
		reply_attributes(asking->fs, asking->req, asking->inode, err);
}

/* Requests that come during a rendering wait here for its end. */
static void run(struct seed_disk_job *job)
{
	struct asking *asking = (struct asking *)job;

	reply(asking, is_fresh(asking->fs) ? 0 : render(asking->fs));
	free(asking);
}

static void ask(struct asking *asking);

static void looked(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct asking *asking = context;

	SEED_UNUSED(fs);
	SEED_UNUSED(req);
	asking->looked = true;
	if (code == EINTR || code == ESHUTDOWN)
		reply(asking, -code);
	else
		ask(asking);
	free(asking);
}

/* Where hosts share the catalogue. Without memory what is here is shown. */
static bool look_first(const struct asking *asking)
{
	struct asking *later = fetch_is_shared(asking->fs) ? malloc(sizeof(*later)) : NULL;
	struct seed_wait *wait;

	if (!later)
		return false;
	*later = *asking;
	wait = waiting_new(asking->fs, asking->req, looked, later);
	if (wait && seed_engine_refresh_all(asking->fs->engine, wait) == 0)
		return true;
	if (wait)
		waiting_drop(wait);
	free(later);
	return false;
}

/* Replies at once if the rendering is fresh, else once it is rendered. */
static void ask(struct asking *asking)
{
	struct asking *later;

	if (!asking->looked && look_first(asking))
		return;
	if (is_fresh(asking->fs)) {
		reply(asking, 0);
		return;
	}
	later = malloc(sizeof(*later));
	if (!later) {
		reply(asking, -ENOMEM);
		return;
	}
	*later = *asking;
	later->job.run = run;
	seed_disk_submit(asking->fs->gallery.thread, 0, &later->job);
}

static void index_getattr_later(struct fs *fs, fuse_req_t req, struct inode *inode,
				struct handle *handle)
{
	struct asking asking = { .fs = fs, .req = req, .inode = inode };

	SEED_UNUSED(handle);
	ask(&asking);
}

static void index_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct asking asking = { .fs = fs, .req = req, .inode = handle->inode, .handle = handle };

	/* Read to the snapshot's end, whatever the size has become since. */
	handle->fi.direct_io = 1;
	ask(&asking);
}

errint_t gallery_start(struct fs *fs)
{
	return seed_disk_new(1, &fs->gallery.thread);
}

void gallery_stop(struct fs *fs)
{
	seed_disk_free(fs->gallery.thread);
	fs->gallery.thread = NULL;
}

void gallery_release(struct fs *fs)
{
	held_text_unref(fs->gallery.text);
	fs->gallery.text = NULL;
	pthread_mutex_destroy(&fs->gallery.mutex);
}

const struct node_type index_file = {
	.getattr = index_getattr,
	.getattr_later = index_getattr_later,
	.open = index_open,
	.read = text_read,
};
