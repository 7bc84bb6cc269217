#include "lib/share/entry.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

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
	seed_record_release(&entry->current);
	seed_share_init(entry);
}

/* ---- what it is made of ---- */

/* Room for one more; what was there stays. */
static struct seed_share_row *add_row(struct seed_share_entry *entry)
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

static struct seed_share_version *add_version(struct seed_share_entry *entry)
{
	struct seed_share_version *versions =
		reallocarray(entry->versions, entry->version_count + 1, sizeof(*versions));

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

static void remove_row(struct seed_share_entry *entry, struct seed_share_row *row)
{
	size_t behind = (size_t)(entry->rows + entry->row_count - row) - 1;

	row_release(row);
	memmove(row, row + 1, behind * sizeof(*row));
	entry->row_count--;
}

static struct seed_share_row *find_row(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->row_count; i++)
		if (strcmp(entry->rows[i].record.id, id) == 0)
			return &entry->rows[i];
	return NULL;
}

static bool is_of(const struct seed_record *record, const char *id)
{
	return record->id && strcmp(record->id, id) == 0;
}

static bool has_version(const struct seed_share_entry *entry, const char *id)
{
	for (size_t i = 0; i < entry->version_count; i++)
		if (is_of(&entry->versions[i].record, id))
			return true;
	return false;
}

static bool is_placed(const struct seed_share_entry *entry, const char *id)
{
	return has_version(entry, id) ||
	       (is_of(&entry->current, id) && entry->current.state == SEED_STATE_VERIFIED);
}

/* The one that has the name; NULL: nothing is generated for it. */
static struct seed_share_row *newest(const struct seed_share_entry *entry)
{
	struct seed_share_row *last = entry->row_count ? &entry->rows[entry->row_count - 1] : NULL;

	return last && !last->record.superseded ? last : NULL;
}

static void changed(struct seed_share_entry *entry, const struct seed_share_change *change)
{
	if (entry->writer_count == SEED_SHARE_WRITERS)
		memmove(entry->writers, entry->writers + 1, sizeof(entry->writers) - sizeof(entry->writers[0]));
	else
		entry->writer_count++;
	memcpy(entry->writers[entry->writer_count - 1], change->host, SEED_SHARE_HOST_BYTES);
	entry->serial++;
}

enum seed_share_wrote seed_share_wrote(const struct seed_share_entry *entry, uint64_t serial,
				       const char *host)
{
	uint64_t back = entry->serial - serial;

	if (serial > entry->serial)
		return SEED_SHARE_NOT_YET;
	if (back >= entry->writer_count)
		return SEED_SHARE_UNKNOWN;
	return strcmp(entry->writers[entry->writer_count - 1 - back], host) == 0 ? SEED_SHARE_WROTE :
		SEED_SHARE_NEVER;
}

static void renew(struct seed_share_row *row, const struct seed_share_change *change)
{
	row->until_s = change->now_s + change->lease_s;
}

static void take(struct seed_share_entry *entry, struct seed_share_row *row,
		 const struct seed_share_change *change)
{
	changed(entry, change);
	memcpy(row->host, change->host, sizeof(row->host));
	row->lease = (int64_t)entry->serial;
	renew(row, change);
}

static bool has_lease(const struct seed_share_row *row, const struct seed_share_change *change)
{
	return row && strcmp(row->host, change->host) == 0 && row->lease == change->lease;
}

static errint_t replace(struct seed_record *to, const struct seed_record *from)
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

/* ---- changes ---- */

/* No service has seen it, so nothing is lost with it. */
static bool is_unsent(const struct seed_record *record)
{
	return strcmp(record->step, "queued") == 0 && !record->unsure;
}

/* What has left an image, or may yet leave one, is kept; the rest goes. */
static void supersede_rows(struct seed_share_entry *entry)
{
	for (size_t i = 0; i < entry->row_count;) {
		entry->rows[i].record.superseded = true;
		if (is_unsent(&entry->rows[i].record))
			remove_row(entry, &entry->rows[i]);
		else
			i++;
	}
}

static errint_t retire_current(struct seed_share_entry *entry)
{
	struct seed_share_version *version;

	if (!entry->current.name || entry->current.state != SEED_STATE_VERIFIED)
		return 0;
	version = add_version(entry);
	if (!version)
		return -ENOMEM;
	return replace(&version->record, &entry->current);
}

static bool asks_for_the_same(const struct seed_record *a, const struct seed_record *b)
{
	return a->request && b->request && strcmp(a->request, b->request) == 0 && a->params &&
	       b->params && seed_params_same(a->params, b->params);
}

errint_t seed_share_begin(struct seed_share_entry *entry, const struct seed_share_change *change,
			  const struct seed_record *row, const struct seed_share_row **joined)
{
	struct seed_share_row *last = newest(entry), *made;
	errint_t err;

	if (last && asks_for_the_same(&last->record, row)) {
		*joined = last;
		return -EEXIST;
	}
	supersede_rows(entry);
	err = retire_current(entry);
	if (err)
		return err;
	made = add_row(entry);
	if (!made)
		return -ENOMEM;
	take(entry, made, change);
	err = replace(&made->record, row);
	return err ? err : replace(&entry->current, row);
}

errint_t seed_share_update(struct seed_share_entry *entry, const struct seed_share_change *change,
			   struct seed_record *row)
{
	struct seed_share_row *found = find_row(entry, row->id);
	errint_t err;

	if (!has_lease(found, change))
		return -ESTALE;
	row->superseded = found->record.superseded;
	err = replace(&found->record, row);
	if (!err && !row->superseded)
		err = replace(&entry->current, row);
	renew(found, change);
	changed(entry, change);
	return err;
}

const struct seed_share_row *seed_share_take(struct seed_share_entry *entry,
					     const struct seed_share_change *change)
{
	for (size_t i = 0; i < entry->row_count; i++) {
		struct seed_share_row *row = &entry->rows[i];

		if (row->until_s >= change->now_s)
			continue;
		take(entry, row, change);
		return row;
	}
	return NULL;
}

/* It has the name, or had it last and failed: an image is better than an error. */
static bool is_currents(const struct seed_share_entry *entry, const char *id)
{
	const struct seed_share_row *last = newest(entry);

	return last ? is_of(&last->record, id) : is_of(&entry->current, id);
}

static errint_t place_image(struct seed_share_entry *entry, const struct seed_record *row)
{
	struct seed_share_version *version;

	if (is_currents(entry, row->id))
		return replace(&entry->current, row);
	version = add_version(entry);
	return version ? replace(&version->record, row) : -ENOMEM;
}

static errint_t place_failure(struct seed_share_entry *entry, const struct seed_share_row *found,
			      const struct seed_share_change *change, const struct seed_record *row)
{
	if (!has_lease(found, change))
		return -ESTALE;
	return is_currents(entry, row->id) ? replace(&entry->current, row) : 0;
}

errint_t seed_share_finish(struct seed_share_entry *entry, const struct seed_share_change *change,
			   const struct seed_record *row)
{
	struct seed_share_row *found = find_row(entry, row->id);
	errint_t err;

	if (row->state != SEED_STATE_VERIFIED)
		err = place_failure(entry, found, change, row);
	else if (is_placed(entry, row->id))
		return 0;
	else
		err = place_image(entry, row);
	if (err)
		return err;
	if (found)
		remove_row(entry, found);
	changed(entry, change);
	return 0;
}

enum seed_share_end seed_share_end_of(const struct seed_share_entry *entry, const char *id)
{
	if (find_row(entry, id))
		return SEED_SHARE_IN_FLIGHT;
	if (is_placed(entry, id))
		return SEED_SHARE_MADE;
	return is_of(&entry->current, id) && entry->current.state == SEED_STATE_FAILED ?
		SEED_SHARE_FAILED : SEED_SHARE_SUPERSEDED;
}

/* ---- JSON ---- */

/* A row as it is stored, in an object. */
static bool put_record(cJSON *object, const struct seed_record *record)
{
	char *text = seed_record_format_line(record);
	cJSON *row = text ? cJSON_Parse(text) : NULL;

	free(text);
	if (row && cJSON_AddItemToObjectCS(object, "row", row))
		return true;
	cJSON_Delete(row);
	return false;
}

/* An object behind the last of `array`. */
static cJSON *put_object(cJSON *array)
{
	cJSON *object = cJSON_CreateObject();

	if (object && cJSON_AddItemToArray(array, object))
		return object;
	cJSON_Delete(object);
	return NULL;
}

static bool put_writers(cJSON *array, const struct seed_share_entry *entry)
{
	for (size_t i = 0; array && i < entry->writer_count; i++) {
		cJSON *host = cJSON_CreateString(entry->writers[i]);

		if (!host || !cJSON_AddItemToArray(array, host)) {
			cJSON_Delete(host);
			return false;
		}
	}
	return array != NULL;
}

static bool put_rows(cJSON *array, const struct seed_share_entry *entry)
{
	for (size_t i = 0; array && i < entry->row_count; i++) {
		const struct seed_share_row *row = &entry->rows[i];
		cJSON *object = put_object(array);

		if (!object || !cJSON_AddStringToObject(object, "host", row->host) ||
		    !cJSON_AddNumberToObject(object, "lease", (double)row->lease) ||
		    !cJSON_AddNumberToObject(object, "until", (double)row->until_s) ||
		    !put_record(object, &row->record))
			return false;
	}
	return array != NULL;
}

static bool put_versions(cJSON *array, const struct seed_share_entry *entry)
{
	for (size_t i = 0; array && i < entry->version_count; i++) {
		cJSON *object = put_object(array);

		if (!object || !cJSON_AddNumberToObject(object, "number", entry->versions[i].number) ||
		    !put_record(object, &entry->versions[i].record))
			return false;
	}
	return array != NULL;
}

char *seed_share_format(const struct seed_share_entry *entry)
{
	cJSON *object = cJSON_CreateObject(), *current;
	char *text = NULL;
	bool ok;

	ok = object && cJSON_AddNumberToObject(object, "serial", (double)entry->serial) &&
	     put_writers(cJSON_AddArrayToObject(object, "writers"), entry);
	if (ok && entry->current.name) {
		current = cJSON_AddObjectToObject(object, "current");
		ok = current && put_record(current, &entry->current);
	}
	ok = ok && put_rows(cJSON_AddArrayToObject(object, "flight"), entry) &&
	     put_versions(cJSON_AddArrayToObject(object, "history"), entry);
	if (ok)
		text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}

/* 0 to 2^53. */
static bool get_number(const cJSON *object, const char *key, int64_t *out)
{
	double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));

	if (!(value >= 0 && value <= 9007199254740992.0))
		return false;
	*out = (int64_t)value;
	return true;
}

static bool get_host(const cJSON *item, char host[SEED_SHARE_HOST_BYTES])
{
	const char *text = cJSON_GetStringValue(item);

	if (!text || strlen(text) != SEED_SHARE_HOST_BYTES - 1 ||
	    strspn(text, "0123456789abcdef") != SEED_SHARE_HOST_BYTES - 1)
		return false;
	memcpy(host, text, SEED_SHARE_HOST_BYTES);
	return true;
}

static bool get_writers(const cJSON *array, struct seed_share_entry *entry)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array) {
		if (entry->writer_count == SEED_SHARE_WRITERS ||
		    !get_host(item, entry->writers[entry->writer_count]))
			return false;
		entry->writer_count++;
	}
	return entry->writer_count > 0;
}

/* Every row here has an id, and is NAME's. */
static errint_t get_record(const cJSON *object, const char *name, struct seed_record *record)
{
	char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(object, "row"));
	errint_t err;

	seed_record_release(record);
	if (!text)
		return -EBADMSG;
	err = seed_record_parse(text, strlen(text), record);
	cJSON_free(text);
	if (!err && (!record->id || strcmp(record->name, name) != 0))
		err = -EBADMSG;
	return err;
}

static errint_t get_rows(const cJSON *array, const char *name, struct seed_share_entry *entry)
{
	const cJSON *object;

	cJSON_ArrayForEach(object, array) {
		struct seed_share_row *row = add_row(entry);
		errint_t err = row ? get_record(object, name, &row->record) : -ENOMEM;

		if (err)
			return err;
		if (!get_host(cJSON_GetObjectItemCaseSensitive(object, "host"), row->host) || !get_number(object, "lease", &row->lease) || !get_number(object, "until", &row->until_s) ||
		    row->lease < 1 || !row->record.step || find_row(entry, row->record.id) != row)
			return -EBADMSG;
		/* Only the last has the name. */
		if (row != entry->rows && !row[-1].record.superseded)
			return -EBADMSG;
	}
	return 0;
}

static errint_t get_versions(const cJSON *array, const char *name, struct seed_share_entry *entry)
{
	const cJSON *object;
	int64_t number;

	cJSON_ArrayForEach(object, array) {
		struct seed_share_version *version = add_version(entry);
		errint_t err = version ? get_record(object, name, &version->record) : -ENOMEM;

		if (err)
			return err;
		if (!get_number(object, "number", &number) || number < version->number || number > INT32_MAX ||
		    version->record.state != SEED_STATE_VERIFIED)
			return -EBADMSG;
		version->number = (int)number;
	}
	return 0;
}

static errint_t get_entry(const cJSON *object, const char *name, struct seed_share_entry *entry)
{
	const cJSON *current = cJSON_GetObjectItemCaseSensitive(object, "current");
	int64_t serial;
	errint_t err;

	if (!get_number(object, "serial", &serial) ||
	    !get_writers(cJSON_GetObjectItemCaseSensitive(object, "writers"), entry))
		return -EBADMSG;
	entry->serial = (uint64_t)serial;
	if (current) {
		err = get_record(current, name, &entry->current);
		if (err)
			return err;
	}
	err = get_rows(cJSON_GetObjectItemCaseSensitive(object, "flight"), name, entry);
	return err ? err : get_versions(cJSON_GetObjectItemCaseSensitive(object, "history"), name, entry);
}

errint_t seed_share_parse(const char *json, size_t len, const char *name, struct seed_share_entry *entry)
{
	errint_t err = -EBADMSG;
	cJSON *object;
	char *text;

	seed_share_init(entry);
	if (len > SEED_SHARE_ENTRY_MAX_BYTES || memchr(json, '\0', len))
		return -EBADMSG;
	/* NUL-terminated, because cJSON may read one byte too far (CVE-2023-53154). */
	text = strndup(json, len);
	if (!text)
		return -ENOMEM;
	object = cJSON_ParseWithOpts(text, NULL, true);
	if (cJSON_IsObject(object))
		err = get_entry(object, name, entry);
	cJSON_Delete(object);
	free(text);
	return err;
}
