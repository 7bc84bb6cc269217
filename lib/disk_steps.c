/* A generation's steps on disk: prepared here, run on a disk thread. */
#include <unistd.h>

#include "lib/engine_internal.h"

struct step_job {
	struct seed_disk_job disk;
	struct command report;
	struct generation *generation;
	enum disk_step step;
	struct seed_record record; /* a copy: the engine goes on with its own */
	struct seed_buf bytes;
	bool superseded;
	struct seed_spent spent;
	char *reuse_name; /* borrowed: the generation outlives its steps */
	uint64_t reuse_key;
	int source_fd;
	errint_t err;
};

static void start_step(struct generation *generation, enum disk_step step);

static void step_ended(struct seed_engine *engine, struct command *command)
{
	struct step_job *job = (struct step_job *)((char *)command - offsetof(struct step_job, report));
	struct generation *generation = job->generation;
	engine->steps_running--;
	generation->step_running = STEP_NONE;
	if (job->source_fd >= 0) {
		if (generation->source_fd >= 0)
			close(generation->source_fd);
		generation->source_fd = job->source_fd;
	}
	if (job->step == STEP_KEEP && job->err) {
		seed_buf_release(&generation->bytes);
		generation->bytes = job->bytes;
		seed_buf_init(&job->bytes, SEED_ANSWER_MAX_BYTES);
	}
	disk_step_resume(generation);
	/* May free the generation, if nothing more is under way. */
	generation_step_done(generation, job->step, job->err);
	seed_record_release(&job->record);
	seed_buf_release(&job->bytes);
	free(job);
	if (engine->gate_closed)
		changes_turn(engine);
}

static errint_t keep_source(struct seed_store *store, struct step_job *job)
{
	errint_t err;

	err = seed_store_source_write(store, job->record.id, job->bytes.data,
				      job->bytes.len_bytes);
	if (!err)
		err = seed_store_journal(store, &job->record);
	if (err)
		return err;
	job->source_fd = seed_store_source_open(store, job->record.id);
	return job->source_fd < 0 ? job->source_fd : 0;
}

static errint_t journal(struct seed_store *store, struct step_job *job)
{
	errint_t err = seed_store_journal(store, &job->record);

	if (!err && !job->superseded)
		err = seed_store_record_write(store, &job->record, false);
	if (!err && job->step == STEP_ANNOUNCE)
		err = seed_store_spent_write(store, job->spent);
	return err;
}

static void run_step(struct seed_disk_job *disk)
{
	struct step_job *job = (struct step_job *)disk;
	struct seed_engine *engine = job->generation->engine;
	struct seed_store *store = engine->store;

	switch (job->step) {
	case STEP_PROGRESS:
		if (!job->superseded)
			job->err = seed_store_record_write(store, &job->record, false);
		if (!job->err) /* a drawing is announced by this step */
			job->err = seed_store_spent_write(store, job->spent);
		break;
	case STEP_BEGIN:
		job->err = seed_store_begin(store, &job->record);
		break;
	case STEP_SUPERSEDE:
	case STEP_REQUEUE:
	case STEP_ANNOUNCE:
	case STEP_ACCEPT:
		job->err = journal(store, job);
		break;
	case STEP_KEEP:
		job->err = keep_source(store, job);
		break;
	case STEP_REUSE:
		job->err = seed_store_image_copy(store, job->reuse_name, job->record.id);
		break;
	case STEP_FINISH:
		job->err = seed_store_finish(store, &job->record, job->superseded);
		if (!job->err && job->record.state == SEED_STATE_VERIFIED && !job->superseded)
			seed_store_reuse_note(store, job->reuse_key, job->record.name);
		break;
	case STEP_DROP:
		seed_store_forget(store, job->record.id);
		break;
	case STEP_NONE:
		break;
	}
	engine_post(engine, &job->report);
}

static void start_step(struct generation *generation, enum disk_step step)
{
	struct seed_engine *engine = generation->engine;
	struct step_job *job;

	/* The engine has stopped: the journal's row stands as it is. */
	if (!engine->disk)
		return;
	job = calloc(1, sizeof(*job));
	if (!job || seed_record_copy(&job->record, &generation->record)) {
		if (job)
			seed_record_release(&job->record);
		free(job);
		generation_step_done(generation, step, -ENOMEM);
		return;
	}
	job->disk.run = run_step;
	job->report.run = step_ended;
	job->generation = generation;
	job->step = step;
	job->superseded = generation->superseded;
	job->spent = engine->spent;
	job->reuse_name = generation->reuse_name;
	job->reuse_key = reuse_key(&generation->record);
	job->source_fd = -1;
	seed_buf_init(&job->bytes, SEED_ANSWER_MAX_BYTES);
	if (step == STEP_KEEP) {
		/* Taken, not copied: it may be many megabytes. */
		seed_buf_release(&job->bytes);
		job->bytes = generation->bytes;
		seed_buf_init(&generation->bytes, SEED_ANSWER_MAX_BYTES);
	}
	generation->step_running = step;
	engine->steps_running++;
	seed_disk_submit(engine->disk, seed_disk_lane(generation->record.name), &job->disk);
}

void disk_step(struct generation *generation, enum disk_step step)
{
	if (generation->step_running == STEP_NONE && generation->step_next == STEP_NONE &&
	    !generation->engine->gate_closed)
		start_step(generation, step);
	else if (step == STEP_SUPERSEDE ? generation->step_next == STEP_NONE :
					  step != STEP_PROGRESS)
		generation->step_next = step;
}

void disk_step_resume(struct generation *generation)
{
	enum disk_step step = generation->step_next;

	if (step == STEP_NONE || generation->step_running != STEP_NONE ||
	    generation->engine->gate_closed)
		return;
	generation->step_next = STEP_NONE;
	start_step(generation, step);
}
