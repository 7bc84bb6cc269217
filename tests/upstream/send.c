/* Answers, whole or spoiled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/server.h"

void reply_text(struct reply *reply, unsigned int status, const char *type, char *data)
{
	reply->status = status;
	snprintf(reply->type, sizeof(reply->type), "%s", type);
	reply->data = data;
	reply->len = strlen(data);
}

void reply_json(struct reply *reply, unsigned int status, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	cJSON_Delete(json);
	reply_text(reply, status, "application/json", text ? text : xstrdup("{}"));
}

/* A body that is handed out in pieces. Owned by the response. */
struct body {
	char *data;
	size_t len;
	size_t stop_at;    /* the connection is closed here; SIZE_MAX: never */
	bool endless;
	size_t drip_bytes; /* 0: as fast as it goes */
	long drip_ms;
};

static ssize_t body_read(void *context, uint64_t position, char *out, size_t max)
{
	struct body *body = context;
	size_t at = (size_t)position, n = max;

	if (at >= body->stop_at || server_stopping())
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n > body->stop_at - at)
		n = body->stop_at - at;
	if (body->drip_bytes) {
		struct timespec pause = { body->drip_ms / 1000, body->drip_ms % 1000 * 1000000 };

		if (at)
			nanosleep(&pause, NULL);
		if (n > body->drip_bytes)
			n = body->drip_bytes;
	}
	if (at < body->len) {
		if (n > body->len - at)
			n = body->len - at;
		memcpy(out, body->data + at, n);
	} else if (body->endless) {
		for (size_t i = 0; i < n; i++)
			out[i] = (char)((at + i) * 2654435761U >> 13);
	} else {
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	return (ssize_t)n;
}

static void body_free(void *context)
{
	struct body *body = context;

	free(body->data);
	free(body);
}

/* Takes the reply's data. */
static struct MHD_Response *make_response(const cJSON *fault, struct reply *reply)
{
	const cJSON *drip = fault ? cJSON_GetObjectItemCaseSensitive(fault, "drip") : NULL;
	struct MHD_Response *response;
	struct body *body;
	char *data = reply->data;

	reply->data = NULL;
	if (!drip && !reply->endless && !fault_is(fault, "cut"))
		return MHD_create_response_from_buffer(reply->len, data, MHD_RESPMEM_MUST_FREE);
	body = xalloc(sizeof(*body));
	body->data = data;
	body->len = reply->len;
	body->endless = reply->endless;
	body->stop_at = (size_t)fault_number(fault, "cut", -1);
	if (drip) {
		body->drip_bytes = (size_t)fault_number(drip, "bytes", 1);
		body->drip_ms = fault_number(drip, "ms", 100);
	}
	response = MHD_create_response_from_callback(
		reply->endless ? MHD_SIZE_UNKNOWN : reply->len, 64 * 1024, body_read, body,
		body_free);
	if (!response)
		body_free(body);
	return response;
}

/* libmicrohttpd would not let us lie about the length: by hand, then. */
static void send_by_hand(struct request *request, const struct reply *reply)
{
	int fd = http_socket(request->connection);
	char *head = xprintf("HTTP/1.1 %u as the rule says\r\nContent-Type: %s\r\n"
			     "Content-Length: %ld\r\nConnection: close\r\n\r\n",
			     reply->status, reply->type,
			     fault_number(request->fault, "length", 0));
	size_t sent = 0;

	send(fd, head, strlen(head), MSG_NOSIGNAL | MSG_MORE);
	while (sent < reply->len) {
		ssize_t n = send(fd, reply->data + sent, reply->len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	free(head);
}

static enum MHD_Result send_response(struct request *request, struct reply *reply)
{
	const char *after = fault_text(request->fault, "retry_after");
	struct MHD_Response *response;
	enum MHD_Result result;

	response = make_response(request->fault, reply);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	if (after)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, after);
	if (reply->header)
		MHD_add_response_header(response, reply->header, reply->header_value);
	if (reply->location)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, reply->location);
	result = MHD_queue_response(request->connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result send_reply(struct request *request, struct reply *reply)
{
	enum MHD_Result result = MHD_NO;

	if (reply->close)
		;
	else if (fault_is(request->fault, "length"))
		send_by_hand(request, reply);
	else
		result = send_response(request, reply);
	free(reply->data);
	free(reply->location);
	free(reply->header_value);
	return result;
}
