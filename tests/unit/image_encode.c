/* Encoding, and seed_image_make() as a whole. */
#include "tests/unit/image_make.h"

#include <fcntl.h>

#include <openssl/evp.h>

#include "lib/image/decode.h"
#include "lib/image/encode.h"
#include "lib/worker/job.h"
#include "lib/image/png_chunks.h"

static void encode(struct seed_buf *png, const struct seed_pixels *pixels,
		   const struct seed_image_text *texts, size_t count)
{
	assert_int_equal(encode_png(pixels, texts, count, png), 0);
}

static void round_trip(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1}, {7, 5}, {64, 36}, {2048, 1152}, {1, 300}, {300, 1}};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(sizes); i++) {
		struct seed_pixels pixels;
		struct seed_decoded decoded;
		struct seed_error error;
		struct seed_buf png, again;

		make_pixels(&pixels, sizes[i][0], sizes[i][1]);
		encode(&png, &pixels, NULL, 0);
		encode(&again, &pixels, NULL, 0);
		assert_int_equal(png.len_bytes, again.len_bytes);
		assert_memory_equal(png.data, again.data, png.len_bytes);
		assert_int_equal(seed_decode(bytes_of(&png), png.len_bytes, &decoded, &error), 0);
		assert_true(decoded.keepable);
		assert_memory_equal(decoded.pixels.data, pixels.data, sizes[i][0] * sizes[i][1] * 3);
		seed_decoded_release(&decoded);
		seed_pixels_release(&pixels);
		seed_buf_release(&png);
		seed_buf_release(&again);
	}
}

/* Signature, IHDR, sRGB, tEXt, iTXt: each byte. */
static void exact_head(void **state)
{
	static const struct seed_image_text texts[] = {{"Title", "a fox"}, {"Comment", "gr\xc3\xbc\xc3\x9f"}};
	static const char want[] =
		"\x89PNG\r\n\x1a\n"
		"\0\0\0\x0dIHDR\0\0\0\x07\0\0\0\x05\x08\x02\0\0\0\x06\xf8\x61\x8f"
		"\0\0\0\x01sRGB\0\xae\xce\x1c\xe9"
		"\0\0\0\x0btEXtTitle\0a fox" "\x08\xbd\x76\x67"
		"\0\0\0\x12iTXtComment\0\0\0\0\0gr\xc3\xbc\xc3\x9f" "\x3e\x64\x14\x97";
	struct seed_pixels pixels;
	struct seed_buf png;

	SEED_UNUSED(state);
	make_pixels(&pixels, 7, 5);
	encode(&png, &pixels, texts, 2);
	for (size_t i = 0; i < sizeof(want) - 1; i++)
		if (png.data[i] != want[i])
			fail_msg("byte %zu is %02x, not %02x", i, (uint8_t)png.data[i], (uint8_t)want[i]);
	seed_pixels_release(&pixels);
	seed_buf_release(&png);
}

static void text_kinds(void **state)
{
	static char k1023[1024], k1024[1025];
	const struct {
		const char *text, *name;
	} cases[] = {
		{"", "tEXt"}, {"two\nlines", "tEXt"}, {"a\ttab", "iTXt"}, {"del\x7f", "iTXt"},
		{"caf\xc3\xa9", "iTXt"}, {k1023, "tEXt"}, {k1024, "iTXt"},
	};
	struct seed_pixels pixels;

	SEED_UNUSED(state);
	memset(k1023, 'x', 1023);
	memset(k1024, 'x', 1024);
	make_pixels(&pixels, 4, 4);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		const struct seed_image_text text = {"K", cases[i].text};
		size_t offset = 33 + 13, head = strcmp(cases[i].name, "tEXt") ? 6 : 2;
		struct seed_png_chunk chunk;
		struct seed_buf png;

		encode(&png, &pixels, &text, 1);
		assert_true(seed_png_next(bytes_of(&png), png.len_bytes, &offset, &chunk));
		assert_string_equal(chunk.name, cases[i].name);
		assert_int_equal(chunk.len, head + strlen(cases[i].text));
		assert_memory_equal(chunk.data, "K\0\0\0\0\0", head);
		assert_memory_equal(chunk.data + head, cases[i].text, strlen(cases[i].text));
		seed_buf_release(&png);
	}
	seed_pixels_release(&pixels);
}

static void bad_keywords(void **state)
{
	char keyword[81] = "";
	struct seed_image_text text = {keyword, "x"};
	struct seed_pixels pixels;
	struct seed_buf png;

	SEED_UNUSED(state);
	make_pixels(&pixels, 4, 4);
	assert_int_equal(encode_png(&pixels, &text, 1, &png), -EINVAL);
	seed_buf_release(&png);
	memset(keyword, 'k', 79);
	assert_int_equal(encode_png(&pixels, &text, 1, &png), 0);
	seed_buf_release(&png);
	keyword[79] = 'k';
	assert_int_equal(encode_png(&pixels, &text, 1, &png), -EINVAL);
	seed_buf_release(&png);
	seed_pixels_release(&pixels);
}

/* seed_image_make() */

static int file_of(const struct seed_buf *buf)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf->data, buf->len_bytes), buf->len_bytes);
	return fd;
}

static const struct seed_image_job small_job = {
	.width = 64, .height = 36, .max_upscale = 2,
};

/* Runs the job; `made` gets the destination's bytes. */
static void make(const struct seed_image_job *job, const struct seed_buf *source, struct seed_buf *made,
		 struct seed_image_result *result)
{
	int source_fd = file_of(source), dest_fd = memfd_create("dest", MFD_CLOEXEC);

	assert_true(dest_fd >= 0);
	seed_image_make(job, source_fd, dest_fd, result);
	read_back(dest_fd, made);
	close(source_fd);
	close(dest_fd);
}

static void assert_sha256(const struct seed_buf *buf, const char *hex)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char want[65];

	assert_true(EVP_Digest(buf->data, buf->len_bytes, digest, NULL, EVP_sha256(), NULL));
	for (int i = 0; i < 32; i++)
		snprintf(want + i * 2, 3, "%02x", digest[i]);
	assert_string_equal(hex, want);
}

static void make_results(void **state)
{
	static const struct {
		uint32_t width, height;
		bool no_upscale;
		const char *fit, *message;
	} cases[] = {
		{64, 36, false, "none", ""},
		{128, 72, false, "down", ""},
		{32, 18, false, "up", ""},
		{64, 64, true, "crop", ""},
		{100, 100, true, "crop+down", ""},
		{40, 40, false, "crop+up", ""},
		{20, 20, false, "",
		 "image not valid: 20x20 is too small for 64x36 (largest enlargement 2)"},
		{40, 40, true, "", "image not valid: 40x40 is smaller than 64x36"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		struct seed_image_job job = small_job;
		struct seed_image_result result;
		struct seed_buf source, made;
		struct seed_decoded decoded;
		struct seed_pixels pixels;
		struct seed_error error;

		job.no_upscale = cases[i].no_upscale;
		make_pixels(&pixels, cases[i].width, cases[i].height);
		encode(&source, &pixels, NULL, 0);
		make(&job, &source, &made, &result);
		assert_string_equal(result.error.message, cases[i].message);
		assert_int_equal(result.error.code, *cases[i].message ? EBADMSG : 0);
		assert_string_equal(result.source.format, "png");
		assert_string_equal(result.source.fit, cases[i].fit);
		assert_int_equal(result.source.width, cases[i].width);
		assert_int_equal(result.source.height, cases[i].height);
		assert_int_equal(result.source.bytes, source.len_bytes);
		assert_sha256(&source, result.source.sha256);
		assert_int_equal(result.image.bytes, made.len_bytes);
		if (!result.error.code) {
			assert_sha256(&made, result.image.sha256);
			assert_int_equal(result.image.width, 64);
			assert_int_equal(result.image.height, 36);
			assert_int_equal(seed_decode(bytes_of(&made), made.len_bytes, &decoded, &error), 0);
			assert_int_equal(decoded.pixels.width, 64);
			assert_int_equal(decoded.pixels.height, 36);
			assert_true(decoded.keepable);
			seed_decoded_release(&decoded);
		}
		seed_pixels_release(&pixels);
		seed_buf_release(&source);
		seed_buf_release(&made);
	}
}

static void one_colour(void **state)
{
	struct seed_image_result result;
	struct seed_buf source, made;
	struct seed_pixels pixels;

	SEED_UNUSED(state);
	for (int framed = 0; framed < 2; framed++) {
		make_pixels(&pixels, 64, 40);
		memset(pixels.data, 0x2a, 64 * 40 * 3);
		/* Only in what is cropped away. */
		if (framed)
			pixels.data[5] = 0;
		encode(&source, &pixels, NULL, 0);
		make(&small_job, &source, &made, &result);
		assert_int_equal(result.error.code, EBADMSG);
		assert_string_equal(result.error.message,
				    "image not valid: all of its 64x40 pixels have one single colour "
				    "(what a safety filter returns)");
		assert_int_equal(made.len_bytes, 0);
		seed_pixels_release(&pixels);
		seed_buf_release(&source);
		seed_buf_release(&made);
	}
}

/* A right PNG with text, gamma, a palette suggestion and bytes behind its end:
 * IHDR and IDAT come through byte for byte, its text too, the rest is ours. */
static void kept_idat(void **state)
{
	static const struct png_kind kind = {.width = 64, .height = 36, .depth = 8, .colour = 2};
	static const struct seed_image_text text = {"Prompt", "hills"};
	struct seed_buf source, made, want, idat;
	struct seed_image_job job = small_job;
	struct seed_image_result result;

	SEED_UNUSED(state);
	job.texts = &text;
	job.text_count = 1;
	seed_buf_init(&source, MADE_MAX_BYTES);
	seed_buf_init(&idat, MADE_MAX_BYTES);
	seed_buf_init(&want, MADE_MAX_BYTES);
	add_pixels(&idat, &kind);
	add_head(&source, &kind);
	add_chunk(&source, "gAMA", "\0\0\xb1\x8f", 4);
	add_chunk(&source, "tEXt", "Software\0other", 14);
	add_chunk(&source, "PLTE", "abcdef", 6);
	add(&source, idat.data, idat.len_bytes);
	add(&source, "trailing", 8);
	add_head(&want, &kind);
	add_chunk(&want, "sRGB", "\0", 1);
	add_chunk(&want, "tEXt", "Prompt\0hills", 12);
	add_chunk(&want, "tEXt", "Software\0other", 14);
	add_chunk(&want, "PLTE", "abcdef", 6);
	add(&want, idat.data, idat.len_bytes);
	make(&job, &source, &made, &result);
	assert_string_equal(result.error.message, "");
	assert_string_equal(result.source.fit, "none");
	assert_int_equal(made.len_bytes, want.len_bytes);
	assert_memory_equal(made.data, want.data, want.len_bytes);
	seed_buf_release(&source);
	seed_buf_release(&made);
	seed_buf_release(&want);
	seed_buf_release(&idat);
}

/* A row is a chunk of the source and what it is in the result. */
struct source_text {
	const char *name, *data;
	size_t len;
	const char *want;
	size_t want_len;
};

#define KEPT(name, data) {name, data, sizeof(data) - 1, data, sizeof(data) - 1}
#define GONE(name, data) {name, data, sizeof(data) - 1, NULL, 0}
#define RENAMED(name, data, want) {name, data, sizeof(data) - 1, want, sizeof(want) - 1}
#define KEYWORD_72 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
/* "steps: 30", deflated. */
#define STREAM "\170\234\053\056\111\055\050\266\122\060\066\000\000\021\064\002\355"

static const struct source_text source_texts[] = {
	KEPT("tEXt", "parameters\0a fox\nSteps: 30"),
	KEPT("tEXt", "workflow\0{\"nodes\": []}"),
	RENAMED("tEXt", "prompt\0{\"3\": 1}", "source:prompt\0{\"3\": 1}"),
	RENAMED("iTXt", "seedfs:model\0\0\0\0\0m", "source:seedfs:model\0\0\0\0\0m"),
	KEPT("tEXt", "Comment\0"),
	KEPT("tEXt", "Comment\0gr\xfc\xdf" "e"),
	KEPT("zTXt", "Notes\0\0" STREAM),
	KEPT("iTXt", "Notes\0\1\0de\0Notizen\0" STREAM),
	KEPT("iTXt", "XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>"),
	KEPT("tEXt", KEYWORD_72 "1234567\0x"),
	GONE("tEXt", KEYWORD_72 "12345678\0x"),
	GONE("iTXt", "seedfs:" KEYWORD_72 "\0\0\0\0\0x"),
	GONE("tEXt", "no end"),
	GONE("tEXt", "\0no keyword"),
	GONE("tEXt", " space\0x"), GONE("tEXt", "space \0x"), GONE("tEXt", "two  spaces\0x"),
	GONE("tEXt", "line\nfeed\0x"), GONE("tEXt", "no-break\xa0\0x"),
	GONE("tEXt", "NUL\0in\0it"),
	GONE("iTXt", "no UTF-8\0\0\0\0\0\xff"), GONE("iTXt", "flag\0\2\0\0\0x"),
	GONE("iTXt", "method\0\0\1\0\0x"), GONE("iTXt", "short\0\0\0x"), GONE("iTXt", "shorter\0\0"),
	GONE("zTXt", "method\0\1" STREAM), GONE("zTXt", "damaged\0\0x\x9c++"), GONE("zTXt", "empty\0"),
	GONE("zTXt", "Raw profile type icc\0\0" STREAM),
	GONE("tIME", "1234567"),
};

/* `made` has the text chunks `want`, and then pixels. */
static void assert_texts(const struct seed_buf *made, const struct seed_buf *want)
{
	const size_t at = 8 + 25 + 13;

	if (made->len_bytes < at + want->len_bytes || memcmp(made->data + at, want->data, want->len_bytes))
		fail_msg("the texts are not as wanted");
	assert_memory_equal(made->data + at + want->len_bytes + 4, "IDAT", 4);
}

static void source_with(struct seed_buf *source, const struct png_kind *kind, bool behind)
{
	struct seed_buf pixels;

	seed_buf_init(source, MADE_MAX_BYTES);
	seed_buf_init(&pixels, MADE_MAX_BYTES);
	add_head(source, kind);
	add_pixels(&pixels, kind);
	if (behind)
		add(source, pixels.data, pixels.len_bytes - 12);
	for (size_t i = 0; i < SEED_ARRAY_LEN(source_texts); i++)
		add_chunk(source, source_texts[i].name, source_texts[i].data, source_texts[i].len);
	if (behind)
		add_chunk(source, "IEND", NULL, 0);
	else
		add(source, pixels.data, pixels.len_bytes);
	seed_buf_release(&pixels);
}

/* The source's texts, before or behind the pixels, of a picture that is kept and of
 * one that is encoded; none without ours. */
static void kept_texts(void **state)
{
	static const struct seed_image_text ours[] = {
		{"Software", "seedfs"}, {"prompt", "a fox"}, {"parameters", "steps 30"}};
	static const struct png_kind kinds[] = {{.width = 64, .height = 36, .depth = 8, .colour = 2},
						{.width = 64, .height = 36, .depth = 8, .colour = 6}};
	struct seed_image_job job = small_job;
	struct seed_buf want, none;

	SEED_UNUSED(state);
	seed_buf_init(&want, MADE_MAX_BYTES);
	seed_buf_init(&none, MADE_MAX_BYTES);
	add_chunk(&want, "tEXt", "Software\0seedfs", 15);
	add_chunk(&want, "tEXt", "prompt\0a fox", 12);
	add_chunk(&want, "tEXt", "seedfs:parameters\0steps 30", 26);
	for (size_t i = 0; i < SEED_ARRAY_LEN(source_texts); i++)
		if (source_texts[i].want)
			add_chunk(&want, source_texts[i].name, source_texts[i].want,
				  source_texts[i].want_len);
	for (int i = 0; i < 8; i++) {
		struct seed_image_result result;
		struct seed_buf source, made;

		job.texts = i & 4 ? NULL : ours;
		job.text_count = i & 4 ? 0 : SEED_ARRAY_LEN(ours);
		source_with(&source, &kinds[i & 1], i & 2);
		make(&job, &source, &made, &result);
		assert_string_equal(result.error.message, "");
		assert_texts(&made, i & 4 ? &none : &want);
		seed_buf_release(&source);
		seed_buf_release(&made);
	}
	seed_buf_release(&want);
	seed_buf_release(&none);
}

/* 256 KiB as they are read: what is beyond is left out, what still fits is not. */
static void kept_texts_are_bounded(void **state)
{
	static const struct png_kind kind = {.width = 64, .height = 36, .depth = 8, .colour = 2};
	static const struct seed_image_text ours = {"prompt", "a fox"};
	const size_t most = 256 * 1024;
	struct seed_buf source, made, want, packed;
	struct seed_image_job job = small_job;
	struct seed_image_result result;
	char *text = calloc(1, most + 3);

	SEED_UNUSED(state);
	job.texts = &ours;
	job.text_count = 1;
	memset(text, 'x', most + 2);
	text[1] = '\0';
	seed_buf_init(&source, MADE_MAX_BYTES);
	seed_buf_init(&want, MADE_MAX_BYTES);
	seed_buf_init(&packed, MADE_MAX_BYTES);
	add(&packed, "z\0\0", 3);
	add_zlib(&packed, (const uint8_t *)text + 2, 1001);
	add_head(&source, &kind);
	add_chunk(&want, "tEXt", "prompt\0a fox", 12);
	add_chunk(&source, "tEXt", text, most + 3);
	add_chunk(&source, "tEXt", text, most - 1000 + 2);
	add_chunk(&want, "tEXt", text, most - 1000 + 2);
	add_chunk(&source, "zTXt", packed.data, packed.len_bytes);
	add_chunk(&source, "tEXt", text, 1000 + 2);
	add_chunk(&want, "tEXt", text, 1000 + 2);
	add_chunk(&source, "tEXt", text, 3);
	add_pixels(&source, &kind);
	make(&job, &source, &made, &result);
	assert_string_equal(result.error.message, "");
	assert_texts(&made, &want);
	free(text);
	seed_buf_release(&packed);
	seed_buf_release(&source);
	seed_buf_release(&made);
	seed_buf_release(&want);
}

/* Right in size but of another kind: encoded anew, as 8-bit RGB. */
static void other_kinds_are_encoded(void **state)
{
	static const struct png_kind kinds[] = {
		{.width = 64, .height = 36, .depth = 8, .colour = 6},
		{.width = 64, .height = 36, .depth = 16, .colour = 2},
		{.width = 64, .height = 36, .depth = 8, .colour = 0},
		{.width = 64, .height = 36, .depth = 8, .colour = 2, .interlaced = true},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(kinds); i++) {
		struct seed_image_result result;
		struct seed_buf source, made;

		seed_buf_init(&source, MADE_MAX_BYTES);
		add_head(&source, &kinds[i]);
		add_pixels(&source, &kinds[i]);
		make(&small_job, &source, &made, &result);
		assert_string_equal(result.error.message, "");
		assert_string_equal(result.source.fit, "none");
		assert_memory_equal(made.data + 16, "\0\0\0\x40\0\0\0\x24\x08\x02\0\0\0", 13);
		seed_buf_release(&source);
		seed_buf_release(&made);
	}
}

static void destination_full(void **state)
{
	struct seed_image_result result;
	struct seed_pixels pixels;
	struct seed_buf source;
	int source_fd, dest_fd;

	SEED_UNUSED(state);
	make_pixels(&pixels, 64, 36);
	encode(&source, &pixels, NULL, 0);
	source_fd = file_of(&source);
	dest_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	seed_image_make(&small_job, source_fd, dest_fd, &result);
	assert_int_equal(result.error.code, ENOSPC);
	assert_string_equal(result.error.message, "cannot write the image: No space left on device");
	assert_int_equal(result.image.bytes, 0);
	seed_image_make(&small_job, source_fd, -1, &result);
	assert_int_equal(result.error.code, EIO);
	seed_image_make(&small_job, -1, dest_fd, &result);
	assert_int_equal(result.error.code, EIO);
	close(source_fd);
	close(dest_fd);
	seed_pixels_release(&pixels);
	seed_buf_release(&source);
}

static void source_sizes(void **state)
{
	struct seed_image_result result;
	int fd = memfd_create("source", MFD_CLOEXEC);

	SEED_UNUSED(state);
	seed_image_make(&small_job, fd, -1, &result);
	assert_int_equal(result.error.code, EBADMSG);
	assert_string_equal(result.error.message, "image not valid: it is empty");
	assert_int_equal(ftruncate(fd, SEED_DOWNLOAD_MAX_BYTES + 1), 0);
	seed_image_make(&small_job, fd, -1, &result);
	assert_int_equal(result.error.code, EBADMSG);
	assert_string_equal(result.error.message,
			    "image not valid: 67108865 bytes are too many (at most 67108864)");
	close(fd);
}

static void draws(void **state)
{
	struct seed_image_job job = small_job;
	struct seed_image_result result;
	struct seed_buf made;
	int fd = memfd_create("dest", MFD_CLOEXEC);

	SEED_UNUSED(state);
	job.draw = true;
	job.prompt = "a lake";
	seed_image_make(&job, -1, fd, &result);
	assert_int_equal(result.error.code, 0);
	assert_string_equal(result.source.format, "sketch");
	assert_string_equal(result.source.fit, "none");
	assert_int_equal(result.source.width, 64);
	assert_int_equal(result.source.height, 36);
	read_back(fd, &made);
	assert_int_equal(result.image.bytes, made.len_bytes);
	assert_int_equal(result.source.bytes, made.len_bytes);
	assert_sha256(&made, result.image.sha256);
	assert_sha256(&made, result.source.sha256);
	seed_buf_release(&made);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(exact_head),
		cmocka_unit_test(text_kinds),
		cmocka_unit_test(bad_keywords),
		cmocka_unit_test(make_results),
		cmocka_unit_test(one_colour),
		cmocka_unit_test(kept_idat),
		cmocka_unit_test(kept_texts),
		cmocka_unit_test(kept_texts_are_bounded),
		cmocka_unit_test(other_kinds_are_encoded),
		cmocka_unit_test(destination_full),
		cmocka_unit_test(source_sizes),
		cmocka_unit_test(draws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
