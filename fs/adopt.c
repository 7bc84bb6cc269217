#include "fs/adopt.h"

#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/bucket.h"
#include "lib/adopt/adopt.h"
#include "lib/net/net.h"

/* Of all answers at once. */
#define ANSWERS_BYTES ((size_t)64 * 1024 * 1024)

#define AGAIN "what is in the bucket is kept: run it again, and it goes on"

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	SEED_UNUSED(number);
	stopped = 1;
}

/* A second one ends the program. */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- lines ---- */

/* Names of files may have anything in them. */
static void put_line(FILE *out, const char *before, const char *line)
{
	fputs(before, out);
	for (; *line; line++)
		putc((unsigned char)*line < ' ' || *line == 0x7f ? '?' : *line, out);
	putc('\n', out);
	fflush(out);
}

static void on_progress(void *context, const char *line)
{
	SEED_UNUSED(context);
	put_line(stdout, "", line);
}

static void on_problem(void *context, const char *line)
{
	SEED_UNUSED(context);
	put_line(stderr, "seedfs: ", line);
}

static void put_summary(const struct seed_adopt_counts *counts)
{
	printf("Copied %zu names; %zu were there already\n"
	       "%zu images: %zu sent (%.1f MB), the others were there already\n"
	       "%zu folders\n", counts->copied, counts->there, counts->images, counts->images_sent,
	       (double)counts->bytes_sent / 1e6, counts->folders);
	if (counts->made_rows)
		printf("%zu images had no record, and got one of what their files tell\n", counts->made_rows);
}

/* ---- the directory ---- */

struct in_flight {
	size_t count;
	char name[SEED_NAME_MAX_BYTES + 1]; /* of the first */
};

static errint_t count_row(void *context, struct seed_record *record, bool newest)
{
	struct in_flight *found = context;

	SEED_UNUSED(newest);
	if (!found->count++)
		snprintf(found->name, sizeof(found->name), "%s", record->name);
	seed_record_release(record);
	return 0;
}

/* What the last stop cut off is settled as at a mount. Generations are this host's, by its
 * journal; in a bucket they would have none that goes on with them. */
static errint_t settle(struct seed_store *store, struct seed_error *error)
{
	struct in_flight found = { .count = 0 };
	errint_t err = seed_store_recover(store, count_row, &found, error);

	if (err)
		return err;
	if (found.count)
		return seed_error_set(error, EBUSY, "the journal in the state directory has %zu generations in flight "
				      "(%s): mount it once without store= until `queue` is empty, unmount it, and "
				      "then adopt it", found.count, found.name);
	err = seed_store_checkpoint(store);
	return err ? seed_error_set(error, -err, "state directory: %s", strerror(-err)) : 0;
}

/* -EALREADY: it belongs to this bucket. */
static errint_t check_bound(const struct seed_store *store, const char *url, struct seed_error *error)
{
	char *bound = NULL;
	errint_t err = 0;

	if (seed_store_is_bound(store, &bound))
		err = seed_error_set(error, bound && strcmp(bound, url) == 0 ? EALREADY : EBUSY,
				     "the state directory belongs to %s already", bound ? bound : "a bucket");
	free(bound);
	return err;
}

static errint_t open_state(const struct options *options, struct seed_store **store, struct seed_error *error)
{
	struct stat st;
	errint_t err;

	/* One that is not there would be made. */
	if (stat(options->state, &st) < 0)
		return seed_error_set(error, errno, "state directory %s: %s; name the one to copy with "
				      "-o state=DIR", options->state, strerror(errno));
	err = seed_store_open(options->state, store, error);
	if (!err)
		err = check_bound(*store, options->shared.url, error);
	return err ? err : settle(*store, error);
}

/* ---- the bucket ---- */

static errint_t make_writer(char host[SEED_STORE_HOST_BYTES], struct seed_error *error)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return seed_error_set(error, EIO, "no random numbers");
	snprintf(host, SEED_STORE_HOST_BYTES, "%016llx", (unsigned long long)number);
	return 0;
}

static errint_t copy(const struct bucket *bucket, struct seed_store *store, struct seed_adopt_counts *counts,
		     struct seed_error *error)
{
	char host[SEED_STORE_HOST_BYTES];
	struct seed_adopt_config config = {
		.store = store, .credentials = bucket->credentials, .host = host, .stop = &stopped,
		.problems = { .say = on_problem }, .progress = { .say = on_progress },
	};
	errint_t err = make_writer(host, error);

	if (err)
		return err;
	err = seed_net_new(ANSWERS_BYTES, &config.net);
	if (err)
		return seed_error_set(error, -err, "the store cannot be asked: %s", strerror(-err));
	err = seed_s3_new(config.net, &bucket->shared.s3, bucket->credentials, &config.s3, error);
	if (!err) {
		seed_s3_set_quotes(config.s3, bucket->shared.quotes);
		err = seed_adopt_run(&config, counts, error);
	}
	seed_s3_free(config.s3);
	seed_net_free(config.net);
	return err;
}

/* ---- all of it ---- */

static int conclude(const struct options *options, struct seed_store *store,
		    const struct seed_adopt_counts *counts)
{
	struct seed_error error = { 0 };

	put_summary(counts);
	fflush(stdout);
	if (counts->left_out || counts->refused) {
		fprintf(stderr, "seedfs: not all of it is in the bucket: %zu images were left out, %zu names and folders "
			"stay as they are (see above). The directory is still this host's own; mend or remove "
			"these (mount it without store=), and run it again\n", counts->left_out, counts->refused);
		return 1;
	}
	if (seed_store_bind_adopted(store, options->shared.url, &error)) {
		fprintf(stderr, "seedfs: %s; " AGAIN "\n", error.message);
		return 1;
	}
	printf("%s belongs to %s now: mount it with store=\n", options->state, options->shared.url);
	return 0;
}

static int complain(const struct seed_error *error, bool has_begun)
{
	put_line(stderr, "seedfs: ", error->message);
	if (has_begun)
		put_line(stderr, "seedfs: ", "not finished; " AGAIN);
	return 1;
}

int adopt_run(const struct options *options)
{
	struct seed_adopt_counts counts = { .names = 0 };
	struct seed_error error = { 0 };
	struct seed_store *store = NULL;
	struct bucket *bucket = NULL;
	bool has_begun = false;
	int status;
	errint_t err;

	catch_signals();
	err = bucket_new(&options->shared, &bucket, &error);
	if (!err)
		err = open_state(options, &store, &error);
	if (!err)
		err = bucket_probe(bucket, &error);
	if (!err) {
		has_begun = true;
		err = copy(bucket, store, &counts, &error);
	}
	if (err == -EALREADY) {
		put_line(stdout, "", error.message);
		status = 0;
	} else {
		status = err ? complain(&error, has_begun) : conclude(options, store, &counts);
	}
	bucket_free(bucket);
	seed_store_close(store);
	return status;
}
