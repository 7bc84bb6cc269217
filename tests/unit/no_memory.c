/*
 * Whichever allocation of a function fails, it says so, and nothing is lost.
 *
 * malloc and its kin are replaced here, also for what libraries allocate, so
 * this is for builds without a sanitizer, which needs them for itself.
 */
#include "tests/unit/image_make.h"

#include <fcntl.h>
#include <jpeglib.h>
#include <malloc.h>
#include <openssl/err.h>
#include <webp/encode.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/worker/job.h"
#include "lib/net/key.h"
#include "lib/base/log.h"
#include "lib/provider/provider.h"
#include "lib/record/record.h"
#include "lib/base/url.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Allocations until the one that fails; negative: none does. */
static int countdown = -1;
static bool has_failed;
/* Blocks allocated and not freed. */
static long live;

#ifndef SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	live += block != NULL;
	return block;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

/* zimg's. */
int posix_memalign(void **block, size_t alignment, size_t size)
{
	*block = fails() ? NULL : counted(__libc_memalign(alignment, size));
	return *block ? 0 : ENOMEM;
}

void *realloc(void *block, size_t size)
{
	/* To make a block smaller needs none, and libc relies on that. */
	if ((!block || size > malloc_usable_size(block)) && fails())
		return NULL;
	return block ? __libc_realloc(block, size) : counted(__libc_realloc(NULL, size));
}

void free(void *block)
{
	live -= block != NULL;
	__libc_free(block);
}

#endif

static int dirfd = -1;

#define REQUEST "{\"prompt\":\"p\",\"model\":\"m\",\"steps\":5,\"style\":\"ink\"}"

static bool parse_params(void)
{
	struct seed_params params;
	char *prompt = NULL;
	errint_t result;
	bool whole;

	seed_params_init(&params);
	whole = params.model && params.quality && params.guidance && params.style &&
		params.negative_prompt;
	result = seed_params_parse(REQUEST, strlen(REQUEST), &params, &prompt, NULL);
	assert_true(result == 0 || result == -ENOMEM || result == -EINVAL);
	assert_int_equal(prompt != NULL, result == 0);
	free(prompt);
	seed_params_release(&params);
	return result == 0 && whole;
}

static bool parse_plain(void)
{
	struct seed_params params = {0};
	struct seed_error error = {0};
	char *prompt = NULL;
	errint_t result = seed_params_parse("fox", 3, &params, &prompt, &error);

	assert_true(result == 0 || result == -ENOMEM);
	assert_int_equal(error.code, -result);
	assert_int_equal(prompt != NULL, result == 0);
	free(prompt);
	return result == 0;
}

static bool copy_params(void)
{
	struct seed_params from = {.steps = 5}, to = {.steps = 7};
	errint_t result = seed_params_copy(&to, &from);

	assert_true(result == 0 || result == -ENOMEM);
	assert_int_equal(to.steps, result ? 7 : 5);
	seed_params_release(&to);
	return result == 0;
}

static bool full_prompt(void)
{
	struct seed_params params = {0};
	char *full = seed_params_full_prompt(&params, "a fox");

	bool whole = full != NULL;

	if (full)
		assert_string_equal(full, "a fox");
	free(full);
	return whole;
}

#define ROW \
	"{\"name\":\"fox\",\"state\":\"queued\",\"prompt\":\"p\",\"parameters\":{\"model\":\"m\"}," \
	"\"attempts\":[{\"task_id\":\"t\"}],\"error\":{\"errno\":\"EIO\"},\"id\":\"1\"}"

static bool parse_record(void)
{
	struct seed_record record;
	errint_t result = seed_record_parse(ROW, strlen(ROW), &record);
	const struct seed_params *params = record.params;
	bool whole = params && params->model && params->quality && params->guidance && params->style &&
		     params->negative_prompt;

	assert_true(result == 0 || result == -ENOMEM || result == -EBADMSG);
	seed_record_release(&record);
	return result == 0 && whole;
}

static bool copy_record(void)
{
	static const char *const versions[] = {"0001.png"};
	struct seed_record from, to;
	char *name = NULL, *json = NULL;
	errint_t result;

	seed_record_init(&from);
	result = seed_record_set(&from.name, "fox");
	if (!result)
		result = seed_record_reserve_attempts(&from);
	if (!result) {
		from.attempt_count = 1;
		result = seed_record_copy(&to, &from);
		seed_record_release(&to);
	}
	assert_true(result == 0 || result == -ENOMEM || result == -EBADMSG);
	if (!result)
		json = seed_record_format(&from, versions, 1);
	if (json)
		result = seed_record_set(&name, json);
	free(name);
	free(json);
	seed_record_release(&from);
	return json && !result;
}

static bool open_log(void)
{
	struct seed_error error = {0};
	struct seed_log *log = NULL;
	errint_t result = seed_log_open(dirfd, 1000, false, &log, &error);

	assert_true(result == 0 || result == -ENOMEM);
	assert_int_equal(error.code, -result);
	assert_int_equal(log != NULL, result == 0);
	seed_log_close(log);
	return result == 0;
}

static bool load_key(void)
{
	static const char *const variables[] = {"SEED_TEST_KEY", NULL};
	struct seed_error error = {0};
	struct seed_key *key = NULL;
	errint_t result = seed_key_load(NULL, variables, &key, &error);

	/* $CREDENTIALS_DIRECTORY is set and holds none. */
	assert_true(result == -ENOKEY || result == -ENOMEM);
	assert_int_equal(error.code, -result);
	assert_null(key);
	return result == -ENOKEY;
}

#define PRIVATE "http://127.0.0.1:80/p?q"

static bool look_at_urls(void)
{
	char *shown = seed_url_redacted(PRIVATE);
	char *encoded = seed_url_encode("a b");
	char *invalid = seed_url_redacted("nonsense");
	bool whole = shown && encoded && invalid;

	/* Never another text than with memory, but the query's trace. */
	if (shown)
		assert_memory_equal(shown, "http://127.0.0.1:80/p", 21);
	if (invalid)
		assert_string_equal(invalid, "(invalid URL)");
	if (encoded)
		assert_string_equal(encoded, "a%20b");
	free(shown);
	free(encoded);
	free(invalid);
	return whole;
}

/* Without memory nothing is good, the same, or private. */
static bool judge_urls(void)
{
	bool good = seed_url_check(PRIVATE) == 0;
	errint_t refused;
	bool same, other, failed = seed_url_same_host(PRIVATE, PRIVATE, &same) != 0;
	bool private = seed_url_host_is_private(PRIVATE);

	assert_int_equal(same, !failed); /* and not: another host */
	assert_true(seed_url_same_host(PRIVATE, "http://h", &other) || !other);
	assert_false(other);
	refused = seed_url_check("http://user:pass@h/");
	assert_int_equal(refused, refused == -ENOMEM && has_failed ? -ENOMEM : -EINVAL);
	return good && same && private;
}

static bool fill_buf(void)
{
	struct seed_buf buf;
	errint_t first, second, third;

	seed_buf_init(&buf, 5000);
	first = seed_buf_addf(&buf, "%s", "one");
	second = seed_buf_addf(&buf, "%01000d", 2);
	third = seed_buf_add_base64(&buf, "Zm9v", 4);
	assert_int_equal(buf.len_bytes, (first ? 0 : 3) + (second ? 0 : 1000) + (third ? 0 : 3));
	assert_int_equal(strlen(buf.data), buf.len_bytes);
	seed_buf_release(&buf);
	return !first && !second && !third;
}

/* ---- pictures of each decoder ----
 * But lossless WebP: libwebp 1.2.4 itself crashes there. */

enum { WIDE = 64, HIGH = 36 };

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

/* The picture is stored, or there was no memory: it is never to blame. */
static bool make_image(int fd)
{
	const struct seed_image_job job = {.width = WIDE, .height = HIGH, .max_upscale = 2};
	struct seed_image_result result;
	int dest = memfd_create("dest", MFD_CLOEXEC);

	seed_image_make(&job, fd, dest, &result);
	close(dest);
	ERR_clear_error();
	if (result.error.code && result.error.code != ENOMEM && result.error.code != EIO)
		fail_msg("%s", result.error.message);
	return !result.error.code;
}

static bool make_thumbnail(int fd)
{
	const struct seed_image_job job = {.thumbnail = true};
	struct seed_image_result result;
	int dest = memfd_create("dest", MFD_CLOEXEC);

	seed_image_make(&job, fd, dest, &result);
	close(dest);
	if (result.error.code && result.error.code != ENOMEM)
		fail_msg("%s", result.error.message);
	return !result.error.code;
}

static int png_fd, grey_fd, jpeg_fd, webp_fd;

static bool make_png(void) { return make_image(png_fd); }
static bool make_thumb(void) { return make_thumbnail(png_fd); }
static bool make_grey(void) { return make_image(grey_fd); }
static bool make_jpeg(void) { return make_image(jpeg_fd); }
static bool make_webp(void) { return make_image(webp_fd); }

static int jpeg_of(const struct seed_pixels *pixels)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long len = 0;
	int fd;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &data, &len);
	jpeg.image_width = WIDE;
	jpeg.image_height = HIGH;
	jpeg.input_components = 3;
	jpeg.in_color_space = JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg_simple_progression(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	for (uint32_t y = 0; y < HIGH; y++) {
		JSAMPROW row = seed_pixels_row(pixels, y);

		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	fd = file_of(data, len);
	free(data);
	return fd;
}

static void make_sources(void)
{
	const struct png_kind grey = {.width = WIDE, .height = HIGH, .depth = 8, .colour = 4};
	uint8_t *data;
	struct seed_pixels pixels;
	struct seed_buf png;
	size_t len;

	ERR_raise(ERR_LIB_USER, 1); /* OpenSSL keeps a list of its errors */
	make_pixels(&pixels, WIDE, HIGH);
	assert_int_equal(encode_png(&pixels, NULL, 0, &png), 0);
	png_fd = file_of(png.data, png.len_bytes);
	seed_buf_release(&png);
	seed_buf_init(&png, MADE_MAX_BYTES);
	add_head(&png, &grey);
	add_pixels(&png, &grey);
	grey_fd = file_of(png.data, png.len_bytes);
	seed_buf_release(&png);
	jpeg_fd = jpeg_of(&pixels);
	len = WebPEncodeRGB(pixels.data, WIDE, HIGH, WIDE * 3, 80, &data);
	webp_fd = file_of(data, len);
	WebPFree(data);
	seed_pixels_release(&pixels);
}

/* A task was accepted and is paid for: what was not read is a lack of memory, and
 * never the service's failure, after which the text would be submitted again. */
static bool read_answer(enum seed_stage stage, const char *body)
{
	const struct seed_provider *provider = seed_provider_find("kie");
	const struct seed_provider_config config = { .api_base = provider->default_base };
	const struct seed_response response = { .status = 200, .body = body, .len = strlen(body) };
	struct seed_params params;
	struct seed_task task = { .stage = stage };
	struct seed_step step;
	bool whole;

	seed_params_init(&params);
	seed_provider_answer(provider, &config, &params, &task, &response, &step);
	whole = step.kind != SEED_STEP_FAIL;
	if (!whole && step.error.code != ENOMEM)
		fail_msg("%s (%d)", step.error.message, step.error.code);
	seed_step_release(&step);
	seed_task_release(&task);
	seed_params_release(&params);
	return whole;
}

static bool read_accepted(void)
{
	return read_answer(SEED_STAGE_SUBMIT, "{\"code\":200,\"data\":{\"taskId\":\"t1\"}}");
}

static bool read_result(void)
{
	return read_answer(SEED_STAGE_POLL, "{\"code\":200,\"data\":{\"state\":\"success\",\"resultJson\":"
			   "\"{\\\"resultUrls\\\":[\\\"https://a.example/1.png\\\"]}\"}}");
}

static const struct {
	const char *name;
	bool (*run)(void);
	int least; /* allocations that it is known to make */
} subjects[] = {
	{"parse_params", parse_params, 15}, {"parse_plain", parse_plain, 1},
	{"copy_params", copy_params, 5},    {"full_prompt", full_prompt, 1},
	{"parse_record", parse_record, 20}, {"copy_record", copy_record, 50},
	{"open_log", open_log, 1},	    {"load_key", load_key, 1},
	{"look_at_urls", look_at_urls, 10}, {"judge_urls", judge_urls, 10},
	{"fill_buf", fill_buf, 2},	    {"make_png", make_png, 5},
	{"make_grey", make_grey, 8},	    {"make_jpeg", make_jpeg, 8},
	{"read_accepted", read_accepted, 8}, {"read_result", read_result, 10},
	{"make_webp", make_webp, 5},	    {"make_thumb", make_thumb, 5},
};

/* It may still succeed: asprintf does without its last one. */
static bool run_without(bool (*run)(void), int count, long *lost)
{
	long before = live;
	bool whole;

	countdown = count;
	has_failed = false;
	whole = run();
	countdown = -1;
	*lost = live - before;
	return whole;
}

static void starve(bool (*run)(void), const char *name, int least)
{
	int count;

	assert_true(run()); /* what libraries allocate once */
	for (count = 0; count < 10000; count++) {
		long lost;
		bool whole = run_without(run, count, &lost);

		/* Nor is what they keep of their first failure. */
		if (lost)
			whole = run_without(run, count, &lost);
		if (lost)
			fail_msg("%s lost %ld at %d", name, lost, count);
		if (!has_failed) {
			assert_true(whole);
			break;
		}
	}
	if (count < least)
		fail_msg("%s allocates %d", name, count);
}

static void test_every_allocation_fails(void **state)
{
	SEED_UNUSED(state);
#ifdef SANITIZED
	skip();
#endif
	make_sources();
	for (size_t i = 0; i < SEED_ARRAY_LEN(subjects); i++)
		starve(subjects[i].run, subjects[i].name, subjects[i].least);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation_fails),
	};
	char directory[] = "/tmp/seed-no-memory-XXXXXX";
	int failed;

	if (!mkdtemp(directory))
		return 1;
	dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlinkat(dirfd, "status", 0);
	(void)rmdir(directory);
	return failed;
}
