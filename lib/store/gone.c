/* A folder that another host has removed or renamed, with all that is below it here. */
#include <stdio.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

static const struct seed_mirror nothing;

/* What is no entry's (tmp files of others, folders of versions) stays, and so does its folder. */
static errint_t remove_name(struct seed_store *store, enum seed_area area, const char *path)
{
	char name[SEED_STORE_PATH_BYTES];
	size_t len = strlen(path), suffix = area == SEED_AREA_PROMPTS ? 0 : 5; /* ".json" */

	if (len >= sizeof(name) || len <= suffix)
		return 0;
	memcpy(name, path, len - suffix);
	name[len - suffix] = '\0';
	if (suffix && strcmp(path + len - suffix, ".json") != 0)
		return 0;
	return seed_store_mirror(store, name, &nothing);
}

/* Depth is bounded by the length of a path. */
static errint_t remove_below(struct seed_store *store, enum seed_area area, const char *folder)
{
	char path[SEED_STORE_PATH_BYTES];
	struct seed_names list;
	errint_t err = seed_files_list(store->areas[area], folder, &list);

	if (err)
		return err == -ENOENT || err == -ENOTDIR ? 0 : err;
	for (size_t i = 0; i < list.count && !err; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, list.names[i]) >= (int)sizeof(path))
			continue;
		if (seed_files_is_folder(store->areas[area], path))
			err = remove_below(store, area, path);
		else
			err = remove_name(store, area, path);
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

errint_t seed_store_mirror_no_folder(struct seed_store *store, const char *folder)
{
	static const enum seed_area areas[] = { SEED_AREA_PROMPTS, SEED_AREA_RECORDS };
	errint_t err = 0;

	if (!seed_files_is_folder(store->areas[SEED_AREA_PROMPTS], folder))
		return 0;
	for (size_t i = 0; i < SEED_ARRAY_LEN(areas) && !err; i++)
		err = remove_below(store, areas[i], folder);
	if (!err)
		remove_folders(store, folder);
	return err;
}
