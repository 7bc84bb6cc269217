/* prompts/: the folder, and what its files are. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/scratch.h"
#include "fs/writing.h"
#include "lib/store/files.h"
#include "lib/text.h"

/* ---- prompts/NAME ---- */

static errint_t prompt_load(struct fs *fs, const char *path, char **text, size_t *len)
{
	return seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), path,
			       SEED_PROMPT_MAX_BYTES, text, len);
}

static errint_t prompt_stat(struct fs *fs, const char *path, struct stat *st)
{
	return folder_stat(fs, SEED_AREA_PROMPTS, path, st);
}

static void prompt_drop(struct fs *fs, const char *path)
{
	struct stat st;

	if (prompt_stat(fs, path, &st) == 0 && st.st_size == 0)
		unlinkat(seed_store_area(fs->store, SEED_AREA_PROMPTS), path, 0);
}

static const struct writing_kind prompt_writing = {
	.limit = SEED_PROMPT_MAX_BYTES,
	.is_prompt = true,
	.load = prompt_load,
	.stat = prompt_stat,
	.commit = seed_engine_commit,
	.drop = prompt_drop,
};

/* The folder shown at images/NAME.png would hide the image, and so on. */
static errint_t check_free(struct fs *fs, const char *name)
{
	char path[FS_PATH_BYTES];
	struct stat st;

	if (!seed_store_image_path(name, path))
		return -ENAMETOOLONG;
	if (folder_stat(fs, SEED_AREA_IMAGES, path, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!seed_store_record_path(name, path))
		return -ENAMETOOLONG;
	if (folder_stat(fs, SEED_AREA_RECORDS, path, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	return 0;
}

errint_t prompt_check_name(struct fs *fs, const char *name)
{
	errint_t err = seed_text_check_name(name);

	return err ? err : check_free(fs, name);
}

static errint_t make_prompt(struct fs *fs, const char *path, int flags)
{
	errint_t err = prompt_check_name(fs, path);
	int fd;

	if (err)
		return err;
	fd = openat(seed_store_area(fs->store, SEED_AREA_PROMPTS), path,
		    O_WRONLY | O_CREAT | (flags & O_EXCL) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static errint_t make_scratch(struct fs *fs, const char *path, const char *name)
{
	errint_t err = seed_text_check_name_part(name);

	return err ? err : scratch_make(fs, path, "", 0, NULL);
}

static void reply_scratch(struct fs *fs, fuse_req_t req, struct found *found,
			  struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = { .generation = 1 };
	struct inode *inode = inode_get(fs, found);
	struct handle *handle = inode ? handle_new(req, inode, fi) : NULL;

	if (handle)
		handle->scratch = scratch_find(fs, found->path);
	if (!handle || !handle->scratch) {
		handle_free(handle);
		if (inode)
			inode_forget(fs, inode, 1);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	entry.ino = (uintptr_t)inode;
	SEED_UNUSED(inode->type->getattr(fs, inode, &entry.attr, &entry.attr_timeout) == 0);
	fi->fh = (uintptr_t)handle;
	fi->direct_io = 1;
	if (fuse_reply_create(req, &entry, fi) == -ENOENT) {
		inode->type->release(fs, handle);
		inode_forget(fs, inode, 1);
	}
}

static void prompts_create(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			   struct fuse_file_info *fi)
{
	bool is_scratch = seed_text_is_scratch(name);
	struct found found = { .type = is_scratch ? &scratch_file : &prompt_file };
	errint_t err;

	if (!path_join(path, name, found.path))
		err = -ENAMETOOLONG;
	else if (is_scratch)
		err = make_scratch(fs, found.path, name);
	else
		err = make_prompt(fs, found.path, fi->flags);
	if (err)
		fuse_reply_err(req, -err);
	else if (is_scratch)
		reply_scratch(fs, req, &found, fi);
	else
		writing_create(fs, req, &found, fi);
}

/* ---- the folder ---- */

static errint_t prompts_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	*timeout_s = 0;
	return folder_getattr(fs, SEED_AREA_PROMPTS, inode, st);
}

static errint_t prompts_lookup(struct fs *fs, const char *path, const char *name,
			       struct found *found)
{
	errint_t err;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	if (seed_text_is_scratch(name)) {
		struct scratch *scratch = scratch_find(fs, found->path);

		found->type = &scratch_file;
		scratch_unref(fs, scratch);
		return scratch ? 0 : -ENOENT;
	}
	err = folder_stat(fs, SEED_AREA_PROMPTS, found->path, &found->st);
	if (err)
		return err;
	if (S_ISDIR(found->st.st_mode))
		found->type = &prompts_folder;
	else if (S_ISREG(found->st.st_mode))
		found->type = &prompt_file;
	else
		return -ENOENT;
	return 0;
}

static int prompts_open_folder(struct fs *fs, const char *path)
{
	return folder_open(fs, SEED_AREA_PROMPTS, path);
}

static bool prompts_lists(const char *name, bool is_folder)
{
	SEED_UNUSED(is_folder);
	return !seed_text_is_scratch(name);
}

static void prompts_unlink(struct fs *fs, fuse_req_t req, const char *path, const char *name)
{
	char file[FS_PATH_BYTES];
	struct seed_wait *wait;

	if (!path_join(path, name, file)) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	if (seed_text_is_scratch(name)) {
		fuse_reply_err(req, -scratch_unlink(fs, file));
		return;
	}
	/* What is written to it from now on is not committed. */
	inode_leave(fs, &prompt_file, file);
	/* In order with what is under way for the name. */
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_remove(fs->engine, file, wait))
		waiting_fail(wait, ENOMEM);
}

/* A folder stands in every area; prompts/ last, since that one counts. */
static const enum seed_area folder_order[] = {
	SEED_AREA_IMAGES, SEED_AREA_RECORDS, SEED_AREA_HISTORY, SEED_AREA_PROMPTS,
};

static errint_t make_folder(struct fs *fs, enum seed_area area, const char *path)
{
	struct stat st;

	if (mkdirat(seed_store_area(fs->store, area), path, 0755) == 0)
		return 0;
	if (errno != EEXIST || area == SEED_AREA_PROMPTS)
		return -errno;
	/* Left from a folder of that name whose images were kept. */
	return folder_stat(fs, area, path, &st) == 0 && S_ISDIR(st.st_mode) ? 0 : -EEXIST;
}

static errint_t prompts_mkdir(struct fs *fs, const char *path, const char *name,
			      struct found *found)
{
	struct stat st;
	errint_t err;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	found->type = &prompts_folder;
	err = seed_text_check_name(found->path);
	if (!err && folder_stat(fs, SEED_AREA_PROMPTS, found->path, &st) == 0)
		err = -EEXIST;
	for (size_t i = 0; i < SEED_ARRAY_LEN(folder_order) && !err; i++)
		err = make_folder(fs, folder_order[i], found->path);
	return err;
}

static errint_t prompts_rmdir(struct fs *fs, const char *path, const char *name)
{
	char folder[FS_PATH_BYTES];

	if (!path_join(path, name, folder))
		return -ENAMETOOLONG;
	if (scratch_any(fs, folder))
		return -ENOTEMPTY;
	if (unlinkat(seed_store_area(fs->store, SEED_AREA_PROMPTS), folder, AT_REMOVEDIR) < 0)
		return -errno;
	/* The others where nothing is left in them: images outlive prompts. */
	for (size_t i = 0; i + 1 < SEED_ARRAY_LEN(folder_order); i++)
		unlinkat(seed_store_area(fs->store, folder_order[i]), folder, AT_REMOVEDIR);
	return 0;
}

const struct node_type prompts_folder = {
	.is_folder = true,
	.getattr = prompts_getattr,
	.setattr = folder_setattr,
	.lookup = prompts_lookup,
	.open_folder = prompts_open_folder,
	.lists = prompts_lists,
	.create = prompts_create,
	.unlink = prompts_unlink,
	.mkdir = prompts_mkdir,
	.rmdir = prompts_rmdir,
	.rename = prompts_rename,
	.list_more = scratch_list,
};

const struct node_type prompt_file = {
	.writing = &prompt_writing,
	.getattr = writing_getattr,
	.setattr = writing_setattr,
	.open = writing_open,
	.read = writing_read,
	.write = writing_write,
	.flush = writing_flush,
	.fsync = writing_fsync,
	.release = writing_release,
	.getxattr = prompt_getxattr,
};
