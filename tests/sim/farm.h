/* What the files of the simulated farm share (farm.c says what it is). */
#ifndef SIM_FARM_H
#define SIM_FARM_H

#include "tests/sim/sim.h"

/* Waiters of the whole farm; of a name's farm-wide texts. */
enum { FARM_WAITS_MAX = 256, ROWS_SEEN_MAX = 256 };

#define HOUR_MS INT64_C(3600000)

struct member {
	struct seed_engine *engine; /* NULL: it does not run */
	struct seed_engine_store store;
	char id[SEED_SHARE_HOST_BYTES];
	int life;
	bool stops, for_good;
	int64_t turn_ms, starts_ms, sleeps_until_ms;
	int64_t dozes_ms;           /* by how much its clock stands still in that sleep */
};

/* What this run's farm is. */
struct farm {
	int budget, jobs;
	bool waits; /* offline=wait */
	bool reuse;
};

extern struct member members[HOSTS_MAX];
extern struct farm farm;
extern long deaths, stops;

/* What is called from here on is of this host. */
void be(int host);

/* ---- users (farm_users.c) ---- */

void farm_users_begin(void);
void farm_users_act(void);
/* -1: none runs. */
int some_host(void);
void farm_commit(int host, int name, bool same);
void farm_sighup(int host);
void farm_look_everywhere(void);
/* The kernel answers for a program that is gone. */
void farm_waits_end(const struct member *member);
/* Those who were answered are forgotten. */
void farm_waits_sweep(void);
void farm_waits_check(void);

/* ---- what must be true (farm_check.c) ---- */

void farm_check_begin(void);
/* Whose picture it has is not followed from here on: restored, or renamed. */
void farm_moves(int name);
/* How many rows were begun for the text. */
int farm_begun(int text);
/* When any host last left it. */
int64_t farm_last_left_ms(int name);
/* When the host last left it for another name. `forget`: who renamed it knows. */
int64_t farm_take_left_ms(int host, int name, bool forget);
/* A user has removed the text, or what runs for the name. */
void farm_excuse(int name);
/* A user removes a picture of this name. */
void farm_may_drop(int name);
void farm_check_budget(long deaths_before, long stops_before);
/* Where nobody has asked for any name. */
void farm_check_unasked(void);
void farm_check_rest(void);
long farm_rows_taken(void);

#endif
