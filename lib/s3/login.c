/* Credentials that an endpoint of the container or the instance hands out. */

#include "lib/s3/credentials.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/url.h"
#include "lib/provider/json.h"

enum {
	/* Both endpoints are on the host or beside it. Without a metadata service nothing
	 * answers at its address, and a mount should not wait long to say so. */
	ASK_MS = 5000,
	ANSWER_MAX_BYTES = 64 * 1024,
	LINE_MAX_BYTES = 4096,
};
#define CONTAINER_BASE "http://169.254.170.2"
#define METADATA_BASE "http://169.254.169.254"
#define ROLES "/latest/meta-data/iam/security-credentials/"

/* What has been asked for. */
enum stage { STAGE_TOKEN, STAGE_ROLE, STAGE_CREDENTIALS };

struct seed_s3_login {
	struct seed_net *net;
	struct seed_s3_credentials *credentials;
	seed_s3_login_fn *done;
	void *context;
	struct seed_transfer *transfer;
	enum stage stage;
	char base[256];            /* of the metadata service; "": a container's endpoint */
	char role[256];
	char line[LINE_MAX_BYTES]; /* the header that proves who asks */
};

static const char *given(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] ? value : NULL;
}

static void ended(struct seed_s3_login *login, const struct seed_error *error)
{
	login->done(login->context, error);
}

static void failed(struct seed_s3_login *login, int code, const char *what)
{
	struct seed_error error = { .code = 0 };

	(void)seed_error_set(&error, code, "no credentials for the store: %s; set AWS_ACCESS_KEY_ID and "
			     "AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials", what);
	ended(login, &error);
}

/* ---- what came ---- */

static bool take(const cJSON *json, const char *key, char *to, size_t size)
{
	const char *text = seed_json_text(json, key);

	if (!text || strlen(text) >= size)
		return false;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

/* "2026-11-28T21:00:00Z", to the second. */
static bool take_time(const cJSON *json, int64_t *wall_ms)
{
	const char *text = seed_json_text(json, "Expiration");
	char whole[SEED_CLOCK_TEXT_BYTES];

	if (!text || strlen(text) != 20)
		return false;
	snprintf(whole, sizeof(whole), "%.19s.000Z", text);
	return !seed_clock_parse(whole, wall_ms);
}

/* Nothing is changed unless all of it is there. */
static bool take_credentials(struct seed_s3_credentials *to, const char *text, size_t len)
{
	struct seed_s3_credentials *read;
	cJSON *json = seed_json_parse(text, len);
	bool ok;

	read = json ? calloc(1, sizeof(*read)) : NULL;
	ok = read && take(json, "AccessKeyId", read->access, sizeof(read->access)) &&
	     take(json, "SecretAccessKey", read->secret, sizeof(read->secret)) &&
	     take(json, "Token", read->token, sizeof(read->token)) &&
	     take_time(json, &read->expires_ms) && !strchr(read->access, ':');
	if (ok) {
		memcpy(to->access, read->access, sizeof(to->access));
		memcpy(to->secret, read->secret, sizeof(to->secret));
		memcpy(to->token, read->token, sizeof(to->token));
		to->expires_ms = read->expires_ms;
	}
	if (read)
		explicit_bzero(read, sizeof(*read));
	free(read);
	cJSON_Delete(json);
	return ok;
}

/* ---- the questions ---- */

static void ask(struct seed_s3_login *login, enum stage stage, const char *method, const char *url);

static void ask_metadata(struct seed_s3_login *login, enum stage stage)
{
	char url[1024];

	snprintf(url, sizeof(url), "%s" ROLES "%s", login->base,
		 stage == STAGE_CREDENTIALS ? login->role : "");
	ask(login, stage, "GET", url);
}

/* One line of printable text, of a header or a name; else "". */
static void take_word(char *to, size_t size, const struct seed_net_answer *answer)
{
	size_t len = strcspn(answer->body, "\r\n");

	to[0] = '\0';
	if (len >= size)
		return;
	for (size_t i = 0; i < len; i++)
		if (answer->body[i] <= ' ' || answer->body[i] > '~')
			return;
	memcpy(to, answer->body, len);
	to[len] = '\0';
}

static void token_came(struct seed_s3_login *login, const struct seed_net_answer *answer)
{
	char token[LINE_MAX_BYTES / 2];

	take_word(token, sizeof(token), answer);
	if (!token[0]) {
		failed(login, EIO, "the metadata service answered with something that is no token");
		return;
	}
	snprintf(login->line, sizeof(login->line), "X-aws-ec2-metadata-token: %s", token);
	explicit_bzero(token, sizeof(token));
	ask_metadata(login, STAGE_ROLE);
}

static void role_came(struct seed_s3_login *login, const struct seed_net_answer *answer)
{
	take_word(login->role, sizeof(login->role), answer);
	/* It becomes a part of a URL's path. */
	if (!login->role[0] || strpbrk(login->role, "/?#%"))
		failed(login, ENOKEY, "this instance has no role");
	else
		ask_metadata(login, STAGE_CREDENTIALS);
}

static void credentials_came(struct seed_s3_login *login, const struct seed_net_answer *answer)
{
	if (take_credentials(login->credentials, answer->body, answer->len))
		ended(login, NULL);
	else
		failed(login, EIO, "what the endpoint answered are no credentials");
}

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct seed_s3_login *login = context;
	char what[200];

	login->transfer = NULL;
	if (answer->error.code) {
		failed(login, answer->error.code, login->base[0] ? "no metadata service answers here" :
		       "the container's endpoint does not answer");
	} else if (answer->status == 404 && login->stage == STAGE_ROLE) {
		failed(login, ENOKEY, "this instance has no role");
	} else if (answer->status != 200) {
		snprintf(what, sizeof(what), "%s answered with HTTP %ld", login->base[0] ?
			 "the metadata service" : "the container's endpoint", answer->status);
		failed(login, EIO, what);
	} else if (login->stage == STAGE_TOKEN) {
		token_came(login, answer);
	} else if (login->stage == STAGE_ROLE) {
		role_came(login, answer);
	} else {
		credentials_came(login, answer);
	}
}

static errint_t send(struct seed_s3_login *login, enum stage stage, const char *method, const char *url)
{
	const char *const headers[] = { login->line[0] ? login->line : NULL, NULL };
	struct seed_net_request request = {
		.method = method,
		.url = url,
		.headers = headers,
		/* It knows this host, and a proxy is another. */
		.direct = true,
		.deadline_ms = seed_clock_now_ms() + ASK_MS,
		.limit_bytes = ANSWER_MAX_BYTES,
	};

	login->stage = stage;
	return seed_net_send(login->net, &request, on_answer, login, &login->transfer);
}

static void ask(struct seed_s3_login *login, enum stage stage, const char *method, const char *url)
{
	errint_t err = send(login, stage, method, url);

	if (err)
		failed(login, -err, strerrordesc_np(-err));
}

/* ---- where to ask ---- */

/* The rule of Amazon's own clients: without TLS only addresses on this host, and those
 * where the container's agents listen. */
static bool may_be_asked(const char *url)
{
	static const char *const agents[] = {
		CONTAINER_BASE, "http://169.254.170.23", "http://[fd00:ec2::23]", "http://127.0.0.1",
		"http://localhost", "http://[::1]",
	};

	if (seed_url_check(url))
		return false;
	if (strncmp(url, "https://", 8) == 0)
		return true;
	for (size_t i = 0; i < SEED_ARRAY_LEN(agents); i++)
		if (strncmp(url, agents[i], strlen(agents[i])) == 0 &&
		    strchr("/:?", url[strlen(agents[i])]))
			return true;
	return false;
}

/* "Authorization: …" from the variable or the file; false: it cannot be used. */
static bool container_line(struct seed_s3_login *login)
{
	const char *token = given("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
		   *path = given("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	char text[LINE_MAX_BYTES - 64];
	ssize_t len;
	int fd;

	if (!path) {
		len = snprintf(text, sizeof(text), "%s", token ? token : "");
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		len = fd < 0 ? -errno : seed_io_read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[len > 0 ? len : 0] = '\0';
		text[strcspn(text, "\r\n")] = '\0';
	}
	/* A part of one would be refused, and nobody could see why. */
	if (len >= (ssize_t)sizeof(text) - 1)
		len = -E2BIG;
	if (text[0])
		snprintf(login->line, sizeof(login->line), "Authorization: %s", text);
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			len = -EINVAL;
	explicit_bzero(text, sizeof(text));
	return len >= 0;
}

static errint_t ask_container(struct seed_s3_login *login, const char *relative, const char *full)
{
	char url[2048];

	snprintf(url, sizeof(url), "%s%s", relative ? CONTAINER_BASE : "", relative ? relative : full);
	if (!may_be_asked(url) || !container_line(login))
		return -EINVAL;
	login->credentials->source = "the container's endpoint";
	return send(login, STAGE_CREDENTIALS, "GET", url);
}

static errint_t ask_instance(struct seed_s3_login *login)
{
	const char *base = given("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
		   *off = given("AWS_EC2_METADATA_DISABLED");
	char url[1024];

	if (off && strcasecmp(off, "true") == 0)
		return -ENOENT;
	snprintf(login->base, sizeof(login->base), "%s", base ? base : METADATA_BASE);
	login->base[strcspn(login->base, " ")] = '\0';
	while (login->base[0] && login->base[strlen(login->base) - 1] == '/')
		login->base[strlen(login->base) - 1] = '\0';
	if (seed_url_check(login->base))
		return -EINVAL;
	snprintf(url, sizeof(url), "%s/latest/api/token", login->base);
	snprintf(login->line, sizeof(login->line), "X-aws-ec2-metadata-token-ttl-seconds: 21600");
	login->credentials->source = "the instance's role";
	return send(login, STAGE_TOKEN, "PUT", url);
}

errint_t seed_s3_login_new(struct seed_net *net, struct seed_s3_credentials *credentials,
			   seed_s3_login_fn *done, void *context, struct seed_s3_login **out)
{
	const char *relative = given("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		   *full = given("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct seed_s3_login *login = calloc(1, sizeof(*login));
	errint_t err;

	if (!login)
		return -ENOMEM;
	login->net = net;
	login->credentials = credentials;
	login->done = done;
	login->context = context;
	err = relative || full ? ask_container(login, relative, full) : ask_instance(login);
	if (err)
		seed_s3_login_free(login);
	else
		*out = login;
	return err;
}

void seed_s3_login_free(struct seed_s3_login *login)
{
	if (!login)
		return;
	if (login->transfer)
		seed_net_cancel(login->net, login->transfer);
	explicit_bzero(login->line, sizeof(login->line));
	free(login);
}
