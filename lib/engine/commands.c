/* What callers' commands have in common, and the key. */
#include "lib/engine/internal.h"

/* ---- requests ---- */

void request_free(struct request *request)
{
	free(request->name);
	free(request->text);
	free(request->image_url);
	free(request->prompt);
	seed_ticket_unref(request->ticket);
	free(request);
}

struct request *request_new(const char *name, struct seed_wait *wait,
			    void (*run)(struct seed_engine *, struct command *))
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->command.run = run;
	request->wait = wait;
	if (name && !(request->name = strdup(name))) {
		free(request);
		return NULL;
	}
	return request;
}

errint_t request_text(struct seed_engine *engine, const char *name, char *text,
		      struct seed_ticket *ticket, struct seed_wait *wait,
		      void (*run)(struct seed_engine *, struct command *))
{
	struct request *request = request_new(name, wait, run);

	if (!request) {
		free(text);
		return -ENOMEM;
	}
	request->text = text;
	request->ticket = ticket ? seed_ticket_ref(ticket) : NULL;
	engine_post(engine, &request->command);
	return 0;
}

void request_refuse(struct seed_engine *engine, struct request *request, int code)
{
	if (request->ticket)
		atomic_store(&request->ticket->outcome, code);
	while (request->ticket && request->ticket->early)
		wait_finish(engine, request->ticket->early, code);
	if (request->wait)
		wait_finish(engine, request->wait, code);
	request_free(request);
}

void request_attach(struct generation *generation, struct request *request)
{
	struct seed_ticket *ticket = request->ticket;

	generation->engine->metrics.prompts++;
	if (ticket) {
		request->ticket = NULL;
		ticket->generation = generation;
		ticket->next = generation->tickets;
		generation->tickets = ticket;
		if (generation->uid < 0)
			generation->uid = ticket->uid;
	}
	while (ticket && ticket->early)
		wait_add(generation, ticket->early);
	if (request->wait)
		wait_add(generation, request->wait);
	request_free(request);
}

/* ---- key ---- */

errint_t commands_take_key(struct seed_engine *engine, struct seed_key *key)
{
	char *authorization = NULL;

	if (key && engine->config.provider->auth != SEED_AUTH_NONE) {
		authorization = seed_provider_authorization(engine->config.provider,
							    seed_key_text(key));
		if (!authorization)
			return -ENOMEM;
	}
	engine->authorization = authorization ? seed_key_take_header(key, authorization) : NULL;
	if (engine->authorization &&
	    (!engine->key || strcmp(seed_key_text(engine->key), seed_key_text(key)) != 0))
		seed_net_hide(engine->net, seed_key_ref(key));
	seed_key_free(engine->key);
	engine->key = key;
	engine->key_refused = false;
	return 0;
}

/* Wakes tasks for which the old key was refused. */
static void ask_refused_again(struct seed_engine *engine)
{
	for (struct generation *g = engine->generations; g; g = g->next)
		if (g->shelved && g->wake_ms == INT64_MAX && !(g->main && g->main->phase == PHASE_SPLIT))
			attempt_wake(g);
}

static void run_set_key(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (commands_take_key(engine, request->key)) {
		seed_key_free(request->key);
	} else {
		ask_refused_again(engine);
		seed_log_line(engine->log, NULL, SEED_LOG_REQUEST "Key read again");
	}
	request_free(request);
}

errint_t seed_engine_set_key(struct seed_engine *engine, struct seed_key *key)
{
	struct request *request = request_new(NULL, NULL, run_set_key);

	if (!request)
		return -ENOMEM;
	request->key = key;
	engine_post(engine, &request->command);
	return 0;
}
