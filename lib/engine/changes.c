/*
 * Commands that change names in the catalogue, in order with the generations.
 *
 * What concerns one NAME (a removal, a restored version) is a job on the
 * name's lane. A rename, or the removal of a folder, concerns many names and
 * several lanes. So the gate is closed, the change runs once no disk thread has work,
 * and what the generations want to write meanwhile is noted until the gate opens. Leases are
 * renewed all the same: a store may take longer over a folder than a lease lasts.
 */
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/engine/internal.h"
#include "lib/image/png_chunks.h"

struct change;

struct kind {
	bool alone; /* behind the gate */
	/* What the store is asked first, where hosts share one. NULL: nothing. */
	void (*ask)(struct change *change, struct seed_share_request *request);
	/* On a disk thread, before that: whether it may be. NULL: it may. */
	errint_t (*may)(struct seed_engine *engine, struct change *change);
	bool to_the_end; /* whoever waits does so until it is over, whatever the store does */
	bool asks_last; /* it is asked once the files here allow the change */
	bool needs;     /* what it does not know is not changed here either */
	/* On the engine's thread, when it begins. An error: it does not. NULL: nothing. */
	errint_t (*start)(struct seed_engine *engine, struct change *change);
	errint_t (*run)(struct seed_engine *engine, struct change *change); /* on a disk thread */
	/* Back on the engine's thread, before the answer. NULL: nothing. */
	void (*ended)(struct seed_engine *engine, struct change *change);
};

struct change {
	struct seed_disk_job disk;
	struct command command; /* first the order, then the report */
	struct change *next;    /* waits for the gate */
	struct seed_engine *engine;
	struct seed_wait *wait;
	const struct kind *kind;
	char *name;             /* or the rename's from, or the path of a version or file */
	char *to;
	enum seed_area area;    /* of a file that is removed */
	struct timespec time;   /* of a prompt */
	bool folder;
	bool absent; /* the store knows no such name */
	uint64_t order; /* a generation with a greater one is newer */
	struct request *request;      /* what is looked at for it */
	errint_t (*look)(struct seed_engine *engine, struct request *request);
	void (*looked)(struct seed_engine *engine, struct request *request, errint_t err);
	struct seed_record cancelled; /* the row of what was running; id NULL: nothing was */
	errint_t err;
	struct shared_change shared;  /* where hosts share the catalogue */
};

static struct change *change_of(struct command *command)
{
	return (struct change *)((char *)command - offsetof(struct change, command));
}

static void change_free(struct change *change)
{
	seed_record_release(&change->cancelled);
	shared_change_release(&change->shared);
	free(change->name);
	free(change->to);
	free(change);
}

static void change_reply(struct seed_engine *engine, struct change *change)
{
	if (change->wait)
		wait_finish(engine, change->wait, -change->err);
	if (change->request)
		request_refuse(engine, change->request, -change->err);
	change_free(change);
}

/* Whose entry it changes. */
static const char *subject(const struct change *change)
{
	return change->request ? change->request->name : change->to ? change->to : change->name;
}

static void on_disk(struct seed_disk_job *disk)
{
	struct change *change = (struct change *)disk;

	change->err = change->kind->run(change->engine, change);
	/* The store has it so, whatever was here. */
	if (change->shared.entry)
		change->err = shared_mirror(change->engine, subject(change), change->shared.entry);
	engine_post(change->engine, &change->command);
}

static void change_over(struct seed_engine *engine, struct change *change)
{
	bool alone = change->kind->alone;

	engine->steps_running--;
	if (change->kind->ended)
		change->kind->ended(engine, change);
	if (alone)
		engine->gate_closed = false;
	change_reply(engine, change);
	if (!alone)
		return;
	for (struct generation *g = engine->generations; g; g = g->next)
		disk_step_resume(g);
}

/* What the store does not know of may be here: a file that nobody has written yet. */
static void take_answer(struct change *change)
{
	struct seed_engine *engine = change->engine;

	change->err = change->shared.err;
	change->absent = change->err == -ENOENT;
	if (change->absent && !change->kind->needs)
		change->err = 0;
	/* What was shown was older than that; or the files here have changed, and the store has not. */
	if (change->shared.err)
		refresh_forget(engine, subject(change));
	if (change->shared.err && change->to)
		refresh_forget(engine, change->name);
}

static void on_store_last(struct shared_change *shared)
{
	struct change *change = (struct change *)((char *)shared - offsetof(struct change, shared));

	take_answer(change);
	change_over(shared->engine, change);
}

static void ask(struct seed_engine *engine, struct change *change,
		void (*done)(struct shared_change *))
{
	struct seed_share_request request = { .name = subject(change), .lease = LEASE_LOST };

	shared_change_begin(&change->shared, engine, done);
	change->kind->ask(change, &request);
}

static bool is_shared(const struct seed_engine *engine, const struct change *change)
{
	return engine->shared && change->kind->ask;
}

static void change_ended(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);

	if (is_shared(engine, change) && change->kind->asks_last && !change->err)
		ask(engine, change, on_store_last);
	else
		change_over(engine, change);
}

static void to_disk(struct seed_engine *engine, struct change *change)
{
	/* The engine has stopped: nothing is begun any more. */
	if (!engine->disk && !change->err)
		change->err = -ESHUTDOWN;
	change->disk.run = on_disk;
	change->command.run = change_ended;
	if (change->err)
		engine_post(engine, &change->command);
	else
		seed_disk_submit(engine->disk, seed_disk_lane(subject(change)), &change->disk);
}

static void on_store(struct shared_change *shared)
{
	struct change *change = (struct change *)((char *)shared - offsetof(struct change, shared));

	take_answer(change);
	to_disk(shared->engine, change);
}

static void may_on_disk(struct seed_disk_job *disk)
{
	struct change *change = (struct change *)disk;

	change->err = change->kind->may(change->engine, change);
	engine_post(change->engine, &change->command);
}

static void may_ended(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);

	if (change->err)
		to_disk(engine, change);
	else
		ask(engine, change, on_store);
}

static void change_run(struct seed_engine *engine, struct change *change)
{
	engine->steps_running++;
	if (is_shared(engine, change) && change->kind->may && engine->disk) {
		change->disk.run = may_on_disk;
		change->command.run = may_ended;
		seed_disk_submit(engine->disk, seed_disk_lane(subject(change)), &change->disk);
	} else if (is_shared(engine, change) && !change->kind->asks_last)
		ask(engine, change, on_store);
	else
		to_disk(engine, change);
}

static void close_gate(struct seed_engine *engine, struct change *change)
{
	engine->gate_closed = true;
	change->next = engine->changes_first;
	engine->changes_first = change;
	if (!change->next)
		engine->changes_last = &change->next;
}

static void change_begin(struct seed_engine *engine, struct change *change)
{
	change->order = ++engine->last_order;
	if (change->kind->start)
		change->err = change->kind->start(engine, change);
	if (change->err)
		change_reply(engine, change);
	else if (change->kind->alone)
		close_gate(engine, change);
	else
		change_run(engine, change);
}

/* The store may take its time. The change goes on, and its end is nobody's. */
static void let_signals_end(struct seed_engine *engine, struct change *change)
{
	if (is_shared(engine, change) && change->wait && !change->kind->to_the_end)
		wait_hold(engine, &change->wait, change->wait);
}

/* Begins at once, or after the rename that is under way. */
static void change_arrived(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);

	let_signals_end(engine, change);
	if (!engine->gate_closed) {
		change_begin(engine, change);
		return;
	}
	change->next = NULL;
	*engine->changes_last = change;
	engine->changes_last = &change->next;
}

/* ---- removal ---- */

/* What runs for `name` must give it up once `change` is on disk, and not before. */
static void leave(struct seed_engine *engine, const char *name)
{
	for (struct generation *g = engine_find(engine, name); g; g = generation_next_same(g))
		g->leaving++;
}

/* Another host has renamed what it generates, and something else had the name: that was changed. */
static bool is_elsewhere(const struct change *change, const struct generation *generation)
{
	const char *json = change->shared.entry;
	struct seed_share_entry entry;
	bool is;

	if (!json)
		return false;
	is = seed_share_parse(json, strlen(json), generation->record.name, &entry) == 0 &&
	     shared_went_to(generation, &entry);
	seed_share_release(&entry);
	return is;
}

/* Where other hosts have done something to its name, it finds out now. */
static void stay(struct generation *generation)
{
	if (generation->renew_ms)
		generation->renew_ms = seed_clock_now_ms();
	timers_touch(generation);
	disk_step_resume(generation);
}

/* The change is on disk, or has failed. What was written to the name since stays. */
static void left(struct seed_engine *engine, struct change *change, const char *name,
		 void (*go)(struct generation *))
{
	struct generation *g = engine_find(engine, name), *next;

	for (; g; g = next) {
		next = generation_next_same(g);
		if (!g->leaving || g->order > change->order)
			continue;
		/* Another of them may still be on its way. */
		g->leaving--;
		if (change->err || is_elsewhere(change, g))
			stay(g);
		else
			go(g);
	}
}

static void cancel(struct generation *generation)
{
	const struct event removed = { .kind = EVENT_REMOVED };

	/* A verified image may be in place already: it is the row's turn, and it has
	 * no prompt any more that a start could miss. */
	if (generation->record.state == SEED_STATE_VERIFIED) {
		generation->record.request[0] = '\0';
		disk_step_resume(generation);
		return;
	}
	generation_log(generation, SEED_LOG_IMAGE "Cancelled: the prompt was removed");
	generation->engine->metrics.cancelled++;
	machine_deliver(generation, &removed);
}

/* Removes first the prompt, then (next on the lane) the journal's rows. A stop between
 * the two finds tasks whose prompt is gone, and drops them. */
static void remove_ended(struct seed_engine *engine, struct change *change)
{
	left(engine, change, change->name, cancel);
}

/* Its row says from here on that it was cancelled: nothing else writes to it
 * while the prompt is being removed. */
static errint_t start_remove(struct seed_engine *engine, struct change *change)
{
	struct generation *newest = engine_find(engine, change->name);
	struct seed_error removed;

	seed_error_set(&removed, ECANCELED, "the prompt was removed");
	leave(engine, change->name);
	/* Without memory the row says less; the prompt goes all the same. */
	if (newest && seed_record_copy(&change->cancelled, &newest->record) == 0) {
		change->cancelled.state = SEED_STATE_CANCELLED;
		seed_error_keep(&change->cancelled.error, &removed);
	} else {
		seed_record_release(&change->cancelled);
	}
	return 0;
}

/* Empty, and nobody has written it yet. */
static bool is_blank(struct seed_engine *engine, const char *name)
{
	char *text = NULL;
	size_t len = 0;
	bool blank = !seed_store_has_image(engine->store, name) &&
		     seed_store_prompt_read(engine->store, name, &text, &len) == 0 &&
		     seed_text_trimmed(text, len) == 0;

	free(text);
	return blank;
}

static errint_t remove_on_disk(struct seed_engine *engine, struct change *change)
{
	if (change->absent && !is_blank(engine, change->name))
		return -ENOENT;
	return seed_store_remove_prompt(engine->store, change->name,
					change->cancelled.id ? &change->cancelled : NULL);
}

static void ask_remove(struct change *change, struct seed_share_request *request)
{
	request->verb = SEED_SHARE_REMOVE_PROMPT;
	shared_change_ask(&change->shared, request);
}

static const struct kind removal = {
	.ask = ask_remove,
	.start = start_remove, .run = remove_on_disk, .ended = remove_ended,
};

/* ---- a version made current again ---- */

static void supersede(struct generation *generation, const char *by)
{
	const struct event event = { .kind = EVENT_SUPERSEDED, .by = by };

	machine_deliver(generation, &event);
}

static void give_way(struct generation *generation)
{
	supersede(generation, "a restored image");
}

static errint_t start_restore(struct seed_engine *engine, struct change *change)
{
	struct generation *running = engine_find(engine, change->to);

	/* The newer prompt's image would be hidden behind the old one. */
	if (running && !running->shelved)
		return -EBUSY;
	leave(engine, change->to);
	return 0;
}

/* Its checksums: nothing is unpacked outside a worker. */
static bool is_whole_png(const void *data, size_t bytes)
{
	struct seed_png_layout layout;
	struct seed_error error;

	return bytes > SEED_PNG_SIGNATURE_BYTES && seed_png_walk(data, bytes, &layout, &error) == 0;
}

static errint_t restore_on_disk(struct seed_engine *engine, struct change *change)
{
	errint_t err = seed_store_restore(engine->store, change->name, change->to, is_whole_png);

	if (!err)
		SEED_UNUSED(seed_store_reuse_follow(engine->store, change->to, change->to, false, reuse_key,
						    engine->config.reuse) == 0);
	return err;
}

static void restore_ended(struct seed_engine *engine, struct change *change)
{
	if (!change->err)
		seed_log_line(engine->log, change->to, SEED_LOG_IMAGE "Restored from history/%s",
			      change->name);
	left(engine, change, change->to, give_way);
}

/* Of "NAME/0001.png". */
static int number_of(const char *version)
{
	const char *slash = strrchr(version, '/');

	return slash ? (int)strtol(slash + 1, NULL, 10) : 0;
}

static void ask_restore(struct change *change, struct seed_share_request *request)
{
	request->verb = SEED_SHARE_RESTORE;
	request->number = number_of(change->name);
	shared_change_ask(&change->shared, request);
}

static const struct kind restoring = {
	.ask = ask_restore, .needs = true,
	.start = start_restore, .run = restore_on_disk, .ended = restore_ended,
};

/* ---- an image, a record or a version removed ---- */

static errint_t drop_on_disk(struct seed_engine *engine, struct change *change)
{
	return seed_store_remove_file(engine->store, change->area, change->name);
}

static void ask_drop(struct change *change, struct seed_share_request *request)
{
	request->verb = change->area == SEED_AREA_HISTORY ? SEED_SHARE_REMOVE_VERSION :
			change->area == SEED_AREA_IMAGES ? SEED_SHARE_REMOVE_IMAGE :
							   SEED_SHARE_REMOVE_RECORD;
	request->number = number_of(change->name);
	shared_change_ask(&change->shared, request);
}

static const struct kind dropping = { .ask = ask_drop, .run = drop_on_disk };

/* ---- a look at the files of a name ---- */

static errint_t look_on_disk(struct seed_engine *engine, struct change *change)
{
	return change->look(engine, change->request);
}

static void look_ended(struct seed_engine *engine, struct change *change)
{
	struct request *request = change->request;

	change->request = NULL; /* its answer is not this one's */
	change->looked(engine, request, change->err);
}

static const struct kind looking = { .run = look_on_disk, .ended = look_ended };

static void look_with(struct seed_engine *engine, struct request *request, const struct kind *kind,
		      errint_t (*look)(struct seed_engine *, struct request *),
		      void (*looked)(struct seed_engine *, struct request *, errint_t))
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change) {
		request_refuse(engine, request, ENOMEM);
		return;
	}
	change->engine = engine;
	change->request = request;
	change->look = look;
	change->looked = looked;
	change->kind = kind;
	if (request->wait) /* a signal ends it meanwhile, too */
		wait_hold(engine, &request->wait, request->wait);
	change_arrived(engine, &change->command);
}

void changes_look(struct seed_engine *engine, struct request *request,
		  errint_t (*look)(struct seed_engine *, struct request *),
		  void (*looked)(struct seed_engine *, struct request *, errint_t))
{
	look_with(engine, request, &looking, look, looked);
}

/* ---- a text that was generated already becomes the prompt ---- */

static errint_t show_on_disk(struct seed_engine *engine, struct change *change)
{
	SEED_UNUSED(engine);
	SEED_UNUSED(change);
	return 0; /* the store's answer is shown */
}

static void ask_show(struct change *change, struct seed_share_request *request)
{
	const struct seed_ticket *ticket = change->request->ticket;

	request->verb = SEED_SHARE_SET_PROMPT;
	request->other = change->request->text;
	request->id = change->request->sum;
	request->time = ticket ? ticket->prompt_time : (struct timespec){ .tv_nsec = UTIME_OMIT };
	shared_change_ask(&change->shared, request);
}

static const struct kind showing = {
	.ask = ask_show, .needs = true, .run = show_on_disk, .ended = look_ended,
};

void changes_show(struct seed_engine *engine, struct request *request,
		  void (*looked)(struct seed_engine *, struct request *, errint_t))
{
	look_with(engine, request, &showing, NULL, looked);
}

/* ---- a prompt's time ---- */

static errint_t start_set_time(struct seed_engine *engine, struct change *change)
{
	struct generation *newest = engine_find(engine, change->name);

	if (newest) /* its text may be written once more */
		newest->record.prompt_time = change->time;
	return 0;
}

static errint_t set_time_on_disk(struct seed_engine *engine, struct change *change)
{
	return seed_store_prompt_time(engine->store, change->name, change->time);
}

static void ask_set_time(struct change *change, struct seed_share_request *request)
{
	request->verb = SEED_SHARE_SET_TIME;
	request->time = change->time;
	shared_change_ask(&change->shared, request);
}

static const struct kind timing = { .ask = ask_set_time, .start = start_set_time, .run = set_time_on_disk };

/* ---- an empty prompt that nobody wrote ---- */

static errint_t drop_empty_on_disk(struct seed_engine *engine, struct change *change)
{
	return seed_store_remove_empty(engine->store, change->name);
}

static const struct kind dropping_empty = { .run = drop_empty_on_disk };

/* ---- a folder made, removed ---- */

static errint_t make_folder_on_disk(struct seed_engine *engine, struct change *change)
{
	return seed_store_make_folder(engine->store, change->name);
}

static void ask_make_folder(struct change *change, struct seed_share_request *request)
{
	request->verb = SEED_SHARE_MAKE_FOLDER;
	shared_change_ask(&change->shared, request);
}

static const struct kind making_folder = { .ask = ask_make_folder, .run = make_folder_on_disk };

static errint_t remove_folder_on_disk(struct seed_engine *engine, struct change *change)
{
	return seed_store_remove_folder(engine->store, change->area, change->name);
}

/* Other areas have no folders of their own. */
static void ask_remove_folder(struct change *change, struct seed_share_request *request)
{
	request->verb = change->area == SEED_AREA_PROMPTS ? SEED_SHARE_REMOVE_FOLDER : SEED_SHARE_READ;
	shared_change_ask(&change->shared, request);
}

static const struct kind removing_folder = {
	.ask = ask_remove_folder, .asks_last = true, .alone = true, .run = remove_folder_on_disk,
};

/* ---- rename ---- */

/* What other hosts have taken away from there does not move. */
static void forget_gone(struct seed_engine *engine, const struct shared_change *shared)
{
	for (size_t i = 0; i < shared->count; i++)
		if (shared->gone[i])
			SEED_UNUSED(shared_mirror(engine, shared->names[i], shared->gone[i]) == 0);
}

/* A text whose image is not found under its new name would be paid for again. In a farm the store has moved it
 * already. */
static errint_t move_on_disk(struct seed_engine *engine, struct change *change)
{
	errint_t err;

	forget_gone(engine, &change->shared);
	if (change->absent && (change->folder || !is_blank(engine, change->name)))
		return -ENOENT;
	err = seed_store_reuse_follow(engine->store, change->name, change->to, change->folder, reuse_key,
				      engine->config.reuse);
	if (engine->config.reuse && !engine->shared && reuse_is_lack(err))
		return err;
	return change->folder ? seed_store_move_folder(engine->store, change->name, change->to) :
				seed_store_move_entry(engine->store, change->name, change->to);
}

static errint_t may_move(struct seed_engine *engine, struct change *change)
{
	return change->folder ? seed_store_may_move_folder(engine->store, change->name, change->to) : 0;
}

static void rename_generations(struct seed_engine *engine, const struct change *change)
{
	char name[SEED_STORE_PATH_BYTES];
	struct generation *next;

	for (struct generation *g = engine->generations; g; g = g->next)
		shared_change_follow(&change->shared, g);
	for (struct generation *g = engine->generations; g; g = next) {
		next = g->next;
		if (!generation_is_over(g) && seed_store_renamed(g->record.name, change->name, change->to,
						   change->folder, name))
			generation_rename(g, name);
	}
}

/* What ran for the target's name gives way to what was renamed to it. What was
 * written to that name since is newer than both. */
static void supersede_target(struct seed_engine *engine, const struct change *change)
{
	struct generation *next;

	for (struct generation *g = engine_find(engine, change->to); g; g = next) {
		next = generation_next_same(g);
		if (g->order < change->order)
			supersede(g, "a renamed prompt");
	}
}

/* A look between the store's change and this one has made the files here what the store has, and
 * then they were moved, too. */
static void look_again(struct seed_engine *engine, const struct change *change)
{
	const struct shared_change *shared = &change->shared;
	char name[SEED_STORE_PATH_BYTES];

	for (size_t i = 0; i < shared->count; i++) {
		refresh_forget(engine, shared->names[i]);
		if (seed_store_renamed(shared->names[i], change->name, change->to, change->folder, name))
			refresh_forget(engine, name);
	}
}

/* Then the files here follow, when they are looked at: a look at the old name may have made it what the
 * store says, so that nothing is left here to move; and what is in the way here, such as an image whose
 * prompt was removed, is in the history there. */
static bool happened_at_store(const struct change *change)
{
	for (size_t i = 0; i < change->shared.count; i++)
		if (change->shared.left[i].serial)
			return true;
	return false;
}

static void move_ended(struct seed_engine *engine, struct change *change)
{
	if (engine->shared)
		look_again(engine, change);
	if (!change->shared.err && happened_at_store(change))
		change->err = 0;
	if (change->err)
		return;
	if (!change->folder)
		supersede_target(engine, change);
	rename_generations(engine, change);
	seed_log_line(engine->log, change->to, SEED_LOG_IMAGE "Renamed from %s", change->name);
}

static void ask_move(struct change *change, struct seed_share_request *request)
{
	SEED_UNUSED(request);
	shared_change_rename(&change->shared, change->name, change->to, change->folder);
}

/* The names of open files follow it at its end: who is answered before has both. */
static const struct kind moving = {
	.ask = ask_move, .may = may_move, .alone = true, .to_the_end = true,
	.run = move_on_disk, .ended = move_ended,
};

/* ---- those that wait ---- */

/* The gate was closed for the first of the list, or was opened, since changes_turn(): by an answer
 * of the store. */
bool changes_are_due(const struct seed_engine *engine)
{
	return engine->changes_first && !(engine->gate_closed && engine->steps_running > engine->steps_beside);
}

/* The gate was closed for the first of the list; it runs alone. */
void changes_turn(struct seed_engine *engine)
{
	while (engine->changes_first) {
		struct change *change = engine->changes_first;

		if (engine->gate_closed && engine->steps_running > engine->steps_beside)
			return;
		engine->changes_first = change->next;
		if (!engine->changes_first)
			engine->changes_last = &engine->changes_first;
		if (engine->gate_closed) {
			change_run(engine, change);
			return;
		}
		change_begin(engine, change);
	}
}

void changes_stop(struct seed_engine *engine)
{
	struct change *change, *next;

	for (change = engine->changes_first; change; change = next) {
		next = change->next;
		change->err = -ESHUTDOWN;
		change_reply(engine, change);
	}
	engine->changes_first = NULL;
	engine->changes_last = &engine->changes_first;
}

/* ---- orders ---- */

static struct change *change_new(struct seed_engine *engine, const struct kind *kind,
				 const char *name, const char *to, struct seed_wait *wait)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	change->name = strdup(name);
	change->to = to ? strdup(to) : NULL;
	if (!change->name || (to && !change->to)) {
		change_free(change);
		return NULL;
	}
	change->engine = engine;
	change->kind = kind;
	change->wait = wait;
	return change;
}

static void look_at_target(struct seed_engine *engine, void *context, errint_t err);
static void looked_below(struct seed_engine *engine, void *context, errint_t err);

static void look_below(struct change *change, const char *path,
		       void (*done)(struct seed_engine *, void *, errint_t))
{
	errint_t err = folder_look_below(change->engine, path, done, change);

	if (err)
		looked_below(change->engine, change, err);
}

static void looked_below(struct seed_engine *engine, void *context, errint_t err)
{
	struct change *change = context;

	change->err = err;
	if (err)
		change_reply(engine, change);
	else
		change_arrived(engine, &change->command);
}

static void look_at_target(struct seed_engine *engine, void *context, errint_t err)
{
	struct change *change = context;

	if (err || !change->to)
		looked_below(engine, change, err);
	else
		look_below(change, change->to, looked_below);
}

/* Whether a folder is empty, and all that is renamed with it, is for the store to say. */
static void folder_ordered(struct seed_engine *engine, struct command *command)
{
	struct change *change = change_of(command);

	if (engine->shared)
		look_below(change, change->name, look_at_target);
	else
		change_arrived(engine, command);
}

static errint_t order(struct seed_engine *engine, struct change *change)
{
	if (!change)
		return -ENOMEM;
	change->command.run = change->folder ? folder_ordered : change_arrived;
	engine_post(engine, &change->command);
	return 0;
}

errint_t seed_engine_remove(struct seed_engine *engine, const char *name, struct seed_wait *wait)
{
	return order(engine, change_new(engine, &removal, name, NULL, wait));
}

errint_t seed_engine_restore(struct seed_engine *engine, const char *version, const char *name,
			     struct seed_wait *wait)
{
	return order(engine, change_new(engine, &restoring, version, name, wait));
}

errint_t seed_engine_rename(struct seed_engine *engine, const char *from, const char *to,
			    bool folder, struct seed_wait *wait)
{
	struct change *change = change_new(engine, &moving, from, to, wait);

	if (change)
		change->folder = folder;
	return order(engine, change);
}

errint_t seed_engine_remove_folder(struct seed_engine *engine, enum seed_area area,
				   const char *path, struct seed_wait *wait)
{
	struct change *change = change_new(engine, &removing_folder, path, NULL, wait);

	if (change) {
		change->area = area;
		change->folder = true;
	}
	return order(engine, change);
}

errint_t seed_engine_set_time(struct seed_engine *engine, const char *name, struct timespec time,
			      struct seed_wait *wait)
{
	struct change *change = change_new(engine, &timing, name, NULL, wait);

	if (change)
		change->time = time;
	return order(engine, change);
}

errint_t seed_engine_remove_empty(struct seed_engine *engine, const char *name)
{
	return order(engine, change_new(engine, &dropping_empty, name, NULL, NULL));
}

errint_t seed_engine_make_folder(struct seed_engine *engine, const char *path,
				 struct seed_wait *wait)
{
	return order(engine, change_new(engine, &making_folder, path, NULL, wait));
}

errint_t seed_engine_remove_file(struct seed_engine *engine, enum seed_area area, const char *path,
				 const char *name, struct seed_wait *wait)
{
	struct change *change = change_new(engine, &dropping, path, name, wait);

	if (change)
		change->area = area;
	return order(engine, change);
}
