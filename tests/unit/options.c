#include "tests/unit/unit.h"

#include "fs/options.h"

#include <fuse_opt.h>
#include <unistd.h>

#define MANUAL "docs/seedfs.1"
#define ARGS_MAX 12
#define MNT "/mnt"

/* The command line that a test gives, and what came of it. */
struct parsed {
	struct options options;
	struct seed_error error;
	struct fuse_args args;
	errint_t result;
};

static void parse(struct parsed *parsed, const char *const *argv)
{
	*parsed = (struct parsed){ .args = FUSE_ARGS_INIT(0, NULL) };
	assert_int_equal(fuse_opt_add_arg(&parsed->args, "seedfs"), 0);
	for (; *argv; argv++)
		assert_int_equal(fuse_opt_add_arg(&parsed->args, *argv), 0);
	parsed->result = options_parse(&parsed->options, &parsed->args, &parsed->error);
}

static void release(struct parsed *parsed)
{
	options_release(&parsed->options);
	fuse_opt_free_args(&parsed->args);
}

/* `-o OPTION MNT`, which must be taken. */
static void parse_option(struct parsed *parsed, const char *option)
{
	const char *argv[] = { "-o", option, MNT, NULL };

	parse(parsed, argv);
	if (parsed->result)
		fail_msg("%s: %s", option, parsed->error.message);
}

/* What libfuse would see, in one line. */
static void left_for_libfuse(const struct parsed *parsed, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (int i = 1; i < parsed->args.argc && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i > 1 ? " " : "",
				       parsed->args.argv[i]);
}

static int set_up(void **state)
{
	SEED_UNUSED(state);
	setenv("HOME", "/home/someone", 1);
	unsetenv("XDG_DATA_HOME");
	return 0;
}

/* ---- defaults ---- */

static void test_default_texts(void **state)
{
	const char *argv[] = { MNT, NULL };
	struct parsed parsed;

	SEED_UNUSED(state);
	parse(&parsed, argv);
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.error.code, 0);
	assert_string_equal(parsed.options.provider, "kie");
	assert_string_equal(parsed.options.service->name, "kie");
	assert_string_equal(parsed.options.api_base, "https://api.kie.ai");
	assert_string_equal(parsed.options.model, "bytedance/seedream-v4-text-to-image");
	assert_string_equal(parsed.options.quality, "high");
	assert_string_equal(parsed.options.guidance,
			    "detailed, cinematic lighting, high contrast, ultra sharp focus");
	assert_string_equal(parsed.options.style, "");
	assert_string_equal(parsed.options.mountpoint, MNT);
	assert_null(parsed.options.source);
	assert_null(parsed.options.key_file);
	assert_null(parsed.options.workflow);
	release(&parsed);
}

static void test_default_numbers(void **state)
{
	const char *argv[] = { MNT, NULL };
	struct parsed parsed;
	const struct options *options = &parsed.options;

	SEED_UNUSED(state);
	parse(&parsed, argv);
	assert_int_equal(options->size.width, 2048);
	assert_int_equal(options->size.height, 1152);
	assert_int_equal(options->steps, 30);
	assert_int_equal(options->retry_steps, 25);
	assert_int_equal(options->timeout, 300);
	assert_int_equal(options->jobs, 32);
	assert_true(options->cfg_scale == 8);
	assert_true(options->retry_cfg_scale == 7);
	assert_true(options->max_upscale == 2);
	assert_int_equal(options->rate.count, 20);
	assert_int_equal(options->rate.seconds, 10);
	assert_false(options->rate_given);
	assert_int_equal(options->budget.count, 0);
	assert_int_equal(options->history, -1);
	assert_int_equal(options->log_size, 16 * 1024 * 1024);
	assert_int_equal(options->uid, geteuid());
	assert_int_equal(options->gid, getegid());
	assert_int_equal(options->umask, 022);
	assert_false(options->dry_run || options->reuse || options->nometadata || options->allow_other || options->ro);
	assert_false(options->help || options->version || options->foreground);
	assert_false(options->debug || options->single_threaded);
	release(&parsed);
}

static void test_state_directory(void **state)
{
	static const struct {
		const char *data, *home, *expected; /* for any user but root */
	} cases[] = {
		{ NULL, "/home/someone", "/home/someone/.local/share/seedfs" },
		{ "/data", "/home/someone", "/data/seedfs" },
		{ "", "/home/someone", "/home/someone/.local/share/seedfs" },
		{ "relative", "/home/someone", "/home/someone/.local/share/seedfs" },
	};
	const char *argv[] = { MNT, NULL };
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		setenv("HOME", cases[i].home, 1);
		if (cases[i].data)
			setenv("XDG_DATA_HOME", cases[i].data, 1);
		else
			unsetenv("XDG_DATA_HOME");
		parse(&parsed, argv);
		assert_int_equal(parsed.result, 0);
		assert_string_equal(parsed.options.state,
				    geteuid() == 0 ? "/var/lib/seedfs" : cases[i].expected);
		release(&parsed);
	}
	parse_option(&parsed, "state=elsewhere");
	assert_string_equal(parsed.options.state, "elsewhere");
	release(&parsed);
}

static void test_no_home(void **state)
{
	const char *argv[] = { MNT, NULL };
	struct parsed parsed;

	SEED_UNUSED(state);
	if (geteuid() == 0)
		skip();
	unsetenv("HOME");
	parse(&parsed, argv);
	assert_int_equal(parsed.result, -EINVAL);
	assert_string_equal(parsed.error.message,
			    "no state directory: HOME is not set; name one with -o state=DIR");
	release(&parsed);
}

/* ---- values ---- */

static void test_whole_numbers(void **state)
{
	static const struct {
		const char *option;
		size_t field;
		int64_t value;
	} cases[] = {
		{ "steps=1", offsetof(struct options, steps), 1 },
		{ "steps=1000", offsetof(struct options, steps), 1000 },
		{ "steps=007", offsetof(struct options, steps), 7 },
		{ "steps=5,steps=6", offsetof(struct options, steps), 6 },
		{ "retry_steps=12", offsetof(struct options, retry_steps), 12 },
		{ "timeout=86400", offsetof(struct options, timeout), 86400 },
		{ "jobs=100000", offsetof(struct options, jobs), 100000 },
		{ "history=0", offsetof(struct options, history), 0 },
		{ "history=10", offsetof(struct options, history), 10 },
		{ "history=all", offsetof(struct options, history), -1 },
		{ "log_size=4096", offsetof(struct options, log_size), 4096 },
		{ "log_size=4K", offsetof(struct options, log_size), 4096 },
		{ "log_size=4k", offsetof(struct options, log_size), 4096 },
		{ "log_size=2M", offsetof(struct options, log_size), 2097152 },
		{ "log_size=1G", offsetof(struct options, log_size), 1073741824 },
		{ "log_size=1024G", offsetof(struct options, log_size), INT64_C(1099511627776) },
		{ "uid=0", offsetof(struct options, uid), 0 },
		{ "uid=4294967294", offsetof(struct options, uid), INT64_C(4294967294) },
		{ "gid=100", offsetof(struct options, gid), 100 },
		{ "umask=0", offsetof(struct options, umask), 0 },
		{ "umask=022", offsetof(struct options, umask), 022 },
		{ "umask=777", offsetof(struct options, umask), 0777 },
	};
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		int64_t value;

		parse_option(&parsed, cases[i].option);
		memcpy(&value, (char *)&parsed.options + cases[i].field, sizeof(value));
		if (value != cases[i].value)
			fail_msg("%s: %jd", cases[i].option, (intmax_t)value);
		release(&parsed);
	}
}

static void test_real_numbers(void **state)
{
	static const struct {
		const char *option;
		size_t field;
		double value;
	} cases[] = {
		{ "cfg_scale=0", offsetof(struct options, cfg_scale), 0 },
		{ "cfg_scale=7.5", offsetof(struct options, cfg_scale), 7.5 },
		{ "cfg_scale=.5", offsetof(struct options, cfg_scale), .5 },
		{ "cfg_scale=100", offsetof(struct options, cfg_scale), 100 },
		{ "retry_cfg_scale=6.25", offsetof(struct options, retry_cfg_scale), 6.25 },
		{ "max_upscale=1", offsetof(struct options, max_upscale), 1 },
		{ "max_upscale=16", offsetof(struct options, max_upscale), 16 },
	};
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		double value;

		parse_option(&parsed, cases[i].option);
		memcpy(&value, (char *)&parsed.options + cases[i].field, sizeof(value));
		if (value < cases[i].value || value > cases[i].value)
			fail_msg("%s: %g", cases[i].option, value);
		release(&parsed);
	}
}

static void test_sizes_and_rates(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	parse_option(&parsed, "size=16x16384,rate=1/1,budget=500/day");
	assert_int_equal(parsed.options.size.width, 16);
	assert_int_equal(parsed.options.size.height, 16384);
	assert_int_equal(parsed.options.rate.count, 1);
	assert_int_equal(parsed.options.rate.seconds, 1);
	assert_true(parsed.options.rate_given);
	assert_int_equal(parsed.options.budget.count, 500);
	assert_int_equal(parsed.options.budget.seconds, 86400);
	release(&parsed);
	parse_option(&parsed, "rate=1000000/86400");
	assert_int_equal(parsed.options.rate.count, 1000000);
	assert_int_equal(parsed.options.rate.seconds, 86400);
	release(&parsed);
}

static void test_texts(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	parse_option(&parsed, "guidance=a\\,b,style=one=two,quality=\\\\x,model=,key_file=k");
	assert_string_equal(parsed.options.guidance, "a,b");
	assert_string_equal(parsed.options.style, "one=two");
	assert_string_equal(parsed.options.quality, "\\x");
	assert_string_equal(parsed.options.model, "");
	assert_string_equal(parsed.options.key_file, "k");
	release(&parsed);
	parse_option(&parsed, "workflow=/etc/w.json,style=a,style=b");
	assert_string_equal(parsed.options.workflow, "/etc/w.json");
	assert_string_equal(parsed.options.style, "b");
	release(&parsed);
}

static void test_flags(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	parse_option(&parsed, "dry_run,reuse,nometadata,allow_other,ro");
	assert_true(parsed.options.dry_run);
	assert_string_equal(parsed.options.service->name, "kie (dry run)");
	assert_true(parsed.options.service->draws);
	assert_true(parsed.options.reuse);
	assert_true(parsed.options.nometadata);
	assert_true(parsed.options.allow_other);
	assert_true(parsed.options.ro);
	release(&parsed);
}

/* ---- a shared store ---- */

static void test_no_store(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	parse_option(&parsed, "provider=sketch");
	assert_null(parsed.options.shared.bucket);
	assert_null(parsed.options.shared.url);
	release(&parsed);
}

#define LONG_PART "0123456789abcdef0123456789abcdef"
#define LONG LONG_PART LONG_PART LONG_PART LONG_PART /* the longest prefix */

static void test_stores(void **state)
{
	static const struct {
		const char *option, *bucket, *prefix, *endpoint, *url;
	} cases[] = {
		{ "store=s3://farm", "farm", "", NULL, "s3://farm" },
		{ "store=s3://farm/", "farm", "", NULL, "s3://farm" },
		{ "store=s3://a.b-9/x/Y_z.1/", "a.b-9", "x/Y_z.1", NULL, "s3://a.b-9/x/Y_z.1" },
		{ "store=s3://farm/" LONG, "farm", LONG, NULL, "s3://farm/" LONG },
		{ "store=s3://one,store=s3://two/x", "two", "x", NULL, "s3://two/x" },
		{ "store=s3://farm/x,s3_endpoint=https://S3.example.org/", "farm", "x", "https://s3.example.org",
		  "s3://farm/x at https://s3.example.org" },
		{ "s3_endpoint=https://h:443,store=s3://farm", "farm", "", "https://h", "s3://farm at https://h" },
		{ "store=s3://farm,s3_endpoint=http://h:80/", "farm", "", "http://h", "s3://farm at http://h" },
		{ "store=s3://farm,s3_endpoint=http://h:443", "farm", "", "http://h:443",
		  "s3://farm at http://h:443" },
		{ "store=s3://farm,s3_endpoint=http://[::1]:80", "farm", "", "http://[::1]",
		  "s3://farm at http://[::1]" },
		/* A farm may draw. */
		{ "store=s3://farm,provider=sketch", "farm", "", NULL, "s3://farm" },
		{ "store=s3://farm,dry_run", "farm", "", NULL, "s3://farm" },
	};
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		const struct store_options *store = &parsed.options.shared;

		parse_option(&parsed, cases[i].option);
		assert_string_equal(store->bucket, cases[i].bucket);
		assert_string_equal(store->prefix, cases[i].prefix);
		if (cases[i].endpoint)
			assert_string_equal(store->endpoint, cases[i].endpoint);
		else
			assert_null(store->endpoint);
		assert_string_equal(store->url, cases[i].url);
		release(&parsed);
	}
}

static void test_what_belongs_to_a_store(void **state)
{
	struct parsed parsed;
	const struct store_options *store = &parsed.options.shared;

	SEED_UNUSED(state);
	parse_option(&parsed, "store=s3://farm");
	assert_null(store->region);
	assert_null(store->ca_file);
	assert_null(store->profile);
	assert_false(store->wait_offline);
	assert_true(store->cache_bytes == INT64_C(10) * 1024 * 1024 * 1024);
	release(&parsed);
	parse_option(&parsed, "offline=wait,cache_size=64M,s3_region=eu-north-1,s3_ca_file=/ca,s3_profile=farm,"
		     "store=s3://farm");
	assert_string_equal(store->region, "eu-north-1");
	assert_string_equal(store->ca_file, "/ca");
	assert_string_equal(store->profile, "farm");
	assert_true(store->wait_offline);
	assert_true(store->cache_bytes == INT64_C(64) * 1024 * 1024);
	release(&parsed);
}

/* ---- providers ---- */

static void test_providers(void **state)
{
	static const struct {
		const char *option, *api_base;
		int count, seconds;
	} cases[] = {
		{ "provider=kie-image", "https://api.kie.ai", 20, 10 },
		{ "provider=ark", "https://ark.ap-southeast.bytepluses.com/api/v3", 500, 60 },
		{ "provider=fal", "https://queue.fal.run", 0, 0 },
		{ "provider=replicate", "https://api.replicate.com/v1", 600, 60 },
		{ "provider=openai", "https://api.openai.com/v1", 0, 0 },
		{ "provider=automatic1111", "http://127.0.0.1:7860", 0, 0 },
		{ "provider=comfyui", "http://127.0.0.1:8188", 0, 0 },
		{ "provider=sketch", NULL, 0, 0 },
		{ "api_base=http://127.0.0.1:9/x//", "http://127.0.0.1:9/x", 20, 10 },
		{ "api_base=https://gateway/,provider=fal", "https://gateway", 0, 0 },
		{ "provider=replicate,rate=2/3", "https://api.replicate.com/v1", 2, 3 },
	};
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		parse_option(&parsed, cases[i].option);
		if (cases[i].api_base)
			assert_string_equal(parsed.options.api_base, cases[i].api_base);
		else
			assert_null(parsed.options.api_base);
		assert_string_equal(parsed.options.service->name, parsed.options.provider);
		if (parsed.options.rate.count != cases[i].count ||
		    parsed.options.rate.seconds != cases[i].seconds)
			fail_msg("%s: rate %d/%d", cases[i].option, parsed.options.rate.count,
				 parsed.options.rate.seconds);
		release(&parsed);
	}
}

/* ---- the command line ---- */

static void test_flags_of_the_command_line(void **state)
{
	const char *all[] = { "-f", "-d", "-s", "-n", "-v", MNT, NULL };
	const char *debug[] = { "-d", MNT, NULL };
	struct parsed parsed;
	char left[256];

	SEED_UNUSED(state);
	parse(&parsed, all);
	assert_int_equal(parsed.result, 0);
	assert_true(parsed.options.foreground);
	assert_true(parsed.options.debug);
	assert_true(parsed.options.single_threaded);
	left_for_libfuse(&parsed, left, sizeof(left));
	assert_string_equal(left, "");
	release(&parsed);
	parse(&parsed, debug);
	assert_true(parsed.options.foreground);
	assert_false(parsed.options.single_threaded);
	release(&parsed);
}

/* -h and -V are answered whatever else is missing. */
static void test_help_and_version(void **state)
{
	static const char *const helps[] = { "-h", "--help" };
	static const char *const versions[] = { "-V", "--version" };
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(helps); i++) {
		const char *argv[] = { helps[i], NULL };

		parse(&parsed, argv);
		assert_int_equal(parsed.result, 0);
		assert_true(parsed.options.help);
		assert_false(parsed.options.version);
		release(&parsed);
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(versions); i++) {
		const char *argv[] = { versions[i], "-o", "provider=none", NULL };

		parse(&parsed, argv);
		assert_int_equal(parsed.result, 0);
		assert_true(parsed.options.version);
		release(&parsed);
	}
}

static void test_source_and_mount_point(void **state)
{
	const char *fstab[] = { "label", MNT, "-o", "rw,provider=sketch", NULL };
	const char *glued[] = { "-oprovider=sketch", MNT, NULL };
	const char *dashes[] = { "-o", "provider=sketch", "--", "-odd", NULL };
	struct parsed parsed;

	SEED_UNUSED(state);
	parse(&parsed, fstab);
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.options.source, "label");
	assert_string_equal(parsed.options.mountpoint, MNT);
	release(&parsed);
	parse(&parsed, glued);
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.options.provider, "sketch");
	release(&parsed);
	parse(&parsed, dashes);
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.options.mountpoint, "-odd");
	release(&parsed);
}

static void test_what_libfuse_sees(void **state)
{
	static const struct {
		const char *option, *left;
	} cases[] = {
		{ "provider=sketch,ro,uid=5", "" },
		{ "rw,suid,dev", "-o rw,suid,dev" },
		{ "nosuid,nodev,noexec,noatime,sync,dirsync",
		  "-o nosuid,nodev,noexec,noatime,sync,dirsync" },
		{ "auto_unmount,default_permissions", "-o auto_unmount,default_permissions" },
		{ "fsname=x,subtype=y,max_read=4096,max_threads=4",
		  "-o fsname=x,subtype=y,max_read=4096,max_threads=4" },
		{ "steps=3,nosuid,style=x", "-o nosuid" },
		{ "auto,noauto,user,nouser,users,nofail,_netdev,defaults,owner,group", "" },
		{ "relatime,norelatime,strictatime,nodiratime", "" },
		{ "x-systemd.automount,X-mount.mkdir,comment=word", "" },
	};
	struct parsed parsed;
	char left[512];

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		parse_option(&parsed, cases[i].option);
		left_for_libfuse(&parsed, left, sizeof(left));
		assert_string_equal(left, cases[i].left);
		release(&parsed);
	}
}

/* ---- errors ---- */

#define STEPS "must be a whole number from 1 to 1000"
#define CFG "must be a number from 0 to 100"
#define URL_FORM "must be an http or https URL"
#define KEY_ADVICE "a key is never an option, because ps shows options to everybody; put it into a file " \
	"(mode 0600) and name the file with -o key_file=PATH"
#define SIZE_FORM "must be WIDTHxHEIGHT in pixels, like 2048x1152, each from 16 to 16384"
#define RATE_FORM "must be N/SECONDS, like 20/10"
#define BUDGET_FORM "must be N/day, like 500/day"
#define BYTES_FORM "must be a number of bytes from 4K to 1024G, with K, M or G"
#define STORE_FORM "must be s3://BUCKET or s3://BUCKET/PREFIX: a bucket's name has 3 to 63 small letters, digits, " \
	"'-' and '.'; a prefix letters, digits, '-', '_', '.' and '/'"
#define ENDPOINT_FORM "must be https://HOST or https://HOST:PORT (or http)"
#define ENDPOINT_WITH "store=s3://bucket,s3_endpoint="
#define OCTAL_FORM "must be an octal number like 022"
static const struct {
	const char *option, *message;
} wrong_values[] = {
	{ "steps=0", "option steps=0: " STEPS },
	{ "steps=1001", "option steps=1001: " STEPS },
	{ "steps=", "option steps=: " STEPS },
	{ "steps=-1", "option steps=-1: " STEPS },
	{ "steps=+1", "option steps=+1: " STEPS },
	{ "steps= 1", "option steps= 1: " STEPS },
	{ "steps=1x", "option steps=1x: " STEPS },
	{ "steps=1.5", "option steps=1.5: " STEPS },
	{ "steps=99999999999999999999", "option steps=99999999999999999999: " STEPS },
	{ "timeout=86401", "option timeout=86401: must be a whole number from 1 to 86400" },
	{ "jobs=0", "option jobs=0: must be a whole number from 1 to 100000" },
	{ "uid=4294967295",
	  "option uid=4294967295: must be the name or number of a user of this machine" },
	{ "uid=", "option uid=: must be the name or number of a user of this machine" },
	{ "gid=no such", "option gid=no such: must be the name or number of a group of this machine" },
	{ "cfg_scale=-1", "option cfg_scale=-1: " CFG },
	{ "cfg_scale=100.5", "option cfg_scale=100.5: " CFG },
	{ "cfg_scale=nan", "option cfg_scale=nan: " CFG },
	{ "cfg_scale=inf", "option cfg_scale=inf: " CFG },
	{ "cfg_scale=1e", "option cfg_scale=1e: " CFG },
	{ "cfg_scale=.", "option cfg_scale=.: " CFG },
	{ "max_upscale=0.5", "option max_upscale=0.5: must be a number from 1 to 16" },
	{ "api_base=api.kie.ai", "option api_base=api.kie.ai: " URL_FORM },
	{ "api_base=ftp://host/", "option api_base=ftp://host/: " URL_FORM },
	{ "api_base=", "option api_base=: " URL_FORM },
	{ "size=2048", "option size=2048: " SIZE_FORM },
	{ "size=2048x", "option size=2048x: " SIZE_FORM },
	{ "size=2048X1152", "option size=2048X1152: " SIZE_FORM },
	{ "size=2048x1152x3", "option size=2048x1152x3: " SIZE_FORM },
	{ "size=15x16", "option size=15x16: " SIZE_FORM },
	{ "size=16x16385", "option size=16x16385: " SIZE_FORM },
	{ "rate=20", "option rate=20: " RATE_FORM },
	{ "rate=0/1", "option rate=0/1: " RATE_FORM },
	{ "rate=1/0", "option rate=1/0: " RATE_FORM },
	{ "rate=1/86401", "option rate=1/86401: " RATE_FORM },
	{ "rate=1/day", "option rate=1/day: " RATE_FORM },
	{ "budget=500", "option budget=500: " BUDGET_FORM },
	{ "budget=500/86400", "option budget=500/86400: " BUDGET_FORM },
	{ "budget=0/day", "option budget=0/day: " BUDGET_FORM },
	{ "history=some", "option history=some: must be a number, or all" },
	{ "history=-1", "option history=-1: must be a number, or all" },
	{ "log_size=4095", "option log_size=4095: " BYTES_FORM },
	{ "log_size=3K", "option log_size=3K: " BYTES_FORM },
	{ "log_size=1025G", "option log_size=1025G: " BYTES_FORM },
	{ "log_size=4T", "option log_size=4T: " BYTES_FORM },
	{ "log_size=4KB", "option log_size=4KB: " BYTES_FORM },
	{ "umask=8", "option umask=8: " OCTAL_FORM },
	{ "umask=1000", "option umask=1000: " OCTAL_FORM },
	{ "umask=u=rwx", "option umask=u=rwx: " OCTAL_FORM },
	{ "reuse=1", "option reuse takes no value" },
	{ "ro=", "option ro takes no value" },
	{ "steps", "option steps needs a value: a whole number from 1 to 1000" },
	{ "state", "option state needs a value: a directory" },
	{ "api_base", "option api_base needs a value: an http or https URL" },
	{ "provider=dalle", "option provider=dalle: no such provider; seedfs -h lists them" },
	{ "provider=", "option provider=: no such provider; seedfs -h lists them" },
	{ "bogus", "unknown option: bogus; seedfs -h lists them" },
	{ "bogus=1", "unknown option: bogus; seedfs -h lists them" },
	{ "provider=kei", "option provider=kei: no such provider; did you mean kie? seedfs -h lists them" },
	{ "key=sk-123", "option key: " KEY_ADVICE },
	{ "api_key=sk-123", "option api_key: " KEY_ADVICE },
	{ "step=3", "unknown option: step; did you mean steps? seedfs -h lists them" },
	{ "Steps=3", "unknown option: Steps; did you mean steps? seedfs -h lists them" },
	{ "tiemout=3", "unknown option: tiemout; did you mean timeout? seedfs -h lists them" },
	{ "x", "unknown option: x; seedfs -h lists them" },
	{ "remount", "option remount: options cannot be changed while it is mounted; unmount it and "
	  "mount it again (running generations go on)" },
	{ "steps=3,size=1", "option size=1: " SIZE_FORM },
	{ "steps=0,size=1", "option steps=0: " STEPS },
	{ "key_file=~/.key",
	  "option key_file=~/.key: the shell does not expand a ~ there; write key_file=$HOME/.key" },
	{ "store=bucket", "option store=bucket: " STORE_FORM },
	{ "store=s3://", "option store=s3://: " STORE_FORM },
	{ "store=s3://ab", "option store=s3://ab: " STORE_FORM },
	{ "store=s3://Bucket", "option store=s3://Bucket: " STORE_FORM },
	{ "store=s3://bucket//a", "option store=s3://bucket//a: " STORE_FORM },
	{ "store=s3://bucket/../a", "option store=s3://bucket/../a: " STORE_FORM },
	{ "store=s3://bucket/a b", "option store=s3://bucket/a b: " STORE_FORM },
	{ "store=s3://bucket/" LONG "1", "option store=s3://bucket/" LONG "1: " STORE_FORM },
	{ "store=s3://user:hush@bucket", "option store: no user and password in the URL; put the store's key into "
	  "~/.aws/credentials" },
	{ ENDPOINT_WITH "https://host/path", "option s3_endpoint=https://host/path: " ENDPOINT_FORM },
	{ ENDPOINT_WITH "https://host?x", "option s3_endpoint=https://host?x: " ENDPOINT_FORM },
	{ ENDPOINT_WITH "host:9000", "option s3_endpoint=host:9000: " ENDPOINT_FORM },
	{ ENDPOINT_WITH "https://u:hush@host", "option s3_endpoint: no user and password in the URL; put the "
	  "store's key into ~/.aws/credentials" },
	{ "store=s3://bucket,s3_region=Mars", "option s3_region=Mars: must be a region's name: small letters, "
	  "digits and '-'" },
	{ "store=s3://bucket,offline=no", "option offline=no: must be wait or fail" },
	{ "store=s3://bucket,cache_size=1K", "option cache_size=1K: " BYTES_FORM },
	{ "s3_endpoint=http://127.0.0.1:9000", "option s3_endpoint: only together with store=s3://BUCKET" },
	{ "s3_region=x,steps=3", "option s3_region: only together with store=s3://BUCKET" },
	{ "s3_ca_file=x", "option s3_ca_file: only together with store=s3://BUCKET" },
	{ "s3_profile=x", "option s3_profile: only together with store=s3://BUCKET" },
	{ "offline=fail", "option offline: only together with store=s3://BUCKET" },
	{ "cache_size=10G", "option cache_size: only together with store=s3://BUCKET" },
	{ "ro,store=s3://bucket", "options store and ro: a read-only mount shows its state directory, and asks "
	  "no bucket; leave one of them out" },
};

static void test_wrong_values(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(wrong_values); i++) {
		const char *argv[] = { "-o", wrong_values[i].option, MNT, NULL };

		parse(&parsed, argv);
		if (parsed.result != -EINVAL)
			fail_msg("%s: %d %s", wrong_values[i].option, parsed.result,
				 parsed.error.message);
		assert_int_equal(parsed.error.code, EINVAL);
		assert_string_equal(parsed.error.message, wrong_values[i].message);
		release(&parsed);
	}
}

#define NO_MOUNT_POINT "no mount point given; try: seedfs -o provider=sketch MOUNTPOINT (no key " \
	"needed), or seedfs -h"

static void test_wrong_usage(void **state)
{
	static const struct {
		const char *argv[ARGS_MAX];
		const char *message;
	} cases[] = {
		{ { NULL }, NO_MOUNT_POINT },
		{ { "-f", NULL }, NO_MOUNT_POINT },
		{ { "-o", "provider=sketch", NULL }, NO_MOUNT_POINT },
		{ { "a", "b", "c", NULL }, "too many arguments: c; the last one is the mount point, and only a source "
		  "may come before it" },
		{ { "-x", MNT, NULL }, "unknown flag -x; seedfs -h lists them" },
		{ { "-fdx", MNT, NULL }, "unknown flag -fdx; seedfs -h lists them" },
		{ { MNT, "-o", NULL }, "-o needs options after it, like -o provider=sketch; "
		  "seedfs -h lists them" },
		{ { "--adopt", NULL }, "--adopt copies the state directory into a bucket: name both, "
		  "seedfs --adopt -o state=DIR,store=s3://BUCKET/PREFIX" },
		{ { "--provider=sketch", MNT, NULL }, "unknown flag --provider=sketch; write -o provider=sketch" },
	};
	struct parsed parsed;

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		parse(&parsed, cases[i].argv);
		if (parsed.result != -EDOM)
			fail_msg("%s: %d", cases[i].message, parsed.result);
		assert_int_equal(parsed.error.code, EDOM);
		assert_string_equal(parsed.error.message, cases[i].message);
		release(&parsed);
	}
}

static void test_release_twice(void **state)
{
	struct parsed parsed;

	SEED_UNUSED(state);
	parse_option(&parsed, "style=x");
	options_release(&parsed.options);
	assert_null(parsed.options.style);
	assert_null(parsed.options.mountpoint);
	release(&parsed);
}

/* ---- help and manual ---- */

struct documented {
	const char *name, *fallback;
	enum { STRING, NAME, PROVIDER, PATH, DIRECTORY, URL, SIZE, INT, REAL, RATE, BUDGET, FLAG, COUNT,
	       BYTES, OCTAL, USER, GROUP, STORE, ENDPOINT, REGION, OFFLINE } type;
	double least, most;
};

#define DOCUMENTED(name_, type_, fallback_, least_, most_, help_) \
	{ #name_, fallback_, type_, least_, most_ },
static const struct documented documented[] = { SEED_OPTIONS(DOCUMENTED) };
#undef DOCUMENTED

static void test_help(void **state)
{
	char *help = options_help();
	char line[256];

	SEED_UNUSED(state);
	assert_non_null(help);
	assert_ptr_equal(strstr(help, "usage: seedfs [options] [SOURCE] MOUNTPOINT\n"), help);
	for (size_t i = 0; i < SEED_ARRAY_LEN(documented); i++) {
		const struct documented *option = &documented[i];
		const char *found, *end;

		snprintf(line, sizeof(line), "\n    %s%s", option->name,
			 option->type == FLAG ? " " : "=");
		found = strstr(help, line);
		if (!found)
			fail_msg("the help has no %s", option->name);
		end = strchr(found + 1, '\n');
		if (!option->fallback || !option->fallback[0])
			continue;
		snprintf(line, sizeof(line), " [%s]", option->fallback);
		if (strlen(line) > (size_t)(end - found) ||
		    strncmp(end - strlen(line), line, strlen(line)) != 0)
			fail_msg("the help has no default %s of %s", option->fallback, option->name);
	}
	free(help);
}

static char *read_manual(void)
{
	FILE *file = fopen(MANUAL, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		fail_msg("%s: %s; tests are run from the project's top", MANUAL, strerror(errno));
	if (getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s: cannot be read", MANUAL);
	fclose(file);
	return text;
}

/* The manual's entry of an option, from ".It Cm NAME" to the next ".It" that has
 * a text before it (two options may share one), malloc'd. NULL: none. */
static char *manual_entry(const char *manual, const char *name)
{
	char head[64];
	size_t len = (size_t)snprintf(head, sizeof(head), "\n.It Cm %s", name);
	const char *start = strstr(manual, head), *end;

	while (start && start[len] != '\n' && start[len] != ' ')
		start = strstr(start + 1, head);
	if (!start)
		return NULL;
	end = strchr(start + 1, '\n');
	while (strncmp(end, "\n.It ", 5) == 0)
		end = strchr(end + 1, '\n');
	while (strncmp(end, "\n.It ", 5) != 0 && strncmp(end, "\n.El\n", 5) != 0)
		end = strchr(end + 1, '\n');
	return strndup(start, (size_t)(end - start) + 1);
}

static void check_default(const char *entry, const struct documented *option)
{
	char line[256];

	if (!option->fallback) {
		if (strstr(entry, "\n.Pq default "))
			fail_msg("%s has no default", option->name);
		return;
	}
	snprintf(line, sizeof(line), "\n.Pq default Cm %s\n", option->fallback);
	if (!option->fallback[0])
		snprintf(line, sizeof(line), "\n.Pq default empty\n");
	if (!strstr(entry, line))
		fail_msg("%s of %s lacks: %s", option->name, MANUAL, line + 1);
}

static void check_range(const char *entry, const struct documented *option)
{
	char range[64];

	if ((option->type != INT && option->type != REAL) || !option->fallback)
		return;
	snprintf(range, sizeof(range), " %g to %.0f", option->least, option->most);
	if (!strstr(entry, range))
		fail_msg("%s of %s lacks its range:%s", option->name, MANUAL, range);
}

static void test_manual_has_every_option(void **state)
{
	char *manual = read_manual();

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(documented); i++) {
		const struct documented *option = &documented[i];
		char *entry = manual_entry(manual, option->name);
		const char *head;

		if (!entry)
			fail_msg("%s has no .It Cm %s", MANUAL, option->name);
		head = entry + strlen("\n.It Cm ") + strlen(option->name);
		if ((*head == '\n') != (option->type == FLAG))
			fail_msg("%s of %s: a value where it takes none, or none", option->name,
				 MANUAL);
		check_default(entry, option);
		check_range(entry, option);
		free(entry);
	}
	free(manual);
}

static bool is_option(const char *name, size_t len)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(documented); i++)
		if (strlen(documented[i].name) == len &&
		    strncmp(documented[i].name, name, len) == 0)
			return true;
	return false;
}

static void test_manual_has_no_other_option(void **state)
{
	static const char head[] = "\n.It Cm ";
	char *manual = read_manual();
	size_t count = 0;

	SEED_UNUSED(state);
	for (const char *at = manual; (at = strstr(at, head)) != NULL;) {
		const char *column = strstr(at + 1, " Ta ");

		at += sizeof(head) - 1;
		if (column && column < strchr(at, '\n')) /* a table's row */
			continue;
		count++;
		if (!is_option(at, strcspn(at, " \n")))
			fail_msg("%s documents %.*s, which does not exist", MANUAL,
				 (int)strcspn(at, " \n"), at);
	}
	/* Each once, since each is there. */
	assert_int_equal(count, SEED_ARRAY_LEN(documented));
	free(manual);
}

static void test_manual_has_every_provider(void **state)
{
	char *manual = read_manual();
	const struct seed_provider *provider;
	char line[128];

	SEED_UNUSED(state);
	for (size_t i = 0; (provider = seed_provider_at(i)) != NULL; i++) {
		snprintf(line, sizeof(line), "\n.It Sy %s\n", provider->name);
		if (!strstr(manual, line))
			fail_msg("%s has no provider %s", MANUAL, provider->name);
		if (provider->default_base && !strstr(manual, provider->default_base))
			fail_msg("%s has no %s", MANUAL, provider->default_base);
		for (size_t k = 0; provider->key_variables[k]; k++)
			if (!strstr(manual, provider->key_variables[k]))
				fail_msg("%s has no %s", MANUAL, provider->key_variables[k]);
	}
	free(manual);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_default_texts),
		TEST(test_default_numbers),
		TEST(test_state_directory),
		TEST(test_no_home),
		TEST(test_whole_numbers),
		TEST(test_real_numbers),
		TEST(test_sizes_and_rates),
		TEST(test_texts),
		TEST(test_flags),
		TEST(test_no_store),
		TEST(test_stores),
		TEST(test_what_belongs_to_a_store),
		TEST(test_providers),
		TEST(test_flags_of_the_command_line),
		TEST(test_help_and_version),
		TEST(test_source_and_mount_point),
		TEST(test_what_libfuse_sees),
		TEST(test_wrong_values),
		TEST(test_wrong_usage),
		TEST(test_release_twice),
		TEST(test_help),
		TEST(test_manual_has_every_option),
		TEST(test_manual_has_no_other_option),
		TEST(test_manual_has_every_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
