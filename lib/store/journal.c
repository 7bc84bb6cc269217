/* The journal: pending/ID.json and what stands beside it. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

void seed_store_pending_name(char out[SEED_PENDING_NAME_BYTES], const char *id, const char *suffix)
{
	snprintf(out, SEED_PENDING_NAME_BYTES, "%s%s", id, suffix);
}

errint_t seed_store_journal(struct seed_store *store, const struct seed_record *record)
{
	char name[SEED_PENDING_NAME_BYTES];
	char *json;
	errint_t err;

	json = seed_record_format(record, NULL, 0);
	if (!json)
		return -ENOMEM;
	seed_store_pending_name(name, record->id, ".json");
	err = seed_files_replace(store->tmp, name, store->pending, name, json, strlen(json), true);
	free(json);
	return err;
}

/* An empty folder may be what a move put aside. */
static void remove_pending(struct seed_store *store, const char *name)
{
	if (seed_files_unlink(store->pending, name) == -EISDIR)
		SEED_UNUSED(seed_files_rmdir(store->pending, name));
}

int seed_store_result_open(struct seed_store *store, const char *id)
{
	char name[SEED_PENDING_NAME_BYTES];
	int fd;

	seed_store_pending_name(name, id, ".png");
	/* Anew: what an earlier try left, or somebody put there, is not written to. */
	remove_pending(store, name);
	fd = openat(store->pending, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

errint_t seed_store_source_write(struct seed_store *store, const char *id, const void *data,
				 size_t len)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, id, ".source");
	return seed_files_replace(store->tmp, name, store->pending, name, data, len, true);
}

int seed_store_source_open(const struct seed_store *store, const char *id)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, id, ".source");
	return seed_files_open(store->pending, name);
}

errint_t seed_store_sync_pending(struct seed_store *store)
{
	return seed_files_sync_parent(store->pending, "row");
}

errint_t seed_store_forget(struct seed_store *store, const char *id)
{
	static const char *const suffixes[] = { ".png", ".source", ".was", ".json" };
	char name[SEED_PENDING_NAME_BYTES];
	errint_t err = 0;

	/* The row goes last: while it stands, the rest can be found again. */
	for (size_t i = 0; i < SEED_ARRAY_LEN(suffixes) && !err; i++) {
		seed_store_pending_name(name, id, suffixes[i]);
		err = seed_files_unlink(store->pending, name);
	}
	/* One that came back after a crash would be carried out over what was
	 * done to its name since. */
	return err ? err : seed_store_sync_pending(store);
}

/* Ids in pending/, sorted: names of 16 hex digits and a suffix. */
struct id_list {
	char (*ids)[SEED_STORE_ID_BYTES];
	size_t count, alloc;
};

static bool is_of_id(const char *name)
{
	return strspn(name, "0123456789abcdef") >= SEED_STORE_ID_BYTES - 1;
}

static bool is_id_with(const char *name, const char *suffix)
{
	return is_of_id(name) && strcmp(name + SEED_STORE_ID_BYTES - 1, suffix) == 0;
}

static errint_t id_list_add(struct id_list *list, const char *name)
{
	if (list->count == list->alloc) {
		size_t alloc = list->alloc ? 2 * list->alloc : 64;
		void *ids = realloc(list->ids, alloc * sizeof(list->ids[0]));

		if (!ids)
			return -ENOMEM;
		list->ids = ids;
		list->alloc = alloc;
	}
	memcpy(list->ids[list->count], name, SEED_STORE_ID_BYTES - 1);
	list->ids[list->count++][SEED_STORE_ID_BYTES - 1] = '\0';
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static DIR *open_pending(struct seed_store *store)
{
	int fd = openat(store->pending, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static errint_t list_ids(struct seed_store *store, const char *suffix, struct id_list *list)
{
	DIR *dir = open_pending(store);
	struct dirent *entry;
	errint_t err = 0;

	if (!dir)
		return -errno;
	while (!err && (errno = 0, entry = readdir(dir)) != NULL)
		if (is_id_with(entry->d_name, suffix))
			err = id_list_add(list, entry->d_name);
	if (!err && errno)
		err = -errno;
	closedir(dir);
	if (list->count)
		qsort(list->ids, list->count, sizeof(list->ids[0]), compare_ids);
	return err;
}

static bool id_list_has(const struct id_list *list, const char *id)
{
	return list->count && bsearch(id, list->ids, list->count, sizeof(list->ids[0]), compare_ids);
}

/* Pictures and bytes whose row is gone belong to nobody; those of a row that was
 * set aside may be all that is left of it. */
static errint_t sweep_orphans(struct seed_store *store, const struct id_list *rows)
{
	struct id_list bad = { 0 };
	errint_t err = list_ids(store, ".bad", &bad);
	DIR *dir = err ? NULL : open_pending(store);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		char id[SEED_STORE_ID_BYTES];

		if (!is_of_id(entry->d_name))
			continue;
		memcpy(id, entry->d_name, SEED_STORE_ID_BYTES - 1);
		id[SEED_STORE_ID_BYTES - 1] = '\0';
		if (!id_list_has(rows, id) && !id_list_has(&bad, id))
			remove_pending(store, entry->d_name);
	}
	if (dir)
		closedir(dir);
	free(bad.ids);
	return err;
}

void seed_store_sweep_id(struct seed_store *store, const char *id)
{
	DIR *dir = open_pending(store);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, id, SEED_STORE_ID_BYTES - 1) == 0)
			remove_pending(store, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

errint_t seed_store_row_read(struct seed_store *store, const char *name, size_t limit, char **json,
			     size_t *len)
{
	struct stat st;

	*json = NULL;
	/* The folder is ours, and its files are: what is not was put there. */
	if (fstatat(store->pending, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EBADMSG;
	return seed_files_read(store->pending, name, limit, json, len);
}

/* Far beyond any clock: ids given after it would begin again at nothing. */
static bool is_no_id(const char *id)
{
	return strtoull(id, NULL, 16) > UINT64_MAX / 2;
}

static bool leads_nowhere(const struct seed_store *store, const char *name)
{
	for (size_t i = 0; i < SEED_AREA_COUNT; i++)
		if (!seed_files_is_below(store->areas[i], name))
			return true;
	return false;
}

static errint_t read_row(struct seed_store *store, const char *id, struct seed_record *record)
{
	char name[SEED_PENDING_NAME_BYTES];
	char *json = NULL;
	size_t len = 0;
	errint_t err;

	seed_record_init(record);
	seed_store_pending_name(name, id, ".json");
	err = seed_store_row_read(store, name, SEED_RECORD_MAX_BYTES, &json, &len);
	if (err)
		return err;
	seed_record_release(record);
	err = seed_record_parse(json, len, record);
	free(json);
	if (!err && (!record->id || strcmp(record->id, id) || !record->name || !record->step ||
		     !record->request || !record->prompt || is_no_id(id) ||
		     leads_nowhere(store, record->name)))
		err = -EBADMSG;
	return err;
}

/* What is found there is none of ours, whenever it is looked at. */
static bool is_no_row(errint_t err)
{
	return err == -EBADMSG || err == -EFBIG || err == -EISDIR || err == -ENOTDIR ||
	       err == -ELOOP || err == -EINVAL || err == -ENXIO || err == -ENAMETOOLONG ||
	       err == -ENOTEMPTY || err == -EEXIST;
}

errint_t seed_store_judge(struct seed_store *store, const char *name, errint_t err,
			  struct seed_error *error)
{
	char bad[SEED_PENDING_NAME_BYTES], id[SEED_STORE_ID_BYTES];

	if (!err || err == -ENOENT)
		return 0;
	if (!is_no_row(err))
		return seed_error_set(error, -err, "pending/%s in the state directory: %s; it may stand "
				      "for something that is paid: mend the disk, or move the file "
				      "away to mount without it", name, strerror(-err));
	memcpy(id, name, SEED_STORE_ID_BYTES - 1);
	id[SEED_STORE_ID_BYTES - 1] = '\0';
	seed_store_pending_name(bad, id, ".bad");
	if (seed_files_rename(store->pending, name, store->pending, bad))
		seed_store_note(store, "pending/%s in the state directory is not ours: passed over",
				name);
	else
		seed_store_note(store, "pending/%s in the state directory is not ours: set aside as %s",
				name, bad);
	return 0;
}

bool seed_store_renamed(const char *name, const char *from, const char *to, bool folder,
			char out[SEED_STORE_PATH_BYTES])
{
	size_t len = strlen(from);
	const char *rest = name + len;

	if (strncmp(name, from, len) != 0 || (folder ? *rest != '/' : *rest != '\0'))
		return false;
	return snprintf(out, SEED_STORE_PATH_BYTES, "%s%s", to, rest) < SEED_STORE_PATH_BYTES;
}

static errint_t plan_pending_row(struct seed_store *store, struct seed_renames *list,
				 const char *id, struct seed_record *row, const char *name)
{
	char next[SEED_PENDING_NAME_BYTES], was[SEED_PENDING_NAME_BYTES];
	char old[SEED_PENDING_NAME_BYTES];
	char *json = NULL;
	errint_t err = seed_record_set(&row->name, name);

	if (!err && !(json = seed_record_format(row, NULL, 0)))
		err = -ENOMEM;
	(void)snprintf(next, sizeof(next), "%s-%zu.new", id, list->count);
	(void)snprintf(was, sizeof(was), "%s-%zu.was", id, list->count);
	seed_store_pending_name(old, row->id, ".json");
	if (!err)
		err = seed_files_replace(store->tmp, next, store->pending, next, json, strlen(json),
					 true);
	free(json);
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

errint_t seed_store_plan_pending(struct seed_store *store, struct seed_renames *list,
				 const char *id, const char *from, const char *to, bool folder)
{
	char name[SEED_STORE_PATH_BYTES];
	struct id_list ids = { 0 };
	struct seed_record row;
	errint_t err = list_ids(store, ".json", &ids);

	for (size_t i = 0; i < ids.count && !err; i++) {
		/* One that is no row is not this rename's to judge. */
		err = read_row(store, ids.ids[i], &row);
		if (!err && folder && is_below(row.name, from))
			err = seed_store_check_moved(row.name, from, to);
		if (!err && seed_store_renamed(row.name, from, to, folder, name)) {
			err = plan_pending_row(store, list, id, &row, name);
		} else if (!err && !folder && strcmp(row.name, to) == 0 && !row.superseded) {
			/* What runs for the target gives way, whichever is newer. */
			row.superseded = true;
			err = plan_pending_row(store, list, id, &row, to);
		} else if (err == -EBADMSG)
			err = 0;
		seed_record_release(&row);
	}
	free(ids.ids);
	return err;
}

/* NAME is still this generation's unless its row says that a newer prompt took
 * it, or a later row of the journal does (the stop came between the two). */
static bool is_newest(const struct seed_record *rows, size_t count, size_t index)
{
	if (rows[index].superseded)
		return false;
	/* One that is itself superseded says nothing: a late attempt has a row of
	 * its own, later than that of the generation which it was an attempt of. */
	for (size_t i = index + 1; i < count; i++)
		if (!rows[i].superseded && strcmp(rows[i].name, rows[index].name) == 0)
			return false;
	return true;
}

/* The catalogue may know of a newer prompt whose own row has ended since, or of
 * an image (of this prompt's first attempt, or restored) that has taken the name
 * while the mark in this row could not be written any more. */
static bool is_overtaken(const struct seed_store *store, const struct seed_record *row)
{
	struct seed_record record;
	bool overtaken = false;

	if (seed_store_record_read(store, row->name, &record) == 0)
		overtaken = record.created_ms > row->created_ms ||
			    (record.state == SEED_STATE_VERIFIED && row->attempt_count > 0 &&
			     strcmp(row->step, "commit") != 0);
	seed_record_release(&record);
	return overtaken;
}

static void raise_last_id(struct seed_store *store, const char *id)
{
	uint64_t value = strtoull(id, NULL, 16);

	if (value > atomic_load(&store->last_id))
		atomic_store(&store->last_id, value);
}

/* The rows that can be read, in order; the rest is set aside. */
static errint_t read_rows(struct seed_store *store, const struct id_list *list,
			  struct seed_record *rows, size_t *count, struct seed_error *error)
{
	char name[SEED_PENDING_NAME_BYTES];
	errint_t err = 0;

	for (size_t i = 0; i < list->count && !err; i++) {
		err = read_row(store, list->ids[i], &rows[*count]);
		if (!err) {
			(*count)++;
			continue;
		}
		seed_record_release(&rows[*count]);
		seed_store_pending_name(name, list->ids[i], ".json");
		err = seed_store_judge(store, name, err, error);
	}
	return err;
}

/* records/NAME.json need not have been durable: the journal's row says the same. */
static void mend_record(struct seed_store *store, const struct seed_record *row)
{
	struct seed_record record;

	if (seed_store_record_read(store, row->name, &record) == -EIO)
		SEED_UNUSED(seed_store_record_write(store, row, false) == 0);
	seed_record_release(&record);
}

static errint_t hand_over(struct seed_store *store, const struct id_list *list,
			  struct seed_record *rows, seed_store_pending_fn *each, void *context,
			  struct seed_error *error)
{
	size_t count = 0;
	errint_t err = read_rows(store, list, rows, &count, error);

	if (count)
		raise_last_id(store, rows[count - 1].id);
	for (size_t i = 0; i < count; i++) {
		/* Row i is taken by `each`; only later ones are looked at again. */
		bool newest = !err && is_newest(rows, count, i) &&
			      !is_overtaken(store, &rows[i]);

		if (newest)
			mend_record(store, &rows[i]);
		if (err) {
			seed_record_release(&rows[i]);
			continue;
		}
		err = each(context, &rows[i], newest);
		if (err)
			seed_error_set(error, -err, "cannot take up what was in flight: %s",
				       strerror(-err));
	}
	return err;
}

errint_t seed_store_recover(struct seed_store *store, seed_store_pending_fn *each, void *context,
			    struct seed_error *error)
{
	struct id_list list = { 0 };
	struct seed_record *rows = NULL;
	errint_t err;

	err = seed_store_recover_moves(store, error);
	if (err)
		return err;
	err = list_ids(store, ".json", &list);
	if (!err)
		err = sweep_orphans(store, &list);
	if (!err && list.count) {
		rows = calloc(list.count, sizeof(rows[0]));
		if (!rows)
			err = -ENOMEM;
	}
	if (err)
		seed_error_set(error, -err, "pending in the state directory: %s", strerror(-err));
	else if (list.count)
		err = hand_over(store, &list, rows, each, context, error);
	free(rows);
	free(list.ids);
	return err;
}
