#include "fs/draft.h"

#include "lib/base/text.h"

void draft_sum_init(struct draft_sum *sum, size_t most)
{
	atomic_init(&sum->bytes, 0);
	sum->most = most;
}

static errint_t charge(struct draft_sum *sum, size_t more)
{
	if (atomic_fetch_add(&sum->bytes, more) + more <= sum->most)
		return 0;
	atomic_fetch_sub(&sum->bytes, more);
	return -ENOSPC;
}

errint_t draft_new(char *text, size_t len, size_t limit, bool is_prompt, struct draft_sum *sum,
		   struct draft **out)
{
	struct draft *draft = calloc(1, sizeof(*draft));
	errint_t err = draft ? charge(sum, len) : -ENOMEM;

	if (err) {
		free(draft);
		free(text);
		return err;
	}
	draft->data = text;
	draft->len = draft->room = len;
	draft->sum = sum;
	draft->limit = limit;
	draft->is_prompt = is_prompt;
	draft->text_number = 1; /* 0 means no text */
	pthread_mutex_init(&draft->mutex, NULL);
	*out = draft;
	return 0;
}

void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	/* The caller that committed it releases it after the engine has the text, and may be
	 * answered first. */
	pthread_mutex_lock(&draft->mutex);
	pthread_mutex_unlock(&draft->mutex);
	seed_ticket_unref(draft->ticket);
	pthread_mutex_destroy(&draft->mutex);
	atomic_fetch_sub(&draft->sum->bytes, draft->room);
	free(draft->data);
	free(draft);
}

/* Most texts are short and come in one write, and ten thousand of them may wait. */
static errint_t reserve(struct draft *draft, size_t size)
{
	size_t room = 2 * draft->room;
	char *data;
	errint_t err;

	if (size <= draft->room)
		return 0;
	if (room > draft->limit)
		room = draft->limit;
	if (room < size)
		room = size;
	err = charge(draft->sum, room - draft->room);
	if (err)
		return err;
	data = realloc(draft->data, room);
	if (!data) {
		atomic_fetch_sub(&draft->sum->bytes, room - draft->room);
		return -ENOMEM;
	}
	draft->data = data;
	draft->room = room;
	return 0;
}

errint_t draft_write(struct draft *draft, const char *data, size_t size, size_t offset, size_t *at)
{
	errint_t err;

	if (draft->refused)
		return -draft->refused;
	if (offset > draft->limit || size > draft->limit - offset)
		err = -EFBIG;
	else if (draft->is_prompt && offset == draft->len)
		/* In the middle, a later write may complete it: close() judges. */
		err = seed_text_check_write(draft->data, draft->len, data, size, at);
	else
		err = 0;
	if (!err)
		err = reserve(draft, offset + size);
	if (err) { /* nothing of an invalid text is committed */
		draft->refused = -err;
		return err;
	}
	if (offset > draft->len)
		memset(draft->data + draft->len, 0, offset - draft->len);
	memcpy(draft->data + offset, data, size);
	if (offset + size > draft->len)
		draft->len = offset + size;
	draft->changed = true;
	clock_gettime(CLOCK_REALTIME, &draft->mtime);
	return 0;
}

errint_t draft_truncate(struct draft *draft, size_t size)
{
	errint_t err;

	if (size > draft->limit)
		return -EFBIG;
	clock_gettime(CLOCK_REALTIME, &draft->mtime);
	if (size == 0) {
		/* A new text begins; the committed one stays until it is committed. */
		if (draft->is_prompt) /* a callback is a message: the last one counts */
			draft->text_number++;
		draft->refused = 0;
		draft->changed = false;
		draft->owed_by = 0;
		draft->len = 0;
		return 0;
	}
	err = reserve(draft, size);
	if (err)
		return err;
	if (size != draft->len)
		draft->changed = true;
	if (size > draft->len)
		memset(draft->data + draft->len, 0, size - draft->len);
	draft->len = size;
	return 0;
}

errint_t draft_take(struct draft *draft, char **text, size_t *at)
{
	const char *nul;
	errint_t err = 0;

	*text = NULL;
	if (draft->refused)
		return -draft->refused;
	if (!draft->changed)
		return 0;
	if (draft->is_prompt) {
		err = seed_text_check(draft->data, draft->len, at);
	} else if ((nul = memchr(draft->data, '\0', draft->len)) != NULL) {
		*at = (size_t)(nul - draft->data); /* the engine takes it as a C string */
		err = -EINVAL;
	}
	if (err) {
		draft->refused = -err;
		return err;
	}
	if (seed_text_trimmed(draft->data, draft->len) == 0)
		return 0;
	*text = malloc(draft->len + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, draft->data, draft->len);
	(*text)[draft->len] = '\0';
	draft->changed = false;
	draft->owed_by = 0;
	return 0;
}
