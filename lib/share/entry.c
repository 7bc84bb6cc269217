#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/share/internal.h"

void seed_share_init(struct seed_share_entry *entry)
{
	*entry = (struct seed_share_entry){ .serial = 0 };
	seed_record_init(&entry->current);
}

static void row_release(struct seed_share_row *row)
{
	seed_record_release(&row->record);
}

void seed_share_release(struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count; i++)
		row_release(&entry->rows[i]);
	for (size_t i = 0; i < entry->version_count; i++)
		seed_record_release(&entry->versions[i].record);
	free(entry->rows);
	free(entry->versions);
	for (size_t i = 0; i < entry->move_count; i++)
		free(entry->moves[i].to);
	seed_record_release(&entry->current);
	seed_share_init(entry);
}

/* What begins leaves so much free. */
enum { ROOM_BYTES = 256 * 1024, ROOM_PARTS = 1024 };

bool seed_share_fits(const struct seed_share_entry *entry, size_t bytes, bool begins)
{
	return bytes <= SEED_SHARE_ENTRY_MAX_BYTES - (begins ? ROOM_BYTES : 0) &&
	       entry->row_count + entry->version_count <= SEED_SHARE_PARTS_MAX - (begins ? ROOM_PARTS : 0);
}

/* ---- what it is made of ---- */

struct seed_share_row *share_add_row(struct seed_share_entry *entry)
{
	struct seed_share_row *rows = reallocarray(entry->rows, entry->row_count + 1, sizeof(*rows));

	if (!rows)
		return NULL;
	entry->rows = rows;
	rows += entry->row_count++;
	*rows = (struct seed_share_row){ .until_s = 0 };
	seed_record_init(&rows->record);
	return rows;
}

bool share_is_last(const struct seed_share_entry *entry)
{
	return entry->version_count &&
	       entry->versions[entry->version_count - 1].number >= SEED_SHARE_VERSION_MAX;
}

struct seed_share_version *share_add_version(struct seed_share_entry *entry)
{
	struct seed_share_version *versions;

	if (share_is_last(entry))
		return NULL;
	versions = reallocarray(entry->versions, entry->version_count + 1, sizeof(*versions));
	if (!versions)
		return NULL;
	entry->versions = versions;
	versions += entry->version_count++;
	*versions = (struct seed_share_version){
		.number = entry->version_count > 1 ? versions[-1].number + 1 : 1,
	};
	seed_record_init(&versions->record);
	return versions;
}

void share_remove_row(struct seed_share_entry *entry, struct seed_share_row *row)
{
	size_t behind = (size_t)(entry->rows + entry->row_count - row) - 1;

	row_release(row);
	memmove(row, row + 1, behind * sizeof(*row));
	entry->row_count--;
}

void share_remove_version(struct seed_share_entry *entry, struct seed_share_version *version)
{
	size_t behind = (size_t)(entry->versions + entry->version_count - version) - 1;

	seed_record_release(&version->record);
	memmove(version, version + 1, behind * sizeof(*version));
	entry->version_count--;
}

int seed_share_prune(struct seed_share_entry *entry, int64_t keep)
{
	size_t gone = 0;

	if (keep >= 0 && entry->version_count > (uint64_t)keep)
		gone = entry->version_count - (size_t)keep;
	for (size_t i = 0; i < gone; i++)
		seed_record_release(&entry->versions[i].record);
	entry->version_count -= gone;
	if (gone)
		memmove(entry->versions, entry->versions + gone, entry->version_count * sizeof(*entry->versions));
	return (int)gone;
}

struct seed_share_row *share_find_row(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (share_is_of(&entry->rows[i].record, id))
			return &entry->rows[i];
	return NULL;
}

bool share_is_of(const struct seed_record *record, const char *id)
{
	return record->id && strcmp(record->id, id) == 0;
}

static bool has_version(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->version_count; i++)
		if (share_is_of(&entry->versions[i].record, id))
			return true;
	return false;
}

bool share_is_placed(const struct seed_share_entry *entry, const char *id)
{
	return has_version(entry, id) ||
	       (share_is_of(&entry->current, id) && entry->current.state == SEED_STATE_VERIFIED);
}

struct seed_share_row *share_newest(const struct seed_share_entry *entry)
{
	struct seed_share_row *last = entry->row_count ? &entry->rows[entry->row_count - 1] : NULL;

	return last && !last->record.superseded ? last : NULL;
}

void share_changed(struct seed_share_entry *entry, const struct seed_share_change *change)
{
	if (entry->writer_count == SEED_SHARE_WRITERS)
		memmove(entry->writers, entry->writers + 1, sizeof(entry->writers) - sizeof(entry->writers[0]));
	else
		entry->writer_count++;
	memcpy(entry->writers[entry->writer_count - 1], change->writer ? change->writer : change->host,
	       SEED_SHARE_HOST_BYTES);
	entry->serial++;
}

enum seed_share_wrote seed_share_wrote(const struct seed_share_entry *entry, uint64_t serial,
				       const char *writer)
{
	uint64_t back = entry->serial - serial;

	if (serial > entry->serial)
		return SEED_SHARE_NOT_YET;
	if (back >= entry->writer_count)
		return SEED_SHARE_UNKNOWN;
	return strcmp(entry->writers[entry->writer_count - 1 - back], writer) == 0 ? SEED_SHARE_WROTE :
		SEED_SHARE_NEVER;
}

static void renew(struct seed_share_row *row, const struct seed_share_change *change)
{
	row->until_s = change->now_s + change->lease_s;
}

void share_take(struct seed_share_entry *entry, struct seed_share_row *row,
		const struct seed_share_change *change)
{
	share_changed(entry, change);
	memcpy(row->host, change->host, sizeof(row->host));
	row->lease = (int64_t)entry->serial;
	row->token[0] = '\0';
	renew(row, change);
}

static bool has_lease(const struct seed_share_row *row, const struct seed_share_change *change)
{
	return row && !row->token[0] && strcmp(row->host, change->host) == 0 && row->lease == change->lease;
}

errint_t share_replace(struct seed_record *to, const struct seed_record *from)
{
	struct seed_record copy;
	errint_t err = seed_record_copy(&copy, from);

	if (err) {
		seed_record_release(&copy);
		return err;
	}
	seed_record_release(to);
	*to = copy;
	return 0;
}

/* ---- what supersedes, and what retires ---- */

/* No service has seen it, so nothing is lost with it. */
static bool is_unsent(const struct seed_record *record)
{
	return strcmp(record->step, "queued") == 0 && !record->unsure;
}

void share_supersede_rows(struct seed_share_entry *entry, const struct seed_share_entry *kept)
{
	for (size_t i = 0; i < entry->row_count;) {
		entry->rows[i].record.superseded = true;
		if (is_unsent(&entry->rows[i].record) &&
		    !(kept && share_find_row(kept, entry->rows[i].record.id)))
			share_remove_row(entry, &entry->rows[i]);
		else
			i++;
	}
}

bool share_has_image(const struct seed_share_entry *entry)
{
	return entry->current.name && entry->current.state == SEED_STATE_VERIFIED &&
	       !(entry->without & SEED_SHARE_NO_IMAGE);
}

errint_t share_retire_current(struct seed_share_entry *entry)
{
	struct seed_share_version *version;

	if (!share_has_image(entry))
		return 0;
	version = share_add_version(entry);
	if (!version)
		return -ENOMEM;
	return share_replace(&version->record, &entry->current);
}

/* An end is seen, whatever was removed of what was there before. */
static errint_t end_current(struct seed_share_entry *entry, const struct seed_record *row)
{
	entry->without &= ~(unsigned)(SEED_SHARE_NO_IMAGE | SEED_SHARE_NO_RECORD);
	return share_replace(&entry->current, row);
}

/* Users set it meanwhile; of what was not told, the other stays. */
static void keep_time(struct seed_record *record, const struct seed_share_row *row)
{
	if (row && row->record.prompt_time.tv_nsec != UTIME_OMIT)
		record->prompt_time = row->record.prompt_time;
}

/* ---- changes ---- */

/* With the settings that `row` asked with first; a retry's are ours. */
static bool asks_for_the_same(const struct seed_record *row, const struct seed_record *new)
{
	struct seed_params asked;

	/* A callback's image may be of anything. */
	if (strcmp(row->step, "adopt") == 0)
		return false;
	if (!row->request || !new->request || strcmp(row->request, new->request) != 0 || !row->params ||
	    !new->params)
		return false;
	asked = *row->params; /* borrows its texts */
	if (row->attempt_count > 0) {
		asked.steps = row->attempts[0].steps;
		asked.cfg_scale = row->attempts[0].cfg_scale;
	}
	return seed_params_same(&asked, new->params);
}

errint_t share_add_move(struct seed_share_entry *entry, const char *to, uint64_t serial, uint64_t there)
{
	const struct seed_share_move move = { .to = strdup(to), .serial = serial, .there = there };

	if (!move.to)
		return -ENOMEM;
	if (entry->move_count == SEED_SHARE_MOVES) {
		free(entry->moves[0].to);
		memmove(entry->moves, entry->moves + 1, --entry->move_count * sizeof(entry->moves[0]));
	}
	entry->moves[entry->move_count++] = move;
	return 0;
}

errint_t seed_share_begin(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const struct seed_record *row, const struct seed_share_row **joined)
{
	struct seed_share_row *last = share_newest(entry), *made;
	errint_t err;

	if (entry->folder)
		return -EISDIR;
	if (last && (change->unless_there ? last->record.state != SEED_STATE_FAILED :
					    asks_for_the_same(&last->record, row))) {
		*joined = last;
		return -EEXIST;
	}
	if (change->unless_there && share_has_image(entry))
		return -ENOTUNIQ;
	made = share_find_row(entry, row->id);
	if (made && asks_for_the_same(&made->record, row)) { /* it was begun before, and came here by a rename */
		*joined = made;
		return -EEXIST;
	}
	if (made || share_is_of(&entry->current, row->id) || share_is_placed(entry, row->id))
		return -EALREADY;
	share_supersede_rows(entry, NULL);
	err = share_retire_current(entry);
	if (err)
		return err;
	(void)seed_share_prune(entry, change->keep);
	made = share_add_row(entry);
	if (!made)
		return -ENOMEM;
	share_take(entry, made, change);
	entry->without = 0;
	entry->gone = false;
	err = share_replace(&made->record, row);
	return err ? err : share_replace(&entry->current, row);
}

static errint_t renew_row(struct seed_share_entry *entry, struct seed_share_row *found,
			  const struct seed_share_change *change, const struct seed_record *row)
{
	errint_t err = share_replace(&found->record, row);

	/* Its image is the name's by its end only: until then nobody else can read it. */
	if (!err && !found->record.superseded && row->state != SEED_STATE_VERIFIED)
		err = share_replace(&entry->current, row);
	renew(found, change);
	share_changed(entry, change);
	return err;
}

errint_t seed_share_update(struct seed_share_entry *entry, const struct seed_share_change *change,
			   struct seed_record *row)
{
	struct seed_share_row *found = share_find_row(entry, row->id);

	if (!has_lease(found, change))
		return -ESTALE;
	row->superseded = found->record.superseded;
	keep_time(row, found);
	return renew_row(entry, found, change, row);
}

errint_t seed_share_renew(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const char *id)
{
	struct seed_share_row *found = share_find_row(entry, id);

	if (!has_lease(found, change))
		return -ESTALE;
	renew(found, change);
	share_changed(entry, change);
	return 0;
}

/* One that is a copy may have been sent under its other name. */
static void take_over(struct seed_share_entry *entry, struct seed_share_row *row,
		      const struct seed_share_change *change)
{
	if (row->copy && is_unsent(&row->record)) {
		row->record.step = seed_record_step("submitting");
		row->record.unsure = true;
	}
	share_take(entry, row, change);
}

const struct seed_share_row *seed_share_take(struct seed_share_entry *entry,
					     const struct seed_share_change *change)
{
	for (size_t i = 0; i < entry->row_count; i++) {
		struct seed_share_row *row = &entry->rows[i];

		if (row->until_s >= change->now_s)
			continue;
		take_over(entry, row, change);
		return row;
	}
	return NULL;
}

errint_t seed_share_reclaim(struct seed_share_entry *entry, const struct seed_share_change *change,
			    const char *id, const struct seed_share_row **row)
{
	struct seed_share_row *found = share_find_row(entry, id);

	if (!found)
		return -ENOENT;
	if (!found->token[0] && strcmp(found->host, change->host) == 0)
		share_take(entry, found, change);
	else if (found->until_s < change->now_s || found->record.state == SEED_STATE_FAILED)
		take_over(entry, found, change);
	else
		return -ESTALE;
	*row = found;
	return 0;
}

/* ---- a late task ---- */

static errint_t update_late(struct seed_share_entry *entry, struct seed_share_row *found,
			    const struct seed_share_change *change, const struct seed_record *row)
{
	struct seed_record copy;
	errint_t err;

	if (found->token[0] || strcmp(found->host, change->host) != 0)
		return -ESTALE;
	err = seed_record_copy(&copy, row);
	if (!err) {
		copy.superseded = found->record.superseded;
		keep_time(&copy, found);
		err = renew_row(entry, found, change, &copy);
	}
	seed_record_release(&copy);
	return err;
}

/* Only the last has the name: it is behind all others again. */
static void put_newest_last(struct seed_share_entry *entry)
{
	for (size_t i = 0; i + 1 < entry->row_count; i++) {
		struct seed_share_row row = entry->rows[i];

		if (row.record.superseded)
			continue;
		memmove(&entry->rows[i], &entry->rows[i + 1], (entry->row_count - i - 1) * sizeof(row));
		entry->rows[entry->row_count - 1] = row;
		return;
	}
}

errint_t seed_share_add(struct seed_share_entry *entry, const struct seed_share_change *change,
			const struct seed_record *row, const char *late_of)
{
	struct seed_share_row *found = share_find_row(entry, row->id), *made;
	errint_t err;

	if (found)
		return update_late(entry, found, change, row);
	if (share_is_placed(entry, row->id))
		return 0;
	if (entry->gone)
		return -ESTALE;
	made = share_add_row(entry);
	if (!made)
		return -ENOMEM;
	share_take(entry, made, change);
	(void)snprintf(made->late_of, sizeof(made->late_of), "%s", late_of);
	err = share_replace(&made->record, row);
	made->record.superseded = true;
	put_newest_last(entry);
	return err;
}

static struct seed_share_row *find_late_of(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = entry->row_count; i-- > 0;)
		if (strcmp(entry->rows[i].late_of, id) == 0)
			return &entry->rows[i];
	return NULL;
}

/* Its retry has failed as `row` says: the name is the late task's, and shows that error until it
 * ends. */
static errint_t inherit(struct seed_share_entry *entry, struct seed_share_row *late,
			const struct seed_share_change *change, const struct seed_record *row)
{
	struct seed_error error;

	seed_record_take_attempt(&late->record, row, change->now_s * 1000);
	late->record.superseded = false;
	late->record.state = SEED_STATE_FAILED;
	seed_error_recall(&row->error, &error);
	seed_error_keep(&late->record.error, &error);
	late->late_of[0] = '\0';
	return end_current(entry, &late->record);
}

/* The late task's image is there first: its retry's goes to the history. */
static errint_t overtake(struct seed_share_entry *entry, struct seed_share_row *last,
			 const struct seed_share_change *change, const struct seed_record *row)
{
	errint_t err = end_current(entry, row);

	if (err)
		return err;
	seed_record_take_attempt(&entry->current, &last->record, change->now_s * 1000);
	keep_time(&entry->current, last);
	last->record.superseded = true;
	if (is_unsent(&last->record))
		share_remove_row(entry, last);
	return 0;
}

/* ---- ends ---- */

/* It has the name, or had it last and failed: an image is better than an error. */
static bool is_currents(const struct seed_share_entry *entry, const char *id)
{
	const struct seed_share_row *last = share_newest(entry);

	return last ? share_is_of(&last->record, id) :
	       share_is_of(&entry->current, id) && entry->current.state != SEED_STATE_CANCELLED;
}

static errint_t place_image(struct seed_share_entry *entry, const struct seed_share_row *found,
			    const struct seed_share_change *change, const struct seed_record *row)
{
	struct seed_share_row *last = share_newest(entry);
	struct seed_share_version *version;
	errint_t err;

	if (found && last && share_is_of(&last->record, found->late_of))
		return overtake(entry, last, change, row);
	if (is_currents(entry, row->id)) {
		err = end_current(entry, row);
		keep_time(&entry->current, found);
		return err;
	}
	version = share_add_version(entry);
	err = version ? share_replace(&version->record, row) : -ENOMEM;
	(void)seed_share_prune(entry, change->keep);
	return err;
}

static errint_t place_failure(struct seed_share_entry *entry, const struct seed_share_row *found,
			      const struct seed_share_change *change, const struct seed_record *row)
{
	struct seed_share_row *late;
	errint_t err;

	if (!has_lease(found, change))
		return -ESTALE;
	if (!is_currents(entry, row->id))
		return 0;
	late = found == share_newest(entry) ? find_late_of(entry, row->id) : NULL;
	if (late) {
		keep_time(&late->record, found);
		return inherit(entry, late, change, row);
	}
	err = end_current(entry, row);
	keep_time(&entry->current, found);
	return err;
}

static bool is_of_task(const struct seed_record *record, const struct seed_record *row)
{
	return record->state == SEED_STATE_VERIFIED && record->task_id && row->task_id &&
	       strcmp(record->task_id, row->task_id) == 0 &&
	       strcmp(record->image.sha256, row->image.sha256) == 0;
}

/* A host that slept asks for its task as a late one, and another has made its image meanwhile. */
static bool has_image_of_task(const struct seed_share_entry *entry, const struct seed_record *row)
{
	if (entry->current.name && is_of_task(&entry->current, row))
		return true;
	for (size_t i = 0; i < entry->version_count; i++)
		if (is_of_task(&entry->versions[i].record, row))
			return true;
	return false;
}

errint_t seed_share_finish(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *row)
{
	struct seed_share_row *found = share_find_row(entry, row->id);
	errint_t err = 0;

	if (row->state != SEED_STATE_VERIFIED)
		err = place_failure(entry, found, change, row);
	else if (!found && seed_share_went_to(entry, row->id, change->lease))
		return -ESTALE;
	else if (!share_is_placed(entry, row->id) && !(found && found->late_of[0] && has_image_of_task(entry, row)))
		err = place_image(entry, found, change, row);
	else if (!found)
		return 0;
	if (err)
		return err;
	if (found)
		share_remove_row(entry, found);
	put_newest_last(entry);
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_drop(struct seed_share_entry *entry, const struct seed_share_change *change,
			 const char *id)
{
	struct seed_share_row *found = share_find_row(entry, id);

	if (!found)
		return entry->gone ? -ESTALE : 0;
	if (!has_lease(found, change))
		return -ESTALE;
	if (share_is_of(&entry->current, id) && entry->current.state != SEED_STATE_VERIFIED)
		entry->current.state = SEED_STATE_CANCELLED;
	share_remove_row(entry, found);
	share_changed(entry, change);
	return 0;
}

const struct seed_share_move *seed_share_went_to(const struct seed_share_entry *entry, const char *id,
						 int64_t since)
{
	if (share_find_row(entry, id) || share_is_placed(entry, id))
		return NULL;
	for (size_t i = 0; since > 0 && i < entry->move_count; i++)
		if ((uint64_t)since <= entry->moves[i].serial)
			return &entry->moves[i];
	return entry->gone ? &entry->moves[entry->move_count - 1] : NULL;
}

enum seed_share_end seed_share_end_of(const struct seed_share_entry *entry, const char *id)
{
	if (share_find_row(entry, id))
		return SEED_SHARE_IN_FLIGHT;
	if (entry->gone)
		return SEED_SHARE_MOVED;
	if (share_is_placed(entry, id))
		return SEED_SHARE_MADE;
	return share_is_of(&entry->current, id) && entry->current.state == SEED_STATE_FAILED ?
		SEED_SHARE_FAILED : SEED_SHARE_SUPERSEDED;
}
