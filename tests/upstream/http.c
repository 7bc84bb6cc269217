/* A request from its first byte to its answer. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"
#include "tests/upstream/server.h"

/* No request of an image service comes near this. */
#define BODY_MAX_BYTES ((size_t)8 * 1024 * 1024)

#define THEIRS(name) name##_routes,
static const struct route *const dialects[] = { ALL_ROUTES(THEIRS) };

static void answer_nothing(struct request *request, struct reply *reply)
{
	reply_text(reply, 404, "text/plain", xprintf("no such path: %s\n", request->path));
}

static const struct route unknown = { .path = "", .on = "other", .answer = answer_nothing };

static bool route_matches(const struct route *route, const char *method, const char *path)
{
	size_t len = strlen(route->path), path_len = strlen(path);
	size_t end = route->suffix ? strlen(route->suffix) : 0;

	if (strcmp(method, route->method) != 0 || strncmp(path, route->path, len) != 0)
		return false;
	if (!route->prefix)
		return !path[len];
	return path_len >= len + end &&
	       (!end || !strcmp(path + path_len - end, route->suffix));
}

static const struct route *find_route(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		for (const struct route *route = dialects[i]; route->path; route++)
			if (route_matches(route, method, path))
				return route;
	}
	return &unknown;
}

int http_socket(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

const char *request_query(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static bool client_gone(const struct request *request)
{
	struct pollfd entry = { .fd = http_socket(request->connection), .events = POLLRDHUP };

	return poll(&entry, 1, 0) > 0 && entry.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

bool request_pause(const struct request *request, long ms)
{
	int64_t end = now_ms() + ms;
	bool here = true;

	server_lock();
	while (here && now_ms() < end) {
		int64_t left = end - now_ms();

		server_wait(left > 20 ? 20 : (int)left);
		here = !server_stopping() && !client_gone(request);
	}
	server_unlock();
	return here;
}

bool request_hold(struct request *request)
{
	bool here = true, released;

	journal_add("held", request);
	server_lock();
	while (!(released = fault_released(request->prompt)) && here) {
		server_wait(20);
		here = !server_stopping() && !client_gone(request);
	}
	server_unlock();
	return released;
}

static void read_key(struct request *request)
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_AUTHORIZATION);
	const struct dialect *dialect = request->route->dialect;
	const char *scheme = dialect ? dialect->scheme : "Bearer";
	const char *space = value ? strchr(value, ' ') : NULL;

	if (!value)
		return;
	request->key = xstrdup(space ? space + 1 : value);
	request->auth = space && scheme && strlen(scheme) == (size_t)(space - value) &&
			!strncmp(value, scheme, strlen(scheme)) &&
			!strncmp(request->key, "test-", 5) ? AUTH_OK : AUTH_BAD;
}

static struct request *request_new(struct MHD_Connection *connection, const char *method,
				   const char *path)
{
	struct request *request = xalloc(sizeof(*request));
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_HOST);

	request->connection = connection;
	request->method = xstrdup(method);
	request->path = xstrdup(path);
	request->route = find_route(method, path);
	request->body = xstrdup("");
	request->prompt = xstrdup("");
	request->base = xprintf("http://%s", host ? host : "127.0.0.1");
	read_key(request);
	return request;
}

static void request_free(struct request *request)
{
	cJSON_Delete(request->json);
	cJSON_Delete(request->fault);
	free(request->method);
	free(request->path);
	free(request->body);
	free(request->prompt);
	free(request->base);
	free(request->key);
	free(request->task);
	free(request);
}

static void add_body(struct request *request, const char *data, size_t len)
{
	if (request->body_len + len > BODY_MAX_BYTES) {
		request->complained = true;
		return;
	}
	if (request->body_len + len + 1 > request->body_size) {
		char *grown;

		request->body_size = (request->body_len + len + 1) * 2;
		grown = xalloc(request->body_size);
		memcpy(grown, request->body, request->body_len);
		free(request->body);
		request->body = grown;
	}
	memcpy(request->body + request->body_len, data, len);
	request->body_len += len;
	request->body[request->body_len] = '\0';
}

/* A refusal in the words of the service that was asked. */
static void refuse(struct request *request, struct reply *reply, unsigned int status)
{
	const cJSON *fault = request->fault;
	const struct dialect *dialect = request->route->dialect;
	const char *msg = fault_text(fault, "msg");
	char *shown = fault_expand(msg ? msg : "as the rule says", request->key, request->base);
	cJSON *json;

	if (dialect) {
		dialect->refuse(reply, status, fault_text(fault, "code"), shown);
	} else {
		json = cJSON_CreateObject();
		cJSON_AddNumberToObject(json, "code", (double)fault_number(fault, "code", status));
		cJSON_AddStringToObject(json, "msg", shown);
		cJSON_AddNullToObject(json, "data");
		reply_json(reply, status, json);
	}
	free(shown);
}

/* The answer that a rule dictates. False: it dictates none. */
static bool answer_by_rule(struct request *request, struct reply *reply)
{
	const cJSON *fault = request->fault;
	unsigned int status = (unsigned int)fault_number(fault, "status", 200);
	const char *text = fault_text(fault, "body"), *type = fault_text(fault, "type");

	if (fault_is(fault, "redirect")) {
		reply_text(reply, 302, "text/plain", xstrdup("elsewhere\n"));
		reply->location = fault_expand(fault_text(fault, "redirect"), request->key,
					       request->base);
		return true;
	}
	if (text) {
		reply_text(reply, status, type ? type : "application/json",
			   fault_expand(text, request->key, request->base));
		return true;
	}
	if (!fault_is(fault, "status") && !fault_is(fault, "code"))
		return false;
	refuse(request, reply, status);
	return true;
}

static void refuse_key(const struct dialect *dialect, struct reply *reply)
{
	cJSON *json;

	if (dialect) {
		dialect->refuse(reply, 401, NULL, "the key is not known here");
		return;
	}
	json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "code", 401);
	cJSON_AddStringToObject(json, "msg", "You do not have access permissions");
	reply_json(reply, config.auth_by_status ? 401 : 200, json);
}

/* What a rule wants before anything is answered; false: close. */
static bool pass_gates(struct request *request)
{
	const cJSON *fault = request->fault;
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (fault_is(fault, "delay_ms") &&
	    !request_pause(request, fault_number(fault, "delay_ms", 0)))
		return false;
	if (fault_is(fault, "reset")) {
		/* Dissolving a connection is what makes Linux send RST. */
		connect(http_socket(request->connection), &nowhere, sizeof(nowhere));
		return false;
	}
	if (fault_is(fault, "close"))
		return false;
	if (fault_is(fault, "hang")) {
		request_hold(request);
		return false;
	}
	return !fault_is(fault, "hold") || request_hold(request);
}

static enum MHD_Result answer(struct request *request)
{
	const struct route *route = request->route;
	struct reply reply = { .status = 200 };

	request->json = cJSON_ParseWithLength(request->body, request->body_len);
	if (route->identify)
		route->identify(request);
	if (route->on) {
		journal_add(route->on, request);
		request->fault = fault_find(route->on, request->prompt);
		reply.close = !pass_gates(request);
	}
	if (reply.close)
		;
	else if (request->complained)
		reply_text(&reply, 413, "text/plain", xstrdup("too large\n"));
	else if (!answer_by_rule(request, &reply)) {
		if (route->needs_key && request->auth != AUTH_OK)
			refuse_key(route->dialect, &reply);
		else
			route->answer(request, &reply);
	}
	if (fault_is(request->fault, "lost"))
		reply.close = true;
	if (route->on)
		journal_answer(request, &reply);
	return send_reply(request, &reply);
}

enum MHD_Result http_handle(void *context, struct MHD_Connection *connection, const char *url,
			    const char *method, const char *version, const char *upload,
			    size_t *upload_len, void **state)
{
	struct request *request = *state;

	(void)context;
	(void)version;
	if (!request) {
		*state = request_new(connection, method, url);
		return MHD_YES;
	}
	if (*upload_len) {
		add_body(request, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	return answer(request);
}

void http_completed(void *context, struct MHD_Connection *connection, void **state,
		    enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	if (*state)
		request_free(*state);
	*state = NULL;
}
