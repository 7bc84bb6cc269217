/*
 * Scratch files (CONTRACT section 1): names that editors and write-then-rename
 * tools use for a moment. They hold any bytes in memory and never generate.
 */
#ifndef SEED_FS_SCRATCH_H
#define SEED_FS_SCRATCH_H

#include "fs/fs.h"

struct scratch;

extern const struct node_type scratch_file;

/* A reference, or NULL. Any thread. */
struct scratch *scratch_find(struct fs *fs, const char *path);
void scratch_unref(struct fs *fs, struct scratch *scratch); /* NULL allowed */

/* A new one with `text` (copied), in place of one of that path. `origin`: the
 * prompt that was renamed to it, or NULL. -ENOSPC: there are too many. */
errint_t scratch_make(struct fs *fs, const char *path, const char *text, size_t len,
		      const char *origin) SEED_MUST_CHECK;

/* -ENOENT where there is none. */
errint_t scratch_unlink(struct fs *fs, const char *path) SEED_MUST_CHECK;
errint_t scratch_rename(struct fs *fs, const char *from, const char *to) SEED_MUST_CHECK;

/* Its text (malloc'd), and whether it is still that of prompts/`name`, which
 * was renamed to it. */
errint_t scratch_text(struct fs *fs, struct scratch *scratch, const char *name, char **text,
		      size_t *len, bool *unchanged) SEED_MUST_CHECK;

/* Adds those of a folder; false without memory. */
bool scratch_list(struct fs *fs, const char *folder, struct listing *listing);

/* Whether a folder holds any. */
bool scratch_any(struct fs *fs, const char *folder);

/* Frees all: after the session. */
void scratch_release_all(struct fs *fs);

#endif
