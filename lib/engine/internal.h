/*
 * What the engine's files share. They are in layers, and each calls only the layers
 * below it (`make lint` draws the calls and fails on a circle):
 *
 *     engine.c                     the thread and its life. Knows no phase
 *     commit.c callbacks.c outcomes.c changes.c commands.c report.c resume.c folders.c
 *     refresh.c pictures.c scan.c  what callers order
 *     machine.c                    the table of phases: the only code that moves a
 *                                  generation on, and the only one that frees one
 *     begin.c submit.c poll.c fetch.c verify.c finish.c follow.c
 *                                  the phases. A handler returns the next phase;
 *                                  none calls another
 *     answers.c ends.c attempts.c rows.c
 *                                  what phases have in common: what an answer means,
 *                                  how it ends, what a failure leads to, where a row
 *                                  goes on
 *     exchange.c cancel.c progress.c disk_steps.c queue.c adoptions.c budget.c reuse.c reuse_key.c thumbs.c
 *     shared_steps.c shared_reuse.c shared_changes.c shared.c hints.c cache.c
 *     generation.c waiting.c ticket.c timers.c post.c failure.c schedule.c metrics.c disk.c
 *                                  leaves: each does one thing, and reports its end
 *                                  through engine->deliver
 *
 * All of it belongs to the engine's thread unless said otherwise.
 */
#ifndef SEED_ENGINE_INTERNAL_H
#define SEED_ENGINE_INTERNAL_H

#include <pthread.h>

#include "lib/engine/disk.h"
#include "lib/engine/engine.h"
#include "lib/engine/failure.h"
#include "lib/engine/metrics.h"
#include "lib/engine/schedule.h"
#include "lib/engine/shared.h"
#include "lib/net/net.h"
#include "lib/record/record.h"
#include "lib/s3/key.h"
#include "lib/s3/s3.h"
#include "lib/share/farmer.h"
#include "lib/share/share.h"
#include "lib/worker/worker.h"

/*
 * A generation's phases: the table is in machine.c, the diagram in
 * docs/architecture.md. Phases that wait for a slot or a time have nothing under way;
 * each other phase has exactly one thing (a disk step, a transfer or a worker's job),
 * whose end moves the generation on. From PHASE_CHECK on the attempt is paid for.
 */
enum phase {
	PHASE_STAY = -1,  /* a handler's result: the phase does not change */
	PHASE_CLAIM,      /* store: whose a row is that was in the journal at the start */
	PHASE_BEGIN,      /* disk: journal, old image to history, record, prompt */
	PHASE_FOLLOW,     /* timer: another host generates it */
	PHASE_TAKE,       /* disk: the row of a host that is gone */
	PHASE_REUSE,      /* disk: a copy of the image that was made of the same text */
	PHASE_QUEUED,     /* waits for a slot and the rate */
	PHASE_ANNOUNCE,   /* disk: journal "submitting" */
	PHASE_SUBMIT,     /* transfer: the request that costs money */
	PHASE_CHECK,      /* look: whether the picture that came with the answer is whole */
	PHASE_ACCEPT,     /* disk: journal the task id */
	PHASE_POLL_WAIT,  /* timer */
	PHASE_POLL,       /* transfer */
	PHASE_SPLIT,      /* disk: journal, a row of its own for the late task */
	PHASE_KEEP,       /* disk: the bytes of the answer */
	PHASE_FETCH_WAIT, /* timer; a callback's image: its turn */
	PHASE_FETCH,      /* transfer: the image */
	PHASE_VERIFY,     /* worker */
	PHASE_FINISH,     /* disk: image, row, end of the journal's row */
	PHASE_DROP,       /* disk: the journal's row is removed; there is no outcome */
	PHASE_GONE,       /* freed once nothing of it is under way */
	PHASE_COUNT
};

enum disk_step {
	STEP_NONE,
	STEP_PROGRESS,  /* the row, not durable; may be left out */
	STEP_MARK,      /* journal: superseded, shelved; any other that journals does it as well */
	STEP_BEGIN,
	STEP_REUSE,     /* a copy of the image that was made of the same text */
	STEP_REQUEUE,   /* journal: known not to be accepted */
	STEP_ANNOUNCE,  /* journal: about to be submitted */
	STEP_ACCEPT,    /* journal: the task id */
	STEP_KEEP,
	STEP_FINISH,
	STEP_DROP,
	/* With other hosts only (shared_steps.c). */
	STEP_RENEW,     /* the lease */
	STEP_CLAIM,     /* a row of the journal here has its lease again */
	STEP_LOOK,      /* what has become of the row */
	STEP_TAKE,      /* a row whose lease has run out, from the store into the journal */
};
#define STEP_COUNT (STEP_TAKE + 1)

struct change;

/* Runs `run(argument)` on the engine's thread. Any thread. The command is
 * allocated by the caller before the work that it reports, so that the report
 * cannot fail. */
struct command {
	struct command *next;
	void (*run)(struct seed_engine *engine, struct command *command); /* owns it */
};
void engine_post(struct seed_engine *engine, struct command *command);

/* ---- what moves a generation on ---- */

enum event_kind {
	EVENT_STEP,       /* a step on disk has ended: `step`, `err` */
	EVENT_ANSWER,     /* the transfer has: `answer` */
	EVENT_LOOK,       /* the look beside it has: `look` */
	EVENT_PICTURE,    /* the worker has: `picture` */
	EVENT_WAKE,       /* wake_ms has come */
	EVENT_DEADLINE,   /* deadline_ms has */
	EVENT_SLOT,       /* it has a slot and may submit */
	EVENT_EXPIRED,    /* it has waited too long for a slot */
	EVENT_KEY_REFUSED,/* the service refused the key for another generation */
	EVENT_SPLIT,      /* the row of its late task is durable, or could not be written: `err` */
	EVENT_WANTED,     /* it is shelved, and its text was written anew */
	EVENT_SUPERSEDED, /* another has taken the name: `by` */
	EVENT_GIVEN_UP,   /* its waiters get `code`, and there is no outcome */
	EVENT_REMOVED,    /* a user has removed its prompt, here or on another host */
};

/* What a look at the store found of a generation's row. */
enum row_state {
	ROW_OURS,       /* in flight, as this host's */
	ROW_ANOTHERS,   /* in flight under a lease that runs, or not to be asked for from here */
	ROW_FREE,       /* in flight, and the lease has run out */
	ROW_KEPT,       /* in flight as another's, who has told its writers that it failed (`code`), and asks
			 * for the task now and then: who is asked for it here may take it */
	ROW_MADE,
	ROW_FAILED,     /* `code` */
	ROW_SUPERSEDED, /* or never begun */
	ROW_REMOVED,
};

/* What it points to is the sender's, and is valid until the call returns. */
struct event {
	enum event_kind kind;
	enum disk_step step;
	errint_t err;
	enum row_state row;
	int code;
	const char *by;
	struct seed_net_answer *answer;
	struct seed_step *read; /* what the provider made of it; NULL: it is still to be asked */
	struct seed_step *look;
	const struct seed_image_result *picture;
};

/* One row of the table. Handlers return the next phase, or PHASE_STAY. */
struct phase_row {
	const char *name;
	/* Starts what the phase waits for; again after a hold. NULL: there is nothing to start. */
	enum phase (*enter)(struct generation *generation);
	/* NULL: nothing can happen to it here. */
	enum phase (*event)(struct generation *generation, const struct event *event);
	enum disk_step step; /* the step that it waits for; it ignores the ends of others */
	bool looks;          /* the service may be asked for its progress meanwhile */
	bool picture;        /* its bytes are held; entering any other phase drops them */
	bool adopts;         /* a callback's image keeps its turn; entering any other phase ends it */
	unsigned next;       /* the phases that it may lead to, a bit each; any may lead to PHASE_DROP */
	const char *waits_for, *after_restart; /* for docs/architecture.md */
};

/* A step on its way through a disk thread. A generation has one at a time. */
struct step_job {
	struct seed_disk_job disk;
	struct command report;
	struct generation *generation;
	enum disk_step step;
	struct seed_record record; /* a copy: the engine goes on with its own */
	struct seed_buf bytes;
	uint64_t reuse_key;
	bool made_file;            /* STEP_BEGIN: prompts/NAME is there only for it */
	char *reuse_name;          /* STEP_REUSE: whose image was copied; owned */
	int source_fd;
	errint_t err;
	/* With other hosts. */
	struct seed_share_op *asked; /* what the store is asked; NULL: nothing */
	struct seed_s3_op *sent;     /* the picture on its way there; NULL: it is not */
	struct seed_farmer_op *charge; /* of the submission that is announced; NULL: none */
	bool is_telling;             /* its row's hint is on its way, and then it is asked */
	void (*then)(struct step_job *job); /* once the store has answered */
	void (*read)(struct step_job *job); /* disk thread: what is to be sent; NULL: nothing */
	char *picture;               /* its bytes; owned */
	bool is_placed;              /* there is none any more: it has its place in the files here */
	size_t picture_bytes;
	char *maker;                 /* STEP_REUSE: the name for which it was made; owned; NULL */
	struct claim *claim;         /* … and the store's word for that (shared_reuse.c); owned; NULL */
	char *entry;                 /* as it stands in the store now, owned; NULL: as it was */
	enum row_state row;
	int64_t seen_lease;          /* STEP_TAKE: what the row was under when it was read */
	bool is_here;                /* … and it is in the journal */
	int code;                    /* of ROW_FAILED, or of what is kept in flight; 0: none */
	bool superseded, removed;    /* the store says so */
	bool again;                  /* the same is asked once more, with what was learned */
	int moves;                   /* names that it has gone along to */
	bool lease_alone;            /* STEP_RENEW: what the row says is not in the journal yet */
};

/* The report of a step for which there was no memory. It is allocated from the
 * beginning, so every step has an end. */
struct step_not_made {
	struct command report;
	enum disk_step step;
};

struct generation {
	struct generation *next, **link;           /* all of them */
	struct generation *next_same, **link_same; /* bucket of names; NULL link: not the name's any more */
	struct generation *next_queued, **link_queued; /* queue.c; NULL link: not in it */
	struct generation *next_adopting, **link_adopting; /* adoptions.c; NULL link: not in the line */
	bool has_turn;  /* so: its image is being looked at */
	int64_t due_ms; /* timers.c */
	size_t due_at;  /* its place there and 1; 0: none */
	struct seed_engine *engine;
	unsigned renames; /* that its name has gone along with */
	int64_t begun_ms; /* when its text was committed, by seed_clock_now_ms() */
	uint64_t order; /* when it came, among changes: ids are of other hosts' clocks, too */
	uint64_t asked; /* when its text did: of a late task, that of its retry */

	struct seed_record record;
	struct seed_task task;
	struct seed_request request; /* built before it is announced in the journal */
	enum phase phase;
	bool has_slot, resumed;
	bool holding;    /* something is lacking here: its phase begins again at wake_ms */
	/* Paid for, but nothing could be asked within the deadline, or key or
	 * credits were refused: the waiters were told. No slot, no deadline; it
	 * is asked for again until an answer decides. */
	bool shelved;
	bool no_retry;   /* it was shelved: never submitted again */
	/* How long this attempt's task took; or nobody can know it any more, since a
	 * question was refused. */
	bool learned;
	unsigned leaving; /* removals and restored images on their way: its steps wait for them */

	int64_t queued_ms;    /* when it joined the queue */
	int64_t ask_until_ms; /* an open attempt that does not get through; INT64_MAX: none */
	int64_t deadline_ms;  /* of the attempt, from its request's sending; INT64_MAX: none */
	/* What the last question met: decides at the deadline. */
	enum seed_failure trouble;
	struct seed_kept_error trouble_error;
	int64_t charged_day;  /* whose budget the submission under way was taken from; -1: none */
	int64_t wake_ms;      /* PHASE_*_WAIT, and where it holds */
	int64_t mark_ms;      /* when a mark or drop that found no disk is tried again; 0: none */
	int mark_code;        /* the errno that the log has of it; 0: none */
	int64_t told_ms;      /* when the service last said that the task is running */
	int64_t turn_ms;      /* its place among all questions (queries_per_second); 0: none taken */
	int64_t submitted_ms; /* when the request was sent; 0: none is under way */
	unsigned backoffs;    /* in a row */
	int held_code;        /* the errno that the log has of what is lacking */
	unsigned redirects;
	int64_t reissue_ms;   /* when a new URL may be asked for; INT64_MAX: that was answered */
	int64_t reissued_ms;  /* when one was asked for last; 0: never */
	int64_t give_up_ms;   /* a shelved one's, after a day; 0: not yet */
	char *fetch_url;      /* where the redirects have led */

	struct seed_transfer *look; /* progress.c; NULL: none under way */
	int64_t look_ms;      /* when to look again */
	int64_t lost_ms;      /* since when polls do not find the task; 0: they do */
	int64_t unknown_ms;   /* since when looks find the task unknown; 0: they do not */
	enum seed_stage look_stage; /* of the look under way */
	int look_turn;        /* the task's turn in a look of several requests */
	bool no_looks;        /* this service cannot be looked at */

	struct seed_transfer *transfer;
	struct reading *reading; /* of the transfer's answer, on its thread; NULL: none */
	enum disk_step step_running, step_next;
	struct step_job *job;  /* of the step that runs; NULL: none */
	struct step_not_made not_made;
	/* With other hosts. */
	int64_t lease;         /* its number; 0: it has none yet; LEASE_LOST: nor any more */
	bool committed;        /* the journal has its picture */
	bool stored;           /* the store has its outcome */
	struct seed_share_try tried; /* a beginning of which the store did not say whether it happened */
	errint_t store_err;    /* that has been logged, and is asked again; 0: the last answer had none */
	bool told;             /* whoever looks for rows finds that one: hints.c */
	char token[SEED_SHARE_TOKEN_BYTES]; /* of its row, which has moved with its lease; "": it has not */
	int64_t token_since;   /* the serial of its name's entry since which the row is there */
	int64_t renew_ms;      /* when the lease is to be renewed; 0: it is not */
	int64_t followed_ms;   /* since when it is another host's; 0: it is not */
	bool shown;            /* … and the files here say so */
	bool kept_there;       /* … and that one has it as ROW_KEPT */
	int64_t farm_day;      /* whose budget, of all hosts, was charged; 0: none */
	bool at_worker;
	struct seed_buf bytes; /* PHASE_KEEP */
	int source_fd;
	struct seed_transfer *room; /* what these two take of the memory for answers; NULL: nothing */

	struct seed_ticket *tickets; /* of each commit that it answers */
	struct seed_wait *waits;
	/* A task that was late goes on as a generation of its own, beside the
	 * retry: whichever image is good first is the name's. */
	struct generation *late; /* of this one's first attempt; NULL: none */
	struct generation *main; /* whose attempt this was; NULL: none */
	int64_t uid;             /* who wrote the text; -1: not known */
	char *reuse_name;        /* whose image is copied; NULL: none */
	bool may_copy;           /* -o reuse: another name's image may be of this text */
	uint64_t reuse_key;      /* then: its key */
	bool made_nothing;       /* it failed with another name's generation of its text, or could not look */
	bool waits_for_same;     /* it has waited for another's image of its text */
	bool waits_no_more;      /* … which has failed: it is submitted, unless there is one by now */
	bool waits_for_sent;     /* … which was never accepted: it waits for who is at the service, not in the queue */
	bool was_taken;          /* the service has taken a submission of it, and may have worked on it */
	bool same_ended;         /* one of its text has ended since it looked */
	bool adopting;           /* a callback's image is looked at; nothing was submitted */
	bool unless_there;       /* a callback: another host's image, or its generation, has the name */
	struct command *after;   /* callbacks that came meanwhile: run again at the end */
};

#define LEASE_LOST (-1)
/* What the store that hosts share is asked for at the stop is answered by then, or is
 * asked for again at the next mount. */
#define SHARED_GRACE_MS 1000

struct seed_s3_probe;
struct seed_s3_role;

/* The store that this host shares with others: shared.c. */
/* Names whose state at the store is remembered: by hash, so one may hide another. */
#define SEEN_NAMES 65536
struct seen {
	uint64_t name, etag; /* hashes; 0: nothing */
	int64_t ms;          /* when it was looked at */
	errint_t err;        /* -EBADMSG: that it is no entry */
};

struct shared {
	struct seed_engine *engine;
	struct seed_s3 *s3;
	struct seed_share *share;
	struct seed_s3_credentials *credentials; /* owned once the engine is there */
	struct seed_s3_role *role; /* renews them; NULL: there are none */
	struct seed_farmer *farmer; /* the budget, jobs and rate of all hosts */
	int lease_s;          /* of a row in flight */
	int jobs;             /* as many may run here now */
	bool fit;             /* it may be asked: it keeps its word, and this mount has the host's id */
	bool proved, probed;  /* it keeps its word; and, for a moment: the probe has ended */
	struct seed_presence *presence;
	bool lost;            /* another mount has the id, and the log says so */
	struct seed_s3_probe *probe; /* of a store that was away at the mount; NULL: none is under way */
	int64_t probe_ms;     /* not before */
	bool away;            /* the last answer did not come, and the log says so */
	int trouble;          /* an errno: why there are no jobs, as the log says; 0: there are */
	int64_t looks_ms;     /* no look before */
	struct refresh *refreshes;       /* refresh.c: under way */
	struct folder_look *folder_looks; /* folders.c: likewise */
	/* refresh_take_up(), which is above shared_steps.c */
	void (*take_up)(struct seed_engine *engine, const struct seed_share_entry *entry);
	/* shared_told(), which is above hints.c */
	void (*told)(struct generation *generation, const char *name, errint_t err);
	/* folder_look_below(), which is above refresh.c */
	errint_t (*look_below)(struct seed_engine *engine, const char *path,
			       void (*done)(struct seed_engine *engine, void *context, errint_t err),
			       void *context);
	struct picture *pictures;        /* pictures.c: likewise */
	struct shared_change *changes;   /* shared_changes.c: likewise */
	struct hint *hints;              /* hints.c: likewise */
	struct parent *parents;          /* parents.c: likewise */
	struct thumb_upload *thumb_uploads; /* thumb_upload.c: likewise */
	/* scan.c */
	struct seed_s3_op *scan;         /* a page that is being listed; NULL: none */
	int64_t scan_ms;                 /* when the next one is */
	char scan_after[SEED_S3_KEY_MAX_BYTES + 1];
	/* cache.c */
	int64_t room_bytes;              /* images may be added until there is none */
	bool evicting;
	struct seen seen[SEEN_NAMES];
};

#define NAME_BUCKETS 4096

enum reader_lane {
	READER_ANSWERS, /* that are large */
	READER_CACHE,   /* where hosts share the catalogue: a walk through all images */
};

/* Nothing is accepted now: of anybody, since requests do not get through; or of one model, which was
 * answered 429. */
struct blockage {
	struct blockage *next;
	char *model;               /* NULL: every one; owned */
	int64_t blocked_ms;        /* since when; 0: it is not */
	int64_t hold_until_ms;     /* no submission before */
	struct seed_error error;   /* why */
	struct generation *probe;  /* who tries meanwhile; NULL: nobody */
	bool open;                 /* who tried was not refused at once: it holds nobody until an answer says more */
	unsigned outages;          /* back-offs in a row */
};

struct seed_engine {
	/* machine_deliver(): what a leaf reports. May free the generation. */
	void (*deliver)(struct generation *generation, const struct event *event);
	struct seed_engine_config config;
	struct seed_store *store;
	struct seed_log *log;
	struct seed_key *key;
	const char *authorization; /* the key's own */
	struct seed_net *net;
	struct seed_disk *disk;
	struct seed_disk *reader;    /* for what takes long: enum reader_lane */
	struct reading *readings;
	struct seed_worker_pool *workers;
	struct shared *shared;       /* NULL: this host has the catalogue alone */

	pthread_t thread;
	pthread_mutex_t mutex; /* of the next two; a leaf of the lock order */
	struct command *first, **last;
	atomic_bool interrupts;

	struct generation *generations;
	uint64_t last_order;       /* of generations and changes */
	struct generation *names[NAME_BUCKETS];
	struct generation *queue_first, **queue_last;
	struct generation *adopting_first, **adopting_last; /* adoptions.c: the line */
	int adopting;              /* generations with a turn */
	struct generation **due;   /* timers.c: a heap */
	size_t due_count, due_alloc, generation_count;
	size_t later_bytes;        /* callbacks that wait for a generation's end */
	int active;                /* generations with a slot */
	int queued;                /* … that wait for one */
	int steps_running;         /* disk steps under way */
	int steps_beside;          /* of them, those for which the gate does not wait */
	bool no_looks_said;        /* that this server cannot be looked at */
	struct seed_wait *waits;   /* all */
	int watching;              /* waiters with a signal that did not end them */
	int64_t watch_ms;          /* when they are looked at again */
	struct seed_wait *look_next; /* from this one on; NULL: from the first */
	bool fresh;                /* some have a signal that was not looked at */
	int64_t fresh_ms;          /* not before */
	struct blockage outage; /* queue.c: of all prompts … */
	struct blockage *limits; /* … and of those with one model: a list; owned */
	int64_t expire_ms;         /* when a prompt in the queue may have waited long enough */
	int64_t pump_ms;           /* when the queue is to be looked at again */
	struct seed_rate rate, queries;
	int announced;             /* generations in PHASE_ANNOUNCE: counted by machine.c */
	struct seed_durations durations;
	struct seed_metrics metrics;
	struct seed_spent spent;   /* budget.c */
	int64_t warned_day;        /* on which most of the budget was used, and the log says so */
	bool key_refused;          /* by the service: one prompt at a time tries it */
	bool key_due;              /* … and what is queued is to be refused */
	_Atomic int64_t exhausted_day; /* on which the budget is spent; -1: it is not */
	bool gate_closed;          /* a rename is under way: no step starts but a renewal (changes.c) */
	struct change *changes_first, **changes_last; /* wait for the gate */
	struct cancel *cancels;
	struct thumb *thumbs, **thumbs_last; /* thumbs.c */
	int thumbs_running;
	bool private_service;      /* api_base leads to a private address itself */
	bool stopping;
	int64_t stop_ms;           /* when the stop was ordered */
};

/* ---- helpers that need no file ---- */

static inline bool generation_has_begun(const struct generation *generation)
{
	return generation->phase > PHASE_BEGIN;
}

static inline bool generation_has_lease(const struct generation *generation)
{
	return generation->lease > 0;
}

/* It is paid for. */
static inline bool generation_is_paid(const struct generation *generation)
{
	return generation->phase >= PHASE_CHECK && generation->phase < PHASE_DROP;
}

/* Its request may have left: its image is somebody's. */
static inline bool generation_is_at_service(const struct generation *generation)
{
	return generation->phase >= PHASE_SUBMIT;
}

/* It has an outcome, which is being stored, or there will be none. */
static inline bool generation_is_ending(const struct generation *generation)
{
	return generation->phase >= PHASE_FINISH;
}

/* Nothing can come of it any more. */
static inline bool generation_has_failed(const struct generation *generation)
{
	return generation_is_ending(generation) && generation->record.state != SEED_STATE_VERIFIED;
}

/* Given up, or at its end: nothing concerns it any more. */
static inline bool generation_is_over(const struct generation *generation)
{
	return generation->phase >= PHASE_DROP;
}

/* ==== engine.c ==== */

/* One turn of the engine's thread: runs the commands, moves on what has ended
 * and what is due. When to be called again at the latest; *stopped: not any more. */
int64_t engine_turn(struct seed_engine *engine, bool *stopped);
/* Posts the order to stop; engine_turn() says when that is done. */
void engine_order_stop(struct seed_engine *engine);

/* ==== commands ==== */

/* ---- commands.c: what they have in common; the key ---- */

/* A command of a caller that waits for an outcome. */
struct request {
	struct command command;
	char *name;
	char *text;      /* a callback's body until it is looked at, then its prompt */
	char *image_url; /* a callback's; NULL: none */
	struct seed_ticket *ticket;
	struct seed_wait *wait;
	struct seed_key *key;
	int code;        /* refresh_request(): an errno */
	bool has_image;  /* changes_look(): one is there that answers it */
	bool has_copy;   /* or another name has one that does (reuse) */
	char sum[SEED_SHA256_HEX_BYTES]; /* so: its */
	char *prompt;    /* so: prompts/NAME, where a callback has none; owned */
	size_t later_bytes; /* what a callback that waits for a generation's end counts for */
};

/* NULL without memory. `name` may be NULL. */
struct request *request_new(const char *name, struct seed_wait *wait,
			    void (*run)(struct seed_engine *, struct command *));
/* Posts one; takes `text`. `ticket` may be NULL. */
errint_t request_text(struct seed_engine *engine, const char *name, char *text,
		      struct seed_ticket *ticket, struct seed_wait *wait,
		      void (*run)(struct seed_engine *, struct command *)) SEED_MUST_CHECK;
void request_free(struct request *request);
/* Answers with `code` and frees. */
void request_refuse(struct seed_engine *engine, struct request *request, int code);
/* The ticket and the waiter belong to the generation from now on; frees. */
void request_attach(struct generation *generation, struct request *request);
/* A generation that runs or is kept makes what the request wants: it is asked for at once. As above. */
void request_join(struct generation *running, struct request *request);
/* Whether it is one of that text, apart from white space at its end. */
bool generation_makes(const struct generation *running, const char *text);
/* Takes ownership; the old one is freed. -ENOMEM: nothing was changed. */
errint_t commands_take_key(struct seed_engine *engine, struct seed_key *key) SEED_MUST_CHECK;

/* ---- changes.c ---- */

/* Starts what has waited for a rename or for the disk threads. */
void changes_turn(struct seed_engine *engine);
bool changes_are_due(const struct seed_engine *engine); /* it is to be called again, and at once */
/* The engine is being freed: what waits still is not begun any more. */
void changes_stop(struct seed_engine *engine);
/* `look` runs on a disk thread, in order with what is done to the request's name;
 * then `looked`, here, which owns the request. */
void changes_look(struct seed_engine *engine, struct request *request,
		  errint_t (*look)(struct seed_engine *, struct request *),
		  void (*looked)(struct seed_engine *, struct request *, errint_t));
/* Where hosts share the catalogue: the request's text becomes NAME's prompt, whose image is `sum`.
 * `looked` as above; -EAGAIN: that image is not NAME's any more. */
void changes_show(struct seed_engine *engine, struct request *request,
		  void (*looked)(struct seed_engine *, struct request *, errint_t));

/* ---- refresh.c ---- */

struct refresh_watch {
	struct refresh_watch *next;
	const char *row; /* a generation's id, the caller's; NULL: none is asked about */
	bool landed;     /* set before `done`: the store says that it is not in flight there */
	/* What the store has is shown now; or not (-EHOSTUNREACH …), and what is here is as it was. */
	void (*done)(struct seed_engine *engine, struct refresh_watch *watch, errint_t err);
};

/* Looks at NAME's entry. `follows`: what another host generates is followed from now
 * on. False: there is nothing to wait for, and `watch` is not called. */
bool refresh_name(struct seed_engine *engine, const char *name, bool follows,
		  struct refresh_watch *watch);
/* So, for a request: request->command.run follows in any case, request->code says how. */
void refresh_request(struct seed_engine *engine, struct request *request, bool follows);
/* An entry was read: the rows of hosts that are gone go on here, and those of this host that nothing
 * here knows. */
void refresh_take_up(struct seed_engine *engine, const struct seed_share_entry *entry);
void refreshes_stop(struct seed_engine *engine);
/* What is here may not be what the store has: the next look reads it in any case. */
void refresh_forget(struct seed_engine *engine, const char *name);
/* What is shown of NAME is what has this ETag, or cannot be shown (*err); it is fresh then. */
bool refresh_has(struct seed_engine *engine, const char *name, const char *etag, errint_t *err);
void refresh_note_folder(struct seed_engine *engine, const char *path);
bool refresh_folder_is_fresh(struct seed_engine *engine, const char *path);
/* It was looked at as a whole, at some time. (False also if that was forgotten.) */
bool refresh_knows_folder(struct seed_engine *engine, const char *path);

/* ---- scan.c ---- */

/* Returns when to be called again. */
int64_t scan_turn(struct seed_engine *engine, int64_t now_ms);

/* ---- folders.c, pictures.c ---- */

/* What the store has at PATH and below it is shown, however lately it was looked at. An error: `done`
 * is not called. */
errint_t folder_look_below(struct seed_engine *engine, const char *path,
			   void (*done)(struct seed_engine *engine, void *context, errint_t err),
			   void *context) SEED_MUST_CHECK;
void folders_stop(struct seed_engine *engine);
/* Asks again for what is due; when the next is. */
int64_t pictures_turn(struct seed_engine *engine, int64_t now_ms);
void pictures_stop(struct seed_engine *engine);

/* ---- resume.c ---- */

/* A row of the journal, onto its way again; takes `record`. */
errint_t resume_row(struct seed_engine *engine, struct seed_record *record,
		    bool newest) SEED_MUST_CHECK;

/* ==== machine.c ==== */

extern const struct phase_row machine_phases[PHASE_COUNT];

/* Something has happened to it. May free it. */
void machine_deliver(struct generation *generation, const struct event *event);
/* A new one, or one of the journal, onto its way. May free it. */
void machine_start(struct generation *generation, enum phase phase);
/* Timers of all; returns when to be called again. */
int64_t machine_turn(struct seed_engine *engine, int64_t now_ms);

/* At the stop: what is paid for and not yet on disk is tried at once, and again by
 * machine_turn(), until this time at most. An answer that says whether money was
 * spent is awaited, too, for less long. */
void machine_hurry(struct seed_engine *engine);
int64_t machine_stops_at(const struct seed_engine *engine);
/* The engine is being freed, and nothing of it is under way. */
void machine_free(struct seed_engine *engine);

/* ==== phases ==== */

/* begin.c */
enum phase begin_enter(struct generation *generation);
enum phase begin_event(struct generation *generation, const struct event *event);
enum phase reuse_enter(struct generation *generation);
enum phase reuse_event(struct generation *generation, const struct event *event);
/* submit.c */
enum phase queued_enter(struct generation *generation);
enum phase queued_event(struct generation *generation, const struct event *event);
enum phase announce_enter(struct generation *generation);
enum phase announce_event(struct generation *generation, const struct event *event);
enum phase submit_enter(struct generation *generation);
enum phase submit_event(struct generation *generation, const struct event *event);
enum phase check_enter(struct generation *generation);
enum phase check_event(struct generation *generation, const struct event *event);
enum phase accept_event(struct generation *generation, const struct event *event);
/* poll.c */
enum phase poll_wait_event(struct generation *generation, const struct event *event);
enum phase poll_enter(struct generation *generation);
enum phase poll_event(struct generation *generation, const struct event *event);
enum phase split_event(struct generation *generation, const struct event *event);
/* fetch.c */
enum phase keep_event(struct generation *generation, const struct event *event);
enum phase fetch_wait_event(struct generation *generation, const struct event *event);
enum phase fetch_enter(struct generation *generation);
enum phase fetch_event(struct generation *generation, const struct event *event);
/* verify.c */
enum phase verify_enter(struct generation *generation);
enum phase verify_event(struct generation *generation, const struct event *event);
/* finish.c */
enum phase finish_enter(struct generation *generation);
enum phase finish_event(struct generation *generation, const struct event *event);
enum phase drop_event(struct generation *generation, const struct event *event);
/* follow.c */
enum phase claim_enter(struct generation *generation);
enum phase claim_event(struct generation *generation, const struct event *event);
enum phase follow_enter(struct generation *generation);
enum phase follow_event(struct generation *generation, const struct event *event);
enum phase take_event(struct generation *generation, const struct event *event);

/* ==== what phases have in common ==== */

/* ---- answers.c: what an answer to the submission or to a poll means ---- */

enum phase answer_follow(struct generation *generation, const struct event *event);
/* Until the task is to be asked for by its age. */
enum phase answer_poll_later(struct generation *generation);
/* What a look told: failed, not known any more, or how far. */
enum phase answer_follow_look(struct generation *generation, struct seed_step *step);

/* ---- attempts.c: what a failure leads to ---- */

/* A request, the task, the picture met a failure: the table of lib/engine/failure.h
 * decides. `delay_ms`: how long the service wants us to wait; < 0: it did not say. */
enum phase attempt_failed(struct generation *generation, enum seed_failure failure,
			  const struct seed_error *error, int64_t delay_ms);
/* Its deadline has come: what the last question met decides. */
enum phase attempt_over(struct generation *generation);
/* The request could not even be made. */
enum phase attempt_not_sent(struct generation *generation, errint_t err);
/* The end without a further attempt; one that is open ends with it. */
enum phase attempt_end(struct generation *generation, const struct seed_error *error);
/* A deadline for the attempt, from now, and nothing is known of it yet. */
void attempt_new_deadline(struct generation *generation);
/* Not accepted: back to the head of the queue. */
enum phase attempt_requeue(struct generation *generation);
/* The row of its late task is durable, or could not be written. */
enum phase attempt_split(struct generation *generation, errint_t err);
/* At the deadline: whether "running" is an answer of now. */
bool attempt_was_asked_lately(const struct generation *generation);
/* When a question that is wanted then is asked: one is kept for just before the
 * deadline. */
int64_t attempt_ask_at_ms(const struct generation *generation, int64_t wanted_ms);
/* Its submission's answer is not whole at the deadline: the callers are told, and it goes on coming. */
enum phase attempt_comes_late(struct generation *generation);
/* A shelved task is wanted again: asked for at once, within a new deadline. */
void attempt_rearm(struct generation *generation);

/* ---- ends.c: how it ends, and whose the name is then ---- */

/* Who waits for it, or for its image because of the same text, gets `code`; it goes on. */
void generation_tell_held(struct generation *generation, int code);
/* Something is lacking here: the phase begins again after a while. */
enum phase generation_hold(struct generation *generation, int code, const char *what);
/* Given up without an outcome of its own: waiters get `code`. */
enum phase generation_give_up(struct generation *generation, int code);
/* A newer text (or what else) has taken the name. */
enum phase generation_superseded(struct generation *generation, const char *by);
/* It has failed, and no further attempt is made. */
enum phase generation_fail(struct generation *generation, const struct seed_error *error);
/* NAME, which a failed retry has left, is that of its late task. */
void generation_inherit(struct generation *late, struct generation *failed);
/* The late task's image is good first: waiters and name are its own from now on.
 * Returns whose they were, to be superseded, or NULL: it has them not. */
struct generation *generation_take_over(struct generation *late);

/* What had the name before it is superseded: it is on disk, or another host has it. */
void generation_supersede_older(struct generation *generation);

/* ---- rows.c ---- */

/* The phase in which its row goes on, which was written before. */
enum phase resume_phase(struct generation *generation);

/* ==== leaves ==== */

/* ---- post.c ---- */

/* Runs what was posted, in that order. */
void engine_run_posted(struct seed_engine *engine);

/* ---- generation.c: the structure, its name, who waits for it ---- */

/* A new row of NAME for a committed text ("" : an adopted image without a prompt),
 * which need not be a valid request. Release it in any case. */
errint_t generation_fill_record(struct seed_engine *engine, const char *name, const char *text,
				struct seed_record *record) SEED_MUST_CHECK;
/* It was accepted by another service than this mount's: this one cannot be asked
 * for it, nor told to stop it. Its row stays for a mount that has that provider. */
bool generation_is_foreign(const struct generation *generation);
/* A row that no service has accepted yet is to be asked for here: by this mount's
 * settings and the row's text. */
errint_t generation_ask_here(struct seed_engine *engine,
			     struct seed_record *record) SEED_MUST_CHECK;
/* Other settings than those that it has; takes `params`' contents in any case. */
errint_t generation_take_params(struct seed_record *record, struct seed_params *params) SEED_MUST_CHECK;
/* A new generation of NAME; takes `record`'s contents. NULL without memory. */
struct generation *generation_new(struct seed_engine *engine, struct seed_record *record,
				  bool newest);
/* Since its text was committed, whatever has been done to the clock since. */
int64_t generation_age_ms(const struct generation *generation);
/* The newest of NAME. */
struct generation *engine_find(struct seed_engine *engine, const char *name);
/* One of that id is here. */
bool engine_has_id(const struct seed_engine *engine, const char *id);
/* The other generations of its name that are older: call until NULL. */
struct generation *generation_next_same(struct generation *generation);
/* Behind `newer`, of the same name. */
void generation_link_behind(struct generation *generation, struct generation *newer);
void generation_unlink_name(struct generation *generation);
/* Its entry was renamed. All that have the old name and are not over go along, in their order. */
void generation_rename(struct generation *generation, const char *name);
/* Another host has renamed its entry. It alone goes along, behind those that are there. */
void generation_follow_name(struct generation *generation, const char *name);
/* A late task and its retry find out about a rename each by itself: both have the later name then.
 * False: there was no memory for that. */
bool generation_share_name(struct generation *a, struct generation *b);
void generation_part_from_late(struct generation *generation);
void generation_release_slot(struct generation *generation);
/* Waiters and tickets get `code`. */
void generation_answer(struct generation *generation, int code);
/* It has ended, or is shelved: callbacks that came meanwhile are looked at, and who waits for its
 * image looks again. */
void generation_let_others_on(struct generation *generation);
/* Those that wait for the image of its text look again whether it is being made. */
void generation_wake_same(const struct generation *ended);
/* A callback's NAME is verified, and stays so. */
void callback_preserved(struct seed_engine *engine, const char *name);
/* Where it is, in the journal's word for it: static. */
void generation_set_step(struct generation *generation, const char *step);
/* A line of the log about it, without keys and queries. */
void generation_log(struct generation *generation, const char *format, ...) SEED_PRINTF(2, 3);
/* Whether its next submission begins an attempt (else the one that is open is
 * tried again). */
bool attempt_begins(const struct generation *generation);
/* Nothing of it was accepted: it has no attempt yet, or the first is open, and was answered 429. */
bool attempt_is_unsent(const struct generation *generation);
struct seed_attempt *attempt_last(struct generation *generation); /* one must exist */
/* Whose task this is: of a late one that has the name, not the last. */
struct seed_attempt *attempt_own(struct generation *generation);
void attempt_trouble(struct generation *generation, enum seed_failure failure,
		     const struct seed_error *error);
/* A question that waits is asked at once. */
void attempt_wake(struct generation *generation);
/* The picture's bytes are not held here any more. */
void generation_drop_picture(struct generation *generation);
/* The journal's row could not be marked, or removed: again after a while. The log has it
 * once. */
void generation_mark_again(struct generation *generation, errint_t err);
/* A URL that is refused stands whole in the state directory: what it leads to is
 * paid for, and a person may still fetch it. */
void generation_keep_url(struct generation *generation, const char *url);

/* ---- thumbs.c ---- */

/* NAME's image is in place: its thumbnail is made beside all else. */
void thumbs_make(struct seed_engine *engine, const char *name);
/* The image of a worker's job, where that is a thumbnail; else NULL. */
const char *thumbs_path(const struct seed_engine *engine, const void *job);
/* What has not begun is given up. */
void thumbs_stop(struct seed_engine *engine);

/* ---- thumb_upload.c ---- */

/* The thumbnail of the image at `path` was made: other hosts may have it, too. */
void thumb_upload(struct seed_engine *engine, enum seed_area area, const char *path,
		  const struct seed_thumb_files *files);
void thumb_uploads_free(struct shared *shared);

/* ---- timers.c: when each is to be looked at ---- */

/* Room for one generation more. */
errint_t timers_reserve(struct seed_engine *engine) SEED_MUST_CHECK;
/* In the next turn: what it waits for has changed. */
void timers_touch(struct generation *generation);
void timers_set(struct generation *generation, int64_t due_ms); /* INT64_MAX: not at all */
/* One that is due, taken out; NULL: none. */
struct generation *timers_due(struct seed_engine *engine, int64_t now_ms);
int64_t timers_next_ms(const struct seed_engine *engine);
/* It is being freed. */
void timers_forget(struct generation *generation);

/* ---- queue.c: who may submit when ---- */

void queue_add(struct generation *generation, bool first);
void queue_remove(struct generation *generation);
/* Its submission did not get through: nobody submits for so long (< 0: a back-off), or, if it was answered
 * 429, nobody with its model; and then one tries it for all. */
void queue_block(struct generation *generation, enum seed_failure failure,
		 const struct seed_error *error, int64_t delay_ms);
/* Why a queued one is not sent now, whoever else is; NULL: for no such reason. Until the next call here. */
const struct blockage *queue_blockage(const struct generation *generation);
void queue_free(struct seed_engine *engine);
/* Its submission was answered, or is given up. */
void queue_answered(struct generation *generation, bool got_through);
/* Starts what may start and ends what has waited too long; returns when to be
 * called again. */
int64_t queue_turn(struct seed_engine *engine, int64_t now_ms);

/* ---- adoptions.c: whose turn it is ---- */

/* Whether it has one. Otherwise it is in the line from now on, and woken when it is its turn. */
bool adoption_begin(struct generation *generation);
/* Neither has it a turn any more, nor is it in the line. */
void adoption_end(struct generation *generation);

/* ---- budget.c ---- */

void budget_load(struct seed_engine *engine);
/* One more submission; false: the day's budget is spent. */
bool budget_take(struct generation *generation);
/* Known on any thread. */
bool budget_is_exhausted(const struct seed_engine *engine);
/* The submission under way was one for the budget, or was none. */
void budget_settle(struct generation *generation, bool counts);
int64_t budget_left(struct seed_engine *engine); /* -1: not limited */
/* What the service charged for an image. */
void budget_cost(struct seed_engine *engine, double cost);
/* As it is now: of this day. */
const struct seed_spent *budget_today(struct seed_engine *engine);

/* ---- reuse.c ---- */

/* A lack of memory, descriptors or space: whether there is an image to copy is not known. */
bool reuse_is_lack(errint_t err);
/* 0: NAME's own image, whose SHA-256 is `sum`, is what the text asks for; -ENOENT: it is not; or what
 * is lacking to say so. A disk thread. */
errint_t reuse_look(struct seed_engine *engine, const char *name, const char *text,
		    char sum[SEED_SHA256_HEX_BYTES]) SEED_MUST_CHECK;
/* Another name's is, as far as is known here. A disk thread. */
bool reuse_has_copy(struct seed_engine *engine, const char *name, const char *text);
/* The verified image of `made` is what `wanted` asks for. */
bool reuse_is_made_of(const struct seed_record *made, const struct seed_record *wanted);
/* Another one of its text is at the service, or kept. */
bool reuse_is_sent(const struct generation *generation);
/* An image that `wanted` asks for is copied, and its facts are in `wanted`: *name is
 * whose (owned), NULL at first: whoever has it. -ENOENT: there is none; or what is lacking. A disk thread. */
errint_t reuse_copy(struct seed_engine *engine, struct seed_record *wanted, char **name) SEED_MUST_CHECK;
/* Its facts go along. */
errint_t reuse_take_facts(struct seed_record *to, const struct seed_record *from) SEED_MUST_CHECK;
/* Another generation here, which came before and makes the image that this one asks for; one that is shelved
 * where no other does. NULL: none. Of a mount that shares a store, the store says so: shared_reuse.c. */
struct generation *reuse_maker(const struct generation *generation);
/* Likewise, for a text that has no generation yet. */
bool reuse_would_wait(const struct seed_engine *engine, const struct seed_record *wanted);
/* Whether it waits for the image that `maker` makes. */
bool reuse_waits_for(const struct generation *generation, const struct generation *maker);

/* ---- reuse_key.c ---- */

/* The key under which a verified image's text and settings are found. */
uint64_t reuse_key(const struct seed_record *record);
bool reuse_same_provider(const struct seed_record *a, const struct seed_record *b);
/* The image that `wanted` asks for, whose key that is, may come of it. (Where its retry has failed, its
 * late task may have its name next.) */
bool reuse_is_making(const struct generation *other, uint64_t key, const struct seed_record *wanted);

/* ---- exchange.c: requests to the service; downloads ---- */

/* Builds task.stage's request; a service's id that we choose is then known.
 * -EXDEV: the task is another provider's. */
errint_t exchange_prepare(struct generation *generation) SEED_MUST_CHECK;
/* Whether the service has a request of that stage for this task, which stands at
 * it from then on. Also where memory is lacking to say so: whoever makes the request
 * meets that again, and a "no" may cost a submission. */
bool exchange_can(struct generation *generation, enum seed_stage stage);
/* Sends the request that was prepared. EVENT_ANSWER follows. */
errint_t exchange_send(struct generation *generation) SEED_MUST_CHECK;
/* Downloads `url`. EVENT_ANSWER follows. */
errint_t exchange_download(struct generation *generation, const char *url) SEED_MUST_CHECK;
/* What it is that broke a transfer. A request that has left may have been
 * accepted, whatever broke then. */
enum seed_failure exchange_failure(const struct seed_net_answer *answer);
/* An answer to a submission could not be read for lack of memory. It is kept, and read again for a while, from
 * EVENT_WAKE on; EVENT_ANSWER follows. False: there was not even the memory for that. */
bool exchange_lacked_memory(const struct generation *generation, const struct seed_step *step);
bool exchange_read_later(struct generation *generation, struct seed_net_answer *answer);
bool exchange_waits_to_read(const struct generation *generation);
void exchange_read_again(struct generation *generation);
/* Whether a submission's answer began to come in time, and may come whole behind the deadline; from
 * there on it must not stand still. */
bool exchange_is_late(const struct generation *generation);
void exchange_await(struct generation *generation);
/* Ends the transfer that is under way; its answer does not come any more. */
void exchange_stop(struct generation *generation);
/* What the answers told goes into the row. */
errint_t exchange_note_task(struct generation *generation) SEED_MUST_CHECK;
/* Answers that nobody reads any more: the threads are gone. */
void exchange_forget(struct seed_engine *engine);
/* Without the keys, also replaced ones, and what a signed URL ends in. */
void exchange_scrub(const struct generation *generation, struct seed_error *error);
/* What the provider makes of an answer; `step` is initialised here. */
void exchange_read(const struct seed_engine *engine, const struct seed_params *params,
		   struct seed_task *task, const struct seed_net_answer *answer,
		   struct seed_step *step);
/* Whether what its service names may not lead to private addresses (lib/net/net.h). A
 * service that was at one when it took the task is so after a restart, too. */
bool exchange_is_guarded(const struct generation *generation);
struct exchange_limits {
	size_t answer_bytes;
	int64_t deadline_ms; /* seed_clock_now_ms() scale */
	int64_t whole_by_ms;
	int stall_s;         /* these as in struct seed_net_request */
};
/* One request, with the key where its host is the API's own; `guarded` if it is not. */
errint_t exchange_transfer(struct seed_engine *engine, const struct seed_request *request,
			   bool guarded, const struct exchange_limits *limits, seed_net_done_fn *done,
			   void *context, struct seed_transfer **transfer) SEED_MUST_CHECK;

/* ---- progress.c ---- */

/* 0 to 1: as the service told it, else guessed (*estimated) from how long others
 * took, else 0. */
double progress_of(const struct generation *generation, int64_t now_ms, bool *estimated);
/* Until its task has ended, as far as that is known; -1: it is not. */
int64_t progress_left_ms(const struct generation *generation, int64_t now_ms);
/* What an answer told, or did not. */
void progress_note(struct generation *generation, const struct seed_step *step);
/* Forgets it: back in the queue or failed (0), or the end (1: there is an image). */
void progress_reset(struct generation *generation, double progress);
/* Looks if it is time to; returns when to be called again. */
int64_t progress_turn(struct generation *generation, int64_t now_ms);
/* Looks at the task at `stage`; EVENT_LOOK follows. False: this service has no
 * such request. */
bool progress_look(struct generation *generation, enum seed_stage stage);
/* It cannot be looked at: said once, with the service's reason if there is one. */
void progress_cannot_look(struct generation *generation, const struct seed_error *error);
/* Ends a look that is under way. */
void progress_stop(struct generation *generation);

/* ---- cancel.c ---- */

/* Tells the service to stop, where it can be told; nobody waits for it. */
void cancel_at_service(struct generation *generation);
void cancels_free(struct seed_engine *engine);

/* ---- disk_steps.c ---- */

/* Starts a step, or notes it until the one under way has ended. EVENT_STEP follows. */
void disk_step(struct generation *generation, enum disk_step step);
/* Starts what was noted, if nothing is in its way any more. */
void disk_step_resume(struct generation *generation);
/* What waited for the beginning of a newer one of this name. */
void disk_steps_resume_older(struct seed_engine *engine, const char *name);

/* ---- shared_steps.c: what a step is at the store that hosts share ---- */

/* The store is asked before the disk, or after it. False: this step is none of its. */
bool shared_comes_first(const struct step_job *job);
bool shared_comes_last(const struct step_job *job);
/* Asks; job->then follows, with job->err, unless the engine stops. */
void shared_ask(struct step_job *job);
/* The hint that it is in flight under that name is there; or -errno. */
void shared_told(struct generation *generation, const char *name, errint_t err);
/* ---- shared_reuse.c ---- */

/* STEP_REUSE: whose image, if any, is this text's. job->err -EAGAIN: it is being made. */
void shared_reuse(struct step_job *job);

/* Nothing is asked any more; job->then follows for what was, with -ESHUTDOWN. */
/* The rename of its name that took its row along, by what stands at the name; borrowed. NULL: none did. */
const struct seed_share_move *shared_went_to(const struct generation *generation,
					     const struct seed_share_entry *entry);
/* Its row went along with that rename of `name`. */
void shared_follow(struct generation *generation, const char *name, const struct seed_share_move *move);
/* NAME's entry was read, behind the gate: what has its row there no more, since another host has renamed
 * it, goes along. */
void shared_follow_moves(struct seed_engine *engine, const char *name, const struct seed_share_entry *entry);
void shared_stop(struct seed_engine *engine);

/* ---- shared_changes.c ---- */

/* Part of a change; all zero at first. */
struct shared_change {
	struct shared_change *next, **link;
	struct seed_engine *engine;
	void (*done)(struct shared_change *change); /* `err` says how; it is under way no more */
	errint_t err;
	struct seed_share_op *asked;
	struct seed_s3_op *listed;
	char *entry;      /* as it is now; owned; NULL: a rename */
	const char *name;       /* or, of a rename: */
	const char *from, *to;
	char **names;     /* of the rename's entries; owned, each */
	char **gone;      /* the entry of each, as JSON, where nothing was to be renamed; owned, each; NULL */
	struct seed_share_move *left; /* of each, when it was left; owned; serial 0: it was not */
	size_t count, next_name, moved;
	struct seed_share_entry source;
	uint64_t there;   /* the target's serial, joined with it */
};

/* Begins one; then one of the two below, whose end is `done`. */
void shared_change_begin(struct shared_change *change, struct seed_engine *engine,
			 void (*done)(struct shared_change *change));
void shared_change_ask(struct shared_change *change, struct seed_share_request *request);
/* `from` and `to` stay until the end. */
void shared_change_rename(struct shared_change *change, const char *from, const char *to, bool folder);
/* The rename is over, and the generation has its old name yet: its row has moved. */
void shared_change_follow(const struct shared_change *change, struct generation *generation);
void shared_change_release(struct shared_change *change);
void shared_changes_stop(struct seed_engine *engine);

/* ---- hints.c ---- */

/* NAME has a row in flight, of which the generation here hears by shared_told() whether others find it;
 * or has none any more. */
void hint_flight(struct shared *shared, const char *id, const char *name);
void hint_landed(struct shared *shared, const char *id, const char *name);
bool hint_is_under_way(const struct shared *shared, const char *id, const char *name);
/* Of such a key: -EBADMSG: it is none. */
errint_t hint_flight_parse(const char *key, char id[SEED_STORE_ID_BYTES],
			   char name[SEED_STORE_PATH_BYTES]) SEED_MUST_CHECK;
/* The generation of that id made an image for NAME of what has that key (reuse.c); and where that
 * stands, and how. */
void hint_reuse(struct shared *shared, uint64_t reuse, const char *id, const char *name);
#define HINT_KEY_BYTES 32
void hint_reuse_key(uint64_t reuse, char key[HINT_KEY_BYTES]);
#define HINT_REUSE_BYTES (SEED_STORE_ID_BYTES + SEED_NAME_MAX_BYTES + 1)
void hint_reuse_body(const char *id, const char *name, char body[HINT_REUSE_BYTES]);
void hints_free(struct shared *shared);

/* ---- parents.c ---- */

/* The folder that NAME is in is there, and those above it. */
void parent_keep(struct shared *shared, const char *name);
void parents_free(struct shared *shared);

/* ---- cache.c ---- */

/* So much has come to the images here. */
void cache_added(struct seed_engine *engine, uint64_t bytes);

/* ---- shared.c ---- */

errint_t shared_new(struct seed_engine *engine, struct shared **shared) SEED_MUST_CHECK;
void shared_free(struct shared *shared); /* NULL is allowed */
/* When a lease that begins now is to be renewed. */
int64_t shared_renew_ms(const struct seed_engine *engine, const struct seed_share_row *row);
/* Returns when to be called again. */
int64_t shared_turn(struct seed_engine *engine, int64_t now_ms);
/* The store answered, or (`error`) did not: the log has each outage once. */
void shared_answered(struct shared *shared, errint_t err, const struct seed_error *error);
/* A beginning that failed so is tried until the store is back; or (-EBUSY) until another
 * generation here, whose row it would join, has ended. */
bool shared_is_waited_for(const struct seed_engine *engine, errint_t err);
/* At the stop: what it has to say to the others is said, or it has had its time. */
bool shared_rests(const struct seed_engine *engine, int64_t now_ms);
/* How many may be at the service from here: a part of what all hosts may have there. */
int shared_jobs(const struct seed_engine *engine);
/* Until when none may be sent, because the service said so to any of them; 0: they may. */
int64_t shared_hold_until_ms(const struct seed_engine *engine, int64_t now_ms);
/* On a disk thread: the files of NAME become what the entry says. */
/* The name whose key has these bytes; false: none has. Other programs' keys are not believed: a
 * folder's marker ends with a '/'. */
bool shared_name_of(const char *key, size_t len, char name[SEED_STORE_PATH_BYTES]);
/* Whether a size and a sum that the bucket has may be an image's. Any thread. */
bool shared_is_image(const struct seed_image_info *image);
errint_t shared_mirror(struct seed_engine *engine, const char *name, const char *entry) SEED_MUST_CHECK;

/* ---- waiting.c ---- */

void wait_add(struct generation *generation, struct seed_wait *wait);
/* In `holder`'s list from now on, out of which an end or a signal takes it. */
void wait_hold(struct seed_engine *engine, struct seed_wait **holder, struct seed_wait *wait);
void wait_finish(struct seed_engine *engine, struct seed_wait *wait, int code);
void waits_finish(struct generation *generation, int code);  /* all */
void waits_begun(struct generation *generation);             /* those content with a beginning */
/* At the signals of those that were interrupted. Some milliseconds at most: the rest in later turns. */
void waits_look(struct seed_engine *engine, int64_t now_ms);
int64_t waits_next_ms(const struct seed_engine *engine);     /* when the next look is due */
void waits_stop(struct seed_engine *engine);                 /* ESHUTDOWN for everybody */

#endif
