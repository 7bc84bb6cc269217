/* Not written yet: every charge fails. */
#include "lib/share/farmer.h"

#include <stdlib.h>

struct seed_farmer {
	struct seed_farm farm;
};

errint_t seed_farmer_new(struct seed_s3 *s3, const char *host, const struct seed_farmer_config *config,
			 struct seed_farmer **out)
{
	SEED_UNUSED(s3);
	SEED_UNUSED(host);
	SEED_UNUSED(config);
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void seed_farmer_free(struct seed_farmer *farmer)
{
	free(farmer);
}

int64_t seed_farmer_turn(struct seed_farmer *farmer, int64_t now_ms)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(now_ms);
	return INT64_MAX;
}

bool seed_farmer_rests(const struct seed_farmer *farmer)
{
	SEED_UNUSED(farmer);
	return true;
}

errint_t seed_farmer_charge(struct seed_farmer *farmer, int64_t uid, int64_t deadline_ms,
			    seed_farmer_done_fn *done, void *context, struct seed_farmer_op **op)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(uid);
	SEED_UNUSED(deadline_ms);
	SEED_UNUSED(done);
	SEED_UNUSED(context);
	SEED_UNUSED(op);
	return -ENOMEM;
}

void seed_farmer_cancel(struct seed_farmer_op *op)
{
	SEED_UNUSED(op);
}

void seed_farmer_refund(struct seed_farmer *farmer, int64_t day, int64_t uid)
{
	seed_farm_count(&farmer->farm, day, uid, -1);
}

void seed_farmer_cost(struct seed_farmer *farmer, double cost)
{
	seed_farm_cost(&farmer->farm, farmer->farm.spent.day, cost);
}

const struct seed_spent *seed_farmer_spent(const struct seed_farmer *farmer)
{
	return &farmer->farm.spent;
}

void seed_farmer_want(struct seed_farmer *farmer, int wants, int running)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(wants);
	SEED_UNUSED(running);
}

int seed_farmer_jobs(const struct seed_farmer *farmer, int64_t now_ms)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(now_ms);
	return 0;
}

void seed_farmer_rate(const struct seed_farmer *farmer, int *count, int64_t *ms)
{
	SEED_UNUSED(farmer);
	*count = 0;
	*ms = 0;
}

void seed_farmer_hold(struct seed_farmer *farmer, int64_t ms, const struct seed_error *error)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(ms);
	SEED_UNUSED(error);
}

int64_t seed_farmer_held_ms(const struct seed_farmer *farmer, int64_t now_ms, struct seed_error *error)
{
	SEED_UNUSED(farmer);
	SEED_UNUSED(now_ms);
	SEED_UNUSED(error);
	return 0;
}
