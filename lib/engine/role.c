/* The key to the store, where it is a role's: it expires, and is asked for anew before. */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/s3/credentials.h"

/* Amazon hands out a new one from five minutes before the end of the old one on. */
#define BEFORE_MS 300000
/* The pause after a try. */
#define AGAIN_MS 30000

static void tell(struct shared *shared, const struct seed_error *error)
{
	if (error && !shared->login_fails)
		seed_log_line(shared->engine->log, NULL, SEED_LOG_ERROR "%s (%s); asked again every %d s",
			      error->message, seed_error_name(error->code), AGAIN_MS / 1000);
	shared->login_fails = error != NULL;
}

static void on_login(void *context, const struct seed_error *error)
{
	struct shared *shared = context;

	shared->login_over = true;
	tell(shared, error);
}

/* On the monotonic clock; INT64_MAX: never. */
static int64_t due_ms(const struct shared *shared, int64_t now)
{
	const struct seed_s3_credentials *credentials = shared->engine->config.shared->credentials;

	if (!credentials->access[0]) /* it was away at the mount */
		return shared->login_ms;
	if (credentials->expires_ms == INT64_MAX)
		return INT64_MAX;
	now += credentials->expires_ms - BEFORE_MS - seed_clock_wall_ms();
	return now > shared->login_ms ? now : shared->login_ms;
}

int64_t role_turn(struct shared *shared, int64_t now)
{
	struct seed_error error;
	errint_t err;
	int64_t due;

	if (!shared->engine->config.shared->credentials)
		return INT64_MAX;
	if (shared->login_over) {
		seed_s3_login_free(shared->login);
		shared->login = NULL;
		shared->login_over = false;
		shared->login_ms = now + AGAIN_MS;
	}
	if (shared->login || shared->engine->stopping)
		return INT64_MAX;
	due = due_ms(shared, now);
	if (now < due)
		return due;
	shared->login_ms = now + AGAIN_MS;
	err = seed_s3_login_new(shared->engine->net, shared->engine->config.shared->credentials, on_login, shared,
				&shared->login);
	if (err) {
		shared->login = NULL;
		(void)seed_error_set(&error, -err, "no credentials for the store: nobody can be asked: %s",
				     strerrordesc_np(-err));
		tell(shared, &error);
	}
	return shared->login_ms;
}
