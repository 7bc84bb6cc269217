/*
 * What the store has of a name, or of a folder, becomes what this host shows, before it is
 * looked at: once a second at most.
 *
 * A look at the store that finds it away changes nothing, and for a while no further one is
 * made: what is here is shown as it was.
 *
 * A folder that is gone is one that is here, or has left its entry behind: then all below it is looked
 * at first. What was renamed with it goes here, too, and images that have outlived their prompts come.
 *
 * What is no entry is said once, and read again when it has changed: until then it is an error for
 * whoever looks at that name, or changes its folder, and for nobody else.
 *
 * Names that a generation here is about are left alone: its steps change the files. Only whether
 * it has its row still is looked at.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* How long what was looked at is good. */
#define FRESH_MS 1000
/* Of a look that somebody waits for. */
#define LOOK_MS 5000
/* The pause after one that the store did not answer. */
#define AWAY_MS 5000

struct refresh {
	struct command report; /* first: of the disk job */
	struct seed_disk_job disk;
	struct refresh *next, **link; /* all that are under way */
	struct seed_engine *engine;
	char *name;
	bool follows;                 /* somebody waits for what is in flight */
	struct refresh_watch *watches;
	struct seed_share_op *asked;
	char *entry;                  /* for the disk thread; owned */
	uint64_t etag;
	bool is_folder, was_folder;   /* what the store has; or had, and nothing else since */
	bool looked_below, must_look;
	errint_t err;
};

/* ---- what was seen ---- */

static uint64_t hash_of(const char *text)
{
	return seed_disk_lane(text) | 1; /* 0: nothing */
}

static struct seen *seen_of(struct seed_engine *engine, const char *name)
{
	return &engine->shared->seen[hash_of(name) / 2 % SEEN_NAMES];
}

static bool is_fresh(struct seed_engine *engine, const char *name)
{
	const struct seen *seen = seen_of(engine, name);

	return seen->name == hash_of(name) && !seen->err && seed_clock_now_ms() - seen->ms < FRESH_MS;
}

static bool has_etag(struct seed_engine *engine, const char *name, uint64_t etag)
{
	const struct seen *seen = seen_of(engine, name);

	return seen->name == hash_of(name) && seen->etag == etag;
}

static void note(struct seed_engine *engine, const char *name, uint64_t etag, errint_t err)
{
	*seen_of(engine, name) = (struct seen){
		.name = hash_of(name), .etag = etag, .ms = seed_clock_now_ms(), .err = err };
}

void refresh_forget(struct seed_engine *engine, const char *name)
{
	struct seen *seen = seen_of(engine, name);

	if (seen->name == hash_of(name))
		seen->name = 0;
}

bool refresh_has(struct seed_engine *engine, const char *name, const char *etag, errint_t *err)
{
	if (!has_etag(engine, name, hash_of(etag)))
		return false;
	*err = seen_of(engine, name)->err;
	note(engine, name, hash_of(etag), *err);
	return true;
}

/* No name ends with a slash. */
static void folder_key(const char *path, char key[SEED_STORE_PATH_BYTES])
{
	snprintf(key, SEED_STORE_PATH_BYTES, "%s/", path);
}

void refresh_note_folder(struct seed_engine *engine, const char *path)
{
	char key[SEED_STORE_PATH_BYTES];

	folder_key(path, key);
	note(engine, key, 1, 0);
}

bool refresh_knows_folder(struct seed_engine *engine, const char *path)
{
	char key[SEED_STORE_PATH_BYTES];

	folder_key(path, key);
	return has_etag(engine, key, 1);
}

bool refresh_folder_is_fresh(struct seed_engine *engine, const char *path)
{
	char key[SEED_STORE_PATH_BYTES];

	folder_key(path, key);
	return is_fresh(engine, key);
}

/* ---- a name ---- */

static struct refresh *find(struct seed_engine *engine, const char *name)
{
	struct refresh *refresh = engine->shared->refreshes;

	while (refresh && strcmp(refresh->name, name) != 0)
		refresh = refresh->next;
	return refresh;
}

static void refresh_free(struct refresh *refresh)
{
	if (refresh->link) {
		*refresh->link = refresh->next;
		if (refresh->next)
			refresh->next->link = refresh->link;
	}
	free(refresh->name);
	free(refresh->entry);
	free(refresh);
}

static void end(struct refresh *refresh)
{
	struct seed_engine *engine = refresh->engine;
	struct refresh_watch *watch = refresh->watches, *next;
	errint_t err = refresh->err;

	refresh_free(refresh); /* who goes on may ask for it again */
	for (; watch; watch = next) {
		next = watch->next;
		watch->landed = watch->landed && !err;
		watch->done(engine, watch, err);
	}
}

static void to_disk(struct refresh *refresh);

static void looked_below(struct seed_engine *engine, void *context, errint_t err)
{
	struct refresh *refresh = context;

	refresh->err = err;
	if (!err && !engine->disk)
		refresh->err = -ESHUTDOWN;
	if (refresh->err)
		end(refresh);
	else
		to_disk(refresh);
}

static void look_below(struct refresh *refresh)
{
	struct seed_engine *engine = refresh->engine;
	errint_t err;

	refresh->must_look = false;
	refresh->looked_below = true;
	err = engine->shared->look_below(engine, refresh->name, looked_below, refresh);
	if (err)
		looked_below(engine, refresh, err);
}

/* It is not read again before it has changed. */
static void note_damaged(struct refresh *refresh)
{
	struct seed_engine *engine = refresh->engine;

	if (!has_etag(engine, refresh->name, refresh->etag))
		seed_log_line(engine->log, refresh->name, SEED_LOG_ERROR "What the store has for this name is not "
			      "what seedfs writes, and is not shown; look at name/… in the bucket (EBADMSG)");
	note(engine, refresh->name, refresh->etag, -EBADMSG);
}

static void mirrored(struct seed_engine *engine, struct command *command)
{
	struct refresh *refresh = (struct refresh *)command;

	engine->steps_running--;
	if (refresh->must_look) {
		look_below(refresh);
		return;
	}
	if (refresh->err == -EBADMSG)
		note_damaged(refresh);
	else if (!refresh->err)
		note(engine, refresh->name, refresh->etag, 0);
	end(refresh);
}

static void mirror(struct seed_disk_job *disk)
{
	struct refresh *refresh = (struct refresh *)((char *)disk - offsetof(struct refresh, disk));

	refresh->must_look = !refresh->looked_below && !refresh->is_folder &&
			     (refresh->was_folder ||
			      seed_store_has_folder(refresh->engine->store, refresh->name));
	if (!refresh->must_look)
		refresh->err = shared_mirror(refresh->engine, refresh->name, refresh->entry);
	engine_post(refresh->engine, &refresh->report);
}

static void to_disk(struct refresh *refresh)
{
	struct seed_engine *engine = refresh->engine;

	refresh->disk.run = mirror;
	refresh->report.run = mirrored;
	engine->steps_running++;
	seed_disk_submit(engine->disk, seed_disk_lane(refresh->name), &refresh->disk);
}

static void follow(struct seed_engine *engine, const struct seed_record *row)
{
	bool newest = !row->superseded;
	struct generation *generation = NULL;
	struct seed_record record;

	if (engine_has_id(engine, row->id) || (newest && engine_find(engine, row->name)))
		return;
	/* Without memory it is for the next look. */
	if (seed_record_copy(&record, row) == 0)
		generation = generation_new(engine, &record, newest);
	seed_record_release(&record);
	if (generation)
		machine_start(generation, PHASE_FOLLOW);
}

/* One that was begun or added, and whose host did not hear so. */
static bool is_forgotten(const struct seed_engine *engine, const struct seed_share_row *row)
{
	return !row->token[0] && strcmp(row->host, engine->config.shared->host) == 0;
}

/* For those who wait (`follows`), the row that another host has is followed, too. */
static void take_up(struct seed_engine *engine, const struct seed_share_entry *entry, bool follows)
{
	int64_t now_s = seed_share_now_s(engine->shared->share);

	for (size_t i = 0; i < entry->row_count; i++) {
		const struct seed_share_row *row = &entry->rows[i];

		if (row->until_s < now_s || is_forgotten(engine, row) || (follows && !row->record.superseded))
			follow(engine, &row->record);
	}
}

/* Whoever renamed it may not have told the others: it is nobody's own, so nobody else does. */
static void tell_of_copies(struct seed_engine *engine, const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (entry->rows[i].copy && entry->rows[i].token[0])
			hint_flight(engine->shared, entry->rows[i].record.id, entry->rows[i].record.name);
}

void refresh_take_up(struct seed_engine *engine, const struct seed_share_entry *entry)
{
	if (engine->stopping)
		return;
	take_up(engine, entry, false);
	tell_of_copies(engine, entry);
}

/* Removed, superseded or renamed elsewhere: the next renewal finds out which, so it comes now. */
static void check_lease(struct seed_engine *engine, const char *name,
			const struct seed_share_entry *entry)
{
	struct generation *running = engine_find(engine, name);

	if (!running || !generation_has_lease(running) || !running->renew_ms)
		return;
	for (size_t i = 0; i < entry->row_count; i++)
		if (strcmp(entry->rows[i].record.id, running->record.id) == 0 &&
		    entry->rows[i].lease == running->lease && !entry->rows[i].record.superseded)
			return;
	running->renew_ms = seed_clock_now_ms();
	timers_touch(running);
}

static bool has_row(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (strcmp(entry->rows[i].record.id, id) == 0)
			return true;
	return false;
}

static void was_read(struct refresh *refresh, const struct seed_share_result *result)
{
	struct seed_engine *engine = refresh->engine;

	refresh->etag = hash_of(result->etag);
	refresh->is_folder = result->entry->folder;
	refresh->was_folder = seed_share_was_folder(result->entry);
	for (struct refresh_watch *watch = refresh->watches; watch; watch = watch->next)
		watch->landed = watch->row && !has_row(result->entry, watch->row);
	take_up(engine, result->entry, refresh->follows);
	check_lease(engine, refresh->name, result->entry);
	if (engine_find(engine, refresh->name)) {
		note(engine, refresh->name, 0, 0); /* it is not shown */
		end(refresh);
		return;
	}
	if (has_etag(engine, refresh->name, refresh->etag))
		refresh->err = seen_of(engine, refresh->name)->err;
	/* No object: what is here was never there, or the bucket has lost it. */
	if (!result->entry->serial || !engine->disk ||
	    has_etag(engine, refresh->name, refresh->etag)) {
		note(engine, refresh->name, refresh->etag, refresh->err);
		end(refresh);
		return;
	}
	refresh->entry = seed_share_format(result->entry);
	if (!refresh->entry) {
		refresh->err = -ENOMEM;
		end(refresh);
		return;
	}
	to_disk(refresh);
}

static void on_read(void *context, const struct seed_share_result *result)
{
	struct refresh *refresh = context;
	struct shared *shared = refresh->engine->shared;

	refresh->asked = NULL;
	shared_answered(shared, result->err, &result->error);
	if (!result->err) {
		was_read(refresh, result);
		return;
	}
	refresh->etag = hash_of(result->etag);
	if (result->err == -EBADMSG)
		note_damaged(refresh);
	else if (!result->error.http_status) /* nobody is there; else it was busy */
		shared->looks_ms = seed_clock_now_ms() + AWAY_MS;
	refresh->err = result->err;
	end(refresh);
}

static errint_t ask(struct refresh *refresh)
{
	const struct seed_share_request request = {
		.verb = SEED_SHARE_READ,
		.name = refresh->name,
		.deadline_ms = seed_clock_now_ms() + LOOK_MS,
	};

	return seed_share_start(refresh->engine->shared->share, &request, on_read, refresh,
				&refresh->asked);
}

static struct refresh *refresh_new(struct seed_engine *engine, const char *name)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));

	if (!refresh)
		return NULL;
	refresh->engine = engine;
	refresh->name = strdup(name);
	if (!refresh->name || ask(refresh)) {
		refresh_free(refresh);
		return NULL;
	}
	refresh->next = engine->shared->refreshes;
	refresh->link = &engine->shared->refreshes;
	if (refresh->next)
		refresh->next->link = &refresh->next;
	engine->shared->refreshes = refresh;
	return refresh;
}

bool refresh_name(struct seed_engine *engine, const char *name, bool follows,
		  struct refresh_watch *watch)
{
	const struct generation *running = engine_find(engine, name);
	struct refresh *refresh;

	if (!engine->shared || !engine->shared->fit || engine->stopping ||
	    (running && !generation_has_lease(running)) || seed_clock_now_ms() < engine->shared->looks_ms || (!follows && is_fresh(engine, name)))
		return false;
	refresh = find(engine, name);
	if (!refresh)
		refresh = refresh_new(engine, name);
	if (!refresh)
		return false;
	refresh->follows |= follows;
	watch->next = refresh->watches;
	refresh->watches = watch;
	return true;
}

/* ---- a request ---- */

struct request_watch {
	struct refresh_watch watch; /* first */
	struct request *request;
};

static void go_on(struct seed_engine *engine, struct refresh_watch *watch, errint_t err)
{
	struct request *request = ((struct request_watch *)watch)->request;

	free(watch);
	request->code = -err;
	request->command.run(engine, &request->command);
}

void refresh_request(struct seed_engine *engine, struct request *request, bool follows)
{
	struct request_watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		request->command.run(engine, &request->command);
		return;
	}
	watch->watch.done = go_on;
	watch->request = request;
	if (request->wait) /* a signal ends it meanwhile, too */
		wait_hold(engine, &request->wait, request->wait);
	if (!refresh_name(engine, request->name, follows, &watch->watch))
		go_on(engine, &watch->watch, 0);
}

/* Whether the store is not asked now, since it did not answer just now or since the mount. */
static bool is_away(const struct seed_engine *engine)
{
	return engine->shared && (!engine->shared->fit || seed_clock_now_ms() < engine->shared->looks_ms);
}

static void shown(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	/* What is known here is shown all the same; what is not may be there. */
	if (!request->code && is_away(engine))
		request->code = EHOSTUNREACH;
	request_refuse(engine, request, request->code);
}

static void run_refresh(struct seed_engine *engine, struct command *command)
{
	command->run = shown;
	refresh_request(engine, (struct request *)command, false);
}

errint_t seed_engine_refresh(struct seed_engine *engine, const char *name, struct seed_wait *wait)
{
	struct request *request = request_new(name, wait, run_refresh);

	if (!request)
		return -ENOMEM;
	engine_post(engine, &request->command);
	return 0;
}

void refreshes_stop(struct seed_engine *engine)
{
	struct refresh *next;

	if (!engine->shared)
		return;
	for (struct refresh *refresh = engine->shared->refreshes; refresh; refresh = next) {
		next = refresh->next;
		if (!refresh->asked)
			continue;
		seed_share_cancel(refresh->asked);
		refresh->asked = NULL;
		refresh->err = -ESHUTDOWN;
		end(refresh);
		next = engine->shared->refreshes;
	}
}
