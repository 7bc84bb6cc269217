/*
 * What stores answer in XML: a page of a listing (ListObjectsV2), and errors. Read with
 * expat: a parser for documents that strangers wrote. A document type, and with it any
 * entity of its own, is refused.
 *
 * Pure functions, any thread. Source: Amazon S3 API reference, ListObjectsV2, Error
 * responses.
 */
#ifndef SEED_S3_LISTING_H
#define SEED_S3_LISTING_H

#include "lib/base/base.h"

/* Keys of one page, in the store's order (bytewise), and the folders (common prefixes,
 * with their '/') in theirs. */
struct seed_s3_listing {
	char **keys, **folders; /* owned */
	char **etags;           /* of the keys, without quotes; NULL: not told */
	int64_t *times_s;       /* when they were written, by the store's clock; 0: not told */
	size_t key_count, folder_count;
	bool more; /* there are more behind the last of these */
};

/* The most keys a page has. */
#define SEED_S3_PAGE_MAX 1000

/* -EBADMSG: not such a document, or more than a page holds. -ENOMEM. An error leaves an
 * empty listing. */
errint_t seed_s3_listing_parse(const char *text, size_t len, struct seed_s3_listing *listing)
	SEED_MUST_CHECK;
void seed_s3_listing_release(struct seed_s3_listing *listing);

/* What an error says: "" for what it does not. */
struct seed_s3_error {
	char code[64], message[240];
	char region[64]; /* the one that the store wants */
};
/* Whatever `text` is; what cannot be read is "". */
void seed_s3_error_parse(const char *text, size_t len, struct seed_s3_error *error);

#endif
