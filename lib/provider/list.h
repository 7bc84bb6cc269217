/* Every provider there is; provider.c puts them into one table. */
#ifndef SEED_PROVIDER_LIST_H
#define SEED_PROVIDER_LIST_H

#include "lib/provider/provider.h"

extern const struct seed_provider seed_provider_kie;
extern const struct seed_provider seed_provider_kie_image;
extern const struct seed_provider seed_provider_ark;
extern const struct seed_provider seed_provider_fal;
extern const struct seed_provider seed_provider_replicate;
extern const struct seed_provider seed_provider_openai;
extern const struct seed_provider seed_provider_automatic1111;
extern const struct seed_provider seed_provider_comfyui;
extern const struct seed_provider seed_provider_sketch;

#endif
