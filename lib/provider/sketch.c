/* No service: the worker draws a landscape out of the prompt's words
 * (lib/image/). Only the name and `draws` are ever looked at. */
#include "lib/provider/list.h"
#include "lib/provider/reply.h"

static errint_t sketch_request(const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_task *task, struct seed_request *request)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	SEED_UNUSED(prompt);
	SEED_UNUSED(task);
	SEED_UNUSED(request);
	return -EOPNOTSUPP;
}

static void sketch_answer(const struct seed_provider_config *config,
			  const struct seed_params *params, struct seed_task *task,
			  const struct seed_response *response, const cJSON *json,
			  struct seed_step *step)
{
	SEED_UNUSED(config);
	SEED_UNUSED(params);
	SEED_UNUSED(task);
	SEED_UNUSED(response);
	SEED_UNUSED(json);
	seed_reply_fail(step, EIO, 0, "a sketch is not asked for");
}

static const char *default_model(const struct seed_provider_config *config)
{
	SEED_UNUSED(config);
	return "sketch";
}

const struct seed_provider seed_provider_sketch = {
	.name = "sketch",
	.auth = SEED_AUTH_NONE,
	.default_model = default_model,
	.draws = true,
	.request = sketch_request,
	.answer = sketch_answer,
};
