/* -o reuse: a text whose image is verified under the same settings is answered
 * with that image. state/reuse/KEY has the names that may have it; the row of each says whether
 * it still applies. */
#include "lib/base/text.h"
#include "lib/engine/internal.h"

/* The list is a file: of more names it does not help to look, nor of more images that turn out to be others. */
enum { LOOKS_MAX = 16384, DAMAGED_MAX = 8 };

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The settings that the image was asked for with first; a retry's are ours. */
bool reuse_is_made_of(const struct seed_record *made, const struct seed_record *wanted)
{
	struct seed_params asked;

	if (made->attempt_count == 0)
		return false;
	asked = *made->params; /* borrows its texts */
	asked.steps = made->attempts[0].steps;
	asked.cfg_scale = made->attempts[0].cfg_scale;
	return seed_params_same(&asked, wanted->params) &&
	       reuse_same_provider(made, wanted) &&
	       same_text(made->prompt, wanted->prompt);
}

/* Takes the last one off the list. NULL: there is none. */
static const char *take_name(char *names)
{
	char *line;

	while (names && (line = strrchr(names, '\n')) != NULL) {
		*line = '\0';
		if (seed_text_check_name(line + 1) == 0)
			return line + 1;
	}
	return NULL;
}

/* `made` is released by the caller in any case. */
static bool is_made_as(struct seed_engine *engine, const char *name,
		       const struct seed_record *wanted, struct seed_record *made)
{
	return seed_store_record_read(engine->store, name, made) == 0 &&
	       made->state == SEED_STATE_VERIFIED && reuse_is_made_of(made, wanted) &&
	       seed_store_has_image(engine->store, name);
}

bool reuse_is_made(struct seed_engine *engine, const char *name, const char *text,
		   char sum[SEED_SHA256_HEX_BYTES])
{
	struct seed_record made = { 0 }, wanted;
	errint_t err;
	bool same;

	same = generation_fill_record(engine, name, text, &wanted) == 0 &&
	       is_made_as(engine, name, &wanted, &made);
	/* A lack of something here costs nothing. */
	err = same ? seed_store_image_check(engine->store, name, &made.image) : 0;
	same = same && (!err || err == -EMFILE || err == -ENFILE || err == -ENOMEM);
	memcpy(sum, made.image.sha256, SEED_SHA256_HEX_BYTES);
	seed_record_release(&wanted);
	seed_record_release(&made);
	return same;
}

bool reuse_has_copy(struct seed_engine *engine, const char *name, const char *text)
{
	struct seed_record made = { 0 }, wanted;
	char *names = NULL;
	const char *maker;
	int looks = LOOKS_MAX;
	bool has = false;

	if (generation_fill_record(engine, name, text, &wanted) == 0)
		names = seed_store_reuse_names(engine->store, reuse_key(&wanted));
	while (!has && looks-- && (maker = take_name(names)) != NULL) {
		has = is_made_as(engine, maker, &wanted, &made);
		seed_record_release(&made);
	}
	free(names);
	seed_record_release(&wanted);
	return has;
}

errint_t reuse_take_facts(struct seed_record *to, const struct seed_record *from)
{
	errint_t err = seed_record_reserve_attempts(to);
	struct seed_error error;

	if (err)
		return err;
	to->image = from->image;
	to->source = from->source;
	to->attempt_count = 1;
	to->attempts[0] = from->attempts[0];
	to->attempts[0].task_id = NULL;
	to->attempts[0].error = (struct seed_kept_error){ 0 };
	if (from->attempts[0].error.code) { /* a retry's image */
		seed_error_recall(&from->attempts[0].error, &error);
		seed_error_keep(&to->attempts[0].error, &error);
	}
	to->started_ms = from->started_ms;
	to->cost = -1; /* nothing was paid for this one */
	err = seed_record_set(&to->image_url, from->image_url);
	if (!err)
		err = seed_record_set(&to->task_id, from->task_id);
	return err;
}

static errint_t copy_from(struct seed_engine *engine, const char *name, struct seed_record *wanted)
{
	struct seed_record made = { 0 };
	errint_t err = -ENOENT;

	if (is_made_as(engine, name, wanted, &made))
		err = seed_store_image_copy(engine->store, name, &made.image, wanted->id);
	/* Its bytes are in the store that hosts share. */
	if (err == -EAGAIN && engine->shared)
		err = 0;
	if (!err)
		err = reuse_take_facts(wanted, &made);
	seed_record_release(&made);
	return err;
}

errint_t reuse_copy(struct seed_engine *engine, struct seed_record *wanted, char **name)
{
	errint_t err = -ENOENT;
	const char *maker;
	int looks = LOOKS_MAX, damaged = DAMAGED_MAX;
	char *names;

	if (*name)
		return copy_from(engine, *name, wanted);
	names = seed_store_reuse_names(engine->store, reuse_key(wanted));
	while (err && looks-- && damaged && (maker = take_name(names)) != NULL) {
		err = copy_from(engine, maker, wanted);
		damaged -= err && err != -ENOENT;
	}
	if (!err)
		err = seed_record_set(name, maker);
	free(names);
	return err;
}

/* Only what came before is waited for: so nothing waits for itself. */
static bool makes(const struct generation *other, const struct generation *generation)
{
	return other->asked < generation->asked &&
	       reuse_is_making(other, generation->reuse_key, &generation->record);
}

bool reuse_waits_for(const struct generation *generation, const struct generation *maker)
{
	return generation->phase == PHASE_REUSE && generation->waits_for_same && makes(maker, generation);
}

bool reuse_would_wait(const struct seed_engine *engine, const struct seed_record *wanted)
{
	const uint64_t key = engine->config.reuse ? reuse_key(wanted) : 0;

	for (const struct generation *g = engine->generations; g && key && !engine->shared; g = g->next)
		if (reuse_is_making(g, key, wanted))
			return true;
	return false;
}

struct generation *reuse_maker(const struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;
	struct generation *maker = NULL;

	for (struct generation *g = engine->generations; g && !engine->shared; g = g->next)
		if (makes(g, generation) && (!maker || maker->shelved))
			maker = g;
	return maker;
}
