/*
 * Outcomes are durable in the journal before anybody hears of them, and stand in the
 * catalogue without an fsync; a checkpoint makes them durable there, as many as there
 * are with one fsync for each folder, and then removes their rows. Until then the row
 * is carried out again at a start.
 *
 * No such name is changed: whoever wants to runs a checkpoint first, so a row never
 * tells of what is old.
 */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* What a crash leaves to be carried out again at the start is so old, or so many. */
#define GATHER_SECONDS 1
#define GATHER_ROWS 32
/* Of a disk that comes and goes no more is told. */
#define TELL_MS 60000

static bool is_listed(struct seed_store *store, const char *id, const char *name)
{
	bool is = false;

	pthread_mutex_lock(&store->finished_mutex);
	for (size_t i = 0; i < store->finished_count && !is; i++)
		is = (!id || strcmp(store->finished[i].id, id) == 0) &&
		     (!name || strcmp(store->finished[i].name, name) == 0);
	pthread_mutex_unlock(&store->finished_mutex);
	return is;
}

static errint_t add(struct seed_store *store, char *name, const char *id)
{
	struct seed_finished *list = store->finished;

	if (store->finished_count == store->finished_alloc) {
		size_t alloc = store->finished_alloc ? 2 * store->finished_alloc : 16;

		list = realloc(list, alloc * sizeof(list[0]));
		if (!list)
			return -ENOMEM;
		store->finished = list;
		store->finished_alloc = alloc;
	}
	list += store->finished_count++;
	list->name = name;
	memcpy(list->id, id, sizeof(list->id));
	return 0;
}

errint_t seed_store_finished(struct seed_store *store, const struct seed_record *record)
{
	char *name;
	errint_t err;

	if (is_listed(store, record->id, NULL))
		return 0;
	name = strdup(record->name);
	if (!name)
		return -ENOMEM;
	pthread_mutex_lock(&store->finished_mutex);
	err = add(store, name, record->id);
	pthread_mutex_unlock(&store->finished_mutex);
	if (err)
		free(name);
	return err;
}

/* ---- the checkpoint ---- */

/* The row in the journal says what a file lacks whose fsync failed. */
static errint_t write_again(struct seed_store *store, const struct seed_finished *entry)
{
	char file[SEED_PENDING_NAME_BYTES];
	struct seed_record record;
	errint_t err;

	seed_store_pending_name(file, entry->id, ".json");
	err = seed_store_pending_read(store, file, &record);
	if (!err)
		err = seed_store_record_write(store, &record, true);
	if (!err && *record.request)
		err = seed_store_prompt_place(store, record.name, record.request,
					      record.prompt_time);
	seed_record_release(&record);
	return err;
}

static errint_t sync_files(struct seed_store *store, const struct seed_finished *entry)
{
	char row[SEED_STORE_PATH_BYTES];
	errint_t err;

	if (!seed_store_record_path(entry->name, row))
		return -ENAMETOOLONG;
	err = seed_files_sync_file(store->areas[SEED_AREA_RECORDS], row);
	if (!err || err == -ENOENT)
		err = seed_files_sync_file(store->areas[SEED_AREA_PROMPTS], entry->name);
	return !err || err == -ENOENT || err == -ENOTDIR ? 0 : write_again(store, entry);
}

static bool is_beside(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t len = x ? (size_t)(x - a) : 0;

	return len == (y ? (size_t)(y - b) : 0) && memcmp(a, b, len) == 0;
}

/* The folders that the entry is in, but for those that an earlier one is in. */
static errint_t sync_folders(struct seed_store *store, const struct seed_finished *list, size_t i)
{
	static const enum seed_area areas[] = {
		SEED_AREA_IMAGES, SEED_AREA_RECORDS, SEED_AREA_PROMPTS,
	};
	errint_t err = 0;

	for (size_t j = 0; j < i; j++)
		if (is_beside(list[j].name, list[i].name))
			return list[j].folders_err;
	for (size_t a = 0; a < SEED_ARRAY_LEN(areas) && !err; a++) {
		err = seed_files_sync_parent(store->areas[areas[a]], list[i].name);
		/* A callback's image needs no folder in prompts/: a prompt may have that name by now. */
		if (err == -ENOENT || err == -ENOTDIR)
			err = 0;
	}
	return err;
}

/* What fails for one entry is that one's `err`: its row stays, and no other waits for it. Else -errno, and all
 * rows are as they were. */
static errint_t make_durable(struct seed_store *store, struct seed_finished *list, size_t count)
{
	errint_t err;

	for (size_t i = 0; i < count; i++)
		list[i].err = sync_files(store, &list[i]);
	for (size_t i = 0; i < count; i++) {
		list[i].folders_err = sync_folders(store, list, i);
		if (!list[i].err)
			list[i].err = list[i].folders_err;
	}
	err = seed_store_spent_sync(store);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (!list[i].err)
			list[i].err = seed_store_row_remove(store, list[i].id);
	return seed_store_sync_pending(store);
}

static struct seed_finished *copy_list(struct seed_store *store, size_t *count)
{
	struct seed_finished *list = NULL;

	pthread_mutex_lock(&store->finished_mutex);
	*count = store->finished_count;
	if (*count)
		list = malloc(*count * sizeof(list[0]));
	if (list)
		memcpy(list, store->finished, *count * sizeof(list[0]));
	pthread_mutex_unlock(&store->finished_mutex);
	return list;
}

/* Drops those of `list`, which are the first `count`, that have no error. The first that has one, or NULL. */
static const struct seed_finished *drop_durable(struct seed_store *store, const struct seed_finished *list,
						size_t count)
{
	const struct seed_finished *failed = NULL;
	size_t kept = 0;

	pthread_mutex_lock(&store->finished_mutex);
	for (size_t i = 0; i < count; i++) {
		if (list[i].err) {
			failed = failed ? failed : &list[i];
			store->finished[kept++] = store->finished[i];
		} else {
			free(store->finished[i].name);
		}
	}
	store->finished_count -= count - kept;
	memmove(store->finished + kept, store->finished + count,
		(store->finished_count - kept) * sizeof(store->finished[0]));
	pthread_mutex_unlock(&store->finished_mutex);
	return failed;
}

/* Whoever looks for a disk that fails finds when that began and when it was over, not each
 * try. With the mutex. */
static void tell(struct seed_store *store, const char *name, errint_t err)
{
	int64_t now_ms = seed_clock_now_ms();

	if (err && !store->checkpoint_fails &&
	    (!store->checkpoint_told_ms || now_ms - store->checkpoint_told_ms >= TELL_MS)) {
		store->checkpoint_fails = true;
		store->checkpoint_told_ms = now_ms;
		seed_store_note(store, "The catalogue cannot be made durable%s%s: %s (%s); kept in the journal "
				"and tried again", name ? " for " : "", name ? name : "", strerror(-err),
				seed_error_name(-err));
	} else if (!err && store->checkpoint_fails) {
		store->checkpoint_fails = false;
		if (store->reporter)
			seed_log_line(store->reporter, NULL, SEED_LOG_IMAGE
				      "The catalogue is durable again");
	}
}

errint_t seed_store_checkpoint(struct seed_store *store)
{
	const struct seed_finished *failed = NULL;
	struct seed_finished *list;
	size_t count;
	errint_t err;

	pthread_mutex_lock(&store->checkpoint_mutex);
	/* Its names stay: only a checkpoint takes them out. */
	list = copy_list(store, &count);
	if (list)
		err = make_durable(store, list, count);
	else
		err = count ? -ENOMEM : seed_store_spent_sync(store);
	if (!err && count)
		failed = drop_durable(store, list, count);
	if (failed)
		err = failed->err;
	tell(store, failed ? failed->name : NULL, err);
	free(list);
	pthread_mutex_unlock(&store->checkpoint_mutex);
	return err;
}

/* Until then outcomes gather, unless there are so many. */
static void wait_for_more(struct seed_store *store)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += GATHER_SECONDS;
	while (!store->closing && store->finished_count < GATHER_ROWS &&
	       !pthread_cond_timedwait(&store->finished_cond, &store->finished_mutex, &until))
		;
}

static void *checkpointer(void *argument)
{
	struct seed_store *store = argument;

	pthread_mutex_lock(&store->finished_mutex);
	while (!store->closing) {
		if (!store->finished_count) {
			pthread_cond_wait(&store->finished_cond, &store->finished_mutex);
			continue;
		}
		wait_for_more(store);
		pthread_mutex_unlock(&store->finished_mutex);
		/* One that fails is tried again. */
		if (seed_store_checkpoint(store))
			sleep(GATHER_SECONDS);
		pthread_mutex_lock(&store->finished_mutex);
	}
	pthread_mutex_unlock(&store->finished_mutex);
	return NULL;
}

void seed_store_checkpoint_soon(struct seed_store *store)
{
	sigset_t all, before;

	pthread_mutex_lock(&store->finished_mutex);
	if (!store->has_checkpointer) {
		/* Signals belong to the main thread. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		store->has_checkpointer = !pthread_create(&store->checkpointer, NULL, checkpointer,
							  store);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_cond_signal(&store->finished_cond);
	pthread_mutex_unlock(&store->finished_mutex);
}

errint_t seed_store_free_name(struct seed_store *store, const char *name)
{
	errint_t err = is_listed(store, NULL, name) ? seed_store_checkpoint(store) : 0;

	return err && is_listed(store, NULL, name) ? err : 0;
}

errint_t seed_store_free_id(struct seed_store *store, const char *id)
{
	errint_t err = is_listed(store, id, NULL) ? seed_store_checkpoint(store) : 0;

	return err && is_listed(store, id, NULL) ? err : 0;
}

errint_t seed_store_forget(struct seed_store *store, const char *id)
{
	errint_t err;

	if (is_listed(store, id, NULL))
		return seed_store_free_id(store, id);
	err = seed_store_spent_sync(store);
	if (!err)
		err = seed_store_row_remove(store, id);
	/* One that came back after a crash would be carried out over what was
	 * done to its name since. */
	return err ? err : seed_store_sync_pending(store);
}
