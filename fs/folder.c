#include <fcntl.h>

#include "fs/fs.h"

errint_t folder_stat(struct fs *fs, enum seed_area area, const char *path, struct stat *st)
{
	int dirfd = seed_store_area(fs->store, area);

	if (fstatat(dirfd, *path ? path : ".", st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == ENOTDIR ? -ENOENT : -errno;
}

bool folder_is_blocked(struct fs *fs, enum seed_area area, const char *path)
{
	static const char *const areas[] = {
		[SEED_AREA_PROMPTS] = "prompts", [SEED_AREA_IMAGES] = "images",
		[SEED_AREA_RECORDS] = "records", [SEED_AREA_HISTORY] = "history",
	};
	struct stat st;

	if (folder_stat(fs, area, path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return false;
	seed_log_line(fs->log, path, SEED_LOG_ERROR "What stands at %s/%s in the state directory is "
		      "neither a file nor a folder, and is left alone; to use the name, remove it: "
		      "rm '%s/%s/%s' (EIO)", areas[area], path, fs->options.state, areas[area], path);
	return true;
}

bool folder_has_version(struct fs *fs, struct inode *inode)
{
	char path[FS_PATH_BYTES];
	struct stat st;

	inode_path(fs, inode, path);
	return folder_stat(fs, inode->type->area, path, &st) == 0 &&
	       version_equal(inode->version, version_of(&st));
}

errint_t folder_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s)
{
	char path[FS_PATH_BYTES];
	errint_t err;

	*timeout_s = inode->type->is_kept ? NAMES_S : 0;
	inode_path(fs, inode, path);
	err = folder_stat(fs, inode->type->area, path, st);
	if (!err)
		attributes_folder(fs, inode, st);
	return err;
}

errint_t folder_lookup(struct fs *fs, const struct node_type *folder, const char *path,
		       const char *name, struct found *found)
{
	errint_t err;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	err = folder_stat(fs, folder->area, found->path, &found->st);
	if (err)
		return err;
	found->type = S_ISDIR(found->st.st_mode) ? folder : folder->file;
	if (!S_ISDIR(found->st.st_mode) && !S_ISREG(found->st.st_mode))
		return -ENOENT;
	if (found->type->is_version)
		found->version = version_of(&found->st);
	return 0;
}

static bool is_shown(struct fs *fs, const struct node_type *folder, const char *path,
		     const char *name, bool is_folder)
{
	char stem[FS_PATH_BYTES];

	SEED_UNUSED(fs);
	SEED_UNUSED(path);
	return is_folder || path_stem(name, folder->file->suffix, stem);
}

errint_t folder_list(struct fs *fs, const struct node_type *folder, const char *path,
		     struct seed_buf *listing)
{
	return listing_add_area(fs, folder, path, is_shown, listing);
}

static void unlinked(struct fs *fs, fuse_req_t req, int code, void *file)
{
	SEED_UNUSED(fs);
	fuse_reply_err(req, code);
	free(file);
}

void folder_unlink(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		   const char *path, const char *name)
{
	folder_unlink_then(fs, req, folder, path, name, unlinked);
}

void folder_unlink_then(struct fs *fs, fuse_req_t req, const struct node_type *folder,
			const char *path, const char *name,
			void (*reply)(struct fs *fs, fuse_req_t req, int code, void *file))
{
	char file[FS_PATH_BYTES], owner[FS_PATH_BYTES];
	struct seed_wait *wait;
	char *copy;

	if (!path_join(path, name, file)) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	if (folder->area == SEED_AREA_HISTORY)
		snprintf(owner, sizeof(owner), "%s", path);
	else if (!path_stem(file, folder->file->suffix, owner))
		snprintf(owner, sizeof(owner), "%s", file);
	copy = strdup(file);
	wait = copy ? waiting_new(fs, req, reply, copy) : NULL;
	if (!wait) {
		free(copy);
		fuse_reply_err(req, ENOMEM);
	} else if (seed_engine_remove_file(fs->engine, folder->area, file, owner, wait)) {
		waiting_fail(wait, ENOMEM);
	}
}

/* The kernel makes nothing any more in the inode that it removed, and keeps it while
 * anybody stands in it: the next folder of that name is to be another. What was removed with
 * it in other areas the kernel finds gone, and may find again. Before the answer, since the
 * next one may come at once. */
static void removed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct found *folder = context;

	if (!code)
		inode_leave(fs, folder->type, folder->path);
	fuse_reply_err(req, code);
	free(folder);
}

void folder_rmdir(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		  const char *path, const char *name)
{
	struct found *found = calloc(1, sizeof(*found));
	struct seed_wait *wait = NULL;
	errint_t err = 0;

	if (!found)
		err = -ENOMEM;
	else if (!path_join(path, name, found->path))
		err = -ENAMETOOLONG;
	else if (!(wait = waiting_new(fs, req, removed, found)))
		err = -ENOMEM;
	if (err) {
		free(found);
		fuse_reply_err(req, -err);
		return;
	}
	found->type = folder;
	if (seed_engine_remove_folder(fs->engine, folder->area, found->path, wait))
		waiting_fail(wait, ENOMEM);
}

void folder_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
		    int to_set, struct handle *handle)
{
	SEED_UNUSED(st);
	SEED_UNUSED(to_set);
	SEED_UNUSED(handle);
	reply_attributes(fs, req, inode, 0);
}
