#include "fs/check.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "fs/bucket.h"
#include "fs/mount.h"
#include "lib/base/clock.h"
#include "lib/net/key.h"
#include "lib/net/net.h"
#include "lib/provider/proof.h"
#include "lib/worker/cage.h"

/* Less than this is room for a few images only. */
#define SPACE_LEAST_BYTES (100.0 * 1024 * 1024)
#define SERVICE_LIMIT_MS 15000
#define ANSWER_MAX_BYTES (4 * 1024 * 1024)
/* The time when this was written: no right clock shows an earlier one. */
#define CLOCK_LEAST 1764547200 /* 2025-12-01 */

SEED_PRINTF(3, 4) static bool say(const char *what, bool is_ok, const char *format, ...)
{
	va_list arguments;

	printf("%-6s %s: ", is_ok ? "ok" : "WRONG", what);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	return is_ok;
}

static bool check_fuse(void)
{
	struct seed_error error = { 0 };

	if (mount_check_device(&error))
		return say("fuse", false, "%s", error.message);
	return say("fuse", true, "/dev/fuse can be opened%s", geteuid() == 0 ? "" :
		   ", fusermount3 is there");
}

/* A missing wall is no reason not to mount: the others remain. */
static bool check_cage(void)
{
	char walls_text[SEED_CAGE_TEXT_BYTES], missing[SEED_CAGE_TEXT_BYTES];
	unsigned walls;
	errint_t err = seed_cage_try(&walls);

	if (err)
		return say("cage", false, "cannot start a process: %s", strerror(-err));
	seed_cage_describe(walls, walls_text);
	seed_cage_missing(walls, missing);
	return say("cage", true, "%s%s%s", walls_text, missing[0] ?
		   "; this system does not provide " : "", missing);
}

static bool check_clock(void)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (now < CLOCK_LEAST)
		return say("clock", false, "it is years behind, so no certificate is valid; set it "
			   "(timedatectl set-ntp true)");
	return say("clock", true, "%s", text);
}

/* ---- the state directory ---- */

static bool check_new_state(const char *state)
{
	char path[PATH_MAX];
	const char *parent = path;

	snprintf(path, sizeof(path), "%s", state);
	while (access(parent, F_OK) < 0) /* "/" is always there */
		parent = dirname(path);
	if (access(parent, W_OK | X_OK) < 0)
		return say("state", false, "%s cannot be made in %s: %s; name another with -o state=DIR",
			   state, parent, strerror(errno));
	return say("state", true, "%s is made at the first mount", state);
}

/* Whether a mount holds it; not an error. */
static bool is_in_use(const char *state)
{
	char path[4200];
	bool busy;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", state);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	busy = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return busy;
}

static bool check_state(const char *state, const char *bucket_url)
{
	struct seed_error error = { 0 };
	struct statvfs fs;
	struct stat st;
	double space;

	/* A link that leads nowhere is there: a mount makes nothing in its place. */
	if (lstat(state, &st) < 0)
		return check_new_state(state);
	if (seed_store_check(state, bucket_url, &error))
		return say("state", false, "%s", error.message);
	space = statvfs(state, &fs) < 0 ? 0 : (double)fs.f_bavail * (double)fs.f_frsize;
	if (space < SPACE_LEAST_BYTES)
		return say("state", false, "only %.0f MB are free for %s; make room", space / 1e6, state);
	return say("state", true, "%s, %.1f GB free%s", state, space / 1e9,
		   is_in_use(state) ? ", in use by a mount" : "");
}

/* ---- the key and the service ---- */

static bool check_key(const struct options *options, struct seed_key **key)
{
	struct seed_error error = { 0 };

	if (options_load_key(options, key, &error))
		return say("key", false, "%s%s", error.code == ENOKEY ? "none: " : "", error.message);
	if (!*key)
		return say("key", true, "none is needed");
	return say("key", true, "%s", options->key_file ? options->key_file : "from the environment");
}

struct look {
	const struct seed_provider *provider;
	const atomic_bool *ending; /* gives up; NULL: never */
	bool done, is_ok;
	char text[600];
};

static void looked(void *context, struct seed_net_answer *answer)
{
	struct look *look = context;
	struct seed_response response = {
		.status = answer->status,
		.body = answer->body ? answer->body : "",
		.len = answer->len,
	};

	look->done = true;
	if (answer->error.code)
		snprintf(look->text, sizeof(look->text), "%s; is the network up, and api_base right?",
			 answer->error.message);
	else
		look->is_ok = seed_proof_judge(look->provider, &response, look->text,
					       sizeof(look->text));
}

static errint_t ask(const struct options *options, const char *url, const char *authorization,
		    struct look *look)
{
	struct seed_net_request request = {
		.method = "GET",
		.url = url,
		.authorization = authorization,
		.deadline_ms = seed_clock_now_ms() + SERVICE_LIMIT_MS,
		.limit_bytes = ANSWER_MAX_BYTES,
	};
	struct seed_transfer *transfer;
	struct seed_net *net;
	errint_t err = seed_net_new(SEED_ANSWERS_ALL_BYTES, &net);

	look->provider = options->service;
	if (err)
		return err;
	err = seed_net_send(net, &request, looked, look, &transfer);
	while (!err && !look->done && !(look->ending && atomic_load(look->ending))) {
		seed_net_wait(net, NULL, 0, 100);
		seed_net_turn(net);
	}
	seed_net_free(net);
	return err;
}

static void look_at_service(const struct options *options, const struct seed_key *key,
			    struct look *look)
{
	const struct seed_provider *service = options->service;
	char *url = NULL, *authorization = NULL;
	errint_t err = 0;

	if (asprintf(&url, "%s%s", options->api_base, service->proof_path ?
		     service->proof_path : "") < 0)
		url = NULL;
	if (key)
		authorization = seed_provider_authorization(service, seed_key_text(key));
	err = url ? ask(options, url, authorization, look) : -ENOMEM;
	if (err)
		snprintf(look->text, sizeof(look->text), "cannot be asked: %s", strerror(-err));
	if (authorization)
		explicit_bzero(authorization, strlen(authorization));
	free(authorization);
	free(url);
}

static bool check_service(const struct options *options, const struct seed_key *key)
{
	struct look look = { 0 };

	if (options->service->draws)
		return say("service", true, "none is needed: pictures are drawn here");
	look_at_service(options, key, &look);
	return say(options->api_base, look.is_ok, "%s", look.text);
}

/* ---- the store that hosts share ---- */

static bool check_store(const struct store_options *options)
{
	struct seed_error error = { 0 };
	struct bucket *bucket = NULL;
	char *text = NULL;
	bool is_ok;

	if (bucket_new(options, &bucket, &error) || bucket_probe(bucket, &error)) {
		is_ok = say("store", false, "%s", error.message);
	} else {
		text = bucket_describe(bucket);
		is_ok = say("store", text != NULL, "%s", text ? text : "out of memory");
	}
	free(text);
	bucket_free(bucket);
	return is_ok;
}

/* ---- at mount, in the background ---- */

static void *background_main(void *argument)
{
	struct check_background *background = argument;
	struct fs *fs = background->fs;
	const struct options *options = &fs->options;
	struct look look = { .ending = &background->ending };
	struct seed_error error = { 0 };
	struct seed_key *key = NULL;

	/* A key that has disappeared since the mount read it is reported when it is used. */
	if (options_load_key(options, &key, &error))
		return NULL;
	look_at_service(options, key, &look);
	seed_key_free(key);
	if (look.done)
		seed_log_line(fs->log, NULL, "%s%s %s", look.is_ok ? SEED_LOG_REQUEST : SEED_LOG_ERROR,
			      options->api_base, look.text);
	return NULL;
}

void check_background_start(struct check_background *background, struct fs *fs)
{
	sigset_t all, before;

	background->fs = fs;
	if (!fs->engine || fs->options.service->draws)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* Without a thread there is no report: the first prompt finds the same. */
	background->running = pthread_create(&background->thread, NULL, background_main,
					     background) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void check_background_stop(struct check_background *background)
{
	atomic_store(&background->ending, true);
	if (background->running)
		pthread_join(background->thread, NULL);
}

int check_run(const struct options *options)
{
	struct seed_key *key = NULL;
	bool is_ok;

	is_ok = check_fuse();
	is_ok = check_cage() && is_ok;
	is_ok = check_state(options->state, options->shared.bucket ? options->shared.url : NULL) && is_ok;
	is_ok = check_clock() && is_ok;
	if (check_key(options, &key))
		is_ok = check_service(options, key) && is_ok;
	else
		is_ok = false;
	seed_key_free(key);
	if (options->shared.bucket)
		is_ok = check_store(&options->shared) && is_ok;
	return is_ok ? 0 : 1;
}
