/* The end: the image is put in its place, or the failure is written down. */
#include "lib/base/url.h"
#include "lib/engine/internal.h"

enum phase finish_enter(struct generation *generation)
{
	const struct event event = { .kind = EVENT_SUPERSEDED, .by = "the image of the first attempt" };
	struct generation *main = NULL;

	if (generation->record.state == SEED_STATE_VERIFIED)
		main = generation_take_over(generation);
	disk_step(generation, STEP_FINISH);
	/* It is behind it on the lane: so the name always belongs to one of them. */
	if (main)
		generation->engine->deliver(main, &event);
	return PHASE_STAY;
}

static void log_success(struct generation *generation)
{
	const struct seed_record *record = &generation->record;
	char *url = record->image_url ? seed_url_redacted(record->image_url) : NULL;
	double seconds = (double)generation_age_ms(generation) / 1000;

	if (generation->reuse_name) {
		generation_log(generation, SEED_LOG_SUCCESS "Reused: this text's image is verified "
			       "already, as %s", generation->reuse_name);
		free(url);
		return;
	}
	if (generation->adopting)
		generation_log(generation, "🖼️ [CALLBACK] Final image resolution: %ux%u",
			       record->image.width, record->image.height);
	else if (generation->engine->config.provider->draws)
		generation_log(generation, SEED_LOG_IMAGE "Image drawn here (%s)",
			       generation->engine->config.provider->dry_run ? "dry run" : "no service");
	else
		generation_log(generation, SEED_LOG_IMAGE "Image generated at: %s",
			       url ? url : "(in the answer itself)");
	generation_log(generation, SEED_LOG_SUCCESS "Ready after %.1f s: %llu bytes, source %s %ux%u, "
		       "fit %s%s", seconds, (unsigned long long)record->image.bytes,
		       record->source.format, record->source.width, record->source.height,
		       record->source.fit, record->superseded ? ", kept in history" : "");
	free(url);
}

/* A folder in the place of a file, or a file in the place of a folder: an earlier version
 * made it, or whoever changed the state directory. */
static bool is_in_way(errint_t err)
{
	return err == -EISDIR || err == -ENOTDIR;
}

enum phase finish_event(struct generation *generation, const struct event *event)
{
	struct generation *late = generation->late;
	int code = generation->record.error.code;

	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (event->err == -ESTALE) /* a failure of another host's */
		return PHASE_FOLLOW;
	if (event->err) {
		/* Those who wait learn what is known: a failure does not become better. */
		if (code)
			generation_answer(generation, code);
		return generation_hold(generation, -event->err, is_in_way(event->err) ?
				       "The outcome cannot be stored: rename what is in the place of "
				       "its image, its record or its history" :
				       "The outcome cannot be stored");
	}
	if (!code)
		log_success(generation);
	/* Superseded only now: by a newer prompt of another host. */
	generation_answer(generation, !code && generation->record.superseded ? ECANCELED : code);
	if (!code && !generation->record.superseded)
		thumbs_make(generation->engine, generation->record.name);
	generation_release_slot(generation);
	generation_part_from_late(generation);
	/* One whose image is on its way to the history may be there already. */
	if (code && late && generation->link_same && late->phase != PHASE_FINISH)
		generation_inherit(late, generation);
	generation_unlink_name(generation);
	generation_let_others_on(generation);
	return PHASE_GONE;
}

/* A row that stays would be taken up at the next mount. */
enum phase drop_event(struct generation *generation, const struct event *event)
{
	if (event->kind != EVENT_STEP)
		return PHASE_STAY;
	if (!event->err)
		return PHASE_GONE;
	generation_mark_again(generation, event->err);
	return PHASE_STAY;
}
