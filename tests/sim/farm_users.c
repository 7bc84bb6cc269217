/* What users do on the hosts of a farm, and how they are answered. */
#include "tests/sim/farm.h"

#include <stdio.h>

static struct waiter {
	struct seed_wait wait;
	bool answered, must_succeed, picture;
	int host, text;             /* text of a commit; -1 */
	int from;                   /* of a rename; -1 */
	int64_t since_ms;
	const char *what;
	char *report;
} waiters[FARM_WAITS_MAX];
static int waiter_count;
static int newest[NAMES];           /* text; -1: none */

/* ---- users ---- */

/* Another one of the same name finds nothing any more. */
static void check_rename(const struct waiter *waiter, int code)
{
	int64_t left_ms = farm_take_left_ms(waiter->host, waiter->from, code == 0);

	if (code == ENOENT && left_ms > waiter->since_ms)
		broken("host %d has renamed %s, and says ENOENT", waiter->host, name_of(waiter->from));
	if (!code && farm_last_left_ms(waiter->from) < waiter->since_ms)
		broken("host %d says that it has renamed %s, which stands", waiter->host, name_of(waiter->from));
}

static void answered(struct seed_wait *wait, int code)
{
	struct waiter *waiter = (struct waiter *)(void *)wait;

	if (is_dead())
		return;
	if (waiter->answered)
		broken("%s was answered twice", waiter->what);
	waiter->answered = true;
	trace("user: %s T%d: %s", waiter->what, waiter->text, code ? strerror(code) : "ok");
	if (waiter->must_succeed && code)
		broken("host %d, %s T%d: %s, and the adversary is kind", waiter->host, waiter->what,
		       waiter->text, strerror(code));
	if (waiter->from >= 0)
		check_rename(waiter, code);
	if (farm.waits && waiter->text >= 0 && (code == EHOSTUNREACH || code == ETIMEDOUT) &&
	    !farm_begun(waiter->text))
		broken("host %d: %s T%d did not wait for the store: %s", waiter->host, waiter->what, waiter->text,
		       strerror(code));
	if (code == 0 && waiter->text >= 0)
		texts[waiter->text].closed_well = true;
}

static struct seed_wait *wait_new(int host, const char *what, int text)
{
	struct waiter *waiter;

	if (waiter_count == FARM_WAITS_MAX)
		return NULL;
	waiter = &waiters[waiter_count++];
	*waiter = (struct waiter){ .host = host, .what = what, .text = text, .from = -1, .since_ms = now_ms() };
	waiter->wait.done = answered;
	waiter->wait.engine = members[host].engine;
	return &waiter->wait;
}

void farm_commit(int host, int name, bool same)
{
	struct seed_ticket *ticket = seed_ticket_new();
	struct seed_wait *wait;
	char *text = NULL;
	int number = same && newest[name] >= 0 ? newest[name] : text_count;

	be(host);
	if (number == TEXTS_MAX || !(wait = wait_new(host, "commit", number))) {
		seed_ticket_unref(ticket);
		return;
	}
	if (number == text_count)
		texts[text_count++] = (struct text){ .commits = 0 };
	texts[number].commits++;
	((struct waiter *)(void *)wait)->must_succeed = world_is_kind();
	newest[name] = number;
	trace("user: commit T%d to %s", number, name_of(name));
	wait->until_begun = !world_is_kind() && chance(5);
	if (wait->until_begun) /* 0 says nothing of an image */
		((struct waiter *)(void *)wait)->text = -1;
	if (asprintf(&text, "T%d", number) < 0 ||
	    seed_engine_commit(members[host].engine, name_of(name), text, ticket, wait))
		abort();
	if (chance(30) && (wait = wait_new(host, "fsync", -1)) != NULL &&
	    seed_engine_wait_ticket(members[host].engine, ticket, wait))
		abort();
	seed_ticket_unref(ticket);
}

static void callback(int host, int name)
{
	struct seed_wait *wait;
	char *body = NULL;
	int picture = chance(60) ? service_foreign_picture() : -1, n;

	if (text_count == TEXTS_MAX || !(wait = wait_new(host, "callback", -1)))
		return;
	texts[text_count] = (struct text){ .commits = 1 };
	newest[name] = -1;
	farm_moves(name);
	trace("user: callback T%d to %s, picture %d", text_count, name_of(name), picture);
	if (picture >= 0)
		n = asprintf(&body, "{\"prompt\":\"T%d\",\"image_url\":\"http://sim.test/image/%d\"}",
			     text_count++, picture);
	else
		n = asprintf(&body, "{\"prompt\":\"T%d\"}", text_count++);
	if (n < 0 || seed_engine_callback(members[host].engine, name_of(name), body, NULL, wait))
		abort();
}

static void remove_prompt(int host, int name)
{
	struct seed_wait *wait = wait_new(host, "rm", -1);

	if (!wait)
		return;
	farm_excuse(name);
	newest[name] = -1;
	trace("user: rm %s", name_of(name));
	if (seed_engine_remove(members[host].engine, name_of(name), wait))
		abort();
}

static void rename_prompt(int host, int from, int to)
{
	struct seed_wait *wait = from == to ? NULL : wait_new(host, "mv", -1);

	if (!wait)
		return;
	newest[from] = newest[to] = -1;
	((struct waiter *)(void *)wait)->from = from;
	farm_moves(from);
	farm_moves(to);
	trace("user: mv %s %s", name_of(from), name_of(to));
	if (seed_engine_rename(members[host].engine, name_of(from), name_of(to), false, wait))
		abort();
}

static void use_version(int host, bool drop)
{
	const struct version *version = NULL;
	struct seed_wait *wait;
	char path[32];
	int at = (int)roll(VERSIONS_MAX), name;

	for (int i = 0; i < VERSIONS_MAX && !version; i++)
		if (versions[(at + i) % VERSIONS_MAX].name >= 0)
			version = &versions[(at + i) % VERSIONS_MAX];
	wait = version ? wait_new(host, drop ? "rm version" : "restore", -1) : NULL;
	if (!wait)
		return;
	name = version->name;
	snprintf(path, sizeof(path), "%s/%04d.png", name_of(name), version->number);
	farm_moves(name);
	if (drop)
		farm_may_drop(name);
	trace("user: %s %s", drop ? "rm" : "restore", path);
	if (drop ? seed_engine_remove_file(members[host].engine, SEED_AREA_HISTORY, path, name_of(name), wait) :
		   seed_engine_restore(members[host].engine, path, name_of(name), wait))
		abort();
}

static void remove_file(int host, int name)
{
	bool image = chance(50);
	struct seed_wait *wait = wait_new(host, image ? "rm image" : "rm record", -1);
	char path[16];

	if (!wait)
		return;
	if (image)
		farm_may_drop(name);
	snprintf(path, sizeof(path), "%s.%s", name_of(name), image ? "png" : "json");
	trace("user: rm %s", path);
	if (seed_engine_remove_file(members[host].engine, image ? SEED_AREA_IMAGES : SEED_AREA_RECORDS, path,
				    name_of(name), wait))
		abort();
}

static void look(int host, int name)
{
	struct seed_engine *engine = members[host].engine;
	unsigned what = roll(4);
	struct seed_wait *wait = wait_new(host, what == 0 ? "open" : what == 1 ? "stat" : what == 2 ? "ls" :
					  "read", -1);
	char path[16];
	errint_t err;

	if (!wait)
		return;
	snprintf(path, sizeof(path), "%s.png", name_of(name));
	switch (what) {
	case 0:
		err = seed_engine_wait_name(engine, name_of(name), wait);
		break;
	case 1:
		err = seed_engine_refresh(engine, name_of(name), wait);
		break;
	case 2:
		err = seed_engine_refresh_folder(engine, "", wait);
		break;
	default:
		err = seed_engine_fetch(engine, SEED_AREA_IMAGES, path, false, wait);
		break;
	}
	if (err)
		abort();
}

static void interrupt(void)
{
	struct waiter *waiter = waiter_count ? &waiters[roll((unsigned)waiter_count)] : NULL;

	if (!waiter || waiter->answered || waiter->wait.engine != members[waiter->host].engine)
		return;
	be(waiter->host);
	waiter->wait.process.tid = 1;
	waiter->text = -1;
	seed_engine_interrupt(&waiter->wait);
}

static void report(int host)
{
	struct seed_wait *wait = wait_new(host, "queue", -1);

	if (wait && seed_engine_report(members[host].engine, SEED_REPORT_QUEUE,
				       &((struct waiter *)(void *)wait)->report, wait))
		abort();
}

/* One that runs: a user of a sleeping host only waits longer. -1: none. */
int some_host(void)
{
	int first = (int)roll((unsigned)farm_hosts);

	for (int i = 0; i < farm_hosts; i++) {
		int host = (first + i) % farm_hosts;

		if (members[host].engine && !members[host].stops)
			return host;
	}
	return -1;
}

void farm_sighup(int host)
{
	be(host);
	if (seed_engine_set_key(members[host].engine, NULL))
		abort();
}

void farm_users_act(void)
{
	int host = some_host(), name = (int)roll(NAMES);
	unsigned what = roll(100);

	if (host < 0)
		return;
	be(host);
	if (what < 34)
		farm_commit(host, name, false);
	else if (what < 44)
		farm_commit(host, name, true);
	else if (what < 54)
		for (unsigned i = 0, n = 2 + roll(2); i < n; i++) {
			int other = some_host();

			if (other >= 0)
				farm_commit(other, name, i > 0);
		}
	else if (what < 60)
		remove_prompt(host, name);
	else if (what < 67)
		rename_prompt(host, name, (int)roll(NAMES));
	else if (what < 71)
		use_version(host, false);
	else if (what < 73)
		use_version(host, true);
	else if (what < 76)
		remove_file(host, name);
	else if (what < 79)
		callback(host, name);
	else if (what < 93)
		look(host, name);
	else if (what < 95)
		report(host);
	else if (what < 97)
		interrupt();
	else
		farm_sighup(host);
}

void farm_look_everywhere(void)
{
	for (int i = 0; i < farm_hosts; i++)
		for (int n = 0; n < NAMES && members[i].engine; n++) {
			struct seed_wait *wait = wait_new(i, "stat", -1);

			be(i);
			if (wait && seed_engine_refresh(members[i].engine, name_of(n), wait))
				abort();
		}
}

/* ---- the end ---- */

void farm_waits_end(const struct member *member)
{
	for (int i = 0; i < waiter_count; i++)
		if (&members[waiters[i].host] == member)
			waiters[i].answered = true;
}

void farm_waits_check(void)
{
	for (int i = 0; i < waiter_count; i++) {
		if (!waiters[i].answered)
			broken("host %d: %s T%d was never answered", waiters[i].host, waiters[i].what,
			       waiters[i].text);
		free(waiters[i].report);
		waiters[i].report = NULL;
	}
}

/* Those who were answered are forgotten. */
void farm_waits_sweep(void)
{
	for (int i = 0; i < waiter_count; i++)
		if (!waiters[i].answered)
			return;
	farm_waits_check();
	waiter_count = 0;
}

void farm_users_begin(void)
{
	waiter_count = text_count = 0;
	for (int i = 0; i < NAMES; i++)
		newest[i] = -1;
}
