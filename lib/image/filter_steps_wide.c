/* The steps with vectors of 32 bytes. */
#ifdef __x86_64__
#define SEED_FILTER_LANES 32
#define SEED_FILTER_TARGET __attribute__((target("avx2")))
#else
#define SEED_FILTER_LANES 16
#define SEED_FILTER_TARGET
#endif
#include "lib/image/filter_steps.h"

const struct seed_filter_steps seed_filter_steps_wide = {add_costs, apply};
