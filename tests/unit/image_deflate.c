/* The encoder's parts against zlib, and the whole against libpng. */
#include "tests/unit/image_make.h"

#include <png.h>
#include <zlib.h>

#include "lib/image/deflate.h"
#include "lib/image/encode.h"
#include "lib/image/filter.h"
#include "lib/image/huffman.h"
#include "lib/image/unfilter.h"

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Kraft's sum is exactly 1, no code is too long, only the used have one, and
 * none costs more than one with room for any length would by much. */
static void huffman(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 20000; round++) {
		uint32_t counts[SEED_HUFFMAN_MAX_SYMBOLS] = {0};
		struct seed_huffman_code codes[SEED_HUFFMAN_MAX_SYMBOLS];
		size_t symbols = 1 + any(SEED_HUFFMAN_MAX_SYMBOLS), used = 0;
		unsigned least = 1, max_len, sum = 0;
		uint32_t skew = any(3);

		for (size_t i = 0; i < symbols; i++) {
			/* Fibonacci-like growth makes the longest codes there are. */
			counts[i] = skew == 0 ? any(5) : skew == 1 ? 1U << (i % 20) : any(2) * (1 + any(99999));
			used += counts[i] > 0;
		}
		while (1U << least < used)
			least++;
		max_len = least + any(16 - least);
		seed_huffman_build(counts, symbols, max_len, codes);
		for (size_t i = 0; i < symbols; i++) {
			assert_int_equal(codes[i].len > 0, counts[i] > 0);
			assert_true(codes[i].len <= max_len);
			sum += codes[i].len ? 1U << (15 - codes[i].len) : 0;
			for (size_t k = 0; k < i && codes[i].len; k++)
				if (counts[k] > counts[i])
					assert_true(codes[k].len <= codes[i].len);
		}
		assert_int_equal(sum, used > 1 ? 1 << 15 : used == 1 ? 1 << 14 : 0);
	}
}

enum { DATA_MAX = 60000 };

static struct seed_deflate_scratch *scratch;

static int setup(void **state)
{
	SEED_UNUSED(state);
	scratch = malloc(SEED_DEFLATE_SCRATCH_BYTES(DATA_MAX));
	return scratch ? 0 : -1;
}

static int teardown(void **state)
{
	SEED_UNUSED(state);
	free(scratch);
	return 0;
}

static size_t fill(uint8_t *data, size_t max)
{
	size_t len = any((uint32_t)max + 1);
	uint32_t kind = any(6), values = 1 + any(256), mean = 2 + any(600);

	for (size_t i = 0; i < len; i++) {
		bool repeat = i && (kind == 1 ? true : kind >= 2 && any(mean));

		data[i] = repeat ? data[i - 1] : (uint8_t)any(values);
		/* Skewed, as filtered rows are. */
		if (kind == 5)
			data[i] = (uint8_t)((int)any(1 + any(values)) - (int)any(1 + any(values)));
	}
	return len;
}

/* The deflate stream of `data`, added in random pieces; returns its length. */
static size_t deflate_pieces(const uint8_t *data, size_t len, uint8_t *out)
{
	struct seed_deflate deflate;
	size_t done = 0;

	seed_deflate_init(&deflate, out, scratch);
	while (any(4)) {
		size_t part = any((uint32_t)(len - done) + 1);
		uint8_t *before = deflate.out.at;

		seed_deflate_add(&deflate, data + done, part);
		assert_true((size_t)(deflate.out.at - before) + 16 <= SEED_DEFLATE_BOUND_BYTES(part));
		done += part;
	}
	seed_deflate_add(&deflate, data + done, len - done);
	seed_deflate_end(&deflate);
	return (size_t)(deflate.out.at - out);
}

/* zlib inflates it to `data` again. */
static void assert_inflates(uint8_t *stream, size_t made, const uint8_t *data, size_t len)
{
	static uint8_t back[DATA_MAX + 1];
	z_stream z = {.next_in = stream, .avail_in = (uInt)made, .next_out = back,
		      .avail_out = sizeof(back)};

	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, len);
	assert_memory_equal(back, data, len);
	inflateEnd(&z);
}

static uint8_t data[DATA_MAX], out[3 * DATA_MAX + 65536];

static void inflates(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 3000; round++) {
		size_t len = fill(data, round % 3 ? 400 : DATA_MAX);

		assert_inflates(out, deflate_pieces(data, len, out), data, len);
	}
}

/* A run of every length alone, and of the longest matches' sums. */
static void every_run(void **state)
{
	SEED_UNUSED(state);
	memset(data, 0, sizeof(data));
	for (size_t len = 0; len < 1100; len++) {
		struct seed_deflate deflate;

		seed_deflate_init(&deflate, out, scratch);
		seed_deflate_add(&deflate, data, len);
		seed_deflate_end(&deflate);
		assert_inflates(out, (size_t)(deflate.out.at - out), data, len);
	}
}

/* Codes are made from every fourth sixteen bytes. What is only elsewhere gets
 * one, too; also the longest, all at once. */
static void outside_the_sample(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 300; round++) {
		size_t len = 1 + any(DATA_MAX - 1);

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)(i % 64 < 16 ? round & 1 : (int)any(256));
		assert_inflates(out, deflate_pieces(data, len, out), data, len);
	}
}

/* What is like before goes on in the same block, what is not begins a new one:
 * both take what their bytes need, and the codes. */
static void blocks(void **state)
{
	enum { PIECE = 10000, CODES_MAX = 200 };
	struct seed_deflate deflate;
	size_t alone = 0, together;

	SEED_UNUSED(state);
	for (size_t i = 0; i < DATA_MAX; i++)
		data[i] = (uint8_t)(i < DATA_MAX / 2 ? any(7) : 100 + any(7));
	for (size_t at = 0; at < DATA_MAX; at += PIECE) {
		seed_deflate_init(&deflate, out, scratch);
		seed_deflate_add(&deflate, data + at, PIECE);
		seed_deflate_end(&deflate);
		alone += (size_t)(deflate.out.at - out);
	}
	/* Three bits a byte, as there are seven values, and room for all others. */
	assert_in_range(alone, DATA_MAX / 8 * 2, DATA_MAX / 8 * 3 + 6 * CODES_MAX);
	seed_deflate_init(&deflate, out, scratch);
	for (size_t at = 0; at < DATA_MAX; at += PIECE)
		seed_deflate_add(&deflate, data + at, PIECE);
	seed_deflate_end(&deflate);
	together = (size_t)(deflate.out.at - out);
	assert_inflates(out, together, data, DATA_MAX);
	/* Two blocks, not six. */
	assert_in_range(together, DATA_MAX / 8 * 2, DATA_MAX / 8 * 3 + 2 * CODES_MAX);
	assert_true(together < alone);
}

static int predict(int filter, int a, int b, int c)
{
	int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

	switch (filter) {
	case 1:
		return a;
	case 2:
		return b;
	case 3:
		return (a + b) / 2;
	case 4:
		return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
	default:
		return 0;
	}
}

/* Whether a byte is looked at to choose the filter: all of a short row, of a long
 * one 32 of each 128 whole. */
static bool is_sampled(size_t i, size_t bytes)
{
	return bytes < 3 + 128 || (i >= 3 && (i - 3) % 128 < 32 && i - (i - 3) % 128 + 128 <= bytes);
}

/* The row's bytes under a filter by the definition; returns their cost, in which
 * Paeth is preferred by a sixteenth. */
static uint32_t filter_row(const struct seed_pixels *pixels, uint32_t y, int filter, uint8_t *filtered)
{
	size_t bytes = seed_pixels_stride_bytes(pixels);
	const uint8_t *row = seed_pixels_row(pixels, y);
	uint32_t cost = 0;

	for (size_t i = 0; i < bytes; i++) {
		int a = i < 3 ? 0 : row[i - 3], b = y ? *(row + i - bytes) : 0;
		int c = i < 3 || !y ? 0 : *(row + i - bytes - 3);

		filtered[i] = (uint8_t)(row[i] - predict(filter, a, b, c));
		if (is_sampled(i, bytes))
			cost += (uint32_t)abs((int8_t)filtered[i]);
	}
	return filter == 4 ? cost - cost / 16 : cost;
}

static void fill_pixels(struct seed_pixels *pixels, uint32_t width, uint32_t height)
{
	uint32_t values = any(2) ? 256 : 1 + any(6), kind = any(3);

	make_pixels(pixels, width, height);
	for (uint32_t i = 0; kind && i < width * height * 3; i++)
		if (kind == 1)
			pixels->data[i] = (uint8_t)any(values);
		else
			pixels->data[i] = (uint8_t)(pixels->data[i] + any(4));
}

/* The cheapest filter, exactly applied. */
static void filters(void **state)
{
	static uint8_t want[9100 * 3], got[9100 * 3 * 4 + 4], narrow[9100 * 3 * 4 + 4];

	SEED_UNUSED(state);
	for (int round = 0; round < 2000; round++) {
		uint32_t width = 1 + any(round % 200 ? 60 : 9100), height = 1 + any(4);
		size_t stride = seed_filtered_stride_bytes(width);
		struct seed_pixels pixels;

		fill_pixels(&pixels, width, height);
		seed_filter_rows(&pixels, 0, height, got);
		seed_filter_rows_with(&pixels, 0, height, narrow, false);
		assert_memory_equal(got, narrow, stride * height);
		for (uint32_t y = 0; y < height; y++) {
			const uint8_t *row = got + y * stride;
			uint32_t cost = filter_row(&pixels, y, row[0], want);

			assert_true(row[0] < 5);
			assert_memory_equal(row + 1, want, stride - 1);
			for (int filter = 0; filter < 5; filter++)
				assert_true(filter_row(&pixels, y, filter, want) >= cost);
		}
		seed_pixels_release(&pixels);
	}
}

/* Flat, drawn, noise, smooth: libpng reads the same pixels. */
static void libpng_reads(void **state)
{
	SEED_UNUSED(state);
	for (int round = 0; round < 400; round++) {
		uint32_t width = 1 + any(200), height = 1 + any(100);
		png_image image = {.version = PNG_IMAGE_VERSION};
		uint8_t *back = malloc((size_t)width * height * 3);
		struct seed_pixels pixels;
		struct seed_buf png;

		assert_non_null(back);
		fill_pixels(&pixels, width, height);
		for (uint32_t i = 0; round % 4 == 0 && i < width * height; i++)
			memset(pixels.data + i * 3, (int)(i / 37 % 3) * 90, 3);
		assert_int_equal(encode_png(&pixels, NULL, 0, &png), 0);
		assert_true(png_image_begin_read_from_memory(&image, png.data, png.len_bytes));
		assert_int_equal(image.format, PNG_FORMAT_RGB);
		assert_int_equal(image.width, width);
		assert_int_equal(image.height, height);
		assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
		assert_int_equal(image.warning_or_error, 0);
		assert_memory_equal(back, pixels.data, (size_t)width * height * 3);
		seed_buf_release(&png);
		seed_pixels_release(&pixels);
		free(back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(huffman),
		cmocka_unit_test(inflates),
		cmocka_unit_test(every_run),
		cmocka_unit_test(outside_the_sample),
		cmocka_unit_test(blocks),
		cmocka_unit_test(filters),
		cmocka_unit_test(libpng_reads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
