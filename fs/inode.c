#include <malloc.h>
#include <sys/random.h>
#include <unistd.h>

#include "fs/draft.h"
#include "fs/fs.h"

static uint64_t hash_of(const struct node_type *type, const char *path)
{
	uint64_t hash = 14695981039346656037u ^ (uintptr_t)type;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211u;
	return hash ^ (hash >> 29);
}

struct version version_of(const struct stat *st)
{
	return (struct version){
		.file = st->st_ino,
		.time = st->st_mtim,
		.size = st->st_size,
	};
}

bool version_equal(struct version a, struct version b)
{
	return a.file == b.file && a.time.tv_sec == b.time.tv_sec && a.time.tv_nsec == b.time.tv_nsec;
}

/* All versions of a path have one hash. The first of those that may be the path's. */
static struct inode *first_at(struct fs *fs, uint64_t hash)
{
	return (struct inode *)seed_table_find(&fs->paths, hash);
}

static struct inode *next_of(const struct inode *inode)
{
	return (struct inode *)inode->by_path.next;
}

static bool is_at(const struct inode *inode, uint64_t hash, const struct node_type *type,
		  const char *path)
{
	return inode->by_path.hash == hash && inode->type == type && strcmp(inode->path, path) == 0;
}

static struct inode *find(struct fs *fs, const struct found *found)
{
	uint64_t hash = hash_of(found->type, found->path);

	for (struct inode *inode = first_at(fs, hash); inode; inode = next_of(inode))
		if (!inode->gone && version_equal(inode->version, found->version) &&
		    is_at(inode, hash, found->type, found->path))
			return inode;
	return NULL;
}

static void insert(struct fs *fs, struct inode *inode)
{
	seed_table_add(&fs->paths, &inode->by_path, hash_of(inode->type, inode->path));
}

/* ---- numbers ---- */

/* Numbers are hashes. */
static bool is_taken(struct fs *fs, uint64_t number)
{
	const struct seed_table_link *link = seed_table_find(&fs->numbers, number);

	while (link && link->hash != number)
		link = link->next;
	return link != NULL;
}

static uint64_t hash_of_version(const struct fs *fs, const struct found *found)
{
	uint64_t hash = hash_of(found->type, found->path);

	hash = (hash ^ found->version.file) * 1099511628211u;
	hash = (hash ^ (uint64_t)found->version.time.tv_sec) * 1099511628211u;
	hash = (hash ^ (uint64_t)found->version.time.tv_nsec) * 1099511628211u;
	return hash ^ (hash >> 29) ^ fs->number_salt;
}

/*
 * The number follows from type, name and version, so that a listing can give it before a
 * look-up. If another inode has it (one that is gone, or was renamed), the next
 * free number is used. It is above 32 bits, where most file systems have none, and below
 * 2^53, which a program can keep in a double: whoever searches a process's descriptors
 * for one of our numbers finds ours.
 */
static uint64_t free_number(struct fs *fs, const struct found *found)
{
	uint64_t hash = hash_of_version(fs, found);
	uint64_t number = ((uint64_t)1 << 52) | (hash & (((uint64_t)1 << 52) - 1));

	while (is_taken(fs, number))
		number++;
	return number;
}

/* The number of the image that was pending here, for the one that is found now: who waits
 * for an image is to have the file that he looked at (cp compares them). It is noted, since
 * the kernel may forget both between two questions of one call. 0: none. */
static uint64_t pending_number(struct fs *fs, const struct found *found)
{
	uint64_t hash = hash_of_version(fs, found);
	struct became *became = &fs->became[hash % BECAME_KEPT];
	struct found key = { .type = found->type };
	struct inode *pending;

	if (!found->type->is_version || !found->version.file)
		return 0;
	memcpy(key.path, found->path, strlen(found->path) + 1);
	pending = find(fs, &key);
	if (pending) {
		*became = (struct became){ .hash = hash, .number = pending->number };
		pending->gone = true; /* the next one is another */
	}
	return became->hash == hash ? became->number : 0;
}

static uint64_t new_number(struct fs *fs, const struct found *found)
{
	uint64_t number = pending_number(fs, found);

	return number ? number : free_number(fs, found);
}

uint64_t inode_number(struct fs *fs, const struct found *found)
{
	const struct inode *inode;
	uint64_t number;

	pthread_mutex_lock(&fs->inode_mutex);
	inode = find(fs, found);
	number = inode ? inode->number : new_number(fs, found);
	pthread_mutex_unlock(&fs->inode_mutex);
	return number;
}

static struct inode *add(struct fs *fs, struct found *found)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (!inode || !(inode->path = strdup(found->path))) {
		free(inode);
		return NULL;
	}
	inode->magic = INODE_MAGIC;
	inode->type = found->type;
	inode->version = found->version;
	inode->scratch = found->scratch;
	found->scratch = NULL;
	inode->number = new_number(fs, found);
	seed_table_add(&fs->numbers, &inode->by_number, inode->number);
	insert(fs, inode);
	return inode;
}

struct inode *inode_get(struct fs *fs, struct found *found)
{
	struct inode *inode;

	pthread_mutex_lock(&fs->inode_mutex);
	inode = find(fs, found);
	if (!inode)
		inode = add(fs, found);
	if (inode)
		inode->lookups++;
	pthread_mutex_unlock(&fs->inode_mutex);
	return inode;
}

/* True: there are much fewer now. */
static bool inode_free(struct fs *fs, struct inode *inode)
{
	bool fewer = seed_table_remove(&fs->paths, &inode->by_path);

	seed_table_remove(&fs->numbers, &inode->by_number);
	if (inode->type->forget)
		inode->type->forget(fs, inode);
	inode->magic = 0;
	free(inode->path);
	free(inode);
	return fewer;
}

/* Nobody has it any more; unlocks the table. */
static void put_and_unlock(struct fs *fs, struct inode *inode)
{
	bool fewer = false;

	if (inode->lookups == 0 && !inode->handles)
		fewer = inode_free(fs, inode);
	pthread_mutex_unlock(&fs->inode_mutex);
	/* What they took is scattered: malloc would keep most of it. */
	if (fewer)
		malloc_trim(0);
}

void inode_forget(struct fs *fs, struct inode *inode, uint64_t count)
{
	pthread_mutex_lock(&fs->inode_mutex);
	assert(inode->lookups >= count);
	inode->lookups -= count;
	/* What is left of them is on its way to a kernel that has not got it now. */
	atomic_store(&inode->asked, false);
	put_and_unlock(fs, inode);
}

void inode_put_handle(struct fs *fs, struct handle *handle)
{
	pthread_mutex_lock(&fs->inode_mutex);
	*handle->link_of_inode = handle->next_of_inode;
	if (handle->next_of_inode)
		handle->next_of_inode->link_of_inode = handle->link_of_inode;
	put_and_unlock(fs, handle->inode);
}

fuse_ino_t inode_id(const struct fs *fs, const struct inode *inode)
{
	return inode == fs->root ? FUSE_ROOT_ID : (uintptr_t)inode ^ fs->id_mask;
}

struct inode *inode_of(struct fs *fs, fuse_ino_t number)
{
	struct inode *inode = number == FUSE_ROOT_ID ? fs->root :
						       (struct inode *)(uintptr_t)(number ^ fs->id_mask);

	assert(inode->magic == INODE_MAGIC);
	atomic_store_explicit(&inode->asked, true, memory_order_relaxed);
	return inode;
}

bool inode_is_open(struct fs *fs, struct inode *inode)
{
	bool open;

	pthread_mutex_lock(&fs->inode_mutex);
	open = inode->handles != NULL;
	pthread_mutex_unlock(&fs->inode_mutex);
	return open;
}

void inode_leave(struct fs *fs, const struct node_type *type, const char *path)
{
	struct found found = { .type = type };
	struct inode *inode;

	snprintf(found.path, sizeof(found.path), "%s", path);
	pthread_mutex_lock(&fs->inode_mutex);
	inode = find(fs, &found);
	if (inode)
		inode->gone = true;
	pthread_mutex_unlock(&fs->inode_mutex);
}

bool inode_is_gone(struct fs *fs, struct inode *inode)
{
	bool gone;

	pthread_mutex_lock(&fs->inode_mutex);
	gone = inode->gone;
	pthread_mutex_unlock(&fs->inode_mutex);
	return gone;
}

/* Whether the kernel keeps anything of it. */
static bool is_kept(const struct inode *inode)
{
	return inode->type->is_kept && (inode->type->is_folder || inode->version.file);
}

size_t inodes_at(struct fs *fs, const struct node_type *type, const char *path,
		 fuse_ino_t *ids, size_t room)
{
	uint64_t hash = hash_of(type, path);
	size_t count = 0;

	pthread_mutex_lock(&fs->inode_mutex);
	for (struct inode *inode = first_at(fs, hash); inode && count < room; inode = next_of(inode))
		if (is_kept(inode) && is_at(inode, hash, type, path))
			ids[count++] = inode_id(fs, inode);
	pthread_mutex_unlock(&fs->inode_mutex);
	return count;
}

/* Adds those of one bucket, of very many the newest; false: another time, for room. */
static bool add_kept(const struct fs *fs, const struct inode *inode, fuse_ino_t *ids, size_t room,
		     size_t *count)
{
	size_t added = *count;

	for (; inode && added < room; inode = next_of(inode))
		if (is_kept(inode))
			ids[added++] = inode_id(fs, inode);
	if (inode && *count > 0)
		return false;
	*count = added;
	return true;
}

size_t inodes_kept(struct fs *fs, struct inodes_walk *walk, fuse_ino_t *ids, size_t room)
{
	const struct seed_table *table = &fs->paths;
	size_t count = 0;

	pthread_mutex_lock(&fs->inode_mutex);
	if (walk->size != table->size) /* they stand elsewhere now */
		*walk = (struct inodes_walk){ .size = table->size };
	while (walk->bucket < table->size &&
	       add_kept(fs, (struct inode *)table->buckets[walk->bucket], ids, room, &count))
		walk->bucket++;
	pthread_mutex_unlock(&fs->inode_mutex);
	return count;
}

struct draft *inode_draft(struct fs *fs, struct inode *inode)
{
	struct draft *draft;

	pthread_mutex_lock(&fs->inode_mutex);
	draft = inode->draft;
	if (draft)
		draft->users++;
	pthread_mutex_unlock(&fs->inode_mutex);
	return draft;
}

void inode_draft_put(struct fs *fs, struct inode *inode, struct draft *draft)
{
	pthread_mutex_lock(&fs->inode_mutex);
	if (--draft->users > 0)
		draft = NULL;
	else
		inode->draft = NULL;
	pthread_mutex_unlock(&fs->inode_mutex);
	draft_free(draft);
}

void inode_path(struct fs *fs, struct inode *inode, char path[FS_PATH_BYTES])
{
	pthread_mutex_lock(&fs->inode_mutex);
	memcpy(path, inode->path, strlen(inode->path) + 1);
	pthread_mutex_unlock(&fs->inode_mutex);
}

bool path_join(const char *path, const char *name, char out[FS_PATH_BYTES])
{
	int len = snprintf(out, FS_PATH_BYTES, "%s%s%s", path, *path ? "/" : "", name);

	return len > 0 && len < FS_PATH_BYTES;
}

bool path_stem(const char *path, const char *suffix, char name[FS_PATH_BYTES])
{
	size_t len = strlen(path), tail = strlen(suffix);

	if (len <= tail || strcmp(path + len - tail, suffix) != 0)
		return false;
	memcpy(name, path, len - tail);
	name[len - tail] = '\0';
	return true;
}

/* The path that replaces `path`, malloc'd; NULL: not concerned. */
static char *new_path(const struct inode *inode, const char *from, const char *to, bool folder)
{
	const char *path = inode->path, *suffix = inode->type->suffix ? inode->type->suffix : "";
	size_t len = strlen(from);
	char *result = NULL;

	/* By a name that the kernel keeps it must not be found as something else. */
	if (is_kept(inode))
		return NULL;
	if (inode->gone || strncmp(path, from, len) != 0 || *path == '\0')
		return NULL;
	if (folder ? path[len] != '/' && path[len] != '\0' : strcmp(path + len, suffix) != 0)
		return NULL;
	return asprintf(&result, "%s%s", to, path + len) < 0 ? NULL : result;
}

void inodes_renamed(struct fs *fs, const char *from, const char *to, bool folder)
{
	struct inode *moved = NULL, *next;

	pthread_mutex_lock(&fs->inode_mutex);
	for (size_t i = 0; i < fs->paths.size; i++) {
		for (struct inode *inode = (struct inode *)fs->paths.buckets[i]; inode; inode = next) {
			char *path = new_path(inode, from, to, folder);

			next = next_of(inode);
			if (!path)
				continue;
			free(inode->path);
			inode->path = path;
			inode->moved = moved;
			moved = inode;
		}
	}
	for (struct inode *inode = moved; inode; inode = inode->moved)
		seed_table_remove(&fs->paths, &inode->by_path);
	for (; moved; moved = moved->moved) {
		struct found key = { .type = moved->type, .version = moved->version };
		struct inode *there;

		snprintf(key.path, sizeof(key.path), "%s", moved->path);
		there = find(fs, &key);
		if (there)
			there->gone = true;
		insert(fs, moved);
	}
	pthread_mutex_unlock(&fs->inode_mutex);
}

errint_t inodes_init(struct fs *fs, const struct node_type *root)
{
	struct found found = { .type = root };

	pthread_mutex_init(&fs->inode_mutex, NULL);
	pthread_mutex_init(&fs->scratch_mutex, NULL);
	pthread_mutex_init(&fs->gallery.mutex, NULL);
	pthread_mutex_init(&fs->report_mutex, NULL);
	pthread_mutex_init(&fs->held_mutex, NULL);
	draft_sum_init(&fs->prompt_drafts, SEED_PROMPT_DRAFTS_ALL_BYTES);
	draft_sum_init(&fs->callback_drafts, SEED_CALLBACK_DRAFTS_ALL_BYTES);
	if (getrandom(&fs->number_salt, sizeof(fs->number_salt), GRND_NONBLOCK) < 0)
		fs->number_salt = (uint64_t)getpid();
	if (getrandom(&fs->id_mask, sizeof(fs->id_mask), GRND_NONBLOCK) < 0)
		fs->id_mask = (uint64_t)getpid() << 32;
	fs->id_mask |= UINT64_C(1) << 63; /* no address gives 0 or FUSE_ROOT_ID */
	if (seed_table_init(&fs->paths) != 0 || seed_table_init(&fs->numbers) != 0)
		return -ENOMEM;
	fs->root = inode_get(fs, &found);
	return fs->root ? 0 : -ENOMEM;
}

void inodes_release(struct fs *fs)
{
	for (size_t i = fs->paths.size; i-- > 0;)
		while (i < fs->paths.size && fs->paths.buckets[i])
			inode_free(fs, (struct inode *)fs->paths.buckets[i]);
	seed_table_release(&fs->paths);
	seed_table_release(&fs->numbers);
	pthread_mutex_destroy(&fs->held_mutex);
	pthread_mutex_destroy(&fs->inode_mutex);
}
