#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/s3/credentials.h"

static char home[] = "/tmp/seedfs-credentials.XXXXXX";

static void put(const char *name, mode_t mode, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/.aws/%s", home, name);
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	static const char *const variables[] = {
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "CREDENTIALS_DIRECTORY",
	};
	char path[128];

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	snprintf(path, sizeof(path), "%s/.aws/credentials", home);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.aws/config", home);
	unlink(path);
	return 0;
}

static struct seed_s3_credentials *load(void)
{
	struct seed_s3_credentials *credentials = NULL;
	struct seed_error error = { .code = 0 };

	if (seed_s3_credentials_load(NULL, NULL, &credentials, &error))
		fail_msg("%s", error.message);
	return credentials;
}

static void refuse(errint_t result, const char *words)
{
	struct seed_s3_credentials *credentials = NULL;
	struct seed_error error = { .code = 0 };

	assert_int_equal(seed_s3_credentials_load(NULL, NULL, &credentials, &error), result);
	if (!strstr(error.message, words))
		fail_msg("%s", error.message);
	if (strstr(error.message, "hush"))
		fail_msg("the secret is shown: %s", error.message);
}

static void test_environment(void **state)
{
	struct seed_s3_credentials *found;

	(void)state;
	put("credentials", 0600, "[default]\naws_access_key_id=FILE\naws_secret_access_key=file\n");
	setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
	setenv("AWS_REGION", "eu-central-1", 1);
	found = load();
	assert_string_equal(found->access, "AKID");
	assert_string_equal(found->secret, "hush");
	assert_string_equal(found->token, "");
	assert_string_equal(found->region, "eu-central-1");
	assert_true(found->expires_ms == INT64_MAX);
	seed_s3_credentials_free(found);
	setenv("AWS_SESSION_TOKEN", "tok/en==", 1);
	found = load();
	assert_string_equal(found->token, "tok/en==");
	seed_s3_credentials_free(found);
}

static const char profiles[] =
	"# comment\n[default]\naws_access_key_id = AKID\naws_secret_access_key=hush/+=\n\n"
	"[ farm ]\r\naws_secret_access_key = second\r\naws_access_key_id = FARM\r\naws_session_token = tok\r\n"
	"; aws_access_key_id = NOT\n[half]\naws_access_key_id = HALF\n[other]\nregion = x\n";

static void test_profiles(void **state)
{
	struct seed_s3_credentials *found;

	(void)state;
	put("credentials", 0600, profiles);
	put("config", 0644, "[default]\nregion = eu-north-1\n[profile farm]\noutput = json\nregion=ap-south-1\n");
	/* A token without its pair is another's. */
	setenv("AWS_SESSION_TOKEN", "stale", 1);
	found = load();
	assert_string_equal(found->access, "AKID");
	assert_string_equal(found->secret, "hush/+=");
	assert_string_equal(found->token, "");
	assert_string_equal(found->region, "eu-north-1");
	seed_s3_credentials_free(found);
	setenv("AWS_PROFILE", "farm", 1);
	found = load();
	assert_string_equal(found->access, "FARM");
	assert_string_equal(found->secret, "second");
	assert_string_equal(found->token, "tok");
	assert_string_equal(found->region, "ap-south-1");
	seed_s3_credentials_free(found);
}

/* There, an access list is shown as a group's bits. */
static void test_directory_of_systemd(void **state)
{
	char directory[128], path[160], elsewhere[256];

	(void)state;
	put("credentials", 0640, profiles);
	snprintf(directory, sizeof(directory), "%s/.aws", home);
	snprintf(path, sizeof(path), "%s/credentials", directory);
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	refuse(-EACCES, "chmod 600");
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	seed_s3_credentials_free(load());
	setenv("CREDENTIALS_DIRECTORY", home, 1);
	seed_s3_credentials_free(load());
	directory[strlen(directory) - 1] = '\0';
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	refuse(-EACCES, "chmod 600");
	snprintf(path, sizeof(path), "%s/no", home);
	snprintf(elsewhere, sizeof(elsewhere), "%s/../.aws/credentials", path);
	assert_int_equal(mkdir(path, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", path, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", elsewhere, 1);
	refuse(-EACCES, "chmod 600");
	assert_int_equal(rmdir(path), 0);
}

/* Whoever names a profile means no other key, and whoever names a region no other region. */
static void test_named(void **state)
{
	struct seed_s3_credentials *found = NULL;
	struct seed_error error = { .code = 0 };

	(void)state;
	put("credentials", 0600, profiles);
	put("config", 0644, "[default]\nregion = eu-north-1\n[profile farm]\nregion=ap-south-1\n");
	setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
	setenv("AWS_PROFILE", "half", 1);
	assert_int_equal(seed_s3_credentials_load("farm", NULL, &found, &error), 0);
	assert_string_equal(found->access, "FARM");
	assert_string_equal(found->region, "ap-south-1");
	seed_s3_credentials_free(found);
	setenv("AWS_REGION", "us-west-2", 1);
	assert_int_equal(seed_s3_credentials_load(NULL, "eu-central-1", &found, &error), 0);
	assert_string_equal(found->access, "AKID");
	assert_string_equal(found->region, "eu-central-1");
	seed_s3_credentials_free(found);
	assert_int_equal(seed_s3_credentials_load("nobody", NULL, &found, &error), -EINVAL);
	assert_non_null(strstr(error.message, ".aws/credentials: the profile nobody is not there, or has no key"));
	assert_int_equal(seed_s3_credentials_load(NULL, "Mars", &found, &error), -EINVAL);
}

static void test_none(void **state)
{
	struct seed_s3_credentials *found = NULL;
	struct seed_error error;

	(void)state;
	assert_int_equal(seed_s3_credentials_load(NULL, NULL, &found, &error), -ENOENT);
	assert_string_equal(found->region, "us-east-1");
	assert_string_equal(found->access, "");
	seed_s3_credentials_free(found);
	put("credentials", 0600, profiles);
	setenv("AWS_PROFILE", "nobody", 1);
	refuse(-EINVAL, "the profile nobody is not there, or has no key");
	/* It may say which role to take, or the region alone. */
	put("config", 0644, "[profile nobody]\nregion = eu-west-1\n");
	assert_int_equal(seed_s3_credentials_load(NULL, NULL, &found, &error), -ENOENT);
	assert_string_equal(found->region, "eu-west-1");
	seed_s3_credentials_free(found);
}

/* An editor's mark at the beginning of the file. */
static void test_mark(void **state)
{
	struct seed_s3_credentials *found;

	(void)state;
	put("credentials", 0600, "\xef\xbb\xbf[default]\naws_access_key_id = AKID\naws_secret_access_key = hush\n");
	found = load();
	assert_string_equal(found->access, "AKID");
	seed_s3_credentials_free(found);
}

static void test_refused(void **state)
{
	char path[128];

	(void)state;
	put("credentials", 0640, profiles);
	refuse(-EACCES, "chmod 600");
	put("credentials", 0600, profiles);
	setenv("AWS_PROFILE", "half", 1);
	refuse(-EINVAL, "without its secret");
	unsetenv("AWS_PROFILE");
	put("credentials", 0600, "[default]\naws_access_key_id = A K\naws_secret_access_key = hush\n");
	refuse(-EINVAL, "white space");
	put("credentials", 0600, "[default]\naws_access_key_id = A:K\naws_secret_access_key = hush\n");
	refuse(-EINVAL, "other bytes");
	snprintf(path, sizeof(path), "%s/.aws/credentials", home);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse(-EINVAL, "not a regular file");
	unlink(path);
	setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	refuse(-EINVAL, "without its secret");
	setenv("AWS_SECRET_ACCESS_KEY", "hu\nsh", 1);
	refuse(-EINVAL, "white space");
	setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
	setenv("AWS_REGION", "eu/../central", 1);
	refuse(-EINVAL, "AWS_REGION");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_environment, set_up),
		cmocka_unit_test_setup(test_profiles, set_up),
		cmocka_unit_test_setup(test_directory_of_systemd, set_up),
		cmocka_unit_test_setup(test_named, set_up),
		cmocka_unit_test_setup(test_none, set_up),
		cmocka_unit_test_setup(test_mark, set_up),
		cmocka_unit_test_setup(test_refused, set_up),
	};
	char path[128];
	int failed;

	if (!mkdtemp(home))
		return 1;
	snprintf(path, sizeof(path), "%s/.aws", home);
	if (mkdir(path, 0700) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	set_up(NULL);
	rmdir(path);
	rmdir(home);
	return failed;
}
