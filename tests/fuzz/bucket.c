/* Fuzz target: any bytes as what a store answers (a listing, an error), and as a key. */
#include "tests/fuzz/fuzz.h"

#include "lib/s3/key.h"
#include "lib/s3/listing.h"

static void listing(const char *text, size_t len)
{
	struct seed_s3_listing read;

	if (seed_s3_listing_parse(text, len, &read)) {
		CHECK(!read.keys && !read.folders && !read.key_count && !read.folder_count);
		return;
	}
	CHECK(read.key_count <= SEED_S3_PAGE_MAX && read.folder_count <= SEED_S3_PAGE_MAX);
	CHECK(!read.more || read.key_count || read.folder_count);
	for (size_t i = 0; i < read.key_count; i++)
		CHECK(strlen(read.keys[i]) <= len);
	seed_s3_listing_release(&read);
}

static void error(const char *text, size_t len)
{
	struct seed_s3_error said;

	seed_s3_error_parse(text, len, &said);
	CHECK(!strpbrk(said.code, "\r\n") && !strpbrk(said.message, "\r\n"));
}

/* A name has one key, and a key at most one name. */
static void key(const char *text)
{
	char name[4096];
	struct seed_buf buf;

	seed_buf_init(&buf, SEED_S3_KEY_MAX_BYTES);
	if (!seed_s3_key_name(text, strlen(text), name, sizeof(name)) && strlen(text) <= SEED_S3_KEY_MAX_BYTES) {
		CHECK(!seed_s3_key_add_name(&buf, name));
		CHECK(strcmp(buf.data, text) == 0);
	}
	seed_buf_release(&buf);
	if (!seed_s3_key_add_name(&buf, text)) {
		CHECK(!seed_s3_key_name(buf.data, buf.len_bytes, name, sizeof(name)));
		CHECK(strcmp(name, text) == 0);
	}
	seed_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = text_of(data, len);

	listing((const char *)data, len);
	error((const char *)data, len);
	key(text);
	free(text);
	return 0;
}
