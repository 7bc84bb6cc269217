#include "lib/s3/s3.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/url.h"
#include "lib/record/record.h"
#include "lib/s3/key.h"

/* 1,000 keys of 1,024 bytes, with what else stands beside each. */
#define LISTING_MAX_BYTES (4 * 1024 * 1024)
/* An error's document; of longer ones the beginning is not worth reading. */
#define ERROR_MAX_BYTES (64 * 1024)
/* A store that takes and sends nothing for so long is away. */
#define STALL_S 60

struct seed_s3 {
	struct seed_net *net;
	struct seed_s3_credentials *credentials;
	char *base;   /* the URL of the bucket, without a '/' at its end */
	char *prefix; /* "" or with a '/' at its end */
	char *ca_file;
	bool no_quotes;
};

enum kind { KIND_READ, KIND_LIST, KIND_WRITE, KIND_DELETE };

struct seed_s3_op {
	struct seed_s3 *s3;
	struct seed_transfer *transfer;
	seed_s3_done_fn *done;
	void *context;
	enum kind kind;
	/* Of a swap: what was to stand there, and how it is read back. */
	bool swap;
	char *key;
	char *prefix, *after; /* of a list */
	bool folders;
	const void *data;
	size_t bytes, read_limit;
	int64_t deadline_ms;
	int64_t date_s; /* as the write was answered */
};

/* ---- the bucket ---- */

/* Whether the endpoint's host is the bucket's own. */
static bool is_own_host(const char *endpoint, const char *bucket)
{
	const char *host = strstr(endpoint, "://");
	size_t len = strlen(bucket);

	return host && strncmp(host + 3, bucket, len) == 0 && host[3 + len] == '.';
}

/* malloc'd; NULL without memory. */
static char *base_url(const struct seed_s3_config *config, const char *region)
{
	const char *endpoint = config->endpoint;
	char *url;
	int len;

	if (endpoint) {
		len = (int)strlen(endpoint);
		while (len && endpoint[len - 1] == '/')
			len--;
		if (is_own_host(endpoint, config->bucket))
			return asprintf(&url, "%.*s", len, endpoint) < 0 ? NULL : url;
		return asprintf(&url, "%.*s/%s", len, endpoint, config->bucket) < 0 ? NULL : url;
	}
	/* A certificate is good for one part before Amazon's name. */
	if (strchr(config->bucket, '.'))
		return asprintf(&url, "https://s3.%s.amazonaws.com/%s", region, config->bucket) < 0 ?
			NULL : url;
	return asprintf(&url, "https://%s.s3.%s.amazonaws.com", config->bucket, region) < 0 ? NULL : url;
}

static errint_t check(const struct seed_s3_config *config, struct seed_error *error)
{
	const char *path;

	if (!seed_s3_is_bucket(config->bucket))
		return seed_error_set(error, EINVAL, "%s: a bucket's name has 3 to 63 lower-case letters, "
				      "digits, '-' and '.'", config->bucket);
	if (config->prefix[0] && !seed_s3_key_is_plain(config->prefix))
		return seed_error_set(error, EINVAL, "%s: a prefix has letters, digits, '-', '_' and '.' only, "
				      "with '/' between its parts", config->prefix);
	if (!config->endpoint)
		return 0;
	path = strstr(config->endpoint, "://");
	path = path ? strchr(path + 3, '/') : NULL;
	if (seed_url_check(config->endpoint) || strpbrk(config->endpoint, "?#") ||
	    (path && path[strspn(path, "/")]))
		return seed_error_set(error, EINVAL, "%s: an endpoint is https://HOST or https://HOST:PORT",
				      config->endpoint);
	return 0;
}

errint_t seed_s3_new(struct seed_net *net, const struct seed_s3_config *config,
		     struct seed_s3_credentials *credentials, struct seed_s3 **out,
		     struct seed_error *error)
{
	errint_t err = check(config, error);
	struct seed_s3 *s3;

	if (err)
		return err;
	s3 = calloc(1, sizeof(*s3));
	if (!s3)
		return seed_error_set(error, ENOMEM, "no memory for the store");
	s3->net = net;
	s3->credentials = credentials;
	s3->base = base_url(config, credentials->region);
	if (asprintf(&s3->prefix, "%s%s", config->prefix, config->prefix[0] ? "/" : "") < 0)
		s3->prefix = NULL;
	if (config->ca_file)
		s3->ca_file = strdup(config->ca_file);
	if (!s3->base || !s3->prefix || (config->ca_file && !s3->ca_file)) {
		seed_s3_free(s3);
		return seed_error_set(error, ENOMEM, "no memory for the store");
	}
	*out = s3;
	return 0;
}

size_t seed_s3_key_room(const struct seed_s3 *s3)
{
	size_t prefix = strlen(s3->prefix);

	return prefix < SEED_S3_KEY_MAX_BYTES ? SEED_S3_KEY_MAX_BYTES - prefix : 0;
}

void seed_s3_free(struct seed_s3 *s3)
{
	if (!s3)
		return;
	free(s3->base);
	free(s3->prefix);
	free(s3->ca_file);
	free(s3);
}

int64_t seed_s3_image_ms(uint64_t bytes)
{
	return 60000 + (int64_t)(bytes / (32 * 1024)) * 1000;
}

void seed_s3_set_quotes(struct seed_s3 *s3, bool quotes)
{
	s3->no_quotes = !quotes;
}

/* ---- a request ---- */

static void op_free(struct seed_s3_op *op)
{
	free(op->key);
	free(op->prefix);
	free(op->after);
	free(op);
}

void seed_s3_cancel(struct seed_s3_op *op)
{
	if (op->transfer)
		seed_net_cancel(op->s3->net, op->transfer);
	op_free(op);
}

static struct seed_s3_op *op_new(struct seed_s3 *s3, enum kind kind, int64_t deadline_ms,
				 seed_s3_done_fn *done, void *context)
{
	struct seed_s3_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->s3 = s3;
	op->kind = kind;
	op->deadline_ms = deadline_ms;
	op->done = done;
	op->context = context;
	return op;
}

static void on_answer(void *context, struct seed_net_answer *answer);

enum { HEADERS_MAX = 4 };

/* Lines of a request, owned. */
struct lines {
	char *line[HEADERS_MAX + 1]; /* NULL behind the last */
	size_t count;
	bool failed;
};

SEED_PRINTF(2, 3) static void add_line(struct lines *lines, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&lines->line[lines->count], format, arguments) < 0) {
		lines->line[lines->count] = NULL;
		lines->failed = true;
	} else {
		lines->count++;
	}
	va_end(arguments);
}

/* What was signed with is not left in memory. */
static void free_lines(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		explicit_bzero(lines->line[i], strlen(lines->line[i]));
		free(lines->line[i]);
	}
}

/* Whether there was memory for it. */
static bool sum_up(const void *data, size_t bytes, char hex[SEED_SHA256_HEX_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!EVP_Digest(data ? data : "", bytes, sum, &len, EVP_sha256(), NULL))
		return false;
	for (size_t i = 0; i < len; i++)
		snprintf(hex + i * 2, 3, "%02x", sum[i]);
	return true;
}

/* No header's name is the beginning of another's: curl 7.88 sorts whole lines. */
static void add_signed_lines(struct lines *lines, const struct seed_s3 *s3, const char *sha256)
{
	add_line(lines, "x-amz-content-sha256: %s", sha256);
	if (s3->credentials->token[0])
		add_line(lines, "x-amz-security-token: %s", s3->credentials->token);
}

/* `sha256` of the request's data; NULL: it is summed up. */
static errint_t send(struct seed_s3_op *op, const struct seed_net_request *unsigned_request,
		     const char *sha256, struct lines *lines)
{
	struct seed_net_request request = *unsigned_request;
	char hex[SEED_SHA256_HEX_BYTES];
	struct seed_s3 *s3 = op->s3;
	const struct seed_net_signature signature = {
		.region = s3->credentials->region,
		.access_key = s3->credentials->access,
		.secret_key = s3->credentials->secret,
	};
	errint_t err = -ENOMEM;

	if (!sha256 && !sum_up(request.data, request.data_bytes, hex))
		lines->failed = true;
	else
		add_signed_lines(lines, s3, sha256 ? sha256 : hex);
	request.headers = (const char *const *)lines->line;
	request.signature = &signature;
	request.ca_file = s3->ca_file;
	request.kind = request.to_memfd ? SEED_NET_STORED : SEED_NET_STORE;
	request.deadline_ms = op->deadline_ms;
	request.stall_s = STALL_S;
	if (!lines->failed && request.url)
		err = seed_net_send(s3->net, &request, on_answer, op, &op->transfer);
	free_lines(lines);
	return err;
}

static char *url_of(const struct seed_s3 *s3, const char *key)
{
	char *url;

	return asprintf(&url, "%s/%s%s", s3->base, s3->prefix, key) < 0 ? NULL : url;
}

/* Sends it, or frees it. */
static errint_t begin(struct seed_s3_op *op, const struct seed_net_request *request, struct seed_s3_op **out)
{
	struct lines lines = { .count = 0 };
	errint_t err = send(op, request, NULL, &lines);

	if (err)
		op_free(op);
	else
		*out = op;
	return err;
}

static errint_t send_get(struct seed_s3_op *op, const struct seed_s3_get *get)
{
	struct lines lines = { .count = 0 };
	char *url = url_of(op->s3, get->key);
	struct seed_net_request request = {
		.method = get->head ? "HEAD" : "GET",
		.url = url,
		.limit_bytes = get->limit_bytes > ERROR_MAX_BYTES ? get->limit_bytes : ERROR_MAX_BYTES,
		.to_memfd = get->to_memfd,
	};
	errint_t err;

	if (get->bytes)
		add_line(&lines, "Range: bytes=%lld-%lld", (long long)get->first,
			 (long long)(get->first + get->bytes - 1));
	err = send(op, &request, NULL, &lines);
	free(url);
	return err;
}

errint_t seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **out)
{
	struct seed_s3_op *op;
	errint_t err;

	if (!seed_s3_key_is_plain(get->key))
		return -EINVAL;
	op = op_new(s3, KIND_READ, deadline_ms, done, context);
	if (!op)
		return -ENOMEM;
	op->read_limit = get->limit_bytes;
	err = send_get(op, get);
	if (err)
		op_free(op);
	else
		*out = op;
	return err;
}

static errint_t send_put(struct seed_s3_op *op, const struct seed_s3_put *put)
{
	const char *quote = op->s3->no_quotes ? "" : "\"";
	struct lines lines = { .count = 0 };
	char *url = url_of(op->s3, put->key);
	struct seed_net_request request = {
		.method = "PUT",
		.url = url,
		.data = put->data,
		.data_bytes = put->bytes,
		.limit_bytes = ERROR_MAX_BYTES,
	};
	errint_t err;

	if (put->condition == SEED_S3_IF_NONE)
		add_line(&lines, "If-None-Match: *");
	else if (put->condition == SEED_S3_IF_MATCH)
		add_line(&lines, "If-Match: %s%s%s", quote, put->etag, quote);
	err = send(op, &request, put->sha256, &lines);
	free(url);
	return err;
}

static errint_t put(struct seed_s3 *s3, const struct seed_s3_put *put, int64_t deadline_ms,
		    seed_s3_done_fn *done, void *context, size_t read_back, struct seed_s3_op **out)
{
	struct seed_s3_op *op;
	errint_t err;

	if (!seed_s3_key_is_plain(put->key))
		return -EINVAL;
	op = op_new(s3, KIND_WRITE, deadline_ms, done, context);
	if (!op)
		return -ENOMEM;
	op->swap = read_back != 0;
	op->key = strdup(put->key);
	op->data = put->data;
	op->bytes = put->bytes;
	op->read_limit = read_back;
	err = op->key ? send_put(op, put) : -ENOMEM;
	if (err)
		op_free(op);
	else
		*out = op;
	return err;
}

errint_t seed_s3_put(struct seed_s3 *s3, const struct seed_s3_put *what, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	return put(s3, what, deadline_ms, done, context, 0, op);
}

errint_t seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *what, size_t read_limit_bytes,
		      int64_t deadline_ms, seed_s3_done_fn *done, void *context, struct seed_s3_op **op)
{
	assert(what->condition != SEED_S3_ALWAYS && read_limit_bytes >= what->bytes && what->bytes);
	return put(s3, what, deadline_ms, done, context, read_limit_bytes, op);
}

errint_t seed_s3_delete(struct seed_s3 *s3, const char *key, int64_t deadline_ms,
			seed_s3_done_fn *done, void *context, struct seed_s3_op **out)
{
	struct seed_net_request request = { .method = "DELETE", .limit_bytes = ERROR_MAX_BYTES };
	struct seed_s3_op *op;
	char *url;
	errint_t err;

	if (!seed_s3_key_is_plain(key))
		return -EINVAL;
	op = op_new(s3, KIND_DELETE, deadline_ms, done, context);
	if (!op)
		return -ENOMEM;
	request.url = url = url_of(s3, key);
	err = begin(op, &request, out);
	free(url);
	return err;
}

/* The parameters in the order of their names, every one with a '=': as they are signed. */
static char *list_url(const struct seed_s3 *s3, const struct seed_s3_list *list)
{
	int most = list->most > 0 && list->most < SEED_S3_PAGE_MAX ? list->most : SEED_S3_PAGE_MAX;
	char *prefix = NULL, *after = NULL, *both = NULL, *url = NULL;

	if (asprintf(&both, "%s%s", s3->prefix, list->prefix) >= 0) {
		prefix = seed_url_encode(both);
		free(both);
	}
	if (asprintf(&both, "%s%s", list->after[0] ? s3->prefix : "", list->after) >= 0) {
		after = seed_url_encode(both);
		free(both);
	}
	if (prefix && after &&
	    asprintf(&url, "%s/?%slist-type=2&max-keys=%d&prefix=%s%s%s", s3->base,
		     list->folders ? "delimiter=%2F&" : "", most, prefix,
		     list->after[0] ? "&start-after=" : "", after) < 0)
		url = NULL;
	free(prefix);
	free(after);
	return url;
}

errint_t seed_s3_list(struct seed_s3 *s3, const struct seed_s3_list *list, int64_t deadline_ms,
		      seed_s3_done_fn *done, void *context, struct seed_s3_op **out)
{
	struct seed_net_request request = { .method = "GET", .limit_bytes = LISTING_MAX_BYTES };
	struct seed_s3_op *op = op_new(s3, KIND_LIST, deadline_ms, done, context);
	char *url;
	errint_t err;

	if (!op)
		return -ENOMEM;
	op->folders = list->folders;
	op->prefix = strdup(list->prefix);
	op->after = strdup(list->after);
	if (!op->prefix || !op->after) {
		op_free(op);
		return -ENOMEM;
	}
	request.url = url = list_url(s3, list);
	err = begin(op, &request, out);
	free(url);
	return err;
}

/* ---- what an answer means ---- */

/* What a person is to do about an answer that will not become better. */
static void explain(const struct seed_s3_op *op, const struct seed_net_answer *answer,
		    struct seed_error *error)
{
	const char *bucket = op->s3->base;
	struct seed_s3_error said;
	char words[320];

	seed_s3_error_parse(answer->body ? answer->body : "", answer->len, &said);
	snprintf(words, sizeof(words), "HTTP %ld%s%s%s%s", answer->status, said.code[0] ? " " : "", said.code,
		 said.message[0] ? ": " : "", said.message);
	if (strcmp(said.code, "NoSuchBucket") == 0)
		(void)seed_error_set(error, EINVAL, "%s: there is no such bucket; make it, or correct store=",
				     bucket);
	else if (said.region[0] && strcmp(said.region, op->s3->credentials->region) != 0)
		(void)seed_error_set(error, EINVAL, "%s: the bucket is in the region %s; set "
				     "s3_region=%s", bucket, said.region, said.region);
	else if (strcmp(said.code, "RequestTimeTooSkewed") == 0)
		(void)seed_error_set(error, EACCES, "%s: this host's clock is wrong, so nothing that it signs "
				     "is taken; set it (timedatectl set-ntp true)", bucket);
	else if (answer->status == 401 || answer->status == 403 || strcmp(said.code, "ExpiredToken") == 0)
		(void)seed_error_set(error, EACCES, "%s: %s; are the credentials right, and may they read, "
				     "write, list and delete there?", bucket, words);
	else if (answer->status == 501)
		(void)seed_error_set(error, ENOTSUP, "%s: %s; this store lacks what seedfs needs", bucket, words);
	else
		(void)seed_error_set(error, EIO, "%s: %s", bucket, words);
	error->http_status = (int)answer->status;
	/* Whoever keeps a role's key asks for a new one at once. */
	if (strcmp(said.code, "ExpiredToken") == 0 && op->s3->credentials->expires_ms != INT64_MAX)
		op->s3->credentials->expires_ms = 0;
}

bool seed_s3_is_busy(long status)
{
	return status == 408 || status == 429 || (status >= 500 && status != 501);
}

static enum seed_s3_outcome judge_failed(const struct seed_s3_op *op, const struct seed_net_answer *answer)
{
	/* More than the caller wants to hold stays more. */
	if (answer->error.code == EFBIG && op->kind != KIND_WRITE)
		return SEED_S3_REFUSED;
	return op->kind == KIND_WRITE && answer->sent ? SEED_S3_UNSURE : SEED_S3_AWAY;
}

/* An object that is not there, in a bucket that is. A HEAD has no body that would tell. */
static bool is_absent(const struct seed_net_answer *answer)
{
	struct seed_s3_error said;

	seed_s3_error_parse(answer->body ? answer->body : "", answer->len, &said);
	return answer->status == 404 && strcmp(said.code, "NoSuchBucket") != 0;
}

/* What says "no" and means "later": nothing was done. A new key, or a clock that is set, mends it. */
static bool is_for_later(const struct seed_s3_op *op, const char *code)
{
	if (strcmp(code, "ExpiredToken") == 0)
		return op->s3->credentials->expires_ms != INT64_MAX;
	return strcmp(code, "RequestTimeTooSkewed") == 0;
}

static enum seed_s3_outcome judge_error(const struct seed_s3_op *op, const struct seed_net_answer *answer)
{
	struct seed_s3_error said;

	seed_s3_error_parse(answer->body ? answer->body : "", answer->len, &said);
	if (is_for_later(op, said.code))
		return SEED_S3_AWAY;
	if (seed_s3_is_busy(answer->status) || strcmp(said.code, "RequestTimeout") == 0)
		return op->kind == KIND_WRITE ? SEED_S3_UNSURE : SEED_S3_AWAY;
	return SEED_S3_REFUSED;
}

static enum seed_s3_outcome judge(const struct seed_s3_op *op, const struct seed_net_answer *answer)
{
	long status = answer->status;

	if (answer->error.code)
		return judge_failed(op, answer);
	if (status >= 200 && status < 300)
		return SEED_S3_DONE;
	if (is_absent(answer))
		return op->kind == KIND_READ ? SEED_S3_NONE :
		       op->kind == KIND_WRITE ? SEED_S3_UNSURE :
		       op->kind == KIND_DELETE ? SEED_S3_DONE : SEED_S3_REFUSED;
	if (op->kind == KIND_WRITE && (status == 409 || status == 412))
		return SEED_S3_UNSURE;
	return judge_error(op, answer);
}

/* Stores compare the whole, weak or not; the quotes are put back as each wants them. */
static void take_etag(struct seed_s3_answer *to, const char *etag)
{
	size_t len;

	if (!etag)
		return;
	etag += *etag == '"';
	len = strlen(etag);
	len -= len && etag[len - 1] == '"';
	if (len >= sizeof(to->etag) || strcspn(etag, "\"\r\n") < len)
		return;
	memcpy(to->etag, etag, len);
	to->etag[len] = '\0';
}

static void fill(const struct seed_s3_op *op, struct seed_net_answer *from, struct seed_s3_answer *to)
{
	*to = (struct seed_s3_answer){
		.outcome = judge(op, from),
		.error = from->error,
		.status = from->status,
		.body = from->body ? from->body : "",
		.len = from->len,
		.memfd = from->memfd,
		.date_s = from->date_s,
		.retry_after_ms = from->retry_after_ms,
	};
	take_etag(to, from->etag);
	if (!from->error.code && to->outcome != SEED_S3_DONE && to->outcome != SEED_S3_NONE)
		explain(op, from, &to->error);
	if (to->outcome == SEED_S3_DONE && op->kind == KIND_READ && to->len > op->read_limit) {
		to->outcome = SEED_S3_REFUSED;
		(void)seed_error_set(&to->error, EFBIG, "%s: an object of %zu bytes, where %zu are the most",
				     op->s3->base, to->len, op->read_limit);
	}
}

/* ---- listings ---- */

/* Without the bucket's prefix; -EBADMSG: the store listed what was not asked for. */
static errint_t strip(char **list, size_t count, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < count; i++) {
		if (strncmp(list[i], prefix, len) != 0)
			return -EBADMSG;
		memmove(list[i], list[i] + len, strlen(list[i] + len) + 1);
	}
	return 0;
}

/* Callers take keys apart behind the prefix, and ask for the next page behind the last key: so
 * a store is believed neither what lies elsewhere nor a page that leads nowhere. */
static errint_t check_page(const struct seed_s3_op *op, const struct seed_s3_listing *listing)
{
	size_t len = strlen(op->prefix);
	bool leads = !listing->more;

	if (listing->folder_count && !op->folders)
		return -EBADMSG;
	for (size_t i = 0; i < listing->key_count; i++) {
		if (strncmp(listing->keys[i], op->prefix, len) != 0 || strcmp(listing->keys[i], op->after) <= 0)
			return -EBADMSG;
		leads = true;
	}
	for (size_t i = 0; i < listing->folder_count; i++) {
		if (strncmp(listing->folders[i], op->prefix, len) != 0)
			return -EBADMSG;
		leads |= strcmp(listing->folders[i], op->after) > 0;
	}
	return leads ? 0 : -EBADMSG;
}

static void read_listing(const struct seed_s3_op *op, struct seed_s3_answer *answer,
			 struct seed_s3_listing *listing)
{
	errint_t err = seed_s3_listing_parse(answer->body, answer->len, listing);

	answer->listing = listing;
	if (!err)
		err = strip(listing->keys, listing->key_count, op->s3->prefix);
	if (!err)
		err = strip(listing->folders, listing->folder_count, op->s3->prefix);
	if (!err)
		err = check_page(op, listing);
	if (!err)
		return;
	answer->outcome = err == -ENOMEM ? SEED_S3_AWAY : SEED_S3_REFUSED;
	(void)seed_error_set(&answer->error, err == -ENOMEM ? ENOMEM : EIO, "%s: the store's answer is no "
			     "listing", op->s3->base);
}

static void finish_list(struct seed_s3_op *op, struct seed_s3_answer *answer)
{
	struct seed_s3_listing listing = { .more = false };

	read_listing(op, answer, &listing);
	op->done(op->context, answer);
	seed_s3_listing_release(&listing);
}

/* ---- swaps ---- */

/* Whatever became of the write, what stands there decides. */
static bool read_back(struct seed_s3_op *op, struct seed_s3_answer *answer)
{
	const struct seed_s3_get get = { .key = op->key, .limit_bytes = op->read_limit };
	errint_t err;

	op->kind = KIND_READ;
	op->date_s = answer->date_s;
	err = send_get(op, &get);
	if (!err)
		return true;
	(void)seed_error_set(&answer->error, -err, "%s", strerrordesc_np(-err));
	return false;
}

/* Where nothing stands, or another, the write did not happen, or another came behind it. */
static void compare(const struct seed_s3_op *op, struct seed_s3_answer *answer)
{
	if (answer->outcome == SEED_S3_NONE) {
		answer->outcome = SEED_S3_CHANGED;
		answer->body = NULL;
		answer->len = 0;
	} else if (answer->outcome == SEED_S3_DONE &&
		   (answer->len != op->bytes || memcmp(answer->body, op->data, op->bytes) != 0)) {
		answer->outcome = SEED_S3_CHANGED;
	} else if (answer->outcome == SEED_S3_AWAY) {
		/* The write may have happened, and nobody can be asked now. */
		answer->outcome = SEED_S3_UNSURE;
	}
}

/* Which errno a connection broke with says nothing to anybody, and EIO would be a disk's. */
errint_t seed_s3_error(const struct seed_s3_answer *answer)
{
	return answer->outcome == SEED_S3_REFUSED ? -answer->error.code : -EHOSTUNREACH;
}

static void on_answer(void *context, struct seed_net_answer *from)
{
	struct seed_s3_op *op = context;
	bool reading_back = op->swap && op->kind == KIND_READ;
	struct seed_s3_answer answer;

	op->transfer = NULL;
	fill(op, from, &answer);
	if (reading_back)
		compare(op, &answer);
	else if (op->swap && answer.outcome == SEED_S3_UNSURE && read_back(op, &answer))
		return;
	if (op->kind == KIND_LIST && answer.outcome == SEED_S3_DONE)
		finish_list(op, &answer);
	else
		op->done(op->context, &answer);
	from->memfd = answer.memfd;
	op_free(op);
}
