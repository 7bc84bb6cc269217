/* What users do to a name: they remove, restore and rename. */
#include <stdlib.h>
#include <string.h>

#include "lib/share/internal.h"

bool seed_share_has_prompt(const struct seed_share_entry *entry)
{
	const struct seed_record *current = &entry->current;

	return current->name && current->request && *current->request &&
	       !(entry->without & SEED_SHARE_NO_PROMPT);
}

static void cancel_current(struct seed_share_entry *entry)
{
	struct seed_error removed;

	if (entry->current.state == SEED_STATE_VERIFIED)
		return;
	entry->current.state = SEED_STATE_CANCELLED;
	(void)seed_error_set(&removed, ECANCELED, "the prompt was removed");
	seed_error_keep(&entry->current.error, &removed);
}

errint_t seed_share_remove_prompt(struct seed_share_entry *entry,
				  const struct seed_share_change *change)
{
	struct seed_share_row *last = share_newest(entry);

	if (!seed_share_has_prompt(entry))
		return -ENOENT;
	if (last)
		share_remove_row(entry, last);
	share_supersede_rows(entry, NULL);
	cancel_current(entry);
	entry->without |= SEED_SHARE_NO_PROMPT;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_remove_image(struct seed_share_entry *entry,
				 const struct seed_share_change *change)
{
	if (!share_has_image(entry))
		return -ENOENT;
	entry->without |= SEED_SHARE_NO_IMAGE;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_remove_record(struct seed_share_entry *entry,
				  const struct seed_share_change *change)
{
	if (!entry->current.name || (entry->without & SEED_SHARE_NO_RECORD))
		return -ENOENT;
	entry->without |= SEED_SHARE_NO_RECORD;
	share_changed(entry, change);
	return 0;
}

static struct seed_share_version *find_version(const struct seed_share_entry *entry, int number)
{
	for (size_t i = 0; i < entry->version_count; i++)
		if (entry->versions[i].number == number)
			return &entry->versions[i];
	return NULL;
}

errint_t seed_share_remove_version(struct seed_share_entry *entry,
				   const struct seed_share_change *change, int number)
{
	struct seed_share_version *version = find_version(entry, number);

	if (!version)
		return -ENOENT;
	share_remove_version(entry, version);
	share_changed(entry, change);
	return 0;
}

/* The prompt is that of the last commit, whichever image is shown. */
static errint_t restore_current(struct seed_share_entry *entry, const struct seed_record *version)
{
	const struct seed_record *current = &entry->current;
	const struct timespec time = current->prompt_time;
	const bool had = current->name != NULL;
	char *text = had ? strdup(current->request ? current->request : "") : NULL;
	errint_t err = had && !text ? -ENOMEM : share_replace(&entry->current, version);

	if (!err && had) {
		err = seed_record_set(&entry->current.request, text);
		entry->current.prompt_time = time;
	}
	free(text);
	return err;
}

errint_t seed_share_restore(struct seed_share_entry *entry, const struct seed_share_change *change,
			    int number)
{
	const struct seed_share_row *last = share_newest(entry);
	struct seed_share_version *version;
	errint_t err;

	if (last && last->record.state != SEED_STATE_FAILED)
		return -EBUSY;
	if (!find_version(entry, number))
		return -ENOENT;
	share_supersede_rows(entry, NULL);
	err = share_retire_current(entry); /* so its number is none that was there */
	version = find_version(entry, number);
	if (!err)
		err = restore_current(entry, &version->record);
	if (err)
		return err;
	entry->current.superseded = false;
	entry->without &= SEED_SHARE_NO_PROMPT;
	share_remove_version(entry, version);
	(void)seed_share_prune(entry, change->keep);
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_set_time(struct seed_share_entry *entry, const struct seed_share_change *change,
			     struct timespec time)
{
	struct seed_share_row *last = share_newest(entry);

	if (!seed_share_has_prompt(entry))
		return -ENOENT;
	entry->current.prompt_time = time;
	if (last)
		last->record.prompt_time = time;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_set_prompt(struct seed_share_entry *entry, const struct seed_share_change *change,
			       const char *text, const char *sum, struct timespec time)
{
	errint_t err;

	if (share_newest(entry) || !share_has_image(entry) ||
	    strcmp(entry->current.image.sha256, sum) != 0)
		return -EAGAIN;
	err = seed_record_set(&entry->current.request, text);
	if (err)
		return err;
	entry->current.prompt_time = time;
	entry->without &= ~(unsigned)SEED_SHARE_NO_PROMPT;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_make_folder(struct seed_share_entry *entry,
				const struct seed_share_change *change)
{
	if (entry->folder || seed_share_has_prompt(entry))
		return -EEXIST;
	entry->folder = true;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_remove_folder(struct seed_share_entry *entry,
				  const struct seed_share_change *change)
{
	if (!entry->folder)
		return -ENOENT;
	entry->folder = false;
	share_changed(entry, change);
	return 0;
}

/* ---- whole entries ---- */

static errint_t copy_record(struct seed_record *to, const struct seed_record *from, const char *name)
{
	errint_t err = share_replace(to, from);

	return err || !name || !from->name ? err : seed_record_set(&to->name, name);
}

static errint_t copy_row(struct seed_share_entry *to, const struct seed_share_row *from,
			 const char *name)
{
	struct seed_share_row *row = share_add_row(to);
	struct seed_record empty;

	if (!row)
		return -ENOMEM;
	empty = row->record;
	*row = *from;
	row->record = empty;
	return copy_record(&row->record, &from->record, name);
}

errint_t seed_share_copy(struct seed_share_entry *to, const struct seed_share_entry *from,
			 const char *name)
{
	errint_t err = 0;

	seed_share_init(to);
	to->serial = from->serial;
	to->writer_count = from->writer_count;
	to->without = from->without;
	to->folder = from->folder;
	to->gone = from->gone;
	memcpy(to->writers, from->writers, sizeof(to->writers));
	if (from->current.name)
		err = copy_record(&to->current, &from->current, name);
	for (size_t i = 0; i < from->move_count && !err; i++)
		err = share_add_move(to, from->moves[i].to, from->moves[i].serial, from->moves[i].there);
	for (size_t i = 0; i < from->row_count && !err; i++)
		err = copy_row(to, &from->rows[i], name);
	for (size_t i = 0; i < from->version_count && !err; i++) {
		struct seed_share_version *version = share_add_version(to);

		err = version ? copy_record(&version->record, &from->versions[i].record, name) : -ENOMEM;
		if (version)
			version->number = from->versions[i].number;
	}
	return err;
}

static bool are_versions(const struct seed_share_version *versions, size_t count)
{
	int last = 0;

	for (size_t i = 0; i < count; i++) {
		if (versions[i].number <= last || versions[i].number > SEED_SHARE_VERSION_MAX ||
		    versions[i].record.state != SEED_STATE_VERIFIED)
			return false;
		last = versions[i].number;
	}
	return true;
}

errint_t seed_share_create(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *current, const struct seed_share_version *versions,
			   size_t count, unsigned without)
{
	errint_t err = 0;

	if (entry->serial)
		return -EEXIST;
	if (!are_versions(versions, count))
		return -EINVAL;
	if (current) {
		err = share_replace(&entry->current, current);
		entry->without = without;
	}
	for (size_t i = 0; i < count && !err; i++) {
		struct seed_share_version *version = share_add_version(entry);

		err = version ? share_replace(&version->record, &versions[i].record) : -ENOMEM;
		if (version)
			version->number = versions[i].number;
	}
	(void)seed_share_prune(entry, change->keep);
	share_changed(entry, change);
	return err;
}

/* Rows from an imported directory may have no id. */
static bool is_same(const struct seed_record *a, const struct seed_record *b)
{
	if (a->id || b->id)
		return a->id && b->id && strcmp(a->id, b->id) == 0;
	return a->verified_ms == b->verified_ms && strcmp(a->image.sha256, b->image.sha256) == 0;
}

static struct seed_share_version *version_of(const struct seed_share_entry *entry,
					     const struct seed_record *record)
{
	for (size_t i = 0; i < entry->version_count; i++)
		if (is_same(&entry->versions[i].record, record))
			return &entry->versions[i];
	return NULL;
}

/* ---- renames ---- */

/* FNV-1a, with the NUL: so texts that follow each other do not run together. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	while (*text++);
	return hash;
}

void seed_share_follow(const char *name, uint64_t serial, char token[SEED_SHARE_TOKEN_BYTES])
{
	char digits[sizeof("18446744073709551615")];
	uint64_t hash;

	(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)serial);
	hash = hash_text(hash_text(hash_text(0xcbf29ce484222325u, token), name), digits);
	(void)snprintf(token, SEED_SHARE_TOKEN_BYTES, "%016llx", (unsigned long long)hash);
}

errint_t seed_share_arrive(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const char *id, const char *token, const struct seed_share_row **row)
{
	struct seed_share_row *found = share_find_row(entry, id);

	if (!found)
		return -ENOENT;
	if (!found->token[0] || strcmp(found->token, token) != 0 ||
	    strcmp(found->host, change->host) != 0 || (change->lease && found->lease != change->lease))
		return -ESTALE;
	share_take(entry, found, change);
	found->copy = false;
	*row = found;
	return 0;
}

/* An image that was made here since an earlier join is the one of the row that is still in
 * flight at the source. */
static errint_t join_current(struct seed_share_entry *entry, const struct seed_share_entry *from,
			     const char *name)
{
	struct seed_share_version *made;
	errint_t err = share_retire_current(entry);

	if (err)
		return err;
	seed_record_release(&entry->current);
	entry->without = from->without;
	if (!from->current.name)
		return 0;
	made = version_of(entry, &from->current);
	err = copy_record(&entry->current, made ? &made->record : &from->current, name);
	if (made)
		share_remove_version(entry, made);
	return err;
}

static errint_t join_versions(struct seed_share_entry *entry, const struct seed_share_entry *from,
			      const char *name)
{
	for (size_t i = 0; i < from->version_count; i++) {
		const struct seed_record *record = &from->versions[i].record;
		struct seed_share_version *version;
		errint_t err;

		if (version_of(entry, record))
			continue;
		version = share_add_version(entry);
		err = version ? copy_record(&version->record, record, name) : -ENOMEM;
		if (err)
			return err;
	}
	return 0;
}

static void put_last(struct seed_share_entry *entry, struct seed_share_row *row)
{
	struct seed_share_row own = *row;

	memmove(row, row + 1, (size_t)(entry->rows + entry->row_count - row - 1) * sizeof(own));
	entry->rows[entry->row_count - 1] = own;
}

/* A row here that is no copy is the one that counts: what is over there is one of it, or
 * was read before it came from there. */
static errint_t join_row(struct seed_share_entry *entry, const struct seed_share_entry *from,
			 const struct seed_share_row *row, const char *name)
{
	struct seed_share_row *here = share_find_row(entry, row->record.id);
	errint_t err;

	if (here && !here->copy) {
		here->record.superseded = row->record.superseded;
		put_last(entry, here);
		return 0;
	}
	if (here)
		share_remove_row(entry, here);
	err = copy_row(entry, row, name);
	if (err)
		return err;
	here = &entry->rows[entry->row_count - 1];
	here->copy = true;
	seed_share_follow(row->record.name, from->serial, here->token);
	return 0;
}

/* What has its image here does not go on. */
static errint_t join_rows(struct seed_share_entry *entry, const struct seed_share_entry *from,
			  const char *name)
{
	errint_t err = 0;

	for (size_t i = 0; i < entry->row_count;) {
		if (share_is_placed(entry, entry->rows[i].record.id))
			share_remove_row(entry, &entry->rows[i]);
		else
			i++;
	}
	for (size_t i = 0; i < from->row_count && !err; i++)
		if (!share_is_placed(entry, from->rows[i].record.id))
			err = join_row(entry, from, &from->rows[i], name);
	return err;
}

static bool is_empty(const struct seed_share_entry *entry)
{
	return !entry->current.name && !entry->row_count && !entry->version_count;
}

bool seed_share_was_folder(const struct seed_share_entry *entry)
{
	return entry->serial && !entry->folder && !entry->gone && is_empty(entry);
}

errint_t seed_share_join(struct seed_share_entry *entry, const struct seed_share_change *change,
			 const struct seed_share_entry *from, const char *name)
{
	errint_t err;

	if (is_empty(from))
		return -ENOENT;
	if (entry->folder)
		return -EISDIR;
	share_supersede_rows(entry, from);
	err = join_current(entry, from, name);
	if (!err)
		err = join_versions(entry, from, name);
	if (!err)
		err = join_rows(entry, from, name);
	if (err)
		return err;
	(void)seed_share_prune(entry, change->keep);
	entry->gone = false;
	share_changed(entry, change);
	return 0;
}

errint_t seed_share_leave(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const char *to, uint64_t there)
{
	struct seed_share_entry left;
	errint_t err;

	if (is_empty(entry))
		return entry->gone && strcmp(entry->moves[entry->move_count - 1].to, to) == 0 ? 0 : -ENOENT;
	err = share_add_move(entry, to, entry->serial, there);
	if (err)
		return err;
	seed_share_init(&left);
	left.serial = entry->serial;
	left.gone = true;
	left.move_count = entry->move_count;
	memcpy(left.moves, entry->moves, sizeof(left.moves));
	entry->move_count = 0;
	left.writer_count = entry->writer_count;
	memcpy(left.writers, entry->writers, sizeof(left.writers));
	seed_share_release(entry);
	*entry = left;
	share_changed(entry, change);
	return 0;
}
