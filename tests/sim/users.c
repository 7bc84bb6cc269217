/* What is done to the mount, and what must be true of it. */
#include "tests/sim/sim.h"

#include <stdio.h>

/* An attempt's time, twice, and as often again behind a service that takes
 * nothing; and what workers and disks take of their own. */
#define ANSWER_MAX_MS (4 * TIMEOUT_MS + 90000)

struct text texts[TEXTS_MAX];
int text_count;
int life;

static struct waiter {
	struct seed_wait wait;
	bool used, answered;
	const char *what;
	int text; /* of a commit; -1 */
	bool must_succeed, first;
	int64_t since_ms;
	char *report;
} waiters[WAITS_MAX];
static int waiter_count;
static int newest[NAMES];     /* the text that was last committed to it; -1: none */
static bool restored[NAMES];  /* an earlier picture was made current, or a name moved */
static bool one_slot;         /* of one kind: how long that is taken, nobody knows */
static struct seed_engine *asked; /* the engine of this life */

void users_begin(struct seed_engine *engine)
{
	if (life == 0) {
		waiter_count = text_count = 0;
		for (int i = 0; i < NAMES; i++) {
			newest[i] = -1;
			restored[i] = false;
		}
	}
	asked = engine;
	one_slot = engine->config.jobs == 1 || engine->config.adoptions == 1;
}

/* ---- waiters ---- */

static void answered(struct seed_wait *wait, int code)
{
	struct waiter *waiter = (struct waiter *)(void *)wait;
	int64_t took_ms = now_ms() - waiter->since_ms;

	if (is_dead())
		return;
	if (waiter->answered)
		broken("%s was answered twice", waiter->what);
	waiter->answered = true;
	trace("user: %s T%d: %s", waiter->what, waiter->text, code ? strerror(code) : "ok");
	if (took_ms > ANSWER_MAX_MS && !one_slot)
		broken("%s waited %lld ms", waiter->what, (long long)took_ms);
	/* What says nothing of the text ends no wait before its time. */
	if (waiter->first && took_ms < TIMEOUT_MS &&
	    (code == ECONNREFUSED || code == EHOSTUNREACH || code == ETIMEDOUT))
		broken("%s: %s after %lld ms", waiter->what, strerror(code), (long long)took_ms);
	if (waiter->must_succeed && code)
		broken("%s: %s, and the adversary is kind", waiter->what, strerror(code));
	if (code == 0 && waiter->text >= 0)
		texts[waiter->text].closed_well = true;
}

static struct seed_wait *wait_new(const char *what, int text)
{
	struct waiter *waiter;

	if (waiter_count == WAITS_MAX)
		return NULL;
	waiter = &waiters[waiter_count++];
	*waiter = (struct waiter){ .used = true, .what = what, .text = text, .since_ms = now_ms() };
	waiter->wait.done = answered;
	waiter->wait.engine = asked;
	return &waiter->wait;
}

/* What the program knows, and the disk took everything for so long: it is in the
 * journal, or has ended. */
static bool should_be_durable(const struct task *task, int64_t quiet_ms)
{
	int64_t since = task->told_ms > disk_fault_ms() ? task->told_ms : disk_fault_ms();

	return task->life == life && now_ms() - since > quiet_ms && !task->told_failed &&
	       !task->told_invalid && !task->told_gone && !task->told_unknown && !task->cancelled &&
	       !task->placed && !task->bytes && !task->excused && task->text >= 0 && !texts[task->text].gone;
}

static void program_ended(int64_t quiet_ms)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i].told && !tasks[i].durable) {
			if (should_be_durable(&tasks[i], quiet_ms))
				broken("task %d was accepted and never written down", i);
			tasks[i].excused = true;
		}
}

void users_died(void)
{
	for (int i = 0; i < waiter_count; i++)
		waiters[i].answered = true; /* the kernel does that */
	program_ended(15000);
}

/* A stop waits for the disk: it is tried again after 2 s. */
void users_stopped(void)
{
	program_ended(2500);
}

/* ---- what they do ---- */

/* One that a name has, or was given last. */
static int some_prompt(void)
{
	const int name = (int)roll(NAMES);

	return chance(50) ? entries[name].prompt : newest[name];
}

/* `number`: one that was written before, or text_count. */
static void commit_text(struct seed_engine *engine, int name, int number, bool same)
{
	const struct generation *running = engine_find(engine, name_of(name));
	struct seed_ticket *ticket = seed_ticket_new();
	struct seed_wait *wait;
	char *text = NULL;

	if (number == TEXTS_MAX || !(wait = wait_new("commit", number))) {
		seed_ticket_unref(ticket);
		return;
	}
	if (number == text_count)
		texts[text_count++] = (struct text){ .commits = 0 };
	/* It joins what is under way for the same text. */
	if (!running || text_number(running->record.request) != number ||
	    (running->record.state == SEED_STATE_FAILED && generation_is_ending(running)))
		texts[number].commits++;
	((struct waiter *)(void *)wait)->first = number == text_count - 1 && !same;
	((struct waiter *)(void *)wait)->must_succeed = world_is_kind();
	newest[name] = number;
	trace("user: commit T%d to %s", number, name_of(name));
	wait->until_begun = chance(5);
	if (wait->until_begun) /* 0 says nothing of an image */
		((struct waiter *)(void *)wait)->text = -1;
	if (asprintf(&text, "T%d", number) < 0 ||
	    seed_engine_commit(engine, name_of(name), text, ticket, wait))
		abort();
	if (chance(30) && (wait = wait_new("fsync", -1)) != NULL &&
	    seed_engine_wait_ticket(engine, ticket, wait))
		abort();
	seed_ticket_unref(ticket);
}

static void commit(struct seed_engine *engine, int name, bool same)
{
	const int other = same && engine->config.reuse && chance(60) ? some_prompt() : newest[name];

	commit_text(engine, name, same && other >= 0 ? other : text_count, same);
}

/* A script that writes one text to all names. */
static void fan_out(struct seed_engine *engine)
{
	const int number = text_count;

	for (int i = 0; i < NAMES && number < TEXTS_MAX; i++)
		commit_text(engine, i, number, i > 0);
}

static void callback(struct seed_engine *engine, int name)
{
	int picture = chance(60) ? service_foreign_picture() : -1;
	struct seed_wait *wait;
	char *body = NULL;
	int n;

	if (text_count == TEXTS_MAX || !(wait = wait_new("callback", -1)))
		return;
	texts[text_count] = (struct text){ .commits = 1 };
	newest[name] = -1;
	restored[name] = true; /* whose picture it has is not followed further */
	trace("user: callback T%d to %s, picture %d", text_count, name_of(name), picture);
	if (picture >= 0)
		n = asprintf(&body, "{\"prompt\":\"T%d\",\"image_url\":\"http://sim.test/image/%d\"}",
			     text_count++, picture);
	else
		n = asprintf(&body, "{\"prompt\":\"T%d\"}", text_count++);
	if (n < 0 || seed_engine_callback(engine, name_of(name), body, NULL, wait))
		abort();
}

/* More than may be looked at at once, now and then. */
static void callbacks(struct seed_engine *engine, int name)
{
	callback(engine, name);
	if (chance(30))
		for (int i = 0; i < NAMES; i++)
			callback(engine, i);
}

static void excuse(const struct generation *generation)
{
	int task = generation->task.id ? (int)strtol(generation->task.id, NULL, 10) : -1;

	if (task >= 0 && task < task_count)
		tasks[task].excused = true;
	/* An answer may be on its way. */
	for (int i = 0; i < task_count; i++)
		if (tasks[i].text == text_number(generation->record.request) && !tasks[i].durable)
			tasks[i].excused = true;
	if (generation->late)
		excuse(generation->late);
}

static void remove_prompt(struct seed_engine *engine, int name)
{
	struct seed_wait *wait;
	struct generation *g;

	if (engine->gate_closed || !(wait = wait_new("rm", -1)))
		return;
	for (g = engine_find(engine, name_of(name)); g; g = generation_next_same(g))
		excuse(g);
	newest[name] = -1;
	trace("user: rm %s", name_of(name));
	if (seed_engine_remove(engine, name_of(name), wait))
		abort();
}

static void rename_prompt(struct seed_engine *engine, int from, int to)
{
	struct seed_wait *wait = from == to ? NULL : wait_new("mv", -1);

	if (!wait)
		return;
	newest[from] = newest[to] = -1;
	restored[from] = restored[to] = true;
	trace("user: mv %s %s", name_of(from), name_of(to));
	if (seed_engine_rename(engine, name_of(from), name_of(to), false, wait))
		abort();
}

static const struct version *some_version(void)
{
	int at = (int)roll(VERSIONS_MAX);

	for (int i = 0; i < VERSIONS_MAX; i++) {
		const struct version *version = &versions[(at + i) % VERSIONS_MAX];

		if (version->name >= 0)
			return version;
	}
	return NULL;
}

static void use_version(struct seed_engine *engine, bool drop)
{
	const struct version *version = some_version();
	struct seed_wait *wait = version ? wait_new(drop ? "rm version" : "restore", -1) : NULL;
	char path[32];
	int name;

	if (!wait)
		return;
	name = version->name;
	snprintf(path, sizeof(path), "%s/%04d.png", name_of(name), version->number);
	restored[name] = true;
	trace("user: %s %s", drop ? "rm" : "restore", path);
	if (drop ? seed_engine_remove_file(engine, SEED_AREA_HISTORY, path, name_of(name), wait) :
		   seed_engine_restore(engine, path, name_of(name), wait))
		abort();
}

static void wait_name(struct seed_engine *engine, int name)
{
	struct seed_wait *wait = wait_new("open", -1);

	if (wait && seed_engine_wait_name(engine, name_of(name), wait))
		abort();
}

static void report(struct seed_engine *engine)
{
	struct seed_wait *wait = wait_new("queue", -1);
	struct waiter *waiter = (struct waiter *)(void *)wait;

	if (!wait)
		return;
	if (seed_engine_report(engine, chance(50) ? SEED_REPORT_QUEUE : SEED_REPORT_METRICS,
			       &waiter->report, wait))
		abort();
}

static void interrupt(void)
{
	struct waiter *waiter = waiter_count ? &waiters[roll((unsigned)waiter_count)] : NULL;

	if (!waiter || waiter->answered)
		return;
	waiter->wait.process.tid = 1;
	waiter->text = -1;
	seed_engine_interrupt(&waiter->wait);
}

void users_commit(struct seed_engine *engine)
{
	commit(engine, (int)roll(NAMES), false);
}

void users_sighup(struct seed_engine *engine)
{
	trace("user: SIGHUP");
	if (seed_engine_set_key(engine, NULL))
		abort();
}

void users_act(struct seed_engine *engine)
{
	unsigned what = roll(100);
	int name = (int)roll(NAMES);

	if (what < 42 && engine->config.reuse && chance(20))
		fan_out(engine);
	else if (what < 42)
		commit(engine, name, false);
	else if (what < 56)
		commit(engine, name, true);
	else if (what < 64)
		remove_prompt(engine, name);
	else if (what < 71)
		rename_prompt(engine, name, (int)roll(NAMES));
	else if (what < 76)
		use_version(engine, false);
	else if (what < 79)
		use_version(engine, true);
	else if (what < 84)
		callbacks(engine, name);
	else if (what < 91)
		wait_name(engine, name);
	else if (what < 94)
		report(engine);
	else if (what < 97)
		interrupt();
	else
		users_sighup(engine);
}

/* ---- what must be true ---- */

bool may_follow(const struct submission *before, const struct submission *fresh)
{
	const struct task *task = before->task >= 0 ? &tasks[before->task] : NULL;

	if (before->late && before->life == fresh->life)
		return false;
	/* After a restart nothing is repeated that may have been accepted. */
	if (before->delivered && before->unsure)
		return before->life == fresh->life;
	if (before->delivered && before->answered_failed)
		return true;
	if (!task || !task->told)
		return false;
	if (task->told_failed || task->told_invalid)
		return true;
	/* A URL, or a task, that is not there may come to life until the deadline. */
	if (task->told_gone || task->told_unknown)
		return task->life != fresh->life || fresh->sent_ms >= before->sent_ms + TIMEOUT_MS;
	if (!task->told_running || fresh->sent_ms < before->sent_ms + TIMEOUT_MS)
		return false;
	/* Late is what was running when it was asked near its deadline, not before. */
	return task->life != fresh->life ||
	       task->told_running_ms >= before->sent_ms + TIMEOUT_MS - TIMEOUT_MS / 4;
}

/* The order to send may have been given in the moment in which it went. */
#define GONE_MS 5000

/* What came of it is known, and no failure: a picture, or a task that makes one. */
static bool came_to_something(const struct submission *s)
{
	const struct task *task = s->task >= 0 ? &tasks[s->task] : NULL;

	return s->delivered && !s->unsure && !s->answered_failed && task && task->told && !task->told_failed &&
	       !task->told_invalid && !task->told_gone && !task->told_unknown && !task->cancelled && !task->excused;
}

/* It was so when the sender's attempt began. */
static bool is_on_show(int task, const struct generation *sender)
{
	char sha[SEED_SHA256_HEX_BYTES];

	snprintf(sha, sizeof(sha), "%064d", task);
	for (int i = 0; i < NAMES; i++) {
		const struct seed_record *record = &entries[i].record;

		if (entries[i].image == task && record->name && record->state == SEED_STATE_VERIFIED &&
		    text_number(record->request) == tasks[task].text && strcmp(record->image.sha256, sha) == 0)
			return sender->record.attempts[0].started_ms > tasks[task].placed_ms;
	}
	return false;
}

static bool is_being_made(int task, const struct generation *sender)
{
	for (const struct generation *g = asked->generations; g; g = g->next)
		if (g != sender && !g->record.superseded && !g->adopting && !generation_has_failed(g) && g->task.id &&
		    strtol(g->task.id, NULL, 10) == task)
			return true;
	return false;
}

/* With -o reuse: no name pays for what another one's task makes or has made. Where one has failed, or a kill came
 * between (not: where none was accepted), all pay until there is a picture; and a retry is its own prompt's. */
static void check_reuse(const struct submission *fresh)
{
	bool has_failed = false;

	if (!asked->config.reuse || fresh->sender->record.attempt_count > 1)
		return;
	for (const struct submission *s = submissions; s < fresh; s++)
		has_failed |= s->text == fresh->text && s->counts && !came_to_something(s);
	for (const struct submission *s = submissions; s < fresh; s++) {
		if (s->text != fresh->text || s->task < 0)
			continue;
		if (is_on_show(s->task, fresh->sender))
			broken("T%d was submitted, and the picture of its task %d is there", fresh->text, s->task);
		if (!has_failed && is_being_made(s->task, fresh->sender))
			broken("T%d was submitted, and its task %d is under way", fresh->text, s->task);
	}
}

/* Invariant 1: at most two, and the second only after a failure that says so;
 * none for a text that has no name any more. */
void check_submission(const struct submission *fresh)
{
	const struct submission *before = NULL;
	int count = 0, commits = texts[fresh->text].commits;

	if (farm_hosts) {
		farm_check_submission(fresh);
		return;
	}
	check_reuse(fresh);
	for (const struct submission *s = submissions; s < fresh; s++)
		if (s->text == fresh->text && s->counts) {
			before = s;
			count++;
		}
	if (texts[fresh->text].gone && fresh->sent_ms > texts[fresh->text].gone_ms + GONE_MS)
		broken("T%d was submitted, and another text has its name", fresh->text);
	if (count + 1 > 2 * commits)
		broken("T%d was submitted %d times for %d commits", fresh->text, count + 1, commits);
	if (before && commits == 1 && !may_follow(before, fresh))
		broken("T%d was submitted again: task %d, life %d then %d", fresh->text, before->task,
		       before->life, fresh->life);
}

/* What stood somewhere stands somewhere, whatever happened. */
void check_disk(void)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i].placed && !tasks[i].dropped && !disk_has_picture(i))
			broken("the picture of task %d was verified, and is gone", i);
}

static void check_paid(void)
{
	for (int i = 0; i < task_count; i++) {
		const struct task *task = &tasks[i];

		if (!task->told || !task->durable || task->excused || task->dropped ||
		    task->told_failed || task->told_invalid || task->told_gone ||
		    task->told_unknown || task->ends_ms == INT64_MAX)
			continue;
		if (!disk_has_picture(i))
			broken("task %d of T%d was paid for, and its picture is nowhere", i, task->text);
	}
}

/* An error beside an image of the same text, which was written once: somebody would pay for it again. */
static void check_failed(int name)
{
	const int text = entries[name].prompt;

	if (text < 0 || entries[name].image >= 0 || restored[name] || texts[text].commits != 1 ||
	    entries[name].record.state != SEED_STATE_FAILED)
		return;
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name == name && tasks[versions[i].task].text == text)
			broken("%s: T%d has failed, and the picture of its task %d is in the history", name_of(name),
			       text, versions[i].task);
}

static void check_entry(int name)
{
	const struct entry *entry = &entries[name];
	const struct seed_record *record = &entry->record;
	char sha[SEED_SHA256_HEX_BYTES];

	snprintf(sha, sizeof(sha), "%064d", entry->image);
	if (entry->image >= 0 && (!record->name || record->state != SEED_STATE_VERIFIED ||
				  strcmp(record->image.sha256, sha) != 0))
		broken("%s: picture %d, and the record is of another", name_of(name), entry->image);
	if (!record->name)
		return;
	check_failed(name);
	if (record->state == SEED_STATE_VERIFIED && entry->image < 0)
		broken("%s: the record is verified, and there is no picture", name_of(name));
	if (entry->prompt >= 0 && (record->state == SEED_STATE_QUEUED ||
				   record->state == SEED_STATE_GENERATING))
		broken("%s: generating for ever", name_of(name));
	if (!restored[name] && entry->image >= 0 && entry->prompt >= 0 &&
	    tasks[entry->image].text != entry->prompt)
		broken("%s: the prompt is T%d, the picture that of T%d", name_of(name), entry->prompt,
		       tasks[entry->image].text);
}

static void check_texts(void)
{
	for (int i = 0; i < text_count; i++) {
		bool there = false;

		for (int t = 0; t < task_count; t++)
			there |= tasks[t].text == i && (tasks[t].placed || tasks[t].dropped);
		if (texts[i].closed_well && !there)
			broken("T%d: close gave 0, and there is no picture", i);
	}
}

/* Of the day that it is. */
static void check_spent(const struct seed_engine *engine, int64_t counted, int64_t unheard)
{
	if (life == 0 && (engine->spent.count < counted || engine->spent.count > counted + unheard))
		broken("%lld submissions, %lld on the budget", (long long)counted,
		       (long long)engine->spent.count);
	if (engine->spent.count < counted)
		broken("%lld submissions over %d lives, %lld on the budget", (long long)counted, life,
		       (long long)engine->spent.count);
}

static void check_sums(const struct seed_engine *engine)
{
	int64_t counted = 0, unheard = 0, metrics = (int64_t)engine->metrics.submissions;

	/* What was given up before its answer came counts: it may have left. */
	for (int i = 0; i < submission_count; i++) {
		counted += submissions[i].counts;
		unheard += !submissions[i].counts && !submissions[i].delivered;
	}
	if (engine->active || engine->queue_first || engine->outage.probe || engine->watching ||
	    engine->steps_running || service_rooms(-1))
		broken("at rest: %d slots, %s queue, %s probe, %d watched, %d steps, %d pictures", engine->active,
		       engine->queue_first ? "a" : "no", engine->outage.probe ? "a" : "no",
		       engine->watching, engine->steps_running, service_rooms(-1));
	if (life == 0 && engine->durations.count > (unsigned)task_count)
		broken("%u durations of %d tasks", engine->durations.count, task_count);
	if (world_skew_ms() == 0)
		check_spent(engine, counted, unheard);
	if (life == 0 && (metrics < counted || metrics > counted + unheard))
		broken("%lld submissions, %lld in the metrics", (long long)counted,
		       (long long)metrics);
}

void check_rest(struct seed_engine *engine)
{
	if (engine->generations || disk_rows())
		broken("never at rest: %s in phase %d, %d rows", engine->generations ?
		       engine->generations->record.request : "nothing",
		       engine->generations ? (int)engine->generations->phase : -1, disk_rows());
	for (int i = 0; i < waiter_count; i++) {
		if (!waiters[i].answered)
			broken("%s was never answered", waiters[i].what);
		free(waiters[i].report);
		waiters[i].report = NULL;
	}
	check_disk();
	check_paid();
	check_texts();
	check_sums(engine);
	for (int i = 0; i < NAMES; i++)
		check_entry(i);
}
