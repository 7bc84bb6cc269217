/* Looks through the names that are said to have rows in flight (hints.c): where the host of
 * one is gone, another goes on with it although nobody asks for the name. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/s3/key.h"

/* Of a page of names. */
#define PAGE_MS 20000
/* Pages of one look: the rest is looked through by the next. */
#define NAMES_MAX SEED_S3_PAGE_MAX

static int64_t next_ms(const struct seed_engine *engine)
{
	int64_t lease_ms = (int64_t)engine->shared->lease_s * 1000;

	/* Not all hosts at once. */
	return seed_clock_now_ms() + lease_ms / 2 + lease_ms / 2 * seed_clock_chance() / UINT16_MAX;
}

struct scan_watch {
	struct refresh_watch watch; /* first */
	char id[SEED_STORE_ID_BYTES];
	char name[SEED_STORE_PATH_BYTES];
};

/* A hint that its host did not remove is read by every host, again and again. */
static void was_read(struct seed_engine *engine, struct refresh_watch *watch, errint_t err)
{
	const struct scan_watch *scan = (struct scan_watch *)watch;

	SEED_UNUSED(err);
	if (watch->landed)
		hint_landed(engine->shared, scan->id, scan->name);
	free(watch);
}

static void look_at(struct seed_engine *engine, const char *key)
{
	struct scan_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return;
	watch->watch.done = was_read;
	watch->watch.row = watch->id;
	if (hint_flight_parse(key, watch->id, watch->name) ||
	    !refresh_name(engine, watch->name, false, &watch->watch))
		free(watch);
}

/* What is in flight for less than a lease has its host, or will be looked at the next time. */
static bool is_old(const struct seed_engine *engine, const struct seed_s3_answer *answer, size_t i)
{
	const struct seed_s3_listing *page = answer->listing;

	/* Both times are the store's. */
	return !page->times_s || !page->times_s[i] || !answer->date_s ||
	       page->times_s[i] + engine->shared->lease_s < answer->date_s;
}

static void on_page(void *context, struct seed_s3_answer *answer)
{
	struct seed_engine *engine = context;
	struct shared *shared = engine->shared;

	shared->scan = NULL;
	shared->scan_ms = next_ms(engine);
	if (answer->outcome != SEED_S3_DONE)
		return;
	for (size_t i = 0; i < answer->listing->key_count; i++)
		if (is_old(engine, answer, i))
			look_at(engine, answer->listing->keys[i]);
	/* The next look begins behind the last, and then from the first again. */
	shared->scan_after[0] = '\0';
	if (answer->listing->more)
		snprintf(shared->scan_after, sizeof(shared->scan_after), "%s",
			 answer->listing->keys[answer->listing->key_count - 1]);
}

int64_t scan_turn(struct seed_engine *engine, int64_t now)
{
	struct shared *shared = engine->shared;
	const struct seed_s3_list list = { .prefix = "flight/", .after = shared->scan_after, .most = NAMES_MAX };

	if (!shared->scan_ms)
		shared->scan_ms = next_ms(engine);
	if (shared->scan || engine->stopping)
		return INT64_MAX;
	if (now >= shared->scan_ms &&
	    seed_s3_list(shared->s3, &list, now + PAGE_MS, on_page, engine, &shared->scan))
		shared->scan_ms = next_ms(engine);
	return shared->scan ? INT64_MAX : shared->scan_ms;
}
