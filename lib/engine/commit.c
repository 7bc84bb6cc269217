/* A text is committed to NAME. */
#include <sys/stat.h>

#include "lib/base/text.h"
#include "lib/engine/internal.h"

bool generation_makes(const struct generation *running, const char *text)
{
	const char *own = running->record.request;
	size_t len = seed_text_trimmed(text, strlen(text));

	return !running->adopting && seed_text_trimmed(own, strlen(own)) == len &&
	       memcmp(own, text, len) == 0 &&
	       !generation_has_failed(running);
}

void request_join(struct generation *running, struct request *request)
{
	const struct event wanted = { .kind = EVENT_WANTED };

	generation_log(running, SEED_LOG_IMAGE "The same text is being generated: joined");
	if (running->kept_there || (running->shelved && running->record.state == SEED_STATE_FAILED))
		machine_deliver(running, &wanted);
	request_attach(running, request);
}

static bool unless_made(const struct request *request)
{
	return request->ticket && request->ticket->unless_made;
}

/* On a disk thread, in order with what happens to the name. If its image was made from
 * this text, the prompt is written and nothing is generated. */
static errint_t keep_if_made(struct seed_engine *engine, struct request *request)
{
	struct timespec time = { .tv_nsec = UTIME_OMIT };
	errint_t err = -ENOENT;

	/* Whoever removed the prompt first wants another image. */
	if (engine->config.reuse || seed_store_has_prompt(engine->store, request->name))
		err = reuse_look(engine, request->name, request->text, request->sum);
	if (err && err != -ENOENT)
		return err;
	request->has_image = !err;
	if (!request->has_image && engine->config.reuse)
		request->has_copy = reuse_has_copy(engine, request->name, request->text);
	if (!request->has_image || engine->shared) /* the store comes first: show() */
		return 0;
	if (request->ticket)
		time = request->ticket->prompt_time;
	return seed_store_prompt_write(engine->store, request->name, request->text, time);
}

static void begin(struct seed_engine *engine, struct request *request)
{
	struct generation *generation, *older = engine_find(engine, request->name);
	struct seed_record record;
	errint_t err;

	if (older && generation_makes(older, request->text)) {
		/* Its prompt is on disk or about to be; this file is as new. */
		if (request->ticket)
			SEED_UNUSED(seed_engine_set_time(engine, request->name, request->ticket->prompt_time, NULL) == 0);
		request_join(older, request);
		return;
	}
	err = generation_fill_record(engine, request->name, request->text, &record);
	/* Where it could not be said before: nothing is changed for a text that will not be sent. */
	if (!err && (unless_made(request) || engine->config.reuse) && !request->has_copy &&
	    budget_is_exhausted(engine) && !reuse_would_wait(engine, &record)) {
		seed_record_release(&record);
		request_refuse(engine, request, EDQUOT);
		return;
	}
	generation = err ? NULL : generation_new(engine, &record, true);
	if (!generation) {
		seed_record_release(&record);
		request_refuse(engine, request, err ? -err : ENOMEM);
		return;
	}
	if (request->ticket)
		generation->record.prompt_time = request->ticket->prompt_time;
	/* The older one is superseded once this text is on disk (begin.c). */
	request_attach(generation, request);
	machine_start(generation, PHASE_BEGIN);
}

static void shown(struct seed_engine *engine, struct request *request, errint_t err)
{
	if (err == -EAGAIN && !engine->stopping) { /* another host has written the name since */
		begin(engine, request);
		return;
	}
	if (!err) {
		engine->metrics.reused++;
		seed_log_line(engine->log, request->name, SEED_LOG_SUCCESS "Reused: this text's image "
			      "is verified already");
	}
	request_refuse(engine, request, err == -EAGAIN ? ESHUTDOWN : -err);
}

static void looked(struct seed_engine *engine, struct request *request, errint_t err)
{
	if (request->has_image && !err && engine->shared)
		changes_show(engine, request, shown);
	else if (request->has_image || err)
		shown(engine, request, err);
	else if (engine->stopping)
		request_refuse(engine, request, ESHUTDOWN);
	else
		begin(engine, request);
}

/* Another host may have written it just now, or generate it. */
static void refreshed(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (engine->stopping)
		request_refuse(engine, request, ESHUTDOWN);
	else if (engine_find(engine, request->name))
		begin(engine, request);
	else
		changes_look(engine, request, keep_if_made, looked);
}

static void run_commit(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (engine->stopping)
		request_refuse(engine, request, ESHUTDOWN);
	else if ((engine->config.reuse || unless_made(request)) &&
		 !engine_find(engine, request->name)) {
		command->run = refreshed;
		refresh_request(engine, request, true);
	} else {
		begin(engine, request);
	}
}

errint_t seed_engine_commit(struct seed_engine *engine, const char *name, char *text,
			    struct seed_ticket *ticket, struct seed_wait *wait)
{
	return request_text(engine, name, text, ticket, wait, run_commit);
}
