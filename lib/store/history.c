/* history/NAME/: earlier verified images, numbered, oldest first. */
#include "lib/store/files.h"
#include "lib/store/internal.h"

#define NUMBER_MAX 99999999

/* Numbers of "0001.png" … in an open folder. */
static unsigned history_number(const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (strspn(name, "0123456789") < 4 || strcmp(end, ".png") || number > NUMBER_MAX)
		return 0;
	return (unsigned)number;
}

static bool is_row_name(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits >= 4 && strcmp(name + digits, ".json") == 0;
}

errint_t seed_store_history_next(struct seed_store *store, const char *name,
				 char path[SEED_STORE_PATH_BYTES])
{
	struct seed_versions list;
	errint_t err = seed_versions_read(store, name, &list);
	unsigned last = 0;

	if (!err && list.count)
		last = history_number(list.names[list.count - 1]);
	seed_versions_release(&list);
	/* A number that does not count would be given again, and its version be overwritten. */
	if (!err && last == NUMBER_MAX) {
		seed_store_note(store, "history/%s has a version %u: no later one has a number; remove that one",
				name, last);
		err = -EFBIG;
	}
	if (!err && snprintf(path, SEED_STORE_PATH_BYTES, "%s/%04u.png", name, last + 1) >=
	    SEED_STORE_PATH_BYTES)
		err = -ENAMETOOLONG;
	return err;
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

static errint_t plan_row(struct seed_store *store, struct seed_renames *list, const char *row,
			 const char *version, const char *id)
{
	char path[SEED_PENDING_NAME_BYTES];
	char to[SEED_STORE_PATH_BYTES];
	int has_row = seed_files_has_file(store->areas[SEED_AREA_RECORDS], row);

	if (has_row <= 0)
		return has_row;
	if (!version) {
		seed_store_pending_name(path, id, ".was");
		return seed_renames_add(list, SEED_RENAME_ROW, SEED_AREA_RECORDS, row,
					SEED_PLACE_PENDING, path);
	}
	if (!seed_store_version_row(version, to))
		return -ENAMETOOLONG;
	return seed_renames_add(list, SEED_RENAME_ROW, SEED_AREA_RECORDS, row, SEED_AREA_HISTORY, to);
}

errint_t seed_store_plan_retire(struct seed_store *store, struct seed_renames *list,
				const char *name, const char *id)
{
	char image[SEED_STORE_PATH_BYTES], row[SEED_STORE_PATH_BYTES];
	char version[SEED_STORE_PATH_BYTES];
	int has_image;
	errint_t err;

	if (!seed_store_image_path(name, image) || !seed_store_record_path(name, row))
		return -ENAMETOOLONG;
	has_image = seed_files_has_file(store->areas[SEED_AREA_IMAGES], image);
	if (has_image >= 0 && seed_files_has_file(store->areas[SEED_AREA_HISTORY], name) == 1)
		return -ENOTDIR; /* another entry's version is there: NAME's has no place */
	if (has_image < 0)
		return has_image;
	if (has_image && seed_store_is_last_version(store, name, store->areas[SEED_AREA_IMAGES],
						    image)) {
		/* Cut off before: only its removal was not durable. */
		err = seed_files_unlink(store->areas[SEED_AREA_IMAGES], image);
		if (err)
			return err;
		has_image = 0;
	}
	if (!has_image)
		return plan_row(store, list, row, NULL, id);
	err = seed_store_history_next(store, name, version);
	if (!err)
		err = plan_row(store, list, row, version, id);
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_IMAGE, SEED_AREA_IMAGES, image,
				       SEED_AREA_HISTORY, version);
	return err;
}

static int compare_numbers(const void *a, const void *b)
{
	unsigned p = history_number(*(const char *const *)a);
	unsigned q = history_number(*(const char *const *)b);

	return (p > q) - (p < q);
}

/* Only the versions of what is in the folder; the rest is dropped. */
static void keep_versions(struct seed_versions *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		char *name = list->names[i];

		if (history_number(name)) {
			list->names[kept++] = name;
			continue;
		}
		list->others = list->others || (name[0] != '.' && !is_row_name(name));
		free(name);
	}
	list->count = kept;
	if (kept)
		qsort(list->names, kept, sizeof(list->names[0]), compare_numbers);
}

errint_t seed_versions_read(const struct seed_store *store, const char *name,
			    struct seed_versions *list)
{
	struct seed_names found;
	errint_t err = seed_files_list(store->areas[SEED_AREA_HISTORY], name, &found);

	*list = (struct seed_versions){ .names = found.names, .count = found.count };
	keep_versions(list);
	return err == -ENOENT || err == -ENOTDIR ? 0 : err;
}

void seed_versions_release(struct seed_versions *list)
{
	seed_names_release(&(struct seed_names){ list->names, list->count });
	*list = (struct seed_versions){ 0 };
}

/* A row that is left without its image is harmless: a version's row is believed
 * only if it names the image (seed_store_restore). */
errint_t seed_store_version_remove(struct seed_store *store, const char *version)
{
	int dirfd = store->areas[SEED_AREA_HISTORY];
	char row[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (!seed_store_version_row(version, row))
		return -ENAMETOOLONG;
	if (seed_files_exists(dirfd, version) == 0)
		return -ENOENT;
	err = seed_store_image_unlink(store, dirfd, version);
	if (err == -ENOENT)
		err = 0;
	if (!err)
		err = seed_files_sync_parent(dirfd, version);
	return err ? err : seed_files_unlink(dirfd, row);
}

bool seed_store_is_last_version(const struct seed_store *store, const char *name, int dirfd,
				const char *picture)
{
	struct seed_versions list;
	char path[SEED_STORE_PATH_BYTES];
	bool is = false;

	if (seed_versions_read(store, name, &list))
		return false;
	if (list.count && snprintf(path, sizeof(path), "%s/%s", name,
				   list.names[list.count - 1]) < (int)sizeof(path))
		is = seed_files_are_same(dirfd, picture, store->areas[SEED_AREA_HISTORY],
					 path);
	seed_versions_release(&list);
	return is;
}

void seed_store_history_prune(struct seed_store *store, const char *name)
{
	struct seed_versions list;
	char path[SEED_STORE_PATH_BYTES];

	if (store->keep < 0 || seed_versions_read(store, name, &list))
		return;
	for (size_t i = 0; i + (size_t)store->keep < list.count; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", name, list.names[i]) < (int)sizeof(path))
			SEED_UNUSED(seed_store_version_remove(store, path) == 0);
	}
	seed_versions_release(&list);
}

/* Moves a version's image, and its row if there is one, to the next number. */
static errint_t plan_version(struct seed_store *store, struct seed_renames *list, const char *old,
			     const char *next)
{
	char row[SEED_STORE_PATH_BYTES], next_row[SEED_STORE_PATH_BYTES];
	int has_row;
	errint_t err = 0;

	if (!seed_store_version_row(old, row) || !seed_store_version_row(next, next_row))
		return -ENAMETOOLONG;
	has_row = seed_files_exists(store->areas[SEED_AREA_HISTORY], row);
	if (has_row < 0)
		return has_row;
	if (has_row)
		err = seed_renames_add(list, SEED_RENAME_INTO, SEED_AREA_HISTORY, row,
				       SEED_AREA_HISTORY, next_row);
	return err ? err : seed_renames_add(list, SEED_RENAME_INTO, SEED_AREA_HISTORY, old,
					    SEED_AREA_HISTORY, next);
}

static errint_t plan_versions(struct seed_store *store, struct seed_renames *list,
			      const struct seed_versions *versions, const char *from,
			      const char *to, unsigned first)
{
	char old[SEED_STORE_PATH_BYTES], next[SEED_STORE_PATH_BYTES];
	errint_t err = 0;

	for (size_t i = 0; i < versions->count && !err; i++) {
		if (snprintf(old, sizeof(old), "%s/%s", from, versions->names[i]) >= (int)sizeof(old) ||
		    snprintf(next, sizeof(next), "%s/%04zu.png", to, first + i) >= (int)sizeof(next))
			return -ENAMETOOLONG;
		err = plan_version(store, list, old, next);
	}
	return err;
}

errint_t seed_store_plan_history(struct seed_store *store, struct seed_renames *list,
				 const char *from, const char *to)
{
	int has_target = seed_files_exists(store->areas[SEED_AREA_HISTORY], to);
	char next[SEED_STORE_PATH_BYTES];
	struct seed_versions versions;
	unsigned first;
	errint_t err;

	if (has_target < 0)
		return has_target;
	err = seed_versions_read(store, from, &versions);
	if (!err)
		err = seed_store_history_next(store, to, next);
	if (err || !versions.count)
		goto out;
	first = history_number(strrchr(next, '/') + 1);
	if (versions.count > NUMBER_MAX - first) {
		err = -EFBIG;
		goto out;
	}
	/* The list so far retires the target's image, if anything, to that number. */
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].stage == SEED_RENAME_IMAGE)
			first++, has_target = 1;
	if (!has_target && !versions.others)
		err = seed_renames_add(list, SEED_RENAME_INTO, SEED_AREA_HISTORY, from,
				       SEED_AREA_HISTORY, to);
	else
		err = plan_versions(store, list, &versions, from, to, first);
out:
	seed_versions_release(&versions);
	return err;
}

char *seed_store_record_text(struct seed_store *store, const char *name, struct stat *st, errint_t *err)
{
	static const char *const none[] = { NULL };
	struct seed_versions versions = { 0 };
	struct seed_record record;
	char *text = NULL;

	*err = seed_store_record_shown(store, name, &record, st);
	if (!*err)
		*err = seed_versions_read(store, name, &versions);
	if (!*err) {
		text = seed_record_format(&record, versions.count ?
					  (const char *const *)versions.names : none,
					  versions.count);
		if (!text)
			*err = -ENOMEM;
	}
	seed_versions_release(&versions);
	seed_record_release(&record);
	return text;
}
