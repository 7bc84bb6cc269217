/*
 * A folder as the store has it: all names in it are looked at before it is listed, those
 * that have changed are read, and folders that other hosts have made are made. So are all below
 * it, before it is removed or renamed.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/s3/key.h"

/* Of a page of keys. */
#define PAGE_MS 10000
/* Names of a gallery, which shows no more. */
#define GALLERY_NAMES 20000
/* No folder's path: of a gallery's look. */
#define ALL "/"
/* Names that are read at once. */
#define READS 32
/* Reads that a busy store may refuse, of all: they are asked for again. And of one page. */
#define REFUSED_MAX 64
#define PAGE_TRIES_MAX 4

struct folder_item {
	struct refresh_watch watch; /* first */
	struct folder_look *look;
	size_t name; /* its number */
	bool again;  /* for the second time; each takes a while */
};

struct folder_look {
	struct folder_look *next, **link;
	struct seed_engine *engine;
	void (*done)(struct seed_engine *engine, void *context, errint_t err);
	void *context;
	bool below;               /* in folders of this one, too */
	char *prefix;             /* key of the folder, with a '/' at its end; owned */
	char *after;              /* the last key that was listed; owned */
	struct seed_s3_op *asked;
	char **names;             /* to be read; owned, each */
	size_t count, alloc, next_name;
	size_t left;              /* so many keys more are listed */
	int reading, refused, tries; /* `tries` of the page */
	bool shows;               /* what is damaged is left out, and the log says so; else it is an error */
	bool listed;
	errint_t missed;          /* what one of them met; 0: none has met anything */
	errint_t err;             /* ends it */
};

static void look_free(struct folder_look *look)
{
	if (look->link) {
		*look->link = look->next;
		if (look->next)
			look->next->link = look->link;
	}
	for (size_t i = 0; i < look->count; i++)
		free(look->names[i]);
	free(look->names);
	free(look->prefix);
	free(look->after);
	free(look);
}

static void end(struct folder_look *look)
{
	struct seed_engine *engine = look->engine;
	void (*done)(struct seed_engine *, void *, errint_t) = look->done;
	void *context = look->context;
	errint_t err = look->err ? look->err : look->missed;

	look_free(look);
	done(engine, context, err);
}

/* ---- names ---- */

static void go_on(struct folder_look *look);

static bool read_name(struct folder_look *look, size_t name, bool again);

static bool is_away(errint_t err)
{
	return err == -EHOSTUNREACH || err == -ETIMEDOUT;
}

static bool ends_look(errint_t err)
{
	return is_away(err) || err == -ESHUTDOWN || err == -ENOMEM;
}

/* The others are looked at all the same. Of a damaged entry refresh.c has said it. */
static void miss(struct folder_look *look, const char *name, errint_t err)
{
	if (err == -EBADMSG && look->shows)
		return;
	if (!look->missed && err != -EBADMSG)
		seed_log_line(look->engine->log, name, SEED_LOG_ERROR "What the store has for this name, and maybe "
			      "for others of its folder, cannot be shown here: %s (%s)", strerrordesc_np(-err),
			      seed_error_name(-err));
	look->missed = err;
}

static void name_read(struct seed_engine *engine, struct refresh_watch *watch, errint_t err)
{
	struct folder_item *item = (struct folder_item *)watch;
	struct folder_look *look = item->look;
	size_t name = item->name;
	bool again = item->again;

	SEED_UNUSED(engine);
	free(watch);
	look->reading--;
	if (is_away(err) && !again && look->refused++ < REFUSED_MAX && read_name(look, name, true))
		return;
	if (err && !ends_look(err))
		miss(look, look->names[name], err);
	else if (err && !look->err)
		look->err = err;
	go_on(look);
}

/* False: there is nothing to wait for. */
static bool read_name(struct folder_look *look, size_t name, bool again)
{
	struct folder_item *item = calloc(1, sizeof(*item));

	if (!item) {
		look->err = -ENOMEM;
		return false;
	}
	item->watch.done = name_read;
	item->look = look;
	item->name = name;
	item->again = again;
	if (!refresh_name(look->engine, look->names[name], false, &item->watch)) {
		free(item);
		return false;
	}
	look->reading++;
	return true;
}

static void go_on(struct folder_look *look)
{
	while (!look->err && look->reading < READS && look->next_name < look->count)
		(void)read_name(look, look->next_name++, false);
	if (look->reading == 0 && (look->listed || look->err) && !look->asked)
		end(look);
}

/* ---- keys ---- */

static errint_t add_name(struct folder_look *look, const char *key, size_t len, const char *etag)
{
	char name[SEED_STORE_PATH_BYTES], **names;
	errint_t err;

	/* What is no name of ours is nobody's here. */
	if (!shared_name_of(key, len, name))
		return 0;
	if (etag && refresh_has(look->engine, name, etag, &err)) {
		if (err)
			miss(look, name, err);
		return 0;
	}
	if (etag) /* it has changed, although it was looked at just now */
		refresh_forget(look->engine, name);
	if (look->count == look->alloc) {
		look->alloc = look->alloc ? 2 * look->alloc : 64;
		names = reallocarray(look->names, look->alloc, sizeof(*names));
		if (!names)
			return -ENOMEM;
		look->names = names;
	}
	look->names[look->count] = strdup(name);
	return look->names[look->count++] ? 0 : -ENOMEM;
}

static errint_t ask(struct folder_look *look);

static errint_t add_page(struct folder_look *look, const struct seed_s3_listing *page)
{
	const char *last = NULL;
	errint_t err = 0;

	for (size_t i = 0; !err && i < page->key_count && look->left > 0; i++, look->left--) {
		last = page->keys[i];
		err = add_name(look, last, strlen(last), page->etags[i]);
	}
	for (size_t i = 0; !err && i < page->folder_count; i++) {
		if (!last || strcmp(page->folders[i], last) > 0)
			last = page->folders[i];
		err = add_name(look, page->folders[i], strlen(page->folders[i]) - strlen("/"), NULL);
	}
	look->listed = !page->more || !last || !look->left;
	if (err || look->listed)
		return err;
	err = seed_record_set(&look->after, last);
	return err ? err : ask(look);
}

static void on_page(void *context, struct seed_s3_answer *answer)
{
	struct folder_look *look = context;

	look->asked = NULL;
	/* It is busy; one that is away is not asked again. */
	if (answer->outcome == SEED_S3_AWAY && answer->status && ++look->tries < PAGE_TRIES_MAX && ask(look) == 0)
		return;
	look->tries = 0;
	if (answer->outcome == SEED_S3_DONE)
		look->err = add_page(look, answer->listing);
	else
		look->err = seed_s3_error(answer);
	if (answer->outcome != SEED_S3_DONE)
		shared_answered(look->engine->shared, look->err, &answer->error);
	if (answer->outcome == SEED_S3_REFUSED)
		seed_log_line(look->engine->log, NULL, SEED_LOG_ERROR "The store does not list %s: %s (%s)",
			      look->prefix, answer->error.message, seed_error_name(answer->error.code));
	go_on(look);
}

static errint_t ask(struct folder_look *look)
{
	const struct seed_s3_list list = {
		.prefix = look->prefix, .after = look->after ? look->after : "", .folders = !look->below,
	};

	return seed_s3_list(look->engine->shared->s3, &list, seed_clock_now_ms() + PAGE_MS, on_page, look,
			    &look->asked);
}

static errint_t make_prefix(const char *path, char **out)
{
	struct seed_buf key;
	errint_t err;

	seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
	err = seed_buf_add(&key, "name/", strlen("name/"));
	if (!err && *path)
		err = seed_s3_key_add_name(&key, path);
	if (!err && *path)
		err = seed_buf_add(&key, "/", 1);
	if (!err)
		err = seed_record_set(out, key.data);
	seed_buf_release(&key);
	return err;
}

/* ---- orders ---- */

static struct folder_look *look_new(struct seed_engine *engine, const char *path)
{
	struct folder_look *look = calloc(1, sizeof(*look));

	if (!look)
		return NULL;
	look->engine = engine;
	look->left = SIZE_MAX;
	look->next = engine->shared->folder_looks;
	look->link = &engine->shared->folder_looks;
	if (look->next)
		look->next->link = &look->next;
	engine->shared->folder_looks = look;
	look->err = make_prefix(path, &look->prefix);
	return look;
}

static bool can_look(const struct seed_engine *engine)
{
	return engine->shared && engine->shared->fit && !engine->stopping &&
	       seed_clock_now_ms() >= engine->shared->looks_ms;
}

errint_t folder_look_below(struct seed_engine *engine, const char *path,
			   void (*done)(struct seed_engine *, void *, errint_t), void *context)
{
	struct folder_look *look;
	errint_t err;

	if (engine->stopping)
		return -ESHUTDOWN;
	if (!can_look(engine))
		return -EHOSTUNREACH;
	look = look_new(engine, path);
	if (!look)
		return -ENOMEM;
	look->done = done;
	look->context = context;
	look->below = true;
	err = look->err ? look->err : ask(look);
	if (err)
		look_free(look);
	return err;
}

static void shown(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;

	request_refuse(engine, request, request->code);
}

/* Names that nobody here has looked at would be missing without a word; so the first listing
 * fails, and later ones are what was known. */
static int code_of(struct seed_engine *engine, const char *path, errint_t err)
{
	bool away = err == -EHOSTUNREACH || err == -ETIMEDOUT;

	return away && refresh_knows_folder(engine, path) ? 0 : -err;
}

static void listed(struct seed_engine *engine, void *context, errint_t err)
{
	struct request *request = context;

	if (!err)
		refresh_note_folder(engine, request->name);
	request->code = code_of(engine, request->name, err);
	shown(engine, &request->command);
}

static void begin_look(struct folder_look *look, struct request *request)
{
	look->done = listed;
	look->context = request;
	look->shows = true;
	if (!look->err)
		look->err = ask(look);
	if (request->wait)
		wait_hold(look->engine, &request->wait, request->wait);
	if (look->err)
		end(look);
}

/* The store was just away, and is not asked. One that was away at the mount is another case: what is
 * here is shown, and the log says so. */
static bool is_unknown(struct seed_engine *engine, const char *path)
{
	return engine->shared && engine->shared->fit && !engine->stopping &&
	       seed_clock_now_ms() < engine->shared->looks_ms && !refresh_knows_folder(engine, path);
}

static void run(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct folder_look *look;

	look = can_look(engine) && !refresh_folder_is_fresh(engine, request->name) ?
		look_new(engine, request->name) : NULL;
	if (!look) {
		request->code = is_unknown(engine, request->name) ? EHOSTUNREACH : 0;
		shown(engine, command);
		return;
	}
	begin_look(look, request);
}

static void run_all(struct seed_engine *engine, struct command *command)
{
	struct request *request = (struct request *)command;
	struct folder_look *look = can_look(engine) && !refresh_folder_is_fresh(engine, ALL) ?
		look_new(engine, "") : NULL;

	if (!look) {
		shown(engine, command);
		return;
	}
	look->below = true;
	look->left = GALLERY_NAMES;
	begin_look(look, request);
}

errint_t seed_engine_refresh_all(struct seed_engine *engine, struct seed_wait *wait)
{
	struct request *request = request_new(ALL, wait, run_all);

	if (!request)
		return -ENOMEM;
	engine_post(engine, &request->command);
	return 0;
}

errint_t seed_engine_refresh_folder(struct seed_engine *engine, const char *path,
				    struct seed_wait *wait)
{
	struct request *request = request_new(path, wait, run);

	if (!request)
		return -ENOMEM;
	engine_post(engine, &request->command);
	return 0;
}

void folders_stop(struct seed_engine *engine)
{
	struct folder_look *next;

	if (!engine->shared)
		return;
	for (struct folder_look *look = engine->shared->folder_looks; look; look = next) {
		next = look->next;
		look->err = -ESHUTDOWN;
		if (!look->asked)
			continue; /* its names are on disk threads */
		seed_s3_cancel(look->asked);
		look->asked = NULL;
		go_on(look); /* one that waited for it may end, too */
		next = engine->shared->folder_looks;
	}
}
