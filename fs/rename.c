/* rename(2) below prompts/, and out of history/ into images/. */
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "fs/scratch.h"
#include "fs/writing.h"
#include "lib/store/files.h"
#include "lib/text.h"

struct renaming {
	char from[FS_PATH_BYTES], to[FS_PATH_BYTES];
	bool folder;
};

static struct renaming *renaming_new(const char *from, const char *to, bool folder)
{
	struct renaming *renaming = calloc(1, sizeof(*renaming));

	if (!renaming)
		return NULL;
	snprintf(renaming->from, sizeof(renaming->from), "%s", from);
	snprintf(renaming->to, sizeof(renaming->to), "%s", to);
	renaming->folder = folder;
	return renaming;
}

/* ---- a scratch file becomes a prompt ---- */

static void scratch_committed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct renaming *renaming = context;

	/* Refused: the scratch file stays, nothing is lost. */
	if (!code) {
		inode_leave(fs, &prompt_file, renaming->to);
		SEED_UNUSED(scratch_unlink(fs, renaming->from) == 0); /* gone already: the same end */
	}
	fuse_reply_err(req, code);
	free(renaming);
}

static errint_t keep_prompt_file(struct fs *fs, const char *to, const char *text, size_t len)
{
	int fd = openat(seed_store_area(fs->store, SEED_AREA_PROMPTS), to,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	errint_t err;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	err = seed_files_write_all(fd, text, len);
	close(fd);
	return err;
}

/* Nothing to generate: white text, or a prompt that comes back unchanged from
 * its backup name. */
static bool only_kept(struct fs *fs, const char *to, const char *text, size_t len, bool unchanged)
{
	struct stat st;

	if (seed_text_trimmed(text, len) == 0)
		return true;
	return unchanged && folder_stat(fs, SEED_AREA_PROMPTS, to, &st) == -ENOENT;
}

static void commit_scratch(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			   char *text)
{
	struct renaming *renaming = renaming_new(from, to, false);
	struct seed_wait *wait = renaming ? waiting_new(fs, req, scratch_committed, renaming) : NULL;
	struct seed_ticket *ticket;

	if (!wait) {
		free(renaming);
		free(text);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	ticket = seed_ticket_new();
	if (ticket)
		ticket->uid = fuse_req_ctx(req)->uid;
	wait->until_begun = true; /* rename(2) never waits for a generation */
	if (seed_engine_commit(fs->engine, to, text, ticket, wait))
		waiting_fail(wait, ENOMEM);
	seed_ticket_unref(ticket);
}

static void rename_scratch(struct fs *fs, fuse_req_t req, struct scratch *scratch,
			   const char *from, const char *to)
{
	char *text = NULL;
	size_t len = 0, at = 0;
	bool unchanged = false;
	errint_t err;

	err = scratch_text(fs, scratch, to, &text, &len, &unchanged);
	if (!err)
		err = seed_text_check(text, len, &at);
	if (err == -EILSEQ || err == -EINVAL || err == -EFBIG)
		seed_log_line(fs->log, to, SEED_LOG_ERROR "Prompt refused at byte %zu of %s (%s); "
			      "nothing was changed", at, from, seed_error_name(-err));
	if (!err && !only_kept(fs, to, text, len, unchanged)) {
		commit_scratch(fs, req, from, to, text);
		return;
	}
	if (!err)
		err = keep_prompt_file(fs, to, unchanged ? text : "", unchanged ? len : 0);
	if (!err)
		inode_leave(fs, &prompt_file, to);
	if (!err)
		err = scratch_unlink(fs, from);
	free(text);
	fuse_reply_err(req, -err);
}

/* ---- a prompt becomes a scratch file (an editor's backup) ---- */

static void backup_prompt(struct fs *fs, fuse_req_t req, const char *from, const char *to)
{
	struct seed_wait *wait;
	char *text = NULL;
	size_t len = 0;
	errint_t err;

	err = seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), from,
			      SEED_PROMPT_MAX_BYTES, &text, &len);
	if (!err)
		err = scratch_make(fs, to, text, len, from);
	free(text);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	inode_leave(fs, &prompt_file, from);
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_remove(fs->engine, from, wait))
		waiting_fail(wait, ENOMEM);
}

/* ---- a prompt or folder ---- */

static void renamed(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct renaming *renaming = context;

	if (!code)
		inodes_renamed(fs, renaming->from, renaming->to, renaming->folder);
	fuse_reply_err(req, code);
	free(renaming);
}

static void rename_entry(struct fs *fs, fuse_req_t req, const char *from, const char *to,
			 bool folder)
{
	struct renaming *renaming = renaming_new(from, to, folder);
	struct seed_wait *wait = renaming ? waiting_new(fs, req, renamed, renaming) : NULL;

	if (!wait) {
		free(renaming);
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

/* rename(2)'s rules about what may take whose place. */
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
	if (err)
		return err == -ENOENT ? 0 : err;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (folder != S_ISDIR(st.st_mode))
		return folder ? -ENOTDIR : -EISDIR;
	return 0;
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
	if (!err && !to_scratch)
		err = prompt_check_name(fs, to);
	if (!err && to_scratch && S_ISDIR(st.st_mode))
		err = -EINVAL;
	if (err)
		fuse_reply_err(req, -err);
	else if (strcmp(from, to) == 0)
		fuse_reply_err(req, 0);
	else if (to_scratch)
		backup_prompt(fs, req, from, to);
	else
		rename_entry(fs, req, from, to, S_ISDIR(st.st_mode));
}

void prompts_rename(struct fs *fs, fuse_req_t req, const char *from,
		    const struct node_type *to_type, const char *to, unsigned flags)
{
	struct scratch *scratch;
	errint_t err = 0;

	if (to_type != &prompts_folder || (flags & ~(unsigned)RENAME_NOREPLACE)) {
		fuse_reply_err(req, to_type != &prompts_folder ? EROFS : EINVAL);
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
	if (err) {
		fuse_reply_err(req, -err);
	} else if (seed_text_is_scratch(last_part(to))) {
		err = scratch_rename(fs, from, to);
		if (!err)
			inodes_renamed(fs, from, to, false);
		fuse_reply_err(req, -err);
	} else {
		rename_scratch(fs, req, scratch, from, to);
	}
	scratch_unref(fs, scratch);
}

/* ---- history/NAME/0001.png to images/NAME.png ---- */

void history_rename(struct fs *fs, fuse_req_t req, const char *from,
		    const struct node_type *to_type, const char *to, unsigned flags)
{
	size_t len = strlen(to), folder;
	char name[FS_PATH_BYTES];
	struct seed_wait *wait;

	if (to_type != &images_folder) {
		fuse_reply_err(req, EROFS);
		return;
	}
	folder = (size_t)(last_part(from) - from);
	/* RENAME_NOREPLACE: the kernel has seen that no image is there.
	 * Only onto its own name: another's image is not a version of this one. */
	if ((flags & ~(unsigned)RENAME_NOREPLACE) || len <= 4 || strcmp(to + len - 4, ".png") != 0 || folder != len - 4 + 1 ||
	    strncmp(from, to, len - 4) != 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	memcpy(name, to, len - 4);
	name[len - 4] = '\0';
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_restore(fs->engine, from, name, wait))
		waiting_fail(wait, ENOMEM);
}
