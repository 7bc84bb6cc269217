/*
 * The engine: one thread that owns every generation from the committed prompt
 * to the verified image. Callers hand it commands and are called back; no
 * call here waits for a network, a disk or a generation.
 *
 * A caller that must know an outcome passes a struct seed_wait; its `done` runs
 * on the engine's thread, exactly once. Thousands may wait: each costs its
 * structure and nothing else.
 */
#ifndef SEED_ENGINE_H
#define SEED_ENGINE_H

#include <stdatomic.h>

#include "lib/base/base.h"
#include "lib/net/key.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/record/params.h"
#include "lib/provider/provider.h"
#include "lib/store/store.h"

struct seed_engine;
struct seed_engine_store;
struct generation;

struct seed_engine_config {
	const struct seed_provider *provider;
	struct seed_provider_config service;
	const struct seed_params *params; /* of the mount, shared; a JSON request overrides them */
	int retry_steps;
	double retry_cfg_scale;
	double max_upscale;
	int64_t timeout_ms;          /* of one attempt */
	int jobs;                    /* at the service at once */
	int adoptions;               /* callbacks' images that are looked at at once */
	int rate_count, rate_seconds;
	int64_t budget;              /* submissions in a UTC day; 0: not limited */
	bool reuse;                  /* a text that has a verified image already is answered with it */
	bool metadata;               /* text chunks in the image */
	const char *worker_program;  /* lib/worker/worker.h */
	int workers;
	const struct seed_engine_store *shared; /* lib/engine/shared.h; NULL: this host alone */
};

/* The outcome of one committed text, shared between the handles that
 * committed it and the engine. */
struct seed_ticket {
	atomic_int refs;
	/* Set before it is handed over. */
	int64_t uid;                   /* who wrote the text, -1: not known */
	struct timespec prompt_time;   /* that prompts/NAME gets; tv_nsec UTIME_OMIT: now */
	bool unless_made;              /* no generation if NAME's image was already made from this
					  text, under the same settings (a file that is synced or
					  saved again); EDQUOT if the budget is used up */
	bool made_file;                /* prompts/NAME is there, empty, only for this text: a beginning
					  that fails leaves nothing */
	atomic_int outcome;            /* SEED_OUTCOME_UNKNOWN, 0 or a positive errno */
	struct generation *generation; /* the engine's own, like the next two */
	struct seed_ticket *next;
	struct seed_wait *early;       /* it came before it was known what answers it */
};
#define SEED_OUTCOME_UNKNOWN (-1)

struct seed_ticket *seed_ticket_new(void); /* one reference; NULL without memory */
struct seed_ticket *seed_ticket_ref(struct seed_ticket *ticket);
void seed_ticket_unref(struct seed_ticket *ticket); /* NULL is allowed */

/* Zeroed by the caller before its own fields are set. */
struct seed_wait {
	/* The caller's. */
	void (*done)(struct seed_wait *wait, int code); /* 0 or a positive errno; owns `wait` again */
	struct seed_process process; /* who waits: its signals are looked at after an interrupt */
	struct seed_engine *engine; /* for seed_engine_interrupt(), which may come at once */
	bool until_begun; /* answered as soon as the prompt is on disk */
	/* Set by seed_engine_interrupt(). */
	atomic_bool interrupted;
	/* The engine's. */
	struct seed_wait *next, **link;         /* of who will answer it */
	struct seed_wait *next_all, **link_all; /* all that wait */
	bool watched;
};

/* Everything but `config` and its strings is borrowed until the engine is
 * freed; the engine takes `key`. Reads the journal and takes up what is in
 * flight (nothing is sent before seed_engine_start). Blocks. Its disk threads run already, so
 * seed_store_tell() comes first. */
errint_t seed_engine_new(const struct seed_engine_config *config, struct seed_store *store,
			 struct seed_log *log, struct seed_key *key, struct seed_engine **engine,
			 struct seed_error *error) SEED_MUST_CHECK;

errint_t seed_engine_start(struct seed_engine *engine) SEED_MUST_CHECK;

/* Every waiter gets ESHUTDOWN at once. A submission that is under way gets half a
 * second for its answer; tasks go on at the next mount. Joins the thread. */
void seed_engine_stop(struct seed_engine *engine);
void seed_engine_free(struct seed_engine *engine); /* after stop, or never started; NULL allowed */

/* ---- commands; any thread, none blocks ---- */

/* Text was committed to NAME. Takes ownership of `text` (malloc'd, checked by
 * seed_text_check, not white). `wait` may be NULL. The ticket gets the
 * outcome; the caller keeps its own reference. -ENOMEM: nothing was done. */
errint_t seed_engine_commit(struct seed_engine *engine, const char *name, char *text,
			    struct seed_ticket *ticket, struct seed_wait *wait) SEED_MUST_CHECK;

/* A webhook's body was written for NAME (`man seed`); as above. */
errint_t seed_engine_callback(struct seed_engine *engine, const char *name, char *body,
			      struct seed_ticket *ticket, struct seed_wait *wait) SEED_MUST_CHECK;

/* Waits for a ticket's outcome, or for NAME's newest generation. If nothing is in
 * flight: 0, or the errno of the catalogue's error. */
errint_t seed_engine_wait_ticket(struct seed_engine *engine, struct seed_ticket *ticket,
				 struct seed_wait *wait) SEED_MUST_CHECK;
errint_t seed_engine_wait_name(struct seed_engine *engine, const char *name,
			       struct seed_wait *wait) SEED_MUST_CHECK;

/* Cancels what runs for NAME and removes the prompt; `wait` gets 0 or ENOENT …. */
errint_t seed_engine_remove(struct seed_engine *engine, const char *name,
			    struct seed_wait *wait) SEED_MUST_CHECK;

/* prompts/FROM becomes prompts/TO, with image, row and history, or the folder
 * does in every area; what is in flight goes on under the new name. `wait` gets
 * 0, ENOENT, ENOTEMPTY …. */
errint_t seed_engine_rename(struct seed_engine *engine, const char *from, const char *to,
			    bool folder, struct seed_wait *wait) SEED_MUST_CHECK;

/* history/VERSION ("NAME/0001.png") becomes NAME's image; `wait` gets 0, ENOENT,
 * EBUSY (NAME is being generated) …. */
errint_t seed_engine_restore(struct seed_engine *engine, const char *version, const char *name,
			     struct seed_wait *wait) SEED_MUST_CHECK;

/* Removes the folder in an area, if it is empty; a folder of prompts/ also in the other
 * areas where it is empty. `wait` gets 0, ENOENT, ENOTEMPTY …. */
errint_t seed_engine_remove_folder(struct seed_engine *engine, enum seed_area area,
				   const char *path, struct seed_wait *wait) SEED_MUST_CHECK;

/* prompts/NAME gets this time, in order with what is committed to it; `wait` may be
 * NULL. */
errint_t seed_engine_set_time(struct seed_engine *engine, const char *name, struct timespec time,
			      struct seed_wait *wait) SEED_MUST_CHECK;

/* prompts/NAME was made and not written: removes it if it is still empty. */
errint_t seed_engine_remove_empty(struct seed_engine *engine, const char *name) SEED_MUST_CHECK;

/* Makes the folder below prompts/ and in the other areas, durably; `wait` gets 0,
 * EEXIST …. */
errint_t seed_engine_make_folder(struct seed_engine *engine, const char *path,
				 struct seed_wait *wait) SEED_MUST_CHECK;

/* Removes NAME's image, its record or a version of its history, in order with
 * what else is under way for NAME; `path` is below the area. `wait` gets 0,
 * ENOENT …. */
errint_t seed_engine_remove_file(struct seed_engine *engine, enum seed_area area, const char *path,
				 const char *name, struct seed_wait *wait) SEED_MUST_CHECK;

/* A worker makes the thumbnail of an image or a version, if it is missing
 * (lib/store/store.h); `path` is below the area. `wait` gets 0, ENOENT …. */
errint_t seed_engine_thumb(struct seed_engine *engine, enum seed_area area, const char *path,
			   struct seed_wait *wait) SEED_MUST_CHECK;

/* Where hosts share a catalogue: what the store has of NAME, or of what is below the folder
 * (path "": of all), is shown from now on, unless that was looked at within a second; else `wait`
 * gets 0 at once. EHOSTUNREACH …: the store is away, and what is here is shown as it was. */
errint_t seed_engine_refresh(struct seed_engine *engine, const char *name,
			     struct seed_wait *wait) SEED_MUST_CHECK;
errint_t seed_engine_refresh_folder(struct seed_engine *engine, const char *path,
				    struct seed_wait *wait) SEED_MUST_CHECK;
/* So, with what the gallery shows. */
errint_t seed_engine_refresh_all(struct seed_engine *engine, struct seed_wait *wait) SEED_MUST_CHECK;

/* The image at `path` below an area is a placeholder (lib/store/store.h): its bytes are brought
 * here, or, for `thumb`, its thumbnail if there is one. `wait` gets 0, EIO (the store has others, or none), EHOSTUNREACH …. */
errint_t seed_engine_fetch(struct seed_engine *engine, enum seed_area area, const char *path,
			   bool thumb, struct seed_wait *wait) SEED_MUST_CHECK;

/* A signal came to a waiter: its process is looked at, and if it is ending, the
 * wait ends with EINTR. May be called with libfuse's request lock held. */
void seed_engine_interrupt(struct seed_wait *wait);

/* What is known before a text is committed: 0, or EDQUOT if the day's budget
 * is used up and nothing can be free (reuse): then the commit says so. Any thread; no lock. */
int seed_engine_admission(struct seed_engine *engine);

/* The text of `queue`, `metrics` or `gallery.json` as things stand: *text is malloc'd and the
 * caller's once `wait` got 0. */
enum seed_report { SEED_REPORT_QUEUE, SEED_REPORT_METRICS, SEED_REPORT_GALLERY, SEED_REPORT_COUNT };
errint_t seed_engine_report(struct seed_engine *engine, enum seed_report kind, char **text,
			    struct seed_wait *wait) SEED_MUST_CHECK;

/* A new key (SIGHUP); takes ownership. */
errint_t seed_engine_set_key(struct seed_engine *engine, struct seed_key *key) SEED_MUST_CHECK;

#endif
