/*
 * Names in the midst of a change. Files change hands one after the other, so for a moment an entry has
 * neither image nor row. Who opens the image waits, in order with the change; the record is what it was.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

/* `change` in the place of that of `old`; without a name: none. */
static void replace(struct seed_store *store, const char *old, struct seed_changing change)
{
	size_t i = 0;

	pthread_mutex_lock(&store->changing_mutex);
	while (i < SEED_ARRAY_LEN(store->changing) && store->changing[i].name != old)
		i++;
	if (i < SEED_ARRAY_LEN(store->changing)) {
		free(store->changing[i].row);
		store->changing[i] = change;
	} else { /* more than there are disk threads for: it is shown as missing */
		free(change.row);
	}
	pthread_mutex_unlock(&store->changing_mutex);
}

void seed_store_name_changes(struct seed_store *store, const char *name)
{
	struct seed_changing change = { .name = name };
	char path[SEED_STORE_PATH_BYTES];
	int area = store->areas[SEED_AREA_RECORDS];

	/* A folder has none, and so may a name. */
	if (seed_store_record_path(name, path) &&
	    seed_files_read(area, path, SEED_RECORD_MAX_BYTES, &change.row, &change.row_len) == 0 &&
	    fstatat(area, path, &change.st, AT_SYMLINK_NOFOLLOW) < 0)
		change.st = (struct stat){ 0 };
	replace(store, NULL, change);
}

void seed_store_name_changed(struct seed_store *store, const char *name)
{
	replace(store, name, (struct seed_changing){ 0 });
}

/* The row that NAME had before, malloc'd, and its file's size and times; NULL: none, or NAME is not
 * being changed. */
static char *old_row(struct seed_store *store, const char *name, size_t *len, struct stat *st)
{
	char *row = NULL;

	pthread_mutex_lock(&store->changing_mutex);
	for (size_t i = 0; i < SEED_ARRAY_LEN(store->changing) && !row; i++) {
		const struct seed_changing *change = &store->changing[i];

		if (!change->row || strcmp(change->name, name) != 0)
			continue;
		row = malloc(change->row_len + 1);
		if (row)
			memcpy(row, change->row, change->row_len + 1);
		*len = change->row_len;
		*st = change->st;
	}
	pthread_mutex_unlock(&store->changing_mutex);
	return row;
}

static bool is_or_holds(const char *changing, const char *name)
{
	size_t len = strlen(changing);

	return strncmp(changing, name, len) == 0 && (name[len] == '\0' || name[len] == '/');
}

bool seed_store_is_changing(struct seed_store *store, const char *name)
{
	bool found = false;

	pthread_mutex_lock(&store->changing_mutex);
	for (size_t i = 0; i < SEED_ARRAY_LEN(store->changing); i++)
		found |= store->changing[i].name && is_or_holds(store->changing[i].name, name);
	pthread_mutex_unlock(&store->changing_mutex);
	return found;
}

/* With its file's size and times. */
static errint_t read_row(const struct seed_store *store, const char *name, struct seed_record *record,
			 struct stat *st)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_store_record_read(store, name, record);

	if (!err && seed_store_record_path(name, path) &&
	    fstatat(store->areas[SEED_AREA_RECORDS], path, st, AT_SYMLINK_NOFOLLOW) < 0)
		err = errno == ENOENT ? -ENOENT : -EIO;
	return err;
}

errint_t seed_store_record_shown(struct seed_store *store, const char *name, struct seed_record *record,
				 struct stat *st)
{
	size_t len = 0;
	char *row;
	errint_t err = read_row(store, name, record, st);

	if (err != -ENOENT)
		return err;
	row = old_row(store, name, &len, st);
	if (row)
		return seed_store_row_parse(row, len, name, record);
	/* The change may have ended between the two looks. */
	seed_record_release(record);
	return read_row(store, name, record, st);
}
