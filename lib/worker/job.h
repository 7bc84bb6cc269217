/*
 * From downloaded bytes to the verified picture: decode to the last pixel,
 * measure, fit, encode. Runs inside a worker process (lib/worker/worker.h);
 * blocks for as long as the work takes. Memory: about 20 MB for a picture of
 * 2048x1152, 220 MB for one of SEED_IMAGE_MAX_PIXELS, 600 MB if that is a
 * progressive JPEG, whose coefficients must all be held.
 *
 * Verified means: the container is whole (every PNG chunk's CRC, the zlib
 * stream's Adler sum and end, IEND; JPEG to EOI without a decoder warning;
 * WebP's whole RIFF), not animated, within SEED_IMAGE_MAX_SIDE and
 * SEED_IMAGE_MAX_PIXELS, not of one single colour, and large enough.
 */
#ifndef SEED_JOB_H
#define SEED_JOB_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/image/texts.h"
#include "lib/record/record.h"

struct seed_image_job {
	bool thumbnail;          /* the source is a verified picture: make a JPEG, and ignore the rest here */
	bool draw;               /* no source: draw a sketch of `prompt` */
	bool no_upscale;         /* a callback's picture: smaller is not valid */
	bool aside;              /* for the pool: nobody paid for it (lib/worker/worker.h) */
	uint32_t width, height;  /* exact size of the result */
	double max_upscale;      /* 2: a side may be doubled */
	const char *prompt;      /* for `draw`; may be NULL otherwise */
	const struct seed_image_text *texts; /* none with nometadata: then the source's are dropped, too */
	size_t text_count;
};

struct seed_image_result {
	struct seed_error error; /* code EBADMSG: not valid, and why */
	bool local;              /* set by the pool: nothing is known about the bytes (lib/worker/worker.h) */
	struct seed_source_info source;
	struct seed_image_info image;
};

/* A thumbnail is written to `dest_fd`, not fsynced, and not told about.
 *
 * Otherwise reads `source_fd` (from its beginning, any seekable descriptor; -1 for
 * draw), writes the PNG to `dest_fd` (read-write; truncates what an earlier try left
 * there) and fsyncs it. Closes neither. The outcome is in `result`;
 * result->error.code 0 is success. EBADMSG is a judgement of the bytes; ENOSPC, ENOMEM
 * and EIO are trouble of this machine. */
void seed_image_make(const struct seed_image_job *job, int source_fd, int dest_fd,
		     struct seed_image_result *result);

#endif
