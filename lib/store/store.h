/*
 * The state directory: catalogue, journal, log and lock in one tree that
 * mirrors the mount, so that `ls`, `rsync` and backups understand it.
 *
 *     prompts/NAME            the committed text
 *     images/NAME.png         the verified image; nothing else is ever here
 *     records/NAME.json       the row of lib/record/record.h
 *     history/NAME/0001.png   earlier verified images
 *     pending/ID.json         the journal: one row for each generation in flight,
 *                             or whose outcome waits for a checkpoint
 *     pending/ID.png          its picture while the worker writes it
 *     pending/ID.source       bytes that an answer itself held (no URL to ask again)
 *     pending/ID.move         renames that have begun
 *     pending/ID.bad          an invalid row or list of renames; never looked at
 *     thumbs/KEY.jpg          thumbnails; KEY is the image file's identity
 *     tmp/                    files before their first rename; emptied at the start
 *     log/status, lock
 *
 * A change of several files is journalled first and then done in steps that
 * can be repeated. Functions that write fsync, so they may block: they run on disk
 * threads (lib/engine/disk.h), never on the engine's thread or a FUSE thread. Functions that
 * only read (…_open, …_stat, …_state) are a few system calls and run anywhere.
 */
#ifndef SEED_STORE_H
#define SEED_STORE_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/record/record.h"
#include "lib/record/spent.h"

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
 * process holds it, and the message says which. -EPERM: it belongs to somebody else,
 * or others may write in it. Blocks; before any thread. */
errint_t seed_store_open(const char *path, struct seed_store **store,
			 struct seed_error *error) SEED_MUST_CHECK;
void seed_store_close(struct seed_store *store); /* releases the lock; NULL is allowed */

/* The log for notices about files that are set aside; earlier notices go there now. The
 * log is borrowed. Before any thread. */
struct seed_log;
void seed_store_report_to(struct seed_store *store, struct seed_log *log);

/* Descriptors of the areas and of log/, owned by the store. */
int seed_store_area(const struct seed_store *store, enum seed_area area);
int seed_store_log_dir(const struct seed_store *store);
int seed_store_root(const struct seed_store *store);

/* A new generation's id: greater than every id given before, also by earlier mounts, so
 * that "newer" never depends on a clock. Any thread. */
#define SEED_STORE_ID_BYTES 17
void seed_store_new_id(struct seed_store *store, char id[SEED_STORE_ID_BYTES]);

/* ---- reading; any thread ---- */

/* What the catalogue knows about NAME, from records/NAME.json: 0, -ENOENT (never
 * prompted), -EIO (unreadable row), or a lack (seed_error_is_lack()). `record` is initialised by the call;
 * release it in any case. */
errint_t seed_store_record_read(const struct seed_store *store, const char *name,
				struct seed_record *record) SEED_MUST_CHECK;

/* The same for who looks from outside: while the row changes hands, what it was before. *st has the
 * size and the times of its file. */
errint_t seed_store_record_shown(struct seed_store *store, const char *name, struct seed_record *record,
				 struct stat *st) SEED_MUST_CHECK;

/* The same as text, with the versions that its history has now: malloc'd, the
 * caller's, or NULL and *err. */
char *seed_store_record_text(struct seed_store *store, const char *name, struct stat *st, errint_t *err);

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

/* prompts/NAME, read-only. Descriptor or -errno; the caller's. Only files. A placeholder
 * (below) gives -EACCES, or zeros to whom the kernel lets read everything: an image is opened
 * by seed_store_picture_open(), or its fstat() looked at by seed_store_is_placeholder(). */
int seed_store_open_file(const struct seed_store *store, enum seed_area area, const char *path);

/* "NAME.png" for NAME and so on; false if it does not fit. */
bool seed_store_image_path(const char *name, char path[SEED_STORE_PATH_BYTES]);
bool seed_store_record_path(const char *name, char path[SEED_STORE_PATH_BYTES]);

/* The name after a rename: `name` itself or what is below it in a folder. False
 * if the rename does not concern it. */
bool seed_store_renamed(const char *name, const char *from, const char *to, bool folder,
			char out[SEED_STORE_PATH_BYTES]);

/* Whether there is a prompts/NAME or images/NAME.png. An error that does not answer
 * this (EIO …) counts as yes: nothing is given up for it. */
bool seed_store_has_prompt(const struct seed_store *store, const char *name);
bool seed_store_has_image(const struct seed_store *store, const char *name);

/* The same of the picture that the record is of, by its size: in pending/ or in its place;
 * and of the bytes that came in the answer itself. */
bool seed_store_has_picture(const struct seed_store *store, const struct seed_record *record);
bool seed_store_has_source(const struct seed_store *store, const char *id);

/* The text of prompts/NAME: *text is malloc'd and the caller's, NULL where there
 * is none. */
errint_t seed_store_prompt_read(const struct seed_store *store, const char *name, char **text,
				size_t *len) SEED_MUST_CHECK;

/* Grows with each change of an entry, also over mounts; 15 digits at most. */
uint64_t seed_store_changes(struct seed_store *store);

/* Told of each change once it is on disk, on the thread that made it; `name` NULL: of
 * any number. Set before the engine is made, whose disk threads change things at once. */
typedef void seed_store_told_fn(void *context, const char *name);
void seed_store_tell(struct seed_store *store, seed_store_told_fn *told, void *context);

/* The last changes, in order, with their numbers; `each` runs with a lock held and
 * calls nothing of the store. Returns the last number. Whoever has seen change *first,
 * or a later one, misses nothing. */
typedef void seed_store_change_fn(void *context, uint64_t number, const char *name);
uint64_t seed_store_each_change(struct seed_store *store, seed_store_change_fn *each, void *context,
				uint64_t *first);

/* ---- writing; disk threads only ---- */

/* The journal's row of `record` (its id and step are set) as it stands now. */
errint_t seed_store_journal(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* Begins a generation: journal, the old image to history, the new row,
 * prompts/NAME last. On an error (-ENOSPC …) renames put back what was there; they need
 * no space. May be repeated. */
errint_t seed_store_begin(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* Whether NAME, or the folder that it is in, is being begun, renamed or restored: its image and its row
 * are not where they were, nor where they will be. Any thread. */
bool seed_store_is_changing(struct seed_store *store, const char *name);

/* Goes on with another host's generation: as seed_store_begin(), and if it is superseded, in
 * the journal alone. A rename that was cut off leaves one id under two names, and the other
 * may have ended here. */
errint_t seed_store_take(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* Writes only prompts/NAME, durably: a scratch file was renamed to it, and the existing
 * image is of the same text. `mtime` as in seed_files_write_timed(). */
errint_t seed_store_prompt_write(struct seed_store *store, const char *name, const char *text,
				 struct timespec mtime) SEED_MUST_CHECK;

/* Sets the time of the file prompts/NAME, so it survives renames and mounts. */
errint_t seed_store_prompt_time(struct seed_store *store, const char *name,
				struct timespec mtime) SEED_MUST_CHECK;

/* Writes only the row; `durable`: with fsync. */
errint_t seed_store_record_write(struct seed_store *store, const struct seed_record *record,
				 bool durable) SEED_MUST_CHECK;

/* Ends a generation. Verified: pending/ID.png becomes images/NAME.png, or, if a newer
 * prompt has taken NAME (`superseded`), the next of history/NAME/. Otherwise only
 * the row is written, unless superseded. Then the journal's row is removed; where the
 * image is NAME's now, by the next checkpoint. Each step may be repeated. */
errint_t seed_store_finish(struct seed_store *store, const struct seed_record *record,
			   bool superseded) SEED_MUST_CHECK;

/* Makes durable what seed_store_finish() put in its place, and removes the rows. An
 * error leaves them: the next checkpoint, or the next start, does it. */
errint_t seed_store_checkpoint(struct seed_store *store) SEED_MUST_CHECK;
/* The same within a second or so, on a thread of its own: after seed_store_finish(). */
void seed_store_checkpoint_soon(struct seed_store *store);

/* Removes prompts/NAME; `cancelled` (may be NULL) is the row of what was running.
 * -ENOENT: there is no such prompt. */
errint_t seed_store_remove_prompt(struct seed_store *store, const char *name,
				  const struct seed_record *cancelled) SEED_MUST_CHECK;

/* Renames a whole entry (prompt, image, row, history); journalled. After a failure
 * or a crash it has happened or it has not. An existing image of the target goes
 * to the target's history, and the moved history is appended there. */
errint_t seed_store_move_entry(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;

/* Renames a folder in every area. -ENOTEMPTY: the target holds a prompt or a
 * folder, or the rest of a removed one has a name that this one has, too;
 * -ENAMETOOLONG: a name below it would become too long. */
errint_t seed_store_move_folder(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;
/* Whether it could, as far as what is here says: for whoever asks others first. */
errint_t seed_store_may_move_folder(struct seed_store *store, const char *from, const char *to)
	SEED_MUST_CHECK;

/* Whether a PNG's bytes are whole, as far as it tells itself. Any thread; must not block. */
typedef bool seed_store_whole_fn(const void *data, size_t bytes);

/* Makes history/NAME/0001.png the image images/NAME.png, with its own row;
 * the present image goes to the history. Journalled like a rename. `old` is the
 * file's path below history/. -EAGAIN: a placeholder without the row of its picture. -EBADMSG, with a line in
 * the log: the file is no image, or not the one that its row tells of, or, without such a row, not whole (NULL: that is
 * not asked). Nothing is changed then. */
errint_t seed_store_restore(struct seed_store *store, const char *old, const char *name,
			    seed_store_whole_fn *whole) SEED_MUST_CHECK;

/* A PNG's sides, from its first bytes (PNG, third edition, sections 5.2 and 11.2.1). false: it begins otherwise. */
bool seed_store_read_sides(const void *data, size_t bytes, struct seed_image_info *image);

/* How many earlier images are kept for a name; -1: all. Before any thread. */
void seed_store_keep(struct seed_store *store, int64_t versions);

/* Opens pending/ID.png, empty and writable; descriptor or -errno. Does not wait for a
 * disk: the engine may call it. */
int seed_store_result_open(struct seed_store *store, const char *id);

/* Stores bytes that came in the answer itself, until the generation ends. */
errint_t seed_store_source_write(struct seed_store *store, const char *id, const void *data,
				 size_t len) SEED_MUST_CHECK;
int seed_store_source_open(const struct seed_store *store, const char *id);

/* Removes the journal's row and its files, durably. */
errint_t seed_store_forget(struct seed_store *store, const char *id);

/* Whether NAME's image is that one, by its size and its sum: 0, also where its bytes are not here; -EBADMSG,
 * with a line in the log; or -errno. Reads it all. */
errint_t seed_store_image_check(struct seed_store *store, const char *name, const struct seed_image_info *image)
	SEED_MUST_CHECK;

/* Makes pending/ID.png a copy of NAME's image, fsynced, which is that one. -EAGAIN: its bytes are not here;
 * -EBADMSG: it is another. */
errint_t seed_store_image_copy(struct seed_store *store, const char *name, const struct seed_image_info *image,
			       const char *id)
	SEED_MUST_CHECK;

/* reuse/KEY: the names that may have an image of what has that key, each behind a line break,
 * the newest last. `key_of`: it may be shortened, and what has another key goes; NULL: of names
 * that are to come. A name too many is looked at in vain; a miss generates, and is paid for. So what
 * must not be missed after a crash is noted before it is there, and `durable`. */
typedef uint64_t seed_store_key_fn(const struct seed_record *record);
errint_t seed_store_reuse_note(struct seed_store *store, uint64_t key, const char *name,
			       seed_store_key_fn *key_of, bool durable) SEED_MUST_CHECK;
/* *names is malloc'd. -ENOENT: there are none; -EMFILE … as open(2), -ENOMEM, -EBADMSG … as
 * seed_files_read(). */
errint_t seed_store_reuse_names(const struct seed_store *store, uint64_t key, char **names) SEED_MUST_CHECK;
/* Before an entry, or all below a folder, is renamed: so that a stop in between costs nothing. The first error, as
 * seed_store_reuse_note() and seed_store_record_read(); the others are noted all the same. */
errint_t seed_store_reuse_follow(struct seed_store *store, const char *from, const char *to, bool folder,
				 seed_store_key_fn *key, bool durable) SEED_MUST_CHECK;

/* ---- thumbnails ----
 *
 * A thumbnail belongs to an image file, by its inode number and time, wherever that file
 * is renamed to. So renames, restored images and superseded images need no step, and a
 * thumbnail that does not fit is never found. A missing one is made from the file. thumbs/
 * may be removed at any time. None of these functions waits for a disk: any thread. */

/* Descriptor, the caller's, or -errno; bytes, 0 where there is none. */
int seed_store_thumb_open(const struct seed_store *store, uint64_t file, int64_t time_ns);
off_t seed_store_thumb_size(const struct seed_store *store, uint64_t file, int64_t time_ns);

struct seed_thumb_files {
	int source_fd, dest_fd; /* the image, for reading; the thumbnail: the caller's */
	uint64_t file;
	int64_t time_ns;
	char id[SEED_STORE_ID_BYTES]; /* below tmp/ */
};
/* Opens the image and the thumbnail's new file. -ENOENT: no such image;
 * -EEXIST: there is a thumbnail; -EAGAIN: the image's bytes are not here. On any error nothing
 * is open. */
errint_t seed_store_thumb_begin(struct seed_store *store, enum seed_area area, const char *path,
				struct seed_thumb_files *files) SEED_MUST_CHECK;
/* Shows the thumbnail if it is `made`, else removes what was written. Closes nothing. */
void seed_store_thumb_end(struct seed_store *store, const struct seed_thumb_files *files,
			  bool made);
/* That thumbnail's bytes, malloc'd and the caller's, and the sum of its image, which stands at PATH
 * with its row. -ESTALE: another does by now. Disk threads only. */
errint_t seed_store_thumb_read(const struct seed_store *store, enum seed_area area, const char *path,
			       const struct seed_thumb_files *files, char sum[SEED_SHA256_HEX_BYTES],
			       char **data, size_t *len) SEED_MUST_CHECK;
/* The image at PATH has `sum`: `fd` is its thumbnail. -ESTALE: another stands there by now.
 * -EBADMSG: it is no JPEG. Disk threads only. */
errint_t seed_store_thumb_take(struct seed_store *store, enum seed_area area, const char *path,
			       const char *sum, int fd) SEED_MUST_CHECK;

/* Makes prompts/PATH and the same folder in the other areas. -EEXIST …. */
errint_t seed_store_make_folder(struct seed_store *store, const char *path) SEED_MUST_CHECK;

/* Removes an empty folder; one of prompts/ also in the other areas, where it is empty. */
errint_t seed_store_remove_folder(struct seed_store *store, enum seed_area area,
				  const char *path) SEED_MUST_CHECK;

/* Removes prompts/NAME if it is empty. */
errint_t seed_store_remove_empty(struct seed_store *store, const char *name) SEED_MUST_CHECK;

/* A user removes an image, a record or a version (with its row): in order with
 * whatever else happens to the name. -ENOENT …. */
errint_t seed_store_remove_file(struct seed_store *store, enum seed_area area, const char *path)
	SEED_MUST_CHECK;

/* The submissions of a day. Zeroes where none were written. An error: there is a count, and
 * nobody knows it; `serial` is the last one all the same. Before any thread. */
errint_t seed_store_spent_read(struct seed_store *store, struct seed_spent *spent)
	SEED_MUST_CHECK;
/* Each row that is written to the journal from now on tells it. An older one (by
 * `serial`) never takes the place of a newer one. Any thread. */
void seed_store_spent_note(struct seed_store *store, const struct seed_spent *spent);
/* What was noted is durable, whatever becomes of the journal's rows. */
errint_t seed_store_spent_sync(struct seed_store *store) SEED_MUST_CHECK;

/* ---- names that hosts share (lib/share/entry.h) ----
 *
 * The bucket has the catalogue then. What stands here is this host's copy of it, which
 * everything reads, and its journal. An image whose bytes are not here stands here as a
 * placeholder: a file of its size and time that nobody may read (no r in its mode). So
 * look-ups, versions, listings, renames and the history take it for the image, and
 * only whoever opens the bytes looks whether they are here. */

bool seed_store_is_placeholder(const struct stat *st); /* pure */

/* As seed_store_open_file(). -EAGAIN: a placeholder stands there. Any thread. */
int seed_store_picture_open(const struct seed_store *store, enum seed_area area, const char *path);

/* What a NAME is in the shared store; all borrowed. */
struct seed_mirror_version {
	int number; /* history/NAME/0001.png */
	const struct seed_record *record;
};
struct seed_mirror {
	const struct seed_record *current; /* NULL: no record, no prompt, no image */
	bool has_prompt, has_image, has_record; /* what of it is shown: removed parts are not */
	const struct seed_mirror_version *versions; /* oldest first */
	size_t version_count;
};

/* Makes prompts/NAME, records/NAME.json, images/NAME.png and the versions of history/NAME/ what
 * `mirror` says, and tells of it. Where all is so already, this is a few stats and two small
 * reads. May be repeated: after an error or a stop at any step the next call does the rest.
 *
 * Pictures that are here are kept, also those that became a version or came back, and
 * pending/ID.png of a wanted picture; for others there are placeholders. At any moment a
 * picture that is in place is that of the row beside it: the old image goes, the row is
 * written, the image comes. Nothing is synced, for the bucket has it all: after a power cut this
 * order holds where the file system keeps the order of renames (ext4, XFS, Btrfs do). Elsewhere
 * an image may stand beside another's row: a row is believed only of a file of its size and
 * time, other files are read and hashed, and what is wrong is mended by the next call. (The row of
 * a version whose image is right is not read again; seed_store_restore() does.)
 *
 * In order with the other changes of NAME (its lane). Disk threads only. -EISDIR, -ENOTDIR: a
 * folder or file of somebody is in the way, most often found before anything is changed;
 * -EBADMSG: `mirror` cannot be so. */
errint_t seed_store_mirror(struct seed_store *store, const char *name,
			   const struct seed_mirror *mirror) SEED_MUST_CHECK;

/* FOLDER is no folder in the shared store, and all that is below it there has been mirrored: what is
 * left here are folders, and prompts that nobody has written yet. They go. Images stay, as they
 * outlive prompts. While nothing else changes names below it; disk threads only. */
errint_t seed_store_mirror_no_folder(struct seed_store *store, const char *folder) SEED_MUST_CHECK;
/* … and it is one here. */
bool seed_store_has_folder(const struct seed_store *store, const char *folder);

/* The picture's bytes are in `fd` (whole, and their sum was checked by the caller): they go
 * into the placeholder at PATH, are fsynced, get the placeholder's time, and may be read only
 * then. It stays the same inode, so whoever has looked it up keeps his version; one that
 * is renamed meanwhile is filled where it is. -ESTALE: no placeholder of that size
 * stands there any more. After another error it is a placeholder still. In order with the other
 * changes of the name; disk threads only. */
errint_t seed_store_fill(struct seed_store *store, enum seed_area area, const char *path, int fd,
			 uint64_t bytes) SEED_MUST_CHECK;

/* The image is used now: its time of use, not that of change. Any thread. */
void seed_store_used(struct seed_store *store, int fd);

/* Whether a picture can be had again: `record` is its row. Called on evict's thread. */
typedef bool seed_store_may_go_fn(void *context, enum seed_area area, const char *path,
				  const struct seed_record *record);
/* Makes placeholders of the pictures that were not used for the longest, until the others'
 * bytes are at most `limit_bytes`; *left is what they are then. Those stay for which `may_go`
 * says no, that have no row of theirs, or that the journal still has. Whoever has one open reads
 * on: another file takes its name. Other changes may run beside it. Walks over all
 * images: for rare use. Disk threads only. */
errint_t seed_store_evict(struct seed_store *store, uint64_t limit_bytes,
			  seed_store_may_go_fn *may_go, void *context,
			  uint64_t *left) SEED_MUST_CHECK;

/* Which bucket this directory belongs to, and the id of this host: the file `shared`, made at
 * the first mount. -EBUSY: it is another bucket's; -ENOTEMPTY: there are entries
 * here of which no bucket knows; -EBADMSG: the file is damaged: all with a line. Before any
 * thread. */
#define SEED_STORE_HOST_BYTES 17
errint_t seed_store_bind(struct seed_store *store, const char *bucket_url,
			 char host[SEED_STORE_HOST_BYTES], struct seed_error *error)
	SEED_MUST_CHECK;
/* Whether seed_store_open() would refuse a directory that is there, or seed_store_bind() that bucket
 * (NULL: none). Only looks, also while a mount has the directory. */
errint_t seed_store_check(const char *state, const char *bucket_url,
			  struct seed_error *error) SEED_MUST_CHECK;
/* What is the same whenever this directory is mounted until the machine starts again, and another
 * for each copy of it, on whatever host. After seed_store_bind(). */
#define SEED_STORE_PLACE_BYTES 128
void seed_store_place(const struct seed_store *store, char place[SEED_STORE_PLACE_BYTES]);
/* So, after the bucket has got what is here (lib/adopt/adopt.h): entries are no reason to refuse it.
 * -EBUSY: it belongs to a bucket; -ENOTEMPTY: the journal has generations, of which no bucket
 * knows. */
errint_t seed_store_bind_adopted(struct seed_store *store, const char *bucket_url,
				 struct seed_error *error) SEED_MUST_CHECK;
/* Whether it belongs to one; an error that does not answer this counts as yes. *bucket_url (may
 * be NULL) is malloc'd and the caller's, or NULL where it cannot be told. */
bool seed_store_is_bound(const struct seed_store *store, char **bucket_url);
/* The row of the image at PATH of images/ or history/. As seed_store_record_read(). */
errint_t seed_store_picture_record(const struct seed_store *store, enum seed_area area,
				   const char *path, struct seed_record *record) SEED_MUST_CHECK;

/* The generation's picture, before its end: *data is malloc'd and the caller's. -ENOENT: it has its
 * place in the catalogue already. -EIO: it is not as large as it was. */
errint_t seed_store_picture_read(const struct seed_store *store, const struct seed_record *record,
				 char **data, size_t *len) SEED_MUST_CHECK;

/* ---- at the start, before any thread ---- */

/* Settles renames that had begun, removes leftovers, then calls `each` for every
 * generation in flight, oldest first. `each` takes ownership of the record's
 * contents (it may move them out). `newest` tells whether NAME still belongs to this
 * generation: no newer prompt has taken it. An invalid row is set aside as
 * pending/ID.bad. A row that cannot be read now (-EIO, -ENOMEM …) is an error that
 * names it, because it may stand for something that was paid for. */
typedef errint_t seed_store_pending_fn(void *context, struct seed_record *record, bool newest);
errint_t seed_store_recover(struct seed_store *store, seed_store_pending_fn *each, void *context,
			    struct seed_error *error) SEED_MUST_CHECK;

#endif
