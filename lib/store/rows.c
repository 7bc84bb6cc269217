/* The catalogue's files: prompts/NAME, images/NAME.png, records/NAME.json. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

static bool suffixed(const char *name, const char *suffix, char path[SEED_STORE_PATH_BYTES])
{
	int len = snprintf(path, SEED_STORE_PATH_BYTES, "%s%s", name, suffix);

	return len > 0 && len < SEED_STORE_PATH_BYTES;
}

bool seed_store_image_path(const char *name, char path[SEED_STORE_PATH_BYTES])
{
	return suffixed(name, ".png", path);
}

bool seed_store_record_path(const char *name, char path[SEED_STORE_PATH_BYTES])
{
	return suffixed(name, ".json", path);
}

int seed_store_open_file(const struct seed_store *store, enum seed_area area, const char *path)
{
	return seed_files_open(store->areas[area], path);
}

bool seed_store_has_prompt(const struct seed_store *store, const char *name)
{
	return seed_files_exists(store->areas[SEED_AREA_PROMPTS], name) != 0;
}

bool seed_store_has_image(const struct seed_store *store, const char *name)
{
	char path[SEED_STORE_PATH_BYTES];

	return seed_store_image_path(name, path) &&
	       seed_files_exists(store->areas[SEED_AREA_IMAGES], path) != 0;
}

bool seed_store_has_image_of(const struct seed_store *store, const struct seed_record *record)
{
	char path[SEED_STORE_PATH_BYTES];

	return seed_store_image_path(record->name, path) &&
	       seed_files_is_of(store->areas[SEED_AREA_IMAGES], path, record->image.bytes);
}

errint_t seed_store_prompt_read(const struct seed_store *store, const char *name, char **text,
				size_t *len)
{
	errint_t err;

	*text = NULL;
	*len = 0;
	err = seed_files_read(store->areas[SEED_AREA_PROMPTS], name, SEED_PROMPT_MAX_BYTES, text, len);
	return err == -ENOENT || err == -ENOTDIR || err == -EISDIR ? 0 : err;
}

errint_t seed_store_row_parse(char *json, size_t len, const char *name,
			      struct seed_record *record)
{
	errint_t err;

	seed_record_release(record);
	err = seed_record_parse(json, len, record);
	free(json);
	/* A row is renamed with its entry; it is not written again. */
	if (!err)
		err = seed_record_set(&record->name, name);
	return err == -ENOMEM ? -ENOMEM : err ? -EIO : 0;
}

errint_t seed_store_record_read(const struct seed_store *store, const char *name,
				struct seed_record *record)
{
	char path[SEED_STORE_PATH_BYTES];
	char *json = NULL;
	size_t len = 0;
	errint_t err;

	seed_record_init(record);
	if (!seed_store_record_path(name, path))
		return -ENAMETOOLONG;
	err = seed_files_read(store->areas[SEED_AREA_RECORDS], path, SEED_RECORD_MAX_BYTES, &json,
			      &len);
	/* A folder of the name "NAME.json", or above it a file: no such entry. */
	if (err == -EISDIR || err == -ENOTDIR || err == -ENOENT)
		return -ENOENT;
	if (err)
		return seed_error_is_lack(err) ? err : -EIO;
	return seed_store_row_parse(json, len, name, record);
}

errint_t seed_store_row_write(struct seed_store *store, const struct seed_record *record,
			      char file[SEED_PENDING_NAME_BYTES], bool durable)
{
	struct seed_record row = *record; /* borrows everything */
	char *json;
	errint_t err;

	row.id = NULL;
	json = seed_record_format(&row, NULL, 0);
	if (!json)
		return -ENOMEM;
	seed_store_pending_name(file, record->id, ".record");
	err = seed_files_write(store->tmp, file, json, strlen(json), durable);
	free(json);
	return err;
}

errint_t seed_store_record_write(struct seed_store *store, const struct seed_record *record,
				 bool durable)
{
	char path[SEED_STORE_PATH_BYTES], file[SEED_PENDING_NAME_BYTES];
	errint_t err;

	if (!seed_store_record_path(record->name, path))
		return -ENAMETOOLONG;
	err = seed_store_row_write(store, record, file, durable);
	return err ? err : seed_files_place(store->tmp, file, store->areas[SEED_AREA_RECORDS],
					    path, durable);
}

errint_t seed_store_prompt_place(struct seed_store *store, const char *name, const char *text,
				 struct timespec mtime)
{
	char id[SEED_STORE_ID_BYTES], file[SEED_PENDING_NAME_BYTES];
	errint_t err;

	seed_store_new_id(store, id);
	seed_store_pending_name(file, id, ".prompt");
	err = seed_files_write_timed(store->tmp, file, text, strlen(text), mtime, true);
	return err ? err : seed_files_place(store->tmp, file, store->areas[SEED_AREA_PROMPTS],
					    name, true);
}

errint_t seed_store_prompt_sync(struct seed_store *store, const struct seed_record *record)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	errint_t err;

	if (!record->request || !*record->request)
		return 0;
	err = seed_files_sync_file(dirfd, record->name);
	if (err == -ENOENT || err == -ENOTDIR)
		return 0;
	/* What could not be written is dropped, and the next fsync succeeds. */
	return err ? seed_store_prompt_place(store, record->name, record->request,
					     record->prompt_time) :
		     seed_files_sync_parent(dirfd, record->name);
}

errint_t seed_store_prompt_time(struct seed_store *store, const char *name, struct timespec mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

	return utimensat(store->areas[SEED_AREA_PROMPTS], name, times, AT_SYMLINK_NOFOLLOW) < 0 ?
		-errno : 0;
}
