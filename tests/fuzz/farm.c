/* Fuzz target: any bytes as the object of a farm, and what a host that comes makes of it. */
#include "tests/fuzz/fuzz.h"

#include "lib/share/farm.h"

enum { JOBS = 5, BUDGET = 50 };

static const struct seed_farm_change change = {
	.host = "00000000000000a0", .mark = "00000000000000f1", .now_ms = INT64_C(1795912345000),
};

static void passes(const struct seed_farm *farm)
{
	char *text = seed_farm_format(farm), *same;
	static struct seed_farm again;

	CHECK(text && strlen(text) <= SEED_FARM_MAX_BYTES);
	CHECK(!seed_farm_parse(text, strlen(text), &again));
	same = seed_farm_format(&again);
	CHECK(same && strcmp(text, same) == 0);
	free(same);
	free(text);
}

static void share(const struct seed_farm *farm)
{
	int64_t now_s = change.now_ms / 1000;
	int sum = 0, num, den;

	for (size_t i = 0; i < farm->host_count; i++) {
		int jobs = seed_farm_jobs(farm, farm->hosts[i].id, JOBS, now_s);
		int part = seed_farm_share(farm, farm->hosts[i].id, JOBS, now_s);

		CHECK(jobs >= 0 && jobs <= part && part <= farm->hosts[i].wants);
		seed_farm_rate_share(farm, farm->hosts[i].id, JOBS, now_s, &num, &den);
		CHECK(num >= 0 && den > 0 && num <= den);
		sum += part;
	}
	CHECK(sum <= JOBS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct seed_error error = { .code = EBUSY, .message = "busy" };
	static struct seed_farm farm;
	errint_t err;

	if (seed_farm_parse((const char *)data, len, &farm))
		return 0;
	passes(&farm);
	share(&farm);
	err = seed_farm_beat(&farm, &change, 3, 1, JOBS);
	CHECK(!err || (err == -EUSERS && farm.host_count == SEED_FARM_HOSTS_MAX));
	if (err)
		return 0;
	CHECK(seed_farm_wrote(&farm, change.host, change.mark, 0, 0) == SEED_FARM_WROTE);
	share(&farm);
	passes(&farm);
	while (farm.spent.count < BUDGET)
		CHECK(!seed_farm_charge(&farm, BUDGET, farm.spent.count));
	CHECK(seed_farm_charge(&farm, BUDGET, 7) == -EDQUOT);
	seed_farm_count(&farm, farm.spent.day, 7, -1);
	seed_farm_cost(&farm, farm.spent.day, 0.5);
	seed_farm_hold(&farm, change.now_ms, INT64_MAX, &error);
	passes(&farm);
	return 0;
}
