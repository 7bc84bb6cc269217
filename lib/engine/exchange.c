/* A generation's exchange with its service, and the download of its image: sends, and
 * reports the answers. answers.c and fetch.c decide what they mean. */
#include "lib/base/clock.h"
#include "lib/base/url.h"
#include "lib/engine/internal.h"

/* What asks for something that is there is answered at once. A connection that has died without a
 * word (a router forgot it) must not cost an attempt's time. One that is only slow has more time at
 * each repetition. A submission's answer may take as long as a picture does. */
#define STALL_S 30
#define STALL_STEPS_MAX 10

static int stall_s(const struct generation *generation)
{
	const unsigned steps = generation->backoffs + 1;

	return STALL_S * (int)(steps < STALL_STEPS_MAX ? steps : STALL_STEPS_MAX);
}

void exchange_scrub(const struct generation *generation, struct seed_error *error)
{
	seed_net_scrub_text(generation->engine->net, error->message);
}

errint_t exchange_note_task(struct generation *generation)
{
	struct seed_record *record = &generation->record;
	char *task = seed_task_format(&generation->task);
	errint_t err = task ? 0 : -ENOMEM;

	if (!err)
		err = seed_record_set(&record->task_id, generation->task.id);
	/* An image that is adopted has no attempt. */
	if (!err && record->attempt_count > 0)
		err = seed_record_set(&attempt_own(generation)->task_id, generation->task.id);
	if (!err)
		err = seed_record_set(&record->image_url, generation->task.image_url);
	if (err) {
		free(task);
		return err;
	}
	record->private_service |= generation->engine->private_service;
	free(record->task);
	record->task = task;
	return 0;
}

enum seed_failure exchange_failure(const struct seed_net_answer *answer)
{
	if (answer->sent)
		return SEED_FAILURE_UNSURE;
	return answer->local ? SEED_FAILURE_LOCAL : SEED_FAILURE_NOT_SENT;
}

void exchange_read(const struct seed_engine *engine, const struct seed_params *params,
		   struct seed_task *task, const struct seed_net_answer *answer,
		   struct seed_step *step)
{
	const struct seed_response response = {
		.status = answer->status,
		.body = answer->body,
		.len = answer->len,
		.redirect = answer->redirect,
		.retry_after_ms = answer->retry_after_ms,
	};

	seed_provider_answer(engine->config.provider, &engine->config.service, params, task,
			     &response, step);
}

/* ---- answers that take long to read ---- */

/* A picture in base64 of up to 96 MB takes half a second to parse and decode, and one that is made
 * for it seconds until it is known not to have the key in it. The engine would serve nobody
 * meanwhile. So a thread reads it, with a copy of what the provider may change; the transfer is
 * kept, with the body.
 *
 * So is that of any answer to a submission that could not be read for lack of memory: it is paid for, and nobody
 * would tell us again. */
#define READ_AGAIN_MS 250
#define READ_TRIES 40

struct reading {
	struct seed_disk_job disk;
	struct command report;
	struct reading *next, **link;
	struct seed_engine *engine;
	struct generation *generation; /* NULL: nobody wants it any more */
	struct seed_net_answer answer; /* and its transfer, which is kept */
	const struct seed_params *params;
	struct seed_task asked; /* the task as it was, and what the answer makes of it */
	struct seed_task task;
	struct seed_step step;
	bool waits; /* until it is read again */
	int tries;
};

static void reading_free(struct reading *reading)
{
	*reading->link = reading->next;
	if (reading->next)
		reading->next->link = reading->link;
	if (reading->answer.transfer)
		seed_net_cancel(reading->engine->net, reading->answer.transfer);
	seed_params_unref(reading->params);
	seed_task_release(&reading->asked);
	seed_task_release(&reading->task);
	seed_step_release(&reading->step);
	free(reading);
}

bool exchange_lacked_memory(const struct generation *generation, const struct seed_step *step)
{
	return generation->phase == PHASE_SUBMIT && step->kind == SEED_STEP_FAIL && step->error.code == ENOMEM;
}

static void read_later(struct reading *reading)
{
	struct generation *generation = reading->generation;

	seed_task_release(&reading->task);
	seed_step_release(&reading->step);
	seed_step_init(&reading->step);
	reading->waits = true;
	generation->wake_ms = seed_clock_now_ms() + READ_AGAIN_MS;
	timers_touch(generation);
}

static void reading_ended(struct seed_engine *engine, struct command *command)
{
	struct reading *reading = (struct reading *)((char *)command -
						     offsetof(struct reading, report));
	struct generation *generation = reading->generation;

	const struct event event = {
		.kind = EVENT_ANSWER, .answer = &reading->answer, .read = &reading->step,
	};

	if (generation && exchange_lacked_memory(generation, &reading->step) && ++reading->tries < READ_TRIES) {
		read_later(reading);
		return;
	}
	if (generation) {
		generation->transfer = NULL;
		generation->reading = NULL;
		seed_task_release(&generation->task);
		generation->task = reading->task;
		reading->task = (struct seed_task){ 0 };
		engine->deliver(generation, &event);
	}
	reading_free(reading);
}

static void read_on_thread(struct seed_disk_job *disk)
{
	struct reading *reading = (struct reading *)disk;

	seed_net_scrub(reading->answer.transfer);
	if (seed_task_copy(&reading->task, &reading->asked)) {
		reading->step.kind = SEED_STEP_FAIL;
		seed_error_set(&reading->step.error, ENOMEM, "no memory for the answer");
	} else {
		exchange_read(reading->engine, reading->params, &reading->task, &reading->answer,
			      &reading->step);
	}
	engine_post(reading->engine, &reading->report);
}

/* NULL without memory. */
static struct reading *reading_new(struct generation *generation, struct seed_net_answer *answer)
{
	struct seed_engine *engine = generation->engine;
	struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return NULL;
	if (seed_task_copy(&reading->asked, &generation->task)) {
		free(reading);
		return NULL;
	}
	reading->params = seed_params_ref(generation->record.params);
	seed_step_init(&reading->step);
	answer->keep = true;
	reading->answer = *answer;
	reading->disk.run = read_on_thread;
	reading->report.run = reading_ended;
	reading->engine = engine;
	reading->generation = generation;
	reading->next = engine->readings;
	reading->link = &engine->readings;
	if (reading->next)
		reading->next->link = &reading->next;
	engine->readings = generation->reading = reading;
	generation->transfer = answer->transfer;
	return reading;
}

/* False: it is read at once. */
static bool read_aside(struct generation *generation, struct seed_net_answer *answer)
{
	struct reading *reading = reading_new(generation, answer);

	if (reading)
		seed_disk_submit(generation->engine->reader, READER_ANSWERS, &reading->disk);
	return reading;
}

bool exchange_read_later(struct generation *generation, struct seed_net_answer *answer)
{
	struct reading *reading = reading_new(generation, answer);

	if (reading)
		read_later(reading);
	return reading;
}

bool exchange_waits_to_read(const struct generation *generation)
{
	return generation->reading && generation->reading->waits;
}

void exchange_read_again(struct generation *generation)
{
	struct reading *reading = generation->reading;

	if (!exchange_waits_to_read(generation))
		return;
	reading->waits = false;
	seed_disk_submit(generation->engine->reader, READER_ANSWERS, &reading->disk);
}

void exchange_forget(struct seed_engine *engine)
{
	while (engine->readings)
		reading_free(engine->readings);
}

/* ---- sending ---- */

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct generation *generation = context;
	const struct event event = { .kind = EVENT_ANSWER, .answer = answer };

	/* A generation that is given up takes its transfer along: it is alive. One that broke off is
	 * read where that may cost money. */
	if (answer->len > SEED_ANSWER_SMALL_BYTES &&
	    (!answer->error.code || generation->phase == PHASE_SUBMIT)) {
		if (read_aside(generation, answer))
			return;
		seed_net_scrub(generation->transfer);
	}
	generation->transfer = NULL;
	generation->engine->deliver(generation, &event);
}

bool exchange_is_guarded(const struct generation *generation)
{
	return !generation->engine->private_service && !generation->record.private_service;
}

errint_t exchange_transfer(struct seed_engine *engine, const struct seed_request *request,
			   bool guarded, const struct exchange_limits *limits, seed_net_done_fn *done,
			   void *context, struct seed_transfer **transfer)
{
	const char *const headers[] = { request->header, NULL };
	struct seed_net_request out = {
		.method = request->method,
		.url = request->url,
		.body = request->body,
		.headers = headers,
		.deadline_ms = limits->deadline_ms,
		.whole_by_ms = limits->whole_by_ms,
		.stall_s = limits->stall_s,
		.limit_bytes = limits->answer_bytes,
		.kind = done == on_answer ? SEED_NET_ANSWER : SEED_NET_LOOK,
		.alone = request->alone,
		.scrubs_large = done == on_answer,
	};
	bool own_host;
	errint_t err;

	err = seed_url_check(request->url);
	if (err)
		return err == -ENOMEM ? err : -EPROTO;
	/* A request that lost its key for want of memory would be answered 401. */
	err = seed_url_same_host(request->url, engine->config.service.api_base, &own_host);
	if (err)
		return err;
	if (own_host) {
		out.authorization = engine->authorization;
		out.private_peer = &engine->private_service;
	} else { /* URLs that a service names for polling are judged like images. */
		out.guarded = guarded;
	}
	return seed_net_send(engine->net, &out, done, context, transfer);
}

errint_t exchange_prepare(struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;
	const struct seed_record *record = &generation->record;
	char *prompt;
	errint_t err;

	seed_request_release(&generation->request);
	if (generation_is_foreign(generation))
		return -EXDEV;
	prompt = seed_params_full_prompt(record->params, record->prompt);
	if (!prompt)
		return -ENOMEM;
	err = seed_provider_request(engine->config.provider, &engine->config.service,
				    record->params, prompt, &generation->task,
				    &generation->request);
	free(prompt);
	return err;
}

bool exchange_can(struct generation *generation, enum seed_stage stage)
{
	enum seed_stage before = generation->task.stage;
	errint_t err;

	if (!generation->engine->config.provider->on[stage].ask)
		return false;
	generation->task.stage = stage;
	err = exchange_prepare(generation);
	seed_request_release(&generation->request);
	if (!err || err == -ENOMEM)
		return true;
	generation->task.stage = before;
	return false;
}

/* The deadline of a request. A shelved task has none, but its requests do. */
static int64_t answer_by_ms(const struct generation *generation)
{
	if (generation->deadline_ms != INT64_MAX)
		return generation->deadline_ms;
	return seed_clock_now_ms() + generation->engine->config.timeout_ms;
}

/* A picture that comes, however slowly, is not asked for again: on a slow line many would take each other's place for
 * ever; and one that is the answer to its submission would be paid for again. */
#define COMING_MAX_MS (10 * INT64_C(60000))

static int64_t whole_by_ms(const struct generation *generation)
{
	const int64_t timeout_ms = generation->engine->config.timeout_ms;

	return seed_clock_now_ms() + (timeout_ms > COMING_MAX_MS ? timeout_ms : COMING_MAX_MS);
}

/* The answer might wait for ever for room that its own generation takes. */
static void holds_nothing(const struct generation *generation)
{
	assert(!generation->room);
	SEED_UNUSED(generation);
}

errint_t exchange_send(struct generation *generation)
{
	const struct exchange_limits limits = {
		.answer_bytes = SEED_ANSWER_MAX_BYTES,
		.deadline_ms = answer_by_ms(generation),
		.whole_by_ms = generation->phase == PHASE_SUBMIT ? whole_by_ms(generation) : 0,
		.stall_s = generation->phase == PHASE_SUBMIT ? 0 : stall_s(generation),
	};
	errint_t err;

	holds_nothing(generation);
	err = exchange_transfer(generation->engine, &generation->request, exchange_is_guarded(generation),
				&limits, on_answer, generation, &generation->transfer);

	seed_request_release(&generation->request);
	return err;
}

errint_t exchange_download(struct generation *generation, const char *url)
{
	struct seed_engine *engine = generation->engine;
	const struct seed_net_request request = {
		.kind = generation->adopting ? SEED_NET_CALLED : SEED_NET_IMAGE,
		.method = "GET",
		.url = url,
		.guarded = exchange_is_guarded(generation),
		/* The attempt's deadline is fetch.c's, but for a callback's. */
		.deadline_ms = generation->adopting ? answer_by_ms(generation) : whole_by_ms(generation),
		/* A callback's has a short time of its own (ADOPT_MS), which a stall would use up. */
		.stall_s = generation->adopting ? 0 : stall_s(generation),
		.limit_bytes = SEED_DOWNLOAD_MAX_BYTES,
		.to_memfd = true,
		.alone = true,
	};

	holds_nothing(generation);
	return seed_net_send(engine->net, &request, on_answer, generation, &generation->transfer);
}

bool exchange_is_late(const struct generation *generation)
{
	return generation->phase == PHASE_SUBMIT && generation->transfer && !generation->reading &&
	       seed_net_may_be_late(generation->transfer);
}

void exchange_await(struct generation *generation)
{
	seed_net_stall(generation->transfer, STALL_S);
}

void exchange_stop(struct generation *generation)
{
	/* An answer that is being read keeps its transfer until the end of that. */
	if (exchange_waits_to_read(generation))
		reading_free(generation->reading);
	else if (generation->reading)
		generation->reading->generation = NULL;
	else if (generation->transfer)
		seed_net_cancel(generation->engine->net, generation->transfer);
	generation->transfer = NULL;
	generation->reading = NULL;
}
