#include "fs/options.h"

#include <fuse_opt.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/url.h"
#include "lib/net/key.h"
#include "lib/record/record.h"
#include "lib/s3/key.h"

enum option_type { STRING, NAME, PROVIDER, PATH, DIRECTORY, URL, SIZE, INT, REAL, RATE, BUDGET, FLAG, COUNT,
		   BYTES, OCTAL, USER, GROUP, STORE, ENDPOINT, REGION, OFFLINE };

struct option_spec {
	const char *name;
	enum option_type type;
	const char *fallback;
	double least, most;
	const char *help;
	size_t offset;
};

#define SPEC(name_, type_, fallback_, least_, most_, help_) \
	{ #name_, type_, fallback_, least_, most_, help_, offsetof(struct options, name_) },
static const struct option_spec specs[] = { SEED_OPTIONS(SPEC) };
#undef SPEC

/* Options of mount(8), fstab and libfuse; kept for libfuse or dropped. */
static const char *const for_libfuse[] = {
	"rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "atime", "noatime", "sync",
	"async", "dirsync", "auto_unmount", "default_permissions",
};
static const char *const ignored[] = {
	"auto", "noauto", "user", "nouser", "users", "nofail", "_netdev", "defaults", "relatime",
	"norelatime", "strictatime", "nostrictatime", "diratime", "nodiratime", "owner", "group",
	"noowner", "nogroup", "nousers", "lazytime", "nolazytime", "iversion", "noiversion",
	"mand", "nomand", "silent", "loud", "nosymfollow",
};
static const char *const for_libfuse_prefixed[] = { "fsname=", "subtype=", "max_read=", "max_threads=" };
/* Options that only count with `store`. */
static const char *const with_store[] = {
	"s3_endpoint", "s3_region", "s3_ca_file", "s3_profile", "offline", "cache_size",
};
static const char *const ignored_prefixed[] = { "x-", "comment=", "X-", "helper=", "uhelper=" };

struct parsing {
	struct options *options;
	struct seed_error *error;
	int positions;
	const char *of_store; /* the last option that only counts with `store`; NULL: none */
};

static bool in_list(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static bool has_prefix(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(text, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/* ---- values ---- */

static bool read_whole(const char *text, const char **end, int64_t *value)
{
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoll(text, (char **)(uintptr_t)end, 10);
	return errno == 0;
}

static bool in_range(const struct option_spec *spec, double value)
{
	return value >= spec->least && value <= spec->most;
}

static bool set_int(const struct option_spec *spec, const char *text, void *field)
{
	const char *end;
	int64_t value;

	if (!read_whole(text, &end, &value) || *end || !in_range(spec, (double)value))
		return false;
	*(int64_t *)field = value;
	return true;
}

static bool set_user(const struct option_spec *spec, const char *text, void *field)
{
	const struct passwd *user;

	if (set_int(spec, text, field))
		return true;
	user = getpwnam(text);
	if (user)
		*(int64_t *)field = user->pw_uid;
	return user != NULL;
}

static bool set_group(const struct option_spec *spec, const char *text, void *field)
{
	const struct group *group;

	if (set_int(spec, text, field))
		return true;
	group = getgrnam(text);
	if (group)
		*(int64_t *)field = group->gr_gid;
	return group != NULL;
}

static bool set_octal(const struct option_spec *spec, const char *text, void *field)
{
	char *end;
	long value;

	if (*text < '0' || *text > '7')
		return false;
	value = strtol(text, &end, 8);
	if (*end || !in_range(spec, (double)value))
		return false;
	*(int64_t *)field = value;
	return true;
}

static bool set_real(const struct option_spec *spec, const char *text, void *field)
{
	char *end;
	double value;

	if ((*text < '0' || *text > '9') && *text != '.')
		return false;
	value = strtod(text, &end);
	if (end == text || *end || !in_range(spec, value))
		return false;
	*(double *)field = value;
	return true;
}

static bool set_size(const struct option_spec *spec, const char *text, void *field)
{
	const char *end;
	int64_t width, height;

	if (!read_whole(text, &end, &width) || *end != 'x' ||
	    !read_whole(end + 1, &end, &height) || *end ||
	    !in_range(spec, (double)width) || !in_range(spec, (double)height))
		return false;
	*(struct option_size *)field = (struct option_size){ (int)width, (int)height };
	return true;
}

static bool set_rate(const struct option_spec *spec, const char *text, void *field)
{
	const char *end;
	int64_t count, seconds = 86400;

	if (!read_whole(text, &end, &count) || *end != '/' || !in_range(spec, (double)count))
		return false;
	if (spec->type == BUDGET) {
		if (strcmp(end + 1, "day") != 0)
			return false;
	} else if (!read_whole(end + 1, &end, &seconds) || *end || seconds < 1 || seconds > 86400) {
		return false;
	}
	*(struct option_rate *)field = (struct option_rate){ (int)count, (int)seconds };
	return true;
}

static bool set_bytes(const struct option_spec *spec, const char *text, void *field)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	int64_t value;
	double scaled;

	if (!read_whole(text, &end, &value))
		return false;
	scaled = (double)value;
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || end[1])
			return false;
		for (const char *u = units; u <= unit; u++)
			scaled *= 1024;
	}
	if (!in_range(spec, scaled))
		return false;
	*(int64_t *)field = (int64_t)scaled;
	return true;
}

static bool set_count(const struct option_spec *spec, const char *text, void *field)
{
	if (strcmp(text, "all") == 0) {
		*(int64_t *)field = -1;
		return true;
	}
	return set_int(spec, text, field);
}

static bool set_text(const struct option_spec *spec, const char *text, void *field)
{
	SEED_UNUSED(spec);
	return seed_record_set(field, text) == 0;
}

static bool set_url(const struct option_spec *spec, const char *text, void *field)
{
	return seed_url_check(text) == 0 && set_text(spec, text, field);
}

static bool set_store(const struct option_spec *spec, const char *text, void *field)
{
	return store_options_is_store(text) && set_text(spec, text, field);
}

static bool set_endpoint(const struct option_spec *spec, const char *text, void *field)
{
	return store_options_is_endpoint(text) && set_text(spec, text, field);
}

static bool set_region(const struct option_spec *spec, const char *text, void *field)
{
	return seed_s3_is_region(text) && set_text(spec, text, field);
}

static bool set_offline(const struct option_spec *spec, const char *text, void *field)
{
	return (strcmp(text, "wait") == 0 || strcmp(text, "fail") == 0) && set_text(spec, text, field);
}

static bool set_true(const struct option_spec *spec, const char *text, void *field)
{
	SEED_UNUSED(spec);
	SEED_UNUSED(text);
	*(bool *)field = true;
	return true;
}

/* How a value is read, whether it is a text of its own, the text after the "=" in the help (completions/ and the manual
 * use it), and what a message says that it must be. */
static const struct {
	bool (*set)(const struct option_spec *spec, const char *text, void *field);
	bool owned;
	const char *value, *form;
} types[] = {
	[STRING] = { set_text, true, "TEXT", "a text" },
	[NAME] = { set_text, true, "NAME", "a name" },
	[PROVIDER] = { set_text, true, "NAME", "a name" },
	[PATH] = { set_text, true, "PATH", "the path of a file" },
	[DIRECTORY] = { set_text, true, "DIR", "a directory" },
	[URL] = { set_url, true, "URL", "an http or https URL" },
	[SIZE] = { set_size, false, "WIDTHxHEIGHT", "WIDTHxHEIGHT in pixels, like 2048x1152, each" },
	[INT] = { set_int, false, "N", "a whole number" },
	[REAL] = { set_real, false, "X", "a number" },
	[RATE] = { set_rate, false, "N/SECONDS", "N/SECONDS, like 20/10" },
	[BUDGET] = { set_rate, false, "N/day", "N/day, like 500/day" },
	[FLAG] = { set_true, false, "", "a text" },
	[COUNT] = { set_count, false, "N|all", "a number, or all" },
	[BYTES] = { set_bytes, false, "BYTES", "a number of bytes from 4K to 1024G, with K, M or G" },
	[OCTAL] = { set_octal, false, "OCTAL", "an octal number like 022" },
	[USER] = { set_user, false, "USER", "the name or number of a user of this machine" },
	[GROUP] = { set_group, false, "GROUP", "the name or number of a group of this machine" },
	[STORE] = { set_store, true, "URL", "s3://BUCKET or s3://BUCKET/PREFIX: a bucket's name has 3 to 63 small "
		    "letters, digits, '-' and '.'; a prefix letters, digits, '-', '_', '.' and '/'" },
	[ENDPOINT] = { set_endpoint, true, "URL", "https://HOST or https://HOST:PORT (or http)" },
	[REGION] = { set_region, true, "NAME", "a region's name: small letters, digits and '-'" },
	[OFFLINE] = { set_offline, true, "wait|fail", "wait or fail" },
};

static bool set_value(const struct option_spec *spec, const char *text, struct options *options)
{
	return types[spec->type].set(spec, text, (char *)options + spec->offset);
}

static const char *form_of(const struct option_spec *spec, char *text, size_t size)
{
	const char *form = types[spec->type].form;

	if (spec->type != SIZE && spec->type != INT && spec->type != REAL)
		return form;
	snprintf(text, size, "%s from %.10g to %.10g", form, spec->least, spec->most);
	return text;
}

/* ---- the command line ---- */

static const struct option_spec *find_spec(const char *text, size_t len)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(specs); i++)
		if (strlen(specs[i].name) == len && strncmp(specs[i].name, text, len) == 0)
			return &specs[i];
	return NULL;
}

/* Without the value: it holds a password. */
static int refuse_password(const struct parsing *parsing, const struct option_spec *spec)
{
	return seed_error_set(parsing->error, EINVAL, "option %s: no user and password in the URL; %s", spec->name,
			      spec->type == URL ?
			      "put user:password into a file and name it with key_file=PATH" :
			      "put the store's key into ~/.aws/credentials");
}

static int take_ours(struct parsing *parsing, const struct option_spec *spec, const char *value)
{
	char form[96];

	if (spec->type == FLAG && value)
		return seed_error_set(parsing->error, EINVAL, "option %s takes no value", spec->name);
	if (spec->type != FLAG && !value)
		return seed_error_set(parsing->error, EINVAL, "option %s needs a value: %s",
				      spec->name, form_of(spec, form, sizeof(form)));
	if ((spec->type == PATH || spec->type == DIRECTORY) && strncmp(value, "~/", 2) == 0)
		return seed_error_set(parsing->error, EINVAL, "option %s=%s: the shell does not expand a "
				      "~ there; write %s=$HOME%s", spec->name, value, spec->name,
				      value + 1);
	if ((spec->type == URL || spec->type == ENDPOINT || spec->type == STORE) && strchr(value, '@') &&
	    (spec->type == STORE || seed_url_check(value)))
		return refuse_password(parsing, spec);
	if (!set_value(spec, value, parsing->options))
		return seed_error_set(parsing->error, EINVAL, "option %s=%s: must be %s", spec->name,
				      value ? value : "", form_of(spec, form, sizeof(form)));
	if (spec->type == RATE)
		parsing->options->rate_given = true;
	if (in_list(spec->name, with_store, SEED_ARRAY_LEN(with_store)))
		parsing->of_store = spec->name;
	return 0;
}

/* A word that is nearer than this to an option is probably meant to be that option. */
#define LEAST_AWAY(len) ((len) / 2 + 1 < 3 ? (len) / 2 + 1 : 3)

/* How many letters must be changed, left out, added or swapped. */
static size_t distance(const char *a, size_t a_len, const char *b)
{
	size_t rows[3][32] = { { 0 } };
	size_t b_len = strlen(b);

	if (a_len > 30 || b_len > 30)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t least = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < least)
				least = above[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    second[j - 2] + 1 < least)
				least = second[j - 2] + 1;
			row[j] = least;
		}
	}
	return rows[a_len % 3][b_len];
}

static int refuse_option(struct parsing *parsing, const char *text, size_t len)
{
	static const char *const keys[] = { "key", "api_key", "apikey", "token" };
	const struct option_spec *near = NULL;
	size_t least = LEAST_AWAY(len);

	for (size_t i = 0; i < SEED_ARRAY_LEN(keys); i++)
		if (strlen(keys[i]) == len && strncmp(keys[i], text, len) == 0)
			return seed_error_set(parsing->error, EINVAL, "option %.*s: a key is never "
					      "an option, because ps shows options to everybody; put it "
					      "into a file (mode 0600) and name the file with -o key_file=PATH",
					      (int)len, text);
	if (len == 7 && strncmp(text, "remount", len) == 0)
		return seed_error_set(parsing->error, EINVAL, "option remount: options cannot be "
				      "changed while it is mounted; unmount it and mount it again "
				      "(running generations go on)");
	for (size_t i = 0; i < SEED_ARRAY_LEN(specs); i++) {
		size_t away = distance(text, len, specs[i].name);

		if (away < least) {
			least = away;
			near = &specs[i];
		}
	}
	return seed_error_set(parsing->error, EINVAL, "unknown option: %.*s; %s%s%sseedfs -h lists "
			      "them", (int)len, text, near ? "did you mean " : "",
			      near ? near->name : "", near ? "? " : "");
}

static int take_option(struct parsing *parsing, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_spec *spec = find_spec(text, len);

	if (spec)
		return take_ours(parsing, spec, equals ? equals + 1 : NULL);
	if (in_list(text, for_libfuse, SEED_ARRAY_LEN(for_libfuse)) ||
	    has_prefix(text, for_libfuse_prefixed, SEED_ARRAY_LEN(for_libfuse_prefixed)))
		return 1;
	if (in_list(text, ignored, SEED_ARRAY_LEN(ignored)) ||
	    has_prefix(text, ignored_prefixed, SEED_ARRAY_LEN(ignored_prefixed)))
		return 0;
	return refuse_option(parsing, text, len);
}

static const struct {
	const char *name; /* a letter, or the whole word */
	size_t field;
} flags[] = {
	{ "h", offsetof(struct options, help) },
	{ "--help", offsetof(struct options, help) },
	{ "V", offsetof(struct options, version) },
	{ "--version", offsetof(struct options, version) },
	{ "d", offsetof(struct options, debug) },
	{ "f", offsetof(struct options, foreground) },
	{ "s", offsetof(struct options, single_threaded) },
	{ "--check", offsetof(struct options, check) },
	{ "--adopt", offsetof(struct options, adopt) },
	{ "--hand-over", offsetof(struct options, hand_over) },
};

static bool set_flag(struct options *options, const char *name)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(flags); i++) {
		if (strcmp(flags[i].name, name) == 0) {
			*(bool *)((char *)options + flags[i].field) = true;
			return true;
		}
	}
	return false;
}

/* Letters may stand together: "-fd". mount(8) adds -n and -v. */
static bool set_letters(struct options *options, const char *letters)
{
	for (const char *at = letters; *at || at == letters; at++) {
		const char letter[] = { *at, '\0' };

		if (!set_flag(options, letter) && *at != 'n' && *at != 'v')
			return false;
	}
	return true;
}

static int take_flag(struct parsing *parsing, const char *text)
{
	if (set_flag(parsing->options, text))
		return 0;
	if (strncmp(text, "--", 2) == 0 && find_spec(text + 2, strcspn(text + 2, "=")))
		return seed_error_set(parsing->error, EDOM, "unknown flag %s; write -o %s", text,
				      text + 2);
	if (set_letters(parsing->options, text + 1))
		return 0;
	return seed_error_set(parsing->error, EDOM, "unknown flag %s; seedfs -h lists them", text);
}

static int take_position(struct parsing *parsing, const char *text)
{
	struct options *options = parsing->options;

	parsing->positions++;
	if (parsing->positions > 2)
		return seed_error_set(parsing->error, EDOM, "too many arguments: %s; the last one is the "
				      "mount point, and only a source may come before it", text);
	/* With two, the first is the source: a label only. */
	free(options->source);
	options->source = options->mountpoint;
	options->mountpoint = strdup(text);
	return options->mountpoint ? 0 : seed_error_set(parsing->error, ENOMEM, "out of memory");
}

static int take(void *data, const char *text, int key, struct fuse_args *out)
{
	struct parsing *parsing = data;
	int result;

	SEED_UNUSED(out);
	if (key == FUSE_OPT_KEY_NONOPT)
		result = take_position(parsing, text);
	else if (text[0] == '-')
		result = take_flag(parsing, text);
	else
		result = take_option(parsing, text);
	/* libfuse only knows -1; the reason is in `error`. */
	return result < 0 ? -1 : result;
}

/* ---- what follows from several ---- */

static errint_t default_state(struct options *options, struct seed_error *error)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	int len;

	if (geteuid() == 0)
		len = asprintf(&options->state, "/var/lib/seedfs");
	else if (data && data[0] == '/')
		len = asprintf(&options->state, "%s/seedfs", data);
	else if (home && home[0] == '/')
		len = asprintf(&options->state, "%s/.local/share/seedfs", home);
	else
		return seed_error_set(error, EINVAL, "no state directory: HOME is not set; name one "
				      "with -o state=DIR");
	if (len < 0) {
		options->state = NULL;
		return seed_error_set(error, ENOMEM, "out of memory");
	}
	return 0;
}

static errint_t set_defaults(struct options *options, struct seed_error *error)
{
	options->uid = geteuid();
	options->gid = getegid();
	for (size_t i = 0; i < SEED_ARRAY_LEN(specs); i++)
		if (specs[i].fallback && !set_value(&specs[i], specs[i].fallback, options))
			return seed_error_set(error, ENOMEM, "out of memory");
	return 0;
}

static errint_t refuse_provider(const char *name, struct seed_error *error)
{
	const struct seed_provider *service;
	const char *near = NULL;
	size_t least = LEAST_AWAY(strlen(name));

	for (size_t i = 0; (service = seed_provider_at(i)) != NULL; i++) {
		size_t away = distance(name, strlen(name), service->name);

		if (away < least) {
			least = away;
			near = service->name;
		}
	}
	return seed_error_set(error, EINVAL, "option provider=%s: no such provider; %s%s%sseedfs -h "
			      "lists them", name, near ? "did you mean " : "", near ? near : "",
			      near ? "? " : "");
}

static errint_t settle_provider(struct options *options, struct seed_error *error)
{
	const struct seed_provider *service = seed_provider_find(options->provider);

	if (!service)
		return refuse_provider(options->provider, error);
	options->service = service;
	if (!options->api_base && service->default_base &&
	    !(options->api_base = strdup(service->default_base)))
		return seed_error_set(error, ENOMEM, "out of memory");
	if (options->api_base) {
		size_t len = strlen(options->api_base);

		while (len > 0 && options->api_base[len - 1] == '/')
			options->api_base[--len] = '\0';
	}
	if (!options->rate_given)
		options->rate = (struct option_rate){ service->rate_count, service->rate_seconds };
	return 0;
}

/* A dry run builds the service's requests and draws. It has another name, so that a
 * drawing is never taken for the service's, nor asked of it. */
static void settle_dry_run(struct options *options)
{
	if (!options->dry_run || options->service->draws)
		return;
	options->dry = *options->service;
	(void)snprintf(options->dry_name, sizeof(options->dry_name), "%s (dry run)",
		       options->service->name);
	options->dry.name = options->dry_name;
	options->dry.draws = options->dry.dry_run = true;
	options->dry.auth = SEED_AUTH_NONE;
	options->dry.key_variables[0] = NULL;
	options->service = &options->dry;
}

static errint_t settle(struct options *options, const struct parsing *parsing, struct seed_error *error)
{
	errint_t err;

	if (options->adopt && !options->store)
		return seed_error_set(error, EDOM, "--adopt copies the state directory into a bucket: name both, "
				      "seedfs --adopt -o state=DIR,store=s3://BUCKET/PREFIX");
	if (!options->mountpoint && !options->check && !options->adopt)
		return seed_error_set(error, EDOM, "no mount point given; try: seedfs -o "
				      "provider=sketch MOUNTPOINT (no key needed), or seedfs -h");
	if (parsing->of_store && !options->store)
		return seed_error_set(error, EINVAL, "option %s: only together with store=s3://BUCKET",
				      parsing->of_store);
	err = settle_provider(options, error);
	if (!err)
		settle_dry_run(options);
	if (!err)
		err = store_options_settle(options, error);
	if (!err && !options->state)
		err = default_state(options, error);
	return err;
}

/* mount(8) starts its helper, mount.TYPE, with flags of its own: -f means not to
 * mount, -s to accept unknown options; -t and -N have a value. */
static void take_helper_flags(struct options *options, struct fuse_args *args)
{
	const char *slash = args->argc > 0 ? strrchr(args->argv[0], '/') : NULL;
	const char *program = slash ? slash + 1 : args->argc > 0 ? args->argv[0] : "";
	int kept = 1;

	if (strncmp(program, "mount.", 6) != 0)
		return;
	for (int i = 1; i < args->argc; i++) {
		char *text = args->argv[i];

		if (strcmp(text, "-t") == 0 || strcmp(text, "-N") == 0) {
			i++;
		} else if (strcmp(text, "-o") == 0) {
			args->argv[kept++] = text;
			if (i + 1 < args->argc) /* may look like anything */
				args->argv[kept++] = args->argv[++i];
		} else if (text[0] == '-') {
			options->fake = options->fake || strchr(text, 'f') != NULL;
		} else {
			args->argv[kept++] = text;
		}
	}
	args->argc = kept;
	args->argv[kept] = NULL;
}

errint_t options_parse(struct options *options, struct fuse_args *args, struct seed_error *error)
{
	struct parsing parsing = { .options = options, .error = error };
	errint_t err;

	*options = (struct options){ 0 };
	*error = (struct seed_error){ 0 };
	err = set_defaults(options, error);
	if (err)
		return err;
	take_helper_flags(options, args);
	if (args->argc > 1 && strcmp(args->argv[args->argc - 1], "-o") == 0)
		return seed_error_set(error, EDOM, "-o needs options after it, like -o "
				      "provider=sketch; seedfs -h lists them");
	if (fuse_opt_parse(args, &parsing, NULL, take) < 0)
		return error->code ? -error->code :
				     seed_error_set(error, EDOM, "wrong arguments");
	options->foreground = options->foreground || options->debug;
	if (options->help || options->version)
		return 0;
	return settle(options, &parsing, error);
}

errint_t options_load_key(const struct options *options, struct seed_key **key,
			  struct seed_error *error)
{
	const char *const *variables = options->service->key_variables;

	*key = NULL;
	if (!variables[0] && !options->key_file)
		return 0;
	return seed_key_load(options->key_file, variables, key, error);
}

static void free_text(char **text)
{
	free(*text);
	*text = NULL;
}

void options_release(struct options *options)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(specs); i++)
		if (types[specs[i].type].owned)
			free_text((char **)((char *)options + specs[i].offset));
	free_text(&options->source);
	free_text(&options->mountpoint);
	store_options_release(&options->shared);
}

static void put_providers(FILE *out)
{
	const struct seed_provider *one;

	for (size_t i = 0; (one = seed_provider_at(i)) != NULL; i++)
		fprintf(out, "%s %s", i ? "," : ":", one->name);
}

char *options_help(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("usage: seedfs [options] [SOURCE] MOUNTPOINT\n"
	      "Writing a text to MOUNTPOINT/prompts/NAME generates MOUNTPOINT/images/NAME.png.\n\n"
	      "    -h   this help            -V   the version\n"
	      "    -f   in the foreground    -d   with libfuse's debug output\n"
	      "    --check   check what a mount needs and say what is wrong; mounts and spends nothing\n"
	      "    --adopt   copy the state directory into the bucket of store=; mounts and spends nothing\n"
	      "    --hand-over   mount for a sandboxed systemd unit, give it the mount, and end\n"
	      "    -s   single-threaded      -o OPTION[,OPTION...] (a comma in a value: \\,)\n\n",
	      out);
	for (size_t i = 0; i < SEED_ARRAY_LEN(specs); i++) {
		char left[40];

		snprintf(left, sizeof(left), "%s%s%s", specs[i].name,
			 specs[i].type == FLAG ? "" : "=", types[specs[i].type].value);
		fprintf(out, "    %-18s  %s", left, specs[i].help);
		if (specs[i].type == PROVIDER)
			put_providers(out);
		if (specs[i].fallback && specs[i].fallback[0])
			fprintf(out, " [%s]", specs[i].fallback);
		fputc('\n', out);
	}
	fputs("\nWithout a key: seedfs -o provider=sketch MOUNTPOINT draws pictures itself.\n", out);
	fclose(out);
	return text;
}
