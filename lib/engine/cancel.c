/* Telling a service to stop a task that nobody wants any more. Nobody waits for
 * it, and the generation is gone before the answers come. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/url.h"

/* Some services want it in several requests (look, remove, interrupt). */
#define CANCEL_REQUESTS_MAX 4
#define CANCEL_TIMEOUT_MS 10000

struct cancel {
	struct cancel *next, **link;
	struct seed_engine *engine;
	struct seed_task task;
	const struct seed_params *params;
	int requests;
};

static void cancel_free(struct cancel *cancel)
{
	*cancel->link = cancel->next;
	if (cancel->next)
		cancel->next->link = cancel->link;
	seed_task_release(&cancel->task);
	seed_params_unref(cancel->params);
	free(cancel);
}

static void send_next(struct cancel *cancel);

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct cancel *cancel = context;
	struct seed_step step;
	bool more = false;

	if (!answer->error.code) {
		exchange_read(cancel->engine, cancel->params, &cancel->task, answer, &step);
		more = step.kind == SEED_STEP_NEXT;
		seed_step_release(&step);
	}
	if (more)
		send_next(cancel);
	else
		cancel_free(cancel);
}

static void send_next(struct cancel *cancel)
{
	const struct seed_engine_config *config = &cancel->engine->config;
	const struct exchange_limits limits = {
		.answer_bytes = SEED_LOOK_MAX_BYTES,
		.deadline_ms = seed_clock_now_ms() + CANCEL_TIMEOUT_MS,
	};
	struct seed_transfer *transfer;
	struct seed_request request = { 0 };
	errint_t err = -E2BIG;
	bool own_host;

	if (cancel->requests++ < CANCEL_REQUESTS_MAX)
		err = seed_provider_request(config->provider, &config->service, cancel->params,
					    "", &cancel->task, &request);
	/* The key goes to the API's own host only, wherever a URL leads. */
	if (!err)
		err = seed_url_same_host(request.url, config->service.api_base, &own_host);
	if (!err && !own_host)
		err = -EPERM;
	if (!err)
		err = exchange_transfer(cancel->engine, &request, true, &limits, on_answer, cancel, &transfer);
	seed_request_release(&request);
	if (err)
		cancel_free(cancel);
}

void cancel_at_service(struct generation *generation)
{
	struct seed_engine *engine = generation->engine;
	struct cancel *cancel;

	if (!generation->task.id || generation_is_foreign(generation) || !(cancel = calloc(1, sizeof(*cancel))))
		return;
	cancel->engine = engine;
	cancel->next = engine->cancels;
	cancel->link = &engine->cancels;
	if (cancel->next)
		cancel->next->link = &cancel->next;
	engine->cancels = cancel;
	cancel->params = seed_params_ref(generation->record.params);
	if (seed_task_copy(&cancel->task, &generation->task)) {
		cancel_free(cancel);
		return;
	}
	cancel->task.stage = SEED_STAGE_CANCEL;
	send_next(cancel);
}

void cancels_free(struct seed_engine *engine)
{
	while (engine->cancels)
		cancel_free(engine->cancels);
}
