#include "lib/share/farm.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that are read end here, below 2^53, which is what JSON holds exactly; what is
 * added to them stays below that, too. Seconds and days end with the year 9999. */
#define COUNT_MAX INT64_C(1000000000000000)
#define COST_MAX 1e15
#define SECONDS_MAX INT64_C(253402300799)
#define DAYS_MAX (SECONDS_MAX / 86400)

void seed_farm_init(struct seed_farm *farm)
{
	*farm = (struct seed_farm){ .serial = 0 };
}

/* ---- hosts ---- */

const struct seed_farm_host *seed_farm_find(const struct seed_farm *farm, const char *host)
{
	for (size_t i = 0; i < farm->host_count; i++)
		if (strcmp(farm->hosts[i].id, host) == 0)
			return &farm->hosts[i];
	return NULL;
}

static void forget_hosts(struct seed_farm *farm, int64_t now_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < farm->host_count; i++)
		if (farm->hosts[i].until_s + SEED_FARM_REMEMBER_S >= now_s)
			farm->hosts[kept++] = farm->hosts[i];
	farm->host_count = kept;
}

static struct seed_farm_host *find_or_add(struct seed_farm *farm, const char *id, int64_t now_s)
{
	struct seed_farm_host *host;

	for (size_t i = 0; i < farm->host_count; i++)
		if (strcmp(farm->hosts[i].id, id) == 0)
			return &farm->hosts[i];
	if (farm->host_count == SEED_FARM_HOSTS_MAX)
		return NULL;
	host = &farm->hosts[farm->host_count++];
	*host = (struct seed_farm_host){ .served_s = now_s };
	memcpy(host->id, id, sizeof(host->id));
	return host;
}

enum seed_farm_wrote seed_farm_wrote(const struct seed_farm *farm, const char *host, const char *mark,
				     int64_t until_s, int64_t now_s)
{
	const struct seed_farm_host *found = seed_farm_find(farm, host);

	if (found)
		return strcmp(found->mark, mark) == 0 ? SEED_FARM_WROTE : SEED_FARM_NEVER;
	/* Nobody would have removed it yet. */
	return now_s <= until_s + SEED_FARM_REMEMBER_S ? SEED_FARM_NEVER : SEED_FARM_UNKNOWN;
}

/* ---- shares ---- */

/* Nobody gives a lease of more than SEED_FARM_LEASE_S; clocks differ by less than that. */
static bool is_live(const struct seed_farm_host *host, int64_t now_s)
{
	return host->until_s >= now_s && host->until_s - now_s <= 2 * SEED_FARM_LEASE_S;
}

static int wants_of(const struct seed_farm_host *host, int64_t now_s)
{
	return is_live(host, now_s) ? host->wants : 0;
}

/* What is given away if no host gets more than `level`. */
static int64_t sum_up_to(const struct seed_farm *farm, int level, int64_t now_s)
{
	int64_t sum = 0;

	for (size_t i = 0; i < farm->host_count; i++) {
		int wants = wants_of(&farm->hosts[i], now_s);

		sum += wants < level ? wants : level;
	}
	return sum;
}

/* The highest that every host which wants as much can have. */
static int level_of(const struct seed_farm *farm, int jobs, int64_t now_s)
{
	int low = 0, high = jobs;

	while (low < high) {
		int middle = low + (high - low + 1) / 2;

		if (sum_up_to(farm, middle, now_s) <= jobs)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* For one of those that are left over when all have `level`: first who has had one only
 * lately, so that it does not change hands all the time; then who waits for one, the
 * longest first; then who has one, the longest last. */
static int turn_of(const struct seed_farm_host *host, int level, int64_t now_s)
{
	if (host->slots <= level)
		return 1;
	return now_s - host->served_s < SEED_FARM_SLICE_S ? 0 : 2;
}

static bool is_before(const struct seed_farm_host *a, const struct seed_farm_host *b, int level, int64_t now_s)
{
	int a_turn = turn_of(a, level, now_s), b_turn = turn_of(b, level, now_s);

	if (a_turn != b_turn)
		return a_turn < b_turn;
	/* Of those who have one the longest gives it back. */
	if (a->served_s != b->served_s)
		return (a->served_s < b->served_s) == (a_turn == 1);
	return strcmp(a->id, b->id) < 0;
}

/* How many that want more than `level` come before it. */
static int64_t rank_of(const struct seed_farm *farm, const struct seed_farm_host *host, int level,
		       int64_t now_s)
{
	int64_t rank = 0;

	for (size_t i = 0; i < farm->host_count; i++)
		if (wants_of(&farm->hosts[i], now_s) > level && is_before(&farm->hosts[i], host, level, now_s))
			rank++;
	return rank;
}

int seed_farm_share(const struct seed_farm *farm, const char *id, int jobs, int64_t now_s)
{
	const struct seed_farm_host *host = seed_farm_find(farm, id);
	int level, wants = host ? wants_of(host, now_s) : 0;
	int64_t left;

	if (!wants)
		return 0;
	level = level_of(farm, jobs, now_s);
	if (wants <= level)
		return wants;
	left = jobs - sum_up_to(farm, level, now_s);
	return rank_of(farm, host, level, now_s) < left ? level + 1 : level;
}

/* What all but that host have. */
static int64_t slots_beside(const struct seed_farm *farm, const struct seed_farm_host *host, int64_t now_s)
{
	int64_t slots = 0;

	for (size_t i = 0; i < farm->host_count; i++)
		if (&farm->hosts[i] != host && is_live(&farm->hosts[i], now_s))
			slots += farm->hosts[i].slots;
	return slots;
}

int seed_farm_jobs(const struct seed_farm *farm, const char *id, int jobs, int64_t now_s)
{
	const struct seed_farm_host *host = seed_farm_find(farm, id);
	int64_t most;

	if (!host || !is_live(host, now_s))
		return 0;
	/* Slots that only cover jobs from before a lease ran out end with these. */
	most = jobs - slots_beside(farm, host, now_s);
	if (most > host->slots)
		most = host->slots;
	jobs = seed_farm_share(farm, id, jobs, now_s);
	return most < 0 ? 0 : most < jobs ? (int)most : jobs;
}

void seed_farm_rate_share(const struct seed_farm *farm, const char *id, int jobs, int64_t now_s, int *num,
			  int *den)
{
	/* All have what they want, or all jobs are given away. */
	int64_t all = sum_up_to(farm, jobs, now_s);

	*num = seed_farm_share(farm, id, jobs, now_s);
	*den = *num == 0 ? 1 : all < jobs ? (int)all : jobs;
}

/* ---- changes ---- */

static void set_slots(struct seed_farm *farm, struct seed_farm_host *host, int running, int jobs, int64_t now_s)
{
	int64_t free_slots = jobs - slots_beside(farm, host, now_s);
	int slots = seed_farm_share(farm, host->id, jobs, now_s);

	if (slots > free_slots)
		slots = free_slots > 0 ? (int)free_slots : 0;
	/* A job that runs is not ended. */
	if (slots < running)
		slots = running;
	if (slots != host->slots)
		host->served_s = now_s;
	host->slots = slots;
}

/* A day that is over does not come again. One that is far ahead is nobody's: its count
 * stays, as whatever day it was. */
static void roll(struct seed_spent *spent, int64_t now_ms)
{
	int64_t today = now_ms / SEED_SPENT_DAY_MS;

	if (today > spent->day)
		*spent = (struct seed_spent){ .day = today };
	else if (spent->day > today + 1)
		spent->day = today;
}

static int within(int number, int least)
{
	return number < least ? least : number > SEED_FARM_JOBS_MAX ? SEED_FARM_JOBS_MAX : number;
}

errint_t seed_farm_beat(struct seed_farm *farm, const struct seed_farm_change *change, int wants,
			int running, int jobs)
{
	int64_t now_s = change->now_ms / 1000;
	struct seed_farm_host *host;

	forget_hosts(farm, now_s);
	host = find_or_add(farm, change->host, now_s);
	if (!host)
		return -EUSERS;
	farm->serial++;
	roll(&farm->spent, change->now_ms);
	memcpy(host->mark, change->mark, sizeof(host->mark));
	host->until_s = now_s + SEED_FARM_LEASE_S;
	running = within(running, 0);
	host->wants = within(wants, running);
	set_slots(farm, host, running, jobs, now_s);
	return 0;
}

errint_t seed_farm_charge(struct seed_farm *farm, int64_t budget, int64_t uid)
{
	if ((budget > 0 && farm->spent.count >= budget) || farm->spent.count >= COUNT_MAX)
		return -EDQUOT;
	farm->spent.count++;
	seed_spent_count_user(&farm->spent, uid, 1);
	return 0;
}

void seed_farm_count(struct seed_farm *farm, int64_t day, int64_t uid, int64_t by)
{
	if (day != farm->spent.day || by > COUNT_MAX - farm->spent.count)
		return;
	if (by < -farm->spent.count)
		by = -farm->spent.count;
	farm->spent.count += by;
	seed_spent_count_user(&farm->spent, uid, by);
}

void seed_farm_cost(struct seed_farm *farm, int64_t day, double cost)
{
	if (day == farm->spent.day && cost > 0 && farm->spent.cost + cost <= COST_MAX)
		farm->spent.cost += cost;
}

static void set_hold(struct seed_farm *farm, int64_t until_ms, const struct seed_error *error)
{
	farm->hold_until_ms = until_ms;
	farm->hold_code = error->code;
	memcpy(farm->hold_message, error->message, sizeof(farm->hold_message));
}

void seed_farm_hold(struct seed_farm *farm, int64_t now_ms, int64_t until_ms, const struct seed_error *error)
{
	int64_t last_ms = now_ms + INT64_C(1000) * SEED_FARM_HOLD_MAX_S;

	if (until_ms > last_ms)
		until_ms = last_ms;
	if (until_ms > farm->hold_until_ms)
		set_hold(farm, until_ms, error);
}

/* ---- JSON ---- */

/* An object behind the last of `array`; NULL without memory. */
static cJSON *put_object(cJSON *array)
{
	cJSON *object = array ? cJSON_CreateObject() : NULL;

	if (object && cJSON_AddItemToArray(array, object))
		return object;
	cJSON_Delete(object);
	return NULL;
}

static bool put_number(cJSON *object, const char *key, double number)
{
	return object && cJSON_AddNumberToObject(object, key, number);
}

static bool put_users(cJSON *array, const struct seed_spent *spent)
{
	for (size_t i = 0; array && i < SEED_SPENT_USERS; i++) {
		cJSON *user;

		if (!spent->users[i].count)
			continue;
		user = put_object(array);
		if (!put_number(user, "uid", (double)spent->users[i].uid) ||
		    !put_number(user, "count", (double)spent->users[i].count))
			return false;
	}
	return array != NULL;
}

static bool put_hosts(cJSON *array, const struct seed_farm *farm)
{
	for (size_t i = 0; array && i < farm->host_count; i++) {
		const struct seed_farm_host *host = &farm->hosts[i];
		cJSON *object = put_object(array);

		if (!object || !cJSON_AddStringToObject(object, "id", host->id) ||
		    !cJSON_AddStringToObject(object, "mark", host->mark) ||
		    !put_number(object, "until", (double)host->until_s) ||
		    !put_number(object, "wants", host->wants) || !put_number(object, "slots", host->slots) ||
		    !put_number(object, "served", (double)host->served_s))
			return false;
	}
	return array != NULL;
}

static bool put_hold(cJSON *object, const struct seed_farm *farm)
{
	cJSON *hold;

	if (!farm->hold_until_ms)
		return true;
	hold = cJSON_AddObjectToObject(object, "hold");
	return put_number(hold, "until", (double)farm->hold_until_ms) &&
	       cJSON_AddStringToObject(hold, "code", seed_error_name(farm->hold_code)) &&
	       cJSON_AddStringToObject(hold, "message", farm->hold_message);
}

char *seed_farm_format(const struct seed_farm *farm)
{
	cJSON *object = cJSON_CreateObject();
	char *text = NULL;

	if (put_number(object, "serial", (double)farm->serial) &&
	    put_number(object, "day", (double)farm->spent.day) &&
	    put_number(object, "count", (double)farm->spent.count) &&
	    put_number(object, "cost", farm->spent.cost) &&
	    put_users(cJSON_AddArrayToObject(object, "users"), &farm->spent) && put_hold(object, farm) &&
	    put_hosts(cJSON_AddArrayToObject(object, "hosts"), farm))
		text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}

/* An integer in that range. */
static bool get_integer(const cJSON *object, const char *key, int64_t least, int64_t most, int64_t *out)
{
	double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));

	if (!(value >= (double)least && value <= (double)most) || value != (double)(int64_t)value)
		return false;
	*out = (int64_t)value;
	return true;
}

static bool get_jobs(const cJSON *object, const char *key, int *out)
{
	int64_t number;

	if (!get_integer(object, key, 0, SEED_FARM_JOBS_MAX, &number))
		return false;
	*out = (int)number;
	return true;
}

static bool get_id(const cJSON *object, const char *key, char id[SEED_FARM_ID_BYTES])
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	if (!text || strlen(text) != SEED_FARM_ID_BYTES - 1 ||
	    strspn(text, "0123456789abcdef") != SEED_FARM_ID_BYTES - 1)
		return false;
	memcpy(id, text, SEED_FARM_ID_BYTES);
	return true;
}

static bool has_user(const struct seed_spent *spent, size_t count, int64_t uid)
{
	for (size_t i = 0; i < count; i++)
		if (spent->users[i].uid == uid)
			return true;
	return false;
}

static bool get_users(const cJSON *array, struct seed_spent *spent)
{
	size_t count = 0;
	const cJSON *object;

	if (!cJSON_IsArray(array))
		return false;
	cJSON_ArrayForEach(object, array) {
		int64_t uid, submissions;
		size_t at;

		if (!get_integer(object, "uid", -1, UINT32_MAX, &uid) ||
		    !get_integer(object, "count", 1, COUNT_MAX, &submissions))
			return false;
		/* The last place is for those who have no other. */
		at = uid < 0 ? SEED_SPENT_USERS - 1 : count++;
		if (spent->users[at].count || (uid >= 0 && (at == SEED_SPENT_USERS - 1 || has_user(spent, at, uid))))
			return false;
		spent->users[at].uid = uid;
		spent->users[at].count = submissions;
	}
	return true;
}

static bool get_spent(const cJSON *object, struct seed_spent *spent)
{
	spent->cost = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, "cost"));
	return spent->cost >= 0 && spent->cost <= COST_MAX &&
	       get_integer(object, "day", 0, DAYS_MAX, &spent->day) &&
	       get_integer(object, "count", 0, COUNT_MAX, &spent->count) &&
	       get_users(cJSON_GetObjectItemCaseSensitive(object, "users"), spent);
}

static bool get_hold(const cJSON *object, struct seed_farm *farm)
{
	const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "code"));
	const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "message"));
	struct seed_error error = { .code = 0 };
	int64_t until_ms;

	if (!object)
		return true;
	if (!code || !message || !seed_error_code(code) ||
	    !get_integer(object, "until", 1, SECONDS_MAX * 1000, &until_ms))
		return false;
	/* One line, whoever wrote it. */
	(void)seed_error_set(&error, seed_error_code(code), "%s", message);
	set_hold(farm, until_ms, &error);
	return true;
}

static bool get_hosts(const cJSON *array, struct seed_farm *farm)
{
	const cJSON *object;

	if (!cJSON_IsArray(array))
		return false;
	cJSON_ArrayForEach(object, array) {
		struct seed_farm_host *host = &farm->hosts[farm->host_count];

		if (farm->host_count == SEED_FARM_HOSTS_MAX || !get_id(object, "id", host->id) ||
		    seed_farm_find(farm, host->id) || !get_id(object, "mark", host->mark) ||
		    !get_integer(object, "until", 0, SECONDS_MAX, &host->until_s) ||
		    !get_integer(object, "served", 0, SECONDS_MAX, &host->served_s) ||
		    !get_jobs(object, "wants", &host->wants) || !get_jobs(object, "slots", &host->slots))
			return false;
		farm->host_count++;
	}
	return true;
}

static bool get_farm(const cJSON *object, struct seed_farm *farm)
{
	int64_t serial;

	if (!cJSON_IsObject(object) || !get_integer(object, "serial", 1, COUNT_MAX, &serial))
		return false;
	farm->serial = (uint64_t)serial;
	return get_spent(object, &farm->spent) &&
	       get_hold(cJSON_GetObjectItemCaseSensitive(object, "hold"), farm) &&
	       get_hosts(cJSON_GetObjectItemCaseSensitive(object, "hosts"), farm);
}

errint_t seed_farm_parse(const char *json, size_t len, struct seed_farm *farm)
{
	cJSON *object;
	char *text;
	bool ok;

	seed_farm_init(farm);
	if (len > SEED_FARM_MAX_BYTES || memchr(json, '\0', len))
		return -EBADMSG;
	/* NUL-terminated, because cJSON may read one byte too far (CVE-2023-53154). */
	text = strndup(json, len);
	if (!text)
		return -ENOMEM;
	object = cJSON_ParseWithOpts(text, NULL, true);
	ok = get_farm(object, farm);
	cJSON_Delete(object);
	free(text);
	if (!ok)
		seed_farm_init(farm);
	return ok ? 0 : -EBADMSG;
}
