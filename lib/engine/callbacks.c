/*
 * Webhooks' bodies (CONTRACT section 6). A body is looked at only while nothing
 * runs for its NAME: while something does, it waits for that end, so that a
 * verified image is never replaced, however late, often or at once bodies come.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/text.h"

#define LOG_CALLBACK "🎨 [CALLBACK] "
#define LOG_KEPT "ℹ️ [CALLBACK] "

struct body {
	char *image_url, *prompt; /* owned; NULL where the body has none */
};

static void body_release(struct body *body)
{
	free(body->image_url);
	free(body->prompt);
}

/* NAME's own prompt where the body has none. */
static errint_t fill_prompt(struct seed_engine *engine, const char *name, struct body *body)
{
	size_t len = 0;
	errint_t err;

	if (body->prompt && seed_text_check(body->prompt, strlen(body->prompt), NULL) == 0 &&
	    seed_text_trimmed(body->prompt, strlen(body->prompt)) > 0)
		return 0;
	free(body->prompt);
	body->prompt = NULL;
	err = seed_store_prompt_read(engine->store, name, &body->prompt, &len);
	if (err)
		return err;
	if (body->prompt && seed_text_trimmed(body->prompt, len) == 0)
		body->prompt[0] = '\0';
	if (!body->prompt)
		body->prompt = strdup("");
	return body->prompt ? 0 : -ENOMEM;
}

static struct generation *start(struct seed_engine *engine, const char *name, struct body *body)
{
	struct generation *generation;
	struct seed_record record;
	errint_t err;

	err = engine_fill_record(engine, name, body->prompt, &record);
	if (!err)
		err = seed_record_set(&record.image_url, body->image_url);
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		return NULL;
	}
	generation->adopting = body->image_url != NULL;
	generation->phase = PHASE_BEGIN;
	return generation;
}

static void follow(struct seed_engine *engine, struct request *request, struct body *body)
{
	struct generation *generation;

	if (!body->image_url)
		seed_log_line(engine->log, request->name, LOG_CALLBACK
			      "No valid image provided, generating new 2K image");
	if (!body->image_url && !*body->prompt) {
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR
			      "The callback has neither an image nor a prompt, and there is none "
			      "for this name (ENODATA)");
		request_refuse(engine, request, ENODATA);
		return;
	}
	generation = start(engine, request->name, body);
	if (!generation) {
		request_refuse(engine, request, ENOMEM);
		return;
	}
	request_attach(generation, request);
	generation_begin(generation);
}

static void run_callback(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct generation *running = engine_find(engine, request->name);
	struct body body = { 0 };
	struct seed_error error;
	errint_t err;

	if (engine->stopping) {
		request_refuse(engine, request, ESHUTDOWN);
		return;
	}
	err = seed_provider_callback(request->text, strlen(request->text), &body.image_url,
				     &body.prompt, &error);
	if (err) {
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR "Callback refused: %s (EINVAL)",
			      error.message);
		request_refuse(engine, request, -err);
	} else if (running && !running->shelved) { /* that one may take for ever */
		command->next = running->after;
		running->after = command;
	} else if (seed_store_has_image(engine->store, request->name)) {
		engine->metrics.callbacks_preserved++;
		seed_log_line(engine->log, request->name,
			      LOG_KEPT "Preserving existing verified image");
		request_refuse(engine, request, 0);
	} else if ((err = fill_prompt(engine, request->name, &body)) != 0) {
		request_refuse(engine, request, -err);
	} else {
		follow(engine, request, &body);
	}
	body_release(&body);
}

void callbacks_rerun(struct seed_engine *engine, struct command *first)
{
	struct command *next;

	for (; first; first = next) {
		next = first->next;
		run_callback(engine, first);
	}
}

void callback_not_adopted(struct generation *generation, const struct seed_error *error)
{
	struct seed_error none;

	generation->adopting = false;
	generation_log(generation, SEED_LOG_ERROR "The callback's image is not taken: %s (%s)",
		       error->message, seed_error_name(error->code));
	/* An address inside is not an image that failed: nothing is spent on it. */
	if (error->code == EPERM) {
		generation_fail(generation, error);
		return;
	}
	if (!generation->superseded)
		generation_log(generation, LOG_CALLBACK
			       "No valid image provided, generating new 2K image");
	free(generation->record.image_url);
	generation->record.image_url = NULL;
	seed_task_release(&generation->task);
	generation->deadline_ms = INT64_MAX;
	if (*generation->full_prompt) {
		attempt_requeue(generation);
		return;
	}
	seed_error_set(&none, ENODATA, "the callback has no valid image and no prompt, and there is "
		       "none for this name");
	generation_fail(generation, &none);
}

errint_t seed_engine_callback(struct seed_engine *engine, const char *name, char *body,
			      struct seed_ticket *ticket, struct seed_wait *wait)
{
	struct request *request = request_new(engine, name, wait, run_callback);

	if (!request) {
		free(body);
		return -ENOMEM;
	}
	request->text = body;
	request->ticket = ticket ? seed_ticket_ref(ticket) : NULL;
	engine_post(engine, &request->command);
	return 0;
}
