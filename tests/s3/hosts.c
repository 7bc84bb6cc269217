/*
 * One of several hosts that share names in a store, with lib/share/ and without the engine,
 * for tests/mount/bucket.bats:
 *
 *   hosts ENDPOINT BUCKET PREFIX DIR HOST NAMES SECONDS   commits, generates, takes over
 *   hosts ENDPOINT BUCKET PREFIX DIR check NAMES          reads all names, and judges
 *
 * HOST is a number. DIR/HOST/ is its journal: a file for each generation, rewritten before it
 * acts. DIR/sent and DIR/accepted are the service's books: a line for each request that came,
 * and for each that it took; DIR/refused has those that it said it had not taken. It may be
 * killed at any moment; started again, it goes on by its journal. It ends when SECONDS are
 * over and nothing is in flight under any name.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/share/share.h"

enum { WORKS = 8, LEASE_S = 3, DEADLINE_MS = 60000, TEXTS = 2 };

enum step { FREE, BEGIN, QUEUED, ANNOUNCE, ACCEPT, RUN, MADE, FAILED, FOLLOW, LOOK };

struct work {
	enum step step;
	char id[17], name[16];
	int text;
	int64_t lease, wake_ms;
	struct seed_share_op *op;
};

static struct seed_net *net;
static struct seed_s3 *s3;
static struct seed_share *share;
static struct seed_s3_credentials *credentials;
static struct work works[WORKS];
static const char *dir;
static int host, names;
static int64_t end_ms;
static int looked; /* names at rest, one after the other */

static void die(const char *what)
{
	fprintf(stderr, "hosts: %s\n", what);
	exit(2);
}

static unsigned roll(unsigned n)
{
	return (unsigned)rand() % n;
}

/* ---- files ---- */

static void book(const char *name, const char *id)
{
	char path[512], line[32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(line, sizeof(line), "%s\n", id);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		die(path);
	close(fd);
}

static void journal_path(char path[512], const char *id)
{
	snprintf(path, 512, "%s/%d/%s", dir, host, id);
}

/* NAME TEXT STEP LEASE */
static void journal(const struct work *work, const char *step)
{
	char path[512], new[512], line[128];
	int fd;

	journal_path(path, work->id);
	snprintf(new, sizeof(new), "%.500s.new", path);
	snprintf(line, sizeof(line), "%s %d %s %lld\n", work->name, work->text, step, (long long)work->lease);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || seed_io_write(fd, line, strlen(line)) || close(fd) < 0 || rename(new, path) < 0)
		die(path);
}

static void forget(struct work *work)
{
	char path[512];

	journal_path(path, work->id);
	unlink(path);
	*work = (struct work){ .step = FREE };
}

static void take_up(const char *id, const char *text)
{
	char step[16];
	long long lease;

	for (int i = 0; i < WORKS; i++) {
		struct work *work = &works[i];

		if (work->step != FREE)
			continue;
		snprintf(work->id, sizeof(work->id), "%.16s", id);
		if (sscanf(text, "%15s %d %15s %lld", work->name, &work->text, step, &lease) != 4)
			die("an unreadable journal");
		work->lease = lease;
		/* Whether one without a lease has begun is not known: nobody waits for it. */
		work->step = strcmp(step, "accepted") == 0 ? RUN : strcmp(step, "submitting") == 0 ? FAILED :
			     lease ? QUEUED : FOLLOW;
		return;
	}
	die("too many rows");
}

static void restart(void)
{
	char path[512], text[128];
	struct dirent *entry;
	ssize_t len;
	DIR *rows;
	int fd;

	snprintf(path, sizeof(path), "%s/%d", dir, host);
	mkdir(path, 0700);
	rows = opendir(path);
	if (!rows)
		die(path);
	while ((entry = readdir(rows)) != NULL) {
		if (strlen(entry->d_name) != 16)
			continue;
		fd = openat(dirfd(rows), entry->d_name, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? -1 : seed_io_read(fd, text, sizeof(text) - 1);
		if (len < 0)
			die(entry->d_name);
		close(fd);
		text[len] = '\0';
		take_up(entry->d_name, text);
	}
	closedir(rows);
}

/* ---- rows ---- */

static void fill(struct seed_record *row, const struct work *work, const char *step, enum seed_state state)
{
	struct seed_params params;
	char text[32];

	seed_record_init(row);
	seed_params_init(&params);
	row->params = seed_params_share(&params);
	snprintf(text, sizeof(text), "text %d", work->text);
	if (!row->params || seed_record_set(&row->name, work->name) || seed_record_set(&row->prompt, text) ||
	    seed_record_set(&row->request, text) || seed_record_set(&row->id, work->id))
		die("no memory");
	row->step = seed_record_step(step);
	row->state = state;
	if (state == SEED_STATE_VERIFIED)
		row->image = (struct seed_image_info){ .width = 2048, .height = 1152, .bytes = 1 };
}

static void on_done(void *context, const struct seed_share_result *result);

static void ask(struct work *work, enum seed_share_verb verb, const char *step, enum seed_state state)
{
	struct seed_share_request request = {
		.verb = verb,
		.name = work->name,
		.lease = work->lease,
		.deadline_ms = seed_clock_now_ms() + DEADLINE_MS,
	};
	struct seed_record row;

	seed_record_init(&row);
	if (step) {
		fill(&row, work, step, state);
		request.row = &row;
	}
	if (seed_share_start(share, &request, on_done, work, &work->op))
		die("no memory");
	seed_record_release(&row);
}

/* ---- a generation ---- */

static void send(struct work *work)
{
	unsigned luck = roll(10);

	book("sent", work->id);
	if (luck == 0) {
		book("refused", work->id);
		work->step = QUEUED;
	} else if (luck == 1) {
		work->step = FAILED; /* the answer is lost */
	} else {
		book("accepted", work->id);
		journal(work, "accepted");
		work->step = ACCEPT;
	}
}

static bool is_here(const char *id)
{
	for (int i = 0; i < WORKS; i++)
		if (works[i].step > BEGIN && works[i].step < FOLLOW && strcmp(works[i].id, id) == 0)
			return true;
	return false;
}

/* Another host's row: whatever its step says is what its host would do after a restart. */
static void took(struct work *work, const struct seed_share_row *row)
{
	const char *step = row->record.step;

	if (is_here(row->record.id)) { /* our own, which slept: it finds out */
		*work = (struct work){ .step = FREE };
		return;
	}
	memcpy(work->id, row->record.id, sizeof(work->id));
	work->text = (int)strtol(row->record.request + strlen("text "), NULL, 10);
	work->lease = row->lease;
	journal(work, step);
	work->step = strcmp(step, "queued") == 0 ? QUEUED : strcmp(step, "accepted") == 0 ? RUN : FAILED;
}

static void looked_at(struct work *work, const struct seed_share_result *result)
{
	if (!result->err) {
		looked = 0;
		took(work, result->row);
		return;
	}
	looked = result->err == -ENOENT && result->entry->row_count == 0 ? looked + 1 : 0;
	*work = (struct work){ .step = FREE };
}

static void followed(struct work *work, const struct seed_share_result *result)
{
	if (result->err || seed_share_end_of(result->entry, work->id) == SEED_SHARE_IN_FLIGHT)
		return;
	/* One that was joined may be this host's own, which ends by itself. */
	if (is_here(work->id))
		*work = (struct work){ .step = FREE };
	else
		forget(work);
}

static void begun(struct work *work, const struct seed_share_result *result)
{
	if (!result->err) {
		work->lease = result->row->lease;
		journal(work, "queued");
		work->step = QUEUED;
	} else if (result->err == -EEXIST || result->err == -ECANCELED) {
		if (result->err == -EEXIST) {
			struct work gone = *work;

			forget(&gone);
			memcpy(work->id, result->row->record.id, sizeof(work->id));
		}
		work->step = FOLLOW;
	} else {
		forget(work);
	}
}

static void on_done(void *context, const struct seed_share_result *result)
{
	struct work *work = context;
	bool lost = result->err == -ESTALE, failed = result->err && !lost;

	work->op = NULL;
	work->wake_ms = seed_clock_now_ms() + roll(300);
	switch (work->step) {
	case BEGIN:
		begun(work, result);
		break;
	case FOLLOW:
		followed(work, result);
		break;
	case LOOK:
		looked_at(work, result);
		break;
	case ANNOUNCE:
		if (!result->err)
			send(work);
		else if (lost)
			work->step = FOLLOW;
		break;
	case QUEUED: /* renewed, or back from a refusal */
		if (lost)
			work->step = FOLLOW;
		break;
	case ACCEPT: /* paid for: with the row or without */
		if (!failed)
			work->step = RUN;
		break;
	case RUN:
		break;
	case MADE:
	case FAILED:
		if (!failed)
			forget(work);
		break;
	case FREE:
		break;
	}
}

static void turn(struct work *work)
{
	switch (work->step) {
	case FREE:
		break;
	case BEGIN:
		ask(work, SEED_SHARE_BEGIN, "queued", SEED_STATE_QUEUED);
		break;
	case QUEUED:
		if (roll(2)) {
			journal(work, "submitting");
			work->step = ANNOUNCE;
			ask(work, SEED_SHARE_UPDATE, "submitting", SEED_STATE_GENERATING);
		} else {
			ask(work, SEED_SHARE_UPDATE, "queued", SEED_STATE_QUEUED);
		}
		break;
	case ANNOUNCE:
		ask(work, SEED_SHARE_UPDATE, "submitting", SEED_STATE_GENERATING);
		break;
	case ACCEPT:
		ask(work, SEED_SHARE_UPDATE, "accepted", SEED_STATE_GENERATING);
		break;
	case RUN:
		if (roll(3) == 0)
			work->step = MADE;
		ask(work, work->step == MADE ? SEED_SHARE_FINISH : SEED_SHARE_UPDATE,
		    work->step == MADE ? "commit" : "accepted",
		    work->step == MADE ? SEED_STATE_VERIFIED : SEED_STATE_GENERATING);
		break;
	case MADE:
		ask(work, SEED_SHARE_FINISH, "commit", SEED_STATE_VERIFIED);
		break;
	case FAILED:
		ask(work, SEED_SHARE_FINISH, "submitting", SEED_STATE_FAILED);
		break;
	case FOLLOW:
		ask(work, SEED_SHARE_READ, NULL, 0);
		break;
	case LOOK:
		ask(work, SEED_SHARE_TAKE, NULL, 0);
		break;
	}
}

static void new_work(struct work *work, bool over)
{
	static int last_name;
	static uint64_t last_id;

	if (over || roll(3) == 0) {
		*work = (struct work){ .step = LOOK };
		snprintf(work->name, sizeof(work->name), "n%d", last_name++ % names);
		return;
	}
	*work = (struct work){ .step = BEGIN, .text = (int)roll(TEXTS) };
	snprintf(work->name, sizeof(work->name), "n%u", roll((unsigned)names));
	if (!last_id)
		last_id = (uint64_t)seed_clock_wall_ms() << 12;
	snprintf(work->id, sizeof(work->id), "%02x%014llx", (unsigned)host & 255,
		 (unsigned long long)(last_id++ & 0xffffffffffffff));
	journal(work, "queued");
}

static bool is_at_rest(void)
{
	for (int i = 0; i < WORKS; i++)
		if (works[i].step != FREE && works[i].step != LOOK)
			return false;
	return looked >= 2 * names;
}

static void run(void)
{
	int64_t now_ms = seed_clock_now_ms(), at_ms;

	restart();
	while (now_ms < end_ms || !is_at_rest()) {
		for (int i = 0; i < WORKS; i++) {
			struct work *work = &works[i];

			if (work->step == FREE && (now_ms >= end_ms || roll(8) == 0))
				new_work(work, now_ms >= end_ms);
			if (work->step != FREE && !work->op && work->wake_ms <= now_ms)
				turn(work);
		}
		at_ms = seed_share_turn(share, now_ms);
		seed_net_wait(net, NULL, 0, at_ms < now_ms + 50 ? at_ms - now_ms : 50);
		seed_net_turn(net);
		now_ms = seed_clock_now_ms();
	}
}

/* ---- the judge ---- */

static int in_flight, made;

static char *read_book(const char *name)
{
	char path[512], *text = calloc(1, 4 * 1024 * 1024);
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!text || (fd >= 0 && seed_io_read(fd, text, 4 * 1024 * 1024 - 1) < 0))
		die(path);
	if (fd >= 0)
		close(fd);
	return text;
}

static char *accepted;

/* What is made is crossed out. */
static void cross_out(const struct seed_record *record)
{
	char *line = record->id ? strstr(accepted, record->id) : NULL;

	if (!line || record->state != SEED_STATE_VERIFIED)
		return;
	memset(line, '-', 16);
	made++;
}

static void on_judged(void *context, const struct seed_share_result *result)
{
	bool *done = context;

	*done = true;
	if (result->err)
		die(result->error.message);
	in_flight += (int)result->entry->row_count;
	cross_out(&result->entry->current);
	for (size_t i = 0; i < result->entry->version_count; i++)
		cross_out(&result->entry->versions[i].record);
}

static int count_lost(void)
{
	int lost = 0;

	for (const char *line = accepted; *line; line += 17) {
		if (*line == '-')
			continue;
		printf("lost: %.16s\n", line);
		lost++;
	}
	return lost;
}

static void judge(void)
{
	struct seed_share_op *op;
	char name[16];
	bool done;

	accepted = read_book("accepted");
	for (int i = 0; i < names; i++) {
		struct seed_share_request request = { .verb = SEED_SHARE_READ, .name = name,
						      .deadline_ms = seed_clock_now_ms() + DEADLINE_MS };

		snprintf(name, sizeof(name), "n%d", i);
		done = false;
		if (seed_share_start(share, &request, on_judged, &done, &op))
			die("no memory");
		while (!done) {
			seed_share_turn(share, seed_clock_now_ms());
			seed_net_wait(net, NULL, 0, 20);
			seed_net_turn(net);
		}
	}
	printf("%d made, %d lost, %d in flight\n", made, count_lost(), in_flight);
	free(accepted);
}

static void open_store(char **argv, const char *id)
{
	const struct seed_s3_config config = { .endpoint = argv[1], .bucket = argv[2], .prefix = argv[3] };
	struct seed_error error = { .code = 0 };

	if (seed_net_new(SEED_ANSWERS_ALL_BYTES, &net) || seed_s3_credentials_load(NULL, NULL, &credentials, &error) ||
	    seed_s3_new(net, &config, credentials, &s3, &error) || seed_share_new(s3, id, LEASE_S, -1, &share))
		die(error.code ? error.message : "no memory");
	seed_s3_set_quotes(s3, getenv("ASK_UNQUOTED") == NULL);
}

int main(int argc, char **argv)
{
	char id[17];
	bool checks;

	if (argc < 7)
		die("ENDPOINT BUCKET PREFIX DIR HOST|check NAMES [SECONDS]");
	dir = argv[4];
	checks = strcmp(argv[5], "check") == 0;
	host = checks ? 255 : (int)strtol(argv[5], NULL, 10);
	names = (int)strtol(argv[6], NULL, 10);
	snprintf(id, sizeof(id), "%016x", (unsigned)host);
	srand((unsigned)getpid());
	open_store(argv, id);
	if (!checks && argc > 7)
		end_ms = seed_clock_now_ms() + strtol(argv[7], NULL, 10) * 1000;
	if (checks)
		judge();
	else
		run();
	seed_share_free(share);
	seed_s3_free(s3);
	seed_s3_credentials_free(credentials);
	seed_net_free(net);
	return 0;
}
