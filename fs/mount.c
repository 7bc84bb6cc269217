#include "fs/daemon.h"
#include "fs/mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/mman.h>
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

/* A dead mount may still answer stat() from the kernel's memory; statfs() always
 * asks the mount. */
static bool is_dead(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTCONN;
	return statvfs(path, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int count = 0;

	if (!folder)
		return true; /* whoever may not look may still mount */
	while (count <= 2 && (entry = readdir(folder)) != NULL)
		count++;
	closedir(folder);
	return count <= 2; /* . and .. */
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
	if (stat(given, &st) < 0 && errno == ENOENT)
		return seed_error_set(error, ENOENT, "mount point %s: there is no such directory; make "
				      "it first: mkdir -p %s", given, given);
	if (stat(given, &st) < 0)
		return seed_error_set(error, errno, "mount point %s: %s", given, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return seed_error_set(error, ENOTDIR, "mount point %s: not a directory; name an empty "
				      "one", given);
	if (!is_empty(given))
		fprintf(stderr, "seedfs: mount point %s is not empty: its contents are hidden "
			"while it is mounted\n", given);
	full = realpath(given, NULL);
	if (!full)
		return seed_error_set(error, errno, "mount point %s: %s", given, strerror(errno));
	free(options->mountpoint);
	options->mountpoint = full;
	return 0;
}

/* ---- the session ---- */

static bool has_fusermount(void)
{
	const char *path = getenv("PATH");
	char file[4096];

	while (path && *path) {
		int len = (int)strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/fusermount3", len, path);
		if (access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	/* libfuse knows where its own was installed. */
	return access("/usr/bin/fusermount3", X_OK) == 0 || access("/bin/fusermount3", X_OK) == 0;
}

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
	/* Before the user's options, which may have their own fsname. */
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

#define IN_A_CONTAINER "in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN"

/* What libfuse would say in two lines, the useful one first. */
errint_t mount_check_device(struct seed_error *error)
{
	struct stat st;
	int fd;

	if (stat("/dev/fuse", &st) < 0 && errno == ENOENT)
		return seed_error_set(error, ENOENT, "/dev/fuse is missing: as root, modprobe fuse; "
				      IN_A_CONTAINER);
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return seed_error_set(error, errno, "/dev/fuse cannot be opened: %s; %s", strerror(errno),
				      errno == EACCES ? "as root, chmod 666 /dev/fuse; " IN_A_CONTAINER :
				      IN_A_CONTAINER);
	close(fd);
	if (!S_ISCHR(st.st_mode))
		return seed_error_set(error, ENODEV, "/dev/fuse is not a device: as root, rm /dev/fuse "
				      "and mknod -m 666 /dev/fuse c 10 229");
	if (geteuid() != 0 && !has_fusermount())
		return seed_error_set(error, ENOENT, "fusermount3 is missing or not executable, and only "
				      "root can mount without it: apt-get install fuse3");
	return 0;
}

/* The first line of what was written there, without the program's name. */
static void first_line(int fd, char *line, size_t size)
{
	ssize_t n = pread(fd, line, size - 1, 0);
	char *start;

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	start = strstr(line, ": ");
	if (start && (strncmp(line, "fuse", 4) == 0))
		memmove(line, start + 2, strlen(start + 2) + 1);
}

/* libfuse and fusermount3 write to standard error why a mount fails; that becomes
 * part of our one line. */
static errint_t mount_session(struct fs *fs, struct seed_error *error)
{
	int said = fs->options.debug ? -1 : memfd_create("stderr", MFD_CLOEXEC);
	int kept = said < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char line[256] = "", device[32];
	int result;

	if (kept >= 0)
		dup2(said, STDERR_FILENO);
	/* libfuse serves an existing mount by this name. */
	snprintf(device, sizeof(device), "/dev/fd/%d", fs->device);
	result = fuse_session_mount(fs->session,
				    fs->device >= 0 ? device : fs->options.mountpoint);
	if (kept >= 0) {
		dup2(kept, STDERR_FILENO);
		close(kept);
		first_line(said, line, sizeof(line));
	}
	if (said >= 0)
		close(said);
	if (result == 0)
		return 0;
	/* These words are all that libfuse reports. */
	return seed_error_set(error, strstr(line, strerror(EAGAIN)) ? EAGAIN : EIO,
			      "cannot mount at %s: %s%s", fs->options.mountpoint,
			      line[0] ? line : "libfuse does not say why",
			      strstr(line, "not permitted") ? "; " IN_A_CONTAINER : "");
}

errint_t mount_start(struct fs *fs, const struct fuse_lowlevel_ops *ops, struct fuse_args *args,
		     struct seed_error *error)
{
	errint_t err;

	if (!add_mount_options(fs, args))
		return seed_error_set(error, ENOMEM, "out of memory");
	fs->session = fuse_session_new(args, ops, sizeof(*ops), fs);
	if (!fs->session)
		return seed_error_set(error, EINVAL, "libfuse refuses these options");
	if (fuse_set_signal_handlers(fs->session) != 0)
		return seed_error_set(error, EIO, "cannot set signal handlers");
	err = fs->device >= 0 ? 0 : mount_check_device(error);
	if (!err)
		err = mount_session(fs, error);
	return err;
}

void mount_began(struct fs *fs)
{
	fs->serving = true;
	fuse_set_log_func(NULL);
	seed_log_line(fs->log, NULL, "Mounted at %s: provider %s, %dx%d", fs->options.mountpoint,
		      fs->options.service->name, fs->options.size.width, fs->options.size.height);
	daemon_ready(fs->options.foreground);
}

/* If nothing can be served, our one line says why. */
static void say_nothing(enum fuse_log_level level, const char *format, va_list arguments)
{
	SEED_UNUSED(level);
	SEED_UNUSED(format);
	SEED_UNUSED(arguments);
}

errint_t mount_serve(struct fs *fs, struct seed_error *error)
{
	struct fuse_loop_config *config;
	int result;

	warn_request_timeout(fs);
	if (!fs->options.debug)
		fuse_set_log_func(say_nothing);
	if (fs->options.single_threaded) {
		result = fuse_session_loop(fs->session);
	} else {
		config = fuse_loop_cfg_create();
		if (!config)
			return seed_error_set(error, ENOMEM, "out of memory");
		result = fuse_session_loop_mt(fs->session, config);
		fuse_loop_cfg_destroy(config);
	}
	if (result >= 0)
		return 0; /* a positive one is the signal that asked us to end */
	if (!fs->serving) /* libfuse's loop has failed before its first thread */
		return seed_error_set(error, EAGAIN, "cannot start a thread: %s", strerror(EAGAIN));
	return seed_error_set(error, -result, "the session ended: %s", strerror(-result));
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
