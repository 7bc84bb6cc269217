/*
 * Every system call of every operation of the store fails once, fails from then
 * on, and is the last one before the program is killed or the power is cut;
 * then the store is opened again, and it must be as before the operation or as
 * after it, each image beside the row that was made for it.
 */
#include "tests/unit/unit.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sys/wait.h>

#include "lib/store/store.h"
#include "tests/unit/disk_faults.h"

#define STATE_CRASHED_AFTER 78
#define STATE_CRASHED_NEWER 79

static char base[PATH_BYTES];

/* ---- generations as the engine would do them ---- */

static void hash(const void *data, size_t len, char hex[SEED_SHA256_HEX_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	assert_true(EVP_Digest(data, len, sum, &size, EVP_sha256(), NULL));
	for (unsigned i = 0; i < size; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
}

#define PICTURE_BYTES 64

/* A head as PNG has it, and the text. */
static void picture(const char *text, char bytes[PICTURE_BYTES])
{
	static const char head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x08\0\0\0\x04\x80";

	memset(bytes, 0, PICTURE_BYTES);
	memcpy(bytes, head, sizeof(head));
	(void)snprintf(bytes + 32, PICTURE_BYTES - 32, "%s", text);
}

static void fill(struct seed_record *record, struct seed_store *store, const char *name,
		 const char *text)
{
	char id[SEED_STORE_ID_BYTES];

	seed_record_init(record);
	seed_store_new_id(store, id);
	/* Later ones are newer, as by the clock. */
	record->created_ms = (int64_t)(strtoull(id, NULL, 16) >> 4);
	assert_int_equal(seed_record_set(&record->id, id), 0);
	assert_int_equal(seed_record_set(&record->name, name), 0);
	assert_int_equal(seed_record_set(&record->request, text), 0);
	assert_int_equal(seed_record_set(&record->prompt, text), 0);
	assert_int_equal(seed_record_set(&record->provider, "sketch"), 0);
	record->step = seed_record_step("queued");
}

/* The image has come: pending/ID.png, and what was measured. */
static errint_t make_image(struct seed_store *store, struct seed_record *record)
{
	char bytes[PICTURE_BYTES];
	errint_t err = 0;
	int fd = seed_store_result_open(store, record->id);

	if (fd < 0)
		return fd;
	picture(record->prompt, bytes);
	/* The worker's own: it has synced before it says that it is done. */
	if (__real_write(fd, bytes, sizeof(bytes)) != PICTURE_BYTES)
		err = -EIO;
	close(fd);
	hash(bytes, sizeof(bytes), record->image.sha256);
	record->image.width = 2048;
	record->image.height = 1152;
	record->image.bytes = PICTURE_BYTES;
	record->verified_ms = 1700000000000;
	record->state = SEED_STATE_VERIFIED;
	record->step = seed_record_step("commit");
	return err;
}

static errint_t generate(struct seed_store *store, const char *name, const char *text)
{
	struct seed_record record;
	errint_t err;

	fill(&record, store, name, text);
	err = seed_store_begin(store, &record);
	if (!err)
		err = make_image(store, &record);
	if (!err)
		err = seed_store_finish(store, &record, false);
	seed_record_release(&record);
	return err;
}

/* An accepted one, left in the journal. */
static void leave(struct seed_store *store, const char *name, const char *text, bool superseded)
{
	struct seed_record record;

	fill(&record, store, name, text);
	assert_int_equal(seed_store_begin(store, &record), 0);
	record.step = seed_record_step("accepted");
	record.superseded = superseded;
	assert_int_equal(seed_store_journal(store, &record), 0);
	seed_record_release(&record);
}

static errint_t end(struct seed_store *store, struct seed_record *record, bool superseded)
{
	errint_t err = make_image(store, record);

	/* What fails is tried again, whatever it has done. */
	for (int i = 0; i < 3 && (i == 0 || err); i++)
		err = seed_store_finish(store, record, superseded);
	return err;
}

struct in_flight {
	struct seed_store *store;
	struct seed_record records[8];
	bool newest[8];
	size_t count;
};

static errint_t take(void *context, struct seed_record *record, bool newest)
{
	struct in_flight *all = context;

	assert_true(all->count < SEED_ARRAY_LEN(all->records));
	all->newest[all->count] = newest;
	all->records[all->count++] = *record;
	return 0;
}

/* As the engine does at the start: beginnings are repeated, images that are
 * there put in place; the rest is fetched again. */
static void take_up(struct in_flight *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct seed_record *record = &all->records[i];
		errint_t err = 0;

		if (record->state == SEED_STATE_CANCELLED)
			err = seed_store_forget(all->store, record->id);
		else if (strcmp(record->step, "queued") == 0)
			err = seed_store_begin(all->store, record);
		else if (strcmp(record->step, "commit") == 0)
			err = seed_store_finish(all->store, record, !all->newest[i]);
		assert_int_equal(err, 0);
	}
}

static void open_store(struct in_flight *all, bool recover)
{
	struct seed_error error = { 0 };

	*all = (struct in_flight){ 0 };
	if (seed_store_open(state_dir, &all->store, &error))
		fail_msg("open: %s", error.message);
	if (recover && seed_store_recover(all->store, take, all, &error))
		fail_msg("recover: %s", error.message);
}

static void close_store(struct in_flight *all)
{
	for (size_t i = 0; i < all->count; i++)
		seed_record_release(&all->records[i]);
	if (all->store)
		assert_int_equal(seed_store_checkpoint(all->store), 0);
	seed_store_close(all->store);
}

/* ---- what must hold ---- */

static char view_text[16384];

static void view_add(const char *text)
{
	size_t len = strlen(view_text);

	assert_true(snprintf(view_text + len, sizeof(view_text) - len, "%s\n", text) <
		    (int)(sizeof(view_text) - len));
}

static size_t load(const char *path, char *data, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = __real_read(fd, data, size - 1);
	close(fd);
	data[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* images/X.png and records/X.json, or history/X/0001.png and .json. */
static void check_image(const char *path, const char *below)
{
	char row[PATH_BYTES], data[8192], hex[SEED_SHA256_HEX_BYTES];
	struct seed_record record;
	size_t len = load(path, data, sizeof(data));

	hash(data, len, hex);
	if (strncmp(below, "images/", 7) == 0)
		(void)snprintf(row, sizeof(row), "%s/records/%s", state_dir, below + 7);
	else
		(void)snprintf(row, sizeof(row), "%s", path);
	memcpy(row + strlen(row) - 4, ".json", 6);
	len = load(row, data, sizeof(data));
	if (!len)
		fail_msg("%s has no row", below);
	if (seed_record_parse(data, len, &record))
		fail_msg("%s: its row is none", below);
	assert_int_equal(record.state, SEED_STATE_VERIFIED);
	if (strcmp(record.image.sha256, hex) != 0)
		fail_msg("%s has the row of another image", below);
	seed_record_release(&record);
}

/* 0001.png beside 0001.json. */
static bool has_image(const char *row)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s", row);
	memcpy(path + strlen(path) - 5, ".png", 5);
	return access(path, F_OK) == 0;
}

/* prompts/NAME beside records/NAME.json. */
static bool has_prompt(const char *row)
{
	char path[2 * PATH_BYTES];
	const char *name = row + strlen("records/");

	(void)snprintf(path, sizeof(path), "%s/prompts/%.*s", state_dir, (int)strlen(name) - 5, name);
	return access(path, F_OK) == 0;
}

static int view_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *below = path + strlen(state_dir);
	char data[8192], hex[SEED_SHA256_HEX_BYTES], line[PATH_BYTES + 80];
	size_t len;

	SEED_UNUSED(st);
	SEED_UNUSED(ftw);
	if (!*below)
		return 0;
	below++;
	if (type == FTW_D) {
		if (strcmp(below, "prompts/made") == 0)
			view_add(below);
		return 0;
	}
	if (strncmp(below, "log/", 4) == 0 || strcmp(below, "lock") == 0)
		return 0;
	if (strncmp(below, "tmp/", 4) == 0)
		fail_msg("%s is left", below);
	if (strncmp(below, "pending/", 8) == 0) {
		(void)snprintf(line, sizeof(line), "%s", path);
		len = strlen(line);
		if (len > 4 && strcmp(line + len - 4, ".png") == 0)
			memcpy(line + len - 4, ".json", 6);
		if (!strstr(line, ".json") || access(line, F_OK))
			fail_msg("%s is left", below);
		return 0;
	}
	len = load(path, data, sizeof(data));
	/* What a row says but its name, which may be old. One of a version that
	 * is gone is seen by nobody. */
	if (strstr(below, ".json")) {
		if (strncmp(below, "history/", 8) == 0 && !has_image(path))
			return 0;
		struct seed_record record;

		if (seed_record_parse(data, len, &record))
			fail_msg("%s is no row", below);
		/* What is told of a prompt that was removed is best effort. */
		if (record.state != SEED_STATE_VERIFIED && !has_prompt(below)) {
			seed_record_release(&record);
			return 0;
		}
		(void)snprintf(data, sizeof(data), "%s %s", seed_state_name(record.state),
			       record.prompt);
		len = strlen(data);
		seed_record_release(&record);
	}
	hash(data, len, hex);
	(void)snprintf(line, sizeof(line), "%s %.16s", below, hex);
	view_add(line);
	if (strstr(below, ".png"))
		check_image(path, below);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All that a reader can see, sorted; every image beside its own row. malloc'd. */
static char *look(void)
{
	char *lines[256], *sorted = NULL;
	size_t count = 0, len = 0;

	view_text[0] = '\0';
	assert_int_equal(nftw(state_dir, view_one, 16, FTW_PHYS), 0);
	for (char *line = strtok_r(view_text, "\n", &sorted); line;
	     line = strtok_r(NULL, "\n", &sorted))
		lines[count++] = line;
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	sorted = calloc(1, sizeof(view_text) + 1);
	assert_non_null(sorted);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(sorted + len, sizeof(view_text) - len, "%s\n", lines[i]);
	return sorted;
}

/* ---- operations ---- */

struct operation {
	const char *name;
	void (*prepare)(struct seed_store *store);
	/* What comes before it in the same life, and well: not durable yet, perhaps. */
	errint_t (*first)(struct in_flight *all);
	errint_t (*run)(struct in_flight *all);
	bool ends;    /* whatever fails, it is done in the end */
	bool renames; /* newer work on fox and wolf follows a failure */
	bool removes; /* an error may come after it */
	bool generates; /* done in the end, if it had begun */
};

static void prepare_two(struct seed_store *store)
{
	assert_int_equal(generate(store, "fox", "fox 1"), 0);
	assert_int_equal(generate(store, "fox", "fox 2"), 0);
	assert_int_equal(generate(store, "wolf", "wolf 1"), 0);
	assert_int_equal(generate(store, "wolf", "wolf 2"), 0);
}

static void fail_one(struct seed_store *store, const char *name)
{
	struct seed_record record;
	struct seed_error error;

	fill(&record, store, name, "one that fails");
	assert_int_equal(seed_store_begin(store, &record), 0);
	record.state = SEED_STATE_FAILED;
	seed_error_set(&error, EDQUOT, "no credits");
	seed_error_keep(&record.error, &error);
	assert_int_equal(seed_store_finish(store, &record, false), 0);
	seed_record_release(&record);
}

static void prepare_failed(struct seed_store *store)
{
	prepare_two(store);
	fail_one(store, "fox");
	fail_one(store, "wolf");
}

static void prepare_running(struct seed_store *store)
{
	prepare_two(store);
	leave(store, "fox", "fox 3", false);
}

static void prepare_superseded(struct seed_store *store)
{
	prepare_two(store);
	leave(store, "fox", "fox 3", true);
	assert_int_equal(generate(store, "fox", "fox 4"), 0);
}

static void prepare_folders(struct seed_store *store)
{
	assert_int_equal(generate(store, "d/sky", "sky 1"), 0);
	assert_int_equal(generate(store, "d/sky", "sky 2"), 0);
	leave(store, "d/sea", "sea 1", false);
	assert_int_equal(mkdirat(seed_store_area(store, SEED_AREA_PROMPTS), "e", 0755), 0);
	assert_int_equal(mkdirat(seed_store_area(store, SEED_AREA_IMAGES), "e", 0755), 0);
}

static void prepare_made(struct seed_store *store)
{
	prepare_two(store);
	assert_int_equal(seed_store_make_folder(store, "made"), 0);
}

static errint_t begin(struct seed_store *store, const char *name)
{
	struct seed_record record;
	errint_t err;

	fill(&record, store, name, "a newer text");
	err = seed_store_begin(store, &record);
	seed_record_release(&record);
	return err;
}

static errint_t run_begin(struct in_flight *all)
{
	return begin(all->store, "fox");
}

static errint_t run_begin_new(struct in_flight *all)
{
	return begin(all->store, "new/folder/owl");
}

static errint_t run_finish(struct in_flight *all)
{
	assert_int_equal(all->count, 1);
	return end(all->store, &all->records[0], !all->newest[0]);
}

static errint_t run_fail(struct in_flight *all)
{
	struct seed_error error;

	all->records[0].state = SEED_STATE_FAILED;
	seed_error_set(&error, EPERM, "refused");
	seed_error_keep(&all->records[0].error, &error);
	return seed_store_finish(all->store, &all->records[0], false);
}

static errint_t run_move(struct in_flight *all)
{
	return seed_store_move_entry(all->store, "fox", "wolf");
}

static errint_t run_move_new(struct in_flight *all)
{
	return seed_store_move_entry(all->store, "fox", "deep/owl");
}

static errint_t run_folder(struct in_flight *all)
{
	return seed_store_move_folder(all->store, "d", "e");
}

static errint_t run_restore(struct in_flight *all)
{
	return seed_store_restore(all->store, "fox/0001.png", "fox", NULL);
}

/* From its text to its picture: what was durable at first is not all that counts. */
static errint_t run_generate(struct in_flight *all)
{
	return generate(all->store, "owl", "an owl");
}

static errint_t run_generate_fox(struct in_flight *all)
{
	return generate(all->store, "fox", "fox 3");
}

static errint_t run_generate_many(struct in_flight *all)
{
	static const char *const names[] = { "fox", "owl", "d/sky", "d/sea" };
	errint_t err = 0;

	for (size_t i = 0; i < SEED_ARRAY_LEN(names) && !err; i++)
		err = generate(all->store, names[i], "one of many");
	return err;
}

static errint_t run_checkpoint(struct in_flight *all)
{
	errint_t err = 0;

	for (int i = 0; i < 3 && (i == 0 || err); i++)
		err = seed_store_checkpoint(all->store);
	return err;
}

/* As the engine has it removed, and then drops what ran for it. */
static errint_t run_remove_running(struct in_flight *all)
{
	struct seed_record *record = &all->records[0];
	enum seed_state before = record->state;
	errint_t err;

	record->state = SEED_STATE_CANCELLED;
	err = seed_store_remove_prompt(all->store, record->name, record);
	record->state = before;
	return err ? err : seed_store_forget(all->store, record->id);
}

static errint_t run_remove_prompt(struct in_flight *all)
{
	return seed_store_remove_prompt(all->store, "fox", NULL);
}

static errint_t run_make_folder(struct in_flight *all)
{
	return seed_store_make_folder(all->store, "made");
}

static errint_t run_remove_folder(struct in_flight *all)
{
	return seed_store_remove_folder(all->store, SEED_AREA_PROMPTS, "made");
}

static errint_t run_remove_image(struct in_flight *all)
{
	return seed_store_remove_file(all->store, SEED_AREA_IMAGES, "fox.png");
}

static errint_t run_remove_version(struct in_flight *all)
{
	return seed_store_remove_file(all->store, SEED_AREA_HISTORY, "fox/0001.png");
}

static const struct operation operations[] = {
	{ .name = "begin again", .prepare = prepare_two, .run = run_begin, .renames = true },
	{ .name = "begin after a failure", .prepare = prepare_failed, .run = run_begin, .renames = true },
	{ .name = "begin a new name", .prepare = prepare_two, .run = run_begin_new, .renames = true },
	{ .name = "generate", .prepare = prepare_two, .run = run_generate, .generates = true },
	{ .name = "a checkpoint", .prepare = prepare_two, .first = run_generate_many,
	  .run = run_checkpoint, .ends = true },
	{ .name = "begin before a checkpoint", .prepare = prepare_two, .first = run_generate_fox,
	  .run = run_begin, .renames = true },
	{ .name = "generate beside one before a checkpoint", .prepare = prepare_two,
	  .first = run_generate_fox, .run = run_generate, .generates = true },
	{ .name = "move before a checkpoint", .prepare = prepare_two, .first = run_generate_fox,
	  .run = run_move, .renames = true },
	{ .name = "move a folder before a checkpoint", .prepare = prepare_folders,
	  .first = run_generate_many, .run = run_folder },
	{ .name = "restore before a checkpoint", .prepare = prepare_two,
	  .first = run_generate_fox, .run = run_restore, .renames = true },
	{ .name = "remove a prompt before a checkpoint", .prepare = prepare_two,
	  .first = run_generate_fox, .run = run_remove_prompt, .removes = true },
	{ .name = "remove an image before a checkpoint", .prepare = prepare_two,
	  .first = run_generate_fox, .run = run_remove_image, .removes = true },
	{ .name = "finish", .prepare = prepare_running, .run = run_finish, .ends = true },
	{ .name = "finish superseded", .prepare = prepare_superseded, .run = run_finish, .ends = true },
	{ .name = "fail", .prepare = prepare_running, .run = run_fail, .ends = true },
	{ .name = "move onto another", .prepare = prepare_two, .run = run_move, .renames = true },
	{ .name = "move a running one", .prepare = prepare_running, .run = run_move },
	{ .name = "move failed ones", .prepare = prepare_failed, .run = run_move, .renames = true },
	{ .name = "move to a new name", .prepare = prepare_two, .run = run_move_new, .renames = true },
	{ .name = "move a folder", .prepare = prepare_folders, .run = run_folder },
	{ .name = "restore", .prepare = prepare_two, .run = run_restore, .renames = true },
	{ .name = "restore after a failure", .prepare = prepare_failed, .run = run_restore,
	  .renames = true },
	{ .name = "make a folder", .prepare = prepare_two, .run = run_make_folder },
	{ .name = "remove a folder", .prepare = prepare_made, .run = run_remove_folder,
	  .removes = true },
	{ .name = "remove a running prompt", .prepare = prepare_running,
	  .run = run_remove_running, .removes = true },
	{ .name = "remove a prompt", .prepare = prepare_two, .run = run_remove_prompt,
	  .removes = true },
	{ .name = "remove an image", .prepare = prepare_two, .run = run_remove_image,
	  .removes = true },
	{ .name = "remove a version", .prepare = prepare_two, .run = run_remove_version,
	  .removes = true },
};

/* ---- one run ---- */

/* Files are links, for the store writes to none that stands; but to those of the journal. */
static int copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char to[2 * PATH_BYTES];

	SEED_UNUSED(ftw);
	(void)snprintf(to, sizeof(to), "%s%s", state_dir, path + strlen(base));
	if (type == FTW_D)
		return mkdir(to, st->st_mode & 07777);
	if (!strstr(path, "/pending/"))
		return link(path, to);
	copy_start(path, to, (size_t)st->st_size);
	return 0;
}

static void copy_base(void)
{
	remove_tree(state_dir);
	remove_tree(shadow);
	assert_int_equal(nftw(base, copy_one, 16, FTW_PHYS), 0);
	assert_int_equal(mkdir(shadow, 0700), 0);
}

/* Newer work: nothing older is carried out over it. */
static void work_on(struct seed_store *store)
{
	assert_int_equal(generate(store, "fox", "fox newer"), 0);
	assert_int_equal(generate(store, "wolf", "wolf newer"), 0);
}

/* In a process of its own, which may end. Its exit status says how it went. */
static int run_child(const struct operation *operation, enum mode with, long at)
{
	struct in_flight all;
	errint_t err;

	open_store(&all, true);
	if (with == MODE_POWER)
		assert_int_equal(nftw(state_dir, shadow_one, 16, FTW_PHYS), 0);
	fail_at = LONG_MAX;
	mode = with;
	if (operation->first)
		assert_int_equal(operation->first(&all), 0);
	fail_at = at;
	calls = 0;
	err = operation->run(&all);
	/* What has been answered holds. */
	if (with == MODE_POWER && !err && calls + 1 == at)
		crash(STATE_CRASHED_AFTER);
	if (with == MODE_POWER && !err && calls + 2 == at && operation->renames &&
	    operation->run != run_begin && operation->run != run_begin_new) {
		fail_at = LONG_MAX;
		work_on(all.store);
		crash(STATE_CRASHED_NEWER);
	}
	mode = MODE_NONE;
	if (err && operation->renames && with == MODE_LASTING)
		work_on(all.store);
	/* The call never came: all points have been tried. */
	if (calls < at)
		return 2;
	close_store(&all);
	return err ? 1 : 0;
}

static int run_forked(const struct operation *operation, enum mode with, long at)
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_child(operation, with, at));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char *reopen_and_look(const struct operation *operation)
{
	struct in_flight all;
	char *view;

	open_store(&all, true);
	take_up(&all);
	/* What the engine would have tried again by now. */
	for (size_t i = 0; i < all.count && (operation->ends || operation->generates); i++)
		if (strcmp(all.records[i].step, "commit") != 0) {
			if (operation->run == run_fail)
				assert_int_equal(run_fail(&all), 0);
			else
				assert_int_equal(end(all.store, &all.records[i], !all.newest[i]), 0);
		}
	close_store(&all);
	/* Once more, for what is swept at the start only. */
	open_store(&all, true);
	close_store(&all);
	view = look();
	return view;
}

static bool has_newer(const char *name)
{
	char path[2 * PATH_BYTES], data[PICTURE_BYTES + 1], wanted[PICTURE_BYTES], text[32];

	(void)snprintf(path, sizeof(path), "%s/images/%s.png", state_dir, name);
	(void)snprintf(text, sizeof(text), "%s newer", name);
	picture(text, wanted);
	return load(path, data, sizeof(data)) == PICTURE_BYTES &&
	       memcmp(data, wanted, PICTURE_BYTES) == 0;
}

/* The two views but for the lines of prompts/: where only the fsync of a prompt
 * failed its new text may stand. */
static bool is_same_catalogue(const char *a, const char *b)
{
	const char *x = strstr(a, "prompts/"), *y = strstr(b, "prompts/");
	const char *x_end = strstr(a, "\nrecords/"), *y_end = strstr(b, "\nrecords/");

	if (!x || !y || !x_end || !y_end)
		return strcmp(a, b) == 0;
	return x - a == y - b && memcmp(a, b, (size_t)(x - a)) == 0 && strcmp(x_end, y_end) == 0;
}

static void judge(const struct operation *operation, enum mode with, int status, const char *view,
		  const char *before, const char *after)
{
	bool is_before = is_same_catalogue(view, before), is_after = strcmp(view, after) == 0;
	bool ok;

	if (status == STATE_CRASHED_NEWER ||
	    (status == 1 && operation->renames && with == MODE_LASTING))
		ok = has_newer("fox") && has_newer("wolf");
	else if (operation->ends || status == 0 ||
		 (status == STATE_CRASHED_AFTER &&
		  (!operation->removes || operation->run == run_remove_prompt)))
		ok = is_after;
	else if (status >= STATE_CRASHED || operation->removes || operation->generates || with == MODE_LASTING)
		ok = is_before || is_after;
	else
		ok = is_before;
	if (!ok)
		fail_msg("%s (status %d): it is\n%sbefore:\n%safter:\n%s", operation->name, status,
			 view, before, after);
}

static void prepare(const struct operation *operation)
{
	struct in_flight all;

	remove_tree(state_dir);
	remove_tree(base);
	open_store(&all, true);
	operation->prepare(all.store);
	close_store(&all);
	assert_int_equal(rename(state_dir, base), 0);
}

static long try_mode(const struct operation *operation, enum mode with, const char *before,
		     const char *after)
{
	/* Other ones in each mode. */
	long stride = unit_stride(), at = (long)with % stride + 1 - stride;
	char *view;
	int status;

	do {
		at += stride;
		copy_base();
		(void)snprintf(now, sizeof(now), "%s: %s at %ld", operation->name, mode_names[with],
			       at);
		status = run_forked(operation, with, at);
		assert_true(status == 0 || status == 1 || status == 2 || status >= STATE_CRASHED);
		if (status == 2)
			break;
		view = reopen_and_look(operation);
		judge(operation, with, status, view, before, after);
		free(view);
	} while (at < 10000);
	return at - 1;
}

static void test_operation(void **state)
{
	const struct operation *operation = *state;
	char *before, *after;

	const struct operation first = { .run = operation->first };

	prepare(operation);
	copy_base();
	if (operation->first)
		assert_int_equal(run_forked(&first, MODE_NONE, 0), 0);
	before = look();
	copy_base();
	assert_int_equal(run_forked(operation, MODE_NONE, 0), 0);
	after = reopen_and_look(operation);
	if (!operation->ends)
		assert_string_not_equal(before, after);
	for (int with = MODE_ENOSPC; with < MODE_COUNT; with++) {
		long points = try_mode(operation, (enum mode)with, before, after);

		/* A removal needs no space, and that of a file is one call. */
		assert_true(points >= (!operation->removes ? 2 : with != MODE_ENOSPC));
	}
	free(before);
	free(after);
}

/* Whatever fails while the journal is read, what is paid for is not forgotten:
 * it is handed over, or the program does not start and says what to do. */
static void test_start(void **state)
{
	struct seed_error error;
	struct in_flight all;
	errint_t err = 0;
	long at = 0;

	SEED_UNUSED(state);
	prepare(&(struct operation){ .prepare = prepare_running });
	do {
		at++;
		copy_base();
		all = (struct in_flight){ 0 };
		fail_at = at;
		calls = 0;
		mode = MODE_EIO;
		err = seed_store_open(state_dir, &all.store, &error);
		if (!err)
			err = seed_store_recover(all.store, take, &all, &error);
		mode = MODE_NONE;
		if (err) {
			assert_non_null(strstr(error.message, "state"));
			assert_non_null(strstr(error.message, "Input/output error"));
		} else {
			assert_int_equal(all.count, 1);
		}
		close_store(&all);
		open_store(&all, true);
		assert_int_equal(all.count, 1);
		close_store(&all);
	} while (calls >= at);
	assert_true(at > 10);
}

/* A rename that was cut off leaves a row of one id under both names. One has ended here, and its
 * checkpoint is yet to come, when the other is taken. */
static void test_one_id_of_two_names(void **state)
{
	char path[PATH_BYTES], data[PICTURE_BYTES + 1], bytes[PICTURE_BYTES];
	struct seed_record record;
	struct in_flight all;

	SEED_UNUSED(state);
	for (int superseded = 0; superseded < 2; superseded++) {
		prepare(&(struct operation){ .prepare = prepare_two });
		copy_base();
		open_store(&all, true);
		fill(&record, all.store, "bee", "one text");
		assert_int_equal(seed_store_begin(all.store, &record), 0);
		assert_int_equal(end(all.store, &record, false), 0);
		assert_int_equal(seed_record_set(&record.name, "ant"), 0);
		record.state = SEED_STATE_GENERATING;
		record.step = seed_record_step("accepted");
		record.superseded = superseded;
		assert_int_equal(seed_store_take(all.store, &record), 0);
		assert_int_equal(seed_store_checkpoint(all.store), 0);
		seed_record_release(&record);
		close_store(&all);
		open_store(&all, true);
		assert_int_equal(all.count, 1);
		assert_string_equal(all.records[0].name, "ant");
		assert_int_equal(all.records[0].superseded, superseded);
		assert_int_equal(end(all.store, &all.records[0], superseded), 0);
		close_store(&all);
		join(path, state_dir, "images/bee.png");
		assert_int_equal(load(path, data, sizeof(data)), PICTURE_BYTES);
		picture("one text", bytes);
		assert_memory_equal(data, bytes, PICTURE_BYTES);
	}
}

/* What stands where its folder was concerns that name only. */
static void test_one_that_cannot_be_durable(void **state)
{
	char folder[PATH_BYTES], aside[PATH_BYTES];
	struct in_flight all;

	SEED_UNUSED(state);
	prepare(&(struct operation){ .prepare = prepare_two });
	copy_base();
	open_store(&all, true);
	assert_int_equal(generate(all.store, "e/ant", "in a folder"), 0);
	assert_int_equal(generate(all.store, "bee", "beside it"), 0);
	join(folder, state_dir, "images/e");
	join(aside, state_dir, "images/aside");
	assert_int_equal(rename(folder, aside), 0);
	assert_int_equal(symlink("e", folder), 0); /* it leads to itself */
	assert_int_equal(seed_store_checkpoint(all.store), -ELOOP);
	assert_int_equal(seed_store_remove_prompt(all.store, "bee", NULL), 0);
	assert_int_equal(seed_store_remove_prompt(all.store, "e/ant", NULL), -ELOOP);
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(aside, folder), 0);
	assert_int_equal(seed_store_checkpoint(all.store), 0);
	assert_int_equal(seed_store_remove_prompt(all.store, "e/ant", NULL), 0);
	close_store(&all);
	open_store(&all, true);
	assert_int_equal(all.count, 0);
	close_store(&all);
}

/* Where a failed test was; of one that passed, how far it came. */
static int tell(void **state)
{
	SEED_UNUSED(state);
	print_message("# %s\n", now);
	return 0;
}

static int set_up(void **state)
{
	const char *above = getenv("TMPDIR");

	SEED_UNUSED(state);
	(void)snprintf(work, sizeof(work), "%s/seed-faults.XXXXXX", above ? above : "/tmp");
	if (!mkdtemp(work))
		return -1;
	join(base, work, "base");
	join(state_dir, work, "state");
	join(shadow, work, "shadow");
	return 0;
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	remove_tree(work);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[SEED_ARRAY_LEN(operations) + 3] = {
		[SEED_ARRAY_LEN(operations)] = cmocka_unit_test(test_start),
		[SEED_ARRAY_LEN(operations) + 1] = cmocka_unit_test(test_one_id_of_two_names),
		[SEED_ARRAY_LEN(operations) + 2] = cmocka_unit_test(test_one_that_cannot_be_durable),
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(operations); i++)
		tests[i] = (struct CMUnitTest){
			.name = operations[i].name,
			.test_func = test_operation,
			.teardown_func = tell,
			.initial_state = (void *)(uintptr_t)&operations[i],
		};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
