/*
 * A provider: how to ask one image service, and how to read its answers.
 *
 * Each stage of a task has two pure functions, over JSON and buffers, with no I/O,
 * no waiting and no state of their own. What a task must remember between two
 * answers is in struct seed_task. The engine journals it after each answer
 * that changed it, so that a task outlives the process.
 *
 * Calling sequence: the engine zeroes a task, then repeats
 *     seed_provider_request(): what to send at the task's present stage
 *     … sends it …
 *     seed_provider_answer(): reads the reply, moves the task on, says what
 *                comes next
 * until the step is an image or a failure. Wire formats: docs/providers.md.
 */
#ifndef SEED_PROVIDER_H
#define SEED_PROVIDER_H

#include "lib/base/base.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/record/params.h"

enum seed_stage {
	SEED_STAGE_SUBMIT, /* costs money */
	SEED_STAGE_POLL,   /* ask for the task's state */
	SEED_STAGE_RESULT, /* done: ask for its result (services that separate the two) */
	SEED_STAGE_REISSUE, /* the image URL expired: ask for a new one (image_url is the old one) */
	SEED_STAGE_CANCEL, /* ask the service to stop */
	SEED_STAGE_LOOK,   /* ask for its progress, while another request is under way */
	SEED_STAGE_CHECK,  /* the image came with the answer: ask whether it is whole */
	SEED_STAGE_OTHER,  /* the image is not valid: ask for another of the same task */
};

/* Strings are owned; NULL where the service gave none. */
struct seed_task {
	enum seed_stage stage;
	char *id;         /* the service's id of the task */
	char *poll_url;   /* as the service returned them; checked by the engine */
	char *result_url; /* to be on api_base's host before the key goes there */
	char *cancel_url;
	char *image_url;
	char *note;       /* whatever else the provider must remember */
	int turn;         /* of a LOOK or CANCEL in several requests: which comes next;
			   * 0 at its beginning; not journalled */
};

enum seed_auth {
	SEED_AUTH_NONE,
	SEED_AUTH_BEARER, /* Authorization: Bearer KEY */
	SEED_AUTH_KEY,    /* Authorization: Key KEY */
	SEED_AUTH_LOCAL,  /* "user:password" as Basic, else Bearer; or as the key itself says */
};

/* What the engine sends. Strings owned by the request. The key is added by
 * the engine, by the provider's `auth`, only for api_base's own host. */
struct seed_request {
	const char *method; /* static: "GET", "POST", "PUT" */
	char *url;
	char *body;         /* JSON or NULL; sent as application/json */
	char *header;       /* one more line, "Name: value", or NULL */
	bool alone;         /* nothing in the answer says whose it is */
	bool neutralised;   /* markup that the server would take for parameters was
			     * made harmless in the prompt: worth a line of the log */
	/* SUBMIT, each worth a line, too: a model of no known family; and what
	 * was asked for and the model does not have. */
	bool unknown_model, no_negative, no_seed;
};

/* What came back. Borrowed for the call. */
struct seed_response {
	long status;             /* HTTP's */
	const char *body;        /* NUL-terminated beyond len */
	size_t len;
	const char *redirect;    /* where a 3xx leads, or NULL */
	int64_t retry_after_ms;  /* from Retry-After; 0: at once, or unreadable; -1: none */
};

enum seed_step_kind {
	SEED_STEP_FAIL,    /* the attempt failed: `error` says why, and whether it is final */
	SEED_STEP_WAIT,    /* not done: send request() again when the schedule says */
	SEED_STEP_NEXT,    /* send request() again now (the stage has moved on) */
	SEED_STEP_BACKOFF, /* busy, or nothing known: the same again after retry_after_ms (0, -1: the engine's back-off) */
	SEED_STEP_URL,     /* the image is at task->image_url */
	SEED_STEP_BYTES,   /* the image is in `bytes` */
	SEED_STEP_DONE,    /* for CANCEL, LOOK and CHECK: nothing more to ask */
	SEED_STEP_UNKNOWN, /* for POLL and LOOK: the service does not know the task (now) */
};

/*
 * Initialise with seed_step_init(), release after use.
 *
 * A failure is of one of three classes. Refused: error.code is EKEYREJECTED
 * (the key) or EDQUOT (no credits), whatever the stage; always final. Invalid:
 * EINVAL (the request) or EPERM (the content policy); final if it is certain
 * that no other attempt would be accepted. Failed: everything else.
 */
struct seed_step {
	enum seed_step_kind kind;
	struct seed_error error;
	bool refused;    /* FAIL: key or credits refused this request; it says nothing about the task */
	const char *api_base; /* borrowed: relative URLs are below it */
	char *refused_url; /* FAIL: an image URL that cannot be used, whole: for a person; or NULL */
	bool misdirected; /* BACKOFF: it answers for another task */
	bool unnamed;     /* it does not say whose it is: nothing else is to come over its connection */
	bool withdraw;   /* FAIL, but the service runs a part of it: cancel that */
	struct seed_buf bytes;
	int64_t retry_after_ms;
	double progress; /* 0..1 where the service told it, else < 0 */
	int queue_position; /* 0..INT_MAX, as the service counts; < 0 where it told none */
	double cost;     /* 0..SEED_COST_MAX where the service told it, else < 0; its own unit */
};

struct cJSON;

struct seed_provider_config {
	const char *api_base; /* without a slash at its end */
	const char *workflow; /* comfyui: the workflow's text, or NULL */
	int timeout_seconds;  /* of an attempt: where the service can be told to stop then; 0: 300 */
};

/* kie's name for the default model, and the mount's. For other services default_model has
 * their own name for it. */
#define SEED_DEFAULT_MODEL "bytedance/seedream-v4-text-to-image"

/* What a request is built from, and where it is built. Borrowed for the call. */
struct seed_ask {
	const struct seed_provider_config *config;
	const struct seed_params *params;
	const char *model;  /* as the service calls it; NULL: the server chooses */
	const char *prompt; /* the full one, style included */
	struct seed_task *task;
	struct seed_request *request;
	struct cJSON *body; /* an object, empty at first: what a POST sends */
};

/* One stage: a request and the answer to it. */
struct seed_exchange {
	/* NULL: the service has no such request. Else 0, -ENOMEM, -EOPNOTSUPP
	 * if this task lacks what it needs, or -EINVAL for a model's name
	 * that cannot be part of a path, or an invalid workflow. SUBMIT's
	 * may set task->id, if the client chooses it (comfyui,
	 * automatic1111): journal the task before sending. Such a task whose
	 * submission was cut short can be set to POLL; without a POLL it is lost. */
	errint_t (*ask)(const struct seed_ask *ask);

	/* NULL: whatever the answer says, there is nothing more to ask (DONE).
	 * `json` is the body's tree, NULL if it is not JSON; `step` is
	 * initialised. Never fails itself: whatever it cannot read is
	 * SEED_STEP_FAIL with EIO and says what was wrong. A broken answer
	 * while polling (5xx, not JSON) is BACKOFF, not a failure. WAIT is for
	 * a service that says that the task is not done: the two differ at the
	 * deadline. LOOK and CHECK return WAIT, with the progress; FAIL if the
	 * task has failed; UNKNOWN; DONE if this server has no such
	 * request, with a line for the log in `error` if one is due; or NEXT
	 * if a look takes several requests, with task->turn changed. */
	void (*read)(struct seed_task *task, const struct seed_response *response,
		     const struct cJSON *json, struct seed_step *step);
};

struct seed_provider {
	const char *name;
	const char *default_base;          /* NULL: needs none (sketch) */
	const char *key_variables[3];      /* NULL-terminated; none: needs no key */
	enum seed_auth auth;
	int rate_count, rate_seconds;      /* documented limit of new submissions; 0: none */
	int queries_per_second;            /* documented limit of polling over all tasks; 0: none */
	int look_ms;                       /* between two looks at a task that runs; 0: a second */
	/* The model to ask for if the mount names none; NULL: the server
	 * chooses, and does not say which. If api_base matches `site` (a pattern
	 * of fnmatch(3)), it is site_model. */
	const char *default_model, *site, *site_model;
	/* The cheapest request that proves a key, a GET of this path below api_base:
	 * free, changes nothing, and refused without a valid key. NULL: none is
	 * documented. Then the path of the credits that are left in its answer, or NULL. */
	const char *proof_path, *proof_credits;
	bool builds_urls;           /* those of a task's that it was not given, from its id */
	bool draws;                        /* no service: the worker draws the picture */
	bool dry_run;                      /* … and the log has the request, which is not sent */

	/* LOOK is for services whose SUBMIT or POLL does not report
	 * progress: it is sent repeatedly meanwhile. CHECK is for services
	 * that answer with half an image if a task was stopped. Neither
	 * changes the task but for its turn, nor does its read(). */
	struct seed_exchange on[SEED_STAGE_OTHER + 1];
};

/* Builds the request for task->stage. 0, or as seed_exchange.ask; -EOPNOTSUPP where
 * the service has none. Unset fields of `request` are NULL; release it in any case. */
errint_t seed_provider_request(const struct seed_provider *provider,
			       const struct seed_provider_config *config,
			       const struct seed_params *params, const char *prompt,
			       struct seed_task *task, struct seed_request *request)
	SEED_MUST_CHECK;

/* The service's own name for the model `asked` (NULL or empty: the mount's default);
 * NULL: the server chooses. */
const char *seed_provider_model(const struct seed_provider *provider,
				const struct seed_provider_config *config, const char *asked);

/* What an answer means. `step` is initialised here; release it. At every stage
 * an answer of a busy service (429, 503 with Retry-After, code 429 in a 200, unless
 * the words speak of a used-up quota) is BACKOFF, and then nothing else is read. */
void seed_provider_answer(const struct seed_provider *provider,
			  const struct seed_provider_config *config,
			  const struct seed_params *params, struct seed_task *task,
			  const struct seed_response *response, struct seed_step *step);

/* NULL for a name that is not known. */
const struct seed_provider *seed_provider_find(const char *name);

/* The value of the Authorization header for this key, malloc'd; wipe it before
 * freeing it. NULL without memory, and if the provider takes no key. */
char *seed_provider_authorization(const struct seed_provider *provider, const char *key);

/* The i-th provider, NULL past the end: for help texts. */
const struct seed_provider *seed_provider_at(size_t index);

void seed_task_release(struct seed_task *task); /* zeroes it, too */
/* `to` is initialised here, and empty without memory (-ENOMEM). */
errint_t seed_task_copy(struct seed_task *to, const struct seed_task *from) SEED_MUST_CHECK;
/* JSON of a task for the journal; malloc'd, NULL without memory. */
char *seed_task_format(const struct seed_task *task);
errint_t seed_task_parse(const char *json, struct seed_task *task) SEED_MUST_CHECK;
/* Whether each URL of it that gets the key is one of that task's own: api_base/predictions/ID or
 * api_base/OWNER/APP/requests/ID, with nothing behind it but what to do with it (Replicate, fal; docs
 * of both). A service may hand out any others; from a stranger they would be requests of his
 * choice. */
bool seed_task_names_itself(const struct seed_task *task, const char *api_base);

void seed_request_release(struct seed_request *request);
void seed_step_init(struct seed_step *step);
void seed_step_release(struct seed_step *step);

/* The image of a webhook's body (`man seed`), in every nesting that
 * it names. *image_url and *prompt are malloc'd or NULL where the body has
 * none. -EINVAL if the body is not a JSON object, with the byte in `error`. */
errint_t seed_provider_callback(const char *body, size_t len, char **image_url,
				char **prompt, struct seed_error *error) SEED_MUST_CHECK;

#endif
