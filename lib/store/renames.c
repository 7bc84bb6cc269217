#include "lib/store/renames.h"

#include <cjson/cJSON.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

errint_t seed_renames_add(struct seed_renames *list, enum seed_rename_stage stage, int from_place,
			  const char *from, int to_place, const char *to)
{
	struct seed_rename item = { .from_place = from_place, .to_place = to_place,
				    .stage = (int)stage };

	if (list->count == list->alloc) {
		size_t alloc = list->alloc ? 2 * list->alloc : 8;
		void *items = realloc(list->items, alloc * sizeof(list->items[0]));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->alloc = alloc;
	}
	item.from = strdup(from);
	item.to = strdup(to);
	if (!item.from || !item.to) {
		free(item.from);
		free(item.to);
		return -ENOMEM;
	}
	list->items[list->count++] = item;
	return 0;
}

void seed_renames_release(struct seed_renames *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].from);
		free(list->items[i].to);
	}
	free(list->items);
	*list = (struct seed_renames){ 0 };
}

/* ---- doing and undoing ---- */

static errint_t forward(struct seed_store *store, struct seed_rename *item)
{
	errint_t err = -EOPNOTSUPP;

	if (item->link)
		err = seed_files_link(store->places[item->from_place], item->from,
				      store->places[item->to_place], item->to);
	if (err != -EOPNOTSUPP)
		return err;
	/* There is one name at a time: it has to be durable where it is. */
	if (item->link)
		item->lazy = false;
	return seed_files_rename(store->places[item->from_place], item->from,
				 store->places[item->to_place], item->to);
}

static errint_t back(struct seed_store *store, const struct seed_rename *item)
{
	int from = store->places[item->from_place], to = store->places[item->to_place];
	int has_from = seed_files_exists(from, item->from);
	int has_to = seed_files_exists(to, item->to);

	if (has_from < 0 || has_to < 0)
		return has_from < 0 ? has_from : has_to;
	if (!has_from && has_to)
		return seed_files_rename(to, item->to, from, item->from);
	if (has_from && seed_files_are_same(from, item->from, to, item->to))
		return seed_files_unlink(to, item->to);
	return 0; /* it was never done, or is already undone */
}

static bool same_parent(int a_place, const char *a, int b_place, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t len = x ? (size_t)(x - a) : 0;

	return a_place == b_place && len == (y ? (size_t)(y - b) : 0) && memcmp(a, b, len) == 0;
}

/* The folders on one side of a stage's renames, each once where they follow
 * each other. */
static errint_t sync_side(struct seed_store *store, const struct seed_renames *list, int stage,
			  bool targets, bool left)
{
	const char *last = NULL;
	int last_place = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct seed_rename *item = &list->items[i];
		const char *path = targets ? item->to : item->from;
		int place = targets ? item->to_place : item->from_place;
		errint_t err;

		if (item->stage != stage || item->lazy || place == SEED_PLACE_TMP ||
		    /* After a stop, what has left it may be there again: the start removes it. */
		    (left && place == SEED_PLACE_PENDING) ||
		    (last && same_parent(place, path, last_place, last)))
			continue;
		last = path;
		last_place = place;
		err = seed_files_sync_parent(store->places[place], path);
		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

/* First the folders in which the files arrive: a stop between the two may leave both names,
 * never none. */
static errint_t sync_stage(struct seed_store *store, const struct seed_renames *list, int stage,
			   bool undoing)
{
	errint_t err = sync_side(store, list, stage, !undoing, false);

	return err ? err : sync_side(store, list, stage, undoing, true);
}

static errint_t run_stage(struct seed_store *store, struct seed_renames *list, int stage)
{
	errint_t err;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].stage != stage)
			continue;
		err = forward(store, &list->items[i]);
		if (err)
			return err;
		list->happened = stage == SEED_RENAME_LAST;
	}
	return sync_stage(store, list, stage, false);
}

errint_t seed_renames_run(struct seed_store *store, struct seed_renames *list)
{
	errint_t err = 0;

	list->happened = list->open = false;
	for (int stage = SEED_RENAME_ROW; stage <= SEED_RENAME_LAST && !err; stage++)
		err = run_stage(store, list, stage);
	if (err)
		list->open = list->happened || seed_renames_undo(store, list) != 0;
	return err;
}

errint_t seed_renames_undo(struct seed_store *store, const struct seed_renames *list)
{
	errint_t err = 0;

	for (int stage = SEED_RENAME_INTO; stage >= SEED_RENAME_ROW && !err; stage--) {
		for (size_t i = list->count; i-- > 0 && !err;)
			if (list->items[i].stage == stage)
				err = back(store, &list->items[i]);
		if (!err)
			err = sync_stage(store, list, stage, true);
	}
	return err;
}

errint_t seed_renames_settle(struct seed_store *store, const struct seed_renames *list)
{
	const struct seed_rename *last = &list->items[list->count - 1];
	int from = store->places[last->from_place], to = store->places[last->to_place];
	int has_from = seed_files_exists(from, last->from);
	errint_t err = 0;

	if (has_from < 0)
		return has_from;
	if (has_from && !seed_files_are_same(from, last->from, to, last->to))
		return seed_renames_undo(store, list);
	if (has_from)
		err = seed_files_unlink(from, last->from);
	return err ? err : sync_stage(store, list, SEED_RENAME_LAST, false);
}

/* ---- as JSON: [["images","a.png","images","b.png",1],…] ---- */

static cJSON *format_item(const struct seed_rename *item)
{
	cJSON *row = cJSON_CreateArray();
	cJSON *parts[] = {
		cJSON_CreateString(seed_place_names[item->from_place]), cJSON_CreateString(item->from),
		cJSON_CreateString(seed_place_names[item->to_place]), cJSON_CreateString(item->to),
		cJSON_CreateNumber(item->stage),
	};
	bool failed = !row;

	for (size_t i = 0; i < SEED_ARRAY_LEN(parts); i++) {
		if (parts[i] && row && cJSON_AddItemToArray(row, parts[i]))
			continue;
		cJSON_Delete(parts[i]);
		failed = true;
	}
	if (!failed)
		return row;
	cJSON_Delete(row);
	return NULL;
}

char *seed_renames_format(const struct seed_renames *list)
{
	cJSON *root = cJSON_CreateArray();
	char *json = NULL, *copy;

	for (size_t i = 0; root && i < list->count; i++) {
		cJSON *row = format_item(&list->items[i]);

		if (!row || !cJSON_AddItemToArray(root, row)) {
			cJSON_Delete(row);
			cJSON_Delete(root);
			root = NULL;
		}
	}
	if (root)
		json = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	copy = json ? strdup(json) : NULL;
	cJSON_free(json);
	return copy;
}

static int parse_place(const cJSON *item)
{
	const char *name = cJSON_GetStringValue(item);

	for (int i = 0; name && i < SEED_PLACE_TMP; i++)
		if (strcmp(name, seed_place_names[i]) == 0)
			return i;
	return -1;
}

/* A path below a place, of plain folders as far as they are there. */
static const char *parse_path(struct seed_store *store, int place, const cJSON *item)
{
	const char *path = cJSON_GetStringValue(item);

	if (place < 0 || !path || strlen(path) >= SEED_STORE_PATH_BYTES ||
	    !seed_files_is_below(store->places[place], path))
		return NULL;
	/* Of pending/ only what a list has put there itself. */
	if (place == SEED_PLACE_PENDING &&
	    (strchr(path, '/') || strspn(path, "0123456789abcdef") != SEED_STORE_ID_BYTES - 1))
		return NULL;
	return path;
}

static errint_t parse_item(struct seed_store *store, const cJSON *row, struct seed_renames *list)
{
	int from_place = parse_place(cJSON_GetArrayItem(row, 0));
	int to_place = parse_place(cJSON_GetArrayItem(row, 2));
	const char *from = parse_path(store, from_place, cJSON_GetArrayItem(row, 1));
	const char *to = parse_path(store, to_place, cJSON_GetArrayItem(row, 3));
	double stage = cJSON_GetNumberValue(cJSON_GetArrayItem(row, 4));

	if (!from || !to || !(stage >= SEED_RENAME_ROW && stage <= SEED_RENAME_LAST))
		return -EBADMSG;
	return seed_renames_add(list, (enum seed_rename_stage)stage, from_place, from, to_place, to);
}

errint_t seed_renames_parse(struct seed_store *store, const char *json, size_t len,
			    struct seed_renames *list)
{
	cJSON *root = cJSON_ParseWithLength(json, len);
	const cJSON *row;
	errint_t err = 0;

	*list = (struct seed_renames){ 0 };
	if (!cJSON_IsArray(root))
		err = -EBADMSG;
	cJSON_ArrayForEach(row, root) {
		if (!err)
			err = parse_item(store, row, list);
	}
	cJSON_Delete(root);
	if (!err && (!list->count || list->items[list->count - 1].stage != SEED_RENAME_LAST))
		err = -EBADMSG;
	return err;
}
