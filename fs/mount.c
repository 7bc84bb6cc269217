#include "fs/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- the mount point ---- */

static errint_t run_fusermount(const char *mountpoint)
{
	char program[] = "fusermount3", flags[] = "-uz", dashes[] = "--";
	char *target = strdup(mountpoint);
	char *argv[] = { program, flags, dashes, target, NULL };
	int status = 0;
	pid_t pid;
	int err;

	if (!target)
		return -ENOMEM;
	err = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	free(target);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static errint_t detach(const char *mountpoint)
{
	if (geteuid() == 0)
		return umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	return run_fusermount(mountpoint);
}

/* A dead mount may still answer stat() out of the kernel's memory; statfs() always
 * asks. */
static bool is_dead(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTCONN;
	return statvfs(path, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

errint_t mount_prepare(struct options *options, struct seed_error *error)
{
	const char *given = options->mountpoint;
	struct stat st;
	char *full;

	if (is_dead(given)) {
		errint_t err = detach(given);

		if (err)
			return seed_error_set(error, -err, "%s: a dead mount is there and cannot be "
					      "detached: %s", given, strerror(-err));
		fprintf(stderr, "seedfs: %s: detached a dead mount\n", given);
	}
	if (stat(given, &st) < 0)
		return seed_error_set(error, errno, "mount point %s: %s", given, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return seed_error_set(error, ENOTDIR, "mount point %s: not a directory", given);
	full = realpath(given, NULL);
	if (!full)
		return seed_error_set(error, errno, "mount point %s: %s", given, strerror(errno));
	free(options->mountpoint);
	options->mountpoint = full;
	return 0;
}

/* ---- the session ---- */

static bool add_mount_options(struct fs *fs, struct fuse_args *args)
{
	const struct options *options = &fs->options;
	char *list = NULL, *name = NULL;
	bool ok;

	ok = fuse_opt_add_opt(&list, "default_permissions") == 0 &&
	     fuse_opt_add_opt(&list, "subtype=seedfs") == 0 &&
	     asprintf(&name, "fsname=%s", options->source ? options->source : "seedfs") >= 0 &&
	     fuse_opt_add_opt_escaped(&list, name) == 0;
	if (ok && options->allow_other)
		ok = fuse_opt_add_opt(&list, "allow_other") == 0;
	if (ok && options->ro)
		ok = fuse_opt_add_opt(&list, "ro") == 0;
	if (ok && options->debug)
		ok = fuse_opt_add_opt(&list, "debug") == 0;
	/* Before what the user gave, which may name its own fsname. */
	ok = ok && fuse_opt_insert_arg(args, 1, "-o") == 0 &&
	     fuse_opt_insert_arg(args, 2, list) == 0;
	free(name);
	free(list);
	return ok;
}

/* An administrator's limit on how long a request may take would abort the
 * whole mount in the middle of a generation. */
static void warn_request_timeout(struct fs *fs)
{
	static const char *const files[] = {
		"/proc/sys/fs/fuse/default_request_timeout",
		"/proc/sys/fs/fuse/max_request_timeout",
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(files); i++) {
		char text[32] = "";
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		long limit = n > 0 ? strtol(text, NULL, 10) : 0;

		if (fd >= 0)
			close(fd);
		if (limit > 0 && limit < 2 * fs->options.timeout)
			seed_log_line(fs->log, NULL, SEED_LOG_ERROR "%s is %ld s: the kernel will abort "
				      "this mount when a generation takes longer; set it to 0",
				      files[i], limit);
	}
}

errint_t mount_start(struct fs *fs, struct fuse_args *args, struct seed_error *error)
{
	if (!add_mount_options(fs, args))
		return seed_error_set(error, ENOMEM, "out of memory");
	fs->session = fuse_session_new(args, &seedfs_ops, sizeof(seedfs_ops), fs);
	if (!fs->session)
		return seed_error_set(error, EINVAL, "libfuse refuses these options");
	if (fuse_set_signal_handlers(fs->session) != 0)
		return seed_error_set(error, EIO, "cannot set signal handlers");
	if (fuse_session_mount(fs->session, fs->options.mountpoint) != 0)
		return seed_error_set(error, EIO, "cannot mount at %s", fs->options.mountpoint);
	warn_request_timeout(fs);
	return 0;
}

errint_t mount_serve(struct fs *fs)
{
	struct fuse_loop_config *config;
	int result;

	if (fs->options.single_threaded) {
		result = fuse_session_loop(fs->session);
	} else {
		config = fuse_loop_cfg_create();
		if (!config)
			return -ENOMEM;
		result = fuse_session_loop_mt(fs->session, config);
		fuse_loop_cfg_destroy(config);
	}
	/* A positive result is the signal that asked us to end. */
	return result < 0 ? result : 0;
}

void mount_end(struct fs *fs)
{
	if (!fs->session)
		return;
	fuse_remove_signal_handlers(fs->session);
	fuse_session_unmount(fs->session);
	fuse_session_destroy(fs->session);
	fs->session = NULL;
}
