/* Answers as they come over HTTP: what curl makes of them and what we keep. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/net/net.h"

/* A server of one answer: it reads a request's head, sends `text`, closes. It speaks
 * no TLS and says so at once: a client that waits for it would wait for half a minute. */
struct server {
	pthread_t thread;
	int listener;
	uint16_t port;
	const char *text;
	size_t len;
	char head[4096]; /* what it read; after stop() */
	size_t head_len;
	size_t first; /* so many bytes, and the rest after go(); 0: all at once */
	int go[2];
};

enum { TLS_HANDSHAKE = 0x16 }; /* RFC 8446, section 5.1: the first byte */

static void read_head(struct server *server, int fd)
{
	char *text = server->head;
	size_t *len = &server->head_len;

	*len = 0;
	while (*len < sizeof(server->head) - 1) {
		ssize_t n = read(fd, text + *len, sizeof(server->head) - 1 - *len);

		if (n <= 0)
			return;
		*len += (size_t)n;
		text[*len] = 0;
		if (strstr(text, "\r\n\r\n") || text[0] == TLS_HANDSHAKE)
			return;
	}
}

static void *serve(void *argument)
{
	struct server *server = argument;
	int fd = accept(server->listener, NULL, NULL);

	if (fd >= 0) {
		size_t first = server->first ? server->first : server->len;
		char byte;

		read_head(server, fd);
		(void)!write(fd, server->text, first);
		if (first < server->len && read(server->go[0], &byte, 1) >= 0)
			(void)!write(fd, server->text + first, server->len - first);
		close(fd);
	}
	return NULL;
}

static void start_slow(struct server *server, const char *text, size_t len, size_t first)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	server->text = text;
	server->len = len;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	server->first = first;
	assert_int_equal(pipe2(server->go, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void start(struct server *server, const char *text, size_t len)
{
	start_slow(server, text, len, 0);
}

static void go(struct server *server)
{
	assert_int_equal(write(server->go[1], "", 1), 1);
}

static void stop(struct server *server)
{
	close(server->go[1]); /* whoever waits for it goes on, too */
	pthread_join(server->thread, NULL);
	close(server->go[0]);
	close(server->listener);
}

struct told {
	bool done;
	struct seed_error error;
	long status;
	int64_t retry_after_ms;
	char body[256];
	char redirect[256];
};

static void on_answer(void *context, struct seed_net_answer *answer)
{
	struct told *told = context;

	told->done = true;
	told->error = answer->error;
	told->status = answer->status;
	told->retry_after_ms = answer->retry_after_ms;
	snprintf(told->body, sizeof(told->body), "%s", answer->body ? answer->body : "");
	snprintf(told->redirect, sizeof(told->redirect), "%s",
		 answer->redirect ? answer->redirect : "");
}

static void until_done(struct seed_net *net, const struct told *told)
{
	for (seed_net_turn(net); !told->done; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 1000);
}

/* Sends it to the server, which has been started, and waits for the end of both. */
static struct told exchange(struct server *server, const struct seed_net_request *request)
{
	struct told told = { .done = false };
	struct seed_transfer *transfer;
	struct seed_net *net;

	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	assert_int_equal(seed_net_send(net, request, on_answer, &told, &transfer), 0);
	until_done(net, &told);
	stop(server);
	seed_net_free(net);
	return told;
}

static struct told ask_bytes(const char *method, const char *text, size_t len)
{
	struct server server;
	char url[64];
	struct seed_net_request request = {
		.method = method,
		.url = url,
		.authorization = "Bearer sk-secret-1",
		.body = strcmp(method, "POST") == 0 ? "{}" : NULL,
		.deadline_ms = seed_clock_now_ms() + 60000,
		.limit_bytes = 4096,
	};

	start(&server, text, len);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/a/b?c=d", server.port);
	return exchange(&server, &request);
}

static struct told ask(const char *method, const char *text)
{
	return ask_bytes(method, text, strlen(text));
}

/* A request to `url`, behind which the port of a server stands that answers 200.
 * That server is also what $PROXY_HERE names, if set: "http_proxy", … */
static struct told ask_at(const char *url, bool guarded, bool *private_peer)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	const char *proxy = getenv("PROXY_HERE");
	struct told told = { .done = false };
	struct seed_transfer *transfer;
	struct server server;
	struct seed_net *net;
	char whole[128];
	const struct seed_net_request request = {
		.method = "GET", .url = whole, .guarded = guarded, .private_peer = private_peer,
		.deadline_ms = seed_clock_now_ms() + 60000, .limit_bytes = 4096,
	};

	start(&server, text, strlen(text));
	if (proxy) {
		snprintf(whole, sizeof(whole), "http://127.0.0.1:%u", server.port);
		setenv(proxy, whole, 1);
	}
	snprintf(whole, sizeof(whole), "%s%u", url, server.port);
	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	assert_int_equal(seed_net_send(net, &request, on_answer, &told, &transfer), 0);
	until_done(net, &told);
	shutdown(server.listener, SHUT_RDWR); /* where nobody came */
	stop(&server);
	seed_net_free(net);
	return told;
}

static void clear_proxies(void)
{
	static const char *const names[] = {
		"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
		"no_proxy", "NO_PROXY", "PROXY_HERE",
	};

	for (size_t i = 0; i < SEED_ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

/* What is connected to directly is judged, whatever others go through. */
static void guards_what_has_no_proxy(void **state)
{
	static const struct {
		const char *variable, *value, *exempt, *url;
		int code; /* 0: fetched */
	} cases[] = {
		{ "https_proxy", "http://127.0.0.1:9", NULL, "http://localhost:", EPERM },
		{ "HTTP_PROXY", "http://127.0.0.1:9", NULL, "http://localhost:", EPERM },
		{ "http_proxy", "http://127.0.0.1:9", "localhost", "http://localhost:", EPERM },
		{ "PROXY_HERE", "http_proxy", "localhost", "http://localhost:", EPERM },
		{ "PROXY_HERE", "http_proxy", "*", "http://127.0.0.1:", EPERM },
		{ "PROXY_HERE", "http_proxy", NULL, "http://127.0.0.1:", EPERM },
		{ "PROXY_HERE", "http_proxy", NULL, "http://169.254.169.254/latest?", EPERM },
		{ "PROXY_HERE", "http_proxy", "other.test", "http://name.test/", 0 },
		{ "PROXY_HERE", "all_proxy", NULL, "http://name.test/", 0 },
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct told told;

		clear_proxies();
		setenv(cases[i].variable, cases[i].value, 1);
		if (cases[i].exempt)
			setenv("no_proxy", cases[i].exempt, 1);
		told = ask_at(cases[i].url, true, NULL);
		if (told.error.code != cases[i].code)
			fail_msg("%zu: %d %s", i, told.error.code, told.error.message);
		if (!cases[i].code)
			assert_string_equal(told.body, "ok");
	}
	clear_proxies();
}

/* A name server's word does not make a service private, nor does a proxy's address. */
static void believes_a_peer_that_proved_itself(void **state)
{
	bool private_peer = false;
	struct told told;

	SEED_UNUSED(state);
	clear_proxies();
	told = ask_at("https://localhost:", false, &private_peer);
	assert_int_not_equal(told.error.code, 0);
	assert_false(private_peer);
	setenv("PROXY_HERE", "http_proxy", 1);
	told = ask_at("http://name.test/", false, &private_peer);
	assert_string_equal(told.body, "ok");
	assert_false(private_peer);
	clear_proxies();
	told = ask_at("http://localhost:", false, &private_peer);
	assert_string_equal(told.body, "ok");
	assert_true(private_peer);
}

/* What a client of TLS offers to speak stands in its first message (RFC 7301, section 3.1). */
static bool offers_http2(const char *method, bool alone)
{
	static const char refusal[] = "no TLS here\r\n";
	struct server server;
	struct told told;
	char url[64];
	const struct seed_net_request request = {
		.method = method, .url = url, .alone = alone,
		.body = strcmp(method, "POST") == 0 ? "{}" : NULL,
		.deadline_ms = seed_clock_now_ms() + 60000, .limit_bytes = 4096,
	};

	start(&server, refusal, strlen(refusal));
	snprintf(url, sizeof(url), "https://localhost:%u/", server.port);
	told = exchange(&server, &request);
	assert_int_not_equal(told.error.code, 0);
	assert_int_equal(server.head[0], TLS_HANDSHAKE);
	assert_non_null(memmem(server.head, server.head_len, "\x08http/1.1", 9));
	return memmem(server.head, server.head_len, "\x02h2", 3);
}

/* Over HTTP/2 curl sends by itself what was lost with a shared connection. A poll that may have it shares
 * a submission's connection, also one of HTTP/1.1. */
static void never_offers_http2(void **state)
{
	SEED_UNUSED(state);
	clear_proxies();
	assert_false(offers_http2("GET", false));
	assert_false(offers_http2("GET", true));
	assert_false(offers_http2("POST", false));
	assert_false(offers_http2("PUT", false));
}

static void ends_what_stands_still(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	int64_t start_ms = seed_clock_now_ms();
	struct server server;
	struct told told;
	char url[64];
	const struct seed_net_request request = {
		.method = "GET", .url = url, .stall_s = 2, .deadline_ms = start_ms + 60000, .limit_bytes = 4096,
	};

	SEED_UNUSED(state);
	start_slow(&server, text, strlen(text), strlen(text) - 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
	told = exchange(&server, &request);
	assert_int_equal(told.error.code, ETIMEDOUT);
	assert_in_range(seed_clock_now_ms() - start_ms, 2000, 30000);
}

static const struct {
	const char *header;
	int64_t ms;
} waits[] = {
	{ "", -1 },
	{ "Retry-After: 0\r\n", 0 },
	{ "Retry-After: 2\r\n", 2000 },
	{ "Retry-After: 86400\r\n", 86400000 },
	{ "Retry-After: 999999999999\r\n", SEED_RETRY_AFTER_MAX_SECONDS * INT64_C(1000) },
	{ "Retry-After: 9223372036854775807\r\n", SEED_RETRY_AFTER_MAX_SECONDS * INT64_C(1000) },
	{ "Retry-After: 99999999999999999999999\r\n", 0 },
	{ "Retry-After: -5\r\n", 0 },
	{ "Retry-After: soon\r\n", 0 },
	{ "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 0 },
};

static void bounds_retry_after(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(waits); i++) {
		char text[256];
		struct told told;

		snprintf(text, sizeof(text), "HTTP/1.1 429 Slow down\r\n%sContent-Length: 0\r\n\r\n",
			 waits[i].header);
		told = ask("POST", text);
		assert_int_equal(told.error.code, 0);
		assert_int_equal(told.status, 429);
		if (told.retry_after_ms != waits[i].ms)
			fail_msg("%s: %lld ms", waits[i].header, (long long)told.retry_after_ms);
	}
}

struct kept {
	bool done;
	struct seed_net_answer answer;
};

static void keep_answer(void *context, struct seed_net_answer *answer)
{
	struct kept *one = context;

	answer->keep = !answer->error.code;
	one->answer = *answer;
	one->done = true;
}

/* Whatever becomes of the answer: the key that it repeats is not in it. */
static void takes_the_key_out(void **state)
{
	struct told told;

	SEED_UNUSED(state);
	told = ask("POST", "HTTP/1.1 401 No\r\nContent-Length: 25\r\n\r\nno sk-secret-1 sk-secret-2");
	assert_int_equal(told.status, 401);
	assert_string_equal(told.body, "no *********** sk-secret-");
}

/* Also out of what answers a request without the key: a service names URLs on other hosts, too. */
static void takes_the_key_out_of_others(void **state)
{
	static const char text[] = "HTTP/1.1 308 Moved\r\nLocation: https://new.test/file-secret-1/x\r\n"
				   "Content-Length: 18\r\n\r\nno file-secret-1 x";
	const char *const variables[] = { "UNIT_KEY", NULL };
	struct told told = { .done = false };
	struct seed_transfer *transfer;
	struct seed_error error;
	struct server server;
	struct seed_key *key;
	struct seed_net *net;
	char url[64];
	struct seed_net_request request = {
		.method = "GET", .url = url, .deadline_ms = seed_clock_now_ms() + 60000, .limit_bytes = 4096,
	};

	SEED_UNUSED(state);
	setenv("UNIT_KEY", "file-secret-1", 1);
	assert_int_equal(seed_key_load(NULL, variables, &key, &error), 0);
	seed_key_take_header(key, strdup("Bearer file-secret-1"));
	start(&server, text, strlen(text));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	seed_net_hide(net, key);
	assert_int_equal(seed_net_send(net, &request, on_answer, &told, &transfer), 0);
	until_done(net, &told);
	stop(&server);
	seed_net_free(net);
	assert_string_equal(told.body, "no ************* x");
	assert_string_equal(told.redirect, "https://new.test/*************/x");
}

static struct seed_key *key_of(const char *text, const char *header)
{
	const char *const variables[] = { "UNIT_KEY", NULL };
	struct seed_error error;
	struct seed_key *key;

	setenv("UNIT_KEY", text, 1);
	assert_int_equal(seed_key_load(NULL, variables, &key, &error), 0);
	seed_key_take_header(key, strdup(header));
	return key;
}

/* The key, the last four that it replaced, and what Basic's stands for. */
static void takes_all_keys_out_of_a_text(void **state)
{
	static const struct {
		const char *text, *scrubbed;
	} cases[] = {
		{ "at secret-5 and secret-2", "at ******** and ********" },
		{ "secret-1 is forgotten", "secret-1 is forgotten" },
		{ "user:p%61ssword, password, dXNlcjpwYXNzd29yZA==", "***************, ********, ********************" },
		{ "cut off at secret", "cut off at ******" },
		{ "http://user:pw@h.test/x?sig=1 y", "http://*******@h.test/x****** y" },
	};
	struct seed_net *net;

	SEED_UNUSED(state);
	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	for (size_t i = 0; i < 2; i++) { /* first without any key */
		char text[] = "//h.test/x?secret-2 secret-3";

		seed_net_scrub_text(net, text);
		assert_string_equal(text, i ? "//h.test/x********* ********" : "//h.test/x********* secret-3");
		for (int k = 1; !i && k <= 5; k++) {
			char plain[16], header[32];

			snprintf(plain, sizeof(plain), "secret-%d", k);
			snprintf(header, sizeof(header), "Bearer %s", plain);
			seed_net_hide(net, key_of(plain, header));
		}
	}
	seed_net_hide(net, key_of("user:password", "Basic dXNlcjpwYXNzd29yZA=="));
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char text[80];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		seed_net_scrub_text(net, text);
		assert_string_equal(text, cases[i].scrubbed);
	}
	seed_net_free(net);
}

static void takes_the_key_out_of_redirects(void **state)
{
	struct told told;

	SEED_UNUSED(state);
	told = ask("POST", "HTTP/1.1 308 Moved\r\nLocation: https://new.test/sk-secret-1/x\r\n"
			   "Content-Length: 0\r\n\r\n");
	assert_string_equal(told.redirect, "https://new.test/***********/x");
}

/* Of a large one, whoever has asked for it, on whichever thread. */
static void leaves_a_large_one_to_be_scrubbed(void **state)
{
	static char text[SEED_ANSWER_SMALL_BYTES + 256];
	const int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
				  SEED_ANSWER_SMALL_BYTES + 12);
	struct kept kept_one = { .done = false };
	struct seed_transfer *transfer;
	struct server server;
	struct seed_net *net;
	char url[64];
	struct seed_net_request request = {
		.method = "GET", .url = url, .authorization = "Bearer sk-secret-1", .scrubs_large = true,
		.deadline_ms = seed_clock_now_ms() + 60000, .limit_bytes = sizeof(text),
	};

	SEED_UNUSED(state);
	memset(text + head, 'x', SEED_ANSWER_SMALL_BYTES + 12);
	memcpy(text + head + 7, "sk-secret-1", 11);
	start(&server, text, (size_t)head + SEED_ANSWER_SMALL_BYTES + 12);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	assert_int_equal(seed_net_send(net, &request, keep_answer, &kept_one, &transfer), 0);
	for (seed_net_turn(net); !kept_one.done; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 1000);
	assert_memory_equal(kept_one.answer.body, "xxxxxxxsk-secret-1xx", 20);
	seed_net_scrub(transfer);
	assert_memory_equal(kept_one.answer.body, "xxxxxxx***********xx", 20);
	seed_net_cancel(net, transfer);
	stop(&server);
	seed_net_free(net);
}

static void hands_redirects_back(void **state)
{
	struct told told;

	SEED_UNUSED(state);
	told = ask("POST", "HTTP/1.1 308 Moved\r\nLocation: https://new.test/v2/create\r\n"
			   "Content-Length: 0\r\n\r\n");
	assert_int_equal(told.status, 308);
	assert_string_equal(told.redirect, "https://new.test/v2/create");
}

static struct told ask_packed(const unsigned char *packed, size_t len)
{
	char text[1024];
	int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
			    "Content-Length: %zu\r\n\r\n", len);

	assert_true((size_t)head + len < sizeof(text));
	memcpy(text + head, packed, len);
	return ask_bytes("GET", text, (size_t)head + len);
}

static void unpacks_within_the_limit(void **state)
{
	static const unsigned char small[] = { /* {"code":200} */
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0xce, 0x4f,
		0x49, 0x55, 0xb2, 0x32, 0x32, 0x30, 0xa8, 0x05, 0x00, 0x54, 0x03, 0x96, 0xea, 0x0c, 0x00,
		0x00, 0x00,
	};
	static const unsigned char large[] = { /* 100,000 bytes */
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00,
		0x00, 0x00, 0xc2, 0xa0, 0xac, 0xeb, 0x5f, 0xc2, 0x1a, 0x1e, 0x40, 0x01, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0xaf, 0x06, 0x87, 0xfa, 0xe2, 0x1b, 0xa0, 0x86, 0x01, 0x00,
	};
	struct told told;

	SEED_UNUSED(state);
	told = ask_packed(small, sizeof(small));
	assert_int_equal(told.error.code, 0);
	assert_string_equal(told.body, "{\"code\":200}");
	told = ask_packed(large, sizeof(large));
	assert_int_equal(told.error.code, EFBIG);
	told = ask_packed(small, sizeof(small) - 1);
	assert_int_equal(told.error.code, EIO);
	assert_non_null(strstr(told.error.message, "ends before"));
	told = ask_packed(small + 1, sizeof(small) - 1);
	assert_int_equal(told.error.code, EIO);
	assert_non_null(strstr(told.error.message, "cannot be unpacked"));
}

/* An encoding is unpacked once, and only where it was asked for: curl would unpack five, one in the
 * other, and nobody could stop it meanwhile. */
static void refuses_other_encodings(void **state)
{
	static const char *const lines[] = {
		"Content-Encoding: gzip, gzip\r\n", "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n",
		"Content-Encoding: br\r\n", "Content-Encoding: zstd\r\n", "Content-Encoding: identity, gzip\r\n",
		"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip\r\n",
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(lines); i++) {
		struct told told;
		char *text;

		assert_true(asprintf(&text, "HTTP/1.1 200 OK\r\n%s\r\n2\r\nok\r\n0\r\n\r\n", lines[i]) > 0);
		told = ask("GET", text);
		assert_int_equal(told.error.code, EIO);
		assert_non_null(strstr(told.error.message, "encoding that was not asked for"));
		free(text);
	}
	assert_int_equal(ask("GET", "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\nok")
			 .error.code, 0);
	/* curl gives the end of the line for an empty value. */
	assert_int_equal(ask("GET", "HTTP/1.1 200 OK\r\nContent-Encoding:\r\nContent-Length: 2\r\n\r\nok").error.code, 0);
	assert_int_equal(ask("GET", "HTTP/1.1 200 OK\r\nContent-Encoding: \t \r\nContent-Length: 2\r\n\r\nok").error.code, 0);
	/* There is nothing to unpack. */
	assert_int_equal(ask("GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")
			 .error.code, 0);
}

/* curl remembers any number of lines behind a body that comes in chunks. */
static void bounds_heads_and_trailers(void **state)
{
	enum { LINES = 3000 };
	struct seed_buf text;
	struct told told;

	SEED_UNUSED(state);
	for (int behind = 0; behind < 2; behind++) {
		seed_buf_init(&text, 1 << 20);
		assert_int_equal(seed_buf_addf(&text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"), 0);
		if (behind)
			assert_int_equal(seed_buf_addf(&text, "\r\n2\r\nok\r\n0\r\n"), 0);
		for (int i = 0; i < LINES; i++)
			assert_int_equal(seed_buf_addf(&text, "a: b\r\n"), 0);
		if (!behind)
			assert_int_equal(seed_buf_addf(&text, "\r\n2\r\nok\r\n0\r\n"), 0);
		assert_int_equal(seed_buf_addf(&text, "\r\n"), 0);
		told = ask_bytes("GET", text.data, text.len_bytes);
		assert_int_equal(told.error.code, EIO);
		assert_non_null(strstr(told.error.message, "head is too long"));
		seed_buf_release(&text);
	}
}

/* ---- a bound on all answers together ---- */

enum { MANY = 6, LARGE = 1 << 20, MOST = 2 << 20, QUIET_MS = 200, PARTS = 15 /* one is a store's */ };

static struct asked {
	struct seed_transfer *transfer;
} asked[MANY];
static struct asked *kept[MANY];
static int came, whole;

static void count_whole(void *context, struct seed_net_answer *answer)
{
	whole += !answer->error.code && answer->len == LARGE;
	kept[came++] = context;
	answer->keep = true;
}

/* What waits for room waits, but for one; it comes whole once there is some. Room is
 * made when nothing has come for a while, for what is there by then is all that came by
 * itself: several that are half there may be in each other's way. */
static void holds_a_bounded_sum(void **state)
{
	static char text[LARGE + 128];
	struct server servers[MANY];
	struct seed_net *net;
	int64_t quiet_since_ms;
	int head, before, freed = 0;

	SEED_UNUSED(state);
	head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	memset(text + head, 'x', LARGE);
	assert_int_equal(seed_net_new(MOST * PARTS, &net), 0);
	for (int i = 0; i < MANY; i++) {
		char url[64];
		struct seed_net_request request = {
			.kind = SEED_NET_STORE, .method = "GET", .url = url, .limit_bytes = 2 * LARGE,
			.deadline_ms = seed_clock_now_ms() + 60000,
		};

		start(&servers[i], text, (size_t)head + LARGE);
		snprintf(url, sizeof(url), "http://127.0.0.1:%d/", servers[i].port);
		assert_int_equal(seed_net_send(net, &request, count_whole, &asked[i],
					       &asked[i].transfer), 0);
	}
	quiet_since_ms = seed_clock_now_ms();
	while (came < MANY) {
		before = came;
		seed_net_turn(net);
		/* MOST and the one beyond it, of those that are kept. */
		assert_true(came - freed <= MOST / LARGE + 1);
		if (came != before)
			quiet_since_ms = seed_clock_now_ms();
		else if (came - freed > 0 && seed_clock_now_ms() - quiet_since_ms > QUIET_MS)
			for (; freed < came; freed++)
				seed_net_cancel(net, kept[freed]->transfer);
		if (came < MANY)
			seed_net_wait(net, NULL, 0, QUIET_MS);
	}
	assert_int_equal(whole, MANY);
	seed_net_free(net);
	for (int i = 0; i < MANY; i++)
		stop(&servers[i]);
}

/* Whoever fills the room of one kind keeps no other waiting; and whoever waits has its time when it
 * goes on. */
static void keeps_kinds_apart(void **state)
{
	static char text[LARGE + 128];
	struct { struct server server; struct seed_transfer *transfer; struct kept one; } all[3] = { 0 };
	enum { SLOW, WAITS, OTHER };
	const int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	int64_t late_ms = seed_clock_now_ms() + 3000;
	struct seed_net *net;

	SEED_UNUSED(state);
	memset(text + head, 'x', LARGE);
	assert_int_equal(seed_net_new(LARGE, &net), 0);
	for (int i = 0; i <= OTHER; i++) {
		char url[64];
		struct seed_net_request request = {
			.kind = i == OTHER ? SEED_NET_ANSWER : SEED_NET_IMAGE,
			.method = "GET", .url = url, .limit_bytes = 2 * LARGE, .to_memfd = i != OTHER,
			.deadline_ms = seed_clock_now_ms() + (i == WAITS ? 2000 : 60000),
		};

		start_slow(&all[i].server, text, (size_t)head + LARGE, i == SLOW ? (size_t)head + LARGE - 1 : 0);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", all[i].server.port);
		assert_int_equal(seed_net_send(net, &request, keep_answer, &all[i].one, &all[i].transfer), 0);
		for (int64_t until_ms = seed_clock_now_ms() + 500; i != OTHER && seed_clock_now_ms() < until_ms;
		     seed_net_turn(net))
			seed_net_wait(net, NULL, 0, 50);
	}
	for (; !all[OTHER].one.done || seed_clock_now_ms() < late_ms; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 50);
	assert_int_equal(all[OTHER].one.answer.error.code, 0);
	assert_false(all[WAITS].one.done);
	go(&all[SLOW].server);
	for (bool freed = false; !all[WAITS].one.done; seed_net_turn(net)) {
		if (all[SLOW].one.done && !freed)
			seed_net_cancel(net, all[SLOW].transfer);
		freed = all[SLOW].one.done;
		seed_net_wait(net, NULL, 0, 50);
	}
	assert_int_equal(all[WAITS].one.answer.error.code, 0);
	assert_int_equal(lseek(all[WAITS].one.answer.memfd, 0, SEEK_END), LARGE);
	seed_net_free(net);
	for (int i = 0; i <= OTHER; i++)
		stop(&all[i].server);
}

/* Its peer may have given it up: what was paid for must not be asked for as if it had not been. */
static void breaks_off_while_it_waits(void **state)
{
	static char text[LARGE + 128];
	struct { struct server server; struct seed_transfer *transfer; struct kept one; } all[2] = { 0 };
	const int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	struct seed_net *net;

	SEED_UNUSED(state);
	memset(text + head, 'x', LARGE);
	assert_int_equal(seed_net_new(LARGE, &net), 0);
	for (int i = 0; i < 2; i++) {
		char url[64];
		struct seed_net_request request = {
			.method = "GET", .url = url, .limit_bytes = 2 * LARGE,
			.deadline_ms = seed_clock_now_ms() + 60000,
		};

		/* The second one's last bytes never come. */
		start_slow(&all[i].server, text, (size_t)head + LARGE - (size_t)i, i ? 0 : (size_t)head + LARGE - 1);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", all[i].server.port);
		assert_int_equal(seed_net_send(net, &request, keep_answer, &all[i].one, &all[i].transfer), 0);
		for (int64_t until_ms = seed_clock_now_ms() + 500; seed_clock_now_ms() < until_ms;
		     seed_net_turn(net))
			seed_net_wait(net, NULL, 0, 50);
	}
	go(&all[0].server);
	for (bool freed = false; !all[1].one.done; seed_net_turn(net)) {
		if (all[0].one.done && !freed)
			seed_net_cancel(net, all[0].transfer);
		freed = all[0].one.done;
		seed_net_wait(net, NULL, 0, 50);
	}
	assert_int_equal(all[1].one.answer.error.code, EIO);
	assert_true(all[1].one.answer.local);
	assert_non_null(strstr(all[1].one.answer.error.message, "waited for memory here"));
	seed_net_free(net);
	for (int i = 0; i < 2; i++)
		stop(&all[i].server);
}

/* An ordinary answer that had to wait goes on when ordinary ones have ended, though a large one takes all
 * that large ones may have; and a program that ends waits for nothing. */
static void ordinary_ones_wait_for_ordinary_ones(void **state)
{
	static char text[LARGE + 128], half[LARGE / 2 + 128];
	static char large[2 * SEED_ANSWER_ORDINARY_BYTES + 128];
	enum { FULL, SLOW, WAITS, LATER, HUGE_ONE = 2 * SEED_ANSWER_ORDINARY_BYTES };
	struct { struct server server; struct seed_transfer *transfer; struct kept one; } all[4] = { 0 };
	int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	struct seed_net *net;

	SEED_UNUSED(state);
	memset(text + head, 'x', LARGE);
	memset(half, 'x', sizeof(half));
	half[snprintf(half, 128, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE / 2)] = 'x';
	memset(large, 'x', sizeof(large));
	large[snprintf(large, 128, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", HUGE_ONE)] = 'x';
	/* Five parts are 1.25 of LARGE: the rest of the first one's has SLOW, which is beyond its room, too. */
	assert_int_equal(seed_net_new(LARGE / 4 * PARTS, &net), 0);
	for (int i = 0; i < 4; i++) {
		char url[64];
		struct seed_net_request request = {
			.method = "GET", .url = url, .limit_bytes = 2 * HUGE_ONE,
			.deadline_ms = seed_clock_now_ms() + 60000,
		};

		if (i == SLOW)
			start_slow(&all[i].server, large, sizeof(large) - 1, HUGE_ONE);
		else if (i == WAITS)
			start(&all[i].server, half, sizeof(half) - 1);
		else
			start(&all[i].server, text, (size_t)head + LARGE);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", all[i].server.port);
		if (i == LATER) {
			assert_true(seed_net_waits(all[WAITS].transfer));
			seed_net_cancel(net, all[FULL].transfer);
			for (seed_net_turn(net); !all[WAITS].one.done; seed_net_turn(net))
				seed_net_wait(net, NULL, 0, 1000);
		}
		assert_int_equal(seed_net_send(net, &request, keep_answer, &all[i].one, &all[i].transfer), 0);
		for (int64_t until_ms = seed_clock_now_ms() + 500; seed_clock_now_ms() < until_ms; seed_net_turn(net))
			seed_net_wait(net, NULL, 0, 50);
	}
	assert_true(all[FULL].one.done);
	assert_true(seed_net_waits(all[LATER].transfer));
	seed_net_read_all(net);
	for (seed_net_turn(net); !all[LATER].one.done; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 1000);
	assert_false(all[SLOW].one.done);
	seed_net_free(net);
	for (int i = 0; i < 4; i++)
		stop(&all[i].server);
}

/* What is taken out of an answer is counted until it is given back. */
static void take_out(void *context, struct seed_net_answer *answer)
{
	struct seed_transfer **room = context;

	assert_int_equal(answer->error.code, 0);
	assert_int_equal(lseek(answer->memfd, 0, SEEK_END), LARGE);
	close(answer->memfd);
	answer->memfd = -1;
	*room = seed_net_keep_room(answer);
	assert_null(answer->transfer);
}

/* The one that is given back at once. */
static void take_nothing(void *context, struct seed_net_answer *answer)
{
	struct seed_net *net = context;

	came++;
	assert_int_equal(answer->error.code, 0);
	seed_net_cancel(net, seed_net_keep_room(answer));
}

static void keeps_the_room_of_what_was_taken(void **state)
{
	static char text[LARGE + 128];
	const int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	struct server servers[3];
	struct seed_transfer *transfers[3], *rooms[2] = { NULL, NULL };
	int64_t late_ms;
	struct seed_net *net;

	SEED_UNUSED(state);
	came = 0;
	memset(text + head, 'x', LARGE);
	assert_int_equal(seed_net_new(LARGE, &net), 0);
	for (int i = 0; i < 3; i++) {
		char url[64];
		struct seed_net_request request = {
			.kind = SEED_NET_STORED, .method = "GET", .url = url, .limit_bytes = 2 * LARGE,
			.deadline_ms = seed_clock_now_ms() + 60000, .to_memfd = true,
		};

		start(&servers[i], text, (size_t)head + LARGE);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", servers[i].port);
		assert_int_equal(seed_net_send(net, &request, i < 2 ? take_out : take_nothing,
					       i < 2 ? (void *)&rooms[i] : (void *)net, &transfers[i]), 0);
		for (; i == 0 && !rooms[0]; seed_net_turn(net))
			seed_net_wait(net, NULL, 0, 1000);
	}
	late_ms = seed_clock_now_ms() + 500;
	for (; seed_clock_now_ms() < late_ms; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 50);
	assert_null(rooms[1]);
	assert_int_equal(came, 0);
	seed_net_cancel(net, rooms[0]);
	for (bool given = false; !came || !given; seed_net_turn(net)) {
		if (rooms[1] && !given)
			seed_net_cancel(net, rooms[1]);
		given |= rooms[1] != NULL;
		seed_net_wait(net, NULL, 0, 50);
	}
	seed_net_free(net);
	for (int i = 0; i < 3; i++)
		stop(&servers[i]);
}

/* What an API says of a submission is read, and an ordinary answer, though others of its kind fill
 * the room. */
static void has_room_for_what_is_ordinary(void **state)
{
	enum { HUGE_ONE = 2 * SEED_ANSWER_ORDINARY_BYTES, HUGE_ROOM = 5 * PARTS << 20 };
	static char text[HUGE_ONE + 128];
	static char ordinary[LARGE / 8 + 128];
	static const char small[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\":200}";
	const int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", HUGE_ONE);
	struct { struct server server; struct seed_transfer *transfer; struct kept one; } all[4] = { 0 };
	struct seed_net *net;

	SEED_UNUSED(state);
	memset(text + head, 'x', HUGE_ONE);
	memset(ordinary, 'x', sizeof(ordinary) - 1);
	ordinary[snprintf(ordinary, 128, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE / 8)] = 'x';
	assert_int_equal(seed_net_new(HUGE_ROOM, &net), 0);
	for (int i = 0; i < 4; i++) {
		char url[64];
		struct seed_net_request request = {
			.method = "GET", .url = url, .limit_bytes = 2 * HUGE_ONE,
			.deadline_ms = seed_clock_now_ms() + 60000,
		};

		if (i == 3)
			start(&all[i].server, ordinary, strlen(ordinary));
		else if (i == 2)
			start(&all[i].server, small, strlen(small));
		else
			start_slow(&all[i].server, text, (size_t)head + HUGE_ONE, (size_t)head + HUGE_ONE - 1);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", all[i].server.port);
		assert_int_equal(seed_net_send(net, &request, keep_answer, &all[i].one, &all[i].transfer), 0);
		for (int64_t until_ms = seed_clock_now_ms() + 500; i < 2 && seed_clock_now_ms() < until_ms;
		     seed_net_turn(net))
			seed_net_wait(net, NULL, 0, 50);
	}
	for (seed_net_turn(net); !all[2].one.done || !all[3].one.done; seed_net_turn(net))
		seed_net_wait(net, NULL, 0, 1000);
	assert_false(all[0].one.done || all[1].one.done);
	assert_int_equal(all[3].one.answer.len, LARGE / 8);
	assert_memory_equal(all[2].one.answer.body, "{\"code\":200}", 12);
	go(&all[0].server); /* one of the two has the last of the room; which one is a matter of pace */
	go(&all[1].server);
	for (bool freed = false; !all[0].one.done || !all[1].one.done; seed_net_turn(net)) {
		if (!freed && (all[0].one.done || all[1].one.done)) {
			seed_net_cancel(net, all[all[0].one.done ? 0 : 1].transfer);
			freed = true;
		}
		seed_net_wait(net, NULL, 0, 50);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(all[i].one.answer.len, HUGE_ONE);
	seed_net_free(net);
	for (int i = 0; i < 4; i++)
		stop(&all[i].server);
}

/* ---- connections that are kept ---- */

enum { KEPT_ANSWERS = 3 };

static void *serve_kept(void *argument)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct server *server = argument;
	int fd = accept(server->listener, NULL, NULL);

	for (int i = 0; fd >= 0 && i < KEPT_ANSWERS; i++) {
		char head[4096];

		if (read(fd, head, sizeof(head)) <= 0)
			break;
		server->len++;
		(void)!write(fd, text, strlen(text));
	}
	close(fd);
	return NULL;
}

/* A guard holds for a connection that a transfer without one has opened. */
static void guards_what_is_kept(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	struct server server = { .len = 0 };
	struct seed_net *net;
	char url[64];

	SEED_UNUSED(state);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server.listener, 4), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, serve_kept, &server), 0);
	snprintf(url, sizeof(url), "http://localhost:%u/", ntohs(address.sin_port));
	assert_int_equal(seed_net_new(SEED_ANSWERS_ALL_BYTES, &net), 0);
	for (int i = 0; i < 3; i++) {
		struct told told = { .done = false };
		struct seed_transfer *transfer;
		const struct seed_net_request request = {
			.method = "GET", .url = url, .guarded = i == 2,
			.deadline_ms = seed_clock_now_ms() + 60000, .limit_bytes = 4096,
		};

		assert_int_equal(seed_net_send(net, &request, on_answer, &told, &transfer), 0);
		until_done(net, &told);
		assert_int_equal(told.error.code, i == 2 ? EPERM : 0);
	}
	seed_net_free(net);
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	assert_int_equal(server.len, 2); /* the second over the connection of the first */
}

/* A service that sends a head without end is at fault, not this machine's memory. */
static void tells_a_long_line_from_a_lack_of_memory(void **state)
{
	static const char *const heads[] = { "HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX: " };
	const size_t size = 2 * 1024 * 1024;
	char *text = malloc(size);

	SEED_UNUSED(state);
	assert_non_null(text);
	for (size_t i = 0; i < SEED_ARRAY_LEN(heads); i++) {
		struct told told;

		memset(text, 'x', size);
		memcpy(text, heads[i], strlen(heads[i]));
		told = ask_bytes("GET", text, size);
		assert_int_equal(told.error.code, EIO);
		assert_string_equal(told.error.message, "the answer's head has a line that is too long");
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_retry_after),
		cmocka_unit_test(hands_redirects_back),
		cmocka_unit_test(takes_the_key_out),
		cmocka_unit_test(takes_the_key_out_of_redirects),
		cmocka_unit_test(takes_the_key_out_of_others),
		cmocka_unit_test(takes_all_keys_out_of_a_text),
		cmocka_unit_test(leaves_a_large_one_to_be_scrubbed),
		cmocka_unit_test(unpacks_within_the_limit),
		cmocka_unit_test(refuses_other_encodings),
		cmocka_unit_test(bounds_heads_and_trailers),
		cmocka_unit_test(holds_a_bounded_sum),
		cmocka_unit_test(keeps_kinds_apart),
		cmocka_unit_test(ordinary_ones_wait_for_ordinary_ones),
		cmocka_unit_test(keeps_the_room_of_what_was_taken),
		cmocka_unit_test(breaks_off_while_it_waits),
		cmocka_unit_test(has_room_for_what_is_ordinary),
		cmocka_unit_test(guards_what_is_kept),
		cmocka_unit_test(tells_a_long_line_from_a_lack_of_memory),
		cmocka_unit_test(guards_what_has_no_proxy),
		cmocka_unit_test(believes_a_peer_that_proved_itself),
		cmocka_unit_test(never_offers_http2),
		cmocka_unit_test(ends_what_stands_still),
	};

	if (seed_net_start())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
