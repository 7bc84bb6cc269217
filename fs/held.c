/*
 * What open files and folders hold in memory: the text of a file that the program makes, and
 * the names of a folder, as they were at the open. Whoever may read can open as many as he
 * likes. So opens of one text share it, and there is a sum of all, which only one
 * beyond it may exceed: a folder of any size can be listed while others hold less.
 */
#include <stdatomic.h>

#include "fs/fs.h"

struct held_text {
	atomic_uint refs;
	unsigned shown; /* handles that have it: then it counts; fs.held_mutex */
	char *text;     /* owned */
	size_t len;
};

struct held_text *held_text_new(char *text, size_t len)
{
	struct held_text *held = text ? calloc(1, sizeof(*held)) : NULL;

	if (!held) {
		free(text);
		return NULL;
	}
	atomic_init(&held->refs, 1);
	held->text = text;
	held->len = len;
	return held;
}

struct held_text *held_text_ref(struct held_text *held)
{
	atomic_fetch_add(&held->refs, 1);
	return held;
}

void held_text_unref(struct held_text *held)
{
	if (!held || atomic_fetch_sub(&held->refs, 1) > 1)
		return;
	free(held->text);
	free(held);
}

size_t held_text_len(const struct held_text *held)
{
	return held ? held->len : 0;
}

const char *held_text_of(const struct held_text *held)
{
	return held->text;
}

bool held_text_is(const struct held_text *held, const void *text, size_t len)
{
	return held && held->len == len && memcmp(held->text, text, len) == 0;
}

static bool is_full(const struct fs *fs)
{
	return fs->held_bytes >= SEED_HELD_ALL_BYTES;
}

errint_t held_show(struct handle *handle, struct held_text *held)
{
	struct fs *fs = handle->fs;
	errint_t err = held ? 0 : -ENOMEM;

	pthread_mutex_lock(&fs->held_mutex);
	if (!err && !held->shown && is_full(fs))
		err = -ENOMEM;
	if (!err && held->shown++ == 0)
		fs->held_bytes += held->len;
	if (!err)
		handle->text = held;
	pthread_mutex_unlock(&fs->held_mutex);
	if (err)
		held_text_unref(held);
	return err;
}

struct held_text *held_get(struct handle *handle)
{
	struct held_text *held;

	pthread_mutex_lock(&handle->fs->held_mutex);
	held = handle->text ? held_text_ref(handle->text) : NULL;
	pthread_mutex_unlock(&handle->fs->held_mutex);
	return held;
}

/* With the mutex. */
static void hide(struct fs *fs, struct held_text *held)
{
	if (held && --held->shown == 0)
		fs->held_bytes -= held->len;
}

void held_replace(struct handle *handle, struct held_text *held)
{
	struct fs *fs = handle->fs;
	struct held_text *old;

	pthread_mutex_lock(&fs->held_mutex);
	old = handle->text;
	hide(fs, old);
	handle->text = is_full(fs) ? NULL : held_text_ref(held);
	if (handle->text && held->shown++ == 0)
		fs->held_bytes += held->len;
	pthread_mutex_unlock(&fs->held_mutex);
	held_text_unref(old);
}

errint_t held_list(struct handle *handle, const char *path)
{
	const struct inode *inode = handle->inode;
	struct fs *fs = handle->fs;
	bool full;
	errint_t err;

	pthread_mutex_lock(&fs->held_mutex);
	full = is_full(fs);
	pthread_mutex_unlock(&fs->held_mutex);
	err = full ? -ENOMEM : inode->type->list(fs, inode->type, path, &handle->listing);
	pthread_mutex_lock(&fs->held_mutex);
	handle->listing_held = handle->listing.alloc_bytes;
	fs->held_bytes += handle->listing_held;
	pthread_mutex_unlock(&fs->held_mutex);
	return err;
}

void held_release(struct handle *handle)
{
	struct held_text *held = handle->text;
	struct fs *fs = handle->fs;

	pthread_mutex_lock(&fs->held_mutex);
	fs->held_bytes -= handle->listing_held;
	hide(fs, held);
	pthread_mutex_unlock(&fs->held_mutex);
	seed_buf_release(&handle->listing);
	held_text_unref(held);
}
