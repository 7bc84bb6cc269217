/* A folder that another host has removed or renamed. */
#include <stdio.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Nothing was generated for it. */
static bool is_blank(const struct seed_store *store, const char *name)
{
	char row[SEED_STORE_PATH_BYTES];

	return snprintf(row, sizeof(row), "%s.json", name) < (int)sizeof(row) &&
	       seed_files_exists(store->areas[SEED_AREA_RECORDS], row) == 0 &&
	       !seed_store_has_image(store, name);
}

/* Depth is bounded by the length of a path. */
static errint_t remove_blank(struct seed_store *store, const char *folder)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	char path[SEED_STORE_PATH_BYTES];
	struct seed_names list;
	errint_t err = seed_files_list(dirfd, folder, &list);

	if (err)
		return err == -ENOENT || err == -ENOTDIR ? 0 : err;
	for (size_t i = 0; i < list.count && !err; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, list.names[i]) >= (int)sizeof(path))
			continue;
		if (seed_files_is_folder(dirfd, path))
			err = remove_blank(store, path);
		else if (is_blank(store, path))
			err = seed_files_unlink(dirfd, path);
	}
	seed_names_release(&list);
	return err;
}

/* From the deepest on; what is not empty stays. */
static void remove_folders(struct seed_store *store, const char *folder)
{
	char path[SEED_STORE_PATH_BYTES];
	struct seed_names list;

	if (seed_files_list(store->areas[SEED_AREA_PROMPTS], folder, &list) == 0) {
		for (size_t i = 0; i < list.count; i++)
			if (snprintf(path, sizeof(path), "%s/%s", folder, list.names[i]) < (int)sizeof(path) &&
			    seed_files_is_folder(store->areas[SEED_AREA_PROMPTS], path))
				remove_folders(store, path);
		seed_names_release(&list);
	}
	SEED_UNUSED(seed_store_remove_folder(store, SEED_AREA_PROMPTS, folder) == 0);
}

bool seed_store_has_folder(const struct seed_store *store, const char *folder)
{
	return seed_files_is_folder(store->areas[SEED_AREA_PROMPTS], folder);
}

errint_t seed_store_mirror_no_folder(struct seed_store *store, const char *folder)
{
	errint_t err = seed_store_has_folder(store, folder) ? remove_blank(store, folder) : 0;

	if (!err)
		remove_folders(store, folder);
	return err;
}
