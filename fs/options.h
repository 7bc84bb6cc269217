/*
 * The command line. SEED_OPTIONS has every option once. The parser, the help text, the
 * shells' completion (completions/, from the help) and the test that compares the
 * manual are made from it.
 */
#ifndef SEED_FS_OPTIONS_H
#define SEED_FS_OPTIONS_H

#include "fs/store_options.h"
#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/provider/provider.h"

struct fuse_args;
struct seed_key;

struct option_size {
	int width, height;
};

/* A count in a time: N/SECONDS, N/day. count 0: not limited. */
struct option_rate {
	int count, seconds;
};

/* name, type, field's default as text (NULL: none), least, most, help */
#define SEED_OPTIONS(_) \
	_(provider, PROVIDER, "kie", 0, 0, "image service") \
	_(api_base, URL, NULL, 0, 0, "the service's address, for a gateway or a local server") \
	_(key_file, PATH, NULL, 0, 0, "file that holds the key (mode 0600)") \
	_(state, DIRECTORY, NULL, 0, 0, "state directory: catalogue, images, log") \
	_(model, NAME, SEED_DEFAULT_MODEL, 0, 0, "the service's model") \
	_(size, SIZE, "2048x1152", 16, 16384, "size of the images") \
	_(quality, STRING, "high", 0, 0, "quality asked for") \
	_(steps, INT, "30", 1, 1000, "sampling steps") \
	_(cfg_scale, REAL, "8", 0, 100, "how closely the prompt is followed") \
	_(guidance, STRING, "detailed, cinematic lighting, high contrast, ultra sharp focus", 0, 0, "guidance text") \
	_(style, STRING, "", 0, 0, "appended to every prompt after a comma") \
	_(retry_steps, INT, "25", 1, 1000, "steps of the one retry") \
	_(retry_cfg_scale, REAL, "7", 0, 100, "cfg_scale of the one retry") \
	_(max_upscale, REAL, "2", 1, 16, "how much a smaller picture may be enlarged") \
	_(timeout, INT, "300", 1, 86400, "seconds for one attempt") \
	_(jobs, INT, "32", 1, 100000, "generations at the service at once") \
	_(rate, RATE, NULL, 1, 1000000, "at most N new submissions in SECONDS (default: the service's limit)") \
	_(budget, BUDGET, NULL, 1, 1000000000, "at most N submissions in a UTC day") \
	_(dry_run, FLAG, NULL, 0, 0, "submit nothing: log each request, and draw the picture") \
	_(reuse, FLAG, NULL, 0, 0, "answer a text that has an image with that image, at no cost") \
	_(nometadata, FLAG, NULL, 0, 0, "leave prompt, model and parameters out of the images") \
	_(history, COUNT, "all", 0, 1000000000, "earlier images kept for each name") \
	_(log_size, BYTES, "16M", 4096, 1099511627776.0, "maximum size of the log, with K, M or G") \
	_(store, STORE, NULL, 0, 0, "catalogue that hosts share, in a bucket: s3://BUCKET or s3://BUCKET/PREFIX") \
	_(s3_endpoint, ENDPOINT, NULL, 0, 0, "with store: the address of an S3 service but Amazon's") \
	_(s3_region, REGION, NULL, 0, 0, "with store: the bucket's region (default: AWS_REGION, the profile's, us-east-1)") \
	_(s3_ca_file, PATH, NULL, 0, 0, "with store: certificates to trust in place of the system's") \
	_(s3_profile, STRING, NULL, 0, 0, "with store: the profile of ~/.aws/credentials whose key is used") \
	_(offline, OFFLINE, "fail", 0, 0, "with store: what a new prompt does while the bucket is away") \
	_(cache_size, BYTES, "10G", 4096, 1099511627776.0, "with store: maximum size of the images kept here, with K, M or G") \
	_(workflow, PATH, NULL, 0, 0, "comfyui: a workflow in API format") \
	_(allow_other, FLAG, NULL, 0, 0, "let other users see the mount (permissions are always checked)") \
	_(uid, USER, NULL, 0, 4294967294.0, "owner of the files, a name or a number") \
	_(gid, GROUP, NULL, 0, 4294967294.0, "group of the files, a name or a number") \
	_(umask, OCTAL, "022", 0, 0777, "permission bits removed from 0777 and 0666, octal") \
	_(ro, FLAG, NULL, 0, 0, "read-only: shows the catalogue, needs no key")

struct options {
	char *provider, *api_base, *key_file, *state, *model, *quality, *guidance, *style;
	char *workflow;
	char *store, *s3_endpoint, *s3_region, *s3_ca_file, *s3_profile, *offline;
	struct option_size size;
	int64_t steps, retry_steps, timeout, jobs;
	double cfg_scale, retry_cfg_scale, max_upscale;
	struct option_rate rate, budget;
	bool rate_given;
	int64_t history; /* -1: all */
	int64_t log_size, cache_size;
	int64_t uid, gid, umask;
	bool dry_run, reuse, nometadata, allow_other, ro;

	bool check; /* --check */
	bool adopt; /* --adopt */
	bool hand_over; /* --hand-over */
	bool help, version, foreground, debug, single_threaded;
	bool fake; /* mount -f: all but the mount */
	struct seed_provider dry; /* `service` with -o dry_run */
	char dry_name[64];
	char *source, *mountpoint;
	const struct seed_provider *service; /* of `provider` */
	struct store_options shared;         /* of `store` and what belongs to it */
};

/* Reads argv into `options` (zeroed here) and leaves in `args` what libfuse is to
 * see. 0; -EINVAL: a wrong option (exit status 1); -EDOM: wrong usage (exit
 * status 2); `error` has the line. Reads the environment, no files. */
errint_t options_parse(struct options *options, struct fuse_args *args,
		       struct seed_error *error) SEED_MUST_CHECK;
void options_release(struct options *options);

/* The key that these options name; NULL where none is needed. Errors as
 * seed_key_load(). Reads files. */
errint_t options_load_key(const struct options *options, struct seed_key **key,
			  struct seed_error *error) SEED_MUST_CHECK;

/* The text of -h; malloc'd. */
char *options_help(void);

#endif
