#include "lib/record/record.h"

#include <sys/stat.h>

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
}

/* The texts that a row owns, except those of its attempts. */
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
	seed_params_unref(record->params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts); i++)
		free(*text_at(record, owned_texts[i]));
	seed_record_init(record);
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

const char *seed_record_step(const char *word)
{
	/* Journals on disk have these words, so none of them may change. */
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

void seed_record_take_attempt(struct seed_record *to, const struct seed_record *from, int64_t now_ms)
{
	struct seed_attempt *attempt;
	struct seed_error error;

	if (to->attempt_count != SEED_ATTEMPTS_MAX - 1 || from->attempt_count != SEED_ATTEMPTS_MAX ||
	    seed_record_reserve_attempts(to))
		return;
	attempt = &to->attempts[SEED_ATTEMPTS_MAX - 1];
	*attempt = from->attempts[SEED_ATTEMPTS_MAX - 1];
	attempt->task_id = NULL;
	attempt->error.message = NULL;
	seed_error_recall(&from->attempts[SEED_ATTEMPTS_MAX - 1].error, &error);
	seed_error_keep(&attempt->error, &error);
	if (!attempt->ended_ms)
		attempt->ended_ms = now_ms;
	if (seed_record_set(&attempt->task_id, from->attempts[SEED_ATTEMPTS_MAX - 1].task_id) == 0)
		to->attempt_count = SEED_ATTEMPTS_MAX;
}

errint_t seed_record_copy(struct seed_record *to, const struct seed_record *from)
{
	struct seed_record source = *from; /* borrows everything from it */
	errint_t err;

	*to = *from;
	to->params = seed_params_ref(from->params);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts); i++)
		*text_at(to, owned_texts[i]) = NULL;
	err = copy_attempts(to, from);
	if (!to->attempts)
		to->attempt_count = 0;
	to->error.message = NULL;
	if (!err)
		err = copy_error(&to->error, &from->error);
	for (size_t i = 0; i < SEED_ARRAY_LEN(owned_texts) && !err; i++)
		err = seed_record_set(text_at(to, owned_texts[i]), *text_at(&source, owned_texts[i]));
	return err;
}
