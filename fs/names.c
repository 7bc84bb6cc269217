/*
 * What the kernel keeps of images/: the names of folders and of verified images for
 * a second, a version's attributes for ever (it is an inode of its own), a folder's
 * for a second. Every other name is asked for each time.
 *
 * A name that is kept may be another's by now. So who arrives by it is served what is
 * there, whichever inode it led to (images.c):
 *
 *   - OPEN opens what stands at the path. If that is not the inode's version, the answer
 *     is ESTALE, for which the kernel walks the path again and asks for each part.
 *   - GETATTR and GETXATTR look, too, and give the same answer. GETATTR is sent once the
 *     attributes have been taken back, which names_changed() does while the change is made:
 *     before any answer to who asked for the change.
 *
 * Only attributes are taken back. To take a name back, the kernel takes its folder's
 * lock, which look-ups and removals hold while they wait for us: a thread that sits
 * in that call when the program is killed keeps the connection open, and all of
 * them would wait for ever.
 */
#include "fs/fs.h"

#define ROOM 256

static void take_back(struct fs *fs, const fuse_ino_t *ids, size_t count)
{
	/* -ENOENT: the kernel has forgotten it meanwhile. */
	for (size_t i = 0; i < count; i++)
		fuse_lowlevel_notify_inval_inode(fs->session, ids[i], -1, 0);
}

static void take_back_at(struct fs *fs, const struct node_type *type, const char *path)
{
	fuse_ino_t ids[ROOM];

	take_back(fs, ids, inodes_at(fs, type, path, ids, ROOM));
}

static void take_back_all(struct fs *fs)
{
	struct inodes_walk walk = { .size = 0 };
	fuse_ino_t ids[ROOM];
	size_t count;

	while ((count = inodes_kept(fs, &walk, ids, ROOM)) > 0)
		take_back(fs, ids, count);
}

void names_changed(void *context, const char *name)
{
	struct fs *fs = context;
	char path[FS_PATH_BYTES];
	char *slash;

	if (!name) {
		take_back_all(fs);
		return;
	}
	if (seed_store_image_path(name, path))
		take_back_at(fs, &image_file, path);
	take_back_at(fs, &images_folder, name);
	snprintf(path, sizeof(path), "%s", name);
	slash = strrchr(path, '/');
	*(slash ? slash : path) = '\0';
	take_back_at(fs, &images_folder, path);
}
