#include "fs/bucket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/s3/probe.h"

enum {
	/* A store that is busy is asked again so long: it would be a pity about a mount at boot. */
	PROBE_MS = 20000,
	/* How long whoever may have the host's id is asked whether he lives. */
	CLAIM_S = 60,
	/* While nothing comes. */
	TURN_MS = 100,
	/* Of all answers at once: they are small. */
	ANSWERS_BYTES = 8 * 1024 * 1024,
};

/* ---- waiting for an answer ---- */

struct question {
	struct seed_net *net;
	int64_t deadline_ms;
	bool done;
	struct seed_error error; /* code 0: none */
	struct seed_s3_facts facts;
};

/* Each step has the deadline, too, so that this ends. `probe` may be NULL. */
static void until_done(struct question *question, struct seed_s3_probe *probe)
{
	while (!question->done) {
		seed_net_wait(question->net, NULL, 0, TURN_MS);
		seed_net_turn(question->net);
		if (probe && !question->done)
			SEED_UNUSED(seed_s3_probe_turn(probe, seed_clock_now_ms()));
	}
}

static errint_t answer_of(const struct question *question, struct seed_error *error)
{
	*error = question->error;
	return -question->error.code;
}

/* No answer: the network's error. */
static bool is_silent(const struct seed_error *error)
{
	return error->http_status == 0 && (error->code == ECONNREFUSED || error->code == EHOSTUNREACH ||
					   error->code == ETIMEDOUT || error->code == EIO);
}

static void ended(struct question *question, const struct seed_error *error)
{
	question->error = error ? *error : (struct seed_error){ .code = 0 };
	question->done = true;
}

/* ---- the key ---- */

errint_t bucket_new(const struct store_options *options, struct bucket **out, struct seed_error *error)
{
	struct bucket *bucket = calloc(1, sizeof(*bucket));
	errint_t err;

	if (!bucket)
		return seed_error_set(error, ENOMEM, "out of memory");
	err = seed_s3_credentials_load(options->profile, options->region, &bucket->credentials, error);
	if (err && err != -ENOENT) {
		free(bucket);
		return err;
	}
	bucket->has_key = err == 0;
	bucket->options = options;
	bucket->shared = (struct seed_engine_store){
		.s3 = {
			.endpoint = options->endpoint,
			.bucket = options->bucket,
			.prefix = options->prefix,
			.ca_file = options->ca_file,
		},
		.credentials = bucket->credentials,
		.host = bucket->host,
		.place = bucket->place,
		.where = bucket->where,
		.wait_offline = options->wait_offline,
		.cache_bytes = options->cache_bytes,
	};
	*out = bucket;
	return 0;
}

void bucket_free(struct bucket *bucket)
{
	if (!bucket)
		return;
	if (bucket->credentials)
		seed_s3_credentials_free(bucket->credentials);
	free(bucket);
}

static void on_login(void *context, const struct seed_error *error)
{
	ended(context, error);
}

static errint_t ask_for_key(struct bucket *bucket, struct question *question, struct seed_error *error)
{
	struct seed_s3_login *login;
	errint_t err = seed_s3_login_new(question->net, bucket->credentials, on_login, question, &login);

	if (err == -ENOENT)
		return seed_error_set(error, ENOKEY, "no key for the store: set AWS_ACCESS_KEY_ID and "
				      "AWS_SECRET_ACCESS_KEY, or put one into ~/.aws/credentials (mode 0600)");
	if (err == -EINVAL)
		return seed_error_set(error, EINVAL, "no key for the store: AWS_CONTAINER_… and "
				      "AWS_EC2_METADATA_SERVICE_ENDPOINT do not say whom to ask for one");
	if (err)
		return seed_error_set(error, -err, "no key for the store: %s", strerror(-err));
	until_done(question, NULL);
	seed_s3_login_free(login);
	bucket->has_key = question->error.code == 0;
	/* Of a role, as the store itself may be at a boot: the engine asks for it again. */
	bucket->away = is_silent(&question->error);
	return answer_of(question, error);
}

/* ---- the probe ---- */

static void on_probed(void *context, const struct seed_s3_facts *facts, const struct seed_error *error)
{
	struct question *question = context;

	question->facts = *facts;
	ended(question, error);
}

static errint_t probe_once(struct seed_s3 *s3, struct question *question, struct seed_error *error)
{
	struct seed_s3_probe *probe;
	uint64_t number;
	char id[17];
	errint_t err;

	/* Of no other host, and none of an earlier try, whose object may still be there. */
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return seed_error_set(error, EIO, "no random numbers");
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)number);
	question->done = false;
	err = seed_s3_probe_new(s3, id, question->deadline_ms, on_probed, question, &probe);
	if (err)
		return seed_error_set(error, -err, "the store cannot be asked: %s", strerror(-err));
	until_done(question, probe);
	seed_s3_probe_free(probe);
	return answer_of(question, error);
}

static errint_t probe(struct bucket *bucket, struct question *question, struct seed_error *error)
{
	struct seed_s3 *s3;
	errint_t err = seed_s3_new(question->net, &bucket->shared.s3, bucket->credentials, &s3, error);

	if (err)
		return err;
	err = probe_once(s3, question, error);
	seed_s3_free(s3);
	bucket->away = err && (seed_s3_is_busy(error->http_status) || is_silent(error));
	bucket->shared.probed = !err;
	bucket->shared.quotes = question->facts.quotes;
	bucket->ahead_s = question->facts.ahead_s;
	return err;
}

/* Which options lead to the address. */
static const char *address_options(const struct store_options *options)
{
	if (!options->endpoint)
		return "s3_region=";
	return strncmp(options->endpoint, "https:", 6) == 0 ? "s3_endpoint= or s3_ca_file=" : "s3_endpoint=";
}

/* curl names an address, at most; a person thinks of options. */
static errint_t explain(const struct bucket *bucket, struct seed_error *error)
{
	struct seed_error why = *error;

	if (bucket->away && seed_s3_is_busy(why.http_status))
		return seed_error_set(error, why.code, "%s; the store is there and too busy, so try again later",
				      why.message);
	if (bucket->away)
		return seed_error_set(error, why.code, "%s: %s; is the network up, and %s right?",
				      bucket->options->url, why.message,
				      address_options(bucket->options));
	return -why.code;
}

errint_t bucket_probe(struct bucket *bucket, struct seed_error *error)
{
	struct question question = { .deadline_ms = seed_clock_now_ms() + PROBE_MS };
	errint_t err = seed_net_new(ANSWERS_BYTES, &question.net);

	if (err)
		return seed_error_set(error, -err, "the store cannot be asked: %s", strerror(-err));
	if (!bucket->has_key)
		err = ask_for_key(bucket, &question, error);
	if (!err) {
		err = probe(bucket, &question, error);
		if (err)
			err = explain(bucket, error);
	}
	seed_net_free(question.net);
	return err;
}

/* ---- the id ---- */

static void wait_for_id(struct seed_net *net, struct seed_presence *presence, struct seed_log *log)
{
	int64_t until_ms = seed_clock_now_ms() + 2 * CLAIM_S * INT64_C(1000);
	enum seed_presence_state state = SEED_PRESENCE_ASKING, before;

	while (state < SEED_PRESENCE_OURS && seed_clock_now_ms() < until_ms &&
	       !seed_presence_error(presence)->code) {
		before = state;
		SEED_UNUSED(seed_presence_turn(presence, seed_clock_now_ms()));
		seed_net_wait(net, NULL, 0, TURN_MS);
		seed_net_turn(net);
		state = seed_presence_state(presence);
		if (state == SEED_PRESENCE_KNOCKING && before != state)
			seed_log_line(log, NULL, "This state directory was mounted elsewhere (%s), and was not unmounted "
				      "there: waits whether it still is", seed_presence_where(presence));
	}
}

static errint_t claim(struct bucket *bucket, struct seed_net *net, struct seed_log *log, struct seed_error *error)
{
	struct seed_presence *presence = NULL;
	struct seed_s3 *s3;
	errint_t err = seed_s3_new(net, &bucket->shared.s3, bucket->credentials, &s3, error);

	if (err)
		return err;
	seed_s3_set_quotes(s3, bucket->shared.quotes);
	err = seed_presence_new(s3, bucket->host, bucket->place, bucket->where,
				(int)seed_clock_limit(CLAIM_S, "SEED_LEASE_S"), NULL, &presence);
	if (err) {
		err = seed_error_set(error, -err, "out of memory");
	} else {
		wait_for_id(net, presence, log);
		if (seed_presence_state(presence) == SEED_PRESENCE_ANOTHERS)
			err = seed_error_set(error, EBUSY, "another mount, on %s, has the id of this host: one of the two "
					     "state directories is a copy of the other; name an empty one with "
					     "-o state=DIR", seed_presence_where(presence));
		else if (seed_presence_state(presence) == SEED_PRESENCE_OURS)
			bucket->shared.held = *seed_presence_held(presence);
	}
	seed_presence_free(presence);
	seed_s3_free(s3);
	return err;
}

errint_t bucket_claim(struct bucket *bucket, const struct seed_store *store, struct seed_log *log,
		      struct seed_error *error)
{
	struct seed_net *net;
	errint_t err;

	seed_store_place(store, bucket->place);
	if (gethostname(bucket->where, sizeof(bucket->where) - 1) < 0)
		bucket->where[0] = '\0';
	if (!bucket->shared.probed)
		return 0;
	err = seed_net_new(ANSWERS_BYTES, &net);
	if (err)
		return seed_error_set(error, -err, "the store cannot be asked: %s", strerror(-err));
	err = claim(bucket, net, log, error);
	seed_net_free(net);
	return err;
}

/* ---- the state directory ---- */

errint_t bucket_check_binding(struct bucket *bucket, struct seed_store *store, struct seed_error *error)
{
	char *url = NULL;
	errint_t err = 0;

	if (!seed_store_is_bound(store, &url))
		return 0;
	if (bucket)
		err = seed_store_bind(store, bucket->options->url, bucket->host, error);
	else if (url)
		err = seed_error_set(error, EBUSY, "the state directory is a part of %s, and has not all of "
				     "its images; mount it with store=, or name another with -o state=DIR", url);
	else
		err = seed_error_set(error, EBUSY, "what stands at shared in the state directory cannot be read; it "
				     "tells of which shared catalogue the directory is a part: if it is of none, "
				     "remove it, else mount with store=, or name another with -o state=DIR");
	free(url);
	return err;
}

/* ---- for people ---- */

static void clock_words(int64_t ahead_s, char *text, size_t size)
{
	/* Dates have seconds, and an answer takes its time. */
	if (ahead_s >= -2 && ahead_s <= 2)
		snprintf(text, size, "its clock is this host's");
	else
		snprintf(text, size, "its clock is %lld s %s of this host's",
			 (long long)(ahead_s < 0 ? -ahead_s : ahead_s), ahead_s < 0 ? "behind" : "ahead");
}

char *bucket_describe(const struct bucket *bucket)
{
	const struct store_options *options = bucket->options;
	char clock[64], *text;

	clock_words(bucket->ahead_s, clock, sizeof(clock));
	if (asprintf(&text, "bucket %s%s%s at %s, region %s; key from %s; conditional writes (ETags %s quotes); %s",
		     options->bucket, options->prefix[0] ? ", prefix " : "", options->prefix,
		     options->endpoint ? options->endpoint : "Amazon's", bucket->credentials->region,
		     bucket->credentials->source, bucket->shared.quotes ? "with" : "without", clock) < 0)
		return NULL;
	return text;
}
