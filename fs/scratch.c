#include "fs/scratch.h"

#include <fcntl.h>

/* Editors keep a few; a mount full of them is a mistake. */
#define SCRATCH_MAX 4096

struct scratch {
	struct scratch *next;
	unsigned refs;  /* the list's, and one for each handle; the mutex */
	char *path;     /* NULL once unlinked */
	char *origin;
	char *data;
	size_t len;
	struct timespec mtime;
	uint64_t number;
	bool changed;
};

/* With the mutex held. */
static struct scratch **place_of(struct fs *fs, const char *path)
{
	struct scratch **at = &fs->scratch;

	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

static void drop(struct scratch *scratch)
{
	if (--scratch->refs > 0)
		return;
	free(scratch->path);
	free(scratch->origin);
	free(scratch->data);
	free(scratch);
}

static bool take_out(struct fs *fs, const char *path)
{
	struct scratch **at = place_of(fs, path);
	struct scratch *scratch = *at;

	if (!scratch)
		return false;
	*at = scratch->next;
	free(scratch->path);
	scratch->path = NULL;
	fs->scratch_count--;
	drop(scratch);
	return true;
}

struct scratch *scratch_find(struct fs *fs, const char *path)
{
	struct scratch *scratch;

	pthread_mutex_lock(&fs->scratch_mutex);
	scratch = *place_of(fs, path);
	if (scratch)
		scratch->refs++;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return scratch;
}

void scratch_unref(struct fs *fs, struct scratch *scratch)
{
	if (!scratch)
		return;
	pthread_mutex_lock(&fs->scratch_mutex);
	drop(scratch);
	pthread_mutex_unlock(&fs->scratch_mutex);
}

static struct scratch *scratch_new(const char *path, const char *text, size_t len,
				   const char *origin)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->refs = 1;
	scratch->path = strdup(path);
	scratch->data = malloc(len + 1);
	scratch->origin = origin ? strdup(origin) : NULL;
	if (!scratch->path || !scratch->data || (origin && !scratch->origin)) {
		drop(scratch);
		return NULL;
	}
	if (len)
		memcpy(scratch->data, text, len);
	scratch->len = len;
	clock_gettime(CLOCK_REALTIME, &scratch->mtime);
	return scratch;
}

errint_t scratch_make(struct fs *fs, const char *path, const char *text, size_t len,
		      const char *origin)
{
	struct scratch *scratch = scratch_new(path, text, len, origin);
	errint_t err = 0;

	if (!scratch)
		return -ENOMEM;
	pthread_mutex_lock(&fs->scratch_mutex);
	take_out(fs, path);
	if (fs->scratch_count >= SCRATCH_MAX) {
		err = -ENOSPC;
		drop(scratch);
	} else {
		fs->scratch_count++;
		scratch->next = fs->scratch;
		fs->scratch = scratch;
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	return err;
}

errint_t scratch_unlink(struct fs *fs, const char *path)
{
	bool found;

	pthread_mutex_lock(&fs->scratch_mutex);
	found = take_out(fs, path);
	pthread_mutex_unlock(&fs->scratch_mutex);
	return found ? 0 : -ENOENT;
}

errint_t scratch_rename(struct fs *fs, const char *from, const char *to)
{
	char *path = strdup(to);
	struct scratch *scratch;

	if (!path)
		return -ENOMEM;
	pthread_mutex_lock(&fs->scratch_mutex);
	scratch = *place_of(fs, from);
	if (scratch) {
		if (strcmp(from, to) != 0)
			take_out(fs, to);
		free(scratch->path);
		scratch->path = path;
		path = NULL;
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	free(path);
	return scratch ? 0 : -ENOENT;
}

errint_t scratch_text(struct fs *fs, struct scratch *scratch, const char *name, char **text,
		      size_t *len, bool *unchanged)
{
	pthread_mutex_lock(&fs->scratch_mutex);
	*len = scratch->len;
	*unchanged = scratch->origin && strcmp(scratch->origin, name) == 0 && !scratch->changed;
	*text = malloc(scratch->len + 1);
	if (*text) {
		memcpy(*text, scratch->data, scratch->len);
		(*text)[scratch->len] = '\0';
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	return *text ? 0 : -ENOMEM;
}

/* The part of a scratch's path below `folder`, NULL if it is elsewhere. */
static const char *name_in(const struct scratch *scratch, const char *folder)
{
	size_t len = strlen(folder);
	const char *name = scratch->path;

	if (len) {
		if (strncmp(name, folder, len) != 0 || name[len] != '/')
			return NULL;
		name += len + 1;
	}
	return strchr(name, '/') ? NULL : name;
}

bool scratch_list(struct fs *fs, const char *folder, struct listing *listing)
{
	bool ok = true;

	pthread_mutex_lock(&fs->scratch_mutex);
	for (struct scratch *scratch = fs->scratch; scratch && ok; scratch = scratch->next) {
		const char *name = name_in(scratch, folder);

		if (name)
			ok = listing_add(listing, name, false);
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	return ok;
}

bool scratch_any(struct fs *fs, const char *folder)
{
	bool any = false;

	pthread_mutex_lock(&fs->scratch_mutex);
	for (struct scratch *scratch = fs->scratch; scratch && !any; scratch = scratch->next)
		any = name_in(scratch, folder) != NULL;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return any;
}

void scratch_release_all(struct fs *fs)
{
	while (fs->scratch)
		take_out(fs, fs->scratch->path);
}

/* ---- operations ---- */

static errint_t scratch_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	char path[FS_PATH_BYTES];
	struct scratch *scratch;

	inode_path(fs, inode, path);
	*timeout_s = 0;
	*st = (struct stat){ 0 };
	pthread_mutex_lock(&fs->scratch_mutex);
	scratch = *place_of(fs, path);
	if (scratch) {
		st->st_size = (off_t)scratch->len;
		st->st_mtim = st->st_ctim = st->st_atim = scratch->mtime;
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	if (!scratch) /* unlinked, and still open: its times do not matter any more */
		clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	attributes_file(fs, inode, 0644, st);
	return 0;
}

/* With the mutex held. */
static errint_t resize(struct scratch *scratch, size_t len)
{
	char *data;

	if (len > SEED_SCRATCH_MAX_BYTES)
		return -EFBIG;
	data = realloc(scratch->data, len + 1);
	if (!data)
		return -ENOMEM;
	scratch->data = data;
	if (len > scratch->len)
		memset(data + scratch->len, 0, len - scratch->len);
	scratch->len = len;
	scratch->changed = true;
	clock_gettime(CLOCK_REALTIME, &scratch->mtime);
	return 0;
}

static void scratch_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
			    int to_set, struct handle *handle)
{
	struct scratch *scratch = handle ? handle->scratch : NULL;
	char path[FS_PATH_BYTES];
	struct stat now;
	double timeout_s;
	errint_t err = 0;

	inode_path(fs, inode, path);
	if (to_set & FUSE_SET_ATTR_SIZE) {
		pthread_mutex_lock(&fs->scratch_mutex);
		if (!scratch)
			scratch = *place_of(fs, path);
		if (!scratch)
			err = -ENOENT;
		else if (st->st_size < 0 || st->st_size > SEED_SCRATCH_MAX_BYTES)
			err = -EFBIG;
		else
			err = resize(scratch, (size_t)st->st_size);
		pthread_mutex_unlock(&fs->scratch_mutex);
	}
	if (!err)
		err = scratch_getattr(fs, inode, &now, &timeout_s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &now, timeout_s);
}

static void scratch_open(struct fs *fs, fuse_req_t req, struct inode *inode,
			 struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(req, inode, fi);
	char path[FS_PATH_BYTES];
	errint_t err = 0;

	inode_path(fs, inode, path);
	if (handle)
		handle->scratch = scratch_find(fs, path);
	if (!handle || !handle->scratch) {
		handle_free(handle);
		fuse_reply_err(req, handle ? ENOENT : ENOMEM);
		return;
	}
	if (fi->flags & O_TRUNC) {
		pthread_mutex_lock(&fs->scratch_mutex);
		err = resize(handle->scratch, 0);
		pthread_mutex_unlock(&fs->scratch_mutex);
	}
	if (err) {
		scratch_unref(fs, handle->scratch);
		handle_free(handle);
		fuse_reply_err(req, -err);
		return;
	}
	fi->direct_io = 1;
	reply_open(req, handle, fi);
}

static void scratch_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
			 off_t offset)
{
	struct scratch *scratch = handle->scratch;
	char *data = malloc(size + 1);
	size_t at, len = 0;

	if (!data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_mutex_lock(&fs->scratch_mutex);
	at = offset < 0 || (uint64_t)offset > scratch->len ? scratch->len : (size_t)offset;
	len = size < scratch->len - at ? size : scratch->len - at;
	memcpy(data, scratch->data + at, len);
	pthread_mutex_unlock(&fs->scratch_mutex);
	fuse_reply_buf(req, data, len);
	free(data);
}

static void scratch_write(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
			  size_t size, off_t offset)
{
	struct scratch *scratch = handle->scratch;
	errint_t err = 0;
	size_t at;

	pthread_mutex_lock(&fs->scratch_mutex);
	at = handle->flags & O_APPEND ? scratch->len : (size_t)offset;
	if (at > SEED_SCRATCH_MAX_BYTES || size > SEED_SCRATCH_MAX_BYTES - at)
		err = -EFBIG;
	else
		err = resize(scratch, at + size > scratch->len ? at + size : scratch->len);
	if (!err)
		memcpy(scratch->data + at, data, size);
	pthread_mutex_unlock(&fs->scratch_mutex);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

static void scratch_release(struct fs *fs, struct handle *handle)
{
	scratch_unref(fs, handle->scratch);
	handle_free(handle);
}

const struct node_type scratch_file = {
	.getattr = scratch_getattr,
	.setattr = scratch_setattr,
	.open = scratch_open,
	.read = scratch_read,
	.write = scratch_write,
	.release = scratch_release,
};
