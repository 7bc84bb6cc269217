/*
 * Fuzz target (libFuzzer): any bytes as a picture, as a zlib stream, and as the
 * input of the encoder. What is accepted must be what zlib and the decoder say.
 * tests/unit/image_fuzz.c runs it for a bounded number of made inputs.
 */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/image/decode.h"
#include "lib/image/encode.h"
#include "lib/image/inflate.h"
#include "lib/image/resample.h"

/* Larger pictures only cost time. */
enum { FUZZ_STREAM_MAX = 1 << 16, FUZZ_PIECE = 5000 };

static bool is_small(const uint8_t *data, size_t len)
{
	/* PNG tells its size in a fixed place; what others say of theirs costs time
	 * and memory. */
	if (len < 24 || data[0] != 0x89)
		return true;
	return !data[16] && !data[17] && !data[20] && !data[21] && data[18] < 4 && data[22] < 4;
}

/* What was fitted while it was decoded is what is fitted afterwards. */
static void as_fitted(const struct seed_pixels *fitted, const struct seed_pixels *whole)
{
	const struct seed_area area = seed_area_of_shape(whole->width, whole->height, fitted->width,
							 fitted->height);
	struct seed_pixels other = {0};
	struct seed_error error;

	CHECK(!seed_pixels_alloc(&other, fitted->width, fitted->height, &error));
	CHECK(!seed_resample(whole, &area, &other));
	CHECK(!memcmp(fitted->data, other.data, seed_pixels_stride_bytes(&other) * other.height));
	seed_pixels_release(&other);
}

/* For a result of another shape: the same verdict, and of a picture the rows that
 * are kept are the same. */
static void as_cut(const uint8_t *data, size_t len, const struct seed_decoded *whole,
		   const struct seed_error *error)
{
	struct seed_error cut_error = {0};
	struct seed_decoded cut;
	errint_t err = seed_decode_for(data, len, 16, 3, &cut, &cut_error);

	CHECK(err == (error->code ? -error->code : 0));
	CHECK(seed_decoded_width(&cut) == whole->pixels.width);
	CHECK(seed_decoded_height(&cut) == whole->pixels.height);
	if (err)
		CHECK(!strcmp(cut_error.message, error->message));
	else if (cut.fitted_width)
		as_fitted(&cut.pixels, &whole->pixels);
	else
		CHECK(!memcmp(cut.pixels.data, seed_pixels_row(&whole->pixels, cut.rows_above),
			      seed_pixels_stride_bytes(&cut.pixels) * cut.pixels.height));
	seed_decoded_release(&cut);
}

/* With the texts of `source`, a PNG that was decoded, or NULL. */
static void encode(const struct seed_pixels *pixels, const uint8_t *source, uint8_t **png, size_t *len)
{
	const struct seed_image_text ours = {"prompt", "hills"};
	const struct seed_image_texts texts = {&ours, 1, source, source ? *len : 0};
	char sha256[SEED_SHA256_HEX_BYTES];
	int fd = memfd_create("png", MFD_CLOEXEC);
	struct seed_error error;
	struct seed_sink sink;

	CHECK(!seed_sink_init(&sink, fd, &error));
	CHECK(!seed_encode(pixels, &texts, &sink, &error));
	CHECK(!seed_sink_finish(&sink, sha256, &error));
	seed_sink_release(&sink);
	*len = (size_t)sink.bytes;
	*png = malloc(*len);
	CHECK(*png && pread(fd, *png, *len, 0) == (ssize_t)*len);
	close(fd);
}

/* Whatever texts it brings, the result is whole. */
static void with_texts(const uint8_t *data, size_t len, const struct seed_decoded *whole)
{
	struct seed_decoded decoded;
	struct seed_error error;
	uint8_t *png;

	encode(&whole->pixels, strcmp(whole->format, "png") ? NULL : data, &png, &len);
	CHECK(!seed_decode(png, len, &decoded, &error));
	seed_decoded_release(&decoded);
	free(png);
}

static void as_picture(const uint8_t *data, size_t len)
{
	struct seed_decoded decoded, again;
	struct seed_error error = {0}, ignored = {0};
	errint_t err, verified;

	err = seed_decode(data, len, &decoded, &error);
	verified = seed_decode_for(data, len, decoded.pixels.width, decoded.pixels.height,
				   &again, &ignored);
	CHECK(err == verified);
	as_cut(data, len, &decoded, &error);
	if (!err)
		with_texts(data, len, &decoded);
	if (!err && !again.pixels.data)
		CHECK(again.uniform == seed_pixels_uniform(&decoded.pixels));
	seed_decoded_release(&again);
	seed_decoded_release(&decoded);
}

struct rest {
	const uint8_t *data;
	size_t len;
};

static size_t read_rest(void *context, uint8_t *to, size_t size)
{
	struct rest *rest = context;
	size_t len = rest->len < size ? rest->len : size;

	memcpy(to, rest->data, len);
	rest->data += len;
	rest->len -= len;
	return len;
}

static bool inflate_stream(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	struct rest rest = {data, len};
	struct seed_inflate *z = seed_inflate_new(read_rest, &rest, FUZZ_PIECE);
	bool right = true;

	CHECK(z);
	for (size_t done = 0, part; right && done < out_len; done += part) {
		const uint8_t *next;

		part = out_len - done < FUZZ_PIECE ? out_len - done : FUZZ_PIECE;
		next = seed_inflate_next(z, part);
		right = next != NULL;
		if (right)
			memcpy(out + done, next, part);
	}
	right = right && seed_inflate_end(z);
	seed_inflate_free(z);
	return right;
}

/* The first two bytes are how long the result is to be. */
static void as_stream(const uint8_t *data, size_t len)
{
	static uint8_t got[FUZZ_STREAM_MAX], want[FUZZ_STREAM_MAX + 1];
	z_stream z = {0};
	size_t size;
	bool right;

	if (len < 3)
		return;
	size = (size_t)data[0] << 8 | data[1];
	right = inflate_stream(data + 2, len - 2, got, size);
	CHECK(inflateInit(&z) == Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)(data + 2);
	z.avail_in = (uInt)(len - 2);
	z.next_out = want;
	z.avail_out = (uInt)size + 1;
	if (right)
		CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size && !z.avail_in &&
		      !memcmp(got, want, size));
	inflateEnd(&z);
}

/* The first byte is the width. */
static void as_pixels(const uint8_t *data, size_t len)
{
	struct seed_pixels pixels = {0};
	struct seed_decoded decoded;
	struct seed_error error = {0};
	uint8_t *png;

	if (len < 4 || !data[0] || (len - 1) / 3 / data[0] == 0)
		return;
	if (seed_pixels_alloc(&pixels, data[0], (uint32_t)((len - 1) / 3 / data[0]), &error))
		return;
	memcpy(pixels.data, data + 1, seed_pixels_stride_bytes(&pixels) * pixels.height);
	encode(&pixels, NULL, &png, &len);
	CHECK(!seed_decode(png, len, &decoded, &error));
	CHECK(!memcmp(decoded.pixels.data, pixels.data,
		      seed_pixels_stride_bytes(&pixels) * pixels.height));
	seed_decoded_release(&decoded);
	free(png);
	seed_pixels_release(&pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (is_small(data, len))
		as_picture(data, len);
	as_stream(data, len);
	as_pixels(data, len);
	return 0;
}
