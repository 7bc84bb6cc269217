#include "tests/unit/unit.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/s3/listing.h"

/* The sample of the API reference, ListObjectsV2, with folders. */
static const char page[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
	"  <Name>example-bucket</Name>\n  <Prefix></Prefix>\n  <KeyCount>3</KeyCount>\n"
	"  <MaxKeys>1000</MaxKeys>\n  <Delimiter>/</Delimiter>\n  <IsTruncated>true</IsTruncated>\n"
	"  <Contents>\n    <Key>sample.jpg</Key>\n    <LastModified>2011-02-26T01:56:20.000Z</LastModified>\n"
	"    <ETag>&quot;bf1d737a4d46a19f3bced6905cc8b902&quot;</ETag>\n    <Size>142863</Size>\n"
	"    <Owner><ID>75aa</ID></Owner>\n    <StorageClass>STANDARD</StorageClass>\n  </Contents>\n"
	"  <Contents><Key>a&amp;b&#x3c;</Key></Contents>\n"
	"  <CommonPrefixes>\n    <Prefix>photos/</Prefix>\n  </CommonPrefixes>\n"
	"</ListBucketResult>";

static void test_page(void **state)
{
	struct seed_s3_listing listing;

	(void)state;
	assert_int_equal(seed_s3_listing_parse(page, strlen(page), &listing), 0);
	assert_int_equal(listing.key_count, 2);
	assert_string_equal(listing.keys[0], "sample.jpg");
	assert_string_equal(listing.etags[0], "bf1d737a4d46a19f3bced6905cc8b902");
	assert_int_equal(listing.times_s[0], 1298685380);
	assert_int_equal(listing.times_s[1], 0);
	assert_string_equal(listing.keys[1], "a&b<");
	assert_int_equal(listing.folder_count, 1);
	assert_string_equal(listing.folders[0], "photos/");
	assert_true(listing.more);
	seed_s3_listing_release(&listing);
}

static void test_empty(void **state)
{
	static const char none[] = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
	struct seed_s3_listing listing;

	(void)state;
	assert_int_equal(seed_s3_listing_parse(none, strlen(none), &listing), 0);
	assert_int_equal(listing.key_count + listing.folder_count, 0);
	assert_false(listing.more);
}

/* Cut anywhere, it is no listing, and nothing of it is left. */
static void test_cut(void **state)
{
	struct seed_s3_listing listing;

	(void)state;
	for (size_t len = 0; len < strlen(page); len++) {
		assert_int_equal(seed_s3_listing_parse(page, len, &listing), -EBADMSG);
		assert_null(listing.keys);
		assert_null(listing.folders);
	}
}

static void refuse(const char *text, size_t len)
{
	struct seed_s3_listing listing;

	if (seed_s3_listing_parse(text, len, &listing) != -EBADMSG)
		fail_msg("taken: %.200s", text);
	assert_null(listing.keys);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"", "no XML", "{\"Key\": 1}", "<Error><Code>x</Code></Error>",
		/* Entities that a document declares for itself. */
		"<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult/>",
		"<!DOCTYPE ListBucketResult SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
		"<ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>",
		/* More, behind nothing: it would be asked for without end. */
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a>",
		"<ListBucketResult><Contents><Key>\xff</Key></Contents></ListBucketResult>",
		"<ListBucketResult></ListBucketResult><ListBucketResult/>",
	};

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(texts); i++)
		refuse(texts[i], strlen(texts[i]));
	refuse("<ListBucketResult>\0</ListBucketResult>", 38);
}

static void test_too_many(void **state)
{
	struct seed_s3_listing listing;
	struct seed_buf text;

	(void)state;
	seed_buf_init(&text, 1024 * 1024);
	assert_int_equal(seed_buf_addf(&text, "<ListBucketResult>"), 0);
	for (int i = 0; i < SEED_S3_PAGE_MAX; i++)
		assert_int_equal(seed_buf_addf(&text, "<Contents><Key>k%d</Key></Contents>", i), 0);
	assert_int_equal(seed_buf_addf(&text, "</ListBucketResult>"), 0);
	assert_int_equal(seed_s3_listing_parse(text.data, text.len_bytes, &listing), 0);
	assert_int_equal(listing.key_count, SEED_S3_PAGE_MAX);
	assert_string_equal(listing.keys[SEED_S3_PAGE_MAX - 1], "k999");
	seed_s3_listing_release(&listing);
	text.len_bytes -= strlen("</ListBucketResult>");
	assert_int_equal(seed_buf_addf(&text, "<Contents><Key>k</Key></Contents></ListBucketResult>"), 0);
	refuse(text.data, text.len_bytes);
	seed_buf_release(&text);
}

/* A key of a length that no store has. */
static void test_too_long(void **state)
{
	struct seed_buf text;

	(void)state;
	seed_buf_init(&text, 1024 * 1024);
	assert_int_equal(seed_buf_addf(&text, "<ListBucketResult><Contents><Key>%*s</Key></Contents>"
				       "</ListBucketResult>", 90000, "k"), 0);
	refuse(text.data, text.len_bytes);
	seed_buf_release(&text);
}

static void test_errors(void **state)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code>"
		"<Message>The bucket is\nelsewhere</Message><Region>eu-west-1</Region><HostId>x</HostId></Error>";
	struct seed_s3_error error;

	(void)state;
	seed_s3_error_parse(text, strlen(text), &error);
	assert_string_equal(error.code, "PermanentRedirect");
	assert_string_equal(error.message, "The bucket is elsewhere");
	assert_string_equal(error.region, "eu-west-1");
	/* What is there before the fault. */
	seed_s3_error_parse("<Error><Code>SlowDown</Code><Mess", 33, &error);
	assert_string_equal(error.code, "SlowDown");
	assert_string_equal(error.message, "");
	seed_s3_error_parse("<html>Bad gateway</html>", 24, &error);
	assert_string_equal(error.code, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
