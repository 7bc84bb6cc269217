/*
 * Where hosts share a catalogue: thumb/SHA256, the thumbnail of the image with that sum, is put
 * into the store by the host that made it. So others show a folder of pictures without
 * the pictures' bytes. Nothing depends on it: one that is missing is made from the image.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* Of one request. */
#define ASK_MS 20000

struct thumb_upload {
	struct command report; /* first: of the disk job */
	struct seed_disk_job disk;
	struct thumb_upload *next, **link;
	struct seed_engine *engine;
	struct seed_thumb_files files;
	enum seed_area area;
	char sum[SEED_SHA256_HEX_BYTES];
	char *data;
	size_t len;
	struct seed_s3_op *asked;
	errint_t err;
	char path[];
};

static void upload_free(struct thumb_upload *upload)
{
	*upload->link = upload->next;
	if (upload->next)
		upload->next->link = upload->link;
	free(upload->data);
	free(upload);
}

static void read_on_disk(struct seed_disk_job *disk)
{
	struct thumb_upload *upload =
		(struct thumb_upload *)((char *)disk - offsetof(struct thumb_upload, disk));

	upload->err = seed_store_thumb_read(upload->engine->store, upload->area, upload->path,
					    &upload->files, upload->sum, &upload->data, &upload->len);
	engine_post(upload->engine, &upload->report);
}

static void on_put(void *context, struct seed_s3_answer *answer)
{
	SEED_UNUSED(answer); /* another host may have been first */
	upload_free(context);
}

static void was_read(struct seed_engine *engine, struct command *command)
{
	struct thumb_upload *upload = (struct thumb_upload *)command;
	char key[sizeof("thumb/") + SEED_SHA256_HEX_BYTES];
	const struct seed_s3_put put = {
		.key = key, .data = upload->data, .bytes = upload->len, .condition = SEED_S3_IF_NONE };

	engine->steps_running--;
	snprintf(key, sizeof(key), "thumb/%s", upload->sum);
	if (upload->err || engine->stopping ||
	    seed_s3_put(engine->shared->s3, &put, seed_clock_now_ms() + ASK_MS, on_put, upload,
			&upload->asked))
		upload_free(upload);
}

void thumb_upload(struct seed_engine *engine, enum seed_area area, const char *path,
		  const struct seed_thumb_files *files)
{
	struct thumb_upload *upload;

	if (!engine->shared || !engine->shared->fit || engine->stopping || !engine->disk)
		return;
	upload = calloc(1, sizeof(*upload) + strlen(path) + 1);
	if (!upload)
		return;
	upload->engine = engine;
	upload->area = area;
	upload->files = *files;
	memcpy(upload->path, path, strlen(path) + 1);
	upload->next = engine->shared->thumb_uploads;
	upload->link = &engine->shared->thumb_uploads;
	if (upload->next)
		upload->next->link = &upload->next;
	engine->shared->thumb_uploads = upload;
	upload->disk.run = read_on_disk;
	upload->report.run = was_read;
	engine->steps_running++;
	seed_disk_submit(engine->disk, seed_disk_lane(path), &upload->disk);
}

void thumb_uploads_free(struct shared *shared)
{
	while (shared->thumb_uploads) {
		if (shared->thumb_uploads->asked)
			seed_s3_cancel(shared->thumb_uploads->asked);
		upload_free(shared->thumb_uploads);
	}
}
