/*
 * Counters and histograms behind `metrics` (Prometheus text format 0.0.4).
 * Plain data of the engine's thread. SEED_COUNTERS has each counter once, with
 * what to do when it grows.
 */
#ifndef SEED_METRICS_H
#define SEED_METRICS_H

#include "lib/base/base.h"
#include "lib/base/buf.h"

/* name, help */
#define SEED_COUNTERS(_) \
	_(prompts, "Texts committed to prompts/ or by a callback.") \
	_(submissions, "Requests that ask the service for an image. These cost money.") \
	_(retries, "Second attempts. If this grows with submissions, status has the cause.") \
	_(verified, "Images verified and put in place.") \
	_(rate_limited, "Answers 429 to a submission. If this grows, lower rate= or jobs=.") \
	_(polls, "Requests for the state of a task.") \
	_(downloads, "Image downloads begun.") \
	_(download_bytes, "Bytes of images downloaded.") \
	_(image_bytes, "Bytes of images stored.") \
	_(callbacks_adopted, "Callbacks whose image was adopted.") \
	_(callbacks_preserved, "Callbacks that found a verified image and changed nothing.") \
	_(reused, "Texts answered with an existing image (reuse).") \
	_(superseded, "Generations that a newer text superseded.") \
	_(cancelled, "Generations whose prompt was removed.") \
	_(interrupted, "Waits that a signal ended.") \
	_(disk_held, "Steps that lacked disk space, memory or a worker, and were held. If this grows, status says what is lacking.")

#define SEED_HISTOGRAM_BUCKETS 12

struct seed_histogram {
	uint64_t buckets[SEED_HISTOGRAM_BUCKETS + 1]; /* the last: over all bounds */
	uint64_t count;
	double sum_s;
};

#define SEED_FAILURES_MAX 32
#define SEED_SPENDERS_MAX 64

struct seed_metrics {
#define FIELD(name, help) uint64_t name;
	SEED_COUNTERS(FIELD)
#undef FIELD
	struct { int code; uint64_t count; } failures[SEED_FAILURES_MAX];
	struct { int64_t uid; uint64_t count; } spenders[SEED_SPENDERS_MAX]; /* uid -1: not known, or no place left */
	double cost; /* of verified images, as the service told it, in its own unit */
	struct seed_histogram generation; /* commit to verified image */
	struct seed_histogram service;    /* accepted to image there */
};

void seed_histogram_add(struct seed_histogram *histogram, double seconds);
void seed_metrics_failed(struct seed_metrics *metrics, int code);
void seed_metrics_spent(struct seed_metrics *metrics, int64_t uid);

/* Appends everything but gauges, which their owner adds by the next. */
errint_t seed_metrics_format(const struct seed_metrics *metrics, struct seed_buf *out) SEED_MUST_CHECK;
errint_t seed_metrics_gauge(struct seed_buf *out, const char *name, const char *help,
			    double value) SEED_MUST_CHECK;

#endif
