/*
 * One of several hosts of a farm in a store, with lib/share/ and without the engine, for
 * tests/mount/bucket.bats:
 *
 *   farm ENDPOINT BUCKET PREFIX DIR HOST BUDGET JOBS SECONDS
 *
 * HOST is a number. For SECONDS it submits as much as it may: DIR/sent has a line for each
 * submission, before it is sent, and DIR/free one for each that did not count. DIR/jobs has
 * a '+' for each job that begins, and a '-' for each that ends. It may be killed at any
 * moment. It ends when it has told the store all that it had to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/share/farmer.h"

enum { ASKED_MAX = 6, RUNNING_MAX = 32, QUEUE = 8 };

static struct seed_net *net;
static struct seed_s3 *s3;
static struct seed_farmer *farmer;
static struct seed_s3_credentials *credentials;
static struct seed_farmer_op *asked[ASKED_MAX];
static int64_t pause_ms, end_ms, refund_until_ms, job_ends_ms[RUNNING_MAX];
static const char *dir;
static int running;

static void die(const char *what)
{
	fprintf(stderr, "farm: %s\n", what);
	exit(2);
}

static unsigned roll(unsigned n)
{
	return (unsigned)rand() % n;
}

static void book(const char *name, const char *line)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		die(path);
	close(fd);
}

static void on_charged(void *context, errint_t err, int64_t day, const struct seed_error *error)
{
	struct seed_farmer_op **op = context;

	*op = NULL;
	if (err == -EDQUOT)
		pause_ms = seed_clock_now_ms() + 200;
	if (err && err != -EDQUOT && err != -ETIMEDOUT && err != -EHOSTUNREACH)
		die(error->message);
	if (err)
		return;
	book("sent", "x\n");
	if (roll(4) || seed_clock_now_ms() > refund_until_ms)
		return;
	book("free", "x\n");
	seed_farmer_refund(farmer, day, (int64_t)roll(40));
}

static void submit(int64_t now_ms)
{
	for (int i = 0; i < ASKED_MAX && now_ms < end_ms && now_ms >= pause_ms; i++)
		if (!asked[i] && roll(4) == 0 &&
		    seed_farmer_charge(farmer, (int64_t)roll(40), now_ms + 30000, on_charged, &asked[i], &asked[i]))
			die("no memory");
}

static void work(int64_t now_ms)
{
	int wants = now_ms < end_ms ? QUEUE : 0;

	for (int i = 0; i < running; i++) {
		if (job_ends_ms[i] > now_ms)
			continue;
		job_ends_ms[i--] = job_ends_ms[--running];
		book("jobs", "-\n");
	}
	seed_farmer_want(farmer, running + wants, running);
	while (wants && running < RUNNING_MAX && running < seed_farmer_jobs(farmer, now_ms)) {
		book("jobs", "+\n");
		job_ends_ms[running++] = now_ms + 100 + roll(1000);
		seed_farmer_want(farmer, running + wants, running);
	}
}

static void run(void)
{
	int64_t now_ms = seed_clock_now_ms(), at_ms;

	while (now_ms < end_ms || running || !seed_farmer_rests(farmer)) {
		submit(now_ms);
		work(now_ms);
		at_ms = seed_farmer_turn(farmer, now_ms);
		seed_net_wait(net, NULL, 0, at_ms < now_ms + 20 ? at_ms - now_ms : 20);
		seed_net_turn(net);
		now_ms = seed_clock_now_ms();
	}
}

static void open_store(char **argv, const char *id, const struct seed_farmer_config *farm)
{
	const struct seed_s3_config config = { .endpoint = argv[1], .bucket = argv[2], .prefix = argv[3] };
	struct seed_error error = { .code = 0 };

	if (seed_net_new(SEED_ANSWERS_ALL_BYTES, &net) || seed_s3_credentials_load(NULL, NULL, &credentials, &error) ||
	    seed_s3_new(net, &config, credentials, &s3, &error) || seed_farmer_new(s3, id, farm, &farmer))
		die(error.code ? error.message : "no memory");
	seed_s3_set_quotes(s3, getenv("ASK_UNQUOTED") == NULL);
}

int main(int argc, char **argv)
{
	struct seed_farmer_config config = { .budget = 0 };
	int64_t ms;
	char id[17];

	if (argc != 9)
		die("ENDPOINT BUCKET PREFIX DIR HOST BUDGET JOBS SECONDS");
	dir = argv[4];
	snprintf(id, sizeof(id), "%016x", (unsigned)strtol(argv[5], NULL, 10));
	config.budget = strtol(argv[6], NULL, 10);
	config.jobs = (int)strtol(argv[7], NULL, 10);
	ms = strtol(argv[8], NULL, 10) * 1000;
	srand((unsigned)getpid());
	open_store(argv, id, &config);
	end_ms = seed_clock_now_ms() + ms;
	refund_until_ms = end_ms - ms / 2;
	run();
	seed_farmer_free(farmer);
	seed_s3_free(s3);
	seed_s3_credentials_free(credentials);
	seed_net_free(net);
	return 0;
}
