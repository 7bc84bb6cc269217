/*
 * Operations on entries in a store (lib/share/share.h): their order, and what they make of answers
 * that are lost. The store is a stand-in for lib/s3/s3.h in this file, which answers when a test
 * says so: as asked, or after it has done what it was asked and the answer was lost. The
 * linker puts it in place (--wrap, see the Makefile).
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/share/share.h"

enum { OBJECTS_MAX = 4, ASKED_MAX = 64, LEASE_S = 30, KEY_ROOM = 1024 };

static const char own_id[] = "00000000000000a0", other_id[] = "00000000000000b1";

/* ---- the store ---- */

struct seed_s3_op {
	bool used;
	char key[32], etag[SEED_S3_ETAG_BYTES];
	char *data;      /* to be written; NULL: a read */
	seed_s3_done_fn *done;
	void *context;
};

static struct { char key[32], *body; int version; } objects[OBJECTS_MAX];
static struct seed_s3_op asked[ASKED_MAX];
static int asked_count;   /* of `asked`, ever: they are answered in this order */
static int answered_count;
static bool hides_etags;
static errint_t refuses;  /* what a request is answered with at once */

static size_t object_of(const char *key)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		if (!objects[i].key[0])
			(void)snprintf(objects[i].key, sizeof(objects[i].key), "%s", key);
		if (strcmp(objects[i].key, key) == 0)
			return i;
	}
	fail_msg("too many objects");
	return 0;
}

static struct seed_s3_op *ask(const char *key, seed_s3_done_fn *done, void *context)
{
	struct seed_s3_op *op = &asked[asked_count++ % ASKED_MAX];

	assert_false(op->used);
	*op = (struct seed_s3_op){ .used = true, .done = done, .context = context };
	(void)snprintf(op->key, sizeof(op->key), "%s", key);
	return op;
}

size_t __wrap_seed_s3_key_room(const struct seed_s3 *s3);
size_t __wrap_seed_s3_key_room(const struct seed_s3 *s3)
{
	(void)s3;
	return KEY_ROOM;
}

errint_t __wrap_seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
			    seed_s3_done_fn *done, void *context, struct seed_s3_op **op);
errint_t __wrap_seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
			    seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	(void)s3;
	(void)deadline_ms;
	if (refuses)
		return refuses;
	*op = ask(get->key, done, context);
	return 0;
}

errint_t __wrap_seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t read_limit_bytes,
			     int64_t deadline_ms, seed_s3_done_fn *done, void *context,
			     struct seed_s3_op **op);
errint_t __wrap_seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t read_limit_bytes,
			     int64_t deadline_ms, seed_s3_done_fn *done, void *context,
			     struct seed_s3_op **op)
{
	(void)s3;
	(void)read_limit_bytes;
	(void)deadline_ms;
	*op = ask(put->key, done, context);
	(*op)->data = strndup(put->data, put->bytes);
	if (put->condition == SEED_S3_IF_MATCH)
		(void)snprintf((*op)->etag, sizeof((*op)->etag), "%s", put->etag);
	return 0;
}

static void forget(struct seed_s3_op *op)
{
	free(op->data);
	*op = (struct seed_s3_op){ .used = false };
}

void __wrap_seed_s3_cancel(struct seed_s3_op *op);
void __wrap_seed_s3_cancel(struct seed_s3_op *op)
{
	forget(op);
}

static void etag_of(size_t object, char etag[SEED_S3_ETAG_BYTES])
{
	etag[0] = '\0';
	if (objects[object].body && !hides_etags)
		(void)snprintf(etag, SEED_S3_ETAG_BYTES, "v%d", objects[object].version);
}

static bool write_if(size_t object, const char *etag, const char *data)
{
	char now[SEED_S3_ETAG_BYTES];

	etag_of(object, now);
	if (strcmp(now, etag) != 0)
		return false;
	free(objects[object].body);
	objects[object].body = strdup(data);
	objects[object].version++;
	return true;
}

static struct seed_s3_op *next_asked(void)
{
	while (answered_count < asked_count) {
		struct seed_s3_op *op = &asked[answered_count++ % ASKED_MAX];

		if (op->used)
			return op;
	}
	return NULL;
}

/* The oldest request is done, and answered, or (`lost`) not. False: there is none. */
static bool serve(bool lost)
{
	struct seed_s3_op *op = next_asked(), request;
	struct seed_s3_answer answer = { .memfd = -1, .date_s = 1000, .outcome = SEED_S3_DONE };
	size_t object;

	if (!op)
		return false;
	request = *op;
	*op = (struct seed_s3_op){ .used = false };
	object = object_of(request.key);
	if (request.data && !write_if(object, request.etag, request.data))
		answer.outcome = SEED_S3_CHANGED;
	if (!request.data && !objects[object].body)
		answer.outcome = SEED_S3_NONE;
	if (lost) {
		answer.outcome = SEED_S3_AWAY;
		(void)seed_error_set(&answer.error, EHOSTUNREACH, "lost");
	}
	etag_of(object, answer.etag);
	answer.body = objects[object].body;
	answer.len = answer.body ? strlen(answer.body) : 0;
	request.done(request.context, &answer);
	free(request.data);
	return true;
}

static void store_release(void)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		free(objects[i].body);
		objects[i].body = NULL;
		objects[i].key[0] = '\0';
	}
	for (size_t i = 0; i < ASKED_MAX; i++)
		forget(&asked[i]);
	answered_count = asked_count;
}

/* ---- what stands there ---- */

static void read_name(const char *name, struct seed_share_entry *entry)
{
	char key[32];
	size_t object;

	(void)snprintf(key, sizeof(key), "name/%s", name);
	object = object_of(key);
	seed_share_init(entry);
	if (objects[object].body &&
	    seed_share_parse(objects[object].body, strlen(objects[object].body), name, entry))
		fail_msg("unreadable: %s", objects[object].body);
}

static void write_name(const char *name, const struct seed_share_entry *entry)
{
	char key[32], etag[SEED_S3_ETAG_BYTES];
	char *text = seed_share_format(entry);
	size_t object;

	(void)snprintf(key, sizeof(key), "name/%s", name);
	object = object_of(key);
	etag_of(object, etag);
	assert_true(write_if(object, etag, text));
	free(text);
}

static uint64_t serial_of(const char *name)
{
	struct seed_share_entry entry;
	uint64_t serial;

	read_name(name, &entry);
	serial = entry.serial;
	seed_share_release(&entry);
	return serial;
}

static void make(struct seed_record *record, const char *name, const char *id, enum seed_state state)
{
	struct seed_params params;

	seed_record_init(record);
	seed_params_init(&params);
	record->params = seed_params_share(&params);
	record->step = seed_record_step("queued");
	record->state = state;
	assert_int_equal(seed_record_set(&record->name, name), 0);
	assert_int_equal(seed_record_set(&record->prompt, id), 0);
	assert_int_equal(seed_record_set(&record->request, id), 0);
	assert_int_equal(seed_record_set(&record->id, id), 0);
	if (state == SEED_STATE_VERIFIED)
		record->image = (struct seed_image_info){ .width = 2048, .height = 1152, .bytes = 1 };
}

/* Another host's, directly. */
static const struct seed_share_change others = {
	.host = other_id, .now_s = 1000, .lease_s = LEASE_S, .keep = -1,
};

/* Two versions and a current image, all of another host's. */
static void fill_name(const char *name)
{
	static const char *const ids[] = { "a", "b", "c" };
	const struct seed_share_row *joined;
	struct seed_share_entry entry;
	struct seed_record row;

	read_name(name, &entry);
	for (size_t i = 0; i < SEED_ARRAY_LEN(ids); i++) {
		make(&row, name, ids[i], SEED_STATE_QUEUED);
		assert_int_equal(seed_share_begin(&entry, &others, &row, &joined), 0);
		seed_record_release(&row);
		make(&row, name, ids[i], SEED_STATE_VERIFIED);
		assert_int_equal(seed_share_finish(&entry, &others, &row), 0);
		seed_record_release(&row);
	}
	write_name(name, &entry);
	seed_share_release(&entry);
}

/* ---- operations ---- */

static struct seed_share *share;
static char ended[256]; /* their letters, in the order of their ends */

struct op {
	char letter;
	struct seed_share_op *op;
	int ends;
	errint_t err;
	struct op *next; /* started when this one ends */
	const char *name;
};

static void ask_for(struct op *op, struct seed_share_request request);

static void on_done(void *context, const struct seed_share_result *result)
{
	struct op *op = context;
	op->ends++;
	op->err = result->err;
	op->op = NULL;
	(void)snprintf(ended + strlen(ended), sizeof(ended) - strlen(ended), "%c", op->letter);
	if (op->next)
		ask_for(op->next, (struct seed_share_request){ .verb = SEED_SHARE_READ, .name = op->next->name });
}

static void ask_for(struct op *op, struct seed_share_request request)
{
	request.deadline_ms = seed_clock_now_ms() + 60000;
	assert_int_equal(seed_share_start(share, &request, on_done, op, &op->op), 0);
}

static void read_as(struct op *op, char letter, const char *name)
{
	*op = (struct op){ .letter = letter, .name = name };
	ask_for(op, (struct seed_share_request){ .verb = SEED_SHARE_READ, .name = name });
}

/* Whatever waits for a time has waited long enough. */
static void turn(void)
{
	(void)seed_share_turn(share, INT64_MAX - 1);
}

static void run(void)
{
	turn();
	while (serve(false))
		turn();
}

static int setup(void **state)
{
	(void)state;
	ended[0] = '\0';
	return seed_share_new(NULL, own_id, LEASE_S, -1, &share);
}

static int teardown(void **state)
{
	(void)state;
	seed_share_free(share);
	store_release();
	return 0;
}

/* ---- order ---- */

static void test_one_of_a_name_at_a_time(void **state)
{
	struct op ops[5];
	int before = asked_count;

	(void)state;
	read_as(&ops[0], 'a', "fox");
	read_as(&ops[1], 'b', "fox");
	read_as(&ops[2], 'c', "owl");
	read_as(&ops[3], 'd', "fox");
	read_as(&ops[4], 'e', "owl");
	turn();
	assert_int_equal(asked_count - before, 2);
	run();
	assert_int_equal(asked_count - before, 5);
	assert_string_equal(ended, "acbed");
}

static void test_cancel_in_line(void **state)
{
	struct op ops[6];

	(void)state;
	for (int i = 0; i < 4; i++)
		read_as(&ops[i], (char)('a' + i), "fox");
	turn();
	seed_share_cancel(ops[3].op); /* the last: the next comes behind the one before it */
	seed_share_cancel(ops[1].op);
	read_as(&ops[4], 'e', "fox");
	seed_share_cancel(ops[0].op); /* which was asked */
	read_as(&ops[5], 'f', "fox");
	run();
	assert_string_equal(ended, "cef");
}

static void test_started_by_an_end(void **state)
{
	struct op ops[2], last = { .letter = 'z', .name = "fox" };

	(void)state;
	read_as(&ops[0], 'a', "fox");
	ops[0].next = &last;
	read_as(&ops[1], 'b', "fox");
	run();
	assert_string_equal(ended, "abz");
}

/* One that failed a try keeps its place. */
static void test_tries_keep_the_place(void **state)
{
	struct op ops[2];

	(void)state;
	read_as(&ops[0], 'a', "fox");
	read_as(&ops[1], 'b', "fox");
	turn();
	assert_true(serve(true));
	run();
	assert_string_equal(ended, "ab");
}

static void test_freed_with_a_line(void **state)
{
	struct op ops[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		read_as(&ops[i], 'a', i < 2 ? "fox" : "owl");
	turn();
	read_as(&ops[1], 'b', "fox");
	assert_string_equal(ended, "");
}

/* What lacks a descriptor has one later; a key that cannot be asked for stays one. */
static void test_not_sent(void **state)
{
	struct op ops[2];

	(void)state;
	read_as(&ops[0], 'a', "fox");
	refuses = -EMFILE;
	(void)seed_share_turn(share, seed_clock_now_ms());
	assert_int_equal(ops[0].ends, 0);
	refuses = 0;
	run();
	assert_int_equal(ops[0].err, 0);
	read_as(&ops[1], 'b', "fox");
	refuses = -EINVAL;
	(void)seed_share_turn(share, seed_clock_now_ms());
	refuses = 0;
	assert_int_equal(ops[1].ends, 1);
	assert_int_equal(ops[1].err, -EINVAL);
}

static void test_no_etag(void **state)
{
	struct op op;

	(void)state;
	fill_name("fox");
	hides_etags = true;
	read_as(&op, 'a', "fox");
	run();
	hides_etags = false;
	assert_int_equal(op.err, -EBADMSG);
	read_as(&op, 'b', "owl"); /* nothing stands there */
	run();
	assert_int_equal(op.err, 0);
}

/* ---- lost answers ---- */

static struct seed_record row;
static struct seed_share_entry owl;

static const struct {
	const char *what;
	struct seed_share_request request;
	errint_t again; /* what a second one of it gives */
} changes[] = {
	{ "begin", { .verb = SEED_SHARE_BEGIN, .row = &row }, -EEXIST },
	{ "add", { .verb = SEED_SHARE_ADD, .row = &row, .other = "z" }, 0 },
	{ "remove prompt", { .verb = SEED_SHARE_REMOVE_PROMPT }, -ENOENT },
	{ "remove image", { .verb = SEED_SHARE_REMOVE_IMAGE }, -ENOENT },
	{ "remove record", { .verb = SEED_SHARE_REMOVE_RECORD }, -ENOENT },
	{ "remove version", { .verb = SEED_SHARE_REMOVE_VERSION, .number = 1 }, -ENOENT },
	{ "restore", { .verb = SEED_SHARE_RESTORE, .number = 1 }, -ENOENT },
	{ "set time", { .verb = SEED_SHARE_SET_TIME, .time = { .tv_sec = 5 } }, 0 },
	{ "join", { .verb = SEED_SHARE_JOIN, .from = &owl }, 0 },
	{ "leave", { .verb = SEED_SHARE_LEAVE, .from = &owl, .other = "owl" }, 0 },
};

static void start_change(struct op *op, size_t which)
{
	struct seed_share_request request = changes[which].request;

	*op = (struct op){ .letter = 'x' };
	request.name = "fox";
	ask_for(op, request);
}

/* Each happens once, whoever has written since. */
static void check_lost(size_t which, bool others_write)
{
	struct seed_share_entry entry;
	struct op op;
	uint64_t before = serial_of("fox");

	start_change(&op, which);
	turn();
	assert_true(serve(false)); /* the read */
	assert_true(serve(true));  /* the swap */
	if (serial_of("fox") != before + 1)
		fail_msg("%s: nothing was written", changes[which].what);
	if (others_write) {
		read_name("fox", &entry);
		if (seed_share_remove_version(&entry, &others, 2) == 0)
			write_name("fox", &entry);
		seed_share_release(&entry);
	}
	before = serial_of("fox");
	run();
	if (op.ends != 1 || op.err || serial_of("fox") != before)
		fail_msg("%s: ended %d times: %d; serial %d", changes[which].what, op.ends, op.err,
			 (int)(serial_of("fox") - before));
	start_change(&op, which);
	run();
	if (op.err != changes[which].again)
		fail_msg("%s again: %d", changes[which].what, op.err);
}

static void check_all_lost(bool others_write)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(changes); i++) {
		store_release();
		fill_name("fox");
		fill_name("owl");
		read_name("owl", &owl);
		make(&row, "fox", "n", SEED_STATE_QUEUED);
		check_lost(i, others_write);
		seed_record_release(&row);
		seed_share_release(&owl);
	}
}

static void test_lost_answers(void **state)
{
	(void)state;
	check_all_lost(false);
	check_all_lost(true);
}

/* What a cancelled operation of this host still writes is not the next one's. */
static void test_late_write_of_an_earlier_one(void **state)
{
	char etag[SEED_S3_ETAG_BYTES];
	struct seed_share_entry entry;
	struct op first = { .letter = 'a' }, second = { .letter = 'b' };
	char *data;

	(void)state;
	fill_name("fox");
	ask_for(&first, (struct seed_share_request){ .verb = SEED_SHARE_REMOVE_RECORD, .name = "fox" });
	turn();
	assert_true(serve(false));
	data = strdup(asked[(asked_count - 1) % ASKED_MAX].data);
	etag_of(object_of("name/fox"), etag);
	seed_share_cancel(first.op);
	ask_for(&second, (struct seed_share_request){ .verb = SEED_SHARE_REMOVE_IMAGE, .name = "fox" });
	turn();
	assert_true(serve(false)); /* it reads what stood there before */
	assert_true(write_if(object_of("name/fox"), etag, data));
	run();
	assert_int_equal(second.err, 0);
	read_name("fox", &entry);
	assert_int_equal(entry.without, SEED_SHARE_NO_RECORD | SEED_SHARE_NO_IMAGE);
	seed_share_release(&entry);
	free(data);
}

/* A create needs a name that nobody has. */
static void test_lost_create(void **state)
{
	struct op op = { .letter = 'a' };

	(void)state;
	fill_name("owl");
	read_name("owl", &owl);
	ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_CREATE, .name = "fox", .from = &owl });
	turn();
	assert_true(serve(false));
	assert_true(serve(true));
	run();
	assert_int_equal(op.ends, 1);
	assert_int_equal(op.err, 0);
	assert_int_equal(serial_of("fox"), 1);
	ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_CREATE, .name = "fox", .from = &owl });
	run();
	assert_int_equal(op.err, -EEXIST);
	seed_share_release(&owl);
}

/* `count` versions with texts of 30,000 bytes. */
static void fill_long(const char *name, int count)
{
	static char text[30001];
	struct seed_share_version *versions = calloc((size_t)count, sizeof(*versions));
	struct seed_share_entry entry;
	struct seed_record current;

	memset(text, 'x', sizeof(text) - 1);
	read_name(name, &entry);
	make(&current, name, "c", SEED_STATE_VERIFIED);
	for (int i = 0; i < count; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "v%d", i);
		versions[i].number = i + 1;
		make(&versions[i].record, name, id, SEED_STATE_VERIFIED);
		assert_int_equal(seed_record_set(&versions[i].record.prompt, text), 0);
	}
	assert_int_equal(seed_share_create(&entry, &others, &current, versions, (size_t)count, 0), 0);
	write_name(name, &entry);
	for (int i = 0; i < count; i++)
		seed_record_release(&versions[i].record);
	free(versions);
	seed_record_release(&current);
	seed_share_release(&entry);
}

/* An entry that nobody could read is not written; and what has begun can end. */
static void test_too_long(void **state)
{
	struct op op = { .letter = 'a' };
	struct seed_share_entry entry;
	int count = 100;

	(void)state;
	make(&row, "fox", "n", SEED_STATE_QUEUED);
	do {
		store_release();
		fill_long("fox", ++count);
		ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_BEGIN, .name = "fox", .row = &row });
		run();
	} while (!op.err);
	assert_int_equal(op.err, -EFBIG);
	assert_int_equal(serial_of("fox"), 1);
	store_release();
	fill_long("fox", count - 1);
	ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_BEGIN, .name = "fox", .row = &row });
	run();
	assert_int_equal(op.err, 0);
	read_name("fox", &entry);
	row.state = SEED_STATE_VERIFIED;
	row.image = (struct seed_image_info){ .width = 2048, .height = 1152, .bytes = 1 };
	ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_FINISH, .name = "fox", .row = &row,
						  .lease = entry.rows[0].lease });
	seed_share_release(&entry);
	run();
	assert_int_equal(op.err, 0);
	assert_int_equal(serial_of("fox"), 3);
	seed_record_release(&row);
}

/* What has come to the source since it was joined is not lost. */
static void test_leave_what_was_joined(void **state)
{
	struct seed_share_request request = { .verb = SEED_SHARE_LEAVE, .name = "owl", .other = "fox" };
	struct op op = { .letter = 'a' };
	struct seed_share_entry entry;

	(void)state;
	fill_name("owl");
	read_name("owl", &owl);
	ask_for(&op, (struct seed_share_request){ .verb = SEED_SHARE_JOIN, .name = "fox", .from = &owl });
	run();
	assert_int_equal(op.err, 0);
	read_name("owl", &entry);
	assert_int_equal(seed_share_remove_version(&entry, &others, 1), 0);
	write_name("owl", &entry);
	seed_share_release(&entry);
	request.from = &owl;
	ask_for(&op, request);
	run();
	assert_int_equal(op.err, -EAGAIN);
	read_name("owl", &entry);
	assert_false(entry.gone);
	assert_int_equal(entry.version_count, 1);
	request.from = &entry;
	ask_for(&op, request);
	run();
	assert_int_equal(op.err, 0);
	seed_share_release(&entry);
	read_name("owl", &entry);
	assert_true(entry.gone);
	assert_string_equal(entry.moves[0].to, "fox");
	seed_share_release(&entry);
	seed_share_release(&owl);
}

static void test_not_whole(void **state)
{
	static const struct seed_share_request requests[] = {
		{ .verb = SEED_SHARE_BEGIN }, { .verb = SEED_SHARE_RECLAIM }, { .verb = SEED_SHARE_DROP },
		{ .verb = SEED_SHARE_ARRIVE, .id = "a" }, { .verb = SEED_SHARE_ARRIVE, .other = "a" },
		{ .verb = SEED_SHARE_ADD, .row = &row }, { .verb = SEED_SHARE_JOIN }, { .verb = SEED_SHARE_CREATE },
		{ .verb = SEED_SHARE_LEAVE, .other = "owl" }, { .verb = SEED_SHARE_LEAVE, .from = &owl },
	};

	(void)state;
	make(&row, "fox", "n", SEED_STATE_QUEUED);
	seed_share_init(&owl);
	for (size_t i = 0; i < SEED_ARRAY_LEN(requests); i++) {
		struct seed_share_request request = requests[i];
		struct seed_share_op *op;

		request.name = "fox";
		assert_int_equal(seed_share_start(share, &request, on_done, NULL, &op), -EINVAL);
	}
	seed_record_release(&row);
}

/* The host keeps a task that it cannot ask for now, and will for a day: it says so rarely. */
static void ask_of_fox(enum seed_share_verb verb, enum seed_state state, int64_t until_s)
{
	struct op op = { .letter = 'k' };
	struct seed_share_entry entry;
	struct seed_record kept;

	make(&kept, "fox", "k", state);
	ask_for(&op, (struct seed_share_request){ .verb = verb, .name = "fox", .row = &kept, .id = kept.id, .lease = 1 });
	run();
	assert_int_equal(op.err, 0);
	read_name("fox", &entry);
	assert_int_equal(entry.rows[0].until_s, until_s);
	seed_share_release(&entry);
	seed_record_release(&kept);
}

static void test_kept_tasks(void **state)
{
	const int64_t kept = 1000 + SEED_SHARE_KEPT_TIMES * LEASE_S;

	(void)state;
	ask_of_fox(SEED_SHARE_BEGIN, SEED_STATE_QUEUED, 1000 + LEASE_S);
	ask_of_fox(SEED_SHARE_UPDATE, SEED_STATE_GENERATING, 1000 + LEASE_S);
	ask_of_fox(SEED_SHARE_UPDATE, SEED_STATE_FAILED, kept);
	ask_of_fox(SEED_SHARE_RENEW, SEED_STATE_FAILED, kept);
	ask_of_fox(SEED_SHARE_UPDATE, SEED_STATE_GENERATING, 1000 + LEASE_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_of_a_name_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_in_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_started_by_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tries_keep_the_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_with_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_etag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_write_of_an_earlier_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leave_what_was_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_tasks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
