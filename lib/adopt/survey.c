#include "lib/adopt/survey.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/store/files.h"

static const char *const area_names[SEED_AREA_COUNT] = {
	[SEED_AREA_PROMPTS] = "prompts",
	[SEED_AREA_IMAGES] = "images",
	[SEED_AREA_RECORDS] = "records",
	[SEED_AREA_HISTORY] = "history",
};

struct walk {
	int dirfd;
	enum seed_area area;
	struct seed_adopt_survey *survey;
	struct seed_error *error;
};

static errint_t add(struct seed_adopt_list *list, const char *text, size_t len)
{
	if (list->count == list->alloc) {
		size_t alloc = list->alloc ? 2 * list->alloc : 256;
		char **items = reallocarray(list->items, alloc, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->alloc = alloc;
	}
	list->items[list->count] = strndup(text, len);
	return list->items[list->count++] ? 0 : -ENOMEM;
}

static bool has_suffix(const char *path, size_t len, const char *suffix)
{
	size_t suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(path + len - suffix_len, suffix) == 0;
}

/* "NAME/0001.png" */
static bool is_version(const char *path, size_t len)
{
	const char *slash = strrchr(path, '/');
	size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;

	return digits >= 4 && has_suffix(path, len, ".png") && slash[1 + digits] == '.' &&
	       slash[1 + digits + 4] == '\0';
}

/* The NAME of which this file is a part: how long it is in `path`; 0: of none. */
static size_t name_in(enum seed_area area, const char *path)
{
	size_t len = strlen(path);

	switch (area) {
	case SEED_AREA_PROMPTS:
		return len;
	case SEED_AREA_IMAGES:
		return has_suffix(path, len, ".png") ? len - strlen(".png") : 0;
	case SEED_AREA_RECORDS:
		return has_suffix(path, len, ".json") ? len - strlen(".json") : 0;
	case SEED_AREA_HISTORY:
		return is_version(path, len) ? (size_t)(strrchr(path, '/') - path) : 0;
	case SEED_AREA_COUNT:
		break;
	}
	return 0;
}

static errint_t look_in(struct walk *walk, const char *folder);

static errint_t look_at(struct walk *walk, const char *folder, const char *file)
{
	struct seed_adopt_survey *survey = walk->survey;
	char path[SEED_STORE_PATH_BYTES];
	struct stat st;
	errint_t err;
	size_t len;

	if (snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", file) >= (int)sizeof(path))
		return seed_error_set(walk->error, ENAMETOOLONG, "%s/%s/%s in the state directory is no name "
				      "of seedfs: move it away", area_names[walk->area], folder, file);
	if (fstatat(walk->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return seed_error_set(walk->error, errno, "%s/%s in the state directory: %s",
				      area_names[walk->area], path, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		err = walk->area == SEED_AREA_PROMPTS ? add(&survey->folders, path, strlen(path)) : 0;
		return err ? err : look_in(walk, path);
	}
	len = S_ISREG(st.st_mode) ? name_in(walk->area, path) : 0;
	return len ? add(&survey->names, path, len) : 0;
}

/* A path is short, so this does not go deep. */
static errint_t look_in(struct walk *walk, const char *folder)
{
	struct seed_names found;
	errint_t err = seed_files_list(walk->dirfd, *folder ? folder : ".", &found);

	if (err)
		return seed_error_set(walk->error, -err, "%s/%s in the state directory: %s",
				      area_names[walk->area], folder, strerror(-err));
	for (size_t i = 0; i < found.count && !err; i++)
		err = look_at(walk, folder, found.names[i]);
	seed_names_release(&found);
	return err;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct seed_adopt_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(list->items[0]), compare);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && strcmp(list->items[kept - 1], list->items[i]) == 0)
			free(list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

errint_t seed_adopt_survey(const struct seed_store *store, struct seed_adopt_survey *survey,
			   struct seed_error *error)
{
	errint_t err = 0;

	*survey = (struct seed_adopt_survey){ .names.count = 0 };
	error->code = 0;
	for (int area = 0; area < SEED_AREA_COUNT && !err; area++) {
		struct walk walk = { .area = (enum seed_area)area, .survey = survey, .error = error };

		walk.dirfd = seed_store_area(store, walk.area);
		err = look_in(&walk, "");
	}
	if (err)
		return error->code ? -error->code : seed_error_set(error, -err, "out of memory");
	sort(&survey->folders);
	sort(&survey->names);
	return 0;
}

static void release(struct seed_adopt_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct seed_adopt_list){ .count = 0 };
}

void seed_adopt_survey_release(struct seed_adopt_survey *survey)
{
	release(&survey->folders);
	release(&survey->names);
}
