/* The progress of a running generation: as the service reports it, in the answers to
 * polls or in looks beside them, or else estimated from how long others
 * took. It is written to the row and shown live in `queue`. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* The row is written again when a person would see it move. */
#define TOLD_STEP 0.01
#define GUESSED_STEP 0.05
/* An estimate never reaches the end. */
#define GUESSED_MAX 0.95

/* From this progress on, the speed so far tells how long the rest takes. */
#define TOLD_LEAST 0.03

/* The pause between two looks at a task; longer if many tasks run, since one server
 * answers for all. */
#define LOOK_MS 1000
#define LOOK_TASKS 8
#define LOOK_TIMEOUT_MS 5000
double progress_of(const struct generation *generation, int64_t now, bool *estimated)
{
	const struct seed_record *record = &generation->record;
	int64_t usual = seed_durations_quantile(&generation->engine->durations, 0.5);
	double part;

	*estimated = false;
	if (record->progress > 0 && !record->progress_estimated)
		return record->progress;
	/* A task in the service's queue has not begun. */
	if (generation->submitted_ms == 0 || usual <= 0 || record->queue_position >= 0)
		return record->progress;
	*estimated = true;
	part = (double)(now - generation->submitted_ms) / (double)usual;
	return part < GUESSED_MAX ? part : GUESSED_MAX;
}

int64_t progress_left_ms(const struct generation *generation, int64_t now)
{
	int64_t usual = seed_durations_quantile(&generation->engine->durations, 0.5), age;
	bool estimated;
	double part = progress_of(generation, now, &estimated);

	if (!generation->submitted_ms || generation->record.queue_position >= 0)
		return -1;
	age = now - generation->submitted_ms;
	if (estimated)
		return usual > age ? usual - age : -1;
	/* The first steps tell too little. */
	return part >= TOLD_LEAST && part <= 1 ? (int64_t)((double)age / part * (1 - part)) : -1;
}

void progress_reset(struct generation *generation, double progress)
{
	struct seed_record *record = &generation->record;

	record->progress = progress;
	record->progress_estimated = false;
	record->queue_position = -1;
	generation->unknown_ms = 0;
}

void progress_note(struct generation *generation, const struct seed_step *step)
{
	struct seed_record *record = &generation->record;
	double now = step->progress < 1 ? step->progress : 1;
	double by = TOLD_STEP;
	bool estimated = false, moved;

	if (step->progress < 0) {
		now = progress_of(generation, seed_clock_now_ms(), &estimated);
		by = estimated ? GUESSED_STEP : TOLD_STEP;
	}
	moved = now >= record->progress + by || (record->progress_estimated && !estimated);
	if (moved) {
		record->progress = now;
		record->progress_estimated = estimated;
	}
	if (record->queue_position != step->queue_position) {
		record->queue_position = step->queue_position;
		moved = true;
	}
	if (moved)
		disk_step(generation, STEP_PROGRESS);
}

/* ---- looks ---- */

void progress_cannot_look(struct generation *generation, const struct seed_error *error)
{
	/* Said once: it is so for every generation of this mount. */
	generation->no_looks = true;
	if (error->code && !generation->engine->no_looks_said)
		generation_log(generation, SEED_LOG_REQUEST "%s", error->message);
	generation->engine->no_looks_said = true;
}

static struct seed_task looked_at(const struct generation *generation)
{
	return (struct seed_task){
		.stage = generation->look_stage,
		.id = generation->task.id, /* lent: neither changes it */
		.note = generation->task.note,
		.turn = generation->look_turn,
	};
}

static void on_look(void *context, struct seed_net_answer *answer)
{
	struct generation *generation = context;
	struct seed_task task = looked_at(generation);
	struct seed_step step;
	const struct event event = { .kind = EVENT_LOOK, .look = &step };

	generation->look = NULL;
	if (answer->error.code) {
		seed_step_init(&step);
		step.kind = SEED_STEP_WAIT; /* it told nothing */
	} else {
		exchange_read(generation->engine, generation->record.params, &task, answer, &step);
	}
	generation->look_turn = step.kind == SEED_STEP_NEXT ? task.turn : 0;
	generation->engine->deliver(generation, &event);
	seed_step_release(&step);
}

bool progress_look(struct generation *generation, enum seed_stage stage)
{
	const struct seed_engine_config *config = &generation->engine->config;
	const struct exchange_limits limits = {
		.answer_bytes = SEED_LOOK_MAX_BYTES,
		.deadline_ms = seed_clock_now_ms() + LOOK_TIMEOUT_MS,
	};
	struct seed_request request = { 0 };
	struct seed_task task;
	errint_t err;

	if (generation_is_foreign(generation))
		return false;
	generation->look_stage = stage;
	task = looked_at(generation);
	err = seed_provider_request(config->provider, &config->service,
				    generation->record.params, "", &task, &request);
	if (!err)
		err = exchange_transfer(generation->engine, &request, exchange_is_guarded(generation),
					&limits, on_look, generation, &generation->look);
	seed_request_release(&request);
	if (err)
		generation->look_turn = 0;
	return !err;
}

/* A task in a local server's queue is not worth many looks; a task that runs
 * may be. */
static int64_t look_interval_ms(const struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;
	bool runs = generation->record.progress > 0 && !generation->record.progress_estimated;

	if (engine->config.provider->look_ms && (runs || engine->active == 1))
		return engine->config.provider->look_ms;
	return LOOK_MS + LOOK_MS * engine->active / LOOK_TASKS;
}

int64_t progress_turn(struct generation *generation, int64_t now)
{
	struct seed_step nothing_told;

	if (now < generation->look_ms)
		return generation->look_ms;
	generation->look_ms = now + look_interval_ms(generation);
	if (!generation->look && !generation->no_looks)
		generation->no_looks = !progress_look(generation, SEED_STAGE_LOOK);
	if (generation->no_looks) {
		seed_step_init(&nothing_told);
		nothing_told.queue_position = generation->record.queue_position;
		progress_note(generation, &nothing_told);
		seed_step_release(&nothing_told);
	}
	return generation->look_ms;
}

void progress_stop(struct generation *generation)
{
	if (generation->look)
		seed_net_cancel(generation->engine->net, generation->look);
	generation->look = NULL;
	generation->look_turn = 0;
}
