/*
 * ESTALE, for a request that came by a name which the kernel kept and which leads elsewhere
 * by now: the kernel walks the path again and asks for each part. It does so once in a
 * system call; a second ESTALE would reach the program. So what each thread was told is noted.
 */
#include "fs/fs.h"

enum stale {
	STALE_NO,
	STALE_TOLD,
	STALE_SEEN, /* attributes were asked for again: an open may follow, or another call */
};

static _Atomic uint64_t *stale_of(struct fs *fs, fuse_req_t req)
{
	return &fs->stale[(size_t)fuse_req_ctx(req)->pid % CALLS_KEPT];
}

static enum stale get(struct fs *fs, fuse_req_t req)
{
	uint64_t noted = atomic_load(stale_of(fs, req));

	return noted >> 2 == (uint64_t)fuse_req_ctx(req)->pid ? (enum stale)(noted & 3) : STALE_NO;
}

static void set(struct fs *fs, fuse_req_t req, enum stale stale)
{
	atomic_store(stale_of(fs, req), (uint64_t)fuse_req_ctx(req)->pid << 2 | stale);
}

bool stale_tell(struct fs *fs, fuse_req_t req, struct inode *inode, const struct handle *handle,
		bool old)
{
	bool was_told = stale_was_told(fs, req);

	if (old && !handle && !was_told && !handle_is_meant(fs, req, inode)) {
		set(fs, req, STALE_TOLD);
		return true;
	}
	if (was_told)
		set(fs, req, STALE_SEEN);
	return false;
}

bool stale_tell_open(struct fs *fs, fuse_req_t req, bool old)
{
	bool tell = old && get(fs, req) == STALE_NO;

	set(fs, req, tell ? STALE_TOLD : STALE_NO);
	return tell;
}

bool stale_was_told(struct fs *fs, fuse_req_t req)
{
	return get(fs, req) == STALE_TOLD;
}

void stale_end(struct fs *fs, fuse_req_t req)
{
	if (get(fs, req) != STALE_NO)
		set(fs, req, STALE_NO);
}
