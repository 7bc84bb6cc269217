/*
 * A name as the shared store has it: whatever stood here before, whatever fails, and wherever
 * the program is stopped, the next call makes the directory what the model says; a picture
 * that is in place is always that of the row beside it, and one that is here is never lost.
 */
#include "tests/unit/unit.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/store/store.h"
#include "tests/unit/disk_faults.h"

#define NOBODY 65534
#define VERSIONS_MAX 8
#define GENERATIONS 256
#define TWIN_OF_1 253 /* as large */
#define PICTURE_BYTES 96

static struct seed_store *store;

/* ---- more calls that fail ---- */

int __real_renameat2(int a_dirfd, const char *a, int b_dirfd, const char *b, unsigned flags);
int __real_fchmod(int fd, mode_t file_mode);
int __real_futimens(int fd, const struct timespec times[2]);
int __real_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags);

static int exchange_errno; /* what the file system cannot do */

int __wrap_renameat2(int a_dirfd, const char *a, int b_dirfd, const char *b, unsigned flags);
int __wrap_renameat2(int a_dirfd, const char *a, int b_dirfd, const char *b, unsigned flags)
{
	if (exchange_errno) {
		errno = exchange_errno;
		return -1;
	}
	return point(true, true) ? -1 : __real_renameat2(a_dirfd, a, b_dirfd, b, flags);
}

int __wrap_fchmod(int fd, mode_t file_mode);
int __wrap_fchmod(int fd, mode_t file_mode)
{
	return point(true, false) ? -1 : __real_fchmod(fd, file_mode);
}

int __wrap_futimens(int fd, const struct timespec times[2]);
int __wrap_futimens(int fd, const struct timespec times[2])
{
	return point(true, false) ? -1 : __real_futimens(fd, times);
}

int __wrap_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags);
int __wrap_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
	return point(true, false) ? -1 : __real_utimensat(dirfd, path, times, flags);
}

/* ---- generations ---- */

struct generation {
	struct seed_record record;
	char bytes[PICTURE_BYTES + 3];
	size_t len;
};
static struct generation generations[GENERATIONS];

static void hash(const void *data, size_t len, char hex[SEED_SHA256_HEX_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	assert_true(EVP_Digest(data, len, sum, &size, EVP_sha256(), NULL));
	for (unsigned i = 0; i < size; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
}

/* Many have one size; some were verified soon after each other. */
static void make_generation(int i)
{
	struct generation *generation = &generations[i];
	struct seed_record *record = &generation->record;
	char text[64];

	seed_record_init(record);
	generation->len = PICTURE_BYTES + (size_t)i % 3;
	(void)snprintf(generation->bytes, sizeof(generation->bytes), "picture %d",
		       i == TWIN_OF_1 ? 1 : i);
	hash(generation->bytes, generation->len, record->image.sha256);
	record->image.bytes = generation->len;
	record->image.width = record->image.height = 1;
	record->verified_ms = 1700000000000 + i * (i % 2 ? 1000000 : 3);
	record->created_ms = 1600000000000 + i;
	record->state = SEED_STATE_VERIFIED;
	record->progress = 1;
	(void)snprintf(text, sizeof(text), "%016x", 0x1000 + i);
	assert_int_equal(seed_record_set(&record->id, text), 0);
	(void)snprintf(text, sizeof(text), "text %d", i);
	assert_int_equal(seed_record_set(&record->request, text), 0);
	assert_int_equal(seed_record_set(&record->prompt, text), 0);
	assert_int_equal(seed_record_set(&record->name, "another"), 0);
	record->step = seed_record_step("commit");
	record->prompt_time.tv_sec = 1500000000 + i;
	record->prompt_time.tv_nsec = i % 2 ? UTIME_OMIT : 1000 * i;
}

/* ---- what it is to be ---- */

struct world {
	int current; /* a generation, or -1 */
	bool has_prompt, has_image, has_record;
	struct { int number, generation; } versions[VERSIONS_MAX];
	size_t count;
};

static const char *name = "a/b/fox";

static errint_t mirror(const struct world *world)
{
	struct seed_mirror_version versions[VERSIONS_MAX];
	struct seed_mirror wanted = {
		.current = world->current < 0 ? NULL : &generations[world->current].record,
		.has_prompt = world->has_prompt, .has_image = world->has_image,
		.has_record = world->has_record,
		.versions = versions, .version_count = world->count,
	};
	struct seed_record generating;

	for (size_t i = 0; i < world->count; i++)
		versions[i] = (struct seed_mirror_version){
			world->versions[i].number,
			&generations[world->versions[i].generation].record,
		};
	if (wanted.current && !world->has_image) {
		generating = *wanted.current; /* borrows */
		generating.state = SEED_STATE_GENERATING;
		generating.image = (struct seed_image_info){ 0 };
		generating.verified_ms = 0;
		wanted.current = &generating;
	}
	return seed_store_mirror(store, name, &wanted);
}

/* ---- what it is ---- */

static const char *at(const char *format, ...) SEED_PRINTF(1, 2);
static const char *at(const char *format, ...)
{
	static char full[8][2 * PATH_BYTES];
	static size_t next;
	char *out = full[next++ % SEED_ARRAY_LEN(full)];
	va_list arguments;
	size_t len;

	len = (size_t)snprintf(out, sizeof(full[0]), "%s/", state_dir);
	va_start(arguments, format);
	(void)vsnprintf(out + len, sizeof(full[0]) - len, format, arguments);
	va_end(arguments);
	return out;
}

static const char *image_at(int number)
{
	return number ? at("history/%s/%04d.png", name, number) : at("images/%s.png", name);
}

static const char *row_at(int number)
{
	return number ? at("history/%s/%04d.json", name, number) : at("records/%s.json", name);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t load(const char *path, char *data, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : __real_read(fd, data, size - 1);

	if (fd >= 0)
		close(fd);
	data[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(__real_write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool is_here(int number)
{
	struct stat st;

	return lstat(image_at(number), &st) == 0 && !seed_store_is_placeholder(&st);
}

static void hash_of(const char *path, char hex[SEED_SHA256_HEX_BYTES])
{
	char data[4096];
	size_t len = load(path, data, sizeof(data));

	hash(data, len, hex);
}

static bool read_row(const char *path, struct seed_record *record)
{
	char data[8192];
	size_t len = load(path, data, sizeof(data));

	*record = (struct seed_record){ 0 };
	return len && seed_record_parse(data, len, record) == 0;
}

/* A picture in place is that of its row. */
static int check_invariant(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char row[2 * PATH_BYTES], hex[SEED_SHA256_HEX_BYTES];
	const char *below = path + strlen(state_dir) + 1;
	struct seed_record record;

	SEED_UNUSED(ftw);
	if (type != FTW_F || !strstr(path, ".png") || strncmp(below, "pending/", 8) == 0 ||
	    seed_store_is_placeholder(st))
		return 0;
	if (strncmp(below, "images/", 7) == 0)
		(void)snprintf(row, sizeof(row), "%s/records/%s", state_dir, below + 7);
	else
		(void)snprintf(row, sizeof(row), "%s", path);
	memcpy(row + strlen(row) - 4, ".json", 6);
	if (!is_there(row) && strncmp(below, "images/", 7) == 0)
		return 0; /* a user removed it */
	hash_of(path, hex);
	if (!read_row(row, &record) || strcmp(record.image.sha256, hex) != 0)
		fail_msg("%s: %s has the row of another picture", now, below);
	seed_record_release(&record);
	return 0;
}

static void invariant(void)
{
	assert_int_equal(nftw(state_dir, check_invariant, 16, FTW_PHYS), 0);
}

static void check_image(int number, int wanted)
{
	const struct generation *generation = &generations[wanted];
	char hex[SEED_SHA256_HEX_BYTES];
	struct stat st;

	if (lstat(image_at(number), &st) < 0)
		fail_msg("%s: there is no image %d", now, number);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_size, generation->len);
	assert_int_equal(st.st_mtim.tv_sec, generation->record.verified_ms / 1000);
	if (seed_store_is_placeholder(&st)) {
		assert_int_equal(st.st_mode & 0777, 0);
		return;
	}
	hash_of(image_at(number), hex);
	assert_string_equal(hex, generation->record.image.sha256);
}

static void check_row(int number, int wanted, bool verified)
{
	struct seed_record record;

	if (!read_row(row_at(number), &record))
		fail_msg("%s: there is no row %d", now, number);
	assert_string_equal(record.prompt, generations[wanted].record.prompt);
	assert_string_equal(record.name, name);
	assert_int_equal(record.state, verified ? SEED_STATE_VERIFIED : SEED_STATE_GENERATING);
	assert_null(record.id);
	seed_record_release(&record);
}

static size_t files; /* all that are ours */

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(ftw);
	if (type != FTW_D && !strstr(path, "/log/") && !strstr(path, "/lock"))
		files++;
	return 0;
}

static void check_prompt(const struct world *world)
{
	const struct seed_record *record = &generations[world->current].record;
	char data[4096];
	struct stat st;

	(void)load(at("prompts/%s", name), data, sizeof(data));
	assert_string_equal(data, record->request);
	assert_int_equal(lstat(at("prompts/%s", name), &st), 0);
	if (record->prompt_time.tv_nsec == UTIME_OMIT)
		return;
	assert_int_equal(st.st_mtim.tv_sec, record->prompt_time.tv_sec);
	assert_int_equal(st.st_mtim.tv_nsec, record->prompt_time.tv_nsec);
}

/* Exactly that, and nothing else but so many files. */
static void check(const struct world *world, size_t others)
{
	size_t wanted = others;

	invariant();
	if (world->current >= 0 && world->has_prompt)
		check_prompt(world), wanted++;
	if (world->current >= 0 && world->has_record)
		check_row(0, world->current, world->has_image), wanted++;
	if (world->current >= 0 && world->has_image)
		check_image(0, world->current), wanted++;
	for (size_t i = 0; i < world->count; i++, wanted += 2) {
		check_row(world->versions[i].number, world->versions[i].generation, true);
		check_image(world->versions[i].number, world->versions[i].generation);
	}
	files = 0;
	assert_int_equal(nftw(state_dir, count_file, 16, FTW_PHYS), 0);
	if (files != wanted)
		fail_msg("%s: %zu files, not %zu", now, files, wanted);
}

/* ---- a store ---- */

static errint_t nothing(void *context, struct seed_record *record, bool newest)
{
	SEED_UNUSED(context);
	SEED_UNUSED(newest);
	seed_record_release(record);
	return 0;
}

static void start(void)
{
	struct seed_error error = { 0 };

	store = NULL;
	if (seed_store_open(state_dir, &store, &error))
		fail_msg("open: %s", error.message);
}

static void stop(void)
{
	seed_store_close(store);
	store = NULL;
}

static int set_up(void **state)
{
	const char *above = getenv("TMPDIR");

	SEED_UNUSED(state);
	(void)snprintf(work, sizeof(work), "%s/seed-mirror.XXXXXX", above ? above : "/tmp");
	if (!mkdtemp(work))
		return -1;
	join(state_dir, work, "state");
	join(shadow, work, "shadow");
	return 0;
}

static int set_up_store(void **state)
{
	if (set_up(state))
		return -1;
	now[0] = '\0';
	start();
	return 0;
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	stop();
	remove_tree(work);
	return 0;
}

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(__real_write(fd, data, len), len);
	return fd;
}

static errint_t fill(int number, int generation)
{
	const struct generation *made = &generations[generation];
	int fd = memory_file(made->bytes, made->len);
	char path[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (number)
		(void)snprintf(path, sizeof(path), "%s/%04d.png", name, number);
	else
		(void)snprintf(path, sizeof(path), "%s.png", name);
	err = seed_store_fill(store, number ? SEED_AREA_HISTORY : SEED_AREA_IMAGES, path, fd,
			      made->len);
	close(fd);
	return err;
}

static void fill_all(const struct world *world)
{
	if (world->current >= 0 && world->has_image && !is_here(0))
		assert_int_equal(fill(0, world->current), 0);
	for (size_t i = 0; i < world->count; i++)
		if (!is_here(world->versions[i].number))
			assert_int_equal(fill(world->versions[i].number,
					      world->versions[i].generation), 0);
}

/* ---- one change after another ---- */

static const struct world one = { 1, true, true, true, { { 1, 2 }, { 2, 3 } }, 2 };

static void test_mirror(void **state)
{
	struct seed_error error;
	uint64_t before;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	check(&one, 0);
	assert_false(is_here(0));
	before = seed_store_changes(store);
	/* The same again changes and tells nothing. */
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(seed_store_changes(store), before);
	fill_all(&one);
	check(&one, 0);
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(seed_store_changes(store), before);
	assert_true(is_here(0) && is_here(1) && is_here(2));
	/* It survives a start. */
	stop();
	start();
	assert_int_equal(seed_store_recover(store, nothing, NULL, &error), 0);
	check(&one, 0);
	/* All areas have the folders. */
	assert_true(is_there(at("prompts/a/b")) && is_there(at("history/a/b")));
	assert_int_equal(mirror(&(struct world){ .current = -1 }), 0);
	check(&(struct world){ .current = -1 }, 0);
	assert_true(is_there(at("prompts/a/b")));
}

static ino_t inode_of(int number)
{
	struct stat st;

	assert_int_equal(lstat(image_at(number), &st), 0);
	return st.st_ino;
}

static void test_pictures_move(void **state)
{
	static const struct world retired = {
		4, true, false, true, { { 1, 2 }, { 2, 3 }, { 3, 1 } }, 3 };
	static const struct world restored = { 2, true, true, true, { { 2, 3 }, { 3, 1 } }, 2 };
	/* Two restored while this host did not look: they take each other's places. */
	static const struct world turned = { 3, true, true, true, { { 2, 1 }, { 3, 2 } }, 2 };
	ino_t current, version;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	fill_all(&one);
	current = inode_of(0);
	version = inode_of(1);
	assert_int_equal(mirror(&retired), 0);
	check(&retired, 0);
	assert_true(is_here(1) && is_here(2) && is_here(3));
	assert_int_equal(inode_of(3), current);
	assert_int_equal(mirror(&restored), 0);
	check(&restored, 0);
	assert_true(is_here(0) && is_here(2) && is_here(3));
	assert_int_equal(inode_of(0), version);
	assert_int_equal(mirror(&turned), 0);
	check(&turned, 0);
	assert_true(is_here(0) && is_here(2) && is_here(3));
	assert_int_equal(inode_of(3), version);
}

/* Two generations of the same bytes: the one file that is here is one of them. */
static void test_same_bytes(void **state)
{
	static const struct world before = { .current = -1, .versions = { { 5, 1 } }, .count = 1 };
	static const struct world after = { TWIN_OF_1, true, true, true, { { 1, 1 } }, 1 };
	uint64_t changes;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&before), 0);
	fill_all(&before);
	assert_int_equal(mirror(&after), 0);
	check(&after, 0);
	assert_int_equal(is_here(0) + is_here(1), 1);
	changes = seed_store_changes(store);
	assert_int_equal(mirror(&after), 0);
	assert_int_equal(seed_store_changes(store), changes);
}

/* What a user removed at another host is removed here, and nothing else. */
static void test_removed_parts(void **state)
{
	struct world part = one;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	fill_all(&one);
	part.has_record = false;
	assert_int_equal(mirror(&part), 0);
	check(&part, 0);
	assert_true(is_here(0));
	part.has_prompt = false;
	assert_int_equal(mirror(&part), 0);
	check(&part, 0);
	part.has_record = true;
	assert_int_equal(mirror(&part), 0);
	check(&part, 0);
	assert_true(is_here(0));
	part.count = 1;
	put(at("history/%s/note", name), "a user's");
	put(at("history/%s/00009.json", name), "a user's");
	assert_int_equal(mirror(&part), 0);
	check(&part, 2);
}

/* A file of the same size that has lost its row or its time is read before it is believed. */
static void test_read_before_believed(void **state)
{
	static const struct timespec times[2] = { { 5, 0 }, { 5, 0 } };
	struct world world = { 3, true, true, true, { { 0, 0 } }, 0 };

	SEED_UNUSED(state);
	assert_int_equal(mirror(&world), 0);
	fill_all(&world);
	assert_int_equal(__real_utimensat(AT_FDCWD, image_at(0), times, 0), 0);
	assert_int_equal(mirror(&world), 0);
	check(&world, 0);
	assert_true(is_here(0));
	/* That of another, of this size, under our row. */
	put(image_at(0), "");
	assert_int_equal(truncate(image_at(0), (off_t)generations[3].len), 0);
	assert_int_equal(mirror(&world), 0);
	check(&world, 0);
	assert_false(is_here(0));
	/* And the picture where the row is a newer one's. */
	fill_all(&world);
	put(row_at(0), "{}");
	assert_int_equal(__real_utimensat(AT_FDCWD, image_at(0), times, 0), 0);
	assert_int_equal(mirror(&world), 0);
	check(&world, 0);
	assert_true(is_here(0));
}

static void make_result(int generation, const char *bytes, size_t len)
{
	int fd = seed_store_result_open(store, generations[generation].record.id);

	assert_true(fd >= 0);
	assert_int_equal(__real_write(fd, bytes, len), len);
	close(fd);
}

static void test_own_result(void **state)
{
	static const struct world world = { 5, true, true, true, { { 1, 6 } }, 1 };
	char other[PICTURE_BYTES + 3] = "not this", *data;
	size_t len;

	SEED_UNUSED(state);
	make_result(5, generations[5].bytes, generations[5].len);
	make_result(6, other, generations[6].len);
	assert_int_equal(mirror(&world), 0);
	check(&world, 2);
	assert_true(is_here(0));
	assert_false(is_here(1));
	/* Its generation may have yet to send it, whatever stands in images/ by then. */
	assert_int_equal(mirror(&(struct world){ 4, true, true, true, { { 1, 5 } }, 1 }), 0);
	assert_int_equal(seed_store_picture_read(store, &generations[5].record, &data, &len), 0);
	assert_int_equal(len, generations[5].len);
	free(data);
}

static void test_in_the_way(void **state)
{
	struct world world = one;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&(struct world){ .current = -1 }), 0);
	assert_int_equal(mkdir(at("images/a"), 0700), 0);
	assert_int_equal(mkdir(at("images/a/b"), 0700), 0);
	assert_int_equal(mkdir(at("images/%s.png", name), 0700), 0);
	assert_int_equal(mirror(&one), -EISDIR);
	files = 0;
	assert_int_equal(nftw(state_dir, count_file, 16, FTW_PHYS), 0);
	assert_int_equal(files, 0);
	world.has_image = false;
	assert_int_equal(mirror(&world), 0);
	assert_int_equal(rmdir(at("images/%s.png", name)), 0);
	check(&world, 0);
	/* A folder of that name is another's. */
	assert_int_equal(mirror(&(struct world){ .current = -1 }), 0);
	assert_int_equal(mkdir(at("prompts/%s", name), 0700), 0);
	assert_int_equal(mirror(&(struct world){ .current = -1 }), 0);
	assert_int_equal(mirror(&one), -EISDIR);
	assert_int_equal(rmdir(at("prompts/%s", name)), 0);
	(void)rmdir(at("history/%s", name));
	put(at("history/%s", name), "");
	assert_int_equal(mirror(&one), -ENOTDIR);
	assert_int_equal(unlink(at("history/%s", name)), 0);
	/* A link is replaced, not followed. */
	put(at("victim"), "kept");
	assert_int_equal(symlink(at("victim"), image_at(0)), 0);
	assert_int_equal(symlink(at("victim"), row_at(0)), 0);
	assert_int_equal(mirror(&one), 0);
	check(&one, 1);
}

static void test_impossible(void **state)
{
	static const struct seed_mirror_version twice[] = {
		{ 2, &generations[1].record }, { 2, &generations[2].record },
	};
	struct seed_record record = generations[1].record;
	struct seed_mirror wanted = { .versions = twice, .version_count = 2 };

	SEED_UNUSED(state);
	assert_int_equal(seed_store_mirror(store, name, &wanted), -EBADMSG);
	record.image.bytes = 0;
	wanted = (struct seed_mirror){ .current = &record, .has_image = true };
	assert_int_equal(seed_store_mirror(store, name, &wanted), -EBADMSG);
	check(&(struct world){ .current = -1 }, 0);
}

/* ---- whatever fails ---- */

struct change {
	const char *title;
	struct world before, after;
	bool result; /* this host's worker has made the current image of `after` */
};

static const struct change changes[] = {
	{ .title = "first", .before = { .current = -1 }, .after = { 1, true, true, true, { { 1, 2 } }, 1 }, .result = true },
	{ .title = "commit", .before = { 1, true, true, true, { { 1, 2 } }, 1 },
	  .after = { 4, true, false, true, { { 1, 2 }, { 2, 1 } }, 2 } },
	{ .title = "finish", .before = { 4, true, false, true, { { 2, 1 } }, 1 },
	  .after = { 4, true, true, true, { { 2, 1 } }, 1 }, .result = true },
	{ .title = "rewrite", .before = { 7, true, true, true, { { 0, 0 } }, 0 },
	  .after = { 1, true, true, true, { { 1, 7 } }, 1 } },
	{ .title = "restore", .before = { 7, true, true, true, { { 1, 1 }, { 2, 4 } }, 2 },
	  .after = { 1, true, true, true, { { 2, 4 }, { 3, 7 } }, 2 } },
	{ .title = "swap", .before = { 7, true, true, true, { { 1, 1 } }, 1 },
	  .after = { 1, true, true, true, { { 1, 7 } }, 1 } },
	{ .title = "turn", .before = { 1, true, true, true, { { 1, 4 }, { 2, 7 }, { 3, 13 }, { 4, 10 } }, 4 },
	  .after = { 7, true, true, true, { { 1, 1 }, { 2, 4 }, { 3, 10 }, { 4, 13 } }, 4 } },
	{ .title = "remove", .before = { 1, true, true, true, { { 1, 2 } }, 1 }, .after = { .current = -1 } },
	{ .title = "remove parts", .before = { 1, true, true, true, { { 1, 2 }, { 2, 4 } }, 2 },
	  .after = { 1, false, true, false, { { 2, 4 } }, 1 } },
	{ .title = "come back", .before = { 1, false, true, false, { { 0, 0 } }, 0 },
	  .after = { 1, true, true, true, { { 1, 2 } }, 1 } },
};

/* Pictures of `after` that are here before it: they are after it, too. */
static void check_kept(const struct change *change)
{
	const struct world *before = &change->before, *after = &change->after;

	for (size_t i = 0; i <= after->count; i++) {
		int wanted = i ? after->versions[i - 1].generation : after->current;
		bool was = before->current == wanted && before->has_image;

		if (wanted < 0 || (!i && !after->has_image))
			continue;
		for (size_t k = 0; k < before->count; k++)
			was = was || before->versions[k].generation == wanted;
		if (!i && change->result)
			was = true;
		if (was && !is_here(i ? after->versions[i - 1].number : 0))
			fail_msg("%s: picture %d is lost", now, wanted);
	}
}

static void prepare(const struct change *change)
{
	remove_tree(state_dir);
	remove_tree(shadow);
	assert_int_equal(mkdir(shadow, 0700), 0);
	start();
	assert_int_equal(mirror(&change->before), 0);
	fill_all(&change->before);
	if (change->result)
		make_result(change->after.current, generations[change->after.current].bytes,
			    generations[change->after.current].len);
	stop();
}

/* Its exit status: 0, 1 for an error, 2 where the call never came, STATE_CRASHED. */
static int run_child(const struct change *change, enum mode with, long when)
{
	errint_t err;

	start();
	if (with == MODE_POWER)
		assert_int_equal(nftw(state_dir, shadow_one, 16, FTW_PHYS), 0);
	fail_at = when;
	calls = 0;
	mode = (enum mode)with;
	err = mirror(&change->after);
	mode = MODE_NONE;
	if (calls < when)
		return 2;
	stop();
	return err ? 1 : 0;
}

static int run_forked(const struct change *change, enum mode with, long when)
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_child(change, with, when));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_change(void **state)
{
	const struct change *change = *state;

	for (int with = MODE_ENOSPC; with < MODE_COUNT; with++) {
		long stride = unit_stride(), when = with % stride + 1;

		for (int status = 0; status != 2; when += stride) {
			prepare(change);
			(void)snprintf(now, sizeof(now), "%s: %s at %ld", change->title,
				       mode_names[with], when);
			status = run_forked(change, (enum mode)with, when);
			assert_true(status <= 2 || status == STATE_CRASHED);
			invariant();
			start();
			assert_int_equal(mirror(&change->after), 0);
			stop();
			check(&change->after, change->result); /* it goes with its row */
			if (with != MODE_POWER)
				check_kept(change);
		}
		/* A removal needs no space. */
		assert_true(when > (with == MODE_ENOSPC ? 1 : 3));
	}
}

/* ---- any changes ---- */

static unsigned random_state;

static int chance(int of)
{
	random_state = random_state * 1103515245 + 12345;
	return (int)(random_state >> 16) % of;
}

static void retire(struct world *world)
{
	int number = world->count ? world->versions[world->count - 1].number + 1 : 1;

	if (world->current < 0 || !world->has_image)
		return;
	if (world->count == VERSIONS_MAX)
		memmove(world->versions, world->versions + 1,
			--world->count * sizeof(world->versions[0]));
	world->versions[world->count].number = number;
	world->versions[world->count++].generation = world->current;
}

static void remove_version(struct world *world, size_t i)
{
	memmove(&world->versions[i], &world->versions[i + 1],
		(--world->count - i) * sizeof(world->versions[0]));
}

static void change_world(struct world *world, int *generation)
{
	size_t i = world->count ? (size_t)chance((int)world->count) : 0;
	int restored;

	switch (chance(7)) {
	case 0: /* commit */
	case 1:
		retire(world);
		*generation = (*generation + 1) % GENERATIONS;
		world->current = *generation;
		world->has_prompt = world->has_record = true;
		world->has_image = false;
		break;
	case 2:
	case 3: /* finish */
		world->has_image = world->current >= 0;
		break;
	case 4: /* restore; the number may be used again */
		if (!world->count)
			break;
		restored = world->versions[i].generation;
		remove_version(world, i);
		retire(world);
		world->current = restored;
		world->has_image = world->has_record = true;
		break;
	case 5: /* remove a part */
		if (world->count && chance(2))
			remove_version(world, i);
		else if (world->has_image && chance(2))
			world->has_record = false;
		else
			world->has_prompt = false;
		break;
	default: /* remove all */
		if (chance(3) == 0)
			*world = (struct world){ .current = -1 };
	}
}

/* What is here before a call and wanted after it. */
static void test_any_changes(void **state)
{
	struct change change = { .before = { .current = -1 }, .after = { .current = -1 } };
	int generation = 0;

	SEED_UNUSED(state);
	random_state = (unsigned)getpid();
	for (int i = 0; i < 1000; i++) {
		struct world here;

		(void)snprintf(now, sizeof(now), "process %d, change %d", (int)getpid(), i);
		change_world(&change.after, &generation);
		if (chance(3) == 0)
			continue; /* this host does not look at each */
		here = change.after;
		assert_int_equal(mirror(&change.after), 0);
		check(&change.after, 0);
		check_kept(&change);
		if (chance(4)) {
			fill_all(&change.after);
			change.before = here;
		} else { /* some are placeholders; of those nothing is expected */
			change.before = (struct world){ .current = -1 };
		}
		check(&change.after, 0);
	}
}

/* ---- the bytes ---- */

static void test_fill(void **state)
{
	struct stat before, after;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(lstat(image_at(0), &before), 0);
	assert_int_equal(seed_store_picture_open(store, SEED_AREA_IMAGES, "a/b/fox.png"), -EAGAIN);
	assert_int_equal(seed_store_picture_open(store, SEED_AREA_IMAGES, "a/b/no.png"), -ENOENT);
	assert_int_equal(fill(0, 1), 0);
	assert_int_equal(lstat(image_at(0), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(after.st_mode & 07777, 0600);
	check_image(0, 1);
	assert_int_equal(fill(0, 1), -ESTALE);  /* it is no placeholder any more */
	assert_int_equal(fill(1, 1), -ESTALE);  /* of another size */
	assert_int_equal(fill(9, 1), -ESTALE);
	assert_false(is_here(1));
}

/* A picture that is not whole is not shown. */
static void test_fill_fails(void **state)
{
	static const struct world world = { 1, true, true, true, { { 0, 0 } }, 0 };
	int ended = 0;

	SEED_UNUSED(state);
	stop();
	for (int with = MODE_ENOSPC; with < MODE_COUNT; with++)
		for (long when = 1; ended != 2; when++) {
			prepare(&(struct change){ .before = { .current = -1 } });
			start();
			assert_int_equal(mirror(&world), 0);
			(void)snprintf(now, sizeof(now), "fill: %s at %ld", mode_names[with], when);
			fail_at = when;
			calls = 0;
			ended = 0;
			(void)fflush(NULL);
			if (with >= MODE_KILL) {
				pid_t pid = fork();

				if (pid == 0) {
					mode = MODE_KILL;
					_exit(fill(0, 1) || calls >= when ? 1 : 2);
				}
				assert_int_equal(waitpid(pid, &ended, 0), pid);
				ended = WEXITSTATUS(ended);
			} else {
				mode = (enum mode)with;
				ended = fill(0, 1) ? 1 : 0;
				mode = MODE_NONE;
				assert_int_equal(is_here(0), !ended);
				ended = calls < when ? 2 : ended;
			}
			invariant();
			assert_int_equal(mirror(&world), 0);
			fill_all(&world);
			check(&world, 0);
			assert_true(is_here(0));
			stop();
		}
	start();
}

static void test_who_opens_bytes(void **state)
{
	struct seed_thumb_files files_of;
	struct seed_record record;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(seed_store_image_copy(store, name, &(struct seed_image_info){ .bytes = 0 }, "0123456789abcdef"), -EAGAIN);
	assert_int_equal(seed_store_thumb_begin(store, SEED_AREA_IMAGES, "a/b/fox.png", &files_of),
			 -EAGAIN);
	assert_int_equal(seed_store_thumb_begin(store, SEED_AREA_HISTORY, "a/b/fox/0001.png",
						&files_of), -EAGAIN);
	check(&one, 0);
	/* A restored placeholder has its row, so it is the image; without one it is nothing. */
	assert_int_equal(seed_store_restore(store, "a/b/fox/0001.png", name, NULL), 0);
	assert_true(read_row(row_at(0), &record));
	assert_string_equal(record.image.sha256, generations[2].record.image.sha256);
	seed_record_release(&record);
	assert_int_equal(unlink(row_at(2)), 0);
	assert_int_equal(seed_store_restore(store, "a/b/fox/0002.png", name, NULL), -EAGAIN);
}

/* The engine's own end comes after the mirror has shown another host's. */
static void test_end_after_mirror(void **state)
{
	static const struct world world = { 1, true, true, true, { { 1, 2 } }, 1 };
	struct seed_record record = generations[1].record; /* borrows */
	char own[] = "a/b/fox";

	SEED_UNUSED(state);
	record.name = own;
	assert_int_equal(mirror(&world), 0);
	make_result(1, generations[1].bytes, generations[1].len);
	assert_int_equal(seed_store_finish(store, &record, false), 0);
	assert_int_equal(seed_store_checkpoint(store), 0);
	check(&world, 0);
	assert_true(is_here(0));
	assert_int_equal(mirror(&world), 0);
	check(&world, 0);
}

/* ---- eviction ---- */

static int refused_version;

static bool may_go(void *context, enum seed_area area, const char *path,
		   const struct seed_record *record)
{
	int *asked = context;

	(*asked)++;
	assert_true(record->image.bytes > 0);
	return area != SEED_AREA_HISTORY || !refused_version || !strstr(path, "/0001.png");
}

static void use(int number, time_t when)
{
	const struct timespec times[2] = { { when, 0 }, { .tv_nsec = UTIME_OMIT } };

	assert_int_equal(__real_utimensat(AT_FDCWD, image_at(number), times, 0), 0);
}

static uint64_t evict(uint64_t limit)
{
	uint64_t left = 0;
	int asked = 0;

	assert_int_equal(seed_store_evict(store, limit, may_go, &asked, &left), 0);
	return left;
}

static void try_evict(int cannot)
{
	const uint64_t all = generations[1].len + generations[2].len + generations[3].len;
	char byte;
	int fd;

	exchange_errno = cannot;
	assert_int_equal(mirror(&one), 0);
	fill_all(&one);
	use(0, 1000);
	use(1, 3000);
	use(2, 2000);
	assert_int_equal(evict(all), all);
	assert_true(is_here(0) && is_here(1) && is_here(2));
	fd = open(image_at(0), O_RDONLY);
	assert_int_equal(evict(all - 1), all - generations[1].len);
	assert_true(!is_here(0) && is_here(1) && is_here(2));
	check(&one, 0);
	/* Who has it open reads on. */
	assert_int_equal(__real_read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'p');
	close(fd);
	/* One that was used just now stays. */
	fd = open(image_at(2), O_RDONLY);
	seed_store_used(store, fd);
	close(fd);
	assert_int_equal(evict(generations[3].len), generations[3].len);
	assert_true(!is_here(1) && is_here(2));
	check(&one, 0);
	fill_all(&one);
	refused_version = 1;
	assert_int_equal(evict(0), generations[2].len);
	assert_true(!is_here(0) && is_here(1) && !is_here(2));
	refused_version = 0;
	exchange_errno = 0;
}

static void test_evict(void **state)
{
	SEED_UNUSED(state);
	try_evict(0);
	try_evict(EINVAL);
}

/* What nobody could have again, or the journal compares. */
static void test_evict_keeps(void **state)
{
	static const struct world world = { 1, true, true, true, { { 1, 2 } }, 1 };

	SEED_UNUSED(state);
	assert_int_equal(mirror(&world), 0);
	fill_all(&world);
	assert_int_equal(unlink(row_at(0)), 0);
	assert_int_equal(link(image_at(1), at("pending/other")), 0);
	assert_int_equal(evict(0), generations[1].len + generations[2].len);
	assert_true(is_here(0) && is_here(1));
}

/* Its thumbnail shows the same. */
static void test_evict_thumb(void **state)
{
	struct seed_thumb_files thumb;
	struct stat st;

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	fill_all(&one);
	assert_int_equal(seed_store_thumb_begin(store, SEED_AREA_IMAGES, "a/b/fox.png", &thumb), 0);
	assert_int_equal(__real_write(thumb.dest_fd, "thumb", 5), 5);
	close(thumb.source_fd);
	close(thumb.dest_fd);
	seed_store_thumb_end(store, &thumb, true);
	assert_int_equal(evict(0), 0);
	assert_int_equal(lstat(image_at(0), &st), 0);
	assert_int_not_equal(st.st_ino, thumb.file);
	assert_int_equal(seed_store_thumb_size(store, st.st_ino, (int64_t)st.st_mtim.tv_sec *
					       1000000000 + st.st_mtim.tv_nsec), 5);
	check(&one, 1);
	/* And goes with it. */
	assert_int_equal(mirror(&(struct world){ .current = -1 }), 0);
	check(&(struct world){ .current = -1 }, 0);
}

static void test_evict_fails(void **state)
{
	static const struct world world = { 1, true, true, true, { { 1, 2 } }, 1 };
	uint64_t left;
	int asked;

	SEED_UNUSED(state);
	for (int with = MODE_ENOSPC; with <= MODE_LASTING; with++)
		for (long when = 1;; when++) {
			(void)snprintf(now, sizeof(now), "evict: %s at %ld", mode_names[with], when);
			assert_int_equal(mirror(&world), 0);
			fill_all(&world);
			fail_at = when;
			calls = 0;
			mode = (enum mode)with;
			SEED_UNUSED(seed_store_evict(store, 0, may_go, &asked, &left) == 0);
			mode = MODE_NONE;
			/* tmp/ is emptied at the start. */
			stop();
			start();
			check(&world, 0);
			if (calls < when)
				break;
		}
}

/* ---- whose directory it is ---- */

static void test_bind(void **state)
{
	char host[SEED_STORE_HOST_BYTES], again[SEED_STORE_HOST_BYTES], *bucket = NULL;
	struct seed_error error = { 0 };

	SEED_UNUSED(state);
	assert_false(seed_store_is_bound(store, NULL));
	assert_int_equal(seed_store_bind(store, "s3://b/p", host, &error), 0);
	assert_int_equal(strlen(host), 16);
	assert_int_equal(strspn(host, "0123456789abcdef"), 16);
	stop();
	start();
	assert_int_equal(seed_store_bind(store, "s3://b/p", again, &error), 0);
	assert_string_equal(host, again);
	assert_int_equal(seed_store_bind(store, "s3://other", again, &error), -EBUSY);
	assert_non_null(strstr(error.message, "s3://b/p"));
	assert_true(seed_store_is_bound(store, &bucket));
	assert_string_equal(bucket, "s3://b/p");
	free(bucket);
	/* What came since does not matter. */
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(seed_store_bind(store, "s3://b/p", again, &error), 0);
	put(at("shared"), "{\"bucket\":\"s3://b/p\",\"host\":\"0123\"}");
	assert_int_equal(seed_store_bind(store, "s3://b/p", again, &error), -EBADMSG);
	assert_true(seed_store_is_bound(store, &bucket));
	assert_null(bucket);
}

static void test_bind_entries(void **state)
{
	char host[SEED_STORE_HOST_BYTES];
	struct seed_error error = { 0 };

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	assert_int_equal(seed_store_bind(store, "s3://b/p", host, &error), -ENOTEMPTY);
	assert_non_null(strstr(error.message, "--adopt"));
	assert_false(is_there(at("shared")));
	remove_tree(at("prompts/a"));
	remove_tree(at("images/a"));
	remove_tree(at("records/a"));
	remove_tree(at("history/a"));
	put(at("pending/0123456789abcdef.json"), "{}");
	assert_int_equal(seed_store_bind(store, "s3://b/p", host, &error), -ENOTEMPTY);
	assert_int_equal(unlink(at("pending/0123456789abcdef.json")), 0);
	assert_int_equal(seed_store_bind(store, "s3://b/p", host, &error), 0);
}

/* What is here is in the bucket, too; what is in flight is not. */
static void test_bind_adopted(void **state)
{
	char host[SEED_STORE_HOST_BYTES];
	struct seed_error error = { 0 };

	SEED_UNUSED(state);
	assert_int_equal(mirror(&one), 0);
	put(at("pending/0123456789abcdef.json"), "{}");
	assert_int_equal(seed_store_bind_adopted(store, "s3://b/p", &error), -ENOTEMPTY);
	assert_false(is_there(at("shared")));
	assert_int_equal(unlink(at("pending/0123456789abcdef.json")), 0);
	assert_int_equal(seed_store_bind_adopted(store, "s3://b/p", &error), 0);
	assert_int_equal(seed_store_bind(store, "s3://b/p", host, &error), 0);
	assert_int_equal(strlen(host), 16);
	assert_int_equal(seed_store_bind_adopted(store, "s3://b/p", &error), -EBUSY);
	assert_int_equal(seed_store_bind_adopted(store, "s3://other", &error), -EBUSY);
}

/* ---- without the right to read everything ---- */

static int chown_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(type);
	SEED_UNUSED(ftw);
	return lchown(path, NOBODY, NOBODY);
}

static int as_nobody(void)
{
	struct stat st;

	if (setgid(NOBODY) || setuid(NOBODY))
		return 3;
	start();
	if (seed_store_picture_open(store, SEED_AREA_IMAGES, "a/b/fox.png") != -EAGAIN ||
	    seed_store_open_file(store, SEED_AREA_IMAGES, "a/b/fox.png") != -EACCES)
		return 4;
	/* A stop while the bytes come. */
	if (chmod(image_at(1), S_IWUSR) || lstat(image_at(1), &st) ||
	    !seed_store_is_placeholder(&st))
		return 5;
	if (fill(0, 1) || fill(1, 2) || fill(2, 3))
		return 6;
	check(&one, 0);
	if (!is_here(0) || !is_here(1) || !is_here(2))
		return 7;
	if (evict(0) != 0 || mirror(&one))
		return 8;
	check(&one, 0);
	stop();
	return 0;
}

static void test_as_nobody(void **state)
{
	int status = 0;
	pid_t pid;

	SEED_UNUSED(state);
	if (geteuid() != 0)
		skip();
	assert_int_equal(mirror(&one), 0);
	stop();
	assert_int_equal(nftw(work, chown_one, 16, FTW_PHYS), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The next one opens as root what is root's. */
	remove_tree(state_dir);
	start();
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_store, tear_down)

int main(void)
{
	struct CMUnitTest tests[64] = {
		STORE_TEST(test_mirror), STORE_TEST(test_pictures_move),
		STORE_TEST(test_same_bytes), STORE_TEST(test_removed_parts),
		STORE_TEST(test_read_before_believed),
		STORE_TEST(test_own_result), STORE_TEST(test_in_the_way),
		STORE_TEST(test_impossible), STORE_TEST(test_any_changes), STORE_TEST(test_fill),
		STORE_TEST(test_fill_fails), STORE_TEST(test_who_opens_bytes),
		STORE_TEST(test_end_after_mirror),
		STORE_TEST(test_evict), STORE_TEST(test_evict_keeps), STORE_TEST(test_evict_thumb),
		STORE_TEST(test_evict_fails), STORE_TEST(test_bind), STORE_TEST(test_bind_entries),
		STORE_TEST(test_bind_adopted),
		STORE_TEST(test_as_nobody),
	};
	size_t count = 0;

	while (tests[count].test_func)
		count++;
	for (size_t i = 0; i < SEED_ARRAY_LEN(changes); i++)
		tests[count++] = (struct CMUnitTest){
			.name = changes[i].title,
			.test_func = test_change,
			.setup_func = set_up,
			.teardown_func = tear_down,
			.initial_state = (void *)(uintptr_t)&changes[i],
		};
	for (int i = 0; i < GENERATIONS; i++)
		make_generation(i);
	return _cmocka_run_group_tests("mirror", tests, count, NULL, NULL);
}
