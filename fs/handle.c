/* Open files and folders. */
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fs.h"
#include "lib/base/process.h"

/* Ten million long names: a folder of so many cannot be listed. */
#define LISTING_MAX_BYTES ((size_t)2 << 30)

struct seed_process fs_caller(fuse_req_t req)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);

	return (struct seed_process){ .tid = context->pid, .uid = context->uid };
}

struct handle *handle_new(fuse_req_t req, struct inode *inode, const struct fuse_file_info *fi)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	struct fs *fs = fuse_req_userdata(req);

	if (!handle)
		return NULL;
	handle->magic = HANDLE_MAGIC;
	handle->fs = fs;
	handle->inode = inode;
	handle->fd = -1;
	pthread_mutex_lock(&fs->inode_mutex);
	handle->next = fs->handles;
	handle->link = &fs->handles;
	if (handle->next)
		handle->next->link = &handle->next;
	fs->handles = handle;
	handle->next_of_inode = inode->handles;
	handle->link_of_inode = &inode->handles;
	if (handle->next_of_inode)
		handle->next_of_inode->link_of_inode = &handle->next_of_inode;
	inode->handles = handle;
	pthread_mutex_unlock(&fs->inode_mutex);
	seed_buf_init(&handle->listing, LISTING_MAX_BYTES);
	handle->fi = *fi;
	handle->fi.fh = (uintptr_t)handle;
	handle->uid = fuse_req_ctx(req)->uid;
	handle->thread = fuse_req_ctx(req)->pid;
	return handle;
}

void handle_find_opener(struct handle *handle)
{
	const struct seed_process process = { .tid = handle->thread, .uid = (uid_t)handle->uid };

	handle->opener = seed_process_of(process);
}

bool handle_size(struct fs *fs, const struct inode *inode, off_t *size)
{
	bool found = false;
	struct stat st;

	pthread_mutex_lock(&fs->inode_mutex);
	pthread_mutex_lock(&fs->held_mutex);
	for (const struct handle *handle = inode->handles; handle && !found; handle = handle->next_of_inode) {
		found = handle->text || (handle->fd >= 0 && fstat(handle->fd, &st) == 0);
		if (found)
			*size = handle->text ? (off_t)held_text_len(handle->text) : st.st_size;
	}
	pthread_mutex_unlock(&fs->held_mutex);
	pthread_mutex_unlock(&fs->inode_mutex);
	return found;
}

bool handle_is_meant(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	const struct seed_process process = fs_caller(req);
	int has = seed_process_has_open(process, inode->number);

	/* A descriptor that was closed may still have its handle; O_PATH makes none. */
	return (has > 0 || (has < 0 && inode_is_open(fs, inode))) &&
	       !seed_process_asks_by_name(process);
}

void handle_free(struct handle *handle)
{
	if (!handle)
		return;
	opened_release(handle);
	pthread_mutex_lock(&handle->fs->inode_mutex);
	*handle->link = handle->next;
	if (handle->next)
		handle->next->link = handle->link;
	pthread_mutex_unlock(&handle->fs->inode_mutex);
	if (handle->draft)
		inode_draft_put(handle->fs, handle->inode, handle->draft);
	inode_put_handle(handle->fs, handle);
	held_release(handle);
	handle->magic = 0;
	free(handle);
}

void handles_release_all(struct fs *fs)
{
	/* Nothing is committed any more: the engine has stopped. */
	while (fs->handles)
		handle_free(fs->handles);
}
