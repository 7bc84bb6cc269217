/* lib/engine/metrics.c: Prometheus' text format, and counters that hold what they are given. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/engine/metrics.h"

static char *format(const struct seed_metrics *metrics)
{
	struct seed_buf out;
	char *text;

	seed_buf_init(&out, 1 << 20);
	assert_int_equal(seed_metrics_format(metrics, &out), 0);
	text = strdup(out.data);
	seed_buf_release(&out);
	assert_non_null(text);
	return text;
}

static void assert_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void test_every_counter(void **state)
{
	struct seed_metrics metrics = { 0 };
	uint64_t value = 0;
	char *text;

	SEED_UNUSED(state);
#define SET(name, help) metrics.name = ++value * 7;
	SEED_COUNTERS(SET)
#undef SET
	text = format(&metrics);
	value = 0;
#define CHECK(name, help) \
	{ \
		char line[256]; \
		snprintf(line, sizeof(line), "seedfs_" #name "_total %llu", \
			 (unsigned long long)(++value * 7)); \
		assert_line(text, line); \
		assert_line(text, "# TYPE seedfs_" #name "_total counter"); \
		assert_line(text, "# HELP seedfs_" #name "_total " help); \
	}
	SEED_COUNTERS(CHECK)
#undef CHECK
	free(text);
}

/* Buckets are cumulative, a bound belongs to its bucket, and +Inf has all. */
static void test_histogram(void **state)
{
	static const double seconds[] = { 0.05, 0.1, 0.100001, 600, 601 };
	struct seed_metrics metrics = { 0 };
	char *text;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(seconds); i++)
		seed_histogram_add(&metrics.generation, seconds[i]);
	text = format(&metrics);
	assert_line(text, "seedfs_generation_seconds_bucket{le=\"0.1\"} 2");
	assert_line(text, "seedfs_generation_seconds_bucket{le=\"0.5\"} 3");
	assert_line(text, "seedfs_generation_seconds_bucket{le=\"300\"} 3");
	assert_line(text, "seedfs_generation_seconds_bucket{le=\"600\"} 4");
	assert_line(text, "seedfs_generation_seconds_bucket{le=\"+Inf\"} 5");
	assert_line(text, "seedfs_generation_seconds_count 5");
	assert_line(text, "seedfs_generation_seconds_sum 1201.250001");
	assert_line(text, "seedfs_service_seconds_count 0");
	free(text);
}

/* More causes, and more users, than there are places: the sums stay right. */
static void test_more_than_places(void **state)
{
	struct seed_metrics metrics = { 0 };
	uint64_t failures = 0, spent = 0;
	char *text;

	SEED_UNUSED(state);
	seed_metrics_failed(&metrics, EBADMSG);
	seed_metrics_failed(&metrics, EBADMSG);
	text = format(&metrics);
	assert_line(text, "seedfs_failures_total{cause=\"EBADMSG\"} 2");
	free(text);
	for (int code = 1; code < 134; code++)
		seed_metrics_failed(&metrics, code);
	/* Who is not known shares a place, and so a line, with those who find none. */
	seed_metrics_spent(&metrics, -1);
	text = format(&metrics);
	assert_line(text, "seedfs_submissions_by_uid_total{uid=\"-1\"} 1");
	free(text);
	for (int uid = 0; uid < 1000; uid++)
		seed_metrics_spent(&metrics, uid);
	for (size_t i = 0; i < SEED_FAILURES_MAX; i++)
		failures += metrics.failures[i].count;
	for (size_t i = 0; i < SEED_SPENDERS_MAX; i++)
		spent += metrics.spenders[i].count;
	assert_int_equal(failures, 2 + 133);
	assert_int_equal(spent, 1001);
	assert_int_equal(metrics.spenders[0].uid, 0);
	assert_int_equal(metrics.spenders[SEED_SPENDERS_MAX - 1].uid, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_counter),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_more_than_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
