/*
 * The store, as a list of what is there, and of what is durable. Each operation is a
 * few steps, in the order of docs/architecture.md; before each the program may be
 * killed, and each may fail. Half of the kills are power cuts: what was not durable is
 * as it was, each in its turn or not. (That the real store's operations are such steps is the
 * business of its own fault test.)
 */
#include "tests/sim/sim.h"

#include "lib/base/clock.h"
#include "lib/image/sink.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define WRAP(name) __wrap_seed_store_##name
PORT(store_new_id);
PORT(store_record_read);
PORT(store_thumb_begin);
PORT(store_has_prompt);
PORT(store_has_image);
PORT(store_has_picture);
PORT(store_has_source);
PORT(store_prompt_read);
PORT(store_journal);
PORT(store_begin);
PORT(store_take);
PORT(store_record_write);
PORT(store_finish);
PORT(store_checkpoint);
PORT(store_checkpoint_soon);
PORT(store_remove_prompt);
PORT(store_move_entry);
PORT(store_move_folder);
PORT(store_restore);
PORT(store_remove_file);
PORT(store_prompt_write);
PORT(store_prompt_time);
PORT(store_remove_empty);
PORT(store_make_folder);
PORT(store_result_open);
PORT(store_source_write);
PORT(store_source_open);
PORT(store_forget);
PORT(store_image_check);
PORT(store_image_copy);
PORT(store_reuse_note);
PORT(store_reuse_names);
PORT(store_reuse_follow);
PORT(store_spent_read);
PORT(store_spent_note);
PORT(store_spent_sync);
PORT(store_recover);
PORT(store_mirror);
PORT(store_mirror_no_folder);
PORT(store_evict);
PORT(store_picture_read);
PORT(store_picture_record);
PORT(store_fill);
PORT(sha256);
PORT(record_copy);
__typeof__(seed_record_copy) __real_seed_record_copy;

/* Few, so that most runs come to one that is due. */
#define CHECKPOINT_ROWS 3

struct row {
	bool used;
	struct seed_record record;
	int source; /* task; -1: none */
	int result; /* an open memfd of pending/ID.png; -1: that is empty */
	bool moved; /* … or is not there: the history has it */
	struct seed_spent spent;
	bool finished; /* the catalogue has its outcome, and a checkpoint is to come */
};

/* What a power cut leaves; -1: none. */
struct durable {
	int prompt, image;
	struct seed_record record;
};

/* reuse/KEY: that a name may have the image. */
struct note {
	uint64_t key;
	int name; /* -1: free */
	bool durable;
};

enum { NOTES_MAX = TEXTS_MAX * NAMES };

/* One of each host; disk_switch() says whose is meant. */
static struct disk {
	struct entry entries[NAMES];
	struct version versions[VERSIONS_MAX];
	struct row rows[ROWS_MAX];
	struct durable durable[NAMES];
	struct note notes[NOTES_MAX];
	uint64_t last_id;
	struct seed_spent spent_noted, spent_on_disk;
	int64_t fault_ms;
} disks[HOSTS_MAX], *disk = disks;
struct entry *entries = disks[0].entries;
struct version *versions = disks[0].versions;
static struct row *rows = disks[0].rows;
static struct durable *durable = disks[0].durable;

void disk_switch(int host)
{
	disk = &disks[host];
	entries = disk->entries;
	versions = disk->versions;
	rows = disk->rows;
	durable = disk->durable;
}

/* ---- helpers ---- */

const char *name_of(int name)
{
	static const char *const names[NAMES] = { "ant", "bee", "cat" };

	return names[name];
}

int name_index(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (strcmp(name_of(i), name) == 0)
			return i;
	broken("a name that is none: %s", name);
}

int text_number(const char *request)
{
	return request[0] == 'T' ? (int)strtol(request + 1, NULL, 10) : -1;
}

static struct row *row_find(const char *id)
{
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used && strcmp(rows[i].record.id, id) == 0)
			return &rows[i];
	return NULL;
}

static struct row *row_get(const char *id)
{
	struct row *row = row_find(id);

	for (int i = 0; i < ROWS_MAX && !row; i++) {
		if (rows[i].used)
			continue;
		row = &rows[i];
		*row = (struct row){ .used = true, .source = -1, .result = -1 };
		seed_record_init(&row->record);
		if (seed_record_set(&row->record.id, id))
			abort();
	}
	if (!row)
		broken("%d rows in the journal", ROWS_MAX);
	return row;
}

static void row_drop(struct row *row)
{
	seed_record_release(&row->record);
	if (row->result >= 0)
		close(row->result);
	row->used = false;
}

int64_t disk_fault_ms(void)
{
	return disk->fault_ms;
}

/* Before each step: dead programs change nothing. */
static errint_t step(void)
{
	static const int codes[] = { ENOSPC, EIO, ENOMEM };

	may_block("a step");
	may_die();
	if (is_dead())
		return -EIO;
	if (chance((unsigned)world_faults() / 6)) {
		int code = codes[roll(SEED_ARRAY_LEN(codes))];

		disk->fault_ms = now_ms();
		trace("disk: %s", strerror(code));
		return -code;
	}
	return 0;
}

/* What cannot be read for any other reason is no picture: it is generated anew. */
static errint_t look(void)
{
	errint_t err = step();

	return err == -EIO && !is_dead() ? -EMFILE : err;
}

/* The engine's and the store's: memory may be lacking for it. */
errint_t __wrap_seed_record_copy(struct seed_record *to, const struct seed_record *from)
{
	if (is_dead() || !chance((unsigned)world_faults() / 15))
		return __real_seed_record_copy(to, from);
	seed_record_init(to);
	trace("no memory for a row");
	return -ENOMEM;
}

static void copy_record(struct seed_record *to, const struct seed_record *from)
{
	seed_record_release(to);
	if (__real_seed_record_copy(to, from))
		abort();
}

static void put_version(int name, int number, int task)
{
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name < 0) {
			versions[i] = (struct version){ name, number, task, true };
			return;
		}
	broken("%d versions", VERSIONS_MAX);
}

static void add_version(int name, int task, bool has_row)
{
	int number = 1;

	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name == name && versions[i].number >= number)
			number = versions[i].number + 1;
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name < 0) {
			versions[i] = (struct version){ name, number, task, has_row };
			return;
		}
	broken("%d versions", VERSIONS_MAX);
}

static void retire(int name)
{
	if (entries[name].image < 0)
		return;
	add_version(name, entries[name].image, entries[name].record.name != NULL);
	entries[name].image = -1;
}

static int picture_of(const struct row *row)
{
	int task = -1;

	if (row && row->result >= 0 && pread(row->result, &task, sizeof(task), 0) < 0)
		abort();
	return task;
}

bool disk_has_picture(int task)
{
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used && strcmp(rows[i].record.step, "commit") == 0 &&
		    picture_of(&rows[i]) == task)
			return true;
	for (int i = 0; i < NAMES; i++)
		if (entries[i].image == task)
			return true;
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name >= 0 && versions[i].task == task)
			return true;
	return false;
}

int disk_rows(void)
{
	int count = 0;

	for (int i = 0; i < ROWS_MAX; i++)
		count += rows[i].used && !rows[i].finished;
	return count;
}

void disk_begin(void)
{
	disk->fault_ms = 0;
	for (int i = 0; i < NAMES; i++) {
		seed_record_release(&entries[i].record);
		entries[i].prompt = entries[i].image = -1;
		durable[i].prompt = durable[i].image = -1;
		seed_record_release(&durable[i].record);
	}
	for (int i = 0; i < VERSIONS_MAX; i++)
		versions[i].name = -1;
	for (int i = 0; i < NOTES_MAX; i++)
		disk->notes[i].name = -1;
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used)
			row_drop(&rows[i]);
	disk->last_id = 0;
	disk->spent_noted = disk->spent_on_disk = (struct seed_spent){ 0 };
}

void disk_power_cut(void)
{
	trace("disk: a power cut");
	for (int i = 0; i < NAMES; i++) {
		if (chance(50))
			entries[i].prompt = durable[i].prompt;
		if (chance(50))
			entries[i].image = durable[i].image;
		if (chance(50))
			copy_record(&entries[i].record, &durable[i].record);
	}
	for (int i = 0; i < NOTES_MAX; i++)
		if (disk->notes[i].name >= 0 && !disk->notes[i].durable && chance(50))
			disk->notes[i].name = -1;
}

/* ---- looking ---- */

void WRAP(new_id)(struct seed_store *store, char id[SEED_STORE_ID_BYTES])
{
	uint64_t now = farm_hosts ? (uint64_t)seed_clock_wall_ms() << 12 : 0;

	SEED_UNUSED(store);
	/* No two hosts make the same. */
	disk->last_id = disk->last_id + HOSTS_MAX > now ? disk->last_id + HOSTS_MAX : now;
	snprintf(id, SEED_STORE_ID_BYTES, "%016llx",
		 (unsigned long long)disk->last_id + (unsigned)this_host());
}

errint_t WRAP(record_read)(const struct seed_store *store, const char *name,
			   struct seed_record *record)
{
	const struct entry *entry = &entries[name_index(name)];

	SEED_UNUSED(store);
	may_block("a record is read");
	seed_record_init(record);
	if (!entry->record.name)
		return -ENOENT;
	copy_record(record, &entry->record);
	return 0;
}

bool WRAP(has_prompt)(const struct seed_store *store, const char *name)
{
	SEED_UNUSED(store);
	may_block("whether there is a prompt");
	return entries[name_index(name)].prompt >= 0;
}

bool WRAP(has_image)(const struct seed_store *store, const char *name)
{
	SEED_UNUSED(store);
	may_block("whether there is an image");
	return entries[name_index(name)].image >= 0;
}

/* Nobody copies this directory while the program runs; but a row may be another host's. */
bool WRAP(has_picture)(const struct seed_store *store, const struct seed_record *record)
{
	int task = (int)strtol(record->image.sha256, NULL, 10);

	SEED_UNUSED(store);
	if (record->superseded)
		return row_find(record->id)->moved || picture_of(row_find(record->id)) == task;
	return !farm_hosts || picture_of(row_find(record->id)) == task ||
	       entries[name_index(record->name)].image == task;
}

bool WRAP(has_source)(const struct seed_store *store, const char *id)
{
	const struct row *row = row_find(id);

	SEED_UNUSED(store);
	return !farm_hosts || (row && row->source >= 0);
}

errint_t WRAP(prompt_read)(const struct seed_store *store, const char *name, char **text,
			   size_t *len)
{
	int prompt = entries[name_index(name)].prompt, n;

	SEED_UNUSED(store);
	may_block("a prompt is read");
	*text = NULL;
	*len = 0;
	if (prompt < 0)
		return 0;
	n = asprintf(text, "T%d", prompt);
	*len = n > 0 ? (size_t)n : 0;
	return n < 0 ? -ENOMEM : 0;
}

/* Before a name is changed whose outcome waits for a checkpoint. NULL: any. */
static errint_t free_name(const char *name);

/* ---- writing ---- */

static void note_durable(const struct seed_record *record)
{
	int task = record->task_id ? (int)strtol(record->task_id, NULL, 10) : -1;

	if (task < 0 || task >= task_count || strcmp(record->step, "submitting") == 0 ||
	    strcmp(record->step, "queued") == 0)
		return;
	tasks[task].durable = true;
	tasks[task].journals |= 1u << this_host();
}

errint_t WRAP(journal)(struct seed_store *store, const struct seed_record *record)
{
	errint_t err = step();
	struct row *row;

	SEED_UNUSED(store);
	if (err)
		return err;
	row = row_get(record->id);
	copy_record(&row->record, record);
	row->spent = disk->spent_noted;
	note_durable(record);
	trace("disk: journal %s %s%s", record->name, record->step,
	      record->superseded ? " superseded" : "");
	return 0;
}

static bool has_name(int text)
{
	for (int i = 0; i < NAMES; i++)
		if (entries[i].prompt == text)
			return true;
	return false;
}

/* The name's prompt is another one, or none (-1). One text may have two names. */
static void set_prompt(int name, int text)
{
	int before = entries[name].prompt;

	entries[name].prompt = text;
	if (farm_hosts) /* another host's may have it */
		return;
	if (before >= 0 && !has_name(before)) {
		texts[before].gone = true;
		texts[before].gone_ms = now_ms();
	}
	if (text >= 0)
		texts[text].gone = false;
}

static void sync_name(int name)
{
	durable[name].prompt = entries[name].prompt;
	durable[name].image = entries[name].image;
	copy_record(&durable[name].record, &entries[name].record);
}

static void write_record(const struct seed_record *record)
{
	struct entry *entry = &entries[name_index(record->name)];

	copy_record(&entry->record, record);
}

errint_t WRAP(record_write)(struct seed_store *store, const struct seed_record *record,
			    bool synced)
{
	errint_t err = step();

	SEED_UNUSED(store);
	SEED_UNUSED(synced);
	if (!err)
		write_record(record);
	return err;
}

errint_t WRAP(begin)(struct seed_store *store, const struct seed_record *record)
{
	int name = name_index(record->name), image;
	errint_t err = free_name(record->name);

	if (!err)
		err = WRAP(journal)(store, record);
	if (err)
		return err;
	image = entries[name].image;
	err = step();
	if (!err) {
		retire(name);
		durable[name].image = -1;
		seed_record_release(&durable[name].record);
	}
	if (!err)
		err = step();
	if (!err) {
		write_record(record);
		set_prompt(name, text_number(record->request));
		trace("disk: begun %s %s", record->name, record->request);
		return 0;
	}
	/* Renames need no space: what stood before stands again. */
	if (!is_dead() && image >= 0 && entries[name].image < 0) {
		for (int i = 0; i < VERSIONS_MAX; i++)
			if (versions[i].name == name && versions[i].task == image)
				versions[i].name = -1;
		entries[name].image = image;
	}
	if (!is_dead()) {
		durable[name].image = entries[name].image;
		copy_record(&durable[name].record, &entries[name].record);
	}
	return err;
}

errint_t WRAP(take)(struct seed_store *store, const struct seed_record *record)
{
	const struct row *row = row_find(record->id);
	errint_t err = row && row->finished ? WRAP(checkpoint)(store) : 0;

	if (err)
		return err;
	return record->superseded ? WRAP(journal)(store, record) : WRAP(begin)(store, record);
}

static void place(struct row *row, const struct seed_record *record, bool superseded)
{
	int name = name_index(record->name), task = picture_of(row);

	if (task < 0)
		return; /* an earlier try has moved it */
	tasks[task].placed = true;
	tasks[task].placed_ms = seed_clock_wall_ms();
	if (superseded) {
		add_version(name, task, true);
		close(row->result);
		row->result = -1;
		row->moved = true;
	} else if (entries[name].image != task) {
		retire(name);
		entries[name].image = task; /* by a link: the row has it, too */
	}
	trace("disk: picture %d of %s%s", task, record->name, superseded ? " to history" : "");
}

/* ---- the checkpoint ---- */

static bool is_finished(const struct row *row, const char *name)
{
	return row->used && row->finished && (!name || strcmp(row->record.name, name) == 0);
}

errint_t WRAP(checkpoint)(struct seed_store *store)
{
	bool taken[ROWS_MAX];
	errint_t err = 0;

	for (int i = 0; i < ROWS_MAX && !err; i++) {
		taken[i] = is_finished(&rows[i], NULL);
		if (taken[i])
			err = step();
		if (taken[i] && !err)
			sync_name(name_index(rows[i].record.name));
	}
	if (!err)
		err = WRAP(spent_sync)(store);
	for (int i = 0; i < ROWS_MAX && !err; i++) {
		if (taken[i])
			err = step();
		if (taken[i] && !err)
			row_drop(&rows[i]);
	}
	return err;
}

void WRAP(checkpoint_soon)(struct seed_store *store)
{
	int count = 0;

	for (int i = 0; i < ROWS_MAX; i++)
		count += is_finished(&rows[i], NULL);
	if (!is_dead() && count >= CHECKPOINT_ROWS)
		SEED_UNUSED(WRAP(checkpoint)(store) == 0);
}

static errint_t free_name(const char *name)
{
	for (int i = 0; i < ROWS_MAX; i++)
		if (is_finished(&rows[i], name))
			return WRAP(checkpoint)(NULL);
	return 0;
}

errint_t WRAP(finish)(struct seed_store *store, const struct seed_record *record, bool superseded)
{
	bool verified = record->state == SEED_STATE_VERIFIED, lazy = verified && !superseded;
	errint_t err = free_name(record->name);

	if (!err && verified)
		err = WRAP(journal)(store, record);
	if (!err)
		err = step();
	if (!err && verified)
		place(row_find(record->id), record, superseded);
	if (!err)
		err = step();
	if (!err && !superseded)
		write_record(record);
	if (!err && lazy) {
		row_find(record->id)->finished = true;
		return 0;
	}
	if (!err)
		err = step();
	if (!err && !superseded)
		sync_name(name_index(record->name));
	if (!err)
		err = WRAP(forget)(store, record->id);
	return err;
}

errint_t WRAP(forget)(struct seed_store *store, const char *id)
{
	struct row *row = row_find(id);
	errint_t err;

	if (row && row->finished)
		return WRAP(checkpoint)(store);
	err = WRAP(spent_sync)(store);
	if (!err)
		err = step();
	if (!err && row)
		row_drop(row);
	return err;
}

/* The row says first that the prompt is being removed; where that fails, it is taken
 * back, if it can be. */
static errint_t mark_removal(const struct seed_record *cancelled)
{
	struct row *row = cancelled ? row_find(cancelled->id) : NULL;
	struct seed_record before;
	errint_t err = row ? step() : 0;

	if (err)
		return err;
	if (!row)
		return step();
	if (__real_seed_record_copy(&before, &row->record))
		abort();
	/* What is verified goes on without a prompt. */
	if (before.state != SEED_STATE_VERIFIED)
		copy_record(&row->record, cancelled);
	else if (seed_record_set(&row->record.request, ""))
		abort();
	err = step();
	if (err && step() == 0)
		copy_record(&row->record, &before);
	seed_record_release(&before);
	return err;
}

errint_t WRAP(remove_prompt)(struct seed_store *store, const char *name,
			     const struct seed_record *cancelled)
{
	struct entry *entry = &entries[name_index(name)];
	errint_t err;

	SEED_UNUSED(store);
	if (entry->prompt < 0)
		return -ENOENT;
	err = free_name(name);
	if (!err)
		err = mark_removal(cancelled);
	if (err)
		return err;
	set_prompt(name_index(name), -1);
	durable[name_index(name)].prompt = -1;
	trace("disk: removed %s", name);
	may_die();
	if (cancelled && !is_dead() && entry->image < 0)
		write_record(cancelled);
	return 0;
}

errint_t WRAP(move_entry)(struct seed_store *store, const char *from, const char *to)
{
	int a = name_index(from), b = name_index(to);
	errint_t err;

	SEED_UNUSED(store);
	if (entries[a].prompt < 0)
		return -ENOENT;
	err = free_name(NULL);
	if (!err)
		err = step();
	if (err)
		return err; /* undone, or never begun */
	retire(b);
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name == a)
			versions[i].name = b + NAMES;
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name == b + NAMES) {
			versions[i].name = -1;
			add_version(b, versions[i].task, versions[i].has_row);
		}
	entries[b].image = entries[a].image;
	set_prompt(b, -1);
	entries[b].prompt = entries[a].prompt;
	entries[a].image = entries[a].prompt = -1;
	seed_record_release(&entries[b].record);
	entries[b].record = entries[a].record;
	seed_record_init(&entries[a].record);
	if (entries[b].record.name && seed_record_set(&entries[b].record.name, to))
		abort();
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used && strcmp(rows[i].record.name, to) == 0)
			rows[i].record.superseded = true;
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used && strcmp(rows[i].record.name, from) == 0 &&
		    seed_record_set(&rows[i].record.name, to))
			abort();
	sync_name(a);
	sync_name(b);
	trace("disk: moved %s to %s", from, to);
	may_die();
	return 0;
}

errint_t WRAP(move_folder)(struct seed_store *store, const char *from, const char *to)
{
	SEED_UNUSED(store);
	SEED_UNUSED(from);
	SEED_UNUSED(to);
	return -ENOENT;
}

/* A version has its own record. */
static void take_text(struct seed_record *record, int task)
{
	char text[16] = "";

	if (tasks[task].text >= 0)
		snprintf(text, sizeof(text), "T%d", tasks[task].text);
	if (seed_record_set(&record->request, text) || seed_record_set(&record->prompt, text))
		abort();
}

/* "ant/0001.png" */
static struct version *version_find(const char *path)
{
	const char *slash = strchr(path, '/');
	int number = (int)strtol(slash + 1, NULL, 10);

	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name >= 0 && versions[i].number == number &&
		    strncmp(name_of(versions[i].name), path, (size_t)(slash - path)) == 0)
			return &versions[i];
	return NULL;
}

errint_t WRAP(restore)(struct seed_store *store, const char *old, const char *name, seed_store_whole_fn *whole)
{
	struct version *version = version_find(old);
	struct entry *entry = &entries[name_index(name)];
	errint_t err;
	int task;

	SEED_UNUSED(store);
	SEED_UNUSED(whole);
	if (!version)
		return -ENOENT;
	err = free_name(NULL);
	if (!err)
		err = step();
	if (err)
		return err;
	task = version->task;
	version->name = -1;
	retire(name_index(name));
	entry->image = task;
	if (!entry->record.name && seed_record_set(&entry->record.name, name))
		abort();
	entry->record.state = SEED_STATE_VERIFIED;
	entry->record.error.code = 0;
	take_text(&entry->record, task);
	snprintf(entry->record.image.sha256, sizeof(entry->record.image.sha256), "%064d", task);
	sync_name(name_index(name));
	trace("disk: restored picture %d as %s", task, name);
	may_die();
	return 0;
}

/* "ant.png", "ant.json" */
static struct entry *entry_of(const char *path)
{
	char name[16];

	snprintf(name, sizeof(name), "%.*s", (int)(strrchr(path, '.') - path), path);
	return &entries[name_index(name)];
}

static bool is_there(enum seed_area area, const char *path)
{
	if (area == SEED_AREA_HISTORY)
		return version_find(path) != NULL;
	return area == SEED_AREA_IMAGES ? entry_of(path)->image >= 0 : entry_of(path)->record.name != NULL;
}

errint_t WRAP(remove_file)(struct seed_store *store, enum seed_area area, const char *path)
{
	errint_t err;

	SEED_UNUSED(store);
	if (!is_there(area, path))
		return -ENOENT;
	err = free_name(NULL);
	if (!err)
		err = step();
	if (err)
		return err;
	if (area == SEED_AREA_HISTORY) {
		tasks[version_find(path)->task].dropped |= !farm_hosts;
		version_find(path)->name = -1;
	} else if (area == SEED_AREA_IMAGES) {
		entry_of(path)->image = -1;
	} else {
		seed_record_release(&entry_of(path)->record);
		seed_record_init(&entry_of(path)->record);
	}
	return 0;
}

errint_t WRAP(prompt_write)(struct seed_store *store, const char *name, const char *text,
			    struct timespec mtime)
{
	errint_t err = free_name(name);

	SEED_UNUSED(store);
	SEED_UNUSED(mtime);
	if (!err)
		err = step();
	if (!err) {
		set_prompt(name_index(name), text_number(text));
		durable[name_index(name)].prompt = entries[name_index(name)].prompt;
	}
	return err;
}

errint_t WRAP(prompt_time)(struct seed_store *store, const char *name, struct timespec mtime)
{
	SEED_UNUSED(store);
	SEED_UNUSED(name);
	SEED_UNUSED(mtime);
	may_block("a prompt's time is set");
	return 0;
}

/* Prompts without a text and folders are not simulated. */
errint_t WRAP(remove_empty)(struct seed_store *store, const char *name)
{
	SEED_UNUSED(store);
	SEED_UNUSED(name);
	return 0;
}

errint_t WRAP(make_folder)(struct seed_store *store, const char *path)
{
	SEED_UNUSED(store);
	SEED_UNUSED(path);
	return 0;
}

/* ---- pictures and bytes ---- */

static int memory_file(void)
{
	int fd = memfd_create("sim", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

/* pending/ID.png is that picture; -1: empty. */
static void put_result(struct row *row, int task)
{
	if (row->result < 0)
		row->result = memory_file();
	row->moved = false;
	if (pwrite(row->result, &task, sizeof(task), 0) < 0)
		abort();
}

int WRAP(result_open)(struct seed_store *store, const char *id)
{
	struct row *row = row_find(id);

	SEED_UNUSED(store);
	if (is_dead() || chance((unsigned)world_faults() / 10))
		return -EMFILE;
	if (!row)
		broken("a picture for a row that is not in the journal");
	put_result(row, -1);
	return dup(row->result);
}

errint_t WRAP(source_write)(struct seed_store *store, const char *id, const void *data, size_t len)
{
	errint_t err = step();
	char text[16] = "";

	SEED_UNUSED(store);
	if (err)
		return err;
	memcpy(text, data, len < sizeof(text) ? len : sizeof(text) - 1);
	if (!is_dead() && !service_rooms((int)strtol(text, NULL, 10)))
		broken("the picture of task %s is held, and not counted", text);
	row_get(id)->source = (int)strtol(text, NULL, 10);
	return 0;
}

int WRAP(source_open)(const struct seed_store *store, const char *id)
{
	const struct row *row = row_find(id);
	int fd;

	SEED_UNUSED(store);
	if (!row || row->source < 0)
		return -ENOENT;
	if (chance((unsigned)world_faults() / 10))
		return -EMFILE;
	fd = memory_file();
	if (pwrite(fd, &row->source, sizeof(row->source), 0) < 0)
		abort();
	return fd;
}

errint_t WRAP(image_check)(struct seed_store *store, const char *name, const struct seed_image_info *image)
{
	SEED_UNUSED(image);
	return WRAP(has_image)(store, name) ? 0 : -ENOENT;
}

errint_t WRAP(image_copy)(struct seed_store *store, const char *name, const struct seed_image_info *image,
			  const char *id)
{
	const int task = entries[name_index(name)].image;
	struct row *row = row_find(id);
	errint_t err = look();
	char sha[SEED_SHA256_HEX_BYTES];

	SEED_UNUSED(store);
	snprintf(sha, sizeof(sha), "%064d", task);
	if (farm_hosts || task < 0)
		return -ENOENT;
	if (err)
		return err;
	if (strcmp(sha, image->sha256) != 0)
		return -EBADMSG;
	if (!row)
		broken("a copy for a row that is not in the journal");
	put_result(row, task);
	trace("disk: copied picture %d of %s", task, name);
	return 0;
}

errint_t WRAP(reuse_note)(struct seed_store *store, uint64_t key, const char *name, seed_store_key_fn *key_of,
			  bool synced)
{
	struct note *note = NULL;
	errint_t err = farm_hosts ? 0 : look();

	SEED_UNUSED(key_of);
	SEED_UNUSED(store);
	if (farm_hosts || err)
		return err;
	for (int i = 0; i < NOTES_MAX; i++) {
		struct note *at = &disk->notes[i];

		if (at->name == name_index(name) && at->key == key)
			return 0; /* nor is it written again, as it is in the file */
		if (at->name < 0 && !note)
			note = at;
	}
	if (!note)
		broken("%d names that may be reused", NOTES_MAX);
	*note = (struct note){ .key = key, .name = name_index(name), .durable = synced };
	return 0;
}

errint_t WRAP(reuse_names)(const struct seed_store *store, uint64_t key, char **names)
{
	char list[NAMES * 16] = "";
	errint_t err = farm_hosts ? 0 : look();

	SEED_UNUSED(store);
	*names = NULL;
	for (int i = 0; i < NOTES_MAX && !err; i++)
		if (disk->notes[i].name >= 0 && disk->notes[i].key == key)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "\n%s", name_of(disk->notes[i].name));
	if (farm_hosts || err || !list[0])
		return err ? err : -ENOENT;
	*names = strdup(list);
	return *names ? 0 : -ENOMEM;
}

errint_t WRAP(reuse_follow)(struct seed_store *store, const char *from, const char *to, bool folder,
			seed_store_key_fn *key, bool synced)
{
	const struct seed_record *record = &entries[name_index(from)].record;

	SEED_UNUSED(folder);
	if (!farm_hosts && record->params && record->state == SEED_STATE_VERIFIED)
		return WRAP(reuse_note)(store, key(record), to, NULL, synced);
	return 0;
}

/* ---- names and pictures that hosts share ---- */

#define PICTURE_BYTES 7

static int task_of(const struct seed_record *record)
{
	return (int)strtol(record->image.sha256, NULL, 10);
}

/* Nothing of it is synced: after a power cut some of it is as it was. */
errint_t WRAP(mirror)(struct seed_store *store, const char *name, const struct seed_mirror *mirror)
{
	const struct seed_record *current = mirror->current;
	int n = name_index(name);
	errint_t err = free_name(name);

	SEED_UNUSED(store);
	if (!err)
		err = step();
	if (err)
		return err;
	set_prompt(n, mirror->has_prompt ? text_number(current->request) : -1);
	may_die();
	if (is_dead())
		return -EIO;
	for (int i = 0; i < VERSIONS_MAX; i++)
		if (versions[i].name == n)
			versions[i].name = -1;
	for (size_t i = 0; i < mirror->version_count; i++)
		put_version(n, mirror->versions[i].number, task_of(mirror->versions[i].record));
	entries[n].image = mirror->has_image ? task_of(current) : -1;
	seed_record_release(&entries[n].record);
	seed_record_init(&entries[n].record);
	if (mirror->has_record)
		copy_record(&entries[n].record, current);
	trace("disk: mirrored %s: T%d, picture %d, %zu versions", name, entries[n].prompt, entries[n].image,
	      mirror->version_count);
	return 0;
}

/* There are no folders in this world. */
errint_t WRAP(mirror_no_folder)(struct seed_store *store, const char *folder)
{
	SEED_UNUSED(store);
	SEED_UNUSED(folder);
	return 0;
}

/* What is evicted is fetched again; the model of a host that has no image here is one that has
 * not read it yet. */
errint_t WRAP(evict)(struct seed_store *store, uint64_t limit_bytes, seed_store_may_go_fn *may_go_,
		     void *context, uint64_t *left)
{
	SEED_UNUSED(store);
	SEED_UNUSED(may_go_);
	SEED_UNUSED(context);
	*left = limit_bytes;
	return 0;
}

errint_t WRAP(picture_read)(const struct seed_store *store, const struct seed_record *record,
			    char **data, size_t *len)
{
	const struct row *row = row_find(record->id);
	int task = picture_of(row);

	SEED_UNUSED(store);
	may_block("a picture is read");
	*data = NULL;
	*len = 0;
	if (task < 0)
		return !row || row->moved ? -ENOENT : -EIO;
	if (asprintf(data, "%0*d", PICTURE_BYTES, task) < 0)
		abort();
	*len = PICTURE_BYTES;
	return 0;
}

errint_t WRAP(picture_record)(const struct seed_store *store, enum seed_area area, const char *path,
			      struct seed_record *record)
{
	char name[16];
	const struct version *version;

	may_block("a picture's record is read");
	if (area != SEED_AREA_HISTORY) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, "."), path);
		return WRAP(record_read)(store, name, record);
	}
	seed_record_init(record);
	version = version_find(path);
	if (!version)
		return -ENOENT;
	record->image.bytes = PICTURE_BYTES;
	snprintf(record->image.sha256, sizeof(record->image.sha256), "%064d", version->task);
	return 0;
}

errint_t WRAP(fill)(struct seed_store *store, enum seed_area area, const char *path, int fd,
		    uint64_t bytes)
{
	SEED_UNUSED(store);
	SEED_UNUSED(area);
	SEED_UNUSED(path);
	SEED_UNUSED(fd);
	assert(bytes == PICTURE_BYTES);
	return step();
}

errint_t __wrap_seed_sha256(const void *data, size_t len, char hex[SEED_SHA256_HEX_BYTES],
			    struct seed_error *error)
{
	char text[PICTURE_BYTES + 1];

	SEED_UNUSED(error);
	assert(len == PICTURE_BYTES);
	memcpy(text, data, len);
	text[len] = '\0';
	snprintf(hex, SEED_SHA256_HEX_BYTES, "%064d", (int)strtol(text, NULL, 10));
	return 0;
}

/* ---- the budget ---- */

errint_t WRAP(spent_read)(struct seed_store *store, struct seed_spent *spent)
{
	SEED_UNUSED(store);
	*spent = disk->spent_on_disk;
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used && rows[i].spent.serial > spent->serial)
			*spent = rows[i].spent;
	disk->spent_noted = *spent;
	return 0;
}

void WRAP(spent_note)(struct seed_store *store, const struct seed_spent *spent)
{
	SEED_UNUSED(store);
	if (!is_dead() && spent->serial > disk->spent_noted.serial)
		disk->spent_noted = *spent;
}

errint_t WRAP(spent_sync)(struct seed_store *store)
{
	errint_t err = disk->spent_noted.serial > disk->spent_on_disk.serial ? step() : 0;

	SEED_UNUSED(store);
	if (!err)
		disk->spent_on_disk = disk->spent_noted;
	return err;
}

/* ---- after a death ---- */

static int by_id(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return strcmp((*x)->record.id, (*y)->record.id);
}

static bool is_overtaken(const struct seed_record *row)
{
	const struct seed_record *record = &entries[name_index(row->name)].record;

	return record->created_ms > row->created_ms ||
	       (record->state == SEED_STATE_VERIFIED && row->attempt_count > 0 &&
		strcmp(row->step, "commit") != 0);
}

/* No thumbnails here: they are nobody's outcome. */
errint_t WRAP(thumb_begin)(struct seed_store *store, enum seed_area area, const char *path,
			   struct seed_thumb_files *files)
{
	SEED_UNUSED(store);
	SEED_UNUSED(area);
	SEED_UNUSED(path);
	SEED_UNUSED(files);
	return -ENOENT;
}

/* What a power cut left undone, and what a removal did. */
static void mend_prompt(const struct seed_record *row)
{
	int name = name_index(row->name), text = text_number(row->request);

	if (row->state == SEED_STATE_CANCELLED)
		text = -1;
	else if (text < 0)
		return;
	if (entries[name].prompt != text)
		set_prompt(name, text);
	durable[name].prompt = entries[name].prompt;
}

static bool is_carried_out(const struct row *row)
{
	const struct entry *entry = &entries[name_index(row->record.name)];

	return strcmp(row->record.step, "commit") == 0 &&
	       row->record.state == SEED_STATE_VERIFIED &&
	       entry->record.state == SEED_STATE_VERIFIED && entry->image == picture_of(row) &&
	       strcmp(entry->record.image.sha256, row->record.image.sha256) == 0;
}

errint_t WRAP(recover)(struct seed_store *store, seed_store_pending_fn *each, void *context,
		       struct seed_error *error)
{
	struct row *list[ROWS_MAX];
	size_t count = 0;
	errint_t err = 0;

	SEED_UNUSED(store);
	SEED_UNUSED(error);
	for (int i = 0; i < ROWS_MAX; i++)
		if (rows[i].used)
			list[count++] = &rows[i];
	qsort(list, count, sizeof(list[0]), by_id);
	for (size_t i = 0; i < count && !err; i++) {
		struct seed_record copy;
		bool newest = !list[i]->record.superseded;

		for (size_t j = i + 1; j < count; j++)
			if (!list[j]->record.superseded &&
			    strcmp(list[j]->record.name, list[i]->record.name) == 0)
				newest = false;
		if (is_overtaken(&list[i]->record))
			newest = false;
		if (__real_seed_record_copy(&copy, &list[i]->record))
			abort();
		trace("recovered %s %s step %s%s", copy.name, copy.request, copy.step,
		      newest ? "" : " superseded");
		list[i]->finished = false;
		if (newest)
			mend_prompt(&copy);
		if (newest && is_carried_out(list[i])) {
			list[i]->finished = true;
			seed_record_release(&copy);
			continue;
		}
		err = each(context, &copy, newest);
	}
	if (!err)
		SEED_UNUSED(WRAP(checkpoint)(store) == 0);
	return err;
}
