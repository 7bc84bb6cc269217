#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "lib/record/record.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA_2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
/* 2026-11-22T19:43:02.123Z */
#define NOON INT64_C(1795376582123)

static void put(char **field, const char *text)
{
	assert_int_equal(seed_record_set(field, text), 0);
}

static const struct seed_params *make_params(void)
{
	struct seed_params params;

	seed_params_init(&params);
	put(&params.model, "bytedance/seedream");
	put(&params.quality, "high");
	put(&params.guidance, "sharp");
	put(&params.style, "ink");
	put(&params.negative_prompt, "text");
	params.width = 2048;
	params.height = 1152;
	params.steps = 30;
	params.cfg_scale = 7.5;
	params.has_seed = true;
	params.seed = INT64_C(9007199254740992);
	return seed_params_share(&params);
}

/* Every field set. */
static void fill(struct seed_record *record)
{
	struct seed_error error;

	seed_record_init(record);
	put(&record->name, "shot010/Füchse");
	record->state = SEED_STATE_VERIFIED;
	put(&record->prompt, "a \"red\" fox\n❄️ \\ \x01");
	put(&record->image_url, "https://h/a.png?x=y");
	record->image = (struct seed_image_info){2048, 1152, 4000000000, SHA};
	record->source = (struct seed_source_info){"jpeg", "crop+down", 4096, 4096, 123456, SHA_2};
	put(&record->provider, "kie");
	record->params = make_params();
	put(&record->task_id, "task_1");
	record->attempt_count = 2;
	assert_int_equal(seed_record_reserve_attempts(record), 0);
	record->attempts[0] = (struct seed_attempt){.steps = 30, .cfg_scale = 8,
						    .started_ms = NOON, .ended_ms = NOON + 1};
	(void)seed_error_set(&error, ETIMEDOUT, "no answer");
	error.http_status = 504;
	seed_error_keep(&record->attempts[0].error, &error);
	record->attempts[1] = (struct seed_attempt){.steps = 25, .cfg_scale = 7,
						    .started_ms = NOON + 2};
	put(&record->attempts[1].task_id, "task_1");
	(void)seed_error_set(&error, EPERM, "refused: %s", "é");
	seed_error_keep(&record->error, &error);
	record->progress = 0.25;
	record->progress_estimated = true;
	record->queue_position = 3;
	record->created_ms = NOON;
	record->started_ms = NOON + 1;
	record->verified_ms = NOON + 2;
	record->cost = 0.03;
	record->superseded = true;
	record->private_service = true;
	put(&record->id, "00000001");
	record->step = seed_record_step("accepted");
	put(&record->request, "{\"prompt\":\"p\"}");
	record->prompt_time = (struct timespec){ .tv_sec = -5, .tv_nsec = 12345678 };
	put(&record->task, "{\"id\":\"t\"}");
}

static const char full_text[] =
	"{\n"
	"\t\"name\":\t\"shot010/Füchse\",\n"
	"\t\"state\":\t\"verified\",\n"
	"\t\"prompt\":\t\"a \\\"red\\\" fox\\n❄️ \\\\ \\u0001\",\n"
	"\t\"image_url\":\t\"https://h/a.png?x=y\",\n"
	"\t\"resolution\":\t\"2048x1152\",\n"
	"\t\"image\":\t{\n"
	"\t\t\"sha256\":\t\"" SHA "\",\n"
	"\t\t\"bytes\":\t4000000000,\n"
	"\t\t\"width\":\t2048,\n"
	"\t\t\"height\":\t1152\n"
	"\t},\n"
	"\t\"source\":\t{\n"
	"\t\t\"format\":\t\"jpeg\",\n"
	"\t\t\"width\":\t4096,\n"
	"\t\t\"height\":\t4096,\n"
	"\t\t\"bytes\":\t123456,\n"
	"\t\t\"sha256\":\t\"" SHA_2 "\",\n"
	"\t\t\"fit\":\t\"crop+down\"\n"
	"\t},\n"
	"\t\"provider\":\t\"kie\",\n"
	"\t\"model\":\t\"bytedance/seedream\",\n"
	"\t\"parameters\":\t{\n"
	"\t\t\"model\":\t\"bytedance/seedream\",\n"
	"\t\t\"size\":\t\"2048x1152\",\n"
	"\t\t\"quality\":\t\"high\",\n"
	"\t\t\"steps\":\t30,\n"
	"\t\t\"cfg_scale\":\t7.5,\n"
	"\t\t\"guidance\":\t\"sharp\",\n"
	"\t\t\"style\":\t\"ink\",\n"
	"\t\t\"negative_prompt\":\t\"text\",\n"
	"\t\t\"seed\":\t9007199254740992\n"
	"\t},\n"
	"\t\"task_id\":\t\"task_1\",\n"
	"\t\"attempts\":\t[{\n"
	"\t\t\t\"steps\":\t30,\n"
	"\t\t\t\"cfg_scale\":\t8,\n"
	"\t\t\t\"started_at\":\t\"2026-11-22T19:43:02.123Z\",\n"
	"\t\t\t\"ended_at\":\t\"2026-11-22T19:43:02.124Z\",\n"
	"\t\t\t\"task_id\":\tnull,\n"
	"\t\t\t\"error\":\t{\n"
	"\t\t\t\t\"errno\":\t\"ETIMEDOUT\",\n"
	"\t\t\t\t\"message\":\t\"no answer\",\n"
	"\t\t\t\t\"http_status\":\t504\n"
	"\t\t\t}\n"
	"\t\t}, {\n"
	"\t\t\t\"steps\":\t25,\n"
	"\t\t\t\"cfg_scale\":\t7,\n"
	"\t\t\t\"started_at\":\t\"2026-11-22T19:43:02.125Z\",\n"
	"\t\t\t\"ended_at\":\tnull,\n"
	"\t\t\t\"task_id\":\t\"task_1\",\n"
	"\t\t\t\"error\":\tnull\n"
	"\t\t}],\n"
	"\t\"error\":\t{\n"
	"\t\t\"errno\":\t\"EPERM\",\n"
	"\t\t\"message\":\t\"refused: é\"\n"
	"\t},\n"
	"\t\"progress\":\t0.25,\n"
	"\t\"progress_estimated\":\ttrue,\n"
	"\t\"queue_position\":\t3,\n"
	"\t\"created_at\":\t\"2026-11-22T19:43:02.123Z\",\n"
	"\t\"started_at\":\t\"2026-11-22T19:43:02.124Z\",\n"
	"\t\"verified_at\":\t\"2026-11-22T19:43:02.125Z\",\n"
	"\t\"versions\":\t[\"0001.png\", \"0002.png\"],\n"
	"\t\"cost\":\t0.03,\n"
	"\t\"superseded\":\ttrue,\n"
	"\t\"private_service\":\ttrue,\n"
	"\t\"id\":\t\"00000001\",\n"
	"\t\"step\":\t\"accepted\",\n"
	"\t\"request\":\t\"{\\\"prompt\\\":\\\"p\\\"}\",\n"
	"\t\"prompt_time\":\t\"-5.012345678\",\n"
	"\t\"task\":\t\"{\\\"id\\\":\\\"t\\\"}\"\n"
	"}\n";

static const char *const versions[] = {"0001.png", "0002.png"};

static void test_format(void **state)
{
	struct seed_record record;
	char *text;

	SEED_UNUSED(state);
	fill(&record);
	text = seed_record_format(&record, versions, 2);
	assert_string_equal(text, full_text);
	free(text);
	seed_record_release(&record);
}

static const char empty_text[] =
	"{\n"
	"\t\"name\":\t\"fox\",\n"
	"\t\"state\":\t\"queued\",\n"
	"\t\"prompt\":\tnull,\n"
	"\t\"image_url\":\tnull,\n"
	"\t\"resolution\":\tnull,\n"
	"\t\"image\":\tnull,\n"
	"\t\"source\":\tnull,\n"
	"\t\"provider\":\tnull,\n"
	"\t\"model\":\t\"\",\n"
	"\t\"parameters\":\t{\n"
	"\t\t\"model\":\t\"\",\n"
	"\t\t\"size\":\t\"0x0\",\n"
	"\t\t\"quality\":\t\"\",\n"
	"\t\t\"steps\":\t0,\n"
	"\t\t\"cfg_scale\":\t0,\n"
	"\t\t\"guidance\":\t\"\",\n"
	"\t\t\"style\":\t\"\",\n"
	"\t\t\"negative_prompt\":\t\"\"\n"
	"\t},\n"
	"\t\"task_id\":\tnull,\n"
	"\t\"attempts\":\t[],\n"
	"\t\"error\":\tnull,\n"
	"\t\"progress\":\t0,\n"
	"\t\"created_at\":\tnull,\n"
	"\t\"started_at\":\tnull,\n"
	"\t\"verified_at\":\tnull\n"
	"}\n";

static void test_format_of_an_empty_row(void **state)
{
	struct seed_record record, back;
	char *text;

	SEED_UNUSED(state);
	seed_record_init(&record);
	put(&record.name, "fox");
	text = seed_record_format(&record, NULL, 3);
	assert_string_equal(text, empty_text);
	assert_int_equal(seed_record_parse(text, strlen(text), &back), 0);
	assert_null(back.prompt);
	assert_null(back.id);
	assert_false(back.superseded);
	assert_true(back.cost < 0);
	assert_false(back.progress_estimated);
	assert_int_equal(back.queue_position, -1);
	assert_string_equal(back.params->style, "");
	free(text);
	seed_record_release(&record);
	seed_record_release(&back);
	seed_record_release(&back);
}

/* The resolution is told for a verified image only, measured or not. */
static void test_format_of_pictures(void **state)
{
	static const struct {
		enum seed_state state;
		struct seed_image_info image;
		const char *resolution, *image_text;
	} cases[] = {
		{SEED_STATE_VERIFIED, {2048, 1152, 9, SHA}, "\"2048x1152\"", "{"},
		{SEED_STATE_VERIFIED, {1024, 576, 0, ""}, "\"1024x576\"", "{"},
		{SEED_STATE_GENERATING, {2048, 1152, 9, SHA}, "null", "{"},
		{SEED_STATE_FAILED, {2048, 1152, 0, ""}, "null", "null"},
		{SEED_STATE_CANCELLED, {0}, "null", "null"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_record record;
		char wanted[64];
		char *text;

		seed_record_init(&record);
		put(&record.name, "fox");
		record.state = cases[i].state;
		record.image = cases[i].image;
		text = seed_record_format(&record, NULL, 0);
		(void)snprintf(wanted, sizeof(wanted), "\"resolution\":\t%s,\n\t\"image\":\t%s",
			       cases[i].resolution, cases[i].image_text);
		assert_non_null(strstr(text, wanted));
		free(text);
		seed_record_release(&record);
	}
}

static void test_progress_is_clamped(void **state)
{
	static const struct {
		double progress;
		const char *text;
	} cases[] = {
		{-1, "\"progress\":\t0,"}, {0, "\"progress\":\t0,"}, {0.5, "\"progress\":\t0.5,"},
		{1, "\"progress\":\t1,"}, {1.5, "\"progress\":\t1,"},
		{__builtin_nan(""), "\"progress\":\t0,"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_record record;
		char *text;

		seed_record_init(&record);
		record.progress = cases[i].progress;
		text = seed_record_format(&record, NULL, 0);
		assert_non_null(strstr(text, cases[i].text));
		free(text);
		seed_record_release(&record);
	}
}

static void check_error(const struct seed_kept_error *error, int code, int status, const char *message)
{
	assert_int_equal(error->code, code);
	assert_int_equal(error->http_status, status);
	assert_string_equal(error->message ? error->message : "", message);
}

static void check_full(const struct seed_record *record)
{
	const struct seed_params *params = record->params;

	assert_string_equal(record->name, "shot010/Füchse");
	assert_int_equal(record->state, SEED_STATE_VERIFIED);
	assert_string_equal(record->prompt, "a \"red\" fox\n❄️ \\ \x01");
	assert_string_equal(record->image_url, "https://h/a.png?x=y");
	assert_int_equal(record->image.width, 2048);
	assert_int_equal(record->image.height, 1152);
	assert_int_equal(record->image.bytes, 4000000000);
	assert_string_equal(record->image.sha256, SHA);
	assert_string_equal(record->source.format, "jpeg");
	assert_string_equal(record->source.fit, "crop+down");
	assert_int_equal(record->source.width, 4096);
	assert_int_equal(record->source.height, 4096);
	assert_int_equal(record->source.bytes, 123456);
	assert_string_equal(record->source.sha256, SHA_2);
	assert_string_equal(record->provider, "kie");
	assert_string_equal(params->model, "bytedance/seedream");
	assert_string_equal(params->quality, "high");
	assert_string_equal(params->guidance, "sharp");
	assert_string_equal(params->style, "ink");
	assert_string_equal(params->negative_prompt, "text");
	assert_int_equal(params->width, 2048);
	assert_int_equal(params->height, 1152);
	assert_int_equal(params->steps, 30);
	assert_true(params->cfg_scale == 7.5);
	assert_true(params->has_seed);
	assert_int_equal(params->seed, INT64_C(9007199254740992));
	assert_string_equal(record->task_id, "task_1");
	assert_int_equal(record->attempt_count, 2);
	assert_int_equal(record->attempts[0].steps, 30);
	assert_true(record->attempts[0].cfg_scale == 8);
	assert_int_equal(record->attempts[0].started_ms, NOON);
	assert_int_equal(record->attempts[0].ended_ms, NOON + 1);
	assert_null(record->attempts[0].task_id);
	check_error(&record->attempts[0].error, ETIMEDOUT, 504, "no answer");
	assert_int_equal(record->attempts[1].steps, 25);
	assert_int_equal(record->attempts[1].ended_ms, 0);
	assert_string_equal(record->attempts[1].task_id, "task_1");
	check_error(&record->attempts[1].error, 0, 0, "");
	check_error(&record->error, EPERM, 0, "refused: é");
	assert_true(record->progress == 0.25);
	assert_true(record->progress_estimated);
	assert_int_equal(record->queue_position, 3);
	assert_int_equal(record->created_ms, NOON);
	assert_int_equal(record->started_ms, NOON + 1);
	assert_int_equal(record->verified_ms, NOON + 2);
	assert_true(record->cost == 0.03);
	assert_true(record->superseded);
	assert_true(record->private_service);
	assert_string_equal(record->id, "00000001");
	assert_string_equal(record->step, "accepted");
	assert_string_equal(record->request, "{\"prompt\":\"p\"}");
	assert_int_equal(record->prompt_time.tv_sec, -5);
	assert_int_equal(record->prompt_time.tv_nsec, 12345678);
	assert_string_equal(record->task, "{\"id\":\"t\"}");
}

static void test_parse(void **state)
{
	struct seed_record record;
	char *text;

	SEED_UNUSED(state);
	assert_int_equal(seed_record_parse(full_text, strlen(full_text), &record), 0);
	check_full(&record);
	/* and the same text again */
	text = seed_record_format(&record, versions, 2);
	assert_string_equal(text, full_text);
	free(text);
	seed_record_release(&record);
}

static void test_states(void **state)
{
	static const char *const names[] = {"queued", "generating", "verified", "failed",
					    "cancelled"};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(names); i++) {
		struct seed_record record;
		char text[128];

		assert_string_equal(seed_state_name((enum seed_state)i), names[i]);
		(void)snprintf(text, sizeof(text), "{\"name\":\"n\",\"state\":\"%s\",\"image\":"
			       "{\"width\":1,\"height\":1}}", names[i]);
		assert_int_equal(seed_record_parse(text, strlen(text), &record), 0);
		assert_int_equal(record.state, i);
		seed_record_release(&record);
	}
}

/* A row of the two keys that none is without, and `rest`. */
#define ROW(rest) "{\"name\":\"n\",\"state\":\"queued\"" rest "}"

static void test_parse_accepts(void **state)
{
	static const char *const good[] = {
		ROW(""),
		ROW("") " \n\t\r\n",
		ROW(",\"unknown\":[1,{\"a\":2}]"),
		ROW(",\"prompt\":null,\"image\":null,\"attempts\":null,\"parameters\":null"),
		ROW(",\"progress\":1"),
		ROW(",\"cost\":0"),
		ROW(",\"attempts\":[{},{}]"),
		ROW(",\"parameters\":{}"),
		ROW(",\"parameters\":{\"size\":\"123456789x1\"}"),
		ROW(",\"image\":{\"sha256\":\"" SHA "\"}"),
		ROW(",\"source\":{\"format\":\"1234567\",\"fit\":\"123456789012345\"}"),
		ROW(",\"source\":{\"width\":4294967295,\"bytes\":9007199254740992}"),
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(good); i++) {
		struct seed_record record;

		if (seed_record_parse(good[i], strlen(good[i]), &record))
			fail_msg("%s", good[i]);
		assert_string_equal(record.name, "n");
		seed_record_release(&record);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"{}",
		"[]",
		"null",
		"\"name\"",
		ROW("") "x",
		ROW("") ROW(""),
		ROW(","),
		"{\"name\":\"n\"}",
		"{\"state\":\"queued\"}",
		"{\"name\":null,\"state\":\"queued\"}",
		"{\"name\":1,\"state\":\"queued\"}",
		"{\"name\":\"\",\"state\":\"queued\"}",
		"{\"name\":\"../n\",\"state\":\"queued\"}",
		"{\"name\":\"/n\",\"state\":\"queued\"}",
		"{\"name\":\"a\\u0001\",\"state\":\"queued\"}",
		"{\"name\":\"n\",\"state\":\"Queued\"}",
		"{\"name\":\"n\",\"state\":\"\"}",
		"{\"name\":\"n\",\"state\":0}",
		"{\"name\":\"n\",\"state\":null}",
		"{\"name\":\"n\",\"state\":\"verified\"}",
		"{\"name\":\"n\",\"state\":\"verified\",\"image\":null}",
		"{\"name\":\"n\",\"state\":\"verified\",\"image\":{\"width\":2048}}",
		"{\"name\":\"n\",\"state\":\"verified\",\"image\":{\"height\":1152}}",
		ROW(",\"prompt\":1"),
		ROW(",\"prompt_time\":1.5"),
		ROW(",\"prompt_time\":\"\""),
		ROW(",\"prompt_time\":\"1\""),
		ROW(",\"prompt_time\":\"1.\""),
		ROW(",\"prompt_time\":\"1.-1\""),
		ROW(",\"prompt_time\":\"1.0123456789\""),
		ROW(",\"prompt_time\":\"1.5 \""),
		ROW(",\"image_url\":{}"),
		ROW(",\"image\":1"),
		ROW(",\"image\":[]"),
		ROW(",\"image\":{\"bytes\":-1}"),
		ROW(",\"image\":{\"bytes\":1.5}"),
		ROW(",\"image\":{\"bytes\":\"1\"}"),
		ROW(",\"image\":{\"bytes\":9007199254740994}"),
		ROW(",\"image\":{\"width\":4294967296}"),
		ROW(",\"image\":{\"sha256\":\"" SHA "0\"}"),
		ROW(",\"image\":{\"sha256\":1}"),
		ROW(",\"source\":\"png\""),
		ROW(",\"source\":{\"format\":\"12345678\"}"),
		ROW(",\"source\":{\"fit\":\"1234567890123456\"}"),
		ROW(",\"source\":{\"height\":-1}"),
		ROW(",\"provider\":[]"),
		ROW(",\"parameters\":[]"),
		ROW(",\"parameters\":{\"model\":1}"),
		ROW(",\"parameters\":{\"size\":\"\"}"),
		ROW(",\"parameters\":{\"size\":\"2048\"}"),
		ROW(",\"parameters\":{\"size\":\"x1152\"}"),
		ROW(",\"parameters\":{\"size\":\"2048x\"}"),
		ROW(",\"parameters\":{\"size\":\"2048x1152x\"}"),
		ROW(",\"parameters\":{\"size\":\"2048X1152\"}"),
		ROW(",\"parameters\":{\"size\":\"-2048x1152\"}"),
		ROW(",\"parameters\":{\"size\":\"2048x1234567890\"}"),
		ROW(",\"parameters\":{\"size\":1}"),
		ROW(",\"parameters\":{\"steps\":1.5}"),
		ROW(",\"parameters\":{\"steps\":2147483648}"),
		ROW(",\"parameters\":{\"cfg_scale\":-1}"),
		ROW(",\"parameters\":{\"seed\":\"1\"}"),
		ROW(",\"attempts\":{}"),
		ROW(",\"attempts\":[1]"),
		ROW(",\"attempts\":[null]"),
		ROW(",\"attempts\":[{},{},{}]"),
		ROW(",\"attempts\":[{\"steps\":\"30\"}]"),
		ROW(",\"attempts\":[{\"started_at\":5}]"),
		ROW(",\"attempts\":[{\"error\":5}]"),
		ROW(",\"error\":\"EIO\""),
		ROW(",\"error\":{}"),
		ROW(",\"error\":{\"errno\":5}"),
		ROW(",\"error\":{\"errno\":\"EIO\",\"message\":5}"),
		ROW(",\"error\":{\"errno\":\"EIO\",\"http_status\":-1}"),
		ROW(",\"progress\":1.01"),
		ROW(",\"progress\":-0.1"),
		ROW(",\"progress\":\"1\""),
		ROW(",\"queue_position\":-1"),
		ROW(",\"queue_position\":1.5"),
		ROW(",\"queue_position\":4294967296"),
		ROW(",\"created_at\":\"yesterday\""),
		ROW(",\"started_at\":0"),
		ROW(",\"verified_at\":\"2026-02-30T00:00:00.000Z\""),
		ROW(",\"cost\":-1"),
		ROW(",\"id\":1"),
		ROW(",\"task\":{}"),
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(bad); i++) {
		struct seed_record record;

		if (seed_record_parse(bad[i], strlen(bad[i]), &record) != -EBADMSG)
			fail_msg("%s", bad[i]);
		seed_record_release(&record);
	}
}

/* Cut anywhere, a row is none; and not a byte beyond its end is read. */
static void test_parse_of_every_prefix(void **state)
{
	const size_t whole = strlen(full_text) - 1; /* the line break may go */

	SEED_UNUSED(state);
	for (size_t len = 0; len < whole; len++) {
		struct seed_record record;
		char *text = malloc(len ? len : 1);

		memcpy(text, full_text, len);
		assert_int_equal(seed_record_parse(text, len, &record), -EBADMSG);
		seed_record_release(&record);
		free(text);
	}
}

static void test_parse_bounds(void **state)
{
	static char big[SEED_RECORD_MAX_BYTES + 1];
	struct seed_record record;

	SEED_UNUSED(state);
	memset(big, ' ', sizeof(big));
	memcpy(big, ROW(""), strlen(ROW("")));
	assert_int_equal(seed_record_parse(big, sizeof(big) - 1, &record), 0);
	seed_record_release(&record);
	assert_int_equal(seed_record_parse(big, sizeof(big), &record), -EBADMSG);
	seed_record_release(&record);
	big[100] = '\0';
	assert_int_equal(seed_record_parse(big, 200, &record), -EBADMSG);
	seed_record_release(&record);
}

/* An errno of another libc stays an error; a message is cut to its field. */
static void test_parse_of_foreign_errors(void **state)
{
	struct seed_record record;
	char text[1024], message[601];

	SEED_UNUSED(state);
	memset(message, 'm', 600);
	message[600] = '\0';
	(void)snprintf(text, sizeof(text), ROW(",\"error\":{\"errno\":\"EWEIRD\",\"message\":\"%s\"}"),
		       message);
	assert_int_equal(seed_record_parse(text, strlen(text), &record), 0);
	message[SEED_MESSAGE_MAX_BYTES - 1] = '\0';
	check_error(&record.error, EIO, 0, message);
	seed_record_release(&record);
	assert_int_equal(seed_record_parse(ROW(",\"error\":{\"errno\":\"EIO\"}"),
					   strlen(ROW(",\"error\":{\"errno\":\"EIO\"}")), &record), 0);
	check_error(&record.error, EIO, 0, "");
	seed_record_release(&record);
}

static void test_set(void **state)
{
	char *field = NULL;

	SEED_UNUSED(state);
	assert_int_equal(seed_record_set(&field, NULL), 0);
	assert_null(field);
	assert_int_equal(seed_record_set(&field, "one"), 0);
	assert_string_equal(field, "one");
	/* its own tail */
	assert_int_equal(seed_record_set(&field, field + 1), 0);
	assert_string_equal(field, "ne");
	assert_int_equal(seed_record_set(&field, NULL), 0);
	assert_null(field);
}

static void test_copy(void **state)
{
	struct seed_record from, to;

	SEED_UNUSED(state);
	fill(&from);
	assert_int_equal(seed_record_copy(&to, &from), 0);
	assert_ptr_not_equal(to.name, from.name);
	seed_record_release(&from);
	check_full(&to);
	seed_record_release(&to);

	/* What the parser would not take is copied all the same. */
	seed_record_init(&from);
	from.cost = 1e300;
	from.error = (struct seed_kept_error){.code = EIO, .http_status = -5};
	assert_int_equal(seed_record_copy(&to, &from), 0);
	assert_true(to.cost == from.cost);
	assert_int_equal(to.error.http_status, -5);
	assert_null(to.name);
	seed_record_release(&from);
	seed_record_release(&to);
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whichever of cJSON's allocations fails: NULL, and nothing is lost. */
static void test_format_without_memory(void **state)
{
	cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
	struct seed_record record;
	char *text = NULL;
	int count;

	SEED_UNUSED(state);
	fill(&record);
	cJSON_InitHooks(&hooks);
	for (count = 0; !text && count < 1000; count++) {
		allocations_left = count;
		text = seed_record_format(&record, versions, 2);
	}
	cJSON_InitHooks(NULL);
	assert_string_equal(text, full_text);
	assert_in_range(count, 60, 999);
	free(text);
	seed_record_release(&record);
}

static void test_parse_without_memory(void **state)
{
	cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
	struct seed_record record;
	errint_t result = -1;

	SEED_UNUSED(state);
	cJSON_InitHooks(&hooks);
	for (int count = 0; result && count < 1000; count++) {
		allocations_left = count;
		result = seed_record_parse(full_text, strlen(full_text), &record);
		assert_true(result == 0 || result == -EBADMSG);
		if (!result)
			check_full(&record);
		seed_record_release(&record);
	}
	cJSON_InitHooks(NULL);
	assert_int_equal(result, 0);
}

/* What was released is as it was when it began: nothing is told of the prompt's time. */
static void test_released(void **state)
{
	struct seed_record record;

	(void)state;
	seed_record_init(&record);
	put(&record.name, "fox");
	record.prompt_time = (struct timespec){ .tv_sec = 77, .tv_nsec = 5 };
	seed_record_release(&record);
	assert_null(record.name);
	assert_int_equal(record.prompt_time.tv_sec, 0);
	assert_int_equal(record.prompt_time.tv_nsec, UTIME_OMIT);
	assert_int_equal(record.queue_position, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_released),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_of_an_empty_row),
		cmocka_unit_test(test_format_of_pictures),
		cmocka_unit_test(test_progress_is_clamped),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_parse_accepts),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_of_every_prefix),
		cmocka_unit_test(test_parse_bounds),
		cmocka_unit_test(test_parse_of_foreign_errors),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_format_without_memory),
		cmocka_unit_test(test_parse_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
