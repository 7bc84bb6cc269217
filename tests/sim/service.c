/*
 * The network, and the image service behind it. What a request does there is
 * done when it arrives; the answer comes later, late, or not at all.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

PORT(net_new);
PORT(net_free);
PORT(net_send);
PORT(net_scrub);
PORT(net_scrub_text);
PORT(net_hide);
PORT(net_cancel);
PORT(net_turn);
PORT(net_wait);
PORT(net_wake);

struct task tasks[TASKS_MAX];
int task_count;
struct submission submissions[2 * TASKS_MAX];
int submission_count;

enum ask { ASK_NOTHING, ASK_SUBMIT, ASK_POLL, ASK_IMAGE, ASK_CANCEL };

struct seed_transfer {
	bool busy, kept; /* kept: answered, and being read */
	bool room;       /* kept for what was taken out of it */
	enum ask ask;
	int task;       /* asked about, or made; -1: none */
	int submission;
	int64_t at_ms;
	int64_t begins_ms; /* when the first byte of an answer comes that is slow; 0: it is none */
	seed_net_done_fn *done;
	void *context;
	/* The answer. */
	int code;       /* errno; 0: an HTTP answer */
	bool sent, local;
	long status;
	int64_t retry_after_ms;
	char body[64];
	char *large;    /* the same with white space behind it, or NULL */
	int picture;    /* -1: none */
};

enum { TRANSFERS_MAX = 64 };

/* One of each host; service_switch() says whose is meant. */
static struct way {
	struct seed_transfer transfers[TRANSFERS_MAX];
	int transfer_count;    /* none is used behind these */
	int64_t down_until_ms; /* the service, or the way to it */
} ways[HOSTS_MAX], *way = ways;
static struct seed_transfer *transfers = ways[0].transfers;
static bool at_private_address; /* which its name does not show */

void service_switch(int host)
{
	way = &ways[host];
	transfers = way->transfers;
}

static void transfers_clear(void)
{
	for (int i = 0; i < TRANSFERS_MAX; i++)
		free(transfers[i].large);
	memset(way->transfers, 0, sizeof(way->transfers));
	way->transfer_count = 0;
}

int service_rooms(int task)
{
	int count = 0;

	for (int i = 0; i < way->transfer_count; i++)
		count += transfers[i].room && (task < 0 || transfers[i].task == task);
	return count;
}

/* ---- tasks ---- */

static int task_new(int text)
{
	struct task *task = &tasks[task_count];

	if (task_count == TASKS_MAX)
		broken("%d tasks", TASKS_MAX);
	*task = (struct task){
		.text = text,
		.bytes = chance(15),
		.valid = chance((unsigned)(100 - world_faults() / 3)),
		.fails = chance((unsigned)world_faults() / 4),
		.accepted_ms = now_ms(),
		.life = life,
		.ends_ms = now_ms() + 200 + roll(world_is_kind() ? 2000 : 15000),
	};
	/* Some hang for ever, some are slower than they may be. */
	if (chance((unsigned)world_faults() / 5))
		task->ends_ms = chance(20) ? INT64_MAX : now_ms() + roll(3 * TIMEOUT_MS);
	task->lives_ms = task->ends_ms;
	if (task->ends_ms != INT64_MAX && chance((unsigned)world_faults() / 3))
		task->lives_ms = chance(10) ? INT64_MAX : task->ends_ms + roll(2 * TIMEOUT_MS);
	return task_count++;
}

int service_foreign_picture(void)
{
	if (task_count + 8 > TASKS_MAX)
		return -1;
	return task_new(-1);
}

/* ---- the provider: the engine's side of the same words ---- */

static errint_t sim_submit(const struct seed_ask *ask)
{
	ask->request->method = "POST";
	ask->request->url = strdup("http://sim.test/submit");
	ask->request->body = strdup(ask->prompt);
	return ask->request->url && ask->request->body ? 0 : -ENOMEM;
}

static errint_t sim_ask(const struct seed_ask *ask, const char *what)
{
	int n;

	if (!is_dead() && chance((unsigned)world_faults() / 10))
		return -ENOMEM;
	n = asprintf(&ask->request->url, "http://sim.test/%s/%s", what, ask->task->id ? ask->task->id : "");
	ask->request->method = "GET";
	return n < 0 ? -ENOMEM : 0;
}

static errint_t sim_poll(const struct seed_ask *ask)
{
	return sim_ask(ask, "poll");
}

static errint_t sim_cancel(const struct seed_ask *ask)
{
	return sim_ask(ask, "cancel");
}

static bool keep(char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	return *field != NULL;
}

static void take_url(struct seed_task *task, const char *id, struct seed_step *step)
{
	char url[64];

	snprintf(url, sizeof(url), "http://sim.test/image/%s", id);
	if (!keep(&task->image_url, url))
		abort();
	step->kind = SEED_STEP_URL;
}

static void sim_read(struct seed_task *task, const struct seed_response *response,
		     const struct cJSON *json, struct seed_step *step)
{
	char word[16] = "", id[16] = "";

	SEED_UNUSED(json);
	if (response->len > SEED_ANSWER_SMALL_BYTES && !world_is_reader())
		broken("%zu bytes are read on the engine's thread", response->len);
	if (task->stage == SEED_STAGE_SUBMIT && chance((unsigned)world_faults() / 8)) {
		step->kind = SEED_STEP_FAIL;
		seed_error_set(&step->error, ENOMEM, "no memory for the answer");
		return;
	}
	if (sscanf(response->body, "%15s %15s", word, id) < 1)
		snprintf(word, sizeof(word), "nothing");
	if (*id && !keep(&task->id, id))
		abort();
	if (strcmp(word, "task") == 0 || strcmp(word, "running") == 0) {
		task->stage = SEED_STAGE_POLL;
		step->kind = SEED_STEP_WAIT;
	} else if (strcmp(word, "url") == 0) {
		take_url(task, id, step);
	} else if (strcmp(word, "bytes") == 0) {
		if (seed_buf_add(&step->bytes, id, strlen(id)))
			abort();
		step->kind = SEED_STEP_BYTES;
	} else if (strcmp(word, "unknown") == 0) {
		step->kind = SEED_STEP_UNKNOWN;
	} else if (strcmp(word, "nothing") == 0 && task->stage != SEED_STAGE_SUBMIT) {
		step->kind = SEED_STEP_BACKOFF;
		step->retry_after_ms = response->retry_after_ms;
	} else {
		bool refused = strcmp(word, "refused") == 0;

		step->kind = SEED_STEP_FAIL;
		seed_error_set(&step->error, refused ? EKEYREJECTED : EIO, "the service: %s", word);
		step->error.final = step->refused = refused;
	}
}

struct seed_provider sim_provider = {
	.name = "sim",
	.default_base = "http://sim.test",
	.on[SEED_STAGE_SUBMIT] = { sim_submit, sim_read },
	.on[SEED_STAGE_POLL] = { sim_poll, sim_read },
	.on[SEED_STAGE_REISSUE] = { sim_poll, sim_read },
	.on[SEED_STAGE_CANCEL] = { sim_cancel, sim_read },
};

/* ---- what becomes of a request ---- */

static void say(struct seed_transfer *t, long status, const char *word, int task)
{
	t->status = status;
	t->sent = true;
	if (task >= 0)
		snprintf(t->body, sizeof(t->body), "%s %d", word, task);
	else
		snprintf(t->body, sizeof(t->body), "%s", word);
}

static void fail(struct seed_transfer *t, int code, bool sent)
{
	t->code = code;
	t->sent = sent;
}

static int64_t some_retry_after_ms(void)
{
	static const int64_t seconds[] = { -1, 0, 1, 2, 15, 60, 86400, 366 * 86400 };
	int64_t s = seconds[roll(SEED_ARRAY_LEN(seconds))];

	return s < 0 ? -1 : s * 1000;
}

static void be_busy(struct seed_transfer *t)
{
	say(t, chance(70) ? 429 : 503, "nothing", -1);
	t->retry_after_ms = some_retry_after_ms();
	if (t->status == 503 && t->retry_after_ms < 0)
		t->retry_after_ms = 1000;
}

/* Faults that any request can meet; false: none. What stands behind it is not
 * reached, but for a connection that breaks after that. */
static bool is_lost(struct seed_transfer *t, unsigned faults)
{
	if (now_ms() < way->down_until_ms && !world_is_kind()) {
		fail(t, ECONNREFUSED, false);
		return true;
	}
	if (chance(faults / 20))
		way->down_until_ms = now_ms() + (chance(10) ? roll(600000) : roll(60000));
	switch (chance(faults / 2) ? roll(6) : 99) {
	case 0:
		fail(t, chance(50) ? ECONNREFUSED : EHOSTUNREACH, false);
		return true;
	case 1:
		fail(t, chance(50) ? ENOMEM : EMFILE, false);
		t->local = true;
		return true;
	case 2:
		be_busy(t);
		return true;
	case 3:
		fail(t, EIO, true); /* broken before anything was done there */
		return true;
	case 4:
		fail(t, ETIMEDOUT, true);
		t->at_ms = INT64_MAX; /* until its deadline */
		return true;
	default:
		return false;
	}
}

/* It broke off, and nothing of it is missing. */
static bool has_whole_body(const struct seed_transfer *t)
{
	return t->ask == ASK_SUBMIT && t->code && t->body[0];
}

static enum cell_class class_of(const struct seed_transfer *t)
{
	if (t->local)
		return CELL_LOCAL;
	if (has_whole_body(t))
		return CELL_GOOD;
	if (t->code)
		return t->sent ? CELL_UNSURE : CELL_NOT_SENT;
	if (t->status == 429 || t->status == 503)
		return CELL_BUSY;
	return CELL_GOOD;
}

static void submission_note(struct seed_transfer *t, int text)
{
	struct submission *s = &submissions[submission_count];

	if (submission_count == (int)SEED_ARRAY_LEN(submissions))
		broken("%d submissions", submission_count);
	*s = (struct submission){
		.text = text,
		.life = life,
		.task = t->task,
		.counts = t->sent && t->status != 429 && t->status != 503 && t->status != 401,
		.unsure = t->code && t->sent && !has_whole_body(t),
		.answered_failed = !t->code && t->status == 500,
		.sent_ms = now_ms(),
		.sender = t->context,
	};
	t->submission = submission_count++;
	trace("service: submission of T%d: status %ld code %d task %d", text, t->status, t->code,
	      t->task);
	if (s->counts)
		check_submission(s);
}

/* Its answer comes too late: whatever it is, the request has left. */
static void submission_unheard(struct submission *s)
{
	bool counted = s->counts;

	s->unsure = s->counts = true;
	s->answered_failed = false;
	if (!counted)
		check_submission(s);
}

static void submit(struct seed_transfer *t, const char *body)
{
	unsigned faults = (unsigned)world_faults();
	int text = text_number(body);

	if (!is_lost(t, faults)) {
		if (chance(faults / 10)) {
			say(t, 401, "refused", -1);
		} else if (chance(faults / 6)) {
			say(t, 500, "broken", -1);
		} else {
			t->task = task_new(text);
			if (tasks[t->task].bytes)
				say(t, 200, "bytes", t->task);
			else
				say(t, 200, "task", t->task);
			/* Done there, and the answer is lost on the way. */
			if (chance(faults / 6)) {
				fail(t, EIO, true);
				if (chance(50))
					t->body[0] = '\0';
			}
		}
	} else if (t->code && t->sent && chance(50)) {
		t->task = task_new(text);
	}
	reached(PHASE_SUBMIT, t->status == 401 ? CELL_REFUSED : t->status == 500 ? CELL_FAILED :
		class_of(t));
	submission_note(t, text);
}

static void poll(struct seed_transfer *t)
{
	unsigned faults = (unsigned)world_faults();
	struct task *task = &tasks[t->task];
	enum cell_class cell;

	if (is_lost(t, faults)) {
		cell = class_of(t);
	} else if (chance(faults / 12)) {
		say(t, 401, "refused", -1);
		cell = CELL_REFUSED;
	} else if (chance(faults / 12)) {
		say(t, 404, "unknown", -1);
		cell = CELL_GONE;
	} else if (chance(faults / 8)) {
		say(t, 502, "nothing", -1);
		cell = CELL_BUSY;
	} else if (task->cancelled && task->ends_ms > now_ms()) {
		say(t, 200, "cancelled", -1);
		cell = CELL_FAILED;
	} else if (task->ends_ms > now_ms()) {
		say(t, 200, "running", -1);
		cell = CELL_RUNNING;
	} else if (task->fails) {
		say(t, 200, "failed", -1);
		cell = CELL_FAILED;
	} else {
		say(t, 200, "url", t->task);
		cell = CELL_GOOD;
	}
	reached(PHASE_POLL, cell);
}

static void image(struct seed_transfer *t)
{
	unsigned faults = (unsigned)world_faults();
	enum cell_class cell;

	if (is_lost(t, faults)) {
		cell = class_of(t);
	} else if (tasks[t->task].lives_ms > now_ms()) {
		say(t, chance(50) ? 404 : 403, "", -1);
		cell = CELL_GONE;
	} else if (chance(faults / 6)) {
		say(t, 500, "", -1);
		cell = CELL_BUSY;
	} else {
		say(t, 200, "", -1);
		t->picture = t->task;
		cell = CELL_GOOD;
	}
	reached(PHASE_FETCH, cell);
}

static void cancel(struct seed_transfer *t)
{
	if (!is_lost(t, (unsigned)world_faults())) {
		if (chance(50) && tasks[t->task].ends_ms > now_ms())
			tasks[t->task].cancelled = true;
		say(t, 200, "done", -1);
	}
}

/* ---- the network ---- */

errint_t __wrap_seed_net_new(size_t most_bytes, struct seed_net **net)
{
	SEED_UNUSED(most_bytes);
	transfers_clear();
	*net = (struct seed_net *)(void *)transfers;
	return 0;
}

void __wrap_seed_net_free(struct seed_net *net)
{
	SEED_UNUSED(net);
	transfers_clear();
}

static void judge(struct seed_transfer *t, const struct seed_net_request *request)
{
	const char *path = request->url + strlen("http://sim.test/");
	const char *slash = strchr(path, '/');

	t->task = slash ? (int)strtol(slash + 1, NULL, 10) : -1;
	if (strcmp(path, "submit") == 0) {
		t->ask = ASK_SUBMIT;
		submit(t, request->body);
	} else if (strncmp(path, "poll/", 5) == 0) {
		t->ask = ASK_POLL;
		poll(t);
	} else if (strncmp(path, "image/", 6) == 0) {
		t->ask = ASK_IMAGE;
		image(t);
	} else {
		t->ask = ASK_CANCEL;
		cancel(t);
	}
}

void __wrap_seed_net_scrub(struct seed_transfer *transfer)
{
	SEED_UNUSED(transfer);
}

void __wrap_seed_net_scrub_text(struct seed_net *net, char *text)
{
	SEED_UNUSED(net);
	SEED_UNUSED(text);
}

PORT(net_keep_room);
PORT(net_waits);
PORT(net_is_coming);
PORT(net_may_be_late);
PORT(net_stall);
PORT(net_has_left);
PORT(net_added_ms);
PORT(net_read_all);

struct seed_transfer *__wrap_seed_net_keep_room(struct seed_net_answer *answer)
{
	struct seed_transfer *transfer = answer->transfer;

	transfer->kept = transfer->room = true;
	answer->keep = true;
	answer->transfer = NULL;
	return transfer;
}

bool __wrap_seed_net_is_coming(const struct seed_transfer *transfer)
{
	return (transfer->ask == ASK_IMAGE && transfer->picture >= 0) ||
	       __wrap_seed_net_may_be_late(transfer);
}

bool __wrap_seed_net_may_be_late(const struct seed_transfer *transfer)
{
	return transfer->begins_ms && now_ms() >= transfer->begins_ms;
}

/* Whoever waited for it is told now. */
void __wrap_seed_net_stall(struct seed_transfer *transfer, int stall_s)
{
	SEED_UNUSED(stall_s);
	submissions[transfer->submission].late = true;
	reached(PHASE_SUBMIT, CELL_RUNNING);
}

bool __wrap_seed_net_has_left(const struct seed_transfer *transfer)
{
	return transfer->code == 0 || transfer->sent;
}

int64_t __wrap_seed_net_added_ms(const struct seed_transfer *transfer)
{
	SEED_UNUSED(transfer);
	return 0;
}

bool __wrap_seed_net_waits(const struct seed_transfer *transfer)
{
	SEED_UNUSED(transfer);
	return false;
}

void __wrap_seed_net_read_all(struct seed_net *net)
{
	SEED_UNUSED(net);
}

void __wrap_seed_net_hide(struct seed_net *net, struct seed_key *key)
{
	SEED_UNUSED(net);
	seed_key_free(key);
}

/* A success that begins to come in time, and is whole, or breaks off, long after that. */
static bool comes_slowly(struct seed_transfer *t, const struct seed_net_request *request)
{
	if (!request->whole_by_ms || t->status != 200 || t->at_ms >= from_host_ms(request->deadline_ms) ||
	    !chance((unsigned)world_faults() / 5))
		return false;
	t->begins_ms = t->at_ms;
	t->at_ms += roll(chance(10) ? 1000000 : 3 * TIMEOUT_MS);
	return true;
}

errint_t __wrap_seed_net_send(struct seed_net *net, const struct seed_net_request *request,
			      seed_net_done_fn *done, void *context,
			      struct seed_transfer **transfer)
{
	struct seed_transfer *t = transfers;
	int64_t deadline_ms;

	SEED_UNUSED(net);
	may_die();
	if (is_dead() || chance((unsigned)world_faults() / 20))
		return -ENOMEM;
	while (t < transfers + TRANSFERS_MAX && (t->busy || t->kept))
		t++;
	if (t == transfers + TRANSFERS_MAX)
		return -ENOMEM;
	if (t - transfers >= way->transfer_count)
		way->transfer_count = (int)(t - transfers) + 1;
	free(t->large);
	*t = (struct seed_transfer){ .busy = true, .done = done, .context = context,
				     .picture = -1, .retry_after_ms = -1, .task = -1 };
	t->at_ms = now_ms() + 5 + (chance(10) ? roll(world_is_kind() ? 500 : 8000) : roll(100));
	if (at_private_address && request->guarded)
		fail(t, EPERM, false);
	else
		judge(t, request);
	if (request->private_peer && t->sent)
		*request->private_peer |= at_private_address;
	deadline_ms = from_host_ms(comes_slowly(t, request) ? request->whole_by_ms : request->deadline_ms);
	if (t->at_ms >= deadline_ms) {
		t->at_ms = deadline_ms;
		if (t->at_ms <= now_ms())
			t->at_ms = now_ms() + 1;
		/* What it would have said does not come. */
		if (t->sent) {
			t->code = ETIMEDOUT;
			/* Or it has, and the connection does not end. */
			if (t->status != 200 || chance(50))
				t->body[0] = '\0';
			if (t->ask == ASK_SUBMIT && !t->body[0])
				submission_unheard(&submissions[t->submission]);
			else if (t->ask == ASK_SUBMIT)
				submissions[t->submission].unsure = false;
		}
	}
	*transfer = t;
	return 0;
}

void __wrap_seed_net_cancel(struct seed_net *net, struct seed_transfer *transfer)
{
	SEED_UNUSED(net);
	transfer->busy = transfer->kept = transfer->room = false;
}

/* What was running is not forgotten for one 404. */
static bool still_runs(const struct seed_transfer *t, const struct task *task)
{
	return !t->code && (strncmp(t->body, "running", 7) == 0 || (t->status == 404 && task->told_running));
}

/* At the deadline the last question decides; what is asked after it does not. */
static void note_running(struct task *task, bool running, bool now)
{
	if (life == task->life && now_ms() < task->accepted_ms + TIMEOUT_MS)
		task->told_running = running;
	else
		task->told_running |= running;
	if (now)
		task->told_running_ms = now_ms();
}

/* What the program knows from this answer on. */
static void note_told(const struct seed_transfer *t)
{
	struct task *task = t->task >= 0 ? &tasks[t->task] : NULL;

	if (t->ask == ASK_SUBMIT)
		submissions[t->submission].delivered = true;
	if (!task)
		return;
	if (t->ask == ASK_POLL)
		note_running(task, still_runs(t, task), !t->code && strncmp(t->body, "running", 7) == 0);
	if (t->code && !has_whole_body(t))
		return;
	if (t->ask == ASK_SUBMIT) {
		task->told = true;
		task->told_ms = now_ms();
	}
	if (t->ask == ASK_POLL) {
		task->told_unknown = t->status == 404;
		task->told_failed |= strncmp(t->body, "failed", 6) == 0 ||
				     strncmp(t->body, "cancelled", 9) == 0;
	}
	if (t->ask == ASK_IMAGE)
		task->told_gone = t->status == 403 || t->status == 404;
}

/* Large enough to be read on a thread of its own. */
static void enlarge(struct seed_transfer *t, struct seed_net_answer *answer)
{
	const size_t size = SEED_ANSWER_SMALL_BYTES + 1;

	t->large = malloc(size + 1);
	if (!t->large)
		return;
	memset(t->large, ' ', size);
	memcpy(t->large, t->body, strlen(t->body));
	t->large[size] = '\0';
	answer->body = t->large;
	answer->len = size;
}

static void deliver(struct seed_transfer *t)
{
	struct seed_net_answer answer = {
		.sent = t->sent,
		.local = t->local,
		.status = t->status,
		.body = t->body,
		.len = strlen(t->body),
		.memfd = -1,
		.transfer = t,
		.retry_after_ms = t->retry_after_ms,
	};

	t->busy = false;
	if (t->code)
		seed_error_set(&answer.error, t->code, "%s", strerror(t->code));
	else if (t->picture >= 0) {
		answer.memfd = memfd_create(SIM_PICTURE, MFD_CLOEXEC);
		if (answer.memfd < 0 || pwrite(answer.memfd, &t->picture, sizeof(t->picture), 0) < 0)
			abort();
	}
	else if ((t->ask == ASK_SUBMIT || t->ask == ASK_POLL) && chance(5))
		enlarge(t, &answer);
	note_told(t);
	t->done(t->context, &answer);
	if (answer.transfer)
		t->kept = answer.keep;
	if (answer.memfd >= 0)
		close(answer.memfd);
}

void __wrap_seed_net_turn(struct seed_net *net)
{
	SEED_UNUSED(net);
	for (int i = 0; i < way->transfer_count && !is_dead(); i++) {
		if (!transfers[i].busy || transfers[i].at_ms > now_ms())
			continue;
		may_die();
		if (!is_dead())
			deliver(&transfers[i]);
	}
	bucket_turn();
}

void __wrap_seed_net_wait(struct seed_net *net, struct pollfd *fds, size_t count,
			  int64_t timeout_ms)
{
	SEED_UNUSED(net);
	SEED_UNUSED(fds);
	SEED_UNUSED(count);
	SEED_UNUSED(timeout_ms);
}

void __wrap_seed_net_wake(struct seed_net *net)
{
	SEED_UNUSED(net);
}

void service_begin(void)
{
	task_count = submission_count = 0;
	for (int i = HOSTS_MAX; i-- > 0;) {
		service_switch(i);
		way->down_until_ms = 0;
		transfers_clear();
	}
	/* Few questions: not everybody's turn comes before the deadline. */
	sim_provider.queries_per_second = chance(30) ? 1 : 0;
	at_private_address = chance(20);
}

void service_cut_off(int64_t until_ms)
{
	way->down_until_ms = until_ms;
}

int64_t service_next_ms(void)
{
	int64_t at = INT64_MAX;

	while (way->transfer_count && !transfers[way->transfer_count - 1].busy &&
	       !transfers[way->transfer_count - 1].kept)
		way->transfer_count--;
	for (int i = 0; i < way->transfer_count; i++)
		if (transfers[i].busy && transfers[i].at_ms < at)
			at = transfers[i].at_ms;
	return at;
}
