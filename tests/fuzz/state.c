/*
 * Fuzz target: a state directory into which somebody put a file: the first byte
 * says whether it is a row of the journal, a move, or the count of submissions.
 * The next start settles, reads and judges it. A file beside the directory must be
 * what it was, and so must the entry in it that nothing named rightly.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/store/store.h"

#define ID "0000000000000abc"

static char base[64], state[96], outside[96];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(flag);
	SEED_UNUSED(ftw);
	return remove(path);
}

static void clean(void)
{
	(void)nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	close(fd);
}

static void put_in_state(const char *name, const void *data, size_t len)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", state, name);
	put(path, data, len);
}

static errint_t take(void *context, struct seed_record *record, bool newest)
{
	SEED_UNUSED(context);
	SEED_UNUSED(newest);
	CHECK(!seed_text_check_stored_name(record->name));
	CHECK(record->id && strlen(record->id) == SEED_STORE_ID_BYTES - 1 && record->step);
	seed_record_release(record);
	return 0;
}

static void start(void)
{
	struct seed_error error = {0};
	struct seed_store *store = NULL;
	struct seed_spent spent;
	errint_t err;

	CHECK(!seed_store_open(state, &store, &error));
	err = seed_store_spent_read(store, &spent);
	CHECK(err == 0 || err == -EBADMSG || err == -EFBIG);
	CHECK(err || (spent.day >= 0 && spent.count >= 0));
	CHECK(!seed_store_recover(store, take, NULL, &error));
	seed_store_close(store);
}

static void once(void)
{
	(void)snprintf(base, sizeof(base), "%s/seed-fuzz-XXXXXX",
		       access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	CHECK(mkdtemp(base));
	(void)snprintf(state, sizeof(state), "%s/state", base);
	(void)snprintf(outside, sizeof(outside), "%s/victim", base);
	atexit(clean);
	put(outside, "mine", 4);
	CHECK(!mkdir(state, 0700));
	start();
}

static void check_outside(void)
{
	char text[8] = {0};
	int fd = open(outside, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 4 && !memcmp(text, "mine", 4));
	close(fd);
}

/* Nothing but the state directory and the victim stands beside it. */
static void check_beside(void)
{
	DIR *dir = opendir(base);
	int count = 0;

	CHECK(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	CHECK(count == 4);
}

/* What the last input left must not speak for the next one. */
static void empty_pending(void)
{
	char path[160];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/pending", state);
	dir = opendir(path);
	CHECK(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = {"pending/" ID ".move", "pending/" ID ".json", "spent"};

	if (!len)
		return 0;
	if (!base[0])
		once();
	put_in_state("prompts/a", "a fox", 5);
	put_in_state("images/a.png", "a picture", 9);
	put_in_state(names[data[0] % SEED_ARRAY_LEN(names)], data + 1, len - 1);
	start();
	check_outside();
	check_beside();
	empty_pending();
	return 0;
}
