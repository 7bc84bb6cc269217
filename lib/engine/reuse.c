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

/* What could not be looked at may be the image: a miss is paid for. Whatever else it is, it is not that image. */
bool reuse_is_lack(errint_t err)
{
	return seed_error_is_lack(err) || err == -ENOSPC || err == -EDQUOT;
}

static errint_t lack_or_none(errint_t err)
{
	return reuse_is_lack(err) ? err : -ENOENT;
}

/* 0, -ENOENT (it is not), or what is lacking. `made` is released by the caller in any case. */
static errint_t read_made(struct seed_engine *engine, const char *name,
			  const struct seed_record *wanted, struct seed_record *made)
{
	errint_t err = seed_store_record_read(engine->store, name, made);

	if (err)
		return lack_or_none(err);
	return made->state == SEED_STATE_VERIFIED && reuse_is_made_of(made, wanted) &&
	       seed_store_has_image(engine->store, name) ? 0 : -ENOENT;
}

errint_t reuse_look(struct seed_engine *engine, const char *name, const char *text,
		    char sum[SEED_SHA256_HEX_BYTES])
{
	struct seed_record made = { 0 }, wanted;
	errint_t err = generation_fill_record(engine, name, text, &wanted);

	if (!err)
		err = read_made(engine, name, &wanted, &made);
	if (!err)
		err = seed_store_image_check(engine->store, name, &made.image);
	memcpy(sum, made.image.sha256, SEED_SHA256_HEX_BYTES);
	seed_record_release(&wanted);
	seed_record_release(&made);
	return err ? lack_or_none(err) : 0;
}

bool reuse_has_copy(struct seed_engine *engine, const char *name, const char *text)
{
	struct seed_record made = { 0 }, wanted;
	char *names = NULL;
	const char *maker;
	int looks = LOOKS_MAX;
	errint_t err = generation_fill_record(engine, name, text, &wanted);
	bool has;

	if (!err)
		err = seed_store_reuse_names(engine->store, reuse_key(&wanted), &names);
	/* What lacks something for the look says so later. */
	has = reuse_is_lack(err);
	while (!err && !has && looks-- && (maker = take_name(names)) != NULL) {
		errint_t look = read_made(engine, maker, &wanted, &made);

		has = !look || reuse_is_lack(look);
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
	errint_t err = read_made(engine, name, wanted, &made);

	if (!err)
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
	int looks = LOOKS_MAX, damaged = DAMAGED_MAX;
	errint_t err, lack = 0;
	const char *maker;
	char *names;

	if (*name)
		return copy_from(engine, *name, wanted);
	err = seed_store_reuse_names(engine->store, reuse_key(wanted), &names);
	if (err)
		return lack_or_none(err);
	err = -ENOENT;
	while (err && looks-- && damaged && (maker = take_name(names)) != NULL) {
		err = copy_from(engine, maker, wanted);
		damaged -= err && err != -ENOENT;
		lack = reuse_is_lack(err) ? err : lack;
	}
	if (!err)
		err = seed_record_set(name, maker);
	free(names);
	return err && lack ? lack : err ? lack_or_none(err) : 0;
}

/* Of those that may wait, too, only what came before is waited for: so nothing waits for itself. After a restart an
 * older one may find a newer one under way. */
static bool makes(const struct generation *other, const struct generation *generation)
{
	return (other->phase > PHASE_REUSE || other->asked < generation->asked) && other != generation &&
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
		if (makes(g, generation) && (!maker || maker->shelved) &&
		    (g->phase > PHASE_QUEUED || !generation->waits_for_sent))
			maker = g;
	return maker;
}

bool reuse_is_sent(const struct generation *generation)
{
	const struct seed_engine *engine = generation->engine;

	for (struct generation *g = engine->generations; g && !engine->shared; g = g->next)
		if (g->phase > PHASE_QUEUED && makes(g, generation))
			return true;
	return false;
}
