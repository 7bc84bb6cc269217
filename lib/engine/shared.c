/*
 * The store that hosts share (lib/share/share.h), as a part of the engine: all of it
 * belongs to the engine's thread but shared_mirror().
 */
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/engine/internal.h"
#include "lib/s3/key.h"
#include "lib/s3/probe.h"
#include "lib/s3/role.h"

/* Another host may go on with what this one has in flight after so long without a word. */
#define LEASE_S 60
/* Of one probe, and the pause before the next. */
#define PROBE_MS 20000
#define PROBE_AGAIN_MS 5000

static void on_role(void *context, const char *line)
{
	const struct shared *shared = context;

	seed_log_line(shared->engine->log, NULL, SEED_LOG_ERROR "%s", line);
}

errint_t shared_new(struct seed_engine *engine, struct shared **out)
{
	const struct seed_engine_store *config = engine->config.shared;
	const struct seed_farmer_config farm = {
		.budget = engine->config.budget,
		.jobs = engine->config.jobs,
		.rate_count = engine->config.rate_count,
		.rate_seconds = engine->config.rate_seconds,
	};
	struct shared *shared = calloc(1, sizeof(*shared));
	struct seed_error error;
	errint_t err;

	if (!shared)
		return -ENOMEM;
	shared->engine = engine;
	*out = shared;
	err = seed_s3_new(engine->net, &config->s3, config->credentials, &shared->s3, &error);
	if (err)
		return err;
	if (config->credentials)
		err = seed_s3_role_new(engine->net, config->credentials, on_role, shared, &shared->role);
	if (err)
		return err;
	seed_s3_set_quotes(shared->s3, config->quotes);
	shared->proved = config->probed;
	shared->fit = config->probed && config->held.mark[0];
	shared->room_bytes = 1; /* what is here is looked through with the first that comes */
	shared->lease_s = (int)seed_clock_limit(LEASE_S, "SEED_LEASE_S");
	err = seed_presence_new(shared->s3, config->host, config->place, config->where, shared->lease_s,
				&config->held, &shared->presence);
	if (err)
		return err;
	err = seed_share_new(shared->s3, config->host, shared->lease_s, config->keep, &shared->share);
	return err ? err : seed_farmer_new(shared->s3, config->host, &farm, &shared->farmer);
}

int64_t shared_renew_ms(const struct seed_engine *engine, const struct seed_share_row *row)
{
	int times = row->record.state == SEED_STATE_FAILED ? SEED_SHARE_KEPT_TIMES : 1;

	return seed_clock_now_ms() + (int64_t)engine->shared->lease_s * times * 1000 / 3;
}

void shared_free(struct shared *shared)
{
	if (!shared)
		return;
	seed_s3_probe_free(shared->probe);
	seed_presence_free(shared->presence);
	seed_s3_role_free(shared->role);
	if (shared->scan)
		seed_s3_cancel(shared->scan);
	hints_free(shared);
	parents_free(shared);
	thumb_uploads_free(shared);
	seed_farmer_free(shared->farmer);
	seed_share_free(shared->share);
	seed_s3_free(shared->s3);
	seed_s3_credentials_free(shared->credentials);
	free(shared);
}

/* ---- what all hosts may do together ---- */

int shared_jobs(const struct seed_engine *engine)
{
	return engine->shared ? engine->shared->jobs : engine->config.jobs;
}

int64_t shared_hold_until_ms(const struct seed_engine *engine, int64_t now)
{
	int64_t ms = engine->shared ? seed_farmer_held_ms(engine->shared->farmer, now, NULL) : 0;

	return ms ? now + ms : 0;
}

bool shared_rests(const struct seed_engine *engine, int64_t now)
{
	return !engine->shared || now >= engine->stop_ms + SHARED_GRACE_MS ||
	       (seed_farmer_rests(engine->shared->farmer) && seed_presence_rests(engine->shared->presence));
}

/* The day's budget may be used up by other hosts; and may be again tomorrow. */
static void take_budget(struct seed_engine *engine)
{
	const struct seed_spent *spent = seed_farmer_spent(engine->shared->farmer);
	bool used_up = engine->config.budget > 0 && spent->count >= engine->config.budget;

	atomic_store(&engine->exhausted_day, used_up ? spent->day : -1);
}

/* Prompts wait meanwhile, and nothing else shows why. */
static void tell_trouble(struct shared *shared)
{
	struct seed_error error;
	int code = seed_farmer_trouble(shared->farmer, &error);

	if (code == shared->trouble)
		return;
	shared->trouble = code;
	if (code)
		seed_log_line(shared->engine->log, NULL, SEED_LOG_ERROR "The farm gives this host no jobs, and "
			      "prompts wait: %s (%s)", error.message, seed_error_name(code));
	else
		seed_log_line(shared->engine->log, NULL, SEED_LOG_SUCCESS "The farm gives this host jobs again");
}

static int64_t turn_farm(struct seed_engine *engine, int64_t now)
{
	struct shared *shared = engine->shared;
	int64_t at, rate_ms;
	int jobs, count;

	if (engine->stopping)
		seed_farmer_want(shared->farmer, 0, 0);
	else
		seed_farmer_want(shared->farmer, engine->active + engine->queued, engine->active);
	at = seed_farmer_turn(shared->farmer, now);
	tell_trouble(shared);
	jobs = seed_farmer_jobs(shared->farmer, now);
	seed_farmer_rate(shared->farmer, &count, &rate_ms);
	take_budget(engine);
	if (rate_ms && count > 0)
		SEED_UNUSED(seed_rate_change(&engine->rate, count, rate_ms) == 0);
	if (jobs == shared->jobs)
		return at;
	shared->jobs = jobs;
	engine->pump_ms = 0;
	return now;
}

/* ---- a store that was away at the mount ---- */

static void on_probed(void *context, const struct seed_s3_facts *facts, const struct seed_error *error)
{
	struct shared *shared = context;

	SEED_UNUSED(facts); /* the form of If-Match is set already */
	shared->proved = !error;
	shared->probed = true;
	shared_answered(shared, error ? -EHOSTUNREACH : 0, error);
}

/* Nothing is asked of it before it has proved that it keeps its word. */
static int64_t turn_probe(struct shared *shared, int64_t now)
{
	int64_t at;

	if (shared->probed) {
		seed_s3_probe_free(shared->probe);
		shared->probe = NULL;
		shared->probed = false;
		shared->probe_ms = now + PROBE_AGAIN_MS;
	}
	if (shared->proved)
		return now;
	if (!shared->probe && now >= shared->probe_ms &&
	    seed_s3_probe_new(shared->s3, shared->engine->config.shared->host, now + PROBE_MS, on_probed,
			      shared, &shared->probe))
		shared->probe_ms = now + PROBE_AGAIN_MS;
	at = shared->probe ? seed_s3_probe_turn(shared->probe, now) : shared->probe_ms;
	return shared->probed ? now : at;
}

/* What is asked already goes on: leases say whose it is (lib/share/presence.h). */
static int64_t turn_presence(struct shared *shared, int64_t now)
{
	enum seed_presence_state state;
	int64_t at;

	if (shared->engine->stopping)
		seed_presence_leave(shared->presence);
	at = seed_presence_turn(shared->presence, now);
	state = seed_presence_state(shared->presence);
	if (state == SEED_PRESENCE_ANOTHERS && !shared->lost) {
		shared->lost = true;
		seed_log_line(shared->engine->log, NULL, SEED_LOG_ERROR "Another mount, on %s, has taken the id of this "
			      "host: one of the two state directories is a copy of the other. Nothing is asked of the "
			      "store any more; unmount, and give one of them an empty directory",
			      seed_presence_where(shared->presence));
	}
	if (shared->fit != (state == SEED_PRESENCE_OURS)) {
		shared->fit = !shared->fit;
		return now;
	}
	return at;
}

int64_t shared_turn(struct seed_engine *engine, int64_t now)
{
	int64_t at, next;

	if (!engine->shared)
		return INT64_MAX;
	at = engine->shared->role && !engine->stopping ? seed_s3_role_turn(engine->shared->role, now) : INT64_MAX;
	if (!engine->shared->proved) {
		next = turn_probe(engine->shared, now);
		return next < at ? next : at;
	}
	next = turn_presence(engine->shared, now);
	at = next < at ? next : at;
	next = turn_farm(engine, now); /* what is charged goes on with its name */
	at = next < at ? next : at;
	next = seed_share_turn(engine->shared->share, now);
	return next < at ? next : at;
}

void shared_answered(struct shared *shared, errint_t err, const struct seed_error *error)
{
	bool away = err == -EHOSTUNREACH || err == -ETIMEDOUT;

	if (away && !shared->away)
		seed_log_line(shared->engine->log, NULL, SEED_LOG_ERROR "The store does not answer: %s; what "
			      "is here can be read, and new prompts need the store", error->message);
	else if (!away && shared->away)
		seed_log_line(shared->engine->log, NULL, SEED_LOG_SUCCESS "The store answers again");
	shared->away = away;
}

bool shared_is_waited_for(const struct seed_engine *engine, errint_t err)
{
	if (!engine->shared)
		return false;
	return err == -EBUSY || (engine->config.shared->wait_offline &&
				 (err == -EHOSTUNREACH || err == -ETIMEDOUT));
}

bool shared_name_of(const char *key, size_t len, char name[SEED_STORE_PATH_BYTES])
{
	size_t prefix = strlen("name/");

	return len > prefix && strncmp(key, "name/", prefix) == 0 &&
	       seed_s3_key_name(key + prefix, len - prefix, name, SEED_STORE_PATH_BYTES) == 0 &&
	       seed_text_check_stored_name(name) == 0;
}

/* ---- the files here ---- */

/* Whoever may write to the bucket may write anything: a size becomes a file's here, and a sum
 * part of a key. */
bool shared_is_image(const struct seed_image_info *image)
{
	return image->bytes > 0 && image->bytes <= SEED_WORKER_FILE_MAX_BYTES &&
	       strlen(image->sha256) == SEED_SHA256_HEX_BYTES - 1 &&
	       strspn(image->sha256, "0123456789abcdef") == SEED_SHA256_HEX_BYTES - 1;
}

static bool is_sound(const struct seed_record *record)
{
	return record->state != SEED_STATE_VERIFIED || shared_is_image(&record->image);
}

static bool all_sound(const struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->version_count; i++)
		if (!is_sound(&entry->versions[i].record))
			return false;
	return is_sound(&entry->current);
}

static void fill_mirror(const struct seed_share_entry *entry, struct seed_mirror *mirror,
			struct seed_mirror_version *versions)
{
	bool is_there = entry->current.name != NULL;

	*mirror = (struct seed_mirror){
		.current = is_there ? &entry->current : NULL,
		.has_prompt = seed_share_has_prompt(entry),
		.has_image = is_there && entry->current.state == SEED_STATE_VERIFIED &&
			     !(entry->without & SEED_SHARE_NO_IMAGE),
		.has_record = is_there && !(entry->without & SEED_SHARE_NO_RECORD),
		.versions = versions,
		.version_count = entry->version_count,
	};
	for (size_t i = 0; i < entry->version_count; i++)
		versions[i] = (struct seed_mirror_version){
			.number = entry->versions[i].number, .record = &entry->versions[i].record };
}

errint_t shared_mirror(struct seed_engine *engine, const char *name, const char *text)
{
	struct seed_mirror_version *versions = NULL;
	struct seed_share_entry entry;
	struct seed_mirror mirror;
	errint_t err = seed_share_parse(text, strlen(text), name, &entry);

	if (!err && !all_sound(&entry))
		err = -EBADMSG;
	if (!err && entry.folder) {
		err = seed_store_make_folder(engine->store, name);
		seed_share_release(&entry);
		return err == -EEXIST ? 0 : err;
	}
	if (!err)
		err = seed_store_mirror_no_folder(engine->store, name);
	if (!err) {
		versions = calloc(entry.version_count + 1, sizeof(*versions));
		err = versions ? 0 : -ENOMEM;
	}
	if (!err) {
		fill_mirror(&entry, &mirror, versions);
		err = seed_store_mirror(engine->store, name, &mirror);
	}
	free(versions);
	seed_share_release(&entry);
	return err;
}
