/*
 * What tests ask of the service itself:
 *
 *     POST /_faults[?add=1]   set (or add) rules: fault.h
 *     POST /_release[?prompt=] let go what is held
 *     POST /_config           {"duration_ms": N, "image": KIND, "auth": "envelope"|"http",
 *                             "apart": true: pictures are at the image host}
 *     POST /_down[?door=images][&ms=N]
 *                             refuse connections to the API (or the image host)
 *                             and break off those there are, for N ms or until:
 *     POST /_up[?door=images]
 *     POST /_forget           know no task any more, as after a restart
 *     POST /_reset            forget requests and rules (tasks go on)
 *     GET /_log[?on=&prompt=] what was received, JSON lines
 *     GET /_count?on=[&prompt=]
 *     GET /_wait?on=&n=[&prompt=][&timeout_ms=10000]
 *                             the count, once it is n; 408 if it never is
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"
#include "tests/upstream/picture.h"
#include "tests/upstream/server.h"
#include "tests/upstream/task.h"

static long query_number(const struct request *request, const char *name, long otherwise)
{
	const char *value = request_query(request, name);

	return value ? strtol(value, NULL, 10) : otherwise;
}

static void done(struct reply *reply)
{
	reply_text(reply, 200, "text/plain", xstrdup("ok\n"));
}

static void post_faults(struct request *request, struct reply *reply)
{
	char *wrong = fault_set(request->json, request_query(request, "add"));

	if (wrong)
		reply_text(reply, 400, "text/plain", xprintf("%s\n", wrong));
	else
		done(reply);
	free(wrong);
}

static void post_release(struct request *request, struct reply *reply)
{
	const char *prompt = request_query(request, "prompt");

	server_lock();
	fault_release(prompt ? prompt : "");
	server_unlock();
	done(reply);
}

static void set_door(struct request *request, struct reply *reply, bool down, long ms)
{
	const char *door = request_query(request, "door");

	if (listen_down(door ? door : "api", down, ms))
		done(reply);
	else
		reply_text(reply, 400, "text/plain", xstrdup("no such door\n"));
}

static void post_down(struct request *request, struct reply *reply)
{
	set_door(request, reply, true, query_number(request, "ms", 0));
}

static void post_up(struct request *request, struct reply *reply)
{
	set_door(request, reply, false, 0);
}

static void post_config(struct request *request, struct reply *reply)
{
	const char *image = fault_text(request->json, "image");
	const char *auth = fault_text(request->json, "auth");

	if (!cJSON_IsObject(request->json)) {
		reply_text(reply, 400, "text/plain", xstrdup("not an object\n"));
		return;
	}
	server_lock();
	config.duration_ms = fault_number(request->json, "duration_ms", config.duration_ms);
	if (image)
		snprintf(config.image, sizeof(config.image), "%s", image);
	if (auth)
		config.auth_by_status = !strcmp(auth, "http");
	if (fault_is(request->json, "apart"))
		config.apart = true;
	server_unlock();
	done(reply);
}

static void post_reset(struct request *request, struct reply *reply)
{
	(void)request;
	server_lock();
	journal_clear();
	fault_clear();
	server_changed();
	server_unlock();
	done(reply);
}

static void post_forget(struct request *request, struct reply *reply)
{
	(void)request;
	task_forget();
	done(reply);
}

static void get_log(struct request *request, struct reply *reply)
{
	char *lines;

	server_lock();
	lines = journal_lines(request_query(request, "on"), request_query(request, "prompt"));
	server_unlock();
	reply_text(reply, 200, "application/x-ndjson", lines);
}

static void get_count(struct request *request, struct reply *reply)
{
	size_t count;

	server_lock();
	count = journal_count(request_query(request, "on"), request_query(request, "prompt"));
	server_unlock();
	reply_text(reply, 200, "text/plain", xprintf("%zu\n", count));
}

static void get_wait(struct request *request, struct reply *reply)
{
	const char *on = request_query(request, "on"), *prompt = request_query(request, "prompt");
	int64_t end = now_ms() + query_number(request, "timeout_ms", 10000);
	size_t count, wanted = (size_t)query_number(request, "n", 1);

	server_lock();
	while ((count = journal_count(on, prompt)) < wanted && now_ms() < end &&
	       !server_stopping())
		server_wait(100);
	server_unlock();
	reply_text(reply, count >= wanted ? 200 : 408, "text/plain", xprintf("%zu\n", count));
}

const struct route control_routes[] = {
	{ .method = "POST", .path = "/_faults", .answer = post_faults },
	{ .method = "POST", .path = "/_release", .answer = post_release },
	{ .method = "POST", .path = "/_config", .answer = post_config },
	{ .method = "POST", .path = "/_down", .answer = post_down },
	{ .method = "POST", .path = "/_up", .answer = post_up },
	{ .method = "POST", .path = "/_forget", .answer = post_forget },
	{ .method = "POST", .path = "/_reset", .answer = post_reset },
	{ .method = "GET", .path = "/_log", .answer = get_log },
	{ .method = "GET", .path = "/_count", .answer = get_count },
	{ .method = "GET", .path = "/_wait", .answer = get_wait },
	{ 0 },
};
