/*
 * A host's changes to entries in the store (lib/share/entry.h): read, change, swap, and again
 * until it is known what became of it. One thread (the engine's) owns a share and all of its
 * operations; nothing blocks.
 *
 * Time is the store's, so hosts need not agree on theirs: each answer says it (`Date`), and
 * between answers the monotonic clock goes on. It is known to a second, and a lease is long
 * beside that.
 *
 * Operations of one name run in their order: each starts when all earlier ones of that name
 * have ended or were cancelled. Those of different names run beside each other.
 *
 * A store that is away, busy or that lost a race is asked again with back-off until the
 * operation's deadline.
 */
#ifndef SEED_SHARE_H
#define SEED_SHARE_H

#include "lib/s3/s3.h"
#include "lib/share/entry.h"

struct seed_share;
struct seed_share_op;

/* `host`: 16 hexadecimal digits. `keep`: versions in each history; < 0: all. `s3` is the
 * caller's and outlives it. */
errint_t seed_share_new(struct seed_s3 *s3, const char *host, int lease_s, int64_t keep,
			struct seed_share **share) SEED_MUST_CHECK;
void seed_share_free(struct seed_share *share); /* operations still there are dropped; NULL is allowed */

/* Starts what has waited long enough; returns when to be called again (INT64_MAX: not). Each end
 * of an operation may let others start: so it is called after seed_net_turn(), too. */
int64_t seed_share_turn(struct seed_share *share, int64_t now_ms);

/* The store's clock, in seconds since 1970; meaningless before its first answer. */
int64_t seed_share_now_s(const struct seed_share *share);

/* The changes of lib/share/entry.h; here is what each needs of a request. */
enum seed_share_verb {
	SEED_SHARE_READ,
	SEED_SHARE_BEGIN,   /* `row`'s text takes the name; `unless_there`: if nothing has it */
	SEED_SHARE_UPDATE,  /* `row` as it is now, under `lease` */
	SEED_SHARE_RENEW,   /* the lease alone, of the row of `id`, under `lease` */
	SEED_SHARE_TAKE,    /* a row whose lease has run out */
	/* The row of `id`. `lease`: what it has to be under still, so that it is as it was read; < 0: it
	 * has to be this host's; 0: any. -ESTALE otherwise. */
	SEED_SHARE_RECLAIM,
	SEED_SHARE_ARRIVE,  /* the copy of `id` that has the token `other`, under `lease` */
	SEED_SHARE_ADD,     /* `row`, late, beside generation `other` */
	SEED_SHARE_FINISH,  /* `row` has ended */
	SEED_SHARE_DROP,    /* the row of `id`, under `lease` */
	SEED_SHARE_REMOVE_PROMPT,
	SEED_SHARE_REMOVE_IMAGE,
	SEED_SHARE_REMOVE_RECORD,
	SEED_SHARE_REMOVE_VERSION, /* `number` */
	SEED_SHARE_RESTORE,        /* `number` */
	SEED_SHARE_SET_TIME,       /* `time` */
	SEED_SHARE_SET_PROMPT,     /* `other` and `time`, of the image that has the sum `id` */
	SEED_SHARE_MAKE_FOLDER,
	SEED_SHARE_REMOVE_FOLDER,
	SEED_SHARE_CREATE,  /* current, versions and `without` of `from`, under this name */
	SEED_SHARE_JOIN,    /* `from`, read just now; then LEAVE it */
	SEED_SHARE_LEAVE,   /* for `other`, if it is still `from`. -EAGAIN: read and join again */
};

/* A begin that ended with -ETIMEDOUT: it may have happened, as this change. */
struct seed_share_try {
	uint64_t serial; /* 0: none */
	char writer[SEED_SHARE_HOST_BYTES];
};

struct seed_share_result {
	/* 0: the entry stands as it is here. -EEXIST: begin joined `row`. -ESTALE: the row is
	 * under another lease, or gone. -ENOENT: there is nothing to take. -ECANCELED: a begin
	 * or an add happened, and its row has been taken or replaced since: seed_share_end_of() says
	 * how it ended. -EFBIG: the entry would be too long to be read; what begins leaves room for
	 * its outcome. Other errors of the change are as in lib/share/entry.h.
	 * These have a line in `error`: -EHOSTUNREACH: the store was away; -ETIMEDOUT: it answered,
	 * but not what became of it; -EBADMSG: what stands there is no entry. Then a change may have
	 * happened. Asking for it again is right for those that name a row, but for
	 * a begin, which has to know of its last try; the others may happen twice then. */
	errint_t err;
	struct seed_error error;
	const struct seed_share_entry *entry; /* borrowed; empty where nobody knows it */
	const char *etag;                     /* of what was read; "": there was none; a change has
						 another since */
	struct seed_share_try tried;          /* of -ETIMEDOUT */
	const struct seed_share_row *row;     /* in `entry`: begun, updated, taken, added, joined; NULL */
};

/* Called once, by seed_net_turn() or seed_share_turn(), unless cancelled. It may start and
 * cancel other operations, but not free the share; its own is gone when it returns. */
typedef void seed_share_done_fn(void *context, const struct seed_share_result *result);

struct seed_share_request {
	enum seed_share_verb verb;
	const char *name;
	/* Copied, where the verb needs them. */
	const struct seed_record *row;
	const char *id, *other;
	int number;
	struct timespec time;
	const struct seed_share_entry *from;
	uint64_t there; /* of SEED_SHARE_LEAVE: the serial of what `other` became by the join */
	int64_t lease;
	bool unless_there;
	int64_t deadline_ms;           /* seed_clock_now_ms() scale */
	struct seed_share_try tried;   /* a begin's last one, which is found out about first */
};

/* -EINVAL: the name's key would be too long, or something that the verb
 * needs is missing. -ENOMEM. */
errint_t seed_share_start(struct seed_share *share, const struct seed_share_request *request,
			  seed_share_done_fn *done, void *context,
			  struct seed_share_op **op) SEED_MUST_CHECK;
void seed_share_cancel(struct seed_share_op *op); /* without `done`; the change may still happen */

#endif
