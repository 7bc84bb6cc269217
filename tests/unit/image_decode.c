#include "tests/unit/image_make.h"

#include <dlfcn.h>
#include <stdio.h>

#include <jpeglib.h>
#include <webp/encode.h>
#include <zlib.h>

#include "lib/image/decode.h"

/* What libpng has inflated. It finds this function before zlib's. */
static size_t inflated_bytes;

int inflate(z_streamp z, int flush)
{
	static int (*zlibs)(z_streamp z, int flush);
	uInt room = z->avail_out;
	int result;

	if (!zlibs)
		*(void **)&zlibs = dlsym(RTLD_NEXT, "inflate");
	result = zlibs(z, flush);
	inflated_bytes += room - z->avail_out;
	return result;
}

static errint_t decode(const struct seed_buf *buf, struct seed_decoded *decoded,
		       struct seed_error *error)
{
	uint8_t *copy = malloc(buf->len_bytes ? buf->len_bytes : 1);
	errint_t err;

	/* An own block, so that a sanitizer sees a byte too far. */
	assert_non_null(copy);
	memcpy(copy, buf->data, buf->len_bytes);
	*error = (struct seed_error){0};
	err = seed_decode(copy, buf->len_bytes, decoded, error);
	assert_int_equal(err, -error->code);
	check_decode_for(copy, buf->len_bytes, 3, 2, decoded, error);
	free(copy);
	return err;
}

static void assert_valid(const struct seed_buf *buf)
{
	struct seed_decoded decoded;
	struct seed_error error;

	if (decode(buf, &decoded, &error))
		fail_msg("%s", error.message);
	seed_decoded_release(&decoded);
}

/* Refused, and for that reason (a part of the message; NULL: any). */
static void assert_refused(const struct seed_buf *buf, const char *reason)
{
	struct seed_decoded decoded;
	struct seed_error error;

	if (decode(buf, &decoded, &error) != -EBADMSG)
		fail_msg("not refused with \"%s\": %s", reason ? reason : "", error.message);
	assert_memory_equal(error.message, "image not valid: ", 17);
	if (reason && !strstr(error.message, reason))
		fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
	seed_decoded_release(&decoded);
}

/* PNG */

static const struct png_kind rgb = {.width = 5, .height = 4, .depth = 8, .colour = 2};

static uint32_t to_8_bits(uint32_t value, int depth)
{
	if (depth == 16)
		return (value * 255 + 32895) >> 16;
	return value * 255 / ((1U << depth) - 1);
}

static uint32_t on_black(uint32_t value, uint32_t alpha, uint32_t most)
{
	return (value * alpha + most / 2) / most;
}

static void expect_pixel(const struct png_kind *kind, uint32_t x, uint32_t y, uint8_t rgb_out[3])
{
	int channels = channels_of(kind->colour);
	bool alpha = kind->colour & 4;

	for (int i = 0; i < 3; i++) {
		uint64_t value = sample(kind, x, y, channels < 3 ? 0 : i);
		uint64_t most = (1U << kind->depth) - 1;

		if (kind->colour == 3) {
			/* The palette of add_palette(). */
			rgb_out[i] = (uint8_t)(255 - value * (uint64_t)(i + 1) % 256);
			continue;
		}
		if (alpha)
			value = (value * sample(kind, x, y, channels - 1) + most / 2) / most;
		rgb_out[i] = (uint8_t)to_8_bits((uint32_t)value, kind->depth);
	}
}

static void add_palette(struct seed_buf *png, int depth)
{
	uint8_t palette[256 * 3];

	for (int i = 0; i < 256; i++)
		for (int c = 0; c < 3; c++)
			palette[i * 3 + c] = (uint8_t)(255 - i * (c + 1) % 256);
	add_chunk(png, "PLTE", palette, ((size_t)1 << depth) * 3);
}

static void make_png(struct seed_buf *png, const struct png_kind *kind)
{
	seed_buf_init(png, MADE_MAX_BYTES);
	add_head(png, kind);
	if (kind->colour == 3)
		add_palette(png, kind->depth);
	add_pixels(png, kind);
}

static void check_png_kind(const struct png_kind *kind)
{
	struct seed_decoded decoded;
	struct seed_error error;
	struct seed_buf png;

	make_png(&png, kind);
	if (decode(&png, &decoded, &error))
		fail_msg("depth %d colour %d: %s", kind->depth, kind->colour, error.message);
	assert_string_equal(decoded.format, "png");
	assert_int_equal(decoded.pixels.width, kind->width);
	assert_int_equal(decoded.pixels.height, kind->height);
	assert_int_equal(decoded.keepable,
			 kind->depth == 8 && kind->colour == 2 && !kind->interlaced);
	for (uint32_t y = 0; y < kind->height; y++) {
		for (uint32_t x = 0; x < kind->width; x++) {
			const uint8_t *got = seed_pixels_row(&decoded.pixels, y) + x * 3;
			uint8_t want[3];

			expect_pixel(kind, x, y, want);
			for (int i = 0; i < 3; i++)
				if (got[i] != want[i])
					fail_msg("depth %d colour %d at %u,%u: %d, not %d", kind->depth,
						 kind->colour, x, y, got[i], want[i]);
		}
	}
	seed_decoded_release(&decoded);
	seed_buf_release(&png);
}

static void png_kinds(void **state)
{
	static const int kinds[][2] = {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {1, 3},
				       {2, 3}, {4, 3}, {8, 3}, {8, 4}, {16, 4}, {8, 6}, {16, 6}};
	static const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {13, 7}, {33, 16}};

	SEED_UNUSED(state);
	for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++)
		for (size_t s = 0; s < SEED_ARRAY_LEN(sizes); s++)
			for (int interlaced = 0; interlaced < 2; interlaced++)
				check_png_kind(&(struct png_kind){
					.width = sizes[s][0], .height = sizes[s][1],
					.depth = kinds[k][0], .colour = kinds[k][1],
					.interlaced = interlaced,
				});
}

/* One pixel of one colour, which tRNS makes transparent, and one beside it. */
static void png_transparency(void **state)
{
	static const struct png_kind grey = {.width = 2, .height = 1, .depth = 8};
	const uint8_t key[2] = {0, (uint8_t)sample(&grey, 1, 0, 0)};
	struct seed_decoded decoded;
	struct seed_error error;
	struct seed_buf png;

	SEED_UNUSED(state);
	assert_int_not_equal(key[1], 0);
	seed_buf_init(&png, MADE_MAX_BYTES);
	add_head(&png, &grey);
	add_chunk(&png, "tRNS", key, 2);
	add_pixels(&png, &grey);
	assert_int_equal(decode(&png, &decoded, &error), 0);
	assert_int_equal(decoded.pixels.data[0], sample(&grey, 0, 0, 0));
	assert_memory_equal(decoded.pixels.data + 3, "\0\0\0", 3);
	seed_decoded_release(&decoded);
	seed_buf_release(&png);
}

static void png_palette_transparency(void **state)
{
	static const struct png_kind kind = {.width = 4, .height = 4, .depth = 1, .colour = 3};
	static const uint8_t alphas[2] = {128, 255};
	static const uint8_t colours[6] = {200, 100, 50, 1, 2, 3};
	struct seed_decoded decoded;
	struct seed_error error;
	struct seed_buf png;

	SEED_UNUSED(state);
	seed_buf_init(&png, MADE_MAX_BYTES);
	add_head(&png, &kind);
	add_chunk(&png, "PLTE", colours, 6);
	add_chunk(&png, "tRNS", alphas, 2);
	add_pixels(&png, &kind);
	assert_int_equal(decode(&png, &decoded, &error), 0);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t index = sample(&kind, i % 4, i / 4, 0);

		for (uint32_t c = 0; c < 3; c++)
			assert_int_equal(decoded.pixels.data[i * 3 + c],
					 on_black(colours[index * 3 + c], alphas[index], 255));
	}
	seed_decoded_release(&decoded);
	seed_buf_release(&png);
}

/* What is said of colours badly is not said, and no fault of the picture. */
static void png_ancillary(void **state)
{
	static const struct {
		const char *name, *data;
		size_t len;
	} chunks[] = {
		{"gAMA", "\0\0\xb1\x8f", 4}, {"gAMA", "\0\0\0\1", 4}, {"iCCP", "bad", 3},
		{"sRGB", "\7", 1}, {"tIME", "", 0}, {"tEXt", "\0\0", 2}, {"eXIf", "MM", 2},
		{"caBX", "anything", 8},
	};
	struct seed_decoded decoded, plain;
	struct seed_error error;
	struct seed_buf png;

	SEED_UNUSED(state);
	make_png(&png, &rgb);
	assert_int_equal(decode(&png, &plain, &error), 0);
	seed_buf_release(&png);
	for (size_t i = 0; i < SEED_ARRAY_LEN(chunks); i++) {
		add_head(&png, &rgb);
		add_chunk(&png, chunks[i].name, chunks[i].data, chunks[i].len);
		add_pixels(&png, &rgb);
		if (decode(&png, &decoded, &error))
			fail_msg("%s: %s", chunks[i].name, error.message);
		assert_memory_equal(decoded.pixels.data, plain.pixels.data, 5 * 4 * 3);
		assert_true(decoded.keepable);
		seed_decoded_release(&decoded);
		seed_buf_release(&png);
	}
	seed_decoded_release(&plain);
}

/* Not one bit of a PNG can change unnoticed. */
static void png_every_bit(void **state)
{
	static const struct png_kind kinds[] = {
		{.width = 5, .height = 4, .depth = 8, .colour = 2},
		{.width = 5, .height = 4, .depth = 2, .colour = 3, .interlaced = true},
	};
	struct seed_buf png;

	SEED_UNUSED(state);
	for (size_t k = 0; k < SEED_ARRAY_LEN(kinds); k++) {
		make_png(&png, &kinds[k]);
		for (size_t bit = 0; bit < png.len_bytes * 8; bit++) {
			png.data[bit / 8] = (char)(png.data[bit / 8] ^ 1 << bit % 8);
			assert_refused(&png, NULL);
			png.data[bit / 8] = (char)(png.data[bit / 8] ^ 1 << bit % 8);
		}
		assert_valid(&png);
		seed_buf_release(&png);
	}
}

/* The picture `rgb` with its zlib stream as given. */
static void make_with_stream(struct seed_buf *png, const void *stream, size_t len)
{
	seed_buf_init(png, MADE_MAX_BYTES);
	add_head(png, &rgb);
	add_chunk(png, "IDAT", stream, len);
	add_chunk(png, "IEND", NULL, 0);
}

static void make_stream(struct seed_buf *stream)
{
	struct seed_buf raw;

	seed_buf_init(&raw, MADE_MAX_BYTES);
	seed_buf_init(stream, MADE_MAX_BYTES);
	add_raw(&raw, &rgb);
	add_zlib(stream, bytes_of(&raw), raw.len_bytes);
	seed_buf_release(&raw);
}

/* The same with right CRCs: the zlib header, the blocks, the filter bytes, the
 * pixels (by the Adler sum) and the sum itself. */
static void png_every_bit_of_the_stream(void **state)
{
	struct seed_buf stream, png;

	SEED_UNUSED(state);
	make_stream(&stream);
	for (size_t bit = 0; bit < stream.len_bytes * 8; bit++) {
		/* Five bits behind the stored block's type mean nothing (RFC 1951). */
		if (bit >= 2 * 8 + 3 && bit < 3 * 8)
			continue;
		stream.data[bit / 8] = (char)(stream.data[bit / 8] ^ 1 << bit % 8);
		make_with_stream(&png, stream.data, stream.len_bytes);
		assert_refused(&png, "PNG: ");
		seed_buf_release(&png);
		stream.data[bit / 8] = (char)(stream.data[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t len = 0; len < stream.len_bytes; len++) {
		make_with_stream(&png, stream.data, len);
		assert_refused(&png, "PNG: ");
		seed_buf_release(&png);
	}
	seed_buf_release(&stream);
}

static void png_bad_filter(void **state)
{
	struct seed_buf raw, stream, png;

	SEED_UNUSED(state);
	seed_buf_init(&raw, MADE_MAX_BYTES);
	seed_buf_init(&stream, MADE_MAX_BYTES);
	add_raw(&raw, &rgb);
	raw.data[16] = 5; /* of the second row; 4 is the last that there is */
	add_zlib(&stream, bytes_of(&raw), raw.len_bytes);
	make_with_stream(&png, stream.data, stream.len_bytes);
	assert_refused(&png, "filter");
	seed_buf_release(&raw);
	seed_buf_release(&stream);
	seed_buf_release(&png);
}

/* Rows too few and too many, with everything else right. */
static void png_row_count(void **state)
{
	SEED_UNUSED(state);
	for (int rows = 0; rows < 8; rows++) {
		struct png_kind kind = rgb;
		struct seed_buf raw, stream, png;

		kind.height = (uint32_t)rows;
		seed_buf_init(&raw, MADE_MAX_BYTES);
		seed_buf_init(&stream, MADE_MAX_BYTES);
		add_raw(&raw, &kind);
		add_zlib(&stream, bytes_of(&raw), raw.len_bytes);
		make_with_stream(&png, stream.data, stream.len_bytes);
		if (rows == 4)
			assert_valid(&png);
		else
			assert_refused(&png, "PNG: ");
		seed_buf_release(&raw);
		seed_buf_release(&stream);
		seed_buf_release(&png);
	}
}

/* The stream cut into two IDAT chunks anywhere (the empty ones, too) is the
 * same; a byte behind its end, wherever it stands, is not. */
static void png_idat_ends(void **state)
{
	struct seed_buf stream, png;

	SEED_UNUSED(state);
	make_stream(&stream);
	for (size_t cut = 0; cut <= stream.len_bytes; cut++) {
		for (int surplus = 0; surplus < 3; surplus++) {
			seed_buf_init(&png, MADE_MAX_BYTES);
			add_head(&png, &rgb);
			add_chunk(&png, "IDAT", stream.data, cut);
			add(&stream, "x", 1);
			add_chunk(&png, "IDAT", stream.data + cut,
				  stream.len_bytes - 1 - cut + (surplus == 1));
			if (surplus == 2)
				add_chunk(&png, "IDAT", "x", 1);
			stream.len_bytes--;
			add_chunk(&png, "IEND", NULL, 0);
			if (surplus)
				assert_refused(&png, "PNG: ");
			else
				assert_valid(&png);
			seed_buf_release(&png);
		}
	}
	seed_buf_release(&stream);
}

static void png_cut(void **state)
{
	struct seed_buf png;
	size_t whole;

	SEED_UNUSED(state);
	make_png(&png, &rgb);
	whole = png.len_bytes;
	for (png.len_bytes = 0; png.len_bytes < whole; png.len_bytes++) {
		char reason[64];

		snprintf(reason, sizeof(reason), "PNG is cut off after %zu bytes", png.len_bytes);
		assert_refused(&png, png.len_bytes < 8 ? NULL : reason);
	}
	add(&png, "bytes behind the end", 20);
	assert_valid(&png);
	seed_buf_release(&png);
}

/* A deflate block of 16 MiB of zeros, which others may follow. */
static void make_zeros(struct seed_buf *segment)
{
	const size_t bytes = (size_t)16 << 20;
	uint8_t *zeros = calloc(1, bytes), packed[64 * 1024];
	z_stream z = {.next_in = zeros, .avail_in = (uInt)bytes, .next_out = packed,
		      .avail_out = sizeof(packed)};

	assert_non_null(zeros);
	seed_buf_init(segment, MADE_MAX_BYTES);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
	assert_int_equal(z.avail_in, 0);
	add(segment, packed, z.total_out);
	deflateEnd(&z);
	free(zeros);
}

/* The right rows, and 6 GiB of zeros behind them; in many chunks, or in one. */
static void make_surplus(struct seed_buf *png, const struct png_kind *kind,
			 const struct seed_buf *segment, bool chunks)
{
	enum { SEGMENTS = 400 }; /* libpng reads no IDAT of more than 8 MB */
	struct seed_buf raw, stream;

	seed_buf_init(png, MADE_MAX_BYTES);
	seed_buf_init(&raw, MADE_MAX_BYTES);
	seed_buf_init(&stream, MADE_MAX_BYTES);
	add_raw(&raw, kind);
	add_zlib(&stream, bytes_of(&raw), raw.len_bytes);
	stream.len_bytes -= 4;
	stream.data[2] = 0; /* not the last block */
	for (int i = 0; !chunks && i < SEGMENTS; i++)
		add(&stream, segment->data, segment->len_bytes);
	add_head(png, kind);
	if (kind->colour == 3)
		add_palette(png, kind->depth);
	add_chunk(png, "IDAT", stream.data, stream.len_bytes);
	for (int i = 0; chunks && i < SEGMENTS; i++)
		add_chunk(png, "IDAT", segment->data, segment->len_bytes);
	add_chunk(png, "IEND", NULL, 0);
	seed_buf_release(&raw);
	seed_buf_release(&stream);
}

/* What is behind the rows is refused after little of it, by whichever way the rows were
 * read. (Each picture is decoded twice.) */
static void png_surplus_is_not_inflated(void **state)
{
	static const struct png_kind kinds[] = {
		{.width = 5, .height = 4, .depth = 8, .colour = 2},
		{.width = 5, .height = 4, .depth = 16, .colour = 2},
		{.width = 5, .height = 4, .depth = 16, .colour = 6},
		{.width = 5, .height = 4, .depth = 1, .colour = 0},
		{.width = 5, .height = 4, .depth = 8, .colour = 3},
		{.width = 5, .height = 4, .depth = 8, .colour = 2, .interlaced = true},
		{.width = 5, .height = 5, .depth = 16, .colour = 4, .interlaced = true},
		{.width = 1, .height = 1, .depth = 8, .colour = 2, .interlaced = true},
	};
	struct seed_buf segment, png;

	SEED_UNUSED(state);
	make_zeros(&segment);
	for (size_t i = 0; i < SEED_ARRAY_LEN(kinds); i++) {
		make_surplus(&png, &kinds[i], &segment, i % 2);
		inflated_bytes = 0;
		assert_refused(&png, "image data");
		assert_in_range(inflated_bytes, 1, (size_t)160 << 20);
		seed_buf_release(&png);
	}
	seed_buf_release(&segment);
}

/* How large it is makes no difference to the verdict. */
static void png_surplus_has_one_verdict(void **state)
{
	static const size_t surplus[] = {1, 1000, 100000, (size_t)20 << 20, (size_t)80 << 20};
	uint8_t *raw = calloc(1, (size_t)81 << 20);
	struct seed_buf rows, png;

	SEED_UNUSED(state);
	assert_non_null(raw);
	seed_buf_init(&rows, MADE_MAX_BYTES);
	add_raw(&rows, &rgb);
	memcpy(raw, rows.data, rows.len_bytes);
	for (size_t i = 0; i < SEED_ARRAY_LEN(surplus); i++) {
		uLong len = rows.len_bytes + surplus[i];
		uLongf packed_len = compressBound(len);
		uint8_t *packed = malloc(packed_len);

		assert_non_null(packed);
		assert_int_equal(compress(packed, &packed_len, raw, len), Z_OK);
		make_with_stream(&png, (char *)packed, packed_len);
		assert_refused(&png, "PNG: IDAT: Too much image data");
		seed_buf_release(&png);
		free(packed);
	}
	seed_buf_release(&rows);
	free(raw);
}

struct piece {
	const char *name, *data;
	size_t len;
};

#define IDAT_HERE {"IDAT", NULL, 0}

/* Chunks in an order or of a kind that no PNG has. */
static void png_structure(void **state)
{
	static const struct {
		const char *reason; /* NULL: valid */
		int depth, colour;
		struct piece pieces[6];
	} cases[] = {
		{NULL, 8, 2, {IDAT_HERE, {"IEND", "", 0}}},
		{"cut off", 8, 2, {IDAT_HERE}},
		{"no pixels", 8, 2, {{"IEND", "", 0}}},
		{"IEND has 1 bytes", 8, 2, {IDAT_HERE, {"IEND", "x", 1}}},
		{"IHDR is in the wrong place", 8, 2, {{"IHDR", "0123456789abc", 13}}},
		{"IDAT is in the wrong place", 8, 2,
		 {{"IDAT", "x", 1}, {"tEXt", "a\0b", 3}, {"IDAT", "y", 1}}},
		{"animated", 8, 2, {{"acTL", "\0\0\0\2\0\0\0\0", 8}, IDAT_HERE, {"IEND", "", 0}}},
		{NULL, 8, 2, {{"acTL", "\0\0\0\1\0\0\0\0", 8}, IDAT_HERE, {"IEND", "", 0}}},
		{"animated", 8, 2, {{"acTL", "\0\0\0\1\0\0\0\0", 8}, IDAT_HERE, {"fdAT", "\0\0\0\0x", 5}}},
		{"animated", 8, 2, {IDAT_HERE, {"acTL", "", 0}, {"IEND", "", 0}}},
		{"XYZW is not known", 8, 2, {{"XYZW", "", 0}, IDAT_HERE, {"IEND", "", 0}}},
		{NULL, 8, 2, {{"xyZW", "", 0}, IDAT_HERE, {"xYZw", "", 0}, {"IEND", "", 0}}},
		{"no chunk at offset 33", 8, 2, {{"xy w", "", 0}, IDAT_HERE, {"IEND", "", 0}}},
		{"no chunk at offset 33", 8, 2, {{"xyzw", "", 0}, IDAT_HERE, {"IEND", "", 0}}},
		{"PLTE is in the wrong place", 8, 0, {{"PLTE", "rgb", 3}}},
		{"PLTE is in the wrong place", 8, 2, {{"PLTE", "rgb", 3}, {"PLTE", "rgb", 3}}},
		{"PLTE is in the wrong place", 8, 2, {IDAT_HERE, {"PLTE", "rgb", 3}}},
		{"palette has 0 bytes", 8, 3, {{"PLTE", "", 0}}},
		{"palette has 4 bytes", 8, 3, {{"PLTE", "rgbr", 4}}},
		{"no palette", 8, 3, {{"IDAT", "x", 1}}},
		{"tRNS is in the wrong place", 8, 6, {{"tRNS", "\0\0", 2}}},
		{"tRNS is in the wrong place", 8, 2, {IDAT_HERE, {"tRNS", "\0\0\0\0\0\0", 6}}},
		{"outside the palette", 8, 3, {{"PLTE", "rgbRGB", 6}, IDAT_HERE, {"IEND", "", 0}}},
		{"PNG header is wrong", 3, 0, {IDAT_HERE}},
		{"PNG header is wrong", 4, 2, {IDAT_HERE}},
		{"PNG header is wrong", 16, 3, {IDAT_HERE}},
		{"PNG header is wrong", 8, 5, {IDAT_HERE}},
		{"PNG header is wrong", 8, 7, {IDAT_HERE}},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct png_kind kind = {.width = 5, .height = 4, .depth = cases[i].depth,
					.colour = cases[i].colour};
		struct seed_buf png, raw, stream;

		seed_buf_init(&png, MADE_MAX_BYTES);
		seed_buf_init(&raw, MADE_MAX_BYTES);
		seed_buf_init(&stream, MADE_MAX_BYTES);
		add_head(&png, &kind);
		add_raw(&raw, &kind);
		add_zlib(&stream, bytes_of(&raw), raw.len_bytes);
		for (const struct piece *p = cases[i].pieces; p->name; p++)
			add_chunk(&png, p->name, p->data ? p->data : stream.data,
				  p->data ? p->len : stream.len_bytes);
		if (cases[i].reason)
			assert_refused(&png, cases[i].reason);
		else
			assert_valid(&png);
		seed_buf_release(&png);
		seed_buf_release(&raw);
		seed_buf_release(&stream);
	}
}

/* A size is refused at the header: there are no pixels behind it. */
static void png_sizes(void **state)
{
	static const struct {
		uint32_t width, height;
		const char *reason;
	} cases[] = {
		{30000, 30000, "30000x30000 is too large (longest side 16384)"},
		{16385, 1, "16385x1 is too large"},
		{0, 5, "its size is 0x5"},
		{5, 0, "its size is 5x0"},
		{0xffffffff, 1, "4294967295x1 is too large"},
		{8193, 8192, "8193x8192 is too large (at most 67108864 pixels)"},
		{8192, 8192, "cut off"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct png_kind kind = {.width = cases[i].width, .height = cases[i].height, .depth = 8,
					.colour = 2};
		struct seed_buf png;

		seed_buf_init(&png, MADE_MAX_BYTES);
		add_head(&png, &kind);
		assert_refused(&png, cases[i].reason);
		seed_buf_release(&png);
	}
}

/* JPEG */

struct jpeg_kind {
	J_COLOR_SPACE space;  /* of `samples` */
	J_COLOR_SPACE stored;
	int components;
	bool progressive, no_adobe;
	const uint8_t *app1;
	unsigned app1_len;
};

static void make_jpeg(struct seed_buf *out, const struct jpeg_kind *kind, const uint8_t *samples,
		      uint32_t width, uint32_t height)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long len = 0;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &data, &len);
	jpeg.image_width = width;
	jpeg.image_height = height;
	jpeg.input_components = kind->components;
	jpeg.in_color_space = kind->space;
	jpeg_set_defaults(&jpeg);
	jpeg_set_colorspace(&jpeg, kind->stored);
	jpeg_set_quality(&jpeg, 100, TRUE);
	for (int i = 0; i < jpeg.num_components; i++)
		jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
	if (kind->progressive)
		jpeg_simple_progression(&jpeg);
	if (kind->no_adobe)
		jpeg.write_Adobe_marker = FALSE;
	jpeg_start_compress(&jpeg, TRUE);
	if (kind->app1)
		jpeg_write_marker(&jpeg, JPEG_APP0 + 1, kind->app1, kind->app1_len);
	while (jpeg.next_scanline < height) {
		uint8_t row[4096];
		JSAMPROW rows = row;
		size_t stride = width * (size_t)kind->components;

		memcpy(row, samples + jpeg.next_scanline * stride, stride);
		jpeg_write_scanlines(&jpeg, &rows, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	seed_buf_init(out, MADE_MAX_BYTES);
	add(out, data, len);
	free(data);
}

static const struct jpeg_kind jpeg_rgb = {.space = JCS_RGB, .stored = JCS_YCbCr, .components = 3};

static void assert_near(const struct seed_pixels *pixels, uint32_t x, uint32_t y, int r, int g, int b)
{
	const uint8_t *p = seed_pixels_row(pixels, y) + x * 3;

	if (abs(p[0] - r) > 3 || abs(p[1] - g) > 3 || abs(p[2] - b) > 3)
		fail_msg("at %u,%u: %d %d %d, not %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

static void jpeg_kinds(void **state)
{
	/* The samples of the left and of the right half, and their colours. */
	static const struct {
		struct jpeg_kind kind;
		uint8_t samples[2][4];
		int colours[2][3];
	} cases[] = {
		{{.space = JCS_RGB, .stored = JCS_YCbCr, .components = 3},
		 {{200, 30, 60}, {10, 220, 130}}, {{200, 30, 60}, {10, 220, 130}}},
		{{.space = JCS_RGB, .stored = JCS_YCbCr, .components = 3, .progressive = true},
		 {{200, 30, 60}, {10, 220, 130}}, {{200, 30, 60}, {10, 220, 130}}},
		{{.space = JCS_RGB, .stored = JCS_RGB, .components = 3},
		 {{200, 30, 60}, {10, 220, 130}}, {{200, 30, 60}, {10, 220, 130}}},
		{{.space = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE, .components = 1},
		 {{77}, {201}}, {{77, 77, 77}, {201, 201, 201}}},
		/* With Adobe's marker: 255 is no ink. */
		{{.space = JCS_CMYK, .stored = JCS_CMYK, .components = 4},
		 {{255, 128, 0, 255}, {255, 255, 128, 128}}, {{255, 128, 0}, {128, 128, 64}}},
		{{.space = JCS_CMYK, .stored = JCS_YCCK, .components = 4},
		 {{255, 128, 0, 255}, {255, 255, 128, 128}}, {{255, 128, 0}, {128, 128, 64}}},
		{{.space = JCS_CMYK, .stored = JCS_CMYK, .components = 4, .no_adobe = true},
		 {{0, 127, 255, 0}, {0, 0, 127, 127}}, {{255, 128, 0}, {128, 128, 64}}},
	};
	enum { W = 32, H = 16 };

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		size_t n = (size_t)cases[i].kind.components;
		uint8_t samples[W * H * 4];
		struct seed_decoded decoded;
		struct seed_error error;
		struct seed_buf jpeg;

		for (size_t p = 0; p < W * H; p++)
			memcpy(samples + p * n, cases[i].samples[p % W >= W / 2], n);
		make_jpeg(&jpeg, &cases[i].kind, samples, W, H);
		if (decode(&jpeg, &decoded, &error))
			fail_msg("case %zu: %s", i, error.message);
		assert_string_equal(decoded.format, "jpeg");
		assert_false(decoded.keepable);
		for (int half = 0; half < 2; half++)
			assert_near(&decoded.pixels, half ? W - 3 : 2, H / 2, cases[i].colours[half][0],
				    cases[i].colours[half][1], cases[i].colours[half][2]);
		seed_decoded_release(&decoded);
		seed_buf_release(&jpeg);
	}
}

static void make_sample_jpeg(struct seed_buf *jpeg, bool progressive, uint32_t width, uint32_t height)
{
	struct jpeg_kind kind = jpeg_rgb;
	struct seed_pixels pixels;

	kind.progressive = progressive;
	make_pixels(&pixels, width, height);
	make_jpeg(jpeg, &kind, pixels.data, width, height);
	seed_pixels_release(&pixels);
}

static void jpeg_cut(void **state)
{
	SEED_UNUSED(state);
	for (int progressive = 0; progressive < 2; progressive++) {
		struct seed_buf jpeg;
		size_t whole;

		make_sample_jpeg(&jpeg, progressive, 40, 24);
		whole = jpeg.len_bytes;
		for (jpeg.len_bytes = 3; jpeg.len_bytes < whole; jpeg.len_bytes++) {
			char reason[64];

			snprintf(reason, sizeof(reason), "JPEG is cut off after %zu bytes",
				 jpeg.len_bytes);
			assert_refused(&jpeg, reason);
		}
		add(&jpeg, "bytes behind the end", 20);
		assert_valid(&jpeg);
		seed_buf_release(&jpeg);
	}
}

/* An end marker in the middle: libjpeg itself would only warn, or not even
 * that where a progressive file just lacks its last scans. */
static void jpeg_early_end(void **state)
{
	static const uint8_t eoi[2] = {0xff, 0xd9};

	SEED_UNUSED(state);
	for (int progressive = 0; progressive < 2; progressive++) {
		struct seed_buf jpeg;
		int scans = 0;

		make_sample_jpeg(&jpeg, progressive, 40, 24);
		for (size_t at = 4; at + 2 < jpeg.len_bytes; at++) {
			char kept[2] = {jpeg.data[at], jpeg.data[at + 1]};
			size_t whole = jpeg.len_bytes;
			bool table = bytes_of(&jpeg)[at] == 0xff && bytes_of(&jpeg)[at + 1] == 0xc4;

			scans += table;
			/* Before every table of a scan, and anywhere in the data. */
			if (!table && at < whole / 2)
				continue;
			memcpy(jpeg.data + at, eoi, 2);
			jpeg.len_bytes = at + 2;
			assert_refused(&jpeg, "JPEG");
			jpeg.len_bytes = whole;
			memcpy(jpeg.data + at, kept, 2);
		}
		if (progressive)
			assert_true(scans > 4);
		assert_valid(&jpeg);
		seed_buf_release(&jpeg);
	}
}

static void jpeg_sizes(void **state)
{
	struct seed_buf jpeg;
	uint8_t *sof;

	SEED_UNUSED(state);
	make_sample_jpeg(&jpeg, false, 16, 16);
	sof = memmem(jpeg.data, jpeg.len_bytes, "\xff\xc0", 2);
	assert_non_null(sof);
	memcpy(sof + 5, "\x75\x30\x75\x30", 4);
	assert_refused(&jpeg, "30000x30000 is too large");
	memcpy(sof + 5, "\x30\x00\x30\x00", 4);
	assert_refused(&jpeg, "12288x12288 is too large (at most");
	seed_buf_release(&jpeg);
}

/* EXIF in either byte order, with another entry before the orientation. */
static unsigned make_exif(uint8_t exif[64], bool big, uint8_t orientation)
{
	static const uint8_t head[2][14] = {
		{'E', 'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0, 8, 0, 0, 0},
		{'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8},
	};
	uint8_t entries[2][26] = {
		{2, 0, 0x0f, 0x01, 2, 0, 1, 0, 0, 0, 'x', 0, 0, 0,
		 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0},
		{0, 2, 0x01, 0x0f, 0, 2, 0, 0, 0, 1, 'x', 0, 0, 0,
		 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0},
	};

	memcpy(exif, head[big], sizeof(head[big]));
	memcpy(exif + sizeof(head[big]), entries[big], sizeof(entries[big]));
	return sizeof(head[big]) + sizeof(entries[big]);
}

/* The stored corners are 0 1 / 2 3; what is seen where, upright. */
static const struct {
	uint8_t orientation;
	bool turned;
	int corners[4];
} orientations[] = {
	{1, false, {0, 1, 2, 3}}, {2, false, {1, 0, 3, 2}}, {3, false, {3, 2, 1, 0}},
	{4, false, {2, 3, 0, 1}}, {5, true, {0, 2, 1, 3}}, {6, true, {2, 0, 3, 1}},
	{7, true, {3, 1, 2, 0}}, {8, true, {1, 3, 0, 2}}, {9, false, {0, 1, 2, 3}},
	{0, false, {0, 1, 2, 3}},
};

static void jpeg_orientation(void **state)
{
	static const uint8_t colours[4][3] = {{220, 20, 20}, {20, 220, 20}, {20, 20, 220}, {220, 220, 20}};
	enum { W = 48, H = 16 };
	uint8_t samples[W * H * 3];

	SEED_UNUSED(state);
	for (size_t p = 0; p < W * H; p++)
		memcpy(samples + p * 3, colours[(p % W >= W / 2) + 2 * (p / W >= H / 2)], 3);
	for (size_t i = 0; i < SEED_ARRAY_LEN(orientations) * 2; i++) {
		uint32_t w = orientations[i / 2].turned ? H : W, h = orientations[i / 2].turned ? W : H;
		struct jpeg_kind kind = jpeg_rgb;
		struct seed_decoded decoded;
		struct seed_error error;
		struct seed_buf jpeg;
		uint8_t exif[64];

		kind.app1 = exif;
		kind.app1_len = make_exif(exif, i % 2, orientations[i / 2].orientation);
		make_jpeg(&jpeg, &kind, samples, W, H);
		assert_int_equal(decode(&jpeg, &decoded, &error), 0);
		assert_int_equal(decoded.pixels.width, w);
		assert_int_equal(decoded.pixels.height, h);
		for (int c = 0; c < 4; c++) {
			const uint8_t *want = colours[orientations[i / 2].corners[c]];

			assert_near(&decoded.pixels, c % 2 ? w - 1 : 0, c / 2 ? h - 1 : 0, want[0],
				    want[1], want[2]);
		}
		seed_decoded_release(&decoded);
		seed_buf_release(&jpeg);
	}
}

/* EXIF cut anywhere is no reason to refuse, and is not read too far. */
static void jpeg_exif_cut(void **state)
{
	uint8_t exif[64], samples[16 * 16 * 3];
	unsigned whole = make_exif(exif, true, 6);

	SEED_UNUSED(state);
	memset(samples, 99, sizeof(samples));
	samples[0] = 0;
	for (unsigned len = 0; len < whole; len++) {
		struct jpeg_kind kind = jpeg_rgb;
		struct seed_buf jpeg;

		kind.app1 = exif;
		kind.app1_len = len;
		make_jpeg(&jpeg, &kind, samples, 16, 16);
		assert_valid(&jpeg);
		seed_buf_release(&jpeg);
	}
}

/* WebP */

static void take_webp(struct seed_buf *webp, uint8_t *data, size_t len)
{
	assert_true(len > 0);
	seed_buf_init(webp, MADE_MAX_BYTES);
	add(webp, data, len);
	WebPFree(data);
}

static void webp_lossless(void **state)
{
	struct seed_decoded decoded;
	struct seed_pixels pixels;
	struct seed_error error;
	struct seed_buf webp;
	uint8_t *data;
	size_t len;

	SEED_UNUSED(state);
	make_pixels(&pixels, 31, 17);
	len = WebPEncodeLosslessRGB(pixels.data, 31, 17, 31 * 3, &data);
	take_webp(&webp, data, len);
	assert_int_equal(decode(&webp, &decoded, &error), 0);
	assert_string_equal(decoded.format, "webp");
	assert_int_equal(decoded.pixels.width, 31);
	assert_int_equal(decoded.pixels.height, 17);
	assert_memory_equal(decoded.pixels.data, pixels.data, 31 * 17 * 3);
	seed_decoded_release(&decoded);
	seed_pixels_release(&pixels);
	seed_buf_release(&webp);
}

/* EXIF before or behind the pixels, with JPEG's name before it or without, of a PNG
 * and of a WebP. */
static void make_turned(struct seed_buf *file, bool webp, const uint8_t *samples, uint32_t w, uint32_t h,
			const uint8_t *exif, size_t exif_len, bool behind)
{
	const struct png_kind kind = {.width = w, .height = h, .depth = 8, .colour = 2};
	const uint8_t head[10] = {0x08, 0, 0, 0, (uint8_t)(w - 1), 0, 0, (uint8_t)(h - 1), 0, 0};
	struct seed_buf body;
	uint8_t *data;
	size_t len;

	seed_buf_init(file, MADE_MAX_BYTES);
	seed_buf_init(&body, MADE_MAX_BYTES);
	if (webp) {
		len = WebPEncodeLosslessRGB(samples, (int)w, (int)h, (int)w * 3, &data);
		add(&body, "WEBP", 4);
		add_riff(&body, "VP8X", head, sizeof(head));
		add(&body, data + 12, len - 12);
		add_riff(&body, "EXIF", exif, exif_len);
		add_riff(file, "RIFF", body.data, body.len_bytes);
		WebPFree(data);
	} else {
		struct seed_buf raw;

		seed_buf_init(&raw, MADE_MAX_BYTES);
		for (uint32_t y = 0; y < h; y++) {
			add(&raw, "", 1);
			add(&raw, samples + (size_t)y * w * 3, (size_t)w * 3);
		}
		add_zlib(&body, bytes_of(&raw), raw.len_bytes);
		add_head(file, &kind);
		if (!behind)
			add_chunk(file, "eXIf", exif, exif_len);
		add_chunk(file, "IDAT", body.data, body.len_bytes);
		if (behind)
			add_chunk(file, "eXIf", exif, exif_len);
		add_chunk(file, "IEND", NULL, 0);
		seed_buf_release(&raw);
	}
	seed_buf_release(&body);
}

static void other_orientations(void **state)
{
	static const uint8_t colours[4][3] = {{220, 20, 20}, {20, 220, 20}, {20, 20, 220}, {220, 220, 20}};
	enum { W = 48, H = 16 };
	uint8_t samples[W * H * 3];

	SEED_UNUSED(state);
	for (size_t p = 0; p < W * H; p++)
		memcpy(samples + p * 3, colours[(p % W >= W / 2) + 2 * (p / W >= H / 2)], 3);
	for (size_t i = 0; i < SEED_ARRAY_LEN(orientations) * 8; i++) {
		bool turned = orientations[i / 8].turned, webp = i & 1;
		uint32_t w = turned ? H : W, h = turned ? W : H;
		struct seed_decoded decoded;
		struct seed_error error;
		struct seed_buf file;
		uint8_t exif[64];
		size_t len = make_exif(exif, i & 2, orientations[i / 8].orientation);
		size_t named = i & 4 ? 0 : 6;

		make_turned(&file, webp, samples, W, H, exif + named, len - named, i & 2);
		assert_int_equal(decode(&file, &decoded, &error), 0);
		assert_int_equal(decoded.pixels.width, w);
		assert_int_equal(decoded.pixels.height, h);
		for (int c = 0; c < 4; c++) {
			const uint8_t *want = colours[orientations[i / 8].corners[c]];

			assert_near(&decoded.pixels, c % 2 ? w - 1 : 0, c / 2 ? h - 1 : 0, want[0],
				    want[1], want[2]);
		}
		/* What is upright already keeps its bytes. */
		assert_int_equal(decoded.keepable,
				 !webp && (orientations[i / 8].orientation < 2 ||
					   orientations[i / 8].orientation > 8));
		seed_decoded_release(&decoded);
		seed_buf_release(&file);
	}
}

static void webp_alpha(void **state)
{
	uint8_t rgba[16 * 4];
	struct seed_decoded decoded;
	struct seed_error error;
	struct seed_buf webp;
	uint8_t *data;
	size_t len;

	SEED_UNUSED(state);
	for (int i = 0; i < 16; i++) {
		const uint8_t pixel[4] = {200, (uint8_t)(i * 16), 255, (uint8_t)(i * 17)};

		memcpy(rgba + i * 4, pixel, 4);
	}
	len = WebPEncodeLosslessRGBA(rgba, 4, 4, 16, &data);
	take_webp(&webp, data, len);
	assert_int_equal(decode(&webp, &decoded, &error), 0);
	for (int i = 0; i < 16; i++)
		for (int c = 0; c < 3; c++)
			assert_in_range(decoded.pixels.data[i * 3 + c] + 1,
					on_black(rgba[i * 4 + c], rgba[i * 4 + 3], 255),
					on_black(rgba[i * 4 + c], rgba[i * 4 + 3], 255) + 2);
	assert_memory_equal(decoded.pixels.data, "\0\0\0", 3);
	seed_decoded_release(&decoded);
	seed_buf_release(&webp);
}

static void make_webp(struct seed_buf *webp, bool lossless)
{
	struct seed_pixels pixels;
	uint8_t *data;
	size_t len;

	make_pixels(&pixels, 40, 24);
	len = lossless ? WebPEncodeLosslessRGB(pixels.data, 40, 24, 120, &data)
		       : WebPEncodeRGB(pixels.data, 40, 24, 120, 80, &data);
	take_webp(webp, data, len);
	seed_pixels_release(&pixels);
}

static void set_le32(char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(value >> (8 * i));
}

/* Cut, also with a RIFF size that agrees with the cut, or with bytes behind. */
static void webp_cut(void **state)
{
	SEED_UNUSED(state);
	for (int lossless = 0; lossless < 2; lossless++) {
		struct seed_buf webp;
		size_t whole;

		make_webp(&webp, lossless);
		assert_valid(&webp);
		whole = webp.len_bytes;
		for (webp.len_bytes = 12; webp.len_bytes < whole; webp.len_bytes++) {
			assert_refused(&webp, "WebP is cut off after");
			set_le32(webp.data + 4, (uint32_t)webp.len_bytes - 8);
			assert_refused(&webp, "WebP");
			set_le32(webp.data + 4, (uint32_t)whole - 8);
		}
		add(&webp, "xy", 2);
		assert_valid(&webp);
		seed_buf_release(&webp);
	}
}

/* Extended format: flags, frames of 40x24 each out of a still picture. */
static void make_animation(struct seed_buf *webp, uint8_t flags, int frames)
{
	uint8_t header[10] = {flags, 0, 0, 0, 39, 0, 0, 23, 0, 0};
	static const uint8_t global[6] = {0, 0, 0, 0, 0, 0};
	static const uint8_t frame[16] = {0, 0, 0, 0, 0, 0, 39, 0, 0, 23, 0, 0, 100, 0, 0, 0};
	struct seed_buf still, one;

	make_webp(&still, true);
	seed_buf_init(&one, MADE_MAX_BYTES);
	seed_buf_init(webp, MADE_MAX_BYTES);
	add(&one, frame, sizeof(frame));
	add(&one, still.data + 12, still.len_bytes - 12);
	add(webp, "RIFF\0\0\0\0WEBP", 12);
	add_riff(webp, "VP8X", header, sizeof(header));
	if (frames)
		add_riff(webp, "ANIM", global, sizeof(global));
	for (int i = 0; i < frames; i++)
		add_riff(webp, "ANMF", one.data, one.len_bytes);
	if (!frames)
		add(webp, still.data + 12, still.len_bytes - 12);
	set_le32(webp->data + 4, (uint32_t)webp->len_bytes - 8);
	seed_buf_release(&one);
	seed_buf_release(&still);
}

static void webp_animated(void **state)
{
	struct seed_buf webp;

	SEED_UNUSED(state);
	for (int frames = 2; frames < 4; frames++) {
		make_animation(&webp, 0x02, frames);
		assert_refused(&webp, "WebP is animated");
		seed_buf_release(&webp);
	}
	/* One frame is a still picture. */
	make_animation(&webp, 0x02, 1);
	assert_valid(&webp);
	seed_buf_release(&webp);
	/* The extended format itself is no animation. */
	make_animation(&webp, 0, 0);
	assert_valid(&webp);
	seed_buf_release(&webp);
}

static void webp_sizes(void **state)
{
	/* VP8L: signature, then 14 bits each of width - 1 and height - 1. */
	static const uint8_t large[] = {0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0};
	struct seed_buf webp;

	SEED_UNUSED(state);
	seed_buf_init(&webp, MADE_MAX_BYTES);
	add(&webp, "RIFF\x14\0\0\0WEBP", 12);
	add_riff(&webp, "VP8L", large, sizeof(large));
	assert_refused(&webp, "16384x16384 is too large");
	seed_buf_release(&webp);
}

/* Others */

static void other_formats(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *reason;
	} cases[] = {
		{"", 0, "it is empty"},
		{"<html>\n<body>", 13, "neither PNG, JPEG nor WebP"},
		{"GIF89a\1\0", 8, "neither PNG, JPEG nor WebP"},
		{"RIFF\4\0\0\0WAVE", 12, "neither PNG, JPEG nor WebP"},
		{"\x89PNG\r\n\x1a", 7, "neither PNG, JPEG nor WebP"},
		{"\xff\xd8", 2, "neither PNG, JPEG nor WebP"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_buf buf;

		seed_buf_init(&buf, MADE_MAX_BYTES);
		add(&buf, cases[i].data, cases[i].len);
		assert_refused(&buf, cases[i].reason);
		seed_buf_release(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(png_kinds),
		cmocka_unit_test(png_transparency),
		cmocka_unit_test(png_palette_transparency),
		cmocka_unit_test(png_ancillary),
		cmocka_unit_test(png_every_bit),
		cmocka_unit_test(png_every_bit_of_the_stream),
		cmocka_unit_test(png_bad_filter),
		cmocka_unit_test(png_row_count),
		cmocka_unit_test(png_idat_ends),
		cmocka_unit_test(png_surplus_is_not_inflated),
		cmocka_unit_test(png_surplus_has_one_verdict),
		cmocka_unit_test(png_cut),
		cmocka_unit_test(png_structure),
		cmocka_unit_test(png_sizes),
		cmocka_unit_test(jpeg_kinds),
		cmocka_unit_test(jpeg_cut),
		cmocka_unit_test(jpeg_early_end),
		cmocka_unit_test(jpeg_sizes),
		cmocka_unit_test(jpeg_orientation),
		cmocka_unit_test(jpeg_exif_cut),
		cmocka_unit_test(webp_lossless),
		cmocka_unit_test(webp_alpha),
		cmocka_unit_test(other_orientations),
		cmocka_unit_test(webp_cut),
		cmocka_unit_test(webp_animated),
		cmocka_unit_test(webp_sizes),
		cmocka_unit_test(other_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
