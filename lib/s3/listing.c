#include "lib/s3/listing.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/s3/key.h"

/* ---- a document as elements with text ---- */

enum {
	/* Deepest that is used: Error, Message; ListBucketResult, Contents, Key. */
	DEPTH_MAX = 8,
	ELEMENT_MAX_BYTES = 4096,
};

struct reader {
	XML_Parser parser;
	/* Called at each element's end: its name, that of the one around it, its text. */
	errint_t (*element)(struct reader *reader, const char *name, const char *around);
	void *result;
	char names[DEPTH_MAX][32];
	size_t depth;
	struct seed_buf text;
	errint_t err;
};

static void stop(struct reader *reader, errint_t err)
{
	if (!reader->err)
		reader->err = err;
	XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *reader = context;

	SEED_UNUSED(attributes);
	if (reader->depth == DEPTH_MAX || strlen(name) >= sizeof(reader->names[0])) {
		stop(reader, -EBADMSG);
		return;
	}
	memcpy(reader->names[reader->depth++], name, strlen(name) + 1);
	seed_buf_release(&reader->text);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
	struct reader *reader = context;
	errint_t err;

	if (reader->err)
		return;
	reader->depth--;
	err = reader->element(reader, name, reader->depth ? reader->names[reader->depth - 1] : "");
	seed_buf_release(&reader->text);
	if (err)
		stop(reader, err);
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
	struct reader *reader = context;
	errint_t err = seed_buf_add(&reader->text, text, (size_t)len);

	if (err)
		stop(reader, err == -EFBIG ? -EBADMSG : err);
}

/* No store sends one. What it could declare is the known way to make a parser work. */
static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *address,
			       const XML_Char *public, int has_subset)
{
	SEED_UNUSED(name);
	SEED_UNUSED(address);
	SEED_UNUSED(public);
	SEED_UNUSED(has_subset);
	stop(context, -EBADMSG);
}

static errint_t read_document(struct reader *reader, const char *text, size_t len)
{
	if (len > INT_MAX)
		return -EBADMSG;
	reader->parser = XML_ParserCreate(NULL);
	if (!reader->parser)
		return -ENOMEM;
	seed_buf_init(&reader->text, ELEMENT_MAX_BYTES);
	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
	if (XML_Parse(reader->parser, text, (int)len, 1) != XML_STATUS_OK && !reader->err)
		reader->err = XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY ?
			-ENOMEM : -EBADMSG;
	seed_buf_release(&reader->text);
	XML_ParserFree(reader->parser);
	return reader->err;
}

/* ---- a listing ---- */

/* One more of a list that a page's size bounds. */
static errint_t add(char ***list, size_t *count, const struct seed_buf *text)
{
	char *copy;

	if (*count == SEED_S3_PAGE_MAX || strlen(text->data) != text->len_bytes)
		return -EBADMSG;
	if (!*list)
		*list = calloc(SEED_S3_PAGE_MAX, sizeof(**list));
	copy = *list ? strdup(text->data) : NULL;
	if (!copy)
		return -ENOMEM;
	(*list)[(*count)++] = copy;
	return 0;
}

/* Of the key before it; without its quotes. */
static errint_t add_etag(struct seed_s3_listing *listing, const struct seed_buf *text)
{
	size_t len = text->len_bytes, quoted = len >= 2 && text->data[0] == '"' && text->data[len - 1] == '"';
	char *copy;

	if (!listing->key_count)
		return 0;
	copy = strndup(text->data + quoted, len - 2 * quoted);
	if (!copy)
		return -ENOMEM;
	free(listing->etags[listing->key_count - 1]);
	listing->etags[listing->key_count - 1] = copy;
	return 0;
}

/* Of the key before it: "2011-02-26T01:56:20.000Z". What is none says nothing. */
static void add_time(struct seed_s3_listing *listing, const struct seed_buf *text)
{
	struct tm tm = { .tm_isdst = 0 };

	if (listing->key_count && strptime(text->data, "%Y-%m-%dT%H:%M:%S", &tm))
		listing->times_s[listing->key_count - 1] = timegm(&tm);
}

static errint_t add_key(struct seed_s3_listing *listing, const struct seed_buf *text)
{
	if (!listing->etags)
		listing->etags = calloc(SEED_S3_PAGE_MAX, sizeof(*listing->etags));
	if (!listing->times_s)
		listing->times_s = calloc(SEED_S3_PAGE_MAX, sizeof(*listing->times_s));
	return listing->etags && listing->times_s ? add(&listing->keys, &listing->key_count, text) : -ENOMEM;
}

static errint_t listed(struct reader *reader, const char *name, const char *around)
{
	struct seed_s3_listing *listing = reader->result;

	if (!around[0])
		return strcmp(name, "ListBucketResult") == 0 ? 0 : -EBADMSG;
	if (strcmp(around, "Contents") == 0 && strcmp(name, "Key") == 0)
		return add_key(listing, &reader->text);
	if (strcmp(around, "Contents") == 0 && strcmp(name, "ETag") == 0)
		return add_etag(listing, &reader->text);
	if (strcmp(around, "Contents") == 0 && strcmp(name, "LastModified") == 0)
		add_time(listing, &reader->text);
	if (strcmp(around, "CommonPrefixes") == 0 && strcmp(name, "Prefix") == 0)
		return add(&listing->folders, &listing->folder_count, &reader->text);
	if (strcmp(around, "ListBucketResult") == 0 && strcmp(name, "IsTruncated") == 0)
		listing->more = strcmp(reader->text.data, "true") == 0;
	return 0;
}

errint_t seed_s3_listing_parse(const char *text, size_t len, struct seed_s3_listing *listing)
{
	struct reader reader = { .element = listed, .result = listing };
	errint_t err;

	*listing = (struct seed_s3_listing){ .more = false };
	err = read_document(&reader, text, len);
	/* A page that goes on behind nothing would be asked for without end. */
	if (!err && listing->more && !listing->key_count && !listing->folder_count)
		err = -EBADMSG;
	if (err)
		seed_s3_listing_release(listing);
	return err;
}

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

void seed_s3_listing_release(struct seed_s3_listing *listing)
{
	free(listing->times_s);
	free_list(listing->etags, listing->etags ? listing->key_count : 0);
	free_list(listing->keys, listing->key_count);
	free_list(listing->folders, listing->folder_count);
	*listing = (struct seed_s3_listing){ .more = false };
}

/* ---- an error ---- */

static void take(char *to, size_t size, struct seed_buf *text)
{
	size_t len = seed_text_whole(text->data, text->len_bytes < size ? text->len_bytes : size - 1);

	memcpy(to, text->data, len);
	to[len] = '\0';
	seed_text_one_line(to, len);
}

static errint_t errors(struct reader *reader, const char *name, const char *around)
{
	struct seed_s3_error *error = reader->result;

	if (strcmp(around, "Error") != 0)
		return 0;
	if (strcmp(name, "Code") == 0)
		take(error->code, sizeof(error->code), &reader->text);
	else if (strcmp(name, "Message") == 0)
		take(error->message, sizeof(error->message), &reader->text);
	else if (strcmp(name, "Region") == 0)
		take(error->region, sizeof(error->region), &reader->text);
	return 0;
}

void seed_s3_error_parse(const char *text, size_t len, struct seed_s3_error *error)
{
	struct reader reader = { .element = errors, .result = error };

	*error = (struct seed_s3_error){ .code = "" };
	/* What was read before the fault is still the best that can be said. */
	SEED_UNUSED(read_document(&reader, text, len));
}
