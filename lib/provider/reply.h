/*
 * What the providers share to turn an answer into a step. Internal to
 * lib/provider/. Pure functions.
 */
#ifndef SEED_PROVIDER_REPLY_H
#define SEED_PROVIDER_REPLY_H

#include "lib/provider/json.h"
#include "lib/provider/provider.h"

void seed_reply_backoff(struct seed_step *step, const struct seed_response *response);

/* SEED_STEP_FAIL with an errno and the status that mattered. */
void seed_reply_fail(struct seed_step *step, int code, long status, const char *format, ...)
	SEED_PRINTF(4, 5);

/*
 * An answer that refuses, by its status (HTTP's or an envelope's) and words:
 * FAIL. `what` is "HTTP" or "code", for the message. `json` may be NULL (not
 * JSON). An HTTP 403 that is not in the words of a service, but a firewall's
 * page, says nothing about the key: EIO.
 */
void seed_reply_refuse(struct seed_step *step, const struct seed_response *response,
		      const cJSON *json, const char *what, long status);

/*
 * For polls: true if the answer says nothing about the task; then the step is
 * set. FAIL if it refuses the key or speaks of missing credits, UNKNOWN for 404
 * and 410. Everything else that is not a 2xx with JSON is BACKOFF, since the task
 * was paid for and only the deadline ends the waiting.
 */
bool seed_reply_poll_trouble(struct seed_step *step, const struct seed_response *response,
			    const cJSON *json);

/*
 * For polls: true where the id at `path` is another task's: the answer says nothing about this one. A proxy or a
 * service that once answers one time too many on a kept connection shifts all that follow.
 * Where none stands there it is taken for this one's, and its connection is not kept: so nothing
 * can be shifted.
 */
bool seed_reply_is_of_other(struct seed_step *step, const struct seed_response *response, const cJSON *json,
			    const char *path, const struct seed_task *task);

/* For requests that cost money: true if the answer is not a 2xx with JSON; then step is set. */
bool seed_reply_submit_trouble(struct seed_step *step, const struct seed_response *response,
			      const cJSON *json);

/* Whether one of the words is in the text, ignoring case. */
bool seed_reply_holds(const char *text, const char *const *words, size_t count);

/* The errno of a message or code of a service: EPERM for a content policy,
 * EDQUOT for money, else `otherwise`. */
int seed_reply_judge_words(const char *words, int otherwise);

/* The picture: base64, perhaps in a "data:" URI, is decoded (BYTES); anything else:
 * FAIL. */
void seed_reply_base64(struct seed_step *step, const char *text);
/* The same, or an http(s) URL, which goes to task->image_url (URL). */
void seed_reply_image(struct seed_step *step, struct seed_task *task, const char *text);

/* The first text where an answer has its picture: the item itself, or the first text
 * below it in lists and in objects' `url`, `image`, `images` and so on; NULL: none. */
const char *seed_reply_first_image(const cJSON *item);

/* The first picture of the list that OpenAI's dialect (and ark's) has in
 * `data`: elements with a `url` or a `b64_json`. False if there is none. */
bool seed_reply_data_image(struct seed_step *step, struct seed_task *task, const cJSON *json);

/* Replaces *field by a copy of text (may be NULL). False without memory, and
 * then the step is a FAIL. */
bool seed_reply_keep(struct seed_step *step, char **field, const char *text);

#endif
