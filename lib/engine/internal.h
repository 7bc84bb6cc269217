/*
 * What the engine's files share: engine.c (thread and commands), generation.c
 * (its life and its name), queue.c (who may submit when), timers.c (who is looked
 * at when), attempts.c (what a failure leads to), exchange.c (requests to the service and downloads),
 * verify.c (the picture), disk_steps.c, resume.c (after a restart) and
 * waiting.c. All of it belongs to the engine's thread unless said otherwise.
 */
#ifndef SEED_ENGINE_INTERNAL_H
#define SEED_ENGINE_INTERNAL_H

#include <pthread.h>

#include "lib/engine/disk.h"
#include "lib/engine/engine.h"
#include "lib/engine/failure.h"
#include "lib/worker/worker.h"
#include "lib/engine/metrics.h"
#include "lib/net/net.h"
#include "lib/record/record.h"
#include "lib/engine/schedule.h"

/*
 * A generation's phases. Each but those that wait in a queue or for a time has
 * exactly one thing under way (a disk step, a transfer or a worker's job) whose
 * end moves the generation on. Beside it, progress.c may have a look at how far
 * the task is. From PHASE_CHECK on the attempt is paid for.
 */
enum phase {
	PHASE_BEGIN,     /* disk: journal, prompt, old image to history, row */
	PHASE_QUEUED,    /* waits for a slot and the rate */
	PHASE_ANNOUNCE,  /* disk: journal "submitting" */
	PHASE_SUBMIT,    /* transfer: the request that costs money */
	PHASE_CHECK,     /* look: whether the picture that came with its answer is whole */
	PHASE_ACCEPT,    /* disk: journal the task id */
	PHASE_POLL_WAIT, /* timer */
	PHASE_POLL,      /* transfer */
	PHASE_KEEP,      /* disk: the bytes of the answer */
	PHASE_FETCH,     /* transfer: the image, or timer before another try */
	PHASE_FETCH_WAIT,
	PHASE_VERIFY,    /* worker */
	PHASE_FINISH,    /* disk: image, row, end of the journal's row */
	PHASE_HOLD,      /* timer: something is lacking here; tried again */
	PHASE_DROP,      /* disk: the journal's row goes */
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
};

struct change;

/* Runs `run(argument)` on the engine's thread. Any thread. The command is
 * allocated by the caller before the work that it reports, so that the report
 * cannot fail. */
struct command {
	struct command *next;
	void (*run)(struct seed_engine *engine, struct command *command); /* owns it */
};
void engine_post(struct seed_engine *engine, struct command *command);

/* A step on its way through a disk thread. A generation has one at a time, and
 * the place for it: so a step can always be reported, also one that failed
 * before it began. */
struct step_job {
	struct seed_disk_job disk;
	struct command report;
	struct generation *generation;
	enum disk_step step;
	struct seed_record record; /* a copy: the engine goes on with its own */
	struct seed_buf bytes;
	bool superseded;
	struct seed_spent spent;
	uint64_t reuse_key;
	int source_fd;
	errint_t err;
};

struct generation {
	struct generation *next, **link;           /* all of them */
	struct generation *next_same, **link_same; /* bucket of names; NULL link: superseded */
	struct generation *next_queued, **link_queued; /* the queue of PHASE_QUEUED */
	int64_t due_ms; /* timers.c */
	size_t due_at;  /* its place there and 1; 0: none */
	struct seed_engine *engine;

	struct seed_record record;
	struct seed_task task;
	struct seed_request request; /* built before it is announced in the journal */
	char *full_prompt;
	enum phase phase;
	enum phase held; /* to go back to from PHASE_HOLD */
	bool has_slot, queued, superseded, resumed;
	/* Paid for, but nothing could be asked within the deadline, or key or
	 * credits were refused: the waiters were told. No slot, no deadline; it
	 * is asked for again until an answer decides. */
	bool shelved;
	bool no_retry;   /* it was shelved: never submitted again */
	bool splitting;  /* its late task is getting a row of its own */
	bool leaving;    /* a removal or a restored image is on its way: its steps wait for that */
	struct seed_error refusal; /* code not 0: the text is no valid request */
	bool dead;       /* given up: goes once nothing of it is under way */

	int64_t queued_ms;    /* when it joined the queue */
	int64_t ask_until_ms; /* an open attempt that does not get through; INT64_MAX: none */
	int64_t deadline_ms;  /* of the attempt, from its request's sending; INT64_MAX: none */
	/* What the last question met: decides at the deadline. */
	enum seed_failure trouble;
	struct seed_error trouble_error;
	int64_t charged_day;  /* whose budget the submission under way was taken from; -1: none */
	int64_t wake_ms;      /* PHASE_*_WAIT, PHASE_HOLD */
	int64_t mark_ms;      /* when a mark or drop that found no disk is tried again; 0: none */
	int64_t submitted_ms; /* when the request was sent; 0: none is under way */
	unsigned backoffs;    /* in a row */
	int held_code;        /* the errno that PHASE_HOLD has logged */
	unsigned redirects;
	bool reminted;
	char *fetch_url;      /* where the redirects have led */

	struct seed_transfer *look; /* progress.c; NULL: none under way */
	int64_t look_ms;      /* when to look again */
	int64_t unknown_ms;   /* since when looks find the task unknown; 0: they do not */
	int look_turn;        /* the task's turn in a look of several requests */
	bool no_looks;        /* this service cannot be looked at */

	struct seed_transfer *transfer;
	enum disk_step step_running, step_next;
	struct step_job job;   /* of step_running */
	bool at_worker;
	struct seed_buf bytes; /* PHASE_KEEP */
	int source_fd;

	struct seed_ticket *tickets; /* of each commit that it answers */
	struct seed_wait *waits;
	/* A task that was late goes on as a generation of its own, beside the
	 * retry: whichever image is good first is the name's. */
	struct generation *late; /* of this one's first attempt; NULL: none */
	struct generation *main; /* whose attempt this was; NULL: none */
	int64_t uid;             /* who wrote the text; -1: not known */
	char *reuse_name;        /* whose image is copied; NULL: none */
	bool adopting;           /* a callback's image is looked at; nothing was submitted */
	struct command *after;   /* callbacks that came meanwhile: run again at the end */
};

#define NAME_BUCKETS 4096

struct seed_engine {
	struct seed_engine_config config;
	struct seed_store *store;
	struct seed_log *log;
	struct seed_key *key;
	const char *authorization; /* the key's own */
	struct seed_net *net;
	struct seed_disk *disk;
	struct seed_worker_pool *workers;

	pthread_t thread;
	pthread_mutex_t mutex; /* of the next two; a leaf of the lock order */
	struct command *first, **last;
	atomic_bool interrupts;

	struct generation *generations;
	struct generation *names[NAME_BUCKETS];
	struct generation *queue_first, **queue_last;
	struct generation **due;   /* timers.c: a heap */
	size_t due_count, due_alloc, generation_count;
	int active;                /* generations with a slot */
	int steps_running;         /* disk steps under way */
	bool no_looks_said;        /* that this server cannot be looked at */
	int watching;              /* waiters with a signal that did not end them */
	int64_t watch_ms;
	/* queue.c: since when no submission gets through (0: they do), why, and
	 * who tries it meanwhile. */
	int64_t blocked_ms;
	int64_t hold_until_ms;     /* no submission before */
	struct seed_error blocked_error;
	struct generation *probe;
	unsigned outages;          /* back-offs in a row */
	int64_t pump_ms;           /* when the queue is to be looked at again */
	struct seed_rate rate, queries;
	struct seed_durations durations;
	struct seed_metrics metrics;
	struct seed_spent spent;   /* budget.c */
	bool key_refused;          /* by the service: one prompt at a time tries it */
	bool key_due;              /* … and what is queued is to be refused */
	_Atomic int64_t exhausted_day; /* on which the budget is spent; -1: it is not */
	bool gate_closed;          /* a rename is under way: no step starts (changes.c) */
	struct change *changes_first, **changes_last; /* wait for the gate */
	struct cancel *cancels;
	struct thumb *thumbs;      /* thumbs.c */
	int thumbs_running;
	bool private_service;      /* api_base leads to a private address itself */
	bool stopping;
	int64_t stop_ms;
};

/* ---- engine.c ---- */

/* One turn of the engine's thread: runs the commands, moves on what has ended
 * and what is due. When to be called again at the latest; *stopped: not any more. */
int64_t engine_turn(struct seed_engine *engine, bool *stopped);
/* Posts the order to stop; engine_turn() says when that is done. */
void engine_order_stop(struct seed_engine *engine);

/* A command of a caller that waits for an outcome. */
struct request {
	struct command command;
	char *name;
	char *text;
	struct seed_ticket *ticket;
	struct seed_wait *wait;
	struct seed_key *key;
};

/* NULL without memory. `name` may be NULL. */
struct request *request_new(struct seed_engine *engine, const char *name, struct seed_wait *wait,
			    void (*run)(struct seed_engine *, struct command *));
void request_free(struct request *request);
/* Answers with `code` and frees. */
void request_refuse(struct seed_engine *engine, struct request *request, int code);
/* The ticket and the waiter belong to the generation from now on; frees. */
void request_attach(struct generation *generation, struct request *request);

/* A new row of NAME for a committed text ("" : an adopted image without a prompt),
 * which need not be a valid request. Release it in any case. */
errint_t engine_fill_record(struct seed_engine *engine, const char *name, const char *text,
			    struct seed_record *record) SEED_MUST_CHECK;

/* The newest of NAME. */
struct generation *engine_find(struct seed_engine *engine, const char *name);

/* ---- generation.c: its life and its name ---- */

/* A new generation of NAME; takes `record`'s contents. NULL without memory. */
struct generation *generation_new(struct seed_engine *engine, struct seed_record *record,
				  bool newest);
/* From an initialised generation: onto its way. */
void generation_begin(struct generation *generation);
/* Its entry was renamed. */
void generation_rename(struct generation *generation, const char *name);
/* NAME, which a failed retry has left, is that of its late task. */
void generation_inherit(struct generation *late, const struct generation *failed);
/* The late task's image is good first: waiters and name are its own from now on.
 * Returns whose they were, to be superseded, or NULL: it has them not. */
struct generation *generation_take_over(struct generation *late);
/* A newer text has taken the name. */
void generation_supersede(struct generation *generation, const char *by);
/* Given up without an outcome of its own (removed): waiters get `code`. */
void generation_abandon(struct generation *generation, int code);
/* Its outcome is known, and is being stored. */
bool generation_is_ending(const struct generation *generation);
/* The end of the row, on disk. */
void generation_finish(struct generation *generation);
/* The end without a further attempt. */
void generation_fail(struct generation *generation, const struct seed_error *error);
void generation_release_slot(struct generation *generation);
/* Waiters and tickets get `code`. */
void generation_answer(struct generation *generation, int code);
/* Callbacks that came meanwhile are looked at: it has ended, or is shelved. */
void generation_rerun_callbacks(struct generation *generation);
/* A disk step ended. */
void generation_step_done(struct generation *generation, enum disk_step step, errint_t err);
/* Frees a dead generation once nothing of it is under way. */
void generation_reap(struct generation *generation);
/* Where it is, in the journal's word for it: static. */
void generation_set_step(struct generation *generation, const char *step);
/* A line of the log about it, without keys and queries. */
void generation_log(struct generation *generation, const char *format, ...) SEED_PRINTF(2, 3);
/* The other generations of its name that are older: call until NULL. */
struct generation *generation_next_same(struct generation *generation);

/* ---- thumbs.c ---- */

/* NAME's image is in place: its thumbnail is made beside all else. */
void thumbs_make(struct seed_engine *engine, const char *name);
/* The image of a worker's job, where that is a thumbnail; else NULL. */
const char *thumbs_path(const struct seed_engine *engine, const void *job);
/* Who waits for one gets ESHUTDOWN. */
void thumbs_stop(struct seed_engine *engine);

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
/* Its submission did not get through: nobody submits for so long (< 0: a
 * back-off), and then one tries it for all. */
void queue_block(struct generation *generation, enum seed_failure failure,
		 const struct seed_error *error, int64_t delay_ms);
/* Its submission was answered, or is given up. */
void queue_answered(struct generation *generation, bool got_through);
/* The service refused the key for one: the others of the queue would only be
 * refused one by one. */
void queue_refuse(struct seed_engine *engine);
/* Starts what may start and ends what has waited too long; returns when to be
 * called again. */
int64_t queue_turn(struct seed_engine *engine, int64_t now_ms);

/* ---- attempts.c: submissions, and what a failure leads to ---- */

/* Out of the queue, with a slot. */
void attempt_start(struct generation *generation);
/* Whether its next submission begins an attempt (else the one that is open is
 * tried again). */
bool attempt_begins(const struct generation *generation);
struct seed_attempt *attempt_last(struct generation *generation); /* one must exist */
/* The journal says "submitting": now. */
void attempt_submit(struct generation *generation);
void attempt_announced(struct generation *generation, errint_t err);
/* A request, the task, the picture met a failure: the table of lib/engine/failure.h
 * decides. `delay_ms`: how long the service wants us to wait; < 0: it did not say. */
void attempt_failed(struct generation *generation, enum seed_failure failure,
		    const struct seed_error *error, int64_t delay_ms);
/* The end without a further attempt; one that is open ends with it. */
void attempt_end(struct generation *generation, const struct seed_error *error);
/* What `trouble` is until something else is known. */
void attempt_nothing_known(struct generation *generation);
/* Not accepted: back to the head of the queue. */
void attempt_requeue(struct generation *generation);
/* The submission under way was one for the budget, or was none. */
void attempt_settle_charge(struct generation *generation, bool counts);
/* The row of a late task is durable, or could not be written. */
void attempt_split_done(struct generation *late, errint_t err);
/* When a question that is wanted then is asked: one is kept for just before the
 * deadline. */
int64_t attempt_ask_at_ms(const struct generation *generation, int64_t wanted_ms);
/* A question that waits is asked at once. */
void attempt_wake(struct generation *generation);
/* A shelved task is wanted again: asked for at once, within a new deadline. */
void attempt_rearm(struct generation *generation);
/* Timers of all; returns when to be called again. */
int64_t generations_turn(struct seed_engine *engine, int64_t now_ms);

/* ---- verify.c: the picture ---- */

/* The image's bytes are in `fd` (taken; -1: to be drawn, or kept on disk). */
void generation_verify(struct generation *generation, int fd);
/* Something is lacking here: the work is kept and tried again. */
void generation_hold(struct generation *generation, int code, const char *what);

/* ---- resume.c ---- */

/* From the journal's row, onto its way again. */
void generation_resume(struct generation *generation);

/* ---- budget.c ---- */

void budget_load(struct seed_engine *engine);
/* One more submission; false: the day's budget is spent. *day is what to hand to
 * budget_return(). */
bool budget_take(struct seed_engine *engine, int64_t *day);
/* It was no submission. */
void budget_return(struct seed_engine *engine, int64_t day);
int64_t budget_left(struct seed_engine *engine); /* -1: not limited */

/* ---- reuse.c ---- */

/* NAME's own image is what the text asks for. */
bool reuse_is_made(struct seed_engine *engine, const char *name, const char *text);
/* Another name's is: the generation takes over its row's facts and copies it. */
void reuse_find(struct generation *generation);
/* The key under which a verified image's text and settings are found. */
uint64_t reuse_key(const struct seed_record *record);

/* ---- callbacks.c ---- */

/* The image that a callback named is not one: generates, or fails with ENODATA. */
void callback_not_adopted(struct generation *generation, const struct seed_error *error);
/* The end of a generation: what came for its name meanwhile is looked at again. */
void callbacks_rerun(struct seed_engine *engine, struct command *first);

/* ---- exchange.c ---- */

/* Builds task.stage's request; a service's id that we choose is then known. */
errint_t exchange_prepare(struct generation *generation) SEED_MUST_CHECK;
/* Sends it: as prepared for SEED_STAGE_SUBMIT, else prepared here. */
void exchange_send(struct generation *generation);
void exchange_fetch(struct generation *generation); /* task.image_url */
/* Asks for another image of the task than the one that `error` is about; false:
 * the service has no such request. */
bool exchange_other(struct generation *generation, const struct seed_error *error);
/* PHASE_POLL_WAIT, until the task is to be asked for by its age. */
void exchange_poll_later(struct generation *generation);
/* What the answers told goes into the row. */
errint_t exchange_note_task(struct generation *generation) SEED_MUST_CHECK;
/* The picture that came as bytes goes to disk. */
void exchange_keep(struct generation *generation);
/* Ends the transfer that is under way; its answer does not come any more. */
void exchange_stop(struct generation *generation);
/* Without the key and what a signed URL ends in. */
void exchange_scrub(const struct generation *generation, struct seed_error *error);
/* What the provider makes of an answer; `step` is initialised here. */
void exchange_read(const struct seed_engine *engine, const struct seed_params *params,
		   struct seed_task *task, const struct seed_net_answer *answer,
		   struct seed_step *step);
/* One request, with the key where its host is the API's own. */
errint_t exchange_transfer(struct seed_engine *engine, const struct seed_request *request,
			   int64_t deadline_ms, seed_net_done_fn *done, void *context,
			   struct seed_transfer **transfer) SEED_MUST_CHECK;

/* ---- progress.c ---- */

/* 0 to 1: as the service told it, else guessed (*estimated) from how long others
 * took, else 0. */
double progress_of(const struct generation *generation, int64_t now_ms, bool *estimated);
/* What an answer told, or did not. */
void progress_note(struct generation *generation, const struct seed_step *step);
/* Forgets it: back in the queue or failed (0), or the end (1: there is an image). */
void progress_reset(struct generation *generation, double progress);
/* Looks if it is time to; returns when to be called again. */
int64_t progress_turn(struct generation *generation, int64_t now_ms);
/* PHASE_CHECK if this service is to be asked; false: it is not. */
bool progress_check(struct generation *generation);
/* Ends a look that is under way. */
void progress_stop(struct generation *generation);

/* ---- cancel.c ---- */

/* Tells the service to stop, where it can be told; nobody waits for it. */
void cancel_at_service(struct generation *generation);
void cancels_free(struct seed_engine *engine);

/* ---- disk_steps.c ---- */

/* Starts a step, or notes it until the one under way has ended. */
void disk_step(struct generation *generation, enum disk_step step);
/* The gate is open again: starts what was noted. */
void disk_step_resume(struct generation *generation);

/* ---- changes.c ---- */

/* Starts what has waited for a rename or for the disk threads. */
void changes_turn(struct seed_engine *engine);
/* The request's text is that of NAME's image: only prompts/NAME and its time are
 * written, and then the request is answered. */
void changes_keep_prompt(struct seed_engine *engine, struct request *request);

/* ---- waiting.c ---- */

void wait_add(struct generation *generation, struct seed_wait *wait);
void wait_finish(struct seed_engine *engine, struct seed_wait *wait, int code);
void waits_finish(struct generation *generation, int code);  /* all */
void waits_begun(struct generation *generation);             /* those content with a beginning */
void waits_look(struct seed_engine *engine, int64_t now_ms); /* signals */

#endif
