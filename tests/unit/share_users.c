/*
 * What users do to a name that hosts share, and late tasks (lib/share/entry.h), rule by rule. Each
 * test says what the whole entry is to be, in a line:
 *
 *   CURRENT=STATE | ROWS | NUMBER=VERSION … | REMOVED | moved to NAME
 *
 * A row is its id, "+" if it has the name and "-" if not, its step, "@" and its host's letter,
 * "~" and the id beside which it is late, "c" if it is a copy, "t" if one that was taken.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/share/entry.h"

enum { LEASE_S = 30 };

static const char *const host_ids[] = { "00000000000000a0", "00000000000000b1" };
static int64_t now_s;

static struct seed_share_change by(int host, int64_t lease)
{
	return (struct seed_share_change){ .host = host_ids[host], .lease = lease, .now_s = now_s,
					   .lease_s = LEASE_S, .keep = -1 };
}

static void make(struct seed_record *record, const char *id, const char *step, enum seed_state state)
{
	struct seed_params params;

	seed_record_init(record);
	seed_params_init(&params);
	record->params = seed_params_share(&params);
	assert_non_null(record->params);
	assert_int_equal(seed_record_set(&record->name, "fox"), 0);
	assert_int_equal(seed_record_set(&record->prompt, id), 0);
	assert_int_equal(seed_record_set(&record->request, id), 0);
	assert_int_equal(seed_record_set(&record->id, id), 0);
	record->step = seed_record_step(step);
	record->state = state;
	if (state == SEED_STATE_VERIFIED)
		record->image = (struct seed_image_info){ .width = 2048, .height = 1152, .bytes = 1 };
	if (state == SEED_STATE_FAILED) {
		struct seed_error error;

		(void)seed_error_set(&error, EIO, "%s has failed", id);
		seed_error_keep(&record->error, &error);
	}
}

/* ---- what an entry is, in a line ---- */

static char line[512];

#define add(...) (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), __VA_ARGS__)

static void say_rows(const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++) {
		const struct seed_share_row *row = &entry->rows[i];

		add(" %s%s%s@%c", row->record.id, row->record.superseded ? "-" : "+", row->record.step,
		    row->host[14]);
		if (row->late_of[0])
			add("~%s", row->late_of);
		if (row->copy)
			add(row->token[0] ? "c" : "t");
	}
}

static const char *say(const struct seed_share_entry *entry)
{
	static const char *const words[] = { "prompt", "image", "record" };

	line[0] = '\0';
	if (entry->current.name)
		add("%s=%s", entry->current.id ? entry->current.id : "-", seed_state_name(entry->current.state));
	add(" |");
	say_rows(entry);
	add(" |");
	for (size_t i = 0; i < entry->version_count; i++)
		add(" %d=%s", entry->versions[i].number, entry->versions[i].record.id);
	add(" |");
	for (unsigned i = 0; i < SEED_ARRAY_LEN(words); i++)
		if (entry->without & 1u << i)
			add(" %s", words[i]);
	if (entry->gone)
		add(" | moved to %s", entry->moves[entry->move_count - 1].to);
	return line;
}

/* As every other host sees it: through JSON and back. */
static void expect_named(struct seed_share_entry *entry, const char *name, const char *what)
{
	char *text = seed_share_format(entry);

	assert_non_null(text);
	seed_share_release(entry);
	if (seed_share_parse(text, strlen(text), name, entry))
		fail_msg("unreadable: %s", text);
	assert_string_equal(say(entry), what);
	free(text);
}

static void expect(struct seed_share_entry *entry, const char *what)
{
	expect_named(entry, "fox", what);
}

/* ---- steps ---- */

/* The lease. */
static int64_t begin(struct seed_share_entry *entry, int host, const char *id)
{
	struct seed_share_change change = by(host, 0);
	const struct seed_share_row *joined;
	struct seed_record row;

	make(&row, id, "queued", SEED_STATE_QUEUED);
	assert_int_equal(seed_share_begin(entry, &change, &row, &joined), 0);
	seed_record_release(&row);
	return (int64_t)entry->serial;
}

static errint_t update(struct seed_share_entry *entry, int host, int64_t lease, const char *id,
		       const char *step, enum seed_state state)
{
	struct seed_share_change change = by(host, lease);
	struct seed_record row;
	errint_t err;

	make(&row, id, step, state);
	err = seed_share_update(entry, &change, &row);
	seed_record_release(&row);
	return err;
}

static errint_t finish(struct seed_share_entry *entry, int host, int64_t lease, const char *id,
		       enum seed_state state)
{
	struct seed_share_change change = by(host, lease);
	struct seed_record row;
	errint_t err;

	make(&row, id, "commit", state);
	err = seed_share_finish(entry, &change, &row);
	seed_record_release(&row);
	return err;
}

static errint_t add_late(struct seed_share_entry *entry, int host, const char *id, const char *late_of)
{
	struct seed_share_change change = by(host, 0);
	struct seed_record row;
	errint_t err;

	make(&row, id, "accepted", SEED_STATE_FAILED);
	err = seed_share_add(entry, &change, &row, late_of);
	seed_record_release(&row);
	return err;
}

/* An image of that id is the current one. */
static void image(struct seed_share_entry *entry, const char *id)
{
	assert_int_equal(finish(entry, 0, begin(entry, 0, id), id, SEED_STATE_VERIFIED), 0);
}

static void start(struct seed_share_entry *entry)
{
	now_s = 1000;
	seed_share_init(entry);
}

/* ---- late tasks ---- */

static void test_late_is_first(void **state)
{
	struct seed_share_entry entry;
	int64_t a, late;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0);
	late = (int64_t)entry.serial;
	expect(&entry, "a=queued | l-accepted@a~a a+queued@a | |");
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(finish(&entry, 0, late, "l", SEED_STATE_VERIFIED), 0);
	expect(&entry, "l=verified | a-accepted@a | |");
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_VERIFIED), 0);
	expect(&entry, "l=verified | | 1=a |");
	seed_share_release(&entry);
	/* A retry that was not sent yet need not be. */
	start(&entry);
	begin(&entry, 0, "a");
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0);
	assert_int_equal(finish(&entry, 1, 0, "l", SEED_STATE_VERIFIED), 0);
	expect(&entry, "l=verified | | |");
	seed_share_release(&entry);
}

static void test_late_inherits(void **state)
{
	struct seed_share_entry entry;
	int64_t a, late;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(add_late(&entry, 1, "l", "a"), 0);
	late = (int64_t)entry.serial;
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_FAILED), 0);
	expect(&entry, "l=failed | l+accepted@b | |");
	assert_string_equal(seed_error_words(&entry.current.error), "a has failed");
	assert_int_equal(finish(&entry, 1, late, "l", SEED_STATE_VERIFIED), 0);
	expect(&entry, "l=verified | | |");
	seed_share_release(&entry);
	/* Not where a newer text has the name. */
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(add_late(&entry, 1, "l", "a"), 0);
	late = (int64_t)entry.serial;
	begin(&entry, 0, "b");
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_FAILED), 0);
	expect(&entry, "b=queued | l-accepted@b~a b+queued@a | |");
	assert_int_equal(finish(&entry, 1, late, "l", SEED_STATE_VERIFIED), 0);
	expect(&entry, "b=queued | b+queued@a | 1=l |");
	seed_share_release(&entry);
}

static void test_late_retry_is_first(void **state)
{
	struct seed_share_entry entry;
	int64_t a;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0);
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_VERIFIED), 0);
	expect(&entry, "a=verified | l-accepted@a~a | |");
	assert_int_equal(finish(&entry, 0, 0, "l", SEED_STATE_VERIFIED), 0);
	expect(&entry, "a=verified | | 1=l |");
	seed_share_release(&entry);
}

static void test_add_again(void **state)
{
	struct seed_share_entry entry;
	uint64_t serial;

	(void)state;
	start(&entry);
	begin(&entry, 0, "a");
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0);
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0);
	assert_int_equal(entry.rows[0].lease, 2);
	assert_int_equal(add_late(&entry, 1, "l", "a"), -ESTALE);
	expect(&entry, "a=queued | l-accepted@a~a a+queued@a | |");
	assert_int_equal(finish(&entry, 0, 2, "l", SEED_STATE_VERIFIED), 0);
	serial = entry.serial;
	assert_int_equal(add_late(&entry, 0, "l", "a"), 0); /* made already */
	assert_int_equal(entry.serial, serial);
	seed_share_release(&entry);
}

/* An older generation's late task stands between the two. */
static void test_late_is_the_last_again(void **state)
{
	struct seed_share_entry entry;
	int64_t a, b;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	b = begin(&entry, 1, "b");
	assert_int_equal(add_late(&entry, 1, "l", "b"), 0);
	assert_int_equal(add_late(&entry, 0, "k", "a"), 0);
	expect(&entry, "b=queued | a-accepted@a l-accepted@b~b k-accepted@a~a b+queued@b | |");
	assert_int_equal(finish(&entry, 1, b, "b", SEED_STATE_FAILED), 0);
	expect(&entry, "l=failed | a-accepted@a k-accepted@a~a l+accepted@b | |");
	seed_share_release(&entry);
}

/* ---- reclaim and drop ---- */

static void test_reclaim(void **state)
{
	struct seed_share_change own = by(0, 0), other = by(1, 0);
	const struct seed_share_row *row;
	struct seed_share_entry entry;
	int64_t a;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	own = by(0, 0);
	other = by(1, 0);
	assert_int_equal(seed_share_reclaim(&entry, &own, "b", &row), -ENOENT);
	assert_int_equal(seed_share_reclaim(&entry, &other, "a", &row), -ESTALE);
	assert_int_equal(seed_share_reclaim(&entry, &own, "a", &row), 0);
	assert_int_equal(row->lease, 2);
	assert_int_equal(update(&entry, 0, a, "a", "queued", SEED_STATE_QUEUED), -ESTALE);
	now_s += LEASE_S + 1;
	other = by(1, 0);
	assert_int_equal(seed_share_reclaim(&entry, &other, "a", &row), 0);
	assert_int_equal(row->until_s, now_s + LEASE_S);
	expect(&entry, "a=queued | a+queued@b | |");
	assert_int_equal(seed_share_reclaim(&entry, &own, "a", &row), -ESTALE);
	seed_share_release(&entry);
}

static void test_drop(void **state)
{
	struct seed_share_change first, second;
	struct seed_share_entry entry;
	uint64_t serial;

	(void)state;
	start(&entry);
	first = by(0, begin(&entry, 0, "a"));
	second = by(1, 0);
	assert_int_equal(seed_share_drop(&entry, &second, "a"), -ESTALE);
	assert_int_equal(seed_share_drop(&entry, &first, "a"), 0);
	expect(&entry, "a=cancelled | | |");
	serial = entry.serial;
	assert_int_equal(seed_share_drop(&entry, &first, "a"), 0);
	assert_int_equal(entry.serial, serial);
	assert_int_equal(seed_share_end_of(&entry, "a"), SEED_SHARE_SUPERSEDED);
	/* An image that comes all the same is paid for. */
	assert_int_equal(finish(&entry, 0, 1, "a", SEED_STATE_VERIFIED), 0);
	expect(&entry, "a=cancelled | | 1=a |");
	seed_share_release(&entry);
}

/* ---- removals ---- */

static void test_remove_prompt(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry entry;
	int64_t a, b;

	(void)state;
	start(&entry);
	assert_int_equal(seed_share_remove_prompt(&entry, &change), -ENOENT);
	a = begin(&entry, 0, "a");
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	b = begin(&entry, 0, "b");
	assert_int_equal(update(&entry, 0, b, "b", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(seed_share_remove_prompt(&entry, &change), 0);
	expect(&entry, "b=cancelled | a-accepted@a | | prompt");
	assert_int_equal(entry.current.error.code, ECANCELED);
	assert_int_equal(seed_share_remove_prompt(&entry, &change), -ENOENT);
	assert_int_equal(update(&entry, 0, b, "b", "accepted", SEED_STATE_GENERATING), -ESTALE);
	assert_int_equal(finish(&entry, 0, b, "b", SEED_STATE_VERIFIED), 0);
	expect(&entry, "b=cancelled | a-accepted@a | 1=b | prompt");
	begin(&entry, 0, "c");
	expect(&entry, "c=queued | a-accepted@a c+queued@a | 1=b |");
	seed_share_release(&entry);
}

static void test_remove_what_is_there(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry entry;

	(void)state;
	start(&entry);
	assert_int_equal(seed_share_remove_image(&entry, &change), -ENOENT);
	assert_int_equal(seed_share_remove_record(&entry, &change), -ENOENT);
	image(&entry, "a");
	assert_int_equal(seed_share_remove_prompt(&entry, &change), 0);
	expect(&entry, "a=verified | | | prompt");
	assert_int_equal(seed_share_remove_image(&entry, &change), 0);
	assert_int_equal(seed_share_remove_image(&entry, &change), -ENOENT);
	assert_int_equal(seed_share_remove_record(&entry, &change), 0);
	assert_int_equal(seed_share_remove_record(&entry, &change), -ENOENT);
	expect(&entry, "a=verified | | | prompt image record");
	/* A removed image does not come back in the history. */
	image(&entry, "b");
	expect(&entry, "b=verified | | |");
	image(&entry, "c");
	expect(&entry, "c=verified | | 1=b |");
	assert_int_equal(seed_share_remove_version(&entry, &change, 2), -ENOENT);
	assert_int_equal(seed_share_remove_version(&entry, &change, 1), 0);
	expect(&entry, "c=verified | | |");
	/* A record that was removed while it was being generated is back with the end. */
	begin(&entry, 0, "d");
	assert_int_equal(seed_share_remove_record(&entry, &change), 0);
	expect(&entry, "d=queued | d+queued@a | 1=c | record");
	assert_int_equal(finish(&entry, 0, 0, "d", SEED_STATE_VERIFIED), 0);
	expect(&entry, "d=verified | | 1=c |");
	seed_share_release(&entry);
}

static void test_restore(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry entry;
	int64_t d;

	(void)state;
	start(&entry);
	image(&entry, "a");
	image(&entry, "b");
	image(&entry, "c");
	assert_int_equal(seed_share_restore(&entry, &change, 3), -ENOENT);
	assert_int_equal(seed_share_remove_prompt(&entry, &change), 0);
	assert_int_equal(seed_share_restore(&entry, &change, 2), 0);
	expect(&entry, "b=verified | | 1=a 3=c | prompt");
	assert_int_equal(seed_share_remove_image(&entry, &change), 0);
	assert_int_equal(seed_share_restore(&entry, &change, 3), 0);
	expect(&entry, "c=verified | | 1=a | prompt");
	d = begin(&entry, 0, "d");
	assert_int_equal(seed_share_restore(&entry, &change, 1), -EBUSY);
	/* Shelved: its task goes on, for the history. */
	assert_int_equal(update(&entry, 0, d, "d", "accepted", SEED_STATE_FAILED), 0);
	assert_int_equal(seed_share_restore(&entry, &change, 1), 0);
	expect(&entry, "a=verified | d-accepted@a | 2=c |");
	assert_int_equal(finish(&entry, 0, d, "d", SEED_STATE_VERIFIED), 0);
	expect(&entry, "a=verified | | 2=c 3=d |");
	seed_share_release(&entry);
}

static void test_set_time(void **state)
{
	struct seed_share_change change = by(1, 0);
	const struct timespec time = { .tv_sec = 77, .tv_nsec = 5 };
	struct seed_share_entry entry;
	int64_t a;

	(void)state;
	start(&entry);
	assert_int_equal(seed_share_set_time(&entry, &change, time), -ENOENT);
	a = begin(&entry, 0, "a");
	assert_int_equal(entry.current.prompt_time.tv_nsec, UTIME_OMIT);
	assert_int_equal(seed_share_set_time(&entry, &change, time), 0);
	expect(&entry, "a=queued | a+queued@a | |");
	assert_int_equal(entry.rows[0].record.prompt_time.tv_sec, 77);
	/* Its host does not know of it, and keeps it. */
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(entry.current.prompt_time.tv_sec, 77);
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_VERIFIED), 0);
	assert_int_equal(entry.current.prompt_time.tv_sec, 77);
	assert_int_equal(entry.current.prompt_time.tv_nsec, 5);
	/* The same text is written again, and its image is there. */
	assert_int_equal(seed_share_remove_prompt(&entry, &change), 0);
	assert_int_equal(seed_share_set_time(&entry, &change, time), -ENOENT);
	assert_int_equal(seed_share_set_prompt(&entry, &change, "a", "another", time), -EAGAIN);
	assert_int_equal(seed_share_set_prompt(&entry, &change, "a", entry.current.image.sha256, time), 0);
	assert_int_equal(entry.without, 0);
	/* Not while a newer one is in flight. */
	(void)begin(&entry, 0, "b");
	assert_int_equal(seed_share_set_prompt(&entry, &change, "a", entry.current.image.sha256, time), -EAGAIN);
	seed_share_release(&entry);
}

/* A callback: what is there or runs has the name, and what is shelved has not. */
static void test_unless_there(void **state)
{
	struct seed_share_change change = by(1, 0);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record row;
	int64_t a;

	(void)state;
	start(&entry);
	make(&row, "z", "adopt", SEED_STATE_QUEUED);
	change.unless_there = true;
	a = begin(&entry, 0, "a");
	assert_int_equal(seed_share_begin(&entry, &change, &row, &joined), -EEXIST);
	assert_string_equal(joined->record.id, "a");
	assert_int_equal(finish(&entry, 0, a, "a", SEED_STATE_VERIFIED), 0);
	assert_int_equal(seed_share_begin(&entry, &change, &row, &joined), -ENOTUNIQ);
	expect(&entry, "a=verified | | |");
	a = begin(&entry, 0, "b");
	assert_int_equal(update(&entry, 0, a, "b", "accepted", SEED_STATE_FAILED), 0);
	assert_int_equal(seed_share_begin(&entry, &change, &row, &joined), 0);
	seed_record_release(&row);
	seed_share_release(&entry);
}

/* A host that slept asks for the task as a late one; another has made its image meanwhile. */
static void test_late_of_a_task_that_is_made(void **state)
{
	struct seed_share_change change = by(0, 0);
	struct seed_share_entry entry;
	struct seed_record row;
	int64_t a;

	(void)state;
	start(&entry);
	a = begin(&entry, 1, "a");
	make(&row, "a", "commit", SEED_STATE_VERIFIED);
	assert_int_equal(seed_record_set(&row.task_id, "t"), 0);
	change = by(1, a);
	assert_int_equal(seed_share_finish(&entry, &change, &row), 0);
	assert_int_equal(add_late(&entry, 0, "b", "a"), 0);
	assert_int_equal(seed_record_set(&row.id, "b"), 0);
	change = by(0, 0);
	assert_int_equal(seed_share_finish(&entry, &change, &row), 0);
	expect(&entry, "a=verified | | |");
	/* Another task's is an image of its own. */
	assert_int_equal(add_late(&entry, 0, "c", "a"), 0);
	assert_int_equal(seed_record_set(&row.id, "c"), 0);
	assert_int_equal(seed_record_set(&row.task_id, "u"), 0);
	assert_int_equal(seed_share_finish(&entry, &change, &row), 0);
	expect(&entry, "a=verified | | 1=c |");
	seed_record_release(&row);
	seed_share_release(&entry);
}

/* A beginning that was not answered, made again where its row came by a rename and has been sent. */
static void test_begin_again(void **state)
{
	struct seed_share_change change = by(0, 0);
	const struct seed_share_row *joined = NULL;
	struct seed_share_entry entry;
	struct seed_record row;
	int64_t a;

	(void)state;
	start(&entry);
	a = begin(&entry, 0, "a");
	assert_int_equal(update(&entry, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	(void)begin(&entry, 1, "b");
	make(&row, "a", "queued", SEED_STATE_QUEUED);
	assert_int_equal(seed_share_begin(&entry, &change, &row, &joined), -EEXIST);
	assert_string_equal(joined->record.id, "a");
	expect(&entry, "b=queued | a-accepted@a b+queued@b | |");
	seed_record_release(&row);
	/* Another text that has the id by chance. */
	make(&row, "c", "queued", SEED_STATE_QUEUED);
	assert_int_equal(seed_record_set(&row.id, "a"), 0);
	assert_int_equal(seed_share_begin(&entry, &change, &row, &joined), -EALREADY);
	seed_record_release(&row);
	seed_share_release(&entry);
}

/* The prompt is that of the last commit. */
static void test_restore_keeps_the_prompt(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry entry;
	char *text;

	(void)state;
	start(&entry);
	image(&entry, "a");
	image(&entry, "b");
	assert_int_equal(seed_share_set_prompt(&entry, &change, "text of b", entry.current.image.sha256,
					       (struct timespec){ .tv_sec = 77 }), 0);
	text = strdup(entry.current.request);
	assert_int_equal(seed_share_restore(&entry, &change, 1), 0);
	assert_string_equal(entry.current.id, "a");
	assert_string_equal(entry.current.request, text);
	assert_int_equal(entry.current.prompt_time.tv_sec, 77);
	free(text);
	seed_share_release(&entry);
}

static void test_prune(void **state)
{
	struct seed_share_change change = by(0, 0);
	struct seed_share_entry entry;

	(void)state;
	start(&entry);
	for (const char *id = "a\0b\0c\0d\0e\0"; *id; id += 2)
		image(&entry, id);
	expect(&entry, "e=verified | | 1=a 2=b 3=c 4=d |");
	assert_int_equal(seed_share_prune(&entry, -1), 0);
	assert_int_equal(seed_share_prune(&entry, 4), 0);
	assert_int_equal(seed_share_prune(&entry, 3), 1);
	expect(&entry, "e=verified | | 2=b 3=c 4=d |");
	change.keep = 1;
	assert_int_equal(seed_share_restore(&entry, &change, 2), 0); /* the oldest, and kept */
	expect(&entry, "b=verified | | 5=e |");
	assert_int_equal(seed_share_prune(&entry, 0), 1);
	expect(&entry, "b=verified | | |");
	seed_share_release(&entry);
}

/* ---- whole entries ---- */

static void test_create(void **state)
{
	struct seed_share_change change = by(0, 0);
	struct seed_share_entry made, entry;
	const struct seed_share_entry *from = &made;

	(void)state;
	start(&made);
	image(&made, "a");
	image(&made, "b");
	image(&made, "c");
	assert_int_equal(seed_share_remove_version(&made, &change, 1), 0);
	start(&entry);
	assert_int_equal(seed_share_create(&entry, &change, &from->current, from->versions, 1,
					   SEED_SHARE_NO_PROMPT), 0);
	expect(&entry, "c=verified | | 2=b | prompt");
	assert_int_equal(entry.serial, 1);
	assert_int_equal(seed_share_create(&entry, &change, NULL, NULL, 0, 0), -EEXIST);
	expect(&entry, "c=verified | | 2=b | prompt");
	seed_share_release(&entry);
	start(&entry);
	made.versions[0].number = 0;
	assert_int_equal(seed_share_create(&entry, &change, NULL, from->versions, 1, 0), -EINVAL);
	seed_share_release(&entry);
	seed_share_release(&made);
}

/* A row of a directory that an earlier version wrote may have no id. */
static void test_create_without_ids(void **state)
{
	struct seed_share_change change = by(0, 0);
	struct seed_share_entry entry;
	struct seed_record current;

	(void)state;
	start(&entry);
	make(&current, "a", "commit", SEED_STATE_VERIFIED);
	assert_int_equal(seed_record_set(&current.id, NULL), 0);
	assert_int_equal(seed_share_create(&entry, &change, &current, NULL, 0, 0), 0);
	expect(&entry, "-=verified | | |");
	seed_record_release(&current);
	seed_share_release(&entry);
}

static void test_rename(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry from, to;
	int64_t c, r;

	(void)state;
	start(&from);
	image(&from, "a");
	image(&from, "b");
	c = begin(&from, 0, "c");
	assert_int_equal(update(&from, 0, c, "c", "accepted", SEED_STATE_GENERATING), 0);
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &to, "owl"), -ENOENT);
	image(&to, "p");
	image(&to, "q");
	r = begin(&to, 1, "r");
	assert_int_equal(update(&to, 1, r, "r", "accepted", SEED_STATE_GENERATING), 0);
	begin(&to, 1, "s");
	{ /* the target's rows are "owl"'s */
		struct seed_share_entry owl;

		assert_int_equal(seed_share_copy(&owl, &to, "owl"), 0);
		seed_share_release(&to);
		to = owl;
	}
	assert_int_equal(seed_share_join(&to, &change, &from, "owl"), 0);
	expect_named(&to, "owl", "c=generating | r-accepted@b c+accepted@ac | 1=p 2=q 3=a 4=b |");
	assert_int_equal(seed_share_join(&to, &change, &from, "owl"), 0); /* twice is once */
	expect_named(&to, "owl", "c=generating | r-accepted@b c+accepted@ac | 1=p 2=q 3=a 4=b |");
	assert_int_equal(seed_share_leave(&from, &change, "owl", to.serial), 0);
	expect(&from, " | | | | moved to owl");
	assert_int_equal(seed_share_leave(&from, &change, "owl", to.serial), 0);
	assert_int_equal(seed_share_leave(&from, &change, "elk", to.serial), -ENOENT);
	/* Its host looks for it there. */
	assert_int_equal(update(&from, 0, c, "c", "accepted", SEED_STATE_GENERATING), -ESTALE);
	assert_int_equal(finish(&from, 0, c, "c", SEED_STATE_VERIFIED), -ESTALE);
	assert_int_equal(seed_share_end_of(&from, "c"), SEED_SHARE_MOVED);
	expect(&from, " | | | | moved to owl");
	begin(&from, 0, "d");
	expect(&from, "d=queued | d+queued@a | |");
	seed_share_release(&from);
	seed_share_release(&to);
}

static void test_rename_again(void **state)
{
	struct seed_share_change change = by(1, 0);
	const struct seed_share_row *row;
	struct seed_share_entry from, to;
	int64_t a;

	(void)state;
	start(&from);
	a = begin(&from, 0, "a");
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &from, "owl"), 0);
	/* What was not sent may be sent over there: who takes it here does not. */
	now_s += LEASE_S + 1;
	change = by(1, 0);
	row = seed_share_take(&to, &change);
	assert_non_null(row);
	assert_string_equal(row->record.step, "submitting");
	assert_true(row->record.unsure);
	/* The source has gone on meanwhile: it is as it is there. */
	assert_int_equal(update(&from, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(seed_share_join(&to, &change, &from, "owl"), 0);
	expect_named(&to, "owl", "a=generating | a+accepted@ac | |");
	/* And has its image by now, which the target does not miss. */
	assert_int_equal(finish(&from, 0, a, "a", SEED_STATE_VERIFIED), 0);
	assert_int_equal(seed_share_join(&to, &change, &from, "owl"), 0);
	expect_named(&to, "owl", "a=verified | | |");
	seed_share_release(&from);
	seed_share_release(&to);
}

/* A copy of a row comes back, by a rename that was begun and left: what it is a copy of stays. */
static void test_rename_back(void **state)
{
	struct seed_share_change change = by(1, 0);
	struct seed_share_entry from, to;
	int64_t a;

	(void)state;
	start(&from);
	a = begin(&from, 0, "a");
	assert_int_equal(update(&from, 0, a, "a", "submitting", SEED_STATE_GENERATING), 0);
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &from, "fox"), 0);
	assert_int_equal(update(&from, 0, a, "a", "accepted", SEED_STATE_GENERATING), 0);
	assert_int_equal(seed_share_join(&from, &change, &to, "fox"), 0);
	expect(&from, "a=generating | a+accepted@a | |");
	/* What was made of it meanwhile stays, too. */
	assert_int_equal(finish(&from, 0, a, "a", SEED_STATE_VERIFIED), 0);
	assert_int_equal(seed_share_join(&from, &change, &to, "fox"), 0);
	expect(&from, "a=verified | | |");
	seed_share_release(&from);
	seed_share_release(&to);
}

static void test_rename_is_followed(void **state)
{
	struct seed_share_change change = by(1, 0), own, other;
	char token[SEED_SHARE_TOKEN_BYTES] = "";
	const struct seed_share_row *row;
	struct seed_share_entry from, to, before;
	int64_t a, lease;

	(void)state;
	start(&from);
	a = begin(&from, 0, "a");
	assert_int_equal(seed_share_copy(&before, &from, NULL), 0);
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &from, "fox"), 0);
	assert_int_equal(seed_share_leave(&from, &change, "fox", to.serial), 0);
	/* No lease of it is one, and its host does not have it for its name. */
	own = by(0, a);
	assert_int_equal(update(&to, 0, a, "a", "queued", SEED_STATE_QUEUED), -ESTALE);
	assert_int_equal(seed_share_drop(&to, &own, "a"), -ESTALE);
	assert_int_equal(finish(&to, 0, a, "a", SEED_STATE_FAILED), -ESTALE);
	assert_int_equal(seed_share_reclaim(&to, &own, "a", &row), -ESTALE);
	assert_int_equal(seed_share_arrive(&to, &own, "a", "", &row), -ESTALE);
	assert_int_equal(seed_share_arrive(&to, &own, "b", "", &row), -ENOENT);
	/* But because the source says that it went here. */
	seed_share_follow("fox", from.moves[0].serial, token);
	other = by(1, a);
	assert_int_equal(seed_share_arrive(&to, &other, "a", token, &row), -ESTALE);
	other = by(0, a + 1);
	assert_int_equal(seed_share_arrive(&to, &other, "a", token, &row), -ESTALE);
	expect(&to, "a=queued | a+queued@ac | |");
	assert_int_equal(seed_share_arrive(&to, &own, "a", token, &row), 0);
	lease = row->lease;
	assert_int_equal(lease, to.serial);
	assert_int_equal(seed_share_arrive(&to, &own, "a", token, &row), -ESTALE); /* once */
	expect(&to, "a=queued | a+queued@a | |");
	/* Nor does it become a copy again. */
	assert_int_equal(seed_share_join(&to, &change, &before, "fox"), 0);
	expect(&to, "a=queued | a+queued@a | |");
	assert_int_equal(update(&to, 0, lease, "a", "submitting", SEED_STATE_GENERATING), 0);
	expect(&to, "a=generating | a+submitting@a | |");
	seed_share_release(&from);
	seed_share_release(&to);
	seed_share_release(&before);
}

/* What a rename that was begun and left has brought is not what its host had: also when the
 * source is left later, as it is by then. */
static void test_rename_left_behind(void **state)
{
	struct seed_share_change change = by(1, 0), own;
	char token[SEED_SHARE_TOKEN_BYTES] = "";
	const struct seed_share_row *row;
	struct seed_share_entry from, to;
	int64_t a;

	(void)state;
	start(&from);
	a = begin(&from, 0, "a");
	own = by(0, a);
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &from, "fox"), 0);
	assert_int_equal(update(&from, 0, a, "a", "queued", SEED_STATE_QUEUED), 0);
	assert_int_equal(seed_share_leave(&from, &change, "fox", to.serial), 0);
	seed_share_follow("fox", from.moves[0].serial, token);
	assert_int_equal(seed_share_arrive(&to, &own, "a", token, &row), -ESTALE);
	/* Whoever has it after the lease's end does not send it, and the host is not asked for it. */
	now_s += LEASE_S + 1;
	own = by(0, a);
	assert_int_equal(seed_share_reclaim(&to, &own, "a", &row), 0);
	assert_true(row->record.unsure);
	a = row->lease; /* the row is another after expect() */
	expect(&to, "a=queued | a+submitting@at | |");
	assert_int_equal(update(&to, 0, a, "a", "submitting", SEED_STATE_GENERATING), 0);
	seed_share_release(&from);
	seed_share_release(&to);
}

/* Renamed twice before its host looks: the copy of the copy says the whole way. */
static void test_rename_twice(void **state)
{
	struct seed_share_change change = by(1, 0), own;
	char token[SEED_SHARE_TOKEN_BYTES] = "", other[SEED_SHARE_TOKEN_BYTES] = "";
	const struct seed_share_row *row;
	struct seed_share_entry from, over, to;
	int64_t a;

	(void)state;
	start(&from);
	a = begin(&from, 0, "a");
	own = by(0, a);
	start(&over);
	assert_int_equal(seed_share_join(&over, &change, &from, "owl"), 0);
	assert_int_equal(seed_share_leave(&from, &change, "owl", to.serial), 0);
	start(&to);
	assert_int_equal(seed_share_join(&to, &change, &over, "fox"), 0);
	assert_int_equal(seed_share_leave(&over, &change, "fox", to.serial), 0);
	expect_named(&over, "owl", " | | | | moved to fox");
	expect(&to, "a=queued | a+queued@ac | |");
	seed_share_follow("owl", over.moves[0].serial, other); /* as if it had had the row there */
	assert_int_equal(seed_share_arrive(&to, &own, "a", other, &row), -ESTALE);
	seed_share_follow("fox", from.moves[0].serial, token);
	assert_int_equal(seed_share_arrive(&over, &own, "a", token, &row), -ENOENT);
	seed_share_follow("owl", over.moves[0].serial, token);
	assert_int_equal(seed_share_arrive(&to, &own, "a", token, &row), 0);
	expect(&to, "a=queued | a+queued@a | |");
	seed_share_release(&from);
	seed_share_release(&over);
	seed_share_release(&to);
}

static void test_last_number(void **state)
{
	struct seed_share_change change = by(0, 0);
	struct seed_share_entry made, entry;

	(void)state;
	start(&made);
	image(&made, "a");
	image(&made, "b");
	made.versions[0].number = SEED_SHARE_VERSION_MAX + 1;
	start(&entry);
	assert_int_equal(seed_share_create(&entry, &change, NULL, made.versions, 1, 0), -EINVAL);
	seed_share_release(&entry);
	made.versions[0].number = SEED_SHARE_VERSION_MAX;
	start(&entry);
	assert_int_equal(seed_share_create(&entry, &change, &made.current, made.versions, 1, 0), 0);
	expect(&entry, "b=verified | | 99999999=a |");
	assert_int_equal(seed_share_restore(&entry, &change, SEED_SHARE_VERSION_MAX), -ENOMEM);
	seed_share_release(&entry);
	seed_share_release(&made);
}

static void test_odd(void **state)
{
	static const char *const texts[] = {
		"\"removed\":[\"hat\"]", "\"removed\":[1]", "\"moves\":[1]", "\"moves\":[{\"to\":\"\"}]",
		"\"moves\":[{\"to\":\"owl\",\"serial\":1}]", "\"gone\":true",
		"\"moves\":[{\"to\":\"owl\",\"serial\":-1,\"there\":1}]",
		"\"moves\":[{\"to\":1,\"serial\":1,\"there\":1}]",
		"\"gone\":true,\"moves\":[{\"to\":\"owl\",\"serial\":1,\"there\":1}],\"current\":{\"row\":{\"name\":\"fox\",\"state\":\"failed\"}}",
	};
	struct seed_share_entry entry;
	char text[256];

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++) {
		snprintf(text, sizeof(text), "{\"serial\":1,\"writers\":[\"00000000000000a0\"],%s}", texts[i]);
		if (seed_share_parse(text, strlen(text), "fox", &entry) != -EBADMSG)
			fail_msg("taken: %s", text);
		seed_share_release(&entry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_is_first),
		cmocka_unit_test(test_late_inherits),
		cmocka_unit_test(test_late_retry_is_first),
		cmocka_unit_test(test_late_is_the_last_again),
		cmocka_unit_test(test_add_again),
		cmocka_unit_test(test_reclaim),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_remove_prompt),
		cmocka_unit_test(test_remove_what_is_there),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_set_time),
		cmocka_unit_test(test_unless_there),
		cmocka_unit_test(test_begin_again),
		cmocka_unit_test(test_late_of_a_task_that_is_made),
		cmocka_unit_test(test_restore_keeps_the_prompt),
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_create_without_ids),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_rename_again),
		cmocka_unit_test(test_rename_back),
		cmocka_unit_test(test_rename_is_followed),
		cmocka_unit_test(test_rename_left_behind),
		cmocka_unit_test(test_rename_twice),
		cmocka_unit_test(test_last_number),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
