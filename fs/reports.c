/*
 * queue, metrics and gallery.json, made by the engine for a stat(2) as well as for an
 * open, so that size and time are exact. For a moment the same process gets the same
 * text: programs that copy (tar, cp, servers) stat, open, read and stat again. Other
 * processes get a new one (also by the stat that the kernel sends before an open, for the
 * permissions). An open file does not change.
 */
#include "fs/fs.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"

#define KEPT_MS 1000

/* On a read-only mount. */
static const char *const nothing_runs[SEED_REPORT_COUNT] = {
	[SEED_REPORT_QUEUE] = "# nothing runs: the mount is read-only\n",
	[SEED_REPORT_METRICS] = "# nothing runs: the mount is read-only\n",
	[SEED_REPORT_GALLERY] = "{\"running\":[]}\n",
};

static enum seed_report kind_of(const struct inode *inode)
{
	if (inode->type == &gallery_file)
		return SEED_REPORT_GALLERY;
	return inode->type == &queue_file ? SEED_REPORT_QUEUE : SEED_REPORT_METRICS;
}

/* As last made: for a look-up, whose attributes nobody keeps. */
static errint_t report_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	const struct report_kept *kept = &fs->reports[kind_of(inode)];

	pthread_mutex_lock(&fs->report_mutex);
	attributes_made(fs, inode, (off_t)held_text_len(kept->text), kept->text ? kept->time : fs->started, st);
	pthread_mutex_unlock(&fs->report_mutex);
	*timeout_s = 0;
	return 0;
}

/* Takes the reference. */
static void keep(struct fs *fs, enum seed_report kind, struct held_text *text, pid_t process)
{
	struct report_kept *kept = &fs->reports[kind];

	pthread_mutex_lock(&fs->report_mutex);
	held_text_unref(kept->text);
	kept->text = text;
	kept->made_ms = seed_clock_now_ms();
	kept->process = process;
	clock_gettime(CLOCK_REALTIME, &kept->time);
	pthread_mutex_unlock(&fs->report_mutex);
}

/* Whether one was made for this process just now. With the mutex held. */
static bool is_fresh(const struct report_kept *kept, pid_t process)
{
	return kept->text && process != 0 && kept->process == process &&
	       seed_clock_now_ms() - kept->made_ms < KEPT_MS;
}

/* That one; NULL: there is none. */
static struct held_text *take_kept(struct fs *fs, enum seed_report kind, pid_t process)
{
	const struct report_kept *kept = &fs->reports[kind];
	struct held_text *text = NULL;

	pthread_mutex_lock(&fs->report_mutex);
	if (is_fresh(kept, process))
		text = held_text_ref(kept->text);
	pthread_mutex_unlock(&fs->report_mutex);
	return text;
}

struct making {
	struct inode *inode;
	char *text;
	struct handle *handle; /* an open; NULL: a stat */
	pid_t process;         /* which asks; looked up before: the engine's thread must not wait for it */
};

static void made(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct making *making = context;
	struct handle *handle = making->handle;
	struct held_text *text = NULL;
	errint_t err = -code;

	if (err)
		free(making->text);
	else if (!(text = held_text_new(making->text, strlen(making->text))))
		err = -ENOMEM;
	if (!err)
		keep(fs, kind_of(making->inode), held_text_ref(text), making->process);
	if (handle) {
		reply_open(req, handle, err ? err : held_show(handle, text));
	} else {
		held_text_unref(text);
		reply_attributes(fs, req, making->inode, err);
	}
	free(making);
}

/* Replies once the engine has made one, for a stat or for `handle`. */
static void make(struct fs *fs, fuse_req_t req, struct inode *inode, struct handle *handle, pid_t process)
{
	struct making *making = calloc(1, sizeof(*making));
	struct seed_wait *wait = NULL;

	if (making) {
		making->inode = inode;
		making->handle = handle;
		making->process = process;
		wait = waiting_new(fs, req, made, making);
	}
	if (!wait) {
		free(making);
		handle_free(handle);
		fuse_reply_err(req, ENOMEM);
	} else if (!fs->engine) { /* read-only: nothing runs */
		making->text = strdup(nothing_runs[kind_of(inode)]);
		waiting_fail(wait, making->text ? 0 : ENOMEM);
	} else if (seed_engine_report(fs->engine, kind_of(inode), &making->text, wait)) {
		waiting_fail(wait, ENOMEM);
	}
}

static void report_getattr_later(struct fs *fs, fuse_req_t req, struct inode *inode,
				 struct handle *handle)
{
	pid_t process = seed_process_of(fs_caller(req));
	bool fresh;

	SEED_UNUSED(handle);
	pthread_mutex_lock(&fs->report_mutex);
	fresh = is_fresh(&fs->reports[kind_of(inode)], process);
	pthread_mutex_unlock(&fs->report_mutex);
	if (fresh)
		reply_attributes(fs, req, inode, 0);
	else
		make(fs, req, inode, NULL, process);
}

static void report_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct held_text *text;

	handle->fi.direct_io = 1;
	handle_find_opener(handle);
	text = take_kept(fs, kind_of(handle->inode), handle->opener);
	if (text)
		reply_open(req, handle, held_show(handle, text));
	else
		make(fs, req, handle->inode, handle, handle->opener);
}

void reports_release(struct fs *fs)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(fs->reports); i++)
		held_text_unref(fs->reports[i].text);
	pthread_mutex_destroy(&fs->report_mutex);
}

/* They differ in kind_of() only. */
#define REPORT_FILE { \
	.getattr = report_getattr, \
	.getattr_later = report_getattr_later, \
	.open = report_open, \
	.read = text_read, \
}

const struct node_type queue_file = REPORT_FILE;
const struct node_type metrics_file = REPORT_FILE;
const struct node_type gallery_file = REPORT_FILE;
