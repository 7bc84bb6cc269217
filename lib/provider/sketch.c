/* No service: a worker draws a landscape from the words of the prompt (lib/sketch/). */
#include "lib/provider/list.h"

const struct seed_provider seed_provider_sketch = {
	.name = "sketch",
	.auth = SEED_AUTH_NONE,
	.default_model = "sketch",
	.draws = true,
};
