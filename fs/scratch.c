#include "fs/scratch.h"

#include <fcntl.h>

#include "lib/base/clock.h"

struct scratch {
	struct scratch *next;
	unsigned refs;    /* the list's and the inodes'; the mutex, as for all below */
	unsigned open;    /* handles */
	char *path;       /* NULL once unlinked */
	char *hides;      /* the prompt that was renamed to it, or NULL */
	char *data;
	size_t len;
	size_t charged;   /* of fs.scratch_bytes; while it has a name or is open */
	struct timespec mtime;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t number;
	bool changed;     /* it no longer has the text that it began with */
	bool taken;       /* its text has become a prompt's */
	int64_t used_ms;  /* monotonic: made, opened or closed last */
};

/* ---- with the mutex held ---- */

static struct scratch **place_of(struct fs *fs, const char *path)
{
	struct scratch **at = &fs->scratch;

	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

/* Room for `len` bytes: whole blocks, so that empty files count, too. */
static errint_t charge(struct fs *fs, struct scratch *scratch, size_t len)
{
	size_t blocks = (len / SEED_SCRATCH_BLOCK_BYTES + 1) * SEED_SCRATCH_BLOCK_BYTES;

	if (blocks > scratch->charged &&
	    fs->scratch_bytes + (blocks - scratch->charged) > SEED_SCRATCH_ALL_BYTES)
		return -ENOSPC;
	fs->scratch_bytes = fs->scratch_bytes - scratch->charged + blocks;
	scratch->charged = blocks;
	return 0;
}

static void drop(struct fs *fs, struct scratch *scratch)
{
	if (--scratch->refs > 0)
		return;
	fs->scratch_bytes -= scratch->charged;
	free(scratch->path);
	free(scratch->hides);
	free(scratch->data);
	free(scratch);
}

/* Without a name or a handle nobody can reach the text, although the kernel may keep
 * the inode for long. */
static void free_text(struct fs *fs, struct scratch *scratch)
{
	if (scratch->path || scratch->open)
		return;
	free(scratch->data);
	scratch->data = NULL;
	scratch->len = 0;
	fs->scratch_bytes -= scratch->charged;
	scratch->charged = 0;
}

static void take_out(struct fs *fs, struct scratch **at)
{
	struct scratch *scratch = *at;

	*at = scratch->next;
	free(scratch->path);
	scratch->path = NULL;
	free_text(fs, scratch);
	drop(fs, scratch);
}

static bool take_out_path(struct fs *fs, const char *path)
{
	struct scratch **at = place_of(fs, path);

	if (!*at)
		return false;
	take_out(fs, at);
	return true;
}

static struct scratch *hider_of(struct fs *fs, const char *name)
{
	struct scratch *scratch = fs->scratch;

	while (scratch && (!scratch->hides || strcmp(scratch->hides, name) != 0))
		scratch = scratch->next;
	return scratch;
}

static void expire(struct fs *fs, int64_t now_ms)
{
	struct scratch **at = &fs->scratch;

	while (*at) {
		if ((*at)->open == 0 && now_ms - (*at)->used_ms >= SEED_SCRATCH_HOURS * 3600000LL)
			take_out(fs, at);
		else
			at = &(*at)->next;
	}
}

/* ---- names ---- */

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
	drop(fs, scratch);
	pthread_mutex_unlock(&fs->scratch_mutex);
}

uint64_t scratch_number(const struct scratch *scratch)
{
	return scratch->number;
}

static struct scratch *scratch_new(const char *path, const struct scratch_start *start)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->path = strdup(path);
	scratch->hides = start->hides ? strdup(start->hides) : NULL;
	scratch->data = malloc(start->len + 1);
	if (!scratch->path || !scratch->data || (start->hides && !scratch->hides)) {
		free(scratch->path);
		free(scratch->hides);
		free(scratch->data);
		free(scratch);
		return NULL;
	}
	scratch->refs = 1;
	if (start->len)
		memcpy(scratch->data, start->text, start->len);
	scratch->len = start->len;
	scratch->mode = start->mode;
	scratch->uid = start->uid;
	scratch->gid = start->gid;
	scratch->mtime = start->mtime;
	scratch->used_ms = seed_clock_now_ms();
	return scratch;
}

errint_t scratch_make(struct fs *fs, const char *path, const struct scratch_start *start)
{
	struct scratch *scratch = scratch_new(path, start);
	errint_t err;

	if (!scratch)
		return -ENOMEM;
	pthread_mutex_lock(&fs->scratch_mutex);
	expire(fs, scratch->used_ms);
	err = charge(fs, scratch, scratch->len);
	if (err) {
		drop(fs, scratch);
	} else {
		take_out_path(fs, path);
		scratch->number = ++fs->scratch_number;
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
	found = take_out_path(fs, path);
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
			take_out_path(fs, to);
		free(scratch->path);
		scratch->path = path;
		path = NULL;
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
	free(path);
	return scratch ? 0 : -ENOENT;
}

static void rename_below(char **path, const char *from, const char *to)
{
	char renamed[SEED_STORE_PATH_BYTES];
	char *copy;

	if (!*path || !seed_store_renamed(*path, from, to, true, renamed))
		return;
	/* Without memory it keeps a name that leads nowhere, and expires. */
	copy = strdup(renamed);
	if (!copy)
		return;
	free(*path);
	*path = copy;
}

errint_t scratch_check_folder(struct fs *fs, const char *from, const char *to)
{
	size_t len = strlen(from);
	errint_t err = 0;

	pthread_mutex_lock(&fs->scratch_mutex);
	for (struct scratch *scratch = fs->scratch; scratch && !err; scratch = scratch->next)
		if (strncmp(scratch->path, from, len) == 0 && scratch->path[len] == '/' &&
		    strlen(to) + strlen(scratch->path) - len > SEED_NAME_MAX_BYTES)
			err = -ENAMETOOLONG;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return err;
}

void scratch_folder_renamed(struct fs *fs, const char *from, const char *to)
{
	pthread_mutex_lock(&fs->scratch_mutex);
	for (struct scratch *scratch = fs->scratch; scratch; scratch = scratch->next) {
		rename_below(&scratch->path, from, to);
		rename_below(&scratch->hides, from, to);
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
}

bool scratch_hides(struct fs *fs, const char *name)
{
	bool hides;

	pthread_mutex_lock(&fs->scratch_mutex);
	hides = hider_of(fs, name) != NULL;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return hides;
}

void scratch_show(struct fs *fs, const char *name)
{
	struct scratch *scratch;

	pthread_mutex_lock(&fs->scratch_mutex);
	scratch = hider_of(fs, name);
	if (scratch) {
		free(scratch->hides);
		scratch->hides = NULL;
	}
	pthread_mutex_unlock(&fs->scratch_mutex);
}

/* ---- its text becomes a prompt's ---- */

#define GROUPS_MAX 1024

struct reader {
	uid_t uid;
	gid_t gid;
	bool all_known; /* of its groups */
	int count;
	gid_t groups[GROUPS_MAX];
};

static void reader_init(struct reader *reader, fuse_req_t req)
{
	int count = fuse_req_getgroups(req, GROUPS_MAX, reader->groups);

	reader->uid = fuse_req_ctx(req)->uid;
	reader->gid = fuse_req_ctx(req)->gid;
	reader->all_known = count >= 0 && count <= GROUPS_MAX;
	reader->count = count < 0 ? 0 : count > GROUPS_MAX ? GROUPS_MAX : count;
}

static bool is_member(const struct reader *reader, gid_t gid)
{
	bool found = reader->gid == gid;

	for (int i = 0; !found && i < reader->count; i++)
		found = reader->groups[i] == gid;
	return found;
}

/* As the kernel would judge an open; but the owner may, who could change the mode. With the
 * mutex held. */
static bool may_read(const struct scratch *scratch, const struct reader *reader)
{
	mode_t needed = S_IROTH;

	if (reader->uid == 0 || reader->uid == scratch->uid)
		return true;
	if (is_member(reader, scratch->gid))
		needed = S_IRGRP;
	else if (!reader->all_known)
		needed = S_IRGRP | S_IROTH;
	return (scratch->mode & needed) == needed;
}

/* With the mutex held. */
static errint_t take_copy(struct scratch *scratch, struct scratch_text *out)
{
	scratch->taken = true;
	out->len = scratch->len;
	out->mtime = scratch->mtime;
	snprintf(out->hides, sizeof(out->hides), "%s",
		 scratch->hides && !scratch->changed ? scratch->hides : "");
	out->text = malloc(scratch->len + 1);
	if (!out->text)
		return -ENOMEM;
	if (scratch->len)
		memcpy(out->text, scratch->data, scratch->len);
	out->text[scratch->len] = '\0';
	return 0;
}

errint_t scratch_text(struct fs *fs, fuse_req_t req, struct scratch *scratch,
		      struct scratch_text *out)
{
	struct reader reader;
	errint_t err;

	reader_init(&reader, req);
	pthread_mutex_lock(&fs->scratch_mutex);
	err = may_read(scratch, &reader) ? take_copy(scratch, out) : -EACCES;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return err;
}

void scratch_keep(struct fs *fs, const char *path)
{
	struct scratch *scratch;

	pthread_mutex_lock(&fs->scratch_mutex);
	scratch = *place_of(fs, path);
	if (scratch)
		scratch->taken = false;
	pthread_mutex_unlock(&fs->scratch_mutex);
}

bool scratch_hidden(struct fs *fs, struct scratch *scratch, char name[FS_PATH_BYTES])
{
	pthread_mutex_lock(&fs->scratch_mutex);
	snprintf(name, FS_PATH_BYTES, "%s", scratch->hides ? scratch->hides : "");
	pthread_mutex_unlock(&fs->scratch_mutex);
	return name[0] != '\0';
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

bool scratch_list(struct fs *fs, const char *folder, struct seed_buf *listing)
{
	bool ok = true;

	pthread_mutex_lock(&fs->scratch_mutex);
	expire(fs, seed_clock_now_ms());
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

void scratch_expire(struct fs *fs, int64_t now_ms)
{
	pthread_mutex_lock(&fs->scratch_mutex);
	expire(fs, now_ms);
	pthread_mutex_unlock(&fs->scratch_mutex);
}

void scratch_release_all(struct fs *fs)
{
	while (fs->scratch)
		take_out(fs, &fs->scratch);
}

/* ---- operations ---- */

static errint_t scratch_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	const struct scratch *scratch = inode->scratch;

	*timeout_s = 0;
	*st = (struct stat){ 0 };
	pthread_mutex_lock(&fs->scratch_mutex);
	st->st_size = (off_t)scratch->len;
	st->st_mtim = st->st_ctim = st->st_atim = scratch->mtime;
	attributes_file(fs, inode, 0, st);
	st->st_mode = S_IFREG | scratch->mode;
	st->st_uid = scratch->uid;
	st->st_gid = scratch->gid;
	st->st_nlink = scratch->path ? 1 : 0;
	pthread_mutex_unlock(&fs->scratch_mutex);
	return 0;
}

/* With the mutex held. */
static errint_t resize(struct fs *fs, struct scratch *scratch, size_t len)
{
	errint_t err;
	char *data;

	if (scratch->taken)
		return -ECANCELED;
	if (len > SEED_SCRATCH_MAX_BYTES)
		return -EFBIG;
	err = charge(fs, scratch, len);
	if (err)
		return err;
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

/* With the mutex held. */
static errint_t set_attributes(struct fs *fs, struct scratch *scratch, const struct stat *st,
			       int to_set)
{
	errint_t err = 0;

	if (to_set & FUSE_SET_ATTR_SIZE)
		err = st->st_size < 0 || st->st_size > SEED_SCRATCH_MAX_BYTES ?
			-EFBIG : resize(fs, scratch, (size_t)st->st_size);
	if (err)
		return err;
	if (to_set & FUSE_SET_ATTR_MODE)
		scratch->mode = st->st_mode & 07777;
	if (to_set & FUSE_SET_ATTR_UID)
		scratch->uid = st->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		scratch->gid = st->st_gid;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		clock_gettime(CLOCK_REALTIME, &scratch->mtime);
	else if (to_set & FUSE_SET_ATTR_MTIME)
		scratch->mtime = st->st_mtim;
	return 0;
}

/* The handle has this outcome: its close must not give 0. */
static void note_taken(struct fs *fs, struct handle *handle, errint_t err)
{
	char path[FS_PATH_BYTES];

	if (err != -ECANCELED || atomic_exchange(&handle->told, true))
		return;
	inode_path(fs, handle->inode, path);
	seed_log_line(fs->log, path, SEED_LOG_ERROR "Not committed: it was renamed to a prompt before "
		      "this was written (ECANCELED)");
}

static void scratch_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
			    int to_set, struct handle *handle)
{
	errint_t err;

	pthread_mutex_lock(&fs->scratch_mutex);
	err = set_attributes(fs, inode->scratch, st, to_set);
	pthread_mutex_unlock(&fs->scratch_mutex);
	if (handle)
		note_taken(fs, handle, err);
	reply_attributes(fs, req, inode, err);
}

void scratch_opened(struct fs *fs, struct scratch *scratch)
{
	pthread_mutex_lock(&fs->scratch_mutex);
	scratch->open++;
	scratch->used_ms = seed_clock_now_ms();
	pthread_mutex_unlock(&fs->scratch_mutex);
}

static void scratch_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct scratch *scratch = handle->inode->scratch;
	errint_t err = 0;

	scratch_opened(fs, scratch);
	if (handle->fi.flags & O_TRUNC) {
		pthread_mutex_lock(&fs->scratch_mutex);
		err = resize(fs, scratch, 0);
		pthread_mutex_unlock(&fs->scratch_mutex);
	}
	handle->fi.direct_io = 1;
	reply_open(req, handle, err);
}

static void scratch_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
			 off_t offset)
{
	const struct scratch *scratch = handle->inode->scratch;
	char *data = malloc(size + 1);
	size_t at;

	if (!data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_mutex_lock(&fs->scratch_mutex);
	at = part_of(scratch->len, offset, &size);
	if (size)
		memcpy(data, scratch->data + at, size);
	pthread_mutex_unlock(&fs->scratch_mutex);
	fuse_reply_buf(req, data, size);
	free(data);
}

static void scratch_write(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
			  size_t size, off_t offset)
{
	struct scratch *scratch = handle->inode->scratch;
	errint_t err = 0;
	size_t at;

	pthread_mutex_lock(&fs->scratch_mutex);
	at = handle->fi.flags & O_APPEND ? scratch->len : (size_t)offset;
	if (at > SEED_SCRATCH_MAX_BYTES || size > SEED_SCRATCH_MAX_BYTES - at)
		err = -EFBIG;
	else
		err = resize(fs, scratch, at + size > scratch->len ? at + size : scratch->len);
	if (!err)
		memcpy(scratch->data + at, data, size);
	pthread_mutex_unlock(&fs->scratch_mutex);
	note_taken(fs, handle, err);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

static void scratch_flush(struct fs *fs, fuse_req_t req, struct handle *handle, uint64_t lock_owner)
{
	SEED_UNUSED(fs);
	SEED_UNUSED(lock_owner);
	fuse_reply_err(req, atomic_load(&handle->told) ? ECANCELED : 0);
}

static void scratch_fsync(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	scratch_flush(fs, req, handle, 0);
}

static void scratch_release(struct fs *fs, struct handle *handle)
{
	struct scratch *scratch = handle->inode->scratch;

	pthread_mutex_lock(&fs->scratch_mutex);
	scratch->open--;
	scratch->used_ms = seed_clock_now_ms();
	free_text(fs, scratch);
	pthread_mutex_unlock(&fs->scratch_mutex);
	handle_free(handle);
}

static void scratch_forget(struct fs *fs, struct inode *inode)
{
	scratch_unref(fs, inode->scratch);
}

const struct node_type scratch_file = {
	.getattr = scratch_getattr,
	.setattr = scratch_setattr,
	.open = scratch_open,
	.read = scratch_read,
	.write = scratch_write,
	.flush = scratch_flush,
	.fsync = scratch_fsync,
	.release = scratch_release,
	.forget = scratch_forget,
};
