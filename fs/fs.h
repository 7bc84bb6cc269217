/*
 * What the files of fs/ share: the mount, its inodes and its open files.
 *
 * An operation is: translate the request, call the library, reply exactly
 * once. It runs on a libfuse thread and never waits for a network, a
 * generation or an fsync; what must wait is handed to the engine with its
 * request and answered by waiting.c.
 *
 * Lock order: inode table → draft; the mutexes of the scratch files, the reports, the
 * gallery and what is held are leaves. No lock is held while replying, or across a library call that
 * does I/O other than a look at the state directory.
 */
#ifndef SEED_FS_H
#define SEED_FS_H

#include <dirent.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fs/draft.h"
#include "fs/options.h"
#include "lib/base/buf.h"
#include "lib/engine/engine.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/table.h"
#include "lib/store/store.h"

struct bucket;
struct inode;
struct handle;
struct fs;

#define FS_PATH_BYTES SEED_STORE_PATH_BYTES

/* Which picture an inode is: each version of an image is its own inode, so
 * that its pages may be cached for ever. All zero: not a version of a file. */
struct version {
	uint64_t file;
	struct timespec time;
	off_t size; /* follows from the two */
};

/* What a look-up found. */
struct found {
	struct seed_process caller; /* set before a look-up */
	const struct node_type *type;
	char path[FS_PATH_BYTES];
	struct version version; /* a scratch file's: its number */
	struct scratch *scratch; /* of a scratch file: a reference, the caller's */
	struct stat st;
};

/*
 * What the files or folders of one area of the mount do. A NULL operation is
 * answered by ops.c: EROFS if it would change something, else the error nearest
 * to ENOSYS. Each `void` operation replies on every path.
 */
struct node_type {
	bool is_folder;
	enum seed_area area; /* the area of the state directory that it shows */
	const char *suffix; /* of a file's name behind NAME; NULL: none */
	bool is_version;    /* a file whose inodes are one version each */
	bool is_kept;       /* the kernel keeps names and attributes: names.c */
	const struct node_type *file; /* a folder's files, where they are all of one type */
	const struct writing_kind *writing; /* files that gather text (writing.h) */

	errint_t (*getattr)(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s);
	/* Instead of it for a stat(2), where the answer needs another thread, or depends on
	 * who asks; replies. */
	void (*getattr_later)(struct fs *fs, fuse_req_t req, struct inode *inode,
			      struct handle *handle); /* NULL: it does not say which */
	void (*setattr)(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
			int to_set, struct handle *handle);

	/* Files. */
	void (*open)(struct fs *fs, fuse_req_t req, struct handle *handle);
	void (*read)(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset);
	void (*write)(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
		      size_t size, off_t offset);
	void (*flush)(struct fs *fs, fuse_req_t req, struct handle *handle, uint64_t lock_owner);
	void (*fsync)(struct fs *fs, fuse_req_t req, struct handle *handle);
	void (*release)(struct fs *fs, struct handle *handle); /* frees the handle */
	errint_t (*getxattr)(struct fs *fs, fuse_req_t req, struct inode *inode, const char *name,
			     char *value, size_t size, size_t *len);

	/* Folders. `path` is the folder's; names come from the kernel: one part. */
	errint_t (*lookup)(struct fs *fs, const struct node_type *folder, const char *path,
			   const char *name, struct found *found);
	errint_t (*list)(struct fs *fs, const struct node_type *folder, const char *path,
			 struct seed_buf *listing);
	void (*create)(struct fs *fs, fuse_req_t req, const char *path, const char *name,
		       mode_t mode, struct fuse_file_info *fi);
	void (*mknod)(struct fs *fs, fuse_req_t req, const char *path, const char *name,
		      mode_t mode); /* a file, not opened */
	void (*unlink)(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		       const char *path, const char *name);
	void (*mkdir)(struct fs *fs, fuse_req_t req, const char *path, const char *name);
	void (*rmdir)(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		      const char *path, const char *name);
	/* From this type's folder to the other's; both are whole paths. */
	void (*rename)(struct fs *fs, fuse_req_t req, const char *from,
		       const struct node_type *to_type, const char *to, unsigned flags);

	/* The kernel has forgotten the inode. Called with the table's mutex. */
	void (*forget)(struct fs *fs, struct inode *inode);
};

struct held_text;
struct scratch;

struct inode {
	struct seed_table_link by_path; /* first: of fs.paths */
	struct seed_table_link by_number;
	uint32_t magic;
#define INODE_MAGIC 0x1d0de5ee
	const struct node_type *type;
	uint64_t number;            /* st_ino; no other file system of the machine has it */
	uint64_t lookups;           /* the kernel's lookup count */
	struct handle *handles;     /* open ones, the youngest first; the table's mutex */
	int fd;                     /* that handles share; the table's mutex */
	unsigned fd_users;          /* so many; 0: there is none */
	char *path;                 /* below the area; read it by inode_path() */
	struct version version;
	atomic_bool asked;          /* the kernel has sent a request for it: it has it */
	struct scratch *scratch;    /* of a scratch file; one reference */
	struct draft *draft;        /* prompts open for writing; the table's mutex */
	struct inode *moved;        /* the next of those that are being renamed */
	atomic_uint yields;         /* renames onto it that are under way: until they are done, whoever
				 * has it open has what he had, though another file is there already */
	bool gone;                  /* its name was removed or is another's now: only what
				       is open goes on in it; the table's mutex */
};

struct handle {
	uint32_t magic;
#define HANDLE_MAGIC 0x4a9d1e5e
	struct fs *fs;
	struct handle *next, **link; /* all open ones; the table's mutex */
	struct handle *next_of_inode, **link_of_inode; /* its inode's, likewise */
	struct inode *inode;  /* the kernel keeps it looked up while it is open */
	int fd;               /* of the state directory's file, -1: none (opened.c) */
	bool shares;          /* … and it is the inode's */
	struct fuse_file_info fi; /* the request's, with what the reply adds */
	int64_t uid;          /* of the opener */
	pid_t thread;         /* of the opener; 0: out of sight */
	pid_t opener;         /* its process, where handle_find_opener() was called */
	uint64_t owner;       /* lock owner of the first flush, where opener is 0 */
	bool owner_known;
	bool wrote;           /* this open has written */
	uint64_t text_number; /* of the draft's text that it began or wrote to; 0: none yet */
	atomic_bool killed;   /* a signal ended the process that closed it last */
	atomic_bool told;     /* that its text was overwritten is in the log */
	bool created;         /* this open made the file */
	unsigned fetches;     /* how often its bytes were brought (refresh.c) */
	struct draft *draft;
	struct held_text *text; /* as it was at the open, for files made by the program; of a prompt's
				 * reader, as it was when he began to read: held_mutex. NULL: none (held.c) */
	struct seed_buf listing; /* of an open folder: listing.c */
	size_t listing_held;  /* what it counts for */
};

/* index.html as it was last rendered (gallery.c). */
struct gallery {
	struct seed_disk *thread; /* that renders */
	pthread_mutex_t mutex; /* of the following; a leaf */
	struct held_text *text; /* a reference; NULL: not rendered yet */
	uint64_t changes;      /* of the catalogue, before it was rendered */
	int64_t kept_until_ms; /* monotonic */
	struct timespec time;  /* when it was first seen to be as it is */
};

/* queue, metrics or gallery.json as they were last made (reports.c). */
struct report_kept {
	struct held_text *text; /* a reference; NULL: not made yet */
	struct timespec time; /* when */
	int64_t made_ms;     /* monotonic */
	pid_t process;       /* for which: it sees the same for a moment; 0: out of sight */
};

#define CALLS_KEPT 1024

/* Whose number an image has that was pending (inode.c). */
struct became {
	uint64_t hash, number;
};

#define BECAME_KEPT 1024

struct fs {
	struct options options;
	struct seed_store *store;
	struct seed_log *log;
	struct seed_engine *engine; /* NULL on a read-only mount */
	char *workflow;             /* the file's text, or NULL */
	struct bucket *bucket;      /* that hosts share, or NULL */
	struct fuse_session *session;
	int device;                 /* of a mount that was handed over, or -1 */
	bool serving;               /* the kernel has had an answer */
	struct timespec started;

	pthread_mutex_t inode_mutex; /* of the following and the inodes' fields */
	struct seed_table paths, numbers; /* the inodes, by one and the other */
	uint64_t number_salt;
	uint64_t id_mask; /* inode_id() */
	struct became became[BECAME_KEPT];
	struct inode *root;
	struct handle *handles;
	rlim_t opened;              /* descriptors that handles have (opened.c) */

	pthread_mutex_t scratch_mutex; /* of the following; a leaf */
	struct scratch *scratch;
	size_t scratch_bytes;
	uint64_t scratch_number; /* of the last one */

	_Atomic uint64_t stale[CALLS_KEPT]; /* what each thread was told (stale.c) */

	struct gallery gallery;
	pthread_mutex_t report_mutex; /* of the next */
	struct report_kept reports[SEED_REPORT_COUNT]; /* by enum seed_report */
	pthread_mutex_t held_mutex; /* of the next; a leaf */
	size_t held_bytes;          /* texts and listings of all handles */
	struct draft_sum prompt_drafts, callback_drafts;
};

/* ---- inode.c ---- */

errint_t inodes_init(struct fs *fs, const struct node_type *root) SEED_MUST_CHECK;
void inodes_release(struct fs *fs);

/* The inode of what was found, its lookup count raised by one. A new one takes
 * found->scratch. NULL without memory. */
struct inode *inode_get(struct fs *fs, struct found *found);
/* An inode lives as long as the kernel has looked it up, or a handle is open. */
void inode_forget(struct fs *fs, struct inode *inode, uint64_t count);
void inode_put_handle(struct fs *fs, struct handle *handle); /* takes it off its inode */

/* What the kernel knows it by. Whoever can see the mount can read it (name_to_handle_at), so it is no address. */
fuse_ino_t inode_id(const struct fs *fs, const struct inode *inode);
/* From that; checks the magic. */
struct inode *inode_of(struct fs *fs, fuse_ino_t number);

/* The number that its inode has, or would have if it were looked up now. */
uint64_t inode_number(struct fs *fs, const struct found *found);

/* The name of such a file or folder was removed, or another takes it: what has this
 * one open goes on in it, and the next of that name is another inode. */
void inode_leave(struct fs *fs, const struct node_type *type, const char *path);
bool inode_is_gone(struct fs *fs, struct inode *inode);
bool inode_is_open(struct fs *fs, struct inode *inode);

/* The inode's draft with one more user, NULL where it is not open for writing. */
struct draft *inode_draft(struct fs *fs, struct inode *inode);
void inode_draft_put(struct fs *fs, struct inode *inode, struct draft *draft);

/* Its path, copied (a rename may change it). */
void inode_path(struct fs *fs, struct inode *inode, char path[FS_PATH_BYTES]);

/* `path`/`name`, or `name` at an area's root; false if too long. */
bool path_join(const char *path, const char *name, char out[FS_PATH_BYTES]);

/* NAME of a path that is NAME and `suffix`; false for any other. */
bool path_stem(const char *path, const char *suffix, char name[FS_PATH_BYTES]);

/* An entry, or a folder and all below it, has a new name: the inodes follow, so
 * that what is open goes on under it. */
void inodes_renamed(struct fs *fs, const char *from, const char *to, bool folder);

/* The kernel's numbers of up to `room` inodes of the type and path that it keeps something of,
 * newest first; and of any, a part of all with each call. How many there are. */
size_t inodes_at(struct fs *fs, const struct node_type *type, const char *path,
		 fuse_ino_t *ids, size_t room);
struct inodes_walk {
	size_t size, bucket;
};
size_t inodes_kept(struct fs *fs, struct inodes_walk *walk, fuse_ino_t *ids, size_t room);

struct version version_of(const struct stat *st);
bool version_equal(struct version a, struct version b);

/* ---- ops.c ---- */

extern const struct fuse_lowlevel_ops seedfs_ops;

/* ---- handle.c ---- */

struct seed_process fs_caller(fuse_req_t req);

/* A new handle of an inode for this request; NULL without memory. */
struct handle *handle_new(fuse_req_t req, struct inode *inode, const struct fuse_file_info *fi);
void handle_free(struct handle *handle); /* gives up what it holds; NULL allowed */
/* After the session: those whose release the kernel sent too late. */
void handles_release_all(struct fs *fs);

/* Sets `opener`: a look at /proc, which most opens can do without. */
void handle_find_opener(struct handle *handle);
/* The size of what an open of the inode reads, when it was opened. False: none is open. */
bool handle_size(struct fs *fs, const struct inode *inode, off_t *size);
/* Whether the request may ask by a descriptor of the inode, and not by its name. */
bool handle_is_meant(struct fs *fs, fuse_req_t req, struct inode *inode);

/* ---- opened.c ---- */

/* The handle reads from `fd`, which it takes in any case, or from the one that others have
 * of the same version, where the file is the inode's (`is_version`). -EMFILE: users hold as
 * many as they may. */
errint_t opened_keep(struct handle *handle, int fd, bool is_version) SEED_MUST_CHECK;
void opened_release(struct handle *handle);

/* ---- held.c ---- */

/* One reference. Takes `text` (malloc'd, or NULL) in any case; NULL without memory. */
struct held_text *held_text_new(char *text, size_t len);
struct held_text *held_text_ref(struct held_text *held);
void held_text_unref(struct held_text *held); /* NULL allowed */
size_t held_text_len(const struct held_text *held); /* NULL: 0 */
const char *held_text_of(const struct held_text *held); /* not a string: it may have no NUL */
bool held_text_is(const struct held_text *held, const void *text, size_t len);
/* The handle reads that text; takes the reference in any case. -ENOMEM: there was no memory for it
 * (NULL), or users hold too much. */
errint_t held_show(struct handle *handle, struct held_text *held) SEED_MUST_CHECK;
/* What it reads, a reference, or NULL. */
struct held_text *held_get(struct handle *handle);
/* It reads that text from now on; takes no reference. Where users hold too much, it has none then. */
void held_replace(struct handle *handle, struct held_text *held);
/* What the folder at `path` shows becomes the handle's. -ENOMEM: likewise. */
errint_t held_list(struct handle *handle, const char *path) SEED_MUST_CHECK;
void held_release(struct handle *handle);

/* ---- listing.c ---- */

/* What a folder shows, taken when it is opened: of each name a kind byte ('d' or 'f'), the
 * name, and a NUL. False without memory. */
bool listing_add(struct seed_buf *listing, const char *name, bool is_folder);

/* A folder of the state directory; NULL with errno. */
DIR *listing_open(struct fs *fs, enum seed_area area, const char *path);

/* Adds what stands in one and is shown. */
typedef bool listing_shows_fn(struct fs *fs, const struct node_type *folder, const char *path,
			      const char *name, bool is_folder);
errint_t listing_add_area(struct fs *fs, const struct node_type *folder, const char *path,
			  listing_shows_fn *shows, struct seed_buf *listing);

/* ---- reply.c ---- */

/* The entry of what was found, whose inode this is. */
errint_t entry_fill(struct fs *fs, const struct found *found, struct inode *inode,
		    struct fuse_entry_param *entry);
/* Replies to a request for the inode's attributes as they are now, or with the error. */
void reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode, errint_t err);
/* Replies with the entry of what was found, its lookup count raised. */
void reply_found(struct fs *fs, fuse_req_t req, struct found *found);

/* Replies to an open, or to a create, for which the handle's inode was looked up. If it
 * failed, or the caller is gone, the handle is freed (and the look-up taken back). */
void reply_open(fuse_req_t req, struct handle *handle, errint_t err);
void reply_created(fuse_req_t req, struct handle *handle, errint_t err);

/* Where a read of a text of `len` bytes begins; *size becomes what is there of it. */
size_t part_of(size_t len, off_t offset, size_t *size);
/* Replies to a read of a text. */
void reply_part(fuse_req_t req, const char *text, size_t len, size_t size, off_t offset);
/* Reads from a handle's text, whole since it was opened. */
void text_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset);

/* Reads from a handle's descriptor. */
void file_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset);

/* ---- attributes.c ---- */

/* A file's or folder's attributes as the mount shows them, over what `st` has
 * of the state directory's file (size, times). */
void attributes_file(const struct fs *fs, const struct inode *inode, mode_t mode, struct stat *st);
void attributes_folder(const struct fs *fs, const struct inode *inode, struct stat *st);
/* The same for a read-only file whose size and time the caller knows. */
void attributes_made(const struct fs *fs, const struct inode *inode, off_t size,
		     struct timespec time, struct stat *st);

/* ---- folder.c: what the areas' folders do; the area, the files' type and its suffix
 * are the type's ---- */

errint_t folder_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s);
/* Owners, modes and times of a folder are the mount's: taken and left, so that
 * rsync -a and cp -a work. */
void folder_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
		    int to_set, struct handle *handle);
/* A folder, or a file of the type that its files have. */
errint_t folder_lookup(struct fs *fs, const struct node_type *folder, const char *path,
		       const char *name, struct found *found);
/* Folders and files with the suffix. */
errint_t folder_list(struct fs *fs, const struct node_type *folder, const char *path,
		     struct seed_buf *listing);
/* In order with what is under way for the entry that the file belongs to. `reply` as
 * in waiting_new(), with a copy of the file's path, which it frees. */
void folder_unlink(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		   const char *path, const char *name);
void folder_unlink_then(struct fs *fs, fuse_req_t req, const struct node_type *folder,
			const char *path, const char *name,
			void (*reply)(struct fs *fs, fuse_req_t req, int code, void *file));
void folder_rmdir(struct fs *fs, fuse_req_t req, const struct node_type *folder,
		  const char *path, const char *name);

/* Whether the inode's version is what stands at its path now. */
bool folder_has_version(struct fs *fs, struct inode *inode);
/* fstatat in an area; -ENOENT also where a part of the path is no folder. */
errint_t folder_stat(struct fs *fs, enum seed_area area, const char *path, struct stat *st);
/* Whether something that we never make (a link, a FIFO) stands there. Then the log says so. */
bool folder_is_blocked(struct fs *fs, enum seed_area area, const char *path);

/* ---- names.c: what the kernel keeps of images/ ---- */

/* How long a name is good without a question, whatever has become of it. */
#define NAMES_S 1.0

/* seed_store_told_fn: what the kernel knows of the entry's image and of the folders
 * around it is asked for again. Any thread; `context` is the fs. */
void names_changed(void *context, const char *name);

/* ---- stale.c ---- */

/* Whether a request is to be answered with ESTALE, where what stands at the inode's path is
 * another version (`old`): one that asks, and may do so by a descriptor; an open. */
bool stale_tell(struct fs *fs, fuse_req_t req, struct inode *inode, const struct handle *handle,
		bool old);
bool stale_tell_open(struct fs *fs, fuse_req_t req, bool old);
/* Whether this is the look-up that follows. It is to leave attributes to be asked for,
 * so that each call has its end. */
bool stale_was_told(struct fs *fs, fuse_req_t req);
/* The call has ended. */
void stale_end(struct fs *fs, fuse_req_t req);

/* ---- waiting.c ---- */

struct waiting;
typedef void waiting_reply_fn(struct fs *fs, fuse_req_t req, int code, void *context);

/* A waiter for this request, registered for its interrupts. `reply` (on the
 * engine's thread) replies; NULL: fuse_reply_err. NULL without memory. */
struct seed_wait *waiting_new(struct fs *fs, fuse_req_t req, waiting_reply_fn *reply, void *context);
/* The same, but no signal ends it: it waits for a disk only, and what it waits for happens
 * in any case. Its reply must not come before that. */
struct seed_wait *waiting_uninterrupted(struct fs *fs, fuse_req_t req, waiting_reply_fn *reply,
					void *context);
/* Could not be handed over after all, or need not: replies `code`. */
void waiting_fail(struct seed_wait *wait, int code);
/* So, and the caller replies; `context` is the caller's again. */
void waiting_drop(struct seed_wait *wait);

/* ---- refresh.c: where hosts share the catalogue ---- */

/* `then` follows once what the store has is shown; `code`: an errno, if it was away. False:
 * there is nothing to wait for. */
typedef void refresh_then_fn(struct fs *fs, fuse_req_t req, struct inode *folder, const char *name,
			     int code);
bool refresh_lookup(struct fs *fs, fuse_req_t req, struct inode *folder, const char *name,
		    refresh_then_fn *then);
typedef void refresh_list_fn(struct fs *fs, fuse_req_t req, struct handle *handle);
bool refresh_listing(struct fs *fs, fuse_req_t req, struct handle *handle, refresh_list_fn *then);

/* ---- fetch.c ---- */

/* Whether they do. */
bool fetch_is_shared(const struct fs *fs);
/* The image's bytes are not here: they are brought, and `then` opens it again. Or replies. */
typedef void fetch_open_fn(struct fs *fs, fuse_req_t req, struct handle *handle);
void fetch_open(struct fs *fs, fuse_req_t req, struct handle *handle, enum seed_area area,
		const char *path, fetch_open_fn *then);
/* So, where the thumbnail is enough. */
void fetch_thumb(struct fs *fs, fuse_req_t req, struct handle *handle, enum seed_area area,
		const char *path, fetch_open_fn *then);

/* ---- the areas ---- */

extern const struct node_type root_folder;
extern const struct node_type prompts_folder, prompt_file;
extern const struct node_type images_folder, image_file;
extern const struct node_type records_folder, record_file;
extern const struct node_type history_folder, history_file;
extern const struct node_type thumbs_folder, thumb_file;
extern const struct node_type callbacks_folder, callback_file;
extern const struct node_type status_file, index_file, readme_file;
extern const struct node_type queue_file, metrics_file, gallery_file;

/* ---- rename.c ---- */

/* Both below prompts/. */
void prompts_rename(struct fs *fs, fuse_req_t req, const char *from, const char *to,
		    unsigned flags);
void history_rename(struct fs *fs, fuse_req_t req, const char *from,
		    const struct node_type *to_type, const char *to, unsigned flags);

/* ---- xattrs.c: user.seed.… of an entry, from its record ---- */

bool xattr_is_ours(const char *name);
errint_t prompt_getxattr(struct fs *fs, fuse_req_t req, struct inode *inode, const char *name,
			 char *value, size_t size, size_t *len);
errint_t image_getxattr(struct fs *fs, fuse_req_t req, struct inode *inode, const char *name,
			char *value, size_t size, size_t *len);

/* ---- reports.c: queue, metrics and gallery.json ---- */

void reports_release(struct fs *fs); /* after the last request */

/* ---- gallery.c: index.html ---- */

errint_t gallery_start(struct fs *fs) SEED_MUST_CHECK;
/* Once no request comes any more: answers those that it has. */
void gallery_stop(struct fs *fs);
/* Frees what was rendered. */
void gallery_release(struct fs *fs);

#endif
