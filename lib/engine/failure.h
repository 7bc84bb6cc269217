/*
 * What a failure leads to: decided by its class, by whether the attempt is paid
 * for, and by whether its deadline has come. One table, in lib/engine/failure.c; no
 * other place decides whether money is spent again. Pure; any thread.
 */
#ifndef SEED_FAILURE_H
#define SEED_FAILURE_H

#include "lib/base/base.h"

enum seed_failure {
	SEED_FAILURE_NOT_SENT, /* connection refused, no such host, TLS refused */
	SEED_FAILURE_BUSY,     /* 429, 503 with Retry-After; polls: any answer that tells nothing */
	SEED_FAILURE_LOCAL,    /* no memory, no descriptors, a worker killed from outside */
	SEED_FAILURE_UNSURE,   /* broken after the request had left, or no answer to it in time */
	SEED_FAILURE_REFUSED,  /* key or credits, in the service's own words */
	SEED_FAILURE_FINAL,    /* another attempt cannot change it */
	SEED_FAILURE_FAILED,   /* the service says so; the picture is not valid */
	SEED_FAILURE_GONE,     /* the image's URL answers 403, 404 or 410; of a kept task, refuses otherwise, too */
	SEED_FAILURE_RUNNING,  /* none yet: the service says that the task is running */
	SEED_FAILURE_COUNT
};

enum seed_verdict {
	SEED_VERDICT_AGAIN, /* the same request after a back-off; costs nothing */
	SEED_VERDICT_RETRY, /* the attempt has failed: the one retry, or the end */
	SEED_VERDICT_END,   /* the end, without a further attempt */
	SEED_VERDICT_KEEP,  /* paid for, and nothing could be asked: the waiters get the
			     * error; the task stays and is asked for again */
	SEED_VERDICT_LATE,  /* cancelled where it can be, and the one retry beside it */
};

/* `paid`: the service has accepted the attempt. `due`: its deadline has come. */
enum seed_verdict seed_failure_verdict(enum seed_failure failure, bool paid, bool due);

#endif
