/* The journal: pending/ID.json and what stands beside it. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* One line of a row; and all: what is said again and again is begun anew. */
#define LINE_MAX_BYTES (SEED_RECORD_MAX_BYTES + 4096)
#define ROW_MAX_BYTES (4 * 1024 * 1024)
/* By so much, at most, the line that says what was accepted is longer than the one before it. */
#define ACCEPTED_BYTES 4096

void seed_store_pending_name(char out[SEED_PENDING_NAME_BYTES], const char *id, const char *suffix)
{
	snprintf(out, SEED_PENDING_NAME_BYTES, "%s%s", id, suffix);
}

errint_t seed_store_pending_write(struct seed_store *store, const char *name, const void *data,
				  size_t len)
{
	return seed_files_replace(store->tmp, name, store->pending, name, data, len, true);
}

errint_t seed_store_pending_row(struct seed_store *store, const char *name,
				const struct seed_record *record)
{
	char *json = seed_record_format(record, NULL, 0);
	errint_t err = json ? seed_store_pending_write(store, name, json, strlen(json)) : -ENOMEM;

	free(json);
	return err;
}

/* The picture is written to a name that is durable with the row's own, so that the
 * row alone can say that it is whole. */
static errint_t make_result(struct seed_store *store, const char *id)
{
	char name[SEED_PENDING_NAME_BYTES];
	int fd;

	seed_store_pending_name(name, id, ".png");
	fd = seed_files_open(store->pending, name);
	if (fd == -ENOENT)
		fd = seed_store_result_open(store, id);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* What may be sent, and is accepted then, is paid for, and can be written down whatever
 * others do to the disk meanwhile: room for two lines more, or one. */
static size_t room_wanted(const struct seed_record *record, size_t line_bytes, bool append)
{
	const char *step = record->step ? record->step : "";

	if (strcmp(step, "queued") == 0 && !append)
		return 2 * line_bytes + ACCEPTED_BYTES;
	return strcmp(step, "submitting") == 0 ? line_bytes + ACCEPTED_BYTES : 0;
}

errint_t seed_store_pending_line(struct seed_store *store, const char *name,
				 const struct seed_record *record, bool append)
{
	struct seed_buf line;
	size_t room;
	errint_t err;

	seed_buf_init(&line, LINE_MAX_BYTES);
	err = seed_store_line_format(store, record, &line);
	room = room_wanted(record, line.len_bytes, append);
	if (!err && !append)
		err = seed_store_pending_write(store, name, line.data, line.len_bytes);
	if (!err && room)
		err = seed_files_reserve(store->pending, name, append ? room + line.len_bytes : room);
	if (!err && append)
		err = seed_files_append(store->pending, name, line.data, line.len_bytes,
					ROW_MAX_BYTES);
	seed_buf_release(&line);
	return err;
}

errint_t seed_store_journal(struct seed_store *store, const struct seed_record *record)
{
	char name[SEED_PENDING_NAME_BYTES];
	errint_t err;

	seed_store_pending_name(name, record->id, ".json");
	err = seed_store_pending_line(store, name, record, true);
	/* A whole row would need more. */
	if (!err || err == -ENOSPC || err == -EDQUOT)
		return err;
	/* The first one; or one of which nobody knows what is on disk. */
	if (err == -ENOENT) {
		err = make_result(store, record->id);
		if (err)
			return err;
	}
	return seed_store_pending_line(store, name, record, false);
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
	struct stat st;
	int fd;

	seed_store_pending_name(name, id, ".png");
	fd = openat(store->pending, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	/* That of the row's beginning, whose name is durable. */
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_uid == geteuid() && ftruncate(fd, 0) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	/* What somebody put there is not written to. */
	remove_pending(store, name);
	fd = openat(store->pending, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

errint_t seed_store_source_write(struct seed_store *store, const char *id, const void *data,
				 size_t len)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, id, ".source");
	return seed_store_pending_write(store, name, data, len);
}

int seed_store_source_open(const struct seed_store *store, const char *id)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, id, ".source");
	return seed_files_open(store->pending, name);
}

bool seed_store_has_source(const struct seed_store *store, const char *id)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, id, ".source");
	return seed_files_has_bytes(store->pending, name) != 0;
}

errint_t seed_store_sync_pending(struct seed_store *store)
{
	return seed_files_sync_parent(store->pending, "row");
}

errint_t seed_store_row_remove(struct seed_store *store, const char *id)
{
	static const char *const suffixes[] = { ".png", ".source", ".was", ".json" };
	char name[SEED_PENDING_NAME_BYTES], aside[SEED_PENDING_NAME_BYTES + sizeof(".bad99")];
	errint_t err = 0;

	/* The row goes last: while it stands, the rest can be found again. */
	for (size_t i = 0; i < SEED_ARRAY_LEN(suffixes) && !err; i++) {
		seed_store_pending_name(name, id, suffixes[i]);
		err = seed_files_unlink(store->pending, name);
		if (err != -EISDIR && err != -ENOTEMPTY && err != -EPERM)
			continue;
		/* A folder, which is not ours. */
		err = seed_store_set_aside(store->pending, name, name, aside, sizeof(aside));
		if (!err)
			seed_store_note(store, "pending/%s in the state directory was not written by seedfs: set aside "
					"as %s", name, aside);
	}
	return err;
}

static bool is_id_with(const char *name, const char *suffix)
{
	return seed_store_is_of_id(name) && strcmp(name + SEED_STORE_ID_BYTES - 1, suffix) == 0;
}

errint_t seed_store_pending_list(struct seed_store *store, const char *suffix,
				 struct seed_names *list)
{
	errint_t err = seed_files_list(store->pending, ".", list);
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (is_id_with(list->names[i], suffix))
			list->names[kept++] = list->names[i];
		else
			free(list->names[i]);
	}
	list->count = kept;
	return err;
}

static bool is_same_id(const char *a, const char *b)
{
	return strncmp(a, b, SEED_STORE_ID_BYTES - 1) == 0;
}

static bool is_aside(const char *name)
{
	return seed_store_is_of_id(name) && strncmp(name + SEED_STORE_ID_BYTES - 1, ".bad", 4) == 0;
}

/* Pictures and bytes whose row is gone belong to nobody; those of a row that was
 * set aside may be all that is left of it. */
static bool is_kept(char *const *of_id, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_id_with(of_id[i], ".json") || is_aside(of_id[i]))
			return true;
	return !seed_store_is_of_id(of_id[0]);
}

errint_t seed_store_sweep_orphans(struct seed_store *store)
{
	struct seed_names found;
	errint_t err = seed_files_list(store->pending, ".", &found);

	for (size_t i = 0, next; i < found.count; i = next) {
		bool kept;

		for (next = i + 1; next < found.count; next++)
			if (!is_same_id(found.names[i], found.names[next]))
				break;
		kept = is_kept(found.names + i, next - i);
		for (size_t j = i; j < next && !kept; j++)
			remove_pending(store, found.names[j]);
	}
	seed_names_release(&found);
	return err;
}

void seed_store_sweep_id(struct seed_store *store, const char *id)
{
	struct seed_names found;

	if (seed_files_list(store->pending, ".", &found))
		return;
	for (size_t i = 0; i < found.count; i++)
		if (is_same_id(found.names[i], id))
			remove_pending(store, found.names[i]);
	seed_names_release(&found);
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

/* Before lines there were rows of one text, and no removal was marked in them. */
static bool is_removed_before_lines(const struct seed_store *store, const char *text,
				    const struct seed_record *record)
{
	return *text == '{' && record->attempt_count > 0 && record->name && record->request &&
	       *record->request && !record->superseded && record->state != SEED_STATE_VERIFIED &&
	       seed_files_exists(store->areas[SEED_AREA_PROMPTS], record->name) == 0;
}

static errint_t read_lines(struct seed_store *store, const char *name, struct seed_record *record,
			   struct seed_spent *spent)
{
	char *text = NULL;
	size_t len = 0;
	errint_t err;

	seed_record_init(record);
	err = seed_store_row_read(store, name, ROW_MAX_BYTES, &text, &len);
	if (err)
		return err;
	err = seed_store_lines_parse(text, len, record, spent);
	if (!err && is_removed_before_lines(store, text, record))
		record->state = SEED_STATE_CANCELLED;
	free(text);
	return err;
}

errint_t seed_store_spent_read(struct seed_store *store, struct seed_spent *spent)
{
	errint_t err = seed_store_spent_load(store, spent);
	struct seed_names rows;

	/* One that cannot be read now forbids the start (recover.c). */
	SEED_UNUSED(seed_store_pending_list(store, ".json", &rows) == 0);
	for (size_t i = 0; i < rows.count; i++) {
		struct seed_record record;
		struct seed_spent told = { 0 };

		SEED_UNUSED(read_lines(store, rows.names[i], &record, &told) == 0);
		seed_record_release(&record);
		if (told.serial > spent->serial)
			*spent = told;
	}
	seed_names_release(&rows);
	store->spent = *spent;
	return err;
}

errint_t seed_store_pending_read(struct seed_store *store, const char *name,
				 struct seed_record *record)
{
	struct seed_spent spent;
	errint_t err = read_lines(store, name, record, &spent);

	if (!err && (!record->id || strlen(record->id) != SEED_STORE_ID_BYTES - 1 ||
		     !is_same_id(record->id, name) || !record->name || !record->step ||
		     !record->request || !record->prompt || is_no_id(name) ||
		     leads_nowhere(store, record->name)))
		err = -EBADMSG;
	return err;
}

bool seed_store_is_no_row(errint_t err)
{
	return err == -EBADMSG || err == -EFBIG || err == -EISDIR || err == -ENOTDIR ||
	       err == -ELOOP || err == -EINVAL || err == -ENXIO || err == -ENAMETOOLONG ||
	       err == -ENOTEMPTY || err == -EEXIST;
}

errint_t seed_store_judge(struct seed_store *store, const char *name, errint_t err,
			  struct seed_error *error)
{
	char bad[SEED_PENDING_NAME_BYTES + sizeof("0")], id[SEED_STORE_ID_BYTES];

	if (!err || err == -ENOENT)
		return 0;
	if (!seed_store_is_no_row(err))
		return seed_error_set(error, -err, "pending/%s in the state directory: %s; it may stand "
				      "for a task that is paid for: repair the disk, or move the "
				      "file away to mount without it", name, strerror(-err));
	memcpy(id, name, SEED_STORE_ID_BYTES - 1);
	id[SEED_STORE_ID_BYTES - 1] = '\0';
	if (seed_store_set_aside(store->pending, name, id, bad, sizeof(bad)))
		seed_store_note(store, "pending/%s in the state directory was not written by seedfs: ignored",
				name);
	else
		seed_store_note(store, "pending/%s in the state directory was not written by seedfs: set "
				"aside as %s", name, bad);
	return 0;
}
