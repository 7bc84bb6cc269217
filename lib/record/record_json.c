/*
 * A row as JSON. Each field stands here once: the same function writes it and
 * reads it. The text that is read may be damaged, or may not be ours. A key
 * that is absent or null leaves its field unchanged.
 */
#include "lib/record/record.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

/* The object that is written or read, and the first error. */
struct codec {
	cJSON *object; /* NULL: there is none, or no memory for it */
	bool writing;
	errint_t err;
};

static void fail(struct codec *io, errint_t err)
{
	if (!io->err)
		io->err = err;
}

/* ---- out ---- */

static void put(struct codec *out, const char *key, cJSON *item)
{
	if (item && out->object && cJSON_AddItemToObjectCS(out->object, key, item))
		return;
	cJSON_Delete(item);
	fail(out, -ENOMEM);
}

static void put_text(struct codec *out, const char *key, const char *text)
{
	put(out, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* ---- in ---- */

static const cJSON *get(const struct codec *in, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in->object, key);

	return cJSON_IsNull(item) ? NULL : item;
}

/* A string of at most `limit` bytes, or NULL. */
static const char *get_text(struct codec *in, const char *key, size_t limit)
{
	const cJSON *item = get(in, key);
	const char *text = cJSON_GetStringValue(item);

	if (item && (!text || strlen(text) > limit)) {
		fail(in, -EBADMSG);
		return NULL;
	}
	return text;
}

/* ---- both ways: values ---- */

/* Whether a field is to be written or read that is written only if it is set. */
static bool has(const struct codec *io, bool is_set)
{
	return is_set || !io->writing;
}

static void do_text(struct codec *io, const char *key, char **field)
{
	const char *text;

	if (io->writing) {
		put_text(io, key, *field);
		return;
	}
	text = get_text(io, key, SEED_RECORD_MAX_BYTES);
	if (text && seed_record_set(field, text))
		fail(io, -ENOMEM);
}

static void do_fixed(struct codec *io, const char *key, char *field, size_t size)
{
	const char *text;

	if (io->writing) {
		put_text(io, key, field);
		return;
	}
	text = get_text(io, key, size - 1);
	if (text)
		memcpy(field, text, strlen(text) + 1);
}

static void do_bool(struct codec *io, const char *key, bool *field)
{
	if (io->writing)
		put(io, key, cJSON_CreateBool(*field));
	else
		*field = cJSON_IsTrue(get(io, key));
}

/* 0 to max. */
static void take_number(struct codec *in, const char *key, double max, double *field)
{
	const cJSON *item = get(in, key);
	double value = cJSON_GetNumberValue(item); /* NaN if it is no number */

	if (!item)
		return;
	if (value >= 0 && value <= max)
		*field = value;
	else
		fail(in, -EBADMSG);
}

static void do_number(struct codec *io, const char *key, double max, double *field)
{
	if (io->writing)
		put(io, key, cJSON_CreateNumber(*field));
	else
		take_number(io, key, max, field);
}

/* `max` is at most 2^53, where doubles are exact. */
static int64_t do_integer(struct codec *io, const char *key, int64_t max, int64_t field)
{
	/* cJSON prints a double with 15 digits if it thinks that near enough: a seed of
	 * 2^53 would come back as another one. */
	char digits[sizeof("-9223372036854775808")];
	double value = (double)field;

	if (io->writing) {
		(void)snprintf(digits, sizeof(digits), "%jd", (intmax_t)field);
		put(io, key, cJSON_CreateRaw(digits));
		return field;
	}
	take_number(io, key, (double)max, &value);
	if (value != (double)(int64_t)value)
		fail(io, -EBADMSG);
	return (int64_t)value;
}

#define INTEGER_MAX (INT64_C(1) << 53)

static void do_int(struct codec *io, const char *key, int *field)
{
	*field = (int)do_integer(io, key, INT_MAX, *field);
}

static void do_side(struct codec *io, const char *key, uint32_t *field)
{
	*field = (uint32_t)do_integer(io, key, UINT32_MAX, *field);
}

static void do_bytes(struct codec *io, const char *key, uint64_t *field)
{
	*field = (uint64_t)do_integer(io, key, INTEGER_MAX, (int64_t)*field);
}

static void do_time(struct codec *io, const char *key, int64_t *wall_ms)
{
	char written[SEED_CLOCK_TEXT_BYTES];
	const char *text;

	if (io->writing) {
		seed_clock_format(*wall_ms, written);
		put_text(io, key, *wall_ms ? written : NULL);
		return;
	}
	text = get_text(io, key, SEED_CLOCK_TEXT_BYTES);
	if (text && seed_clock_parse(text, wall_ms))
		fail(io, -EBADMSG);
}

/* As files have it: with nanoseconds, also before 1970. */
static void do_file_time(struct codec *io, const char *key, struct timespec *field)
{
	char written[sizeof("-9223372036854775808.999999999")];
	const char *text;
	intmax_t seconds = 0;
	long nanoseconds = 0;
	int read = 0;

	if (io->writing) {
		(void)snprintf(written, sizeof(written), "%jd.%09ld", (intmax_t)field->tv_sec,
			       field->tv_nsec);
		put_text(io, key, written);
		return;
	}
	text = get_text(io, key, sizeof(written) - 1);
	if (!text)
		return;
	if (sscanf(text, "%20jd.%9ld%n", &seconds, &nanoseconds, &read) != 2 || text[read] ||
	    nanoseconds < 0)
		fail(io, -EBADMSG);
	else
		*field = (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = nanoseconds };
}

static void do_size(struct codec *io, const char *key, int *width, int *height)
{
	char written[sizeof("-2147483648x-2147483648")];
	const char *text;
	int read = 0;

	if (io->writing) {
		(void)snprintf(written, sizeof(written), "%dx%d", *width, *height);
		put_text(io, key, written);
		return;
	}
	text = get_text(io, key, sizeof(written));
	/* Up to nine digits, so that no int overflows. */
	if (text && (strspn(text, "0123456789x") != strlen(text) ||
		     sscanf(text, "%9dx%9d%n", width, height, &read) != 2 || text[read]))
		fail(io, -EBADMSG);
}

static void do_state(struct codec *io, enum seed_state *state)
{
	const char *name;

	if (io->writing) {
		put_text(io, "state", seed_state_name(*state));
		return;
	}
	name = get_text(io, "state", SEED_MESSAGE_MAX_BYTES);
	for (int i = SEED_STATE_QUEUED; name && i <= SEED_STATE_CANCELLED; i++) {
		if (strcmp(name, seed_state_name((enum seed_state)i)) == 0) {
			*state = (enum seed_state)i;
			return;
		}
	}
	fail(io, -EBADMSG);
}

static void do_step(struct codec *io, const char **step)
{
	const char *word;

	if (io->writing) {
		put_text(io, "step", *step);
		return;
	}
	word = get_text(io, "step", SEED_MESSAGE_MAX_BYTES);
	if (!word)
		return;
	*step = seed_record_step(word);
	if (!*step)
		fail(io, -EBADMSG);
}

static void do_progress(struct codec *io, double *progress)
{
	double clamped = !(*progress > 0) ? 0 : *progress < 1 ? *progress : 1;

	do_number(io, "progress", 1, io->writing ? &clamped : progress);
}

/* ---- both ways: objects ---- */

/* Begins the object under `key`. False: there is none, or none is to be written. */
static bool enter(struct codec *outer, const char *key, bool is_set, struct codec *io)
{
	*io = (struct codec){ .writing = outer->writing };
	if (!has(outer, is_set)) {
		put_text(outer, key, NULL);
		return false;
	}
	if (outer->writing) {
		io->object = cJSON_CreateObject();
		return true;
	}
	io->object = cJSON_GetObjectItemCaseSensitive(outer->object, key);
	if (get(outer, key) && !cJSON_IsObject(io->object))
		fail(outer, -EBADMSG);
	return cJSON_IsObject(io->object);
}

static void leave(struct codec *outer, const char *key, const struct codec *io)
{
	if (io->writing)
		put(outer, key, io->object);
	if (io->err)
		fail(outer, io->err);
}

static void do_image(struct codec *outer, bool is_set, struct seed_image_info *image)
{
	struct codec io;

	if (!enter(outer, "image", is_set, &io))
		return;
	do_fixed(&io, "sha256", image->sha256, sizeof(image->sha256));
	do_bytes(&io, "bytes", &image->bytes);
	do_side(&io, "width", &image->width);
	do_side(&io, "height", &image->height);
	leave(outer, "image", &io);
}

static void do_source(struct codec *outer, struct seed_source_info *source)
{
	struct codec io;

	if (!enter(outer, "source", source->format[0], &io))
		return;
	do_fixed(&io, "format", source->format, sizeof(source->format));
	do_side(&io, "width", &source->width);
	do_side(&io, "height", &source->height);
	do_bytes(&io, "bytes", &source->bytes);
	do_fixed(&io, "sha256", source->sha256, sizeof(source->sha256));
	do_fixed(&io, "fit", source->fit, sizeof(source->fit));
	leave(outer, "source", &io);
}

static void do_given(struct codec *outer, struct seed_params *params)
{
	struct codec io;

	if (!enter(outer, "parameters", true, &io))
		return;
	do_text(&io, "model", &params->model);
	do_size(&io, "size", &params->width, &params->height);
	do_text(&io, "quality", &params->quality);
	do_int(&io, "steps", &params->steps);
	do_number(&io, "cfg_scale", INT_MAX, &params->cfg_scale);
	do_text(&io, "guidance", &params->guidance);
	do_text(&io, "style", &params->style);
	do_text(&io, "negative_prompt", &params->negative_prompt);
	if (!io.writing)
		params->has_seed = get(&io, "seed") != NULL;
	if (params->has_seed)
		params->seed = do_integer(&io, "seed", INTEGER_MAX, params->seed);
	leave(outer, "parameters", &io);
}

static void do_params(struct codec *io, const struct seed_params **shared)
{
	struct seed_params params;

	if (*shared)
		params = **shared; /* borrowed, and only read */
	else
		seed_params_init(&params);
	if (io->writing)
		put_text(io, "model", params.model);
	do_given(io, &params);
	if (*shared)
		return;
	if (io->writing)
		seed_params_release(&params);
	else if (!(*shared = seed_params_share(&params)))
		fail(io, -ENOMEM);
}

static void put_error(struct codec *out, const struct seed_kept_error *error)
{
	int status = error->http_status;

	put_text(out, "errno", seed_error_name(error->code));
	put_text(out, "message", seed_error_words(error));
	if (status > 0) /* some envelopes have codes below 0 */
		do_int(out, "http_status", &status);
}

static void take_error(struct codec *in, struct seed_kept_error *kept)
{
	const char *name = get_text(in, "errno", SEED_MESSAGE_MAX_BYTES);
	const char *message = get_text(in, "message", SEED_RECORD_MAX_BYTES);
	/* A name that this libc does not know is still an error. */
	int code = name ? seed_error_code(name) : 0;
	struct seed_error error;

	if (!name)
		fail(in, -EBADMSG);
	(void)seed_error_set(&error, code ? code : EIO, "%s", message ? message : "");
	do_int(in, "http_status", &error.http_status);
	seed_error_keep(kept, &error);
	if (*error.message && !kept->message)
		fail(in, -ENOMEM);
}

static void do_error(struct codec *outer, struct seed_kept_error *error)
{
	struct codec io;

	if (!enter(outer, "error", error->code, &io))
		return;
	if (io.writing)
		put_error(&io, error);
	else
		take_error(&io, error);
	leave(outer, "error", &io);
}

static void do_attempt(struct codec *io, struct seed_attempt *attempt)
{
	do_int(io, "steps", &attempt->steps);
	do_number(io, "cfg_scale", INT_MAX, &attempt->cfg_scale);
	do_time(io, "started_at", &attempt->started_ms);
	do_time(io, "ended_at", &attempt->ended_ms);
	do_text(io, "task_id", &attempt->task_id);
	do_error(io, &attempt->error);
}

static void put_attempts(struct codec *out, struct seed_record *record)
{
	cJSON *array = cJSON_CreateArray();

	for (int i = 0; i < record->attempt_count; i++) {
		struct codec io = { .object = cJSON_CreateObject(), .writing = true };

		do_attempt(&io, &record->attempts[i]);
		if (io.err || !cJSON_AddItemToArray(array, io.object)) {
			cJSON_Delete(io.object);
			fail(out, -ENOMEM);
		}
	}
	put(out, "attempts", array);
}

static void take_attempts(struct codec *in, struct seed_record *record)
{
	const cJSON *array = get(in, "attempts");
	cJSON *item;

	if (array && (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > SEED_ATTEMPTS_MAX)) {
		fail(in, -EBADMSG);
		return;
	}
	if (cJSON_GetArraySize(array) > 0 && seed_record_reserve_attempts(record)) {
		fail(in, -ENOMEM);
		return;
	}
	cJSON_ArrayForEach(item, array) {
		struct codec io = { .object = item };

		if (!cJSON_IsObject(item))
			fail(in, -EBADMSG);
		do_attempt(&io, &record->attempts[record->attempt_count++]);
		if (io.err)
			fail(in, io.err);
	}
}

static void do_journal(struct codec *io, struct seed_record *record)
{
	do_bool(io, "superseded", &record->superseded);
	if (has(io, record->unsure))
		do_bool(io, "unsure", &record->unsure);
	if (has(io, record->private_service))
		do_bool(io, "private_service", &record->private_service);
	do_text(io, "id", &record->id);
	do_step(io, &record->step);
	do_text(io, "request", &record->request);
	if (has(io, record->prompt_time.tv_nsec != UTIME_OMIT))
		do_file_time(io, "prompt_time", &record->prompt_time);
	do_text(io, "task", &record->task);
}

/* Repeats what `image` says, and only if it is verified; so it is not read back. */
static void put_resolution(struct codec *out, const struct seed_record *record)
{
	int width = (int)record->image.width, height = (int)record->image.height;

	if (record->state == SEED_STATE_VERIFIED)
		do_size(out, "resolution", &width, &height);
	else
		put_text(out, "resolution", NULL);
}

static void do_record(struct codec *io, struct seed_record *record, const char *const *versions,
		      size_t version_count)
{
	do_text(io, "name", &record->name);
	do_state(io, &record->state);
	do_text(io, "prompt", &record->prompt);
	do_text(io, "image_url", &record->image_url);
	if (io->writing)
		put_resolution(io, record);
	do_image(io, record->state == SEED_STATE_VERIFIED || record->image.bytes, &record->image);
	do_source(io, &record->source);
	do_text(io, "provider", &record->provider);
	do_params(io, &record->params);
	do_text(io, "task_id", &record->task_id);
	if (io->writing)
		put_attempts(io, record);
	else
		take_attempts(io, record);
	do_error(io, &record->error);
	do_progress(io, &record->progress);
	if (has(io, record->progress_estimated))
		do_bool(io, "progress_estimated", &record->progress_estimated);
	if (has(io, record->queue_position >= 0) && (io->writing || get(io, "queue_position")))
		do_int(io, "queue_position", &record->queue_position);
	do_time(io, "created_at", &record->created_ms);
	do_time(io, "started_at", &record->started_ms);
	do_time(io, "verified_at", &record->verified_ms);
	if (versions)
		put(io, "versions", cJSON_CreateStringArray(versions, (int)version_count));
	if (has(io, record->cost >= 0))
		do_number(io, "cost", (double)INT64_MAX, &record->cost);
	if (has(io, record->dry_run))
		do_text(io, "dry_run", &record->dry_run);
	if (has(io, record->id))
		do_journal(io, record);
}

/* ---- rows ---- */

/* With a line break at its end, as text files have it. */
static char *print(const struct seed_record *record, const char *const *versions,
		   size_t version_count, char *(*form)(const cJSON *))
{
	struct codec out = { .object = cJSON_CreateObject(), .writing = true };
	struct seed_record source = *record; /* borrows everything, and is only read */
	char *json, *text = NULL;

	do_record(&out, &source, versions, version_count);
	json = out.err ? NULL : form(out.object);
	if (json && asprintf(&text, "%s\n", json) < 0)
		text = NULL;
	cJSON_free(json);
	cJSON_Delete(out.object);
	return text;
}

char *seed_record_format(const struct seed_record *record, const char *const *versions,
			 size_t version_count)
{
	return print(record, versions, version_count, cJSON_Print);
}

char *seed_record_format_line(const struct seed_record *record)
{
	return print(record, NULL, 0, cJSON_PrintUnformatted);
}

/* What every row must have. A name leads to files, so it must not lead out of the areas. */
static bool is_row(const struct seed_record *record)
{
	const struct seed_image_info *image = &record->image;

	return record->name && !seed_text_check_stored_name(record->name) &&
	       (record->state != SEED_STATE_VERIFIED || (image->width && image->height));
}

errint_t seed_record_parse(const char *json, size_t len, struct seed_record *record)
{
	struct codec in = { 0 };
	const char *end = NULL;
	char *text;

	seed_record_init(record);
	if (len > SEED_RECORD_MAX_BYTES || memchr(json, '\0', len))
		return -EBADMSG;
	/* NUL-terminated, because cJSON may read one byte too far (CVE-2023-53154). */
	text = strndup(json, len);
	if (!text)
		return -ENOMEM;
	in.object = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (cJSON_IsObject(in.object) && !end[strspn(end, " \t\r\n")])
		do_record(&in, record, NULL, 0);
	if (!in.err && !is_row(record))
		in.err = -EBADMSG;
	cJSON_Delete(in.object);
	free(text);
	return in.err;
}
