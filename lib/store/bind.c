/* The file `shared`: which bucket has the catalogue of which this directory is a copy. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/files.h"
#include "lib/store/internal.h"

#define FILE_NAME "shared"
#define FILE_MAX_BYTES 8192

struct binding {
	char *bucket; /* owned */
	char host[SEED_STORE_HOST_BYTES];
};

static errint_t parse(const char *json, size_t len, struct binding *binding)
{
	cJSON *object = cJSON_ParseWithLength(json, len);
	const char *bucket = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "bucket"));
	const char *host = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "host"));
	errint_t err = -EBADMSG;

	if (bucket && host && strlen(host) == SEED_STORE_HOST_BYTES - 1 &&
	    strspn(host, "0123456789abcdef") == SEED_STORE_HOST_BYTES - 1) {
		memcpy(binding->host, host, sizeof(binding->host));
		binding->bucket = strdup(bucket);
		err = binding->bucket ? 0 : -ENOMEM;
	}
	cJSON_Delete(object);
	return err;
}

/* -ENOENT: there is none. Free binding->bucket in any case. */
static errint_t load(const struct seed_store *store, struct binding *binding)
{
	char *json = NULL;
	size_t len;
	errint_t err = seed_files_read(store->root, FILE_NAME, FILE_MAX_BYTES, &json, &len);

	*binding = (struct binding){ 0 };
	if (!err)
		err = parse(json, len, binding);
	free(json);
	return err;
}

static errint_t save(struct seed_store *store, const struct binding *binding)
{
	cJSON *object = cJSON_CreateObject();
	char file[SEED_STORE_ID_BYTES], *json = NULL;
	errint_t err = -ENOMEM;

	if (object && cJSON_AddStringToObject(object, "bucket", binding->bucket) &&
	    cJSON_AddStringToObject(object, "host", binding->host))
		json = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	seed_store_new_id(store, file);
	if (json && strlen(json) > FILE_MAX_BYTES)
		err = -ENAMETOOLONG;
	else if (json)
		err = seed_files_replace(store->tmp, file, store->root, FILE_NAME, json, strlen(json),
					 true);
	free(json);
	return err;
}

/* 1, 0 or -errno. */
static int has_rows(struct seed_store *store)
{
	struct seed_names found;
	errint_t err = seed_store_pending_list(store, ".json", &found);
	bool any = found.count > 0;

	seed_names_release(&found);
	return err ? err : any;
}

/* Whether somebody has worked with it: a folder of his counts, too. 1, 0 or -errno. */
static int has_entries(struct seed_store *store)
{
	struct seed_names found;
	bool any = false;
	errint_t err = 0;

	for (size_t i = 0; i < SEED_AREA_COUNT && !err && !any; i++) {
		err = seed_files_list(store->areas[i], ".", &found);
		any = found.count > 0;
		seed_names_release(&found);
	}
	return err ? err : any ? 1 : has_rows(store);
}

static errint_t make_host(char host[SEED_STORE_HOST_BYTES])
{
	unsigned char bytes[(SEED_STORE_HOST_BYTES - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(host + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static errint_t write_new(struct seed_store *store, const char *bucket_url, struct binding *binding,
			  struct seed_error *error)
{
	errint_t err = make_host(binding->host);

	if (!err && !(binding->bucket = strdup(bucket_url)))
		err = -ENOMEM;
	if (!err)
		err = save(store, binding);
	return err ? seed_error_set(error, -err, "%s in the state directory: %s", FILE_NAME,
				    strerror(-err)) : 0;
}

static errint_t refuse_damaged(errint_t err, struct seed_error *error)
{
	return seed_error_set(error, -err, "%s in the state directory: %s; it says which bucket "
			      "the directory belongs to: mend it, or name another directory "
			      "with -o state=DIR", FILE_NAME, strerror(-err));
}

static errint_t refuse_entries(const char *bucket_url, struct seed_error *error)
{
	return seed_error_set(error, ENOTEMPTY, "the state directory has entries of its own, which "
			      "%s does not have; copy them with seedfs --adopt, or name an "
			      "empty directory with -o state=DIR", bucket_url);
}

static errint_t refuse_another(const struct binding *binding, const char *bucket_url, struct seed_error *error)
{
	if (!bucket_url)
		return seed_error_set(error, EBUSY, "the state directory is a part of %s, and has not all of "
				      "its images; mount it with store=, or name another with -o state=DIR",
				      binding->bucket ? binding->bucket : "a shared catalogue");
	return seed_error_set(error, EBUSY, "the state directory belongs to %s, not to %s; name "
			      "another with -o state=DIR", binding->bucket, bucket_url);
}

/* Without the store, which a mount may have open: so nothing is made or mended here. */
static bool has_files(int root)
{
	static const char *const folders[] = { "prompts", "images", "records", "history", "pending" };
	struct seed_names found;
	bool any = false;

	for (size_t i = 0; i < SEED_ARRAY_LEN(folders) && !any; i++) {
		if (seed_files_list(root, folders[i], &found))
			continue;
		any = found.count > 0;
		seed_names_release(&found);
	}
	return any;
}

static errint_t check_bind(const struct seed_store *view, const char *bucket_url, struct seed_error *error)
{
	struct binding binding;
	errint_t err = load(view, &binding);

	if (err == -ENOENT)
		err = bucket_url && has_files(view->root) ? refuse_entries(bucket_url, error) : 0;
	else if (!err && (!bucket_url || strcmp(binding.bucket, bucket_url) != 0))
		err = refuse_another(&binding, bucket_url, error);
	else if (err)
		err = refuse_damaged(err, error);
	free(binding.bucket);
	return err;
}

errint_t seed_store_check(const char *state, const char *bucket_url, struct seed_error *error)
{
	struct seed_store view = { .root = -1 };
	errint_t err = seed_store_find_root(state, &view.root, error);

	if (!err)
		err = check_bind(&view, bucket_url, error);
	if (view.root >= 0)
		close(view.root);
	return err;
}

static errint_t make(struct seed_store *store, const char *bucket_url, struct binding *binding,
		     struct seed_error *error)
{
	int has = has_entries(store);

	if (has > 0)
		return refuse_entries(bucket_url, error);
	if (has < 0)
		return seed_error_set(error, -has, "the state directory: %s", strerror(-has));
	return write_new(store, bucket_url, binding, error);
}

errint_t seed_store_bind_adopted(struct seed_store *store, const char *bucket_url,
				 struct seed_error *error)
{
	struct binding binding = { .bucket = NULL };
	int has = has_rows(store);
	errint_t err;

	if (seed_store_is_bound(store, NULL))
		return seed_error_set(error, EBUSY, "the state directory belongs to a bucket already");
	if (has > 0)
		return seed_error_set(error, ENOTEMPTY, "the journal in the state directory has generations in flight");
	if (has < 0)
		return seed_error_set(error, -has, "the state directory: %s", strerror(-has));
	err = write_new(store, bucket_url, &binding, error);
	free(binding.bucket);
	return err;
}

errint_t seed_store_bind(struct seed_store *store, const char *bucket_url,
			 char host[SEED_STORE_HOST_BYTES], struct seed_error *error)
{
	struct binding binding;
	errint_t err = load(store, &binding);

	if (err == -ENOENT)
		err = make(store, bucket_url, &binding, error);
	else if (err)
		err = refuse_damaged(err, error);
	else if (strcmp(binding.bucket, bucket_url) != 0)
		err = refuse_another(&binding, bucket_url, error);
	if (!err)
		memcpy(host, binding.host, sizeof(binding.host));
	free(binding.bucket);
	return err;
}

bool seed_store_is_bound(const struct seed_store *store, char **bucket_url)
{
	struct binding binding;
	errint_t err = load(store, &binding);

	if (bucket_url)
		*bucket_url = binding.bucket;
	else
		free(binding.bucket);
	return err != -ENOENT;
}

/* A copy is another file; and inode numbers are unique only on one kernel, for as long as it runs. */
void seed_store_place(const struct seed_store *store, char place[SEED_STORE_PLACE_BYTES])
{
	char boot[64] = "";
	struct stat st = { .st_ino = 0 };
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, sizeof(boot) - 1);

	if (fd >= 0)
		close(fd);
	boot[n > 0 ? strcspn(boot, "\n") : 0] = '\0';
	SEED_UNUSED(fstatat(store->root, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0);
	(void)snprintf(place, SEED_STORE_PLACE_BYTES, "%s %llu %llu", boot, (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
}
