#include "lib/adopt/entry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/image/sink.h"

/* Room for the largest picture that seedfs makes: four channels of 16 bits. */
#define PICTURE_MAX_BYTES (INT64_C(10) * SEED_IMAGE_MAX_PIXELS)

#define DAMAGED "is damaged: its bytes are not those that were verified"
#define NO_IMAGE "has no record, and is no image of seedfs"

static errint_t no_memory(struct seed_error *error)
{
	return seed_error_set(error, ENOMEM, "out of memory");
}

static const char *folder_of(enum seed_area area)
{
	return area == SEED_AREA_IMAGES ? "images" : "history";
}

static errint_t damaged(struct seed_error *error, const struct seed_adopt_picture *picture,
			const char *what)
{
	return seed_error_set(error, EBADMSG, "%s/%s %s", folder_of(picture->area), picture->path, what);
}

static errint_t unreadable(struct seed_error *error, const struct seed_adopt_picture *picture, errint_t err)
{
	return seed_error_set(error, -err, "%s/%s: %s", folder_of(picture->area), picture->path,
			      strerror(-err));
}

/* ---- the bytes of a picture ---- */

/* `most`: what it is to have; one byte more is too many. */
static errint_t read_all(int fd, size_t most, char **data, size_t *bytes)
{
	char *room = malloc(most + 1);
	ssize_t n;

	if (!room)
		return -ENOMEM;
	n = seed_io_read(fd, room, most + 1);
	if (n < 0) {
		free(room);
		return (errint_t)n;
	}
	*data = room;
	*bytes = (size_t)n;
	return 0;
}

/* `most`: no image that is larger is this one; `what` it is then. */
static errint_t load(const struct seed_store *store, const struct seed_adopt_picture *picture, uint64_t most,
		     const char *what, char **data, size_t *bytes, struct seed_error *error)
{
	int fd = seed_store_picture_open(store, picture->area, picture->path);
	struct stat st;
	errint_t err;

	*data = NULL;
	*bytes = 0;
	if (fd == -EAGAIN)
		return damaged(error, picture, "keeps the place of an image whose bytes are not here");
	if (fd < 0)
		return unreadable(error, picture, fd);
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if ((uint64_t)st.st_size > most)
		err = -EFBIG;
	else
		err = read_all(fd, (size_t)st.st_size, data, bytes);
	close(fd);
	return err == -EFBIG ? damaged(error, picture, what) : err ? unreadable(error, picture, err) : 0;
}

errint_t seed_adopt_picture_load(const struct seed_store *store, const struct seed_adopt_entry *entry,
				 const struct seed_adopt_picture *picture, char **data, size_t *bytes,
				 struct seed_error *error)
{
	const struct seed_record *row = seed_adopt_row_of(entry, picture);
	char sum[SEED_SHA256_HEX_BYTES];
	errint_t err = load(store, picture, row->image.bytes, DAMAGED, data, bytes, error);

	if (!err)
		err = seed_sha256(*data, *bytes, sum, error);
	if (!err && (*bytes != row->image.bytes || strcmp(sum, row->image.sha256) != 0))
		err = damaged(error, picture, DAMAGED);
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

/* ---- a row of its own ---- */

static int64_t time_of(const struct seed_store *store, const struct seed_adopt_picture *picture)
{
	struct stat st;

	if (fstatat(seed_store_area(store, picture->area), picture->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return seed_clock_file_ms(&st.st_mtim);
}

/* What the file tells. -EBADMSG: it is no image. */
static errint_t make_row(const struct seed_store *store, const struct seed_adopt_picture *picture,
			 struct seed_record *row, struct seed_error *error)
{
	char *data;
	size_t bytes;
	errint_t err = load(store, picture, PICTURE_MAX_BYTES, NO_IMAGE, &data, &bytes, error);

	if (!err && !seed_store_read_sides(data, bytes, &row->image))
		err = damaged(error, picture, NO_IMAGE);
	if (!err)
		err = seed_sha256(data, bytes, row->image.sha256, error);
	if (!err) {
		row->state = SEED_STATE_VERIFIED;
		row->image.bytes = bytes;
		row->progress = 1;
		row->verified_ms = row->created_ms = time_of(store, picture);
	}
	free(data);
	return err;
}

/* ---- the entry ---- */

/* What a catalogue does not keep of a row, and an entry needs. `text`: what prompts/NAME says. */
static errint_t complete(struct seed_store *store, const char *name, const char *text,
			 struct seed_record *row)
{
	char id[SEED_STORE_ID_BYTES];
	errint_t err;

	seed_store_new_id(store, id);
	err = seed_record_set(&row->id, id);
	if (!err)
		err = seed_record_set(&row->name, name);
	/* The text of a version is what its row has of it. */
	if (!err)
		err = seed_record_set(&row->request, text ? text : row->prompt ? row->prompt : "");
	/* So that a version that comes back has one time on all hosts. */
	row->prompt_time = seed_clock_file_time(row->created_ms);
	row->step = seed_record_step("commit");
	row->superseded = false;
	return err;
}

static errint_t add_picture(struct seed_adopt_entry *entry, enum seed_area area, const char *path, int number)
{
	struct seed_adopt_picture *pictures = reallocarray(entry->pictures, entry->count + 1, sizeof(*pictures));

	if (!pictures)
		return -ENOMEM;
	entry->pictures = pictures;
	pictures += entry->count;
	*pictures = (struct seed_adopt_picture){ .area = area, .path = strdup(path), .number = number };
	if (!pictures->path)
		return -ENOMEM;
	entry->count++;
	return 0;
}

static void forget_picture(struct seed_adopt_entry *entry)
{
	free(entry->pictures[--entry->count].path);
}

/* The last one. */
static void leave_out(struct seed_adopt_entry *entry, const struct seed_error *why)
{
	entry->report->say(entry->report->context, why->message);
	entry->left_out++;
	forget_picture(entry);
}

static const struct seed_share_version *version_of(const struct seed_adopt_entry *entry, int number)
{
	for (size_t i = 0; i < entry->entry.version_count; i++)
		if (entry->entry.versions[i].number == number)
			return &entry->entry.versions[i];
	return NULL;
}

const struct seed_record *seed_adopt_row_of(const struct seed_adopt_entry *entry,
					    const struct seed_adopt_picture *picture)
{
	return picture->number ? &version_of(entry, picture->number)->record : &entry->entry.current;
}

/* Takes `row`. */
static errint_t add_version(struct seed_adopt_entry *entry, int number, struct seed_record *row)
{
	struct seed_share_entry *share = &entry->entry;
	struct seed_share_version *versions =
		reallocarray(share->versions, share->version_count + 1, sizeof(*versions));

	if (!versions)
		return -ENOMEM;
	share->versions = versions;
	versions[share->version_count++] = (struct seed_share_version){ .number = number, .record = *row };
	seed_record_init(row);
	return 0;
}

static errint_t read_version(struct seed_store *store, const char *name, const char *path, int number,
			     struct seed_adopt_entry *entry, struct seed_error *error)
{
	const struct seed_adopt_picture *picture;
	struct seed_record row;
	errint_t err = add_picture(entry, SEED_AREA_HISTORY, path, number);

	if (err)
		return no_memory(error);
	picture = &entry->pictures[entry->count - 1];
	err = seed_store_picture_record(store, SEED_AREA_HISTORY, path, &row);
	if (err == -ENOENT || err == -EBADMSG || (!err && row.state != SEED_STATE_VERIFIED)) {
		seed_record_release(&row);
		seed_record_init(&row);
		err = make_row(store, picture, &row, error);
		entry->made_rows += !err;
	} else if (err) {
		err = unreadable(error, picture, err);
	}
	if (!err && (complete(store, name, NULL, &row) || add_version(entry, number, &row)))
		err = no_memory(error);
	seed_record_release(&row);
	if (err != -EBADMSG)
		return err;
	leave_out(entry, error);
	return 0;
}

static errint_t read_versions(struct seed_store *store, const char *name, struct seed_adopt_entry *entry,
			      struct seed_error *error)
{
	struct seed_versions list;
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_versions_read(store, name, &list);

	if (err)
		return seed_error_set(error, -err, "history/%s: %s", name, strerror(-err));
	for (size_t i = 0; i < list.count && !err; i++) {
		int number = (int)strtol(list.names[i], NULL, 10);

		if (snprintf(path, sizeof(path), "%s/%s", name, list.names[i]) >= (int)sizeof(path))
			err = seed_error_set(error, EBADMSG, "history/%s has too long a name", name);
		else
			err = read_version(store, name, path, number, entry, error);
	}
	seed_versions_release(&list);
	return err;
}

/* The text and its time; *text is NULL where there is none. */
static errint_t read_prompt(struct seed_store *store, const char *name, char **text, struct timespec *mtime,
			    struct seed_error *error)
{
	struct stat st;
	size_t len;
	errint_t err = seed_store_prompt_read(store, name, text, &len);

	if (err)
		return seed_error_set(error, err == -EFBIG ? EBADMSG : -err, "prompts/%s: %s", name, strerror(-err));
	if (!*text)
		return 0;
	if (memchr(*text, '\0', len))
		return seed_error_set(error, EBADMSG, "prompts/%s is no text: it has a byte 0", name);
	if (fstatat(seed_store_area(store, SEED_AREA_PROMPTS), name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*mtime = st.st_mtim;
	return 0;
}

/* The row of what is there now: from records/, or one of its own. */
static errint_t read_row(struct seed_store *store, const char *name, struct seed_adopt_entry *entry,
			 struct seed_error *error)
{
	struct seed_share_entry *share = &entry->entry;
	errint_t err = seed_store_record_read(store, name, &share->current);

	if (!err)
		return 0;
	seed_record_release(&share->current);
	seed_record_init(&share->current);
	if (err != -ENOENT)
		return seed_error_set(error, err == -EIO ? EBADMSG : -err, "records/%s.json cannot be read: %s",
				      name, err == -EIO ? "remove it, and its image gets a record of its own" :
				      strerror(-err));
	err = entry->count ? make_row(store, &entry->pictures[0], &share->current, error) : 0;
	if (err == -EBADMSG)
		leave_out(entry, error);
	else if (err)
		return err;
	/* That of an image is shown: other hosts know by it which bytes to ask for. */
	entry->made_rows += (int)entry->count;
	if (!entry->count) {
		share->current.state = SEED_STATE_CANCELLED;
		share->without |= SEED_SHARE_NO_RECORD;
	}
	return 0;
}

static errint_t find_image(struct seed_store *store, const char *name, struct seed_adopt_entry *entry,
			   struct seed_error *error)
{
	char path[SEED_STORE_PATH_BYTES];
	struct stat st;

	if (!seed_store_image_path(name, path))
		return seed_error_set(error, EBADMSG, "%s: the name is too long", name);
	if (fstatat(seed_store_area(store, SEED_AREA_IMAGES), path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
			seed_error_set(error, errno, "images/%s: %s", path, strerror(errno));
	return S_ISREG(st.st_mode) && add_picture(entry, SEED_AREA_IMAGES, path, 0) ? no_memory(error) : 0;
}

/* An image is of a row that was verified. */
static void judge_image(struct seed_adopt_entry *entry)
{
	bool is_verified = entry->entry.current.state == SEED_STATE_VERIFIED;
	struct seed_error why;

	if (is_verified && !entry->count)
		entry->entry.without |= SEED_SHARE_NO_IMAGE;
	if (is_verified || !entry->count)
		return;
	SEED_UNUSED(damaged(&why, &entry->pictures[0], "is not of its record, which has no image"));
	leave_out(entry, &why);
}

static errint_t read_current(struct seed_store *store, const char *name, struct seed_adopt_entry *entry,
			     struct seed_error *error)
{
	struct seed_share_entry *share = &entry->entry;
	struct timespec mtime = { .tv_nsec = UTIME_OMIT };
	char *text = NULL;
	errint_t err = find_image(store, name, entry, error);

	if (!err)
		err = read_prompt(store, name, &text, &mtime, error);
	if (!err)
		err = read_row(store, name, entry, error);
	if (!err)
		judge_image(entry);
	if (!err && !text && (share->without & SEED_SHARE_NO_RECORD)) {
		share->without = 0; /* of nothing */
	} else if (!err) {
		share->without |= text ? 0 : SEED_SHARE_NO_PROMPT;
		err = complete(store, name, text, &share->current) ? no_memory(error) : 0;
		if (text)
			share->current.prompt_time = mtime;
	}
	free(text);
	return err;
}

errint_t seed_adopt_entry_read(struct seed_store *store, const char *name,
			       const struct seed_adopt_report *report, struct seed_adopt_entry *entry,
			       struct seed_error *error)
{
	errint_t err;

	*entry = (struct seed_adopt_entry){ .report = report };
	seed_share_init(&entry->entry);
	err = read_current(store, name, entry, error);
	return err ? err : read_versions(store, name, entry, error);
}

void seed_adopt_entry_release(struct seed_adopt_entry *entry)
{
	while (entry->count)
		forget_picture(entry);
	free(entry->pictures);
	seed_share_release(&entry->entry);
	*entry = (struct seed_adopt_entry){ .count = 0 };
	seed_share_init(&entry->entry);
}

/* ---- what is left ---- */

static void drop_version(struct seed_share_entry *share, int number)
{
	size_t kept = 0;

	for (size_t i = 0; i < share->version_count; i++) {
		if (share->versions[i].number == number)
			seed_record_release(&share->versions[i].record);
		else
			share->versions[kept++] = share->versions[i];
	}
	share->version_count = kept;
}

void seed_adopt_entry_drop_bad(struct seed_adopt_entry *entry)
{
	struct seed_share_entry *share = &entry->entry;
	size_t kept = 0;

	for (size_t i = 0; i < entry->count; i++) {
		struct seed_adopt_picture *picture = &entry->pictures[i];

		if (!picture->is_bad) {
			entry->pictures[kept++] = *picture;
			continue;
		}
		if (picture->number)
			drop_version(share, picture->number);
		else
			share->without |= SEED_SHARE_NO_IMAGE;
		free(picture->path);
	}
	entry->left_out += (int)(entry->count - kept);
	entry->count = kept;
}

bool seed_adopt_entry_is_empty(const struct seed_adopt_entry *entry)
{
	return !entry->entry.current.name && !entry->entry.version_count;
}

static bool is_same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_current_in(const struct seed_share_entry *here, const struct seed_share_entry *there)
{
	const struct seed_record *a = &here->current, *b = &there->current;

	if (!a->name || !b->name)
		return !a->name && !b->name;
	return a->state == b->state && strcmp(a->image.sha256, b->image.sha256) == 0 &&
	       is_same_text(a->request, b->request) && !(there->without & ~here->without);
}

bool seed_adopt_entry_is_in(const struct seed_adopt_entry *entry, const struct seed_share_entry *there)
{
	const struct seed_share_entry *here = &entry->entry;

	if (there->folder || there->row_count || !is_current_in(here, there))
		return false;
	for (size_t i = 0; i < here->version_count; i++) {
		const char *sum = here->versions[i].record.image.sha256;
		bool found = false;

		for (size_t k = 0; k < there->version_count && !found; k++)
			found = strcmp(there->versions[k].record.image.sha256, sum) == 0;
		if (!found)
			return false;
	}
	return true;
}
