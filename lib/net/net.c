#include "lib/net/net.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/net/proxy.h"
#include "lib/net/room.h"
#include "lib/net/unpack.h"
#include "lib/base/url.h"

/* A host that does not answer a connection within this time is down. It is well under an
 * attempt's time, so that the cause can be told apart from a slow service. */
#define CONNECT_TIMEOUT_MS 30000
/* No wait takes so much longer than it was to, unless the process was stopped. */
#define SLEPT_MS 1000
#define WAIT_FDS_MAX 64
/* The present one, and the last that it has replaced: as many as somebody replaces in haste. */
#define HIDDEN_KEYS 5
#define KEY_HEADER "Authorization: "

/* Lines that are cleared, and whose last word no answer may show. */
static const char *const secret_headers[] = { KEY_HEADER, "x-amz-security-token: " };

struct seed_net {
	CURLM *multi;
	int wake_fd;                   /* an eventfd */
	struct seed_transfer *transfers;
	struct seed_rooms rooms;
	int paused_count;              /* of transfers that wait for room */
	pthread_mutex_t keys_mutex;    /* of: */
	struct seed_key *keys[HIDDEN_KEYS]; /* the last first; NULL behind them */
};

struct seed_transfer {
	struct seed_transfer *next, **link;
	struct seed_net *net;
	CURL *easy;
	struct curl_slist *headers;
	seed_net_done_fn *done;
	void *context;
	struct seed_buf body;
	char *redirect; /* without the key; NULL: curl's own */
	struct seed_holding holding; /* of what was received */
	size_t limit;
	size_t head_bytes; /* before the body, and behind it */
	size_t packed_bytes; /* of the body, as it came */
	struct seed_unpack *unpack;  /* NULL: it is not packed */
	int64_t timeout_ms; /* curl's, since it began */
	int64_t added_ms;   /* of it */
	int64_t deadline_ms, late_ms; /* without what was added; how much longer it may take, once it comes */
	int64_t paused_ms;  /* since when it waits for room, or when that was last taken off its time */
	int memfd;
	bool to_memfd, scrubs_large, is_signed, guarded, proxied, refused, overflow, sent, has_body, is_late, paused;
	const char *malformed; /* why it is not read; static */
	bool waited; /* for room */
	bool *private_peer;
	errint_t write_error;
	int local_error; /* errno of what this machine lacked; 0: nothing */
	char message[CURL_ERROR_SIZE];
};

/* curl says "out of memory" also of a line in an answer's head that is longer than it
 * takes. So what it could not allocate is noted. */
static _Thread_local bool lacked;

static void *noted(void *block)
{
	lacked |= !block;
	return block;
}

static void *note_malloc(size_t size)
{
	return noted(malloc(size));
}

static void *note_realloc(void *block, size_t size)
{
	return noted(realloc(block, size));
}

static void *note_calloc(size_t count, size_t size)
{
	return noted(calloc(count, size));
}

static char *note_strdup(const char *text)
{
	return noted(strdup(text));
}

errint_t seed_net_start(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, note_malloc, free, note_realloc, note_strdup,
				    note_calloc) == CURLE_OK ? 0 : -ENOMEM;
}

void seed_net_end(void)
{
	curl_global_cleanup();
}

errint_t seed_net_new(size_t most_bytes, struct seed_net **out)
{
	struct seed_net *net = calloc(1, sizeof(*net));

	if (!net)
		return -ENOMEM;
	seed_rooms_init(&net->rooms, most_bytes);
	pthread_mutex_init(&net->keys_mutex, NULL);
	net->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (net->wake_fd < 0) {
		free(net);
		return -EMFILE;
	}
	net->multi = curl_multi_init();
	if (!net->multi) {
		close(net->wake_fd);
		free(net);
		return -ENOMEM;
	}
	*out = net;
	return 0;
}

/* The line that holds a secret; NULL where none was sent. There is at most one. */
static char *secret_line(const struct seed_transfer *transfer)
{
	for (struct curl_slist *at = transfer->headers; at; at = at->next)
		for (size_t i = 0; i < SEED_ARRAY_LEN(secret_headers); i++)
			if (strncmp(at->data, secret_headers[i], strlen(secret_headers[i])) == 0)
				return at->data;
	return NULL;
}

/* All but its room, and that it is in the list. */
static void end_transfer(struct seed_transfer *transfer)
{
	char *line;

	if (transfer->easy) {
		curl_multi_remove_handle(transfer->net->multi, transfer->easy);
		curl_easy_cleanup(transfer->easy);
	}
	transfer->easy = NULL;
	line = secret_line(transfer);
	if (line)
		explicit_bzero(line, strlen(line));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	seed_buf_release(&transfer->body);
	seed_unpack_free(transfer->unpack);
	transfer->unpack = NULL;
	free(transfer->redirect);
	transfer->redirect = NULL;
	if (transfer->memfd >= 0)
		close(transfer->memfd);
	transfer->memfd = -1;
}

static void transfer_free(struct seed_transfer *transfer)
{
	struct seed_net *net = transfer->net;

	seed_rooms_give_back(&net->rooms, &transfer->holding);
	net->paused_count -= transfer->paused;
	if (net->paused_count)
		seed_net_wake(net);
	if (transfer->link) {
		*transfer->link = transfer->next;
		if (transfer->next)
			transfer->next->link = transfer->link;
	}
	end_transfer(transfer);
	free(transfer);
}

void seed_net_free(struct seed_net *net)
{
	if (!net)
		return;
	while (net->transfers)
		transfer_free(net->transfers);
	for (size_t i = 0; i < HIDDEN_KEYS; i++)
		seed_key_free(net->keys[i]);
	curl_multi_cleanup(net->multi);
	pthread_mutex_destroy(&net->keys_mutex);
	close(net->wake_fd);
	free(net);
}

/* curl remembers each line, also of those that come behind the body, of which it takes any number. */
static size_t on_head(char *data, size_t size, size_t count, void *context)
{
	struct seed_transfer *transfer = context;
	size_t len = size * count;

	SEED_UNUSED(data);
	transfer->head_bytes += len + SEED_ANSWER_LINE_BYTES;
	if (transfer->head_bytes <= SEED_ANSWER_HEAD_MAX_BYTES)
		return len;
	transfer->malformed = "the answer's head is too long";
	return 0;
}

/* curl leaves the end of the line to a value that is empty. */
static bool is_word(const char *value, const char *const *words, size_t count)
{
	size_t len = value ? strlen(value) : 0;

	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		len--;
	for (size_t i = 0; value && i < count; i++)
		if (strlen(words[i]) == len && strncasecmp(value, words[i], len) == 0)
			return true;
	return false;
}

/* The only value of a header; NULL: there are several, or none. */
static const char *only(CURL *easy, const char *name)
{
	struct curl_header *found;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK && found->amount == 1 ?
	       found->value : NULL;
}

static bool has_header(CURL *easy, const char *name)
{
	struct curl_header *found;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK;
}

/* What has begun to come in time has more of it. Curl ends the others at the deadline. */
static void may_be_late(struct seed_transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!transfer->late_ms || status < 200 || status > 299 ||
	    seed_clock_now_ms() >= transfer->deadline_ms + transfer->added_ms)
		return;
	transfer->is_late = true;
	transfer->timeout_ms += transfer->late_ms;
	curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms);
}

/* What a store keeps is taken as it is: its sum is known. */
static bool begin_body(struct seed_transfer *transfer)
{
	static const char *const transfers[] = { "chunked", "identity", "" };
	static const char *const packed[] = { "gzip", "x-gzip", "deflate" }, *const deflate[] = { "deflate" };
	static const char *const plain[] = { "identity", "none", "" };
	const char *encoding = only(transfer->easy, "Content-Encoding");

	transfer->has_body = true;
	may_be_late(transfer);
	if (has_header(transfer->easy, "Transfer-Encoding") &&
	    !is_word(only(transfer->easy, "Transfer-Encoding"), transfers, SEED_ARRAY_LEN(transfers))) {
		transfer->malformed = "the answer has a transfer encoding that was not asked for";
		return false;
	}
	if (transfer->is_signed || !has_header(transfer->easy, "Content-Encoding") ||
	    is_word(encoding, plain, SEED_ARRAY_LEN(plain)))
		return true;
	if (!is_word(encoding, packed, SEED_ARRAY_LEN(packed))) {
		transfer->malformed = "the answer has a content encoding that was not asked for";
		return false;
	}
	transfer->write_error = seed_unpack_new(&transfer->unpack, is_word(encoding, deflate, 1));
	return !transfer->write_error;
}

/* -EAGAIN: there is no room now. */
static errint_t keep(void *context, const void *data, size_t len)
{
	struct seed_transfer *transfer = context;

	if (len > transfer->limit - transfer->holding.bytes) {
		transfer->overflow = true;
		return -EFBIG;
	}
	if (!seed_rooms_take(&transfer->net->rooms, &transfer->holding, len))
		return -EAGAIN;
	if (transfer->to_memfd)
		transfer->write_error = seed_io_write(transfer->memfd, data, len);
	else
		transfer->write_error = seed_buf_add(&transfer->body, data, len);
	return transfer->write_error;
}

static errint_t keep_packed(struct seed_transfer *transfer, const void *data, size_t len)
{
	errint_t err;

	if (len > transfer->limit - transfer->packed_bytes) {
		transfer->overflow = true;
		return -EFBIG;
	}
	err = seed_unpack_more(transfer->unpack, data, len, keep, transfer);
	if (err == -EBADMSG)
		transfer->malformed = "the answer cannot be unpacked";
	if (err == -ENOMEM)
		transfer->write_error = err;
	if (!err)
		transfer->packed_bytes += len;
	return err;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct seed_transfer *transfer = context;
	size_t len = size * count;
	errint_t err;

	if (transfer->write_error || transfer->malformed || (!transfer->has_body && !begin_body(transfer)))
		return CURL_WRITEFUNC_ERROR;
	err = transfer->unpack ? keep_packed(transfer, data, len) : keep(transfer, data, len);
	if (err == -EAGAIN) {
		transfer->paused = transfer->waited = true;
		transfer->net->paused_count++;
		transfer->paused_ms = seed_clock_now_ms();
		return CURL_WRITEFUNC_PAUSE;
	}
	return err ? CURL_WRITEFUNC_ERROR : len;
}

/* Errors of our own calls that say nothing about the peer. */
static bool is_local(int code)
{
	return code == ENOMEM || code == EMFILE || code == ENFILE || code == ENOBUFS;
}

/* Called before each connection, after the name was resolved: the one place
 * where neither a redirect nor a name server can evade the guard. */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
				    struct curl_sockaddr *address)
{
	struct seed_transfer *transfer = context;
	int fd;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	if (transfer->guarded && !transfer->proxied &&
	    seed_url_address_is_private(&address->addr)) {
		transfer->refused = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0 && is_local(errno))
		transfer->local_error = errno;
	return fd;
}

/* The request line is about to go: from here on it may have been accepted. With
 * https the peer has shown a certificate of the URL's host by now. A connection that is kept
 * was opened for another transfer, which may have had no guard. */
static int on_request(void *context, char *peer, char *local, int peer_port, int local_port)
{
	struct seed_transfer *transfer = context;

	if (transfer->guarded && !transfer->proxied && seed_url_text_is_private(peer)) {
		transfer->refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (transfer->private_peer && !transfer->proxied && seed_url_text_is_private(peer))
		*transfer->private_peer = true;
	SEED_UNUSED(local);
	SEED_UNUSED(peer_port);
	SEED_UNUSED(local_port);
	transfer->sent = true;
	return CURL_PREREQFUNC_OK;
}

static bool add_header(struct seed_transfer *transfer, const char *line)
{
	struct curl_slist *headers = curl_slist_append(transfer->headers, line);

	if (headers)
		transfer->headers = headers;
	return headers != NULL;
}

static bool add_authorization(struct seed_transfer *transfer, const char *value)
{
	char *line;
	bool ok;

	if (asprintf(&line, KEY_HEADER "%s", value) < 0)
		return false;
	ok = add_header(transfer, line);
	explicit_bzero(line, strlen(line));
	free(line);
	return ok;
}

static bool set_headers(struct seed_transfer *transfer, const struct seed_net_request *request)
{
	bool ok = true;

	if (request->body)
		ok = add_header(transfer, "Content-Type: application/json");
	/* No "Expect: 100-continue": it costs a second with services that ignore it. curl
	 * 7.88 would sign this line, but does not send it. */
	if (!request->signature)
		ok = ok && add_header(transfer, "Expect:");
	for (const char *const *line = request->headers; ok && line && *line; line++)
		ok = add_header(transfer, *line);
	if (ok && request->authorization)
		ok = add_authorization(transfer, request->authorization);
	return ok;
}

static bool set_method(CURL *easy, const struct seed_net_request *request)
{
	bool ok = true;

	/* It has a length, and nothing behind it. */
	if (strcmp(request->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (request->data) {
		ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				      (curl_off_t)request->data_bytes) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->data) == CURLE_OK;
	} else if (request->body) {
		ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				      (curl_off_t)strlen(request->body)) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) == CURLE_OK;
	} else if (strcmp(request->method, "GET") != 0) {
		ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "") == CURLE_OK;
	}
	return ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

/* A proxy is not used for an address that is written as a private one: so we connect
 * ourselves, and refuse. */
static bool set_proxy(struct seed_transfer *transfer, const struct seed_net_request *request)
{
	const char *proxy = seed_proxy_for(request->url);

	if (request->direct || (request->guarded && seed_url_host_is_private(request->url)))
		proxy = NULL;
	transfer->proxied = proxy != NULL;
	/* "" for none, and without exceptions of its own. */
	return curl_easy_setopt(transfer->easy, CURLOPT_PROXY, proxy ? proxy : "") == CURLE_OK &&
	       curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, "") == CURLE_OK;
}

static bool set_signature(CURL *easy, const struct seed_net_signature *signature)
{
	char *service;
	bool ok;

	if (!signature)
		return true;
	if (asprintf(&service, "aws:amz:%s:s3", signature->region) < 0)
		return false;
	/* The path is signed as it is written here. */
	ok = curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, service) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_USERNAME, signature->access_key) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_PASSWORD, signature->secret_key) == CURLE_OK;
	free(service);
	return ok;
}

/* What is large takes long over a slow line, but not one that stands still. */
void seed_net_stall(struct seed_transfer *transfer, int stall_s)
{
	curl_easy_setopt(transfer->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(transfer->easy, CURLOPT_LOW_SPEED_TIME, (long)stall_s);
}

static bool set_options(struct seed_transfer *transfer, const struct seed_net_request *request)
{
	int64_t left_ms = request->deadline_ms - seed_clock_now_ms();
	CURL *easy = transfer->easy;

	if (left_ms < 1)
		left_ms = 1;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* Some services' gateways refuse unknown or empty agents. */
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "seedfs/" SEEDFS_VERSION);
	/* Some compress without being asked to; it is unpacked here, not by curl (unpack.h). What is
	 * signed is a store's: a proxy that compressed it would change its ETag. */
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, request->signature ? "identity" : "gzip");
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	/* HTTP/2 shares a connection that other requests have opened, also one for a submission: if it
	 * breaks, or a stream is refused (RFC 9113, section 8.7), curl sends that again by itself, up
	 * to five times. And one that says nothing any more takes all requests along. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* If the server closes a kept connection, curl sends a request again by
	 * itself. A request that costs money goes over a connection of its own. */
	if (request->alone || (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)) {
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	transfer->timeout_ms = left_ms;
	transfer->deadline_ms = request->deadline_ms;
	if (request->whole_by_ms > request->deadline_ms)
		transfer->late_ms = request->whole_by_ms - request->deadline_ms;
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	/* The system's lie in a file and in a directory, and both count. */
	if (request->ca_file && (curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) != CURLE_OK ||
				 curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK))
		return false;
	if (request->stall_s)
		seed_net_stall(transfer, request->stall_s);
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
	       set_signature(easy, request->signature) && set_proxy(transfer, request) && set_method(easy, request) && set_headers(transfer, request) &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

errint_t seed_net_send(struct seed_net *net, const struct seed_net_request *request,
		       seed_net_done_fn *done, void *context, struct seed_transfer **out)
{
	struct seed_transfer *transfer = calloc(1, sizeof(*transfer));
	errint_t err = -ENOMEM;

	if (!transfer)
		return err;
	transfer->net = net;
	transfer->done = done;
	transfer->context = context;
	transfer->limit = request->limit_bytes;
	transfer->guarded = request->guarded;
	transfer->is_signed = request->signature != NULL;
	transfer->private_peer = request->private_peer;
	transfer->to_memfd = request->to_memfd;
	transfer->holding.kind = request->kind;
	transfer->scrubs_large = request->scrubs_large;
	transfer->memfd = -1;
	seed_buf_init(&transfer->body, request->limit_bytes);
	if (request->to_memfd) {
		transfer->memfd = memfd_create("seedfs-download", MFD_CLOEXEC);
		err = transfer->memfd < 0 ? -errno : err;
	}
	transfer->easy = curl_easy_init();
	if (!transfer->easy || (request->to_memfd && transfer->memfd < 0) ||
	    !set_options(transfer, request) ||
	    curl_multi_add_handle(net->multi, transfer->easy) != CURLM_OK) {
		transfer_free(transfer);
		return err;
	}
	transfer->next = net->transfers;
	transfer->link = &net->transfers;
	if (transfer->next)
		transfer->next->link = &transfer->next;
	net->transfers = transfer;
	*out = transfer;
	return 0;
}

void seed_net_cancel(struct seed_net *net, struct seed_transfer *transfer)
{
	SEED_UNUSED(net);
	transfer_free(transfer);
}

struct seed_transfer *seed_net_keep_room(struct seed_net_answer *answer)
{
	struct seed_transfer *transfer = answer->transfer;

	transfer->memfd = answer->memfd;
	answer->memfd = -1;
	answer->keep = true;
	answer->transfer = NULL;
	end_transfer(transfer);
	return transfer;
}

static int code_of(CURLcode code)
{
	/* Every other error is "anything else": EIO. */
	if (code == CURLE_COULDNT_CONNECT)
		return ECONNREFUSED;
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
		return EHOSTUNREACH;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return ETIMEDOUT;
	if (code == CURLE_OUT_OF_MEMORY)
		return ENOMEM;
	return EIO;
}

static void fill_error(const struct seed_transfer *transfer, CURLcode code,
		       struct seed_error *error)
{
	const char *why = transfer->message[0] ? transfer->message : curl_easy_strerror(code);

	if (transfer->refused)
		seed_error_set(error, EPERM, "refused: the URL leads to a loopback, private or "
			       "link-local address");
	else if (transfer->malformed)
		seed_error_set(error, EIO, "%s", transfer->malformed);
	else if (transfer->overflow)
		seed_error_set(error, EFBIG, "the answer is larger than %zu bytes",
			       transfer->limit);
	else if (transfer->write_error)
		seed_error_set(error, -transfer->write_error, "%s",
			       strerror(-transfer->write_error));
	else if (transfer->local_error)
		seed_error_set(error, transfer->local_error, "%s", strerror(transfer->local_error));
	else if (code == CURLE_OUT_OF_MEMORY && transfer->sent && !lacked)
		seed_error_set(error, EIO, "the answer's head has a line that is too long");
	else if (transfer->waited)
		seed_error_set(error, code_of(code), "%s; it had waited for memory here, which fewer jobs need less of", why);
	else
		seed_error_set(error, code_of(code), "%s", why);
}

/* curl's own, or NULL. */
static const char *header(CURL *easy, const char *name)
{
	struct curl_header *found;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	return found->value;
}

/* curl returns 0 for a header that says 0, for one that it cannot read, and for
 * none: the first two are still a Retry-After. */
static int64_t retry_after_ms(CURL *easy)
{
	curl_off_t seconds = 0;

	if (!header(easy, "Retry-After"))
		return -1;
	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds < 0)
		seconds = 0;
	if (seconds > SEED_RETRY_AFTER_MAX_SECONDS)
		seconds = SEED_RETRY_AFTER_MAX_SECONDS;
	return (int64_t)seconds * 1000;
}

/* Takes a secret out of so many bytes: seed_url_scrub_bytes, or, of a text, cut_out. */
typedef void hide_fn(char *text, size_t len, const char *secret);

static void cut_out(char *text, size_t len, const char *secret)
{
	SEED_UNUSED(len);
	seed_url_scrub(text, secret);
}

/* A service that sends the key back must not have it in a message, which is cut
 * to its length before anybody looks for the key in it, in a task's id, or in a URL. */
static void scrub(char *text, size_t len, const char *value, hide_fn *hide)
{
	static const char basic[] = "Basic ";
	const char *word = strrchr(value, ' '), *password;
	struct seed_buf plain;

	word = word ? word + 1 : value;
	hide(text, len, word);
	if (strncmp(value, basic, sizeof(basic) - 1) != 0)
		return;
	seed_buf_init(&plain, SEED_KEY_MAX_BYTES);
	if (!seed_buf_add_base64(&plain, word, strlen(word))) {
		hide(text, len, plain.data);
		password = strchr(plain.data, ':');
		if (password)
			hide(text, len, password + 1);
		explicit_bzero(plain.data, plain.len_bytes);
	}
	seed_buf_release(&plain);
}

/* All but the one whose header is `but`, which has been taken out; NULL: all. */
static void scrub_keys(struct seed_net *net, char *text, size_t len, const char *but, hide_fn *hide)
{
	struct seed_key *keys[HIDDEN_KEYS];

	pthread_mutex_lock(&net->keys_mutex);
	for (size_t i = 0; i < HIDDEN_KEYS; i++)
		keys[i] = net->keys[i] ? seed_key_ref(net->keys[i]) : NULL;
	pthread_mutex_unlock(&net->keys_mutex);
	for (size_t i = 0; i < HIDDEN_KEYS && keys[i]; i++) {
		if (!but || strcmp(but, seed_key_header(keys[i])) != 0)
			scrub(text, len, seed_key_header(keys[i]), hide);
		seed_key_free(keys[i]);
	}
}

static void scrub_all(struct seed_transfer *transfer, char *text, size_t len)
{
	const char *line = secret_line(transfer);
	const char *sent = line ? strchr(line, ' ') + 1 : NULL;

	if (!len)
		return;
	if (sent)
		scrub(text, len, sent, seed_url_scrub_bytes);
	if (transfer->holding.kind == SEED_NET_STORE) /* which is sent none of these */
		return;
	scrub_keys(transfer->net, text, len, sent, seed_url_scrub_bytes);
}

void seed_net_hide(struct seed_net *net, struct seed_key *key)
{
	struct seed_key *oldest;

	pthread_mutex_lock(&net->keys_mutex);
	oldest = net->keys[HIDDEN_KEYS - 1];
	memmove(net->keys + 1, net->keys, sizeof(net->keys) - sizeof(net->keys[0]));
	net->keys[0] = key;
	pthread_mutex_unlock(&net->keys_mutex);
	seed_key_free(oldest);
}

void seed_net_scrub(struct seed_transfer *transfer)
{
	scrub_all(transfer, transfer->body.data, transfer->body.len_bytes);
}

void seed_net_scrub_text(struct seed_net *net, char *text)
{
	scrub_keys(net, text, strlen(text), NULL, cut_out);
	seed_url_scrub(text, NULL); /* there may be no key */
}

static void scrub_answer(struct seed_transfer *transfer, struct seed_net_answer *answer)
{
	if (!transfer->scrubs_large || transfer->body.len_bytes <= SEED_ANSWER_SMALL_BYTES)
		seed_net_scrub(transfer);
	if (!answer->redirect)
		return;
	/* curl's own is not ours to write in. */
	transfer->redirect = strdup(answer->redirect);
	if (transfer->redirect)
		scrub_all(transfer, transfer->redirect, strlen(transfer->redirect));
	answer->redirect = transfer->redirect;
}

static int64_t date_s(CURL *easy)
{
	const char *date = header(easy, "Date");
	time_t when = date ? curl_getdate(date, NULL) : -1;

	return when > 0 ? (int64_t)when : 0;
}

/* What curl's answer means: a body may be whole as it was sent, and not as it was packed. */
static CURLcode code_in_all(struct seed_transfer *transfer, CURLcode code)
{
	if (code != CURLE_OK || !transfer->unpack || seed_unpack_is_whole(transfer->unpack))
		return code;
	transfer->malformed = "the answer ends before what is packed in it does";
	return CURLE_PARTIAL_FILE;
}

/* curl closes what is kept when it finds it so. */
static void shut_connection(CURL *easy)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
		(void)shutdown(fd, SHUT_RDWR);
}

static void finish(struct seed_transfer *transfer, CURLcode curls_code)
{
	CURLcode code = code_in_all(transfer, curls_code);
	struct seed_net_answer answer = { .memfd = transfer->memfd, .transfer = transfer };
	seed_net_done_fn *done = transfer->done;
	void *context = transfer->context;
	char *redirect = NULL;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &redirect);
	answer.retry_after_ms = retry_after_ms(transfer->easy);
	answer.redirect = redirect;
	answer.etag = header(transfer->easy, "ETag");
	answer.date_s = date_s(transfer->easy);
	answer.sent = transfer->sent;
	scrub_answer(transfer, &answer);
	answer.body = transfer->body.data;
	answer.len = transfer->body.len_bytes;
	if (code != CURLE_OK) {
		fill_error(transfer, code, &answer.error);
		if (!answer.len)
			answer.body = "";
		/* What came could not be kept, for whatever reason (EFBIG: a limit
		 * on the size of files). */
		answer.local = is_local(answer.error.code) ||
			       ((transfer->waited || transfer->write_error) && !transfer->overflow && !transfer->malformed);
	}
	done(context, &answer);
	if (!answer.transfer) /* it may be gone */
		return;
	if (answer.shut)
		shut_connection(transfer->easy);
	transfer->memfd = answer.memfd;
	if (!answer.keep)
		transfer_free(transfer);
}

static void add_time(struct seed_transfer *transfer, int64_t ms)
{
	transfer->added_ms += ms;
	transfer->timeout_ms += ms;
	curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms);
}

/* That it had to wait here says nothing about its peer: what a service has accepted would count as
 * not answered. */
static void stop_clocks(struct seed_net *net)
{
	int64_t now_ms = seed_clock_now_ms();

	for (struct seed_transfer *at = net->paused_count ? net->transfers : NULL; at; at = at->next) {
		if (!at->paused)
			continue;
		add_time(at, now_ms - at->paused_ms);
		at->paused_ms = now_ms;
	}
}

/* The oldest of those that wait, and for which there is room by now. */
static struct seed_transfer *oldest_with_room(struct seed_net *net)
{
	struct seed_transfer *oldest = NULL;

	for (struct seed_transfer *at = net->paused_count ? net->transfers : NULL; at; at = at->next)
		if (at->paused && seed_rooms_has(&net->rooms, &at->holding, CURL_MAX_WRITE_SIZE))
			oldest = at;
	return oldest;
}

static void resume(struct seed_net *net)
{
	struct seed_transfer *transfer = oldest_with_room(net);
	CURLcode code;

	if (!transfer)
		return;
	transfer->paused = false;
	net->paused_count--;
	code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK) /* curl has dropped what it could not hand over, and would go on */
		finish(transfer, code);
	if (oldest_with_room(net)) /* then the next */
		seed_net_wake(net);
}

bool seed_net_is_coming(const struct seed_transfer *transfer)
{
	return transfer->has_body;
}

bool seed_net_may_be_late(const struct seed_transfer *transfer)
{
	return transfer->is_late;
}

bool seed_net_has_left(const struct seed_transfer *transfer)
{
	return transfer->sent;
}

int64_t seed_net_added_ms(const struct seed_transfer *transfer)
{
	return transfer->added_ms;
}

bool seed_net_waits(const struct seed_transfer *transfer)
{
	return transfer->paused;
}

void seed_net_read_all(struct seed_net *net)
{
	seed_rooms_lift(&net->rooms);
	seed_net_wake(net);
}

void seed_net_turn(struct seed_net *net)
{
	int running, left;
	CURLMsg *message;

	lacked = false;
	stop_clocks(net);
	resume(net);
	curl_multi_perform(net->multi, &running);
	while ((message = curl_multi_info_read(net->multi, &left)) != NULL) {
		struct seed_transfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		finish(transfer, message->data.result);
	}
}

/* A process that is stopped (SIGSTOP, a debugger, a machine that is suspended) finds all times over
 * when it goes on, and would give up what has been answered long ago and only has to be read. */
static void forget_sleep(struct seed_net *net, int64_t slept_ms)
{
	if (slept_ms < SLEPT_MS)
		return;
	for (struct seed_transfer *transfer = net->transfers; transfer; transfer = transfer->next) {
		if (transfer->easy)
			add_time(transfer, slept_ms);
		transfer->paused_ms += slept_ms;
	}
}

void seed_net_wait(struct seed_net *net, struct pollfd *fds, size_t count, int64_t timeout_ms)
{
	struct curl_waitfd extra[WAIT_FDS_MAX + 1];
	int64_t began_ms, longest_ms;
	long curls_ms = -1;
	eventfd_t wakes;
	int ready;

	assert(count <= WAIT_FDS_MAX);
	for (size_t i = 0; i < count; i++) {
		extra[i].fd = fds[i].fd;
		extra[i].events = CURL_WAIT_POLLIN;
		extra[i].revents = 0;
	}
	extra[count] = (struct curl_waitfd){ .fd = net->wake_fd, .events = CURL_WAIT_POLLIN };
	if (timeout_ms < 0)
		timeout_ms = 0;
	if (timeout_ms > 60000)
		timeout_ms = 60000;
	curl_multi_timeout(net->multi, &curls_ms);
	longest_ms = curls_ms >= 0 && curls_ms < timeout_ms ? curls_ms : timeout_ms;
	began_ms = seed_clock_now_ms();
	curl_multi_poll(net->multi, extra, (unsigned)count + 1, (int)timeout_ms, &ready);
	forget_sleep(net, seed_clock_now_ms() - began_ms - longest_ms);
	/* Whatever the result: if nobody has woken us, there is nothing to read. */
	SEED_UNUSED(eventfd_read(net->wake_fd, &wakes) == 0);
	for (size_t i = 0; i < count; i++)
		fds[i].revents = extra[i].revents ? POLLIN : 0;
}

/* Not curl_multi_wakeup(): it sends over a socket, which takes memory. Without memory
 * a writer would wait for the next one's wake. An eventfd takes none. */
void seed_net_wake(struct seed_net *net)
{
	SEED_UNUSED(eventfd_write(net->wake_fd, 1) == 0);
}
