#include "lib/worker/job.h"

#include <unistd.h>

#include "lib/base/io.h"
#include "lib/image/decode.h"
#include "lib/image/encode.h"
#include "lib/image/fit.h"
#include "lib/image/sink.h"
#include "lib/image/thumb.h"
#include "lib/sketch/sketch.h"

/* The source in memory. It is read, not mapped: if a mapped file is truncated,
 * whoever reads the mapping is killed. */
struct source {
	uint8_t *data; /* owned */
	size_t len;
};

static errint_t read_source(int fd, struct source *source, struct seed_error *error)
{
	off_t end = lseek(fd, 0, SEEK_END);
	size_t size;
	ssize_t len;

	if (end < 0)
		return seed_error_set(error, EIO, "cannot read the download: %s", strerror(errno));
	if (end > SEED_DOWNLOAD_MAX_BYTES)
		return seed_image_invalid(error, "%lld bytes are too many (at most %d)",
					  (long long)end, SEED_DOWNLOAD_MAX_BYTES);
	size = (size_t)end;
	source->data = malloc(size + 1);
	if (!source->data)
		return seed_error_set(error, ENOMEM, "no memory for a download of %zu bytes", size);
	len = seed_io_read(fd, source->data, size);
	if (len < 0)
		return seed_error_set(error, EIO, "cannot read the download: %s",
				      strerror((int)-len));
	source->len = (size_t)len;
	return 0;
}

static errint_t decode_source(const struct seed_image_job *job, const struct source *source,
			      struct seed_decoded *decoded, struct seed_image_result *result)
{
	struct seed_source_info *info = &result->source;
	errint_t err;

	info->bytes = source->len;
	err = seed_sha256(source->data, source->len, info->sha256, &result->error);
	if (err)
		return err;
	errno = 0;
	err = seed_decode_for(source->data, source->len, job->width, job->height, decoded,
			      &result->error);
	/* The libraries report a lack of memory as they report a damaged picture. */
	if (err == -EBADMSG && errno == ENOMEM)
		err = seed_error_set(&result->error, ENOMEM, "no memory to decode a picture");
	snprintf(info->format, sizeof(info->format), "%s", decoded->format);
	info->width = seed_decoded_width(decoded);
	info->height = seed_decoded_height(decoded);
	return err;
}

/* Without our texts (nometadata) there are no others either. */
static struct seed_image_texts texts_of(const struct seed_image_job *job, const struct source *source,
					const struct seed_decoded *decoded)
{
	bool kept = job->text_count && !strcmp(decoded->format, "png");

	return (struct seed_image_texts){
		.ours = job->texts, .count = job->text_count,
		.source = kept ? source->data : NULL, .source_len = kept ? source->len : 0,
	};
}

static errint_t fit_and_encode(const struct seed_image_job *job, const struct source *source,
			       struct seed_decoded *decoded, struct seed_sink *sink,
			       struct seed_image_result *result)
{
	const struct seed_image_texts texts = texts_of(job, source, decoded);
	struct seed_pixels *pixels = &decoded->pixels;
	struct seed_error *error = &result->error;
	struct seed_fit_plan plan;
	errint_t err;

	err = seed_fit_plan(seed_decoded_width(decoded), seed_decoded_height(decoded), job->width,
			    job->height, job->max_upscale, job->no_upscale, &plan, error);
	if (err)
		return err;
	plan.area.y -= decoded->rows_above;
	err = seed_fit(pixels, &plan, job->width, job->height, error);
	if (err)
		return err;
	/* Here, not before: a frame that is cropped away may have hidden it. */
	if (pixels->data ? seed_pixels_uniform(pixels) : decoded->uniform)
		return seed_image_invalid(error, "all of its %ux%u pixels have one single colour "
					  "(what a safety filter returns)",
					  result->source.width, result->source.height);
	memcpy(result->source.fit, plan.name, sizeof(plan.name));
	if (decoded->keepable && !plan.crop && !plan.resample)
		return seed_encode_keep(source->data, source->len, &texts, sink, error);
	return seed_encode(pixels, &texts, sink, error);
}

static errint_t make_from_source(const struct seed_image_job *job, int source_fd,
				 struct seed_sink *sink, struct seed_image_result *result)
{
	struct seed_decoded decoded = {0};
	struct source source = {0};
	errint_t err;

	err = read_source(source_fd, &source, &result->error);
	if (!err)
		err = decode_source(job, &source, &decoded, result);
	if (!err)
		err = fit_and_encode(job, &source, &decoded, sink, result);
	seed_decoded_release(&decoded);
	free(source.data);
	return err;
}

static errint_t make_sketch(const struct seed_image_job *job, struct seed_sink *sink,
			    struct seed_image_result *result)
{
	const struct seed_image_texts texts = {.ours = job->texts, .count = job->text_count};
	struct seed_pixels pixels = {0};
	errint_t err;

	err = seed_sketch(job->prompt, job->width, job->height, &pixels, &result->error);
	if (!err)
		err = seed_encode(&pixels, &texts, sink, &result->error);
	seed_pixels_release(&pixels);
	if (err)
		return err;
	result->source = (struct seed_source_info){
		.format = "sketch", .fit = "none", .width = job->width, .height = job->height,
	};
	return 0;
}

static errint_t finish(const struct seed_image_job *job, struct seed_sink *sink,
		       struct seed_image_result *result)
{
	struct seed_image_info *image = &result->image;
	errint_t err;

	image->width = job->width;
	image->height = job->height;
	image->bytes = sink->bytes;
	err = seed_sink_finish(sink, image->sha256, &result->error);
	/* A sketch has no source but itself. */
	if (!err && job->draw) {
		result->source.bytes = image->bytes;
		memcpy(result->source.sha256, image->sha256, sizeof(image->sha256));
	}
	return err;
}

/* From the beginning, also if another worker has ended over it. */
static errint_t write_thumbnail(int fd, const uint8_t *jpeg, size_t len, struct seed_error *error)
{
	errint_t err = lseek(fd, 0, SEEK_SET) < 0 ? -errno : seed_io_write(fd, jpeg, len);

	if (!err)
		return 0;
	return seed_error_set(error, err == -ENOSPC || err == -EDQUOT ? ENOSPC : EIO,
			      "cannot write a thumbnail: %s", strerror(-err));
}

static void make_thumbnail(int source_fd, int dest_fd, struct seed_image_result *result)
{
	struct source source = {0};
	uint8_t *jpeg = NULL;
	size_t len = 0;
	errint_t err;

	err = read_source(source_fd, &source, &result->error);
	if (!err)
		err = seed_thumb(source.data, source.len, &jpeg, &len, &result->error);
	if (!err)
		err = write_thumbnail(dest_fd, jpeg, len, &result->error);
	SEED_UNUSED(err); /* the error says the same */
	free(jpeg);
	free(source.data);
}

void seed_image_make(const struct seed_image_job *job, int source_fd, int dest_fd,
		     struct seed_image_result *result)
{
	struct seed_sink sink;
	errint_t err;

	*result = (struct seed_image_result){0};
	if (job->thumbnail) {
		make_thumbnail(source_fd, dest_fd, result);
		return;
	}
	/* A row that somebody has changed may say so. */
	if (!job->width || !job->height) {
		seed_error_set(&result->error, EBADMSG, "a picture of %ux%u was asked for", job->width, job->height);
		return;
	}
	err = seed_sink_init(&sink, dest_fd, &result->error);
	if (!err)
		err = job->draw ? make_sketch(job, &sink, result)
				: make_from_source(job, source_fd, &sink, result);
	if (!err)
		err = finish(job, &sink, result);
	seed_sink_release(&sink);
	if (!err)
		return;
	result->image = (struct seed_image_info){0};
	if (result->error.code != EBADMSG && result->error.code != ENOSPC &&
	    result->error.code != ENOMEM)
		result->error.code = EIO;
}
