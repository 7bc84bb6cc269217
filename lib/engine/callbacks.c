/*
 * Webhooks' bodies (`man seed`). A body is looked at only while nothing
 * runs for its NAME; otherwise it waits for the end of that. So a
 * verified image is never replaced, however late, often or at once bodies come.
 */
#include "lib/base/text.h"
#include "lib/engine/internal.h"

static bool is_prompt(const char *text)
{
	return text && seed_text_check(text, strlen(text), NULL) == 0 &&
	       seed_text_trimmed(text, strlen(text)) > 0;
}

/* On a disk thread: whether there is an image, and NAME's own prompt where the body
 * has none. */
static errint_t look(struct seed_engine *engine, struct request *request)
{
	size_t len = 0;

	free(request->prompt);
	request->prompt = NULL;
	request->has_image = seed_store_has_image(engine->store, request->name);
	return request->has_image || is_prompt(request->text) ? 0 :
	       seed_store_prompt_read(engine->store, request->name, &request->prompt, &len);
}

/* What is to be generated, where it comes to that; "": nothing. */
static const char *prompt_of(const struct request *request)
{
	if (is_prompt(request->text))
		return request->text;
	return is_prompt(request->prompt) ? request->prompt : "";
}

static struct generation *start(struct seed_engine *engine, const struct request *request)
{
	struct generation *generation;
	struct seed_record record;
	errint_t err;

	err = generation_fill_record(engine, request->name, prompt_of(request), &record);
	if (!err)
		err = seed_record_set(&record.image_url, request->image_url);
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		return NULL;
	}
	generation->adopting = request->image_url != NULL;
	generation->unless_there = true;
	return generation;
}

static void follow(struct seed_engine *engine, struct request *request)
{
	struct generation *generation, *kept = engine_find(engine, request->name);

	/* It is paid for, and its image may come yet. */
	if (kept && !request->image_url && generation_makes(kept, prompt_of(request))) {
		request_join(kept, request);
		return;
	}
	if (!request->image_url)
		seed_log_line(engine->log, request->name, SEED_LOG_CALLBACK
			      "No valid image provided, generating new 2K image");
	if (!request->image_url && !*prompt_of(request)) {
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR
			      "The callback has neither an image nor a prompt, and there is none "
			      "for this name (ENODATA)");
		request_refuse(engine, request, ENODATA);
		return;
	}
	generation = start(engine, request);
	if (!generation) {
		request_refuse(engine, request, ENOMEM);
		return;
	}
	request_attach(generation, request);
	machine_start(generation, PHASE_BEGIN);
}

static void run_callback_look(struct seed_engine *engine, struct command *command);

/* Other hosts may have an image of the name, or generate it. */
static void refresh(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	engine->later_bytes -= request->later_bytes;
	request->later_bytes = 0;
	command->run = run_callback_look;
	refresh_request(engine, request, true);
}

static size_t bytes_of(const struct request *request)
{
	return SEED_CALLBACK_LATER_BYTES + (request->text ? strlen(request->text) : 0) +
	       (request->prompt ? strlen(request->prompt) : 0) +
	       (request->image_url ? strlen(request->image_url) : 0);
}

/* The generation of the name may take for ever: the callback is looked at after it. */
static bool comes_later(struct seed_engine *engine, struct request *request)
{
	struct generation *running = engine_find(engine, request->name);

	if (!running || running->shelved || running->kept_there)
		return false;
	request->later_bytes = bytes_of(request);
	if (engine->later_bytes + request->later_bytes > SEED_CALLBACKS_LATER_ALL_BYTES) {
		seed_log_line(engine->log, request->name, SEED_LOG_ERROR "Callback refused: those that wait "
			      "for the end of what is being generated hold too much (ENOSPC)");
		request_refuse(engine, request, ENOSPC);
		return true;
	}
	engine->later_bytes += request->later_bytes;
	if (request->wait)
		wait_hold(engine, &request->wait, request->wait);
	request->command.run = refresh;
	request->command.next = running->after;
	running->after = &request->command;
	return true;
}

static void looked(struct seed_engine *engine, struct request *request, errint_t err)
{
	if (engine->stopping) {
		request_refuse(engine, request, ESHUTDOWN);
	} else if (comes_later(engine, request)) {
		return;
	} else if (request->has_image) {
		callback_preserved(engine, request->name);
		request_refuse(engine, request, 0);
	} else if (err) {
		request_refuse(engine, request, -err);
	} else {
		follow(engine, request);
	}
}

static void run_callback_look(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (engine->stopping)
		request_refuse(engine, request, ESHUTDOWN);
	else if (!comes_later(engine, request))
		changes_look(engine, request, look, looked);
}

/* The body becomes what it says: an image's URL, or none, and a prompt. */
static void run_callback(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	char *body = request->text;
	struct seed_error error;
	errint_t err;

	request->text = NULL;
	err = seed_provider_callback(body, strlen(body), &request->image_url, &request->text, &error);
	free(body);
	if (!err) {
		refresh(engine, command);
		return;
	}
	seed_log_line(engine->log, request->name, SEED_LOG_ERROR "Callback refused: %s (EINVAL)",
		      error.message);
	request_refuse(engine, request, -err);
}

errint_t seed_engine_callback(struct seed_engine *engine, const char *name, char *body,
			      struct seed_ticket *ticket, struct seed_wait *wait)
{
	return request_text(engine, name, body, ticket, wait, run_callback);
}
