/* Reports of the engine's present state, for people and machines: `queue`,
 * `metrics` and `gallery.json`. Made on the engine's thread, which owns all of it. */
#include <cjson/cJSON.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/text.h"

#define REPORT_MAX_BYTES (64 * 1024 * 1024)
#define BAR_WIDTH 20
#define NAME_COLUMNS 24

struct report {
	struct command command;
	struct seed_wait *wait;
	enum seed_report kind;
	char **text;
};

/* ---- what is reported of a generation ---- */

struct told {
	const char *state;
	double progress;
	bool estimated;
	int64_t elapsed_ms, left_ms; /* left: < 0 where nobody knows */
	char why[SEED_MESSAGE_MAX_BYTES + 128]; /* nothing of it runs; "" where something does */
};

/* "in 12 s", or "" where that is now. */
static void put_when(char *text, size_t size, int64_t at_ms, int64_t now_ms)
{
	text[0] = '\0';
	if (at_ms != INT64_MAX && at_ms > now_ms)
		snprintf(text, size, ", in %lld s", (long long)(at_ms - now_ms + 999) / 1000);
}

static bool is_running(const struct generation *generation)
{
	return generation->has_slot || (generation->adopting && !generation->link_adopting);
}

static void tell_why(const struct generation *generation, int64_t now_ms, char *text, size_t size)
{
	const struct seed_engine *engine = generation->engine;
	const struct blockage *block = queue_blockage(generation);
	char when[32];

	text[0] = '\0';
	if (generation->holding && generation->held_code == ENOSPC) {
		snprintf(text, size, "waits for disk space in the state directory");
	} else if (generation->holding && generation->phase == PHASE_REUSE && generation->ask_until_ms == INT64_MAX) {
		snprintf(text, size, "waits for the image of another name, which has the same text");
	} else if (generation->holding && !generation->held_code && generation->phase == PHASE_VERIFY) {
		snprintf(text, size, "waits until the failure of its retry is stored");
	} else if (generation->holding && !generation->held_code) {
		snprintf(text, size, "waits for the store");
	} else if (generation->holding) {
		snprintf(text, size, "waits: %s here", strerror(generation->held_code));
	} else if (generation->shelved) {
		snprintf(text, size, "waits for the service's answer: %s",
			 seed_error_words(&generation->record.error));
	} else if (generation->trouble == SEED_FAILURE_LOCAL &&
		   (generation->phase == PHASE_POLL_WAIT || generation->phase == PHASE_FETCH_WAIT)) {
		snprintf(text, size, "waits: %s here", strerror(generation->trouble_error.code));
	} else if (generation->transfer && seed_net_waits(generation->transfer)) {
		snprintf(text, size, "its answer waits for memory here, which other answers have");
	} else if (generation->link_adopting) {
		snprintf(text, size, "waits until fewer than %d images of callbacks are looked at",
			 engine->config.adoptions);
	} else if (is_running(generation)) {
		return;
	} else if (generation->phase == PHASE_FOLLOW) {
		snprintf(text, size, "another host generates it");
	} else if (generation->phase != PHASE_QUEUED) {
		return; /* the disk or the store has it: for a moment, or a line above says why */
	} else if (engine->shared && engine->shared->trouble) {
		snprintf(text, size, "waits for the store's object farm: %s", strerror(engine->shared->trouble));
	} else if (block) {
		put_when(when, sizeof(when), block->hold_until_ms, now_ms);
		snprintf(text, size, "waits: %s; next try%s", block->error.message,
			 when[0] ? when + 1 : " now");
	} else if (engine->key_refused) {
		snprintf(text, size, "waits until the service accepts the key for another prompt");
	} else if (engine->active >= engine->config.jobs) {
		snprintf(text, size, "waits for one of %d jobs", engine->config.jobs);
	} else {
		put_when(when, sizeof(when), seed_rate_next_ms(&engine->rate, engine->announced, now_ms), now_ms);
		snprintf(text, size, "waits for the rate (%d in %d s)%s", engine->config.rate_count,
			 engine->config.rate_seconds, when);
	}
}

static void tell(const struct generation *generation, struct told *told)
{
	int64_t now_ms = seed_clock_now_ms();

	*told = (struct told){ .left_ms = -1 };
	told->state = is_running(generation) ? "generating" : "queued";
	told->progress = progress_of(generation, now_ms, &told->estimated);
	told->elapsed_ms = generation_age_ms(generation);
	if (generation->has_slot)
		told->left_ms = progress_left_ms(generation, now_ms);
	tell_why(generation, now_ms, told->why, sizeof(told->why));
}

static int by_age(const void *a, const void *b)
{
	const struct generation *const *x = a, *const *y = b;

	return strcmp((*x)->record.id, (*y)->record.id);
}

struct sums {
	size_t running, queued, waiting;
};

static struct sums sum_up(const struct seed_engine *engine)
{
	struct sums sums = { 0 };

	for (const struct generation *g = engine->generations; g; g = g->next)
		if (!generation_is_over(g))
			*(is_running(g) ? &sums.running : &sums.queued) += 1;
	for (const struct seed_wait *wait = engine->waits; wait; wait = wait->next_all)
		sums.waiting++;
	return sums;
}

/* Those that are alive, oldest first; the caller's to free. NULL without memory. */
static struct generation **list_all(const struct seed_engine *engine, size_t *count)
{
	struct generation **all = calloc(engine->generation_count + 1, sizeof(all[0]));

	*count = 0;
	if (!all)
		return NULL;
	for (struct generation *g = engine->generations; g; g = g->next)
		if (!generation_is_over(g))
			all[(*count)++] = g;
	qsort(all, *count, sizeof(all[0]), by_age);
	return all;
}

/* ---- queue ---- */

/* A duration as people read it: "1:05" or "h:mm:ss". */
static void put_duration(char *text, size_t size, int64_t ms)
{
	long long s = (ms + 500) / 1000;

	if (ms < 0)
		snprintf(text, size, "-");
	else if (s < 3600)
		snprintf(text, size, "%lld:%02lld", s / 60, s % 60);
	else
		snprintf(text, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static errint_t queue_line(struct seed_buf *out, const struct generation *generation)
{
	char name[4 * SEED_NAME_MAX_BYTES + 1], bar[BAR_WIDTH + 1], far[32], elapsed[32], left[32];
	struct told told;
	int full, pad;

	tell(generation, &told);
	seed_text_escape_name(generation->record.name, name, sizeof(name));
	pad = NAME_COLUMNS - seed_text_columns(name);
	full = (int)(told.progress * BAR_WIDTH);
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	bar[BAR_WIDTH] = '\0';
	put_duration(elapsed, sizeof(elapsed), told.elapsed_ms);
	put_duration(left, sizeof(left), told.left_ms);
	if (generation->record.queue_position >= 0)
		snprintf(far, sizeof(far), "position %d", generation->record.queue_position);
	else
		snprintf(far, sizeof(far), "%s%.0f%%", told.estimated ? "~" : "",
			 told.progress * 100);
	return seed_buf_addf(out, "%s%*s %-10s %d/%d %9s %9s [%s] %s%s%s%s\n", name,
			     pad > 0 ? pad : 0, "", told.state, generation->record.attempt_count,
			     SEED_ATTEMPTS_MAX, elapsed, left, bar, far,
			     generation->record.superseded ? " superseded" : "", told.why[0] ? "  " : "",
			     told.why);
}

static errint_t queue_foot(struct seed_engine *engine, struct seed_buf *out)
{
	const struct seed_spent *spent = budget_today(engine);
	struct sums sums = sum_up(engine);
	errint_t err;

	err = seed_buf_addf(out, "%s# %zu generating, %zu queued, %zu waiting callers\n",
			     sums.running || sums.queued ? "" : "# nothing is running\n",
			     sums.running, sums.queued, sums.waiting);
	if (!err)
		err = seed_buf_addf(out, "# today (UTC): %lld", (long long)spent->count);
	if (!err && engine->config.budget > 0)
		err = seed_buf_addf(out, " of %lld", (long long)engine->config.budget);
	if (!err)
		err = seed_buf_addf(out, " submissions");
	if (!err && spent->cost > 0)
		err = seed_buf_addf(out, ", cost %.15g", spent->cost);
	for (size_t i = 0; i < SEED_SPENT_USERS && !err; i++)
		if (spent->users[i].count > 0)
			err = seed_buf_addf(out, "; uid %lld: %lld", (long long)spent->users[i].uid,
					    (long long)spent->users[i].count);
	return err ? err : seed_buf_addf(out, "\n");
}

static errint_t format_queue(struct seed_engine *engine, struct seed_buf *out)
{
	struct generation **all;
	size_t count = 0;
	errint_t err;

	all = list_all(engine, &count);
	if (!all)
		return -ENOMEM;
	/* Names cannot begin with '#' here: it is escaped. */
	err = seed_buf_addf(out, "# %-*s %-10s try %9s %9s progress\n", NAME_COLUMNS - 2, "name",
			    "state", "elapsed", "left");
	for (size_t i = 0; i < count && !err; i++)
		err = queue_line(out, all[i]);
	free(all);
	return err ? err : queue_foot(engine, out);
}

/* ---- gallery.json ---- */

static void add_change(void *context, uint64_t number, const char *name)
{
	cJSON *change = cJSON_CreateArray();

	cJSON_AddItemToArray(change, cJSON_CreateNumber((double)number));
	cJSON_AddItemToArray(change, cJSON_CreateString(name));
	cJSON_AddItemToArray(context, change);
}

static cJSON *running_of(const struct generation *generation)
{
	const struct seed_record *record = &generation->record;
	cJSON *out = cJSON_CreateObject();
	struct told told;

	tell(generation, &told);
	cJSON_AddStringToObject(out, "name", record->name);
	cJSON_AddStringToObject(out, "state", told.state);
	cJSON_AddNumberToObject(out, "attempt", record->attempt_count);
	cJSON_AddNumberToObject(out, "progress", told.progress);
	cJSON_AddBoolToObject(out, "estimated", told.estimated);
	cJSON_AddNumberToObject(out, "elapsed_s", (double)(told.elapsed_ms / 1000));
	if (told.left_ms >= 0)
		cJSON_AddNumberToObject(out, "left_s", (double)(told.left_ms / 1000));
	if (record->queue_position >= 0)
		cJSON_AddNumberToObject(out, "queue_position", record->queue_position);
	if (told.why[0])
		cJSON_AddStringToObject(out, "why", told.why);
	return out;
}

static cJSON *today_of(struct seed_engine *engine)
{
	const struct seed_spent *spent = budget_today(engine);
	cJSON *out = cJSON_CreateObject(), *users;
	char uid[24];

	cJSON_AddNumberToObject(out, "submissions", (double)spent->count);
	if (engine->config.budget > 0)
		cJSON_AddNumberToObject(out, "budget", (double)engine->config.budget);
	cJSON_AddNumberToObject(out, "cost", spent->cost);
	users = cJSON_AddObjectToObject(out, "by_uid");
	for (size_t i = 0; i < SEED_SPENT_USERS; i++) {
		if (spent->users[i].count <= 0)
			continue;
		snprintf(uid, sizeof(uid), "%lld", (long long)spent->users[i].uid);
		cJSON_AddNumberToObject(users, uid, (double)spent->users[i].count);
	}
	return out;
}

/* Without memory it says less, but it is still JSON. */
static errint_t format_gallery(struct seed_engine *engine, struct seed_buf *out)
{
	cJSON *root = cJSON_CreateObject(), *list;
	struct generation **all;
	size_t count = 0;
	uint64_t first = 0, last;
	errint_t err = -ENOMEM;
	char *text;

	list = cJSON_CreateArray();
	last = seed_store_each_change(engine->store, add_change, list, &first);
	cJSON_AddNumberToObject(root, "changes", (double)last);
	cJSON_AddNumberToObject(root, "since", (double)first);
	cJSON_AddItemToObject(root, "changed", list);
	list = cJSON_AddArrayToObject(root, "running");
	all = list_all(engine, &count);
	for (size_t i = 0; i < count; i++)
		if (!all[i]->record.superseded)
			cJSON_AddItemToArray(list, running_of(all[i]));
	free(all);
	cJSON_AddItemToObject(root, "today", today_of(engine));
	text = cJSON_PrintUnformatted(root);
	if (text)
		err = seed_buf_addf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(root);
	return err;
}

/* ---- metrics ---- */

static errint_t format_metrics(struct seed_engine *engine, struct seed_buf *out)
{
	const struct seed_spent *spent = budget_today(engine);
	struct sums sums = sum_up(engine);
	errint_t err;

	err = seed_metrics_format(&engine->metrics, out);
	if (!err)
		err = seed_metrics_gauge(out, "submissions_today", "Submissions of this day (UTC), including "
					 "earlier mounts.", (double)spent->count);
	if (!err)
		err = seed_metrics_gauge(out, "cost_today", "What the service charged on this day (UTC), in "
					 "its own unit.", spent->cost);
	if (!err)
		err = seed_buf_addf(out, "# HELP seedfs_submissions_today_by_uid Submissions of this day by the user who "
				    "wrote the prompt (-1: not known).\n"
				    "# TYPE seedfs_submissions_today_by_uid gauge\n");
	for (size_t i = 0; i < SEED_SPENT_USERS && !err; i++)
		if (spent->users[i].count > 0)
			err = seed_buf_addf(out, "seedfs_submissions_today_by_uid{uid=\"%lld\"} %lld\n",
					    (long long)spent->users[i].uid,
					    (long long)spent->users[i].count);
	if (!err)
		err = seed_metrics_gauge(out, "running", "Generations under way.", (double)sums.running);
	if (!err)
		err = seed_metrics_gauge(out, "queued", "Generations waiting for a slot or the rate.",
					 (double)sums.queued);
	if (!err)
		err = seed_metrics_gauge(out, "waiting", "Callers waiting for an outcome.",
					 (double)sums.waiting);
	if (!err)
		err = seed_metrics_gauge(out, "budget_left", "Submissions left today; -1: no budget.",
					 (double)budget_left(engine));
	if (!err)
		err = seed_metrics_gauge(out, "log_lines_lost", "Log lines that could not be written "
					 "since the mount.", (double)seed_log_lost(engine->log));
	return err;
}

/* ---- */

static void run_report(struct seed_engine *engine, struct command *command)
{
	struct report *report = (struct report *)command;
	struct seed_buf out;
	errint_t err;

	seed_buf_init(&out, REPORT_MAX_BYTES);
	if (report->kind == SEED_REPORT_QUEUE)
		err = format_queue(engine, &out);
	else if (report->kind == SEED_REPORT_METRICS)
		err = format_metrics(engine, &out);
	else
		err = format_gallery(engine, &out);
	if (!err && !(*report->text = strdup(out.data)))
		err = -ENOMEM;
	seed_buf_release(&out);
	wait_finish(engine, report->wait, -err);
	free(report);
}

errint_t seed_engine_report(struct seed_engine *engine, enum seed_report kind, char **text,
			    struct seed_wait *wait)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->command.run = run_report;
	report->wait = wait;
	report->kind = kind;
	report->text = text;
	engine_post(engine, &report->command);
	return 0;
}
