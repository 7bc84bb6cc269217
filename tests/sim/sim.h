/*
 * The simulation: the engine of lib/, unchanged, in a world that a seed makes up.
 *
 * The engine sees its world through few modules: clock, network, disk threads,
 * workers, store, log. The program that tests it is linked with others in their
 * place (ld --wrap): time is a number, a service is a list of tasks, the disk is
 * a list of rows of which it is known what is durable. An adversary answers each
 * request, step and job in any way that a real one can, kills the program at any
 * step, and turns kind at the end, when all must come to rest. The same seed
 * makes the same run.
 *
 *     world.c    clock, dice, events; disk threads; workers
 *     service.c  the network and the image service behind it
 *     disk.c     the state directory: what a crash leaves
 *     bucket.c   the store that hosts share
 *     users.c    what is done to the mount, and what must be true
 *     farm.c     several hosts and their lives
 *     farm_users.c, farm_check.c   what is done on them, and what must be true
 *     main.c     runs, and what they reached
 */
#ifndef SIM_H
#define SIM_H

#include "lib/engine/internal.h"

/* What stands in a port's place has the port's own type. */
#define PORT(name) __typeof__(seed_##name) __wrap_seed_##name

enum {
	NAMES = 3,
	HOSTS_MAX = 8,
	TEXTS_MAX = 64,
	TASKS_MAX = 160,
	ROWS_MAX = 64,
	VERSIONS_MAX = 96,
	WAITS_MAX = 64,
	TIMEOUT_MS = 20000,
};

/* By the wall's clock when the simulation's is 0. */
#define EPOCH_MS INT64_C(1790000000000)

/* How many hosts share the catalogue; 0: one has it alone. */
extern int farm_hosts;
/* The store does not always keep its word; a run that is broken is what is wanted then. */
extern bool store_lies;

/* ---- dice and time (world.c) ---- */

uint64_t dice(void);
unsigned roll(unsigned n);          /* 0 to n - 1 */
bool chance(unsigned percent);
int64_t now_ms(void);
/* The program is dead: whatever its memory still does reaches nothing. */
bool is_dead(void);
/* On the thread that reads large answers. */
bool world_is_reader(void);
/* What may wait for a disk: the engine's thread must not do it. */
void may_block(const char *what);
/* A point at which it may be killed. */
void may_die(void);
void world_begin(uint64_t seed);
/* Runs until the engine rests or `until_ms`; false if it was killed. */
bool world_run(struct seed_engine *engine, int64_t until_ms);
void world_killed(void);            /* nothing of the dead program is left */
/* The same for several hosts. What is called, and what the ports do, is of one of them
 * until the next switch. */
void world_begin_farm(uint64_t seed);
void world_switch(int host);
int this_host(void);
/* One turn of this host, and what its disk threads do now; when its engine wants the next. */
int64_t world_turn(struct seed_engine *engine, bool *stopped);
int64_t world_next_ms(void);        /* when something of this host's ends */
void world_pass(int64_t until_ms);
/* This host was paused, and its clock with it; its wall clock is wrong. */
void world_lose_ms(int64_t ms);
void world_set_skew_ms(int64_t ms);
int64_t world_skew_ms(void);
/* A time of this host's clock, by the world's. */
int64_t from_host_ms(int64_t ms);
void world_be_kind(void);
bool world_is_kind(void);
int world_faults(void);             /* percent: how mean this run's adversary is */
/* A failing run says so and ends the program. */
void broken(const char *format, ...) SEED_PRINTF(1, 2) __attribute__((noreturn));
extern bool verbose;
void trace(const char *format, ...) SEED_PRINTF(1, 2);

/* ---- what was reached (main.c) ---- */

enum cell_class {
	CELL_NOT_SENT, CELL_BUSY, CELL_LOCAL, CELL_UNSURE, CELL_REFUSED, CELL_FAILED, CELL_GONE,
	CELL_RUNNING, CELL_DISK, CELL_KILL, CELL_GOOD, CELL_CLASSES
};
void reached(enum phase phase, enum cell_class class);

/* ---- the service (service.c) ---- */

struct task {
	int text;                /* which asked for it */
	bool bytes;              /* the answer to the submission holds the picture */
	bool valid;              /* its picture is one */
	bool fails;
	bool told;               /* the program has seen the answer that accepted it */
	bool durable;            /* … and it is in the journal */
	unsigned journals;       /* of these hosts: a bit each */
	bool shared;             /* it was in a row of the bucket */
	int64_t told_ms, told_running_ms;
	/* What the program was told of it since. */
	bool told_failed, told_invalid, told_gone, told_running, told_unknown, cancelled;
	bool excused;            /* its user removed it, or a crash came before it was durable */
	bool placed;             /* its picture has stood in images/ or in a history */
	int64_t placed_ms;       /* when it was put there last, by the wall's clock */
	bool dropped;            /* … and its user removed it */
	int64_t ends_ms;         /* when it has run */
	int64_t lives_ms;        /* when its picture's URL begins to work; INT64_MAX: never */
	int64_t accepted_ms;
	int life;                /* in which it was */
};

struct submission {
	int text;
	int life;                /* which start of the program made it */
	int task;                /* -1: the service has none */
	bool counts;             /* as `man seed` counts submissions */
	bool unsure;             /* the program cannot know whether it was accepted */
	bool answered_failed;
	bool delivered;          /* the program has seen how it ended */
	bool late;               /* its answer was coming at the deadline, and whoever waited was told so */
	int64_t sent_ms;
	const struct generation *sender; /* while it arrives; then it may be gone */
};

extern struct task tasks[TASKS_MAX];
extern int task_count;
extern struct submission submissions[2 * TASKS_MAX];
extern int submission_count;
extern struct seed_provider sim_provider;
void service_begin(void);
/* A picture that nobody here paid for, for a callback to name: its task. */
int service_foreign_picture(void);
/* When the next answer is due. */
int64_t service_next_ms(void);
void service_switch(int host);
/* How many pictures of this host are counted as held: of the task; < 0: of any. */
int service_rooms(int task);
#define SIM_PICTURE "sim-picture" /* the memfd of a download */
void service_cut_off(int64_t until_ms); /* this host */

/* ---- the disk (disk.c) ---- */

struct version {
	int name;                /* whose history; -1: free */
	int number;
	int task;                /* whose picture */
	bool has_row;
};
struct entry {
	int prompt;              /* text; -1: none */
	int image;               /* task; -1: none */
	struct seed_record record; /* name NULL: none */
};
extern struct entry *entries;    /* NAMES of this host */
extern struct version *versions; /* VERSIONS_MAX */
void disk_switch(int host);
void disk_begin(void);
void disk_power_cut(void);          /* what was not durable is gone, or not */
int disk_rows(void);
int64_t disk_fault_ms(void);        /* when a step failed last */
bool disk_has_picture(int task); /* current or in a history */
const char *name_of(int name);
int name_index(const char *name);
/* "T17" is 17; -1: none. */
int text_number(const char *request);

/* ---- the bucket (bucket.c) ---- */

void bucket_begin(void);
void bucket_be_kind(void);
/* What has been sent arrives, and is done there; when the next does. */
void bucket_run(void);
int64_t bucket_next_ms(void);
/* This host's answers. */
void bucket_turn(void);
int64_t bucket_answers_ms(void);
/* The program of this host is gone; what it has sent may still arrive. */
void bucket_host_died(void);
void bucket_cut_off(int64_t until_ms); /* this host */
void bucket_refuse(int64_t until_ms);  /* this host: 403 */
void bucket_go_away(int64_t until_ms); /* for all */
/* NULL: there is no such object. NUL behind it. */
const char *bucket_read(const char *key, size_t *len);
int64_t bucket_now_s(void);

/* ---- a farm (farm.c) ---- */

void farm_run(uint64_t seed);
void farm_show(long runs);
/* What `host` writes to the bucket; `before` may be NULL. */
void farm_check_write(int host, const char *key, const char *before, const char *after);
/* A picture, or what only says where to look, is about to be written. */
void farm_check_put(const char *key);
void farm_check_submission(const struct submission *fresh);

/* ---- users (users.c) ---- */

struct text {
	int commits;             /* that were not answered by one under way */
	bool closed_well;        /* a close gave 0 */
	bool gone;               /* on disk no name has it any more */
	int64_t gone_ms;         /* since then */
};
extern struct text texts[TEXTS_MAX];
extern int text_count;
extern int life;
void users_begin(struct seed_engine *engine);
void users_act(struct seed_engine *engine);
void users_died(void);
void users_stopped(void);
void check_submission(const struct submission *fresh);
/* `fresh` is of the same text as `before`. */
bool may_follow(const struct submission *before, const struct submission *fresh);
/* What must be true whenever nothing runs: at a death, and at the end. */
void check_disk(void);
void check_rest(struct seed_engine *engine);
void users_sighup(struct seed_engine *engine);
/* One more text, which must come to its image. */
void users_commit(struct seed_engine *engine);

#endif
