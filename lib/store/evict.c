/* Pictures that were not used for the longest become placeholders. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

struct picture {
	enum seed_area area;
	char *path; /* owned */
	uint64_t bytes;
	struct timespec used;
};

struct walk {
	struct seed_store *store;
	struct picture *pictures;
	size_t count, alloc;
	uint64_t bytes; /* of all */
};

static errint_t add(struct walk *walk, enum seed_area area, const char *path, const struct stat *st)
{
	struct picture *picture = walk->pictures;

	if (walk->count == walk->alloc) {
		size_t alloc = walk->alloc ? 2 * walk->alloc : 64;

		picture = realloc(picture, alloc * sizeof(picture[0]));
		if (!picture)
			return -ENOMEM;
		walk->pictures = picture;
		walk->alloc = alloc;
	}
	picture += walk->count;
	*picture = (struct picture){ .area = area, .path = strdup(path), .used = st->st_atim,
				     .bytes = (uint64_t)st->st_size };
	if (!picture->path)
		return -ENOMEM;
	walk->count++;
	walk->bytes += picture->bytes;
	return 0;
}

static bool is_image_name(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, ".png") == 0;
}

static errint_t find(struct walk *walk, enum seed_area area, const char *folder);

static errint_t find_one(struct walk *walk, enum seed_area area, const char *folder,
			 const char *name)
{
	char path[SEED_STORE_PATH_BYTES];
	const char *slash = *folder ? "/" : "";
	struct stat st;

	/* What has no name of ours, or is gone by now. */
	if (snprintf(path, sizeof(path), "%s%s%s", folder, slash, name) >= (int)sizeof(path) ||
	    fstatat(walk->store->areas[area], path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return find(walk, area, path);
	return S_ISREG(st.st_mode) && !seed_store_is_placeholder(&st) && is_image_name(path) ?
		add(walk, area, path, &st) : 0;
}

/* A path is short, so this does not go deep. */
static errint_t find(struct walk *walk, enum seed_area area, const char *folder)
{
	struct seed_names found;
	errint_t err = seed_files_list(walk->store->areas[area], *folder ? folder : ".", &found);

	if (err)
		return err == -ENOENT || err == -ENOTDIR ? 0 : err;
	for (size_t i = 0; i < found.count && !err; i++)
		err = find_one(walk, area, folder, found.names[i]);
	seed_names_release(&found);
	return err;
}

static int compare_used(const void *a, const void *b)
{
	const struct timespec *x = &((const struct picture *)a)->used;
	const struct timespec *y = &((const struct picture *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* The row of the image, by the size of both. Release `record` in any case. */
static bool has_row(struct seed_store *store, const struct picture *picture,
		    struct seed_record *record)
{
	char path[SEED_STORE_PATH_BYTES];
	char *json = NULL;
	size_t len;
	bool has;

	*record = (struct seed_record){ 0 };
	/* "NAME.json" for "NAME.png", too. */
	if (!seed_store_version_row(picture->path, path) ||
	    seed_files_read(picture->area == SEED_AREA_IMAGES ?
			    store->areas[SEED_AREA_RECORDS] : store->areas[SEED_AREA_HISTORY], path,
			    SEED_RECORD_MAX_BYTES, &json, &len))
		return false;
	has = seed_record_parse(json, len, record) == 0 && record->state == SEED_STATE_VERIFIED &&
	      record->image.bytes == picture->bytes;
	free(json);
	return has;
}

static void told(struct seed_store *store, const struct picture *picture)
{
	char name[SEED_STORE_PATH_BYTES];
	const char *end = strrchr(picture->path, picture->area == SEED_AREA_IMAGES ? '.' : '/');
	size_t len = end ? (size_t)(end - picture->path) : 0;

	memcpy(name, picture->path, len);
	name[len] = '\0';
	seed_store_told(store, name);
}

/* A place changes hands in one step, and only that of the file that was looked at: one that has come
 * there meanwhile is put back. */
static errint_t change_places(struct seed_store *store, const struct picture *picture,
			      const char *file, const struct stat *st)
{
	int dirfd = store->areas[picture->area];
	struct stat out;
	errint_t err = seed_files_exchange(store->tmp, file, dirfd, picture->path);

	if (err == -EOPNOTSUPP) {
		if (fstatat(dirfd, picture->path, &out, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return out.st_ino != st->st_ino ? -ESTALE :
			seed_files_rename(store->tmp, file, dirfd, picture->path);
	}
	if (err || fstatat(store->tmp, file, &out, AT_SYMLINK_NOFOLLOW) < 0)
		return err ? err : -errno;
	if (out.st_ino == st->st_ino)
		return 0;
	err = seed_files_exchange(store->tmp, file, dirfd, picture->path);
	return err ? err : -ESTALE;
}

/* 1: it is a placeholder now; 0: it is none, or another file; or -errno. */
static int replace(struct seed_store *store, const struct picture *picture)
{
	char file[SEED_STORE_ID_BYTES];
	struct timespec times[2];
	struct stat st, new;
	errint_t err;

	if (fstatat(store->areas[picture->area], picture->path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || seed_store_is_placeholder(&st) ||
	    (uint64_t)st.st_size != picture->bytes)
		return 0;
	/* Its other name is in the journal, which compares the two. */
	if (st.st_nlink > 1)
		return 0;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	err = seed_store_placeholder_make(store, picture->bytes, times, file);
	if (err)
		return err;
	if (fstatat(store->tmp, file, &new, AT_SYMLINK_NOFOLLOW) < 0)
		err = -errno;
	if (!err)
		err = change_places(store, picture, file, &st);
	if (!err)
		seed_store_thumb_follow(store, &st, &new);
	SEED_UNUSED(seed_files_unlink(store->tmp, file));
	if (!err)
		told(store, picture);
	return !err ? 1 : err == -ESTALE || err == -ENOENT ? 0 : err;
}

static errint_t evict_until(struct walk *walk, uint64_t limit_bytes, seed_store_may_go_fn *may_go,
			    void *context)
{
	for (size_t i = 0; i < walk->count && walk->bytes > limit_bytes; i++) {
		const struct picture *picture = &walk->pictures[i];
		struct seed_record record;
		int gone = 0;

		if (has_row(walk->store, picture, &record) &&
		    may_go(context, picture->area, picture->path, &record))
			gone = replace(walk->store, picture);
		seed_record_release(&record);
		if (gone < 0)
			return gone;
		if (gone)
			walk->bytes -= picture->bytes;
	}
	return 0;
}

errint_t seed_store_evict(struct seed_store *store, uint64_t limit_bytes,
			  seed_store_may_go_fn *may_go, void *context, uint64_t *left)
{
	struct walk walk = { .store = store };
	errint_t err = find(&walk, SEED_AREA_IMAGES, "");

	if (!err)
		err = find(&walk, SEED_AREA_HISTORY, "");
	if (!err && walk.count)
		qsort(walk.pictures, walk.count, sizeof(walk.pictures[0]), compare_used);
	if (!err)
		err = evict_until(&walk, limit_bytes, may_go, context);
	*left = walk.bytes;
	for (size_t i = 0; i < walk.count; i++)
		free(walk.pictures[i].path);
	free(walk.pictures);
	return err;
}
