/* When the key of a role is asked for. */
#include "lib/s3/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

/* Amazon hands out a new one from five minutes before the end of the old one on. */
#define BEFORE_MS 300000
/* The pause after a try. */
#define AGAIN_MS 30000

struct seed_s3_role {
	struct seed_net *net;
	struct seed_s3_credentials *credentials;
	seed_s3_role_fn *say;
	void *context;
	struct seed_s3_login *login; /* NULL: no key is asked for */
	bool login_over, fails;      /* it has ended; it has been said that it does not work */
	int64_t login_ms;            /* not before */
};

errint_t seed_s3_role_new(struct seed_net *net, struct seed_s3_credentials *credentials, seed_s3_role_fn *say,
			  void *context, struct seed_s3_role **role)
{
	*role = calloc(1, sizeof(**role));
	if (!*role)
		return -ENOMEM;
	**role = (struct seed_s3_role){
		.net = net, .credentials = credentials, .say = say, .context = context };
	return 0;
}

void seed_s3_role_free(struct seed_s3_role *role)
{
	if (!role)
		return;
	seed_s3_login_free(role->login);
	free(role);
}

static void tell(struct seed_s3_role *role, const struct seed_error *error)
{
	char line[SEED_MESSAGE_MAX_BYTES + 128];

	if (error && !role->fails) {
		snprintf(line, sizeof(line), "%s (%s); asked again every %d s", error->message,
			 seed_error_name(error->code), AGAIN_MS / 1000);
		role->say(role->context, line);
	}
	role->fails = error != NULL;
}

static void on_login(void *context, const struct seed_error *error)
{
	struct seed_s3_role *role = context;

	role->login_over = true;
	tell(role, error);
}

/* On the monotonic clock; INT64_MAX: never. */
static int64_t due_ms(const struct seed_s3_role *role, int64_t now_ms)
{
	const struct seed_s3_credentials *credentials = role->credentials;

	if (!credentials->access[0]) /* nobody handed one out at the start */
		return role->login_ms;
	if (credentials->expires_ms == INT64_MAX)
		return INT64_MAX;
	now_ms += credentials->expires_ms - BEFORE_MS - seed_clock_wall_ms();
	return now_ms > role->login_ms ? now_ms : role->login_ms;
}

int64_t seed_s3_role_turn(struct seed_s3_role *role, int64_t now_ms)
{
	struct seed_error error;
	errint_t err;
	int64_t due;

	if (role->login_over) {
		seed_s3_login_free(role->login);
		role->login = NULL;
		role->login_over = false;
		role->login_ms = now_ms + AGAIN_MS;
	}
	if (role->login)
		return INT64_MAX;
	due = due_ms(role, now_ms);
	if (now_ms < due)
		return due;
	role->login_ms = now_ms + AGAIN_MS;
	err = seed_s3_login_new(role->net, role->credentials, on_login, role, &role->login);
	if (err) {
		role->login = NULL;
		(void)seed_error_set(&error, -err, "no credentials for the store: nobody can be asked: %s",
				     strerrordesc_np(-err));
		tell(role, &error);
	}
	return role->login_ms;
}
