/* The catalogue's steps: begin, finish, and what they are made of. */
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

errint_t seed_store_retire(struct seed_store *store, const char *name)
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
	return seed_files_move(store->areas[SEED_AREA_IMAGES], image,
			       store->areas[SEED_AREA_HISTORY], old);
}

struct version_list {
	char **names;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	unsigned p = history_number(*x), q = history_number(*y);

	return (p > q) - (p < q);
}

/* Best effort: a row without its versions is better than none. */
static void version_list_read(struct seed_store *store, const char *name,
			      struct version_list *list)
{
	DIR *dir = open_history(store, name);
	struct dirent *entry;

	*list = (struct version_list){ 0 };
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

static void version_list_release(struct version_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
}

errint_t seed_store_record_write(struct seed_store *store, const struct seed_record *record,
				 bool durable)
{
	char path[SEED_STORE_PATH_BYTES], temporary[SEED_PENDING_NAME_BYTES];
	struct seed_record row = *record; /* borrows everything */
	struct version_list versions;
	char *json;
	errint_t err;

	if (!seed_store_record_path(record->name, path))
		return -ENAMETOOLONG;
	row.id = NULL; /* without the journal's keys */
	version_list_read(store, record->name, &versions);
	json = seed_record_format(&row, (const char *const *)versions.names, versions.count);
	version_list_release(&versions);
	if (!json)
		return -ENOMEM;
	seed_store_pending_name(temporary, record->id, ".record");
	err = seed_files_replace(store->tmp, temporary, store->areas[SEED_AREA_RECORDS], path, json,
				 strlen(json), durable);
	free(json);
	return err;
}

static errint_t write_prompt(struct seed_store *store, const struct seed_record *record)
{
	char temporary[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(temporary, record->id, ".prompt");
	return seed_files_replace(store->tmp, temporary, store->areas[SEED_AREA_PROMPTS],
				  record->name, record->request, strlen(record->request), true);
}

errint_t seed_store_begin(struct seed_store *store, const struct seed_record *record)
{
	errint_t err;

	err = seed_store_journal(store, record);
	if (!err)
		err = write_prompt(store, record);
	if (!err)
		err = seed_store_retire(store, record->name);
	/* Not durable: until the end the journal's row can write it again. */
	if (!err)
		err = seed_store_record_write(store, record, false);
	return err;
}

/* The image's time is the moment it was verified, also after a recovery. */
static void stamp(int dirfd, const char *name, int64_t wall_ms)
{
	struct timespec times[2];

	times[0].tv_sec = times[1].tv_sec = (time_t)(wall_ms / 1000);
	times[0].tv_nsec = times[1].tv_nsec = (long)(wall_ms % 1000) * 1000000;
	utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

static errint_t place_image(struct seed_store *store, const struct seed_record *record,
			    bool superseded)
{
	char from[SEED_PENDING_NAME_BYTES], to[SEED_STORE_PATH_BYTES];
	errint_t err;

	seed_store_pending_name(from, record->id, ".png");
	/* Gone: an earlier try of this step moved it already. */
	if (faccessat(store->pending, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	stamp(store->pending, from, record->verified_ms);
	if (superseded) {
		err = seed_store_history_next(store, record->name, to);
		if (err)
			return err;
		return seed_files_move(store->pending, from, store->areas[SEED_AREA_HISTORY], to);
	}
	if (!seed_store_image_path(record->name, to))
		return -ENAMETOOLONG;
	return seed_files_move(store->pending, from, store->areas[SEED_AREA_IMAGES], to);
}

errint_t seed_store_finish(struct seed_store *store, const struct seed_record *record,
			   bool superseded)
{
	errint_t err = 0;

	if (record->state == SEED_STATE_VERIFIED) {
		err = seed_store_journal(store, record);
		if (!err)
			err = place_image(store, record, superseded);
	}
	if (!err && !superseded)
		err = seed_store_record_write(store, record, true);
	if (!err)
		seed_store_forget(store, record->id);
	return err;
}

errint_t seed_store_remove_prompt(struct seed_store *store, const char *name,
				  const struct seed_record *cancelled)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	errint_t err = 0;

	if (unlinkat(dirfd, name, 0) < 0)
		return -errno;
	if (cancelled)
		err = seed_store_record_write(store, cancelled, false);
	if (!err)
		err = seed_files_sync_parent(dirfd, name);
	return err;
}
