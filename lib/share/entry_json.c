/* The entry as JSON. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/share/internal.h"

static const char *const removed_words[] = { "prompt", "image", "record" };

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

static bool put_text(cJSON *array, const char *text)
{
	cJSON *item = cJSON_CreateString(text);

	if (item && cJSON_AddItemToArray(array, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool put_writers(cJSON *array, const struct seed_share_entry *entry)
{
	for (size_t i = 0; array && i < entry->writer_count; i++)
		if (!put_text(array, entry->writers[i]))
			return false;
	return array != NULL;
}

static bool put_removed(cJSON *array, unsigned without)
{
	for (size_t i = 0; array && i < SEED_ARRAY_LEN(removed_words); i++)
		if ((without & 1u << i) && !put_text(array, removed_words[i]))
			return false;
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
		    (row->late_of[0] && !cJSON_AddStringToObject(object, "late_of", row->late_of)) ||
		    (row->copy && !cJSON_AddStringToObject(object, "copy", row->token)) ||
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

static bool put_moves(cJSON *array, const struct seed_share_entry *entry)
{
	for (size_t i = 0; array && i < entry->move_count; i++) {
		const struct seed_share_move *move = &entry->moves[i];
		cJSON *item = cJSON_CreateObject();

		if (!item || !cJSON_AddItemToArray(array, item) ||
		    !cJSON_AddStringToObject(item, "to", move->to) ||
		    !cJSON_AddNumberToObject(item, "serial", (double)move->serial) ||
		    !cJSON_AddNumberToObject(item, "there", (double)move->there))
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
	if (ok && entry->without)
		ok = put_removed(cJSON_AddArrayToObject(object, "removed"), entry->without);
	if (ok && entry->folder)
		ok = cJSON_AddTrueToObject(object, "folder") != NULL;
	if (ok && entry->gone)
		ok = cJSON_AddTrueToObject(object, "gone") != NULL;
	if (ok && entry->move_count)
		ok = put_moves(cJSON_AddArrayToObject(object, "moves"), entry);
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

/* Every row here is NAME's. */
static errint_t get_record(const cJSON *object, const char *name, struct seed_record *record)
{
	char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(object, "row"));
	errint_t err;

	seed_record_release(record);
	if (!text)
		return -EBADMSG;
	err = seed_record_parse(text, strlen(text), record);
	cJSON_free(text);
	if (!err && strcmp(record->name, name) != 0)
		err = -EBADMSG;
	return err;
}

/* False: it is there, and no id. */
static bool get_late_of(const cJSON *item, char late_of[SEED_SHARE_ID_BYTES])
{
	const char *text = cJSON_GetStringValue(item);

	if (!item)
		return true;
	if (!text || !text[0] || strlen(text) >= SEED_SHARE_ID_BYTES)
		return false;
	(void)snprintf(late_of, SEED_SHARE_ID_BYTES, "%s", text);
	return true;
}

/* False: it is there, and no token. */
static bool get_copy(const cJSON *item, struct seed_share_row *row)
{
	const char *text = cJSON_GetStringValue(item);

	row->copy = item != NULL;
	return !item || (text && !text[0]) || get_host(item, row->token);
}

static bool get_lease(const cJSON *object, struct seed_share_row *row)
{
	return get_copy(cJSON_GetObjectItemCaseSensitive(object, "copy"), row) &&
	       get_host(cJSON_GetObjectItemCaseSensitive(object, "host"), row->host) &&
	       get_number(object, "lease", &row->lease) && row->lease >= 1 &&
	       get_number(object, "until", &row->until_s) &&
	       get_late_of(cJSON_GetObjectItemCaseSensitive(object, "late_of"), row->late_of);
}

static errint_t get_rows(const cJSON *array, const char *name, struct seed_share_entry *entry)
{
	const cJSON *object;

	cJSON_ArrayForEach(object, array) {
		struct seed_share_row *row = share_add_row(entry);
		errint_t err = row ? get_record(object, name, &row->record) : -ENOMEM;

		if (err)
			return err;
		if (!get_lease(object, row) || !row->record.step || !row->record.id ||
		    share_find_row(entry, row->record.id) != row)
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
		struct seed_share_version *version;
		errint_t err;

		if (share_is_last(entry))
			return -EBADMSG;
		version = share_add_version(entry);
		err = version ? get_record(object, name, &version->record) : -ENOMEM;
		if (err)
			return err;
		if (!get_number(object, "number", &number) || number < version->number || number > SEED_SHARE_VERSION_MAX ||
		    version->record.state != SEED_STATE_VERIFIED)
			return -EBADMSG;
		version->number = (int)number;
	}
	return 0;
}

static bool get_removed(const cJSON *array, unsigned *without)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array) {
		const char *word = cJSON_GetStringValue(item);
		size_t i = 0;

		while (i < SEED_ARRAY_LEN(removed_words) && (!word || strcmp(word, removed_words[i]) != 0))
			i++;
		if (i == SEED_ARRAY_LEN(removed_words))
			return false;
		*without |= 1u << i;
	}
	return true;
}

static errint_t get_move(const cJSON *item, struct seed_share_entry *entry)
{
	const char *to = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "to"));
	int64_t serial, there;

	if (!to || seed_text_check_stored_name(to) || !get_number(item, "serial", &serial) ||
	    !get_number(item, "there", &there))
		return -EBADMSG;
	return share_add_move(entry, to, (uint64_t)serial, (uint64_t)there);
}

/* What is gone has nothing left. */
static errint_t get_moves(const cJSON *object, struct seed_share_entry *entry)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "moves"), *item;
	errint_t err = cJSON_GetArraySize(array) > SEED_SHARE_MOVES ? -EBADMSG : 0;

	cJSON_ArrayForEach(item, array)
		if (!err)
			err = get_move(item, entry);
	entry->gone = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "gone"));
	if (!err && entry->gone &&
	    (!entry->move_count || entry->current.name || entry->row_count || entry->version_count))
		err = -EBADMSG;
	return err;
}

static errint_t get_parts(const cJSON *object, const char *name, struct seed_share_entry *entry)
{
	const cJSON *flight = cJSON_GetObjectItemCaseSensitive(object, "flight");
	const cJSON *history = cJSON_GetObjectItemCaseSensitive(object, "history");
	errint_t err;

	if (cJSON_GetArraySize(flight) + cJSON_GetArraySize(history) > SEED_SHARE_PARTS_MAX)
		return -EBADMSG;
	err = get_rows(flight, name, entry);
	if (!err)
		err = get_versions(history, name, entry);
	if (!err)
		err = get_moves(object, entry);
	return err;
}

static errint_t get_entry(const cJSON *object, const char *name, struct seed_share_entry *entry)
{
	const cJSON *current = cJSON_GetObjectItemCaseSensitive(object, "current");
	int64_t serial;
	errint_t err;

	if (!get_number(object, "serial", &serial) ||
	    !get_writers(cJSON_GetObjectItemCaseSensitive(object, "writers"), entry) ||
	    !get_removed(cJSON_GetObjectItemCaseSensitive(object, "removed"), &entry->without))
		return -EBADMSG;
	entry->serial = (uint64_t)serial;
	entry->folder = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "folder"));
	err = current ? get_record(current, name, &entry->current) : 0;
	if (!err && !current)
		entry->without = 0; /* of nothing */
	return err ? err : get_parts(object, name, entry);
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
