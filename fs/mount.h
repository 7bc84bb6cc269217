/* The session with the kernel. main() only. */
#ifndef SEED_FS_MOUNT_H
#define SEED_FS_MOUNT_H

#include "fs/fs.h"

/* Checks the mount point: a folder, made absolute. A dead mount that a crash left
 * ("Transport endpoint is not connected") is detached first. */
errint_t mount_prepare(struct options *options, struct seed_error *error) SEED_MUST_CHECK;

/* Checks /dev/fuse, and fusermount3 if it is needed: whether a mount can be made, or
 * what to do. */
errint_t mount_check_device(struct seed_error *error) SEED_MUST_CHECK;

/* Creates the session and mounts. `args`: what options_parse left. */
errint_t mount_start(struct fs *fs, const struct fuse_lowlevel_ops *ops, struct fuse_args *args,
		     struct seed_error *error) SEED_MUST_CHECK;

/* Serves until unmounted or told to end. */
errint_t mount_serve(struct fs *fs, struct seed_error *error) SEED_MUST_CHECK;

/* The kernel's first request is being answered, so the mount is there: tells those who
 * wait for it. Once, from whichever thread took that request. */
void mount_began(struct fs *fs);

/* Unmounts and frees the session; all requests must have been answered. */
void mount_end(struct fs *fs);

#endif
