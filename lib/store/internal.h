/*
 * What the files of lib/store/ share. They are in layers, and each calls only the
 * layers below it (`make lint`):
 *
 *     recover              what was in flight at the last stop
 *     move, restore        renames of entries and folders; a version made current
 *     gone                 a folder that the shared store has no more
 *     mirror, slots        an entry as the shared store has it
 *     entry, folders       begin, finish, remove
 *     bind                 which bucket the directory belongs to
 *     transfer             pictures to and from a store that hosts share
 *     history              versions: numbers, retiring, pruning
 *     settle               lists of renames in the journal: carried out, taken back
 *     renames              lists of renames in memory
 *     checkpoint           outcomes made durable, and their rows removed
 *     changing             names in the midst of a change
 *     journal, rows        pending/ID.*; prompts/, images/, records/
 *     lines                a row of the journal as a file
 *     evict                pictures become placeholders
 *     thumbs, reuse, spent files that no change of a name depends on
 *     pictures             image files, and placeholders of them
 *     store, changes       the directory; which names have changed
 *     files                what reaches the disk
 */
#ifndef SEED_STORE_INTERNAL_H
#define SEED_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/store/files.h"
#include "lib/store/renames.h"
#include "lib/store/store.h"

#define SEED_CHANGES_KEPT 64
struct seed_changes {
	pthread_mutex_t mutex; /* a leaf */
	uint64_t first, last;  /* numbers; those behind `first` are kept */
	char names[SEED_CHANGES_KEPT][SEED_NAME_MAX_BYTES + 1]; /* by number */
	seed_store_told_fn *told; /* NULL: nobody */
	void *told_context;
};

/* A name whose image and row are not where they were, nor where they will be (changing.c). */
struct seed_changing {
	const char *name; /* whoever changes it owns it; NULL: none */
	char *row;        /* as it was before; owned, may be NULL */
	size_t row_len;
	struct stat st;   /* of its file */
};

/* What stands in the catalogue and is not durable there yet (checkpoint.c). */
struct seed_finished {
	char *name; /* owned by the list */
	char id[SEED_STORE_ID_BYTES];
	errint_t err, folders_err; /* a checkpoint's own */
};

struct seed_store {
	struct seed_changes changes;
	int root, lock; /* descriptors, as are these */
	union {
		int places[SEED_PLACE_COUNT];
		struct {
			int areas[SEED_AREA_COUNT], pending, tmp, log, reuse, thumbs;
		};
	};
	_Atomic uint64_t last_id;
	uint64_t id_salt; /* 12 bits: hosts that share names should not make the same ids */
	pthread_mutex_t spent_mutex; /* held over a rename or a small write */
	struct seed_spent spent;     /* as noted last */
	uint64_t spent_placed, spent_durable; /* serials of the file `spent` */
	int64_t keep; /* versions in history/NAME/; -1: all */
	/* A list of renames in pending/ could be neither finished nor taken back:
	 * nothing is changed before it is settled. */
	atomic_bool unsettled;
	/* Rows of beginnings that failed and could not be removed from the journal: at
	 * most one for each disk thread, since no other begins. */
	char dead[16][SEED_STORE_ID_BYTES];
	size_t dead_count; /* under the mutex */
	struct seed_changing changing[16]; /* a disk thread has two at most */
	pthread_mutex_t changing_mutex;    /* a leaf */
	struct seed_log *reporter; /* NULL: not yet */
	char *notes[16];           /* for it; owned */
	size_t note_count;
	pthread_mutex_t settle_mutex; /* disk threads wait here only while that is so */
	pthread_mutex_t checkpoint_mutex; /* held over the disk; disk threads only */
	pthread_mutex_t finished_mutex;   /* a leaf */
	pthread_cond_t finished_cond;
	struct seed_finished *finished;
	size_t finished_count, finished_alloc;
	pthread_t checkpointer;
	bool has_checkpointer, closing;
	bool checkpoint_fails;      /* the log says so; with the mutex, as is */
	int64_t checkpoint_told_ms; /* 0: never */
};

/* ---- store.c ---- */

extern const char *const seed_place_names[SEED_PLACE_COUNT];

/* Whether a file's name begins with an id, as all do that are in flight. */
bool seed_store_is_of_id(const char *name);

/* What stands where a file or folder of ours should (a link, a FIFO …) is set aside under a name
 * that ends in .bad, or .bad2 …: it is neither followed nor waited for nor a reason not to start. So is what has
 * more than `most_links` names: the others may be of somebody's file. */
errint_t seed_store_keep_clear(struct seed_store *store, int dirfd, const char *name, mode_t type,
			       nlink_t most_links) SEED_MUST_CHECK;
/* Renames it to STEM.bad, STEM.bad2 …, which is in `aside` then. -EEXIST: so many are there already. */
errint_t seed_store_set_aside(int dirfd, const char *name, const char *stem, char *aside, size_t size)
	SEED_MUST_CHECK;

/* A line for the log, at once or when there is one. */
void seed_store_note(struct seed_store *store, const char *format, ...) SEED_PRINTF(2, 3);
/* The directory itself, by a mount's rules; nothing is made. *root, -1 before, is the caller's to
 * close, also after an error. */
errint_t seed_store_find_root(const char *path, int *root, struct seed_error *error) SEED_MUST_CHECK;

/* ---- changes.c ---- */

/* What the mount shows of NAME has changed; NULL: of any name. */
void seed_store_changed(struct seed_store *store, const char *name);
/* The same for the name of a file of images/, records/ or history/. */
void seed_store_file_changed(struct seed_store *store, enum seed_area area, const char *path);
/* A folder: who follows the catalogue's entries need not know. */
void seed_store_told(struct seed_store *store, const char *name);
void seed_store_changes_init(struct seed_store *store);

/* ---- thumbs.c ---- */

/* Removes an image of any area, and its thumbnail. -ENOENT. */
errint_t seed_store_image_unlink(struct seed_store *store, int dirfd, const char *path)
	SEED_MUST_CHECK;
/* The thumbnail of the one file is the other's, which shows the same. */
void seed_store_thumb_follow(struct seed_store *store, const struct stat *from,
			     const struct stat *to);

/* ---- pictures.c ---- */

/* An image's time is the moment it was verified, also after a recovery. */
errint_t seed_store_stamp(int dirfd, const char *path, int64_t wall_ms);

/* tmp/FILE becomes a placeholder with these times of use and of change. */
errint_t seed_store_placeholder_make(struct seed_store *store, uint64_t bytes,
				     const struct timespec times[2],
				     char file[SEED_STORE_ID_BYTES]) SEED_MUST_CHECK;

/* The thumbnail of that version of an image: its bytes; and others' bytes become it. */
errint_t seed_store_thumb_get(const struct seed_store *store, uint64_t file, int64_t time_ns,
			      char **data, size_t *len) SEED_MUST_CHECK;
errint_t seed_store_thumb_put(struct seed_store *store, uint64_t file, int64_t time_ns,
			      const void *data, size_t len) SEED_MUST_CHECK;

/* The sum of all that follows. -EFBIG: no image of ours is as large, and nothing was read; -EIO; -ENOMEM. */
errint_t seed_store_hash(int fd, char hex[SEED_SHA256_HEX_BYTES]) SEED_MUST_CHECK;

/* ---- changing.c ---- */

/* Between these two seed_store_is_changing() is true of it, and its record is shown as it was. The
 * string stays the caller's. Disk threads. */
void seed_store_name_changes(struct seed_store *store, const char *name);
void seed_store_name_changed(struct seed_store *store, const char *name);

/* ---- rows.c ---- */

/* Of the text of a row, which is freed. `record` is initialised, and the caller's. */
errint_t seed_store_row_parse(char *json, size_t len, const char *name, struct seed_record *record)
	SEED_MUST_CHECK;

/* ID and a suffix of at most 23 bytes. */
#define SEED_PENDING_NAME_BYTES (SEED_STORE_ID_BYTES + 23)

/* Writes the row as the catalogue has it, without the journal's keys, to tmp/`file`, from
 * where it is renamed. */
errint_t seed_store_row_write(struct seed_store *store, const struct seed_record *record,
			      char file[SEED_PENDING_NAME_BYTES], bool durable) SEED_MUST_CHECK;

/* The record's picture is in its place, by its size. */
bool seed_store_has_image_of(const struct seed_store *store, const struct seed_record *record);

/* ---- spent.c ---- */

struct seed_buf;
/* The file `spent`, as seed_store_spent_read() without the journal's rows. */
errint_t seed_store_spent_load(struct seed_store *store, struct seed_spent *spent) SEED_MUST_CHECK;
/* As in the file `spent`. */
errint_t seed_store_spent_format(struct seed_store *store, struct seed_buf *out) SEED_MUST_CHECK;
/* `spent` is zeroes but for what is found. -EBADMSG. */
errint_t seed_store_spent_parse(const char *text, struct seed_spent *spent) SEED_MUST_CHECK;

/* ---- lines.c ---- */

/* The row as a line of its file, with what was spent. */
errint_t seed_store_line_format(struct seed_store *store, const struct seed_record *record,
				struct seed_buf *line) SEED_MUST_CHECK;
/* What such a file tells, or a row as an earlier version wrote it; the text is
 * changed. -EBADMSG: there is no row in it. Release `record` in any case. */
errint_t seed_store_lines_parse(char *text, size_t len, struct seed_record *record,
				struct seed_spent *spent) SEED_MUST_CHECK;

/* prompts/NAME, durable. */
errint_t seed_store_prompt_place(struct seed_store *store, const char *name, const char *text,
				 struct timespec mtime) SEED_MUST_CHECK;
/* prompts/NAME is durable, if it is there. */
errint_t seed_store_prompt_sync(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;

/* ---- journal.c ---- */

void seed_store_pending_name(char out[SEED_PENDING_NAME_BYTES], const char *id,
			     const char *suffix);

/* pending/NAME, whole and durable. */
errint_t seed_store_pending_write(struct seed_store *store, const char *name, const void *data,
				  size_t len) SEED_MUST_CHECK;
/* So, with a line of the journal; or one more line of what stands there (seed_files_append()). */
errint_t seed_store_pending_line(struct seed_store *store, const char *name,
				 const struct seed_record *record, bool append) SEED_MUST_CHECK;
/* So, with a row of the catalogue. */
errint_t seed_store_pending_row(struct seed_store *store, const char *name,
				const struct seed_record *record) SEED_MUST_CHECK;

/* fsync of pending/. */
errint_t seed_store_sync_pending(struct seed_store *store) SEED_MUST_CHECK;

/* The files ID.SUFFIX in pending/, oldest first. Release `list` in any case. */
errint_t seed_store_pending_list(struct seed_store *store, const char *suffix,
				 struct seed_names *list) SEED_MUST_CHECK;

/* Removes the files in pending/ that begin with `id`, or with the id of the file `id`. */
void seed_store_sweep_id(struct seed_store *store, const char *id);
/* The same for every id without a row, and for a row that was set aside. */
errint_t seed_store_sweep_orphans(struct seed_store *store) SEED_MUST_CHECK;

/* Reads all of pending/NAME; -EBADMSG if seedfs did not write it. */
errint_t seed_store_row_read(struct seed_store *store, const char *name, size_t limit, char **json,
			     size_t *len) SEED_MUST_CHECK;
/* The row pending/NAME; release `record` in any case. */
errint_t seed_store_pending_read(struct seed_store *store, const char *name,
				 struct seed_record *record) SEED_MUST_CHECK;
/* Whether `err`, which reading pending/NAME gave, says that no row stands there, whenever it is looked at. */
bool seed_store_is_no_row(errint_t err);
/* Judges `err`, which reading pending/NAME gave. 0: the file was no row and has been set
 * aside as ID.bad. Else the error, and `error` says what to do. */
errint_t seed_store_judge(struct seed_store *store, const char *name, errint_t err,
			  struct seed_error *error) SEED_MUST_CHECK;

/* Removes it and what belongs to it. */
errint_t seed_store_row_remove(struct seed_store *store, const char *id) SEED_MUST_CHECK;

/* ---- checkpoint.c ---- */

/* The record's outcome is in the catalogue: the next checkpoint removes its row, and
 * until then nothing changes its name. */
errint_t seed_store_finished(struct seed_store *store, const struct seed_record *record)
	SEED_MUST_CHECK;
/* Before a change of NAME, or (NULL) of any name. What another name's row cannot be made durable for is no
 * obstacle to NAME. */
errint_t seed_store_free_name(struct seed_store *store, const char *name) SEED_MUST_CHECK;
errint_t seed_store_free_id(struct seed_store *store, const char *id) SEED_MUST_CHECK;

/* ---- settle.c ---- */

/* Before a change of the catalogue: finishes or takes back a list of renames for which
 * neither was possible when it failed. 0 if there is none. */
errint_t seed_store_settle(struct seed_store *store) SEED_MUST_CHECK;

/* And runs a checkpoint, if NAME (NULL: any name) waits for one. */
errint_t seed_store_settle_name(struct seed_store *store, const char *name) SEED_MUST_CHECK;

/* Removes the row of a beginning that failed; if that fails now, then before anything
 * else is changed. */
void seed_store_forget_later(struct seed_store *store, const char *id);

/* Writes a list to pending/ID.move, carries it out, and removes the file. Or returns
 * `planned`, the error of the plan, and removes what was written for it. 0
 * also if only the removal could not be made durable. Takes the list. */
errint_t seed_store_run_list(struct seed_store *store, const char *id, struct seed_renames *list,
			     errint_t planned) SEED_MUST_CHECK;

/* Settles lists that the last stop cut off. An error's message names the file. */
errint_t seed_store_recover_moves(struct seed_store *store, struct seed_error *error)
	SEED_MUST_CHECK;

/* ---- history.c ---- */

/* "NAME/0001.json" for "NAME/0001.png": the row of that version. */
bool seed_store_version_row(const char *version, char path[SEED_STORE_PATH_BYTES]);

/* A version's image and row are removed; -ENOENT. */
errint_t seed_store_version_remove(struct seed_store *store, const char *version) SEED_MUST_CHECK;

/* The next free path "NAME/0001.png" of the history. */
errint_t seed_store_history_next(struct seed_store *store, const char *name,
				 char path[SEED_STORE_PATH_BYTES]) SEED_MUST_CHECK;

/* Moves NAME's image to the next number of its history, and its row with it. A row
 * without an image goes to pending/ID.was. */
errint_t seed_store_plan_retire(struct seed_store *store, struct seed_renames *list,
				const char *name, const char *id) SEED_MUST_CHECK;

/* Moves history/FROM/ behind what history/TO/ has and what the list retires there. */
errint_t seed_store_plan_history(struct seed_store *store, struct seed_renames *list,
				 const char *from, const char *to) SEED_MUST_CHECK;

/* Whether PICTURE and NAME's last version are one file: a rename that was cut off. */
bool seed_store_is_last_version(const struct seed_store *store, const char *name, int dirfd,
				const char *picture);

/* Removes the oldest beyond what is to be kept. */
void seed_store_history_prune(struct seed_store *store, const char *name);

#endif
