/* What stands in the slots of a name (slots.h). Nothing is changed here. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"
#include "lib/store/slots.h"

enum seed_area seed_slot_image_area(const struct seed_slot *slot)
{
	return slot->number ? SEED_AREA_HISTORY : SEED_AREA_IMAGES;
}

enum seed_area seed_slot_row_area(const struct seed_slot *slot)
{
	return slot->number ? SEED_AREA_HISTORY : SEED_AREA_RECORDS;
}

errint_t seed_slot_path(const struct seed_slots *m, const struct seed_slot *slot, bool row,
			  char path[SEED_STORE_PATH_BYTES])
{
	const char *suffix = row ? ".json" : ".png";
	int len = slot->number ?
		snprintf(path, SEED_STORE_PATH_BYTES, "%s/%04d%s", m->name, slot->number, suffix) :
		snprintf(path, SEED_STORE_PATH_BYTES, "%s%s", m->name, suffix);

	return len < SEED_STORE_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int64_t seed_slot_off_ms(const struct seed_slot *slot, int64_t wall_ms)
{
	int64_t off = seed_clock_file_ms(&slot->st.st_mtim) - wall_ms;

	return off < 0 ? -off : off;
}

bool seed_slot_is_picture(const struct seed_slot *slot)
{
	return slot->has_image && S_ISREG(slot->st.st_mode) && !seed_store_is_placeholder(&slot->st);
}

static errint_t hash_image(struct seed_slots *m, const char *path, struct seed_slot *slot)
{
	int fd = seed_store_picture_open(m->store, seed_slot_image_area(slot), path);
	errint_t err;

	if (fd < 0)
		return fd == -EAGAIN || fd == -ENOENT ? 0 : fd;
	err = seed_store_hash(fd, slot->sha256);
	close(fd);
	return err == -EFBIG ? 0 : err;
}

errint_t seed_slot_identify(struct seed_slots *m, struct seed_slot *slot)
{
	char image[SEED_STORE_PATH_BYTES], row[SEED_STORE_PATH_BYTES];
	struct seed_record record = { 0 };
	char *json = NULL;
	size_t len;
	errint_t err = seed_slot_path(m, slot, false, image);

	if (!err)
		err = seed_slot_path(m, slot, true, row);
	if (err || *slot->sha256)
		return err;
	if (seed_files_read(m->store->areas[seed_slot_row_area(slot)], row, SEED_RECORD_MAX_BYTES, &json,
			    &len) == 0 &&
	    seed_record_parse(json, len, &record) == 0 && record.state == SEED_STATE_VERIFIED &&
	    record.image.bytes == (uint64_t)slot->st.st_size &&
	    (seed_slot_off_ms(slot, record.verified_ms) < SEED_SLOT_COARSE_MS || !seed_slot_is_picture(slot)))
		memcpy(slot->sha256, record.image.sha256, sizeof(slot->sha256));
	seed_record_release(&record);
	free(json);
	return *slot->sha256 ? 0 : hash_image(m, image, slot);
}

/* Two pictures of one name that have one size were never verified at one moment. */
static errint_t judge_image(struct seed_slots *m, struct seed_slot *slot)
{
	const struct seed_record *want = slot->want;
	errint_t err = 0;

	slot->right = !slot->want_image && !slot->has_image;
	if (!slot->want_image || !slot->has_image || !S_ISREG(slot->st.st_mode) ||
	    (uint64_t)slot->st.st_size != want->image.bytes)
		return 0;
	slot->time_right = seed_slot_off_ms(slot, want->verified_ms) < SEED_SLOT_COARSE_MS;
	slot->right = seed_slot_off_ms(slot, want->verified_ms) == 0;
	if (slot->right)
		return 0;
	err = seed_slot_identify(m, slot);
	slot->right = !err && *slot->sha256 && strcmp(slot->sha256, want->image.sha256) == 0;
	return err;
}

char *seed_slot_row_text(const struct seed_slots *m, const struct seed_record *record)
{
	struct seed_record row = *record; /* borrows everything */
	char *name = strdup(m->name), *json;

	row.id = NULL;
	row.name = name;
	json = name ? seed_record_format(&row, NULL, 0) : NULL;
	free(name);
	return json;
}

static errint_t judge_text(int dirfd, const char *path, const char *wanted, bool *right)
{
	size_t wanted_len = strlen(wanted), len = 0;
	char *text = NULL;
	errint_t err = seed_files_read(dirfd, path, wanted_len, &text, &len);

	*right = !err && len == wanted_len && memcmp(text, wanted, len) == 0;
	free(text);
	/* Another text, none, or what is no file: it is replaced. */
	return err == -EISDIR || seed_error_is_lack(err) ? err : 0;
}

static errint_t judge_row(struct seed_slots *m, struct seed_slot *slot)
{
	int dirfd = m->store->areas[seed_slot_row_area(slot)], is_there;
	char path[SEED_STORE_PATH_BYTES], *json;
	errint_t err = seed_slot_path(m, slot, true, path);

	if (err)
		return err;
	is_there = seed_files_has_file(dirfd, path);
	if (is_there == -EISDIR && !slot->want_row)
		is_there = 0;
	if (is_there < 0)
		return is_there;
	slot->row_right = slot->want_row == (is_there > 0);
	/* That of a version never changes, and it came before the image. */
	if (!slot->row_right || !slot->want_row || (slot->number && slot->right))
		return 0;
	json = seed_slot_row_text(m, slot->want);
	err = json ? judge_text(dirfd, path, json, &slot->row_right) : -ENOMEM;
	free(json);
	return err;
}

static errint_t look_at(struct seed_slots *m, struct seed_slot *slot)
{
	char path[SEED_STORE_PATH_BYTES];
	errint_t err = seed_slot_path(m, slot, false, path);

	if (err)
		return err;
	if (fstatat(m->store->areas[seed_slot_image_area(slot)], path, &slot->st, AT_SYMLINK_NOFOLLOW) == 0)
		slot->has_image = true;
	else if (errno != ENOENT && errno != ENOTDIR)
		return -errno;
	if (slot->has_image && S_ISDIR(slot->st.st_mode)) {
		if (slot->want_image)
			return -EISDIR;
		slot->has_image = false; /* another name's */
	}
	err = judge_image(m, slot);
	return err ? err : judge_row(m, slot);
}

/* "0001.png" or "0001.json", as seedfs writes them; 0: another file. */
static int version_number(const char *file)
{
	char own[2][24];
	int number = (int)strtol(file, NULL, 10);

	if (number <= 0 || strspn(file, "0123456789") > 9)
		return 0;
	(void)snprintf(own[0], sizeof(own[0]), "%04d.png", number);
	(void)snprintf(own[1], sizeof(own[1]), "%04d.json", number);
	return strcmp(file, own[0]) == 0 || strcmp(file, own[1]) == 0 ? number : 0;
}

static int compare_numbers(const void *number, const void *version)
{
	int a = *(const int *)number, b = ((const struct seed_mirror_version *)version)->number;

	return (a > b) - (a < b);
}

static void add_slots(struct seed_slots *m, const struct seed_names *found)
{
	const struct seed_mirror *mirror = m->mirror;
	struct seed_slot *slot = m->slots;
	int number, last = 0;

	slot->want = mirror->current;
	slot->want_image = mirror->current && mirror->has_image;
	slot->want_row = mirror->current && mirror->has_record;
	for (size_t i = 0; i < mirror->version_count; i++) {
		slot++;
		slot->number = mirror->versions[i].number;
		slot->want = mirror->versions[i].record;
		slot->want_image = slot->want_row = true;
	}
	for (size_t i = 0; i < found->count; i++, last = number) {
		number = version_number(found->names[i]);
		if (!number || number == last || /* its image follows its row */
		    (mirror->version_count && bsearch(&number, mirror->versions,
		     mirror->version_count, sizeof(mirror->versions[0]), compare_numbers)))
			continue;
		(++slot)->number = number;
	}
	m->count = (size_t)(slot - m->slots) + 1;
}

/* With as many again, for parking(). */
static errint_t list_slots(struct seed_slots *m)
{
	struct seed_names found;
	errint_t err = seed_files_list(m->store->areas[SEED_AREA_HISTORY], m->name, &found);

	if (err == -ENOENT || (err == -ENOTDIR && !m->mirror->version_count))
		err = 0;
	if (err)
		return err;
	free(m->slots);
	m->slots = calloc(2 * (1 + m->mirror->version_count + found.count), sizeof(m->slots[0]));
	if (m->slots)
		add_slots(m, &found);
	seed_names_release(&found);
	return m->slots ? 0 : -ENOMEM;
}

static errint_t look_at_prompt(struct seed_slots *m)
{
	int dirfd = m->store->areas[SEED_AREA_PROMPTS];
	const struct seed_record *current = m->mirror->current;
	struct stat st;
	errint_t err;
	bool there = fstatat(dirfd, m->name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (!there && errno != ENOENT && errno != ENOTDIR)
		return -errno;
	m->prompt_right = m->prompt_time_right = true;
	if (!current || !m->mirror->has_prompt) {
		m->prompt_right = !there || S_ISDIR(st.st_mode);
		return 0;
	}
	m->prompt_right = false;
	if (!there)
		return 0;
	err = judge_text(dirfd, m->name, current->request, &m->prompt_right);
	m->prompt_time_right = current->prompt_time.tv_nsec == UTIME_OMIT ||
		(st.st_mtim.tv_sec == current->prompt_time.tv_sec &&
		 (st.st_mtim.tv_nsec == 0 ||
		  st.st_mtim.tv_nsec / 1000 == current->prompt_time.tv_nsec / 1000));
	return err;
}

errint_t seed_slots_survey(struct seed_slots *m, bool *same)
{
	errint_t err = list_slots(m);

	for (size_t i = 0; i < m->count && !err; i++)
		err = look_at(m, &m->slots[i]);
	if (!err)
		err = look_at_prompt(m);
	*same = !err && m->prompt_right && m->prompt_time_right;
	for (size_t i = 0; i < m->count && *same; i++)
		*same = m->slots[i].right && m->slots[i].row_right &&
			(m->slots[i].time_right || !m->slots[i].want_image);
	return err;
}
