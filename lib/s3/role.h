/*
 * The key to a store, where it is a role's: it expires, and is asked for anew before, and where the
 * store says that it has. One thread, that of the net; nothing blocks.
 */
#ifndef SEED_S3_ROLE_H
#define SEED_S3_ROLE_H

#include "lib/s3/credentials.h"

struct seed_s3_role;

/* A line for people, of the first try that fails after one that did not. Not to free the role. */
typedef void seed_s3_role_fn(void *context, const char *line);

/* `credentials` and `net` are the caller's and stay until the end. -ENOMEM. */
errint_t seed_s3_role_new(struct seed_net *net, struct seed_s3_credentials *credentials, seed_s3_role_fn *say,
			  void *context, struct seed_s3_role **role) SEED_MUST_CHECK;
void seed_s3_role_free(struct seed_s3_role *role); /* NULL is allowed */

/* Asks when it is due; returns when to be called again, INT64_MAX: after seed_net_turn(), or never. */
int64_t seed_s3_role_turn(struct seed_s3_role *role, int64_t now_ms);

#endif
