/*
 * Files that gather text until it is committed (writing.c): what differs between
 * prompts and callbacks. The operations are node_type's.
 */
#ifndef SEED_FS_WRITING_H
#define SEED_FS_WRITING_H

#include "fs/draft.h"
#include "fs/fs.h"

struct writing_kind {
	size_t limit;   /* bytes of text */
	bool is_prompt; /* the rules for prompts hold, and are judged by write() */
	/* The stored text; *text is malloc'd. */
	errint_t (*load)(struct fs *fs, const char *path, char **text, size_t *len);
	/* Size and times of the stored file; -ENOENT: there is none. */
	errint_t (*stat)(struct fs *fs, const char *path, struct stat *st);
	/* seed_engine_commit() or its like. */
	errint_t (*commit)(struct seed_engine *engine, const char *name, char *text,
			   struct seed_ticket *ticket, struct seed_wait *wait);
	/* seed_engine_set_time(); NULL: the stored file has no time. */
	errint_t (*set_time)(struct seed_engine *engine, const char *name, struct timespec mtime,
			     struct seed_wait *wait);
	/* Removes a file that an open made and that stayed empty; may be NULL. */
	void (*drop)(struct fs *fs, const char *path);
};

errint_t writing_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s);
void writing_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
		     int to_set, struct handle *handle);
void writing_open(struct fs *fs, fuse_req_t req, struct handle *handle);
void writing_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset);
void writing_write(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
		   size_t size, off_t offset);
void writing_flush(struct fs *fs, fuse_req_t req, struct handle *handle, uint64_t lock_owner);
void writing_fsync(struct fs *fs, fuse_req_t req, struct handle *handle);
void writing_release(struct fs *fs, struct handle *handle);

/* Of the type of such a file, beside `writing`. */
#define WRITING_OPERATIONS \
	.getattr = writing_getattr, \
	.setattr = writing_setattr, \
	.open = writing_open, \
	.read = writing_read, \
	.write = writing_write, \
	.flush = writing_flush, \
	.fsync = writing_fsync, \
	.release = writing_release

/* Replies to a create of what `found` names. */
void writing_create(struct fs *fs, fuse_req_t req, struct found *found,
		    const struct fuse_file_info *fi);

/* ---- prompt.c ---- */

/* Whether a path may be a prompt's: the rules for names, and no folder in its place. */
errint_t prompt_check_name(struct fs *fs, const char *name) SEED_MUST_CHECK;
/* Its file is there, empty unless it was there (exclusive: -EEXIST). Starts nothing. -EIO where something
 * else stands, with a line in the log. */
errint_t prompt_make(struct fs *fs, const char *name, bool exclusive) SEED_MUST_CHECK;
/* `rm prompts/NAME`; replies when it is done. */
void prompt_remove(struct fs *fs, fuse_req_t req, const char *name);
/* A folder is about to take NAME, which a backup hides: makes the name free, as it
 * appears to be. In order before what is ordered next. */
errint_t prompt_make_way(struct fs *fs, const char *name) SEED_MUST_CHECK;

#endif
