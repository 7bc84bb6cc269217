/*
 * That one mount at a time has a host's id. The id is in the state directory, and a copy of that
 * has the same one: two mounts that have it would each go on with what the other has begun.
 *
 * The object host/ID has the mark of the mount that has the id, and its place: what is the same
 * whenever that very directory is mounted, and another for a copy. Who comes to the same place,
 * or to one that was left, has the id at once. Who finds another place knocks: he writes that
 * he is there, and waits. The mount that has the id looks a few times in that long, and answers
 * by a new mark; then it keeps the id. Where nobody answers, it is gone: the id is taken.
 * A mount that was cut off or asleep meanwhile finds another's mark, and has the id no more.
 * So a mount that has it asks for one small object now and then, and writes nothing.
 *
 * One thread owns it; nothing blocks. It is for order among those who live; what keeps a text from
 * being sent twice in between is the lease of each row (lib/share/entry.h).
 */
#ifndef SEED_PRESENCE_H
#define SEED_PRESENCE_H

#include "lib/s3/s3.h"

#define SEED_PRESENCE_PLACE_BYTES 128
#define SEED_PRESENCE_MARK_BYTES 17

struct seed_presence;

/* What was found out before, by a mount that hands over to its engine; `mark` "": nothing. */
struct seed_presence_held {
	char mark[SEED_PRESENCE_MARK_BYTES];
	char etag[SEED_S3_ETAG_BYTES];
};

/* `host`: 16 hexadecimal digits; `where`: for people. `wait_s`: how long it is knocked. All but `s3`
 * are copied. -ENOMEM. */
errint_t seed_presence_new(struct seed_s3 *s3, const char *host, const char *place, const char *where,
			   int wait_s, const struct seed_presence_held *held,
			   struct seed_presence **presence) SEED_MUST_CHECK;
void seed_presence_free(struct seed_presence *presence); /* NULL is allowed */

/* Does what is due; returns when to be called again (INT64_MAX: not). After seed_net_turn(), too. */
int64_t seed_presence_turn(struct seed_presence *presence, int64_t now_ms);

enum seed_presence_state {
	SEED_PRESENCE_ASKING,
	SEED_PRESENCE_KNOCKING, /* another place has had the id */
	SEED_PRESENCE_OURS,
	SEED_PRESENCE_ANOTHERS, /* for good */
};
enum seed_presence_state seed_presence_state(const struct seed_presence *presence);
const struct seed_presence_held *seed_presence_held(const struct seed_presence *presence);
/* Where the other one is, or was. */
const char *seed_presence_where(const struct seed_presence *presence);
/* Why the store does not answer; code 0: it does. */
const struct seed_error *seed_presence_error(const struct seed_presence *presence);

/* The mount ends: whoever comes next need not knock. */
void seed_presence_leave(struct seed_presence *presence);
bool seed_presence_rests(const struct seed_presence *presence); /* it is said, or cannot be */

#endif
