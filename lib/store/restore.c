/* history/NAME/0001.png becomes images/NAME.png again, with its row. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

#define PNG_BEGINS "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
#define PNG_SIDES_AT (sizeof(PNG_BEGINS) - 1)
#define PNG_HEAD_BYTES (PNG_SIDES_AT + 8)

static uint32_t big_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

bool seed_store_read_sides(const void *data, size_t bytes, struct seed_image_info *image)
{
	const unsigned char *sides = (const unsigned char *)data + PNG_SIDES_AT;

	if (bytes < PNG_HEAD_BYTES || memcmp(data, PNG_BEGINS, PNG_SIDES_AT) != 0)
		return false;
	image->width = big_endian(sides);
	image->height = big_endian(sides + 4);
	return true;
}

/* Nothing but its size: the row beside it tells the rest. */
static errint_t measure_placeholder(struct seed_store *store, const char *version,
				    struct seed_image_info *image)
{
	struct stat st;

	if (fstatat(store->areas[SEED_AREA_HISTORY], version, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	image->bytes = (uint64_t)st.st_size;
	return 0;
}

/* What the file itself shows. */
static errint_t measure(struct seed_store *store, const char *version,
			struct seed_image_info *image, int64_t *wall_ms)
{
	int fd = seed_store_picture_open(store, SEED_AREA_HISTORY, version);
	unsigned char head[PNG_HEAD_BYTES];
	struct stat st;
	errint_t err = 0;
	ssize_t n = 0;

	if (fd == -EAGAIN)
		return measure_placeholder(store, version, image);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || (n = pread(fd, head, sizeof(head), 0)) < 0)
		err = -EIO;
	else if (!seed_store_read_sides(head, (size_t)n, image))
		err = -EBADMSG;
	if (!err)
		err = seed_store_hash(fd, image->sha256);
	close(fd);
	if (err)
		return err;
	image->bytes = (uint64_t)st.st_size;
	*wall_ms = seed_clock_file_ms(&st.st_mtim);
	return 0;
}

static bool is_same_image(const struct seed_image_info *row, const struct seed_image_info *image)
{
	return *image->sha256 ? strcmp(row->sha256, image->sha256) == 0 : row->bytes == image->bytes;
}

/* Whether the row beside a version is this image's: 1, 0 (there is none that tells of an image), -EBADMSG
 * (it tells of another: the file was damaged, and must not be taken for what was verified) or -errno. */
static int is_row_of(struct seed_store *store, const char *row, const struct seed_image_info *image)
{
	struct seed_record record = { 0 };
	char *json = NULL;
	size_t len;
	errint_t err;
	int is;

	err = seed_files_read(store->areas[SEED_AREA_HISTORY], row, SEED_RECORD_MAX_BYTES, &json, &len);
	if (err == -EIO || seed_error_is_lack(err))
		return err; /* it may well be */
	if (err)
		return 0;
	err = seed_record_parse(json, len, &record);
	is = !err && record.state == SEED_STATE_VERIFIED;
	if (is && !is_same_image(&record.image, image))
		is = *image->sha256 ? -EBADMSG : 0;
	seed_record_release(&record);
	free(json);
	return err == -ENOMEM ? err : is;
}

/* A row for an image that has lost its own: only what the image shows. */
static errint_t write_row(struct seed_store *store, const char *file, const char *name,
			  const struct seed_image_info *image, int64_t wall_ms)
{
	struct seed_record record;
	errint_t err;

	seed_record_init(&record);
	record.state = SEED_STATE_VERIFIED;
	record.image = *image;
	record.progress = 1;
	record.verified_ms = wall_ms;
	err = seed_record_set(&record.name, name);
	if (!err)
		err = seed_store_pending_row(store, file, &record);
	seed_record_release(&record);
	return err;
}

/* A record is made of what it says itself: so at least that must be true. */
static errint_t check_whole(struct seed_store *store, const char *version, seed_store_whole_fn *whole)
{
	char *data = NULL;
	size_t bytes;
	errint_t err = seed_files_read(store->areas[SEED_AREA_HISTORY], version, SEED_STORED_MAX_BYTES, &data, &bytes);

	if (!err && whole && !whole(data, bytes))
		err = -EBADMSG;
	free(data);
	return err;
}

static errint_t plan_row(struct seed_store *store, struct seed_renames *list, const char *id,
			 const char *old, const char *name, seed_store_whole_fn *whole)
{
	char row[SEED_STORE_PATH_BYTES], to[SEED_STORE_PATH_BYTES];
	char file[SEED_PENDING_NAME_BYTES], was[SEED_PENDING_NAME_BYTES];
	struct seed_image_info image = { 0 };
	int64_t wall_ms = 0;
	int has_row, is_own;
	errint_t err;

	if (!seed_store_version_row(old, row) || !seed_store_record_path(name, to))
		return -ENAMETOOLONG;
	err = measure(store, old, &image, &wall_ms);
	is_own = err ? err : is_row_of(store, row, &image);
	if (!is_own && *image.sha256)
		is_own = check_whole(store, old, whole);
	if (is_own == -EBADMSG || is_own == -EFBIG)
		seed_store_note(store, "history/%s is not the image that was verified: it is damaged, and not restored", old);
	if (is_own < 0)
		return is_own == -EFBIG ? -EBADMSG : is_own;
	if (!is_own && !*image.sha256)
		return -EAGAIN; /* nobody knows of what picture it keeps the place */
	if (is_own)
		return seed_renames_add(list, SEED_RENAME_INTO, SEED_AREA_HISTORY, row,
					SEED_AREA_RECORDS, to);
	seed_store_pending_name(file, id, "-row.new");
	seed_store_pending_name(was, id, "-row.was");
	err = write_row(store, file, name, &image, wall_ms);
	has_row = seed_files_exists(store->areas[SEED_AREA_HISTORY], row);
	if (!err && has_row < 0)
		err = has_row;
	if (!err && has_row)
		err = seed_renames_add(list, SEED_RENAME_ROW, SEED_AREA_HISTORY, row,
				       SEED_PLACE_PENDING, was);
	return err ? err : seed_renames_add(list, SEED_RENAME_INTO, SEED_PLACE_PENDING, file,
					    SEED_AREA_RECORDS, to);
}

errint_t seed_store_restore(struct seed_store *store, const char *old, const char *name,
			    seed_store_whole_fn *whole)
{
	struct seed_renames list = { 0 };
	char image[SEED_STORE_PATH_BYTES], id[SEED_STORE_ID_BYTES];
	errint_t err = seed_store_settle_name(store, NULL);

	if (!err && !seed_store_image_path(name, image))
		err = -ENAMETOOLONG;
	if (err)
		return err;
	seed_store_new_id(store, id);
	err = seed_store_plan_retire(store, &list, name, id);
	if (!err)
		err = plan_row(store, &list, id, old, name, whole);
	if (!err)
		err = seed_renames_add(&list, SEED_RENAME_LAST, SEED_AREA_HISTORY, old,
				       SEED_AREA_IMAGES, image);
	seed_store_name_changes(store, name);
	err = seed_store_run_list(store, id, &list, err);
	seed_store_name_changed(store, name);
	if (err)
		return err;
	seed_store_history_prune(store, name);
	seed_store_changed(store, name);
	seed_store_file_changed(store, SEED_AREA_HISTORY, old);
	return 0;
}
