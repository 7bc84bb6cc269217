/*
 * Renames of entries and folders: several renames (renames.h), so they are journalled
 * first in pending/ID.move. The prompt moves last: until then the change has not
 * happened, and the next start takes it back.
 */
#include "lib/base/text.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

bool seed_store_renamed(const char *name, const char *from, const char *to, bool folder,
			char out[SEED_STORE_PATH_BYTES])
{
	size_t len = strlen(from);
	const char *rest = name + len;

	if (strncmp(name, from, len) != 0 || (folder ? *rest != '/' : *rest != '\0'))
		return false;
	return snprintf(out, SEED_STORE_PATH_BYTES, "%s%s", to, rest) < SEED_STORE_PATH_BYTES;
}

/* -ENAMETOOLONG if the path, which is below `from`, would be too long or too deep
 * below the folder `to`. */
static errint_t check_moved(const char *path, const char *from, const char *to)
{
	char moved[SEED_STORE_PATH_BYTES];
	int len = snprintf(moved, sizeof(moved), "%s%s", to, path + strlen(from));

	if (len >= (int)sizeof(moved) || seed_text_check_stored_name(moved) == -ENAMETOOLONG)
		return -ENAMETOOLONG;
	return 0;
}

/* ---- the journal's rows of generations in flight ---- */

static errint_t plan_pending_row(struct seed_store *store, struct seed_renames *list,
				 const char *id, struct seed_record *row, const char *name)
{
	char next[SEED_PENDING_NAME_BYTES], was[SEED_PENDING_NAME_BYTES];
	char old[SEED_PENDING_NAME_BYTES];
	errint_t err = seed_record_set(&row->name, name);

	(void)snprintf(next, sizeof(next), "%s-%zu.new", id, list->count);
	(void)snprintf(was, sizeof(was), "%s-%zu.was", id, list->count);
	seed_store_pending_name(old, row->id, ".json");
	if (!err)
		err = seed_store_pending_line(store, next, row, false);
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_ROW, SEED_PLACE_PENDING, old,
				       SEED_PLACE_PENDING, was);
	return err ? err : seed_renames_add(list, SEED_RENAME_INTO, SEED_PLACE_PENDING, next,
					    SEED_PLACE_PENDING, old);
}

static bool is_below(const char *name, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(name, folder, len) == 0 && name[len] == '/';
}

/* Writes it under the new name. The file is named after `id`, and removed if it
 * is not used. */
static errint_t plan_pending(struct seed_store *store, struct seed_renames *list, const char *id,
			     const char *from, const char *to, bool folder)
{
	char name[SEED_STORE_PATH_BYTES];
	struct seed_names rows;
	struct seed_record row;
	errint_t err = seed_store_pending_list(store, ".json", &rows);

	for (size_t i = 0; i < rows.count && !err; i++) {
		err = seed_store_pending_read(store, rows.names[i], &row);
		if (seed_store_is_no_row(err)) { /* which is not this rename's business */
			seed_record_release(&row);
			err = 0;
			continue;
		}
		if (!err && folder && is_below(row.name, from))
			err = check_moved(row.name, from, to);
		if (!err && seed_store_renamed(row.name, from, to, folder, name)) {
			/* Whether the move has happened is told by the prompt. */
			err = seed_store_prompt_sync(store, &row);
			if (!err)
				err = plan_pending_row(store, list, id, &row, name);
		} else if (!err && !folder && strcmp(row.name, to) == 0 && !row.superseded) {
			/* What runs for the target gives way, whichever is newer. */
			row.superseded = true;
			err = plan_pending_row(store, list, id, &row, to);
		}
		seed_record_release(&row);
	}
	seed_names_release(&rows);
	return err;
}

/* ---- entries ---- */

static errint_t plan_file(struct seed_store *store, struct seed_renames *list, int area,
			  const char *from, const char *to)
{
	int is_there = seed_files_exists(store->areas[area], from);

	return is_there <= 0 ? is_there :
	       seed_renames_add(list, SEED_RENAME_INTO, area, from, area, to);
}

static errint_t plan_entry(struct seed_store *store, struct seed_renames *list, const char *id,
			   const char *from, const char *to)
{
	char image[SEED_STORE_PATH_BYTES], row[SEED_STORE_PATH_BYTES];
	char new_image[SEED_STORE_PATH_BYTES], new_row[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (!seed_store_image_path(from, image) || !seed_store_image_path(to, new_image) ||
	    !seed_store_record_path(from, row) || !seed_store_record_path(to, new_row))
		return -ENAMETOOLONG;
	err = seed_store_plan_retire(store, list, to, id);
	if (!err)
		err = seed_store_plan_history(store, list, from, to);
	if (!err)
		err = plan_file(store, list, SEED_AREA_IMAGES, image, new_image);
	if (!err)
		err = plan_file(store, list, SEED_AREA_RECORDS, row, new_row);
	if (!err)
		err = plan_pending(store, list, id, from, to, false);
	return err ? err : seed_renames_add(list, SEED_RENAME_LAST, SEED_AREA_PROMPTS, from,
					    SEED_AREA_PROMPTS, to);
}

/* ---- folders ---- */

/* 1, 0 or -errno. */
static int is_empty_folder(int dirfd, const char *path)
{
	struct seed_names found;
	errint_t err = seed_files_list(dirfd, path, &found);
	int empty = found.count == 0;

	seed_names_release(&found);
	return err ? err : empty;
}

/* A name below the folder must stay valid under the folder's new name. What
 * a file of an area has behind NAME is cut off; versions are no names. */
static errint_t check_below(struct seed_store *store, int area, const char *path,
			    const char *from, const char *to)
{
	static const size_t suffix_bytes[SEED_AREA_COUNT] = {
		[SEED_AREA_IMAGES] = sizeof(".png") - 1, [SEED_AREA_RECORDS] = sizeof(".json") - 1,
	};
	char child[SEED_STORE_PATH_BYTES];
	struct seed_names found;
	errint_t err = seed_files_list(store->areas[area], path, &found);

	if (err)
		return err == -ENOENT ? 0 : err;
	for (size_t i = 0; i < found.count && !err; i++) {
		const char *name = found.names[i];
		size_t len = (size_t)snprintf(child, sizeof(child), "%s/%s", path, name);

		if (len >= sizeof(child)) {
			err = -ENAMETOOLONG;
		} else if (seed_files_is_folder(store->areas[area], child)) {
			err = check_moved(child, from, to);
			if (!err)
				err = check_below(store, area, child, from, to);
		} else if (area != SEED_AREA_HISTORY && strlen(name) > suffix_bytes[area]) {
			child[len - suffix_bytes[area]] = '\0';
			err = check_moved(child, from, to);
		}
	}
	seed_names_release(&found);
	return err;
}

/* rename(2) takes an empty target's place; anything in it refuses. */
static errint_t plan_target(struct seed_store *store, struct seed_renames *list, int area,
			    const char *id, const char *to)
{
	char was[SEED_PENDING_NAME_BYTES];
	int empty = is_empty_folder(store->areas[area], to);

	if (empty < 0)
		return empty == -ENOENT ? 0 : empty;
	if (!empty)
		return -ENOTEMPTY;
	(void)snprintf(was, sizeof(was), "%s-%d.was", id, area);
	return seed_renames_add(list, SEED_RENAME_ROW, area, to, SEED_PLACE_PENDING, was);
}

/* What outlived the prompts of an earlier folder or entry with the target's name:
 * what is in `from` is put beside it. */
static errint_t plan_beside(struct seed_store *store, struct seed_renames *list, int area,
			    const char *from, const char *to)
{
	char old[SEED_STORE_PATH_BYTES], next[SEED_STORE_PATH_BYTES];
	struct seed_names found;
	errint_t err = seed_files_list(store->areas[area], from, &found);

	if (err)
		return err == -ENOENT ? 0 : err;
	for (size_t i = 0; i < found.count && !err; i++) {
		if (snprintf(old, sizeof(old), "%s/%s", from, found.names[i]) >= (int)sizeof(old) ||
		    snprintf(next, sizeof(next), "%s/%s", to, found.names[i]) >= (int)sizeof(next))
			err = -ENAMETOOLONG;
		else if (seed_files_exists(store->areas[area], next) != 0)
			err = -ENOTEMPTY;
		else
			err = seed_renames_add(list, SEED_RENAME_INTO, area, old, area, next);
	}
	seed_names_release(&found);
	return err;
}

errint_t seed_store_may_move_folder(struct seed_store *store, const char *from, const char *to)
{
	errint_t err = 0;
	int empty;

	for (int area = 0; area < SEED_AREA_COUNT && !err; area++)
		err = check_below(store, area, from, from, to);
	empty = err ? 0 : is_empty_folder(store->areas[SEED_AREA_PROMPTS], to);
	if (empty < 0)
		return empty == -ENOENT ? 0 : empty;
	return err || empty ? err : -ENOTEMPTY;
}

static errint_t plan_folder(struct seed_store *store, struct seed_renames *list, const char *id,
			    const char *from, const char *to)
{
	static const enum seed_area order[] = {
		SEED_AREA_HISTORY, SEED_AREA_IMAGES, SEED_AREA_RECORDS,
	};
	errint_t err = seed_store_may_move_folder(store, from, to);

	if (!err)
		err = plan_target(store, list, SEED_AREA_PROMPTS, id, to);
	for (size_t i = 0; i < SEED_ARRAY_LEN(order) && !err; i++) {
		err = plan_target(store, list, (int)order[i], id, to);
		if (err == -ENOTEMPTY)
			err = plan_beside(store, list, (int)order[i], from, to);
		else if (!err)
			err = plan_file(store, list, (int)order[i], from, to);
	}
	if (!err)
		err = plan_pending(store, list, id, from, to, true);
	return err ? err : seed_renames_add(list, SEED_RENAME_LAST, SEED_AREA_PROMPTS, from,
					    SEED_AREA_PROMPTS, to);
}

/* ---- */

static errint_t run_move(struct seed_store *store, const char *from, const char *to, bool folder)
{
	struct seed_renames list = { 0 };
	char id[SEED_STORE_ID_BYTES];
	int is_there;
	errint_t err = seed_store_settle_name(store, NULL);

	if (err)
		return err;
	is_there = seed_files_exists(store->areas[SEED_AREA_PROMPTS], from);
	if (is_there <= 0)
		return is_there ? is_there : -ENOENT;
	seed_store_new_id(store, id);
	err = folder ? plan_folder(store, &list, id, from, to) :
		       plan_entry(store, &list, id, from, to);
	seed_store_name_changes(store, from);
	seed_store_name_changes(store, to);
	err = seed_store_run_list(store, id, &list, err);
	seed_store_name_changed(store, from);
	seed_store_name_changed(store, to);
	return err;
}

errint_t seed_store_move_entry(struct seed_store *store, const char *from, const char *to)
{
	errint_t err = run_move(store, from, to, false);

	/* Removes what is empty now; folders that contain something else stay. */
	SEED_UNUSED(seed_files_rmdir(store->areas[SEED_AREA_HISTORY], err ? to : from));
	if (!err) {
		seed_store_history_prune(store, to);
		seed_store_changed(store, from);
		seed_store_changed(store, to);
	}
	return err;
}

errint_t seed_store_move_folder(struct seed_store *store, const char *from, const char *to)
{
	errint_t err = run_move(store, from, to, true);

	if (err)
		return err;
	/* Where it went beside what was there. */
	for (int area = 0; area < SEED_AREA_COUNT; area++)
		SEED_UNUSED(seed_files_rmdir(store->areas[area], from));
	seed_store_changed(store, NULL);
	return 0;
}
