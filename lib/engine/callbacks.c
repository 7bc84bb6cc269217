/*
 * Webhooks' bodies (`man seed`). A body is looked at only while nothing
 * runs for its NAME; otherwise it waits for the end of that. So a
 * verified image is never replaced, however late, often or at once bodies come.
 */
#include "lib/base/text.h"
#include "lib/engine/internal.h"

#define LOG_KEPT "ℹ️ [CALLBACK] "

struct body {
	char *image_url, *prompt; /* owned; NULL where the body has none */
};

static void body_release(struct body *body)
{
	free(body->image_url);
	free(body->prompt);
}

static bool has_prompt(const struct body *body)
{
	return body->prompt && seed_text_check(body->prompt, strlen(body->prompt), NULL) == 0 &&
	       seed_text_trimmed(body->prompt, strlen(body->prompt)) > 0;
}

/* On a disk thread: whether there is an image, and NAME's own prompt. */
static errint_t look(struct seed_engine *engine, struct request *request)
{
	size_t len = 0;

	request->has_image = seed_store_has_image(engine->store, request->name);
	free(request->prompt);
	request->prompt = NULL;
	return request->has_image ? 0 :
	       seed_store_prompt_read(engine->store, request->name, &request->prompt, &len);
}

/* NAME's own prompt where the body has none. */
static errint_t fill_prompt(struct request *request, errint_t err, struct body *body)
{
	if (has_prompt(body))
		return 0;
	if (err)
		return err;
	free(body->prompt);
	body->prompt = request->prompt;
	request->prompt = NULL;
	if (body->prompt && seed_text_trimmed(body->prompt, strlen(body->prompt)) == 0)
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

	err = generation_fill_record(engine, name, body->prompt, &record);
	if (!err)
		err = seed_record_set(&record.image_url, body->image_url);
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		return NULL;
	}
	generation->adopting = body->image_url != NULL;
	return generation;
}

static void follow(struct seed_engine *engine, struct request *request, struct body *body)
{
	struct generation *generation;

	if (!body->image_url)
		seed_log_line(engine->log, request->name, SEED_LOG_CALLBACK
			      "No valid image provided, generating new 2K image");
	if (!body->image_url && !*body->prompt) {
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR
			      "The callback has neither an image nor a prompt, and this name has "
			      "no prompt (ENODATA)");
		request_refuse(engine, request, ENODATA);
		return;
	}
	generation = start(engine, request->name, body);
	if (!generation) {
		request_refuse(engine, request, ENOMEM);
		return;
	}
	request_attach(generation, request);
	machine_start(generation, PHASE_BEGIN);
}

static errint_t parse(struct seed_engine *engine, const struct request *request, struct body *body)
{
	struct seed_error error;
	errint_t err = seed_provider_callback(request->text, strlen(request->text),
					      &body->image_url, &body->prompt, &error);

	if (err)
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR "Callback refused: %s (EINVAL)",
			      error.message);
	return err;
}

/* The generation of the name may take for ever: the callback is looked at after it. */
static bool comes_later(struct seed_engine *engine, struct request *request)
{
	struct generation *running = engine_find(engine, request->name);

	if (!running || running->shelved)
		return false;
	if (request->wait)
		wait_hold(engine, &request->wait, request->wait);
	request->command.next = running->after;
	running->after = &request->command;
	return true;
}

static void looked(struct seed_engine *engine, struct request *request, errint_t err)
{
	struct body body = { 0 };
	errint_t parsed;

	if (engine->stopping) {
		request_refuse(engine, request, ESHUTDOWN);
		return;
	}
	if (comes_later(engine, request))
		return;
	if (request->has_image) {
		engine->metrics.callbacks_preserved++;
		seed_log_line(engine->log, request->name,
			      LOG_KEPT "Preserving existing verified image");
		request_refuse(engine, request, 0);
		return;
	}
	parsed = parse(engine, request, &body);
	if (!parsed)
		parsed = fill_prompt(request, err, &body);
	if (parsed)
		request_refuse(engine, request, -parsed);
	else
		follow(engine, request, &body);
	body_release(&body);
}

static void run_callback(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct body body = { 0 };
	errint_t err = engine->stopping ? -ESHUTDOWN : parse(engine, request, &body);

	body_release(&body);
	if (err)
		request_refuse(engine, request, -err);
	else if (!comes_later(engine, request))
		changes_look(engine, request, look, looked);
}

errint_t seed_engine_callback(struct seed_engine *engine, const char *name, char *body,
			      struct seed_ticket *ticket, struct seed_wait *wait)
{
	struct request *request = request_new(name, wait, run_callback);

	if (!request) {
		free(body);
		return -ENOMEM;
	}
	request->text = body;
	request->ticket = ticket ? seed_ticket_ref(ticket) : NULL;
	engine_post(engine, &request->command);
	return 0;
}
