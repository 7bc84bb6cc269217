/* The top of the mount: the areas and the files beside them. */
#include "fs/fs.h"

struct top {
	const char *name;
	const struct node_type *type;
};

static const struct top tops[] = {
	{ "prompts", &prompts_folder },
	{ "images", &images_folder },
	{ "records", &records_folder },
	{ "history", &history_folder },
	{ "thumbs", &thumbs_folder },
	{ "callbacks", &callbacks_folder },
	{ "status", &status_file },
	{ "queue", &queue_file },
	{ "metrics", &metrics_file },
	{ "index.html", &index_file },
	{ "gallery.json", &gallery_file },
	{ "README", &readme_file },
};

static errint_t root_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s)
{
	*st = (struct stat){ 0 };
	st->st_nlink = 2;
	st->st_mtim = st->st_ctim = st->st_atim = fs->started;
	attributes_folder(fs, inode, st);
	*timeout_s = 1;
	return 0;
}

static errint_t root_lookup(struct fs *fs, const struct node_type *folder, const char *path,
			    const char *name, struct found *found)
{
	SEED_UNUSED(folder);
	SEED_UNUSED(path);
	SEED_UNUSED(fs);
	for (size_t i = 0; i < SEED_ARRAY_LEN(tops); i++) {
		if (strcmp(tops[i].name, name) != 0)
			continue;
		found->type = tops[i].type;
		return 0;
	}
	return -ENOENT;
}

static errint_t root_list(struct fs *fs, const struct node_type *folder, const char *path,
			  struct seed_buf *listing)
{
	bool ok = listing_add(listing, ".", true) && listing_add(listing, "..", true);

	SEED_UNUSED(fs);
	SEED_UNUSED(folder);
	SEED_UNUSED(path);
	for (size_t i = 0; ok && i < SEED_ARRAY_LEN(tops); i++)
		ok = listing_add(listing, tops[i].name, tops[i].type->is_folder);
	return ok ? 0 : -ENOMEM;
}

const struct node_type root_folder = {
	.is_folder = true,
	.getattr = root_getattr,
	.lookup = root_lookup,
	.list = root_list,
};
