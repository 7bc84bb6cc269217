/* The picture: bytes go to a worker, which measures, fits and encodes them. */
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/image/signature.h"

/* A picture takes a worker well under a second; one that takes this long hangs, unless it has worked
 * all the time (lib/worker/worker.h). */
#define WORKER_LIMIT_MS 60000
/* A late image whose retry's failure is still being written is looked at again. That may take as long as the
 * disk is full. */
#define INHERIT_MS 2000
/* How much of something that is no picture is shown in the message. */
#define SHOWN_BYTES 16

struct image_texts {
	char parameters[1024];
	struct seed_image_text texts[5];
	size_t count;
};

static void fill_texts(const struct generation *generation, const char *prompt,
		       struct image_texts *texts)
{
	const struct seed_record *record = &generation->record;
	const struct seed_params *params = record->params;
	int len;

	len = snprintf(texts->parameters, sizeof(texts->parameters),
		       "steps: %d, cfg_scale: %g, quality: %.100s, guidance: %.400s, size: %dx%d",
		       params->steps, params->cfg_scale, params->quality, params->guidance,
		       params->width, params->height);
	if (params->has_seed && len > 0 && (size_t)len < sizeof(texts->parameters))
		snprintf(texts->parameters + len, sizeof(texts->parameters) - (size_t)len,
			 ", seed: %lld", (long long)params->seed);
	texts->texts[0] = (struct seed_image_text){ "Software", "seedfs " SEEDFS_VERSION };
	texts->texts[1] = (struct seed_image_text){ "prompt", prompt };
	texts->count = 2;
	if (params->model && params->model[0]) /* else the server's own: it does not tell */
		texts->texts[texts->count++] = (struct seed_image_text){ "model", params->model };
	texts->texts[texts->count++] =
		(struct seed_image_text){ "parameters", texts->parameters };
	if (record->task_id)
		texts->texts[texts->count++] = (struct seed_image_text){ "task_id", record->task_id };
}

static void note_duration(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	int64_t ms = seed_clock_now_ms() - generation->submitted_ms;

	seed_histogram_add(&engine->metrics.service, (double)ms / 1000);
}

static void count_verified(struct generation *generation)
{
	struct seed_metrics *metrics = &generation->engine->metrics;
	const struct seed_record *record = &generation->record;

	metrics->verified++;
	/* An adopted image was charged for elsewhere. */
	if (record->cost >= 0 && !generation->adopting) {
		metrics->cost += record->cost;
		budget_cost(generation->engine, record->cost);
	}
	generation->engine->key_refused = false;
	metrics->image_bytes += record->image.bytes;
	metrics->callbacks_adopted += generation->adopting;
	seed_histogram_add(&metrics->generation, (double)generation_age_ms(generation) / 1000);
}

static enum phase verified(struct generation *generation, const struct seed_image_result *result)
{
	struct seed_record *record = &generation->record;

	record->source = result->source;
	record->image = result->image;
	record->state = SEED_STATE_VERIFIED;
	seed_error_drop(&record->error); /* it was shelved */
	generation->held_code = 0;
	progress_reset(generation, 1);
	record->verified_ms = seed_clock_wall_ms();
	if (record->attempt_count > 0)
		attempt_own(generation)->ended_ms = record->verified_ms;
	if (generation->submitted_ms && !generation->resumed && !generation->shelved)
		note_duration(generation);
	count_verified(generation);
	if (strstr(record->source.fit, "up"))
		generation_log(generation, SEED_LOG_IMAGE "Smaller than asked for: %ux%u came, %dx%d were "
			       "asked for; scaled up", record->source.width, record->source.height,
			       record->params->width, record->params->height);
	generation_log(generation, SEED_LOG_IMAGE "Image verified at %ux%u", record->image.width,
		       record->image.height);
	generation_set_step(generation, "commit");
	return PHASE_FINISH;
}

static bool draws(const struct generation *generation)
{
	return generation->engine->config.provider->draws && !generation->adopting &&
	       !generation_is_foreign(generation);
}

static void on_worker(void *context, const struct seed_image_result *result)
{
	struct generation *generation = context;
	const struct event event = { .kind = EVENT_PICTURE, .picture = result };

	generation->at_worker = false;
	generation->engine->deliver(generation, &event);
}

/* The picture is not valid: if the service has another one of the same task, that is
 * tried before the attempt counts as failed. */
static bool ask_for_another(struct generation *generation, const struct seed_error *error)
{
	if (generation->adopting || !generation->task.id ||
	    !exchange_can(generation, SEED_STAGE_OTHER))
		return false;
	generation_log(generation, SEED_LOG_IMAGE "%s: asking for another image of the same task",
		       error->message);
	return true;
}

/* A generation that waits for descriptors or memory holds none meanwhile, so those that
 * have some can end: the bytes are on disk, or are downloaded again. */
static enum phase lacking(struct generation *generation, int code, const char *what)
{
	struct seed_error error;

	if (!seed_error_is_lack(-code))
		return generation_hold(generation, code, what);
	generation_drop_picture(generation);
	if (!generation->task.image_url)
		return generation_hold(generation, code, what);
	seed_error_set(&error, code, "%s: %s", what, strerror(code));
	return attempt_failed(generation, SEED_FAILURE_LOCAL, &error, -1);
}

/* Its retry has failed, and that is on the way to the disk. Then the name is this one's, and so is the image;
 * until then it would be an older one's, for the history. The bytes are kept. */
static bool inherits_soon(const struct generation *generation)
{
	return generation->main && generation_has_failed(generation->main) &&
	       !generation_is_over(generation->main);
}

static enum phase verify_again(struct generation *generation)
{
	generation->holding = true;
	generation->wake_ms = seed_clock_now_ms() + INHERIT_MS;
	timers_touch(generation);
	return PHASE_STAY;
}

/* Whoever sent something else than a picture may have sent the key in it. The worker does not know the key, so what
 * the bytes begin with is read here, and the key is removed before it is cut. */
static void show_beginning(const struct generation *generation, struct seed_error *error)
{
	struct seed_error begins = { 0 };
	uint8_t data[SEED_MESSAGE_MAX_BYTES - 1];
	ssize_t n = pread(generation->source_fd, data, sizeof(data), 0), len = 0;
	char *text = begins.message;

	if (n <= 0 || seed_signature(data, (size_t)n))
		return;
	for (; len < n && data[len] != '\n' && data[len] != '\r'; len++)
		text[len] = data[len] >= 0x20 && data[len] < 0x7f ? (char)data[len] : '.';
	exchange_scrub(generation, &begins);
	if (len > SHOWN_BYTES)
		text[SHOWN_BYTES] = '\0';
	seed_error_set(error, error->code, "%s (starts with \"%s\")", error->message, text);
}

enum phase verify_event(struct generation *generation, const struct event *event)
{
	const struct seed_image_result *picture = event->picture;
	struct seed_error error;

	if (event->kind != EVENT_PICTURE)
		return PHASE_STAY;
	/* Given up by the pool's end: the journal's row takes it up again. */
	if (generation->engine->stopping && picture->error.code == ESHUTDOWN)
		return PHASE_STAY;
	if (picture->error.code == 0 && inherits_soon(generation))
		return verify_again(generation);
	if (picture->error.code == 0)
		return verified(generation, picture);
	if (picture->local)
		return lacking(generation, picture->error.code, picture->error.message);
	error = picture->error;
	exchange_scrub(generation, &error); /* it may name a chunk, and who sent the bytes has chosen that */
	if (error.code == EBADMSG)
		show_beginning(generation, &error);
	if (error.code == EBADMSG && ask_for_another(generation, &error))
		return PHASE_POLL;
	return attempt_failed(generation, SEED_FAILURE_FAILED, &error, -1);
}

/* The kept answer of an earlier mount, a duplicate of the bytes (they are kept
 * until the image is stored), or -1 for a drawing. */
static errint_t open_source(struct generation *generation, int *fd)
{
	*fd = -1;
	if (draws(generation))
		return 0;
	if (generation->source_fd < 0) {
		*fd = seed_store_source_open(generation->engine->store, generation->record.id);
		if (*fd < 0)
			return *fd;
		generation->source_fd = *fd;
	}
	*fd = fcntl(generation->source_fd, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? -errno : 0;
}

static errint_t start_worker(struct generation *generation, const char *prompt)
{
	struct seed_engine *engine = generation->engine;
	struct image_texts texts = { .count = 0 };
	struct seed_image_job job = {
		.draw = draws(generation),
		.no_upscale = generation->adopting,
		.aside = generation->adopting,
		.width = (uint32_t)generation->record.params->width,
		.height = (uint32_t)generation->record.params->height,
		.max_upscale = engine->config.max_upscale,
		.prompt = prompt,
		.texts = texts.texts,
	};
	int source = -1, result;
	errint_t err;

	if (engine->config.metadata)
		fill_texts(generation, prompt, &texts);
	job.text_count = texts.count;
	err = open_source(generation, &source);
	if (err)
		return err;
	result = seed_store_result_open(engine->store, generation->record.id);
	if (result < 0) {
		if (source >= 0)
			close(source);
		return result;
	}
	generation->at_worker = true;
	return seed_worker_pool_submit(engine->workers, &job, source, result,
				       seed_clock_limit(WORKER_LIMIT_MS, "SEED_WORKER_LIMIT_MS"), on_worker, generation);
}

enum phase verify_enter(struct generation *generation)
{
	const struct seed_record *record = &generation->record;
	char *prompt = seed_params_full_prompt(record->params, record->prompt);
	errint_t err = prompt ? start_worker(generation, prompt) : -ENOMEM;
	struct seed_error error;

	free(prompt);
	if (!err)
		return PHASE_STAY;
	generation->at_worker = false;
	if (err != -ENOENT || generation->source_fd >= 0)
		return lacking(generation, -err, "The image cannot be stored");
	seed_error_set(&error, EIO, "the kept answer is gone: %s", strerror(-err));
	return attempt_failed(generation, SEED_FAILURE_FINAL, &error, -1);
}
