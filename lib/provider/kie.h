/* What the two APIs of kie.ai share. Internal to lib/provider/. */
#ifndef SEED_PROVIDER_KIE_H
#define SEED_PROVIDER_KIE_H

#include "lib/provider/ask.h"
#include "lib/provider/reply.h"
#include "lib/provider/size.h"

#define SEED_KIE_BASE "https://api.kie.ai"

/* The generation's parameters (CONTRACT section 3), as both APIs take them:
 * resolution, aspect_ratio, quality, steps, cfg_scale, guidance. False without
 * memory. */
bool seed_kie_add_params(cJSON *object, const struct seed_params *params,
			 const struct seed_size *size);

/* Every request but SUBMIT's. */
errint_t seed_kie_request(const struct seed_provider_config *config,
			  const struct seed_task *task, struct seed_request *request)
	SEED_MUST_CHECK;

/* Every answer; `missing` is the message of a submission whose answer holds
 * neither an image nor a task. */
void seed_kie_answer(struct seed_task *task, const struct seed_response *response,
		     const cJSON *json, struct seed_step *step, const char *missing);

#endif
