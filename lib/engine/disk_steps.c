/* A generation's steps on disk: prepared here, run on a disk thread. What of them other
 * hosts are to know goes to the store that they share, before or after (shared_steps.c). */
#include <unistd.h>

#include "lib/engine/internal.h"

/* Gives the step's results to the generation. */
static void take_result(struct generation *generation, struct step_job *job)
{
	if (job->source_fd >= 0 && !job->err) {
		generation_drop_picture(generation);
		generation->source_fd = job->source_fd;
		job->source_fd = -1;
	}
	if (job->step == STEP_KEEP && job->err) { /* they are not lost: tried again */
		seed_buf_release(&generation->bytes);
		generation->bytes = job->bytes;
		seed_buf_init(&job->bytes, SEED_ANSWER_MAX_BYTES);
	}
	/* Before any row that was ordered meanwhile is written: it would say less than this step's. */
	if (job->step == STEP_KEEP && !job->err)
		generation_set_step(generation, "received");
	if (job->step == STEP_REUSE && !job->err)
		job->err = reuse_take_facts(&generation->record, &job->record);
	if (job->step == STEP_REUSE && !job->err) {
		generation->reuse_name = job->reuse_name;
		job->reuse_name = NULL;
	}
	if (job->step == STEP_TAKE && !job->err) {
		/* A newer text may have the name since the row was read. */
		job->record.superseded |= generation->record.superseded;
		seed_record_release(&generation->record);
		generation->record = job->record;
		job->record = (struct seed_record){ 0 };
	}
}

static void job_free(struct step_job *job)
{
	seed_record_release(&job->record);
	seed_buf_release(&job->bytes);
	if (job->source_fd >= 0)
		close(job->source_fd);
	free(job->reuse_name);
	free(job->picture);
	free(job->maker);
	free(job->claim);
	free(job->entry);
	free(job);
}

static struct step_job *job_of(struct command *command)
{
	return (struct step_job *)((char *)command - offsetof(struct step_job, report));
}

/* Before it is known where it goes on: what is paid for does, for the history. */
static void be_superseded(struct generation *generation)
{
	generation_unlink_name(generation);
	generation->record.superseded = true;
	generation_answer(generation, ECANCELED);
}

/* What others did to the name meanwhile. None of these frees the generation: the row here
 * has to go first. */
static void tell_others_changes(struct generation *generation, const struct step_job *job)
{
	const struct event superseded = { .kind = EVENT_SUPERSEDED, .by = "a newer prompt of another host" };
	const struct event removed = { .kind = EVENT_REMOVED };

	if (generation_is_ending(generation))
		return;
	if (job->removed)
		generation->engine->deliver(generation, &removed);
	else if (job->superseded && generation->phase == PHASE_CLAIM)
		be_superseded(generation);
	else if (job->superseded && !generation->record.superseded)
		generation->engine->deliver(generation, &superseded);
}

static void step_over(struct seed_engine *engine, struct command *command)
{
	struct step_job *job = job_of(command);
	struct generation *generation = job->generation;
	struct event event = { .kind = EVENT_STEP, .step = job->step, .row = job->row, .code = job->code };

	engine->steps_running--;
	engine->steps_beside -= job->step == STEP_RENEW;
	generation->step_running = STEP_NONE;
	generation->job = NULL;
	take_result(generation, job);
	event.err = job->err;
	tell_others_changes(generation, job);
	job_free(job);
	/* Its row is gone: nothing writes it again. */
	if (event.step == STEP_FINISH && !event.err && generation->step_next != STEP_DROP)
		generation->step_next = STEP_NONE;
	disk_step_resume(generation);
	engine->deliver(generation, &event);
}

/* Reported as every end is: whoever ordered the step does not find the generation moved
 * on, or gone. */
static void end(struct step_job *job)
{
	job->report.run = step_over;
	engine_post(job->generation->engine, &job->report);
}

static void step_ended(struct seed_engine *engine, struct command *command)
{
	struct step_job *job = job_of(command);
	bool was_read = job->read != NULL;

	job->read = NULL;
	if (!job->err && was_read && engine->stopping) /* the store was not asked */
		job->err = -ESHUTDOWN;
	if (!job->err && (was_read || shared_comes_last(job)) && !engine->stopping)
		shared_ask(job);
	else
		step_over(engine, command);
}

static void step_not_made(struct seed_engine *engine, struct command *command)
{
	struct generation *generation =
		(struct generation *)((char *)command - offsetof(struct generation, not_made.report));
	const struct event event = { .kind = EVENT_STEP, .step = generation->not_made.step,
				     .err = -ENOMEM };

	engine->steps_running--;
	engine->steps_beside -= event.step == STEP_RENEW;
	generation->step_running = STEP_NONE;
	disk_step_resume(generation);
	engine->deliver(generation, &event);
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

	if (!err && !job->record.superseded)
		err = seed_store_record_write(store, &job->record, false);
	return err;
}

static bool has_made_file(const struct generation *generation)
{
	for (const struct seed_ticket *ticket = generation->tickets; ticket; ticket = ticket->next)
		if (ticket->made_file)
			return true;
	return false;
}

/* The file that the writer's open made is no prompt: the text has not begun, and will not. */
static bool leaves_file(const struct step_job *job)
{
	return job->made_file && job->err && job->err != -EEXIST &&
	       !shared_is_waited_for(job->generation->engine, job->err);
}

static void begin(struct step_job *job)
{
	struct seed_store *store = job->generation->engine->store;

	if (!job->err)
		job->err = seed_store_begin(store, &job->record);
	/* What fails here is only an empty file. */
	if (leaves_file(job))
		SEED_UNUSED(seed_store_remove_empty(store, job->record.name) == 0);
}

/* That the name has its text's image is noted before it has: nothing that stops us in between, or cuts
 * the power behind it, has the text paid for once more. And again: somebody who shortened the list
 * meanwhile found nothing there yet. */
static errint_t finish(struct seed_engine *engine, struct step_job *job)
{
	const bool is_copied = job->record.state == SEED_STATE_VERIFIED && !job->record.superseded;
	const bool durable = engine->config.reuse;
	errint_t err = 0;

	if (is_copied)
		err = seed_store_reuse_note(engine->store, job->reuse_key, job->record.name, reuse_key, durable);
	/* Whatever does not pass: the image is there, and is shown. */
	if (!durable || !reuse_is_lack(err))
		err = 0;
	if (!err)
		err = seed_store_finish(engine->store, &job->record, job->record.superseded);
	if (!err && is_copied)
		SEED_UNUSED(seed_store_reuse_note(engine->store, job->reuse_key, job->record.name, reuse_key,
						  durable) == 0);
	return err;
}

static void run_step(struct seed_disk_job *disk)
{
	struct step_job *job = (struct step_job *)disk;
	struct seed_engine *engine = job->generation->engine;
	struct seed_store *store = engine->store;
	const bool ends = job->step == STEP_FINISH;
	errint_t err;

	if (job->read) {
		job->read(job);
		engine_post(engine, &job->report);
		return;
	}
	err = job->maker && job->entry ? shared_mirror(engine, job->maker, job->entry) : 0;
	if (job->maker && job->entry && !err)
		SEED_UNUSED(seed_store_reuse_note(store, job->reuse_key, job->maker, reuse_key, false) == 0);
	switch (job->step) {
	case STEP_PROGRESS:
		if (!job->record.superseded)
			job->err = seed_store_record_write(store, &job->record, false);
		break;
	case STEP_BEGIN:
		begin(job);
		break;
	case STEP_TAKE:
		job->err = seed_store_take(store, &job->record);
		job->is_here = true;
		break;
	case STEP_MARK:
	case STEP_REQUEUE:
	case STEP_ANNOUNCE:
	case STEP_ACCEPT:
		job->err = journal(store, job);
		break;
	case STEP_KEEP:
		job->err = keep_source(store, job);
		break;
	case STEP_REUSE:
		job->reuse_name = job->maker ? strdup(job->maker) : NULL;
		job->err = job->maker && !job->reuse_name ? -ENOMEM :
			   reuse_is_lack(err) ? err :
			   reuse_copy(engine, &job->record, &job->reuse_name);
		if (job->err == -ENOENT && job->maker) /* it was changed since: it is looked at again */
			job->err = -ESTALE;
		break;
	case STEP_FINISH:
		job->err = finish(engine, job);
		break;
	case STEP_DROP:
		job->err = seed_store_forget(store, job->record.id);
		break;
	case STEP_CLAIM:
	case STEP_LOOK:
	case STEP_RENEW:
	case STEP_NONE:
		break;
	}
	/* What fails here is done when the name is looked at. */
	if (!job->err && job->entry && !job->maker)
		SEED_UNUSED(shared_mirror(engine, job->record.name, job->entry) == 0);
	engine_post(engine, &job->report);
	/* By now its waiters may be answered, and the job gone. */
	if (ends)
		seed_store_checkpoint_soon(store);
}

/* What the service reported belongs into every row from its acceptance on. */
static errint_t copy_record(struct generation *generation, struct seed_record *record)
{
	errint_t err = 0;

	if (generation_is_paid(generation) && !generation->reuse_name)
		err = exchange_note_task(generation);
	if (!err)
		err = seed_record_copy(record, &generation->record);
	else
		seed_record_init(record);
	return err;
}

static void to_disk(struct step_job *job)
{
	struct seed_engine *engine = job->generation->engine;

	job->report.run = step_ended;
	if (engine->disk)
		seed_disk_submit(engine->disk, seed_disk_lane(job->record.name), &job->disk);
	else
		end(job);
}

/* The store has answered. */
static void on_store(struct step_job *job)
{
	bool has_files = job->entry || job->read || job->step == STEP_BEGIN || job->step == STEP_REUSE ||
			 job->step == STEP_DROP || job->step == STEP_FINISH || job->step == STEP_TAKE;

	if (leaves_file(job))
		to_disk(job);
	else if (job->err || shared_comes_last(job) || !has_files)
		end(job);
	else
		to_disk(job);
}

static void start_step(struct generation *generation, enum disk_step step)
{
	struct seed_engine *engine = generation->engine;
	struct step_job *job;

	/* The engine has stopped: the journal's row stands as it is. */
	if (!engine->disk)
		return;
	generation->step_running = step;
	engine->steps_running++;
	engine->steps_beside += step == STEP_RENEW;
	/* The row tells it: a charge is on disk before what it is for is sent. */
	seed_store_spent_note(engine->store, &engine->spent);
	job = malloc(sizeof(*job));
	if (!job) {
		generation->not_made.step = step;
		generation->not_made.report.run = step_not_made;
		engine_post(engine, &generation->not_made.report);
		return;
	}
	*job = (struct step_job){
		.disk.run = run_step,
		.then = on_store,
		.generation = generation,
		.step = step,
		.reuse_key = reuse_key(&generation->record),
		.made_file = step == STEP_BEGIN && has_made_file(generation),
		.source_fd = -1,
		.lease_alone = generation->step_next != STEP_NONE,
	};
	seed_buf_init(&job->bytes, SEED_ANSWER_MAX_BYTES);
	job->err = copy_record(generation, &job->record);
	if (step == STEP_KEEP) {
		/* Said by this step's row alone, which follows the bytes. */
		job->record.step = seed_record_step("received");
		/* Taken, not copied: it may be many megabytes. An error gives them back. */
		job->bytes = generation->bytes;
		seed_buf_init(&generation->bytes, SEED_ANSWER_MAX_BYTES);
	}
	generation->job = job;
	if (job->err)
		end(job);
	else if (shared_comes_first(job))
		shared_ask(job);
	else
		to_disk(job);
}

/* What is paid for does not wait for a store that may be away: its row comes first. */
static bool is_at_store(const struct generation *generation)
{
	return generation->engine->shared &&
	       (generation->holding || (generation->job && generation->job->asked));
}

/* A newer text of the name is on its way to the disk. When it is there, or has failed,
 * it is known whose the name is. */
static bool waits_for_newer(const struct generation *generation)
{
	const struct generation *newest;

	if (!generation->link_same)
		return false;
	newest = engine_find(generation->engine, generation->record.name);
	return newest != generation && !generation_has_begun(newest) && !is_at_store(newest);
}

static bool may_start(const struct generation *generation, enum disk_step step)
{
	if (generation->step_running != STEP_NONE)
		return false;
	if (step == STEP_RENEW) /* whosever the name is, its task is this host's */
		return !generation->leaving;
	return !generation->engine->gate_closed &&
	       (step == STEP_DROP || (!generation->leaving && !waits_for_newer(generation)));
}

void disk_step(struct generation *generation, enum disk_step step)
{
	assert(generation->phase != PHASE_GONE);
	if ((step == STEP_PROGRESS || step == STEP_RENEW) && !may_start(generation, step))
		return;
	if (step == STEP_RENEW) { /* beside what waits for the gate; which adds the row, if it has no lease */
		if (generation->lease || generation->step_next == STEP_NONE)
			start_step(generation, step);
		return;
	}
	/* Whatever is noted already writes the journal as well. */
	if (generation->step_next == STEP_NONE || (step != STEP_MARK && step != STEP_PROGRESS))
		generation->step_next = step;
	disk_step_resume(generation);
}

void disk_step_resume(struct generation *generation)
{
	enum disk_step step = generation->step_next;

	if (step == STEP_NONE || !may_start(generation, step))
		return;
	generation->step_next = STEP_NONE;
	start_step(generation, step);
}

void disk_steps_resume_older(struct seed_engine *engine, const char *name)
{
	struct generation *older = engine_find(engine, name), *next;

	for (; older; older = next) {
		next = generation_next_same(older);
		disk_step_resume(older);
	}
}
