#include "lib/page/entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The area itself is level 1. */
#define LEVELS_MAX SEED_NAME_MAX_PARTS

struct walk {
	struct seed_store *store;
	struct seed_page_entries *entries;
	enum seed_area area;
	const char *suffix;
	size_t looked;
};

/* Newest first; by name where the times are equal, so that the order is always the same. */
static int compare(const void *first, const void *second)
{
	const struct seed_page_entry *a = first, *b = second;

	if (a->time.tv_sec != b->time.tv_sec)
		return a->time.tv_sec > b->time.tv_sec ? -1 : 1;
	if (a->time.tv_nsec != b->time.tv_nsec)
		return a->time.tv_nsec > b->time.tv_nsec ? -1 : 1;
	return strcmp(a->name, b->name);
}

static errint_t add(struct seed_page_entries *entries, const char *name, const struct stat *st,
		    bool has_image)
{
	struct seed_page_entry entry = { .name = strdup(name), .time = st->st_mtim,
					 .has_image = has_image };

	if (!entry.name)
		return -ENOMEM;
	if (entries->count == entries->alloc) {
		size_t alloc = entries->alloc ? 2 * entries->alloc : 256;
		void *list = realloc(entries->list, alloc * sizeof(entries->list[0]));

		if (!list) {
			free(entry.name);
			return -ENOMEM;
		}
		entries->list = list;
		entries->alloc = alloc;
	}
	entries->list[entries->count++] = entry;
	entries->images += has_image;
	return 0;
}

static errint_t look_at_file(struct walk *walk, const char *path, const struct stat *st)
{
	size_t len = strlen(path), suffix_len = strlen(walk->suffix);
	char name[SEED_STORE_PATH_BYTES];

	if (len <= suffix_len || len >= sizeof(name) ||
	    strcmp(path + len - suffix_len, walk->suffix) != 0)
		return 0;
	memcpy(name, path, len - suffix_len);
	name[len - suffix_len] = '\0';
	/* Rows count only for prompts that have no image. */
	if (walk->area == SEED_AREA_RECORDS &&
	    (seed_store_has_image(walk->store, name) || !seed_store_has_prompt(walk->store, name)))
		return 0;
	return add(walk->entries, name, st, walk->area == SEED_AREA_IMAGES);
}

static errint_t walk_folder(struct walk *walk, const char *folder, int level);

static errint_t look(struct walk *walk, const char *path, int level)
{
	struct stat st;

	if (fstatat(seed_store_area(walk->store, walk->area), path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno; /* gone meanwhile */
	if (S_ISDIR(st.st_mode))
		return walk_folder(walk, path, level + 1);
	return S_ISREG(st.st_mode) ? look_at_file(walk, path, &st) : 0;
}

static errint_t walk_entries(struct walk *walk, const char *folder, DIR *entries, int level)
{
	char path[SEED_STORE_PATH_BYTES];
	struct dirent *entry;
	errint_t err = 0;

	while (!err && (entry = readdir(entries)) != NULL) {
		int len = snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "",
				   entry->d_name);

		/* "." and "..", too: no NAME begins with a dot. */
		if (entry->d_name[0] == '.' || len >= (int)sizeof(path))
			continue;
		if (walk->looked == SEED_PAGE_LOOKED_MAX) {
			walk->entries->cut = true;
			break;
		}
		walk->looked++;
		err = look(walk, path, level);
	}
	return err;
}

/* At most LEVELS_MAX deep, with one open folder for each level. */
static errint_t walk_folder(struct walk *walk, const char *folder, int level)
{
	DIR *entries;
	errint_t err;
	int fd;

	if (level > LEVELS_MAX) {
		walk->entries->cut = true;
		return 0;
	}
	fd = openat(seed_store_area(walk->store, walk->area), *folder ? folder : ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	entries = fdopendir(fd);
	if (!entries) {
		close(fd);
		return -ENOMEM;
	}
	err = walk_entries(walk, folder, entries, level);
	closedir(entries);
	return err;
}

errint_t seed_page_entries_read(struct seed_store *store, struct seed_page_entries *entries)
{
	struct walk images = { store, entries, SEED_AREA_IMAGES, ".png", 0 };
	struct walk rows = { store, entries, SEED_AREA_RECORDS, ".json", 0 };
	errint_t err;

	*entries = (struct seed_page_entries){ 0 };
	err = walk_folder(&images, "", 1);
	if (!err)
		err = walk_folder(&rows, "", 1);
	if (entries->count)
		qsort(entries->list, entries->count, sizeof(entries->list[0]), compare);
	while (entries->count > SEED_PAGE_ENTRIES_MAX)
		free(entries->list[--entries->count].name);
	return err;
}

void seed_page_entries_release(struct seed_page_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->list[i].name);
	free(entries->list);
	*entries = (struct seed_page_entries){ 0 };
}
