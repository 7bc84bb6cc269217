/* The other way of lib/record/record.c: JSON, perhaps damaged or not ours, becomes a
 * row or -EBADMSG. */
#include "lib/record/record.h"

#include <cjson/cJSON.h>
#include <limits.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

/* A cursor on an object that remembers the first error. Keys that are absent
 * or null leave their field as it is. */
struct reader {
	const cJSON *object;
	errint_t result;
};

static void bad(struct reader *in)
{
	if (!in->result)
		in->result = -EBADMSG;
}

static const cJSON *get(const struct reader *in, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in->object, key);

	return cJSON_IsNull(item) ? NULL : item;
}

/* A string of at most `limit` bytes, or NULL. */
static const char *get_text(struct reader *in, const char *key, size_t limit)
{
	const cJSON *item = get(in, key);
	const char *text = cJSON_GetStringValue(item);

	if (item && (!text || strlen(text) > limit)) {
		bad(in);
		return NULL;
	}
	return text;
}

static void read_text(struct reader *in, const char *key, char **field)
{
	const char *text = get_text(in, key, SEED_RECORD_MAX_BYTES);

	if (text && seed_record_set(field, text))
		in->result = -ENOMEM;
}

static void read_fixed(struct reader *in, const char *key, char *field, size_t size)
{
	const char *text = get_text(in, key, size - 1);

	if (text)
		memcpy(field, text, strlen(text) + 1);
}

static void read_number(struct reader *in, const char *key, double min, double max, double *field)
{
	const cJSON *item = get(in, key);
	double value = cJSON_GetNumberValue(item); /* NaN if it is no number */

	if (!item)
		return;
	if (value >= min && value <= max)
		*field = value;
	else
		bad(in);
}

/* An integer of 0 to max; `max` is at most 2^53, where doubles are exact. */
static int64_t read_integer(struct reader *in, const char *key, int64_t max)
{
	double value = 0;

	read_number(in, key, 0, (double)max, &value);
	if (value != (double)(int64_t)value)
		bad(in);
	return (int64_t)value;
}

#define INTEGER_MAX (INT64_C(1) << 53)

static bool read_bool(const struct reader *in, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(in->object, key));
}

static uint32_t read_side(struct reader *in, const char *key)
{
	return (uint32_t)read_integer(in, key, UINT32_MAX);
}

static void read_time(struct reader *in, const char *key, int64_t *wall_ms)
{
	const char *text = get_text(in, key, SEED_CLOCK_TEXT_BYTES);

	if (text && seed_clock_parse(text, wall_ms))
		bad(in);
}

/* A cursor on the object under `key`; false where there is none. */
static bool enter(struct reader *outer, const char *key, struct reader *in)
{
	const cJSON *item = get(outer, key);

	*in = (struct reader){.object = item};
	if (item && !cJSON_IsObject(item))
		bad(outer);
	return cJSON_IsObject(item);
}

static void leave(struct reader *outer, const struct reader *in)
{
	if (in->result && !outer->result)
		outer->result = in->result;
}

static void read_image(struct reader *outer, struct seed_image_info *image)
{
	struct reader in;

	if (!enter(outer, "image", &in))
		return;
	read_fixed(&in, "sha256", image->sha256, sizeof(image->sha256));
	image->bytes = (uint64_t)read_integer(&in, "bytes", INTEGER_MAX);
	image->width = read_side(&in, "width");
	image->height = read_side(&in, "height");
	leave(outer, &in);
}

static void read_source(struct reader *outer, struct seed_source_info *source)
{
	struct reader in;

	if (!enter(outer, "source", &in))
		return;
	read_fixed(&in, "format", source->format, sizeof(source->format));
	source->width = read_side(&in, "width");
	source->height = read_side(&in, "height");
	source->bytes = (uint64_t)read_integer(&in, "bytes", INTEGER_MAX);
	read_fixed(&in, "sha256", source->sha256, sizeof(source->sha256));
	read_fixed(&in, "fit", source->fit, sizeof(source->fit));
	leave(outer, &in);
}

/* Up to nine digits, so that no int overflows; NULL where none stands. */
static const char *parse_side(const char *text, int *side)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 9)
		return NULL;
	*side = 0;
	for (; digits; digits--)
		*side = *side * 10 + (*text++ - '0');
	return text;
}

static void read_size(struct reader *in, struct seed_params *params)
{
	const char *text = get_text(in, "size", SEED_MESSAGE_MAX_BYTES);

	if (!text)
		return;
	text = parse_side(text, &params->width);
	if (text)
		text = *text == 'x' ? parse_side(text + 1, &params->height) : NULL;
	if (!text || *text)
		bad(in);
}

static void read_params(struct reader *outer, struct seed_params *params)
{
	struct reader in;

	if (!enter(outer, "parameters", &in))
		return;
	read_text(&in, "model", &params->model);
	read_size(&in, params);
	read_text(&in, "quality", &params->quality);
	params->steps = (int)read_integer(&in, "steps", INT32_MAX);
	read_number(&in, "cfg_scale", 0, (double)INT32_MAX, &params->cfg_scale);
	read_text(&in, "guidance", &params->guidance);
	read_text(&in, "style", &params->style);
	read_text(&in, "negative_prompt", &params->negative_prompt);
	params->has_seed = get(&in, "seed") != NULL;
	params->seed = read_integer(&in, "seed", INTEGER_MAX);
	leave(outer, &in);
}

static void read_error(struct reader *outer, struct seed_kept_error *kept)
{
	const char *name, *message;
	struct seed_error error;
	struct reader in;
	int code;

	if (!enter(outer, "error", &in))
		return;
	name = get_text(&in, "errno", SEED_MESSAGE_MAX_BYTES);
	message = get_text(&in, "message", SEED_RECORD_MAX_BYTES);
	if (!name)
		bad(&in);
	/* A name that this libc does not have is still an error. */
	code = name ? seed_error_code(name) : 0;
	(void)seed_error_set(&error, code ? code : EIO, "%s", message ? message : "");
	error.http_status = (int)read_integer(&in, "http_status", INT32_MAX);
	seed_error_keep(kept, &error);
	if (*error.message && !kept->message)
		outer->result = -ENOMEM;
	leave(outer, &in);
}

static void read_attempts(struct reader *outer, struct seed_record *record)
{
	const cJSON *array = get(outer, "attempts"), *item;

	if (!array)
		return;
	if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > SEED_ATTEMPTS_MAX) {
		bad(outer);
		return;
	}
	if (cJSON_GetArraySize(array) > 0 && seed_record_reserve_attempts(record)) {
		outer->result = -ENOMEM;
		return;
	}
	cJSON_ArrayForEach(item, array) {
		struct seed_attempt *attempt = &record->attempts[record->attempt_count++];
		struct reader in = {.object = item};

		if (!cJSON_IsObject(item))
			bad(&in);
		attempt->steps = (int)read_integer(&in, "steps", INT32_MAX);
		read_number(&in, "cfg_scale", 0, (double)INT32_MAX, &attempt->cfg_scale);
		read_time(&in, "started_at", &attempt->started_ms);
		read_time(&in, "ended_at", &attempt->ended_ms);
		read_text(&in, "task_id", &attempt->task_id);
		read_error(&in, &attempt->error);
		leave(outer, &in);
	}
}

static void read_state(struct reader *in, enum seed_state *state)
{
	const char *name = get_text(in, "state", SEED_MESSAGE_MAX_BYTES);

	for (int i = SEED_STATE_QUEUED; name && i <= SEED_STATE_CANCELLED; i++) {
		if (strcmp(name, seed_state_name((enum seed_state)i)) == 0) {
			*state = (enum seed_state)i;
			return;
		}
	}
	bad(in);
}

static void read_step(struct reader *in, const char **step)
{
	const char *word = get_text(in, "step", SEED_MESSAGE_MAX_BYTES);

	if (!word)
		return;
	*step = seed_record_step(word);
	if (!*step)
		bad(in);
}

/* What no row is without. A name leads to files: one that could lead out of
 * the areas is none of ours. */
static void check_row(struct reader *in, const struct seed_record *record)
{
	if (!record->name || seed_text_check_stored_name(record->name))
		bad(in);
	if (record->state == SEED_STATE_VERIFIED &&
	    (!record->image.width || !record->image.height))
		bad(in);
}

static errint_t read_record(const cJSON *root, struct seed_record *record)
{
	struct reader in = {.object = root};

	if (!cJSON_IsObject(root))
		return -EBADMSG;
	read_text(&in, "name", &record->name);
	read_state(&in, &record->state);
	read_text(&in, "prompt", &record->prompt);
	read_text(&in, "image_url", &record->image_url);
	read_image(&in, &record->image);
	read_source(&in, &record->source);
	read_text(&in, "provider", &record->provider);
	read_params(&in, &record->params);
	read_text(&in, "task_id", &record->task_id);
	read_attempts(&in, record);
	read_error(&in, &record->error);
	read_number(&in, "progress", 0, 1, &record->progress);
	record->progress_estimated = read_bool(&in, "progress_estimated");
	if (get(&in, "queue_position"))
		record->queue_position = (int)read_integer(&in, "queue_position", INT_MAX);
	read_time(&in, "created_at", &record->created_ms);
	read_time(&in, "started_at", &record->started_ms);
	read_time(&in, "verified_at", &record->verified_ms);
	read_number(&in, "cost", 0, (double)INT64_MAX, &record->cost);
	record->superseded = read_bool(&in, "superseded");
	record->unsure = read_bool(&in, "unsure");
	record->private_service = read_bool(&in, "private_service");
	read_text(&in, "id", &record->id);
	read_step(&in, &record->step);
	read_text(&in, "request", &record->request);
	read_text(&in, "task", &record->task);
	read_text(&in, "dry_run", &record->dry_run);
	check_row(&in, record);
	return in.result;
}

errint_t seed_record_parse(const char *json, size_t len, struct seed_record *record)
{
	const char *end = NULL;
	errint_t result;
	cJSON *root;
	char *text;

	seed_record_init(record);
	if (len > SEED_RECORD_MAX_BYTES || memchr(json, '\0', len))
		return -EBADMSG;
	/* NUL-terminated, for cJSON reads a byte too far (CVE-2023-53154). */
	text = strndup(json, len);
	if (!text)
		return -ENOMEM;
	root = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (root && end[strspn(end, " \t\r\n")])
		result = -EBADMSG;
	else
		result = read_record(root, record);
	cJSON_Delete(root);
	free(text);
	return result;
}
