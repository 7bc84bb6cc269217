/*
 * Where hosts share the catalogue: what other hosts did to a name is shown here before
 * the name is looked up, or its folder listed. The engine sees to it; the request waits
 * there, and no thread here.
 */
#include "fs/fs.h"
#include "lib/base/text.h"

/* ---- names ---- */

/* Whose entry it is that `name` in the folder `path` shows; false: no entry's. */
static bool subject_of(const struct node_type *folder, const char *path, const char *name,
		       char subject[FS_PATH_BYTES])
{
	bool is_version = folder == &history_folder || (folder == &thumbs_folder && *path);
	char file[FS_PATH_BYTES];

	if (name[0] == '.' || seed_text_is_scratch(name))
		return false;
	if (is_version && path_stem(name, folder == &thumbs_folder ? ".jpg" : ".png", file) &&
	    strspn(file, "0123456789") == strlen(file)) {
		snprintf(subject, FS_PATH_BYTES, "%s", path);
		return true;
	}
	if (!path_join(path, name, file))
		return false;
	if (folder == &prompts_folder || folder == &history_folder || folder == &callbacks_folder ||
	    !path_stem(file, folder == &thumbs_folder ? ".jpg" : folder->file->suffix, subject))
		snprintf(subject, FS_PATH_BYTES, "%s", file);
	return seed_text_check_name(subject) == 0;
}

static bool shows_entries(const struct node_type *folder)
{
	return folder == &prompts_folder || folder == &images_folder || folder == &records_folder ||
	       folder == &history_folder || folder == &thumbs_folder || folder == &callbacks_folder;
}

struct looking {
	struct inode *folder; /* the kernel keeps it looked up */
	refresh_then_fn *then;
	char name[];
};

static void looked(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct looking *looking = context;

	if (code == EINTR || code == ESHUTDOWN)
		fuse_reply_err(req, code);
	else
		looking->then(fs, req, looking->folder, looking->name,
			      fs->options.shared.wait_offline ? 0 : code);
	free(looking);
}

bool refresh_lookup(struct fs *fs, fuse_req_t req, struct inode *folder, const char *name,
		    refresh_then_fn *then)
{
	char path[FS_PATH_BYTES], subject[FS_PATH_BYTES];
	struct looking *looking;
	struct seed_wait *wait;

	if (!fetch_is_shared(fs) || !shows_entries(folder->type))
		return false;
	inode_path(fs, folder, path);
	if (!subject_of(folder->type, path, name, subject))
		return false;
	looking = calloc(1, sizeof(*looking) + strlen(name) + 1);
	if (!looking)
		return false;
	looking->folder = folder;
	looking->then = then;
	memcpy(looking->name, name, strlen(name) + 1);
	wait = waiting_new(fs, req, looked, looking);
	if (wait && seed_engine_refresh(fs->engine, subject, wait) == 0)
		return true;
	if (wait)
		waiting_drop(wait);
	free(looking);
	return false;
}

struct listing_wait {
	struct handle *handle;
	refresh_list_fn *then;
};

static void listed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct listing_wait *listing = context;

	if (fs->options.shared.wait_offline && (code == EHOSTUNREACH || code == ETIMEDOUT))
		code = 0;
	if (code)
		reply_open(req, listing->handle, -code);
	else
		listing->then(fs, req, listing->handle);
	free(listing);
}

bool refresh_listing(struct fs *fs, fuse_req_t req, struct handle *handle, refresh_list_fn *then)
{
	struct listing_wait *listing;
	struct seed_wait *wait = NULL;
	char path[FS_PATH_BYTES];

	if (!fetch_is_shared(fs) || !shows_entries(handle->inode->type))
		return false;
	inode_path(fs, handle->inode, path);
	listing = calloc(1, sizeof(*listing));
	if (listing) {
		listing->handle = handle;
		listing->then = then;
		wait = waiting_new(fs, req, listed, listing);
	}
	if (wait && seed_engine_refresh_folder(fs->engine, path, wait) == 0)
		return true;
	if (wait)
		waiting_drop(wait);
	free(listing);
	return false;
}
