/* Requests that wait: the engine answers them when the outcome is known. */
#include "fs/fs.h"

struct waiting {
	struct seed_wait wait;
	struct fs *fs;
	fuse_req_t req;
	waiting_reply_fn *reply;
	void *context;
};

static void on_interrupt(fuse_req_t req, void *data)
{
	SEED_UNUSED(req);
	seed_engine_interrupt(data);
}

static void finish(struct seed_wait *wait, int code)
{
	struct waiting *waiting = (struct waiting *)wait;

	/* From here on no interrupt can reach the structure. */
	fuse_req_interrupt_func(waiting->req, NULL, NULL);
	if (waiting->reply)
		waiting->reply(waiting->fs, waiting->req, code, waiting->context);
	else
		fuse_reply_err(waiting->req, code);
	free(waiting);
}

struct seed_wait *waiting_uninterrupted(struct fs *fs, fuse_req_t req, waiting_reply_fn *reply,
					void *context)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting)
		return NULL;
	waiting->fs = fs;
	waiting->req = req;
	waiting->reply = reply;
	waiting->context = context;
	waiting->wait.done = finish;
	waiting->wait.process = fs_caller(req);
	waiting->wait.engine = fs->engine;
	return &waiting->wait;
}

struct seed_wait *waiting_new(struct fs *fs, fuse_req_t req, waiting_reply_fn *reply, void *context)
{
	struct seed_wait *wait = waiting_uninterrupted(fs, req, reply, context);

	/* Before the engine knows it: it may answer before we return. */
	if (wait)
		fuse_req_interrupt_func(req, on_interrupt, wait);
	return wait;
}

void waiting_drop(struct seed_wait *wait)
{
	struct waiting *waiting = (struct waiting *)wait;

	fuse_req_interrupt_func(waiting->req, NULL, NULL);
	free(waiting);
}

void waiting_fail(struct seed_wait *wait, int code)
{
	finish(wait, code);
}
