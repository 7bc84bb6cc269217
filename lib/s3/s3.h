/*
 * One bucket of an S3 store, and what is asked of it. HTTP, TLS and signatures are curl's
 * (lib/net/net.h). All of it belongs to the thread of its net (the engine's); nothing
 * blocks.
 *
 * A request is formed so that every store and version of curl signs it alike: keys of
 * plain characters only (lib/s3/key.h), parameters sorted and encoded, the sum of the body
 * in a header, no header removed by curl's "Name:". Writes go over a connection of their
 * own: curl sends a request again by itself when a kept connection turns out to be
 * closed, and its caller would see "412" for what it has written itself.
 *
 * Conditional writes are what hosts agree by: seed_s3_swap().
 *
 * Sources: Amazon S3 API reference (PutObject, GetObject, ListObjectsV2, DeleteObject,
 * "Conditional writes", "Error responses"); Ceph RGW 16 and 18 as measured: an ETag in
 * If-Match must stand without its quotes there, a write that loses a race is answered
 * with 500, and If-Match of a DELETE is ignored.
 */
#ifndef SEED_S3_H
#define SEED_S3_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/net/net.h"
#include "lib/s3/credentials.h"
#include "lib/s3/listing.h"

struct seed_s3;
struct seed_s3_op;

struct seed_s3_config {
	/* "https://host[:port]"; NULL: Amazon's of the region. The bucket stands in the path,
	 * unless the host begins with "BUCKET." or it is Amazon's. */
	const char *endpoint;
	const char *bucket;
	const char *prefix;  /* "" or a plain key (lib/s3/key.h) without a '/' at its end */
	const char *ca_file; /* NULL: the system's */
};

/* `credentials` stay the caller's, and may be filled anew meanwhile. Where they expire, and the
 * store says that they have, their expires_ms becomes 0. -EINVAL with a line: what is wrong in
 * `config`. */
errint_t seed_s3_new(struct seed_net *net, const struct seed_s3_config *config,
		     struct seed_s3_credentials *credentials, struct seed_s3 **s3,
		     struct seed_error *error) SEED_MUST_CHECK;
void seed_s3_free(struct seed_s3 *s3); /* when nothing is under way; NULL is allowed */

/* The most bytes that a key may have here, behind the bucket's prefix. */
size_t seed_s3_key_room(const struct seed_s3 *s3);

/* How If-Match is to be written at this store: probe.h learns it. At first with quotes. */
void seed_s3_set_quotes(struct seed_s3 *s3, bool quotes);

enum seed_s3_outcome {
	SEED_S3_DONE,
	SEED_S3_NONE,    /* read: there is no such object */
	SEED_S3_CHANGED, /* swap: another stands there; `body` and `etag` are its, NULL: none */
	/* put: it may stand there, or not: the condition does not hold, or the answer was
	 * lost. Reading it back tells. */
	SEED_S3_UNSURE,
	/* Not reached, or busy; or the signature is not good now: the key of a role has expired,
	 * or a clock is wrong. Nothing was changed; again later. */
	SEED_S3_AWAY,
	SEED_S3_REFUSED, /* again would not help: `error` says what would */
};

/* An HTTP status that says "later". 501 says "never". */
bool seed_s3_is_busy(long status);

#define SEED_S3_NO_ETAG "the store answers without an ETag, and nothing can be changed: look for a proxy before it"

/* An ETag without its quotes, and NUL. Stores send 32 or some more characters. */
#define SEED_S3_ETAG_BYTES 128

struct seed_s3_answer {
	enum seed_s3_outcome outcome;
	struct seed_error error;  /* of all but DONE, NONE and CHANGED */
	long status;              /* 0: no answer */
	const char *body;         /* borrowed for the call; NUL behind it */
	size_t len;
	int memfd;                /* of a get to a memfd: borrowed unless taken (-1) */
	char etag[SEED_S3_ETAG_BYTES]; /* "": none */
	int64_t date_s;           /* the store's clock; 0: not told */
	int64_t retry_after_ms;   /* -1: not told */
	struct seed_s3_listing *listing; /* of a list that is DONE: borrowed */
};

/* What a user is told of an answer that is not DONE: -EHOSTUNREACH where asking again may help.
 * Thread: any. */
errint_t seed_s3_error(const struct seed_s3_answer *answer);

/* Called once by seed_net_turn(), unless cancelled. */
typedef void seed_s3_done_fn(void *context, struct seed_s3_answer *answer);

struct seed_s3_get {
	const char *key;
	bool head;                /* only whether it is there, and its ETag */
	int64_t first, bytes;     /* a range; bytes 0: all of it */
	size_t limit_bytes;       /* more is EFBIG: SEED_S3_REFUSED */
	bool to_memfd;
};

/* Errors of these: -EINVAL for a key that is not plain; -ENOMEM, -EMFILE, -ENFILE:
 * nothing was sent. `deadline_ms` as in struct seed_net_request. */
errint_t seed_s3_get(struct seed_s3 *s3, const struct seed_s3_get *get, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **op) SEED_MUST_CHECK;

/* When a write is to happen at all. */
enum seed_s3_condition { SEED_S3_ALWAYS, SEED_S3_IF_NONE, SEED_S3_IF_MATCH };

struct seed_s3_put {
	const char *key;
	const void *data;         /* stays until `done` or the cancel */
	size_t bytes;
	const char *sha256;       /* of `data`, in hexadecimal; NULL: it is summed here */
	enum seed_s3_condition condition;
	const char *etag;         /* of SEED_S3_IF_MATCH, without quotes */
};
errint_t seed_s3_put(struct seed_s3 *s3, const struct seed_s3_put *put, int64_t deadline_ms,
		     seed_s3_done_fn *done, void *context, struct seed_s3_op **op) SEED_MUST_CHECK;

/* A put with a condition that is read back wherever its answer leaves a doubt. DONE: what
 * stands there is `data`. CHANGED: it is not, and whether `data` ever stood there is for the
 * caller to see in what does; so `data` must differ from all that was ever written to the key
 * (a serial and a nonce). `read_limit_bytes`: of what stands there. */
errint_t seed_s3_swap(struct seed_s3 *s3, const struct seed_s3_put *put, size_t read_limit_bytes,
		      int64_t deadline_ms, seed_s3_done_fn *done, void *context,
		      struct seed_s3_op **op) SEED_MUST_CHECK;

/* Without a condition: no store but Amazon's keeps one here. One that is not there is
 * DONE. */
errint_t seed_s3_delete(struct seed_s3 *s3, const char *key, int64_t deadline_ms,
			seed_s3_done_fn *done, void *context, struct seed_s3_op **op) SEED_MUST_CHECK;

/* A page of keys that begin with `prefix` (may be "") and come behind `after` ("": from the
 * first). `folders`: what has a '/' behind the prefix is listed as a folder, once. The
 * listing's keys are without the bucket's own prefix. */
struct seed_s3_list {
	const char *prefix, *after;
	bool folders;
	int most; /* 0: SEED_S3_PAGE_MAX */
};
errint_t seed_s3_list(struct seed_s3 *s3, const struct seed_s3_list *list, int64_t deadline_ms,
		      seed_s3_done_fn *done, void *context, struct seed_s3_op **op) SEED_MUST_CHECK;

/* What an image of so many bytes may take on its way: also over a slow line, of 32 KiB in a second.
 * One that does not move at all ends after a minute. */
int64_t seed_s3_image_ms(uint64_t bytes);

void seed_s3_cancel(struct seed_s3_op *op); /* without `done` */

#endif
