/*
 * A test image service: what the files of tests/upstream/ share.
 *
 * The service answers as image services do and misbehaves on request. It is
 * written apart from libseed on purpose: a service that shared code with the
 * program would share its mistakes.
 *
 * One request, one thread (libmicrohttpd's thread per connection), so a
 * handler may simply block. All state (journal, faults, tasks) is guarded by
 * one lock, and every change of it is announced on one condition: nothing here
 * is worth a finer arrangement.
 *
 *     main.c     command line, stopping
 *     listen.c   the ports, and their outages
 *     http.c     a request from its first byte to its answer
 *     send.c     answers, whole or spoiled
 *     journal.c  what was received; what /_log, /_count and /_wait tell
 *     fault.c    the rules of /_faults
 *     task.c     generations
 *     files.c    /files/KIND/SEED.EXT: pictures
 *     picture.c  drawing and encoding them (png.c: PNG by hand)
 *     control.c  the endpoints whose names start with /_
 *     measure.c  `upstream pixels|compare`: looks at a picture, for tests
 *     dialect.c  what the dialects share
 *     kie.c …    a dialect: one file and one table of routes each (ALL_ROUTES)
 */
#ifndef UPSTREAM_SERVER_H
#define UPSTREAM_SERVER_H

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum auth {
	AUTH_NONE, /* no Authorization header */
	AUTH_OK,   /* a key that starts with "test-", under the dialect's scheme */
	AUTH_BAD,  /* anything else */
};

/* One request, read to its end. Strings are owned unless said otherwise. */
struct request {
	struct MHD_Connection *connection;
	const struct route *route;
	unsigned long number; /* in the journal; 0: not there */
	char *method;
	char *path;
	char *body; /* NUL-terminated beyond body_len */
	size_t body_len;
	size_t body_size;
	bool complained; /* too large: answered with 413 */
	enum auth auth;
	char *key;    /* what came with Authorization, without its scheme; or NULL */
	char *base;   /* "http://HOST:PORT", as the client called us */
	cJSON *json;  /* the body, if it is JSON */
	char *prompt; /* "" where the request belongs to none */
	char *task;   /* the task's id, or NULL */
	cJSON *fault; /* the "do" of the rule that applies, a copy; or NULL */
};

/* An answer. `data` is owned; freed once sent. */
struct reply {
	unsigned int status;
	char type[64];
	char *data;
	size_t len;
	bool endless;   /* after `data`, pseudo-random bytes for ever */
	bool close;     /* no answer at all */
	char *location; /* owned, or NULL */
	const char *header; /* one more header, and its value (owned), or NULL */
	char *header_value;
};

/* How a service wants its key and says no. The key's scheme is NULL where it
 * has none: a key that comes all the same is AUTH_BAD. */
struct dialect {
	const char *scheme;
	void (*refuse)(struct reply *reply, unsigned int status, const char *code,
		       const char *msg);
};

/* `on` names the kind of request for rules and counts. identify() fills
 * request->prompt and ->task before the rules are looked at; may be NULL. */
struct route {
	const char *method;
	const char *path;
	bool prefix;    /* whatever starts with `path` */
	bool needs_key; /* refused without one */
	const char *on; /* NULL: control, never logged and never spoiled */
	void (*identify)(struct request *request);
	void (*answer)(struct request *request, struct reply *reply);
	const char *suffix;            /* of `prefix`, what ends with this; NULL: all */
	const struct dialect *dialect; /* NULL: kie's envelope and Bearer */
};

/* Every file of routes: NAME.c defines NAME_routes, which ends with an entry whose path
 * is NULL. The first that matches answers. */
#define ALL_ROUTES(_) \
	_(control) _(files) _(kie) _(ark) _(fal) _(replicate) _(openai) _(automatic1111) _(comfyui)

#define DECLARE_ROUTES(name) extern const struct route name##_routes[];
ALL_ROUTES(DECLARE_ROUTES)

/* What the command line and /_config set. Guarded by the lock. */
struct config {
	long duration_ms;    /* of a task, unless a rule says otherwise */
	char image[64];      /* kind of picture, unless a rule says otherwise */
	bool auth_by_status; /* a bad key is HTTP 401, too, not only code 401 */
	bool apart;          /* pictures' URLs name the image host's port */
	const char *images;  /* --images DIR, or NULL */
};
extern struct config config;

/* The one lock. server_wait() gives it up until something changed, `ms` went
 * by or the server stops. */
void server_lock(void);
void server_unlock(void);
void server_changed(void);
void server_wait(int ms);
bool server_stopping(void); /* holds the lock or not */
void server_stop(void);

int64_t now_ms(void);  /* CLOCK_MONOTONIC */
int64_t wall_ms(void); /* CLOCK_REALTIME */

/* malloc and friends that end the program instead of failing. */
void *xalloc(size_t size);
char *xstrdup(const char *text); /* NULL: "" */
char *xprintf(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* listen.c. Ends the program where it cannot listen. */
enum door_id { DOOR_API, DOOR_IMAGES, DOOR_CONTROL, DOORS };
void listen_bind(const char *address);
unsigned int listen_port(enum door_id id);
void listen_start(struct MHD_Daemon *daemon);
void listen_stop(void); /* after server_stop() */
void listen_notify(void *context, struct MHD_Connection *connection, void **state,
		   enum MHD_ConnectionNotificationCode code);
/* Takes the door down, for `ms` (0: until it is opened), or opens it, and
 * returns once it is so. False: no such door. Takes the lock. */
bool listen_down(const char *name, bool down, long ms);

/* http.c: the callbacks for libmicrohttpd. */
enum MHD_Result http_handle(void *context, struct MHD_Connection *connection, const char *url,
			    const char *method, const char *version, const char *upload,
			    size_t *upload_len, void **state);
void http_completed(void *context, struct MHD_Connection *connection, void **state,
		    enum MHD_RequestTerminationCode code);
int http_socket(struct MHD_Connection *connection);

/* A query argument's value, or NULL; borrowed from the connection. */
const char *request_query(const struct request *request, const char *name);
/* Blocks until ms went by or the client or the server went away: false then. */
bool request_pause(const struct request *request, long ms);
/* Blocks until a /_release that covers the request's prompt; false as above. */
bool request_hold(struct request *request);

/* send.c */
void reply_text(struct reply *reply, unsigned int status, const char *type, char *data); /* takes data */
void reply_json(struct reply *reply, unsigned int status, cJSON *json);                  /* takes json */
enum MHD_Result send_reply(struct request *request, struct reply *reply); /* frees the reply */

/* measure.c */
int measure_main(int argc, char **argv);

#endif
