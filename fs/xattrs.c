/* The extended attributes of a prompt and of its image: the values of the record that
 * are asked for most, one by one, so that a script needs no JSON (`getfattr -n
 * user.seed.state`). They are read from records/NAME.json at each call. */
#include "fs/fs.h"

#define PREFIX "user.seed."
/* What is put together here: at most an errno's name and a message. */
#define TEXT_BYTES (SEED_MESSAGE_MAX_BYTES + 64)

enum attribute { STATE, RESOLUTION, IMAGE_URL, SHA256, PROVIDER, MODEL, TASK_ID, ERROR, COST };

static const char *const attributes[] = {
	[STATE] = PREFIX "state", [RESOLUTION] = PREFIX "resolution",
	[IMAGE_URL] = PREFIX "image_url", [SHA256] = PREFIX "sha256",
	[PROVIDER] = PREFIX "provider", [MODEL] = PREFIX "model",
	[TASK_ID] = PREFIX "task_id", [ERROR] = PREFIX "error", [COST] = PREFIX "cost",
};

/* The record's own text, or one that is put into `text`. NULL or empty: none. */
static const char *value_of(const struct seed_record *record, enum attribute attribute,
			    char text[TEXT_BYTES])
{
	switch (attribute) {
	case STATE:
		return seed_state_name(record->state);
	case RESOLUTION:
		snprintf(text, TEXT_BYTES, "%ux%u", record->image.width, record->image.height);
		return record->state == SEED_STATE_VERIFIED ? text : NULL;
	case IMAGE_URL:
		return record->image_url;
	case SHA256:
		return record->image.sha256;
	case PROVIDER:
		return record->provider;
	case MODEL:
		return record->params->model;
	case TASK_ID:
		return record->task_id;
	case ERROR:
		snprintf(text, TEXT_BYTES, "%s: %s", seed_error_name(record->error.code),
			 seed_error_words(&record->error));
		return record->error.code ? text : NULL;
	case COST:
		snprintf(text, TEXT_BYTES, "%.15g", record->cost);
		return record->cost < 0 ? NULL : text;
	}
	return NULL;
}

bool xattr_is_ours(const char *name)
{
	return strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0;
}

static errint_t get(const struct seed_record *record, const char *name, char *value, size_t size,
		    size_t *len)
{
	char text[TEXT_BYTES];
	const char *found = NULL;

	for (size_t i = 0; i < SEED_ARRAY_LEN(attributes); i++)
		if (strcmp(attributes[i], name) == 0)
			found = value_of(record, (enum attribute)i, text);
	if (!found || found[0] == '\0')
		return -ENODATA;
	/* Not ERANGE: a larger buffer would not help the caller. */
	if (strlen(found) > size)
		return -E2BIG;
	*len = strlen(found);
	memcpy(value, found, *len);
	return 0;
}

static errint_t list(const struct seed_record *record, char *names, size_t size, size_t *len)
{
	char text[TEXT_BYTES];

	*len = 0;
	for (size_t i = 0; i < SEED_ARRAY_LEN(attributes); i++) {
		const char *found = value_of(record, (enum attribute)i, text);
		size_t name_size = strlen(attributes[i]) + 1;

		if (!found || found[0] == '\0')
			continue;
		if (name_size > size - *len)
			return -E2BIG;
		memcpy(names + *len, attributes[i], name_size);
		*len += name_size;
	}
	return 0;
}

/* The empty `name` lists. An entry without a row has no attributes. */
static errint_t getxattr_of(struct fs *fs, const char *path, const char *name, char *value,
			    size_t size, size_t *len)
{
	bool lists = name[0] == '\0';
	struct seed_record record;
	struct stat st;
	errint_t err;

	err = seed_store_record_shown(fs->store, path, &record, &st);
	if (err == -ENOENT || err == -ENAMETOOLONG)
		err = lists ? 0 : -ENODATA;
	else if (!err && lists)
		err = list(&record, value, size, len);
	else if (!err)
		err = get(&record, name, value, size, len);
	seed_record_release(&record);
	return err;
}

errint_t prompt_getxattr(struct fs *fs, fuse_req_t req, struct inode *inode, const char *name,
			 char *value, size_t size, size_t *len)
{
	char path[FS_PATH_BYTES];

	SEED_UNUSED(req);
	inode_path(fs, inode, path);
	return getxattr_of(fs, path, name, value, size, len);
}

errint_t image_getxattr(struct fs *fs, fuse_req_t req, struct inode *inode, const char *name,
			char *value, size_t size, size_t *len)
{
	/* (A pending image has no version yet.) */
	bool old = inode->version.file && !folder_has_version(fs, inode);
	char path[FS_PATH_BYTES], entry[FS_PATH_BYTES];

	if (stale_tell(fs, req, inode, NULL, old))
		return -ESTALE;
	inode_path(fs, inode, path);
	/* The row is not about this picture where a newer prompt has taken the name of one
	 * that is still open. */
	if (old || !path_stem(path, ".png", entry))
		return name[0] == '\0' ? 0 : -ENODATA;
	return getxattr_of(fs, entry, name, value, size, len);
}
