#include "lib/engine/failure.h"

static const struct {
	const char *name;
	/* Not paid for, before and at the deadline; paid for, before and at it. */
	enum seed_verdict verdicts[2][2];
} table[SEED_FAILURE_COUNT] = {
	[SEED_FAILURE_NOT_SENT] = { "not sent", {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } } },
	[SEED_FAILURE_BUSY] = { "busy", {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } } },
	[SEED_FAILURE_LOCAL] = { "local", {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } } },
	[SEED_FAILURE_UNSURE] = { "unsure", {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } } },
	[SEED_FAILURE_REFUSED] = { "refused", {
		{ SEED_VERDICT_END, SEED_VERDICT_END },
		{ SEED_VERDICT_KEEP, SEED_VERDICT_KEEP } } },
	[SEED_FAILURE_FINAL] = { "final", {
		{ SEED_VERDICT_END, SEED_VERDICT_END },
		{ SEED_VERDICT_END, SEED_VERDICT_END } } },
	[SEED_FAILURE_FAILED] = { "failed", {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY } } },
	/* Before acceptance there is neither a URL nor a task: as failed. */
	[SEED_FAILURE_GONE] = { "gone", {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_RETRY } } },
	[SEED_FAILURE_RUNNING] = { "late", {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_LATE } } },
};

enum seed_verdict seed_failure_verdict(enum seed_failure failure, bool paid, bool due)
{
	assert(failure >= 0 && failure < SEED_FAILURE_COUNT);
	return table[failure].verdicts[paid][due];
}

const char *seed_failure_name(enum seed_failure failure)
{
	return table[failure].name;
}

const char *seed_verdict_name(enum seed_verdict verdict)
{
	switch (verdict) {
	case SEED_VERDICT_AGAIN:
		return "again";
	case SEED_VERDICT_RETRY:
		return "retry";
	case SEED_VERDICT_END:
		return "end";
	case SEED_VERDICT_KEEP:
		return "keep";
	case SEED_VERDICT_LATE:
		return "late";
	}
	return "?";
}
