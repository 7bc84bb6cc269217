/* Images that the store has, too, are kept here up to `cache_size`: those that were used
 * last. */
#include "lib/engine/internal.h"

/* A look through all images is worth it for so much; and of a small cache for an eighth, since that is
 * how much more may be kept. */
#define LOOK_BYTES_MIN (INT64_C(64) << 20)

struct eviction {
	struct command report; /* first */
	struct seed_disk_job disk;
	struct seed_engine *engine;
	uint64_t left;
	errint_t err;
};

/* What is in images/ or history/ is in the store: it is sent there before it is placed. */
static bool may_go(void *context, enum seed_area area, const char *path, const struct seed_record *record)
{
	SEED_UNUSED(context);
	SEED_UNUSED(area);
	SEED_UNUSED(path);
	SEED_UNUSED(record);
	return true;
}

static void evict(struct seed_disk_job *disk)
{
	struct eviction *eviction = (struct eviction *)((char *)disk - offsetof(struct eviction, disk));
	struct seed_engine *engine = eviction->engine;

	eviction->err = seed_store_evict(engine->store, (uint64_t)engine->config.shared->cache_bytes, may_go,
					 NULL, &eviction->left);
	engine_post(engine, &eviction->report);
}

static int64_t look_bytes(const struct seed_engine *engine)
{
	int64_t eighth = engine->config.shared->cache_bytes / 8;

	return eighth < LOOK_BYTES_MIN ? eighth : LOOK_BYTES_MIN;
}

static void evicted(struct seed_engine *engine, struct command *command)
{
	struct eviction *eviction = (struct eviction *)command;
	struct shared *shared = engine->shared;

	engine->steps_running--;
	engine->steps_beside--;
	shared->evicting = false;
	/* What was added meanwhile counts on. */
	if (!eviction->err)
		shared->room_bytes = engine->config.shared->cache_bytes - (int64_t)eviction->left;
	if (shared->room_bytes < look_bytes(engine))
		shared->room_bytes = look_bytes(engine);
	free(eviction);
}

void cache_added(struct seed_engine *engine, uint64_t bytes)
{
	struct shared *shared = engine->shared;
	struct eviction *eviction;

	if (!shared || !engine->reader)
		return;
	shared->room_bytes -= (int64_t)bytes;
	if (shared->room_bytes > 0 || shared->evicting || engine->stopping)
		return;
	eviction = calloc(1, sizeof(*eviction));
	if (!eviction)
		return;
	eviction->engine = engine;
	eviction->disk.run = evict;
	eviction->report.run = evicted;
	shared->evicting = true;
	/* It takes minutes with many files, and takes each in one step, wherever it is by then. */
	engine->steps_running++;
	engine->steps_beside++;
	seed_disk_submit(engine->reader, READER_CACHE, &eviction->disk);
}
