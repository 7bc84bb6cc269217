/* A generation as a structure: its name, its row, who waits for it. */
#include <unistd.h>

#include <stdarg.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* The pause before a mark in the journal that could not be written is tried again. */
#define MARK_AGAIN_MS 2000
/* At the end there are only some seconds for what is paid for. */
#define LAST_MARK_AGAIN_MS 250

void generation_log(struct generation *generation, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	seed_log_line(generation->engine->log, generation->record.name, "%s", text);
}

/* ---- names ---- */

static struct generation **bucket_of(struct seed_engine *engine, const char *name)
{
	return &engine->names[seed_disk_lane(name) % NAME_BUCKETS];
}

static void link_at(struct generation *generation, struct generation **at)
{
	generation->next_same = *at;
	generation->link_same = at;
	if (*at)
		(*at)->link_same = &generation->next_same;
	*at = generation;
}

void generation_unlink_name(struct generation *generation)
{
	if (!generation->link_same)
		return;
	*generation->link_same = generation->next_same;
	if (generation->next_same)
		generation->next_same->link_same = generation->link_same;
	generation->link_same = NULL;
	generation->leaving = 0; /* removals are of what has the name */
}

/* The newest comes first: engine_find() meets it before the others. */
static void link_name(struct generation *generation)
{
	link_at(generation, bucket_of(generation->engine, generation->record.name));
}

struct generation *generation_next_same(struct generation *generation)
{
	struct generation *other = generation->next_same;

	while (other && strcmp(other->record.name, generation->record.name) != 0)
		other = other->next_same;
	return other;
}

/* Where generations of that name end; NULL: there are none. */
static struct generation *oldest_of(struct seed_engine *engine, const char *name)
{
	struct generation *last = engine_find(engine, name), *next;

	while (last && (next = generation_next_same(last)) != NULL)
		last = next;
	return last;
}

static bool take_name(struct generation *generation, const char *name)
{
	if (seed_record_set(&generation->record.name, name) == 0) {
		generation->renames++;
		return true;
	}
	generation_log(generation, SEED_LOG_ERROR "out of memory: the generation goes on under its old name");
	return false;
}

/* What is there was written to the target while the rename ran: it is newer than these, which
 * it supersedes once it is on disk. */
static void rename_list(struct generation *newest, const char *name)
{
	struct generation *before = oldest_of(newest->engine, name), *next;

	for (struct generation *g = newest; g; g = next) {
		next = generation_next_same(g);
		if (generation_is_over(g) || !take_name(g, name))
			continue;
		generation_unlink_name(g);
		if (before)
			generation_link_behind(g, before);
		else
			link_name(g);
		before = g;
	}
}

void generation_rename(struct generation *generation, const char *name)
{
	if (generation->link_same)
		rename_list(engine_find(generation->engine, generation->record.name), name);
	else
		(void)take_name(generation, name);
}

void generation_follow_name(struct generation *generation, const char *name)
{
	struct generation *newer = oldest_of(generation->engine, name);
	bool has_name = generation->link_same != NULL;

	if (strcmp(generation->record.name, name) == 0 || !take_name(generation, name) || !has_name)
		return;
	generation_unlink_name(generation);
	if (newer)
		generation_link_behind(generation, newer);
	else
		link_name(generation);
}

bool generation_share_name(struct generation *a, struct generation *b)
{
	if (a->renames > b->renames)
		generation_follow_name(b, a->record.name);
	else
		generation_follow_name(a, b->record.name);
	return strcmp(a->record.name, b->record.name) == 0;
}

void generation_link_behind(struct generation *generation, struct generation *newer)
{
	link_at(generation, &newer->next_same);
}

struct generation *engine_find(struct seed_engine *engine, const char *name)
{
	struct generation *generation = *bucket_of(engine, name);

	while (generation && strcmp(generation->record.name, name) != 0)
		generation = generation->next_same;
	return generation;
}

bool engine_has_id(const struct seed_engine *engine, const char *id)
{
	for (const struct generation *g = engine->generations; g; g = g->next)
		if (strcmp(g->record.id, id) == 0)
			return true;
	return false;
}

/* ---- life ---- */

errint_t generation_take_params(struct seed_record *record, struct seed_params *params)
{
	const struct seed_params *shared = seed_params_share(params);

	if (!shared)
		return -ENOMEM;
	seed_params_unref(record->params);
	record->params = shared;
	return 0;
}

errint_t generation_ask_here(struct seed_engine *engine, struct seed_record *record)
{
	const char *text = record->request;
	bool has_own = seed_params_are_in(text);
	struct seed_params own = { 0 };
	errint_t err = 0;

	free(record->prompt);
	record->prompt = NULL;
	seed_params_unref(record->params);
	record->params = seed_params_ref(engine->config.params);
	if (seed_record_set(&record->provider, engine->config.provider->name) ||
	    (has_own && seed_params_copy(&own, record->params)))
		return -ENOMEM;
	if (*text)
		err = seed_params_parse(text, strlen(text), &own, &record->prompt, NULL);
	else
		err = seed_record_set(&record->prompt, "");
	if (err == -EINVAL) /* refused later, on its way (begin.c): the row shows the text */
		err = seed_record_set(&record->prompt, text);
	else if (!err && has_own)
		err = generation_take_params(record, &own);
	seed_params_release(&own);
	return err;
}

errint_t generation_fill_record(struct seed_engine *engine, const char *name, const char *text,
				struct seed_record *record)
{
	char id[SEED_STORE_ID_BYTES];

	seed_record_init(record);
	seed_store_new_id(engine->store, id);
	record->created_ms = seed_clock_wall_ms();
	if (seed_record_set(&record->name, name) || seed_record_set(&record->request, text) ||
	    seed_record_set(&record->id, id))
		return -ENOMEM;
	return generation_ask_here(engine, record);
}

bool generation_is_foreign(const struct generation *generation)
{
	const char *provider = generation->record.provider;

	return provider && strcmp(provider, generation->engine->config.provider->name) != 0;
}

/* By the wall clock, which may have been set since. */
static int64_t age_ms(const struct seed_record *record)
{
	int64_t age_ms = seed_clock_wall_ms() - record->created_ms;

	return age_ms > 0 ? age_ms : 0;
}

int64_t generation_age_ms(const struct generation *generation)
{
	return seed_clock_now_ms() - generation->begun_ms;
}

struct generation *generation_new(struct seed_engine *engine, struct seed_record *record,
				  bool newest)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return NULL;
	if (timers_reserve(engine)) {
		free(generation);
		return NULL;
	}
	generation->engine = engine;
	generation->order = generation->asked = ++engine->last_order;
	generation->source_fd = -1;
	generation->begun_ms = seed_clock_now_ms() - age_ms(record);
	generation->uid = generation->charged_day = -1;
	generation->deadline_ms = generation->ask_until_ms = INT64_MAX;
	seed_buf_init(&generation->bytes, SEED_ANSWER_MAX_BYTES);
	generation->record = *record;
	*record = (struct seed_record){ 0 }; /* moved: nothing is left to release */
	generation->record.superseded = !newest;
	generation->next = engine->generations;
	generation->link = &engine->generations;
	if (generation->next)
		generation->next->link = &generation->next;
	engine->generations = generation;
	timers_touch(generation);
	generation->may_copy = engine->config.reuse;
	if (generation->may_copy)
		generation->reuse_key = reuse_key(&generation->record);
	if (newest)
		link_name(generation);
	return generation;
}

void generation_part_from_late(struct generation *generation)
{
	if (generation->late)
		generation->late->main = NULL;
	if (generation->main)
		generation->main->late = NULL;
	generation->late = generation->main = NULL;
}

static void settle_tickets(struct generation *generation, int code)
{
	while (generation->tickets) {
		struct seed_ticket *ticket = generation->tickets;

		generation->tickets = ticket->next;
		ticket->next = NULL;
		ticket->generation = NULL;
		atomic_store(&ticket->outcome, code);
		seed_ticket_unref(ticket);
	}
}

void generation_answer(struct generation *generation, int code)
{
	settle_tickets(generation, code);
	waits_finish(generation, code);
}

void generation_release_slot(struct generation *generation)
{
	if (generation->has_slot)
		generation->engine->active--;
	generation->has_slot = false;
	generation->engine->pump_ms = 0;
}

/* Whoever waits, too, makes nothing yet. */
static bool makes_for(const struct generation *other, const struct generation *waiting)
{
	return other->phase > PHASE_REUSE && other != waiting &&
	       reuse_is_making(other, waiting->reuse_key, &waiting->record);
}

static bool is_made_for(const struct generation *waiting)
{
	for (const struct generation *g = waiting->engine->generations; g; g = g->next)
		if (makes_for(g, waiting))
			return true;
	return false;
}

/* Where it failed they do not wait for one of their own: else one after the other would fail. Where nothing of it was
 * ever accepted they queue together, and once one of them is sent, the others wait for that. They go on to wait
 * where it is being made all the same (by a retry beside a late task, by another name where an older text's task
 * has failed), and fail where it is kept. Those that have not been sent when one of them has its image, copy that. One
 * that only waited, too, has made nothing; and nobody waits for one that is
 * superseded. Of a mount that shares a store, they look there. */
void generation_wake_same(const struct generation *ended)
{
	const struct seed_engine *engine = ended->engine;
	const bool made = ended->record.state == SEED_STATE_VERIFIED && !ended->record.superseded;
	const struct event wake = { .kind = EVENT_WAKE };

	if (!engine->config.reuse || engine->shared)
		return;
	for (struct generation *g = engine->generations; g; g = g->next) {
		if (g->reuse_key != ended->reuse_key)
			continue;
		if (made && g->phase == PHASE_QUEUED && g->may_copy && g->step_next == STEP_NONE && attempt_is_unsent(g)) {
			engine->deliver(g, &wake);
			continue;
		}
		g->same_ended = g->phase == PHASE_REUSE;
		if (g->phase != PHASE_REUSE || !g->holding)
			continue;
		if (ended->record.state == SEED_STATE_FAILED && !ended->record.superseded &&
		    !ended->made_nothing && !is_made_for(g))
			*(ended->was_taken ? &g->waits_no_more : &g->waits_for_sent) = true;
		attempt_wake(g);
	}
}

void generation_let_others_on(struct generation *generation)
{
	struct command *command;

	while ((command = generation->after) != NULL) {
		generation->after = command->next;
		engine_post(generation->engine, command);
	}
	generation_wake_same(generation);
}

/* ---- its row ---- */

void generation_set_step(struct generation *generation, const char *step)
{
	generation->record.step = seed_record_step(step);
	assert(generation->record.step);
}

struct seed_attempt *attempt_last(struct generation *generation)
{
	assert(generation->record.attempt_count > 0);
	return &generation->record.attempts[generation->record.attempt_count - 1];
}

bool attempt_begins(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;

	return record->attempt_count == 0 ||
	       record->attempts[record->attempt_count - 1].ended_ms != 0;
}

bool attempt_is_unsent(const struct generation *generation)
{
	const int count = generation->record.attempt_count;

	return count == 0 || (count == 1 && !attempt_begins(generation));
}

struct seed_attempt *attempt_own(struct generation *generation)
{
	const char *task = generation->task.id;
	struct seed_record *record = &generation->record;

	for (int i = 0; task && i < record->attempt_count; i++)
		if (record->attempts[i].task_id && strcmp(record->attempts[i].task_id, task) == 0)
			return &record->attempts[i];
	return attempt_last(generation);
}

void attempt_trouble(struct generation *generation, enum seed_failure failure,
		     const struct seed_error *error)
{
	generation->trouble = failure;
	seed_error_keep(&generation->trouble_error, error);
}

void attempt_wake(struct generation *generation)
{
	generation->wake_ms = 0;
	timers_touch(generation);
}

/* The picture is paid for: a person may still fetch it. */
void generation_keep_url(struct generation *generation, const char *url)
{
	seed_log_secret(generation->engine->log, generation->record.name, url);
	generation_log(generation, SEED_LOG_IMAGE "The image's URL as the service gave it is in "
		       "log/refused-urls of the state directory");
}

void generation_drop_picture(struct generation *generation)
{
	if (generation->source_fd >= 0)
		close(generation->source_fd);
	generation->source_fd = -1;
	seed_buf_release(&generation->bytes);
	if (generation->room)
		seed_net_cancel(generation->engine->net, generation->room);
	generation->room = NULL;
}

void generation_mark_again(struct generation *generation, errint_t err)
{
	if (generation->mark_code != -err)
		generation_log(generation, SEED_LOG_ERROR "The journal cannot be written: %s (%s); tried "
			       "again every %d s", strerror(-err), seed_error_name(-err),
			       MARK_AGAIN_MS / 1000);
	generation->mark_code = -err;
	generation->mark_ms = seed_clock_now_ms() +
			      (generation->engine->stopping ? LAST_MARK_AGAIN_MS : MARK_AGAIN_MS);
	timers_touch(generation);
}
