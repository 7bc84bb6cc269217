/*
 * The state directory: catalogue, journal, log and lock in one tree that
 * mirrors the mount, so that `ls`, `rsync` and backups understand it.
 *
 *     prompts/NAME            the committed text
 *     images/NAME.png         the verified image; nothing else is ever here
 *     records/NAME.json       the row of lib/record/record.h
 *     history/NAME/0001.png   earlier verified images
 *     pending/ID.json         the journal: one row for each generation in flight
 *     pending/ID.png          its picture while the worker writes it
 *     pending/ID.source       bytes that an answer itself held (no URL to ask again)
 *     pending/ID.move         renames that have begun
 *     pending/ID.bad          a row or a move that was none; never looked at
 *     thumbs/KEY.jpg          thumbnails; KEY is the image file's identity
 *     tmp/                    files before their first rename; swept at the start
 *     log/status, lock
 *
 * A change of several files is journalled first and then done in steps that
 * can be repeated. Writing functions fsync and so may block: they run on disk
 * threads (lib/engine/disk.h), never on the engine's or a FUSE thread. Functions that
 * only look (…_open, …_stat, …_state) are a few system calls and run anywhere.
 */
#ifndef SEED_STORE_H
#define SEED_STORE_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/record/record.h"

struct seed_store;
struct stat;

enum seed_area {
	SEED_AREA_PROMPTS,
	SEED_AREA_IMAGES,
	SEED_AREA_RECORDS,
	SEED_AREA_HISTORY,
	SEED_AREA_COUNT
};

/* A path below an area: NAME, its suffix and NUL. */
#define SEED_STORE_PATH_BYTES (SEED_NAME_MAX_BYTES + 16)

/* Opens or makes the directory (0700) and takes its lock. -EBUSY: another
 * process holds it, and the message says which. -EPERM: it is somebody else's,
 * or others may write in it. Blocks; before any thread. */
errint_t seed_store_open(const char *path, struct seed_store **store,
			 struct seed_error *error) SEED_MUST_CHECK;
void seed_store_close(struct seed_store *store); /* releases the lock; NULL is allowed */

/* Where what is set aside is said; what was found before goes there now. The log
 * is borrowed. Before any thread. */
struct seed_log;
void seed_store_report_to(struct seed_store *store, struct seed_log *log);

/* Descriptors of the areas and of log/, owned by the store. */
int seed_store_area(const struct seed_store *store, enum seed_area area);
int seed_store_log_dir(const struct seed_store *store);
int seed_store_root(const struct seed_store *store);

/* A new generation's id: sorts after every id given before, also those of
 * earlier mounts, so that "newer" never asks a clock. Any thread. */
#define SEED_STORE_ID_BYTES 17
void seed_store_new_id(struct seed_store *store, char id[SEED_STORE_ID_BYTES]);

/* ---- looking; any thread ---- */

/* What the catalogue says of NAME, from records/NAME.json: 0, -ENOENT (never
 * prompted), -EIO (unreadable row). `record` is initialised by the call;
 * release it in any case. */
errint_t seed_store_record_read(const struct seed_store *store, const char *name,
				struct seed_record *record) SEED_MUST_CHECK;

/* The same as text, with the versions that its history has now: malloc'd, the
 * caller's, or NULL and *err. */
char *seed_store_record_text(const struct seed_store *store, const char *name, errint_t *err);

/* The versions of NAME, oldest first. */
struct seed_versions {
	char **names; /* "0001.png"; owned */
	size_t count;
	bool others;  /* there is more than versions and their rows */
};
/* An error leaves an empty list. */
errint_t seed_versions_read(const struct seed_store *store, const char *name,
			    struct seed_versions *list) SEED_MUST_CHECK;
void seed_versions_release(struct seed_versions *list);

/* prompts/NAME, read-only. Descriptor or -errno; the caller's. Only files. */
int seed_store_open_file(const struct seed_store *store, enum seed_area area, const char *path);

/* "NAME.png" for NAME and so on; false if it does not fit. */
bool seed_store_image_path(const char *name, char path[SEED_STORE_PATH_BYTES]);
bool seed_store_record_path(const char *name, char path[SEED_STORE_PATH_BYTES]);

/* The name after a rename: `name` itself or what is below it in a folder. False
 * if the rename does not concern it. */
bool seed_store_renamed(const char *name, const char *from, const char *to, bool folder,
			char out[SEED_STORE_PATH_BYTES]);

/* Whether prompts/NAME or images/NAME.png stands. An error that is none of the
 * answers (EIO …) counts as there: nothing is given up for it. */
bool seed_store_has_prompt(const struct seed_store *store, const char *name);
bool seed_store_has_image(const struct seed_store *store, const char *name);

/* The text of prompts/NAME: *text is malloc'd and the caller's, NULL where there
 * is none. */
errint_t seed_store_prompt_read(const struct seed_store *store, const char *name, char **text,
				size_t *len) SEED_MUST_CHECK;

/* Grows with each change of an entry, also over mounts; 15 digits at most. */
uint64_t seed_store_changes(struct seed_store *store);

/* The last changes, in order, with their numbers; `each` runs with a lock held and
 * calls nothing of the store. Returns the last's number; *first: who has seen that
 * one, or a later one, misses nothing. */
typedef void seed_store_change_fn(void *context, uint64_t number, const char *name);
uint64_t seed_store_each_change(struct seed_store *store, seed_store_change_fn *each, void *context,
				uint64_t *first);

/* ---- writing; disk threads only ---- */

/* The journal's row of `record` (its id and step are set) as it stands now. */
errint_t seed_store_journal(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* Begins a generation: journal, the old image to history, the new row,
 * prompts/NAME last. -ENOSPC and so on: what was there is put back, by renames,
 * which need no space. May be repeated. */
errint_t seed_store_begin(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* prompts/NAME alone, durably: the text of the image that is there (a rename of a
 * scratch file). `mtime` as in seed_files_write_timed(). */
errint_t seed_store_prompt_write(struct seed_store *store, const char *name, const char *text,
				 struct timespec mtime) SEED_MUST_CHECK;

/* The time of prompts/NAME, which is its file's: so it survives renames and
 * mounts. One system call without fsync: any thread. */
errint_t seed_store_prompt_time(struct seed_store *store, const char *name,
				struct timespec mtime) SEED_MUST_CHECK;

/* The row alone; `durable`: with fsync. */
errint_t seed_store_record_write(struct seed_store *store, const struct seed_record *record,
				 bool durable) SEED_MUST_CHECK;

/* The end of a generation. Verified: pending/ID.png becomes images/NAME.png,
 * or, where a newer prompt has taken NAME (`superseded`), the next of
 * history/NAME/. Otherwise only the row is written (not if superseded). Then the
 * journal's row goes. Each step may be repeated. */
errint_t seed_store_finish(struct seed_store *store, const struct seed_record *record,
			   bool superseded) SEED_MUST_CHECK;

/* prompts/NAME goes; `cancelled` (may be NULL) is the row of what was running.
 * -ENOENT where there is no such prompt. */
errint_t seed_store_remove_prompt(struct seed_store *store, const char *name,
				  const struct seed_record *cancelled) SEED_MUST_CHECK;

/* Renames a whole entry (prompt, image, row, history); journalled. If it fails
 * or is cut off it has happened or not. An image that stands at the target goes
 * to the target's history, and the moved history is appended there. */
errint_t seed_store_move_entry(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;

/* Renames a folder in every area. -ENOTEMPTY where the target holds a prompt or
 * folder, or what is left of another has a name of this one's;
 * -ENAMETOOLONG where a name below it would become none. */
errint_t seed_store_move_folder(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;

/* history/NAME/0001.png becomes images/NAME.png with the row that belongs to it;
 * the present image goes to the history. Journalled like a rename. `old`: the
 * file's path below history/. */
errint_t seed_store_restore(struct seed_store *store, const char *old, const char *name)
	SEED_MUST_CHECK;

/* How many earlier images are kept for a name; -1: all. Before any thread. */
void seed_store_keep(struct seed_store *store, int64_t versions);

/* pending/ID.png, empty and writable; descriptor or -errno. Does not wait for a
 * disk: the engine may call it. */
int seed_store_result_open(struct seed_store *store, const char *id);

/* Bytes that came in the answer itself, kept until the generation ends. */
errint_t seed_store_source_write(struct seed_store *store, const char *id, const void *data,
				 size_t len) SEED_MUST_CHECK;
int seed_store_source_open(const struct seed_store *store, const char *id);

/* The journal's row and what belongs to it is removed, durably. */
errint_t seed_store_forget(struct seed_store *store, const char *id);

/* pending/ID.png becomes a copy of NAME's image, fsynced. */
errint_t seed_store_image_copy(struct seed_store *store, const char *name, const char *id)
	SEED_MUST_CHECK;

/* reuse/KEY: where an image was made last. Best effort: a miss only generates. */
void seed_store_reuse_note(struct seed_store *store, uint64_t key, const char *name);
char *seed_store_reuse_find(const struct seed_store *store, uint64_t key); /* malloc'd or NULL */

/* ---- thumbnails ----
 *
 * One belongs to an image file, by its number and time, wherever that is renamed
 * to: so renames, restored and superseded images need nothing, and what does not
 * fit is not found. It is made from the file when it is missing; thumbs/ may be
 * removed at any time. None of these waits for a disk: any thread. */

/* Descriptor, the caller's, or -errno; bytes, 0 where there is none. */
int seed_store_thumb_open(const struct seed_store *store, uint64_t file, int64_t time_ns);
off_t seed_store_thumb_size(const struct seed_store *store, uint64_t file, int64_t time_ns);

struct seed_thumb_files {
	int source_fd, dest_fd; /* the image, for reading; the thumbnail: the caller's */
	uint64_t file;
	int64_t time_ns;
	char id[SEED_STORE_ID_BYTES]; /* below tmp/ */
};
/* Opens what it is made of and what it is written to. -ENOENT: no such image;
 * -EEXIST: it is there; …: nothing is open. */
errint_t seed_store_thumb_begin(struct seed_store *store, enum seed_area area, const char *path,
				struct seed_thumb_files *files) SEED_MUST_CHECK;
/* It is `made`, and is shown; or what was written goes. Closes nothing. */
void seed_store_thumb_end(struct seed_store *store, const struct seed_thumb_files *files,
			  bool made);

/* Makes prompts/PATH and the same folder in the other areas. -EEXIST …. */
errint_t seed_store_make_folder(struct seed_store *store, const char *path) SEED_MUST_CHECK;

/* A folder that is empty; one of prompts/ in the other areas, too, where it is. */
errint_t seed_store_remove_folder(struct seed_store *store, enum seed_area area,
				  const char *path) SEED_MUST_CHECK;

/* prompts/NAME, if nothing is in it. */
errint_t seed_store_remove_empty(struct seed_store *store, const char *name) SEED_MUST_CHECK;

/* A user's removal of an image, a record or a version (its row with it): in
 * order with what else is done to the name. -ENOENT …. */
errint_t seed_store_remove_file(struct seed_store *store, enum seed_area area, const char *path)
	SEED_MUST_CHECK;

/* Submissions of a day, for the budget and for who asks. */
#define SEED_SPENT_USERS 32
struct seed_spent {
	int64_t day; /* days since 1970, UTC */
	int64_t count;
	uint64_t serial; /* grows with each change, in memory: the later one counts */
	double cost;     /* of its images, as the service told it */
	/* By who wrote the prompts; uid -1: not known, or no place left. */
	struct { int64_t uid, count; } users[SEED_SPENT_USERS];
};
/* Zeroes where none were written. An error: there is a count, and nobody knows
 * it. Before any thread. */
errint_t seed_store_spent_read(const struct seed_store *store, struct seed_spent *spent)
	SEED_MUST_CHECK;
/* Durable. An older one (by `serial`) never takes the place of a newer one. */
errint_t seed_store_spent_write(struct seed_store *store, struct seed_spent spent) SEED_MUST_CHECK;

/* ---- at the start, before any thread ---- */

/* Settles renames that had begun, sweeps leftovers, then calls `each` for every
 * generation in flight, oldest first; `each` takes ownership of the record's
 * contents (it may move them out). `newest` tells whether NAME is still this
 * one's: no newer prompt has taken it. A row that is none is set aside as
 * pending/ID.bad; one that cannot be read now (-EIO, -ENOMEM …) is an error that
 * names it, for what it stands for may have been paid. */
typedef errint_t seed_store_pending_fn(void *context, struct seed_record *record, bool newest);
errint_t seed_store_recover(struct seed_store *store, seed_store_pending_fn *each, void *context,
			    struct seed_error *error) SEED_MUST_CHECK;

#endif
