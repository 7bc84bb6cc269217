#include "lib/record/record.h"

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "lib/base/clock.h"

static const char *const state_names[] = {
	[SEED_STATE_QUEUED] = "queued",
	[SEED_STATE_GENERATING] = "generating",
	[SEED_STATE_VERIFIED] = "verified",
	[SEED_STATE_FAILED] = "failed",
	[SEED_STATE_CANCELLED] = "cancelled",
};

const char *seed_state_name(enum seed_state state)
{
	return state_names[state];
}

void seed_record_init(struct seed_record *record)
{
	*record = (struct seed_record){.queue_position = -1, .cost = -1};
	record->prompt_time.tv_nsec = UTIME_OMIT;
	seed_params_init(&record->params);
}

/* Each text of a row that the row owns, those of the attempts apart. */
static const size_t owned_texts[] = {
	offsetof(struct seed_record, name),      offsetof(struct seed_record, prompt),
	offsetof(struct seed_record, image_url), offsetof(struct seed_record, provider),
	offsetof(struct seed_record, task_id),   offsetof(struct seed_record, id),
	offsetof(struct seed_record, request),   offsetof(struct seed_record, task),
	offsetof(struct seed_record, dry_run),
};

static char **text_at(struct seed_record *record, size_t offset)
{
	return (char **)(void *)((char *)record + offset);
}

void seed_record_release(struct seed_record *record)
{
	for (int i = 0; record->attempts && i < SEED_ATTEMPTS_MAX; i++) {
		free(record->attempts[i].task_id);
		seed_error_drop(&record->attempts[i].error);
	}
	free(record->attempts);
	seed_error_drop(&record->error);
	seed_params_release(&record->params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts); i++)
		free(*text_at(record, owned_texts[i]));
	*record = (struct seed_record){.queue_position = -1, .cost = -1};
}

errint_t seed_record_reserve_attempts(struct seed_record *record)
{
	if (!record->attempts)
		record->attempts = calloc(SEED_ATTEMPTS_MAX, sizeof(record->attempts[0]));
	return record->attempts ? 0 : -ENOMEM;
}

errint_t seed_record_set(char **field, const char *text)
{
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

/* The longest: 20 digits. */
#define INTEGER_TEXT_BYTES 24

/* An object that remembers that memory ran out. */
struct writer {
	cJSON *object;
	bool failed;
};

static void put(struct writer *out, const char *key, cJSON *item)
{
	if (item && out->object && cJSON_AddItemToObjectCS(out->object, key, item))
		return;
	cJSON_Delete(item);
	out->failed = true;
}

/* Object or, if memory ran out, NULL. */
static cJSON *finish(struct writer *out)
{
	if (!out->failed)
		return out->object;
	cJSON_Delete(out->object);
	return NULL;
}

static void put_text(struct writer *out, const char *key, const char *text)
{
	put(out, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void put_bool(struct writer *out, const char *key, bool value)
{
	put(out, key, cJSON_CreateBool(value));
}

static void put_number(struct writer *out, const char *key, double number)
{
	put(out, key, cJSON_CreateNumber(number));
}

/* cJSON prints a double in 15 digits where it deems that near enough: a seed
 * of 2^53 would come back as another one. */
static void put_integer(struct writer *out, const char *key, uint64_t number)
{
	char text[INTEGER_TEXT_BYTES];

	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)number);
	put(out, key, cJSON_CreateRaw(text));
}

static void put_time(struct writer *out, const char *key, int64_t wall_ms)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	seed_clock_format(wall_ms, text);
	put_text(out, key, wall_ms ? text : NULL);
}

/* The longest: two numbers of 20 digits and a sign. */
#define SIZE_TEXT_BYTES 48

static void put_size(struct writer *out, const char *key, int64_t width, int64_t height)
{
	char text[SIZE_TEXT_BYTES];

	(void)snprintf(text, sizeof(text), "%jdx%jd", (intmax_t)width, (intmax_t)height);
	put_text(out, key, text);
}

static cJSON *format_image(const struct seed_image_info *image)
{
	struct writer out = {.object = cJSON_CreateObject()};

	put_text(&out, "sha256", image->sha256);
	put_integer(&out, "bytes", image->bytes);
	put_number(&out, "width", image->width);
	put_number(&out, "height", image->height);
	return finish(&out);
}

static cJSON *format_source(const struct seed_source_info *source)
{
	struct writer out = {.object = cJSON_CreateObject()};

	put_text(&out, "format", source->format);
	put_number(&out, "width", source->width);
	put_number(&out, "height", source->height);
	put_integer(&out, "bytes", source->bytes);
	put_text(&out, "sha256", source->sha256);
	put_text(&out, "fit", source->fit);
	return finish(&out);
}

static cJSON *format_params(const struct seed_params *params)
{
	struct writer out = {.object = cJSON_CreateObject()};

	put_text(&out, "model", params->model);
	put_size(&out, "size", params->width, params->height);
	put_text(&out, "quality", params->quality);
	put_number(&out, "steps", params->steps);
	put_number(&out, "cfg_scale", params->cfg_scale);
	put_text(&out, "guidance", params->guidance);
	put_text(&out, "style", params->style);
	put_text(&out, "negative_prompt", params->negative_prompt);
	if (params->has_seed)
		put_integer(&out, "seed", (uint64_t)params->seed);
	return finish(&out);
}

static void put_error(struct writer *outer, const struct seed_kept_error *error)
{
	struct writer out = {0};

	if (!error->code) {
		put_text(outer, "error", NULL);
		return;
	}
	out.object = cJSON_CreateObject();
	put_text(&out, "errno", seed_error_name(error->code));
	put_text(&out, "message", seed_error_words(error));
	if (error->http_status > 0) /* some envelopes have codes below 0 */
		put_number(&out, "http_status", error->http_status);
	put(outer, "error", finish(&out));
}

static cJSON *format_attempt(const struct seed_attempt *attempt)
{
	struct writer out = {.object = cJSON_CreateObject()};

	put_number(&out, "steps", attempt->steps);
	put_number(&out, "cfg_scale", attempt->cfg_scale);
	put_time(&out, "started_at", attempt->started_ms);
	put_time(&out, "ended_at", attempt->ended_ms);
	put_text(&out, "task_id", attempt->task_id);
	put_error(&out, &attempt->error);
	return finish(&out);
}

static void put_attempts(struct writer *out, const struct seed_record *record)
{
	cJSON *array = cJSON_CreateArray();

	for (int i = 0; i < record->attempt_count; i++) {
		cJSON *item = format_attempt(&record->attempts[i]);

		if (!item || !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			out->failed = true;
		}
	}
	put(out, "attempts", array);
}

static void put_versions(struct writer *out, const char *const *versions, size_t count)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < count; i++) {
		cJSON *item = cJSON_CreateString(versions[i]);

		if (!item || !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			out->failed = true;
		}
	}
	put(out, "versions", array);
}

/* What was found out about the picture. */
static void put_picture(struct writer *out, const struct seed_record *record)
{
	const struct seed_image_info *image = &record->image;
	bool verified = record->state == SEED_STATE_VERIFIED;

	if (verified)
		put_size(out, "resolution", image->width, image->height);
	else
		put_text(out, "resolution", NULL);
	put(out, "image", verified || image->bytes ? format_image(image) : cJSON_CreateNull());
	put(out, "source", record->source.format[0] ? format_source(&record->source)
						     : cJSON_CreateNull());
}

static double clamped(double progress)
{
	if (!(progress > 0))
		return 0;
	return progress < 1 ? progress : 1;
}

/* With a line break at its end, as text files have it. */
static char *print_line(const cJSON *object)
{
	char *json = cJSON_Print(object);
	char *line = NULL;

	if (json && asprintf(&line, "%s\n", json) < 0)
		line = NULL;
	cJSON_free(json);
	return line;
}

char *seed_record_format(const struct seed_record *record, const char *const *versions,
			 size_t version_count)
{
	struct writer out = {.object = cJSON_CreateObject()};
	cJSON *object;
	char *text;

	put_text(&out, "name", record->name);
	put_text(&out, "state", seed_state_name(record->state));
	put_text(&out, "prompt", record->prompt);
	put_text(&out, "image_url", record->image_url);
	put_picture(&out, record);
	put_text(&out, "provider", record->provider);
	put_text(&out, "model", record->params.model);
	put(&out, "parameters", format_params(&record->params));
	put_text(&out, "task_id", record->task_id);
	put_attempts(&out, record);
	put_error(&out, &record->error);
	put_number(&out, "progress", clamped(record->progress));
	if (record->progress_estimated)
		put_bool(&out, "progress_estimated", true);
	if (record->queue_position >= 0)
		put_number(&out, "queue_position", record->queue_position);
	put_time(&out, "created_at", record->created_ms);
	put_time(&out, "started_at", record->started_ms);
	put_time(&out, "verified_at", record->verified_ms);
	if (versions)
		put_versions(&out, versions, version_count);
	if (record->cost >= 0)
		put_number(&out, "cost", record->cost);
	if (record->dry_run)
		put_text(&out, "dry_run", record->dry_run);
	if (record->id) {
		put_bool(&out, "superseded", record->superseded);
		if (record->unsure)
			put_bool(&out, "unsure", true);
		if (record->private_service)
			put_bool(&out, "private_service", true);
		put_text(&out, "id", record->id);
		put_text(&out, "step", record->step);
		put_text(&out, "request", record->request);
		put_text(&out, "task", record->task);
	}
	object = finish(&out);
	text = object ? print_line(object) : NULL;
	cJSON_Delete(object);
	return text;
}

const char *seed_record_step(const char *word)
{
	/* The words stand in journals on disk: add, never change. */
	static const char *const words[] = {
		"queued", "adopt", "submitting", "accepted", "received", "commit",
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			return words[i];
	return NULL;
}

static errint_t copy_error(struct seed_kept_error *to, const struct seed_kept_error *from)
{
	*to = (struct seed_kept_error){ from->code, from->http_status, NULL };
	return seed_record_set(&to->message, from->message);
}

static errint_t copy_attempts(struct seed_record *to, const struct seed_record *from)
{
	errint_t err;

	to->attempts = NULL;
	if (!from->attempts)
		return 0;
	err = seed_record_reserve_attempts(to);
	for (int i = 0; i < SEED_ATTEMPTS_MAX && !err; i++) {
		to->attempts[i] = from->attempts[i];
		to->attempts[i].task_id = NULL;
		err = copy_error(&to->attempts[i].error, &from->attempts[i].error);
		if (!err)
			err = seed_record_set(&to->attempts[i].task_id, from->attempts[i].task_id);
	}
	return err;
}

errint_t seed_record_copy(struct seed_record *to, const struct seed_record *from)
{
	struct seed_record source = *from; /* borrows everything */
	errint_t err;

	*to = *from;
	seed_params_init(&to->params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts); i++)
		*text_at(to, owned_texts[i]) = NULL;
	err = copy_attempts(to, from);
	if (!to->attempts)
		to->attempt_count = 0;
	to->error.message = NULL;
	if (!err)
		err = copy_error(&to->error, &from->error);
	if (!err)
		err = seed_params_copy(&to->params, &from->params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts) && !err; i++)
		err = seed_record_set(text_at(to, owned_texts[i]), *text_at(&source, owned_texts[i]));
	return err;
}
