/* Every provider there is, in the order of the help text: lib/provider/NAME.c defines
 * seed_provider_NAME. */
#ifndef SEED_PROVIDER_LIST_H
#define SEED_PROVIDER_LIST_H

#include "lib/provider/provider.h"

#define SEED_PROVIDERS(_) \
	_(kie) \
	_(kie_image) \
	_(ark) \
	_(fal) \
	_(replicate) \
	_(openai) \
	_(automatic1111) \
	_(comfyui) \
	_(sketch)

#define SEED_PROVIDER_DECLARE(name) extern const struct seed_provider seed_provider_##name;
SEED_PROVIDERS(SEED_PROVIDER_DECLARE)

#endif
