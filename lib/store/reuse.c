/* Images that are copied instead of generated again (lib/engine/reuse.c). */
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

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

void seed_store_reuse_note(struct seed_store *store, uint64_t key, const char *name)
{
	char file[SEED_STORE_ID_BYTES], id[SEED_STORE_ID_BYTES];

	key_name(key, file);
	seed_store_new_id(store, id);
	if (seed_files_replace(store->tmp, id, store->reuse, file, name, strlen(name), false))
		SEED_UNUSED(seed_files_unlink(store->reuse, file));
}

char *seed_store_reuse_find(const struct seed_store *store, uint64_t key)
{
	char file[SEED_STORE_ID_BYTES];
	char *name = NULL;
	size_t len;

	key_name(key, file);
	if (seed_files_read(store->reuse, file, SEED_NAME_MAX_BYTES, &name, &len))
		return NULL;
	return name;
}
