/*
 * The descriptors behind open images, versions and thumbnails. Whoever may read can open as
 * many as he likes, and the engine needs some, too. So who opens the same
 * version shares one descriptor (its bytes never change), and all of them
 * together leave the engine its part.
 */
#include <unistd.h>

#include "fs/fs.h"

/* Of what the program may have now: an administrator may change that. */
static rlim_t most_of(const struct fs *fs)
{
	rlim_t engine = SEED_OWN_DESCRIPTORS +
			(rlim_t)(fs->options.jobs + SEED_ADOPTIONS_MAX) * SEED_JOB_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_cur / 2 > engine ? limit.rlim_cur - engine : limit.rlim_cur / 2;
}

/* With the table's mutex held. True: the inode has one already, and the handle shares it. */
static bool share(struct handle *handle)
{
	struct inode *inode = handle->inode;

	if (!inode->fd_users)
		return false;
	inode->fd_users++;
	handle->fd = inode->fd;
	return true;
}

errint_t opened_keep(struct handle *handle, int fd, bool is_version)
{
	struct inode *inode = handle->inode;
	struct fs *fs = handle->fs;
	rlim_t most = most_of(fs);
	bool spare;

	pthread_mutex_lock(&fs->inode_mutex);
	handle->shares = is_version;
	spare = is_version && share(handle);
	if (!spare && fs->opened < most) {
		fs->opened++;
		handle->fd = fd;
		if (is_version) {
			inode->fd = fd;
			inode->fd_users = 1;
		}
	}
	pthread_mutex_unlock(&fs->inode_mutex);
	if (handle->fd != fd)
		close(fd);
	return handle->fd < 0 ? -EMFILE : 0;
}

void opened_release(struct handle *handle)
{
	struct fs *fs = handle->fs;
	bool last;

	if (handle->fd < 0)
		return;
	pthread_mutex_lock(&fs->inode_mutex);
	last = !handle->shares || --handle->inode->fd_users == 0;
	fs->opened -= last;
	pthread_mutex_unlock(&fs->inode_mutex);
	if (last)
		close(handle->fd);
	handle->fd = -1;
}
