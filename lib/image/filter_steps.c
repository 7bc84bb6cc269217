#define SEED_FILTER_LANES 16
#define SEED_FILTER_TARGET
#include "lib/image/filter_steps.h"

const struct seed_filter_steps seed_filter_steps = {add_costs, apply};
