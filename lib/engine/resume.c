/* After a restart: takes up the generations in the journal. */
#include "lib/engine/internal.h"

/* A prompt that no service knows yet may be sent to any service. But one that was to be
 * drawn (sketch, or a dry run, which is in no list of providers) is not paid for, nor the
 * other way round: nobody asked for that. */
static bool may_be_asked_here(const struct seed_engine *engine, const struct seed_record *record)
{
	const struct seed_provider *provider =
		record->provider ? seed_provider_find(record->provider) : engine->config.provider;
	bool drawn = !provider || provider->draws;

	return drawn == engine->config.provider->draws && record->step &&
	       (strcmp(record->step, "queued") == 0 || strcmp(record->step, "adopt") == 0);
}

errint_t resume_row(struct seed_engine *engine, struct seed_record *record, bool newest)
{
	bool marked = record->superseded;
	bool refit = may_be_asked_here(engine, record) &&
		     (!record->provider || strcmp(record->provider, engine->config.provider->name) != 0);
	struct generation *generation = NULL;

	if (!refit || generation_ask_here(engine, record) == 0)
		generation = generation_new(engine, record, newest);
	if (!generation) {
		seed_record_release(record);
		return -ENOMEM;
	}
	generation->resumed = true;
	machine_start(generation, engine->shared ? PHASE_CLAIM : resume_phase(generation));
	/* Only the newer one's row says so, and that one may end before this. */
	if (!newest && !marked && !generation_is_over(generation))
		disk_step(generation, STEP_MARK);
	return 0;
}
