/*
 * Thumbnails, made by the workers: one of each image once it is in place, and a
 * missing one when somebody opens it. At most as many at a time as may run, so that a
 * callback's picture waits behind few.
 */
#include "lib/engine/internal.h"

/* One takes some 30 ms; two tries like this end before who waits gives up. */
#define LIMIT_MS 10000

struct thumb {
	struct command command;
	struct thumb *next; /* in order; those that are being made stand first */
	struct seed_engine *engine;
	enum seed_area area;
	char *path;
	struct seed_wait *wait; /* NULL: nobody */
	struct seed_thumb_files files;
	bool running;
};

static void end(struct thumb *thumb, int code)
{
	struct seed_engine *engine = thumb->engine;
	struct thumb **at = &engine->thumbs;

	while (*at != thumb)
		at = &(*at)->next;
	*at = thumb->next;
	if (!*at)
		engine->thumbs_last = at;
	engine->thumbs_running -= thumb->running;
	if (thumb->wait)
		wait_finish(engine, thumb->wait, code);
	free(thumb->path);
	free(thumb);
}

static void turn(struct seed_engine *engine);

static void on_made(void *context, const struct seed_image_result *result)
{
	struct thumb *thumb = context;
	struct seed_engine *engine = thumb->engine;
	int code = result->error.code;

	seed_store_thumb_end(engine->store, &thumb->files, !code);
	if (!code)
		thumb_upload(engine, thumb->area, thumb->path, &thumb->files);
	if (code && code != ESHUTDOWN) /* an image that is no picture any more, a full disk */
		seed_log_line(engine->log, thumb->path, SEED_LOG_ERROR "No thumbnail: %s",
			      result->error.message);
	end(thumb, code == EBADMSG ? EIO : code);
	if (!engine->stopping)
		turn(engine);
}

static errint_t start(struct thumb *thumb)
{
	const struct seed_image_job job = { .thumbnail = true, .aside = true };
	struct seed_engine *engine = thumb->engine;
	errint_t err;

	err = seed_store_thumb_begin(engine->store, thumb->area, thumb->path, &thumb->files);
	if (err)
		return err;
	err = seed_worker_pool_submit(engine->workers, &job, thumb->files.source_fd,
				      thumb->files.dest_fd, LIMIT_MS, on_made, thumb);
	if (err)
		seed_store_thumb_end(engine->store, &thumb->files, false);
	return err;
}

static void turn(struct seed_engine *engine)
{
	struct thumb *thumb = engine->thumbs, *next;

	for (; thumb && engine->thumbs_running < engine->config.workers; thumb = next) {
		errint_t err = 0;

		next = thumb->next;
		if (thumb->running)
			continue;
		err = start(thumb);
		if (err) {
			end(thumb, err == -EEXIST ? 0 : -err);
			continue;
		}
		thumb->running = true;
		engine->thumbs_running++;
	}
}

static void arrived(struct seed_engine *engine, struct command *command)
{
	struct thumb *thumb = (struct thumb *)command;

	*engine->thumbs_last = thumb;
	engine->thumbs_last = &thumb->next;
	if (thumb->wait)
		wait_hold(engine, &thumb->wait, thumb->wait);
	if (engine->stopping)
		end(thumb, ESHUTDOWN);
	else
		turn(engine);
}

static struct thumb *thumb_new(struct seed_engine *engine, enum seed_area area, const char *path,
			       struct seed_wait *wait)
{
	struct thumb *thumb = calloc(1, sizeof(*thumb));

	if (!thumb || !(thumb->path = strdup(path))) {
		free(thumb);
		return NULL;
	}
	thumb->command.run = arrived;
	thumb->engine = engine;
	thumb->area = area;
	thumb->wait = wait;
	return thumb;
}

void thumbs_make(struct seed_engine *engine, const char *name)
{
	char path[SEED_STORE_PATH_BYTES];
	struct thumb *thumb;

	/* Without memory it is made when somebody looks. */
	if (seed_store_image_path(name, path) &&
	    (thumb = thumb_new(engine, SEED_AREA_IMAGES, path, NULL)) != NULL)
		arrived(engine, &thumb->command);
}

const char *thumbs_path(const struct seed_engine *engine, const void *job)
{
	for (const struct thumb *thumb = engine->thumbs; thumb; thumb = thumb->next)
		if (thumb == job)
			return thumb->path;
	return NULL;
}

void thumbs_stop(struct seed_engine *engine)
{
	struct thumb *next;

	for (struct thumb *thumb = engine->thumbs; thumb; thumb = next) {
		next = thumb->next;
		if (!thumb->running)
			end(thumb, ESHUTDOWN);
	}
}

errint_t seed_engine_thumb(struct seed_engine *engine, enum seed_area area, const char *path,
			   struct seed_wait *wait)
{
	struct thumb *thumb = thumb_new(engine, area, path, wait);

	if (!thumb)
		return -ENOMEM;
	engine_post(engine, &thumb->command);
	return 0;
}
