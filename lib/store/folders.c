/* Folders of the catalogue, one in each area. */
#include <stdio.h>
#include <string.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

/* prompts/ last, since that one decides. */
static const enum seed_area order[] = {
	SEED_AREA_IMAGES, SEED_AREA_RECORDS, SEED_AREA_HISTORY, SEED_AREA_PROMPTS,
};

/* It may be there already, left from a folder of that name whose images were kept; and what
 * it is in may not, where a user has removed the images. */
static errint_t make_folder(struct seed_store *store, enum seed_area area, const char *path)
{
	errint_t err = area == SEED_AREA_PROMPTS ? 0 :
		seed_files_make_parents(store->areas[area], path);

	if (!err)
		err = seed_files_mkdir(store->areas[area], path, 0755);
	return err == -EEXIST && area != SEED_AREA_PROMPTS &&
	       seed_files_is_folder(store->areas[area], path) ? 0 : err;
}

/* Whether prompts/ has the folder that it is to be made in. */
static bool has_parent(const struct seed_store *store, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[SEED_STORE_PATH_BYTES];

	if (!slash)
		return true;
	return snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path) < (int)sizeof(parent) &&
	       seed_files_is_folder(store->areas[SEED_AREA_PROMPTS], parent);
}

errint_t seed_store_make_folder(struct seed_store *store, const char *path)
{
	errint_t err = seed_store_settle(store);
	size_t i = 0;

	if (!err)
		err = seed_files_exists(store->areas[SEED_AREA_PROMPTS], path);
	if (err)
		return err < 0 ? err : -EEXIST;
	if (!has_parent(store, path))
		return -ENOENT;
	while (i < SEED_ARRAY_LEN(order) && (err = make_folder(store, order[i], path)) == 0)
		i++;
	seed_store_told(store, path);
	if (!err)
		return 0;
	/* Only empty ones: a folder that was already there may go, as rmdir would remove it. */
	for (i = SEED_ARRAY_LEN(order); i-- > 0 && err != -EEXIST;)
		SEED_UNUSED(seed_files_rmdir(store->areas[order[i]], path));
	return err;
}

errint_t seed_store_remove_folder(struct seed_store *store, enum seed_area area, const char *path)
{
	errint_t err = seed_store_settle(store);

	if (!err)
		err = seed_files_rmdir(store->areas[area], path);
	/* Images outlive prompts. */
	for (size_t i = 0; !err && area == SEED_AREA_PROMPTS && i + 1 < SEED_ARRAY_LEN(order); i++)
		SEED_UNUSED(seed_files_rmdir(store->areas[order[i]], path));
	if (!err)
		seed_store_told(store, path);
	return err;
}
