/* What people and machines are told of the engine's present state: `queue` and
 * `metrics`. Made on the engine's thread, which owns all of it. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/base/text.h"

#define REPORT_MAX_BYTES (64 * 1024 * 1024)
#define BAR_WIDTH 20

struct report {
	struct command command;
	struct seed_wait *wait;
	enum seed_report kind;
	char **text;
};

/* ---- queue ---- */

static int by_age(const void *a, const void *b)
{
	const struct generation *const *x = a, *const *y = b;

	return strcmp((*x)->record.id, (*y)->record.id);
}

/* Why nothing of it runs; "" where something does. */
static const char *why_waits(const struct generation *generation, char *text, size_t size)
{
	const struct seed_engine *engine = generation->engine;

	if (generation->shelved)
		return "  waits for an answer of the service";
	if (generation->has_slot || generation->adopting)
		return "";
	if (engine->blocked_ms)
		snprintf(text, size, "  waits: %.200s", engine->blocked_error.message);
	else if (engine->active >= engine->config.jobs)
		snprintf(text, size, "  waits for one of %d jobs", engine->config.jobs);
	else
		snprintf(text, size, "  waits for the rate (%d in %d s)", engine->config.rate_count,
			 engine->config.rate_seconds);
	return text;
}

static errint_t queue_foot(const struct seed_engine *engine, struct seed_buf *out)
{
	size_t running = 0, queued = 0, waiting = 0;

	for (const struct generation *g = engine->generations; g; g = g->next) {
		if (!generation_is_over(g))
			*(g->has_slot || g->adopting ? &running : &queued) += 1;
		for (const struct seed_wait *wait = g->waits; wait; wait = wait->next)
			waiting++;
	}
	return seed_buf_addf(out, "# %zu generating, %zu queued, %zu waiting callers\n", running,
			     queued, waiting);
}

static errint_t queue_line(struct seed_buf *out, const struct generation *generation)
{
	char name[4 * SEED_NAME_MAX_BYTES + 1], bar[BAR_WIDTH + 1], far[32], why[256];
	int64_t now = seed_clock_now_ms();
	int64_t elapsed = seed_clock_wall_ms() - generation->record.created_ms;
	bool estimated;
	double progress = progress_of(generation, now, &estimated);
	int full = (int)(progress * BAR_WIDTH);

	seed_text_escape_name(generation->record.name, name, sizeof(name));
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	bar[BAR_WIDTH] = '\0';
	if (generation->record.queue_position >= 0)
		snprintf(far, sizeof(far), "position %d", generation->record.queue_position);
	else
		snprintf(far, sizeof(far), "%s%.0f%%", estimated ? "~" : "", progress * 100);
	return seed_buf_addf(out, "%-24s %-10s %d/%d %8.1fs [%s] %s%s%s\n", name,
			     generation->has_slot || generation->adopting ? "generating" : "queued",
			     generation->record.attempt_count, SEED_ATTEMPTS_MAX,
			     (double)(elapsed > 0 ? elapsed : 0) / 1000, bar, far,
			     generation->record.superseded ? " superseded" : "",
			     why_waits(generation, why, sizeof(why)));
}

static errint_t format_queue(struct seed_engine *engine, struct seed_buf *out)
{
	struct generation **all;
	size_t count = 0, i = 0;
	errint_t err = 0;

	for (struct generation *g = engine->generations; g; g = g->next)
		count += !generation_is_over(g);
	all = calloc(count + 1, sizeof(all[0]));
	if (!all)
		return -ENOMEM;
	for (struct generation *g = engine->generations; g; g = g->next)
		if (!generation_is_over(g))
			all[i++] = g;
	qsort(all, count, sizeof(all[0]), by_age);
	/* Names cannot begin with '#' here: it is escaped. */
	err = seed_buf_addf(out, "# %-22s %-10s try %9s progress\n", "name", "state", "elapsed");
	for (i = 0; i < count && !err; i++)
		err = queue_line(out, all[i]);
	free(all);
	return err ? err : queue_foot(engine, out);
}

/* ---- metrics ---- */

static errint_t format_metrics(struct seed_engine *engine, struct seed_buf *out)
{
	size_t running = 0, queued = 0, waiting = 0;
	errint_t err;

	for (struct generation *g = engine->generations; g; g = g->next) {
		if (!generation_is_over(g))
			*(g->has_slot || g->adopting ? &running : &queued) += 1;
		for (const struct seed_wait *wait = g->waits; wait; wait = wait->next)
			waiting++;
	}
	err = seed_metrics_format(&engine->metrics, out);
	if (!err)
		err = seed_metrics_gauge(out, "running", "Generations under way.", (double)running);
	if (!err)
		err = seed_metrics_gauge(out, "queued", "Generations waiting for a slot or the rate.",
					 (double)queued);
	if (!err)
		err = seed_metrics_gauge(out, "waiting", "Callers waiting for an outcome.",
					 (double)waiting);
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
	err = report->kind == SEED_REPORT_QUEUE ? format_queue(engine, &out) :
						  format_metrics(engine, &out);
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
