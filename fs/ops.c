/* The table of FUSE operations: each finds the node's type and its operation
 * there, or answers for a type that does not have it. */
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/mount.h"
#include "fs/scratch.h"
#include "lib/base/text.h"

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	struct handle *handle = (struct handle *)(uintptr_t)fi->fh;

	assert(handle->magic == HANDLE_MAGIC);
	return handle;
}

/* ---- all nodes ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;

	/* Text is judged and committed as it is written, by whom it is written. */
	conn->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	if (conn->capable & FUSE_CAP_SPLICE_WRITE)
		conn->want |= FUSE_CAP_SPLICE_WRITE;
	mount_began(fs);
}

/* `away`: whether the name is known is for the store to say, which did not answer. */
static void lookup_now(struct fs *fs, fuse_req_t req, struct inode *folder, const char *name, int away)
{
	struct found found = { .caller = fs_caller(req) };
	char path[FS_PATH_BYTES];
	errint_t err;

	inode_path(fs, folder, path);
	err = folder->type->lookup(fs, folder->type, path, name, &found);
	if (err) {
		stale_end(fs, req);
		fuse_reply_err(req, err == -ENOENT && away ? away : -err);
	} else {
		reply_found(fs, req, &found);
	}
	scratch_unref(fs, found.scratch);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct inode *folder = inode_of(fs, parent);

	if (!refresh_lookup(fs, req, folder, name, lookup_now))
		lookup_now(fs, req, folder, name, 0);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct fs *fs = fs_of(req);

	inode_forget(fs, inode_of(fs, ino), count);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_of(req);

	for (size_t i = 0; i < count; i++)
		inode_forget(fs, inode_of(fs, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(fs, ino);

	if (inode->type->getattr_later)
		inode->type->getattr_later(fs, req, inode, fi ? handle_of(fi) : NULL);
	else
		reply_attributes(fs, req, inode, 0);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(fs, ino);

	if (inode->type->setattr)
		inode->type->setattr(fs, req, inode, st, to_set, fi ? handle_of(fi) : NULL);
	else
		fuse_reply_err(req, EROFS);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct statvfs st;

	SEED_UNUSED(ino);
	if (fstatvfs(seed_store_root(fs->store), &st) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = SEED_NAME_PART_MAX_BYTES;
	fuse_reply_statfs(req, &st);
}

/* `size` is the caller's room; 0: it asks how much it needs. */
static void reply_xattr(fuse_req_t req, errint_t err, const char *value, size_t len, size_t size)
{
	if (err)
		fuse_reply_err(req, -err);
	else if (size == 0)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(fs, ino);
	char value[SEED_URL_MAX_BYTES];
	size_t len = 0;
	errint_t err = -ENODATA;

	/* No access lists and no labels at all: so `ls -l` asks once, not for each file. */
	if (strncmp(name, "system.", 7) == 0 || strcmp(name, "security.selinux") == 0)
		err = -EOPNOTSUPP;
	else if (inode->type->getxattr && xattr_is_ours(name))
		err = inode->type->getxattr(fs, req, inode, name, value, sizeof(value), &len);
	reply_xattr(req, err, value, len, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(fs, ino);
	char names[1024];
	size_t len = 0;
	errint_t err = 0;

	/* The empty name lists. */
	if (inode->type->getxattr)
		err = inode->type->getxattr(fs, req, inode, "", names, sizeof(names), &len);
	reply_xattr(req, err, names, len, size);
}

/* The attributes user.seed.… belong to the mount, like owners and modes: removing one
 * from a prompt succeeds and changes nothing, so that rsync -X does no work for unchanged
 * files. There are no others. */
static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct inode *inode = inode_of(fs_of(req), ino);

	if (!inode->type->getxattr || !xattr_is_ours(name))
		fuse_reply_err(req, ENODATA);
	else
		fuse_reply_err(req, inode->type->write ? 0 : EROFS);
}

/* ---- files ---- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(fs, ino);
	struct handle *handle;

	if (!inode->type->open)
		fuse_reply_err(req, EISDIR);
	else if ((fi->flags & O_ACCMODE) != O_RDONLY && !inode->type->write)
		fuse_reply_err(req, EROFS);
	else if (!(handle = handle_new(req, inode, fi)))
		fuse_reply_err(req, ENOMEM);
	else
		inode->type->open(fs, req, handle);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);

	SEED_UNUSED(ino);
	handle->inode->type->read(fs_of(req), req, handle, size, offset);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);

	SEED_UNUSED(ino);
	if (handle->inode->type->write)
		handle->inode->type->write(fs_of(req), req, handle, data, size, offset);
	else
		fuse_reply_err(req, EROFS);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);

	SEED_UNUSED(ino);
	/* Never ENOSYS: the kernel would stop sending flushes for all files. */
	if (handle->inode->type->flush)
		handle->inode->type->flush(fs_of(req), req, handle, fi->lock_owner);
	else
		fuse_reply_err(req, 0);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);

	SEED_UNUSED(ino);
	SEED_UNUSED(datasync);
	if (handle->inode->type->fsync)
		handle->inode->type->fsync(fs_of(req), req, handle);
	else
		fuse_reply_err(req, 0);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);

	SEED_UNUSED(ino);
	if (handle->inode->type->release)
		handle->inode->type->release(fs_of(req), handle);
	else
		handle_free(handle);
	fuse_reply_err(req, 0);
}

/* ---- folders ---- */

/* All names of a folder are taken at once: a listing is the state of one moment, and
 * names in memory and on disk need no common order. */
static void list_now(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct inode *inode = handle->inode;
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	reply_open(req, handle, held_list(handle, path));
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *handle = handle_new(req, inode_of(fs, ino), fi);

	if (!handle)
		fuse_reply_err(req, ENOMEM);
	else if (!refresh_listing(fs, req, handle, list_now))
		list_now(fs, req, handle);
}

/* d_ino is st_ino, so that whoever lists need not stat. */
static uint64_t number_of_name(struct fs *fs, struct inode *folder, const char *path,
			       const char *name)
{
	struct found found = { .type = folder->type };
	uint64_t number = 1; /* gone since the listing was taken */
	char *slash;

	if (strcmp(name, ".") == 0)
		return folder->number;
	if (strcmp(name, "..") == 0) {
		snprintf(found.path, sizeof(found.path), "%s", path);
		slash = strrchr(found.path, '/');
		if (!slash) /* an area, or the top itself */
			return fs->root->number;
		*slash = '\0';
		return inode_number(fs, &found);
	}
	if (folder->type->lookup(fs, folder->type, path, name, &found) == 0)
		number = inode_number(fs, &found);
	scratch_unref(fs, found.scratch);
	return number;
}

/* A part of a listing that is being filled for the kernel. */
struct filling {
	fuse_req_t req;
	struct fs *fs;
	struct inode *folder;
	char path[FS_PATH_BYTES];
	char *data;
	size_t size, used;
	struct inode **given; /* with a look-up each, which count; NULL: names only */
	size_t given_count;
};

/* The inode that stands at a name now, looked up; NULL: names there are not kept. */
static struct inode *look_up_kept(struct filling *filling, const char *name,
				  struct fuse_entry_param *entry)
{
	const struct node_type *type = filling->folder->type;
	struct found found = { .type = NULL };
	struct inode *inode;

	if (!type->is_kept || !filling->given || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    type->lookup(filling->fs, type, filling->path, name, &found) != 0 ||
	    (!found.type->is_folder && !found.version.file))
		return NULL;
	inode = inode_get(filling->fs, &found);
	if (inode && entry_fill(filling->fs, &found, inode, entry) != 0) {
		inode_forget(filling->fs, inode, 1);
		inode = NULL;
	}
	return inode;
}

/* False: it does not fit any more. */
static bool fill_name(struct filling *filling, const char *name, bool is_folder, size_t next)
{
	struct fuse_entry_param entry;
	struct inode *inode = look_up_kept(filling, name, &entry);
	char *to = filling->data + filling->used;
	size_t room = filling->size - filling->used, len;

	if (!inode) {
		entry = (struct fuse_entry_param){ .ino = 0 };
		entry.attr.st_ino = number_of_name(filling->fs, filling->folder, filling->path, name);
		entry.attr.st_mode = is_folder ? S_IFDIR : S_IFREG;
	}
	len = filling->given ?
		fuse_add_direntry_plus(filling->req, to, room, name, &entry, (off_t)next) :
		fuse_add_direntry(filling->req, to, room, name, &entry.attr, (off_t)next);
	if (len > room) {
		if (inode)
			inode_forget(filling->fs, inode, 1);
		return false;
	}
	filling->used += len;
	if (inode)
		filling->given[filling->given_count++] = inode;
	return true;
}

/* Offsets are those of the snapshot's buffer: of the next name. What a name is now is
 * looked up here, not when the folder was opened. */
static void fill(struct filling *filling, const struct seed_buf *listing, off_t offset)
{
	size_t at = offset < 0 ? listing->len_bytes : (size_t)offset;

	inode_path(filling->fs, filling->folder, filling->path);
	while (at < listing->len_bytes) {
		const char *name = listing->data + at + 1;
		size_t next = at + strlen(name) + 2;

		if (!fill_name(filling, name, listing->data[at] == 'd', next))
			break;
		at = next;
	}
	if (fuse_reply_buf(filling->req, filling->data, filling->used) != -ENOENT)
		return;
	for (size_t i = 0; i < filling->given_count; i++)
		inode_forget(filling->fs, filling->given[i], 1);
}

/* What an entry takes at least, in a listing with attributes. */
#define ENTRY_LEAST_BYTES 128

static void read_folder(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			struct fuse_file_info *fi, bool plus)
{
	struct filling filling = { .req = req, .fs = fs_of(req), .size = size };

	filling.folder = inode_of(filling.fs, ino);
	filling.data = malloc(size ? size : 1);
	if (plus)
		filling.given = calloc(size / ENTRY_LEAST_BYTES + 1, sizeof(filling.given[0]));
	if (filling.data && (filling.given || !plus))
		fill(&filling, &handle_of(fi)->listing, offset);
	else
		fuse_reply_err(req, ENOMEM);
	free(filling.given);
	free(filling.data);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	read_folder(req, ino, size, offset, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			   struct fuse_file_info *fi)
{
	read_folder(req, ino, size, offset, fi, true);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	SEED_UNUSED(ino);
	handle_free(handle_of(fi));
	fuse_reply_err(req, 0);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	SEED_UNUSED(ino);
	SEED_UNUSED(datasync);
	SEED_UNUSED(fi);
	/* What is in a folder was made durable when it came there. */
	fuse_reply_err(req, 0);
}

/* The type of a folder and its path. */
static const struct node_type *folder_of(fuse_req_t req, fuse_ino_t ino, char path[FS_PATH_BYTES])
{
	struct fs *fs = fs_of(req);
	struct inode *folder = inode_of(fs, ino);

	inode_path(fs, folder, path);
	return folder->type;
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	char path[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);

	if (type->create)
		type->create(fs_of(req), req, path, name, mode, fi);
	else
		fuse_reply_err(req, EROFS);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	char path[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);

	if (type->unlink)
		type->unlink(fs_of(req), req, type, path, name);
	else
		fuse_reply_err(req, EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	char path[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);

	SEED_UNUSED(mode);
	if (type->mkdir)
		type->mkdir(fs_of(req), req, path, name);
	else
		fuse_reply_err(req, EROFS);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	char path[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);

	if (type->rmdir)
		type->rmdir(fs_of(req), req, type, path, name);
	else
		fuse_reply_err(req, EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned flags)
{
	char path[FS_PATH_BYTES], new_path[FS_PATH_BYTES], from[FS_PATH_BYTES], to[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);
	const struct node_type *new_type = folder_of(req, new_parent, new_path);

	if (!path_join(path, name, from) || !path_join(new_path, new_name, to))
		fuse_reply_err(req, ENAMETOOLONG);
	else if (type->rename)
		type->rename(fs_of(req), req, from, new_type, to, flags);
	else
		fuse_reply_err(req, EROFS);
}

/* What cannot exist here: EPERM, which programs expect; they do not expect ENOSYS. */
static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	char path[FS_PATH_BYTES];
	const struct node_type *type = folder_of(req, parent, path);

	SEED_UNUSED(rdev);
	if (S_ISREG(mode) && type->mknod)
		type->mknod(fs_of(req), req, path, name, mode);
	else
		fuse_reply_err(req, EPERM);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	SEED_UNUSED(target);
	SEED_UNUSED(parent);
	SEED_UNUSED(name);
	fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	SEED_UNUSED(ino);
	SEED_UNUSED(parent);
	SEED_UNUSED(name);
	fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops seedfs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.symlink = op_symlink,
	.link = op_link,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.create = op_create,
};
