/*
 * Lists of renames (renames.h) in pending/ID.move, and beginnings
 * that failed: what could be neither finished nor taken back is settled before
 * anything else is changed, and at the start.
 */
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* A list has versions that get new numbers, about 100 bytes each. */
#define MOVE_MAX_BYTES (16 * 1024 * 1024)

static errint_t move_journal(struct seed_store *store, const char *name,
			     const struct seed_renames *list)
{
	char *json = seed_renames_format(list);
	size_t len = json ? strlen(json) : 0;
	errint_t err = -ENOMEM;

	if (len > MOVE_MAX_BYTES)
		err = -EFBIG;
	else if (json)
		err = seed_store_pending_write(store, name, json, len);
	free(json);
	return err;
}

/* Durable: a list that came back after a crash would be taken back, or
 * finished, over what was done to its names since. */
static errint_t move_forget(struct seed_store *store, const char *name)
{
	errint_t err = seed_files_unlink(store->pending, name);

	if (!err)
		err = seed_store_sync_pending(store);
	if (!err)
		seed_store_sweep_id(store, name);
	return err;
}

errint_t seed_store_run_list(struct seed_store *store, const char *id, struct seed_renames *list,
			     errint_t planned)
{
	char name[SEED_PENDING_NAME_BYTES];
	errint_t err = planned;

	seed_store_pending_name(name, id, ".move");
	if (planned) {
		seed_store_sweep_id(store, id);
	} else {
		err = move_journal(store, name, list);
		if (!err)
			err = seed_renames_run(store, list);
		/* What neither happened nor could be taken back stays in the journal. */
		if (list->open || move_forget(store, name))
			atomic_store(&store->unsettled, true);
		if (list->happened)
			err = 0;
	}
	seed_renames_release(list);
	return err;
}

static errint_t recover_move(struct seed_store *store, const char *name, struct seed_error *error)
{
	struct seed_renames list = { 0 };
	char *json = NULL;
	size_t len;
	errint_t err = seed_store_row_read(store, name, MOVE_MAX_BYTES, &json, &len);

	if (!err)
		err = seed_renames_parse(store, json, len, &list);
	free(json);
	if (!err)
		err = seed_renames_settle(store, &list);
	if (!err)
		err = move_forget(store, name);
	seed_renames_release(&list);
	return seed_store_judge(store, name, err, error);
}

errint_t seed_store_recover_moves(struct seed_store *store, struct seed_error *error)
{
	struct seed_names moves;
	errint_t err = seed_store_pending_list(store, ".move", &moves);

	if (err)
		return seed_error_set(error, -err, "pending in the state directory: %s",
				      strerror(-err));
	for (size_t i = 0; i < moves.count && !err; i++)
		err = recover_move(store, moves.names[i], error);
	seed_names_release(&moves);
	return err;
}

void seed_store_forget_later(struct seed_store *store, const char *id)
{
	if (!seed_store_forget(store, id))
		return;
	pthread_mutex_lock(&store->settle_mutex);
	if (store->dead_count < SEED_ARRAY_LEN(store->dead))
		memcpy(store->dead[store->dead_count++], id, SEED_STORE_ID_BYTES);
	atomic_store(&store->unsettled, true);
	pthread_mutex_unlock(&store->settle_mutex);
}

static errint_t forget_dead(struct seed_store *store)
{
	while (store->dead_count) {
		errint_t err = seed_store_forget(store, store->dead[store->dead_count - 1]);

		if (err)
			return err;
		store->dead_count--;
	}
	return 0;
}

errint_t seed_store_settle(struct seed_store *store)
{
	errint_t err = 0;

	if (!atomic_load(&store->unsettled))
		return 0;
	pthread_mutex_lock(&store->settle_mutex);
	if (atomic_load(&store->unsettled)) {
		err = forget_dead(store);
		if (!err)
			err = seed_store_recover_moves(store, NULL);
		if (!err)
			atomic_store(&store->unsettled, false);
	}
	pthread_mutex_unlock(&store->settle_mutex);
	return err;
}

errint_t seed_store_settle_name(struct seed_store *store, const char *name)
{
	errint_t err = seed_store_settle(store);

	return err ? err : seed_store_free_name(store, name);
}
