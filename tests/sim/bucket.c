/*
 * The bucket that the hosts of a farm share, with S3's guarantees: a write is whole or is not
 * there, a condition is judged in the moment in which the write happens, and who reads after
 * that sees it. In place of lib/s3/s3.c.
 *
 * A request is on its way, may get lost, is done, and its answer is on its way and may get
 * lost. What has been sent arrives also when nobody waits for it any more: minutes later,
 * when its host has given it up, sleeps or is dead.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/s3/s3.h"

PORT(s3_new);
PORT(s3_free);
PORT(s3_key_room);
PORT(s3_set_quotes);
PORT(s3_get);
PORT(s3_put);
PORT(s3_swap);
PORT(s3_delete);
PORT(s3_list);
PORT(s3_cancel);

enum { OBJECTS_MAX = 2 * TASKS_MAX + NAMES + 64, OPS_MAX = 512, KEY_BYTES = 128 };

static struct object {
	char key[KEY_BYTES]; /* "": a free place */
	char *bytes;         /* NULL: there is none */
	size_t len;
	uint64_t etag;
	int64_t written_s;
} objects[OBJECTS_MAX];
static uint64_t last_etag;
static int64_t away_until_ms, ahead_ms;

enum act { ACT_GET, ACT_PUT, ACT_DELETE, ACT_LIST };

/* A request on its way, and what the host has of it. */
struct seed_s3_op {
	bool used;
	bool wanted;             /* its host waits for the answer */
	int host;
	enum act act;
	bool swaps, reading_back;
	char key[KEY_BYTES], after[KEY_BYTES];
	char *data;              /* a copy: it is on the wire */
	size_t len;
	enum seed_s3_condition condition;
	uint64_t etag;
	bool to_memfd, head;
	int64_t deadline_ms;     /* by its host's clock */
	int64_t happens_ms;      /* INT64_MAX: never, or it has */
	int64_t answers_ms;      /* INT64_MAX: not yet, or never */
	int64_t answer_takes_ms; /* < 0: it is lost on the way */
	seed_s3_done_fn *done;
	void *context;
	/* The answer. */
	enum seed_s3_outcome outcome;
	int code;
	long status;
	char *body;
	size_t body_len;
	uint64_t body_etag;
	int64_t date_s, retry_after_ms;
};

static struct seed_s3_op ops[OPS_MAX];
static int op_count; /* none is used behind these */
static int64_t cut_until_ms[HOSTS_MAX], refused_until_ms[HOSTS_MAX];

/* ---- objects ---- */

static struct object *find(const char *key)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (strcmp(objects[i].key, key) == 0)
			return &objects[i];
	return NULL;
}

static struct object *find_or_make(const char *key)
{
	struct object *object = find(key);

	if (object)
		return object;
	object = find("");
	if (!object)
		broken("%d objects", OBJECTS_MAX);
	snprintf(object->key, sizeof(object->key), "%s", key);
	return object;
}

const char *bucket_read(const char *key, size_t *len)
{
	const struct object *object = find(key);

	if (!object || !object->bytes)
		return NULL;
	*len = object->len;
	return object->bytes;
}

int64_t bucket_now_s(void)
{
	return (EPOCH_MS + now_ms() + ahead_ms) / 1000;
}

static char *copy_of(const void *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

static void op_free(struct seed_s3_op *op)
{
	free(op->data);
	free(op->body);
	*op = (struct seed_s3_op){ .used = false };
}

void bucket_begin(void)
{
	for (int i = 0; i < OBJECTS_MAX; i++) {
		free(objects[i].bytes);
		objects[i] = (struct object){ .key = "" };
	}
	for (int i = 0; i < OPS_MAX; i++)
		op_free(&ops[i]);
	op_count = 0;
	memset(cut_until_ms, 0, sizeof(cut_until_ms));
	memset(refused_until_ms, 0, sizeof(refused_until_ms));
	last_etag = 0;
	away_until_ms = 0;
	ahead_ms = chance(50) ? 0 : (int64_t)roll(600000) - 300000;
}

void bucket_be_kind(void)
{
	memset(cut_until_ms, 0, sizeof(cut_until_ms));
	memset(refused_until_ms, 0, sizeof(refused_until_ms));
	away_until_ms = 0;
}

void bucket_cut_off(int64_t until_ms)
{
	cut_until_ms[this_host()] = until_ms;
}

void bucket_refuse(int64_t until_ms)
{
	refused_until_ms[this_host()] = until_ms;
}

void bucket_go_away(int64_t until_ms)
{
	away_until_ms = until_ms;
}

/* ---- what becomes of a request ---- */

static bool is_cut_off(int host)
{
	return now_ms() < cut_until_ms[host] || now_ms() < away_until_ms;
}

static bool writes(const struct seed_s3_op *op)
{
	return op->act == ACT_PUT || op->act == ACT_DELETE;
}

/* Its answer does not come, or not in time. */
static void break_off(struct seed_s3_op *op, int code)
{
	op->outcome = writes(op) ? SEED_S3_UNSURE : SEED_S3_AWAY;
	op->code = code;
	op->status = 0;
	op->date_s = 0;
	op->body_etag = 0;
}

static void answer_later(struct seed_s3_op *op, enum seed_s3_outcome outcome, int code, int64_t in_ms)
{
	op->outcome = outcome;
	op->code = code;
	op->answers_ms = now_ms() + in_ms;
}

/* It is lost before it arrives; the host sees the connection break, or its deadline. */
static void lose(struct seed_s3_op *op)
{
	op->happens_ms = INT64_MAX;
	if (chance(50))
		answer_later(op, writes(op) ? SEED_S3_UNSURE : SEED_S3_AWAY, EIO, roll(2000));
}

static void be_busy(struct seed_s3_op *op)
{
	op->happens_ms = INT64_MAX;
	op->status = chance(70) ? 503 : 500;
	op->date_s = bucket_now_s();
	op->retry_after_ms = chance(30) ? (int64_t)roll(5000) : -1;
	answer_later(op, writes(op) ? SEED_S3_UNSURE : SEED_S3_AWAY, EIO, 5 + roll(200));
}

/* Its key is not good for this, for a while. */
static void refuse(struct seed_s3_op *op)
{
	op->happens_ms = INT64_MAX;
	op->status = 403;
	op->date_s = bucket_now_s();
	answer_later(op, SEED_S3_REFUSED, EACCES, 5 + roll(200));
}

static int64_t takes_ms(void)
{
	return 3 + (chance(10) ? roll(world_is_kind() ? 200 : 6000) : roll(40));
}

static void judge(struct seed_s3_op *op)
{
	unsigned faults = (unsigned)world_faults();

	op->happens_ms = now_ms() + takes_ms();
	op->answers_ms = INT64_MAX;
	op->answer_takes_ms = takes_ms();
	op->status = 0;
	op->date_s = 0;
	op->retry_after_ms = -1;
	if (is_cut_off(op->host)) {
		op->happens_ms = INT64_MAX;
		if (chance(70))
			answer_later(op, SEED_S3_AWAY, EHOSTUNREACH, roll(3000));
		return;
	}
	if (now_ms() < refused_until_ms[op->host]) {
		refuse(op);
		return;
	}
	switch (chance(faults / 2) ? roll(5) : 99) {
	case 0:
		op->happens_ms = INT64_MAX;
		answer_later(op, SEED_S3_AWAY, ECONNREFUSED, roll(1000));
		break;
	case 1:
		lose(op);
		break;
	case 2:
		be_busy(op);
		break;
	case 3: /* done, and the answer is lost */
		op->answer_takes_ms = -1;
		break;
	case 4: /* it lingers somewhere, and is done long after it was given up */
		op->happens_ms = now_ms() + roll(120000);
		op->answer_takes_ms = -1;
		answer_later(op, writes(op) ? SEED_S3_UNSURE : SEED_S3_AWAY, EIO, roll(3000));
		break;
	default:
		break;
	}
}

/* ---- it is done ---- */

static bool condition_holds(const struct seed_s3_op *op, const struct object *object)
{
	if (op->condition == SEED_S3_ALWAYS)
		return true;
	if (op->condition == SEED_S3_IF_NONE)
		return !object->bytes;
	if (store_lies && chance(10)) {
		trace("store: ignores a condition");
		return true;
	}
	return object->bytes && object->etag == op->etag;
}

static void put(struct seed_s3_op *op)
{
	struct object *object = find_or_make(op->key);

	if (!condition_holds(op, object)) {
		op->status = 412;
		op->outcome = SEED_S3_UNSURE;
		op->code = EIO;
		return;
	}
	farm_check_write(op->host, op->key, object->bytes, op->data);
	free(object->bytes);
	object->bytes = copy_of(op->data, op->len);
	object->len = op->len;
	object->etag = ++last_etag;
	object->written_s = bucket_now_s();
	op->body_etag = object->etag;
	op->status = 200;
	op->outcome = SEED_S3_DONE;
	op->code = 0;
}

static void take_body(struct seed_s3_op *op)
{
	const struct object *object = find(op->key);

	op->code = 0;
	if (!object || !object->bytes) {
		op->status = 404;
		op->outcome = SEED_S3_NONE;
		return;
	}
	op->status = 200;
	op->outcome = SEED_S3_DONE;
	op->body_etag = object->etag;
	op->body_len = op->head ? 0 : object->len;
	free(op->body);
	op->body = copy_of(object->bytes, op->body_len);
}

static void happen(struct seed_s3_op *op)
{
	struct object *object;

	op->happens_ms = INT64_MAX;
	switch (op->act) {
	case ACT_PUT:
		put(op);
		break;
	case ACT_GET:
		if (op->wanted)
			take_body(op);
		break;
	case ACT_DELETE:
		object = find(op->key);
		if (object) {
			free(object->bytes);
			*object = (struct object){ .len = 0 }; /* a free place */
		}
		op->outcome = SEED_S3_DONE;
		break;
	case ACT_LIST: /* read when it is answered */
		op->outcome = SEED_S3_DONE;
		break;
	}
	op->date_s = bucket_now_s();
	if (op->answer_takes_ms >= 0) {
		op->answers_ms = now_ms() + op->answer_takes_ms;
	} else {
		break_off(op, EIO);
		if (op->answers_ms == INT64_MAX && chance(50))
			op->answers_ms = now_ms() + roll(3000);
	}
	if (!op->wanted)
		op_free(op);
}

void bucket_run(void)
{
	for (int i = 0; i < op_count; i++)
		if (ops[i].used && ops[i].happens_ms <= now_ms())
			happen(&ops[i]);
	while (op_count && !ops[op_count - 1].used)
		op_count--;
}

int64_t bucket_next_ms(void)
{
	int64_t at = INT64_MAX;

	for (int i = 0; i < op_count; i++)
		if (ops[i].used && ops[i].happens_ms < at)
			at = ops[i].happens_ms;
	return at;
}

/* ---- answers ---- */

static int by_key(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

/* The names here have no folders. */
static void list(const struct seed_s3_op *op, struct seed_s3_listing *listing)
{
	const struct object *found[OBJECTS_MAX];
	size_t count = 0;

	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects[i].bytes && strncmp(objects[i].key, op->key, strlen(op->key)) == 0 &&
		    strcmp(objects[i].key, op->after) > 0)
			found[count++] = &objects[i];
	qsort(found, count, sizeof(found[0]), by_key);
	*listing = (struct seed_s3_listing){ .key_count = count };
	listing->keys = calloc(count + 1, sizeof(char *));
	listing->etags = calloc(count + 1, sizeof(char *));
	listing->times_s = calloc(count + 1, sizeof(int64_t));
	if (!listing->keys || !listing->etags || !listing->times_s)
		abort();
	for (size_t i = 0; i < count; i++) {
		listing->times_s[i] = found[i]->written_s;
		listing->keys[i] = copy_of(found[i]->key, strlen(found[i]->key));
		if (asprintf(&listing->etags[i], "%llu", (unsigned long long)found[i]->etag) < 0)
			abort();
	}
}

static void list_free(struct seed_s3_listing *listing)
{
	for (size_t i = 0; i < listing->key_count; i++) {
		free(listing->keys[i]);
		free(listing->etags[i]);
	}
	free(listing->keys);
	free(listing->etags);
	free(listing->times_s);
}

static struct seed_s3_op *op_free_place(void)
{
	for (int i = 0; i < OPS_MAX; i++)
		if (!ops[i].used) {
			op_count = i < op_count ? op_count : i + 1;
			return &ops[i];
		}
	broken("%d requests to the store", OPS_MAX);
}

/* Nobody waits for it any more. */
static void leave_on_the_way(const struct seed_s3_op *from, struct seed_s3_op *op)
{
	*op = *from;
	op->wanted = false;
	op->data = copy_of(from->data, from->len);
	op->body = NULL;
}

/* As seed_s3_swap(): whatever became of the write, what stands there decides. */
static bool read_back(struct seed_s3_op *op)
{
	if (!op->swaps || op->reading_back || op->outcome != SEED_S3_UNSURE)
		return false;
	op->reading_back = true;
	/* The write itself may still be on its way. */
	if (op->happens_ms != INT64_MAX)
		leave_on_the_way(op, op_free_place());
	op->act = ACT_GET;
	judge(op);
	return true;
}

static void compare(struct seed_s3_op *op)
{
	if (!op->reading_back)
		return;
	if (op->outcome == SEED_S3_NONE)
		op->outcome = SEED_S3_CHANGED;
	else if (op->outcome == SEED_S3_DONE &&
		 (op->body_len != op->len || memcmp(op->body, op->data, op->len) != 0))
		op->outcome = SEED_S3_CHANGED;
	else if (op->outcome == SEED_S3_AWAY)
		op->outcome = SEED_S3_UNSURE;
}

static int memory_file(const struct seed_s3_op *op)
{
	int fd = memfd_create("sim", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, op->body, op->body_len, 0) < 0)
		abort();
	return fd;
}

static void deliver(struct seed_s3_op *op)
{
	struct seed_s3_answer answer = { .memfd = -1 };
	struct seed_s3_listing listing = { .more = false };
	struct seed_s3_op copy;

	if (read_back(op))
		return;
	compare(op);
	answer.outcome = op->outcome;
	answer.status = op->status;
	answer.body = op->body ? op->body : "";
	answer.len = op->body_len;
	answer.date_s = op->date_s;
	answer.retry_after_ms = op->retry_after_ms;
	if (op->outcome == SEED_S3_UNSURE || op->outcome == SEED_S3_AWAY || op->outcome == SEED_S3_REFUSED)
		(void)seed_error_set(&answer.error, op->code ? op->code : EIO, "the store: %s",
				     strerror(op->code ? op->code : EIO));
	if (op->outcome == SEED_S3_DONE && op->act == ACT_LIST) {
		list(op, &listing);
		answer.listing = &listing;
	}
	if (op->outcome == SEED_S3_DONE && op->to_memfd)
		answer.memfd = memory_file(op);
	if (op->body_etag)
		snprintf(answer.etag, sizeof(answer.etag), "%llu", (unsigned long long)op->body_etag);
	copy = *op;
	*op = (struct seed_s3_op){ .used = false };
	if (copy.happens_ms != INT64_MAX && writes(&copy)) /* it may yet happen */
		leave_on_the_way(&copy, op);
	copy.done(copy.context, &answer);
	if (answer.memfd >= 0)
		close(answer.memfd);
	list_free(&listing);
	free(copy.data);
	free(copy.body);
}

static bool is_mine(const struct seed_s3_op *op)
{
	return op->used && op->wanted && op->host == this_host();
}

static int64_t ends_ms(const struct seed_s3_op *op)
{
	int64_t deadline_ms = from_host_ms(op->deadline_ms);

	return op->answers_ms < deadline_ms ? op->answers_ms : deadline_ms;
}

void bucket_turn(void)
{
	for (int i = 0; i < op_count && !is_dead(); i++) {
		struct seed_s3_op *op = &ops[i];

		if (!is_mine(op) || ends_ms(op) > now_ms())
			continue;
		may_die();
		if (is_dead())
			return;
		if (op->answers_ms > now_ms())
			break_off(op, ETIMEDOUT);
		else if (op->status && is_cut_off(op->host))
			break_off(op, EIO);
		deliver(op);
	}
}

int64_t bucket_answers_ms(void)
{
	int64_t at = INT64_MAX;

	for (int i = 0; i < op_count; i++)
		if (is_mine(&ops[i]) && ends_ms(&ops[i]) < at)
			at = ends_ms(&ops[i]);
	return at;
}

/* ---- requests ---- */

static struct seed_s3_op *op_new(enum act act, const char *key, int64_t deadline_ms, seed_s3_done_fn *done,
				 void *context)
{
	struct seed_s3_op *op;

	may_die();
	if (is_dead() || chance((unsigned)world_faults() / 20))
		return NULL;
	op = op_free_place();
	*op = (struct seed_s3_op){
		.used = true, .wanted = true, .host = this_host(), .act = act,
		.deadline_ms = deadline_ms, .done = done, .context = context,
	};
	snprintf(op->key, sizeof(op->key), "%s", key);
	judge(op);
	return op;
}

errint_t __wrap_seed_s3_new(struct seed_net *net, const struct seed_s3_config *config,
			    struct seed_s3_credentials *credentials, struct seed_s3 **s3,
			    struct seed_error *error)
{
	static char store;

	SEED_UNUSED(net);
	SEED_UNUSED(config);
	SEED_UNUSED(credentials);
	SEED_UNUSED(error);
	*s3 = (struct seed_s3 *)(void *)&store;
	return 0;
}

void __wrap_seed_s3_free(struct seed_s3 *s3)
{
	SEED_UNUSED(s3);
	for (int i = 0; i < op_count && !is_dead(); i++)
		if (is_mine(&ops[i]))
			broken("the store is freed, and %s is under way", ops[i].key);
}

size_t __wrap_seed_s3_key_room(const struct seed_s3 *s3)
{
	SEED_UNUSED(s3);
	return KEY_BYTES - 1;
}

void __wrap_seed_s3_set_quotes(struct seed_s3 *s3, bool quotes)
{
	SEED_UNUSED(s3);
	SEED_UNUSED(quotes);
}

errint_t __wrap_seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
			    seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	SEED_UNUSED(s3);
	*op = op_new(ACT_GET, get->key, deadline_ms, done, context);
	if (!*op)
		return -ENOMEM;
	(*op)->to_memfd = get->to_memfd;
	(*op)->head = get->head;
	return 0;
}

static errint_t start_put(const struct seed_s3_put *put, bool swaps, int64_t deadline_ms,
			  seed_s3_done_fn *done, void *context, struct seed_s3_op **out)
{
	struct seed_s3_op *op = op_new(ACT_PUT, put->key, deadline_ms, done, context);

	*out = op;
	if (!op)
		return -ENOMEM;
	op->swaps = swaps;
	op->data = copy_of(put->data, put->bytes);
	op->len = put->bytes;
	op->condition = put->condition;
	if (put->condition == SEED_S3_IF_MATCH)
		op->etag = strtoull(put->etag, NULL, 10);
	return 0;
}

errint_t __wrap_seed_s3_put(struct seed_s3 *s3, const struct seed_s3_put *put, int64_t deadline_ms,
			    seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	SEED_UNUSED(s3);
	farm_check_put(put->key);
	return start_put(put, false, deadline_ms, done, context, op);
}

errint_t __wrap_seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t read_limit_bytes,
			     int64_t deadline_ms, seed_s3_done_fn *done, void *context,
			     struct seed_s3_op **op)
{
	SEED_UNUSED(s3);
	SEED_UNUSED(read_limit_bytes);
	assert(put->condition != SEED_S3_ALWAYS);
	return start_put(put, true, deadline_ms, done, context, op);
}

errint_t __wrap_seed_s3_delete(struct seed_s3 *s3, const char *key, int64_t deadline_ms,
			       seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	SEED_UNUSED(s3);
	*op = op_new(ACT_DELETE, key, deadline_ms, done, context);
	return *op ? 0 : -ENOMEM;
}

errint_t __wrap_seed_s3_list(struct seed_s3 *s3, const struct seed_s3_list *list, int64_t deadline_ms,
			     seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	SEED_UNUSED(s3);
	*op = op_new(ACT_LIST, list->prefix, deadline_ms, done, context);
	if (!*op)
		return -ENOMEM;
	snprintf((*op)->after, sizeof((*op)->after), "%s", list->after);
	return 0;
}

static void give_up(struct seed_s3_op *op)
{
	op->wanted = false;
	if (op->happens_ms == INT64_MAX)
		op_free(op);
}

void __wrap_seed_s3_cancel(struct seed_s3_op *op)
{
	give_up(op);
}

void bucket_host_died(void)
{
	for (int i = 0; i < op_count; i++)
		if (is_mine(&ops[i]))
			give_up(&ops[i]);
}
