/*
 * A user's change of a name, at the store that hosts share: before anything is changed
 * here. A rename is one of each entry: what the source has joins the target, and leaves the
 * source. A folder's is that of each entry below it; images do not move. What is cut
 * off in between is under both names, and the rename can be made again.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/s3/key.h"

/* Of one question. */
#define ASK_MS 10000

void shared_change_begin(struct shared_change *change, struct seed_engine *engine,
			 void (*done)(struct shared_change *change))
{
	struct shared *shared = engine->shared;

	change->engine = engine;
	change->done = done;
	change->err = 0;
	change->next = shared->changes;
	change->link = &shared->changes;
	if (change->next)
		change->next->link = &change->next;
	shared->changes = change;
}

void shared_change_release(struct shared_change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		free(change->names[i]);
		free(change->gone[i]);
	}
	free(change->names);
	free(change->gone);
	free(change->left);
	free(change->entry);
	seed_share_release(&change->source);
	*change = (struct shared_change){ .next = NULL };
}

static void end(struct shared_change *change, errint_t err)
{
	if (change->link) {
		*change->link = change->next;
		if (change->next)
			change->next->link = change->link;
		change->link = NULL;
	}
	change->err = err;
	change->done(change);
}

static bool failed(struct shared_change *change, const struct seed_share_result *result)
{
	change->asked = NULL;
	shared_answered(change->engine->shared, result->err, &result->error);
	if (result->err)
		end(change, result->err);
	return result->err != 0;
}

static void ask(struct shared_change *change, struct seed_share_request *request,
		seed_share_done_fn *done)
{
	errint_t err;

	request->deadline_ms = seed_clock_now_ms() + ASK_MS;
	err = !change->engine->shared->fit ? -EHOSTUNREACH :
	      seed_share_start(change->engine->shared->share, request, done, change, &change->asked);
	if (err)
		end(change, err == -EINVAL ? -ENAMETOOLONG : err);
}

/* ---- one entry ---- */

static void on_changed(void *context, const struct seed_share_result *result)
{
	struct shared_change *change = context;

	if (failed(change, result))
		return;
	if (result->entry->folder)
		parent_keep(change->engine->shared, change->name);
	change->entry = seed_share_format(result->entry);
	end(change, change->entry ? 0 : -ENOMEM);
}

void shared_change_ask(struct shared_change *change, struct seed_share_request *request)
{
	change->name = request->name;
	ask(change, request, on_changed);
}

/* ---- a rename ---- */

static void rename_next(struct shared_change *change);

/* `next_name` is the one under way. */
static const char *from_name(const struct shared_change *change)
{
	return change->names[change->next_name];
}

static bool to_name(const struct shared_change *change, char name[SEED_STORE_PATH_BYTES])
{
	bool below = strcmp(from_name(change), change->from) != 0;

	return seed_store_renamed(from_name(change), change->from, change->to, below, name);
}

/* A text whose beginning was not answered, when its name is left: the entry as it was joined has it, or
 * nobody will. */
static void settle_beginning(const struct shared_change *change, struct generation *generation)
{
	const struct seed_share_entry *source = &change->source;

	if (!generation->tried.serial || strcmp(generation->record.name, from_name(change)) != 0)
		return;
	if (seed_share_wrote(source, generation->tried.serial, generation->tried.writer) == SEED_SHARE_WROTE)
		generation->lease = LEASE_LOST;
	for (size_t i = 0; i < source->row_count; i++)
		if (strcmp(source->rows[i].record.id, generation->record.id) == 0)
			generation->lease = source->rows[i].lease;
	generation->tried.serial = 0;
}

static void on_left(void *context, const struct seed_share_result *result)
{
	struct shared_change *change = context;

	change->asked = NULL;
	if (result->err == -EAGAIN) { /* it has changed meanwhile: read and join it again */
		rename_next(change);
		return;
	}
	if (result->err != -ENOENT && failed(change, result))
		return;
	change->moved++;
	for (struct generation *g = change->engine->generations; g && !result->err; g = g->next)
		settle_beginning(change, g);
	if (!result->err && !change->source.folder)
		change->left[change->next_name] = result->entry->gone ?
			result->entry->moves[result->entry->move_count - 1] :
			(struct seed_share_move){ .serial = change->source.serial, .there = change->there };
	change->left[change->next_name].to = NULL; /* the entry's */
	change->next_name++;
	rename_next(change);
}

static void leave(struct shared_change *change)
{
	char to[SEED_STORE_PATH_BYTES];
	struct seed_share_request request = {
		.verb = change->source.folder ? SEED_SHARE_REMOVE_FOLDER : SEED_SHARE_LEAVE,
		.name = from_name(change), .other = to, .from = &change->source,
		.there = change->there };

	if (to_name(change, to))
		ask(change, &request, on_left);
	else
		end(change, -ENAMETOOLONG);
}

/* Its host may die: what is in flight is under this name from here on. */
static void tell_others(const struct shared_change *change, const struct seed_share_result *result)
{
	char to[SEED_STORE_PATH_BYTES];

	if (result->err || !to_name(change, to))
		return;
	for (size_t i = 0; i < result->entry->row_count; i++)
		if (result->entry->rows[i].copy)
			hint_flight(change->engine->shared, result->entry->rows[i].record.id, to);
}

static void on_joined(void *context, const struct seed_share_result *result)
{
	struct shared_change *change = context;

	change->asked = NULL;
	tell_others(change, result);
	if (result->err == -ENOENT) { /* there was nothing */
		change->next_name++;
		rename_next(change);
	} else if (result->err == -EEXIST && change->source.folder) {
		if (result->entry->folder)
			leave(change);
		else /* a prompt, which another host has written since it was looked for */
			end(change, -ENOTDIR);
	} else if (!failed(change, result)) {
		change->there = result->entry->serial;
		leave(change);
	}
}

static void join(struct shared_change *change)
{
	char to[SEED_STORE_PATH_BYTES];
	struct seed_share_request request = {
		.verb = change->source.folder ? SEED_SHARE_MAKE_FOLDER : SEED_SHARE_JOIN,
		.name = to, .from = &change->source };

	if (to_name(change, to))
		ask(change, &request, on_joined);
	else
		end(change, -ENAMETOOLONG);
}

static void on_source(void *context, const struct seed_share_result *result)
{
	struct shared_change *change = context;

	if (failed(change, result))
		return;
	seed_share_release(&change->source);
	shared_follow_moves(change->engine, from_name(change), result->entry);
	if (result->entry->gone)
		change->gone[change->next_name] = seed_share_format(result->entry);
	if (change->count == 1 && !result->entry->folder && !seed_share_has_prompt(result->entry))
		end(change, -ENOENT); /* another host has removed or renamed it */
	else if (seed_share_copy(&change->source, result->entry, NULL))
		end(change, -ENOMEM);
	else
		join(change);
}

static void rename_next(struct shared_change *change)
{
	struct seed_share_request request = { .verb = SEED_SHARE_READ };

	if (change->next_name == change->count) {
		if (change->moved)
			parent_keep(change->engine->shared, change->to);
		end(change, change->moved ? 0 : -ENOENT);
		return;
	}
	request.name = from_name(change);
	ask(change, &request, on_source);
}

static errint_t add_name(struct shared_change *change, const char *name)
{
	char **names = reallocarray(change->names, change->count + 1, sizeof(*names));
	struct seed_share_move *left;
	char **gone;

	if (!names)
		return -ENOMEM;
	change->names = names;
	gone = reallocarray(change->gone, change->count + 1, sizeof(*gone));
	if (!gone)
		return -ENOMEM;
	change->gone = gone;
	gone[change->count] = NULL;
	left = reallocarray(change->left, change->count + 1, sizeof(*left));
	if (!left)
		return -ENOMEM;
	change->left = left;
	left[change->count] = (struct seed_share_move){ .serial = 0 };
	names[change->count] = strdup(name);
	return names[change->count++] ? 0 : -ENOMEM;
}

/* ---- all below a folder ---- */

/* Nothing is begun that cannot be ended: each name has a key under the new one. */
static errint_t check_names(const struct shared_change *change)
{
	char to[SEED_STORE_PATH_BYTES];
	struct seed_buf key;
	errint_t err = 0;

	for (size_t i = 0; i < change->count && !err; i++) {
		bool below = strcmp(change->names[i], change->from) != 0;

		if (!seed_store_renamed(change->names[i], change->from, change->to, below, to))
			return -ENAMETOOLONG;
		seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
		err = seed_buf_add(&key, "name/", strlen("name/"));
		if (!err)
			err = seed_s3_key_add_name(&key, to);
		seed_buf_release(&key);
	}
	return err == -EFBIG ? -ENAMETOOLONG : err;
}

static errint_t list_page(struct shared_change *change, const char *after);

static void on_page(void *context, struct seed_s3_answer *answer)
{
	struct shared_change *change = context;
	const struct seed_s3_listing *page = answer->listing;
	char name[SEED_STORE_PATH_BYTES];
	errint_t err = 0;

	change->listed = NULL;
	if (answer->outcome != SEED_S3_DONE) {
		err = seed_s3_error(answer);
		shared_answered(change->engine->shared, err, &answer->error);
	}
	for (size_t i = 0; !err && i < page->key_count; i++)
		if (shared_name_of(page->keys[i], strlen(page->keys[i]), name))
			err = add_name(change, name);
	if (!err && page->more)
		err = list_page(change, page->keys[page->key_count - 1]);
	else if (!err)
		err = check_names(change);
	if (err)
		end(change, err);
	else if (!change->listed)
		rename_next(change);
}

static errint_t list_page(struct shared_change *change, const char *after)
{
	struct seed_s3_list list = { .after = after };
	struct seed_buf key;
	errint_t err;

	seed_buf_init(&key, SEED_S3_KEY_MAX_BYTES);
	err = seed_buf_add(&key, "name/", strlen("name/"));
	if (!err)
		err = seed_s3_key_add_name(&key, change->from);
	if (!err)
		err = seed_buf_add(&key, "/", 1);
	list.prefix = key.data;
	if (!err)
		err = !change->engine->shared->fit ? -EHOSTUNREACH :
		      seed_s3_list(change->engine->shared->s3, &list, seed_clock_now_ms() + ASK_MS, on_page,
				   change, &change->listed);
	seed_buf_release(&key);
	return err;
}

void shared_change_rename(struct shared_change *change, const char *from, const char *to, bool folder)
{
	errint_t err;

	change->from = from;
	change->to = to;
	err = add_name(change, from);
	if (!err && folder)
		err = list_page(change, "");
	if (err)
		end(change, err);
	else if (!folder)
		rename_next(change);
}

void shared_change_follow(const struct shared_change *change, struct generation *generation)
{
	for (size_t i = 0; i < change->count; i++)
		if (change->left[i].serial && strcmp(change->names[i], generation->record.name) == 0)
			shared_follow(generation, change->names[i], &change->left[i]);
}

void shared_changes_stop(struct seed_engine *engine)
{
	struct shared_change *change;

	while ((change = engine->shared->changes) != NULL) {
		if (change->asked)
			seed_share_cancel(change->asked);
		if (change->listed)
			seed_s3_cancel(change->listed);
		change->asked = NULL;
		change->listed = NULL;
		end(change, -ESHUTDOWN);
	}
}
