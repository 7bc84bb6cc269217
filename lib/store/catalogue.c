/* The catalogue's steps: begin, finish, and what they are made of. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

errint_t seed_store_record_write(struct seed_store *store, const struct seed_record *record,
				 bool durable)
{
	char path[SEED_STORE_PATH_BYTES], temporary[SEED_PENDING_NAME_BYTES];
	struct seed_record row = *record; /* borrows everything */
	struct seed_versions versions;
	char *json;
	errint_t err;

	if (!seed_store_record_path(record->name, path))
		return -ENAMETOOLONG;
	row.id = NULL; /* without the journal's keys */
	seed_versions_read(store, record->name, &versions);
	json = seed_record_format(&row, (const char *const *)versions.names, versions.count);
	seed_versions_release(&versions);
	if (!json)
		return -ENOMEM;
	seed_store_pending_name(temporary, record->id, ".record");
	err = seed_files_replace(store->tmp, temporary, store->areas[SEED_AREA_RECORDS], path, json,
				 strlen(json), durable);
	free(json);
	return err;
}

static errint_t write_prompt(struct seed_store *store, const struct seed_record *record)
{
	char temporary[SEED_PENDING_NAME_BYTES];

	/* A callback's image may have no prompt. */
	if (record->request[0] == '\0')
		return 0;
	seed_store_pending_name(temporary, record->id, ".prompt");
	return seed_files_replace(store->tmp, temporary, store->areas[SEED_AREA_PROMPTS],
				  record->name, record->request, strlen(record->request), true);
}

/* What stood before, where a beginning found no space: renames need none. */
static void undo_begin(struct seed_store *store, const char *name, const char *version)
{
	char row[SEED_STORE_PATH_BYTES];

	if (*version)
		SEED_UNUSED(seed_store_restore(store, version, name) == 0);
	else if (seed_store_record_path(name, row))
		unlinkat(store->areas[SEED_AREA_RECORDS], row, 0);
}

errint_t seed_store_begin(struct seed_store *store, const struct seed_record *record)
{
	char version[SEED_STORE_PATH_BYTES] = "";
	errint_t err;

	err = seed_store_journal(store, record);
	if (err)
		return err;
	err = seed_store_retire(store, record->name, version);
	/* Not durable: until the end the journal's row can write it again. */
	if (!err)
		err = seed_store_record_write(store, record, false);
	if (!err)
		err = write_prompt(store, record);
	if (err)
		undo_begin(store, record->name, version);
	return err;
}

/* The image's time is the moment it was verified, also after a recovery. */
static void stamp(int dirfd, const char *name, int64_t wall_ms)
{
	struct timespec times[2];

	times[0].tv_sec = times[1].tv_sec = (time_t)(wall_ms / 1000);
	times[0].tv_nsec = times[1].tv_nsec = (long)(wall_ms % 1000) * 1000000;
	utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Best effort, as in seed_store_retire(). */
static void write_version_row(struct seed_store *store, const struct seed_record *record,
			      const char *version)
{
	struct seed_record row = *record; /* borrows everything */
	char path[SEED_STORE_PATH_BYTES], temporary[SEED_PENDING_NAME_BYTES];
	char *json;

	row.id = NULL;
	json = seed_record_format(&row, NULL, 0);
	seed_store_pending_name(temporary, record->id, ".version");
	if (json && seed_store_version_row(version, path) &&
	    seed_files_replace(store->tmp, temporary, store->areas[SEED_AREA_HISTORY], path, json,
			       strlen(json), false))
		unlinkat(store->areas[SEED_AREA_HISTORY], path, 0);
	free(json);
}

static errint_t place_image(struct seed_store *store, const struct seed_record *record,
			    bool superseded)
{
	char from[SEED_PENDING_NAME_BYTES], to[SEED_STORE_PATH_BYTES];
	errint_t err;

	seed_store_pending_name(from, record->id, ".png");
	/* Gone: an earlier try of this step moved it already. */
	if (faccessat(store->pending, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	stamp(store->pending, from, record->verified_ms);
	if (superseded) {
		err = seed_store_history_next(store, record->name, to);
		if (!err)
			err = seed_files_move(store->pending, from,
					      store->areas[SEED_AREA_HISTORY], to);
		if (!err) {
			write_version_row(store, record, to);
			seed_store_history_prune(store, record->name);
		}
		return err;
	}
	if (!seed_store_image_path(record->name, to))
		return -ENAMETOOLONG;
	/* Nothing should stand there: it was retired at the beginning. */
	err = seed_store_retire(store, record->name, NULL);
	return err ? err : seed_files_move(store->pending, from, store->areas[SEED_AREA_IMAGES], to);
}

errint_t seed_store_finish(struct seed_store *store, const struct seed_record *record,
			   bool superseded)
{
	errint_t err = 0;

	if (record->state == SEED_STATE_VERIFIED) {
		err = seed_store_journal(store, record);
		if (!err)
			err = place_image(store, record, superseded);
	}
	if (!err && !superseded)
		err = seed_store_record_write(store, record, true);
	if (!err)
		seed_store_forget(store, record->id);
	return err;
}

errint_t seed_store_remove_prompt(struct seed_store *store, const char *name,
				  const struct seed_record *cancelled)
{
	int dirfd = store->areas[SEED_AREA_PROMPTS];
	errint_t err = 0;

	if (unlinkat(dirfd, name, 0) < 0)
		return -errno;
	/* An image that stands came in the same moment: the row is its. */
	if (cancelled && !seed_store_has_image(store, name))
		err = seed_store_record_write(store, cancelled, false);
	if (!err)
		err = seed_files_sync_parent(dirfd, name);
	return err;
}
