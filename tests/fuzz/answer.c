/*
 * Fuzz target: any bytes as the answer of a service, to each provider, at each
 * stage of a task. The first three bytes choose those and the status; then the
 * request that follows is built of what the answer told, as the engine does it.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/base/text.h"
#include "lib/base/url.h"
#include "lib/provider/provider.h"

enum { STAGES = SEED_STAGE_OTHER + 1, ROUNDS = 3 };

static const long statuses[] = {200, 200, 200, 200, 201, 202, 204, 301, 400, 401, 402, 403, 404,
				408, 410, 422, 429, 433, 500, 502, 503, 599};

static const struct seed_provider *provider_of(uint8_t byte)
{
	size_t count = 0;

	while (seed_provider_at(count))
		count++;
	return seed_provider_at(byte % count);
}

static char *copy(const char *text)
{
	char *made = strdup(text);

	CHECK(made);
	return made;
}

/* The engine hands every URL to seed_url_check() before it is asked. */
static void next_request(const struct seed_provider *provider,
			 const struct seed_provider_config *config,
			 const struct seed_params *params, struct seed_task *task)
{
	struct seed_request request = {0};
	errint_t err = seed_provider_request(provider, config, params, "a fox", task, &request);

	CHECK(err == 0 || err == -EOPNOTSUPP || err == -EINVAL);
	CHECK(err || (request.method && request.url));
	CHECK(!request.header || !strpbrk(request.header, "\r\n"));
	seed_request_release(&request);
}

/* What is journalled must be read again as it was. */
static void journal(const struct seed_task *task)
{
	char *text = seed_task_format(task), *again;
	struct seed_task read;

	CHECK(text && !seed_task_parse(text, &read));
	again = seed_task_format(&read);
	CHECK(again && !strcmp(text, again));
	free(again);
	free(text);
	seed_task_release(&read);
}

static void check_step(const struct seed_step *step, const struct seed_task *task)
{
	CHECK(step->kind != SEED_STEP_FAIL || step->error.code > 0);
	CHECK(step->kind != SEED_STEP_URL || (task->image_url && !seed_url_check(task->image_url)));
	CHECK(step->kind != SEED_STEP_BYTES || step->bytes.len_bytes > 0);
	CHECK(step->progress <= 1 && step->cost <= SEED_COST_MAX);
	CHECK(strnlen(step->error.message, sizeof(step->error.message)) <
	      sizeof(step->error.message));
	CHECK(step->retry_after_ms <= (int64_t)SEED_RETRY_AFTER_MAX_SECONDS * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct seed_provider *provider;
	struct seed_provider_config config = {.timeout_seconds = 300};
	struct seed_response response = {.retry_after_ms = -1};
	struct seed_params params;
	struct seed_task task = {0};
	struct seed_step step;
	char *body;

	if (len < 3)
		return 0;
	provider = provider_of(data[0]);
	if (provider->draws)
		return 0;
	config.api_base = provider->default_base;
	seed_params_init(&params);
	free(params.model);
	params.model = copy(SEED_DEFAULT_MODEL);
	params.width = 2048;
	params.height = 1152;
	task.stage = (enum seed_stage)(data[1] % STAGES);
	task.id = copy("abc-1");
	task.image_url = copy("https://example.com/a.png");
	response.status = statuses[data[2] % SEED_ARRAY_LEN(statuses)];
	response.retry_after_ms = data[2] & 0x80 ? 3000 : -1;
	body = text_of(data + 3, len - 3);
	response.body = body;
	response.len = len - 3;
	for (int round = 0; round < ROUNDS; round++) {
		seed_provider_answer(provider, &config, &params, &task, &response, &step);
		check_step(&step, &task);
		seed_step_release(&step);
		journal(&task);
		next_request(provider, &config, &params, &task);
	}
	free(body);
	seed_task_release(&task);
	seed_params_release(&params);
	return 0;
}
