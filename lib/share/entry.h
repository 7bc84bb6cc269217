/*
 * What hosts that share a catalogue know of one NAME: one small object in the store, which
 * is changed only as a whole, by a write on the condition that nobody has changed it since it
 * was read (lib/s3/s3.h, seed_s3_swap). So the changes of one name have one order, and every
 * host that reads the object sees the end of it.
 *
 * It holds the journal's rows of the generations in flight, whoever runs them: a row that a
 * host writes to its own journal before it acts (announce, accept, …) is put here, too,
 * before it acts. What `pending/` is to a host that starts again, these rows are to the
 * other hosts when one is gone: they go on with its rows as it would itself, by the same rules.
 * A row that says "submitting" is never sent again; one with a task's id is asked for.
 *
 * A row belongs to a host for a time (a lease, by the store's clock), which each change renews.
 * When it has run out, any host may take the row, by a lease of its own: its number is the
 * serial of the change that gave it, so no two leases have the same. A lease is for progress
 * only. What keeps two hosts from sending the same text is the swap before it: a host that
 * slept through its lease finds that the row has another number, also if the row came back to it
 * meanwhile; and a host that takes a row which says "submitting" does not send it.
 *
 * A verified image is always taken, whoever has the row by then: it is paid for. It becomes
 * the current one if nothing newer has the name, else the newest of the history.
 *
 * A rename changes two objects, and no store writes two as one. So it has an order: read the
 * source, join the target with it, leave the source; and if the source has changed
 * meanwhile, all of it again. In between, a row stands in both, and its host goes on under the
 * source. The target's is a copy, and no lease of it is one: not the one that it was copied with, since
 * the source's may have been taken meanwhile, sent, and be gone. Only when the source has been left
 * for the target is the copy worth what the row was. It says which row, of which serial of the
 * source, it is one of (its token); the source says where it went, and at which serial.
 * Its host, which misses the row there, computes the token from that, finds the copy that has it, and
 * goes on (seed_share_arrive). A copy of a copy has the way of both in its token, so it
 * proves the whole way from where the host had the row. Anybody else may take a copy as any other
 * row, when its lease has run out; what was not sent yet is "submitting" then, for it may be sent
 * under the other name.
 *
 * A crash between join and leave leaves both names, and nothing tells whoever comes later of the
 * rename: the source goes on, and of what it had in flight the target's copies come to an end that
 * is not known. Renaming again is right then: with the source as it is by then, and never with what
 * was read earlier.
 *
 * Pure functions over an entry in memory; any thread. All errors are -ENOMEM unless said
 * otherwise; the entry is then not to be written.
 */
#ifndef SEED_SHARE_ENTRY_H
#define SEED_SHARE_ENTRY_H

#include "lib/base/base.h"
#include "lib/record/record.h"

/* A host's id, made when its state directory is: 16 hexadecimal digits. */
#define SEED_SHARE_HOST_BYTES 17

/* A generation's id, and NUL. */
#define SEED_SHARE_ID_BYTES 17

/* Which row a copy is one of, and NUL: 16 hexadecimal digits. */
#define SEED_SHARE_TOKEN_BYTES 17

/* The largest entry: rows in flight and versions, about 2 KiB each. Their number is limited, too:
 * some changes compare each with each. */
#define SEED_SHARE_ENTRY_MAX_BYTES (4 * 1024 * 1024)
#define SEED_SHARE_PARTS_MAX 8192

/* A task that is kept is asked for rarely, and for a day: its leases are so many times as long. */
#define SEED_SHARE_KEPT_TIMES 10

/* How many changes back it is known who made them. */
#define SEED_SHARE_WRITERS 16

/* Journal and catalogue rows have the same type; `record.id` is the generation's, which no
 * other generation of any host has. */
struct seed_share_row {
	char host[SEED_SHARE_HOST_BYTES];
	int64_t lease;   /* its number */
	int64_t until_s; /* its end, by the store's clock */
	/* "", or the generation beside which this late task goes on: that one is its retry. */
	char late_of[SEED_SHARE_ID_BYTES];
	/* It came by a rename, and its host has not said that it goes on under this name. */
	bool copy;
	/* Of a copy: whose, and its lease is none. "": another has taken the copy since, under a lease. */
	char token[SEED_SHARE_TOKEN_BYTES];
	struct seed_record record;
};

/* The last number that history/NAME/ can have. */
#define SEED_SHARE_VERSION_MAX 99999999

struct seed_share_version {
	int number;      /* history/NAME/0001.png */
	struct seed_record record;
};

/* What a user has removed although `current` is there. */
enum {
	SEED_SHARE_NO_PROMPT = 1 << 0,
	SEED_SHARE_NO_IMAGE = 1 << 1,
	SEED_SHARE_NO_RECORD = 1 << 2,
};

/* How many renames back it is known where what was here went. */
#define SEED_SHARE_MOVES 8

struct seed_share_move {
	char *to;        /* owned */
	uint64_t serial; /* of what was here before */
	uint64_t there;  /* of what the target became by it */
};

struct seed_share_entry {
	uint64_t serial; /* grows by one with each change */
	/* Who made the last changes (struct seed_share_change, `writer`), the newest last: so no
	 * two write the same, and one whose answer was lost sees whether its change happened, whatever
	 * came behind it. */
	char writers[SEED_SHARE_WRITERS][SEED_SHARE_HOST_BYTES];
	size_t writer_count;
	struct seed_record current;         /* the catalogue's row; name NULL: there is none */
	unsigned without;                   /* SEED_SHARE_NO_… */
	bool folder;                        /* a folder is there, and no prompt */
	struct seed_share_move moves[SEED_SHARE_MOVES]; /* it was renamed; the newest last */
	size_t move_count;
	bool gone;                          /* nothing is here since the last of them */
	/* In flight, oldest first. At most one is not superseded: the last. */
	struct seed_share_row *rows;
	size_t row_count;
	struct seed_share_version *versions; /* oldest first */
	size_t version_count;
};

void seed_share_init(struct seed_share_entry *entry);
void seed_share_release(struct seed_share_entry *entry); /* leaves it empty */

/* A deep copy. `name` (NULL: as they are) becomes that of all its records. `to` is initialised
 * here; release it in any case. */
errint_t seed_share_copy(struct seed_share_entry *to, const struct seed_share_entry *from,
			 const char *name) SEED_MUST_CHECK;

/* JSON, malloc'd; NULL without memory. */
char *seed_share_format(const struct seed_share_entry *entry);

/* `entry` is initialised here; release it in any case. -EBADMSG: not such an object, or not
 * NAME's. */
errint_t seed_share_parse(const char *json, size_t len, const char *name,
			  struct seed_share_entry *entry) SEED_MUST_CHECK;

/* Whether hosts could read it, as JSON of that length. What begins leaves room for its outcome, which
 * is paid for by then, and is not to be refused. */
bool seed_share_fits(const struct seed_share_entry *entry, size_t bytes, bool begins);

/* Who changes it, and when. */
struct seed_share_change {
	const char *host;
	/* 16 hexadecimal digits that only the tries of this one change have; NULL: the host's. A
	 * host may have several changes on their way, also some from before it started again. */
	const char *writer;
	int64_t lease; /* which one it has of the row; of changes that make or take a row: unused */
	int64_t now_s, lease_s; /* the store's clock */
	int64_t keep;  /* versions in the history; < 0: all */
	bool unless_there; /* a begin: what is there or in flight has the name */
};

/* ---- a generation's changes ---- */

/* A text was committed on this host: `row` (step "queued"; its id is set) takes the name, under
 * the lease entry->serial.
 * -EISDIR: it is a folder. -EALREADY: the id is another generation's here. -ENOTUNIQ: change->unless_there,
 * and an image is.
 * Present rows are superseded: what no service has is dropped, and what is paid for, or may
 * be, stays until it has ended. The current image goes to the history. What a user had removed,
 * and where the name was moved to, is forgotten. -EEXIST, and nothing was
 * changed: the newest row asks for the same (no callback's does), or runs and `unless_there`, or this text's own
 * row is here already; *joined is that one, the entry's.
 *
 * Where the answer to the swap is lost, seed_share_wrote() of the serial that was tried says
 * whether it happened; `row` begins again only if it did not. A row that has begun may have
 * been taken, sent, ended and replaced meanwhile, and is not there any more. */
errint_t seed_share_begin(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const struct seed_record *row,
			  const struct seed_share_row **joined) SEED_MUST_CHECK;

/* Whether that writer made change number `serial`. SEED_SHARE_NEVER: it did not, and a write of
 * that number does not happen any more. */
enum seed_share_wrote {
	SEED_SHARE_NOT_YET, /* the entry is older: nobody did so far */
	SEED_SHARE_WROTE,
	SEED_SHARE_NEVER,
	SEED_SHARE_UNKNOWN, /* too long ago */
};
enum seed_share_wrote seed_share_wrote(const struct seed_share_entry *entry, uint64_t serial,
				       const char *writer);

/* This lease's row of that id as it is now, and the lease renewed. Whether it is superseded, and
 * the prompt's time, are the entry's to say: `row` is told. -ESTALE: the row is under another
 * lease by now, or gone: seed_share_end_of() says more. */
errint_t seed_share_update(struct seed_share_entry *entry, const struct seed_share_change *change,
			   struct seed_record *row) SEED_MUST_CHECK;

/* The lease alone: the row stays as the store has it. */
errint_t seed_share_renew(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const char *id) SEED_MUST_CHECK;

/* The oldest row whose lease has run out becomes this host's; NULL: there is none. Its
 * own, too: the host has started again, or slept. */
const struct seed_share_row *seed_share_take(struct seed_share_entry *entry,
					     const struct seed_share_change *change);

/* The row of that id becomes this host's under a new lease, if it is its own already, its
 * lease has run out, or its host only keeps it (it has failed for those who waited); *row is that
 * one, the entry's. For a host that has it in its journal, or is asked for it anew.
 * Another may have had it meanwhile, and have sent it: what is to be done is what the row says,
 * if that is further than the journal. -ESTALE: another has it, or it is a copy. -ENOENT: it
 * is not in flight. */
errint_t seed_share_reclaim(struct seed_share_entry *entry, const struct seed_share_change *change,
			    const char *id, const struct seed_share_row **row) SEED_MUST_CHECK;

/* NAME's entry has moved, at that serial (struct seed_share_move): `token` becomes that of the copy, at
 * its `to`, of what it was the token of here. It begins as "", where the host had the row
 * under a lease, and goes along to each further name in turn. */
void seed_share_follow(const char *name, uint64_t serial, char token[SEED_SHARE_TOKEN_BYTES]);

/* At the end of that way: the copy of that id becomes this host's row under a new lease. Nobody has
 * had it since change->lease (0: not known, as after a start: what is to be done is what the row
 * says, if that is further than the journal). *row is the entry's. -ESTALE: it is no such copy; what
 * was not sent is not to be. -ENOENT: it is not in flight. */
errint_t seed_share_arrive(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const char *id, const char *token,
			   const struct seed_share_row **row) SEED_MUST_CHECK;

/* The late task of generation `late_of`, which goes on beside its retry: a superseded row under
 * the lease entry->serial, before the newest. What this host has added already is updated, under
 * the lease that it has; what is made already stays as it is. -ESTALE: another host has the row,
 * or the name has moved. */
errint_t seed_share_add(struct seed_share_entry *entry, const struct seed_share_change *change,
			const struct seed_record *row, const char *late_of) SEED_MUST_CHECK;

/* The generation has ended as `row` says: verified (`image` is set) or failed. An image is
 * taken whoever has the row, and if there is none any more; twice is once. A failure counts
 * only under this lease: -ESTALE otherwise, and nothing is changed. -ESTALE of an image: the
 * name has moved, and the image belongs there.
 * Of a late task and its retry the first good image is the name's, and the other's
 * goes to the history; one that is here already, by a host that took the task over, does not. Where the retry fails first, the late task has the name again. */
errint_t seed_share_finish(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *row) SEED_MUST_CHECK;

/* The row goes without an outcome: it was given up, or cancelled. -ESTALE as in update; one
 * that is gone already changes nothing. */
errint_t seed_share_drop(struct seed_share_entry *entry, const struct seed_share_change *change,
			 const char *id) SEED_MUST_CHECK;

/* ---- users' changes, which need no lease ---- */

/* A text that nobody has removed: an image that a callback brought may have none. */
bool seed_share_has_prompt(const struct seed_share_entry *entry);

/* A folder that was removed: names that have no prompt may be below it. */
bool seed_share_was_folder(const struct seed_share_entry *entry);

/* -ENOENT of all of these: it is not there, and nothing is changed. */

/* What runs is cancelled: the newest row goes, and its host finds out by -ESTALE. An image that
 * comes all the same goes to the history. The current image stays. */
errint_t seed_share_remove_prompt(struct seed_share_entry *entry,
				  const struct seed_share_change *change) SEED_MUST_CHECK;
/* The current image goes for good: no newer one retires it. */
errint_t seed_share_remove_image(struct seed_share_entry *entry,
				 const struct seed_share_change *change) SEED_MUST_CHECK;
/* Hidden until `current` changes by an end or a beginning. */
errint_t seed_share_remove_record(struct seed_share_entry *entry,
				  const struct seed_share_change *change) SEED_MUST_CHECK;
errint_t seed_share_remove_version(struct seed_share_entry *entry,
				   const struct seed_share_change *change, int number) SEED_MUST_CHECK;

/* That version is the current image again, and the present one goes to the history. The prompt stays
 * as it is. What is shelved is superseded; -EBUSY: the newest row runs, and its image would be hidden. */
errint_t seed_share_restore(struct seed_share_entry *entry, const struct seed_share_change *change,
			    int number) SEED_MUST_CHECK;

/* The prompt's time, of the current row and of the newest in flight. */
errint_t seed_share_set_time(struct seed_share_entry *entry, const struct seed_share_change *change,
			     struct timespec time) SEED_MUST_CHECK;

/* The prompt is `text`, from which the current image was made, whose sum is `sum`: so nothing is
 * generated. -EAGAIN: that image is not there, or newer text is in flight. */
errint_t seed_share_set_prompt(struct seed_share_entry *entry, const struct seed_share_change *change,
			       const char *text, const char *sum, struct timespec time) SEED_MUST_CHECK;

/* A folder. -EEXIST: there is one, or a prompt. It is empty is for the caller to know: entries
 * below it have their own objects. */
errint_t seed_share_make_folder(struct seed_share_entry *entry,
				const struct seed_share_change *change) SEED_MUST_CHECK;
errint_t seed_share_remove_folder(struct seed_share_entry *entry,
				  const struct seed_share_change *change) SEED_MUST_CHECK;

/* Of a state directory that is copied: `current` (NULL: none) and versions, numbers
 * growing, into an entry that was never written: -EEXIST otherwise. -EINVAL: what is no version. */
errint_t seed_share_create(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *current,
			   const struct seed_share_version *versions, size_t count,
			   unsigned without) SEED_MUST_CHECK;

/* The target of a rename: what `from` (with its own names) has becomes this entry's, under `name`, with
 * copies of its rows. What was here is kept: the current image and the versions before those of
 * `from`, which get new numbers. Present rows are superseded. What was joined from there before is
 * not doubled: a copy gives way to a newer one, and a row that is none stays. -ENOENT: `from` is
 * empty. */
errint_t seed_share_join(struct seed_share_entry *entry, const struct seed_share_change *change,
			 const struct seed_share_entry *from, const char *name) SEED_MUST_CHECK;

/* The source of a rename, after the join, and only if it is still what was joined: all goes, and
 * where to is kept; `there`: the target's serial after the join. -ENOENT: there is nothing. */
errint_t seed_share_leave(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const char *to, uint64_t there) SEED_MUST_CHECK;

/* Drops the oldest versions beyond `keep` (< 0: none); returns how many. All changes that add
 * one do so. */
int seed_share_prune(struct seed_share_entry *entry, int64_t keep);

/* ---- what has become of a generation ---- */

/* Which rename took the row of that id along, which was here at the serial `since`, as its lease says or
 * the `there` of the rename that brought it (<= 0: not known). Borrowed. NULL: none did. The name may have
 * been written and renamed again since: the first rename after `since` is the row's. */
const struct seed_share_move *seed_share_went_to(const struct seed_share_entry *entry, const char *id,
						 int64_t since);

/* How the generation of that id has ended, where it is in flight no more. */
enum seed_share_end {
	SEED_SHARE_IN_FLIGHT,
	SEED_SHARE_MADE,       /* its image is the current one, or in the history */
	SEED_SHARE_FAILED,     /* `current` says why */
	SEED_SHARE_SUPERSEDED, /* dropped for a newer text, given up, or removed by a user */
	SEED_SHARE_MOVED,      /* not known here: where the last of `moves` led may be */
};
enum seed_share_end seed_share_end_of(const struct seed_share_entry *entry, const char *id);

#endif
