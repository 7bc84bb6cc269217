/*
 * Any bytes as a download, judged as a worker does it (lib/worker/job.h): what is
 * accepted must be a picture that the decoder accepts again, of the size that was
 * asked for. png.c, jpeg.c and webp.c are this with one format's beginning each.
 */
#ifndef SEED_FUZZ_PICTURE_H
#define SEED_FUZZ_PICTURE_H

#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/image/decode.h"
#include "lib/image/texts.h"
#include "lib/worker/job.h"

enum { FUZZ_WIDTH = 32, FUZZ_HEIGHT = 18, FUZZ_AREA_MAX = 1 << 16 };

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	return fd;
}

static void check_result(int fd, const struct seed_image_result *result)
{
	uint64_t len = result->image.bytes;
	uint8_t *png = malloc(len);
	struct seed_decoded decoded;
	struct seed_error error;

	CHECK(png && pread(fd, png, len, 0) == (ssize_t)len);
	CHECK(!seed_decode(png, len, &decoded, &error));
	CHECK(decoded.pixels.width == FUZZ_WIDTH && decoded.pixels.height == FUZZ_HEIGHT);
	CHECK(!seed_pixels_uniform(&decoded.pixels));
	seed_decoded_release(&decoded);
	free(png);
}

static void judge(const uint8_t *data, size_t len, bool no_upscale)
{
	const struct seed_image_text texts[] = {{.keyword = "prompt", .text = "a fox"}};
	const struct seed_image_job job = {
		.width = FUZZ_WIDTH, .height = FUZZ_HEIGHT, .max_upscale = 2,
		.no_upscale = no_upscale, .texts = texts, .text_count = 1,
	};
	struct seed_image_result result;
	int source = memory_file(data, len), dest = memory_file("", 0);

	seed_image_make(&job, source, dest, &result);
	CHECK(result.error.code == 0 || result.error.code == EBADMSG ||
	      result.error.code == ENOMEM);
	if (!result.error.code)
		check_result(dest, &result);
	close(source);
	close(dest);
}

#endif
