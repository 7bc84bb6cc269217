/* Pictures on their way to the store that hosts share, and from there. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"
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

/* ---- thumbnails ---- */

/* A row is beside its image, or beside none: of that size and time there is one only. */
static errint_t read_sum(const struct seed_store *store, enum seed_area area, const char *path,
			 const struct stat *st, char sum[SEED_SHA256_HEX_BYTES])
{
	struct seed_record record;
	errint_t err = seed_store_picture_record(store, area, path, &record);
	bool same = !err && record.state == SEED_STATE_VERIFIED &&
		    record.image.bytes == (uint64_t)st->st_size &&
		    record.verified_ms == seed_clock_file_ms(&st->st_mtim);

	memcpy(sum, record.image.sha256, SEED_SHA256_HEX_BYTES);
	seed_record_release(&record);
	return err ? err : same ? 0 : -ESTALE;
}

static errint_t look_at(const struct seed_store *store, enum seed_area area, const char *path,
			struct stat *st, char sum[SEED_SHA256_HEX_BYTES])
{
	if (fstatat(store->areas[area], path, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? read_sum(store, area, path, st, sum) : -ESTALE;
}

errint_t seed_store_thumb_read(const struct seed_store *store, enum seed_area area, const char *path,
			       const struct seed_thumb_files *files, char sum[SEED_SHA256_HEX_BYTES],
			       char **data, size_t *len)
{
	struct stat st;
	errint_t err = look_at(store, area, path, &st, sum);

	if (!err && (st.st_ino != files->file || seed_clock_file_ns(&st.st_mtim) != files->time_ns))
		err = -ESTALE;
	return err ? err : seed_store_thumb_get(store, files->file, files->time_ns, data, len);
}

static bool is_jpeg(const unsigned char *data, size_t len)
{
	return len > 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

errint_t seed_store_thumb_take(struct seed_store *store, enum seed_area area, const char *path,
			       const char *sum, int fd)
{
	char there[SEED_SHA256_HEX_BYTES];
	struct stat image, st;
	errint_t err = look_at(store, area, path, &image, there);
	void *data;

	if (!err && strcmp(there, sum) != 0)
		err = -ESTALE;
	if (!err && fstat(fd, &st) < 0)
		err = -errno;
	if (err)
		return err;
	if (st.st_size <= 0 || st.st_size > SEED_THUMB_MAX_BYTES)
		return -EBADMSG;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	err = is_jpeg(data, (size_t)st.st_size) ?
		seed_store_thumb_put(store, image.st_ino, seed_clock_file_ns(&image.st_mtim), data, (size_t)st.st_size) : -EBADMSG;
	munmap(data, (size_t)st.st_size);
	return err;
}
