/*
 * Scratch files (man seed, Scratch files): names that editors and write-then-rename
 * tools use for a moment. They hold any bytes in memory and never generate.
 * All together have a bound; one that nobody has open expires.
 *
 * A scratch file may be a prompt that was renamed to a backup's name. It then hides
 * prompts/NAME, whose file, image and row stay in place until the next
 * file of that name continues the entry, or the scratch file is removed. So a
 * crash, an unmount or an expiry in between loses nothing: the prompt is there
 * again.
 *
 * An inode (fs.h) holds a reference: an open file goes on in its scratch file,
 * whatever happened to the name.
 */
#ifndef SEED_FS_SCRATCH_H
#define SEED_FS_SCRATCH_H

#include "fs/fs.h"

struct scratch;

extern const struct node_type scratch_file;

/* A reference, or NULL. Any thread. */
struct scratch *scratch_find(struct fs *fs, const char *path);
void scratch_unref(struct fs *fs, struct scratch *scratch); /* NULL allowed */

/* A number that distinguishes it from every other scratch file of its path. */
uint64_t scratch_number(const struct scratch *scratch);

/* One more handle; its release ends that. */
void scratch_opened(struct fs *fs, struct scratch *scratch);

/* What a new one begins with; the text is copied. */
struct scratch_start {
	const char *text;
	size_t len;
	const char *hides; /* the prompt that was renamed to it; NULL: none */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* Replaces one of that path. -ENOSPC: the limit is reached. */
errint_t scratch_make(struct fs *fs, const char *path, const struct scratch_start *start)
	SEED_MUST_CHECK;

/* -ENOENT where there is none. */
errint_t scratch_unlink(struct fs *fs, const char *path) SEED_MUST_CHECK;
errint_t scratch_rename(struct fs *fs, const char *from, const char *to) SEED_MUST_CHECK;
/* -ENAMETOOLONG: one in the folder would have too long a path below `to`. */
errint_t scratch_check_folder(struct fs *fs, const char *from, const char *to) SEED_MUST_CHECK;
/* A folder has a new name: those in it, and what they hide. */
void scratch_folder_renamed(struct fs *fs, const char *from, const char *to);

/* Whether a scratch file hides prompts/`name`; scratch_show() ends that. */
bool scratch_hides(struct fs *fs, const char *name);
void scratch_show(struct fs *fs, const char *name);

/* A copy of what it holds, for a prompt. What is written to it from then on would be
 * in no text, so it is refused (ECANCELED), until scratch_keep(): it stays after all.
 * -EACCES: who asks may not read it, and a prompt has the mount's mode. */
struct scratch_text {
	char *text; /* malloc'd, NUL-terminated */
	size_t len;
	struct timespec mtime;
	char hides[FS_PATH_BYTES]; /* the prompt whose text it still is; "": none */
};
errint_t scratch_text(struct fs *fs, fuse_req_t req, struct scratch *scratch,
		      struct scratch_text *out) SEED_MUST_CHECK;
void scratch_keep(struct fs *fs, const char *path);
/* The prompt that it hides, also where its text was changed; false: none. */
bool scratch_hidden(struct fs *fs, struct scratch *scratch, char name[FS_PATH_BYTES]);

/* Adds those of a folder; false without memory. */
bool scratch_list(struct fs *fs, const char *folder, struct seed_buf *listing);

/* Whether a folder holds any. */
bool scratch_any(struct fs *fs, const char *folder);

/* Removes those that nobody has had open for 24 hours, oldest first; `now_ms` is
 * monotonic. Called as new ones are made and listed. */
void scratch_expire(struct fs *fs, int64_t now_ms);

/* Frees all: after the session. */
void scratch_release_all(struct fs *fs);

#endif
