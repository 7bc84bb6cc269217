/* The beginning, the end and the removal of an entry. */
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

/* ---- the beginning ---- */

static errint_t plan_begin(struct seed_store *store, struct seed_renames *list,
			   const struct seed_record *record)
{
	char row[SEED_STORE_PATH_BYTES], file[SEED_PENDING_NAME_BYTES];
	errint_t err;

	if (!seed_store_record_path(record->name, row))
		return -ENAMETOOLONG;
	err = seed_store_plan_retire(store, list, record->name, record->id);
	if (!err)
		err = seed_store_row_write(store, record, file, false);
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_INTO, SEED_PLACE_TMP, file,
				       SEED_AREA_RECORDS, row);
	/* Until the end the journal's row can write it again, and the prompt. */
	if (!err)
		list->items[list->count - 1].lazy = true;
	/* A callback's image may have no prompt. */
	if (err || record->request[0] == '\0')
		return err;
	seed_store_pending_name(file, record->id, ".prompt");
	err = seed_files_write_timed(store->tmp, file, record->request, strlen(record->request),
				     record->prompt_time, false);
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_LAST, SEED_PLACE_TMP, file,
				       SEED_AREA_PROMPTS, record->name);
	if (!err)
		list->items[list->count - 1].lazy = true;
	return err;
}

/* A row that had no image, put aside in case it must come back. */
static void drop_aside(struct seed_store *store, const char *id)
{
	char file[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(file, id, ".was");
	SEED_UNUSED(seed_files_unlink(store->pending, file));
}

static void drop_temporary(struct seed_store *store, const char *id)
{
	static const char *const suffixes[] = { ".record", ".prompt" };
	char file[SEED_PENDING_NAME_BYTES];

	for (size_t i = 0; i < SEED_ARRAY_LEN(suffixes); i++) {
		seed_store_pending_name(file, id, suffixes[i]);
		SEED_UNUSED(seed_files_unlink(store->tmp, file));
	}
}

/* Or nobody knows. What is no file is in the way of one, and is set aside where the row is removed. */
static bool has_row(struct seed_store *store, const char *id)
{
	char file[SEED_PENDING_NAME_BYTES];
	struct stat st;

	seed_store_pending_name(file, id, ".json");
	if (fstatat(store->pending, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode);
	return errno != ENOENT;
}

errint_t seed_store_begin(struct seed_store *store, const struct seed_record *record)
{
	struct seed_renames list = { 0 };
	errint_t err = seed_store_settle_name(store, record->name);
	bool was_journalled;

	if (err)
		return err;
	/* What an earlier mount has begun was committed: its row stays, and is begun when it can be. */
	was_journalled = has_row(store, record->id);
	err = plan_begin(store, &list, record);
	if (!err)
		err = seed_store_journal(store, record);
	seed_store_name_changes(store, record->name);
	if (!err)
		err = seed_renames_run(store, &list);
	/* The last fsync failed: what came before it is taken back all the same. */
	if (err && list.happened)
		SEED_UNUSED(seed_renames_undo(store, &list) == 0);
	seed_store_name_changed(store, record->name);
	seed_renames_release(&list);
	if (err) {
		drop_temporary(store, record->id);
		if (!was_journalled)
			seed_store_forget_later(store, record->id);
		return err;
	}
	drop_aside(store, record->id);
	seed_store_history_prune(store, record->name);
	seed_store_changed(store, record->name);
	return 0;
}

errint_t seed_store_take(struct seed_store *store, const struct seed_record *record)
{
	/* A row tells of one name: the checkpoint of the other would remove it. */
	errint_t err = seed_store_free_id(store, record->id);

	if (err)
		return err;
	return record->superseded ? seed_store_journal(store, record) : seed_store_begin(store, record);
}

/* ---- the end ---- */

/* Another host's verified image came first, of the same generation: what stands there
 * keeps the place of this picture. */
static errint_t drop_placeholder(struct seed_store *store, const struct seed_record *record,
				 const char *image)
{
	struct stat st;
	errint_t err;

	if (fstatat(store->areas[SEED_AREA_IMAGES], image, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !seed_store_is_placeholder(&st) || (uint64_t)st.st_size != record->image.bytes)
		return 0;
	err = seed_store_image_unlink(store, store->areas[SEED_AREA_IMAGES], image);
	return err == -ENOENT ? 0 : err;
}

/* There should be nothing at images/NAME.png: it was retired at the beginning. If
 * there is, it is kept; the row no longer belongs to it. */
static errint_t plan_place(struct seed_store *store, struct seed_renames *list,
			   const struct seed_record *record, const char *from)
{
	char image[SEED_STORE_PATH_BYTES], version[SEED_STORE_PATH_BYTES];
	int is_there;
	errint_t err;

	if (!seed_store_image_path(record->name, image))
		return -ENAMETOOLONG;
	err = drop_placeholder(store, record, image);
	if (err)
		return err;
	is_there = seed_files_has_file(store->areas[SEED_AREA_IMAGES], image);
	if (is_there < 0)
		return is_there;
	if (is_there && !seed_files_are_same(store->pending, from, store->areas[SEED_AREA_IMAGES],
					     image)) {
		err = seed_store_history_next(store, record->name, version);
		if (!err)
			err = seed_renames_add(list, SEED_RENAME_ROW, SEED_AREA_IMAGES, image,
					       SEED_AREA_HISTORY, version);
	}
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_IMAGE, SEED_PLACE_PENDING, from,
				       SEED_AREA_IMAGES, image);
	if (!err)
		list->items[list->count - 1].link = list->items[list->count - 1].lazy = true;
	return err;
}

/* Moves the image to its place, or to the history with its row. */
static errint_t plan_image(struct seed_store *store, struct seed_renames *list,
			   const struct seed_record *record, bool superseded)
{
	char from[SEED_PENDING_NAME_BYTES], file[SEED_PENDING_NAME_BYTES];
	char to[SEED_STORE_PATH_BYTES], row[SEED_STORE_PATH_BYTES];
	int is_there;
	errint_t err;

	seed_store_pending_name(from, record->id, ".png");
	/* Gone, or a new row's: an earlier try of this step moved it already. */
	is_there = seed_files_has_bytes(store->pending, from);
	if (is_there <= 0)
		return is_there;
	SEED_UNUSED(seed_store_stamp(store->pending, from, record->verified_ms));
	if (!superseded)
		return plan_place(store, list, record, from);
	err = seed_store_history_next(store, record->name, to);
	/* An earlier try moved it; only its removal from pending/ was not durable. */
	if (!err && seed_store_is_last_version(store, record->name, store->pending, from))
		return 0;
	if (!err && !seed_store_version_row(to, row))
		err = -ENAMETOOLONG;
	if (!err)
		err = seed_store_row_write(store, record, file, true);
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_ROW, SEED_PLACE_TMP, file,
				       SEED_AREA_HISTORY, row);
	return err ? err : seed_renames_add(list, SEED_RENAME_LAST, SEED_PLACE_PENDING, from,
					    SEED_AREA_HISTORY, to);
}

/* The journal has the outcome, and the catalogue is made durable later, with others'. */
static bool at_checkpoint(const struct seed_record *record, bool superseded)
{
	return record->state == SEED_STATE_VERIFIED && !superseded;
}

static errint_t plan_finish(struct seed_store *store, struct seed_renames *list,
			    const struct seed_record *record, bool superseded)
{
	char row[SEED_STORE_PATH_BYTES], file[SEED_PENDING_NAME_BYTES];
	errint_t err = 0;

	if (record->state == SEED_STATE_VERIFIED)
		err = plan_image(store, list, record, superseded);
	if (err || superseded)
		return err;
	if (!seed_store_record_path(record->name, row))
		return -ENAMETOOLONG;
	err = seed_store_row_write(store, record, file, !at_checkpoint(record, superseded));
	if (!err)
		err = seed_renames_add(list, SEED_RENAME_LAST, SEED_PLACE_TMP, file,
				       SEED_AREA_RECORDS, row);
	if (!err)
		list->items[list->count - 1].lazy = at_checkpoint(record, superseded);
	return err;
}

errint_t seed_store_finish(struct seed_store *store, const struct seed_record *record,
			   bool superseded)
{
	struct seed_renames list = { 0 };
	errint_t err = seed_store_settle_name(store, record->name);

	if (err)
		return err;
	/* First: a file in the image's place does not make the image less verified. */
	if (record->state == SEED_STATE_VERIFIED)
		err = seed_store_journal(store, record);
	if (!err)
		err = plan_finish(store, &list, record, superseded);
	if (!err)
		err = seed_renames_run(store, &list);
	seed_renames_release(&list);
	if (!err && at_checkpoint(record, superseded))
		err = seed_store_finished(store, record);
	else if (!err && !superseded)
		err = seed_store_prompt_sync(store, record);
	if (err)
		drop_temporary(store, record->id);
	else if (superseded)
		seed_store_history_prune(store, record->name);
	if (!err)
		seed_store_changed(store, record->name);
	return err || at_checkpoint(record, superseded) ? err : seed_store_forget(store, record->id);
}

/* ---- removal ---- */

/* The row of what runs says first that the prompt is being removed: one that is
 * missing without this has only not been durable. What is verified goes on without
 * a prompt. */
static errint_t mark_removal(struct seed_store *store, const struct seed_record *before,
			     const struct seed_record *cancelled)
{
	static char none[] = "";
	struct seed_record row = *before; /* borrows everything */
	errint_t err;

	row.request = none;
	err = seed_store_journal(store, before->state == SEED_STATE_VERIFIED ? &row : cancelled);
	/* The row goes soon after; until then a stop brings the prompt back. */
	return err == -ENOSPC || err == -EDQUOT ? 0 : err;
}

/* A removal that fails is taken back. */
static errint_t remove_marked(struct seed_store *store, const char *name,
			      const struct seed_record *cancelled)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	char file[SEED_PENDING_NAME_BYTES];
	struct seed_record before;
	errint_t err;

	if (!cancelled || !seed_files_exists(dirfd, name))
		return seed_files_remove(dirfd, name);
	seed_store_pending_name(file, cancelled->id, ".json");
	err = seed_store_pending_read(store, file, &before);
	if (!err)
		err = mark_removal(store, &before, cancelled);
	if (!err) {
		err = seed_files_remove(dirfd, name);
		if (err)
			SEED_UNUSED(seed_store_journal(store, &before) == 0);
	} else if (err == -ENOENT) { /* it has not begun */
		err = seed_files_remove(dirfd, name);
	}
	seed_record_release(&before);
	return err;
}

errint_t seed_store_remove_prompt(struct seed_store *store, const char *name,
				  const struct seed_record *cancelled)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	char row[SEED_STORE_PATH_BYTES];
	errint_t err = seed_store_settle_name(store, name);

	if (err)
		return err;
	err = remove_marked(store, name, cancelled);
	if (err)
		return err;
	/* An image that is there came at the same moment: the row belongs to it. Without
	 * space for the row the prompt is removed all the same; no row is better than
	 * one that is generating for ever. */
	if (cancelled && !seed_store_has_image(store, name) &&
	    seed_store_record_write(store, cancelled, false) && seed_store_record_path(name, row))
		SEED_UNUSED(seed_files_unlink(store->areas[SEED_AREA_RECORDS], row));
	seed_store_changed(store, name);
	return seed_files_sync_parent(dirfd, name);
}

errint_t seed_store_prompt_write(struct seed_store *store, const char *name, const char *text,
				 struct timespec mtime)
{
	errint_t err = seed_store_settle_name(store, name);

	return err ? err : seed_store_prompt_place(store, name, text, mtime);
}

errint_t seed_store_remove_empty(struct seed_store *store, const char *name)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	struct stat st;
	errint_t err = seed_store_settle_name(store, name);

	if (err)
		return err;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && st.st_size == 0 ? seed_files_remove(dirfd, name) : 0;
}

errint_t seed_store_remove_file(struct seed_store *store, enum seed_area area, const char *path)
{
	errint_t err = seed_store_settle_name(store, NULL);

	if (err)
		return err;
	if (area == SEED_AREA_HISTORY)
		err = seed_store_version_remove(store, path);
	else if (area == SEED_AREA_IMAGES)
		err = seed_store_image_unlink(store, store->areas[area], path);
	else
		err = seed_files_remove(store->areas[area], path);
	if (!err)
		seed_store_file_changed(store, area, path);
	return err;
}
