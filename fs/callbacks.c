/* callbacks/NAME: a webhook's body is written here (man seed, Callbacks). The
 * files are there while they are open; the folders are those of prompts/. */
#include "fs/writing.h"
#include "lib/base/text.h"

static errint_t callback_load(struct fs *fs, const char *path, char **text, size_t *len)
{
	SEED_UNUSED(fs);
	SEED_UNUSED(path);
	*len = 0;
	*text = strdup("");
	return *text ? 0 : -ENOMEM;
}

static errint_t callback_stat(struct fs *fs, const char *path, struct stat *st)
{
	SEED_UNUSED(fs);
	SEED_UNUSED(path);
	SEED_UNUSED(st);
	return -ENOENT;
}

static const struct writing_kind callback_writing = {
	.limit = SEED_CALLBACK_MAX_BYTES,
	.load = callback_load,
	.stat = callback_stat,
	.commit = seed_engine_callback,
};

static errint_t callbacks_lookup(struct fs *fs, const struct node_type *folder, const char *path,
				 const char *name, struct found *found)
{
	struct inode *inode;
	struct draft *draft;

	if (strlen(name) > SEED_NAME_PART_MAX_BYTES || !path_join(path, name, found->path))
		return -ENAMETOOLONG;
	if (folder_stat(fs, folder->area, found->path, &found->st) == 0 &&
	    S_ISDIR(found->st.st_mode)) {
		found->type = folder;
		return 0;
	}
	found->type = &callback_file;
	inode = inode_get(fs, found);
	if (!inode)
		return -ENOMEM;
	draft = inode_draft(fs, inode);
	if (draft)
		inode_draft_put(fs, inode, draft);
	inode_forget(fs, inode, 1);
	return draft ? 0 : -ENOENT;
}

static bool is_shown(struct fs *fs, const struct node_type *folder, const char *path,
		     const char *name, bool is_folder)
{
	SEED_UNUSED(folder);
	SEED_UNUSED(fs);
	SEED_UNUSED(path);
	SEED_UNUSED(name);
	return is_folder;
}

static errint_t callbacks_list(struct fs *fs, const struct node_type *folder, const char *path,
			       struct seed_buf *listing)
{
	return listing_add_area(fs, folder, path, is_shown, listing);
}

static void callbacks_create(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			     mode_t mode, struct fuse_file_info *fi)
{
	struct found found = { .type = &callback_file };
	errint_t err = -ENAMETOOLONG;

	SEED_UNUSED(mode); /* the mount's own modes apply */
	if (path_join(path, name, found.path))
		err = seed_text_check_name(found.path);
	if (err)
		fuse_reply_err(req, -err);
	else
		writing_create(fs, req, &found, fi);
}

const struct node_type callbacks_folder = {
	.is_folder = true,
	.area = SEED_AREA_PROMPTS,
	.getattr = folder_getattr,
	.setattr = folder_setattr,
	.lookup = callbacks_lookup,
	.list = callbacks_list,
	.create = callbacks_create,
};

const struct node_type callback_file = {
	.writing = &callback_writing,
	WRITING_OPERATIONS,
};
