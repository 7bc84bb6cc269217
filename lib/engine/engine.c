/* The engine's thread, its commands, its life. */
#include "lib/engine/engine.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/text.h"
#include "lib/base/url.h"

/* Each costs an fsync's wait at a time; more only queue at the disk. */
#define DISK_THREADS 4
/* What is being submitted at the stop may still be answered. */
#define STOP_GRACE_MS 500
#define POLL_FDS_MAX 64

/* ---- tickets ---- */

struct seed_ticket *seed_ticket_new(void)
{
	struct seed_ticket *ticket = calloc(1, sizeof(*ticket));

	if (!ticket)
		return NULL;
	atomic_init(&ticket->refs, 1);
	ticket->uid = -1;
	ticket->prompt_time.tv_nsec = UTIME_OMIT;
	atomic_init(&ticket->outcome, SEED_OUTCOME_UNKNOWN);
	return ticket;
}

struct seed_ticket *seed_ticket_ref(struct seed_ticket *ticket)
{
	atomic_fetch_add(&ticket->refs, 1);
	return ticket;
}

void seed_ticket_unref(struct seed_ticket *ticket)
{
	if (ticket && atomic_fetch_sub(&ticket->refs, 1) == 1)
		free(ticket);
}

/* ---- commands ---- */

void engine_post(struct seed_engine *engine, struct command *command)
{
	command->next = NULL;
	pthread_mutex_lock(&engine->mutex);
	*engine->last = command;
	engine->last = &command->next;
	pthread_mutex_unlock(&engine->mutex);
	seed_net_wake(engine->net);
}

static void run_commands(struct seed_engine *engine)
{
	struct command *command, *next;

	pthread_mutex_lock(&engine->mutex);
	command = engine->first;
	engine->first = NULL;
	engine->last = &engine->first;
	pthread_mutex_unlock(&engine->mutex);
	for (; command; command = next) {
		next = command->next;
		command->run(engine, command);
	}
}

void request_free(struct request *request)
{
	free(request->name);
	free(request->text);
	seed_ticket_unref(request->ticket);
	free(request);
}

struct request *request_new(struct seed_engine *engine, const char *name,
				   struct seed_wait *wait,
				   void (*run)(struct seed_engine *, struct command *))
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->command.run = run;
	request->wait = wait;
	if (wait)
		wait->engine = engine;
	if (name && !(request->name = strdup(name))) {
		free(request);
		return NULL;
	}
	return request;
}

struct generation *engine_find(struct seed_engine *engine, const char *name)
{
	struct generation *generation = engine->names[seed_disk_lane(name) % NAME_BUCKETS];

	while (generation && strcmp(generation->record.name, name) != 0)
		generation = generation->next_same;
	return generation;
}

/* ---- commit ---- */

errint_t engine_fill_record(struct seed_engine *engine, const char *name, const char *text,
			    struct seed_record *record)
{
	char id[SEED_STORE_ID_BYTES];
	errint_t err = 0;

	seed_record_init(record);
	seed_store_new_id(engine->store, id);
	record->created_ms = seed_clock_wall_ms();
	if (seed_params_copy(&record->params, &engine->config.params) ||
	    seed_record_set(&record->name, name) || seed_record_set(&record->request, text) ||
	    seed_record_set(&record->id, id) ||
	    seed_record_set(&record->provider, engine->config.provider->name))
		return -ENOMEM;
	if (*text)
		err = seed_params_parse(text, strlen(text), &record->params, &record->prompt, NULL);
	else
		err = seed_record_set(&record->prompt, "");
	/* Refused later, on its way (generation_begin): the row shows the text. */
	if (err == -EINVAL)
		err = seed_record_set(&record->prompt, text);
	return err;
}

void request_refuse(struct seed_engine *engine, struct request *request, int code)
{
	if (request->ticket)
		atomic_store(&request->ticket->outcome, code);
	if (request->wait)
		wait_finish(engine, request->wait, code);
	request_free(request);
}

void request_attach(struct generation *generation, struct request *request)
{
	struct seed_ticket *ticket = request->ticket;

	generation->engine->metrics.prompts++;
	if (ticket) {
		request->ticket = NULL;
		ticket->generation = generation;
		ticket->next = generation->tickets;
		generation->tickets = ticket;
		if (generation->uid < 0)
			generation->uid = ticket->uid;
	}
	if (request->wait)
		wait_add(generation, request->wait);
	request_free(request);
}

/* The same text, white space at its end apart, that is being generated already:
 * another commit of it is answered by that. */
static bool is_generating(const struct generation *running, const char *text)
{
	const char *own = running->record.request;
	size_t len = seed_text_trimmed(text, strlen(text));

	return !running->adopting && seed_text_trimmed(own, strlen(own)) == len &&
	       memcmp(own, text, len) == 0 &&
	       (running->record.state == SEED_STATE_VERIFIED || !generation_is_ending(running));
}

static void join(struct generation *running, struct request *request)
{
	generation_log(running, SEED_LOG_IMAGE "The same text is being generated: joined");
	if (running->shelved && running->record.state == SEED_STATE_FAILED)
		attempt_rearm(running);
	/* Its prompt is on disk or about to be; this file is as new. */
	if (request->ticket) {
		running->record.prompt_time = request->ticket->prompt_time;
		SEED_UNUSED(seed_store_prompt_time(running->engine->store, request->name,
						   request->ticket->prompt_time) == 0);
	}
	request_attach(running, request);
}

static bool unless_made(const struct request *request)
{
	return request->ticket && request->ticket->unless_made;
}

static bool is_made(struct seed_engine *engine, const struct request *request)
{
	/* Who removed the prompt first wants another image. */
	bool wanted = engine->config.reuse ||
		(unless_made(request) && seed_store_prompt_exists(engine->store, request->name));

	return wanted && reuse_is_made(engine, request->name, request->text);
}

static void run_commit(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct generation *generation, *older;
	struct seed_record record;
	errint_t err;

	if (engine->stopping) {
		request_refuse(engine, request, ESHUTDOWN);
		return;
	}
	older = engine_find(engine, request->name);
	if (older && is_generating(older, request->text)) {
		join(older, request);
		return;
	}
	if (!older && is_made(engine, request)) {
		engine->metrics.reused++;
		seed_log_line(engine->log, request->name, SEED_LOG_SUCCESS "Reused: this text's image "
			      "is verified already");
		changes_keep_prompt(engine, request);
		return;
	}
	if (unless_made(request) && seed_engine_admission(engine)) {
		request_refuse(engine, request, seed_engine_admission(engine));
		return;
	}
	err = engine_fill_record(engine, request->name, request->text, &record);
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		request_refuse(engine, request, err ? -err : ENOMEM);
		return;
	}
	if (request->ticket)
		generation->record.prompt_time = request->ticket->prompt_time;
	/* The older one is superseded once this text is on disk (begun()). */
	generation->phase = PHASE_BEGIN;
	if (engine->config.reuse)
		reuse_find(generation);
	request_attach(generation, request);
	generation_begin(generation);
}

errint_t seed_engine_commit(struct seed_engine *engine, const char *name, char *text,
			    struct seed_ticket *ticket, struct seed_wait *wait)
{
	struct request *request = request_new(engine, name, wait, run_commit);

	if (!request) {
		free(text);
		return -ENOMEM;
	}
	request->text = text;
	request->ticket = ticket ? seed_ticket_ref(ticket) : NULL;
	engine_post(engine, &request->command);
	return 0;
}

/* ---- waiting ---- */

static void run_wait_ticket(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	int outcome = atomic_load(&request->ticket->outcome);

	if (outcome != SEED_OUTCOME_UNKNOWN)
		wait_finish(engine, request->wait, outcome);
	else if (request->ticket->generation)
		wait_add(request->ticket->generation, request->wait);
	else
		wait_finish(engine, request->wait, engine->stopping ? ESHUTDOWN : EIO);
	request_free(request);
}

errint_t seed_engine_wait_ticket(struct seed_engine *engine, struct seed_ticket *ticket,
				 struct seed_wait *wait)
{
	struct request *request = request_new(engine, NULL, wait, run_wait_ticket);

	if (!request)
		return -ENOMEM;
	request->ticket = seed_ticket_ref(ticket);
	engine_post(engine, &request->command);
	return 0;
}

/* Of a row of which nothing is in flight. */
static int outcome_of(const struct seed_record *record)
{
	switch (record->state) {
	case SEED_STATE_FAILED:
		return record->error.code ? record->error.code : EIO;
	case SEED_STATE_QUEUED:
	case SEED_STATE_GENERATING:
		return EIO; /* its generation is gone: nothing will come */
	case SEED_STATE_VERIFIED:
	case SEED_STATE_CANCELLED:
		break;
	}
	return 0;
}

static void run_wait_name(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct generation *generation = engine_find(engine, request->name);
	struct seed_record record;
	int code = 0;

	if (generation && generation->shelved) {
		wait_finish(engine, request->wait, generation->record.error.code);
	} else if (generation) {
		wait_add(generation, request->wait);
	} else {
		if (seed_store_record_read(engine->store, request->name, &record) == 0)
			code = outcome_of(&record);
		seed_record_release(&record);
		wait_finish(engine, request->wait, code);
	}
	request_free(request);
}

errint_t seed_engine_wait_name(struct seed_engine *engine, const char *name,
			       struct seed_wait *wait)
{
	struct request *request = request_new(engine, name, wait, run_wait_name);

	if (!request)
		return -ENOMEM;
	engine_post(engine, &request->command);
	return 0;
}

/* ---- key ---- */

static errint_t take_key(struct seed_engine *engine, struct seed_key *key)
{
	char *authorization = NULL;

	if (key && engine->config.provider->auth != SEED_AUTH_NONE) {
		authorization = seed_provider_authorization(engine->config.provider,
							    seed_key_text(key));
		if (!authorization)
			return -ENOMEM;
	}
	engine->authorization = authorization ? seed_key_take_header(key, authorization) : NULL;
	seed_key_free(engine->key);
	engine->key = key;
	engine->key_refused = false;
	return 0;
}

/* Tasks whose questions the old key was refused. */
static void ask_refused_again(struct seed_engine *engine)
{
	for (struct generation *g = engine->generations; g; g = g->next)
		if (g->shelved && g->wake_ms == INT64_MAX && !(g->main && g->main->splitting))
			attempt_wake(g);
}

static void run_set_key(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (take_key(engine, request->key)) {
		seed_key_free(request->key);
	} else {
		ask_refused_again(engine);
		seed_log_line(engine->log, NULL, SEED_LOG_REQUEST "Key read again");
	}
	request_free(request);
}

errint_t seed_engine_set_key(struct seed_engine *engine, struct seed_key *key)
{
	struct request *request = request_new(engine, NULL, NULL, run_set_key);

	if (!request)
		return -ENOMEM;
	request->key = key;
	engine_post(engine, &request->command);
	return 0;
}

/* ---- the thread ---- */

/* An answer is awaited that says whether money was spent. */
static bool is_submitting(const struct seed_engine *engine)
{
	for (const struct generation *g = engine->generations; g; g = g->next)
		if (g->phase == PHASE_SUBMIT || g->phase == PHASE_CHECK)
			return true;
	return false;
}

static bool stopped(const struct seed_engine *engine, int64_t now)
{
	/* Steps on disk always end; what they report may need another. */
	return engine->stopping && engine->steps_running == 0 &&
	       (now >= engine->stop_ms || !is_submitting(engine));
}

static void sleep_until(struct seed_engine *engine, int64_t at, int64_t now)
{
	struct pollfd fds[POLL_FDS_MAX];
	size_t count = seed_worker_pool_fds(engine->workers, fds, POLL_FDS_MAX);
	int64_t workers_at = seed_worker_pool_next_ms(engine->workers);

	if (workers_at < at)
		at = workers_at;
	if (engine->watching > 0 && engine->watch_ms < at)
		at = engine->watch_ms;
	if (engine->stopping && engine->stop_ms < at)
		at = engine->stop_ms;
	seed_net_wait(engine->net, fds, count, at == INT64_MAX ? 60000 : at - now);
}

int64_t engine_turn(struct seed_engine *engine, bool *has_stopped)
{
	int64_t now, at;

	run_commands(engine);
	seed_net_turn(engine->net);
	seed_worker_pool_turn(engine->workers);
	now = seed_clock_now_ms();
	waits_look(engine, now);
	at = generations_turn(engine, now);
	*has_stopped = stopped(engine, now);
	return at;
}

static void *engine_main(void *argument)
{
	struct seed_engine *engine = argument;
	bool has_stopped = false;
	int64_t at;

	while (!has_stopped) {
		at = engine_turn(engine, &has_stopped);
		if (!has_stopped)
			sleep_until(engine, at, seed_clock_now_ms());
	}
	return NULL;
}

errint_t seed_engine_start(struct seed_engine *engine)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&engine->thread, NULL, engine_main, engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

static void run_stop(struct seed_engine *engine, struct command *command)
{
	engine->stopping = true;
	engine->stop_ms = seed_clock_now_ms() + STOP_GRACE_MS;
	for (struct generation *g = engine->generations; g; g = g->next)
		waits_finish(g, ESHUTDOWN);
	thumbs_stop(engine);
	free(command);
}

void engine_order_stop(struct seed_engine *engine)
{
	struct command *command;

	while (!(command = calloc(1, sizeof(*command))))
		; /* the stop is never given up; memory comes back as requests end */
	command->run = run_stop;
	engine_post(engine, command);
}

void seed_engine_stop(struct seed_engine *engine)
{
	engine_order_stop(engine);
	pthread_join(engine->thread, NULL);
	/* Steps still under way report here; nothing is started any more. */
	seed_disk_free(engine->disk);
	engine->disk = NULL;
}

/* ---- life ---- */

static errint_t take_up(void *context, struct seed_record *record, bool newest)
{
	struct seed_engine *engine = context;
	bool marked = record->superseded;
	struct generation *generation = generation_new(engine, record, newest);

	if (!generation) {
		seed_record_release(record);
		return -ENOMEM;
	}
	generation->phase = PHASE_BEGIN;
	generation_resume(generation);
	/* Only the newer one's row says so, and that one may end before this. */
	if (!newest && !marked && !generation->dead)
		disk_step(generation, STEP_MARK);
	return 0;
}

/* A worker ended over a generation's picture, and another goes on with it. */
static void on_worker_notice(void *context, void *job, const char *line)
{
	const struct seed_engine *engine = context;
	const struct generation *generation = job;
	const char *path = thumbs_path(engine, job);

	seed_log_line(engine->log, path ? path : generation->record.name, SEED_LOG_IMAGE "%s", line);
}

static errint_t make_parts(struct seed_engine *engine)
{
	const struct seed_engine_config *config = &engine->config;
	const struct seed_worker_config workers = {
		.program = config->worker_program, .count = config->workers,
		.notice = on_worker_notice, .context = engine,
	};
	errint_t err;

	err = seed_net_new(&engine->net);
	if (!err)
		err = seed_disk_new(DISK_THREADS, &engine->disk);
	if (!err)
		err = seed_worker_pool_new(&workers, &engine->workers);
	if (!err)
		err = seed_rate_init(&engine->rate, config->rate_count,
				     (int64_t)config->rate_seconds * 1000);
	if (!err)
		err = seed_rate_init(&engine->queries, config->provider->queries_per_second, 1000);
	return err;
}

errint_t seed_engine_new(const struct seed_engine_config *config, struct seed_store *store,
			 struct seed_log *log, struct seed_key *key, struct seed_engine **out,
			 struct seed_error *error)
{
	struct seed_engine *engine = calloc(1, sizeof(*engine));
	errint_t err;

	if (!engine)
		return seed_error_set(error, ENOMEM, "out of memory");
	engine->config = *config;
	engine->store = store;
	engine->log = log;
	engine->last = &engine->first;
	engine->queue_last = &engine->queue_first;
	engine->changes_last = &engine->changes_first;
	pthread_mutex_init(&engine->mutex, NULL);
	if (config->service.api_base)
		engine->private_service = seed_url_host_is_private(config->service.api_base);
	budget_load(engine);
	err = make_parts(engine);
	if (!err)
		err = take_key(engine, key);
	if (err) {
		seed_key_free(key);
		seed_error_set(error, -err, "cannot start: %s", strerror(-err));
	} else {
		err = seed_store_recover(store, take_up, engine, error);
	}
	if (err) {
		seed_engine_free(engine);
		return err;
	}
	*out = engine;
	return 0;
}

void seed_engine_free(struct seed_engine *engine)
{
	if (!engine)
		return;
	engine->stopping = true;
	seed_disk_free(engine->disk);
	engine->disk = NULL;
	if (engine->net)
		run_commands(engine);
	seed_worker_pool_free(engine->workers);
	seed_net_free(engine->net);
	cancels_free(engine);
	while (engine->generations) {
		struct generation *generation = engine->generations;

		generation->transfer = generation->look = NULL;
		generation->step_running = generation->step_next = STEP_NONE;
		generation->mark_ms = 0;
		generation->at_worker = false;
		waits_finish(generation, ESHUTDOWN);
		generation->dead = true;
		generation_reap(generation);
	}
	free(engine->due);
	seed_rate_release(&engine->rate);
	seed_rate_release(&engine->queries);
	SEED_UNUSED(take_key(engine, NULL)); /* cannot fail: frees only */
	pthread_mutex_destroy(&engine->mutex);
	free(engine);
}
