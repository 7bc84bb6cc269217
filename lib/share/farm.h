/*
 * What the hosts of a farm agree on besides the names: the submissions of the day, who may run
 * how many jobs, and a service that accepts nothing now. The hosts are mounts that share one
 * catalogue. One small object in the store, "farm", is changed only as a whole, by a write on
 * the condition that nobody has changed it since it was read (lib/s3/s3.h, seed_s3_swap).
 *
 * The budget is exact: a submission is charged here before it is sent, and a charge that
 * happened is never forgotten, but given back only by the host that knows that nothing was
 * sent. What a host that died had charged and not sent stays charged.
 *
 * A change carries a mark that no other write has, and the row of its host keeps the last one.
 * So whoever lost the answer to a write sees whether it happened, however many others wrote
 * since. A list of the last writers, which an entry has (lib/share/entry.h), is too short
 * here: all hosts of a farm write to this object.
 *
 * Slots are the right to run a job. Each host has a number of them, and together they are at
 * most `jobs`: a host gets more only as others give back, and gives back as its jobs end. How
 * many each is to have is its share: max-min fair over what the hosts want. What is left when
 * all have the same goes in turns, for SEED_FARM_SLICE_S or until a job ends; so with more hosts
 * than jobs each gets one after the other. A host that is not heard of for SEED_FARM_LEASE_S
 * has no slots any more.
 *
 * The options budget, jobs and rate are each host's own: every host obeys those that it has.
 *
 * Time is the store's. Pure functions over a farm in memory; any thread. Of hosts there are at
 * most SEED_FARM_HOSTS_MAX: -EUSERS, and nothing was changed.
 */
#ifndef SEED_FARM_H
#define SEED_FARM_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/record/spent.h"

/* A host's id, and a mark: 16 hexadecimal digits. */
#define SEED_FARM_ID_BYTES 17

/* As many as can be heard of in time by swaps of one object, of which stores do some ten in
 * a second. */
#define SEED_FARM_HOSTS_MAX 256

/* The largest farm that is read: hosts of 200 bytes, users of 50, and a message. */
#define SEED_FARM_MAX_BYTES (64 * 1024)

enum {
	SEED_FARM_LEASE_S = 30,
	/* How long a host without a lease is kept, so that it can see what became of its last
	 * write when it was away. */
	SEED_FARM_REMEMBER_S = 600,
	/* How long a host keeps a slot that others want as much. */
	SEED_FARM_SLICE_S = 10,
	/* A service that says "later" than this is asked all the same: it may have been a
	 * mistake, and nobody could take the hold back. */
	SEED_FARM_HOLD_MAX_S = 6 * 3600,
	/* More jobs than any host has. */
	SEED_FARM_JOBS_MAX = 1000 * 1000,
};

struct seed_farm_host {
	char id[SEED_FARM_ID_BYTES];
	char mark[SEED_FARM_ID_BYTES]; /* of its last change */
	int64_t until_s;               /* the end of its lease */
	int wants;                     /* jobs that it runs or could run now */
	int slots;                     /* how many it may run */
	int64_t served_s;              /* when `slots` last changed; at first, when it came */
};

struct seed_farm {
	uint64_t serial;           /* grows by one with each change; 0: there is no object */
	struct seed_spent spent;   /* its own `serial` is unused */
	int64_t hold_until_ms;     /* the service accepts nothing until then; 0: none */
	int hold_code;             /* what it said: a positive errno */
	char hold_message[SEED_MESSAGE_MAX_BYTES];
	struct seed_farm_host hosts[SEED_FARM_HOSTS_MAX];
	size_t host_count;
};

void seed_farm_init(struct seed_farm *farm); /* nothing is allocated */

/* JSON, malloc'd; NULL without memory. Never more than SEED_FARM_MAX_BYTES. */
char *seed_farm_format(const struct seed_farm *farm);

/* -EBADMSG: not such an object. -ENOMEM. `farm` is then empty. */
errint_t seed_farm_parse(const char *json, size_t len, struct seed_farm *farm) SEED_MUST_CHECK;

/* ---- changes ---- */

struct seed_farm_change {
	const char *host;
	const char *mark; /* no other write has it */
	int64_t now_ms;
};

/* The host is there: what every write begins with, once. Its lease is renewed, those who have
 * not been heard of for long are removed, and a new day begins if it is time. It runs
 * `running` jobs and wants `wants` (those included, so never fewer); with `jobs`, its option,
 * its slots are made anew. -EUSERS. */
errint_t seed_farm_beat(struct seed_farm *farm, const struct seed_farm_change *change, int wants,
			int running, int jobs) SEED_MUST_CHECK;

/* One submission of that user on the farm's day (farm->spent.day). `budget` 0: there is none.
 * -EDQUOT: it is used up, and nothing was changed. */
errint_t seed_farm_charge(struct seed_farm *farm, int64_t budget, int64_t uid) SEED_MUST_CHECK;

/* `by` submissions of that user on `day` more (counted without a budget), or less: they did
 * not count after all (429, 401, refused before anything left). Another day's are dropped. */
void seed_farm_count(struct seed_farm *farm, int64_t day, int64_t uid, int64_t by);

/* What images of `day` cost. */
void seed_farm_cost(struct seed_farm *farm, int64_t day, double cost);

/* The service accepts nothing until then. A later time wins. */
void seed_farm_hold(struct seed_farm *farm, int64_t now_ms, int64_t until_ms,
		    const struct seed_error *error);

/* ---- what it says ---- */

/* NULL: it is not there. */
const struct seed_farm_host *seed_farm_find(const struct seed_farm *farm, const char *host);

/* Whether that host's write with that mark happened, which had a lease until `until_s`. For a
 * farm that is not the one on whose condition it was written: so it will not happen later. */
enum seed_farm_wrote { SEED_FARM_WROTE, SEED_FARM_NEVER, SEED_FARM_UNKNOWN };
enum seed_farm_wrote seed_farm_wrote(const struct seed_farm *farm, const char *host, const char *mark,
				     int64_t until_s, int64_t now_s);

/* How many jobs that host is to have: its share. The sum over all hosts is at most `jobs`, and
 * all who compute it from one farm at one time come to the same. Its slots follow it. */
int seed_farm_share(const struct seed_farm *farm, const char *host, int jobs, int64_t now_s);

/* Until how many it may begin more: no more than its slots, while its lease lasts, than its
 * share, and than the others leave. */
int seed_farm_jobs(const struct seed_farm *farm, const char *host, int jobs, int64_t now_s);

/* Its part of a rate is *num / *den: as its share is to all. 0 / 1: it has none. */
void seed_farm_rate_share(const struct seed_farm *farm, const char *host, int jobs, int64_t now_s,
			  int *num, int *den);

#endif
