/*
 * One name made what the shared store says it is.
 *
 * What stands in its slots (slots.h) is looked at first; most often nothing differs. Then they
 * are filled one by one, as soon as what stands there is of no use to another: so a picture
 * moves straight from slot to slot, its row before it, and no stop loses it.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"
#include "lib/store/slots.h"

/* That history/ knows; lib/store/history.c. */
#define NUMBER_MAX 99999999

/* `slot` wants the picture that stands in `from`, where nobody wants it. */
static bool wants(const struct seed_slot *slot, const struct seed_slot *from)
{
	return !slot->done && slot->want_image && !slot->right && !from->right && !from->done &&
	       seed_slot_is_picture(from) && *from->sha256 &&
	       strcmp(slot->want->image.sha256, from->sha256) == 0;
}

static struct seed_slot *source_of(struct seed_slots *m, const struct seed_slot *slot)
{
	for (size_t i = 0; i < m->count; i++)
		if (wants(slot, &m->slots[i]))
			return &m->slots[i];
	return NULL;
}

static struct seed_slot *wanted_by(struct seed_slots *m, const struct seed_slot *from)
{
	for (size_t i = 0; i < m->count; i++)
		if (wants(&m->slots[i], from))
			return &m->slots[i];
	return NULL;
}

/* The sums of what may be of use elsewhere. */
static errint_t identify_useful(struct seed_slots *m)
{
	errint_t err = 0;

	for (size_t i = 0; i < m->count && !err; i++) {
		struct seed_slot *from = &m->slots[i];
		bool useful = false;

		for (size_t k = 0; k < m->count && !useful && !from->right && seed_slot_is_picture(from); k++)
			useful = m->slots[k].want_image && !m->slots[k].right &&
				 m->slots[k].want->image.bytes == (uint64_t)from->st.st_size;
		if (useful)
			err = seed_slot_identify(m, from);
	}
	return err;
}

static errint_t write_text(struct seed_slots *m, enum seed_area area, const char *path,
			   const char *text, struct timespec mtime)
{
	char file[SEED_STORE_ID_BYTES];
	errint_t err;

	seed_store_new_id(m->store, file);
	err = seed_files_write_timed(m->store->tmp, file, text, strlen(text), mtime, false);
	if (!err)
		err = seed_files_place(m->store->tmp, file, m->store->areas[area], path, false);
	m->changed = m->changed || !err;
	return err;
}

static errint_t put_row(struct seed_slots *m, const struct seed_slot *slot,
			const struct seed_record *record)
{
	static const struct timespec now = { .tv_nsec = UTIME_OMIT };
	char path[SEED_STORE_PATH_BYTES], *json;
	errint_t err = seed_slot_path(m, slot, true, path);

	if (err)
		return err;
	if (!record) {
		m->changed = true;
		return seed_files_unlink(m->store->areas[seed_slot_row_area(slot)], path);
	}
	json = seed_slot_row_text(m, record);
	err = json ? write_text(m, seed_slot_row_area(slot), path, json, now) : -ENOMEM;
	free(json);
	return err;
}

static errint_t move_image(struct seed_slots *m, struct seed_slot *from, struct seed_slot *to)
{
	char old[SEED_STORE_PATH_BYTES], path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_slot_path(m, from, false, old);

	if (!err)
		err = seed_slot_path(m, to, false, path);
	if (!err)
		err = seed_files_rename(m->store->areas[seed_slot_image_area(from)], old,
					m->store->areas[seed_slot_image_area(to)], path);
	if (err)
		return err;
	m->changed = true;
	from->has_image = false;
	to->has_image = true;
	to->st = from->st;
	memcpy(to->sha256, from->sha256, sizeof(to->sha256));
	return 0;
}

/* The picture that a worker of this host made: 1, 0 or -errno. */
static int is_own_result(struct seed_slots *m, const struct seed_record *want,
			 char file[SEED_PENDING_NAME_BYTES])
{
	char hex[SEED_SHA256_HEX_BYTES] = "";
	errint_t err;
	int fd;

	if (!want->id || strlen(want->id) >= SEED_STORE_ID_BYTES || !seed_store_is_of_id(want->id))
		return 0;
	seed_store_pending_name(file, want->id, ".png");
	if (!seed_files_is_of(m->store->pending, file, want->image.bytes))
		return 0;
	fd = seed_files_open(m->store->pending, file);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = seed_store_hash(fd, hex);
	close(fd);
	return err ? err : strcmp(hex, want->image.sha256) == 0;
}

static errint_t place_new(struct seed_slots *m, const struct seed_record *want, int dirfd,
			  const char *path)
{
	char file[SEED_STORE_ID_BYTES];
	struct timespec times[2];
	errint_t err;

	times[0] = seed_clock_file_time(want->verified_ms);
	times[1] = times[0];
	err = seed_store_placeholder_make(m->store, want->image.bytes, times, file);
	return err ? err : seed_files_place(m->store->tmp, file, dirfd, path, false);
}

/* It stays in pending/ as well, until the journal's row goes: its generation may have yet to send it,
 * though another host has ended the same task. */
static errint_t place_own(struct seed_slots *m, const struct seed_record *want, const char *file,
			  int dirfd, const char *path)
{
	errint_t err = seed_store_stamp(m->store->pending, file, want->verified_ms);

	return err ? err : seed_files_link(m->store->pending, file, dirfd, path);
}

static errint_t new_image(struct seed_slots *m, struct seed_slot *slot)
{
	char file[SEED_PENDING_NAME_BYTES], path[SEED_STORE_PATH_BYTES];
	int dirfd = m->store->areas[seed_slot_image_area(slot)], is_own;
	errint_t err = seed_slot_path(m, slot, false, path);

	if (err)
		return err;
	is_own = is_own_result(m, slot->want, file);
	if (is_own < 0)
		return is_own;
	err = is_own ? place_own(m, slot->want, file, dirfd, path) : -EOPNOTSUPP;
	if (err == -EOPNOTSUPP)
		err = place_new(m, slot->want, dirfd, path);
	m->changed = m->changed || !err;
	return err;
}

static errint_t clear_image(struct seed_slots *m, struct seed_slot *slot)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_slot_path(m, slot, false, path);

	if (!err)
		err = seed_store_image_unlink(m->store, m->store->areas[seed_slot_image_area(slot)], path);
	if (err && err != -ENOENT)
		return err;
	m->changed = true;
	slot->has_image = false;
	return 0;
}

static errint_t restamp(struct seed_slots *m, const struct seed_slot *slot)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_slot_path(m, slot, false, path);

	m->changed = true;
	return err ? err : seed_store_stamp(m->store->areas[seed_slot_image_area(slot)], path,
					    slot->want->verified_ms);
}

static errint_t fill_slot(struct seed_slots *m, struct seed_slot *slot)
{
	struct seed_slot *from = source_of(m, slot);
	bool moved = false;
	errint_t err = 0;

	if (slot->has_image && !slot->right)
		err = clear_image(m, slot);
	if (!err && !slot->row_right)
		err = put_row(m, slot, slot->want_row ? slot->want : NULL);
	if (!err && slot->want_image && !slot->right) {
		moved = from != NULL;
		err = from ? move_image(m, from, slot) : new_image(m, slot);
	}
	if (!err && slot->want_image &&
	    (moved || slot->right) && seed_slot_off_ms(slot, slot->want->verified_ms) >= SEED_SLOT_COARSE_MS)
		err = restamp(m, slot);
	slot->done = !err;
	return err;
}

/* Pictures that take each other's places: one goes to a number that nobody has. */
static errint_t park(struct seed_slots *m, struct seed_slot *from)
{
	struct seed_slot *to = &m->slots[m->count];
	const struct seed_record *row = wanted_by(m, from)->want;
	errint_t err;

	for (size_t i = 0; i < m->count; i++)
		if (m->slots[i].number >= to->number)
			to->number = m->slots[i].number + 1;
	m->count++;
	err = put_row(m, to, row);
	return err ? err : move_image(m, from, to);
}

static errint_t fill_slots(struct seed_slots *m)
{
	errint_t err = identify_useful(m);

	while (!err) {
		struct seed_slot *waiting = NULL;
		bool moved = false;

		for (size_t i = 0; i < m->count && !err; i++) {
			struct seed_slot *slot = &m->slots[i];

			if (slot->done)
				continue;
			if (wanted_by(m, slot)) {
				waiting = slot;
				continue;
			}
			err = fill_slot(m, slot);
			moved = true;
		}
		if (!waiting)
			break;
		if (!err && !moved)
			err = park(m, waiting);
	}
	return err;
}

/* prompts/ has the same folders as the other areas. */
static errint_t make_folders(struct seed_slots *m)
{
	int dirfd = m->store->areas[SEED_AREA_PROMPTS];
	char part[SEED_STORE_PATH_BYTES];
	errint_t err = 0;

	for (const char *slash = strchr(m->name, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
		if ((size_t)(slash - m->name) >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, m->name, (size_t)(slash - m->name));
		part[slash - m->name] = '\0';
		if (seed_files_is_folder(dirfd, part))
			continue;
		err = seed_store_make_folder(m->store, part);
		if (err == -EEXIST) /* just now, by another; or it is a file */
			err = seed_files_is_folder(dirfd, part) ? 0 : -ENOTDIR;
	}
	return err;
}

static errint_t put_prompt(struct seed_slots *m)
{
	const struct seed_record *current = m->mirror->current;
	errint_t err;

	if (m->prompt_right && m->prompt_time_right)
		return 0;
	m->changed = true;
	if (!current || !m->mirror->has_prompt)
		return seed_files_unlink(m->store->areas[SEED_AREA_PROMPTS], m->name);
	if (m->prompt_right)
		return seed_store_prompt_time(m->store, m->name, current->prompt_time);
	err = make_folders(m);
	return err ? err : write_text(m, SEED_AREA_PROMPTS, m->name, current->request,
				      current->prompt_time);
}

static bool is_possible(const struct seed_mirror *mirror)
{
	const struct seed_record *current = mirror->current;

	for (size_t i = 0; i < mirror->version_count; i++)
		if (mirror->versions[i].number <= (i ? mirror->versions[i - 1].number : 0) ||
		    mirror->versions[i].number > NUMBER_MAX ||
		    !mirror->versions[i].record->image.bytes)
			return false;
	return !current || ((!mirror->has_image || current->image.bytes) &&
			    (!mirror->has_prompt || current->request));
}

errint_t seed_store_mirror(struct seed_store *store, const char *name,
			   const struct seed_mirror *mirror)
{
	struct seed_slots m = { .store = store, .name = name, .mirror = mirror };
	bool same = false;
	errint_t err;

	if (!is_possible(mirror))
		return -EBADMSG;
	err = seed_slots_survey(&m, &same);
	if (!err && !same) {
		/* A list of renames that is open, or an outcome that is not durable yet. */
		err = seed_store_settle_name(store, name);
		if (!err)
			err = seed_slots_survey(&m, &same);
	}
	if (!err && !same)
		err = fill_slots(&m);
	if (!err && !same)
		err = put_prompt(&m);
	free(m.slots);
	if (m.changed)
		seed_store_changed(store, name);
	return err;
}
