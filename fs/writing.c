/* Files that gather text in a draft, which the process that opened the file
 * commits (man seed): prompts and callbacks. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/draft.h"
#include "fs/fs.h"
#include "fs/writing.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

static bool writes(const struct handle *handle)
{
	return (handle->fi.flags & O_ACCMODE) != O_RDONLY;
}

/* The inode's draft, made from the committed text where there is none. */
static errint_t draft_get(struct fs *fs, struct inode *inode, struct draft **out)
{
	const struct writing_kind *kind = inode->type->writing;
	struct draft *draft = inode_draft(fs, inode), *fresh;
	char path[FS_PATH_BYTES];
	char *text = NULL;
	size_t len = 0;
	errint_t err;

	*out = draft;
	if (draft)
		return 0;
	if (inode_is_gone(fs, inode))
		return -ESTALE; /* the kernel looks the name up once more */
	inode_path(fs, inode, path);
	/* Stored by an earlier version under what is a scratch name now, and those
	 * never generate. */
	if (kind->is_prompt && seed_text_check_name(path))
		return -EROFS;
	err = kind->load(fs, path, &text, &len);
	/* The kernel found it: another writer's empty text, which was closed
	 * meanwhile. Whoever opens it then gets it, as if a moment sooner. */
	if (err == -ENOENT)
		err = (text = strdup("")) ? 0 : -ENOMEM;
	if (err)
		return err;
	err = draft_new(text, len, kind->limit, kind->is_prompt,
			kind->is_prompt ? &fs->prompt_drafts : &fs->callback_drafts, &fresh);
	if (err)
		return err;
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
	const char *what = inode->type->writing->is_prompt ? "Prompt" : "Callback";
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	if (code == EILSEQ)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "%s refused: not valid UTF-8 at byte "
			      "%zu (EILSEQ); nothing was changed", what, at);
	else if (code == EFBIG)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "%s refused: more than %d bytes "
			      "(EFBIG); nothing was changed", what, (int)inode->type->writing->limit);
	else if (code == EINVAL)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "%s refused: a NUL at byte %zu "
			      "(EINVAL); nothing was changed", what, at);
	else if (code == ENOSPC)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "%s refused: all that are open hold too "
			      "much (ENOSPC); nothing was changed", what);
}

/* ---- attributes ---- */

errint_t writing_getattr(struct fs *fs, struct inode *inode, struct stat *st, double *timeout_s)
{
	struct draft *draft = inode_draft(fs, inode);
	bool gone = inode_is_gone(fs, inode);
	char path[FS_PATH_BYTES];
	errint_t err = -ENOENT;

	inode_path(fs, inode, path);
	if (!gone)
		err = inode->type->writing->stat(fs, path, st);
	if (!err && atomic_load(&inode->yields))
		SEED_UNUSED(handle_size(fs, inode, &st->st_size));
	if (err == -ENOENT) { /* removed, or not yet kept, while it is open, or as in draft_get() */
		*st = (struct stat){ 0 };
		SEED_UNUSED(handle_size(fs, inode, &st->st_size));
		clock_gettime(CLOCK_REALTIME, &st->st_mtim);
		st->st_ctim = st->st_atim = st->st_mtim;
		err = 0;
	}
	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		st->st_size = (off_t)draft->len;
		if (draft->changed)
			st->st_mtim = st->st_ctim = draft->mtime;
		pthread_mutex_unlock(&draft->mutex);
		inode_draft_put(fs, inode, draft);
	}
	if (!err)
		attributes_file(fs, inode, 0666, st);
	if (gone)
		st->st_nlink = 0;
	*timeout_s = 0;
	return err;
}

/* A new text, this handle's own. With draft->mutex held. */
static void begin_text(struct handle *handle, struct draft *draft)
{
	SEED_UNUSED(draft_truncate(draft, 0) == 0);
	draft->begun_by = handle->thread;
	draft->uid = handle->uid;
	handle->text_number = draft->text_number;
}

/* Before a write. False: since its last one another writer began a new text,
 * of which this handle's is no part. With draft->mutex held.
 *
 * A writer that emptied the file when it opened it, and finds at its first write that
 * somebody did so later, begins a new text: neither's text is part of the other's. One
 * thread that opened it twice is one writer (`command >x 2>x`). */
static bool joins_text(struct handle *handle, struct draft *draft)
{
	bool first = !handle->wrote, is_part = handle->text_number == draft->text_number;

	handle->wrote = true;
	if (!is_part && !first)
		return false;
	if (!is_part && handle->text_number &&
	    (!handle->thread || handle->thread != draft->begun_by))
		begin_text(handle, draft);
	handle->text_number = draft->text_number;
	draft->uid = handle->uid;
	return true;
}

/* ftruncate(2), or an open with O_TRUNC that came in two parts. */
static errint_t truncate_open(struct handle *handle, off_t size)
{
	struct draft *draft = handle->draft;
	errint_t err = 0;

	if (!draft)
		return -EBADF;
	pthread_mutex_lock(&draft->mutex);
	if (size == 0)
		begin_text(handle, draft);
	else if (joins_text(handle, draft))
		err = draft_truncate(draft, (size_t)size);
	else
		err = -ECANCELED;
	pthread_mutex_unlock(&draft->mutex);
	return err;
}

static void timed(struct fs *fs, fuse_req_t req, int code, void *inode)
{
	reply_attributes(fs, req, inode, -code);
}

/* What is not committed yet has its time in the draft; what is on its way to the disk
 * has it once it is there. Replies. */
static void set_time(struct fs *fs, fuse_req_t req, struct inode *inode, struct timespec mtime)
{
	const struct writing_kind *kind = inode->type->writing;
	struct draft *draft = inode_draft(fs, inode);
	bool is_kept = true;
	struct seed_wait *wait;
	char path[FS_PATH_BYTES];

	if (draft) {
		pthread_mutex_lock(&draft->mutex);
		draft->mtime = mtime;
		is_kept = !draft->changed;
		pthread_mutex_unlock(&draft->mutex);
		inode_draft_put(fs, inode, draft);
	}
	inode_path(fs, inode, path);
	if (!kind->set_time || !is_kept || inode_is_gone(fs, inode))
		reply_attributes(fs, req, inode, 0);
	else if (!(wait = waiting_new(fs, req, timed, inode)))
		fuse_reply_err(req, ENOMEM);
	else if (kind->set_time(fs->engine, path, mtime, wait))
		waiting_fail(wait, ENOMEM);
}

static void truncate_path(struct fs *fs, fuse_req_t req, struct inode *inode, size_t size);

void writing_setattr(struct fs *fs, fuse_req_t req, struct inode *inode, struct stat *st,
			   int to_set, struct handle *handle)
{
	struct timespec now;
	errint_t err = 0;

	/* Owners and modes are the mount's: taken and left, so that cp -p,
	 * install and touch work. */
	if (to_set & FUSE_SET_ATTR_SIZE) {
		if (st->st_size < 0 || (uint64_t)st->st_size > inode->type->writing->limit) {
			err = -EFBIG;
		} else if (handle) {
			err = truncate_open(handle, st->st_size);
		} else if (st->st_size > 0) {
			truncate_path(fs, req, inode, (size_t)st->st_size);
			return;
		} /* truncate(2) to nothing: empty text changes nothing */
	} else if (to_set & (FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_MTIME)) {
		clock_gettime(CLOCK_REALTIME, &now);
		set_time(fs, req, inode, to_set & FUSE_SET_ATTR_MTIME_NOW ? now : st->st_mtim);
		return;
	}
	reply_attributes(fs, req, inode, err);
}

/* ---- open, create ---- */

static errint_t begin_writing(struct fs *fs, struct handle *handle)
{
	errint_t err;

	handle_find_opener(handle);
	if (handle->thread && !handle->opener)
		return -EMFILE;
	err = draft_get(fs, handle->inode, &handle->draft);
	if (err)
		return err;
	if (handle->created) {
		pthread_mutex_lock(&handle->draft->mutex);
		handle->draft->made = true;
		pthread_mutex_unlock(&handle->draft->mutex);
	}
	pthread_mutex_lock(&fs->inode_mutex);
	handle->draft->writers++;
	pthread_mutex_unlock(&fs->inode_mutex);
	if (handle->fi.flags & O_TRUNC) {
		pthread_mutex_lock(&handle->draft->mutex);
		begin_text(handle, handle->draft);
		pthread_mutex_unlock(&handle->draft->mutex);
	}
	return 0;
}

/* The text as it is now. -ENOENT: its file is gone, and what may stand at its path is another one. */
static errint_t read_text(struct fs *fs, struct inode *inode, char **text, size_t *len)
{
	struct draft *draft = inode_draft(fs, inode);
	char path[FS_PATH_BYTES];
	errint_t err = 0;

	if (!draft) {
		if (inode_is_gone(fs, inode))
			return -ENOENT;
		inode_path(fs, inode, path);
		return inode->type->writing->load(fs, path, text, len);
	}
	pthread_mutex_lock(&draft->mutex);
	*len = draft->len;
	*text = malloc(draft->len + 1);
	if (*text)
		memcpy(*text, draft->data, draft->len);
	else
		err = -ENOMEM;
	pthread_mutex_unlock(&draft->mutex);
	inode_draft_put(fs, inode, draft);
	return err;
}

/* Keeps the text for the reads. Where there is no room for it, each reads what stands there then. */
static errint_t begin_reading(struct fs *fs, struct handle *handle)
{
	char *text = NULL;
	size_t len = 0;
	errint_t err = read_text(fs, handle->inode, &text, &len);

	if (err == -ENOENT)
		return -ESTALE; /* the kernel looks the name up once more */
	if (!err)
		SEED_UNUSED(held_show(handle, held_text_new(text, len)) == 0);
	return 0;
}

void writing_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	/* What is read is the draft, or the file. */
	handle->fi.direct_io = 1;
	reply_open(req, handle, writes(handle) ? begin_writing(fs, handle) : begin_reading(fs, handle));
}

void writing_create(struct fs *fs, fuse_req_t req, struct found *found,
		    const struct fuse_file_info *fi)
{
	struct inode *inode = inode_get(fs, found);
	struct handle *handle = inode ? handle_new(req, inode, fi) : NULL;

	if (!handle) {
		if (inode)
			inode_forget(fs, inode, 1);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	handle->fi.direct_io = 1;
	handle->created = true;
	reply_created(req, handle, begin_writing(fs, handle));
}

/* ---- read, write ---- */

static bool is_more_of(const struct held_text *held, const char *text, size_t len)
{
	const size_t had = held_text_len(held);

	return len > had && held_text_is(held, text, had);
}

/* Whoever reads a text has that one to its end, whatever becomes of the file meanwhile. Who begins
 * anew, or waits at the end for more (tail -f), has what stands there now. */
static errint_t text_for(struct fs *fs, struct handle *handle, off_t offset, struct held_text **held)
{
	struct held_text *had = held_get(handle);
	char *text = NULL;
	size_t len = 0;
	errint_t err;

	*held = had;
	if (had && (atomic_load(&handle->inode->yields) ||
		    (offset > 0 && (size_t)offset < held_text_len(had))))
		return 0;
	err = read_text(fs, handle->inode, &text, &len);
	if (err && had) /* its file is gone, or cannot be read now */
		return 0;
	if (!err && had && (offset > 0 ? !is_more_of(had, text, len) : held_text_is(had, text, len))) {
		free(text);
		return 0;
	}
	*held = err ? NULL : held_text_new(text, len);
	if (had && *held)
		held_replace(handle, *held);
	held_text_unref(had);
	return err || *held ? err : -ENOMEM;
}

void writing_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	struct held_text *held;
	errint_t err = text_for(fs, handle, offset, &held);

	if (err)
		fuse_reply_err(req, -err);
	else
		reply_part(req, held_text_of(held), held_text_len(held), size, offset);
	held_text_unref(held);
}

void writing_write(struct fs *fs, fuse_req_t req, struct handle *handle, const char *data,
			 size_t size, off_t offset)
{
	struct draft *draft = handle->draft;
	size_t at = 0;
	bool known, joins;
	errint_t err;

	if (offset < 0 || (uint64_t)offset > draft->limit)
		offset = (off_t)draft->limit; /* judged as too long below */
	pthread_mutex_lock(&draft->mutex);
	/* The kernel's size may be older than another handle's write. */
	if (handle->fi.flags & O_APPEND)
		offset = (off_t)draft->len;
	known = draft->refused != 0;
	joins = joins_text(handle, draft);
	err = joins ? draft_write(draft, data, size, (size_t)offset, &at) : 0;
	pthread_mutex_unlock(&draft->mutex);
	if (!joins) {
		fuse_reply_err(req, ECANCELED);
		return;
	}
	if (err && !known)
		log_refused(fs, handle->inode, -err, at);
	/* write() returns what is already known, and every shell looks at that.
	 * The text is still taken: its commit fails as any other does, in
	 * the log, the record and at the image. */
	if (!err)
		err = -seed_engine_admission(fs->engine);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

/* ---- commit ---- */

/* Whether the process that opened the file is the one that flushes it. A child
 * that inherited the descriptor flushes at its exit, perhaps in the middle of
 * the text. -EMFILE: nobody can say, for want of descriptors. */
static errint_t is_opener(fuse_req_t req, struct handle *handle, uint64_t lock_owner, bool *opener)
{
	const struct seed_process process = fs_caller(req);
	pid_t flusher;

	if (process.tid != 0 && handle->opener != 0) {
		flusher = seed_process_of(process);
		*opener = flusher == handle->opener;
		/* A 0 would promise an image. The text is committed when the file is closed for good. */
		return flusher ? 0 : -EMFILE;
	}
	/* Out of sight (another pid namespace): the lock owner tells processes
	 * apart, and the first flush is the opener's (a shell's redirection
	 * closes its own copy before anything is written). */
	if (!handle->owner_known) {
		handle->owner_known = true;
		handle->owner = lock_owner;
	}
	*opener = handle->owner == lock_owner;
	return 0;
}

/* Takes the text out of the draft with a new ticket for it. *text NULL: there
 * is nothing to commit. With draft->mutex held. */
static errint_t take_text(struct fs *fs, struct inode *inode, struct draft *draft, int64_t uid,
			  char **text)
{
	bool known = draft->refused != 0;
	struct seed_ticket *ticket;
	size_t at = 0;
	errint_t err;

	err = draft_take(draft, text, &at);
	if (err && !known)
		log_refused(fs, inode, -err, at);
	if (err || !*text)
		return err;
	ticket = seed_ticket_new();
	if (!ticket) {
		free(*text);
		draft->changed = true;
		return -ENOMEM;
	}
	ticket->uid = uid;
	ticket->prompt_time = draft->mtime;
	ticket->made_file = draft->made;
	seed_ticket_unref(draft->ticket);
	draft->ticket = ticket;
	return 0;
}

/* What is to be committed. Where a request alone has the draft, the reply gives it back. */
struct holding {
	struct inode *inode;
	struct draft *draft;
	uint64_t text_number; /* 0: whichever text is in it by then */
	bool is_reader;       /* by a descriptor that cannot write to it */
};

/* Where readers are let in, one who may not write must not spend money, or cut off a text
 * that another is still writing. With draft->mutex held. */
static bool may_commit(const struct holding *what, int64_t uid)
{
	return !what->is_reader || uid == 0 || uid == what->draft->uid;
}

/* Commits the draft's text if it is new. *posted: the engine has `wait` (may be
 * NULL). Otherwise *ticket is a reference to the outcome of the last committed
 * text, or NULL. -ECANCELED: another text has been begun. */
static errint_t commit_draft(struct fs *fs, const struct holding *what, int64_t uid,
			     struct seed_wait *wait, bool *posted, struct seed_ticket **ticket)
{
	struct draft *draft = what->draft;
	char path[FS_PATH_BYTES];
	char *text = NULL;
	errint_t err = 0;

	*posted = false;
	*ticket = NULL;
	inode_path(fs, what->inode, path);
	/* Held until the engine has it, so that whoever waits for this ticket
	 * comes after it. */
	pthread_mutex_lock(&draft->mutex);
	if (what->text_number && what->text_number != draft->text_number)
		err = -ECANCELED;
	else if (may_commit(what, uid))
		err = take_text(fs, what->inode, draft, uid, &text);
	if (!err && text) {
		err = what->inode->type->writing->commit(fs->engine, path, text, draft->ticket, wait);
		*posted = !err;
		draft->changed = err != 0; /* the next close tries again */
	} else if (!err && draft->ticket) {
		*ticket = seed_ticket_ref(draft->ticket);
	}
	pthread_mutex_unlock(&draft->mutex);
	if (err == -ECANCELED)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Not committed: a new text was begun through "
			      "another descriptor while it was being closed (ECANCELED)");
	return err;
}

static void commit_unwatched(struct fs *fs, struct inode *inode, struct draft *draft, int64_t uid)
{
	const struct holding what = { .inode = inode, .draft = draft };
	struct seed_ticket *ticket;
	char path[FS_PATH_BYTES];
	bool posted;
	errint_t err;

	err = commit_draft(fs, &what, uid, NULL, &posted, &ticket);
	seed_ticket_unref(ticket);
	inode_path(fs, inode, path);
	if (err == -ENOMEM)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "out of memory: the text is not "
			      "committed (ENOMEM)");
}

static void wait_outcome(struct fs *fs, struct seed_wait *wait, struct seed_ticket *ticket)
{
	int outcome = atomic_load(&ticket->outcome);

	if (outcome != SEED_OUTCOME_UNKNOWN)
		waiting_fail(wait, outcome);
	else if (seed_engine_wait_ticket(fs->engine, ticket, wait))
		waiting_fail(wait, ENOMEM);
}

/* Replies once the draft's text, where there is new one, is committed and has
 * its outcome; `unwatched`: once it has begun. `reply` as in waiting_new(). False:
 * there is no text at all, and nothing was replied. Else the reply may be on its way
 * already, and what it closes, handle, draft and inode, gone. */
static bool commit_or_reply(struct fs *fs, fuse_req_t req, const struct holding *what,
			    bool unwatched, waiting_reply_fn *reply, void *context)
{
	struct seed_wait *wait = waiting_new(fs, req, reply, context);
	struct seed_ticket *ticket;
	bool posted;
	errint_t err;

	if (!wait) {
		if (reply)
			reply(fs, req, ENOMEM, context);
		else
			fuse_reply_err(req, ENOMEM);
		return true;
	}
	wait->until_begun = unwatched;
	err = commit_draft(fs, what, fuse_req_ctx(req)->uid, wait, &posted, &ticket);
	if (posted)
		return true;
	if (!err && !ticket) {
		waiting_drop(wait);
		return false;
	}
	if (err || unwatched)
		waiting_fail(wait, -err);
	else
		wait_outcome(fs, wait, ticket);
	seed_ticket_unref(ticket);
	return true;
}

/* ---- truncate(2): a commit without a close ---- */

static void truncated(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct holding *holding = context;

	inode_draft_put(fs, holding->inode, holding->draft);
	reply_attributes(fs, req, holding->inode, -code);
	free(holding);
}

/* The text ends earlier; it cannot grow, for it would be with NUL. */
static errint_t shorten(struct draft *draft, size_t size)
{
	errint_t err;

	pthread_mutex_lock(&draft->mutex);
	err = size > draft->len ? -EINVAL : draft_truncate(draft, size);
	pthread_mutex_unlock(&draft->mutex);
	return err;
}

/* Replies once the text is on disk, so that its size is the new one. */
static void truncate_path(struct fs *fs, fuse_req_t req, struct inode *inode, size_t size)
{
	struct holding *holding = calloc(1, sizeof(*holding));
	errint_t err = holding ? draft_get(fs, inode, &holding->draft) : -ENOMEM;

	if (err) {
		free(holding);
		fuse_reply_err(req, -err);
		return;
	}
	holding->inode = inode;
	err = shorten(holding->draft, size);
	if (err || !commit_or_reply(fs, req, holding, true, truncated, holding))
		truncated(fs, req, -err, holding);
}

/* Whether the text that this handle wrote is not what a commit would take: its
 * name is another file's or nobody's, or a new text was begun since. Its close
 * must not give 0, as if there were an image of it. */
static bool is_overwritten(struct fs *fs, struct handle *handle)
{
	bool gone = inode_is_gone(fs, handle->inode), other;
	struct draft *draft = handle->draft;

	pthread_mutex_lock(&draft->mutex);
	other = handle->wrote && handle->text_number != draft->text_number;
	gone = gone && draft->changed; /* what was committed has its outcome */
	pthread_mutex_unlock(&draft->mutex);
	return gone || other;
}

static void log_overwritten(struct fs *fs, struct handle *handle)
{
	char path[FS_PATH_BYTES];

	inode_path(fs, handle->inode, path);
	if (!atomic_exchange(&handle->told, true))
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Not committed: %s before it was closed "
			      "(ECANCELED)", inode_is_gone(fs, handle->inode) ?
			      "the prompt was removed or replaced" :
			      "a new text was begun through another descriptor");
}

/* Whether this flush is the end of the text (man seed, Writing and committing): the
 * opener closes its last descriptor that can write to it. */
static bool ends_text(fuse_req_t req, struct handle *handle, bool opener)
{
	const struct seed_process process = fs_caller(req);

	/* A process that a signal ended may have written only half of it. */
	handle->killed = seed_process_was_killed(process);
	if (!opener || handle->killed)
		return false;
	if (!seed_process_holds(process, handle->inode->number))
		return true;
	pthread_mutex_lock(&handle->draft->mutex);
	if (handle->draft->changed)
		handle->draft->owed_by = handle->opener;
	pthread_mutex_unlock(&handle->draft->mutex);
	return false;
}

/* The process wrote through another descriptor, which it has closed: its last
 * close commits. */
static bool is_owed(struct handle *handle)
{
	bool owed;

	pthread_mutex_lock(&handle->draft->mutex);
	owed = handle->draft->owed_by > 0 && handle->draft->owed_by == handle->opener;
	pthread_mutex_unlock(&handle->draft->mutex);
	return owed;
}

static bool has_written(struct handle *handle)
{
	return handle->draft && (handle->wrote || is_owed(handle));
}

/* Nobody is there to look at a result in execve(), with which whoever looks at
 * the process (ps) would wait. */
static bool is_unwatched(fuse_req_t req, const struct handle *handle)
{
	return (handle->fi.flags & O_NONBLOCK) || seed_process_is_in_exec(fs_caller(req));
}

/* The newer text has an outcome; the descriptor's own text has none. */
static void reply_overwritten(struct fs *fs, fuse_req_t req, int code, void *context)
{
	SEED_UNUSED(fs);
	SEED_UNUSED(context);
	fuse_reply_err(req, code ? code : ECANCELED);
}

/* Its own text is lost, but the newer one is not: the process wrote that through a
 * descriptor that it has closed, and this may be its last. */
static void flush_overwritten(struct fs *fs, fuse_req_t req, struct handle *handle, bool opener)
{
	const struct holding newer = { .inode = handle->inode, .draft = handle->draft };

	log_overwritten(fs, handle);
	if (!is_owed(handle) || inode_is_gone(fs, handle->inode) || !ends_text(req, handle, opener) ||
	    !commit_or_reply(fs, req, &newer, is_unwatched(req, handle), reply_overwritten, NULL))
		fuse_reply_err(req, ECANCELED);
}

/* The number of the text that the handle wrote; 0: none. */
static uint64_t own_text(const struct handle *handle)
{
	return handle->wrote ? handle->text_number : 0;
}

void writing_flush(struct fs *fs, fuse_req_t req, struct handle *handle, uint64_t lock_owner)
{
	/* Looking at the process takes a while, in which another may begin a text. */
	const struct holding own = { handle->inode, handle->draft, own_text(handle), false };
	bool opener = false;
	errint_t err = is_opener(req, handle, lock_owner, &opener);

	if (!has_written(handle))
		fuse_reply_err(req, 0);
	else if (err)
		fuse_reply_err(req, -err);
	else if (is_overwritten(fs, handle))
		flush_overwritten(fs, req, handle, opener);
	else if (!ends_text(req, handle, opener) ||
		 !commit_or_reply(fs, req, &own, is_unwatched(req, handle), NULL, NULL))
		fuse_reply_err(req, 0);
}

static void wait_for_name(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	struct seed_wait *wait;
	char path[FS_PATH_BYTES];

	inode_path(fs, inode, path);
	if (!fs->engine || inode_is_gone(fs, inode))
		fuse_reply_err(req, 0);
	else if (!(wait = waiting_new(fs, req, NULL, NULL)))
		fuse_reply_err(req, ENOMEM);
	else if (seed_engine_wait_name(fs->engine, path, wait))
		waiting_fail(wait, ENOMEM);
}

static void synced(struct fs *fs, fuse_req_t req, int code, void *context)
{
	struct holding *holding = context;

	inode_draft_put(fs, holding->inode, holding->draft);
	fuse_reply_err(req, code);
	free(holding);
}

/* The draft may be another handle's. False: nothing was replied. */
static bool sync_draft(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	struct holding *holding = calloc(1, sizeof(*holding));
	struct inode *inode = handle->inode;

	if (!holding) {
		fuse_reply_err(req, ENOMEM);
		return true;
	}
	*holding = (struct holding){ inode, inode_draft(fs, inode), own_text(handle),
				     !writes(handle) };
	if (holding->draft && commit_or_reply(fs, req, holding, false, synced, holding))
		return true;
	if (holding->draft)
		inode_draft_put(fs, inode, holding->draft);
	free(holding);
	return false;
}

void writing_fsync(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	if (handle->draft && handle->wrote && is_overwritten(fs, handle)) {
		log_overwritten(fs, handle);
		fuse_reply_err(req, ECANCELED);
		return;
	}
	if (!sync_draft(fs, req, handle))
		wait_for_name(fs, req, handle->inode);
}

/* Removes a file that this open made and that got no text; a file
 * that was only touched stays. */
static void drop_unused(struct fs *fs, struct handle *handle)
{
	const struct writing_kind *kind = handle->inode->type->writing;
	struct draft *draft = handle->draft;
	char path[FS_PATH_BYTES];
	bool unused;

	pthread_mutex_lock(&draft->mutex);
	unused = handle->created && handle->wrote && !draft->ticket;
	pthread_mutex_unlock(&draft->mutex);
	if (!unused || !kind->drop || inode_is_gone(fs, handle->inode))
		return;
	inode_path(fs, handle->inode, path);
	kind->drop(fs, path);
}

static void log_killed(struct fs *fs, struct inode *inode, struct draft *draft)
{
	char path[FS_PATH_BYTES];
	bool lost;

	pthread_mutex_lock(&draft->mutex);
	lost = draft->changed && seed_text_trimmed(draft->data, draft->len) > 0;
	pthread_mutex_unlock(&draft->mutex);
	inode_path(fs, inode, path);
	if (lost)
		seed_log_line(fs->log, path, SEED_LOG_ERROR "Not committed: a signal ended the writer "
			      "before it had closed the prompt; nothing was changed");
}

/* The last chance, when the last descriptor is closed; nobody waits for a release. A text
 * that is owed is committed even if this handle's own text was overwritten. */
static void commit_released(struct fs *fs, struct handle *handle)
{
	struct draft *draft = handle->draft;
	bool last, wrote, owed;

	pthread_mutex_lock(&fs->inode_mutex);
	last = --draft->writers == 0;
	pthread_mutex_unlock(&fs->inode_mutex);
	pthread_mutex_lock(&draft->mutex);
	wrote = handle->wrote && handle->text_number == draft->text_number;
	if (!last && wrote && !handle->killed && draft->changed && draft->owed_by == 0)
		draft->owed_by = -1;
	owed = draft->owed_by != 0;
	pthread_mutex_unlock(&draft->mutex);
	if (handle->killed)
		log_killed(fs, handle->inode, draft);
	else if (last && (wrote || owed) && !inode_is_gone(fs, handle->inode))
		commit_unwatched(fs, handle->inode, draft, handle->uid);
}

void writing_release(struct fs *fs, struct handle *handle)
{
	if (handle->draft) {
		commit_released(fs, handle);
		drop_unused(fs, handle);
	}
	handle_free(handle);
}

