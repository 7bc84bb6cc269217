/* prompts/NAME: text is gathered in a draft and committed by the process that
 * opened it (CONTRACT section 2). */
#include <fcntl.h>
#include <unistd.h>

#include "fs/draft.h"
#include "fs/fs.h"
#include "lib/process.h"
#include "lib/store/files.h"
#include "lib/text.h"

static bool writes(const struct handle *handle)
{
	return (handle->flags & O_ACCMODE) != O_RDONLY;
}

/* ---- drafts and inodes ---- */

static struct draft *draft_of(struct fs *fs, struct inode *inode)
{
	struct draft *draft;

	pthread_mutex_lock(&fs->inode_mutex);
	draft = inode->draft;
	if (draft)
		draft->users++;
	pthread_mutex_unlock(&fs->inode_mutex);
	return draft;
}

static void draft_put(struct fs *fs, struct inode *inode, struct draft *draft)
{
	pthread_mutex_lock(&fs->inode_mutex);
	if (--draft->users > 0)
		draft = NULL;
	else
		inode->draft = NULL;
	pthread_mutex_unlock(&fs->inode_mutex);
	draft_free(draft);
}

/* The inode's draft, made from the committed text where there is none. */
static errint_t draft_get(struct fs *fs, struct inode *inode, struct draft **out)
{
	struct draft *draft = draft_of(fs, inode), *fresh;
	char path[FS_PATH_BYTES];
	char *text = NULL;
	size_t len = 0;
	errint_t err;

	*out = draft;
	if (draft)
		return 0;
	inode_path(fs, inode, path);
	err = seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), path,
			      SEED_PROMPT_MAX_BYTES, &text, &len);
	if (err)
		return err;
	fresh = draft_new();
	if (!fresh) {
		free(text);
		return -ENOMEM;
	}
	memcpy(fresh->data, text, len);
	fresh->len = len;
	free(text);
	/* Another open may have made one meanwhile: that one counts. */
	pthread_mutex_lock(&fs->inode_mutex);
	if (!inode->draft) {
		inode->draft = fresh;
		fresh = NULL;
	}
	*out = inode->draft;
	inode->draft->users++;
	pthread_mutex_unlock(&fs->inode_mutex);
	draft_free(fresh);
	return 0;
}

static void log_refused(struct fs *fs, struct inode *inode, int code, size_t at)
{
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	if (code == EILSEQ)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Prompt refused: not valid UTF-8 at byte "
			      "%zu (EILSEQ); nothing was changed", at);
	else if (code == EFBIG)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Prompt refused: more than %d bytes "
			      "(EFBIG); nothing was changed", SEED_PROMPT_MAX_BYTES);
	else if (code == EINVAL)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Prompt refused: a NUL at byte %zu "
			      "(EINVAL); nothing was changed", at);
}

/* ---- attributes ---- */

static errint_t prompt_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	struct draft *draft = draft_of(fs, inode);
	char path[FS_PATH_BYTES];
	errint_t err;

	inode_path(fs, inode, path);
	err = folder_stat(fs, SEED_AREA_PROMPTS, path, st);
	if (err == -ENOENT && draft) { /* removed while it is open */
		*st = (struct stat){ 0 };
		err = 0;
	}
	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		st->st_size = (off_t)draft->len;
		pthread_mutex_unlock(&draft->mutex);
		draft_put(fs, inode, draft);
	}
	if (!err)
		attributes_file(fs, inode, 0644, st);
	*timeout_s = 0;
	return err;
}

static void commit_unwatched(struct fs *fs, struct inode *inode, struct draft *draft);

static errint_t truncate_prompt(struct fs *fs, struct inode *inode, off_t size, bool is_open)
{
	struct draft *draft;
	errint_t err;

	if (size < 0 || size > SEED_PROMPT_MAX_BYTES)
		return -EFBIG;
	/* truncate(2) to nothing with no descriptor: empty text changes nothing. */
	if (size == 0 && !is_open)
		return 0;
	err = draft_get(fs, inode, &draft);
	if (err)
		return err;
	pthread_mutex_lock(&draft->mutex);
	err = draft_truncate(draft, (size_t)size);
	pthread_mutex_unlock(&draft->mutex);
	/* Without a descriptor there is no close to wait for. */
	if (!err && !is_open)
		commit_unwatched(fs, inode, draft);
	draft_put(fs, inode, draft);
	return err;
}

static void prompt_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
			   int to_set, struct handle *handle)
{
	struct stat now = { 0 };
	double timeout_s = 0;
	errint_t err = 0;

	/* Owners, modes and times are the mount's: taken and left, so that
	 * cp -p, install and touch work. */
	if (to_set & FUSE_SET_ATTR_SIZE) {
		err = truncate_prompt(fs, inode, st->st_size, handle != NULL);
		if (!err && handle && st->st_size > 0)
			handle->wrote = true;
	}
	if (!err)
		err = prompt_getattr(fs, inode, &now, &timeout_s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &now, timeout_s);
}

/* ---- open, create ---- */

static errint_t begin_writing(struct fs *fs, struct handle *handle)
{
	errint_t err = draft_get(fs, handle->inode, &handle->draft);

	if (!err && (handle->flags & O_TRUNC)) {
		pthread_mutex_lock(&handle->draft->mutex);
		err = draft_truncate(handle->draft, 0);
		pthread_mutex_unlock(&handle->draft->mutex);
	}
	return err;
}

static void prompt_release(struct fs *fs, struct handle *handle);

static void prompt_open(struct fs *fs, fuse_req_t req, struct inode *inode,
			struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(req, inode, fi);
	errint_t err = 0;

	if (!handle) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (writes(handle))
		err = begin_writing(fs, handle);
	if (err) {
		handle_free(handle);
		fuse_reply_err(req, -err);
		return;
	}
	/* What is read is the draft or the file as it is now. */
	fi->direct_io = 1;
	reply_open(req, handle, fi);
}

/* The folder shown at images/NAME.png would hide the image, and so on. */
static errint_t check_free(struct fs *fs, const char *name)
{
	char path[FS_PATH_BYTES];
	struct stat st;

	if (!seed_store_image_path(name, path))
		return -ENAMETOOLONG;
	if (folder_stat(fs, SEED_AREA_IMAGES, path, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!seed_store_record_path(name, path))
		return -ENAMETOOLONG;
	if (folder_stat(fs, SEED_AREA_RECORDS, path, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	return 0;
}

static errint_t make_file(struct fs *fs, const char *path, const char *name, int flags,
			  struct found *found)
{
	errint_t err;
	int fd;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	err = seed_text_check_name(found->path);
	if (!err)
		err = check_free(fs, found->path);
	if (err)
		return err;
	fd = openat(seed_store_area(fs->store, SEED_AREA_PROMPTS), found->path,
		    O_WRONLY | O_CREAT | (flags & O_EXCL) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	found->type = &prompt_file;
	return 0;
}

static void reply_created(struct fs *fs, fuse_req_t req, struct handle *handle,
			  struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = { .generation = 1, .ino = (uintptr_t)handle->inode };
	struct inode *inode = handle->inode;
	errint_t err;

	err = inode->type->getattr(fs, inode, &entry.attr, &entry.attr_timeout);
	if (!err) {
		fi->fh = (uintptr_t)handle;
		fi->direct_io = 1;
		if (fuse_reply_create(req, &entry, fi) != -ENOENT)
			return;
	} else {
		fuse_reply_err(req, -err);
	}
	prompt_release(fs, handle);
	inode_forget(fs, inode, 1);
}

static void prompts_create(struct fs *fs, fuse_req_t req, const char *path, const char *name,
			   struct fuse_file_info *fi)
{
	struct found found = { 0 };
	struct handle *handle = NULL;
	struct inode *inode = NULL;
	errint_t err;

	err = make_file(fs, path, name, fi->flags, &found);
	if (!err && !(inode = inode_get(fs, &found)))
		err = -ENOMEM;
	if (!err && !(handle = handle_new(req, inode, fi)))
		err = -ENOMEM;
	if (!err)
		err = begin_writing(fs, handle);
	if (err) {
		handle_free(handle);
		if (inode)
			inode_forget(fs, inode, 1);
		fuse_reply_err(req, -err);
		return;
	}
	handle->created = true;
	reply_created(fs, req, handle, fi);
}

/* ---- read, write ---- */

static void prompt_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
			off_t offset)
{
	struct draft *draft = draft_of(fs, handle->inode);
	char path[FS_PATH_BYTES];
	char text[SEED_PROMPT_MAX_BYTES];
	size_t len = 0, at;

	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		len = draft->len;
		memcpy(text, draft->data, len);
		pthread_mutex_unlock(&draft->mutex);
		draft_put(fs, handle->inode, draft);
	} else {
		char *file = NULL;
		errint_t err;

		inode_path(fs, handle->inode, path);
		err = seed_files_read(seed_store_area(fs->store, SEED_AREA_PROMPTS), path,
				      sizeof(text), &file, &len);
		if (err) {
			fuse_reply_err(req, -err);
			return;
		}
		memcpy(text, file, len);
		free(file);
	}
	at = offset < 0 || (uint64_t)offset > len ? len : (size_t)offset;
	fuse_reply_buf(req, text + at, size < len - at ? size : len - at);
}

static void prompt_write(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
			 size_t size, off_t offset)
{
	struct draft *draft = handle->draft;
	size_t at = 0;
	bool known;
	errint_t err;

	if (offset < 0 || (uint64_t)offset > SEED_PROMPT_MAX_BYTES)
		offset = SEED_PROMPT_MAX_BYTES; /* judged as too long below */
	handle->wrote = true;
	pthread_mutex_lock(&draft->mutex);
	/* The kernel's idea of the end may be older than another's write. */
	if (handle->flags & O_APPEND)
		offset = (off_t)draft->len;
	known = draft->refused != 0;
	err = draft_write(draft, data, size, (size_t)offset, &at);
	pthread_mutex_unlock(&draft->mutex);
	if (err && !known)
		log_refused(fs, handle->inode, -err, at);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

/* ---- commit ---- */

/* Whether the process that opened the file is the one that flushes it. A child
 * that inherited the descriptor flushes at its exit, perhaps in the middle of
 * the text. */
static bool is_opener(fuse_req_t req, struct handle *handle, uint64_t lock_owner)
{
	pid_t pid = fuse_req_ctx(req)->pid;

	if (pid != 0 && handle->opener != 0)
		return seed_process_of(pid) == handle->opener;
	/* Out of sight (another pid namespace): the lock owner tells processes
	 * apart, and the first flush is the opener's (a shell's redirection
	 * closes its own copy before anything is written). */
	if (!handle->owner_known) {
		handle->owner_known = true;
		handle->owner = lock_owner;
	}
	return handle->owner == lock_owner;
}

/* Takes the text out of the draft with a new ticket for it. *text NULL: there
 * is nothing to commit. */
static errint_t take_text(struct fs *fs, struct inode *inode, struct draft *draft, char **text,
			  struct seed_ticket **ticket)
{
	bool known = draft->refused != 0;
	size_t at = 0;
	errint_t err;

	*ticket = NULL;
	err = draft_take(draft, text, &at);
	if (err && !known)
		log_refused(fs, inode, -err, at);
	if (err || !*text)
		return err;
	*ticket = seed_ticket_new();
	if (!*ticket) {
		free(*text);
		draft->changed = true;
		return -ENOMEM;
	}
	seed_ticket_unref(draft->ticket);
	draft->ticket = seed_ticket_ref(*ticket);
	return 0;
}

static void hand_over(struct fs *fs, fuse_req_t req, struct inode *inode, char *text,
		      struct seed_ticket *ticket, bool until_begun)
{
	struct seed_wait *wait = waiting_new(fs, req, NULL, NULL);
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	if (wait)
		wait->until_begun = until_begun;
	if (!wait) {
		free(text);
		fuse_reply_err(req, ENOMEM);
	} else if (seed_engine_commit(fs->engine, path, text, ticket, wait)) {
		waiting_fail(wait, ENOMEM);
	}
	seed_ticket_unref(ticket);
}

static void commit_unwatched(struct fs *fs, struct inode *inode, struct draft *draft)
{
	struct seed_ticket *ticket;
	char path[FS_PATH_BYTES];
	char *text = NULL;
	errint_t err;

	pthread_mutex_lock(&draft->mutex);
	err = take_text(fs, inode, draft, &text, &ticket);
	pthread_mutex_unlock(&draft->mutex);
	if (err || !text)
		return;
	inode_path(fs, inode, path);
	if (seed_engine_commit(fs->engine, path, text, ticket, NULL))
		seed_log_line(fs->log, path, SEED_LOG_ERROR "out of memory: the prompt is not "
			      "committed (ENOMEM)");
	seed_ticket_unref(ticket);
}

static void wait_outcome(struct fs *fs, fuse_req_t req, struct seed_ticket *ticket)
{
	int outcome = atomic_load(&ticket->outcome);
	struct seed_wait *wait;

	if (outcome != SEED_OUTCOME_UNKNOWN)
		fuse_reply_err(req, outcome);
	else if (!(wait = waiting_new(fs, req, NULL, NULL)))
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_wait_ticket(fs->engine, ticket, wait))
		waiting_fail(wait, ENOMEM);
	seed_ticket_unref(ticket);
}

static void prompt_flush(struct fs *fs, fuse_req_t req, struct handle *handle, uint64_t lock_owner)
{
	/* Nobody is there any more to look at a result: a process that a
	 * signal ended must not stay for half a minute. */
	bool unwatched = (handle->flags & O_NONBLOCK) ||
			 seed_process_was_killed(fuse_req_ctx(req)->pid);
	struct draft *draft = handle->draft;
	struct seed_ticket *ticket = NULL;
	bool opener = is_opener(req, handle, lock_owner);
	char *text = NULL;
	errint_t err = 0;

	if (!draft || !handle->wrote || !opener) {
		fuse_reply_err(req, 0);
		return;
	}
	pthread_mutex_lock(&draft->mutex);
	err = take_text(fs, handle->inode, draft, &text, &ticket);
	if (!err && !text && draft->ticket)
		ticket = seed_ticket_ref(draft->ticket);
	pthread_mutex_unlock(&draft->mutex);
	if (err)
		fuse_reply_err(req, -err);
	else if (text)
		hand_over(fs, req, handle->inode, text, ticket, unwatched);
	else if (ticket && !unwatched)
		wait_outcome(fs, req, ticket);
	else {
		seed_ticket_unref(ticket);
		fuse_reply_err(req, 0);
	}
}

static void wait_for_name(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	struct seed_wait *wait;
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	if (!fs->engine)
		fuse_reply_err(req, 0);
	else if (!(wait = waiting_new(fs, req, NULL, NULL)))
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_wait_name(fs->engine, path, wait))
		waiting_fail(wait, ENOMEM);
}

static void prompt_fsync(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct draft *draft = draft_of(fs, handle->inode);
	struct seed_ticket *ticket = NULL;
	char *text = NULL;
	errint_t err = 0;

	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		err = take_text(fs, handle->inode, draft, &text, &ticket);
		if (!err && !text && draft->ticket)
			ticket = seed_ticket_ref(draft->ticket);
		pthread_mutex_unlock(&draft->mutex);
		draft_put(fs, handle->inode, draft);
	}
	if (err)
		fuse_reply_err(req, -err);
	else if (text)
		hand_over(fs, req, handle->inode, text, ticket, false);
	else if (ticket)
		wait_outcome(fs, req, ticket);
	else
		wait_for_name(fs, req, handle->inode);
}

/* A file that this open made and whose text came to nothing goes again; one
 * that was only touched stays. */
static void drop_unused(struct fs *fs, struct handle *handle)
{
	struct draft *draft = handle->draft;
	char path[FS_PATH_BYTES];
	struct stat st;
	bool unused;

	pthread_mutex_lock(&draft->mutex);
	unused = handle->created && handle->wrote && !draft->ticket && !draft->removed;
	pthread_mutex_unlock(&draft->mutex);
	if (!unused)
		return;
	inode_path(fs, handle->inode, path);
	if (folder_stat(fs, SEED_AREA_PROMPTS, path, &st) == 0 && st.st_size == 0)
		unlinkat(seed_store_area(fs->store, SEED_AREA_PROMPTS), path, 0);
}

static void prompt_release(struct fs *fs, struct handle *handle)
{
	if (handle->draft) {
		/* The last chance; nobody waits for a release. */
		if (handle->wrote)
			commit_unwatched(fs, handle->inode, handle->draft);
		drop_unused(fs, handle);
		draft_put(fs, handle->inode, handle->draft);
	}
	handle_free(handle);
}

/* ---- the folder ---- */

static errint_t prompts_getattr(struct fs *fs, struct inode *inode, struct stat *st,
				double *timeout_s)
{
	*timeout_s = 0;
	return folder_getattr(fs, SEED_AREA_PROMPTS, inode, st);
}

static errint_t prompts_lookup(struct fs *fs, const char *path, const char *name,
			       struct found *found)
{
	errint_t err;

	if (!path_join(path, name, found->path))
		return -ENAMETOOLONG;
	err = folder_stat(fs, SEED_AREA_PROMPTS, found->path, &found->st);
	if (err)
		return err;
	if (S_ISDIR(found->st.st_mode))
		found->type = &prompts_folder;
	else if (S_ISREG(found->st.st_mode))
		found->type = &prompt_file;
	else
		return -ENOENT;
	return 0;
}

static int prompts_open_folder(struct fs *fs, const char *path)
{
	return folder_open(fs, SEED_AREA_PROMPTS, path);
}

static bool prompts_lists(const char *name, bool is_folder)
{
	SEED_UNUSED(is_folder);
	return !seed_text_is_scratch(name);
}

static void forget_draft(struct fs *fs, const char *path)
{
	struct found found = { .type = &prompt_file };
	struct inode *inode;
	struct draft *draft;

	memcpy(found.path, path, strlen(path) + 1);
	inode = inode_get(fs, &found);
	if (!inode)
		return;
	draft = draft_of(fs, inode);
	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		draft->removed = true;
		pthread_mutex_unlock(&draft->mutex);
		draft_put(fs, inode, draft);
	}
	inode_forget(fs, inode, 1);
}

static void prompts_unlink(struct fs *fs, fuse_req_t req, const char *path, const char *name)
{
	char file[FS_PATH_BYTES];
	struct seed_wait *wait;

	if (!path_join(path, name, file)) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	forget_draft(fs, file);
	/* In order with what is under way for the name. */
	wait = waiting_new(fs, req, NULL, NULL);
	if (!wait)
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_remove(fs->engine, file, wait))
		waiting_fail(wait, ENOMEM);
}

const struct node_type prompts_folder = {
	.is_folder = true,
	.getattr = prompts_getattr,
	.lookup = prompts_lookup,
	.open_folder = prompts_open_folder,
	.lists = prompts_lists,
	.create = prompts_create,
	.unlink = prompts_unlink,
};

const struct node_type prompt_file = {
	.getattr = prompt_getattr,
	.setattr = prompt_setattr,
	.open = prompt_open,
	.read = prompt_read,
	.write = prompt_write,
	.flush = prompt_flush,
	.fsync = prompt_fsync,
	.release = prompt_release,
};
