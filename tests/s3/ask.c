/*
 * What lib/s3/ makes of a real store, as a command for tests/mount/bucket.bats:
 *
 *   ask ENDPOINT BUCKET PREFIX probe
 *   ask … put KEY FILE | create KEY FILE | replace KEY FILE ETAG
 *   ask … get KEY [FIRST BYTES] | head KEY | delete KEY
 *   ask … list PREFIX [AFTER [MOST]] | folders PREFIX
 *   ask … count KEY TIMES     adds 1 to the number in KEY, by swaps, TIMES times
 *   ask … login               the credentials' source, access key and region
 *
 * Credentials as seedfs takes them. Prints the outcome, then what belongs to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/s3/probe.h"
#include "lib/s3/s3.h"

#define ANSWER_MS 60000
#define OBJECT_MAX_BYTES (64 * 1024 * 1024)

static const char *const outcomes[] = {
	[SEED_S3_DONE] = "done", [SEED_S3_NONE] = "none", [SEED_S3_CHANGED] = "changed",
	[SEED_S3_UNSURE] = "unsure", [SEED_S3_AWAY] = "away", [SEED_S3_REFUSED] = "refused",
};

static struct seed_net *net;
static struct seed_s3 *s3;
static struct seed_s3_credentials *credentials;
static struct seed_s3_op *op;
static struct seed_s3_probe *probing; /* NULL: none is under way */
static bool done;
static struct {
	enum seed_s3_outcome outcome;
	char *body; /* NULL: none */
	size_t len;
	char etag[SEED_S3_ETAG_BYTES];
} last;

static void die(const char *what)
{
	fprintf(stderr, "ask: %s\n", what);
	exit(2);
}

static long long number(const char *text)
{
	return strtoll(text, NULL, 10);
}

static void until_done(void)
{
	for (done = false; !done; seed_net_turn(net)) {
		seed_net_wait(net, NULL, 0, 100);
		if (probing)
			SEED_UNUSED(seed_s3_probe_turn(probing, seed_clock_now_ms()));
	}
}

static void show(const struct seed_s3_answer *answer)
{
	printf("%s %ld %s\n", outcomes[answer->outcome], answer->status, answer->etag);
	if (answer->error.code)
		printf("%s\n", answer->error.message);
	for (size_t i = 0; answer->listing && i < answer->listing->key_count; i++)
		printf("%s\n", answer->listing->keys[i]);
	for (size_t i = 0; answer->listing && i < answer->listing->folder_count; i++)
		printf("%s\n", answer->listing->folders[i]);
	if (answer->listing && answer->listing->more)
		puts("more");
}

static void remember(const struct seed_s3_answer *answer)
{
	free(last.body);
	last.outcome = answer->outcome;
	last.len = answer->len;
	last.body = NULL;
	if (answer->body) {
		last.body = malloc(answer->len + 1);
		if (!last.body)
			die("no memory");
		memcpy(last.body, answer->body, answer->len + 1);
	}
	memcpy(last.etag, answer->etag, sizeof(last.etag));
}

static bool quiet;

static void on_answer(void *context, struct seed_s3_answer *answer)
{
	SEED_UNUSED(context);
	remember(answer);
	if (!quiet)
		show(answer);
	done = true;
}

static int64_t deadline(void)
{
	return seed_clock_now_ms() + ANSWER_MS;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	char *data = malloc(OBJECT_MAX_BYTES);

	if (!file || !data)
		die(path);
	*len = fread(data, 1, OBJECT_MAX_BYTES, file);
	fclose(file);
	return data;
}

/* ---- commands ---- */

static void on_probed(void *context, const struct seed_s3_facts *facts, const struct seed_error *error)
{
	SEED_UNUSED(context);
	if (error)
		printf("unfit: %s\n", error->message);
	else
		printf("fit, %s quotes, %s\n", facts->quotes ? "with" : "without",
		       facts->ahead_s > -60 && facts->ahead_s < 60 ? "same time" : "another time");
	done = true;
}

static void probe(char **arguments)
{
	SEED_UNUSED(arguments);
	if (seed_s3_probe_new(s3, "host-1", deadline(), on_probed, NULL, &probing))
		die("cannot be sent");
	until_done();
	seed_s3_probe_free(probing);
}

static void write_object(char **arguments, enum seed_s3_condition condition, const char *etag)
{
	struct seed_s3_put put = { .key = arguments[0], .condition = condition, .etag = etag };
	char *data = read_file(arguments[1], &put.bytes);

	put.data = data;
	if (seed_s3_put(s3, &put, deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
	free(data);
}

static void put(char **arguments)
{
	write_object(arguments, SEED_S3_ALWAYS, NULL);
}

static void create(char **arguments)
{
	write_object(arguments, SEED_S3_IF_NONE, NULL);
}

static void replace(char **arguments)
{
	write_object(arguments, SEED_S3_IF_MATCH, arguments[2]);
}

static void read_object(char **arguments, bool head)
{
	struct seed_s3_get get = { .key = arguments[0], .head = head, .limit_bytes = OBJECT_MAX_BYTES };

	if (!head && arguments[1]) {
		get.first = number(arguments[1]);
		get.bytes = number(arguments[2]);
	}
	if (seed_s3_get(s3, &get, deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
	fwrite(last.body, 1, last.outcome == SEED_S3_DONE ? last.len : 0, stdout);
}

static void get(char **arguments)
{
	read_object(arguments, false);
}

static void head(char **arguments)
{
	read_object(arguments, true);
}

static void delete(char **arguments)
{
	if (seed_s3_delete(s3, arguments[0], deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
}

static void list_keys(char **arguments, bool folders)
{
	struct seed_s3_list list = { .prefix = arguments[0], .after = "", .folders = folders };

	if (arguments[1])
		list.after = arguments[1];
	if (arguments[1] && arguments[2])
		list.most = (int)number(arguments[2]);
	if (seed_s3_list(s3, &list, deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
}

static void list(char **arguments)
{
	list_keys(arguments, false);
}

static void folders(char **arguments)
{
	list_keys(arguments, true);
}

/* The count, then what each writer tried last: so whatever became of an answer, and whoever
 * wrote since, a writer sees whether its own addition happened. "N\nWRITER TRY\n…" */
enum { COUNT_MAX_BYTES = 2048 };

/* The text with one more, and with this writer's try. */
static size_t add_one(const char *was, int try, char text[COUNT_MAX_BYTES])
{
	int len = snprintf(text, COUNT_MAX_BYTES, "%lld\n%d %d\n", number(was) + 1, (int)getpid(), try);
	const char *line = strchr(was, '\n');

	for (; line && line[1]; line = strchr(line + 1, '\n'))
		if (number(line + 1) != getpid())
			len += snprintf(text + len, (size_t)(COUNT_MAX_BYTES - len), "%.*s\n",
					(int)strcspn(line + 1, "\n"), line + 1);
	return (size_t)len;
}

static bool has_try(const char *text, int try)
{
	char line[64];

	snprintf(line, sizeof(line), "\n%d %d\n", (int)getpid(), try);
	return strstr(text, line) != NULL;
}

/* False: nobody can be asked now. */
static bool read_count(const char *key)
{
	struct seed_s3_get get = { .key = key, .limit_bytes = COUNT_MAX_BYTES };

	if (seed_s3_get(s3, &get, deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
	return last.outcome == SEED_S3_DONE || last.outcome == SEED_S3_NONE;
}

static void try_one(const char *key, int try)
{
	char text[COUNT_MAX_BYTES], etag[SEED_S3_ETAG_BYTES];
	struct seed_s3_put swap = { .key = key, .etag = etag, .data = text };
	bool none = last.outcome == SEED_S3_NONE;

	swap.condition = none ? SEED_S3_IF_NONE : SEED_S3_IF_MATCH;
	memcpy(etag, last.etag, sizeof(etag));
	swap.bytes = add_one(none ? "0\n" : last.body, try, text);
	if (seed_s3_swap(s3, &swap, sizeof(text), deadline(), on_answer, NULL, &op))
		die("cannot be sent");
	until_done();
}

static void count(char **arguments)
{
	int times = (int)number(arguments[1]), won = 0;

	quiet = true;
	for (int try = 1; try < 100 * times; try++) {
		while (!read_count(arguments[0]))
			usleep(20000);
		if (last.outcome == SEED_S3_DONE && has_try(last.body, try - 1))
			won++;
		if (won == times)
			break;
		try_one(arguments[0], try);
	}
	printf("done %d of %d\n", won, times);
}

static void on_login(void *context, const struct seed_error *error)
{
	SEED_UNUSED(context);
	if (error)
		printf("none: %s\n", error->message);
	else
		printf("%s: %s, region %s, %s\n", credentials->source, credentials->access, credentials->region,
		       credentials->expires_ms == INT64_MAX ? "for ever" : "expires");
	done = true;
}

static void login(bool found)
{
	struct seed_s3_login *asked = NULL;
	errint_t err;

	if (found) {
		on_login(NULL, NULL);
		return;
	}
	err = seed_s3_login_new(net, credentials, on_login, NULL, &asked);
	if (err) {
		printf("nobody to ask: %s\n", strerrordesc_np(-err));
		return;
	}
	until_done();
	seed_s3_login_free(asked);
}

static const struct { const char *name; void (*run)(char **arguments); int least; } commands[] = {
	{ "probe", probe, 0 }, { "put", put, 2 }, { "create", create, 2 }, { "replace", replace, 3 },
	{ "get", get, 1 }, { "head", head, 1 }, { "delete", delete, 1 }, { "list", list, 1 },
	{ "folders", folders, 1 }, { "count", count, 2 },
};

static void open_store(char **argv)
{
	const struct seed_s3_config config = { .endpoint = argv[1][0] ? argv[1] : NULL, .bucket = argv[2],
					       .prefix = argv[3] };
	struct seed_error error = { .code = 0 };

	if (seed_s3_new(net, &config, credentials, &s3, &error))
		die(error.message);
	seed_s3_set_quotes(s3, getenv("ASK_UNQUOTED") == NULL);
}

static void run(int argc, char **argv)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(commands); i++) {
		if (strcmp(argv[4], commands[i].name) != 0)
			continue;
		if (argc < 5 + commands[i].least)
			die("too few arguments");
		commands[i].run(argv + 5);
		return;
	}
	die("no such command");
}

int main(int argc, char **argv)
{
	struct seed_error error = { .code = 0 };
	errint_t err;

	if (argc < 5)
		die("ENDPOINT BUCKET PREFIX COMMAND …");
	if (seed_net_new(SEED_ANSWERS_ALL_BYTES, &net))
		die("no memory");
	err = seed_s3_credentials_load(NULL, NULL, &credentials, &error);
	if (err && err != -ENOENT)
		die(error.message);
	if (strcmp(argv[4], "login") == 0) {
		login(!err);
	} else {
		if (err)
			die("no credentials");
		open_store(argv);
		run(argc, argv);
	}
	free(last.body);
	seed_s3_free(s3);
	seed_s3_credentials_free(credentials);
	seed_net_free(net);
	return 0;
}
