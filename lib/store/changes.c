/* Which names have changed lately: in memory, for those who follow the catalogue. */
#include "lib/base/clock.h"
#include "lib/store/internal.h"

/* Numbers also grow across mounts: a mount makes fewer than these in a second. With 15
 * digits they are exact in every JSON parser. */
#define FIRST_OF_SECOND 1000

void seed_store_changes_init(struct seed_store *store)
{
	pthread_mutex_init(&store->changes.mutex, NULL);
	store->changes.first = store->changes.last =
		(uint64_t)(seed_clock_wall_ms() / 1000) * FIRST_OF_SECOND;
}

/* With the mutex. */
static void note(struct seed_changes *changes, const char *name)
{
	size_t len = strlen(name);

	changes->last++;
	if (changes->last - changes->first > SEED_CHANGES_KEPT)
		changes->first = changes->last - SEED_CHANGES_KEPT;
	memcpy(changes->names[changes->last % SEED_CHANGES_KEPT], name, len + 1);
}

void seed_store_changed(struct seed_store *store, const char *name)
{
	pthread_mutex_lock(&store->changes.mutex);
	if (name && strlen(name) <= SEED_NAME_MAX_BYTES)
		note(&store->changes, name);
	else /* whoever saw an older state must read everything */
		store->changes.first = ++store->changes.last;
	pthread_mutex_unlock(&store->changes.mutex);
	seed_store_told(store, name);
}

void seed_store_told(struct seed_store *store, const char *name)
{
	if (store->changes.told)
		store->changes.told(store->changes.told_context, name);
}

void seed_store_tell(struct seed_store *store, seed_store_told_fn *told, void *context)
{
	store->changes.told = told;
	store->changes.told_context = context;
}

void seed_store_file_changed(struct seed_store *store, enum seed_area area, const char *path)
{
	char name[SEED_STORE_PATH_BYTES];
	const char *end = area == SEED_AREA_HISTORY ? strrchr(path, '/') : strrchr(path, '.');
	size_t len = end ? (size_t)(end - path) : strlen(path);

	if (len < sizeof(name)) {
		memcpy(name, path, len);
		name[len] = '\0';
	}
	seed_store_changed(store, len < sizeof(name) ? name : NULL);
}

uint64_t seed_store_changes(struct seed_store *store)
{
	uint64_t last;

	pthread_mutex_lock(&store->changes.mutex);
	last = store->changes.last;
	pthread_mutex_unlock(&store->changes.mutex);
	return last;
}

uint64_t seed_store_each_change(struct seed_store *store, seed_store_change_fn *each, void *context,
				uint64_t *first)
{
	struct seed_changes *changes = &store->changes;
	uint64_t last;

	pthread_mutex_lock(&changes->mutex);
	last = changes->last;
	*first = changes->first;
	for (uint64_t number = changes->first + 1; number <= last; number++)
		each(context, number, changes->names[number % SEED_CHANGES_KEPT]);
	pthread_mutex_unlock(&changes->mutex);
	return last;
}
