/*
 * thumbs/NAME.jpg of images/NAME.png, thumbs/NAME/0001.jpg of history/NAME/0001.png.
 *
 * A thumbnail belongs to a version of an image, and so does its inode: what the
 * kernel keeps of it never belongs to another version. A missing one can be looked up,
 * like a pending image (size 0). It is made when it is opened, while the
 * opener waits. A listing has only existing ones.
 */
#include "fs/fs.h"
#include "lib/base/clock.h"

#define SUFFIX ".jpg"
#define SUFFIX_BYTES (sizeof(SUFFIX) - 1)

/* Where in the catalogue the image of a thumbnail's path is: images/ first, so that
 * a name that looks like a version's number is found. */
static errint_t find_image(struct fs *fs, const char *path, enum seed_area *area,
			   char image[FS_PATH_BYTES], struct stat *st)
{
	static const enum seed_area areas[] = { SEED_AREA_IMAGES, SEED_AREA_HISTORY };
	char name[FS_PATH_BYTES];

	if (!path_stem(path, SUFFIX, name) || !seed_store_image_path(name, image))
		return -ENOENT;
	for (size_t i = 0; i < SEED_ARRAY_LEN(areas); i++) {
		*area = areas[i];
		if (folder_stat(fs, *area, image, st) == 0 && S_ISREG(st->st_mode))
			return 0;
	}
	return -ENOENT;
}

static enum seed_area area_of_folder(struct fs *fs, const char *path)
{
	struct stat st;

	return folder_stat(fs, SEED_AREA_IMAGES, path, &st) == 0 && S_ISDIR(st.st_mode) ?
		SEED_AREA_IMAGES : SEED_AREA_HISTORY;
}

static off_t size_of(const struct fs *fs, struct version version)
{
	return seed_store_thumb_size(fs->store, version.file, seed_clock_file_ns(&version.time));
}

static errint_t thumbs_lookup(struct fs *fs, const struct node_type *folder, const char *path,
			      const char *name, struct found *found)
{
	char image[FS_PATH_BYTES];
	enum seed_area area;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	if (find_image(fs, found->path, &area, image, &found->st) == 0) {
		found->type = &thumb_file;
		found->version = version_of(&found->st);
		/* Read-only: nothing will be made. */
		return fs->engine || size_of(fs, found->version) ? 0 : -ENOENT;
	}
	found->type = folder;
	if (folder_stat(fs, area_of_folder(fs, found->path), found->path, &found->st) != 0 ||
	    !S_ISDIR(found->st.st_mode))
		return -ENOENT;
	return 0;
}

static errint_t thumbs_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	char path[FS_PATH_BYTES];

	errint_t err;

	inode_path(fs, inode, path);
	*timeout_s = 0;
	err = folder_stat(fs, area_of_folder(fs, path), path, st);
	if (!err)
		attributes_folder(fs, inode, st);
	return err;
}

/* `name` is in the folder of that area. If both have it, images/ counts. */
static bool list_name(struct fs *fs, enum seed_area area, const char *path, const char *name,
		      struct seed_buf *listing)
{
	char whole[FS_PATH_BYTES], thumb[FS_PATH_BYTES];
	size_t len = strlen(name);
	struct stat st, other;

	if (name[0] == '.' || !path_join(path, name, whole) || folder_stat(fs, area, whole, &st) != 0)
		return true;
	if (area == SEED_AREA_HISTORY && folder_stat(fs, SEED_AREA_IMAGES, whole, &other) == 0 &&
	    (other.st_mode & S_IFMT) == (st.st_mode & S_IFMT))
		return true;
	if (S_ISDIR(st.st_mode))
		return listing_add(listing, name, true);
	if (!S_ISREG(st.st_mode) || !path_stem(name, ".png", thumb) || !size_of(fs, version_of(&st)))
		return true;
	memcpy(thumb + len - SUFFIX_BYTES, SUFFIX, SUFFIX_BYTES + 1);
	return listing_add(listing, thumb, false);
}

static bool list_area(struct fs *fs, enum seed_area area, const char *path, struct seed_buf *listing)
{
	DIR *folder = listing_open(fs, area, path);
	const struct dirent *entry;
	bool ok = true;

	if (!folder)
		return true;
	while (ok && (entry = readdir(folder)) != NULL)
		ok = list_name(fs, area, path, entry->d_name, listing);
	closedir(folder);
	return ok;
}

/* Not what stands in one folder: of an image's own thumbnail, and of its versions'. */
static errint_t thumbs_list(struct fs *fs, const struct node_type *folder, const char *path,
			    struct seed_buf *listing)
{
	struct stat st;
	errint_t err = folder_stat(fs, area_of_folder(fs, path), path, &st);

	SEED_UNUSED(folder);
	if (err)
		return err;
	if (!listing_add(listing, ".", true) || !listing_add(listing, "..", true) ||
	    !list_area(fs, SEED_AREA_IMAGES, path, listing) ||
	    !list_area(fs, SEED_AREA_HISTORY, path, listing))
		return -ENOMEM;
	return 0;
}

/* ---- the files ---- */

static errint_t thumb_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			      double *timeout_s)
{
	off_t size = size_of(fs, inode->version);

	*timeout_s = 0;
	if (!size) /* removed with its image, while somebody reads it */
		SEED_UNUSED(handle_size(fs, inode, &size));
	attributes_made(fs, inode, size, inode->version.time, st);
	return 0;
}

static errint_t open_thumb(struct fs *fs, struct handle *handle)
{
	const struct version *version = &handle->inode->version;
	int fd = seed_store_thumb_open(fs->store, version->file, seed_clock_file_ns(&version->time));

	return fd < 0 ? fd : opened_keep(handle, fd, true);
}

static void thumb_open(struct fs *fs, fuse_req_t req, struct handle *handle);

static void made(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct handle *handle = context;
	char path[FS_PATH_BYTES], image[FS_PATH_BYTES];
	enum seed_area area;
	struct stat st;

	inode_path(fs, handle->inode, path);
	if (code == EAGAIN && find_image(fs, path, &area, image, &st) == 0)
		fetch_thumb(fs, req, handle, area, image, thumb_open);
	else
		reply_open(req, handle, code ? -code : open_thumb(fs, handle));
}

static void make(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	char path[FS_PATH_BYTES], image[FS_PATH_BYTES];
	struct seed_wait *wait;
	enum seed_area area;
	struct stat st;
	errint_t err;

	inode_path(fs, handle->inode, path);
	err = find_image(fs, path, &area, image, &st);
	if (err)
		reply_open(req, handle, err);
	else if (!(wait = waiting_new(fs, req, made, handle)))
		reply_open(req, handle, -ENOMEM);
	else if (seed_engine_thumb(fs->engine, area, image, wait))
		waiting_fail(wait, ENOMEM);
}

static void thumb_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	errint_t err = open_thumb(fs, handle);

	if (err == -ENOENT && fs->engine)
		make(fs, req, handle);
	else
		reply_open(req, handle, err);
}

const struct node_type thumbs_folder = {
	.is_folder = true,
	.getattr = thumbs_getattr,
	.lookup = thumbs_lookup,
	.list = thumbs_list,
};

const struct node_type thumb_file = {
	.getattr = thumb_getattr,
	.open = thumb_open,
	.read = file_read,
};
