/* Images that are copied instead of generated again (lib/engine/reuse.c). */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/text.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Of one text: more than ten thousand names, mostly. */
#define NAMES_MAX_BYTES 1048576
#define SHORTEN_FROM_BYTES 8192

static errint_t copy_bytes(int from, int to)
{
	char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		errint_t err = seed_io_write(to, buffer, (size_t)n);

		if (err)
			return err;
	}
	if (n < 0)
		return -errno;
	return seed_files_sync(to);
}

/* Somebody may have put other bytes there. */
static errint_t check_sum(struct seed_store *store, int fd, const char *path, const struct seed_image_info *image)
{
	char found[SEED_SHA256_HEX_BYTES] = "";
	struct stat st;
	errint_t err = fstat(fd, &st) < 0 ? -errno : 0;
	bool is_other = !err && (uint64_t)st.st_size != image->bytes;

	if (!err && !is_other)
		err = seed_store_hash(fd, found);
	if (!err && (is_other || strcmp(found, image->sha256) != 0)) {
		seed_store_note(store, "images/%s is not the image that was verified: it is not reused", path);
		err = -EBADMSG;
	}
	return !err && lseek(fd, 0, SEEK_SET) < 0 ? -errno : err;
}

errint_t seed_store_image_check(struct seed_store *store, const char *name, const struct seed_image_info *image)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err;
	int fd;

	if (!seed_store_image_path(name, path))
		return -ENAMETOOLONG;
	fd = seed_store_picture_open(store, SEED_AREA_IMAGES, path);
	if (fd < 0)
		return fd == -EAGAIN ? 0 : fd;
	err = check_sum(store, fd, path, image);
	close(fd);
	return err;
}

errint_t seed_store_image_copy(struct seed_store *store, const char *name, const struct seed_image_info *image,
			       const char *id)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = 0;
	int from, to;

	if (!seed_store_image_path(name, path))
		return -ENAMETOOLONG;
	from = seed_store_picture_open(store, SEED_AREA_IMAGES, path);
	if (from < 0)
		return from;
	err = check_sum(store, from, path, image);
	to = err ? err : seed_store_result_open(store, id);
	if (to < 0)
		err = to;
	if (!err)
		err = copy_bytes(from, to);
	close(from);
	if (to >= 0)
		close(to);
	return err;
}

static void key_name(uint64_t key, char out[SEED_STORE_ID_BYTES])
{
	snprintf(out, SEED_STORE_ID_BYTES, "%016llx", (unsigned long long)key);
}

/* A power cut may leave zeros where names were added. Those that came later stand behind them. */
static errint_t read_names(const struct seed_store *store, const char *file, char **lines, size_t *len)
{
	errint_t err = seed_files_read(store->reuse, file, NAMES_MAX_BYTES, lines, len);

	for (size_t i = 0; !err && i < *len; i++)
		if (!(*lines)[i])
			(*lines)[i] = '\n';
	return err;
}

static bool has_line(const char *lines, const char *line)
{
	const size_t len = strlen(line);

	for (const char *at = lines; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, len) == 0 && (at[len] == '\n' || !at[len]))
			return true;
	}
	return false;
}

/* What cannot be read may have it. */
static bool may_have(struct seed_store *store, const char *name, uint64_t key, seed_store_key_fn *key_of)
{
	struct seed_record record;
	struct stat st;
	errint_t err = seed_store_record_shown(store, name, &record, &st);
	bool may = err ? err != -ENOENT : record.state == SEED_STATE_VERIFIED && key_of(&record) == key;

	seed_record_release(&record);
	return may;
}

/* Names that have it no more go; and the older half, where that is not enough. One that another thread
 * adds meanwhile may be lost. */
static errint_t shorten(struct seed_store *store, const char *file, char *names, uint64_t key,
			seed_store_key_fn *key_of)
{
	char id[SEED_STORE_ID_BYTES], *rest = NULL;
	const char *text = "";
	struct seed_buf kept;
	errint_t err = 0;

	seed_buf_init(&kept, NAMES_MAX_BYTES);
	for (char *name = strtok_r(names, "\n", &rest); name && !err; name = strtok_r(NULL, "\n", &rest))
		if (seed_text_check_name(name) == 0 && may_have(store, name, key, key_of))
			err = seed_buf_addf(&kept, "\n%s", name);
	if (kept.len_bytes)
		text = kept.data;
	if (kept.len_bytes > NAMES_MAX_BYTES / 2)
		text = strchr(text + kept.len_bytes / 2, '\n');
	seed_store_new_id(store, id);
	if (!err)
		err = seed_files_replace(store->tmp, id, store->reuse, file, text, strlen(text), true);
	seed_buf_release(&kept);
	return err;
}

/* Each time it has grown twofold: so a name costs the look at some two others. */
static bool is_due(size_t len, const char *name)
{
	size_t mark = SHORTEN_FROM_BYTES;

	while (mark <= len)
		mark *= 2;
	return len + strlen(name) + 1 >= mark;
}

/* A link, a FIFO, a folder, what has another name, too, or is another user's. */
static errint_t make_way(struct seed_store *store, const char *file)
{
	errint_t err = seed_store_keep_clear(store, store->reuse, file, S_IFREG, 1);

	return err ? err : seed_files_unlink(store->reuse, file);
}

static bool is_none_of_ours(errint_t err)
{
	return err == -EBADMSG || err == -EFBIG || err == -ELOOP || err == -EISDIR || err == -ENXIO || err == -EINVAL;
}

errint_t seed_store_reuse_note(struct seed_store *store, uint64_t key, const char *name,
			       seed_store_key_fn *key_of, bool durable)
{
	char file[SEED_STORE_ID_BYTES], *names = NULL;
	errint_t err;
	size_t len;

	key_name(key, file);
	err = read_names(store, file, &names, &len);
	if (!err && has_line(names, name)) {
		free(names);
		return 0;
	}
	if (!err && key_of && is_due(len, name))
		err = shorten(store, file, names, key, key_of);
	free(names);
	if (!err || err == -ENOENT)
		err = seed_files_add_line(store->reuse, file, name, durable);
	if (is_none_of_ours(err) && make_way(store, file) == 0)
		err = seed_files_add_line(store->reuse, file, name, durable);
	return err;
}

errint_t seed_store_reuse_names(const struct seed_store *store, uint64_t key, char **names)
{
	char file[SEED_STORE_ID_BYTES], *lines = NULL;
	errint_t err;
	size_t len;

	*names = NULL;
	key_name(key, file);
	err = read_names(store, file, &lines, &len);
	/* Earlier versions wrote one name, and no line break. */
	if (!err && asprintf(names, "\n%s", lines) < 0) {
		*names = NULL;
		err = -ENOMEM;
	}
	free(lines);
	return err;
}

static errint_t follow(struct seed_store *store, const char *from, const char *to, seed_store_key_fn *key,
		       bool durable)
{
	struct seed_record record = { 0 };
	errint_t err = seed_store_record_read(store, from, &record);

	if (!err && record.state == SEED_STATE_VERIFIED)
		err = seed_store_reuse_note(store, key(&record), to, NULL, durable);
	seed_record_release(&record);
	return err == -ENOENT ? 0 : err;
}

static errint_t follow_below(struct seed_store *store, const char *from, const char *to,
			     seed_store_key_fn *key)
{
	char old[SEED_STORE_PATH_BYTES], next[SEED_STORE_PATH_BYTES];
	struct seed_names found;
	errint_t err = seed_files_list(store->areas[SEED_AREA_RECORDS], from, &found), first = 0;

	if (err)
		return err == -ENOENT ? 0 : err;
	for (size_t i = 0; i < found.count; i++) {
		const char *file = found.names[i];
		const size_t len = strlen(file), suffix = strlen(".json");
		const bool is_row = len > suffix && strcmp(file + len - suffix, ".json") == 0;
		const int stem = (int)(is_row ? len - suffix : len);

		if (snprintf(old, sizeof(old), "%s/%.*s", from, stem, file) >= (int)sizeof(old) ||
		    snprintf(next, sizeof(next), "%s/%.*s", to, stem, file) >= (int)sizeof(next))
			continue;
		err = is_row ? follow(store, old, next, key, false) : follow_below(store, old, next, key);
		first = first ? first : err;
	}
	seed_names_release(&found);
	return first;
}

errint_t seed_store_reuse_follow(struct seed_store *store, const char *from, const char *to, bool folder,
				 seed_store_key_fn *key, bool durable)
{
	errint_t err = folder ? follow_below(store, from, to, key) : follow(store, from, to, key, durable), synced = 0;

	/* One by one, thousands of names would take minutes. */
	if (folder && durable)
		synced = seed_files_sync_all(store->reuse);
	return err ? err : synced;
}
