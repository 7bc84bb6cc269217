/*
 * Keys of objects: names of the catalogue, and sums of images, as keys that any S3
 * store and any version of curl signs alike. A key has only A-Z a-z 0-9 - . _ and /;
 * so nothing in it is ever percent-encoded, which the stores and curl's versions do
 * differently (curl 7.88 and 8.14 sign what they are given).
 *
 * Pure functions, any thread.
 */
#ifndef SEED_S3_KEY_H
#define SEED_S3_KEY_H

#include "lib/base/base.h"
#include "lib/base/buf.h"

/* The most that a store takes is 1,024 bytes (Amazon S3, "Naming objects"), the bucket's prefix
 * among them. */
#define SEED_S3_KEY_MAX_BYTES 1024

/* NAME (any path of the catalogue, UTF-8) as a part of a key: letters, digits, '-' and
 * '/' stand for themselves, every other byte is _xx in hexadecimal, and so is a '.'
 * that begins a part ("." and ".." would be resolved). Sorted bytewise, the keys below
 * a folder follow each other. -EFBIG, -ENOMEM; `out` is then unchanged. */
errint_t seed_s3_key_add_name(struct seed_buf *out, const char *name) SEED_MUST_CHECK;

/* The other way, for `len` bytes of a key; `out` is NUL-terminated. -EBADMSG: no name
 * becomes such a key (so each name has one key). -ENAMETOOLONG: more than `size`. */
errint_t seed_s3_key_name(const char *key, size_t len, char *out, size_t size) SEED_MUST_CHECK;

/* Whether a prefix or a whole key has only those bytes, and no part that is empty, "."
 * or "..". */
bool seed_s3_key_is_plain(const char *key);

/* Whether a bucket can have that name (Amazon S3 user guide, "Bucket naming rules"; what only
 * older buckets have is not taken), and a region: a part of a host's name. */
#define SEED_S3_BUCKET_MAX_BYTES 63
#define SEED_S3_REGION_MAX_BYTES 63
bool seed_s3_is_bucket(const char *name);
bool seed_s3_is_region(const char *name);

#endif
