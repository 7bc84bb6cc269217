/*
 * HTTP over curl's multi interface. One thread (the engine's) owns a net and
 * everything in it. Nothing here blocks but seed_net_wait(). seed_net_turn() calls
 * back with the answers.
 *
 * Only http and https; certificates are verified; redirects are handed back,
 * not followed, so that each hop can be judged. A key is added only by
 * `authorization`, which the caller sets only for the API's own host.
 *
 * Address guard: a `guarded` transfer refuses (EPERM) to connect to a loopback,
 * private or link-local address. A transfer whose own URL goes through a proxy
 * (lib/net/proxy.h) connects to that, wherever it is; there, only addresses written in
 * the URL itself can be judged, since it is the proxy that resolves names.
 *
 * A service at a private address may hand out URLs with such addresses. Whether a
 * service is at one is known from its URL, or from the peer of a request to it
 * (`private_peer`). A name server's word alone does not count: with https the
 * peer must have proved to be the URL's host. With http nothing can be proved, but
 * whoever configured http trusts the network even with the key. A proxy's address says
 * nothing about the service's.
 */
#ifndef SEED_NET_H
#define SEED_NET_H

#include "lib/base/base.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/net/key.h"

struct seed_net;
struct seed_transfer;
struct pollfd;

/* AWS Signature Version 4 for the service "s3", made by curl. lib/s3/s3.h says what
 * a URL and the headers must be like for it. */
struct seed_net_signature {
	const char *region, *access_key, *secret_key;
};

/* Each kind has room of its own for its large answers: whoever sends one kind slowly, and fills that,
 * keeps none of the others waiting. */
enum seed_net_kind {
	SEED_NET_ANSWER, /* what an API says, for which a prompt waits */
	SEED_NET_LOOK,   /* what it says beside: while a picture is held */
	SEED_NET_IMAGE,  /* a picture for which a prompt waits */
	SEED_NET_CALLED, /* a picture that a webhook's body names */
	SEED_NET_STORE,  /* what the hosts' store says */
	SEED_NET_STORED, /* a picture from there */
	SEED_NET_KINDS
};

struct seed_net_request {
	enum seed_net_kind kind;
	const char *method;         /* "GET", "HEAD", "POST", "PUT", "DELETE" */
	const char *url;
	const char *body;           /* JSON, NULL for none */
	const void *data;           /* any bytes in its place; NULL: none. Not copied: */
	size_t data_bytes;          /* they stay until `done` or the cancel */
	const char *const *headers; /* more lines, NULL behind the last; NULL: none */
	const char *authorization;  /* the header's value, or NULL */
	const struct seed_net_signature *signature; /* NULL: not signed */
	const char *ca_file;        /* certificates in the system's place; NULL: the system's */
	bool direct;                /* through no proxy: the peer is this host's own */
	bool guarded;
	bool *private_peer;         /* set when the request goes to a private address; NULL: not asked */
	int64_t deadline_ms;        /* seed_clock_now_ms() scale: ETIMEDOUT then. While the process is
				     * stopped (SIGSTOP), or the answer waits for room here, its time
				     * stands still */
	int64_t whole_by_ms;        /* where a success has begun to come by then: in its place. 0: there is none */
	int stall_s;                /* 1 to INT_MAX: ETIMEDOUT where not a byte comes or goes for so long,
				     * while it waits for an answer, too. 0: only at the deadline */
	bool alone;                 /* over a connection of its own, as all that is no GET: nothing in the
				     * answer says whose it is, and on one that is kept a late answer to
				     * an earlier request would be taken for it */
	size_t limit_bytes;         /* of the answer's body, unpacked and as it came: EFBIG beyond */
	bool to_memfd;              /* the body goes to a memfd instead of a buffer */
	bool scrubs_large;          /* `done` calls seed_net_scrub() for an answer of more than
				     * SEED_ANSWER_SMALL_BYTES: such a one may have the key in it */
};

struct seed_net_answer {
	struct seed_error error;    /* code 0: an HTTP answer arrived whole */
	bool sent;                  /* the request had left before it failed: it may have been accepted */
	bool local;                 /* it failed because something is lacking here: memory, descriptors, room.
				     * Its peer may have given up a transfer that waited for room */
	long status;
	const char *body;           /* borrowed for the call; "" with to_memfd; without the key. With an
				     * error: what came until then */
	size_t len;
	int memfd;                  /* borrowed unless taken: set to -1 to take it */
	const char *redirect;       /* absolute target of a 3xx, or NULL */
	const char *etag;           /* as it was sent, with its quotes; NULL: none */
	int64_t date_s;             /* the peer's clock, since 1970; 0: it did not say */
	int64_t retry_after_ms;     /* 0 to a year; -1: none */
	bool shut;                  /* set it, and nothing more comes over its connection. Not together
				     * with `keep` */
	bool keep;                  /* set it to keep what is borrowed until seed_net_cancel() */
	struct seed_transfer *transfer; /* whose answer it is; NULL: seed_net_keep_room() was called */
};

typedef void seed_net_done_fn(void *context, struct seed_net_answer *answer);

/* For the process, before any other thread is there; and after. */
errint_t seed_net_start(void) SEED_MUST_CHECK;
void seed_net_end(void);

/* What all answers may hold at once on a machine, or in a control group, with so much memory: a
 * quarter, and SEED_ANSWERS_ALL_BYTES where half of it is as much. */
size_t seed_net_share_bytes(uint64_t memory_bytes);

/* Holds at most `most_bytes` of answers at once, until they, and the room that is kept, are given
 * back: lib/net/room.h says how they share it. What finds no room stays in its socket. */
errint_t seed_net_new(size_t most_bytes, struct seed_net **net) SEED_MUST_CHECK;
void seed_net_free(struct seed_net *net); /* transfers still there are dropped without a callback */

/* Everything in `request` but `data` is copied. `done` is called once, unless cancelled.
 * -ENOMEM, -EMFILE, -ENFILE: nothing was sent. */
errint_t seed_net_send(struct seed_net *net, const struct seed_net_request *request,
		       seed_net_done_fn *done, void *context,
		       struct seed_transfer **transfer) SEED_MUST_CHECK;
void seed_net_cancel(struct seed_net *net, struct seed_transfer *transfer);

/* Takes that key, which is not the caller's any more, out of all answers, also where it was sent with
 * another request, or has been replaced since: the last few are. */
void seed_net_hide(struct seed_net *net, struct seed_key *key);

/* Takes the keys out of the body of an answer that is kept; which takes seconds, where somebody has
 * made it for that. Any thread, which has the body for itself. */
void seed_net_scrub(struct seed_transfer *transfer);

/* Takes the same keys, in each way in which they are or were sent, out of a message that did not come
 * in an answer's body: an image says it, or curl. Also the beginning of one at its end, where it was
 * cut, and what a signed URL ends in (lib/base/url.h). Any thread. */
void seed_net_scrub_text(struct seed_net *net, char *text);

/* What was taken out of the answer is held on: so is its room, until seed_net_cancel() of the result.
 * The rest of the transfer, and all that is borrowed, ends here. In `done`, or for an answer that was
 * kept. */
struct seed_transfer *seed_net_keep_room(struct seed_net_answer *answer);

/* Whether some of its answer's body has come. */
bool seed_net_is_coming(const struct seed_transfer *transfer);

/* Whether it has begun to come in time, and may now take until whole_by_ms. */
bool seed_net_may_be_late(const struct seed_transfer *transfer);

/* From now on stall_s is so much. */
void seed_net_stall(struct seed_transfer *transfer, int stall_s);

/* Whether there was a connection, and the request is on its way. */
bool seed_net_has_left(const struct seed_transfer *transfer);

/* By how much its deadline has moved: while it waited for room, or this process was stopped, its time stood still. */
int64_t seed_net_added_ms(const struct seed_transfer *transfer);

/* Whether its answer waits for room. */
bool seed_net_waits(const struct seed_transfer *transfer);

/* No answer waits for room any more: for the last moments of a program that ends, in which what is paid
 * for is to be read. */
void seed_net_read_all(struct seed_net *net);

/* Moves transfers on and calls back for those that ended. */
void seed_net_turn(struct seed_net *net);

/* Sleeps until a transfer, one of `fds` (revents are filled), a wake or the
 * timeout. The only place where the engine's thread waits. */
void seed_net_wait(struct seed_net *net, struct pollfd *fds, size_t count, int64_t timeout_ms);

/* Ends the present or next seed_net_wait() at once. Any thread. */
void seed_net_wake(struct seed_net *net);

#endif
