#include "lib/store/store.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

#define ANY_LINKS ((nlink_t)-1)
/* Whoever fills the names that end in .bad, too, wants no mount. */
#define ASIDE_MAX 99

const char *const seed_place_names[SEED_PLACE_COUNT] = {
	[SEED_AREA_PROMPTS] = "prompts",
	[SEED_AREA_IMAGES] = "images",
	[SEED_AREA_RECORDS] = "records",
	[SEED_AREA_HISTORY] = "history",
	[SEED_PLACE_PENDING] = "pending",
	[SEED_PLACE_TMP] = "tmp",
	[SEED_PLACE_LOG] = "log",
	[SEED_PLACE_REUSE] = "reuse",
	[SEED_PLACE_THUMBS] = "thumbs",
};

int seed_store_area(const struct seed_store *store, enum seed_area area)
{
	return store->areas[area];
}

int seed_store_log_dir(const struct seed_store *store)
{
	return store->log;
}

int seed_store_root(const struct seed_store *store)
{
	return store->root;
}
/* Prompts are there to be paid for, and a name in it leads to a file: whoever
 * may write in it is trusted with both. */
static errint_t check_owner(int root, const char *path, struct seed_error *error)
{
	uid_t uid = geteuid();
	struct stat st;

	if (fstat(root, &st) < 0)
		return seed_error_set(error, errno, "state directory %s: %s", path, strerror(errno));
	if (st.st_uid != uid)
		return seed_error_set(error, EPERM, "state directory %s belongs to user %ld, not to %ld; "
				      "chown -R %ld '%s', or name another with -o state=DIR", path,
				      (long)st.st_uid, (long)uid, (long)uid, path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return seed_error_set(error, EPERM, "state directory %s can be written by others; "
				      "chmod go-w '%s', or name another with -o state=DIR", path,
				      path);
	return 0;
}

static errint_t refuse_root(errint_t err, const char *path, struct seed_error *error)
{
	return seed_error_set(error, -err, "state directory %s: %s; name a writable one with "
			      "-o state=DIR", path, strerror(-err));
}

static bool is_link(int fd, uid_t *owner)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	*owner = st.st_uid;
	return S_ISLNK(st.st_mode);
}

/* As the kernel may do in folders that everybody may write in, a link that somebody else
 * made is not followed: it leads to where he likes. `found` is what is looked at and opened; a
 * link that is ours, or root's, nobody else can replace in such a folder. */
static errint_t enter_root(int found, const char *path, int *root, struct seed_error *error)
{
	uid_t owner;

	if (!is_link(found, &owner))
		*root = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else if (owner && owner != geteuid())
		return seed_error_set(error, EPERM, "state directory %s is a link that belongs to user "
				      "%ld; name the directory itself with -o state=DIR", path, (long)owner);
	else
		*root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*root >= 0 && faccessat(*root, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return refuse_root(-errno, path, error);
}

errint_t seed_store_find_root(const char *path, int *root, struct seed_error *error)
{
	int found = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	errint_t err;

	if (found < 0)
		return refuse_root(-errno, path, error);
	err = enter_root(found, path, root, error);
	close(found);
	return err ? err : check_owner(*root, path, error);
}

static errint_t open_root(struct seed_store *store, const char *path, struct seed_error *error)
{
	errint_t err;

	if (path[0] == '\0')
		return seed_error_set(error, EINVAL, "state directory: the path is empty");
	/* What is made is durable before anything is told to be in it. */
	err = seed_files_make_parents(AT_FDCWD, path);
	if (!err)
		err = seed_files_mkdir(AT_FDCWD, path, 0700);
	if (err && err != -EEXIST)
		return refuse_root(err, path, error);
	return seed_store_find_root(path, &store->root, error);
}

/* A name for what is set aside; nothing that was is replaced. */
static errint_t find_aside(int dirfd, const char *name, char *aside, size_t size)
{
	struct stat st;

	(void)snprintf(aside, size, "%s.bad", name);
	for (int n = 2; n <= ASIDE_MAX + 1; n++) {
		if (fstatat(dirfd, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : -errno;
		(void)snprintf(aside, size, "%s.bad%d", name, n);
	}
	return -EEXIST;
}

errint_t seed_store_set_aside(int dirfd, const char *name, const char *stem, char *aside, size_t size)
{
	errint_t err = find_aside(dirfd, stem, aside, size);

	return err ? err : seed_files_rename(dirfd, name, dirfd, aside);
}

errint_t seed_store_keep_clear(struct seed_store *store, int dirfd, const char *name, mode_t type,
			       nlink_t most_links)
{
	char aside[64];
	struct stat st;
	errint_t err;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if ((st.st_mode & S_IFMT) == type && st.st_nlink <= most_links)
		return 0;
	err = seed_store_set_aside(dirfd, name, name, aside, sizeof(aside));
	if (!err)
		seed_store_note(store, "%s in the state directory is not a %s: set aside as %s", name,
				type == S_IFDIR ? "folder" : "file of its own", aside);
	return err;
}

static void read_holder(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static errint_t take_lock(struct seed_store *store, const char *path, struct seed_error *error)
{
	char holder[32];
	struct stat st;
	int len;
	errint_t err = seed_store_keep_clear(store, store->root, "lock", S_IFREG, ANY_LINKS);

	if (err)
		return seed_error_set(error, -err, "state directory %s: lock: %s", path,
				      strerror(-err));
	store->lock = openat(store->root, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock < 0)
		return seed_error_set(error, errno, "state directory %s: lock: %s", path,
				      strerror(errno));
	if (flock(store->lock, LOCK_EX | LOCK_NB) < 0) {
		read_holder(store->lock, holder, sizeof(holder));
		return seed_error_set(error, EBUSY,
				      "state directory %s is in use by process %s; unmount that one, "
				      "or name another with -o state=DIR", path, holder);
	}
	/* Another name of it may be somebody's file. It locks all the same: one that is
	 * held must not be set aside. */
	if (fstat(store->lock, &st) == 0 && st.st_nlink > 1)
		return 0;
	len = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
	err = ftruncate(store->lock, 0) < 0 ? -errno :
	      seed_io_write(store->lock, holder, (size_t)len);
	return err ? seed_error_set(error, -err, "state directory %s: lock: %s", path,
				    strerror(-err)) : 0;
}

static errint_t open_folder(struct seed_store *store, const char *path, const char *name, int *fd,
			    struct seed_error *error)
{
	errint_t err = seed_store_keep_clear(store, store->root, name, S_IFDIR, ANY_LINKS);

	if (!err)
		err = seed_files_mkdir(store->root, name, 0700);
	if (!err || err == -EEXIST) {
		*fd = openat(store->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		err = *fd < 0 ? -errno : 0;
	}
	return err ? seed_error_set(error, -err, "state directory %s: %s: %s", path, name,
				    strerror(-err)) : 0;
}

bool seed_store_is_of_id(const char *name)
{
	return strspn(name, "0123456789abcdef") >= SEED_STORE_ID_BYTES - 1;
}

static void sweep(int dirfd)
{
	struct seed_names found;

	if (seed_files_list(dirfd, ".", &found))
		return;
	/* Of a folder that was taken for ours by mistake, as of a home, nothing goes. */
	for (size_t i = 0; i < found.count; i++)
		if (seed_store_is_of_id(found.names[i]))
			SEED_UNUSED(seed_files_unlink(dirfd, found.names[i]));
	seed_names_release(&found);
}

static errint_t open_folders(struct seed_store *store, const char *path, struct seed_error *error)
{
	errint_t err = 0;

	for (size_t i = 0; i < SEED_PLACE_COUNT && !err; i++)
		err = open_folder(store, path, seed_place_names[i], &store->places[i], error);
	if (err)
		return err;
	/* The areas themselves, before anything is durable in them; and what
	 * the log would wait for or refuse. */
	err = seed_files_sync_parent(store->root, "lock");
	if (!err)
		err = seed_store_keep_clear(store, store->log, "status", S_IFREG, 1);
	return err ? seed_error_set(error, -err, "state directory %s: %s", path, strerror(-err)) : 0;
}

errint_t seed_store_open(const char *path, struct seed_store **out, struct seed_error *error)
{
	struct seed_store *store = calloc(1, sizeof(*store));
	pthread_condattr_t monotonic;
	errint_t err;

	if (!store)
		return seed_error_set(error, ENOMEM, "out of memory");
	store->root = store->lock = -1;
	for (size_t i = 0; i < SEED_PLACE_COUNT; i++)
		store->places[i] = -1;
	pthread_mutex_init(&store->spent_mutex, NULL);
	pthread_mutex_init(&store->settle_mutex, NULL);
	pthread_mutex_init(&store->changing_mutex, NULL);
	pthread_mutex_init(&store->checkpoint_mutex, NULL);
	pthread_mutex_init(&store->finished_mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&store->finished_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	seed_store_changes_init(store);
	store->keep = -1;
	/* Ids are times only so that they differ between state directories. */
	atomic_store(&store->last_id, (uint64_t)seed_clock_wall_ms() << 12);
	if (getrandom(&store->id_salt, sizeof(store->id_salt), GRND_NONBLOCK) < 0)
		store->id_salt = (uint64_t)getpid();
	store->id_salt &= 0xfff;
	err = open_root(store, path, error);
	if (!err)
		err = take_lock(store, path, error);
	if (!err)
		err = open_folders(store, path, error);
	if (err) {
		seed_store_close(store);
		return err;
	}
	sweep(store->tmp);
	*out = store;
	return 0;
}

void seed_store_note(struct seed_store *store, const char *format, ...)
{
	char text[SEED_MESSAGE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (store->reporter)
		seed_log_line(store->reporter, NULL, SEED_LOG_ERROR "%s", text);
	else if (store->note_count < SEED_ARRAY_LEN(store->notes))
		store->notes[store->note_count++] = strdup(text);
}

void seed_store_report_to(struct seed_store *store, struct seed_log *log)
{
	store->reporter = log;
	for (size_t i = 0; i < store->note_count; i++)
		if (store->notes[i])
			seed_log_line(log, NULL, SEED_LOG_ERROR "%s", store->notes[i]);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void stop_checkpoints(struct seed_store *store)
{
	pthread_mutex_lock(&store->finished_mutex);
	store->closing = true;
	pthread_cond_signal(&store->finished_cond);
	pthread_mutex_unlock(&store->finished_mutex);
	if (store->has_checkpointer)
		pthread_join(store->checkpointer, NULL);
}

void seed_store_close(struct seed_store *store)
{
	if (!store)
		return;
	stop_checkpoints(store);
	for (size_t i = 0; i < store->note_count; i++)
		free(store->notes[i]);
	for (size_t i = 0; i < store->finished_count; i++)
		free(store->finished[i].name);
	free(store->finished);
	for (size_t i = 0; i < SEED_PLACE_COUNT; i++)
		close_fd(store->places[i]);
	/* The lock file stays: removing it would race with the next holder. */
	close_fd(store->lock);
	close_fd(store->root);
	pthread_mutex_destroy(&store->spent_mutex);
	pthread_mutex_destroy(&store->settle_mutex);
	pthread_mutex_destroy(&store->changing_mutex);
	pthread_mutex_destroy(&store->checkpoint_mutex);
	pthread_mutex_destroy(&store->finished_mutex);
	pthread_cond_destroy(&store->finished_cond);
	pthread_mutex_destroy(&store->changes.mutex);
	free(store);
}

void seed_store_keep(struct seed_store *store, int64_t versions)
{
	store->keep = versions;
}

void seed_store_new_id(struct seed_store *store, char id[SEED_STORE_ID_BYTES])
{
	uint64_t now = (uint64_t)seed_clock_wall_ms() << 12 | store->id_salt;
	uint64_t last = atomic_load(&store->last_id), next;

	do {
		next = last + 1 > now ? last + 1 : now;
	} while (!atomic_compare_exchange_weak(&store->last_id, &last, next));
	snprintf(id, SEED_STORE_ID_BYTES, "%016llx", (unsigned long long)next);
}
