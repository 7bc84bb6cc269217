/*
 * Who the store takes us for: an access key, its secret and, for a role, a session token
 * that expires. They are looked for in the order of the AWS command line:
 *
 *   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   2. the profile ($AWS_PROFILE, else "default") of $AWS_SHARED_CREDENTIALS_FILE, else
 *      ~/.aws/credentials; of any mode in $CREDENTIALS_DIRECTORY, else private
 *   3. a container's endpoint: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, …_FULL_URI, with
 *      AWS_CONTAINER_AUTHORIZATION_TOKEN or …_TOKEN_FILE
 *   4. an instance's role: the metadata service, version 2 (a token by PUT), unless
 *      AWS_EC2_METADATA_DISABLED is true; AWS_EC2_METADATA_SERVICE_ENDPOINT is its address
 *
 * The region: AWS_REGION, AWS_DEFAULT_REGION, the profile's `region` in $AWS_CONFIG_FILE,
 * else ~/.aws/config; else us-east-1, which stores but Amazon's take.
 *
 * Sources: AWS SDKs and Tools reference guide, "Standardized credential providers";
 * "Container credential provider"; Amazon EC2 user guide, "Use IMDSv2".
 *
 * One thread uses credentials. They lie in memory for secrets (lib/base/secret.h).
 */
#ifndef SEED_S3_CREDENTIALS_H
#define SEED_S3_CREDENTIALS_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/net/net.h"

enum {
	SEED_S3_ACCESS_MAX_BYTES = 128,  /* IAM: 16 to 128 */
	SEED_S3_SECRET_MAX_BYTES = 256,  /* 40 at Amazon */
	SEED_S3_TOKEN_MAX_BYTES = 8192,  /* AWS STS sets no limit; 4096 is its advice */
};

struct seed_s3_credentials {
	char access[SEED_S3_ACCESS_MAX_BYTES + 1], secret[SEED_S3_SECRET_MAX_BYTES + 1];
	char token[SEED_S3_TOKEN_MAX_BYTES + 1]; /* "": none */
	char region[64];
	const char *source;  /* for people: static text */
	int64_t expires_ms;  /* wall clock; INT64_MAX: never */
};

/* Reads variables and files: 1 and 2. *credentials is the caller's. Blocks on files.
 * `profile` (NULL: as above): that profile of the files and nothing else; -EINVAL where it
 * has no key. `region` (NULL: as above).
 * -ENOENT: neither has any; *credentials has the region only, and seed_s3_login_new() asks
 * 3 and 4. Other errors have a line: -EACCES others can read the file, or it cannot be
 * read; -EINVAL half of a pair, or not a key; -ENOMEM. */
errint_t seed_s3_credentials_load(const char *profile, const char *region,
				  struct seed_s3_credentials **credentials,
				  struct seed_error *error) SEED_MUST_CHECK;
void seed_s3_credentials_free(struct seed_s3_credentials *credentials);

/* -ENOENT: there is nobody to ask; -EINVAL: the variables are not what they should be.
 * Asks the endpoint of the container or the instance, and fills `credentials`, which is
 * the caller's and stays until then. `done` is called once by seed_net_turn(), unless the
 * login is freed: `error` is NULL, or says what is to be done. Never blocks. */
struct seed_s3_login;
typedef void seed_s3_login_fn(void *context, const struct seed_error *error);
errint_t seed_s3_login_new(struct seed_net *net, struct seed_s3_credentials *credentials,
			   seed_s3_login_fn *done, void *context,
			   struct seed_s3_login **login) SEED_MUST_CHECK;
void seed_s3_login_free(struct seed_s3_login *login); /* also after `done`; NULL is allowed */

#endif
