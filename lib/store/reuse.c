/* Images that are copied instead of generated again (lib/engine/reuse.c). */
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Of one text; half of it is kept, when it is full. */
#define NAMES_MAX_BYTES 16384

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

errint_t seed_store_image_copy(struct seed_store *store, const char *name, const char *id)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = 0;
	int from, to;

	if (!seed_store_image_path(name, path))
		return -ENAMETOOLONG;
	from = seed_store_picture_open(store, SEED_AREA_IMAGES, path);
	if (from < 0)
		return from;
	to = seed_store_result_open(store, id);
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

/* The newer half of the names stays. A name that another thread adds meanwhile may be lost. */
static errint_t shorten(struct seed_store *store, const char *file, const char *names, size_t len)
{
	const char *keep = strchr(names + len / 2, '\n');
	char id[SEED_STORE_ID_BYTES];

	if (!keep)
		return seed_files_unlink(store->reuse, file);
	seed_store_new_id(store, id);
	return seed_files_replace(store->tmp, id, store->reuse, file, keep, strlen(keep), false);
}

void seed_store_reuse_note(struct seed_store *store, uint64_t key, const char *name)
{
	char file[SEED_STORE_ID_BYTES], *names = NULL;
	errint_t err;
	size_t len;

	key_name(key, file);
	err = seed_files_read(store->reuse, file, NAMES_MAX_BYTES, &names, &len);
	if (!err && has_line(names, name)) {
		free(names);
		return;
	}
	if (!err && len > NAMES_MAX_BYTES / 2)
		err = shorten(store, file, names, len);
	else if (err == -EFBIG) /* not one of ours */
		err = seed_files_unlink(store->reuse, file);
	free(names);
	if (!err || err == -ENOENT)
		SEED_UNUSED(seed_files_add_line(store->reuse, file, name) == 0);
}

char *seed_store_reuse_names(const struct seed_store *store, uint64_t key)
{
	char file[SEED_STORE_ID_BYTES];
	char *lines = NULL, *names = NULL;
	size_t len;

	key_name(key, file);
	/* Earlier versions wrote one name, and no line break. */
	if (seed_files_read(store->reuse, file, NAMES_MAX_BYTES, &lines, &len) == 0 &&
	    asprintf(&names, "\n%s", lines) < 0)
		names = NULL;
	free(lines);
	return names;
}

static void follow(struct seed_store *store, const char *from, const char *to, seed_store_key_fn *key)
{
	struct seed_record record = { 0 };

	if (seed_store_record_read(store, from, &record) == 0 && record.state == SEED_STATE_VERIFIED)
		seed_store_reuse_note(store, key(&record), to);
	seed_record_release(&record);
}

static void follow_below(struct seed_store *store, const char *from, const char *to,
			 seed_store_key_fn *key)
{
	char old[SEED_STORE_PATH_BYTES], next[SEED_STORE_PATH_BYTES];
	struct seed_names found;

	if (seed_files_list(store->areas[SEED_AREA_RECORDS], from, &found))
		return;
	for (size_t i = 0; i < found.count; i++) {
		const char *file = found.names[i];
		const size_t len = strlen(file), suffix = strlen(".json");
		const bool is_row = len > suffix && strcmp(file + len - suffix, ".json") == 0;
		const int stem = (int)(is_row ? len - suffix : len);

		if (snprintf(old, sizeof(old), "%s/%.*s", from, stem, file) >= (int)sizeof(old) ||
		    snprintf(next, sizeof(next), "%s/%.*s", to, stem, file) >= (int)sizeof(next))
			continue;
		if (is_row)
			follow(store, old, next, key);
		else
			follow_below(store, old, next, key);
	}
	seed_names_release(&found);
}

void seed_store_reuse_follow(struct seed_store *store, const char *from, const char *to, bool folder,
			     seed_store_key_fn *key)
{
	if (folder)
		follow_below(store, from, to, key);
	else
		follow(store, from, to, key);
}
