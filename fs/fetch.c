/*
 * Where hosts share the catalogue: images whose bytes are not here are brought before
 * they are opened. The engine does it; the request waits there.
 */
#include "fs/fs.h"

/* How often an open may find that the bytes have gone again. */
#define FETCHES_MAX 3

bool fetch_is_shared(const struct fs *fs)
{
	return fs->engine && fs->options.shared.bucket;
}

struct fetching {
	struct handle *handle;
	fetch_open_fn *then;
};

static void fetched(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct fetching *fetching = context;
	struct handle *handle = fetching->handle;
	fetch_open_fn *then = fetching->then;

	free(fetching);
	if (code) {
		stale_end(fs, req);
		reply_open(req, handle, -code);
	} else {
		then(fs, req, handle);
	}
}

static void fetch(struct fs *fs, fuse_req_t req, struct handle *handle, enum seed_area area,
		  const char *path, bool thumb, fetch_open_fn *then)
{
	struct fetching *fetching = NULL;
	struct seed_wait *wait = NULL;

	/* A directory of a farm that is mounted without it, or read-only; or no room for one image. */
	if (!fetch_is_shared(fs) || handle->fetches++ == FETCHES_MAX) {
		seed_log_line(fs->log, path, SEED_LOG_ERROR "%s (EIO)", fetch_is_shared(fs) ?
			      "The image was fetched, and was gone again before it could be opened, each time: make cache_size= "
			      "larger" : "The image's bytes are in the store only: mount with store=");
		stale_end(fs, req);
		reply_open(req, handle, -EIO);
		return;
	}
	fetching = calloc(1, sizeof(*fetching));
	if (fetching) {
		fetching->handle = handle;
		fetching->then = then;
		wait = waiting_new(fs, req, fetched, fetching);
	}
	if (!wait) {
		free(fetching);
		reply_open(req, handle, -ENOMEM);
	} else if (seed_engine_fetch(fs->engine, area, path, thumb, wait)) {
		waiting_fail(wait, ENOMEM);
	}
}

void fetch_open(struct fs *fs, fuse_req_t req, struct handle *handle, enum seed_area area,
		const char *path, fetch_open_fn *then)
{
	fetch(fs, req, handle, area, path, false, then);
}

void fetch_thumb(struct fs *fs, fuse_req_t req, struct handle *handle, enum seed_area area,
		 const char *path, fetch_open_fn *then)
{
	fetch(fs, req, handle, area, path, true, then);
}
