/* Pictures on their way to the store that hosts share, and from there. */
#include "lib/store/files.h"
#include "lib/store/internal.h"

errint_t seed_store_picture_read(const struct seed_store *store, const struct seed_record *record,
				 char **data, size_t *len)
{
	char name[SEED_PENDING_NAME_BYTES];
	const size_t bytes = (size_t)record->image.bytes;
	errint_t err;

	*data = NULL;
	*len = 0;
	seed_store_pending_name(name, record->id, ".png");
	err = seed_files_read(store->pending, name, bytes, data, len);
	if (!err && *len != bytes)
		err = -EIO;
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

static errint_t read_version_row(const struct seed_store *store, const char *version,
				 struct seed_record *record)
{
	char path[SEED_STORE_PATH_BYTES], *json = NULL;
	size_t len = 0;
	errint_t err;

	seed_record_init(record);
	if (!seed_store_version_row(version, path))
		return -ENAMETOOLONG;
	err = seed_files_read(store->areas[SEED_AREA_HISTORY], path, SEED_RECORD_MAX_BYTES, &json, &len);
	if (!err) {
		seed_record_release(record);
		err = seed_record_parse(json, len, record);
	}
	free(json);
	return err;
}

errint_t seed_store_picture_record(const struct seed_store *store, enum seed_area area,
				   const char *path, struct seed_record *record)
{
	char name[SEED_STORE_PATH_BYTES];
	size_t len = strlen(path);

	if (area == SEED_AREA_HISTORY)
		return read_version_row(store, path, record);
	if (len < 4 || len >= sizeof(name)) {
		seed_record_init(record);
		return -ENOENT;
	}
	memcpy(name, path, len - 4); /* without ".png" */
	name[len - 4] = '\0';
	return seed_store_record_read(store, name, record);
}
