#include "lib/engine/failure.h"

/* Not paid for, before and at the deadline; paid for, before and at it. */
static const enum seed_verdict table[SEED_FAILURE_COUNT][2][2] = {
	[SEED_FAILURE_NOT_SENT] = {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } },
	[SEED_FAILURE_BUSY] = {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } },
	[SEED_FAILURE_LOCAL] = {
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_END },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } },
	[SEED_FAILURE_UNSURE] = {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_KEEP } },
	[SEED_FAILURE_REFUSED] = {
		{ SEED_VERDICT_END, SEED_VERDICT_END },
		{ SEED_VERDICT_KEEP, SEED_VERDICT_KEEP } },
	[SEED_FAILURE_FINAL] = {
		{ SEED_VERDICT_END, SEED_VERDICT_END },
		{ SEED_VERDICT_END, SEED_VERDICT_END } },
	[SEED_FAILURE_FAILED] = {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY } },
	/* Before acceptance there is neither a URL nor a task: as failed. */
	[SEED_FAILURE_GONE] = {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_RETRY } },
	[SEED_FAILURE_RUNNING] = {
		{ SEED_VERDICT_RETRY, SEED_VERDICT_RETRY },
		{ SEED_VERDICT_AGAIN, SEED_VERDICT_LATE } },
};

enum seed_verdict seed_failure_verdict(enum seed_failure failure, bool paid, bool due)
{
	assert(failure >= 0 && failure < SEED_FAILURE_COUNT);
	return table[failure][paid][due];
}
