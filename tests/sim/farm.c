/*
 * Several hosts that share one bucket (bucket.c), each with a state directory and an
 * engine of its own, in one program and one time. Each may be killed at any step, and starts again
 * later or never; it may sleep for minutes, with its clock or without, and wakes up with
 * leases that it believes to have; it may be cut off from the store or from the service.
 *
 * What is written to the bucket is read here, too: an entry's order of changes is the truth
 * about who has which name and which row.
 */
#include "tests/sim/sim.h"

#include <stdio.h>

#include "lib/share/farm.h"

/* Waiters of the whole farm; of a name's farm-wide texts. */
enum { FARM_WAITS_MAX = 256, ROWS_SEEN_MAX = 128 };

#define HOUR_MS INT64_C(3600000)
#define REST_MS (26 * HOUR_MS)
#define PATIENT_PERCENT 15
/* Among it the leases of those who are gone. */
#define ROUND_MS 30000
#define ROUNDS 12

int farm_hosts;
bool store_lies;

static struct member {
	struct seed_engine *engine; /* NULL: it does not run */
	struct seed_engine_store store;
	char id[SEED_SHARE_HOST_BYTES];
	int life;
	bool stops, for_good;
	int64_t turn_ms, starts_ms, sleeps_until_ms;
	int64_t dozes_ms;           /* by how much its clock stands still in that sleep */
} members[HOSTS_MAX];
static int lives, budget, jobs;
static long deaths, sleeps, stops, cuts, taken, submissions_made, texts_made, runs_made;

static struct waiter {
	struct seed_wait wait;
	bool answered, must_succeed, picture;
	int host, text;             /* text of a commit; -1 */
	const char *what;
	char *report;
} waiters[FARM_WAITS_MAX];
static int waiter_count;
static int newest[NAMES];           /* text; -1: none */
static bool moved[NAMES];           /* restored, or renamed: whose picture it has is not followed */
static bool excused_text[TEXTS_MAX];/* its user has removed it */
static bool may_drop;               /* a user has removed a version */

/* Rows that were ever in an entry. */
static struct row_seen {
	char id[SEED_SHARE_ID_BYTES];
	int text;
} rows_seen[ROWS_SEEN_MAX];
static int row_count;
static int64_t charged;             /* as the farm has it */

static void be(int host)
{
	world_switch(host);
	life = members[host].life;
}

static const char *key_of(int name)
{
	static char key[32];

	snprintf(key, sizeof(key), "name/%s", name_of(name));
	return key;
}

/* ---- what is written ---- */

static int task_of(const struct seed_record *record)
{
	return (int)strtol(record->image.sha256, NULL, 10);
}

static int text_of(const struct seed_record *record)
{
	return record->request ? text_number(record->request) : -1;
}

static const struct seed_share_row *row_in(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (strcmp(entry->rows[i].record.id, id) == 0)
			return &entry->rows[i];
	return NULL;
}

static const struct seed_share_row *newest_of(const struct seed_share_entry *entry)
{
	const struct seed_share_row *last = NULL;

	for (size_t i = 0; i < entry->row_count; i++)
		if (!entry->rows[i].record.superseded)
			last = &entry->rows[i];
	return last;
}

static bool has_picture(const struct seed_share_entry *entry, int task)
{
	if (entry->current.name && entry->current.state == SEED_STATE_VERIFIED &&
	    !(entry->without & SEED_SHARE_NO_IMAGE) && task_of(&entry->current) == task)
		return true;
	for (size_t i = 0; i < entry->version_count; i++)
		if (task_of(&entry->versions[i].record) == task)
			return true;
	return false;
}

static bool read_entry(int name, struct seed_share_entry *entry)
{
	size_t len = 0;
	const char *text = bucket_read(key_of(name), &len);

	seed_share_init(entry);
	if (text && seed_share_parse(text, len, name_of(name), entry))
		broken("%s: what stands in the bucket is no entry", name_of(name));
	return text != NULL;
}

/* `name`: not there. */
static bool is_elsewhere(int name, int task)
{
	bool found = false;

	for (int i = 0; i < NAMES && !found; i++) {
		struct seed_share_entry entry;

		found = i != name && read_entry(i, &entry) && has_picture(&entry, task);
		if (i != name)
			seed_share_release(&entry);
	}
	return found;
}

static bool is_somewhere(int task)
{
	return is_elsewhere(-1, task);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_record(const struct seed_record *a, const struct seed_record *b)
{
	return a->state == b->state && strcmp(a->step, b->step) == 0 && same_text(a->task_id, b->task_id) &&
	       a->attempt_count == b->attempt_count;
}

/* A row that stands there already: who may have changed it so? */
static void check_row(int host, const char *name, const struct seed_share_row *was,
		      const struct seed_share_row *is)
{
	const char *writer = members[host].id;

	if (is->copy) /* as it stands at the source: the rename was made again */
		return;
	if (was->lease != is->lease || strcmp(was->host, is->host) != 0) {
		if (strcmp(is->host, writer) != 0)
			broken("%s: host %d gave a row to another", name, host);
		if (strcmp(was->host, writer) != 0 && was->until_s >= bucket_now_s() + 2)
			broken("%s: host %d took a row whose lease ran", name, host);
		taken += strcmp(was->host, writer) != 0;
		return;
	}
	if (strcmp(was->host, writer) != 0 && !same_record(&was->record, &is->record))
		broken("%s: host %d wrote to a row that is another's", name, host);
}

static void note_row(const struct seed_record *record)
{
	for (int i = 0; i < row_count; i++)
		if (strcmp(rows_seen[i].id, record->id) == 0)
			return;
	if (row_count == ROWS_SEEN_MAX)
		broken("%d rows", ROWS_SEEN_MAX);
	snprintf(rows_seen[row_count].id, sizeof(rows_seen[0].id), "%s", record->id);
	rows_seen[row_count++].text = text_of(record);
}

/* What it was begun for is nobody's wish any more. */
static void excuse_rows(const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (text_of(&entry->rows[i].record) >= 0)
			excused_text[text_of(&entry->rows[i].record)] = true;
}

static void check_new_row(const char *name, const struct seed_share_entry *before,
			  const struct seed_share_row *row)
{
	const struct seed_share_row *last = newest_of(before);

	note_row(&row->record);
	if (last && !row->record.superseded && !row->copy && !row->late_of[0] &&
	    text_of(&last->record) == text_of(&row->record))
		broken("%s: T%d is begun twice at once", name, text_of(&row->record));
}

static void check_rows(int host, const char *name, const struct seed_share_entry *before,
		       const struct seed_share_entry *after)
{
	int owners = 0;

	for (size_t i = 0; i < after->row_count; i++) {
		const struct seed_share_row *row = &after->rows[i], *was = row_in(before, row->record.id);
		int task = row->record.task_id ? (int)strtol(row->record.task_id, NULL, 10) : -1;

		owners += !row->record.superseded;
		if (was)
			check_row(host, name, was, row);
		else
			check_new_row(name, before, row);
		if (task >= 0 && task < task_count && strcmp(row->record.step, "submitting") != 0 &&
		    strcmp(row->record.step, "queued") != 0)
			tasks[task].shared = true;
	}
	if (owners > 1)
		broken("%s: %d rows have the name", name, owners);
}

static void check_pictures(int name, const struct seed_share_entry *before,
			   const struct seed_share_entry *after)
{
	char key[sizeof("image/") + SEED_SHA256_HEX_BYTES];
	size_t len;

	for (int t = 0; t < task_count; t++) {
		bool was = has_picture(before, t), is = has_picture(after, t);

		snprintf(key, sizeof(key), "image/%064d", t);
		if (is && !bucket_read(key, &len))
			broken("%s has picture %d, which the bucket has not", name_of(name), t);
		tasks[t].placed |= is;
		if (!was || is || tasks[t].dropped)
			continue;
		if (after->moved_to) { /* the target has it, or where that was renamed to since */
			if (!is_elsewhere(name, t) && !may_drop)
				broken("%s was left, and picture %d is nowhere else", name_of(name), t);
		} else if (!may_drop) {
			broken("%s: picture %d is gone from the entry", name_of(name), t);
		}
		if (may_drop)
			tasks[t].dropped = true;
	}
}

static const char *entry_words(const struct seed_share_entry *entry)
{
	static char words[1024];
	size_t n = (size_t)snprintf(words, sizeof(words), "#%llu %s %s %.8s without %x moved to %s;",
				    (unsigned long long)entry->serial,
				    entry->current.request ? entry->current.request : "-",
				    seed_state_name(entry->current.state), entry->current.image.sha256,
				    entry->without, entry->moved_to ? entry->moved_to : "-");

	for (size_t i = 0; i < entry->row_count && n < sizeof(words); i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, " %s%s%s %s %s id %s host %s lease %lld task %s;",
				      entry->rows[i].record.superseded ? "(old) " : "",
				      entry->rows[i].copy ? "(copy) " : "",
				      entry->rows[i].record.request, entry->rows[i].record.step,
				      seed_state_name(entry->rows[i].record.state),
				      entry->rows[i].record.id + 10, entry->rows[i].host + 15,
				      (long long)entry->rows[i].lease,
				      entry->rows[i].record.task_id ? entry->rows[i].record.task_id : "-");
	for (size_t i = 0; i < entry->version_count && n < sizeof(words); i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, " v%d=%.8s", entry->versions[i].number,
				      entry->versions[i].record.image.sha256);
	return words;
}

static void check_entry_write(int host, int name, const char *was, const char *is)
{
	struct seed_share_entry before, after;

	seed_share_init(&before);
	if (was && seed_share_parse(was, strlen(was), name_of(name), &before))
		broken("%s: what stands in the bucket is no entry", name_of(name));
	if (seed_share_parse(is, strlen(is), name_of(name), &after))
		broken("%s: host %d writes what is no entry", name_of(name), host);
	trace("store: host %d: %s %s", host, name_of(name), entry_words(&after));
	if (after.serial != before.serial + 1)
		broken("%s: change %llu follows change %llu", name_of(name), (unsigned long long)after.serial,
		       (unsigned long long)before.serial);
	if ((after.without & SEED_SHARE_NO_PROMPT) && !(before.without & SEED_SHARE_NO_PROMPT))
		excuse_rows(&before);
	check_rows(host, name_of(name), &before, &after);
	check_pictures(name, &before, &after);
	seed_share_release(&before);
	seed_share_release(&after);
}

static void check_farm_write(const char *is)
{
	struct seed_farm farm;

	if (seed_farm_parse(is, strlen(is), &farm))
		broken("what is written is no farm");
	charged = farm.spent.count;
}

void farm_check_write(int host, const char *key, const char *before, const char *after)
{
	if (strncmp(key, "name/", 5) == 0)
		check_entry_write(host, name_index(key + 5), before, after);
	else if (strcmp(key, "farm") == 0)
		check_farm_write(after);
	else if (strncmp(key, "flight/", 7) == 0 || strncmp(key, "reuse/", 6) == 0)
		return; /* hints: nothing depends on them */
	else if (strncmp(key, "image/", 6) != 0 ||
		 strtol(key + 6, NULL, 10) != strtol(after, NULL, 10))
		broken("%s is written", key);
}

/* ---- what is sent ---- */

static int begun(int text)
{
	int count = 0;

	for (int i = 0; i < row_count; i++)
		count += rows_seen[i].text == text;
	return count;
}

static int64_t counted(void)
{
	int64_t count = 0;

	for (int i = 0; i < submission_count; i++)
		count += submissions[i].counts;
	return count;
}

void farm_check_submission(const struct submission *fresh)
{
	const struct submission *before = NULL;
	int count = 0, rows = begun(fresh->text);

	for (const struct submission *s = submissions; s < fresh; s++)
		if (s->text == fresh->text && s->counts) {
			before = s;
			count++;
		}
	if (!rows)
		broken("T%d is submitted, and the bucket has never heard of it", fresh->text);
	if (count + 1 > 2 * rows)
		broken("T%d was submitted %d times for %d rows", fresh->text, count + 1, rows);
	if (before && rows == 1 && !may_follow(before, fresh))
		broken("T%d was submitted again: task %d, life %d then %d", fresh->text, before->task,
		       before->life, fresh->life);
	if (counted() > charged && fresh->counts)
		broken("%lld submissions, and the farm has %lld", (long long)counted(), (long long)charged);
	if (counted() > budget)
		broken("%lld submissions of %d", (long long)counted(), budget);
}

/* ---- lives ---- */

static void start(int host)
{
	struct member *member = &members[host];
	struct seed_engine_config config = {
		.provider = &sim_provider,
		.service.api_base = "http://sim.test",
		.retry_steps = 25,
		.retry_cfg_scale = 7,
		.max_upscale = 2,
		.timeout_ms = TIMEOUT_MS,
		.jobs = jobs,
		.budget = budget,
		.metadata = true,
		.workers = 1,
		.shared = &member->store,
	};
	struct seed_params params;
	struct seed_error error;
	static char world;

	member->life = lives++;
	be(host);
	trace("starts");
	member->store = (struct seed_engine_store){
		.probed = true, .host = member->id, .keep = -1, .cache_bytes = 1 << 30,
	};
	seed_params_init(&params);
	config.params = seed_params_share(&params);
	if (seed_engine_new(&config, (struct seed_store *)(void *)&world,
			    (struct seed_log *)(void *)&world, NULL, &member->engine, &error))
		broken("host %d does not start: %s", host, error.message);
	member->starts_ms = member->sleeps_until_ms = INT64_MAX;
	member->turn_ms = now_ms();
	member->stops = false;
}

static void end(struct member *member)
{
	const struct seed_params *params = member->engine->config.params;

	for (int i = 0; i < waiter_count; i++)
		if (&members[waiters[i].host] == member)
			waiters[i].answered = true; /* the kernel does that */
	seed_engine_free(member->engine);
	seed_params_unref(params);
	member->engine = NULL;
}

static int alive(void)
{
	int count = 0;

	for (int i = 0; i < farm_hosts; i++)
		count += !members[i].for_good;
	return count;
}

static void died(struct member *member)
{
	end(member);
	bucket_host_died();
	world_killed();
	if (chance(50))
		disk_power_cut();
	deaths++;
	member->starts_ms = now_ms() + (chance(60) ? roll(5000) : roll(300000));
	if (alive() > 1 && chance(15)) {
		trace("is dead for good");
		member->for_good = true;
		member->starts_ms = INT64_MAX;
	}
}

static bool sleeps_now(const struct member *member)
{
	return member->sleeps_until_ms != INT64_MAX && now_ms() < member->sleeps_until_ms;
}

static int64_t next_of(int host)
{
	struct member *member = &members[host];
	int64_t at, ends;

	if (!member->engine)
		return member->starts_ms;
	if (sleeps_now(member))
		return member->sleeps_until_ms;
	be(host);
	at = member->turn_ms;
	ends = world_next_ms();
	if (member->engine->first)
		at = now_ms();
	return ends < at ? ends : at;
}

static void wake_up(struct member *member)
{
	if (member->sleeps_until_ms == INT64_MAX || sleeps_now(member))
		return;
	world_lose_ms(member->dozes_ms);
	member->sleeps_until_ms = INT64_MAX;
	trace("wakes up");
}

static void live(int host)
{
	struct member *member = &members[host];
	bool stopped = false;

	be(host);
	if (!member->engine) {
		start(host);
		return;
	}
	wake_up(member);
	member->turn_ms = world_turn(member->engine, &stopped);
	if (is_dead()) {
		died(member);
	} else if (stopped) {
		end(member);
		stops++;
		member->starts_ms = now_ms() + roll(20000);
	}
}

static void run_until(int64_t until_ms)
{
	int idle = 0;

	for (;;) {
		int64_t next = bucket_next_ms();
		int first = (int)roll((unsigned)farm_hosts);

		for (int i = 0; i < farm_hosts; i++) {
			int64_t at = next_of(i);

			next = at < next ? at : next;
		}
		if (next > until_ms)
			break;
		idle = next > now_ms() ? 0 : idle + 1;
		if (idle > 20000)
			broken("the hosts turn and turn, and nothing happens");
		world_pass(next);
		bucket_run();
		for (int i = 0; i < farm_hosts; i++) {
			int host = (first + i) % farm_hosts;

			if (next_of(host) <= now_ms())
				live(host);
		}
	}
	world_pass(until_ms);
}

/* ---- users ---- */

static void answered(struct seed_wait *wait, int code)
{
	struct waiter *waiter = (struct waiter *)(void *)wait;

	if (is_dead())
		return;
	if (waiter->answered)
		broken("%s was answered twice", waiter->what);
	waiter->answered = true;
	trace("user: %s T%d: %s", waiter->what, waiter->text, code ? strerror(code) : "ok");
	if (waiter->must_succeed && code)
		broken("host %d, %s T%d: %s, and the adversary is kind", waiter->host, waiter->what,
		       waiter->text, strerror(code));
	if (code == 0 && waiter->text >= 0)
		texts[waiter->text].closed_well = true;
}

static struct seed_wait *wait_new(int host, const char *what, int text)
{
	struct waiter *waiter;

	if (waiter_count == FARM_WAITS_MAX)
		return NULL;
	waiter = &waiters[waiter_count++];
	*waiter = (struct waiter){ .host = host, .what = what, .text = text };
	waiter->wait.done = answered;
	waiter->wait.engine = members[host].engine;
	return &waiter->wait;
}

static void commit(int host, int name, bool same)
{
	struct seed_ticket *ticket = seed_ticket_new();
	struct seed_wait *wait;
	char *text = NULL;
	int number = same && newest[name] >= 0 ? newest[name] : text_count;

	be(host);
	if (number == TEXTS_MAX || !(wait = wait_new(host, "commit", number))) {
		seed_ticket_unref(ticket);
		return;
	}
	if (number == text_count)
		texts[text_count++] = (struct text){ .commits = 0 };
	((struct waiter *)(void *)wait)->must_succeed = world_is_kind();
	newest[name] = number;
	trace("user: commit T%d to %s", number, name_of(name));
	wait->until_begun = !world_is_kind() && chance(5);
	if (wait->until_begun) /* 0 says nothing of an image */
		((struct waiter *)(void *)wait)->text = -1;
	if (asprintf(&text, "T%d", number) < 0 ||
	    seed_engine_commit(members[host].engine, name_of(name), text, ticket, wait))
		abort();
	if (chance(30) && (wait = wait_new(host, "fsync", -1)) != NULL &&
	    seed_engine_wait_ticket(members[host].engine, ticket, wait))
		abort();
	seed_ticket_unref(ticket);
}

static void callback(int host, int name)
{
	struct seed_wait *wait;
	char *body = NULL;
	int picture = chance(60) ? service_foreign_picture() : -1, n;

	if (text_count == TEXTS_MAX || !(wait = wait_new(host, "callback", -1)))
		return;
	texts[text_count] = (struct text){ .commits = 1 };
	newest[name] = -1;
	moved[name] = true;
	trace("user: callback T%d to %s, picture %d", text_count, name_of(name), picture);
	if (picture >= 0)
		n = asprintf(&body, "{\"prompt\":\"T%d\",\"image_url\":\"http://sim.test/image/%d\"}",
			     text_count++, picture);
	else
		n = asprintf(&body, "{\"prompt\":\"T%d\"}", text_count++);
	if (n < 0 || seed_engine_callback(members[host].engine, name_of(name), body, NULL, wait))
		abort();
}

/* What runs for the name, on whatever host. */
static void excuse(int name)
{
	struct seed_share_entry entry;

	(void)read_entry(name, &entry);
	excuse_rows(&entry);
	seed_share_release(&entry);
	for (int i = 0; i < farm_hosts; i++)
		for (const struct generation *g = members[i].engine ? members[i].engine->generations : NULL; g;
		     g = g->next)
			if (strcmp(g->record.name, name_of(name)) == 0 && text_of(&g->record) >= 0)
				excused_text[text_of(&g->record)] = true;
	newest[name] = -1;
}

static void remove_prompt(int host, int name)
{
	struct seed_wait *wait = wait_new(host, "rm", -1);

	if (!wait)
		return;
	excuse(name);
	trace("user: rm %s", name_of(name));
	if (seed_engine_remove(members[host].engine, name_of(name), wait))
		abort();
}

static void rename_prompt(int host, int from, int to)
{
	struct seed_wait *wait = from == to ? NULL : wait_new(host, "mv", -1);

	if (!wait)
		return;
	newest[from] = newest[to] = -1;
	moved[from] = moved[to] = true;
	trace("user: mv %s %s", name_of(from), name_of(to));
	if (seed_engine_rename(members[host].engine, name_of(from), name_of(to), false, wait))
		abort();
}

static void use_version(int host, bool drop)
{
	const struct version *version = NULL;
	struct seed_wait *wait;
	char path[32];
	int at = (int)roll(VERSIONS_MAX), name;

	for (int i = 0; i < VERSIONS_MAX && !version; i++)
		if (versions[(at + i) % VERSIONS_MAX].name >= 0)
			version = &versions[(at + i) % VERSIONS_MAX];
	wait = version ? wait_new(host, drop ? "rm version" : "restore", -1) : NULL;
	if (!wait)
		return;
	name = version->name;
	snprintf(path, sizeof(path), "%s/%04d.png", name_of(name), version->number);
	moved[name] = true;
	may_drop |= drop;
	trace("user: %s %s", drop ? "rm" : "restore", path);
	if (drop ? seed_engine_remove_file(members[host].engine, SEED_AREA_HISTORY, path, name_of(name), wait) :
		   seed_engine_restore(members[host].engine, path, name_of(name), wait))
		abort();
}

static void look(int host, int name)
{
	struct seed_engine *engine = members[host].engine;
	unsigned what = roll(4);
	struct seed_wait *wait = wait_new(host, what == 0 ? "open" : what == 1 ? "stat" : what == 2 ? "ls" :
					  "read", -1);
	char path[16];
	errint_t err;

	if (!wait)
		return;
	snprintf(path, sizeof(path), "%s.png", name_of(name));
	switch (what) {
	case 0:
		err = seed_engine_wait_name(engine, name_of(name), wait);
		break;
	case 1:
		err = seed_engine_refresh(engine, name_of(name), wait);
		break;
	case 2:
		err = seed_engine_refresh_folder(engine, "", wait);
		break;
	default:
		err = seed_engine_fetch(engine, SEED_AREA_IMAGES, path, wait);
		break;
	}
	if (err)
		abort();
}

static void interrupt(void)
{
	struct waiter *waiter = waiter_count ? &waiters[roll((unsigned)waiter_count)] : NULL;

	if (!waiter || waiter->answered || waiter->wait.engine != members[waiter->host].engine)
		return;
	be(waiter->host);
	waiter->wait.tid = 1;
	waiter->text = -1;
	seed_engine_interrupt(&waiter->wait);
}

static void report(int host)
{
	struct seed_wait *wait = wait_new(host, "queue", -1);

	if (wait && seed_engine_report(members[host].engine, SEED_REPORT_QUEUE,
				       &((struct waiter *)(void *)wait)->report, wait))
		abort();
}

/* One that runs: a user of a sleeping host only waits longer. -1: none. */
static int some_host(void)
{
	int first = (int)roll((unsigned)farm_hosts);

	for (int i = 0; i < farm_hosts; i++) {
		int host = (first + i) % farm_hosts;

		if (members[host].engine && !members[host].stops)
			return host;
	}
	return -1;
}

static void sighup(int host)
{
	be(host);
	if (seed_engine_set_key(members[host].engine, NULL))
		abort();
}

static void users_do(void)
{
	int host = some_host(), name = (int)roll(NAMES);
	unsigned what = roll(100);

	if (host < 0)
		return;
	be(host);
	if (what < 34)
		commit(host, name, false);
	else if (what < 44)
		commit(host, name, true);
	else if (what < 54)
		for (unsigned i = 0, n = 2 + roll(2); i < n; i++) {
			int other = some_host();

			if (other >= 0)
				commit(other, name, i > 0);
		}
	else if (what < 60)
		remove_prompt(host, name);
	else if (what < 67)
		rename_prompt(host, name, (int)roll(NAMES));
	else if (what < 71)
		use_version(host, false);
	else if (what < 73)
		use_version(host, true);
	else if (what < 77)
		callback(host, name);
	else if (what < 93)
		look(host, name);
	else if (what < 95)
		report(host);
	else if (what < 97)
		interrupt();
	else
		sighup(host);
}

/* ---- the adversary ---- */

static void adversary_acts(void)
{
	int host = some_host();
	struct member *member = &members[host < 0 ? 0 : host];
	unsigned what = roll(100);

	if (host < 0 || what >= (unsigned)world_faults() + 10)
		return;
	be(host);
	switch (roll(6)) {
	case 0:
	case 1:
		member->sleeps_until_ms = now_ms() + (chance(50) ? roll(20000) : roll(600000));
		member->dozes_ms = chance(50) ? member->sleeps_until_ms - now_ms() : 0;
		trace("sleeps%s", member->dozes_ms ? ", with its clock" : "");
		sleeps++;
		break;
	case 2:
		bucket_cut_off(now_ms() + (chance(70) ? roll(30000) : roll(300000)));
		trace("is cut off from the store");
		cuts++;
		break;
	case 3:
		service_cut_off(now_ms() + roll(60000));
		trace("is cut off from the service");
		break;
	case 4:
		bucket_go_away(now_ms() + (chance(80) ? roll(20000) : roll(200000)));
		trace("the store is away");
		break;
	default:
		trace("SIGTERM");
		member->stops = true;
		engine_order_stop(member->engine);
		break;
	}
}

/* ---- what must be true at the end ---- */

static void check_waiters(void)
{
	for (int i = 0; i < waiter_count; i++) {
		if (!waiters[i].answered)
			broken("host %d: %s T%d was never answered", waiters[i].host, waiters[i].what,
			       waiters[i].text);
		free(waiters[i].report);
		waiters[i].report = NULL;
	}
}

static void check_paid(void)
{
	unsigned back = 0;

	for (int i = 0; i < farm_hosts; i++)
		back |= members[i].for_good ? 0 : 1u << i;
	for (int i = 0; i < task_count; i++) {
		const struct task *task = &tasks[i];

		if (!task->told || task->dropped || task->told_failed || task->told_invalid || task->told_gone ||
		    task->told_unknown || task->cancelled || task->ends_ms == INT64_MAX || task->text < 0 ||
		    excused_text[task->text] || (!task->shared && !(task->journals & back)))
			continue;
		if (!is_somewhere(i))
			broken("task %d of T%d was paid for (%s), and its picture is nowhere", i, task->text,
			       task->shared ? "the bucket knew" : "a journal knew");
	}
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

/* What every host would read for ever. */
static void check_hints(void)
{
	char key[64];
	size_t len;

	for (int n = 0; n < NAMES; n++) {
		snprintf(key, sizeof(key), "flight/%s", name_of(n));
		if (bucket_read(key, &len))
			broken("at rest: %s is left", key);
	}
}

static void check_engines(void)
{
	check_hints();
	for (int i = 0; i < farm_hosts; i++) {
		const struct seed_engine *engine = members[i].engine;

		if (!engine)
			continue;
		be(i);
		if (engine->generations || disk_rows())
			broken("host %d is never at rest: %s %s in phase %s, %d rows", i,
			       engine->generations ? engine->generations->record.name : "nothing",
			       engine->generations ? engine->generations->record.request : "",
			       engine->generations ? machine_phases[engine->generations->phase].name : "-",
			       disk_rows());
		if (engine->active || engine->queue_first || engine->probe || engine->watching ||
		    engine->steps_running || engine->shared->refreshes || engine->shared->changes ||
		    engine->shared->pictures || engine->shared->folder_looks)
			broken("host %d at rest: %d slots, %d steps", i, engine->active, engine->steps_running);
	}
}

static void check_files(int host, int name, const struct seed_share_entry *entry)
{
	const struct entry *files = &entries[name];
	bool is_there = entry->current.name != NULL;
	int prompt = is_there && !(entry->without & SEED_SHARE_NO_PROMPT) ? text_of(&entry->current) : -1;
	int image = is_there && entry->current.state == SEED_STATE_VERIFIED &&
		    !(entry->without & SEED_SHARE_NO_IMAGE) ? task_of(&entry->current) : -1;
	size_t count = 0;

	if (files->prompt != prompt || files->image != image)
		broken("host %d shows %s with T%d and picture %d, and it is T%d and %d", host, name_of(name),
		       files->prompt, files->image, prompt, image);
	if (is_there && files->record.name && files->record.state != entry->current.state)
		broken("host %d: the record of %s is not the bucket's", host, name_of(name));
	for (int i = 0; i < VERSIONS_MAX; i++) {
		bool found = false;

		if (versions[i].name != name)
			continue;
		count++;
		for (size_t v = 0; v < entry->version_count; v++)
			found |= entry->versions[v].number == versions[i].number &&
				 task_of(&entry->versions[v].record) == versions[i].task;
		if (!found)
			broken("host %d has a version %d of %s that the bucket has not", host,
			       versions[i].number, name_of(name));
	}
	if (count != entry->version_count)
		broken("host %d has %zu versions of %s of %zu", host, count, name_of(name),
		       entry->version_count);
}

static void check_name(int name)
{
	struct seed_share_entry entry;
	bool has_entry = read_entry(name, &entry);
	const struct seed_record *current = &entry.current;

	if (entry.row_count)
		broken("%s: %s is in flight for ever (step %s, host %s)", name_of(name),
		       entry.rows[0].record.request, entry.rows[0].record.step, entry.rows[0].host);
	if (current->name && !(entry.without & SEED_SHARE_NO_PROMPT) &&
	    (current->state == SEED_STATE_QUEUED || current->state == SEED_STATE_GENERATING))
		broken("%s: generating for ever", name_of(name));
	if (!moved[name] && current->name && current->state == SEED_STATE_VERIFIED &&
	    tasks[task_of(current)].text != text_of(current))
		broken("%s: the prompt is T%d, the picture that of T%d", name_of(name), text_of(current),
		       tasks[task_of(current)].text);
	for (int i = 0; i < farm_hosts && has_entry; i++)
		if (members[i].engine) {
			be(i);
			check_files(i, name, &entry);
		}
	seed_share_release(&entry);
}

/* Without a death, a sleep or a lost answer nothing but what left counts. */
static void check_budget(long deaths_before, long stops_before)
{
	int64_t unheard = 0;

	for (int i = 0; i < submission_count; i++)
		unheard += !submissions[i].counts && !submissions[i].delivered;
	if (charged < counted())
		broken("%lld submissions, and the farm has %lld", (long long)counted(), (long long)charged);
	if (deaths == deaths_before && stops == stops_before && charged > counted() + unheard)
		broken("%lld submissions, and the farm has %lld", (long long)counted(), (long long)charged);
}

/* ---- a run ---- */

static void begin(uint64_t seed)
{
	world_begin_farm(seed);
	service_begin();
	bucket_begin();
	lives = waiter_count = row_count = text_count = 0;
	charged = 0;
	may_drop = false;
	memset(excused_text, 0, sizeof(excused_text));
	jobs = chance(20) ? 1 : chance(50) ? 3 : 32;
	budget = chance(10) ? 4 + (int)roll(8) : 100000;
	for (int i = 0; i < NAMES; i++) {
		newest[i] = -1;
		moved[i] = false;
	}
	for (int i = 0; i < farm_hosts; i++) {
		members[i] = (struct member){ .engine = NULL };
		snprintf(members[i].id, sizeof(members[i].id), "%016x", i + 1);
		be(i);
		disk_begin();
		world_set_skew_ms(chance(50) ? 0 : (int64_t)roll(120000) - 60000);
		start(i);
	}
}

static void wake_all(void)
{
	for (int i = 0; i < farm_hosts; i++) {
		struct member *member = &members[i];

		be(i);
		service_cut_off(0);
		if (member->sleeps_until_ms != INT64_MAX && sleeps_now(member)) {
			member->dozes_ms = 0;
			member->sleeps_until_ms = now_ms();
		}
		if (!member->engine && !member->for_good)
			member->starts_ms = now_ms();
	}
	bucket_be_kind();
}

static void look_everywhere(void)
{
	for (int i = 0; i < farm_hosts; i++)
		for (int n = 0; n < NAMES && members[i].engine; n++) {
			struct seed_wait *wait = wait_new(i, "stat", -1);

			be(i);
			if (wait && seed_engine_refresh(members[i].engine, name_of(n), wait))
				abort();
		}
}

/* Those who were answered are forgotten. */
static void sweep_waiters(void)
{
	for (int i = 0; i < waiter_count; i++)
		if (!waiters[i].answered)
			return;
	check_waiters();
	waiter_count = 0;
}

static void come_to_rest(void)
{
	wake_all();
	run_until(now_ms() + 2 * TIMEOUT_MS);
	for (int i = 0; i < farm_hosts; i++)
		if (members[i].engine)
			sighup(i);
	run_until(now_ms() + 3 * TIMEOUT_MS);
	sweep_waiters();
	if (budget > 1000)
		for (int i = 0; i < farm_hosts && i < NAMES; i++)
			if (members[i].engine && !members[i].stops)
				commit(i, i, false);
	for (int i = 0; i < ROUNDS; i++) {
		run_until(now_ms() + ROUND_MS);
		sweep_waiters();
		look_everywhere();
	}
	run_until(now_ms() + HOUR_MS);
}

static bool is_at_rest(void)
{
	for (int i = 0; i < farm_hosts; i++)
		if (members[i].engine && members[i].engine->generations)
			return false;
	return true;
}

static void check_rest_of_farm(void)
{
	sweep_waiters();
	look_everywhere();
	run_until(now_ms() + ROUND_MS);
	check_waiters();
	check_engines();
	for (int i = 0; i < NAMES; i++)
		check_name(i);
	check_paid();
	check_texts();
}

void farm_run(uint64_t seed)
{
	long deaths_before = deaths, stops_before = stops;
	bool patient;
	int actions;

	begin(seed);
	actions = 3 + (int)roll(18);
	for (int i = 0; i < actions; i++) {
		adversary_acts();
		users_do();
		run_until(now_ms() + (chance(40) ? roll(300) : chance(70) ? roll(5000) : roll(90000)));
	}
	world_be_kind();
	come_to_rest();
	check_budget(deaths_before, stops_before);
	check_waiters();
	waiter_count = 0;
	/* What nobody knows the end of is asked for for a day. That takes long here, too. */
	patient = chance(PATIENT_PERCENT);
	if (patient || is_at_rest())
		run_until(now_ms() + REST_MS);
	if (patient || is_at_rest())
		check_rest_of_farm();
	submissions_made += submission_count;
	texts_made += text_count;
	runs_made++;
	for (int i = 0; i < farm_hosts; i++) {
		be(i);
		if (members[i].engine)
			end(&members[i]);
	}
}

void farm_show(long runs)
{
	printf("# %ld runs of %d hosts: %ld texts, %ld submissions, %ld kills, %ld stops, %ld sleeps, %ld cuts, "
	       "%ld rows taken from others\n", runs, farm_hosts, texts_made, submissions_made, deaths, stops,
	       sleeps, cuts, taken);
}
