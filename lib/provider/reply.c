#include "lib/provider/reply.h"

#include <stdarg.h>

#include "lib/base/url.h"
#include "lib/record/record.h"

/* --- Steps --- */

void seed_reply_backoff(struct seed_step *step, const struct seed_response *response)
{
	step->kind = SEED_STEP_BACKOFF;
	step->retry_after_ms = response->retry_after_ms;
}

void seed_reply_fail(struct seed_step *step, int code, long status, const char *format, ...)
{
	char message[SEED_MESSAGE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	step->kind = SEED_STEP_FAIL;
	(void)seed_error_set(&step->error, code, "%s", message);
	/* An envelope's code may be any number, but a row has room only for a status. */
	step->error.http_status = status >= 100 && status <= 999 ? (int)status : 0;
	step->error.final = code == EKEYREJECTED || code == EDQUOT;
}

/* --- What a refusal means --- */

bool seed_reply_holds(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}

static bool is_policy(const char *words)
{
	static const char *const policy[] = {
		"flagged as sensitive",     /* Replicate E005, kie */
		"(E005)",                   /* Replicate */
		"SensitiveContent",         /* ark */
		"sensitive information",    /* ark's text */
		"content polic",            /* kie: "may violate … content policies" */
		"content_polic",            /* kie CONTENT_POLICY_BLOCKED, fal, dall-e */
		"content could not be",     /* kie: "current content could not be processed" */
		"moderation_blocked",       /* OpenAI */
		"content moderation",
		"safety system",            /* OpenAI's text */
		"nsfw content",
		"prohibited content",
		"content_filter",           /* Azure, and gateways to it */
		"contentFilter",
		"content management policy",
		"ContentPolicyViolation",
		"ResponsibleAIPolicyViolation",
	};

	return seed_reply_holds(words, policy, SEED_ARRAY_LEN(policy));
}

static bool is_quota(const char *words)
{
	static const char *const quota[] = {
		"insufficient_quota",       /* OpenAI, with 429 */
		"billing_hard_limit",       /* OpenAI, with 400 */
		"billing_not_active",       /* OpenAI, with 429 */
		"QuotaExceeded",            /* ark, with 429 */
		"SetLimitExceeded",         /* ark, with 429 */
		"AccountOverdue",           /* ark, with 403 */
		"exhausted balance",        /* fal, with 403 */
		"insufficient credit",
		"insufficient balance",
		"credits insufficient",
		"credits are insufficient",
		"insufficient_user_quota",  /* gateways that resell, with 403 */
	};

	return seed_reply_holds(words, quota, SEED_ARRAY_LEN(quota));
}

int seed_reply_judge_words(const char *words, int otherwise)
{
	if (is_policy(words))
		return EPERM;
	return is_quota(words) ? EDQUOT : otherwise;
}

/* A short text that is not HTML: nothing better comes from a proxy. */
static void raw_message(const struct seed_response *response, char *out, size_t size)
{
	enum { RAW_MAX_BYTES = 160 };

	*out = 0;
	if (!response->len || response->len > RAW_MAX_BYTES || response->body[0] == '<')
		return;
	seed_json_copy_text(out, size, response->body);
}

/* 433 is kie's spending limit; every other code means what it means in HTTP. */
static int status_errno(long status)
{
	return status == 433 ? EDQUOT : seed_error_from_status(status);
}

/* Cloudflare's page in front of a service may also be JSON (RFC 9457); it marks itself as
 * its own. */
static bool is_own_words(const cJSON *json)
{
	char message[SEED_MESSAGE_MAX_BYTES];

	seed_json_message(json, message, sizeof(message));
	return *message && !cJSON_IsTrue(seed_json_at(json, "cloudflare_error"));
}

void seed_reply_refuse(struct seed_step *step, const struct seed_response *response,
		      const cJSON *json, const char *what, long status)
{
	char message[SEED_MESSAGE_MAX_BYTES], words[2 * SEED_MESSAGE_MAX_BYTES];
	const char *whose = "";
	int code;

	seed_json_error_words(json, words, sizeof(words));
	code = seed_reply_judge_words(words, 0);
	seed_json_message(json, message, sizeof(message));
	if (!json)
		raw_message(response, message, sizeof(message));
	if (!code)
		code = status_errno(status);
	if (code == EKEYREJECTED && response->status == 403 && !is_own_words(json)) {
		code = EIO;
		whose = " (not in the service's words: a firewall's page?)";
	}
	if (response->redirect)
		seed_reply_fail(step, code, status, "%s %ld: moved to %s (put the new address into api_base)",
				what, status, response->redirect);
	else if (*message)
		seed_reply_fail(step, code, status, "%s %ld%s: %s", what, status, whose, message);
	else
		seed_reply_fail(step, code, status, "%s %ld%s", what, status, whose);
	step->refused = code == EKEYREJECTED || code == EDQUOT;
}

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

bool seed_reply_poll_trouble(struct seed_step *step, const struct seed_response *response,
			    const cJSON *json)
{
	if (is_success(response->status) && json)
		return false;
	seed_reply_refuse(step, response, json, "HTTP", response->status);
	if (step->error.final)
		return true;
	step->error = (struct seed_error){ 0 };
	if (response->status == 404 || response->status == 410)
		step->kind = SEED_STEP_UNKNOWN;
	else
		seed_reply_backoff(step, response);
	return true;
}

bool seed_reply_is_of_other(struct seed_step *step, const struct seed_response *response, const cJSON *json,
			    const char *path, const struct seed_task *task)
{
	const char *text = seed_json_text(json, path);
	struct seed_json_id id;

	/* A text that can be no id is not this task's either. */
	if (!text && seed_json_id(json, path, &id))
		text = id.text;
	step->unnamed = !text;
	if (!text || !task->id || strcmp(text, task->id) == 0)
		return false;
	seed_reply_backoff(step, response);
	step->misdirected = true;
	return true;
}

bool seed_reply_submit_trouble(struct seed_step *step, const struct seed_response *response,
			      const cJSON *json)
{
	if (!is_success(response->status))
		seed_reply_refuse(step, response, json, "HTTP", response->status);
	else if (!json)
		seed_reply_fail(step, EIO, response->status, "the answer is not JSON");
	else
		return false;
	return true;
}

/* --- Pictures --- */

/* data:[type][;parameters];base64,DATA (RFC 2397); some put a parameter after "base64".
 * NULL: it is not base64. */
static const char *data_of_uri(const char *text)
{
	const char *comma = strchr(text, ','), *mark = strcasestr(text, ";base64");

	return comma && mark && mark < comma ? comma + 1 : NULL;
}

void seed_reply_base64(struct seed_step *step, const char *text)
{
	errint_t result;

	if (strncasecmp(text, "data:", 5) == 0)
		text = data_of_uri(text);
	if (!text) {
		seed_reply_fail(step, EIO, 0, "the data URI in the answer is not base64");
		return;
	}
	result = seed_buf_add_base64(&step->bytes, text, strlen(text));
	if (result == -ENOMEM)
		seed_reply_fail(step, ENOMEM, 0, "no memory for the image");
	else if (result == -EFBIG)
		seed_reply_fail(step, EIO, 0, "the image in the answer is too large");
	else if (result || !step->bytes.len_bytes)
		seed_reply_fail(step, EIO, 0, "the image in the answer is not base64");
	else
		step->kind = SEED_STEP_BYTES;
}

void seed_reply_image(struct seed_step *step, struct seed_task *task, const char *text)
{
	char *url;

	if (strncasecmp(text, "data:", 5) == 0) {
		seed_reply_base64(step, text);
		return;
	}
	errno = 0;
	url = seed_url_tidy(step->api_base, text);
	if (!url && errno == ENOMEM) {
		seed_reply_fail(step, ENOMEM, 0, "no memory for the answer");
	} else if (!url) {
		seed_reply_fail(step, EIO, 0, "the image URL in the answer is not valid");
		free(step->refused_url);
		step->refused_url = strdup(text);
	} else if (seed_reply_keep(step, &task->image_url, url)) {
		step->kind = SEED_STEP_URL;
	}
	free(url);
}

/* Depth first; the parser limits the depth. */
const char *seed_reply_first_image(const cJSON *item)
{
	static const char *const places[] = { "url", "image", "images", "output", "outputs", "b64_json" };
	const char *found = NULL;

	if (cJSON_IsString(item))
		return *item->valuestring ? item->valuestring : NULL;
	if (cJSON_IsArray(item)) {
		for (const cJSON *one = item->child; one && !found; one = one->next)
			found = seed_reply_first_image(one);
		return found;
	}
	for (size_t i = 0; cJSON_IsObject(item) && i < SEED_ARRAY_LEN(places) && !found; i++)
		found = seed_reply_first_image(cJSON_GetObjectItemCaseSensitive(item, places[i]));
	return found;
}

bool seed_reply_data_image(struct seed_step *step, struct seed_task *task, const cJSON *json)
{
	const cJSON *data = seed_json_at(json, "data");
	const cJSON *item;

	for (item = cJSON_IsArray(data) ? data->child : NULL; item; item = item->next) {
		const char *url = seed_json_text(item, "url");
		const char *bytes = seed_json_text(item, "b64_json");

		if (!url && !bytes)
			continue;
		if (url)
			seed_reply_image(step, task, url);
		else
			seed_reply_base64(step, bytes);
		return true;
	}
	return false;
}

bool seed_reply_keep(struct seed_step *step, char **field, const char *text)
{
	if (seed_record_set(field, text) == 0)
		return true;
	seed_reply_fail(step, ENOMEM, 0, "no memory for the answer");
	return false;
}
