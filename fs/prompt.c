/* prompts/NAME: its text, the names that are allowed, and its removal. */
#include "fs/scratch.h"
#include "fs/writing.h"
#include "lib/store/files.h"
#include "lib/base/text.h"

static errint_t prompt_load(struct fs *fs, const char *path, char **text, size_t *len)
{
	return seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), path,
			       SEED_PROMPT_MAX_BYTES, text, len);
}

static errint_t prompt_stat(struct fs *fs, const char *path, struct stat *st)
{
	return folder_stat(fs, SEED_AREA_PROMPTS, path, st);
}

/* In order with what is committed to the name meanwhile. Without memory it
 * stays, empty. */
static void prompt_drop(struct fs *fs, const char *path)
{
	SEED_UNUSED(seed_engine_remove_empty(fs->engine, path) == 0);
}

static const struct writing_kind prompt_writing = {
	.limit = SEED_PROMPT_MAX_BYTES,
	.is_prompt = true,
	.load = prompt_load,
	.stat = prompt_stat,
	.commit = seed_engine_commit,
	.drop = prompt_drop,
	.set_time = seed_engine_set_time,
};

/* No folder may be in the place of its image or its record (an earlier version may have
 * made one), and no other entry's image in the place of its history. */
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
	if (folder_stat(fs, SEED_AREA_HISTORY, name, &st) == 0 && !S_ISDIR(st.st_mode))
		return folder_is_blocked(fs, SEED_AREA_HISTORY, name) ? -EIO : -ENOTDIR;
	return 0;
}

errint_t prompt_make(struct fs *fs, const char *name, bool exclusive)
{
	errint_t err = seed_files_touch(seed_store_area(fs->store, SEED_AREA_PROMPTS), name, exclusive);

	return err && folder_is_blocked(fs, SEED_AREA_PROMPTS, name) ? -EIO : err;
}

errint_t prompt_check_name(struct fs *fs, const char *name)
{
	errint_t err = seed_text_check_name(name);

	return err ? err : check_free(fs, name);
}

void prompt_remove(struct fs *fs, fuse_req_t req, const char *name)
{
	struct seed_wait *wait = waiting_new(fs, req, NULL, NULL);

	/* What is written to it from now on is not committed. */
	inode_leave(fs, &prompt_file, name);
	/* In order with what is under way for the name. */
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_remove(fs->engine, name, wait))
		waiting_fail(wait, ENOMEM);
}

errint_t prompt_make_way(struct fs *fs, const char *name)
{
	errint_t err = 0;

	if (scratch_hides(fs, name))
		err = seed_engine_remove(fs->engine, name, NULL);
	if (!err)
		scratch_show(fs, name);
	return err;
}

const struct node_type prompt_file = {
	.writing = &prompt_writing,
	WRITING_OPERATIONS,
	.getxattr = prompt_getxattr,
};
