/* prompts/: the folder, whose files are prompts and scratch files. */
#include <fcntl.h>

#include "fs/scratch.h"
#include "fs/writing.h"
#include "lib/base/text.h"

static errint_t make_prompt(struct fs *fs, const char *path, struct fuse_file_info *fi)
{
	errint_t err = prompt_check_name(fs, path);
	bool exclusive = fi->flags & O_EXCL;

	if (err)
		return err;
	/* The next file of a name that was renamed to a backup continues its
	 * entry, and begins empty. */
	if (scratch_hides(fs, path)) {
		scratch_show(fs, path);
		fi->flags |= O_TRUNC;
		exclusive = false;
	}
	return prompt_make(fs, path, exclusive);
}

static errint_t make_scratch(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			     mode_t mode)
{
	struct scratch_start start = {
		.text = "",
		.mode = mode & 0777,
		.uid = fuse_req_ctx(req)->uid,
		.gid = fuse_req_ctx(req)->gid,
	};
	errint_t err = seed_text_check_name_part(name);

	clock_gettime(CLOCK_REALTIME, &start.mtime);
	return err ? err : scratch_make(fs, path, &start);
}

static bool find_scratch(struct fs *fs, struct found *found)
{
	found->scratch = scratch_find(fs, found->path);
	if (!found->scratch)
		return false;
	found->type = &scratch_file;
	found->version.file = scratch_number(found->scratch);
	return true;
}

static void create_scratch(struct fs *fs, fuse_req_t req, struct found *found,
			   const struct fuse_file_info *fi)
{
	struct inode *inode = find_scratch(fs, found) ? inode_get(fs, found) : NULL;
	struct handle *handle = inode ? handle_new(req, inode, fi) : NULL;

	scratch_unref(fs, found->scratch); /* if the inode existed and has its own */
	if (!handle) {
		if (inode)
			inode_forget(fs, inode, 1);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	scratch_opened(fs, inode->scratch);
	handle->fi.direct_io = 1;
	reply_created(req, handle, 0);
}

/* `found` says afterwards which of the two it is. */
static errint_t make_file(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			  mode_t mode, struct fuse_file_info *fi, struct found *found)
{
	bool is_scratch = seed_text_is_scratch(name);

	*found = (struct found){ .type = is_scratch ? &scratch_file : &prompt_file };
	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	return is_scratch ? make_scratch(fs, req, found->path, name, mode) :
			    make_prompt(fs, found->path, fi);
}

static void prompts_create(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			   mode_t mode, struct fuse_file_info *fi)
{
	struct found found;
	errint_t err = make_file(fs, req, path, name, mode, fi, &found);

	if (err)
		fuse_reply_err(req, -err);
	else if (found.type == &scratch_file)
		create_scratch(fs, req, &found, fi);
	else
		writing_create(fs, req, &found, fi);
}

/* A create in two parts (tar --xattrs): the open comes later. */
static void prompts_mknod(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			  mode_t mode)
{
	struct fuse_file_info fi = { .flags = O_EXCL };
	struct found found;
	errint_t err = make_file(fs, req, path, name, mode, &fi, &found);

	if (!err && found.type == &scratch_file && !find_scratch(fs, &found))
		err = -ENOENT;
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_found(fs, req, &found);
	scratch_unref(fs, found.scratch);
}

/* ---- the folder ---- */

static errint_t prompts_lookup(struct fs *fs, const struct node_type *folder, const char *path,
			       const char *name, struct found *found)
{
	errint_t err;

	if (strlen(name) > SEED_NAME_PART_MAX_BYTES || !path_join(path, name, found->path))
		return -ENAMETOOLONG;
	if (seed_text_is_scratch(name) && find_scratch(fs, found))
		return 0;
	/* Entries stored under what is a scratch name now are still there. */
	err = folder_lookup(fs, folder, path, name, found);
	return !err && scratch_hides(fs, found->path) ? -ENOENT : err;
}

static bool is_shown(struct fs *fs, const struct node_type *folder, const char *path,
		     const char *name, bool is_folder)
{
	char file[FS_PATH_BYTES];
	struct scratch *scratch;

	SEED_UNUSED(folder);
	if (!path_join(path, name, file))
		return false;
	if (!is_folder && scratch_hides(fs, file))
		return false;
	scratch = seed_text_is_scratch(name) ? scratch_find(fs, file) : NULL;
	scratch_unref(fs, scratch); /* listed among the others */
	return !scratch;
}

static errint_t prompts_list(struct fs *fs, const struct node_type *folder, const char *path,
			     struct seed_buf *listing)
{
	errint_t err = listing_add_area(fs, folder, path, is_shown, listing);

	if (!err && !scratch_list(fs, path, listing))
		err = -ENOMEM;
	return err;
}

static void remove_scratch(struct fs *fs, fuse_req_t req, const char *path,
			   struct scratch *scratch)
{
	char hidden[FS_PATH_BYTES];
	bool hides = scratch_hidden(fs, scratch, hidden);
	errint_t err = scratch_unlink(fs, path);

	if (err || !hides)
		fuse_reply_err(req, -err);
	else
		prompt_remove(fs, req, hidden); /* the backup was all that was left of it */
}

static void prompts_unlink(struct fs *fs, fuse_req_t req, const struct node_type *folder,
			   const char *path, const char *name)
{
	char file[FS_PATH_BYTES];
	struct scratch *scratch = NULL;

	SEED_UNUSED(folder);
	if (!path_join(path, name, file)) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	if (seed_text_is_scratch(name))
		scratch = scratch_find(fs, file);
	if (scratch)
		remove_scratch(fs, req, file, scratch);
	else
		prompt_remove(fs, req, file);
	scratch_unref(fs, scratch);
}

static void made_folder(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct found *found = context;

	if (code)
		fuse_reply_err(req, code);
	else
		reply_found(fs, req, found);
	free(found);
}

/* Durable before it is answered, and so on a disk thread. */
static void prompts_mkdir(struct fs *fs, fuse_req_t req, const char *path, const char *name)
{
	struct found *found = calloc(1, sizeof(*found));
	struct seed_wait *wait;
	errint_t err = 0;

	if (!found)
		err = -ENOMEM;
	else if (!path_join(path, name, found->path))
		err = -ENAMETOOLONG;
	else
		err = seed_text_check_folder(found->path);
	if (!err && folder_is_blocked(fs, SEED_AREA_PROMPTS, found->path))
		err = -EIO;
	if (!err)
		err = prompt_make_way(fs, found->path);
	wait = err ? NULL : waiting_new(fs, req, made_folder, found);
	if (!wait) {
		free(found);
		fuse_reply_err(req, err ? -err : ENOMEM);
		return;
	}
	found->type = &prompts_folder;
	if (seed_engine_make_folder(fs->engine, found->path, wait))
		waiting_fail(wait, ENOMEM);
}

static void prompts_rmdir(struct fs *fs, fuse_req_t req, const struct node_type *folder,
			  const char *path, const char *name)
{
	char whole[FS_PATH_BYTES];

	if (path_join(path, name, whole) && scratch_any(fs, whole))
		fuse_reply_err(req, ENOTEMPTY);
	else
		folder_rmdir(fs, req, folder, path, name);
}

static void prompts_move(struct fs *fs, fuse_req_t req, const char *from,
			 const struct node_type *to_type, const char *to, unsigned flags)
{
	if (to_type != &prompts_folder)
		fuse_reply_err(req, EROFS);
	else
		prompts_rename(fs, req, from, to, flags);
}

const struct node_type prompts_folder = {
	.is_folder = true,
	.area = SEED_AREA_PROMPTS,
	.file = &prompt_file,
	.getattr = folder_getattr,
	.setattr = folder_setattr,
	.lookup = prompts_lookup,
	.list = prompts_list,
	.create = prompts_create,
	.mknod = prompts_mknod,
	.unlink = prompts_unlink,
	.mkdir = prompts_mkdir,
	.rmdir = prompts_rmdir,
	.rename = prompts_move,
};
