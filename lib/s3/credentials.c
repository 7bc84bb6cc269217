#include "lib/s3/credentials.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/secret.h"
#include "lib/s3/key.h"

/* A file of profiles; they have some hundred bytes each. */
#define FILE_MAX_BYTES (256 * 1024)

/* ---- profiles: lines of "key = value" below "[profile]" ---- */

struct profile {
	const char *name;
	bool prefixed;     /* [profile NAME], as the file `config` writes all but "default" */
	const char *key;
	char *value;       /* what is found goes there */
	size_t size;
	bool fits;
	bool is_there;
};

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static bool is_section(const struct profile *profile, char *line)
{
	char *end = strchr(line, ']'), *name;

	if (!end)
		return false;
	*end = '\0';
	name = trim(line + 1);
	if (profile->prefixed && strncmp(name, "profile", 7) == 0 && strchr(" \t", name[7]))
		name = trim(name + 7);
	return strcmp(name, profile->name) == 0;
}

static void take_line(struct profile *profile, char *line)
{
	char *sign = strchr(line, '='), *value;

	if (!sign)
		return;
	*sign = '\0';
	if (strcmp(trim(line), profile->key) == 0) {
		value = trim(sign + 1);
		profile->fits = strlen(value) < profile->size;
		if (profile->fits)
			memcpy(profile->value, value, strlen(value) + 1);
	}
}

/* Whether the value fits where it is to go. */
static bool find(const char *text, struct profile *profile)
{
	char *copy = seed_secret_new(FILE_MAX_BYTES + 1), *rest = copy, *line;
	bool here = false;

	if (!copy)
		return false;
	profile->fits = true;
	/* Editors of Windows begin a file with a mark. */
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	memcpy(copy, text, strlen(text) + 1);
	while ((line = strsep(&rest, "\n")) != NULL) {
		line = trim(line);
		if (line[0] == '[') {
			here = is_section(profile, line);
			profile->is_there |= here;
		} else if (here && line[0] != '#' && line[0] != ';') {
			take_line(profile, line);
		}
	}
	seed_secret_free(copy, FILE_MAX_BYTES + 1);
	return profile->fits;
}

/* ---- files ---- */

/* $VARIABLE, else ~/.aws/NAME; malloc'd. NULL: there is no home, or no memory. */
static char *path_of(const char *variable, const char *name)
{
	const char *given = getenv(variable), *home = getenv("HOME");
	char *path;

	if (given && given[0])
		return strdup(given);
	if (!home || !home[0] || asprintf(&path, "%s/.aws/%s", home, name) < 0)
		return NULL;
	return path;
}

static errint_t read_open(int fd, const char *path, bool secret, char *text, struct seed_error *error)
{
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return seed_error_set(error, EINVAL, "%s: not a regular file", path);
	if (secret && (st.st_mode & 077))
		return seed_error_set(error, EACCES, "%s: mode %04o lets others %s it; chmod 600 it", path,
				      st.st_mode & 07777, st.st_mode & 044 ? "read" : "use");
	len = seed_io_read(fd, text, FILE_MAX_BYTES + 1);
	if (len < 0)
		return seed_error_set(error, EACCES, "%s: cannot be read: %s", path,
				      strerrordesc_np((int)-len));
	if (len > FILE_MAX_BYTES || memchr(text, '\0', (size_t)len))
		return seed_error_set(error, EINVAL, "%s: not a file of profiles", path);
	text[len] = '\0';
	return 0;
}

/* systemd lets nobody else into its directory, and shows an access list as a group's bits. */
static bool is_of_systemd(const char *path)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	size_t len = directory ? strlen(directory) : 0;

	return len && strncmp(path, directory, len) == 0 && path[len] == '/' && !strstr(path, "..");
}

/* `text` has FILE_MAX_BYTES + 1. -ENOENT: there is no such file. */
static errint_t read_file(const char *path, bool secret, char *text, struct seed_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	errint_t err;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	if (fd < 0)
		return seed_error_set(error, EACCES, "%s: %s", path, strerrordesc_np(errno));
	err = read_open(fd, path, secret, text, error);
	close(fd);
	return err;
}

static const char *profile_name(const char *given)
{
	const char *name = given ? given : getenv("AWS_PROFILE");

	return name && name[0] ? name : "default";
}

/* ---- what is taken ---- */

/* A header's value, and for the region a part of one. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static errint_t check(const struct seed_s3_credentials *credentials, const char *where,
		      struct seed_error *error)
{
	if (!credentials->access[0] != !credentials->secret[0])
		return seed_error_set(error, EINVAL, "%s: an access key without its secret, or a secret "
				      "without its key", where);
	if (!is_printable(credentials->access) || !is_printable(credentials->secret) ||
	    !is_printable(credentials->token) || strchr(credentials->access, ':'))
		return seed_error_set(error, EINVAL, "%s: white space, a control character or other bytes "
				      "that no key has", where);
	return credentials->access[0] ? 0 : -ENOENT;
}

static bool take_variable(const char *variable, char *to, size_t size)
{
	const char *value = getenv(variable);

	if (!value || !value[0])
		return true;
	if (strlen(value) >= size)
		return false;
	memcpy(to, value, strlen(value) + 1);
	return true;
}

static errint_t from_environment(struct seed_s3_credentials *credentials, struct seed_error *error)
{
	credentials->source = "the environment";
	if (!take_variable("AWS_ACCESS_KEY_ID", credentials->access, sizeof(credentials->access)) ||
	    !take_variable("AWS_SECRET_ACCESS_KEY", credentials->secret, sizeof(credentials->secret)) ||
	    !take_variable("AWS_SESSION_TOKEN", credentials->token, sizeof(credentials->token)))
		return seed_error_set(error, EINVAL, "AWS_…: longer than any key");
	return check(credentials, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY", error);
}

static errint_t from_text(const char *text, const char *path, const char *name,
			  struct seed_s3_credentials *credentials, struct seed_error *error)
{
	const struct { const char *key; char *value; size_t size; } wanted[] = {
		{ "aws_access_key_id", credentials->access, sizeof(credentials->access) },
		{ "aws_secret_access_key", credentials->secret, sizeof(credentials->secret) },
		{ "aws_session_token", credentials->token, sizeof(credentials->token) },
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(wanted); i++) {
		struct profile profile = { .name = name, .key = wanted[i].key,
					   .value = wanted[i].value, .size = wanted[i].size };

		if (!find(text, &profile))
			return seed_error_set(error, EINVAL, "%s: %s is longer than any key", path,
					      wanted[i].key);
	}
	return check(credentials, path, error);
}

/* A profile may have a region only, or say how a role is taken, which is looked for elsewhere. */
static bool has_section(const char *variable, const char *file, const char *name)
{
	char value[2];
	struct profile profile = { .name = name, .prefixed = strcmp(file, "config") == 0, .key = "",
				   .value = value, .size = sizeof(value) };
	char *path = path_of(variable, file), *text = seed_secret_new(FILE_MAX_BYTES + 2);

	if (path && text && !read_file(path, false, text, NULL))
		SEED_UNUSED(find(text, &profile));
	seed_secret_free(text, FILE_MAX_BYTES + 2);
	free(path);
	return profile.is_there;
}

/* Somebody has named a profile, which neither file has. */
static bool is_nowhere(const char *name)
{
	return strcmp(name, "default") != 0 && !has_section("AWS_SHARED_CREDENTIALS_FILE", "credentials", name) &&
	       !has_section("AWS_CONFIG_FILE", "config", name);
}

static errint_t from_file(const char *profile, struct seed_s3_credentials *credentials,
			  struct seed_error *error)
{
	char *path = path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	char *text = seed_secret_new(FILE_MAX_BYTES + 2);
	errint_t err = -ENOENT;

	credentials->source = "the shared credentials file";
	credentials->token[0] = '\0'; /* a variable's belongs to its pair */
	if (path && text)
		err = read_file(path, !is_of_systemd(path), text, error);
	if (!err && path && text)
		err = from_text(text, path, profile_name(profile), credentials, error);
	/* Whoever names one means that one. */
	if (err == -ENOENT && (profile || is_nowhere(profile_name(NULL))))
		err = seed_error_set(error, EINVAL, "%s: the profile %s is not there, or has no key",
				     path ? path : "~/.aws/credentials", profile_name(profile));
	seed_secret_free(text, FILE_MAX_BYTES + 2);
	free(path);
	return err;
}

/* ---- the region ---- */

static void region_of_file(const char *name, char *region, size_t size)
{
	struct profile profile = { .name = name, .prefixed = true, .key = "region",
				   .value = region, .size = size };
	char *path = path_of("AWS_CONFIG_FILE", "config"), *text = seed_secret_new(FILE_MAX_BYTES + 2);

	if (path && text && !read_file(path, false, text, NULL))
		SEED_UNUSED(find(text, &profile));
	seed_secret_free(text, FILE_MAX_BYTES + 2);
	free(path);
}

static errint_t find_region(const char *profile, struct seed_s3_credentials *credentials,
			    struct seed_error *error)
{
	char *region = credentials->region;
	size_t size = sizeof(credentials->region);

	if (!take_variable("AWS_REGION", region, size) ||
	    (!region[0] && !take_variable("AWS_DEFAULT_REGION", region, size)))
		return seed_error_set(error, EINVAL, "AWS_REGION: longer than any region's name");
	if (!region[0])
		region_of_file(profile_name(profile), region, size);
	if (!region[0])
		memcpy(region, "us-east-1", sizeof("us-east-1"));
	if (!seed_s3_is_region(region))
		return seed_error_set(error, EINVAL, "AWS_REGION: a region is lower-case letters, "
				      "digits and '-'");
	return 0;
}

static errint_t fill(const char *profile, const char *region, struct seed_s3_credentials *credentials,
		     struct seed_error *error)
{
	errint_t err = -ENOENT;

	if (region && !seed_s3_is_region(region))
		return seed_error_set(error, EINVAL, "%s: a region is lower-case letters, digits and '-'",
				      region);
	if (region)
		snprintf(credentials->region, sizeof(credentials->region), "%s", region);
	else if (find_region(profile, credentials, error))
		return -EINVAL;
	if (!profile)
		err = from_environment(credentials, error);
	return err == -ENOENT ? from_file(profile, credentials, error) : err;
}

errint_t seed_s3_credentials_load(const char *profile, const char *region,
				  struct seed_s3_credentials **out, struct seed_error *error)
{
	struct seed_s3_credentials *credentials = seed_secret_new(sizeof(*credentials));
	errint_t err;

	if (!credentials)
		return seed_error_set(error, ENOMEM, "no memory for the store's key");
	credentials->expires_ms = INT64_MAX;
	err = fill(profile, region, credentials, error);
	if (err && err != -ENOENT)
		seed_s3_credentials_free(credentials);
	else
		*out = credentials;
	return err;
}

void seed_s3_credentials_free(struct seed_s3_credentials *credentials)
{
	seed_secret_free(credentials, sizeof(*credentials));
}
