/* The engine's thread and its life. */
#include "lib/engine/engine.h"

#include <poll.h>
#include <signal.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/url.h"
#include "lib/engine/internal.h"

/* Each costs one fsync's wait at a time; more threads would only queue at the disk. */
#define DISK_THREADS 4
#define POLL_FDS_MAX 64

/* ---- the thread ---- */

static bool stopped(const struct seed_engine *engine, int64_t now)
{
	/* Steps on disk always end; what they report may need another. */
	return engine->stopping && engine->steps_running == 0 && !engine->readings &&
	       shared_rests(engine, now) &&
	       now >= machine_stops_at(engine);
}

static void sleep_until(struct seed_engine *engine, int64_t at, int64_t now)
{
	struct pollfd fds[POLL_FDS_MAX];
	size_t count = seed_worker_pool_fds(engine->workers, fds, POLL_FDS_MAX);
	int64_t workers_at = seed_worker_pool_next_ms(engine->workers), waits_at = waits_next_ms(engine);

	if (workers_at < at)
		at = workers_at;
	if (waits_at < at)
		at = waits_at;
	seed_net_wait(engine->net, fds, count, at == INT64_MAX ? 60000 : at - now);
}

int64_t engine_turn(struct seed_engine *engine, bool *has_stopped)
{
	int64_t now, at, shared_at, scan_at, pictures_at;

	engine_run_posted(engine);
	changes_turn(engine);
	seed_net_turn(engine->net);
	seed_worker_pool_turn(engine->workers);
	now = seed_clock_now_ms();
	waits_look(engine, now);
	if (engine->shared && engine->stopping && now >= engine->stop_ms + SHARED_GRACE_MS) {
		shared_stop(engine);
		shared_changes_stop(engine);
	}
	at = machine_turn(engine, now);
	shared_at = shared_turn(engine, now);
	if (engine->shared && engine->shared->fit) {
		scan_at = scan_turn(engine, now);
		at = scan_at < at ? scan_at : at;
	}
	if (engine->shared) {
		pictures_at = pictures_turn(engine, now);
		at = pictures_at < at ? pictures_at : at;
	}
	at = shared_at < at ? shared_at : at;
	if (changes_are_due(engine))
		at = now;
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
	engine->stop_ms = seed_clock_now_ms();
	machine_hurry(engine);
	seed_net_read_all(engine->net);
	waits_stop(engine);
	thumbs_stop(engine);
	refreshes_stop(engine);
	folders_stop(engine);
	pictures_stop(engine);
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
	/* What fails is done at the next start. */
	seed_store_spent_note(engine->store, &engine->spent);
	SEED_UNUSED(seed_store_checkpoint(engine->store) == 0);
}

/* ---- life ---- */

static errint_t take_up(void *context, struct seed_record *record, bool newest)
{
	return resume_row(context, record, newest);
}

/* A worker ended over a generation's picture, and another goes on with it. Its last words may be the
 * picture's. */
static void on_worker_notice(void *context, void *job, const char *line)
{
	const struct seed_engine *engine = context;
	const struct generation *generation = job;
	const char *path = thumbs_path(engine, job);
	char text[2 * SEED_MESSAGE_MAX_BYTES];

	snprintf(text, sizeof(text), "%s", line);
	seed_net_scrub_text(engine->net, text);
	seed_log_line(engine->log, path ? path : generation->record.name, SEED_LOG_IMAGE "%s", text);
}

static errint_t make_parts(struct seed_engine *engine)
{
	const struct seed_engine_config *config = &engine->config;
	const struct seed_worker_config workers = {
		.program = config->worker_program, .count = config->workers,
		.notice = on_worker_notice, .context = engine,
	};
	errint_t err;

	err = seed_net_new(seed_net_share_bytes(seed_memory_bytes("/")), &engine->net);
	if (!err)
		err = seed_disk_new(DISK_THREADS, &engine->disk);
	if (!err)
		err = seed_disk_new(config->shared ? 2 : 1, &engine->reader);
	if (!err)
		err = seed_worker_pool_new(&workers, &engine->workers);
	if (!err && config->shared)
		err = shared_new(engine, &engine->shared);
	if (engine->shared) {
		engine->shared->look_below = folder_look_below;
		engine->shared->take_up = refresh_take_up;
		engine->shared->told = shared_told;
	}
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
	engine->deliver = machine_deliver;
	engine->config = *config;
	engine->store = store;
	engine->log = log;
	engine->last = &engine->first;
	engine->adopting_last = &engine->adopting_first;
	engine->queue_last = &engine->queue_first;
	engine->thumbs_last = &engine->thumbs;
	engine->changes_last = &engine->changes_first;
	pthread_mutex_init(&engine->mutex, NULL);
	if (config->service.api_base)
		engine->private_service = seed_url_host_is_private(config->service.api_base);
	budget_load(engine);
	err = make_parts(engine);
	if (!err)
		err = commands_take_key(engine, key);
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
	if (engine->shared)
		engine->shared->credentials = config->shared->credentials;
	*out = engine;
	return 0;
}

void seed_engine_free(struct seed_engine *engine)
{
	if (!engine)
		return;
	engine->stopping = true;
	seed_disk_free(engine->reader);
	seed_disk_free(engine->disk);
	engine->disk = NULL;
	if (engine->net)
		engine_run_posted(engine);
	changes_stop(engine);
	seed_worker_pool_free(engine->workers);
	machine_free(engine);
	if (engine->net) /* callbacks that waited for another's end */
		engine_run_posted(engine);
	exchange_forget(engine);
	queue_free(engine);
	shared_free(engine->shared);
	seed_net_free(engine->net);
	cancels_free(engine);
	free(engine->due);
	seed_rate_release(&engine->rate);
	seed_rate_release(&engine->queries);
	SEED_UNUSED(commands_take_key(engine, NULL) == 0); /* cannot fail: frees only */
	pthread_mutex_destroy(&engine->mutex);
	free(engine);
}
