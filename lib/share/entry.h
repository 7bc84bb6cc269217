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
 * serial of the change that gave it, so no two leases have the same. A lease is for progress only. What keeps two hosts from sending the same text is the swap before it: a
 * host that slept through its lease finds that the row has another number, also if the row came
 * back to it meanwhile; and a host that takes a row which says "submitting" does not send it.
 *
 * A verified image is always taken, whoever has the row by then: it is paid for. It becomes
 * the current one if nothing newer has the name, else the newest of the history.
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

/* The largest entry: rows in flight and versions, about 2 KiB each. */
#define SEED_SHARE_ENTRY_MAX_BYTES (4 * 1024 * 1024)

/* How many changes back it is known who made them. */
#define SEED_SHARE_WRITERS 16

/* Journal and catalogue rows have the same type; `record.id` is the generation's, which no
 * other generation of any host has. */
struct seed_share_row {
	char host[SEED_SHARE_HOST_BYTES];
	int64_t lease;   /* its number */
	int64_t until_s; /* its end, by the store's clock */
	struct seed_record record;
};

struct seed_share_version {
	int number;      /* history/NAME/0001.png */
	struct seed_record record;
};

struct seed_share_entry {
	uint64_t serial; /* grows by one with each change */
	/* Who made the last changes, the newest last: so two hosts never write the same, and a
	 * host whose answer was lost sees whether its change happened, whatever came behind it. */
	char writers[SEED_SHARE_WRITERS][SEED_SHARE_HOST_BYTES];
	size_t writer_count;
	struct seed_record current;         /* the catalogue's row; name NULL: there is none */
	/* In flight, oldest first. At most one is not superseded: the last. */
	struct seed_share_row *rows;
	size_t row_count;
	struct seed_share_version *versions; /* oldest first */
	size_t version_count;
};

void seed_share_init(struct seed_share_entry *entry);
void seed_share_release(struct seed_share_entry *entry); /* leaves it empty */

/* JSON, malloc'd; NULL without memory. */
char *seed_share_format(const struct seed_share_entry *entry);

/* `entry` is initialised here; release it in any case. -EBADMSG: not such an object, or not
 * NAME's. */
errint_t seed_share_parse(const char *json, size_t len, const char *name,
			  struct seed_share_entry *entry) SEED_MUST_CHECK;

/* Who changes it, and when. */
struct seed_share_change {
	const char *host;
	int64_t lease; /* which one it has of the row; of changes that make or take a row: unused */
	int64_t now_s, lease_s; /* the store's clock */
};

/* ---- changes ---- */

/* A text was committed on this host: `row` (step "queued"; its id is set) takes the name, under
 * the lease entry->serial.
 * Present rows are superseded: what no service has is dropped, and what is paid for, or may
 * be, stays until it has ended. The current image goes to the history. -EEXIST, and nothing was
 * changed: the newest row asks for the same; *joined is that one, the entry's.
 *
 * Where the answer to the swap is lost, seed_share_wrote() of the serial that was tried says
 * whether it happened; `row` begins again only if it did not. A row that has begun may have
 * been taken, sent, ended and replaced meanwhile, and is not there any more. */
errint_t seed_share_begin(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const struct seed_record *row,
			  const struct seed_share_row **joined) SEED_MUST_CHECK;

/* Whether that host made change number `serial`. SEED_SHARE_NEVER: it did not, and a write of
 * that number does not happen any more. */
enum seed_share_wrote {
	SEED_SHARE_NOT_YET, /* the entry is older: nobody did so far */
	SEED_SHARE_WROTE,
	SEED_SHARE_NEVER,
	SEED_SHARE_UNKNOWN, /* too long ago */
};
enum seed_share_wrote seed_share_wrote(const struct seed_share_entry *entry, uint64_t serial,
				       const char *host);

/* This lease's row of that id as it is now, and the lease renewed. Whether it is superseded is
 * the entry's to say: `row` is told. -ESTALE: the row is under another lease by now, or gone. */
errint_t seed_share_update(struct seed_share_entry *entry, const struct seed_share_change *change,
			   struct seed_record *row) SEED_MUST_CHECK;

/* The oldest row whose lease has run out becomes this host's; NULL: there is none. Its
 * own, too: the host has started again, or slept. */
const struct seed_share_row *seed_share_take(struct seed_share_entry *entry,
					     const struct seed_share_change *change);

/* The generation has ended as `row` says: verified (`image` is set) or failed. An image is
 * taken whoever has the row, and if there is none any more; twice is once. A failure counts
 * only under this lease: -ESTALE otherwise, and nothing is changed. */
errint_t seed_share_finish(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *row) SEED_MUST_CHECK;

/* How the generation of that id has ended, where it is in flight no more. */
enum seed_share_end {
	SEED_SHARE_IN_FLIGHT,
	SEED_SHARE_MADE,       /* its image is the current one, or in the history */
	SEED_SHARE_FAILED,     /* `current` says why */
	SEED_SHARE_SUPERSEDED, /* dropped for a newer text, or removed by a user */
};
enum seed_share_end seed_share_end_of(const struct seed_share_entry *entry, const char *id);

#endif
