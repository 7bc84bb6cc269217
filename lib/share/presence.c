#include "lib/share/presence.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

enum {
	WHERE_BYTES = 65,
	KEY_BYTES = sizeof("host/") + 16,
	OBJECT_MAX_BYTES = 4096,
	/* Of one request, and the pause after one that failed. */
	ASK_MS = 10000,
	AGAIN_MS = 2000,
};

/* The object. */
struct holder {
	char mark[SEED_PRESENCE_MARK_BYTES];
	char knock[SEED_PRESENCE_MARK_BYTES]; /* of who asks whether it is there; "": nobody does */
	char place[SEED_PRESENCE_PLACE_BYTES]; /* "": it was left */
	char where[WHERE_BYTES];
};

struct seed_presence {
	struct seed_s3 *s3;
	char key[KEY_BYTES], place[SEED_PRESENCE_PLACE_BYTES], where[WHERE_BYTES];
	int64_t wait_ms;
	enum seed_presence_state state;
	struct seed_s3_op *asked;        /* NULL: nothing is under way */
	int64_t next_ms, knocked_ms;     /* knocked_ms 0: not yet */
	struct seed_presence_held held;  /* its mark, and the ETag of what was read last */
	/* Of the next write under a mark of our own; the same until it is known that one stands
	 * there, since a write may come late. "": none was tried. */
	char tried[SEED_PRESENCE_MARK_BYTES];
	char knock[SEED_PRESENCE_MARK_BYTES];
	struct holder seen;
	char *text;                      /* while it is written */
	bool writes_knock, leaving, left;
	struct seed_error error;
};

static void make_mark(char mark[SEED_PRESENCE_MARK_BYTES])
{
	snprintf(mark, SEED_PRESENCE_MARK_BYTES, "%04x%04x%04x%04x", seed_clock_chance(), seed_clock_chance(),
		 seed_clock_chance(), seed_clock_chance());
}

errint_t seed_presence_new(struct seed_s3 *s3, const char *host, const char *place, const char *where,
			   int wait_s, const struct seed_presence_held *held, struct seed_presence **out)
{
	struct seed_presence *presence = calloc(1, sizeof(*presence));

	if (!presence)
		return -ENOMEM;
	presence->s3 = s3;
	snprintf(presence->key, sizeof(presence->key), "host/%s", host);
	snprintf(presence->place, sizeof(presence->place), "%s", place);
	snprintf(presence->where, sizeof(presence->where), "%s", where);
	presence->wait_ms = (int64_t)wait_s * 1000;
	make_mark(presence->knock);
	if (held && held->mark[0]) {
		presence->held = *held;
		presence->state = SEED_PRESENCE_OURS;
		presence->next_ms = seed_clock_now_ms() + presence->wait_ms / 3;
	}
	*out = presence;
	return 0;
}

void seed_presence_free(struct seed_presence *presence)
{
	if (!presence)
		return;
	if (presence->asked)
		seed_s3_cancel(presence->asked);
	free(presence->text);
	free(presence);
}

/* ---- the object ---- */

static char *format(const struct holder *holder)
{
	cJSON *object = cJSON_CreateObject();
	char *text = NULL;

	if (object && cJSON_AddStringToObject(object, "mark", holder->mark) &&
	    cJSON_AddStringToObject(object, "knock", holder->knock) &&
	    cJSON_AddStringToObject(object, "place", holder->place) &&
	    cJSON_AddStringToObject(object, "where", holder->where))
		text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}

static void get(const cJSON *object, const char *key, char *out, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	snprintf(out, size, "%s", text ? text : "");
}

/* What is no such object is of a place that was left. */
static void parse(const struct seed_s3_answer *answer, struct holder *holder)
{
	cJSON *object = cJSON_ParseWithOpts(answer->body, NULL, true);

	get(object, "mark", holder->mark, sizeof(holder->mark));
	get(object, "knock", holder->knock, sizeof(holder->knock));
	get(object, "place", holder->place, sizeof(holder->place));
	get(object, "where", holder->where, sizeof(holder->where));
	cJSON_Delete(object);
}

/* ---- writes ---- */

static void again(struct seed_presence *presence, int64_t in_ms)
{
	presence->next_ms = seed_clock_now_ms() + in_ms;
}

static void was_written(struct seed_presence *presence)
{
	if (presence->writes_knock) {
		presence->knocked_ms = seed_clock_now_ms();
		again(presence, AGAIN_MS);
		return;
	}
	memcpy(presence->held.mark, presence->tried, sizeof(presence->tried));
	presence->tried[0] = '\0';
	presence->state = SEED_PRESENCE_OURS;
	again(presence, presence->wait_ms / 3);
}

static void on_swapped(void *context, struct seed_s3_answer *answer)
{
	struct seed_presence *presence = context;

	presence->asked = NULL;
	free(presence->text);
	presence->text = NULL;
	presence->error = answer->error;
	presence->left = presence->leaving; /* or it cannot be said: whoever comes knocks */
	again(presence, AGAIN_MS);
	if (answer->outcome == SEED_S3_DONE) {
		presence->error.code = 0;
		memcpy(presence->held.etag, answer->etag, sizeof(presence->held.etag));
		was_written(presence);
	} else if (answer->outcome == SEED_S3_CHANGED) {
		presence->error.code = 0;
		again(presence, 0);
	}
}

static void write_it(struct seed_presence *presence, const struct holder *holder)
{
	struct seed_s3_put put = {
		.key = presence->key,
		.condition = presence->held.etag[0] ? SEED_S3_IF_MATCH : SEED_S3_IF_NONE,
		.etag = presence->held.etag,
	};

	presence->text = format(holder);
	put.data = presence->text;
	put.bytes = presence->text ? strlen(presence->text) : 0;
	if (presence->text && seed_s3_swap(presence->s3, &put, OBJECT_MAX_BYTES, seed_clock_now_ms() + ASK_MS,
					   on_swapped, presence, &presence->asked) == 0)
		return;
	free(presence->text);
	presence->text = NULL;
	presence->left = presence->leaving;
	again(presence, AGAIN_MS);
}

static void take(struct seed_presence *presence)
{
	struct holder holder = { .knock = "" };

	if (!presence->tried[0])
		make_mark(presence->tried);
	presence->writes_knock = false;
	memcpy(holder.mark, presence->tried, sizeof(holder.mark));
	memcpy(holder.where, presence->where, sizeof(holder.where));
	if (!presence->leaving)
		memcpy(holder.place, presence->place, sizeof(holder.place));
	write_it(presence, &holder);
}

static void knock(struct seed_presence *presence)
{
	struct holder holder = presence->seen;

	presence->state = SEED_PRESENCE_KNOCKING;
	presence->writes_knock = true;
	memcpy(holder.knock, presence->knock, sizeof(holder.knock));
	write_it(presence, &holder);
}

/* ---- what stands there ---- */

static bool is_ours(struct seed_presence *presence)
{
	const char *mark = presence->seen.mark;

	if (presence->tried[0] && strcmp(mark, presence->tried) == 0) {
		memcpy(presence->held.mark, presence->tried, sizeof(presence->tried));
		presence->tried[0] = '\0';
	}
	return presence->held.mark[0] && strcmp(mark, presence->held.mark) == 0;
}

static void wait_for_answer(struct seed_presence *presence)
{
	int64_t now = seed_clock_now_ms();

	if (!presence->knocked_ms) /* it was written, and the answer lost */
		presence->knocked_ms = now;
	if (now - presence->knocked_ms >= presence->wait_ms)
		take(presence);
	else
		again(presence, AGAIN_MS);
}

static void judge(struct seed_presence *presence)
{
	const struct holder *seen = &presence->seen;

	if (is_ours(presence)) {
		presence->state = SEED_PRESENCE_OURS;
		if (seen->knock[0])
			take(presence);
		else
			again(presence, presence->wait_ms / 3);
	} else if (presence->state == SEED_PRESENCE_OURS) {
		presence->state = SEED_PRESENCE_ANOTHERS;
	} else if (!seen->place[0] || strcmp(seen->place, presence->place) == 0) {
		take(presence);
	} else if (strcmp(seen->knock, presence->knock) == 0) {
		wait_for_answer(presence);
	} else if (presence->knocked_ms) {
		presence->state = SEED_PRESENCE_ANOTHERS;
	} else {
		knock(presence);
	}
}

static void on_read(void *context, struct seed_s3_answer *answer)
{
	struct seed_presence *presence = context;

	presence->asked = NULL;
	presence->error = answer->error;
	if (answer->outcome == SEED_S3_NONE) {
		presence->error.code = 0;
		presence->held.etag[0] = '\0';
		take(presence);
	} else if (answer->outcome == SEED_S3_DONE) {
		presence->error.code = 0;
		memcpy(presence->held.etag, answer->etag, sizeof(presence->held.etag));
		parse(answer, &presence->seen);
		judge(presence);
	} else {
		again(presence, AGAIN_MS);
	}
}

int64_t seed_presence_turn(struct seed_presence *presence, int64_t now_ms)
{
	const struct seed_s3_get request = { .key = presence->key, .limit_bytes = OBJECT_MAX_BYTES };

	if (presence->asked || presence->left || presence->state == SEED_PRESENCE_ANOTHERS)
		return INT64_MAX;
	if (presence->leaving) {
		if (presence->state == SEED_PRESENCE_OURS)
			take(presence);
		return INT64_MAX;
	}
	if (now_ms < presence->next_ms)
		return presence->next_ms;
	again(presence, AGAIN_MS);
	if (seed_s3_get(presence->s3, &request, now_ms + ASK_MS, on_read, presence, &presence->asked))
		presence->asked = NULL;
	return presence->asked ? INT64_MAX : presence->next_ms;
}

/* ---- what it says ---- */

enum seed_presence_state seed_presence_state(const struct seed_presence *presence)
{
	return presence->state;
}

const struct seed_presence_held *seed_presence_held(const struct seed_presence *presence)
{
	return &presence->held;
}

const char *seed_presence_where(const struct seed_presence *presence)
{
	return presence->seen.where;
}

const struct seed_error *seed_presence_error(const struct seed_presence *presence)
{
	return &presence->error;
}

void seed_presence_leave(struct seed_presence *presence)
{
	presence->leaving = true;
}

bool seed_presence_rests(const struct seed_presence *presence)
{
	return presence->left || presence->state != SEED_PRESENCE_OURS;
}
