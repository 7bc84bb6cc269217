/* A text is committed to NAME. */
#include "lib/base/text.h"
#include "lib/engine/internal.h"

/* The same text, white space at its end apart, that is being generated already:
 * another commit of it is answered by that. */
static bool is_generating(const struct generation *running, const char *text)
{
	const char *own = running->record.request;
	size_t len = seed_text_trimmed(text, strlen(text));

	return !running->adopting && seed_text_trimmed(own, strlen(own)) == len &&
	       memcmp(own, text, len) == 0 &&
	       (running->record.state == SEED_STATE_VERIFIED || !generation_is_ending(running));
}

static void join(struct generation *running, struct request *request)
{
	const struct event wanted = { .kind = EVENT_WANTED };

	generation_log(running, SEED_LOG_IMAGE "The same text is being generated: joined");
	if (running->shelved && running->record.state == SEED_STATE_FAILED)
		machine_deliver(running, &wanted);
	/* Its prompt is on disk or about to be; this file is as new. */
	if (request->ticket) {
		running->record.prompt_time = request->ticket->prompt_time;
		SEED_UNUSED(seed_store_prompt_time(running->engine->store, request->name,
						   request->ticket->prompt_time) == 0);
	}
	request_attach(running, request);
}

static bool unless_made(const struct request *request)
{
	return request->ticket && request->ticket->unless_made;
}

static bool is_made(struct seed_engine *engine, const struct request *request)
{
	/* Who removed the prompt first wants another image. */
	bool wanted = engine->config.reuse ||
		(unless_made(request) && seed_store_has_prompt(engine->store, request->name));

	return wanted && reuse_is_made(engine, request->name, request->text);
}

static void run_commit(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct generation *generation, *older;
	struct seed_record record;
	errint_t err;

	if (engine->stopping) {
		request_refuse(engine, request, ESHUTDOWN);
		return;
	}
	older = engine_find(engine, request->name);
	if (older && is_generating(older, request->text)) {
		join(older, request);
		return;
	}
	if (!older && is_made(engine, request)) {
		engine->metrics.reused++;
		seed_log_line(engine->log, request->name, SEED_LOG_SUCCESS "Reused: this text's image "
			      "is verified already");
		changes_keep_prompt(engine, request);
		return;
	}
	if (unless_made(request) && seed_engine_admission(engine)) {
		request_refuse(engine, request, seed_engine_admission(engine));
		return;
	}
	err = generation_fill_record(engine, request->name, request->text, &record);
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		request_refuse(engine, request, err ? -err : ENOMEM);
		return;
	}
	if (request->ticket)
		generation->record.prompt_time = request->ticket->prompt_time;
	/* The older one is superseded once this text is on disk (begin.c). */
	if (engine->config.reuse)
		reuse_find(generation);
	request_attach(generation, request);
	machine_start(generation, PHASE_BEGIN);
}

errint_t seed_engine_commit(struct seed_engine *engine, const char *name, char *text,
			    struct seed_ticket *ticket, struct seed_wait *wait)
{
	struct request *request = request_new(name, wait, run_commit);

	if (!request) {
		free(text);
		return -ENOMEM;
	}
	request->text = text;
	request->ticket = ticket ? seed_ticket_ref(ticket) : NULL;
	engine_post(engine, &request->command);
	return 0;
}
