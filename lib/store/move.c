/*
 * Renames of entries and folders: several renames, so journalled first in
 * pending/ID.move. The prompt (or the prompts' folder) moves last: while it
 * still stands under the old name, the rename has not happened yet.
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

struct move {
	char id[SEED_STORE_ID_BYTES];
	char from[SEED_STORE_PATH_BYTES], to[SEED_STORE_PATH_BYTES];
	bool folder;
	bool retired; /* the target's image is in its history: what stands there now was moved */
};

static errint_t move_journal(struct seed_store *store, const struct move *move)
{
	char name[SEED_PENDING_NAME_BYTES];
	cJSON *root = cJSON_CreateObject();
	char *json = NULL;
	errint_t err = -ENOMEM;

	if (root && cJSON_AddStringToObject(root, "from", move->from) &&
	    cJSON_AddStringToObject(root, "to", move->to) &&
	    cJSON_AddBoolToObject(root, "folder", move->folder) &&
	    cJSON_AddBoolToObject(root, "retired", move->retired))
		json = cJSON_Print(root);
	cJSON_Delete(root);
	seed_store_pending_name(name, move->id, ".move");
	if (json)
		err = seed_files_replace(store->tmp, name, store->pending, name, json,
					 strlen(json), true);
	cJSON_free(json);
	return err;
}

static void move_forget(struct seed_store *store, const struct move *move)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, move->id, ".move");
	unlinkat(store->pending, name, 0);
}

/* A file that is not there was moved before, or never was. */
static errint_t move_file(int dirfd, const char *from, const char *to)
{
	if (faccessat(dirfd, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return seed_files_move(dirfd, from, dirfd, to);
}

/* A row says its own name. */
static errint_t rename_row(struct seed_store *store, const char *from, const char *to)
{
	char path[SEED_STORE_PATH_BYTES];
	struct seed_record record;
	char id[SEED_STORE_ID_BYTES];
	errint_t err;

	err = seed_store_record_read(store, from, &record);
	if (!err)
		err = seed_record_set(&record.name, to);
	seed_store_new_id(store, id); /* names the temporary file */
	if (!err)
		err = seed_record_set(&record.id, id);
	if (!err)
		err = seed_store_record_write(store, &record, true);
	seed_record_release(&record);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (seed_store_record_path(from, path) && strcmp(from, to) != 0)
		unlinkat(store->areas[SEED_AREA_RECORDS], path, 0);
	return 0;
}

static errint_t drop_row(struct seed_store *store, const char *name)
{
	char path[SEED_STORE_PATH_BYTES];

	if (!seed_store_record_path(name, path))
		return -ENAMETOOLONG;
	if (unlinkat(store->areas[SEED_AREA_RECORDS], path, 0) < 0 && errno != ENOENT &&
	    errno != ENOTDIR)
		return -errno;
	return 0;
}

static errint_t move_entry_files(struct seed_store *store, const struct move *move)
{
	char from[SEED_STORE_PATH_BYTES], to[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (!seed_store_image_path(move->from, from) || !seed_store_image_path(move->to, to))
		return -ENAMETOOLONG;
	err = seed_store_history_append(store, move->from, move->to);
	if (!err)
		err = move_file(store->areas[SEED_AREA_IMAGES], from, to);
	if (!err)
		err = rename_row(store, move->from, move->to);
	if (!err)
		err = move_file(store->areas[SEED_AREA_PROMPTS], move->from, move->to);
	return err;
}

static errint_t run_entry(struct seed_store *store, struct move *move)
{
	errint_t err = 0;

	if (!move->retired) {
		err = seed_store_retire(store, move->to, NULL);
		if (!err)
			err = drop_row(store, move->to);
		move->retired = true;
		if (!err)
			err = move_journal(store, move);
	}
	return err ? err : move_entry_files(store, move);
}

/* ---- folders ---- */

static errint_t rename_rows_below(struct seed_store *store, const char *path, unsigned depth);

static errint_t rename_row_at(struct seed_store *store, const char *path, const char *name,
			      unsigned depth)
{
	char full[SEED_STORE_PATH_BYTES];
	size_t len;
	struct stat st;

	if (snprintf(full, sizeof(full), "%s/%s", path, name) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	if (fstatat(store->areas[SEED_AREA_RECORDS], full, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return depth ? rename_rows_below(store, full, depth - 1) : 0;
	len = strlen(full);
	if (len < 5 || strcmp(full + len - 5, ".json") != 0)
		return 0;
	full[len - 5] = '\0';
	return rename_row(store, full, full);
}

static errint_t rename_rows_below(struct seed_store *store, const char *path, unsigned depth)
{
	int fd = openat(store->areas[SEED_AREA_RECORDS], path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	errint_t err = 0;

	if (!dir) {
		err = errno == ENOENT ? 0 : -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			err = rename_row_at(store, path, entry->d_name, depth);
	closedir(dir);
	return err;
}

static errint_t run_folder(struct seed_store *store, const struct move *move)
{
	static const enum seed_area order[] = {
		SEED_AREA_HISTORY, SEED_AREA_IMAGES, SEED_AREA_RECORDS, SEED_AREA_PROMPTS,
	};
	errint_t err = 0;

	for (size_t i = 0; i < SEED_ARRAY_LEN(order) && !err; i++)
		err = move_file(store->areas[order[i]], move->from, move->to);
	if (!err)
		err = rename_rows_below(store, move->to, SEED_NAME_MAX_PARTS);
	return err;
}

/* rename(2) takes an empty target's place; anything in it refuses. */
static errint_t check_folder_target(struct seed_store *store, const char *to)
{
	for (size_t i = 0; i < SEED_AREA_COUNT; i++) {
		if (unlinkat(store->areas[i], to, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return errno == EEXIST ? -ENOTEMPTY : -errno;
	}
	return 0;
}

/* ---- */

static errint_t run_move(struct seed_store *store, struct move *move)
{
	errint_t err = seed_store_rename_pending(store, move->from, move->to, move->folder);

	if (!err)
		err = move->folder ? run_folder(store, move) : run_entry(store, move);

	/* What could not be done stays in the journal for the next start. */
	if (!err)
		move_forget(store, move);
	return err;
}

static errint_t begin_move(struct seed_store *store, const char *from, const char *to, bool folder)
{
	struct move move = { .folder = folder };
	errint_t err;

	if (snprintf(move.from, sizeof(move.from), "%s", from) >= (int)sizeof(move.from) ||
	    snprintf(move.to, sizeof(move.to), "%s", to) >= (int)sizeof(move.to))
		return -ENAMETOOLONG;
	if (faccessat(store->areas[SEED_AREA_PROMPTS], from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (folder && (err = check_folder_target(store, to)) != 0)
		return err;
	seed_store_new_id(store, move.id);
	err = move_journal(store, &move);
	return err ? err : run_move(store, &move);
}

errint_t seed_store_move_entry(struct seed_store *store, const char *from, const char *to)
{
	return begin_move(store, from, to, false);
}

errint_t seed_store_move_folder(struct seed_store *store, const char *from, const char *to)
{
	return begin_move(store, from, to, true);
}

/* The row that stood with the version, or the present one made to say so. */
static errint_t restore_row(struct seed_store *store, const char *old, const char *name)
{
	char path[SEED_STORE_PATH_BYTES], id[SEED_STORE_ID_BYTES];
	struct seed_record record = { 0 };
	char *json = NULL;
	size_t len;
	errint_t err;

	if (!seed_store_version_row(old, path))
		return -ENAMETOOLONG;
	err = seed_files_read(store->areas[SEED_AREA_HISTORY], path, SEED_RECORD_MAX_BYTES, &json,
			      &len);
	if (!err)
		err = seed_record_parse(json, len, &record);
	free(json);
	seed_store_new_id(store, id);
	if (!err)
		err = seed_record_set(&record.name, name);
	if (!err)
		err = seed_record_set(&record.id, id);
	if (!err)
		err = seed_store_record_write(store, &record, true);
	seed_record_release(&record);
	unlinkat(store->areas[SEED_AREA_HISTORY], path, 0);
	/* Without its row the image is current all the same. */
	return err == -ENOENT ? rename_row(store, name, name) : err;
}

errint_t seed_store_restore(struct seed_store *store, const char *old, const char *name)
{
	char image[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (!seed_store_image_path(name, image))
		return -ENAMETOOLONG;
	if (faccessat(store->areas[SEED_AREA_HISTORY], old, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	err = seed_store_retire(store, name, NULL);
	if (!err)
		err = seed_files_move(store->areas[SEED_AREA_HISTORY], old,
				      store->areas[SEED_AREA_IMAGES], image);
	return err ? err : restore_row(store, old, name);
}

errint_t seed_store_version_drop(struct seed_store *store, const char *version, const char *name)
{
	errint_t err = seed_store_version_remove(store, version);

	return err ? err : rename_row(store, name, name); /* its versions have changed */
}

/* ---- at the start ---- */

static bool read_text(const cJSON *root, const char *key, char out[SEED_STORE_PATH_BYTES])
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));

	return text && snprintf(out, SEED_STORE_PATH_BYTES, "%s", text) < SEED_STORE_PATH_BYTES;
}

static errint_t recover_move(struct seed_store *store, const char *name)
{
	struct move move = { .folder = false };
	char *json = NULL;
	size_t len;
	cJSON *root;
	bool whole;
	errint_t err;

	err = seed_files_read(store->pending, name, 65536, &json, &len);
	if (err)
		return err;
	memcpy(move.id, name, SEED_STORE_ID_BYTES - 1);
	root = cJSON_ParseWithLength(json, len);
	whole = read_text(root, "from", move.from) && read_text(root, "to", move.to);
	move.folder = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "folder"));
	move.retired = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "retired"));
	cJSON_Delete(root);
	free(json);
	return whole ? run_move(store, &move) : 0;
}

errint_t seed_store_recover_moves(struct seed_store *store)
{
	int fd = openat(store->pending, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	errint_t err = 0;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (entry = readdir(dir)) != NULL)
		if (strlen(entry->d_name) == SEED_STORE_ID_BYTES + 4 &&
		    strcmp(entry->d_name + SEED_STORE_ID_BYTES - 1, ".move") == 0)
			err = recover_move(store, entry->d_name);
	closedir(dir);
	return err;
}
