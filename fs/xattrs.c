/* The extended attributes of a prompt and of its image: the values of the record that
 * are asked for most, one by one, so that a script needs no JSON (`getfattr -n
 * user.seed.state`). They are read from records/NAME.json at each call. */
#include "fs/fs.h"

#define PREFIX "user.seed."
/* What is put together here: at most an errno's name and a message. */
#define TEXT_BYTES (SEED_MESSAGE_MAX_BYTES + 64)

/* A value: of the record or put into `text`. NULL or empty: none. */
typedef const char *value_fn(const struct seed_record *record, char text[TEXT_BYTES]);

static const char *value_state(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return seed_state_name(record->state);
}

static const char *value_resolution(const struct seed_record *record, char text[TEXT_BYTES])
{
	if (record->state != SEED_STATE_VERIFIED)
		return NULL;
	(void)snprintf(text, TEXT_BYTES, "%ux%u", record->image.width, record->image.height);
	return text;
}

static const char *value_image_url(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return record->image_url;
}

static const char *value_sha256(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return record->image.sha256;
}

static const char *value_provider(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return record->provider;
}

static const char *value_model(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return record->params->model;
}

static const char *value_task_id(const struct seed_record *record, char text[TEXT_BYTES])
{
	SEED_UNUSED(text);
	return record->task_id;
}

static const char *value_error(const struct seed_record *record, char text[TEXT_BYTES])
{
	if (!record->error.code)
		return NULL;
	(void)snprintf(text, TEXT_BYTES, "%s: %s", seed_error_name(record->error.code),
		       seed_error_words(&record->error));
	return text;
}

static const char *value_cost(const struct seed_record *record, char text[TEXT_BYTES])
{
	if (record->cost < 0)
		return NULL;
	(void)snprintf(text, TEXT_BYTES, "%.15g", record->cost);
	return text;
}

static const struct attribute {
	const char *name;
	value_fn *value;
} attributes[] = {
	{ PREFIX "state", value_state },
	{ PREFIX "resolution", value_resolution },
	{ PREFIX "image_url", value_image_url },
	{ PREFIX "sha256", value_sha256 },
	{ PREFIX "provider", value_provider },
	{ PREFIX "model", value_model },
	{ PREFIX "task_id", value_task_id },
	{ PREFIX "error", value_error },
	{ PREFIX "cost", value_cost },
};

static const struct attribute *attribute_find(const char *name)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(attributes); i++)
		if (strcmp(attributes[i].name, name) == 0)
			return &attributes[i];
	return NULL;
}

bool xattr_is_ours(const char *name)
{
	return strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0;
}

static errint_t get(const struct seed_record *record, const struct attribute *attribute,
		    char *value, size_t size, size_t *len)
{
	char text[TEXT_BYTES];
	const char *found = attribute->value(record, text);

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
		const char *found = attributes[i].value(record, text);
		size_t name_size = strlen(attributes[i].name) + 1;

		if (!found || found[0] == '\0')
			continue;
		if (name_size > size - *len)
			return -E2BIG;
		memcpy(names + *len, attributes[i].name, name_size);
		*len += name_size;
	}
	return 0;
}

/* The empty `name` lists. An entry without a row has no attributes. */
static errint_t getxattr_of(struct fs *fs, const char *path, const char *name, char *value,
			    size_t size, size_t *len)
{
	const struct attribute *attribute = attribute_find(name);
	bool lists = name[0] == '\0';
	struct seed_record record;
	errint_t err;

	if (!attribute && !lists)
		return -ENODATA;
	err = seed_store_record_read(fs->store, path, &record);
	if (err == -ENOENT || err == -ENAMETOOLONG)
		err = lists ? 0 : -ENODATA;
	else if (!err && lists)
		err = list(&record, value, size, len);
	else if (!err)
		err = get(&record, attribute, value, size, len);
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
