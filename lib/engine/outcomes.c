/* Waiting for an outcome: a ticket's, or that of NAME's newest text. */
#include "lib/engine/internal.h"

static void run_wait_ticket(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	int outcome = atomic_load(&request->ticket->outcome);

	if (outcome != SEED_OUTCOME_UNKNOWN)
		wait_finish(engine, request->wait, outcome);
	else if (request->ticket->generation)
		wait_add(request->ticket->generation, request->wait);
	else if (engine->stopping)
		wait_finish(engine, request->wait, ESHUTDOWN);
	else /* a callback that waits for another's end, a prompt that is only written down */
		wait_hold(engine, &request->ticket->early, request->wait);
	request_free(request);
}

errint_t seed_engine_wait_ticket(struct seed_engine *engine, struct seed_ticket *ticket,
				 struct seed_wait *wait)
{
	struct request *request = request_new(NULL, wait, run_wait_ticket);

	if (!request)
		return -ENOMEM;
	request->ticket = seed_ticket_ref(ticket);
	engine_post(engine, &request->command);
	return 0;
}

/* The outcome in a row of which nothing is in flight. */
static int outcome_of(const struct seed_record *record)
{
	switch (record->state) {
	case SEED_STATE_FAILED:
		return record->error.code ? record->error.code : EIO;
	case SEED_STATE_QUEUED:
	case SEED_STATE_GENERATING:
		return EIO; /* its generation is gone: nothing will come */
	case SEED_STATE_VERIFIED:
	case SEED_STATE_CANCELLED:
		break;
	}
	return 0;
}

/* On a disk thread. */
static errint_t look(struct seed_engine *engine, struct request *request)
{
	struct seed_record record;
	int code = 0;

	if (seed_store_record_read(engine->store, request->name, &record) == 0)
		code = outcome_of(&record);
	seed_record_release(&record);
	return -code;
}

/* True: a generation answers it, or will. */
static bool generation_answers(struct seed_engine *engine, struct request *request)
{
	struct generation *generation = engine_find(engine, request->name);

	if (!generation)
		return false;
	if (request->wait && generation->shelved)
		wait_finish(engine, request->wait, generation->record.error.code);
	else if (request->wait)
		wait_add(generation, request->wait);
	request_free(request);
	return true;
}

static void looked(struct seed_engine *engine, struct request *request, errint_t err)
{
	if (!generation_answers(engine, request)) /* it began meanwhile */
		request_refuse(engine, request, -err);
}

/* Another host may generate it, where hosts share the catalogue. */
static void refreshed(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (!generation_answers(engine, request))
		changes_look(engine, request, look, looked);
}

static void run_wait_name(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	if (generation_answers(engine, request))
		return;
	command->run = refreshed;
	refresh_request(engine, request, true);
}

errint_t seed_engine_wait_name(struct seed_engine *engine, const char *name,
			       struct seed_wait *wait)
{
	struct request *request = request_new(name, wait, run_wait_name);

	if (!request)
		return -ENOMEM;
	engine_post(engine, &request->command);
	return 0;
}
