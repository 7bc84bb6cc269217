/* At the start: finds in the journal what was in flight. */
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* NAME still belongs to this generation unless its row says that a newer prompt took
 * it, or a later row of the journal does (the stop came between the two). */
static bool is_newest(const struct seed_record *rows, size_t count, size_t index)
{
	if (rows[index].superseded)
		return false;
	/* A row that is itself superseded says nothing: a late attempt has a row of
	 * its own, later than the row of its generation. */
	for (size_t i = index + 1; i < count; i++)
		if (!rows[i].superseded && strcmp(rows[i].name, rows[index].name) == 0)
			return false;
	return true;
}

/* The catalogue may know of a newer prompt whose own row has ended since, or of
 * an image (of this prompt's first attempt, or restored) that has taken the name
 * while the mark in this row could not be written any more. */
static bool is_overtaken(const struct seed_store *store, const struct seed_record *row)
{
	struct seed_record record;
	bool overtaken = false;

	if (seed_store_record_read(store, row->name, &record) == 0)
		overtaken = record.created_ms > row->created_ms ||
			    (record.state == SEED_STATE_VERIFIED && row->attempt_count > 0 &&
			     strcmp(row->step, "commit") != 0);
	seed_record_release(&record);
	return overtaken;
}

/* Of a row that no clock has dated: those that follow would soon be no ids (journal.c). */
#define LAST_ID_MAX (UINT64_MAX / 4)

static void raise_last_id(struct seed_store *store, const char *id)
{
	uint64_t value = strtoull(id, NULL, 16);

	if (value > atomic_load(&store->last_id) && value <= LAST_ID_MAX)
		atomic_store(&store->last_id, value);
}

/* The rows that can be read, in order; the rest is set aside. */
static errint_t read_rows(struct seed_store *store, const struct seed_names *list,
			  struct seed_record *rows, size_t *count, struct seed_error *error)
{
	errint_t err = 0;

	for (size_t i = 0; i < list->count && !err; i++) {
		err = seed_store_pending_read(store, list->names[i], &rows[*count]);
		if (!err) {
			(*count)++;
			continue;
		}
		seed_record_release(&rows[*count]);
		err = seed_store_judge(store, list->names[i], err, error);
	}
	return err;
}

/* records/NAME.json need not have been durable, nor its name: the journal's row says the same. */
static void mend_record(struct seed_store *store, const struct seed_record *row)
{
	struct seed_record record;
	errint_t err = seed_store_record_read(store, row->name, &record);

	/* Before the first attempt there may be none yet: that beginning is repeated. And what a removal took does
	 * not come back. */
	if (err == -EIO || (err == -ENOENT && row->attempt_count > 0 && row->state != SEED_STATE_CANCELLED))
		SEED_UNUSED(seed_store_record_write(store, row, false) == 0);
	seed_record_release(&record);
}

/* Nor need the prompt: until the end the row has its text. Beginnings that are
 * repeated write it themselves. */
static errint_t mend_prompt(struct seed_store *store, const struct seed_record *row,
			    struct seed_error *error)
{
	char *text = NULL;
	size_t len = 0;
	errint_t err = 0;

	if (row->state == SEED_STATE_CANCELLED) /* its removal was cut off */
		err = seed_files_unlink(store->areas[SEED_AREA_PROMPTS], row->name);
	else if (*row->request &&
		 (seed_store_prompt_read(store, row->name, &text, &len) ||
		  len != strlen(row->request) || memcmp(text, row->request, len) != 0))
		err = seed_store_prompt_place(store, row->name, row->request, row->prompt_time);
	free(text);
	/* What stands in its place was put there by somebody else. */
	if (!err || err == -EISDIR || err == -ENOTDIR)
		return 0;
	return seed_error_set(error, -err, "prompts/%s in the state directory: %s; its text is in the "
			      "journal: mend that, and mount again", row->name, strerror(-err));
}

bool seed_store_has_picture(const struct seed_store *store, const struct seed_record *record)
{
	char name[SEED_PENDING_NAME_BYTES];

	seed_store_pending_name(name, record->id, ".png");
	if (seed_files_is_of(store->pending, name, record->image.bytes))
		return true;
	/* From its row's beginning on there is a file of that name, until it moves to the history. */
	return record->superseded ? seed_files_exists(store->pending, name) == 0 :
				    seed_store_has_image_of(store, record);
}

/* The catalogue has the outcome already, and a checkpoint did not come. */
static bool is_carried_out(const struct seed_store *store, const struct seed_record *row)
{
	struct seed_record record;
	bool is = false;

	if (strcmp(row->step, "commit") != 0 || row->state != SEED_STATE_VERIFIED)
		return false;
	if (seed_store_record_read(store, row->name, &record) == 0)
		is = record.state == SEED_STATE_VERIFIED &&
		     strcmp(record.image.sha256, row->image.sha256) == 0 &&
		     seed_store_has_image_of(store, row);
	seed_record_release(&record);
	return is;
}

static errint_t hand_over(struct seed_store *store, const struct seed_names *list,
			  struct seed_record *rows, seed_store_pending_fn *each, void *context,
			  struct seed_error *error)
{
	size_t count = 0;
	errint_t err = read_rows(store, list, rows, &count, error);

	for (size_t i = 0; i < count; i++)
		raise_last_id(store, rows[i].id);
	for (size_t i = 0; i < count; i++) {
		/* Row i is taken by `each`; only later ones are looked at again. */
		bool newest = !err && is_newest(rows, count, i) &&
			      !is_overtaken(store, &rows[i]);

		if (newest)
			mend_record(store, &rows[i]);
		if (newest)
			err = mend_prompt(store, &rows[i], error);
		if (!err && newest && is_carried_out(store, &rows[i])) {
			err = seed_store_finished(store, &rows[i]);
			seed_record_release(&rows[i]);
			continue;
		}
		if (err) {
			seed_record_release(&rows[i]);
			continue;
		}
		err = each(context, &rows[i], newest);
		if (err)
			seed_error_set(error, -err, "cannot resume what was in flight: %s",
				       strerror(-err));
	}
	return err;
}

errint_t seed_store_recover(struct seed_store *store, seed_store_pending_fn *each, void *context,
			    struct seed_error *error)
{
	struct seed_names list = { 0 };
	struct seed_record *rows = NULL;
	errint_t err;

	err = seed_store_recover_moves(store, error);
	if (err)
		return err;
	err = seed_store_sweep_orphans(store);
	if (!err)
		err = seed_store_pending_list(store, ".json", &list);
	if (!err && list.count) {
		rows = calloc(list.count, sizeof(rows[0]));
		if (!rows)
			err = -ENOMEM;
	}
	if (err)
		seed_error_set(error, -err, "pending in the state directory: %s", strerror(-err));
	else if (list.count)
		err = hand_over(store, &list, rows, each, context, error);
	free(rows);
	seed_names_release(&list);
	if (!err && seed_store_free_name(store, NULL))
		seed_store_checkpoint_soon(store);
	return err;
}
