/* What must be true of a farm: of each write to its bucket, of each submission, and at rest. */
#include "tests/sim/farm.h"

#include <stdio.h>

#include "lib/share/farm.h"

/* After this long without its host each row has another: leases, and looks for those that lapsed. */
#define LAPSED_S 600

static bool moved[NAMES];           /* restored, or renamed: whose picture it has is not followed */
static bool excused_text[TEXTS_MAX];/* its user has removed it */
static int late_rows[TEXTS_MAX];    /* of tasks that go on beside their retry */
static int drops[NAMES];            /* pictures that users may remove yet */
static bool dropped;                /* one was removed */
static long taken;

/* Rows that were ever in an entry: of each name that they had. */
static struct row_seen {
	char id[SEED_SHARE_ID_BYTES];
	int name, text;
	bool renamed;
	bool hinted; /* a host has told the others of it */
} rows_seen[ROWS_SEEN_MAX];
/* When the host last left the name for another. */
static int64_t left_ms[HOSTS_MAX][NAMES], last_left_ms[NAMES];
static int row_count;
static int64_t charged, charged_day;  /* as the farm has it */
static int64_t counted_before;        /* submissions of earlier days */

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

static const char *hint_of(const char *id, int name)
{
	static char key[SEED_STORE_ID_BYTES + 64];

	snprintf(key, sizeof(key), "flight/%.16s/%.32s", id, name_of(name));
	return key;
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

/* `name` -1: any. */
static struct row_seen *find_seen(const char *id, int name)
{
	for (int i = 0; i < row_count; i++)
		if (strcmp(rows_seen[i].id, id) == 0 && (name < 0 || rows_seen[i].name == name))
			return &rows_seen[i];
	return NULL;
}

/* Nobody goes on with a row that nobody hears of. */
static void check_hinted(int host, const char *name, const struct seed_share_row *was,
			 const struct seed_share_row *is)
{
	const struct row_seen *seen = find_seen(is->record.id, name_index(name));

	if (is->copy || was->lease != is->lease || strcmp(was->record.step, "queued") != 0 ||
	    strcmp(is->record.step, "submitting") != 0)
		return;
	if (!seen->hinted)
		broken("%s: host %d sends, and nobody else would look there", name, host);
}

/* A row that stands there already: who may have changed it so? */
static void check_row(int host, const char *name, const struct seed_share_row *was,
		      const struct seed_share_row *is)
{
	const char *writer = members[host].id;

	check_hinted(host, name, was, is);
	if (is->copy) /* as it stands at the source: the rename was made again */
		return;
	if (was->lease != is->lease || strcmp(was->host, is->host) != 0) {
		if (strcmp(is->host, writer) != 0)
			broken("%s: host %d gave a row to another", name, host);
		if (strcmp(was->host, writer) != 0 && was->until_s >= bucket_now_s() + 2 &&
		    was->record.state != SEED_STATE_FAILED) /* which its host only keeps */
			broken("%s: host %d took a row whose lease ran", name, host);
		taken += strcmp(was->host, writer) != 0;
		return;
	}
	if (strcmp(was->host, writer) != 0 && !same_record(&was->record, &is->record))
		broken("%s: host %d wrote to a row that is another's", name, host);
}

/* Once for each row that is begun; a rename's copies and late tasks are none. */
static void check_commits(const char *name, const struct seed_share_row *row)
{
	int text = text_of(&row->record), count = 0;

	for (int i = 0; i < row_count; i++)
		count += rows_seen[i].text == text && !rows_seen[i].renamed;
	if (text >= 0 && !row->late_of[0] && count + 1 > texts[text].commits + late_rows[text])
		broken("%s: T%d has %d rows for %d commits", name, text, count + 1, texts[text].commits);
	if (text >= 0)
		late_rows[text] += row->late_of[0] != '\0';
}

static void note_row(const char *name, const struct seed_share_row *row)
{
	bool renamed = find_seen(row->record.id, -1) != NULL;

	if (find_seen(row->record.id, name_index(name))) {
		if (!row->copy && !row->record.superseded)
			broken("%s: T%d is begun again", name, text_of(&row->record));
		return;
	}
	if (!renamed)
		check_commits(name, row);
	if (row_count == ROWS_SEEN_MAX)
		broken("%d rows", ROWS_SEEN_MAX);
	rows_seen[row_count] = (struct row_seen){ .name = name_index(name), .text = text_of(&row->record),
						 .renamed = renamed };
	snprintf(rows_seen[row_count++].id, sizeof(rows_seen[0].id), "%s", row->record.id);
}

/* What it was begun for is nobody's wish any more. */
static void excuse_rows(const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (text_of(&entry->rows[i].record) >= 0)
			excused_text[text_of(&entry->rows[i].record)] = true;
	/* Its host may be back later, with what another host could not ask for. */
	if (entry->current.name && text_of(&entry->current) >= 0)
		excused_text[text_of(&entry->current)] |= entry->current.state != SEED_STATE_VERIFIED;
}

static void check_new_row(const char *name, const struct seed_share_entry *before,
			  const struct seed_share_row *row)
{
	const struct seed_share_row *last = newest_of(before);

	note_row(name, row);
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
		if (after->gone) { /* the target has it, or where that was renamed to since */
			if (!is_elsewhere(name, t) && !dropped)
				broken("%s was left, and picture %d is nowhere else", name_of(name), t);
		} else if (drops[name]-- <= 0) {
			broken("%s: picture %d is gone from the entry", name_of(name), t);
		}
		if (!after->gone) {
			tasks[t].dropped = dropped = true;
			trace("picture %d of %s is removed", t, name_of(name));
		}
	}
}

static const char *entry_words(const struct seed_share_entry *entry)
{
	static char words[1024];
	size_t n = (size_t)snprintf(words, sizeof(words), "#%llu %s %s %.8s without %x moved to %s;",
				    (unsigned long long)entry->serial,
				    entry->current.request ? entry->current.request : "-",
				    seed_state_name(entry->current.state), entry->current.image.sha256,
				    entry->without, entry->gone ? entry->moves[entry->move_count - 1].to : "-");

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
	if (verbose)
		trace("store: host %d: %s %s", host, name_of(name), entry_words(&after));
	if (after.serial != before.serial + 1)
		broken("%s: change %llu follows change %llu", name_of(name), (unsigned long long)after.serial,
		       (unsigned long long)before.serial);
	if ((after.without & SEED_SHARE_NO_PROMPT) && !(before.without & SEED_SHARE_NO_PROMPT))
		excuse_rows(&before);
	if (after.gone && !before.gone)
		left_ms[host][name] = last_left_ms[name] = now_ms();
	check_rows(host, name_of(name), &before, &after);
	check_pictures(name, &before, &after);
	seed_share_release(&before);
	seed_share_release(&after);
}

/* On this day. */
static int64_t counted(void)
{
	int64_t count = 0;

	for (int i = 0; i < submission_count; i++)
		count += submissions[i].counts;
	return count - counted_before;
}

static void check_farm_write(const char *is)
{
	struct seed_farm agreed;

	if (seed_farm_parse(is, strlen(is), &agreed))
		broken("what is written is no farm");
	if (agreed.spent.day != charged_day)
		counted_before += counted();
	charged_day = agreed.spent.day;
	charged = agreed.spent.count;
}

void farm_check_write(int host, const char *key, const char *before, const char *after)
{
	if (strncmp(key, "name/", 5) == 0)
		check_entry_write(host, name_index(key + 5), before, after);
	else if (strcmp(key, "farm") == 0)
		check_farm_write(after);
	else if (strncmp(key, "host/", 5) == 0)
		return;
	else if (strncmp(key, "flight/", 7) == 0 || strncmp(key, "reuse/", 6) == 0)
		return; /* hints: nothing depends on them */
	else if (strncmp(key, "image/", 6) != 0 ||
		 strtol(key + 6, NULL, 10) != strtol(after, NULL, 10))
		broken("%s is written", key);
}

void farm_check_put(const char *key)
{
	for (int i = 0; i < row_count; i++)
		rows_seen[i].hinted |= strcmp(key, hint_of(rows_seen[i].id, rows_seen[i].name)) == 0;
	/* The store may be away for long, and its URL is good for a while. */
	if (strncmp(key, "image/", 6) == 0 && !is_dead() && !disk_has_picture((int)strtol(key + 6, NULL, 10)))
		broken("picture %s is sent before the journal has it", key + 6);
}

/* ---- what is sent ---- */

int farm_begun(int text)
{
	int count = 0;

	for (int i = 0; i < row_count; i++)
		count += rows_seen[i].text == text && !rows_seen[i].renamed;
	return count;
}

void farm_check_submission(const struct submission *fresh)
{
	const struct submission *before = NULL;
	int count = 0, rows = farm_begun(fresh->text);

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
	if (counted() > farm.budget)
		broken("%lld submissions of %d", (long long)counted(), farm.budget);
}

/* ---- what must be true at the end ---- */

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
	size_t len;

	for (int i = 0; i < row_count; i++) {
		const char *key = hint_of(rows_seen[i].id, rows_seen[i].name);

		if (bucket_read(key, &len))
			broken("at rest: %s is left", key);
	}
}

/* Of what was not, its host may have died before it told anybody. */
static bool is_sent(const struct seed_share_row *row)
{
	return strcmp(row->record.step, "queued") != 0 && strcmp(row->record.step, "adopt") != 0;
}

/* Nobody has asked for the names for long. */
void farm_check_unasked(void)
{
	size_t len;

	for (int n = 0; n < NAMES; n++) {
		struct seed_share_entry entry;

		(void)read_entry(n, &entry);
		for (size_t i = 0; i < entry.row_count; i++)
			if (entry.rows[i].until_s + LAPSED_S < bucket_now_s() &&
			    (bucket_read(hint_of(entry.rows[i].record.id, n), &len) || is_sent(&entry.rows[i])))
				broken("%s: nobody goes on with %s", name_of(n), entry.rows[i].record.request);
		seed_share_release(&entry);
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
		if (engine->active || engine->queue_first || engine->outage.probe || engine->watching ||
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
	if ((files->record.name != NULL) != (is_there && !(entry->without & SEED_SHARE_NO_RECORD)))
		broken("host %d shows %s record of %s", host, files->record.name ? "a" : "no", name_of(name));
	if (files->record.name && files->record.state != entry->current.state)
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

/* As check_failed() of one host. */
static void check_failed(int name, const struct seed_share_entry *entry)
{
	const struct seed_record *current = &entry->current;
	const int text = current->name && !moved[name] ? text_of(current) : -1;

	if (text < 0 || current->state != SEED_STATE_FAILED || texts[text].commits != 1)
		return;
	for (size_t i = 0; i < entry->version_count; i++)
		if (tasks[task_of(&entry->versions[i].record)].text == text)
			broken("%s: T%d has failed, and the picture of its task %d is in the history", name_of(name),
			       text, task_of(&entry->versions[i].record));
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
	if (has_entry)
		check_failed(name, &entry);
	for (int i = 0; i < farm_hosts && has_entry; i++)
		if (members[i].engine) {
			be(i);
			check_files(i, name, &entry);
		}
	seed_share_release(&entry);
}

/* Without a death, a sleep or a lost answer nothing but what left counts. */
void farm_check_budget(long deaths_before, long stops_before)
{
	int64_t unheard = 0;

	for (int i = 0; i < submission_count; i++)
		unheard += !submissions[i].counts && !submissions[i].delivered;
	if (charged < counted())
		broken("%lld submissions, and the farm has %lld", (long long)counted(), (long long)charged);
	if (deaths == deaths_before && stops == stops_before && charged > counted() + unheard)
		broken("%lld submissions, and the farm has %lld", (long long)counted(), (long long)charged);
}

void farm_check_rest(void)
{
	check_engines();
	for (int i = 0; i < NAMES; i++)
		check_name(i);
	check_paid();
	check_texts();
}

/* ---- what users do ---- */

/* What runs for the name, on whatever host. */
void farm_excuse(int name)
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
}

int64_t farm_last_left_ms(int name)
{
	return last_left_ms[name];
}

int64_t farm_take_left_ms(int host, int name, bool forget)
{
	int64_t ms = left_ms[host][name];

	if (forget)
		left_ms[host][name] = 0;
	return ms;
}

void farm_moves(int name)
{
	moved[name] = true;
}

void farm_may_drop(int name)
{
	drops[name]++;
}

void farm_check_begin(void)
{
	row_count = 0;
	charged = charged_day = counted_before = 0;
	dropped = false;
	memset(drops, 0, sizeof(drops));
	memset(left_ms, 0, sizeof(left_ms));
	memset(last_left_ms, 0, sizeof(last_left_ms));
	memset(late_rows, 0, sizeof(late_rows));
	memset(excused_text, 0, sizeof(excused_text));
	memset(moved, 0, sizeof(moved));
}

long farm_rows_taken(void)
{
	return taken;
}
