/* rename(2) below prompts/, and out of history/ into images/. */
#include <linux/fs.h>

#include "fs/scratch.h"
#include "fs/writing.h"
#include "lib/store/files.h"
#include "lib/base/text.h"

struct renaming {
	char from[FS_PATH_BYTES], to[FS_PATH_BYTES];
	char backup[FS_PATH_BYTES]; /* the scratch file that it was; "": none */
	bool folder;
	struct inode *target; /* a prompt that makes way, while it does; pinned. NULL: none */
};

/* Whoever reads what stands there has its text until he closes it. */
static struct inode *begin_yielding(struct fs *fs, const char *path)
{
	struct found found = { .type = &prompt_file };
	struct inode *inode;

	snprintf(found.path, sizeof(found.path), "%s", path);
	inode = inode_get(fs, &found);
	if (inode)
		atomic_fetch_add(&inode->yields, 1);
	return inode;
}

static struct renaming *renaming_new(struct fs *fs, const char *from, const char *to, bool folder)
{
	struct renaming *renaming = calloc(1, sizeof(*renaming));

	if (!renaming)
		return NULL;
	if (!folder)
		renaming->target = begin_yielding(fs, to);
	snprintf(renaming->from, sizeof(renaming->from), "%s", from);
	snprintf(renaming->to, sizeof(renaming->to), "%s", to);
	renaming->folder = folder;
	return renaming;
}

static void renaming_free(struct fs *fs, struct renaming *renaming)
{
	if (renaming && renaming->target) {
		atomic_fetch_sub(&renaming->target->yields, 1);
		inode_forget(fs, renaming->target, 1);
	}
	free(renaming);
}

static void renamed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct renaming *renaming = context;

	if (!code) {
		inodes_renamed(fs, renaming->from, renaming->to, renaming->folder);
		if (renaming->folder)
			scratch_folder_renamed(fs, renaming->from, renaming->to);
		else
			scratch_show(fs, renaming->to);
		if (renaming->backup[0])
			SEED_UNUSED(scratch_unlink(fs, renaming->backup) == 0);
	} else if (renaming->backup[0]) {
		scratch_keep(fs, renaming->backup);
	}
	fuse_reply_err(req, code);
	renaming_free(fs, renaming);
}

/* ---- a scratch file becomes a prompt ---- */

/* A rename removes a scratch file; replies. If it was the backup of a prompt,
 * and all that was left of it, this removes the prompt. */
static void reply_without(struct fs *fs, fuse_req_t req, struct scratch *scratch)
{
	char hidden[FS_PATH_BYTES];

	if (scratch && scratch_hidden(fs, scratch, hidden))
		prompt_remove(fs, req, hidden);
	else
		fuse_reply_err(req, 0);
}

/* The scratch file is the prompt now: the file that was there is another one. */
static void took_name(struct fs *fs, fuse_req_t req, const char *from, const char *to)
{
	struct scratch *scratch = scratch_find(fs, from);

	inode_leave(fs, &prompt_file, to);
	scratch_show(fs, to); /* a backup of it is only a copy from now on */
	SEED_UNUSED(scratch_unlink(fs, from) == 0); /* gone already: the same end */
	reply_without(fs, req, scratch);
	scratch_unref(fs, scratch);
}

/* The scratch file stays, nothing is lost. */
static void refused(struct fs *fs, fuse_req_t req, const char *from, int code)
{
	scratch_keep(fs, from);
	fuse_reply_err(req, code);
}

static void scratch_committed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct renaming *renaming = context;

	if (!code)
		took_name(fs, req, renaming->from, renaming->to);
	else
		refused(fs, req, renaming->from, code);
	renaming_free(fs, renaming);
}

/* Takes the text. */
static void commit_scratch(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			   struct scratch_text *scratch)
{
	struct renaming *renaming = renaming_new(fs, from, to, false);
	struct seed_wait *wait =
		renaming ? waiting_uninterrupted(fs, req, scratch_committed, renaming) : NULL;
	struct seed_ticket *ticket = wait ? seed_ticket_new() : NULL;

	if (!ticket) {
		if (wait)
			waiting_drop(wait);
		renaming_free(fs, renaming);
		free(scratch->text);
		refused(fs, req, from, ENOMEM);
		return;
	}
	ticket->uid = fuse_req_ctx(req)->uid;
	ticket->prompt_time = scratch->mtime;
	/* A file that is synced or saved again does not ask for another image. */
	ticket->unless_made = true;
	wait->until_begun = true; /* rename(2) never waits for a generation */
	if (seed_engine_commit(fs->engine, to, scratch->text, ticket, wait))
		waiting_fail(wait, ENOMEM);
	seed_ticket_unref(ticket);
}

/* The backup of a prompt whose text nobody has changed: it is that prompt. */
static void return_backup(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			  const struct scratch_text *scratch)
{
	bool own = strcmp(scratch->hides, to) == 0;
	struct renaming *renaming = renaming_new(fs, own ? from : scratch->hides, to, false);
	waiting_reply_fn *reply = own ? scratch_committed : renamed;
	struct seed_wait *wait = renaming ? waiting_uninterrupted(fs, req, reply, renaming) : NULL;
	errint_t err;

	if (!wait) {
		renaming_free(fs, renaming);
		refused(fs, req, from, ENOMEM);
		return;
	}
	if (!own)
		snprintf(renaming->backup, sizeof(renaming->backup), "%s", from);
	err = own ? seed_engine_set_time(fs->engine, to, scratch->mtime, wait) :
		    seed_engine_rename(fs->engine, scratch->hides, to, false, wait);
	if (err)
		waiting_fail(wait, ENOMEM);
}

static errint_t check_scratch(struct fs *fs, const char *from, const char *to,
			      const struct scratch_text *scratch)
{
	size_t at = 0;
	errint_t err = seed_text_check(scratch->text, scratch->len, &at);

	if (err)
		seed_log_line(fs->log, to, SEED_LOG_ERROR "Prompt refused at byte %zu of %s (%s); "
			      "nothing was changed", at, from, seed_error_name(-err));
	return err;
}

static void rename_scratch(struct fs *fs, fuse_req_t req, struct scratch *file,
			   const char *from, const char *to)
{
	struct scratch_text scratch = { 0 };
	errint_t err;

	err = scratch_text(fs, req, file, &scratch);
	if (!err)
		err = check_scratch(fs, from, to, &scratch);
	if (!err && scratch.hides[0]) {
		return_backup(fs, req, from, to, &scratch);
		free(scratch.text);
		return;
	}
	if (!err && seed_text_trimmed(scratch.text, scratch.len) > 0) {
		commit_scratch(fs, req, from, to, &scratch);
		return;
	}
	if (!err) /* white space starts nothing and changes nothing, but the file exists */
		err = prompt_make(fs, to, false);
	if (!err)
		took_name(fs, req, from, to);
	else
		refused(fs, req, from, -err);
	free(scratch.text);
}

/* ---- a prompt becomes a scratch file (an editor's backup) ---- */

/* Its entry stays as it is, hidden behind the scratch file (scratch.h). */
static void backup_prompt(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			  const struct stat *st)
{
	struct scratch_start start = {
		.hides = from,
		.mode = 0666 & ~(mode_t)fs->options.umask,
		.uid = (uid_t)fs->options.uid,
		.gid = (gid_t)fs->options.gid,
		.mtime = st->st_mtim,
	};
	struct scratch *replaced = scratch_find(fs, to);
	char *text = NULL;
	errint_t err;

	err = seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), from,
			      SEED_PROMPT_MAX_BYTES, &text, &start.len);
	start.text = text;
	if (!err)
		err = scratch_make(fs, to, &start);
	if (!err) {
		inode_leave(fs, &prompt_file, from);
		reply_without(fs, req, replaced);
	} else {
		fuse_reply_err(req, -err);
	}
	scratch_unref(fs, replaced);
	free(text);
}

/* ---- a prompt or folder ---- */

static void rename_entry(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			 bool folder)
{
	struct renaming *renaming = renaming_new(fs, from, to, folder);
	struct seed_wait *wait =
		renaming ? waiting_uninterrupted(fs, req, renamed, renaming) : NULL;

	if (!wait) {
		renaming_free(fs, renaming);
		fuse_reply_err(req, ENOMEM);
	} else if (seed_engine_rename(fs->engine, from, to, folder, wait)) {
		waiting_fail(wait, ENOMEM);
	}
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* rename(2)'s rules about what may replace what. */
static errint_t check_target(struct fs *fs, const char *to, bool folder, unsigned flags)
{
	struct scratch *scratch = scratch_find(fs, to);
	struct stat st;
	errint_t err;

	if (scratch) {
		scratch_unref(fs, scratch);
		return flags & RENAME_NOREPLACE ? -EEXIST : folder ? -ENOTDIR : 0;
	}
	err = folder_stat(fs, SEED_AREA_PROMPTS, to, &st);
	if (!err && scratch_hides(fs, to))
		err = -ENOENT;
	if (err)
		return err == -ENOENT ? 0 : err;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (folder != S_ISDIR(st.st_mode))
		return folder ? -ENOTDIR : -EISDIR;
	return folder && scratch_any(fs, to) ? -ENOTEMPTY : 0;
}

static void rename_on_disk(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			   unsigned flags)
{
	bool to_scratch = seed_text_is_scratch(last_part(to));
	struct stat st;
	errint_t err;

	err = folder_stat(fs, SEED_AREA_PROMPTS, from, &st);
	if (!err)
		err = check_target(fs, to, S_ISDIR(st.st_mode), flags);
	if (!err && S_ISDIR(st.st_mode)) {
		err = seed_text_check_folder(to);
		if (!err)
			err = scratch_check_folder(fs, from, to);
		if (!err)
			err = prompt_make_way(fs, to);
	} else if (!err && !to_scratch) {
		err = prompt_check_name(fs, to);
	}
	if (err)
		fuse_reply_err(req, -err);
	else if (strcmp(from, to) == 0)
		fuse_reply_err(req, 0);
	else if (to_scratch)
		backup_prompt(fs, req, from, to, &st);
	else
		rename_entry(fs, req, from, to, S_ISDIR(st.st_mode));
}

static void rename_within_scratch(struct fs *fs, fuse_req_t req, const char *from, const char *to)
{
	struct scratch *replaced = strcmp(from, to) ? scratch_find(fs, to) : NULL;
	errint_t err = scratch_rename(fs, from, to);

	if (!err) {
		inodes_renamed(fs, from, to, false);
		reply_without(fs, req, replaced);
	} else {
		fuse_reply_err(req, -err);
	}
	scratch_unref(fs, replaced);
}

void prompts_rename(struct fs *fs, fuse_req_t req, const char *from, const char *to,
		    unsigned flags)
{
	struct scratch *scratch;
	errint_t err = 0;

	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	scratch = scratch_find(fs, from);
	if (!scratch) {
		rename_on_disk(fs, req, from, to, flags);
		return;
	}
	err = check_target(fs, to, false, flags);
	if (!err && !seed_text_is_scratch(last_part(to)))
		err = prompt_check_name(fs, to);
	if (err)
		fuse_reply_err(req, -err);
	else if (seed_text_is_scratch(last_part(to)))
		rename_within_scratch(fs, req, from, to);
	else
		rename_scratch(fs, req, scratch, from, to);
	scratch_unref(fs, scratch);
}

/* ---- history/NAME/0001.png to images/NAME.png ---- */

void history_rename(struct fs *fs, fuse_req_t req, const char *from,
		    const struct node_type *to_type, const char *to, unsigned flags)
{
	char name[FS_PATH_BYTES];
	struct seed_wait *wait;

	if (to_type != &images_folder) {
		fuse_reply_err(req, EROFS);
		return;
	}
	/* RENAME_NOREPLACE: the kernel has seen that no image is there.
	 * Only onto its own name: another's image is not a version of this one. */
	if ((flags & ~(unsigned)RENAME_NOREPLACE) || !path_stem(to, ".png", name) ||
	    strncmp(from, name, strlen(name)) != 0 || last_part(from) != from + strlen(name) + 1) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_restore(fs->engine, from, name, wait))
		waiting_fail(wait, ENOMEM);
}
