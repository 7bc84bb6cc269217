/*
 * Objects in the store that only say where to look, so one too many is read in vain, and no more:
 *
 *     flight/ID/NAME   that generation is in flight, as a row of NAME's entry. Each host looks
 *                      through these now and then, and goes on with the rows of hosts that are gone.
 *                      It is there before anything is sent: what is paid for is found. One that did
 *                      not arrive is put again with the next step
 *     reuse/KEY        "ID NAME": the generation that made an image last; how it is taken before, and what
 *                      depends on that, is in shared_reuse.c
 *
 * No store removes an object on a condition. So what is removed has a key that nobody writes again:
 * with one key for a name, a removal that is late would take away what was said of a newer row.
 */
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/engine/internal.h"
#include "lib/s3/key.h"

/* Of one request. */
#define ASK_MS 20000

struct hint {
	struct hint *next, **link;
	struct shared *shared;
	struct seed_s3_op *op;
	char id[SEED_STORE_ID_BYTES]; /* of the generation that it tells of; "": of none */
	bool landed;                  /* it has ended since: the hint goes once it is there */
	char data[HINT_REUSE_BYTES];
};

static void hint_free(struct hint *hint)
{
	*hint->link = hint->next;
	if (hint->next)
		hint->next->link = hint->link;
	free(hint);
}

static void on_done(void *context, struct seed_s3_answer *answer)
{
	SEED_UNUSED(answer);
	hint_free(context);
}

static struct hint *hint_new(struct shared *shared, const char *data)
{
	struct hint *hint = calloc(1, sizeof(*hint));

	if (!hint)
		return NULL;
	hint->shared = shared;
	snprintf(hint->data, sizeof(hint->data), "%s", data);
	hint->next = shared->hints;
	hint->link = &shared->hints;
	if (hint->next)
		hint->next->link = &hint->next;
	shared->hints = hint;
	return hint;
}

static errint_t put(struct shared *shared, const char *key, const char *data, const char *id,
		    seed_s3_done_fn *done)
{
	struct hint *hint = hint_new(shared, data);
	struct seed_s3_put request = { .key = key };
	errint_t err;

	if (!hint)
		return -ENOMEM;
	snprintf(hint->id, sizeof(hint->id), "%s", id);
	request.data = hint->data;
	request.bytes = strlen(hint->data);
	err = seed_s3_put(shared->s3, &request, seed_clock_now_ms() + ASK_MS, done, hint, &hint->op);
	if (err)
		hint_free(hint);
	return err;
}

static void tell_generation(struct shared *shared, const char *id, const char *name, errint_t err)
{
	for (struct generation *g = shared->engine->generations; g; g = g->next) {
		if (strcmp(g->record.id, id) == 0) {
			shared->told(g, name, err);
			return;
		}
	}
}

static bool is_of(const struct hint *hint, const char *id, const char *name)
{
	return !hint->landed && strcmp(hint->id, id) == 0 && strcmp(hint->data, name) == 0;
}

bool hint_is_under_way(const struct shared *shared, const char *id, const char *name)
{
	for (const struct hint *hint = shared->hints; hint; hint = hint->next)
		if (is_of(hint, id, name))
			return true;
	return false;
}

static void on_told(void *context, struct seed_s3_answer *answer)
{
	struct hint of = *(struct hint *)context;

	hint_free(context);
	if (of.landed)
		hint_landed(of.shared, of.id, of.data);
	else if (!hint_is_under_way(of.shared, of.id, of.data)) /* else it is for that one to say */
		tell_generation(of.shared, of.id, of.data,
				answer->outcome == SEED_S3_DONE ? 0 : seed_s3_error(answer));
}

static errint_t flight_key(const char *id, const char *name, struct seed_buf *key)
{
	errint_t err;

	seed_buf_init(key, SEED_S3_KEY_MAX_BYTES);
	err = seed_buf_add(key, "flight/", strlen("flight/"));
	if (!err)
		err = seed_buf_add(key, id, strlen(id));
	if (!err)
		err = seed_buf_add(key, "/", 1);
	return err ? err : seed_s3_key_add_name(key, name);
}

errint_t hint_flight_parse(const char *key, char id[SEED_STORE_ID_BYTES], char name[SEED_STORE_PATH_BYTES])
{
	const char *at = key + strlen("flight/"), *slash;

	if (strncmp(key, "flight/", strlen("flight/")) != 0)
		return -EBADMSG;
	slash = strchr(at, '/');
	if (!slash || slash == at || (size_t)(slash - at) >= SEED_STORE_ID_BYTES)
		return -EBADMSG;
	memcpy(id, at, (size_t)(slash - at));
	id[slash - at] = '\0';
	if (seed_s3_key_name(slash + 1, strlen(slash + 1), name, SEED_STORE_PATH_BYTES))
		return -EBADMSG;
	return seed_text_check_stored_name(name) ? -EBADMSG : 0;
}

void hint_flight(struct shared *shared, const char *id, const char *name)
{
	struct seed_buf key;

	if (flight_key(id, name, &key) || put(shared, key.data, name, id, on_told))
		tell_generation(shared, id, name, -EHOSTUNREACH);
	seed_buf_release(&key);
}

static void remove_key(struct shared *shared, const char *key)
{
	struct hint *hint = hint_new(shared, "");

	if (hint && seed_s3_delete(shared->s3, key, seed_clock_now_ms() + ASK_MS, on_done, hint, &hint->op))
		hint_free(hint);
}

/* Two requests have no order on their way: one that is sent waits for the other's answer. */
static bool is_being_told(struct shared *shared, const char *id, const char *name)
{
	bool is = false;

	for (struct hint *hint = shared->hints; hint; hint = hint->next)
		if (is_of(hint, id, name))
			is = hint->landed = true;
	return is;
}

void hint_landed(struct shared *shared, const char *id, const char *name)
{
	struct seed_buf key;

	if (is_being_told(shared, id, name))
		return;
	if (flight_key(id, name, &key) == 0)
		remove_key(shared, key.data);
	seed_buf_release(&key);
}

void hint_reuse_key(uint64_t reuse, char key[HINT_KEY_BYTES])
{
	snprintf(key, HINT_KEY_BYTES, "reuse/%016llx", (unsigned long long)reuse);
}

void hint_reuse_body(const char *id, const char *name, char body[HINT_REUSE_BYTES])
{
	snprintf(body, HINT_REUSE_BYTES, "%s %s", id, name);
}

void hint_reuse(struct shared *shared, uint64_t reuse, const char *id, const char *name)
{
	char key[HINT_KEY_BYTES], body[HINT_REUSE_BYTES];

	hint_reuse_key(reuse, key);
	hint_reuse_body(id, name, body);
	SEED_UNUSED(put(shared, key, body, "", on_done) == 0); /* the text is generated again */
}

void hints_free(struct shared *shared)
{
	while (shared->hints) {
		if (shared->hints->op)
			seed_s3_cancel(shared->hints->op);
		hint_free(shared->hints);
	}
}
