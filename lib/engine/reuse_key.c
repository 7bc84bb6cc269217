/* What two rows ask for, compared as -o reuse compares it. */
#include "lib/engine/internal.h"

static uint64_t mix(uint64_t hash, const char *text)
{
	hash ^= seed_disk_lane(text ? text : "");
	return hash * 1099511628211u;
}

uint64_t reuse_key(const struct seed_record *record)
{
	const struct seed_params *params = record->params;
	bool tried = record->attempt_count > 0; /* a retry's settings are ours */
	uint64_t hash = 14695981039346656037u;
	char numbers[128];

	/* KEY only says where to look: what is there is compared. */
	snprintf(numbers, sizeof(numbers), "%dx%d %d %g %d %lld", params->width, params->height,
		 tried ? record->attempts[0].steps : params->steps,
		 tried ? record->attempts[0].cfg_scale : params->cfg_scale, params->has_seed,
		 (long long)params->seed);
	hash = mix(hash, numbers);
	hash = mix(hash, params->quality);
	hash = mix(hash, record->prompt);
	hash = mix(hash, params->model);
	hash = mix(hash, params->guidance);
	hash = mix(hash, params->style);
	return mix(hash, params->negative_prompt);
}

bool reuse_same_provider(const struct seed_record *a, const struct seed_record *b)
{
	return strcmp(a->provider ? a->provider : "", b->provider ? b->provider : "") == 0;
}

bool reuse_is_making(const struct generation *other, uint64_t key, const struct seed_record *wanted)
{
	return other->reuse_key == key && !other->record.superseded && !other->adopting &&
	       !generation_is_over(other) && (!generation_has_failed(other) || other->late) &&
	       reuse_same_provider(&other->record, wanted);
}
