#include "lib/engine/metrics.h"

#include "lib/base/error.h"

/* Seconds: services take from under one to five minutes. */
static const double bounds[SEED_HISTOGRAM_BUCKETS] = {
	0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600,
};

void seed_histogram_add(struct seed_histogram *histogram, double seconds)
{
	size_t i = 0;

	while (i < SEED_HISTOGRAM_BUCKETS && seconds > bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->count++;
	histogram->sum_s += seconds;
}

void seed_metrics_failed(struct seed_metrics *metrics, int code)
{
	size_t i = 0;

	/* The last place takes what finds none: the table's errnos are fewer. */
	while (i + 1 < SEED_FAILURES_MAX && metrics->failures[i].count &&
	       metrics->failures[i].code != code)
		i++;
	if (!metrics->failures[i].count)
		metrics->failures[i].code = code;
	metrics->failures[i].count++;
}

void seed_metrics_spent(struct seed_metrics *metrics, int64_t uid)
{
	size_t i = 0;

	while (i + 1 < SEED_SPENDERS_MAX &&
	       (uid < 0 || (metrics->spenders[i].count && metrics->spenders[i].uid != uid)))
		i++;
	if (!metrics->spenders[i].count)
		metrics->spenders[i].uid = i + 1 < SEED_SPENDERS_MAX ? uid : -1;
	metrics->spenders[i].count++;
}

static errint_t head(struct seed_buf *out, const char *name, const char *help, const char *type)
{
	return seed_buf_addf(out, "# HELP seedfs_%s %s\n# TYPE seedfs_%s %s\n", name, help, name,
			     type);
}

static errint_t counter(struct seed_buf *out, const char *name, const char *help, uint64_t value)
{
	char full[64];
	errint_t err;

	snprintf(full, sizeof(full), "%s_total", name);
	err = head(out, full, help, "counter");
	return err ? err : seed_buf_addf(out, "seedfs_%s %llu\n", full, (unsigned long long)value);
}

errint_t seed_metrics_gauge(struct seed_buf *out, const char *name, const char *help, double value)
{
	errint_t err = head(out, name, help, "gauge");

	return err ? err : seed_buf_addf(out, "seedfs_%s %g\n", name, value);
}

static errint_t histogram(struct seed_buf *out, const char *name, const char *help,
			  const struct seed_histogram *values)
{
	uint64_t below = 0;
	errint_t err = head(out, name, help, "histogram");

	for (size_t i = 0; i < SEED_HISTOGRAM_BUCKETS && !err; i++) {
		below += values->buckets[i];
		err = seed_buf_addf(out, "seedfs_%s_bucket{le=\"%g\"} %llu\n", name, bounds[i],
				    (unsigned long long)below);
	}
	if (!err)
		err = seed_buf_addf(out, "seedfs_%s_bucket{le=\"+Inf\"} %llu\nseedfs_%s_sum %.6f\n"
				    "seedfs_%s_count %llu\n", name,
				    (unsigned long long)values->count, name, values->sum_s, name,
				    (unsigned long long)values->count);
	return err;
}

static errint_t failures(const struct seed_metrics *metrics, struct seed_buf *out)
{
	errint_t err = head(out, "failures_total", "Generations that failed, by cause.", "counter");

	for (size_t i = 0; i < SEED_FAILURES_MAX && metrics->failures[i].count && !err; i++)
		err = seed_buf_addf(out, "seedfs_failures_total{cause=\"%s\"} %llu\n",
				    seed_error_name(metrics->failures[i].code),
				    (unsigned long long)metrics->failures[i].count);
	return err;
}

static errint_t spenders(const struct seed_metrics *metrics, struct seed_buf *out)
{
	errint_t err = head(out, "submissions_by_uid_total", "Submissions by the user who wrote the "
			    "prompt (-1: not known).", "counter");

	for (size_t i = 0; i < SEED_SPENDERS_MAX && !err; i++)
		if (metrics->spenders[i].count)
			err = seed_buf_addf(out, "seedfs_submissions_by_uid_total{uid=\"%lld\"} %llu\n",
					    (long long)metrics->spenders[i].uid,
					    (unsigned long long)metrics->spenders[i].count);
	return err;
}

errint_t seed_metrics_format(const struct seed_metrics *metrics, struct seed_buf *out)
{
	errint_t err = 0;

#define PRINT(name, help) \
	if (!err) \
		err = counter(out, #name, help, metrics->name);
	SEED_COUNTERS(PRINT)
#undef PRINT
	if (!err)
		err = failures(metrics, out);
	if (!err)
		err = spenders(metrics, out);
	if (!err)
		err = head(out, "cost_total", "What the service charged for verified images, in its own "
			   "unit, if it reports it.", "counter");
	if (!err)
		err = seed_buf_addf(out, "seedfs_cost_total %.15g\n", metrics->cost);
	if (!err)
		err = histogram(out, "generation_seconds", "From the committed text to the "
				"verified image.", &metrics->generation);
	if (!err)
		err = histogram(out, "service_seconds", "From the accepted task to its image.",
				&metrics->service);
	return err;
}
