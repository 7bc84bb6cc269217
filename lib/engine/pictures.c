/*
 * Images that stand here as placeholders: their bytes come from the store when somebody
 * opens them. Each is asked for once, whoever waits for it, and believed only if its sum
 * the record's. A thumbnail is asked for first, where that is what somebody opens; where the
 * store has none, the image is, and the thumbnail is made of it.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/engine/internal.h"
#include "lib/image/sink.h"
#include "lib/share/store_clock.h"

/* Of its entry. */
#define READ_MS 20000
/* A connection that broke is tried again, and a store that is busy, for some seconds. */
#define TRIES_MAX 5
#define BUSY_TRIES_MAX 10

struct picture {
	struct command report; /* first: of the disk job */
	struct seed_disk_job disk;
	struct picture *next, **link;
	struct seed_engine *engine;
	enum seed_area area;
	char *path;
	struct seed_image_info image; /* as the record has it */
	struct seed_wait *waits;
	struct seed_share_op *read;   /* its entry; NULL: not asked for */
	struct seed_s3_op *asked;
	int tries;                    /* that failed */
	int64_t pause_ms, wake_ms;    /* before the next; wake_ms 0: there is none */
	bool thumb;                   /* its thumbnail is enough */
	int fd;                       /* the bytes; -1: not here yet */
	errint_t err;
};

static void picture_free(struct picture *picture)
{
	if (picture->link) {
		*picture->link = picture->next;
		if (picture->next)
			picture->next->link = picture->link;
	}
	if (picture->fd >= 0)
		close(picture->fd);
	free(picture->path);
	free(picture);
}

static void end(struct picture *picture, errint_t err)
{
	struct seed_engine *engine = picture->engine;

	while (picture->waits)
		wait_finish(engine, picture->waits, -err);
	picture_free(picture);
}

/* ---- disk threads ---- */

/* In order with what else happens to the name. */
static void name_of(const struct picture *picture, char name[SEED_STORE_PATH_BYTES])
{
	char *end;

	snprintf(name, SEED_STORE_PATH_BYTES, "%s", picture->path);
	end = strrchr(name, picture->area == SEED_AREA_HISTORY ? '/' : '.');
	if (end)
		*end = '\0';
}

static uint64_t lane_of(const struct picture *picture)
{
	char name[SEED_STORE_PATH_BYTES];

	name_of(picture, name);
	return seed_disk_lane(name);
}

static void to_disk(struct picture *picture, void (*run)(struct seed_disk_job *),
		    void (*report)(struct seed_engine *, struct command *))
{
	struct seed_engine *engine = picture->engine;

	picture->disk.run = run;
	picture->report.run = report;
	if (!engine->disk) {
		end(picture, -ESHUTDOWN);
		return;
	}
	engine->steps_running++;
	seed_disk_submit(engine->disk, lane_of(picture), &picture->disk);
}

static struct picture *of(struct seed_disk_job *disk)
{
	return (struct picture *)((char *)disk - offsetof(struct picture, disk));
}

static void find(struct seed_disk_job *disk)
{
	struct picture *picture = of(disk);
	struct seed_record record;

	picture->err = seed_store_picture_record(picture->engine->store, picture->area, picture->path,
						 &record);
	picture->image = record.image;
	/* It was one when its placeholder was looked at. */
	if (!picture->err && !record.image.bytes)
		picture->err = -ESTALE;
	seed_record_release(&record);
	engine_post(picture->engine, &picture->report);
}

static errint_t check(const struct picture *picture)
{
	size_t bytes = (size_t)picture->image.bytes;
	char sum[SEED_SHA256_HEX_BYTES];
	struct seed_error error;
	errint_t err;
	void *data;

	if (lseek(picture->fd, 0, SEEK_END) != (off_t)bytes || !bytes)
		return -EIO;
	data = mmap(NULL, bytes, PROT_READ, MAP_SHARED, picture->fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	err = seed_sha256(data, bytes, sum, &error);
	munmap(data, bytes);
	if (err)
		return err;
	return strcmp(sum, picture->image.sha256) == 0 ? 0 : -EIO;
}

static void fill(struct seed_disk_job *disk)
{
	struct picture *picture = of(disk);

	if (picture->thumb) {
		picture->err = seed_store_thumb_take(picture->engine->store, picture->area, picture->path,
						     picture->image.sha256, picture->fd);
		engine_post(picture->engine, &picture->report);
		return;
	}
	picture->err = check(picture);
	if (!picture->err)
		picture->err = seed_store_fill(picture->engine->store, picture->area, picture->path,
					       picture->fd, picture->image.bytes);
	engine_post(picture->engine, &picture->report);
}

/* ---- the engine's thread ---- */

static errint_t ask(struct picture *picture);

/* Not the thumbnail, then. */
static bool asked_for_image(struct picture *picture)
{
	if (!picture->thumb || picture->engine->stopping)
		return false;
	picture->thumb = false;
	picture->tries = 0;
	if (picture->fd >= 0)
		close(picture->fd);
	picture->fd = -1;
	return ask(picture) == 0;
}

static void filled(struct seed_engine *engine, struct command *command)
{
	struct picture *picture = (struct picture *)command;
	errint_t err = picture->err;

	engine->steps_running--;
	if (picture->thumb) {
		if (!err || !asked_for_image(picture))
			end(picture, err == -ESTALE ? 0 : err);
		return;
	}
	if (!err)
		cache_added(engine, picture->image.bytes);
	if (err == -EIO)
		seed_log_line(engine->log, picture->path, SEED_LOG_ERROR "What the store has as image/%s is "
			      "not that image (EIO)", picture->image.sha256);
	/* Another version stands there by now: whoever opens it asks for that one. */
	end(picture, err == -ESTALE ? 0 : err);
}

static bool asks_again(struct picture *picture, const struct seed_s3_answer *answer)
{
	int most = answer->status ? BUSY_TRIES_MAX : TRIES_MAX;

	if (answer->outcome != SEED_S3_AWAY || ++picture->tries >= most)
		return false;
	picture->wake_ms = seed_store_clock_again_ms(&picture->pause_ms, answer->retry_after_ms);
	return true;
}

static void on_answer(void *context, struct seed_s3_answer *answer)
{
	struct picture *picture = context;
	struct seed_engine *engine = picture->engine;
	errint_t err;

	picture->asked = NULL;
	if (answer->outcome == SEED_S3_DONE) {
		picture->fd = answer->memfd;
		answer->memfd = -1;
		to_disk(picture, fill, filled);
		return;
	}
	if (asked_for_image(picture) || asks_again(picture, answer))
		return;
	err = answer->outcome == SEED_S3_NONE ? -EIO : seed_s3_error(answer);
	shared_answered(engine->shared, err, &answer->error);
	if (answer->outcome == SEED_S3_NONE)
		seed_log_line(engine->log, picture->path, SEED_LOG_ERROR "The store has no image/%s any more "
			      "(EIO)", picture->image.sha256);
	end(picture, err);
}

static errint_t ask(struct picture *picture)
{
	char key[sizeof("image/") + SEED_SHA256_HEX_BYTES];
	const struct seed_s3_get get = {
		.key = key,
		.limit_bytes = picture->thumb ? SEED_THUMB_MAX_BYTES : (size_t)picture->image.bytes,
		.to_memfd = true,
	};

	/* The bucket's entry is as little believed here as where it becomes files. */
	if (!shared_is_image(&picture->image))
		return -EBADMSG;
	snprintf(key, sizeof(key), "%s/%s", picture->thumb ? "thumb" : "image", picture->image.sha256);
	if (!picture->engine->shared->fit)
		return -EHOSTUNREACH;
	return seed_s3_get(picture->engine->shared->s3, &get,
			   seed_clock_now_ms() + seed_s3_image_ms(picture->image.bytes), on_answer, picture,
			   &picture->asked);
}

static void go_on(struct picture *picture)
{
	if (!picture->err && picture->engine->stopping)
		picture->err = -ESHUTDOWN;
	if (!picture->err)
		picture->err = ask(picture);
	if (picture->err == -EBADMSG)
		seed_log_line(picture->engine->log, picture->path, SEED_LOG_ERROR "What the store has for this name "
			      "says an impossible size or sum of its image (EBADMSG)");
	/* It is not there any more, or its bytes are here. */
	if (picture->err)
		end(picture, picture->err == -ESTALE || picture->err == -ENOENT ? 0 : picture->err);
}

int64_t pictures_turn(struct seed_engine *engine, int64_t now)
{
	struct picture *next;
	int64_t at = INT64_MAX;

	for (struct picture *picture = engine->shared->pictures; picture; picture = next) {
		next = picture->next;
		if (picture->wake_ms && picture->wake_ms <= now) {
			picture->wake_ms = 0;
			go_on(picture);
		} else if (picture->wake_ms && picture->wake_ms < at) {
			at = picture->wake_ms;
		}
	}
	return at;
}

/* A user removed the record, and the entry still has it. */
static void on_entry(void *context, const struct seed_share_result *result)
{
	struct picture *picture = context;
	const struct seed_record *current = &result->entry->current;

	picture->read = NULL;
	shared_answered(picture->engine->shared, result->err, &result->error);
	picture->err = result->err;
	if (!result->err && (!current->name || current->state != SEED_STATE_VERIFIED))
		picture->err = -ENOENT;
	if (!picture->err)
		picture->image = current->image;
	go_on(picture);
}

static errint_t ask_entry(struct picture *picture)
{
	char name[SEED_STORE_PATH_BYTES];
	const struct seed_share_request request = {
		.verb = SEED_SHARE_READ, .name = name, .deadline_ms = seed_clock_now_ms() + READ_MS };

	if (!picture->engine->shared->fit)
		return -EHOSTUNREACH;
	name_of(picture, name);
	return seed_share_start(picture->engine->shared->share, &request, on_entry, picture, &picture->read);
}

static void found(struct seed_engine *engine, struct command *command)
{
	struct picture *picture = (struct picture *)command;

	engine->steps_running--;
	if (picture->err == -ENOENT && picture->area == SEED_AREA_IMAGES && !engine->stopping &&
	    ask_entry(picture) == 0)
		return;
	go_on(picture);
}

static struct picture *find_picture(const struct seed_engine *engine, enum seed_area area,
				    const char *path, bool thumb)
{
	struct picture *picture = engine->shared->pictures;

	while (picture && (picture->thumb != thumb || picture->area != area || strcmp(picture->path, path) != 0))
		picture = picture->next;
	return picture;
}

static struct picture *picture_new(struct seed_engine *engine, enum seed_area area, const char *path)
{
	struct picture *picture = calloc(1, sizeof(*picture));

	if (!picture || !(picture->path = strdup(path))) {
		free(picture);
		return NULL;
	}
	picture->engine = engine;
	picture->area = area;
	picture->fd = -1;
	picture->next = engine->shared->pictures;
	picture->link = &engine->shared->pictures;
	if (picture->next)
		picture->next->link = &picture->next;
	engine->shared->pictures = picture;
	return picture;
}

struct fetch {
	struct command command; /* first */
	struct seed_wait *wait;
	enum seed_area area;
	bool thumb;
	char path[];
};

static void run_fetch(struct seed_engine *engine, struct command *command)
{
	struct fetch *fetch = (struct fetch *)command;
	struct picture *picture;
	bool is_new;

	if (!engine->shared || engine->stopping) {
		wait_finish(engine, fetch->wait, engine->stopping ? ESHUTDOWN : EIO);
		free(fetch);
		return;
	}
	picture = find_picture(engine, fetch->area, fetch->path, fetch->thumb);
	is_new = !picture;
	if (is_new)
		picture = picture_new(engine, fetch->area, fetch->path);
	if (picture)
		picture->thumb = fetch->thumb;
	if (picture)
		wait_hold(engine, &picture->waits, fetch->wait);
	else
		wait_finish(engine, fetch->wait, ENOMEM);
	free(fetch);
	if (picture && is_new)
		to_disk(picture, find, found);
}

errint_t seed_engine_fetch(struct seed_engine *engine, enum seed_area area, const char *path,
			   bool thumb, struct seed_wait *wait)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch) + strlen(path) + 1);

	if (!fetch)
		return -ENOMEM;
	fetch->command.run = run_fetch;
	fetch->wait = wait;
	fetch->area = area;
	fetch->thumb = thumb;
	memcpy(fetch->path, path, strlen(path) + 1);
	engine_post(engine, &fetch->command);
	return 0;
}

void pictures_stop(struct seed_engine *engine)
{
	struct picture *next;

	if (!engine->shared)
		return;
	for (struct picture *picture = engine->shared->pictures; picture; picture = next) {
		next = picture->next;
		if (!picture->asked && !picture->read && !picture->wake_ms)
			continue; /* on a disk thread */
		if (picture->read)
			seed_share_cancel(picture->read);
		if (picture->asked)
			seed_s3_cancel(picture->asked);
		end(picture, -ESHUTDOWN);
	}
}
