/* history/NAME/: earlier verified images, numbered, oldest first. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Numbers of "0001.png" … in an open folder. */
static unsigned history_number(const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (strspn(name, "0123456789") < 4 || strcmp(end, ".png") || number > 99999999)
		return 0;
	return (unsigned)number;
}

static DIR *open_history(struct seed_store *store, const char *name)
{
	int fd = openat(store->areas[SEED_AREA_HISTORY], name,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

errint_t seed_store_history_next(struct seed_store *store, const char *name,
				 char path[SEED_STORE_PATH_BYTES])
{
	DIR *dir = open_history(store, name);
	struct dirent *entry;
	unsigned last = 0;
	int len;

	if (!dir && errno != ENOENT)
		return -errno;
	while (dir && (entry = readdir(dir)) != NULL) {
		unsigned number = history_number(entry->d_name);

		if (number > last)
			last = number;
	}
	if (dir)
		closedir(dir);
	len = snprintf(path, SEED_STORE_PATH_BYTES, "%s/%04u.png", name, last + 1);
	return len < SEED_STORE_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

bool seed_store_version_row(const char *version, char path[SEED_STORE_PATH_BYTES])
{
	size_t len = strlen(version);

	if (len < 5 || len + 2 > SEED_STORE_PATH_BYTES)
		return false;
	memcpy(path, version, len - 4);
	memcpy(path + len - 4, ".json", sizeof(".json"));
	return true;
}

/* The row of the image that is being retired goes with it, so that it can be
 * restored whole. Best effort: the image is what counts. */
static void retire_row(struct seed_store *store, const char *name, const char *version)
{
	char row[SEED_STORE_PATH_BYTES], path[SEED_STORE_PATH_BYTES], id[SEED_STORE_ID_BYTES];
	char *json = NULL;
	size_t len;

	if (!seed_store_record_path(name, row) || !seed_store_version_row(version, path) ||
	    seed_files_read(store->areas[SEED_AREA_RECORDS], row, SEED_RECORD_MAX_BYTES, &json, &len))
		return;
	seed_store_new_id(store, id);
	if (seed_files_replace(store->tmp, id, store->areas[SEED_AREA_HISTORY], path, json, len,
			       false))
		unlinkat(store->areas[SEED_AREA_HISTORY], path, 0);
	free(json);
}

errint_t seed_store_retire(struct seed_store *store, const char *name,
			   char version[SEED_STORE_PATH_BYTES])
{
	char image[SEED_STORE_PATH_BYTES], old[SEED_STORE_PATH_BYTES];
	struct stat st;
	errint_t err;

	if (!seed_store_image_path(name, image))
		return -ENAMETOOLONG;
	if (fstatat(store->areas[SEED_AREA_IMAGES], image, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	err = seed_store_history_next(store, name, old);
	if (err)
		return err;
	err = seed_files_move(store->areas[SEED_AREA_IMAGES], image,
			      store->areas[SEED_AREA_HISTORY], old);
	if (err)
		return err;
	retire_row(store, name, old);
	seed_store_history_prune(store, name);
	if (version)
		memcpy(version, old, strlen(old) + 1);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	unsigned p = history_number(*x), q = history_number(*y);

	return (p > q) - (p < q);
}

/* Best effort: a row without its versions is better than none. */
void seed_versions_read(struct seed_store *store, const char *name,
			struct seed_versions *list)
{
	DIR *dir = open_history(store, name);
	struct dirent *entry;

	*list = (struct seed_versions){ 0 };
	while (dir && (entry = readdir(dir)) != NULL) {
		char **names;

		if (!history_number(entry->d_name))
			continue;
		names = realloc(list->names, (list->count + 1) * sizeof(names[0]));
		if (!names)
			break;
		list->names = names;
		names[list->count] = strdup(entry->d_name);
		if (!names[list->count])
			break;
		list->count++;
	}
	if (dir)
		closedir(dir);
	if (list->count)
		qsort(list->names, list->count, sizeof(list->names[0]), compare_names);
}

void seed_versions_release(struct seed_versions *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
}

static int unlink_version(struct seed_store *store, const char *version)
{
	char row[SEED_STORE_PATH_BYTES];

	if (unlinkat(store->areas[SEED_AREA_HISTORY], version, 0) < 0)
		return -errno;
	if (seed_store_version_row(version, row))
		unlinkat(store->areas[SEED_AREA_HISTORY], row, 0);
	return 0;
}

errint_t seed_store_version_remove(struct seed_store *store, const char *version)
{
	return unlink_version(store, version);
}

/* Moves a version's image, and its row where there is one. */
static errint_t move_version(struct seed_store *store, const char *from, const char *to)
{
	int dirfd = store->areas[SEED_AREA_HISTORY];
	char row[SEED_STORE_PATH_BYTES], new_row[SEED_STORE_PATH_BYTES];
	errint_t err = seed_files_move(dirfd, from, dirfd, to);

	if (!err && seed_store_version_row(from, row) && seed_store_version_row(to, new_row))
		renameat(dirfd, row, dirfd, new_row);
	return err;
}

void seed_store_history_prune(struct seed_store *store, const char *name)
{
	struct seed_versions list;
	char path[SEED_STORE_PATH_BYTES];

	if (store->keep < 0)
		return;
	seed_versions_read(store, name, &list);
	for (size_t i = 0; i + (size_t)store->keep < list.count; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", name, list.names[i]) < (int)sizeof(path))
			unlink_version(store, path);
	}
	seed_versions_release(&list);
}

errint_t seed_store_history_append(struct seed_store *store, const char *from, const char *to)
{
	int dirfd = store->areas[SEED_AREA_HISTORY];
	char old[SEED_STORE_PATH_BYTES], next[SEED_STORE_PATH_BYTES];
	struct seed_versions list;
	errint_t err = 0;

	seed_versions_read(store, from, &list);
	for (size_t i = 0; i < list.count && !err; i++) {
		if (snprintf(old, sizeof(old), "%s/%s", from, list.names[i]) >= (int)sizeof(old))
			err = -ENAMETOOLONG;
		if (!err)
			err = seed_store_history_next(store, to, next);
		if (!err)
			err = move_version(store, old, next);
	}
	seed_versions_release(&list);
	if (!err)
		unlinkat(dirfd, from, AT_REMOVEDIR); /* stays where folders are below it */
	return err;
}
