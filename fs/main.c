/* seedfs: the program. Everything that can be wrong is found before the mount is there, and
 * threads start after the last fork. */
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fs/adopt.h"
#include "fs/bucket.h"
#include "fs/check.h"
#include "fs/daemon.h"
#include "fs/fs.h"
#include "fs/handover.h"
#include "fs/mount.h"
#include "fs/privileges.h"
#include "fs/scratch.h"
#include "lib/worker/cage.h"
#include "lib/worker/worker.h"
#include "lib/net/net.h"
#include "lib/store/files.h"

#define EXIT_USAGE 2
#define WORKERS_MAX 16

static int complain(const struct seed_error *error)
{
	/* EAGAIN: threads and processes count against one limit. */
	bool is_crowded = error->code == EAGAIN;

	fprintf(stderr, "seedfs: %s%s\n", error->message, is_crowded ?
		"; this user may have no more processes: end some, or raise ulimit -u" : "");
	return error->code == EDOM ? EXIT_USAGE : EXIT_FAILURE;
}

static int print_help(void)
{
	char *text = options_help();

	if (text)
		fputs(text, stdout);
	free(text);
	return 0;
}

static int print_version(void)
{
	char text[SEED_CAGE_TEXT_BYTES];
	unsigned walls;
	errint_t err = seed_cage_try(&walls);

	if (err)
		snprintf(text, sizeof(text), "cannot be tried: %s", strerror(-err));
	else
		seed_cage_describe(walls, text);
	printf("seedfs " SEEDFS_VERSION "\nworkers' cage here: %s\n", text);
	return 0;
}

/* Each open image and each transfer takes a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* This memory holds the key: no core file, and no access by a debugger or through
 * /proc/PID/mem for another process of the same user. (A sanitizer traces its own process
 * to look for leaks.) */
static void close_memory(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (!SEED_CAGE_SANITIZED)
		prctl(PR_SET_DUMPABLE, 0);
}

/* ---- key ---- */

static errint_t load_key(const struct options *options, struct seed_key **key,
			 struct seed_error *error)
{
	errint_t err = options_load_key(options, key, error);

	if (err == -ENOKEY)
		seed_error_set(error, ENOKEY, "no key for provider %s: %s", options->service->name,
			       error->message);
	return err;
}

struct reloader {
	struct fs *fs;
	pthread_t thread;
	bool running;
	atomic_bool ending;
};

static void reload_key(struct fs *fs)
{
	struct seed_error error = { 0 };
	struct seed_key *key;

	if (load_key(&fs->options, &key, &error))
		seed_log_line(fs->log, NULL, SEED_LOG_ERROR "SIGHUP: the key stays as it was: %s",
			      error.message);
	else if (key && seed_engine_set_key(fs->engine, key))
		seed_key_free(key);
}

static void *reloader_main(void *argument)
{
	struct reloader *reloader = argument;
	sigset_t hangup;
	int got;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	while (sigwait(&hangup, &got) == 0 && !atomic_load(&reloader->ending))
		if (reloader->fs->engine)
			reload_key(reloader->fs);
	return NULL;
}

/* SIGHUP is blocked in every thread (main() does so before the first one) and taken
 * here. */
static errint_t reloader_start(struct reloader *reloader)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&reloader->thread, NULL, reloader_main, reloader);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	reloader->running = err == 0;
	return -err;
}

static void reloader_stop(struct reloader *reloader)
{
	if (!reloader->running)
		return;
	atomic_store(&reloader->ending, true);
	pthread_kill(reloader->thread, SIGHUP);
	pthread_join(reloader->thread, NULL);
}

/* nohup(1), a shell's trap or a careless parent may have ignored or blocked these. Then the
 * end, a new key, or the way a worker ended would not be noticed. */
static void take_signals(void)
{
	static const int ours[] = {SIGTERM, SIGHUP, SIGCHLD};
	sigset_t taken;

	sigemptyset(&taken);
	for (size_t i = 0; i < SEED_ARRAY_LEN(ours); i++) {
		signal(ours[i], SIG_DFL);
		sigaddset(&taken, ours[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &taken, NULL);
	/* A file that grows too large is an error of that write (EFBIG), and does not end
	 * the program. */
	signal(SIGXFSZ, SIG_IGN);
}

static void block(int signal_number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal_number);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- parts ---- */

/* The model that the service is asked for, as log, record and image name it; "" if the
 * service chooses. */
static const char *model_of(const struct options *options,
			    const struct seed_provider_config *service)
{
	const char *model = seed_provider_model(options->service, service, options->model);

	return model ? model : "";
}

/* NULL without memory. */
static const struct seed_params *make_params(const struct options *options,
					     const struct seed_provider_config *service)
{
	struct seed_params params;
	errint_t err;

	seed_params_init(&params);
	params.width = options->size.width;
	params.height = options->size.height;
	params.steps = (int)options->steps;
	params.cfg_scale = options->cfg_scale;
	err = seed_record_set(&params.model, model_of(options, service));
	if (!err)
		err = seed_record_set(&params.quality, options->quality);
	if (!err)
		err = seed_record_set(&params.guidance, options->guidance);
	if (!err)
		err = seed_record_set(&params.style, options->style);
	if (!err)
		return seed_params_share(&params);
	seed_params_release(&params);
	return NULL;
}

static int worker_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (int)cores;
}

#define WORKFLOW_MAX_BYTES (1024 * 1024)

static errint_t load_workflow(struct fs *fs, struct seed_error *error)
{
	const char *path = fs->options.workflow;
	size_t len;
	errint_t err;

	if (!path)
		return 0;
	err = seed_files_read(AT_FDCWD, path, WORKFLOW_MAX_BYTES, &fs->workflow, &len);
	if (err)
		return seed_error_set(error, -err, "workflow %s: %s", path, strerror(-err));
	return 0;
}

/* Builds a request and throws it away, to find what is wrong with the model or the workflow
 * before mounting. */
static errint_t check_service(const struct seed_engine_config *config, struct seed_error *error)
{
	struct seed_request request = { 0 };
	struct seed_task task = { 0 };
	errint_t err;

	if (config->provider->draws && !config->provider->dry_run)
		return 0;
	err = seed_provider_request(config->provider, &config->service, config->params, "a test",
				    &task, &request);
	seed_request_release(&request);
	seed_task_release(&task);
	if (err)
		return seed_error_set(error, -err, "provider %s: no request can be built from these "
				      "options (model, size, workflow): %s", config->provider->name,
				      strerror(-err));
	return 0;
}

/* A state directory that has met its bucket may do without it for a while. A bucket that was
 * never reached may be a typing error, so it is bound behind the probe only. */
static errint_t reach_bucket(struct fs *fs, struct seed_engine_config *config,
			     struct seed_error *error)
{
	struct bucket *bucket = fs->bucket;
	bool is_bound = bucket->host[0] != '\0';
	errint_t err = bucket_probe(bucket, error);

	if (err && !(is_bound && bucket->away))
		return err;
	if (err)
		seed_log_line(fs->log, NULL, SEED_LOG_ERROR "The store is away, and new prompts %s; what is here can "
			      "be read: %s", bucket->shared.wait_offline ? "wait for it" : "fail", error->message);
	bucket->shared.keep = fs->options.history;
	config->shared = &bucket->shared;
	err = is_bound ? 0 : seed_store_bind(fs->store, bucket->options->url, bucket->host, error);
	return err ? err : bucket_claim(bucket, fs->store, fs->log, error);
}

static errint_t start_engine(struct fs *fs, const struct seed_params **params,
			     struct seed_error *error)
{
	const struct options *options = &fs->options;
	struct seed_engine_config config = {
		.provider = options->service,
		.service = {
			.api_base = options->api_base,
			.timeout_seconds = (int)options->timeout,
			.workflow = fs->workflow,
		},
		.retry_steps = (int)options->retry_steps,
		.retry_cfg_scale = options->retry_cfg_scale,
		.max_upscale = options->max_upscale,
		.timeout_ms = options->timeout * 1000,
		.jobs = (int)options->jobs,
		.adoptions = SEED_ADOPTIONS_MAX,
		.rate_count = options->rate.count,
		.rate_seconds = options->rate.seconds,
		.budget = options->budget.count,
		.reuse = options->reuse,
		.metadata = !options->nometadata,
		.worker_program = "/proc/self/exe",
		.workers = worker_count(),
	};
	struct seed_key *key;
	errint_t err;

	config.params = *params = make_params(options, &config.service);
	if (!config.params)
		return seed_error_set(error, ENOMEM, "out of memory");
	err = check_service(&config, error);
	if (!err)
		err = load_key(options, &key, error);
	if (err)
		return err;
	err = fs->bucket ? reach_bucket(fs, &config, error) : 0;
	if (err) {
		seed_key_free(key);
		return err;
	}
	seed_store_keep(fs->store, options->history);
	err = seed_engine_new(&config, fs->store, fs->log, key, &fs->engine, error);
	if (!err && fs->bucket)
		fs->bucket->credentials = NULL;
	return err;
}

static errint_t open_state(struct fs *fs, struct seed_error *error)
{
	bool echo = fs->options.foreground || getenv("JOURNAL_STREAM") != NULL;
	errint_t err;

	err = seed_store_open(fs->options.state, &fs->store, error);
	if (!err)
		err = seed_log_open(seed_store_log_dir(fs->store), fs->options.log_size, echo,
				    &fs->log, error);
	if (!err)
		seed_store_report_to(fs->store, fs->log);
	return err ? err : bucket_check_binding(fs->bucket, fs->store, error);
}

/* Before the first thread, and after the last file outside of the state directory was
 * made. */
static void drop_privileges(struct fs *fs)
{
	errint_t err = privileges_drop();

	if (err)
		seed_log_line(fs->log, NULL, "Cannot give up privileges that are not needed: %s",
			      strerror(-err));
}

/* Before the first thread, because it forks. */
static errint_t check_cage(struct fs *fs, struct seed_error *error)
{
	char missing[SEED_CAGE_TEXT_BYTES];
	unsigned walls;
	errint_t err;

	if (fs->options.ro)
		return 0;
	err = seed_cage_try(&walls);
	if (err)
		return seed_error_set(error, -err, "cannot start a process: %s", strerror(-err));
	seed_cage_missing(walls, missing);
	if (missing[0])
		seed_log_line(fs->log, NULL, "The workers' cage is incomplete: this system does not "
			      "provide %s", missing);
	return 0;
}

/* An absolute path without links. A part that does not exist yet stays as it is written.
 * NULL without memory. */
static char *real_path(const char *path)
{
	char *above = strdup(path), *real = NULL, *full = NULL;

	while (above && !(real = realpath(above, NULL)) && errno == ENOENT)
		above = dirname(above);
	if (!above || asprintf(&full, "%s%s", real ? real : above, path + strlen(above)) < 0)
		full = NULL;
	free(real);
	free(above);
	return full;
}

/* Nobody could see a catalogue below its own mount. */
static errint_t check_overlap(const struct options *options, struct seed_error *error)
{
	char *state = real_path(options->state);
	size_t len = strlen(options->mountpoint);
	bool inside;

	if (!state)
		return seed_error_set(error, ENOMEM, "out of memory");
	inside = strncmp(state, options->mountpoint, len) == 0 &&
		 (state[len] == '/' || state[len] == '\0');
	free(state);
	if (inside)
		return seed_error_set(error, EINVAL, "state directory %s is inside the mount point %s",
				      options->state, options->mountpoint);
	return 0;
}

/* Relative paths must still be valid after chdir("/"). */
static errint_t make_absolute(char **path)
{
	char *here, *full = NULL;

	if (!*path || (*path)[0] == '/')
		return 0;
	here = getcwd(NULL, 0);
	if (!here || asprintf(&full, "%s/%s", here, *path) < 0)
		full = NULL;
	free(here);
	if (!full)
		return -ENOMEM;
	free(*path);
	*path = full;
	return 0;
}

static errint_t make_paths_absolute(struct options *options)
{
	errint_t err = make_absolute(&options->key_file);

	if (!err)
		err = make_absolute(&options->state);
	if (!err)
		err = make_absolute(&options->s3_ca_file);
	options->shared.ca_file = options->s3_ca_file;
	return err ? err : make_absolute(&options->workflow);
}

static errint_t prepare(struct fs *fs, struct seed_error *error)
{
	struct options *options = &fs->options;
	errint_t err;

	if (make_paths_absolute(options))
		return seed_error_set(error, ENOMEM, "out of memory");
	/* On a mount that was handed over nobody answers yet, so it is not looked at. */
	err = fs->device >= 0 ? make_absolute(&options->mountpoint) : mount_prepare(options, error);
	if (!err && !options->foreground && (err = daemon_start()) != 0)
		seed_error_set(error, -err, "cannot go into the background: %s", strerror(-err));
	if (!err)
		err = check_overlap(options, error);
	return err;
}

/* The engine's thread is last: if it already ran, it would have to be stopped. */
static errint_t start_threads(struct fs *fs, struct reloader *reloader, struct seed_error *error)
{
	errint_t err = reloader_start(reloader);

	if (!err)
		err = gallery_start(fs);
	if (!err && fs->engine)
		err = seed_engine_start(fs->engine);
	if (!err)
		return 0;
	gallery_stop(fs);
	reloader_stop(reloader);
	return seed_error_set(error, -err, "cannot start a thread: %s", strerror(-err));
}

static errint_t serve(struct fs *fs, struct fuse_args *args, struct seed_error *error)
{
	const struct seed_params *params = NULL;
	struct check_background background = { 0 };
	struct reloader reloader = { .fs = fs };
	errint_t err;

	err = load_workflow(fs, error);
	if (!err && fs->options.shared.bucket)
		err = bucket_new(&fs->options.shared, &fs->bucket, error);
	if (!err)
		err = open_state(fs, error);
	if (!err) {
		drop_privileges(fs);
		err = check_cage(fs, error);
	}
	if (!err && inodes_init(fs, &root_folder))
		err = seed_error_set(error, ENOMEM, "out of memory");
	/* Before the engine's disk threads: what they take up changes names. */
	if (!err)
		seed_store_tell(fs->store, names_changed, fs);
	if (!err && !fs->options.ro)
		err = start_engine(fs, &params, error);
	if (!err)
		err = mount_start(fs, &seedfs_ops, args, error);
	if (!err)
		err = start_threads(fs, &reloader, error);
	if (!err) {
		check_background_start(&background, fs);
		err = mount_serve(fs, error);
		/* A second signal must not cut the end short. */
		block(SIGTERM);
		block(SIGINT);
		check_background_stop(&background);
		reloader_stop(&reloader);
		gallery_stop(fs);
		if (fs->engine)
			seed_engine_stop(fs->engine);
		if (fs->serving)
			seed_log_line(fs->log, NULL, "Unmounted from %s", fs->options.mountpoint);
	}
	mount_end(fs);
	seed_engine_free(fs->engine);
	bucket_free(fs->bucket);
	seed_params_unref(params);
	free(fs->workflow);
	return err;
}

/* fs/handover.h */
static errint_t hand_over(struct fs *fs, struct fuse_args *args, struct seed_error *error)
{
	errint_t err = mount_prepare(&fs->options, error);

	if (!err)
		err = mount_start(fs, &seedfs_ops, args, error);
	if (!err)
		err = handover_give(fuse_session_fd(fs->session), error);
	if (!err)
		_exit(EXIT_SUCCESS); /* a session that ends unmounts */
	mount_end(fs);
	return err;
}

static int run(struct fs *fs, struct fuse_args *args)
{
	struct seed_error error = { 0 };
	errint_t err;

	clock_gettime(CLOCK_REALTIME, &fs->started);
	err = options_parse(&fs->options, args, &error);
	if (!err && fs->options.help)
		return print_help();
	if (!err && fs->options.version)
		return print_version();
	if (!err && fs->options.check)
		return make_paths_absolute(&fs->options) ? 1 : check_run(&fs->options);
	if (!err && fs->options.adopt)
		return make_paths_absolute(&fs->options) ? 1 : adopt_run(&fs->options);
	if (!err && fs->options.fake)
		return 0;
	if (!err && fs->options.hand_over)
		return hand_over(fs, args, &error) ? complain(&error) : 0;
	if (!err)
		err = prepare(fs, &error);
	if (!err)
		err = serve(fs, args, &error);
	if (fs->root) {
		handles_release_all(fs);
		scratch_release_all(fs);
		gallery_release(fs);
		reports_release(fs);
		inodes_release(fs);
	}
	seed_log_close(fs->log);
	seed_store_close(fs->store);
	return err ? complain(&error) : 0;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fs *fs;
	int status;

	if (argc == 2 && strcmp(argv[1], "--worker") == 0)
		return seed_worker_main(3);
	close_memory();
	take_signals();
	daemon_open_standard();
	block(SIGHUP);
	raise_descriptors();
	fs = calloc(1, sizeof(*fs));
	if (!fs || seed_net_start()) {
		fputs("seedfs: out of memory\n", stderr);
		return EXIT_FAILURE;
	}
	fs->device = handover_take();
	status = run(fs, &args);
	options_release(&fs->options);
	fuse_opt_free_args(&args);
	seed_net_end();
	free(fs);
	return status;
}
